/* judge.c - would a call of some shape be admitted? See shape.h; admit.c decides of calls themselves. */
#include "names.h"
#include "shape.h"

static enum pyn_judgement worse(enum pyn_judgement a, enum pyn_judgement b)
{
    return a < b ? a : b;
}

static enum pyn_judgement maybe_if(bool may)
{
    return may ? PYN_JUDGE_MAYBE : PYN_JUDGE_NO;
}

static enum pyn_judgement yes_if(bool is)
{
    return is ? PYN_JUDGE_YES : PYN_JUDGE_NO;
}

/* ---- one argument ---- */

static enum pyn_judgement judge_data(enum pyn_sort sort)
{
    if (sort == PYN_SORT_OTHER || sort >= PYN_SORT_ENUM) {
        return PYN_JUDGE_NO;
    }
    return sort >= PYN_SORT_TUPLE ? PYN_JUDGE_MAYBE : PYN_JUDGE_YES; /* what is inside of it is not known */
}

/* The kind whose values are exactly those of a sort; NEVER: there is none, or it depends on the value. */
static enum pyn_type_kind scalar_of(enum pyn_sort sort)
{
    static const enum pyn_type_kind kinds[PYN_SORT_COUNT] = {
        [PYN_SORT_NONE] = PYN_T_NONE,           [PYN_SORT_BOOL] = PYN_T_BOOL,       [PYN_SORT_INT] = PYN_T_INT,
        [PYN_SORT_FLOAT] = PYN_T_FLOAT,         [PYN_SORT_COMPLEX] = PYN_T_COMPLEX, [PYN_SORT_STR] = PYN_T_STR,
        [PYN_SORT_BYTES] = PYN_T_BYTES,         [PYN_SORT_RANGE] = PYN_T_RANGE,     [PYN_SORT_SLICE] = PYN_T_SLICE,
        [PYN_SORT_DATETIME] = PYN_T_DATETIME,   [PYN_SORT_DATE] = PYN_T_DATE,       [PYN_SORT_TIME] = PYN_T_TIME,
        [PYN_SORT_TIMEDELTA] = PYN_T_TIMEDELTA, [PYN_SORT_DECIMAL] = PYN_T_DECIMAL, [PYN_SORT_UUID] = PYN_T_UUID,
    };
    return kinds[sort];
}

static enum pyn_judgement judge_one(const struct pyn_type *type, enum pyn_sort sort)
{
    switch (type->kind) {
    case PYN_T_NEVER:
        return PYN_JUDGE_NO;
    case PYN_T_FLOAT:
        return yes_if(sort == PYN_SORT_FLOAT || sort == PYN_SORT_INT);
    case PYN_T_DATA:
        return judge_data(sort);
    case PYN_T_LITERAL_STR:
        return maybe_if(sort == PYN_SORT_STR);
    case PYN_T_LITERAL_INT:
        return maybe_if(sort == PYN_SORT_INT);
    case PYN_T_LITERAL_BOOL:
        return maybe_if(sort == PYN_SORT_BOOL);
    case PYN_T_TUPLE:
    case PYN_T_TUPLE_OF:
        return maybe_if(sort == PYN_SORT_TUPLE);
    case PYN_T_FROZENSET:
        return maybe_if(sort == PYN_SORT_FROZENSET);
    case PYN_T_COPY_LIST:
        return maybe_if(sort == PYN_SORT_LIST);
    case PYN_T_COPY_SET:
        return maybe_if(sort == PYN_SORT_SET);
    case PYN_T_COPY_DICT:
        return maybe_if(sort == PYN_SORT_DICT);
    case PYN_T_ENUM:
        return maybe_if(sort == PYN_SORT_ENUM);
    case PYN_T_RECORD:
        return maybe_if(sort == PYN_SORT_RECORD);
    case PYN_T_IFACE:
        return maybe_if(sort == PYN_SORT_REFERENCE || (sort == PYN_SORT_OWN && type->import != NULL));
    default:
        return yes_if(scalar_of(sort) == type->kind);
    }
}

