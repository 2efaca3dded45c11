/* remote_method.c - descriptors of the operations of netrefs. */
#include "remote_method.h"

#include <structmember.h>

#include "ahead.h"
#include "loop.h"

struct remote {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    struct pyn_policy *policy; /* counted */
    const struct pyn_op *op;
    const struct pyn_op *set; /* attribute */
    PyObject *name;
    bool reads_ahead;
    bool is_immediate; /* Python wants its result at once: it cannot be awaited through its syntax */
};

static struct remote *of(PyObject *self)
{
    return (struct remote *)self;
}

static PyObject *make(PyTypeObject *type, const struct pyn_forms *forms, const struct pyn_op *op)
{
    struct remote *remote = of(type->tp_alloc(type, 0));

    if (remote != NULL) {
        remote->policy = pyn_policy_ref(forms->policy);
        remote->op = op;
        remote->name = Py_NewRef(forms->names[op->slot]);
    }
    return (PyObject *)remote;
}

static void remote_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    pyn_policy_unref(of(self)->policy);
    Py_XDECREF(of(self)->name);
    type->tp_free(self);
    Py_DECREF(type);
}

static int check_self(const struct remote *remote, PyObject *value)
{
    if (!pyn_netref_is(value) || pyn_netref_iface(value) != remote->op->iface) {
        PyErr_Format(PyExc_TypeError, "%U needs a netref of its own interface", remote->name);
        return -1;
    }
    return 0;
}

/* ---- methods ---- */

/* What a context manager is told of an exception. */
PyObject *pyn_exit_argument(PyObject *netref, PyObject *const *args, Py_ssize_t nargs)
{
    bool is_quiet = nargs != 3 || args[0] == Py_None || !PyExceptionInstance_Check(args[1]);

    return is_quiet ? Py_NewRef(Py_None) : pyn_told(pyn_netref_party(netref), args[1]);
}

static PyObject *call_operation(const struct remote *remote, PyObject *netref, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames)
{
    bool was_sent = false;
    PyObject *result = pyn_call_peer(netref, remote->op, args, nargs, kwnames, &was_sent);

    /* What does not take the other operand says so, and Python asks that one, or falls back to identity. */
    if (result == NULL && !was_sent && remote->op->is_binary && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        Py_RETURN_NOTIMPLEMENTED;
    }
    return result;
}

/* __exit__ and its like. */
static PyObject *call_exit(const struct remote *remote, PyObject *netref, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *argument = pyn_exit_argument(netref, args, nargs);
    PyObject *result = NULL;

    if (argument != NULL) {
        result = call_operation(remote, netref, &argument, 1, NULL);
        if (result != NULL && pyn_netref_party(netref)->is_server) {
            Py_SETREF(result, Py_NewRef(Py_None)); /* a client does not decide which exceptions of ours go on */
        }
        Py_DECREF(argument);
    }
    return result;
}

/* What throw() is given, as a generator of Python's takes it: an instance, or a class with or without a value. Strong. */
PyObject *pyn_thrown_exception(PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *error = NULL;

    if (nargs < 1 || nargs > 3) {
        PyErr_Format(PyExc_TypeError, "throw() takes 1 to 3 arguments, not %zd", nargs);
        return NULL;
    }
    if (PyExceptionInstance_Check(args[0])) {
        return Py_NewRef(args[0]);
    }
    if (!PyExceptionClass_Check(args[0])) {
        PyErr_Format(PyExc_TypeError, "exceptions must be classes or instances deriving from BaseException, not %s",
                     Py_TYPE(args[0])->tp_name);
        return NULL;
    }
    if (nargs > 1 && PyExceptionInstance_Check(args[1])) {
        return Py_NewRef(args[1]);
    }
    error = nargs > 1 && args[1] != Py_None ? PyObject_CallOneArg(args[0], args[1]) : PyObject_CallNoArgs(args[0]);
    if (error != NULL && !PyExceptionInstance_Check(error)) {
        PyErr_SetString(PyExc_TypeError, "a class of exceptions made something else");
        Py_CLEAR(error);
    }
    return error;
}

