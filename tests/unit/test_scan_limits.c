/* test_scan_limits.c - does each limit of a message hold at N - 1, N and N + 1, as early as it can be known? */
#include "splits.h"

#include "../../src/wire/pack.h"

static struct pyn_buf buf;
static struct pyn_limits limits;

static int start(void **state)
{
    (void)state;
    limits = PYN_LIMITS_DEFAULT;
    pyn_buf_init(&buf, pyn_mem_default(), 4u << 20);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    pyn_buf_fini(&buf);
    return 0;
}

static void put_array(size_t count)
{
    assert_int_equal(pyn_pack_array(&buf, count), PYN_OK);
}

static void put_nils(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pyn_pack_nil(&buf), PYN_OK);
    }
}

/* What was packed, with a newline, for every split; then the buffer is empty again. */
static void check(pyn_status wanted, const char *why)
{
    assert_int_equal(pyn_pack_newline(&buf), PYN_OK);
    splits_check(pyn_buf_view(&buf), &limits, wanted, why);
    pyn_buf_truncate(&buf, 0);
}

static void a_message_has_message_max_bytes(void **state)
{
    static const struct {
        size_t text;
        pyn_status wanted;
    } cases[] = {{96, PYN_OK}, {97, PYN_OK}, {98, PYN_ESIZE}};

    (void)state;
    limits.message_max = 100;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        char text[100];
        memset(text, 'x', sizeof(text));
        put_array(1);
        assert_int_equal(pyn_pack_str(&buf, text, cases[i].text), PYN_OK);
        assert_int_equal(pyn_buf_len(&buf), 3 + cases[i].text);
        check(cases[i].wanted, "a str that fills the message");
    }
}

/* What is announced behind a str counts as a byte each: the str is refused at its header. */
static void what_is_still_pending_takes_its_room(void **state)
{
    static const struct {
        const char *hex;
        pyn_status wanted;
        const char *why;
    } cases[] = {
        {"91 a8", PYN_EWAIT, "1 + 9 bytes"},
        {"91 a9", PYN_ESIZE, "1 + 10 bytes"},
        {"92 a7", PYN_EWAIT, "1 + 8 bytes, and one more object"},
        {"92 a8", PYN_ESIZE, "1 + 9 bytes, and one more object"},
        {"92 dc0005", PYN_EWAIT, "an array that fits, and one more object"},
        {"92 dc0006", PYN_ESIZE, "an array that does not"},
        {"92 de0002", PYN_EWAIT, "a map that fits"},
        {"92 de0003", PYN_ESIZE, "a map that does not"},
        {"91 dbffffffff", PYN_ESIZE, "a length of 4 GiB"},
        {"91 c6ffffffff", PYN_ESIZE, "the same as bin"},
        {"91 c9ffffffff13", PYN_ESIZE, "the same as ext"},
        {"91 ddffffffff", PYN_ESIZE, "the same as an array"},
        {"91 dfffffffff", PYN_ESIZE, "the same as a map"},
        {"91 c4", PYN_EWAIT, "a head of two bytes"},
        {"98 c0 cc", PYN_EWAIT, "a number of two bytes that fits"},
        {"98 c0 c0 cd0000", PYN_ESIZE, "a number of three bytes that does not"},
        {"98 c0 c0 c5", PYN_ESIZE, "a head that cannot be whole any more"},
    };

    (void)state;
    limits.message_max = 10;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        splits_check(support_bytes(cases[i].hex), &limits, cases[i].wanted, cases[i].why);
    }
}

static void a_head_that_just_fits_is_waited_for(void **state)
{
    (void)state;
    limits.message_max = 3;
    splits_check(support_bytes("91 c400 0a"), &limits, PYN_OK, "an empty bin");
    splits_check(support_bytes("91 c5"), &limits, PYN_ESIZE, "a byte too many");
    limits.message_max = 6;
    splits_check(support_bytes("91 dd00000000 0a"), &limits, PYN_OK, "an empty array in its longest form");
    splits_check(support_bytes("91 c9"), &limits, PYN_ESIZE, "a head of six bytes behind one");
}

