/* test_buf.c - does the buffer keep every byte, its limit and its promise about memory, whatever the order of the calls? */
#include "support.h"

#include "../../src/wire/buf.h"

enum { KIB = 1024 };

static void assert_holds(const struct pyn_buf *buf, const char *text)
{
    assert_true(pyn_view_is_equal(pyn_buf_view(buf), pyn_view_of(text)));
}

static void bytes_come_out_as_they_went_in(void **state)
{
    struct pyn_buf buf;

    (void)state;
    pyn_buf_init(&buf, pyn_mem_default(), 100);
    assert_int_equal(pyn_buf_append(&buf, "hello ", 6), PYN_OK);
    assert_int_equal(pyn_buf_append(&buf, "world", 5), PYN_OK);
    assert_holds(&buf, "hello world");
    pyn_buf_consume(&buf, 6);
    assert_holds(&buf, "world");
    pyn_buf_truncate(&buf, 2);
    assert_holds(&buf, "wo");
    pyn_buf_consume(&buf, 2);
    assert_int_equal(pyn_buf_len(&buf), 0);
    pyn_buf_fini(&buf);
}

static void a_zeroed_or_null_buffer_is_empty_and_needs_no_fini(void **state)
{
    struct pyn_buf buf;
    uint8_t *room = NULL;

    (void)state;
    memset(&buf, 0, sizeof(buf));
    assert_int_equal(pyn_buf_view(&buf).len, 0);
    assert_int_equal(pyn_buf_append(&buf, "x", 1), PYN_ESIZE);
    assert_int_equal(pyn_buf_append(&buf, NULL, 0), PYN_OK);
    assert_int_equal(pyn_buf_reserve(&buf, 0, &room), PYN_OK);
    pyn_buf_fini(&buf);
    pyn_buf_fini(NULL);
}

static void the_limit_is_of_what_is_held(void **state)
{
    static const struct {
        size_t held;
        size_t more;
        pyn_status wanted;
        const char *why;
    } cases[] = {
        {0, 9, PYN_OK, "one below"},
        {0, 10, PYN_OK, "the limit is inclusive"},
        {0, 11, PYN_ESIZE, "one above"},
        {7, 3, PYN_OK, "both together"},
        {7, 4, PYN_ESIZE, "both together, one above"},
        {10, 0, PYN_OK, "nothing fits a full buffer"},
        {10, 1, PYN_ESIZE, "full"},
        {10, SIZE_MAX, PYN_ESIZE, "a sum that wraps"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        struct pyn_buf buf;
        uint8_t *room = NULL;
        pyn_buf_init(&buf, pyn_mem_default(), 10);
        assert_int_equal(pyn_buf_append(&buf, "0123456789", cases[i].held), PYN_OK);
        if (pyn_buf_reserve(&buf, cases[i].more, &room) != cases[i].wanted) {
            fail_msg("%s", cases[i].why);
        }
        assert_int_equal(room != NULL, cases[i].wanted == PYN_OK);
        assert_int_equal(pyn_buf_len(&buf), cases[i].held);
        pyn_buf_fini(&buf);
    }
}

static void what_was_consumed_counts_no_more(void **state)
{
    struct pyn_buf buf;

    (void)state;
    pyn_buf_init(&buf, pyn_mem_default(), 10);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(pyn_buf_append(&buf, "0123456789", 10), PYN_OK);
        assert_int_equal(pyn_buf_append(&buf, "x", 1), PYN_ESIZE);
        assert_holds(&buf, "0123456789");
        pyn_buf_consume(&buf, 10);
    }
    assert_true(buf.room <= 256);
    pyn_buf_fini(&buf);
}

static void a_reservation_may_be_used_in_part(void **state)
{
    struct pyn_buf buf;
    uint8_t *room = NULL;

    (void)state;
    pyn_buf_init(&buf, pyn_mem_default(), 1000);
    assert_int_equal(pyn_buf_reserve(&buf, 1000, &room), PYN_OK);
    memcpy(room, "abc", 3);
    pyn_buf_commit(&buf, 3);
    assert_holds(&buf, "abc");
    assert_int_equal(pyn_buf_reserve(&buf, 1, &room), PYN_OK);
    pyn_buf_commit(&buf, 0);
    assert_holds(&buf, "abc");
    pyn_buf_fini(&buf);
}

