/* forms.c - see forms.h. */
#include "forms.h"

#include <sodium.h>

#include "book.h"
#include "memory.h"
#include "remote_method.h"

/* ---- a class ---- */

static int add_operation(PyObject *dict, struct pyn_forms *forms, const struct pyn_iface *iface, const struct pyn_op *op)
{
    PyObject *name = forms->names[op->slot];
    PyObject *entry = NULL;
    int result = -1;

    if (op->kind == PYN_OP_METHOD) {
        entry = pyn_remote_method_new(forms, op);
    } else if (op->kind == PYN_OP_GET) {
        entry = pyn_remote_attribute_new(forms, op, pyn_iface_op(iface, PYN_OP_SET, op->name));
    } else {
        return 0;
    }
    if (entry != NULL) {
        result = PyDict_SetItem(dict, name, entry);
        Py_DECREF(entry);
    }
    return result;
}

PyObject *pyn_iface_shown(const struct pyn_iface *iface)
{
    PyObject *text = pyn_str(iface->name);
    PyObject *colon = PyUnicode_FromString(":");
    PyObject *dot = PyUnicode_FromString(".");
    PyObject *name = NULL;

    if (text != NULL && colon != NULL && dot != NULL) {
        name = PyUnicode_Replace(text, colon, dot, -1);
    }
    Py_XDECREF(text);
    Py_XDECREF(colon);
    Py_XDECREF(dot);
    return name;
}

/* An iterator is its own iterator: nobody has to be asked. */
static int is_own_iterator(PyObject *dict, const char *step, const char *name)
{
    PyObject *itself = NULL;
    int result = 0;

    if (PyDict_GetItemString(dict, step) != NULL) {
        itself = PyObject_GetAttrString((PyObject *)pyn_core.netref, "_itself");
        result = itself != NULL ? PyDict_SetItemString(dict, name, itself) : -1;
        Py_XDECREF(itself);
    }
    return result;
}

