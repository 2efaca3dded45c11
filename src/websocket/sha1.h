/*
 * sha1.h - SHA-1 (FIPS 180-4), for Sec-WebSocket-Accept alone: RFC 6455 wants it there, where it protects nothing.
 *
 * Units:   bytes, less than 2**61 of them.
 * Errors:  none.
 * Threads: any.
 * Tests:   tests/unit/test_websocket_upgrade.c
 */
#ifndef PYN_SHA1_H
#define PYN_SHA1_H

#include "../wire/view.h"

enum { PYN_SHA1_LEN = 20 };

void pyn_sha1(struct pyn_view bytes, uint8_t out[PYN_SHA1_LEN]);

#endif