static void a_failed_allocation_leaves_the_contents(void **state)
{
    static uint8_t large[100 * KIB];

    (void)state;
    for (size_t fail_at = 1; fail_at <= 3; fail_at++) {
        struct support_mem m;
        struct pyn_buf buf;
        size_t done = 0;
        support_mem_init(&m, fail_at);
        pyn_buf_init(&buf, &m.mem, SIZE_MAX);
        done += pyn_buf_append(&buf, "abc", 3) == PYN_OK;
        done += pyn_buf_append(&buf, large, sizeof(large)) == PYN_OK;
        done += pyn_buf_append(&buf, large, sizeof(large)) == PYN_OK;
        assert_int_equal(done, 2); /* one failed, none of the others took harm */
        assert_int_equal(pyn_buf_len(&buf), fail_at == 1 ? 2 * sizeof(large) : 3 + sizeof(large));
        assert_int_equal(pyn_buf_view(&buf).data[0], fail_at == 1 ? 0 : 'a');
        pyn_buf_fini(&buf);
        assert_int_equal(m.live, 0);
    }
}

static void a_block_that_cannot_shrink_stays(void **state)
{
    static uint8_t large[200 * KIB];
    struct support_mem m;
    struct pyn_buf buf;

    (void)state;
    support_mem_init(&m, 2);
    pyn_buf_init(&buf, &m.mem, SIZE_MAX);
    large[sizeof(large) - 1] = 9;
    assert_int_equal(pyn_buf_append(&buf, large, sizeof(large)), PYN_OK);
    pyn_buf_consume(&buf, sizeof(large) - 1);
    assert_int_equal(pyn_buf_len(&buf), 1);
    assert_int_equal(pyn_buf_view(&buf).data[0], 9);
    pyn_buf_fini(&buf);
    assert_int_equal(m.live, 0);
}

static void an_empty_buffer_keeps_64_kib_and_gives_back_more(void **state)
{
    static uint8_t large[64 * KIB + 1];
    struct support_mem m;
    struct pyn_buf buf;

    (void)state;
    support_mem_init(&m, 0);
    pyn_buf_init(&buf, &m.mem, SIZE_MAX);
    assert_int_equal(pyn_buf_append(&buf, large, sizeof(large) - 1), PYN_OK);
    pyn_buf_consume(&buf, sizeof(large) - 1);
    assert_int_equal(m.live, 1);
    assert_int_equal(pyn_buf_append(&buf, large, sizeof(large)), PYN_OK);
    pyn_buf_truncate(&buf, 0);
    assert_int_equal(m.live, 0);
    assert_int_equal(pyn_buf_append(&buf, "again", 5), PYN_OK);
    assert_holds(&buf, "again");
    pyn_buf_fini(&buf);
}

static void memory_is_at_most_twice_what_is_held(void **state)
{
    static uint8_t chunk[10 * KIB];
    struct pyn_buf buf;
    uint64_t seed = 42;

    (void)state;
    pyn_buf_init(&buf, pyn_mem_default(), 1024 * KIB);
    for (int i = 0; i < 20000; i++) {
        size_t len = support_below(&seed, sizeof(chunk));
        if (support_below(&seed, 2) == 0) {
            (void)pyn_buf_append(&buf, chunk, len);
        } else if (len <= pyn_buf_len(&buf)) {
            pyn_buf_consume(&buf, len);
        }
        size_t held = pyn_buf_len(&buf);
        assert_true(buf.room <= 64 * KIB || buf.room <= 2 * held + 1);
    }
    pyn_buf_fini(&buf);
}

/* A queue that stays nearly full, moved through byte by byte: the case in which a careless buffer moves everything each time. */
static void a_byte_is_moved_a_constant_number_of_times(void **state)
{
    static uint8_t full[1024 * KIB];
    struct support_mem m;
    struct pyn_buf buf;

    (void)state;
    support_mem_init(&m, 0);
    pyn_buf_init(&buf, &m.mem, sizeof(full));
    assert_int_equal(pyn_buf_append(&buf, full, sizeof(full)), PYN_OK);
    size_t moves = 0;
    for (int i = 0; i < 1000000; i++) {
        size_t before = buf.start;
        pyn_buf_consume(&buf, 1);
        assert_int_equal(pyn_buf_append(&buf, "x", 1), PYN_OK);
        moves += buf.start <= before && before > 0;
    }
    assert_true(moves <= 4);
    assert_true(m.calls <= 6);
    pyn_buf_fini(&buf);
}

