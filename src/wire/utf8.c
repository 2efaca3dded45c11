/* utf8.c - see utf8.h. The ranges are those of the table of well-formed sequences in the Unicode standard (3-7). */
#include "utf8.h"

static bool is_between(uint8_t byte, uint8_t low, uint8_t high)
{
    return byte >= low && byte <= high;
}

/* The narrower ranges of a second byte are what keeps out over-long forms, surrogates and code points that do not exist. */
static bool is_second(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xe0:
        return is_between(second, 0xa0, 0xbf);
    case 0xed:
        return is_between(second, 0x80, 0x9f);
    case 0xf0:
        return is_between(second, 0x90, 0xbf);
    case 0xf4:
        return is_between(second, 0x80, 0x8f);
    default:
        return is_between(second, 0x80, 0xbf);
    }
}

/* How long a sequence with this first byte is, which is not ASCII; 0: none starts so. */
static size_t sequence_len(uint8_t first)
{
    if (is_between(first, 0xc2, 0xdf)) {
        return 2;
    }
    if (is_between(first, 0xe0, 0xef)) {
        return 3;
    }
    return is_between(first, 0xf0, 0xf4) ? 4 : 0;
}

/* The length of the sequence at the start of left bytes, the first of which is not ASCII; 0 when it is none. */
static size_t sequence_at(const uint8_t *p, size_t left)
{
    size_t len = sequence_len(p[0]);

    if (len == 0 || len > left || !is_second(p[0], p[1])) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if (!is_between(p[i], 0x80, 0xbf)) {
            return 0;
        }
    }
    return len;
}

static bool is_ascii_8(const uint8_t *p)
{
    uint64_t word = 0;

    memcpy(&word, p, sizeof(word));
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

/* How many bytes from p on are ASCII, eight at a time while there are eight. */
static size_t ascii_len(const uint8_t *p, size_t left)
{
    size_t at = 0;

    while (left - at >= 8 && is_ascii_8(p + at)) {
        at += 8;
    }
    while (at < left && p[at] < 0x80) {
        at++;
    }
    return at;
}

size_t pyn_utf8_valid_len(struct pyn_view text, size_t at, bool *is_ascii)
{
    while (at < text.len) {
        at += ascii_len(text.data + at, text.len - at);
        if (at == text.len) {
            break;
        }
        size_t len = sequence_at(text.data + at, text.len - at);
        *is_ascii = false;
        if (len == 0) {
            break;
        }
        at += len;
    }
    return at;
}

bool pyn_utf8_is_valid(struct pyn_view text)
{
    bool is_ascii = true;

    return pyn_utf8_valid_len(text, 0, &is_ascii) == text.len;
}
