/* decode.c - a value that was found to fit its type becomes an object. */
#include "decode.h"

#include "large.h"
#include "netref.h"
#include "values.h"

static PyObject *broken(void)
{
    PyErr_SetString(pyn_core.protocol_error, "a value that cannot be read");
    return NULL;
}

PyObject *pyn_decode_ext(const struct pyn_item *item)
{
    switch ((enum pyn_ext)item->ext) {
    case PYN_EXT_INT:
        return pyn_int_from_bytes(item->bytes);
    case PYN_EXT_COMPLEX:
        return PyComplex_FromDoubles(pyn_load_double(item->bytes.data), pyn_load_double(item->bytes.data + 8));
    default:
        return pyn_decode_moment(item);
    }
}

/* ---- references ---- */

static PyObject *decode_home(struct pyn_decoder *decoder, uint64_t id)
{
    const struct pyn_iface *iface = NULL;
    PyObject *object = NULL;

    pyn_link_lock(decoder->link);
    if (decoder->link->over == PYN_OK) {
        object = pyn_session_object(decoder->link->session, id, &iface);
        Py_XINCREF(object);
    }
    pyn_link_unlock(decoder->link);
    if (object == NULL) { /* freed between the check and now */
        PyErr_SetString(pyn_core.refused, "not permitted");
    }
    return object;
}

/* before: where the item stands, for what is given back when it cannot be taken. */
static PyObject *decode_reference(struct pyn_decoder *decoder, const struct pyn_item *item, const struct pyn_type *type,
                                  struct pyn_reader before)
{
    const struct pyn_iface *declared = type != NULL && type->kind == PYN_T_IFACE ? type->import : NULL;
    PyObject *netref = NULL;
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_mine = false;

    if (pyn_item_ref(item, &is_mine, &id, &number) != PYN_OK) {
        return broken();
    }
    if (!is_mine) {
        return decode_home(decoder, id);
    }
    netref = pyn_netref_import(decoder->link, id, number, number == 0 ? declared : NULL);
    if (netref == NULL) {
        decoder->reader = before;
    }
    return netref;
}

void pyn_decoder_give_up(struct pyn_decoder *decoder)
{
    const struct pyn_reader *reader = &decoder->reader;
    const struct pyn_view rest = {reader->data + reader->at, reader->len - reader->at};

    pyn_link_lock(decoder->link);
    if (decoder->link->over == PYN_OK) {
        pyn_session_discard(decoder->link->session, rest);
    }
    pyn_link_unlock(decoder->link);
}

/* ---- containers ---- */

static PyObject *decode_tuple(struct pyn_decoder *decoder, const struct pyn_type *type, uint32_t count)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);

    for (uint32_t i = 0; tuple != NULL && i < count; i++) {
        const struct pyn_type *item = NULL;
        PyObject *value = NULL;
        if (type != NULL && type->kind == PYN_T_TUPLE && i < type->count) {
            item = type->items[i];
        } else if (type != NULL && type->kind == PYN_T_TUPLE_OF) {
            item = type->items[0];
        }
        value = pyn_decode(decoder, item);
        if (value == NULL) {
            Py_CLEAR(tuple);
            break;
        }
        PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, value);
    }
    return tuple;
}

static const struct pyn_type *item_type(const struct pyn_type *type, uint32_t index)
{
    return type != NULL && index < type->count && type->kind != PYN_T_DATA ? type->items[index] : NULL;
}

static PyObject *decode_list(struct pyn_decoder *decoder, const struct pyn_type *type, uint32_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);

    for (uint32_t i = 0; list != NULL && i < count; i++) {
        PyObject *value = pyn_decode(decoder, item_type(type, 0));
        if (value == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, value);
    }
    return list;
}

static PyObject *decode_set(struct pyn_decoder *decoder, const struct pyn_type *type, uint32_t count, bool is_frozen)
{
    PyObject *set = is_frozen ? PyFrozenSet_New(NULL) : PySet_New(NULL);

    for (uint32_t i = 0; set != NULL && i < count; i++) {
        PyObject *value = pyn_decode(decoder, item_type(type, 0));
        int failed = value == NULL ? -1 : PySet_Add(set, value);
        Py_XDECREF(value);
        if (failed != 0) {
            Py_CLEAR(set);
        }
    }
    return set;
}

