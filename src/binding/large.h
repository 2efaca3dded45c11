/*
 * large.h - values of many megabytes: their bytes are received into pages of the message's own, and those pages become the object's.
 *
 * The session places a large message so that the bytes which it waits for stand in their page as those of a large object do. What is not alike, such as a
 * second large value of the same message, or a bytearray, is copied, and gives its pages back on the way.
 *
 * Threads: the interpreter's lock, which is given up while pages are moved.
 * Errors:  NULL with an exception.
 * Tests:   tests/python/test_large_values.py
 */
#ifndef PYN_BINDING_LARGE_H
#define PYN_BINDING_LARGE_H

#include "values.h"

/* Looks where large objects have their bytes. -1 with an exception. */
int pyn_large_init(void);

/* For the sessions. */
const struct pyn_large *pyn_large_place(bool is_server);

/* The memory of an object that nobody else has yet. 0, or -1 with an exception: then it is not to be touched, but for giving it back. */
int pyn_large_fill(const struct pyn_decoder *decoder, void *to, struct pyn_view bytes);

/* Of any length; the bytes are not to be read again. */
PyObject *pyn_large_bytes(const struct pyn_decoder *decoder, struct pyn_view bytes);
PyObject *pyn_large_bytearray(const struct pyn_decoder *decoder, struct pyn_view bytes);
PyObject *pyn_large_str(const struct pyn_decoder *decoder, struct pyn_view text);

#endif
