/*
 * link.h - one connection with its descriptors: a session, its lock, and the threads that wait for it.
 *
 * A thread that has sent a call waits in its lane. On a client's link one of the waiting threads reads the socket for all (the others sleep until
 * it hands them what is theirs); on a server's link the server's loop reads.
 *
 * Owns:     the session, both descriptors, and the layers between them. A link lives until its last pyn_link_unref().
 * Threads:  any. The lock is held for short steps only: never while a thread waits for a peer, for another lock, or for the interpreter. Whoever
 *           holds the interpreter's lock may take a link's lock, never the other way round.
 * Errors:   link->over says why a link has ended; it is PYN_OK as long as it lives.
 * Tests:    tests/python/test_threads.py, tests/e2e
 */
#ifndef PYN_LINK_H
#define PYN_LINK_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "../channel/principal.h"
#include "../layer/stack.h"
#include "../quota/allowance.h"
#include "../quota/cpu.h"
#include "../quota/fair.h"
#include "../session/session.h"
#include "dwell.h"
#include "fork.h"
#include "inbox.h"
#include "line.h"

struct pyn_classes;
struct pyn_server;

/* A thread that waits for what comes in its lane. It stands on that thread's stack. */
struct pyn_waiter {
    struct pyn_waiter *next;
    uint64_t lane;
    bool is_asleep; /* waits until another thread hands it something, or the task of reading */
    bool is_busy;   /* runs a call that came meanwhile, or takes an answer: it reads for nobody */
    bool has_wake;  /* the next was made: most never sleep */
    pthread_cond_t wake;
    struct pyn_line calls;      /* nested ones, to be run by this thread */
    struct pyn_answer *answers; /* that have come, oldest first */
    struct pyn_answer *newest;
    uint32_t due; /* answers that are still to come */
};

/* What wakes those who serve calls that no thread waits for. */
struct pyn_link_conds {
    pthread_cond_t background; /* the thread that exists for it, */
    pthread_cond_t serving;    /* and those in pyn_link_serve() */
};

/* What has gone through one connection, or all of a class. */
struct pyn_counts {
    uint64_t calls;
    uint64_t refused;
    uint64_t bytes_in; /* of the stream */
    uint64_t bytes_out;
};

struct pyn_link {
    pthread_mutex_t lock;
    atomic_uint refs;
    unsigned birth; /* pyn_fork_count() when it was made */
    struct pyn_keepsake keepsake;
    struct pyn_session *session;
    struct pyn_stack *stack;         /* between the descriptors and the session; NULL: the stream is the session's */
    const struct pyn_quotas *quotas; /* one of the two that follow owns them, or they outlive it */
    struct pyn_classes *classes;     /* counted; NULL on a client's link */
    struct pyn_quotas *own_quotas;   /* owned; NULL on a server's link, and with those that all clients have */
    int in;
    int out;
    bool is_socket;
    pyn_status over;
    atomic_bool is_over;  /* the same, for a look without the lock */
    atomic_bool has_dead; /* objects wait to be reaped; set whenever the lock is given back */
    bool is_final;        /* and a new connection would end in the same way, or it was this end that wanted it so */
    const char *reason; /* why it is over, printable; never NULL; a binding that can be read under a lock of its own may say more */
    char *reason_block; /* owned, where it stands; NULL: it is static */
    char *peer;         /* who is there, for people; owned, unless it is one of those that many have */
    bool has_uid;       /* of a Unix socket: who has connected */
    bool is_parent;     /* of stdin and stdout: who has started us */
    uint32_t uid;
    const char *transport; /* static: how it came: "tcp", "unix", "stdio" */
    void *host;            /* the binding's */
    uint32_t class;        /* server: of the server's quota classes; set ahead of the first call */

    struct pyn_waiter *waiters;
    bool tells;            /* one-way calls have been sent, */
    uint64_t tell_lane;    /* all of them in this lane, which is used for nothing else */
    struct pyn_late *late; /* answers that have to wait for those of calls inside of theirs, oldest first */
    size_t late_bytes;
    bool is_reading; /* a thread reads the descriptor */
    bool may_sleep;  /* and may do so in recv(): the descriptor is ready for that; of a client's, who reads */
    bool is_closing; /* it is closed as soon as it has ended, with the lock held until then */
    atomic_bool is_taking; /* and may have bytes that the session has not seen; set ahead of reading them, cleared with the lock held */
    atomic_bool is_clogged; /* so much output stands there that no more calls are run; written with the lock held */

