/*
 * range.h - a range of addresses for tests: it counts what is usable and what stands in memory, and fails when told to.
 *
 * Owns: support_range_init() allocates, support_range_fini() frees.
 */
#ifndef PYN_TESTS_RANGE_H
#define PYN_TESTS_RANGE_H

#include <stdlib.h>

#include "../../src/quota/pages.h"
#include "support.h"

struct support_range {
    uint8_t *base;
    struct pyn_span *table;
    size_t count;
    size_t committed; /* pages */
    size_t released;  /* pages, in all */
    size_t releases;
    size_t calls;   /* of commit */
    size_t fail_at; /* which of them fails, the first is 1; 0: none */
    struct pyn_page_source source;
};

static inline bool support_range_commit(void *ctx, size_t page, size_t count)
{
    struct support_range *range = ctx;

    range->calls++;
    if (range->calls == range->fail_at) {
        return false;
    }
    assert_int_equal(page, range->committed); /* from below, without a gap */
    assert_true(count <= range->count - page);
    range->committed += count;
    memset(range->base + page * PYN_PAGE, 0, count * PYN_PAGE);
    return true;
}

static inline void support_range_release(void *ctx, size_t page, size_t count)
{
    struct support_range *range = ctx;

    assert_true(page + count <= range->committed);
    range->released += count;
    range->releases++;
    memset(range->base + page * PYN_PAGE, 0, count * PYN_PAGE);
}

static inline void support_range_init(struct support_range *range, size_t count)
{
    *range = (struct support_range){.count = count};
    range->base = aligned_alloc(count * PYN_PAGE, count * PYN_PAGE);
    range->table = calloc(count, sizeof *range->table);
    assert_non_null(range->base);
    assert_non_null(range->table);
    range->source = (struct pyn_page_source){range, support_range_commit, support_range_release};
}

static inline void support_range_fini(struct support_range *range)
{
    free(range->base);
    free(range->table);
}

#endif
