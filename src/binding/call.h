/*
 * call.h - the two ways of a call: out to the peer and in from it, and the frames that tie them together.
 *
 * A thread that runs a peer's call stands in a frame. A call that it makes to the same peer goes through the same lane (a callback), and calls
 * that arrive while it waits are run by it.
 * Threads: frames are a thread's own; everything else needs the interpreter's lock.
 */
#ifndef PYN_CALL_H
#define PYN_CALL_H

#include "netref.h"
#include "steps.h"

struct pyn_frame {
    struct pyn_frame *below;
    struct pyn_link *link;
    uint64_t lane;
    bool is_oneway;            /* its caller waits in no lane */
    struct pyn_server *server; /* whose turn this thread has; NULL on a client */
    PyObject *thrown;          /* strong: what this call throws into a generator; or NULL */
    bool is_on_loop;           /* an event loop runs it: what is to be awaited is not waited for here */
};

/* The innermost frame of this thread, or NULL. */
struct pyn_frame *pyn_frame_top(void);
void pyn_frame_push(struct pyn_frame *frame);
void pyn_frame_pop(void);

/*
 * Runs a call of the peer's and answers it. Never fails: what goes wrong is the answer. On a client an exception that is to end the program, and
 * not the call alone, is returned as well: the caller's to raise. Otherwise NULL.
 */
PyObject *pyn_run_call(struct pyn_link *link, struct pyn_call *call, struct pyn_server *server);

/*
 * Name, args and kwargs of a call of ours, by the first signature that takes them. *expect: what its answer is to be. -1 with an exception; of a value
 * that does not fit a TypeError.
 */
int pyn_pack_operation(struct pyn_encoder *encoder, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames, const struct pyn_type **expect);

/* Answers a call with what it gave, or when that is NULL with the exception that is set. thrown: what it has thrown into a generator, or NULL. */
void pyn_answer_with(struct pyn_link *link, struct pyn_call *call, PyObject *result, const PyObject *thrown);

/* Runs what a call asks for. NULL with an exception. */
PyObject *pyn_run(struct pyn_decoder *decoder, struct pyn_call *call);
/* Packs what it gave as the type that is declared. -1 with an exception. */
int pyn_encode_result(struct pyn_encoder *encoder, PyObject *result, const struct pyn_call *call);

/* The step of an iterator, at most ahead times. items: bytes, strong, count packed values; or NULL. */
struct pyn_read {
    uint32_t ahead;
    PyObject *items;
    uint32_t count;
};
/* None: there may be more; NULL with an exception: that is how it went on behind the items. */
PyObject *pyn_ask_peer(PyObject *netref, const struct pyn_op *op, struct pyn_read *read);

/* caller.c: (principal or None, transport, address) of the call that this thread serves, or None. */
PyObject *pyn_caller(PyObject *module, PyObject *ignored);
/* What is made in between, such as a task, is for the caller of this link. -1 with an exception. */
int pyn_caller_enter(struct pyn_link *link, PyObject **token);
void pyn_caller_leave(PyObject *token);

/* oneway.c: pynto.oneway(). */
PyObject *pyn_oneway(PyObject *module, PyObject *function);
int pyn_oneway_init(void);

/* What is done with the answers of a batch, in their order: the index-th is the taker's. It runs no code of the user's but that of values. */
struct pyn_taker {
    void (*take)(void *ctx, uint32_t index, struct pyn_answer *answer);
    void *ctx;
};

/*
 * Sends a batch and takes count answers, until a deadline, or 0. -1 with an exception: it was not sent, the link is over, or this thread was interrupted; no more answers come.
 */
int pyn_call_all(struct pyn_link *link, struct pyn_view message, const struct pyn_expect *expects, uint32_t count,
                 uint64_t until, const struct pyn_taker *taker, bool *was_sent);

/* The value of an answer, which is freed, or NULL with the exception that it is. */
PyObject *pyn_answer_value(struct pyn_link *link, struct pyn_answer *answer, const struct pyn_type *type,
                           const struct pyn_op *op, struct pyn_book *book);

/* Waits for the answer in a waiter that was entered, and gives its value as type; runs nested calls meanwhile. op: for the exceptions, or NULL. */
PyObject *pyn_wait_for_value(struct pyn_link *link, struct pyn_waiter *waiter, const struct pyn_type *type,
                             const struct pyn_op *op, struct pyn_book *book);

