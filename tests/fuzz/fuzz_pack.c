/*
 * fuzz_pack.c - is what is packed what is read, in the shortest form there is, and let in by the scanner?
 *
 * Input: commands of one byte each, with what they need behind them: they append objects to a message, and open arrays and maps, which are filled up at its end.
 * Properties: the reader gives back each object as it was packed; each is as short as msgpack allows; a message of good texts passes the scanner and one with a
 * bad one does not; with a buffer that has no room for a byte of it packing fails and writes nothing beyond.
 */
#include <stdlib.h>

#include "../../src/wire/pack.h"
#include "../../src/wire/reader.h"
#include "../../src/wire/scan.h"
#include "../../src/wire/utf8.h"

enum { ITEMS_MAX = 600, OPEN_MAX = 6, BYTES_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pyn_limits limits = {
    .message_max = BYTES_MAX, .depth_max = 32, .element_max = 4096, .key_max = 4096, .int_max = 64};

struct packed {
    struct pyn_item item;
    size_t len; /* of the shortest form, with its bytes */
};

struct world {
    struct pyn_buf buf;
    struct packed items[ITEMS_MAX];
    size_t count;
    size_t left[OPEN_MAX]; /* objects that an open container lacks */
    size_t open;
    bool is_map[OPEN_MAX];
    uint64_t keys; /* of all maps: none is used twice */
    bool is_bad;   /* a text is no UTF-8, or an ext is of another length than it has */
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static size_t sized(size_t len, size_t fix, bool has_8)
{
    size_t head = 5;

    if (len <= fix) {
        head = 1;
    } else if (has_8 && len <= 0xff) {
        head = 2;
    } else if (len <= 0xffff) {
        head = 3;
    }
    return head;
}

static size_t uint_len(uint64_t value)
{
    if (value <= 0x7f) {
        return 1;
    }
    if (value <= 0xff) {
        return 2;
    }
    return value <= 0xffff ? 3 : value <= 0xffffffff ? 5 : 9;
}

static size_t int_len(int64_t value)
{
    if (value >= 0) {
        return uint_len((uint64_t)value);
    }
    if (value >= -32) {
        return 1;
    }
    return value >= INT8_MIN ? 2 : value >= INT16_MIN ? 3 : value >= INT32_MIN ? 5 : 9;
}

static size_t ext_len(size_t len)
{
    bool is_fixed = len == 1 || len == 2 || len == 4 || len == 8 || len == 16;

    return (is_fixed ? 2 : len <= 0xff ? 3 : len <= 0xffff ? 4 : 6) + len;
}

static void close_full(struct world *w)
{
    while (w->open > 0 && w->left[w->open - 1] == 0) {
        w->open--;
    }
}

/* One more object stands there. */
static void note(struct world *w, pyn_status st, const struct pyn_item *item, size_t len)
{
    require(st == PYN_OK);
    if (w->open > 0) {
        w->left[w->open - 1]--;
    }
    w->items[w->count++] = (struct packed){*item, len};
    close_full(w);
}

static void note_number(struct world *w, pyn_status st, int64_t value)
{
    struct pyn_item item = {.wire = value < 0 ? PYN_W_NINT : PYN_W_UINT};

    if (value < 0) {
        item.nint = value;
    } else {
        item.uint = (uint64_t)value;
    }
    note(w, st, &item, int_len(value));
}

static void open_container(struct world *w, uint8_t size, bool is_map)
{
    size_t count = size % 20;
    struct pyn_item item = {.wire = is_map ? PYN_W_MAP : PYN_W_ARRAY, .count = (uint32_t)count};
    pyn_status st = is_map ? pyn_pack_map(&w->buf, count) : pyn_pack_array(&w->buf, count);

    note(w, st, &item, sized(count, 15, false));
    if (count > 0) {
        w->is_map[w->open] = is_map;
        w->left[w->open++] = is_map ? 2 * count : count;
    }
}

/* So many of the bytes that are left, or all. */
static struct pyn_view take(struct pyn_view *rest, size_t len)
{
    struct pyn_view taken = {rest->data, len < rest->len ? len : rest->len};

