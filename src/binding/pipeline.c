/* pipeline.c - connection.pipeline(): the block in which steps are written down; see pipeline.h. */
#include "pipeline.h"

#include "../wire/pack.h"

static struct pyn_pipeline *of(PyObject *self)
{
    return (struct pyn_pipeline *)self;
}

/* ---- lists ---- */

void *pyn_list_add(struct pyn_list *list, size_t size)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 8 : list->room * 2;
        void *grown = room <= PY_SSIZE_T_MAX / size ? PyMem_Realloc(list->items, room * size) : NULL;
        if (grown == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        list->items = grown;
        list->room = room;
    }
    return (char *)list->items + list->count++ * size;
}

void pyn_list_fini(struct pyn_list *list)
{
    if (list->items != NULL) {
        PyMem_Free(list->items);
        *list = (struct pyn_list){NULL, 0, 0};
    }
}

static void drop_held(struct pyn_list *held)
{
    struct pyn_list taken = *held; /* what goes may come back here */

    *held = (struct pyn_list){NULL, 0, 0};
    for (size_t i = 0; i < taken.count; i++) {
        Py_DECREF(((PyObject **)taken.items)[i]);
    }
    pyn_list_fini(&taken);
}

/* ---- a step that is being packed ---- */

/* One step behind the other is of the same object, as a rule. */
static bool is_held(const struct pyn_list *held, const PyObject *netref)
{
    return held->count > 0 && ((PyObject **)held->items)[held->count - 1] == netref;
}

int pyn_draft_hold(struct pyn_draft *draft, PyObject *netref)
{
    PyObject **place = NULL;

    if (is_held(&draft->pipeline->held, netref)) {
        return 0;
    }
    place = pyn_list_add(&draft->held, sizeof *place);
    if (place == NULL) {
        return -1;
    }
    *place = Py_NewRef(netref);
    return 0;
}

void pyn_draft_rewind(struct pyn_draft *draft, size_t len)
{
    const struct pyn_patch *patches = draft->patches.items;

    while (draft->patches.count > 0 && patches[draft->patches.count - 1].at >= len) {
        draft->patches.count--;
    }
}

void pyn_draft_fini(struct pyn_draft *draft)
{
    drop_held(&draft->held);
    pyn_list_fini(&draft->patches);
}

static int pack_target(struct pyn_encoder *encoder, const struct pyn_promise *target)
{
    struct pyn_patch *patch = NULL;
    pyn_status st = pyn_pack_array(&encoder->buf, 4);

    if (target->state == PYN_PROMISE_HELD) {
        if (st == PYN_OK) {
            st = pyn_pack_uint(&encoder->buf, pyn_netref_id(target->value));
        }
        return pyn_packed(encoder, st) != 0 || pyn_netref_check(target->value) != 0
                   ? -1
                   : pyn_draft_hold(encoder->draft, target->value);
    }
    patch = pyn_list_add(&encoder->draft->patches, sizeof *patch);
    if (patch == NULL) {
        return -1;
    }
    *patch = (struct pyn_patch){.at = pyn_buf_len(&encoder->buf), .step = target->step, .is_target = true};
    return pyn_packed(encoder, st == PYN_OK ? pyn_pack_promise(&encoder->buf, target->step) : st);
}

/* ---- it is written down ---- */

/* Appends count items of from to the list, or nothing. */
static int join(struct pyn_list *to, const void *from, size_t count, size_t size)
{
    size_t before = to->count;

    for (size_t i = 0; i < count; i++) {
        void *place = pyn_list_add(to, size);
        if (place == NULL) {
            to->count = before;
            return -1;
        }
        memcpy(place, (const char *)from + i * size, size);
    }
    return 0;
}

