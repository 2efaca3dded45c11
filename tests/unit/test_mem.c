/* test_mem.c - does memory come zeroed, never wrapped, and go back where it came from? */
#include "support.h"

static void new_memory_is_zero(void **state)
{
    uint8_t *block = pyn_mem_new(pyn_mem_default(), 100, 10);

    (void)state;
    assert_non_null(block);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(block[i], 0);
    }
    pyn_mem_free(pyn_mem_default(), block);
}

static void a_size_that_wraps_fails_before_the_allocator_is_asked(void **state)
{
    struct support_mem m;

    (void)state;
    support_mem_init(&m, 0);
    assert_null(pyn_mem_new(&m.mem, SIZE_MAX / 8 + 1, 8));
    assert_null(pyn_mem_new(&m.mem, 2, SIZE_MAX / 2 + 1));
    assert_null(pyn_mem_resize(&m.mem, NULL, SIZE_MAX, 2));
    assert_int_equal(m.calls, 0);
}

static void a_size_of_zero_is_one_byte(void **state)
{
    struct support_mem m;

    (void)state;
    support_mem_init(&m, 0);
    void *a = pyn_mem_new(&m.mem, 0, 8);
    assert_int_equal(m.bytes, 1);
    void *b = pyn_mem_new(&m.mem, 8, 0);
    assert_int_equal(m.bytes, 1);
    a = pyn_mem_resize(&m.mem, a, 0, 8);
    assert_int_equal(m.live, 2);
    pyn_mem_free(&m.mem, a);
    pyn_mem_free(&m.mem, b);
    assert_int_equal(m.live, 0);
}

static void a_failed_growth_leaves_the_block(void **state)
{
    struct support_mem m;

    (void)state;
    support_mem_init(&m, 2);
    uint8_t *block = pyn_mem_new(&m.mem, 4, 1);
    block[3] = 7;
    assert_null(pyn_mem_resize(&m.mem, block, 4000, 1));
    assert_int_equal(block[3], 7);
    block = pyn_mem_resize(&m.mem, block, 4000, 1);
    assert_int_equal(block[3], 7);
    pyn_mem_free(&m.mem, block);
    assert_int_equal(m.live, 0);
}

static void a_failed_new_is_null_and_free_takes_null(void **state)
{
    struct support_mem m;

    (void)state;
    support_mem_init(&m, 1);
    assert_null(pyn_mem_new(&m.mem, 1, 1));
    pyn_mem_free(&m.mem, NULL);
    pyn_mem_free(pyn_mem_default(), NULL);
    assert_int_equal(m.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_memory_is_zero),
        cmocka_unit_test(a_size_that_wraps_fails_before_the_allocator_is_asked),
        cmocka_unit_test(a_size_of_zero_is_one_byte),
        cmocka_unit_test(a_failed_growth_leaves_the_block),
        cmocka_unit_test(a_failed_new_is_null_and_free_takes_null),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