    struct pyn_box *box; /* owned: what its event loop has to take out; NULL: there has been nothing yet, or it has none */

    /* client */
    struct pyn_line unsolicited;  /* calls that no thread waits for */
    struct pyn_link_conds *conds; /* owned; NULL on a server's link */
    unsigned writers;             /* threads that wait until what stands there is written; guarded by the lock */
    bool is_served;         /* they are left to those in pyn_link_serve(): the other thread reads, and runs nothing */
    int wake;               /* eventfd that ends its poll; -1: that thread is not there yet */
    struct pyn_dwell dwell; /* of who reads; on a server's link of who has the turn and waits for an answer */
    bool has_background;    /* that thread exists; the interpreter's lock guards this */
    uint32_t read_ahead;    /* how many results of an iterator are asked for at once, at most */
    atomic_uint_fast64_t calls; /* that were sent, or run */
    uint64_t pinged;            /* tokens go up: of the last ping */
    uint64_t ponged;            /* and of the last pong */

    /* server; guarded by the server's lock */
    struct pyn_server *server;
    struct pyn_line queue;     /* calls that were admitted */
    atomic_bool is_queued;     /* there are some, for a look without the lock */
    struct pyn_entry seat;     /* among those that wait for a turn */
    struct pyn_cpu cpu;        /* that its calls have used; guarded by the watchdog's lock */
    bool is_welcomed;          /* just now; guarded by the link's lock */
    bool is_awake;             /* something was read since the last tick; guarded by the link's lock */
    bool is_stopped;           /* it was the server that ended it: what runs may come to its end */
    atomic_bool is_spent;      /* it was found so, and has to be looked at again */
    atomic_bool has_missed;    /* a cancel came for a call that was neither waiting nor running, */
    uint64_t missed_lane;      /* in this lane; guarded by the link's lock */
    uint32_t suspended;        /* calls of it that wait */
    struct pyn_estate *estate; /* counted: what its peer has left, over all connections; set when it is placed */
    _Atomic(struct pyn_owner *) memory; /* counted: of what its calls have allocated; NULL: nothing yet; set with the interpreter's lock */
    uint64_t turn_ns;   /* that its calls have had the turn, in all */
    bool is_placed;     /* it counts in its class */
    uint64_t principal; /* of whom it counts; 0: of nobody */
    uint32_t slot;
    uint32_t generation;

    /* server, of a network */
    atomic_bool is_shaking; /* it is in the server's list of those that are not open yet */
    bool is_alone;      /* its descriptor is no other process's: it was accepted here; closing it is the end of it */
    bool is_counted;    /* with its source, for as long as it is in the server's table */
    bool is_judged;     /* and what becomes of it is its source's gain or loss */
    bool was_in;        /* it has been through its handshakes */
    bool is_mute;       /* a write has failed: what comes behind it would stand in the wrong place */
    bool is_untold;     /* nothing is logged of its end: there are too many like it */
    bool is_asking;     /* a use is being counted; guarded by the link's lock */
    uint8_t source[16]; /* whom it is counted with */
    struct pyn_link *shaking_next; /* guarded by the server's lock */
    struct pyn_link *shaking_before;

    /* server; guarded by the link's lock */
    struct pyn_counts counts;    /* of which calls and refused stand in its ledger */
    struct pyn_counts harvested; /* what the server's tally has of it, and of how often quotas had no room */
    uint32_t reached[PYN_Q_ALL];
    bool read_again; /* something came while another thread was reading */
    bool writes_on; /* more is to be written when others have had their turn, or when there is room: to be told of by who reads */
    atomic_bool is_carried; /* it is told of to the porter */
    bool awaits_room;       /* epoll tells when there is room to write */
    atomic_bool comes_back; /* what was left of it is an event again, behind those of others; written with the lock held */
    bool is_paused;         /* not reading: the peer has to wait */
    bool is_dropped;        /* over, and let go of: its descriptors are to be closed */
    atomic_bool was_paused; /* and what came meanwhile has not been read yet; written with the lock held */
    uint64_t accepted_at;
    uint64_t serial;             /* among all that this server has accepted, from 1; set before anything is read */
    uint64_t moved_at;           /* when output last moved, or was empty */
    struct pyn_leaving *leaving; /* owned; parting.h: what is to be handed over, or was */
};

/* The two descriptors of a stream, which may be the same. */
struct pyn_ends {
    int in;
    int out;
    bool is_socket; /* known to be one; else the system is asked */
};

/* Takes over session and ends; borrows quotas for as long as it lives. NULL: out of memory, nothing was taken. Its stack may be set, and is taken over,
 * as long as nothing was read or written. */
