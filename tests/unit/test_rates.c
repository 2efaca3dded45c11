/* test_rates.c - is a call that comes too soon refused, with the time to come back, and is who goes on regardless sent away? */
#include "peers.h"

#include "../../src/session/session.h"
#include "../../src/wire/bigend.h"

static const uint64_t SECOND = UINT64_C(1000000000);

#define ADD "94 00 a3 61 64 64 92 01 02 80 0a " /* 11 bytes: [0, "add", [1, 2], {}] */
#define ADD_BATCH "93 f4 92 94 00 a3 61 64 64 92 01 02 80 94 00 a3 61 64 64 92 01 02 80 80 0a "
#define PING "92 f7 01 0a "
#define PONG "92 f6 01 0a "
#define LANE_2 "92 fc 02 0a "
#define CANCEL "91 fa 0a "

static void begin(struct peers *p, const char *quota, double value)
{
    peers_init(p, pyn_mem_default());
    assert_int_equal(pyn_quotas_set(&p->quotas, pyn_view_of("burst_seconds"), 1), PYN_OK);
    assert_int_equal(pyn_quotas_set(&p->quotas, pyn_view_of(quota), value), PYN_OK);
    p->now = SECOND;
    peers_meet_raw(p);
    p->now = 100 * SECOND; /* whatever the hello has cost is back */
}

static pyn_status put(struct peers *p, const char *hex)
{
    assert_int_equal(peers_put(p, p->server, support_bytes(hex)), PYN_OK);
    return PYN_OK;
}

/* Is it admitted? It is answered then. */
static bool is_served(struct peers *p, const char *hex)
{
    struct pyn_event event;

    (void)put(p, hex);
    if (peers_next(p, p->server, &event) != PYN_OK) {
        return false;
    }
    assert_int_equal(event.kind, PYN_EV_CALL);
    assert_int_equal(peers_return(p->server, event.call, "03"), PYN_OK);
    pyn_session_written(p->server, pyn_session_output(p->server).len);
    return true;
}

/* The refusal that stands in the output: its text, and the seconds that it names. */
static double retry_after(struct peers *p, const char *text)
{
    struct pyn_view out = pyn_session_output(p->server);
    struct pyn_message message;
    struct pyn_details details;
    struct pyn_reader rd;
    uint64_t bits = 0;
    double seconds = 0;

    assert_true(out.len > 1);
    assert_int_equal(pyn_message_parse((struct pyn_view){out.data, out.len - 1}, &message), PYN_OK);
    assert_int_equal(message.kind, PYN_M_ERROR);
    assert_true(pyn_view_is_equal(message.name, pyn_view_of("QuotaExceeded")));
    assert_true(pyn_view_is_equal(message.text, pyn_view_of(text)));
    rd = pyn_reader_of(message.body);
    assert_int_equal(pyn_details_read(&rd, NULL, &details), PYN_OK);
    assert_int_equal(details.fields.count, 1);
    bits = pyn_be_u64(details.fields.rest.data + details.fields.rest.len - 8);
    memcpy(&seconds, &bits, sizeof seconds);
    pyn_session_written(p->server, out.len);
    return seconds;
}

static void calls_pass_up_to_the_rate_and_one_more_is_told_when_to_come_back(void **state)
{
    for (int over = -1; over <= 1; over++) {
        struct peers p;
        begin(&p, "calls_per_second", 10);
        for (int i = 0; i < 10 + (over < 0 ? -1 : 0); i++) {
            assert_true(is_served(&p, ADD));
        }
        if (over > 0) {
            assert_false(is_served(&p, ADD));
            double wait = retry_after(&p, "calls_per_second: 10");
            assert_true(wait > 0.0999 && wait < 0.1001);
            p.now += SECOND / 10 - 1000;
            assert_false(is_served(&p, ADD));
            (void)retry_after(&p, "calls_per_second: 10");
            p.now += 2000;
            assert_true(is_served(&p, ADD)); /* what was refused has taken nothing */
            assert_false(is_served(&p, ADD));
        }
        assert_int_equal(pyn_session_state(p.server), PYN_OK);
        peers_fini(&p);
    }
}

