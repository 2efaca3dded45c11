/* message.c - parses messages: a table of kinds, and a function for the parts of each. See message.h; message_write.c has the other way. */
#include "message.h"

#include <assert.h>

#include "head.h"

enum { CALL_PARTS = 4 }; /* no kind but the call has so many items */

static pyn_status read_name(struct pyn_reader *rd, struct pyn_view *name)
{
    pyn_status st = pyn_reader_str(rd, name);

    if (st == PYN_OK && (name->len == 0 || name->len > PYN_NAME_MAX)) {
        st = PYN_EFORMAT;
    }
    return st;
}

static pyn_status read_uint_upto(struct pyn_reader *rd, uint64_t max, uint64_t *value)
{
    pyn_status st = pyn_reader_uint(rd, value);

    return st == PYN_OK && *value > max ? PYN_EFORMAT : st;
}

/* *text is empty when it is nil. */
static pyn_status read_str_or_nil(struct pyn_reader *rd, struct pyn_view *text, bool *has_text)
{
    struct pyn_item item;

    *text = (struct pyn_view){NULL, 0};
    *has_text = pyn_reader_peek(rd) == PYN_W_STR;
    if (*has_text) {
        return pyn_reader_str(rd, text);
    }
    return pyn_reader_next(rd, &item) == PYN_OK && item.wire == PYN_W_NIL ? PYN_OK : PYN_EFORMAT;
}

/* One object of the given kind, whole, as a view. */
static pyn_status read_whole(struct pyn_reader *rd, struct pyn_view *body)
{
    size_t from = rd->at;
    pyn_status st = pyn_reader_skip(rd);

    if (st == PYN_OK) {
        *body = (struct pyn_view){rd->data + from, rd->at - from};
    }
    return st;
}

static pyn_status read_map_whole(struct pyn_reader *rd, struct pyn_view *body)
{
    return pyn_reader_peek(rd) == PYN_W_MAP ? read_whole(rd, body) : PYN_EFORMAT;
}

static bool is_tag_next(const struct pyn_reader *rd)
{
    struct pyn_reader copy = *rd;
    struct pyn_item item;
    enum pyn_tag tag;

    return rd->at < rd->len && pyn_forms[rd->data[rd->at]].wire == PYN_W_EXT &&
           pyn_reader_next(&copy, &item) == PYN_OK && pyn_item_tag(&item, &tag);
}

/* An array that is a tuple: no tag in front. */
static pyn_status skip_args(struct pyn_reader *rd)
{
    uint32_t count = 0;

    if (pyn_reader_array(rd, &count) != PYN_OK || (count > 0 && is_tag_next(rd))) {
        return PYN_EFORMAT;
    }
    return pyn_reader_skip_many(rd, count);
}

static pyn_status skip_kwargs(struct pyn_reader *rd)
{
    uint32_t count = 0;
    struct pyn_view key;
    pyn_status st = pyn_reader_map(rd, &count);

    for (uint32_t i = 0; st == PYN_OK && i < count; i++) {
        st = pyn_reader_str(rd, &key);
        if (st == PYN_OK) {
            st = pyn_reader_skip(rd);
        }
    }
    return st;
}

/* Behind the reference. */
static pyn_status parse_operation(struct pyn_reader *rd, struct pyn_message *out)
{
    if (read_name(rd, &out->name) != PYN_OK) {
        return PYN_EFORMAT;
    }
    size_t from = rd->at;
    if (skip_args(rd) != PYN_OK || skip_kwargs(rd) != PYN_OK) {
        return PYN_EFORMAT;
    }
    out->body = (struct pyn_view){rd->data + from, rd->at - from};
    return PYN_OK;
}

static pyn_status set_reference(const struct pyn_item *ref, struct pyn_message *out)
{
    if (ref->wire != PYN_W_UINT && ref->wire != PYN_W_NINT) {
        return PYN_EFORMAT;
    }
    out->is_known_ref = ref->wire == PYN_W_UINT;
    out->id = out->is_known_ref ? ref->uint : 0;
    return PYN_OK;
}

static pyn_status parse_call(struct pyn_reader *rd, struct pyn_message *out)
{
    struct pyn_item ref;
    pyn_status st = pyn_reader_next(rd, &ref);

    if (st == PYN_OK) {
        st = set_reference(&ref, out);
    }
    return st == PYN_OK ? parse_operation(rd, out) : st;
}

static pyn_status parse_return(struct pyn_reader *rd, struct pyn_message *out)
{
    return read_whole(rd, &out->body);
}

static pyn_status parse_error(struct pyn_reader *rd, struct pyn_message *out)
{
    struct pyn_error_head head;
    pyn_status st = pyn_error_head_read(rd, &head);

    out->name = head.type;
    out->text = head.text;
    out->traceback = head.traceback;
    out->incident = head.incident;
    return st;
}

