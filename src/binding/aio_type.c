/* aio_type.c - pynto._core.AsyncConnection: a client's end that an event loop drives, on the descriptors themselves and without a thread. */
#include <sodium.h>

#include "again.h"
#include "endings.h"
#include "large.h"
#include "layers.h"
#include "loop.h"
#include "pipeline.h"
#include "quotas.h"

#include "../runtime/clock.h"

struct connection {
    struct pyn_party party; /* first */
    struct pyn_loop loop;
    struct pyn_link *link; /* counted */
    PyObject *pings;       /* list of (token, future) */
    PyObject *stall;       /* strong: the timer that looks whether output stands still; or NULL */
    bool is_reading;       /* the loop watches for input */
    bool is_writing;       /* and for room for output */
    bool is_attached;      /* and for the inbox */
};

static struct connection *of(PyObject *self)
{
    return (struct connection *)self;
}

static struct connection *of_loop(struct pyn_loop *loop)
{
    return (struct connection *)((char *)loop - offsetof(struct connection, loop));
}

/* ---- what the loop watches ---- */

/* loop.<method>(fd[, self.<callback>]). What goes wrong, as with a loop that was closed, is nobody's to know here. */
static PyObject *ask_loop(struct connection *connection, const char *method, int fd, const char *callback)
{
    PyObject *bound = NULL;
    PyObject *done = NULL;

    if (callback == NULL) {
        return PyObject_CallMethod(connection->loop.loop, method, "i", fd);
    }
    bound = PyObject_GetAttrString((PyObject *)connection, callback);
    if (bound != NULL) {
        done = PyObject_CallMethod(connection->loop.loop, method, "iO", fd, bound);
        Py_DECREF(bound);
    }
    return done;
}

/* A loop that has not heard of the end watches a descriptor that is closed: when there is no memory to say so, it is said once more. */
static bool tell_loop(struct connection *connection, const char *method, int fd, const char *callback)
{
    PyObject *done = ask_loop(connection, method, fd, callback);

    if (done == NULL && PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear();
        done = ask_loop(connection, method, fd, callback);
    }
    if (done == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(done);
    return done != NULL;
}

static void watch_input(struct connection *connection, bool wants)
{
    if (wants && !connection->is_reading) {
        connection->is_reading = tell_loop(connection, "add_reader", connection->link->in, "_on_readable");
    } else if (!wants && connection->is_reading) {
        (void)tell_loop(connection, "remove_reader", connection->link->in, NULL);
        connection->is_reading = false;
    }
}

/* The timer holds the connection, for a day by default: it goes as soon as nothing waits. */
static void call_when_stalled(struct connection *connection)
{
    pyn_loop_forget(&connection->stall);
    connection->stall = pyn_loop_at(&connection->loop, pyn_now() + connection->link->quotas->stall_ns,
                                    (PyObject *)connection, "_on_stall");
}

static void watch_output(struct connection *connection, bool wants)
{
    if (wants && !connection->is_writing) {
        connection->is_writing = tell_loop(connection, "add_writer", connection->link->out, "_on_writable");
        call_when_stalled(connection);
    } else if (!wants && connection->is_writing) {
        (void)tell_loop(connection, "remove_writer", connection->link->out, NULL);
        connection->is_writing = false;
        pyn_loop_forget(&connection->stall);
    }
}

static bool is_over(struct pyn_link *link)
{
    bool is = false;

    pyn_link_lock(link);
    is = link->over != PYN_OK;
    pyn_link_unlock(link);
    return is;
}

/* The loop has no more to do with it, and the descriptors are closed. */
static void detach(struct connection *connection)
{
    if (!connection->is_attached) {
        return;
    }
    connection->is_attached = false;
    watch_input(connection, false);
    watch_output(connection, false);
    pyn_loop_forget(&connection->stall);
    (void)tell_loop(connection, "remove_reader", connection->loop.inbox.wake, NULL);
    pyn_link_lock(connection->link);
    connection->link->is_dropped = true;
    if (!connection->link->is_reading) { /* else who reads does it */
        pyn_link_close(connection->link);
    }
    pyn_link_unlock(connection->link);
}

static void moved(struct pyn_loop *loop, struct pyn_link *link)
{
    struct connection *connection = of_loop(loop);
    size_t unread = 0;
    bool wants_output = pyn_link_wants_output(link, &unread);

    if (!connection->is_attached) {
        return;
    }
    watch_input(connection, pyn_link_wants_input(link));
    watch_output(connection, wants_output);
    if (unread <= PYN_UNREAD_HIGH / 2) {
        pyn_loop_let_go(loop);
    }
}

/* ---- pings ---- */

/* Those that were answered, or never will be, wake. */
static void wake_pings(struct connection *connection)
{
    uint64_t ponged = 0;
    bool is_end = false;
    PyObject *pings = connection->pings;

    pyn_link_lock(connection->link);
    ponged = connection->link->ponged;
    is_end = connection->link->over != PYN_OK;
    pyn_link_unlock(connection->link);
    while (PyList_GET_SIZE(pings) > 0) {
        PyObject *first = PyList_GET_ITEM(pings, 0);
        PyObject *future = Py_NewRef(PyTuple_GET_ITEM(first, 1));
        if (!is_end && PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(first, 0)) > ponged) {
            Py_DECREF(future);
            return;
        }
        if (PySequence_DelItem(pings, 0) == 0) {
            pyn_future_wake(future);
        }
        Py_DECREF(future);
    }
}

