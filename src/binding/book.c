/* book.c - resolving a policy's names to Python's objects, and making stand-ins for a peer's. */
#include "book.h"

PyObject *pyn_type_lookup(PyTypeObject *type, PyObject *name)
{
    return _PyType_Lookup(type, name);
}

/* ---- resolving ---- */

static PyObject *drifted(struct pyn_view class_name, const char *what)
{
    PyObject *text = pyn_str(class_name);

    if (text != NULL) {
        PyErr_Format(PyExc_ValueError, "%U %s: the code has drifted from the policy", text, what);
        Py_DECREF(text);
    }
    return NULL;
}

/* "module:Outer.Inner" -> the object, by import and plain attribute access on modules and classes. */
static PyObject *resolve(struct pyn_view class_name)
{
    const char *text = (const char *)class_name.data;
    const char *colon = memchr(text, ':', class_name.len);
    const char *end = text + class_name.len;
    PyObject *module_name = NULL;
    PyObject *found = NULL;

    if (colon == NULL) {
        return drifted(class_name, "names no module");
    }
    module_name = PyUnicode_FromStringAndSize(text, colon - text);
    if (module_name == NULL) {
        return NULL;
    }
    found = PyImport_Import(module_name);
    Py_DECREF(module_name);
    for (const char *at = colon + 1; found != NULL && at < end;) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        const char *stop = dot != NULL ? dot : end;
        PyObject *name = PyUnicode_FromStringAndSize(at, stop - at);
        PyObject *inner = name != NULL ? PyObject_GetAttr(found, name) : NULL;
        Py_XDECREF(name);
        Py_SETREF(found, inner);
        at = dot != NULL ? dot + 1 : end;
    }
    if (found == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        return drifted(class_name, "is not there");
    }
    return found;
}

static PyObject *resolve_class(struct pyn_view class_name)
{
    PyObject *found = resolve(class_name);

    if (found != NULL && !PyType_Check(found)) {
        Py_DECREF(found);
        return drifted(class_name, "is not a class");
    }
    return found;
}

static bool starts_with(struct pyn_view text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len > len && memcmp(text.data, prefix, len) == 0;
}

/* Abstract classes of the standard library are facets: what fits them is what has the members. */
static bool is_structural(const struct pyn_iface *iface)
{
    return iface->is_facet || iface->class_name.len == 0 || starts_with(iface->class_name, "collections.abc:") ||
           starts_with(iface->class_name, "contextlib:Abstract") || starts_with(iface->class_name, "typing:");
}

static int check_member(PyObject *type, const struct pyn_iface *iface, const struct pyn_op *op, PyObject *name)
{
    PyObject *found = pyn_type_lookup((PyTypeObject *)type, name);
    PyObject *text = NULL;

    if (op->kind != PYN_OP_METHOD) {
        return 0; /* attributes may live in the instance */
    }
    if (found != NULL && !PyType_Check(found) && (PyCallable_Check(found) || Py_TYPE(found)->tp_descr_get != NULL)) {
        return 0;
    }
    text = pyn_str(iface->name);
    if (text != NULL) {
        PyErr_Format(PyExc_ValueError, "%U.%U is %s: the code has drifted from the policy", text, name,
                     found == NULL ? "not there" : "no method");
        Py_DECREF(text);
    }
    return -1;
}

static int resolve_iface(struct pyn_book *book, const struct pyn_iface *iface)
{
    PyObject *type = NULL;

    if (is_structural(iface)) {
        return 0;
    }
    type = resolve_class(iface->class_name);
    if (type == NULL) {
        return -1;
    }
    book->types[iface->index] = type;
    for (uint32_t i = 0; i < iface->op_count; i++) {
        if (check_member(type, iface, &iface->ops[i], book->forms->names[iface->ops[i].slot]) != 0) {
            return -1;
        }
    }
    return 0;
}

static int resolve_record(struct pyn_book *book, const struct pyn_record *record)
{
    struct pyn_book_record *entry = &book->records[record->index];

    entry->type = resolve_class(record->name);
    if (entry->type == NULL) {
        return -1;
    }
    if (PyType_IsSubtype((PyTypeObject *)entry->type, &PyDict_Type)) {
        entry->kind = PYN_RECORD_DICT;
    }
    return 0;
}

