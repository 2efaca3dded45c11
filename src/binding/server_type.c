/* server_type.c - pynto._core.Server: roots under a policy, served by every thread that is in run(). */
#include "call.h"

#include "../runtime/census.h"
#include "../runtime/metrics.h"
#include "../runtime/scrape.h"

#include "costs.h"
#include "endings.h"
#include "interrupt.h"
#include "isolate.h"
#include "key_type.h"
#include "large.h"
#include "layers.h"
#include "loop.h"
#include "memory.h"
#include "policy_type.h"
#include "quotas.h"
#include "recall.h"

struct server_object {
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

static struct server_object *of(PyObject *self)
{
    return (struct server_object *)self;
}

/* ---- the log ---- */

static PyObject *server_next_line(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_log_line line;
    uint64_t dropped = 0;
    bool is_there = false;

    Py_BEGIN_ALLOW_THREADS
    is_there = pyn_log_take(of(self)->log, &line, &dropped);
    Py_END_ALLOW_THREADS
    return is_there ? Py_BuildValue("KssK", (unsigned long long)line.connection, line.peer, line.text,
                                    (unsigned long long)dropped)
                    : Py_NewRef(Py_None);
}

static PyObject *server_close_log(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyn_log_close(of(self)->log);
    if (of(self)->trail != NULL) {
        pyn_trail_close(of(self)->trail);
    }
    Py_RETURN_NONE;
}

static PyObject *server_next_decisions(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_trail *trail = of(self)->trail;
    struct pyn_buf lines;
    struct pyn_view text;
    uint64_t dropped = 0;
    bool is_there = false;
    PyObject *result = NULL;

    if (trail == NULL) {
        Py_RETURN_NONE;
    }
    pyn_buf_init(&lines, pyn_mem_default(), SIZE_MAX);
    Py_BEGIN_ALLOW_THREADS
    is_there = pyn_trail_take(trail, &lines, &dropped);
    Py_END_ALLOW_THREADS
    text = pyn_buf_view(&lines);
    result = is_there ? Py_BuildValue("y#K", text.len != 0 ? (const char *)text.data : "", (Py_ssize_t)text.len,
                                      (unsigned long long)dropped)
                      : Py_NewRef(Py_None);
    pyn_buf_fini(&lines);
    return result;
}

/* ---- what the runtime asks of us ---- */

enum {
    CALLS_AT_ONCE = 64,
    TIME_AT_ONCE = 200000
}; /* of one link, with the interpreter's lock taken once; nanoseconds */

static void host_run(void *ctx, struct pyn_link *link, struct pyn_call *call)
{
    struct pyn_server *server = of(ctx)->server;
    PyGILState_STATE state = PyGILState_Ensure();
    uint64_t until = 0;

    for (int i = 1; call != NULL; i++) {
        Py_XDECREF(pyn_run_call(link, call, server));
        call = i < CALLS_AT_ONCE && (until == 0 || pyn_now() < until) ? pyn_server_go_on(server, link) : NULL;
        until = call != NULL && until == 0 ? pyn_now() + TIME_AT_ONCE : until;
    }
    PyGILState_Release(state);
}

/* If it is one. What is told may call other clients: this thread has the turn, and gives it away meanwhile, as a call does. */
static void tell_of_end(struct pyn_server *server, struct pyn_link *link)
{
    struct pyn_frame frame = {.link = link, .server = server};

    pyn_frame_push(&frame);
    pyn_endings_tell(link);
    pyn_frame_pop();
}

static void host_sweep(void *ctx, struct pyn_link *link)
{
    PyGILState_STATE state = PyGILState_Ensure();
    struct pyn_memory memory;
    struct pyn_watch watch;

    pyn_watch_enter(&watch, link, 0, 0);
    pyn_watch_answered(&watch); /* nobody waits for it */
    pyn_memory_enter(&memory, link);
    pyn_drop_dead(link);
    tell_of_end(of(ctx)->server, link);
    pyn_memory_leave(&memory);
    pyn_memory_settle(link);
    pyn_watch_leave(&watch);
    pyn_interrupt_forget();
    PyGILState_Release(state);
}

static bool host_spawn(void *ctx)
{
    struct pyn_allowance *own = pyn_memory_hide(); /* a thread of the server's is not the caller's */
    PyObject *done = PyObject_CallNoArgs(of(ctx)->spawn);

    pyn_memory_show(own);
    if (done == NULL) {
        PyErr_WriteUnraisable(of(ctx)->spawn);
        return false;
    }
    Py_DECREF(done);
    return true;
}

static void moved(struct pyn_loop *loop, struct pyn_link *link)
{
    (void)loop;
    if (link->server != NULL) {
        pyn_server_answered(link->server, link);
    }
}

/* ---- making ---- */

static int add_root(struct server_object *self, PyObject *name, PyObject *object)
{
    struct pyn_server_root *root = &self->roots[self->root_count];
    Py_ssize_t len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(name, &len);
    PyObject *wanted = NULL;
    int fits = 0;

    if (text == NULL) {
        return -1;
    }
    root->name = (struct pyn_view){(const uint8_t *)text, (size_t)len};
    root->object = object;
    for (uint32_t i = 0; root->iface == NULL && i < pyn_policy_root_count(self->party.book->policy); i++) {
        const struct pyn_root *known = pyn_policy_root(self->party.book->policy, i);
        if (pyn_view_is_equal(known->name, root->name)) {
            root->iface = known->iface;
        }
    }
    if (root->iface == NULL) {
        PyErr_Format(PyExc_ValueError, "the policy has no root %R", name);
        return -1;
    }
    fits = pyn_book_fits(self->party.book, root->iface, object);
    if (fits == 0) {
        wanted = pyn_str(root->iface->name);
        if (wanted != NULL) {
            PyErr_Format(PyExc_TypeError, "a %s is not what the policy's root %R is: %U", Py_TYPE(object)->tp_name,
                         name, wanted);
            Py_DECREF(wanted);
        }
    }
    self->root_count++;
    return fits == 1 ? 0 : -1;
}

static int add_roots(struct server_object *self, PyObject *roots)
{
    self->root_names = PySequence_Tuple(roots);
    self->roots = PyMem_Calloc((size_t)PyDict_GET_SIZE(roots) + 1, sizeof *self->roots);
    self->party.roots = PyTuple_New(PyDict_GET_SIZE(roots));
    if (self->root_names == NULL || self->roots == NULL || self->party.roots == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->root_names); i++) {
        PyObject *name = PyTuple_GET_ITEM(self->root_names, i);
        PyObject *object = PyDict_GetItemWithError(roots, name);
        if (object == NULL) {
            return -1;
        }
        PyTuple_SET_ITEM(self->party.roots, i, Py_NewRef(object));
        if (add_root(self, name, object) != 0) {
            return -1;
        }
    }
    return 0;
}

