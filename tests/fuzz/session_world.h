/*
 * session_world.h - what the parts of fuzz_session.c share: one session, the peer whose bytes the program makes, the host that serves it, and
 * who watches both.
 *
 * Owns:    begin() and end() of fuzz_session.c make and give back a world; session_host.c holds the policy for good.
 * Errors:  a CHECK that fails ends the program.
 */
#ifndef PYN_FUZZ_SESSION_WORLD_H
#define PYN_FUZZ_SESSION_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "../../src/session/session_state.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

enum {
    LANES = 64,       /* lanes that are watched */
    OUTSTANDING = 64, /* calls of a lane that are watched */
    RUNNING = 16,
    OBJECTS = 16,
    PROXIES = 16,
    LOG_ROOM = 1 << 20,
};

struct memory {
    struct pyn_mem mem;
    size_t left; /* allocations until one fails; 0: none does */
    size_t live;
};

/* What was called in a lane and not answered yet. */
struct lane_watch {
    uint64_t number;
    bool is_used;
    bool is_plain; /* nothing was called back in it, and nothing was lost sight of */
    size_t count;
    uint64_t tags[OUTSTANDING]; /* UINT64_MAX: it cannot succeed */
};

struct watch {
    struct pyn_limits limits;
    struct pyn_scan scan;
    struct pyn_buf held;
    uint64_t lane;         /* of the stream that is looked at */
    struct pyn_scan aside; /* the second stream, which comes in parts */
    struct pyn_buf carried;
    uint64_t aside_lane;
    size_t part; /* bytes of a part that are still to come, its newline not counted */
    bool in_part;
    bool is_amid; /* a message of the second stream is not whole */
    bool is_over;
    size_t calls;
    size_t answers;
};

struct world {
    struct memory memory;
    struct pyn_quotas quotas;
    struct pyn_session *session;
    enum pyn_role role;
    uint64_t now;
    bool is_cut; /* the input comes byte by byte */
    bool is_stuck;
    const uint8_t *program;
    size_t left;
    struct watch in;
    struct watch out;
    struct pyn_buf pending; /* of the second stream, not in a part yet */
    struct lane_watch lanes[LANES];
    struct pyn_call *running[RUNNING];
    char objects[OBJECTS];
    size_t held[OBJECTS]; /* times that the session holds it */
    size_t lent;          /* parcels whose bytes it has to give back */
    uint64_t last_id;
    struct pyn_import *proxies[PROXIES];
    size_t part_len; /* of parts of ours */
    uint64_t log;    /* of the output */
    size_t log_len;
};

static inline uint8_t take(struct world *w)
{
    if (w->left == 0) {
        return 0;
    }
    w->left--;
    return *w->program++;
}

/* ---- session_watch.c: what is said is followed on both sides by another reading than ours ---- */

/* Bytes of the peer's, or of ours. */
void watch_bytes(struct world *w, struct watch *watch, struct pyn_view bytes, bool is_out);
/* Between two steps the tables agree with the ledger. */
void watch_check(struct world *w);

/* ---- session_host.c: the host takes what comes, and does anything in any order ---- */

extern const struct pyn_iface *root_iface;
extern const struct pyn_iface *child_iface;

void host_load(void);
void host_drain(struct world *w);
void host_feed(struct world *w, struct pyn_view bytes);
void host_answer(struct world *w);
void host_call(struct world *w);
void host_export(struct world *w);
void host_release(struct world *w);
void host_reap(struct world *w);
/* The value of an answer is the tag of the call. */
struct pyn_view host_tag(const struct pyn_call *call, uint8_t *room);

/* ---- session_peer.c: bytes and messages that the program makes ---- */

void peer_raw(struct world *w);
void peer_message(struct world *w);
void peer_part(struct world *w);
void peer_hello(struct world *w);
void peer_pack_body(struct world *w, struct pyn_buf *buf, uint8_t choice);

#endif
