/* Any text as a string literal: nothing behind its end is looked at, its value fits what was made for it, and is UTF-8. */
#include "../../policy/literal.h"
#include "../../src/wire/utf8.h"
#include "proof.h"

enum { BYTES = 8 };

/* In the place of the arena: a block of just that size, or none. */
static uint8_t value[BYTES];

void *pyn_arena_new(struct pyn_arena *arena, size_t count, size_t size)
{
    (void)arena;
    PROVE(size == 1 && count <= BYTES, "no more than what the text has");
    return nondet_bool() ? LAST_BYTES(value, count) : NULL;
}

int main(void)
{
    uint8_t block[BYTES];
    const size_t len = nondet_size_to(BYTES);
    const struct pyn_view text = {LAST_BYTES(block, len), len};
    struct pyn_arena arena;
    struct pyn_view out;
    const char *what = NULL;

    ASSUME(len > 0 && text.data[0] == '\'');
    const size_t end = pyn_literal_read(&arena, text, 0, &out, &what);
    if (end == 0) {
        PROVE(out.len == 0, "there is no value");
    } else {
        PROVE(end >= 2 && end <= len && text.data[end - 1] == '\'', "it ends with a quote, inside of the text");
        PROVE(out.len <= end - 1 && what == NULL, "and what it says is not longer");
        PROVE(pyn_utf8_is_valid(out), "and is UTF-8");
    }
    return 0;
}