/* All of it or nothing; what the draft and the encoder held is the pipeline's then. */
static int append(struct pyn_pipeline *pipeline, struct pyn_encoder *encoder, struct pyn_promise *promise)
{
    struct pyn_draft *draft = encoder->draft;
    struct pyn_view bytes = pyn_buf_view(&encoder->buf);
    size_t before = pyn_buf_len(&pipeline->bytes);
    size_t patches = pipeline->patches.count;
    size_t held = pipeline->held.count;
    size_t ids = pipeline->ids.count;
    struct pyn_written *step = NULL;

    for (size_t i = 0; i < draft->patches.count; i++) {
        ((struct pyn_patch *)draft->patches.items)[i].at += before;
    }
    if (join(&pipeline->patches, draft->patches.items, draft->patches.count, sizeof(struct pyn_patch)) != 0 ||
        join(&pipeline->held, draft->held.items, draft->held.count, sizeof(PyObject *)) != 0 ||
        join(&pipeline->ids, encoder->ids, encoder->id_count, sizeof *encoder->ids) != 0 ||
        pyn_packed(encoder, pyn_buf_append(&pipeline->bytes, bytes.data, bytes.len)) != 0 ||
        (step = pyn_list_add(&pipeline->steps, sizeof *step)) == NULL) {
        pipeline->patches.count = patches;
        pipeline->held.count = held;
        pipeline->ids.count = ids;
        pyn_buf_truncate(&pipeline->bytes, before);
        return -1;
    }
    promise->step = (uint32_t)(pipeline->steps.count - 1);
    *step = (struct pyn_written){.promise = (struct pyn_promise *)Py_NewRef((PyObject *)promise),
                                 .end = pyn_buf_len(&pipeline->bytes),
                                 .patch_end = pipeline->patches.count,
                                 .id_end = pipeline->ids.count,
                                 .element_count = encoder->element_count};
    draft->held.count = 0; /* moved */
    return 0;
}

static int check_open(const struct pyn_pipeline *pipeline)
{
    switch (pipeline->state) {
    case PYN_PIPELINE_OPEN:
        if (pipeline->steps.count < UINT32_MAX) {
            return 0;
        }
        PyErr_SetString(pyn_core.quota_exceeded, "steps: 4294967295");
        return -1;
    case PYN_PIPELINE_NEW:
        PyErr_SetString(PyExc_RuntimeError, "a pipeline is used in a with block");
        return -1;
    default:
        PyErr_SetString(PyExc_RuntimeError,
                        "the block of this pipeline has ended: what it gives has to be called in there");
        return -1;
    }
}

/* The book of the operations that target has. */
static struct pyn_book *book_of(const struct pyn_promise *target, const struct pyn_op *op)
{
    return target->state == PYN_PROMISE_HELD ? pyn_netref_book(target->value)
                                             : pyn_party_book(target->pipeline->link->host, op->iface->policy);
}

PyObject *pyn_pipeline_add(struct pyn_promise *target, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames)
{
    struct pyn_pipeline *pipeline = target->pipeline;
    struct pyn_draft draft = {.pipeline = pipeline};
    struct pyn_book *book = NULL;
    struct pyn_promise *promise = NULL;
    struct pyn_encoder encoder;
    bool is_written = false;

    if (check_open(pipeline) != 0 || (book = book_of(target, op)) == NULL ||
        (promise = pyn_promise_new(pipeline)) == NULL) {
        return NULL;
    }
    promise->op = op;
    promise->book = book;
    pyn_encoder_init_step(&encoder, pipeline->link, book, &draft);
    is_written = pack_target(&encoder, target) == 0 &&
                 pyn_pack_operation(&encoder, op, args, nargs, kwnames, &promise->type) == 0 &&
                 check_open(pipeline) == 0; /* fields of records may be properties that end it */
    is_written = is_written && append(pipeline, &encoder, promise) == 0;
    pyn_encoder_fini(&encoder, is_written);
    pyn_draft_fini(&draft);
    if (!is_written) {
        Py_DECREF((PyObject *)promise);
        return NULL;
    }
    return (PyObject *)promise;
}

/* ---- the block ---- */

PyObject *pyn_pipeline_new(PyObject *connection, struct pyn_link *link)
{
    struct pyn_pipeline *self = of(pyn_core.pipeline->tp_alloc(pyn_core.pipeline, 0));

    if (self != NULL) {
        self->connection = Py_NewRef(connection);
        self->link = pyn_link_ref(link);
        pyn_buf_init(&self->bytes, pyn_mem_default(), SIZE_MAX);
    }
    return (PyObject *)self;
}

/* What was exported for steps that are not sent is taken back; what they named may go. */
static void give_back(struct pyn_pipeline *pipeline)
{
    pyn_link_lock(pipeline->link);
    for (size_t i = 0; pipeline->link->over == PYN_OK && i < pipeline->ids.count; i++) {
        uint64_t id = ((uint64_t *)pipeline->ids.items)[i];
        if (id != PYN_PIPELINE_ID_SENT) {
            pyn_session_unexport(pipeline->link->session, id);
        }
    }
    pyn_link_unlock(pipeline->link);
    pyn_list_fini(&pipeline->ids);
    pyn_buf_fini(&pipeline->bytes);
    pyn_list_fini(&pipeline->patches);
    drop_held(&pipeline->held);
    pyn_drop_dead(pipeline->link);
}

