/*
 * core.h - what the rooms of the extension share: its types, its exceptions, and the constants that it looks up once.
 *
 * The module can be loaded once in a process (sub-interpreters are refused): its state is one struct, filled by the module's exec.
 * Owns:    every pointer in it, for the life of the process.
 * Threads: the interpreter's lock.
 */
#ifndef PYN_CORE_H
#define PYN_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../runtime/server.h"

struct core {
    PyTypeObject *policy;
    PyTypeObject *netref;
    PyTypeObject *stepped; /* a netref whose step may be asked for several times at once */
    PyTypeObject *method;
    PyTypeObject *attribute;
    PyTypeObject *connection;
    PyTypeObject *server;
    PyTypeObject *peer;
    PyTypeObject *pipeline;
    PyTypeObject *promise;

    PyObject *refused; /* exceptions, from pynto.errors */
    PyObject *quota_exceeded;
    PyObject *deadline_exceeded;
    PyObject *protocol_error;
    PyObject *disconnected;
    PyObject *remote_error;
    PyObject *call_cancelled; /* pynto.errors.Cancelled */
    PyObject *served_for;     /* the ContextVar of pynto.threads: (principal, transport, address) */
    PyObject *ends_at;        /* the ContextVar of pynto.deadlines */

    PyObject *decimal;
    PyObject *uuid;
    PyObject *enumeration; /* enum.Enum */

    PyObject *make_record;    /* pynto.values.make_record(name, fields) -> class */
    PyObject *make_enum;      /* pynto.values.make_enum(name, members) -> class */
    PyObject *make_signature; /* pynto.values.make_signature(parameters, result) -> inspect.Signature */
    PyObject *start_thread;   /* pynto.threads.start_thread(function, name) */
    PyObject *run_coroutine;  /* pynto.threads.run_coroutine(coroutine) -> its result */
    PyObject *awaited;        /* pynto.awaiting.awaited(awaitable) -> coroutine */
    PyObject *cannot_wait;    /* pynto.awaiting.cannot_wait(name): raises */
    PyObject *iterate;        /* pynto.awaiting.Iteration(netref) -> asynchronous iterator */
    PyObject *promised;       /* pynto.chains.promised(netref, name, args, kwargs) -> Promised */
    PyObject *promised_type;  /* pynto.chains.Promised */
    PyObject *helpers;        /* pynto.awaiting.HELPERS: dict, what the types of netrefs get where a loop drives them */
    PyObject *running_loop;   /* asyncio's: the loop of this thread, or None */
    PyObject *cancelled;      /* asyncio.CancelledError */
    unsigned long main_thread; /* the one that Python's signal handlers run in */

    PyObject *log_incident; /* pynto.errors.log_incident(operation, exception) -> its id */
};

extern struct core pyn_core;

/* A pipeline, a promise of one, or a method of that: none leaves, but a promise in a step of its pipeline. */
bool pyn_promise_is(PyObject *value);

/* Each room adds its type to the module. -1 with an exception. */
int pyn_policy_type_init(PyObject *module);
int pyn_netref_type_init(PyObject *module);
int pyn_connection_type_init(PyObject *module);
int pyn_server_type_init(PyObject *module);
int pyn_peer_type_init(PyObject *module);
int pyn_aio_type_init(PyObject *module);
int pyn_values_init(void);

/* A str from UTF-8 that the scanner or the policy loader has checked. */
static inline PyObject *pyn_str(struct pyn_view text)
{
    return PyUnicode_FromStringAndSize((const char *)text.data, (Py_ssize_t)text.len);
}

/* Raises what a status of the runtime means to Python; reason may be NULL. Always returns NULL. */
PyObject *pyn_raise(pyn_status st, const char *reason);

/* QuotaExceeded, in the words of a refusal: "references: 100". Always returns NULL. */
PyObject *pyn_raise_quota(const struct pyn_link *link, enum pyn_quota which);

#endif
