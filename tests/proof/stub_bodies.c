/*
 * What the scanner asks of its neighbours, as contracts: that there is what they look at, and any answer of those that they may give. They have proofs
 * of their own: utf8, ext_check.
 */
#include "../../src/wire/ext_check.h"
#include "../../src/wire/utf8.h"
#include "proof.h"

size_t pyn_utf8_valid_len(struct pyn_view text, size_t at, bool *is_ascii)
{
    const size_t valid = nondet_size_to(text.len);

    PROVE(text.len == 0 || __CPROVER_r_ok(text.data, text.len), "a str that is looked at is there");
    PROVE(at <= text.len, "and so is what was looked at");
    ASSUME(valid >= at);
    *is_ascii = *is_ascii && nondet_bool();
    return valid;
}

/* An ext is a byte at least, and a tag is no more. */
pyn_status pyn_ext_check_size(int8_t code, size_t size, const struct pyn_limits *limits)
{
    (void)limits;
    if (size == 0 || (code == PYN_EXT_TAG && size != 1) || nondet_bool()) {
        return nondet_bool() ? PYN_EEXT : PYN_ESIZE;
    }
    return PYN_OK;
}

pyn_status pyn_ext_check(int8_t code, struct pyn_view payload, const struct pyn_limits *limits)
{
    (void)code;
    (void)limits;
    PROVE(payload.len > 0 && __CPROVER_r_ok(payload.data, payload.len), "an ext that is looked at is there");
    return nondet_bool() ? PYN_OK : nondet_bool() ? PYN_EEXT : PYN_ESIZE;
}