static void drop_steps(struct pyn_pipeline *pipeline)
{
    struct pyn_list taken = pipeline->steps;

    pipeline->steps = (struct pyn_list){NULL, 0, 0};
    for (size_t i = 0; i < taken.count; i++) {
        Py_DECREF((PyObject *)((struct pyn_written *)taken.items)[i].promise);
    }
    pyn_list_fini(&taken);
}

static void leave_unsent(struct pyn_pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->steps.count; i++) {
        struct pyn_promise *promise = pyn_pipeline_step(pipeline, i)->promise;
        if (promise->state == PYN_PROMISE_OPEN) {
            promise->state = PYN_PROMISE_UNSENT;
        }
    }
}

void pyn_pipeline_break(struct pyn_pipeline *pipeline, uint32_t step, PyObject *error, uint32_t origin)
{
    struct pyn_written *written = pyn_pipeline_step(pipeline, step);

    written->origin = origin;
    written->promise->state = PYN_PROMISE_BROKEN;
    written->promise->value = error;
}

/* ---- its end ---- */

/* Marks the failures that somebody can still ask for: of a chain that has broken one promise is enough. */
static void find_asked(const struct pyn_pipeline *pipeline, bool *is_asked)
{
    for (size_t i = 0; i < pipeline->steps.count; i++) {
        const struct pyn_written *step = pyn_pipeline_step(pipeline, i);
        if (step->promise->state == PYN_PROMISE_BROKEN && Py_REFCNT((PyObject *)step->promise) > 1) {
            is_asked[step->origin] = true;
        }
    }
}

/* The failures of which nobody will hear otherwise: a list. */
static PyObject *unasked(const struct pyn_pipeline *pipeline)
{
    PyObject *errors = PyList_New(0);
    bool *is_asked = PyMem_Calloc(pipeline->steps.count + 1, sizeof *is_asked);
    int failed = 0;

    if (is_asked == NULL) {
        Py_CLEAR(errors);
        PyErr_NoMemory();
    } else {
        find_asked(pipeline, is_asked);
    }
    for (size_t i = 0; errors != NULL && failed == 0 && i < pipeline->steps.count; i++) {
        const struct pyn_written *step = pyn_pipeline_step(pipeline, i);
        if (step->promise->state == PYN_PROMISE_BROKEN && step->origin == i && !is_asked[i]) {
            failed = PyList_Append(errors, step->promise->value);
        }
    }
    PyMem_Free(is_asked);
    if (failed != 0) {
        Py_CLEAR(errors);
    }
    return errors;
}

static int raise_unasked(const struct pyn_pipeline *pipeline)
{
    PyObject *errors = unasked(pipeline);
    PyObject *group = NULL;
    PyObject *error = NULL; /* borrowed */

    if (errors == NULL || PyList_GET_SIZE(errors) == 0) {
        Py_XDECREF(errors);
        return errors != NULL ? 0 : -1;
    }
    if (PyList_GET_SIZE(errors) == 1) {
        error = PyList_GET_ITEM(errors, 0);
    } else {
        group = PyObject_CallFunction(PyExc_BaseExceptionGroup, "sO", "steps of a pipeline have failed", errors);
        error = group;
    }
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    }
    Py_XDECREF(group);
    Py_DECREF(errors);
    return -1;
}

static PyObject *pipeline_enter(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    if (of(self)->state != PYN_PIPELINE_NEW) {
        PyErr_SetString(PyExc_RuntimeError, "a pipeline is good for one block");
        return NULL;
    }
    of(self)->state = PYN_PIPELINE_OPEN;
    return Py_NewRef(self);
}

static PyObject *pipeline_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct pyn_pipeline *pipeline = of(self);
    bool is_left = nargs < 1 || args[0] != Py_None;
    int result = 0;

    if (pipeline->state != PYN_PIPELINE_OPEN) {
        PyErr_SetString(PyExc_RuntimeError, "the block of this pipeline is not open");
        return NULL;
    }
    pipeline->state = is_left ? PYN_PIPELINE_LEFT : PYN_PIPELINE_SENT;
    if (!is_left) {
        result = pyn_pipeline_send(pipeline);
    }
    leave_unsent(pipeline);
    if (result == 0 && !is_left) {
        result = raise_unasked(pipeline);
    }
    drop_steps(pipeline);
    give_back(pipeline);
    return result == 0 ? Py_NewRef(Py_False) : NULL;
}

