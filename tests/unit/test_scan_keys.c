/* test_scan_keys.c - is a key that stands twice always found, whatever its form and wherever its map stands, and no other? */
#include "splits.h"

#include <time.h>

#include "../../src/wire/pack.h"

static struct pyn_limits limits;

static const struct {
    const char *hex;
    pyn_status wanted;
    const char *why;
} cases[] = {
    {"91 82 a161 01 a161 02 0a", PYN_EDUPKEY, "a str twice"},
    {"91 82 a161 01 d90161 02 0a", PYN_EDUPKEY, "a str in a longer form"},
    {"91 82 da000161 01 db0000000161 02 0a", PYN_EDUPKEY, "two longer forms"},
    {"91 82 a0 01 d900 02 0a", PYN_EDUPKEY, "the empty str"},
    {"91 82 a161 01 a162 02 0a", PYN_OK, "two strings"},
    {"91 82 a161 01 a26161 02 0a", PYN_OK, "one is the start of the other"},
    {"91 82 a3610062 01 a3610063 02 0a", PYN_OK, "they differ behind a NUL"},
    {"91 82 a161 01 a141 02 0a", PYN_OK, "case counts"},
    {"91 82 a2c3a9 01 a365cc81 02 0a", PYN_OK, "nothing is normalised"},
    {"91 82 01 01 01 02 0a", PYN_EDUPKEY, "an integer twice"},
    {"91 82 01 01 cc01 02 0a", PYN_EDUPKEY, "8 bits"},
    {"91 82 01 01 cd0001 02 0a", PYN_EDUPKEY, "16 bits"},
    {"91 82 01 01 ce00000001 02 0a", PYN_EDUPKEY, "32 bits"},
    {"91 82 01 01 cf0000000000000001 02 0a", PYN_EDUPKEY, "64 bits"},
    {"91 82 01 01 d001 02 0a", PYN_EDUPKEY, "8 bits, signed"},
    {"91 82 cf0000000000000001 01 d30000000000000001 02 0a", PYN_EDUPKEY, "64 bits, signed and unsigned"},
    {"91 82 ff 01 d3ffffffffffffffff 02 0a", PYN_EDUPKEY, "-1 twice"},
    {"91 82 ff 01 cfffffffffffffffff 02 0a", PYN_OK, "-1 and 2**64 - 1"},
    {"91 82 d38000000000000000 01 cf8000000000000000 02 0a", PYN_OK, "-2**63 and 2**63"},
    {"91 82 00 01 d000 02 0a", PYN_EDUPKEY, "0 twice"},
    {"91 82 01 01 a131 02 0a", PYN_OK, "1 and \"1\""},
    {"91 82 01 01 a101 02 0a", PYN_OK, "1 and a str of that byte"},
    {"91 83 a161 01 a162 01 a161 01 0a", PYN_EDUPKEY, "first and last"},
    {"91 83 a161 01 a162 01 a162 01 0a", PYN_EDUPKEY, "second and third"},
    {"91 83 a161 01 a161 01 a162 01 0a", PYN_EDUPKEY, "first and second"},
    {"92 81 a161 01 81 a161 01 0a", PYN_OK, "two maps side by side"},
    {"91 81 a161 81 a161 81 a161 01 0a", PYN_OK, "a map in a map in a map"},
    {"91 82 a161 82 a161 01 a162 01 a162 82 a161 01 a162 01 0a", PYN_OK, "the same keys inside"},
    {"91 82 a161 82 a162 01 a163 01 a161 01 0a", PYN_EDUPKEY, "twice, with a map between them"},
    {"91 82 a161 82 a162 01 a162 01 a163 01 0a", PYN_EDUPKEY, "twice in the inner map"},
    {"91 82 a161 01 a162 82 a162 01 a162 01 0a", PYN_EDUPKEY, "twice in the last inner map"},
    {"91 82 a161 91 92 a161 a161 a162 93 01 01 01 0a", PYN_OK, "values may stand twice"},
    {"91 81 a161 82 a162 01 a162 01 0a", PYN_EDUPKEY, "in a map in a map of one"},
    {"92 82 a161 01 a162 01 82 a161 01 a161 01 0a", PYN_EDUPKEY, "in the second map"},
    {"93 81 a161 90 82 01 80 02 90 82 03 a0 03 c400 0a", PYN_EDUPKEY, "behind empty containers"},
    {"92 91 91 82 a161 01 a161 01 01 0a", PYN_EDUPKEY, "deep in arrays"},
};

static void each_case_has_its_verdict_for_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        splits_check(support_bytes(cases[i].hex), &limits, cases[i].wanted, cases[i].why);
    }
}

