/* test_pages.c - are spans apart, aligned, whole again when they are free, and empty when that is said of them? */
#include "range.h"

enum { COUNT = 4096, WARM = 64 };

struct fixture {
    struct support_range range;
    struct pyn_pages pages;
};

static void init(struct fixture *f, size_t count)
{
    support_range_init(&f->range, count);
    pyn_pages_init(&f->pages, f->range.base, f->range.table, count, WARM, &f->range.source);
}

static void fini(struct fixture *f)
{
    support_range_fini(&f->range);
}

/* Free pages, by their lists. */
static size_t free_pages(const struct pyn_pages *pages)
{
    size_t sum = 0;

    for (unsigned order = 0; order < PYN_ORDERS; order++) {
        for (const struct pyn_span *span = pages->free[order]; span != NULL; span = span->next) {
            assert_int_equal(span->state, PYN_PAGE_FREE);
            assert_int_equal(span->order, order);
            sum += (size_t)1 << order;
        }
    }
    return sum;
}

static void an_order_is_the_smallest_that_holds_so_many(void **state)
{
    (void)state;
    assert_int_equal(pyn_pages_order(1), 0);
    assert_int_equal(pyn_pages_order(2), 1);
    assert_int_equal(pyn_pages_order(3), 2);
    assert_int_equal(pyn_pages_order(4), 2);
    assert_int_equal(pyn_pages_order(5), 3);
    assert_int_equal(pyn_pages_order((size_t)1 << 31), 31);
    assert_int_equal(pyn_pages_order(((size_t)1 << 31) + 1), PYN_ORDERS);
    assert_int_equal(pyn_pages_order(SIZE_MAX), PYN_ORDERS);
}

static void what_is_usable_grows_with_what_is_needed(void **state)
{
    struct fixture f;
    struct pyn_span *span = NULL;

    (void)state;
    init(&f, COUNT);
    assert_int_equal(f.range.committed, 0);
    span = pyn_pages_take(&f.pages, 0);
    assert_non_null(span);
    assert_int_equal(f.range.committed, 1 << PYN_CHUNK_ORDER);
    assert_non_null(pyn_pages_take(&f.pages, 11)); /* aligned: what lies between is free */
    assert_int_equal(f.range.committed, COUNT);
    assert_int_equal(free_pages(&f.pages), COUNT - 2048 - 1);
    fini(&f);
}

static void a_range_smaller_than_a_chunk_can_be_used(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, 4);
    for (int i = 0; i < 4; i++) {
        assert_non_null(pyn_pages_take(&f.pages, 0));
    }
    assert_null(pyn_pages_take(&f.pages, 0));
    fini(&f);
}

static void more_than_a_range_has_is_not_asked_for(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, 4);
    assert_null(pyn_pages_take(&f.pages, 3)); /* it would begin with the range, and end behind it */
    assert_int_equal(f.range.calls, 0);
    assert_non_null(pyn_pages_take(&f.pages, 0));
    assert_null(pyn_pages_take(&f.pages, 3)); /* it would begin behind */
    assert_null(pyn_pages_take(&f.pages, 2));
    assert_non_null(pyn_pages_take(&f.pages, 1));
    fini(&f);
}

static void halves_that_are_free_are_one_run_again(void **state)
{
    struct fixture f;
    struct pyn_span *spans[COUNT];

    (void)state;
    init(&f, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        spans[i] = pyn_pages_take(&f.pages, 0);
        assert_non_null(spans[i]);
    }
    assert_null(pyn_pages_take(&f.pages, 0));
    for (size_t i = 0; i < COUNT; i++) {
        pyn_pages_give(&f.pages, spans[(i * 7) % COUNT]);
    }
    assert_non_null(pyn_pages_take(&f.pages, 12));
    assert_null(pyn_pages_take(&f.pages, 0));
    fini(&f);
}

static void more_than_there_is_cannot_be_taken(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, COUNT);
    assert_null(pyn_pages_take(&f.pages, 13));
    assert_null(pyn_pages_take(&f.pages, PYN_ORDERS));
    assert_null(pyn_pages_take(&f.pages, PYN_ORDERS + 1));
    assert_non_null(pyn_pages_take(&f.pages, 12));
    fini(&f);
}

