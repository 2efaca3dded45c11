/* encode.c - a value leaves, if its declared type lets it. */
#include "../wire/pack.h"
#include "call.h"

int pyn_packed(const struct pyn_encoder *encoder, pyn_status st)
{
    if (st == PYN_OK) {
        return 0;
    }
    if (st == PYN_ESIZE) {
        PyErr_Format(pyn_core.quota_exceeded, "message: %zu", encoder->message_max);
    } else {
        PyErr_NoMemory();
    }
    return -1;
}

/* ---- the encoder ---- */

enum { AROUND = 2 }; /* containers around a value: the message, and the arguments */

void pyn_encoder_init(struct pyn_encoder *encoder, struct pyn_link *link, struct pyn_book *book, size_t ahead)
{
    size_t most = link->quotas.limits.message_max;

    *encoder = (struct pyn_encoder){.link = link, .party = link->host, .book = book, .depth = AROUND};
    pyn_link_lock(link);
    encoder->peer = *pyn_session_peer_limits(link->session);
    pyn_link_unlock(link);
    if (encoder->peer.message_max < most) {
        most = encoder->peer.message_max;
    }
    encoder->message_max = most;
    pyn_buf_init(&encoder->buf, pyn_mem_default(), most > ahead ? most - ahead : 0);
}

static void unexport(struct pyn_encoder *encoder, size_t keep)
{
    if (encoder->id_count == keep) {
        return;
    }
    pyn_link_lock(encoder->link);
    while (encoder->id_count > keep) {
        encoder->id_count--;
        if (encoder->link->over == PYN_OK) {
            pyn_session_unexport(encoder->link->session, encoder->ids[encoder->id_count]);
        }
    }
    pyn_link_unlock(encoder->link);
}

void pyn_encoder_fini(struct pyn_encoder *encoder, bool was_sent)
{
    if (!was_sent) {
        unexport(encoder, 0);
    }
    pyn_buf_fini(&encoder->buf);
    PyMem_Free(encoder->ids);
}

struct pyn_mark pyn_encoder_mark(const struct pyn_encoder *encoder)
{
    return (struct pyn_mark){pyn_buf_len(&encoder->buf), encoder->element_count, encoder->id_count};
}

void pyn_encoder_rewind(struct pyn_encoder *encoder, struct pyn_mark mark)
{
    pyn_buf_truncate(&encoder->buf, mark.len);
    encoder->element_count = mark.element_count;
    unexport(encoder, mark.id_count);
}

static int remember_id(struct pyn_encoder *encoder, uint64_t id)
{
    if (encoder->id_count == encoder->id_room) {
        size_t room = encoder->id_room == 0 ? 4 : encoder->id_room * 2;
        uint64_t *grown = PyMem_Realloc(encoder->ids, room * sizeof *grown);
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        encoder->ids = grown;
        encoder->id_room = room;
    }
    encoder->ids[encoder->id_count++] = id;
    return 0;
}

/* ---- scalars ---- */

/* Beyond 64 bits: two's complement, big endian, as short as it can be. */
static int encode_big(struct pyn_encoder *encoder, PyObject *value)
{
    PyObject *bits = PyObject_CallMethod(value, "bit_length", NULL);
    Py_ssize_t len = bits != NULL ? PyLong_AsSsize_t(bits) / 8 + 1 : 0;
    size_t most = encoder->link->quotas.limits.int_max;
    PyObject *bytes = NULL;
    const char *data = NULL;
    int result = -1;

    Py_XDECREF(bits);
    if (len > 0 && (size_t)len <= most + 1) { /* one more than needed, when it is -2**n: n bits hold it, sign and all */
        bytes = pyn_int_to_bytes(value, len);
    }
    if (bytes != NULL) {
        data = PyBytes_AS_STRING(bytes);
        if (data[0] == -1 && (data[1] & 0x80) != 0) {
            data++;
            len--;
        }
    }
    if (len > 0 && (size_t)len > most) {
        PyErr_Format(pyn_core.quota_exceeded, "integer: %zu", most);
    } else if (bytes != NULL) {
        result = pyn_packed(encoder, pyn_pack_ext(&encoder->buf, PYN_EXT_INT, data, (size_t)len));
    }
    Py_XDECREF(bytes);
    return result;
}

