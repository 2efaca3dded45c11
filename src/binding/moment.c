/* moment.c - the scalars of datetime, decimal and uuid, and the numbers that C has no type for. */
#include "values.h"

#include <datetime.h>

#include "../wire/pack.h"

enum { UTC_OFFSET_LEN = 3 };

/* ---- numbers ---- */

/* args: taken; NULL: an exception is set, with which nothing may be looked up. */
static PyObject *int_method(const char *name, PyObject *args)
{
    PyObject *method = args != NULL ? PyObject_GetAttrString((PyObject *)&PyLong_Type, name) : NULL;
    PyObject *signed_too = method != NULL ? Py_BuildValue("{s:O}", "signed", Py_True) : NULL;
    PyObject *result = signed_too != NULL ? PyObject_Call(method, args, signed_too) : NULL;

    Py_XDECREF(method);
    Py_XDECREF(signed_too);
    Py_XDECREF(args);
    return result;
}

PyObject *pyn_int_to_bytes(PyObject *number, Py_ssize_t len)
{
    return int_method("to_bytes", Py_BuildValue("(Ons)", number, len, "big"));
}

PyObject *pyn_int_from_bytes(struct pyn_view bytes)
{
    return int_method("from_bytes", Py_BuildValue("(y#s)", (const char *)bytes.data, (Py_ssize_t)bytes.len, "big"));
}

