/* netref.c - the life of netrefs. */
#include "call.h"

#include <structmember.h>

#include "ahead.h"
#include "loop.h"
#include "remote_method.h"

struct netref {
    PyObject_HEAD
    struct pyn_link *link;         /* counted */
    struct pyn_party *party;       /* strong */
    struct pyn_book *book;         /* the party's */
    const struct pyn_iface *iface; /* the book's */
    uint64_t id;
    struct pyn_ahead *ahead; /* of an iterator; or NULL */
    bool is_released;
    int released_at;           /* line, where pynto.release() was called */
    PyCodeObject *released_in; /* strong; NULL: it was not released by name */
    PyObject *weakrefs;
};

static struct netref *of(PyObject *value)
{
    return (struct netref *)value;
}

bool pyn_netref_is(PyObject *value)
{
    return PyType_IsSubtype(Py_TYPE(value), pyn_core.netref);
}

bool pyn_netref_is_of(PyObject *value, const struct pyn_link *link)
{
    return pyn_netref_is(value) && of(value)->link == link;
}

const struct pyn_iface *pyn_netref_iface(PyObject *netref)
{
    return of(netref)->iface;
}

uint64_t pyn_netref_id(PyObject *netref)
{
    return of(netref)->id;
}

struct pyn_link *pyn_netref_link(PyObject *netref)
{
    return of(netref)->link;
}

struct pyn_book *pyn_netref_book(PyObject *netref)
{
    return of(netref)->book;
}

struct pyn_party *pyn_netref_party(PyObject *netref)
{
    return of(netref)->party;
}

static void raise_released(const struct netref *netref)
{
    if (netref->released_in != NULL) {
        PyErr_Format(PyExc_ReferenceError, "this netref was released at %U:%d", netref->released_in->co_filename,
                     netref->released_at);
    } else {
        PyErr_SetString(PyExc_ReferenceError, "this netref was released");
    }
}

struct pyn_ahead **pyn_netref_ahead(PyObject *netref)
{
    return &of(netref)->ahead;
}

int pyn_netref_check(PyObject *netref)
{
    if (of(netref)->is_released) {
        raise_released(of(netref));
        return -1;
    }
    if (of(netref)->link->host == NULL) {
        PyErr_SetString(pyn_core.disconnected, "the connection of this netref is gone");
        return -1;
    }
    return 0;
}

void pyn_netref_release_here(PyObject *value)
{
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */

    if (frame != NULL && !of(value)->is_released) {
        of(value)->released_in = PyFrame_GetCode(frame);
        of(value)->released_at = PyFrame_GetLineNumber(frame);
    }
    pyn_netref_release(value);
}

void pyn_netref_release(PyObject *value)
{
    struct netref *netref = of(value);

    if (netref->is_released || netref->link == NULL) {
        return;
    }
    netref->is_released = true;
    pyn_ahead_forget(netref->ahead);
    pyn_link_lock(netref->link);
    if (netref->link->over == PYN_OK && pyn_session_proxy(netref->link->session, netref->id, netref->iface) == value) {
        if (netref->id != 0) {
            pyn_session_release(netref->link->session, netref->id, netref->iface);
            if (netref->link->server == NULL) {
                pyn_inbox_news(netref->link); /* its loop sends the free; there may be none, or this may be any thread */
            }
        } else { /* the root is not counted */
            pyn_session_set_proxy(netref->link->session, 0, netref->iface, NULL);
        }
    }
    pyn_link_unlock(netref->link);
}

/* ---- arriving ---- */

static PyObject *make_netref(struct pyn_link *link, struct pyn_book *book, uint64_t id, const struct pyn_iface *iface)
{
    PyTypeObject *type = pyn_forms_type(book->forms, iface);
    struct netref *netref = type != NULL ? of(type->tp_alloc(type, 0)) : NULL;

    if (netref == NULL) {
        return NULL;
    }
    netref->link = pyn_link_ref(link);
    netref->party = (struct pyn_party *)Py_NewRef((PyObject *)link->host);
    netref->book = book;
    netref->iface = iface;
    netref->id = id;
    return (PyObject *)netref;
}

