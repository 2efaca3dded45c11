/* session_watch.c - whoever watches the bytes of fuzz_session.c: which call an answer belongs to, and what must hold between two steps. */
#include "session_world.h"

/* ---- who watches the bytes ---- */

static struct lane_watch *find_lane(struct world *w, uint64_t number)
{
    for (size_t i = 0; i < LANES; i++) {
        struct lane_watch *lane = &w->lanes[i];
        if (!lane->is_used) {
            *lane = (struct lane_watch){.number = number, .is_used = true, .is_plain = true};
        }
        if (lane->number == number) {
            return lane;
        }
    }
    return NULL;
}

static uint64_t tag_of(const struct pyn_message *message)
{
    struct pyn_reader rd = pyn_reader_of(message->body);
    uint32_t count = 0;
    uint64_t tag = 0;

    if (!pyn_view_is_equal(message->name, pyn_view_of("add")) || pyn_reader_array(&rd, &count) != PYN_OK ||
        count != 2 || pyn_reader_uint(&rd, &tag) != PYN_OK) {
        return UINT64_MAX;
    }
    return tag;
}

static void see_call_in(struct world *w, const struct pyn_message *message)
{
    struct lane_watch *lane = find_lane(w, w->in.lane);

    w->in.calls++;
    if (lane == NULL) {
        return;
    }
    if (lane->count == OUTSTANDING) {
        lane->is_plain = false;
    } else {
        lane->tags[lane->count++] = tag_of(message);
    }
}

static void see_answer_out(struct world *w, const struct pyn_message *message)
{
    struct lane_watch *lane = find_lane(w, w->out.lane);

    w->out.answers++;
    CHECK(w->out.answers <= w->in.calls + (w->role == PYN_ROLE_SERVER)); /* the root answers the hello */
    if (lane == NULL || !lane->is_plain || (w->role == PYN_ROLE_SERVER && w->out.answers == 1)) {
        return;
    }
    CHECK(lane->count > 0);
    uint64_t tag = lane->tags[0];
    lane->count--;
    memmove(lane->tags, lane->tags + 1, lane->count * sizeof lane->tags[0]);
    if (message->kind == PYN_M_RETURN && tag != UINT64_MAX) {
        struct pyn_reader rd = pyn_reader_of(message->body);
        uint64_t value = 0;
        CHECK(pyn_reader_uint(&rd, &value) == PYN_OK && value == tag);
    }
}

static void see_in(struct world *w, const struct pyn_message *message)
{
    if (message->kind == PYN_M_LANE) {
        w->in.lane = message->id;
    } else if (message->kind == PYN_M_CALL || (message->kind == PYN_M_ASK && !message->is_oneway)) {
        see_call_in(w, message);
    } else if (message->kind == PYN_M_BATCH) {
        struct pyn_reader rd = pyn_reader_of(message->body);
        struct pyn_step step;
        for (uint32_t i = 0; i < message->count; i++) {
            CHECK(pyn_message_step(&rd, i, &step) == PYN_OK);
            see_call_in(w, &step.call);
        }
        CHECK(rd.at == rd.len);
    }
}

static void see_out(struct world *w, const struct pyn_message *message)
{
    struct lane_watch *lane = NULL;

    CHECK(!w->out.is_over);
    switch (message->kind) {
    case PYN_M_LANE:
        CHECK(message->id != w->out.lane);
        w->out.lane = message->id;
        break;
    case PYN_M_CALL:
        lane = find_lane(w, w->out.lane);
        if (lane != NULL) {
            lane->is_plain = false;
        }
        break;
    case PYN_M_RETURN:
    case PYN_M_ERROR:
        see_answer_out(w, message);
        break;
    case PYN_M_GOODBYE:
        w->out.is_over = true; /* and nothing may follow */
        break;
    default:
        break;
    }
}

