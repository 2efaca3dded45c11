/* awaitable.c - what a method of a netref gives where an event loop drives the connection: made, awaited, given up; see awaitable.h. */
#include "awaitable.h"
#include "deadline.h"

#include "remote_method.h"

PyTypeObject *pyn_awaitable_type;

static struct pyn_awaitable *of(PyObject *self)
{
    return pyn_awaitable_from(self);
}

/* ---- making ---- */

static struct pyn_awaitable *make(struct pyn_link *link)
{
    struct pyn_awaitable *self = of(pyn_awaitable_type->tp_alloc(pyn_awaitable_type, 0));

    if (self != NULL) {
        self->link = pyn_link_ref(link);
        self->party = (struct pyn_party *)Py_NewRef((PyObject *)link->host);
    }
    return self;
}

PyObject *pyn_awaitable_new(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames)
{
    Py_ssize_t count = nargs + (kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0);
    struct pyn_awaitable *self = NULL;

    if (pyn_netref_check(netref) != 0) {
        return NULL;
    }
    self = make(pyn_netref_link(netref));
    if (self == NULL) {
        return NULL;
    }
    self->netref = Py_NewRef(netref);
    self->op = op;
    self->kwnames = Py_XNewRef(kwnames);
    self->args = PyTuple_New(count);
    for (Py_ssize_t i = 0; self->args != NULL && i < count; i++) {
        PyTuple_SET_ITEM(self->args, i, Py_NewRef(args[i]));
    }
    if (self->args == NULL) {
        self->state = PYN_AWAITABLE_DONE;
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static PyObject *new_exit(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *argument = pyn_exit_argument(netref, args, nargs);
    PyObject *self = argument != NULL ? pyn_awaitable_new(netref, op, &argument, 1, NULL) : NULL;

    if (self != NULL && pyn_netref_party(netref)->is_server) {
        of(self)->after = PYN_AFTER_GIVE_NONE;
    }
    Py_XDECREF(argument);
    return self;
}

static PyObject *new_throw(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *error = pyn_thrown_exception(args, nargs);
    PyObject *told = NULL;
    PyObject *self = NULL;
    bool is_exit = error != NULL && PyErr_GivenExceptionMatches(error, PyExc_GeneratorExit);

    if (is_exit) {
        const struct pyn_op *close = pyn_op_close(op);
        if (close != NULL) {
            self = pyn_awaitable_new(netref, close, NULL, 0, NULL);
        }
    } else if (error != NULL) {
        told = pyn_told(pyn_netref_party(netref), error);
        self = told != NULL ? pyn_awaitable_new(netref, op, &told, 1, NULL) : NULL;
    }
    if (self != NULL) {
        of(self)->after = is_exit ? PYN_AFTER_RAISE_THROWN : PYN_AFTER_KNOW_THROWN;
        of(self)->thrown = Py_NewRef(error);
    }
    Py_XDECREF(told);
    Py_XDECREF(error);
    return self;
}

PyObject *pyn_awaitable_of(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames)
{
    PyObject *self = NULL;

    if (op->kind == PYN_OP_METHOD && pyn_op_is_exit(op)) {
        return new_exit(netref, op, args, nargs);
    }
    if (op->kind == PYN_OP_METHOD && pyn_op_is_throw(op)) {
        return new_throw(netref, op, args, nargs);
    }
    self = pyn_awaitable_new(netref, op, args, nargs, kwnames);
    if (self != NULL && pyn_netref_link(netref)->server == NULL && op->kind == PYN_OP_METHOD &&
        pyn_awaitable_has_promised(args, PyTuple_GET_SIZE(of(self)->args))) {
        PyObject *node = Py_XNewRef(pyn_awaitable_promised(of(self)));
        of(self)->state = PYN_AWAITABLE_DONE;
        Py_SETREF(self, node);
    }
    return self;
}

/* ---- being awaited ---- */

static PySendResult fail(struct pyn_awaitable *self)
{
    self->state = PYN_AWAITABLE_DONE;
    Py_CLEAR(self->args);
    return PYGEN_ERROR;
}

/* Who awaits sleeps on this future. */
static PySendResult sleep_on(PyObject *future, PyObject **result)
{
    if (future == NULL || PyObject_SetAttrString(future, "_asyncio_future_blocking", Py_True) != 0) {
        return PYGEN_ERROR;
    }
    *result = Py_NewRef(future);
    return PYGEN_NEXT;
}

static PyObject *make_future(struct pyn_awaitable *self)
{
    return PyObject_CallMethod(pyn_loop_of(self->link)->loop, "create_future", NULL);
}

static PySendResult sleep_for_answer(struct pyn_awaitable *self, PyObject **result)
{
    PyObject *done = NULL;
    bool is_awaited = false;

    if (self->future != NULL) {
        done = PyObject_CallMethod(self->future, "done", NULL);
        is_awaited = done == Py_False;
        Py_XDECREF(done);
    }
    if (is_awaited) {
        PyErr_SetString(PyExc_RuntimeError, "this call is being awaited already");
        return PYGEN_ERROR;
    }
    Py_XSETREF(self->future, make_future(self));
    return sleep_on(self->future, result);
}

/* A future of its own: who cancels one of those who wait does not cancel the others. */
static PySendResult sleep_until_read(struct pyn_awaitable *self, PyObject **result)
{
    struct pyn_loop *loop = pyn_loop_of(self->link);

    Py_XSETREF(self->future, make_future(self));
    if (self->future == NULL || PyDict_SetItem(loop->drained, self->future, Py_None) != 0) {
        return PYGEN_ERROR;
    }
    return sleep_on(self->future, result);
}

static void stop_waiting_to_be_read(struct pyn_awaitable *self)
{
    PyObject *drained = pyn_loop_of(self->link)->drained;

    if (self->future != NULL && PyDict_Contains(drained, self->future) == 1) {
        (void)PyDict_DelItem(drained, self->future);
    }
}

static bool has_to_wait(const struct pyn_awaitable *self)
{
    size_t len = 0;

    return self->link->server == NULL && pyn_link_wants_output(self->link, &len) && len > PYN_UNREAD_HIGH;
}

static PySendResult start(struct pyn_awaitable *self, PyObject **result)
{
    if (!pyn_loop_check(self->link)) {
        return fail(self);
    }
    if (has_to_wait(self)) {
        return sleep_until_read(self, result);
    }
    if (pyn_awaitable_send(self) != 0) {
        return fail(self);
    }
    Py_CLEAR(self->args);
    Py_CLEAR(self->kwnames);
    pyn_loop_of(self->link)->moved(pyn_loop_of(self->link), self->link);
    return sleep_for_answer(self, result);
}

static PySendResult give(struct pyn_awaitable *self, PyObject **result)
{
    self->state = PYN_AWAITABLE_DONE;
    if (self->value != NULL) {
        *result = self->value; /* moved */
        self->value = NULL;
        return PYGEN_RETURN;
    }
    PyErr_SetObject((PyObject *)Py_TYPE(self->error), self->error);
    Py_CLEAR(self->error);
    return PYGEN_ERROR;
}

static PySendResult delegate(struct pyn_awaitable *self, PyObject *sent, PyObject **result)
{
    if (self->delegate == NULL) {
        self->state = PYN_AWAITABLE_DONE;
        self->delegate = PyObject_CallMethod(self->node, "__await__", NULL);
    }
    return self->delegate != NULL ? PyIter_Send(self->delegate, sent, result) : PYGEN_ERROR;
}

static PySendResult awaitable_send(PyObject *object, PyObject *sent, PyObject **result)
{
    struct pyn_awaitable *self = of(object);

    *result = NULL;
    if (self->node != NULL) {
        return delegate(self, sent, result);
    }
    switch (self->state) {
    case PYN_AWAITABLE_NEW:
        return start(self, result);
    case PYN_AWAITABLE_SENT:
        return sleep_for_answer(self, result);
    case PYN_AWAITABLE_ANSWERED:
        return give(self, result);
    default:
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse a call that was awaited already");
        return PYGEN_ERROR;
    }
}

static PyObject *raise_stop(PyObject *value)
{
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);

    if (stop != NULL) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
    Py_DECREF(value);
    return NULL;
}

static PyObject *awaitable_next(PyObject *self)
{
    PyObject *result = NULL;

    return awaitable_send(self, Py_None, &result) == PYGEN_RETURN ? raise_stop(result) : result;
}

static PyObject *awaitable_send_method(PyObject *self, PyObject *Py_UNUSED(sent))
{
    return awaitable_next(self);
}

/* Nobody awaits it any more. */
static void give_up(struct pyn_awaitable *self)
{
    if (self->state == PYN_AWAITABLE_NEW) {
        stop_waiting_to_be_read(self);
    }
    self->state = PYN_AWAITABLE_DONE;
    pyn_loop_forget(&self->timer);
    Py_CLEAR(self->args);
    Py_CLEAR(self->value);
    Py_CLEAR(self->error);
    pyn_awaitable_cancel(self);
}

static PyObject *awaitable_expire(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    struct pyn_awaitable *self = of(object);

    if (self->state == PYN_AWAITABLE_SENT) {
        Py_INCREF(object);
        (void)pyn_raise_deadline_text("waiting", "deadline: no answer in time");
        self->error = pyn_taken_exception();
        pyn_awaitable_wake(self);
        pyn_awaitable_cancel(self);
        Py_DECREF(object);
    }
    Py_RETURN_NONE;
}

static PyObject *delegated_throw(struct pyn_awaitable *self, PyObject *args)
{
    PyObject *method = PyObject_GetAttrString(self->delegate, "throw");
    PyObject *result = method != NULL ? PyObject_CallObject(method, args) : NULL;

    Py_XDECREF(method);
    return result;
}

static PyObject *awaitable_throw(PyObject *object, PyObject *args)
{
    PyObject *type = NULL;
    PyObject *value = NULL;
    PyObject *traceback = NULL;

    if (!PyArg_ParseTuple(args, "O|OO:throw", &type, &value, &traceback)) {
        return NULL;
    }
    if (of(object)->delegate != NULL) {
        return delegated_throw(of(object), args);
    }
    Py_INCREF(object);
    give_up(of(object));
    if (PyExceptionInstance_Check(type)) {
        PyErr_SetObject((PyObject *)Py_TYPE(type), type);
    } else if (PyExceptionClass_Check(type)) {
        PyErr_SetObject(type, value);
    } else {
        PyErr_SetString(PyExc_TypeError, "exceptions must be classes or instances deriving from BaseException");
    }
    Py_DECREF(object);
    return NULL;
}

static PyObject *awaitable_close(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    if (of(object)->delegate != NULL) {
        return PyObject_CallMethod(of(object)->delegate, "close", NULL);
    }
    Py_INCREF(object);
    give_up(of(object));
    Py_DECREF(object);
    Py_RETURN_NONE;
}

static PyObject *awaitable_await(PyObject *self)
{
    return Py_NewRef(self);
}

/* ---- the type ---- */

static PyObject *awaitable_promised(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return Py_XNewRef(pyn_awaitable_promised(of(self)));
}

static PyObject *awaitable_repr(PyObject *object)
{
    static const char *const states[] = {"not awaited", "waiting", "answered", "done"};
    const struct pyn_awaitable *self = of(object);
    PyObject *name = self->op != NULL ? pyn_str(self->op->name) : PyUnicode_FromString("root");
    PyObject *text = NULL;

    if (name != NULL) {
        text = PyUnicode_FromFormat("<pynto.aio.Call of %U, %s>", name, states[self->state]);
        Py_DECREF(name);
    }
    return text;
}

static void awaitable_finalize(PyObject *object)
{
    struct pyn_awaitable *self = of(object);
    PyObject *error = PyErr_Occurred() != NULL ? pyn_taken_exception() : NULL;

    if (self->state == PYN_AWAITABLE_NEW && self->op != NULL && self->node == NULL) {
        PyObject *name = pyn_str(self->op->name);
        self->state = PYN_AWAITABLE_DONE;
        if (name == NULL || PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "the call of '%U' was never awaited", name) != 0) {
            PyErr_WriteUnraisable(object);
        }
        Py_XDECREF(name);
    }
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
}

