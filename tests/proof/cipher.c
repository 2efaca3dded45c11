/* A cipher in any state: no nonce is used twice, the last one there is never, and without a key nothing is sealed or opened. */
#include "../../src/channel/cipher.h"
#include "proof.h"
#include "stub_sodium.h"

enum { BYTES = 8, SEALED = BYTES + PYN_TAG_LEN };

int main(void)
{
    struct pyn_cipher cipher;
    uint8_t text[SEALED];
    uint8_t beside[4];
    const size_t len = nondet_size_to(BYTES);
    const struct pyn_view with = {beside, nondet_size_to(sizeof beside)};
    const uint64_t before = cipher.nonce;
    pyn_status st = PYN_EINTERNAL;

    ASSUME(cipher.has_key == 0 || cipher.has_key == 1);
    const bool is_sealing = nondet_bool();
    if (is_sealing) {
        st = pyn_cipher_seal(&cipher, with, (struct pyn_view){LAST_BYTES(text, len + PYN_TAG_LEN), len},
                             LAST_BYTES(text, len + PYN_TAG_LEN));
    } else {
        const size_t sealed_len = nondet_size_to(SEALED);
        st = pyn_cipher_open(&cipher, with, (struct pyn_view){LAST_BYTES(text, sealed_len), sealed_len},
                             LAST_BYTES(text, sealed_len));
        PROVE(st != PYN_OK || sealed_len >= PYN_TAG_LEN, "what is shorter than a tag does not open");
    }
    if (st == PYN_OK) {
        PROVE(cipher.has_key, "there is a key");
        PROVE(stub_nonce == before && before != UINT64_MAX, "this nonce was used, and is not the last");
        PROVE(cipher.nonce == before + 1, "and is never used again");
    } else {
        PROVE(cipher.nonce == before, "the nonce stands where it was");
        PROVE(cipher.has_key ? before == UINT64_MAX ? st == PYN_ESPENT : st == PYN_EFORGED && !is_sealing
                             : st == PYN_EINTERNAL,
              "it says why");
    }
    return 0;
}
