/*
 * recall.h - answers that a client keeps, and how the servers of this process say that they are not true any more.
 *
 * Owns:     a server object has a struct pyn_notified, from its start to its end.
 * Threads:  the interpreter's lock.
 * Tests:    tests/python/test_caching.py
 */
#ifndef PYN_RECALL_H
#define PYN_RECALL_H

#include "values.h"

/* The result of the packed call that is kept from an earlier one. NULL: there is none, and the peer has to be asked, unless an exception is set. */
PyObject *pyn_recall(const struct pyn_encoder *encoder, const struct pyn_op *op, const struct pyn_type *type);

struct pyn_notified {
    struct pyn_notified *next;
    struct pyn_notified *before;
    PyObject *host; /* whose part it is */
    struct pyn_server *server;
};

void pyn_notified_enter(struct pyn_notified *entry, PyObject *host, struct pyn_server *server);
void pyn_notified_leave(struct pyn_notified *entry); /* also one that never entered */

PyObject *pyn_core_stale(PyObject *module, PyObject *args);

#endif
