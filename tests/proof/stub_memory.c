/*
 * The neighbours of the heap: whether something is granted, and whether there are pages, is anybody's guess; any number of the pages that are given may have
 * been written to. The first has a proof of its own: allowance.
 */
#include "stub_memory.h"

#include "proof.h"

struct pyn_span stub_span;
uint64_t stub_charged;
bool stub_is_taken;

enum pyn_verdict_memory pyn_allowance_charge(struct pyn_allowance *allowance, uint64_t bytes, uint64_t size)
{
    (void)allowance;
    (void)size;
    if (nondet_bool()) {
        return PYN_DENIED;
    }
    stub_charged += bytes;
    return PYN_GRANTED;
}

void pyn_owner_refund(struct pyn_owner *owner, uint64_t bytes)
{
    (void)owner;
    PROVE(bytes <= stub_charged, "no more is refunded than was charged");
    stub_charged -= bytes;
}

void pyn_owner_ref(struct pyn_owner *owner)
{
    owner->refs++;
}

void pyn_owner_unref(struct pyn_owner *owner)
{
    PROVE(owner->refs > 0, "what is let go was held");
    owner->refs--;
}

struct pyn_span *pyn_pages_take(struct pyn_pages *pages, unsigned order)
{
    (void)pages;
    if (stub_is_taken || order >= STUB_ORDERS || nondet_bool()) {
        return NULL;
    }
    stub_is_taken = true;
    stub_span.order = (uint8_t)order;
    stub_span.state = PYN_PAGE_TAKEN;
    stub_span.back = 0;
    stub_span.next = stub_span.before = NULL;
    stub_span.touched = nondet_u32();
    ASSUME(stub_span.touched <= 1u << order);
    return &stub_span;
}

void pyn_pages_give(struct pyn_pages *pages, struct pyn_span *span)
{
    (void)pages;
    PROVE(span == &stub_span && stub_is_taken, "what is given back was taken, and once");
    PROVE(span->touched <= 1u << span->order, "and says how much of it was written to");
    stub_is_taken = false;
}

void pyn_pages_shorten(struct pyn_pages *pages, struct pyn_span *span, uint32_t count)
{
    (void)pages;
    PROVE(span == &stub_span && stub_is_taken, "what is released was taken");
    if (span->touched > count) {
        span->touched = count;
    }
}

unsigned pyn_pages_order(size_t count)
{
    unsigned order = 0;

    while (order < STUB_ORDERS && ((size_t)1 << order) < count) {
        order++;
    }
    return order;
}
