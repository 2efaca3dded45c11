/*
 * exports.h - what the peer holds of ours: references (object, interface) with an id and the number of times that they were sent.
 *
 * An id is given out once in a connection. A reference that the peer has freed is gone from the tables at once; its object is held on
 * as long as a call pins it, and then handed out by pyn_exports_reap().
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

struct pyn_export {
    struct pyn_idnode by_id;
    struct pyn_idnode by_object;
    struct pyn_export *next; /* dead ones */
    uint64_t id;
    void *object;
    const struct pyn_iface *iface;
    uint64_t count; /* times that it was sent and not freed; of the root always 0 */
    uint64_t pins;  /* calls that hold it */
    bool is_listed; /* in the tables */
};

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
    struct pyn_idmap by_id;
    struct pyn_idmap by_object;
    uint64_t next_id;
    struct pyn_export *dead;
    struct pyn_idmap pinned; /* freed, and pinned still; by id */
};

void pyn_exports_init(struct pyn_exports *exports, const struct pyn_mem *mem, struct pyn_ledger *ledger);

/* The root: id 0. */
pyn_status pyn_exports_root(struct pyn_exports *exports, void *object, const struct pyn_iface *iface);

/* One more time that it is sent. */
pyn_status pyn_exports_add(struct pyn_exports *exports, void *object, const struct pyn_iface *iface, uint64_t *id,
                           bool *is_new);

/* NULL when the peer does not hold it. */
struct pyn_export *pyn_exports_find(const struct pyn_exports *exports, uint64_t id);

/* What it holds of an object under an interface; NULL: nothing. */
struct pyn_export *pyn_exports_of(const struct pyn_exports *exports, const void *object, const struct pyn_iface *iface);

/* The peer has freed it count times. */
pyn_status pyn_exports_free(struct pyn_exports *exports, uint64_t id, uint64_t count);

void pyn_exports_pin(struct pyn_export *entry);
void pyn_exports_unpin(struct pyn_exports *exports, struct pyn_export *entry);

/* One more for a check to remember. */
void pyn_holds_note(struct pyn_exports *exports, struct pyn_holds *holds, struct pyn_export *entry);
/* The entries are pinned and move to *out; holds is empty then. */
void pyn_holds_take(struct pyn_holds *holds, struct pyn_holds *out);
void pyn_holds_drop(struct pyn_exports *exports, struct pyn_holds *holds);

/* What the peer holds, or has freed while something still pins it; NULL when there is none such. */
struct pyn_export *pyn_exports_held(const struct pyn_exports *exports, uint64_t id);

/* The object of an entry that nothing holds any more; NULL when there is none. */
void *pyn_exports_reap(struct pyn_exports *exports);

/* The peer holds nothing any more. */
void pyn_exports_drop_all(struct pyn_exports *exports);

#endif
