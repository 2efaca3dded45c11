/* costs.c - see costs.h. */
#include "costs.h"

enum { COST_MOST = 1000000000 };

/* The methods and attributes of that name. False: there is none. */
static bool set_cost(const struct pyn_policy *policy, struct pyn_view iface_name, struct pyn_view name, uint32_t cost,
                     uint32_t *costs)
{
    const struct pyn_iface *iface = pyn_policy_find(policy, iface_name);
    bool is_found = false;

    for (uint32_t i = 0; iface != NULL && i < iface->op_count; i++) {
        if (pyn_view_is_equal(iface->ops[i].name, name)) {
            costs[iface->ops[i].slot] = cost;
            is_found = true;
        }
    }
    return is_found;
}

/* "chat:Room.post": what is called stands behind the last point. */
static bool split(const char *text, size_t len, struct pyn_view *iface, struct pyn_view *name)
{
    size_t at = len;

    while (at > 0 && text[at - 1] != '.') {
        at--;
    }
    if (at == 0) {
        return false;
    }
    *iface = (struct pyn_view){(const uint8_t *)text, at - 1};
    *name = (struct pyn_view){(const uint8_t *)text + at, len - at};
    return true;
}

static int set_one(const struct pyn_policy *policy, PyObject *key, PyObject *value, uint32_t *costs)
{
    Py_ssize_t len = 0;
    const char *text = PyUnicode_Check(key) ? PyUnicode_AsUTF8AndSize(key, &len) : NULL;
    struct pyn_view iface;
    struct pyn_view name;
    long cost = text != NULL ? PyLong_AsLong(value) : -1;

    if (PyErr_Occurred()) {
        return -1;
    }
    if (cost < 0 || cost > COST_MOST || !split(text, (size_t)len, &iface, &name) ||
        !set_cost(policy, iface, name, (uint32_t)cost, costs)) {
        PyErr_Format(PyExc_ValueError, "cost %R: the policy has no such operation, or %R is not from 0 to %d", key,
                     value, (int)COST_MOST);
        return -1;
    }
    return 0;
}

int pyn_costs_from(PyObject *mapping, const struct pyn_policy *policy, uint32_t **out)
{
    const size_t count = pyn_policy_op_count(policy);
    PyObject *items = NULL;
    int result = 0;

    *out = NULL;
    if (mapping == Py_None) {
        return 0;
    }
    items = PyMapping_Items(mapping);
    if (items == NULL || PyList_GET_SIZE(items) == 0) {
        Py_XDECREF(items);
        return items != NULL ? 0 : -1;
    }
    *out = PyMem_Calloc(count + 1, sizeof **out);
    result = *out != NULL ? 0 : -1;
    if (result != 0) {
        PyErr_NoMemory();
    }
    for (size_t i = 0; result == 0 && i < count; i++) {
        (*out)[i] = 1;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *pair = PyList_GET_ITEM(items, i);
        result = set_one(policy, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), *out);
    }
    Py_DECREF(items);
    if (result != 0) {
        PyMem_Free(*out);
        *out = NULL;
    }
    return result;
}
