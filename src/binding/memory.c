/* memory.c - see memory.h: on whose behalf a thread runs, and what that means for it. */
#include "memory.h"

#include "allocators.h"
#include "interrupt.h"

enum {
    KEPT_ERRORS = 17
}; /* MemoryErrors that the interpreter keeps to have them when there is no memory, and the one that is left then */

/* ---- entering ---- */

static bool is_limited(const struct pyn_link *link)
{
    return link->server != NULL && pyn_allocators_are_installed && pyn_quotas_limit_memory(link->quotas);
}

/* The account of a link that has been here before; of any other one that is to have one. */
static struct pyn_owner *owner_of(struct pyn_link *link)
{
    struct pyn_owner *owner = atomic_load(&link->memory);

    if (owner == NULL && is_limited(link)) {
        owner = pyn_owner_new(link->estate);
        atomic_store(&link->memory, owner);
    }
    return owner;
}

void pyn_memory_enter(struct pyn_memory *memory, struct pyn_link *link)
{
    struct pyn_owner *owner = NULL;

    memory->link = link;
    memory->is_lost = false;
    memory->before = pyn_memory_hide();
    owner = owner_of(link);
    if (owner != NULL) {
        pyn_allowance_init(&memory->allowance, owner, link->quotas->max);
        pyn_memory_show(&memory->allowance);
    } else {
        memory->allowance.owner = NULL;
        memory->allowance.is_overdrawn = memory->allowance.was_denied = false;
    }
}

void pyn_memory_settle(struct pyn_link *link)
{
    struct pyn_owner *owner = atomic_load(&link->memory);
    bool is_over = false;

    if (owner == NULL) {
        return;
    }
    pyn_link_lock(link);
    is_over = link->over != PYN_OK;
    pyn_link_unlock(link);
    if (is_over) {
        atomic_store(&owner->is_gone, true);
        pyn_allocators_trim(owner);
    }
}

/* ---- what it may ---- */

/*
 * The error that is raised when there is not even memory for one is one object, and what it was raised with stays with it. To come by it, the others
 * are taken out of the way.
 */
static void clear_last_error(void)
{
    PyObject *taken[KEPT_ERRORS] = {NULL};

    for (int i = 0; i < KEPT_ERRORS; i++) {
        PyObject *type = NULL;
        PyObject *traceback = NULL;
        PyErr_NoMemory();
        PyErr_Fetch(&type, &taken[i], &traceback);
        if (taken[i] != NULL && PyExceptionInstance_Check(taken[i])) {
            (void)PyException_SetTraceback(taken[i], Py_None);
            PyException_SetContext(taken[i], NULL);
            PyException_SetCause(taken[i], NULL);
        }
        Py_XDECREF(type);
        Py_XDECREF(traceback);
    }
    for (int i = 0; i < KEPT_ERRORS; i++) {
        Py_XDECREF(taken[i]);
    }
}

/* A call that has met its limit may have left garbage that only a collection finds: the next one is not to fail because of it. */
static void clean_up(const struct pyn_allowance *allowance)
{
    PyObject *type = NULL;
    PyObject *error = NULL;
    PyObject *traceback = NULL;

    pyn_allocators_trim(allowance->owner);
    if (pyn_owner_charged(allowance->owner) <= allowance->ceiling / 2) {
        return;
    }
    PyErr_Fetch(&type, &error, &traceback); /* what the call has ended with may still have to be told */
    clear_last_error();
    (void)PyGC_Collect();
    PyErr_Restore(type, error, traceback);
    pyn_allocators_trim(allowance->owner);
}

static void end_link(struct pyn_link *link)
{
    static const char reason[] = "memory: it holds more than it may";

    pyn_link_lock(link);
    if (link->over == PYN_OK) {
        pyn_session_goodbye(link->session, (uint32_t)PYN_EFLOOD, reason);
        pyn_link_end(link, PYN_EFLOOD, reason);
    }
    pyn_link_unlock(link);
}

void pyn_memory_leave(struct pyn_memory *memory)
{
    (void)pyn_memory_hide();
    if (memory->allowance.is_overdrawn || memory->allowance.was_denied) {
        clean_up(&memory->allowance);
    }
    pyn_memory_show(memory->before);
    if (memory->is_lost) {
        end_link(memory->link);
    }
}

/* Does it hold more than can be overlooked? A little more is what a call leaves behind that was stopped at the limit; the next one may give something back. */
static bool is_beyond(const struct pyn_allowance *own)
{
    return own->held_max != UINT64_MAX && pyn_owner_charged(own->owner) > own->held_max + PYN_ALLOWANCE_GRACE;
}

static int refuse(const struct pyn_memory *memory, enum pyn_quota which)
{
    struct pyn_allowance *own = pyn_memory_hide();

    (void)pyn_raise_quota(memory->link, which);
    pyn_memory_show(own);
    return -1;
}

