/* reach.c - see reach.h. */
#include "reach.h"

#include "policy_type.h"

#include "../../policy/canonical.h"
#include "../../policy/diff.h"
#include "../../policy/shape.h"

static const char *hand_word(enum pyn_hand hand)
{
    return hand == PYN_HAND_PEER ? "client" : "server";
}

static const char *op_word(const struct pyn_op *op)
{
    static const char *const words[] = {[PYN_OP_METHOD] = "method", [PYN_OP_GET] = "get", [PYN_OP_SET] = "set"};
    return words[op->kind];
}

/* Takes item. -1 with an exception; also for an item that is NULL. */
static int append_take(PyObject *list, PyObject *item)
{
    int result = item != NULL ? PyList_Append(list, item) : -1;

    Py_XDECREF(item);
    return result;
}

/* ---- the graph ---- */

static PyObject *node_tuple(const struct pyn_graph *graph, uint32_t node)
{
    return Py_BuildValue("Ns", pyn_str(pyn_node_iface(graph, node)->name), hand_word(pyn_node_hand(node)));
}

static PyObject *edge_tuple(const struct pyn_edge *edge)
{
    static const char *const vias[] = {
        [PYN_VIA_NONE] = "", [PYN_VIA_RESULT] = "result", [PYN_VIA_ARGUMENT] = "argument", [PYN_VIA_READ] = "read", [PYN_VIA_WRITE] = "write"};
    return Py_BuildValue("IIsNs", edge->from, edge->to, op_word(edge->op), pyn_str(edge->op->name), vias[edge->via]);
}

