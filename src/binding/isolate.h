/*
 * isolate.h - a server and the processes that serve for it, as Python sees them: methods of Server, and what a process gives up.
 *
 * Threads: the interpreter's lock.
 * Tests:   tests/python/test_isolation.py
 */
#ifndef PYN_ISOLATE_H
#define PYN_ISOLATE_H

#include "core.h"

#include "../runtime/attend.h"
#include "../runtime/parting.h"

/* of a pynto._core.Server */
struct pyn_server *pyn_server_of(PyObject *self);

PyObject *pyn_server_leaving_fd(PyObject *self, void *closure);
PyObject *pyn_server_next_leaver(PyObject *self, PyObject *ignored);
PyObject *pyn_server_part_to(PyObject *self, PyObject *args);
PyObject *pyn_server_part_ended(PyObject *self, PyObject *args);
PyObject *pyn_server_attend_to(PyObject *self, PyObject *args);

PyObject *pyn_enter_sandbox(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *pyn_follow(PyObject *module, PyObject *args);
PyObject *pyn_hide_memory(PyObject *module, PyObject *ignored);

#endif
