/*
 * unpack.h - a msgpack map of a peer's becomes JSON, under limits.
 *
 * Maps, arrays, str and true: what a fragment is made of, and nothing else.
 * Owns:    *out is the caller's: json_decref().
 * Errors:  PYN_EFORMAT and a diag; PYN_ENOMEM.
 * Tests:   tests/unit/test_fragment.c
 */
#ifndef PYN_UNPACK_H
#define PYN_UNPACK_H

#include "diag.h"

#include <jansson.h>

pyn_status pyn_unpack(struct pyn_view map, json_t **out, struct pyn_diag *diag);

#endif
