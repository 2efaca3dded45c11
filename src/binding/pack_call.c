/* pack_call.c - what a call says: the operation by its name, and the arguments as its signature has them; see call.h. */
#include "pipeline.h"

#include "../wire/pack.h"

static int misfit(const struct pyn_op *op, const struct pyn_type *type, PyObject *value, const char *what, PyObject *which)
{
    PyObject *name = pyn_str(op->name);
    PyObject *wanted = pyn_str(type->spelling);
    PyObject *got = pyn_promised(value);

    if (name != NULL && wanted != NULL && got != NULL && !PyErr_Occurred()) {
        PyErr_Format(PyExc_TypeError, "%U() %s%R must be %U, not %U", name, what, which, wanted, got);
    }
    Py_XDECREF(name);
    Py_XDECREF(wanted);
    Py_XDECREF(got);
    return -1;
}

static int misfit_at(const struct pyn_op *op, const struct pyn_type *type, PyObject *value, Py_ssize_t place)
{
    PyObject *number = PyLong_FromSsize_t(place);
    int result = number != NULL ? misfit(op, type, value, "argument ", number) : -1;

    Py_XDECREF(number);
    return result;
}

static int pack_value(struct pyn_encoder *encoder, const struct pyn_op *op, const struct pyn_type *type,
                      PyObject *value, const char *what, PyObject *which)
{
    int result = pyn_encode(encoder, value, type);

    return result == PYN_MISFIT ? misfit(op, type, value, what, which) : result;
}

static int pack_positional(struct pyn_encoder *encoder, const struct pyn_op *op, const struct pyn_signature *signature,
                           PyObject *const *args, Py_ssize_t nargs)
{
    int result = pyn_packed(encoder, pyn_pack_array(&encoder->buf, (size_t)nargs));

    for (Py_ssize_t i = 0; result == 0 && i < nargs; i++) {
        const struct pyn_param *param = (size_t)i < signature->place_count ? &signature->params[i] : signature->rest;
        if (param == NULL) {
            PyErr_Format(PyExc_TypeError, "too many arguments: %zd, where %u are taken", nargs, signature->place_count);
            return -1;
        }
        result = pyn_encode(encoder, args[i], param->type);
        if (result == PYN_MISFIT) {
            result = misfit_at(op, param->type, args[i], i + 1);
        }
    }
    return result;
}

static const struct pyn_param *find_param(const struct pyn_signature *signature, struct pyn_view name)
{
    for (uint32_t i = 0; i < signature->param_count; i++) {
        const struct pyn_param *param = &signature->params[i];
        if ((param->kind == PYN_P_EITHER || param->kind == PYN_P_KEYWORD) && pyn_view_is_equal(param->name, name)) {
            return param;
        }
    }
    return signature->options;
}

static int pack_keywords(struct pyn_encoder *encoder, const struct pyn_op *op, const struct pyn_signature *signature,
                         PyObject *const *values, PyObject *kwnames)
{
    Py_ssize_t count = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;
    int result = pyn_encode_keys(encoder, (size_t)count);

    if (result == 0) {
        result = pyn_packed(encoder, pyn_pack_map(&encoder->buf, (size_t)count));
    }
    for (Py_ssize_t i = 0; result == 0 && i < count; i++) {
        PyObject *key = PyTuple_GET_ITEM(kwnames, i);
        Py_ssize_t len = 0;
        const char *text = PyUnicode_AsUTF8AndSize(key, &len);
        const struct pyn_param *param = NULL;
        if (text == NULL) {
            return -1;
        }
        param = find_param(signature, (struct pyn_view){(const uint8_t *)text, (size_t)len});
        if (param == NULL) {
            PyErr_Format(PyExc_TypeError, "got an unexpected keyword argument %R", key);
            return -1;
        }
        result = pyn_encode_more(encoder, 1);
        if (result == 0) {
            result = pyn_packed(encoder, pyn_pack_str(&encoder->buf, text, (size_t)len));
        }
        if (result == 0) {
            result = pack_value(encoder, op, param->type, values[i], "argument ", key);
        }
    }
    encoder->key_count -= (size_t)count;
    return result;
}