void pyn_pipeline_open(PyObject *pipeline)
{
    of(pipeline)->state = PYN_PIPELINE_OPEN;
}

int pyn_pipeline_close(PyObject *pipeline, const struct pyn_link *link)
{
    if (!Py_IS_TYPE(pipeline, pyn_core.pipeline) || of(pipeline)->link != link ||
        of(pipeline)->state != PYN_PIPELINE_OPEN) {
        PyErr_SetString(PyExc_TypeError, "an open pipeline of this connection is needed");
        return -1;
    }
    of(pipeline)->state = PYN_PIPELINE_SENT;
    return 0;
}

void pyn_pipeline_end(PyObject *pipeline)
{
    leave_unsent(of(pipeline));
    drop_steps(of(pipeline));
    give_back(of(pipeline));
}

/* ---- what it is called with ---- */

static PyObject *pipeline_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    PyObject *value = NULL;

    if (kwargs != NULL || !PyArg_ParseTuple(args, "O:pipeline", &value)) {
        return NULL;
    }
    if (Py_IS_TYPE(value, pyn_core.promise) && ((struct pyn_promise *)value)->pipeline == of(self)) {
        return Py_NewRef(value);
    }
    if (!pyn_netref_is_of(value, of(self)->link)) {
        PyErr_Format(PyExc_TypeError, "a netref of this connection is needed, not %s", Py_TYPE(value)->tp_name);
        return NULL;
    }
    return pyn_promise_hold(of(self), value);
}

static PyObject *pipeline_root(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *root = PyObject_GetAttrString(of(self)->connection, "root");
    PyObject *promise = root != NULL ? pyn_promise_hold(of(self), root) : NULL;

    Py_XDECREF(root);
    return promise;
}

static PyObject *pipeline_repr(PyObject *self)
{
    static const char *const states[] = {"new", "open", "sent", "left"};

    return PyUnicode_FromFormat("<pynto.Pipeline to %s, %zu steps, %s>", of(self)->link->peer, of(self)->steps.count,
                                states[of(self)->state]);
}

/* ---- the type ---- */

static int pipeline_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(of(self)->connection);
    for (size_t i = 0; i < of(self)->steps.count; i++) {
        Py_VISIT((PyObject *)pyn_pipeline_step(of(self), i)->promise);
    }
    for (size_t i = 0; i < of(self)->held.count; i++) {
        Py_VISIT(((PyObject **)of(self)->held.items)[i]);
    }
    return 0;
}

static int pipeline_clear(PyObject *self)
{
    if (of(self)->state == PYN_PIPELINE_NEW || of(self)->state == PYN_PIPELINE_OPEN) {
        of(self)->state = PYN_PIPELINE_LEFT;
    }
    leave_unsent(of(self));
    drop_steps(of(self));
    if (of(self)->link != NULL) {
        give_back(of(self));
    }
    Py_CLEAR(of(self)->connection);
    return 0;
}

static void pipeline_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    (void)pipeline_clear(self);
    pyn_link_unref(of(self)->link);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef pipeline_methods[] = {
    {"__enter__", pipeline_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))pipeline_exit, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef pipeline_getset[] = {
    {"root", pipeline_root, NULL, "The root of the connection, to be called in the block.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot pipeline_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "Calls that are sent together; see Connection.pipeline()."},
    {Py_tp_traverse, pipeline_traverse},
    {Py_tp_clear, pipeline_clear},
    {Py_tp_dealloc, pipeline_dealloc},
    {Py_tp_call, pipeline_call},
    {Py_tp_repr, pipeline_repr},
    {Py_tp_methods, pipeline_methods},
    {Py_tp_getset, pipeline_getset},
    {0, NULL},
};

static PyType_Spec pipeline_spec = {
    .name = "pynto.Pipeline",
    .basicsize = sizeof(struct pyn_pipeline),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = pipeline_slots,
};

int pyn_pipeline_init(PyObject *module)
{
    pyn_core.pipeline = (PyTypeObject *)PyType_FromModuleAndSpec(module, &pipeline_spec, NULL);
    if (pyn_core.pipeline == NULL || PyModule_AddType(module, pyn_core.pipeline) != 0) {
        return -1;
    }
    return pyn_promise_init(module);
}
