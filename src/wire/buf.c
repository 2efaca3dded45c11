/*
 * buf.c - see buf.h.
 *
 * Bytes are moved to the front of the block only when at least as many have been consumed as are moved, or when half as many again
 * fit behind them: so a byte is moved a constant number of times, whatever the order of the calls.
 */
#include "buf.h"

#include <assert.h>

enum {
    ROOM_MIN = 256,         /* bytes of the first block */
    ROOM_KEPT = 64u * 1024, /* a block up to this size is not worth giving back */
};

void pyn_buf_init(struct pyn_buf *buf, const struct pyn_mem *mem, size_t max)
{
    *buf = (struct pyn_buf){.mem = mem, .max = max};
}

static void give_block_back(struct pyn_buf *buf)
{
    pyn_mem_free(buf->mem, buf->block);
    buf->block = NULL;
    buf->start = buf->end = buf->room = buf->lead = 0;
}

void pyn_buf_fini(struct pyn_buf *buf)
{
    if (buf != NULL) {
        give_block_back(buf);
    }
}

static void move_to_front(struct pyn_buf *buf)
{
    size_t held = pyn_buf_len(buf);

    if (buf->start > buf->lead && held > 0) {
        memmove(buf->block + buf->lead, buf->block + buf->start, held);
    }
    buf->start = buf->lead;
    buf->end = buf->lead + held;
}

/* How large a block for len bytes is: half of them more, so that the next growth is far away. */
static size_t room_for(size_t len)
{
    if (len < ROOM_MIN) {
        return ROOM_MIN;
    }
    return len > SIZE_MAX - len / 2 ? len : len + len / 2;
}

static pyn_status resize(struct pyn_buf *buf, size_t room)
{
    move_to_front(buf);
    uint8_t *block = room > SIZE_MAX - buf->lead ? NULL : pyn_mem_resize(buf->mem, buf->block, buf->lead + room, 1);
    if (block == NULL) {
        return PYN_ENOMEM;
    }
    buf->block = block;
    buf->room = buf->lead + room;
    return PYN_OK;
}

pyn_status pyn_buf_reserve(struct pyn_buf *buf, size_t len, uint8_t **out)
{
    size_t held = pyn_buf_len(buf);

    *out = NULL;
    if (len > buf->max || held > buf->max - len) {
        return PYN_ESIZE;
    }
    if (len > buf->room - buf->end) {
        size_t want = held == 0 && len >= ROOM_MIN ? len : room_for(held + len);
        size_t room = buf->room - buf->lead;
        bool fits = held + len <= room;
        if (fits && (buf->start - buf->lead >= held || want <= room)) {
            move_to_front(buf);
        } else if (resize(buf, want) != PYN_OK) {
            return PYN_ENOMEM;
        }
    }
    *out = buf->block == NULL ? NULL : buf->block + buf->end;
    return PYN_OK;
}

pyn_status pyn_buf_settle(struct pyn_buf *buf, const struct pyn_mem *mem, size_t at, size_t offset, size_t page)
{
    const size_t held = pyn_buf_len(buf);
    size_t room = 0;
    uint8_t *block = NULL;

    assert(page > 0 && at <= held);
    if (held > SIZE_MAX / 2 - page) {
        return PYN_ENOMEM;
    }
    room = page + room_for(held);
    block = pyn_mem_resize(mem, NULL, room, 1);
    if (block == NULL) {
        return PYN_ENOMEM;
    }
    size_t lead = (offset % page + page - (size_t)((uintptr_t)block + at) % page) % page;
    if (held > 0) {
        memcpy(block + lead, buf->block + buf->start, held);
    }
    give_block_back(buf);
    buf->mem = mem;
    buf->block = block;
    buf->room = room;
    buf->start = buf->lead = lead;
    buf->end = lead + held;
    return PYN_OK;
}

void pyn_buf_commit(struct pyn_buf *buf, size_t len)
{
    assert(len <= buf->room - buf->end);
    buf->end += len;
}

pyn_status pyn_buf_append_slow(struct pyn_buf *buf, const void *data, size_t len)
{
    uint8_t *room = NULL;
    pyn_status st = pyn_buf_reserve(buf, len, &room);

    if (st == PYN_OK && len > 0) {
        assert(room != NULL);
        memcpy(room, data, len);
        buf->end += len;
    }
    return st;
}

/* After something was taken: no more than twice what is held is kept. A block that cannot be made smaller stays as it is. */
static inline __attribute__((always_inline)) void trim(struct pyn_buf *buf)
{
    size_t held = pyn_buf_len(buf);

    if (held == 0) {
        buf->start = buf->end = buf->lead;
    }
    if (buf->room <= ROOM_KEPT || held > buf->room / 2) {
        return;
    }
    if (held == 0) {
        give_block_back(buf);
    } else {
        (void)resize(buf, room_for(held));
    }
}

void pyn_buf_consume(struct pyn_buf *buf, size_t len)
{
    assert(len <= pyn_buf_len(buf));
    buf->start += len;
    trim(buf);
}

void pyn_buf_truncate(struct pyn_buf *buf, size_t len)
{
    assert(len <= pyn_buf_len(buf));
    buf->end = buf->start + len;
    trim(buf);
}