static void any_order_of_calls_keeps_every_byte_in_order(void **state)
{
    struct pyn_buf buf;
    uint64_t seed = 7;
    uint8_t in = 0;
    uint8_t out = 0;

    (void)state;
    pyn_buf_init(&buf, pyn_mem_default(), 300 * KIB);
    for (int i = 0; i < 3000; i++) {
        uint8_t *room = NULL;
        size_t len = support_below(&seed, 3000);
        if (support_below(&seed, 3) > 0 && pyn_buf_reserve(&buf, len, &room) == PYN_OK) {
            size_t used = support_below(&seed, len + 1);
            for (size_t k = 0; k < used; k++) {
                room[k] = in++;
            }
            pyn_buf_commit(&buf, used);
        } else {
            struct pyn_view held = pyn_buf_view(&buf);
            size_t taken = support_below(&seed, held.len + 1);
            for (size_t k = 0; k < taken; k++) {
                assert_int_equal(held.data[k], out++);
            }
            pyn_buf_consume(&buf, taken);
        }
    }
    assert_int_equal((uint8_t)(out + pyn_buf_len(&buf)), in);
    pyn_buf_fini(&buf);
}

static void settling_moves_what_is_held_to_its_place_in_a_page_where_it_stays(void **state)
{
    enum { PAGE = 4096, OFFSET = 48, AT = 3, LEN = 100 * KIB };
    struct pyn_buf buf;
    uint8_t *room = NULL;

    (void)state;
    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    assert_int_equal(pyn_buf_append(&buf, "xxabcdef", 8), PYN_OK);
    pyn_buf_consume(&buf, 2);
    assert_int_equal(pyn_buf_settle(&buf, pyn_mem_default(), AT, OFFSET, PAGE), PYN_OK);
    assert_holds(&buf, "abcdef");
    assert_int_equal((uintptr_t)(pyn_buf_view(&buf).data + AT) % PAGE, OFFSET);
    size_t lead = buf.lead;
    for (size_t i = 0; i < LEN; i += KIB) { /* it keeps its place in the block, whatever becomes of that */
        assert_int_equal(pyn_buf_reserve(&buf, KIB, &room), PYN_OK);
        memset(room, 'y', KIB);
        pyn_buf_commit(&buf, KIB);
        assert_ptr_equal(pyn_buf_view(&buf).data, buf.block + lead);
    }
    assert_memory_equal(pyn_buf_view(&buf).data, "abcdefyyy", 9);
    pyn_buf_consume(&buf, 6 + LEN - 5);
    assert_holds(&buf, "yyyyy");
    assert_int_equal(pyn_buf_append(&buf, "z", 1), PYN_OK);
    assert_holds(&buf, "yyyyyz");
    pyn_buf_consume(&buf, 6);
    assert_int_equal(pyn_buf_append(&buf, "new", 3), PYN_OK);
    assert_holds(&buf, "new");
    pyn_buf_fini(&buf);
}

static void without_memory_nothing_is_settled(void **state)
{
    struct support_mem m;
    struct pyn_buf buf;

    (void)state;
    support_mem_init(&m, 0);
    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    assert_int_equal(pyn_buf_append(&buf, "abc", 3), PYN_OK);
    m.fail_at = m.calls + 1;
    assert_int_equal(pyn_buf_settle(&buf, &m.mem, 0, 0, 4096), PYN_ENOMEM);
    assert_holds(&buf, "abc");
    assert_ptr_equal(buf.mem, pyn_mem_default());
    pyn_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_as_they_went_in),
        cmocka_unit_test(a_zeroed_or_null_buffer_is_empty_and_needs_no_fini),
        cmocka_unit_test(the_limit_is_of_what_is_held),
        cmocka_unit_test(what_was_consumed_counts_no_more),
        cmocka_unit_test(a_reservation_may_be_used_in_part),
        cmocka_unit_test(a_failed_allocation_leaves_the_contents),
        cmocka_unit_test(a_block_that_cannot_shrink_stays),
        cmocka_unit_test(an_empty_buffer_keeps_64_kib_and_gives_back_more),
        cmocka_unit_test(memory_is_at_most_twice_what_is_held),
        cmocka_unit_test(a_byte_is_moved_a_constant_number_of_times),
        cmocka_unit_test(any_order_of_calls_keeps_every_byte_in_order),
        cmocka_unit_test(settling_moves_what_is_held_to_its_place_in_a_page_where_it_stays),
        cmocka_unit_test(without_memory_nothing_is_settled),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
