/* type.c - one alternative of a type; see grammar.h. Unions and what types have in common are in union.c, fns in fn.c. */
#include "grammar.h"
#include "literal.h"
#include "names.h"

struct scalar {
    const char *word;
    struct pyn_type type;
};

#define SCALAR(kind_, word_)                                                                                           \
    {                                                                                                                  \
        word_,                                                                                                         \
        {                                                                                                              \
            .kind = kind_, .spelling = {(const uint8_t *)(word_), sizeof(word_) - 1 }                                  \
        }                                                                                                              \
    }

#define NDARRAY(dtype_, word_)                                                                                         \
    {                                                                                                                  \
        word_,                                                                                                         \
        {                                                                                                              \
            .kind = PYN_T_NDARRAY, .number = dtype_, .spelling = {(const uint8_t *)(word_), sizeof(word_) - 1 }        \
        }                                                                                                              \
    }

static const struct scalar scalars[] = {
    SCALAR(PYN_T_NONE, "none"),
    SCALAR(PYN_T_BOOL, "bool"),
    SCALAR(PYN_T_INT, "int"),
    SCALAR(PYN_T_FLOAT, "float"),
    SCALAR(PYN_T_COMPLEX, "complex"),
    SCALAR(PYN_T_STR, "str"),
    SCALAR(PYN_T_BYTES, "bytes"),
    SCALAR(PYN_T_RANGE, "range"),
    SCALAR(PYN_T_SLICE, "slice"),
    SCALAR(PYN_T_DATETIME, "datetime"),
    SCALAR(PYN_T_DATE, "date"),
    SCALAR(PYN_T_TIME, "time"),
    SCALAR(PYN_T_TIMEDELTA, "timedelta"),
    SCALAR(PYN_T_DECIMAL, "decimal"),
    SCALAR(PYN_T_UUID, "uuid"),
    SCALAR(PYN_T_BYTEARRAY, "bytearray"),
    SCALAR(PYN_T_MEMORYVIEW, "memoryview"),
    SCALAR(PYN_T_BUFFER, "buffer"),
    NDARRAY(PYN_DTYPE_ANY, "ndarray"),
    NDARRAY(PYN_DTYPE_BOOL, "ndarray_bool"),
    NDARRAY(PYN_DTYPE_INT8, "ndarray_int8"),
    NDARRAY(PYN_DTYPE_INT16, "ndarray_int16"),
    NDARRAY(PYN_DTYPE_INT32, "ndarray_int32"),
    NDARRAY(PYN_DTYPE_INT64, "ndarray_int64"),
    NDARRAY(PYN_DTYPE_UINT8, "ndarray_uint8"),
    NDARRAY(PYN_DTYPE_UINT16, "ndarray_uint16"),
    NDARRAY(PYN_DTYPE_UINT32, "ndarray_uint32"),
    NDARRAY(PYN_DTYPE_UINT64, "ndarray_uint64"),
    NDARRAY(PYN_DTYPE_FLOAT16, "ndarray_float16"),
    NDARRAY(PYN_DTYPE_FLOAT32, "ndarray_float32"),
    NDARRAY(PYN_DTYPE_FLOAT64, "ndarray_float64"),
    NDARRAY(PYN_DTYPE_COMPLEX64, "ndarray_complex64"),
    NDARRAY(PYN_DTYPE_COMPLEX128, "ndarray_complex128"),
    SCALAR(PYN_T_DATA, "data"),
    {"false", {.kind = PYN_T_LITERAL_BOOL, .number = 0, .spelling = {(const uint8_t *)"false", 5}}},
    {"true", {.kind = PYN_T_LITERAL_BOOL, .number = 1, .spelling = {(const uint8_t *)"true", 4}}},
};

/* ---- alternatives, one function each ---- */

static pyn_status read_string(struct pyn_cursor *cursor, const struct pyn_type **out)
{
    size_t start = cursor->at;
    struct pyn_type *type = NULL;
    struct pyn_view text = {0};
    const char *what = NULL;
    size_t end = pyn_literal_read(cursor->grammar->arena, cursor->text, start, &text, &what);
    if (end == 0) {
        return what == NULL ? PYN_ENOMEM : pyn_cursor_fault(cursor, what);
    }
    cursor->at = end;
    pyn_status st = pyn_cursor_new_type(cursor, PYN_T_LITERAL_STR, start, cursor->grammar->stack_len, &type);
    if (st != PYN_OK) {
        return st;
    }
    type->text = text;
    *out = type;
    return PYN_OK;
}