    rest->data += taken.len;
    rest->len -= taken.len;
    return taken;
}

static uint64_t take_u64(struct pyn_view *rest)
{
    struct pyn_view bytes = take(rest, 8);
    uint64_t value = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        value = value << 8 | bytes.data[i];
    }
    return value;
}

static bool is_key_next(const struct world *w)
{
    return w->open > 0 && w->is_map[w->open - 1] && w->left[w->open - 1] % 2 == 0;
}

static void put(struct world *w, uint8_t command, struct pyn_view *rest)
{
    struct pyn_item item = {.wire = PYN_W_NIL};
    uint64_t number = 0;

    if (is_key_next(w)) {
        item = (struct pyn_item){.wire = PYN_W_UINT, .uint = w->keys++};
        note(w, pyn_pack_uint(&w->buf, item.uint), &item, uint_len(item.uint));
        return;
    }
    switch (command % 12) {
    case 0:
        note(w, pyn_pack_nil(&w->buf), &item, 1);
        break;
    case 1:
        item = (struct pyn_item){.wire = PYN_W_BOOL, .truth = command >= 128};
        note(w, pyn_pack_bool(&w->buf, item.truth), &item, 1);
        break;
    case 2:
        item = (struct pyn_item){.wire = PYN_W_UINT, .uint = take_u64(rest)};
        note(w, pyn_pack_uint(&w->buf, item.uint), &item, uint_len(item.uint));
        break;
    case 3:
        number = take_u64(rest);
        note_number(w, pyn_pack_int(&w->buf, (int64_t)number), (int64_t)number);
        break;
    case 4:
        number = take_u64(rest);
        item.wire = PYN_W_FLOAT;
        memcpy(&item.real, &number, sizeof number);
        note(w, pyn_pack_float(&w->buf, item.real), &item, 9);
        break;
    case 5:
    case 6:
        item = (struct pyn_item){.wire = PYN_W_STR, .bytes = take(rest, command)};
        w->is_bad = w->is_bad || !pyn_utf8_is_valid(item.bytes);
        note(w, pyn_pack_str(&w->buf, item.bytes.data, item.bytes.len), &item,
             sized(item.bytes.len, 31, true) + item.bytes.len);
        break;
    case 7:
        item = (struct pyn_item){.wire = PYN_W_BIN, .bytes = take(rest, 3u * command)};
        note(w, pyn_pack_bin(&w->buf, item.bytes.data, item.bytes.len), &item,
             sized(item.bytes.len, 0, true) + item.bytes.len + (item.bytes.len == 0));
        break;
    case 8:
        item = (struct pyn_item){.wire = PYN_W_EXT, .ext = PYN_EXT_UUID, .bytes = take(rest, 16)};
        w->is_bad = w->is_bad || item.bytes.len != 16;
        note(w, pyn_pack_ext(&w->buf, PYN_EXT_UUID, item.bytes.data, item.bytes.len), &item, ext_len(item.bytes.len));
        break;
    case 9:
    case 10:
        if (w->open < OPEN_MAX && w->left[w->open - 1] > 1) { /* not the last: so what is open is how deep it is */
            open_container(w, command / 12, command % 12 == 10);
        }
        break;
    default:
        break;
    }
}

static bool is_same(const struct pyn_item *a, const struct pyn_item *b)
{
    if (a->wire != b->wire) {
        return false;
    }
    switch (a->wire) {
    case PYN_W_BOOL:
        return a->truth == b->truth;
    case PYN_W_UINT:
        return a->uint == b->uint;
    case PYN_W_NINT:
        return a->nint == b->nint;
    case PYN_W_FLOAT:
        return memcmp(&a->real, &b->real, sizeof a->real) == 0;
    case PYN_W_ARRAY:
    case PYN_W_MAP:
        return a->count == b->count;
    case PYN_W_EXT:
        return a->ext == b->ext && pyn_view_is_equal(a->bytes, b->bytes);
    case PYN_W_STR:
    case PYN_W_BIN:
        return pyn_view_is_equal(a->bytes, b->bytes);
    default:
        return true;
    }
}

static void check_read(const struct world *w)
{
    struct pyn_reader rd = pyn_reader_of(pyn_buf_view(&w->buf));
    struct pyn_item item;

    for (size_t i = 0; i < w->count; i++) {
        size_t from = rd.at;
        require(pyn_reader_next(&rd, &item) == PYN_OK && is_same(&item, &w->items[i].item));
        require(rd.at - from == w->items[i].len);
    }
    require(rd.at == rd.len);
}

static void check_scan(struct world *w)
{
    struct pyn_scan scan;
    size_t len = 0;
    size_t need = 0;
    pyn_status st = PYN_EINTERNAL;

    require(pyn_pack_newline(&w->buf) == PYN_OK);
    pyn_scan_init(&scan, &limits);
    st = pyn_scan_feed(&scan, pyn_buf_view(&w->buf), &len, &need);
    require((st == PYN_OK) == !w->is_bad);
    require(st != PYN_OK || len == pyn_buf_len(&w->buf) - 1);
}

/* The same with a byte less of room than the message has: it fails, and what was there is there. */
static void check_room(struct pyn_view whole)
{
    struct pyn_buf small;

    pyn_buf_init(&small, pyn_mem_default(), whole.len);
    require(pyn_pack_bin(&small, whole.data, whole.len) != PYN_OK);
    require(pyn_buf_len(&small) <= whole.len);
    pyn_buf_fini(&small);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = calloc(1, sizeof *w);
    struct pyn_view rest = {data, size};
    struct pyn_view command = {0};

    require(w != NULL);
    pyn_buf_init(&w->buf, pyn_mem_default(), BYTES_MAX);
    open_container(w, PYN_PARTS_MAX, false); /* one message */
    while (w->open > 0 && w->count < 150 && (command = take(&rest, 1)).len == 1) {
        put(w, command.data[0], &rest);
    }
    while (w->open > 0) {
        put(w, 0, &rest);
    }
    check_read(w);
    if (pyn_buf_len(&w->buf) > 0) {
        check_room(pyn_buf_view(&w->buf));
    }
    check_scan(w);
    pyn_buf_fini(&w->buf);
    free(w);
    return 0;
}
