/* estates.c - see estates.h. */
#include "estates.h"

#include <stdlib.h>

enum { LOOKED_AT = 4 }; /* entries, for each that is made */

struct pyn_estate_entry {
    struct pyn_idnode node;
    struct pyn_estate_entry *next;
    struct pyn_estate *estate;
};

static bool has_whole(struct pyn_estates *estates)
{
    if (estates->whole == NULL) {
        estates->whole = pyn_estate_new(NULL);
    }
    return estates->whole != NULL;
}

/* Of the entry at *at, which is taken out. */
static void drop(struct pyn_estates *estates, struct pyn_estate_entry **at)
{
    struct pyn_estate_entry *entry = *at;

    *at = entry->next;
    pyn_idmap_remove(&estates->map, &entry->node);
    pyn_estate_unref(entry->estate);
    free(entry);
}

/* The table alone holds it, and whoever else could come by it asks the table. */
static bool is_needed(const struct pyn_estate *estate)
{
    return atomic_load_explicit(&estate->refs, memory_order_acquire) > 1 || pyn_estate_charged(estate) > 0;
}

static void look_around(struct pyn_estates *estates)
{
    struct pyn_estate_entry **at = estates->at != NULL ? estates->at : &estates->first;

    for (int i = 0; i < LOOKED_AT && *at != NULL; i++) {
        if (is_needed((*at)->estate)) {
            at = &(*at)->next;
        } else {
            drop(estates, at);
        }
    }
    estates->at = *at != NULL ? at : NULL;
}

struct pyn_estate *pyn_estates_of_nobody(struct pyn_estates *estates)
{
    return has_whole(estates) ? pyn_estate_new(estates->whole) : NULL;
}

struct pyn_estate *pyn_estates_of(struct pyn_estates *estates, const struct pyn_estate_key *peer)
{
    struct pyn_estate_entry *entry = pyn_idmap_find(&estates->map, peer->id, peer->side);

    if (entry != NULL) {
        return pyn_estate_ref(entry->estate);
    }
    look_around(estates);
    entry = calloc(1, sizeof *entry);
    if (entry != NULL) {
        entry->estate = pyn_estates_of_nobody(estates);
    }
    if (entry == NULL || entry->estate == NULL) {
        free(entry);
        return NULL;
    }
    pyn_idmap_add(&estates->map, &entry->node, peer->id, peer->side);
    entry->next = estates->first;
    estates->first = entry;
    return pyn_estate_ref(entry->estate);
}

void pyn_estates_fini(struct pyn_estates *estates)
{
    while (estates->first != NULL) {
        drop(estates, &estates->first);
    }
    pyn_estate_unref(estates->whole);
    *estates = (struct pyn_estates){0};
}
