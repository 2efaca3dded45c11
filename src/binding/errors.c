/* errors.c - exceptions on their way out: what may be told of one, as far as the policy lets it. raise.c has the way in. */
#include "../wire/pack.h"
#include "call.h"
#include "memory.h"

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

static int add_plain(const char *name)
{
    PyObject *type = PyDict_GetItemString(PyEval_GetBuiltins(), name); /* borrowed */

    return type != NULL ? PyDict_SetItemString(plain, name, type) : -1;
}

int pyn_errors_init(void)
{
    int result = -1;

    plain = PyDict_New();
    if (plain != NULL) {
        result = add_plain("ExceptionGroup"); /* with its members */
    }
    for (size_t i = 0; result == 0 && i < sizeof plain_names / sizeof plain_names[0]; i++) {
        result = add_plain(plain_names[i]);
    }
    return result;
}

PyObject *pyn_plain_error(PyObject *name)
{
    return PyDict_GetItem(plain, name);
}

PyObject *pyn_raise(pyn_status st, const char *reason)
{
    PyObject *type = pyn_core.disconnected;

    if (st == PYN_EQUOTA) {
        type = pyn_core.quota_exceeded;
    } else if (st == PYN_EDENIED || st == PYN_EMISFIT || st == PYN_ESHUT) {
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
    char text[64];

    pyn_quota_text(link->quotas, which, text, sizeof text);
    PyErr_SetString(pyn_core.quota_exceeded, text);
    return NULL;
}

PyObject *pyn_incident(PyObject *operation, PyObject *error)
{
    struct pyn_allowance *own = pyn_memory_hide(); /* the log is whole, whatever the call may still take */
    PyObject *incident = PyObject_CallFunctionObjArgs(pyn_core.log_incident, operation, error, NULL);

    pyn_memory_show(own);
    return incident;
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

static const struct pyn_error_rule *rule_of(const struct pyn_party *party, PyObject *name)
{
    Py_ssize_t len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(name, &len);

    if (text == NULL || party->book == NULL) {
        PyErr_Clear();
        return NULL;
    }
    return pyn_policy_error_rule(party->book->policy, (struct pyn_view){(const uint8_t *)text, (size_t)len});
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

/* The nearest class that may be named, and how much of it may be told. *rule is left alone where the policy says nothing. */
static enum pyn_error_grant find_grant(const struct pyn_party *party, PyObject *error, PyObject **name_out,
                                       const struct pyn_error_rule **rule)
{
    PyObject *mro = Py_TYPE(error)->tp_mro;

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *type = PyTuple_GET_ITEM(mro, i);
        PyObject *name = class_name(type);
        const struct pyn_error_rule *found = NULL;
        enum pyn_error_grant grant = PYN_ERROR_HIDDEN;
        bool is_plain = false;
        if (name == NULL) {
            PyErr_Clear();
            continue;
        }
        is_plain = PyDict_GetItemString(plain, ((PyTypeObject *)type)->tp_name) == type;
        found = is_ours(type) ? NULL : rule_of(party, name);
        if (is_ours(type)) {
            grant = PYN_ERROR_TEXT;
        } else if (found != NULL) {
            grant = found->grant;
        } else if (is_plain) {
            grant = PYN_ERROR_TYPE;
        }
        if (grant != PYN_ERROR_HIDDEN) {
            *name_out = is_plain || is_ours(type) ? PyType_GetName((PyTypeObject *)type) : Py_NewRef(name);
            *rule = found != NULL ? found : *rule;
            Py_DECREF(name);
            return grant;
        }
        Py_DECREF(name);
    }
    return PYN_ERROR_HIDDEN;
}

static const char *stop_name(const struct pyn_op *op, PyObject *error)
{
    if (pyn_op_is_step(op) && Py_IS_TYPE(error, (PyTypeObject *)PyExc_StopIteration)) {
        return "StopIteration";
    }
    if (pyn_op_is_async_step(op) && Py_IS_TYPE(error, (PyTypeObject *)PyExc_StopAsyncIteration)) {
        return "StopAsyncIteration";
    }
    return NULL;
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

static bool is_hidden(PyObject *error, enum pyn_error_grant grant)
{
    return grant == PYN_ERROR_HIDDEN || Py_IS_TYPE(error, (PyTypeObject *)PyExc_SystemError);
}

bool pyn_error_has_name(const struct pyn_party *party, PyObject *error)
{
    const struct pyn_error_rule *rule = NULL;
    PyObject *name = NULL;
    bool has = !is_hidden(error, find_grant(party, error, &name, &rule));

    Py_XDECREF(name);
    return has;
}

void pyn_failure_tell(struct pyn_failure *failure, const struct pyn_party *party, const struct pyn_op *op,
                      PyObject *error, const struct pyn_error_rule **rule)
{
    enum pyn_error_grant grant = find_grant(party, error, &failure->type, rule);
    PyObject *operation = NULL;

    if (is_hidden(error, grant)) {
        Py_XSETREF(failure->type, PyUnicode_FromString("RemoteError"));
        *rule = NULL;
    }
    if (grant == PYN_ERROR_TEXT) {
        failure->text = text_of(error);
    } else {
        operation = operation_name(op);
        if (operation != NULL) {
            failure->incident = pyn_incident(operation, error);
            Py_DECREF(operation);
        }
    }
    PyErr_Clear(); /* the log must not stand in the way of the answer */
}

/* {"value": what the iteration has returned}. -1 with an exception: it is not what was declared. */
static int pack_end(struct pyn_encoder *encoder, const struct pyn_type *type, PyObject *value)
{
    struct pyn_mark mark = pyn_encoder_mark(encoder);
    int result = pyn_packed(encoder, pyn_pack_map(&encoder->buf, 1));

    if (result == 0) {
        result = pyn_packed(encoder, pyn_pack_str(&encoder->buf, "value", 5));
    }
    if (result == 0) {
        result = pyn_encode(encoder, value, type);
    }
    if (result != 0) {
        pyn_encoder_rewind(encoder, mark);
    }
    if (result == PYN_MISFIT) {
        PyErr_Format(PyExc_SystemError, "the iteration has returned a %s, which is not declared: it was not sent",
                     Py_TYPE(value)->tp_name);
    }
    return result == 0 ? 0 : -1;
}

static int take_stop(struct pyn_failure *failure, const char *stop, const struct pyn_op *op, PyObject *error,
                     struct pyn_encoder *encoder)
{
    const struct pyn_type *type = pyn_op_end(op);
    PyObject *value = type != NULL ? ((PyStopIterationObject *)error)->value : NULL; /* borrowed */

    if (value != NULL && value != Py_None) {
        if (pack_end(encoder, type, value) != 0) {
            return -1;
        }
        failure->has_details = true;
    }
    failure->type = PyUnicode_FromString(stop);
    return 0;
}

/* The peer's own exception has gone through the generator: it knows better what it was. */
static void take_thrown(struct pyn_failure *failure, struct pyn_encoder *encoder)
{
    pyn_status st = pyn_pack_map(&encoder->buf, 1);

    failure->type = PyUnicode_FromString("RemoteError");
    if (st == PYN_OK) {
        st = pyn_pack_str(&encoder->buf, "yours", 5);
    }
    if (st == PYN_OK) {
        st = pyn_pack_bool(&encoder->buf, true);
    }
    failure->has_details = st == PYN_OK;
}

void pyn_failure_take(struct pyn_failure *failure, const struct pyn_party *party, const struct pyn_op *op,
                      struct pyn_encoder *encoder, const PyObject *thrown)
{
    PyObject *error = pyn_taken_exception();
    const struct pyn_error_rule *rule = NULL;
    const char *stop = error != NULL ? stop_name(op, error) : NULL;

    if (error == NULL) {
        return;
    }
    if (stop != NULL && take_stop(failure, stop, op, error, encoder) != 0) {
        Py_SETREF(error, pyn_taken_exception());
        stop = NULL;
    }
    if (stop == NULL && error == thrown) {
        take_thrown(failure, encoder);
    } else if (stop == NULL && error != NULL) {
        pyn_failure_tell(failure, party, op, error, &rule);
        failure->has_details = party->is_server && pyn_details_pack(encoder, op, error, rule);
    }
    if (error != NULL) {
        (void)PyException_SetTraceback(error, Py_None); /* what its frames hold goes with the call */
        Py_DECREF(error);
    }
}

PyObject *pyn_told(const struct pyn_party *party, PyObject *error)
{
    const struct pyn_error_rule *rule = NULL;
    PyObject *name = NULL;
    PyObject *text = NULL;
    PyObject *pair = NULL;

    /* A client that enters a server's context manager has chosen to tell it. */
    if (find_grant(party, error, &name, &rule) == PYN_ERROR_TEXT || !party->is_server) {
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

void pyn_failure_log(const struct pyn_op *op)
{
    PyObject *error = pyn_taken_exception();
    PyObject *operation = error != NULL ? operation_name(op) : NULL;

    if (operation != NULL) {
        Py_XDECREF(pyn_incident(operation, error));
        Py_DECREF(operation);
    }
    PyErr_Clear();
    if (error != NULL) {
        (void)PyException_SetTraceback(error, Py_None); /* what its frames hold goes with the call */
        Py_DECREF(error);
    }
}

void pyn_failure_clear(struct pyn_failure *failure)
{
    Py_CLEAR(failure->type);
    Py_CLEAR(failure->text);
    Py_CLEAR(failure->incident);
}
