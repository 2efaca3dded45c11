/* connection_type.c - pynto._core.Connection: a client's end, and the thread that serves what comes by itself. */
#include "connection.h"

#include "../runtime/clock.h"
#include "again.h"
#include "ahead.h"
#include "deadline.h"
#include "endings.h"
#include "pipeline.h"
#include "quotas.h"

static struct pyn_connection *of(PyObject *self)
{
    return pyn_connection_of(self);
}

/* ---- the end ---- */

static void end_link(struct pyn_link *link, const char *reason)
{
    struct pyn_call *call = NULL;

    pyn_link_lock(link);
    if (link->over == PYN_OK) {
        pyn_session_goodbye(link->session, 0, "");
        link->is_final = true;
        link->is_closing = !link->is_reading;
        pyn_link_end(link, PYN_EGONE, reason);
    }
    while (pyn_link_is_ours(link) && (call = pyn_line_take(&link->unsolicited)) != NULL) {
        pyn_link_drop_call(link, call);
    }
    link->is_dropped = true;
    if (!link->is_reading) { /* else the thread that reads does it */
        pyn_link_close(link);
    }
    pyn_link_unlock(link);
    pyn_drop_dead(link);
}

static PyObject *connection_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    if (of(self)->link != NULL) {
        end_link(of(self)->link, "closed");
        Py_CLEAR(of(self)->root); /* it holds us */
    }
    Py_RETURN_NONE;
}

static int connection_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(of(self)->root);
    Py_VISIT(of(self)->party.books);
    Py_VISIT(of(self)->party.types);
    return 0;
}

static int connection_clear(PyObject *self)
{
    Py_CLEAR(of(self)->root);
    return 0;
}

static void connection_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct pyn_connection *connection = of(self);

    PyObject_GC_UnTrack(self);
    if (connection->link != NULL) {
        connection->link->host = NULL; /* the background finds nobody any more */
        end_link(connection->link, "dropped");
    }
    (void)connection_clear(self);
    pyn_party_fini(&connection->party);
    pyn_link_unref(connection->link);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- looking ---- */

static PyObject *connection_ping(PyObject *self, PyObject *args)
{
    double timeout = 10.0;
    uint64_t began = pyn_now();
    uint64_t most = 0;
    uint64_t until = 0;
    pyn_status st = PYN_EINTERNAL;

    if (!PyArg_ParseTuple(args, "|d:ping", &timeout)) {
        return NULL;
    }
    most = began + (uint64_t)(timeout * 1e9);
    until = pyn_deadline_get();
    Py_BEGIN_ALLOW_THREADS
    st = pyn_link_ping(of(self)->link, until != 0 && until < most ? until : most);
    Py_END_ALLOW_THREADS
    if (st == PYN_EWAIT) {
        return pyn_raise_deadline_text("waiting", until != 0 && until < most ? "deadline: no pong in time"
                                                                             : "ping: no pong in time");
    }
    return st == PYN_OK ? PyFloat_FromDouble((double)(pyn_now() - began) / 1e9) : pyn_raise(st, of(self)->link->reason);
}

static PyObject *connection_usage(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return pyn_usage_of_link(of(self)->link);
}

static PyObject *connection_pipeline(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return pyn_pipeline_new(self, of(self)->link);
}

static PyObject *connection_on_disconnect(PyObject *self, PyObject *callback)
{
    return pyn_endings_add(of(self)->link, callback);
}

static PyObject *connection_is_closed(PyObject *self, void *Py_UNUSED(closure))
{
    bool is = false;

    pyn_link_lock(of(self)->link);
    is = of(self)->link->over != PYN_OK;
    pyn_link_unlock(of(self)->link);
    return PyBool_FromLong(is);
}

static PyObject *connection_final(PyObject *self, void *Py_UNUSED(closure))
{
    return pyn_link_final(of(self)->link);
}

static PyObject *connection_superseded(PyObject *self, PyObject *text)
{
    return pyn_link_superseded(of(self)->link, text);
}

static PyObject *connection_reason(PyObject *self, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(of(self)->link->reason);
}

static PyObject *connection_peer(PyObject *self, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(of(self)->link->peer);
}

