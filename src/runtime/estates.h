/*
 * estates.h - what each peer has left in the Python heap of a server, whoever of its connections it was, found again when it comes back.
 *
 * A peer is known by what it came in with: a grant, its user, or where it comes from. Of whom nothing is known has an estate for each of its connections.
 *
 * Owns:    a reference to each estate that it has given out and that is held, or charged, or was a short while ago.
 * Errors:  NULL: out of memory.
 * Cost:    a look-up is 128 steps at most, whatever keys are chosen. What is no longer needed goes as new ones come, four for each.
 * Threads: one at a time: the server's lock.
 * Tests:   tests/unit/test_estates.c, tests/attack/test_left_behind.py
 */
#ifndef PYN_ESTATES_H
#define PYN_ESTATES_H

#include "../quota/allowance.h"
#include "../session/idmap.h"

struct pyn_estates {
    struct pyn_estate *whole; /* of all peers; made with the first */
    struct pyn_idmap map;
    struct pyn_estate_entry *first;
    struct pyn_estate_entry **at; /* where to look for one that is not needed; NULL: at the first */
};

/* Who it is: two numbers, which are nobody else's. */
struct pyn_estate_key {
    uint64_t id;
    uint64_t side;
};

/* One reference is the caller's. */
struct pyn_estate *pyn_estates_of(struct pyn_estates *estates, const struct pyn_estate_key *peer);
/* Of whom nothing is known. */
struct pyn_estate *pyn_estates_of_nobody(struct pyn_estates *estates);
void pyn_estates_fini(struct pyn_estates *estates);

#endif
