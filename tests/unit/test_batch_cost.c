/* test_batch_cost.c - what a batch may cost: room that is charged and waited for, and memory that fails. */
#include "batch_support.h"

/* ---- what it may cost ---- */

static void what_is_kept_is_charged_and_what_has_no_room_breaks_what_names_it(void **state)
{
    static uint8_t reply[3005] = {0xc5, 0x0b, 0xb8};

    (void)state;
    for (int is_tight = 0; is_tight < 2; is_tight++) {
        struct peers p;
        struct pyn_buf buf = batch_of(2);
        size_t around = pyn_batch_size(2) + 2 * PYN_SMALL_BLOCK;
        peers_init(&p, pyn_mem_default());
        p.quotas.max[PYN_Q_QUEUED] = is_tight ? 4096 : 10000;
        peers_meet_raw(&p);
        put_step(&buf, 0, "blob", 1, "c4 01 61");
        put_step(&buf, 0, "blob", 1, P0);
        send(&p, &buf);
        struct pyn_call *call = expect_named(&p, "blob", "91 c4 01 61 80");
        assert_int_equal(peers_used(p.server, PYN_Q_QUEUED), around);
        struct pyn_view value = {reply, 3003};
        assert_int_equal(pyn_session_send_return(p.server, 0, value), PYN_OK);
        pyn_session_call_free(p.server, call);
        if (is_tight) {
            struct pyn_view out = pyn_session_output(p.server);
            assert_memory_equal(out.data + 3006, "\x92\xfe\x94\xadQuotaExceeded\xacqueued: 4096", 30);
        } else {
            call = peers_expect_call(&p, p.server);
            assert_int_equal(call->body.len, 3005);
            assert_true(peers_used(p.server, PYN_Q_QUEUED) >= 2 * 3003);
            assert_int_equal(peers_return(p.server, call, "c4 00"), PYN_OK);
        }
        expect_quiet(&p);
        peers_fini(&p);
    }
}

/* However often a small batch names a large result: it costs no more than a message more. */
static void promises_are_replaced_by_no_more_than_one_message(void **state)
{
    static uint8_t reply[1003] = {0xc5, 0x03, 0xe5};

    (void)state;
    for (size_t max = 2 * 1000; max <= 2 * 1000 + 1; max++) {
        struct peers p;
        struct pyn_buf buf = batch_of(4);
        peers_init(&p, pyn_mem_default());
        p.quotas.limits.message_max = max;
        peers_meet_raw(&p);
        put_step(&buf, 0, "blob", 1, "c4 01 61");
        put_step(&buf, 0, "blob", 1, P0);
        put_step(&buf, 0, "blob", 1, P0);
        put_step(&buf, 0, "blob", 1, P0);
        send(&p, &buf);
        struct pyn_call *call = peers_expect_call(&p, p.server);
        struct pyn_view value = {reply, 1000};
        for (size_t runs = 1;; runs++) {
            struct pyn_event event;
            assert_int_equal(pyn_session_send_return(p.server, 0, value), PYN_OK);
            pyn_session_call_free(p.server, call);
            if (peers_next(&p, p.server, &event) != PYN_OK) {
                assert_int_equal(runs, 3);
                break;
            }
            call = event.call;
        }
        struct pyn_view out = pyn_session_output(p.server);
        assert_memory_equal(out.data + 3 * 1003,
                            "\x92\xfe\x94\xadQuotaExceeded\xad"
                            "message: 200",
                            30);
        expect_quiet(&p);
        peers_fini(&p);
    }
}

static void a_step_is_not_deeper_than_a_message_when_it_is_filled(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(2);

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.limits.depth_max = 5;
    peers_meet_raw(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "blob", 1, "91 " P0);
    send(&p, &buf);
    assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "91 91 91 91 01"), PYN_OK);
    struct pyn_view out = pyn_session_output(p.server);
    assert_memory_equal(out.data + 8, "\x92\xfe\x94\xadQuotaExceeded", 17);
    expect_quiet(&p);
    peers_fini(&p);
}

