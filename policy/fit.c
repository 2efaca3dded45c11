/* fit.c - see fit.h. */
#include "fit.h"

#include "table.h"

static pyn_status misfit_unless(bool fits)
{
    return fits ? PYN_OK : PYN_EMISFIT;
}

static bool is_int(const struct pyn_item *item)
{
    return item->wire == PYN_W_UINT || item->wire == PYN_W_NINT || (item->wire == PYN_W_EXT && item->ext == PYN_EXT_INT);
}

static bool is_ext(const struct pyn_item *item, enum pyn_ext code)
{
    return item->wire == PYN_W_EXT && item->ext == (int8_t)code;
}

static bool is_number(const struct pyn_item *item, int64_t number)
{
    if (item->wire == PYN_W_UINT) {
        return number >= 0 && item->uint == (uint64_t)number;
    }
    return item->wire == PYN_W_NINT && item->nint == number;
}

static pyn_status fit_item(struct pyn_fit *fit, const struct pyn_type *type, const struct pyn_item *item,
                           struct pyn_reader *value, uint32_t depth);

static pyn_status fit_next(struct pyn_fit *fit, const struct pyn_type *type, struct pyn_reader *value, uint32_t depth)
{
    struct pyn_item item;
    if (fit->steps == 0 || depth > PYN_DEPTH_CAP || pyn_reader_next(value, &item) != PYN_OK) {
        return PYN_EMISFIT;
    }
    fit->steps--;
    return fit_item(fit, type, &item, value, depth);
}

static pyn_status fit_each(struct pyn_fit *fit, const struct pyn_type *type, uint32_t count, struct pyn_reader *value,
                           uint32_t depth)
{
    for (uint32_t i = 0; i < count; i++) {
        pyn_status st = fit_next(fit, type, value, depth);
        if (st != PYN_OK) {
            return st;
        }
    }
    return PYN_OK;
}

/* ---- what begins with a tag ---- */

static bool take_tag(struct pyn_reader *value, enum pyn_tag wanted)
{
    struct pyn_item item;
    enum pyn_tag tag = PYN_TAG_LIST;
    return pyn_reader_next(value, &item) == PYN_OK && pyn_item_tag(&item, &tag) && tag == wanted;
}

static bool is_tagged(const struct pyn_item *item, struct pyn_reader *value, enum pyn_tag wanted)
{
    return item->wire == PYN_W_ARRAY && item->count != 0 && take_tag(value, wanted);
}

static bool take_integer_or_nil(struct pyn_reader *value)
{
    int64_t ignored = 0;
    struct pyn_reader copy = *value;
    struct pyn_item item;
    if (pyn_reader_next(&copy, &item) == PYN_OK && item.wire == PYN_W_NIL) {
        *value = copy;
        return true;
    }
    return pyn_reader_int(value, &ignored) == PYN_OK;
}

bool pyn_fit_is_unhashable(const struct pyn_item *item)
{
    return is_ext(item, PYN_EXT_DECIMAL) &&
           memchr(item->bytes.data, 's', item->bytes.len) != NULL; /* sNaN, however signed and numbered */
}

bool pyn_fit_range(struct pyn_reader *value)
{
    int64_t ignored = 0;
    int64_t step = 0;
    return pyn_reader_int(value, &ignored) == PYN_OK && pyn_reader_int(value, &ignored) == PYN_OK &&
           pyn_reader_int(value, &step) == PYN_OK && step != 0;
}

bool pyn_fit_slice(struct pyn_reader *value)
{
    return take_integer_or_nil(value) && take_integer_or_nil(value) && take_integer_or_nil(value);
}

static pyn_status fit_copy(struct pyn_fit *fit, const struct pyn_type *type, const struct pyn_item *item,
                           struct pyn_reader *value, uint32_t depth)
{
    enum pyn_tag tag = type->kind == PYN_T_COPY_LIST  ? PYN_TAG_LIST
                       : type->kind == PYN_T_COPY_SET ? PYN_TAG_SET
                                                      : PYN_TAG_FROZENSET;
    if (!is_tagged(item, value, tag)) {
        return PYN_EMISFIT;
    }
    uint32_t count = item->count - 1;
    if (tag != PYN_TAG_LIST && count > fit->refs->key_max) {
        return PYN_EMISFIT;
    }
    fit->hashed += tag != PYN_TAG_LIST;
    pyn_status st = fit_each(fit, type->items[0], count, value, depth + 1);
    fit->hashed -= tag != PYN_TAG_LIST;
    return st;
}

