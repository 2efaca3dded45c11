/*
 * stub_parts.h - a session whose peer sends parts, in any state, and its buffers by contract: how many bytes there are is what counts, and not where.
 *
 * Included by one file alone, which is a proof.
 */
#ifndef PYN_PROOF_STUB_PARTS_H
#define PYN_PROOF_STUB_PARTS_H

#include "../../src/session/input.c"
#include "../../src/session/parts.c"
#include "proof.h"

enum { FIRST_BYTES = 10, NEW_BYTES = 4 };

static struct pyn_parts one;
static struct pyn_session session;
static bool is_one; /* somebody has asked for memory for it */

/* ---- neighbours, by contract ---- */

void *pyn_mem_new(const struct pyn_mem *mem, size_t count, size_t size)
{
    (void)mem;
    PROVE(count == 1 && size == sizeof one && !is_one, "one at a time");
    if (nondet_bool()) {
        return NULL;
    }
    one = (struct pyn_parts){.left = 0};
    is_one = true;
    return &one;
}

void pyn_buf_init(struct pyn_buf *buf, const struct pyn_mem *mem, size_t max)
{
    *buf = (struct pyn_buf){.mem = mem, .max = max};
}

/* Bytes of a part have no place here: how many there are is what counts. */
pyn_status pyn_buf_reserve(struct pyn_buf *buf, size_t len, uint8_t **out)
{
    static uint8_t room[NEW_BYTES];

    PROVE(buf == &one.in.buf && len > 0, "room for bytes of a part");
    *out = NULL;
    if (nondet_bool()) {
        return nondet_bool() ? PYN_ESIZE : PYN_ENOMEM;
    }
    ASSUME(len <= SIZE_MAX / 2 - buf->end); /* there is such a block */
    *out = room;
    buf->room = buf->end + len;
    return PYN_OK;
}

void pyn_buf_commit(struct pyn_buf *buf, size_t len)
{
    PROVE(len <= buf->room - buf->end, "no more than there was room for");
    buf->end += len;
}

void pyn_buf_consume(struct pyn_buf *buf, size_t len)
{
    PROVE(len <= pyn_buf_len(buf), "no more is taken than there is");
    buf->start += len;
}

pyn_status pyn_buf_settle(struct pyn_buf *buf, const struct pyn_mem *mem, size_t at, size_t offset, size_t page)
{
    (void)mem;
    PROVE(at <= pyn_buf_len(buf) && offset < page, "a place in a page");
    return nondet_bool() ? PYN_OK : PYN_ENOMEM;
}

void *memcpy(void *to, const void *from, size_t len)
{
    PROVE(to != NULL && __CPROVER_r_ok(from, len), "what is taken has come");
    return to;
}

/* ---- what holds at any time ---- */

static size_t gathered(void)
{
    return pyn_buf_len(&one.in.buf) + one.left;
}

static bool is_sound(const struct pyn_limits *limits)
{
    return session.parts == NULL ||
           (one.in.buf.start <= one.in.buf.end && one.in.buf.end <= one.in.buf.room && one.in.buf.end <= SIZE_MAX / 2 &&
            one.left <= one.len && one.len <= pyn_limits_part(limits) &&
            pyn_buf_len(&one.in.buf) <= limits->message_max + 1 && gathered() <= limits->message_max + 1);
}

/* In any state, under any limits that may be set. */
static void any_session(struct pyn_quotas *quotas, uint8_t *come, size_t held)
{
    struct pyn_session any;
    struct pyn_parts any_parts;

    session = any;
    one = any_parts;
    ASSUME(quotas->limits.message_max < SIZE_MAX / 4);
    session.quotas = quotas;
    session.large = NULL;
    session.phase = nondet_bool() ? PYN_PHASE_READY : PYN_PHASE_HELLO;
    session.parts = nondet_bool() ? &one : NULL;
    is_one = session.parts != NULL;
    one.in.buf.block = nondet_bool() ? NULL : come;
    ASSUME(is_sound(&quotas->limits));
    session.in.buf = (struct pyn_buf){.block = come, .end = FIRST_BYTES, .start = FIRST_BYTES - held, .room = FIRST_BYTES};
}

#endif
