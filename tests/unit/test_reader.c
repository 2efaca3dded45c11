/* test_reader.c - does the reader read every form, refuse what is cut short, and stay where it stood when it refuses? */
#include "support.h"

#include <math.h>

#include "../../src/wire/head.h"
#include "../../src/wire/reader.h"

static struct pyn_reader reader_of_hex(const char *hex)
{
    return pyn_reader_of(support_bytes(hex));
}

static const struct {
    const char *hex;
    enum pyn_wire wire;
    uint64_t value; /* a negative number's bits */
} numbers[] = {
    {"00", PYN_W_UINT, 0},
    {"7f", PYN_W_UINT, 127},
    {"cc80", PYN_W_UINT, 128},
    {"cc00", PYN_W_UINT, 0},
    {"cdffff", PYN_W_UINT, 0xffff},
    {"cd0000", PYN_W_UINT, 0},
    {"ceffffffff", PYN_W_UINT, 0xffffffff},
    {"cfffffffffffffffff", PYN_W_UINT, UINT64_MAX},
    {"cf8000000000000000", PYN_W_UINT, UINT64_C(1) << 63},
    {"cf0000000000000001", PYN_W_UINT, 1},
    {"d000", PYN_W_UINT, 0},
    {"d07f", PYN_W_UINT, 127},
    {"d17fff", PYN_W_UINT, 0x7fff},
    {"d27fffffff", PYN_W_UINT, 0x7fffffff},
    {"d37fffffffffffffff", PYN_W_UINT, INT64_MAX},
    {"ff", PYN_W_NINT, (uint64_t)-1},
    {"e0", PYN_W_NINT, (uint64_t)-32},
    {"d0ff", PYN_W_NINT, (uint64_t)-1},
    {"d080", PYN_W_NINT, (uint64_t)-128},
    {"d18000", PYN_W_NINT, (uint64_t)-32768},
    {"d1ffff", PYN_W_NINT, (uint64_t)-1},
    {"d280000000", PYN_W_NINT, (uint64_t)-INT64_C(2147483648)},
    {"d3ffffffffffffffff", PYN_W_NINT, (uint64_t)-1},
    {"d38000000000000000", PYN_W_NINT, (uint64_t)INT64_MIN},
};

static void integers_are_read_by_value_whatever_their_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(numbers); i++) {
        struct pyn_reader rd = reader_of_hex(numbers[i].hex);
        struct pyn_item item;
        assert_int_equal(pyn_reader_peek(&rd), numbers[i].wire);
        assert_int_equal(pyn_reader_next(&rd, &item), PYN_OK);
        assert_int_equal(item.wire, numbers[i].wire);
        if (item.wire == PYN_W_UINT) {
            assert_true(item.uint == numbers[i].value);
        } else {
            assert_true((uint64_t)item.nint == numbers[i].value && item.nint < 0);
        }
        assert_int_equal(rd.at, rd.len);
    }
}

static void uint_and_int_take_what_fits_them_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(numbers); i++) {
        struct pyn_reader a = reader_of_hex(numbers[i].hex);
        struct pyn_reader b = a;
        bool is_uint = numbers[i].wire == PYN_W_UINT;
        bool is_int = !is_uint || numbers[i].value <= INT64_MAX;
        uint64_t u = 1;
        int64_t n = 1;
        assert_int_equal(pyn_reader_uint(&a, &u), is_uint ? PYN_OK : PYN_EFORMAT);
        assert_int_equal(pyn_reader_int(&b, &n), is_int ? PYN_OK : PYN_EFORMAT);
        assert_true(u == (is_uint ? numbers[i].value : 0));
        assert_true((uint64_t)n == (is_int ? numbers[i].value : 0));
        assert_int_equal(a.at, is_uint ? a.len : 0);
        assert_int_equal(b.at, is_int ? b.len : 0);
    }
}

static void no_other_kind_is_an_integer(void **state)
{
    static const char *const others[] = {
        "c0", "c2", "c3", "ca00000000", "cb0000000000000000", "a131", "c40131", "90", "80", "d41201", "c1", ""};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(others); i++) {
        struct pyn_reader rd = reader_of_hex(others[i]);
        uint64_t u = 0;
        int64_t n = 0;
        assert_int_equal(pyn_reader_uint(&rd, &u), PYN_EFORMAT);
        assert_int_equal(pyn_reader_int(&rd, &n), PYN_EFORMAT);
        assert_int_equal(rd.at, 0);
    }
}

