/*
 * decode.h - the rooms of the decoder: what has a buffer. Private to decode*.c and encode*.c.
 *
 * Errors:  NULL with an exception.
 * Tests:   tests/python/test_buffers.py
 */
#ifndef PYN_DECODE_H
#define PYN_DECODE_H

#include "values.h"

/* pynto.arrays.<name>(first[, second]); ImportError where NumPy is not there. */
PyObject *pyn_arrays_call(const char *name, PyObject *first, PyObject *second);

/* bytes, or what the type makes of them. */
PyObject *pyn_decode_bin(const struct pyn_decoder *decoder, struct pyn_view bytes, const struct pyn_type *type);

/* Behind the tag, count items. */
PyObject *pyn_decode_ndarray(struct pyn_decoder *decoder, uint32_t count);

#endif
