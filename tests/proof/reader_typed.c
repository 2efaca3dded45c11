/* The readers of one kind: what is not of it is refused and stays; what is read is inside of the message. */
#include "../../src/wire/reader.h"
#include "proof.h"

enum { BYTES = 16 };

static pyn_status read_any(struct pyn_reader *rd)
{
    const enum pyn_wire seen = pyn_reader_peek(rd);
    uint32_t count = 1;
    uint64_t uint = 1;
    int64_t number = 1;
    struct pyn_view text = {NULL, 1};
    pyn_status st = PYN_EINTERNAL;

    switch (nondet_u8() % 5) {
    case 0:
        st = pyn_reader_array(rd, &count);
        PROVE(st == PYN_OK ? seen == PYN_W_ARRAY : count == 0, "no array, no items");
        break;
    case 1:
        st = pyn_reader_map(rd, &count);
        PROVE(st == PYN_OK ? seen == PYN_W_MAP : count == 0, "no map, no pairs");
        break;
    case 2:
        st = pyn_reader_uint(rd, &uint);
        PROVE(st == PYN_OK ? seen == PYN_W_UINT : uint == 0, "no number, no value");
        break;
    case 3:
        st = pyn_reader_int(rd, &number);
        PROVE(st == PYN_OK ? seen == (number < 0 ? PYN_W_NINT : PYN_W_UINT) : number == 0, "no number, no value");
        break;
    default:
        st = pyn_reader_str(rd, &text);
        PROVE(st != PYN_OK || seen == PYN_W_STR, "a str is read as one");
        PROVE(st == PYN_OK ? text.data == rd->data + (rd->at - text.len) : text.data == NULL && text.len == 0,
              "a str is the end of what was read, or nothing");
        break;
    }
    return st;
}

int main(void)
{
    uint8_t block[BYTES];
    const size_t len = nondet_size_to(BYTES);
    struct pyn_reader rd = {LAST_BYTES(block, len), len, nondet_size_to(len)};
    const struct pyn_reader before = rd;
    const pyn_status st = read_any(&rd);

    PROVE(st == PYN_OK || st == PYN_EFORMAT, "it is read, or it is not of the kind");
    PROVE(st == PYN_OK ? rd.at > before.at && rd.at <= len : rd.at == before.at,
          "it goes on inside of the message, or stays");
    PROVE(rd.data == before.data && rd.len == before.len, "the message is the same");
    return 0;
}