static const struct {
    const char *hex;
    enum pyn_wire wire;
    size_t count; /* items, pairs, or bytes */
    int8_t ext;
} forms[] = {
    {"c0", PYN_W_NIL, 0, 0},
    {"c2", PYN_W_BOOL, 0, 0},
    {"c3", PYN_W_BOOL, 1, 0},
    {"a0", PYN_W_STR, 0, 0},
    {"a161", PYN_W_STR, 1, 0},
    {"d900", PYN_W_STR, 0, 0},
    {"d90161", PYN_W_STR, 1, 0},
    {"da000161", PYN_W_STR, 1, 0},
    {"db0000000161", PYN_W_STR, 1, 0},
    {"c400", PYN_W_BIN, 0, 0},
    {"c40161", PYN_W_BIN, 1, 0},
    {"c5000161", PYN_W_BIN, 1, 0},
    {"c60000000161", PYN_W_BIN, 1, 0},
    {"90", PYN_W_ARRAY, 0, 0},
    {"9f", PYN_W_ARRAY, 15, 0},
    {"dc0102", PYN_W_ARRAY, 0x102, 0},
    {"ddffffffff", PYN_W_ARRAY, 0xffffffff, 0},
    {"80", PYN_W_MAP, 0, 0},
    {"8f", PYN_W_MAP, 15, 0},
    {"de0102", PYN_W_MAP, 0x102, 0},
    {"dfffffffff", PYN_W_MAP, 0xffffffff, 0},
    {"d41201", PYN_W_EXT, 1, 18},
    {"d5120102", PYN_W_EXT, 2, 18},
    {"d61201020304", PYN_W_EXT, 4, 18},
    {"d7800102030405060708", PYN_W_EXT, 8, -128},
    {"d8ff01020304050607080102030405060708", PYN_W_EXT, 16, -1},
    {"c70012", PYN_W_EXT, 0, 18},
    {"c7017f61", PYN_W_EXT, 1, 127},
    {"c800011261", PYN_W_EXT, 1, 18},
    {"c9000000011261", PYN_W_EXT, 1, 18},
};

static void every_form_has_its_kind_and_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(forms); i++) {
        struct pyn_reader rd = reader_of_hex(forms[i].hex);
        struct pyn_item item;
        assert_int_equal(pyn_reader_peek(&rd), forms[i].wire);
        assert_int_equal(pyn_reader_next(&rd, &item), PYN_OK);
        assert_int_equal(item.wire, forms[i].wire);
        size_t count = item.bytes.len;
        if (item.wire == PYN_W_ARRAY || item.wire == PYN_W_MAP) {
            count = item.count;
        } else if (item.wire == PYN_W_BOOL) {
            count = item.truth;
        }
        assert_int_equal(count, forms[i].count);
        assert_int_equal(item.ext, forms[i].ext);
        assert_int_equal(rd.at, rd.len);
        assert_int_equal(pyn_reader_peek(&rd), PYN_W_END);
    }
}

static void floats_are_read_in_both_sizes(void **state)
{
    static const struct {
        const char *hex;
        double value;
    } cases[] = {
        {"ca3fc00000", 1.5},       {"cb3ff8000000000000", 1.5}, {"ca80000000", -0.0}, {"cb7ff0000000000000", INFINITY},
        {"caff800000", -INFINITY},
    };
    struct pyn_item item;

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        struct pyn_reader rd = reader_of_hex(cases[i].hex);
        assert_int_equal(pyn_reader_next(&rd, &item), PYN_OK);
        assert_int_equal(item.wire, PYN_W_FLOAT);
        assert_memory_equal(&item.real, &cases[i].value, sizeof(double));
    }
    struct pyn_reader rd = reader_of_hex("cb7ff8000000000000");
    assert_int_equal(pyn_reader_next(&rd, &item), PYN_OK);
    assert_true(isnan(item.real));
}

static void what_is_cut_short_is_refused_at_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(forms); i++) {
        struct pyn_view whole = support_bytes(forms[i].hex);
        for (size_t len = 0; len < whole.len; len++) {
            struct pyn_reader rd = pyn_reader_of((struct pyn_view){whole.data, len});
            enum pyn_wire wanted = len == 0 ? PYN_W_END : PYN_W_BAD;
            struct pyn_item item;
            assert_int_equal(pyn_reader_peek(&rd), wanted);
            assert_int_equal(pyn_reader_next(&rd, &item), PYN_EFORMAT);
            assert_int_equal(item.wire, wanted);
            assert_int_equal(pyn_reader_skip(&rd), PYN_EFORMAT);
            assert_int_equal(rd.at, 0);
        }
    }
}

