/* server_type.c - pynto._core.Server: roots under a policy, served by every thread that is in run(). */
#include "server_object.h"

#include "../runtime/census.h"
#include "../runtime/metrics.h"

#include "interrupt.h"
#include "isolate.h"
#include "key_type.h"
#include "memory.h"

/* ---- the log ---- */

static PyObject *server_next_line(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_log_line line;
    uint64_t dropped = 0;
    bool is_there = false;

    Py_BEGIN_ALLOW_THREADS
    is_there = pyn_log_take(pyn_server_object_of(self)->log, &line, &dropped);
    Py_END_ALLOW_THREADS
    return is_there ? Py_BuildValue("KssK", (unsigned long long)line.connection, line.peer, line.text,
                                    (unsigned long long)dropped)
                    : Py_NewRef(Py_None);
}

static PyObject *server_close_log(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyn_log_close(pyn_server_object_of(self)->log);
    if (pyn_server_object_of(self)->trail != NULL) {
        pyn_trail_close(pyn_server_object_of(self)->trail);
    }
    Py_RETURN_NONE;
}

static PyObject *server_next_decisions(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_trail *trail = pyn_server_object_of(self)->trail;
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

/* ---- using ---- */

/* Listens there; what it is then called. */
static PyObject *listen_at(struct pyn_server_object *self, const struct pyn_address *address, bool is_open,
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
    if (address.scheme == PYN_SCHEME_TCP && is_open == 0 && pyn_server_object_of(self)->door != NULL &&
        !pyn_address_is_local(&address)) {
        address.scheme = PYN_SCHEME_PYNTO; /* beyond this machine what has a key is encrypted */
    }
    layering = pyn_layering_server(&address, pyn_classes_message_max(pyn_server_object_of(self)->classes), hosts,
                                   origins, pyn_server_object_of(self)->door);
    if (layering != NULL) {
        spelled = listen_at(pyn_server_object_of(self), &address, is_open != 0, layering);
    }
    if (spelled == NULL) {
        pyn_layering_free(layering);
    } else {
        layering->next = pyn_server_object_of(self)->layerings;
        pyn_server_object_of(self)->layerings = layering;
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
    if ((address.scheme != PYN_SCHEME_TCP && address.scheme != PYN_SCHEME_UNIX) ||
        pyn_server_object_of(self)->scrape != NULL) {
        PyErr_SetString(PyExc_ValueError, "metrics are shown at one address: tcp://host:port or unix:///path");
        return NULL;
    }
    if (!pyn_listen(&address, is_open != 0, &listener, &fault)) {
        PyErr_SetString(PyExc_OSError, fault.text);
        return NULL;
    }
    pyn_address_text(&listener.address, spelled, sizeof spelled);
    if (pyn_scrape_new(pyn_server_object_of(self)->server, &listener, &pyn_server_object_of(self)->scrape) != PYN_OK) {
        return PyErr_NoMemory();
    }
    return PyUnicode_FromString(spelled);
}

static PyObject *server_hide_metrics(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_scrape *scrape = pyn_server_object_of(self)->scrape;

    pyn_server_object_of(self)->scrape = NULL;
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
    st = pyn_metrics_write(pyn_server_object_of(self)->server, &page);
    Py_END_ALLOW_THREADS
    text = pyn_buf_view(&page);
    result = st == PYN_OK ? PyUnicode_FromStringAndSize((const char *)text.data, (Py_ssize_t)text.len) : PyErr_NoMemory();
    pyn_buf_fini(&page);
    return result;
}

static PyObject *server_connections(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return pyn_census_list(pyn_server_object_of(self)->server);
}

static PyObject *server_disconnect(PyObject *self, PyObject *args)
{
    unsigned long long number = 0;
    bool is_ended = false;

    if (!PyArg_ParseTuple(args, "K:disconnect", &number)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    is_ended = pyn_census_end(pyn_server_object_of(self)->server, number);
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
    if (!pyn_server_adopt(pyn_server_object_of(self)->server, in, out, peer, is_stdio ? "stdio" : "adopted", &layers)) {
        PyErr_SetString(PyExc_OSError, "the descriptors cannot be served: too many connections, or not a stream");
        return NULL;
    }
    Py_RETURN_NONE;
}

/* 0, or -1 with what a signal's handler has raised. */
static int run(struct pyn_server_object *self, bool is_main, bool is_spare)
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
static int run_in_main(struct pyn_server_object *self, bool is_spare)
{
    PyObject *before = NULL;
    int result = pyn_interrupt_begin(&before);

    if (result == 0) {
        pyn_server_enter_main(self->server); /* ahead of the other threads, which are not to begin what they could not end */
        result = is_spare || pyn_server_object_spawn(self) ? run(self, true, is_spare) : -1;
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
        result = run_in_main(pyn_server_object_of(self), is_spare != 0);
    } else if (is_spare || pyn_server_object_spawn(pyn_server_object_of(self))) {
        result = run(pyn_server_object_of(self), false, is_spare != 0);
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
    pyn_server_revoke(pyn_server_object_of(self)->server, id);
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
    pyn_server_decide(pyn_server_object_of(self)->server, token, is_in != 0);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *server_stop(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyn_server_stop(pyn_server_object_of(self)->server);
    Py_RETURN_NONE;
}

static PyObject *server_unlisten(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyn_server_unlisten(pyn_server_object_of(self)->server);
    Py_RETURN_NONE;
}

static PyObject *server_stats(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_server_stats stats;

    pyn_server_stats(pyn_server_object_of(self)->server, &stats);
    return Py_BuildValue("{s:I,s:I,s:I,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K}", "connections", stats.links, "threads",
                         stats.threads, "suspended", stats.suspended, "accepted", (unsigned long long)stats.accepted,
                         "turned_away", (unsigned long long)stats.turned_away, "failed",
                         (unsigned long long)stats.failed, "multiplications", (unsigned long long)stats.multiplications,
                         "crowded", (unsigned long long)stats.crowded, "full", (unsigned long long)stats.full,
                         "unlogged", (unsigned long long)stats.unlogged, "calls", (unsigned long long)stats.calls);
}

static PyObject *server_has_coroutines(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(pyn_server_object_has_coroutines(pyn_server_object_of(self)));
}

static PyObject *server_attach(PyObject *self, PyObject *loop)
{
    if (loop != Py_None) {
        pyn_server_join_loop(pyn_server_object_of(self)->server, &pyn_server_object_of(self)->loop.inbox);
    }
    Py_XSETREF(pyn_server_object_of(self)->loop.loop, loop != Py_None ? Py_NewRef(loop) : NULL);
    return PyLong_FromLong(pyn_server_object_of(self)->loop.inbox.wake);
}

static PyObject *server_on_wake(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return pyn_loop_drain(&pyn_server_object_of(self)->loop) == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *server_tasks(PyObject *self, void *Py_UNUSED(closure))
{
    return PySet_New(pyn_server_object_of(self)->loop.tasks);
}

static PyObject *server_unlimited(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(pyn_server_object_of(self)->unlimited != NULL ? pyn_server_object_of(self)->unlimited : Py_None);
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
    {Py_tp_new, pyn_server_object_new},
    {Py_tp_traverse, pyn_server_object_traverse},
    {Py_tp_clear, pyn_server_object_clear},
    {Py_tp_dealloc, pyn_server_object_dealloc},
    {Py_tp_methods, server_methods},
    {Py_tp_getset, server_getset},
    {0, NULL},
};

static PyType_Spec server_spec = {
    .name = "pynto._core.Server",
    .basicsize = sizeof(struct pyn_server_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = server_slots,
};

int pyn_server_type_init(PyObject *module)
{
    pyn_core.server = (PyTypeObject *)PyType_FromModuleAndSpec(module, &server_spec, NULL);
    return pyn_core.server != NULL ? PyModule_AddType(module, pyn_core.server) : -1;
}
