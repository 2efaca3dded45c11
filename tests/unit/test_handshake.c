/* test_handshake.c - does a handshake end in keys only where both ends followed the same table with the right keys, and in nothing anywhere else? */
#include "support.h"

#include <sodium.h>

#include "../../src/channel/handshake.h"

enum { MESSAGE_MAX = 256 };

static const struct pyn_view nothing;
static const uint8_t psk[PYN_NOISE_KEY_LEN] = {1, 2, 3};
static struct pyn_keypair client_key;
static struct pyn_keypair server_key;
static struct pyn_keypair other_key;

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    randombytes_buf(out, len);
}

static struct pyn_handshake_config config_of(unsigned id, bool is_initiator)
{
    const struct pyn_pattern *pattern = pyn_pattern_by_id(id);
    struct pyn_handshake_config config = {
        .pattern = pattern, .is_initiator = is_initiator, .prologue = pyn_view_of("p"), .random = {fill, NULL}};

    config.own = !is_initiator ? &server_key : pattern->has_initiator_key ? &client_key : NULL;
    config.peer_public = is_initiator && pattern->is_responder_known ? server_key.public_key : NULL;
    config.psk = pattern->has_psk ? psk : NULL;
    return config;
}

static bool is_wiped(struct pyn_handshake hs)
{
    hs.multiplications = 0;
    return sodium_is_zero((const unsigned char *)&hs, sizeof hs) == 1;
}

/* Plays until it is done or fails. */
static pyn_status play(struct pyn_handshake *ends)
{
    uint8_t message[MESSAGE_MAX];
    uint8_t payload[MESSAGE_MAX];
    size_t len = 0;
    size_t payload_len = 0;
    pyn_status st = PYN_OK;

    for (unsigned i = 0; st == PYN_OK && ends[0].turn != PYN_TURN_DONE; i++) {
        size_t wanted = i < ends[i % 2].pattern->message_count ? pyn_pattern_message_len(ends[i % 2].pattern, i) : 0;
        st = pyn_handshake_write(&ends[i % 2], nothing, message, sizeof message, &len);
        if (st == PYN_OK) {
            assert_int_equal(len, wanted);
            st = pyn_handshake_read(&ends[1 - i % 2], (struct pyn_view){message, len}, payload, &payload_len);
        }
    }
    return st;
}

static pyn_status play_configs(const struct pyn_handshake_config *client, const struct pyn_handshake_config *server)
{
    struct pyn_handshake ends[2];

    assert_int_equal(pyn_handshake_init(&ends[0], client), PYN_OK);
    assert_int_equal(pyn_handshake_init(&ends[1], server), PYN_OK);
    return play(ends);
}

static void both_ends_get_the_same_keys_and_know_each_other(void **state)
{
    for (unsigned id = 1; id < PYN_PATTERN_COUNT; id++) {
        const struct pyn_handshake_config client = config_of(id, true);
        const struct pyn_handshake_config server = config_of(id, false);
        struct pyn_handshake ends[2];
        struct pyn_cipher keys[4];
        uint8_t transcripts[2][PYN_HASH_LEN];
        assert_int_equal(pyn_handshake_init(&ends[0], &client), PYN_OK);
        assert_int_equal(pyn_handshake_init(&ends[1], &server), PYN_OK);
        assert_int_equal(play(ends), PYN_OK);
        assert_true(ends[0].has_peer_static);
        assert_memory_equal(ends[0].peer_static, server_key.public_key, PYN_NOISE_KEY_LEN);
        assert_int_equal(ends[1].has_peer_static, ends[1].pattern->has_initiator_key);
        if (ends[1].has_peer_static) {
            assert_memory_equal(ends[1].peer_static, client_key.public_key, PYN_NOISE_KEY_LEN);
        }
        assert_int_equal(pyn_handshake_finish(&ends[0], &keys[0], &keys[1], transcripts[0]), PYN_OK);
        assert_int_equal(pyn_handshake_finish(&ends[1], &keys[2], &keys[3], transcripts[1]), PYN_OK);
        assert_memory_equal(keys[0].key, keys[3].key, PYN_NOISE_KEY_LEN);
        assert_memory_equal(keys[1].key, keys[2].key, PYN_NOISE_KEY_LEN);
        assert_memory_not_equal(keys[0].key, keys[1].key, PYN_NOISE_KEY_LEN);
        assert_memory_equal(transcripts[0], transcripts[1], PYN_HASH_LEN);
        assert_true(is_wiped(ends[0]) && is_wiped(ends[1]));
    }
}

