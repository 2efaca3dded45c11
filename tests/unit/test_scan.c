/* test_scan.c - does the scanner find the end of every good message, and the fault of every bad one, for every split? */
#include "splits.h"

#include "../../src/wire/pack.h"
#include "../../src/wire/reader.h"

static struct pyn_limits limits;

static const struct {
    const char *hex; /* with its newline */
    pyn_status wanted;
    const char *why;
} cases[] = {
    {"90 0a", PYN_OK, "an empty array"},
    {"94 00 a4706f7374 92 a3616461 a568656c6c6f 80 0a", PYN_OK, "a call"},
    {"dc0001 c0 0a", PYN_OK, "an array with a length of 16 bits"},
    {"dd00000001 c0 0a", PYN_OK, "an array with a length of 32 bits"},
    {"98 c0 c2 c3 01 ff ca00000000 cb0000000000000000 c400 0a", PYN_OK, "scalars"},
    {"98 cc01 cd0001 ce00000001 cf0000000000000001 d001 d10001 d200000001 d30000000000000001 0a", PYN_OK,
     "over-long integers"},
    {"96 d90161 da000161 db0000000161 c40161 c5000161 c60000000161 0a", PYN_OK, "over-long strings"},
    {"94 de0000 df00000000 dc0000 dd00000000 0a", PYN_OK, "over-long empty containers"},
    {"93 0a a10a c4010a 0a", PYN_OK, "newlines inside"},
    {"91 81 a161 81 a162 91 80 0a", PYN_OK, "nested"},
    {"91 82 01 a0 a131 a0 0a", PYN_OK, "1 and \"1\" are two keys"},
    {"91 81 d3ffffffffffffffff c0 0a", PYN_OK, "a negative key"},
    {"92 91 d41201 d71100000000000000000a", PYN_OK, "a tag, and a reference"},
    {"93 92 d41201 01 91 d41208 01 0a", PYN_OK, "tags in front"},
    {"91 c70112 01 0a", PYN_OK, "a tag in a longer form"},
    {"91 c900000008 11 0000000000000000 0a", PYN_OK, "a reference in a longer form"},

    {"", PYN_EWAIT, "nothing"},
    {"9a", PYN_EFORMAT, "more parts than a message has"},
    {"dcffff", PYN_EFORMAT, "more parts than a message has, 16 bits"},
    {"ddffffffff", PYN_ESIZE, "more parts than bytes"},
    {"92 01", PYN_EWAIT, "an item is missing"},
    {"91 a3 6161", PYN_EWAIT, "a str is cut short"},
    {"91 da", PYN_EWAIT, "a length is cut short"},
    {"90", PYN_EWAIT, "no newline yet"},

    {"00", PYN_EFORMAT, "an integer"},
    {"0a", PYN_EFORMAT, "an empty line"},
    {"80 0a", PYN_EFORMAT, "a map"},
    {"c0", PYN_EFORMAT, "nil"},
    {"db", PYN_EFORMAT, "the first byte of a str"},
    {"47455420", PYN_EFORMAT, "HTTP"},
    {"160301", PYN_EFORMAT, "TLS"},
    {"8004", PYN_EFORMAT, "a pickle"},
    {"5059524f", PYN_EFORMAT, "Pyro"},

    {"90 00", PYN_ENEWLINE, "another byte than a newline"},
    {"90 0d0a", PYN_ENEWLINE, "carriage return and newline"},
    {"90 90 0a", PYN_ENEWLINE, "two messages in one line"},
    {"91 a0 c1", PYN_ENEWLINE, "a bad byte where the newline should stand"},

    {"91 c1", PYN_EFORMAT, "the byte that is never used"},
    {"91 81 a161 c1", PYN_EFORMAT, "the same as a value"},
    {"91 81 c0 01", PYN_EFORMAT, "a key that is nil"},
    {"91 81 c3 01", PYN_EFORMAT, "a key that is true"},
    {"91 81 ca00000000 01", PYN_EFORMAT, "a key that is a float"},
    {"91 81 c40161 01", PYN_EFORMAT, "a key that is bin"},
    {"91 81 90 01", PYN_EFORMAT, "a key that is an array"},
    {"91 81 80 01", PYN_EFORMAT, "a key that is a map"},
    {"91 81 d7110000000000000000 01", PYN_EFORMAT, "a key that is a reference"},
    {"91 82 a161 01 c0 01", PYN_EFORMAT, "a second key that is nil"},

    {"91 a1ff", PYN_EUTF8, "a byte that is not UTF-8"},
    {"91 a2c080", PYN_EUTF8, "over-long UTF-8"},
    {"91 a3eda080", PYN_EUTF8, "a surrogate"},
    {"92 a1c3 a1a9", PYN_EUTF8, "a character in two strings"},
    {"91 81 a1ff 01", PYN_EUTF8, "a key that is not UTF-8"},
    {"91 c401ff 0a", PYN_OK, "bin may be anything"},

    {"91 d40100", PYN_EEXT, "an unknown code"},
    {"91 c7ff01", PYN_EEXT, "an unknown code, before its bytes come"},
    {"91 c70011", PYN_EEXT, "a reference of no bytes"},
    {"91 d41200", PYN_EEXT, "tag 0"},
    {"91 d4120a", PYN_EEXT, "tag 10"},
    {"92 00 d41201", PYN_EEXT, "a tag that is not in front"},
    {"92 d41201 d41201", PYN_EEXT, "a second tag"},
    {"91 81 a161 d41201", PYN_EEXT, "a tag in a map"},
    {"91 d415 01", PYN_EEXT, "a datetime of one byte"},
    {"91 d61607e7021d", PYN_EEXT, "29 February 2023"},
};