static void pages_that_cannot_be_made_usable_are_none_and_may_be_later(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, COUNT);
    f.range.fail_at = 1;
    assert_null(pyn_pages_take(&f.pages, 0));
    assert_non_null(pyn_pages_take(&f.pages, 0));
    f.range.fail_at = 3;
    assert_null(pyn_pages_take(&f.pages, 11));
    assert_non_null(pyn_pages_take(&f.pages, 11));
    fini(&f);
}

static void what_was_written_to_is_kept_for_the_next_one(void **state)
{
    struct fixture f;
    struct pyn_span *span = NULL;

    (void)state;
    init(&f, COUNT);
    span = pyn_pages_take(&f.pages, 3);
    span->touched = 5;
    pyn_pages_give(&f.pages, span);
    assert_int_equal(f.pages.warm, 5);
    assert_int_equal(f.range.released, 0);
    assert_ptr_equal(pyn_pages_take(&f.pages, 3), span);
    assert_int_equal(span->touched, 5);
    assert_int_equal(f.pages.warm, 0);
    fini(&f);
}

static void no_more_is_kept_warm_than_may_be(void **state)
{
    struct fixture f;
    struct pyn_span *spans[WARM + PYN_PAGES_SLACK + 1];

    (void)state;
    init(&f, COUNT);
    for (size_t i = 0; i < SUPPORT_COUNT(spans); i++) {
        spans[i] = pyn_pages_take(&f.pages, 0);
        spans[i]->touched = 1;
    }
    for (size_t i = 0; i < SUPPORT_COUNT(spans) - 1; i++) {
        pyn_pages_give(&f.pages, spans[i]);
    }
    assert_int_equal(f.pages.warm, WARM + PYN_PAGES_SLACK);
    assert_int_equal(f.range.released, 0);
    pyn_pages_give(&f.pages, spans[SUPPORT_COUNT(spans) - 1]);
    assert_int_equal(f.pages.warm, WARM);
    assert_true(f.range.released > PYN_PAGES_SLACK);
    assert_true(f.range.releases < 16); /* they stand together */
    fini(&f);
}

static void a_large_run_is_released_at_once(void **state)
{
    struct fixture f;
    struct pyn_span *span = NULL;

    (void)state;
    init(&f, COUNT);
    span = pyn_pages_take(&f.pages, 5);
    span->touched = WARM / 4 + 1;
    pyn_pages_give(&f.pages, span);
    assert_int_equal(f.pages.warm, 0);
    assert_int_equal(f.range.released, WARM / 4 + 1);
    fini(&f);
}

static void what_is_warm_is_used_before_anything_fails(void **state)
{
    struct fixture f;
    struct pyn_span *spans[4];

    (void)state;
    init(&f, 4);
    for (size_t i = 0; i < 4; i++) {
        spans[i] = pyn_pages_take(&f.pages, 0);
        spans[i]->touched = 1;
    }
    for (size_t i = 0; i < 4; i++) {
        pyn_pages_give(&f.pages, spans[i]);
    }
    assert_int_equal(f.pages.warm, 4);
    assert_non_null(pyn_pages_take(&f.pages, 2));
    fini(&f);
}

static void an_address_tells_its_run(void **state)
{
    struct fixture f;
    struct pyn_span *span = NULL;
    uint8_t *at = NULL;

    (void)state;
    init(&f, COUNT);
    (void)pyn_pages_take(&f.pages, 0);
    span = pyn_pages_take(&f.pages, 1);
    span[1].back = 1;
    at = pyn_pages_address(&f.pages, span);
    assert_ptr_equal(pyn_pages_span(&f.pages, at), span);
    assert_ptr_equal(pyn_pages_span(&f.pages, at + PYN_PAGE), span);
    assert_ptr_equal(pyn_pages_span(&f.pages, at + 2 * PYN_PAGE - 1), span);
    assert_true(pyn_pages_has(&f.pages, f.range.base));
    assert_true(pyn_pages_has(&f.pages, f.range.base + (size_t)COUNT * PYN_PAGE - 1));
    assert_false(pyn_pages_has(&f.pages, f.range.base + (size_t)COUNT * PYN_PAGE));
    assert_false(pyn_pages_has(&f.pages, f.range.base - 1));
    assert_false(pyn_pages_has(&f.pages, NULL));
    fini(&f);
}

