/*
 * endings.h - who wants to know when a link has ended.
 *
 * A callback is called once, with the reason, whatever ended the link: on a client in its background thread, on a server by a thread that holds
 * the turn, as a call of the client's would be run. It is called with no lock held but the interpreter's, never in a signal handler and never
 * from a finalizer. One that is registered after the end is called at once.
 *
 * Owns:    a callback is held until it was called or cancelled; its link as well.
 * Threads: the interpreter's lock.
 * Errors:  NULL with an exception. What a callback raises is logged at a server, and "unraisable" on a client.
 * Tests:   tests/python/test_disconnect.py
 */
#ifndef PYN_ENDINGS_H
#define PYN_ENDINGS_H

#include "core.h"

/* on_disconnect(): an object whose cancel() takes it back. */
PyObject *pyn_endings_add(struct pyn_link *link, PyObject *callback);

/* If the link is over: tells those that have not been told. */
void pyn_endings_tell(struct pyn_link *link);

/* The interpreter is about to end: so do the client links that somebody wants to know about. */
PyObject *pyn_endings_at_exit(PyObject *module, PyObject *ignored);

int pyn_endings_init(PyObject *module);

#endif
