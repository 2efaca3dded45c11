/* netref.c - the life of netrefs. */
#include "call.h"

#include <structmember.h>

#include "../session/holdings.h"
#include "ahead.h"
#include "loop.h"
#include "remote_method.h"

/*
 * A netref is as small as what Python asks of it allows: what it stands for stands in the entry of its reference, and what all those under one interface have in common
 * in the holding of that.
 */
struct netref {
    PyObject_HEAD
    struct pyn_import *held; /* NULL: it goes. With it come a count of the link and a strong reference of its host, which the link leads to */
    PyObject *weakrefs;
};

/* One whose step may be asked for several times at once. */
struct stepped {
    struct netref netref;
    struct pyn_ahead *ahead; /* or NULL */
};

/* What a netref that was released stands for. */
struct past {
    struct pyn_past_import import;
    int at;           /* line, where pynto.release() was called */
    PyCodeObject *in; /* strong; NULL: nobody knows */
};

static struct netref *of(PyObject *value)
{
    return (struct netref *)value;
}

static struct stepped *stepped_of(PyObject *value)
{
    return (struct stepped *)value;
}

static bool is_stepped(PyObject *value)
{
    return PyType_IsSubtype(Py_TYPE(value), pyn_core.stepped);
}

static struct pyn_link *link_of(const struct netref *netref)
{
    return pyn_import_holding(netref->held)->owner;
}

/* NULL: it is none of the past. */
static struct past *past_of(const struct netref *netref)
{
    return pyn_import_is_past(netref->held) ? (struct past *)((char *)netref->held - offsetof(struct past, import) -
                                                              offsetof(struct pyn_past_import, entry))
                                            : NULL;
}

bool pyn_netref_is(PyObject *value)
{
    return PyType_IsSubtype(Py_TYPE(value), pyn_core.netref);
}

bool pyn_netref_is_of(PyObject *value, const struct pyn_link *link)
{
    return pyn_netref_is(value) && link_of(of(value)) == link;
}

const struct pyn_iface *pyn_netref_iface(PyObject *netref)
{
    return pyn_import_holding(of(netref)->held)->iface;
}

uint64_t pyn_netref_id(PyObject *netref)
{
    return of(netref)->held->id;
}

struct pyn_link *pyn_netref_link(PyObject *netref)
{
    return link_of(of(netref));
}

struct pyn_book *pyn_netref_book(PyObject *netref)
{
    return pyn_import_holding(of(netref)->held)->note;
}

struct pyn_party *pyn_netref_party(PyObject *netref)
{
    return link_of(of(netref))->host;
}

struct pyn_ahead **pyn_netref_ahead(PyObject *netref)
{
    return &stepped_of(netref)->ahead;
}

int pyn_netref_check(PyObject *netref)
{
    const struct past *past = past_of(of(netref));

    if (past == NULL) {
        return 0;
    }
    if (past->in != NULL) {
        PyErr_Format(PyExc_ReferenceError, "this netref was released at %U:%d", past->in->co_filename, past->at);
    } else {
        PyErr_SetString(PyExc_ReferenceError, "this netref was released");
    }
    return -1;
}

/* ---- going ---- */

/* The reference goes back: what it stands for from now on is instead. */
static void let_go(struct netref *netref, struct pyn_import *instead)
{
    struct pyn_link *link = link_of(netref);
    struct pyn_import *held = netref->held;
    const bool is_counted = held->id != 0; /* the root is not */

    netref->held = instead;
    pyn_link_lock(link);
    if (pyn_link_is_ours(link)) {
        pyn_session_release(link->session, held);
        if (link->over == PYN_OK && is_counted && link->server == NULL) {
            pyn_inbox_news(link); /* its loop sends the free; there may be none, or this may be any thread */
        }
    }
    pyn_link_unlock(link);
}

static struct past *new_past(const struct netref *netref)
{
    struct past *past = PyMem_Malloc(sizeof *past);
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */

    if (past == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    pyn_import_note_past(netref->held, &past->import);
    past->in = frame != NULL ? PyFrame_GetCode(frame) : NULL;
    past->at = frame != NULL ? PyFrame_GetLineNumber(frame) : 0;
    return past;
}

int pyn_netref_release(PyObject *value)
{
    struct past *past = NULL;

    if (past_of(of(value)) != NULL) {
        return 0;
    }
    past = new_past(of(value));
    if (past == NULL) {
        return -1;
    }
    let_go(of(value), &past->import.entry);
    if (is_stepped(value)) {
        pyn_ahead_forget(stepped_of(value)->ahead); /* last: it may run anything */
    }
    return 0;
}

/* ---- arriving ---- */

/* A reference that has arrived, as it stands in the message. */
struct arrival {
    uint64_t id;
    uint32_t number;
    const struct pyn_iface *declared; /* where the number is 0 */
    const struct pyn_iface *iface;    /* what it is held under */
};

/* With the link's lock held: made is the proxy of the entry. */
static void begin(struct pyn_link *link, PyObject *made, struct pyn_import *held, struct pyn_book *book)
{
    struct pyn_holding *holding = pyn_import_holding(held);

    if (held->proxy != NULL) { /* one that is being deallocated: what it had passes over */
        of(held->proxy)->held = NULL;
    } else {
        (void)pyn_link_ref(link);
        Py_INCREF((PyObject *)link->host);
    }
    holding->owner = link;
    holding->note = book;
    held->proxy = made;
    of(made)->held = held;
}

/*
 * The live netref of what has arrived, which is counted with this; NULL: there is none yet. made, if it is given, becomes it where there is none. It is
 * counted only then: no other thread can give back what this one is still at work on.
 */
static pyn_status claim(struct pyn_link *link, const struct arrival *arrival, PyObject *made, struct pyn_book *book,
                        PyObject **live)
{
    struct pyn_import *held = NULL;
    pyn_status st = PYN_OK;
    bool is_alive = false;

    *live = NULL;
    pyn_link_lock(link);
    st = link->over;
    if (st == PYN_OK) {
        held = pyn_session_held(link->session, arrival->id, arrival->iface);
        is_alive = held != NULL && held->proxy != NULL && Py_REFCNT((PyObject *)held->proxy) > 0;
    }
    if (st == PYN_OK && (is_alive || made != NULL)) {
        st = pyn_session_import(link->session, arrival->id, arrival->number, arrival->declared, &held);
        if (st == PYN_OK && !is_alive) {
            begin(link, made, held, book);
        }
        *live = st == PYN_OK ? Py_NewRef((PyObject *)held->proxy) : NULL;
    }
    pyn_link_unlock(link);
    return st;
}

static PyObject *raise_import(struct pyn_link *link, pyn_status st)
{
    return st == PYN_EQUOTA ? pyn_raise_quota(link, PYN_Q_LENT) : pyn_raise(st, link->reason);
}

static PyObject *import_new(struct pyn_link *link, const struct arrival *arrival)
{
    struct pyn_book *book = pyn_party_book(link->host, arrival->iface->policy);
    PyTypeObject *type = NULL;
    PyObject *made = NULL;
    PyObject *live = NULL;
    pyn_status st = PYN_EINTERNAL;

    if (book == NULL || (arrival->id != 0 && pyn_link_need_background(link) != 0)) {
        return NULL;
    }
    type = pyn_forms_type(book->forms, arrival->iface);
    made = type != NULL ? type->tp_alloc(type, 0)
                        : NULL; /* nothing of Python's runs until it stands for something, or is gone */
    if (made == NULL) {
        return NULL;
    }
    st = claim(link, arrival, made, book, &live);
    Py_DECREF(made);
    return st == PYN_OK ? live : raise_import(link, st);
}

PyObject *pyn_netref_import(struct pyn_link *link, uint64_t id, uint32_t number, const struct pyn_iface *declared)
{
    struct arrival arrival = {id, number, declared, NULL};
    PyObject *live = NULL;
    pyn_status st = PYN_EINTERNAL;

    pyn_link_lock(link);
    st = link->over != PYN_OK ? link->over : pyn_session_held_under(link->session, id, number, declared, &arrival.iface);
    pyn_link_unlock(link);
    if (st == PYN_OK) {
        st = claim(link, &arrival, NULL, NULL, &live);
    }
    if (st != PYN_OK) {
        return raise_import(link, st);
    }
    return live != NULL ? live : import_new(link, &arrival);
}

/* ---- the base type ---- */

/* There is no tp_clear, as a tuple has none: whatever a netref holds was there before it, so that what closes a cycle stands elsewhere, and is cleared there. */
static int netref_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    if (of(self)->held != NULL) {
        Py_VISIT((PyObject *)link_of(of(self))->host);
    }
    return 0;
}

