/*
 * line.h - calls that stand in line until somebody runs them.
 *
 * They are taken in the order in which they were put in, but for a one-way call that had to wait for another one of its lane: it goes ahead of all that
 * arrived after it, so that a call starts behind the one-way calls which were made before it.
 *
 * Owns:    nothing: whoever has the line has the calls.
 * Threads: as whoever has it says.
 * Tests:   tests/unit/test_line.c; tests/python/test_oneway.py
 */
#ifndef PYN_LINE_H
#define PYN_LINE_H

#include "../session/session.h"

/* Zeroed: nobody stands there. */
struct pyn_line {
    struct pyn_call *first;
    struct pyn_call *last;
};

void pyn_line_put(struct pyn_line *line, struct pyn_call *call);
/* NULL: nobody stands there. */
struct pyn_call *pyn_line_take(struct pyn_line *line);
/* The first one of this lane, or NULL. */
struct pyn_call *pyn_line_find(const struct pyn_line *line, uint64_t lane);

#endif