/* Where an event loop may drive it, what is iterated or entered can be awaited too. helpers: {what is there: {name: what is added}}. */
static int add_helpers(PyObject *dict, const struct pyn_forms *forms)
{
    PyObject *there = NULL;
    PyObject *added = NULL;
    Py_ssize_t at = 0;

    while (forms->may_await && PyDict_Next(pyn_core.helpers, &at, &there, &added)) {
        if (PyDict_Contains(dict, there) == 1 && PyDict_Merge(dict, added, 0) != 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *type_dict(struct pyn_forms *forms, const struct pyn_iface *iface)
{
    PyObject *hash = PyObject_GetAttrString((PyObject *)&PyBaseObject_Type,
                                            "__hash__"); /* by identity, even beside an __eq__ */
    PyObject *dict = NULL;

    if (hash != NULL) {
        dict = Py_BuildValue("{s:(),s:s,s:O}", "__slots__", "__module__", "pynto.remote", "__hash__", hash);
        Py_DECREF(hash);
    }
    for (uint32_t i = 0; dict != NULL && i < iface->op_count; i++) {
        if (add_operation(dict, forms, iface, &iface->ops[i]) != 0) {
            Py_CLEAR(dict);
        }
    }
    if (dict != NULL && (is_own_iterator(dict, "__next__", "__iter__") != 0 ||
                         is_own_iterator(dict, "__anext__", "__aiter__") != 0 || add_helpers(dict, forms) != 0)) {
        Py_CLEAR(dict);
    }
    return dict;
}

/* Whoever has a netref of one connection could change those of all others. */
static void make_immutable(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030C0000
    (void)PyUnstable_Type_AssignVersionTag(type); /* an immutable type takes it out of the few that static ones share */
#endif
    type->tp_flags |= Py_TPFLAGS_IMMUTABLETYPE;
}

static bool reads_ahead(const struct pyn_iface *iface)
{
    bool does = false;

    for (uint32_t i = 0; i < iface->op_count; i++) {
        does = does || pyn_op_reads_ahead(&iface->ops[i]);
    }
    return does;
}

static PyTypeObject *make_type(struct pyn_forms *forms, const struct pyn_iface *iface)
{
    PyObject *name = pyn_iface_shown(iface);
    PyObject *dict = name != NULL ? type_dict(forms, iface) : NULL;
    PyObject *type = NULL;

    if (dict != NULL) {
        type = PyObject_CallFunction((PyObject *)&PyType_Type, "O(O)O", name,
                                     reads_ahead(iface) ? pyn_core.stepped : pyn_core.netref, dict);
    }
    if (type != NULL) {
        make_immutable((PyTypeObject *)type);
    }
    Py_XDECREF(name);
    Py_XDECREF(dict);
    return (PyTypeObject *)type;
}

PyTypeObject *pyn_forms_type(struct pyn_forms *forms, const struct pyn_iface *iface)
{
    struct pyn_form *form = &forms->ifaces[iface->index];
    PyTypeObject *made = NULL;

    if (form->netref == NULL) {
        struct pyn_allowance *own = pyn_memory_hide(); /* it is everybody's */
        made = make_type(forms, iface);
        pyn_memory_show(own);
        if (made == NULL) {
            return NULL;
        }
        if (form->netref != NULL) { /* somebody's finaliser has needed it meanwhile */
            Py_DECREF((PyObject *)made);
        } else {
            form->netref = made;
        }
    }
    return form->netref;
}

/* ---- life ---- */

static int name_ops(struct pyn_forms *forms)
{
    for (uint32_t i = 0; i < pyn_policy_iface_count(forms->policy); i++) {
        const struct pyn_iface *iface = pyn_policy_iface(forms->policy, i);
        for (uint32_t k = 0; k < iface->op_count; k++) {
            PyObject *name = pyn_str(iface->ops[k].name);
            if (name == NULL) {
                return -1;
            }
            PyUnicode_InternInPlace(&name);
            forms->names[iface->ops[k].slot] = name;
        }
    }
    return 0;
}

static void *zeroed(size_t count, size_t size)
{
    return PyMem_Calloc(count == 0 ? 1 : count, size);
}

static struct pyn_forms *make(const struct pyn_policy *policy, bool may_await)
{
    struct pyn_forms *forms = zeroed(1, sizeof *forms);

    if (forms == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    forms->ref_count = 1;
    forms->may_await = may_await;
    forms->policy = pyn_policy_ref((struct pyn_policy *)(uintptr_t)policy); /* its count is all that ever changes of it */
    forms->weight = (size_t)pyn_policy_op_count(policy) + pyn_policy_iface_count(policy);
    forms->names = zeroed(pyn_policy_op_count(policy), sizeof *forms->names);
    forms->ifaces = zeroed(pyn_policy_iface_count(policy), sizeof *forms->ifaces);
    if (forms->names == NULL || forms->ifaces == NULL) {
        PyErr_NoMemory();
    } else if (name_ops(forms) == 0) {
        return forms;
    }
    pyn_forms_unref(forms);
    return NULL;
}

struct pyn_forms *pyn_forms_new(const struct pyn_policy *policy, bool may_await)
{
    struct pyn_allowance *own = pyn_memory_hide();
    struct pyn_forms *forms = make(policy, may_await);

    pyn_memory_show(own);
    return forms;
}

void pyn_forms_unref(struct pyn_forms *forms)
{
    if (forms == NULL || --forms->ref_count > 0) {
        return;
    }
    for (uint32_t i = 0; forms->names != NULL && i < pyn_policy_op_count(forms->policy); i++) {
        Py_XDECREF(forms->names[i]);
    }
    for (uint32_t i = 0; forms->ifaces != NULL && i < pyn_policy_iface_count(forms->policy); i++) {
        Py_XDECREF((PyObject *)forms->ifaces[i].netref);
        Py_XDECREF(forms->ifaces[i].checked);
    }
    PyMem_Free(forms->names);
    PyMem_Free(forms->ifaces);
    pyn_policy_unref(forms->policy);
    PyMem_Free(forms);
}

/* ---- in common ---- */

struct shared {
    struct pyn_forms *forms; /* counted */
    struct pyn_scope scope;
    uint64_t used; /* when it was, among all uses */
};

static struct {
    struct shared places[PYN_FORMS_PLACES];
    uint32_t count;
    size_t weight;
    uint64_t uses;
} kept;

struct pyn_scope pyn_scope_of(struct pyn_view address)
{
    struct pyn_scope scope = {.is_known = address.len > 0};

    if (scope.is_known) {
        (void)crypto_generichash(scope.digest, sizeof scope.digest, address.data, address.len, NULL, 0);
    }
    return scope;
}

static struct shared *find(const struct pyn_policy *policy, bool may_await, const struct pyn_scope *scope)
{
    for (uint32_t i = 0; i < kept.count; i++) {
        struct shared *each = &kept.places[i];
        if (each->forms->policy == policy && each->forms->may_await == may_await &&
            memcmp(each->scope.digest, scope->digest, sizeof scope->digest) == 0) {
            return each;
        }
    }
    return NULL;
}

/* Taken out first: what goes with it may come back here. */
static void drop_oldest(void)
{
    struct shared *oldest = &kept.places[0];
    struct pyn_forms *forms = NULL;

    for (uint32_t i = 1; i < kept.count; i++) {
        if (kept.places[i].used < oldest->used) {
            oldest = &kept.places[i];
        }
    }
    forms = oldest->forms;
    *oldest = kept.places[--kept.count];
    kept.weight -= forms->weight;
    pyn_forms_unref(forms);
}

static void keep(struct pyn_forms *forms, const struct pyn_scope *scope)
{
    if (forms->weight > PYN_FORMS_WEIGHT / PYN_FORMS_EACH) {
        return;
    }
    while (kept.count == PYN_FORMS_PLACES || kept.weight + forms->weight > PYN_FORMS_WEIGHT) {
        drop_oldest();
    }
    if (find(forms->policy, forms->may_await, scope) == NULL) { /* nothing was run since */
        forms->ref_count++;
        kept.weight += forms->weight;
        kept.places[kept.count++] = (struct shared){forms, *scope, ++kept.uses};
    }
}

struct pyn_forms *pyn_forms_of(const struct pyn_policy *policy, bool may_await, const struct pyn_scope *scope)
{
    struct shared *shared = scope->is_known ? find(policy, may_await, scope) : NULL;
    struct pyn_forms *forms = NULL;

    if (shared != NULL) {
        shared->used = ++kept.uses;
        shared->forms->ref_count++;
        return shared->forms;
    }
    forms = pyn_forms_new(policy, may_await);
    if (forms != NULL && scope->is_known) {
        keep(forms, scope);
    }
    return forms;
}

PyObject *pyn_forms_kept(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return Py_BuildValue("In", kept.count, (Py_ssize_t)kept.weight);
}
