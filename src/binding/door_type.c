/* door_type.c - pynto._core.Door: what a server lets in on the open network. */
#include "key_type.h"

#include <math.h>
#include <sodium.h>

struct door {
    PyObject_HEAD
    struct pyn_door *door;
};

static PyTypeObject *door_type;

bool pyn_door_is(PyObject *object)
{
    return Py_IS_TYPE(object, door_type);
}

struct pyn_door *pyn_door_of(PyObject *door)
{
    return ((struct door *)door)->door;
}

int pyn_grant_id_converter(PyObject *object, void *id)
{
    if (!PyBytes_Check(object) || PyBytes_GET_SIZE(object) != PYN_GRANT_ID_LEN) {
        PyErr_Format(PyExc_ValueError, "the id of a grant has %d bytes", PYN_GRANT_ID_LEN);
        return 0;
    }
    memcpy(id, PyBytes_AS_STRING(object), PYN_GRANT_ID_LEN);
    return 1;
}

/* ---- making ---- */

static PyObject *door_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"key", "psk", "tries", NULL};
    struct pyn_gate_limits limits = pyn_gate_limits_default();
    PyObject *key = NULL;
    PyObject *psk = Py_None;
    struct door *self = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O(ddd):Door", names, &key, &psk, &limits.burst,
                                     &limits.per_second, &limits.penalty)) {
        return NULL;
    }
    if (!pyn_key_is(key) || (psk != Py_None && !pyn_key_is(psk))) {
        PyErr_SetString(PyExc_TypeError, "key and psk are of type Key");
        return NULL;
    }
    if (!(limits.burst >= 1 && limits.per_second >= 0 && limits.penalty >= 0) || !isfinite(limits.burst) ||
        !isfinite(limits.per_second) || !isfinite(limits.penalty)) {
        PyErr_SetString(PyExc_ValueError, "tries are (burst, a second, penalty): a burst of 1 at least, none negative");
        return NULL;
    }
    self = (struct door *)type->tp_alloc(type, 0);
    if (self != NULL && pyn_door_new(pyn_key_pair(key), psk != Py_None ? pyn_key_pair(psk)->secret : NULL, &limits,
                                     &self->door) != PYN_OK) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static void door_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    pyn_door_free(pyn_door_of(self));
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- granting ---- */

static const struct {
    const char *name;
    enum pyn_login_kind kind;
} kinds[] = {{"key", PYN_LOGIN_KEY}, {"capability", PYN_LOGIN_CAPABILITY}, {"narrowed", PYN_LOGIN_NARROWED}};

static int kind_converter(PyObject *object, void *kind)
{
    for (size_t i = 0; PyUnicode_Check(object) && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (PyUnicode_CompareWithASCIIString(object, kinds[i].name) == 0) {
            *(enum pyn_login_kind *)kind = kinds[i].kind;
            return 1;
        }
    }
    PyErr_SetString(PyExc_ValueError, "what is granted is 'key', 'capability' or 'narrowed'");
    return 0;
}

static PyObject *door_digest(PyObject *self, PyObject *args)
{
    enum pyn_login_kind kind = PYN_LOGIN_NONE;
    const char *what = NULL;
    Py_ssize_t len = 0;
    uint8_t digest[PYN_DIGEST_LEN];

    if (!PyArg_ParseTuple(args, "O&y#:digest", kind_converter, &kind, &what, &len)) {
        return NULL;
    }
    pyn_door_digest(pyn_door_of(self), kind, (struct pyn_view){(const uint8_t *)what, (size_t)len}, digest);
    return PyBytes_FromStringAndSize((const char *)digest, sizeof digest);
}

/* A name of ours: printable ASCII, short enough. */
static int take_name(const char *text, Py_ssize_t len, const char *what, char *out, size_t room)
{
    for (Py_ssize_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            PyErr_Format(PyExc_ValueError, "%s is printable ASCII", what);
            return -1;
        }
    }
    if ((size_t)len >= room) {
        PyErr_Format(PyExc_ValueError, "%s is longer than %zu bytes", what, room - 1);
        return -1;
    }
    memcpy(out, text, (size_t)len);
    out[len] = '\0';
    return 0;
}

static PyObject *door_grant(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"kind", "digest", "id", "root", "expires_at", "counted", "quota_class", NULL};
    struct pyn_grant grant = {.kind = PYN_LOGIN_NONE};
    const char *digest = NULL;
    const char *root = "";
    const char *quota_class = "";
    Py_ssize_t digest_len = 0;
    Py_ssize_t root_len = 0;
    Py_ssize_t class_len = 0;
    unsigned long long expires_at = 0;
    int is_counted = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&y#O&|s#Kps#:grant", names, kind_converter, &grant.kind, &digest,
                                     &digest_len, pyn_grant_id_converter, grant.id, &root, &root_len, &expires_at,
                                     &is_counted, &quota_class, &class_len)) {
        return NULL;
    }
    if (digest_len != PYN_DIGEST_LEN) {
        PyErr_Format(PyExc_ValueError, "a digest has %d bytes", PYN_DIGEST_LEN);
        return NULL;
    }
    if (take_name(root, root_len, "a root", grant.root, sizeof grant.root) != 0 ||
        take_name(quota_class, class_len, "a quota class", grant.quota_class, sizeof grant.quota_class) != 0) {
        return NULL;
    }
    memcpy(grant.digest, digest, PYN_DIGEST_LEN);
    grant.expires_at = expires_at;
    grant.is_counted = is_counted != 0;
    if (pyn_door_grant(pyn_door_of(self), &grant) != PYN_OK) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

