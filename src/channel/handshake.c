/* handshake.c - the tokens of a pattern, written and read. */
#include "handshake.h"

#include <assert.h>
#include <sodium.h>

static_assert(crypto_scalarmult_SCALARBYTES == PYN_NOISE_KEY_LEN && crypto_scalarmult_BYTES == PYN_NOISE_KEY_LEN,
              "X25519");

/* What a multiplication leaves of its scalar on the stack below us: libsodium does not wipe its copy. */
enum { STACK_LEN = 8192 };

void pyn_keypair_from(struct pyn_keypair *pair, const uint8_t secret[PYN_NOISE_KEY_LEN])
{
    memmove(pair->secret, secret, PYN_NOISE_KEY_LEN);
    (void)crypto_scalarmult_base(pair->public_key, pair->secret); /* fails for no secret */
    sodium_stackzero(STACK_LEN);
}

pyn_status pyn_shared_secret(const uint8_t secret[PYN_NOISE_KEY_LEN], const uint8_t public_key[PYN_NOISE_KEY_LEN],
                             uint8_t out[PYN_NOISE_KEY_LEN])
{
    const int failed = crypto_scalarmult(out, secret, public_key);

    sodium_stackzero(STACK_LEN);
    if (failed != 0) {
        sodium_memzero(out, PYN_NOISE_KEY_LEN);
        return PYN_EFORGED;
    }
    return PYN_OK;
}

void pyn_handshake_wipe(struct pyn_handshake *hs)
{
    sodium_memzero(hs, sizeof *hs);
}

static pyn_status fail(struct pyn_handshake *hs, pyn_status st)
{
    const uint8_t multiplications = hs->multiplications;

    pyn_handshake_wipe(hs);
    hs->multiplications = multiplications;
    return st;
}

/* ---- beginning ---- */

static bool is_complete(const struct pyn_handshake_config *config)
{
    const struct pyn_pattern *pattern = config->pattern;
    const bool needs_own = !config->is_initiator || pattern->has_initiator_key;
    const bool needs_peer = config->is_initiator && pattern->is_responder_known;

    return needs_own == (config->own != NULL) && needs_peer == (config->peer_public != NULL) &&
           pattern->has_psk == (config->psk != NULL);
}

pyn_status pyn_handshake_init(struct pyn_handshake *hs, const struct pyn_handshake_config *config)
{
    const struct pyn_pattern *pattern = config->pattern;

    *hs = (struct pyn_handshake){0};
    if (pattern == NULL || !is_complete(config)) {
        return PYN_EARGS;
    }
    hs->pattern = pattern;
    hs->is_initiator = config->is_initiator;
    hs->random = config->random;
    hs->turn = config->is_initiator ? PYN_TURN_OURS : PYN_TURN_THEIRS;
    if (config->own != NULL) {
        hs->own = *config->own;
    }
    if (config->peer_public != NULL) {
        memcpy(hs->peer_static, config->peer_public, PYN_NOISE_KEY_LEN);
        hs->has_peer_static = true;
    }
    if (config->psk != NULL) {
        memcpy(hs->psk, config->psk, PYN_NOISE_KEY_LEN);
    }
    pyn_symmetric_init(&hs->symmetric, pyn_view_of(pattern->name));
    pyn_symmetric_mix_hash(&hs->symmetric, config->prologue);
    if (pattern->is_responder_known) {
        const uint8_t *responder = config->is_initiator ? hs->peer_static : hs->own.public_key;
        pyn_symmetric_mix_hash(&hs->symmetric, (struct pyn_view){responder, PYN_NOISE_KEY_LEN});
    }
    return PYN_OK;
}

/* ---- tokens ---- */

/* A peer's point of small order would make the key one that everybody knows. */
static pyn_status mix_shared(struct pyn_handshake *hs, const uint8_t *secret, const uint8_t *public_key)
{
    uint8_t shared[PYN_NOISE_KEY_LEN];
    pyn_status st = PYN_EINTERNAL;

    hs->multiplications++;
    st = pyn_shared_secret(secret, public_key, shared);
    if (st == PYN_OK) {
        pyn_symmetric_mix_key(&hs->symmetric, shared);
        sodium_stackzero(STACK_LEN);
    }
    sodium_memzero(shared, sizeof shared);
    return st;
}

/* Of the two letters of a token one is ours, the other the peer's. */
static pyn_status mix_token(struct pyn_handshake *hs, enum pyn_token token)
{
    const bool is_initiators_static = token == PYN_TOKEN_SE || token == PYN_TOKEN_SS;
    const bool is_responders_static = token == PYN_TOKEN_ES || token == PYN_TOKEN_SS;
    const bool is_ours_static = hs->is_initiator ? is_initiators_static : is_responders_static;
    const bool is_theirs_static = hs->is_initiator ? is_responders_static : is_initiators_static;

    if (token == PYN_TOKEN_PSK) {
        pyn_symmetric_mix_key_and_hash(&hs->symmetric, hs->psk);
        return PYN_OK;
    }
    return mix_shared(hs, is_ours_static ? hs->own.secret : hs->ephemeral.secret,
                      is_theirs_static ? hs->peer_static : hs->peer_ephemeral);
}

static void mix_ephemeral(struct pyn_handshake *hs, const uint8_t *public_key)
{
    pyn_symmetric_mix_hash(&hs->symmetric, (struct pyn_view){public_key, PYN_NOISE_KEY_LEN});
    if (hs->pattern->has_psk) {
        pyn_symmetric_mix_key(&hs->symmetric, public_key);
    }
}

static enum pyn_token token_at(const struct pyn_handshake *hs, unsigned index)
{
    return index < PYN_TOKENS_MAX ? (enum pyn_token)hs->pattern->tokens[hs->message][index] : PYN_TOKEN_END;
}