static pyn_status parse_detailed(struct pyn_reader *rd, struct pyn_message *out)
{
    struct pyn_details details;
    pyn_status st = parse_error(rd, out);
    size_t from = rd->at;

    if (st == PYN_OK && pyn_details_read(rd, NULL, &details) != PYN_OK) {
        st = PYN_EFORMAT;
    }
    out->body = (struct pyn_view){rd->data + from, rd->at - from};
    return st;
}

static pyn_status parse_free(struct pyn_reader *rd, struct pyn_message *out)
{
    if (pyn_reader_uint(rd, &out->id) != PYN_OK || pyn_reader_uint(rd, &out->count) != PYN_OK) {
        return PYN_EFORMAT;
    }
    return out->count >= 1 ? PYN_OK : PYN_EFORMAT;
}

/* LANE, PING, PONG */
static pyn_status parse_token(struct pyn_reader *rd, struct pyn_message *out)
{
    return read_uint_upto(rd, INT64_MAX, &out->id);
}

static pyn_status parse_describe(struct pyn_reader *rd, struct pyn_message *out)
{
    if (read_uint_upto(rd, UINT32_MAX, &out->id) != PYN_OK || out->id == 0) {
        return PYN_EFORMAT;
    }
    return read_map_whole(rd, &out->body);
}

static pyn_status parse_look(struct pyn_reader *rd, struct pyn_message *out)
{
    if (read_uint_upto(rd, UINT32_MAX, &out->id) != PYN_OK || out->id == 0 ||
        pyn_reader_str(rd, &out->name) != PYN_OK || out->name.len == 0) {
        return PYN_EFORMAT;
    }
    return PYN_OK;
}

static pyn_status parse_cancel(struct pyn_reader *rd, struct pyn_message *out)
{
    (void)rd;
    (void)out;
    return PYN_OK;
}

static pyn_status parse_goodbye(struct pyn_reader *rd, struct pyn_message *out)
{
    pyn_status st = read_uint_upto(rd, UINT32_MAX, &out->id);

    return st == PYN_OK ? pyn_reader_str(rd, &out->name) : st;
}

static pyn_status parse_stale(struct pyn_reader *rd, struct pyn_message *out)
{
    if (pyn_reader_uint(rd, &out->id) != PYN_OK || read_str_or_nil(rd, &out->name, &out->has_name) != PYN_OK) {
        return PYN_EFORMAT;
    }
    return out->has_name && (out->name.len == 0 || out->name.len > PYN_NAME_MAX) ? PYN_EFORMAT : PYN_OK;
}

/* What speaks another protocol or version is told so, whatever else it wrote. */
static pyn_status parse_hello(struct pyn_reader *rd, struct pyn_message *out)
{
    struct pyn_view magic;

    if (pyn_reader_str(rd, &magic) != PYN_OK) {
        return PYN_EFORMAT;
    }
    if (!pyn_view_is_equal(magic, pyn_view_of("pynto"))) {
        return PYN_EVERSION;
    }
    if (pyn_reader_uint(rd, &out->id) != PYN_OK) {
        return PYN_EFORMAT;
    }
    if (out->id != PYN_VERSION) {
        return PYN_EVERSION;
    }
    if (read_str_or_nil(rd, &out->name, &out->has_name) != PYN_OK) {
        return PYN_EFORMAT;
    }
    if (out->has_name && (out->name.len == 0 || out->name.len > PYN_NAME_MAX)) {
        return PYN_EFORMAT;
    }
    return read_map_whole(rd, &out->body);
}

/* ---- options ---- */

static pyn_status read_ahead(struct pyn_reader *rd, struct pyn_message *out)
{
    uint64_t count = 0;
    pyn_status st = read_uint_upto(rd, UINT32_MAX, &count);

    out->ahead = (uint32_t)count;
    return st == PYN_OK && count > 0 ? PYN_OK : PYN_EFORMAT;
}

static pyn_status read_within(struct pyn_reader *rd, struct pyn_message *out)
{
    out->has_within = true;
    return read_uint_upto(rd, INT64_MAX, &out->within_us);
}

static pyn_status read_oneway(struct pyn_reader *rd, struct pyn_message *out)
{
    struct pyn_item item;

    if (pyn_reader_next(rd, &item) != PYN_OK || item.wire != PYN_W_BOOL || !item.truth) {
        return PYN_EFORMAT;
    }
    out->is_oneway = true;
    return PYN_OK;
}

struct option {
    const char *key;
    pyn_status (*read)(struct pyn_reader *rd, struct pyn_message *out);
    bool is_for_batch; /* too */
};

