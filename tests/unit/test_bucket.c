/* test_bucket.c - does a bucket give what it holds, get it back with time, and agree with a model whatever is asked of it? */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "../../src/quota/bucket.h"

static const uint64_t SECOND = UINT64_C(1000000000);
static const struct pyn_rate two_a_second = {.per_second = 2, .burst = 5};

static void as_many_as_it_holds_are_there_at_once_and_not_one_more(void **state)
{
    struct pyn_bucket bucket = pyn_bucket_full(&two_a_second, SECOND);

    for (int i = 0; i < 5; i++) {
        assert_true(pyn_bucket_take(&bucket, &two_a_second, 1, SECOND));
    }
    assert_false(pyn_bucket_take(&bucket, &two_a_second, 1, SECOND));
    assert_false(pyn_bucket_has(&bucket, &two_a_second, 1, SECOND));
}

static void they_come_back_with_time_to_the_nanosecond_and_never_more_than_it_holds(void **state)
{
    struct pyn_bucket bucket = pyn_bucket_full(&two_a_second, SECOND);
    uint64_t now = SECOND;

    assert_true(pyn_bucket_take(&bucket, &two_a_second, 5, now));
    assert_false(pyn_bucket_take(&bucket, &two_a_second, 1, now + SECOND / 2 - 1));
    assert_true(pyn_bucket_take(&bucket, &two_a_second, 1, now + SECOND / 2));
    assert_false(pyn_bucket_take(&bucket, &two_a_second, 1, now + SECOND / 2));
    now += 365 * 86400 * SECOND; /* a clock that jumps forward */
    assert_true(pyn_bucket_take(&bucket, &two_a_second, 5, now));
    assert_false(pyn_bucket_take(&bucket, &two_a_second, 0.5, now));
}

static void a_clock_that_steps_back_gives_nothing_and_takes_nothing(void **state)
{
    struct pyn_bucket bucket = pyn_bucket_full(&two_a_second, 10 * SECOND);

    assert_true(pyn_bucket_take(&bucket, &two_a_second, 4, 10 * SECOND));
    assert_true(pyn_bucket_take(&bucket, &two_a_second, 1, 0));
    assert_false(pyn_bucket_take(&bucket, &two_a_second, 1, 0));
    assert_false(pyn_bucket_take(&bucket, &two_a_second, 1, 10 * SECOND));
    assert_true(pyn_bucket_take(&bucket, &two_a_second, 1, 10 * SECOND + SECOND / 2));
}

static void more_than_it_ever_holds_is_given_when_it_is_full_and_owed(void **state)
{
    struct pyn_bucket bucket = pyn_bucket_full(&two_a_second, 0);

    assert_true(pyn_bucket_take(&bucket, &two_a_second, 9, 0)); /* 4 are owed */
    assert_false(pyn_bucket_take(&bucket, &two_a_second, 1, 2 * SECOND));
    assert_true(pyn_bucket_take(&bucket, &two_a_second, 1, 2 * SECOND + SECOND / 2));
    assert_false(pyn_bucket_take(&bucket, &two_a_second, 9, 4 * SECOND + SECOND / 2)); /* 4 of 5 are back */
    assert_true(pyn_bucket_take(&bucket, &two_a_second, 9, 5 * SECOND));
}

static void the_wait_is_as_long_as_it_says(void **state)
{
    static const double amounts[] = {0.25, 1, 3, 5, 100};

    for (size_t i = 0; i < SUPPORT_COUNT(amounts); i++) {
        struct pyn_bucket bucket = pyn_bucket_full(&two_a_second, 0);
        assert_true(pyn_bucket_wait(&bucket, &two_a_second, amounts[i], 0) == 0);
        pyn_bucket_spend(&bucket, &two_a_second, 7, 0);
        double wait = pyn_bucket_wait(&bucket, &two_a_second, amounts[i], 0);
        assert_false(pyn_bucket_has(&bucket, &two_a_second, amounts[i], (uint64_t)(wait * 1e9) - 2));
        assert_true(pyn_bucket_has(&bucket, &two_a_second, amounts[i], (uint64_t)(wait * 1e9) + 2));
    }
}

