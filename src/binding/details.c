/* details.c - what goes along with an exception that a server raised: its fields, what it came from, the members of a group. */
#include "../wire/pack.h"
#include "call.h"
#include "deadline.h"

enum { DETAILS_MAX = 64 * 1024 }; /* bytes: beyond it an error goes out without */

/* How an error's details are packed: what is told of each exception is told as of an answer to op. */
struct teller {
    struct pyn_encoder *encoder;
    const struct pyn_op *op;
    uint32_t members; /* that may still come */
    uint32_t groups;
    bool is_outside; /* it is the answer's own exception, not a member of a group */
};

static int pack_details(struct teller *teller, PyObject *error, const struct pyn_error_rule *rule, bool *has_any);

static int packed(const struct teller *teller, pyn_status st)
{
    return pyn_packed(teller->encoder, st);
}

static int put_key(const struct teller *teller, const char *key)
{
    return packed(teller, pyn_pack_str(&teller->encoder->buf, key, strlen(key)));
}

static int put_text(const struct teller *teller, PyObject *text)
{
    Py_ssize_t len = 0;
    const char *data = text != NULL ? PyUnicode_AsUTF8AndSize(text, &len) : "";

    return data == NULL ? -1 : packed(teller, pyn_pack_str(&teller->encoder->buf, data, (size_t)len));
}

static int put_text_or_nil(const struct teller *teller, PyObject *text)
{
    return text != NULL ? put_text(teller, text) : packed(teller, pyn_pack_nil(&teller->encoder->buf));
}

/* A container more around what follows: what the peer would not take is not sent. */
static int descend(struct teller *teller, pyn_status opened)
{
    if (teller->encoder->depth >= teller->encoder->peer.depth_max) {
        PyErr_SetString(pyn_core.quota_exceeded, "depth");
        return -1;
    }
    teller->encoder->depth++;
    return packed(teller, opened);
}

static int open_map(struct teller *teller, size_t count)
{
    return descend(teller, pyn_pack_map(&teller->encoder->buf, count));
}

static int open_array(struct teller *teller, size_t count)
{
    return descend(teller, pyn_pack_array(&teller->encoder->buf, count));
}

static void ascend(struct teller *teller)
{
    teller->encoder->depth--;
}

/* ---- fields ---- */

/* What the instance, or its class, holds under the name: no property is run, no hook is asked. New reference, or NULL. */
static PyObject *field_value(PyObject *error, PyObject *name)
{
    PyObject *dict = ((PyBaseExceptionObject *)error)->dict; /* borrowed */
    PyObject *found = dict != NULL ? PyDict_GetItemWithError(dict, name) : NULL;

    if (found == NULL && !PyErr_Occurred()) {
        found = pyn_type_lookup(Py_TYPE(error), name);
        if (found != NULL && Py_IS_TYPE(found, &PyMemberDescr_Type)) {
            return Py_TYPE(found)->tp_descr_get(found, error, (PyObject *)Py_TYPE(error));
        }
        if (found != NULL && Py_TYPE(found)->tp_descr_get != NULL) {
            found = NULL;
        }
    }
    return Py_XNewRef(found);
}

/* 1: it stands there; 0: it is not there, or not what was declared. */
static int pack_field(struct teller *teller, PyObject *error, const struct pyn_field *field)
{
    struct pyn_mark mark = pyn_encoder_mark(teller->encoder);
    PyObject *name = pyn_str(field->name);
    PyObject *value = name != NULL ? field_value(error, name) : NULL;
    int result = value != NULL ? put_text(teller, name) : PYN_MISFIT;

    if (result == 0) {
        result = pyn_encode(teller->encoder, value, field->type);
    }
    if (result != 0) {
        pyn_encoder_rewind(teller->encoder, mark);
        PyErr_Clear();
    }
    Py_XDECREF(name);
    Py_XDECREF(value);
    return result == 0;
}

static int pack_fields(struct teller *teller, PyObject *error, const struct pyn_error_rule *rule)
{
    struct pyn_mark mark = pyn_encoder_mark(teller->encoder);
    uint64_t standing = 0;
    size_t count = 0;
    int result = -1;

    for (uint32_t i = 0; i < rule->field_count; i++) { /* which of them, before it is said how many */
        if (pack_field(teller, error, &rule->fields[i])) {
            standing |= UINT64_C(1) << i;
            count++;
        }
    }
    pyn_encoder_rewind(teller->encoder, mark);
    if (count == 0) {
        return 0;
    }
    result = put_key(teller, "fields") != 0 ? -1 : open_map(teller, count);
    for (uint32_t i = 0; result == 0 && i < rule->field_count; i++) {
        if ((standing >> i & 1) != 0) {
            result = pack_field(teller, error, &rule->fields[i]) ? 0 : -1;
        }
    }
    ascend(teller);
    return result == 0 ? 1 : -1;
}

/* ---- causes ---- */

/* As a traceback shows it. New reference, or NULL. */
static PyObject *came_from(PyObject *error)
{
    PyObject *cause = PyException_GetCause(error);

    if (cause == NULL && !((PyBaseExceptionObject *)error)->suppress_context) {
        cause = PyException_GetContext(error);
    }
    return cause;
}

