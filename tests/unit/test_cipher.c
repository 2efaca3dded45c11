/* test_cipher.c - is no nonce used twice, nothing opened that was not sealed, and no key left behind? N13 */
#include "support.h"

#include <sodium.h>

#include "../../src/channel/cipher.h"

static const struct pyn_view nothing;
static const uint8_t key[PYN_NOISE_KEY_LEN] = {7, 1, 9};

static void what_was_sealed_opens_in_the_same_order(void **state)
{
    struct pyn_cipher one;
    struct pyn_cipher other;
    uint8_t sealed[3 + PYN_TAG_LEN];
    uint8_t first[3 + PYN_TAG_LEN];
    uint8_t out[3];

    pyn_cipher_init(&one, key);
    pyn_cipher_init(&other, key);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pyn_cipher_seal(&one, pyn_view_of("beside"), pyn_view_of("abc"), sealed), PYN_OK);
        if (i == 0) {
            memcpy(first, sealed, sizeof first);
        } else {
            assert_memory_not_equal(first, sealed, sizeof first);
        }
        assert_int_equal(pyn_cipher_open(&other, pyn_view_of("beside"), (struct pyn_view){sealed, sizeof sealed}, out),
                         PYN_OK);
        assert_memory_equal(out, "abc", 3);
    }
    assert_int_equal(pyn_cipher_open(&other, pyn_view_of("beside"), (struct pyn_view){first, sizeof first}, out),
                     PYN_EFORGED);
}

static void every_flipped_bit_is_seen_and_the_nonce_stays(void **state)
{
    struct pyn_cipher one;
    struct pyn_cipher other;
    uint8_t sealed[3 + PYN_TAG_LEN];
    uint8_t out[3];

    pyn_cipher_init(&one, key);
    pyn_cipher_init(&other, key);
    assert_int_equal(pyn_cipher_seal(&one, nothing, pyn_view_of("abc"), sealed), PYN_OK);
    for (size_t bit = 0; bit < sizeof sealed * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(pyn_cipher_open(&other, nothing, (struct pyn_view){sealed, sizeof sealed}, out), PYN_EFORGED);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(pyn_cipher_open(&other, pyn_view_of("x"), (struct pyn_view){sealed, sizeof sealed}, out),
                     PYN_EFORGED);
    assert_int_equal(pyn_cipher_open(&other, nothing, (struct pyn_view){sealed, sizeof sealed}, out), PYN_OK);
}

static void what_is_shorter_than_a_tag_does_not_open(void **state)
{
    struct pyn_cipher cipher;
    uint8_t bytes[PYN_TAG_LEN] = {0};
    uint8_t out[1];

    for (size_t len = 0; len <= PYN_TAG_LEN; len++) {
        pyn_cipher_init(&cipher, key);
        assert_int_equal(pyn_cipher_open(&cipher, nothing, (struct pyn_view){bytes, len}, out), PYN_EFORGED);
    }
}

static void the_last_nonce_is_never_used(void **state)
{
    static const struct {
        uint64_t nonce;
        pyn_status wanted;
        const char *why;
    } cases[] = {
        {UINT32_MAX, PYN_OK, "32 bits are not the end"},
        {UINT64_MAX - 2, PYN_OK, "one before the last"},
        {UINT64_MAX - 1, PYN_OK, "the last"},
        {UINT64_MAX, PYN_ESPENT, "the one of the rekey"},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        struct pyn_cipher one;
        struct pyn_cipher other;
        uint8_t sealed[1 + PYN_TAG_LEN];
        uint8_t out[1];
        pyn_cipher_init(&one, key);
        pyn_cipher_init(&other, key);
        one.nonce = other.nonce = cases[i].nonce;
        if (pyn_cipher_seal(&one, nothing, pyn_view_of("x"), sealed) != cases[i].wanted ||
            pyn_cipher_open(&other, nothing, (struct pyn_view){sealed, sizeof sealed}, out) != cases[i].wanted) {
            fail_msg("%s", cases[i].why);
        }
    }
}

static void spent_stays_spent(void **state)
{
    struct pyn_cipher cipher;
    uint8_t sealed[1 + PYN_TAG_LEN];

    pyn_cipher_init(&cipher, key);
    cipher.nonce = UINT64_MAX - 3;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pyn_cipher_seal(&cipher, nothing, pyn_view_of("x"), sealed), i < 3 ? PYN_OK : PYN_ESPENT);
    }
    assert_true(cipher.nonce == UINT64_MAX);
}

static void a_cipher_without_a_key_does_nothing(void **state)
{
    struct pyn_cipher cipher = {0};
    uint8_t sealed[1 + PYN_TAG_LEN] = {0};
    uint8_t out[1];

    assert_int_equal(pyn_cipher_seal(&cipher, nothing, pyn_view_of("x"), sealed), PYN_EINTERNAL);
    assert_int_equal(pyn_cipher_open(&cipher, nothing, (struct pyn_view){sealed, sizeof sealed}, out), PYN_EINTERNAL);
    pyn_cipher_init(&cipher, key);
    pyn_cipher_wipe(&cipher);
    assert_true(sodium_is_zero((const unsigned char *)&cipher, sizeof cipher));
}

static void the_next_key_opens_nothing_of_the_one_before(void **state)
{
    struct pyn_cipher one;
    struct pyn_cipher other;
    uint8_t before[1 + PYN_TAG_LEN];
    uint8_t sealed[1 + PYN_TAG_LEN];
    uint8_t out[1];

    pyn_cipher_init(&one, key);
    pyn_cipher_init(&other, key);
    assert_int_equal(pyn_cipher_seal(&one, nothing, pyn_view_of("x"), before), PYN_OK);
    one.nonce = 0;
    pyn_cipher_rekey(&one);
    pyn_cipher_rekey(&other);
    assert_memory_not_equal(one.key, key, sizeof key);
    assert_int_equal(one.nonce, 0);
    assert_int_equal(pyn_cipher_open(&other, nothing, (struct pyn_view){before, sizeof before}, out), PYN_EFORGED);
    assert_int_equal(pyn_cipher_seal(&one, nothing, pyn_view_of("x"), sealed), PYN_OK);
    assert_int_equal(pyn_cipher_open(&other, nothing, (struct pyn_view){sealed, sizeof sealed}, out), PYN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens_in_the_same_order),
        cmocka_unit_test(every_flipped_bit_is_seen_and_the_nonce_stays),
        cmocka_unit_test(what_is_shorter_than_a_tag_does_not_open),
        cmocka_unit_test(the_last_nonce_is_never_used),
        cmocka_unit_test(spent_stays_spent),
        cmocka_unit_test(a_cipher_without_a_key_does_nothing),
        cmocka_unit_test(the_next_key_opens_nothing_of_the_one_before),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
