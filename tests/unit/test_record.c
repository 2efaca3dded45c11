/* test_record.c - is a record what docs/channel.md says, and is every other one refused? N11 N13 N15 */
#include "support.h"

#include <sodium.h>

#include "../../src/channel/record.h"

static const uint8_t key[PYN_NOISE_KEY_LEN] = {3};

struct pair {
    struct pyn_cipher one;
    struct pyn_cipher other;
};

static struct pair make_pair(void)
{
    struct pair p;

    pyn_cipher_init(&p.one, key);
    pyn_cipher_init(&p.other, key);
    return p;
}

/* The record stands in out; its length comes back. */
static size_t seal(struct pair *p, enum pyn_sealed_kind kind, const char *text, uint8_t *out)
{
    memcpy(out + PYN_RECORD_HEAD_LEN, text, strlen(text));
    assert_int_equal(pyn_record_seal(&p->one, kind, out, strlen(text)), PYN_OK);
    return strlen(text) + PYN_RECORD_EXTRA_LEN;
}

static pyn_status open_record(struct pair *p, const uint8_t *record, size_t len)
{
    uint8_t out[64];
    enum pyn_sealed_kind kind = PYN_RECORD_NONE;
    size_t data_len = 0;

    return pyn_record_open(&p->other, (struct pyn_view){record, len}, out, &kind, &data_len);
}

static void a_record_opens_as_what_it_was(void **state)
{
    struct pair p = make_pair();
    uint8_t record[64];
    uint8_t out[64];
    enum pyn_sealed_kind kind = PYN_RECORD_NONE;
    size_t data_len = 0;
    size_t len = seal(&p, PYN_RECORD_DATA, "hello", record);

    assert_int_equal(record[0] << 8 | record[1], len - PYN_RECORD_HEAD_LEN);
    assert_int_equal(pyn_record_open(&p.other, (struct pyn_view){record, len}, out, &kind, &data_len), PYN_OK);
    assert_int_equal(kind, PYN_RECORD_DATA);
    assert_int_equal(data_len, 5);
    assert_memory_equal(out, "hello", 5);
}

static void lengths_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *hex;
        pyn_status wanted;
        size_t len;
        const char *why;
    } cases[] = {
        {"", PYN_EWAIT, 0, "nothing"},
        {"ff", PYN_EWAIT, 0, "half a length"},
        {"0000", PYN_EFORMAT, 0, "an empty record"},
        {"0010", PYN_EFORMAT, 0, "a tag without a kind"},
        {"0011", PYN_OK, 19, "the shortest"},
        {"0012", PYN_OK, 20, "one longer"},
        {"fffe", PYN_OK, 65536, "one less than the longest"},
        {"ffff", PYN_OK, 65537, "the longest"},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        size_t len = 1;
        if (pyn_record_measure(support_bytes(cases[i].hex), &len) != cases[i].wanted || len != cases[i].len) {
            fail_msg("%s", cases[i].why);
        }
    }
}

static void a_kind_that_is_not_there_is_refused(void **state)
{
    for (unsigned kind = 0; kind < 256; kind++) {
        struct pair p = make_pair();
        uint8_t record[64];
        size_t len = seal(&p, (enum pyn_sealed_kind)kind, "x", record);
        bool is_known = kind > PYN_RECORD_NONE && kind < PYN_RECORD_KIND_COUNT;
        assert_int_equal(open_record(&p, record, len), is_known ? PYN_OK : PYN_EFORMAT);
    }
}

static void a_record_that_was_dropped_repeated_or_moved_does_not_open(void **state)
{
    uint8_t records[3][64];
    size_t len = 0;
    struct pair p = make_pair();
    struct pair q;

    for (int i = 0; i < 3; i++) {
        len = seal(&p, PYN_RECORD_DATA, "same", records[i]);
    }
    q = p;
    assert_int_equal(open_record(&q, records[1], len), PYN_EFORGED); /* the first was dropped, or the two were swapped */
    q = p;
    assert_int_equal(open_record(&q, records[0], len), PYN_OK);
    assert_int_equal(open_record(&q, records[0], len), PYN_EFORGED); /* repeated */
}

