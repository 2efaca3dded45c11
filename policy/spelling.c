/* spelling.c - see spelling.h. */
#include "spelling.h"

#include "literal.h"

#include <inttypes.h>
#include <stdio.h>

static pyn_status put(struct pyn_buf *buf, const char *text)
{
    return pyn_buf_append(buf, text, strlen(text));
}

static pyn_status put_view(struct pyn_buf *buf, struct pyn_view text)
{
    return pyn_buf_append(buf, text.data, text.len);
}

static const char *scalar_word(enum pyn_type_kind kind)
{
    switch (kind) {
    case PYN_T_NONE:
        return "none";
    case PYN_T_BOOL:
        return "bool";
    case PYN_T_INT:
        return "int";
    case PYN_T_FLOAT:
        return "float";
    case PYN_T_COMPLEX:
        return "complex";
    case PYN_T_STR:
        return "str";
    case PYN_T_BYTES:
        return "bytes";
    case PYN_T_RANGE:
        return "range";
    case PYN_T_SLICE:
        return "slice";
    case PYN_T_DATETIME:
        return "datetime";
    case PYN_T_DATE:
        return "date";
    case PYN_T_TIME:
        return "time";
    case PYN_T_TIMEDELTA:
        return "timedelta";
    case PYN_T_DECIMAL:
        return "decimal";
    case PYN_T_UUID:
        return "uuid";
    case PYN_T_BYTEARRAY:
        return "bytearray";
    case PYN_T_MEMORYVIEW:
        return "memoryview";
    case PYN_T_BUFFER:
        return "buffer";
    case PYN_T_DATA:
        return "data";
    default:
        return NULL;
    }
}

static pyn_status put_items(struct pyn_buf *buf, const char *open, const struct pyn_type *type, const char *between,
                            const char *close)
{
    pyn_status st = put(buf, open);
    for (uint32_t i = 0; st == PYN_OK && i < type->count; i++) {
        if (i != 0) {
            st = put(buf, between);
        }
        if (st == PYN_OK) {
            st = pyn_spell_type(buf, type->items[i]);
        }
    }
    return st == PYN_OK ? put(buf, close) : st;
}

static pyn_status put_named(struct pyn_buf *buf, const char *word, struct pyn_view name)
{
    pyn_status st = put(buf, word);
    return st == PYN_OK ? put_view(buf, name) : st;
}

static pyn_status put_integer(struct pyn_buf *buf, int64_t number)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRId64, number);
    return put(buf, text);
}

static pyn_status put_fn_args(struct pyn_buf *buf, const struct pyn_signature *call)
{
    pyn_status st = put(buf, call->is_async ? "async fn(" : "fn(");
    for (uint32_t i = 0; st == PYN_OK && i < call->param_count; i++) {
        if (i != 0) {
            st = put(buf, ", ");
        }
        if (st == PYN_OK) {
            st = pyn_spell_type(buf, call->params[i].type);
        }
        if (st == PYN_OK && call->params[i].is_optional) {
            st = put(buf, "=?");
        }
    }
    return st;
}

static pyn_status put_fn(struct pyn_buf *buf, const struct pyn_signature *call)
{
    bool has_braces = call->result->kind == PYN_T_UNION;
    pyn_status st = put_fn_args(buf, call);
    if (st == PYN_OK) {
        st = put(buf, has_braces ? ")->{" : ")->");
    }
    if (st == PYN_OK) {
        st = pyn_spell_type(buf, call->result);
    }
    return st == PYN_OK && has_braces ? put(buf, "}") : st;
}

static pyn_status put_iface(struct pyn_buf *buf, const struct pyn_type *type)
{
    if (type->iface != NULL && type->iface->is_fn) {
        return put_fn(buf, &type->iface->ops[0].signatures[0]);
    }
    return put_view(buf, type->spelling);
}

