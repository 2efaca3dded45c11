/*
 * messages.c - what the scanner and the reader make of messages: for each its status as one byte, and behind PYN_OK the canonical dump of its value.
 *
 * A batch is the limits (five numbers of four bytes: message, depth, elements, keys, integer), then the messages. messages.py has the dump.
 */
#include "frames.h"

#include "../../src/wire/reader.h"
#include "../../src/wire/scan.h"

#include <inttypes.h>

static void put_text(struct frames *frames, const char *text)
{
    frames_put(frames, text, strlen(text));
}

static void put_bytes(struct frames *frames, char kind, struct pyn_view bytes)
{
    char head[32];

    (void)snprintf(head, sizeof head, "%c%zu:", kind, bytes.len);
    put_text(frames, head);
    frames_put(frames, bytes.data, bytes.len);
}

/* Which of its many values a NaN is may get lost on the way: it is one value. */
static void put_real(struct frames *frames, double real)
{
    char text[32];
    uint64_t bits = 0;

    memcpy(&bits, &real, sizeof bits);
    (void)snprintf(text, sizeof text, real == real ? "D%016" PRIx64 ";" : "Dnan;", bits);
    put_text(frames, text);
}

static void put_item(struct frames *frames, const struct pyn_item *item)
{
    char text[32] = "?";

    switch (item->wire) {
    case PYN_W_NIL:
        put_text(frames, "N");
        break;
    case PYN_W_BOOL:
        put_text(frames, item->truth ? "T" : "F");
        break;
    case PYN_W_UINT:
        (void)snprintf(text, sizeof text, "I%" PRIu64 ";", item->uint);
        put_text(frames, text);
        break;
    case PYN_W_NINT:
        (void)snprintf(text, sizeof text, item->nint < 0 ? "I%" PRId64 ";" : "?", item->nint); /* PYN_W_NINT is negative */
        put_text(frames, text);
        break;
    case PYN_W_FLOAT:
        put_real(frames, item->real);
        break;
    case PYN_W_STR:
        put_bytes(frames, 'S', item->bytes);
        break;
    case PYN_W_BIN:
        put_bytes(frames, 'B', item->bytes);
        break;
    case PYN_W_ARRAY:
    case PYN_W_MAP:
        (void)snprintf(text, sizeof text, "%c%" PRIu32 ";", item->wire == PYN_W_MAP ? 'M' : 'A', item->count);
        put_text(frames, text);
        break;
    case PYN_W_EXT:
        (void)snprintf(text, sizeof text, "X%d:", item->ext);
        put_text(frames, text);
        put_bytes(frames, 'B', item->bytes);
        break;
    default:
        put_text(frames, text); /* no other reader has this */
        break;
    }
}

/* Objects in the order of the wire, each container's count ahead of what is in it: so no brackets are needed. */
static void put_value(struct frames *frames, struct pyn_view object)
{
    struct pyn_reader rd = pyn_reader_of(object);
    struct pyn_item item;

    while (pyn_reader_next(&rd, &item) == PYN_OK) {
        put_item(frames, &item);
    }
    if (rd.at != rd.len) {
        put_text(frames, "?");
    }
}

/* In one piece, and in two: where they differ it is PYN_EINTERNAL, a verdict that nobody shares. */
static pyn_status scan(const struct pyn_limits *limits, struct pyn_view message, size_t cut, size_t *len)
{
    struct pyn_scan whole;
    struct pyn_scan cut_up;
    size_t need = 0;
    size_t other_len = 0;

    pyn_scan_init(&whole, limits);
    pyn_scan_init(&cut_up, limits);
    pyn_status st = pyn_scan_feed(&whole, message, len, &need);
    pyn_status other = pyn_scan_feed(&cut_up, (struct pyn_view){message.data, cut}, &other_len, &need);
    if (other == PYN_EWAIT) {
        other = pyn_scan_feed(&cut_up, message, &other_len, &need);
    }
    return other == st && other_len == *len ? st : PYN_EINTERNAL;
}

static void answer(struct frames *frames, const struct pyn_limits *limits, struct pyn_view message, size_t cut)
{
    size_t at = frames_open(frames);
    size_t len = 0;
    uint8_t st = (uint8_t)scan(limits, message, cut, &len);

    frames_put(frames, &st, 1);
    if (st == PYN_OK) {
        put_value(frames, (struct pyn_view){message.data, len});
    }
    frames_close(frames, at);
}

static struct pyn_limits read_limits(struct frames *frames)
{
    struct pyn_view view = frames_take(frames);

    frames_require(view.len == 20);
    return (struct pyn_limits){
        .message_max = pyn_be_u32(view.data),
        .depth_max = pyn_be_u32(view.data + 4),
        .element_max = pyn_be_u32(view.data + 8),
        .key_max = pyn_be_u32(view.data + 12),
        .int_max = pyn_be_u32(view.data + 16),
    };
}

int main(void)
{
    struct frames frames;
    uint32_t count = 0;

    frames_init(&frames);
    while (frames_read(&frames)) {
        struct pyn_limits limits = read_limits(&frames);
        while (frames_is_more(&frames)) {
            struct pyn_view message = frames_take(&frames);
            answer(&frames, &limits, message, (count++ * 2654435761u) % (message.len + 1));
        }
        frames_write(&frames);
    }
    frames_fini(&frames);
    return 0;
}
