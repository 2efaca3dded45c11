/*
 * raise.c - exceptions on their way in: from what an error message says to an exception of this program's.
 *
 * Classes come from a closed table, and from what the user has given us; nothing is looked up by a name of the peer's.
 */
#include "call.h"
#include "deadline.h"

static PyObject *str_or_empty(struct pyn_view text)
{
    return text.len > 0 ? pyn_str(text) : PyUnicode_FromString("");
}

static bool is_text(struct pyn_view a, const char *b)
{
    return pyn_view_is_equal(a, pyn_view_of(b));
}

/* ---- classes ---- */

/* One of the user's, as it is given by its name; borrowed, or NULL. */
static PyObject *given_class(const struct pyn_party *party, PyObject *name)
{
    PyObject *given = party->types != NULL ? PyDict_GetItem(party->types, name) : NULL;

    return given != NULL && PyExceptionClass_Check(given) &&
                   PyType_IsSubtype((PyTypeObject *)given, (PyTypeObject *)PyExc_Exception)
               ? given
               : NULL;
}

/* One of ours or Python's; borrowed, or NULL: RemoteError. */
static PyObject *known_class(struct pyn_view type, PyObject *name)
{
    if (is_text(type, "Refused")) {
        return pyn_core.refused;
    }
    if (is_text(type, "QuotaExceeded")) {
        return pyn_core.quota_exceeded;
    }
    if (is_text(type, "DeadlineExceeded")) {
        return pyn_core.deadline_exceeded;
    }
    return pyn_plain_error(name);
}

/* Past whatever __setattr__ the class has. */
static int set(PyObject *error, const char *name, PyObject *value)
{
    PyObject *key = PyUnicode_InternFromString(name);
    int result = key != NULL ? PyObject_GenericSetAttr(error, key, value) : -1;

    Py_XDECREF(key);
    return result;
}

/* ---- fields ---- */

