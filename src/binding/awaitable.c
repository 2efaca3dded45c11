/* awaitable.c - a call of ours that no thread waits for: what a method of a netref gives where an event loop drives the connection. */
#include "deadline.h"
#include "loop.h"

#include <stddef.h>

#include "ahead.h"
#include "remote_method.h"

enum state {
    NEW = 0,  /* nobody has awaited it: nothing was sent */
    SENT,     /* its answer is due */
    ANSWERED, /* and has come: value or error */
    DONE,
};

/* What is done when the peer has answered. */
enum after {
    AS_IT_IS = 0,
    GIVE_NONE,    /* a client does not decide which exceptions of ours go on */
    KNOW_THROWN,  /* what was thrown into a generator and comes out of it is the same exception again */
    RAISE_THROWN, /* it was closed in place of a GeneratorExit thrown into it */
};

/* A pending call outlives who awaits it: the answer of one that was given up is due all the same. */
struct pending {
    struct pyn_pending pending;
    struct awaitable *awaitable; /* strong; NULL: given up */
};

struct awaitable {
    PyObject_HEAD
    enum state state;
    enum after after;
    struct pyn_link *link;   /* counted */
    struct pyn_party *party; /* strong */
    PyObject *netref;        /* NULL: for the root */
    const struct pyn_op *op; /* NULL: for the root */
    PyObject *args;          /* tuple, with the values of kwnames behind; NULL when it was sent */
    PyObject *kwnames;       /* tuple or NULL */
    PyObject *thrown;        /* or NULL */
    const struct pyn_type *expect;
    struct pending *pending; /* SENT */
    PyObject *timer;         /* that gives it up at its deadline; or NULL */
    PyObject *future;        /* of the loop's, for who awaits it; NULL: nobody has yet */
    PyObject *value;
    PyObject *error;
};

static PyTypeObject *awaitable_type;

static struct awaitable *of(PyObject *self)
{
    return (struct awaitable *)self;
}

/* ---- making ---- */

static struct awaitable *make(struct pyn_link *link)
{
    struct awaitable *self = of(awaitable_type->tp_alloc(awaitable_type, 0));

    if (self != NULL) {
        self->link = pyn_link_ref(link);
        self->party = (struct pyn_party *)Py_NewRef((PyObject *)link->host);
    }
    return self;
}

