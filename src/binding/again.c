/* again.c - see again.h. */
#include "again.h"

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
        const size_t len = strlen(link->reason);
        (void)PyOS_snprintf(link->reason + len, sizeof link->reason - len, "; %s", more);
    }
    pyn_link_unlock(link);
    Py_RETURN_NONE;
}
