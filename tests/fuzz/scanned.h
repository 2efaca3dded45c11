/*
 * scanned.h - is it one value that a message may hold? For the targets that decide of values.
 */
#ifndef PYN_FUZZ_SCANNED_H
#define PYN_FUZZ_SCANNED_H

#include "../../src/wire/scan.h"

/* The length of it, or 0. */
static inline size_t sample_scanned(struct pyn_view value, const struct pyn_limits *limits, bool may_promise)
{
    static uint8_t message[1 << 18] = {0x92, 0xff};
    struct pyn_scan scan;
    size_t len = 0;
    size_t need = 0;

    if (value.len + 3 > sizeof message) {
        return 0;
    }
    memcpy(message + 2, value.data, value.len);
    message[2 + value.len] = '\n';
    pyn_scan_init(&scan, limits);
    return pyn_scan_feed(&scan, (struct pyn_view){message, value.len + 3}, &len, &need) == PYN_OK &&
                   (may_promise || !scan.has_promise)
               ? len - 2
               : 0;
}

#endif
