/* again.c - see again.h. */
#include "again.h"

enum { TEXT_ROOM = 160 };

static bool is_final(struct pyn_link *link)
{
    bool is = false;

    pyn_link_lock(link);
    is = link->over != PYN_OK && (link->is_final || !pyn_link_is_ours(link));
    pyn_link_unlock(link);
    return is;
}

PyObject *pyn_link_final(struct pyn_link *link)
{
    return PyBool_FromLong(is_final(link));
}

void pyn_mark_final(struct pyn_link *link)
{
    PyObject *error = pyn_taken_exception();

    if (error != NULL && PyObject_SetAttrString(error, "_final", is_final(link) ? Py_True : Py_False) != 0) {
        PyErr_Clear(); /* then its class has to tell */
    }
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
}

PyObject *pyn_link_superseded(struct pyn_link *link, PyObject *text)
{
    const char *more = PyUnicode_AsUTF8(text);

    if (more == NULL) {
        return NULL;
    }
    pyn_link_lock(link);
    if (link->over != PYN_OK) {
        char both[TEXT_ROOM];
        (void)PyOS_snprintf(both, sizeof both, "%s; %s", link->reason, more);
        pyn_link_explain(link, both);
    }
    pyn_link_unlock(link);
    Py_RETURN_NONE;
}
