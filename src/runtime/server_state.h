/*
 * server_state.h - what a server is made of; private to the files named below, and those of its parts.
 */
#ifndef PYN_SERVER_STATE_H
#define PYN_SERVER_STATE_H

#include "../channel/gate.h"
#include "../quota/fair.h"
#include "crowd.h"
#include "estates.h"
#include "fork.h"
#include "server.h"
#include "tally.h"

enum { PYN_LISTENERS_MAX = 16, PYN_TICK_MS = 500 };

struct pyn_server {
    struct pyn_server_config config;
    unsigned birth; /* pyn_fork_count() when it was made */
    struct pyn_keepsake keepsake;
    struct pyn_attendant *attendant;   /* of a process that serves for another one; set before the first connection */
    _Atomic(struct pyn_inbox *) inbox; /* of the event loop that drives its links; NULL: none does */
    struct pyn_porter *porter;         /* owned; set with the lock held, once */
    int epoll;
    int wake;                         /* eventfd: a thread is wanted, or all are to stop */
    atomic_uint_fast64_t accepted_at; /* when it was last told that somebody comes, */
    atomic_uint accepts;              /* and how many were let in then, at most */

    pthread_mutex_t lock;    /* guards everything below */
    atomic_bool is_stopping; /* written with the lock held */
    struct pyn_listener listeners[PYN_LISTENERS_MAX];
    struct pyn_layer_sources layers[PYN_LISTENERS_MAX]; /* of the connections of each */
    uint32_t listener_count;
    struct pyn_link *shaking; /* from the open network, and not open yet: the oldest first */
    struct pyn_link *shaking_tail;
    uint32_t shaking_count;
    uint64_t failed;          /* handshakes and logins that came to nothing */
    uint64_t multiplications; /* of points, for handshakes that are over */
    uint64_t turned_away;     /* connections of sources that were over their rate, */
    uint64_t crowded;         /* or had as many as they may; */
    uint64_t full;            /* for which there was no place */
    struct pyn_crowd crowd;   /* who has how many */
    struct pyn_estates estates;
    struct pyn_gate *gate;   /* how often a source may try that comes through no door */
    struct pyn_bucket lines; /* for the log */
    uint64_t unlogged;       /* lines that were too many, */
    uint64_t untold;         /* and of them those that were not told of yet */
    struct pyn_tally tally;
    uint32_t placed[PYN_CLASSES_MAX]; /* links of each class */
    struct pyn_link **links;          /* by slot, connection_max of them */
    uint32_t slots_full;              /* below it no slot is free */
    uint32_t slots_end;               /* from it on all are */
    uint32_t link_count;
    uint32_t generation;
    uint64_t accepted;
    uint64_t calls;
    atomic_uint_fast64_t next_tick; /* likewise */
    uint64_t next_complaint;        /* about what every peer can cause */

    uint32_t threads;   /* in pyn_server_run() */
    atomic_uint idle;   /* of those, in epoll_wait(); goes up with the lock held */
    uint32_t suspended; /* of those, in a call that waits for a peer */

    bool has_main;            /* one of the threads is to run the calls */
    atomic_bool is_main_idle; /* it is in epoll_wait(); true with the lock held */
    bool is_main_busy;        /* it runs a call for so long that others are to see to the network */
    uint32_t main_suspended;  /* calls of its that wait for a peer */
    uint32_t parked;          /* threads that wait until it is busy */
    pthread_cond_t unpark;

    bool has_no_porter; /* it could not be started */
    bool is_turn_taken;
    uint64_t turn_since;      /* when its time began to count */
    struct pyn_link *turn_of; /* and for whom */
    struct pyn_fair ready;    /* links with calls to run or objects to drop, and threads that want their turn back */
};

/* In a child of a fork the server is the parent's: nothing of it is touched any more. */
static inline bool pyn_server_is_ours(const struct pyn_server *server)
{
    return server->birth == pyn_fork_count();
}

static inline void pyn_server_lock(struct pyn_server *server)
{
    if (pyn_server_is_ours(server)) {
        (void)pthread_mutex_lock(&server->lock);
    }
}

static inline void pyn_server_unlock(struct pyn_server *server)
{
    if (pyn_server_is_ours(server)) {
        (void)pthread_mutex_unlock(&server->lock);
    }
}

/* ---- rota.c ---- */

/* This thread goes to wait for the network, when its time has come: for *wait_ms at most. False: it is a spare one, and not needed. */
bool pyn_rota_begin(struct pyn_server *server, bool is_spare, int *wait_ms);
void pyn_rota_end(struct pyn_server *server);
/* Is a wake-up for this thread? */
bool pyn_rota_is_meant(struct pyn_server *server);

/* With the lock held: may this thread run calls? If not, who may is told that there are some. */
bool pyn_rota_may_run(const struct pyn_server *server);
void pyn_rota_hand_over(struct pyn_server *server);
/* With the lock held: a call of this thread's waits for a peer (1), or no longer (-1). */
void pyn_rota_suspended(struct pyn_server *server, int by);

/* ---- place.c ---- */

/* With the link's lock: who is there is known, and the limits of its class hold from now on. False: there is no such class, and nothing has changed. */
bool pyn_place_find(struct pyn_server *server, struct pyn_link *link);
/* With the server's lock: it counts from now on, or this is why it may not stay. */
const char *pyn_place_take(struct pyn_server *server, struct pyn_link *link);
/* With the server's lock: it counts no more. */
void pyn_place_leave(struct pyn_server *server, struct pyn_link *link);

/* ---- arrive.c, upkeep.c ---- */

/* Those who wait at a listener come in. The last of them, counted; NULL: nobody has. */
struct pyn_link *pyn_server_accept(struct pyn_server *server, uint32_t index);
/* When its time has come, and no other thread does it. */
void pyn_server_tick(struct pyn_server *server);

/* ---- serve.c ---- */

/*
 * One thread reads a link; another that finds it so leaves a note. events: what epoll has told, or 0 for a look that nothing was told ahead of. True: something
 * was there.
 */
bool pyn_server_serve(struct pyn_link *link, uint32_t events);
void pyn_server_unpause(struct pyn_link *link);

/* ---- turn.c, server.c ---- */

/* Runs what is ready as long as the turn is free, for a moment: then the network is to be looked at again. */
void pyn_server_take_turns(struct pyn_server *server);
void pyn_server_take_all_turns(struct pyn_server *server);
/* There may be a turn that no thread has seen: one that waits for the network is told. */
void pyn_server_rouse(struct pyn_server *server);
void pyn_server_drop(struct pyn_server *server, struct pyn_link *link);
void pyn_server_close_all(struct pyn_server *server);
/* Each link that is there, one after the other, without a lock. */
void pyn_server_each(struct pyn_server *server, void (*look)(void *ctx, struct pyn_link *link), void *ctx);
/* The link that a token is about, counted up; NULL when it has gone meanwhile. */
struct pyn_link *pyn_server_find(struct pyn_server *server, uint64_t token);
void pyn_server_log(struct pyn_server *server, uint64_t connection, const char *peer, const char *text);

#endif
