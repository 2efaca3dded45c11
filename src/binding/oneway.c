/*
 * oneway.c - pynto.oneway(): a call that is sent and not answered.
 *
 * All one-way calls of one end of a connection go through one lane: they are served in the order in which they were made, whatever the thread.
 */
#include "call.h"

#include <structmember.h>

#include "../wire/pack.h"
#include "deadline.h"
#include "interrupt.h"
#include "remote_method.h"

struct oneway {
    PyObject_HEAD
    PyObject *netref; /* strong */
    const struct pyn_op *op;
    vectorcallfunc vectorcall;
};

static PyTypeObject *oneway_type;

static struct oneway *of(PyObject *self)
{
    return (struct oneway *)self;
}

/* ---- sending ---- */

/* [-11, reference, name, args, kwargs, {"oneway": true}], and what is left of the deadline */
static int pack(struct pyn_encoder *encoder, PyObject *netref, const struct pyn_op *op, PyObject *const *args,
                Py_ssize_t nargs, PyObject *kwnames, uint64_t until)
{
    const struct pyn_type *ignored = NULL;
    pyn_status st = pyn_pack_array(&encoder->buf, 6);

    if (st == PYN_OK) {
        st = pyn_pack_int(&encoder->buf, PYN_M_ASK);
    }
    if (st == PYN_OK) {
        st = pyn_pack_uint(&encoder->buf, pyn_netref_id(netref));
    }
    if (pyn_packed(encoder, st) != 0 || pyn_pack_operation(encoder, op, args, nargs, kwnames, &ignored) != 0) {
        return -1;
    }
    st = pyn_pack_map(&encoder->buf, until != 0 ? 2 : 1);
    if (st == PYN_OK) {
        st = pyn_pack_str(&encoder->buf, "oneway", 6);
    }
    if (st == PYN_OK) {
        st = pyn_pack_bool(&encoder->buf, true);
    }
    return pyn_packed(encoder, st == PYN_OK && until != 0 ? pyn_deadline_pack(&encoder->buf, until) : st);
}

/* Whoever has the turn of a server gives it away: a peer elsewhere that does not read must not hold up the others. */
static int send(struct pyn_encoder *encoder, uint64_t until)
{
    struct pyn_frame *frame = pyn_frame_top();
    struct pyn_link *link = encoder->link;
    struct pyn_server *server = frame != NULL && link->server == NULL ? frame->server : NULL;
    const struct pyn_parcel object = pyn_encoder_parcel(encoder);
    pyn_status st = PYN_EINTERNAL;

    if (server != NULL) {
        pyn_interrupt_pause();
    }
    if (server != NULL && !pyn_server_suspend(server, frame->link)) {
        pyn_watch_resume();
        (void)pyn_raise(PYN_EQUOTA, "threads: too many calls wait for their peers");
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS
    st = pyn_link_tell(link, &object, until);
    if (server != NULL) {
        pyn_server_resume(server, frame->link);
    }
    Py_END_ALLOW_THREADS
    if (server != NULL) {
        pyn_watch_resume();
    }
    if (st != PYN_OK) {
        (void)pyn_raise(st, st == PYN_EQUOTA ? "output: the peer does not read" : link->reason);
    }
    return st == PYN_OK ? 0 : -1;
}

static PyObject *oneway_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyObject *netref = of(self)->netref;
    struct pyn_encoder encoder;
    bool was_sent = false;
    uint64_t until = 0;

    if (pyn_netref_check(netref) != 0 || pyn_deadline_check(&until) != 0) {
        return NULL;
    }
    pyn_encoder_init(&encoder, pyn_netref_link(netref), pyn_netref_book(netref), 0);
    encoder.may_lend = true;
    was_sent = pack(&encoder, netref, of(self)->op, args, PyVectorcall_NARGS(nargsf), kwnames, until) == 0 &&
               send(&encoder, until) == 0;
    pyn_encoder_fini(&encoder, was_sent);
    pyn_drop_dead(pyn_netref_link(netref));
    return was_sent ? Py_NewRef(Py_None) : NULL;
}

/* ---- what can be told ---- */

/* A method of a netref, or a netref that is called. */
static const struct pyn_op *operation_of(PyObject *function, PyObject **netref)
{
    if (PyMethod_Check(function) && Py_IS_TYPE(PyMethod_GET_FUNCTION(function), pyn_core.method) &&
        pyn_netref_is(PyMethod_GET_SELF(function))) {
        const struct pyn_op *op = pyn_remote_method_op(PyMethod_GET_FUNCTION(function));
        *netref = PyMethod_GET_SELF(function);
        return op->iface == pyn_netref_iface(*netref) ? op : NULL;
    }
    *netref = function;
    return pyn_netref_is(function) ? pyn_iface_op(pyn_netref_iface(function), PYN_OP_METHOD, pyn_view_of("__call__"))
                                   : NULL;
}

PyObject *pyn_oneway(PyObject *Py_UNUSED(module), PyObject *function)
{
    PyObject *netref = NULL; /* borrowed */
    const struct pyn_op *op = operation_of(function, &netref);
    struct oneway *self = NULL;

    if (op == NULL) {
        PyErr_Format(PyExc_TypeError, "a method of a netref is needed, or a callable one, not %s",
                     Py_TYPE(function)->tp_name);
        return NULL;
    }
    self = of(oneway_type->tp_alloc(oneway_type, 0));
    if (self != NULL) {
        self->netref = Py_NewRef(netref);
        self->op = op;
        self->vectorcall = oneway_call;
    }
    return (PyObject *)self;
}

/* ---- the type ---- */

static int oneway_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(of(self)->netref);
    return 0;
}

static int oneway_clear(PyObject *self)
{
    Py_CLEAR(of(self)->netref);
    return 0;
}

static void oneway_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    (void)oneway_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *oneway_repr(PyObject *self)
{
    PyObject *name = pyn_str(of(self)->op->name);
    PyObject *text = name != NULL ? PyUnicode_FromFormat("<oneway %U of %R>", name, of(self)->netref) : NULL;

    Py_XDECREF(name);
    return text;
}

static PyMemberDef oneway_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct oneway, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot oneway_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "A call that is not answered; see pynto.oneway()."},
    {Py_tp_traverse, oneway_traverse},
    {Py_tp_clear, oneway_clear},
    {Py_tp_dealloc, oneway_dealloc},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_repr, oneway_repr},
    {Py_tp_members, oneway_members},
    {0, NULL},
};

static PyType_Spec oneway_spec = {
    .name = "pynto.OneWay",
    .basicsize = sizeof(struct oneway),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = oneway_slots,
};

int pyn_oneway_init(void)
{
    oneway_type = (PyTypeObject *)PyType_FromSpec(&oneway_spec);
    return oneway_type != NULL ? 0 : -1;
}
