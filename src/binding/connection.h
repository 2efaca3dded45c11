/*
 * connection.h - a client's end: what a pynto._core.Connection is made of.
 *
 * connection_type.c    its end, what can be asked of it, and the threads that serve what comes by itself
 * connection_open.c    its beginning: dialling, the handshakes, the root
 *
 * Owns:    its link and its root.
 * Threads: the interpreter's lock, which is given back while something is waited for.
 * Errors:  NULL or -1 with an exception.
 * Tests:   tests/python/test_server.py, test_deadlines.py, test_sockets.py
 */
#ifndef PYN_CONNECTION_H
#define PYN_CONNECTION_H

#include "call.h"

struct pyn_connection {
    struct pyn_party party; /* first */
    struct pyn_link *link;  /* counted */
    PyObject *root;
};

static inline struct pyn_connection *pyn_connection_of(PyObject *self)
{
    return (struct pyn_connection *)self;
}

/* tp_new: over descriptors that are there. */
PyObject *pyn_connection_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);

/*
 * _dial(address, owner, timeout, plain, root, types, quotas, read_ahead, key, psk, background), a class method: the same over a new stream, all within
 * timeout seconds or what is left to this context. owner: None, or who has had the descriptor of an fd:// until now: its detach() is called.
 */
PyObject *pyn_connection_dial(PyObject *type, PyObject *const *args, Py_ssize_t nargs);

#endif
