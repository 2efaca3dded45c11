/* signature.c - whole strings, and signatures; see grammar.h. */
#include "grammar.h"
#include "names.h"

/* ---- whole strings ---- */

void pyn_grammar_init(struct pyn_grammar *grammar, const struct pyn_mem *mem, struct pyn_arena *arena)
{
    *grammar = (struct pyn_grammar){.mem = mem, .arena = arena};
}

void pyn_grammar_fini(struct pyn_grammar *grammar)
{
    pyn_mem_free(grammar->mem, grammar->uses);
    pyn_mem_free(grammar->mem, grammar->stack);
    *grammar = (struct pyn_grammar){.mem = grammar->mem};
}

static pyn_status expect_end(struct pyn_cursor *cursor)
{
    return pyn_cursor_is_done(cursor) ? PYN_OK : pyn_cursor_fault(cursor, "nothing more is wanted");
}

pyn_status pyn_grammar_type(struct pyn_grammar *grammar, struct pyn_view text, const struct pyn_type **out)
{
    struct pyn_cursor cursor = pyn_cursor_of(grammar, text);
    pyn_status st = pyn_cursor_type(&cursor, 1, out);
    return st == PYN_OK ? expect_end(&cursor) : st;
}

pyn_status pyn_grammar_field(struct pyn_grammar *grammar, struct pyn_view text, const struct pyn_type **out,
                             bool *may_miss)
{
    struct pyn_cursor cursor = pyn_cursor_of(grammar, text);
    *may_miss = false;
    pyn_status st = pyn_cursor_type(&cursor, 1, out);
    if (st != PYN_OK) {
        return st;
    }
    *may_miss = pyn_cursor_accept(&cursor, "=?");
    return expect_end(&cursor);
}

bool pyn_grammar_is_fn(struct pyn_view text)
{
    return (text.len >= 3 && memcmp(text.data, "fn(", 3) == 0) ||
           (text.len >= 9 && memcmp(text.data, "async fn(", 9) == 0);
}

pyn_status pyn_grammar_interface(struct pyn_grammar *grammar, struct pyn_view text)
{
    struct pyn_cursor cursor = pyn_cursor_of(grammar, text);
    const struct pyn_type *type = NULL;
    cursor.naming = 1;
    pyn_status st = pyn_cursor_type(&cursor, 1, &type);
    if (st != PYN_OK) {
        return st;
    }
    if (type->kind != PYN_T_IFACE || pyn_grammar_is_fn(text)) {
        cursor.at = 0;
        return pyn_cursor_fault(&cursor, "not the name of an interface");
    }
    return expect_end(&cursor);
}

/* ---- signatures ---- */

/* A signature while its parameters are read. */
struct reading {
    struct pyn_param params[PYN_PARAM_MAX];
    uint32_t count;
    uint32_t unnamed;
    bool has_slash;
    bool has_star;   /* what follows is keyword-only */
    bool star_waits; /* a bare star wants a parameter behind it */
    bool has_rest;
    bool has_options;
};

static pyn_status add_param(struct pyn_cursor *cursor, struct reading *sig, const struct pyn_param *param)
{
    for (uint32_t i = 0; param->name.len != 0 && i < sig->count; i++) {
        if (pyn_view_is_equal(sig->params[i].name, param->name)) {
            return pyn_cursor_fault(cursor, "two parameters of one name");
        }
    }
    if (sig->count == PYN_PARAM_MAX) {
        return pyn_cursor_fault(cursor, "more than 64 parameters");
    }
    sig->params[sig->count++] = *param;
    return PYN_OK;
}

static pyn_status read_slash(struct pyn_cursor *cursor, struct reading *sig)
{
    if (sig->has_slash || sig->has_star || sig->count == 0 || sig->unnamed != sig->count) {
        return pyn_cursor_fault(cursor, "'/' stands once, behind parameters without a name");
    }
    sig->has_slash = true;
    return PYN_OK;
}

/* identifier ": " */
static bool accept_name(struct pyn_cursor *cursor, struct pyn_view *name)
{
    struct pyn_cursor ahead = *cursor;
    size_t len = pyn_name_span(ahead.text, ahead.at);
    *name = (struct pyn_view){ahead.text.data + ahead.at, len};
    ahead.at += len;
    if (len == 0 || !pyn_cursor_accept(&ahead, ": ")) {
        return false;
    }
    cursor->at = ahead.at;
    return true;
}

static pyn_status read_name(struct pyn_cursor *cursor, struct pyn_view *name)
{
    if (!accept_name(cursor, name)) {
        return pyn_cursor_fault(cursor, "a name and ': ' are wanted");
    }
    return name->len <= PYN_NAME_MAX ? PYN_OK : pyn_cursor_fault(cursor, "a name of more than 255 bytes");
}

static pyn_status read_variadic(struct pyn_cursor *cursor, struct reading *sig, enum pyn_param_kind kind)
{
    struct pyn_param param = {.kind = kind, .is_optional = true};
    if (kind == PYN_P_REST && sig->has_star) {
        return pyn_cursor_fault(cursor, "'*' stands once");
    }
    if (kind == PYN_P_OPTIONS && sig->star_waits) {
        return pyn_cursor_fault(cursor, "a keyword-only parameter is wanted behind '*'");
    }
    pyn_status st = read_name(cursor, &param.name);
    if (st == PYN_OK) {
        st = pyn_cursor_type(cursor, 1, &param.type);
    }
    sig->has_star = true;
    sig->has_rest = sig->has_rest || kind == PYN_P_REST;
    sig->has_options = sig->has_options || kind == PYN_P_OPTIONS;
    return st == PYN_OK ? add_param(cursor, sig, &param) : st;
}

