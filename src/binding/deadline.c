/* deadline.c - see deadline.h. */
#include "deadline.h"

#include "../runtime/clock.h"
#include "../wire/pack.h"

static const uint64_t NS_PER_US = 1000;

uint64_t pyn_deadline_get(void)
{
    PyObject *value = NULL;
    uint64_t at = 0;

    if (PyContextVar_Get(pyn_core.ends_at, NULL, &value) != 0 || value == NULL) {
        PyErr_Clear();
        return 0;
    }
    if (value == Py_None) { /* there is none */
        Py_DECREF(value);
        return 0;
    }
    at = PyLong_AsUnsignedLongLong(value);
    Py_DECREF(value);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return at;
}

int pyn_deadline_check(uint64_t *at)
{
    *at = pyn_deadline_get();
    if (*at != 0 && pyn_now() >= *at) {
        (void)pyn_raise_deadline_text("waiting", "deadline: over before the call");
        return -1;
    }
    return 0;
}

pyn_status pyn_deadline_pack(struct pyn_buf *buf, uint64_t at)
{
    uint64_t now = pyn_now();
    pyn_status st = pyn_pack_str(buf, "within", 6);

    return st == PYN_OK ? pyn_pack_uint(buf, at > now ? (at - now) / NS_PER_US : 0) : st;
}

int pyn_deadline_enter(uint64_t at, PyObject **token)
{
    uint64_t outer = at != 0 ? pyn_deadline_get() : 0;
    PyObject *value = NULL;

    *token = NULL;
    if (at == 0 || (outer != 0 && outer <= at)) {
        return 0;
    }
    value = PyLong_FromUnsignedLongLong(at);
    if (value != NULL) {
        *token = PyContextVar_Set(pyn_core.ends_at, value);
        Py_DECREF(value);
    }
    return *token != NULL ? 0 : -1;
}

void pyn_deadline_leave(PyObject *token)
{
    PyObject *type = NULL;
    PyObject *value = NULL;
    PyObject *traceback = NULL;

    if (token == NULL) {
        return;
    }
    PyErr_Fetch(&type, &value, &traceback);
    if (PyContextVar_Reset(pyn_core.ends_at, token) != 0) {
        PyErr_Clear(); /* the call has left its context to somebody else */
    }
    PyErr_Restore(type, value, traceback);
    Py_DECREF(token);
}

/* "deadline" of "deadline: over before its turn"; empty when it begins with no word of ours. Strong. */
static PyObject *limit_of(PyObject *text)
{
    Py_ssize_t colon = PyUnicode_FindChar(text, ':', 0, PyUnicode_GET_LENGTH(text), 1);

    return colon > 0 ? PyUnicode_Substring(text, 0, colon) : PyUnicode_FromString("");
}

int pyn_deadline_describe(PyObject *error, const char *where, PyObject *text)
{
    PyObject *limit = limit_of(text);
    PyObject *place = PyUnicode_FromString(where);
    int result = -1;

    if (limit != NULL && place != NULL && PyObject_SetAttrString(error, "limit", limit) == 0) {
        result = PyObject_SetAttrString(error, "where", place);
    }
    Py_XDECREF(limit);
    Py_XDECREF(place);
    return result;
}

PyObject *pyn_raise_deadline(const char *where, PyObject *text)
{
    PyObject *error = text != NULL ? PyObject_CallOneArg(pyn_core.deadline_exceeded, text) : NULL;

    if (error != NULL && pyn_deadline_describe(error, where, text) == 0) {
        PyErr_SetObject(pyn_core.deadline_exceeded, error);
    }
    Py_XDECREF(error);
    return NULL;
}

PyObject *pyn_raise_deadline_text(const char *where, const char *text)
{
    PyObject *string = PyUnicode_FromString(text);

    (void)pyn_raise_deadline(where, string);
    Py_XDECREF(string);
    return NULL;
}

bool pyn_deadline_is_beyond(PyObject *error)
{
    PyObject *where = NULL;
    bool is = false;

    if (!Py_IS_TYPE(error, (PyTypeObject *)pyn_core.deadline_exceeded)) {
        return false;
    }
    where = PyObject_GetAttrString(error, "where");
    is = where != NULL && PyUnicode_Check(where) && PyUnicode_CompareWithASCIIString(where, "running") != 0;
    Py_XDECREF(where);
    PyErr_Clear();
    return is;
}
