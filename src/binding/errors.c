/* errors.c - exceptions on their way out, as far as the policy lets them, and on their way in. */
#include "call.h"

enum { TEXT_MAX = 1024 };

/* Builtin exceptions that travel by type. None of them ends a loop, a thread or a program, or speaks of this connection. */
static const char *const plain_names[] = {
    "ArithmeticError",   "AssertionError",    "AttributeError",     "BufferError",        "EOFError",
    "FileExistsError",   "FileNotFoundError", "FloatingPointError", "IndexError",         "IsADirectoryError",
    "KeyError",          "LookupError",       "MemoryError",        "NotADirectoryError", "NotImplementedError",
    "OSError",           "OverflowError",     "PermissionError",    "RecursionError",     "ReferenceError",
    "RuntimeError",      "TimeoutError",      "TypeError",          "UnicodeError",       "ValueError",
    "ZeroDivisionError",
};

static PyObject *plain; /* dict: name -> class */

int pyn_errors_init(void)
{
    PyObject *builtins = PyEval_GetBuiltins(); /* borrowed */

    plain = PyDict_New();
    for (size_t i = 0; plain != NULL && i < sizeof plain_names / sizeof plain_names[0]; i++) {
        PyObject *type = PyDict_GetItemString(builtins, plain_names[i]);
        if (type == NULL || PyDict_SetItemString(plain, plain_names[i], type) != 0) {
            Py_CLEAR(plain);
        }
    }
    return plain != NULL ? 0 : -1;
}

PyObject *pyn_raise(pyn_status st, const char *reason)
{
    PyObject *type = pyn_core.disconnected;

    if (st == PYN_EQUOTA) {
        type = pyn_core.quota_exceeded;
    } else if (st == PYN_EDENIED || st == PYN_EMISFIT) {
        type = pyn_core.refused;
    } else if (st == PYN_ENOMEM) {
        return PyErr_NoMemory();
    } else if (pyn_status_class(st) == PYN_CLASS_CLOSE && st != PYN_EGONE) {
        type = pyn_core.protocol_error;
    } else if (pyn_status_class(st) == PYN_CLASS_BROKEN) {
        type = PyExc_SystemError;
    }
    PyErr_SetString(type, reason != NULL && reason[0] != '\0' ? reason : pyn_status_name(st));
    return NULL;
}

PyObject *pyn_raise_quota(const struct pyn_link *link, enum pyn_quota which)
{
    PyErr_Format(pyn_core.quota_exceeded, "%s: %llu", pyn_quota_name(which), (unsigned long long)link->quotas.max[which]);
    return NULL;
}

/* ---- out ---- */

static PyObject *class_name(PyObject *type)
{
    PyObject *module = PyObject_GetAttrString(type, "__module__");
    PyObject *name = PyType_GetQualName((PyTypeObject *)type);
    PyObject *text = NULL;

    if (module != NULL && name != NULL && PyUnicode_Check(module)) {
        text = PyUnicode_FromFormat("%U:%U", module, name);
    }
    Py_XDECREF(module);
    Py_XDECREF(name);
    return text;
}

static enum pyn_error_grant grant_of(const struct pyn_party *party, PyObject *name)
{
    Py_ssize_t len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(name, &len);

    if (text == NULL || party->book == NULL) {
        PyErr_Clear();
        return PYN_ERROR_HIDDEN;
    }
    return pyn_policy_error(party->book->policy, (struct pyn_view){(const uint8_t *)text, (size_t)len});
}

/* Only what str() of it gives, bounded; an exception whose str() fails has no text. */
static PyObject *text_of(PyObject *error)
{
    PyObject *text = PyObject_Str(error);
    PyObject *cut = NULL;
    PyObject *bytes = NULL;

    if (text != NULL) {
        cut = PyUnicode_Substring(text, 0, TEXT_MAX);
    }
    if (cut != NULL) {
        bytes = PyUnicode_AsEncodedString(cut, "utf-8", "backslashreplace");
    }
    Py_XSETREF(text,
               bytes != NULL ? PyUnicode_DecodeUTF8(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), NULL) : NULL);
    Py_XDECREF(cut);
    Py_XDECREF(bytes);
    PyErr_Clear();
    return text;
}

