/*
 * dwell.h - waiting by looking again, for a moment, with the processor given away in between: instead of sleeping at once.
 *
 * An answer, or the next question, comes within microseconds as often as not. To sleep until then costs a wake-up, which across processors takes longer
 * than all the rest; to spin keeps the peer from running when both share a processor. A look without waiting and sched_yield() in turn do neither. They
 * stop after PYN_DWELL_NS; when that was in vain they are left out the next time, and twice as often after each time more in vain: who waits for
 * slow answers, or for other links, soon sleeps at once.
 *
 * Owns:    nothing. Zeroed it is ready for use.
 * Threads: one at a time for each.
 * Tests:   tests/unit/test_dwell.c
 */
#ifndef PYN_DWELL_H
#define PYN_DWELL_H

#include <sched.h>
#include <stdbool.h>

#include "clock.h"

enum { PYN_DWELL_NS = 50000, PYN_DWELL_SKIPS_LOG2 = 8 };

struct pyn_dwell {
    uint32_t failed; /* in a row, as far as it counts */
    uint32_t skips;  /* waits that are still to be left out */
};

/* Is this wait worth it? */
static inline bool pyn_dwell_may(struct pyn_dwell *dwell)
{
    if (dwell->skips > 0) {
        dwell->skips--;
        return false;
    }
    return true;
}

/* How it went. */
static inline void pyn_dwell_note(struct pyn_dwell *dwell, bool came)
{
    if (came) {
        dwell->failed = 0;
        return;
    }
    if (dwell->failed < PYN_DWELL_SKIPS_LOG2) {
        dwell->failed++;
    }
    dwell->skips = (UINT32_C(1) << dwell->failed) - 1;
}

/* Gives the processor away once. False: the time is over that began at from. */
static inline bool pyn_dwell_yield(uint64_t from)
{
    (void)sched_yield();
    return pyn_now() - from < PYN_DWELL_NS;
}

#endif
