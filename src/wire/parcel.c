/* parcel.c - see parcel.h. */
#include "parcel.h"

size_t pyn_parcel_len(const struct pyn_parcel *parcel)
{
    size_t len = parcel->own.len;

    for (uint32_t i = 0; i < parcel->count; i++) {
        size_t more = parcel->loans[i].bytes.len;
        len = more > SIZE_MAX - len ? SIZE_MAX : len + more;
    }
    return len;
}

static uint8_t *put(uint8_t *out, const uint8_t *data, size_t len)
{
    if (len > 0) {
        memcpy(out, data, len);
    }
    return out + len;
}

void pyn_parcel_copy(const struct pyn_parcel *parcel, uint8_t *out)
{
    size_t at = 0;

    for (uint32_t i = 0; i < parcel->count; i++) {
        const struct pyn_loan *loan = &parcel->loans[i];
        out = put(out, parcel->own.data + at, loan->at - at);
        out = put(out, loan->bytes.data, loan->bytes.len);
        at = loan->at;
    }
    (void)put(out, parcel->own.data + at, parcel->own.len - at);
}