static pyn_status check_order(struct pyn_cursor *cursor, const struct reading *sig, const struct pyn_param *param)
{
    const struct pyn_param *last = sig->count == 0 ? NULL : &sig->params[sig->count - 1];
    if (param->kind == PYN_P_POSITIONAL) {
        if (sig->has_slash || sig->has_star || sig->unnamed != sig->count) {
            return pyn_cursor_fault(cursor, "a parameter without a name stands ahead of '/' only");
        }
    } else if (sig->unnamed != 0 && !sig->has_slash) {
        return pyn_cursor_fault(cursor, "'/' is wanted behind parameters without a name");
    }
    if (param->kind == PYN_P_KEYWORD) {
        if (last != NULL && last->kind == PYN_P_KEYWORD && pyn_view_compare(last->name, param->name) >= 0) {
            return pyn_cursor_fault(cursor, "keyword-only parameters are sorted by name");
        }
    } else if (last != NULL && last->is_optional && !param->is_optional) {
        return pyn_cursor_fault(cursor, "a required parameter follows an optional one");
    }
    return PYN_OK;
}

static pyn_status read_plain(struct pyn_cursor *cursor, struct reading *sig)
{
    struct pyn_param param = {.kind = sig->has_star ? PYN_P_KEYWORD : PYN_P_EITHER};
    if (!accept_name(cursor, &param.name)) {
        param.name = (struct pyn_view){0};
        param.kind = PYN_P_POSITIONAL;
    }
    if (param.name.len > PYN_NAME_MAX) {
        return pyn_cursor_fault(cursor, "a name of more than 255 bytes");
    }
    pyn_status st = pyn_cursor_type(cursor, 1, &param.type);
    if (st != PYN_OK) {
        return st;
    }
    param.is_optional = pyn_cursor_accept(cursor, "=?");
    st = check_order(cursor, sig, &param);
    if (st != PYN_OK) {
        return st;
    }
    sig->unnamed += param.kind == PYN_P_POSITIONAL;
    sig->star_waits = false;
    return add_param(cursor, sig, &param);
}

static pyn_status read_param(struct pyn_cursor *cursor, struct reading *sig)
{
    if (sig->has_options) {
        return pyn_cursor_fault(cursor, "nothing stands behind '**'");
    }
    if (pyn_cursor_accept(cursor, "/")) {
        return read_slash(cursor, sig);
    }
    if (sig->unnamed != 0 && !sig->has_slash && pyn_cursor_peek(cursor) == '*') {
        return pyn_cursor_fault(cursor, "'/' is wanted behind parameters without a name");
    }
    if (pyn_cursor_accept(cursor, "**")) {
        return read_variadic(cursor, sig, PYN_P_OPTIONS);
    }
    if (!pyn_cursor_accept(cursor, "*")) {
        return read_plain(cursor, sig);
    }
    if (pyn_name_span(cursor->text, cursor->at) != 0) {
        return read_variadic(cursor, sig, PYN_P_REST);
    }
    if (sig->has_star) {
        return pyn_cursor_fault(cursor, "'*' stands once");
    }
    sig->has_star = true;
    sig->star_waits = true;
    return PYN_OK;
}

static pyn_status read_params(struct pyn_cursor *cursor, struct reading *sig)
{
    if (pyn_cursor_accept(cursor, ")")) {
        return PYN_OK;
    }
    do {
        pyn_status st = read_param(cursor, sig);
        if (st != PYN_OK) {
            return st;
        }
    } while (pyn_cursor_accept(cursor, ", "));
    if (!pyn_cursor_accept(cursor, ")")) {
        return pyn_cursor_fault(cursor, "', ' or ')' is wanted");
    }
    if (sig->star_waits) {
        return pyn_cursor_fault(cursor, "a keyword-only parameter is wanted behind '*'");
    }
    if (sig->unnamed != 0 && !sig->has_slash) {
        return pyn_cursor_fault(cursor, "'/' is wanted behind parameters without a name");
    }
    return PYN_OK;
}

static pyn_status build(struct pyn_grammar *grammar, const struct reading *sig, struct pyn_signature *out)
{
    struct pyn_param *params = pyn_arena_new(grammar->arena, sig->count, sizeof *params);
    if (params == NULL) {
        return PYN_ENOMEM;
    }
    out->params = params;
    out->param_count = sig->count;
    for (uint32_t i = 0; i < sig->count; i++) {
        params[i] = sig->params[i];
        switch (params[i].kind) {
        case PYN_P_POSITIONAL:
        case PYN_P_EITHER:
            out->place_count++;
            break;
        case PYN_P_REST:
            out->rest = &params[i];
            break;
        case PYN_P_OPTIONS:
            out->options = &params[i];
            break;
        case PYN_P_KEYWORD:
            break;
        }
    }
    return PYN_OK;
}

pyn_status pyn_grammar_signature(struct pyn_grammar *grammar, struct pyn_view text, struct pyn_signature *out)
{
    struct pyn_cursor cursor = pyn_cursor_of(grammar, text);
    struct reading sig = {0};

    *out = (struct pyn_signature){.spelling = text};
    out->is_async = pyn_cursor_accept(&cursor, "async ");
    if (!pyn_cursor_accept(&cursor, "(")) {
        return pyn_cursor_fault(&cursor, "'(' is wanted");
    }
    pyn_status st = read_params(&cursor, &sig);
    if (st == PYN_OK && !pyn_cursor_accept(&cursor, " -> ")) {
        st = pyn_cursor_fault(&cursor, "' -> ' is wanted");
    }
    if (st == PYN_OK) {
        st = pyn_cursor_type(&cursor, 1, &out->result);
    }
    if (st == PYN_OK) {
        st = expect_end(&cursor);
    }
    return st == PYN_OK ? build(grammar, &sig, out) : st;
}
