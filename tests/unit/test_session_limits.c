/* test_session_limits.c - where a session waits, refuses or ends: floods, what nobody reads, what is too large. */
#include "session_support.h"

static void a_server_that_describes_too_much_is_left(void **state)
{
    (void)state;
    for (uint64_t max = 1; max <= 3; max++) {
        struct peers p;
        peers_init(&p, pyn_mem_default());
        p.quotas.max[PYN_Q_INTERFACES] = max;
        assert_int_equal(peers_new_client(&p), PYN_OK);
        assert_int_equal(peers_put(&p, p.client, support_bytes(HELLO DESCRIBE_1)), PYN_OK);
        assert_int_equal(
            peers_put(&p, p.client, support_bytes("93 fb 02 81 aa 69 6e 74 65 72 66 61 63 65 73 81 a3 6d 3a 58 80 0a")),
            PYN_OK);
        if (max >= 2) {
            peers_expect_none(&p, p.client);
            assert_int_equal(peers_used(p.client, PYN_Q_INTERFACES), 2);
        } else {
            expect_end(&p, p.client, PYN_EFLOOD);
        }
        peers_fini(&p);
    }
}

static void bytes_that_were_read_already_are_taken_as_far_as_they_may_come(void **state)
{
    enum {
        MOST = 4096 + 128 * 1024
    }; /* the largest message, and what a host may have read when the peer has to wait */
    static const uint8_t zeros[MOST + 1];
    struct peers p;
    size_t taken = 0;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.limits.message_max = 4096;
    p.quotas.max[PYN_Q_CALLS] = 1;
    peers_meet_raw(&p);
    peers_expect_none(&p, p.server);
    assert_true(pyn_session_is_quiet(p.server));
    put(&p, CALL_ADD);
    assert_false(pyn_session_is_quiet(p.server));
    struct pyn_call *call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server); /* it has to wait from now on */
    assert_int_equal(pyn_session_put(p.server, (struct pyn_view){zeros, MOST - 1}, &taken), PYN_OK);
    assert_int_equal(taken, MOST - 1);
    assert_int_equal(pyn_session_put(p.server, (struct pyn_view){zeros, 2}, &taken), PYN_OK);
    assert_int_equal(taken, 1);
    assert_int_equal(pyn_session_put(p.server, (struct pyn_view){zeros, 1}, &taken), PYN_EWAIT);
    assert_int_equal(taken, 0);
    peers_expect_none(&p, p.server);
    assert_false(pyn_session_is_quiet(p.server));
    pyn_session_call_free(p.server, call);
    peers_fini(&p);
}

static void a_peer_that_is_not_read_fills_a_bounded_buffer(void **state)
{
    struct peers p;
    uint8_t *space = NULL;
    size_t room = 0;
    size_t held = 0;
    pyn_status st = PYN_OK;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.limits.message_max = 4096;
    p.quotas.max[PYN_Q_CALLS] = 1;
    peers_meet_raw(&p);
    put(&p, CALL_ADD CALL_ADD);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    while ((st = pyn_session_space(p.server, &space, &room)) == PYN_OK) {
        memset(space, 0, room);
        pyn_session_received(p.server, room);
        held += room;
        peers_expect_none(&p, p.server);
        assert_true(held < 1024 * 1024);
    }
    assert_int_equal(st, PYN_EWAIT);
    assert_true(held >= 64 * 1024); /* a read of 64 KiB that was under way has room */
    pyn_session_call_free(p.server, call);
    peers_fini(&p);
}

static void a_call_of_ours_beyond_the_message_limit_is_not_sent(void **state)
{
    (void)state;
    for (size_t len = 1023; len <= 1025; len++) {
        struct peers p;
        uint8_t call[1025] = {0x94, 0x09, 0xa1, 0x78, 0x91, 0xc5};
        call[6] = (uint8_t)((len - 9) >> 8);
        call[7] = (uint8_t)(len - 9);
        call[len - 1] = 0x80;
        peers_init(&p, pyn_mem_default());
        p.quotas.limits.message_max = 1024;
        peers_meet_raw(&p);
        assert_int_equal(pyn_session_send_call(p.server, 1, (struct pyn_view){call, len}, NULL),
                         len <= 1024 ? PYN_OK : PYN_EQUOTA);
        assert_int_equal(pyn_session_output(p.server).len, len <= 1024 ? len + 5 : 0);
        peers_fini(&p);
    }
}

static void refusals_beyond_the_burst_end_it(void **state)
{
    (void)state;
    for (uint32_t burst = 2; burst <= 4; burst++) {
        struct peers p;
        peers_init(&p, pyn_mem_default());
        p.quotas.refusals_burst = burst;
        peers_meet_raw(&p);
        put(&p, "94 00 a3 73 75 62 90 80 0a 94 05 a3 73 75 62 90 80 0a 94 00 a3 61 64 64 90 80 0a");
        if (burst < 3) {
            expect_end(&p, p.server, PYN_EFLOOD);
        } else {
            peers_expect_none(&p, p.server);
        }
        peers_fini(&p);
    }
}