/* ---- at random, against a map of who has which page ---- */

enum { STEPS = 20000, HELD_MAX = 200 };

struct model {
    struct fixture f;
    struct pyn_span *held[HELD_MAX];
    size_t held_count;
    uint8_t owner[COUNT]; /* 1: taken */
};

static void mark(struct model *m, const struct pyn_span *span, uint8_t from, uint8_t to)
{
    size_t index = pyn_pages_index(&m->f.pages, span);
    size_t size = (size_t)1 << span->order;

    assert_int_equal(index % size, 0);
    for (size_t i = index; i < index + size; i++) {
        assert_int_equal(m->owner[i], from);
        m->owner[i] = to;
    }
}

/* What is not said to be touched is zero. */
static void check_zero(const struct model *m, const struct pyn_span *span)
{
    static const uint8_t zero[PYN_PAGE];
    const uint8_t *at = pyn_pages_address(&m->f.pages, span);

    for (size_t i = span->touched; i < (size_t)1 << span->order; i++) {
        assert_memory_equal(at + i * PYN_PAGE, zero, PYN_PAGE);
    }
}

static void step(struct model *m, uint64_t *seed)
{
    unsigned order = (unsigned)support_below(seed, 7);
    struct pyn_span *span = NULL;

    if (m->held_count < HELD_MAX && support_below(seed, 5) < 3) {
        span = pyn_pages_take(&m->f.pages, order);
        if (span != NULL) {
            assert_int_equal(span->order, order);
            mark(m, span, 0, 1);
            check_zero(m, span);
            m->held[m->held_count++] = span;
        }
    } else if (m->held_count > 0) {
        size_t at = support_below(seed, m->held_count);
        span = m->held[at];
        size_t touched = support_below(seed, ((size_t)1 << span->order) + 1);
        if (touched > span->touched) {
            memset(pyn_pages_address(&m->f.pages, span), 0xa5, touched * PYN_PAGE);
            span->touched = (uint32_t)touched;
        }
        if (support_below(seed, 3) == 0) {
            pyn_pages_shorten(&m->f.pages, span, (uint32_t)support_below(seed, span->touched + 1));
            check_zero(m, span);
        }
        mark(m, span, 1, 0);
        pyn_pages_give(&m->f.pages, span);
        m->held[at] = m->held[--m->held_count];
    }
    assert_true(m->f.pages.warm <= WARM + PYN_PAGES_SLACK);
}

static void at_random_no_page_belongs_to_two(void **state)
{
    static struct model m;
    uint64_t seed = 11;

    (void)state;
    memset(&m, 0, sizeof m);
    init(&m.f, COUNT);
    for (int i = 0; i < STEPS; i++) {
        step(&m, &seed);
    }
    while (m.held_count > 0) {
        pyn_pages_give(&m.f.pages, m.held[--m.held_count]);
    }
    pyn_pages_cool(&m.f.pages);
    assert_int_equal(free_pages(&m.f.pages), m.f.pages.ready);
    assert_non_null(pyn_pages_take(&m.f.pages, 12));
    fini(&m.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_the_smallest_that_holds_so_many),
        cmocka_unit_test(what_is_usable_grows_with_what_is_needed),
        cmocka_unit_test(a_range_smaller_than_a_chunk_can_be_used),
        cmocka_unit_test(more_than_a_range_has_is_not_asked_for),
        cmocka_unit_test(halves_that_are_free_are_one_run_again),
        cmocka_unit_test(more_than_there_is_cannot_be_taken),
        cmocka_unit_test(pages_that_cannot_be_made_usable_are_none_and_may_be_later),
        cmocka_unit_test(what_was_written_to_is_kept_for_the_next_one),
        cmocka_unit_test(no_more_is_kept_warm_than_may_be),
        cmocka_unit_test(a_large_run_is_released_at_once),
        cmocka_unit_test(what_is_warm_is_used_before_anything_fails),
        cmocka_unit_test(an_address_tells_its_run),
        cmocka_unit_test(at_random_no_page_belongs_to_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
