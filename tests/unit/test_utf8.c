/* test_utf8.c - is UTF-8 exactly what RFC 3629 says, wherever it stands in a text? */
#include "support.h"

#include "../../src/wire/utf8.h"

static const struct {
    const char *hex;
    bool is_valid;
    const char *why;
} cases[] = {
    {"", true, "empty"},
    {"00", true, "NUL is a character"},
    {"7f", true, "last of one byte"},
    {"c280", true, "first of two bytes"},
    {"dfbf", true, "last of two bytes"},
    {"e0a080", true, "first of three bytes"},
    {"ed9fbf", true, "last below the surrogates"},
    {"ee8080", true, "first above the surrogates"},
    {"efbfbf", true, "last of three bytes"},
    {"f0908080", true, "first of four bytes"},
    {"f48fbfbf", true, "U+10FFFF"},
    {"80", false, "a continuation alone"},
    {"bf", false, "a continuation alone"},
    {"c080", false, "over-long NUL"},
    {"c1bf", false, "over-long, two bytes"},
    {"e080af", false, "over-long slash"},
    {"e09fbf", false, "over-long, three bytes"},
    {"f08fbfbf", false, "over-long, four bytes"},
    {"eda080", false, "first surrogate"},
    {"edbfbf", false, "last surrogate"},
    {"f4908080", false, "U+110000"},
    {"f5808080", false, "no such first byte"},
    {"f888808080", false, "five bytes"},
    {"fc8480808080", false, "six bytes"},
    {"fe", false, "no such first byte"},
    {"ff", false, "no such first byte"},
    {"c3", false, "cut short, one of two"},
    {"e282", false, "cut short, two of three"},
    {"f09f92", false, "cut short, three of four"},
    {"c341", false, "second byte is a letter"},
    {"e28241", false, "third byte is a letter"},
    {"f09f9241", false, "fourth byte is a letter"},
    {"c3c3", false, "second byte is a first byte"},
    {"e2e282", false, "a sequence starts inside another"},
};

/* Behind 0 to 16 letters and before 0 to 16, so that each stands at every place of the words of eight. */
static void each_case_is_seen_at_every_offset(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        for (size_t before = 0; before <= 16; before++) {
            for (size_t behind = 0; behind <= 16; behind++) {
                uint8_t text[64];
                memset(text, 'a', sizeof(text));
                size_t len = support_hex(cases[i].hex, text + before, 16);
                struct pyn_view view = {text, before + len + behind};
                if (pyn_utf8_is_valid(view) != cases[i].is_valid) {
                    fail_msg("%s: %s, at %zu of %zu", cases[i].hex, cases[i].why, before, view.len);
                }
            }
        }
    }
}

/* Written from the code point, the other way round. */
static size_t encode(uint32_t c, uint8_t *out)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | (c >> 6));
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | (c >> 12));
        out[1] = (uint8_t)(0x80 | ((c >> 6) & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | (c >> 18));
    out[1] = (uint8_t)(0x80 | ((c >> 12) & 0x3f));
    out[2] = (uint8_t)(0x80 | ((c >> 6) & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

static void every_code_point_but_the_surrogates_is_valid(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x120000; c++) {
        uint8_t text[4];
        bool is_valid = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        if (pyn_utf8_is_valid((struct pyn_view){text, encode(c, text)}) != is_valid) {
            fail_msg("U+%04X", (unsigned)c);
        }
    }
}

/* Of all two bytes 128 * 128 are ASCII and 30 * 64 are a sequence; of all three bytes (with 2 and 1 in any order) likewise. */
static void no_other_bytes_are_valid(void **state)
{
    size_t twos = 0;
    size_t threes = 0;

    (void)state;
    for (uint32_t v = 0; v < 0x1000000; v++) {
        uint8_t text[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        threes += pyn_utf8_is_valid((struct pyn_view){text, 3});
        if (v < 0x10000) {
            twos += pyn_utf8_is_valid((struct pyn_view){text + 1, 2});
        }
    }
    size_t ones = 128;
    size_t pairs = 30 * 64;
    size_t triples = 0x10000 - 0x800 - 0x800; /* code points of three bytes, without the surrogates */
    assert_int_equal(twos, ones * ones + pairs);
    assert_int_equal(threes, ones * ones * ones + 2 * ones * pairs + triples);
}

/* One that comes in two parts is looked at in two parts, and its verdict is that of the whole. */
static void a_text_that_comes_bit_by_bit_has_the_same_verdict(void **state)
{
    static const struct {
        const char *text;
        size_t valid;
        bool is_ascii;
    } kinds[] = {
        {"plain", 5, true},
        {"", 0, true},
        {"caf\xc3\xa9", 5, false},
        {"\xf0\x9f\x98\x80 and \xe4\xb8\xad", 12, false},
        {"ab\xff"
         "cd",
         2, false},
        {"ab\xed\xa0\x80", 2, false},
        {"ab\xe4\xb8", 2, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct pyn_view text = pyn_view_of(kinds[i].text);
        for (size_t cut = 0; cut <= text.len; cut++) {
            bool is_ascii = true;
            size_t at = pyn_utf8_valid_len((struct pyn_view){text.data, cut}, 0, &is_ascii);
            assert_true(at <= cut && at <= kinds[i].valid);
            assert_int_equal(pyn_utf8_valid_len(text, at, &is_ascii), kinds[i].valid);
            assert_int_equal(is_ascii, kinds[i].is_ascii);
            assert_int_equal(pyn_utf8_is_valid(text), kinds[i].valid == text.len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_is_seen_at_every_offset),
        cmocka_unit_test(every_code_point_but_the_surrogates_is_valid),
        cmocka_unit_test(no_other_bytes_are_valid),
        cmocka_unit_test(a_text_that_comes_bit_by_bit_has_the_same_verdict),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