static const struct option options[] = {
    {"ahead", read_ahead, false},   /* 1 to 2**32 - 1 */
    {"oneway", read_oneway, false}, /* true */
    {"within", read_within, true},  /* microseconds, 0 to 2**63 - 1 */
};

static pyn_status read_option(struct pyn_reader *rd, struct pyn_message *out)
{
    struct pyn_view key = {NULL, 0};

    if (pyn_reader_str(rd, &key) != PYN_OK) {
        return PYN_EFORMAT;
    }
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        const struct option *option = &options[i];
        if (pyn_view_is_equal(key, pyn_view_of(option->key)) && (out->kind == PYN_M_ASK || option->is_for_batch)) {
            return option->read(rd, out);
        }
    }
    return PYN_EFORMAT;
}

static pyn_status parse_options(struct pyn_reader *rd, struct pyn_message *out)
{
    uint32_t count = 0;
    pyn_status st = pyn_reader_map(rd, &count);

    for (uint32_t i = 0; st == PYN_OK && i < count; i++) {
        st = read_option(rd, out);
    }
    return st == PYN_OK ? PYN_OK : PYN_EFORMAT;
}

/* ---- batches ---- */

/* Each names a step ahead of this one; *has is set when there is any. */
static pyn_status check_promises(struct pyn_view values, uint32_t index, bool *has)
{
    struct pyn_reader rd = pyn_reader_of(values);
    struct pyn_item item;
    uint32_t step = 0;

    if (memchr(values.data, PYN_EXT_PROMISE, values.len) == NULL) { /* the type of a promise stands in none of them */
        return PYN_OK;
    }
    while (rd.at < rd.len) {
        if (pyn_reader_next(&rd, &item) != PYN_OK) {
            return PYN_EFORMAT;
        }
        if (pyn_item_promise(&item, &step)) {
            if (step >= index) {
                return PYN_EEXT;
            }
            *has = true;
        }
    }
    return PYN_OK;
}

static pyn_status parse_target(struct pyn_reader *rd, uint32_t index, struct pyn_step *out)
{
    struct pyn_item ref;
    uint32_t step = 0;

    if (pyn_reader_next(rd, &ref) != PYN_OK) {
        return PYN_EFORMAT;
    }
    if (!pyn_item_promise(&ref, &step)) {
        return set_reference(&ref, &out->call);
    }
    out->is_on_promise = out->has_promises = true;
    out->call.id = step;
    return step < index ? PYN_OK : PYN_EEXT;
}

pyn_status pyn_message_step(struct pyn_reader *steps, uint32_t index, struct pyn_step *out)
{
    size_t from = steps->at;
    uint32_t count = 0;
    pyn_status st = PYN_EINTERNAL;

    *out = (struct pyn_step){.call.kind = PYN_M_CALL};
    if (pyn_reader_array(steps, &count) != PYN_OK || count != CALL_PARTS) {
        return PYN_EFORMAT;
    }
    st = parse_target(steps, index, out);
    if (st == PYN_OK) {
        st = parse_operation(steps, &out->call);
    }
    if (st == PYN_OK) {
        out->whole = (struct pyn_view){steps->data + from, steps->at - from};
        st = check_promises(out->call.body, index, &out->has_promises);
    }
    return st;
}

static struct pyn_place place_of(const struct pyn_step *step, const uint8_t *steps)
{
    const struct pyn_view body = step->call.body;

    return (struct pyn_place){.id = step->call.id,
                              .from = (size_t)(step->whole.data - steps),
                              .name = (size_t)(step->call.name.data - steps),
                              .body = (size_t)(body.data - steps),
                              .end = (size_t)(body.data - steps) + body.len,
                              .name_len = (uint32_t)step->call.name.len,
                              .is_known_ref = step->call.is_known_ref,
                              .is_on_promise = step->is_on_promise,
                              .has_promises = step->has_promises};
}

void pyn_message_noted_step(const struct pyn_message *batch, uint32_t index, struct pyn_step *out)
{
    assert(batch->places != NULL && index < batch->count);
    const struct pyn_place *place = &batch->places[index];
    const uint8_t *steps = batch->body.data;

    *out = (struct pyn_step){.call = {.kind = PYN_M_CALL,
                                      .is_known_ref = place->is_known_ref,
                                      .id = place->id,
                                      .name = {steps + place->name, place->name_len},
                                      .body = {steps + place->body, place->end - place->body}},
                             .is_on_promise = place->is_on_promise,
                             .has_promises = place->has_promises,
                             .whole = {steps + place->from, place->end - place->from}};
}

