/* details.c - see details.h. */
#include "details.h"

#include <assert.h>

#include "bigend.h"

enum { HEAD_PARTS = 4, CAUSE_PARTS = 3, MEMBER_PARTS = 2, KEY_MAX = 6, LEVELS = PYN_GROUP_DEPTH_MAX + 1 };

static pyn_status read_type(struct pyn_reader *rd, struct pyn_view *type)
{
    pyn_status st = pyn_reader_str(rd, type);

    return st == PYN_OK && type->len > 0 && type->len <= PYN_NAME_MAX ? PYN_OK : PYN_EFORMAT;
}

/* *text is empty when it is nil. */
static pyn_status read_str_or_nil(struct pyn_reader *rd, struct pyn_view *text)
{
    struct pyn_item item;

    *text = (struct pyn_view){NULL, 0};
    if (pyn_reader_peek(rd) == PYN_W_STR) {
        return pyn_reader_str(rd, text);
    }
    return pyn_reader_next(rd, &item) == PYN_OK && item.wire == PYN_W_NIL ? PYN_OK : PYN_EFORMAT;
}

static pyn_status open_array(struct pyn_reader *rd, uint32_t wanted)
{
    uint32_t count = 0;

    return pyn_reader_array(rd, &count) == PYN_OK && count == wanted ? PYN_OK : PYN_EFORMAT;
}

pyn_status pyn_error_head_read(struct pyn_reader *rd, struct pyn_error_head *out)
{
    *out = (struct pyn_error_head){0};
    if (open_array(rd, HEAD_PARTS) != PYN_OK || read_type(rd, &out->type) != PYN_OK ||
        pyn_reader_str(rd, &out->text) != PYN_OK || read_str_or_nil(rd, &out->traceback) != PYN_OK) {
        return PYN_EFORMAT;
    }
    return read_str_or_nil(rd, &out->incident);
}

pyn_status pyn_cause_read(struct pyn_reader *rd, struct pyn_error_head *out)
{
    *out = (struct pyn_error_head){0};
    if (open_array(rd, CAUSE_PARTS) != PYN_OK || read_type(rd, &out->type) != PYN_OK ||
        pyn_reader_str(rd, &out->text) != PYN_OK) {
        return PYN_EFORMAT;
    }
    return read_str_or_nil(rd, &out->incident);
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ASCII letters, digits and underscores, the first a letter: no name that Python keeps for itself. */
static bool is_field_name(struct pyn_view name)
{
    if (name.len == 0 || name.len > PYN_NAME_MAX || !is_letter(name.data[0])) {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!is_letter(c) && c != '_' && !(c >= '0' && c <= '9')) {
            return false;
        }
    }
    return true;
}

static pyn_status read_value(struct pyn_reader *rd, struct pyn_view *out)
{
    size_t from = rd->at;
    pyn_status st = pyn_reader_skip(rd);

    *out = (struct pyn_view){rd->data + from, rd->at - from};
    return st;
}

static pyn_status read_fields(struct pyn_reader *rd, const struct pyn_field_visit *visit, struct pyn_run *out)
{
    pyn_status st = pyn_reader_map(rd, &out->count);

    if (st != PYN_OK || out->count == 0 || out->count > PYN_FIELD_MAX) {
        return PYN_EFORMAT;
    }
    size_t from = rd->at;
    for (uint32_t i = 0; st == PYN_OK && i < out->count; i++) {
        struct pyn_view name = {NULL, 0};
        if (pyn_reader_str(rd, &name) != PYN_OK || !is_field_name(name)) {
            return PYN_EFORMAT;
        }
        st = visit != NULL ? visit->value(visit->ctx, rd) : pyn_reader_skip(rd);
    }
    out->rest = (struct pyn_view){rd->data + from, rd->at - from};
    return st;
}

static pyn_status read_causes(struct pyn_reader *rd, struct pyn_run *out)
{
    struct pyn_error_head ignored;
    pyn_status st = pyn_reader_array(rd, &out->count);

    if (st != PYN_OK || out->count == 0 || out->count > PYN_CAUSE_MAX) {
        return PYN_EFORMAT;
    }
    size_t from = rd->at;
    for (uint32_t i = 0; st == PYN_OK && i < out->count; i++) {
        st = pyn_cause_read(rd, &ignored);
    }
    out->rest = (struct pyn_view){rd->data + from, rd->at - from};
    return st;
}

static pyn_status read_true(struct pyn_reader *rd, bool *out)
{
    struct pyn_item item;

    *out = pyn_reader_next(rd, &item) == PYN_OK && item.wire == PYN_W_BOOL && item.truth;
    return *out ? PYN_OK : PYN_EFORMAT;
}

static bool is_key(struct pyn_view key, const char *name)
{
    return pyn_view_is_equal(key, pyn_view_of(name));
}

