/* allowance.c - see allowance.h. */
#include "allowance.h"

#include <assert.h>
#include <stdlib.h>

/* ---- owners ---- */

struct pyn_owner *pyn_owner_new(void)
{
    struct pyn_owner *owner = calloc(1, sizeof *owner);

    if (owner != NULL) {
        atomic_init(&owner->refs, 1);
    }
    return owner;
}

void pyn_owner_ref(struct pyn_owner *owner)
{
    (void)atomic_fetch_add_explicit(&owner->refs, 1, memory_order_relaxed);
}

void pyn_owner_unref(struct pyn_owner *owner)
{
    if (owner != NULL && atomic_fetch_sub_explicit(&owner->refs, 1, memory_order_acq_rel) == 1) {
        assert(pyn_owner_charged(owner) == 0);
        free(owner);
    }
}

static void charge(struct pyn_owner *owner, uint64_t bytes)
{
    uint64_t now = atomic_fetch_add_explicit(&owner->charged, bytes, memory_order_relaxed) + bytes;

    if (now > atomic_load_explicit(&owner->peak, memory_order_relaxed)) { /* a reader may miss one, no more */
        atomic_store_explicit(&owner->peak, now, memory_order_relaxed);
    }
}

void pyn_owner_refund(struct pyn_owner *owner, uint64_t bytes)
{
    uint64_t before = atomic_fetch_sub_explicit(&owner->charged, bytes, memory_order_relaxed);

    assert(bytes <= before);
    (void)before;
}

/* ---- what a call may take ---- */

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a <= UINT64_MAX - b ? a + b : UINT64_MAX;
}

void pyn_allowance_init(struct pyn_allowance *allowance, struct pyn_owner *owner, uint64_t held_max, uint64_t call_max)
{
    uint64_t most = call_max != 0 ? sum(pyn_owner_charged(owner), call_max) : UINT64_MAX;

    *allowance = (struct pyn_allowance){.owner = owner, .held_max = held_max != 0 ? held_max : UINT64_MAX};
    allowance->ceiling = most < allowance->held_max ? most : allowance->held_max;
}

bool pyn_allowance_fits(const struct pyn_allowance *allowance, uint64_t bytes)
{
    return sum(pyn_owner_charged(allowance->owner), bytes) <= allowance->ceiling;
}

/* The first limit that was met is the one that is told. */
static void note(struct pyn_allowance *allowance, uint64_t after)
{
    if (!allowance->is_overdrawn && !allowance->was_denied) {
        allowance->which = after > allowance->held_max ? PYN_Q_MEMORY : PYN_Q_CALL_MEMORY;
        (void)atomic_fetch_add_explicit(&allowance->owner->refused, 1, memory_order_relaxed);
    }
}

static enum pyn_verdict_memory deny(struct pyn_allowance *allowance)
{
    allowance->was_denied = true;
    return PYN_DENIED;
}

enum pyn_verdict_memory pyn_allowance_charge(struct pyn_allowance *allowance, uint64_t bytes, uint64_t size)
{
    uint64_t after = sum(pyn_owner_charged(allowance->owner), bytes);

    if (after <= allowance->ceiling) {
        charge(allowance->owner, bytes);
        return PYN_GRANTED;
    }
    note(allowance, after);
    if (size > PYN_ALLOWANCE_LARGE) {
        return deny(allowance);
    }
    allowance->is_overdrawn = allowance->is_pressed = true;
    if (after > sum(allowance->ceiling, PYN_ALLOWANCE_GRACE)) {
        if (allowance->passes == 0) {
            allowance->passes = PYN_ALLOWANCE_PASSES;
            return deny(allowance);
        }
        allowance->passes--;
    }
    charge(allowance->owner, bytes);
    return PYN_GRANTED;
}
