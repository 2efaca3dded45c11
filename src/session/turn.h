/*
 * turn.h - a call of the peer's from its arrival to its end, and the queue in which it waits for its turn.
 *
 * A call that was refused while others are ahead of it waits as well, so that answers come in the order of the calls. Those that were
 * refused for the same full quota share one turn: a flood of them takes no memory.
 *
 * Owns:    a turn is the session's until its event, then the host's until pyn_session_call_free().
 * Tests:   tests/unit/test_lanes.c
 */
#ifndef PYN_TURN_H
#define PYN_TURN_H

#include "exports.h"
#include "session.h"

struct pyn_batch;

struct pyn_turn {
    struct pyn_call call;   /* first: the host's pointer is a pointer to the turn */
    struct pyn_turn *next;  /* behind it in its queue */
    struct pyn_turn *older; /* among those that can still be cancelled */
    struct pyn_turn *newer;
    struct pyn_export *target; /* pinned; NULL when refused */
    struct pyn_holds holds;    /* what the arguments name of ours */
    pyn_status verdict;        /* PYN_OK: to be run; else how it is answered */
    enum pyn_quota quota;      /* PYN_EQUOTA: which */
    double retry_after;        /* of a rate: seconds until there is room for such a call */
    bool is_counted;           /* among the calls of the ledger */
    bool is_small;             /* its block is of the pool's size */
    uint64_t repeat;           /* calls that are answered so; 1 unless PYN_EQUOTA */
    uint64_t cancels;          /* how many of them were cancelled */
    size_t charged;            /* bytes */
    struct pyn_owned block;    /* owned: the message in which call.body stands; none: it stands behind the turn */
    struct pyn_batch *batch;   /* counted; NULL when it came alone, and when it runs: its frame has it then */
    uint32_t step;             /* its place in the batch */
    bool is_open; /* it names promises and is not decided yet: call.body is the whole step, call.object and call.iface are not set */
    bool is_broken;   /* a step that it depends on has failed: it is answered as that one was */
    bool is_too_much; /* PYN_EQUOTA: with its promises replaced it would be more than a message may be */
};

struct pyn_queue {
    struct pyn_turn *first;
    struct pyn_turn *last;
    struct pyn_turn *newest; /* that can still be cancelled */
};

void pyn_queue_put(struct pyn_queue *queue, struct pyn_turn *turn);

/* One call more of this batch (NULL: of none) that is refused for this quota: true when the last turn takes it in. */
bool pyn_queue_repeat(struct pyn_queue *queue, const struct pyn_batch *batch, enum pyn_quota quota);

/* NULL when it is empty. */
struct pyn_turn *pyn_queue_take(struct pyn_queue *queue);

/* Cancels the newest call that is not cancelled. Its turn, or NULL when there is none. */
struct pyn_turn *pyn_queue_cancel(struct pyn_queue *queue);

/* No call of the batch, the newest that can be cancelled, is to be cancelled any more. */
void pyn_queue_settle(struct pyn_queue *queue, const struct pyn_batch *batch);

#endif
