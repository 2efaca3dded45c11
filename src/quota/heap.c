/* heap.c - see heap.h. */
#include "heap.h"

#include <assert.h>
#include <string.h>

enum {
    LARGE = 0xff,     /* the class of a span that is one block */
    SLAB_ORDER = 2,   /* of slabs for more than PYN_HEAP_FINE bytes; the others are a page */
    ROOM_TO_GROW = 2, /* a block that has grown may do so again: addresses cost nothing */
};

static size_t class_size(unsigned class)
{
    if (class <= 32) {
        return class == 0 ? 16 : class * 16u;
    }
    if (class <= 56) {
        return 512 + (class - 32u) * 64;
    }
    if (class <= 64) {
        return 2048 + (class - 56u) * 256;
    }
    return class == 65 ? 5456 : 8192;
}

static size_t pages_of(size_t size)
{
    return (size >> PYN_PAGE_SHIFT) + ((size & (PYN_PAGE - 1)) != 0);
}

static uint64_t bytes_of(size_t pages)
{
    return (uint64_t)pages << PYN_PAGE_SHIFT;
}

/* ---- slabs ---- */

static struct pyn_span **list_of(const struct pyn_heap *heap, const struct pyn_span *slab)
{
    return &slab->owner->slabs[heap->which][slab->class];
}

static void enter(struct pyn_span **list, struct pyn_span *slab)
{
    slab->before = NULL;
    slab->next = *list;
    if (*list != NULL) {
        (*list)->before = slab;
    }
    *list = slab;
}

static void leave(struct pyn_span **list, struct pyn_span *slab)
{
    if (slab->before != NULL) {
        slab->before->next = slab->next;
    } else {
        *list = slab->next;
    }
    if (slab->next != NULL) {
        slab->next->before = slab->before;
    }
    slab->next = slab->before = NULL;
}

static struct pyn_span *own_span(struct pyn_span *span, struct pyn_owner *owner)
{
    span->owner = owner;
    pyn_owner_ref(owner);
    return span;
}

static void give_span(struct pyn_heap *heap, struct pyn_span *span, size_t charged)
{
    struct pyn_owner *owner = span->owner;

    pyn_owner_refund(owner, bytes_of(charged));
    pyn_pages_give(&heap->pages, span);
    pyn_owner_unref(owner);
}

/* What of it was written to by others counts as this owner's from the beginning: it is there. */
static struct pyn_span *take_slab(struct pyn_heap *heap, struct pyn_allowance *allowance, unsigned order, size_t size)
{
    struct pyn_span *span = pyn_pages_take(&heap->pages, order);

    if (span == NULL) {
        return NULL;
    }
    if (span->touched > 0 && pyn_allowance_charge(allowance, bytes_of(span->touched), size) == PYN_DENIED) {
        pyn_pages_give(&heap->pages, span);
        return NULL;
    }
    return own_span(span, allowance->owner);
}

static struct pyn_span *new_slab(struct pyn_heap *heap, struct pyn_allowance *allowance, unsigned class)
{
    unsigned order = class <= 32 ? 0 : SLAB_ORDER;
    struct pyn_span *slab = take_slab(heap, allowance, order, class_size(class));

    if (slab == NULL) {
        return NULL;
    }
    for (unsigned i = 0; i < 1u << order; i++) {
        slab[i].back = (uint8_t)i;
    }
    slab->class = (uint8_t) class;
    slab->is_full = false;
    slab->used = 0;
    slab->cut = 0;
    slab->free = NULL;
    enter(list_of(heap, slab), slab);
    return slab;
}

/* One page more of it, or two for a block that is larger. */
static bool touch(struct pyn_span *slab, struct pyn_allowance *allowance, size_t size)
{
    size_t wanted = pages_of(slab->cut + size);

    if (wanted > slab->touched) {
        if (pyn_allowance_charge(allowance, bytes_of(wanted - slab->touched), size) == PYN_DENIED) {
            return false;
        }
        slab->touched = (uint32_t)wanted;
    }
    return true;
}

/* Blocks are cut out of what is charged, lower addresses to be used first. False: denied. */
static bool cut(const struct pyn_heap *heap, struct pyn_span *slab, struct pyn_allowance *allowance)
{
    size_t size = class_size(slab->class);
    uint8_t *base = pyn_pages_address(&heap->pages, slab);
    size_t end = 0;
    size_t count = 0;

    if (!touch(slab, allowance, size)) {
        return false;
    }
    end = (size_t)slab->touched << PYN_PAGE_SHIFT;
    count = (end - slab->cut) / size;
    for (size_t i = count; i > 0; i--) {
        void **block = (void **)(void *)(base + slab->cut + (i - 1) * size);
        *block = slab->free;
        slab->free = block;
    }
    slab->cut += (uint32_t)(count * size);
    return true;
}

