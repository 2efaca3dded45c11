/*
 * tally.h - what a server has seen so far: numbers that only go up, for those who watch it.
 *
 * A connection keeps its own numbers; what is new among them is taken over when somebody looks and when it ends, so that no call touches what is
 * shared. Times of calls are kept when somebody has asked for them.
 *
 * Owns:    nothing on the heap.
 * Units:   nanoseconds, bytes.
 * Threads: the server's lock guards it, but for overruns.
 * Tests:   tests/python/test_metrics.py
 */
#ifndef PYN_TALLY_H
#define PYN_TALLY_H

#include <stdatomic.h>

#include "classes.h"
#include "watch.h"

enum { PYN_BARS = 14, PYN_STATUSES = PYN_ESHUT + 1, PYN_OVERRUNS = PYN_OVERRUN_GONE + 1 };

/* How many took at most so long; the last: all. Not cumulative. */
struct pyn_histogram {
    uint64_t bars[PYN_BARS];
    uint64_t sum_ns;
};

struct pyn_tally {
    struct pyn_counts classes[PYN_CLASSES_MAX];
    uint64_t reached[PYN_Q_ALL];  /* how often a quota had no room */
    uint64_t ended[PYN_STATUSES]; /* connections, by why */
    uint64_t opened;              /* handshakes that came to their end */
    atomic_uint_fast64_t overruns[PYN_OVERRUNS];
    struct pyn_histogram waits; /* of calls for their turn */
    struct pyn_histogram runs;  /* of calls that had one */
};

/* The upper bounds of the bars, in nanoseconds; of the last there is none. */
extern const uint64_t pyn_bar_bounds[PYN_BARS - 1];

void pyn_histogram_add(struct pyn_histogram *histogram, uint64_t took_ns);

/* With the link's lock: its numbers are added, as far as they are new. */
void pyn_tally_harvest(struct pyn_server *server, struct pyn_link *link);

#endif
