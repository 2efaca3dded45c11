/* large.c - values of many megabytes: received where their object will be, or moved there without a copy. */
#include "large.h"

#include "../runtime/mapped.h"

enum {
    PAGED_MIN = 32 << 20, /* bytes of a message: from here on glibc gives every object pages of its own */
    MOVE_MIN = 1 << 20,   /* bytes of a value that are not just copied */
};

static struct pyn_large large;

static size_t place_of(const void *data)
{
    return (size_t)((uintptr_t)data % pyn_page_size());
}

/* Where the bytes of large objects stand in their page: it is so for all of them, and where it is not, they are copied. */
int pyn_large_init(void)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, 2 * PAGED_MIN);
    PyObject *text = bytes != NULL ? PyUnicode_New(2 * PAGED_MIN, 127) : NULL;

    if (text != NULL) {
        large = (struct pyn_large){.mem = pyn_mapped_mem(),
                                   .page = pyn_page_size(),
                                   .min = PAGED_MIN,
                                   .bin_at = place_of(PyBytes_AS_STRING(bytes)),
                                   .text_at = place_of(PyUnicode_1BYTE_DATA(text))};
    }
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    return text != NULL ? 0 : -1;
}

const struct pyn_large *pyn_large_place(void)
{
    return &large;
}

/* 0 or -1. The object is nobody else's yet. */
int pyn_large_fill(const struct pyn_decoder *decoder, void *to, struct pyn_view bytes)
{
    bool is_there = true;

    if (bytes.len < MOVE_MIN || !decoder->is_paged) {
        memcpy(to, bytes.data, bytes.len);
        return 0;
    }
    Py_BEGIN_ALLOW_THREADS
    is_there = pyn_mapped_move(to, (uint8_t *)(uintptr_t)bytes.data,
                               bytes.len); /* the call's own: nobody reads them again */
    Py_END_ALLOW_THREADS
    if (!is_there) {
        PyErr_NoMemory();
    }
    return is_there ? 0 : -1;
}

PyObject *pyn_large_bytes(const struct pyn_decoder *decoder, struct pyn_view bytes)
{
    PyObject *value = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes.len);

    if (value != NULL && bytes.len > 0 && pyn_large_fill(decoder, PyBytes_AS_STRING(value), bytes) != 0) {
        Py_CLEAR(value);
    }
    return value;
}

PyObject *pyn_large_bytearray(const struct pyn_decoder *decoder, struct pyn_view bytes)
{
    PyObject *value = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)bytes.len);

    if (value != NULL && bytes.len > 0 && pyn_large_fill(decoder, PyByteArray_AS_STRING(value), bytes) != 0) {
        Py_CLEAR(value);
    }
    return value;
}

PyObject *pyn_large_str(const struct pyn_decoder *decoder, struct pyn_view text)
{
    PyObject *value = NULL;

    if (text.len < MOVE_MIN || !decoder->is_paged || !decoder->is_narrow) {
        return pyn_str(text);
    }
    value = PyUnicode_New((Py_ssize_t)text.len, 127);
    if (value != NULL && pyn_large_fill(decoder, PyUnicode_1BYTE_DATA(value), text) != 0) {
        Py_CLEAR(value);
    }
    return value;
}