static bool can_be_cut(const struct pyn_span *slab)
{
    return slab->cut + class_size(slab->class) <= (size_t)PYN_PAGE << slab->order;
}

static void drop_slab(struct pyn_heap *heap, struct pyn_span *slab)
{
    leave(list_of(heap, slab), slab);
    give_span(heap, slab, slab->touched);
}

/* The first slab of the class that has a free block, or NULL. */
static struct pyn_span *find_slab(struct pyn_heap *heap, struct pyn_allowance *allowance, unsigned class)
{
    struct pyn_span **list = &allowance->owner->slabs[heap->which][class];

    for (;;) {
        struct pyn_span *slab = *list != NULL ? *list : new_slab(heap, allowance, class);
        if (slab == NULL || slab->free != NULL) {
            return slab;
        }
        if (can_be_cut(slab)) {
            if (cut(heap, slab, allowance)) {
                return slab;
            }
            if (slab->used == 0) {
                drop_slab(heap, slab);
            }
            return NULL;
        }
        leave(list, slab);
        slab->is_full = true;
    }
}

static void *alloc_small(struct pyn_heap *heap, struct pyn_allowance *allowance, unsigned class)
{
    struct pyn_span *slab = find_slab(heap, allowance, class);
    void *block = NULL;

    if (slab != NULL) {
        block = slab->free;
        slab->free = *(void **)block;
        slab->used++;
    }
    return block;
}

/* It has room again. One that is empty stands alone in its list. */
static void enter_again(struct pyn_heap *heap, struct pyn_span *slab)
{
    struct pyn_span **list = list_of(heap, slab);

    slab->is_full = false;
    if (*list != NULL && (*list)->used == 0) {
        drop_slab(heap, *list);
    }
    enter(list, slab);
}

/* The only one with room is kept, for the next block of that size, as long as there may be one. */
static void free_small(struct pyn_heap *heap, struct pyn_span *slab, void *block)
{
    *(void **)block = slab->free;
    slab->free = block;
    slab->used--;
    if (slab->is_full) {
        enter_again(heap, slab);
    }
    if (slab->used == 0 && (slab->next != NULL || slab->before != NULL || atomic_load(&slab->owner->is_gone))) {
        drop_slab(heap, slab);
    }
}

void pyn_heap_trim(struct pyn_heap *heap, struct pyn_owner *owner)
{
    pyn_owner_ref(owner);
    for (unsigned i = 0; i < PYN_HEAP_CLASSES; i++) {
        struct pyn_span *slab = owner->slabs[heap->which][i];
        if (slab != NULL && slab->used == 0) {
            drop_slab(heap, slab);
        }
    }
    pyn_owner_unref(owner);
}

/* ---- large blocks ---- */

/*
 * A large block is charged for the pages that it needs. More than these may stand there, because others have written to them, or it has needed them
 * before: they are spare. There may be so many of them in all; then they are released.
 */
static void set_needed(struct pyn_heap *heap, struct pyn_span *span, size_t count)
{
    if (span->touched < count) {
        span->touched = (uint32_t)count;
    }
    if (heap->spare + span->touched - count > heap->spare_max) {
        pyn_pages_shorten(&heap->pages, span, (uint32_t)count);
    }
    heap->spare += span->touched - count;
    span->cut = (uint32_t)count;
}

static void forget_spare(struct pyn_heap *heap, const struct pyn_span *span)
{
    heap->spare -= span->touched - span->cut;
}

/* *dirty: how many of its pages may hold something. A large request that does not fit is denied before anything is touched for it. */
static struct pyn_span *alloc_large(struct pyn_heap *heap, struct pyn_allowance *allowance, size_t size, unsigned order,
                                    size_t *dirty)
{
    size_t count = pages_of(size);
    struct pyn_span *span = NULL;

    if (pyn_allowance_charge(allowance, bytes_of(count), size) == PYN_DENIED) {
        return NULL;
    }
    span = pyn_pages_take(&heap->pages, order);
    if (span == NULL) {
        pyn_owner_refund(allowance->owner, bytes_of(count));
        return NULL;
    }
    *dirty = span->touched;
    span->class = LARGE;
    span->used = 1;
    span->free = NULL;
    set_needed(heap, span, count);
    return own_span(span, allowance->owner);
}

static void free_large(struct pyn_heap *heap, struct pyn_span *span)
{
    forget_spare(heap, span);
    give_span(heap, span, span->cut);
}

