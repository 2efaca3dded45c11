/*
 * Bytes of a part come, as they are or into room that was asked for, in any state of the two streams: they are the part's as far as it goes, and what is
 * gathered never grows beyond a message and its newline. So it is after any number of pieces.
 */
#include "stub_parts.h"

int main(void)
{
    uint8_t come[FIRST_BYTES];
    const uint8_t bytes[NEW_BYTES];
    struct pyn_quotas quotas;

    any_session(&quotas, come, 0);
    ASSUME(session.parts != NULL && one.left > 0);
    const size_t before = pyn_buf_len(&one.in.buf);
    const size_t left = one.left;
    if (nondet_bool()) {
        size_t taken = 0;
        const size_t len = nondet_size_to(NEW_BYTES);
        const pyn_status st = pyn_parts_put(&session, (struct pyn_view){LAST_BYTES(bytes, len), len}, &taken);
        PROVE(st == PYN_OK ? taken <= len && (taken > 0 || len == 0) : taken == 0, "some of them, or none");
        PROVE(one.left + taken == left && pyn_buf_len(&one.in.buf) == before + taken, "and none of what is behind it");
    } else {
        uint8_t *room = NULL;
        size_t most = 0;
        if (pyn_session_space(&session, &room, &most) == PYN_OK) {
            PROVE(most > 0 && most <= one.left, "there is room for bytes of the part alone");
            pyn_session_received(&session, nondet_size_to(most));
        }
    }
    PROVE(is_sound(&quotas.limits), "what is gathered is no more than may be");
    return 0;
}
