/*
 * canonical.h - a policy's file as it is written: the same bytes for the same policy, whatever white space and escapes it came with.
 *
 * One operation a line, one space of indentation a level, ASCII, a newline at the end. Keys are sorted already: a file in which they are not is none.
 *
 * Errors:  PYN_EFORMAT and a diag: it is no policy; PYN_ENOMEM; PYN_ESIZE: out is full. What out held before stays ahead of it.
 * Cost:    linear; recursion is bounded by PYN_POLICY_DEPTH_MAX.
 * Tests:   tests/unit/test_canonical.c, tests/fuzz/fuzz_policy.c, tests/audit/test_audit_canonical.py
 */
#ifndef PYN_CANONICAL_H
#define PYN_CANONICAL_H

#include "policy.h"

pyn_status pyn_policy_canonical(const struct pyn_mem *mem, struct pyn_view json, struct pyn_buf *out,
                                struct pyn_diag *diag);

#endif
