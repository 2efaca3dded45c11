/*
 * frames.h - the frames of a WebSocket that is open (RFC 6455, 5): a stream of bytes in binary messages, pings answered, everything else refused.
 *
 * wslay reads and writes the frames; here stands what they may be. Messages have no meaning: they and their fragments are one stream.
 *
 * Owns:     a context of wslay's, and at most one control frame's payload.
 * Errors:   PYN_EGONE: the peer has closed it. Class close: it has failed, reason says why and code is what the peer is told (RFC 6455, 7.4).
 * Threads:  one at a time.
 * Tests:    tests/unit/test_websocket.c, tests/fuzz/fuzz_websocket.c
 */
#ifndef PYN_FRAMES_H
#define PYN_FRAMES_H

#include <wslay/wslay.h>

#include "../wire/buf.h"
#include "upgrade.h"

enum { PYN_CONTROL_MAX = 125, PYN_MASKS_LEN = 256 };

struct pyn_frames {
    const struct pyn_websocket_config *config;
    wslay_frame_context_ptr context;

    struct pyn_view in;   /* what is being read */
    struct pyn_buf *out;  /* where is being written to */
    pyn_status out_state; /* why that did not work */

    uint8_t masks[PYN_MASKS_LEN]; /* CLIENT: fetched at once for so many frames */
    size_t mask_left;             /* bytes of them that were not used yet */

    bool is_in_message;   /* of several frames: a continuation has to come */
    uint64_t message_len; /* of the message so far */
    bool is_in_frame;
    uint8_t opcode;     /* of that frame */
    bool is_last;       /* of its message */
    uint64_t left;      /* bytes of its payload to come */
    uint64_t frame_len; /* bytes of all of it */
    uint64_t unframed;  /* bytes that have come since the last frame was whole */
    uint8_t control[PYN_CONTROL_MAX];
    size_t control_len;

    uint16_t code; /* for the last word; 0: none was decided on */
    const char *reason;
};

pyn_status pyn_frames_init(struct pyn_frames *frames, const struct pyn_websocket_config *config);
void pyn_frames_fini(struct pyn_frames *frames); /* also of what is zeroed */

/* Takes all of the bytes: payload goes up, answers go out. */
pyn_status pyn_frames_receive(struct pyn_frames *frames, struct pyn_view bytes, struct pyn_buf *up, struct pyn_buf *out);

/* Between two frames: all that there is to know of what has come is in is_in_message and message_len. */
bool pyn_frames_is_between(const struct pyn_frames *frames);

/* One binary message. */
pyn_status pyn_frames_send(struct pyn_frames *frames, struct pyn_view bytes, struct pyn_buf *out);

/* The close frame: with frames->code, else with this one. */
void pyn_frames_close(struct pyn_frames *frames, uint16_t code, struct pyn_buf *out);

#endif
