/* test_crowd.c - is each source counted for itself, exactly, and nothing kept of those that are gone? */
#include "support.h"

#include <stdlib.h>
#include <time.h>

#include "../../src/runtime/crowd.h"

enum { SOURCES = 200, ROUNDS = 100000, MOST = 5 };

static void number(uint8_t source[PYN_CROWD_SOURCE_LEN], uint64_t half, uint64_t rest)
{
    memcpy(source, &half, sizeof half);
    memcpy(source + sizeof half, &rest, sizeof rest);
}

static void as_many_as_it_may_and_not_one_more(void **state)
{
    struct pyn_crowd crowd = {0};
    uint8_t source[PYN_CROWD_SOURCE_LEN];
    uint8_t other[PYN_CROWD_SOURCE_LEN];

    number(source, 1, 2);
    number(other, 1, 3);
    assert_true(pyn_crowd_enter(&crowd, source, 2));
    assert_true(pyn_crowd_enter(&crowd, source, 2));
    assert_false(pyn_crowd_enter(&crowd, source, 2));
    assert_true(pyn_crowd_enter(&crowd, other, 2));
    pyn_crowd_leave(&crowd, source);
    assert_true(pyn_crowd_enter(&crowd, source, 2));
    assert_false(pyn_crowd_enter(&crowd, source, 2));
    assert_false(pyn_crowd_enter(&crowd, source, 0));
    pyn_crowd_leave(&crowd, source);
    pyn_crowd_leave(&crowd, source);
    pyn_crowd_leave(&crowd, other);
    assert_int_equal(crowd.map.count, 0);
}

static void whatever_comes_and_goes_it_agrees_with_a_model(void **state)
{
    const char *given = getenv("PYNTO_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
    struct pyn_crowd crowd = {0};
    uint32_t model[SOURCES] = {0};

    print_message("PYNTO_TEST_SEED=%llu\n", (unsigned long long)seed);
    for (int round = 0; round < ROUNDS; round++) {
        size_t which = support_below(&seed, SOURCES);
        uint8_t source[PYN_CROWD_SOURCE_LEN];
        number(source, which % 3 == 0 ? UINT64_C(1) << (which % 60) : 7,
               which); /* near each other, as who chooses them would have it */
        if (support_below(&seed, 2) == 0) {
            bool fits = model[which] < MOST;
            assert_int_equal(pyn_crowd_enter(&crowd, source, MOST), fits);
            model[which] += fits;
        } else if (model[which] > 0) {
            pyn_crowd_leave(&crowd, source);
            model[which]--;
        }
    }
    pyn_crowd_fini(&crowd);
    assert_int_equal(crowd.map.count, 0);
}

static void who_is_on_this_machine_is_near(void **state)
{
    static const struct {
        uint8_t source[PYN_CROWD_SOURCE_LEN];
        bool is_near;
    } rows[] = {
        {{0}, true},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, true},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 2}, false},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}, false},
        {{0x20, 1, 0xd, 0xb8}, false},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        assert_int_equal(pyn_crowd_is_near(rows[i].source), rows[i].is_near);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_it_may_and_not_one_more),
        cmocka_unit_test(whatever_comes_and_goes_it_agrees_with_a_model),
        cmocka_unit_test(who_is_on_this_machine_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
