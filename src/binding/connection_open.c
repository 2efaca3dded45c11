/* connection_open.c - how a client's end begins; see connection.h. */
#include "connection.h"

#include <sodium.h>

#include "../runtime/clock.h"
#include "../transport/transport.h"
#include "again.h"
#include "ahead.h"
#include "deadline.h"
#include "large.h"
#include "layers.h"
#include "quotas.h"

static const uint64_t MILLISECOND = 1000000;
static const double LONGEST = 1e9; /* seconds */

struct opening {
    struct pyn_ends ends;
    const char *peer;
    const struct pyn_address *address; /* that was dialled; NULL: none */
    struct pyn_view spelled;           /* as it was given */
    struct pyn_view root_name;
    uint64_t deadline; /* for the handshakes of the layers; 0: as long as it takes */
    int read_ahead;
    int background;
    PyObject *types; /* borrowed, as all that follow */
    PyObject *quotas;
    PyObject *key;
    PyObject *psk;
};

/* ---- from a stream to the root ---- */

/* The handshakes of the layers under the session; 0, or -1 with what a signal's handler has raised. */
static int open_layers(struct pyn_link *link, uint64_t deadline)
{
    pyn_status st = PYN_OK;

    if (link->stack == NULL) {
        return 0;
    }
    do {
        Py_BEGIN_ALLOW_THREADS
        st = pyn_link_open(link, deadline);
        Py_END_ALLOW_THREADS
    } while (st == PYN_EWAIT && PyErr_CheckSignals() == 0);
    return st == PYN_EWAIT ? -1 : 0;
}

static PyObject *fetch_root(struct pyn_connection *connection, uint64_t deadline)
{
    struct pyn_waiter waiter;
    struct pyn_link *link = connection->link;
    const uint64_t until = pyn_deadline_get();

    if (open_layers(link, until != 0 && (deadline == 0 || until < deadline) ? until : deadline) != 0) {
        return NULL;
    }
    if (until != 0 && pyn_now() >= until) {
        return pyn_raise_deadline_text("waiting", "deadline: the connection was not there in time");
    }
    Py_BEGIN_ALLOW_THREADS
    pyn_link_await_root(link, &waiter, until);
    Py_END_ALLOW_THREADS
    return pyn_wait_for_value(link, &waiter, NULL, NULL, NULL);
}

static int open_link(struct pyn_connection *connection, const struct opening *opening)
{
    struct pyn_quotas changed;
    const struct pyn_quotas *limits = pyn_quotas_of_client(opening->quotas, &changed);

    if (limits == NULL) {
        return -1;
    }
    connection->link = pyn_link_client(limits, limits != &changed, pyn_large_place(false), opening->root_name,
                                       &opening->ends, opening->peer);
    if (connection->link == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    connection->link->host = connection;
    connection->link->is_served = opening->background == 0;
    connection->link->read_ahead = (uint32_t)opening->read_ahead;
    if (opening->address == NULL) {
        return 0;
    }
    if (opening->address->scheme != PYN_SCHEME_FD) { /* whose number says nothing of who is there */
        connection->party.scope = pyn_scope_of(opening->spelled);
    }
    return pyn_layers_add(connection->link, opening->address, opening->key, opening->psk);
}

/* Takes over the descriptors, also when it fails. */
static PyObject *make(PyTypeObject *type, const struct opening *opening)
{
    struct pyn_connection *self = NULL;

    if (opening->read_ahead < 0 || opening->read_ahead > PYN_AHEAD_MAX) {
        PyErr_Format(PyExc_ValueError, "read_ahead is 0 to %d", PYN_AHEAD_MAX);
    } else {
        self = pyn_connection_of(type->tp_alloc(type, 0));
    }
    if (self != NULL) {
        self->party.types = opening->types != Py_None ? Py_NewRef(opening->types) : NULL;
        if (open_link(self, opening) == 0) {
            self->root = fetch_root(self, opening->deadline);
            if (self->root != NULL) {
                return (PyObject *)self;
            }
            pyn_mark_final(self->link);
        }
    }
    if (self == NULL || self->link == NULL) {
        pyn_close_both(opening->ends.in, opening->ends.out);
    }
    Py_XDECREF((PyObject *)self);
    return NULL;
}

/* ---- over descriptors that are there ---- */

static int parse_address(struct pyn_view spelled, struct pyn_address *address)
{
    struct pyn_fault fault = {{0}};

    if (!pyn_address_parse(spelled, address, &fault)) {
        PyErr_SetString(PyExc_ValueError, fault.text);
        return -1;
    }
    return 0;
}

PyObject *pyn_connection_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"in_fd", "out_fd", "peer", "root", "types", "quotas", "read_ahead", NULL};
    struct opening opening = {
        .ends = {-1, -1, false}, .types = Py_None, .quotas = Py_None, .read_ahead = PYN_AHEAD_MAX, .background = 1};
    const char *root = NULL;
    Py_ssize_t root_len = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iis|s#OOi:Connection", names, &opening.ends.in, &opening.ends.out,
                                     &opening.peer, &root, &root_len, &opening.types, &opening.quotas,
                                     &opening.read_ahead)) {
        pyn_close_both(opening.ends.in, opening.ends.out); /* they were given away: nobody else closes them */
        return NULL;
    }
    if (opening.ends.in < 0 || opening.ends.out < 0) {
        PyErr_SetString(PyExc_ValueError, "a descriptor is not negative");
        pyn_close_both(opening.ends.in, opening.ends.out);
        return NULL;
    }
    opening.root_name = (struct pyn_view){(const uint8_t *)root, (size_t)root_len};
    return make(type, &opening);
}