static void each_step_counts_as_a_call_and_a_batch_waits_for_the_room_of_all(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_CALLS] = 3;
    peers_meet_raw(&p);
    assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 02 0a 94 00 a3 61 64 64 92 01 02 80 0a 92 fc 00 0a")),
                     PYN_OK);
    struct pyn_call *other = peers_expect_call(&p, p.server);
    for (int i = 0; i < 3; i++) {
        put_step(&buf, 0, "add", 2, "01 02");
    }
    send(&p, &buf);
    peers_expect_none(&p, p.server);
    assert_false(pyn_session_wants_input(p.server));
    assert_int_equal(peers_return(p.server, other, "03"), PYN_OK);
    for (int i = 0; i < 3; i++) {
        struct pyn_call *call = peers_expect_call(&p, p.server);
        assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 3 - i);
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    }
    expect_quiet(&p);
    peers_fini(&p);
}

/* N - 1, N and N + 1 bytes of what a step is when its promise has been replaced. */
static void a_step_may_be_as_large_as_a_message(void **state)
{
    enum { MOST = 1000, AROUND = 1 + 1 + 5 + 1 + 1 }; /* [0, "blob", [value], {}] */

    (void)state;
    for (size_t size = MOST - 1; size <= MOST + 1; size++) {
        static uint8_t value[MOST] = {0xc5};
        const size_t len = size - AROUND;
        struct peers p;
        struct pyn_buf buf = batch_of(2);
        begin(&p);
        p.quotas.limits.message_max = MOST;
        put_step(&buf, 0, "blob", 1, "c4 00");
        put_step(&buf, 0, "blob", 1, P0);
        send(&p, &buf);
        value[1] = (uint8_t)((len - 3) >> 8);
        value[2] = (uint8_t)(len - 3);
        struct pyn_call *call = expect_named(&p, "blob", "91 c4 00 80");
        assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){value, len}), PYN_OK);
        pyn_session_call_free(p.server, call);
        if (size <= MOST) {
            call = peers_expect_call(&p, p.server);
            assert_int_equal(call->body.len, 1 + len + 1);
            assert_int_equal(peers_return(p.server, call, "c4 00"), PYN_OK);
        }
        expect_quiet(&p);
        assert_int_equal(has_text(pyn_session_output(p.server), "QuotaExceeded"), size > MOST);
        peers_fini(&p);
    }
}

static void a_batch_waits_for_the_bytes_of_all_of_it(void **state)
{
    const size_t body = 2 * (1 + 1 + 4 + 3 + 1); /* [0, "add", [1, 2], {}] */
    const size_t weight = pyn_batch_size(2) + 2 * pyn_call_size(0) + body;

    (void)state;
    for (int more = -1; more <= 1; more++) { /* bytes of room beyond what the call that runs has left of it */
        struct peers p;
        struct pyn_buf buf = batch_of(2);
        begin(&p);
        assert_int_equal(peers_put(&p, p.server, support_bytes("94 00 a3 61 64 64 92 01 02 80 0a 92 fc 02 0a ")), PYN_OK);
        struct pyn_call *running = peers_expect_call(&p, p.server);
        p.quotas.max[PYN_Q_QUEUED] = peers_used(p.server, PYN_Q_QUEUED) + weight + (uint64_t)more;
        put_step(&buf, 0, "add", 2, "01 02");
        put_step(&buf, 0, "add", 2, "03 04");
        send(&p, &buf);
        if (more < 0) {
            peers_expect_none(&p, p.server);
            assert_false(pyn_session_wants_input(p.server));
            assert_int_equal(peers_return(p.server, running, "03"), PYN_OK);
            running = NULL;
        }
        assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
        assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 04 80"), "07"), PYN_OK);
        if (running != NULL) {
            assert_int_equal(peers_return(p.server, running, "03"), PYN_OK);
        }
        expect_quiet(&p);
        peers_fini(&p);
    }
}

