/* Any text as a name: nothing behind its end is looked at, and what passes has just the bytes that a name has. */
#include "../../policy/names.h"
#include "../../src/wire/limits.h"
#include "proof.h"

enum { BYTES = 4 };

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

int main(void)
{
    uint8_t block[BYTES];
    const size_t len = nondet_size_to(BYTES);
    const struct pyn_view name = {LAST_BYTES(block, len), len};
    const size_t at = nondet_size_to(BYTES);

    PROVE(pyn_name_span(name, len) == 0, "there is no name at the end");
    if (at < len) {
        const size_t span = pyn_name_span(name, at);
        PROVE(span <= len - at, "a name ends inside of the text");
        PROVE(span == 0 || (is_word(name.data[at]) && (name.data[at] < '0' || name.data[at] > '9')),
              "and begins with no digit");
        if (pyn_name_is_identifier(name)) {
            PROVE(is_word(name.data[at]), "an identifier has such bytes only");
            PROVE(!pyn_name_is_member(name) || name.data[0] != '_', "what begins with an underscore is no member");
        }
        if (pyn_name_is_class(name)) {
            PROVE(is_word(name.data[at]) || name.data[at] == '.' || name.data[at] == ':',
                  "a class beside them dots and a colon");
            PROVE(is_word(name.data[len - 1]) && is_word(name.data[0]), "neither first nor last");
        }
    }
    return 0;
}