int pyn_memory_afford(void)
{
    struct pyn_allowance *own = pyn_allocators_own;
    struct pyn_memory *memory = (struct pyn_memory *)own; /* whose first member it is */

    if (own == NULL || (!own->is_spent && !is_beyond(own))) {
        return 0;
    }
    pyn_allocators_trim(own->owner);
    if (is_beyond(own)) {
        memory->is_lost = true;
        return refuse(memory, PYN_Q_MEMORY);
    }
    return own->is_spent ? refuse(memory, own->least)
                         : 0; /* the others of its peer, or of the server, have left too much */
}

static enum pyn_overrun overrun_of(enum pyn_quota which)
{
    switch (which) {
    case PYN_Q_CALL_MEMORY:
        return PYN_OVERRUN_CALL_MEMORY;
    case PYN_Q_PEER_MEMORY:
        return PYN_OVERRUN_PEER_MEMORY;
    case PYN_Q_SERVER_MEMORY:
        return PYN_OVERRUN_SERVER_MEMORY;
    default:
        return PYN_OVERRUN_MEMORY;
    }
}

enum pyn_overrun pyn_memory_why(const struct pyn_memory *memory, bool is_return)
{
    const struct pyn_allowance *allowance = &memory->allowance;

    if (allowance->is_overdrawn || (allowance->was_denied && !is_return)) {
        return overrun_of(allowance->which);
    }
    return PYN_OVERRUN_NONE;
}

/* Its quota is exceeded: who runs it is interrupted. Called from within an allocator: nothing here may allocate, or wait. */
static void press(struct pyn_allowance *allowance, bool has_lock)
{
    uint64_t charged = pyn_owner_charged(allowance->owner);
    uint64_t over = charged > allowance->ceiling ? charged - allowance->ceiling : 0;

    /* At once only when it has to be: the interpreter allocates with a lock held that this takes, too (sys._current_frames()). */
    pyn_interrupt_press(overrun_of(allowance->which), has_lock && over > PYN_ALLOWANCE_GRACE / 4);
}

struct pyn_allowance *pyn_memory_hide(void)
{
    struct pyn_allowance *own = pyn_allocators_own;

    pyn_allocators_own = NULL;
    return own;
}

void pyn_memory_show(struct pyn_allowance *allowance)
{
    pyn_allocators_own = allowance;
}

/* ---- looking ---- */

void pyn_memory_account(struct pyn_link *link, struct pyn_ledger *ledger, uint64_t *refused)
{
    struct pyn_owner *owner = atomic_load(&link->memory);

    *refused = 0;
    if (owner != NULL) {
        pyn_allocators_trim(owner);
        ledger->used[PYN_Q_MEMORY] = pyn_owner_charged(owner);
        ledger->peak[PYN_Q_MEMORY] = atomic_load(&owner->peak);
        *refused = atomic_load(&owner->refused);
    }
}

/* ---- installing ---- */

/* What cannot be made out from the inside of an allocator. */
static const char *reason_against(void)
{
#if defined(Py_GIL_DISABLED)
    return "this interpreter has no global lock";
#elif defined(Py_DEBUG)
    return "this interpreter is a debug build";
#else
    PyInterpreterState *first = PyInterpreterState_Head();

    return PyInterpreterState_Next(first) != NULL ? "this process has more than one interpreter" : NULL;
#endif
}

/* 1, 0 or -1. */
static int is_traced(void)
{
    PyObject *module = PyImport_ImportModule("_tracemalloc");
    PyObject *is = module != NULL ? PyObject_CallMethod(module, "is_tracing", NULL) : NULL;
    int result = is != NULL ? PyObject_IsTrue(is) : -1;

    Py_XDECREF(is);
    Py_XDECREF(module);
    return result;
}

int pyn_memory_install(void)
{
    const char *reason = reason_against();
    int traced = 0;

    if (pyn_allocators_are_installed) {
        return 0;
    }
    traced = reason == NULL ? is_traced() : 0;
    if (traced < 0) {
        return -1;
    }
    if (traced > 0) {
        reason = "tracemalloc is tracing";
    } else if (reason == NULL) {
        reason = pyn_allocators_install(press);
    }
    if (reason != NULL) {
        PyErr_Format(PyExc_RuntimeError, "the Python memory of connections cannot be limited: %s", reason);
    }
    return reason == NULL ? 0 : -1;
}

PyObject *pyn_memory_limit(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    if (pyn_allocators_are_installed) {
        PyErr_SetString(PyExc_RuntimeError, "the allocators of this interpreter have our hooks already");
        return NULL;
    }
    return pyn_memory_install() == 0 ? Py_NewRef(Py_None) : NULL;
}
