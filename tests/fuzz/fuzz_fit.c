/*
 * fuzz_fit.c - does a value fit a type? Asked of the one that decides, and of a slow one that reads with another decoder and follows docs/policy.md word for word.
 *
 * Input: one byte, which of the types of a sample policy; then the value.
 * Properties: of a value that the scanner lets in both say the same, and a value that fits is read to its end; of any bytes an answer comes, and no more is read than
 * there is.
 */
#include <msgpack.h>
#include <stdlib.h>

#include "sample.h"
#include "scanned.h"

enum { TYPES_MAX = 400, KEYS = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pyn_limits limits = {
    .message_max = 4096, .depth_max = 32, .element_max = 1024, .key_max = 1024, .int_max = 64};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- the types ---- */

struct types {
    const struct pyn_type *list[TYPES_MAX];
    size_t count;
};

static void note(struct types *types, const struct pyn_type *type)
{
    for (size_t i = 0; i < types->count; i++) {
        if (types->list[i] == type) {
            return;
        }
    }
    if (type != NULL && types->count < TYPES_MAX) {
        types->list[types->count++] = type;
    }
}

static void note_op(struct types *types, const struct pyn_op *op)
{
    for (uint32_t s = 0; s < op->signature_count; s++) {
        const struct pyn_signature *signature = &op->signatures[s];
        note(types, signature->result);
        for (uint32_t i = 0; i < signature->param_count; i++) {
            note(types, signature->params[i].type);
        }
    }
    if (op->signature_count == 0) {
        note(types, op->type);
    }
}

static const struct types *all_types(void)
{
    static struct types types;

    if (types.count > 0) {
        return &types;
    }
    for (uint32_t i = 0; i < pyn_policy_iface_count(sample_policy()); i++) {
        const struct pyn_iface *iface = pyn_policy_iface(sample_policy(), i);
        for (uint32_t n = 0; n < iface->op_count; n++) {
            note_op(&types, &iface->ops[n]);
        }
    }
    for (size_t i = 0; i < types.count; i++) { /* and what they are made of */
        const struct pyn_type *type = types.list[i];
        for (uint32_t n = 0; n < type->count; n++) {
            note(&types, type->items[n]);
        }
        for (uint32_t n = 0; type->record != NULL && n < type->record->count; n++) {
            note(&types, type->record->fields[n].type);
        }
    }
    return &types;
}

/* ---- the slow one ---- */

static bool is_ext(const msgpack_object *o, int code)
{
    return o->type == MSGPACK_OBJECT_EXT && o->via.ext.type == code;
}

static bool is_int(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_POSITIVE_INTEGER || o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER ||
           is_ext(o, PYN_EXT_INT);
}

static bool is_i64(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER ||
           (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX);
}

static bool is_text(const msgpack_object *o, struct pyn_view text)
{
    return o->type == MSGPACK_OBJECT_STR &&
           pyn_view_is_equal((struct pyn_view){(const uint8_t *)o->via.str.ptr, o->via.str.size}, text);
}

/* 0: none. */
static int tag_of(const msgpack_object *o)
{
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size == 0 || !is_ext(o->via.array.ptr, PYN_EXT_TAG)) {
        return 0;
    }
    return (uint8_t)o->via.array.ptr[0].via.ext.ptr[0];
}

static bool is_range(const msgpack_object *o)
{
    const msgpack_object *items = o->via.array.ptr;

    return tag_of(o) == PYN_TAG_RANGE && o->via.array.size == 4 && is_i64(&items[1]) && is_i64(&items[2]) &&
           is_i64(&items[3]) && items[3].via.u64 != 0;
}

static bool is_slice(const msgpack_object *o)
{
    bool is = tag_of(o) == PYN_TAG_SLICE && o->via.array.size == 4;

    for (uint32_t i = 1; is && i < 4; i++) {
        is = o->via.array.ptr[i].type == MSGPACK_OBJECT_NIL || is_i64(&o->via.array.ptr[i]);
    }
    return is;
}

