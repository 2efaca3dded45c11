/* exports.c - see exports.h. */
#include "exports.h"

#include <assert.h>

static uint64_t side_of(const struct pyn_iface *iface)
{
    return (uint64_t)(uintptr_t)iface;
}

static const uint64_t PIN = UINT64_C(1) << PYN_EXPORT_COUNT_BITS;
static const uint64_t LISTED = UINT64_C(1) << (PYN_EXPORT_COUNT_BITS + PYN_EXPORT_PIN_BITS);

void pyn_exports_init(struct pyn_exports *exports, const struct pyn_mem *mem, struct pyn_ledger *ledger)
{
    *exports = (struct pyn_exports){.mem = mem, .ledger = ledger};
    pyn_slots_init(&exports->slots, mem, sizeof(struct pyn_export), offsetof(struct pyn_export, id));
}

void pyn_exports_fini(struct pyn_exports *exports)
{
    pyn_slots_fini(&exports->slots);
}

/* Listed, or freed and pinned still, or dead; NULL: there is none such. */
static struct pyn_export *entry_of(struct pyn_exports *exports, uint64_t id)
{
    if (id == 0) {
        return &exports->root;
    }
    return pyn_slots_find(&exports->slots, id);
}

struct pyn_export *pyn_exports_find(struct pyn_exports *exports, uint64_t id)
{
    struct pyn_export *entry = entry_of(exports, id);

    return entry != NULL && pyn_export_is_listed(entry) ? entry : NULL;
}

struct pyn_export *pyn_exports_held(struct pyn_exports *exports, uint64_t id)
{
    struct pyn_export *entry = entry_of(exports, id);

    return entry != NULL && (pyn_export_is_listed(entry) || pyn_export_pins(entry) > 0) ? entry : NULL;
}

static void list(struct pyn_exports *exports, struct pyn_export *entry, const void *object, const struct pyn_iface *iface)
{
    entry->state = LISTED;
    pyn_idmap_add(&exports->by_object, &entry->by_object, pyn_export_key(object), side_of(iface));
}

void pyn_exports_root(struct pyn_exports *exports, void *object, const struct pyn_iface *iface)
{
    list(exports, &exports->root, object, iface);
}

static pyn_status add_new(struct pyn_exports *exports, void *object, const struct pyn_iface *iface, uint64_t *id)
{
    struct pyn_export *entry = NULL;
    void *slot = NULL;
    pyn_status st = pyn_ledger_charge(exports->ledger, PYN_Q_REFERENCES, 1);

    if (st != PYN_OK) {
        return st;
    }
    st = pyn_slots_take(&exports->slots, &slot);
    if (st != PYN_OK) {
        pyn_ledger_refund(exports->ledger, PYN_Q_REFERENCES, 1);
        return st;
    }
    entry = slot;
    list(exports, entry, object, iface);
    entry->state++;
    *id = entry->id;
    return PYN_OK;
}

struct pyn_export *pyn_exports_of(const struct pyn_exports *exports, const void *object, const struct pyn_iface *iface)
{
    return pyn_idmap_find(&exports->by_object, pyn_export_key(object), side_of(iface));
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
        if (pyn_export_count(entry) == PYN_EXPORT_COUNT_MAX) {
            return PYN_EQUOTA;
        }
        entry->state++;
    }
    *id = entry->id;
    return PYN_OK;
}

static struct pyn_export *of_node(struct pyn_idnode *node)
{
    return (struct pyn_export *)node;
}

static void bury(struct pyn_exports *exports, struct pyn_export *entry)
{
    entry->by_object.child[0] = exports->dead != NULL ? &exports->dead->by_object : NULL;
    exports->dead = entry;
}

static void unlist(struct pyn_exports *exports, struct pyn_export *entry)
{
    pyn_idmap_remove(&exports->by_object, &entry->by_object);
    entry->state &= PYN_EXPORT_PINS_MAX << PYN_EXPORT_COUNT_BITS;
    if (entry->id != 0) {
        pyn_ledger_refund(exports->ledger, PYN_Q_REFERENCES, 1);
    }
    if (pyn_export_pins(entry) == 0) {
        bury(exports, entry);
    }
}

pyn_status pyn_exports_free(struct pyn_exports *exports, uint64_t id, uint64_t count)
{
    struct pyn_export *entry = pyn_exports_find(exports, id);

    if (id == 0 || entry == NULL || count > pyn_export_count(entry)) {
        return PYN_EPROTOCOL;
    }
    entry->state -= count;
    if (pyn_export_count(entry) == 0) {
        unlist(exports, entry);
    }
    return PYN_OK;
}

bool pyn_exports_may_pin(const struct pyn_export *entry)
{
    return pyn_export_pins(entry) < PYN_EXPORT_PINS_MAX;
}

void pyn_exports_pin(struct pyn_export *entry)
{
    assert(pyn_exports_may_pin(entry));
    entry->state += PIN;
}

void pyn_exports_unpin(struct pyn_exports *exports, struct pyn_export *entry)
{
    assert(pyn_export_pins(entry) > 0);
    entry->state -= PIN;
    if (entry->state == 0) {
        bury(exports, entry);
    }
}

/* ---- holds ---- */

void pyn_holds_note(struct pyn_exports *exports, struct pyn_holds *holds, struct pyn_export *entry)
{
    if (holds->count > 0 && holds->entries[holds->count - 1] == entry) {
        return;
    }
    if (pyn_export_pins(entry) + holds->count >= PYN_EXPORT_PINS_MAX) { /* all of these may be of this one */
        holds->is_short = true;
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
        exports->dead = of_node(entry->by_object.child[0]);
        object = pyn_export_object(entry);
        if (entry->id != 0) {
            pyn_slots_give(&exports->slots, entry);
        }
    }
    return object;
}

void pyn_exports_drop_all(struct pyn_exports *exports)
{
    struct pyn_export *entry = NULL;

    while ((entry = pyn_idmap_any(&exports->by_object)) != NULL) {
        unlist(exports, entry);
    }
}