static void each_case_has_its_verdict_for_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        splits_check(support_bytes(cases[i].hex), &limits, cases[i].wanted, cases[i].why);
    }
}

static void only_an_array_may_come_first(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        uint8_t byte = (uint8_t)first;
        struct pyn_scan scan;
        size_t len = 0;
        size_t need = 0;
        bool is_array = (first >= 0x90 && first <= 0x90 + PYN_PARTS_MAX) || first == 0xdc || first == 0xdd;
        pyn_scan_init(&scan, &limits);
        assert_int_equal(pyn_scan_feed(&scan, (struct pyn_view){&byte, 1}, &len, &need),
                         is_array ? PYN_EWAIT : PYN_EFORMAT);
    }
}

static void what_is_missing_is_asked_for(void **state)
{
    static const struct {
        const char *hex;
        size_t need;
    } waits[] = {
        {"", 1},        {"91", 1},        {"dd", 4},          {"dd0000", 2},  {"91 db", 4}, {"91 db00000100", 256},
        {"91 a5", 5},   {"91 a56161", 3}, {"91 c9000000", 2}, {"91 cf00", 7}, {"90", 1},    {"91 c70c10 00", 11},
        {"91 c500", 1},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(waits); i++) {
        struct pyn_scan scan;
        size_t len = 0;
        size_t need = 0;
        pyn_scan_init(&scan, &limits);
        assert_int_equal(pyn_scan_feed(&scan, support_bytes(waits[i].hex), &len, &need), PYN_EWAIT);
        assert_int_equal(need, waits[i].need);
    }
}

static void messages_follow_each_other(void **state)
{
    struct pyn_view stream = support_bytes("91 a161 0a 90 0a 92 82 a161 01 a162 02 c0 0a");
    static const size_t wanted[] = {3, 1, 9};
    struct pyn_scan scan;
    size_t at = 0;

    (void)state;
    pyn_scan_init(&scan, &limits);
    for (size_t i = 0; i < SUPPORT_COUNT(wanted); i++) {
        size_t len = 0;
        size_t need = 0;
        assert_int_equal(pyn_scan_feed(&scan, (struct pyn_view){stream.data + at, stream.len - at}, &len, &need), PYN_OK);
        assert_int_equal(len, wanted[i]);
        at += len + 1;
    }
    assert_int_equal(at, stream.len);
}

static void a_good_message_after_a_bad_one_changes_nothing(void **state)
{
    struct pyn_scan scan;
    size_t len = 0;
    size_t need = 0;

    (void)state;
    pyn_scan_init(&scan, &limits);
    assert_int_equal(pyn_scan_feed(&scan, support_bytes("91 c1"), &len, &need), PYN_EFORMAT);
    assert_int_equal(pyn_scan_feed(&scan, support_bytes("90 0a"), &len, &need), PYN_EFORMAT);
    assert_int_equal(len, 0);
    assert_int_equal(need, 0);
}

static void fewer_bytes_than_before_is_our_own_fault(void **state)
{
    struct pyn_scan scan;
    size_t len = 0;
    size_t need = 0;

    (void)state;
    pyn_scan_init(&scan, &limits);
    assert_int_equal(pyn_scan_feed(&scan, support_bytes("92 01"), &len, &need), PYN_EWAIT);
    assert_int_equal(pyn_scan_feed(&scan, support_bytes("92"), &len, &need), PYN_EINTERNAL);
    memset(&scan, 0, sizeof(scan));
    assert_int_equal(pyn_scan_feed(&scan, support_bytes("90 0a"), &len, &need), PYN_EINTERNAL);
}

