/* pool.c - see pool.h. */
#include "pool.h"

#include <string.h>

/* Under AddressSanitizer nothing is kept: a block that is used after it was given back has to be seen. */
#if defined(__SANITIZE_ADDRESS__)
enum { IS_KEEPING = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { IS_KEEPING = 0 };
#else
enum { IS_KEEPING = 1 };
#endif
#else
enum { IS_KEEPING = 1 };
#endif

void pyn_pool_init(struct pyn_pool *pool, const struct pyn_mem *mem, size_t size, unsigned max)
{
    *pool = (struct pyn_pool){.mem = mem, .size = size, .max = IS_KEEPING ? max : 0};
}

void *pyn_pool_take(struct pyn_pool *pool)
{
    void *block = pool->first;

    if (block == NULL) {
        return pyn_mem_resize(pool->mem, NULL, 1, pool->size);
    }
    memcpy(&pool->first, block, sizeof pool->first); /* a kept block starts with a pointer to the next */
    pool->count--;
    pool->least = pool->least < pool->count ? pool->least : pool->count;
    return block;
}

void pyn_pool_give(struct pyn_pool *pool, void *block)
{
    if (pool->count >= pool->max) {
        pyn_mem_free(pool->mem, block);
        return;
    }
    memcpy(block, &pool->first, sizeof pool->first);
    pool->first = block;
    pool->count++;
}

void pyn_pool_trim(struct pyn_pool *pool)
{
    for (unsigned left = pool->least; left > 0; left--) {
        pyn_mem_free(pool->mem, pyn_pool_take(pool));
    }
    pool->least = pool->count;
}

void pyn_pool_fini(struct pyn_pool *pool)
{
    pool->max = 0;
    pyn_pool_rest(pool);
}

void pyn_pool_rest(struct pyn_pool *pool)
{
    while (pool->first != NULL) {
        pyn_mem_free(pool->mem, pyn_pool_take(pool));
    }
}
