/* census.c - who is connected, as Python sees it; see quotas.h. */
#include "../runtime/census.h"

#include "quotas.h"

static int put_used(PyObject *dict, const struct pyn_census *one)
{
    int result = 0;

    for (int i = 0; result == 0 && i < PYN_Q_HELD; i++) {
        PyObject *used = PyLong_FromUnsignedLongLong(one->used[i]);
        result = used != NULL ? PyDict_SetItemString(dict, pyn_quota_name((enum pyn_quota)i), used) : -1;
        Py_XDECREF(used);
    }
    return result;
}

/* Strong. Texts are what a transport has written: ASCII, but that is not to be relied upon here. */
static PyObject *text(const char *bytes)
{
    return PyUnicode_DecodeASCII(bytes, (Py_ssize_t)strlen(bytes), "backslashreplace");
}

static PyObject *describe(const struct pyn_census *one)
{
    PyObject *dict = Py_BuildValue(
        "{s:K,s:N,s:N,s:s,s:s,s:O,s:d,s:d,s:d,s:K,s:K,s:K,s:K}", "number", (unsigned long long)one->number, "peer",
        text(one->peer), "principal", text(one->principal), "class", one->class, "transport", one->transport, "ready",
        one->is_ready ? Py_True : Py_False, "age", (double)one->age_ns / 1e9, "busy", (double)one->busy_ns / 1e9, "cpu",
        (double)one->cpu_ns / 1e9, "served", (unsigned long long)one->counts.calls, "refused",
        (unsigned long long)one->counts.refused, "received", (unsigned long long)one->counts.bytes_in, "sent",
        (unsigned long long)one->counts.bytes_out);

    if (dict != NULL && put_used(dict, one) != 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

PyObject *pyn_census_list(struct pyn_server *server)
{
    PyObject *list = PyList_New(0);
    struct pyn_census one;
    uint32_t slot = 0;

    while (list != NULL && pyn_census_next(server, &slot, &one)) {
        PyObject *dict = describe(&one);
        if (dict == NULL || PyList_Append(list, dict) != 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(dict);
    }
    return list;
}
