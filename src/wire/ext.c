/* ext.c - see ext_check.h. */
#include "bigend.h"
#include "ext_check.h"

enum {
    INT_MIN_SIZE = 9, /* anything shorter is a msgpack integer */
    DECIMAL_MAX_SIZE = 256,
    EXPONENT_DIGITS = 18, /* what Python's decimal can hold */
    DAY_SECONDS = 86400,
    OFFSET_SIZE = 3,
};

/* The length that a code has: one, or two (with an offset from UTC), or a range. */
struct shape {
    int8_t code;
    uint16_t size;
    uint16_t other; /* the second one, 0: none */
};

static const struct shape shapes[] = {
    {PYN_EXT_MINE, 12, 0},      {PYN_EXT_YOURS, 8, 0},   {PYN_EXT_TAG, 1, 0},   {PYN_EXT_COMPLEX, 16, 0},
    {PYN_EXT_DATETIME, 11, 14}, {PYN_EXT_DATE, 4, 0},    {PYN_EXT_TIME, 7, 10}, {PYN_EXT_TIMEDELTA, 12, 0},
    {PYN_EXT_UUID, 16, 0},      {PYN_EXT_PROMISE, 4, 0},
};

static bool is_shape(int8_t code, size_t size)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (shapes[i].code == code) {
            return size == shapes[i].size || (shapes[i].other != 0 && size == shapes[i].other);
        }
    }
    return false;
}

pyn_status pyn_ext_check_size(int8_t code, size_t size, const struct pyn_limits *limits)
{
    if (code == PYN_EXT_INT) {
        if (size < INT_MIN_SIZE) {
            return PYN_EEXT;
        }
        return size <= limits->int_max ? PYN_OK : PYN_ESIZE;
    }
    if (code == PYN_EXT_DECIMAL) {
        return size >= 1 && size <= DECIMAL_MAX_SIZE ? PYN_OK : PYN_EEXT;
    }
    return is_shape(code, size) ? PYN_OK : PYN_EEXT;
}

/* Nine bytes or more: no shorter two's complement, and no uint64 (0 and eight bytes, the first of them from 0x80). */
static bool is_int(struct pyn_view v)
{
    bool is_next_negative = v.data[1] >= 0x80;

    if (v.data[0] == 0x00) {
        return is_next_negative && v.len > INT_MIN_SIZE;
    }
    return v.data[0] != 0xff || !is_next_negative;
}

static bool is_date(const uint8_t *p)
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year = pyn_be_u16(p);
    unsigned month = p[2];
    unsigned day = p[3];
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    if (year < 1 || year > 9999 || month < 1 || month > 12) {
        return false;
    }
    return day >= 1 && day <= month_days[month - 1] + (is_leap && month == 2 ? 1u : 0u);
}

/* hour, minute, second, fold, microsecond, and an offset when there are three bytes more. */
static bool is_time(struct pyn_view v)
{
    const uint8_t *p = v.data;
    int32_t offset = v.len == 7 + OFFSET_SIZE ? pyn_be_i24(p + 7) : 0;

    if (p[0] >= 24 || p[1] >= 60 || p[2] >= 60 || p[3] > 1 || pyn_be_u24(p + 4) >= 1000000) {
        return false;
    }
    return offset > -DAY_SECONDS && offset < DAY_SECONDS;
}

static bool is_timedelta(const uint8_t *p)
{
    int64_t days = pyn_be_i32(p);

    return days >= -999999999 && days <= 999999999 && pyn_be_u32(p + 4) < DAY_SECONDS && pyn_be_u32(p + 8) < 1000000;
}

static bool take(struct pyn_view *v, const char *word)
{
    size_t len = strlen(word);

    if (v->len < len || memcmp(v->data, word, len) != 0) {
        return false;
    }
    v->data += len;
    v->len -= len;
    return true;
}

static size_t take_digits(struct pyn_view *v)
{
    size_t count = 0;

    while (count < v->len && v->data[count] >= '0' && v->data[count] <= '9') {
        count++;
    }
    v->data += count;
    v->len -= count;
    return count;
}

static void take_sign(struct pyn_view *v)
{
    if (!take(v, "-")) {
        (void)take(v, "+");
    }
}

/* [sign] (digits [. digits] [E [sign] digits] | Infinity | [s]NaN [digits]) */
static bool is_decimal(struct pyn_view v)
{
    take_sign(&v);
    if (take(&v, "Infinity")) {
        return v.len == 0;
    }
    if (take(&v, "NaN") || take(&v, "sNaN")) {
        (void)take_digits(&v);
        return v.len == 0;
    }
    if (take_digits(&v) == 0 || (take(&v, ".") && take_digits(&v) == 0)) {
        return false;
    }
    if (take(&v, "E")) {
        take_sign(&v);
        size_t digits = take_digits(&v);
        return digits >= 1 && digits <= EXPONENT_DIGITS && v.len == 0;
    }
    return v.len == 0;
}

static bool is_payload(int8_t code, struct pyn_view v)
{
    switch (code) {
    case PYN_EXT_TAG:
        return v.data[0] >= PYN_TAG_FROZENSET && v.data[0] <= PYN_TAG_NDARRAY;
    case PYN_EXT_INT:
        return is_int(v);
    case PYN_EXT_DATETIME:
        return is_date(v.data) && is_time((struct pyn_view){v.data + 4, v.len - 4});
    case PYN_EXT_DATE:
        return is_date(v.data);
    case PYN_EXT_TIME:
        return is_time(v);
    case PYN_EXT_TIMEDELTA:
        return is_timedelta(v.data);
    case PYN_EXT_DECIMAL:
        return is_decimal(v);
    default: /* references, promises, complex and UUIDs: any bits will do */
        return true;
    }
}

pyn_status pyn_ext_check(int8_t code, struct pyn_view payload, const struct pyn_limits *limits)
{
    pyn_status st = pyn_ext_check_size(code, payload.len, limits);

    if (st != PYN_OK) {
        return st;
    }
    return is_payload(code, payload) ? PYN_OK : PYN_EEXT;
}