static void bytes_count_as_they_come(void **state)
{
    struct peers p;

    begin(&p, "bytes_per_second", 33);
    assert_true(is_served(&p, ADD));
    assert_true(is_served(&p, ADD));
    assert_true(is_served(&p, ADD)); /* 33 */
    assert_false(is_served(&p, ADD));
    double wait = retry_after(&p, "bytes_per_second: 33");
    assert_true(wait > 0.66 && wait < 0.67); /* what was refused has come all the same: 11 are owed, and 11 to come */
    p.now += SECOND / 3;
    assert_false(is_served(&p, ADD));
    (void)retry_after(&p, "bytes_per_second: 33");
    p.now += 2 * SECOND;
    assert_true(is_served(&p, ADD));
    peers_fini(&p);
}

static void what_an_operation_costs_is_what_it_takes(void **state)
{
    struct peers p;
    struct pyn_event event;
    uint32_t costs[64];
    const struct pyn_op *add = NULL;

    peers_init(&p, pyn_mem_default());
    assert_true(pyn_policy_op_count(p.policy) <= 64);
    for (size_t i = 0; i < 64; i++) {
        costs[i] = 1;
    }
    add = pyn_iface_op(p.root, PYN_OP_METHOD, pyn_view_of("add"));
    costs[add->slot] = 4;
    p.quotas.burst_seconds = 1;
    assert_int_equal(pyn_quotas_set(&p.quotas, pyn_view_of("cost_per_second"), 10), PYN_OK);
    struct pyn_session_config config = {
        .mem = p.mem, .role = PYN_ROLE_SERVER, .quotas = &p.quotas, .costs = costs, .now = p.now};
    assert_int_equal(pyn_session_new(&config, &p.server), PYN_OK);
    (void)put(&p, "95 f8 a5 70 79 6e 74 6f 01 c0 80 0a");
    assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
    assert_int_equal(pyn_session_welcome(p.server, &p.objects[0], p.root), PYN_OK);
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    assert_true(is_served(&p, ADD));
    assert_true(is_served(&p, ADD));
    assert_false(is_served(&p, ADD)); /* 2 are left */
    assert_true(retry_after(&p, "cost_per_second: 10") > 0.199);
    assert_true(is_served(&p, "94 00 a4 62 6c 6f 62 91 c4 00 80 0a")); /* blob costs 1 */
    assert_true(is_served(&p, "94 00 a4 62 6c 6f 62 91 c4 00 80 0a"));
    assert_false(is_served(&p, "94 00 a4 62 6c 6f 62 91 c4 00 80 0a"));
    (void)retry_after(&p, "cost_per_second: 10");
    p.now += SECOND; /* what costs more than there ever is: when all of it is there */
    costs[add->slot] = 1000;
    assert_true(is_served(&p, ADD));
    p.now += 90 * SECOND;
    assert_false(is_served(&p, ADD));
    peers_fini(&p);
}

static void each_step_of_a_batch_counts(void **state)
{
    struct peers p;
    struct pyn_event event;

    begin(&p, "calls_per_second", 3);
    (void)put(&p, ADD_BATCH ADD_BATCH);
    for (int i = 0; i < 3; i++) { /* the answer to one brings the next */
        assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
    }
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EWAIT);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 1);
    peers_fini(&p);
}

static void who_goes_on_regardless_is_sent_away(void **state)
{
    struct peers p;
    struct pyn_event event;

    begin(&p, "calls_per_second", 1);
    p.quotas.refusals_burst = 3;
    p.quotas.refusals_per_second = 0;
    assert_true(is_served(&p, ADD));
    for (int i = 0; i < 3; i++) {
        assert_false(is_served(&p, ADD));
        assert_int_equal(pyn_session_state(p.server), PYN_OK);
    }
    (void)put(&p, ADD);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EFLOOD);
    peers_fini(&p);
}

static void a_one_way_call_that_comes_too_soon_is_passed_over_and_counted(void **state)
{
    struct peers p;
    struct pyn_event event;
    const char *tell = "96 f5 00 a3 61 64 64 92 01 02 80 81 a6 6f 6e 65 77 61 79 c3 0a";

    begin(&p, "calls_per_second", 1);
    p.quotas.refusals_burst = 2;
    p.quotas.refusals_per_second = 0;
    (void)put(&p, tell);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
    assert_int_equal(peers_return(p.server, event.call, "c0"), PYN_OK);
    (void)put(&p, tell);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EWAIT);
    (void)put(&p, tell);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EWAIT);
    assert_int_equal(pyn_session_output(p.server).len, 0);
    (void)put(&p, tell);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EFLOOD);
    peers_fini(&p);
}

