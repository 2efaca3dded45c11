/*
 * mem.h - where the core gets its memory from: an allocator that is passed in.
 *
 * A test makes every allocation fail in turn with one of its own; the runtime counts.
 * Owns:    what an allocator gave goes back to the same allocator.
 * Errors:  NULL, and nothing has changed.
 */
#ifndef PYN_MEM_H
#define PYN_MEM_H

#include <stddef.h>

struct pyn_mem {
    /* realloc(NULL, n) allocates, realloc(p, 0) frees and returns NULL, as in C before C23. */
    void *(*realloc)(void *ctx, void *block, size_t size);
    void *ctx;
};

/* The C library's; lives for ever. */
const struct pyn_mem *pyn_mem_default(void);

/* Zeroed. count * size must not wrap: it fails then. A size of zero is given one byte. */
void *pyn_mem_new(const struct pyn_mem *mem, size_t count, size_t size);

/* Grows or shrinks an array; what is new is not zeroed. On failure the old block stands. */
void *pyn_mem_resize(const struct pyn_mem *mem, void *block, size_t count, size_t size);

/* Accepts NULL. */
void pyn_mem_free(const struct pyn_mem *mem, void *block);

/* A block that knows where it came from; zeroed: none. */
struct pyn_owned {
    void *data;
    const struct pyn_mem *mem;
};

void pyn_owned_free(struct pyn_owned *block);

#endif
