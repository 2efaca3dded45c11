/* test_lanes.c - lanes: calls inside of each other, calls behind each other, and who answers when. */
#include "peers.h"

#include "../../src/session/lanes.h"

#define CALL_OK "94 00 a3 61 64 64 92 01 02 80 0a "  /* [0, "add", [1, 2], {}] */
#define CALL_BAD "94 00 a3 73 75 62 92 01 02 80 0a " /* [0, "sub", ...] */
#define CALL_ARGS "94 00 a3 61 64 64 91 01 80 0a "   /* [0, "add", [1], {}] */
#define CANCEL "91 fa 0a "
#define RETURN_3 "92 ff 03 0a "
#define REFUSED "92 fe 94 a7 52 65 66 75 73 65 64 ad 6e 6f 74 20 70 65 72 6d 69 74 74 65 64 c0 c0 0a "
#define CANCELLED "92 fe 94 a9 43 61 6e 63 65 6c 6c 65 64 a9 63 61 6e 63 65 6c 6c 65 64 c0 c0 0a "
#define CALLS_1 "92 fe 94 ad 51 75 6f 74 61 45 78 63 65 65 64 65 64 a8 63 61 6c 6c 73 3a 20 31 c0 c0 0a "
#define NESTING_2 "92 fe 94 ad 51 75 6f 74 61 45 78 63 65 65 64 65 64 aa 6e 65 73 74 69 6e 67 3a 20 32 c0 c0 0a "

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

/* All that the server has written is this. */
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
    assert_int_equal(peers_next(p, p->server, &event), why);
    assert_int_equal(pyn_session_state(p->server), why);
    assert_false(pyn_session_wants_input(p->server));
}

/* ---- the queue of a frame ---- */

static void a_queue_is_first_in_first_out_and_cancelled_from_the_end(void **state)
{
    struct pyn_queue queue = {0};
    struct pyn_turn turns[4] = {{.repeat = 1}, {.repeat = 1}, {.repeat = 1}, {.repeat = 1}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        pyn_queue_put(&queue, &turns[i]);
    }
    assert_ptr_equal(pyn_queue_cancel(&queue), &turns[2]);
    assert_ptr_equal(pyn_queue_take(&queue), &turns[0]);
    pyn_queue_put(&queue, &turns[3]);
    assert_ptr_equal(pyn_queue_cancel(&queue), &turns[3]);
    assert_ptr_equal(pyn_queue_cancel(&queue), &turns[1]);
    assert_null(pyn_queue_cancel(&queue));
    assert_ptr_equal(pyn_queue_take(&queue), &turns[1]);
    assert_ptr_equal(pyn_queue_take(&queue), &turns[2]);
    assert_ptr_equal(pyn_queue_take(&queue), &turns[3]);
    assert_null(pyn_queue_take(&queue));
    assert_null(queue.last);
}

static void refusals_for_the_same_quota_share_a_turn(void **state)
{
    struct pyn_queue queue = {0};
    struct pyn_turn turn = {.verdict = PYN_EQUOTA, .quota = PYN_Q_CALLS, .repeat = 1};
    struct pyn_turn other = {.verdict = PYN_EDENIED, .repeat = 1};

    (void)state;
    assert_false(pyn_queue_repeat(&queue, NULL, PYN_Q_CALLS));
    pyn_queue_put(&queue, &turn);
    assert_ptr_equal(pyn_queue_cancel(&queue), &turn);
    assert_null(pyn_queue_cancel(&queue));
    assert_true(pyn_queue_repeat(&queue, NULL, PYN_Q_CALLS));
    assert_false(pyn_queue_repeat(&queue, NULL, PYN_Q_QUEUED));
    assert_int_equal(turn.repeat, 2);
    assert_ptr_equal(pyn_queue_cancel(&queue), &turn); /* the second of them */
    assert_null(pyn_queue_cancel(&queue));
    pyn_queue_put(&queue, &other);
    assert_false(pyn_queue_repeat(&queue, NULL, PYN_Q_CALLS));
}

/* ---- the stack ---- */

