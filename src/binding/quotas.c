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

const struct pyn_quotas *pyn_quotas_of_client(PyObject *mapping, struct pyn_quotas *changed)
{
    static struct pyn_quotas usual;
    static bool is_made;

    if (!is_made) {
        (void)pyn_quotas_from(Py_None, PYN_ROLE_CLIENT, &usual);
        is_made = true;
    }
    if (mapping == Py_None) {
        return &usual;
    }
    *changed = usual;
    return pyn_quotas_change(mapping, changed) == 0 ? changed : NULL;
}

static int put(PyObject *dict, const char *name, uint64_t value)
{
    PyObject *number = PyLong_FromUnsignedLongLong(value);
    int result = number != NULL ? PyDict_SetItemString(dict, name, number) : -1;

    Py_XDECREF(number);
    return result;
}

static int put_as(PyObject *dict, const char *name, const char *ending, uint64_t value)
{
    char whole[64];

    (void)PyOS_snprintf(whole, sizeof whole, "%s%s", name, ending);
    return put(dict, whole, value);
}

static int put_held(PyObject *dict, const struct pyn_ledger *ledger)
{
    int result = 0;

    for (int i = 0; result == 0 && i < PYN_Q_HELD; i++) {
        const char *name = pyn_quota_name((enum pyn_quota)i);
        result = put(dict, name, ledger->used[i]) != 0 || put_as(dict, name, "_peak", ledger->peak[i]) != 0 ||
                         put_as(dict, name, "_limit", ledger->quotas->max[i]) != 0
                     ? -1
                     : 0;
    }
    return result;
}

/* What is counted of a connection, and no quota. */
struct told {
    struct pyn_cache_counts cache;
    uint64_t memory_refused;
    uint64_t peer_memory;
};

static int put_told(PyObject *dict, const struct pyn_ledger *ledger, const struct told *told)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"peer_memory", told->peer_memory},
        {"peer_memory_limit", ledger->quotas->max[PYN_Q_PEER_MEMORY]},
        {"cache_hits", told->cache.hits},
        {"cache_misses", told->cache.misses},
        {"cache_evictions", told->cache.evictions},
        {"served", ledger->called},
        {"refused", ledger->refused},
        {"memory_refused", told->memory_refused},
    };
    int result = 0;

    for (size_t i = 0; result == 0 && i < sizeof numbers / sizeof numbers[0]; i++) {
        result = put(dict, numbers[i].name, numbers[i].value);
    }
    return result;
}

PyObject *pyn_usage_of_link(struct pyn_link *link)
{
    struct told told = {.memory_refused = 0};
    struct pyn_ledger ledger;
    PyObject *dict = NULL;

    pyn_link_lock(link);
    ledger = *pyn_session_ledger(link->session);
    told.cache = pyn_session_cache_counts(link->session);
    pyn_link_unlock(link);
    pyn_memory_account(link, &ledger, &told.memory_refused);
    told.peer_memory = link->estate != NULL ? pyn_estate_charged(link->estate) : 0;
    dict = PyDict_New();
    if (dict != NULL && (put_held(dict, &ledger) != 0 || put_told(dict, &ledger, &told) != 0)) {
        Py_CLEAR(dict);
    }
    return dict;
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
