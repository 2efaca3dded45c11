/* arena.c - see arena.h. */
#include "arena.h"

#include <stdalign.h>

struct pyn_block {
    struct pyn_block *next;
    alignas(max_align_t) uint8_t bytes[];
};

enum {
    ALIGN = alignof(max_align_t),
    BLOCK_MIN = 8192,
};

void pyn_arena_init(struct pyn_arena *arena, const struct pyn_mem *mem)
{
    *arena = (struct pyn_arena){.mem = mem};
}

void pyn_arena_fini(struct pyn_arena *arena)
{
    struct pyn_block *block = arena->blocks;
    while (block != NULL) {
        struct pyn_block *next = block->next;
        pyn_mem_free(arena->mem, block);
        block = next;
    }
    *arena = (struct pyn_arena){.mem = arena->mem};
}

/* What does not fit into the open block and is large gets one of its own, and the open one stays open. */
static uint8_t *grow(struct pyn_arena *arena, size_t size)
{
    size_t room = size > BLOCK_MIN / 4 ? size : BLOCK_MIN;
    if (room > SIZE_MAX - sizeof(struct pyn_block)) {
        return NULL;
    }
    struct pyn_block *block = pyn_mem_new(arena->mem, 1, sizeof *block + room);
    if (block == NULL) {
        return NULL;
    }
    block->next = arena->blocks;
    arena->blocks = block;
    arena->size += sizeof *block + room;
    if (room == BLOCK_MIN) {
        arena->free = block->bytes + size;
        arena->left = room - size;
    }
    return block->bytes;
}

void *pyn_arena_new(struct pyn_arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX - ALIGN) / size) {
        return NULL;
    }
    size_t total = count * size;
    total = total == 0 ? ALIGN : (total + ALIGN - 1) / ALIGN * ALIGN;
    if (total > arena->left) {
        return grow(arena, total);
    }
    uint8_t *taken = arena->free;
    arena->free += total;
    arena->left -= total;
    return taken;
}

pyn_status pyn_arena_dup(struct pyn_arena *arena, struct pyn_view bytes, struct pyn_view *out)
{
    *out = (struct pyn_view){0};
    uint8_t *copy = pyn_arena_new(arena, bytes.len, 1);
    if (copy == NULL) {
        return PYN_ENOMEM;
    }
    if (bytes.len != 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    *out = (struct pyn_view){copy, bytes.len};
    return PYN_OK;
}
