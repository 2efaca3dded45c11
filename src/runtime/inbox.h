/*
 * inbox.h - what waits for an event loop: calls to be started there, answers to calls that no thread waits for, cancels, news of a link.
 *
 * A server has one inbox, for the coroutines of all its links; a client's link that is driven by an event loop has one of its own. Whoever puts
 * something in makes the inbox's descriptor readable, and waits for nobody; the loop takes out one thing at a time, of each link in turn.
 *
 * Owns:    an inbox counts the links that stand in it; a link's box holds the calls that were not taken out yet. What is pending or being served
 *          is the host's, and stands in the box from when it is entered until it is taken out.
 * Threads: putting in: with the link's lock held, without the interpreter's; taking out: the loop's thread, without any lock of the runtime's.
 *          Order of locks: interpreter, link, inbox.
 * Tests:   tests/python/test_aio.py, test_coroutines.py
 */
#ifndef PYN_INBOX_H
#define PYN_INBOX_H

#include <pthread.h>

#include "../session/idmap.h"
#include "../session/session.h"
#include "line.h"

struct pyn_link;

struct pyn_inbox {
    pthread_mutex_t lock;
    int wake; /* eventfd: readable while links stand here */
    bool owns_wake;
    bool is_awake; /* the loop takes out what is here: it need not be woken */
    bool is_hot;   /* the loop's thread puts in, and takes out next */
    struct pyn_link *first;
    struct pyn_link *last;
};

/* A call of ours whose answer no thread waits for. */
struct pyn_pending {
    struct pyn_idnode node;
    struct pyn_pending *older; /* by the time when they were sent */
    struct pyn_pending *newer;
    uint64_t lane;
    uint64_t sent_at;
    struct pyn_answer *answers; /* that have come, oldest first; fewer than were due when it is taken out: the link is over */
    struct pyn_answer *latest;
    uint32_t due;     /* answers that are still to come */
    bool is_entered;  /* it waits */
    bool is_given_up; /* for an answer that nobody wants any more, and that is due all the same */
};

/* A call of the peer's that runs on the loop. */
struct pyn_served {
    struct pyn_idnode node;
    struct pyn_served *next; /* among those that are to be cancelled */
    bool is_entered;
    bool is_cancelled;
};

/* A link's part of it; guarded by the link's lock, but for what is said to be guarded by the inbox's. */
struct pyn_box {
    struct pyn_inbox *inbox; /* borrowed, not used once the link is over and was taken out */
    struct pyn_link *next;   /* in the inbox; the inbox's lock */
    bool is_in;              /* the inbox's lock */
    bool has_news;
    struct pyn_line calls;
    struct pyn_idmap pending; /* by lane */
    struct pyn_pending *oldest;
    struct pyn_pending *newest;
    struct pyn_pending *answered; /* linked by newer */
    struct pyn_pending *answered_tail;
    struct pyn_idmap served; /* by lane */
    struct pyn_served *cancelled;
    bool is_starting; /* a call was taken out and has not been entered yet */
    bool is_start_cancelled;
    uint64_t starting; /* its lane */
};

/* wake: a non-blocking eventfd that stays the caller's; -1: one is made. false: there is none left. */
bool pyn_inbox_init(struct pyn_inbox *inbox, int wake);
void pyn_inbox_fini(struct pyn_inbox *inbox);

/* A client's link belongs to the loop of this inbox. false: out of memory. */
bool pyn_inbox_attach(struct pyn_link *link, struct pyn_inbox *inbox);
/* That of the event loop which drives the link, as all of its server's; NULL: none does. */
struct pyn_inbox *pyn_inbox_of(const struct pyn_link *link);
/* With the link's lock held: something can be put in. Most links of a server never need the room for it. false: out of memory. */
bool pyn_inbox_is_ready(struct pyn_link *link);

/* ---- putting in; with the link's lock held ---- */

/* False: out of memory; it stays the caller's. */
bool pyn_inbox_put_call(struct pyn_link *link, struct pyn_call *call);
/* False: nobody waits for it. */
bool pyn_inbox_put_answer(struct pyn_link *link, struct pyn_answer *answer);
/* The call of this lane that waits to be started, or runs, is to be cancelled. False: there is none. */
bool pyn_inbox_cancel(struct pyn_link *link, uint64_t lane);
/* Something about the link itself: frees to be sent, a pong, its end. */
void pyn_inbox_news(struct pyn_link *link);
/* The link is over: calls that were not started are dropped, those that run are cancelled, those that are pending end without an answer. */
void pyn_inbox_end(struct pyn_link *link);
/* Calls may be started again. */
void pyn_inbox_unclog(struct pyn_link *link);

/* ---- taking out ---- */

enum pyn_mail_kind {
    PYN_MAIL_CALL = 0, /* call: to be started and entered, or answered; call->is_cancelled: not to be run */
    PYN_MAIL_ANSWER,   /* pending has left */
    PYN_MAIL_CANCEL,   /* served is to be ended */
    PYN_MAIL_NEWS,
};

struct pyn_mail {
    enum pyn_mail_kind kind;
    struct pyn_link *link; /* counted: the taker's */
    struct pyn_call *call;
    struct pyn_pending *pending;
    struct pyn_served *served;
};

/* The loop has woken: it takes out what there is. */
void pyn_inbox_begin(struct pyn_inbox *inbox);
/* False: nothing is left. */
bool pyn_inbox_take(struct pyn_inbox *inbox, struct pyn_mail *mail);
/* It takes out no more for now: it is woken again if something is left. */
void pyn_inbox_done(struct pyn_inbox *inbox);

/* ---- calls that the loop runs or waits for; without a lock ---- */

void pyn_served_enter(struct pyn_link *link, struct pyn_served *served, uint64_t lane);
/* The call that was taken out last was entered, or answered. */
void pyn_inbox_started(struct pyn_link *link);
/* It has ended, and is about to be answered. */
void pyn_served_leave(struct pyn_link *link, struct pyn_served *served);

/* When the answer that is waited for longest was asked for; 0: none is. With the link's lock held. box: may be NULL. */
uint64_t pyn_box_waits_since(const struct pyn_box *box);

/* With the link's lock held, of one that is ready: waits for the answers, due of them, to what was sent in this lane. */
void pyn_pending_enter(struct pyn_link *link, struct pyn_pending *pending, uint64_t lane, uint32_t due);
/* One that was taken out: the next of its answers, which is the taker's; NULL: there is none. */
struct pyn_answer *pyn_pending_take(struct pyn_pending *pending);
/* With the link's lock held: waits no longer; nothing happens when it does not. */
void pyn_pending_leave(struct pyn_link *link, struct pyn_pending *pending);

#endif
