/* promise.c - what stands for a result that is not there yet: its methods, attributes and items are steps; see pipeline.h. */
#include "pipeline.h"

#include <structmember.h>

#include "../runtime/clock.h"

enum { LOOK_NS = 500 * 1000 * 1000 };

static PyTypeObject *step_type; /* a method of a promise */
static PyObject *result_name;   /* interned */
static PyMethodDef promise_methods[];

struct step {
    PyObject_HEAD
    struct pyn_promise *target; /* strong */
    const struct pyn_op *op;
    vectorcallfunc vectorcall;
};

static PyObject *promise_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames);

static struct pyn_promise *of(PyObject *self)
{
    return (struct pyn_promise *)self;
}

bool pyn_promise_is(PyObject *value)
{
    return Py_IS_TYPE(value, pyn_core.promise) || Py_IS_TYPE(value, step_type) || Py_IS_TYPE(value, pyn_core.pipeline);
}

struct pyn_promise *pyn_promise_new(struct pyn_pipeline *pipeline)
{
    struct pyn_promise *self = of(pyn_core.promise->tp_alloc(pyn_core.promise, 0));

    if (self != NULL) {
        self->vectorcall = promise_call;
        self->pipeline = (struct pyn_pipeline *)Py_NewRef((PyObject *)pipeline);
    }
    return self;
}

PyObject *pyn_promise_hold(struct pyn_pipeline *pipeline, PyObject *netref)
{
    struct pyn_promise *self = pyn_promise_new(pipeline);

    if (self != NULL) {
        self->state = PYN_PROMISE_HELD;
        self->value = Py_NewRef(netref);
    }
    return (PyObject *)self;
}

PyObject *pyn_promised(PyObject *value)
{
    const struct pyn_promise *promise = of(value);
    struct pyn_view name = {NULL, 0};
    PyObject *text = NULL;
    PyObject *said = NULL;

    if (!Py_IS_TYPE(value, pyn_core.promise)) {
        return PyUnicode_FromString(Py_TYPE(value)->tp_name);
    }
    name = promise->state == PYN_PROMISE_HELD ? pyn_netref_iface(promise->value)->name : promise->type->spelling;
    text = pyn_str(name);
    if (text != NULL) {
        said = PyUnicode_FromFormat("a promise of %U", text);
        Py_DECREF(text);
    }
    return said;
}

/* ---- its interface ---- */

/* The one alternative that is an interface; NULL: there is none, or more than one. */
static const struct pyn_iface *declared_iface(const struct pyn_type *type)
{
    const struct pyn_type *const *items = type->kind == PYN_T_UNION ? type->items : &type;
    uint32_t count = type->kind == PYN_T_UNION ? type->count : 1;
    const struct pyn_iface *found = NULL;

    for (uint32_t i = 0; i < count; i++) {
        if (items[i]->kind == PYN_T_IFACE && found != NULL) {
            return NULL;
        }
        if (items[i]->kind == PYN_T_IFACE) {
            found = items[i]->iface != NULL ? items[i]->iface : items[i]->import;
        }
    }
    return found;
}

/* Where an event loop drives the connection: NULL with a BlockingIOError when it may be known behind the next ping. */
static const struct pyn_iface *look_later(struct pyn_link *link, const struct pyn_iface *from, struct pyn_view name)
{
    const struct pyn_iface *found = NULL;
    pyn_status st = pyn_link_post_look(link, from, name, &found);

    if (st == PYN_EWAIT) {
        PyErr_SetString(PyExc_BlockingIOError, "the server has not described it yet");
    } else if (st != PYN_OK) {
        (void)pyn_raise(st, st == PYN_EQUOTA ? "output: the peer does not read" : link->reason);
    }
    return found;
}

