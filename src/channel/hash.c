/* hash.c - BLAKE2b, HMAC and HKDF. */
#include "hash.h"

#include <assert.h>
#include <sodium.h>

enum { BLOCK_LEN = 128 };

static void update(crypto_generichash_state *state, struct pyn_view bytes)
{
    if (bytes.len > 0) {
        (void)crypto_generichash_update(state, bytes.data, bytes.len);
    }
}

void pyn_hash(struct pyn_view a, struct pyn_view b, uint8_t out[PYN_HASH_LEN])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, PYN_HASH_LEN);
    update(&state, a);
    update(&state, b);
    (void)crypto_generichash_final(&state, out, PYN_HASH_LEN);
    sodium_memzero(&state, sizeof state);
}

static void pad_key(struct pyn_view key, uint8_t with, uint8_t block[BLOCK_LEN])
{
    memset(block, with, BLOCK_LEN);
    for (size_t i = 0; i < key.len; i++) {
        block[i] ^= key.data[i];
    }
}

void pyn_hmac(struct pyn_view key, struct pyn_view a, struct pyn_view b, uint8_t out[PYN_HASH_LEN])
{
    crypto_generichash_state state;
    uint8_t block[BLOCK_LEN];
    uint8_t inner[PYN_HASH_LEN];

    assert(key.len <= BLOCK_LEN);
    pad_key(key, 0x36, block);
    (void)crypto_generichash_init(&state, NULL, 0, PYN_HASH_LEN);
    update(&state, (struct pyn_view){block, BLOCK_LEN});
    update(&state, a);
    update(&state, b);
    (void)crypto_generichash_final(&state, inner, PYN_HASH_LEN);
    pad_key(key, 0x5c, block);
    pyn_hash((struct pyn_view){block, BLOCK_LEN}, (struct pyn_view){inner, PYN_HASH_LEN}, out);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(block, sizeof block);
    sodium_memzero(inner, sizeof inner);
}

void pyn_hkdf(const uint8_t chaining[PYN_HASH_LEN], struct pyn_view input, unsigned count, uint8_t out[3][PYN_HASH_LEN])
{
    static const struct pyn_view empty;
    uint8_t temporary[PYN_HASH_LEN];
    struct pyn_view before = empty;

    assert(count == 2 || count == 3);
    pyn_hmac((struct pyn_view){chaining, PYN_HASH_LEN}, input, empty, temporary);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t number = (uint8_t)(i + 1);
        pyn_hmac((struct pyn_view){temporary, PYN_HASH_LEN}, before, (struct pyn_view){&number, 1}, out[i]);
        before = (struct pyn_view){out[i], PYN_HASH_LEN};
    }
    sodium_memzero(temporary, sizeof temporary);
}