static bool asks_for_memory(PyObject *quotas)
{
    const struct pyn_quota_row *row = NULL;
    bool asks = false;

    for (size_t i = 0; !asks && (row = pyn_quotas_row(i)) != NULL; i++) {
        asks = row->unit == PYN_UNIT_BYTES_OR_NONE && PyMapping_HasKeyString(quotas, row->name) != 0;
    }
    return asks;
}

/* The error that is set is one of the limit's: it stands when somebody has asked for that, else it is told. */
static int give_up_limit(struct server_object *self, PyObject *asked)
{
    PyObject *error = NULL;

    if (asked != Py_None && PyErr_ExceptionMatches(PyExc_RuntimeError) && asks_for_memory(asked)) {
        return -1;
    }
    error = pyn_taken_exception();
    self->unlimited = error != NULL ? PyObject_Str(error) : NULL;
    Py_XDECREF(error);
    pyn_classes_unlimit_memory(self->classes);
    return self->unlimited != NULL ? 0 : -1;
}

static int limit_memory(struct server_object *self, PyObject *asked)
{
    if (self->parting != NULL || !pyn_classes_limit_memory(self->classes)) {
        return 0; /* no call runs here, or nobody wants it */
    }
    return pyn_memory_install() == 0 ? 0 : give_up_limit(self, asked);
}