/* Nobody but close() ends a generator from outside. */
const struct pyn_op *pyn_op_close(const struct pyn_op *throwing)
{
    bool is_async = throwing->name.data[0] == 'a';
    const struct pyn_op *close = pyn_iface_op(throwing->iface, PYN_OP_METHOD, pyn_view_of(is_async ? "aclose" : "close"));

    if (close == NULL) {
        PyErr_SetString(PyExc_TypeError, "this generator cannot be closed");
    }
    return close;
}

static PyObject *close_instead(const struct remote *remote, PyObject *netref, PyObject *error)
{
    const struct pyn_op *close = pyn_op_close(remote->op);
    PyObject *result = NULL;
    bool was_sent = false;

    if (close == NULL) {
        return NULL;
    }
    result = pyn_call_peer(netref, close, NULL, 0, NULL, &was_sent);
    if (result != NULL) {
        Py_DECREF(result);
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    }
    return NULL;
}

/* It has come out of the generator as it went in: it is raised here as if the generator stood here. */
void pyn_raise_if_thrown(PyObject *error)
{
    PyObject *type = NULL;
    PyObject *raised = NULL;
    PyObject *traceback = NULL;
    PyObject *mark = NULL;

    if (!PyErr_ExceptionMatches(pyn_core.remote_error)) {
        return;
    }
    PyErr_Fetch(&type, &raised, &traceback);
    PyErr_NormalizeException(&type, &raised, &traceback);
    mark = PyObject_GetAttrString(raised, "_is_yours");
    PyErr_Clear();
    if (mark == Py_True) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_XDECREF(type);
        Py_XDECREF(raised);
        Py_XDECREF(traceback);
    } else {
        PyErr_Restore(type, raised, traceback);
    }
    Py_XDECREF(mark);
}

static PyObject *call_throw(const struct remote *remote, PyObject *netref, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *error = pyn_thrown_exception(args, nargs);
    PyObject *told = NULL;
    PyObject *result = NULL;

    if (error == NULL) {
        return NULL;
    }
    if (PyErr_GivenExceptionMatches(error, PyExc_GeneratorExit)) {
        (void)close_instead(remote, netref, error);
    } else {
        told = pyn_told(pyn_netref_party(netref), error);
        result = told != NULL ? call_operation(remote, netref, &told, 1, NULL) : NULL;
        if (result == NULL && !pyn_netref_party(netref)->is_server) {
            pyn_raise_if_thrown(error);
        }
    }
    Py_XDECREF(told);
    Py_DECREF(error);
    return result;
}

/* Where an event loop drives the connection: something to be awaited. */
static PyObject *call_later(const struct remote *remote, PyObject *netref, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames)
{
    PyObject *made = NULL;

    if (remote->is_immediate) {
        return PyObject_CallOneArg(pyn_core.cannot_wait, remote->name);
    }
    if (pyn_op_is_named(remote->op, "__aiter__")) {
        return PyObject_CallOneArg(pyn_core.iterate, netref);
    }
    made = pyn_awaitable_of(netref, remote->op, args, nargs, kwnames);
    if (made != NULL && pyn_op_is_named(remote->op, "__await__")) {
        Py_SETREF(made, PyObject_GetIter(made));
    }
    return made;
}

