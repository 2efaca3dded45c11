/*
 * reach.h - what a Policy says of itself and beside another one: methods of pynto.Policy for the audit.
 *
 * The same tables decide calls: what is said here is what is enforced.
 * Tests:   tests/audit/test_audit_diff.py, test_audit_explain.py
 */
#ifndef PYN_REACH_H
#define PYN_REACH_H

#include "core.h"

extern PyMethodDef pyn_reach_methods[];

/* A function of the module: a policy's file as it is written. */
PyObject *pyn_reach_canonical(PyObject *module, PyObject *json);

#endif
