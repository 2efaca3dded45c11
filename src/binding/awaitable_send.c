/* awaitable_send.c - a call goes out, and its answer comes; see awaitable.h. */
#include "awaitable.h"
#include "deadline.h"
#include "remote_method.h"

/* A pending call outlives who awaits it: the answer of one that was given up is due all the same. */
struct pending {
    struct pyn_waiting waiting;
    struct pyn_awaitable *awaitable; /* strong; NULL: given up */
};

/* ---- sending ---- */

static void settle(struct pyn_link *link, struct pyn_waiting *waiting);

static struct pending *make_pending(struct pyn_awaitable *self)
{
    struct pending *pending = PyMem_RawCalloc(1, sizeof *pending);

    if (pending == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    pending->waiting.settle = settle;
    pending->awaitable = (struct pyn_awaitable *)Py_NewRef((PyObject *)self);
    return pending;
}

static void free_pending(struct pending *pending)
{
    struct pyn_awaitable *self = pending->awaitable;

    PyMem_RawFree(pending);
    if (self != NULL) {
        self->pending = NULL;
        Py_DECREF((PyObject *)self);
    }
}

static int post(struct pyn_awaitable *self, struct pyn_encoder *encoder, bool *was_sent)
{
    const struct pyn_expect wanted = {.result = self->expect, .end = pyn_op_end(self->op)};
    const struct pyn_parcel object = pyn_encoder_parcel(encoder);
    struct pending *pending = make_pending(self);
    pyn_status st = PYN_EINTERNAL;

    if (pending == NULL) {
        return -1;
    }
    st = pyn_link_post(self->link, &pending->waiting.pending, &object, &wanted, 1);
    if (st != PYN_OK) {
        free_pending(pending);
        (void)pyn_raise(st, st == PYN_EQUOTA ? "output: the peer does not read" : self->link->reason);
        return -1;
    }
    *was_sent = true;
    self->pending = pending;
    self->state = PYN_AWAITABLE_SENT;
    return 0;
}

static int send_call(struct pyn_awaitable *self)
{
    PyObject *args = self->args;
    Py_ssize_t nargs = PyTuple_GET_SIZE(args) - (self->kwnames != NULL ? PyTuple_GET_SIZE(self->kwnames) : 0);
    struct pyn_encoder encoder;
    uint64_t until = 0;
    bool was_sent = false;
    int result = -1;

    if (pyn_netref_check(self->netref) != 0 || pyn_deadline_check(&until) != 0) {
        return -1;
    }
    pyn_encoder_init(&encoder, self->link, pyn_netref_book(self->netref), 0);
    encoder.may_lend = true;
    result = pyn_pack_call(&encoder, self->netref, self->op, ((PyTupleObject *)args)->ob_item, nargs, self->kwnames,
                           until, &self->expect);
    if (result == 0) {
        result = post(self, &encoder, &was_sent);
    }
    pyn_encoder_fini(&encoder, was_sent);
    if (result == 0) {
        self->timer = pyn_loop_at(pyn_loop_of(self->link), until, (PyObject *)self, "_expire");
    }
    return result;
}

static int send_root(struct pyn_awaitable *self)
{
    struct pending *pending = make_pending(self);

    if (pending == NULL) {
        return -1;
    }
    pyn_link_post_root(self->link, &pending->waiting.pending);
    self->pending = pending;
    self->state = PYN_AWAITABLE_SENT;
    return 0;
}

int pyn_awaitable_send(struct pyn_awaitable *self)
{
    return self->op != NULL ? send_call(self) : send_root(self);
}

/* ---- the answer ---- */

/* A coroutine cannot raise a StopIteration: what ends an iterator ends it as it does an asynchronous one. */
static void rename_stop(void)
{
    PyObject *stop = NULL;
    PyObject *value = NULL;

    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        return;
    }
    stop = pyn_taken_exception();
    value = PyObject_GetAttrString(stop, "value");
    if (value == Py_None) {
        PyErr_SetNone(PyExc_StopAsyncIteration);
    } else if (value != NULL) {
        PyErr_SetObject(PyExc_StopAsyncIteration, value);
    }
    Py_XDECREF(value);
    Py_DECREF(stop);
}

static PyObject *finish(struct pyn_awaitable *self, PyObject *value)
{
    if (value == NULL) {
        if (self->after == PYN_AFTER_KNOW_THROWN && !self->party->is_server) {
            pyn_raise_if_thrown(self->thrown);
        }
        rename_stop();
    } else if (self->after == PYN_AFTER_GIVE_NONE) {
        Py_SETREF(value, Py_NewRef(Py_None));
    } else if (self->after == PYN_AFTER_RAISE_THROWN) {
        Py_CLEAR(value);
        PyErr_SetObject((PyObject *)Py_TYPE(self->thrown), self->thrown);
    }
    return value;
}

void pyn_awaitable_wake(struct pyn_awaitable *self)
{
    self->state = PYN_AWAITABLE_ANSWERED;
    pyn_loop_forget(&self->timer);
    if (self->future != NULL) {
        pyn_future_wake(self->future);
    }
}

static void take(struct pyn_awaitable *self, struct pyn_answer *answer)
{
    struct pyn_book *book = self->netref != NULL ? pyn_netref_book(self->netref) : NULL;
    PyObject *value = NULL;

    if (answer != NULL) {
        value = pyn_finish_answer(self->link, answer, self->expect, self->op, book);
    } else {
        (void)pyn_raise(self->link->over, self->link->reason);
    }
    self->value = finish(self, value);
    if (self->value == NULL) {
        self->error = pyn_taken_exception();
    }
    pyn_awaitable_wake(self);
}

static void drop_answer(struct pyn_link *link, struct pyn_answer *answer)
{
    pyn_link_lock(link);
    if (answer != NULL) {
        pyn_link_discard(link, answer);
    }
    pyn_link_unlock(link);
}

static void settle(struct pyn_link *link, struct pyn_waiting *waiting)
{
    struct pending *pending = (struct pending *)waiting; /* its first member */
    struct pyn_answer *answer = pyn_pending_take(&waiting->pending);

    if (pending->awaitable != NULL) {
        take(pending->awaitable, answer);
    } else {
        drop_answer(link, answer);
    }
    free_pending(pending);
}

/* The answer that is due is not wanted any more. */
void pyn_awaitable_cancel(struct pyn_awaitable *self)
{
    struct pending *pending = self->pending;

    if (pending != NULL) {
        self->pending = NULL;
        pending->awaitable = NULL;
        pyn_link_give_up(self->link, &pending->waiting.pending);
        Py_DECREF((PyObject *)self); /* the pending call's */
    }
}