static int encode_int(struct pyn_encoder *encoder, PyObject *value)
{
    int overflow = 0;
    long long small = PyLong_AsLongLongAndOverflow(value, &overflow);
    unsigned long long large = 0;

    if (overflow == 0) {
        return small == -1 && PyErr_Occurred() ? -1 : pyn_packed(encoder, pyn_pack_int(&encoder->buf, small));
    }
    if (overflow > 0) {
        large = PyLong_AsUnsignedLongLong(value);
        if (!PyErr_Occurred()) {
            return pyn_packed(encoder, pyn_pack_uint(&encoder->buf, large));
        }
        PyErr_Clear();
    }
    return encode_big(encoder, value);
}

static int encode_str(struct pyn_encoder *encoder, PyObject *value)
{
    Py_ssize_t len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(value, &len);

    return text == NULL ? -1 : pyn_packed(encoder, pyn_pack_str(&encoder->buf, text, (size_t)len));
}

static int encode_complex(struct pyn_encoder *encoder, PyObject *value)
{
    Py_complex number = PyComplex_AsCComplex(value);
    uint8_t bytes[16];

    pyn_store_double(bytes, number.real);
    pyn_store_double(bytes + 8, number.imag);
    return pyn_packed(encoder, pyn_pack_ext(&encoder->buf, PYN_EXT_COMPLEX, bytes, sizeof bytes));
}

/* range and slice: start, stop and step. */
static int encode_steps(struct pyn_encoder *encoder, PyObject *value, enum pyn_tag tag)
{
    static const char *const names[] = {"start", "stop", "step"};
    pyn_status st = pyn_pack_array(&encoder->buf, 4);
    int result = pyn_packed(encoder, st == PYN_OK ? pyn_pack_tag(&encoder->buf, tag) : st);

    for (int i = 0; result == 0 && i < 3; i++) {
        PyObject *part = PyObject_GetAttrString(value, names[i]);
        if (part == NULL) {
            return -1;
        }
        if (part == Py_None && tag == PYN_TAG_SLICE) {
            result = pyn_packed(encoder, pyn_pack_nil(&encoder->buf));
        } else {
            result = PyLong_CheckExact(part) ? encode_int(encoder, part) : PYN_MISFIT;
        }
        Py_DECREF(part);
    }
    return result;
}

int pyn_encode_scalar(struct pyn_encoder *encoder, PyObject *value, enum pyn_type_kind kind)
{
    switch (kind) {
    case PYN_T_NONE:
        return value == Py_None ? pyn_packed(encoder, pyn_pack_nil(&encoder->buf)) : PYN_MISFIT;
    case PYN_T_BOOL:
        return PyBool_Check(value) ? pyn_packed(encoder, pyn_pack_bool(&encoder->buf, value == Py_True)) : PYN_MISFIT;
    case PYN_T_INT:
        return PyLong_Check(value) ? encode_int(encoder, value) : PYN_MISFIT;
    case PYN_T_FLOAT:
        if (PyFloat_Check(value)) {
            return pyn_packed(encoder, pyn_pack_float(&encoder->buf, PyFloat_AS_DOUBLE(value)));
        }
        return PyLong_Check(value) ? encode_int(encoder, value) : PYN_MISFIT;
    case PYN_T_COMPLEX:
        return PyComplex_Check(value) ? encode_complex(encoder, value) : PYN_MISFIT;
    case PYN_T_STR:
        return PyUnicode_Check(value) ? encode_str(encoder, value) : PYN_MISFIT;
    case PYN_T_BYTES:
        return PyBytes_Check(value) ? pyn_packed(encoder, pyn_pack_bin(&encoder->buf, PyBytes_AS_STRING(value),
                                                                       (size_t)PyBytes_GET_SIZE(value)))
                                    : PYN_MISFIT;
    case PYN_T_RANGE:
        return PyRange_Check(value) ? encode_steps(encoder, value, PYN_TAG_RANGE) : PYN_MISFIT;
    case PYN_T_SLICE:
        return PySlice_Check(value) ? encode_steps(encoder, value, PYN_TAG_SLICE) : PYN_MISFIT;
    default:
        return pyn_encode_moment(encoder, value, kind);
    }
}

