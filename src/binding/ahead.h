/*
 * ahead.h - several results of one iterator in one answer: how they are taken at one end, and run at the other.
 *
 * Who iterates asks for one result at a time until nothing else has happened on the connection for some steps, then for 2, 4, 8 and so on; it is
 * back at one for good as soon as anything is seen between two steps. Results that were not taken yet are kept as bytes.
 *
 * Owns:     a netref of an iterator its struct pyn_ahead; a reading its parts.
 * Threads:  the interpreter's lock. Two threads may step one iterator: each result is given out once.
 * Tests:    tests/python/test_read_ahead.py
 */
#ifndef PYN_AHEAD_H
#define PYN_AHEAD_H

#include "values.h"

enum { PYN_AHEAD_MAX = 64 }; /* results that are asked for at once, unless the user says otherwise */

struct pyn_ahead;

void pyn_ahead_free(struct pyn_ahead *ahead); /* accepts NULL */

/* What was not taken is thrown away. Accepts NULL. */
void pyn_ahead_forget(struct pyn_ahead *ahead);

int pyn_ahead_traverse(const struct pyn_ahead *ahead, visitproc visit, void *arg);

/* next(netref): NULL with an exception. op: one that pyn_op_reads_ahead(). */
PyObject *pyn_ahead_next(PyObject *netref, const struct pyn_op *op);

/* Results on their way out, as they are packed: in two parts, when the last did not fit into one message with the others. */
struct pyn_reading {
    PyObject *parts[2]; /* bytes; strong, or NULL */
    uint32_t counts[2];
};

/*
 * Runs the step of an iterator as often as the call asks for, unless it takes long or gives much. false with an exception: that is how it went on.
 * encoder: empty, before and after.
 */
bool pyn_read_ahead(struct pyn_decoder *decoder, struct pyn_call *call, struct pyn_encoder *encoder,
                    struct pyn_reading *reading);
void pyn_reading_clear(struct pyn_reading *reading);

#endif