PyObject *pyn_awaitable_new(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames)
{
    Py_ssize_t count = nargs + (kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0);
    struct awaitable *self = NULL;

    if (pyn_netref_check(netref) != 0) {
        return NULL;
    }
    self = make(pyn_netref_link(netref));
    if (self == NULL) {
        return NULL;
    }
    self->netref = Py_NewRef(netref);
    self->op = op;
    self->kwnames = Py_XNewRef(kwnames);
    self->args = PyTuple_New(count);
    for (Py_ssize_t i = 0; self->args != NULL && i < count; i++) {
        PyTuple_SET_ITEM(self->args, i, Py_NewRef(args[i]));
    }
    if (self->args == NULL) {
        self->state = DONE;
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static PyObject *new_exit(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *argument = pyn_exit_argument(netref, args, nargs);
    PyObject *self = argument != NULL ? pyn_awaitable_new(netref, op, &argument, 1, NULL) : NULL;

    if (self != NULL && pyn_netref_party(netref)->is_server) {
        of(self)->after = GIVE_NONE;
    }
    Py_XDECREF(argument);
    return self;
}

static PyObject *new_throw(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *error = pyn_thrown_exception(args, nargs);
    PyObject *told = NULL;
    PyObject *self = NULL;
    bool is_exit = error != NULL && PyErr_GivenExceptionMatches(error, PyExc_GeneratorExit);

    if (is_exit) {
        const struct pyn_op *close = pyn_op_close(op);
        if (close != NULL) {
            self = pyn_awaitable_new(netref, close, NULL, 0, NULL);
        }
    } else if (error != NULL) {
        told = pyn_told(pyn_netref_party(netref), error);
        self = told != NULL ? pyn_awaitable_new(netref, op, &told, 1, NULL) : NULL;
    }
    if (self != NULL) {
        of(self)->after = is_exit ? RAISE_THROWN : KNOW_THROWN;
        of(self)->thrown = Py_NewRef(error);
    }
    Py_XDECREF(told);
    Py_XDECREF(error);
    return self;
}

PyObject *pyn_awaitable_of(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames)
{
    if (op->kind == PYN_OP_METHOD && pyn_op_is_exit(op)) {
        return new_exit(netref, op, args, nargs);
    }
    if (op->kind == PYN_OP_METHOD && pyn_op_is_throw(op)) {
        return new_throw(netref, op, args, nargs);
    }
    return pyn_awaitable_new(netref, op, args, nargs, kwnames);
}

/* ---- sending ---- */

static struct pending *make_pending(struct awaitable *self)
{
    struct pending *pending = PyMem_RawCalloc(1, sizeof *pending);

    if (pending == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    pending->awaitable = (struct awaitable *)Py_NewRef((PyObject *)self);
    return pending;
}

static void free_pending(struct pending *pending)
{
    struct awaitable *self = pending->awaitable;

    PyMem_RawFree(pending);
    if (self != NULL) {
        self->pending = NULL;
        Py_DECREF((PyObject *)self);
    }
}

static int post(struct awaitable *self, struct pyn_encoder *encoder, bool *was_sent)
{
    const struct pyn_expect wanted = {.result = self->expect, .end = pyn_op_end(self->op)};
    struct pending *pending = make_pending(self);
    pyn_status st = PYN_EINTERNAL;

    if (pending == NULL) {
        return -1;
    }
    st = pyn_link_post(self->link, &pending->pending, pyn_buf_view(&encoder->buf), &wanted);
    if (st != PYN_OK) {
        free_pending(pending);
        (void)pyn_raise(st, st == PYN_EQUOTA ? "output: the peer does not read" : self->link->reason);
        return -1;
    }
    *was_sent = true;
    self->pending = pending;
    self->state = SENT;
    return 0;
}

static int send_call(struct awaitable *self)
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

static int send_root(struct awaitable *self)
{
    struct pending *pending = make_pending(self);

    if (pending == NULL) {
        return -1;
    }
    pyn_link_post_root(self->link, &pending->pending);
    self->pending = pending;
    self->state = SENT;
    return 0;
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

static PyObject *finish(struct awaitable *self, PyObject *value)
{
    if (value == NULL) {
        if (self->after == KNOW_THROWN && !self->party->is_server) {
            pyn_raise_if_thrown(self->thrown);
        }
        rename_stop();
    } else if (self->after == GIVE_NONE) {
        Py_SETREF(value, Py_NewRef(Py_None));
    } else if (self->after == RAISE_THROWN) {
        Py_CLEAR(value);
        PyErr_SetObject((PyObject *)Py_TYPE(self->thrown), self->thrown);
    }
    return value;
}

static void wake(struct awaitable *self)
{
    self->state = ANSWERED;
    pyn_loop_forget(&self->timer);
    if (self->future != NULL) {
        pyn_future_wake(self->future);
    }
}

static void take(struct awaitable *self, struct pyn_answer *answer)
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
    wake(self);
}

static void drop_answer(struct pyn_link *link, struct pyn_answer *answer)
{
    pyn_link_lock(link);
    if (answer != NULL) {
        pyn_link_discard(link, answer);
    }
    pyn_link_unlock(link);
}

void pyn_awaitable_settle(struct pyn_link *link, struct pyn_pending *entered)
{
    struct pending *pending = (struct pending *)entered; /* its first member */

    if (pending->awaitable != NULL) {
        take(pending->awaitable, entered->answer);
    } else {
        drop_answer(link, entered->answer);
    }
    free_pending(pending);
}

/* ---- being awaited ---- */

static PySendResult fail(struct awaitable *self)
{
    self->state = DONE;
    Py_CLEAR(self->args);
    return PYGEN_ERROR;
}

/* Who awaits sleeps on this future. */
static PySendResult sleep_on(PyObject *future, PyObject **result)
{
    if (future == NULL || PyObject_SetAttrString(future, "_asyncio_future_blocking", Py_True) != 0) {
        return PYGEN_ERROR;
    }
    *result = Py_NewRef(future);
    return PYGEN_NEXT;
}

static PyObject *make_future(struct awaitable *self)
{
    return PyObject_CallMethod(pyn_loop_of(self->link)->loop, "create_future", NULL);
}

static PySendResult sleep_for_answer(struct awaitable *self, PyObject **result)
{
    PyObject *done = NULL;
    bool is_awaited = false;

    if (self->future != NULL) {
        done = PyObject_CallMethod(self->future, "done", NULL);
        is_awaited = done == Py_False;
        Py_XDECREF(done);
    }
    if (is_awaited) {
        PyErr_SetString(PyExc_RuntimeError, "this call is being awaited already");
        return PYGEN_ERROR;
    }
    Py_XSETREF(self->future, make_future(self));
    return sleep_on(self->future, result);
}

/* A future of its own: who cancels one of those who wait does not cancel the others. */
static PySendResult sleep_until_read(struct awaitable *self, PyObject **result)
{
    struct pyn_loop *loop = pyn_loop_of(self->link);

    Py_XSETREF(self->future, make_future(self));
    if (self->future == NULL || PyDict_SetItem(loop->drained, self->future, Py_None) != 0) {
        return PYGEN_ERROR;
    }
    return sleep_on(self->future, result);
}

static void stop_waiting_to_be_read(struct awaitable *self)
{
    PyObject *drained = pyn_loop_of(self->link)->drained;

    if (self->future != NULL && PyDict_Contains(drained, self->future) == 1) {
        (void)PyDict_DelItem(drained, self->future);
    }
}

static bool has_to_wait(const struct awaitable *self)
{
    size_t len = 0;

    return self->link->server == NULL && pyn_link_wants_output(self->link, &len) && len > PYN_UNREAD_HIGH;
}

static PySendResult start(struct awaitable *self, PyObject **result)
{
    if (!pyn_loop_check(self->link)) {
        return fail(self);
    }
    if (has_to_wait(self)) {
        return sleep_until_read(self, result);
    }
    if ((self->op != NULL ? send_call(self) : send_root(self)) != 0) {
        return fail(self);
    }
    Py_CLEAR(self->args);
    Py_CLEAR(self->kwnames);
    pyn_loop_of(self->link)->moved(pyn_loop_of(self->link), self->link);
    return sleep_for_answer(self, result);
}

static PySendResult give(struct awaitable *self, PyObject **result)
{
    self->state = DONE;
    if (self->value != NULL) {
        *result = self->value; /* moved */
        self->value = NULL;
        return PYGEN_RETURN;
    }
    PyErr_SetObject((PyObject *)Py_TYPE(self->error), self->error);
    Py_CLEAR(self->error);
    return PYGEN_ERROR;
}

static PySendResult awaitable_send(PyObject *object, PyObject *Py_UNUSED(sent), PyObject **result)
{
    struct awaitable *self = of(object);

    *result = NULL;
    switch (self->state) {
    case NEW:
        return start(self, result);
    case SENT:
        return sleep_for_answer(self, result);
    case ANSWERED:
        return give(self, result);
    default:
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse a call that was awaited already");
        return PYGEN_ERROR;
    }
}

static PyObject *raise_stop(PyObject *value)
{
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);

    if (stop != NULL) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
    Py_DECREF(value);
    return NULL;
}

static PyObject *awaitable_next(PyObject *self)
{
    PyObject *result = NULL;

    return awaitable_send(self, Py_None, &result) == PYGEN_RETURN ? raise_stop(result) : result;
}

static PyObject *awaitable_send_method(PyObject *self, PyObject *Py_UNUSED(sent))
{
    return awaitable_next(self);
}

/* The answer that is due is not wanted any more. */
static void cancel(struct awaitable *self)
{
    struct pending *pending = self->pending;

    if (pending != NULL) {
        self->pending = NULL;
        pending->awaitable = NULL;
        pyn_link_give_up(self->link, &pending->pending);
        pyn_loop_of(self->link)->moved(pyn_loop_of(self->link), self->link);
        Py_DECREF((PyObject *)self); /* the pending call's */
    }
}

/* Nobody awaits it any more. */
static void give_up(struct awaitable *self)
{
    if (self->state == NEW) {
        stop_waiting_to_be_read(self);
    }
    self->state = DONE;
    pyn_loop_forget(&self->timer);
    Py_CLEAR(self->args);
    Py_CLEAR(self->value);
    Py_CLEAR(self->error);
    cancel(self);
}

static PyObject *awaitable_expire(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    struct awaitable *self = of(object);

    if (self->state == SENT) {
        Py_INCREF(object);
        (void)pyn_raise_deadline_text("waiting", "deadline: no answer in time");
        self->error = pyn_taken_exception();
        wake(self);
        cancel(self);
        Py_DECREF(object);
    }
    Py_RETURN_NONE;
}

static PyObject *awaitable_throw(PyObject *object, PyObject *args)
{
    PyObject *type = NULL;
    PyObject *value = NULL;
    PyObject *traceback = NULL;

    if (!PyArg_ParseTuple(args, "O|OO:throw", &type, &value, &traceback)) {
        return NULL;
    }
    Py_INCREF(object);
    give_up(of(object));
    if (PyExceptionInstance_Check(type)) {
        PyErr_SetObject((PyObject *)Py_TYPE(type), type);
    } else if (PyExceptionClass_Check(type)) {
        PyErr_SetObject(type, value);
    } else {
        PyErr_SetString(PyExc_TypeError, "exceptions must be classes or instances deriving from BaseException");
    }
    Py_DECREF(object);
    return NULL;
}

static PyObject *awaitable_close(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    Py_INCREF(object);
    give_up(of(object));
    Py_DECREF(object);
    Py_RETURN_NONE;
}

static PyObject *awaitable_await(PyObject *self)
{
    return Py_NewRef(self);
}

/* ---- the type ---- */

static PyObject *awaitable_repr(PyObject *object)
{
    static const char *const states[] = {"not awaited", "waiting", "answered", "done"};
    const struct awaitable *self = of(object);
    PyObject *name = self->op != NULL ? pyn_str(self->op->name) : PyUnicode_FromString("root");
    PyObject *text = NULL;

    if (name != NULL) {
        text = PyUnicode_FromFormat("<pynto.aio.Call of %U, %s>", name, states[self->state]);
        Py_DECREF(name);
    }
    return text;
}

static void awaitable_finalize(PyObject *object)
{
    struct awaitable *self = of(object);
    PyObject *error = PyErr_Occurred() != NULL ? pyn_taken_exception() : NULL;

    if (self->state == NEW && self->op != NULL) {
        PyObject *name = pyn_str(self->op->name);
        self->state = DONE;
        if (name == NULL || PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "the call of '%U' was never awaited", name) != 0) {
            PyErr_WriteUnraisable(object);
        }
        Py_XDECREF(name);
    }
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
}

static int awaitable_traverse(PyObject *object, visitproc visit, void *arg)
{
    const struct awaitable *self = of(object);

    Py_VISIT(Py_TYPE(object));
    Py_VISIT((PyObject *)self->party);
    Py_VISIT(self->netref);
    Py_VISIT(self->args);
    Py_VISIT(self->thrown);
    Py_VISIT(self->timer);
    Py_VISIT(self->future);
    Py_VISIT(self->value);
    Py_VISIT(self->error);
    return 0;
}

static int awaitable_clear(PyObject *object)
{
    struct awaitable *self = of(object);

    Py_CLEAR(self->netref);
    Py_CLEAR(self->args);
    Py_CLEAR(self->kwnames);
    Py_CLEAR(self->thrown);
    Py_CLEAR(self->timer);
    Py_CLEAR(self->future);
    Py_CLEAR(self->value);
    Py_CLEAR(self->error);
    return 0;
}

static void awaitable_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    if (PyObject_CallFinalizerFromDealloc(object) != 0) {
        return;
    }
    PyObject_GC_UnTrack(object);
    (void)awaitable_clear(object);
    pyn_link_unref(of(object)->link);
    Py_XDECREF((PyObject *)of(object)->party);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef awaitable_methods[] = {
    {"send", awaitable_send_method, METH_O, "send(None)\n--\n\nWhat awaits it goes on."},
    {"throw", awaitable_throw, METH_VARARGS, "throw(error)\n--\n\nGives the call up, and raises error."},
    {"_expire", awaitable_expire, METH_NOARGS, NULL},
    {"close", awaitable_close, METH_NOARGS, "close()\n--\n\nGives the call up."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot awaitable_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "A call that is sent when it is awaited."},
    {Py_tp_traverse, awaitable_traverse},
    {Py_tp_clear, awaitable_clear},
    {Py_tp_finalize, awaitable_finalize},
    {Py_tp_dealloc, awaitable_dealloc},
    {Py_tp_repr, awaitable_repr},
    {Py_tp_iter, awaitable_await},
    {Py_tp_iternext, awaitable_next},
    {Py_am_await, awaitable_await},
    {Py_am_send, awaitable_send},
    {Py_tp_methods, awaitable_methods},
    {0, NULL},
};

static PyType_Spec awaitable_spec = {
    .name = "pynto._core.Call",
    .basicsize = sizeof(struct awaitable),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = awaitable_slots,
};

int pyn_awaitable_init(PyObject *module)
{
    awaitable_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &awaitable_spec, NULL);
    return awaitable_type != NULL ? PyModule_AddType(module, awaitable_type) : -1;
}

PyObject *pyn_awaitable_root(struct pyn_link *link)
{
    return (PyObject *)make(link);
}