static bool is_ours(PyObject *type)
{
    return type == pyn_core.refused || type == pyn_core.quota_exceeded || type == pyn_core.deadline_exceeded;
}

/* The nearest class that may be named, and how much of it may be told. */
static enum pyn_error_grant find_grant(const struct pyn_party *party, PyObject *error, PyObject **name_out)
{
    PyObject *mro = Py_TYPE(error)->tp_mro;

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *type = PyTuple_GET_ITEM(mro, i);
        PyObject *name = class_name(type);
        PyObject *known = NULL;
        enum pyn_error_grant grant = PYN_ERROR_HIDDEN;
        if (name == NULL) {
            PyErr_Clear();
            continue;
        }
        known = PyDict_GetItemString(plain, ((PyTypeObject *)type)->tp_name);
        grant = is_ours(type) ? PYN_ERROR_TEXT : grant_of(party, name);
        if (known == type && grant == PYN_ERROR_HIDDEN) {
            grant = PYN_ERROR_TYPE;
        }
        if (grant != PYN_ERROR_HIDDEN) {
            bool is_short = known == type || is_ours(type);
            *name_out = is_short ? PyType_GetName((PyTypeObject *)type) : Py_NewRef(name);
            Py_DECREF(name);
            return grant;
        }
        Py_DECREF(name);
    }
    return PYN_ERROR_HIDDEN;
}

static bool is_stop(const struct pyn_op *op, PyObject *error, const char **name)
{
    if (pyn_view_is_equal(op->name, pyn_view_of("__next__")) && Py_IS_TYPE(error, (PyTypeObject *)PyExc_StopIteration)) {
        *name = "StopIteration";
        return true;
    }
    if (pyn_view_is_equal(op->name, pyn_view_of("__anext__")) &&
        Py_IS_TYPE(error, (PyTypeObject *)PyExc_StopAsyncIteration)) {
        *name = "StopAsyncIteration";
        return true;
    }
    return false;
}

