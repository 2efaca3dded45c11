/* pattern.c - the table of handshake patterns. */
#include "pattern.h"

#include <assert.h>

#include "cipher.h"

#define SUITE(pattern) "Noise_" pattern "_25519_ChaChaPoly_BLAKE2b"

enum {
    E = PYN_TOKEN_E,
    S = PYN_TOKEN_S,
    EE = PYN_TOKEN_EE,
    ES = PYN_TOKEN_ES,
    SE = PYN_TOKEN_SE,
    SS = PYN_TOKEN_SS,
    PSK = PYN_TOKEN_PSK
};

/*             id                  name               known  own    psk    messages */
static const struct pyn_pattern patterns[] = {
    {PYN_PATTERN_NK, SUITE("NK"), true, false, false, 2, {{E, ES}, {E, EE}}},
    {PYN_PATTERN_IK, SUITE("IK"), true, true, false, 2, {{E, ES, S, SS}, {E, EE, SE}}},
    {PYN_PATTERN_XX, SUITE("XX"), false, true, false, 3, {{E}, {E, EE, S, ES}, {S, SE}}},
    {PYN_PATTERN_NKPSK0, SUITE("NKpsk0"), true, false, true, 2, {{PSK, E, ES}, {E, EE}}},
    {PYN_PATTERN_NKPSK2, SUITE("NKpsk2"), true, false, true, 2, {{E, ES}, {E, EE, PSK}}},
    {PYN_PATTERN_IKPSK1, SUITE("IKpsk1"), true, true, true, 2, {{E, ES, S, SS, PSK}, {E, EE, SE}}},
    {PYN_PATTERN_IKPSK2, SUITE("IKpsk2"), true, true, true, 2, {{E, ES, S, SS}, {E, EE, SE, PSK}}},
    {PYN_PATTERN_XXPSK3, SUITE("XXpsk3"), false, true, true, 3, {{E}, {E, EE, S, ES}, {S, SE, PSK}}},
};

static const size_t pattern_count = sizeof patterns / sizeof patterns[0];

const struct pyn_pattern *pyn_pattern_by_id(unsigned id)
{
    for (size_t i = 0; i < pattern_count; i++) {
        if ((unsigned)patterns[i].id == id) {
            return &patterns[i];
        }
    }
    return NULL;
}

const struct pyn_pattern *pyn_pattern_by_name(struct pyn_view name)
{
    for (size_t i = 0; i < pattern_count; i++) {
        if (pyn_view_is_equal(pyn_view_of(patterns[i].name), name)) {
            return &patterns[i];
        }
    }
    return NULL;
}

size_t pyn_pattern_message_len(const struct pyn_pattern *pattern, unsigned index)
{
    bool has_key = false;
    size_t len = 0;

    assert(index < pattern->message_count);
    for (unsigned message = 0; message <= index; message++) {
        len = 0;
        for (unsigned i = 0; i < PYN_TOKENS_MAX && pattern->tokens[message][i] != PYN_TOKEN_END; i++) {
            switch ((enum pyn_token)pattern->tokens[message][i]) {
            case PYN_TOKEN_E:
                len += PYN_NOISE_KEY_LEN;
                has_key = has_key || pattern->has_psk;
                break;
            case PYN_TOKEN_S:
                len += PYN_NOISE_KEY_LEN + (has_key ? (size_t)PYN_TAG_LEN : 0);
                break;
            default:
                has_key = true;
                break;
            }
        }
        len += has_key ? (size_t)PYN_TAG_LEN : 0;
    }
    return len;
}
