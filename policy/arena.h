/*
 * arena.h - memory that is given back all at once.
 *
 * Owns:    its blocks, until pyn_arena_fini().
 * Errors:  NULL or PYN_ENOMEM; what was handed out before stays good.
 * Threads: one at a time.
 * Tests:   tests/unit/test_policy.c
 */
#ifndef PYN_ARENA_H
#define PYN_ARENA_H

#include "../src/wire/mem.h"
#include "../src/wire/status.h"
#include "../src/wire/view.h"

struct pyn_block;

struct pyn_arena {
    const struct pyn_mem *mem;
    struct pyn_block *blocks;
    uint8_t *free;
    size_t left;
    size_t size; /* bytes of all blocks */
};

void pyn_arena_init(struct pyn_arena *arena, const struct pyn_mem *mem);
void pyn_arena_fini(struct pyn_arena *arena); /* a zeroed one too */

/* Zeroed and aligned for anything; count may be 0. */
void *pyn_arena_new(struct pyn_arena *arena, size_t count, size_t size);

/* A copy of the bytes. */
pyn_status pyn_arena_dup(struct pyn_arena *arena, struct pyn_view bytes, struct pyn_view *out);

#endif
