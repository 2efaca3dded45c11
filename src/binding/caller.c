/* caller.c - pynto.caller(): on whose behalf the call that this thread serves was made. It says what was proved, and nothing that a peer has said. */
#include "call.h"
#include "deadline.h"

/* Strong; NULL with an exception. */
static PyObject *describe(struct pyn_link *link)
{
    char who[64];
    PyObject *name = NULL;
    PyObject *caller = NULL;

    pyn_link_lock(link);
    pyn_link_caller(link, who, sizeof who);
    pyn_link_unlock(link);
    name = who[0] != '\0' ? PyUnicode_FromString(who) : Py_NewRef(Py_None);
    if (name != NULL) {
        caller = Py_BuildValue("Oss", name, link->transport, link->peer);
        Py_DECREF(name);
    }
    return caller;
}

PyObject *pyn_caller(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    const struct pyn_frame *frame = pyn_frame_top();

    while (frame != NULL && frame->link->server == NULL) { /* a callback that this process serves as a client */
        frame = frame->below;
    }
    return frame != NULL ? describe(frame->link) : Py_NewRef(Py_None);
}

int pyn_caller_enter(struct pyn_link *link, PyObject **token)
{
    PyObject *caller = NULL;
    bool is_stuck = false; /* who comes next sets it to its own before it looks */

    *token = NULL;
    if (link->server == NULL) {
        return 0;
    }
    caller = describe(link);
    if (caller != NULL) {
        *token = pyn_context_set(pyn_core.served_for, caller, &is_stuck);
        Py_DECREF(caller);
    }
    return *token != NULL ? 0 : -1;
}

void pyn_caller_leave(PyObject *token)
{
    if (token != NULL) {
        (void)pyn_context_reset(pyn_core.served_for, token);
        Py_DECREF(token);
    }
}