static PyObject *decode_dict(struct pyn_decoder *decoder, const struct pyn_type *type, uint32_t pairs)
{
    PyObject *dict = PyDict_New();

    for (uint32_t i = 0; dict != NULL && i < pairs; i++) {
        PyObject *key = pyn_decode(decoder, item_type(type, 0));
        PyObject *value = key != NULL ? pyn_decode(decoder, item_type(type, 1)) : NULL;
        int failed = value == NULL ? -1 : PyDict_SetItem(dict, key, value);
        Py_XDECREF(key);
        Py_XDECREF(value);
        if (failed != 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

static PyObject *decode_steps(struct pyn_decoder *decoder, bool is_range)
{
    PyObject *parts = decode_tuple(decoder, NULL, 3);
    PyObject *value = NULL;

    if (parts != NULL && is_range) {
        value = PyObject_Call((PyObject *)&PyRange_Type, parts, NULL);
    } else if (parts != NULL) {
        value = PySlice_New(PyTuple_GET_ITEM(parts, 0), PyTuple_GET_ITEM(parts, 1), PyTuple_GET_ITEM(parts, 2));
    }
    Py_XDECREF(parts);
    return value;
}

/* ---- records and enums: only where the declared type has one ---- */

static bool is_missing(struct pyn_decoder *decoder)
{
    struct pyn_reader ahead = decoder->reader;
    struct pyn_item item;
    enum pyn_tag tag = PYN_TAG_RECORD;

    if (pyn_reader_next(&ahead, &item) != PYN_OK || item.wire != PYN_W_ARRAY || item.count != 1 ||
        pyn_reader_next(&ahead, &item) != PYN_OK || !pyn_item_tag(&item, &tag)) {
        return false;
    }
    decoder->reader = ahead;
    return true;
}

static PyObject *decode_record(struct pyn_decoder *decoder, const struct pyn_type *type)
{
    const struct pyn_record *record = type->record;
    struct pyn_book_record *entry = pyn_book_record(decoder->book, record);
    PyObject *fields = NULL;
    PyObject *none = NULL;
    PyObject *value = NULL;

    if (entry == NULL || pyn_reader_skip(&decoder->reader) != PYN_OK) { /* the class's name */
        return entry == NULL ? NULL : broken();
    }
    fields = PyDict_New();
    for (uint32_t i = 0; fields != NULL && i < record->count; i++) {
        PyObject *part = NULL;
        if (record->fields[i].may_miss && is_missing(decoder)) {
            continue;
        }
        part = pyn_decode(decoder, record->fields[i].type);
        if (part == NULL || PyDict_SetItem(fields, PyTuple_GET_ITEM(entry->fields, i), part) != 0) {
            Py_CLEAR(fields);
        }
        Py_XDECREF(part);
    }
    if (fields == NULL || entry->kind == PYN_RECORD_DICT) {
        return fields;
    }
    none = PyTuple_New(0);
    if (none != NULL) {
        value = PyObject_Call(entry->type, none, fields);
        Py_DECREF(none);
    }
    Py_DECREF(fields);
    return value;
}

static PyObject *decode_enum(struct pyn_decoder *decoder, const struct pyn_type *type)
{
    PyObject *enumeration = pyn_book_enum(decoder->book, type->enumeration);
    struct pyn_view name;
    PyObject *key = NULL;
    PyObject *member = NULL;

    if (enumeration == NULL) {
        return NULL;
    }
    if (pyn_reader_skip(&decoder->reader) != PYN_OK || pyn_reader_str(&decoder->reader, &name) != PYN_OK) {
        return broken();
    }
    key = pyn_str(name);
    member = key != NULL ? PyObject_GetItem(enumeration, key) : NULL;
    Py_XDECREF(key);
    return member;
}

/* ---- the whole ---- */

static PyObject *decode_tagged(struct pyn_decoder *decoder, const struct pyn_type *type, enum pyn_tag tag, uint32_t count)
{
    switch (tag) {
    case PYN_TAG_FROZENSET:
        return decode_set(decoder, type, count, true);
    case PYN_TAG_LIST:
        return decode_list(decoder, type, count);
    case PYN_TAG_SET:
        return decode_set(decoder, type, count, false);
    case PYN_TAG_RANGE:
        return decode_steps(decoder, true);
    case PYN_TAG_SLICE:
        return decode_steps(decoder, false);
    case PYN_TAG_RECORD:
        return type != NULL && type->kind == PYN_T_RECORD ? decode_record(decoder, type) : broken();
    case PYN_TAG_ENUM:
        return type != NULL && type->kind == PYN_T_ENUM ? decode_enum(decoder, type) : broken();
    case PYN_TAG_DICT:
        return decode_dict(decoder, type, count / 2);
    case PYN_TAG_NDARRAY:
        return type != NULL && type->kind == PYN_T_NDARRAY ? pyn_decode_ndarray(decoder, count) : broken();
    }
    return broken();
}

static PyObject *decode_array(struct pyn_decoder *decoder, const struct pyn_type *type, uint32_t count)
{
    struct pyn_reader ahead = decoder->reader;
    struct pyn_item first;
    enum pyn_tag tag = PYN_TAG_LIST;

    if (count > 0 && pyn_reader_next(&ahead, &first) == PYN_OK && pyn_item_tag(&first, &tag)) {
        decoder->reader = ahead;
        return decode_tagged(decoder, type, tag, count - 1);
    }
    return decode_tuple(decoder, type, count);
}

static PyObject *decode_item(struct pyn_decoder *decoder, const struct pyn_type *type)
{
    const struct pyn_reader before = decoder->reader;
    struct pyn_item item;

    if (pyn_reader_next(&decoder->reader, &item) != PYN_OK) {
        return broken();
    }
    switch (item.wire) {
    case PYN_W_NIL:
        return Py_NewRef(Py_None);
    case PYN_W_BOOL:
        return PyBool_FromLong(item.truth);
    case PYN_W_UINT:
        return PyLong_FromUnsignedLongLong(item.uint);
    case PYN_W_NINT:
        return PyLong_FromLongLong(item.nint);
    case PYN_W_FLOAT:
        return PyFloat_FromDouble(item.real);
    case PYN_W_STR:
        return pyn_large_str(decoder, item.bytes);
    case PYN_W_BIN:
        return pyn_decode_bin(decoder, item.bytes, type);
    case PYN_W_ARRAY:
        return decode_array(decoder, type, item.count);
    case PYN_W_MAP:
        return decode_dict(decoder, type, item.count);
    case PYN_W_EXT:
        if (item.ext == PYN_EXT_MINE || item.ext == PYN_EXT_YOURS) {
            return decode_reference(decoder, &item, type, before);
        }
        return pyn_decode_ext(&item);
    case PYN_W_END:
    case PYN_W_BAD:
        break;
    }
    return broken();
}

/* The alternative that the check took: the first that fits. */
static const struct pyn_type *chosen(struct pyn_decoder *decoder, const struct pyn_type *type)
{
    const struct pyn_type *found = NULL;

    pyn_link_lock(decoder->link);
    for (uint32_t i = 0; found == NULL && decoder->link->over == PYN_OK && i < type->count; i++) {
        const struct pyn_refs refs = pyn_session_refs(decoder->link->session);
        struct pyn_reader ahead = decoder->reader;
        if (pyn_type_fit(type->items[i], &ahead, &refs) == PYN_OK) {
            found = type->items[i];
        }
    }
    pyn_link_unlock(decoder->link);
    return found;
}

PyObject *pyn_decode(struct pyn_decoder *decoder, const struct pyn_type *type)
{
    PyObject *value = NULL;

    if (type != NULL && type->kind == PYN_T_UNION) {
        type = chosen(decoder, type);
        if (type == NULL) {
            PyErr_SetString(pyn_core.refused, "not permitted");
            return NULL;
        }
    }
    if (Py_EnterRecursiveCall(" while a value is read") == 0) {
        value = decode_item(decoder, type);
        Py_LeaveRecursiveCall();
    }
    return value;
}