static void a_lane_lives_as_long_as_it_has_frames(void **state)
{
    struct support_mem m;
    struct pyn_lanes lanes;
    struct pyn_frame *frame = NULL;

    (void)state;
    support_mem_init(&m, 0);
    pyn_lanes_init(&lanes, &m.mem, 1, 1);
    assert_null(pyn_lanes_find(&lanes, 4));
    assert_int_equal(pyn_lanes_push(&lanes, 4, true, &frame), PYN_OK);
    assert_int_equal(lanes.waiting, 0);
    assert_int_equal(pyn_lanes_push(&lanes, 4, false, &frame), PYN_OK);
    assert_int_equal(lanes.waiting, 1);
    assert_int_equal(pyn_lanes_push(&lanes, 4, true, &frame), PYN_OK);
    assert_int_equal(lanes.waiting, 0);
    assert_int_equal(pyn_lanes_find(&lanes, 4)->depth, 3);
    for (uint64_t left = 3; left > 0; left--) {
        pyn_lanes_pop(&lanes, pyn_lanes_find(&lanes, 4));
    }
    assert_null(pyn_lanes_find(&lanes, 4));
    assert_int_equal(lanes.waiting, 0);
    pyn_lanes_fini(&lanes);
    assert_int_equal(m.live, 0);
}

static void our_lanes_have_our_parity_and_are_used_again(void **state)
{
    struct pyn_lanes lanes;
    struct pyn_frame *frame = NULL;

    (void)state;
    pyn_lanes_init(&lanes, pyn_mem_default(), 1, 1);
    assert_int_equal(pyn_lanes_pick(&lanes), 1);
    assert_int_equal(pyn_lanes_push(&lanes, 3, false, &frame), PYN_OK); /* taken without being picked */
    assert_int_equal(pyn_lanes_pick(&lanes), 5);
    assert_int_equal(pyn_lanes_push(&lanes, 5, false, &frame), PYN_OK);
    pyn_lanes_pop(&lanes, pyn_lanes_find(&lanes, 5));
    assert_int_equal(pyn_lanes_pick(&lanes), 5);
    assert_int_equal(pyn_lanes_pick(&lanes), 7);
    pyn_lanes_fini(&lanes);
}

static void without_memory_no_frame_is_pushed(void **state)
{
    (void)state;
    for (size_t fail_at = 1; fail_at <= 2; fail_at++) {
        struct support_mem m;
        struct pyn_lanes lanes;
        struct pyn_frame *frame = NULL;
        support_mem_init(&m, fail_at);
        pyn_lanes_init(&lanes, &m.mem, 1, 1);
        assert_int_equal(pyn_lanes_push(&lanes, 0, false, &frame), PYN_ENOMEM);
        assert_null(pyn_lanes_find(&lanes, 0));
        assert_int_equal(lanes.waiting, 0);
        pyn_lanes_fini(&lanes);
        assert_int_equal(m.live, 0);
    }
}

/* ---- behind each other ---- */

static void pipelined_calls_are_run_one_after_the_other(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, CALL_OK CALL_OK CALL_OK);
    for (int i = 0; i < 3; i++) {
        struct pyn_call *call = peers_expect_call(&p, p.server);
        assert_false(call->is_nested);
        peers_expect_none(&p, p.server);
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        expect_output(&p, RETURN_3);
    }
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
    assert_int_equal(peers_used(p.server, PYN_Q_QUEUED), 0);
    peers_fini(&p);
}

static void a_refusal_in_the_middle_of_a_pipeline_keeps_its_place(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, CALL_OK CALL_BAD CALL_BAD CALL_OK CALL_BAD);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 3);
    expect_output(&p, "");
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(&p, RETURN_3 REFUSED REFUSED);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(&p, RETURN_3 REFUSED);
    peers_expect_none(&p, p.server);
    peers_fini(&p);
}

static void calls_in_different_lanes_do_not_wait_for_each_other(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, CALL_OK "92 fc 02 0a" CALL_OK "92 fc 04 0a" CALL_BAD "92 fc 00 0a" CALL_OK);
    struct pyn_call *first = peers_expect_call(&p, p.server);
    struct pyn_call *second = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_int_equal(first->lane, 0);
    assert_int_equal(second->lane, 2);
    expect_output(&p, "92 fc 04 0a" REFUSED);
    assert_int_equal(peers_return(p.server, second, "03"), PYN_OK);
    expect_output(&p, "92 fc 02 0a" RETURN_3);
    assert_int_equal(peers_return(p.server, first, "03"), PYN_OK);
    expect_output(&p, "92 fc 00 0a" RETURN_3);
    assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
    expect_output(&p, RETURN_3); /* a lane message only when it changes */
    peers_fini(&p);
}

