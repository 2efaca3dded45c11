/*
 * channel_state.h - what a channel is made of; private to channel.c and move.c.
 */
#ifndef PYN_CHANNEL_STATE_H
#define PYN_CHANNEL_STATE_H

#include "channel.h"

enum { PYN_CHANNEL_IN_MAX = 128 * 1024 }; /* bytes: a record in part; or what comes while the judge thinks */

/* What is needed until the channel is open; wiped and freed then. */
struct shaking {
    struct pyn_handshake hs;
    struct pyn_keypair own;
    bool has_own;
    bool has_psk;
    uint8_t psk[PYN_NOISE_KEY_LEN];
    uint8_t server_public[PYN_NOISE_KEY_LEN];
    uint8_t transport[PYN_TRANSPORT_NAME_MAX];
    size_t transport_len;
    uint8_t login[PYN_LOGIN_MAX];
    size_t login_len;
    enum pyn_pattern_id pattern;
    struct pyn_random random;
};

struct channel {
    struct pyn_layer layer; /* first */
    const struct pyn_mem *mem;
    enum pyn_channel_state state;
    bool is_server;
    bool has_peer_key;
    bool is_decided; /* DECIDING: and how */
    bool is_in;
    uint8_t multiplications;
    struct shaking *shaking; /* NULL when the handshake is over */
    struct pyn_cipher sending;
    struct pyn_cipher receiving;
    struct pyn_buf in;
    struct pyn_judge judge;
    struct pyn_principal who;
    uint8_t peer_key[PYN_NOISE_KEY_LEN];
    uint8_t transcript[PYN_HASH_LEN];
};

extern const struct pyn_layer_ops pyn_channel_ops;

pyn_status pyn_channel_save(const struct pyn_layer *layer, struct pyn_buf *state);

#endif
