/*
 * utf8.h - whether bytes are UTF-8 as RFC 3629 has it: no surrogates, no over-long forms, nothing beyond U+10FFFF.
 *
 * Cost: linear. Tests: tests/unit/test_utf8.c
 */
#ifndef PYN_UTF8_H
#define PYN_UTF8_H

#include "view.h"

bool pyn_utf8_is_valid(struct pyn_view text);

/*
 * The same for a text that comes bit by bit: from byte at on, which is where a sequence begins, how far it is valid and whole. *is_ascii is false afterwards if
 * anything else was there.
 */
size_t pyn_utf8_valid_len(struct pyn_view text, size_t at, bool *is_ascii);

#endif