static void a_newline_does_not_count(void **state)
{
    (void)state;
    limits.message_max = 1;
    splits_check(support_bytes("90 0a"), &limits, PYN_OK, "one byte");
    splits_check(support_bytes("91 c0 0a"), &limits, PYN_ESIZE, "two bytes");
    limits.message_max = 0;
    splits_check(support_bytes("90 0a"), &limits, PYN_ESIZE, "nothing is let in");
}

static void put_nested(uint32_t depth, uint8_t opener)
{
    uint8_t bytes[2] = {opener, 0x00}; /* a map has a key in front */

    for (uint32_t i = 1; i < depth; i++) {
        assert_int_equal(pyn_buf_append(&buf, i == 1 ? (const uint8_t[]){0x91} : bytes, i > 1 && opener == 0x81 ? 2 : 1),
                         PYN_OK);
    }
    if (depth > 1 && opener == 0x81) {
        assert_int_equal(pyn_pack_map(&buf, 0), PYN_OK);
    } else {
        put_array(0);
    }
}

static void containers_nest_to_depth_max(void **state)
{
    static const uint32_t maxima[] = {1, 2, 32, PYN_DEPTH_CAP};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(maxima); i++) {
        limits.depth_max = maxima[i];
        for (uint32_t depth = maxima[i] == 1 ? 1 : maxima[i] - 1; depth <= maxima[i] + 1; depth++) {
            put_nested(depth, 0x91);
            check(depth <= maxima[i] ? PYN_OK : PYN_EDEPTH, "arrays");
            put_nested(depth, 0x81);
            check(depth <= maxima[i] ? PYN_OK : PYN_EDEPTH, "maps");
        }
    }
}

static void depth_max_is_never_more_than_the_cap(void **state)
{
    (void)state;
    limits.depth_max = UINT32_MAX;
    put_nested(PYN_DEPTH_CAP, 0x91);
    check(PYN_OK, "the cap");
    put_nested(PYN_DEPTH_CAP + 1, 0x91);
    check(PYN_EDEPTH, "one above the cap");
    limits.depth_max = 0;
    splits_check(support_bytes("90 0a"), &limits, PYN_EDEPTH, "no depth at all");
}

static void what_has_ended_is_not_deep(void **state)
{
    (void)state;
    limits.depth_max = 3;
    splits_check(support_bytes("92 91 90 93 90 80 91 c0 0a"), &limits, PYN_OK, "side by side");
}

static void a_message_has_element_max_objects(void **state)
{
    (void)state;
    limits.element_max = 20;
    for (size_t count = 16; count <= 18; count++) { /* and the message, the array, and one more */
        put_array(2);
        put_array(count);
        put_nils(count + 1);
        check(count + 3 <= 20 ? PYN_OK : PYN_ESIZE, "an array's items");
    }
    for (size_t count = 8; count <= 10; count++) {
        put_array(1);
        assert_int_equal(pyn_pack_map(&buf, count), PYN_OK);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(pyn_pack_uint(&buf, i), PYN_OK);
            put_nils(1);
        }
        check(2 + 2 * count <= 20 ? PYN_OK : PYN_ESIZE, "a map's keys and values");
    }
    limits.element_max = 1;
    splits_check(support_bytes("90 0a"), &limits, PYN_OK, "the message itself");
    splits_check(support_bytes("91"), &limits, PYN_ESIZE, "and one in it");
    limits.element_max = 0;
    splits_check(support_bytes("90 0a"), &limits, PYN_ESIZE, "nothing is let in");
}

static void too_many_elements_are_refused_at_the_header(void **state)
{
    (void)state;
    limits.element_max = 100;
    splits_check(support_bytes("91 dd00000062"), &limits, PYN_EWAIT, "98 in an array in the message");
    splits_check(support_bytes("91 dd00000063"), &limits, PYN_ESIZE, "99");
    splits_check(support_bytes("91 df00000031"), &limits, PYN_EWAIT, "49 pairs");
    splits_check(support_bytes("91 df00000032"), &limits, PYN_ESIZE, "50 pairs");
    splits_check(support_bytes("92 dc0061 "), &limits, PYN_EWAIT, "what is pending counts");
    splits_check(support_bytes("92 dc0062 "), &limits, PYN_ESIZE, "what is pending counts, one more");
}

