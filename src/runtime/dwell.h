/*
 * dwell.h - waiting by looking again, for a moment, with the processor given away in between: instead of sleeping at once.
 *
 * An answer, or the next question, comes within microseconds as often as not. To sleep until then costs a wake-up, which across processors takes longer
 * than all the rest; to spin keeps the peer from running when both share a processor. A look without waiting and sched_yield() in turn do neither. They
 * stop after PYN_DWELL_NS; when that was in vain they are left out the next time, and twice as often after each time more in vain: who waits for
 * slow answers, or for other links, soon sleeps at once.
 *
 * Whose last wait was over only after the processor had been given away begins with that the next time: nothing can be there before the peer has run, and
 * a look costs as much as giving it away. Once in a while it looks first all the same.
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
    PYN_DWELL_FIRST_LOOK = 16,  /* once in so many waits the first look is not left out */
};

struct pyn_dwell {
    uint32_t failed; /* how often it does not pay: 2 to this, less one, waits are left out */
    uint32_t skips;  /* that are still to be left out */
    uint64_t from;   /* of this one */
    uint64_t at;     /* the clock, when it was last read */
    uint32_t yields;
    uint32_t blind; /* waits that began without a look, since the last that did not */
    bool is_late;
    bool needs_yield; /* the last one that paid did so only after the processor was given away */
};

/* After a yield: may there be another? */
static inline bool pyn_dwell_yielded(struct pyn_dwell *dwell, uint64_t now)
{
    dwell->yields++;
    dwell->is_late = dwell->is_late || now - dwell->at > PYN_DWELL_LATE_NS;
    dwell->at = now;
    return now - dwell->from < PYN_DWELL_NS;
}

/* Gives the processor away once. False: its time is over, look for the last time. */
static inline bool pyn_dwell_yield(struct pyn_dwell *dwell)
{
    (void)sched_yield();
    return pyn_dwell_yielded(dwell, pyn_now());
}

/* A wait begins. True: the first look would be in vain. */
static inline bool pyn_dwell_begin(struct pyn_dwell *dwell, uint64_t now)
{
    dwell->from = dwell->at = now;
    dwell->yields = 0;
    dwell->is_late = false;
    dwell->blind = dwell->needs_yield ? (dwell->blind + 1) % PYN_DWELL_FIRST_LOOK : 0;
    return dwell->blind > 0;
}

/* Is this wait worth it? Then it begins, where the first look would be in vain with the processor given away. */
static inline bool pyn_dwell_may(struct pyn_dwell *dwell)
{
    if (dwell->skips > 0) {
        dwell->skips--;
        return false;
    }
    if (pyn_dwell_begin(dwell, pyn_now())) {
        (void)pyn_dwell_yield(dwell);
    }
    return true;
}

/* How it went. */
static inline void pyn_dwell_note(struct pyn_dwell *dwell, bool came)
{
    if (came) {
        dwell->needs_yield = dwell->yields > 0;
    }
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