/* Asks the server, which has not sent one yet. */
static const struct pyn_iface *look(struct pyn_link *link, const struct pyn_iface *from, struct pyn_view name)
{
    const struct pyn_iface *found = NULL;
    pyn_status st = PYN_EWAIT;
    bool is_asked = false;

    if (pyn_inbox_of(link) != NULL) {
        return look_later(link, from, name);
    }
    while (st == PYN_EWAIT) {
        Py_BEGIN_ALLOW_THREADS
        st = pyn_link_look(link, from, name, pyn_now() + LOOK_NS, &is_asked, &found);
        Py_END_ALLOW_THREADS
        if (st == PYN_EWAIT && PyErr_CheckSignals() != 0) {
            return NULL;
        }
    }
    if (st != PYN_OK) {
        (void)pyn_raise(st, st == PYN_EQUOTA ? "output: the peer does not read" : link->reason);
    } else if (found == NULL) {
        PyObject *text = pyn_str(name);
        if (text != NULL) {
            PyErr_Format(pyn_core.refused, "the server does not say what %U is", text);
            Py_DECREF(text);
        }
    }
    return found;
}

static const struct pyn_iface *named_iface(const struct pyn_promise *promise, const struct pyn_iface *declared)
{
    struct pyn_pipeline *pipeline = promise->pipeline;

    if (!declared->is_external) {
        return declared;
    }
    if (pipeline->declared != declared) {
        const struct pyn_iface *described = look(pipeline->link, promise->op->iface, declared->name);
        if (described == NULL) {
            return NULL;
        }
        pipeline->declared = declared;
        pipeline->described = described;
    }
    return pipeline->described;
}

const struct pyn_iface *pyn_promise_iface(struct pyn_promise *promise)
{
    const struct pyn_iface *declared = NULL;

    if (promise->state == PYN_PROMISE_HELD) {
        return pyn_netref_iface(promise->value);
    }
    declared = declared_iface(promise->type);
    if (declared == NULL) {
        PyObject *said = pyn_promised((PyObject *)promise);
        if (said != NULL) {
            PyErr_Format(PyExc_TypeError, "%U has no operations before it is there", said);
            Py_DECREF(said);
        }
        return NULL;
    }
    return named_iface(promise, declared);
}

/* ---- operations ---- */

static PyObject *step_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    struct step *step = (struct step *)self;

    return pyn_pipeline_add(step->target, step->op, args, PyVectorcall_NARGS(nargsf), kwnames);
}

static PyObject *make_step(struct pyn_promise *target, const struct pyn_op *op)
{
    struct step *step = (struct step *)step_type->tp_alloc(step_type, 0);

    if (step != NULL) {
        step->target = (struct pyn_promise *)Py_NewRef((PyObject *)target);
        step->op = op;
        step->vectorcall = step_call;
    }
    return (PyObject *)step;
}

static const struct pyn_op *find_op(struct pyn_promise *promise, enum pyn_op_kind kind, PyObject *name)
{
    const struct pyn_iface *iface = pyn_promise_iface(promise);
    Py_ssize_t len = 0;
    const char *text = iface != NULL ? PyUnicode_AsUTF8AndSize(name, &len) : NULL;

    return text != NULL ? pyn_iface_op(iface, kind, (struct pyn_view){(const uint8_t *)text, (size_t)len}) : NULL;
}

/* A promise of data has nothing but what every promise has, and so has any behind the block. */
static bool has_operations(const struct pyn_promise *promise)
{
    if (promise->pipeline->state != PYN_PIPELINE_NEW && promise->pipeline->state != PYN_PIPELINE_OPEN) {
        return false;
    }
    return promise->state == PYN_PROMISE_HELD || declared_iface(promise->type) != NULL;
}

static bool is_dunder(PyObject *name)
{
    return PyUnicode_GET_LENGTH(name) > 4 && PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) == '_';
}

static PyObject *no_attribute(PyObject *self, PyObject *name)
{
    bool is_over = of(self)->pipeline->state > PYN_PIPELINE_OPEN;
    PyObject *said = pyn_promised(self);

    if (said != NULL) {
        PyErr_Format(PyExc_AttributeError, "%U has no attribute '%U'%s", said, name,
                     is_over ? " behind its pipeline's block: ask its result()" : "");
        Py_DECREF(said);
    }
    return NULL;
}

