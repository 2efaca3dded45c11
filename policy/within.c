/* within.c - see within.h. Types nest PYN_NEST_MAX deep: the recursion is as deep as one type is. */
#include "within.h"

static bool spend(struct pyn_within *within)
{
    if (within->steps == 0) {
        return false;
    }
    within->steps--;
    return true;
}

/* ---- types ---- */

/* What the kind data takes: values without references, records, members of enums and arrays. */
static bool is_plain(struct pyn_within *within, const struct pyn_type *type)
{
    bool is = spend(within) && type->kind != PYN_T_IFACE && type->kind != PYN_T_RECORD && type->kind != PYN_T_ENUM &&
              type->kind != PYN_T_NDARRAY;
    for (uint32_t i = 0; is && i < type->count; i++) {
        is = is_plain(within, type->items[i]);
    }
    return is;
}

static bool is_each_within(struct pyn_within *within, const struct pyn_type *inner, const struct pyn_type *outer)
{
    bool is = inner->count == outer->count;
    for (uint32_t i = 0; is && i < inner->count; i++) {
        is = pyn_type_is_within(within, inner->items[i], outer->items[i]);
    }
    return is;
}

static bool is_every_item_within(struct pyn_within *within, const struct pyn_type *inner, const struct pyn_type *outer)
{
    bool is = true;
    for (uint32_t i = 0; is && i < inner->count; i++) {
        is = pyn_type_is_within(within, inner->items[i], outer);
    }
    return is;
}

static bool is_in_some(struct pyn_within *within, const struct pyn_type *inner, const struct pyn_type *outer)
{
    bool is = false;
    for (uint32_t i = 0; !is && i < outer->count; i++) {
        is = pyn_type_is_within(within, inner, outer->items[i]);
    }
    return is;
}

/* A fn has its own spelling, which names all of it: two of one spelling are the same, others are compared piece by piece. */
static bool is_reference_within(struct pyn_within *within, const struct pyn_type *inner, const struct pyn_type *outer)
{
    const struct pyn_iface *mine = inner->iface;
    const struct pyn_iface *theirs = outer->iface;
    bool are_fns = mine != NULL && theirs != NULL && mine->is_fn && theirs->is_fn;
    return are_fns && pyn_signature_is_within(within, mine->ops[0].signatures, theirs->ops[0].signatures);
}

static bool is_scalar_within(const struct pyn_type *inner, const struct pyn_type *outer)
{
    switch (outer->kind) {
    case PYN_T_FLOAT: /* takes an int as well */
        return inner->kind == PYN_T_INT || inner->kind == PYN_T_LITERAL_INT;
    case PYN_T_INT:
        return inner->kind == PYN_T_LITERAL_INT;
    case PYN_T_STR:
        return inner->kind == PYN_T_LITERAL_STR;
    case PYN_T_BOOL:
        return inner->kind == PYN_T_LITERAL_BOOL;
    case PYN_T_NDARRAY:
        return inner->kind == PYN_T_NDARRAY && outer->number == PYN_DTYPE_ANY;
    default:
        return false;
    }
}

static bool is_container_within(struct pyn_within *within, const struct pyn_type *inner, const struct pyn_type *outer)
{
    switch (outer->kind) {
    case PYN_T_TUPLE:
    case PYN_T_FROZENSET:
    case PYN_T_COPY_LIST:
    case PYN_T_COPY_SET:
    case PYN_T_COPY_DICT:
        return inner->kind == outer->kind && is_each_within(within, inner, outer);
    case PYN_T_TUPLE_OF:
        return (inner->kind == PYN_T_TUPLE || inner->kind == PYN_T_TUPLE_OF) &&
               is_every_item_within(within, inner, outer->items[0]);
    case PYN_T_IFACE:
        return inner->kind == PYN_T_IFACE && is_reference_within(within, inner, outer);
    default:
        return is_scalar_within(inner, outer);
    }
}

bool pyn_type_is_within(struct pyn_within *within, const struct pyn_type *inner, const struct pyn_type *outer)
{
    if (!spend(within)) {
        return false;
    }
    if (pyn_view_is_equal(inner->spelling, outer->spelling)) {
        return true;
    }
    if (inner->kind == PYN_T_UNION) {
        return is_every_item_within(within, inner, outer);
    }
    if (outer->kind == PYN_T_UNION) {
        return is_in_some(within, inner, outer);
    }
    return outer->kind == PYN_T_DATA ? is_plain(within, inner) : is_container_within(within, inner, outer);
}

/* ---- signatures ---- */

static bool takes_place(const struct pyn_param *param)
{
    return param->kind == PYN_P_POSITIONAL || param->kind == PYN_P_EITHER;
}

static bool takes_name(const struct pyn_param *param)
{
    return param->kind == PYN_P_EITHER || param->kind == PYN_P_KEYWORD;
}

