/* test_allowance.c - what is granted, overdrawn, denied, and told. */
#include "support.h"

#include "../../src/quota/allowance.h"

static const uint64_t MIB = UINT64_C(1) << 20;
static const uint64_t SMALL = 1000;

static struct pyn_allowance begin(struct pyn_owner *owner, uint64_t held, uint64_t call)
{
    struct pyn_allowance allowance;

    pyn_allowance_init(&allowance, owner,
                       (const uint64_t[PYN_Q_COUNT]){[PYN_Q_MEMORY] = held, [PYN_Q_CALL_MEMORY] = call});
    return allowance;
}

static void end(struct pyn_owner *owner)
{
    pyn_owner_refund(owner, pyn_owner_charged(owner));
    pyn_owner_unref(owner);
}

static void the_limit_itself_is_granted_and_one_byte_more_is_not(void **state)
{
    struct pyn_owner *owner = pyn_owner_new(NULL);
    struct pyn_allowance a = begin(owner, MIB, 0);

    (void)state;
    assert_true(pyn_allowance_fits(&a, MIB));
    assert_false(pyn_allowance_fits(&a, MIB + 1));
    assert_int_equal(pyn_allowance_charge(&a, MIB - 1, MIB), PYN_GRANTED);
    assert_int_equal(pyn_allowance_charge(&a, 1, MIB), PYN_GRANTED);
    assert_false(a.was_denied);
    assert_int_equal(pyn_allowance_charge(&a, 1, MIB), PYN_DENIED);
    assert_true(a.was_denied);
    assert_false(a.is_overdrawn); /* nobody has to be interrupted */
    assert_false(a.is_pressed);
    assert_int_equal(a.which, PYN_Q_MEMORY);
    assert_int_equal(pyn_owner_charged(owner), MIB);
    pyn_owner_refund(owner, 1);
    assert_int_equal(pyn_allowance_charge(&a, 1, MIB), PYN_GRANTED);
    assert_int_equal(owner->peak, MIB);
    end(owner);
}

static void a_request_is_large_from_its_own_size_on(void **state)
{
    struct pyn_owner *owner = pyn_owner_new(NULL);
    struct pyn_allowance a = begin(owner, MIB, 0);

    (void)state;
    assert_int_equal(pyn_allowance_charge(&a, MIB, MIB), PYN_GRANTED);
    assert_int_equal(pyn_allowance_charge(&a, 4096, PYN_ALLOWANCE_LARGE + 1), PYN_DENIED);
    assert_int_equal(pyn_allowance_charge(&a, PYN_ALLOWANCE_LARGE, PYN_ALLOWANCE_LARGE), PYN_GRANTED);
    assert_true(a.is_overdrawn);
    assert_true(a.is_pressed);
    end(owner);
}

static void beyond_the_grace_one_small_request_fails_and_the_next_ones_pass(void **state)
{
    struct pyn_owner *owner = pyn_owner_new(NULL);
    struct pyn_allowance a = begin(owner, MIB, 0);

    (void)state;
    assert_int_equal(pyn_allowance_charge(&a, MIB, MIB), PYN_GRANTED);
    assert_int_equal(pyn_allowance_charge(&a, PYN_ALLOWANCE_GRACE, SMALL), PYN_GRANTED);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(pyn_allowance_charge(&a, 4096, SMALL), PYN_DENIED);
        for (int i = 0; i < PYN_ALLOWANCE_PASSES; i++) {
            assert_int_equal(pyn_allowance_charge(&a, 4096, SMALL), PYN_GRANTED);
        }
    }
    assert_int_equal(pyn_allowance_charge(&a, 4096, SMALL), PYN_DENIED);
    end(owner);
}

static void a_call_may_take_less_than_its_connection_may_hold(void **state)
{
    struct pyn_owner *owner = pyn_owner_new(NULL);
    struct pyn_allowance a = begin(owner, 10 * MIB, 0);

    (void)state;
    assert_int_equal(pyn_allowance_charge(&a, 3 * MIB, MIB), PYN_GRANTED);
    a = begin(owner, 10 * MIB, 2 * MIB);
    assert_int_equal(pyn_allowance_charge(&a, 2 * MIB, MIB), PYN_GRANTED);
    assert_int_equal(pyn_allowance_charge(&a, 1, MIB), PYN_DENIED);
    assert_int_equal(a.which, PYN_Q_CALL_MEMORY);
    a = begin(owner, 10 * MIB, 8 * MIB); /* the next one: what the connection holds counts for more */
    assert_int_equal(pyn_allowance_charge(&a, 5 * MIB, MIB), PYN_GRANTED);
    assert_int_equal(pyn_allowance_charge(&a, 1, MIB), PYN_DENIED);
    assert_int_equal(a.which, PYN_Q_MEMORY);
    assert_int_equal(owner->refused, 2);
    end(owner);
}