static int resolve_enum(struct pyn_book *book, const struct pyn_enum *enumeration)
{
    PyObject *type = resolve_class(enumeration->name);

    if (type == NULL) {
        return -1;
    }
    book->enums[enumeration->index] = type;
    if (!PyType_IsSubtype((PyTypeObject *)type, (PyTypeObject *)pyn_core.enumeration)) {
        (void)drifted(enumeration->name, "is not an enum");
        return -1;
    }
    for (uint32_t i = 0; i < enumeration->count; i++) {
        PyObject *name = pyn_str(enumeration->members[i]);
        PyObject *member = name != NULL ? PyObject_GetItem(type, name) : NULL;
        Py_XDECREF(name);
        if (member == NULL) {
            PyErr_Clear();
            (void)drifted(enumeration->name, "lacks a member");
            return -1;
        }
        Py_DECREF(member);
    }
    return 0;
}

/* NumPy has to be here, and is imported before anybody calls. */
static int resolve_arrays(const struct pyn_book *book)
{
    PyObject *module = pyn_policy_has_arrays(book->policy) ? PyImport_ImportModule("pynto.arrays") : Py_NewRef(Py_None);

    Py_XDECREF(module);
    return module != NULL ? 0 : -1;
}

static int resolve_all(struct pyn_book *book)
{
    if (resolve_arrays(book) != 0) {
        return -1;
    }
    for (uint32_t i = 0; i < pyn_policy_iface_count(book->policy); i++) {
        if (resolve_iface(book, pyn_policy_iface(book->policy, i)) != 0) {
            return -1;
        }
    }
    for (uint32_t i = 0; i < pyn_policy_record_count(book->policy); i++) {
        if (resolve_record(book, pyn_policy_record(book->policy, i)) != 0) {
            return -1;
        }
    }
    for (uint32_t i = 0; i < pyn_policy_enum_count(book->policy); i++) {
        if (resolve_enum(book, pyn_policy_enum(book->policy, i)) != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- stand-ins ---- */

static PyObject *given_type(const struct pyn_book *book, struct pyn_view name)
{
    PyObject *key = pyn_str(name);
    PyObject *type = NULL;

    if (key != NULL && book->given != NULL) {
        type = Py_XNewRef(PyDict_GetItemWithError(book->given, key));
    }
    Py_XDECREF(key);
    return type;
}

static PyObject *stand_in(PyObject *maker, struct pyn_view name, PyObject *parts)
{
    PyObject *text = pyn_str(name);
    PyObject *made = NULL;

    if (text != NULL) {
        made = PyObject_CallFunctionObjArgs(maker, text, parts, NULL);
        Py_DECREF(text);
    }
    return made;
}

static PyObject *names_of(uint32_t count, struct pyn_view (*name)(const void *, uint32_t), const void *of)
{
    PyObject *names = PyTuple_New(count);

    for (uint32_t i = 0; names != NULL && i < count; i++) {
        PyObject *text = pyn_str(name(of, i));
        if (text == NULL) {
            Py_CLEAR(names);
            break;
        }
        PyUnicode_InternInPlace(&text); /* the policy's words: their number is bounded by it */
        PyTuple_SET_ITEM(names, i, text);
    }
    return names;
}

static struct pyn_view field_name(const void *of, uint32_t i)
{
    return ((const struct pyn_record *)of)->fields[i].name;
}

static struct pyn_view member_name(const void *of, uint32_t i)
{
    return ((const struct pyn_enum *)of)->members[i];
}

PyObject *pyn_book_enum(struct pyn_book *book, const struct pyn_enum *enumeration)
{
    PyObject **entry = &book->enums[enumeration->index];
    PyObject *members = NULL;

    if (*entry != NULL) {
        return *entry;
    }
    *entry = given_type(book, enumeration->name);
    if (*entry == NULL && !PyErr_Occurred()) {
        members = names_of(enumeration->count, member_name, enumeration);
        if (members != NULL) {
            *entry = stand_in(pyn_core.make_enum, enumeration->name, members);
            Py_DECREF(members);
        }
    }
    return *entry;
}

static bool may_lack_a_field(const struct pyn_record *record)
{
    bool may = false;

    for (uint32_t i = 0; i < record->count; i++) {
        may = may || record->fields[i].may_miss;
    }
    return may;
}

struct pyn_book_record *pyn_book_record(struct pyn_book *book, const struct pyn_record *record)
{
    struct pyn_book_record *entry = &book->records[record->index];

    if (entry->fields == NULL) {
        entry->fields = names_of(record->count, field_name, record);
        if (entry->fields == NULL) {
            return NULL;
        }
    }
    if (entry->type == NULL) {
        entry->type = given_type(book, record->name);
        if (entry->type == NULL && !PyErr_Occurred() && may_lack_a_field(record)) {
            entry->type = Py_NewRef((PyObject *)&PyDict_Type); /* only a TypedDict may */
        }
        if (entry->type == NULL && !PyErr_Occurred()) {
            entry->type = stand_in(pyn_core.make_record, record->name, entry->fields);
        }
        if (entry->type != NULL && PyType_Check(entry->type) &&
            PyType_IsSubtype((PyTypeObject *)entry->type, &PyDict_Type)) {
            entry->kind = PYN_RECORD_DICT;
        }
    }
    return entry->type != NULL ? entry : NULL;
}

/* ---- fitting ---- */

static bool has_members(const struct pyn_book *book, const struct pyn_iface *iface, PyTypeObject *type)
{
    for (uint32_t i = 0; i < iface->op_count; i++) {
        if (iface->ops[i].kind == PYN_OP_METHOD && pyn_type_lookup(type, book->forms->names[iface->ops[i].slot]) == NULL) {
            return false;
        }
    }
    return true;
}

int pyn_book_fits(struct pyn_book *book, const struct pyn_iface *iface, PyObject *value)
{
    struct pyn_form *form = &book->forms->ifaces[iface->index];
    PyObject *wanted = pyn_book_type(book, iface);
    PyTypeObject *type = Py_TYPE(value);

    if (pyn_promise_is(value) || PyModule_Check(value) || PyType_Check(value) || PyFrame_Check(value) ||
        PyTraceBack_Check(value) || PyCode_Check(value)) {
        return 0; /* never, under any interface */
    }
    if (iface->is_fn) {
        return PyCallable_Check(value);
    }
    if (wanted != NULL) {
        return PyType_IsSubtype(type, (PyTypeObject *)wanted);
    }
    if (iface->op_count == 0) {
        return 0; /* an opaque facet would take anything */
    }
    if (form->checked == (PyObject *)type) {
        return 1;
    }
    if (!has_members(book, iface, type)) {
        return 0;
    }
    if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) { /* a type that cannot lose a member may be remembered */
        Py_XSETREF(form->checked, Py_NewRef((PyObject *)type));
    }
    return 1;
}

/* ---- life ---- */

static void *zeroed(size_t count, size_t size)
{
    return PyMem_Calloc(count, size);
}

/* No room where there is nothing. */
static bool make_tables(struct pyn_book *book)
{
    const uint32_t ifaces = pyn_policy_iface_count(book->policy);
    const uint32_t records = pyn_policy_record_count(book->policy);
    const uint32_t enums = pyn_policy_enum_count(book->policy);

    book->types = book->is_resolved ? zeroed(ifaces, sizeof *book->types) : NULL;
    book->records = records > 0 ? zeroed(records, sizeof *book->records) : NULL;
    book->enums = enums > 0 ? zeroed(enums, sizeof *book->enums) : NULL;
    return (!book->is_resolved || book->types != NULL) && (records == 0 || book->records != NULL) &&
           (enums == 0 || book->enums != NULL);
}

static struct pyn_book *make(struct pyn_forms *forms, bool is_resolved, PyObject *given)
{
    struct pyn_book *book = zeroed(1, sizeof *book);

    if (book == NULL) {
        pyn_forms_unref(forms);
        PyErr_NoMemory();
        return NULL;
    }
    book->forms = forms;
    book->policy = pyn_policy_ref(forms->policy);
    book->is_resolved = is_resolved;
    book->given = Py_XNewRef(given);
    if (!make_tables(book)) {
        PyErr_NoMemory();
    } else if (!is_resolved || resolve_all(book) == 0) {
        return book;
    }
    pyn_book_free(book);
    return NULL;
}

struct pyn_book *pyn_book_resolve(const struct pyn_policy *policy)
{
    struct pyn_forms *forms = pyn_forms_new(policy, true);

    return forms != NULL ? make(forms, true, NULL) : NULL;
}

struct pyn_book *pyn_book_new(struct pyn_forms *forms, PyObject *given)
{
    return make(forms, false, given);
}

void pyn_book_free(struct pyn_book *book)
{
    if (book == NULL) {
        return;
    }
    for (uint32_t i = 0; book->types != NULL && i < pyn_policy_iface_count(book->policy); i++) {
        Py_XDECREF(book->types[i]);
    }
    for (uint32_t i = 0; book->records != NULL && i < pyn_policy_record_count(book->policy); i++) {
        Py_XDECREF(book->records[i].type);
        Py_XDECREF(book->records[i].fields);
    }
    for (uint32_t i = 0; book->enums != NULL && i < pyn_policy_enum_count(book->policy); i++) {
        Py_XDECREF(book->enums[i]);
    }
    PyMem_Free(book->types);
    PyMem_Free(book->records);
    PyMem_Free(book->enums);
    Py_XDECREF(book->given);
    pyn_forms_unref(book->forms);
    pyn_policy_unref(book->policy);
    PyMem_Free(book);
}
