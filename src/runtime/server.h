/*
 * server.h - many links, one epoll, and the turn: the right to run an exposed object's code.
 *
 * Every thread in pyn_server_run() waits on the same epoll. The one that reads an admitted call takes the turn, if it is free, runs the call and
 * writes the answer itself; while it is in Python the others read, refuse, answer pings and queue calls. Turns are dealt to the links that have calls, by weight and by the time that they take.
 * A call that waits for a peer gives its turn away and takes it again before it goes on.
 *
 * Owns:     links and listeners; what the host passes in stays the host's.
 * Threads:  any. Order of locks: interpreter, link, server.
 * Tests:    tests/python/test_server.py, tests/e2e
 */
#ifndef PYN_SERVER_H
#define PYN_SERVER_H

#include "../transport/transport.h"
#include "classes.h"
#include "link.h"
#include "log.h"
#include "trail.h"

struct pyn_attendant;
struct pyn_door;
struct pyn_parting;
struct pyn_server;

/* What the runtime asks of the host. Called without any lock of the runtime's; the host takes the interpreter's by itself. */
struct pyn_host {
    void *ctx;
    /* Runs the call and answers it with pyn_link_answer(). The thread holds the turn. */
    void (*run)(void *ctx, struct pyn_link *link, struct pyn_call *call);
    /* Drops what pyn_session_reap() gives; when link->over is set it lets go of everything of this link. */
    void (*sweep)(void *ctx, struct pyn_link *link);
    /* One more thread for pyn_server_run(). Called with the interpreter's lock held. */
    bool (*spawn)(void *ctx);
};

struct pyn_server_root {
    struct pyn_view name;
    void *object; /* held by the host for the life of the server */
    const struct pyn_iface *iface;
};

struct pyn_server_config {
    struct pyn_host host;
    struct pyn_classes *classes;         /* borrowed; each link holds them as well */
    const struct pyn_large *large;       /* borrowed; NULL: large messages are received as all others */
    const struct pyn_server_root *roots; /* borrowed */
    uint32_t root_count;
    const uint32_t *costs; /* of operations, by slot; borrowed; NULL: 1 each */
    uint32_t connection_max;
    uint32_t source_max;  /* connections of one source */
    bool is_near_limited; /* also of this machine's own, behind which a proxy may have many */
    uint32_t thread_max;
    uint32_t suspended_max;  /* calls of one link that wait for a peer */
    struct pyn_inbox *inbox; /* of the event loop that runs what is declared async; borrowed; NULL: none is needed yet */
    struct pyn_log *log;     /* borrowed */
    struct pyn_trail *trail; /* borrowed; NULL: nobody keeps a log of decisions */
    struct pyn_door *door;   /* borrowed; for listeners of pynto:// addresses; NULL: there are none */
    bool ends_deserted;      /* stops when its last link is gone: a server on stdio ends with its only client */
    bool exits_stuck;        /* a call that cannot be ended ends the process, */
    uint64_t stuck_ns;       /* so long after its limit; 0: as long as the watchdog has it */
    struct pyn_parting *parting; /* borrowed; connections that are let in are served by other processes; NULL: they are not */
};

pyn_status pyn_server_new(const struct pyn_server_config *config, struct pyn_server **out);
void pyn_server_free(struct pyn_server *server); /* after the last pyn_server_run() has returned */

/* The greatest message that any class of connections takes. */
size_t pyn_server_message_max(const struct pyn_server *server);

/* Takes the listener over. layers: of each of its connections; what their ctx point at must outlive the server. */
bool pyn_server_listen(struct pyn_server *server, const struct pyn_listener *listener,
                       const struct pyn_layer_sources *layers);

/* A connection that is open already. Takes the descriptors over, also when it fails. transport: static, such as "stdio". */
bool pyn_server_adopt(struct pyn_server *server, int in, int out, const char *peer, const char *transport,
                      const struct pyn_layer_sources *layers);

/* A connection that another process has let in, which borrows all but the descriptor and the stack: these are taken over, also when it fails. */
struct pyn_newcomer {
    int fd;
    struct pyn_stack *stack; /* NULL: there are no layers */
    struct pyn_view plain;   /* has come out of them already */
    const char *peer;
    const char *transport;
    uint64_t serial;
    uint64_t accepted_at;
};
bool pyn_server_take_over(struct pyn_server *server, const struct pyn_newcomer *newcomer);

/* Who gives its connections away, and who has got them. NULL: nobody. */
struct pyn_parting *pyn_server_parting(const struct pyn_server *server);
void pyn_server_attended(struct pyn_server *server, struct pyn_attendant *attendant);

/*
 * Serves until it is stopped (PYN_OK). looks_up: PYN_EWAIT now and then: a signal may have come to this thread: look, then call it again.
 * is_spare: one that host.spawn made: it also ends (PYN_OK) when there is nothing left for it to do.
 */
pyn_status pyn_server_run(struct pyn_server *server, bool looks_up, bool is_spare);