static const struct pyn_param *by_name(const struct pyn_signature *signature, struct pyn_view name)
{
    for (uint32_t i = 0; i < signature->param_count; i++) {
        if (takes_name(&signature->params[i]) && pyn_view_is_equal(signature->params[i].name, name)) {
            return &signature->params[i];
        }
    }
    return NULL;
}

/* What may stand at a place, or nothing. */
static const struct pyn_param *at_place(const struct pyn_signature *signature, uint32_t place)
{
    return place < signature->place_count ? &signature->params[place] : signature->rest;
}

static bool fits(struct pyn_within *within, const struct pyn_param *inner, const struct pyn_param *outer)
{
    return outer != NULL && pyn_type_is_within(within, inner->type, outer->type);
}

/* A place that can be named as well must be that name's place on both sides: else one of them takes it twice where the other does not. */
static bool is_place_within(struct pyn_within *within, const struct pyn_param *inner, uint32_t place,
                            const struct pyn_signature *outer)
{
    const struct pyn_param *there = at_place(outer, place);
    if (!fits(within, inner, there)) {
        return false;
    }
    bool is_same = there->kind == PYN_P_EITHER && pyn_view_is_equal(inner->name, there->name);
    return inner->kind == PYN_P_POSITIONAL || is_same;
}

/* May a call that inner admits have taken this parameter of outer by its place already? */
static bool may_be_placed(const struct pyn_signature *inner, const struct pyn_signature *outer,
                          const struct pyn_param *param)
{
    size_t place = (size_t)(param - outer->params);
    return param->kind == PYN_P_EITHER && (place < inner->place_count || inner->rest != NULL);
}

static bool is_keyword_within(struct pyn_within *within, const struct pyn_param *param,
                              const struct pyn_signature *inner, const struct pyn_signature *outer)
{
    const struct pyn_param *there = by_name(outer, param->name);
    if (there != NULL) {
        return !may_be_placed(inner, outer, there) && fits(within, param, there);
    }
    return fits(within, param, outer->options);
}

/* *rest reaches every place of outer that inner has not; **options every name. */
static bool is_rest_within(struct pyn_within *within, const struct pyn_signature *inner, const struct pyn_signature *outer)
{
    bool is = inner->rest == NULL || fits(within, inner->rest, outer->rest);
    for (uint32_t i = inner->place_count; is && inner->rest != NULL && i < outer->place_count; i++) {
        is = fits(within, inner->rest, &outer->params[i]);
    }
    return is;
}

static bool are_options_within(struct pyn_within *within, const struct pyn_signature *inner,
                               const struct pyn_signature *outer)
{
    bool is = inner->options == NULL || fits(within, inner->options, outer->options);
    for (uint32_t i = 0; is && inner->options != NULL && i < outer->param_count; i++) {
        const struct pyn_param *param = &outer->params[i];
        if (takes_name(param) && by_name(inner, param->name) == NULL) {
            is = !may_be_placed(inner, outer, param) && fits(within, inner->options, param);
        }
    }
    return is;
}

/* What outer insists on is given by every call that inner admits. */
static bool gives_all(const struct pyn_signature *inner, const struct pyn_signature *outer)
{
    bool is = true;
    for (uint32_t i = 0; is && i < outer->param_count; i++) {
        const struct pyn_param *wanted = &outer->params[i];
        bool has_place = takes_place(wanted) && i < inner->place_count;
        const struct pyn_param *given = has_place ? &inner->params[i] : by_name(inner, wanted->name);
        is = wanted->is_optional || (given != NULL && !given->is_optional);
    }
    return is;
}

bool pyn_signature_is_within(struct pyn_within *within, const struct pyn_signature *inner,
                             const struct pyn_signature *outer)
{
    bool is = spend(within) && inner->is_async == outer->is_async &&
              pyn_type_is_within(within, inner->result, outer->result) && gives_all(inner, outer);
    for (uint32_t i = 0; is && i < inner->param_count; i++) {
        const struct pyn_param *param = &inner->params[i];
        if (takes_place(param)) {
            is = is_place_within(within, param, i, outer);
        } else if (param->kind == PYN_P_KEYWORD) {
            is = is_keyword_within(within, param, inner, outer);
        }
    }
    return is && is_rest_within(within, inner, outer) && are_options_within(within, inner, outer);
}

bool pyn_op_is_within(struct pyn_within *within, const struct pyn_op *inner, const struct pyn_op *outer)
{
    bool is = true;
    if (inner->kind != PYN_OP_METHOD) {
        return pyn_type_is_within(within, inner->type, outer->type);
    }
    for (uint32_t i = 0; is && i < inner->signature_count; i++) {
        bool is_in_one = false;
        for (uint32_t j = 0; !is_in_one && j < outer->signature_count; j++) {
            is_in_one = pyn_signature_is_within(within, &inner->signatures[i], &outer->signatures[j]);
        }
        is = is_in_one;
    }
    return is;
}
