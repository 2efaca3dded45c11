/* test_session.c - a connection at work: calls and what is refused of them, pings, and the end. */
#include "session_support.h"

#include <stdlib.h>

/* ---- calls ---- */

static void a_call_goes_there_and_its_answer_comes_back(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 4; piece++) {
        struct peers p;
        peers_init(&p, pyn_mem_default());
        p.piece = piece;
        peers_meet(&p);
        uint64_t lane = pyn_session_lane(p.client);
        assert_int_equal(lane, 0); /* used by the root, and idle again */
        assert_int_equal(peers_call(p.client, lane, 0, "add", 2, "01 02"), PYN_OK);
        peers_pump(&p, p.client, p.server);
        struct pyn_call *call = peers_expect_call(&p, p.server);
        assert_ptr_equal(call->object, &p.objects[0]);
        assert_ptr_equal(call->iface, p.root);
        assert_true(pyn_view_is_equal(call->verdict.op->name, pyn_view_of("add")));
        assert_true(support_is_hex(call->body, "92 01 02 80"));
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        peers_pump(&p, p.server, p.client);
        struct pyn_answer *answer = peers_expect_answer(&p, p.client);
        assert_int_equal(answer->status, PYN_OK);
        assert_false(answer->is_error);
        assert_true(support_is_hex(answer->value, "03"));
        pyn_session_answer_free(p.client, answer);
        assert_int_equal(pyn_session_ledger(p.server)->called, 1);
        peers_fini(&p);
    }
}

static void an_error_comes_back_with_all_its_parts(void **state)
{
    struct peers p;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    assert_int_equal(peers_call(p.client, 0, 0, "add", 2, "01 02"), PYN_OK);
    peers_pump(&p, p.client, p.server);
    pyn_session_call_free(p.server, peers_expect_call(&p, p.server)); /* freed before it is answered */
    assert_int_equal(
        pyn_session_send_error(p.server, 0, pyn_view_of("ValueError"), pyn_view_of("no"), nothing, pyn_view_of("1234")),
        PYN_OK);
    peers_pump(&p, p.server, p.client);
    struct pyn_answer *answer = peers_expect_answer(&p, p.client);
    assert_true(answer->is_error);
    assert_true(pyn_view_is_equal(answer->type, pyn_view_of("ValueError")));
    assert_true(pyn_view_is_equal(answer->text, pyn_view_of("no")));
    assert_int_equal(answer->traceback.len, 0);
    assert_true(pyn_view_is_equal(answer->incident, pyn_view_of("1234")));
    pyn_session_answer_free(p.client, answer);
    peers_fini(&p);
}

static void what_is_not_permitted_looks_like_what_is_not_there(void **state)
{
    static const char *const calls[] = {
        "94 00 a3 73 75 62 90 80 0a",                                  /* unknown name */
        "94 00 a5 5f 77 69 70 65 90 80 0a",                            /* _wipe */
        "94 00 a9 5f 5f 63 6c 61 73 73 5f 5f 90 80 0a",                /* __class__ */
        "94 00 a4 61 64 64 00 92 01 02 80 0a",                         /* "add\0" */
        "94 00 a4 00 61 64 64 92 01 02 80 0a",                         /* "\0add" */
        "94 00 a5 ef bd 81 64 64 92 01 02 80 0a",                      /* a full-width a */
        "94 00 a4 66 72 65 65 90 80 0a",                               /* "free": a message, but no method */
        "94 05 a3 61 64 64 92 01 02 80 0a",                            /* unknown reference */
        "94 ff a3 61 64 64 92 01 02 80 0a",                            /* -1 */
        "94 d0 80 a3 61 64 64 92 01 02 80 0a",                         /* -128 */
        "94 d3 80 00 00 00 00 00 00 00 a3 61 64 64 90 80 0a",          /* -2**63 */
        "94 cf 80 00 00 00 00 00 00 00 a3 61 64 64 90 80 0a",          /* 2**63 */
        "94 cf ff ff ff ff ff ff ff ff a3 61 64 64 90 80 0a",          /* 2**64 - 1 */
        "94 cf 00 00 00 01 00 00 00 00 a3 61 64 64 90 80 0a",          /* 2**32: no id is cut off */
        "94 00 a4 74 61 6b 65 91 d7 11 00 00 00 00 00 00 00 05 80 0a", /* take(YOURS(5)), which is not held */
        "94 00 a4 74 61 6b 65 91 d7 11 00 00 00 00 00 00 00 00 80 0a", /* take(YOURS(0)), which does not conform */
    };
    struct peers p;

    (void)state;
    begin(&p);
    for (size_t i = 0; i < SUPPORT_COUNT(calls); i++) {
        put(&p, calls[i]);
        peers_expect_none(&p, p.server);
        expect_output(p.server, REFUSED);
    }
    assert_int_equal(pyn_session_ledger(p.server)->refused, SUPPORT_COUNT(calls));
    assert_int_equal(pyn_session_ledger(p.server)->called, 0);
    peers_fini(&p);
}

