/*
 * server_object.h - what pynto._core.Server is made of: server_life.c makes and ends it, server_type.c has what Python does with it.
 *
 * Owns:    as its members say.
 * Threads: the interpreter's lock, but for what the runtime calls.
 * Tests:   tests/python/test_server.py, test_serving.py
 */
#ifndef PYN_SERVER_OBJECT_H
#define PYN_SERVER_OBJECT_H

#include "../runtime/scrape.h"

#include "call.h"
#include "endings.h"
#include "layers.h"
#include "loop.h"
#include "quotas.h"
#include "recall.h"

struct pyn_server_object {
    struct pyn_party party; /* first; its book is owned */
    struct pyn_server *server;
    struct pyn_server_root *roots;
    uint32_t root_count;
    uint32_t *costs;             /* owned, or NULL */
    struct pyn_parting *parting; /* owned, or NULL: it serves by itself */
    PyObject *root_names;        /* tuple, holds the names */
    PyObject *spawn;             /* callable: one more thread in run() */
    struct pyn_loop loop;        /* that runs what is declared async */
    PyObject *door;              /* Door, or NULL: nothing at pynto:// */
    PyObject *unlimited; /* str, or NULL: why the Python memory of connections is not limited, as it should be */
    struct pyn_layering *layerings; /* owned: one for each listener */
    struct pyn_log *log;            /* owned */
    struct pyn_classes *classes;    /* counted */
    struct pyn_scrape *scrape;      /* owned; NULL: nobody asks for metrics */
    struct pyn_trail *trail;        /* owned; NULL: no decisions are logged */
    struct pyn_notified notified;
};

static inline struct pyn_server_object *pyn_server_object_of(PyObject *self)
{
    return (struct pyn_server_object *)self;
}

/* Is anything declared async, which needs an event loop? */
bool pyn_server_object_has_coroutines(const struct pyn_server_object *self);

/* One more thread runs calls. ctx: the object. False: there is none, and why is told. */
bool pyn_server_object_spawn(void *ctx);

/* The slots of its type. */
PyObject *pyn_server_object_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
int pyn_server_object_traverse(PyObject *self, visitproc visit, void *arg);
int pyn_server_object_clear(PyObject *self);
void pyn_server_object_dealloc(PyObject *self);

#endif
