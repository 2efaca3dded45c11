/* A buffer in any state moves to a block of another allocator, for pages and for none: whichever byte it holds stands in its turn there, at its place in a page. */
#include "stub_watch.h"

static void prove_settle(struct pyn_buf *buf, const struct pyn_mem *mem, size_t page)
{
    const size_t held = pyn_buf_len(buf);
    const size_t at = nondet_size();
    const size_t which = nondet_size_to(held);
    const size_t offset = nondet_size_to(page - 1);

    ASSUME(at < held);
    watched = buf->block + buf->start + at;
    if (pyn_buf_settle(buf, mem, which, offset, page) == PYN_OK) {
        PROVE(((uintptr_t)buf->block + buf->start + which) % page == offset, "it comes to stand where it was wanted");
        PROVE(buf->mem == mem, "in a block of the other's");
    }
    PROVE(pyn_buf_len(buf) == held && is_at(buf, at), "each in its turn, in the other block or where it was");
}

int main(void)
{
    const struct pyn_mem mem = {give_any, NULL};
    const struct pyn_mem other = {give_any, NULL};
    struct pyn_buf buf = any_buf(&mem);

    if (nondet_bool()) {
        prove_settle(&buf, &other, 4096);
    } else {
        prove_settle(&buf, &other, 1);
    }
    PROVE(is_sound(&buf), "it is sound");
    return 0;
}
