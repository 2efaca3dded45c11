/* What is called UTF-8 is what decodes, by the definition of RFC 3629 and no table: every code point has its one shortest form. */
#include "../../src/wire/utf8.h"
#include "proof.h"

enum { BYTES = 9 }; /* one more than is looked at as a word */

/* How many bytes the code point at text[at] takes; 0: none stands there. */
static size_t decode(const uint8_t *text, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t first = text[0];
    const size_t len = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    uint32_t point = len == 1 ? first : first & (0x7fu >> len);

    if (len == 0 || len > left) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (text[i] >> 6 != 2) {
            return 0;
        }
        point = point << 6 | (text[i] & 0x3fu);
    }
    return point < least[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : len;
}

int main(void)
{
    uint8_t block[BYTES];
    const size_t len = nondet_size_to(BYTES);
    const uint8_t *text = LAST_BYTES(block, len);
    bool is_valid = true;

    for (size_t at = 0; is_valid && at < len;) {
        const size_t taken = decode(text + at, len - at);
        is_valid = taken > 0;
        at += taken;
    }
    PROVE(pyn_utf8_is_valid((struct pyn_view){text, len}) == is_valid, "valid is what decodes");
    return 0;
}