static int start(struct server_object *self, PyObject *quotas, unsigned connections, unsigned per_source,
                 unsigned threads, bool ends_deserted, bool exits_stuck, double stuck_seconds)
{
    struct pyn_server_config config = {
        .large = pyn_large_place(true),
        .host = {.ctx = self, .run = host_run, .sweep = host_sweep, .spawn = host_spawn},
        .classes = self->classes,
        .roots = self->roots,
        .root_count = self->root_count,
        .costs = self->costs,
        .connection_max = connections,
        .source_max = per_source != 0 ? per_source : connections / 4 + 1,
        .is_near_limited = per_source != 0,
        .thread_max = threads,
        .suspended_max = threads / 4 + 1,
        .log = self->log,
        .trail = self->trail,
        .door = self->door != NULL ? pyn_door_of(self->door) : NULL,
        .ends_deserted = ends_deserted,
        .inbox = &self->loop.inbox,
        .exits_stuck = exits_stuck,
        .stuck_ns = (uint64_t)(stuck_seconds * 1e9),
        .parting = self->parting,
    };

    if (limit_memory(self, quotas) != 0) {
        return -1;
    }
    if (pyn_server_new(&config, &self->server) != PYN_OK) {
        PyErr_NoMemory();
        return -1;
    }
    pyn_notified_enter(&self->notified, (PyObject *)self, self->server);
    return 0;
}

/* What the policy names is imported. */
static int serve_here(struct server_object *self, PyObject *policy, PyObject *costs)
{
    self->party.book = pyn_policy_resolve(policy);
    return self->party.book != NULL ? pyn_costs_from(costs, self->party.book->policy, &self->costs) : -1;
}

/* Nothing of the program that is served gets into this process. */
static int give_away(struct server_object *self)
{
    self->parting = pyn_parting_new(NULL);
    if (self->parting == NULL) {
        PyErr_NoMemory();
    }
    return self->parting != NULL ? 0 : -1;
}

struct pyn_server *pyn_server_of(PyObject *self)
{
    return of(self)->server;
}

static PyObject *server_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"policy",        "roots",         "spawn",   "quotas",      "connections", "threads",
                            "ends_deserted", "audit",         "door",    "exits_stuck", "costs",       "per_source",
                            "parting",       "stuck_seconds", "classes", NULL};
    struct server_object *self = NULL;
    PyObject *policy = NULL;
    PyObject *roots = NULL;
    PyObject *spawn = NULL;
    PyObject *quotas = Py_None;
    unsigned connections = 1000;
    unsigned threads = 256;
    unsigned per_source = 0;
    int ends_deserted = 0;
    int is_audited = 0;
    PyObject *door = Py_None;
    int exits_stuck = 0;
    PyObject *costs = Py_None;
    int is_parting = 0;
    double stuck_seconds = 0;
    PyObject *classes = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O|OIIppOpOIpdO!:Server", names, pyn_core.policy, &policy,
                                     &PyDict_Type, &roots, &spawn, &quotas, &connections, &threads, &ends_deserted,
                                     &is_audited, &door, &exits_stuck, &costs, &per_source, &is_parting, &stuck_seconds,
                                     &PyDict_Type, &classes)) {
        return NULL;
    }
    if (connections < 1 || connections > 1000000 || threads < 3 || threads > 4096) {
        PyErr_SetString(PyExc_ValueError, "connections must be 1 to 1000000, threads 3 to 4096");
        return NULL;
    }
    if (!(stuck_seconds >= 0 && stuck_seconds <= 1e6)) {
        PyErr_SetString(PyExc_ValueError, "stuck_seconds is 0 to 1000000");
        return NULL;
    }
    if (door != Py_None && !pyn_door_is(door)) {
        PyErr_SetString(PyExc_TypeError, "door is of type Door");
        return NULL;
    }
    if (door != Py_None && pyn_door_is_closed(pyn_door_of(door))) {
        PyErr_SetString(PyExc_ValueError,
                        "its key was wiped when the server that it belonged to was closed: make a new State");
        return NULL;
    }
    self = of(type->tp_alloc(type, 0));
    if (self == NULL) {
        return NULL;
    }
    self->door = door != Py_None ? Py_NewRef(door) : NULL;
    self->log = pyn_log_new();
    self->trail = is_audited ? pyn_trail_new() : NULL;
    if (self->log == NULL || (is_audited && self->trail == NULL)) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    self->party.is_server = true;
    self->spawn = Py_NewRef(spawn);
    self->loop.moved = moved;
    self->classes = pyn_classes_from(quotas, classes);
    if (self->classes == NULL || (is_parting != 0 ? give_away(self) : serve_here(self, policy, costs)) != 0 ||
        pyn_loop_init(&self->loop, -1) != 0 || add_roots(self, roots) != 0 ||
        start(self, quotas, connections, per_source, threads, ends_deserted != 0, exits_stuck != 0, stuck_seconds) != 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static int server_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(of(self)->party.roots);
    Py_VISIT(of(self)->spawn);
    return pyn_loop_traverse(&of(self)->loop, visit, arg);
}

