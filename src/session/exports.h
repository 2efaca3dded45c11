/*
 * exports.h - what the peer holds of ours: references (object, interface) with an id and the number of times that they were sent.
 *
 * An id is given out once in a connection. A reference that the peer has freed is gone from the tables at once; its object is held on
 * as long as a call pins it, and then handed out by pyn_exports_reap().
 *
 * An id says where its entry stands (slots.h), so that no choice of ids makes a look-up longer.
 *
 * Owns:    its entries. An object is the host's: held from its first pyn_exports_add() until it is reaped.
 * Borrows: the ledger, charged with one reference an entry, the root not counted.
 * Errors:  PYN_EQUOTA, PYN_ENOMEM: nothing was taken. PYN_EPROTOCOL: freed what it does not hold.
 * Tests:   tests/unit/test_exports.c
 */
#ifndef PYN_EXPORTS_H
#define PYN_EXPORTS_H

#include "../../policy/policy.h"
#include "../quota/quota.h"
#include "idmap.h"
#include "slots.h"

enum { PYN_ADDRESS_ZEROS = 4 }; /* lowest bits of an address, which are all the same */

/* An address as an id of the map: the bits that differ come first, none is lost; and back. */
static inline uint64_t pyn_export_key(const void *object)
{
    uint64_t address = (uint64_t)(uintptr_t)object;

    return address >> PYN_ADDRESS_ZEROS | address << (64 - PYN_ADDRESS_ZEROS);
}

static inline uint64_t pyn_export_address(uint64_t key)
{
    return key << PYN_ADDRESS_ZEROS | key >> (64 - PYN_ADDRESS_ZEROS);
}

/* Many are held at once: no member is there twice. */
struct pyn_export {
    struct pyn_idnode by_object; /* first: object and interface; when it is dead, who died before */
    uint64_t id;
    uint64_t state; /* times that it was sent and not freed, of the root always 0; calls that hold it; whether it is in the tables */
};

enum { PYN_EXPORT_COUNT_BITS = 40, PYN_EXPORT_PIN_BITS = 23 };

#define PYN_EXPORT_COUNT_MAX ((UINT64_C(1) << PYN_EXPORT_COUNT_BITS) - 1)
#define PYN_EXPORT_PINS_MAX ((UINT64_C(1) << PYN_EXPORT_PIN_BITS) - 1)

static inline uint64_t pyn_export_count(const struct pyn_export *entry)
{
    return entry->state & PYN_EXPORT_COUNT_MAX;
}

static inline uint64_t pyn_export_pins(const struct pyn_export *entry)
{
    return entry->state >> PYN_EXPORT_COUNT_BITS & PYN_EXPORT_PINS_MAX;
}

static inline bool pyn_export_is_listed(const struct pyn_export *entry)
{
    return entry->state >> (PYN_EXPORT_COUNT_BITS + PYN_EXPORT_PIN_BITS) != 0;
}

static inline void *pyn_export_object(const struct pyn_export *entry)
{
    return (void *)(uintptr_t)pyn_export_address(entry->by_object.id);
}

static inline const struct pyn_iface *pyn_export_iface(const struct pyn_export *entry)
{
    return (const struct pyn_iface *)(uintptr_t)entry->by_object.side;
}

/* Exports that a body names: pinned from its check until it was decoded, whatever the peer frees meanwhile. */
struct pyn_holds {
    struct pyn_export **entries;
    size_t count;
    size_t room;
    bool is_short; /* of memory: one is missing */
};

struct pyn_exports {
    const struct pyn_mem *mem;
    struct pyn_ledger *ledger;
    struct pyn_export root; /* id 0 */
    struct pyn_slots slots; /* all others, by id */
    struct pyn_idmap by_object;
    struct pyn_export *dead;
};

void pyn_exports_init(struct pyn_exports *exports, const struct pyn_mem *mem, struct pyn_ledger *ledger);
/* Everything was dropped and reaped. */
void pyn_exports_fini(struct pyn_exports *exports);

/* The root: id 0. */
void pyn_exports_root(struct pyn_exports *exports, void *object, const struct pyn_iface *iface);

/* One more time that it is sent. */
pyn_status pyn_exports_add(struct pyn_exports *exports, void *object, const struct pyn_iface *iface, uint64_t *id,
                           bool *is_new);

/* NULL when the peer does not hold it. */
struct pyn_export *pyn_exports_find(struct pyn_exports *exports, uint64_t id);

/* What it holds of an object under an interface; NULL: nothing. */
struct pyn_export *pyn_exports_of(const struct pyn_exports *exports, const void *object, const struct pyn_iface *iface);

/* The peer has freed it count times. */
pyn_status pyn_exports_free(struct pyn_exports *exports, uint64_t id, uint64_t count);

/* Not when PYN_EXPORT_PINS_MAX calls hold it. */
bool pyn_exports_may_pin(const struct pyn_export *entry);
void pyn_exports_pin(struct pyn_export *entry);
void pyn_exports_unpin(struct pyn_exports *exports, struct pyn_export *entry);

/* One more for a check to remember. */
void pyn_holds_note(struct pyn_exports *exports, struct pyn_holds *holds, struct pyn_export *entry);
/* The entries are pinned and move to *out; holds is empty then. */
void pyn_holds_take(struct pyn_holds *holds, struct pyn_holds *out);
void pyn_holds_drop(struct pyn_exports *exports, struct pyn_holds *holds);

/* What the peer holds, or has freed while something still pins it; NULL when there is none such. */
struct pyn_export *pyn_exports_held(struct pyn_exports *exports, uint64_t id);

/* The object of an entry that nothing holds any more; NULL when there is none. */
void *pyn_exports_reap(struct pyn_exports *exports);

/* The peer holds nothing any more. */
void pyn_exports_drop_all(struct pyn_exports *exports);

#endif
