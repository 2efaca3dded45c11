/* type.c - types; see grammar.h. */
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

/* ---- the stack of types that wait for the one that they are in ---- */

static pyn_status push(struct pyn_grammar *grammar, const struct pyn_type *type)
{
    if (grammar->stack_len == grammar->stack_room) {
        size_t room = grammar->stack_room == 0 ? 64 : grammar->stack_room * 2;
        void *stack = pyn_mem_resize(grammar->mem, grammar->stack, room, sizeof *grammar->stack);
        if (stack == NULL) {
            return PYN_ENOMEM;
        }
        grammar->stack = stack;
        grammar->stack_room = room;
    }
    grammar->stack[grammar->stack_len++] = type;
    return PYN_OK;
}

static pyn_status push_type(struct pyn_cursor *cursor, uint32_t depth)
{
    const struct pyn_type *type = NULL;
    pyn_status st = pyn_cursor_type(cursor, depth, &type);
    return st == PYN_OK ? push(cursor->grammar, type) : st;
}

/* A type whose spelling began at start and that takes what stands on the stack above base. */
static pyn_status new_type(struct pyn_cursor *cursor, enum pyn_type_kind kind, size_t start, size_t base,
                           struct pyn_type **out)
{
    struct pyn_grammar *grammar = cursor->grammar;
    size_t count = grammar->stack_len - base;
    const struct pyn_type **items = NULL;
    struct pyn_type *type = pyn_arena_new(grammar->arena, 1, sizeof *type);

    *out = NULL;
    if (type == NULL) {
        return PYN_ENOMEM;
    }
    if (count != 0) {
        items = pyn_arena_new(grammar->arena, count, sizeof(const struct pyn_type *));
        if (items == NULL) {
            return PYN_ENOMEM;
        }
        for (size_t i = 0; i < count; i++) {
            items[i] = grammar->stack[base + i];
        }
    }
    grammar->stack_len = base;
    *type = (struct pyn_type){
        .kind = kind, .count = (uint32_t)count, .items = items, .spelling = pyn_cursor_since(cursor, start)};
    *out = type;
    return PYN_OK;
}

static pyn_status finish(struct pyn_cursor *cursor, enum pyn_type_kind kind, size_t start, size_t base,
                         const struct pyn_type **out)
{
    struct pyn_type *type = NULL;
    pyn_status st = new_type(cursor, kind, start, base, &type);
    *out = type;
    return st;
}

static pyn_status expect(struct pyn_cursor *cursor, const char *word, const char *what)
{
    return pyn_cursor_accept(cursor, word) ? PYN_OK : pyn_cursor_fault(cursor, what);
}

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
    pyn_status st = new_type(cursor, PYN_T_LITERAL_STR, start, cursor->grammar->stack_len, &type);
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
    pyn_status st = new_type(cursor, PYN_T_LITERAL_INT, start, cursor->grammar->stack_len, &type);
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
        return finish(cursor, PYN_T_TUPLE, start, base, out);
    }
    pyn_status st = push_type(cursor, depth + 1);
    if (st != PYN_OK) {
        return st;
    }
    if (pyn_cursor_accept(cursor, "*)")) {
        return finish(cursor, PYN_T_TUPLE_OF, start, base, out);
    }
    if (pyn_cursor_accept(cursor, ",)")) {
        return finish(cursor, PYN_T_TUPLE, start, base, out);
    }
    if (pyn_cursor_peek(cursor) == ')') {
        return pyn_cursor_fault(cursor, "a tuple of one is spelled with a comma: (int,)");
    }
    while (pyn_cursor_accept(cursor, ", ")) {
        st = push_type(cursor, depth + 1);
        if (st != PYN_OK) {
            return st;
        }
    }
    st = expect(cursor, ")", "', ' or ')' is wanted");
    return st == PYN_OK ? finish(cursor, PYN_T_TUPLE, start, base, out) : st;
}

/* What stands in brackets: count types; the opening one has been read. */
static pyn_status read_items(struct pyn_cursor *cursor, uint32_t depth, enum pyn_type_kind kind, size_t start,
                             uint32_t count, const struct pyn_type **out)
{
    size_t base = cursor->grammar->stack_len;
    for (uint32_t i = 0; i < count; i++) {
        pyn_status st = i == 0 ? PYN_OK : expect(cursor, ", ", "', ' is wanted");
        if (st == PYN_OK) {
            st = push_type(cursor, depth + 1);
        }
        if (st != PYN_OK) {
            return st;
        }
    }
    pyn_status st = expect(cursor, "]", "']' is wanted");
    return st == PYN_OK ? finish(cursor, kind, start, base, out) : st;
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
        st = expect(cursor, ":", "a class is spelled module:Name");
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
        st = new_type(cursor, kind, start, grammar->stack_len, &type);
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

static pyn_status add_use(struct pyn_cursor *cursor, struct pyn_type *type, struct pyn_signature *call)
{
    struct pyn_grammar *grammar = cursor->grammar;
    if (cursor->naming != 0) {
        return PYN_OK;
    }
    if (grammar->use_count == grammar->use_room) {
        size_t room = grammar->use_room == 0 ? 64 : grammar->use_room * 2;
        void *uses = pyn_mem_resize(grammar->mem, grammar->uses, room, sizeof *grammar->uses);
        if (uses == NULL) {
            return PYN_ENOMEM;
        }
        grammar->uses = uses;
        grammar->use_room = room;
    }
    grammar->uses[grammar->use_count++] = (struct pyn_use){type, call};
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
            st = push_type(cursor, depth + 1);
        } while (st == PYN_OK && pyn_cursor_accept(cursor, ", "));
        cursor->naming--;
        if (st == PYN_OK) {
            st = expect(cursor, "]", "', ' or ']' is wanted");
        }
    }
    cursor->grammar->stack_len = base; /* they are a part of the name */
    if (st == PYN_OK) {
        st = new_type(cursor, PYN_T_IFACE, start, base, &type);
    }
    if (st == PYN_OK) {
        st = add_use(cursor, type, NULL);
    }
    *out = type;
    return st;
}

