/* test_warm.c - is a block that was used found again, with every byte in its place, and never more kept than is said? */

#include <pthread.h>

#include "support.h"

#include "../../src/runtime/warm.h"

enum { KIB = 1 << 10, MIB = 1 << 20, KEPT_MIN = 64 * KIB };

static void *take(void *block, size_t size)
{
    void *taken = pyn_mem_resize(pyn_warm_mem(), block, size, 1);

    assert_non_null(taken);
    return taken;
}

static void give(void *block)
{
    pyn_mem_free(pyn_warm_mem(), block);
}

/* Under a sanitizer everything is the C library's. */
static bool is_keeping(void)
{
    return pyn_warm_mem() != pyn_mem_default();
}

static int empty_shelf(void **state)
{
    (void)state;
    pyn_warm_rest();
    pyn_warm_rest();
    return pyn_warm_len() == 0 ? 0 : -1;
}

static void what_was_used_is_found_again(void **state)
{
    uint8_t *block = take(NULL, MIB);
    uint8_t *again = NULL;

    (void)state;
    assert_int_equal(pyn_warm_len(), 0); /* as large as it was asked for */
    memset(block, 0x5a, MIB);
    give(block);
    assert_int_equal(pyn_warm_len(), is_keeping() ? MIB : 0);
    again = take(NULL, 100 * KIB);
    if (is_keeping()) {
        assert_ptr_equal(again, block);
        assert_int_equal(pyn_warm_len(), MIB - 100 * KIB);
        for (size_t size = 100 * KIB; size <= MIB; size += size / 2) {
            assert_ptr_equal(take(again, size), again); /* it grows where it stands */
            assert_int_equal(pyn_warm_len(), MIB - size);
        }
        assert_ptr_equal(take(again, MIB), again);
        assert_int_equal(pyn_warm_len(), 0);
    }
    give(again);
}

static void a_block_grows_and_shrinks_with_its_bytes(void **state)
{
    static const size_t sizes[] = {100, KEPT_MIN, 3 * MIB, 2 * MIB, MIB, 20 * MIB, 5 * MIB, 200 * KIB, 10, 90 * KIB};
    uint8_t *block = take(NULL, 64);
    size_t before = 64;

    (void)state;
    memset(block, 0x77, before);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t both = sizes[i] < before ? sizes[i] : before;
        block = take(block, sizes[i]);
        for (size_t at = 0; at < both; at++) {
            assert_int_equal(block[at], 0x77);
        }
        memset(block, 0x77, sizes[i]);
        before = sizes[i];
        assert_in_range(pyn_warm_len(), 0, PYN_WARM_MAX);
    }
    if (is_keeping()) { /* a sanitizer does not let anybody ask for that */
        assert_null(pyn_mem_resize(pyn_warm_mem(), block, SIZE_MAX, 1));
        assert_int_equal(block[before - 1], 0x77);
    }
    give(block);
}

static void no_more_is_kept_than_is_said(void **state)
{
    enum { COUNT = 12 };
    void *blocks[COUNT];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = take(NULL, MIB + (size_t)i);
    }
    for (int i = 0; i < COUNT; i++) {
        give(blocks[i]);
        assert_in_range(pyn_warm_len(), 0, PYN_WARM_MAX);
    }
    give(take(NULL, 3 * PYN_WARM_MAX));
    assert_in_range(pyn_warm_len(), is_keeping() ? PYN_WARM_MAX - KEPT_MIN : 0, PYN_WARM_MAX);
}

static void the_largest_is_kept_as_far_as_there_is_room(void **state)
{
    static const size_t sizes[] = {KEPT_MIN - 1, KEPT_MIN, PYN_WARM_MAX - 1, PYN_WARM_MAX, PYN_WARM_MAX + 1};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t kept = sizes[i] < KEPT_MIN ? 0 : sizes[i] < PYN_WARM_MAX ? sizes[i] : PYN_WARM_MAX;
        assert_int_equal(empty_shelf(state), 0);
        give(take(NULL, sizes[i]));
        assert_int_equal(pyn_warm_len(), is_keeping() ? kept : 0);
    }
}

/* Somebody who asks for little, again and again, and gives nothing back. */
static void who_asks_for_little_holds_no_more_than_what_is_kept(void **state)
{
    enum { COUNT = 20 };
    void *little[COUNT];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        give(take(NULL, PYN_WARM_MAX));
        little[i] = take(NULL, KEPT_MIN);
        assert_in_range(pyn_warm_len(), 0, PYN_WARM_MAX);
    }
    for (int i = 0; i < COUNT; i++) {
        give(little[i]);
    }
    assert_in_range(pyn_warm_len(), 0, PYN_WARM_MAX);
}

static void what_is_not_used_goes_back(void **state)
{
    (void)state;
    give(take(NULL, MIB));
    pyn_warm_rest(); /* it was used just now */
    assert_int_equal(pyn_warm_len(), is_keeping() ? MIB : 0);
    pyn_warm_rest();
    assert_int_equal(pyn_warm_len(), 0);
}

static void *use(void *arg)
{
    const uint8_t mark = *(const uint8_t *)arg;

    for (size_t i = 0; i < 300; i++) {
        size_t size = KEPT_MIN + i * 7919 % (2 * MIB);
        uint8_t *block = take(NULL, size);
        memset(block, mark, size);
        block = take(block, size / 3);
        assert_true(block[0] == mark && block[size / 3 - 1] == mark);
        give(block);
    }
    return NULL;
}

static void threads_find_each_others_blocks_and_never_the_same(void **state)
{
    enum { THREADS = 3 };
    static const uint8_t marks[THREADS] = {1, 2, 3};
    pthread_t threads[THREADS];

    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use, (void *)(uintptr_t)&marks[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_in_range(pyn_warm_len(), 0, PYN_WARM_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_used_is_found_again, empty_shelf, empty_shelf),
        cmocka_unit_test_setup_teardown(a_block_grows_and_shrinks_with_its_bytes, empty_shelf, empty_shelf),
        cmocka_unit_test_setup_teardown(no_more_is_kept_than_is_said, empty_shelf, empty_shelf),
        cmocka_unit_test_setup_teardown(the_largest_is_kept_as_far_as_there_is_room, empty_shelf, empty_shelf),
        cmocka_unit_test_setup_teardown(who_asks_for_little_holds_no_more_than_what_is_kept, empty_shelf, empty_shelf),
        cmocka_unit_test_setup_teardown(what_is_not_used_goes_back, empty_shelf, empty_shelf),
        cmocka_unit_test_setup_teardown(threads_find_each_others_blocks_and_never_the_same, empty_shelf, empty_shelf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
