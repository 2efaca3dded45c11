/* Any whole record: what opens has a kind that there is, and its data are inside of what was opened. A nonce at the turn of a key as well. */
#include "../../src/channel/record.h"
#include "proof.h"
#include "stub_sodium.h"

enum { BYTES = PYN_RECORD_EXTRA_LEN + 6 };

int main(void)
{
    struct pyn_cipher cipher;
    uint8_t record[BYTES];
    uint8_t out[BYTES];
    const size_t len = nondet_size_to(BYTES);
    const uint64_t before = cipher.nonce;
    enum pyn_sealed_kind kind = PYN_RECORD_DATA;
    size_t data_len = 1;

    ASSUME(cipher.has_key == 0 || cipher.has_key == 1);
    ASSUME(len >= PYN_RECORD_EXTRA_LEN); /* as pyn_record_measure() has said */
    const size_t room = len - PYN_RECORD_HEAD_LEN - PYN_TAG_LEN;
    const pyn_status st = pyn_record_open(&cipher, (struct pyn_view){LAST_BYTES(record, len), len},
                                          LAST_BYTES(out, room), &kind, &data_len);

    PROVE(stub_sealed == (before > 0 && before % PYN_RECORDS_PER_KEY == 0),
          "the key turns when its time has come, and only then");
    if (st == PYN_OK) {
        PROVE(kind > PYN_RECORD_NONE && kind < PYN_RECORD_KIND_COUNT, "it is of a kind");
        PROVE(data_len == len - PYN_RECORD_EXTRA_LEN && data_len < stub_cleartext, "its data were in what was opened");
        PROVE(cipher.nonce == before + 1, "each nonce opens once");
    } else {
        PROVE(kind == PYN_RECORD_NONE && data_len == 0, "nothing comes out of it");
    }
    return 0;
}