static PyObject *connection_root(PyObject *self, void *Py_UNUSED(closure))
{
    return of(self)->root != NULL ? Py_NewRef(of(self)->root) : pyn_raise(PYN_EGONE, of(self)->link->reason);
}

static PyObject *connection_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<pynto.Connection to %s%s>", of(self)->link->peer,
                                of(self)->link->over != PYN_OK ? ", closed" : "");
}

/* ---- the background ---- */

struct background {
    PyObject_HEAD
    struct pyn_link *link; /* counted; not the connection, which may go while we wait */
};

static PyObject *background_call(PyObject *self, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    struct pyn_link *link = ((struct background *)self)->link;
    pyn_status st = PYN_OK;

    while (st == PYN_OK || st == PYN_EWAIT) {
        struct pyn_call *call = NULL;
        PyObject *host = NULL;
        Py_BEGIN_ALLOW_THREADS
        st = pyn_link_background(link, &call);
        Py_END_ALLOW_THREADS
        host = Py_XNewRef((PyObject *)link->host);
        if (call != NULL && host != NULL) {
            Py_XDECREF(pyn_run_call(link, call, NULL)); /* this thread is not the one to be ended */
        } else if (call != NULL) {
            pyn_link_lock(link);
            pyn_link_drop_call(link, call);
            pyn_link_unlock(link);
        }
        pyn_drop_dead(link);
        Py_XDECREF(host);
    }
    pyn_endings_tell(link);
    Py_RETURN_NONE;
}

static void background_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    pyn_link_unref(((struct background *)self)->link);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot background_slots[] = {
    {Py_tp_call, background_call},
    {Py_tp_dealloc, background_dealloc},
    {0, NULL},
};

static PyType_Spec background_spec = {
    .name = "pynto._core.Background",
    .basicsize = sizeof(struct background),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = background_slots,
};

static PyTypeObject *background_type;