static void a_handshake_costs_what_its_pattern_needs_and_five_at_most(void **state)
{
    static const struct {
        enum pyn_pattern_id id;
        unsigned server;
    } costs[] = {{PYN_PATTERN_NK, 3},     {PYN_PATTERN_IK, 5},     {PYN_PATTERN_XX, 4},     {PYN_PATTERN_NKPSK0, 3},
                 {PYN_PATTERN_NKPSK2, 3}, {PYN_PATTERN_IKPSK1, 5}, {PYN_PATTERN_IKPSK2, 5}, {PYN_PATTERN_XXPSK3, 4}};

    assert_int_equal(SUPPORT_COUNT(costs), PYN_PATTERN_COUNT - 1);
    for (size_t i = 0; i < SUPPORT_COUNT(costs); i++) {
        const struct pyn_handshake_config client = config_of(costs[i].id, true);
        const struct pyn_handshake_config server = config_of(costs[i].id, false);
        struct pyn_handshake ends[2];
        assert_int_equal(pyn_handshake_init(&ends[0], &client), PYN_OK);
        assert_int_equal(pyn_handshake_init(&ends[1], &server), PYN_OK);
        assert_int_equal(play(ends), PYN_OK);
        assert_int_equal(ends[1].multiplications, costs[i].server);
    }
}

static void a_first_message_for_another_key_costs_one_multiplication(void **state)
{
    struct pyn_handshake_config client = config_of(PYN_PATTERN_IK, true);
    const struct pyn_handshake_config server = config_of(PYN_PATTERN_IK, false);
    struct pyn_handshake ends[2];
    uint8_t message[MESSAGE_MAX];
    uint8_t payload[MESSAGE_MAX];
    size_t len = 0;

    client.peer_public = other_key.public_key;
    assert_int_equal(pyn_handshake_init(&ends[0], &client), PYN_OK);
    assert_int_equal(pyn_handshake_init(&ends[1], &server), PYN_OK);
    assert_int_equal(pyn_handshake_write(&ends[0], nothing, message, sizeof message, &len), PYN_OK);
    assert_int_equal(pyn_handshake_read(&ends[1], (struct pyn_view){message, len}, payload, &len), PYN_EFORGED);
    assert_int_equal(ends[1].multiplications, 1);
    assert_true(is_wiped(ends[1]));
}

static void whatever_the_two_do_not_share_ends_it(void **state)
{
    static const uint8_t wrong_psk[PYN_NOISE_KEY_LEN] = {9};

    for (unsigned id = 1; id < PYN_PATTERN_COUNT; id++) {
        struct pyn_handshake_config client = config_of(id, true);
        struct pyn_handshake_config server = config_of(id, false);
        const struct pyn_pattern *pattern = client.pattern;
        client.prologue = pyn_view_of("another");
        assert_int_equal(play_configs(&client, &server), PYN_EFORGED);
        client = config_of(id, true);
        if (pattern->is_responder_known) {
            client.peer_public = other_key.public_key;
            assert_int_equal(play_configs(&client, &server), PYN_EFORGED);
        }
        client = config_of(id, true);
        if (pattern->has_psk) {
            client.psk = wrong_psk;
            assert_int_equal(play_configs(&client, &server), PYN_EFORGED);
        }
        client = config_of(id, true);
        for (unsigned other = 1; other < PYN_PATTERN_COUNT; other++) { /* crossed: two tables */
            server = config_of(other, false);
            if (other != id) {
                assert_int_not_equal(play_configs(&client, &server), PYN_OK);
            }
        }
    }
}