static void what_never_comes_back_is_waited_for_for_ever(void **state)
{
    const struct pyn_rate once = {.per_second = 0, .burst = 1};
    struct pyn_bucket bucket = pyn_bucket_full(&once, 0);

    assert_true(pyn_bucket_take(&bucket, &once, 1, 0));
    assert_true(isinf(pyn_bucket_wait(&bucket, &once, 1, 1000 * SECOND)));
}

static void who_goes_on_and_on_owes_no_more_than_one_burst_and_the_last_amount(void **state)
{
    struct pyn_bucket bucket = pyn_bucket_full(&two_a_second, 0);

    for (int i = 0; i < 100000; i++) {
        pyn_bucket_spend(&bucket, &two_a_second, 3, 0);
    }
    assert_true(pyn_bucket_wait(&bucket, &two_a_second, 5, 0) <= (5 + 5 + 3) / 2.0);
}

/* ---- against a model: integers, in units of a billionth of a token, and time that only passes where the clock goes forward ---- */

enum { ROUNDS = 200000 };

static void whatever_is_asked_it_agrees_with_a_model(void **state)
{
    const char *given = getenv("PYNTO_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
    const int64_t unit = INT64_C(1000000000);
    uint64_t clock = SECOND;
    uint64_t latest = clock;

    print_message("PYNTO_TEST_SEED=%llu\n", (unsigned long long)seed);
    for (int world = 0; world < 20; world++) {
        const int64_t per_second = 1 + (int64_t)support_below(&seed, 1000);
        const int64_t burst = 1 + (int64_t)support_below(&seed, 5000);
        const struct pyn_rate rate = {.per_second = (double)per_second, .burst = (double)burst};
        struct pyn_bucket bucket = pyn_bucket_full(&rate, latest);
        int64_t model = burst * unit;
        uint64_t counted = latest;
        for (int round = 0; round < ROUNDS / 20; round++) {
            int64_t amount = 1 + (int64_t)support_below(&seed, (size_t)burst * 2);
            int64_t passed = 0;
            bool fits = false;
            clock = support_below(&seed, 20) == 0 ? support_below(&seed, latest)
                                                  : latest + support_below(&seed, SECOND / 4);
            passed = clock > counted ? (int64_t)(clock - counted) : 0;
            counted += (uint64_t)passed;
            latest = clock > latest ? clock : latest;
            model += passed * per_second;
            model = model > burst * unit ? burst * unit : model;
            fits = model >= (amount < burst ? amount : burst) * unit;
            if (llabs(model - (amount < burst ? amount : burst) * unit) < 1000) {
                (void)pyn_bucket_has(&bucket, &rate, 1, clock);
                continue; /* a millionth of a token is where rounding may say either; the clock was seen all the same */
            }
            assert_int_equal(pyn_bucket_take(&bucket, &rate, (double)amount, clock), fits);
            model -= fits ? amount * unit : 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_it_holds_are_there_at_once_and_not_one_more),
        cmocka_unit_test(they_come_back_with_time_to_the_nanosecond_and_never_more_than_it_holds),
        cmocka_unit_test(a_clock_that_steps_back_gives_nothing_and_takes_nothing),
        cmocka_unit_test(more_than_it_ever_holds_is_given_when_it_is_full_and_owed),
        cmocka_unit_test(the_wait_is_as_long_as_it_says),
        cmocka_unit_test(what_never_comes_back_is_waited_for_for_ever),
        cmocka_unit_test(who_goes_on_and_on_owes_no_more_than_one_burst_and_the_last_amount),
        cmocka_unit_test(whatever_is_asked_it_agrees_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