static void arguments_that_do_not_fit_are_a_type_error_in_the_policys_words(void **state)
{
    struct peers p;
    struct pyn_answer *answer = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    assert_int_equal(peers_call(p.client, 0, 0, "add", 1, "01"), PYN_OK);
    peers_pump(&p, p.client, p.server);
    peers_expect_none(&p, p.server);
    peers_pump(&p, p.server, p.client);
    answer = peers_expect_answer(&p, p.client);
    assert_true(pyn_view_is_equal(answer->type, pyn_view_of("TypeError")));
    assert_true(pyn_view_is_equal(answer->text, pyn_view_of("add() is missing 'b'")));
    pyn_session_answer_free(p.client, answer);
    peers_fini(&p);
}

static void forms_of_one_id_are_the_same_id_and_other_types_close(void **state)
{
    static const char *const same[] = {
        "94 cc 00 a3 61 64 64 92 01 02 80 0a",
        "94 cf 00 00 00 00 00 00 00 00 a3 61 64 64 92 01 02 80 0a",
        "94 d3 00 00 00 00 00 00 00 00 a3 61 64 64 92 01 02 80 0a",
        "dc 00 04 00 d9 03 61 64 64 dc 00 02 01 02 de 00 00 0a",
        "dd 00 00 00 04 00 db 00 00 00 03 61 64 64 92 01 02 df 00 00 00 00 0a",
    };
    static const char *const bad[] = {
        "94 c3 a3 61 64 64 92 01 02 80 0a",                      /* true */
        "94 c2 a3 61 64 64 92 01 02 80 0a",                      /* false */
        "94 ca 00 00 00 00 a3 61 64 64 92 01 02 80 0a",          /* 0.0 */
        "94 cb 80 00 00 00 00 00 00 00 a3 61 64 64 90 80 0a",    /* -0.0 */
        "94 a1 30 a3 61 64 64 92 01 02 80 0a",                   /* "0" */
        "94 c4 01 30 a3 61 64 64 92 01 02 80 0a",                /* b"0" */
        "94 c0 a3 61 64 64 92 01 02 80 0a",                      /* nil */
        "94 d7 11 00 00 00 00 00 00 00 00 a3 61 64 64 90 80 0a", /* YOURS(0) */
        "94 00 c4 03 61 64 64 92 01 02 80 0a",                   /* the name as bytes */
        "94 00 91 a3 61 64 64 92 01 02 80 0a",                   /* in an array */
        "94 00 c0 92 01 02 80 0a",                               /* nil */
        "94 00 a0 92 01 02 80 0a",                               /* empty */
        "94 00 a3 61 64 64 80 80 0a",                            /* args a map */
        "94 00 a3 61 64 64 92 01 02 90 0a",                      /* kwargs an array */
        "94 00 a3 61 64 64 90 81 01 02 0a",                      /* a keyword 1 */
        "94 00 a2 c0 80 90 80 0a",                               /* over-long UTF-8 */
        "95 00 a3 61 64 64 92 01 02 80 c0 0a",                   /* five parts */
        "93 00 a3 61 64 64 90 0a",                               /* three */
        "90 0a",
        "91 94 00 a3 61 64 64 92 01 02 80 0a",    /* nested once more */
        "84 00 00 01 a3 61 64 64 02 90 03 80 0a", /* a map */
        "93 fd 01 c3 0a",                         /* a count true */
        "93 fd 01 00 0a",                         /* a count 0 */
        "93 fd 01 ff 0a",                         /* a count -1 */
        "92 fc ff 0a",                            /* lane -1 */
        "92 f5 00 0a",                            /* no such kind */
    };
    struct peers p;

    (void)state;
    begin(&p);
    for (size_t i = 0; i < SUPPORT_COUNT(same); i++) {
        put(&p, same[i]);
        assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
        expect_output(p.server, RETURN_3);
    }
    peers_fini(&p);
    for (size_t i = 0; i < SUPPORT_COUNT(bad); i++) {
        struct pyn_event event;
        begin(&p);
        put(&p, bad[i]);
        pyn_status st = peers_next(&p, p.server, &event);
        if (pyn_status_class(st) != PYN_CLASS_CLOSE) {
            fail_msg("%s", bad[i]);
        }
        expect_end(&p, p.server, st);
        peers_fini(&p);
    }
}