static bool is_of_lane(const struct pyn_message *message)
{
    return message->kind == PYN_M_LANE || message->kind == PYN_M_CANCEL || message->kind == PYN_M_ITEMS ||
           message->kind == PYN_M_RETURN || message->kind == PYN_M_ERROR || message->kind == PYN_M_CALL ||
           message->kind == PYN_M_ASK || message->kind == PYN_M_BATCH;
}

/* The next message of a stream. PYN_EWAIT: it is not whole. */
static pyn_status watch_message(struct world *w, struct pyn_scan *scan, struct pyn_buf *from, bool is_aside, bool is_out)
{
    struct pyn_view held = pyn_buf_view(from);
    struct pyn_message message;
    size_t len = 0;
    size_t need = 0;
    pyn_status st = pyn_scan_feed(scan, held, &len, &need);

    if (st == PYN_OK) {
        st = pyn_message_parse((struct pyn_view){held.data, len}, &message);
    }
    if (st == PYN_OK && scan->has_promise && message.kind != PYN_M_BATCH) {
        st = PYN_EEXT;
    }
    if (st == PYN_OK && is_aside && !is_of_lane(&message)) {
        st = PYN_EPROTOCOL;
    }
    if (st != PYN_OK) {
        return st;
    }
    if (is_out) {
        see_out(w, &message);
    } else {
        see_in(w, &message);
    }
    pyn_buf_consume(from, len + 1);
    return PYN_OK;
}

static void swap_lanes(struct watch *watch)
{
    uint64_t lane = watch->lane;

    watch->lane = watch->aside_lane;
    watch->aside_lane = lane;
}

/* What a part has carried, when it is whole. */
static pyn_status watch_carried(struct world *w, struct watch *watch, bool is_out)
{
    pyn_status st = PYN_OK;

    swap_lanes(watch);
    while (st == PYN_OK && pyn_buf_len(&watch->carried) > 0) {
        st = watch_message(w, &watch->aside, &watch->carried, true, is_out);
    }
    swap_lanes(watch);
    watch->is_amid = pyn_buf_len(&watch->carried) > 0;
    return st == PYN_EWAIT ? PYN_OK : st;
}

/* The head of a part is read by hand: this is another reading than ours. */
static pyn_status watch_head(struct watch *watch)
{
    struct pyn_view held = pyn_buf_view(&watch->held);
    size_t width = held.len < 3           ? 0
                   : held.data[2] == 0xc4 ? 1
                   : held.data[2] == 0xc5 ? 2
                   : held.data[2] == 0xc6 ? 4
                                          : 9;
    size_t len = 0;

    if (width == 9) {
        return PYN_EFORMAT;
    }
    if (width == 0 || held.len < 3 + width) {
        return PYN_EWAIT;
    }
    for (size_t i = 0; i < width; i++) {
        len = len << 8 | held.data[3 + i];
    }
    if (len == 0 || len > watch->limits.message_max || len > PYN_PART_MAX ||
        len > watch->limits.message_max + 1 - pyn_buf_len(&watch->carried)) {
        return PYN_ESIZE;
    }
    watch->part = len;
    watch->in_part = true;
    pyn_buf_consume(&watch->held, 3 + width);
    return PYN_OK;
}

static pyn_status watch_part(struct world *w, struct watch *watch, bool is_out)
{
    struct pyn_view held = pyn_buf_view(&watch->held);

    if (watch->part > 0) {
        held.len = held.len < watch->part ? held.len : watch->part;
        CHECK(pyn_buf_append(&watch->carried, held.data, held.len) == PYN_OK);
        watch->part -= held.len;
        pyn_buf_consume(&watch->held, held.len);
        return PYN_OK;
    }
    if (held.data[0] != '\n') {
        return PYN_ENEWLINE;
    }
    pyn_buf_consume(&watch->held, 1);
    watch->in_part = false;
    return watch_carried(w, watch, is_out);
}