static int awaitable_traverse(PyObject *object, visitproc visit, void *arg)
{
    const struct pyn_awaitable *self = of(object);

    Py_VISIT(Py_TYPE(object));
    Py_VISIT((PyObject *)self->party);
    Py_VISIT(self->netref);
    Py_VISIT(self->args);
    Py_VISIT(self->thrown);
    Py_VISIT(self->timer);
    Py_VISIT(self->future);
    Py_VISIT(self->value);
    Py_VISIT(self->error);
    Py_VISIT(self->node);
    Py_VISIT(self->delegate);
    return 0;
}

static int awaitable_clear(PyObject *object)
{
    struct pyn_awaitable *self = of(object);

    Py_CLEAR(self->netref);
    Py_CLEAR(self->args);
    Py_CLEAR(self->kwnames);
    Py_CLEAR(self->thrown);
    Py_CLEAR(self->timer);
    Py_CLEAR(self->future);
    Py_CLEAR(self->value);
    Py_CLEAR(self->error);
    Py_CLEAR(self->node);
    Py_CLEAR(self->delegate);
    return 0;
}

static void awaitable_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    if (PyObject_CallFinalizerFromDealloc(object) != 0) {
        return;
    }
    PyObject_GC_UnTrack(object);
    (void)awaitable_clear(object);
    pyn_link_unref(of(object)->link);
    Py_XDECREF((PyObject *)of(object)->party);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef awaitable_methods[] = {
    {"send", awaitable_send_method, METH_O, "send(None)\n--\n\nWhat awaits it goes on."},
    {"throw", awaitable_throw, METH_VARARGS, "throw(error)\n--\n\nGives the call up, and raises error."},
    {"_expire", awaitable_expire, METH_NOARGS, NULL},
    {"_promised", awaitable_promised, METH_NOARGS, "_promised()\n--\n\nWhat stands for its result before it is there."},
    {"close", awaitable_close, METH_NOARGS, "close()\n--\n\nGives the call up."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot awaitable_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "A call that is sent when it is awaited."},
    {Py_tp_traverse, awaitable_traverse},
    {Py_tp_clear, awaitable_clear},
    {Py_tp_finalize, awaitable_finalize},
    {Py_tp_dealloc, awaitable_dealloc},
    {Py_tp_repr, awaitable_repr},
    {Py_tp_getattro, pyn_awaitable_getattro},
    {Py_tp_call, pyn_awaitable_call},
    {Py_mp_subscript, pyn_awaitable_item},
    {Py_tp_iter, awaitable_await},
    {Py_tp_iternext, awaitable_next},
    {Py_am_await, awaitable_await},
    {Py_am_send, awaitable_send},
    {Py_tp_methods, awaitable_methods},
    {0, NULL},
};

static PyType_Spec awaitable_spec = {
    .name = "pynto._core.Call",
    .basicsize = sizeof(struct pyn_awaitable),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = awaitable_slots,
};

int pyn_awaitable_init(PyObject *module)
{
    pyn_awaitable_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &awaitable_spec, NULL);
    return pyn_awaitable_type != NULL ? PyModule_AddType(module, pyn_awaitable_type) : -1;
}

PyObject *pyn_awaitable_root(struct pyn_link *link)
{
    return (PyObject *)make(link);
}