static PyObject *connection_ping(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct connection *connection = of(self);
    uint64_t token = 0;
    PyObject *future = NULL;
    PyObject *entry = NULL;
    pyn_status st = PYN_EINTERNAL;

    if (!pyn_loop_check(connection->link)) {
        return NULL;
    }
    st = pyn_link_post_ping(connection->link, &token);
    if (st != PYN_OK) {
        return pyn_raise(st, connection->link->reason);
    }
    future = PyObject_CallMethod(connection->loop.loop, "create_future", NULL);
    entry = future != NULL ? Py_BuildValue("KO", (unsigned long long)token, future) : NULL;
    if (entry == NULL || PyList_Append(connection->pings, entry) != 0) {
        Py_CLEAR(future);
    }
    Py_XDECREF(entry);
    moved(&connection->loop, connection->link);
    return future;
}

/* ---- what has happened ---- */

static void news(struct pyn_loop *loop, struct pyn_link *link)
{
    struct connection *connection = of_loop(loop);

    pyn_link_pump_out(link);
    wake_pings(connection);
    if (is_over(link)) {
        detach(connection);
        pyn_loop_let_go(loop);
        pyn_endings_tell(link);
    }
}

static PyObject *drain(PyObject *self)
{
    int result = 0;

    Py_INCREF(self); /* what is taken out may drop it */
    result = pyn_loop_drain(&of(self)->loop);
    moved(&of(self)->loop, of(self)->link);
    Py_DECREF(self);
    return result == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *connection_on_readable(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    of(self)->loop.inbox.is_hot = true; /* what comes is taken out at once */
    pyn_link_pump_in(of(self)->link);
    of(self)->loop.inbox.is_hot = false;
    return drain(self);
}

static PyObject *connection_on_writable(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyn_link_pump_out(of(self)->link);
    return drain(self);
}

static PyObject *connection_on_wake(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return drain(self);
}

static PyObject *connection_on_stall(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyn_link_check_stall(of(self)->link);
    if (of(self)->is_writing && !is_over(of(self)->link)) {
        call_when_stalled(of(self));
    }
    Py_RETURN_NONE;
}

/* ---- the end ---- */

static void end_link(struct pyn_link *link, pyn_status why, const char *reason, bool is_fault)
{
    pyn_link_lock(link);
    if (link->over == PYN_OK) {
        pyn_session_goodbye(link->session, is_fault ? (uint32_t)why : 0, is_fault ? reason : "");
        link->is_final = !is_fault;
        pyn_link_end(link, why, reason);
    }
    pyn_link_unlock(link);
    pyn_drop_dead(link);
}

static PyObject *connection_close(PyObject *self, PyObject *args)
{
    const char *fault = NULL;

    if (!PyArg_ParseTuple(args, "|z:_close", &fault)) {
        return NULL;
    }
    end_link(of(self)->link, fault != NULL ? PYN_EPROTOCOL : PYN_EGONE, fault != NULL ? fault : "closed", fault != NULL);
    return drain(self);
}

static int connection_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(of(self)->party.books);
    Py_VISIT(of(self)->party.types);
    Py_VISIT(of(self)->pings);
    Py_VISIT(of(self)->stall);
    return pyn_loop_traverse(&of(self)->loop, visit, arg);
}

