/* reader.c - see reader.h. */
#include "reader.h"

#include "head.h"

/*
 * The head of the next object, all of whose bytes (without what is inside a container) are there. Inlined, so that it stays in registers:
 * a call is parsed in 37 ns instead of 64.
 */
static inline __attribute__((always_inline)) bool read_head(const struct pyn_reader *rd, struct pyn_head *head)
{
    size_t left = rd->len - rd->at;

    if (left == 0 || !pyn_head_read(rd->data + rd->at, left, head) || head->wire == PYN_W_BAD) {
        return false;
    }
    return pyn_head_is_container(head) || head->size <= left - head->len;
}

static void set_int(struct pyn_item *item, int64_t value)
{
    if (value >= 0) {
        item->wire = PYN_W_UINT;
        item->uint = (uint64_t)value;
    } else {
        item->wire = PYN_W_NINT;
        item->nint = value;
    }
}

/* size bytes of two's complement, 1 to 8. */
static int64_t signed_value(const uint8_t *p, uint32_t size)
{
    uint64_t value = pyn_be_uint(p, size);
    uint64_t sign = UINT64_C(1) << (8 * size - 1);

    if ((value & sign) == 0) {
        return (int64_t)value;
    }
    return -(int64_t)(sign - 1 - (value & (sign - 1))) - 1;
}

static double float_value(const uint8_t *p, uint32_t size)
{
    double real = 0;

    if (size == 4) {
        uint32_t bits = pyn_be_u32(p);
        float small = 0;
        memcpy(&small, &bits, sizeof(small));
        real = (double)small;
    } else {
        uint64_t bits = pyn_be_u64(p);
        memcpy(&real, &bits, sizeof(real));
    }
    return real;
}

/* first: the object's first byte; body: the bytes behind its head. */
static void decode(struct pyn_item *item, const struct pyn_head *head, uint8_t first, const uint8_t *body)
{
    item->wire = head->wire;
    switch (head->wire) {
    case PYN_W_BOOL:
        item->truth = first == 0xc3;
        break;
    case PYN_W_UINT:
        item->uint = head->size == 0 ? first : pyn_be_uint(body, head->size);
        break;
    case PYN_W_NINT:
        set_int(item, head->size == 0 ? (int64_t)first - 256 : signed_value(body, head->size));
        break;
    case PYN_W_FLOAT:
        item->real = float_value(body, head->size);
        break;
    case PYN_W_EXT:
        item->ext = head->code;
        item->bytes = (struct pyn_view){body, head->size};
        break;
    case PYN_W_STR:
    case PYN_W_BIN:
        item->bytes = (struct pyn_view){body, head->size};
        break;
    case PYN_W_ARRAY:
    case PYN_W_MAP:
        item->count = head->size;
        break;
    default: /* nil */
        break;
    }
}

static size_t whole_len(const struct pyn_head *head)
{
    return pyn_head_is_container(head) ? head->len : (size_t)head->len + head->size;
}

pyn_status pyn_reader_next_any(struct pyn_reader *rd, struct pyn_item *item)
{
    struct pyn_head head;

    *item = (struct pyn_item){.wire = rd->at == rd->len ? PYN_W_END : PYN_W_BAD};
    if (!read_head(rd, &head)) {
        return PYN_EFORMAT;
    }
    const uint8_t *p = rd->data + rd->at;
    decode(item, &head, p[0], p + head.len);
    rd->at += whole_len(&head);
    return PYN_OK;
}

enum pyn_wire pyn_reader_peek(const struct pyn_reader *rd)
{
    struct pyn_reader copy = *rd;
    struct pyn_head head;
    struct pyn_item item;

    if (rd->at == rd->len) {
        return PYN_W_END;
    }
    if (!read_head(rd, &head)) {
        return PYN_W_BAD;
    }
    if (head.wire != PYN_W_NINT) {
        return head.wire;
    }
    (void)pyn_reader_next(&copy, &item); /* a signed form: its value decides */
    return item.wire;
}