/* Who waits for a callback cannot wait for room as well: what has none is refused at once, and what has some is served. */
static void a_batch_does_not_wait_while_a_callback_is_out(void **state)
{
    (void)state;
    for (int is_tight = 0; is_tight < 2; is_tight++) {
        struct peers p;
        struct pyn_buf buf = batch_of(2);
        begin(&p);
        assert_int_equal(peers_put(&p, p.server, support_bytes("94 00 a3 61 64 64 92 01 02 80 0a ")), PYN_OK);
        struct pyn_call *outer = peers_expect_call(&p, p.server);
        assert_int_equal(peers_call(p.server, 0, 9, "tell", 1, "01"), PYN_OK);
        skip_output(&p);
        if (is_tight) {
            p.quotas.max[PYN_Q_CALLS] = 2; /* the outer one is one of them */
        }
        assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 02 0a ")), PYN_OK);
        put_step(&buf, 0, "add", 2, "01 02");
        put_step(&buf, 0, "add", 2, "03 04");
        send(&p, &buf);
        struct pyn_call *call = expect_named(&p, "add", "92 01 02 80");
        assert_int_equal(call->lane, 2);
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        if (!is_tight) {
            assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 04 80"), "07"), PYN_OK);
        }
        peers_expect_none(&p, p.server);
        const struct pyn_view out = pyn_session_output(p.server);
        assert_int_equal(out.data[out.len - 1], 0x0a);
        assert_int_equal(has_text(out, "QuotaExceeded"), is_tight);
        skip_output(&p);
        assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 00 0a 92 ff 01 0a ")), PYN_OK);
        pyn_session_answer_free(p.server, peers_expect_answer(&p, p.server));
        assert_int_equal(peers_return(p.server, outer, "03"), PYN_OK);
        expect_quiet(&p);
        peers_fini(&p);
    }
}

static void what_can_never_have_room_is_refused(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(5);

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_CALLS] = 2;
    peers_meet_raw(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, P0 "01");
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, "d6 1b 00 00 00 02 01");
    put_step(&buf, 0, "add", 2, "01 02");
    send(&p, &buf);
    assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
    skip_output(&p);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 01 80"), "03"), PYN_OK);
    struct pyn_view out = pyn_session_output(p.server);
    assert_memory_equal(out.data + 4,
                        "\x92\xfe\x94\xadQuotaExceeded\xa8"
                        "calls: 2",
                        26);
    assert_int_equal(out.len, 4 + 3 * 29);
    expect_quiet(&p);
    peers_fini(&p);
}

/* ---- memory that fails ---- */

/* Every object is given back whatever happens. */
static pyn_status play(struct peers *p)
{
    struct pyn_buf buf = batch_of(6);
    struct pyn_event event;
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;
    pyn_status st = peers_new_server(p);

    put_step(&buf, 0, "child", 0, "");
    put_step(&buf, 0, "no", 0, "");
    put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
    put_step(&buf, 0, "take", 1, P0);
    put_step(&buf, 0, "take", 1, P1);
    put_step(&buf, 0, "watch", 1, "91 " MINE_9);
    (void)pyn_pack_map(&buf, 0);
    (void)pyn_pack_newline(&buf);
    if (st == PYN_OK) {
        st = peers_put(p, p->server, support_bytes("95 f8 a5 70 79 6e 74 6f 01 c0 80 0a"));
    }
    if (st == PYN_OK) {
        st = peers_put(p, p->server, pyn_buf_view(&buf));
    }
    pyn_buf_fini(&buf);
    while (st == PYN_OK && (st = peers_next(p, p->server, &event)) == PYN_OK) {
        struct pyn_buf value;
        if (event.kind == PYN_EV_HELLO) {
            st = pyn_session_welcome(p->server, &p->objects[0], p->root);
            continue;
        }
        pyn_buf_init(&value, pyn_mem_default(), SIZE_MAX);
        if (pyn_view_is_equal(event.call->verdict.op->name, pyn_view_of("child"))) {
            st = pyn_session_export(p->server, &p->objects[1], p->child, &id, &number, &is_new);
            (void)pyn_pack_mine(&value, id, number);
        } else {
            (void)pyn_pack_nil(&value);
        }
        if (st == PYN_OK) {
            st = pyn_session_send_return(p->server, event.call->lane, pyn_buf_view(&value));
        }
        pyn_session_call_free(p->server, event.call);
        pyn_buf_fini(&value);
    }
    return st == PYN_EWAIT ? PYN_OK : st;
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
    assert_true(fail_at > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_charged_and_what_has_no_room_breaks_what_names_it),
        cmocka_unit_test(promises_are_replaced_by_no_more_than_one_message),
        cmocka_unit_test(a_step_is_not_deeper_than_a_message_when_it_is_filled),
        cmocka_unit_test(each_step_counts_as_a_call_and_a_batch_waits_for_the_room_of_all),
        cmocka_unit_test(a_step_may_be_as_large_as_a_message),
        cmocka_unit_test(a_batch_waits_for_the_bytes_of_all_of_it),
        cmocka_unit_test(a_batch_does_not_wait_while_a_callback_is_out),
        cmocka_unit_test(what_can_never_have_room_is_refused),
        cmocka_unit_test(whichever_allocation_fails_nothing_leaks_and_nothing_is_owed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
