/*
 * door.h - what stands between a listener on the open network and its server: the server's key, what was granted, and how often a source may try.
 *
 * Owns:    the key, in memory that is locked and wiped; the tables. It must outlive every connection that came through it.
 * Units:   nanoseconds of the monotonic clock; expiry by the calendar's.
 * Threads: any; its lock is the innermost, and held for a look-up at most.
 * Tests:   tests/attack/test_channel_*.py, tests/python/test_capabilities.py
 */
#ifndef PYN_DOOR_H
#define PYN_DOOR_H

#include "../channel/channel.h"
#include "../channel/gate.h"
#include "../channel/grant.h"
#include "../layer/stack.h"

struct pyn_door;

/* psk: PYN_NOISE_KEY_LEN bytes, or NULL. limits: NULL for the default ones. */
pyn_status pyn_door_new(const struct pyn_keypair *key, const uint8_t *psk, const struct pyn_gate_limits *limits,
                        struct pyn_door **out);
void pyn_door_free(struct pyn_door *door); /* accepts NULL */

const uint8_t *pyn_door_public(const struct pyn_door *door);

/* The layer of each connection that comes through it, by TCP or in a WebSocket. */
struct pyn_layer_source pyn_door_source(const struct pyn_door *door, bool is_in_websocket);

/* ---- who may try ---- */

bool pyn_door_admits(struct pyn_door *door, const uint8_t source[PYN_GATE_SOURCE_LEN], uint64_t now);
/* How the try of an admitted one has ended. */
void pyn_door_settle(struct pyn_door *door, const uint8_t source[PYN_GATE_SOURCE_LEN], bool is_in, uint64_t now);

/* ---- what was granted ---- */

pyn_status pyn_door_grant(struct pyn_door *door, const struct pyn_grant *grant);
size_t pyn_door_revoke(struct pyn_door *door, const uint8_t id[PYN_GRANT_ID_LEN]);
void pyn_door_digest(const struct pyn_door *door, enum pyn_login_kind kind, struct pyn_view what,
                     uint8_t out[PYN_DIGEST_LEN]);

/* ---- whose uses are counted ---- */

struct pyn_asking {
    uint64_t token; /* the server's name for the link */
    uint8_t grant[PYN_GRANT_ID_LEN];
};

/* false: too many wait already. */
bool pyn_door_ask(struct pyn_door *door, const struct pyn_asking *asking);
/* The oldest that asks: PYN_EWAIT: nobody within the time; PYN_EGONE: the door is closed. */
pyn_status pyn_door_next(struct pyn_door *door, uint64_t timeout_ns, struct pyn_asking *out);
/* Ends pyn_door_next(), and wipes the key: nothing that comes later opens. */
void pyn_door_close(struct pyn_door *door);
bool pyn_door_is_closed(const struct pyn_door *door);

#endif
