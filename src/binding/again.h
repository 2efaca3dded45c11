/*
 * again.h - what whoever connects again has to know of a link that has ended: whether it would end in the same way, and that others have taken its place.
 *
 * Owns:    nothing.
 * Threads: the interpreter's lock, under which the reason of a client's link is read.
 * Errors:  NULL with an exception.
 * Tests:   tests/python/test_reconnecting.py
 */
#ifndef PYN_AGAIN_H
#define PYN_AGAIN_H

#include "call.h"

/* bool: it is over, and a new connection would end in the same way; or it was this end that wanted it so. */
PyObject *pyn_link_final(struct pyn_link *link);

/* The exception that is set says the same of the link that it comes from, as its attribute _final. */
void pyn_mark_final(struct pyn_link *link);

/* A link that is over says this as well from now on, to whoever still uses what came from it. text: a str. */
PyObject *pyn_link_superseded(struct pyn_link *link, PyObject *text);

#endif
