/*
 * channel.h - the encrypted channel as a layer: the opening, the handshake, the login, then a stream in records.
 *
 * A client's login goes out together with its first data, so that it costs no round trip; a server passes nothing up before its judge has let the
 * client in. docs/channel.md has the bytes.
 *
 * Owns:     its keys (wiped as soon as they are of no use any more), and what has come of an unfinished record.
 * Borrows:  mem for its life; config only during pyn_channel_new(), but the judge and the random source for its life.
 * Units:    bytes.
 * Errors:   as of layer.h; the keys are gone then. Until a client is let in, nothing that it does wrong is answered: the stream ends, and all
 *           faults look alike. Who is not let in gets one record, whatever the reason.
 * Threads:  one at a time.
 * Tests:    tests/unit/test_channel.c, tests/fuzz/fuzz_handshake.c, tests/fuzz/fuzz_records.c
 */
#ifndef PYN_CHANNEL_H
#define PYN_CHANNEL_H

#include "../layer/layer.h"
#include "handshake.h"
#include "principal.h"
#include "record.h"

enum {
    PYN_CHANNEL_VERSION = 1,
    PYN_OPENING_LEN = 8, /* "PYNTO", version, pattern, 0 */
    PYN_LOGIN_MAX = 1024,
    PYN_TRANSPORT_NAME_MAX = 16,
};

enum pyn_channel_state {
    PYN_CHANNEL_DEAD = 0,
    PYN_CHANNEL_OPENING,  /* server: nothing has come yet */
    PYN_CHANNEL_SHAKING,  /* the next message of the handshake has to come */
    PYN_CHANNEL_LOGIN,    /* server: the login has to come */
    PYN_CHANNEL_DECIDING, /* server: it has come, and the judge wants time */
    PYN_CHANNEL_UNSURE,   /* client: nothing has come from the server since the login */
    PYN_CHANNEL_OPEN,
    PYN_CHANNEL_ENDED, /* the peer's stream has come to its end, or the server has refused */
    PYN_CHANNEL_STATE_COUNT,
};

struct pyn_channel_config {
    bool is_server;
    struct pyn_view transport;     /* its name, such as "tcp": both ends must mean the same */
    const struct pyn_keypair *own; /* server: its key; client: its key, or NULL */
    const uint8_t *server_public;  /* client: the key that the server has to prove */
    const uint8_t *psk;            /* or NULL: then patterns with one are refused, else those without */
    enum pyn_pattern_id pattern;   /* client */
    struct pyn_view login;         /* client: at most PYN_LOGIN_MAX bytes */
    struct pyn_judge judge;        /* server */
    struct pyn_random random;
};

/* PYN_EARGS: keys that do not fit the pattern, or a login or name that is too long. */
pyn_status pyn_channel_new(const struct pyn_channel_config *config, const struct pyn_mem *mem, struct pyn_layer **out);

/* A server's that was let in goes on here, from what its save() has written elsewhere: with the two keys of this connection, and no other. PYN_EFORMAT: that is not it. */
pyn_status pyn_channel_revive(const void *ctx, const struct pyn_mem *mem, struct pyn_view state, struct pyn_layer **out);

/* NULL is none. */
bool pyn_is_channel(const struct pyn_layer *layer);

enum pyn_channel_state pyn_channel_state(const struct pyn_layer *layer);
/* Server: who was let in. */
const struct pyn_principal *pyn_channel_principal(const struct pyn_layer *layer);
/* PYN_HASH_LEN bytes, when the handshake is over: the same at both ends, and of no other connection. */
const uint8_t *pyn_channel_transcript(const struct pyn_layer *layer);
/* Of points, so far. */
unsigned pyn_channel_multiplications(const struct pyn_layer *layer);

/* Server, DECIDING: in, or out. It happens when the layer is resumed. PYN_EPROTOCOL: there is nothing to decide. */
pyn_status pyn_channel_decide(struct pyn_layer *layer, bool is_in);

#endif
