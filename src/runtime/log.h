/*
 * log.h - lines for people: written by threads that must not wait, taken out by one that may.
 *
 * What is written has a fixed size, and so has the queue; so many lines in a second, and no more, whoever causes them. What does not fit is dropped and
 * counted.
 *
 * Owns:     the queue.
 * Units:    instants are nanoseconds of the monotonic clock, which is read here.
 * Threads:  any; its lock is the innermost, and held for a copy.
 * Tests:    tests/unit/test_log.c, tests/python/test_logs.py
 */
#ifndef PYN_LOG_H
#define PYN_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum { PYN_LOG_LINES = 128, PYN_LOG_PER_SECOND = 50, PYN_LOG_AT_ONCE = 128 };

struct pyn_log_line {
    uint64_t connection; /* its number; 0: of none */
    char peer[160];      /* who is there; empty: nobody */
    char text[200];
};

struct pyn_log;

struct pyn_log *pyn_log_new(void);      /* NULL: out of memory */
void pyn_log_free(struct pyn_log *log); /* accepts NULL */

/* Texts are copied, and cut off. */
void pyn_log_put(struct pyn_log *log, uint64_t connection, const char *peer, const char *text);

/* Waits for a line. *dropped: how many got lost since the last time. False: it is closed and empty. */
bool pyn_log_take(struct pyn_log *log, struct pyn_log_line *line, uint64_t *dropped);

/* How many got lost, in all: of this log, and of those that were not even brought to one. */
uint64_t pyn_log_dropped(struct pyn_log *log);
/* A line of this process was dropped by who would have written it. */
void pyn_log_note_dropped(void);

/* Ends the waiting; what is there can still be taken. */
void pyn_log_close(struct pyn_log *log);

#endif
