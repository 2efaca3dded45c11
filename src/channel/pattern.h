/*
 * pattern.h - the handshake patterns that we speak, as tables of tokens; what is not in the table is refused.
 *
 * Owns:    nothing; the table is constant.
 * Tests:   tests/unit/test_noise_vectors.c, tests/unit/test_handshake.c
 */
#ifndef PYN_CHANNEL_PATTERN_H
#define PYN_CHANNEL_PATTERN_H

#include "../wire/view.h"

enum { PYN_TOKENS_MAX = 5, PYN_HANDSHAKE_MESSAGES_MAX = 3 };

enum pyn_token {
    PYN_TOKEN_END = 0,
    PYN_TOKEN_E,  /* an ephemeral public key, in the clear */
    PYN_TOKEN_S,  /* a static public key, sealed once there is a key */
    PYN_TOKEN_EE, /* the first letter names the initiator's key, the second the responder's */
    PYN_TOKEN_ES,
    PYN_TOKEN_SE,
    PYN_TOKEN_SS,
    PYN_TOKEN_PSK,
};

/* On the wire and in the prologue: the numbers are part of the format. */
enum pyn_pattern_id {
    PYN_PATTERN_NONE = 0,
    PYN_PATTERN_NK = 1,
    PYN_PATTERN_IK = 2,
    PYN_PATTERN_XX = 3,
    PYN_PATTERN_NKPSK0 = 4,
    PYN_PATTERN_NKPSK2 = 5,
    PYN_PATTERN_IKPSK1 = 6,
    PYN_PATTERN_IKPSK2 = 7,
    PYN_PATTERN_XXPSK3 = 8,
    PYN_PATTERN_COUNT,
};

struct pyn_pattern {
    enum pyn_pattern_id id;
    const char *name;        /* of the whole protocol */
    bool is_responder_known; /* the initiator has the responder's static key from the start */
    bool has_initiator_key;  /* the initiator proves a static key of its own */
    bool has_psk;
    uint8_t message_count;
    uint8_t tokens[PYN_HANDSHAKE_MESSAGES_MAX][PYN_TOKENS_MAX]; /* the initiator's first, then in turn */
};

/* NULL: not one of ours. */
const struct pyn_pattern *pyn_pattern_by_id(unsigned id);
const struct pyn_pattern *pyn_pattern_by_name(struct pyn_view name);

/* The length of a message whose payload is empty. */
size_t pyn_pattern_message_len(const struct pyn_pattern *pattern, unsigned index);

#endif
