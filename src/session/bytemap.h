/*
 * bytemap.h - finds an item by a key of bytes, and every item whose key begins with given ones: a crit-bit tree whose nodes stand inside of the items.
 *
 * A look-up reads each bit of its key once at most, whatever keys others have chosen. Nothing is hashed, nothing grows, adding cannot fail.
 *
 * Owns:    nothing. A node is part of its item, which outlives its place in the map, as the bytes of its key do.
 * Demands: no key is the beginning of another.
 * Tests:   tests/unit/test_bytemap.c
 */
#ifndef PYN_BYTEMAP_H
#define PYN_BYTEMAP_H

#include "../wire/view.h"

struct pyn_bytenode;

/* A place in the tree: nothing, an item's node as the leaf that it is, or the branch that a node lends. */
struct pyn_byteplace {
    struct pyn_bytenode *node;
    bool is_branch;
};

struct pyn_bytenode {
    struct pyn_view key;
    void *item;
    /* The branch that it lends: it stands above this leaf, and parts the keys below it at one bit. One node of a map lends none. */
    size_t bit;
    struct pyn_byteplace child[2];
};

struct pyn_bytemap {
    struct pyn_byteplace top;
    size_t count;
};

/* NULL when there is none. */
void *pyn_bytemap_find(const struct pyn_bytemap *map, struct pyn_view key);

/* The key must not be there yet. */
void pyn_bytemap_add(struct pyn_bytemap *map, struct pyn_bytenode *node, struct pyn_view key, void *item);

/* The node must be there. */
void pyn_bytemap_remove(struct pyn_bytemap *map, struct pyn_bytenode *node);

/* One of the items whose keys begin so, whichever; NULL when there is none. */
void *pyn_bytemap_under(const struct pyn_bytemap *map, struct pyn_view beginning);

#endif