static void the_first_limit_is_told_and_a_call_counts_once(void **state)
{
    struct pyn_owner *owner = pyn_owner_new(NULL);
    struct pyn_allowance a = begin(owner, 2 * MIB, MIB);

    (void)state;
    assert_int_equal(pyn_allowance_charge(&a, MIB + 1, SMALL), PYN_GRANTED);
    assert_int_equal(pyn_allowance_charge(&a, 2 * MIB, MIB), PYN_DENIED);
    assert_int_equal(a.which, PYN_Q_CALL_MEMORY);
    assert_int_equal(owner->refused, 1);
    end(owner);
}

static void without_limits_everything_is_granted(void **state)
{
    struct pyn_owner *owner = pyn_owner_new(NULL);
    struct pyn_allowance a = begin(owner, 0, 0);

    (void)state;
    assert_int_equal(pyn_allowance_charge(&a, UINT64_C(1) << 50, MIB), PYN_GRANTED);
    assert_false(a.was_denied);
    end(owner);
}

/* ---- estates ---- */

static void refund(struct pyn_owner *owner, uint64_t bytes)
{
    pyn_owner_refund(owner, bytes);
    pyn_owner_unref(owner);
}

static void what_a_peer_has_left_counts_when_it_comes_back(void **state)
{
    const uint64_t max[PYN_Q_COUNT] = {[PYN_Q_MEMORY] = 2 * MIB, [PYN_Q_PEER_MEMORY] = 3 * MIB};
    struct pyn_estate *peer = pyn_estate_new(NULL);
    struct pyn_owner *first = pyn_owner_new(peer);
    struct pyn_owner *second = pyn_owner_new(peer);
    struct pyn_allowance a;

    (void)state;
    pyn_allowance_init(&a, first, max);
    assert_int_equal(pyn_allowance_charge(&a, 2 * MIB, MIB), PYN_GRANTED);
    pyn_allowance_init(&a, second, max);
    assert_true(pyn_allowance_fits(&a, MIB));
    assert_false(pyn_allowance_fits(&a, MIB + 1));
    assert_int_equal(pyn_allowance_charge(&a, MIB, MIB), PYN_GRANTED);
    assert_int_equal(pyn_allowance_charge(&a, 1, MIB), PYN_DENIED);
    assert_int_equal(a.which, PYN_Q_PEER_MEMORY);
    assert_int_equal(pyn_estate_charged(peer), 3 * MIB);
    refund(first, 2 * MIB); /* whoever frees it */
    pyn_allowance_init(&a, second, max);
    assert_int_equal(pyn_allowance_charge(&a, MIB, MIB), PYN_GRANTED);
    assert_int_equal(pyn_allowance_charge(&a, 1, MIB), PYN_DENIED);
    assert_int_equal(a.which, PYN_Q_MEMORY);
    refund(second, 2 * MIB);
    assert_int_equal(pyn_estate_charged(peer), 0);
    pyn_estate_unref(peer);
}

static void who_has_left_as_much_as_it_may_has_a_little_to_work_with_and_then_nothing(void **state)
{
    const uint64_t max[PYN_Q_COUNT] = {[PYN_Q_PEER_MEMORY] = MIB};
    struct pyn_estate *peer = pyn_estate_new(NULL);
    struct pyn_owner *owner = pyn_owner_new(peer);
    struct pyn_allowance a;

    (void)state;
    pyn_allowance_init(&a, owner, max);
    assert_int_equal(pyn_allowance_charge(&a, MIB, MIB), PYN_GRANTED);
    for (size_t taken = 0; taken < PYN_ALLOWANCE_GRACE; taken += PYN_ALLOWANCE_ROOM) {
        pyn_allowance_init(&a, owner, max);
        assert_false(a.is_spent);
        assert_int_equal(pyn_allowance_charge(&a, PYN_ALLOWANCE_ROOM, MIB), PYN_GRANTED);
        assert_int_equal(pyn_allowance_charge(&a, 1, MIB), PYN_DENIED);
        assert_int_equal(a.which, PYN_Q_PEER_MEMORY);
    }
    pyn_allowance_init(&a, owner, max);
    assert_false(a.is_spent); /* up to the last byte */
    assert_int_equal(pyn_allowance_charge(&a, 1, MIB), PYN_GRANTED);
    pyn_allowance_init(&a, owner, max);
    assert_true(a.is_spent);
    assert_int_equal(a.least, PYN_Q_PEER_MEMORY);
    assert_false(pyn_allowance_fits(&a, 1));
    pyn_owner_refund(owner, 1);
    pyn_allowance_init(&a, owner, max);
    assert_false(a.is_spent);
    refund(owner, MIB + PYN_ALLOWANCE_GRACE);
    pyn_estate_unref(peer);
}