static PyObject *method_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    const struct remote *remote = of(self);
    const struct pyn_link *link = NULL;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);

    if (nargs < 1) {
        PyErr_Format(PyExc_TypeError, "%U needs a netref", remote->name);
        return NULL;
    }
    if (check_self(remote, args[0]) != 0) {
        return NULL;
    }
    link = pyn_netref_link(args[0]);
    if (pyn_loop_is_here(link)) {
        return call_later(remote, args[0], args + 1, nargs - 1, kwnames);
    }
    if (remote->reads_ahead && nargs == 1 && kwnames == NULL && link->read_ahead > 1) {
        return pyn_ahead_next(args[0], remote->op);
    }
    if (pyn_op_is_exit(remote->op)) {
        return call_exit(remote, args[0], args + 1, nargs - 1);
    }
    if (pyn_op_is_throw(remote->op)) {
        return call_throw(remote, args[0], args + 1, nargs - 1);
    }
    return call_operation(remote, args[0], args + 1, nargs - 1, kwnames);
}

static bool is_immediate(const struct pyn_op *op)
{
    static const char *const names[] = {"__bool__", "__contains__", "__delitem__",  "__enter__",  "__eq__",  "__exit__",
                                        "__ge__",   "__gt__",       "__iter__",     "__le__",     "__len__", "__lt__",
                                        "__ne__",   "__next__",     "__reversed__", "__setitem__"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (pyn_op_is_named(op, names[i])) {
            return true;
        }
    }
    return false;
}

PyObject *pyn_remote_method_new(const struct pyn_forms *forms, const struct pyn_op *op)
{
    PyObject *method = make(pyn_core.method, forms, op);

    if (method != NULL) {
        of(method)->vectorcall = method_call;
        of(method)->reads_ahead = pyn_op_reads_ahead(op);
        of(method)->is_immediate = is_immediate(op);
    }
    return method;
}

const struct pyn_op *pyn_remote_method_op(PyObject *method)
{
    return of(method)->op;
}

static PyObject *method_get(PyObject *self, PyObject *object, PyObject *Py_UNUSED(type))
{
    return object == NULL || object == Py_None ? Py_NewRef(self) : PyMethod_New(self, object);
}

static PyObject *described_param(const struct pyn_param *param)
{
    return Py_BuildValue("s#is#O", param->name.data, (Py_ssize_t)param->name.len, (int)param->kind,
                         param->type->spelling.data, (Py_ssize_t)param->type->spelling.len,
                         param->is_optional && param->kind != PYN_P_REST && param->kind != PYN_P_OPTIONS ? Py_True
                                                                                                         : Py_False);
}

static PyObject *described_signature(PyObject *self, void *Py_UNUSED(closure))
{
    const struct pyn_signature *signature = &of(self)->op->signatures[0];
    PyObject *params = PyTuple_New((Py_ssize_t)signature->param_count);
    PyObject *result = pyn_str(signature->result->spelling);
    PyObject *made = NULL;

    for (uint32_t i = 0; params != NULL && i < signature->param_count; i++) {
        PyObject *param = described_param(&signature->params[i]);
        if (param == NULL) {
            Py_CLEAR(params);
            break;
        }
        PyTuple_SET_ITEM(params, (Py_ssize_t)i, param);
    }
    if (params != NULL && result != NULL) {
        made = PyObject_CallFunctionObjArgs(pyn_core.make_signature, params, result, NULL);
    }
    Py_XDECREF(params);
    Py_XDECREF(result);
    return made;
}

static PyObject *documented(PyObject *self, void *Py_UNUSED(closure))
{
    const struct pyn_op *op = of(self)->op;
    PyObject *lines = PyUnicode_FromString("");

    for (uint32_t i = 0; lines != NULL && i < op->signature_count; i++) {
        PyObject *text = pyn_str(op->signatures[i].spelling);
        PyObject *more = text != NULL ? PyUnicode_FromFormat("%U%s%U%U", lines, i > 0 ? "\n" : "", of(self)->name, text)
                                      : NULL;
        Py_XDECREF(text);
        Py_SETREF(lines, more);
    }
    return lines;
}

