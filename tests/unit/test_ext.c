/* test_ext.c - is every ext type let in exactly as ext.h has it? H21: what is a number to a lenient reader is none here. */
#include "support.h"

#include "../../src/wire/ext_check.h"

static struct pyn_limits limits;

static const struct {
    int8_t code;
    const char *hex;
    pyn_status wanted;
    const char *why;
} cases[] = {
    {PYN_EXT_INT, "010000000000000000", PYN_OK, "2**64"},
    {PYN_EXT_INT, "00ffffffffffffffff", PYN_EEXT, "2**64 - 1 has a msgpack form"},
    {PYN_EXT_INT, "008000000000000000", PYN_EEXT, "2**63 has a msgpack form"},
    {PYN_EXT_INT, "000000000000000001", PYN_EEXT, "1"},
    {PYN_EXT_INT, "ff7fffffffffffffff", PYN_OK, "-2**63 - 1"},
    {PYN_EXT_INT, "ff8000000000000000", PYN_EEXT, "-2**63 has a msgpack form"},
    {PYN_EXT_INT, "ffffffffffffffffff", PYN_EEXT, "-1"},
    {PYN_EXT_INT, "00800000000000000000", PYN_OK, "2**71: the zero is its sign"},
    {PYN_EXT_INT, "00700000000000000000", PYN_EEXT, "ten bytes, nine would do"},
    {PYN_EXT_INT, "ff800000000000000000", PYN_EEXT, "negative, nine would do"},
    {PYN_EXT_INT, "0100000000000000", PYN_EEXT, "eight bytes"},
    {PYN_EXT_INT, "", PYN_EEXT, "none"},

    {PYN_EXT_DATE, "07e8021d", PYN_OK, "29 February 2024"},
    {PYN_EXT_DATE, "07e7021d", PYN_EEXT, "29 February 2023"},
    {PYN_EXT_DATE, "076c021d", PYN_EEXT, "29 February 1900"},
    {PYN_EXT_DATE, "07d0021d", PYN_OK, "29 February 2000"},
    {PYN_EXT_DATE, "07e8021e", PYN_EEXT, "30 February"},
    {PYN_EXT_DATE, "00010101", PYN_OK, "the first day"},
    {PYN_EXT_DATE, "00000101", PYN_EEXT, "year 0"},
    {PYN_EXT_DATE, "270f0c1f", PYN_OK, "the last day"},
    {PYN_EXT_DATE, "27100101", PYN_EEXT, "year 10000"},
    {PYN_EXT_DATE, "07e80001", PYN_EEXT, "month 0"},
    {PYN_EXT_DATE, "07e80d01", PYN_EEXT, "month 13"},
    {PYN_EXT_DATE, "07e80100", PYN_EEXT, "day 0"},
    {PYN_EXT_DATE, "07e80120", PYN_EEXT, "32 January"},
    {PYN_EXT_DATE, "07e8041e", PYN_OK, "30 April"},
    {PYN_EXT_DATE, "07e8041f", PYN_EEXT, "31 April"},
    {PYN_EXT_DATE, "07e802", PYN_EEXT, "three bytes"},

    {PYN_EXT_TIME, "173b3b010f423f", PYN_OK, "the last microsecond, fold 1"},
    {PYN_EXT_TIME, "00000000000000", PYN_OK, "midnight"},
    {PYN_EXT_TIME, "18000000000000", PYN_EEXT, "hour 24"},
    {PYN_EXT_TIME, "003c0000000000", PYN_EEXT, "minute 60"},
    {PYN_EXT_TIME, "00003c00000000", PYN_EEXT, "second 60"},
    {PYN_EXT_TIME, "00000002000000", PYN_EEXT, "fold 2"},
    {PYN_EXT_TIME, "000000000f4240", PYN_EEXT, "microsecond 1000000"},
    {PYN_EXT_TIME, "0000000000000001517f", PYN_OK, "offset 86399"},
    {PYN_EXT_TIME, "00000000000000015180", PYN_EEXT, "offset 86400"},
    {PYN_EXT_TIME, "00000000000000feae81", PYN_OK, "offset -86399"},
    {PYN_EXT_TIME, "00000000000000feae80", PYN_EEXT, "offset -86400"},
    {PYN_EXT_TIME, "0000000000000000", PYN_EEXT, "eight bytes"},

    {PYN_EXT_DATETIME, "07e8021d 173b3b000f423f", PYN_OK, "without an offset"},
    {PYN_EXT_DATETIME, "07e8021d 173b3b000f423f 000e10", PYN_OK, "an hour from UTC"},
    {PYN_EXT_DATETIME, "07e7021d 173b3b000f423f", PYN_EEXT, "no such day"},
    {PYN_EXT_DATETIME, "07e8021d 183b3b000f423f", PYN_EEXT, "no such hour"},
    {PYN_EXT_DATETIME, "07e8021d 173b3b000f423f 7fffff", PYN_EEXT, "no such offset"},
    {PYN_EXT_DATETIME, "07e8021d 173b3b000f423f 00", PYN_EEXT, "twelve bytes"},

    {PYN_EXT_TIMEDELTA, "3b9ac9ff 0001517f 000f423f", PYN_OK, "the longest"},
    {PYN_EXT_TIMEDELTA, "c4653601 00000000 00000000", PYN_OK, "the longest back"},
    {PYN_EXT_TIMEDELTA, "3b9aca00 00000000 00000000", PYN_EEXT, "1000000000 days"},
    {PYN_EXT_TIMEDELTA, "c4653600 00000000 00000000", PYN_EEXT, "-1000000000 days"},
    {PYN_EXT_TIMEDELTA, "80000000 00000000 00000000", PYN_EEXT, "-2**31 days"},
    {PYN_EXT_TIMEDELTA, "00000000 00015180 00000000", PYN_EEXT, "86400 seconds"},
    {PYN_EXT_TIMEDELTA, "00000000 00000000 000f4240", PYN_EEXT, "1000000 microseconds"},
    {PYN_EXT_TIMEDELTA, "00000000 ffffffff 00000000", PYN_EEXT, "-1 second"},

    {PYN_EXT_TAG, "00", PYN_EEXT, "tag 0"},
    {PYN_EXT_TAG, "01", PYN_OK, "the first"},
    {PYN_EXT_TAG, "09", PYN_OK, "the last"},
    {PYN_EXT_TAG, "0a", PYN_EEXT, "tag 10"},
    {PYN_EXT_TAG, "0101", PYN_EEXT, "two bytes"},

    {PYN_EXT_MINE, "000000000000000000000000", PYN_OK, "a reference of theirs"},
    {PYN_EXT_MINE, "0000000000000000", PYN_EEXT, "without an interface"},
    {PYN_EXT_YOURS, "ffffffffffffffff", PYN_OK, "a reference of ours"},
    {PYN_EXT_YOURS, "ffffffffffffffff00000000", PYN_EEXT, "with an interface"},
    {PYN_EXT_COMPLEX, "7ff80000000000007ff8000000000000", PYN_OK, "not a number, twice"},
    {PYN_EXT_COMPLEX, "7ff8000000000000", PYN_EEXT, "half of one"},
    {PYN_EXT_PROMISE, "00000000", PYN_OK, "the first step"},
    {PYN_EXT_PROMISE, "ffffffff", PYN_OK, "the last that could be named"},
    {PYN_EXT_PROMISE, "000000", PYN_EEXT, "three bytes"},
    {PYN_EXT_PROMISE, "0000000000", PYN_EEXT, "five bytes"},
    {PYN_EXT_UUID, "00000000000000000000000000000000", PYN_OK, "any 16 bytes"},
    {PYN_EXT_UUID, "000000000000000000000000000000", PYN_EEXT, "15 bytes"},
};

