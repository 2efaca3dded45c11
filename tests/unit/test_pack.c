/* test_pack.c - is everything packed in its shortest form, read back as it was, and reported when it does not fit? */
#include "support.h"

#include <math.h>

#include "../../src/wire/pack.h"
#include "../../src/wire/reader.h"

static struct pyn_buf buf;

static int start(void **state)
{
    (void)state;
    pyn_buf_init(&buf, pyn_mem_default(), 1u << 20);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    pyn_buf_fini(&buf);
    return 0;
}

static struct pyn_item read_back(void)
{
    struct pyn_reader rd = pyn_reader_of(pyn_buf_view(&buf));
    struct pyn_item item;

    assert_int_equal(pyn_reader_next(&rd, &item), PYN_OK);
    pyn_buf_consume(&buf, rd.at);
    return item;
}

static void integers_take_their_shortest_form(void **state)
{
    static const struct {
        int64_t value;
        const char *hex;
    } cases[] = {
        {0, "00"},
        {127, "7f"},
        {128, "cc80"},
        {255, "ccff"},
        {256, "cd0100"},
        {65535, "cdffff"},
        {65536, "ce00010000"},
        {UINT32_MAX, "ceffffffff"},
        {INT64_C(1) << 32, "cf0000000100000000"},
        {INT64_MAX, "cf7fffffffffffffff"},
        {-1, "ff"},
        {-32, "e0"},
        {-33, "d0df"},
        {-128, "d080"},
        {-129, "d1ff7f"},
        {-32768, "d18000"},
        {-32769, "d2ffff7fff"},
        {INT32_MIN, "d280000000"},
        {(int64_t)INT32_MIN - 1, "d3ffffffff7fffffff"},
        {INT64_MIN, "d38000000000000000"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        assert_int_equal(pyn_pack_int(&buf, cases[i].value), PYN_OK);
        assert_true(support_is_hex(pyn_buf_view(&buf), cases[i].hex));
        struct pyn_item item = read_back();
        assert_true((item.wire == PYN_W_UINT ? (int64_t)item.uint : item.nint) == cases[i].value);
        if (cases[i].value >= 0) {
            assert_int_equal(pyn_pack_uint(&buf, (uint64_t)cases[i].value), PYN_OK);
            assert_true(support_is_hex(pyn_buf_view(&buf), cases[i].hex));
            pyn_buf_truncate(&buf, 0);
        }
    }
    assert_int_equal(pyn_pack_uint(&buf, UINT64_MAX), PYN_OK);
    assert_true(support_is_hex(pyn_buf_view(&buf), "cfffffffffffffffff"));
}

static void nil_bool_float_and_newline_are_as_msgpack_has_them(void **state)
{
    (void)state;
    assert_int_equal(pyn_pack_nil(&buf), PYN_OK);
    assert_int_equal(pyn_pack_bool(&buf, false), PYN_OK);
    assert_int_equal(pyn_pack_bool(&buf, true), PYN_OK);
    assert_int_equal(pyn_pack_float(&buf, 1.5), PYN_OK);
    assert_int_equal(pyn_pack_float(&buf, -0.0), PYN_OK);
    assert_int_equal(pyn_pack_newline(&buf), PYN_OK);
    assert_true(support_is_hex(pyn_buf_view(&buf), "c0 c2 c3 cb3ff8000000000000 cb8000000000000000 0a"));
}

static void floats_come_back_bit_for_bit(void **state)
{
    static const double values[] = {0.0, -0.0, 1e-320, 0.1, 1.7976931348623157e308, INFINITY, -INFINITY};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(values); i++) {
        assert_int_equal(pyn_pack_float(&buf, values[i]), PYN_OK);
        struct pyn_item item = read_back();
        assert_memory_equal(&item.real, &values[i], sizeof(double));
    }
    assert_int_equal(pyn_pack_float(&buf, NAN), PYN_OK);
    assert_true(isnan(read_back().real));
}

/* Where the header grows; the head of each kind at that length. */
static void strings_take_their_shortest_header_and_come_back(void **state)
{
    static const size_t lengths[] = {0, 1, 31, 32, 255, 256, 65535, 65536};
    static const size_t str_heads[] = {1, 1, 1, 2, 2, 3, 3, 5};
    static const size_t bin_heads[] = {2, 2, 2, 2, 2, 3, 3, 5};
    static uint8_t text[65536];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < SUPPORT_COUNT(lengths); i++) {
        size_t len = lengths[i];
        assert_int_equal(pyn_pack_str(&buf, len == 0 ? NULL : text, len), PYN_OK);
        assert_int_equal(pyn_buf_len(&buf), str_heads[i] + len);
        struct pyn_item item = read_back();
        assert_int_equal(item.wire, PYN_W_STR);
        assert_int_equal(item.bytes.len, len);
        assert_int_equal(pyn_pack_bin(&buf, len == 0 ? NULL : text, len), PYN_OK);
        assert_int_equal(pyn_buf_len(&buf), bin_heads[i] + len);
        item = read_back();
        assert_int_equal(item.wire, PYN_W_BIN);
        assert_int_equal(item.bytes.len, len);
        assert_int_equal(pyn_pack_ext(&buf, -7, text, len), PYN_OK);
        item = read_back();
        assert_int_equal(item.wire, PYN_W_EXT);
        assert_int_equal(item.ext, -7);
        assert_int_equal(item.bytes.len, len);
    }
}

