/* quotas.c - quotas and accounts as Python sees them. */
#include "quotas.h"

#include "memory.h"

/* A client has chosen its server: it takes larger answers than a server takes calls from strangers. */
static const struct {
    const char *name;
    double value;
} client_defaults[] = {
    {"message", 256.0 * 1024 * 1024},
    {"elements", 16.0 * 1024 * 1024},
    {"keys", 4096},
    {"output", 1024.0 * 1024 * 1024},
    {"queued", 256.0 * 1024 * 1024},
    {"stall", 86400}, /* how long a call may take is said by its deadline */
};

static int set_one(struct pyn_quotas *quotas, PyObject *name, PyObject *value)
{
    const char *text = PyUnicode_AsUTF8(name);
    double number = text != NULL ? PyFloat_AsDouble(value) : -1.0;

    if (text == NULL || PyErr_Occurred()) {
        return -1;
    }
    if (pyn_quotas_set(quotas, pyn_view_of(text), number) != PYN_OK) {
        PyErr_Format(PyExc_ValueError, "quota %R: there is no such quota, or %R is out of its range", name, value);
        return -1;
    }
    return 0;
}

int pyn_quotas_change(PyObject *mapping, struct pyn_quotas *out)
{
    PyObject *items = PyMapping_Items(mapping);
    int result = 0;

    for (Py_ssize_t i = 0; items != NULL && result == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *pair = PyList_GET_ITEM(items, i);
        result = set_one(out, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
    }
    Py_XDECREF(items);
    return items != NULL ? result : -1;
}

int pyn_quotas_from(PyObject *mapping, enum pyn_role role, struct pyn_quotas *out)
{
    *out = pyn_quotas_default();
    for (size_t i = 0; role == PYN_ROLE_CLIENT && i < sizeof client_defaults / sizeof client_defaults[0]; i++) {
        (void)pyn_quotas_set(out, pyn_view_of(client_defaults[i].name), client_defaults[i].value);
    }
    return mapping != Py_None ? pyn_quotas_change(mapping, out) : 0;
}

static int put(PyObject *dict, const char *name, uint64_t value)
{
    PyObject *number = PyLong_FromUnsignedLongLong(value);
    int result = number != NULL ? PyDict_SetItemString(dict, name, number) : -1;

    Py_XDECREF(number);
    return result;
}

static PyObject *usage_of(const struct pyn_ledger *ledger, const struct pyn_cache_counts *counts, uint64_t memory_refused)
{
    PyObject *dict = PyDict_New();
    char peak[64];
    int result = dict != NULL ? 0 : -1;

    for (int i = 0; result == 0 && i < PYN_Q_COUNT; i++) {
        const char *name = pyn_quota_name((enum pyn_quota)i);
        (void)PyOS_snprintf(peak, sizeof peak, "%s_peak", name);
        result = put(dict, name, ledger->used[i]) != 0 || put(dict, peak, ledger->peak[i]) != 0 ? -1 : 0;
    }
    if (result == 0) {
        result = put(dict, "cache_hits", counts->hits) != 0 || put(dict, "cache_misses", counts->misses) != 0 ||
                         put(dict, "cache_evictions", counts->evictions) != 0
                     ? -1
                     : 0;
    }
    if (result == 0) {
        result = put(dict, "served", ledger->called) != 0 || put(dict, "refused", ledger->refused) != 0 ||
                         put(dict, "memory_refused", memory_refused) != 0
                     ? -1
                     : 0;
    }
    if (result != 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

PyObject *pyn_usage_of_link(struct pyn_link *link)
{
    struct pyn_cache_counts counts;
    struct pyn_ledger ledger;
    uint64_t memory_refused = 0;

    pyn_link_lock(link);
    ledger = *pyn_session_ledger(link->session);
    counts = pyn_session_cache_counts(link->session);
    pyn_link_unlock(link);
    pyn_memory_account(link, &ledger, &memory_refused);
    return usage_of(&ledger, &counts, memory_refused);
}

PyObject *pyn_quotas_dict(const struct pyn_quotas *quotas)
{
    PyObject *dict = PyDict_New();

    for (size_t i = 0; dict != NULL && pyn_quotas_name(i) != NULL; i++) {
        PyObject *number = PyFloat_FromDouble(pyn_quotas_get(quotas, i));
        if (number == NULL || PyDict_SetItemString(dict, pyn_quotas_name(i), number) != 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(number);
    }
    return dict;
}

PyObject *pyn_quotas_table(void)
{
    static const char *const units[] = {
        [PYN_UNIT_COUNT] = "count", [PYN_UNIT_BYTES] = "bytes",         [PYN_UNIT_SECONDS] = "seconds",
        [PYN_UNIT_RATE] = "rate",   [PYN_UNIT_BYTE_RATE] = "byte rate", [PYN_UNIT_BYTES_OR_NONE] = "bytes or none"};
    const struct pyn_quota_row *row = NULL;
    PyObject *list = PyList_New(0);

    for (size_t i = 0; list != NULL && (row = pyn_quotas_row(i)) != NULL; i++) {
        PyObject *told = Py_BuildValue("sssddds", row->name, units[row->unit], row->what, row->usual, row->least,
                                       row->most, row->beyond);
        if (told == NULL || PyList_Append(list, told) != 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(told);
    }
    return list;
}
