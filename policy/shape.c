/* shape.c - see shape.h. */
#include "shape.h"

#include "fit.h"
#include "names.h"

static const char *const words[PYN_SORT_COUNT] = {
    [PYN_SORT_OTHER] = "other",       [PYN_SORT_NONE] = "none",
    [PYN_SORT_BOOL] = "bool",         [PYN_SORT_INT] = "int",
    [PYN_SORT_FLOAT] = "float",       [PYN_SORT_COMPLEX] = "complex",
    [PYN_SORT_STR] = "str",           [PYN_SORT_BYTES] = "bytes",
    [PYN_SORT_RANGE] = "range",       [PYN_SORT_SLICE] = "slice",
    [PYN_SORT_DATETIME] = "datetime", [PYN_SORT_DATE] = "date",
    [PYN_SORT_TIME] = "time",         [PYN_SORT_TIMEDELTA] = "timedelta",
    [PYN_SORT_DECIMAL] = "decimal",   [PYN_SORT_UUID] = "uuid",
    [PYN_SORT_TUPLE] = "tuple",       [PYN_SORT_FROZENSET] = "frozenset",
    [PYN_SORT_LIST] = "list",         [PYN_SORT_SET] = "set",
    [PYN_SORT_DICT] = "dict",         [PYN_SORT_ENUM] = "enum",
    [PYN_SORT_RECORD] = "record",     [PYN_SORT_REFERENCE] = "reference",
    [PYN_SORT_OWN] = "own",
};

/* ---- of a value ---- */

static enum pyn_sort sort_of_ext(int8_t ext)
{
    switch (ext) {
    case PYN_EXT_MINE:
        return PYN_SORT_OWN;
    case PYN_EXT_YOURS:
        return PYN_SORT_REFERENCE;
    case PYN_EXT_INT:
        return PYN_SORT_INT;
    case PYN_EXT_COMPLEX:
        return PYN_SORT_COMPLEX;
    case PYN_EXT_DATETIME:
        return PYN_SORT_DATETIME;
    case PYN_EXT_DATE:
        return PYN_SORT_DATE;
    case PYN_EXT_TIME:
        return PYN_SORT_TIME;
    case PYN_EXT_TIMEDELTA:
        return PYN_SORT_TIMEDELTA;
    case PYN_EXT_DECIMAL:
        return PYN_SORT_DECIMAL;
    case PYN_EXT_UUID:
        return PYN_SORT_UUID;
    default:
        return PYN_SORT_OTHER;
    }
}

/* rd stands behind the header of an array. */
static enum pyn_sort sort_of_array(struct pyn_reader rd, uint32_t count)
{
    struct pyn_item first;
    enum pyn_tag tag = PYN_TAG_LIST;
    if (count == 0 || pyn_reader_next(&rd, &first) != PYN_OK || !pyn_item_tag(&first, &tag)) {
        return PYN_SORT_TUPLE;
    }
    switch (tag) {
    case PYN_TAG_FROZENSET:
        return PYN_SORT_FROZENSET;
    case PYN_TAG_LIST:
        return PYN_SORT_LIST;
    case PYN_TAG_SET:
        return PYN_SORT_SET;
    case PYN_TAG_RANGE:
        return count == 4 && pyn_fit_range(&rd) ? PYN_SORT_RANGE : PYN_SORT_OTHER;
    case PYN_TAG_SLICE:
        return count == 4 && pyn_fit_slice(&rd) ? PYN_SORT_SLICE : PYN_SORT_OTHER;
    case PYN_TAG_RECORD:
        return PYN_SORT_RECORD;
    case PYN_TAG_ENUM:
        return PYN_SORT_ENUM;
    case PYN_TAG_DICT:
        return PYN_SORT_DICT;
    default:
        return PYN_SORT_OTHER;
    }
}

static enum pyn_sort sort_of(struct pyn_reader rd)
{
    struct pyn_item item;
    if (pyn_reader_next(&rd, &item) != PYN_OK) {
        return PYN_SORT_OTHER;
    }
    switch (item.wire) {
    case PYN_W_NIL:
        return PYN_SORT_NONE;
    case PYN_W_BOOL:
        return PYN_SORT_BOOL;
    case PYN_W_UINT:
    case PYN_W_NINT:
        return PYN_SORT_INT;
    case PYN_W_FLOAT:
        return PYN_SORT_FLOAT;
    case PYN_W_STR:
        return PYN_SORT_STR;
    case PYN_W_BIN:
        return PYN_SORT_BYTES;
    case PYN_W_ARRAY:
        return sort_of_array(rd, item.count);
    case PYN_W_MAP:
        return PYN_SORT_DICT;
    case PYN_W_EXT:
        return sort_of_ext(item.ext);
    default:
        return PYN_SORT_OTHER;
    }
}

/* ---- writing ---- */

struct writer {
    char *text;
    size_t len;
    uint32_t count;
    bool is_full;
};

static const char more[] = "...";