static pyn_status read_integer(struct pyn_cursor *cursor, const struct pyn_type **out)
{
    size_t start = cursor->at;
    bool is_negative = pyn_cursor_accept(cursor, "-");
    uint64_t magnitude = 0;
    uint64_t most = is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    size_t first = cursor->at;
    struct pyn_type *type = NULL;

    for (uint8_t c = pyn_cursor_peek(cursor); c >= '0' && c <= '9'; c = pyn_cursor_peek(cursor)) {
        uint64_t digit = (uint64_t)(c - '0');
        if (magnitude > (most - digit) / 10) {
            return pyn_cursor_fault(cursor, "an integer literal beyond 64 bits");
        }
        magnitude = magnitude * 10 + digit;
        cursor->at++;
    }
    if (cursor->at == first) {
        return pyn_cursor_fault(cursor, "digits are wanted");
    }
    if ((cursor->text.data[first] == '0' && cursor->at - first > 1) || (is_negative && magnitude == 0)) {
        return pyn_cursor_fault(cursor, "an integer has one spelling: no zero ahead of it, and no -0");
    }
    pyn_status st = pyn_cursor_new_type(cursor, PYN_T_LITERAL_INT, start, cursor->grammar->stack_len, &type);
    if (st != PYN_OK) {
        return st;
    }
    type->number = magnitude == 0 ? 0 : is_negative ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    *out = type;
    return PYN_OK;
}