struct pyn_link *pyn_link_new(struct pyn_session *session, const struct pyn_quotas *quotas, const struct pyn_ends *ends,
                              const char *peer);
struct pyn_link *pyn_link_ref(struct pyn_link *link);
void pyn_link_unref(struct pyn_link *link);

/* A client's: its session says hello to the server; lane 0 waits for the root. keeps: the quotas outlive it, and are not copied. NULL: out of memory; the
 * descriptors are left alone. */
struct pyn_link *pyn_link_client(const struct pyn_quotas *quotas, bool keeps, const struct pyn_large *large,
                                 struct pyn_view root_name, const struct pyn_ends *ends, const char *peer);
/* What a thread needs to wait for it beside those that call. False: the system has none. */
bool pyn_link_make_wake(struct pyn_link *link);

/* In a child of a fork a link of the parent's is over, without a word to anybody, its lock is nobody's, and its session is not to be looked at:
 * another thread of the parent's may have been in the middle of it. */
bool pyn_link_is_ours(const struct pyn_link *link);
void pyn_link_lock(struct pyn_link *link);
bool pyn_link_try_lock(struct pyn_link *link); /* false: another thread has it */
void pyn_link_unlock(struct pyn_link *link);

/* ---- with the lock held ---- */

/* Ends it: every waiter wakes, the session is abandoned, the stream is shut down. The first reason stands. */
void pyn_link_end(struct pyn_link *link, pyn_status why, const char *reason);

/* Says why it is over in other words. */
void pyn_link_explain(struct pyn_link *link, const char *reason);

/* Closes the descriptors of a link that is over, and that no thread reads any more. */
void pyn_link_close(struct pyn_link *link);

/* Frees a call or an answer that was its session's to give; in a child of a fork it is left alone. */
void pyn_link_drop_call(struct pyn_link *link, struct pyn_call *call);
void pyn_link_drop_answer(struct pyn_link *link, struct pyn_answer *answer);

/* One that nobody will look at: what it brought goes back. */
void pyn_link_discard(struct pyn_link *link, struct pyn_answer *answer);

/* Writes what can be written now. */
void pyn_link_flush(struct pyn_link *link);

/* The call of this lane is not wanted any more: it is not begun, or ended. What a client runs goes on. */
void pyn_link_cancelled(struct pyn_link *link, uint64_t lane);
/* Without the lock: was the call of this lane, which begins to run, cancelled in the last moment? */
bool pyn_link_was_cancelled(struct pyn_link *link, uint64_t lane);
/* With the lock: the newest call of this lane is answered, and no cancel of it counts any more. */
void pyn_link_forget_missed(struct pyn_link *link, uint64_t lane);

/* What was read goes through the layers and the session, and its events to whom they belong. */
void pyn_link_feed(struct pyn_link *link, const uint8_t *data, size_t len);

/* The same for what has come out of the layers already. */
void pyn_link_feed_plain(struct pyn_link *link, struct pyn_view plain);

/* The rest of a large message is due: who reads reads it straight into the session, as far as it is there, and gives the lock back meanwhile. The same result as
 * of recv(). */
/* Bytes that pyn_link_read_large() reads in a row. */
enum { PYN_LARGE_READ = 1 << 20 };
bool pyn_link_is_large(const struct pyn_link *link);
ssize_t pyn_link_read_large(struct pyn_link *link);
/* A layer has been told what it waited for: what it kept goes through the session. */
void pyn_link_resume(struct pyn_link *link);

/* Its encrypted channel, or NULL; and who that has let in, or NULL. Good as long as the link. */
struct pyn_layer *pyn_link_channel(struct pyn_link *link);
const struct pyn_principal *pyn_link_principal(struct pyn_link *link);

/* Bytes of Python memory that its calls have left behind. */
static inline uint64_t pyn_link_memory(const struct pyn_link *link)
{
    const struct pyn_owner *owner = atomic_load(&link->memory);

    return owner != NULL ? pyn_owner_charged(owner) : 0;
}

/* What is known of who calls: what the channel has let in, or what the kernel says; nothing: empty. Always terminated. */
void pyn_link_caller(struct pyn_link *link, char *text, size_t room);
/* Ends it when what it was let in by has expired. */
void pyn_link_check_expiry(struct pyn_link *link);

/* Why a stream that has ended without a word has ended. */
const char *pyn_link_cut_reason(const struct pyn_link *link);

/* Does anything stand there that could be written? Before the layers are open the session's does not count. */
bool pyn_link_has_output(const struct pyn_link *link);