/* What the peer says of its fields: dict, data only. */
static PyObject *read_fields(struct pyn_decoder *decoder, const struct pyn_run *fields)
{
    PyObject *dict = PyDict_New();

    decoder->reader = pyn_reader_of(fields->rest);
    for (uint32_t i = 0; dict != NULL && i < fields->count; i++) {
        struct pyn_view name = {NULL, 0};
        PyObject *key = pyn_reader_str(&decoder->reader, &name) == PYN_OK ? pyn_str(name) : NULL;
        PyObject *value = key != NULL ? pyn_decode(decoder, NULL) : NULL;
        if (value == NULL || PyDict_SetItem(dict, key, value) != 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return dict;
}

/* Does a class of the user's annotate it? 1, 0 or -1. */
static int is_annotated(PyObject *error, PyObject *name)
{
    PyObject *mro = Py_TYPE(error)->tp_mro;
    int has = 0;

    for (Py_ssize_t i = 0; has == 0 && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *type = PyTuple_GET_ITEM(mro, i);
        PyObject *hints = PyType_HasFeature((PyTypeObject *)type, Py_TPFLAGS_HEAPTYPE)
                              ? PyObject_GetAttrString(type, "__annotations__")
                              : NULL;
        if (hints != NULL && PyDict_Check(hints)) {
            has = PyDict_Contains(hints, name);
        }
        PyErr_Clear(); /* hints that cannot be evaluated name nothing */
        Py_XDECREF(hints);
    }
    return has;
}

/* The fields that the class itself declares; no __setattr__ is run. */
static int set_fields(PyObject *error, PyObject *fields)
{
    PyObject *name = NULL;
    PyObject *value = NULL;
    Py_ssize_t at = 0;

    while (PyDict_Next(fields, &at, &name, &value)) {
        int is = is_annotated(error, name);
        if (is < 0 || (is > 0 && PyObject_GenericSetAttr(error, name, value) != 0)) {
            return -1;
        }
    }
    return 0;
}

/* ---- making one ---- */

PyObject *pyn_remote_error(PyObject *text, PyObject *type)
{
    return PyObject_CallFunctionObjArgs(pyn_core.remote_error, text, type, NULL);
}

/* As Python's own part of the class makes it, with the text as its only argument: neither its __new__ nor its __init__ is run. */
static PyObject *make_given(PyObject *type, PyObject *text, PyObject *fields)
{
    PyTypeObject *base = (PyTypeObject *)type;
    PyObject *args = PyUnicode_GET_LENGTH(text) > 0 ? PyTuple_Pack(1, text) : PyTuple_New(0);
    PyObject *error = NULL;

    while (PyType_HasFeature(base, Py_TPFLAGS_HEAPTYPE)) {
        base = base->tp_base;
    }
    if (args != NULL) {
        error = base->tp_new((PyTypeObject *)type, args, NULL);
    }
    if (error != NULL && (set(error, "args", args) != 0 || set_fields(error, fields) != 0)) {
        Py_CLEAR(error);
    }
    Py_XDECREF(args);
    return error;
}

static PyObject *make_remote(PyObject *text, PyObject *name, PyObject *fields)
{
    PyObject *error = pyn_remote_error(text, name);

    if (error != NULL && set(error, "fields", fields) != 0) {
        Py_CLEAR(error);
    }
    return error;
}

static PyObject *make_known(PyObject *type, PyObject *text, const struct pyn_details *details)
{
    PyObject *error = PyUnicode_GET_LENGTH(text) > 0 ? PyObject_CallOneArg(type, text) : PyObject_CallNoArgs(type);

    if (error != NULL && type == pyn_core.deadline_exceeded &&
        pyn_deadline_describe(error, details->is_beyond ? "beyond" : "peer", text) != 0) {
        Py_CLEAR(error);
    }
    return error;
}

static int set_incident(PyObject *error, struct pyn_view text)
{
    PyObject *incident = text.len > 0 ? pyn_str(text) : Py_NewRef(Py_None);
    int result = incident != NULL ? set(error, "incident", incident) : -1;

    Py_XDECREF(incident);
    return result;
}

/* What it came from is told as RemoteErrors: nobody is to catch them. Steals nothing; -1 with an exception. */
static int set_causes(PyObject *error, const struct pyn_run *causes)
{
    struct pyn_reader rd = pyn_reader_of(causes->rest);
    PyObject *above = Py_NewRef(error);

    for (uint32_t i = 0; above != NULL && i < causes->count; i++) {
        struct pyn_error_head head;
        PyObject *type = pyn_cause_read(&rd, &head) == PYN_OK ? pyn_str(head.type) : NULL;
        PyObject *text = type != NULL ? str_or_empty(head.text) : NULL;
        PyObject *cause = text != NULL ? pyn_remote_error(text, type) : NULL;
        Py_XDECREF(type);
        Py_XDECREF(text);
        if (cause != NULL && set_incident(cause, head.incident) != 0) {
            Py_CLEAR(cause);
        }
        if (cause != NULL) {
            PyException_SetCause(above, Py_NewRef(cause));
        }
        Py_SETREF(above, cause);
    }
    Py_XDECREF(above);
    return above != NULL ? 0 : -1;
}

static PyObject *make_error(struct pyn_decoder *decoder, const struct pyn_error_head *head,
                            const struct pyn_details *details);

static PyObject *make_group(struct pyn_decoder *decoder, PyObject *type, PyObject *text, const struct pyn_run *errors)
{
    PyObject *members = PyList_New(0);
    PyObject *group = NULL;
    struct pyn_reader rd = pyn_reader_of(errors->rest);

    for (uint32_t i = 0; members != NULL && i < errors->count; i++) {
        struct pyn_error_head head;
        struct pyn_details details;
        PyObject *member = NULL;
        if (pyn_member_read(&rd, &head, &details) == PYN_OK) {
            member = make_error(decoder, &head, &details);
        }
        if (member == NULL || PyList_Append(members, member) != 0) {
            Py_CLEAR(members);
        }
        Py_XDECREF(member);
    }
    if (members != NULL) {
        group = PyObject_CallFunctionObjArgs(type, text, members, NULL);
        Py_DECREF(members);
    }
    return group;
}

static bool is_group(PyObject *type)
{
    return PyType_IsSubtype((PyTypeObject *)type, (PyTypeObject *)PyExc_BaseExceptionGroup) != 0;
}

/* Seconds, when the peer has said how many: its word, for who wants to come back. */
static int set_retry(struct pyn_decoder *decoder, PyObject *error, const struct pyn_run *fields)
{
    PyObject *dict = read_fields(decoder, fields);
    PyObject *seconds = dict != NULL ? PyDict_GetItemString(dict, "retry_after") : NULL; /* borrowed */
    int result = dict != NULL ? 0 : -1;

    if (seconds != NULL && PyFloat_CheckExact(seconds) && PyFloat_AS_DOUBLE(seconds) >= 0) {
        result = set(error, "retry_after", seconds);
    }
    Py_XDECREF(dict);
    return result;
}

static PyObject *make_bare(struct pyn_decoder *decoder, const struct pyn_error_head *head,
                           const struct pyn_details *details, PyObject *name, PyObject *text)
{
    bool is_server = decoder->party->is_server; /* a client's exception must not meet an except clause by its own choice */
    PyObject *given = is_server ? NULL : given_class(decoder->party, name);
    PyObject *known = is_server ? NULL : known_class(head->type, name);
    PyObject *fields = NULL;
    PyObject *error = NULL;

    if (given == NULL && known != NULL && !is_group(known)) {
        error = make_known(known, text, details);
        if (error != NULL && known == pyn_core.quota_exceeded && set_retry(decoder, error, &details->fields) != 0) {
            Py_CLEAR(error);
        }
        return error;
    }
    if (given == NULL && known != NULL && details->errors.count > 0) {
        return make_group(decoder, known, text, &details->errors);
    }
    fields = read_fields(decoder, &details->fields);
    if (fields != NULL && given != NULL) {
        error = make_given(given, text, fields);
        if (error == NULL) {
            PyErr_Clear(); /* such as a group: it cannot be without its members */
        }
    }
    if (fields != NULL && error == NULL) {
        error = make_remote(text, name, fields);
    }
    Py_XDECREF(fields);
    return error;
}

static PyObject *make_error(struct pyn_decoder *decoder, const struct pyn_error_head *head,
                            const struct pyn_details *details)
{
    PyObject *name = str_or_empty(head->type);
    PyObject *text = name != NULL ? str_or_empty(head->text) : NULL;
    PyObject *error = text != NULL ? make_bare(decoder, head, details, name, text) : NULL;

    Py_XDECREF(name);
    Py_XDECREF(text);
    if (error != NULL && (set_incident(error, head->incident) != 0 || set_causes(error, &details->causes) != 0)) {
        Py_CLEAR(error);
    }
    return error;
}

static int add_note(PyObject *error, struct pyn_view incident)
{
    PyObject *id = pyn_str(incident);
    PyObject *note = id != NULL ? PyUnicode_FromFormat("incident %U: the other side keeps the details in its log", id)
                                : NULL;
    PyObject *notes = note != NULL ? Py_BuildValue("[O]", note) : NULL;
    int result = notes != NULL ? set(error, "__notes__", notes) : -1;

    Py_XDECREF(id);
    Py_XDECREF(note);
    Py_XDECREF(notes);
    return result;
}

/* ---- raising ---- */

static PyObject *raise_stop(struct pyn_decoder *decoder, const struct pyn_op *op, struct pyn_view value)
{
    PyObject *result = NULL;

    if (value.len == 0) {
        PyErr_SetNone(PyExc_StopIteration);
        return NULL;
    }
    decoder->reader = pyn_reader_of(value);
    result = pyn_decode(decoder, pyn_op_end(op));
    if (result == NULL) {
        pyn_decoder_give_up(decoder);
        return NULL;
    }
    PyErr_SetObject(PyExc_StopIteration, result);
    Py_DECREF(result);
    return NULL;
}

/* Not the peer's word for it, but its word that it was ours: who threw it knows it. */
static int mark_thrown(PyObject *error, bool is_yours)
{
    return is_yours ? set(error, "_is_yours", Py_True) : 0;
}

PyObject *pyn_raise_answer(const struct pyn_answer *answer, struct pyn_link *link, const struct pyn_op *op,
                           struct pyn_book *book)
{
    struct pyn_decoder decoder = {.link = link, .party = link->host, .book = book};
    const struct pyn_error_head head = {answer->type, answer->text, answer->traceback, answer->incident};
    struct pyn_reader rd = pyn_reader_of(answer->details);
    struct pyn_details details = {0};
    PyObject *error = NULL;

    if (answer->status != PYN_OK || (answer->details.len > 0 && pyn_details_read(&rd, NULL, &details) != PYN_OK)) {
        PyErr_SetString(pyn_core.refused, "the peer's answer does not fit the declared type");
        return NULL;
    }
    if (op != NULL && pyn_op_is_step(op) && is_text(answer->type, "StopIteration")) {
        return raise_stop(&decoder, op, details.value);
    }
    if (op != NULL && pyn_op_is_async_step(op) && is_text(answer->type, "StopAsyncIteration")) {
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return NULL;
    }
    error = make_error(&decoder, &head, &details);
    if (error != NULL &&
        ((head.incident.len > 0 && add_note(error, head.incident) != 0) || mark_thrown(error, details.is_yours) != 0)) {
        Py_CLEAR(error);
    }
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}
