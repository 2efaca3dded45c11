/*
 * websocket.h - a WebSocket as a layer: the upgrade, then a stream of bytes in binary messages.
 *
 * Owns:     itself.
 * Borrows:  what the config points at, as long as its handshake may go on: a client's is done with path and host once it has begun.
 * Units:    a head of PYN_HEAD_MAX bytes is all that it keeps before it is open, and a control frame afterwards.
 * Errors:   as of layer.h. A server answers a head that it refuses with its HTTP status, and says nothing of itself in it.
 * Threads:  one at a time.
 * Tests:    tests/unit/test_websocket.c, tests/fuzz/fuzz_websocket.c, tests/attack/test_websocket.py
 */
#ifndef PYN_WEBSOCKET_H
#define PYN_WEBSOCKET_H

#include "../layer/layer.h"
#include "upgrade.h"

/* For a struct pyn_layer_source: ctx is a struct pyn_websocket_config. */
pyn_status pyn_websocket_make(const void *ctx, const struct pyn_mem *mem, struct pyn_layer **out);

/* A server's that was open goes on here; ctx is a struct pyn_websocket_config. PYN_EFORMAT: that is not what its save() has written. */
pyn_status pyn_websocket_revive(const void *ctx, const struct pyn_mem *mem, struct pyn_view state,
                                struct pyn_layer **out);

#endif