/* The bytes that are to be written to the stream next, in at most max pieces: how many there are. What of them was written, or will never be, is said
 * before it is asked again. */
size_t pyn_link_output(struct pyn_link *link, struct pyn_view *pieces, size_t max);
void pyn_link_written(struct pyn_link *link, size_t len);

/* Are the handshakes of its layers done? */
bool pyn_link_is_open(const struct pyn_link *link);

/* Ends a link whose layers are not open by now. */
void pyn_link_end_unopened(struct pyn_link *link);

/* Events that stand in the session already, such as a queued call whose turn has come. */
void pyn_link_dispatch(struct pyn_link *link);
/* The same. The time at which it looked; 0: there was nothing to look for. */
uint64_t pyn_link_dispatch_at(struct pyn_link *link);

/* What answers a call. An error when type is not empty, else a return of value. */
struct pyn_reply {
    struct pyn_run items[2]; /* ahead of it; those with a count of 0 are none */
    struct pyn_parcel value;
    struct pyn_view type;
    struct pyn_view text;
    struct pyn_view traceback;
    struct pyn_view incident;
    struct pyn_view details; /* of an error: a packed map, or empty */
};

/* The answer to the call that runs so deep in this lane, now or later. The call may be gone; the link is not to be over. */
pyn_status pyn_link_reply(struct pyn_link *link, uint64_t lane, uint64_t depth, const struct pyn_reply *reply);

/* Answers of this lane that have waited go out, if nothing inside of their calls is unanswered any more. */
void pyn_link_answer_late(struct pyn_link *link, uint64_t lane);
void pyn_link_drop_late(struct pyn_link *link);
/* Does one wait in this lane? */
bool pyn_link_is_late(const struct pyn_link *link, uint64_t lane);

/* ---- without it ---- */

/*
 * Sends one message that is to be answered count times, a call or a batch, and enters the waiter. lane: NULL for a lane of its own, else the lane of the
 * call that this thread is serving for this peer. expects: count of them. until: how long this thread takes part in writing it; 0: as long as it takes.
 * A lane in which a call is out that nobody waits for any more is not used: the call has one of its own then.
 * PYN_EQUOTA: nothing was sent. class close: the link is over. On PYN_OK pyn_link_wait() must follow until it has given the last answer or class close.
 */
pyn_status pyn_link_call(struct pyn_link *link, struct pyn_waiter *waiter, const uint64_t *lane,
                         const struct pyn_parcel *object, const struct pyn_expect *expects, uint32_t count,
                         uint64_t until);

/* Sends a one-way call. PYN_EQUOTA: nothing was sent. class close: the link is over. */
pyn_status pyn_link_tell(struct pyn_link *link, const struct pyn_parcel *object, uint64_t until);

/* A client's handshakes: PYN_OK when they are done or the link is over, PYN_EWAIT: a signal came, call it again. Not done at the deadline (0: none): over. */
pyn_status pyn_link_open(struct pyn_link *link, uint64_t deadline);

/*
 * The answer to a call that is kept from an earlier one, a copy to be freed with free(). False: the peer has to be asked; what has come is
 * looked at first, for it may say that the answer is not true any more.
 */
bool pyn_link_recall(struct pyn_link *link, const struct pyn_op *op, struct pyn_view object, uint8_t **copy, size_t *len);

/* Enters a waiter for the root, which the hello has asked for. */
void pyn_link_await_root(struct pyn_link *link, struct pyn_waiter *waiter, uint64_t until);

/*
 * Waits for what comes in the waiter's lane. PYN_OK: *call is to be run (then wait again), or *answer is here (with the last one the
 * waiter has left).
 * PYN_EWAIT: a signal came, or the deadline (0: none): wait again, or leave. class close: over, the waiter has left.
 */
pyn_status pyn_link_wait(struct pyn_link *link, struct pyn_waiter *waiter, uint64_t deadline, struct pyn_call **call,
                         struct pyn_answer **answer);

/* What has come in a waiter's lane: one of them, or neither, and st says why. */
struct pyn_came {
    pyn_status st; /* of pyn_link_wait() */
    struct pyn_call *call;
    struct pyn_answer *answer;
};

/* Both in one: pyn_link_call() with a count of 1 and, when it has given PYN_OK, the first pyn_link_wait(). until: of sending; deadline: of waiting. */
pyn_status pyn_link_ask(struct pyn_link *link, struct pyn_waiter *waiter, const uint64_t *lane,
                        const struct pyn_parcel *object, const struct pyn_expect *expect, uint64_t until,
                        uint64_t deadline, struct pyn_came *came);

