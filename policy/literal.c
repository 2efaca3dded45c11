/* literal.c - see literal.h. */
#include "literal.h"

#include <stdio.h>

static bool is_plain(uint32_t point)
{
    return point >= 0x20 && point <= 0x7e && point != '\'' && point != '\\';
}

/* How many hexadecimal digits the escape of this letter has; 0 when it is none. */
static size_t digits_of(uint8_t letter)
{
    return letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
}

static size_t digits_wanted(uint32_t point)
{
    return point <= 0xff ? 2 : point <= 0xffff ? 4 : 8;
}

/* Lower case only. False when there are not count digits. */
static bool read_hex(struct pyn_view text, size_t at, size_t count, uint32_t *point)
{
    *point = 0;
    if (count > text.len - at) {
        return false;
    }
    for (size_t i = at; i < at + count; i++) {
        uint8_t c = text.data[i];
        if (c >= '0' && c <= '9') {
            *point = *point << 4 | (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            *point = *point << 4 | (uint32_t)(c - 'a' + 10);
        } else {
            return false;
        }
    }
    return true;
}

/* Behind a backslash; how many bytes it took, 0 when it is no escape or not the shortest one. */
static size_t read_escape(struct pyn_view text, size_t at, uint32_t *point)
{
    if (at == text.len) {
        return 0;
    }
    uint8_t letter = text.data[at];
    if (letter == '\\' || letter == '\'') {
        *point = letter;
        return 1;
    }
    size_t count = digits_of(letter);
    if (count == 0 || !read_hex(text, at + 1, count, point) || count != digits_wanted(*point)) {
        return 0;
    }
    bool is_surrogate = *point >= 0xd800 && *point <= 0xdfff;
    bool has_shorter = is_plain(*point) || *point == '\'' || *point == '\\';
    return is_surrogate || has_shorter || *point > 0x10ffff ? 0 : 1 + count;
}

static size_t put_utf8(uint8_t *to, uint32_t point)
{
    if (point <= 0x7f) {
        to[0] = (uint8_t)point;
        return 1;
    }
    if (point <= 0x7ff) {
        to[0] = (uint8_t)(0xc0 | point >> 6);
        to[1] = (uint8_t)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point <= 0xffff) {
        to[0] = (uint8_t)(0xe0 | point >> 12);
        to[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (point & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | point >> 18);
    to[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (point & 0x3f));
    return 4;
}

/* The quote that closes, or the end of the text. */
static size_t find_end(struct pyn_view text, size_t at)
{
    while (at < text.len && text.data[at] != '\'') {
        at += text.data[at] == '\\' && text.len - at > 1 ? 2 : 1;
    }
    return at;
}

size_t pyn_literal_read(struct pyn_arena *arena, struct pyn_view text, size_t at, struct pyn_view *out, const char **what)
{
    size_t end = find_end(text, at + 1);
    *out = (struct pyn_view){0};
    *what = NULL;
    if (end == text.len) {
        *what = "a string literal that does not end";
        return 0;
    }
    uint8_t *value = pyn_arena_new(arena, end - at, 1); /* no escape is shorter than what it stands for */
    size_t len = 0;
    if (value == NULL) {
        return 0;
    }
    for (size_t i = at + 1; i < end;) {
        uint32_t point = text.data[i++];
        if (point == '\\') {
            size_t taken = read_escape(text, i, &point);
            if (taken == 0) {
                *what = "a string literal with an escape that is not the shortest one";
                return 0;
            }
            i += taken;
        } else if (!is_plain(point)) {
            *what = "a string literal with a character that has to be escaped";
            return 0;
        }
        len += put_utf8(value + len, point);
    }
    *out = (struct pyn_view){value, len};
    return end + 1;
}

/* The value is UTF-8 that pyn_literal_read() made. */
static size_t take_utf8(struct pyn_view value, size_t at, uint32_t *point)
{
    uint8_t first = value.data[at];
    size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    *point = more == 0 ? first : first & (0x3fu >> more);
    if (more > value.len - at - 1) {
        more = value.len - at - 1;
    }
    for (size_t i = 1; i <= more; i++) {
        *point = *point << 6 | (value.data[at + i] & 0x3fu);
    }
    return 1 + more;
}

pyn_status pyn_literal_print(struct pyn_buf *buf, struct pyn_view value)
{
    pyn_status st = pyn_buf_append(buf, "'", 1);
    for (size_t at = 0; st == PYN_OK && at < value.len;) {
        char text[16];
        uint32_t point = 0;
        at += take_utf8(value, at, &point);
        int len = 0;
        if (is_plain(point)) {
            len = snprintf(text, sizeof text, "%c", (char)point);
        } else if (point == '\\' || point == '\'') {
            len = snprintf(text, sizeof text, "\\%c", (char)point);
        } else {
            size_t digits = digits_wanted(point);
            char letter = digits == 2 ? 'x' : digits == 4 ? 'u' : 'U';
            len = snprintf(text, sizeof text, "\\%c%0*lx", letter, (int)digits, (unsigned long)point);
        }
        st = pyn_buf_append(buf, text, (size_t)len);
    }
    return st == PYN_OK ? pyn_buf_append(buf, "'", 1) : st;
}