static bool is_literal(PyObject *value, const struct pyn_type *type)
{
    Py_ssize_t len = 0;
    const char *text = NULL;
    int overflow = 0;

    if (type->kind == PYN_T_LITERAL_BOOL) {
        return value == (type->number != 0 ? Py_True : Py_False);
    }
    if (type->kind == PYN_T_LITERAL_INT) {
        return PyLong_CheckExact(value) && PyLong_AsLongLongAndOverflow(value, &overflow) == type->number &&
               overflow == 0;
    }
    text = PyUnicode_Check(value) ? PyUnicode_AsUTF8AndSize(value, &len) : NULL;
    if (text == NULL) {
        PyErr_Clear();
        return false;
    }
    return pyn_view_is_equal((struct pyn_view){(const uint8_t *)text, (size_t)len}, type->text);
}

static int encode_literal(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    static const enum pyn_type_kind kinds[] = {
        [PYN_T_LITERAL_STR] = PYN_T_STR, [PYN_T_LITERAL_INT] = PYN_T_INT, [PYN_T_LITERAL_BOOL] = PYN_T_BOOL};

    return is_literal(value, type) ? pyn_encode_scalar(encoder, value, kinds[type->kind]) : PYN_MISFIT;
}

/* ---- containers ---- */

static int open_array(struct pyn_encoder *encoder, size_t count, const enum pyn_tag *tag)
{
    pyn_status st = pyn_pack_array(&encoder->buf, count + (tag != NULL ? 1 : 0));

    return pyn_packed(encoder, st == PYN_OK && tag != NULL ? pyn_pack_tag(&encoder->buf, *tag) : st);
}

static int encode_tuple(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    Py_ssize_t count = PyTuple_Check(value) ? PyTuple_GET_SIZE(value) : -1;
    int result = 0;

    if (count < 0 || (type->kind == PYN_T_TUPLE && (size_t)count != type->count)) {
        return PYN_MISFIT;
    }
    result = open_array(encoder, (size_t)count, NULL);
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
    int result = items != NULL ? open_array(encoder, (size_t)PyTuple_GET_SIZE(items), &tag) : -1;

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
    int result = -1;

    if (copy == NULL) {
        return -1;
    }
    if (has_plain_keys(copy)) {
        result = pyn_packed(encoder, pyn_pack_map(&encoder->buf, (size_t)PyDict_GET_SIZE(copy)));
    } else {
        result = open_array(encoder, 2 * (size_t)PyDict_GET_SIZE(copy), &tag);
    }
    while (result == 0 && PyDict_Next(copy, &at, &key, &item)) {
        result = encode_pair(encoder, key, types != NULL ? types[0] : NULL);
        if (result == 0) {
            result = encode_pair(encoder, item, types != NULL ? types[1] : NULL);
        }
    }
    Py_DECREF(copy);
    return result;
}

static int encode_copy(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
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

/* ---- records and enums ---- */

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
            result = open_array(encoder, 0, &tag);
        }
    } else {
        result = -1;
    }
    return result;
}

static int encode_record(struct pyn_encoder *encoder, PyObject *value, const struct pyn_record *record)
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
    result = open_array(encoder, record->count + 1u, &tag);
    if (result == 0) {
        result = pyn_packed(encoder, pyn_pack_str(&encoder->buf, record->name.data, record->name.len));
    }
    for (uint32_t i = 0; result == 0 && i < record->count; i++) {
        result = encode_field(encoder, value, PyTuple_GET_ITEM(entry->fields, i), &record->fields[i], is_dict);
    }
    return result;
}

static int encode_enum(struct pyn_encoder *encoder, PyObject *value, const struct pyn_enum *enumeration)
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
        result = open_array(encoder, 2, &tag);
        if (result == 0) {
            result = pyn_packed(encoder, pyn_pack_str(&encoder->buf, enumeration->name.data, enumeration->name.len));
        }
        if (result == 0) {
            result = encode_str(encoder, name);
        }
    }
    Py_XDECREF(name);
    return result;
}

