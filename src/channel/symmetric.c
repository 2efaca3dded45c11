/* symmetric.c - mixing what both ends know into keys. */
#include "symmetric.h"

#include <assert.h>
#include <sodium.h>

static struct pyn_view transcript_of(const struct pyn_symmetric *sym)
{
    return (struct pyn_view){sym->transcript, PYN_HASH_LEN};
}

void pyn_symmetric_init(struct pyn_symmetric *sym, struct pyn_view name)
{
    static const struct pyn_view empty;

    *sym = (struct pyn_symmetric){0};
    if (name.len <= PYN_HASH_LEN) {
        memcpy(sym->transcript, name.data, name.len);
    } else {
        pyn_hash(name, empty, sym->transcript);
    }
    memcpy(sym->chaining, sym->transcript, PYN_HASH_LEN);
}

void pyn_symmetric_wipe(struct pyn_symmetric *sym)
{
    sodium_memzero(sym, sizeof *sym);
}

void pyn_symmetric_mix_hash(struct pyn_symmetric *sym, struct pyn_view bytes)
{
    pyn_hash(transcript_of(sym), bytes, sym->transcript);
}

void pyn_symmetric_mix_key(struct pyn_symmetric *sym, const uint8_t secret[PYN_NOISE_KEY_LEN])
{
    uint8_t out[3][PYN_HASH_LEN];

    pyn_hkdf(sym->chaining, (struct pyn_view){secret, PYN_NOISE_KEY_LEN}, 2, out);
    memcpy(sym->chaining, out[0], PYN_HASH_LEN);
    pyn_cipher_init(&sym->cipher, out[1]);
    sodium_memzero(out, sizeof out);
}

void pyn_symmetric_mix_key_and_hash(struct pyn_symmetric *sym, const uint8_t secret[PYN_NOISE_KEY_LEN])
{
    uint8_t out[3][PYN_HASH_LEN];

    pyn_hkdf(sym->chaining, (struct pyn_view){secret, PYN_NOISE_KEY_LEN}, 3, out);
    memcpy(sym->chaining, out[0], PYN_HASH_LEN);
    pyn_symmetric_mix_hash(sym, (struct pyn_view){out[1], PYN_HASH_LEN});
    pyn_cipher_init(&sym->cipher, out[2]);
    sodium_memzero(out, sizeof out);
}

pyn_status pyn_symmetric_seal(struct pyn_symmetric *sym, struct pyn_view text, uint8_t *out)
{
    const size_t sealed_len = text.len + pyn_symmetric_overhead(sym);
    pyn_status st = PYN_OK;

    if (sym->cipher.has_key) {
        st = pyn_cipher_seal(&sym->cipher, transcript_of(sym), text, out);
    } else if (text.len > 0) {
        memcpy(out, text.data, text.len);
    }
    if (st == PYN_OK) {
        pyn_symmetric_mix_hash(sym, (struct pyn_view){out, sealed_len});
    }
    return st;
}

pyn_status pyn_symmetric_open(struct pyn_symmetric *sym, struct pyn_view sealed, uint8_t *out)
{
    pyn_status st = PYN_OK;

    if (sym->cipher.has_key) {
        st = pyn_cipher_open(&sym->cipher, transcript_of(sym), sealed, out);
    } else if (sealed.len > 0) {
        memcpy(out, sealed.data, sealed.len);
    }
    if (st == PYN_OK) {
        pyn_symmetric_mix_hash(sym, sealed);
    }
    return st;
}

void pyn_symmetric_split(const struct pyn_symmetric *sym, struct pyn_cipher *first, struct pyn_cipher *second)
{
    static const struct pyn_view empty;
    uint8_t out[3][PYN_HASH_LEN];

    pyn_hkdf(sym->chaining, empty, 2, out);
    pyn_cipher_init(first, out[0]);
    pyn_cipher_init(second, out[1]);
    sodium_memzero(out, sizeof out);
}
