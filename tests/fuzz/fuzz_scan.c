/*
 * fuzz_scan.c - is there an input for which the scanner's verdict depends on how the bytes come, or which it lets in and the reader cannot
 * walk?
 *
 * Input: one byte n, then n % 8 cuts of two bytes each, then the stream. The limits are small, so that the fuzzer meets them.
 * Properties: the verdict and the length are the same for the whole stream, for the cuts, and byte by byte; what is asked for is 1 at least
 * and within the message; what closes stays closed; an accepted message is walked by the reader to exactly its end, and its parts are
 * inside it.
 */
#include "../../src/wire/message.h"
#include "../../src/wire/scan.h"

#include <stdlib.h>

enum { CUTS_MAX = 7 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pyn_limits limits = {
    .message_max = 2048, .depth_max = 8, .element_max = 200, .key_max = 16, .int_max = 40};

struct verdict {
    pyn_status st;
    size_t len;
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct verdict feed(struct pyn_scan *scan, struct pyn_view bytes)
{
    struct verdict v = {PYN_EINTERNAL, 0};
    size_t need = 0;

    v.st = pyn_scan_feed(scan, bytes, &v.len, &need);
    if (v.st == PYN_EWAIT) {
        require(need >= 1 && bytes.len + need <= limits.message_max + 1);
    } else if (v.st == PYN_OK) {
        require(v.len < bytes.len && v.len <= limits.message_max && bytes.data[v.len] == '\n');
    } else {
        size_t len = 1;
        require(pyn_status_class(v.st) == PYN_CLASS_CLOSE);
        require(pyn_scan_feed(scan, bytes, &len, &need) == v.st && len == 0 && need == 0);
    }
    return v;
}

static struct verdict feed_cut(struct pyn_view bytes, const size_t *cuts, size_t count)
{
    struct pyn_scan scan;
    struct verdict v = {PYN_EWAIT, 0};

    pyn_scan_init(&scan, &limits);
    for (size_t i = 0; v.st == PYN_EWAIT && i < count; i++) {
        v = feed(&scan, (struct pyn_view){bytes.data, cuts[i]});
    }
    return v.st == PYN_EWAIT ? feed(&scan, bytes) : v;
}

static struct verdict feed_bytewise(struct pyn_view bytes)
{
    struct pyn_scan scan;
    struct verdict v = {PYN_EWAIT, 0};

    pyn_scan_init(&scan, &limits);
    for (size_t n = 0; v.st == PYN_EWAIT && n <= bytes.len; n++) {
        v = feed(&scan, (struct pyn_view){bytes.data, n});
    }
    return v;
}

static bool is_same(struct verdict a, struct verdict b)
{
    return a.st == b.st && a.len == b.len;
}

static bool is_inside(struct pyn_view part, struct pyn_view whole)
{
    return part.len == 0 || (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

/* What was noted of the steps is what is read of them. */
static void check_places(const struct pyn_message *batch)
{
    struct pyn_reader rd = pyn_reader_of(batch->body);
    struct pyn_step read;
    struct pyn_step noted;

    for (uint32_t i = 0; i < batch->count; i++) {
        require(pyn_message_step(&rd, i, &read) == PYN_OK);
        pyn_message_noted_step(batch, i, &noted);
        require(noted.call.id == read.call.id && noted.call.is_known_ref == read.call.is_known_ref);
        require(noted.is_on_promise == read.is_on_promise && noted.has_promises == read.has_promises);
        require(noted.call.name.data == read.call.name.data && noted.call.name.len == read.call.name.len);
        require(noted.call.body.data == read.call.body.data && noted.call.body.len == read.call.body.len);
        require(noted.whole.data == read.whole.data && noted.whole.len == read.whole.len);
    }
    require(rd.at == rd.len);
}

static void check_accepted(struct pyn_view object)
{
    struct pyn_place places[PYN_STEPS_MAX];
    struct pyn_reader rd = pyn_reader_of(object);
    struct pyn_reader one = pyn_reader_of(object);
    struct pyn_item item;
    struct pyn_message m;

    require(pyn_reader_skip(&rd) == PYN_OK && rd.at == rd.len);
    while (pyn_reader_peek(&one) != PYN_W_END) {
        require(pyn_reader_peek(&one) != PYN_W_BAD);
        require(pyn_reader_next(&one, &item) == PYN_OK && is_inside(item.bytes, object));
    }
    pyn_status st = pyn_message_parse_noting(object, places, &m);
    bool is_of_batches = st == PYN_EEXT || st == PYN_ESIZE; /* a promise of a later step; too many of them */
    require(st == PYN_OK || st == PYN_EFORMAT || st == PYN_EVERSION || (is_of_batches && m.kind == PYN_M_BATCH));
    if (st == PYN_OK) {
        require(is_inside(m.name, object) && is_inside(m.text, object) && is_inside(m.traceback, object));
        require(is_inside(m.incident, object) && is_inside(m.body, object));
    }
    if (st == PYN_OK && m.kind == PYN_M_BATCH) {
        check_places(&m);
    }
}

/* The reader and the grammar are safe on any bytes, scanned or not. */
static void check_any(struct pyn_view bytes)
{
    struct pyn_reader rd = pyn_reader_of(bytes);
    struct pyn_message m;

    (void)pyn_reader_skip(&rd);
    require(rd.at <= rd.len);
    (void)pyn_message_parse(bytes, &m);
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t cuts[CUTS_MAX] = {0};

    if (size == 0) {
        return 0;
    }
    size_t count = min_size(data[0] % (CUTS_MAX + 1), (size - 1) / 2);
    struct pyn_view stream = {data + 1 + 2 * count, size - 1 - 2 * count};
    for (size_t i = 0; i < count; i++) {
        size_t step = (size_t)(data[1 + 2 * i] << 8 | data[2 + 2 * i]);
        size_t before = i == 0 ? 0 : cuts[i - 1];
        cuts[i] = before + step % (stream.len - before + 1);
    }
    struct verdict whole = feed_cut(stream, NULL, 0);
    require(is_same(whole, feed_cut(stream, cuts, count)));
    require(is_same(whole, feed_bytewise(stream)));
    if (whole.st == PYN_OK) {
        check_accepted((struct pyn_view){stream.data, whole.len});
    }
    check_any(stream);
    return 0;
}
