/* test_session_memory.c - what a session has in memory: little while it waits, less when it rests, and nothing lost when an allocation fails. */
#include "session_support.h"

/* ---- what is held ---- */

static void an_announced_length_reserves_nothing(void **state)
{
    struct peers p;
    struct support_mem m;
    uint8_t *space = NULL;
    size_t room = 0;

    (void)state;
    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    put(&p, "94 00 a4 62 6c 6f 62 91 c6 00 ff ff 00"); /* almost 16 MiB are to come */
    peers_expect_none(&p, p.server);
    m.bytes = 0;
    assert_int_equal(pyn_session_space(p.server, &space, &room), PYN_OK);
    assert_true(m.bytes <= 2 * 16384);
    assert_true(room <= 16384);
    peers_fini(&p);
    assert_int_equal(m.live, 0);
}

static void an_idle_session_holds_no_input_block(void **state)
{
    struct peers p;
    struct support_mem m;
    uint8_t *space = NULL;
    size_t room = 0;

    (void)state;
    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    peers_expect_none(&p, p.server);
    size_t live = m.live;
    put(&p, "92 f7 05 0a");
    assert_int_equal(m.live, live + 1);
    peers_expect_none(&p, p.server);
    assert_int_equal(m.live, live);
    assert_int_equal(pyn_session_space(p.server, &space, &room), PYN_OK); /* and nothing came after all */
    assert_int_equal(m.live, live + 1);
    pyn_session_received(p.server, 0);
    assert_int_equal(m.live, live);
    peers_fini(&p);
}

static void a_small_block_is_kept_until_the_session_rests(void **state)
{
    static const uint8_t ping[] = {0x92, 0xf7, 0x05, 0x0a};
    struct peers p;
    struct support_mem m;
    size_t taken = 0;

    (void)state;
    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    peers_expect_none(&p, p.server);
    size_t live = m.live;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pyn_session_put(p.server, (struct pyn_view){ping, sizeof ping}, &taken), PYN_OK);
        assert_int_equal(taken, sizeof ping);
        peers_expect_none(&p, p.server);
        assert_int_equal(m.live, live + 1);
        assert_true(pyn_session_is_quiet(p.server));
    }
    pyn_session_rest(p.server);
    assert_true(m.live <= live);
    peers_fini(&p);
}

/* ---- memory that fails ---- */

/* A session of some twenty messages, until something fails. Every object that was taken is given back whatever happens. */
static pyn_status play(struct peers *p)
{
    static const char *const inputs[] = {
        HELLO,
        CALL_ADD CALL_ADD "94 00 a3 73 75 62 91 " MINE_9 "80 0a" CALL_ADD,
        "92 fc 02 0a 94 00 a5 63 68 69 6c 64 90 80 0a" CALL_ADD CALL_ADD "91 fa 0a",
        "94 00 a5 77 61 74 63 68 91 " MINE_9 "80 0a",
        CALL_NAME_1 "93 fd 01 01 0a 92 f7 05 0a 94 00 a3 61 64 64 90 80 0a 92 fc 04 0a 94 00 a3 61 64 64 90 80 0a",
        "92 fc 01 0a" CALL_ADD "92 ff 92 " MINE_9 MINE_9 "0a 92 fc 00 0a 93 f9 00 a0 0a",
    };
    const struct pyn_iface *watcher = NULL;
    struct pyn_event event;
    pyn_status st = peers_new_server(p);

    for (size_t i = 0; st == PYN_OK && i < SUPPORT_COUNT(inputs); i++) {
        st = peers_put(p, p->server, support_bytes(inputs[i]));
        if (st == PYN_OK && i == 5) {
            st = peers_call(p->server, 1, 9, "tell", 1, "01");
        }
        while (st == PYN_OK && (st = peers_next(p, p->server, &event)) == PYN_OK) {
            if (event.kind == PYN_EV_HELLO) {
                st = pyn_session_welcome(p->server, &p->objects[0], p->root);
            } else if (event.kind == PYN_EV_ANSWER) {
                pyn_session_answer_free(p->server, event.answer);
            } else if (event.kind == PYN_EV_CALL) {
                struct pyn_view name = event.call->verdict.op->name;
                struct pyn_import *lent = NULL;
                uint64_t id = 0;
                uint32_t number = 0;
                bool is_new = false;
                if (pyn_view_is_equal(name, pyn_view_of("child"))) {
                    st = pyn_session_export(p->server, &p->objects[1], p->child, &id, &number, &is_new);
                } else if (pyn_view_is_equal(name, pyn_view_of("watch"))) {
                    watcher = event.call->verdict.signature->params[0].type->import;
                    st = pyn_session_import(p->server, 9, 0, watcher, &lent);
                    if (st == PYN_OK) {
                        pyn_session_release(p->server, lent);
                    }
                }
                if (st == PYN_OK) {
                    st = pyn_session_send_return(p->server, event.call->lane, support_bytes("03"));
                }
                pyn_session_call_free(p->server, event.call);
            } else if (event.kind == PYN_EV_GOODBYE) {
                return PYN_OK;
            }
        }
        st = st == PYN_EWAIT ? PYN_OK : st;
    }
    return st;
}

