/* arguments.c - see arguments.h. */
#include "arguments.h"

#include "call.h"

void pyn_arguments_init(struct pyn_arguments *arguments, PyObject *object)
{
    arguments->block = arguments->few;
    arguments->room = PYN_ARGUMENTS_FEW;
    arguments->block[0] = NULL;
    arguments->block[1] = object;
    arguments->count = arguments->kw_count = 0;
    arguments->kwnames = NULL;
}

/* Places for so many values. The positional ones are in theirs, or none is. */
static int reserve(struct pyn_arguments *arguments, size_t values)
{
    bool is_first = arguments->block == arguments->few;
    PyObject **grown = NULL;

    if (values + 2 <= arguments->room) {
        return 0;
    }
    grown = PyMem_Realloc(is_first ? NULL : arguments->block, (values + 2) * sizeof *grown);
    if (grown == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (is_first) {
        memcpy(grown, arguments->few, (arguments->count + 2) * sizeof *grown);
    }
    arguments->block = grown;
    arguments->room = values + 2;
    return 0;
}

void pyn_arguments_clear(struct pyn_arguments *arguments)
{
    for (size_t i = 0; i < arguments->count + arguments->kw_count; i++) {
        Py_XDECREF(arguments->block[i + 2]);
    }
    Py_XDECREF(arguments->kwnames);
    if (arguments->block != arguments->few) {
        PyMem_Free(arguments->block);
    }
}

static int unreadable(void)
{
    PyErr_SetString(pyn_core.protocol_error, "arguments that cannot be read");
    return -1;
}

static const struct pyn_type *positional_type(const struct pyn_signature *signature, uint32_t place)
{
    if (place < signature->place_count) {
        return signature->params[place].type;
    }
    return signature->rest != NULL ? signature->rest->type : NULL;
}

static const struct pyn_type *keyword_type(const struct pyn_signature *signature, struct pyn_view name)
{
    for (uint32_t i = 0; i < signature->param_count; i++) {
        const struct pyn_param *param = &signature->params[i];
        if ((param->kind == PYN_P_EITHER || param->kind == PYN_P_KEYWORD) && pyn_view_is_equal(param->name, name)) {
            return param->type;
        }
    }
    return signature->options != NULL ? signature->options->type : NULL;
}

static int decode_keywords(struct pyn_decoder *decoder, const struct pyn_signature *signature,
                           struct pyn_arguments *arguments, uint32_t pairs)
{
    if (reserve(arguments, arguments->count + pairs) != 0) {
        return -1;
    }
    arguments->kwnames = PyTuple_New((Py_ssize_t)pairs);
    if (arguments->kwnames == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < pairs; i++) {
        struct pyn_view name;
        PyObject *key = NULL;
        PyObject *value = NULL;
        if (pyn_reader_str(&decoder->reader, &name) != PYN_OK) {
            return unreadable();
        }
        key = pyn_str(name);
        if (key == NULL) {
            return -1;
        }
        PyTuple_SET_ITEM(arguments->kwnames, (Py_ssize_t)i, key);
        value = pyn_decode(decoder, keyword_type(signature, name));
        if (value == NULL) {
            return -1;
        }
        arguments->block[2 + arguments->count + arguments->kw_count++] = value;
    }
    return 0;
}

int pyn_arguments_decode(struct pyn_decoder *decoder, const struct pyn_signature *signature,
                         struct pyn_arguments *arguments)
{
    uint32_t positional = 0;
    uint32_t pairs = 0;

    if (pyn_reader_array(&decoder->reader, &positional) != PYN_OK) {
        return unreadable();
    }
    if (reserve(arguments, positional) != 0) {
        return -1;
    }
    for (uint32_t i = 0; i < positional; i++) {
        PyObject *value = pyn_decode(decoder, positional_type(signature, i));
        if (value == NULL) {
            return -1;
        }
        arguments->block[2 + arguments->count++] = value;
    }
    if (pyn_reader_map(&decoder->reader, &pairs) != PYN_OK) {
        return unreadable();
    }
    return pairs > 0 ? decode_keywords(decoder, signature, arguments, pairs) : 0;
}

/* What a peer says of an exception is one of ours that tells of it: strong, or NULL with an exception. */
static PyObject *told_error(PyObject *told)
{
    return pyn_remote_error(PyTuple_GET_ITEM(told, 1), PyTuple_GET_ITEM(told, 0));
}

/* A peer's exception inside a with block: the object gets one of ours that tells of it. */
static int exit_arguments(struct pyn_arguments *arguments)
{
    PyObject *told = arguments->count == 1 ? arguments->block[2] : NULL;
    PyObject *error = NULL;
    PyObject **block = arguments->block; /* an exit has one argument at most: it stands where there are PYN_ARGUMENTS_FEW places */

    if (told != NULL && told != Py_None) {
        error = told_error(told);
        if (error == NULL) {
            return -1;
        }
    }
    Py_XDECREF(told);
    block[2] = Py_NewRef(error != NULL ? pyn_core.remote_error : Py_None);
    block[3] = error != NULL ? error : Py_NewRef(Py_None);
    block[4] = Py_NewRef(Py_None);
    arguments->count = 3;
    return 0;
}

/* One that it throws into a generator: the same, and remembered, to be known again when it comes out. */
static int throw_argument(struct pyn_arguments *arguments)
{
    PyObject *error = told_error(arguments->block[2]);

    if (error == NULL) {
        return -1;
    }
    Py_SETREF(arguments->block[2], error);
    pyn_frame_top()->thrown = Py_NewRef(error);
    return 0;
}

/* What the object is called with, where that is not what the peer has sent. */
int pyn_arguments_fit(const struct pyn_op *op, struct pyn_arguments *arguments)
{
    if (pyn_op_is_exit(op)) {
        return exit_arguments(arguments);
    }
    return pyn_op_is_throw(op) ? throw_argument(arguments) : 0;
}
