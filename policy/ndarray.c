/*
 * ndarray.c - arrays of numbers: which there are, and whether what a peer sent is one; see pyn_fit_ndarray() in fit.h.
 *
 * Whoever decodes it makes an array of that shape and copies the bytes into it without another look: so the list is closed, the shape is multiplied out here,
 * and what no bool can be is none.
 */
#include "fit.h"

struct dtype {
    const char *name;
    uint32_t size; /* bytes of one item */
};

static const struct dtype dtypes[PYN_DTYPE_COUNT] = {
    [PYN_DTYPE_ANY] = {"", 0},
    [PYN_DTYPE_BOOL] = {"bool", 1},
    [PYN_DTYPE_INT8] = {"int8", 1},
    [PYN_DTYPE_INT16] = {"int16", 2},
    [PYN_DTYPE_INT32] = {"int32", 4},
    [PYN_DTYPE_INT64] = {"int64", 8},
    [PYN_DTYPE_UINT8] = {"uint8", 1},
    [PYN_DTYPE_UINT16] = {"uint16", 2},
    [PYN_DTYPE_UINT32] = {"uint32", 4},
    [PYN_DTYPE_UINT64] = {"uint64", 8},
    [PYN_DTYPE_FLOAT16] = {"float16", 2},
    [PYN_DTYPE_FLOAT32] = {"float32", 4},
    [PYN_DTYPE_FLOAT64] = {"float64", 8},
    [PYN_DTYPE_COMPLEX64] = {"complex64", 8},
    [PYN_DTYPE_COMPLEX128] = {"complex128", 16},
};

const char *pyn_dtype_name(enum pyn_dtype dtype)
{
    return dtypes[dtype].name;
}

static enum pyn_dtype dtype_of(struct pyn_view name)
{
    for (int i = PYN_DTYPE_ANY + 1; i < PYN_DTYPE_COUNT; i++) {
        if (pyn_view_is_equal(name, pyn_view_of(dtypes[i].name))) {
            return (enum pyn_dtype)i;
        }
    }
    return PYN_DTYPE_ANY;
}

/* The bytes of all items. What has no items may still be too large to be made: its other dimensions count as they stand. */
static bool take_shape(struct pyn_reader *value, uint32_t dimensions, uint64_t size, uint64_t *bytes)
{
    uint64_t product = size;
    bool is_empty = false;

    for (uint32_t i = 0; i < dimensions; i++) {
        uint64_t len = 0;
        if (pyn_reader_uint(value, &len) != PYN_OK || len > INT64_MAX) {
            return false;
        }
        is_empty = is_empty || len == 0;
        len += len == 0;
        if (product > INT64_MAX / len) {
            return false;
        }
        product *= len;
    }
    *bytes = is_empty ? 0 : product;
    return true;
}

static bool are_bools(struct pyn_view bytes)
{
    uint8_t seen = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        seen |= bytes.data[i];
    }
    return seen <= 1;
}

bool pyn_fit_ndarray(struct pyn_reader *value, uint32_t count, enum pyn_dtype wanted)
{
    struct pyn_view name = {NULL, 0};
    struct pyn_item items;
    enum pyn_dtype dtype = PYN_DTYPE_ANY;
    uint64_t bytes = 0;

    if (count < 2 || count - 2 > PYN_DIMENSIONS_MAX || pyn_reader_str(value, &name) != PYN_OK) {
        return false;
    }
    dtype = dtype_of(name);
    if (dtype == PYN_DTYPE_ANY || (wanted != PYN_DTYPE_ANY && dtype != wanted)) {
        return false;
    }
    if (pyn_reader_next(value, &items) != PYN_OK || items.wire != PYN_W_BIN ||
        !take_shape(value, count - 2, dtypes[dtype].size, &bytes)) {
        return false;
    }
    return bytes == items.bytes.len && (dtype != PYN_DTYPE_BOOL || are_bools(items.bytes));
}