pyn_status pyn_spell_type(struct pyn_buf *buf, const struct pyn_type *type)
{
    switch (type->kind) {
    case PYN_T_LITERAL_STR:
        return pyn_literal_print(buf, type->text);
    case PYN_T_LITERAL_INT:
        return put_integer(buf, type->number);
    case PYN_T_LITERAL_BOOL:
        return put(buf, type->number != 0 ? "true" : "false");
    case PYN_T_TUPLE:
        return put_items(buf, "(", type, ", ", type->count == 1 ? ",)" : ")");
    case PYN_T_TUPLE_OF:
        return put_items(buf, "(", type, "", "*)");
    case PYN_T_FROZENSET:
        return put_items(buf, "frozenset[", type, "", "]");
    case PYN_T_COPY_LIST:
        return put_items(buf, "copy list[", type, "", "]");
    case PYN_T_COPY_SET:
        return put_items(buf, "copy set[", type, "", "]");
    case PYN_T_COPY_DICT:
        return put_items(buf, "copy dict[", type, ", ", "]");
    case PYN_T_ENUM:
        return put_named(buf, "enum ", type->enumeration->name);
    case PYN_T_RECORD:
        return put_named(buf, "rec ", type->record->name);
    case PYN_T_IFACE:
        return put_iface(buf, type);
    case PYN_T_UNION:
        return put_items(buf, "", type, "|", "");
    case PYN_T_NDARRAY:
        return put_view(buf, type->spelling);
    case PYN_T_NEVER:
        return PYN_EINTERNAL;
    default:
        return put(buf, scalar_word(type->kind));
    }
}

/* What stands ahead of parameter i, besides a comma: '/' behind the last without a name, '*' ahead of the first that is keyword-only. */
static const char *mark_before(const struct pyn_signature *signature, uint32_t i)
{
    const struct pyn_param *last = i == 0 ? NULL : &signature->params[i - 1];
    const struct pyn_param *param = i == signature->param_count ? NULL : &signature->params[i];
    bool ends_positional = last != NULL && last->kind == PYN_P_POSITIONAL &&
                           (param == NULL || param->kind != PYN_P_POSITIONAL);
    bool begins_keyword = param != NULL && param->kind == PYN_P_KEYWORD && (last == NULL || last->kind < PYN_P_REST);
    if (ends_positional) {
        return begins_keyword ? "/, *" : "/";
    }
    return begins_keyword ? "*" : NULL;
}

static pyn_status put_param(struct pyn_buf *buf, const struct pyn_param *param)
{
    pyn_status st = PYN_OK;
    if (param->kind == PYN_P_REST || param->kind == PYN_P_OPTIONS) {
        st = put(buf, param->kind == PYN_P_REST ? "*" : "**");
    }
    if (st == PYN_OK && param->kind != PYN_P_POSITIONAL) {
        st = put_view(buf, param->name);
        if (st == PYN_OK) {
            st = put(buf, ": ");
        }
    }
    if (st == PYN_OK) {
        st = pyn_spell_type(buf, param->type);
    }
    bool is_marked = param->is_optional && param->kind != PYN_P_REST && param->kind != PYN_P_OPTIONS;
    return st == PYN_OK && is_marked ? put(buf, "=?") : st;
}

pyn_status pyn_spell_signature(struct pyn_buf *buf, const struct pyn_signature *signature)
{
    pyn_status st = put(buf, signature->is_async ? "async (" : "(");
    bool is_first = true;
    for (uint32_t i = 0; st == PYN_OK && i <= signature->param_count; i++) {
        const char *mark = mark_before(signature, i);
        if (mark != NULL) {
            st = is_first ? PYN_OK : put(buf, ", ");
            st = st == PYN_OK ? put(buf, mark) : st;
            is_first = false;
        }
        if (st == PYN_OK && i < signature->param_count) {
            st = is_first ? PYN_OK : put(buf, ", ");
            st = st == PYN_OK ? put_param(buf, &signature->params[i]) : st;
            is_first = false;
        }
    }
    if (st == PYN_OK) {
        st = put(buf, ") -> ");
    }
    return st == PYN_OK ? pyn_spell_type(buf, signature->result) : st;
}