static void keys_that_a_pattern_has_no_use_for_are_refused(void **state)
{
    struct pyn_handshake hs;
    struct pyn_handshake_config config = config_of(PYN_PATTERN_NK, true);

    config.own = &client_key;
    assert_int_equal(pyn_handshake_init(&hs, &config), PYN_EARGS);
    config = config_of(PYN_PATTERN_NK, true);
    config.peer_public = NULL;
    assert_int_equal(pyn_handshake_init(&hs, &config), PYN_EARGS);
    config = config_of(PYN_PATTERN_NK, true);
    config.psk = psk;
    assert_int_equal(pyn_handshake_init(&hs, &config), PYN_EARGS);
    config = config_of(PYN_PATTERN_IKPSK2, true);
    config.psk = NULL;
    assert_int_equal(pyn_handshake_init(&hs, &config), PYN_EARGS);
    config = config_of(PYN_PATTERN_IK, true);
    config.own = NULL;
    assert_int_equal(pyn_handshake_init(&hs, &config), PYN_EARGS);
    config.pattern = NULL;
    assert_int_equal(pyn_handshake_init(&hs, &config), PYN_EARGS);
    assert_int_equal(pyn_handshake_write(&hs, nothing, NULL, 0, &(size_t){0}), PYN_EPROTOCOL);
}

/* Message number index of a fresh handshake, cut or extended to len bytes, and what the other end says to it. */
static pyn_status read_cut(unsigned id, unsigned index, size_t len)
{
    const struct pyn_handshake_config client = config_of(id, true);
    const struct pyn_handshake_config server = config_of(id, false);
    struct pyn_handshake ends[2];
    uint8_t payload[MESSAGE_MAX];
    pyn_status st = PYN_OK;

    assert_int_equal(pyn_handshake_init(&ends[0], &client), PYN_OK);
    assert_int_equal(pyn_handshake_init(&ends[1], &server), PYN_OK);
    for (unsigned i = 0; i <= index; i++) {
        uint8_t *message = test_calloc(1, MESSAGE_MAX);
        size_t written = 0;
        uint8_t *exact = NULL;
        assert_int_equal(pyn_handshake_write(&ends[i % 2], nothing, message, MESSAGE_MAX, &written), PYN_OK);
        if (i == index) {
            written = len;
        }
        exact = test_malloc(written + 1); /* a sanitizer sees what is read behind it */
        memcpy(exact, message, written);
        st = pyn_handshake_read(&ends[1 - i % 2], (struct pyn_view){exact, written}, payload, &written);
        test_free(exact);
        test_free(message);
    }
    return st;
}

static void a_message_of_another_length_is_refused(void **state)
{
    for (unsigned id = 1; id < PYN_PATTERN_COUNT; id++) {
        const struct pyn_pattern *pattern = pyn_pattern_by_id(id);
        for (unsigned index = 0; index < pattern->message_count; index++) {
            size_t whole = pyn_pattern_message_len(pattern, index);
            assert_int_equal(read_cut(id, index, whole), PYN_OK);
            for (size_t len = 0; len < whole; len++) {
                assert_int_equal(read_cut(id, index, len), PYN_EFORMAT);
            }
            if (index > 0 ||
                id != PYN_PATTERN_XX) { /* there the first has a payload that nothing seals: the channel fixes its length */
                assert_int_equal(read_cut(id, index, whole + 1), PYN_EFORGED);
                assert_int_equal(read_cut(id, index, whole + 64), PYN_EFORGED);
            }
        }
    }
}

/* The points of small order, and the same with the top bit set. */
static const char *const weak_points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void a_point_of_small_order_ends_it_wherever_it_stands(void **state)
{
    for (size_t i = 0; i < SUPPORT_COUNT(weak_points) * 2; i++) {
        uint8_t point[PYN_NOISE_KEY_LEN];
        uint8_t payload[MESSAGE_MAX];
        uint8_t message[48] = {0};
        size_t len = 0;
        struct pyn_handshake hs;
        struct pyn_handshake_config config = config_of(PYN_PATTERN_NK, false);
        assert_int_equal(support_hex(weak_points[i / 2], point, sizeof point), sizeof point);
        point[31] = (uint8_t)(point[31] | (i % 2 == 1 ? 0x80u : 0u));
        memcpy(message, point, sizeof point); /* as an ephemeral key: es is zero */
        assert_int_equal(pyn_handshake_init(&hs, &config), PYN_OK);
        assert_int_equal(pyn_handshake_read(&hs, (struct pyn_view){message, sizeof message}, payload, &len), PYN_EFORGED);
        assert_true(is_wiped(hs));
        config = config_of(PYN_PATTERN_NK, true); /* as a static key: our own es is zero */
        config.peer_public = point;
        assert_int_equal(pyn_handshake_init(&hs, &config), PYN_OK);
        assert_int_equal(pyn_handshake_write(&hs, nothing, payload, sizeof payload, &len), PYN_EFORGED);
    }
}

