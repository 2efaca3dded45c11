/* sending.c - a pipeline's steps go out from an event loop, a message at a time, each when the one ahead of it has been answered. */
#include "deadline.h"
#include "loop.h"
#include "pipeline.h"

struct sending {
    PyObject_HEAD
    struct pyn_waiting waiting; /* while it is entered, it holds one reference of this */
    struct pyn_link *link;      /* counted */
    PyObject *pipeline;         /* strong */
    struct pyn_sending *messages;
    uint64_t until;
    PyObject *timer;  /* or NULL */
    PyObject *future; /* strong; NULL: it is over */
};

static PyTypeObject *sending_type;

static struct sending *of(PyObject *self)
{
    return (struct sending *)self;
}

static struct sending *of_waiting(struct pyn_waiting *waiting)
{
    return (struct sending *)((char *)waiting - offsetof(struct sending, waiting));
}

/* ---- the end ---- */

/* Everything has its result, or the exception that is set is why it has none. */
static void end(struct sending *self)
{
    PyObject *future = self->future;
    PyObject *error = pyn_taken_exception();
    PyObject *done = NULL;

    self->future = NULL;
    pyn_loop_forget(&self->timer);
    pyn_pipeline_end(self->pipeline);
    if (future == NULL) {
        Py_XDECREF(error);
        return;
    }
    if (error == NULL) {
        pyn_future_wake(future);
    } else {
        done = PyObject_CallMethod(future, "set_exception", "O", error);
        if (done == NULL) {
            PyErr_Clear(); /* nobody waits for it any more */
        }
    }
    Py_XDECREF(done);
    Py_XDECREF(error);
    Py_DECREF(future);
}

static void fail(struct sending *self)
{
    (void)pyn_sending_fail(self->messages); /* what is left of it is the exception that is set */
    end(self);
}

/* ---- messages ---- */

static void settle(struct pyn_link *link, struct pyn_waiting *waiting);

static bool post(struct sending *self, struct pyn_buf *message)
{
    const struct pyn_parcel object = pyn_parcel_of(pyn_buf_view(message));
    uint32_t count = 0;
    const struct pyn_expect *expects = pyn_sending_expects(self->messages, &count);
    pyn_status st = PYN_EINTERNAL;

    self->waiting = (struct pyn_waiting){.settle = settle};
    st = pyn_link_post(self->link, &self->waiting.pending, &object, expects, count);
    if (st != PYN_OK) {
        (void)pyn_raise(st, st == PYN_EQUOTA ? "output: the peer does not read" : self->link->reason);
        return false;
    }
    Py_INCREF((PyObject *)self);
    return true;
}

static void go_on(struct sending *self)
{
    struct pyn_buf message;
    bool was_sent = false;
    int packed = -1;

    pyn_buf_init(&message, pyn_mem_default(), SIZE_MAX);
    packed = pyn_sending_pack(self->messages, self->until, &message);
    if (packed > 0) {
        was_sent = post(self, &message);
        pyn_sending_packed(self->messages, was_sent);
    }
    pyn_buf_fini(&message);
    if (packed == 0) {
        end(self);
    } else if (!was_sent) {
        fail(self);
    }
}

static void settle(struct pyn_link *link, struct pyn_waiting *waiting)
{
    struct sending *self = of_waiting(waiting);
    struct pyn_answer *answer = NULL;
    uint32_t taken = 0;
    uint32_t count = 0;

    (void)pyn_sending_expects(self->messages, &count);
    while ((answer = pyn_pending_take(&waiting->pending)) != NULL) {
        if (self->future != NULL) {
            pyn_sending_take(self->messages, taken++, answer);
        } else {
            pyn_link_lock(link);
            pyn_link_discard(link, answer);
            pyn_link_unlock(link);
        }
    }
    if (self->future != NULL && taken < count) {
        (void)pyn_raise(link->over, link->reason);
        fail(self);
    } else if (self->future != NULL) {
        go_on(self);
    }
    Py_DECREF((PyObject *)self);
}

/* ---- giving up ---- */

/* The calls that wait, and the one that runs. */
static void give_up(struct sending *self)
{
    if (self->waiting.pending.is_entered) {
        pyn_link_give_up(self->link, &self->waiting.pending);
    }
}

static PyObject *sending_done(PyObject *self, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    (void)args;
    if (of(self)->future != NULL) { /* it was cancelled */
        give_up(of(self));
        end(of(self));
    }
    Py_RETURN_NONE;
}

static PyObject *sending_expire(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    if (of(self)->future != NULL) {
        give_up(of(self));
        (void)pyn_raise_deadline_text("waiting", "deadline: no answer in time");
        end(of(self));
    }
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static int sending_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(of(self)->pipeline);
    Py_VISIT(of(self)->timer);
    Py_VISIT(of(self)->future);
    return 0;
}

static void sending_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    pyn_sending_free(of(self)->messages);
    Py_CLEAR(of(self)->pipeline);
    Py_CLEAR(of(self)->timer);
    Py_CLEAR(of(self)->future);
    pyn_link_unref(of(self)->link);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef sending_methods[] = {
    {"_expire", sending_expire, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot sending_slots[] = {
    {Py_tp_call, sending_done},
    {Py_tp_traverse, sending_traverse},
    {Py_tp_dealloc, sending_dealloc},
    {Py_tp_methods, sending_methods},
    {0, NULL},
};

static PyType_Spec sending_spec = {
    .name = "pynto._core.Sending",
    .basicsize = sizeof(struct sending),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = sending_slots,
};

int pyn_sending_init(void)
{
    sending_type = (PyTypeObject *)PyType_FromSpec(&sending_spec);
    return sending_type != NULL ? 0 : -1;
}

/* ---- the beginning ---- */

static struct sending *make(struct pyn_link *link, PyObject *pipeline)
{
    struct sending *self = of(sending_type->tp_alloc(sending_type, 0));

    if (self == NULL) {
        return NULL;
    }
    self->link = pyn_link_ref(link);
    self->pipeline = Py_NewRef(pipeline);
    self->messages = pyn_sending_new(pipeline);
    self->future = PyObject_CallMethod(pyn_loop_of(link)->loop, "create_future", NULL);
    if (self->messages == NULL || self->future == NULL) {
        Py_CLEAR(self);
    }
    return self;
}

PyObject *pyn_pipeline_send_later(struct pyn_link *link, PyObject *pipeline)
{
    struct sending *self = NULL;
    PyObject *future = NULL;
    PyObject *added = NULL;
    uint64_t until = 0;

    if (!pyn_loop_check(link) || pyn_deadline_check(&until) != 0 || pyn_pipeline_close(pipeline, link) != 0) {
        return NULL;
    }
    self = make(link, pipeline);
    if (self == NULL) {
        pyn_pipeline_end(pipeline);
        return NULL;
    }
    self->until = until;
    self->timer = pyn_loop_at(pyn_loop_of(link), until, (PyObject *)self, "_expire");
    future = Py_NewRef(self->future);
    added = PyObject_CallMethod(future, "add_done_callback", "O", (PyObject *)self);
    if (added == NULL) {
        Py_CLEAR(future);
        end(self);
    } else {
        Py_DECREF(added);
        go_on(self);
        pyn_loop_of(link)->moved(pyn_loop_of(link), link);
    }
    Py_DECREF(self);
    return future;
}
