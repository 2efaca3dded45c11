/*
 * loop.h - where the runtime meets asyncio: the event loop that runs the coroutines of a server, or drives a client's connection.
 *
 * Nothing here waits, and no thread is held: a served call is a task of the loop, answered when the task is done; a call of ours is an awaitable
 * whose answer comes out of the inbox.
 *
 * Owns:    the inbox, and strong references of the loop and of the tasks that run for the peers.
 * Threads: the interpreter's lock; all but pyn_loop_is_here() in the thread that the loop runs in.
 * Errors:  -1 or NULL with an exception.
 * Tests:   tests/python/test_aio.py, test_coroutines.py
 */
#ifndef PYN_LOOP_H
#define PYN_LOOP_H

#include "call.h"

struct pyn_loop {
    struct pyn_inbox inbox; /* first: a link's box points to it */
    PyObject *loop;         /* asyncio's; NULL: it is not attached yet */
    PyObject *tasks;        /* set: what runs for the peers */
    PyObject *drained;      /* dict of futures, in order: calls that wait until the peer reads */
    /* The link has been used: there may be something to write, or to read. */
    void (*moved)(struct pyn_loop *loop, struct pyn_link *link);
    /* It has ended, a pong has come, or frees are to be sent. NULL: nobody is to be told. */
    void (*news)(struct pyn_loop *loop, struct pyn_link *link);
};

/* Calls of ours that were sent, and what is done when they have been answered. */
struct pyn_waiting {
    struct pyn_pending pending; /* first */
    void (*settle)(struct pyn_link *link, struct pyn_waiting *waiting);
};

enum {
    PYN_UNREAD_HIGH = 256 * 1024
}; /* bytes that the peer has not read: beyond it calls wait before they are packed */

/* wake: as for pyn_inbox_init(). */
int pyn_loop_init(struct pyn_loop *loop, int wake);
void pyn_loop_fini(struct pyn_loop *loop);
int pyn_loop_traverse(const struct pyn_loop *loop, visitproc visit, void *arg);

static inline struct pyn_loop *pyn_loop_of(const struct pyn_link *link)
{
    return (struct pyn_loop *)pyn_inbox_of(link);
}

/* Are operations on netrefs of this link awaitables here? On a client's link with a loop always, on a server's in the loop that it serves on. */
bool pyn_loop_is_here(const struct pyn_link *link);

/* Is the loop of this link the one that runs in this thread? false with an exception. */
bool pyn_loop_check(const struct pyn_link *link);

/* Objects that no reference holds any more are dropped; those of a server by who has the turn, as long as the link lives. */
void pyn_loop_drop_dead(struct pyn_link *link);

/* Takes out what is there. -1: an exception that is to end the program. */
int pyn_loop_drain(struct pyn_loop *loop);

/* The futures of those that wait until the peer has read are done. */
void pyn_loop_let_go(struct pyn_loop *loop);

/* loop.call_later() until this instant, for a method of target's. Strong; NULL, without an exception: there is no such instant, or it cannot be. */
PyObject *pyn_loop_at(struct pyn_loop *loop, uint64_t at, PyObject *target, const char *method);
/* Such a timer is cancelled and dropped; NULL is fine. */
void pyn_loop_forget(PyObject **timer);

/* Mail of this kind: whoever has sent is told. */
static inline void pyn_waiting_settle(struct pyn_link *link, struct pyn_pending *pending)
{
    struct pyn_waiting *waiting = (struct pyn_waiting *)pending;

    waiting->settle(link, waiting);
}

/* future.set_result(None), unless it is done. */
void pyn_future_wake(PyObject *future);

/* ---- calls of the peer's: task.c ---- */

/* Starts a call that came out of the inbox, and answers it at once or when its task is done. -1: an exception that is to end the program. */
int pyn_task_start(struct pyn_loop *loop, struct pyn_link *link, struct pyn_call *call);
void pyn_task_cancel(struct pyn_served *served);
int pyn_task_init(void);

/* ---- calls of ours: awaitable.c ---- */

/* An operation of a netref, as something to be awaited once; it is sent when it is. */
PyObject *pyn_awaitable_new(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames);
/* The root of a client's connection, for which its hello has asked. */
PyObject *pyn_awaitable_root(struct pyn_link *link);
/* An operation that has come by its name, with the arguments that Python gives it. */
PyObject *pyn_awaitable_of(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames);
int pyn_awaitable_init(PyObject *module);

/* ---- pipelines: sending.c ---- */

/* Sends the steps of an open pipeline, which ends with this. A future that is done when every promise has its result. */
PyObject *pyn_pipeline_send_later(struct pyn_link *link, PyObject *pipeline);
int pyn_sending_init(void);

#endif