static void the_newest_queued_call_is_cancelled_and_answered_in_its_turn(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, CALL_OK CALL_OK CALL_OK CANCEL);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(&p, RETURN_3 RETURN_3 CANCELLED);
    assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
    peers_fini(&p);
}

static void expect_cancel(struct peers *p, uint64_t lane)
{
    struct pyn_event event;

    assert_int_equal(pyn_session_next(p->server, 0, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_CANCEL);
    assert_int_equal(event.lane, lane);
}

static void the_host_hears_once_that_a_call_which_runs_is_cancelled(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, "92 fc 04 0a" CALL_OK CANCEL CANCEL);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    expect_cancel(&p, 4);
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 0);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK); /* it is answered all the same */
    expect_output(&p, "92 fc 04 0a" RETURN_3);
    put(&p, CALL_OK CANCEL);
    call = peers_expect_call(&p, p.server);
    expect_cancel(&p, 4); /* the next call in the same lane is another */
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(&p, RETURN_3);
    peers_fini(&p);
}

static void a_cancel_gives_up_what_waits_before_what_runs(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, CALL_OK CALL_OK CANCEL);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    put(&p, CANCEL);
    expect_cancel(&p, 0);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(&p, RETURN_3 CANCELLED);
    peers_fini(&p);
}

static void a_cancel_reaches_the_call_whose_callback_is_out(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, CALL_OK);
    struct pyn_call *outer = peers_expect_call(&p, p.server);
    assert_int_equal(peers_call(p.server, 0, 7, "tell", 1, "01"), PYN_OK);
    put(&p, CANCEL);
    expect_cancel(&p, 0);
    put(&p, CALL_OK CANCEL "92 ff 09 0a");
    struct pyn_call *inner = peers_expect_call(&p, p.server);
    expect_cancel(&p, 0); /* the inner one */
    assert_int_equal(peers_return(p.server, inner, "04"), PYN_OK);
    pyn_session_answer_free(p.server, peers_expect_answer(&p, p.server));
    assert_int_equal(peers_return(p.server, outer, "03"), PYN_OK);
    peers_expect_none(&p, p.server);
    peers_fini(&p);
}

static void a_cancel_in_an_idle_lane_is_a_refusal_and_one_of_a_call_of_ours_is_nothing(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, CANCEL);
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 1);
    assert_int_equal(peers_call(p.server, 1, 7, "tell", 1, "01"), PYN_OK);
    put(&p, "92 fc 01 0a" CANCEL);
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 1);
    put(&p, "92 ff 09 0a");
    pyn_session_answer_free(p.server, peers_expect_answer(&p, p.server));
    peers_fini(&p);
}

static void a_cancelled_call_gives_back_the_references_it_brought(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    /* [0, "watch", [MINE(9, 0)], {}] */
    put(&p, CALL_OK "94 00 a5 77 61 74 63 68 91 c7 0c 10 00 00 00 00 00 00 00 09 00 00 00 00 80 0a" CANCEL);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    expect_output(&p, "93 fd 09 01 0a");
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(&p, RETURN_3 CANCELLED);
    peers_fini(&p);
}

/* ---- inside of each other ---- */

static void may_be_answered(const struct peers *p, const struct pyn_call *call, bool may)
{
    assert_int_equal(pyn_session_may_answer(p->server, call->lane, call->depth), may);
}