static bool is_scalar(const msgpack_object *o)
{
    if (o->type == MSGPACK_OBJECT_EXT) {
        return o->via.ext.type >= PYN_EXT_INT && o->via.ext.type <= PYN_EXT_UUID;
    }
    return o->type != MSGPACK_OBJECT_ARRAY && o->type != MSGPACK_OBJECT_MAP;
}

/* Of what hashes: no signalling NaN, wherever it stands in there. */
static bool hashes(const msgpack_object *o)
{
    bool does = !is_ext(o, PYN_EXT_DECIMAL) || memchr(o->via.ext.ptr, 's', o->via.ext.size) == NULL;

    for (uint32_t i = 0; does && o->type == MSGPACK_OBJECT_ARRAY && i < o->via.array.size; i++) {
        does = hashes(&o->via.array.ptr[i]);
    }
    return does;
}

static bool is_key(const msgpack_object *o)
{
    bool is = o->type == MSGPACK_OBJECT_ARRAY || is_scalar(o);

    for (uint32_t i = 0; is && o->type == MSGPACK_OBJECT_ARRAY && i < o->via.array.size; i++) {
        is = is_scalar(&o->via.array.ptr[i]);
    }
    return is && hashes(o);
}

static bool is_data(const msgpack_object *o);

static bool is_data_array(const msgpack_object *o)
{
    int tag = tag_of(o);
    uint32_t first = tag != 0;
    uint32_t count = o->via.array.size - first;
    bool is = tag == 0 || tag == PYN_TAG_LIST;

    if (tag == PYN_TAG_RANGE || tag == PYN_TAG_SLICE) {
        return is_range(o) || is_slice(o);
    }
    is = is || ((tag == PYN_TAG_SET || tag == PYN_TAG_FROZENSET) && count <= KEYS);
    is = is || (tag == PYN_TAG_DICT && count % 2 == 0 && count / 2 <= KEYS);
    for (uint32_t i = 0; is && i < count; i++) {
        const msgpack_object *item = &o->via.array.ptr[first + i];
        bool is_hashed = tag == PYN_TAG_SET || tag == PYN_TAG_FROZENSET || (tag == PYN_TAG_DICT && i % 2 == 0);
        is = is_hashed ? is_key(item) : is_data(item);
    }
    return is;
}

static bool is_data(const msgpack_object *o)
{
    bool is = o->via.map.size <= KEYS;

    if (o->type == MSGPACK_OBJECT_ARRAY) {
        return is_data_array(o);
    }
    if (o->type != MSGPACK_OBJECT_MAP) {
        return is_scalar(o);
    }
    for (uint32_t i = 0; is && i < o->via.map.size; i++) {
        is = is_key(&o->via.map.ptr[i].key) && is_data(&o->via.map.ptr[i].val);
    }
    return is;
}

static pyn_status judge(const struct pyn_type *type, const msgpack_object *o);

static pyn_status said(bool is)
{
    return is ? PYN_OK : PYN_EMISFIT;
}

static pyn_status judge_items(const struct pyn_type *type, const msgpack_object *o, uint32_t first)
{
    pyn_status st = PYN_OK;

    for (uint32_t i = first; st == PYN_OK && i < o->via.array.size; i++) {
        st = judge(type, &o->via.array.ptr[i]);
    }
    return st;
}

static pyn_status judge_tagged(const struct pyn_type *type, const msgpack_object *o, int tag)
{
    if (tag_of(o) != tag || (tag != PYN_TAG_LIST && o->via.array.size - 1 > KEYS)) {
        return PYN_EMISFIT;
    }
    return tag == PYN_TAG_LIST || hashes(o) ? judge_items(type->items[0], o, 1) : PYN_EMISFIT;
}

