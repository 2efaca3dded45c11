/*
 * ext_check.h - which ext types may come in, how long each is, and what may stand in it.
 *
 * Private to src/wire: the scanner asks, everything behind it relies on the answer.
 * Errors: PYN_EEXT: a code that is not in enum pyn_ext, a length or contents that it cannot have; PYN_ESIZE: an integer beyond int_max.
 * Tests:  tests/unit/test_ext.c
 */
#ifndef PYN_EXT_CHECK_H
#define PYN_EXT_CHECK_H

#include "ext.h"
#include "limits.h"
#include "status.h"
#include "view.h"

/* By its head alone, before its bytes come. */
pyn_status pyn_ext_check_size(int8_t code, size_t size, const struct pyn_limits *limits);

/* The whole of it. */
pyn_status pyn_ext_check(int8_t code, struct pyn_view payload, const struct pyn_limits *limits);

#endif
