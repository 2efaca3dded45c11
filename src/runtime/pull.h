/*
 * pull.h - the threads of a client move its bytes themselves: whoever waits reads for all, and whoever sends waits until that has gone.
 *
 * Private to wait.c and background.c.
 *
 * Owns:    nothing.
 * Threads: the link's lock is held on entry and exit, not while a thread sleeps.
 * Tests:   tests/python/test_threads.py, test_sockets.py
 */
#ifndef PYN_PULL_H
#define PYN_PULL_H

#include "link.h"

/* One read for everybody. PYN_EWAIT: a signal, or the deadline (0: there is none). */
pyn_status pyn_link_read_once(struct pyn_link *link, uint64_t deadline);

/* Output that the socket did not take at once: waits until it does, and reads meanwhile if nobody else does. lane: whose parts are waited for; NULL: nobody's. What is
 * left when the time is over (0: never) goes with what is written next. */
void pyn_link_push(struct pyn_link *link, const uint64_t *lane, uint64_t until);

/* This thread reads no longer: one that sleeps has to, if there is any. */
void pyn_link_hand_over(struct pyn_link *link);

#endif
