/* key_type.c - pynto._core.Key: a secret key, in memory that is locked, and its public half. */
#include "key_type.h"

#include <sodium.h>

#include "../transport/keyfile.h"

struct key {
    PyObject_HEAD
    struct pyn_keypair *pair; /* from sodium_malloc() */
};

static PyTypeObject *key_type;

bool pyn_key_is(PyObject *object)
{
    return Py_IS_TYPE(object, key_type);
}

const struct pyn_keypair *pyn_key_pair(PyObject *key)
{
    return ((struct key *)key)->pair;
}

static PyObject *from_secret(PyTypeObject *type, const uint8_t secret[PYN_NOISE_KEY_LEN])
{
    struct key *self = (struct key *)type->tp_alloc(type, 0);

    if (self == NULL) {
        return NULL;
    }
    self->pair = sodium_malloc(sizeof *self->pair);
    if (self->pair == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    pyn_keypair_from(self->pair, secret);
    return (PyObject *)self;
}

static PyObject *key_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"path", NULL};
    struct pyn_fault fault = {{0}};
    uint8_t secret[PYN_NOISE_KEY_LEN];
    PyObject *path = NULL;
    PyObject *self = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&:Key", names, PyUnicode_FSConverter, &path)) {
        return NULL;
    }
    if (pyn_keyfile_read(PyBytes_AS_STRING(path), secret, &fault)) {
        self = from_secret(type, secret);
    } else {
        PyErr_SetString(PyExc_PermissionError, fault.text);
    }
    sodium_memzero(secret, sizeof secret);
    Py_DECREF(path);
    return self;
}

static PyObject *key_generate(PyObject *type, PyObject *Py_UNUSED(ignored))
{
    uint8_t secret[PYN_NOISE_KEY_LEN];
    PyObject *self = NULL;

    randombytes_buf(secret, sizeof secret);
    self = from_secret((PyTypeObject *)type, secret);
    sodium_memzero(secret, sizeof secret);
    return self;
}

static PyObject *key_save(PyObject *self, PyObject *args)
{
    struct pyn_fault fault = {{0}};
    PyObject *path = NULL;
    bool is_made = false;

    if (!PyArg_ParseTuple(args, "O&:save", PyUnicode_FSConverter, &path)) {
        return NULL;
    }
    is_made = pyn_keyfile_make(PyBytes_AS_STRING(path), pyn_key_pair(self)->secret, &fault);
    Py_DECREF(path);
    if (!is_made) {
        PyErr_SetString(PyExc_OSError, fault.text);
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *key_public(PyObject *self, void *Py_UNUSED(closure))
{
    char text[64];

    (void)sodium_bin2base64(text, sizeof text, pyn_key_pair(self)->public_key, PYN_NOISE_KEY_LEN,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return PyUnicode_FromString(text);
}

static PyObject *key_repr(PyObject *self)
{
    PyObject *text = key_public(self, NULL);
    PyObject *repr = text != NULL ? PyUnicode_FromFormat("<pynto.Key %U>", text) : NULL;

    Py_XDECREF(text);
    return repr;
}

static void key_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    sodium_free(((struct key *)self)->pair); /* wipes it; NULL is fine */
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef key_methods[] = {
    {"generate", key_generate, METH_NOARGS | METH_CLASS, "generate()\n--\n\nA new one."},
    {"save", key_save, METH_VARARGS, "save(path)\n--\n\nInto a new file, mode 0600. OSError: one is there."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef key_getset[] = {
    {"public", key_public, NULL, "str: the half that others may know, as it stands in an address.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot key_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "Key(path)\n--\n\nA secret key from its file. PermissionError: the file is not its "
                                    "owner's alone, or holds no key."},
    {Py_tp_new, key_new},
    {Py_tp_dealloc, key_dealloc},
    {Py_tp_repr, key_repr},
    {Py_tp_methods, key_methods},
    {Py_tp_getset, key_getset},
    {0, NULL},
};

static PyType_Spec key_spec = {
    .name = "pynto._core.Key",
    .basicsize = sizeof(struct key),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = key_slots,
};

int pyn_key_type_init(PyObject *module)
{
    key_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &key_spec, NULL);
    return key_type != NULL ? PyModule_AddType(module, key_type) : -1;
}
