/* policy_type.c - pynto.Policy. */
#include "policy_type.h"

#include "reach.h"

struct policy_object {
    PyObject_HEAD
    struct pyn_policy *policy; /* counted */
};

static struct pyn_policy *loaded(PyObject *self)
{
    return ((struct policy_object *)self)->policy;
}

struct pyn_policy *pyn_policy_of(PyObject *value)
{
    return loaded(value);
}

struct pyn_book *pyn_policy_resolve(PyObject *value)
{
    return pyn_book_resolve(loaded(value));
}

static PyObject *policy_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"json", NULL};
    Py_buffer json = {0};
    struct pyn_diag diag = {{0}};
    struct policy_object *self = NULL;
    pyn_status st = PYN_EINTERNAL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*:Policy", names, &json)) {
        return NULL;
    }
    self = (struct policy_object *)type->tp_alloc(type, 0);
    if (self != NULL) {
        st = pyn_policy_load(pyn_mem_default(), (struct pyn_view){json.buf, (size_t)json.len}, &self->policy, &diag);
        if (st != PYN_OK) {
            if (st == PYN_ENOMEM) {
                PyErr_NoMemory();
            } else {
                PyErr_SetString(PyExc_ValueError, diag.text);
            }
            Py_CLEAR(self);
        }
    }
    PyBuffer_Release(&json);
    return (PyObject *)self;
}

static void policy_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    pyn_policy_unref(loaded(self));
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *policy_roots(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *roots = PyDict_New();

    for (uint32_t i = 0; roots != NULL && i < pyn_policy_root_count(loaded(self)); i++) {
        const struct pyn_root *root = pyn_policy_root(loaded(self), i);
        PyObject *name = pyn_str(root->name);
        PyObject *iface = pyn_str(root->iface->name);
        if (name == NULL || iface == NULL || PyDict_SetItem(roots, name, iface) != 0) {
            Py_CLEAR(roots);
        }
        Py_XDECREF(name);
        Py_XDECREF(iface);
    }
    return roots;
}

static PyObject *policy_repr(PyObject *self)
{
    PyObject *roots = policy_roots(self, NULL);
    PyObject *text = roots != NULL ? PyUnicode_FromFormat("<pynto.Policy of %R>", roots) : NULL;

    Py_XDECREF(roots);
    return text;
}

static PyGetSetDef policy_getset[] = {
    {"roots", policy_roots, NULL, "dict[str, str]: the interface of each root.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot policy_slots[] = {
    {Py_tp_doc,
     (void *)(uintptr_t) "Policy(json: bytes)\n--\n\nA checked policy. ValueError: what is wrong with it, and where."},
    {Py_tp_new, policy_new},
    {Py_tp_dealloc, policy_dealloc},
    {Py_tp_repr, policy_repr},
    {Py_tp_getset, policy_getset},
    {Py_tp_methods, pyn_reach_methods},
    {0, NULL},
};

static PyType_Spec policy_spec = {
    .name = "pynto._core.Policy",
    .basicsize = sizeof(struct policy_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = policy_slots,
};

int pyn_policy_type_init(PyObject *module)
{
    pyn_core.policy = (PyTypeObject *)PyType_FromModuleAndSpec(module, &policy_spec, NULL);
    return pyn_core.policy != NULL ? PyModule_AddType(module, pyn_core.policy) : -1;
}
