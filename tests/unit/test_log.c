/* test_log.c - lines go through a queue that neither waits nor grows. */
#include "support.h"

#include "../../src/runtime/log.h"

static void a_line_comes_out_as_it_went_in_and_is_cut_off_where_it_is_too_long(void **state)
{
    struct pyn_log *log = pyn_log_new();
    struct pyn_log_line line;
    uint64_t dropped = 99;
    char longest[400];

    (void)state;
    assert_non_null(log);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    pyn_log_put(log, 7, "unix:/run/x", "the peer is gone");
    pyn_log_put(log, 0, longest, longest);
    assert_true(pyn_log_take(log, &line, &dropped));
    assert_int_equal(line.connection, 7);
    assert_string_equal(line.peer, "unix:/run/x");
    assert_string_equal(line.text, "the peer is gone");
    assert_int_equal(dropped, 0);
    assert_true(pyn_log_take(log, &line, &dropped));
    assert_int_equal(strlen(line.peer), sizeof line.peer - 1);
    assert_int_equal(strlen(line.text), sizeof line.text - 1);
    pyn_log_free(log);
}

static void what_there_is_no_room_for_is_counted_and_told_once(void **state)
{
    struct pyn_log *log = pyn_log_new();
    struct pyn_log_line line;
    const uint64_t before = pyn_log_dropped(log);
    uint64_t dropped = 0;
    uint64_t told = 0;
    char text[16];

    (void)state;
    for (int i = 0; i < 3 * PYN_LOG_LINES; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        pyn_log_put(log, 0, "", text);
    }
    assert_true(pyn_log_dropped(log) - before >= 2 * PYN_LOG_LINES);
    pyn_log_close(log);
    for (int i = 0; pyn_log_take(log, &line, &dropped); i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        assert_string_equal(line.text, text); /* the oldest first, and none is missing */
        assert_true(i < PYN_LOG_LINES);
        told += dropped;
    }
    assert_int_equal(told, pyn_log_dropped(log) - before);
    pyn_log_free(log);
}

static void so_many_lines_a_second_and_no_more_however_fast_they_are_taken(void **state)
{
    struct pyn_log *log = pyn_log_new();
    struct pyn_log_line line;
    uint64_t dropped = 0;
    int taken = 0;

    (void)state;
    pyn_log_put(log, 0, "", "first");
    for (int i = 0; i < 2000; i++) { /* in much less than a second */
        pyn_log_put(log, 0, "", "x");
        if (pyn_log_take(log, &line, &dropped)) {
            taken++;
        }
        pyn_log_put(log, 0, "", "y");
        if (i == 1999 || taken >= 3 * PYN_LOG_AT_ONCE) {
            break;
        }
        if (pyn_log_dropped(log) > 0) { /* nothing can be waited for any more */
            break;
        }
    }
    assert_true(pyn_log_dropped(log) > 0);
    assert_true(taken <= PYN_LOG_AT_ONCE + PYN_LOG_PER_SECOND);
    pyn_log_close(log);
    pyn_log_free(log);
}

static void what_others_have_dropped_counts_as_well(void **state)
{
    struct pyn_log *log = pyn_log_new();
    const uint64_t before = pyn_log_dropped(log);

    (void)state;
    pyn_log_note_dropped();
    pyn_log_note_dropped();
    assert_int_equal(pyn_log_dropped(log) - before, 2);
    pyn_log_free(log);
    pyn_log_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_comes_out_as_it_went_in_and_is_cut_off_where_it_is_too_long),
        cmocka_unit_test(what_there_is_no_room_for_is_counted_and_told_once),
        cmocka_unit_test(so_many_lines_a_second_and_no_more_however_fast_they_are_taken),
        cmocka_unit_test(what_others_have_dropped_counts_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