/* The client claims a static key of small order, sealed properly. */
static void a_static_key_of_small_order_proves_nobody(void **state)
{
    struct pyn_handshake_config client = config_of(PYN_PATTERN_IK, true);
    const struct pyn_handshake_config server = config_of(PYN_PATTERN_IK, false);
    struct pyn_keypair weak = client_key;

    for (size_t i = 0; i < SUPPORT_COUNT(weak_points); i++) {
        struct pyn_handshake hs;
        struct pyn_symmetric sym;
        uint8_t message[96];
        uint8_t payload[MESSAGE_MAX];
        uint8_t shared[PYN_NOISE_KEY_LEN];
        struct pyn_keypair ephemeral;
        size_t len = 0;
        assert_int_equal(support_hex(weak_points[i], weak.public_key, PYN_NOISE_KEY_LEN), PYN_NOISE_KEY_LEN);
        randombytes_buf(shared, sizeof shared);
        pyn_keypair_from(&ephemeral, shared);
        pyn_symmetric_init(&sym, pyn_view_of(client.pattern->name)); /* by hand: the tokens e, es, s */
        pyn_symmetric_mix_hash(&sym, client.prologue);
        pyn_symmetric_mix_hash(&sym, (struct pyn_view){server_key.public_key, PYN_NOISE_KEY_LEN});
        memcpy(message, ephemeral.public_key, PYN_NOISE_KEY_LEN);
        pyn_symmetric_mix_hash(&sym, (struct pyn_view){message, PYN_NOISE_KEY_LEN});
        assert_int_equal(crypto_scalarmult(shared, ephemeral.secret, server_key.public_key), 0);
        pyn_symmetric_mix_key(&sym, shared);
        assert_int_equal(pyn_symmetric_seal(&sym, (struct pyn_view){weak.public_key, PYN_NOISE_KEY_LEN}, message + 32),
                         PYN_OK);
        memset(shared, 0, sizeof shared); /* ss would be zero */
        pyn_symmetric_mix_key(&sym, shared);
        assert_int_equal(pyn_symmetric_seal(&sym, nothing, message + 80), PYN_OK);
        assert_int_equal(pyn_handshake_init(&hs, &server), PYN_OK);
        assert_int_equal(pyn_handshake_read(&hs, (struct pyn_view){message, sizeof message}, payload, &len), PYN_EFORGED);
    }
}

static void a_message_out_of_turn_ends_it(void **state)
{
    const struct pyn_handshake_config client = config_of(PYN_PATTERN_NK, true);
    struct pyn_handshake hs;
    struct pyn_cipher a;
    struct pyn_cipher b;
    uint8_t bytes[MESSAGE_MAX] = {0};
    uint8_t transcript[PYN_HASH_LEN];
    size_t len = 0;

    assert_int_equal(pyn_handshake_init(&hs, &client), PYN_OK);
    assert_int_equal(pyn_handshake_read(&hs, (struct pyn_view){bytes, 48}, bytes, &len), PYN_EPROTOCOL);
    assert_int_equal(pyn_handshake_write(&hs, nothing, bytes, sizeof bytes, &len), PYN_EPROTOCOL);
    assert_int_equal(pyn_handshake_init(&hs, &client), PYN_OK);
    assert_int_equal(pyn_handshake_finish(&hs, &a, &b, transcript), PYN_EPROTOCOL);
    assert_true(!a.has_key && !b.has_key);
}