static void connection_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct connection *connection = of(self);

    PyObject_GC_UnTrack(self);
    if (connection->link != NULL) {
        connection->link->host = NULL;
        end_link(connection->link, PYN_EGONE, "dropped", false);
    }
    pyn_loop_fini(&connection->loop);
    Py_CLEAR(connection->pings);
    Py_CLEAR(connection->stall);
    pyn_party_fini(&connection->party);
    pyn_link_unref(connection->link);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- the beginning ---- */

struct opening {
    int in;
    int out;
    const char *peer;
    struct pyn_view root_name;
    struct pyn_view address; /* that was dialled; empty: none */
    PyObject *key;           /* borrowed */
    PyObject *psk;
};

static int add_layers(struct connection *connection, const struct opening *opening)
{
    struct pyn_address address;
    struct pyn_fault fault = {{0}};
    int result = -1;

    if (!pyn_address_parse(opening->address, &address, &fault)) {
        PyErr_SetString(PyExc_ValueError, fault.text);
        return -1;
    }
    if (address.scheme != PYN_SCHEME_FD) { /* whose number says nothing of who is there */
        connection->party.scope = pyn_scope_of(opening->address);
    }
    result = pyn_layers_add(connection->link, &address, opening->key, opening->psk);
    sodium_memzero(&address, sizeof address); /* it may hold a capability */
    return result;
}

static int open_link(struct connection *connection, const struct opening *opening, PyObject *quotas)
{
    const struct pyn_ends ends = {opening->in, opening->out, false};
    struct pyn_quotas changed;
    const struct pyn_quotas *limits = pyn_quotas_of_client(quotas, &changed);

    if (limits == NULL) {
        return -1;
    }
    if (!pyn_set_blocking(opening->in, false) || !pyn_set_blocking(opening->out, false)) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    connection->link = pyn_link_client(limits, limits != &changed, pyn_large_place(false), opening->root_name, &ends,
                                       opening->peer);
    if (connection->link == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    connection->link->host = connection;
    if (!pyn_inbox_attach(connection->link, &connection->loop.inbox)) {
        PyErr_NoMemory();
        return -1;
    }
    return opening->address.len > 0 ? add_layers(connection, opening) : 0;
}

static int attach(struct connection *connection)
{
    connection->is_attached = tell_loop(connection, "add_reader", connection->loop.inbox.wake, "_on_wake");
    watch_input(connection, true);
    if (connection->is_attached && connection->is_reading) {
        return 0;
    }
    connection->is_attached = true; /* at least in part */
    detach(connection);
    PyErr_SetString(PyExc_OSError, "the event loop cannot watch this descriptor");
    return -1;
}

static PyObject *connection_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"loop",   "in_fd",   "out_fd", "peer", "root", "types",
                            "quotas", "address", "key",    "psk",  NULL};
    struct connection *self = NULL;
    struct opening opening = {.in = -1, .out = -1, .key = Py_None, .psk = Py_None};
    const char *root = NULL;
    const char *address = NULL;
    Py_ssize_t root_len = 0;
    Py_ssize_t address_len = 0;
    PyObject *loop = NULL;
    PyObject *types = Py_None;
    PyObject *quotas = Py_None;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Oiis|s#OOs#OO:AsyncConnection", names, &loop, &opening.in,
                                     &opening.out, &opening.peer, &root, &root_len, &types, &quotas, &address,
                                     &address_len, &opening.key, &opening.psk)) {
        goto refused;
    }
    opening.root_name = (struct pyn_view){(const uint8_t *)root, (size_t)root_len};
    opening.address = (struct pyn_view){(const uint8_t *)address, (size_t)address_len};
    if (opening.in < 0 || opening.out < 0) {
        PyErr_SetString(PyExc_ValueError, "a descriptor is not negative");
        goto refused;
    }
    self = of(type->tp_alloc(type, 0));
    if (self == NULL) {
        goto refused;
    }
    self->party.types = types != Py_None ? Py_NewRef(types) : NULL;
    self->party.has_loop = true;
    self->pings = PyList_New(0);
    self->loop.moved = moved;
    self->loop.news = news;
    if (self->pings == NULL || pyn_loop_init(&self->loop, -1) != 0) {
        goto refused;
    }
    self->loop.loop = Py_NewRef(loop);
    if (open_link(self, &opening, quotas) == 0 && attach(self) == 0) {
        return (PyObject *)self;
    }
refused: /* the descriptors were given away: nobody else closes them */
    if (self == NULL || self->link == NULL) {
        pyn_close_both(opening.in, opening.out);
    }
    Py_XDECREF(self);
    return NULL;
}

