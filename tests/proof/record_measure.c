/* How long a record is, from any bytes: what is announced is what can be, and no buffer is asked for more than a record may have. */
#include "../../src/channel/record.h"
#include "proof.h"

int main(void)
{
    uint8_t block[4];
    const size_t len = nondet_size_to(sizeof block);
    const struct pyn_view bytes = {LAST_BYTES(block, len), len};
    size_t record_len = 1;
    const pyn_status st = pyn_record_measure(bytes, &record_len);

    PROVE((st == PYN_EWAIT) == (len < PYN_RECORD_HEAD_LEN), "it waits for a head, and for no more");
    if (st == PYN_OK) {
        PROVE(record_len >= PYN_RECORD_EXTRA_LEN && record_len <= PYN_RECORD_MAX,
              "a record has a kind and a tag, and its most");
        PROVE(record_len - PYN_RECORD_HEAD_LEN == (size_t)bytes.data[0] * 256 + bytes.data[1], "as its head says");
    } else {
        PROVE(record_len == 0, "there is none");
        PROVE(st == PYN_EWAIT || st == PYN_EFORMAT, "and it is final");
    }
    return 0;
}
