/* fn.c - the types of callables; see grammar.h. */
#include "grammar.h"

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
        pyn_status st = pyn_cursor_push(cursor, depth + 1);
        if (st != PYN_OK) {
            return st;
        }
        if (pyn_cursor_accept(cursor, "=?")) {
            *optional |= (uint64_t)1 << i;
        } else if (*optional != 0) {
            return pyn_cursor_fault(cursor, "a required parameter follows an optional one");
        }
    }
    return pyn_cursor_expect(cursor, ")", "', ' or ')' is wanted");
}

static pyn_status read_fn_result(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
{
    pyn_status st = pyn_cursor_expect(cursor, "->", "'->' is wanted");
    if (st != PYN_OK) {
        return st;
    }
    if (!pyn_cursor_accept(cursor, "{")) {
        return pyn_cursor_alternative(cursor, depth + 1, out);
    }
    st = pyn_cursor_type(cursor, depth + 1, out);
    if (st != PYN_OK) {
        return st;
    }
    if ((*out)->kind != PYN_T_UNION) {
        return pyn_cursor_fault(cursor, "braces stand around a union only");
    }
    return pyn_cursor_expect(cursor, "}", "'}' is wanted");
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

pyn_status pyn_cursor_fn(struct pyn_cursor *cursor, uint32_t depth, size_t start, bool is_async,
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
        st = pyn_cursor_new_type(cursor, PYN_T_IFACE, start, base, &type);
    }
    if (st == PYN_OK) {
        st = pyn_cursor_add_use(cursor, type, call);
    }
    *out = type;
    return st;
}
