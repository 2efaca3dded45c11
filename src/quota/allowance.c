/* allowance.c - see allowance.h. */
#include "allowance.h"

#include <assert.h>
#include <stdlib.h>

/* ---- estates ---- */

struct pyn_estate *pyn_estate_new(struct pyn_estate *whole)
{
    struct pyn_estate *estate = calloc(1, sizeof *estate);

    if (estate != NULL) {
        atomic_init(&estate->refs, 1);
        estate->whole = pyn_estate_ref(whole);
    }
    return estate;
}

struct pyn_estate *pyn_estate_ref(struct pyn_estate *estate)
{
    if (estate != NULL) {
        (void)atomic_fetch_add_explicit(&estate->refs, 1, memory_order_relaxed);
    }
    return estate;
}

void pyn_estate_unref(struct pyn_estate *estate)
{
    while (estate != NULL && atomic_fetch_sub_explicit(&estate->refs, 1, memory_order_acq_rel) == 1) {
        struct pyn_estate *whole = estate->whole;
        assert(pyn_estate_charged(estate) == 0);
        free(estate);
        estate = whole;
    }
}

/* ---- owners ---- */

struct pyn_owner *pyn_owner_new(struct pyn_estate *estate)
{
    struct pyn_owner *owner = calloc(1, sizeof *owner);

    if (owner != NULL) {
        atomic_init(&owner->refs, 1);
        owner->estate = pyn_estate_ref(estate);
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
        pyn_estate_unref(owner->estate);
        free(owner);
    }
}

static void charge(struct pyn_owner *owner, uint64_t bytes)
{
    uint64_t now = atomic_fetch_add_explicit(&owner->charged, bytes, memory_order_relaxed) + bytes;

    if (now > atomic_load_explicit(&owner->peak, memory_order_relaxed)) { /* a reader may miss one, no more */
        atomic_store_explicit(&owner->peak, now, memory_order_relaxed);
    }
    for (struct pyn_estate *estate = owner->estate; estate != NULL; estate = estate->whole) {
        (void)atomic_fetch_add_explicit(&estate->charged, bytes, memory_order_relaxed);
    }
}

void pyn_owner_refund(struct pyn_owner *owner, uint64_t bytes)
{
    uint64_t before = atomic_fetch_sub_explicit(&owner->charged, bytes, memory_order_relaxed);

    assert(bytes <= before);
    (void)before;
    for (struct pyn_estate *estate = owner->estate; estate != NULL; estate = estate->whole) {
        (void)atomic_fetch_sub_explicit(&estate->charged, bytes, memory_order_relaxed);
    }
}

/* ---- what a call may take ---- */

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a <= UINT64_MAX - b ? a + b : UINT64_MAX;
}

/* While it runs no more than this may be charged, if that is less than what may be anyway. */
static void lower(struct pyn_allowance *allowance, uint64_t ceiling, enum pyn_quota which)
{
    if (ceiling < allowance->ceiling) {
        allowance->ceiling = ceiling;
        allowance->least = which;
    }
}

/*
 * What all connections of an estate have left is this one's limit too. When it is reached a call still has a little to work with, for it may be the one that
 * gives something back; beyond the grace there is none.
 */
static void share(struct pyn_allowance *allowance, const struct pyn_estate *estate, uint64_t max, enum pyn_quota which)
{
    uint64_t held = pyn_estate_charged(estate);
    uint64_t left = held < max ? max - held : 0;

    if (held > sum(max, PYN_ALLOWANCE_GRACE)) {
        allowance->is_spent = true;
    } else if (left < PYN_ALLOWANCE_ROOM) {
        left = PYN_ALLOWANCE_ROOM;
    }
    lower(allowance, sum(pyn_owner_charged(allowance->owner), left), which);
}

/* Is the estate a limit to what wants so much? max: not 0. */
static bool is_short(const struct pyn_estate *estate, uint64_t max, uint64_t wanted)
{
    uint64_t held = pyn_estate_charged(estate);

    return held > max || max - held < wanted;
}

void pyn_allowance_init(struct pyn_allowance *allowance, struct pyn_owner *owner, const uint64_t max[PYN_Q_COUNT])
{
    const struct pyn_estate *estate = owner->estate;
    uint64_t charged = pyn_owner_charged(owner);
    uint64_t held_max = max[PYN_Q_MEMORY] != 0 ? max[PYN_Q_MEMORY] : UINT64_MAX;
    uint64_t wanted = held_max > charged ? held_max - charged : 0;

    *allowance = (struct pyn_allowance){.owner = owner, .held_max = held_max, .ceiling = held_max, .least = PYN_Q_MEMORY};
    if (max[PYN_Q_CALL_MEMORY] != 0 && max[PYN_Q_CALL_MEMORY] < wanted) {
        wanted = max[PYN_Q_CALL_MEMORY];
        allowance->ceiling = charged + wanted;
        allowance->least = PYN_Q_CALL_MEMORY;
    }
    if (estate == NULL) {
        return;
    }
    if (max[PYN_Q_PEER_MEMORY] != 0 && is_short(estate, max[PYN_Q_PEER_MEMORY], wanted)) {
        share(allowance, estate, max[PYN_Q_PEER_MEMORY], PYN_Q_PEER_MEMORY);
    }
    if (max[PYN_Q_SERVER_MEMORY] != 0 && is_short(estate->whole, max[PYN_Q_SERVER_MEMORY], wanted)) {
        share(allowance, estate->whole, max[PYN_Q_SERVER_MEMORY], PYN_Q_SERVER_MEMORY);
    }
}

bool pyn_allowance_fits(const struct pyn_allowance *allowance, uint64_t bytes)
{
    return sum(pyn_owner_charged(allowance->owner), bytes) <= allowance->ceiling;
}

/* The first limit that was met is the one that is told. */
static void note(struct pyn_allowance *allowance, uint64_t after)
{
    if (!allowance->is_overdrawn && !allowance->was_denied) {
        allowance->which = after > allowance->held_max ? PYN_Q_MEMORY : allowance->least;
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