static int put_head(struct teller *teller, PyObject *error, bool has_traceback, const struct pyn_error_rule **rule)
{
    struct pyn_failure failure = {0};
    int result = 0;

    pyn_failure_tell(&failure, teller->encoder->party, teller->op, error, rule);
    result = open_array(teller, has_traceback ? 4 : 3);
    if (result == 0) {
        result = failure.type != NULL ? put_text(teller, failure.type) : -1;
    }
    if (result == 0) {
        result = put_text(teller, failure.text);
    }
    if (result == 0 && has_traceback) {
        result = put_text_or_nil(teller, NULL);
    }
    if (result == 0) {
        result = put_text_or_nil(teller, failure.incident);
    }
    ascend(teller);
    pyn_failure_clear(&failure);
    return result;
}

/* Those of which nothing may be said are passed over. Strong references. */
static size_t find_causes(const struct teller *teller, PyObject *error, PyObject *found[PYN_CAUSE_MAX])
{
    PyObject *at = came_from(error);
    size_t count = 0;

    for (int looked_at = 0; at != NULL && looked_at < PYN_CAUSE_MAX; looked_at++) {
        PyObject *next = came_from(at);
        if (pyn_error_has_name(teller->encoder->party, at)) {
            found[count++] = at;
        } else {
            Py_DECREF(at);
        }
        at = next;
    }
    Py_XDECREF(at);
    return count;
}

static int pack_causes(struct teller *teller, PyObject *error)
{
    PyObject *causes[PYN_CAUSE_MAX];
    size_t count = find_causes(teller, error, causes);
    int result = 0;

    if (count == 0) {
        return 0;
    }
    result = put_key(teller, "causes") != 0 ? -1 : open_array(teller, count);
    for (size_t i = 0; i < count; i++) {
        const struct pyn_error_rule *rule = NULL;
        if (result == 0) {
            result = put_head(teller, causes[i], false, &rule);
        }
        Py_DECREF(causes[i]);
    }
    ascend(teller);
    return result == 0 ? 1 : -1;
}

/* ---- groups ---- */

static int pack_member(struct teller *teller, PyObject *error)
{
    const struct pyn_error_rule *rule = NULL;
    bool has_any = false;
    int result = open_array(teller, 2);

    if (result == 0) {
        result = put_head(teller, error, true, &rule);
    }
    if (result == 0) {
        result = pack_details(teller, error, rule, &has_any);
    }
    ascend(teller);
    return result;
}

static int pack_members(struct teller *teller, PyObject *group)
{
    PyObject *all = ((PyBaseExceptionGroupObject *)group)->excs; /* borrowed */
    Py_ssize_t count = PyTuple_Check(all) ? PyTuple_GET_SIZE(all) : 0;
    int result = 0;

    if (count > (Py_ssize_t)teller->members) {
        count = (Py_ssize_t)teller->members;
    }
    if (count > 0 && teller->groups > 0) {
        teller->members -= (uint32_t)count;
        teller->groups--;
        teller->is_outside = false;
        result = put_key(teller, "errors") != 0 ? -1 : open_array(teller, (size_t)count);
        for (Py_ssize_t i = 0; result == 0 && i < count; i++) {
            result = pack_member(teller, PyTuple_GET_ITEM(all, i));
        }
        ascend(teller);
        teller->groups++;
        result = result == 0 ? 1 : -1;
    }
    return result;
}

static bool is_group(PyObject *error)
{
    return PyObject_TypeCheck(error, (PyTypeObject *)PyExc_BaseExceptionGroup) != 0 &&
           PyObject_TypeCheck(error, (PyTypeObject *)PyExc_Exception) != 0;
}

/* ---- the whole ---- */

/* Each part says whether it stands there; the map is closed by saying how many do: few enough for one byte. */
static int pack_details(struct teller *teller, PyObject *error, const struct pyn_error_rule *rule, bool *has_any)
{
    size_t at = pyn_buf_len(&teller->encoder->buf);
    int count = 0;
    int done = open_map(teller, 0);

    if (done == 0 && rule != NULL && rule->field_count > 0) {
        done = pack_fields(teller, error, rule);
        count += done > 0;
    }
    if (done >= 0) {
        done = pack_causes(teller, error);
        count += done > 0;
    }
    if (done >= 0 && teller->is_outside && pyn_deadline_is_beyond(error)) {
        done = put_key(teller, "beyond") != 0 ? -1 : packed(teller, pyn_pack_bool(&teller->encoder->buf, true));
        count++;
    }
    if (done >= 0 && is_group(error)) {
        done = pack_members(teller, error);
        count += done > 0;
    }
    ascend(teller);
    if (done < 0 || pyn_buf_len(&teller->encoder->buf) - at > DETAILS_MAX) {
        return -1;
    }
    pyn_buf_patch(&teller->encoder->buf, at, (uint8_t)(0x80 + count));
    *has_any = count > 0;
    return 0;
}

bool pyn_details_pack(struct pyn_encoder *encoder, const struct pyn_op *op, PyObject *error,
                      const struct pyn_error_rule *rule)
{
    struct teller teller = {encoder, op, PYN_MEMBER_MAX, PYN_GROUP_DEPTH_MAX, true};
    struct pyn_mark mark = pyn_encoder_mark(encoder);
    uint32_t depth = encoder->depth;
    bool has_any = false;

    encoder->depth = 1; /* the message */
    if (pack_details(&teller, error, rule, &has_any) != 0 || !has_any) {
        pyn_encoder_rewind(encoder, mark);
        has_any = false;
    }
    encoder->depth = depth;
    PyErr_Clear();
    return has_any;
}
