/* test_allowance.c - what is granted, overdrawn, denied, and told. */
#include "support.h"

#include "../../src/quota/allowance.h"

static const uint64_t MIB = UINT64_C(1) << 20;
static const uint64_t SMALL = 1000;

static struct pyn_allowance begin(struct pyn_owner *owner, uint64_t held, uint64_t call)
{
    struct pyn_allowance allowance;

    pyn_allowance_init(&allowance, owner, held, call);
    return allowance;
}

static void end(struct pyn_owner *owner)
{
    pyn_owner_refund(owner, pyn_owner_charged(owner));
    pyn_owner_unref(owner);
}

static void the_limit_itself_is_granted_and_one_byte_more_is_not(void **state)
{
    struct pyn_owner *owner = pyn_owner_new();
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
    struct pyn_owner *owner = pyn_owner_new();
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
    struct pyn_owner *owner = pyn_owner_new();
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
    struct pyn_owner *owner = pyn_owner_new();
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
    struct pyn_owner *owner = pyn_owner_new();
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
    struct pyn_owner *owner = pyn_owner_new();
    struct pyn_allowance a = begin(owner, 0, 0);

    (void)state;
    assert_int_equal(pyn_allowance_charge(&a, UINT64_C(1) << 50, MIB), PYN_GRANTED);
    assert_false(a.was_denied);
    end(owner);
}

static void a_size_near_the_end_of_the_range_does_not_wrap(void **state)
{
    struct pyn_owner *owner = pyn_owner_new();
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
    struct pyn_owner *owner = pyn_owner_new();

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
        cmocka_unit_test(a_size_near_the_end_of_the_range_does_not_wrap),
        cmocka_unit_test(an_owner_lives_as_long_as_anything_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
