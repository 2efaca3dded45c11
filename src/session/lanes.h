/*
 * lanes.h - the lanes of a connection: in each a stack of calls inside of each other, the newest on top.
 *
 * A frame is SERVING (the host runs a call of the peer's, and more calls may queue behind it) or waiting (a call of ours is out). A lane
 * exists only while it has frames.
 *
 * Owns:     lanes and frames. Turns in a queue belong to the session, which takes them out.
 * Errors:   PYN_ENOMEM: nothing has changed.
 * Tests:    tests/unit/test_lanes.c
 */
#ifndef PYN_LANES_H
#define PYN_LANES_H

#include "../../policy/policy.h"
#include "idmap.h"
#include "pool.h"
#include "turn.h"

enum { PYN_IDLE_MAX = 32 }; /* numbers of idle lanes that are remembered */

/* Results of an iterator, one behind the other. */
struct pyn_items {
    uint32_t count;
    size_t len;
    uint8_t bytes[];
};

struct pyn_asking;

/* Which answers that are kept a call of ours may make untrue. */
enum pyn_writes { PYN_WRITES_NOTHING = 0, PYN_WRITES_ONE, PYN_WRITES_ANY };

struct pyn_frame {
    struct pyn_frame *below;
    uint64_t depth; /* of the lane, with this one on top */
    bool is_serving;
    /* serving */
    bool is_running;   /* the host has the call */
    bool is_oneway;    /* the peer wants no answer to it, and waits in no lane */
    bool is_cancelled; /* and was told that its answer is not wanted */
    struct pyn_queue queue;
    struct pyn_batch *batch; /* of the call that runs; NULL when it came alone */
    uint32_t step;           /* its place there */
    /* waiting */
    bool wants_root;
    struct pyn_items *items;    /* that came ahead of the answer; owned, NULL: none */
    struct pyn_expect expect;   /* of the next answer */
    struct pyn_expect *expects; /* of the answers behind it; owned, NULL: none */
    uint32_t more;              /* answers behind it */
    uint32_t at;                /* of expects: the next answer's */
    struct pyn_asking *asking;  /* the cache's note of it; NULL: its answer is not kept */
    enum pyn_writes writes;
    uint64_t written; /* ONE: the reference whose attribute it is */
};

struct pyn_lane {
    struct pyn_idnode node;
    struct pyn_frame *top;
    uint64_t depth; /* frames */
};

struct pyn_lanes {
    struct pyn_idmap map;
    struct pyn_pool lane_pool;
    struct pyn_pool frame_pool;
    uint64_t waiting; /* lanes whose top waits for an answer */
    uint64_t own;     /* parity of the lanes that we start */
    uint64_t next;    /* of our lanes the first that was never handed out */
    uint64_t *idle;   /* owned; NULL: none is remembered */
    size_t idle_count;
};

void pyn_lanes_init(struct pyn_lanes *lanes, const struct pyn_mem *mem, uint64_t own, uint64_t next);

/* What is kept to be quick is freed. */
void pyn_lanes_rest(struct pyn_lanes *lanes);

/* Every queue must be empty. */
void pyn_lanes_fini(struct pyn_lanes *lanes);

/* NULL: idle. */
static inline struct pyn_lane *pyn_lanes_find(const struct pyn_lanes *lanes, uint64_t number)
{
    return pyn_idmap_find(&lanes->map, number, 0);
}

/* May we start it? */
static inline bool pyn_lanes_is_ours(const struct pyn_lanes *lanes, uint64_t number)
{
    return number % 2 == lanes->own;
}

/* A frame more on top; the lane begins with its first. */
pyn_status pyn_lanes_push(struct pyn_lanes *lanes, uint64_t number, bool is_serving, struct pyn_frame **out);

/* The top goes, and the lane with its last frame. */
void pyn_lanes_pop(struct pyn_lanes *lanes, struct pyn_lane *lane);

/* The number of an idle lane of ours, not handed out twice before it was used. */
uint64_t pyn_lanes_pick(struct pyn_lanes *lanes);

#endif