static pyn_status read_tuple(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
{
    size_t start = cursor->at;
    size_t base = cursor->grammar->stack_len;
    cursor->at++; /* the parenthesis */
    if (pyn_cursor_accept(cursor, ")")) {
        return pyn_cursor_finish(cursor, PYN_T_TUPLE, start, base, out);
    }
    pyn_status st = pyn_cursor_push(cursor, depth + 1);
    if (st != PYN_OK) {
        return st;
    }
    if (pyn_cursor_accept(cursor, "*)")) {
        return pyn_cursor_finish(cursor, PYN_T_TUPLE_OF, start, base, out);
    }
    if (pyn_cursor_accept(cursor, ",)")) {
        return pyn_cursor_finish(cursor, PYN_T_TUPLE, start, base, out);
    }
    if (pyn_cursor_peek(cursor) == ')') {
        return pyn_cursor_fault(cursor, "a tuple of one is spelled with a comma: (int,)");
    }
    while (pyn_cursor_accept(cursor, ", ")) {
        st = pyn_cursor_push(cursor, depth + 1);
        if (st != PYN_OK) {
            return st;
        }
    }
    st = pyn_cursor_expect(cursor, ")", "', ' or ')' is wanted");
    return st == PYN_OK ? pyn_cursor_finish(cursor, PYN_T_TUPLE, start, base, out) : st;
}

/* What stands in brackets: count types; the opening one has been read. */
static pyn_status read_items(struct pyn_cursor *cursor, uint32_t depth, enum pyn_type_kind kind, size_t start,
                             uint32_t count, const struct pyn_type **out)
{
    size_t base = cursor->grammar->stack_len;
    for (uint32_t i = 0; i < count; i++) {
        pyn_status st = i == 0 ? PYN_OK : pyn_cursor_expect(cursor, ", ", "', ' is wanted");
        if (st == PYN_OK) {
            st = pyn_cursor_push(cursor, depth + 1);
        }
        if (st != PYN_OK) {
            return st;
        }
    }
    pyn_status st = pyn_cursor_expect(cursor, "]", "']' is wanted");
    return st == PYN_OK ? pyn_cursor_finish(cursor, kind, start, base, out) : st;
}

static pyn_status read_copy(struct pyn_cursor *cursor, uint32_t depth, size_t start, const struct pyn_type **out)
{
    if (pyn_cursor_accept(cursor, "list[")) {
        return read_items(cursor, depth, PYN_T_COPY_LIST, start, 1, out);
    }
    if (pyn_cursor_accept(cursor, "set[")) {
        return read_items(cursor, depth, PYN_T_COPY_SET, start, 1, out);
    }
    if (pyn_cursor_accept(cursor, "dict[")) {
        return read_items(cursor, depth, PYN_T_COPY_DICT, start, 2, out);
    }
    return pyn_cursor_fault(cursor, "a copy is of list[, set[ or dict[");
}

/* One identifier after the other with dots between them. */
static pyn_status read_dotted(struct pyn_cursor *cursor)
{
    do {
        size_t len = pyn_name_span(cursor->text, cursor->at);
        if (len == 0) {
            return pyn_cursor_fault(cursor, "a name is wanted");
        }
        if (len > PYN_NAME_MAX) {
            return pyn_cursor_fault(cursor, "a name of more than 255 bytes");
        }
        cursor->at += len;
    } while (pyn_cursor_accept(cursor, "."));
    return PYN_OK;
}

static pyn_status read_class(struct pyn_cursor *cursor)
{
    pyn_status st = read_dotted(cursor);
    if (st == PYN_OK) {
        st = pyn_cursor_expect(cursor, ":", "a class is spelled module:Name");
    }
    return st == PYN_OK ? read_dotted(cursor) : st;
}

static pyn_status read_by_value(struct pyn_cursor *cursor, enum pyn_type_kind kind, size_t start,
                                const struct pyn_type **out)
{
    struct pyn_grammar *grammar = cursor->grammar;
    size_t name_at = cursor->at;
    struct pyn_type *type = NULL;
    pyn_status st = read_class(cursor);
    if (st == PYN_OK) {
        st = pyn_cursor_new_type(cursor, kind, start, grammar->stack_len, &type);
    }
    if (st != PYN_OK) {
        return st;
    }
    struct pyn_view name = pyn_cursor_since(cursor, name_at);
    if (kind == PYN_T_RECORD && cursor->naming == 0) {
        type->record = grammar->record == NULL ? NULL : grammar->record(grammar->ctx, name);
        if (type->record == NULL) {
            return pyn_cursor_fault(cursor, "a record that does not stand in 'records'");
        }
    }
    if (kind == PYN_T_ENUM && cursor->naming == 0) {
        type->enumeration = grammar->enumeration == NULL ? NULL : grammar->enumeration(grammar->ctx, name);
        if (type->enumeration == NULL) {
            return pyn_cursor_fault(cursor, "an enum that does not stand in 'enums'");
        }
    }
    *out = type;
    return PYN_OK;
}

/* The name has been read; its types in brackets have not. */
static pyn_status read_interface(struct pyn_cursor *cursor, uint32_t depth, size_t start, const struct pyn_type **out)
{
    size_t base = cursor->grammar->stack_len;
    struct pyn_type *type = NULL;
    pyn_status st = PYN_OK;

    if (pyn_cursor_accept(cursor, "[")) {
        cursor->naming++;
        do {
            st = pyn_cursor_push(cursor, depth + 1);
        } while (st == PYN_OK && pyn_cursor_accept(cursor, ", "));
        cursor->naming--;
        if (st == PYN_OK) {
            st = pyn_cursor_expect(cursor, "]", "', ' or ']' is wanted");
        }
    }
    cursor->grammar->stack_len = base; /* they are a part of the name */
    if (st == PYN_OK) {
        st = pyn_cursor_new_type(cursor, PYN_T_IFACE, start, base, &type);
    }
    if (st == PYN_OK) {
        st = pyn_cursor_add_use(cursor, type, NULL);
    }
    *out = type;
    return st;
}

/* ---- words ---- */

static pyn_status read_word(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
{
    size_t start = cursor->at;
    size_t end = start + pyn_name_span(cursor->text, start);
    struct pyn_view word = {cursor->text.data + start, end - start};

    /* A module may have the name of anything: what is behind the word decides. */
    if (end < cursor->text.len && (cursor->text.data[end] == ':' || cursor->text.data[end] == '.')) {
        pyn_status st = read_class(cursor);
        return st == PYN_OK ? read_interface(cursor, depth, start, out) : st;
    }
    if (pyn_cursor_accept(cursor, "frozenset[")) {
        return read_items(cursor, depth, PYN_T_FROZENSET, start, 1, out);
    }
    if (pyn_cursor_accept(cursor, "copy ")) {
        return read_copy(cursor, depth, start, out);
    }
    if (pyn_cursor_accept(cursor, "enum ")) {
        return read_by_value(cursor, PYN_T_ENUM, start, out);
    }
    if (pyn_cursor_accept(cursor, "rec ")) {
        return read_by_value(cursor, PYN_T_RECORD, start, out);
    }
    if (pyn_cursor_accept(cursor, "async fn(")) {
        return pyn_cursor_fn(cursor, depth, start, true, out);
    }
    if (pyn_cursor_accept(cursor, "fn(")) {
        return pyn_cursor_fn(cursor, depth, start, false, out);
    }
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        if (pyn_view_is_equal(word, scalars[i].type.spelling)) {
            cursor->at = end;
            *out = &scalars[i].type;
            cursor->grammar->has_arrays = cursor->grammar->has_arrays || scalars[i].type.kind == PYN_T_NDARRAY;
            return PYN_OK;
        }
    }
    if (!pyn_name_is_standard(word)) {
        return pyn_cursor_fault(cursor, "a word that is neither a type nor a standard container nor module:Name");
    }
    cursor->at = end;
    return read_interface(cursor, depth, start, out);
}

pyn_status pyn_cursor_alternative(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
{
    uint8_t c = pyn_cursor_peek(cursor);
    *out = NULL;
    if (depth > PYN_NEST_MAX) {
        return pyn_cursor_fault(cursor, "types nested more than 32 deep");
    }
    if (cursor->grammar->type_count == PYN_TYPE_MAX) {
        return pyn_cursor_fault(cursor, "more than 1048576 types");
    }
    cursor->grammar->type_count++;
    if (c == '\'') {
        return read_string(cursor, out);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return read_integer(cursor, out);
    }
    if (c == '(') {
        return read_tuple(cursor, depth, out);
    }
    if (pyn_name_span(cursor->text, cursor->at) != 0) {
        return read_word(cursor, depth, out);
    }
    return pyn_cursor_fault(cursor, "a type is wanted");
}