/* Its operations, but for what Python itself asks of every object. */
static PyObject *promise_getattro(PyObject *self, PyObject *name)
{
    const struct pyn_op *op = NULL;
    PyObject *found = NULL;

    if (name == result_name && !has_operations(of(self))) {
        return PyCFunction_New(&promise_methods[0], self); /* what most are asked, found at once */
    }
    if (is_dunder(name) && pyn_type_lookup(Py_TYPE(self), name) != NULL) {
        return PyObject_GenericGetAttr(self, name);
    }
    if (has_operations(of(self))) {
        op = find_op(of(self), PYN_OP_METHOD, name);
        if (op != NULL) {
            return make_step(of(self), op);
        }
        op = PyErr_Occurred() ? NULL : find_op(of(self), PYN_OP_GET, name);
        if (op != NULL) {
            return pyn_pipeline_add(of(self), op, NULL, 0, NULL);
        }
    }
    if (PyErr_Occurred()) {
        return NULL;
    }
    found = PyObject_GenericGetAttr(self, name);
    if (found == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        return no_attribute(self, name);
    }
    return found;
}

static int promise_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    const struct pyn_op *op = value != NULL && has_operations(of(self)) ? find_op(of(self), PYN_OP_SET, name) : NULL;
    PyObject *promise = NULL;

    if (op == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_Format(PyExc_AttributeError, "attribute '%U' cannot be %s", name, value == NULL ? "deleted" : "set");
        }
        return -1;
    }
    promise = pyn_pipeline_add(of(self), op, &value, 1, NULL);
    Py_XDECREF(promise);
    return promise != NULL ? 0 : -1;
}

static const struct pyn_op *find_dunder(struct pyn_promise *promise, const char *name)
{
    const struct pyn_iface *iface = pyn_promise_iface(promise);
    const struct pyn_op *op = iface != NULL ? pyn_iface_op(iface, PYN_OP_METHOD, pyn_view_of(name)) : NULL;

    if (op == NULL && !PyErr_Occurred()) {
        PyObject *said = pyn_promised((PyObject *)promise);
        if (said != NULL) {
            PyErr_Format(PyExc_TypeError, "%U has no %s", said, name);
            Py_DECREF(said);
        }
    }
    return op;
}

static PyObject *promise_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    const struct pyn_op *op = find_dunder(of(self), "__call__");

    return op != NULL ? pyn_pipeline_add(of(self), op, args, PyVectorcall_NARGS(nargsf), kwnames) : NULL;
}

static PyObject *promise_getitem(PyObject *self, PyObject *key)
{
    const struct pyn_op *op = find_dunder(of(self), "__getitem__");

    return op != NULL ? pyn_pipeline_add(of(self), op, &key, 1, NULL) : NULL;
}

static int promise_setitem(PyObject *self, PyObject *key, PyObject *value)
{
    const struct pyn_op *op = find_dunder(of(self), value != NULL ? "__setitem__" : "__delitem__");
    PyObject *args[] = {key, value};
    PyObject *promise = op != NULL ? pyn_pipeline_add(of(self), op, args, value != NULL ? 2 : 1, NULL) : NULL;

    Py_XDECREF(promise);
    return promise != NULL ? 0 : -1;
}

/* ---- what is not there yet has no answer for Python ---- */

static int promise_bool(PyObject *self)
{
    PyErr_Format(PyExc_TypeError, "%R is neither true nor false: ask its result", self);
    return -1;
}

static PyObject *promise_compare(PyObject *self, PyObject *other, int operation)
{
    if ((operation == Py_EQ || operation == Py_NE) && Py_IS_TYPE(other, pyn_core.promise)) {
        return PyBool_FromLong((self == other) == (operation == Py_EQ));
    }
    PyErr_Format(PyExc_TypeError, "%R cannot be compared: ask its result", self);
    return NULL;
}

static Py_hash_t promise_hash(PyObject *self)
{
    return _Py_HashPointer(self);
}

static PyObject *refuse_copy(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    PyErr_Format(PyExc_TypeError, "%R cannot be copied or pickled: it stands for what is elsewhere", self);
    return NULL;
}

/* ---- the result ---- */

