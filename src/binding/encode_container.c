/* encode_container.c - tuples, copies of lists, sets and dicts, and any data; see encode.h. */
#include "../wire/pack.h"
#include "encode.h"

/* ---- of a declared type ---- */

int pyn_encode_tuple(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    Py_ssize_t count = PyTuple_Check(value) ? PyTuple_GET_SIZE(value) : -1;
    int result = 0;

    if (count < 0 || (type->kind == PYN_T_TUPLE && (size_t)count != type->count)) {
        return PYN_MISFIT;
    }
    result = pyn_encode_array(encoder, (size_t)count, NULL);
    for (Py_ssize_t i = 0; result == 0 && i < count; i++) {
        const struct pyn_type *item = type->kind == PYN_T_TUPLE ? type->items[i] : type->items[0];
        result = pyn_encode(encoder, PyTuple_GET_ITEM(value, i), item);
    }
    return result;
}

/* A list or a set by value: of a snapshot, so that what is announced is what follows. */
static int encode_items(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *item, enum pyn_tag tag)
{
    PyObject *items = PySequence_Tuple(value);
    int result = items != NULL ? 0 : -1;

    if (result == 0 && tag != PYN_TAG_LIST) {
        result = pyn_encode_items(encoder, (size_t)PyTuple_GET_SIZE(items));
    }
    if (result == 0) {
        result = pyn_encode_array(encoder, (size_t)PyTuple_GET_SIZE(items), &tag);
    }

    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(items); i++) {
        PyObject *one = PyTuple_GET_ITEM(items, i);
        result = item != NULL ? pyn_encode(encoder, one, item) : pyn_encode_data(encoder, one);
    }
    Py_XDECREF(items);
    return result;
}

/* An int that msgpack has a form for: from -2**63 to 2**64 - 1. */
static bool is_word(PyObject *number)
{
    int overflow = 0;

    (void)PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow > 0) {
        (void)PyLong_AsUnsignedLongLong(number);
        overflow = PyErr_Occurred() ? 1 : 0;
        PyErr_Clear();
    }
    return overflow == 0;
}

static bool has_plain_keys(PyObject *dict)
{
    PyObject *key = NULL;
    Py_ssize_t at = 0;

    while (PyDict_Next(dict, &at, &key, NULL)) {
        if (!PyUnicode_CheckExact(key) && !(PyLong_CheckExact(key) && is_word(key))) {
            return false;
        }
    }
    return true;
}

static int encode_pair(struct pyn_encoder *encoder, PyObject *one, const struct pyn_type *type)
{
    return type != NULL ? pyn_encode(encoder, one, type) : pyn_encode_data(encoder, one);
}

/* types: of the key and of the value, or NULL for data. */
static int encode_dict(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *const *types)
{
    PyObject *copy = PyDict_Copy(value);
    PyObject *key = NULL;
    PyObject *item = NULL;
    Py_ssize_t at = 0;
    enum pyn_tag tag = PYN_TAG_DICT;
    size_t keys = 0; /* of a map, which is open until its last value is there */
    int result = -1;

    if (copy == NULL) {
        return -1;
    }
    if (has_plain_keys(copy)) {
        keys = (size_t)PyDict_GET_SIZE(copy);
        result = pyn_encode_open(encoder);
        if (pyn_encode_keys(encoder, keys) != 0) {
            result = -1;
        }
        if (result == 0) {
            result = pyn_packed(encoder, pyn_pack_map(&encoder->buf, (size_t)PyDict_GET_SIZE(copy)));
        }
    } else {
        result = pyn_encode_items(encoder, (size_t)PyDict_GET_SIZE(copy));
        if (result == 0) {
            result = pyn_encode_array(encoder, 2 * (size_t)PyDict_GET_SIZE(copy), &tag);
        }
    }
    while (result == 0 && PyDict_Next(copy, &at, &key, &item)) {
        result = encode_pair(encoder, key, types != NULL ? types[0] : NULL);
        if (result == 0) {
            result = encode_pair(encoder, item, types != NULL ? types[1] : NULL);
        }
    }
    encoder->key_count -= keys;
    Py_DECREF(copy);
    return result;
}

int pyn_encode_copy(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    switch (type->kind) {
    case PYN_T_FROZENSET:
        return PyFrozenSet_Check(value) ? encode_items(encoder, value, type->items[0], PYN_TAG_FROZENSET) : PYN_MISFIT;
    case PYN_T_COPY_LIST:
        return PyList_Check(value) ? encode_items(encoder, value, type->items[0], PYN_TAG_LIST) : PYN_MISFIT;
    case PYN_T_COPY_SET:
        return PySet_Check(value) ? encode_items(encoder, value, type->items[0], PYN_TAG_SET) : PYN_MISFIT;
    default:
        return PyDict_Check(value) ? encode_dict(encoder, value, type->items) : PYN_MISFIT;
    }
}

/* ---- any data ---- */

/* What may stand in a set, or be a key, where no type says more: a scalar, or a tuple of scalars. */
static bool is_plain_item(PyObject *value)
{
    bool is = true;

    if (!PyTuple_Check(value)) {
        return pyn_scalar_kind(value) != PYN_T_NEVER;
    }
    for (Py_ssize_t i = 0; is && i < PyTuple_GET_SIZE(value); i++) {
        is = pyn_scalar_kind(PyTuple_GET_ITEM(value, i)) != PYN_T_NEVER;
    }
    return is;
}

static bool has_plain_items(PyObject *value)
{
    PyObject *item = NULL;
    Py_ssize_t at = 0;
    Py_hash_t hash = 0;
    bool is = true;

    if (PyDict_Check(value)) {
        while (is && PyDict_Next(value, &at, &item, NULL)) {
            is = is_plain_item(item);
        }
    } else if (PyAnySet_Check(value)) {
        while (is && _PySet_NextEntry(value, &at, &item, &hash)) {
            is = is_plain_item(item);
        }
    }
    return is;
}

static int encode_data_container(struct pyn_encoder *encoder, PyObject *value)
{
    int result = 0;

    if (!has_plain_items(value)) {
        return PYN_MISFIT;
    }
    if (PyTuple_Check(value)) {
        result = pyn_encode_array(encoder, (size_t)PyTuple_GET_SIZE(value), NULL);
        for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(value); i++) {
            result = pyn_encode_data(encoder, PyTuple_GET_ITEM(value, i));
        }
        return result;
    }
    if (PyFrozenSet_CheckExact(value)) {
        return encode_items(encoder, value, NULL, PYN_TAG_FROZENSET);
    }
    if (PyList_CheckExact(value)) {
        return encode_items(encoder, value, NULL, PYN_TAG_LIST);
    }
    if (PySet_CheckExact(value)) {
        return encode_items(encoder, value, NULL, PYN_TAG_SET);
    }
    return PyDict_CheckExact(value) ? encode_dict(encoder, value, NULL) : PYN_MISFIT;
}

int pyn_encode_bare_data(struct pyn_encoder *encoder, PyObject *value)
{
    enum pyn_type_kind kind = pyn_scalar_kind(value);
    int result = -1;

    if (kind != PYN_T_NEVER) {
        return pyn_encode_scalar(encoder, value, kind);
    }
    if (Py_EnterRecursiveCall(" while a value is packed") == 0) {
        result = encode_data_container(encoder, value);
        Py_LeaveRecursiveCall();
    }
    return result;
}
