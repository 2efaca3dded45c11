/* isolate.c - see isolate.h. */
#include "isolate.h"

#include <sodium.h>

#include "../isolate/sandbox.h"
#include "../runtime/server.h"

/* ---- who gives connections away ---- */

static struct pyn_server *parting_server(PyObject *self)
{
    struct pyn_server *server = pyn_server_of(self);

    if (pyn_server_parting(server) == NULL) {
        PyErr_SetString(PyExc_ValueError, "this server serves by itself");
        return NULL;
    }
    return server;
}

PyObject *pyn_server_leaving_fd(PyObject *self, void *Py_UNUSED(closure))
{
    const struct pyn_server *server = parting_server(self);

    return server != NULL ? PyLong_FromLong(pyn_parting_fd(pyn_server_parting(server))) : NULL;
}

PyObject *pyn_server_next_leaver(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_server *server = parting_server(self);
    struct pyn_leaver leaver;

    if (server == NULL) {
        return NULL;
    }
    if (!pyn_parting_next(server, &leaver)) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("KKsssy#", (unsigned long long)leaver.token, (unsigned long long)leaver.serial, leaver.who,
                         leaver.quota_class, leaver.peer, (const char *)leaver.grant, (Py_ssize_t)leaver.grant_len);
}

PyObject *pyn_server_part_to(PyObject *self, PyObject *args)
{
    static const char *const results[] = {
        [PYN_PARTED_NOT] = "not",     [PYN_PARTED] = "parted",        [PYN_PARTED_GONE] = "gone",
        [PYN_PARTED_LATER] = "later", [PYN_PARTED_BARRED] = "barred",
    };
    struct pyn_server *server = parting_server(self);
    unsigned long long token = 0;
    int control = -1;
    enum pyn_parted result = PYN_PARTED_NOT;

    if (server == NULL || !PyArg_ParseTuple(args, "Ki:part", &token, &control)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    result = pyn_server_part(server, token, control);
    Py_END_ALLOW_THREADS
    return PyUnicode_FromString(results[result]);
}

PyObject *pyn_server_part_ended(PyObject *self, PyObject *args)
{
    struct pyn_server *server = parting_server(self);
    unsigned long long token = 0;
    int is_bad = 0;
    const char *reason = NULL;

    if (server == NULL || !PyArg_ParseTuple(args, "Kps:part_ended", &token, &is_bad, &reason)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    pyn_server_part_end(server, token, is_bad != 0, reason);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* ---- who takes them ---- */

static void random_bytes(void *out, size_t len)
{
    randombytes_buf(out, len);
}

PyObject *pyn_server_attend_to(PyObject *self, PyObject *args)
{
    struct pyn_server *server = pyn_server_of(self);
    const struct pyn_websocket_config websocket = {.is_server = true,
                                                   .path = "/", /* it was asked for already */
                                                   .message_max = pyn_server_message_max(server) + PYN_LAYER_CHUNK,
                                                   .random = random_bytes};
    int control = -1;

    if (!PyArg_ParseTuple(args, "i:attend", &control)) {
        return NULL;
    }
    if (pyn_attend(server, control, &websocket) == NULL) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

/* ---- what a process gives up ---- */

/* The paths of a tuple of bytes, which holds them; freed with PyMem_Free(). */
static int take_paths(PyObject *tuple, struct pyn_paths *paths)
{
    const char **list = PyMem_Calloc((size_t)PyTuple_GET_SIZE(tuple) + 1, sizeof *list);

    paths->paths = list;
    if (list == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        char *text = NULL;
        if (PyBytes_AsStringAndSize(PyTuple_GET_ITEM(tuple, i), &text, NULL) != 0) { /* without a NUL in it */
            return -1;
        }
        list[i] = text;
        paths->count++;
    }
    return 0;
}

static PyObject *names_of(unsigned parts)
{
    PyObject *names = PyList_New(0);

    for (unsigned part = 1; names != NULL && (part & PYN_PART_ALL) != 0; part <<= 1) {
        PyObject *name = (parts & part) != 0 ? PyUnicode_FromString(pyn_sandbox_part_name(part)) : NULL;
        if (name != NULL && PyList_Append(names, name) != 0) {
            Py_CLEAR(names);
        }
        Py_XDECREF(name);
        if (PyErr_Occurred()) {
            Py_CLEAR(names);
        }
    }
    return names;
}

PyObject *pyn_enter_sandbox(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"reads", "writes", "network", "memory", "file", "descriptors", "best_effort", NULL};
    struct pyn_sandbox sandbox = {.memory_max = 0};
    struct pyn_fault fault = {{0}};
    PyObject *reads = NULL;
    PyObject *writes = NULL;
    PyObject *result = NULL;
    int may_connect = 0;
    int is_best_effort = 0;
    unsigned long long memory = 0;
    unsigned long long file = 0;
    unsigned parts = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!pKKIp:enter_sandbox", names, &PyTuple_Type, &reads, &PyTuple_Type,
                                     &writes, &may_connect, &memory, &file, &sandbox.descriptor_max, &is_best_effort)) {
        return NULL;
    }
    sandbox.may_connect = may_connect != 0;
    sandbox.is_best_effort = is_best_effort != 0;
    sandbox.memory_max = memory;
    sandbox.file_max = file;
    if (take_paths(reads, &sandbox.reads) == 0 && take_paths(writes, &sandbox.writes) == 0) {
        if (pyn_sandbox_enter(&sandbox, &parts, &fault)) {
            result = names_of(parts);
        } else {
            PyErr_SetString(PyExc_OSError, fault.text);
        }
    }
    PyMem_Free((void *)(uintptr_t)sandbox.reads.paths);
    PyMem_Free((void *)(uintptr_t)sandbox.writes.paths);
    return result;
}

PyObject *pyn_follow(PyObject *Py_UNUSED(module), PyObject *args)
{
    long parent = 0;

    if (!PyArg_ParseTuple(args, "l:follow", &parent)) {
        return NULL;
    }
    return PyBool_FromLong(pyn_sandbox_follow((pid_t)parent));
}

PyObject *pyn_hide_memory(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(pyn_sandbox_hide());
}
