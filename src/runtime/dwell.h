/*
 * dwell.h - waiting by looking again, for a moment, with the processor given away in between: instead of sleeping at once.
 *
 * An answer, or the next question, comes within microseconds as often as not. To sleep until then costs a wake-up, which across processors takes longer
 * than all the rest; to spin keeps the peer from running when both share a processor. A look without waiting and sched_yield() in turn do neither. They
 * stop after PYN_DWELL_NS; when that was in vain they are left out the next time, and twice as often after each time more in vain: who waits for
 * slow answers, or for other links, soon sleeps at once.
 *
 * A processor that is given away may come back late, when somebody else has work for it, and is not given away again for a thousand waits, or more each time it
 * happens again: who sleeps is woken ahead of those who compute, who yields is served behind them.
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

enum {
    PYN_DWELL_NS = 50000,
    PYN_DWELL_LATE_NS = 200000, /* a processor that was away for so long was somebody else's */
    PYN_DWELL_VAIN_LOG2 = 8,    /* waits that are left out, at most: when nothing came, */
    PYN_DWELL_LATE_LEAST = 10,  /* when it came back late for the first time, */
    PYN_DWELL_LATE_LOG2 = 14,   /* and at most */
};

struct pyn_dwell {
    uint32_t failed; /* how often it does not pay: 2 to this, less one, waits are left out */
    uint32_t skips;  /* that are still to be left out */
    uint64_t from;   /* of this one */
    uint32_t yields;
    bool is_late;
};

/* Is this wait worth it? Then it begins. */
static inline bool pyn_dwell_may(struct pyn_dwell *dwell)
{
    if (dwell->skips > 0) {
        dwell->skips--;
        return false;
    }
    dwell->from = pyn_now();
    dwell->yields = 0;
    dwell->is_late = false;
    return true;
}

/* After so long a yield: may there be another? */
static inline bool pyn_dwell_yielded(struct pyn_dwell *dwell, uint64_t before, uint64_t now)
{
    dwell->yields++;
    dwell->is_late = now - before > PYN_DWELL_LATE_NS;
    return now - dwell->from < PYN_DWELL_NS;
}

/* Gives the processor away once. False: its time is over, look for the last time. */
static inline bool pyn_dwell_yield(struct pyn_dwell *dwell)
{
    const uint64_t before = pyn_now();

    (void)sched_yield();
    return pyn_dwell_yielded(dwell, before, pyn_now());
}

/* How it went. */
static inline void pyn_dwell_note(struct pyn_dwell *dwell, bool came)
{
    if (dwell->is_late) {
        dwell->failed = dwell->failed < PYN_DWELL_LATE_LEAST ? PYN_DWELL_LATE_LEAST : dwell->failed + 1;
        dwell->failed = dwell->failed < PYN_DWELL_LATE_LOG2 ? dwell->failed : PYN_DWELL_LATE_LOG2;
    } else if (!came) {
        dwell->failed += dwell->failed < PYN_DWELL_VAIN_LOG2;
    } else {
        dwell->failed = dwell->failed < PYN_DWELL_LATE_LEAST ? 0 : dwell->failed - (dwell->yields > 0);
        return;
    }
    dwell->skips = (UINT32_C(1) << dwell->failed) - 1;
}

#endif
