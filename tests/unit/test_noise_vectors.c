/*
 * test_noise_vectors.c - do we speak the same bytes as everybody? Every vector of tests/vectors/noise-*.json whose pattern is in our table, played at
 * both ends, to the last byte and to the transcript; and the vectors of RFC 7748, but for its iterations (test_wycheproof.c).
 N25 */
#include "support.h"

#include <jansson.h>
#include <sodium.h>

#include "../../src/channel/handshake.h"

enum { MESSAGE_MAX = 512 };

struct end {
    struct pyn_handshake hs;
    struct pyn_cipher sending;
    struct pyn_cipher receiving;
    uint8_t ephemeral[PYN_NOISE_KEY_LEN];
    uint8_t transcript[PYN_HASH_LEN];
};

static json_t *load(void)
{
    static const char path[] = PYN_TEST_VECTORS "/noise-cacophony-25519-chachapoly-blake2b.json";
    json_error_t error;
    json_t *loaded = json_load_file(path, 0, &error);
    if (loaded == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    return loaded;
}

static const char *text_of(const json_t *vector, const char *end, const char *what)
{
    char name[64];

    (void)snprintf(name, sizeof name, "%s_%s", end, what);
    return json_string_value(json_object_get(vector, name));
}

/* NULL where the vector has none. */
static const uint8_t *key_of(const json_t *vector, const char *end, const char *what, uint8_t out[PYN_NOISE_KEY_LEN])
{
    const char *hex = text_of(vector, end, what);

    if (hex == NULL) {
        return NULL;
    }
    assert_int_equal(support_hex(hex, out, PYN_NOISE_KEY_LEN), PYN_NOISE_KEY_LEN);
    return out;
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    memcpy(out, ctx, len);
}

static void begin(struct end *end, const json_t *vector, const char *name, const struct pyn_pattern *pattern)
{
    uint8_t secret[PYN_NOISE_KEY_LEN];
    uint8_t peer[PYN_NOISE_KEY_LEN];
    uint8_t psk[PYN_NOISE_KEY_LEN];
    struct pyn_keypair own;
    const json_t *psks = NULL;
    struct pyn_handshake_config config = {.pattern = pattern, .is_initiator = strcmp(name, "init") == 0};
    char psks_name[16];

    memset(end, 0, sizeof *end);
    config.random = (struct pyn_random){fill, end->ephemeral};
    config.prologue = support_bytes(text_of(vector, name, "prologue"));
    config.peer_public = key_of(vector, name, "remote_static", peer);
    if (key_of(vector, name, "static", secret) != NULL) {
        pyn_keypair_from(&own, secret);
        config.own = &own;
    }
    (void)snprintf(psks_name, sizeof psks_name, "%s_psks", name);
    psks = json_object_get(vector, psks_name);
    if (psks != NULL && json_array_size(psks) > 0) {
        assert_int_equal(support_hex(json_string_value(json_array_get(psks, 0)), psk, sizeof psk), sizeof psk);
        config.psk = psk;
    }
    (void)key_of(vector, name, "ephemeral", end->ephemeral);
    assert_int_equal(pyn_handshake_init(&end->hs, &config), PYN_OK);
}

static void finish_if_done(struct end *end)
{
    if (end->hs.turn == PYN_TURN_DONE) {
        assert_int_equal(pyn_handshake_finish(&end->hs, &end->sending, &end->receiving, end->transcript), PYN_OK);
    }
}

static void pass_on(struct end *from, struct end *to, const json_t *message)
{
    struct pyn_view payload = support_bytes(json_string_value(json_object_get(message, "payload")));
    uint8_t sealed[MESSAGE_MAX];
    uint8_t opened[MESSAGE_MAX];
    size_t sealed_len = payload.len + PYN_TAG_LEN;
    size_t len = payload.len;

    if (!from->sending.has_key) {
        assert_int_equal(pyn_handshake_write(&from->hs, payload, sealed, sizeof sealed, &sealed_len), PYN_OK);
        assert_int_equal(pyn_handshake_read(&to->hs, (struct pyn_view){sealed, sealed_len}, opened, &len), PYN_OK);
        finish_if_done(from);
        finish_if_done(to);
    } else {
        static const struct pyn_view nothing;
        assert_int_equal(pyn_cipher_seal(&from->sending, nothing, payload, sealed), PYN_OK);
        assert_int_equal(pyn_cipher_open(&to->receiving, nothing, (struct pyn_view){sealed, sealed_len}, opened), PYN_OK);
    }
    assert_true(support_is_hex((struct pyn_view){sealed, sealed_len},
                               json_string_value(json_object_get(message, "ciphertext"))));
    assert_true(pyn_view_is_equal((struct pyn_view){opened, len}, payload));
}

static void play(const json_t *vector, const struct pyn_pattern *pattern)
{
    const json_t *messages = json_object_get(vector, "messages");
    struct end ends[2];
    struct pyn_view transcript = {ends[0].transcript, PYN_HASH_LEN};

    begin(&ends[0], vector, "init", pattern);
    begin(&ends[1], vector, "resp", pattern);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        pass_on(&ends[i % 2], &ends[1 - i % 2], json_array_get(messages, i));
    }
    assert_true(json_array_size(messages) > pattern->message_count);
    assert_true(support_is_hex(transcript, json_string_value(json_object_get(vector, "handshake_hash"))));
    assert_memory_equal(ends[0].transcript, ends[1].transcript, PYN_HASH_LEN);
}

static void every_vector_of_our_patterns_passes(void **state)
{
    json_t *loaded = load();
    const json_t *vectors = json_object_get(loaded, "vectors");
    unsigned played = 0; /* a bit for each pattern */

    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *vector = json_array_get(vectors, i);
        const char *name = json_string_value(json_object_get(vector, "protocol_name"));
        const struct pyn_pattern *pattern = pyn_pattern_by_name(pyn_view_of(name));
        if (pattern != NULL) {
            play(vector, pattern);
            played |= 1u << pattern->id;
        }
    }
    json_decref(loaded);
    assert_int_equal(played, (1u << PYN_PATTERN_COUNT) - 2); /* all of them but NONE */
}

static void x25519_is_that_of_rfc_7748(void **state)
{
    static const char *const cases[][3] = {
        {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
        {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        uint8_t out[PYN_NOISE_KEY_LEN];
        assert_int_equal(crypto_scalarmult(out, support_bytes(cases[i][0]).data, support_bytes(cases[i][1]).data), 0);
        assert_true(support_is_hex((struct pyn_view){out, sizeof out}, cases[i][2]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_of_our_patterns_passes),
        cmocka_unit_test(x25519_is_that_of_rfc_7748),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
