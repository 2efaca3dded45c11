/* test_batch.c - calls that come in one message and name each other's results. */
#include "batch_support.h"

/* ---- time ---- */

#define WITHIN "81 a677697468696e "

static void expect_end(struct peers *p, uint64_t ends_at)
{
    struct pyn_call *call = peers_expect_call(p, p->server);

    assert_true(call->ends_at == ends_at);
    assert_int_equal(peers_return(p->server, call, "01"), PYN_OK);
}

static void the_time_of_a_batch_is_one_for_all_its_steps_from_its_arrival_on(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, "01 " P0);
    put_step(&buf, 0, "add", 2, "01 " P1);
    send_with(&p, &buf, WITHIN "cd 01f4"); /* 500 us */
    expect_end(&p, 1000 + 500 * 1000);
    p.now += 777;
    expect_end(&p, 1000 + 500 * 1000);
    expect_end(&p, 1000 + 500 * 1000);
    buf = batch_of(1);
    put_step(&buf, 0, "add", 2, "01 02");
    send(&p, &buf);
    expect_end(&p, 0);
    peers_fini(&p);
}

/* [-11, 0, "add", [1, 2], {}, {"within": ...}] */
static void expect_ask(struct peers *p, const char *within, uint64_t ends_at)
{
    char hex[256];

    (void)snprintf(hex, sizeof hex, "96 f5 00 a3616464 92 01 02 80 " WITHIN "%s 0a", within);
    assert_int_equal(peers_put(p, p->server, support_bytes(hex)), PYN_OK);
    expect_end(p, ends_at);
}

static void no_time_is_too_long_or_too_short_to_be_told(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    p.now = 5000;
    expect_ask(&p, "00", 5000);
    expect_ask(&p, "01", 6000);
    expect_ask(&p, "cf7fffffffffffffff", UINT64_MAX);
    expect_ask(&p, "cf004189374bc6a7ea", UINT64_C(0x4189374bc6a7ea) * 1000 + 5000); /* the longest that does not overflow */
    expect_ask(&p, "cf004189374bc6a7eb", UINT64_MAX);
    peers_fini(&p);
}

/* ---- what it does ---- */

static void calls_of_a_batch_run_and_are_answered_in_their_order(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 3; piece++) {
        struct peers p;
        struct pyn_buf buf = batch_of(3);
        peers_init(&p, pyn_mem_default());
        p.piece = piece;
        peers_meet_raw(&p);
        put_step(&buf, 0, "add", 2, "01 02");
        put_step(&buf, 0, "sub", 0, "");
        put_step(&buf, 0, "add", 2, "03 04");
        send(&p, &buf);
        assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
        assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 1);
        assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 04 80"), "07"), PYN_OK);
        expect_output(&p, "92 ff 03 0a " REFUSED "92 ff 07 0a");
        expect_quiet(&p);
        assert_int_equal(pyn_session_ledger(p.server)->called, 2);
        assert_int_equal(pyn_session_ledger(p.server)->refused, 1);
        peers_fini(&p);
    }
}

static void the_host_knows_that_another_call_of_the_batch_runs_next(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, "03 04");
    put_step(&buf, 0, "sub", 0, "");
    send(&p, &buf);
    assert_int_equal(peers_put(&p, p.server, support_bytes("94 00 a3 61 64 64 92 05 06 80 0a")), PYN_OK);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
    assert_true(pyn_session_is_in_batch(p.server, 0));
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 04 80"), "07"), PYN_OK);
    assert_false(pyn_session_is_in_batch(p.server, 0)); /* a call of its own */
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 05 06 80"), "0b"), PYN_OK);
    assert_false(pyn_session_is_in_batch(p.server, 0)); /* the lane is idle */
    expect_output(&p, "92 ff 03 0a 92 ff 07 0a " REFUSED "92 ff 0b 0a");
    expect_quiet(&p);
    peers_fini(&p);
}

static void a_result_is_called_before_it_was_received(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "child", 0, "");
    put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
    put_step(&buf, 0, "take", 1, P0);
    send(&p, &buf);
    assert_int_equal(return_child(&p, expect_named(&p, "child", "90 80"), 1), 1);
    struct pyn_call *call = expect_named(&p, "name", "90 80");
    assert_ptr_equal(call->object, &p.objects[1]);
    assert_ptr_equal(call->iface, p.child);
    assert_int_equal(peers_return(p.server, call, "a1 78"), PYN_OK);
    assert_int_equal(peers_return(p.server, expect_named(&p, "take", "91 d7 11 00 00 00 00 00 00 00 01 80"), "c0"),
                     PYN_OK);
    expect_quiet(&p);
    peers_fini(&p);
}

