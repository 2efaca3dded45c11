/*
 * pipeline.h - calls that are written down first and sent together, and the promises that stand for their results until those are there.
 *
 * A step is packed, and its arguments are checked, at the line that makes it. Nothing is sent before the block is left without an exception; then as
 * many steps as one message takes go out at a time, and what a later message needs of an earlier one's results is put in as a value.
 *
 * pipeline.c   the block: steps are added, and what nobody can ask for is raised at its end
 * promise.c    what stands for a result: its operations are steps
 * promise_fit.c    where it may be an argument
 * pipeline_send.c  messages of steps, their answers, and what breaks with what
 *
 * Owns:    a pipeline its steps, the promises of those, and whatever their bytes name, until they were sent. A promise its pipeline.
 * Threads: the interpreter's lock. Steps may be added from any thread; a step counts from when it is packed.
 * Errors:  NULL or -1 with an exception.
 * Tests:   tests/python/test_pipeline.py
 */
#ifndef PYN_PIPELINE_H
#define PYN_PIPELINE_H

#include "call.h"

enum pyn_pipeline_state {
    PYN_PIPELINE_NEW = 0, /* its block has not begun */
    PYN_PIPELINE_OPEN,
    PYN_PIPELINE_SENT,
    PYN_PIPELINE_LEFT, /* by an exception: what was not sent is not sent */
};

enum pyn_promise_state {
    PYN_PROMISE_OPEN = 0,
    PYN_PROMISE_HELD,   /* it stands for a netref that is there already */
    PYN_PROMISE_KEPT,   /* value */
    PYN_PROMISE_BROKEN, /* value is the exception */
    PYN_PROMISE_UNSENT,
};

struct pyn_pipeline;

struct pyn_promise {
    PyObject_HEAD
    struct pyn_pipeline *pipeline; /* strong */
    enum pyn_promise_state state;
    uint32_t step;               /* its place in the pipeline; not of one that is HELD */
    const struct pyn_op *op;     /* whose result it is; not of one that is HELD */
    const struct pyn_type *type; /* of the result; not of one that is HELD */
    struct pyn_book *book;       /* for the type */
    PyObject *value;             /* strong; HELD: the netref */
    vectorcallfunc vectorcall;
};

/* Where a promise stands in the bytes of a step. */
struct pyn_patch {
    size_t at; /* of the promise */
    uint32_t step;
    uint32_t depth; /* of what it stands in */
    bool is_target; /* in the place of the reference */
};

struct pyn_list { /* of a pipeline: grows, and is freed as a whole */
    void *items;
    size_t count;
    size_t room;
};

/* Room for one item of size more, which is counted with it; NULL with an exception. */
void *pyn_list_add(struct pyn_list *list, size_t size);
void pyn_list_fini(struct pyn_list *list);

/* A step that is being packed: what its bytes refer to. */
struct pyn_draft {
    struct pyn_pipeline *pipeline;
    struct pyn_list patches; /* struct pyn_patch */
    struct pyn_list held;    /* PyObject *, strong: netrefs that must live until it was sent */
};

struct pyn_written {             /* a step of a pipeline */
    struct pyn_promise *promise; /* strong until it is settled, then too: it goes with the pipeline's end */
    size_t end;                  /* of its bytes */
    size_t patch_end;
    size_t id_end;
    size_t element_count; /* objects, a few more than there are */
    uint32_t origin;      /* of its failure: a step that depends on no failed one */
    uint32_t place;       /* in the message that it goes out with */
};

struct pyn_pipeline {
    PyObject_HEAD
    PyObject *connection;  /* strong */
    struct pyn_link *link; /* counted */
    enum pyn_pipeline_state state;
    struct pyn_buf bytes;              /* of all steps, one behind the other */
    struct pyn_list steps;             /* struct pyn_written */
    struct pyn_list patches;           /* struct pyn_patch, at from the beginning of bytes */
    struct pyn_list held;              /* PyObject *, strong */
    struct pyn_list ids;               /* uint64_t: exported for the steps, or PYN_PIPELINE_ID_SENT */
    const struct pyn_iface *declared;  /* the last that was named and not described where it was, */
    const struct pyn_iface *described; /* and what the server has described under its name */
};