static void a_peer_that_does_not_read_is_throttled_and_then_left(void **state)
{
    struct peers p;
    struct pyn_event event;
    uint8_t reply[1003] = {0xc5, 0x03, 0xe8};
    const size_t len = sizeof reply + 3; /* with its head and newline */

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_OUTPUT] = 4 * len;
    peers_meet_raw(&p);
    put(&p, CALL_ADD CALL_ADD CALL_ADD CALL_ADD CALL_ADD CALL_ADD);
    for (int i = 0; i < 3; i++) {
        struct pyn_call *call = peers_expect_call(&p, p.server);
        peers_expect_none(&p, p.server);
        assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){reply, sizeof reply}), PYN_OK);
        pyn_session_call_free(p.server, call);
        assert_int_equal(pyn_session_wants_input(p.server), i < 2); /* half of it is reached, not exceeded, by two */
    }
    assert_int_equal(pyn_session_output(p.server).len, 3 * len);
    /* The calls were taken before: the fourth reply fits, the fifth does not. */
    pyn_session_call_free(p.server, peers_expect_call(&p, p.server));
    assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){reply, sizeof reply}), PYN_OK);
    assert_int_equal(peers_used(p.server, PYN_Q_OUTPUT), 4 * len);
    pyn_session_call_free(p.server, peers_expect_call(&p, p.server));
    assert_int_equal(peers_call(p.server, 1, 9, "tell", 1, "01"), PYN_EQUOTA); /* a call of ours is refused only */
    assert_int_equal(pyn_session_ping(p.server, 1), PYN_EQUOTA);
    assert_int_equal(pyn_session_state(p.server), PYN_OK);
    pyn_session_written(p.server, len);
    assert_int_equal(peers_call(p.server, 1, 9, "tell", 1, "01"), PYN_OK);
    const uint8_t lane_1[] = {0x92, 0xfc, 0x01, 0x0a}; /* what was not sent has not switched the lane */
    assert_memory_equal(pyn_session_output(p.server).data + 3 * len, lane_1, sizeof lane_1);
    while (pyn_session_ping(p.server, 1) == PYN_OK) {}
    assert_int_equal(pyn_session_send_return(p.server, 0, support_bytes("03")), PYN_EFLOOD);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EFLOOD);
    assert_true(pyn_session_output(p.server).len > 4 * len - 4); /* with a goodbye */
    peers_fini(&p);
}

static void output_that_was_read_makes_room_again(void **state)
{
    struct peers p;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_OUTPUT] = 600;
    peers_meet_raw(&p);
    for (int i = 0; i < 1000; i++) {
        put(&p, CALL_ADD);
        assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
        pyn_session_written(p.server, 4);
    }
    assert_int_equal(peers_used(p.server, PYN_Q_OUTPUT), 0);
    peers_fini(&p);
}

static void a_reply_beyond_the_message_limit_can_still_be_an_error(void **state)
{
    (void)state;
    for (size_t off = 0; off <= 2; off++) {
        struct peers p;
        uint8_t reply[1026] = {0xc5, 0x03, 0xfa};
        peers_init(&p, pyn_mem_default());
        p.quotas.limits.message_max = 1024;
        peers_meet_raw(&p);
        put(&p, CALL_ADD);
        struct pyn_call *call = peers_expect_call(&p, p.server);
        struct pyn_view value = {reply, 1021 + off}; /* two bytes are the message's own */
        assert_int_equal(pyn_session_send_return(p.server, 0, value), off < 2 ? PYN_OK : PYN_EQUOTA);
        if (off == 2) {
            assert_int_equal(pyn_session_output(p.server).len, 0);
            assert_int_equal(pyn_session_send_error(p.server, 0, pyn_view_of("ValueError"), pyn_view_of("too large"),
                                                    nothing, nothing),
                             PYN_OK);
        }
        pyn_session_call_free(p.server, call);
        peers_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_describes_too_much_is_left),
        cmocka_unit_test(bytes_that_were_read_already_are_taken_as_far_as_they_may_come),
        cmocka_unit_test(a_peer_that_is_not_read_fills_a_bounded_buffer),
        cmocka_unit_test(a_call_of_ours_beyond_the_message_limit_is_not_sent),
        cmocka_unit_test(refusals_beyond_the_burst_end_it),
        cmocka_unit_test(a_peer_that_does_not_read_is_throttled_and_then_left),
        cmocka_unit_test(output_that_was_read_makes_room_again),
        cmocka_unit_test(a_reply_beyond_the_message_limit_can_still_be_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