int pyn_link_need_background(struct pyn_link *link)
{
    struct background *background = NULL;
    PyObject *done = NULL;

    if (link->server != NULL || link->box != NULL || link->has_background) {
        return 0;
    }
    background = (struct background *)background_type->tp_alloc(background_type, 0);
    if (background == NULL) {
        return -1;
    }
    background->link = pyn_link_ref(link);
    if (!pyn_link_make_wake(link)) {
        PyErr_SetFromErrno(PyExc_OSError);
        Py_DECREF(background);
        return -1;
    }
    link->has_background = true;
    done = PyObject_CallFunction(pyn_core.start_thread, "Os", (PyObject *)background, "pynto-background");
    Py_DECREF(background);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

/* ---- in a thread of the program's own ---- */

/* One call, or a while without any. 1: it was one, 0, or -1 with an exception. *is_over: there will be no more. */
static int serve_one(struct pyn_link *link, uint64_t until, bool *is_over)
{
    struct pyn_call *call = NULL;
    PyObject *interrupt = NULL;
    pyn_status st = PYN_EINTERNAL;

    Py_BEGIN_ALLOW_THREADS
    st = pyn_link_serve(link, until, &call);
    Py_END_ALLOW_THREADS
    *is_over = st != PYN_OK && st != PYN_EWAIT;
    if (call == NULL) {
        return PyErr_CheckSignals() == 0 ? 0 : -1;
    }
    interrupt = pyn_run_call(link, call, NULL);
    pyn_drop_dead(link);
    if (interrupt == NULL) {
        return 1;
    }
    PyErr_SetObject((PyObject *)Py_TYPE(interrupt), interrupt);
    Py_DECREF(interrupt);
    return -1;
}

/* The instant until which it serves; 0: for ever. -1 with an exception. */
static int serve_until(PyObject *timeout, uint64_t *until)
{
    double seconds = timeout != Py_None ? PyFloat_AsDouble(timeout) : 0;
    uint64_t most = 0;

    if (PyErr_Occurred()) {
        return -1;
    }
    if (!(seconds >= 0 && seconds < 1e9)) {
        PyErr_SetString(PyExc_ValueError, "timeout: seconds, from 0 on");
        return -1;
    }
    *until = pyn_deadline_get();
    most = timeout != Py_None ? pyn_now() + (uint64_t)(seconds * 1e9) : 0;
    if (most != 0 && (*until == 0 || most < *until)) {
        *until = most;
    }
    return 0;
}

static PyObject *connection_serve(PyObject *self, PyObject *args)
{
    struct pyn_link *link = of(self)->link;
    PyObject *timeout = Py_None;
    uint64_t until = 0;
    size_t count = 0;
    bool is_over = false;
    int done = 1;

    if (!PyArg_ParseTuple(args, "|O:serve", &timeout) || serve_until(timeout, &until) != 0) {
        return NULL;
    }
    if (!link->is_served) {
        PyErr_SetString(PyExc_RuntimeError, "it is served in the background: connect(..., background=False)");
        return NULL;
    }
    if (pyn_link_need_background(link) != 0) {
        return NULL;
    }
    while (done > 0 || (done == 0 && !is_over && (until == 0 || pyn_now() < until))) {
        done = serve_one(link, until, &is_over);
        count += done > 0;
    }
    return done == 0 ? PyLong_FromSize_t(count) : NULL;
}

/* ---- the type ---- */

static PyMethodDef connection_methods[] = {
    {"_dial", (PyCFunction)(void (*)(void))pyn_connection_dial, METH_CLASS | METH_FASTCALL, NULL},
    {"close", connection_close, METH_NOARGS, "close()\n--\n\nSays goodbye. Every reference of it is gone afterwards."},
    {"on_disconnect", connection_on_disconnect, METH_O,
     "on_disconnect(callback)\n--\n\nCalls callback(reason) once, when the connection has ended, in a thread of its "
     "own; at once if "
     "it has. The result's cancel() takes it back."},
    {"pipeline", connection_pipeline, METH_NOARGS,
     "pipeline()\n--\n\nA context manager: calls on what it is called with are sent together when its block ends, and "
     "give promises at "
     "once, which can be called and passed on in there. result() gives what a promise stands for."},
    {"serve", connection_serve, METH_VARARGS,
     "serve(timeout=None)\n--\n\nRuns the calls that the server makes by itself, in this thread: until the connection "
     "is over, or for so many "
     "seconds. How many there were."},
    {"ping", connection_ping, METH_VARARGS,
     "ping(timeout=10.0)\n--\n\nThe seconds of a round trip that runs no Python at the other side."},
    {"_superseded", connection_superseded, METH_O, NULL},
    {"usage", connection_usage, METH_NOARGS,
     "usage()\n--\n\ndict[str, int]: what this end holds for the peer, and has held at most."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef connection_getset[] = {
    {"root", connection_root, NULL, "What the server serves.", NULL},
    {"peer", connection_peer, NULL, "str: the other side, for people.", NULL},
    {"closed", connection_is_closed, NULL, "bool: it is over.", NULL},
    {"_final", connection_final, NULL, "bool: and for good.", NULL},
    {"_reason", connection_reason, NULL, "str: why.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot connection_slots[] = {
    {Py_tp_doc,
     (void *)(uintptr_t) "Connection(in_fd, out_fd, peer, root='', types=None, quotas=None, read_ahead=64)\n--\n\nA "
                         "client's end of a connection. It owns the descriptors."},
    {Py_tp_new, pyn_connection_new},
    {Py_tp_traverse, connection_traverse},
    {Py_tp_clear, connection_clear},
    {Py_tp_dealloc, connection_dealloc},
    {Py_tp_repr, connection_repr},
    {Py_tp_methods, connection_methods},
    {Py_tp_getset, connection_getset},
    {0, NULL},
};

static PyType_Spec connection_spec = {
    .name = "pynto._core.Connection",
    .basicsize = sizeof(struct pyn_connection),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = connection_slots,
};

int pyn_connection_type_init(PyObject *module)
{
    background_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &background_spec, NULL);
    pyn_core.connection = (PyTypeObject *)PyType_FromModuleAndSpec(module, &connection_spec, NULL);
    if (background_type == NULL || pyn_core.connection == NULL) {
        return -1;
    }
    return PyModule_AddType(module, pyn_core.connection);
}