static void the_byte_that_is_never_used_is_bad(void **state)
{
    struct pyn_reader rd = reader_of_hex("c1");
    struct pyn_item item;

    (void)state;
    assert_int_equal(pyn_reader_peek(&rd), PYN_W_BAD);
    assert_int_equal(pyn_reader_next(&rd, &item), PYN_EFORMAT);
    assert_int_equal(item.wire, PYN_W_BAD);
    assert_int_equal(pyn_reader_skip(&rd), PYN_EFORMAT);
}

static void asking_for_the_wrong_kind_moves_nothing(void **state)
{
    struct pyn_reader rd = reader_of_hex("93 01 02 03");
    struct pyn_view text;
    uint32_t count = 7;

    (void)state;
    assert_int_equal(pyn_reader_map(&rd, &count), PYN_EFORMAT);
    assert_int_equal(count, 0);
    assert_int_equal(pyn_reader_str(&rd, &text), PYN_EFORMAT);
    assert_int_equal(text.len, 0);
    assert_int_equal(rd.at, 0);
    assert_int_equal(pyn_reader_array(&rd, &count), PYN_OK);
    assert_int_equal(count, 3);
    assert_int_equal(rd.at, 1);
    assert_int_equal(pyn_reader_array(&rd, &count), PYN_EFORMAT);
    assert_int_equal(rd.at, 1);
}

static void bin_is_no_str(void **state)
{
    struct pyn_reader rd = reader_of_hex("c4046563686f");
    struct pyn_view text;

    (void)state;
    assert_int_equal(pyn_reader_str(&rd, &text), PYN_EFORMAT);
}

static void skip_steps_over_one_whole_object(void **state)
{
    static const struct {
        const char *hex;
        size_t len;
        pyn_status wanted;
        const char *why;
    } cases[] = {
        {"01 02", 1, PYN_OK, "a scalar"},
        {"92 01 02 03", 3, PYN_OK, "an array"},
        {"81 a161 92 01 02 03", 6, PYN_OK, "a map with an array"},
        {"90 01", 1, PYN_OK, "an empty array"},
        {"92 92 90 80 81 01 91 c0 05", 8, PYN_OK, "nested"},
        {"92 01", 0, PYN_EFORMAT, "an item is missing"},
        {"82 01 02 03", 0, PYN_EFORMAT, "a value is missing"},
        {"ddffffffff c0", 0, PYN_EFORMAT, "announces more than there is"},
        {"dfffffffff c0", 0, PYN_EFORMAT, "announces more pairs than there are"},
        {"92 01 c1", 0, PYN_EFORMAT, "a bad byte inside"},
        {"92 01 a361", 0, PYN_EFORMAT, "a str inside is cut short"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        struct pyn_reader rd = reader_of_hex(cases[i].hex);
        pyn_status st = pyn_reader_skip(&rd);
        if (st != cases[i].wanted || rd.at != cases[i].len) {
            fail_msg("%s: %s", cases[i].why, pyn_status_name(st));
        }
    }
}

static void more_objects_than_there_are_bytes_are_not_skipped(void **state)
{
    (void)state;
    static const uint64_t counts[] = {3, 4, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX}; /* [1, 2] makes two more of the last */
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct pyn_reader rd = reader_of_hex("920102"
                                             "92c0");
        assert_int_equal(pyn_reader_skip_many(&rd, counts[i]), PYN_EFORMAT);
        assert_int_equal(rd.at, 0);
    }
    struct pyn_reader rd = reader_of_hex("920102"
                                         "91c0");
    assert_int_equal(pyn_reader_skip_many(&rd, 2), PYN_OK);
    assert_int_equal(rd.at, 5);
}

