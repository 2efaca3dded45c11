/* bytemap.c - see bytemap.h. */
#include "bytemap.h"

#include <assert.h>

enum { BYTE_BITS = 8 };

/* From the highest bit of the first byte on; behind the end all are 0. */
static unsigned bit_at(struct pyn_view key, size_t bit)
{
    size_t at = bit / BYTE_BITS;

    return at < key.len ? (key.data[at] >> (BYTE_BITS - 1 - bit % BYTE_BITS)) & 1u : 0;
}

/* The leaf that a key leads to: the only one that may have it. NULL in an empty map. */
static struct pyn_bytenode *nearest(const struct pyn_bytemap *map, struct pyn_view key)
{
    struct pyn_byteplace at = map->top;

    while (at.is_branch) {
        at = at.node->child[bit_at(key, at.node->bit)];
    }
    return at.node;
}

void *pyn_bytemap_find(const struct pyn_bytemap *map, struct pyn_view key)
{
    const struct pyn_bytenode *leaf = nearest(map, key);

    return leaf != NULL && pyn_view_is_equal(leaf->key, key) ? leaf->item : NULL;
}

/* Where two keys part: neither is the beginning of the other. */
static size_t first_difference(struct pyn_view a, struct pyn_view b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    size_t at = 0;
    size_t bit = 0;

    while (at < len && a.data[at] == b.data[at]) {
        at++;
    }
    assert(at < len);
    bit = at * BYTE_BITS;
    while (bit_at(a, bit) == bit_at(b, bit)) {
        bit++;
    }
    return bit;
}

void pyn_bytemap_add(struct pyn_bytemap *map, struct pyn_bytenode *node, struct pyn_view key, void *item)
{
    const struct pyn_bytenode *other = nearest(map, key);
    struct pyn_byteplace *at = &map->top;
    unsigned side = 0;

    *node = (struct pyn_bytenode){.key = key, .item = item};
    map->count++;
    if (other == NULL) {
        map->top = (struct pyn_byteplace){.node = node};
        return;
    }
    node->bit = first_difference(key, other->key);
    while (at->is_branch && at->node->bit < node->bit) {
        at = &at->node->child[bit_at(key, at->node->bit)];
    }
    side = bit_at(key, node->bit);
    node->child[side] = (struct pyn_byteplace){.node = node};
    node->child[1 - side] = *at;
    *at = (struct pyn_byteplace){node, true};
}

/*
 * The branch above the leaf goes with it. If it is lent by another node, that node takes over the branch that this one lends, which stands further up:
 * so each goes on lending a branch above its own leaf.
 */
void pyn_bytemap_remove(struct pyn_bytemap *map, struct pyn_bytenode *node)
{
    struct pyn_byteplace *at = &map->top;
    struct pyn_byteplace *above = NULL; /* where the branch right above the leaf stands */
    struct pyn_byteplace *lent = NULL;  /* where the node's own branch stands */
    struct pyn_bytenode *branch = NULL;
    unsigned side = 0;

    while (at->is_branch) {
        if (at->node == node) {
            lent = at;
        }
        above = at;
        side = bit_at(node->key, at->node->bit);
        at = &at->node->child[side];
    }
    assert(at->node == node);
    map->count--;
    if (above == NULL) {
        map->top = (struct pyn_byteplace){0};
        return;
    }
    branch = above->node;
    *above = branch->child[1 - side];
    if (branch != node && lent != NULL) {
        branch->bit = node->bit;
        branch->child[0] = node->child[0];
        branch->child[1] = node->child[1];
        lent->node = branch;
    }
}

void *pyn_bytemap_under(const struct pyn_bytemap *map, struct pyn_view beginning)
{
    struct pyn_byteplace at = map->top;
    const struct pyn_bytenode *leaf = NULL;

    while (at.is_branch) { /* behind the beginning all bits are 0: any leaf there will do */
        at = at.node->child[bit_at(beginning, at.node->bit)];
    }
    leaf = at.node;
    if (leaf == NULL || leaf->key.len < beginning.len) {
        return NULL;
    }
    return beginning.len == 0 || memcmp(leaf->key.data, beginning.data, beginning.len) == 0 ? leaf->item : NULL;
}
