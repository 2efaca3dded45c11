/*
 * remote_method.h - what stands in a netref type for an operation: a method, or an attribute.
 *
 * Owns: one reference of the policy whose operation it is.
 */
#ifndef PYN_REMOTE_METHOD_H
#define PYN_REMOTE_METHOD_H

#include "forms.h"

PyObject *pyn_remote_method_new(const struct pyn_forms *forms, const struct pyn_op *op);
/* set: NULL for a read-only attribute. */
PyObject *pyn_remote_attribute_new(const struct pyn_forms *forms, const struct pyn_op *get, const struct pyn_op *set);

/* Of one that pyn_remote_method_new() made. */
const struct pyn_op *pyn_remote_method_op(PyObject *method);

/* What a context manager is told of an exception: strong. */
PyObject *pyn_exit_argument(PyObject *netref, PyObject *const *args, Py_ssize_t nargs);
/* What throw() is given, as a generator of Python's takes it: an instance, or a class with or without a value. Strong. */
PyObject *pyn_thrown_exception(PyObject *const *args, Py_ssize_t nargs);
/* The exception that is set has come out of a generator; if it is the one that went in, that one is raised, as if the generator stood here. */
void pyn_raise_if_thrown(PyObject *error);
/* close() beside a generator's throw(). NULL with an exception. */
const struct pyn_op *pyn_op_close(const struct pyn_op *throwing);

int pyn_remote_method_init(PyObject *module);

#endif
