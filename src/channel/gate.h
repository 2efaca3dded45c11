/*
 * gate.h - how often a source may try: a bucket of tries for each, and a penalty for those that came to nothing.
 *
 * A try costs one token, one that fails more, one that succeeds gets its token back. A source without a token is turned away before anything is
 * computed for it. The table has a fixed size and is hashed under a secret: in each set the fullest bucket makes room for a new source, and a full
 * bucket is what a source that nobody knows has anyway.
 *
 * Owns:    its table. Borrows: mem, for its life.
 * Units:   tokens; nanoseconds of a monotonic clock that is passed in.
 * Threads: one at a time.
 * Tests:   tests/unit/test_gate.c
 */
#ifndef PYN_CHANNEL_GATE_H
#define PYN_CHANNEL_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "../wire/mem.h"

enum { PYN_GATE_SOURCE_LEN = 16, PYN_GATE_SECRET_LEN = 16, PYN_GATE_SOURCES = 8192 };

struct pyn_gate_limits {
    double burst;      /* tries that a source may make at once */
    double per_second; /* and how fast they come back */
    double penalty;    /* what a try costs in addition when it fails */
};

struct pyn_gate;

struct pyn_gate_limits pyn_gate_limits_default(void);

/* NULL: out of memory. */
struct pyn_gate *pyn_gate_new(const struct pyn_mem *mem, const struct pyn_gate_limits *limits,
                              const uint8_t secret[PYN_GATE_SECRET_LEN]);
void pyn_gate_free(struct pyn_gate *gate); /* accepts NULL */

/* source: an address, IPv4 as mapped into IPv6, of IPv6 the first half with zeros behind. */
bool pyn_gate_admit(struct pyn_gate *gate, const uint8_t source[PYN_GATE_SOURCE_LEN], uint64_t now);
void pyn_gate_failed(struct pyn_gate *gate, const uint8_t source[PYN_GATE_SOURCE_LEN], uint64_t now);
void pyn_gate_succeeded(struct pyn_gate *gate, const uint8_t source[PYN_GATE_SOURCE_LEN], uint64_t now);

#endif
