/*
 * idmap.c - see idmap.h.
 *
 * A node at level n may stand anywhere below the path that the first n bits of its key lead along. So a node that is removed can be
 * replaced by any leaf below it.
 */
#include "idmap.h"

#include <assert.h>
#include <stdbool.h>

enum { WORD_BITS = 64 };

/* The bits of a key, lowest first: (id ^ f(side), side), which no two keys share. */
struct path {
    uint64_t bits;
    uint64_t side;
    unsigned level;
};

static struct path path_of(uint64_t id, uint64_t side)
{
    /* Sides are addresses or 0: the lowest bits say nothing, and one object under many sides must fan out at once. */
    return (struct path){id ^ ((side >> 4) * UINT64_C(0x9e3779b97f4a7c15)), side, 0};
}

static unsigned next_bit(struct path *path)
{
    unsigned bit = (unsigned)(path->bits & 1);

    path->bits >>= 1;
    if (++path->level == WORD_BITS) {
        path->bits = path->side;
    }
    return bit;
}

static bool is_at(const struct pyn_idnode *node, uint64_t id, uint64_t side)
{
    return node->id == id && node->side == side;
}

void *pyn_idmap_find(const struct pyn_idmap *map, uint64_t id, uint64_t side)
{
    struct path path = path_of(id, side);
    struct pyn_idnode *node = map->top;

    while (node != NULL && !is_at(node, id, side)) {
        node = node->child[next_bit(&path)];
    }
    return node;
}

void pyn_idmap_add(struct pyn_idmap *map, struct pyn_idnode *node, uint64_t id, uint64_t side)
{
    struct path path = path_of(id, side);
    struct pyn_idnode **link = &map->top;

    while (*link != NULL) {
        assert(!is_at(*link, id, side));
        link = &(*link)->child[next_bit(&path)];
    }
    *node = (struct pyn_idnode){.id = id, .side = side};
    *link = node;
    map->count++;
}

/* Takes a leaf below node out of the tree; node itself when it has none below it. */
static struct pyn_idnode *take_leaf(struct pyn_idnode **link)
{
    while ((*link)->child[0] != NULL || (*link)->child[1] != NULL) {
        link = &(*link)->child[(*link)->child[0] == NULL];
    }
    struct pyn_idnode *leaf = *link;
    *link = NULL;
    return leaf;
}

void pyn_idmap_remove(struct pyn_idmap *map, struct pyn_idnode *node)
{
    struct path path = path_of(node->id, node->side);
    struct pyn_idnode **link = &map->top;

    while (*link != node) {
        assert(*link != NULL);
        link = &(*link)->child[next_bit(&path)];
    }
    struct pyn_idnode *leaf = take_leaf(link);
    if (leaf != node) {
        leaf->child[0] = node->child[0];
        leaf->child[1] = node->child[1];
        *link = leaf;
    }
    map->count--;
}

void *pyn_idmap_any(const struct pyn_idmap *map)
{
    return map->top;
}