static void a_message_has_parts_max_parts(void **state)
{
    (void)state;
    for (size_t count = PYN_PARTS_MAX - 1; count <= PYN_PARTS_MAX + 1; count++) {
        put_array(count);
        put_nils(count);
        check(count <= PYN_PARTS_MAX ? PYN_OK : PYN_EFORMAT, "parts");
    }
}

static void put_map(size_t count)
{
    assert_int_equal(pyn_pack_map(&buf, count), PYN_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pyn_pack_uint(&buf, i), PYN_OK);
        put_nils(1);
    }
}

static void maps_that_are_open_at_once_have_key_max_keys(void **state)
{
    (void)state;
    limits.key_max = 10;
    for (size_t count = 9; count <= 11; count++) {
        put_array(1);
        put_map(count);
        check(count <= 10 ? PYN_OK : PYN_ESIZE, "one map");
        put_array(2);
        put_map(count);
        put_map(10);
        check(count <= 10 ? PYN_OK : PYN_ESIZE, "two maps, one behind the other");
        put_array(1);
        assert_int_equal(pyn_pack_map(&buf, 1), PYN_OK);
        assert_int_equal(pyn_pack_uint(&buf, 0), PYN_OK);
        put_map(count - 1);
        check(count <= 10 ? PYN_OK : PYN_ESIZE, "one map in another");
    }
    splits_check(support_bytes("91 de000b"), &limits, PYN_ESIZE, "at its header");
}

static void sets_and_dicts_have_key_max_keys(void **state)
{
    static const struct {
        enum pyn_tag tag;
        size_t items;
        pyn_status wanted;
    } cases[] = {
        {PYN_TAG_SET, 9, PYN_OK},       {PYN_TAG_SET, 10, PYN_OK},       {PYN_TAG_SET, 11, PYN_ESIZE},
        {PYN_TAG_FROZENSET, 9, PYN_OK}, {PYN_TAG_FROZENSET, 10, PYN_OK}, {PYN_TAG_FROZENSET, 11, PYN_ESIZE},
        {PYN_TAG_DICT, 18, PYN_OK},     {PYN_TAG_DICT, 20, PYN_OK},      {PYN_TAG_DICT, 22, PYN_ESIZE},
        {PYN_TAG_LIST, 11, PYN_OK},     {PYN_TAG_RECORD, 11, PYN_OK},    {PYN_TAG_DICT, 0, PYN_OK},
    };

    (void)state;
    limits.key_max = 10;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        put_array(1);
        put_array(cases[i].items + 1);
        assert_int_equal(pyn_pack_tag(&buf, cases[i].tag), PYN_OK);
        put_nils(cases[i].items);
        check(cases[i].wanted, "a tagged array");
    }
    splits_check(support_bytes("91 9f d41201"), &limits, PYN_ESIZE, "as soon as the tag is there");
}

static void key_max_is_never_more_than_the_cap(void **state)
{
    (void)state;
    limits.key_max = SIZE_MAX;
    for (size_t count = PYN_KEY_CAP; count <= PYN_KEY_CAP + 1; count++) {
        put_array(1);
        put_map(count);
        check(count <= PYN_KEY_CAP ? PYN_OK : PYN_ESIZE, "at the cap");
    }
    limits.key_max = 0;
    splits_check(support_bytes("91 80 0a"), &limits, PYN_OK, "an empty map has no key");
    splits_check(support_bytes("91 81"), &limits, PYN_ESIZE, "a key too many");
}

static void an_integer_has_int_max_bytes(void **state)
{
    uint8_t digits[40];

    (void)state;
    memset(digits, 0x11, sizeof(digits));
    limits.int_max = 20;
    for (size_t len = 19; len <= 21; len++) {
        put_array(1);
        assert_int_equal(pyn_pack_ext(&buf, PYN_EXT_INT, digits, len), PYN_OK);
        check(len <= 20 ? PYN_OK : PYN_ESIZE, "a big integer");
    }
    splits_check(support_bytes("91 c71513"), &limits, PYN_ESIZE, "at its header");
    splits_check(support_bytes("91 c70813"), &limits, PYN_EEXT, "too short, at its header");
}

