/*
 * imports.h - what we hold of the peer's: references by (id, interface), how often each was received, and the host's proxy for it.
 *
 * An entry whose proxy is gone stands on the list of frees until pyn_imports_next_free() hands it out to be written: releasing allocates
 * nothing. When the same reference comes again before that, the entry lives on with the whole count. An entry that has a proxy stays where it is until the host
 * releases it, beyond the end of the connection too: so the proxy may know it by its address, and need nothing else.
 *
 * Owns:    its entries. A proxy is the host's, never held.
 * Borrows: the ledger, charged with one an entry until it is freed; the peer's root, id 0, is neither counted nor freed.
 * Errors:  PYN_EQUOTA, PYN_ENOMEM: nothing was taken.
 * Tests:   tests/unit/test_imports.c
 */
#ifndef PYN_IMPORTS_H
#define PYN_IMPORTS_H

#include "../quota/quota.h"
#include "holdings.h"

struct pyn_imports {
    struct pyn_ledger *ledger;
    struct pyn_holdings holdings;
    struct pyn_import_list frees; /* next: the oldest of those that are to be freed; before: the newest */
    size_t released;              /* how many these are */
    bool is_over;
};

void pyn_imports_init(struct pyn_imports *imports, const struct pyn_mem *mem, struct pyn_ledger *ledger);
/* The connection is over: nothing is charged any more, nothing is to be freed, and nothing comes. What has a proxy stays until it is released. */
void pyn_imports_end(struct pyn_imports *imports);
void pyn_imports_fini(struct pyn_imports *imports);

/* NULL: there is none, or it is to be freed. */
struct pyn_import *pyn_imports_find(const struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface);

/* One more time that it was received. *entry: has no proxy when it is new, or was to be freed. */
pyn_status pyn_imports_add(struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface,
                           struct pyn_import **entry);

/* The proxy is gone, and the entry no longer the host's: once. */
void pyn_imports_release(struct pyn_imports *imports, struct pyn_import *entry);

/* The oldest that is to be freed, but not this id (NULL: any), which is put behind the others; false when there is none. pyn_imports_free_is_out() follows when
 * it was written. */
bool pyn_imports_next_free(struct pyn_imports *imports, const uint64_t *kept, uint64_t *id, uint64_t *count);
void pyn_imports_free_is_out(struct pyn_imports *imports);

#endif
