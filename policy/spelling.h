/*
 * spelling.h - writes the canonical spelling of a type or a signature from its tables.
 *
 * The other half of grammar.h: what the two do not agree on is refused at load.
 * Errors:  those of pyn_buf_append.
 * Tests:   tests/unit/test_signature.c, tests/fuzz/fuzz_signature.c
 */
#ifndef PYN_SPELLING_H
#define PYN_SPELLING_H

#include "policy.h"

/* Every fn in it must be resolved. Of an interface the name is taken as it is. */
pyn_status pyn_spell_type(struct pyn_buf *buf, const struct pyn_type *type);
pyn_status pyn_spell_signature(struct pyn_buf *buf, const struct pyn_signature *signature);

#endif