/* Where a walk stands: the groups that are open, the outermost map at the bottom. */
struct walk {
    struct pyn_reader *rd;
    const struct pyn_field_visit *visit;
    struct pyn_details *out; /* of the map at the bottom */
    bool is_outside;         /* so is that map */
    uint32_t depth;
    uint32_t members; /* that may still come */
    size_t errors_at; /* where those of the bottom begin */
    struct {
        uint32_t keys;    /* of its map, to be read */
        uint32_t members; /* of the group that it is in, itself not counted */
    } levels[LEVELS];
};

static pyn_status open_details(struct walk *walk, uint32_t members)
{
    uint32_t count = 0;

    if (pyn_reader_map(walk->rd, &count) != PYN_OK || count > KEY_MAX) {
        return PYN_EFORMAT;
    }
    walk->levels[walk->depth].keys = count;
    walk->levels[walk->depth].members = members;
    return PYN_OK;
}

static pyn_status open_member(struct walk *walk, uint32_t members)
{
    struct pyn_error_head head;

    if (open_array(walk->rd, MEMBER_PARTS) != PYN_OK || pyn_error_head_read(walk->rd, &head) != PYN_OK) {
        return PYN_EFORMAT;
    }
    return open_details(walk, members);
}

static pyn_status open_group(struct walk *walk)
{
    uint32_t count = 0;

    if (pyn_reader_array(walk->rd, &count) != PYN_OK || count == 0 || count > walk->members || walk->depth + 1 == LEVELS) {
        return PYN_EFORMAT;
    }
    if (walk->depth == 0) {
        walk->out->errors.count = count;
        walk->errors_at = walk->rd->at;
    }
    walk->members -= count;
    walk->depth++;
    return open_member(walk, count - 1);
}

static pyn_status read_key(struct walk *walk)
{
    bool is_bottom = walk->depth == 0;
    bool is_outside = is_bottom && walk->is_outside;
    struct pyn_details inner;
    struct pyn_details *out = is_bottom ? walk->out : &inner;
    struct pyn_view key = {NULL, 0};

    if (pyn_reader_str(walk->rd, &key) != PYN_OK) {
        return PYN_EFORMAT;
    }
    if (is_key(key, "fields")) {
        return read_fields(walk->rd, walk->visit, &out->fields);
    }
    if (is_key(key, "causes")) {
        return read_causes(walk->rd, &out->causes);
    }
    if (is_key(key, "errors")) {
        return open_group(walk);
    }
    if (is_key(key, "value") && is_outside) {
        return read_value(walk->rd, &out->value);
    }
    if (is_key(key, "beyond") && is_outside) {
        return read_true(walk->rd, &out->is_beyond);
    }
    return is_key(key, "yours") && is_outside ? read_true(walk->rd, &out->is_yours) : PYN_EFORMAT;
}

/* A map has been read: the next member of its group follows, or what is behind the group. */
static pyn_status close_details(struct walk *walk)
{
    uint32_t members = walk->levels[walk->depth].members;

    if (members > 0) {
        return open_member(walk, members - 1);
    }
    walk->depth--;
    if (walk->depth == 0) {
        walk->out->errors.rest = (struct pyn_view){walk->rd->data + walk->errors_at, walk->rd->at - walk->errors_at};
    }
    return PYN_OK;
}

static pyn_status read_details(struct pyn_reader *rd, const struct pyn_field_visit *visit, bool is_outside,
                               struct pyn_details *out)
{
    struct walk walk = {.rd = rd, .visit = visit, .out = out, .is_outside = is_outside, .members = PYN_MEMBER_MAX};
    pyn_status st = PYN_EINTERNAL;

    *out = (struct pyn_details){0};
    st = open_details(&walk, 0);
    while (st == PYN_OK && (walk.depth > 0 || walk.levels[0].keys > 0)) {
        if (walk.levels[walk.depth].keys > 0) {
            walk.levels[walk.depth].keys--;
            st = read_key(&walk);
        } else {
            st = close_details(&walk);
        }
    }
    return st;
}

pyn_status pyn_details_read(struct pyn_reader *rd, const struct pyn_field_visit *visit, struct pyn_details *out)
{
    return read_details(rd, visit, true, out);
}

pyn_status pyn_member_read(struct pyn_reader *rd, struct pyn_error_head *head, struct pyn_details *out)
{
    if (open_array(rd, MEMBER_PARTS) != PYN_OK || pyn_error_head_read(rd, head) != PYN_OK) {
        return PYN_EFORMAT;
    }
    return read_details(rd, NULL, false, out);
}

/* ---- a refusal's ---- */

void pyn_details_retry(double seconds, uint8_t out[PYN_RETRY_LEN])
{
    static const char head[] = "\x81\xa6"
                               "fields"
                               "\x81\xab"
                               "retry_after"
                               "\xcb";
    uint64_t bits = 0;

    static_assert(sizeof head - 1 + sizeof bits == PYN_RETRY_LEN, "a float64 behind it");
    static_assert(sizeof bits == sizeof seconds, "a float64");
    memcpy(&bits, &seconds, sizeof bits);
    memcpy(out, head, sizeof head - 1);
    pyn_be_put_u64(out + sizeof head - 1, bits);
}