/* Where it stands, as far as its addresses go. False: it has to move. *result: NULL: denied. */
static bool resize_large(struct pyn_heap *heap, struct pyn_allowance *allowance, struct pyn_span *span, size_t size,
                         void **result)
{
    size_t count = pages_of(size);

    if (size <= PYN_HEAP_SMALL || count > (size_t)1 << span->order ||
        (count > span->cut && span->owner != allowance->owner)) {
        return false;
    }
    *result = NULL;
    if (count > span->cut) {
        if (pyn_allowance_charge(allowance, bytes_of(count - span->cut), size) == PYN_DENIED) {
            return true;
        }
    } else {
        pyn_owner_refund(span->owner, bytes_of(span->cut - count));
    }
    forget_spare(heap, span);
    set_needed(heap, span, count);
    *result = pyn_pages_address(&heap->pages, span);
    return true;
}

/* What has grown beyond its addresses gets more of them than it needs, if there are. */
static void *alloc_grown(struct pyn_heap *heap, struct pyn_allowance *allowance, size_t size)
{
    unsigned order = pyn_pages_order(pages_of(size));
    struct pyn_span *span = NULL;
    size_t dirty = 0;

    if (size <= PYN_HEAP_SMALL) {
        return pyn_heap_alloc(heap, allowance, size);
    }
    span = alloc_large(heap, allowance, size, order + ROOM_TO_GROW, &dirty);
    if (span == NULL && pyn_allowance_fits(allowance, bytes_of(pages_of(size)))) {
        span = alloc_large(heap, allowance, size, order, &dirty);
    }
    return span != NULL ? pyn_pages_address(&heap->pages, span) : NULL;
}

/* ---- blocks ---- */

void *pyn_heap_alloc(struct pyn_heap *heap, struct pyn_allowance *allowance, size_t size)
{
    struct pyn_span *span = NULL;
    size_t dirty = 0;

    if (size <= PYN_HEAP_SMALL) {
        return alloc_small(heap, allowance, pyn_heap_class(size));
    }
    span = alloc_large(heap, allowance, size, pyn_pages_order(pages_of(size)), &dirty);
    return span != NULL ? pyn_pages_address(&heap->pages, span) : NULL;
}

void *pyn_heap_alloc_zero(struct pyn_heap *heap, struct pyn_allowance *allowance, size_t size)
{
    struct pyn_span *span = NULL;
    void *block = NULL;
    size_t dirty = 0;

    if (size <= PYN_HEAP_SMALL) {
        block = alloc_small(heap, allowance, pyn_heap_class(size));
        return block != NULL ? memset(block, 0, size) : NULL;
    }
    span = alloc_large(heap, allowance, size, pyn_pages_order(pages_of(size)), &dirty);
    if (span == NULL) {
        return NULL;
    }
    block = pyn_pages_address(&heap->pages, span);
    dirty <<= PYN_PAGE_SHIFT;
    return memset(block, 0, dirty < size ? dirty : size); /* the other pages are fresh */
}

void pyn_heap_free(struct pyn_heap *heap, void *block)
{
    struct pyn_span *span = pyn_pages_span(&heap->pages, block);

    assert(span->state == PYN_PAGE_TAKEN);
    if (span->class == LARGE) {
        free_large(heap, span);
    } else {
        free_small(heap, span, block);
    }
}

size_t pyn_heap_room(const struct pyn_heap *heap, const void *block)
{
    const struct pyn_span *span = pyn_pages_span(&heap->pages, block);

    return span->class == LARGE ? (size_t)span->cut << PYN_PAGE_SHIFT : class_size(span->class);
}

/* Blocks that shrink a little stay. */
static bool may_stay(const struct pyn_span *span, size_t size)
{
    size_t room = class_size(span->class);

    return size <= room && size > room - room / 4;
}

void *pyn_heap_resize(struct pyn_heap *heap, struct pyn_allowance *allowance, void *block, size_t size)
{
    struct pyn_span *span = pyn_pages_span(&heap->pages, block);
    size_t room = pyn_heap_room(heap, block);
    void *moved = NULL;

    if (span->class == LARGE ? resize_large(heap, allowance, span, size, &moved) : may_stay(span, size)) {
        return span->class == LARGE ? moved : block;
    }
    moved = size > room ? alloc_grown(heap, allowance, size) : pyn_heap_alloc(heap, allowance, size);
    if (moved == NULL) {
        return size > room ? NULL : block; /* what shrinks never fails */
    }
    memcpy(moved, block, size < room ? size : room);
    pyn_heap_free(heap, block);
    return moved;
}
