/* Bytes are appended to a buffer in any state: whichever was held or is new stands in its turn then, or all is as it was. So it is after any number of calls. */
#include "stub_watch.h"

int main(void)
{
    const struct pyn_mem mem = {give_any, NULL};
    struct pyn_buf buf = any_buf(&mem);
    const size_t held = pyn_buf_len(&buf);
    const size_t at = nondet_size();
    const size_t len = nondet_size_to(MOST);
    const uint8_t *data = malloc(len);
    const bool is_new = nondet_bool(); /* it is one of those that are appended */

    ASSUME(data != NULL && len > 0 && (is_new ? at < len : at < held));
    watched = is_new ? data + at : buf.block + buf.start + at;
    if (pyn_buf_append(&buf, data, len) == PYN_OK) {
        PROVE(pyn_buf_len(&buf) == held + len && is_at(&buf, is_new ? held + at : at), "what is new stands at the end");
    } else {
        PROVE(pyn_buf_len(&buf) == held && (is_new || is_at(&buf, at)), "or all is as it was");
    }
    PROVE(is_sound(&buf), "it is sound");
    return 0;
}
