/* test_answers.c - what a peer may answer to a call of ours: values, errors, items ahead, each against its type. */
#include "session_support.h"

#define STOP "ad53746f70497465726174696f6e"

static void an_answer_that_does_not_fit_is_not_let_in(void **state)
{
    static const struct {
        const char *value;
        pyn_status status;
        const char *back;
    } rows[] = {
        {"05", PYN_OK, ""},
        {"a1 35", PYN_EMISFIT, ""},
        {"c3", PYN_EMISFIT, ""},
        {MINE_9, PYN_EMISFIT, "93 fd 09 01 0a"},
        {"92 " MINE_9 MINE_9, PYN_EMISFIT, "93 fd 09 02 0a"},
    };
    static const struct pyn_type type = {.kind = PYN_T_INT};
    static const struct pyn_expect expect = {.result = &type};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        char bytes[256];
        begin(&p);
        assert_int_equal(pyn_session_send_call(p.server, 1, support_bytes("94 09 a4 74 65 6c 6c 91 01 80"), &expect),
                         PYN_OK);
        pyn_session_written(p.server, pyn_session_output(p.server).len);
        (void)snprintf(bytes, sizeof bytes, "92 fc 01 0a 92 ff %s 0a", rows[i].value);
        put(&p, bytes);
        struct pyn_answer *answer = peers_expect_answer(&p, p.server);
        assert_int_equal(answer->lane, 1);
        assert_int_equal(answer->status, rows[i].status);
        assert_true(support_is_hex(answer->value, rows[i].status == PYN_OK ? rows[i].value : ""));
        expect_output(p.server, rows[i].back);
        pyn_session_answer_free(p.server, answer);
        peers_fini(&p);
    }
}

static void the_details_of_an_error_are_checked_like_a_value(void **state)
{
    static const struct {
        const char *type;
        const char *details;
        bool ends; /* the call may end with an int */
        pyn_status status;
        const char *back;
    } rows[] = {
        {STOP, "81 a576616c7565 05", true, PYN_OK, ""},
        {STOP, "81 a576616c7565 a135", true, PYN_EMISFIT, ""},
        {STOP, "81 a576616c7565 05", false, PYN_EMISFIT, ""},
        {"a145", "81 a576616c7565 05", true, PYN_EMISFIT, ""},
        {STOP, "81 a576616c7565 " MINE_9, true, PYN_EMISFIT, "93 fd 09 01 0a"},
        {"a145", "81 a66669656c6473 81 a161 92 01 a162", false, PYN_OK, ""},
        {"a145", "81 a66669656c6473 81 a161 " MINE_9, false, PYN_EMISFIT, "93 fd 09 01 0a"},
        {"a145", "81 a66572726f7273 91 92 94 a146 a0 c0 c0 81 a66669656c6473 81 a161 " MINE_9, false, PYN_EMISFIT,
         "93 fd 09 01 0a"},
        {"a145", "81 a6636175736573 91 93 a146 a0 c0", false, PYN_OK, ""},
        {"a145", "80", false, PYN_OK, ""},
    };
    static const struct pyn_type type = {.kind = PYN_T_INT};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        const struct pyn_expect expect = {.result = &type, .end = rows[i].ends ? &type : NULL};
        struct peers p;
        char bytes[256];
        begin(&p);
        assert_int_equal(pyn_session_send_call(p.server, 1, support_bytes("94 09 a4 74 65 6c 6c 91 01 80"), &expect),
                         PYN_OK);
        pyn_session_written(p.server, pyn_session_output(p.server).len);
        (void)snprintf(bytes, sizeof bytes, "92 fc 01 0a 93 fe 94 %s a0 c0 c0 %s 0a", rows[i].type, rows[i].details);
        put(&p, bytes);
        struct pyn_answer *answer = peers_expect_answer(&p, p.server);
        assert_true(answer->is_error);
        assert_int_equal(answer->status, rows[i].status);
        assert_true(support_is_hex(answer->details, rows[i].details));
        expect_output(p.server, rows[i].back);
        pyn_session_answer_free(p.server, answer);
        peers_fini(&p);
    }
}

