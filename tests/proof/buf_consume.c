/* Bytes are taken from the front of a buffer in any state: whichever byte is held on stands in its turn. So it is after any number of calls. */
#include "stub_watch.h"

int main(void)
{
    const struct pyn_mem mem = {give_any, NULL};
    struct pyn_buf buf = any_buf(&mem);
    const size_t held = pyn_buf_len(&buf);
    const size_t at = nondet_size();
    const size_t len = nondet_size_to(held);

    ASSUME(at < held);
    watched = buf.block + buf.start + at;
    pyn_buf_consume(&buf, len);
    PROVE(pyn_buf_len(&buf) == held - len, "so many are taken");
    PROVE(at < len || is_at(&buf, at - len), "from the front");
    PROVE(is_sound(&buf), "it is sound");
    return 0;
}
