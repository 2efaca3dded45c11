/*
 * reader.h - reads a message that the scanner has accepted, object by object: the one place that touches a peer's bytes.
 *
 * It checks bounds all the same, and returns PYN_EFORMAT where a message is not well formed: it is safe on any bytes, but it does not look
 * at UTF-8, duplicate keys or limits.
 *
 * Borrows: the bytes; a view that it hands out points into them.
 * Errors:  PYN_EFORMAT: the object is not of the kind that was asked for, or is cut short; the reader then stands where it stood.
 * Tests:   tests/unit/test_reader.c
 */
#ifndef PYN_READER_H
#define PYN_READER_H

#include "ext.h"
#include "status.h"
#include "view.h"

struct pyn_reader {
    const uint8_t *data;
    size_t len;
    size_t at;
};

/* What the next object is. Integers: PYN_W_UINT when not negative, whatever its form on the wire, else PYN_W_NINT. */
enum pyn_wire {
    PYN_W_END = 0,
    PYN_W_NIL,
    PYN_W_BOOL,
    PYN_W_UINT,
    PYN_W_NINT,
    PYN_W_FLOAT,
    PYN_W_STR,
    PYN_W_BIN,
    PYN_W_ARRAY,
    PYN_W_MAP,
    PYN_W_EXT,
    PYN_W_BAD, /* 0xc1, or cut short */
};

/* One object, without what is inside an array or a map. */
struct pyn_item {
    enum pyn_wire wire;
    union {
        bool truth;
        uint64_t uint;
        int64_t nint; /* < 0 */
        double real;
        uint32_t count; /* items of an array, pairs of a map */
    };
    int8_t ext;            /* PYN_W_EXT */
    struct pyn_view bytes; /* str, bin, ext */
};

static inline struct pyn_reader pyn_reader_of(struct pyn_view view)
{
    return (struct pyn_reader){view.data, view.len, 0};
}

enum pyn_wire pyn_reader_peek(const struct pyn_reader *rd);

/* Steps over one object with all that is inside it, without recursion. */
pyn_status pyn_reader_skip(struct pyn_reader *rd);

/*
 * Nearly every head is one byte long. Such a one is read where it is asked for, without a call; any other in reader.c, by the functions of
 * the same name that end in _any, which read these as well.
 */
pyn_status pyn_reader_next_any(struct pyn_reader *rd, struct pyn_item *item);
pyn_status pyn_reader_array_any(struct pyn_reader *rd, uint32_t *count);
pyn_status pyn_reader_map_any(struct pyn_reader *rd, uint32_t *count);
pyn_status pyn_reader_str_any(struct pyn_reader *rd, struct pyn_view *text);
pyn_status pyn_reader_uint_any(struct pyn_reader *rd, uint64_t *value);
pyn_status pyn_reader_int_any(struct pyn_reader *rd, int64_t *value);

enum {
    PYN_SHORT_UINT = 0x00,
    PYN_SHORT_MAP = 0x80,
    PYN_SHORT_ARRAY = 0x90,
    PYN_SHORT_STR = 0xa0,
    PYN_SHORT_NINT = 0xe0
};

/* The next byte is such a head, whose value are the other bits. */
static inline bool pyn_reader_is_short(const struct pyn_reader *rd, uint8_t form, uint8_t value_bits)
{
    return rd->at < rd->len && (rd->data[rd->at] & ~value_bits) == form;
}

/* Reads one object; behind an array's or a map's header stand its items, to be read next. */
static inline pyn_status pyn_reader_next(struct pyn_reader *rd, struct pyn_item *item)
{
    if (!pyn_reader_is_short(rd, PYN_SHORT_UINT, 0x7f)) {
        return pyn_reader_next_any(rd, item);
    }
    *item = (struct pyn_item){.wire = PYN_W_UINT, .uint = rd->data[rd->at]};
    rd->at++;
    return PYN_OK;
}

static inline pyn_status pyn_reader_array(struct pyn_reader *rd, uint32_t *count)
{
    if (!pyn_reader_is_short(rd, PYN_SHORT_ARRAY, 0x0f)) {
        return pyn_reader_array_any(rd, count);
    }
    *count = rd->data[rd->at++] & 0x0f;
    return PYN_OK;
}

static inline pyn_status pyn_reader_map(struct pyn_reader *rd, uint32_t *count)
{
    if (!pyn_reader_is_short(rd, PYN_SHORT_MAP, 0x0f)) {
        return pyn_reader_map_any(rd, count);
    }
    *count = rd->data[rd->at++] & 0x0f;
    return PYN_OK;
}

static inline pyn_status pyn_reader_str(struct pyn_reader *rd, struct pyn_view *text)
{
    size_t len = 0;

    if (!pyn_reader_is_short(rd, PYN_SHORT_STR, 0x1f)) {
        return pyn_reader_str_any(rd, text);
    }
    len = rd->data[rd->at] & 0x1f;
    if (len >= rd->len - rd->at) { /* cut short */
        *text = (struct pyn_view){NULL, 0};
        return PYN_EFORMAT;
    }
    *text = (struct pyn_view){rd->data + rd->at + 1, len};
    rd->at += 1 + len;
    return PYN_OK;
}

/* An integer from 0 to 2**64 - 1, in any of its forms. */
static inline pyn_status pyn_reader_uint(struct pyn_reader *rd, uint64_t *value)
{
    if (!pyn_reader_is_short(rd, PYN_SHORT_UINT, 0x7f)) {
        return pyn_reader_uint_any(rd, value);
    }
    *value = rd->data[rd->at++];
    return PYN_OK;
}

/* An integer from -2**63 to 2**63 - 1, in any of its forms. */
static inline pyn_status pyn_reader_int(struct pyn_reader *rd, int64_t *value)
{
    if (pyn_reader_is_short(rd, PYN_SHORT_UINT, 0x7f)) {
        *value = rd->data[rd->at++];
        return PYN_OK;
    }
    if (pyn_reader_is_short(rd, PYN_SHORT_NINT, 0x1f)) {
        *value = (int64_t)rd->data[rd->at++] - 0x100;
        return PYN_OK;
    }
    return pyn_reader_int_any(rd, value);
}

/* A reference; *mine is true for PYN_EXT_MINE (the sender's), whose interface is set then. */
pyn_status pyn_item_ref(const struct pyn_item *item, bool *mine, uint64_t *id, uint32_t *iface);

/* True when item is PYN_EXT_PROMISE; *step is set. */
bool pyn_item_promise(const struct pyn_item *item, uint32_t *step);

/* True when item is PYN_EXT_TAG; *tag is set. */
bool pyn_item_tag(const struct pyn_item *item, enum pyn_tag *tag);

#endif
