/*
 * crowd.h - how many connections each source has now. IPv6 counts by the first half of the address.
 *
 * The table holds the sources of connections that there are, and no others: it is as large as the server lets it be, and nobody's place in it is taken by another.
 * A look-up is 128 steps at most, whatever addresses are chosen.
 *
 * Owns:    an entry for each source that has a connection.
 * Threads: one at a time: the server's lock.
 * Tests:   tests/unit/test_crowd.c, tests/attack/test_sources.py
 */
#ifndef PYN_CROWD_H
#define PYN_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "../session/idmap.h"

enum { PYN_CROWD_SOURCE_LEN = 16 };

struct pyn_crowd {
    struct pyn_idmap map;
};

/* One connection more. False: it has max already, or there is no memory. */
bool pyn_crowd_enter(struct pyn_crowd *crowd, const uint8_t source[PYN_CROWD_SOURCE_LEN], uint32_t max);
/* One that was entered is gone. */
void pyn_crowd_leave(struct pyn_crowd *crowd, const uint8_t source[PYN_CROWD_SOURCE_LEN]);
uint32_t pyn_crowd_count(const struct pyn_crowd *crowd, const uint8_t source[PYN_CROWD_SOURCE_LEN]);
void pyn_crowd_fini(struct pyn_crowd *crowd);

/* Of this machine itself, or of a proxy on it, or of no network at all: who it is nobody can tell. */
bool pyn_crowd_is_near(const uint8_t source[PYN_CROWD_SOURCE_LEN]);

#endif
