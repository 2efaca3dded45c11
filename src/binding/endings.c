/* endings.c - see endings.h. */
#include "endings.h"

#include <unistd.h>

#include "call.h"

struct ending {
    PyObject_HEAD
    struct pyn_link *link; /* counted */
    PyObject *callback;    /* NULL: it was called, or cancelled */
};

static PyTypeObject *ending_type;
static PyObject *waiting; /* dict: address of a link -> dict of its endings, in their order */
static unsigned telling;  /* threads that are calling back */

enum { EXIT_LOOKS = 100, EXIT_LOOK_US = 10000 }; /* a second, for callbacks that run when the interpreter ends */

static struct ending *of(PyObject *self)
{
    return (struct ending *)self;
}

static bool is_over(struct pyn_link *link)
{
    bool is = false;

    pyn_link_lock(link);
    is = link->over != PYN_OK;
    pyn_link_unlock(link);
    return is;
}

/* ---- calling ---- */

static void tell_of_failure(const struct pyn_link *link, PyObject *callback)
{
    PyObject *operation = NULL;
    PyObject *error = NULL;
    PyObject *incident = NULL;

    if (link->server == NULL) {
        PyErr_WriteUnraisable(callback);
        return;
    }
    error = pyn_taken_exception();
    operation = PyUnicode_FromFormat("on_disconnect of %s", link->peer);
    if (operation != NULL && error != NULL) {
        incident = pyn_incident(operation, error);
    }
    if (incident == NULL) {
        PyErr_WriteUnraisable(callback);
    }
    Py_XDECREF(incident);
    Py_XDECREF(operation);
    Py_XDECREF(error);
}

static PyObject *reason_of(const struct pyn_link *link)
{
    return PyUnicode_FromString(link->reason); /* it stands, and is printable */
}

/* Once: whoever takes the callback out calls it. */
static void tell_one(struct ending *ending)
{
    PyObject *callback = ending->callback;
    PyObject *reason = NULL;
    PyObject *done = NULL;

    ending->callback = NULL;
    if (callback == NULL) {
        return;
    }
    reason = reason_of(ending->link);
    done = reason != NULL ? PyObject_CallOneArg(callback, reason) : NULL;
    if (done == NULL) {
        tell_of_failure(ending->link, callback);
    }
    Py_XDECREF(done);
    Py_XDECREF(reason);
    Py_DECREF(callback);
}

/* Takes them out of the dict: nobody else finds them. */
static PyObject *take_all(const struct pyn_link *link)
{
    PyObject *key = PyLong_FromVoidPtr((void *)(uintptr_t)link);
    PyObject *endings = key != NULL ? Py_XNewRef(PyDict_GetItemWithError(waiting, key)) : NULL;
    PyObject *list = NULL;

    if (endings != NULL) {
        list = PyDict_Keys(endings);
        if (list == NULL || PyDict_DelItem(waiting, key) != 0) {
            Py_CLEAR(list);
        }
    }
    Py_XDECREF(endings);
    Py_XDECREF(key);
    return list;
}

void pyn_endings_tell(struct pyn_link *link)
{
    PyObject *list = NULL;

    if (PyDict_GET_SIZE(waiting) == 0 || !is_over(link)) {
        return;
    }
    list = take_all(link);
    if (list == NULL) {
        if (PyErr_Occurred()) {
            PyErr_WriteUnraisable(waiting);
        }
        return;
    }
    telling++;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        tell_one(of(PyList_GET_ITEM(list, i)));
    }
    telling--;
    Py_DECREF(list);
}

/* ---- waiting ---- */

static int enter(struct pyn_link *link, PyObject *ending)
{
    PyObject *key = PyLong_FromVoidPtr(link);
    PyObject *empty = PyDict_New();
    PyObject *endings = NULL;
    int result = -1;

    if (key != NULL && empty != NULL) {
        endings = PyDict_SetDefault(waiting, key, empty);
        result = endings != NULL ? PyDict_SetItem(endings, ending, Py_None) : -1;
    }
    Py_XDECREF(empty);
    Py_XDECREF(key);
    return result;
}

/* Nothing happens when it does not stand there any more: it is being told. */
static int leave(PyObject *ending)
{
    PyObject *key = PyLong_FromVoidPtr(of(ending)->link);
    PyObject *endings = key != NULL ? PyDict_GetItemWithError(waiting, key) : NULL;
    int result = PyErr_Occurred() ? -1 : 0;

    if (endings != NULL && PyDict_Contains(endings, ending) == 1) {
        result = PyDict_GET_SIZE(endings) > 1 ? PyDict_DelItem(endings, ending) : PyDict_DelItem(waiting, key);
    }
    Py_XDECREF(key);
    return result;
}

