/*
 * netref.h - the local proxy of one reference of the peer's: one Python type for each interface, made from its operations.
 *
 * repr, type, isinstance, dir and help ask nobody; every other use of an operation is a call. A netref cannot be copied or pickled.
 * Owns:    a netref holds its link and its party (the Connection or the Server).
 * Threads: the interpreter's lock. What a netref leads to is not changed by who has only the link's.
 */
#ifndef PYN_NETREF_H
#define PYN_NETREF_H

#include "values.h"

/* pynto.connection() of a client's object: the server's end of its connection, or NULL. */
PyObject *pyn_peer_of(struct pyn_link *link, struct pyn_party *party);

/* Is it a netref of an object at the other end of this very link? */
bool pyn_netref_is_of(PyObject *value, const struct pyn_link *link);
bool pyn_netref_is(PyObject *value);

const struct pyn_iface *pyn_netref_iface(PyObject *netref);
uint64_t pyn_netref_id(PyObject *netref);
struct pyn_link *pyn_netref_link(PyObject *netref);
struct pyn_book *pyn_netref_book(PyObject *netref);
struct pyn_party *pyn_netref_party(PyObject *netref);

/* Of one that has an operation which reads ahead: where what it has given ahead is kept. It goes with the netref. */
struct pyn_ahead;
struct pyn_ahead **pyn_netref_ahead(PyObject *netref);

/* 0, or -1 with an exception: it was released. */
int pyn_netref_check(PyObject *netref);

/* Gives the reference back now; once is as good as twice. A later use says where this was. -1 with an exception: nothing was done. */
int pyn_netref_release(PyObject *value);

/*
 * One reference of the peer's has arrived: its netref, the same one as long as it lives. declared: where the number is 0. NULL with an exception: it
 * was not counted, and has to be given back.
 */
PyObject *pyn_netref_import(struct pyn_link *link, uint64_t id, uint32_t number, const struct pyn_iface *declared);

/*
 * Calls an operation of the peer's object. args: without the netref itself, nargs of them, then the values of kwnames.
 * *was_sent: false when the arguments did not fit, and the peer knows nothing of it.
 */
PyObject *pyn_call_peer(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames, bool *was_sent);

#endif
