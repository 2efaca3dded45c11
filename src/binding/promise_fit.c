/* promise_fit.c - a promise as an argument: where it may stand; see pipeline.h. */
#include "pipeline.h"

#include "../wire/pack.h"

enum { FIT_DEPTH = 16 };

static bool may_fit(const struct pyn_type *have, const struct pyn_type *want, int depth);

static bool may_fit_any(const struct pyn_type *have, const struct pyn_type *want, int depth)
{
    const struct pyn_type *both = have->kind == PYN_T_UNION ? have : want;
    bool may = false;

    for (uint32_t i = 0; !may && i < both->count; i++) {
        may = have->kind == PYN_T_UNION ? may_fit(have->items[i], want, depth) : may_fit(have, want->items[i], depth);
    }
    return may;
}

static bool may_fit_tuple(const struct pyn_type *have, const struct pyn_type *want, int depth)
{
    uint32_t count = have->kind == PYN_T_TUPLE ? have->count : want->kind == PYN_T_TUPLE ? want->count : 1;
    bool may = have->kind != PYN_T_TUPLE || want->kind != PYN_T_TUPLE || have->count == want->count;

    for (uint32_t i = 0; may && i < count; i++) {
        may = may_fit(have->items[have->kind == PYN_T_TUPLE ? i : 0], want->items[want->kind == PYN_T_TUPLE ? i : 0],
                      depth);
    }
    return may || (have->kind == PYN_T_TUPLE_OF && want->kind == PYN_T_TUPLE_OF); /* both may be empty */
}

static bool may_fit_items(const struct pyn_type *have, const struct pyn_type *want)
{
    return have->kind == want->kind && have->count == want->count; /* a container may be empty: no item has to fit */
}

/* The kind without the one value of a literal. */
static enum pyn_type_kind plain_kind(const struct pyn_type *type)
{
    switch (type->kind) {
    case PYN_T_LITERAL_STR:
        return PYN_T_STR;
    case PYN_T_LITERAL_INT:
        return PYN_T_INT;
    case PYN_T_LITERAL_BOOL:
        return PYN_T_BOOL;
    default:
        return type->kind;
    }
}

static bool may_fit_plain(const struct pyn_type *have, const struct pyn_type *want)
{
    enum pyn_type_kind kind = plain_kind(have);

    if (have->kind == want->kind && kind != have->kind) { /* two literals */
        return have->number == want->number && pyn_view_is_equal(have->text, want->text);
    }
    return kind == plain_kind(want) || (want->kind == PYN_T_FLOAT && kind == PYN_T_INT);
}

/* Is there a value of the one type that fits the other? Whether it is the one that comes is decided at the other side, when it is there. */
static bool may_fit(const struct pyn_type *have, const struct pyn_type *want, int depth)
{
    if (depth == 0) {
        return true;
    }
    if (have->kind == PYN_T_UNION || want->kind == PYN_T_UNION) {
        return may_fit_any(have, want, depth - 1);
    }
    switch (want->kind) {
    case PYN_T_DATA:
        return pyn_type_is_data(have);
    case PYN_T_TUPLE:
    case PYN_T_TUPLE_OF:
        return (have->kind == PYN_T_TUPLE || have->kind == PYN_T_TUPLE_OF) && may_fit_tuple(have, want, depth - 1);
    case PYN_T_FROZENSET:
    case PYN_T_COPY_LIST:
    case PYN_T_COPY_SET:
    case PYN_T_COPY_DICT:
        return may_fit_items(have, want);
    case PYN_T_ENUM:
        return have->kind == PYN_T_ENUM && pyn_view_is_equal(have->enumeration->name, want->enumeration->name);
    case PYN_T_RECORD:
        return have->kind == PYN_T_RECORD && pyn_view_is_equal(have->record->name, want->record->name);
    default:
        return may_fit_plain(have, want);
    }
}

int pyn_encode_promise(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    const struct pyn_promise *promise = (struct pyn_promise *)value;
    struct pyn_patch *patch = NULL;

    if (!Py_IS_TYPE(value, pyn_core.promise) || encoder->draft == NULL) {
        return PYN_MISFIT;
    }
    if (promise->pipeline != encoder->draft->pipeline) {
        PyErr_SetString(PyExc_TypeError, "a promise of another pipeline");
        return -1;
    }
    if (promise->state == PYN_PROMISE_HELD) {
        return type != NULL ? pyn_encode(encoder, promise->value, type) : PYN_MISFIT;
    }
    if (type != NULL ? !may_fit(promise->type, type, FIT_DEPTH) : !pyn_type_is_data(promise->type)) {
        return PYN_MISFIT;
    }
    patch = pyn_list_add(&encoder->draft->patches, sizeof *patch);
    if (patch == NULL) {
        return -1;
    }
    *patch = (struct pyn_patch){.at = pyn_buf_len(&encoder->buf), .step = promise->step, .depth = encoder->depth - 1};
    return pyn_packed(encoder, pyn_pack_promise(&encoder->buf, promise->step));
}