pyn_status pyn_reader_skip_many(struct pyn_reader *rd, uint64_t count)
{
    struct pyn_reader copy = *rd;
    struct pyn_head head;

    while (count > 0) {
        if (count > copy.len - copy.at || !read_head(&copy, &head)) { /* a byte each at least; nor can the count wrap */
            return PYN_EFORMAT;
        }
        copy.at += whole_len(&head);
        count--;
        if (pyn_head_is_container(&head)) {
            count += (uint64_t)head.size << (head.wire == PYN_W_MAP);
        }
    }
    *rd = copy;
    return PYN_OK;
}

pyn_status pyn_reader_skip(struct pyn_reader *rd)
{
    return pyn_reader_skip_many(rd, 1);
}

static pyn_status read_container(struct pyn_reader *rd, enum pyn_wire wire, uint32_t *count)
{
    struct pyn_head head;

    *count = 0;
    if (!read_head(rd, &head) || head.wire != wire) {
        return PYN_EFORMAT;
    }
    *count = head.size;
    rd->at += head.len;
    return PYN_OK;
}

pyn_status pyn_reader_array_any(struct pyn_reader *rd, uint32_t *count)
{
    return read_container(rd, PYN_W_ARRAY, count);
}

pyn_status pyn_reader_map_any(struct pyn_reader *rd, uint32_t *count)
{
    return read_container(rd, PYN_W_MAP, count);
}

pyn_status pyn_reader_str_any(struct pyn_reader *rd, struct pyn_view *text)
{
    struct pyn_head head;

    *text = (struct pyn_view){NULL, 0};
    if (!read_head(rd, &head) || head.wire != PYN_W_STR) {
        return PYN_EFORMAT;
    }
    *text = (struct pyn_view){rd->data + rd->at + head.len, head.size};
    rd->at += whole_len(&head);
    return PYN_OK;
}

pyn_status pyn_reader_uint_any(struct pyn_reader *rd, uint64_t *value)
{
    struct pyn_reader copy = *rd;
    struct pyn_item item;

    *value = 0;
    if (pyn_reader_next(&copy, &item) != PYN_OK || item.wire != PYN_W_UINT) {
        return PYN_EFORMAT;
    }
    *value = item.uint;
    *rd = copy;
    return PYN_OK;
}

pyn_status pyn_reader_int_any(struct pyn_reader *rd, int64_t *value)
{
    struct pyn_reader copy = *rd;
    struct pyn_item item;

    *value = 0;
    if (pyn_reader_next(&copy, &item) != PYN_OK) {
        return PYN_EFORMAT;
    }
    if (item.wire == PYN_W_NINT) {
        *value = item.nint;
    } else if (item.wire == PYN_W_UINT && item.uint <= INT64_MAX) {
        *value = (int64_t)item.uint;
    } else {
        return PYN_EFORMAT;
    }
    *rd = copy;
    return PYN_OK;
}

pyn_status pyn_item_ref(const struct pyn_item *item, bool *mine, uint64_t *id, uint32_t *iface)
{
    *mine = false;
    *id = 0;
    *iface = 0;
    if (item->wire != PYN_W_EXT) {
        return PYN_EFORMAT;
    }
    if (item->ext == PYN_EXT_MINE && item->bytes.len == 12) {
        *mine = true;
        *iface = pyn_be_u32(item->bytes.data + 8);
    } else if (item->ext != PYN_EXT_YOURS || item->bytes.len != 8) {
        return PYN_EFORMAT;
    }
    *id = pyn_be_u64(item->bytes.data);
    return PYN_OK;
}

bool pyn_item_promise(const struct pyn_item *item, uint32_t *step)
{
    if (item->wire != PYN_W_EXT || item->ext != PYN_EXT_PROMISE || item->bytes.len != 4) {
        return false;
    }
    *step = pyn_be_u32(item->bytes.data);
    return true;
}

bool pyn_item_tag(const struct pyn_item *item, enum pyn_tag *tag)
{
    if (item->wire != PYN_W_EXT || item->ext != PYN_EXT_TAG || item->bytes.len != 1) {
        return false;
    }
    uint8_t value = item->bytes.data[0];
    if (value < PYN_TAG_FROZENSET || value > PYN_TAG_NDARRAY) {
        return false;
    }
    *tag = (enum pyn_tag)value;
    return true;
}