static pyn_status fit_dict(struct pyn_fit *fit, const struct pyn_type *type, const struct pyn_item *item,
                           struct pyn_reader *value, uint32_t depth)
{
    uint32_t pairs = item->count;
    if (item->wire != PYN_W_MAP) {
        if (!is_tagged(item, value, PYN_TAG_DICT) || item->count % 2 == 0) {
            return PYN_EMISFIT;
        }
        pairs = item->count / 2;
    }
    if (pairs > fit->refs->key_max) {
        return PYN_EMISFIT;
    }
    for (uint32_t i = 0; i < pairs; i++) {
        fit->hashed++;
        pyn_status st = fit_next(fit, type->items[0], value, depth + 1);
        fit->hashed--;
        if (st == PYN_OK) {
            st = fit_next(fit, type->items[1], value, depth + 1);
        }
        if (st != PYN_OK) {
            return st;
        }
    }
    return PYN_OK;
}

/* [PYN_TAG_RECORD]: a field that may miss, and does. */
static bool take_missing(struct pyn_reader *value)
{
    struct pyn_reader copy = *value;
    struct pyn_item item;
    if (pyn_reader_next(&copy, &item) != PYN_OK || item.wire != PYN_W_ARRAY || item.count != 1 ||
        !take_tag(&copy, PYN_TAG_RECORD)) {
        return false;
    }
    *value = copy;
    return true;
}

static pyn_status fit_record(struct pyn_fit *fit, const struct pyn_record *record, const struct pyn_item *item,
                             struct pyn_reader *value, uint32_t depth)
{
    struct pyn_view name = {0};
    if (!is_tagged(item, value, PYN_TAG_RECORD) || pyn_reader_str(value, &name) != PYN_OK ||
        !pyn_view_is_equal(name, record->name) || item->count - 2 != record->count) {
        return PYN_EMISFIT;
    }
    for (uint32_t i = 0; i < record->count; i++) {
        if (record->fields[i].may_miss && take_missing(value)) {
            continue;
        }
        pyn_status st = fit_next(fit, record->fields[i].type, value, depth + 1);
        if (st != PYN_OK) {
            return st;
        }
    }
    return PYN_OK;
}

