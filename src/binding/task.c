/* task.c - a call of the peer's that an event loop runs: started, cancelled, answered when it is done. */
#include "deadline.h"
#include "interrupt.h"
#include "loop.h"
#include "memory.h"

#include <stddef.h>

struct run {
    PyObject_HEAD
    struct pyn_served served;
    struct pyn_loop *loop;   /* the party's */
    struct pyn_link *link;   /* counted */
    struct pyn_party *party; /* strong */
    struct pyn_call *call;   /* to be answered */
    PyObject *task;          /* strong */
    PyObject *thrown;        /* strong: what the call throws into a generator; or NULL */
    PyObject *timer;         /* strong: that ends it at its deadline; or NULL */
    bool is_late;            /* it was ended so */
};

static PyTypeObject *run_type;

static struct run *of(PyObject *self)
{
    return (struct run *)self;
}

/* ---- the end ---- */

static bool is_cancelled(void)
{
    return PyErr_ExceptionMatches(pyn_core.cancelled) != 0;
}

static void answer(struct run *run, PyObject *value)
{
    if (value == NULL && is_cancelled() && !run->is_late) {
        PyErr_Clear();
        pyn_link_answer_cancelled(run->link, run->call);
    } else {
        if (value == NULL && is_cancelled()) {
            PyErr_Clear();
            (void)pyn_raise_deadline_text("running", "deadline: it took too long");
        }
        pyn_answer_with(run->link, run->call, value, run->thrown);
    }
    run->call = NULL;
}

/* The task is done. */
static PyObject *run_call(PyObject *self, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    struct run *run = of(self);
    PyObject *value = NULL;

    if (run->call == NULL || PyTuple_GET_SIZE(args) != 1) {
        Py_RETURN_NONE;
    }
    pyn_served_leave(run->link, &run->served);
    pyn_loop_forget(&run->timer);
    (void)PySet_Discard(run->loop->tasks, run->task);
    PyErr_Clear();
    value = PyObject_CallMethod(run->task, "result", NULL);
    answer(run, value);
    Py_XDECREF(value); /* after the answer: its finalizers run on nobody's time */
    Py_CLEAR(run->task);
    pyn_loop_drop_dead(run->link);
    run->loop->moved(run->loop, run->link);
    Py_RETURN_NONE;
}

static int run_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)of(self)->party);
    Py_VISIT(of(self)->task);
    Py_VISIT(of(self)->thrown);
    Py_VISIT(of(self)->timer);
    return 0;
}

static int run_clear(PyObject *self)
{
    Py_CLEAR(of(self)->task);
    Py_CLEAR(of(self)->timer);
    Py_CLEAR(of(self)->thrown);
    return 0;
}

/* A loop that has ended leaves calls behind that nobody answers. */
static void abandon(struct run *run)
{
    if (run->call != NULL) {
        pyn_served_leave(run->link, &run->served);
        pyn_link_answer_cancelled(run->link, run->call);
        run->call = NULL;
        pyn_loop_drop_dead(run->link);
    }
}

static void run_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    abandon(of(self));
    (void)run_clear(self);
    pyn_link_unref(of(self)->link);
    Py_XDECREF((PyObject *)of(self)->party);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- the beginning ---- */

/* An interface may take the awaitable itself. */
static bool is_to_be_awaited(const struct pyn_call *call, PyObject *result)
{
    const struct pyn_signature *signature = call->verdict.signature;

    if (signature == NULL) {
        return false;
    }
    if (signature->is_async) {
        return pyn_is_awaitable(result);
    }
    return PyCoro_CheckExact(result) && signature->result->kind != PYN_T_IFACE;
}

static PyObject *make_task(struct pyn_loop *loop, PyObject *awaitable)
{
    PyObject *coroutine = PyCoro_CheckExact(awaitable) ? Py_NewRef(awaitable)
                                                       : PyObject_CallOneArg(pyn_core.awaited, awaitable);
    PyObject *task = NULL;

    if (coroutine != NULL) {
        task = PyObject_CallMethod(loop->loop, "create_task", "O", coroutine);
        Py_DECREF(coroutine);
    }
    return task;
}

/* Nobody waits for it: it has no caller yet. The exception that is set stays. */
static void give_up(struct run *run)
{
    PyObject *type = NULL;
    PyObject *value = NULL;
    PyObject *traceback = NULL;

    PyErr_Fetch(&type, &value, &traceback);
    if (run->task != NULL) {
        pyn_task_cancel(&run->served);
        (void)PySet_Discard(run->loop->tasks, run->task);
        PyErr_Clear();
    }
    Py_DECREF(run);
    PyErr_Restore(type, value, traceback);
}

static struct run *make_run(struct pyn_loop *loop, struct pyn_link *link, PyObject *awaitable)
{
    struct run *run = of(run_type->tp_alloc(run_type, 0));
    PyObject *token = NULL;

    if (run == NULL) {
        return NULL;
    }
    run->loop = loop;
    run->link = pyn_link_ref(link);
    run->party = (struct pyn_party *)Py_NewRef((PyObject *)link->host);
    if (pyn_caller_enter(link, &token) == 0) {
        run->task = make_task(loop, awaitable);
    }
    pyn_caller_leave(token);
    if (run->task == NULL || PySet_Add(loop->tasks, run->task) != 0) {
        give_up(run);
        return NULL;
    }
    return run;
}