/* ---- dialling ---- */

/* When a connection has to be there: by the timeout, by the deadline of the context. 0: no matter when. */
struct limits {
    uint64_t timeout;
    uint64_t deadline;
};

static uint64_t earlier(const struct limits *limits)
{
    return limits->deadline != 0 && (limits->timeout == 0 || limits->deadline < limits->timeout) ? limits->deadline
                                                                                                 : limits->timeout;
}

static int dial(const struct pyn_address *address, bool is_open_allowed, const struct limits *limits)
{
    struct pyn_fault fault = {{0}};
    const uint64_t now = pyn_now();
    const uint64_t until = earlier(limits);
    int fd = -1;

    if (limits->deadline != 0 && now >= limits->deadline) {
        (void)pyn_raise_deadline_text("waiting", "deadline: over before the connection was there");
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS
    fd = pyn_dial(address, is_open_allowed, until == 0 ? 0 : until > now ? until - now : 1, &fault);
    Py_END_ALLOW_THREADS
    if (fd < 0 && limits->deadline != 0 && pyn_now() >= limits->deadline) {
        (void)pyn_raise_deadline_text("waiting", "deadline: the connection was not there in time");
    } else if (fd < 0) {
        PyErr_SetString(pyn_core.disconnected, fault.text);
    }
    return fd;
}

/* The descriptor of a socket is ours from here on. */
static int detach(PyObject *owner)
{
    PyObject *done = owner != Py_None ? PyObject_CallMethod(owner, "detach", NULL) : Py_NewRef(Py_None);

    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

static PyObject *dial_and_make(PyTypeObject *type, const struct opening *asked, PyObject *owner,
                               const struct limits *limits, bool is_open_allowed)
{
    struct opening opening = *asked;
    char spelled[PYN_ADDRESS_MAX];
    int fd = dial(opening.address, is_open_allowed, limits);

    if (fd < 0) {
        return NULL;
    }
    if (detach(owner) != 0) {
        return NULL; /* it is the owner's */
    }
    pyn_address_text(opening.address, spelled, sizeof spelled);
    opening.ends = (struct pyn_ends){fd, fd, true};
    opening.peer = spelled;
    if (limits->timeout != 0) {
        const uint64_t least = pyn_now() + MILLISECOND;
        opening.deadline = limits->timeout > least ? limits->timeout : least;
    }
    return make(type, &opening);
}

static uint64_t after(double seconds)
{
    return seconds > 0 ? pyn_now() + (uint64_t)((seconds < LONGEST ? seconds : LONGEST) * 1e9) : 0;
}

static int view_of(PyObject *text, struct pyn_view *out)
{
    Py_ssize_t len = 0;
    const char *data = PyUnicode_AsUTF8AndSize(text, &len);

    *out = (struct pyn_view){(const uint8_t *)data, (size_t)len};
    return data != NULL ? 0 : -1;
}

enum { ADDRESS, OWNER, TIMEOUT, PLAIN, ROOT, TYPES, QUOTAS, READ_AHEAD, KEY, PSK, BACKGROUND, ARGUMENTS };

PyObject *pyn_connection_dial(PyObject *type, PyObject *const *args, Py_ssize_t nargs)
{
    struct opening opening = {.background = 1};
    struct limits limits = {0};
    struct pyn_address address;
    PyObject *made = NULL;
    double timeout = 0;
    int is_open_allowed = 0;

    if (nargs != ARGUMENTS) {
        PyErr_Format(PyExc_TypeError, "_dial() takes %d arguments", ARGUMENTS);
        return NULL;
    }
    timeout = PyFloat_AsDouble(args[TIMEOUT]);
    is_open_allowed = PyObject_IsTrue(args[PLAIN]);
    opening.background = PyObject_IsTrue(args[BACKGROUND]);
    opening.types = args[TYPES];
    opening.quotas = args[QUOTAS];
    opening.key = args[KEY];
    opening.psk = args[PSK];
    if (PyErr_Occurred() || !PyArg_Parse(args[READ_AHEAD], "i", &opening.read_ahead) ||
        view_of(args[ADDRESS], &opening.spelled) != 0 || view_of(args[ROOT], &opening.root_name) != 0 ||
        parse_address(opening.spelled, &address) != 0) {
        return NULL;
    }
    opening.address = &address;
    limits.timeout = after(timeout);
    limits.deadline = pyn_deadline_get();
    made = dial_and_make((PyTypeObject *)type, &opening, args[OWNER], &limits, is_open_allowed != 0);
    sodium_memzero(&address, sizeof address); /* it may hold a capability */
    return made;
}
