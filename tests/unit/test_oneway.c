/* test_oneway.c - calls that are not answered, and descriptions that are asked for. */
#include "peers.h"

#include "../../src/session/session_state.h"

#define ONEWAY "81 a6 6f 6e 65 77 61 79 c3 0a "             /* {"oneway": true} */
#define TELL_OK "96 f5 00 a3 61 64 64 92 01 02 80 " ONEWAY  /* add(1, 2) */
#define TELL_BAD "96 f5 00 a3 73 75 62 92 01 02 80 " ONEWAY /* sub(1, 2): there is none */
#define TELL_ARGS "96 f5 00 a3 61 64 64 91 01 80 " ONEWAY   /* add(1) */
#define TELL_MINE "96 f5 00 a3 73 75 62 91 c7 0c 10 00 00 00 00 00 00 00 07 00 00 00 00 80 " ONEWAY
#define CALL_OK "94 00 a3 61 64 64 92 01 02 80 0a "
#define RETURN_3 "92 ff 03 0a "
#define FREE_7 "93 fd 07 01 0a "
#define CANCEL "91 fa 0a "
#define LOOK_CHILD "93 f1 02 a7 6d 3a 43 68 69 6c 64 0a "         /* interface 2 is m:Root; a result of it is m:Child */
#define LOOK_WATCHER "93 f1 02 a9 6d 3a 57 61 74 63 68 65 72 0a " /* what it takes is none of its results */
#define LOOK_NOBODY "93 f1 02 a3 6d 3a 58 0a "
#define LOOK_FROM_CHILD "93 f1 01 a6 6d 3a 52 6f 6f 74 0a " /* interface 1, m:Child, has no such result */

static struct pyn_view nothing = {NULL, 0};

static void begin(struct peers *p)
{
    peers_init(p, pyn_mem_default());
    peers_meet_raw(p);
}

static void put(struct peers *p, const char *hex)
{
    assert_int_equal(peers_put(p, p->server, support_bytes(hex)), PYN_OK);
}

static void expect_output(struct peers *p, const char *hex)
{
    struct pyn_view out = pyn_session_output(p->server);

    assert_true(support_is_hex(out, hex));
    pyn_session_written(p->server, out.len);
}

static void expect_closed(struct peers *p, pyn_status why)
{
    struct pyn_event event;

    assert_int_equal(peers_next(p, p->server, &event), why);
    assert_int_equal(pyn_session_state(p->server), why);
}

/* ---- one-way calls ---- */

static void a_oneway_call_is_admitted_charged_and_not_answered(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 3; piece++) {
        struct peers p;
        struct pyn_call *call = NULL;
        peers_init(&p, pyn_mem_default());
        p.piece = piece;
        peers_meet_raw(&p);
        put(&p, TELL_OK);
        call = peers_expect_call(&p, p.server);
        assert_true(call->is_oneway);
        assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 1);
        assert_true(peers_used(p.server, PYN_Q_QUEUED) > 0);
        assert_int_equal(pyn_session_ledger(p.server)->called, 1);
        assert_int_equal(peers_return(p.server, call, "c0"), PYN_OK);
        expect_output(&p, "");
        assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
        assert_int_equal(peers_used(p.server, PYN_Q_QUEUED), 0);
        peers_fini(&p);
    }
}

static void an_error_of_a_oneway_call_is_not_sent(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;

    (void)state;
    begin(&p);
    put(&p, TELL_OK);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(pyn_session_send_error(p.server, call->lane, pyn_view_of("E"), nothing, nothing, nothing), PYN_OK);
    pyn_session_call_free(p.server, call);
    expect_output(&p, "");
    assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
    peers_fini(&p);
}

static void calls_of_a_lane_keep_their_order_with_oneway_ones_among_them(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;

    (void)state;
    begin(&p);
    put(&p, CALL_OK TELL_OK TELL_BAD CALL_OK);
    call = peers_expect_call(&p, p.server);
    assert_false(call->is_oneway);
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    call = peers_expect_call(&p, p.server);
    assert_true(call->is_oneway);
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    call = peers_expect_call(&p, p.server);
    assert_false(call->is_oneway);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(&p, RETURN_3 RETURN_3);
    peers_fini(&p);
}

static void refused_ones_are_counted_and_give_back_what_they_brought(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, TELL_BAD TELL_ARGS TELL_MINE);
    peers_expect_none(&p, p.server);
    expect_output(&p, FREE_7);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 3);
    assert_int_equal(pyn_session_ledger(p.server)->called, 0);
    assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
    assert_int_equal(peers_used(p.server, PYN_Q_QUEUED), 0);
    peers_fini(&p);
}

