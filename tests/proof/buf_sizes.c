/* A buffer of any state and size, up to the whole of memory: no sum of sizes wraps, and room for len bytes is room for len bytes. */
#include "../../src/wire/buf.h"
#include "proof.h"

/* Nothing is moved here: sizes are all that this is about. */
void *memmove(void *to, const void *from, size_t len)
{
    (void)from;
    (void)len;
    return to;
}

static size_t asked;

static void *give_any(void *ctx, void *old, size_t size)
{
    (void)ctx;
    (void)old;
    asked = size;
    return malloc(size);
}

int main(void)
{
    const struct pyn_mem mem = {give_any, NULL};
    struct pyn_buf buf = {.mem = &mem, .max = nondet_size(), .room = nondet_size()};
    const size_t len = nondet_size();
    uint8_t *out = NULL;

    buf.block = buf.room > 0 ? malloc(buf.room) : NULL;
    ASSUME(buf.block != NULL || buf.room == 0);
    buf.end = nondet_size_to(buf.room);
    buf.start = nondet_size_to(buf.end);
    ASSUME(pyn_buf_len(&buf) <= buf.max);
    const struct pyn_buf before = buf;
    const size_t held = pyn_buf_len(&buf);
    const pyn_status st = pyn_buf_reserve(&buf, len, &out);

    PROVE(pyn_buf_len(&buf) == held, "what is held is held on");
    PROVE(buf.end <= buf.room, "inside of the block");
    if (st == PYN_OK) {
        PROVE(len <= buf.room - buf.end && held + len >= held && held + len <= buf.max,
              "there is the room, and it is allowed");
        PROVE(buf.room == before.room || asked == buf.room, "the block is as large as it says");
        PROVE(buf.room == before.room || buf.room <= 256 || buf.room / 3 <= (held + len) / 2 + 1,
              "and no larger than half as much again");
    }
    return 0;
}
