/*
 * layer.h - what may stand between a stream of bytes and a session: a handshake, then a transformation in both directions, then an end.
 *
 * Below a layer is the stream or another layer, above it another layer or the session. Sans-IO: bytes come in as views and go out into buffers
 * of the caller's; what else a layer needs (keys, randomness) it was given when it was made.
 *
 * Owns:     itself: struct pyn_layer is the first member of what ops->free() frees. A layer keeps no more than what it needs to go on: bytes
 *           that are complete go up at once.
 * Borrows:  every view and buffer, for the one call.
 * Errors:   PYN_EGONE: the peer has ended it in an orderly way. Any other class close or broken: it has failed. Both are final, layer->reason
 *           says why, and what went up in the same call still counts. PYN_ESIZE and PYN_ENOMEM of a buffer are passed on without a reason.
 * Threads:  one at a time.
 * Tests:    tests/unit/test_layer.c, and those of each layer
 */
#ifndef PYN_LAYER_H
#define PYN_LAYER_H

#include "../wire/buf.h"

struct pyn_layer;

struct pyn_layer_ops {
    const char *name; /* for people: "websocket" */
    /* What is below is open: says what we have to say first. NULL: nothing, the peer begins. */
    pyn_status (*start)(struct pyn_layer *layer, struct pyn_buf *down);
    /* Takes all of the bytes that came from below. up: what they mean; down: what has to be said at once, such as the handshake's answer. */
    pyn_status (*receive)(struct pyn_layer *layer, struct pyn_view bytes, struct pyn_buf *up, struct pyn_buf *down);
    /* Takes all of the bytes from above, PYN_LAYER_CHUNK of them and the heads of the layers above at most. Only while it is open. */
    pyn_status (*send)(struct pyn_layer *layer, struct pyn_view bytes, struct pyn_buf *down);
    /* Its last words, after which it is only freed; also when the handshake is not done. why: PYN_EGONE for an orderly end. NULL: none. */
    void (*finish)(struct pyn_layer *layer, pyn_status why, struct pyn_buf *down);
    void (*free)(struct pyn_layer *layer);
    /* Goes on after it has waited for its host. NULL: it never waits. */
    pyn_status (*resume)(struct pyn_layer *layer, struct pyn_buf *up, struct pyn_buf *down);
    /* Appends what it takes to go on in another process, and is as it was. PYN_EWAIT: it is in the middle of something. NULL: it cannot. */
    pyn_status (*save)(const struct pyn_layer *layer, struct pyn_buf *state);
};

struct pyn_layer {
    const struct pyn_layer_ops *ops;
    bool is_open;       /* the layer sets it when the handshake is done, and it stays so */
    const char *reason; /* its own text: why it has ended or failed */
};

enum { PYN_LAYER_CHUNK = 64 * 1024 }; /* bytes of the session's that are wrapped at once */

#endif