static pyn_status parse_batch(struct pyn_reader *rd, struct pyn_message *out)
{
    uint32_t count = 0;
    struct pyn_step step;
    pyn_status st = PYN_OK;

    if (pyn_reader_array(rd, &count) != PYN_OK || count == 0) {
        return PYN_EFORMAT;
    }
    if (count > PYN_STEPS_MAX) {
        return PYN_ESIZE;
    }
    size_t from = rd->at;
    for (uint32_t i = 0; st == PYN_OK && i < count; i++) {
        st = pyn_message_step(rd, i, &step);
        if (st == PYN_OK && out->places != NULL) {
            out->places[i] = place_of(&step, rd->data + from);
        }
    }
    if (st != PYN_OK) {
        return st;
    }
    out->count = count;
    out->body = (struct pyn_view){rd->data + from, rd->at - from};
    return parse_options(rd, out);
}

/* ---- a call with options ---- */

static pyn_status parse_ask(struct pyn_reader *rd, struct pyn_message *out)
{
    pyn_status st = parse_call(rd, out);

    if (st == PYN_OK) {
        st = parse_options(rd, out);
    }
    if (st != PYN_OK || (out->is_oneway && out->ahead > 0)) { /* who wants no answer wants no items */
        return PYN_EFORMAT;
    }
    return PYN_OK;
}

static pyn_status parse_items(struct pyn_reader *rd, struct pyn_message *out)
{
    uint32_t count = 0;

    if (pyn_reader_array(rd, &count) != PYN_OK || count == 0 || is_tag_next(rd)) {
        return PYN_EFORMAT;
    }
    size_t from = rd->at;
    pyn_status st = pyn_reader_skip_many(rd, count);
    out->count = count;
    out->body = (struct pyn_view){rd->data + from, rd->at - from};
    return st;
}

struct grammar {
    enum pyn_kind kind;
    uint32_t count; /* items of the array, the kind among them */
    pyn_status (*parse)(struct pyn_reader *rd, struct pyn_message *out);
};

static const struct grammar grammars[] = {
    {PYN_M_RETURN, 2, parse_return},     /* value */
    {PYN_M_ERROR, 2, parse_error},       /* [type, text, traceback, incident] */
    {PYN_M_ERROR, 3, parse_detailed},    /* the same, details */
    {PYN_M_FREE, 3, parse_free},         /* id, count */
    {PYN_M_LANE, 2, parse_token},        /* lane */
    {PYN_M_DESCRIBE, 3, parse_describe}, /* interface, map */
    {PYN_M_CANCEL, 1, parse_cancel},     /* nothing */
    {PYN_M_GOODBYE, 3, parse_goodbye},   /* code, reason */
    {PYN_M_HELLO, 5, parse_hello},       /* "pynto", version, root, limits */
    {PYN_M_PING, 2, parse_token},        /* token */
    {PYN_M_PONG, 2, parse_token},        /* token */
    {PYN_M_ASK, 6, parse_ask},           /* reference, name, args, kwargs, options */
    {PYN_M_BATCH, 3, parse_batch},       /* [step, ...], options */
    {PYN_M_ITEMS, 2, parse_items},       /* [value, ...] */
    {PYN_M_STALE, 3, parse_stale},       /* reference, name */
    {PYN_M_LOOK, 3, parse_look},         /* interface, name */
};

static const struct grammar *find_grammar(int64_t kind, uint32_t count)
{
    for (size_t i = 0; i < sizeof(grammars) / sizeof(grammars[0]); i++) {
        if (grammars[i].kind == kind && grammars[i].count == count) {
            return &grammars[i];
        }
    }
    return NULL;
}

static pyn_status parse_parts(struct pyn_reader *rd, struct pyn_message *out)
{
    uint32_t count = 0;
    int64_t kind = 0;

    if (pyn_reader_array(rd, &count) != PYN_OK) {
        return PYN_EFORMAT;
    }
    if (count == CALL_PARTS) {
        return parse_call(rd, out);
    }
    if (pyn_reader_int(rd, &kind) != PYN_OK) {
        return PYN_EFORMAT;
    }
    const struct grammar *grammar = find_grammar(kind, count);
    if (grammar == NULL) {
        return PYN_EFORMAT;
    }
    out->kind = grammar->kind;
    return grammar->parse(rd, out);
}

pyn_status pyn_message_parse(struct pyn_view object, struct pyn_message *out)
{
    return pyn_message_parse_noting(object, NULL, out);
}

pyn_status pyn_message_parse_noting(struct pyn_view object, struct pyn_place places[PYN_STEPS_MAX],
                                    struct pyn_message *out)
{
    struct pyn_reader rd = pyn_reader_of(object);

    *out = (struct pyn_message){.kind = PYN_M_CALL, .places = places};
    pyn_status st = parse_parts(&rd, out);
    if (st == PYN_OK && rd.at != rd.len) {
        st = PYN_EFORMAT;
    }
    return st;
}