static void a_callback_is_served_by_who_waits_and_then_the_answer_comes(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, CALL_OK);
    struct pyn_call *outer = peers_expect_call(&p, p.server);
    may_be_answered(&p, outer, true);
    assert_int_equal(peers_call(p.server, 0, 7, "tell", 1, "01"), PYN_OK);
    expect_output(&p, "94 07 a4 74 65 6c 6c 91 01 80 0a");
    may_be_answered(&p, outer, false);
    assert_int_equal(pyn_session_send_return(p.server, 0, support_bytes("03")), PYN_EINTERNAL); /* not its turn */
    put(&p, CALL_OK);
    struct pyn_call *inner = peers_expect_call(&p, p.server);
    assert_true(inner->is_nested);
    may_be_answered(&p, inner, true);
    may_be_answered(&p, outer, false); /* it would be taken for the inner one's */
    put(&p, CALL_BAD CALL_OK);         /* behind the inner one */
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_return(p.server, inner, "04"), PYN_OK);
    expect_output(&p, "92 ff 04 0a" REFUSED);
    inner = peers_expect_call(&p, p.server);
    assert_true(inner->is_nested); /* it has waited, and is for whoever waits all the same */
    may_be_answered(&p, inner, true);
    may_be_answered(&p, outer, false);
    assert_int_equal(peers_return(p.server, inner, "05"), PYN_OK);
    expect_output(&p, "92 ff 05 0a");
    may_be_answered(&p, outer, false);
    put(&p, "92 ff 09 0a");
    struct pyn_answer *answer = peers_expect_answer(&p, p.server);
    assert_true(support_is_hex(answer->value, "09"));
    pyn_session_answer_free(p.server, answer);
    may_be_answered(&p, outer, true);
    assert_int_equal(peers_return(p.server, outer, "03"), PYN_OK);
    expect_output(&p, RETURN_3);
    peers_fini(&p);
}

static void nested_calls_are_refused_beyond_the_limit_and_the_lane_lives(void **state)
{
    (void)state;
    for (uint64_t max = 2; max <= 4; max++) { /* the nested call makes the third frame */
        struct peers p;
        peers_init(&p, pyn_mem_default());
        p.quotas.max[PYN_Q_NESTING] = max;
        peers_meet_raw(&p);
        put(&p, CALL_OK);
        struct pyn_call *outer = peers_expect_call(&p, p.server);
        assert_int_equal(peers_call(p.server, 0, 7, "tell", 1, "01"), PYN_OK);
        expect_output(&p, "94 07 a4 74 65 6c 6c 91 01 80 0a");
        put(&p, CALL_OK);
        if (max < 3) {
            peers_expect_none(&p, p.server);
            expect_output(&p, NESTING_2);
        } else {
            assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
            expect_output(&p, RETURN_3);
        }
        put(&p, "92 ff 09 0a");
        pyn_session_answer_free(p.server, peers_expect_answer(&p, p.server));
        assert_int_equal(peers_return(p.server, outer, "03"), PYN_OK);
        assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
        peers_fini(&p);
    }
}

static void mutual_recursion_ends_at_the_nesting_limit(void **state)
{
    struct peers p;
    struct pyn_call *calls[64];
    size_t depth = 0;
    struct pyn_event event;

    (void)state;
    begin(&p);
    for (;;) {
        put(&p, CALL_OK);
        if (peers_next(&p, p.server, &event) != PYN_OK) {
            break;
        }
        assert_int_equal(event.kind, PYN_EV_CALL);
        assert_true(depth < SUPPORT_COUNT(calls));
        calls[depth++] = event.call;
        assert_int_equal(peers_call(p.server, 0, 7, "tell", 1, "01"), PYN_OK);
    }
    assert_int_equal(depth, 32); /* of 64 frames every other is the peer's */
    while (depth > 0) {
        put(&p, "92 ff 09 0a");
        pyn_session_answer_free(p.server, peers_expect_answer(&p, p.server));
        assert_int_equal(peers_return(p.server, calls[--depth], "03"), PYN_OK);
    }
    assert_int_equal(pyn_session_ledger(p.server)->refused, 1);
    assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
    peers_fini(&p);
}

/* ---- out of turn ---- */

static void an_answer_that_nobody_waits_for_closes(void **state)
{
    static const char *const inputs[] = {
        "92 ff 03 0a",                   /* idle */
        "92 fe 94 a1 45 a1 65 c0 c0 0a", /* an error, idle */
        "92 fc 05 0a 92 ff 03 0a",       /* another lane */
        CALL_OK "92 ff 03 0a",           /* serving */
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(inputs); i++) {
        struct peers p;
        struct pyn_event event = {0};
        begin(&p);
        put(&p, inputs[i]);
        if (i == 3) {
            struct pyn_call *call = peers_expect_call(&p, p.server);
            assert_int_equal(peers_next(&p, p.server, &event), PYN_EPROTOCOL);
            assert_int_equal(peers_return(p.server, call, "03"), PYN_EPROTOCOL);
        }
        expect_closed(&p, PYN_EPROTOCOL);
        assert_int_equal(pyn_session_output(p.server).data[1], 0xf9);
        assert_int_equal(pyn_session_output(p.server).data[2], PYN_EPROTOCOL);
        peers_fini(&p);
    }
}