/* Attributes travel as calls of __getattr__ and __setattr__. */
static int pack_attribute(struct pyn_encoder *encoder, const struct pyn_op *op, PyObject *const *args)
{
    bool is_set = op->kind == PYN_OP_SET;
    pyn_status st = pyn_pack_array(&encoder->buf, is_set ? 2 : 1);
    PyObject *none = Py_None;
    int result = 0;

    if (st == PYN_OK) {
        st = pyn_pack_str(&encoder->buf, op->name.data, op->name.len);
    }
    result = pyn_packed(encoder, st);
    if (result == 0 && is_set) {
        result = pack_value(encoder, op, op->type, args[0], "value ", none);
    }
    return result == 0 ? pyn_packed(encoder, pyn_pack_map(&encoder->buf, 0)) : result;
}

static int pack_name(struct pyn_encoder *encoder, struct pyn_view name)
{
    return pyn_packed(encoder, pyn_pack_str(&encoder->buf, name.data, name.len));
}

static bool is_given(const struct pyn_param *param, PyObject *kwnames)
{
    for (Py_ssize_t i = 0; kwnames != NULL && i < PyTuple_GET_SIZE(kwnames); i++) {
        Py_ssize_t len = 0;
        const char *text = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(kwnames, i), &len);
        if (text != NULL && pyn_view_is_equal(param->name, (struct pyn_view){(const uint8_t *)text, (size_t)len})) {
            return true;
        }
    }
    return false;
}

/* What a step lacks is found here and now; of a call the other side says it. */
static int check_given(const struct pyn_op *op, const struct pyn_signature *signature, Py_ssize_t nargs, PyObject *kwnames)
{
    for (uint32_t i = 0; i < signature->param_count; i++) {
        const struct pyn_param *param = &signature->params[i];
        bool has_place = i < signature->place_count && (Py_ssize_t)i < nargs;
        bool has_name = param->kind != PYN_P_POSITIONAL && is_given(param, kwnames);
        if (has_place ? has_name
                      : !has_name && !param->is_optional && param->kind != PYN_P_REST && param->kind != PYN_P_OPTIONS) {
            struct pyn_verdict verdict = {
                .why = has_place ? PYN_WHY_TWICE : PYN_WHY_MISSING, .op = op, .signature = signature, .param = param};
            char text[512];
            pyn_verdict_text(&verdict, text, sizeof text);
            PyErr_SetString(PyExc_TypeError, text);
            return -1;
        }
    }
    return 0;
}

/* The first signature that takes the arguments; *expect is its result. */
static int pack_overloads(struct pyn_encoder *encoder, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames, const struct pyn_type **expect)
{
    struct pyn_mark mark = pyn_encoder_mark(encoder);
    int result = -1;

    for (uint32_t i = 0; i < op->signature_count; i++) {
        const struct pyn_signature *signature = &op->signatures[i];
        PyErr_Clear();
        result = pack_positional(encoder, op, signature, args, nargs);
        if (result == 0) {
            result = pack_keywords(encoder, op, signature, args + nargs, kwnames);
        }
        if (result == 0 && encoder->draft != NULL) {
            result = check_given(op, signature, nargs, kwnames);
        }
        if (result == 0 || !PyErr_ExceptionMatches(PyExc_TypeError)) {
            *expect = signature->result;
            return result;
        }
        pyn_encoder_rewind(encoder, mark);
    }
    return result;
}

static const struct pyn_type none_type = {.kind = PYN_T_NONE};

int pyn_pack_operation(struct pyn_encoder *encoder, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames, const struct pyn_type **expect)
{
    if (op->kind == PYN_OP_METHOD) {
        return pack_name(encoder, op->name) != 0 ? -1 : pack_overloads(encoder, op, args, nargs, kwnames, expect);
    }
    *expect = op->kind == PYN_OP_GET ? op->type : &none_type;
    if (pack_name(encoder, pyn_view_of(op->kind == PYN_OP_GET ? "__getattr__" : "__setattr__")) != 0) {
        return -1;
    }
    return pack_attribute(encoder, op, args);
}