static enum pyn_judgement judge_type(const struct pyn_type *type, enum pyn_sort sort)
{
    enum pyn_judgement best = PYN_JUDGE_NO;
    if (type->kind != PYN_T_UNION) {
        return judge_one(type, sort);
    }
    for (uint32_t i = 0; best != PYN_JUDGE_YES && i < type->count; i++) {
        enum pyn_judgement found = judge_one(type->items[i], sort);
        best = found > best ? found : best;
    }
    return best;
}

/* ---- one signature ---- */

static const struct pyn_param *find_param(const struct pyn_signature *signature, struct pyn_view name)
{
    for (uint32_t i = 0; i < signature->param_count; i++) {
        const struct pyn_param *param = &signature->params[i];
        bool takes_name = param->kind == PYN_P_EITHER || param->kind == PYN_P_KEYWORD;
        if (takes_name && pyn_view_is_equal(param->name, name)) {
            return param;
        }
    }
    return signature->options;
}

/* A keyword whose name was not kept: it may be any. */
static bool is_unknown(const struct pyn_shape_arg *arg)
{
    return arg->name.len != 0 && !pyn_name_is_identifier(arg->name);
}

/* bound: of params, one bit each. */
static enum pyn_judgement judge_arg(const struct pyn_signature *signature, const struct pyn_shape *shape, uint32_t i,
                                    uint64_t *bound)
{
    const struct pyn_shape_arg *arg = &shape->args[i];
    const struct pyn_param *param = i < signature->place_count ? &signature->params[i] : signature->rest;
    if (i >= shape->place_count) {
        param = find_param(signature, arg->name);
    }
    if (is_unknown(arg)) {
        return PYN_JUDGE_MAYBE;
    }
    if (param == NULL) {
        return PYN_JUDGE_NO;
    }
    if (param != signature->rest && param != signature->options) {
        uint64_t bit = (uint64_t)1 << (param - signature->params);
        if ((*bound & bit) != 0) {
            return PYN_JUDGE_NO;
        }
        *bound |= bit;
    }
    return judge_type(param->type, arg->sort);
}

static bool is_missing(const struct pyn_signature *signature, uint64_t bound)
{
    bool is = false;
    for (uint32_t i = 0; !is && i < signature->param_count; i++) {
        is = !signature->params[i].is_optional && (bound >> i & 1) == 0;
    }
    return is;
}

static enum pyn_judgement judge_signature(const struct pyn_signature *signature, const struct pyn_shape *shape)
{
    uint64_t bound = 0;
    bool is_whole = shape->is_whole;
    enum pyn_judgement verdict = PYN_JUDGE_YES;
    for (uint32_t i = 0; verdict != PYN_JUDGE_NO && i < shape->count; i++) {
        verdict = worse(verdict, judge_arg(signature, shape, i, &bound));
        is_whole = is_whole && !is_unknown(&shape->args[i]);
    }
    if (!is_whole) {
        return worse(verdict, PYN_JUDGE_MAYBE);
    }
    return is_missing(signature, bound) ? PYN_JUDGE_NO : verdict;
}

static enum pyn_judgement judge_method(const struct pyn_op *op, const struct pyn_shape *shape, struct pyn_view signature)
{
    enum pyn_judgement best = PYN_JUDGE_NO;
    for (uint32_t i = 0; best != PYN_JUDGE_YES && i < op->signature_count; i++) {
        bool is_it = signature.len != 0 && pyn_view_is_equal(op->signatures[i].spelling, signature);
        enum pyn_judgement found = is_it ? PYN_JUDGE_YES : judge_signature(&op->signatures[i], shape);
        best = found > best ? found : best;
    }
    return best;
}

enum pyn_judgement pyn_judge(const struct pyn_iface *iface, enum pyn_op_kind kind, struct pyn_view name,
                             const struct pyn_shape *shape, struct pyn_view signature)
{
    const struct pyn_op *op = pyn_iface_op(iface, kind, name);
    if (op == NULL) {
        return PYN_JUDGE_NO;
    }
    if (kind == PYN_OP_GET) {
        return PYN_JUDGE_YES;
    }
    if (kind == PYN_OP_METHOD) {
        return judge_method(op, shape, signature);
    }
    if (signature.len != 0 && pyn_view_is_equal(op->type->spelling, signature)) {
        return PYN_JUDGE_YES;
    }
    return shape->count == 1 && shape->place_count == 1 ? judge_type(op->type, shape->args[0].sort) : PYN_JUDGE_MAYBE;
}
