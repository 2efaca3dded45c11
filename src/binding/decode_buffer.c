/* decode_buffer.c - bytes and arrays of numbers, out of a message that was found to fit: each becomes one object, copied once. */
#include "decode.h"
#include "large.h"

/* pynto.arrays is looked up when it is first needed: NumPy may not be there. */
PyObject *pyn_arrays_call(const char *name, PyObject *first, PyObject *second)
{
    PyObject *module = PyImport_ImportModule("pynto.arrays");
    PyObject *function = module != NULL ? PyObject_GetAttrString(module, name) : NULL;
    PyObject *result = function != NULL ? PyObject_CallFunctionObjArgs(function, first, second, NULL) : NULL;

    Py_XDECREF(function);
    Py_XDECREF(module);
    return result;
}

PyObject *pyn_decode_bin(const struct pyn_decoder *decoder, struct pyn_view bytes, const struct pyn_type *type)
{
    PyObject *value = NULL;

    if (type != NULL && type->kind == PYN_T_BYTEARRAY) {
        return pyn_large_bytearray(decoder, bytes);
    }
    value = pyn_large_bytes(decoder, bytes);
    if (value != NULL && type != NULL && type->kind == PYN_T_MEMORYVIEW) {
        Py_SETREF(value, PyMemoryView_FromObject(value));
    }
    return value;
}

static PyObject *read_shape(struct pyn_reader *rd, uint32_t dimensions)
{
    PyObject *shape = PyTuple_New((Py_ssize_t)dimensions);

    for (uint32_t i = 0; shape != NULL && i < dimensions; i++) {
        uint64_t len = 0;
        PyObject *number = pyn_reader_uint(rd, &len) == PYN_OK ? PyLong_FromUnsignedLongLong(len) : NULL;
        if (number == NULL) {
            Py_CLEAR(shape);
        } else {
            PyTuple_SET_ITEM(shape, (Py_ssize_t)i, number);
        }
    }
    return shape;
}

static int fill(const struct pyn_decoder *decoder, PyObject *array, struct pyn_view bytes)
{
    Py_buffer view;
    int result = 0;

    if (PyObject_GetBuffer(array, &view, PyBUF_WRITABLE | PyBUF_SIMPLE) != 0) {
        return -1;
    }
    if ((size_t)view.len != bytes.len) {
        PyErr_SetString(PyExc_RuntimeError, "an array of another size was made");
        result = -1;
    } else if (bytes.len > 0) {
        result = pyn_large_fill(decoder, view.buf, bytes);
    }
    PyBuffer_Release(&view);
    return result;
}

PyObject *pyn_decode_ndarray(struct pyn_decoder *decoder, uint32_t count)
{
    struct pyn_view name = {NULL, 0};
    struct pyn_item items;
    PyObject *dtype = NULL;
    PyObject *shape = NULL;
    PyObject *array = NULL;

    if (count < 2 || pyn_reader_str(&decoder->reader, &name) != PYN_OK ||
        pyn_reader_next(&decoder->reader, &items) != PYN_OK || items.wire != PYN_W_BIN) {
        PyErr_SetString(PyExc_RuntimeError, "an array that was not checked");
        return NULL;
    }
    dtype = pyn_str(name);
    shape = read_shape(&decoder->reader, count - 2);
    if (dtype != NULL && shape != NULL) {
        array = pyn_arrays_call("made", dtype, shape);
    }
    if (array != NULL && fill(decoder, array, items.bytes) != 0) {
        Py_CLEAR(array);
    }
    Py_XDECREF(dtype);
    Py_XDECREF(shape);
    return array;
}
