/* recall.c - answers that a client keeps, and pynto.stale(): what a server says to those who keep them. */
#include "recall.h"

#include <stdlib.h>

#include "call.h"

PyObject *pyn_recall(const struct pyn_encoder *encoder, const struct pyn_op *op, const struct pyn_type *type)
{
    struct pyn_link *link = encoder->link;
    struct pyn_decoder decoder = {.link = link, .party = encoder->party, .book = encoder->book};
    struct pyn_view bytes = {NULL, 0};
    uint8_t *copy = NULL;
    PyObject *value = NULL;

    if (!pyn_link_recall(link, op, pyn_buf_view(&encoder->buf), &copy, &bytes.len)) {
        return NULL;
    }
    bytes.data = copy;
    decoder.reader = pyn_reader_of(bytes);
    value = pyn_decode(&decoder, type); /* it holds no reference */
    free(copy);
    return value;
}

/* ---- pynto.stale() ---- */

/* The servers that there are. Whoever looks at it holds the interpreter's lock, and the server at which it stands. */
static struct pyn_notified *first;

void pyn_notified_enter(struct pyn_notified *entry, PyObject *host, struct pyn_server *server)
{
    *entry = (struct pyn_notified){.host = host, .server = server, .next = first};
    if (first != NULL) {
        first->before = entry;
    }
    first = entry;
}

void pyn_notified_leave(struct pyn_notified *entry)
{
    if (entry->server == NULL) {
        return;
    }
    *(entry->before != NULL ? &entry->before->next : &first) = entry->next;
    if (entry->next != NULL) {
        entry->next->before = entry->before;
    }
    entry->server = NULL;
}

static uint32_t tell_all(PyObject *object, struct pyn_view name)
{
    struct pyn_notified *entry = first;
    uint32_t told = 0;

    while (entry != NULL) {
        PyObject *host = entry->host;
        if (Py_REFCNT(host) == 0) { /* on its way out: it serves nobody */
            entry = entry->next;
            continue;
        }
        Py_INCREF(host);
        Py_BEGIN_ALLOW_THREADS
        told += pyn_server_stale(entry->server, object, name);
        Py_END_ALLOW_THREADS
        entry = entry->next;
        Py_DECREF(host);
    }
    return told;
}

PyObject *pyn_core_stale(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *object = NULL;
    const char *text = NULL;
    Py_ssize_t len = 0;

    if (!PyArg_ParseTuple(args, "O|z#:stale", &object, &text, &len)) {
        return NULL;
    }
    if (pyn_netref_is(object)) {
        PyErr_SetString(PyExc_TypeError, "stale() is told of an object that is served, not of a netref");
        return NULL;
    }
    if (text != NULL && (len == 0 || len > PYN_NAME_MAX)) {
        PyErr_Format(PyExc_ValueError, "the name of an operation has 1 to %d bytes", PYN_NAME_MAX);
        return NULL;
    }
    return PyLong_FromUnsignedLong(tell_all(object, (struct pyn_view){(const uint8_t *)text, (size_t)len}));
}
