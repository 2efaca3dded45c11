/* loop.c - see loop.h: what comes out of an inbox, and where it goes. */
#include "loop.h"

#include "../runtime/clock.h"

enum { MAIL_AT_ONCE = 256 }; /* then others on the loop have their turn */

int pyn_loop_init(struct pyn_loop *loop, int wake)
{
    loop->tasks = PySet_New(NULL);
    loop->drained = PyDict_New();
    if (loop->tasks == NULL || loop->drained == NULL) {
        return -1;
    }
    if (!pyn_inbox_init(&loop->inbox, wake)) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return 0;
}

/* What is left was given up, or belongs to nobody. */
static void empty(struct pyn_loop *loop)
{
    struct pyn_mail mail;

    while (pyn_inbox_take(&loop->inbox, &mail)) {
        if (mail.kind == PYN_MAIL_ANSWER) {
            pyn_waiting_settle(mail.link, mail.pending);
        }
        pyn_loop_drop_dead(mail.link);
        pyn_link_unref(mail.link);
    }
}

void pyn_loop_fini(struct pyn_loop *loop)
{
    if (loop->drained != NULL) {
        empty(loop);
        pyn_inbox_fini(&loop->inbox);
    }
    Py_CLEAR(loop->loop);
    Py_CLEAR(loop->tasks);
    Py_CLEAR(loop->drained);
}

int pyn_loop_traverse(const struct pyn_loop *loop, visitproc visit, void *arg)
{
    Py_VISIT(loop->loop);
    Py_VISIT(loop->tasks);
    Py_VISIT(loop->drained);
    return 0;
}

/* Strong, or NULL without an exception. */
static PyObject *running_loop(void)
{
    PyObject *running = PyObject_CallNoArgs(pyn_core.running_loop);

    if (running == NULL) {
        PyErr_Clear();
    }
    return running;
}

static bool is_running(const struct pyn_loop *loop)
{
    PyObject *running = running_loop();

    Py_XDECREF(running);
    return running != NULL && running == loop->loop;
}

bool pyn_loop_is_here(const struct pyn_link *link)
{
    const struct pyn_loop *loop = pyn_loop_of(link);

    return loop != NULL && (link->server == NULL || (loop->loop != NULL && is_running(loop)));
}

bool pyn_loop_check(const struct pyn_link *link)
{
    const struct pyn_loop *loop = pyn_loop_of(link);

    if (loop == NULL || !is_running(loop)) {
        PyErr_SetString(PyExc_RuntimeError, "this connection belongs to another event loop, or it has ended");
        return false;
    }
    return true;
}

PyObject *pyn_loop_at(struct pyn_loop *loop, uint64_t at, PyObject *target, const char *method)
{
    uint64_t now = at != 0 ? pyn_now() : 0;
    PyObject *bound = at != 0 ? PyObject_GetAttrString(target, method) : NULL;
    PyObject *timer = NULL;

    if (bound != NULL) {
        timer = PyObject_CallMethod(loop->loop, "call_later", "dO", at > now ? (double)(at - now) / 1e9 : 0.0, bound);
        Py_DECREF(bound);
    }
    if (timer == NULL) {
        PyErr_Clear();
    }
    return timer;
}

void pyn_loop_forget(PyObject **timer)
{
    PyObject *held = *timer;
    PyObject *done = NULL;

    *timer = NULL;
    if (held == NULL) {
        return;
    }
    done = PyObject_CallMethod(held, "cancel", NULL);
    if (done == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(done);
    Py_DECREF(held);
}

void pyn_future_wake(PyObject *future)
{
    PyObject *done = PyObject_CallMethod(future, "done", NULL);

    if (done == Py_False) {
        Py_SETREF(done, PyObject_CallMethod(future, "set_result", "O", Py_None));
    }
    if (done == NULL) {
        PyErr_WriteUnraisable(future); /* such as a loop that was closed */
    }
    Py_XDECREF(done);
}

void pyn_loop_let_go(struct pyn_loop *loop)
{
    PyObject *waiting = PyDict_GET_SIZE(loop->drained) > 0 ? PyDict_Keys(loop->drained) : NULL;

    if (waiting == NULL) {
        PyErr_Clear();
        return;
    }
    PyDict_Clear(loop->drained);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(waiting); i++) {
        pyn_future_wake(PyList_GET_ITEM(waiting, i));
    }
    Py_DECREF(waiting);
}

void pyn_loop_drop_dead(struct pyn_link *link)
{
    bool is_ours = link->server == NULL;

    pyn_link_lock(link);
    is_ours = is_ours || link->over != PYN_OK;
    pyn_link_unlock(link);
    if (is_ours) {
        pyn_drop_dead(link);
    }
}

static int handle(struct pyn_loop *loop, const struct pyn_mail *mail)
{
    switch (mail->kind) {
    case PYN_MAIL_CALL:
        return pyn_task_start(loop, mail->link, mail->call);
    case PYN_MAIL_ANSWER:
        pyn_waiting_settle(mail->link, mail->pending);
        break;
    case PYN_MAIL_CANCEL:
        pyn_task_cancel(mail->served);
        break;
    case PYN_MAIL_NEWS:
        if (loop->news != NULL) {
            loop->news(loop, mail->link);
        }
        break;
    }
    return 0;
}

int pyn_loop_drain(struct pyn_loop *loop)
{
    struct pyn_mail mail;
    int result = 0;

    if (loop->inbox.is_awake) {
        return 0; /* whoever takes out now goes on */
    }
    pyn_inbox_begin(&loop->inbox);
    for (int i = 0; result == 0 && i < MAIL_AT_ONCE && pyn_inbox_take(&loop->inbox, &mail); i++) {
        result = handle(loop, &mail);
        pyn_loop_drop_dead(mail.link);
        pyn_link_unref(mail.link);
    }
    pyn_inbox_done(&loop->inbox);
    return result;
}
