/*
 * handshake.h - Noise's HandshakeState: reads and writes the messages of one pattern, in turn, and ends in two keys.
 *
 * Owns:     its copies of the keys; pyn_handshake_wipe() ends it, and so does every failure.
 * Borrows:  nothing after pyn_handshake_init(); the random source is called by pyn_handshake_write() alone.
 * Units:    bytes.
 * Errors:   PYN_EPROTOCOL out of turn; PYN_EFORMAT a length that cannot be; PYN_EFORGED everything that only an attacker or a wrong key makes:
 *           a point of small order, a message that does not open. All of them are final.
 * Threads:  one at a time.
 * Tests:    tests/unit/test_handshake.c, tests/unit/test_noise_vectors.c, tests/unit/test_wycheproof.c, tests/interop, tests/fuzz/fuzz_handshake.c
 */
#ifndef PYN_CHANNEL_HANDSHAKE_H
#define PYN_CHANNEL_HANDSHAKE_H

#include "pattern.h"
#include "symmetric.h"

struct pyn_keypair {
    uint8_t secret[PYN_NOISE_KEY_LEN];
    uint8_t public_key[PYN_NOISE_KEY_LEN];
};

/* The public half of a secret. One scalar multiplication. */
void pyn_keypair_from(struct pyn_keypair *pair, const uint8_t secret[PYN_NOISE_KEY_LEN]);

/* The secret that two keys share. PYN_EFORGED: it is zero, because the public one is a point of small order; out is wiped then. */
pyn_status pyn_shared_secret(const uint8_t secret[PYN_NOISE_KEY_LEN], const uint8_t public_key[PYN_NOISE_KEY_LEN],
                             uint8_t out[PYN_NOISE_KEY_LEN]);

/* Fills out with what nobody can guess; it cannot fail. Tests give bytes of their own. */
struct pyn_random {
    void (*fill)(void *ctx, uint8_t *out, size_t len);
    void *ctx;
};

struct pyn_handshake_config {
    const struct pyn_pattern *pattern;
    bool is_initiator;
    struct pyn_view prologue;
    const struct pyn_keypair *own; /* NULL only where the pattern has none for this end */
    const uint8_t *peer_public; /* PYN_NOISE_KEY_LEN bytes; given exactly where the pattern knows it from the start */
    const uint8_t *psk;         /* PYN_NOISE_KEY_LEN bytes; given exactly where the pattern has one */
    struct pyn_random random;
};

enum pyn_turn_of { PYN_TURN_DEAD = 0, PYN_TURN_OURS, PYN_TURN_THEIRS, PYN_TURN_DONE };

struct pyn_handshake {
    const struct pyn_pattern *pattern;
    enum pyn_turn_of turn;
    bool is_initiator;
    bool has_peer_static;
    uint8_t message;         /* the one that is next */
    uint8_t multiplications; /* of a point, what it has cost; stays when it has failed */
    struct pyn_symmetric symmetric;
    struct pyn_keypair own;
    struct pyn_keypair ephemeral;
    uint8_t peer_static[PYN_NOISE_KEY_LEN];
    uint8_t peer_ephemeral[PYN_NOISE_KEY_LEN];
    uint8_t psk[PYN_NOISE_KEY_LEN];
    struct pyn_random random;
};

/* PYN_EARGS: keys that the pattern does not want, or lacks. */
pyn_status pyn_handshake_init(struct pyn_handshake *hs, const struct pyn_handshake_config *config);
void pyn_handshake_wipe(struct pyn_handshake *hs);

/* The next message, with a payload in it. room too small: PYN_EFORMAT. */
pyn_status pyn_handshake_write(struct pyn_handshake *hs, struct pyn_view payload, uint8_t *out, size_t room, size_t *len);

/* payload: room for message.len bytes; *len of them are there afterwards. */
pyn_status pyn_handshake_read(struct pyn_handshake *hs, struct pyn_view message, uint8_t *payload, size_t *len);

/* When it is done: the keys of the two directions, and the transcript, which both ends share and nobody else. It is wiped afterwards. */
pyn_status pyn_handshake_finish(struct pyn_handshake *hs, struct pyn_cipher *sending, struct pyn_cipher *receiving,
                                uint8_t transcript[PYN_HASH_LEN]);

#endif
