/* deadline.c - see deadline.h. */
#include "deadline.h"

#include "../runtime/clock.h"
#include "../wire/pack.h"

static const uint64_t NS_PER_US = 1000;

/* One that there was no memory to take out of this thread's context: it stands there still, and is none. 0: there is no such. */
static _Thread_local uint64_t void_at;

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
    return at != void_at ? at : 0;
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

/* What it was; none is None. The exception that is set stays. */
static int put_back(PyObject *var, PyObject *old)
{
    PyObject *type = NULL;
    PyObject *value = NULL;
    PyObject *traceback = NULL;
    PyObject *made = NULL;

    PyErr_Fetch(&type, &value, &traceback);
    made = PyContextVar_Set(var, old != NULL ? old : Py_None);
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    Py_XDECREF(made);
    return made != NULL ? 0 : -1;
}

PyObject *pyn_context_set(PyObject *var, PyObject *value, bool *is_stuck)
{
    PyObject *old = NULL;
    PyObject *token = NULL;

    *is_stuck = false;
    if (PyContextVar_Get(var, NULL, &old) != 0) {
        return NULL;
    }
    token = PyContextVar_Set(var, value);
    if (token == NULL) {
        *is_stuck = put_back(var, old) != 0;
    }
    Py_XDECREF(old);
    return token;
}

/* What a token has kept; strong, or NULL when it was nothing. */
static PyObject *old_of(PyObject *token)
{
    PyObject *old = PyObject_GetAttrString(token, "old_value");

    PyErr_Clear();
    if (old != NULL && !PyLong_CheckExact(old) && !PyTuple_CheckExact(old)) {
        Py_CLEAR(old); /* a mark that says so */
    }
    return old;
}

int pyn_context_reset(PyObject *var, PyObject *token)
{
    PyObject *type = NULL;
    PyObject *value = NULL;
    PyObject *traceback = NULL;
    int result = 0;

    PyErr_Fetch(&type, &value, &traceback);
    if (PyContextVar_Reset(var, token) != 0 && PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear();
        PyObject *old = old_of(token);
        result = put_back(var, old);
        Py_XDECREF(old);
    }
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    return result;
}

int pyn_deadline_enter(uint64_t at, PyObject **token)
{
    uint64_t outer = at != 0 ? pyn_deadline_get() : 0;
    PyObject *value = NULL;
    bool is_stuck = false;

    *token = NULL;
    if (at == 0 || (outer != 0 && outer <= at)) {
        return 0;
    }
    value = PyLong_FromUnsignedLongLong(at);
    if (value != NULL) {
        *token = pyn_context_set(pyn_core.ends_at, value, &is_stuck);
        Py_DECREF(value);
    }
    if (is_stuck) {
        void_at = at;
    }
    return *token != NULL ? 0 : -1;
}

void pyn_deadline_leave(PyObject *token)
{
    if (token == NULL) {
        return;
    }
    if (pyn_context_reset(pyn_core.ends_at, token) != 0) {
        void_at = pyn_deadline_get();
    }
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