static void data_is_put_where_its_promise_stood(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, P0 "05");
    put_step(&buf, 0, "blob", 1, P1); /* an int is no bytes */
    send(&p, &buf);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
    skip_output(&p);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 05 80"), "08"), PYN_OK);
    struct pyn_view out = pyn_session_output(p.server);
    assert_true(out.len > 16 && memcmp(out.data + 4, "\x92\xfe\x94\xa9TypeError", 13) == 0);
    expect_quiet(&p);
    peers_fini(&p);
}

static void a_result_of_several_values_is_put_whole_where_its_promise_stood(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(2);
    struct pyn_buf value;
    uint64_t ids[2] = {0};

    (void)state;
    begin(&p);
    put_step(&buf, 0, "some", 1, "90");
    put_step(&buf, 0, "some", 1, P0);
    send(&p, &buf);
    struct pyn_call *call = expect_named(&p, "some", "91 90 80");
    pyn_buf_init(&value, pyn_mem_default(), SIZE_MAX);
    (void)pyn_pack_array(&value, 4);
    for (size_t i = 0; i < 2; i++) {
        uint32_t number = 0;
        bool is_new = false;
        assert_int_equal(pyn_session_export(p.server, &p.objects[i + 1], p.child, &ids[i], &number, &is_new), PYN_OK);
        (void)pyn_pack_int(&value, -200 - (int64_t)i);
        (void)pyn_pack_mine(&value, ids[i], number);
    }
    assert_int_equal(pyn_session_send_return(p.server, call->lane, pyn_buf_view(&value)), PYN_OK);
    pyn_session_call_free(p.server, call);
    pyn_buf_fini(&value);
    assert_true(ids[0] == 1 && ids[1] == 2);
    call = expect_named(&p, "some",
                        "91 94 d1 ff 38 d7 11 00 00 00 00 00 00 00 01 d1 ff 37 d7 11 00 00 00 00 00 00 00 02 80");
    assert_int_equal(peers_return(p.server, call, "90"), PYN_OK);
    expect_quiet(&p);
    peers_fini(&p);
}

static void an_error_lands_on_all_that_depends_on_it_and_on_nothing_else(void **state)
{
    static const char error[] = "92 fe 94 aa 56 61 6c 75 65 45 72 72 6f 72 a2 6e 6f c0 a2 69 31 0a ";
    char three[4 * sizeof error] = "";
    struct peers p;
    struct pyn_buf buf = batch_of(5);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "child", 0, "");
    put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "watch", 1, P1);
    put_step(&buf, 0, "take", 1, "d6 1b 00 00 00 03");
    send(&p, &buf);
    struct pyn_call *call = expect_named(&p, "child", "90 80");
    pyn_session_call_free(p.server, call); /* before it is answered */
    assert_int_equal(
        pyn_session_send_error(p.server, 0, pyn_view_of("ValueError"), pyn_view_of("no"), nothing, pyn_view_of("i1")),
        PYN_OK);
    (void)strcat(strcat(three, error), error);
    expect_output(&p, three);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
    (void)snprintf(three, sizeof three, "92 ff 03 0a %s%s", error, error);
    expect_output(&p, three);
    expect_quiet(&p);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 0); /* it is not the peer's fault */
    peers_fini(&p);
}

static void a_refusal_breaks_what_depends_on_it(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "_wipe", 0, "");
    put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
    put_step(&buf, 0, "add", 2, P1 "05");
    send(&p, &buf);
    peers_expect_none(&p, p.server);
    expect_output(&p, REFUSED REFUSED REFUSED);
    expect_quiet(&p);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 1);
    peers_fini(&p);
}

