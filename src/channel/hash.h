/*
 * hash.h - BLAKE2b as Noise uses it: the plain hash, HMAC over it, and HKDF over that.
 *
 * libsodium's keyed BLAKE2b is another function than HMAC-BLAKE2b: the two do not agree on any input.
 *
 * Owns:    nothing; what stood on the stack is wiped.
 * Units:   bytes.
 * Errors:  none: every input is allowed.
 * Threads: any.
 * Tests:   tests/unit/test_noise_hash.c
 */
#ifndef PYN_CHANNEL_HASH_H
#define PYN_CHANNEL_HASH_H

#include "../wire/view.h"

enum {
    PYN_HASH_LEN = 64,
    PYN_NOISE_KEY_LEN = 32, /* of a cipher, a preshared secret, and either half of a key pair */
};

/* Of a, then b. out may be where a or b stands. */
void pyn_hash(struct pyn_view a, struct pyn_view b, uint8_t out[PYN_HASH_LEN]);

/* Of a, then b. key: at most 128 bytes, one block of BLAKE2b. */
void pyn_hmac(struct pyn_view key, struct pyn_view a, struct pyn_view b, uint8_t out[PYN_HASH_LEN]);

/* Noise's HKDF: count (2 or 3) outputs. */
void pyn_hkdf(const uint8_t chaining[PYN_HASH_LEN], struct pyn_view input, unsigned count, uint8_t out[3][PYN_HASH_LEN]);

#endif