/* Starting a thread lets others run: the link may be over by now, and everybody else told. */
static int wait_for_end(struct pyn_link *link, PyObject *ending)
{
    if (pyn_link_need_background(link) != 0 || enter(link, ending) != 0) {
        return -1;
    }
    if (!is_over(link)) {
        return 0; /* whoever tells needs the interpreter's lock, and will find it */
    }
    tell_one(of(ending));
    return leave(ending);
}

PyObject *pyn_endings_add(struct pyn_link *link, PyObject *callback)
{
    PyObject *ending = NULL;
    int result = 0;

    if (!PyCallable_Check(callback)) {
        PyErr_Format(PyExc_TypeError, "on_disconnect() needs a callable, not %s", Py_TYPE(callback)->tp_name);
        return NULL;
    }
    ending = ending_type->tp_alloc(ending_type, 0);
    if (ending == NULL) {
        return NULL;
    }
    of(ending)->link = pyn_link_ref(link);
    of(ending)->callback = Py_NewRef(callback);
    if (is_over(link)) {
        tell_one(of(ending));
    } else {
        result = wait_for_end(link, ending);
    }
    if (result != 0) {
        Py_CLEAR(ending);
    }
    return ending;
}

static PyObject *ending_cancel(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *callback = of(self)->callback;

    of(self)->callback = NULL;
    if (callback == NULL) {
        Py_RETURN_FALSE;
    }
    Py_DECREF(callback);
    return leave(self) == 0 ? Py_NewRef(Py_True) : NULL;
}

/* ---- the interpreter ends ---- */

static void end_by_exit(struct pyn_link *link)
{
    pyn_link_lock(link);
    if (link->over == PYN_OK && link->server == NULL) {
        pyn_session_goodbye(link->session, 0, "");
        link->is_final = true;
        pyn_link_end(link, PYN_EGONE, "the program ends");
    }
    pyn_link_unlock(link);
}

PyObject *pyn_endings_at_exit(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    PyObject *links = PyDict_Values(waiting);

    for (Py_ssize_t i = 0; links != NULL && i < PyList_GET_SIZE(links); i++) {
        PyObject *endings = PyList_GET_ITEM(links, i);
        PyObject *ending = NULL;
        Py_ssize_t at = 0;
        if (PyDict_Next(endings, &at, &ending, NULL) && pyn_link_is_ours(of(ending)->link) &&
            of(ending)->link->server == NULL) {
            struct pyn_link *link = pyn_link_ref(of(ending)->link);
            end_by_exit(link);
            pyn_endings_tell(link);
            pyn_link_unref(link);
        }
    }
    Py_XDECREF(links);
    for (int i = 0; telling > 0 && i < EXIT_LOOKS; i++) {
        Py_BEGIN_ALLOW_THREADS(void)
        usleep(EXIT_LOOK_US);
        Py_END_ALLOW_THREADS
    }
    return links != NULL ? Py_NewRef(Py_None) : NULL;
}

/* ---- the type ---- */

static void ending_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_CLEAR(of(self)->callback);
    pyn_link_unref(of(self)->link);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef ending_methods[] = {
    {"cancel", ending_cancel, METH_NOARGS,
     "cancel()\n--\n\nbool: the callback will not be called. False: it was, or it was cancelled before."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot ending_slots[] = {
    {Py_tp_doc, (void *)(uintptr_t) "What on_disconnect() gives."},
    {Py_tp_dealloc, ending_dealloc},
    {Py_tp_methods, ending_methods},
    {0, NULL},
};

static PyType_Spec ending_spec = {
    .name = "pynto._core.Ending",
    .basicsize = sizeof(struct ending),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = ending_slots,
};

int pyn_endings_init(PyObject *module)
{
    PyObject *atexit = PyImport_ImportModule("atexit");
    PyObject *hook = PyObject_GetAttrString(module, "_at_exit");
    PyObject *done = NULL;

    waiting = PyDict_New();
    ending_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &ending_spec, NULL);
    if (atexit != NULL && hook != NULL && waiting != NULL && ending_type != NULL) {
        done = PyObject_CallMethod(atexit, "register", "O", hook);
    }
    Py_XDECREF(atexit);
    Py_XDECREF(hook);
    Py_XDECREF(done);
    return done != NULL ? PyModule_AddType(module, ending_type) : -1;
}
