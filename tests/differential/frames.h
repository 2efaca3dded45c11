/*
 * frames.h - batches of cases on stdin, their answers on stdout: blobs, each behind its length as four bytes, big-endian; so is the batch itself.
 *
 * A batch is taken in whole before anything of its answer is written, so that who writes it need not read meanwhile. Whatever goes wrong here ends the
 * program: the other end sees the end of the stream.
 */
#ifndef PYN_TESTS_FRAMES_H
#define PYN_TESTS_FRAMES_H

#include "../../src/wire/bigend.h"
#include "../../src/wire/buf.h"

#include <stdio.h>
#include <stdlib.h>

struct frames {
    struct pyn_buf in; /* the batch */
    struct pyn_buf out;
    size_t at; /* in the batch */
};

static inline void frames_require(bool holds)
{
    if (!holds) {
        exit(3);
    }
}

static inline void frames_init(struct frames *frames)
{
    pyn_buf_init(&frames->in, pyn_mem_default(), SIZE_MAX / 2);
    pyn_buf_init(&frames->out, pyn_mem_default(), SIZE_MAX / 2);
    frames->at = 0;
}

static inline void frames_fini(struct frames *frames)
{
    pyn_buf_fini(&frames->in);
    pyn_buf_fini(&frames->out);
}

/* False at the end of the stream. */
static inline bool frames_read(struct frames *frames)
{
    uint8_t head[4];
    uint8_t *room = NULL;

    if (fread(head, 1, sizeof head, stdin) != sizeof head) {
        return false;
    }
    size_t len = pyn_be_u32(head);
    pyn_buf_consume(&frames->in, pyn_buf_len(&frames->in));
    frames_require(pyn_buf_reserve(&frames->in, len, &room) == PYN_OK && fread(room, 1, len, stdin) == len);
    pyn_buf_commit(&frames->in, len);
    frames->at = 0;
    return true;
}

static inline bool frames_is_more(const struct frames *frames)
{
    return frames->at < pyn_buf_len(&frames->in);
}

static inline struct pyn_view frames_take(struct frames *frames)
{
    struct pyn_view in = pyn_buf_view(&frames->in);

    frames_require(in.len - frames->at >= 4);
    size_t len = pyn_be_u32(in.data + frames->at);
    frames->at += 4;
    frames_require(in.len - frames->at >= len);
    frames->at += len;
    return (struct pyn_view){in.data + frames->at - len, len};
}

static inline void frames_put(struct frames *frames, const void *data, size_t len)
{
    frames_require(pyn_buf_append(&frames->out, data, len) == PYN_OK);
}

/* Starts an answer; where it starts, for frames_close(). */
static inline size_t frames_open(struct frames *frames)
{
    size_t at = pyn_buf_len(&frames->out);

    frames_put(frames, "\0\0\0\0", 4);
    return at;
}

static inline void frames_close(struct frames *frames, size_t at)
{
    uint8_t head[4];

    pyn_be_put_u32(head, (uint32_t)(pyn_buf_len(&frames->out) - at - sizeof head));
    for (size_t i = 0; i < sizeof head; i++) {
        pyn_buf_patch(&frames->out, at + i, head[i]);
    }
}

static inline void frames_write(struct frames *frames)
{
    struct pyn_view out = pyn_buf_view(&frames->out);
    uint8_t head[4];

    pyn_be_put_u32(head, (uint32_t)out.len);
    frames_require(fwrite(head, 1, sizeof head, stdout) == sizeof head);
    frames_require(fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0);
    pyn_buf_consume(&frames->out, out.len);
}

#endif
