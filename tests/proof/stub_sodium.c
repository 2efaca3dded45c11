/*
 * libsodium's authenticated cipher and its wiping, as contracts: what has to be readable and writable is, what comes out is any bytes, and whether a
 * tag is right is anybody's guess.
 */
#include <sodium.h>

#include "proof.h"
#include "stub_sodium.h"

uint64_t stub_sealed;
uint64_t stub_nonce;
uint64_t stub_cleartext;

static void note_nonce(const unsigned char *nonce)
{
    PROVE(__CPROVER_r_ok(nonce, crypto_aead_chacha20poly1305_ietf_NPUBBYTES), "a nonce is whole");
    stub_nonce = 0;
    for (int i = 0; i < 8; i++) {
        stub_nonce |= (uint64_t)nonce[4 + i] << (8 * i);
    }
}

int crypto_aead_chacha20poly1305_ietf_encrypt(unsigned char *out, unsigned long long *out_len, const unsigned char *text,
                                              unsigned long long len, const unsigned char *beside,
                                              unsigned long long beside_len, const unsigned char *secret_nonce,
                                              const unsigned char *nonce, const unsigned char *key)
{
    const size_t sealed_len = (size_t)len + crypto_aead_chacha20poly1305_ietf_ABYTES;

    (void)out_len;
    (void)secret_nonce;
    PROVE(len == 0 || __CPROVER_r_ok(text, (size_t)len), "what is sealed is there");
    PROVE(beside_len == 0 || __CPROVER_r_ok(beside, (size_t)beside_len), "and what is sealed beside it");
    PROVE(__CPROVER_r_ok(key, crypto_aead_chacha20poly1305_ietf_KEYBYTES), "the key is whole");
    PROVE(__CPROVER_w_ok(out, sealed_len), "there is room for it and its tag");
    note_nonce(nonce);
    stub_sealed++;
    __CPROVER_havoc_slice(out, sealed_len);
    return 0;
}

int crypto_aead_chacha20poly1305_ietf_decrypt(unsigned char *out, unsigned long long *out_len,
                                              unsigned char *secret_nonce, const unsigned char *sealed,
                                              unsigned long long sealed_len, const unsigned char *beside,
                                              unsigned long long beside_len, const unsigned char *nonce,
                                              const unsigned char *key)
{
    (void)out_len;
    (void)secret_nonce;
    PROVE(__CPROVER_r_ok(sealed, (size_t)sealed_len), "what is opened is there");
    PROVE(beside_len == 0 || __CPROVER_r_ok(beside, (size_t)beside_len), "and what was sealed beside it");
    PROVE(__CPROVER_r_ok(key, crypto_aead_chacha20poly1305_ietf_KEYBYTES), "the key is whole");
    PROVE(sealed_len >= crypto_aead_chacha20poly1305_ietf_ABYTES, "there is a tag");
    note_nonce(nonce);
    stub_cleartext = sealed_len - crypto_aead_chacha20poly1305_ietf_ABYTES;
    if (stub_cleartext > 0) {
        PROVE(__CPROVER_w_ok(out, (size_t)stub_cleartext), "there is room for the text");
        __CPROVER_havoc_slice(out, (size_t)stub_cleartext);
    }
    return nondet_bool() ? 0 : -1;
}

void sodium_memzero(void *const bytes, const size_t len)
{
    PROVE(__CPROVER_w_ok(bytes, len), "what is wiped is there");
    for (size_t i = 0; i < len; i++) {
        ((unsigned char *)bytes)[i] = 0;
    }
}
