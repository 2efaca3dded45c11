/* test_dwell.c - looking again for a moment: as long as it pays, never for long, and seldom when it does not pay. */
#include "support.h"

#include "../../src/runtime/dwell.h"

/* How many waits are left out before the next one is looked for. */
static uint32_t left_out(struct pyn_dwell *dwell)
{
    uint32_t count = 0;

    while (!pyn_dwell_may(dwell)) {
        count++;
    }
    return count;
}

static void a_zeroed_one_looks_and_goes_on_as_long_as_it_pays(void **state)
{
    struct pyn_dwell dwell = {0};

    for (int i = 0; i < 1000; i++) {
        assert_true(pyn_dwell_may(&dwell));
        pyn_dwell_note(&dwell, true);
    }
}

static void each_time_in_vain_leaves_out_twice_as_many_up_to_a_bound(void **state)
{
    struct pyn_dwell dwell = {0};

    for (uint32_t failed = 1; failed < 40; failed++) {
        const uint32_t most = failed < PYN_DWELL_SKIPS_LOG2 ? failed : PYN_DWELL_SKIPS_LOG2;
        pyn_dwell_note(&dwell, false);
        assert_int_equal(left_out(&dwell), (UINT32_C(1) << most) - 1);
    }
}

static void one_that_pays_makes_up_for_all_that_did_not(void **state)
{
    struct pyn_dwell dwell = {0};

    for (int i = 0; i < 20; i++) {
        pyn_dwell_note(&dwell, false);
        (void)left_out(&dwell);
    }
    pyn_dwell_note(&dwell, true);
    assert_int_equal(left_out(&dwell), 0);
    pyn_dwell_note(&dwell, false);
    assert_int_equal(left_out(&dwell), 1);
}

static void it_ends_when_its_time_is_over_and_not_ahead_of_that(void **state)
{
    const uint64_t from = pyn_now();

    while (pyn_dwell_yield(from)) {}
    assert_true(pyn_now() - from >= PYN_DWELL_NS);
    assert_false(pyn_dwell_yield(from));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_one_looks_and_goes_on_as_long_as_it_pays),
        cmocka_unit_test(each_time_in_vain_leaves_out_twice_as_many_up_to_a_bound),
        cmocka_unit_test(one_that_pays_makes_up_for_all_that_did_not),
        cmocka_unit_test(it_ends_when_its_time_is_over_and_not_ahead_of_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