static void whichever_allocation_fails_nothing_leaks_and_nothing_is_owed(void **state)
{
    size_t fail_at = 1;
    bool is_done = false;

    (void)state;
    for (; !is_done; fail_at++) {
        struct support_mem m;
        struct peers p;
        support_mem_init(&m, fail_at);
        peers_init(&p, &m.mem);
        pyn_status st = play(&p);
        is_done = m.calls < fail_at;
        assert_int_equal(st, is_done ? PYN_OK : PYN_ENOMEM);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
        assert_true(fail_at < 1000);
    }
    print_message("%zu allocations\n", fail_at - 2);
    assert_true(fail_at > 10);
}

static void a_client_whose_memory_fails_leaks_nothing(void **state)
{
    bool is_done = false;

    (void)state;
    for (size_t fail_at = 1; !is_done; fail_at++) {
        struct support_mem m;
        struct peers p;
        struct pyn_event event = {0};
        support_mem_init(&m, fail_at);
        peers_init(&p, &m.mem);
        pyn_status st = peers_new_client(&p);
        if (st == PYN_OK) {
            st = peers_put(&p, p.client, support_bytes(HELLO DESCRIBE_1 ROOT_1));
        }
        if (st == PYN_OK) {
            st = peers_next(&p, p.client, &event);
        }
        if (st == PYN_OK) {
            pyn_session_answer_free(p.client, event.answer);
            st = peers_call(p.client, 0, 0, "x", 1, "01");
        }
        if (st == PYN_OK) {
            st = peers_put(&p, p.client, support_bytes("92 fe 94 a1 45 a1 65 c0 c0 0a"));
        }
        if (st == PYN_OK) {
            st = peers_next(&p, p.client, &event);
        }
        if (st == PYN_OK) {
            pyn_session_answer_free(p.client, event.answer);
        }
        is_done = m.calls < fail_at;
        assert_int_equal(st, is_done ? PYN_OK : PYN_ENOMEM);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
        assert_true(fail_at < 1000);
    }
}

static void a_reply_that_found_no_memory_can_be_sent_again(void **state)
{
    struct support_mem m;
    struct peers p;
    uint8_t reply[70000] = {0xc6, 0, 0x01, 0x11, 0x6b};

    (void)state;
    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    put(&p, CALL_ADD);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    m.fail_at = m.calls + 1;
    assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){reply, sizeof reply}), PYN_ENOMEM);
    assert_int_equal(pyn_session_output(p.server).len, 0);
    assert_int_equal(pyn_session_state(p.server), PYN_OK);
    assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){reply, sizeof reply}), PYN_OK);
    pyn_session_call_free(p.server, call);
    peers_fini(&p);
    assert_int_equal(m.live, 0);
}

/* ---- rest ---- */

static void a_session_that_rests_holds_nothing_to_be_quick_and_goes_on_as_before(void **state)
{
    struct support_mem m;
    struct peers p;
    size_t rested = 0;

    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    peers_expect_none(&p, p.server);
    pyn_session_rest(p.server);
    rested = m.live;
    assert_true(rested <= 2); /* the session, and its root */
    for (int i = 0; i < 3; i++) {
        struct pyn_event event;
        put(&p, CALL_ADD "94 00 a3"); /* and the beginning of another */
        struct pyn_call *call = peers_expect_call(&p, p.server);
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        assert_int_equal(peers_next(&p, p.server, &event), PYN_EWAIT);
        pyn_session_rest(p.server); /* what stands there stays: an answer, and what has come */
        expect_output(p.server, RETURN_3);
        put(&p, "61 64 64 92 01 02 80 0a");
        call = peers_expect_call(&p, p.server);
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        expect_output(p.server, RETURN_3);
        peers_expect_none(&p, p.server);
        assert_true(m.live > rested);
        pyn_session_rest(p.server);
        assert_int_equal(m.live, rested);
    }
    peers_fini(&p);
    assert_int_equal(m.live, 0);
}

