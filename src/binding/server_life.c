/* server_life.c - a pynto._core.Server is made, serves, and ends; see server_object.h. */
#include "server_object.h"

#include "costs.h"
#include "interrupt.h"
#include "isolate.h"
#include "key_type.h"
#include "large.h"
#include "memory.h"
#include "policy_type.h"

/* ---- what the runtime asks of us ---- */

enum { CALLS_AT_ONCE = 64 }; /* of one link, with the interpreter's lock taken once */

static void host_run(void *ctx, struct pyn_link *link, struct pyn_call *call)
{
    struct pyn_server *server = pyn_server_object_of(ctx)->server;
    PyGILState_STATE state = PyGILState_Ensure();

    for (int i = 1; call != NULL; i++) {
        Py_XDECREF(pyn_run_call(link, call, server));
        call = i < CALLS_AT_ONCE ? pyn_server_go_on(server, link) : NULL;
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
    tell_of_end(pyn_server_object_of(ctx)->server, link);
    pyn_memory_leave(&memory);
    pyn_memory_settle(link);
    pyn_watch_leave(&watch);
    pyn_interrupt_forget();
    PyGILState_Release(state);
}

bool pyn_server_object_spawn(void *ctx)
{
    struct pyn_allowance *own = pyn_memory_hide(); /* a thread of the server's is not the caller's */
    PyObject *done = PyObject_CallNoArgs(pyn_server_object_of(ctx)->spawn);

    pyn_memory_show(own);
    if (done == NULL) {
        PyErr_WriteUnraisable(pyn_server_object_of(ctx)->spawn);
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

static bool is_async(const struct pyn_op *op)
{
    bool is = false;

    for (uint32_t i = 0; op->kind == PYN_OP_METHOD && i < op->signature_count; i++) {
        is = is || op->signatures[i].is_async;
    }
    return is;
}

bool pyn_server_object_has_coroutines(const struct pyn_server_object *self)
{
    const struct pyn_policy *policy = self->party.book != NULL ? self->party.book->policy : NULL;
    bool has = false;

    for (uint32_t i = 0; policy != NULL && i < pyn_policy_iface_count(policy); i++) {
        const struct pyn_iface *iface = pyn_policy_iface(policy, i);
        for (uint32_t k = 0; k < iface->op_count; k++) {
            has = has || is_async(&iface->ops[k]);
        }
    }
    return has;
}

/* ---- making ---- */

static int add_root(struct pyn_server_object *self, PyObject *name, PyObject *object)
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

static int add_roots(struct pyn_server_object *self, PyObject *roots)
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
static int give_up_limit(struct pyn_server_object *self, PyObject *asked)
{
    PyObject *error = pyn_taken_exception(); /* first: to look for a key forgets what is set */

    if (error != NULL && asked != Py_None && PyErr_GivenExceptionMatches(error, PyExc_RuntimeError) &&
        asks_for_memory(asked)) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
        return -1;
    }
    self->unlimited = error != NULL ? PyObject_Str(error) : NULL;
    Py_XDECREF(error);
    pyn_classes_unlimit_memory(self->classes);
    return self->unlimited != NULL ? 0 : -1;
}

static int limit_memory(struct pyn_server_object *self, PyObject *asked)
{
    if (self->parting != NULL || !pyn_classes_limit_memory(self->classes)) {
        return 0; /* no call runs here, or nobody wants it */
    }
    return pyn_memory_install() == 0 ? 0 : give_up_limit(self, asked);
}

static int start(struct pyn_server_object *self, PyObject *quotas, unsigned connections, unsigned per_source,
                 unsigned threads, bool ends_deserted, bool exits_stuck, double stuck_seconds)
{
    struct pyn_server_config config = {
        .host = {.ctx = self, .run = host_run, .sweep = host_sweep, .spawn = pyn_server_object_spawn},
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
        .inbox = pyn_server_object_has_coroutines(self) ? &self->loop.inbox : NULL,
        .exits_stuck = exits_stuck,
        .stuck_ns = (uint64_t)(stuck_seconds * 1e9),
        .parting = self->parting,
    };

    if (limit_memory(self, quotas) != 0) {
        return -1;
    }
    config.large = pyn_large_place(true);
    if (pyn_server_new(&config, &self->server) != PYN_OK) {
        PyErr_NoMemory();
        return -1;
    }
    pyn_notified_enter(&self->notified, (PyObject *)self, self->server);
    return 0;
}

/* What the policy names is imported. */
static int serve_here(struct pyn_server_object *self, PyObject *policy, PyObject *costs)
{
    self->party.book = pyn_policy_resolve(policy);
    return self->party.book != NULL ? pyn_costs_from(costs, self->party.book->policy, &self->costs) : -1;
}

/* Nothing of the program that is served gets into this process. */
static int give_away(struct pyn_server_object *self)
{
    self->parting = pyn_parting_new(NULL);
    if (self->parting == NULL) {
        PyErr_NoMemory();
    }
    return self->parting != NULL ? 0 : -1;
}

struct pyn_server *pyn_server_of(PyObject *self)
{
    return pyn_server_object_of(self)->server;
}

PyObject *pyn_server_object_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"policy",        "roots",         "spawn",   "quotas",      "connections", "threads",
                            "ends_deserted", "audit",         "door",    "exits_stuck", "costs",       "per_source",
                            "parting",       "stuck_seconds", "classes", NULL};
    struct pyn_server_object *self = NULL;
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
    self = pyn_server_object_of(type->tp_alloc(type, 0));
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

int pyn_server_object_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(pyn_server_object_of(self)->party.roots);
    Py_VISIT(pyn_server_object_of(self)->spawn);
    return pyn_loop_traverse(&pyn_server_object_of(self)->loop, visit, arg);
}

int pyn_server_object_clear(PyObject *self)
{
    Py_CLEAR(pyn_server_object_of(self)->spawn);
    return 0;
}

void pyn_server_object_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct pyn_server_object *server = pyn_server_object_of(self);

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
    (void)pyn_server_object_clear(self);
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
