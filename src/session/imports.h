/*
 * imports.h - what we hold of the peer's: references by (id, interface), how often each was received, and the host's proxy for it.
 *
 * An entry whose proxy is gone stands on the list of frees until pyn_imports_next_free() hands it out to be written: releasing allocates
 * nothing. When the same reference comes again before that, the entry lives on with the whole count.
 *
 * Owns:    its entries. A proxy is the host's, never held.
 * Borrows: the ledger, charged with one an entry until it is freed; the peer's root, id 0, is neither counted nor freed.
 * Errors:  PYN_EQUOTA, PYN_ENOMEM: nothing was taken.
 * Tests:   tests/unit/test_imports.c
 */
#ifndef PYN_IMPORTS_H
#define PYN_IMPORTS_H

#include "../../policy/policy.h"
#include "../quota/quota.h"
#include "idmap.h"

/* Many are held at once: no member is there twice. */
struct pyn_import {
    struct pyn_idnode node;
    struct pyn_import *next; /* on the list of frees */
    void *proxy;             /* NULL: none yet, or gone */
    uint64_t state;          /* times that it was received, and two flags: PYN_IMPORT_... */
};

/* It is to be freed; it stands on the list of frees, maybe although it was received again. */
#define PYN_IMPORT_RELEASED (UINT64_C(1) << 63)
#define PYN_IMPORT_ON_LIST (UINT64_C(1) << 62)
#define PYN_IMPORT_COUNT_MAX (PYN_IMPORT_ON_LIST - 1)

struct pyn_imports {
    const struct pyn_mem *mem;
    struct pyn_ledger *ledger;
    struct pyn_idmap map;
    struct pyn_import *first; /* the list of frees, oldest first */
    struct pyn_import *last;
    size_t released; /* entries that are to be freed */
};

void pyn_imports_init(struct pyn_imports *imports, const struct pyn_mem *mem, struct pyn_ledger *ledger);
void pyn_imports_fini(struct pyn_imports *imports);

/* One more time that it was received. *proxy: NULL when there is none. */
pyn_status pyn_imports_add(struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface, void **proxy);

/* What was remembered for it; NULL when there is nothing. */
void *pyn_imports_proxy(const struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface);

/* Nothing happens when there is no such reference. */
void pyn_imports_set_proxy(struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface, void *proxy);
void pyn_imports_release(struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface);

/* The oldest that is to be freed, but not this id (NULL: any), which is put behind the others; false when there is none. pyn_imports_free_is_out() follows when
 * it was written. */
bool pyn_imports_next_free(struct pyn_imports *imports, const uint64_t *kept, uint64_t *id, uint64_t *count);
void pyn_imports_free_is_out(struct pyn_imports *imports);

#endif
