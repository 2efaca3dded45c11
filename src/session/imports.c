/* imports.c - see imports.h. */
#include "imports.h"

#include <assert.h>

static uint64_t side_of(const struct pyn_iface *iface)
{
    return (uint64_t)(uintptr_t)iface;
}

static struct pyn_import *find(const struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface)
{
    return pyn_idmap_find(&imports->map, id, side_of(iface));
}

void pyn_imports_init(struct pyn_imports *imports, const struct pyn_mem *mem, struct pyn_ledger *ledger)
{
    *imports = (struct pyn_imports){.mem = mem, .ledger = ledger};
}

static bool is_released(const struct pyn_import *entry)
{
    return (entry->state & PYN_IMPORT_RELEASED) != 0;
}

static uint64_t count_of(const struct pyn_import *entry)
{
    return entry->state & PYN_IMPORT_COUNT_MAX;
}

/* Out of the map and gone; it must not stand on the list. */
static void drop(struct pyn_imports *imports, struct pyn_import *entry)
{
    pyn_idmap_remove(&imports->map, &entry->node);
    if (entry->node.id != 0) {
        pyn_ledger_refund(imports->ledger, PYN_Q_LENT, 1);
    }
    pyn_mem_free(imports->mem, entry);
}

void pyn_imports_fini(struct pyn_imports *imports)
{
    struct pyn_import *entry = NULL;

    imports->first = imports->last = NULL;
    imports->released = 0;
    while ((entry = pyn_idmap_any(&imports->map)) != NULL) {
        drop(imports, entry);
    }
}

static pyn_status add_new(struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface)
{
    struct pyn_import *entry = NULL;

    if (id != 0 && pyn_ledger_charge(imports->ledger, PYN_Q_LENT, 1) != PYN_OK) {
        return PYN_EQUOTA;
    }
    entry = pyn_mem_new(imports->mem, 1, sizeof *entry);
    if (entry == NULL) {
        if (id != 0) {
            pyn_ledger_refund(imports->ledger, PYN_Q_LENT, 1);
        }
        return PYN_ENOMEM;
    }
    *entry = (struct pyn_import){.state = 1};
    pyn_idmap_add(&imports->map, &entry->node, id, side_of(iface));
    return PYN_OK;
}

pyn_status pyn_imports_add(struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface, void **proxy)
{
    struct pyn_import *entry = find(imports, id, iface);

    *proxy = NULL;
    if (entry == NULL) {
        return add_new(imports, id, iface);
    }
    if (count_of(entry) == PYN_IMPORT_COUNT_MAX) {
        return PYN_EQUOTA;
    }
    entry->state++;
    if (is_released(entry)) {
        entry->state &= ~PYN_IMPORT_RELEASED;
        imports->released--;
    }
    *proxy = entry->proxy;
    return PYN_OK;
}

void *pyn_imports_proxy(const struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface)
{
    const struct pyn_import *entry = find(imports, id, iface);

    return entry != NULL && !is_released(entry) ? entry->proxy : NULL;
}

void pyn_imports_set_proxy(struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface, void *proxy)
{
    struct pyn_import *entry = find(imports, id, iface);

    if (entry != NULL && !is_released(entry)) {
        entry->proxy = proxy;
    }
}

static void put_on_list(struct pyn_imports *imports, struct pyn_import *entry)
{
    entry->state |= PYN_IMPORT_ON_LIST;
    entry->next = NULL;
    if (imports->last == NULL) {
        imports->first = entry;
    } else {
        imports->last->next = entry;
    }
    imports->last = entry;
}

void pyn_imports_release(struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface)
{
    struct pyn_import *entry = find(imports, id, iface);

    if (entry == NULL || is_released(entry)) {
        return;
    }
    if (id == 0) {
        drop(imports, entry);
        return;
    }
    entry->proxy = NULL;
    entry->state |= PYN_IMPORT_RELEASED;
    imports->released++;
    if ((entry->state & PYN_IMPORT_ON_LIST) == 0) {
        put_on_list(imports, entry);
    }
}

static struct pyn_import *take_first(struct pyn_imports *imports)
{
    struct pyn_import *entry = imports->first;

    imports->first = entry->next;
    if (imports->first == NULL) {
        imports->last = NULL;
    }
    entry->state &= ~PYN_IMPORT_ON_LIST;
    return entry;
}

bool pyn_imports_next_free(struct pyn_imports *imports, const uint64_t *kept, uint64_t *id, uint64_t *count)
{
    const struct pyn_import *seen = NULL; /* the first that was put behind: then the rest has been looked at */

    while (imports->first != NULL && imports->first != seen) {
        struct pyn_import *entry = imports->first;
        if (is_released(entry) && (kept == NULL || entry->node.id != *kept)) {
            break;
        }
        (void)take_first(imports);
        if (is_released(entry)) { /* else it was received again */
            put_on_list(imports, entry);
            seen = seen == NULL ? entry : seen;
        }
    }
    if (imports->first == NULL || imports->first == seen) {
        return false;
    }
    *id = imports->first->node.id;
    *count = count_of(imports->first);
    return true;
}

void pyn_imports_free_is_out(struct pyn_imports *imports)
{
    assert(imports->first != NULL && is_released(imports->first));
    imports->released--;
    drop(imports, take_first(imports));
}