static pyn_status judge_dict(const struct pyn_type *type, const msgpack_object *o)
{
    bool is_map = o->type == MSGPACK_OBJECT_MAP;
    uint32_t pairs = is_map ? o->via.map.size : o->via.array.size / 2;
    pyn_status st = PYN_OK;

    if ((!is_map && (tag_of(o) != PYN_TAG_DICT || o->via.array.size % 2 == 0)) || pairs > KEYS) {
        return PYN_EMISFIT;
    }
    for (uint32_t i = 0; st == PYN_OK && i < pairs; i++) {
        const msgpack_object *key = is_map ? &o->via.map.ptr[i].key : &o->via.array.ptr[1 + 2 * i];
        st = hashes(key) ? judge(type->items[0], key) : PYN_EMISFIT;
        if (st == PYN_OK) {
            st = judge(type->items[1], is_map ? &o->via.map.ptr[i].val : &o->via.array.ptr[2 + 2 * i]);
        }
    }
    return st;
}

static pyn_status judge_record(const struct pyn_record *record, const msgpack_object *o)
{
    pyn_status st = PYN_OK;

    if (tag_of(o) != PYN_TAG_RECORD || o->via.array.size != record->count + 2 ||
        !is_text(&o->via.array.ptr[1], record->name)) {
        return PYN_EMISFIT;
    }
    for (uint32_t i = 0; st == PYN_OK && i < record->count; i++) {
        const msgpack_object *value = &o->via.array.ptr[i + 2];
        bool is_missing = tag_of(value) == PYN_TAG_RECORD && value->via.array.size == 1;
        if (!is_missing || !record->fields[i].may_miss) {
            st = judge(record->fields[i].type, value);
        }
    }
    return st;
}

static pyn_status judge_enum(const struct pyn_enum *enumeration, const msgpack_object *o)
{
    bool is = false;

    if (tag_of(o) != PYN_TAG_ENUM || o->via.array.size != 3 || !is_text(&o->via.array.ptr[1], enumeration->name)) {
        return PYN_EMISFIT;
    }
    for (uint32_t i = 0; i < enumeration->count; i++) {
        is = is || is_text(&o->via.array.ptr[2], enumeration->members[i]);
    }
    return said(is);
}

static uint64_t be(const char *bytes, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        value = value << 8 | (uint8_t)bytes[i];
    }
    return value;
}

static pyn_status judge_reference(const struct pyn_type *type, const msgpack_object *o)
{
    const struct pyn_iface *have = NULL;

    if (is_ext(o, PYN_EXT_YOURS)) {
        have = sample_exported(sample_policy(), be(o->via.ext.ptr, 8));
        return have != NULL && pyn_type_accepts(type, have) ? PYN_OK : PYN_EDENIED;
    }
    if (!is_ext(o, PYN_EXT_MINE)) {
        return PYN_EMISFIT;
    }
    if (type->import == NULL) { /* the policy is no fragment */
        return PYN_EDENIED;
    }
    if (be(o->via.ext.ptr + 8, 4) == 0) {
        return PYN_OK;
    }
    have = sample_described(sample_policy(), (uint32_t)be(o->via.ext.ptr + 8, 4));
    return have != NULL && pyn_view_is_equal(have->name, type->spelling) ? PYN_OK : PYN_EDENIED;
}

static pyn_status judge_union(const struct pyn_type *type, const msgpack_object *o)
{
    pyn_status best = PYN_EMISFIT;

    for (uint32_t i = 0; best != PYN_OK && i < type->count; i++) {
        pyn_status st = judge(type->items[i], o);
        best = st == PYN_EMISFIT ? best : st;
    }
    return best;
}

static pyn_status judge_tuple(const struct pyn_type *type, const msgpack_object *o)
{
    pyn_status st = said(o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == type->count);

    for (uint32_t i = 0; st == PYN_OK && i < type->count; i++) {
        st = judge(type->items[i], &o->via.array.ptr[i]);
    }
    return st;
}