static void what_is_freed_early_is_still_there_for_its_batch_and_for_nobody_else(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "child", 0, "");
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
    send(&p, &buf);
    assert_int_equal(return_child(&p, expect_named(&p, "child", "90 80"), 1), 1);
    assert_int_equal(peers_put(&p, p.server, support_bytes("93 fd 01 01 0a")), PYN_OK);
    struct pyn_call *add = expect_named(&p, "add", "92 01 02 80");
    assert_int_equal(peers_used(p.server, PYN_Q_REFERENCES), 1);
    peers_expect_none(&p, p.server); /* now it is freed */
    assert_int_equal(peers_used(p.server, PYN_Q_REFERENCES), 0);
    assert_null(pyn_session_reap(p.server));
    skip_output(&p);
    assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 02 0a 94 01 a4 6e 61 6d 65 90 80 0a")), PYN_OK);
    peers_expect_none(&p, p.server);
    expect_output(&p, "92 fc 02 0a " REFUSED);
    assert_int_equal(peers_return(p.server, add, "03"), PYN_OK);
    struct pyn_call *name = expect_named(&p, "name", "90 80");
    assert_ptr_equal(name->object, &p.objects[1]);
    assert_null(pyn_session_reap(p.server));
    assert_int_equal(peers_return(p.server, name, "a1 78"), PYN_OK);
    assert_ptr_equal(pyn_session_reap(p.server), &p.objects[1]);
    expect_quiet(&p);
    peers_fini(&p);
}

/* References that a step names by themselves have to be there when it comes; then they stay good for it, as for any call. */
static void a_step_names_only_what_the_peer_holds_when_it_comes(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(4);
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    (void)state;
    begin(&p);
    assert_int_equal(pyn_session_export(p.server, &p.objects[2], p.child, &id, &number, &is_new), PYN_OK);
    assert_int_equal(id, 1);
    skip_output(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, P0 "d7 11 00 00 00 00 00 00 00 07"); /* 7 is nobody's */
    put_step(&buf, 7, "add", 2, P0 "01");
    put_step(&buf, 1, "name", 1, P0); /* held: what is wrong is the argument */
    send(&p, &buf);
    struct pyn_call *add = expect_named(&p, "add", "92 01 02 80");
    assert_int_equal(peers_put(&p, p.server, support_bytes("93 fd 01 01 0a")), PYN_OK);
    peers_expect_none(&p, p.server);
    assert_null(pyn_session_reap(p.server));
    assert_int_equal(peers_return(p.server, add, "03"), PYN_OK);
    struct pyn_view out = pyn_session_output(p.server);
    struct pyn_view denied = support_bytes(REFUSED REFUSED);
    assert_memory_equal(out.data + 4, denied.data, denied.len);
    assert_memory_equal(out.data + 4 + denied.len, "\x92\xfe\x94\xa9TypeError", 13);
    expect_quiet(&p);
    assert_ptr_equal(pyn_session_reap(p.server), &p.objects[2]);
    peers_fini(&p);
}

static void only_a_reference_can_be_called_and_the_peers_own_cannot_be_promised(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(4);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0 | ON_PROMISE, "add", 2, "01 02");
    put_step(&buf, 0, "watch", 1, MINE_9);
    put_step(&buf, 0, "watch", 1, "d6 1b 00 00 00 02");
    send(&p, &buf);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
    expect_output(&p, "92 ff 03 0a " REFUSED);
    assert_int_equal(
        peers_return(p.server, expect_named(&p, "watch", "91 " MINE_9 "80"), "d7 11 00 00 00 00 00 00 00 09"), PYN_OK);
    expect_output(&p, "92 ff d7 11 00 00 00 00 00 00 00 09 0a " REFUSED);
    expect_quiet(&p);
    peers_fini(&p);
}

static void a_broken_step_gives_back_what_it_brought(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(2);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "child", 0, "");
    put_step(&buf, 0 | ON_PROMISE, "name", 1, MINE_9);
    send(&p, &buf);
    pyn_session_call_free(p.server, expect_named(&p, "child", "90 80"));
    assert_int_equal(pyn_session_send_error(p.server, 0, pyn_view_of("E"), nothing, nothing, nothing), PYN_OK);
    expect_output(&p, "92 fe 94 a1 45 a0 c0 c0 0a 93 fd 09 01 0a 92 fe 94 a1 45 a0 c0 c0 0a");
    expect_quiet(&p);
    peers_fini(&p);
}

