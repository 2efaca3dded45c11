/*
 * shelf.h - what servers have described, compiled: kept for the next connection that is told the same, byte for byte.
 *
 * A client reads and compiles a description each time that it connects, and most of the time it is one that it has seen. What is the same is decided by
 * all of its bytes: nobody can make what another server has described mean anything else. A policy is immutable, so whoever holds one shares nothing
 * that could change. The least recently used goes when there is no place; who still holds it is not concerned.
 *
 * Owns:     one reference of each policy that it keeps, and a copy of the bytes that it was made of.
 * Units:    bytes, with those of the policy.
 * Errors:   of loading. When there is no memory to keep it, it is not kept.
 * Threads:  any. A child of a fork begins with nothing.
 * Tests:    tests/unit/test_shelf.c, tests/attack/test_shared_descriptions.py
 */
#ifndef PYN_SHELF_H
#define PYN_SHELF_H

#include "../session/session.h"

enum {
    PYN_SHELF_PLACES = 64,
    PYN_SHELF_BYTES = 4 << 20, /* in all */
    PYN_SHELF_EACH = 4,        /* of which one may take the fourth part */
};

/* At most PYN_SHELF_PLACES places. NULL: out of memory. */
struct pyn_shelf *pyn_shelf_new(const struct pyn_mem *mem, uint32_t places, size_t bytes);
void pyn_shelf_free(struct pyn_shelf *shelf); /* accepts NULL */

/* What pyn_policy_load_fragment() makes of it, or has made of the same bytes. */
pyn_status pyn_shelf_load(struct pyn_shelf *shelf, struct pyn_view fragment, struct pyn_policy **out);

/* How many are kept, and what they take. */
uint32_t pyn_shelf_count(struct pyn_shelf *shelf);
size_t pyn_shelf_size(struct pyn_shelf *shelf);

/* The library of all clients of this process. NULL: out of memory. */
const struct pyn_library *pyn_shelf_library(void);

#endif