static void a_call_that_begins_a_lane_of_ours_closes(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, "92 fc 01 0a" CALL_OK);
    expect_closed(&p, PYN_EPROTOCOL);
    peers_fini(&p);
}

static void a_call_inside_of_a_lane_of_ours_is_served(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    assert_int_equal(pyn_session_lane(p.server), 1);
    assert_int_equal(peers_call(p.server, 1, 7, "tell", 1, "01"), PYN_OK);
    expect_output(&p, "92 fc 01 0a 94 07 a4 74 65 6c 6c 91 01 80 0a");
    put(&p, "92 fc 01 0a" CALL_OK);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    assert_true(call->is_nested);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(&p, RETURN_3);
    put(&p, "92 ff 09 0a");
    pyn_session_answer_free(p.server, peers_expect_answer(&p, p.server));
    put(&p, CALL_OK); /* now it is idle again, and ours to begin */
    expect_closed(&p, PYN_EPROTOCOL);
    peers_fini(&p);
}

static void our_own_calls_go_into_our_lanes_or_inside_of_a_call_that_runs(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    assert_int_equal(peers_call(p.server, 2, 7, "tell", 1, "01"), PYN_EINTERNAL); /* the peer's to begin */
    assert_int_equal(peers_call(p.server, 3, 7, "tell", 1, "01"), PYN_OK);
    assert_int_equal(peers_call(p.server, 3, 7, "tell", 1, "01"), PYN_EINTERNAL); /* it waits */
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    put(&p, CALL_OK CALL_OK);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    assert_int_equal(peers_call(p.server, 0, 7, "tell", 1, "01"), PYN_EINTERNAL); /* its turn, but no event yet */
    assert_int_equal(pyn_session_send_return(p.server, 0, support_bytes("03")), PYN_EINTERNAL);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(peers_call(p.server, 0, 7, "tell", 1, "01"), PYN_OK);
    pyn_session_call_free(p.server, call);
    peers_fini(&p);
}

/* ---- too many ---- */

static void calls_beyond_the_quota_wait_in_the_buffer(void **state)
{
    (void)state;
    for (uint64_t max = 1; max <= 4; max++) {
        struct peers p;
        uint64_t served = 0;
        peers_init(&p, pyn_mem_default());
        p.quotas.max[PYN_Q_CALLS] = max;
        peers_meet_raw(&p);
        put(&p, CALL_OK CALL_OK CALL_OK);
        struct pyn_call *call = peers_expect_call(&p, p.server);
        peers_expect_none(&p, p.server);
        assert_int_equal(peers_used(p.server, PYN_Q_CALLS), max < 3 ? max : 3);
        assert_int_equal(pyn_session_wants_input(p.server), max > 3);
        for (served = 1; served < 3; served++) {
            assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
            call = peers_expect_call(&p, p.server);
        }
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        expect_output(&p, RETURN_3 RETURN_3 RETURN_3);
        assert_int_equal(pyn_session_ledger(p.server)->refused, 0);
        assert_int_equal(pyn_session_ledger(p.server)->peak[PYN_Q_CALLS], max < 3 ? max : 3);
        assert_true(pyn_session_wants_input(p.server));
        peers_fini(&p);
    }
}

static void calls_beyond_the_quota_are_refused_while_a_lane_waits(void **state)
{
    struct peers p;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_CALLS] = 1;
    peers_meet_raw(&p);
    put(&p, CALL_OK);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    put(&p, "92 fc 02 0a" CALL_OK "92 fc 00 0a" CALL_OK CALL_BAD
            "92 ff 09 0a"); /* to be refused, and an answer behind them */
    peers_expect_none(&p, p.server);
    assert_false(pyn_session_wants_input(p.server));
    assert_int_equal(peers_call(p.server, 0, 7, "tell", 1, "01"), PYN_OK);
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    assert_true(pyn_session_wants_input(p.server));
    struct pyn_answer *answer = peers_expect_answer(&p, p.server);
    pyn_session_answer_free(p.server, answer);
    expect_output(&p, "92 fc 02 0a" CALLS_1 "92 fc 00 0a" CALLS_1 CALLS_1);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(&p, RETURN_3);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 3);
    peers_fini(&p);
}

