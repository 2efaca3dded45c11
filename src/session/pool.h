/*
 * pool.h - blocks of one size, a few of which are kept for the next taker: so that the ordinary call allocates nothing.
 *
 * Owns:    the blocks that it keeps; pyn_pool_fini() gives them back.
 * Units:   bytes. Contents of a block are not defined.
 * Errors:  NULL.
 * Tests:   through those of lanes and session
 */
#ifndef PYN_POOL_H
#define PYN_POOL_H

#include "../wire/mem.h"

struct pyn_pool {
    const struct pyn_mem *mem;
    size_t size;  /* of a block, at least that of a pointer */
    unsigned max; /* blocks that are kept */
    unsigned count;
    void *first;
};

void pyn_pool_init(struct pyn_pool *pool, const struct pyn_mem *mem, size_t size, unsigned max);
/* What is kept is freed. */
void pyn_pool_rest(struct pyn_pool *pool);
void pyn_pool_fini(struct pyn_pool *pool);
void *pyn_pool_take(struct pyn_pool *pool);
void pyn_pool_give(struct pyn_pool *pool, void *block);

#endif