/* ---- references ---- */

static int export_value(struct pyn_encoder *encoder, PyObject *value, const struct pyn_iface *iface)
{
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;
    pyn_status st = PYN_EINTERNAL;

    pyn_link_lock(encoder->link);
    st = encoder->link->over;
    if (st == PYN_OK) {
        st = pyn_session_export(encoder->link->session, value, iface, &id, &number, &is_new);
        if (st == PYN_OK && is_new && !pyn_party_is_root(encoder->party, value)) {
            Py_INCREF(value);
        }
    }
    pyn_link_unlock(encoder->link);
    if (st != PYN_OK) {
        (void)(st == PYN_EQUOTA ? pyn_raise_quota(encoder->link, PYN_Q_REFERENCES)
                                : pyn_raise(st, encoder->link->reason));
        return -1;
    }
    if (remember_id(encoder, id) != 0 || pyn_link_need_background(encoder->link) != 0) {
        return -1;
    }
    return pyn_packed(encoder, pyn_pack_mine(&encoder->buf, id, number));
}

/* Which interface our own objects leave under: a server's in interfaces, a client's in imports. */
static const struct pyn_iface *leaving_iface(const struct pyn_encoder *encoder, const struct pyn_type *type)
{
    return encoder->party->is_server ? type->iface : type->import;
}

static int fits(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    const struct pyn_iface *iface = leaving_iface(encoder, type);

    if (pyn_netref_is_of(value, encoder->link)) {
        return !encoder->party->is_server || pyn_netref_iface(value) == type->import;
    }
    return iface != NULL && !iface->is_external ? pyn_book_fits(encoder->book, iface, value) : 0;
}

static int encode_reference(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    int does = fits(encoder, value, type);

    if (does <= 0) {
        return does < 0 ? -1 : PYN_MISFIT;
    }
    if (pyn_netref_is_of(value, encoder->link)) { /* it goes home */
        return pyn_netref_check(value) != 0 ? -1
                                            : pyn_packed(encoder, pyn_pack_yours(&encoder->buf, pyn_netref_id(value)));
    }
    return export_value(encoder, value, leaving_iface(encoder, type));
}

/* ---- unions ---- */

static bool is_more_derived(const struct pyn_encoder *encoder, const struct pyn_type *a, const struct pyn_type *b)
{
    const struct pyn_iface *one = leaving_iface(encoder, a);
    const struct pyn_iface *other = leaving_iface(encoder, b);
    PyObject *sub = one != NULL ? encoder->book->ifaces[one->index].type : NULL;
    PyObject *super = other != NULL ? encoder->book->ifaces[other->index].type : NULL;

    return sub != NULL && (super == NULL || PyType_IsSubtype((PyTypeObject *)sub, (PyTypeObject *)super));
}

static int encode_best_reference(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    const struct pyn_type *best = NULL;

    for (uint32_t i = 0; i < type->count; i++) {
        if (type->items[i]->kind == PYN_T_IFACE && fits(encoder, value, type->items[i]) > 0 &&
            (best == NULL || is_more_derived(encoder, type->items[i], best))) {
            best = type->items[i];
        }
    }
    return best != NULL ? encode_reference(encoder, value, best) : PYN_MISFIT;
}

/* A named tuple is a record before it is a tuple, an enum's member an enum before it is an int. */
static int rank(enum pyn_type_kind kind)
{
    return kind == PYN_T_RECORD || kind == PYN_T_ENUM ? 0 : 1;
}

static int encode_union(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    struct pyn_mark mark = pyn_encoder_mark(encoder);

    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < type->count; i++) {
            int result = PYN_MISFIT;
            if (type->items[i]->kind == PYN_T_IFACE || rank(type->items[i]->kind) != pass) {
                continue;
            }
            result = pyn_encode(encoder, value, type->items[i]);
            if (result != PYN_MISFIT) {
                return result;
            }
            pyn_encoder_rewind(encoder, mark);
        }
    }
    return encode_best_reference(encoder, value, type);
}

/* ---- the whole ---- */