static int server_clear(PyObject *self)
{
    Py_CLEAR(of(self)->spawn);
    return 0;
}

static void server_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct server_object *server = of(self);

    PyObject_GC_UnTrack(self);
    pyn_notified_leave(&server->notified);
    pyn_scrape_free(server->scrape);
    pyn_server_free(server->server); /* every thread in run() holds self: there is none */
    pyn_trail_free(server->trail);
    pyn_classes_unref(server->classes);
    pyn_book_free(server->party.book);
    while (server->layerings != NULL) {
        struct pyn_layering *layering = server->layerings;
        server->layerings = layering->next;
        pyn_layering_free(layering);
    }
    (void)server_clear(self);
    pyn_loop_fini(&server->loop);
    Py_CLEAR(server->door);
    Py_CLEAR(server->unlimited);
    Py_CLEAR(server->party.roots);
    Py_CLEAR(server->root_names);
    PyMem_Free(server->roots);
    PyMem_Free(server->costs);
    pyn_parting_free(server->parting);
    pyn_log_free(server->log);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- using ---- */

/* Listens there; what it is then called. */
static PyObject *listen_at(struct server_object *self, const struct pyn_address *address, bool is_open,
                           struct pyn_layering *layering)
{
    struct pyn_listener listener;
    struct pyn_fault fault = {{0}};
    char spelled[PYN_ADDRESS_MAX];

    if (!pyn_listen(address, is_open, &listener, &fault)) {
        PyErr_SetString(PyExc_OSError, fault.text);
        return NULL;
    }
    if (!pyn_server_listen(self->server, &listener, &layering->sources)) {
        pyn_listener_close(&listener);
        PyErr_SetString(PyExc_OSError, "too many listeners, or one that cannot be watched");
        return NULL;
    }
    if (pyn_address_is_sealed(&listener.address)) { /* as a client has to write it, but for what it may hold */
        listener.address.has_key = true;
        memcpy(listener.address.key, pyn_door_public(pyn_door_of(self->door)), PYN_NOISE_KEY_LEN);
    }
    pyn_address_text(&listener.address, spelled, sizeof spelled);
    return PyUnicode_FromString(spelled);
}

static PyObject *server_listen(PyObject *self, PyObject *args)
{
    const char *text = NULL;
    Py_ssize_t len = 0;
    int is_open = 0;
    PyObject *empty = PyTuple_New(0);
    PyObject *hosts = empty;
    PyObject *origins = empty;
    struct pyn_address address;
    struct pyn_fault fault = {{0}};
    struct pyn_layering *layering = NULL;
    PyObject *spelled = NULL;

    if (empty == NULL || !PyArg_ParseTuple(args, "s#|pOO:listen", &text, &len, &is_open, &hosts, &origins)) {
        goto out;
    }
    if (!pyn_address_parse((struct pyn_view){(const uint8_t *)text, (size_t)len}, &address, &fault)) {
        PyErr_SetString(PyExc_ValueError, fault.text);
        goto out;
    }
    if (address.scheme == PYN_SCHEME_TCP && is_open == 0 && of(self)->door != NULL && !pyn_address_is_local(&address)) {
        address.scheme = PYN_SCHEME_PYNTO; /* beyond this machine what has a key is encrypted */
    }
    layering = pyn_layering_server(&address, pyn_classes_message_max(of(self)->classes), hosts, origins, of(self)->door);
    if (layering != NULL) {
        spelled = listen_at(of(self), &address, is_open != 0, layering);
    }
    if (spelled == NULL) {
        pyn_layering_free(layering);
    } else {
        layering->next = of(self)->layerings;
        of(self)->layerings = layering;
    }
out:
    Py_XDECREF(empty);
    return spelled;
}