/* From here on it is this thread, between its pyn_server_run(), that runs the calls, as long as it is not in one that waits for a peer. */
void pyn_server_enter_main(struct pyn_server *server);
void pyn_server_leave_main(struct pyn_server *server);

/* A call runs for long: others are to see to the network meanwhile. Called with the watchdog's locks held. */
void pyn_server_is_busy(struct pyn_server *server);
/* An answer for which a call's thread has looked is there: nobody else need be woken by the next, until it is found busy again. Any thread. */
void pyn_server_attends(struct pyn_server *server);
/* why: an enum pyn_overrun. Without any lock of the server's. */
void pyn_server_note_overrun(struct pyn_server *server, int why);
bool pyn_server_exits_stuck(const struct pyn_server *server);
/* How long behind its limit a call is one that does not end. */
uint64_t pyn_server_stuck_after(const struct pyn_server *server, uint64_t usual);
/* Ends the process for one: true when somebody does it who can say so to the peers first. Returns at once. */
bool pyn_server_is_stuck(struct pyn_server *server);

/* An event loop drives it from now on, by this inbox: also the links that are there. */
void pyn_server_join_loop(struct pyn_server *server, struct pyn_inbox *inbox);

/* Ends every link and makes every pyn_server_run() return. */
void pyn_server_stop(struct pyn_server *server);
/* Closes the listeners; when it was stopped, and no thread is left in pyn_server_run(). */
void pyn_server_unlisten(struct pyn_server *server);

/*
 * This thread has the turn, and has run a call of the link's with it: the next one of its queue, as its next turn, if nobody else waits and it has not had its
 * share yet. NULL: this turn is to end.
 */
struct pyn_call *pyn_server_go_on(struct pyn_server *server, struct pyn_link *link);
/* The call of this thread's turn was answered, now: so that pyn_server_go_on() need not look at the clock. */
void pyn_server_note_end(uint64_t now);

/* With the link's lock held: an admitted call for this link; the link is over. */
void pyn_server_enqueue(struct pyn_server *server, struct pyn_link *link, struct pyn_call *call);
void pyn_server_wants_sweep(struct pyn_server *server, struct pyn_link *link);
/* The same: one that needs no turn, because the event loop runs it. */
void pyn_server_count_call(struct pyn_server *server);
/* The same: the call of this lane that waits for its turn is not to be run. False: there is none. */
bool pyn_server_cancel(struct pyn_server *server, struct pyn_link *link, uint64_t lane);
/* Without a lock: a thread that takes no turns has answered a call of this link, which may let others run or be read. */
void pyn_server_answered(struct pyn_server *server, struct pyn_link *link);
/* With the link's lock held: its hello has come. An unknown root ends it. */
void pyn_server_welcome(struct pyn_server *server, struct pyn_link *link, struct pyn_view root_name);

/* This thread's call, of link, is about to wait for a peer: false when too many wait already, of this link or in all, and the turn is kept. May call host.spawn: with the
 * interpreter's lock held. */
bool pyn_server_suspend(struct pyn_server *server, struct pyn_link *link);

/*
 * The same in two steps, for an answer that may come at once: a place among those that wait, while the turn is kept; then either the place is given back,
 * or the turn is given away. The second may call host.spawn.
 */
bool pyn_server_reserve(struct pyn_server *server, struct pyn_link *link);
void pyn_server_unreserve(struct pyn_server *server, struct pyn_link *link);
void pyn_server_leave_turn(struct pyn_server *server);

/* Reads what is there, without waiting, as the loop would. Without a lock. */
void pyn_server_look(struct pyn_link *link);
/* With the link's lock held: its output has gone, calls of it may run again. */
void pyn_server_unclog(struct pyn_server *server, struct pyn_link *link);

/* The same between two nested calls: it has its place among those that wait. */
void pyn_server_suspend_again(struct pyn_server *server, struct pyn_link *link);
/* The wait is over: returns with the turn. Not with the interpreter's lock held. */
void pyn_server_resume(struct pyn_server *server, struct pyn_link *link);

/* What was answered for object is not true any more: every link that holds it is told. How many were. Without any lock, or with the interpreter's. */
uint32_t pyn_server_stale(struct pyn_server *server, const void *object, struct pyn_view name);

/* Takes a grant back: at once, also from those who are connected by it. */
void pyn_server_revoke(struct pyn_server *server, const uint8_t id[PYN_GRANT_ID_LEN]);

/* Says whether the use that was asked for is counted, and the client let in. token: of pyn_door_next(). */
void pyn_server_decide(struct pyn_server *server, uint64_t token, bool is_in);

struct pyn_server_stats {
    uint32_t links;
    uint32_t threads;
    uint32_t suspended;
    uint64_t accepted;
    uint64_t turned_away; /* sources that were over their rate */
    uint64_t crowded;     /* or had as many connections as they may */
    uint64_t full;        /* no place was left */
    uint64_t unlogged;    /* lines that were too many */
    uint64_t failed;
    uint64_t multiplications;
    uint64_t calls;
};
void pyn_server_stats(struct pyn_server *server, struct pyn_server_stats *out);

#endif