static void a_flood_of_refused_ones_closes(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    for (uint64_t i = 0; i < p.quotas.refusals_burst; i++) {
        put(&p, TELL_BAD);
        peers_expect_none(&p, p.server);
    }
    put(&p, TELL_BAD);
    expect_closed(&p, PYN_EFLOOD);
    peers_fini(&p);
}

static void oneway_calls_beyond_the_quota_wait_in_the_buffer(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_CALLS] = 2;
    peers_meet_raw(&p);
    put(&p, TELL_OK TELL_OK TELL_OK);
    call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_false(pyn_session_wants_input(p.server));
    assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(peers_return(p.server, call, "c0"), PYN_OK);
        if (i < 2) {
            call = peers_expect_call(&p, p.server);
        }
    }
    peers_expect_none(&p, p.server);
    assert_true(pyn_session_wants_input(p.server));
    assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
    peers_fini(&p);
}

static void a_queued_one_that_is_cancelled_is_not_run_and_not_answered(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;

    (void)state;
    begin(&p);
    put(&p, CALL_OK TELL_OK CANCEL);
    call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    peers_expect_none(&p, p.server);
    expect_output(&p, RETURN_3);
    assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
    peers_fini(&p);
}

static void a_oneway_call_in_a_lane_in_which_ours_is_out_closes(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;

    (void)state;
    begin(&p);
    put(&p, CALL_OK);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(peers_call(p.server, call->lane, 1, "tell", 1, "01"), PYN_OK);
    put(&p, TELL_OK);
    expect_closed(&p, PYN_EPROTOCOL);
    pyn_session_call_free(p.server, call);
    peers_fini(&p);
}

static void a_oneway_call_behind_a_nested_one_closes(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;
    struct pyn_call *nested = NULL;

    (void)state;
    begin(&p);
    put(&p, CALL_OK);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(peers_call(p.server, call->lane, 1, "tell", 1, "01"), PYN_OK);
    put(&p, CALL_OK);
    nested = peers_expect_call(&p, p.server);
    put(&p, TELL_OK);
    expect_closed(&p, PYN_EPROTOCOL);
    pyn_session_call_free(p.server, nested);
    pyn_session_call_free(p.server, call);
    peers_fini(&p);
}

static void who_serves_a_oneway_call_does_not_call_back_in_its_lane(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;

    (void)state;
    begin(&p);
    put(&p, TELL_OK);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(peers_call(p.server, call->lane, 1, "tell", 1, "01"), PYN_EINTERNAL);
    assert_int_equal(peers_call(p.server, pyn_session_lane(p.server), 1, "tell", 1, "01"), PYN_OK);
    assert_int_equal(peers_return(p.server, call, "c0"), PYN_OK);
    peers_fini(&p);
}

static void a_oneway_call_of_ours_leaves_its_lane_idle(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;
    struct pyn_answer *answer = NULL;
    struct pyn_parcel nil = pyn_parcel_of((struct pyn_view){(const uint8_t *)"\xc0", 1});
    struct pyn_parcel object = {0};

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    assert_int_equal(pyn_session_tell(p.client, 1, &nil), PYN_EINTERNAL);
    object = pyn_parcel_of(support_bytes("96 f5 00 a3 61 64 64 92 01 02 80 81 a6 6f 6e 65 77 61 79 c3"));
    assert_int_equal(pyn_session_tell(p.client, 2, &object), PYN_OK);
    assert_int_equal(peers_call(p.client, 2, 0, "add", 2, "01 02"), PYN_OK);
    assert_int_equal(pyn_session_tell(p.client, 2, &nil), PYN_EINTERNAL);
    peers_pump(&p, p.client, p.server);
    call = peers_expect_call(&p, p.server);
    assert_true(call->is_oneway);
    assert_int_equal(peers_return(p.server, call, "c0"), PYN_OK);
    call = peers_expect_call(&p, p.server);
    assert_false(call->is_oneway);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    peers_pump(&p, p.server, p.client);
    answer = peers_expect_answer(&p, p.client);
    assert_true(support_is_hex(answer->value, "03"));
    pyn_session_answer_free(p.client, answer);
    peers_expect_none(&p, p.client);
    peers_fini(&p);
}

