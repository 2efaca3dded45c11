/*
 * heap.h - memory that is known by its address, and charged to an owner: slabs of its own for small blocks, spans of pages for large ones.
 *
 * A block has no header. A slab holds blocks of one class of size and one owner; its pages are cut into blocks one after the other, and charged as that
 * is done. So a page that is in use is charged to somebody, whatever is allocated and freed in which order; but for a few, whose number is limited. A block
 * is freed by its address.
 *
 * Owns:    nothing: the range is passed in (pages.h).
 * Units:   bytes. Blocks stand at multiples of 16.
 * Errors:  NULL: the allowance denies it, or no pages are left.
 * Threads: one at a time for each heap.
 * Tests:   tests/unit/test_heap.c
 */
#ifndef PYN_HEAP_H
#define PYN_HEAP_H

#include "allowance.h"
#include "pages.h"

enum {
    PYN_HEAP_FINE = 512,
    PYN_HEAP_SMALL = 8192
}; /* sizes up to the first are 16 bytes apart; beyond the second a block has pages of its own */

struct pyn_heap {
    struct pyn_pages pages;
    unsigned which; /* of an owner's sets of slabs is used here */
    size_t spare;   /* pages that stand in memory behind large blocks, charged to nobody */
    size_t spare_max;
};

/* Any size but one near SIZE_MAX; 0 is 1. */
void *pyn_heap_alloc(struct pyn_heap *heap, struct pyn_allowance *allowance, size_t size);
void *pyn_heap_alloc_zero(struct pyn_heap *heap, struct pyn_allowance *allowance, size_t size);

/* A block of this heap, not NULL. On failure, NULL, it stands. Who grows it is charged for all of it, if it has to move. */
void *pyn_heap_resize(struct pyn_heap *heap, struct pyn_allowance *allowance, void *block, size_t size);
void pyn_heap_free(struct pyn_heap *heap, void *block);

/* How much may be written to it. */
size_t pyn_heap_room(const struct pyn_heap *heap, const void *block);

/* Slabs of an owner that is not gone are kept for its next block of that size when they hold nothing; they go back. */
void pyn_heap_trim(struct pyn_heap *heap, struct pyn_owner *owner);

/* ---- for who is in a hurry ---- */

/* Classes: that of nothing, 1 to 32 are 16 to 512 bytes, to 56 they grow by 64, to 64 by 256; then a third and a half of four pages. */
static inline unsigned pyn_heap_class(size_t size)
{
    if (size <= PYN_HEAP_FINE) {
        return (unsigned)((size + 15) >> 4);
    }
    if (size <= 2048) {
        return 33 + (unsigned)((size - 513) >> 6);
    }
    if (size <= 4096) {
        return 57 + (unsigned)((size - 2049) >> 8);
    }
    return size <= 5456 ? 65 : 66;
}

/* One that is there already, or NULL: ask pyn_heap_alloc(). */
static inline void *pyn_heap_at_hand(const struct pyn_owner *owner, unsigned which, unsigned class)
{
    struct pyn_span *slab = owner->slabs[which][class];
    void *block = slab != NULL ? slab->free : NULL;

    if (block != NULL) {
        slab->free = *(void **)block;
        slab->used++;
    }
    return block;
}

/* Does what pyn_heap_free() does, if there is nothing more to it than that. */
static inline bool pyn_heap_lay_down(struct pyn_heap *heap, void *block)
{
    struct pyn_span *slab = pyn_pages_span(&heap->pages, block);
    void *next = slab->free;
    bool is_plain = next != NULL && slab->used > 1; /* else it may be full, or large, or empty from now on */

    if (is_plain) {
        *(void **)block = next;
        slab->free = block;
        slab->used--;
    }
    return is_plain;
}

#endif