static PyObject *result_of(const struct pyn_promise *promise)
{
    switch (promise->state) {
    case PYN_PROMISE_HELD:
    case PYN_PROMISE_KEPT:
        return Py_NewRef(promise->value);
    case PYN_PROMISE_BROKEN:
        PyErr_SetObject((PyObject *)Py_TYPE(promise->value), promise->value);
        return NULL;
    case PYN_PROMISE_UNSENT:
        PyErr_SetString(PyExc_RuntimeError,
                        "this promise has no result: its pipeline's block was left by an exception");
        return NULL;
    case PYN_PROMISE_OPEN:
        break;
    }
    PyErr_SetString(PyExc_RuntimeError, "this promise has no result yet: it has one behind the pipeline's block");
    return NULL;
}

static PyObject *promise_result(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return result_of(of(self));
}

static PyObject *promise_repr(PyObject *self)
{
    static const char *const states[] = {"", ", there", ", kept", ", broken", ", never sent"};
    PyObject *said = pyn_promised(self);
    PyObject *text = said != NULL ? PyUnicode_FromFormat("<%U%s>", said, states[of(self)->state]) : NULL;

    Py_XDECREF(said);
    return text;
}

static PyObject *step_repr(PyObject *self)
{
    const struct step *step = (struct step *)self;
    PyObject *name = pyn_str(step->op->name);
    PyObject *text = name != NULL ? PyUnicode_FromFormat("<step %U of %R>", name, (PyObject *)step->target) : NULL;

    Py_XDECREF(name);
    return text;
}

/* ---- the types ---- */

static int promise_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)of(self)->pipeline);
    Py_VISIT(of(self)->value);
    return 0;
}

static void promise_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_CLEAR(of(self)->value);
    Py_CLEAR(of(self)->pipeline);
    type->tp_free(self);
    Py_DECREF(type);
}

static int step_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)((struct step *)self)->target);
    return 0;
}

static void step_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_CLEAR(((struct step *)self)->target);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef promise_methods[] = {
    {"result", promise_result, METH_NOARGS,
     "result()\n--\n\nWhat it stands for, behind the pipeline's block; or raises what became of it."},
    {"__reduce__", refuse_copy, METH_NOARGS, NULL},
    {"__reduce_ex__", refuse_copy, METH_O, NULL},
    {"__copy__", refuse_copy, METH_NOARGS, NULL},
    {"__deepcopy__", refuse_copy, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef step_methods[] = {
    {"__reduce__", refuse_copy, METH_NOARGS, NULL},
    {"__reduce_ex__", refuse_copy, METH_O, NULL},
    {"__copy__", refuse_copy, METH_NOARGS, NULL},
    {"__deepcopy__", refuse_copy, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef promise_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct pyn_promise, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMemberDef step_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct step, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot promise_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "The result of a step of a pipeline."},
    {Py_tp_traverse, promise_traverse},
    {Py_tp_dealloc, promise_dealloc},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_getattro, promise_getattro},
    {Py_tp_setattro, promise_setattro},
    {Py_tp_repr, promise_repr},
    {Py_tp_richcompare, promise_compare},
    {Py_tp_hash, promise_hash},
    {Py_nb_bool, promise_bool},
    {Py_mp_subscript, promise_getitem},
    {Py_mp_ass_subscript, promise_setitem},
    {Py_tp_methods, promise_methods},
    {Py_tp_members, promise_members},
    {0, NULL},
};

static PyType_Spec promise_spec = {
    .name = "pynto.Promise",
    .basicsize = sizeof(struct pyn_promise),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = promise_slots,
};

static PyType_Slot step_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "A method of a promise."},
    {Py_tp_traverse, step_traverse},
    {Py_tp_dealloc, step_dealloc},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_repr, step_repr},
    {Py_tp_methods, step_methods},
    {Py_tp_members, step_members},
    {0, NULL},
};

static PyType_Spec step_spec = {
    .name = "pynto.Step",
    .basicsize = sizeof(struct step),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = step_slots,
};

int pyn_promise_init(PyObject *module)
{
    pyn_core.promise = (PyTypeObject *)PyType_FromModuleAndSpec(module, &promise_spec, NULL);
    step_type = (PyTypeObject *)PyType_FromSpec(&step_spec);
    result_name = PyUnicode_InternFromString("result");
    if (pyn_core.promise == NULL || step_type == NULL || result_name == NULL) {
        return -1;
    }
    return PyModule_AddType(module, pyn_core.promise);
}
