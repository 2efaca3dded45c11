/* The end of a head in any bytes, in one piece or in two: it is inside of them, behind an empty line, and the same for every split. */
#include "../../src/websocket/http.h"
#include "proof.h"

enum { BYTES = 8 };

int main(void)
{
    uint8_t block[BYTES];
    const size_t len = nondet_size_to(BYTES);
    const size_t first_len = nondet_size_to(len);
    const uint8_t *bytes = LAST_BYTES(block, len);
    size_t end = 1;
    size_t of_pieces_end = 1;
    const pyn_status st = pyn_http_find_end((struct pyn_view){bytes, len}, 0, &end);
    pyn_status of_pieces = pyn_http_find_end((struct pyn_view){bytes, first_len}, 0, &of_pieces_end);

    if (of_pieces == PYN_EWAIT) {
        of_pieces = pyn_http_find_end((struct pyn_view){bytes, len}, first_len, &of_pieces_end);
    }
    PROVE(st == of_pieces && end == of_pieces_end, "one verdict");
    PROVE(st == PYN_OK || st == PYN_EWAIT || st == PYN_EFORMAT, "a status of the card");
    if (st == PYN_OK) {
        PROVE(end >= 4 && end <= len, "it ends inside of the bytes");
        PROVE(bytes[end - 1] == '\n' && bytes[end - 2] == '\r' && bytes[end - 3] == '\n', "with an empty line");
    } else {
        PROVE(end == 0, "there is none");
    }
    return 0;
}
