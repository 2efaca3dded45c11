/*
 * key_type.h - secret keys as Python objects, and the doors that they open: nothing of a secret is ever a Python value.
 *
 * Owns:    a Key its secret, in locked memory; a Door the runtime's.
 * Borrows: what the accessors give, for the life of the object.
 * Threads: the interpreter's lock.
 * Tests:   tests/attack/test_key_files.py, tests/python/test_capabilities.py
 */
#ifndef PYN_KEY_TYPE_H
#define PYN_KEY_TYPE_H

#include "core.h"

#include "../runtime/door.h"

bool pyn_key_is(PyObject *object);
const struct pyn_keypair *pyn_key_pair(PyObject *key);

bool pyn_door_is(PyObject *object);
struct pyn_door *pyn_door_of(PyObject *door);
/* bytes -> id of a grant; for PyArg_Parse's O&. */
int pyn_grant_id_converter(PyObject *object, void *id);

/* narrow(capability, server key, facet) -> bytes */
PyObject *pyn_narrow(PyObject *module, PyObject *args);

int pyn_key_type_init(PyObject *module);
int pyn_door_type_init(PyObject *module);

#endif