static void a_record_comes_not_back_to_its_sender(void **state)
{
    struct pair p = make_pair();
    uint8_t record[64];
    size_t len = 0;

    p.other.key[0] ^= 1; /* the keys of the two directions are never the same */
    len = seal(&p, PYN_RECORD_DATA, "reflected", record);
    assert_int_equal(open_record(&p, record, len), PYN_EFORGED);
}

static void every_bit_of_a_record_counts(void **state)
{
    struct pair p = make_pair();
    uint8_t record[64];
    size_t len = seal(&p, PYN_RECORD_DATA, "abc", record);

    for (size_t bit = PYN_RECORD_HEAD_LEN * 8; bit < len * 8; bit++) {
        struct pair q = p;
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(open_record(&q, record, len), PYN_EFORGED);
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void the_key_changes_after_its_last_record_and_not_earlier(void **state)
{
    static const struct {
        uint64_t sent;
        bool is_new;
    } cases[] = {
        {0, false},
        {PYN_RECORDS_PER_KEY - 1, false},
        {PYN_RECORDS_PER_KEY, true},
        {PYN_RECORDS_PER_KEY + 1, false},
        {2 * (uint64_t)PYN_RECORDS_PER_KEY, true},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        struct pair p = make_pair();
        uint8_t record[64];
        size_t len = 0;
        p.one.nonce = p.other.nonce = cases[i].sent;
        len = seal(&p, PYN_RECORD_DATA, "abc", record);
        assert_int_equal(memcmp(p.one.key, key, sizeof key) != 0, cases[i].is_new);
        assert_int_equal(open_record(&p, record, len), PYN_OK);
        assert_memory_equal(p.one.key, p.other.key, sizeof key);
    }
}

static void what_the_old_key_sealed_the_new_one_does_not_open(void **state)
{
    struct pair p = make_pair();
    struct pair stale;
    uint8_t record[64];
    uint8_t late[64];
    size_t len = 0;

    p.one.nonce = p.other.nonce = PYN_RECORDS_PER_KEY - 1;
    stale = p;
    len = seal(&p, PYN_RECORD_DATA, "abc", record);
    assert_int_equal(open_record(&p, record, len), PYN_OK);
    stale.one.nonce = PYN_RECORDS_PER_KEY;
    memcpy(late + PYN_RECORD_HEAD_LEN, "abc\2", 4);
    late[0] = 0;
    late[1] = 4 + PYN_TAG_LEN;
    assert_int_equal(pyn_cipher_seal(&stale.one, (struct pyn_view){NULL, 0},
                                     (struct pyn_view){late + PYN_RECORD_HEAD_LEN, 4}, late + PYN_RECORD_HEAD_LEN),
                     PYN_OK);
    assert_int_equal(open_record(&p, late, len), PYN_EFORGED);
}

static void the_end_of_the_nonces_is_the_end_of_the_records(void **state)
{
    struct pair p = make_pair();
    uint8_t record[64] = {0};

    p.one.nonce = UINT64_MAX - 2;
    assert_int_equal(pyn_record_seal(&p.one, PYN_RECORD_DATA, record, 1), PYN_OK);
    assert_int_equal(pyn_record_seal(&p.one, PYN_RECORD_DATA, record, 1), PYN_OK);
    assert_int_equal(pyn_record_seal(&p.one, PYN_RECORD_DATA, record, 1), PYN_ESPENT);
    assert_int_equal(pyn_record_seal(&p.one, PYN_RECORD_DATA, record, 1), PYN_ESPENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_opens_as_what_it_was),
        cmocka_unit_test(lengths_that_cannot_be_are_refused),
        cmocka_unit_test(a_kind_that_is_not_there_is_refused),
        cmocka_unit_test(a_record_that_was_dropped_repeated_or_moved_does_not_open),
        cmocka_unit_test(a_record_comes_not_back_to_its_sender),
        cmocka_unit_test(every_bit_of_a_record_counts),
        cmocka_unit_test(the_key_changes_after_its_last_record_and_not_earlier),
        cmocka_unit_test(what_the_old_key_sealed_the_new_one_does_not_open),
        cmocka_unit_test(the_end_of_the_nonces_is_the_end_of_the_records),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
