/*
 * Blocks are cut out of a slab, cut and charged as far as may be: each stands in pages that are charged, ahead of nothing that was cut
 * before, and no byte of it is another's. So it is after any number of cuts, up to a whole slab.
 */
#include "../../src/quota/heap.c"
#include "proof.h"
#include "stub_memory.h"

enum { SLAB = PYN_PAGE << SLAB_ORDER };

/* What holds of a slab at any time. */
static bool is_sound(size_t size)
{
    const struct pyn_span *slab = &stub_span;

    return slab->touched <= 1u << slab->order && slab->cut <= slab->touched << PYN_PAGE_SHIFT && slab->cut % size == 0;
}

static void prove_class(unsigned class)
{
    static uint8_t block[SLAB];
    struct pyn_owner owner;
    struct pyn_allowance allowance = {.owner = &owner};
    struct pyn_heap heap;
    struct pyn_span any;
    void *last = NULL; /* of the list before */

    const size_t size = class_size(class);
    stub_charged = nondet_u64();
    stub_span = any;
    stub_span.order = class <= 32 ? 0 : SLAB_ORDER;
    stub_span.class = (uint8_t) class;
    stub_span.free = last;
    heap.pages.table = &stub_span;
    heap.pages.base = LAST_BYTES(block, (size_t)PYN_PAGE << stub_span.order);
    ASSUME(stub_charged < UINT64_MAX / 2 && is_sound(size) && can_be_cut(&stub_span));
    const uint64_t before = stub_charged;
    const uint32_t cut_before = stub_span.cut;
    const uint32_t touched_before = stub_span.touched;
    const bool is_cut = cut(&heap, &stub_span, &allowance);

    PROVE(is_sound(size), "what is cut is charged, and whole blocks");
    PROVE(stub_charged - before == bytes_of(stub_span.touched - touched_before),
          "a page that is touched is charged, once");
    if (is_cut) {
        const size_t count = (stub_span.cut - cut_before) / size;
        PROVE(count > 0, "there is one at least");
        PROVE(stub_span.free == heap.pages.base + cut_before, "the first begins where what was cut ended");
    } else {
        PROVE(stub_span.cut == cut_before && stub_span.free == last && stub_charged == before, "or nothing was done");
    }
}

int main(void)
{
    switch (nondet_u8() % 4) {
    case 0:
        prove_class(32); /* 512 bytes, in a page */
        break;
    case 1:
        prove_class(56); /* 2,048 bytes, in four */
        break;
    case 2:
        prove_class(65); /* 5,456 bytes: a third of four, so that one stands in two */
        break;
    default:
        prove_class(66);
        break;
    }
    return 0;
}