static void next_turn(struct pyn_handshake *hs)
{
    hs->message++;
    if (hs->message == hs->pattern->message_count) {
        hs->turn = PYN_TURN_DONE;
    } else {
        hs->turn = hs->turn == PYN_TURN_OURS ? PYN_TURN_THEIRS : PYN_TURN_OURS;
    }
}

/* ---- writing ---- */

static void make_ephemeral(struct pyn_handshake *hs)
{
    uint8_t secret[PYN_NOISE_KEY_LEN];

    hs->random.fill(hs->random.ctx, secret, sizeof secret);
    hs->multiplications++;
    pyn_keypair_from(&hs->ephemeral, secret);
    sodium_memzero(secret, sizeof secret);
}

static pyn_status write_token(struct pyn_handshake *hs, enum pyn_token token, uint8_t *out, size_t *len)
{
    pyn_status st = PYN_OK;

    switch (token) {
    case PYN_TOKEN_E:
        make_ephemeral(hs);
        memcpy(out + *len, hs->ephemeral.public_key, PYN_NOISE_KEY_LEN);
        *len += PYN_NOISE_KEY_LEN;
        mix_ephemeral(hs, hs->ephemeral.public_key);
        return PYN_OK;
    case PYN_TOKEN_S: {
        const size_t sealed_len = PYN_NOISE_KEY_LEN + pyn_symmetric_overhead(&hs->symmetric);
        st = pyn_symmetric_seal(&hs->symmetric, (struct pyn_view){hs->own.public_key, PYN_NOISE_KEY_LEN}, out + *len);
        *len += sealed_len;
        return st;
    }
    default:
        return mix_token(hs, token);
    }
}

pyn_status pyn_handshake_write(struct pyn_handshake *hs, struct pyn_view payload, uint8_t *out, size_t room, size_t *len)
{
    pyn_status st = PYN_OK;
    size_t at = 0;

    *len = 0;
    if (hs->turn != PYN_TURN_OURS) {
        return fail(hs, PYN_EPROTOCOL);
    }
    if (room < payload.len || room - payload.len < pyn_pattern_message_len(hs->pattern, hs->message)) {
        return fail(hs, PYN_EFORMAT);
    }
    for (unsigned i = 0; st == PYN_OK && token_at(hs, i) != PYN_TOKEN_END; i++) {
        st = write_token(hs, token_at(hs, i), out, &at);
    }
    if (st == PYN_OK) {
        const size_t sealed_len = payload.len + pyn_symmetric_overhead(&hs->symmetric);
        st = pyn_symmetric_seal(&hs->symmetric, payload, out + at);
        at += sealed_len;
    }
    if (st != PYN_OK) {
        return fail(hs, st);
    }
    *len = at;
    next_turn(hs);
    return PYN_OK;
}

/* ---- reading ---- */

static pyn_status read_token(struct pyn_handshake *hs, enum pyn_token token, struct pyn_view *rest)
{
    struct pyn_view part = {rest->data, PYN_NOISE_KEY_LEN};
    pyn_status st = PYN_OK;

    switch (token) {
    case PYN_TOKEN_E:
        memcpy(hs->peer_ephemeral, part.data, PYN_NOISE_KEY_LEN);
        mix_ephemeral(hs, hs->peer_ephemeral);
        break;
    case PYN_TOKEN_S:
        part.len += pyn_symmetric_overhead(&hs->symmetric);
        st = pyn_symmetric_open(&hs->symmetric, part, hs->peer_static);
        hs->has_peer_static = st == PYN_OK;
        break;
    default:
        return mix_token(hs, token);
    }
    rest->data += part.len;
    rest->len -= part.len;
    return st;
}

pyn_status pyn_handshake_read(struct pyn_handshake *hs, struct pyn_view message, uint8_t *payload, size_t *len)
{
    struct pyn_view rest = message;
    pyn_status st = PYN_OK;

    *len = 0;
    if (hs->turn != PYN_TURN_THEIRS) {
        return fail(hs, PYN_EPROTOCOL);
    }
    if (message.len < pyn_pattern_message_len(hs->pattern, hs->message)) { /* so that every token is there */
        return fail(hs, PYN_EFORMAT);
    }
    for (unsigned i = 0; st == PYN_OK && token_at(hs, i) != PYN_TOKEN_END; i++) {
        st = read_token(hs, token_at(hs, i), &rest);
    }
    if (st == PYN_OK) {
        const size_t overhead = pyn_symmetric_overhead(&hs->symmetric);
        st = pyn_symmetric_open(&hs->symmetric, rest, payload);
        *len = st == PYN_OK ? rest.len - overhead : 0;
    }
    if (st != PYN_OK) {
        return fail(hs, st);
    }
    next_turn(hs);
    return PYN_OK;
}

/* ---- the end ---- */

pyn_status pyn_handshake_finish(struct pyn_handshake *hs, struct pyn_cipher *sending, struct pyn_cipher *receiving,
                                uint8_t transcript[PYN_HASH_LEN])
{
    pyn_cipher_wipe(sending);
    pyn_cipher_wipe(receiving);
    if (hs->turn != PYN_TURN_DONE) {
        return fail(hs, PYN_EPROTOCOL);
    }
    memcpy(transcript, hs->symmetric.transcript, PYN_HASH_LEN);
    if (hs->is_initiator) {
        pyn_symmetric_split(&hs->symmetric, sending, receiving);
    } else {
        pyn_symmetric_split(&hs->symmetric, receiving, sending);
    }
    pyn_handshake_wipe(hs);
    return PYN_OK;
}