static PyObject *server_show_metrics(PyObject *self, PyObject *args)
{
    const char *text = NULL;
    Py_ssize_t len = 0;
    int is_open = 0;
    struct pyn_address address;
    struct pyn_listener listener;
    struct pyn_fault fault = {{0}};
    char spelled[PYN_ADDRESS_MAX];

    if (!PyArg_ParseTuple(args, "s#|p:show_metrics", &text, &len, &is_open)) {
        return NULL;
    }
    if (!pyn_address_parse((struct pyn_view){(const uint8_t *)text, (size_t)len}, &address, &fault)) {
        PyErr_SetString(PyExc_ValueError, fault.text);
        return NULL;
    }
    if ((address.scheme != PYN_SCHEME_TCP && address.scheme != PYN_SCHEME_UNIX) || of(self)->scrape != NULL) {
        PyErr_SetString(PyExc_ValueError, "metrics are shown at one address: tcp://host:port or unix:///path");
        return NULL;
    }
    if (!pyn_listen(&address, is_open != 0, &listener, &fault)) {
        PyErr_SetString(PyExc_OSError, fault.text);
        return NULL;
    }
    pyn_address_text(&listener.address, spelled, sizeof spelled);
    if (pyn_scrape_new(of(self)->server, &listener, &of(self)->scrape) != PYN_OK) {
        return PyErr_NoMemory();
    }
    return PyUnicode_FromString(spelled);
}