/* The value of an answer that has come, which is freed; or NULL with the exception that it tells of. */
PyObject *pyn_finish_answer(struct pyn_link *link, struct pyn_answer *answer, const struct pyn_type *type,
                            const struct pyn_op *op, struct pyn_book *book);

/* Packs a call of an operation; until: its deadline, or 0. *expect: the type of its result. -1 with an exception. */
int pyn_pack_call(struct pyn_encoder *encoder, PyObject *netref, const struct pyn_op *op, PyObject *const *args,
                  Py_ssize_t nargs, PyObject *kwnames, uint64_t until, const struct pyn_type **expect);

/* Answers a call whose run an exception has interrupted that goes on to who waits here. */
void pyn_answer_interrupted(struct pyn_link *link, struct pyn_call *call);

/* Nobody waits for it any more, or it cannot be afforded: it is not begun. True with an exception. */
bool pyn_is_not_to_run(struct pyn_link *link, const struct pyn_call *call);

/* May it be awaited? */
static inline bool pyn_is_awaitable(PyObject *value)
{
    const PyAsyncMethods *methods = Py_TYPE(value)->tp_as_async;

    return PyCoro_CheckExact(value) || (methods != NULL && methods->am_await != NULL);
}

/* Objects that no reference holds any more are dropped. */
void pyn_drop_dead(struct pyn_link *link);
/* Of these only what was lent, and is needed no longer. */
void pyn_drop_loans(struct pyn_link *link);

/* A client that holds or lends more than the root needs a thread for what comes by itself. 0 or -1. */
int pyn_link_need_background(struct pyn_link *link);

/* ---- exceptions ---- */

/* How an exception travels: strong references or NULL, filled from an exception that is set (and cleared). */
struct pyn_failure {
    PyObject *type;     /* str */
    PyObject *text;     /* str */
    PyObject *incident; /* str, NULL when nothing was withheld */
    bool has_details;   /* they are what the encoder holds */
};

/* encoder: empty, for the details. thrown: what the call has thrown into a generator, or NULL. */
void pyn_failure_take(struct pyn_failure *failure, const struct pyn_party *party, const struct pyn_op *op,
                      struct pyn_encoder *encoder, const PyObject *thrown);
void pyn_failure_clear(struct pyn_failure *failure);

/* Logs what was withheld: its id, a str; NULL with an exception. */
PyObject *pyn_incident(PyObject *operation, PyObject *error);

/* Logs the exception that is set, and clears it: nobody else will hear of it. */
void pyn_failure_log(const struct pyn_op *op);

/* Fills in what may be told of one exception, and logs what may not. rule: what the policy says of its class, or NULL. */
void pyn_failure_tell(struct pyn_failure *failure, const struct pyn_party *party, const struct pyn_op *op,
                      PyObject *error, const struct pyn_error_rule **rule);

/* Can anything be said of its class? */
bool pyn_error_has_name(const struct pyn_party *party, PyObject *error);

/*
 * Packs the details of an exception that a server raised: what the policy lets out of its fields, of what it came from, and of the members of a
 * group. false: there are none, or no room for them; nothing was packed.
 */
bool pyn_details_pack(struct pyn_encoder *encoder, const struct pyn_op *op, PyObject *error,
                      const struct pyn_error_rule *rule);

/* (type, text) of an exception, for a peer's context manager: what a server tells is as much as its policy lets out. */
PyObject *pyn_told(const struct pyn_party *party, PyObject *error);

/* The exception that is set, with its traceback; it is set no longer. NULL when there was none. */
PyObject *pyn_taken_exception(void);

/* Raises what the peer's error message says. op: what it answers, or NULL. book: that of op's policy. Returns NULL. */
PyObject *pyn_raise_answer(const struct pyn_answer *answer, struct pyn_link *link, const struct pyn_op *op,
                           struct pyn_book *book);

/* A RemoteError as text tells of one. NULL with an exception. */
PyObject *pyn_remote_error(PyObject *text, PyObject *type);

/* The builtin exception of that name that travels by type. Borrowed; NULL: none. */
PyObject *pyn_plain_error(PyObject *name);

int pyn_errors_init(void);

#endif
