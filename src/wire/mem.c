/* mem.c - see mem.h. */
#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *libc_realloc(void *ctx, void *block, size_t size)
{
    (void)ctx;
    if (size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, size);
}

const struct pyn_mem *pyn_mem_default(void)
{
    static const struct pyn_mem libc = {libc_realloc, NULL};
    return &libc;
}

void *pyn_mem_resize(const struct pyn_mem *mem, void *block, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    size_t len = count * size;
    return mem->realloc(mem->ctx, block, len == 0 ? 1 : len); /* a size of 0 would free */
}

void *pyn_mem_new(const struct pyn_mem *mem, size_t count, size_t size)
{
    void *block = pyn_mem_resize(mem, NULL, count, size);

    if (block != NULL) {
        memset(block, 0, count * size);
    }
    return block;
}

void pyn_mem_free(const struct pyn_mem *mem, void *block)
{
    if (block != NULL) {
        (void)mem->realloc(mem->ctx, block, 0);
    }
}

void pyn_owned_free(struct pyn_owned *block)
{
    if (block->data != NULL) {
        pyn_mem_free(block->mem, block->data);
    }
    *block = (struct pyn_owned){NULL, NULL};
}
