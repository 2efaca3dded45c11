/* Stepping over objects with all that is in them, without recursion: it ends, inside of the message. */
#include "../../src/wire/head.h"
#include "proof.h"

enum { BYTES = 9 };

int main(void)
{
    uint8_t block[BYTES];
    const size_t len = nondet_size_to(BYTES);
    struct pyn_reader rd = {LAST_BYTES(block, len), len, nondet_size_to(len)};
    const struct pyn_reader before = rd;
    const uint64_t count = nondet_u64();
    const pyn_status st = pyn_reader_skip_many(&rd, count);

    PROVE(st == PYN_OK || st == PYN_EFORMAT, "they are there, or they are not");
    if (st == PYN_OK) {
        PROVE(rd.at <= len && rd.at - before.at >= count, "each is a byte at least, and none is beyond the end");
    } else {
        PROVE(rd.at == before.at, "the reader stands where it stood");
    }
    return 0;
}
