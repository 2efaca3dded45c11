/* classes.c - quota classes as Python spells them; see quotas.h. */
#include "../runtime/classes.h"

#include "quotas.h"

static int put_users(struct pyn_classes *classes, PyObject *users)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(users); i++) {
        unsigned long uid = PyLong_AsUnsignedLong(PyTuple_GET_ITEM(users, i));
        if (PyErr_Occurred()) {
            return -1;
        }
        if (uid >= UINT32_MAX || pyn_classes_put_uid(classes, (uint32_t)uid) != PYN_OK) {
            PyErr_Format(PyExc_ValueError, "user %lu is in a class already, or there are too many", uid);
            return -1;
        }
    }
    return 0;
}

static int put(struct pyn_classes *classes, const struct pyn_quotas *usual, PyObject *name, PyObject *told)
{
    struct pyn_quota_class made = {.quotas = *usual};
    PyObject *changes = NULL;
    PyObject *users = NULL;
    unsigned long long kept_from = 0;
    Py_ssize_t len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(name, &len);

    if (text == NULL || !PyTuple_Check(told) ||
        !PyArg_ParseTuple(told, "OIIO!K", &changes, &made.connection_max, &made.each_max, &PyTuple_Type, &users,
                          &kept_from) ||
        pyn_quotas_change(changes, &made.quotas) != 0) {
        return -1;
    }
    if (len == 0 || (size_t)len >= sizeof made.name || strlen(text) != (size_t)len) {
        PyErr_Format(PyExc_ValueError, "class %R: a name has 1 to %zu bytes", name, sizeof made.name - 1);
        return -1;
    }
    memcpy(made.name, text, (size_t)len);
    made.kept_from = kept_from;
    if (pyn_classes_put(classes, &made) != PYN_OK) {
        PyErr_Format(PyExc_ValueError, "class %R: there are %d classes at most", name, PYN_CLASSES_MAX);
        return -1;
    }
    return put_users(classes, users);
}

struct pyn_classes *pyn_classes_from(PyObject *usual, PyObject *classes)
{
    struct pyn_quotas quotas;
    struct pyn_classes *made = NULL;
    PyObject *name = NULL;
    PyObject *told = NULL;
    Py_ssize_t at = 0;
    int result = 0;

    if (pyn_quotas_from(usual, PYN_ROLE_SERVER, &quotas) != 0) {
        return NULL;
    }
    made = pyn_classes_new(&quotas);
    if (made == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    while (result == 0 && classes != NULL && PyDict_Next(classes, &at, &name, &told)) {
        result = put(made, &quotas, name, told);
    }
    if (result != 0) {
        pyn_classes_unref(made);
        made = NULL;
    }
    return made;
}