/* A capability is the seed of a key pair: its holder signs what it is narrowed to, and the server knows the public half. */
PyObject *pyn_narrow(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *seed = NULL;
    const char *server = NULL;
    const char *facet = NULL;
    Py_ssize_t seed_len = 0;
    Py_ssize_t facet_len = 0;
    uint8_t server_public[PYN_NOISE_KEY_LEN];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    uint8_t digest[PYN_DIGEST_LEN];
    uint8_t narrowed[PYN_NOISE_KEY_LEN + PYN_SIGNATURE_LEN + PYN_FACET_NAME_MAX];
    char checked[PYN_FACET_NAME_MAX + 1];
    size_t len = 0;

    if (!PyArg_ParseTuple(args, "y#ss#:narrow", &seed, &seed_len, &server, &facet, &facet_len)) {
        return NULL;
    }
    if (seed_len != PYN_CAPABILITY_LEN || facet_len == 0 ||
        sodium_base642bin(server_public, sizeof server_public, server, strlen(server), NULL, &len, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        len != sizeof server_public) {
        PyErr_SetString(PyExc_ValueError, "a whole capability, the key of its server and a facet are needed");
        return NULL;
    }
    if (take_name(facet, facet_len, "a facet", checked, sizeof checked) != 0) {
        return NULL;
    }
    (void)crypto_sign_seed_keypair(narrowed, secret, (const uint8_t *)seed);
    pyn_narrowing_digest(server_public, pyn_view_of(checked), digest);
    (void)crypto_sign_detached(narrowed + PYN_NOISE_KEY_LEN, NULL, digest, sizeof digest, secret);
    memcpy(narrowed + PYN_NOISE_KEY_LEN + PYN_SIGNATURE_LEN, checked, (size_t)facet_len);
    sodium_memzero(secret, sizeof secret);
    return PyBytes_FromStringAndSize((const char *)narrowed, PYN_NOISE_KEY_LEN + PYN_SIGNATURE_LEN + facet_len);
}

/* ---- counting ---- */

static PyObject *door_next_use(PyObject *self, PyObject *args)
{
    double timeout = 0;
    struct pyn_asking asking;
    pyn_status st = PYN_EINTERNAL;

    if (!PyArg_ParseTuple(args, "d:next_use", &timeout)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    st = pyn_door_next(pyn_door_of(self), timeout > 0 ? (uint64_t)(timeout * 1e9) : 0, &asking);
    Py_END_ALLOW_THREADS
    if (st == PYN_EGONE) {
        PyErr_SetString(PyExc_EOFError, "the door is closed");
        return NULL;
    }
    if (st != PYN_OK) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("Ky#", (unsigned long long)asking.token, (const char *)asking.grant,
                         (Py_ssize_t)PYN_GRANT_ID_LEN);
}

static PyObject *door_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    pyn_door_close(pyn_door_of(self));
    Py_RETURN_NONE;
}

static PyMethodDef door_methods[] = {
    {"digest", door_digest, METH_VARARGS, "digest(kind, what)\n--\n\nbytes: what the table knows of a key or capability."},
    {"grant", (PyCFunction)(void (*)(void))door_grant, METH_VARARGS | METH_KEYWORDS,
     "grant(kind, digest, id, root='', expires_at=0, counted=False, quota_class='')\n--\n\nLets in whoever holds what "
     "the digest "
     "is of. counted: only after decide() of the server, each time."},
    {"next_use", door_next_use, METH_VARARGS,
     "next_use(timeout)\n--\n\n(token, id) of a client whose use is to be counted, or None. EOFError: closed."},
    {"close", door_close, METH_NOARGS, "close()\n--\n\nEnds next_use()."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot door_slots[] = {
    {Py_tp_doc,
     (void *)(uintptr_t) "Door(key, psk=None, tries=(burst, per_second, penalty))\n--\n\nA server's key, what it "
                         "grants, and how often a source may try."},
    {Py_tp_new, door_new},
    {Py_tp_dealloc, door_dealloc},
    {Py_tp_methods, door_methods},
    {0, NULL},
};

static PyType_Spec door_spec = {
    .name = "pynto._core.Door",
    .basicsize = sizeof(struct door),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = door_slots,
};

int pyn_door_type_init(PyObject *module)
{
    door_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &door_spec, NULL);
    return door_type != NULL ? PyModule_AddType(module, door_type) : -1;
}