static void refused_calls_behind_a_running_one_take_no_memory_and_keep_their_place(void **state)
{
    struct peers p;
    struct support_mem m;

    (void)state;
    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    p.quotas.max[PYN_Q_CALLS] = 2;
    p.quotas.refusals_burst = 5000;
    peers_meet_raw(&p);
    put(&p, CALL_OK "92 fc 02 0a" CALL_OK);
    struct pyn_call *waits = peers_expect_call(&p, p.server);
    struct pyn_call *runs = peers_expect_call(&p, p.server);
    assert_int_equal(peers_call(p.server, 0, 7, "tell", 1, "01"), PYN_OK);
    put(&p, CALL_OK);
    peers_expect_none(&p, p.server);
    size_t live = m.live;
    for (int i = 0; i < 4000; i++) {
        put(&p, CALL_OK);
        peers_expect_none(&p, p.server);
    }
    assert_int_equal(m.live, live);
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    assert_int_equal(peers_return(p.server, runs, "03"), PYN_OK);
    size_t one = support_bytes("92 fe 94 ad 51 75 6f 74 61 45 78 63 65 65 64 65 64 a8 63 61 6c 6c 73 3a 20 32 c0 c0 0a").len;
    assert_int_equal(pyn_session_output(p.server).len, 4 + 4 + 4001 * one);
    pyn_session_call_free(p.server, waits);
    peers_fini(&p);
    assert_int_equal(m.live, 0);
}

static void a_call_too_large_for_what_is_queued_waits_until_there_is_room(void **state)
{
    (void)state;
    for (int off = -1; off <= 1; off++) { /* the quota holds two such calls less, exactly, and more by a byte */
        struct peers p;
        struct pyn_buf buf;
        uint8_t blob[1003] = {0xc5, 0x03, 0xe8};
        peers_init(&p, pyn_mem_default());
        pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
        peers_pack_call(&buf, 0, "blob", 1, (struct pyn_view){blob, sizeof blob});
        (void)pyn_pack_newline(&buf);
        size_t size = sizeof(struct pyn_turn) + 1 + sizeof blob + 1; /* args and kwargs have a byte of their own */
        p.quotas.max[PYN_Q_QUEUED] = (uint64_t)((int64_t)(2 * size) + off);
        peers_meet_raw(&p);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(peers_put(&p, p.server, pyn_buf_view(&buf)), PYN_OK);
        }
        put(&p, "92 f7 05 0a"); /* a ping behind them */
        struct pyn_call *call = peers_expect_call(&p, p.server);
        peers_expect_none(&p, p.server);
        assert_int_equal(peers_used(p.server, PYN_Q_QUEUED), off < 0 ? size : 2 * size);
        assert_false(pyn_session_wants_input(p.server));
        expect_output(&p, off < 0 ? "" : "92 f6 05 0a");
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        call = peers_expect_call(&p, p.server);
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        peers_expect_none(&p, p.server);
        assert_true(pyn_session_wants_input(p.server));
        assert_int_equal(pyn_session_ledger(p.server)->refused, 0);
        pyn_buf_fini(&buf);
        peers_fini(&p);
    }
}

static void a_call_too_large_for_the_quota_is_refused(void **state)
{
    struct peers p;
    struct pyn_buf buf;
    uint8_t blob[1003] = {0xc5, 0x03, 0xe8};

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_QUEUED] = 1000;
    peers_meet_raw(&p);
    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    peers_pack_call(&buf, 0, "blob", 1, (struct pyn_view){blob, sizeof blob});
    (void)pyn_pack_newline(&buf);
    assert_int_equal(peers_put(&p, p.server, pyn_buf_view(&buf)), PYN_OK);
    put(&p, CALL_OK);
    assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
    expect_output(
        &p,
        "92 fe 94 ad 51 75 6f 74 61 45 78 63 65 65 64 65 64 ac 71 75 65 75 65 64 3a 20 31 30 30 30 c0 c0 0a" RETURN_3);
    pyn_buf_fini(&buf);
    peers_fini(&p);
}