static void each_type_takes_what_python_can_hold_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        pyn_status st = pyn_ext_check(cases[i].code, support_bytes(cases[i].hex), &limits);
        if (st != cases[i].wanted) {
            fail_msg("%d %s (%s): %s", cases[i].code, cases[i].hex, cases[i].why, pyn_status_name(st));
        }
    }
}

static void decimals_are_what_python_writes(void **state)
{
    static const char *const good[] = {
        "0",
        "-0",
        "1",
        "007",
        "123.456",
        "-0.001",
        "1E+5",
        "1.5E-7",
        "-1E5",
        "0E-1000000",
        "1E+999999999999999999",
        "Infinity",
        "-Infinity",
        "NaN",
        "-NaN",
        "sNaN",
        "-sNaN",
        "NaN123",
        "sNaN0",
    };
    static const char *const bad[] = {
        "",     "-",        "+-1",   ".",        ".5",        "5.",
        "1..2", "1.2.3",    "1E",    "1E+",      "1E+-1",     "1e5",
        "E5",   "1E5.5",    "1_000", " 1",       "1 ",        "0x10",
        "1,5",  "inf",      "Inf",   "infinity", "InfinityX", "Infinity1",
        "nan",  "NaNx",     "NaN-1", "ssNaN",    "sInfinity", "1E+9999999999999999999",
        "1\n",  "\xd9\xa1", "--1",   "1-",       "1E5E5",     "NaN1.0",
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(good); i++) {
        if (pyn_ext_check(PYN_EXT_DECIMAL, pyn_view_of(good[i]), &limits) != PYN_OK) {
            fail_msg("\"%s\" was refused", good[i]);
        }
    }
    for (size_t i = 0; i < SUPPORT_COUNT(bad); i++) {
        if (pyn_ext_check(PYN_EXT_DECIMAL, pyn_view_of(bad[i]), &limits) != PYN_EEXT) {
            fail_msg("\"%s\" was let in", bad[i]);
        }
    }
    assert_int_equal(pyn_ext_check(PYN_EXT_DECIMAL, (struct pyn_view){(const uint8_t *)"1\0", 2}, &limits), PYN_EEXT);
}