static void one_cancel_gives_up_all_of_a_batch_that_waits(void **state)
{
    static const char cancelled[] = "92 fe 94 a9 43 61 6e 63 65 6c 6c 65 64 a9 63 61 6e 63 65 6c 6c 65 64 c0 c0 0a ";
    char expected[6 * sizeof cancelled] = "92 ff 03 0a 92 ff 04 0a 93 fd 09 01 0a ";
    struct peers p;
    struct pyn_buf buf = batch_of(4);

    (void)state;
    begin(&p);
    assert_int_equal(peers_put(&p, p.server, support_bytes("94 00 a3 61 64 64 92 01 02 80 0a")), PYN_OK);
    struct pyn_call *first = peers_expect_call(&p, p.server);
    assert_int_equal(peers_put(&p, p.server, support_bytes("94 00 a3 61 64 64 92 01 03 80 0a")), PYN_OK);
    put_step(&buf, 0, "watch", 1, MINE_9);
    put_step(&buf, 0, "add", 2, P0 "01");
    put_step(&buf, 0, "nothing", 0, "");
    put_step(&buf, 0, "add", 2, "01 02");
    send(&p, &buf);
    assert_int_equal(peers_put(&p, p.server, support_bytes("91 fa 0a")), PYN_OK);
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_return(p.server, first, "03"), PYN_OK);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 03 80"), "04"), PYN_OK);
    (void)strcat(strcat(strcat(strcat(expected, cancelled), cancelled), REFUSED), cancelled);
    expect_output(&p, expected);
    expect_quiet(&p);
    peers_fini(&p);
}

/* ---- the caller's side ---- */

static void answers_of_a_batch_are_checked_each_against_its_own_type(void **state)
{
    static const struct pyn_type whole = {.kind = PYN_T_INT};
    static const struct pyn_type text = {.kind = PYN_T_STR};
    const struct pyn_expect expects[] = {{.result = &whole}, {.result = &text}, {.result = &whole}};
    static const char *const values[] = {"03", "a1 78", "a1 78"};
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    for (int i = 0; i < 3; i++) {
        put_step(&buf, 0, "add", 2, "01 02");
    }
    (void)pyn_pack_map(&buf, 0);
    const struct pyn_parcel object = pyn_parcel_of(pyn_buf_view(&buf));
    assert_int_equal(pyn_session_send_batch(p.client, 0, &object, expects, 3), PYN_OK);
    pyn_buf_fini(&buf);
    peers_pump(&p, p.client, p.server);
    for (size_t i = 0; i < 3; i++) {
        struct pyn_call *call = peers_expect_call(&p, p.server);
        if (i == 1) { /* a callback in between */
            assert_int_equal(peers_call(p.server, 0, 5, "f", 0, ""), PYN_OK);
            peers_pump(&p, p.server, p.client);
            struct pyn_answer *first = peers_expect_answer(&p, p.client);
            assert_int_equal(first->status, PYN_OK);
            pyn_session_answer_free(p.client, first);
            peers_expect_none(&p, p.client);
            peers_pump(&p, p.client, p.server); /* refused: there is no such reference */
            struct pyn_answer *refused = peers_expect_answer(&p, p.server);
            assert_true(refused->is_error);
            pyn_session_answer_free(p.server, refused);
        }
        assert_int_equal(peers_return(p.server, call, values[i]), PYN_OK);
    }
    peers_pump(&p, p.server, p.client);
    for (size_t i = 1; i < 3; i++) {
        struct pyn_answer *answer = peers_expect_answer(&p, p.client);
        assert_int_equal(answer->status, i == 1 ? PYN_OK : PYN_EMISFIT);
        pyn_session_answer_free(p.client, answer);
    }
    peers_expect_none(&p, p.client);
    assert_int_equal(pyn_session_lane(p.client), 0); /* idle again */
    peers_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_of_a_batch_is_one_for_all_its_steps_from_its_arrival_on),
        cmocka_unit_test(no_time_is_too_long_or_too_short_to_be_told),
        cmocka_unit_test(calls_of_a_batch_run_and_are_answered_in_their_order),
        cmocka_unit_test(the_host_knows_that_another_call_of_the_batch_runs_next),
        cmocka_unit_test(a_result_is_called_before_it_was_received),
        cmocka_unit_test(data_is_put_where_its_promise_stood),
        cmocka_unit_test(a_result_of_several_values_is_put_whole_where_its_promise_stood),
        cmocka_unit_test(an_error_lands_on_all_that_depends_on_it_and_on_nothing_else),
        cmocka_unit_test(a_refusal_breaks_what_depends_on_it),
        cmocka_unit_test(what_is_freed_early_is_still_there_for_its_batch_and_for_nobody_else),
        cmocka_unit_test(a_step_names_only_what_the_peer_holds_when_it_comes),
        cmocka_unit_test(only_a_reference_can_be_called_and_the_peers_own_cannot_be_promised),
        cmocka_unit_test(a_broken_step_gives_back_what_it_brought),
        cmocka_unit_test(one_cancel_gives_up_all_of_a_batch_that_waits),
        cmocka_unit_test(answers_of_a_batch_are_checked_each_against_its_own_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
