/*
 * census.h - who is connected, and what each of them holds: for an operator.
 *
 * Owns:    nothing; what is given is a copy, but for static texts.
 * Units:   bytes, nanoseconds.
 * Threads: any, without a lock.
 * Tests:   tests/python/test_top.py
 */
#ifndef PYN_CENSUS_H
#define PYN_CENSUS_H

#include "server.h"

struct pyn_census {
    uint64_t number; /* of the connection, from 1; never used again */
    char peer[160];  /* as the transport says */
    char principal[64];
    const char *class;     /* of the server's; empty: nobody is known yet */
    const char *transport; /* static */
    bool is_ready;         /* its hello has been answered */
    uint64_t age_ns;
    uint64_t busy_ns; /* that its calls have had the turn */
    uint64_t cpu_ns;  /* that its calls have used, in all */
    struct pyn_counts counts;
    uint64_t used[PYN_Q_HELD];
};

/* The connection in the first place from *slot on where there is one; *slot is behind it then. False: there is none. */
bool pyn_census_next(struct pyn_server *server, uint32_t *slot, struct pyn_census *out);

/* Ends the connection of this number. False: there is none. */
bool pyn_census_end(struct pyn_server *server, uint64_t number);

#endif
