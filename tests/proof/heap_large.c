/*
 * A large block is allocated, resized or freed, in any state of it and of its heap: the pages that it needs are charged, once, and given back, once; no more
 * stand behind it than its addresses have, and never more than may be are spare. So it is after any number of calls.
 */
#include "../../src/quota/heap.c"
#include "proof.h"
#include "stub_memory.h"

enum { MOST_PAGES = 1 << (STUB_ORDERS - 1) };

static size_t others; /* spare pages behind other blocks */

/* What holds while the block is there. */
static bool is_sound(const struct pyn_heap *heap)
{
    const struct pyn_span *span = &stub_span;

    return span->class == LARGE && span->order < STUB_ORDERS && span->cut > 0 && span->cut <= span->touched &&
           span->touched <= 1u << span->order && heap->spare == others + (span->touched - span->cut) &&
           heap->spare <= heap->spare_max;
}

int main(void)
{
    static uint8_t page[PYN_PAGE];
    struct pyn_owner owner;
    struct pyn_allowance allowance = {.owner = &owner};
    struct pyn_heap heap;
    struct pyn_span any;
    const size_t size = nondet_size_to((size_t)(MOST_PAGES + 1) * PYN_PAGE);
    const uint64_t pages = (size + PYN_PAGE - 1) / PYN_PAGE;

    ASSUME(size > PYN_HEAP_SMALL && heap.spare_max < SIZE_MAX / 2);
    owner.refs = 2;
    heap.pages.table = &stub_span;
    heap.pages.base = page;
    stub_charged = nondet_u64();
    stub_span = any;
    ASSUME(stub_charged < UINT64_MAX / 2);
    stub_is_taken = nondet_bool();
    stub_span.owner = &owner;
    others = stub_is_taken ? nondet_size() : heap.spare;
    ASSUME(stub_is_taken ? others <= heap.spare_max && is_sound(&heap) && stub_charged >= bytes_of(stub_span.cut)
                         : heap.spare <= heap.spare_max);
    const uint64_t before = stub_charged;
    const uint64_t needed = stub_span.cut;
    void *result = NULL;

    if (!stub_is_taken) {
        size_t dirty = 0;
        struct pyn_span *span = alloc_large(&heap, &allowance, size, pyn_pages_order(pages_of(size)), &dirty);
        PROVE((span != NULL) == stub_is_taken, "what was taken is the block");
        PROVE(stub_charged - before == (span != NULL ? pages * PYN_PAGE : 0), "its pages are charged, or nothing");
        PROVE(span == NULL || stub_span.cut == pages, "and are those that it needs");
        PROVE(owner.refs == 2u + (span != NULL), "an owner lives as long as its blocks");
        PROVE(span == NULL ? heap.spare == others : is_sound(&heap), "it is sound");
        PROVE(span == NULL || dirty <= 1u << span->order, "what may hold something is in it");
    } else if (nondet_bool()) {
        const bool stays = resize_large(&heap, &allowance, &stub_span, size, &result);
        PROVE(is_sound(&heap), "it is sound");
        if (stays && stub_span.cut != needed) {
            PROVE(stub_span.cut == pages, "it has as much as it needs");
        }
        PROVE(stub_charged + bytes_of(needed) == before + bytes_of(stub_span.cut), "and is charged for what it has");
        PROVE(!stays || pages > needed || stub_span.cut == pages, "what shrinks never fails");
    } else {
        free_large(&heap, &stub_span);
        PROVE(!stub_is_taken && heap.spare == others, "it is gone, and what stood behind it");
        PROVE(stub_charged == before - bytes_of(needed), "and so is what was charged");
        PROVE(owner.refs == 1, "and its hold of the owner");
    }
    return 0;
}