/*
 * On a server's link, by the thread that has the turn: the answer, if it comes within a moment, for which the thread looks itself. False: it goes on to
 * pyn_link_wait(), for whatever is there by then.
 */
bool pyn_link_expect_soon(struct pyn_link *link, struct pyn_waiter *waiter, struct pyn_came *came);

/* After an answer that was not the last: all that are here by now, oldest first, NULL: none. With the last one the waiter has left. */
struct pyn_answer *pyn_link_take_answers(struct pyn_link *link, struct pyn_waiter *waiter);

/* Gives up, at once: what was called is cancelled, and the answers are dropped when they come. */
void pyn_link_leave(struct pyn_link *link, struct pyn_waiter *waiter);

/*
 * Answers a call that was run, and frees it. When a call of ours inside of it was given up and is
 * not answered yet, the reply is copied and goes out behind that answer.
 */
pyn_status pyn_link_answer(struct pyn_link *link, struct pyn_call *call, const struct pyn_reply *reply);

/* The same for a server's link, if its lock is free: then it waits for nobody, and the interpreter's lock may be kept. False: nothing was done. */
bool pyn_link_try_answer(struct pyn_link *link, struct pyn_call *call, const struct pyn_reply *reply);

/* Answers a call that is not to be run any more, or was ended, and frees it. */
void pyn_link_answer_cancelled(struct pyn_link *link, struct pyn_call *call);

/*
 * A client's background: waits until there is a call that no thread waits for (PYN_OK, *call), or the link is over. PYN_EWAIT: about a tenth of a
 * second has gone by, or objects wait to be reaped. Frees go out meanwhile.
 */
pyn_status pyn_link_background(struct pyn_link *link, struct pyn_call **call);

/*
 * The same for a thread of the program's own, on a link whose is_served is set: waits until there is such a call, or the link is over, or the deadline.
 * PYN_EWAIT: a signal may have come, too. The background thread, which reads meanwhile, has to be there.
 */
pyn_status pyn_link_serve(struct pyn_link *link, uint64_t deadline, struct pyn_call **call);

/* There is something for the background thread. */
void pyn_link_poke(struct pyn_link *link);

/*
 * How the server describes the interface called name, which a result of from's is. PYN_OK, and *found is NULL: it does not. PYN_EWAIT: a signal came, or the
 * deadline: call it again. is_asked: false at first, and then what it was left as.
 */
pyn_status pyn_link_look(struct pyn_link *link, const struct pyn_iface *from, struct pyn_view name, uint64_t deadline,
                         bool *is_asked, const struct pyn_iface **found);

/* ---- for an event loop; without the lock, and without waiting ---- */

/* Sends a call, or a batch of count of them, in a lane of its own, and enters pending. The same errors as pyn_link_call(). */
pyn_status pyn_link_post(struct pyn_link *link, struct pyn_pending *pending, const struct pyn_parcel *object,
                         const struct pyn_expect *expects, uint32_t count);

/* The interface of that name, as pyn_link_look() finds it. PYN_EWAIT: the server was asked; when a ping behind this has been answered, it is here, or never will be. */
pyn_status pyn_link_post_look(struct pyn_link *link, const struct pyn_iface *from, struct pyn_view name,
                              const struct pyn_iface **found);

/* Enters it for the root, which the hello has asked for. */
void pyn_link_post_root(struct pyn_link *link, struct pyn_pending *pending);

/* The answer is not wanted any more: the call is cancelled. Its answer comes all the same. */
void pyn_link_give_up(struct pyn_link *link, struct pyn_pending *pending);

/* Sends a ping, whose token goes up. class close: over. */
pyn_status pyn_link_post_ping(struct pyn_link *link, uint64_t *token);

/* Reads what has come; writes what can be written, frees among it. */
void pyn_link_pump_in(struct pyn_link *link);
void pyn_link_pump_out(struct pyn_link *link);

/* Is there anything to be written?  len: bytes of messages that the stream has not taken yet. */
bool pyn_link_wants_output(struct pyn_link *link, size_t *len);
/* Ends it when nothing of what is to be written has been for the time of the quota. */
void pyn_link_check_stall(struct pyn_link *link);
/* Should more be read? */
bool pyn_link_wants_input(struct pyn_link *link);

/* A round trip that needs no Python at the other side. class close: over. PYN_EWAIT: not within the deadline. */
pyn_status pyn_link_ping(struct pyn_link *link, uint64_t deadline);

#endif