static PyObject *node_list(const struct pyn_graph *graph)
{
    PyObject *list = PyList_New(0);

    for (uint32_t i = 0; list != NULL && i < pyn_graph_node_count(graph); i++) {
        if (append_take(list, node_tuple(graph, i)) != 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

static PyObject *edge_list(const struct pyn_graph *graph)
{
    PyObject *list = PyList_New(0);

    for (uint32_t i = 0; list != NULL && i < pyn_graph_edge_count(graph); i++) {
        if (append_take(list, edge_tuple(pyn_graph_edge(graph, i))) != 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

static struct pyn_graph *graph_of(PyObject *self)
{
    struct pyn_graph *graph = NULL;

    if (pyn_graph_new(pyn_policy_of(self), &graph) != PYN_OK) {
        PyErr_NoMemory();
    }
    return graph;
}

static PyObject *reach_graph(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct pyn_graph *graph = graph_of(self);
    PyObject *nodes = graph != NULL ? node_list(graph) : NULL;
    PyObject *edges = nodes != NULL ? edge_list(graph) : NULL;

    pyn_graph_free(graph);
    if (edges == NULL) {
        Py_XDECREF(nodes);
        return NULL;
    }
    return Py_BuildValue("NN", nodes, edges);
}

/* ---- walks ---- */

static PyObject *step_of(const struct pyn_graph *graph, const struct pyn_walk *walk, uint32_t node)
{
    const struct pyn_edge *by = walk->by[node];

    if (walk->steps[node] == PYN_FAR) {
        return Py_NewRef(Py_None);
    }
    return Py_BuildValue("In", walk->steps[node], by != NULL ? by - pyn_graph_edge(graph, 0) : (ptrdiff_t)-1);
}

static PyObject *walk_list(const struct pyn_graph *graph, const struct pyn_walk *walk)
{
    PyObject *list = PyList_New(0);

    for (uint32_t i = 0; list != NULL && i < pyn_graph_node_count(graph); i++) {
        if (append_take(list, step_of(graph, walk, i)) != 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

static PyObject *reach_walk(PyObject *self, PyObject *args)
{
    Py_ssize_t to = -1;
    struct pyn_walk walk = {0};
    struct pyn_graph *graph = NULL;
    PyObject *list = NULL;
    pyn_status st = PYN_EINTERNAL;

    if (!PyArg_ParseTuple(args, "|n:walk", &to)) {
        return NULL;
    }
    graph = graph_of(self);
    if (graph == NULL) {
        return NULL;
    }
    if (to >= (Py_ssize_t)pyn_graph_node_count(graph)) {
        PyErr_SetString(PyExc_IndexError, "there is no such node");
    } else {
        st = to < 0 ? pyn_walk_from_roots(graph, &walk) : pyn_walk_back(graph, (uint32_t)to, &walk);
        list = st == PYN_OK ? walk_list(graph, &walk) : PyErr_NoMemory();
    }
    pyn_walk_fini(&walk);
    pyn_graph_free(graph);
    return list;
}

/* ---- changes ---- */

static const char *const change_words[] = {
    [PYN_CHANGE_NONE] = "",         [PYN_CHANGE_ADDED] = "added",       [PYN_CHANGE_WIDENED] = "widened",
    [PYN_CHANGE_OTHER] = "changed", [PYN_CHANGE_NARROWED] = "narrowed", [PYN_CHANGE_REMOVED] = "removed"};

static const char *const subject_words[] = {[PYN_SUBJECT_NONE] = "",
                                            [PYN_SUBJECT_ROOT] = "root",
                                            [PYN_SUBJECT_INTERFACE] = "interface",
                                            [PYN_SUBJECT_OPERATION] = "operation",
                                            [PYN_SUBJECT_ACCEPTS] = "accepts",
                                            [PYN_SUBJECT_RECORD] = "record",
                                            [PYN_SUBJECT_ENUM] = "enum",
                                            [PYN_SUBJECT_ERROR] = "error"};

/* None without an operation; else how its signatures, or its type, are spelled. */
static PyObject *op_texts(const struct pyn_op *op)
{
    if (op == NULL) {
        return Py_NewRef(Py_None);
    }
    if (op->kind != PYN_OP_METHOD) {
        return Py_BuildValue("(N)", pyn_str(op->type->spelling));
    }
    PyObject *texts = PyTuple_New((Py_ssize_t)op->signature_count);
    for (uint32_t i = 0; texts != NULL && i < op->signature_count; i++) {
        PyObject *text = pyn_str(op->signatures[i].spelling);
        if (text == NULL) {
            Py_CLEAR(texts);
        } else {
            PyTuple_SET_ITEM(texts, (Py_ssize_t)i, text);
        }
    }
    return texts;
}

static PyObject *texts_of(const struct pyn_op *op, struct pyn_view text)
{
    if (op != NULL || text.len == 0) {
        return op_texts(op);
    }
    return Py_BuildValue("(N)", pyn_str(text));
}

static pyn_status note(void *ctx, const struct pyn_change *change)
{
    const struct pyn_op *op = change->new_op != NULL ? change->new_op : change->old_op;
    PyObject *row = Py_BuildValue("sssNNzNNNN", change_words[change->kind], subject_words[change->subject],
                                  hand_word(change->hand), pyn_str(change->owner), pyn_str(change->name),
                                  op != NULL ? op_word(op) : NULL, texts_of(change->old_op, change->old_text),
                                  texts_of(change->new_op, change->new_text),
                                  PyBool_FromLong(pyn_change_is_growth(change->kind)), PyBool_FromLong(change->is_write));

    return append_take(ctx, row) == 0 ? PYN_OK : PYN_ENOMEM;
}

static PyObject *reach_changes(PyObject *self, PyObject *other)
{
    PyObject *list = NULL;

    if (!PyObject_TypeCheck(other, pyn_core.policy)) {
        return PyErr_Format(PyExc_TypeError, "a Policy is needed, not %s", Py_TYPE(other)->tp_name);
    }
    list = PyList_New(0);
    if (list != NULL && pyn_policy_diff(pyn_policy_of(self), pyn_policy_of(other), note, list) != PYN_OK) {
        Py_CLEAR(list);
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
    }
    return list;
}

/* ---- logged calls ---- */

static bool read_kind(const char *word, enum pyn_op_kind *out)
{
    *out = strcmp(word, "get") == 0 ? PYN_OP_GET : strcmp(word, "set") == 0 ? PYN_OP_SET : PYN_OP_METHOD;
    return *out != PYN_OP_METHOD || strcmp(word, "method") == 0;
}

static PyObject *reach_judge(PyObject *self, PyObject *args)
{
    static const char *const words[] = {[PYN_JUDGE_NO] = "deny", [PYN_JUDGE_MAYBE] = "maybe", [PYN_JUDGE_YES] = "allow"};
    const char *text[5] = {NULL};
    Py_ssize_t len[5] = {0};
    struct pyn_view views[5];
    struct pyn_shape shape;
    enum pyn_op_kind kind = PYN_OP_METHOD;
    const struct pyn_iface *iface = NULL;

    if (!PyArg_ParseTuple(args, "s#s#s#s#s#:judge", &text[0], &len[0], &text[1], &len[1], &text[2], &len[2], &text[3],
                          &len[3], &text[4], &len[4])) {
        return NULL;
    }
    for (size_t i = 0; i < 5; i++) {
        views[i] = (struct pyn_view){(const uint8_t *)text[i], (size_t)len[i]};
    }
    if (!read_kind(text[1], &kind) || !pyn_shape_read(views[3], &shape)) {
        PyErr_SetString(PyExc_ValueError, "not what an audit log says of a call");
        return NULL;
    }
    iface = pyn_policy_find(pyn_policy_of(self), views[0]);
    if (iface == NULL) {
        return PyUnicode_FromString(words[PYN_JUDGE_NO]);
    }
    return PyUnicode_FromString(words[pyn_judge(iface, kind, views[2], &shape, views[4])]);
}

/* ---- the file ---- */

PyObject *pyn_reach_canonical(PyObject *Py_UNUSED(module), PyObject *json)
{
    Py_buffer bytes = {0};
    struct pyn_diag diag = {{0}};
    struct pyn_buf out;
    pyn_status st = PYN_EINTERNAL;
    PyObject *result = NULL;

    if (PyObject_GetBuffer(json, &bytes, PyBUF_SIMPLE) != 0) {
        return NULL;
    }
    pyn_buf_init(&out, pyn_mem_default(), SIZE_MAX);
    st = pyn_policy_canonical(pyn_mem_default(), (struct pyn_view){bytes.buf, (size_t)bytes.len}, &out, &diag);
    PyBuffer_Release(&bytes);
    if (st == PYN_OK) {
        struct pyn_view text = pyn_buf_view(&out);
        result = PyBytes_FromStringAndSize((const char *)text.data, (Py_ssize_t)text.len);
    } else if (st == PYN_EFORMAT) {
        PyErr_SetString(PyExc_ValueError, diag.text);
    } else {
        PyErr_NoMemory();
    }
    pyn_buf_fini(&out);
    return result;
}

PyMethodDef pyn_reach_methods[] = {
    {"_graph", reach_graph, METH_NOARGS,
     "_graph()\n--\n\n(nodes, edges): who hands what to whom. See pynto.audit.engine."},
    {"_walk", reach_walk, METH_VARARGS,
     "_walk(to=-1)\n--\n\nFor each node its distance from the roots, or to a node, and the edge of a shortest way."},
    {"_judge", reach_judge,
     METH_VARARGS, "_judge(interface, kind, name, arguments, signature)\n--\n\nWould such a call be admitted: 'allow', 'maybe' or 'deny'?"},
    {"_changes", reach_changes, METH_O, "_changes(new)\n--\n\nWhat a client can do under one and not under the other."},
    {NULL, NULL, 0, NULL},
};