static void options_that_make_no_sense_are_malformed(void **state)
{
    static const char *const bad[] = {
        "96 f5 00 a3 61 64 64 92 01 02 80 81 a6 6f 6e 65 77 61 79 c2 0a",                      /* false */
        "96 f5 00 a3 61 64 64 92 01 02 80 81 a6 6f 6e 65 77 61 79 01 0a",                      /* 1 */
        "96 f5 00 a3 61 64 64 92 01 02 80 82 a5 61 68 65 61 64 02 a6 6f 6e 65 77 61 79 c3 0a", /* ahead as well */
        "96 f5 00 a3 61 64 64 92 01 02 80 82 a6 6f 6e 65 77 61 79 c3 a5 61 68 65 61 64 02 0a",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct peers p;
        begin(&p);
        put(&p, bad[i]);
        expect_closed(&p, PYN_EFORMAT);
        peers_fini(&p);
    }
}

/* ---- looking ---- */

static void what_a_result_names_is_described_once_when_it_is_asked_for(void **state)
{
    struct peers p;
    struct pyn_view out;

    (void)state;
    begin(&p);
    put(&p, LOOK_CHILD);
    peers_expect_none(&p, p.server);
    out = pyn_session_output(p.server);
    assert_true(out.len > 3 && memcmp(out.data, "\x93\xfb\x01", 3) == 0);
    pyn_session_written(p.server, out.len);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 0);
    put(&p, LOOK_CHILD);
    peers_expect_none(&p, p.server);
    expect_output(&p, "");
    assert_int_equal(pyn_session_ledger(p.server)->refused, 1);
    peers_fini(&p);
}

static void what_no_described_result_names_is_not_there(void **state)
{
    static const char *const bad[] = {
        LOOK_WATCHER,
        LOOK_NOBODY,
        LOOK_FROM_CHILD,
        "93 f1 03 a7 6d 3a 43 68 69 6c 64 0a",
        "93 f1 ce ff ff ff ff a7 6d 3a 43 68 69 6c 64 0a",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct peers p;
        begin(&p);
        put(&p, bad[i]);
        peers_expect_none(&p, p.server);
        expect_output(&p, "");
        assert_int_equal(pyn_session_ledger(p.server)->refused, 1);
        peers_fini(&p);
    }
}

static void a_client_finds_what_it_has_asked_for(void **state)
{
    struct peers p;
    const struct pyn_iface *root = NULL;
    const struct pyn_iface *found = NULL;
    struct pyn_event event;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    assert_int_equal(pyn_session_held_under(p.client, 0, 2, NULL, &root), PYN_OK);
    assert_null(pyn_session_described(p.client, pyn_view_of("m:Child")));
    assert_int_equal(pyn_session_look(p.client, root, pyn_view_of("m:Child")), PYN_OK);
    peers_pump(&p, p.client, p.server);
    peers_expect_none(&p, p.server);
    peers_pump(&p, p.server, p.client);
    peers_expect_none(&p, p.client);
    found = pyn_session_described(p.client, pyn_view_of("m:Child"));
    assert_true(pyn_view_is_equal(found->name, pyn_view_of("m:Child")));
    assert_int_equal(found->op_count, 1);
    /* a server does not ask */
    assert_int_equal(peers_put(&p, p.client, support_bytes(LOOK_CHILD)), PYN_OK);
    assert_int_equal(peers_next(&p, p.client, &event), PYN_EPROTOCOL);
    peers_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_oneway_call_is_admitted_charged_and_not_answered),
        cmocka_unit_test(an_error_of_a_oneway_call_is_not_sent),
        cmocka_unit_test(calls_of_a_lane_keep_their_order_with_oneway_ones_among_them),
        cmocka_unit_test(refused_ones_are_counted_and_give_back_what_they_brought),
        cmocka_unit_test(a_flood_of_refused_ones_closes),
        cmocka_unit_test(oneway_calls_beyond_the_quota_wait_in_the_buffer),
        cmocka_unit_test(a_queued_one_that_is_cancelled_is_not_run_and_not_answered),
        cmocka_unit_test(a_oneway_call_in_a_lane_in_which_ours_is_out_closes),
        cmocka_unit_test(a_oneway_call_behind_a_nested_one_closes),
        cmocka_unit_test(who_serves_a_oneway_call_does_not_call_back_in_its_lane),
        cmocka_unit_test(a_oneway_call_of_ours_leaves_its_lane_idle),
        cmocka_unit_test(options_that_make_no_sense_are_malformed),
        cmocka_unit_test(what_a_result_names_is_described_once_when_it_is_asked_for),
        cmocka_unit_test(what_no_described_result_names_is_not_there),
        cmocka_unit_test(a_client_finds_what_it_has_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
