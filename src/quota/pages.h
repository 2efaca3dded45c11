/*
 * pages.h - a range of addresses, given out in spans of pages, so that a block is known by where it stands.
 *
 * The range is large and empty at first: it is made usable from below as it is needed. A span is a power of two of pages. What was
 * written to and is not needed any more is kept for a while, for the next one who needs it, and then released: never more than warm_max pages, and
 * PYN_PAGES_SLACK while they are gathered to be released together.
 *
 * Owns:    nothing of the range itself: who made it gives it, and a table with an entry for each page, zeroed as far as it was made usable.
 * Units:   pages of PYN_PAGE bytes; an order is the logarithm of a number of pages.
 * Errors:  NULL: nothing is left, or what there is cannot be made usable.
 * Threads: one at a time for each.
 * Tests:   tests/unit/test_pages.c
 */
#ifndef PYN_PAGES_H
#define PYN_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PYN_PAGE_SHIFT = 12,
    PYN_PAGE = 1 << PYN_PAGE_SHIFT,
    PYN_ORDERS = 32,
    PYN_CHUNK_ORDER = 10,
    PYN_PAGES_SLACK = 256
};

struct pyn_owner;

/* What a page's entry says of the page. */
enum pyn_page_state {
    PYN_PAGE_INNER = 0, /* it belongs to the span that begins `back` pages before it, or to nothing yet */
    PYN_PAGE_FREE,      /* a span that is free begins here */
    PYN_PAGE_WARM,      /* one that is free, and whose pages may have been written to */
    PYN_PAGE_TAKEN,
};

/* The entry of a page, a line of the processor's cache. All but `back` is that of the span that begins there; what stands from `owner` on is the heap's. */
struct pyn_span {
    struct pyn_span *next; /* in the list that it stands in */
    struct pyn_span *before;
    uint32_t touched; /* of its pages, from the first: they may have been written to since they were last known to be empty */
    uint8_t state; /* enum pyn_page_state */
    uint8_t order;
    uint8_t back;

    uint8_t class; /* of size; see heap.h */
    bool is_full;  /* no block of it is free, nor can be cut */
    uint16_t used; /* blocks */
    uint32_t cut;  /* bytes of it that were made into blocks; of one large block: the pages that it needs */
    struct pyn_owner *owner;
    void *free; /* its blocks that are free, each with the address of the next */
    uint64_t unused[2];
};

_Static_assert(sizeof(struct pyn_span) == 64, "an index is a shift");

/* Where pages come from. */
struct pyn_page_source {
    void *ctx;
    /* From now on these are usable, and zero; and so are their entries. */
    bool (*commit)(void *ctx, size_t page, size_t count);
    /* What stands in them is not needed: they cost nothing until they are written to again, and are zero then. */
    void (*release)(void *ctx, size_t page, size_t count);
};

struct pyn_pages {
    uint8_t *base;          /* aligned to a page */
    struct pyn_span *table; /* count entries */
    size_t count;
    size_t size;  /* the same in bytes */
    size_t ready; /* of them are usable, from the first */
    size_t warm;  /* pages that are kept warm */
    size_t warm_max;
    struct pyn_page_source source;
    struct pyn_span *free[PYN_ORDERS]; /* lists */
    struct pyn_span *kept[PYN_ORDERS]; /* the warm ones */
    size_t kept_pages[PYN_ORDERS];
};

/* count: a power of two. */
void pyn_pages_init(struct pyn_pages *pages, uint8_t *base, struct pyn_span *table, size_t count, size_t warm_max,
                    const struct pyn_page_source *source);

/* A span of 1 << order pages. Its first touched pages hold anything, the others are zero. */
struct pyn_span *pyn_pages_take(struct pyn_pages *pages, unsigned order);

/* Takes the span back; its touched has to be right. */
void pyn_pages_give(struct pyn_pages *pages, struct pyn_span *span);

/* All but the first count pages of a span that is in use are released. */
void pyn_pages_shorten(struct pyn_pages *pages, struct pyn_span *span, uint32_t count);

/* Releases what is kept warm. */
void pyn_pages_cool(struct pyn_pages *pages);

/* The order of the smallest span that holds so many pages. */
unsigned pyn_pages_order(size_t count);

static inline size_t pyn_pages_index(const struct pyn_pages *pages, const struct pyn_span *span)
{
    return (size_t)(span - pages->table);
}

static inline void *pyn_pages_address(const struct pyn_pages *pages, const struct pyn_span *span)
{
    return pages->base + (pyn_pages_index(pages, span) << PYN_PAGE_SHIFT);
}

/* Is it an address of the range? */
static inline bool pyn_pages_has(const struct pyn_pages *pages, const void *address)
{
    return (uintptr_t)address - (uintptr_t)pages->base < pages->size;
}

/* The span that an address of a taken span stands in; of one of more than 256 pages, that its first page does. */
static inline struct pyn_span *pyn_pages_span(const struct pyn_pages *pages, const void *address)
{
    struct pyn_span *span = &pages->table[((uintptr_t)address - (uintptr_t)pages->base) >> PYN_PAGE_SHIFT];

    return span - span->back;
}

#endif