/* 64 containers of the largest limits: nothing wraps. */
static void no_limits_at_all_are_safe(void **state)
{
    (void)state;
    limits = (struct pyn_limits){SIZE_MAX, UINT32_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};
    for (int i = 0; i < PYN_DEPTH_CAP; i++) {
        uint8_t head[] = {0xdd, 0xff, 0xff, 0xff, 0xff};
        head[1] = i == 0 ? 0 : 0xff;
        head[2] = head[3] = head[1];
        head[4] = i == 0 ? 1 : 0xff;
        assert_int_equal(pyn_buf_append(&buf, head, sizeof(head)), PYN_OK);
    }
    splits_check(pyn_buf_view(&buf), &limits, PYN_EWAIT, "64 arrays of 2**32 - 1");
}

/* The largest that msgpack has: what is announced is known to the byte, and nothing of it has to come for that. */
static void four_gibibytes_but_one_are_awaited_when_the_limit_lets_them(void **state)
{
    enum { AROUND = 1 + 5 }; /* an array of one, the head of the bin */
    static const struct {
        uint8_t head[6];
        uint32_t len;
    } kinds[] = {
        {{0x91, 0xc6, 0xff, 0xff, 0xff, 0xff}, UINT32_MAX},
        {{0x91, 0xdb, 0xff, 0xff, 0xff, 0xff}, UINT32_MAX},
        {{0x91, 0xc6, 0x80, 0x00, 0x00, 0x00}, UINT32_C(1) << 31},
        {{0x91, 0xc6, 0x7f, 0xff, 0xff, 0xff}, INT32_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (int over = -1; over <= 1; over++) {
            struct pyn_scan scan;
            size_t len = 0;
            size_t need = 0;
            limits.message_max = (size_t)((int64_t)kinds[i].len + AROUND - over);
            pyn_scan_init(&scan, &limits);
            assert_int_equal(pyn_scan_feed(&scan, (struct pyn_view){kinds[i].head, AROUND}, &len, &need),
                             over > 0 ? PYN_ESIZE : PYN_EWAIT);
            assert_int_equal(need, over > 0 ? 0 : kinds[i].len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_has_message_max_bytes, start, finish),
        cmocka_unit_test_setup_teardown(what_is_still_pending_takes_its_room, start, finish),
        cmocka_unit_test_setup_teardown(a_head_that_just_fits_is_waited_for, start, finish),
        cmocka_unit_test_setup_teardown(a_newline_does_not_count, start, finish),
        cmocka_unit_test_setup_teardown(containers_nest_to_depth_max, start, finish),
        cmocka_unit_test_setup_teardown(depth_max_is_never_more_than_the_cap, start, finish),
        cmocka_unit_test_setup_teardown(what_has_ended_is_not_deep, start, finish),
        cmocka_unit_test_setup_teardown(a_message_has_element_max_objects, start, finish),
        cmocka_unit_test_setup_teardown(too_many_elements_are_refused_at_the_header, start, finish),
        cmocka_unit_test_setup_teardown(a_message_has_parts_max_parts, start, finish),
        cmocka_unit_test_setup_teardown(maps_that_are_open_at_once_have_key_max_keys, start, finish),
        cmocka_unit_test_setup_teardown(sets_and_dicts_have_key_max_keys, start, finish),
        cmocka_unit_test_setup_teardown(key_max_is_never_more_than_the_cap, start, finish),
        cmocka_unit_test_setup_teardown(an_integer_has_int_max_bytes, start, finish),
        cmocka_unit_test_setup_teardown(no_limits_at_all_are_safe, start, finish),
        cmocka_unit_test_setup_teardown(four_gibibytes_but_one_are_awaited_when_the_limit_lets_them, start, finish),
    };
    return cmocka_run_group_tests_name("scan_limits", tests, NULL, NULL);
}
