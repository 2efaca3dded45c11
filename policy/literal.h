/*
 * literal.h - string literals of the policy: 'later', '\xe9', '\u20ac'.
 *
 * Tests:   tests/unit/test_signature.c
 */
#ifndef PYN_LITERAL_H
#define PYN_LITERAL_H

#include "../src/wire/buf.h"
#include "arena.h"

/*
 * Reads the literal that begins with the quote at text.data[at]; *out is its value in UTF-8, in the arena. Where the literal ends, or 0: then
 * *what says what is wrong, and is NULL when memory ran out.
 */
size_t pyn_literal_read(struct pyn_arena *arena, struct pyn_view text, size_t at, struct pyn_view *out,
                        const char **what);

/* Appends the one spelling of a value that pyn_literal_read() gave. */
pyn_status pyn_literal_print(struct pyn_buf *buf, struct pyn_view value);

#endif