static PyObject *connection_begin(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return pyn_awaitable_root(of(self)->link);
}

/* ---- looking ---- */

static PyObject *connection_pipeline(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *pipeline = pyn_pipeline_new(self, of(self)->link);

    if (pipeline != NULL) {
        pyn_pipeline_open(pipeline);
    }
    return pipeline;
}

static PyObject *connection_send(PyObject *self, PyObject *pipeline)
{
    return pyn_pipeline_send_later(of(self)->link, pipeline);
}

static PyObject *connection_usage(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return pyn_usage_of_link(of(self)->link);
}

static PyObject *connection_on_disconnect(PyObject *self, PyObject *callback)
{
    return pyn_endings_add(of(self)->link, callback);
}

static PyObject *connection_is_closed(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(is_over(of(self)->link));
}

static PyObject *connection_peer(PyObject *self, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(of(self)->link->peer);
}

static PyObject *connection_reason(PyObject *self, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(of(self)->link->reason);
}

static PyObject *connection_final(PyObject *self, void *Py_UNUSED(closure))
{
    return pyn_link_final(of(self)->link);
}

static PyObject *connection_superseded(PyObject *self, PyObject *text)
{
    return pyn_link_superseded(of(self)->link, text);
}

static PyObject *connection_tasks(PyObject *self, void *Py_UNUSED(closure))
{
    return PySet_New(of(self)->loop.tasks);
}

static PyObject *connection_loop(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(of(self)->loop.loop);
}

static PyObject *connection_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<pynto.aio.Connection to %s%s>", of(self)->link->peer,
                                of(self)->link->over != PYN_OK ? ", closed" : "");
}

static PyMethodDef connection_methods[] = {
    {"_begin", connection_begin, METH_NOARGS, "_begin()\n--\n\nThe root, as something to be awaited once."},
    {"_close", connection_close, METH_VARARGS, "_close(fault=None)\n--\n\nSays goodbye; fault: why, if it is the peer's."},
    {"_ping", connection_ping, METH_NOARGS,
     "_ping()\n--\n\nA future that is done when the peer has answered, or is gone."},
    {"_pipeline", connection_pipeline, METH_NOARGS, "_pipeline()\n--\n\nOne that is open."},
    {"_send", connection_send, METH_O,
     "_send(pipeline)\n--\n\nA future that is done when its promises have their results."},
    {"_on_readable", connection_on_readable, METH_NOARGS, NULL},
    {"_on_writable", connection_on_writable, METH_NOARGS, NULL},
    {"_on_wake", connection_on_wake, METH_NOARGS, NULL},
    {"_on_stall", connection_on_stall, METH_NOARGS, NULL},
    {"_on_disconnect", connection_on_disconnect, METH_O, NULL},
    {"_superseded", connection_superseded, METH_O, NULL},
    {"usage", connection_usage, METH_NOARGS,
     "usage()\n--\n\ndict[str, int]: what this end holds for the peer, and has held at most."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef connection_getset[] = {
    {"peer", connection_peer, NULL, "str: the other side, for people.", NULL},
    {"closed", connection_is_closed, NULL, "bool: it is over.", NULL},
    {"_reason", connection_reason, NULL, "str: why.", NULL},
    {"_final", connection_final, NULL, "bool: and for good.", NULL},
    {"_tasks", connection_tasks, NULL, "set: what runs here for the peer.", NULL},
    {"_loop", connection_loop, NULL, "The event loop that drives it.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot connection_slots[] = {
    {Py_tp_doc,
     (void *)(uintptr_t) "AsyncConnection(loop, in_fd, out_fd, peer, root='', types=None, quotas=None)\n--\n\n"
                         "A client's end that an event loop drives. It owns the descriptors."},
    {Py_tp_new, connection_new},
    {Py_tp_traverse, connection_traverse},
    {Py_tp_dealloc, connection_dealloc},
    {Py_tp_repr, connection_repr},
    {Py_tp_methods, connection_methods},
    {Py_tp_getset, connection_getset},
    {0, NULL},
};

static PyType_Spec connection_spec = {
    .name = "pynto._core.AsyncConnection",
    .basicsize = sizeof(struct connection),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = connection_slots,
};

int pyn_aio_type_init(PyObject *module)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &connection_spec, NULL);

    return type != NULL ? PyModule_AddType(module, type) : -1;
}
