/* Room is made in a buffer in any state: whichever byte is held stands in its turn, and the room is behind all of them. So it is after any number of calls. */
#include "stub_watch.h"

int main(void)
{
    const struct pyn_mem mem = {give_any, NULL};
    struct pyn_buf buf = any_buf(&mem);
    const size_t held = pyn_buf_len(&buf);
    const size_t at = nondet_size();
    const size_t len = nondet_size_to(MOST);
    uint8_t *out = NULL;

    ASSUME(at < held);
    watched = buf.block + buf.start + at;
    if (pyn_buf_reserve(&buf, len, &out) == PYN_OK && len > 0) {
        PROVE(__CPROVER_w_ok(out, len), "there is the room");
        PROVE(out == buf.block + buf.end && !is_watched_in(out, len), "behind all that is held");
        pyn_buf_commit(&buf, len);
        PROVE(pyn_buf_len(&buf) == held + len, "where it is held then");
    }
    PROVE(is_at(&buf, at), "each in its turn");
    PROVE(is_sound(&buf), "it is sound");
    return 0;
}