#define PYN_PIPELINE_ID_SENT UINT64_MAX

static inline struct pyn_written *pyn_pipeline_step(const struct pyn_pipeline *pipeline, size_t index)
{
    return (struct pyn_written *)pipeline->steps.items + index;
}

static inline struct pyn_patch *pyn_pipeline_patch(const struct pyn_pipeline *pipeline, size_t index)
{
    return (struct pyn_patch *)pipeline->patches.items + index;
}

/* connection.pipeline(). */
PyObject *pyn_pipeline_new(PyObject *connection, struct pyn_link *link);

/* One step more: an operation of what target stands for. Its promise. */
PyObject *pyn_pipeline_add(struct pyn_promise *target, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames);

/* It may be added to from here on, without a block. */
void pyn_pipeline_open(PyObject *pipeline);
/* No more is added. -1 with an exception: it is not an open pipeline of this link. */
int pyn_pipeline_close(PyObject *pipeline, const struct pyn_link *link);
/* Everything that will be sent was, and what is not settled is UNSENT. */
void pyn_pipeline_end(PyObject *pipeline);

/* ---- its messages, one at a time; pipeline_send.c ---- */

struct pyn_sending;

struct pyn_sending *pyn_sending_new(PyObject *pipeline);
void pyn_sending_free(struct pyn_sending *sending); /* accepts NULL */
/* As many of the steps that are left as one message takes: 1, and pyn_sending_packed() must follow. 0: none is left. -1 with an exception. */
int pyn_sending_pack(struct pyn_sending *batch, uint64_t until, struct pyn_buf *message);
void pyn_sending_packed(struct pyn_sending *sending, bool was_sent);
const struct pyn_expect *pyn_sending_expects(const struct pyn_sending *sending, uint32_t *count);
/* The answer to a call of the message, counted from 0; it is freed. */
void pyn_sending_take(struct pyn_sending *sending, uint32_t index, struct pyn_answer *answer);
/* The exception that is set is the failure of all that has no result: 0; -1: it is none of theirs, and is set still. */
int pyn_sending_fail(struct pyn_sending *sending);

/* Sends every step and settles every promise. -1 with an exception when that was interrupted: what is not settled is UNSENT. */
int pyn_pipeline_send(struct pyn_pipeline *pipeline);

/* step and what depends on it have failed with error, which is taken over. */
void pyn_pipeline_break(struct pyn_pipeline *pipeline, uint32_t step, PyObject *error, uint32_t origin);

/* A promise for what is there already. */
PyObject *pyn_promise_hold(struct pyn_pipeline *pipeline, PyObject *netref);
struct pyn_promise *pyn_promise_new(struct pyn_pipeline *pipeline);

/* "a promise of int", for a message; of anything else the name of its type. */
PyObject *pyn_promised(PyObject *value);

/* The interface that its operations are of; NULL with an exception: it has none, or the server does not say which. */
const struct pyn_iface *pyn_promise_iface(struct pyn_promise *promise);

/* ---- for the encoder ---- */

/* A promise where a value of this type stands. 0, PYN_MISFIT or -1 with an exception. */
int pyn_encode_promise(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type);
/* The netref stands in the bytes: it lives until they were sent. -1 with an exception. */
int pyn_draft_hold(struct pyn_draft *draft, PyObject *netref);
/* What stands at or behind len does not stand there any more. */
void pyn_draft_rewind(struct pyn_draft *draft, size_t len);
void pyn_draft_fini(struct pyn_draft *draft);

int pyn_pipeline_init(PyObject *module);
int pyn_promise_init(PyObject *module);

#endif