/* From here on the task's end answers the call. false with an exception: nothing was begun. */
static bool begin(struct pyn_loop *loop, struct pyn_link *link, struct pyn_call *call, PyObject *awaitable,
                  PyObject *thrown)
{
    struct run *run = make_run(loop, link, awaitable);
    PyObject *added = NULL;

    if (run == NULL) {
        return false;
    }
    added = PyObject_CallMethod(run->task, "add_done_callback", "O", (PyObject *)run);
    if (added == NULL) {
        give_up(run);
        return false;
    }
    run->call = call;
    run->thrown = Py_XNewRef(thrown);
    run->timer = pyn_loop_at(loop, call->ends_at, (PyObject *)run, "_expire");
    pyn_served_enter(link, &run->served, call->lane);
    Py_DECREF(added);
    Py_DECREF(run);
    return true;
}

void pyn_task_cancel(struct pyn_served *served)
{
    struct run *run = (struct run *)((char *)served - offsetof(struct run, served));
    PyObject *done = run->task != NULL ? PyObject_CallMethod(run->task, "cancel", NULL) : NULL;

    if (done == NULL && PyErr_Occurred()) {
        PyErr_WriteUnraisable(run->task);
    }
    Py_XDECREF(done);
}

/* Runs it as far as it goes without waiting. *interrupt: strong; an exception that is to end the program. */
static void run_or_begin(struct pyn_loop *loop, struct pyn_link *link, struct pyn_call *call, PyObject **interrupt)
{
    struct pyn_frame frame = {.link = link, .lane = call->lane, .is_oneway = call->is_oneway, .is_on_loop = true};
    struct pyn_party *party = link->host;
    struct pyn_decoder decoder = {.link = link, .party = party, .reader = pyn_reader_of(call->body)};
    struct pyn_memory memory;
    enum pyn_overrun why = PYN_OVERRUN_NONE;
    PyObject *result = NULL;

    atomic_fetch_add(&link->calls, 1);
    decoder.book = pyn_party_book(party, call->iface->policy);
    pyn_frame_push(&frame);
    pyn_memory_enter(&memory, link);
    if (decoder.book != NULL && !pyn_is_not_to_run(link, call)) {
        result = pyn_run(&decoder, call);
    } else {
        pyn_decoder_give_up(&decoder);
    }
    pyn_memory_leave(&memory);
    why = pyn_memory_why(&memory, result != NULL);
    if (why != PYN_OVERRUN_NONE) {
        Py_CLEAR(result);
        pyn_interrupt_raise(why, link);
    }
    pyn_frame_pop();
    if (result == NULL && !call->is_oneway && !party->is_server && !PyErr_ExceptionMatches(PyExc_Exception) &&
        !is_cancelled()) {
        *interrupt = pyn_taken_exception();
        pyn_answer_interrupted(link, call);
    } else if (result == NULL || !is_to_be_awaited(call, result)) {
        pyn_answer_with(link, call, result, frame.thrown);
    } else if (!begin(loop, link, call, result, frame.thrown)) {
        pyn_answer_with(link, call, NULL, NULL);
    }
    Py_XDECREF(result);
    Py_XDECREF(frame.thrown);
}

static void run_in_time(struct pyn_loop *loop, struct pyn_link *link, struct pyn_call *call, PyObject **interrupt)
{
    PyObject *token = NULL;

    if (pyn_deadline_enter(call->ends_at, &token) != 0) {
        pyn_answer_with(link, call, NULL, NULL);
        return;
    }
    run_or_begin(loop, link, call, interrupt);
    pyn_deadline_leave(token);
}

int pyn_task_start(struct pyn_loop *loop, struct pyn_link *link, struct pyn_call *call)
{
    PyObject *interrupt = NULL;

    if (call->is_cancelled) {
        pyn_link_answer_cancelled(link, call);
    } else if (call->ahead > 0) {
        interrupt = pyn_run_call(link, call, NULL);
    } else {
        run_in_time(loop, link, call, &interrupt);
    }
    pyn_inbox_started(link);
    loop->moved(loop, link);
    if (interrupt == NULL) {
        return 0;
    }
    PyErr_SetObject((PyObject *)Py_TYPE(interrupt), interrupt);
    Py_DECREF(interrupt);
    return -1;
}

/* ---- the type ---- */

/* Its deadline is over: whatever it answers now, it is told of that. */
static PyObject *run_expire(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    if (of(self)->call != NULL) {
        of(self)->is_late = true;
        pyn_task_cancel(&of(self)->served);
    }
    Py_RETURN_NONE;
}

static PyMethodDef run_methods[] = {
    {"_expire", run_expire, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot run_slots[] = {
    {Py_tp_call, run_call},       {Py_tp_traverse, run_traverse}, {Py_tp_clear, run_clear},
    {Py_tp_dealloc, run_dealloc}, {Py_tp_methods, run_methods},   {0, NULL},
};

static PyType_Spec run_spec = {
    .name = "pynto._core.Run",
    .basicsize = sizeof(struct run),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = run_slots,
};

int pyn_task_init(void)
{
    run_type = (PyTypeObject *)PyType_FromSpec(&run_spec);
    return run_type != NULL ? 0 : -1;
}