static void decimals_and_integers_have_their_longest(void **state)
{
    static uint8_t digits[5000];

    (void)state;
    memset(digits, '1', sizeof(digits));
    assert_int_equal(pyn_ext_check(PYN_EXT_DECIMAL, (struct pyn_view){digits, 256}, &limits), PYN_OK);
    assert_int_equal(pyn_ext_check(PYN_EXT_DECIMAL, (struct pyn_view){digits, 257}, &limits), PYN_EEXT);
    assert_int_equal(pyn_ext_check(PYN_EXT_INT, (struct pyn_view){digits, limits.int_max - 1}, &limits), PYN_OK);
    assert_int_equal(pyn_ext_check(PYN_EXT_INT, (struct pyn_view){digits, limits.int_max}, &limits), PYN_OK);
    assert_int_equal(pyn_ext_check(PYN_EXT_INT, (struct pyn_view){digits, limits.int_max + 1}, &limits), PYN_ESIZE);
}

static void no_other_code_and_no_other_length_comes_in(void **state)
{
    (void)state;
    for (int code = -128; code < 128; code++) {
        for (size_t len = 0; len <= 20; len++) {
            bool is_listed = false;
            for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
                is_listed |= cases[i].code == code && cases[i].wanted == PYN_OK && support_bytes(cases[i].hex).len == len;
            }
            is_listed |= (code == PYN_EXT_DECIMAL && len >= 1) || (code == PYN_EXT_INT && len >= 9);
            assert_int_equal(pyn_ext_check_size((int8_t)code, len, &limits), is_listed ? PYN_OK : PYN_EEXT);
        }
    }
}

/* Every day of some years, and the day ahead of and behind each month. */
static void months_have_as_many_days_as_they_have(void **state)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const struct {
        unsigned year;
        bool is_leap;
    } years[] = {{1, false},   {4, true},     {100, false}, {400, true},   {1900, false},
                 {2000, true}, {2023, false}, {2024, true}, {2100, false}, {9999, false}};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(years); i++) {
        for (unsigned month = 0; month <= 13; month++) {
            for (unsigned day = 0; day <= 32; day++) {
                const uint8_t bytes[] = {(uint8_t)(years[i].year >> 8), (uint8_t)years[i].year, (uint8_t)month,
                                         (uint8_t)day};
                bool is = month >= 1 && month <= 12 && day >= 1;
                is = is && day <= days[month - 1] + (month == 2 && years[i].is_leap ? 1u : 0u);
                pyn_status st = pyn_ext_check(PYN_EXT_DATE, (struct pyn_view){bytes, sizeof bytes}, &limits);
                if (st != (is ? PYN_OK : PYN_EEXT)) {
                    fail_msg("%u-%u-%u: %s", years[i].year, month, day, pyn_status_name(st));
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(months_have_as_many_days_as_they_have),
        cmocka_unit_test(each_type_takes_what_python_can_hold_and_no_more),
        cmocka_unit_test(decimals_are_what_python_writes),
        cmocka_unit_test(decimals_and_integers_have_their_longest),
        cmocka_unit_test(no_other_code_and_no_other_length_comes_in),
    };
    limits = PYN_LIMITS_DEFAULT;
    return cmocka_run_group_tests_name("ext", tests, NULL, NULL);
}
