/*
 * server_state.h - what a server is made of; private to server.c and turn.c.
 */
#ifndef PYN_SERVER_STATE_H
#define PYN_SERVER_STATE_H

#include "fork.h"
#include "server.h"

enum { PYN_LISTENERS_MAX = 16 };

struct pyn_server {
    struct pyn_server_config config;
    unsigned birth; /* pyn_fork_count() when it was made */
    struct pyn_keepsake keepsake;
    int epoll;
    int wake; /* eventfd: a thread is wanted, or all are to stop */

    pthread_mutex_t lock; /* guards everything below */
    bool is_stopping;
    struct pyn_listener listeners[PYN_LISTENERS_MAX];
    struct pyn_layer_sources layers[PYN_LISTENERS_MAX]; /* of the connections of each */
    uint32_t listener_count;
    struct pyn_link *shaking; /* from the open network, and not open yet: the oldest first */
    struct pyn_link *shaking_tail;
    uint32_t shaking_count;
    uint64_t failed;         /* handshakes and logins that came to nothing */
    uint64_t told_in;        /* the second in which lines about them were last written, */
    uint32_t told;           /* and how many */
    uint64_t turned_away;    /* connections of sources that were over their rate */
    struct pyn_link **links; /* by slot, connection_max of them */
    uint32_t link_count;
    uint32_t generation;
    uint64_t accepted;
    uint64_t calls;
    uint64_t next_tick;
    uint64_t next_complaint; /* about what every peer can cause */

    uint32_t threads;   /* in pyn_server_run() */
    uint32_t idle;      /* of those, in epoll_wait() */
    uint32_t suspended; /* of those, in a call that waits for a peer */

    bool is_turn_taken;
    uint32_t resuming; /* threads that want their turn back: they go first */
    pthread_cond_t turn_free;
    struct pyn_link *ready; /* links with calls to run or objects to drop, in the order of their turns */
    struct pyn_link *ready_tail;
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

/* Runs what is ready as long as the turn is free. */
void pyn_server_take_turns(struct pyn_server *server);
void pyn_server_unpause(struct pyn_link *link);
void pyn_server_drop(struct pyn_server *server, struct pyn_link *link);
void pyn_server_close_all(struct pyn_server *server);
/* The link that a token is about, counted up; NULL when it has gone meanwhile. */
struct pyn_link *pyn_server_find(struct pyn_server *server, uint64_t token);
void pyn_server_log(struct pyn_server *server, const char *peer, const char *text);

#endif