static void a_cancel_goes_out_in_its_lane(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    assert_int_equal(peers_call(p.server, 1, 9, "tell", 1, "01"), PYN_OK);
    assert_int_equal(peers_call(p.server, 3, 9, "tell", 1, "01"), PYN_OK);
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    assert_int_equal(pyn_session_cancel(p.server, 1), PYN_OK);
    expect_output(p.server, "92 fc 01 0a 91 fa 0a");
    pyn_session_goodbye(p.server, 0, "");
    assert_int_equal(pyn_session_cancel(p.server, 1), PYN_EGONE);
    peers_fini(&p);
}

/* ---- pings and the end ---- */

static void a_ping_is_answered_at_once_and_a_pong_is_an_event(void **state)
{
    struct peers p;
    struct pyn_event event;

    (void)state;
    begin(&p);
    put(&p, CALL_ADD "92 f7 07 0a 92 f6 08 0a");
    struct pyn_call *call = peers_expect_call(&p, p.server);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_PONG);
    assert_int_equal(event.token, 8);
    expect_output(p.server, "92 f6 07 0a");
    assert_int_equal(pyn_session_ping(p.server, 9), PYN_OK);
    expect_output(p.server, "92 f7 09 0a");
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    peers_fini(&p);
}

static void a_goodbye_ends_it_on_both_sides(void **state)
{
    struct peers p;
    struct pyn_event event;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    pyn_session_goodbye(p.server, 0, "closing");
    pyn_session_goodbye(p.server, PYN_EFLOOD, "again");
    assert_int_equal(pyn_session_state(p.server), PYN_EGONE);
    peers_pump(&p, p.server, p.client);
    assert_int_equal(peers_next(&p, p.client, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_GOODBYE);
    assert_int_equal(event.token, 0);
    assert_true(pyn_view_is_equal(event.reason, pyn_view_of("closing")));
    assert_int_equal(peers_next(&p, p.client, &event), PYN_EGONE);
    assert_int_equal(pyn_session_output(p.client).len, 0);
    peers_fini(&p);
}

static void a_long_reason_can_be_read_until_the_next_call(void **state)
{
    enum { LEN = 100000 };
    struct peers p;
    struct pyn_event event;
    struct pyn_buf buf;
    char *reason = calloc(1, LEN + 1);

    (void)state;
    assert_non_null(reason);
    memset(reason, 'x', LEN);
    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    (void)pyn_message_goodbye(&buf, 0, reason);
    begin(&p);
    assert_int_equal(peers_put(&p, p.server, pyn_buf_view(&buf)), PYN_OK);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_GOODBYE);
    assert_true(pyn_view_is_equal(event.reason, pyn_view_of(reason)));
    pyn_buf_fini(&buf);
    free(reason);
    peers_fini(&p);
}

static void a_goodbye_with_a_reason_code_keeps_it(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    pyn_session_goodbye(p.server, PYN_EFLOOD, "slow");
    assert_int_equal(pyn_session_state(p.server), PYN_EFLOOD);
    assert_int_equal(pyn_session_output(p.server).data[2], PYN_EFLOOD);
    assert_memory_equal(pyn_session_output(p.server).data + 3, "\xa4slow\n", 6);
    peers_fini(&p);
}

static void a_last_word_can_be_written_after_abandoning(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, "94 00 a3 73 75 62 90 80 0a 92 ff 03 0a");
    struct pyn_event event;
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EPROTOCOL);
    pyn_session_abandon(p.server);
    pyn_session_abandon(p.server);
    assert_ptr_equal(pyn_session_reap(p.server), &p.objects[0]);
    assert_true(pyn_ledger_is_clear(pyn_session_ledger(p.server)));
    assert_true(pyn_session_output(p.server).len > 20);
    pyn_session_written(p.server, 5);
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    peers_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_goes_there_and_its_answer_comes_back),
        cmocka_unit_test(an_error_comes_back_with_all_its_parts),
        cmocka_unit_test(what_is_not_permitted_looks_like_what_is_not_there),
        cmocka_unit_test(arguments_that_do_not_fit_are_a_type_error_in_the_policys_words),
        cmocka_unit_test(forms_of_one_id_are_the_same_id_and_other_types_close),
        cmocka_unit_test(a_cancel_goes_out_in_its_lane),
        cmocka_unit_test(a_ping_is_answered_at_once_and_a_pong_is_an_event),
        cmocka_unit_test(a_goodbye_ends_it_on_both_sides),
        cmocka_unit_test(a_long_reason_can_be_read_until_the_next_call),
        cmocka_unit_test(a_goodbye_with_a_reason_code_keeps_it),
        cmocka_unit_test(a_last_word_can_be_written_after_abandoning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