PyObject *pyn_taken_exception(void)
{
    PyObject *type = NULL;
    PyObject *error = NULL;
    PyObject *traceback = NULL;

    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback != NULL && error != NULL) {
        (void)PyException_SetTraceback(error, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return error;
}

/* "chat:Room.post" */
static PyObject *operation_name(const struct pyn_op *op)
{
    PyObject *iface = pyn_str(op->iface->name);
    PyObject *name = pyn_str(op->name);
    PyObject *text = iface != NULL && name != NULL ? PyUnicode_FromFormat("%U.%U", iface, name) : NULL;

    Py_XDECREF(iface);
    Py_XDECREF(name);
    return text;
}

void pyn_failure_take(struct pyn_failure *failure, const struct pyn_party *party, const struct pyn_op *op)
{
    PyObject *error = pyn_taken_exception();
    const char *stop = NULL;
    enum pyn_error_grant grant = PYN_ERROR_HIDDEN;
    PyObject *operation = NULL;

    if (error == NULL) {
        return;
    }
    if (is_stop(op, error, &stop)) {
        failure->type = PyUnicode_FromString(stop);
        Py_DECREF(error);
        return;
    }
    grant = find_grant(party, error, &failure->type);
    if (Py_IS_TYPE(error, (PyTypeObject *)PyExc_SystemError) || grant == PYN_ERROR_HIDDEN) {
        Py_XSETREF(failure->type, PyUnicode_FromString("RemoteError"));
        grant = PYN_ERROR_HIDDEN;
    }
    if (grant == PYN_ERROR_TEXT) {
        failure->text = text_of(error);
    } else {
        operation = operation_name(op);
        if (operation != NULL) {
            failure->incident = PyObject_CallFunctionObjArgs(pyn_core.log_incident, operation, error, NULL);
            Py_DECREF(operation);
        }
    }
    PyErr_Clear();                                  /* the log must not stand in the way of the answer */
    (void)PyException_SetTraceback(error, Py_None); /* what its frames hold goes with the call */
    Py_DECREF(error);
}

PyObject *pyn_told(const struct pyn_party *party, PyObject *error)
{
    PyObject *name = NULL;
    PyObject *text = NULL;
    PyObject *pair = NULL;

    /* A client that enters a server's context manager has chosen to tell it. */
    if (find_grant(party, error, &name) == PYN_ERROR_TEXT || !party->is_server) {
        text = text_of(error);
    }
    if (name == NULL) {
        name = PyUnicode_FromString("RemoteError");
    }
    if (text == NULL) {
        text = PyUnicode_FromString("");
    }
    if (name != NULL && text != NULL) {
        pair = PyTuple_Pack(2, name, text);
    }
    Py_XDECREF(name);
    Py_XDECREF(text);
    return pair;
}

void pyn_failure_clear(struct pyn_failure *failure)
{
    Py_CLEAR(failure->type);
    Py_CLEAR(failure->text);
    Py_CLEAR(failure->incident);
}

/* ---- in ---- */

static PyObject *str_or_empty(struct pyn_view text)
{
    return text.len > 0 ? pyn_str(text) : PyUnicode_FromString("");
}

static bool is_text(struct pyn_view a, const char *b)
{
    return pyn_view_is_equal(a, pyn_view_of(b));
}

/* The class that a name stands for: from a closed table, never looked up in a module. Borrowed; NULL: RemoteError. */
static PyObject *class_of(struct pyn_view type, const struct pyn_party *party, PyObject *name)
{
    PyObject *given = NULL;

    if (party->is_server) {
        return NULL; /* a client's exception is never ours: it must not end a loop or meet an except clause by its own choice */
    }
    if (is_text(type, "Refused")) {
        return pyn_core.refused;
    }
    if (is_text(type, "QuotaExceeded")) {
        return pyn_core.quota_exceeded;
    }
    if (is_text(type, "DeadlineExceeded")) {
        return pyn_core.deadline_exceeded;
    }
    given = party->types != NULL ? PyDict_GetItem(party->types, name) : NULL;
    if (given != NULL && PyExceptionClass_Check(given)) {
        return given;
    }
    return PyDict_GetItem(plain, name);
}

static void add_note(PyObject *error, PyObject *incident)
{
    PyObject *note = PyUnicode_FromFormat("incident %U: the other side keeps the details in its log", incident);
    PyObject *done = note != NULL ? PyObject_CallMethod(error, "add_note", "O", note) : NULL;

    Py_XDECREF(note);
    Py_XDECREF(done);
    if (PyObject_SetAttrString(error, "incident", incident) != 0) {
        PyErr_Clear();
    }
    PyErr_Clear();
}

static PyObject *make_error(PyObject *type, PyObject *name, PyObject *text)
{
    if (type == NULL) {
        return PyObject_CallFunctionObjArgs(pyn_core.remote_error, text, name, NULL);
    }
    return PyUnicode_GET_LENGTH(text) > 0 ? PyObject_CallOneArg(type, text) : PyObject_CallNoArgs(type);
}

PyObject *pyn_raise_answer(const struct pyn_answer *answer, const struct pyn_party *party, const struct pyn_op *op)
{
    PyObject *name = str_or_empty(answer->type);
    PyObject *text = str_or_empty(answer->text);
    PyObject *incident = answer->incident.len > 0 ? pyn_str(answer->incident) : NULL;
    PyObject *error = NULL;

    if (op != NULL && is_text(op->name, "__next__") && is_text(answer->type, "StopIteration")) {
        PyErr_SetNone(PyExc_StopIteration);
    } else if (op != NULL && is_text(op->name, "__anext__") && is_text(answer->type, "StopAsyncIteration")) {
        PyErr_SetNone(PyExc_StopAsyncIteration);
    } else if (name != NULL && text != NULL) {
        error = make_error(class_of(answer->type, party, name), name, text);
    }
    if (error != NULL) {
        if (incident != NULL) {
            add_note(error, incident);
        }
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    }
    Py_XDECREF(error);
    Py_XDECREF(name);
    Py_XDECREF(text);
    Py_XDECREF(incident);
    return NULL;
}