static void a_scanner_may_be_copied_between_two_feeds(void **state)
{
    struct pyn_view bytes = support_bytes("92 82 a161 01 a162 02 90 0a");
    struct pyn_scan scan;
    struct pyn_scan copy;
    size_t len = 0;
    size_t need = 0;

    (void)state;
    pyn_scan_init(&scan, &limits);
    assert_int_equal(pyn_scan_feed(&scan, (struct pyn_view){bytes.data, 4}, &len, &need), PYN_EWAIT);
    copy = scan;
    memset(&scan, 0xff, sizeof(scan));
    assert_int_equal(pyn_scan_feed(&copy, bytes, &len, &need), PYN_OK);
    assert_int_equal(len, bytes.len - 1);
}

/* One object of any kind; a map's keys are i and "i", each once. */
static void pack_random(struct pyn_buf *buf, uint64_t *seed, unsigned depth)
{
    static const char *const texts[] = {
        "", "a", "ada", "\xc3\xa9", "\xe2\x82\xac uro", "a text of more than thirty-one bytes, \xf0\x9f\x90\x8d"};
    size_t kind = support_below(seed, depth == 0 ? 9 : 12);
    size_t count = support_below(seed, 5);
    const char *text = texts[support_below(seed, SUPPORT_COUNT(texts))];
    uint64_t bits = support_random(seed) >> support_below(seed, 64);
    uint8_t body[16] = {7};

    switch (kind) {
    case 0:
        assert_int_equal(pyn_pack_nil(buf), PYN_OK);
        break;
    case 1:
        assert_int_equal(pyn_pack_bool(buf, bits % 2 == 0), PYN_OK);
        break;
    case 2:
        assert_int_equal(pyn_pack_uint(buf, bits), PYN_OK);
        break;
    case 3:
        assert_int_equal(pyn_pack_int(buf, -(int64_t)(bits >> 1)), PYN_OK);
        break;
    case 4:
        assert_int_equal(pyn_pack_float(buf, (double)bits), PYN_OK);
        break;
    case 5:
        assert_int_equal(pyn_pack_str(buf, text, strlen(text)), PYN_OK);
        break;
    case 6:
        assert_int_equal(pyn_pack_bin(buf, body, count), PYN_OK);
        break;
    case 7:
        assert_int_equal(pyn_pack_mine(buf, bits, 1), PYN_OK);
        break;
    case 8:
        assert_int_equal(pyn_pack_ext(buf, PYN_EXT_UUID, body, sizeof(body)), PYN_OK);
        break;
    case 9:
        assert_int_equal(pyn_pack_array(buf, count), PYN_OK);
        for (size_t i = 0; i < count; i++) {
            pack_random(buf, seed, depth - 1);
        }
        break;
    case 10:
        assert_int_equal(pyn_pack_array(buf, count + 1), PYN_OK);
        assert_int_equal(pyn_pack_tag(buf, PYN_TAG_LIST), PYN_OK);
        for (size_t i = 0; i < count; i++) {
            pack_random(buf, seed, depth - 1);
        }
        break;
    default:
        assert_int_equal(pyn_pack_map(buf, count), PYN_OK);
        for (size_t i = 0; i < count; i++) {
            char digit = (char)('0' + i);
            assert_int_equal(i % 2 == 0 ? pyn_pack_uint(buf, i) : pyn_pack_str(buf, &digit, 1), PYN_OK);
            pack_random(buf, seed, depth - 1);
        }
        break;
    }
}

static size_t pack_random_message(struct pyn_buf *buf, uint64_t *seed)
{
    size_t count = support_below(seed, PYN_PARTS_MAX + 1);

    assert_int_equal(pyn_pack_array(buf, count), PYN_OK);
    for (size_t i = 0; i < count; i++) {
        pack_random(buf, seed, 4);
    }
    size_t len = pyn_buf_len(buf);
    assert_int_equal(pyn_pack_newline(buf), PYN_OK);
    return len;
}

static void random_messages_are_accepted_for_any_split_and_read_to_their_end(void **state)
{
    (void)state;
    for (uint64_t first = 1; first <= 3000; first++) {
        uint64_t seed = first * 7919;
        struct pyn_buf buf;
        size_t cuts[3];
        size_t len = 0;
        pyn_buf_init(&buf, pyn_mem_default(), 1u << 20);
        size_t wanted = pack_random_message(&buf, &seed);
        struct pyn_view bytes = pyn_buf_view(&buf);
        cuts[0] = support_below(&seed, bytes.len + 1);
        cuts[1] = cuts[0] + support_below(&seed, bytes.len + 1 - cuts[0]);
        cuts[2] = cuts[1] + support_below(&seed, bytes.len + 1 - cuts[1]);
        pyn_status st = splits_scan(bytes, &limits, cuts, 3, &len);
        if (st != PYN_OK || len != wanted) {
            fail_msg("seed %u: %s", (unsigned)first, pyn_status_name(st));
        }
        struct pyn_reader rd = pyn_reader_of((struct pyn_view){bytes.data, len});
        assert_int_equal(pyn_reader_skip(&rd), PYN_OK);
        assert_int_equal(rd.at, len);
        pyn_buf_fini(&buf);
    }
}

