/*
 * test_wycheproof.c - do the curve and the cipher do what they should where others have gone wrong? The vectors of the Wycheproof project through our
 * rooms, and RFC 7748's iterations.
 N01 N25 */
#include "support.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "../../src/channel/handshake.h"

enum { TEXT_MAX = 4096, RFC_ITERATIONS = 1000, RFC_MANY = 1000000 };

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *loaded = json_load_file(path, 0, &error);

    if (loaded == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    return loaded;
}

static size_t bytes_of(const json_t *test, const char *name, uint8_t *out, size_t room)
{
    return support_hex(json_string_value(json_object_get(test, name)), out, room);
}

static bool has_flag(const json_t *test, const char *flag)
{
    const json_t *flags = json_object_get(test, "flags");
    size_t i = 0;
    const json_t *each = NULL;

    json_array_foreach(flags, i, each)
    {
        if (strcmp(json_string_value(each), flag) == 0) {
            return true;
        }
    }
    return false;
}

static int number_of(const json_t *test)
{
    return (int)json_integer_value(json_object_get(test, "tcId"));
}

/* ---- the curve ---- */

/* Points that are not written in the shortest way are taken by their value, as RFC 7748 has it; a secret of zeros is none. */
static void a_shared_secret_is_right_or_there_is_none(void **state)
{
    json_t *vectors = load(PYN_TEST_VECTORS "/wycheproof-x25519.json");
    const json_t *test = NULL;
    size_t i = 0;
    size_t zeros = 0;

    json_array_foreach(json_object_get(vectors, "tests"), i, test)
    {
        static const uint8_t zero[PYN_NOISE_KEY_LEN];
        uint8_t secret[PYN_NOISE_KEY_LEN];
        uint8_t public_key[PYN_NOISE_KEY_LEN];
        uint8_t wanted[PYN_NOISE_KEY_LEN];
        uint8_t shared[PYN_NOISE_KEY_LEN];
        pyn_status st = PYN_OK;
        assert_int_equal(bytes_of(test, "private", secret, sizeof secret), sizeof secret);
        assert_int_equal(bytes_of(test, "public", public_key, sizeof public_key), sizeof public_key);
        assert_int_equal(bytes_of(test, "shared", wanted, sizeof wanted), sizeof wanted);
        st = pyn_shared_secret(secret, public_key, shared);
        if (has_flag(test, "ZeroSharedSecret")) {
            assert_int_equal(st, PYN_EFORGED);
            zeros++;
        } else if (st != PYN_OK) {
            fail_msg("vector %d: %s", number_of(test), pyn_status_name(st));
        }
        if (memcmp(shared, has_flag(test, "ZeroSharedSecret") ? zero : wanted, sizeof shared) != 0) {
            fail_msg("vector %d: another secret", number_of(test));
        }
    }
    assert_int_equal(i, 518);
    assert_int_equal(zeros, 31);
    json_decref(vectors);
}

/* RFC 7748, 5.2: a thousand times; a million where PYN_TEST_LONG is set, which takes about a minute. */
static void the_iterations_of_rfc_7748_come_out(void **state)
{
    static const char *const after[] = {"422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
                                        "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51",
                                        "7c3911e0ab2586fd864497297e575e6f3bc601c0883c30df5f4dd2d24f665424"};
    const uint32_t count = getenv("PYN_TEST_LONG") != NULL ? RFC_MANY : RFC_ITERATIONS;
    uint8_t k[PYN_NOISE_KEY_LEN] = {9};
    uint8_t u[PYN_NOISE_KEY_LEN] = {9};
    uint8_t next[PYN_NOISE_KEY_LEN];
    uint8_t wanted[PYN_NOISE_KEY_LEN];

    for (uint32_t i = 1; i <= count; i++) {
        assert_int_equal(pyn_shared_secret(k, u, next), PYN_OK);
        memcpy(u, k, sizeof u);
        memcpy(k, next, sizeof k);
        if (i == 1 || i == RFC_ITERATIONS || i == RFC_MANY) {
            assert_int_equal(support_hex(after[i == 1                ? 0
                                               : i == RFC_ITERATIONS ? 1
                                                                     : 2],
                                         wanted, sizeof wanted),
                             sizeof wanted);
            assert_memory_equal(k, wanted, sizeof k);
        }
    }
}

