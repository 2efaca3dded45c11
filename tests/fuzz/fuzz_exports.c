/*
 * fuzz_exports.c - is there an order of sending, freeing, pinning and dropping in which the table of exports and a plain model of it come apart?
 *
 * Input: commands of two bytes each: what to do, and with which object or reference.
 * Properties: an id is given out once; a reference is found as long as it was sent more often than it was freed, and by nothing else; an object is reaped
 * once, when its last reference is gone and nothing pins it; the ledger has one for each reference; a free of what is not held changes nothing.
 */
#include "../../src/session/exports.h"

#include <stdlib.h>

enum { OBJECTS = 12, IFACES = 2, ENTRIES_MAX = 400, QUOTA = 9 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct entry {
    uint64_t id;
    size_t object;
    size_t iface;
    uint64_t count;
    uint64_t pins;
    struct pyn_export *real; /* while it is pinned */
};

struct world {
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;
    struct pyn_exports exports;
    struct pyn_iface ifaces[IFACES];
    char objects[OBJECTS];
    struct entry entries[ENTRIES_MAX]; /* all that there ever were */
    size_t count;
    size_t reaped[OBJECTS];
    size_t due[OBJECTS]; /* how often it has to be reaped */
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct entry *held(struct world *w, size_t object, size_t iface)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->entries[i].count > 0 && w->entries[i].object == object && w->entries[i].iface == iface) {
            return &w->entries[i];
        }
    }
    return NULL;
}

static size_t listed(const struct world *w)
{
    size_t count = 0;

    for (size_t i = 0; i < w->count; i++) {
        count += w->entries[i].count > 0;
    }
    return count;
}

static void add(struct world *w, uint8_t which)
{
    size_t object = which % OBJECTS;
    size_t iface = which / OBJECTS % IFACES;
    struct entry *entry = held(w, object, iface);
    uint64_t id = 0;
    bool is_new = false;
    pyn_status st = pyn_exports_add(&w->exports, &w->objects[object], &w->ifaces[iface], &id, &is_new);

    if (entry != NULL) {
        require(st == PYN_OK && !is_new && id == entry->id);
        entry->count++;
        return;
    }
    require((st == PYN_OK) == (listed(w) < QUOTA));
    if (st != PYN_OK) {
        require(st == PYN_EQUOTA && !is_new);
        return;
    }
    require(is_new);
    for (size_t i = 0; i < w->count; i++) {
        require(w->entries[i].id != id);
    }
    w->entries[w->count++] = (struct entry){.id = id, .object = object, .iface = iface, .count = 1};
}

static void gone(struct world *w, const struct entry *entry)
{
    w->due[entry->object] += entry->count == 0 && entry->pins == 0;
}

static void free_some(struct world *w, uint8_t which, uint64_t count)
{
    uint64_t id = which;
    struct entry *entry = which < w->count ? &w->entries[which] : NULL;
    bool is_good = false;

    if (entry != NULL) {
        id = entry->id;
        is_good = count <= entry->count && entry->count > 0;
    } else {
        id += UINT64_C(1) << 40; /* of nobody */
    }
    if (count == 0) {
        return; /* the grammar has no such */
    }
    require(pyn_exports_free(&w->exports, id, count) == (is_good ? PYN_OK : PYN_EPROTOCOL));
    if (is_good) {
        entry->count -= count;
        gone(w, entry);
    }
}

static void pin(struct world *w, uint8_t which)
{
    struct entry *entry = w->count > 0 ? &w->entries[which % w->count] : NULL;

    if (entry != NULL && entry->count > 0) {
        entry->real = pyn_exports_find(&w->exports, entry->id);
        require(entry->real != NULL);
        pyn_exports_pin(entry->real);
        entry->pins++;
    }
}

static void unpin(struct world *w, uint8_t which)
{
    struct entry *entry = w->count > 0 ? &w->entries[which % w->count] : NULL;

    if (entry != NULL && entry->pins > 0) {
        pyn_exports_unpin(&w->exports, entry->real);
        entry->pins--;
        gone(w, entry);
    }
}

static void reap(struct world *w)
{
    char *object = NULL;

    while ((object = pyn_exports_reap(&w->exports)) != NULL) {
        w->reaped[object - w->objects]++;
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        require(w->reaped[i] == w->due[i]);
    }
}

static void check(struct world *w)
{
    require(w->ledger.used[PYN_Q_REFERENCES] == listed(w));
    for (size_t i = 0; i < w->count; i++) {
        const struct entry *entry = &w->entries[i];
        const struct pyn_export *found = pyn_exports_find(&w->exports, entry->id);
        require((found != NULL) == (entry->count > 0));
        require((pyn_exports_held(&w->exports, entry->id) != NULL) == (entry->count > 0 || entry->pins > 0));
        if (found != NULL) {
            require(pyn_export_object(found) == &w->objects[entry->object] &&
                    pyn_export_iface(found) == &w->ifaces[entry->iface]);
            require(pyn_export_count(found) == entry->count && pyn_export_pins(found) == entry->pins);
            require(pyn_exports_of(&w->exports, pyn_export_object(found), pyn_export_iface(found)) == found);
        }
    }
}

static void act(struct world *w, uint8_t command, uint8_t which)
{
    switch (command % 8) {
    case 0:
    case 1:
    case 2:
        add(w, which);
        break;
    case 3:
    case 4:
        free_some(w, which, command / 8 % 4);
        break;
    case 5:
        pin(w, which);
        break;
    case 6:
        unpin(w, which);
        break;
    default:
        reap(w);
        break;
    }
}

static void end(struct world *w)
{
    pyn_exports_drop_all(&w->exports);
    for (size_t i = 0; i < w->count; i++) {
        struct entry *entry = &w->entries[i];
        bool is_listed = entry->count > 0;
        entry->count = 0;
        if (is_listed) {
            gone(w, entry);
        }
        while (entry->pins > 0) {
            unpin(w, (uint8_t)i);
        }
    }
    reap(w);
    pyn_exports_fini(&w->exports);
    require(pyn_ledger_is_clear(&w->ledger));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = calloc(1, sizeof *w);

    require(w != NULL);
    w->quotas = pyn_quotas_default();
    w->quotas.max[PYN_Q_REFERENCES] = QUOTA;
    pyn_ledger_init(&w->ledger, &w->quotas, 0);
    pyn_exports_init(&w->exports, pyn_mem_default(), &w->ledger);
    for (size_t at = 0; at + 2 <= size && w->count < 250; at += 2) {
        act(w, data[at], data[at + 1]);
        check(w);
    }
    end(w);
    free(w);
    return 0;
}