static void store(uint8_t *out, uint64_t value, int len)
{
    for (int i = len - 1; i >= 0; i--) {
        out[i] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t load(const uint8_t *data, int len)
{
    uint64_t value = 0;

    for (int i = 0; i < len; i++) {
        value = value << 8 | data[i];
    }
    return value;
}

static int load_offset(const uint8_t *data)
{
    int value = (int)load(data, UTC_OFFSET_LEN);

    return value >= 0x800000 ? value - 0x1000000 : value;
}

void pyn_store_double(uint8_t *out, double value)
{
    uint64_t bits = 0;

    memcpy(&bits, &value, sizeof bits);
    store(out, bits, 8);
}

double pyn_load_double(const uint8_t *data)
{
    uint64_t bits = load(data, 8);
    double value = 0;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- out ---- */

int pyn_values_init(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI != NULL ? 0 : -1;
}

bool pyn_is_moment(PyObject *value, enum pyn_type_kind kind)
{
    switch (kind) {
    case PYN_T_DATETIME:
        return PyDateTime_Check(value);
    case PYN_T_DATE:
        return PyDate_Check(value) && !PyDateTime_Check(value);
    case PYN_T_TIME:
        return PyTime_Check(value);
    case PYN_T_TIMEDELTA:
        return PyDelta_Check(value);
    case PYN_T_DECIMAL:
        return Py_IS_TYPE(value, (PyTypeObject *)pyn_core.decimal);
    case PYN_T_UUID:
        return Py_IS_TYPE(value, (PyTypeObject *)pyn_core.uuid);
    default:
        return false;
    }
}

/* The distance to UTC in whole seconds: -1 exception, 0 naive, 1 aware. A class of its own for time zones is asked only if it is Python's. */
static int utc_offset(PyObject *value, PyObject *zone, int *seconds)
{
    PyObject *offset = NULL;
    int result = -1;

    if (zone == Py_None) {
        return 0;
    }
    offset = PyObject_CallMethod(value, "utcoffset", NULL);
    if (offset == Py_None) {
        result = 0;
    } else if (offset != NULL && PyDelta_Check(offset)) {
        *seconds = PyDateTime_DELTA_GET_DAYS(offset) * 86400 + PyDateTime_DELTA_GET_SECONDS(offset);
        result = 1;
        if (PyDateTime_DELTA_GET_MICROSECONDS(offset) != 0) {
            PyErr_SetString(PyExc_ValueError, "a UTC offset of less than a second cannot be sent");
            result = -1;
        }
    }
    Py_XDECREF(offset);
    return result;
}

static int pack_aware(struct pyn_encoder *encoder, enum pyn_ext code, uint8_t *bytes, size_t len, int has_zone,
                      int seconds)
{
    if (has_zone < 0) {
        return -1;
    }
    if (has_zone > 0) {
        store(bytes + len, (uint64_t)(int64_t)seconds & 0xffffff, UTC_OFFSET_LEN);
        len += UTC_OFFSET_LEN;
    }
    return pyn_packed(encoder, pyn_pack_ext(&encoder->buf, (int8_t)code, bytes, len));
}

static int encode_datetime(struct pyn_encoder *encoder, PyObject *value)
{
    uint8_t bytes[14];
    int seconds = 0;
    int has_zone = utc_offset(value, PyDateTime_DATE_GET_TZINFO(value), &seconds);

    store(bytes, (uint64_t)PyDateTime_GET_YEAR(value), 2);
    bytes[2] = (uint8_t)PyDateTime_GET_MONTH(value);
    bytes[3] = (uint8_t)PyDateTime_GET_DAY(value);
    bytes[4] = (uint8_t)PyDateTime_DATE_GET_HOUR(value);
    bytes[5] = (uint8_t)PyDateTime_DATE_GET_MINUTE(value);
    bytes[6] = (uint8_t)PyDateTime_DATE_GET_SECOND(value);
    bytes[7] = (uint8_t)PyDateTime_DATE_GET_FOLD(value);
    store(bytes + 8, (uint64_t)PyDateTime_DATE_GET_MICROSECOND(value), 3);
    return pack_aware(encoder, PYN_EXT_DATETIME, bytes, 11, has_zone, seconds);
}

static int encode_time(struct pyn_encoder *encoder, PyObject *value)
{
    uint8_t bytes[10];
    int seconds = 0;
    int has_zone = utc_offset(value, PyDateTime_TIME_GET_TZINFO(value), &seconds);

    bytes[0] = (uint8_t)PyDateTime_TIME_GET_HOUR(value);
    bytes[1] = (uint8_t)PyDateTime_TIME_GET_MINUTE(value);
    bytes[2] = (uint8_t)PyDateTime_TIME_GET_SECOND(value);
    bytes[3] = (uint8_t)PyDateTime_TIME_GET_FOLD(value);
    store(bytes + 4, (uint64_t)PyDateTime_TIME_GET_MICROSECOND(value), 3);
    return pack_aware(encoder, PYN_EXT_TIME, bytes, 7, has_zone, seconds);
}

static int encode_date(struct pyn_encoder *encoder, PyObject *value)
{
    uint8_t bytes[4];

    store(bytes, (uint64_t)PyDateTime_GET_YEAR(value), 2);
    bytes[2] = (uint8_t)PyDateTime_GET_MONTH(value);
    bytes[3] = (uint8_t)PyDateTime_GET_DAY(value);
    return pyn_packed(encoder, pyn_pack_ext(&encoder->buf, PYN_EXT_DATE, bytes, sizeof bytes));
}

static int encode_timedelta(struct pyn_encoder *encoder, PyObject *value)
{
    uint8_t bytes[12];

    store(bytes, (uint32_t)PyDateTime_DELTA_GET_DAYS(value), 4);
    store(bytes + 4, (uint32_t)PyDateTime_DELTA_GET_SECONDS(value), 4);
    store(bytes + 8, (uint32_t)PyDateTime_DELTA_GET_MICROSECONDS(value), 4);
    return pyn_packed(encoder, pyn_pack_ext(&encoder->buf, PYN_EXT_TIMEDELTA, bytes, sizeof bytes));
}

static int encode_decimal(struct pyn_encoder *encoder, PyObject *value)
{
    PyObject *text = PyObject_Str(value);
    Py_ssize_t len = 0;
    const char *data = text != NULL ? PyUnicode_AsUTF8AndSize(text, &len) : NULL;
    int result = -1;

    if (data != NULL && len > 256) {
        PyErr_SetString(PyExc_ValueError, "a Decimal of more than 256 characters cannot be sent");
    } else if (data != NULL) {
        result = pyn_packed(encoder, pyn_pack_ext(&encoder->buf, PYN_EXT_DECIMAL, data, (size_t)len));
    }
    Py_XDECREF(text);
    return result;
}

static int encode_uuid(struct pyn_encoder *encoder, PyObject *value)
{
    PyObject *bytes = PyObject_GetAttrString(value, "bytes");
    int result = -1;

    if (bytes != NULL && PyBytes_Check(bytes) && PyBytes_GET_SIZE(bytes) == 16) {
        result = pyn_packed(encoder, pyn_pack_ext(&encoder->buf, PYN_EXT_UUID, PyBytes_AS_STRING(bytes), 16));
    }
    Py_XDECREF(bytes);
    return result;
}

int pyn_encode_moment(struct pyn_encoder *encoder, PyObject *value, enum pyn_type_kind kind)
{
    if (!pyn_is_moment(value, kind)) {
        return PYN_MISFIT;
    }
    switch (kind) {
    case PYN_T_DATETIME:
        return encode_datetime(encoder, value);
    case PYN_T_DATE:
        return encode_date(encoder, value);
    case PYN_T_TIME:
        return encode_time(encoder, value);
    case PYN_T_TIMEDELTA:
        return encode_timedelta(encoder, value);
    case PYN_T_DECIMAL:
        return encode_decimal(encoder, value);
    default:
        return encode_uuid(encoder, value);
    }
}

/* ---- in: lengths and ranges were checked by the scanner ---- */

/* A new datetime.timezone, or None. */
static PyObject *decode_zone(const uint8_t *data, bool has_zone)
{
    PyObject *offset = NULL;
    PyObject *zone = NULL;

    if (!has_zone) {
        return Py_NewRef(Py_None);
    }
    offset = PyDelta_FromDSU(0, load_offset(data), 0);
    zone = offset != NULL ? PyTimeZone_FromOffset(offset) : NULL;
    Py_XDECREF(offset);
    return zone;
}

static PyObject *decode_datetime(struct pyn_view bytes)
{
    const uint8_t *at = bytes.data;
    PyObject *zone = decode_zone(at + 11, bytes.len > 11);
    PyObject *value = NULL;

    if (zone != NULL) {
        value = PyDateTimeAPI->DateTime_FromDateAndTimeAndFold((int)load(at, 2), at[2], at[3], at[4], at[5], at[6],
                                                               (int)load(at + 8, 3), zone, at[7],
                                                               PyDateTimeAPI->DateTimeType);
        Py_DECREF(zone);
    }
    return value;
}

static PyObject *decode_time(struct pyn_view bytes)
{
    const uint8_t *at = bytes.data;
    PyObject *zone = decode_zone(at + 7, bytes.len > 7);
    PyObject *value = NULL;

    if (zone != NULL) {
        value = PyDateTimeAPI->Time_FromTimeAndFold(at[0], at[1], at[2], (int)load(at + 4, 3), zone, at[3],
                                                    PyDateTimeAPI->TimeType);
        Py_DECREF(zone);
    }
    return value;
}

PyObject *pyn_decode_moment(const struct pyn_item *item)
{
    const uint8_t *at = item->bytes.data;
    const char *text = (const char *)at;

    switch ((enum pyn_ext)item->ext) {
    case PYN_EXT_DATETIME:
        return decode_datetime(item->bytes);
    case PYN_EXT_DATE:
        return PyDate_FromDate((int)load(at, 2), at[2], at[3]);
    case PYN_EXT_TIME:
        return decode_time(item->bytes);
    case PYN_EXT_TIMEDELTA:
        return PyDelta_FromDSU((int32_t)(uint32_t)load(at, 4), (int)load(at + 4, 4), (int)load(at + 8, 4));
    case PYN_EXT_DECIMAL:
        return PyObject_CallFunction(pyn_core.decimal, "s#", text, (Py_ssize_t)item->bytes.len);
    case PYN_EXT_UUID:
        return PyObject_CallFunction(pyn_core.uuid, "Oy#", Py_None, text, (Py_ssize_t)item->bytes.len);
    default:
        PyErr_SetString(pyn_core.protocol_error, "an ext type that is not known");
        return NULL;
    }
}
