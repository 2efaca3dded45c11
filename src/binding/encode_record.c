/* encode_record.c - records and members of enums; see encode.h. */
#include "../wire/pack.h"
#include "encode.h"

/* Is value's class the one, or on a client, where the class may be imported under its own name, called like it? */
static bool is_named(const struct pyn_encoder *encoder, PyObject *value, PyObject *type, struct pyn_view name)
{
    PyTypeObject *real = Py_TYPE(value);
    PyObject *module = NULL;
    PyObject *text = NULL;
    PyObject *wanted = NULL;
    bool is = false;

    if (PyType_Check(type) && PyType_IsSubtype(real, (PyTypeObject *)type)) {
        return true;
    }
    if (encoder->party->is_server) {
        return false;
    }
    module = PyObject_GetAttrString((PyObject *)real, "__module__");
    text = module != NULL ? PyUnicode_FromFormat("%S:%s", module, real->tp_name) : NULL;
    wanted = pyn_str(name);
    if (text != NULL && wanted != NULL) {
        is = PyUnicode_Compare(text, wanted) == 0;
    }
    PyErr_Clear();
    Py_XDECREF(module);
    Py_XDECREF(text);
    Py_XDECREF(wanted);
    return is;
}

static PyObject *field_of(PyObject *value, PyObject *name, bool is_dict)
{
    return is_dict ? Py_XNewRef(PyDict_GetItemWithError(value, name)) : PyObject_GenericGetAttr(value, name);
}

static int encode_field(struct pyn_encoder *encoder, PyObject *value, PyObject *name, const struct pyn_field *field,
                        bool is_dict)
{
    PyObject *part = field_of(value, name, is_dict);
    enum pyn_tag tag = PYN_TAG_RECORD;
    int result = PYN_MISFIT;

    if (part != NULL) {
        result = pyn_encode(encoder, part, field->type);
        Py_DECREF(part);
    } else if (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        if (field->may_miss) {
            encoder->depth++;
            result = pyn_encode_more(encoder, 1) == 0 ? pyn_encode_array(encoder, 0, &tag) : -1;
            encoder->depth--;
        }
    } else {
        result = -1;
    }
    return result;
}

int pyn_encode_record(struct pyn_encoder *encoder, PyObject *value, const struct pyn_record *record)
{
    struct pyn_book_record *entry = pyn_book_record(encoder->book, record);
    enum pyn_tag tag = PYN_TAG_RECORD;
    bool is_dict = PyDict_Check(value);
    int result = 0;

    if (entry == NULL) {
        return -1;
    }
    if (is_dict ? entry->kind != PYN_RECORD_DICT && encoder->party->is_server
                : !is_named(encoder, value, entry->type, record->name)) {
        return PYN_MISFIT;
    }
    result = pyn_encode_array(encoder, record->count + 1u, &tag);
    if (result == 0) {
        result = pyn_encode_more(encoder, 1);
    }
    if (result == 0) {
        result = pyn_packed(encoder, pyn_pack_str(&encoder->buf, record->name.data, record->name.len));
    }
    for (uint32_t i = 0; result == 0 && i < record->count; i++) {
        result = encode_field(encoder, value, PyTuple_GET_ITEM(entry->fields, i), &record->fields[i], is_dict);
    }
    return result;
}

int pyn_encode_enum(struct pyn_encoder *encoder, PyObject *value, const struct pyn_enum *enumeration)
{
    PyObject *type = pyn_book_enum(encoder->book, enumeration);
    enum pyn_tag tag = PYN_TAG_ENUM;
    PyObject *name = NULL;
    int result = PYN_MISFIT;

    if (type == NULL) {
        return -1;
    }
    if (!is_named(encoder, value, type, enumeration->name)) {
        return PYN_MISFIT;
    }
    name = PyObject_GetAttrString(value, "name");
    if (name == NULL || !PyUnicode_Check(name)) { /* a flag that is a sum has no name */
        PyErr_Clear();
    } else {
        result = pyn_encode_array(encoder, 2, &tag);
        if (result == 0) {
            result = pyn_encode_more(encoder, 2);
        }
        if (result == 0) {
            result = pyn_packed(encoder, pyn_pack_str(&encoder->buf, enumeration->name.data, enumeration->name.len));
        }
        if (result == 0) {
            result = pyn_encode_str(encoder, name);
        }
    }
    Py_XDECREF(name);
    return result;
}
