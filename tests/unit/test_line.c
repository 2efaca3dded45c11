/* test_line.c - are calls taken in their order, and one-way calls that had to wait ahead of what arrived after them? */
#include "support.h"

#include "../../src/runtime/line.h"

enum { CALLS_MAX = 8 };

static struct pyn_call calls[CALLS_MAX];

/* In a lane that is ten times its number. */
static struct pyn_call *call(uint64_t arrival)
{
    calls[arrival] = (struct pyn_call){.arrival = arrival, .lane = arrival * 10};
    return &calls[arrival];
}

static struct pyn_call *overdue(uint64_t arrival)
{
    call(arrival)->is_oneway = true;
    calls[arrival].is_overdue = true;
    return &calls[arrival];
}

/* And nobody behind them. */
static void assert_order(struct pyn_line *line, size_t count, const uint64_t *arrivals)
{
    for (size_t i = 0; i < count; i++) {
        struct pyn_call *taken = pyn_line_take(line);
        assert_non_null(taken);
        assert_int_equal(taken->arrival, arrivals[i]);
    }
    assert_null(pyn_line_take(line));
    assert_null(line->last);
}

static void nobody_stands_in_a_zeroed_one(void **state)
{
    struct pyn_line line = {0};

    assert_order(&line, 0, NULL);
    assert_null(pyn_line_find(&line, 0));
}

static void they_are_taken_in_the_order_in_which_they_were_put_in_whenever_they_arrived(void **state)
{
    static const uint64_t order[] = {3, 1, 2};
    struct pyn_line line = {0};

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 3; i++) {
            pyn_line_put(&line, call(order[i]));
        }
        assert_order(&line, 3, order);
    }
}

static void one_that_is_overdue_goes_ahead_of_all_that_arrived_after_it_and_of_no_other(void **state)
{
    static const uint64_t last[] = {1, 4, 2, 5};
    static const uint64_t between[] = {1, 3, 4, 2};
    static const uint64_t first[] = {0, 1, 4, 2};
    struct pyn_line line = {0};

    for (uint64_t late = 0; late < 3; late++) {
        pyn_line_put(&line, call(1));
        pyn_line_put(&line, call(4));
        pyn_line_put(&line, call(2));
        pyn_line_put(&line, overdue(late == 0 ? 5 : late == 1 ? 3 : 0));
        assert_order(&line, 4, late == 0 ? last : late == 1 ? between : first);
    }
}

static void one_that_is_overdue_stands_alone_where_there_is_nobody_and_others_come_behind_it(void **state)
{
    static const uint64_t order[] = {5, 1, 6};
    struct pyn_line line = {0};

    pyn_line_put(&line, overdue(5));
    pyn_line_put(&line, call(1));
    pyn_line_put(&line, overdue(6));
    assert_order(&line, 3, order);
}

static void one_is_found_by_its_lane(void **state)
{
    struct pyn_line line = {0};

    pyn_line_put(&line, call(1));
    pyn_line_put(&line, call(2));
    assert_ptr_equal(pyn_line_find(&line, 20), &calls[2]);
    assert_null(pyn_line_find(&line, 30));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_stands_in_a_zeroed_one),
        cmocka_unit_test(they_are_taken_in_the_order_in_which_they_were_put_in_whenever_they_arrived),
        cmocka_unit_test(one_that_is_overdue_goes_ahead_of_all_that_arrived_after_it_and_of_no_other),
        cmocka_unit_test(one_that_is_overdue_stands_alone_where_there_is_nobody_and_others_come_behind_it),
        cmocka_unit_test(one_is_found_by_its_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
