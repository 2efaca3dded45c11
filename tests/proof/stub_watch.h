/*
 * stub_watch.h - an allocator and a C library that move one byte and no other: it is watched, and the buffer may be large.
 *
 * Included by one file alone, which is a proof.
 */
#ifndef PYN_PROOF_STUB_WATCH_H
#define PYN_PROOF_STUB_WATCH_H

#include "../../src/wire/buf.h"
#include "proof.h"

enum { MOST = 1 << 20 }; /* bytes of a block, or that are appended */

static const uint8_t *watched; /* where the byte stands; NULL: it is lost */

static bool is_watched_in(const void *from, size_t len)
{
    return watched != NULL && __CPROVER_same_object(watched, from) &&
           __CPROVER_POINTER_OFFSET(watched) >= __CPROVER_POINTER_OFFSET(from) &&
           __CPROVER_POINTER_OFFSET(watched) - __CPROVER_POINTER_OFFSET(from) < len;
}

static void copy(uint8_t *to, const uint8_t *from, size_t len)
{
    PROVE(len == 0 || (__CPROVER_r_ok(from, len) && __CPROVER_w_ok(to, len)), "what is moved is there, and fits");
    if (is_watched_in(from, len)) {
        watched = to + (__CPROVER_POINTER_OFFSET(watched) - __CPROVER_POINTER_OFFSET(from));
    } else if (is_watched_in(to, len)) {
        watched = NULL;
    }
}

void *memmove(void *to, const void *from, size_t len)
{
    copy(to, from, len);
    return to;
}

void *memcpy(void *to, const void *from, size_t len)
{
    PROVE(len == 0 || !__CPROVER_same_object(to, from), "what is copied stands elsewhere");
    copy(to, from, len);
    return to;
}

/* A block that grows or shrinks moves, if it can. */
static void *give_any(void *ctx, void *old, size_t size)
{
    const bool is_here = old != NULL && watched != NULL && __CPROVER_same_object(watched, old);
    uint8_t *block = NULL;

    (void)ctx;
    if (size > 0) {
        block = malloc(size);
        if (block == NULL) {
            return NULL;
        }
    }
    if (is_here) {
        watched = __CPROVER_POINTER_OFFSET(watched) < size ? block + __CPROVER_POINTER_OFFSET(watched) : NULL;
    }
    free(old);
    return block;
}

static bool is_sound(const struct pyn_buf *buf)
{
    return buf->lead <= buf->start && buf->start <= buf->end && buf->end <= buf->room && pyn_buf_len(buf) <= buf->max &&
           (buf->block != NULL ? __CPROVER_w_ok(buf->block, buf->room) : buf->room == 0);
}

/* Is the byte the one at this place? */
static bool is_at(const struct pyn_buf *buf, size_t at)
{
    return at < pyn_buf_len(buf) && watched == buf->block + buf->start + at;
}

/* In any state. */
static struct pyn_buf any_buf(const struct pyn_mem *mem)
{
    struct pyn_buf buf = {.mem = mem, .max = nondet_size(), .room = nondet_size_to(MOST)};

    buf.block = buf.room > 0 ? malloc(buf.room) : NULL;
    buf.end = nondet_size_to(buf.room);
    buf.start = nondet_size_to(buf.end);
    buf.lead = nondet_size_to(buf.start);
    ASSUME((buf.block != NULL || buf.room == 0) && pyn_buf_len(&buf) <= buf.max);
    return buf;
}

#endif
