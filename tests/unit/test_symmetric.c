/* test_symmetric.c - does everything that is mixed in change what comes out, and does nothing else? */
#include "support.h"

#include <sodium.h>

#include "../../src/channel/symmetric.h"

static const uint8_t secret[PYN_NOISE_KEY_LEN] = {5};

static void a_short_name_is_the_hash_and_a_long_one_is_hashed(void **state)
{
    static const struct pyn_view nothing;
    struct pyn_symmetric sym;
    uint8_t wanted[PYN_HASH_LEN] = {0};
    char name[PYN_HASH_LEN + 1];

    memset(name, 'n', sizeof name);
    pyn_symmetric_init(&sym, (struct pyn_view){(const uint8_t *)name, PYN_HASH_LEN});
    assert_memory_equal(sym.transcript, name, PYN_HASH_LEN);
    pyn_symmetric_init(&sym, pyn_view_of("Noise_X"));
    memcpy(wanted, "Noise_X", 7);
    assert_memory_equal(sym.transcript, wanted, PYN_HASH_LEN);
    pyn_symmetric_init(&sym, (struct pyn_view){(const uint8_t *)name, sizeof name});
    pyn_hash((struct pyn_view){(const uint8_t *)name, sizeof name}, nothing, wanted);
    assert_memory_equal(sym.transcript, wanted, PYN_HASH_LEN);
    assert_memory_equal(sym.chaining, wanted, PYN_HASH_LEN);
}

static void before_there_is_a_key_bytes_stay_as_they_are(void **state)
{
    struct pyn_symmetric sym;
    uint8_t out[3];

    pyn_symmetric_init(&sym, pyn_view_of("n"));
    assert_int_equal(pyn_symmetric_overhead(&sym), 0);
    assert_int_equal(pyn_symmetric_seal(&sym, pyn_view_of("abc"), out), PYN_OK);
    assert_memory_equal(out, "abc", 3);
    pyn_symmetric_mix_key(&sym, secret);
    assert_int_equal(pyn_symmetric_overhead(&sym), PYN_TAG_LEN);
}

static void the_transcript_binds_what_is_sealed(void **state)
{
    struct pyn_symmetric one;
    struct pyn_symmetric other;
    uint8_t sealed[3 + PYN_TAG_LEN];
    uint8_t out[3];

    pyn_symmetric_init(&one, pyn_view_of("n"));
    pyn_symmetric_mix_key(&one, secret);
    other = one;
    pyn_symmetric_mix_hash(&other, pyn_view_of("something that only one has seen"));
    assert_int_equal(pyn_symmetric_seal(&one, pyn_view_of("abc"), sealed), PYN_OK);
    assert_int_equal(pyn_symmetric_open(&other, (struct pyn_view){sealed, sizeof sealed}, out), PYN_EFORGED);
}

static void both_ends_split_into_the_same_two_keys(void **state)
{
    struct pyn_symmetric sym;
    struct pyn_cipher first;
    struct pyn_cipher second;

    pyn_symmetric_init(&sym, pyn_view_of("n"));
    pyn_symmetric_mix_key(&sym, secret);
    pyn_symmetric_mix_key_and_hash(&sym, secret);
    pyn_symmetric_split(&sym, &first, &second);
    assert_memory_not_equal(first.key, second.key, PYN_NOISE_KEY_LEN);
    assert_true(first.nonce == 0 && second.nonce == 0);
    pyn_symmetric_wipe(&sym);
    assert_true(sodium_is_zero((const unsigned char *)&sym, sizeof sym));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_name_is_the_hash_and_a_long_one_is_hashed),
        cmocka_unit_test(before_there_is_a_key_bytes_stay_as_they_are),
        cmocka_unit_test(the_transcript_binds_what_is_sealed),
        cmocka_unit_test(both_ends_split_into_the_same_two_keys),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
