/*
 * pool.h - blocks of one size, a few of which are kept for the next taker: so that the ordinary call allocates nothing.
 *
 * Owns:    the blocks that it keeps; pyn_pool_fini() gives them back.
 * Units:   bytes. Contents of a block are not defined.
 * Errors:  NULL.
 * Tests:   tests/unit/test_pool.c
 */
#ifndef PYN_POOL_H
#define PYN_POOL_H

#include "../wire/mem.h"

struct pyn_pool {
    const struct pyn_mem *mem;
    size_t size;  /* of a block, at least that of a pointer */
    unsigned max; /* blocks that are kept */
    unsigned count;
    unsigned least; /* that were kept at any time since the last trim: nobody has needed them */
    void *first;
};

void pyn_pool_init(struct pyn_pool *pool, const struct pyn_mem *mem, size_t size, unsigned max);
/* What nobody has needed since the last trim is freed: what a burst has left is gone after two. */
void pyn_pool_trim(struct pyn_pool *pool);
/* What is kept is freed. */
void pyn_pool_rest(struct pyn_pool *pool);
void pyn_pool_fini(struct pyn_pool *pool);
void *pyn_pool_take(struct pyn_pool *pool);
void pyn_pool_give(struct pyn_pool *pool, void *block);

#endif
