/*
 * policy_type.h - pynto.Policy: a loaded policy, and its book once a server has resolved it.
 */
#ifndef PYN_POLICY_TYPE_H
#define PYN_POLICY_TYPE_H

#include "book.h"

/* Borrowed; value must be a Policy. */
struct pyn_policy *pyn_policy_of(PyObject *value);

/* A new book of it, its names resolved; the caller's. NULL with an exception. */
struct pyn_book *pyn_policy_resolve(PyObject *value);

#endif