static bool has_member(const struct pyn_enum *enumeration, struct pyn_view name)
{
    uint32_t low = 0;
    uint32_t high = enumeration->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = pyn_view_compare(name, enumeration->members[middle]);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

static pyn_status fit_enum(const struct pyn_enum *enumeration, const struct pyn_item *item, struct pyn_reader *value)
{
    struct pyn_view name = {0};
    struct pyn_view member = {0};
    if (!is_tagged(item, value, PYN_TAG_ENUM) || item->count != 3 || pyn_reader_str(value, &name) != PYN_OK ||
        pyn_reader_str(value, &member) != PYN_OK) {
        return PYN_EMISFIT;
    }
    return misfit_unless(pyn_view_is_equal(name, enumeration->name) && has_member(enumeration, member));
}

/* ---- the rest ---- */

static pyn_status fit_tuple(struct pyn_fit *fit, const struct pyn_type *type, const struct pyn_item *item,
                            struct pyn_reader *value, uint32_t depth)
{
    if (item->wire != PYN_W_ARRAY || item->count != type->count) {
        return PYN_EMISFIT;
    }
    for (uint32_t i = 0; i < type->count; i++) {
        pyn_status st = fit_next(fit, type->items[i], value, depth + 1);
        if (st != PYN_OK) {
            return st;
        }
    }
    return PYN_OK;
}

/* The peer's own object: where the policy says that we call such, and under what the peer described. */
static pyn_status fit_mine(struct pyn_fit *fit, const struct pyn_type *type, uint32_t number)
{
    bool is_described = type->iface != NULL && type->iface->policy->is_fragment;
    if (type->import == NULL && (number == 0 || !is_described)) {
        return PYN_EDENIED; /* a reference that does not fit looks like one that is not there */
    }
    if (number == 0) {
        return PYN_OK;
    }
    const struct pyn_iface *have = fit->refs->described(fit->refs->ctx, number);
    return have != NULL && pyn_view_is_equal(have->name, type->spelling) ? PYN_OK : PYN_EDENIED;
}

static pyn_status fit_reference(struct pyn_fit *fit, const struct pyn_type *type, const struct pyn_item *item)
{
    bool is_mine = false;
    uint64_t id = 0;
    uint32_t number = 0;
    if (pyn_item_ref(item, &is_mine, &id, &number) != PYN_OK) {
        return PYN_EMISFIT;
    }
    if (is_mine) {
        return fit_mine(fit, type, number);
    }
    const struct pyn_iface *have = fit->refs->exported(fit->refs->ctx, id);
    return have != NULL && pyn_type_accepts(type, have) ? PYN_OK : PYN_EDENIED;
}

static pyn_status fit_union(struct pyn_fit *fit, const struct pyn_type *type, const struct pyn_item *item,
                            struct pyn_reader *value, uint32_t depth)
{
    const struct pyn_reader start = *value;
    pyn_status worst = PYN_EMISFIT;
    for (uint32_t i = 0; i < type->count; i++) {
        *value = start;
        pyn_status st = fit_item(fit, type->items[i], item, value, depth);
        if (st == PYN_OK) {
            return PYN_OK;
        }
        if (st == PYN_EDENIED) {
            worst = PYN_EDENIED;
        }
    }
    return worst;
}

static bool is_ext_kind(enum pyn_type_kind kind, const struct pyn_item *item)
{
    switch (kind) {
    case PYN_T_COMPLEX:
        return is_ext(item, PYN_EXT_COMPLEX);
    case PYN_T_DATETIME:
        return is_ext(item, PYN_EXT_DATETIME);
    case PYN_T_DATE:
        return is_ext(item, PYN_EXT_DATE);
    case PYN_T_TIME:
        return is_ext(item, PYN_EXT_TIME);
    case PYN_T_TIMEDELTA:
        return is_ext(item, PYN_EXT_TIMEDELTA);
    case PYN_T_UUID:
        return is_ext(item, PYN_EXT_UUID);
    default:
        return false;
    }
}

/* item has been read; what is inside it is to be read next. */
static pyn_status fit_item(struct pyn_fit *fit, const struct pyn_type *type, const struct pyn_item *item,
                           struct pyn_reader *value, uint32_t depth)
{
    switch (type->kind) {
    case PYN_T_NONE:
        return misfit_unless(item->wire == PYN_W_NIL);
    case PYN_T_BOOL:
        return misfit_unless(item->wire == PYN_W_BOOL);
    case PYN_T_INT:
        return misfit_unless(is_int(item));
    case PYN_T_FLOAT:
        return misfit_unless(item->wire == PYN_W_FLOAT || is_int(item));
    case PYN_T_STR:
        return misfit_unless(item->wire == PYN_W_STR);
    case PYN_T_BYTES:
    case PYN_T_BYTEARRAY:
    case PYN_T_MEMORYVIEW:
    case PYN_T_BUFFER:
        return misfit_unless(item->wire == PYN_W_BIN);
    case PYN_T_NDARRAY:
        return misfit_unless(item->wire == PYN_W_ARRAY && item->count > 0 && take_tag(value, PYN_TAG_NDARRAY) &&
                             pyn_fit_ndarray(value, item->count - 1, (enum pyn_dtype)type->number));
    case PYN_T_RANGE:
        return misfit_unless(item->wire == PYN_W_ARRAY && item->count == 4 && take_tag(value, PYN_TAG_RANGE) &&
                             pyn_fit_range(value));
    case PYN_T_SLICE:
        return misfit_unless(item->wire == PYN_W_ARRAY && item->count == 4 && take_tag(value, PYN_TAG_SLICE) &&
                             pyn_fit_slice(value));
    case PYN_T_DATA:
        return pyn_fit_data(fit, item, value, depth);
    case PYN_T_LITERAL_STR:
        return misfit_unless(item->wire == PYN_W_STR && pyn_view_is_equal(item->bytes, type->text));
    case PYN_T_LITERAL_INT:
        return misfit_unless(is_number(item, type->number));
    case PYN_T_LITERAL_BOOL:
        return misfit_unless(item->wire == PYN_W_BOOL && item->truth == (type->number != 0));
    case PYN_T_TUPLE:
        return fit_tuple(fit, type, item, value, depth);
    case PYN_T_TUPLE_OF:
        return item->wire == PYN_W_ARRAY ? fit_each(fit, type->items[0], item->count, value, depth + 1) : PYN_EMISFIT;
    case PYN_T_FROZENSET:
    case PYN_T_COPY_LIST:
    case PYN_T_COPY_SET:
        return fit_copy(fit, type, item, value, depth);
    case PYN_T_COPY_DICT:
        return fit_dict(fit, type, item, value, depth);
    case PYN_T_ENUM:
        return fit_enum(type->enumeration, item, value);
    case PYN_T_RECORD:
        return fit_record(fit, type->record, item, value, depth);
    case PYN_T_IFACE:
        return fit_reference(fit, type, item);
    case PYN_T_UNION:
        return fit_union(fit, type, item, value, depth);
    case PYN_T_DECIMAL:
        return misfit_unless(is_ext(item, PYN_EXT_DECIMAL) && (fit->hashed == 0 || !pyn_fit_is_unhashable(item)));
    case PYN_T_NEVER:
        return PYN_EMISFIT;
    default:
        return misfit_unless(is_ext_kind(type->kind, item));
    }
}

pyn_status pyn_fit_value(struct pyn_fit *fit, const struct pyn_type *type, struct pyn_reader *value)
{
    return fit_next(fit, type, value, 0);
}

pyn_status pyn_type_fit(const struct pyn_type *type, struct pyn_reader *value, const struct pyn_refs *refs)
{
    struct pyn_fit fit = pyn_fit_of(refs, value->len - value->at);
    return pyn_fit_value(&fit, type, value);
}
