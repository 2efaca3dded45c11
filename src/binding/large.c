/* large.c - values of many megabytes: received where their object will be, or moved there without a copy. */
#include "large.h"

#include <stdatomic.h>

#include "../runtime/mapped.h"
#include "../runtime/warm.h"
#include "allocators.h"

enum {
    PAGED_MIN = 32 << 20,  /* bytes of a message: from here on glibc gives every object pages of its own */
    PAGED_HERE = 4 << 20,  /* of which so many have come when they get pages */
    COUNTED_MIN = 8 << 20, /* the same, where what is allocated is counted: there, less is quicker copied */
    COUNTED_HERE = 3 << 19,
    MOVE_MIN = 1 << 20,  /* bytes of a value that are not just copied */
    TEXT_MIN = 64 << 10, /* bytes of a text that was looked at as it came, and is not again */
};

/* Where the bytes of large objects stand in a large page: it was seen at the last of them. */
struct places {
    atomic_size_t of_bin;
    atomic_size_t of_text;
};

static struct places places[2]; /* of a client's and of a server's */
static struct pyn_large larges[2];
static struct pyn_large counted; /* of a server's whose memory is counted */

static size_t place(void *ctx, bool is_text)
{
    struct places *seen = ctx;

    return atomic_load_explicit(is_text ? &seen->of_text : &seen->of_bin, memory_order_relaxed);
}

/* What our own allocator makes, in calls of a server's, begins where a large page does. */
static size_t counted_place(void *ctx, bool is_text)
{
    (void)ctx;
    return is_text ? sizeof(PyASCIIObject) : offsetof(PyBytesObject, ob_sval);
}

static void see(struct places *seen, const void *data, bool is_text)
{
    atomic_store_explicit(is_text ? &seen->of_text : &seen->of_bin, (uintptr_t)data % PYN_LARGE_PAGE,
                          memory_order_relaxed);
}

int pyn_large_init(void)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, 2 * PAGED_MIN);
    PyObject *text = bytes != NULL ? PyUnicode_New(2 * PAGED_MIN, 127) : NULL;

    for (int i = 0; text != NULL && i < 2; i++) {
        see(&places[i], PyBytes_AS_STRING(bytes), false);
        see(&places[i], PyUnicode_1BYTE_DATA(text), true);
        larges[i] = (struct pyn_large){.mem = pyn_mapped_mem(),
                                       .page = PYN_LARGE_PAGE,
                                       .min = PAGED_MIN,
                                       .here = PAGED_HERE,
                                       .place = place,
                                       .ctx = &places[i],
                                       .warm = pyn_warm_mem()};
    }
    counted = (struct pyn_large){.mem = pyn_mapped_mem(),
                                 .page = PYN_LARGE_PAGE,
                                 .min = COUNTED_MIN,
                                 .here = COUNTED_HERE,
                                 .place = counted_place,
                                 .warm = pyn_warm_mem()};
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    return text != NULL ? 0 : -1;
}

const struct pyn_large *pyn_large_place(bool is_server)
{
    return is_server && pyn_allocators_are_installed ? &counted : &larges[is_server];
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

/* The same, of an object whose like the next large message may bring. */
static int fill(const struct pyn_decoder *decoder, void *to, struct pyn_view bytes, bool is_text)
{
    if (bytes.len >= PAGED_MIN && decoder->is_paged) {
        see(&places[decoder->link->server != NULL], to, is_text);
    }
    return pyn_large_fill(decoder, to, bytes);
}

/* Are its bytes copied to where none has stood before? head: bytes of an object ahead of its own. */
static bool is_fresh_block(const struct pyn_decoder *decoder, struct pyn_view bytes, size_t head)
{
    const bool is_moved = decoder->is_paged && (uintptr_t)bytes.data % pyn_page_size() == head % pyn_page_size();

    return bytes.len >= PYN_LARGE_PAGE && !is_moved;
}

PyObject *pyn_large_bytes(const struct pyn_decoder *decoder, struct pyn_view bytes)
{
    PyObject *value = NULL;

    pyn_allocators_write_whole(is_fresh_block(decoder, bytes, offsetof(PyBytesObject, ob_sval)));
    value = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes.len);
    pyn_allocators_write_whole(false);
    if (value != NULL && bytes.len > 0 && fill(decoder, PyBytes_AS_STRING(value), bytes, false) != 0) {
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

    if (text.len < TEXT_MIN || !decoder->is_narrow) {
        return pyn_str(text);
    }
    pyn_allocators_write_whole(is_fresh_block(decoder, text, sizeof(PyASCIIObject)));
    value = PyUnicode_New((Py_ssize_t)text.len, 127);
    pyn_allocators_write_whole(false);
    if (value != NULL && fill(decoder, PyUnicode_1BYTE_DATA(value), text, true) != 0) {
        Py_CLEAR(value);
    }
    return value;
}
