/* interrupt.c - see interrupt.h. */
#include "interrupt.h"

#include <signal.h>

#include "deadline.h"
#include "memory.h"

enum { TEXT_ROOM = 64, SIGNAL = SIGURG }; /* nothing else uses it, and who has no handler for it ignores it */

static const double NS_PER_SECOND = 1e9;

static PyObject *handler; /* _core._interrupt */
static PyObject *thread;  /* _core._interrupt_threads */
static bool has_thread;
static unsigned birth; /* pyn_fork_count() when it was started */

/* ---- what is said ---- */

static const char *quota_text(enum pyn_quota which, const struct pyn_quotas *quotas, char *text)
{
    (void)PyOS_snprintf(text, TEXT_ROOM, "%s: %llu", pyn_quota_name(which), (unsigned long long)quotas->max[which]);
    return text;
}

static const char *overrun_text(enum pyn_overrun why, const struct pyn_quotas *quotas, char *text)
{
    switch (why) {
    case PYN_OVERRUN_DEADLINE:
        return "deadline: ended when its time was over";
    case PYN_OVERRUN_CALL:
        (void)PyOS_snprintf(text, TEXT_ROOM, "call_seconds: %g", (double)quotas->call_ns / NS_PER_SECOND);
        return text;
    case PYN_OVERRUN_CPU:
        (void)PyOS_snprintf(text, TEXT_ROOM, "cpu_seconds: %g", (double)quotas->cpu_ns / NS_PER_SECOND);
        return text;
    case PYN_OVERRUN_SHARE:
        (void)PyOS_snprintf(text, TEXT_ROOM, "cpu_burst: %g", (double)quotas->cpu_burst_ns / NS_PER_SECOND);
        return text;
    case PYN_OVERRUN_MEMORY:
        return quota_text(PYN_Q_MEMORY, quotas, text);
    case PYN_OVERRUN_CALL_MEMORY:
        return quota_text(PYN_Q_CALL_MEMORY, quotas, text);
    case PYN_OVERRUN_PEER_MEMORY:
        return quota_text(PYN_Q_PEER_MEMORY, quotas, text);
    case PYN_OVERRUN_SERVER_MEMORY:
        return quota_text(PYN_Q_SERVER_MEMORY, quotas, text);
    case PYN_OVERRUN_GONE:
        return "the caller is gone";
    default:
        return "cancelled";
    }
}

static bool is_cancelled(enum pyn_overrun why)
{
    return why == PYN_OVERRUN_CANCELLED || why == PYN_OVERRUN_GONE;
}

static bool is_memory(enum pyn_overrun why)
{
    return why >= PYN_OVERRUN_MEMORY && why <= PYN_OVERRUN_SERVER_MEMORY;
}

void pyn_interrupt_raise(enum pyn_overrun why, const struct pyn_link *link)
{
    char room[TEXT_ROOM];
    const char *text = overrun_text(why, link->quotas, room);

    if (is_cancelled(why)) {
        PyErr_SetString(pyn_core.call_cancelled, text);
    } else if (is_memory(why)) {
        PyErr_SetString(pyn_core.quota_exceeded, text);
    } else {
        (void)pyn_raise_deadline_text("running", text);
    }
}

int pyn_interrupt_check(const struct pyn_link *link)
{
    enum pyn_overrun why = pyn_watch_why();

    if (why == PYN_OVERRUN_NONE) {
        return 0;
    }
    pyn_interrupt_raise(why, link);
    return -1;
}

static const char *name_of(enum pyn_overrun why)
{
    if (is_cancelled(why)) {
        return "Cancelled";
    }
    return is_memory(why) ? "QuotaExceeded" : "DeadlineExceeded";
}

int pyn_interrupt_tell(enum pyn_overrun why, const struct pyn_link *link, struct pyn_failure *failure)
{
    char room[TEXT_ROOM];

    PyErr_Clear();
    failure->type = PyUnicode_FromString(name_of(why));
    failure->text = PyUnicode_FromString(overrun_text(why, link->quotas, room));
    return failure->type != NULL && failure->text != NULL ? 0 : -1;
}

int pyn_interrupt_afford(struct pyn_link *link)
{
    char room[TEXT_ROOM];

    if (!atomic_load(&link->is_spent) || !pyn_watch_is_spent(link)) {
        return 0;
    }
    PyErr_SetString(pyn_core.quota_exceeded, overrun_text(PYN_OVERRUN_SHARE, link->quotas, room));
    return -1;
}

/* ---- by signal ---- */

PyObject *pyn_interrupt_signalled(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(args))
{
    const struct pyn_frame *frame = pyn_frame_top();
    struct pyn_allowance *own = NULL;
    bool again = false;

    if (!pyn_watch_is_due(&again) || frame == NULL) {
        Py_RETURN_NONE; /* what was meant has ended meanwhile */
    }
    own = pyn_memory_hide(); /* what it is told is not to fail */
    pyn_interrupt_raise(pyn_watch_why(), frame->link);
    pyn_memory_show(own);
    if (again) {
        (void)PyErr_SetInterruptEx(SIGNAL); /* behind it: what has just been made is not to be interrupted */
    }
    return NULL;
}

/* Is this what stands where nobody has put a handler? */
static bool is_free(PyObject *found)
{
    long value = PyLong_Check(found) ? PyLong_AsLong(found) : -1;

    return found == handler || value == (long)(intptr_t)SIG_DFL || value == (long)(intptr_t)SIG_IGN;
}