static void items_come_ahead_of_the_answer_that_was_asked_for(void **state)
{
    static const struct {
        const char *stream; /* what the peer says */
        pyn_status status;  /* of the answer, or why the connection ends */
        bool is_error;
        const char *items;
        const char *why;
    } rows[] = {
        {"92 f3 91 05 0a 92 ff c0 0a", PYN_OK, false, "05", "one"},
        {"92 f3 93 05 06 07 0a 92 ff c0 0a", PYN_OK, false, "05 06 07", "all"},
        {"92 f3 91 05 0a 92 f3 92 06 07 0a 92 ff c0 0a", PYN_OK, false, "05 06 07", "all, in two messages"},
        {"92 f3 92 05 06 0a 92 fe 94 a145 a0 c0 c0 0a", PYN_OK, true, "05 06", "and then an error"},
        {"92 fe 94 a145 a0 c0 c0 0a", PYN_OK, true, "", "an error at once"},
        {"92 ff c0 0a", PYN_EMISFIT, false, "", "nil without any"},
        {"92 ff 05 0a", PYN_EMISFIT, false, "", "a return, as if it had not been asked for ahead"},
        {"92 f3 91 05 0a 92 ff 06 0a", PYN_EMISFIT, false, "05", "a return that is not nil"},
        {"92 f3 94 05 06 07 08 0a", PYN_EPROTOCOL, false, "", "one more than was asked for"},
        {"92 f3 93 05 06 07 0a 92 f3 91 08 0a", PYN_EPROTOCOL, false, "", "one more, by itself"},
        {"92 f3 91 a135 0a", PYN_EPROTOCOL, false, "", "of another type"},
        {"92 f3 92 05 c3 0a", PYN_EPROTOCOL, false, "", "the second of another type"},
        {"92 f3 91 " MINE_9 " 0a", PYN_EPROTOCOL, false, "", "a reference"},
        {"92 f3 91 05 0a 92 ff c0 0a 92 f3 91 05 0a", PYN_EPROTOCOL, false, "", "when nothing is asked for any more"},
    };
    static const struct pyn_type type = {.kind = PYN_T_INT};
    static const struct pyn_expect expect = {.result = &type, .ahead = 3};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        struct pyn_event event = {0};
        pyn_status st = PYN_OK;
        begin(&p);
        assert_int_equal(pyn_session_send_call(p.server, 1, support_bytes("94 09 a4 74 65 6c 6c 91 01 80"), &expect),
                         PYN_OK);
        pyn_session_written(p.server, pyn_session_output(p.server).len);
        put(&p, "92 fc 01 0a");
        put(&p, rows[i].stream);
        st = pyn_session_next(p.server, 0, &event);
        if (st == PYN_OK) {
            struct pyn_answer *answer = event.answer;
            assert_int_equal(event.kind, PYN_EV_ANSWER);
            st = answer->status;
            if (rows[i].status != PYN_EPROTOCOL) {
                assert_int_equal(answer->is_error, rows[i].is_error);
                assert_true(support_is_hex(answer->items.rest, rows[i].items));
            }
            pyn_session_answer_free(p.server, answer);
            if (rows[i].status == PYN_EPROTOCOL) {
                st = pyn_session_next(p.server, 0, &event);
            }
        }
        if (st != rows[i].status) {
            fail_msg("%s: %s", rows[i].why, pyn_status_name(st));
        }
        peers_fini(&p);
    }
}

static void items_that_nobody_has_asked_for_end_the_connection(void **state)
{
    static const char *const rows[] = {"92 f3 91 05 0a", "92 fc 01 0a 92 f3 91 05 0a"};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        begin(&p);
        assert_int_equal(pyn_session_send_call(p.server, 1, support_bytes("94 09 a4 74 65 6c 6c 91 01 80"), NULL),
                         PYN_OK);
        pyn_session_written(p.server, pyn_session_output(p.server).len);
        put(&p, rows[i]);
        expect_end(&p, p.server, PYN_EPROTOCOL);
        peers_fini(&p);
    }
}

static void without_an_expectation_an_answer_is_data_and_no_reference(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(peers_call(p.server, 1, 9, "tell", 1, "01"), PYN_OK);
        pyn_session_written(p.server, pyn_session_output(p.server).len);
        put(&p, "92 fc 01 0a");
        put(&p, i == 0 ? "92 ff 92 01 a1 78 0a" : "92 ff " MINE_9 "0a");
        struct pyn_answer *answer = peers_expect_answer(&p, p.server);
        assert_int_equal(answer->status == PYN_OK, i == 0);
        pyn_session_answer_free(p.server, answer);
    }
    peers_fini(&p);
}

static void a_long_answer_comes_whole(void **state)
{
    struct peers p;
    uint8_t blob[3003] = {0xc5, 0x0b, 0xb8, 1, 2, 3};

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.piece = 100;
    peers_meet(&p);
    assert_int_equal(peers_call(p.client, 0, 0, "blob", 1, "c4 01 00"), PYN_OK);
    peers_pump(&p, p.client, p.server);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){blob, sizeof blob}), PYN_OK);
    pyn_session_call_free(p.server, call);
    peers_pump(&p, p.server, p.client);
    struct pyn_answer *answer = peers_expect_answer(&p, p.client);
    assert_int_equal(answer->value.len, sizeof blob);
    assert_memory_equal(answer->value.data, blob, sizeof blob);
    pyn_session_answer_free(p.client, answer);
    peers_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_does_not_fit_is_not_let_in),
        cmocka_unit_test(the_details_of_an_error_are_checked_like_a_value),
        cmocka_unit_test(items_come_ahead_of_the_answer_that_was_asked_for),
        cmocka_unit_test(items_that_nobody_has_asked_for_end_the_connection),
        cmocka_unit_test(without_an_expectation_an_answer_is_data_and_no_reference),
        cmocka_unit_test(a_long_answer_comes_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
