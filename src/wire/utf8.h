/*
 * utf8.h - whether bytes are UTF-8 as RFC 3629 has it: no surrogates, no over-long forms, nothing beyond U+10FFFF.
 *
 * Cost: linear. Tests: tests/unit/test_utf8.c
 */
#ifndef PYN_UTF8_H
#define PYN_UTF8_H

#include "view.h"

bool pyn_utf8_is_valid(struct pyn_view text);

#endif
