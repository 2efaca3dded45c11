/*
 * A part begins, in any state of the two streams: none is taken that announces more than may be, or more than a message and its newline with what was gathered. Of
 * the bytes that have come it takes its own, and none that are behind it.
 */
#include "stub_parts.h"

static size_t announced(const uint8_t *head, size_t *head_len)
{
    const size_t width = head[2] == 0xc4 ? 1 : head[2] == 0xc5 ? 2 : 4;
    size_t len = 0;

    for (size_t i = 0; i < width; i++) {
        len = len << 8 | head[3 + i];
    }
    *head_len = 3 + width;
    return len;
}

int main(void)
{
    uint8_t come[FIRST_BYTES]; /* of the first stream */
    struct pyn_quotas quotas;
    const struct pyn_limits *limits = &quotas.limits;
    const size_t held = nondet_size_to(FIRST_BYTES);
    size_t head_len = 0;

    any_session(&quotas, come, held);
    ASSUME(session.parts == NULL || one.left == 0); /* no bytes of another are missing */
    const size_t before = session.parts != NULL ? pyn_buf_len(&one.in.buf) : 0;
    const pyn_status st = pyn_parts_begin(&session);
    PROVE(pyn_buf_len(&session.in.buf) <= held, "bytes go one way");
    if (st == PYN_OK) {
        const size_t len = announced(come + FIRST_BYTES - held, &head_len);
        const size_t taken = held - pyn_buf_len(&session.in.buf);
        PROVE(session.parts == &one && session.phase == PYN_PHASE_READY, "there is one, when there may be");
        PROVE(len > 0 && one.len == len && len <= pyn_limits_part(limits), "as long as its head has said");
        PROVE(taken >= head_len && pyn_buf_len(&one.in.buf) - before == taken - head_len, "what it took is in it");
        PROVE(one.left == len - (taken - head_len), "and is not missing any more");
        PROVE(one.left == 0 || taken == held, "it takes what there is of it");
        PROVE(one.is_open, "and waits for its newline");
    }
    PROVE(is_sound(limits), "what is gathered is no more than may be");
    return 0;
}
