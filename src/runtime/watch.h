/*
 * watch.h - the watchdog: it sees how long the calls run that threads have begun, and interrupts those that are to end.
 *
 * One thread of its own looks every few milliseconds as long as calls run, and sleeps otherwise. It never takes the interpreter's lock: what is to end is
 * marked, and its thread is interrupted: by a signal, if that is the thread in which Python looks for signals, else by whoever waits in
 * pyn_watch_await(). A call that goes on all the same is interrupted again and again; one that still does not end is an alarm.
 *
 * Owns:    nothing: a watch stands on the stack of who runs the call, from pyn_watch_enter() to pyn_watch_leave(). It holds no link: the host does.
 * Units:   nanoseconds of the monotonic clock; CPU time is that of the thread.
 * Threads: any. Taken inside of a link's lock; inside of its own it takes that of a server.
 * Tests:   tests/python/test_watchdog.py, test_cancel.py
 */
#ifndef PYN_WATCH_H
#define PYN_WATCH_H

#include "link.h"

/* Why a call is to end. */
enum pyn_overrun {
    PYN_OVERRUN_NONE = 0,
    PYN_OVERRUN_DEADLINE,      /* what its caller has given it is over */
    PYN_OVERRUN_CALL,          /* quota call_seconds: it has held the turn so long */
    PYN_OVERRUN_CPU,           /* quota cpu_seconds */
    PYN_OVERRUN_SHARE,         /* quotas cpu_burst and cpu_share: its connection has used so much of late */
    PYN_OVERRUN_MEMORY,        /* quota memory: what its connection holds */
    PYN_OVERRUN_CALL_MEMORY,   /* quota call_memory */
    PYN_OVERRUN_PEER_MEMORY,   /* quota peer_memory: what all connections of its peer hold, */
    PYN_OVERRUN_SERVER_MEMORY, /* and server_memory: those of all peers */
    PYN_OVERRUN_CANCELLED,     /* its caller does not want it any more */
    PYN_OVERRUN_GONE,          /* nor is the caller there */
};

/* What runs: a call of the peer's, or what has to be done after it. */
struct pyn_watch {
    struct pyn_watch *below; /* of the same thread */
    struct pyn_link *link;
    uint64_t lane;
    uint64_t ends_at; /* 0: no matter when */
    bool is_call;     /* with an answer that is still wanted */
    bool is_waiting;  /* for a peer: it holds no turn, and is not interrupted */
    uint64_t seen_at; /* 0: not since it began, or waited */
    uint64_t held_ns; /* with the turn, until seen_at */
    uint64_t cpu_ns;
    _Atomic enum pyn_overrun why; /* the first reason stands; its own thread looks without the lock */
    uint64_t marked_at;
    uint64_t raised_at; /* 0: not yet */
    bool is_alarm;      /* it was told that this does not end */
    bool is_pressed;    /* it is to be interrupted now, whenever it was last */
};

void pyn_watch_enter(struct pyn_watch *watch, struct pyn_link *link, uint64_t lane, uint64_t ends_at);
void pyn_watch_leave(struct pyn_watch *watch);

/* It is answered: nobody can want it to end any more. What is done after it has limits of its own. */
void pyn_watch_answered(struct pyn_watch *watch);

/* The innermost of this thread waits for a peer, and goes on. Nothing happens when there is none. */
void pyn_watch_pause(void);
void pyn_watch_resume(void);

/* Why the innermost of this thread is to end. */
enum pyn_overrun pyn_watch_why(void);

/* ---- who ends it ---- */

/* The innermost call that runs in this lane is not wanted any more. With the link's lock held. */
bool pyn_watch_cancel(struct pyn_link *link, uint64_t lane); /* false: none runs there */
/* No call of the link is. */
void pyn_watch_gone(struct pyn_link *link);

/* The innermost call of this thread takes too much of what it may not have more of: it is to end, and to be interrupted at once, and again whenever this
 * is said. *is_signalled: by a signal, which is the caller's to raise; otherwise by pyn_watch_await(), or if is_claimed by the caller, too. False: there is none.
 * It allocates nothing, and takes none but its own locks. */
bool pyn_watch_press(enum pyn_overrun why, bool is_claimed, bool *is_signalled);

/* ---- how it is ended ---- */

/* From now on this thread is interrupted by this signal, for which a handler stands; 0: by pyn_watch_await() again. */
void pyn_watch_signalled(int signal);

/* This thread was interrupted: true when its innermost call is to be ended now. *again: and at the next occasion, too, which is as good as claimed. */
bool pyn_watch_is_due(bool *again);

/* For threads without the signal: waits until one has to be interrupted, and says which, as pthread_self() has it. Not with the interpreter's lock held. */
void pyn_watch_await(unsigned long *thread);
/* With the lock without which that thread does not run: why it is still due, and will be interrupted; or NONE. */
enum pyn_overrun pyn_watch_claim(unsigned long thread);
/* Was this thread claimed since it was asked last? */
bool pyn_watch_was_claimed(void);

/* ---- looking ---- */

/* CPU time of its connection: is all used that there is? */
bool pyn_watch_is_spent(struct pyn_link *link);
/* And what was ever used, in nanoseconds. */
uint64_t pyn_watch_cpu_of(struct pyn_link *link);

#endif
