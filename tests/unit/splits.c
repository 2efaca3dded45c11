/* splits.c - see splits.h. */
#include "splits.h"

#include <stdlib.h>

enum {
    LINE_MAX_LEN = 2 << 20,
    LONG = 1024,       /* bytes from which not every cut is tried */
    EXACT_MAX = 65536, /* bytes up to which each piece has a block of its own */
};

static pyn_status feed_exact(struct pyn_scan *scan, struct pyn_view bytes, size_t *len, size_t *need)
{
    if (bytes.len > EXACT_MAX) {
        return pyn_scan_feed(scan, bytes, len, need);
    }
    uint8_t *copy = malloc(bytes.len + (bytes.len == 0));
    assert_non_null(copy);
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    pyn_status st = pyn_scan_feed(scan, (struct pyn_view){copy, bytes.len}, len, need);
    free(copy);
    return st;
}

static pyn_status feed_checked(struct pyn_scan *scan, struct pyn_view bytes, size_t *len)
{
    size_t need = 0;
    size_t other = 0;
    pyn_status st = feed_exact(scan, bytes, len, &need);

    if (st == PYN_EWAIT) {
        assert_true(need >= 1);
        assert_true(bytes.len <= scan->limits->message_max && need - 1 <= scan->limits->message_max - bytes.len);
        assert_int_equal(*len, 0);
    } else if (st == PYN_OK) {
        assert_true(*len < bytes.len && bytes.data[*len] == '\n');
    } else {
        assert_int_equal(pyn_status_class(st), PYN_CLASS_CLOSE);
        assert_int_equal(pyn_scan_feed(scan, bytes, &other, &need), st);
        assert_int_equal(pyn_scan_feed(scan, (struct pyn_view){NULL, 0}, &other, &need), st);
    }
    return st;
}

pyn_status splits_scan(struct pyn_view bytes, const struct pyn_limits *limits, const size_t *cuts, size_t cut_count,
                       size_t *len)
{
    struct pyn_scan scan;
    pyn_status st = PYN_EWAIT;

    pyn_scan_init(&scan, limits);
    for (size_t i = 0; st == PYN_EWAIT && i < cut_count; i++) {
        st = feed_checked(&scan, (struct pyn_view){bytes.data, cuts[i]}, len);
    }
    return st == PYN_EWAIT ? feed_checked(&scan, bytes, len) : st;
}

static pyn_status scan_byte_by_byte(struct pyn_view bytes, const struct pyn_limits *limits, size_t *len)
{
    struct pyn_scan scan;
    pyn_status st = PYN_EWAIT;

    pyn_scan_init(&scan, limits);
    for (size_t n = 0; st == PYN_EWAIT && n <= bytes.len; n++) {
        size_t need = 0;
        st = bytes.len > LONG ? pyn_scan_feed(&scan, (struct pyn_view){bytes.data, n}, len, &need)
                              : feed_checked(&scan, (struct pyn_view){bytes.data, n}, len);
    }
    return st;
}

void splits_check(struct pyn_view bytes, const struct pyn_limits *limits, pyn_status wanted, const char *why)
{
    size_t whole_len = 0;
    size_t len = 0;
    size_t step = bytes.len > LONG ? bytes.len / 61 : 1;
    pyn_status st = splits_scan(bytes, limits, NULL, 0, &whole_len);

    if (st != wanted) {
        fail_msg("%s: %s, not %s", why, pyn_status_name(st), pyn_status_name(wanted));
    }
    for (size_t cut = 0; cut <= bytes.len; cut += step) {
        st = splits_scan(bytes, limits, &cut, 1, &len);
        if (st != wanted || len != whole_len) {
            fail_msg("%s, cut at %zu: %s, not %s", why, cut, pyn_status_name(st), pyn_status_name(wanted));
        }
    }
    st = scan_byte_by_byte(bytes, limits, &len);
    if (st != wanted || len != whole_len) {
        fail_msg("%s, byte by byte: %s, not %s", why, pyn_status_name(st), pyn_status_name(wanted));
    }
}

struct pyn_view splits_line(struct pyn_view object)
{
    static uint8_t line[LINE_MAX_LEN];

    assert_true(object.len < sizeof(line));
    memcpy(line, object.data, object.len);
    line[object.len] = '\n';
    return (struct pyn_view){line, object.len + 1};
}