static PyObject *server_hide_metrics(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_scrape *scrape = of(self)->scrape;

    of(self)->scrape = NULL;
    Py_BEGIN_ALLOW_THREADS
    pyn_scrape_free(scrape);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *server_metrics(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_buf page;
    struct pyn_view text;
    pyn_status st = PYN_EINTERNAL;
    PyObject *result = NULL;

    pyn_buf_init(&page, pyn_mem_default(), PYN_SCRAPE_PAGE_MAX);
    Py_BEGIN_ALLOW_THREADS
    st = pyn_metrics_write(of(self)->server, &page);
    Py_END_ALLOW_THREADS
    text = pyn_buf_view(&page);
    result = st == PYN_OK ? PyUnicode_FromStringAndSize((const char *)text.data, (Py_ssize_t)text.len) : PyErr_NoMemory();
    pyn_buf_fini(&page);
    return result;
}

static PyObject *server_connections(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return pyn_census_list(of(self)->server);
}

static PyObject *server_disconnect(PyObject *self, PyObject *args)
{
    unsigned long long number = 0;
    bool is_ended = false;

    if (!PyArg_ParseTuple(args, "K:disconnect", &number)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    is_ended = pyn_census_end(of(self)->server, number);
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(is_ended);
}

static PyObject *server_adopt(PyObject *self, PyObject *args)
{
    int in = -1;
    int out = -1;
    int is_stdio = 0;
    const char *peer = NULL;
    const struct pyn_layer_sources layers = {.count = 0};

    if (!PyArg_ParseTuple(args, "iis|p:adopt", &in, &out, &peer, &is_stdio)) {
        return NULL;
    }
    if (!pyn_server_adopt(of(self)->server, in, out, peer, is_stdio ? "stdio" : "adopted", &layers)) {
        PyErr_SetString(PyExc_OSError, "the descriptors cannot be served: too many connections, or not a stream");
        return NULL;
    }
    Py_RETURN_NONE;
}

/* 0, or -1 with what a signal's handler has raised. */
static int run(struct server_object *self, bool is_main, bool is_spare)
{
    pyn_status st = PYN_EWAIT;

    while (st == PYN_EWAIT) {
        Py_BEGIN_ALLOW_THREADS
        st = pyn_server_run(self->server, is_main, is_spare);
        Py_END_ALLOW_THREADS
        if (st == PYN_EWAIT && PyErr_CheckSignals() != 0) {
            return -1;
        }
    }
    return 0;
}

/* It runs all calls by itself: here they can be interrupted whatever they do. */
static int run_in_main(struct server_object *self, bool is_spare)
{
    PyObject *before = NULL;
    int result = pyn_interrupt_begin(&before);

    if (result == 0) {
        pyn_server_enter_main(self->server); /* ahead of the other threads, which are not to begin what they could not end */
        result = is_spare || host_spawn(self) ? run(self, true, is_spare) : -1;
        pyn_server_leave_main(self->server);
    }
    pyn_interrupt_end(before);
    return result;
}

static PyObject *server_run(PyObject *self, PyObject *args)
{
    const bool is_main = PyThread_get_thread_ident() == pyn_core.main_thread;
    int is_spare = 0;
    int result = -1;

    if (!PyArg_ParseTuple(args, "|p:run", &is_spare) || pyn_interrupt_others() != 0) {
        return NULL;
    }
    if (is_main) {
        result = run_in_main(of(self), is_spare != 0);
    } else if (is_spare || host_spawn(of(self))) {
        result = run(of(self), false, is_spare != 0);
    }
    if (result != 0 && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_RuntimeError, "no thread can be started");
    }
    return result == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *server_revoke(PyObject *self, PyObject *args)
{
    uint8_t id[PYN_GRANT_ID_LEN];

    if (!PyArg_ParseTuple(args, "O&:revoke", pyn_grant_id_converter, id)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    pyn_server_revoke(of(self)->server, id);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *server_decide(PyObject *self, PyObject *args)
{
    unsigned long long token = 0;
    int is_in = 0;

    if (!PyArg_ParseTuple(args, "Kp:decide", &token, &is_in)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    pyn_server_decide(of(self)->server, token, is_in != 0);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *server_stop(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyn_server_stop(of(self)->server);
    Py_RETURN_NONE;
}

static PyObject *server_unlisten(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyn_server_unlisten(of(self)->server);
    Py_RETURN_NONE;
}

static PyObject *server_stats(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_server_stats stats;

    pyn_server_stats(of(self)->server, &stats);
    return Py_BuildValue("{s:I,s:I,s:I,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K}", "connections", stats.links, "threads",
                         stats.threads, "suspended", stats.suspended, "accepted", (unsigned long long)stats.accepted,
                         "turned_away", (unsigned long long)stats.turned_away, "failed",
                         (unsigned long long)stats.failed, "multiplications", (unsigned long long)stats.multiplications,
                         "crowded", (unsigned long long)stats.crowded, "full", (unsigned long long)stats.full,
                         "unlogged", (unsigned long long)stats.unlogged, "calls", (unsigned long long)stats.calls);
}

static bool is_async(const struct pyn_iface *iface)
{
    for (uint32_t i = 0; i < iface->op_count; i++) {
        if (iface->ops[i].kind == PYN_OP_METHOD && iface->ops[i].signatures[0].is_async) {
            return true;
        }
    }
    return false;
}

static PyObject *server_has_coroutines(PyObject *self, void *Py_UNUSED(closure))
{
    const struct pyn_policy *policy = of(self)->party.book != NULL ? of(self)->party.book->policy : NULL;

    for (uint32_t i = 0; policy != NULL && i < pyn_policy_iface_count(policy); i++) {
        if (is_async(pyn_policy_iface(policy, i))) {
            Py_RETURN_TRUE;
        }
    }
    Py_RETURN_FALSE;
}

static PyObject *server_attach(PyObject *self, PyObject *loop)
{
    Py_XSETREF(of(self)->loop.loop, loop != Py_None ? Py_NewRef(loop) : NULL);
    return PyLong_FromLong(of(self)->loop.inbox.wake);
}

static PyObject *server_on_wake(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return pyn_loop_drain(&of(self)->loop) == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *server_tasks(PyObject *self, void *Py_UNUSED(closure))
{
    return PySet_New(of(self)->loop.tasks);
}

static PyObject *server_unlimited(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(of(self)->unlimited != NULL ? of(self)->unlimited : Py_None);
}

static PyGetSetDef server_getset[] = {
    {"unlimited_memory", server_unlimited, NULL,
     "str: why the Python memory of connections is not limited, as it should be; or None.", NULL},
    {"has_coroutines", server_has_coroutines, NULL, "bool: an event loop is needed, for what is declared async.", NULL},
    {"leaving_fd", pyn_server_leaving_fd, NULL, "int: readable when next_leaver() has one.", NULL},
    {"tasks", server_tasks, NULL, "set: what the event loop runs.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef server_methods[] = {
    {"attach", server_attach, METH_O,
     "attach(loop)\n--\n\nWhat is declared async runs on this loop (None: on none any more), which has to call "
     "on_wake() when the descriptor that this returns is readable."},
    {"on_wake", server_on_wake, METH_NOARGS, "on_wake()\n--\n\nStarts, cancels and answers what waits for the loop."},
    {"listen", server_listen, METH_VARARGS,
     "listen(address, open=False, hosts=(), origins=())\n--\n\nThe address that was bound. open: plain TCP beyond "
     "loopback is "
     "wanted. hosts, origins: who may call a WebSocket, by which names."},
    {"adopt", server_adopt, METH_VARARGS,
     "adopt(in_fd, out_fd, peer, stdio=False)\n--\n\nServes a connection that is open already, and owns it. stdio: it "
     "leads to who has started "
     "this process."},
    {"run", server_run,
     METH_VARARGS, "run(spare=False)\n--\n\nServes until stop(), with one more thread; a spare one alone, and until it is not needed."},
    {"revoke", server_revoke, METH_VARARGS,
     "revoke(id)\n--\n\nTakes a grant back: whoever is connected by it is gone when this returns."},
    {"decide", server_decide, METH_VARARGS,
     "decide(token, is_in)\n--\n\nThe answer to next_use() of the door: it is counted, and may come in; or not."},
    {"next_leaver", pyn_server_next_leaver, METH_NOARGS,
     "next_leaver()\n--\n\n(token, serial, who, quota_class, peer, grant) of the oldest connection that waits to be "
     "given away, or None."},
    {"part", pyn_server_part_to, METH_VARARGS,
     "part(token, control)\n--\n\nGives it to the process there: 'parted', 'not', 'gone', 'later' or 'barred'."},
    {"part_ended", pyn_server_part_ended, METH_VARARGS,
     "part_ended(token, is_bad, reason)\n--\n\nIt is over; is_bad: its process has ended badly."},
    {"attend", pyn_server_attend_to, METH_VARARGS,
     "attend(control)\n--\n\nServes what is given away at the other end of this socket."},
    {"stop", server_stop, METH_NOARGS, "stop()\n--\n\nEnds every connection; each run() returns."},
    {"show_metrics", server_show_metrics, METH_VARARGS,
     "show_metrics(address, open=False)\n--\n\nServes them to Prometheus there, in a thread that needs no interpreter; "
     "the address that was "
     "bound. open: beyond loopback is wanted."},
    {"hide_metrics", server_hide_metrics, METH_NOARGS, "hide_metrics()\n--\n\nEnds that."},
    {"metrics", server_metrics, METH_NOARGS, "metrics()\n--\n\nstr: as Prometheus would get it."},
    {"connections", server_connections, METH_NOARGS,
     "connections()\n--\n\nlist[dict]: everybody who is connected, and what each of them holds."},
    {"disconnect", server_disconnect, METH_VARARGS,
     "disconnect(number)\n--\n\nbool: ended, or there is none of that number."},
    {"unlisten", server_unlisten, METH_NOARGS,
     "unlisten()\n--\n\nCloses the listeners, after stop(), when no run() is left."},
    {"stats", server_stats, METH_NOARGS, "stats()\n--\n\ndict[str, int]"},
    {"next_line", server_next_line, METH_NOARGS,
     "next_line()\n--\n\n(line, dropped) for the log, or None when it is closed. Waits."},
    {"next_decisions", server_next_decisions, METH_NOARGS,
     "next_decisions()\n--\n\n(lines, dropped) for the audit log, or None when it is closed. Waits."},
    {"close_log", server_close_log, METH_NOARGS, "close_log()\n--\n\nEnds next_line() and next_decisions()."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot server_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "Server(policy, roots, spawn, quotas=None, connections=1000, threads=256, "
                                    "ends_deserted=False, audit=False, door=None, exits_stuck=False, costs=None, "
                                    "per_source=0, classes={})\n--\n\nServes roots under a policy."},
    {Py_tp_new, server_new},
    {Py_tp_traverse, server_traverse},
    {Py_tp_clear, server_clear},
    {Py_tp_dealloc, server_dealloc},
    {Py_tp_methods, server_methods},
    {Py_tp_getset, server_getset},
    {0, NULL},
};

static PyType_Spec server_spec = {
    .name = "pynto._core.Server",
    .basicsize = sizeof(struct server_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = server_slots,
};

int pyn_server_type_init(PyObject *module)
{
    pyn_core.server = (PyTypeObject *)PyType_FromModuleAndSpec(module, &server_spec, NULL);
    return pyn_core.server != NULL ? PyModule_AddType(module, pyn_core.server) : -1;
}
