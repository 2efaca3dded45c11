/* test_framing.c - where messages begin and end in what comes, wherever it is cut. */
#include "session_support.h"

static void what_is_no_message_closes_and_nothing_behind_it_is_looked_at(void **state)
{
    static const struct {
        const char *bytes;
        pyn_status why;
    } rows[] = {
        {"dd ff ff ff ff", PYN_ESIZE},
        {"94 00 a3 61 64 64 dd ff ff ff ff", PYN_ESIZE},
        {"94 00 a3 61 64 64 91 db ff ff ff ff", PYN_ESIZE},
        {"94 00 a3 61 64 64 91 c6 ff ff ff ff", PYN_ESIZE},
        {"94 00 a3 61 64 64 91 c9 ff ff ff ff 10", PYN_ESIZE},
        {"94 00 a3 61 64 64 92 01 c1 80 0a", PYN_EFORMAT},
        {"94 00 a3 61 64 64 92 01 02 80 0d 0a", PYN_ENEWLINE},
        {"94 00 a3 61 64 64 92 01 02 80 00", PYN_ENEWLINE},
        {"94 00 a3 61 64 64 92 01 02 80 94", PYN_ENEWLINE},
        {"0a", PYN_EFORMAT},
        {"94 00 a3 61 64 64 90 82 a1 61 01 a1 61 01 0a", PYN_EDUPKEY},
        {"94 00 a3 61 64 64 91 d4 05 00 80 0a", PYN_EEXT},
        {"94 00 a3 61 64 64 91 d4 10 00 80 0a", PYN_EEXT},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        begin(&p);
        put(&p, rows[i].bytes);
        put(&p, CALL_ADD);
        expect_end(&p, p.server, rows[i].why);
        assert_int_equal(pyn_session_ledger(p.server)->called, 0);
        peers_fini(&p);
    }
}

static void newlines_inside_of_values_do_not_end_a_message(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, "94 00 a3 61 64 64 92 0a cd 0a 0a 80 0a");
    struct pyn_call *call = peers_expect_call(&p, p.server);
    assert_true(support_is_hex(call->body, "92 0a cd 0a 0a 80"));
    assert_int_equal(peers_return(p.server, call, "0a"), PYN_OK);
    put(&p, "94 00 a4 62 6c 6f 62 91 c4 0a 0a 0a 0a 0a 0a 0a 0a 0a 0a 0a 80 0a");
    assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "c4 01 0a"), PYN_OK);
    peers_expect_none(&p, p.server);
    peers_fini(&p);
}

/* Calls, refusals, references, lanes, frees: the same bytes come out wherever the input is cut. */
static void where_the_input_is_cut_changes_nothing(void **state)
{
    static const char script[] = CALL_ADD "92 fc 02 0a 94 00 a3 73 75 62 90 80 0a" CALL_ADD
                                          "94 00 a5 63 68 69 6c 64 90 80 0a" CALL_NAME_1 "93 fd 01 01 0a" CALL_NAME_1
                                          "92 f7 05 0a 92 fc 00 0a" CALL_ADD "91 fa 0a 93 fd 07 01 0a" CALL_ADD;
    uint8_t expected[1024];
    size_t expected_len = 0;

    (void)state;
    for (size_t cut = 0; cut <= support_bytes(script).len; cut++) {
        struct peers p;
        struct pyn_event event;
        pyn_status st = PYN_OK;
        begin(&p);
        struct pyn_view in = support_bytes(script);
        struct pyn_view parts[2] = {{in.data, cut}, {in.data + cut, in.len - cut}};
        p.piece = cut % 3;
        for (size_t i = 0; i < 2; i++) {
            (void)peers_put(&p, p.server, parts[i]);
            while ((st = peers_next(&p, p.server, &event)) == PYN_OK) {
                assert_int_equal(event.kind, PYN_EV_CALL);
                uint64_t id = 0;
                uint32_t number = 0;
                bool is_new = false;
                if (pyn_view_is_equal(event.call->verdict.op->name, pyn_view_of("child"))) {
                    assert_int_equal(pyn_session_export(p.server, &p.objects[1], p.child, &id, &number, &is_new), PYN_OK);
                    assert_int_equal(id, 1);
                }
                assert_int_equal(peers_return(p.server, event.call, "03"), PYN_OK);
            }
        }
        assert_int_equal(st, PYN_EPROTOCOL); /* reference 7 is not held */
        struct pyn_view out = pyn_session_output(p.server);
        if (cut == 0) {
            assert_true(out.len <= sizeof expected);
            memcpy(expected, out.data, out.len);
            expected_len = out.len;
        }
        assert_int_equal(out.len, expected_len);
        assert_memory_equal(out.data, expected, expected_len);
        peers_fini(&p);
    }
}

static void a_message_that_is_on_its_way_is_known_since_it_began(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;
    size_t come = 9;

    begin(&p);
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 0);
    assert_int_equal(come, 0);
    put(&p, "94 00 a3");
    p.now = 5000;
    peers_expect_none(&p, p.server);
    p.now = 6000;
    put(&p, "61");
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 5000);
    assert_int_equal(come, 4);
    put(&p, "64 64 92 01 02 80 0a 94 00 a3 61 64 64 92 01 02 80 0a 94");
    p.quotas.max[PYN_Q_CALLS] = 1;
    call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 0); /* it is we who keep the second one waiting */
    assert_true(come > 1);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    p.now = 7000;
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 7000); /* of the third */
    assert_int_equal(come, 1);
    pyn_session_goodbye(p.server, 0, "");
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 0); /* it is over */
    peers_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_message_closes_and_nothing_behind_it_is_looked_at),
        cmocka_unit_test(newlines_inside_of_values_do_not_end_a_message),
        cmocka_unit_test(where_the_input_is_cut_changes_nothing),
        cmocka_unit_test(a_message_that_is_on_its_way_is_known_since_it_began),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