/* Known as soon as the message is whole: its newline is not waited for. */
static void a_twin_is_found_before_the_newline_comes(void **state)
{
    (void)state;
    splits_check(support_bytes("91 82 01 01 01 01"), &limits, PYN_EDUPKEY, "no newline");
    splits_check(support_bytes("91 82 01 01 01 01 00"), &limits, PYN_EDUPKEY, "a wrong newline");
}

static void pack_key(struct pyn_buf *buf, uint64_t key, bool is_text)
{
    char text[40];
    int len = snprintf(text, sizeof(text), "a common beginning %llu", (unsigned long long)key);

    assert_int_equal(is_text ? pyn_pack_str(buf, text, (size_t)len) : pyn_pack_int(buf, (int64_t)key - 2000), PYN_OK);
    assert_int_equal(pyn_pack_nil(buf), PYN_OK);
}

/* A map of count keys, in order or a random one; from twin_at on one of the others stands again, unless twin_at is count. */
static pyn_status scan_map(size_t count, size_t twin_at, uint64_t seed, bool is_text, bool is_ordered)
{
    static uint64_t keys[PYN_KEY_CAP];
    struct pyn_buf buf;
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        size_t other = is_ordered ? i : support_below(&seed, i + 1);
        keys[i] = keys[other];
        keys[other] = i;
    }
    if (twin_at < count) {
        keys[twin_at] = keys[(twin_at + 1 + support_below(&seed, count - 1)) % count];
    }
    pyn_buf_init(&buf, pyn_mem_default(), 1u << 20);
    assert_int_equal(pyn_pack_array(&buf, 1), PYN_OK);
    assert_int_equal(pyn_pack_map(&buf, count), PYN_OK);
    for (size_t i = 0; i < count; i++) {
        pack_key(&buf, keys[i], is_text);
    }
    assert_int_equal(pyn_pack_newline(&buf), PYN_OK);
    pyn_status st = splits_scan(pyn_buf_view(&buf), &limits, NULL, 0, &len);
    pyn_buf_fini(&buf);
    return st;
}

static void one_twin_is_found_among_any_number_of_keys(void **state)
{
    static const size_t counts[] = {2, 3, 4, 5, 7, 8, 9, 10, 16, 31, 100, 1023, 1024};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(counts); i++) {
        for (uint64_t seed = 1; seed <= 40; seed++) {
            uint64_t place = seed;
            size_t twin_at = support_below(&place, counts[i]);
            assert_int_equal(scan_map(counts[i], counts[i], seed, seed % 2 == 0, seed % 3 == 0), PYN_OK);
            assert_int_equal(scan_map(counts[i], twin_at, seed, seed % 2 == 0, seed % 3 == 0), PYN_EDUPKEY);
        }
    }
}

static double seconds_of(size_t count, uint64_t multiple)
{
    struct pyn_buf buf;
    struct timespec from;
    struct timespec to;
    double best = 1e9;

    pyn_buf_init(&buf, pyn_mem_default(), 1u << 20);
    assert_int_equal(pyn_pack_array(&buf, 1), PYN_OK);
    assert_int_equal(pyn_pack_map(&buf, count), PYN_OK);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(pyn_pack_uint(&buf, i * multiple), PYN_OK);
        assert_int_equal(pyn_pack_nil(&buf), PYN_OK);
    }
    assert_int_equal(pyn_pack_newline(&buf), PYN_OK);
    for (int i = 0; i < 20; i++) {
        size_t len = 0;
        (void)timespec_get(&from, TIME_UTC);
        assert_int_equal(splits_scan(pyn_buf_view(&buf), &limits, NULL, 0, &len), PYN_OK);
        (void)timespec_get(&to, TIME_UTC);
        double took = (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
        best = took < best ? took : best;
    }
    pyn_buf_fini(&buf);
    return best;
}

/* Keys whose hashes are equal in Python are as good as any others here, which are sorted as well: those in order are not. */
static void no_choice_of_keys_makes_it_slow(void **state)
{
    static const uint64_t multiples[] = {UINT64_C(1) << 32, UINT64_C(1) << 48, (UINT64_C(1) << 61) - 1, UINT64_MAX};

    (void)state;
    double usual = seconds_of(1000, UINT64_C(0x9e3779b97f4a7c15)); /* in no order */
    for (size_t i = 0; i < SUPPORT_COUNT(multiples); i++) {
        assert_true(seconds_of(1000, multiples[i]) < 3 * usual + 1e-3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_has_its_verdict_for_every_split),
        cmocka_unit_test(a_twin_is_found_before_the_newline_comes),
        cmocka_unit_test(one_twin_is_found_among_any_number_of_keys),
        cmocka_unit_test(no_choice_of_keys_makes_it_slow),
    };
    limits = PYN_LIMITS_DEFAULT;
    return cmocka_run_group_tests_name("scan_keys", tests, NULL, NULL);
}
