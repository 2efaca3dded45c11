/* Any data: the record is inside of the room that it was promised, and its head is what a peer will measure. */
#include "../../src/channel/record.h"
#include "proof.h"
#include "stub_sodium.h"

enum { BYTES = 6 };

int main(void)
{
    struct pyn_cipher cipher;
    uint8_t record[PYN_RECORD_EXTRA_LEN + BYTES];
    const size_t data_len = nondet_size_to(BYTES);
    uint8_t *start = LAST_BYTES(record, data_len + PYN_RECORD_EXTRA_LEN);
    const uint64_t before = cipher.nonce;
    size_t record_len = 0;

    ASSUME(cipher.has_key == 0 || cipher.has_key == 1);
    const pyn_status st = pyn_record_seal(&cipher, PYN_RECORD_DATA, start, data_len);
    PROVE(pyn_record_measure((struct pyn_view){start, data_len + PYN_RECORD_EXTRA_LEN}, &record_len) == PYN_OK,
          "it has a head");
    PROVE(record_len == data_len + PYN_RECORD_EXTRA_LEN, "that is true");
    PROVE(st != PYN_OK || (stub_nonce == before && cipher.nonce == before + 1), "each nonce seals once");
    PROVE(st == PYN_OK || cipher.nonce == before, "or stays");
    return 0;
}
