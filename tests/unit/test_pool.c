/* test_pool.c - are blocks used again, and is what a burst has left given back? */
#include "support.h"

#include "../../src/session/pool.h"

enum { SIZE = 64, MOST = 8 };

static struct support_mem memory;
static struct pyn_pool pool;

static int set_up(void **state)
{
    support_mem_init(&memory, 0);
    pyn_pool_init(&pool, &memory.mem, SIZE, MOST);
    return 0;
}

static int tear_down(void **state)
{
    pyn_pool_fini(&pool);
    return memory.live == 0 ? 0 : -1;
}

/* So many at once, all of them given back. */
static void burst(unsigned count)
{
    void *blocks[2 * MOST];

    for (unsigned i = 0; i < count; i++) {
        blocks[i] = pyn_pool_take(&pool);
        assert_non_null(blocks[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        pyn_pool_give(&pool, blocks[i]);
    }
}

/* Where a sanitizer has to see a block that is used too late, none is kept. */
static unsigned kept(unsigned count)
{
    return pool.max == 0 ? 0 : count;
}

static void test_a_block_is_used_again(void **state)
{
    burst(1);
    burst(1);
    assert_int_equal(memory.calls, pool.max == 0 ? 2 : 1);
    assert_int_equal(memory.live, kept(1));
}

static void test_no_more_are_kept_than_may_be(void **state)
{
    for (unsigned count = MOST - 1; count <= MOST + 1; count++) {
        burst(count);
        assert_int_equal(memory.live, kept(count < MOST ? count : MOST));
        pyn_pool_rest(&pool);
        assert_int_equal(memory.live, 0);
    }
}

static void test_what_a_burst_has_left_is_given_back(void **state)
{
    burst(MOST);
    pyn_pool_trim(&pool); /* all of them were needed */
    assert_int_equal(memory.live, kept(MOST));
    burst(3);
    pyn_pool_trim(&pool);
    assert_int_equal(memory.live, kept(3));
    pyn_pool_trim(&pool); /* nobody has come since */
    assert_int_equal(memory.live, 0);
}

static void test_what_is_in_use_is_not_touched(void **state)
{
    void *block = NULL;

    burst(2);
    block = pyn_pool_take(&pool);
    assert_non_null(block);
    memset(block, 0x5a, SIZE);
    pyn_pool_trim(&pool);
    pyn_pool_trim(&pool);
    assert_int_equal(memory.live, 1);
    for (size_t i = 0; i < SIZE; i++) {
        assert_int_equal(((uint8_t *)block)[i], 0x5a);
    }
    pyn_pool_give(&pool, block);
    assert_int_equal(memory.live, kept(1));
}

static void test_no_memory(void **state)
{
    memory.fail_at = 1;
    assert_null(pyn_pool_take(&pool));
    assert_int_equal(memory.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_block_is_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_more_are_kept_than_may_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_a_burst_has_left_is_given_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_in_use_is_not_touched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