/* ---- fn ---- */

static pyn_status read_alternative(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out);

static pyn_status read_fn_args(struct pyn_cursor *cursor, uint32_t depth, uint64_t *optional)
{
    *optional = 0;
    if (pyn_cursor_accept(cursor, ")")) {
        return PYN_OK;
    }
    for (uint32_t i = 0; i == 0 || pyn_cursor_accept(cursor, ", "); i++) {
        if (i == PYN_PARAM_MAX) {
            return pyn_cursor_fault(cursor, "more than 64 parameters");
        }
        pyn_status st = push_type(cursor, depth + 1);
        if (st != PYN_OK) {
            return st;
        }
        if (pyn_cursor_accept(cursor, "=?")) {
            *optional |= (uint64_t)1 << i;
        } else if (*optional != 0) {
            return pyn_cursor_fault(cursor, "a required parameter follows an optional one");
        }
    }
    return expect(cursor, ")", "', ' or ')' is wanted");
}

static pyn_status read_fn_result(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
{
    pyn_status st = expect(cursor, "->", "'->' is wanted");
    if (st != PYN_OK) {
        return st;
    }
    if (!pyn_cursor_accept(cursor, "{")) {
        return read_alternative(cursor, depth + 1, out);
    }
    st = pyn_cursor_type(cursor, depth + 1, out);
    if (st != PYN_OK) {
        return st;
    }
    if ((*out)->kind != PYN_T_UNION) {
        return pyn_cursor_fault(cursor, "braces stand around a union only");
    }
    return expect(cursor, "}", "'}' is wanted");
}

static pyn_status new_call(struct pyn_cursor *cursor, size_t base, uint64_t optional, bool is_async,
                           const struct pyn_type *result, struct pyn_signature **out)
{
    struct pyn_grammar *grammar = cursor->grammar;
    size_t count = grammar->stack_len - base;
    struct pyn_param *params = pyn_arena_new(grammar->arena, count, sizeof *params);
    struct pyn_signature *call = pyn_arena_new(grammar->arena, 1, sizeof *call);
    if (params == NULL || call == NULL) {
        return PYN_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        params[i] = (struct pyn_param){
            .kind = PYN_P_POSITIONAL, .is_optional = (optional >> i & 1) != 0, .type = grammar->stack[base + i]};
    }
    grammar->stack_len = base;
    *call = (struct pyn_signature){.is_async = is_async,
                                   .param_count = (uint32_t)count,
                                   .place_count = (uint32_t)count,
                                   .params = params,
                                   .result = result};
    *out = call;
    return PYN_OK;
}

static pyn_status read_fn(struct pyn_cursor *cursor, uint32_t depth, size_t start, bool is_async,
                          const struct pyn_type **out)
{
    size_t base = cursor->grammar->stack_len;
    uint64_t optional = 0;
    const struct pyn_type *result = NULL;
    struct pyn_signature *call = NULL;
    struct pyn_type *type = NULL;

    pyn_status st = read_fn_args(cursor, depth, &optional);
    if (st == PYN_OK) {
        st = read_fn_result(cursor, depth, &result);
    }
    if (st == PYN_OK) {
        st = new_call(cursor, base, optional, is_async, result, &call);
    }
    if (st == PYN_OK) {
        st = new_type(cursor, PYN_T_IFACE, start, base, &type);
    }
    if (st == PYN_OK) {
        st = add_use(cursor, type, call);
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
        return read_fn(cursor, depth, start, true, out);
    }
    if (pyn_cursor_accept(cursor, "fn(")) {
        return read_fn(cursor, depth, start, false, out);
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

static pyn_status read_alternative(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
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

pyn_status pyn_cursor_type(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
{
    struct pyn_grammar *grammar = cursor->grammar;
    size_t start = cursor->at;
    size_t base = grammar->stack_len;
    struct pyn_view last = {0};

    do {
        size_t alternative_at = cursor->at;
        pyn_status st = read_alternative(cursor, depth, out);
        if (st == PYN_OK) {
            st = push(grammar, *out);
        }
        if (st != PYN_OK) {
            return st;
        }
        struct pyn_view spelling = pyn_cursor_since(cursor, alternative_at);
        if (last.len != 0 && pyn_view_compare(last, spelling) >= 0) {
            cursor->at = alternative_at;
            return pyn_cursor_fault(cursor, "alternatives are sorted, and none stands twice");
        }
        if (grammar->stack_len - base > PYN_ALTERNATIVE_MAX) {
            return pyn_cursor_fault(cursor, "more than 1024 alternatives");
        }
        last = spelling;
    } while (pyn_cursor_accept(cursor, "|"));

    if (grammar->stack_len - base == 1) {
        grammar->stack_len = base;
        return PYN_OK;
    }
    return finish(cursor, PYN_T_UNION, start, base, out);
}