int pyn_interrupt_begin(PyObject **before)
{
    PyObject *module = PyImport_ImportModule("signal");
    PyObject *found = module != NULL ? PyObject_CallMethod(module, "getsignal", "i", SIGNAL) : NULL;
    int result = found != NULL ? 0 : -1;

    *before = NULL;
    if (found != NULL && is_free(found)) {
        *before = PyObject_CallMethod(module, "signal", "iO", SIGNAL, handler);
        result = *before != NULL ? 0 : -1;
    }
    if (*before != NULL) {
        pyn_watch_signalled(SIGNAL);
    }
    Py_XDECREF(found);
    Py_XDECREF(module);
    return result;
}

void pyn_interrupt_end(PyObject *before)
{
    PyObject *type = NULL;
    PyObject *error = NULL;
    PyObject *traceback = NULL;
    PyObject *module = NULL;
    PyObject *done = NULL;

    if (before == NULL) {
        return;
    }
    PyErr_Fetch(&type, &error, &traceback);
    pyn_watch_signalled(0);
    module = PyImport_ImportModule("signal");
    done = module != NULL ? PyObject_CallMethod(module, "signal", "iO", SIGNAL, before) : NULL;
    Py_XDECREF(done);
    Py_XDECREF(module);
    Py_DECREF(before);
    PyErr_Clear(); /* the interpreter is on its way out */
    PyErr_Restore(type, error, traceback);
}

/* ---- in other threads ---- */

/*
 * What is left for another thread is a class: the interpreter makes an instance of it there when it is raised. That is our occasion to say what happened,
 * and to leave the next one when the call has not ended by itself. No Python code runs meanwhile.
 */
enum left { LEFT_DEADLINE = 0, LEFT_CANCELLED, LEFT_QUOTA, LEFT_COUNT };

static PyTypeObject *left_types[LEFT_COUNT];

static PyObject *left_type(enum pyn_overrun why)
{
    enum left which = is_memory(why) ? LEFT_QUOTA : LEFT_DEADLINE;

    return (PyObject *)left_types[is_cancelled(why) ? LEFT_CANCELLED : which];
}

static int left_init(PyObject *self, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    const struct pyn_frame *frame = pyn_frame_top();
    const enum pyn_overrun why = pyn_watch_why();
    struct pyn_allowance *own = pyn_memory_hide(); /* what it is told is not to fail */
    char room[TEXT_ROOM];
    PyObject *text = PyUnicode_FromString(frame != NULL ? overrun_text(why, frame->link->quotas, room) : "");
    PyObject *args = text != NULL ? PyTuple_Pack(1, text) : NULL;
    bool again = false;
    int result = args != NULL ? ((PyTypeObject *)PyExc_BaseException)->tp_init(self, args, NULL) : -1;

    if (result == 0 && Py_IS_TYPE(self, left_types[LEFT_DEADLINE])) {
        result = pyn_deadline_describe(self, "running", text);
    }
    if (pyn_watch_is_due(&again) && again) {
        (void)PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), (PyObject *)Py_TYPE(self));
    }
    Py_XDECREF(args);
    Py_XDECREF(text);
    pyn_memory_show(own);
    return result;
}

static PyType_Slot left_slots[] = {
    {Py_tp_init, left_init},
    {0, NULL},
};

static PyTypeObject *make_left_type(const char *name, PyObject *base)
{
    PyType_Spec spec = {.name = name, .flags = Py_TPFLAGS_DEFAULT, .slots = left_slots};

    return (PyTypeObject *)PyType_FromSpecWithBases(&spec, base);
}

PyObject *pyn_interrupt_threads(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    for (;;) {
        unsigned long id = 0;
        enum pyn_overrun why = PYN_OVERRUN_NONE;
        Py_BEGIN_ALLOW_THREADS
        pyn_watch_await(&id);
        Py_END_ALLOW_THREADS
        why = pyn_watch_claim(id);
        if (why != PYN_OVERRUN_NONE) {
            (void)PyThreadState_SetAsyncExc(id, left_type(why));
        }
    }
}

void pyn_interrupt_press(enum pyn_overrun why, bool at_once)
{
    bool is_signalled = false;

    if (!pyn_watch_press(why, at_once, &is_signalled)) {
        return;
    }
    if (is_signalled) {
        (void)PyErr_SetInterruptEx(SIGNAL);
    } else if (at_once) {
        (void)PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), left_type(why));
    }
}

int pyn_interrupt_others(void)
{
    PyObject *done = NULL;

    if (has_thread && birth == pyn_fork_count()) {
        return 0;
    }
    has_thread = true;
    birth = pyn_fork_count();
    done = PyObject_CallFunction(pyn_core.start_thread, "Os", thread, "pynto-interrupt");
    has_thread = done != NULL;
    Py_XDECREF(done);
    return has_thread ? 0 : -1;
}

void pyn_interrupt_forget(void)
{
    if (pyn_watch_was_claimed()) {
        (void)PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), NULL);
    }
}

void pyn_interrupt_pause(void)
{
    pyn_watch_pause();
    pyn_interrupt_forget();
}

int pyn_interrupt_init(PyObject *module)
{
    handler = PyObject_GetAttrString(module, "_interrupt");
    thread = PyObject_GetAttrString(module, "_interrupt_threads");
    left_types[LEFT_DEADLINE] = make_left_type("pynto.errors.DeadlineExceeded", pyn_core.deadline_exceeded);
    left_types[LEFT_CANCELLED] = make_left_type("pynto.errors.Cancelled", pyn_core.call_cancelled);
    left_types[LEFT_QUOTA] = make_left_type("pynto.errors.QuotaExceeded", pyn_core.quota_exceeded);
    if (handler == NULL || thread == NULL) {
        return -1;
    }
    for (int i = 0; i < LEFT_COUNT; i++) {
        if (left_types[i] == NULL) {
            return -1;
        }
    }
    return 0;
}
