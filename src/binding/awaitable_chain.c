/* awaitable_chain.c - the result of a call that nobody has awaited is used; see awaitable.h and pynto.chains. */
#include "awaitable.h"

static struct pyn_awaitable *of(PyObject *self)
{
    return pyn_awaitable_from(self);
}

/* Name and positional arguments of the call, as the protocol has them: attributes are read by __getattr__. Strong. */
static PyObject *call_parts(const struct pyn_awaitable *self, PyObject **positional)
{
    PyObject *name = pyn_str(self->op->name);
    Py_ssize_t nargs = PyTuple_GET_SIZE(self->args) - (self->kwnames != NULL ? PyTuple_GET_SIZE(self->kwnames) : 0);

    if (self->op->kind == PYN_OP_METHOD) {
        *positional = PyTuple_GetSlice(self->args, 0, nargs);
        return name;
    }
    *positional = name != NULL ? PyTuple_Pack(1, name) : NULL;
    Py_XDECREF(name);
    return PyUnicode_FromString("__getattr__");
}

/* Strong: dict, or None. */
static PyObject *keywords(const struct pyn_awaitable *self)
{
    Py_ssize_t count = self->kwnames != NULL ? PyTuple_GET_SIZE(self->kwnames) : 0;
    Py_ssize_t first = PyTuple_GET_SIZE(self->args) - count;
    PyObject *dict = count > 0 ? PyDict_New() : Py_NewRef(Py_None);

    for (Py_ssize_t i = 0; dict != NULL && i < count; i++) {
        if (PyDict_SetItem(dict, PyTuple_GET_ITEM(self->kwnames, i), PyTuple_GET_ITEM(self->args, first + i)) != 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

static bool may_be_promised(const struct pyn_awaitable *self)
{
    return self->state == PYN_AWAITABLE_NEW && self->op != NULL && self->op->kind != PYN_OP_SET &&
           self->after == PYN_AFTER_NOTHING && self->link->server == NULL;
}

PyObject *pyn_awaitable_promised(struct pyn_awaitable *self)
{
    PyObject *positional = NULL;
    PyObject *name = NULL;
    PyObject *kwargs = NULL;

    if (self->node != NULL) {
        return self->node;
    }
    if (!may_be_promised(self)) {
        PyErr_SetString(PyExc_RuntimeError, "this call was awaited already: use its result");
        return NULL;
    }
    name = call_parts(self, &positional);
    kwargs = keywords(self);
    if (name != NULL && positional != NULL && kwargs != NULL) {
        self->node = PyObject_CallFunctionObjArgs(pyn_core.promised, self->netref, name, positional, kwargs, NULL);
    }
    Py_XDECREF(name);
    Py_XDECREF(positional);
    Py_XDECREF(kwargs);
    return self->node;
}

/* What asyncio and others look for on coroutines, and names that are nobody's operations. */
static bool is_inner(PyObject *name)
{
    static const char *const prefixes[] = {"_", "cr_", "gi_", "ag_"};
    const char *text = PyUnicode_AsUTF8(name);

    for (size_t i = 0; text != NULL && i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return text == NULL;
}

PyObject *pyn_awaitable_getattro(PyObject *object, PyObject *name)
{
    PyObject *found = PyObject_GenericGetAttr(object, name);
    PyObject *node = NULL;

    if (found != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError) || is_inner(name) ||
        (of(object)->node == NULL && !may_be_promised(of(object)))) {
        return found;
    }
    PyErr_Clear();
    node = pyn_awaitable_promised(of(object));
    return node != NULL ? PyObject_GetAttr(node, name) : NULL;
}

PyObject *pyn_awaitable_call(PyObject *object, PyObject *args, PyObject *kwargs)
{
    PyObject *node = pyn_awaitable_promised(of(object));

    return node != NULL ? PyObject_Call(node, args, kwargs) : NULL;
}

PyObject *pyn_awaitable_item(PyObject *object, PyObject *key)
{
    PyObject *node = pyn_awaitable_promised(of(object));

    return node != NULL ? PyObject_GetItem(node, key) : NULL;
}

bool pyn_awaitable_has_promised(PyObject *const *args, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        if (Py_IS_TYPE(args[i], pyn_awaitable_type) ||
            PyObject_TypeCheck(args[i], (PyTypeObject *)pyn_core.promised_type)) {
            return true;
        }
    }
    return false;
}