static void skip_needs_no_stack_however_deep(void **state)
{
    static uint8_t deep[1000001];
    struct pyn_reader rd = pyn_reader_of((struct pyn_view){deep, sizeof(deep)});

    (void)state;
    memset(deep, 0x91, sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = 0xc0;
    assert_int_equal(pyn_reader_skip(&rd), PYN_OK);
    assert_int_equal(rd.at, rd.len);
}

static pyn_status ref_of(const char *hex, bool *mine, uint64_t *id, uint32_t *iface)
{
    struct pyn_reader rd = reader_of_hex(hex);
    struct pyn_item item;

    assert_int_equal(pyn_reader_next(&rd, &item), PYN_OK);
    return pyn_item_ref(&item, mine, id, iface);
}

static void references_are_read_and_nothing_else_is_one(void **state)
{
    static const char *const others[] = {
        "c70b10 0102030405060708 000000",     /* 11 bytes */
        "c70d10 0102030405060708 0000000000", /* 13 bytes */
        "d710 0102030405060708",              /* mine with the length of yours */
        "c70c11 010203040506070800000000",    /* yours with the length of mine */
        "d41201",                             /* a tag */
        "c4080102030405060708",               /* bin */
        "01",
    };
    bool mine = true;
    uint64_t id = 9;
    uint32_t iface = 9;

    (void)state;
    assert_int_equal(ref_of("c70c10 0102030405060708 0a0b0c0d", &mine, &id, &iface), PYN_OK);
    assert_true(mine && id == UINT64_C(0x0102030405060708) && iface == 0x0a0b0c0d);
    assert_int_equal(ref_of("d711 ffffffffffffffff", &mine, &id, &iface), PYN_OK);
    assert_true(!mine && id == UINT64_MAX && iface == 0);
    for (size_t i = 0; i < SUPPORT_COUNT(others); i++) {
        assert_int_equal(ref_of(others[i], &mine, &id, &iface), PYN_EFORMAT);
    }
}

static void tags_are_1_to_9(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        uint8_t bytes[3] = {0xd4, PYN_EXT_TAG, (uint8_t)value};
        struct pyn_reader rd = pyn_reader_of((struct pyn_view){bytes, 3});
        struct pyn_item item;
        enum pyn_tag tag = PYN_TAG_LIST;
        assert_int_equal(pyn_reader_next(&rd, &item), PYN_OK);
        assert_int_equal(pyn_item_tag(&item, &tag), value >= 1 && value <= 9);
        if (value >= 1 && value <= 9) {
            assert_int_equal(tag, value);
        }
    }
}

static void nothing_but_a_tag_is_a_tag(void **state)
{
    static const char *const others[] = {"01", "a101", "c40101", "d41101", "d5120101", "d71101 00000000000000", "c0"};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(others); i++) {
        struct pyn_reader rd = reader_of_hex(others[i]);
        struct pyn_item item;
        enum pyn_tag tag;
        assert_int_equal(pyn_reader_next(&rd, &item), PYN_OK);
        assert_false(pyn_item_tag(&item, &tag));
    }
}

static void any_bytes_are_safe(void **state)
{
    uint64_t seed = 20240229;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[24];
        size_t len = support_below(&seed, sizeof(bytes));
        for (size_t k = 0; k < len; k++) {
            bytes[k] = (uint8_t)support_random(&seed);
        }
        struct pyn_reader rd = pyn_reader_of((struct pyn_view){bytes, len});
        struct pyn_item item;
        (void)pyn_reader_skip(&rd);
        assert_true(rd.at <= len);
        while (pyn_reader_next(&rd, &item) == PYN_OK) {
            assert_true(rd.at <= len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_by_value_whatever_their_form),
        cmocka_unit_test(uint_and_int_take_what_fits_them_and_no_more),
        cmocka_unit_test(no_other_kind_is_an_integer),
        cmocka_unit_test(every_form_has_its_kind_and_length),
        cmocka_unit_test(floats_are_read_in_both_sizes),
        cmocka_unit_test(what_is_cut_short_is_refused_at_every_byte),
        cmocka_unit_test(the_byte_that_is_never_used_is_bad),
        cmocka_unit_test(asking_for_the_wrong_kind_moves_nothing),
        cmocka_unit_test(bin_is_no_str),
        cmocka_unit_test(skip_steps_over_one_whole_object),
        cmocka_unit_test(more_objects_than_there_are_bytes_are_not_skipped),
        cmocka_unit_test(skip_needs_no_stack_however_deep),
        cmocka_unit_test(references_are_read_and_nothing_else_is_one),
        cmocka_unit_test(tags_are_1_to_9),
        cmocka_unit_test(nothing_but_a_tag_is_a_tag),
        cmocka_unit_test(any_bytes_are_safe),
    };
    return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
