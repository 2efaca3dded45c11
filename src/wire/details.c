/* details.c - see details.h. */
#include "details.h"

enum { HEAD_PARTS = 4, CAUSE_PARTS = 3, MEMBER_PARTS = 2, KEY_MAX = 5 };

/* How much more of groups may come. */
struct budget {
    uint32_t depth;
    uint32_t members;
};

static pyn_status read_details(struct pyn_reader *rd, struct budget *budget, bool is_outside, struct pyn_details *out);

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

static pyn_status read_fields(struct pyn_reader *rd, struct pyn_run *out)
{
    pyn_status st = pyn_reader_map(rd, &out->count);

    if (st != PYN_OK || out->count == 0 || out->count > PYN_FIELD_MAX) {
        return PYN_EFORMAT;
    }
    size_t from = rd->at;
    for (uint32_t i = 0; st == PYN_OK && i < out->count; i++) {
        struct pyn_view name = {NULL, 0};
        st = pyn_reader_str(rd, &name);
        if (st == PYN_OK) {
            st = is_field_name(name) ? pyn_reader_skip(rd) : PYN_EFORMAT;
        }
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

static pyn_status read_member(struct pyn_reader *rd, struct budget *budget, struct pyn_error_head *head,
                              struct pyn_details *out)
{
    if (open_array(rd, MEMBER_PARTS) != PYN_OK || pyn_error_head_read(rd, head) != PYN_OK) {
        return PYN_EFORMAT;
    }
    return read_details(rd, budget, false, out);
}

static pyn_status read_errors(struct pyn_reader *rd, struct budget *budget, struct pyn_run *out)
{
    pyn_status st = pyn_reader_array(rd, &out->count);

    if (st != PYN_OK || out->count == 0 || budget->depth == 0 || out->count > budget->members) {
        return PYN_EFORMAT;
    }
    budget->depth--;
    budget->members -= out->count;
    size_t from = rd->at;
    for (uint32_t i = 0; st == PYN_OK && i < out->count; i++) {
        struct pyn_error_head head;
        struct pyn_details details;
        st = read_member(rd, budget, &head, &details);
    }
    budget->depth++;
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

static pyn_status read_details(struct pyn_reader *rd, struct budget *budget, bool is_outside, struct pyn_details *out)
{
    uint32_t count = 0;
    pyn_status st = pyn_reader_map(rd, &count);

    *out = (struct pyn_details){0};
    if (st != PYN_OK || count > KEY_MAX) {
        return PYN_EFORMAT;
    }
    for (uint32_t i = 0; st == PYN_OK && i < count; i++) {
        struct pyn_view key = {NULL, 0};
        st = pyn_reader_str(rd, &key);
        if (st != PYN_OK) {
            return PYN_EFORMAT;
        }
        if (is_key(key, "fields")) {
            st = read_fields(rd, &out->fields);
        } else if (is_key(key, "causes")) {
            st = read_causes(rd, &out->causes);
        } else if (is_key(key, "errors")) {
            st = read_errors(rd, budget, &out->errors);
        } else if (is_key(key, "value") && is_outside) {
            st = read_value(rd, &out->value);
        } else if (is_key(key, "yours") && is_outside) {
            st = read_true(rd, &out->is_yours);
        } else {
            return PYN_EFORMAT;
        }
    }
    return st == PYN_OK ? PYN_OK : PYN_EFORMAT;
}

pyn_status pyn_details_read(struct pyn_reader *rd, struct pyn_details *out)
{
    struct budget budget = {PYN_GROUP_DEPTH_MAX, PYN_MEMBER_MAX};

    return read_details(rd, &budget, true, out);
}

pyn_status pyn_member_read(struct pyn_reader *rd, struct pyn_error_head *head, struct pyn_details *out)
{
    struct budget budget = {PYN_GROUP_DEPTH_MAX, PYN_MEMBER_MAX};

    return read_member(rd, &budget, head, out);
}
