/*
 * idmap.h - finds an item by its id, or by an id and a side: a digital search tree whose nodes are the first members of the items.
 *
 * Every level looks at one bit of the key, so that no choice of keys makes a look-up longer than 128 steps; ids that are given out in
 * order make a balanced tree. Nothing is hashed, nothing grows, and adding cannot fail.
 *
 * Owns:    nothing. A node is part of its item, which outlives its place in the map.
 * Tests:   tests/unit/test_idmap.c
 */
#ifndef PYN_IDMAP_H
#define PYN_IDMAP_H

#include <stddef.h>
#include <stdint.h>

struct pyn_idnode {
    uint64_t id;
    uint64_t side;
    struct pyn_idnode *child[2];
};

struct pyn_idmap {
    struct pyn_idnode *top;
    size_t count;
};

/* The item, by its node; NULL when there is none. */
void *pyn_idmap_find(const struct pyn_idmap *map, uint64_t id, uint64_t side);

/* The key must not be there yet. */
void pyn_idmap_add(struct pyn_idmap *map, struct pyn_idnode *node, uint64_t id, uint64_t side);

/* The node must be there. */
void pyn_idmap_remove(struct pyn_idmap *map, struct pyn_idnode *node);

/* One of the items, whichever: the way to empty a map. NULL when it is empty. */
void *pyn_idmap_any(const struct pyn_idmap *map);

#endif
