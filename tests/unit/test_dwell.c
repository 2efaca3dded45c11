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
        const uint32_t most = failed < PYN_DWELL_VAIN_LOG2 ? failed : PYN_DWELL_VAIN_LOG2;
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
    struct pyn_dwell dwell = {0};

    assert_true(pyn_dwell_may(&dwell));
    while (pyn_dwell_yield(&dwell)) {}
    assert_true(pyn_now() - dwell.from >= PYN_DWELL_NS);
    assert_false(pyn_dwell_yield(&dwell));
}

/* One wait in which the processor was away for so long. */
static uint32_t left_out_after(struct pyn_dwell *dwell, uint64_t away)
{
    assert_int_equal(dwell->skips, 0);
    (void)pyn_dwell_begin(dwell, 1000);
    (void)pyn_dwell_yielded(dwell, 1000 + away);
    pyn_dwell_note(dwell, true);
    return left_out(dwell);
}

static void a_processor_that_comes_back_late_is_not_given_away_for_long(void **state)
{
    struct pyn_dwell dwell = {0};

    assert_int_equal(left_out_after(&dwell, PYN_DWELL_LATE_NS - 1), 0);
    assert_int_equal(left_out_after(&dwell, PYN_DWELL_LATE_NS), 0);
    assert_int_equal(left_out_after(&dwell, PYN_DWELL_LATE_NS + 1), 1023);
    assert_int_equal(left_out_after(&dwell, PYN_DWELL_LATE_NS + 1), 2047);
    for (int i = 0; i < 10; i++) {
        (void)left_out_after(&dwell, PYN_DWELL_LATE_NS + 1);
    }
    assert_int_equal(left_out_after(&dwell, PYN_DWELL_LATE_NS + 1), 16383); /* and no more */
    assert_int_equal(left_out_after(&dwell, 1000), 0); /* one that pays makes up for a part of it */
    assert_int_equal(left_out_after(&dwell, PYN_DWELL_LATE_NS + 1), 16383);
}

/* One wait that ends well, after so many yields. True: it began with the first of them. */
static bool began_blind(struct pyn_dwell *dwell, int yields)
{
    bool was_blind = pyn_dwell_begin(dwell, 1000);

    for (int i = 0; i < yields; i++) {
        (void)pyn_dwell_yielded(dwell, 2000);
    }
    pyn_dwell_note(dwell, true);
    return was_blind;
}

static void who_has_had_to_yield_yields_first(void **state)
{
    struct pyn_dwell dwell = {0};
    int blind = 0;

    assert_false(began_blind(&dwell, 0));
    assert_false(began_blind(&dwell, 1));
    assert_true(began_blind(&dwell, 1));
    for (int i = 0; i < 4 * PYN_DWELL_FIRST_LOOK; i++) {
        blind += began_blind(&dwell, 1);
    }
    assert_int_equal(blind, 4 * (PYN_DWELL_FIRST_LOOK - 1)); /* now and then it looks first all the same, */
    while (began_blind(&dwell, 1)) {}
    assert_true(began_blind(&dwell, 0));  /* and if it finds something, */
    assert_false(began_blind(&dwell, 0)); /* goes on with that */
}

static void a_wait_in_vain_says_nothing_of_the_first_look(void **state)
{
    struct pyn_dwell dwell = {0};

    (void)began_blind(&dwell, 1);
    (void)pyn_dwell_begin(&dwell, 1000);
    pyn_dwell_note(&dwell, false);
    assert_true(pyn_dwell_begin(&dwell, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_one_looks_and_goes_on_as_long_as_it_pays),
        cmocka_unit_test(each_time_in_vain_leaves_out_twice_as_many_up_to_a_bound),
        cmocka_unit_test(one_that_pays_makes_up_for_all_that_did_not),
        cmocka_unit_test(it_ends_when_its_time_is_over_and_not_ahead_of_that),
        cmocka_unit_test(a_processor_that_comes_back_late_is_not_given_away_for_long),
        cmocka_unit_test(who_has_had_to_yield_yields_first),
        cmocka_unit_test(a_wait_in_vain_says_nothing_of_the_first_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