static PyObject *remote_repr(PyObject *self)
{
    PyObject *iface = pyn_str(of(self)->op->iface->name);
    PyObject *text = NULL;

    if (iface != NULL) {
        text = PyUnicode_FromFormat("<remote %s %U of %U>",
                                    of(self)->op->kind == PYN_OP_METHOD ? "method" : "attribute", of(self)->name, iface);
        Py_DECREF(iface);
    }
    return text;
}

static PyMemberDef method_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct remote, vectorcall), READONLY, NULL},
    {"__name__", T_OBJECT, offsetof(struct remote, name), READONLY, NULL},
    {"__qualname__", T_OBJECT, offsetof(struct remote, name), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef method_getset[] = {
    {"__signature__", described_signature, NULL, NULL, NULL},
    {"__doc__", documented, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot method_slots[] = {
    {Py_tp_dealloc, remote_dealloc},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_descr_get, method_get},
    {Py_tp_repr, remote_repr},
    {Py_tp_members, method_members},
    {Py_tp_getset, method_getset},
    {0, NULL},
};

static PyType_Spec method_spec = {
    .name = "pynto.RemoteMethod",
    .basicsize = sizeof(struct remote),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
             Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = method_slots,
};

/* ---- attributes ---- */

PyObject *pyn_remote_attribute_new(const struct pyn_forms *forms, const struct pyn_op *get, const struct pyn_op *set)
{
    PyObject *attribute = make(pyn_core.attribute, forms, get);

    if (attribute != NULL) {
        of(attribute)->set = set;
    }
    return attribute;
}

static PyObject *attribute_get(PyObject *self, PyObject *object, PyObject *Py_UNUSED(type))
{
    if (object == NULL) {
        return Py_NewRef(self);
    }
    if (check_self(of(self), object) != 0) {
        return NULL;
    }
    return pyn_loop_is_here(pyn_netref_link(object)) ? pyn_awaitable_new(object, of(self)->op, NULL, 0, NULL)
                                                     : call_operation(of(self), object, NULL, 0, NULL);
}

static int attribute_set(PyObject *self, PyObject *object, PyObject *value)
{
    PyObject *result = NULL;
    bool was_sent = false;

    if (check_self(of(self), object) != 0) {
        return -1;
    }
    if (of(self)->set == NULL || value == NULL) {
        PyErr_Format(PyExc_AttributeError, "attribute '%U' cannot be %s", of(self)->name,
                     value == NULL ? "deleted" : "set");
        return -1;
    }
    if (pyn_loop_is_here(pyn_netref_link(object))) {
        result = PyObject_CallFunction(pyn_core.cannot_wait, "s", "__setattr__");
    } else {
        result = pyn_call_peer(object, of(self)->set, &value, 1, NULL, &was_sent);
    }
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

static PyObject *attribute_doc(PyObject *self, void *Py_UNUSED(closure))
{
    return pyn_str(of(self)->op->type->spelling);
}

static PyGetSetDef attribute_getset[] = {
    {"__doc__", attribute_doc, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef attribute_members[] = {
    {"__name__", T_OBJECT, offsetof(struct remote, name), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot attribute_slots[] = {
    {Py_tp_dealloc, remote_dealloc},
    {Py_tp_descr_get, attribute_get},
    {Py_tp_descr_set, attribute_set},
    {Py_tp_repr, remote_repr},
    {Py_tp_getset, attribute_getset},
    {Py_tp_members, attribute_members},
    {0, NULL},
};

static PyType_Spec attribute_spec = {
    .name = "pynto.RemoteAttribute",
    .basicsize = sizeof(struct remote),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = attribute_slots,
};

int pyn_remote_method_init(PyObject *module)
{
    pyn_core.method = (PyTypeObject *)PyType_FromModuleAndSpec(module, &method_spec, NULL);
    pyn_core.attribute = (PyTypeObject *)PyType_FromModuleAndSpec(module, &attribute_spec, NULL);
    return pyn_core.method != NULL && pyn_core.attribute != NULL ? 0 : -1;
}
