/* head.c - the forms of msgpack, by the first byte. See head.h. */
#include "head.h"

/* clang-format off */

/* Sixteen forms that are one byte, or whose size counts up from n with their first byte. */
#define PLAIN4(w) {w, 1, 0, 0}, {w, 1, 0, 0}, {w, 1, 0, 0}, {w, 1, 0, 0}
#define PLAIN(w) PLAIN4(w), PLAIN4(w), PLAIN4(w), PLAIN4(w)
#define SIZED4(w, n) {w, 1, 0, (n)}, {w, 1, 0, (n) + 1}, {w, 1, 0, (n) + 2}, {w, 1, 0, (n) + 3}
#define SIZED(w, n) SIZED4(w, n), SIZED4(w, (n) + 4), SIZED4(w, (n) + 8), SIZED4(w, (n) + 12)

/* A length field of that many bytes; a head of one byte with that many behind it; the same two with an ext code in the head. */
#define FIELD(w, width) {w, 1 + (width), width, 0}
#define FIXED(w, size) {w, 1, 0, size}
#define EXT(width) {PYN_W_EXT, 2 + (width), width, 0}
#define FIXEXT(size) {PYN_W_EXT, 2, 0, size}

const struct pyn_form pyn_forms[256] = {
    PLAIN(PYN_W_UINT), PLAIN(PYN_W_UINT), PLAIN(PYN_W_UINT), PLAIN(PYN_W_UINT), /* 00 to 7f: fixint */
    PLAIN(PYN_W_UINT), PLAIN(PYN_W_UINT), PLAIN(PYN_W_UINT), PLAIN(PYN_W_UINT),
    SIZED(PYN_W_MAP, 0),                                                        /* 80 fixmap */
    SIZED(PYN_W_ARRAY, 0),                                                      /* 90 fixarray */
    SIZED(PYN_W_STR, 0), SIZED(PYN_W_STR, 16),                                  /* a0 to bf: fixstr */
    FIXED(PYN_W_NIL, 0), FIXED(PYN_W_BAD, 0),                                   /* c0 nil, c1 never used */
    FIXED(PYN_W_BOOL, 0), FIXED(PYN_W_BOOL, 0),                                 /* c2 false, true */
    FIELD(PYN_W_BIN, 1), FIELD(PYN_W_BIN, 2), FIELD(PYN_W_BIN, 4),              /* c4 bin 8, 16, 32 */
    EXT(1), EXT(2), EXT(4),                                                     /* c7 ext 8, 16, 32 */
    FIXED(PYN_W_FLOAT, 4), FIXED(PYN_W_FLOAT, 8),                               /* ca float 32, 64 */
    FIXED(PYN_W_UINT, 1), FIXED(PYN_W_UINT, 2), FIXED(PYN_W_UINT, 4), FIXED(PYN_W_UINT, 8), /* cc uint 8 to 64 */
    FIXED(PYN_W_NINT, 1), FIXED(PYN_W_NINT, 2), FIXED(PYN_W_NINT, 4), FIXED(PYN_W_NINT, 8), /* d0 int 8 to 64 */
    FIXEXT(1), FIXEXT(2), FIXEXT(4), FIXEXT(8), FIXEXT(16),                     /* d4 fixext 1 to 16 */
    FIELD(PYN_W_STR, 1), FIELD(PYN_W_STR, 2), FIELD(PYN_W_STR, 4),              /* d9 str 8, 16, 32 */
    FIELD(PYN_W_ARRAY, 2), FIELD(PYN_W_ARRAY, 4),                               /* dc array 16, 32 */
    FIELD(PYN_W_MAP, 2), FIELD(PYN_W_MAP, 4),                                   /* de map 16, 32 */
    PLAIN(PYN_W_NINT), PLAIN(PYN_W_NINT),                                       /* e0 to ff: negative fixint */
};
/* clang-format on */
