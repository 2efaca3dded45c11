/* imports.c - see imports.h. */
#include "imports.h"

#include <assert.h>

static bool is_released(const struct pyn_import *entry)
{
    return (entry->state & PYN_IMPORT_RELEASED) != 0;
}

static uint64_t count_of(const struct pyn_import *entry)
{
    return entry->state >> PYN_IMPORT_COUNT_AT;
}

void pyn_imports_init(struct pyn_imports *imports, const struct pyn_mem *mem, struct pyn_ledger *ledger)
{
    *imports = (struct pyn_imports){.ledger = ledger};
    pyn_holdings_init(&imports->holdings, mem);
}

/* Out of the tables; it must not stand on the list. */
static void drop(struct pyn_imports *imports, struct pyn_import *entry)
{
    if (entry->id != 0 && !imports->is_over) {
        pyn_ledger_refund(imports->ledger, PYN_Q_LENT, 1);
    }
    pyn_holdings_remove(&imports->holdings, entry);
}

/* ---- the list of frees ---- */

static struct pyn_import *at(const struct pyn_imports *imports, uint32_t number)
{
    return number != 0 ? pyn_holdings_at(&imports->holdings, number) : NULL;
}

/* Where it is said what comes behind this one; ahead of the first one stands the list itself. */
static uint32_t *next_of(struct pyn_imports *imports, uint32_t number)
{
    return number != 0 ? &at(imports, number)->list.next : &imports->frees.next;
}

static uint32_t *before_of(struct pyn_imports *imports, uint32_t number)
{
    return number != 0 ? &at(imports, number)->list.before : &imports->frees.before;
}

static void put_last(struct pyn_imports *imports, struct pyn_import *entry)
{
    const uint32_t number = pyn_import_number(entry);

    entry->list = (struct pyn_import_list){.before = imports->frees.before};
    *next_of(imports, entry->list.before) = number;
    imports->frees.before = number;
}

static void take_off(struct pyn_imports *imports, const struct pyn_import *entry)
{
    *next_of(imports, entry->list.before) = entry->list.next;
    *before_of(imports, entry->list.next) = entry->list.before;
}

/* ---- the end ---- */

void pyn_imports_end(struct pyn_imports *imports)
{
    struct pyn_import *entry = NULL;

    while ((entry = at(imports, imports->frees.next)) != NULL) {
        take_off(imports, entry);
        drop(imports, entry);
    }
    imports->released = 0;
    imports->is_over = true;
    pyn_ledger_refund(imports->ledger, PYN_Q_LENT, imports->ledger->used[PYN_Q_LENT]);
}

void pyn_imports_fini(struct pyn_imports *imports)
{
    pyn_imports_end(imports);
    pyn_holdings_fini(&imports->holdings);
}

/* ---- what comes ---- */

struct pyn_import *pyn_imports_find(const struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface)
{
    struct pyn_import *entry = pyn_holdings_find(&imports->holdings, id, iface);

    return entry != NULL && !is_released(entry) ? entry : NULL;
}

static pyn_status add_new(struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface,
                          struct pyn_import **entry)
{
    if (id != 0 && pyn_ledger_charge(imports->ledger, PYN_Q_LENT, 1) != PYN_OK) {
        return PYN_EQUOTA;
    }
    *entry = pyn_holdings_add(&imports->holdings, id, iface);
    if (*entry == NULL && id != 0) {
        pyn_ledger_refund(imports->ledger, PYN_Q_LENT, 1);
    }
    return *entry != NULL ? PYN_OK : PYN_ENOMEM;
}

pyn_status pyn_imports_add(struct pyn_imports *imports, uint64_t id, const struct pyn_iface *iface,
                           struct pyn_import **entry)
{
    struct pyn_import *found = pyn_holdings_find(&imports->holdings, id, iface);

    *entry = NULL;
    if (found == NULL) {
        return add_new(imports, id, iface, entry);
    }
    if (count_of(found) == PYN_IMPORT_COUNT_MAX) {
        return PYN_EQUOTA;
    }
    found->state += PYN_IMPORT_ONCE;
    if (is_released(found)) {
        take_off(imports, found);
        found->proxy = NULL;
        found->state &= ~PYN_IMPORT_RELEASED;
        imports->released--;
    }
    *entry = found;
    return PYN_OK;
}

/* ---- what goes ---- */

void pyn_imports_release(struct pyn_imports *imports, struct pyn_import *entry)
{
    assert((entry->state & (PYN_IMPORT_RELEASED | PYN_IMPORT_PAST)) == 0 && count_of(entry) > 0);
    if (entry->id == 0 || imports->is_over) {
        drop(imports, entry);
        return;
    }
    entry->state |= PYN_IMPORT_RELEASED;
    imports->released++;
    put_last(imports, entry);
}

bool pyn_imports_next_free(struct pyn_imports *imports, const uint64_t *kept, uint64_t *id, uint64_t *count)
{
    struct pyn_import *entry = at(imports, imports->frees.next);
    const struct pyn_import *seen = NULL; /* the first that was put behind: then the rest has been looked at */

    while (entry != NULL && entry != seen && kept != NULL && entry->id == *kept) {
        seen = seen == NULL ? entry : seen;
        take_off(imports, entry);
        put_last(imports, entry);
        entry = at(imports, imports->frees.next);
    }
    if (entry == NULL || entry == seen) {
        return false;
    }
    *id = entry->id;
    *count = count_of(entry);
    return true;
}

void pyn_imports_free_is_out(struct pyn_imports *imports)
{
    struct pyn_import *entry = at(imports, imports->frees.next);

    assert(entry != NULL && is_released(entry));
    take_off(imports, entry);
    imports->released--;
    drop(imports, entry);
}
