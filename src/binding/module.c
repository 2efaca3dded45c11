/* module.c - pynto._core: the extension, its start, and its few functions. */
#include "call.h"

#include <sodium.h>

#include "endings.h"
#include "interrupt.h"
#include "isolate.h"
#include "key_type.h"
#include "large.h"
#include "loop.h"
#include "memory.h"
#include "pipeline.h"
#include "policy_type.h"
#include "quotas.h"
#include "reach.h"
#include "recall.h"

struct core pyn_core;

/* ---- functions ---- */

static int parse_address(const char *text, Py_ssize_t len, struct pyn_address *address)
{
    struct pyn_fault fault = {{0}};

    if (!pyn_address_parse((struct pyn_view){(const uint8_t *)text, (size_t)len}, address, &fault)) {
        PyErr_SetString(PyExc_ValueError, fault.text);
        return -1;
    }
    return 0;
}

static PyObject *core_dial(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *text = NULL;
    Py_ssize_t len = 0;
    double timeout = 0;
    int is_open = 0;
    int fd = -1;
    bool is_ours = false;
    PyObject *dialled = NULL;
    struct pyn_address address;
    struct pyn_fault fault = {{0}};
    char spelled[PYN_ADDRESS_MAX];

    if (!PyArg_ParseTuple(args, "s#|dp:dial", &text, &len, &timeout, &is_open) ||
        parse_address(text, len, &address) != 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    fd = pyn_dial(&address, is_open != 0, timeout > 0 ? (uint64_t)(timeout * 1e9) : 0, &fault);
    Py_END_ALLOW_THREADS
    if (fd < 0) {
        PyErr_SetString(pyn_core.disconnected, fault.text);
        return NULL;
    }
    pyn_address_text(&address, spelled, sizeof spelled);
    is_ours = address.scheme != PYN_SCHEME_FD; /* else it was there before */
    sodium_memzero(&address, sizeof address);
    dialled = Py_BuildValue("is", fd, spelled);
    if (dialled == NULL && is_ours) {
        pyn_close_both(fd, fd);
    }
    return dialled;
}

static PyObject *core_take_stdio(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    struct pyn_fault fault = {{0}};
    int in = -1;
    int out = -1;

    if (!pyn_take_stdio(&in, &out, &fault)) {
        PyErr_SetString(PyExc_OSError, fault.text);
        return NULL;
    }
    return Py_BuildValue("ii", in, out);
}

static PyObject *core_check_policy(PyObject *Py_UNUSED(module), PyObject *json)
{
    PyObject *policy = PyObject_CallOneArg((PyObject *)pyn_core.policy, json);

    Py_XDECREF(policy);
    return policy != NULL ? Py_NewRef(Py_None) : NULL;
}

static PyObject *core_quotas(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *mapping = Py_None;
    int is_client = 0;
    struct pyn_quotas quotas;

    if (!PyArg_ParseTuple(args, "|Op:quotas", &mapping, &is_client) ||
        pyn_quotas_from(mapping, is_client ? PYN_ROLE_CLIENT : PYN_ROLE_SERVER, &quotas) != 0) {
        return NULL;
    }
    return pyn_quotas_dict(&quotas);
}

static PyObject *core_quota_table(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return pyn_quotas_table();
}

static PyObject *core_note_dropped_line(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    pyn_log_note_dropped();
    Py_RETURN_NONE;
}

static PyObject *core_is_netref(PyObject *Py_UNUSED(module), PyObject *value)
{
    return PyBool_FromLong(pyn_netref_is(value));
}

static int need_netref(PyObject *value)
{
    if (!pyn_netref_is(value)) {
        PyErr_Format(PyExc_TypeError, "a netref is needed, not %s", Py_TYPE(value)->tp_name);
        return -1;
    }
    return 0;
}

static PyObject *core_connection_of(PyObject *Py_UNUSED(module), PyObject *value)
{
    struct pyn_party *party = NULL;

    if (need_netref(value) != 0) {
        return NULL;
    }
    party = pyn_netref_party(value);
    return party->is_server ? pyn_peer_of(pyn_netref_link(value), party) : Py_NewRef((PyObject *)party);
}

static PyObject *core_release(PyObject *Py_UNUSED(module), PyObject *value)
{
    if (need_netref(value) != 0 || pyn_netref_release(value) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* The operation of an interface that Python gives these arguments, as operate() gets them; *args and *nargs: what is left of them. */
static const struct pyn_op *find_operation(PyObject *netref, PyObject *const **args, Py_ssize_t *nargs)
{
    const struct pyn_iface *iface = pyn_netref_iface(netref);
    enum pyn_op_kind kind = PYN_OP_METHOD;
    Py_ssize_t len = 0;
    const char *name = PyUnicode_AsUTF8((*args)[0]);

    if (name != NULL && *nargs > 1 && (strcmp(name, "__setattr__") == 0 || strcmp(name, "__getattr__") == 0)) {
        kind = name[2] == 's' ? PYN_OP_SET : PYN_OP_GET;
        (*args)++;
        (*nargs)--;
    }
    name = name != NULL ? PyUnicode_AsUTF8AndSize((*args)[0], &len) : NULL;
    (*args)++;
    (*nargs)--;
    if (kind != PYN_OP_METHOD && name != NULL && *nargs != (kind == PYN_OP_SET)) {
        PyErr_SetString(PyExc_TypeError, "an attribute has a name, and when it is set a value");
        return NULL;
    }
    return name != NULL ? pyn_iface_op(iface, kind, (struct pyn_view){(const uint8_t *)name, (size_t)len}) : NULL;
}

static PyObject *core_operate(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *netref = nargs > 1 ? args[0] : NULL;
    PyObject *name = nargs > 1 ? args[1] : NULL;
    const struct pyn_op *op = NULL;

    if (netref == NULL) {
        PyErr_SetString(PyExc_TypeError, "operate() needs a netref and the name of an operation");
        return NULL;
    }
    if (need_netref(netref) != 0) {
        return NULL;
    }
    if (!pyn_loop_is_here(pyn_netref_link(netref))) {
        PyErr_SetString(PyExc_TypeError, "no event loop drives the connection of this netref");
        return NULL;
    }
    args++;
    nargs--;
    op = find_operation(netref, &args, &nargs);
    if (op != NULL) {
        return pyn_awaitable_of(netref, op, args, nargs, NULL);
    }
    if (!PyErr_Occurred()) {
        PyErr_Format(PyExc_AttributeError, "%R has no %S", netref, name);
    }
    return NULL;
}

static PyMethodDef core_functions[] = {
    {"dial", core_dial, METH_VARARGS, "dial(address, timeout=0.0, open=False)\n--\n\n(descriptor, canonical address)"},
    {"enter_sandbox", (PyCFunction)(void (*)(void))pyn_enter_sandbox, METH_VARARGS | METH_KEYWORDS,
     "enter_sandbox(reads, writes, network, memory, file, descriptors, best_effort)\n--\n\nlist[str]: what is on from "
     "now on, for good. OSError: it cannot be."},
    {"follow", pyn_follow, METH_VARARGS,
     "follow(parent)\n--\n\nThis process is killed when its parent ends. False: it has ended."},
    {"hide_memory", pyn_hide_memory, METH_NOARGS, "hide_memory()\n--\n\nNobody may read it, and no core is left."},
    {"take_stdio", core_take_stdio, METH_NOARGS,
     "take_stdio()\n--\n\n(in, out): stdin and stdout, moved to where nothing else reads or prints."},
    {"check_policy", core_check_policy, METH_O, "check_policy(json)\n--\n\nValueError: what is wrong with it, and where."},
    {"canonical_policy", pyn_reach_canonical, METH_O,
     "canonical_policy(json)\n--\n\nbytes: the one file of this policy. ValueError: it is none."},
    {"quotas", core_quotas, METH_VARARGS,
     "quotas(changes=None, client=False)\n--\n\ndict[str, float]: every quota, with its default."},
    {"note_dropped_line", core_note_dropped_line, METH_NOARGS,
     "note_dropped_line()\n--\n\nA line was not logged: it is counted."},
    {"quota_table", core_quota_table, METH_NOARGS,
     "quota_table()\n--\n\nlist of (name, unit, what, usual, least, most, beyond): of every quota."},
    {"is_netref", core_is_netref, METH_O, "is_netref(value)\n--\n\nbool"},
    {"connection", core_connection_of, METH_O,
     "connection(netref)\n--\n\nThe Connection that it belongs to; of a client's object, at a server: the Peer."},
    {"caller", pyn_caller, METH_NOARGS,
     "caller()\n--\n\n(principal or None, transport, address) of the call that this thread serves, or None."},
    {"narrow", pyn_narrow, METH_VARARGS,
     "narrow(capability, server_key, facet)\n--\n\nbytes: the same capability, good for that facet alone."},
    {"release", core_release, METH_O,
     "release(netref)\n--\n\nGives the reference back now, not when it is collected. Once is as good as twice."},
    {"oneway", pyn_oneway, METH_O,
     "oneway(function)\n--\n\nThe same method of a netref, or callable netref, as a call that is not waited for: it "
     "gives None at "
     "once. Nothing is known of its result or its error, which the other side logs. One-way calls are served in their "
     "order."},
    {"stale", pyn_core_stale,
     METH_VARARGS, "stale(object, name=None)\n--\n\nTells every client that holds the object that kept answers are not true any more; how many."},
    {"operate", (PyCFunction)(void (*)(void))core_operate, METH_FASTCALL,
     "operate(netref, name, *args)\n--\n\nAn operation by name, as something to be awaited."},
    {"_shared_forms", pyn_forms_kept, METH_NOARGS, NULL},
    {"_at_exit", pyn_endings_at_exit, METH_NOARGS, NULL},
    {"_limit_memory", pyn_memory_limit, METH_NOARGS, NULL},
    {"_interrupt", pyn_interrupt_signalled, METH_VARARGS, NULL},
    {"_interrupt_threads", pyn_interrupt_threads, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* ---- start ---- */

static int look_up(PyObject **where, const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);

    *where = module != NULL ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return *where != NULL ? 0 : -1;
}

static int look_up_main_thread(void)
{
    PyObject *main_thread = NULL;
    PyObject *module = PyImport_ImportModule("threading");
    PyObject *ident = NULL;

    if (module != NULL) {
        main_thread = PyObject_CallMethod(module, "main_thread", NULL);
        Py_DECREF(module);
    }
    ident = main_thread != NULL ? PyObject_GetAttrString(main_thread, "ident") : NULL;
    if (ident != NULL) {
        pyn_core.main_thread = PyLong_AsUnsignedLong(ident);
    }
    Py_XDECREF(main_thread);
    Py_XDECREF(ident);
    return PyErr_Occurred() ? -1 : 0;
}

static int look_up_all(void)
{
    const struct {
        PyObject **where;
        const char *module;
        const char *name;
    } wanted[] = {
        {&pyn_core.refused, "pynto.errors", "Refused"},
        {&pyn_core.quota_exceeded, "pynto.errors", "QuotaExceeded"},
        {&pyn_core.deadline_exceeded, "pynto.errors", "DeadlineExceeded"},
        {&pyn_core.protocol_error, "pynto.errors", "ProtocolError"},
        {&pyn_core.disconnected, "pynto.errors", "Disconnected"},
        {&pyn_core.remote_error, "pynto.errors", "RemoteError"},
        {&pyn_core.served_for, "pynto.threads", "served_for"},
        {&pyn_core.call_cancelled, "pynto.errors", "Cancelled"},
        {&pyn_core.ends_at, "pynto.deadlines", "ends_at"},
        {&pyn_core.log_incident, "pynto.errors", "log_incident"},
        {&pyn_core.make_record, "pynto.values", "make_record"},
        {&pyn_core.make_enum, "pynto.values", "make_enum"},
        {&pyn_core.make_signature, "pynto.values", "make_signature"},
        {&pyn_core.start_thread, "pynto.threads", "start_thread"},
        {&pyn_core.run_coroutine, "pynto.threads", "run_coroutine"},
        {&pyn_core.awaited, "pynto.awaiting", "awaited"},
        {&pyn_core.cannot_wait, "pynto.awaiting", "cannot_wait"},
        {&pyn_core.iterate, "pynto.awaiting", "Iteration"},
        {&pyn_core.promised, "pynto.chains", "promised"},
        {&pyn_core.promised_type, "pynto.chains", "Promised"},
        {&pyn_core.helpers, "pynto.awaiting", "HELPERS"},
        {&pyn_core.running_loop, "asyncio", "_get_running_loop"},
        {&pyn_core.cancelled, "asyncio", "CancelledError"},
        {&pyn_core.decimal, "decimal", "Decimal"},
        {&pyn_core.uuid, "uuid", "UUID"},
        {&pyn_core.enumeration, "enum", "Enum"},
    };

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (look_up(wanted[i].where, wanted[i].module, wanted[i].name) != 0) {
            return -1;
        }
    }
    return 0;
}

static int core_exec(PyObject *module)
{
    static bool is_loaded;

    if (is_loaded) {
        PyErr_SetString(PyExc_ImportError, "pynto._core can be loaded once in a process, and in no sub-interpreter");
        return -1;
    }
    is_loaded = true;
    if (sodium_init() < 0) {
        PyErr_SetString(PyExc_ImportError, "libsodium finds no source of randomness");
        return -1;
    }
    if (look_up_all() != 0 || look_up_main_thread() != 0 || pyn_values_init() != 0 || pyn_errors_init() != 0 ||
        pyn_policy_type_init(module) != 0 || pyn_netref_type_init(module) != 0 ||
        pyn_connection_type_init(module) != 0 || pyn_server_type_init(module) != 0 || pyn_peer_type_init(module) != 0 ||
        pyn_key_type_init(module) != 0 || pyn_door_type_init(module) != 0 || pyn_oneway_init() != 0 ||
        pyn_large_init() != 0 || pyn_pipeline_init(module) != 0 || pyn_task_init() != 0 || pyn_sending_init() != 0 ||
        pyn_awaitable_init(module) != 0 || pyn_aio_type_init(module) != 0 || pyn_endings_init(module) != 0) {
        return -1;
    }
    return pyn_interrupt_init(module);
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef core_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pynto._core",
    .m_doc = "The core of pynto. Use the names of the package pynto.",
    .m_methods = core_functions,
    .m_slots = core_slots,
};

PyMODINIT_FUNC PyInit__core(void); /* the interpreter calls it by name */

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&core_module);
}