static void a_recorded_first_message_gets_the_recorder_no_keys(void **state)
{
    const struct pyn_handshake_config client = config_of(PYN_PATTERN_IK, true);
    const struct pyn_handshake_config server = config_of(PYN_PATTERN_IK, false);
    struct pyn_handshake ends[3];
    uint8_t first[MESSAGE_MAX];
    uint8_t answer[2][MESSAGE_MAX];
    uint8_t payload[MESSAGE_MAX];
    size_t len = 0;
    size_t answer_len = 0;

    assert_int_equal(pyn_handshake_init(&ends[0], &client), PYN_OK);
    assert_int_equal(pyn_handshake_write(&ends[0], nothing, first, sizeof first, &len), PYN_OK);
    for (int i = 1; i <= 2; i++) { /* the same message twice, to two connections */
        size_t unused = 0;
        assert_int_equal(pyn_handshake_init(&ends[i], &server), PYN_OK);
        assert_int_equal(pyn_handshake_read(&ends[i], (struct pyn_view){first, len}, payload, &unused), PYN_OK);
        assert_int_equal(pyn_handshake_write(&ends[i], nothing, answer[i - 1], MESSAGE_MAX, &answer_len), PYN_OK);
    }
    assert_memory_not_equal(ends[1].symmetric.chaining, ends[2].symmetric.chaining, PYN_HASH_LEN);
    assert_int_equal(pyn_handshake_read(&ends[0], (struct pyn_view){answer[1], answer_len}, payload, &len), PYN_OK);
    assert_memory_equal(ends[0].symmetric.chaining, ends[2].symmetric.chaining, PYN_HASH_LEN);
    assert_memory_not_equal(ends[0].symmetric.chaining, ends[1].symmetric.chaining, PYN_HASH_LEN);
}

/* Who has stolen the client's key is the client for the server, but not the server for the client. */
static void a_stolen_client_key_does_not_make_a_server(void **state)
{
    const struct pyn_handshake_config client = config_of(PYN_PATTERN_IK, true);
    struct pyn_handshake_config thief = config_of(PYN_PATTERN_IK, false);
    struct pyn_keypair forged = {.secret = {0}};

    memcpy(forged.secret, client_key.secret, PYN_NOISE_KEY_LEN); /* and it claims the server's public key */
    memcpy(forged.public_key, server_key.public_key, PYN_NOISE_KEY_LEN);
    thief.own = &forged;
    assert_int_equal(play_configs(&client, &thief), PYN_EFORGED);
}

static void a_room_that_is_too_small_is_noticed_before_it_is_written(void **state)
{
    const struct pyn_handshake_config client = config_of(PYN_PATTERN_IK, true);

    for (size_t room = 94; room <= 97; room++) {
        struct pyn_handshake hs;
        uint8_t *out = test_malloc(room);
        size_t len = 0;
        assert_int_equal(pyn_handshake_init(&hs, &client), PYN_OK);
        assert_int_equal(pyn_handshake_write(&hs, nothing, out, room, &len), room < 96 ? PYN_EFORMAT : PYN_OK);
        test_free(out);
    }
}

static int make_keys(void **state)
{
    struct pyn_keypair *const pairs[] = {&client_key, &server_key, &other_key};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(pairs); i++) {
        uint8_t secret[PYN_NOISE_KEY_LEN];
        randombytes_buf(secret, sizeof secret);
        pyn_keypair_from(pairs[i], secret);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_get_the_same_keys_and_know_each_other),
        cmocka_unit_test(a_handshake_costs_what_its_pattern_needs_and_five_at_most),
        cmocka_unit_test(a_first_message_for_another_key_costs_one_multiplication),
        cmocka_unit_test(whatever_the_two_do_not_share_ends_it),
        cmocka_unit_test(keys_that_a_pattern_has_no_use_for_are_refused),
        cmocka_unit_test(a_message_of_another_length_is_refused),
        cmocka_unit_test(a_point_of_small_order_ends_it_wherever_it_stands),
        cmocka_unit_test(a_static_key_of_small_order_proves_nobody),
        cmocka_unit_test(a_message_out_of_turn_ends_it),
        cmocka_unit_test(a_recorded_first_message_gets_the_recorder_no_keys),
        cmocka_unit_test(a_stolen_client_key_does_not_make_a_server),
        cmocka_unit_test(a_room_that_is_too_small_is_noticed_before_it_is_written),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, make_keys, NULL);
}
