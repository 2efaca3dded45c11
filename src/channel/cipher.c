/* cipher.c - sealing and opening with a counted nonce. */
#include "cipher.h"

#include <assert.h>
#include <sodium.h>

static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES == PYN_NOISE_KEY_LEN, "the key of the cipher");
static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == PYN_TAG_LEN, "the tag of the cipher");

enum { NONCE_LEN = crypto_aead_chacha20poly1305_ietf_NPUBBYTES };

/* Four zero bytes, then the number, least significant byte first. */
static void put_nonce(uint64_t number, uint8_t out[NONCE_LEN])
{
    memset(out, 0, NONCE_LEN);
    for (unsigned i = 0; i < 8; i++) {
        out[4 + i] = (uint8_t)(number >> (8 * i));
    }
}

void pyn_cipher_init(struct pyn_cipher *cipher, const uint8_t key[PYN_NOISE_KEY_LEN])
{
    memcpy(cipher->key, key, PYN_NOISE_KEY_LEN);
    cipher->nonce = 0;
    cipher->has_key = true;
}

void pyn_cipher_wipe(struct pyn_cipher *cipher)
{
    sodium_memzero(cipher, sizeof *cipher);
}

pyn_status pyn_cipher_seal(struct pyn_cipher *cipher, struct pyn_view beside, struct pyn_view text, uint8_t *out)
{
    uint8_t nonce[NONCE_LEN];

    if (!cipher->has_key) {
        return PYN_EINTERNAL;
    }
    if (cipher->nonce == UINT64_MAX) {
        return PYN_ESPENT;
    }
    put_nonce(cipher->nonce, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, text.data, text.len, beside.data, beside.len, NULL,
                                                    nonce, cipher->key);
    cipher->nonce++;
    return PYN_OK;
}

pyn_status pyn_cipher_open(struct pyn_cipher *cipher, struct pyn_view beside, struct pyn_view sealed, uint8_t *out)
{
    uint8_t nonce[NONCE_LEN];

    if (!cipher->has_key) {
        return PYN_EINTERNAL;
    }
    if (cipher->nonce == UINT64_MAX) {
        return PYN_ESPENT;
    }
    put_nonce(cipher->nonce, nonce);
    if (sealed.len < PYN_TAG_LEN ||
        crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data, sealed.len, beside.data, beside.len,
                                                  nonce, cipher->key) != 0) {
        return PYN_EFORGED;
    }
    cipher->nonce++;
    return PYN_OK;
}

void pyn_cipher_rekey(struct pyn_cipher *cipher)
{
    static const uint8_t zeros[PYN_NOISE_KEY_LEN];
    uint8_t nonce[NONCE_LEN];
    uint8_t fresh[PYN_NOISE_KEY_LEN + PYN_TAG_LEN];

    put_nonce(UINT64_MAX, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(fresh, NULL, zeros, sizeof zeros, NULL, 0, NULL, nonce, cipher->key);
    memcpy(cipher->key, fresh, PYN_NOISE_KEY_LEN);
    sodium_memzero(fresh, sizeof fresh);
}