/* One argument whole, with room behind it for ", ..." and the end, or nothing of it. */
static void put(struct writer *to, struct pyn_view name, enum pyn_sort sort)
{
    bool is_named = name.data != NULL;
    bool is_name = is_named && name.len <= PYN_SHAPE_NAME_MAX && pyn_name_is_identifier(name);
    struct pyn_view shown = is_name ? name : pyn_view_of("?");
    struct pyn_view word = pyn_view_of(words[sort]);
    size_t between = to->count == 0 ? 0 : 2;
    size_t named = is_named ? shown.len + 1 : 0;
    if (to->is_full || to->count == PYN_SHAPE_ARGS_MAX ||
        to->len + between + named + word.len + 2 + sizeof more > PYN_SHAPE_TEXT_MAX) {
        to->is_full = true;
        return;
    }
    memcpy(to->text + to->len, ", ", between);
    to->len += between;
    if (is_named) {
        memcpy(to->text + to->len, shown.data, shown.len);
        to->text[to->len + shown.len] = '=';
    }
    memcpy(to->text + to->len + named, word.data, word.len);
    to->len += named + word.len;
    to->count++;
}

static bool put_places(struct writer *to, struct pyn_reader *rd, uint32_t skip)
{
    uint32_t count = 0;
    bool is = pyn_reader_array(rd, &count) == PYN_OK;
    for (uint32_t i = 0; is && i < count; i++) {
        if (i >= skip) {
            put(to, (struct pyn_view){0}, sort_of(*rd));
        }
        is = pyn_reader_skip(rd) == PYN_OK;
    }
    return is;
}

static bool put_names(struct writer *to, struct pyn_reader *rd)
{
    uint32_t count = 0;
    bool is = pyn_reader_map(rd, &count) == PYN_OK;
    for (uint32_t i = 0; is && i < count && !to->is_full; i++) {
        struct pyn_view name = {0};
        is = pyn_reader_str(rd, &name) == PYN_OK;
        if (is) {
            put(to, name.len != 0 ? name : pyn_view_of("?"), sort_of(*rd));
            is = pyn_reader_skip(rd) == PYN_OK;
        }
    }
    return is;
}

void pyn_shape_write(struct pyn_view body, uint32_t skip, char text[PYN_SHAPE_TEXT_MAX])
{
    struct writer to = {.text = text};
    struct pyn_reader rd = pyn_reader_of(body);
    bool is_call = put_places(&to, &rd, skip) && put_names(&to, &rd);
    if (!is_call || to.is_full) {
        memcpy(text + to.len, ", ", to.count == 0 ? 0 : 2);
        to.len += to.count == 0 ? 0 : 2;
        memcpy(text + to.len, more, sizeof more - 1);
        to.len += sizeof more - 1;
    }
    text[to.len] = '\0';
}

/* ---- reading ---- */

static bool read_sort(struct pyn_view text, enum pyn_sort *out)
{
    int sort = 0;
    while (sort < PYN_SORT_COUNT && !pyn_view_is_equal(text, pyn_view_of(words[sort]))) {
        sort++;
    }
    *out = sort < PYN_SORT_COUNT ? (enum pyn_sort)sort : PYN_SORT_OTHER;
    return sort < PYN_SORT_COUNT;
}

static bool read_arg(struct pyn_view text, struct pyn_shape *out)
{
    const uint8_t *equals = text.len != 0 ? memchr(text.data, '=', text.len) : NULL;
    struct pyn_shape_arg *arg = &out->args[out->count];
    struct pyn_view sort = text;
    *arg = (struct pyn_shape_arg){0};
    if (equals != NULL) {
        arg->name = (struct pyn_view){text.data, (size_t)(equals - text.data)};
        sort = (struct pyn_view){equals + 1, text.len - arg->name.len - 1};
        if (!pyn_name_is_identifier(arg->name) && !pyn_view_is_equal(arg->name, pyn_view_of("?"))) {
            return false;
        }
    } else if (out->place_count != out->count) {
        return false; /* a place behind a name */
    } else {
        out->place_count++;
    }
    out->count++;
    return read_sort(sort, &arg->sort);
}

/* Up to the next ", ", which is stepped over. */
static struct pyn_view next_part(struct pyn_view text, size_t *at)
{
    size_t start = *at;
    size_t end = start;
    while (end < text.len && text.data[end] != ',') {
        end++;
    }
    *at = text.len - end >= 2 && text.data[end + 1] == ' ' ? end + 2 : text.len + 1;
    return (struct pyn_view){text.data + start, (end == text.len || *at <= text.len ? end : text.len) - start};
}

bool pyn_shape_read(struct pyn_view text, struct pyn_shape *out)
{
    bool is = true;
    *out = (struct pyn_shape){.is_whole = true};
    for (size_t at = 0; is && text.len != 0 && at <= text.len;) {
        struct pyn_view part = next_part(text, &at);
        if (pyn_view_is_equal(part, pyn_view_of(more))) {
            out->is_whole = false;
            return at > text.len;
        }
        is = out->count < PYN_SHAPE_ARGS_MAX && read_arg(part, out);
    }
    return is;
}