/* ---- odd messages ---- */

static void odd_messages_pass_up_to_their_rate_and_one_more_ends_it(void **state)
{
    static const struct {
        const char *hex;
        const char *why;
        int free; /* those of it that are none */
    } odd[] = {
        {PING, "a ping", 0},
        {PONG, "a pong that nobody has asked for", 0},
        {LANE_2, "a lane behind a lane", 1},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(odd); i++) {
        struct peers p;
        struct pyn_event event;
        begin(&p, "oddities_per_second", 5);
        for (int n = 0; n < 5 + odd[i].free; n++) {
            (void)put(&p, odd[i].hex);
            (void)peers_next(&p, p.server, &event);
            if (pyn_session_state(p.server) != PYN_OK) {
                fail_msg("%s: ended after %d", odd[i].why, n);
            }
        }
        (void)put(&p, odd[i].hex);
        assert_int_equal(peers_next(&p, p.server, &event), PYN_EFLOOD);
        peers_fini(&p);
    }
}

static void odd_messages_are_forgiven_with_time(void **state)
{
    struct peers p;

    begin(&p, "oddities_per_second", 5);
    for (int n = 0; n < 50; n++) {
        struct pyn_event event;
        (void)put(&p, PING);
        assert_int_equal(peers_next(&p, p.server, &event), PYN_EWAIT);
        p.now += SECOND / 5;
    }
    peers_fini(&p);
}

static void cancels_of_what_was_cancelled_are_odd(void **state)
{
    struct peers p;
    struct pyn_event event;
    struct pyn_call *call = NULL;

    begin(&p, "oddities_per_second", 3);
    (void)put(&p, ADD CANCEL);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_CANCEL);
    (void)put(&p, CANCEL CANCEL CANCEL);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EWAIT);
    (void)put(&p, CANCEL);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EFLOOD);
    pyn_session_call_free(p.server, call);
    peers_fini(&p);
}

static void a_lane_ahead_of_each_call_is_not_odd_nor_is_a_pong_that_was_asked_for(void **state)
{
    struct peers p;
    struct pyn_event event;

    begin(&p, "oddities_per_second", 1);
    for (int n = 0; n < 20; n++) {
        assert_true(is_served(&p, LANE_2 ADD));
        assert_int_equal(pyn_session_ping(p.server, 1), PYN_OK);
        (void)put(&p, PONG);
        assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
        assert_int_equal(event.kind, PYN_EV_PONG);
    }
    peers_fini(&p);
}

/* ---- what is on its way ---- */

static void a_message_on_its_way_is_known_from_its_first_look_until_its_end(void **state)
{
    struct peers p;
    struct pyn_event event;
    size_t come = 0;

    begin(&p, "calls_per_second", 100);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 0);
    (void)put(&p, "94 00 a3 61");
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EWAIT);
    p.now += SECOND;
    (void)put(&p, "64 64");
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EWAIT);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), p.now - SECOND);
    assert_int_equal(come, 6);
    assert_true(is_served(&p, "92 01 02 80 0a"));
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 0);
    p.now += SECOND;
    (void)put(&p, "94");
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EWAIT);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), p.now);
    peers_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_pass_up_to_the_rate_and_one_more_is_told_when_to_come_back),
        cmocka_unit_test(bytes_count_as_they_come),
        cmocka_unit_test(what_an_operation_costs_is_what_it_takes),
        cmocka_unit_test(each_step_of_a_batch_counts),
        cmocka_unit_test(who_goes_on_regardless_is_sent_away),
        cmocka_unit_test(a_one_way_call_that_comes_too_soon_is_passed_over_and_counted),
        cmocka_unit_test(odd_messages_pass_up_to_their_rate_and_one_more_ends_it),
        cmocka_unit_test(odd_messages_are_forgiven_with_time),
        cmocka_unit_test(cancels_of_what_was_cancelled_are_odd),
        cmocka_unit_test(a_lane_ahead_of_each_call_is_not_odd_nor_is_a_pong_that_was_asked_for),
        cmocka_unit_test(a_message_on_its_way_is_known_from_its_first_look_until_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
