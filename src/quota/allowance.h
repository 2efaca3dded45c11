/*
 * allowance.h - the memory that one connection has left in our heap, and what a call of it may still take.
 *
 * What an owner is charged is what it has made us hold: whole pages, from the first block in one to the release of the last, whoever frees them. A request
 * that is large fails when it does not fit. A small one is granted all the same, for the interpreter does not survive it everywhere when it is not: that
 * is an overdraft, and whoever runs the call is to be interrupted. Beyond a grace one in PYN_ALLOWANCE_PASSES small ones fails.
 *
 * A peer comes and goes, and what it has left behind stays: so an owner belongs to an estate, which is what all connections of one peer have left, and that
 * to the one of all peers. What is charged to an owner is charged to these as well, and refunded with it.
 *
 * Owns:    an owner lives as long as its connection, and as anything that it is charged for; an estate as long as its owners.
 * Units:   bytes.
 * Errors:  a verdict; PYN_DENIED: nothing was charged.
 * Threads: what is charged may be read by any, and is changed by any that holds the heap's lock. An allowance is a thread's own.
 * Tests:   tests/unit/test_allowance.c
 */
#ifndef PYN_ALLOWANCE_H
#define PYN_ALLOWANCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "quota.h"

enum {
    PYN_ALLOWANCE_LARGE = 32 * 1024,   /* a request of more bytes is a large one */
    PYN_ALLOWANCE_GRACE = 1024 * 1024, /* of overdraft */
    PYN_ALLOWANCE_ROOM = 128 * 1024,   /* that a call has when its peer has left as much as it may */
    PYN_ALLOWANCE_PASSES = 16,         /* small requests that are granted after one that was not */
    PYN_HEAP_CLASSES = 67,             /* of sizes; see heap.h */
    PYN_HEAPS = 2,
};

struct pyn_span;

struct pyn_estate {
    atomic_uint refs;
    atomic_uint_fast64_t charged;
    struct pyn_estate *whole; /* counted: that it is a part of; NULL: of none */
};

/* NULL: out of memory. One reference is the caller's. */
struct pyn_estate *pyn_estate_new(struct pyn_estate *whole);
struct pyn_estate *pyn_estate_ref(struct pyn_estate *estate);
void pyn_estate_unref(struct pyn_estate *estate); /* accepts NULL */

static inline uint64_t pyn_estate_charged(const struct pyn_estate *estate)
{
    return atomic_load_explicit(&estate->charged, memory_order_relaxed);
}

struct pyn_owner {
    atomic_uint refs;
    struct pyn_estate *estate; /* counted; NULL: it belongs to none */
    atomic_uint_fast64_t charged;
    atomic_uint_fast64_t peak;
    atomic_uint_fast64_t refused;                        /* calls that were ended, or had a request denied */
    atomic_bool is_gone;                                 /* its connection is: nothing is kept for its next block */
    struct pyn_span *slabs[PYN_HEAPS][PYN_HEAP_CLASSES]; /* the heap's: those with room, by class */
};

/* NULL: out of memory. One reference is the caller's. */
struct pyn_owner *pyn_owner_new(struct pyn_estate *estate);
void pyn_owner_ref(struct pyn_owner *owner);
void pyn_owner_unref(struct pyn_owner *owner); /* accepts NULL */

/* What one call may take, as long as it runs. */
struct pyn_allowance {
    struct pyn_owner *owner;
    uint64_t held_max;    /* quota memory */
    uint64_t ceiling;     /* what may be charged while it runs: held_max, or less by another quota, */
    enum pyn_quota least; /* which is this one */
    bool is_spent;        /* an estate of its owner's is beyond its limit and the grace: nothing more is to begin */
    uint32_t passes;      /* small requests beyond the grace that are granted until one is not */
    bool is_pressed;      /* overdrawn: who runs it is to be interrupted; whoever does it clears this */
    bool is_overdrawn;    /* it was, at some time */
    bool was_denied;      /* a request of it was */
    enum pyn_quota which; /* the quota that it met first */
};

/* max: as in struct pyn_quotas. */
void pyn_allowance_init(struct pyn_allowance *allowance, struct pyn_owner *owner, const uint64_t max[PYN_Q_COUNT]);

enum pyn_verdict_memory { PYN_DENIED = 0, PYN_GRANTED };

/* May be charged bytes, for a request of size bytes? */
enum pyn_verdict_memory pyn_allowance_charge(struct pyn_allowance *allowance, uint64_t bytes, uint64_t size);

/* Would it fit? Then nobody has to make room for it. */
bool pyn_allowance_fits(const struct pyn_allowance *allowance, uint64_t bytes);

void pyn_owner_refund(struct pyn_owner *owner, uint64_t bytes);

static inline uint64_t pyn_owner_charged(const struct pyn_owner *owner)
{
    return atomic_load_explicit(&owner->charged, memory_order_relaxed);
}

#endif