static void the_least_of_all_limits_is_told(void **state)
{
    static const struct {
        uint64_t call, peer, server;
        enum pyn_quota least;
    } cases[] = {
        {0, 0, 0, PYN_Q_MEMORY},        {2, 0, 0, PYN_Q_CALL_MEMORY},   {2, 1, 0, PYN_Q_PEER_MEMORY},
        {2, 1, 9, PYN_Q_PEER_MEMORY},   {1, 9, 9, PYN_Q_CALL_MEMORY},   {0, 9, 4, PYN_Q_SERVER_MEMORY},
        {0, 0, 4, PYN_Q_SERVER_MEMORY}, {0, 9, 9, PYN_Q_SERVER_MEMORY}, {0, 2, 5, PYN_Q_PEER_MEMORY},
        {0, 99, 99, PYN_Q_MEMORY},
    };
    struct pyn_estate *all = pyn_estate_new(NULL);
    struct pyn_estate *peer = pyn_estate_new(all);
    struct pyn_owner *other = pyn_owner_new(all);
    struct pyn_owner *owner = pyn_owner_new(peer);
    struct pyn_allowance a = begin(other, 0, 0);

    (void)state;
    assert_int_equal(pyn_allowance_charge(&a, 3 * MIB, MIB), PYN_GRANTED); /* of another peer's */
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        const uint64_t max[PYN_Q_COUNT] = {[PYN_Q_MEMORY] = 8 * MIB,
                                           [PYN_Q_CALL_MEMORY] = cases[i].call * MIB,
                                           [PYN_Q_PEER_MEMORY] = cases[i].peer * MIB,
                                           [PYN_Q_SERVER_MEMORY] = cases[i].server * MIB};
        pyn_allowance_init(&a, owner, max);
        assert_int_equal(a.least, cases[i].least);
        assert_false(a.is_spent);
    }
    refund(other, 3 * MIB);
    refund(owner, 0);
    pyn_estate_unref(peer);
    pyn_estate_unref(all);
}

static void a_size_near_the_end_of_the_range_does_not_wrap(void **state)
{
    struct pyn_owner *owner = pyn_owner_new(NULL);
    struct pyn_allowance a = begin(owner, MIB, MIB);

    (void)state;
    assert_int_equal(pyn_allowance_charge(&a, MIB / 2, MIB), PYN_GRANTED);
    assert_int_equal(pyn_allowance_charge(&a, UINT64_MAX, UINT64_MAX), PYN_DENIED);
    assert_int_equal(pyn_allowance_charge(&a, UINT64_MAX - MIB, UINT64_MAX), PYN_DENIED);
    assert_int_equal(pyn_owner_charged(owner), MIB / 2);
    end(owner);
}

static void an_owner_lives_as_long_as_anything_of_it(void **state)
{
    struct pyn_owner *owner = pyn_owner_new(NULL);

    (void)state;
    pyn_owner_ref(owner);
    pyn_owner_unref(owner);
    assert_int_equal(pyn_owner_charged(owner), 0); /* it is still there */
    pyn_owner_unref(owner);
    pyn_owner_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_itself_is_granted_and_one_byte_more_is_not),
        cmocka_unit_test(a_request_is_large_from_its_own_size_on),
        cmocka_unit_test(beyond_the_grace_one_small_request_fails_and_the_next_ones_pass),
        cmocka_unit_test(a_call_may_take_less_than_its_connection_may_hold),
        cmocka_unit_test(the_first_limit_is_told_and_a_call_counts_once),
        cmocka_unit_test(without_limits_everything_is_granted),
        cmocka_unit_test(what_a_peer_has_left_counts_when_it_comes_back),
        cmocka_unit_test(who_has_left_as_much_as_it_may_has_a_little_to_work_with_and_then_nothing),
        cmocka_unit_test(the_least_of_all_limits_is_told),
        cmocka_unit_test(a_size_near_the_end_of_the_range_does_not_wrap),
        cmocka_unit_test(an_owner_lives_as_long_as_anything_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
