/*
 * shaking.h - connections from a network that are not through yet: how many there may be, and what their source pays for it. Through is whose channel is
 * open, or who was welcomed where there is none.
 *
 * A new one beyond PYN_SHAKING_MAX, or a quarter of the server's places (half of fewer than 32), makes room by ending the oldest: who is honest is through within moments, who stalls is the oldest soon.
 *
 * Owns:    a place in the server's list, from pyn_shaking_enter() until the link is open or over.
 * Threads: any. Nothing of it runs Python: it goes on while a call computes.
 * Tests:   tests/attack/test_channel_floods.py
 */
#ifndef PYN_SHAKING_H
#define PYN_SHAKING_H

#include "server_state.h"

enum { PYN_SHAKING_MAX = 256 };

/* Who comes, before it is a link. */
struct pyn_guest {
    uint8_t source[PYN_SOURCE_LEN];
    bool has_door;   /* it has to be let in */
    bool is_remote;  /* it comes by a network */
    bool is_counted; /* with its source */
    bool is_judged;  /* it is known who it is, so that what it does can be held against it */
};

/* May a connection of this source be looked at? */
bool pyn_shaking_admits(struct pyn_server *server, const struct pyn_guest *guest);

/* How a connection of such a source has ended: a loss unless is_good. With no lock but the link's. */
void pyn_shaking_judge(struct pyn_server *server, struct pyn_link *link, bool is_good);

/* Without the link's lock: it is enrolled, and nothing was read. */
void pyn_shaking_enter(struct pyn_server *server, struct pyn_link *link);

/* With the link's lock: it has said hello, and was welcomed. */
void pyn_shaking_welcomed(struct pyn_link *link);

/* With the link's lock: bytes have gone through its layers. It may be open now, or wait for somebody to count a use. */
void pyn_shaking_look(struct pyn_link *link);

/* Without the link's lock: one that is over is let go of. */
void pyn_shaking_settle(struct pyn_server *server, struct pyn_link *link);

#endif
