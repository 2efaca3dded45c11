/* exports.c - see exports.h. */
#include "exports.h"

#include <assert.h>

enum { POINTER_ZEROS = 4 }; /* lowest bits of an address, which are all the same */

/* As an id of the map: the bits that differ come first, none is lost. */
static uint64_t key_of(const void *object)
{
    uint64_t address = (uint64_t)(uintptr_t)object;

    return address >> POINTER_ZEROS | address << (64 - POINTER_ZEROS);
}

static uint64_t side_of(const struct pyn_iface *iface)
{
    return (uint64_t)(uintptr_t)iface;
}

void pyn_exports_init(struct pyn_exports *exports, const struct pyn_mem *mem, struct pyn_ledger *ledger)
{
    *exports = (struct pyn_exports){.mem = mem, .ledger = ledger, .next_id = 1};
}

struct pyn_export *pyn_exports_find(const struct pyn_exports *exports, uint64_t id)
{
    return pyn_idmap_find(&exports->by_id, id, 0);
}

static pyn_status enter(struct pyn_exports *exports, uint64_t id, void *object, const struct pyn_iface *iface,
                        struct pyn_export **out)
{
    struct pyn_export *entry = pyn_mem_new(exports->mem, 1, sizeof *entry);

    if (entry == NULL) {
        return PYN_ENOMEM;
    }
    *entry = (struct pyn_export){.id = id, .object = object, .iface = iface, .is_listed = true};
    pyn_idmap_add(&exports->by_id, &entry->by_id, id, 0, entry);
    pyn_idmap_add(&exports->by_object, &entry->by_object, key_of(object), side_of(iface), entry);
    *out = entry;
    return PYN_OK;
}

pyn_status pyn_exports_root(struct pyn_exports *exports, void *object, const struct pyn_iface *iface)
{
    struct pyn_export *entry = NULL;

    return enter(exports, 0, object, iface, &entry);
}

static pyn_status add_new(struct pyn_exports *exports, void *object, const struct pyn_iface *iface, uint64_t *id)
{
    struct pyn_export *entry = NULL;
    pyn_status st = PYN_EINTERNAL;

    if (exports->next_id == UINT64_MAX) {
        return PYN_EQUOTA;
    }
    st = pyn_ledger_charge(exports->ledger, PYN_Q_REFERENCES, 1);
    if (st != PYN_OK) {
        return st;
    }
    st = enter(exports, exports->next_id, object, iface, &entry);
    if (st != PYN_OK) {
        pyn_ledger_refund(exports->ledger, PYN_Q_REFERENCES, 1);
        return st;
    }
    exports->next_id++;
    entry->count = 1;
    *id = entry->id;
    return PYN_OK;
}

struct pyn_export *pyn_exports_of(const struct pyn_exports *exports, const void *object, const struct pyn_iface *iface)
{
    return pyn_idmap_find(&exports->by_object, key_of(object), side_of(iface));
}

pyn_status pyn_exports_add(struct pyn_exports *exports, void *object, const struct pyn_iface *iface, uint64_t *id,
                           bool *is_new)
{
    struct pyn_export *entry = pyn_exports_of(exports, object, iface);

    *id = 0;
    *is_new = false;
    if (entry == NULL) {
        pyn_status st = add_new(exports, object, iface, id);
        *is_new = st == PYN_OK;
        return st;
    }
    if (entry->id != 0) {
        if (entry->count == UINT64_MAX) {
            return PYN_EQUOTA;
        }
        entry->count++;
    }
    *id = entry->id;
    return PYN_OK;
}

static void bury(struct pyn_exports *exports, struct pyn_export *entry)
{
    entry->next = exports->dead;
    exports->dead = entry;
}

static void unlist(struct pyn_exports *exports, struct pyn_export *entry)
{
    pyn_idmap_remove(&exports->by_id, &entry->by_id);
    pyn_idmap_remove(&exports->by_object, &entry->by_object);
    entry->is_listed = false;
    if (entry->id != 0) {
        pyn_ledger_refund(exports->ledger, PYN_Q_REFERENCES, 1);
    }
    if (entry->pins == 0) {
        bury(exports, entry);
    } else {
        pyn_idmap_add(&exports->pinned, &entry->by_id, entry->id, 0, entry);
    }
}

pyn_status pyn_exports_free(struct pyn_exports *exports, uint64_t id, uint64_t count)
{
    struct pyn_export *entry = pyn_exports_find(exports, id);

    if (id == 0 || entry == NULL || count > entry->count) {
        return PYN_EPROTOCOL;
    }
    entry->count -= count;
    if (entry->count == 0) {
        unlist(exports, entry);
    }
    return PYN_OK;
}

void pyn_exports_pin(struct pyn_export *entry)
{
    entry->pins++;
}

void pyn_exports_unpin(struct pyn_exports *exports, struct pyn_export *entry)
{
    assert(entry->pins > 0);
    entry->pins--;
    if (entry->pins == 0 && !entry->is_listed) {
        pyn_idmap_remove(&exports->pinned, &entry->by_id);
        bury(exports, entry);
    }
}

struct pyn_export *pyn_exports_held(const struct pyn_exports *exports, uint64_t id)
{
    struct pyn_export *entry = pyn_exports_find(exports, id);

    return entry != NULL ? entry : pyn_idmap_find(&exports->pinned, id, 0);
}

/* ---- holds ---- */

void pyn_holds_note(struct pyn_exports *exports, struct pyn_holds *holds, struct pyn_export *entry)
{
    if (holds->count > 0 && holds->entries[holds->count - 1] == entry) {
        return;
    }
    if (holds->count == holds->room) {
        size_t room = holds->room == 0 ? 4 : holds->room * 2;
        struct pyn_export **grown = pyn_mem_resize(exports->mem, holds->entries, room, sizeof(struct pyn_export *));
        if (grown == NULL) {
            holds->is_short = true;
            return;
        }
        holds->entries = grown;
        holds->room = room;
    }
    holds->entries[holds->count++] = entry;
}

void pyn_holds_take(struct pyn_holds *holds, struct pyn_holds *out)
{
    *out = *holds;
    *holds = (struct pyn_holds){0};
    for (size_t i = 0; i < out->count; i++) {
        pyn_exports_pin(out->entries[i]);
    }
}

void pyn_holds_drop(struct pyn_exports *exports, struct pyn_holds *holds)
{
    for (size_t i = 0; i < holds->count; i++) {
        pyn_exports_unpin(exports, holds->entries[i]);
    }
    pyn_mem_free(exports->mem, holds->entries);
    *holds = (struct pyn_holds){0};
}

void *pyn_exports_reap(struct pyn_exports *exports)
{
    struct pyn_export *entry = exports->dead;
    void *object = NULL;

    if (entry != NULL) {
        exports->dead = entry->next;
        object = entry->object;
        pyn_mem_free(exports->mem, entry);
    }
    return object;
}

void pyn_exports_drop_all(struct pyn_exports *exports)
{
    struct pyn_export *entry = NULL;

    while ((entry = pyn_idmap_any(&exports->by_id)) != NULL) {
        unlist(exports, entry);
    }
}
