/*
 * arguments.h - what a method is called with, as a vectorcall wants it: one free place, the object, then the values.
 *
 * Owns:    the values and the names: pyn_arguments_clear(). The object is borrowed.
 * Errors:  -1 with an exception.
 * Threads: the interpreter's lock.
 * Tests:   tests/python/test_netrefs.py, tests/attack/test_arguments.py
 */
#ifndef PYN_ARGUMENTS_H
#define PYN_ARGUMENTS_H

#include "values.h"

enum { PYN_ARGUMENTS_FEW = 8 }; /* places of a block that needs no memory of its own */

struct pyn_arguments {
    PyObject *few[PYN_ARGUMENTS_FEW]; /* set as far as there are values */
    PyObject **block;                 /* block[0] is the free place, block[1] the object (borrowed) */
    size_t room;                      /* places of the block */
    size_t count;                     /* positional, without the object */
    PyObject *kwnames;
    size_t kw_count;
};

void pyn_arguments_init(struct pyn_arguments *arguments, PyObject *object);
void pyn_arguments_clear(struct pyn_arguments *arguments);

/* Those of a call that was admitted, each as its declared type has it. */
int pyn_arguments_decode(struct pyn_decoder *decoder, const struct pyn_signature *signature,
                         struct pyn_arguments *arguments);
/* What the object is called with, where that is not what the peer has sent: an exception is one of ours that tells of it. */
int pyn_arguments_fit(const struct pyn_op *op, struct pyn_arguments *arguments);

#endif
