/* encode_scalar.c - what is one value: numbers, texts, ranges, literals; see encode.h. */
#include "../wire/pack.h"
#include "encode.h"

/* Beyond 64 bits: two's complement, big endian, as short as it can be. */
static int encode_big(struct pyn_encoder *encoder, PyObject *value)
{
    PyObject *bits = PyObject_CallMethod(value, "bit_length", NULL);
    Py_ssize_t len = bits != NULL ? PyLong_AsSsize_t(bits) / 8 + 1 : 0;
    size_t ours = encoder->link->quotas->limits.int_max;
    size_t most = ours < encoder->peer.int_max ? ours : encoder->peer.int_max;
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

static int encode_complex(struct pyn_encoder *encoder, PyObject *value)
{
    Py_complex number = PyComplex_AsCComplex(value);
    uint8_t bytes[16];

    pyn_store_double(bytes, number.real);
    pyn_store_double(bytes + 8, number.imag);
    return pyn_packed(encoder, pyn_pack_ext(&encoder->buf, PYN_EXT_COMPLEX, bytes, sizeof bytes));
}

/* One of a range's or slice's numbers: where they stand, msgpack's integers are all that fits. */
static int encode_step(struct pyn_encoder *encoder, PyObject *part)
{
    int overflow = 0;
    long long number = 0;

    if (!PyLong_CheckExact(part)) {
        return PYN_MISFIT;
    }
    number = PyLong_AsLongLongAndOverflow(part, &overflow);
    if (overflow != 0) {
        PyErr_SetString(PyExc_ValueError, "a range or slice with a number beyond 64 bits cannot be sent");
        return -1;
    }
    return pyn_packed(encoder, pyn_pack_int(&encoder->buf, number));
}

/* range and slice: start, stop and step. */
static int encode_steps(struct pyn_encoder *encoder, PyObject *value, enum pyn_tag tag)
{
    static const char *const names[] = {"start", "stop", "step"};
    int result = pyn_encode_array(encoder, 3, &tag);

    if (result == 0) {
        result = pyn_encode_more(encoder, 3);
    }
    for (int i = 0; result == 0 && i < 3; i++) {
        PyObject *part = PyObject_GetAttrString(value, names[i]);
        if (part == NULL) {
            return -1;
        }
        if (part == Py_None && tag == PYN_TAG_SLICE) {
            result = pyn_packed(encoder, pyn_pack_nil(&encoder->buf));
        } else {
            result = encode_step(encoder, part);
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
        return PyUnicode_Check(value) ? pyn_encode_str(encoder, value) : PYN_MISFIT;
    case PYN_T_BYTES:
        return PyBytes_Check(value)
                   ? pyn_encode_kept_bin(encoder, value, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value))
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

int pyn_encode_literal(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    static const enum pyn_type_kind kinds[] = {
        [PYN_T_LITERAL_STR] = PYN_T_STR, [PYN_T_LITERAL_INT] = PYN_T_INT, [PYN_T_LITERAL_BOOL] = PYN_T_BOOL};

    return is_literal(value, type) ? pyn_encode_scalar(encoder, value, kinds[type->kind]) : PYN_MISFIT;
}

enum pyn_type_kind pyn_scalar_kind(PyObject *value)
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
