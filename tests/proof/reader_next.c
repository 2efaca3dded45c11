/* One object of any kind: bounds, progress, and an item that is inside of the message. */
#include "../../src/wire/reader.h"
#include "proof.h"

enum { BYTES = 16 };

int main(void)
{
    uint8_t block[BYTES];
    const size_t len = nondet_size_to(BYTES);
    struct pyn_reader rd = {LAST_BYTES(block, len), len, nondet_size_to(len)};
    const struct pyn_reader before = rd;
    struct pyn_item item;
    const enum pyn_wire seen = pyn_reader_peek(&rd);

    PROVE(rd.at == before.at, "to look takes nothing");
    if (pyn_reader_next(&rd, &item) != PYN_OK) {
        PROVE(rd.at == before.at, "the reader stands where it stood");
        PROVE(item.wire == PYN_W_END || item.wire == PYN_W_BAD, "there is no item");
        PROVE((item.wire == PYN_W_END) == (before.at == len), "the end is told from what is cut short");
    } else {
        PROVE(rd.at > before.at && rd.at <= len, "it goes on, and not beyond the end");
        PROVE(item.wire > PYN_W_END && item.wire < PYN_W_BAD, "the item is of a kind");
        PROVE(item.wire != PYN_W_NINT || item.nint < 0, "a negative integer is negative");
        if (item.bytes.len > 0) {
            PROVE(item.bytes.data == rd.data + (rd.at - item.bytes.len), "its bytes are the last of what was read");
            PROVE(item.bytes.len < rd.at - before.at, "and stand behind its head");
        }
    }
    PROVE(item.wire == seen, "it is what was seen there");
    PROVE(rd.data == before.data && rd.len == before.len, "the message is the same");
    return 0;
}