static void containers_take_their_shortest_header(void **state)
{
    static const struct {
        size_t count;
        const char *array;
        const char *map;
    } cases[] = {
        {0, "90", "80"},
        {15, "9f", "8f"},
        {16, "dc0010", "de0010"},
        {65535, "dcffff", "deffff"},
        {65536, "dd00010000", "df00010000"},
        {UINT32_MAX, "ddffffffff", "dfffffffff"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        assert_int_equal(pyn_pack_array(&buf, cases[i].count), PYN_OK);
        assert_true(support_is_hex(pyn_buf_view(&buf), cases[i].array));
        pyn_buf_truncate(&buf, 0);
        assert_int_equal(pyn_pack_map(&buf, cases[i].count), PYN_OK);
        assert_true(support_is_hex(pyn_buf_view(&buf), cases[i].map));
        pyn_buf_truncate(&buf, 0);
    }
}

static void a_length_beyond_32_bits_is_refused_not_cut(void **state)
{
    size_t len = (size_t)UINT32_MAX + 1;

    (void)state;
    assert_int_equal(pyn_pack_str(&buf, "", len), PYN_ESIZE);
    assert_int_equal(pyn_pack_bin(&buf, "", len), PYN_ESIZE);
    assert_int_equal(pyn_pack_ext(&buf, 1, "", len), PYN_ESIZE);
    assert_int_equal(pyn_pack_array(&buf, len), PYN_ESIZE);
    assert_int_equal(pyn_pack_map(&buf, len), PYN_ESIZE);
    assert_int_equal(pyn_buf_len(&buf), 0);
}

static void references_and_tags_have_their_bytes(void **state)
{
    (void)state;
    assert_int_equal(pyn_pack_mine(&buf, UINT64_C(0x0102030405060708), 0x090a0b0c), PYN_OK);
    assert_true(support_is_hex(pyn_buf_view(&buf), "c70c10 0102030405060708 090a0b0c"));
    pyn_buf_truncate(&buf, 0);
    assert_int_equal(pyn_pack_yours(&buf, 5), PYN_OK);
    assert_true(support_is_hex(pyn_buf_view(&buf), "d711 0000000000000005"));
    pyn_buf_truncate(&buf, 0);
    assert_int_equal(pyn_pack_tag(&buf, PYN_TAG_DICT), PYN_OK);
    assert_true(support_is_hex(pyn_buf_view(&buf), "d41208"));
}

typedef pyn_status (*packer)(struct pyn_buf *);

static pyn_status do_nil(struct pyn_buf *b)
{
    return pyn_pack_nil(b);
}
static pyn_status do_bool(struct pyn_buf *b)
{
    return pyn_pack_bool(b, true);
}
static pyn_status do_uint(struct pyn_buf *b)
{
    return pyn_pack_uint(b, UINT64_MAX);
}
static pyn_status do_int(struct pyn_buf *b)
{
    return pyn_pack_int(b, INT64_MIN);
}
static pyn_status do_float(struct pyn_buf *b)
{
    return pyn_pack_float(b, 1);
}
static pyn_status do_str(struct pyn_buf *b)
{
    return pyn_pack_str(b, "hello", 5);
}
static pyn_status do_bin(struct pyn_buf *b)
{
    return pyn_pack_bin(b, "hello", 5);
}
static pyn_status do_array(struct pyn_buf *b)
{
    return pyn_pack_array(b, 1000);
}
static pyn_status do_map(struct pyn_buf *b)
{
    return pyn_pack_map(b, 1000);
}
static pyn_status do_tag(struct pyn_buf *b)
{
    return pyn_pack_tag(b, PYN_TAG_SET);
}
static pyn_status do_mine(struct pyn_buf *b)
{
    return pyn_pack_mine(b, 1, 2);
}
static pyn_status do_yours(struct pyn_buf *b)
{
    return pyn_pack_yours(b, 1);
}
static pyn_status do_newline(struct pyn_buf *b)
{
    return pyn_pack_newline(b);
}

static const packer packers[] = {
    do_nil, do_bool, do_uint, do_int, do_float, do_str, do_bin, do_array, do_map, do_tag, do_mine, do_yours, do_newline,
};

static void a_failed_allocation_is_reported_by_each(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(packers); i++) {
        struct support_mem m;
        struct pyn_buf poor;
        support_mem_init(&m, 1);
        pyn_buf_init(&poor, &m.mem, 1000);
        assert_int_equal(packers[i](&poor), PYN_ENOMEM);
        assert_int_equal(pyn_buf_len(&poor), 0);
        pyn_buf_fini(&poor);
        assert_int_equal(m.live, 0);
    }
}

/* At every limit below what it needs, and at that. */
static void a_full_buffer_is_reported_by_each(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(packers); i++) {
        pyn_status st = PYN_ESIZE;
        for (size_t max = 0; st != PYN_OK; max++) {
            struct pyn_buf small;
            pyn_buf_init(&small, pyn_mem_default(), max);
            st = packers[i](&small);
            assert_true(st == PYN_ESIZE || (st == PYN_OK && pyn_buf_len(&small) == max));
            assert_true(max <= 15);
            pyn_buf_fini(&small);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(integers_take_their_shortest_form, start, finish),
        cmocka_unit_test_setup_teardown(nil_bool_float_and_newline_are_as_msgpack_has_them, start, finish),
        cmocka_unit_test_setup_teardown(floats_come_back_bit_for_bit, start, finish),
        cmocka_unit_test_setup_teardown(strings_take_their_shortest_header_and_come_back, start, finish),
        cmocka_unit_test_setup_teardown(containers_take_their_shortest_header, start, finish),
        cmocka_unit_test_setup_teardown(a_length_beyond_32_bits_is_refused_not_cut, start, finish),
        cmocka_unit_test_setup_teardown(references_and_tags_have_their_bytes, start, finish),
        cmocka_unit_test(a_failed_allocation_is_reported_by_each),
        cmocka_unit_test(a_full_buffer_is_reported_by_each),
    };
    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
