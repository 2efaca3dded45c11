/* warm.c - see warm.h: a shelf of blocks, each with its size in front. */
#include "warm.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "mapped.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_KEEPING 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_KEEPING 0
#endif
#endif
#ifndef IS_KEEPING
#define IS_KEEPING 1
#endif

enum {
    HEAD = 64, /* bytes ahead of a block */
    KEPT_MIN = 64 * 1024,
};

struct block {
    struct block *next; /* on the shelf */
    size_t room;        /* bytes behind the head */
    size_t excess;      /* of them beyond what was asked for; on the shelf all of them */
};

_Static_assert(sizeof(struct block) <= HEAD, "a head has its place");

static struct {
    atomic_flag is_held; /* a child of a fork that finds it so for ever does without the shelf */
    struct block *first;
    bool was_used;
} shelf = {ATOMIC_FLAG_INIT, NULL, false};

static atomic_size_t excess; /* of all blocks */

size_t pyn_warm_len(void)
{
    return atomic_load(&excess);
}

static bool hold(void)
{
    return !atomic_flag_test_and_set_explicit(&shelf.is_held, memory_order_acquire);
}

static void let_go(void)
{
    atomic_flag_clear_explicit(&shelf.is_held, memory_order_release);
}

static uint8_t *bytes_of(struct block *block)
{
    return (uint8_t *)block + HEAD;
}

static struct block *block_of(void *bytes)
{
    return (struct block *)(void *)((uint8_t *)bytes - HEAD);
}

static bool add_excess(size_t more)
{
    if (more > PYN_WARM_MAX) {
        return false;
    }
    if (atomic_fetch_add(&excess, more) > PYN_WARM_MAX - more) {
        (void)atomic_fetch_sub(&excess, more);
        return false;
    }
    return true;
}

/* So much of it is more than was asked for. False: there would be too much of that in all, and nothing has changed. */
static bool set_excess(struct block *block, size_t more)
{
    if (more > block->excess && !add_excess(more - block->excess)) {
        return false;
    }
    if (more < block->excess) {
        (void)atomic_fetch_sub(&excess, block->excess - more);
    }
    block->excess = more;
    return true;
}

/* NULL: it stands as it was. */
static struct block *map(struct block *block, size_t size)
{
    const struct pyn_mem *pages = pyn_mapped_mem();
    struct block *mapped = NULL;

    if (size > SIZE_MAX - HEAD) {
        return NULL;
    }
    mapped = pyn_mem_resize(pages, block, HEAD + size, 1);
    if (mapped != NULL) {
        mapped->room = size;
        if (block == NULL) {
            mapped->next = NULL;
            mapped->excess = 0;
        }
    }
    return mapped;
}

static void unmap(struct block *block)
{
    (void)set_excess(block, 0);
    pyn_mem_free(pyn_mapped_mem(), block);
}

/* ---- the shelf ---- */

/* The smallest that is large enough, or the largest; NULL: there is none. */
static struct block **find(size_t size)
{
    struct block **found = NULL;

    for (struct block **at = &shelf.first; *at != NULL; at = &(*at)->next) {
        const bool is_better = found == NULL ||
                               ((*found)->room < size ? (*at)->room > (*found)->room
                                                      : (*at)->room >= size && (*at)->room < (*found)->room);
        if (is_better) {
            found = at;
        }
    }
    return found;
}

static struct block *take(size_t size)
{
    struct block *block = NULL;
    struct block **found = NULL;

    if (size >= KEPT_MIN && hold()) {
        shelf.was_used = true;
        found = find(size);
        if (found != NULL) {
            block = *found;
            *found = block->next;
            block->next = NULL;
        }
        let_go();
    }
    return block;
}

/* As much of it as there is room for stays. NULL: nothing does. */
static struct block *cut(struct block *block)
{
    const size_t others = pyn_warm_len() - block->excess;
    const size_t most = others < PYN_WARM_MAX ? PYN_WARM_MAX - others : 0;
    struct block *rest = block;

    if (block->room > most && most >= KEPT_MIN) {
        (void)set_excess(block, 0);
        rest = map(block, most);
    }
    if (rest == NULL || rest->room < KEPT_MIN || !set_excess(rest, rest->room)) {
        unmap(rest != NULL ? rest : block);
        rest = NULL;
    }
    return rest;
}

static void keep(struct block *block)
{
    block = cut(block);
    if (block == NULL) {
        return;
    }
    if (hold()) {
        shelf.was_used = true;
        block->next = shelf.first;
        shelf.first = block;
        let_go();
    } else {
        unmap(block);
    }
}

void pyn_warm_rest(void)
{
    struct block *first = NULL;

    if (!hold()) {
        return;
    }
    if (!shelf.was_used) {
        first = shelf.first;
        shelf.first = NULL;
    }
    shelf.was_used = false;
    let_go();
    while (first != NULL) {
        struct block *block = first;
        first = block->next;
        unmap(block);
    }
}

/* ---- the allocator ---- */

/* A new one, or one from the shelf, of at least this size. */
static struct block *make(size_t size)
{
    struct block *block = take(size);
    struct block *grown = NULL;

    if (block == NULL) {
        return map(NULL, size);
    }
    if (block->room >= size) {
        (void)set_excess(block, block->room - size);
        return block;
    }
    (void)set_excess(block, 0);
    grown = map(block, size);
    if (grown == NULL) {
        unmap(block);
    }
    return grown;
}

/* It has become much smaller: a smaller one takes its place, if there is one. */
static struct block *replace(struct block *block, size_t size)
{
    struct block *made = make(size);

    if (made != NULL) {
        memcpy(bytes_of(made), bytes_of(block), size);
        keep(block);
    }
    return made;
}

static struct block *fit(struct block *block, size_t size)
{
    if (size < (block->room - block->excess) / 2) {
        return replace(block, size);
    }
    if (size <= block->room && set_excess(block, block->room - size)) {
        return block;
    }
    (void)set_excess(block, 0);
    return map(block, size);
}

static void *resize(void *ctx, void *bytes, size_t size)
{
    struct block *block = bytes != NULL ? block_of(bytes) : NULL;

    (void)ctx;
    if (size == 0) {
        if (block != NULL) {
            keep(block);
        }
        return NULL;
    }
    block = block != NULL ? fit(block, size) : make(size);
    return block != NULL ? bytes_of(block) : NULL;
}

const struct pyn_mem *pyn_warm_mem(void)
{
    static const struct pyn_mem warm = {resize, NULL};

    return IS_KEEPING ? &warm : pyn_mem_default();
}
