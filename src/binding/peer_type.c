/* peer_type.c - pynto.Peer: a server's end of one connection, which pynto.connection() gives for a client's object. */
#include "endings.h"
#include "netref.h"
#include "quotas.h"

struct peer {
    PyObject_HEAD
    struct pyn_link *link;   /* counted */
    struct pyn_party *party; /* strong: the server, which the link needs */
};

static struct peer *of(PyObject *self)
{
    return (struct peer *)self;
}

PyObject *pyn_peer_of(struct pyn_link *link, struct pyn_party *party)
{
    PyObject *self = pyn_core.peer->tp_alloc(pyn_core.peer, 0);

    if (self != NULL) {
        of(self)->link = pyn_link_ref(link);
        of(self)->party = (struct pyn_party *)Py_NewRef((PyObject *)party);
    }
    return self;
}

static int peer_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)of(self)->party);
    return 0;
}

static void peer_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    pyn_link_unref(of(self)->link);
    Py_XDECREF((PyObject *)of(self)->party);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Two of the same connection are equal: it has no one object that stands for it. */
static PyObject *peer_compare(PyObject *self, PyObject *other, int operation)
{
    if (!Py_IS_TYPE(other, pyn_core.peer) || (operation != Py_EQ && operation != Py_NE)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    return PyBool_FromLong((of(self)->link == of(other)->link) == (operation == Py_EQ));
}

static Py_hash_t peer_hash(PyObject *self)
{
    return _Py_HashPointer(of(self)->link);
}

static PyObject *peer_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<pynto.Peer %s%s>", of(self)->link->peer,
                                of(self)->link->over != PYN_OK ? ", gone" : "");
}

static PyObject *peer_on_disconnect(PyObject *self, PyObject *callback)
{
    return pyn_endings_add(of(self)->link, callback);
}

static PyObject *peer_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_link *link = of(self)->link;

    pyn_link_lock(link);
    if (link->over == PYN_OK) {
        pyn_session_goodbye(link->session, 0, "closed by the server");
        pyn_link_end(link, PYN_EGONE, "closed by the server");
    }
    pyn_link_unlock(link);
    Py_RETURN_NONE;
}

static PyObject *peer_usage(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return pyn_usage_of_link(of(self)->link);
}

static PyObject *peer_peer(PyObject *self, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(of(self)->link->peer);
}

static PyObject *peer_is_closed(PyObject *self, void *Py_UNUSED(closure))
{
    bool is = false;

    pyn_link_lock(of(self)->link);
    is = of(self)->link->over != PYN_OK;
    pyn_link_unlock(of(self)->link);
    return PyBool_FromLong(is);
}

static PyMethodDef peer_methods[] = {
    {"on_disconnect", peer_on_disconnect, METH_O,
     "on_disconnect(callback)\n--\n\nCalls callback(reason) once, when this client is gone; at once if it is. No other "
     "call is "
     "run meanwhile, as if it were one itself. The result's cancel() takes it back."},
    {"close", peer_close, METH_NOARGS, "close()\n--\n\nEnds this client's connection."},
    {"usage", peer_usage, METH_NOARGS,
     "usage()\n--\n\ndict[str, int]: what this end holds for the peer, and has held at most."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef peer_getset[] = {
    {"peer", peer_peer, NULL, "str: the other side, for people.", NULL},
    {"closed", peer_is_closed, NULL, "bool: it is over.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot peer_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "A server's end of one connection."},
    {Py_tp_traverse, peer_traverse},
    {Py_tp_dealloc, peer_dealloc},
    {Py_tp_richcompare, peer_compare},
    {Py_tp_hash, peer_hash},
    {Py_tp_repr, peer_repr},
    {Py_tp_methods, peer_methods},
    {Py_tp_getset, peer_getset},
    {0, NULL},
};

static PyType_Spec peer_spec = {
    .name = "pynto._core.Peer",
    .basicsize = sizeof(struct peer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = peer_slots,
};

int pyn_peer_type_init(PyObject *module)
{
    pyn_core.peer = (PyTypeObject *)PyType_FromModuleAndSpec(module, &peer_spec, NULL);
    return pyn_core.peer != NULL ? PyModule_AddType(module, pyn_core.peer) : -1;
}
