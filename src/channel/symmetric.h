/*
 * symmetric.h - Noise's SymmetricState: the chaining key, the transcript's hash, and the cipher that both lead to.
 *
 * Owns:    its secrets; pyn_symmetric_wipe() ends it.
 * Errors:  those of cipher.h. As long as there is no key, sealed and plain are the same bytes.
 * Threads: one at a time.
 * Tests:   tests/unit/test_symmetric.c
 */
#ifndef PYN_CHANNEL_SYMMETRIC_H
#define PYN_CHANNEL_SYMMETRIC_H

#include "cipher.h"

struct pyn_symmetric {
    uint8_t chaining[PYN_HASH_LEN];
    uint8_t transcript[PYN_HASH_LEN];
    struct pyn_cipher cipher;
};

/* name: of the protocol, such as "Noise_NK_25519_ChaChaPoly_BLAKE2b". */
void pyn_symmetric_init(struct pyn_symmetric *sym, struct pyn_view name);
void pyn_symmetric_wipe(struct pyn_symmetric *sym);

void pyn_symmetric_mix_hash(struct pyn_symmetric *sym, struct pyn_view bytes);
void pyn_symmetric_mix_key(struct pyn_symmetric *sym, const uint8_t secret[PYN_NOISE_KEY_LEN]);
void pyn_symmetric_mix_key_and_hash(struct pyn_symmetric *sym, const uint8_t secret[PYN_NOISE_KEY_LEN]);

/* How much longer sealed is than plain: 0 or PYN_TAG_LEN. */
static inline size_t pyn_symmetric_overhead(const struct pyn_symmetric *sym)
{
    return sym->cipher.has_key ? PYN_TAG_LEN : 0;
}

/* out: as for pyn_cipher_seal() and pyn_cipher_open(), but never where the input stands. */
pyn_status pyn_symmetric_seal(struct pyn_symmetric *sym, struct pyn_view text, uint8_t *out);
pyn_status pyn_symmetric_open(struct pyn_symmetric *sym, struct pyn_view sealed, uint8_t *out);

/* The keys of the two directions: of the initiator's messages, and of the responder's. */
void pyn_symmetric_split(const struct pyn_symmetric *sym, struct pyn_cipher *first, struct pyn_cipher *second);

#endif