static int stepped_traverse(PyObject *self, visitproc visit, void *arg)
{
    int result = pyn_ahead_traverse(stepped_of(self)->ahead, visit, arg);

    return result != 0 ? result : netref_traverse(self, visit, arg);
}

/* Nobody finds it any more. Owns nothing of what it gives: the link and its host, of which it has a reference each; NULL: none. */
static struct pyn_link *leave(struct netref *netref, PyObject **host)
{
    struct past *past = past_of(netref);
    struct pyn_link *link = link_of(netref);

    *host = link->host;
    if (past == NULL) {
        let_go(netref, NULL);
    } else {
        netref->held = NULL;
        Py_XDECREF((PyObject *)past->in);
        PyMem_Free(past);
    }
    return link;
}

static void netref_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    struct pyn_link *link = NULL;
    PyObject *host = NULL;

    PyObject_GC_UnTrack(self);
    if (of(self)->held != NULL) {
        link = leave(of(self), &host); /* first: from here on nobody finds it any more */
    }
    if (of(self)->weakrefs != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    if (is_stepped(self)) {
        pyn_ahead_free(stepped_of(self)->ahead);
    }
    Py_XDECREF(host);
    pyn_link_unref(link);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *netref_repr(PyObject *self)
{
    PyObject *name = pyn_iface_shown(pyn_netref_iface(self));
    PyObject *text = NULL;

    if (name != NULL) {
        text = PyUnicode_FromFormat("<netref %U %llu of %s%s>", name, (unsigned long long)pyn_netref_id(self),
                                    pyn_netref_link(self)->peer, past_of(of(self)) != NULL ? ", released" : "");
        Py_DECREF(name);
    }
    return text;
}

static PyObject *refuse_copy(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    PyErr_Format(PyExc_TypeError, "a netref cannot be copied or pickled: %R stands for an object elsewhere", self);
    return NULL;
}

/* NumPy asks this first: without it, it would walk through a sequence item by item, or hold the netref as an object. */
static PyObject *refuse_array(PyObject *self, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    PyErr_Format(PyExc_TypeError, "a netref is no array: %R stands for an object elsewhere", self);
    return NULL;
}

static PyObject *itself(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return Py_NewRef(self);
}

static PyMethodDef netref_methods[] = {
    {"__reduce__", refuse_copy, METH_NOARGS, NULL},
    {"__reduce_ex__", refuse_copy, METH_O, NULL},
    {"__copy__", refuse_copy, METH_NOARGS, NULL},
    {"__deepcopy__", refuse_copy, METH_O, NULL},
    {"_itself", itself, METH_NOARGS, NULL},
    {"__array__", (PyCFunction)(void (*)(void))refuse_array, METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef netref_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct netref, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot netref_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "An object at the other end of a connection."},
    {Py_tp_traverse, netref_traverse},
    {Py_tp_dealloc, netref_dealloc},
    {Py_tp_repr, netref_repr},
    {Py_tp_methods, netref_methods},
    {Py_tp_members, netref_members},
    {0, NULL},
};

static PyType_Spec netref_spec = {
    .name = "pynto.Netref",
    .basicsize = sizeof(struct netref),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = netref_slots,
};

static PyType_Slot stepped_slots[] = {
    {Py_tp_traverse, stepped_traverse},
    {0, NULL},
};

static PyType_Spec stepped_spec = {
    .name = "pynto._core.SteppedNetref",
    .basicsize = sizeof(struct stepped),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = stepped_slots,
};

int pyn_netref_type_init(PyObject *module)
{
    pyn_core.netref = (PyTypeObject *)PyType_FromModuleAndSpec(module, &netref_spec, NULL);
    if (pyn_core.netref == NULL || pyn_remote_method_init(module) != 0) {
        return -1;
    }
    pyn_core.stepped = (PyTypeObject *)PyType_FromModuleAndSpec(module, &stepped_spec, (PyObject *)pyn_core.netref);
    if (pyn_core.stepped == NULL) {
        return -1;
    }
    if (PyObject_SetAttrString((PyObject *)pyn_core.netref, "__array_ufunc__", Py_None) != 0) {
        return -1; /* an array leaves an operation with a netref to the netref */
    }
    return PyModule_AddType(module, pyn_core.netref);
}
