/* encode_buffer.c - what has a buffer: bytes of it, or an array of numbers. Straight from the buffer, when it lies in one piece. */
#include "../wire/pack.h"
#include "encode.h"

/* What may change as soon as we look away: it goes as it is now. */
static int pack_bytes(struct pyn_encoder *encoder, const void *data, Py_ssize_t len)
{
    return pyn_encode_changing_bin(encoder, data, (size_t)len);
}

/* In the order of its items, whatever its strides. */
static int pack_scattered(struct pyn_encoder *encoder, PyObject *value)
{
    PyObject *flat = PyBytes_FromObject(value);
    int result = flat != NULL
                     ? pyn_encode_kept_bin(encoder, flat, PyBytes_AS_STRING(flat), (size_t)PyBytes_GET_SIZE(flat))
                     : -1;

    Py_XDECREF(flat);
    return result;
}

/* The bytes that a view of them shows: they stay as they are, and where they are. NULL: it shows something else. Borrowed. */
static PyObject *bytes_behind(PyObject *value)
{
    PyObject *base = PyMemoryView_Check(value) ? PyMemoryView_GET_BASE(value) : value;

    return base != NULL && PyBytes_CheckExact(base) ? base : NULL;
}

static bool is_flat(const Py_buffer *view)
{
    return view->ndim == 1 && view->itemsize == 1;
}

static bool takes(PyObject *value, enum pyn_type_kind kind)
{
    switch (kind) {
    case PYN_T_BYTEARRAY:
        return PyByteArray_Check(value);
    case PYN_T_MEMORYVIEW:
        return PyMemoryView_Check(value) || PyBytes_Check(value) || PyByteArray_Check(value);
    default:
        return PyObject_CheckBuffer(value);
    }
}

int pyn_encode_buffer(struct pyn_encoder *encoder, PyObject *value, enum pyn_type_kind kind)
{
    PyObject *kept = NULL;
    Py_buffer view;
    int result = PYN_MISFIT;

    if (!takes(value, kind)) {
        return PYN_MISFIT;
    }
    if (PyObject_GetBuffer(value, &view, PyBUF_FULL_RO) != 0) {
        return -1;
    }
    if (kind == PYN_T_MEMORYVIEW && !is_flat(&view)) {
        PyErr_Format(PyExc_TypeError, "a memoryview travels as bytes: cast('B') one of %zd dimensions and format '%s'",
                     (Py_ssize_t)view.ndim, view.format != NULL ? view.format : "B");
        result = -1;
    } else if (PyBuffer_IsContiguous(&view, 'C')) {
        kept = bytes_behind(value);
        result = kept != NULL ? pyn_encode_kept_bin(encoder, kept, view.buf, (size_t)view.len)
                              : pack_bytes(encoder, view.buf, view.len);
    } else {
        result = pack_scattered(encoder, value);
    }
    PyBuffer_Release(&view);
    return result;
}

/* ---- arrays ---- */

static int pack_shape(struct pyn_encoder *encoder, PyObject *shape)
{
    int result = 0;

    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(shape); i++) {
        Py_ssize_t len = PyLong_AsSsize_t(PyTuple_GET_ITEM(shape, i));
        result = len < 0 ? -1 : pyn_packed(encoder, pyn_pack_uint(&encoder->buf, (uint64_t)len));
    }
    return result;
}

/* laid_out: (name of the dtype, shape, the array with its items in one piece, as they stand on the wire) */
static int pack_array(struct pyn_encoder *encoder, PyObject *laid_out, const struct pyn_type *type)
{
    const char *name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(laid_out, 0));
    PyObject *shape = PyTuple_GET_ITEM(laid_out, 1); /* borrowed */
    size_t dimensions = (size_t)PyTuple_GET_SIZE(shape);
    enum pyn_tag tag = PYN_TAG_NDARRAY;
    Py_buffer view;
    int result = -1;

    if (name == NULL) {
        return -1;
    }
    if (dimensions > PYN_DIMENSIONS_MAX ||
        (type->number != PYN_DTYPE_ANY && strcmp(name, pyn_dtype_name((enum pyn_dtype)type->number)) != 0)) {
        return PYN_MISFIT;
    }
    if (pyn_encode_array(encoder, dimensions + 2, &tag) != 0 || pyn_encode_more(encoder, dimensions + 2) != 0 ||
        pyn_packed(encoder, pyn_pack_str(&encoder->buf, name, strlen(name))) != 0 ||
        PyObject_GetBuffer(PyTuple_GET_ITEM(laid_out, 2), &view, PyBUF_SIMPLE) != 0) {
        return -1;
    }
    result = pack_bytes(encoder, view.buf, view.len);
    PyBuffer_Release(&view);
    return result == 0 ? pack_shape(encoder, shape) : result;
}

int pyn_encode_ndarray(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    PyObject *laid_out = pyn_arrays_call("laid_out", value, NULL);
    int result = PYN_MISFIT;

    if (laid_out == NULL) {
        return -1;
    }
    if (laid_out != Py_None) {
        result = pack_array(encoder, laid_out, type);
    }
    Py_DECREF(laid_out);
    return result;
}
