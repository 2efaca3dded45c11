/*
 * buf.h - a queue of bytes that grows up to a limit: appended at the end, consumed at the front.
 *
 * Owns:    its block. pyn_buf_fini() gives it back; a zeroed buf that was never used needs no fini.
 * Borrows: the allocator. A pointer into the buffer is good until the next call that is not const.
 * Units:   bytes.
 * Errors:  PYN_ESIZE beyond max, PYN_ENOMEM; the contents are then as before.
 * Cost:    amortised constant a byte; memory at most twice what is held or was reserved last, or 64 KiB; an empty buffer of more
 *          than 64 KiB gives its block back.
 * Tests:   tests/unit/test_buf.c
 */
#ifndef PYN_BUF_H
#define PYN_BUF_H

#include <assert.h>

#include "mem.h"
#include "status.h"
#include "view.h"

struct pyn_buf {
    const struct pyn_mem *mem;
    uint8_t *block;
    size_t start; /* first byte that is not consumed */
    size_t end;   /* one behind the last byte */
    size_t room;  /* size of block */
    size_t max;   /* how many bytes may be held */
    size_t lead;  /* bytes of the block that stay free ahead of the first */
};

void pyn_buf_init(struct pyn_buf *buf, const struct pyn_mem *mem, size_t max);
void pyn_buf_fini(struct pyn_buf *buf);

static inline size_t pyn_buf_len(const struct pyn_buf *buf)
{
    return buf->end - buf->start;
}

/* What is held; data may be NULL when it is empty. */
static inline struct pyn_view pyn_buf_view(const struct pyn_buf *buf)
{
    if (buf->block == NULL) {
        return (struct pyn_view){NULL, 0};
    }
    return (struct pyn_view){buf->block + buf->start, pyn_buf_len(buf)};
}

/* Room for len more bytes at *out, to be written by the caller and then committed, in part or in whole. */
pyn_status pyn_buf_reserve(struct pyn_buf *buf, size_t len, uint8_t **out);
void pyn_buf_commit(struct pyn_buf *buf, size_t len);

/* Is there room without moving or making anything? Then nothing can go wrong. */
static inline bool pyn_buf_has_room(const struct pyn_buf *buf, size_t len)
{
    return len <= buf->room - buf->end && pyn_buf_len(buf) <= buf->max && len <= buf->max - pyn_buf_len(buf);
}

pyn_status pyn_buf_append_slow(struct pyn_buf *buf, const void *data, size_t len);

/* Here because a message is packed from many short pieces. */
static inline pyn_status pyn_buf_append(struct pyn_buf *buf, const void *data, size_t len)
{
    if (len == 0 || !pyn_buf_has_room(buf, len)) {
        return pyn_buf_append_slow(buf, data, len);
    }
    memcpy(buf->block + buf->end, data, len);
    buf->end += len;
    return PYN_OK;
}

/*
 * What is held moves to a block of another allocator, whose blocks keep their place within a page: byte at comes to stand offset bytes behind the
 * beginning of a page. PYN_ENOMEM: it stays where it was.
 */
pyn_status pyn_buf_settle(struct pyn_buf *buf, const struct pyn_mem *mem, size_t at, size_t offset, size_t page);

/* Nothing is held, but the block is kept whatever its size: more is about to come. */
static inline void pyn_buf_clear(struct pyn_buf *buf)
{
    buf->start = buf->end = buf->lead;
}

void pyn_buf_consume(struct pyn_buf *buf, size_t len);

/* Puts another byte in the place of one that is held. */
static inline void pyn_buf_patch(struct pyn_buf *buf, size_t at, uint8_t byte)
{
    assert(at < pyn_buf_len(buf));
    buf->block[buf->start + at] = byte;
}

/* Cuts the end off, so that len bytes are held: the way to take back what was packed last. */
void pyn_buf_truncate(struct pyn_buf *buf, size_t len);

#endif