/* ---- room that somebody is writing to ---- */

/* Two calls in a lane, of which the second waits, and the beginning of a third. */
static void put_two_and_begin(struct peers *p, struct pyn_call **first)
{
    peers_meet_raw(p);
    put(p, CALL_ADD CALL_ADD "94 00 a3");
    *first = peers_expect_call(p, p->server);
    peers_expect_none(p, p->server);
}

static void room_that_was_given_out_stays_whatever_is_done_meanwhile(void **state)
{
    struct pyn_view rest;
    struct support_mem m;
    struct peers p;
    struct pyn_call *call = NULL;
    uint8_t *space = NULL;
    size_t room = 0;

    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    put_two_and_begin(&p, &call);
    assert_int_equal(pyn_session_space(p.server, &space, &room), PYN_OK);
    pyn_session_rest(p.server);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    call = peers_expect_call(&p, p.server); /* it had come before */
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    peers_expect_none(&p, p.server);
    pyn_session_rest(p.server);
    rest = support_bytes("61 64 64 92 01 02 80 0a");
    assert_true(rest.len <= room);
    memcpy(space, rest.data, rest.len);
    peers_expect_none(&p, p.server); /* of that nobody has been told */
    pyn_session_received(p.server, rest.len);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(p.server, RETURN_3 RETURN_3 RETURN_3);
    peers_fini(&p);
    assert_int_equal(m.live, 0);
}

static void what_is_whole_waits_until_it_is_said_what_has_come_behind_it(void **state)
{
    size_t live = 0;
    struct support_mem m;
    struct peers p;
    uint8_t *space = NULL;
    size_t room = 0;

    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    pyn_session_rest(p.server);
    assert_int_equal(pyn_session_space(p.server, &space, &room), PYN_OK); /* also where nothing stands yet */
    live = m.live;
    pyn_session_rest(p.server);
    assert_int_equal(m.live, live);
    pyn_session_received(p.server, 0);
    put(&p, CALL_ADD);
    assert_int_equal(pyn_session_space(p.server, &space, &room), PYN_OK);
    peers_expect_none(&p, p.server);
    pyn_session_received(p.server, 0);
    pyn_session_call_free(p.server, peers_expect_call(&p, p.server));
    peers_fini(&p);
    assert_int_equal(m.live, 0);
}

static void room_that_was_given_out_outlives_what_is_abandoned(void **state)
{
    for (int is_said = 0; is_said < 2; is_said++) {
        struct support_mem m;
        struct peers p;
        struct pyn_call *call = NULL;
        uint8_t *space = NULL;
        size_t room = 0;
        support_mem_init(&m, 0);
        peers_init(&p, &m.mem);
        put_two_and_begin(&p, &call);
        pyn_session_call_free(p.server, call);
        assert_int_equal(pyn_session_space(p.server, &space, &room), PYN_OK);
        pyn_session_abandon(p.server);
        memset(space, 'x', room);
        if (is_said) {
            const size_t live = m.live;
            pyn_session_received(p.server, room);
            assert_int_equal(m.live, live - 1);
        }
        assert_int_equal(pyn_session_space(p.server, &space, &room), PYN_EGONE);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_announced_length_reserves_nothing),
        cmocka_unit_test(an_idle_session_holds_no_input_block),
        cmocka_unit_test(a_small_block_is_kept_until_the_session_rests),
        cmocka_unit_test(whichever_allocation_fails_nothing_leaks_and_nothing_is_owed),
        cmocka_unit_test(a_client_whose_memory_fails_leaks_nothing),
        cmocka_unit_test(a_reply_that_found_no_memory_can_be_sent_again),
        cmocka_unit_test(a_session_that_rests_holds_nothing_to_be_quick_and_goes_on_as_before),
        cmocka_unit_test(room_that_was_given_out_stays_whatever_is_done_meanwhile),
        cmocka_unit_test(what_is_whole_waits_until_it_is_said_what_has_come_behind_it),
        cmocka_unit_test(room_that_was_given_out_outlives_what_is_abandoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
