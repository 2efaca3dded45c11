/* An ext of any code and payload: nothing outside of it is looked at, and what its head may not say it may not be. */
#include "../../src/wire/ext_check.h"
#include "proof.h"

enum { BYTES = 16 };

int main(void)
{
    uint8_t block[BYTES];
    const size_t len = nondet_size_to(BYTES);
    const int8_t code = (int8_t)nondet_u8();
    const struct pyn_limits limits = {.int_max = nondet_size()};
    const pyn_status of_head = pyn_ext_check_size(code, len, &limits);
    const pyn_status st = pyn_ext_check(code, (struct pyn_view){LAST_BYTES(block, len), len}, &limits);

    PROVE(st == PYN_OK || st == PYN_EEXT || st == PYN_ESIZE, "a status of the card");
    PROVE(of_head == PYN_OK || st == of_head, "what its head tells holds");
    if (st == PYN_OK) {
        PROVE(code >= PYN_EXT_MINE && code <= PYN_EXT_PROMISE && len > 0, "every other code is refused");
        PROVE(code != PYN_EXT_INT || len <= limits.int_max, "an integer is not longer than it may be");
        PROVE(code != PYN_EXT_TAG || (block[BYTES - 1] >= PYN_TAG_FROZENSET && block[BYTES - 1] <= PYN_TAG_NDARRAY),
              "a tag is one");
    }
    return 0;
}