/* ---- the cipher ---- */

struct sealing {
    uint8_t key[PYN_NOISE_KEY_LEN];
    uint8_t nonce[12];
    uint8_t beside[TEXT_MAX];
    size_t beside_len;
    uint8_t text[TEXT_MAX];
    size_t text_len;
    uint8_t sealed[TEXT_MAX + PYN_TAG_LEN];
    bool is_valid;
};

static void read_sealing(const json_t *test, struct sealing *out)
{
    size_t len = 0;

    assert_int_equal(bytes_of(test, "key", out->key, sizeof out->key), sizeof out->key);
    assert_int_equal(bytes_of(test, "iv", out->nonce, sizeof out->nonce), sizeof out->nonce);
    out->beside_len = bytes_of(test, "aad", out->beside, sizeof out->beside);
    out->text_len = bytes_of(test, "msg", out->text, sizeof out->text);
    len = bytes_of(test, "ct", out->sealed, TEXT_MAX);
    assert_int_equal(len, out->text_len);
    assert_int_equal(bytes_of(test, "tag", out->sealed + len, PYN_TAG_LEN), PYN_TAG_LEN);
    out->is_valid = strcmp(json_string_value(json_object_get(test, "result")), "valid") == 0;
}

/* Of the library, which takes any nonce. */
static void check_primitive(int number, const struct sealing *sealing)
{
    uint8_t out[TEXT_MAX + PYN_TAG_LEN];
    const int failed = crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealing->sealed,
                                                                 sealing->text_len + PYN_TAG_LEN, sealing->beside,
                                                                 sealing->beside_len, sealing->nonce, sealing->key);

    if ((failed == 0) != sealing->is_valid || (failed == 0 && memcmp(out, sealing->text, sealing->text_len) != 0)) {
        fail_msg("vector %d: the library opens it otherwise", number);
    }
}

/* Our nonces are numbers: four zeros lead. */
static bool has_number(const struct sealing *sealing)
{
    static const uint8_t zeros[4];

    return memcmp(sealing->nonce, zeros, sizeof zeros) == 0;
}

static void check_cipher(const struct sealing *sealing)
{
    const struct pyn_view beside = {sealing->beside, sealing->beside_len};
    const struct pyn_view sealed = {sealing->sealed, sealing->text_len + PYN_TAG_LEN};
    uint8_t out[TEXT_MAX + PYN_TAG_LEN];
    struct pyn_cipher cipher;
    uint64_t nonce = 0;

    for (unsigned i = 0; i < 8; i++) {
        nonce |= (uint64_t)sealing->nonce[4 + i] << (8 * i);
    }
    pyn_cipher_init(&cipher, sealing->key);
    cipher.nonce = nonce;
    assert_int_equal(pyn_cipher_open(&cipher, beside, sealed, out), sealing->is_valid ? PYN_OK : PYN_EFORGED);
    if (sealing->is_valid) {
        assert_memory_equal(out, sealing->text, sealing->text_len);
        pyn_cipher_init(&cipher, sealing->key);
        cipher.nonce = nonce;
        assert_int_equal(pyn_cipher_seal(&cipher, beside, (struct pyn_view){sealing->text, sealing->text_len}, out),
                         PYN_OK);
        assert_memory_equal(out, sealing->sealed, sealed.len);
    }
}

static void what_is_sealed_opens_and_nothing_else_does(void **state)
{
    static struct sealing sealing;
    json_t *vectors = load(PYN_TEST_VECTORS "/wycheproof-chacha20-poly1305.json");
    const json_t *test = NULL;
    size_t i = 0;
    size_t ours = 0;

    json_array_foreach(json_object_get(vectors, "tests"), i, test)
    {
        read_sealing(test, &sealing);
        check_primitive(number_of(test), &sealing);
        if (has_number(&sealing)) {
            check_cipher(&sealing);
            ours++;
        }
    }
    assert_int_equal(i, 316);
    assert_true(ours >= 8);
    json_decref(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shared_secret_is_right_or_there_is_none),
        cmocka_unit_test(the_iterations_of_rfc_7748_come_out),
        cmocka_unit_test(what_is_sealed_opens_and_nothing_else_does),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
