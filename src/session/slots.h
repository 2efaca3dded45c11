/*
 * slots.h - items of one size, found by an id in a step: it says where the item stands, and which of those it is that have stood there.
 *
 * An id is index + generation * 2**32. As long as few items have gone, an item gets an index that was never used, and ids are 1, 2, 3; later those of items
 * that have gone are used again, with the next generation. So no id is given out twice, and a table takes no more room than twice what it has held at once. What
 * a peer says is looked up in one step, whatever it says. Items do not move; of 64 neighbours that are all gone the memory is given back.
 *
 * Owns:    the items' memory.
 * Units:   an id is 1 to 2**64 - 1.
 * Errors:  PYN_ENOMEM; PYN_EQUOTA: there are 2**32 - 1 of them.
 * Tests:   tests/unit/test_slots.c
 */
#ifndef PYN_SLOTS_H
#define PYN_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../wire/mem.h"
#include "../wire/status.h"

/* Neighbours. */
struct pyn_chunk {
    char *items;         /* NULL: all of them are gone */
    uint64_t gone;       /* slots that were used and are not: a bit each */
    uint32_t next;       /* chunk with such slots */
    uint32_t used;       /* items */
    uint32_t generation; /* the highest of its ids, when items is NULL */
};

struct pyn_slots {
    const struct pyn_mem *mem;
    size_t size;
    size_t id_at; /* where an item has its id, which is ours */
    struct pyn_chunk *chunks;
    uint32_t chunk_count;
    uint32_t chunk_room;
    uint32_t fresh;      /* the lowest index that was never used; 0 is not */
    uint32_t used;       /* items, and indices that have had their last generation */
    uint32_t worn;       /* of these */
    uint32_t gone;       /* indices that were used and are not */
    uint32_t first;      /* chunk with such; the others behind it */
    uint32_t generation; /* of indices that were never used */
};

/* id_at: offset of a uint64_t of the item. */
void pyn_slots_init(struct pyn_slots *slots, const struct pyn_mem *mem, size_t size, size_t id_at);
/* Every item must have been given back. */
void pyn_slots_fini(struct pyn_slots *slots);

/* Nothing of it is defined but its id. */
pyn_status pyn_slots_take(struct pyn_slots *slots, void **item);
void pyn_slots_give(struct pyn_slots *slots, void *item);

/* NULL: no item has this id. */
void *pyn_slots_find(const struct pyn_slots *slots, uint64_t id);

#endif
