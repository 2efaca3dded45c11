/*
 * awaitable.h - a call of ours that no thread waits for, and what its rooms ask of each other; for everybody else see loop.h.
 *
 * awaitable.c        being awaited: each state, and the type
 * awaitable_send.c   going out, and the answer
 * awaitable_chain.c  its result used before it is there
 *
 * Owns:    its link and its party; while its answer is due, what is pending holds it.
 * Threads: the interpreter's lock, and the thread of the loop.
 * Errors:  -1 or NULL with an exception.
 * Tests:   tests/python/test_aio.py, test_chains.py
 */
#ifndef PYN_AWAITABLE_H
#define PYN_AWAITABLE_H

#include "loop.h"

enum pyn_awaitable_state {
    PYN_AWAITABLE_NEW = 0,  /* nobody has awaited it: nothing was sent */
    PYN_AWAITABLE_SENT,     /* its answer is due */
    PYN_AWAITABLE_ANSWERED, /* and has come: value or error */
    PYN_AWAITABLE_DONE,
};

/* What is done when the peer has answered. */
enum pyn_after {
    PYN_AFTER_NOTHING = 0,
    PYN_AFTER_GIVE_NONE,    /* a client does not decide which exceptions of ours go on */
    PYN_AFTER_KNOW_THROWN,  /* what was thrown into a generator and comes out of it is the same exception again */
    PYN_AFTER_RAISE_THROWN, /* it was closed in place of a GeneratorExit thrown into it */
};

struct pending;

struct pyn_awaitable {
    PyObject_HEAD
    enum pyn_awaitable_state state;
    enum pyn_after after;
    struct pyn_link *link;   /* counted */
    struct pyn_party *party; /* strong */
    PyObject *netref;        /* NULL: for the root */
    const struct pyn_op *op; /* NULL: for the root */
    PyObject *args;          /* tuple, with the values of kwnames behind; NULL when it was sent */
    PyObject *kwnames;       /* tuple or NULL */
    PyObject *thrown;        /* or NULL */
    const struct pyn_type *expect;
    struct pending *pending; /* PYN_AWAITABLE_SENT */
    PyObject *timer;         /* that gives it up at its deadline; or NULL */
    PyObject *future;        /* of the loop's, for who awaits it; NULL: nobody has yet */
    PyObject *value;
    PyObject *error;
    PyObject *node;     /* pynto.chains.Promised: what uses its result before it is there; or NULL */
    PyObject *delegate; /* iterator: its __await__(), once this is awaited */
};

extern PyTypeObject *pyn_awaitable_type;

static inline struct pyn_awaitable *pyn_awaitable_from(PyObject *self)
{
    return (struct pyn_awaitable *)self;
}

/* Sends it: from now on its answer is due. */
int pyn_awaitable_send(struct pyn_awaitable *self);
/* Its answer is due no longer for whoever awaits it: a cancel goes out. */
void pyn_awaitable_cancel(struct pyn_awaitable *self);
/* It has a value, or an error: whoever awaits it goes on. */
void pyn_awaitable_wake(struct pyn_awaitable *self);

/* What stands for its result before it is there. Borrowed. NULL with an exception. */
PyObject *pyn_awaitable_promised(struct pyn_awaitable *self);
/* Is the result of another call among the arguments? */
bool pyn_awaitable_has_promised(PyObject *const *args, Py_ssize_t count);
PyObject *pyn_awaitable_getattro(PyObject *object, PyObject *name);
PyObject *pyn_awaitable_call(PyObject *object, PyObject *args, PyObject *kwargs);
PyObject *pyn_awaitable_item(PyObject *object, PyObject *key);

#endif
