/*
 * cipher.h - one direction's key and its nonce: ChaCha20-Poly1305 (IETF), the nonce counted and never used twice.
 *
 * Owns:    the key; pyn_cipher_wipe() ends it. A zeroed cipher has no key: it neither seals nor opens.
 * Units:   bytes. The tag stands behind the text: sealed is PYN_TAG_LEN longer than plain.
 * Errors:  PYN_EFORGED: not made with this key and nonce, or too short for a tag. PYN_ESPENT: the nonces are used up; this is final.
 *          On an error nothing was opened and the nonce stands where it was.
 * Threads: one at a time.
 * Tests:   tests/unit/test_cipher.c
 */
#ifndef PYN_CHANNEL_CIPHER_H
#define PYN_CHANNEL_CIPHER_H

#include "../wire/status.h"
#include "hash.h"

enum { PYN_TAG_LEN = 16 };

struct pyn_cipher {
    uint8_t key[PYN_NOISE_KEY_LEN];
    uint64_t nonce; /* of the next message; the last value there is belongs to the rekey alone */
    bool has_key;
};

void pyn_cipher_init(struct pyn_cipher *cipher, const uint8_t key[PYN_NOISE_KEY_LEN]);
void pyn_cipher_wipe(struct pyn_cipher *cipher);

/* out has room for text.len + PYN_TAG_LEN bytes and may be where text stands; beside is authenticated, and not sent. */
pyn_status pyn_cipher_seal(struct pyn_cipher *cipher, struct pyn_view beside, struct pyn_view text, uint8_t *out);

/* out has room for sealed.len - PYN_TAG_LEN bytes and may be where sealed stands. On an error these are zero or as they were. */
pyn_status pyn_cipher_open(struct pyn_cipher *cipher, struct pyn_view beside, struct pyn_view sealed, uint8_t *out);

/* Noise's REKEY: a new key from the old one, which is gone then. The nonce goes on. */
void pyn_cipher_rekey(struct pyn_cipher *cipher);

#endif