/* A reference that has arrived, as it stands in the message. */
struct arrival {
    uint64_t id;
    uint32_t number;
    const struct pyn_iface *declared; /* where the number is 0 */
    const struct pyn_iface *iface;    /* what it is held under */
};

/*
 * The live netref of what has arrived, which is counted with this; NULL: there is none yet. made, if it is given, becomes it where there is none. It is
 * counted only then: no other thread can give back what this one is still at work on.
 */
static pyn_status claim(struct pyn_link *link, const struct arrival *arrival, PyObject *made, PyObject **live)
{
    const struct pyn_iface *iface = arrival->iface;
    struct pyn_session *session = link->session;
    pyn_status st = PYN_OK;
    void *proxy = NULL;
    void *before = NULL;

    *live = NULL;
    pyn_link_lock(link);
    st = link->over;
    if (st == PYN_OK) {
        proxy = pyn_session_proxy(session, arrival->id, iface);
        if (proxy == NULL || Py_REFCNT((PyObject *)proxy) == 0) { /* one that is being deallocated is none */
            proxy = made;
        }
        if (proxy != NULL) {
            st = pyn_session_import(session, arrival->id, arrival->number, arrival->declared, &iface, &before);
        }
        if (st == PYN_OK && proxy != NULL) {
            pyn_session_set_proxy(session, arrival->id, iface, proxy);
            *live = Py_NewRef((PyObject *)proxy);
        }
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
    PyObject *made = NULL;
    PyObject *live = NULL;
    pyn_status st = PYN_EINTERNAL;

    if (book == NULL || (arrival->id != 0 && pyn_link_need_background(link) != 0)) {
        return NULL;
    }
    made = make_netref(link, book, arrival->id, arrival->iface);
    if (made == NULL) {
        return NULL;
    }
    st = claim(link, arrival, made, &live);
    if (live != made) {
        of(made)->is_released = true; /* it stands for nothing */
    }
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
        st = claim(link, &arrival, NULL, &live);
    }
    if (st != PYN_OK) {
        return raise_import(link, st);
    }
    return live != NULL ? live : import_new(link, &arrival);
}

/* ---- the base type ---- */

static int netref_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)of(self)->party);
    if (of(self)->ahead != NULL) {
        return pyn_ahead_traverse(of(self)->ahead, visit, arg);
    }
    return 0;
}

static int netref_clear(PyObject *self)
{
    pyn_netref_release(self); /* nobody finds what the collector has taken apart */
    Py_CLEAR(of(self)->party);
    return 0;
}

static void netref_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    pyn_netref_release(self); /* first: from here on nobody finds it any more */
    if (of(self)->weakrefs != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    (void)netref_clear(self);
    Py_CLEAR(of(self)->released_in);
    pyn_ahead_free(of(self)->ahead);
    pyn_link_unref(of(self)->link);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *netref_repr(PyObject *self)
{
    const struct netref *netref = of(self);
    PyObject *name = pyn_iface_shown(netref->iface);
    PyObject *text = NULL;

    if (name != NULL) {
        text = PyUnicode_FromFormat("<netref %U %llu of %s%s>", name, (unsigned long long)netref->id,
                                    netref->link->peer, netref->is_released ? ", released" : "");
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
    {Py_tp_clear, netref_clear},
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

int pyn_netref_type_init(PyObject *module)
{
    pyn_core.netref = (PyTypeObject *)PyType_FromModuleAndSpec(module, &netref_spec, NULL);
    if (pyn_core.netref == NULL || pyn_remote_method_init(module) != 0) {
        return -1;
    }
    if (PyObject_SetAttrString((PyObject *)pyn_core.netref, "__array_ufunc__", Py_None) != 0) {
        return -1; /* an array leaves an operation with a netref to the netref */
    }
    return PyModule_AddType(module, pyn_core.netref);
}
