/*
 * remote_method.h - what stands in a netref type for an operation: a method, or an attribute.
 *
 * Owns: one reference of the policy whose operation it is.
 */
#ifndef PYN_REMOTE_METHOD_H
#define PYN_REMOTE_METHOD_H

#include "book.h"

PyObject *pyn_remote_method_new(struct pyn_book *book, const struct pyn_op *op);
/* set: NULL for a read-only attribute. */
PyObject *pyn_remote_attribute_new(struct pyn_book *book, const struct pyn_op *get, const struct pyn_op *set);

/* Of one that pyn_remote_method_new() made. */
const struct pyn_op *pyn_remote_method_op(PyObject *method);

int pyn_remote_method_init(PyObject *module);

#endif