static void a_damaged_message_has_one_verdict_for_any_split(void **state)
{
    (void)state;
    for (uint64_t first = 1; first <= 3000; first++) {
        uint64_t seed = first * 104729;
        struct pyn_buf buf;
        size_t cuts[2];
        size_t len = 0;
        size_t other_len = 0;
        pyn_buf_init(&buf, pyn_mem_default(), 1u << 20);
        (void)pack_random_message(&buf, &seed);
        uint8_t *bytes = buf.block + buf.start;
        size_t count = pyn_buf_len(&buf);
        bytes[support_below(&seed, count)] = (uint8_t)support_random(&seed);
        struct pyn_view view = {bytes, count};
        cuts[0] = support_below(&seed, count + 1);
        cuts[1] = cuts[0] + support_below(&seed, count + 1 - cuts[0]);
        pyn_status whole = splits_scan(view, &limits, NULL, 0, &len);
        pyn_status split = splits_scan(view, &limits, cuts, 2, &other_len);
        if (whole != split || len != other_len) {
            fail_msg("seed %u: %s whole, %s split", (unsigned)first, pyn_status_name(whole), pyn_status_name(split));
        }
        pyn_buf_fini(&buf);
    }
}

/* [text], a newline behind it; sequences of two bytes from wide on, and one that is cut short at bad. */
static void make_text(struct pyn_buf *buf, size_t len, size_t wide, size_t bad)
{
    pyn_buf_init(buf, pyn_mem_default(), SIZE_MAX);
    (void)pyn_pack_array(buf, 1);
    (void)pyn_pack_str_head(buf, len);
    for (size_t i = 0; i < len; i += 2) {
        (void)pyn_buf_append(buf, i >= wide ? "\xc3\xa9" : "ab", 2);
        if (i == bad) {
            pyn_buf_patch(buf, pyn_buf_len(buf) - 1, 'x');
        }
    }
    (void)pyn_pack_newline(buf);
}

static void a_large_text_has_one_verdict_for_any_split_and_says_whether_it_is_ascii(void **state)
{
    enum { LEN = 200000, NEVER = 1 << 30, HEAD = 6 };
    static const struct {
        size_t wide;
        size_t bad;
    } kinds[] = {{NEVER, NEVER}, {0, NEVER}, {LEN - 2, NEVER}, {100, 100}, {70000, 70002}, {0, LEN - 2}};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        pyn_status expected = kinds[i].bad < LEN ? PYN_EUTF8 : PYN_OK;
        struct pyn_buf buf;
        make_text(&buf, LEN, kinds[i].wide, kinds[i].bad);
        for (size_t step = 1; step < 3 * LEN; step = step * 7 + 65521) {
            struct pyn_scan scan;
            struct pyn_view view = pyn_buf_view(&buf);
            const size_t whole = view.len;
            size_t len = 0;
            size_t need = 0;
            pyn_status st = PYN_EWAIT;
            bool is_text = false;
            size_t at = 0;
            pyn_scan_init(&scan, &limits);
            for (view.len = 0; st == PYN_EWAIT; view.len = whole - view.len < step ? whole : view.len + step) {
                st = pyn_scan_feed(&scan, view, &len, &need);
                assert_true(st != PYN_EWAIT || view.len < whole);
                if (st == PYN_EWAIT && view.len > HEAD && view.len < whole - 1) {
                    assert_true(pyn_scan_awaits(&scan, view, &is_text, &at));
                    assert_true(is_text && at == HEAD);
                }
            }
            assert_int_equal(st, expected);
            assert_false(pyn_scan_awaits(&scan, view, &is_text, &at));
            if (st == PYN_OK) {
                assert_int_equal(len, whole - 1);
                assert_int_equal(scan.is_narrow, kinds[i].wide == NEVER);
            }
        }
        pyn_buf_fini(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_has_its_verdict_for_every_split),
        cmocka_unit_test(only_an_array_may_come_first),
        cmocka_unit_test(what_is_missing_is_asked_for),
        cmocka_unit_test(messages_follow_each_other),
        cmocka_unit_test(a_good_message_after_a_bad_one_changes_nothing),
        cmocka_unit_test(fewer_bytes_than_before_is_our_own_fault),
        cmocka_unit_test(a_scanner_may_be_copied_between_two_feeds),
        cmocka_unit_test(random_messages_are_accepted_for_any_split_and_read_to_their_end),
        cmocka_unit_test(a_damaged_message_has_one_verdict_for_any_split),
        cmocka_unit_test(a_large_text_has_one_verdict_for_any_split_and_says_whether_it_is_ascii),
    };
    limits = PYN_LIMITS_DEFAULT;
    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