static void what_is_queued_beyond_the_quota_is_refused_while_a_lane_waits(void **state)
{
    struct peers p;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_QUEUED] = 600; /* one small call */
    peers_meet_raw(&p);
    put(&p, CALL_OK);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    put(&p, "92 fc 02 0a" CALL_OK CALL_BAD "92 fc 00 0a 92 ff 09 0a");
    peers_expect_none(&p, p.server);
    expect_output(&p, "");
    assert_int_equal(peers_call(p.server, 0, 7, "tell", 1, "01"), PYN_OK);
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    pyn_session_answer_free(p.server, peers_expect_answer(&p, p.server));
    expect_output(&p, "92 fc 02 0a 92 fe 94 ad 51 75 6f 74 61 45 78 63 65 65 64 65 64 ab 71 75 65 75 65 64 3a 20 36 30 "
                      "30 c0 c0 0a" REFUSED);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
    peers_fini(&p);
}

/* ---- abandoned in the middle ---- */

static void whatever_is_queued_is_dropped_at_the_end(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, CALL_OK CALL_OK CALL_BAD CALL_ARGS CANCEL "92 fc 02 0a" CALL_OK CALL_OK);
    struct pyn_call *first = peers_expect_call(&p, p.server);
    struct pyn_call *second = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_call(p.server, 2, 7, "tell", 1, "01"), PYN_OK);
    assert_int_equal(peers_return(p.server, first, "03"), PYN_OK); /* another is ready now */
    pyn_session_abandon(p.server);
    assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
    assert_true(peers_used(p.server, PYN_Q_QUEUED) > 0); /* the one that is still out */
    assert_null(pyn_session_reap(p.server));             /* it holds the root */
    assert_int_equal(pyn_session_send_error(p.server, 2, pyn_view_of("E"), nothing, nothing, nothing), PYN_EGONE);
    pyn_session_call_free(p.server, second);
    assert_ptr_equal(pyn_session_reap(p.server), &p.objects[0]);
    peers_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_is_first_in_first_out_and_cancelled_from_the_end),
        cmocka_unit_test(refusals_for_the_same_quota_share_a_turn),
        cmocka_unit_test(a_lane_lives_as_long_as_it_has_frames),
        cmocka_unit_test(our_lanes_have_our_parity_and_are_used_again),
        cmocka_unit_test(without_memory_no_frame_is_pushed),
        cmocka_unit_test(pipelined_calls_are_run_one_after_the_other),
        cmocka_unit_test(a_refusal_in_the_middle_of_a_pipeline_keeps_its_place),
        cmocka_unit_test(calls_in_different_lanes_do_not_wait_for_each_other),
        cmocka_unit_test(the_newest_queued_call_is_cancelled_and_answered_in_its_turn),
        cmocka_unit_test(the_host_hears_once_that_a_call_which_runs_is_cancelled),
        cmocka_unit_test(a_cancel_gives_up_what_waits_before_what_runs),
        cmocka_unit_test(a_cancel_reaches_the_call_whose_callback_is_out),
        cmocka_unit_test(a_cancel_in_an_idle_lane_is_a_refusal_and_one_of_a_call_of_ours_is_nothing),
        cmocka_unit_test(a_cancelled_call_gives_back_the_references_it_brought),
        cmocka_unit_test(a_callback_is_served_by_who_waits_and_then_the_answer_comes),
        cmocka_unit_test(nested_calls_are_refused_beyond_the_limit_and_the_lane_lives),
        cmocka_unit_test(mutual_recursion_ends_at_the_nesting_limit),
        cmocka_unit_test(an_answer_that_nobody_waits_for_closes),
        cmocka_unit_test(a_call_that_begins_a_lane_of_ours_closes),
        cmocka_unit_test(a_call_inside_of_a_lane_of_ours_is_served),
        cmocka_unit_test(our_own_calls_go_into_our_lanes_or_inside_of_a_call_that_runs),
        cmocka_unit_test(calls_beyond_the_quota_wait_in_the_buffer),
        cmocka_unit_test(calls_beyond_the_quota_are_refused_while_a_lane_waits),
        cmocka_unit_test(refused_calls_behind_a_running_one_take_no_memory_and_keep_their_place),
        cmocka_unit_test(a_call_too_large_for_what_is_queued_waits_until_there_is_room),
        cmocka_unit_test(a_call_too_large_for_the_quota_is_refused),
        cmocka_unit_test(what_is_queued_beyond_the_quota_is_refused_while_a_lane_waits),
        cmocka_unit_test(whatever_is_queued_is_dropped_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