static pyn_status judge_scalar(const struct pyn_type *type, const msgpack_object *o)
{
    static const int codes[] = {
        [PYN_T_COMPLEX] = PYN_EXT_COMPLEX, [PYN_T_DATETIME] = PYN_EXT_DATETIME,   [PYN_T_DATE] = PYN_EXT_DATE,
        [PYN_T_TIME] = PYN_EXT_TIME,       [PYN_T_TIMEDELTA] = PYN_EXT_TIMEDELTA, [PYN_T_DECIMAL] = PYN_EXT_DECIMAL,
        [PYN_T_UUID] = PYN_EXT_UUID,
    };
    bool is_float = o->type == MSGPACK_OBJECT_FLOAT32 || o->type == MSGPACK_OBJECT_FLOAT64;

    switch (type->kind) {
    case PYN_T_NONE:
        return said(o->type == MSGPACK_OBJECT_NIL);
    case PYN_T_BOOL:
        return said(o->type == MSGPACK_OBJECT_BOOLEAN);
    case PYN_T_INT:
        return said(is_int(o));
    case PYN_T_FLOAT:
        return said(is_float || is_int(o));
    case PYN_T_STR:
        return said(o->type == MSGPACK_OBJECT_STR);
    case PYN_T_BYTES:
        return said(o->type == MSGPACK_OBJECT_BIN);
    case PYN_T_RANGE:
        return said(is_range(o));
    case PYN_T_SLICE:
        return said(is_slice(o));
    case PYN_T_LITERAL_STR:
        return said(is_text(o, type->text));
    case PYN_T_LITERAL_INT:
        return said(is_i64(o) && o->via.i64 == type->number);
    case PYN_T_LITERAL_BOOL:
        return said(o->type == MSGPACK_OBJECT_BOOLEAN && o->via.boolean == (type->number != 0));
    case PYN_T_NEVER:
        return PYN_EMISFIT;
    default:
        require((size_t)type->kind < sizeof codes / sizeof codes[0] && codes[type->kind] != 0);
        return said(is_ext(o, codes[type->kind]));
    }
}

static pyn_status judge(const struct pyn_type *type, const msgpack_object *o)
{
    switch (type->kind) {
    case PYN_T_DATA:
        return said(is_data(o));
    case PYN_T_TUPLE:
        return judge_tuple(type, o);
    case PYN_T_TUPLE_OF:
        return o->type == MSGPACK_OBJECT_ARRAY ? judge_items(type->items[0], o, 0) : PYN_EMISFIT;
    case PYN_T_FROZENSET:
        return judge_tagged(type, o, PYN_TAG_FROZENSET);
    case PYN_T_COPY_LIST:
        return judge_tagged(type, o, PYN_TAG_LIST);
    case PYN_T_COPY_SET:
        return judge_tagged(type, o, PYN_TAG_SET);
    case PYN_T_COPY_DICT:
        return judge_dict(type, o);
    case PYN_T_ENUM:
        return judge_enum(type->enumeration, o);
    case PYN_T_RECORD:
        return judge_record(type->record, o);
    case PYN_T_IFACE:
        return judge_reference(type, o);
    case PYN_T_UNION:
        return judge_union(type, o);
    default:
        return judge_scalar(type, o);
    }
}

/* ---- both ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    require(sample_policy() != NULL);
    const struct types *types = all_types();
    struct pyn_refs refs = {sample_policy(), sample_exported, sample_described, KEYS};
    if (size < 2 || types->count == 0) {
        return 0;
    }
    const struct pyn_type *type = types->list[data[0] % types->count];
    struct pyn_view value = {data + 1, size - 1};
    struct pyn_reader rd = pyn_reader_of(value);
    pyn_status st = pyn_type_fit(type, &rd, &refs);
    require((st == PYN_OK || st == PYN_EMISFIT || st == PYN_EDENIED) && rd.at <= rd.len);
    size_t len = sample_scanned(value, &limits, true);
    if (len > 0) {
        msgpack_unpacked found;
        size_t at = 0;
        msgpack_unpacked_init(&found);
        require(msgpack_unpack_next(&found, (const char *)value.data, len, &at) == MSGPACK_UNPACK_SUCCESS && at == len);
        require(judge(type, &found.data) == st && (st != PYN_OK || rd.at == len));
        msgpack_unpacked_destroy(&found);
    }
    return 0;
}