static pyn_status watch_next(struct world *w, struct watch *watch, bool is_out)
{
    struct pyn_view held = pyn_buf_view(&watch->held);

    if (watch->in_part) {
        return watch_part(w, watch, is_out);
    }
    if (watch->scan.place.at == 0 && held.data[0] == 0x92 && held.len == 1) {
        return PYN_EWAIT;
    }
    if (held.data[0] == 0x92 && held.data[1] == 0xf0) {
        return watch_head(watch);
    }
    return watch_message(w, &watch->scan, &watch->held, false, is_out);
}

/* The first bytes that are no message end the watch of the input; in the output there must be none. */
void watch_bytes(struct world *w, struct watch *watch, struct pyn_view bytes, bool is_out)
{
    pyn_status st = PYN_OK;

    if (!is_out && watch->is_over) {
        return;
    }
    CHECK(pyn_buf_append(&watch->held, bytes.data, bytes.len) == PYN_OK);
    while (st == PYN_OK && pyn_buf_len(&watch->held) > 0) {
        st = watch_next(w, watch, is_out);
        CHECK(!is_out || st == PYN_OK || st == PYN_EWAIT);
    }
    if (st != PYN_OK && st != PYN_EWAIT) {
        watch->is_over = true;
    }
}

/* ---- what must always hold ---- */

static void count_lanes(const struct pyn_idnode *node, size_t *waiting, size_t *serving)
{
    if (node == NULL) {
        return;
    }
    const struct pyn_lane *lane = (const struct pyn_lane *)node;
    uint64_t depth = 0;
    for (const struct pyn_frame *frame = lane->top; frame != NULL; frame = frame->below) {
        *serving += frame->is_serving;
        depth++;
    }
    CHECK(depth == lane->depth && depth > 0);
    *waiting += !lane->top->is_serving;
    count_lanes(node->child[0], waiting, serving);
    count_lanes(node->child[1], waiting, serving);
}

static size_t held_count(const struct pyn_holdings *holdings)
{
    size_t count = 0;

    for (uint32_t i = 1; i < holdings->place_count; i++) {
        const struct pyn_import_block *block = (const struct pyn_import_block *)holdings->places[i];
        count += (holdings->places[i] & 1) == 0 ? block->seats - (size_t)__builtin_popcountll(block->free) : 0;
    }
    return count;
}

void watch_check(struct world *w)
{
    const struct pyn_session *s = w->session;
    const struct pyn_ledger *ledger = &s->ledger;
    const size_t held = held_count(&s->imports.holdings);
    size_t waiting = 0;
    size_t serving = 0;

    for (size_t i = 0; i < PYN_Q_HELD; i++) {
        CHECK(ledger->used[i] <= w->quotas.max[i]);
    }
    CHECK(ledger->used[PYN_Q_REFERENCES] + (pyn_exports_find(&w->session->exports, 0) != NULL) ==
          s->exports.by_object.count);
    CHECK(s->exports.slots.used >= ledger->used[PYN_Q_REFERENCES]);
    CHECK(ledger->used[PYN_Q_LENT] <= held);
    CHECK(s->imports.released <= held);
    CHECK(s->turns > 0 || s->batches > 0 || ledger->used[PYN_Q_QUEUED] == 0);
    if (s->state == PYN_OK) {
        CHECK(ledger->used[PYN_Q_OUTPUT] ==
              pyn_session_output_len(s) - (s->freight != NULL ? pyn_freight_overhead(s->freight) : 0));
        CHECK(s->out.loans == NULL || s->out.loans->staged == NULL);
        CHECK(s->freight == NULL || s->freight->out.loans == NULL || s->freight->out.loans->staged == NULL);
        CHECK(ledger->used[PYN_Q_INTERFACES] == s->described.count);
    }
    count_lanes(s->lanes.map.top, &waiting, &serving);
    CHECK(waiting == s->lanes.waiting);
    CHECK(s->batches <= s->turns + serving);
    CHECK(s->state != PYN_OK || serving <= ledger->used[PYN_Q_CALLS]);
}