/* One value more, one level deeper: what the peer would not take is not sent. */
static int enter(struct pyn_encoder *encoder)
{
    encoder->depth++;
    encoder->element_count++;
    if (encoder->depth - 1 > encoder->peer.depth_max || encoder->element_count > encoder->peer.element_max) {
        encoder->depth--;
        if (encoder->element_count > encoder->peer.element_max) {
            PyErr_Format(pyn_core.quota_exceeded, "elements: %zu", encoder->peer.element_max);
        } else {
            PyErr_Format(pyn_core.quota_exceeded, "depth: %u", encoder->peer.depth_max);
        }
        return -1;
    }
    return 0;
}

static int encode_data(struct pyn_encoder *encoder, PyObject *value);

static int encode_as(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    switch (type->kind) {
    case PYN_T_LITERAL_STR:
    case PYN_T_LITERAL_INT:
    case PYN_T_LITERAL_BOOL:
        return encode_literal(encoder, value, type);
    case PYN_T_TUPLE:
    case PYN_T_TUPLE_OF:
        return encode_tuple(encoder, value, type);
    case PYN_T_FROZENSET:
    case PYN_T_COPY_LIST:
    case PYN_T_COPY_SET:
    case PYN_T_COPY_DICT:
        return encode_copy(encoder, value, type);
    case PYN_T_ENUM:
        return encode_enum(encoder, value, type->enumeration);
    case PYN_T_RECORD:
        return encode_record(encoder, value, type->record);
    case PYN_T_IFACE:
        return encode_reference(encoder, value, type);
    case PYN_T_UNION:
        return encode_union(encoder, value, type);
    case PYN_T_DATA:
        return encode_data(encoder, value);
    case PYN_T_NEVER:
        return PYN_MISFIT;
    default:
        return pyn_encode_scalar(encoder, value, type->kind);
    }
}

int pyn_encode(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    int result = enter(encoder);

    if (result == 0) {
        result = encode_as(encoder, value, type);
        encoder->depth--;
    }
    return result;
}

static enum pyn_type_kind scalar_kind(PyObject *value)
{
    static const enum pyn_type_kind moments[] = {PYN_T_DATETIME,  PYN_T_DATE,    PYN_T_TIME,
                                                 PYN_T_TIMEDELTA, PYN_T_DECIMAL, PYN_T_UUID};

    if (value == Py_None) {
        return PYN_T_NONE;
    }
    if (PyBool_Check(value)) {
        return PYN_T_BOOL;
    }
    if (PyLong_Check(value)) {
        return PYN_T_INT;
    }
    if (PyUnicode_Check(value)) {
        return PYN_T_STR;
    }
    if (PyFloat_Check(value)) {
        return PYN_T_FLOAT;
    }
    if (PyBytes_Check(value)) {
        return PYN_T_BYTES;
    }
    if (PyComplex_Check(value)) {
        return PYN_T_COMPLEX;
    }
    if (PyRange_Check(value)) {
        return PYN_T_RANGE;
    }
    if (PySlice_Check(value)) {
        return PYN_T_SLICE;
    }
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        if (pyn_is_moment(value, moments[i])) {
            return moments[i];
        }
    }
    return PYN_T_NEVER;
}

/* What may stand in a set, or be a key, where no type says more: a scalar, or a tuple of scalars. */
static bool is_plain_item(PyObject *value)
{
    bool is = true;

    if (!PyTuple_Check(value)) {
        return scalar_kind(value) != PYN_T_NEVER;
    }
    for (Py_ssize_t i = 0; is && i < PyTuple_GET_SIZE(value); i++) {
        is = scalar_kind(PyTuple_GET_ITEM(value, i)) != PYN_T_NEVER;
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
        result = open_array(encoder, (size_t)PyTuple_GET_SIZE(value), NULL);
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

static int encode_data(struct pyn_encoder *encoder, PyObject *value)
{
    enum pyn_type_kind kind = scalar_kind(value);
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

int pyn_encode_data(struct pyn_encoder *encoder, PyObject *value)
{
    int result = enter(encoder);

    if (result == 0) {
        result = encode_data(encoder, value);
        encoder->depth--;
    }
    return result;
}
