/*
 * fuzz_session.c - one session, of a server or a client, and a host that does anything in any order.
 *
 * The input is a program: each step feeds raw bytes or a message made of a few numbers, or lets the host answer, call back, export, import,
 * release, read the output, or wait. Whatever it does:
 *   - calls are answered in their order, each once, in every lane in which nothing was called back;
 *   - the tables agree with the ledger, and no quota is exceeded;
 *   - an id is never used twice, and every object that was taken is given back once;
 *   - the output does not depend on how the input was cut;
 *   - after the end nothing is owed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../src/session/session_state.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static const char POLICY[] =
    "{\n"
    " \"imports\": {\"m:Watcher\": {\"facet\": true, \"methods\": {\"add\": \"(a: int, b: int) -> int\"}}},\n"
    " \"interfaces\": {\n"
    "  \"m:Child\": {\"class\": \"m:Child\", \"methods\": {\"add\": \"(a: int, b: int) -> int\"}},\n"
    "  \"m:Root\": {\"class\": \"m:Root\", \"methods\": {\n"
    "   \"add\": \"(a: int, b: int) -> int\",\n"
    "   \"child\": \"() -> m:Child\",\n"
    "   \"take\": \"(child: m:Child) -> none\",\n"
    "   \"watch\": \"(w: m:Watcher) -> m:Child|none\"\n"
    "  }}\n"
    " },\n"
    " \"platform\": \"linux\",\n"
    " \"pynto-policy\": 1,\n"
    " \"python\": \"3.11\",\n"
    " \"roots\": {\"main\": \"m:Root\"}\n"
    "}\n";

enum {
    LANES = 64,       /* lanes that are watched */
    OUTSTANDING = 64, /* calls of a lane that are watched */
    RUNNING = 16,
    OBJECTS = 16,
    PROXIES = 16,
    LOG_ROOM = 1 << 20,
};

/* ---- memory that may fail ---- */

struct memory {
    struct pyn_mem mem;
    size_t left; /* allocations until one fails; 0: none does */
    size_t live;
};

static void *fuzz_realloc(void *ctx, void *block, size_t size)
{
    struct memory *memory = ctx;

    if (size == 0) {
        memory->live -= block != NULL;
        free(block);
        return NULL;
    }
    if (memory->left > 0 && --memory->left == 0) {
        return NULL;
    }
    memory->live += block == NULL;
    return realloc(block, size);
}

/* ---- who watches the bytes ---- */

/* What was called in a lane and not answered yet. */
struct lane_watch {
    uint64_t number;
    bool is_used;
    bool is_plain; /* nothing was called back in it, and nothing was lost sight of */
    size_t count;
    uint64_t tags[OUTSTANDING]; /* UINT64_MAX: it cannot succeed */
};

struct watch {
    struct pyn_limits limits;
    struct pyn_scan scan;
    struct pyn_buf held;
    uint64_t lane;         /* of the stream that is looked at */
    struct pyn_scan aside; /* the second stream, which comes in parts */
    struct pyn_buf carried;
    uint64_t aside_lane;
    size_t part; /* bytes of a part that are still to come, its newline not counted */
    bool in_part;
    bool is_amid; /* a message of the second stream is not whole */
    bool is_over;
    size_t calls;
    size_t answers;
};

struct world {
    struct memory memory;
    struct pyn_quotas quotas;
    struct pyn_session *session;
    enum pyn_role role;
    uint64_t now;
    bool is_cut; /* the input comes byte by byte */
    bool is_stuck;
    const uint8_t *program;
    size_t left;
    struct watch in;
    struct watch out;
    struct pyn_buf pending; /* of the second stream, not in a part yet */
    struct lane_watch lanes[LANES];
    struct pyn_call *running[RUNNING];
    char objects[OBJECTS];
    size_t held[OBJECTS]; /* times that the session holds it */
    size_t lent;          /* parcels whose bytes it has to give back */
    uint64_t last_id;
    struct {
        uint64_t id;
        const struct pyn_iface *iface;
    } proxies[PROXIES];
    size_t part_len; /* of parts of ours */
    uint64_t log;    /* of the output */
    size_t log_len;
};

static struct pyn_policy *policy;
static const struct pyn_iface *root_iface;
static const struct pyn_iface *child_iface;

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
static void watch_bytes(struct world *w, struct watch *watch, struct pyn_view bytes, bool is_out)
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

static void check_invariants(struct world *w)
{
    const struct pyn_session *s = w->session;
    const struct pyn_ledger *ledger = &s->ledger;
    size_t waiting = 0;
    size_t serving = 0;

    for (size_t i = 0; i < PYN_Q_HELD; i++) {
        CHECK(ledger->used[i] <= w->quotas.max[i]);
    }
    CHECK(ledger->used[PYN_Q_REFERENCES] + (pyn_exports_find(&w->session->exports, 0) != NULL) ==
          s->exports.by_object.count);
    CHECK(s->exports.slots.used >= ledger->used[PYN_Q_REFERENCES]);
    CHECK(ledger->used[PYN_Q_LENT] <= s->imports.map.count);
    CHECK(s->imports.released <= s->imports.map.count);
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

/* ---- the program ---- */

static uint8_t take(struct world *w)
{
    if (w->left == 0) {
        return 0;
    }
    w->left--;
    return *w->program++;
}

/* ---- the host ---- */

static const struct pyn_iface *watcher_of(const struct pyn_iface *iface)
{
    const struct pyn_op *op = iface == NULL ? NULL : pyn_iface_op(iface, PYN_OP_METHOD, pyn_view_of("watch"));

    return op == NULL || op->signatures[0].param_count == 0 ? NULL : op->signatures[0].params[0].type->import;
}

/* The interface that this side exports its objects under. */
static const struct pyn_iface *own_iface(struct world *w, uint8_t choice)
{
    if (w->role == PYN_ROLE_SERVER) {
        return choice % 4 == 0 ? root_iface : child_iface;
    }
    return watcher_of(pyn_described_find(w->session, root_iface->index + 1));
}

static void host_import(struct world *w, uint64_t id, uint32_t number, const struct pyn_iface *iface)
{
    const struct pyn_iface *got = NULL;
    void *proxy = NULL;

    if (pyn_session_import(w->session, id, number, number == 0 ? iface : NULL, &got, &proxy) != PYN_OK) {
        return;
    }
    for (size_t i = 0; i < PROXIES; i++) {
        if (proxy == NULL && w->proxies[i].iface == NULL) {
            w->proxies[i].id = id;
            w->proxies[i].iface = got;
            pyn_session_set_proxy(w->session, id, got, &w->proxies[i]);
            return;
        }
    }
    if (proxy == NULL) {
        pyn_session_release(w->session, id, got);
    }
}

static void host_decode(struct world *w, struct pyn_view values, const struct pyn_iface *iface)
{
    struct pyn_reader rd = pyn_reader_of(values);
    struct pyn_item item;
    bool is_mine = false;
    uint64_t id = 0;
    uint32_t number = 0;

    while (pyn_reader_peek(&rd) != PYN_W_END && pyn_reader_next(&rd, &item) == PYN_OK) {
        if (item.wire == PYN_W_EXT && pyn_item_ref(&item, &is_mine, &id, &number) == PYN_OK && is_mine) {
            host_import(w, id, number, iface);
        }
    }
}

static void host_take_call(struct world *w, struct pyn_call *call)
{
    CHECK(call->verdict.op != NULL && call->iface != NULL);
    CHECK(call->object >= (void *)w->objects && call->object < (void *)(w->objects + OBJECTS));
    CHECK(w->held[(char *)call->object - w->objects] > 0);
    if (pyn_view_is_equal(call->verdict.op->name, pyn_view_of("watch"))) {
        host_decode(w, call->body, watcher_of(call->iface));
    }
    for (size_t i = 0; i < RUNNING; i++) {
        if (w->running[i] == NULL) {
            w->running[i] = call;
            return;
        }
    }
    CHECK(false); /* more calls run than the quota lets in */
}

static void host_take(struct world *w, const struct pyn_event *event)
{
    switch (event->kind) {
    case PYN_EV_HELLO:
        if (pyn_session_welcome(w->session, &w->objects[0], root_iface) == PYN_OK) {
            w->held[0]++;
        }
        break;
    case PYN_EV_CALL:
        host_take_call(w, event->call);
        break;
    case PYN_EV_ANSWER:
        if (event->answer->status == PYN_OK && !event->answer->is_error) {
            host_decode(w, event->answer->value, watcher_of(root_iface));
        }
        pyn_session_answer_free(w->session, event->answer);
        break;
    case PYN_EV_CANCEL:
    case PYN_EV_GOODBYE:
        (void)pyn_status_class(event->reason.len > 0 ? (pyn_status)event->reason.data[0] % PYN_ENOMEM : PYN_OK);
        break;
    case PYN_EV_PONG:
        break;
    case PYN_EV_NONE:
        CHECK(false);
    }
}

static void drain(struct world *w)
{
    struct pyn_event event;
    pyn_status st = PYN_OK;

    while ((st = pyn_session_next(w->session, w->now, &event)) == PYN_OK) {
        host_take(w, &event);
    }
    CHECK(st == PYN_EWAIT || st == pyn_session_state(w->session));
    CHECK(st == PYN_EWAIT || !pyn_session_wants_input(w->session));
}

static void feed(struct world *w, struct pyn_view bytes)
{
    if (w->is_stuck) {
        return;
    }
    watch_bytes(w, &w->in, bytes, false);
    while (bytes.len > 0) {
        uint8_t *space = NULL;
        size_t room = 0;
        if (pyn_session_space(w->session, &space, &room) != PYN_OK) {
            w->is_stuck = true; /* the rest is lost: nothing more can be sent */
            break;
        }
        CHECK(room > 0);
        room = w->is_cut ? 1 : room;
        room = room < bytes.len ? room : bytes.len;
        memcpy(space, bytes.data, room);
        pyn_session_received(w->session, room);
        bytes.data += room;
        bytes.len -= room;
        if (w->is_cut) {
            drain(w);
        }
    }
    drain(w);
}

/* ---- steps ---- */

static void step_raw(struct world *w)
{
    size_t len = take(w);

    len = len < w->left ? len : w->left;
    struct pyn_view bytes = {w->program, len};
    w->program += len;
    w->left -= len;
    feed(w, bytes);
}

static void pack_body(struct world *w, struct pyn_buf *buf, uint8_t choice)
{
    static const char *const names[] = {"add", "add", "add", "child", "watch", "take", "sub", "add"};
    uint8_t a = take(w);

    (void)pyn_pack_str(buf, names[choice % 8], strlen(names[choice % 8]));
    switch (choice % 8) {
    case 3:
        (void)pyn_pack_array(buf, 0);
        break;
    case 4:
        (void)pyn_pack_array(buf, 1);
        (void)pyn_pack_mine(buf, a % 16, 0);
        break;
    case 5:
        (void)pyn_pack_array(buf, 1);
        (void)pyn_pack_yours(buf, a % 16);
        break;
    case 6:
        (void)pyn_pack_array(buf, 2);
        (void)pyn_pack_mine(buf, a % 16, 0);
        (void)pyn_pack_mine(buf, a % 4, 0);
        break;
    default:
        (void)pyn_pack_array(buf, choice == 7 ? 1 : 2);
        (void)pyn_pack_uint(buf, a);
        if (choice != 7) {
            (void)pyn_pack_uint(buf, 0);
        }
        break;
    }
    (void)pyn_pack_map(buf, 0);
}

/* Some name a step ahead of them, and now and then themselves. */
static void pack_step(struct world *w, struct pyn_buf *buf, uint32_t index)
{
    uint8_t choice = take(w);
    bool is_bad = choice == 0xff;
    uint32_t named = is_bad ? index : choice / 16 % (index > 0 ? index : 1);
    bool may_name = index > 0 || is_bad;
    bool is_take = choice & 4;

    (void)pyn_pack_array(buf, 4);
    if (may_name && choice & 1) {
        (void)pyn_pack_promise(buf, named);
    } else {
        (void)pyn_pack_uint(buf, 0);
    }
    if (!may_name || choice & 2) {
        pack_body(w, buf, choice / 4 % 8);
        return;
    }
    (void)pyn_pack_str(buf, is_take ? "take" : "add", is_take ? 4 : 3);
    (void)pyn_pack_array(buf, is_take ? 1 : 2);
    (void)pyn_pack_promise(buf, named);
    if (!is_take) {
        (void)pyn_pack_uint(buf, take(w));
    }
    (void)pyn_pack_map(buf, 0);
}

static void pack_batch(struct world *w, struct pyn_buf *buf)
{
    uint32_t count = 1u + take(w) % 8;

    (void)pyn_pack_array(buf, 3);
    (void)pyn_pack_int(buf, PYN_M_BATCH);
    (void)pyn_pack_array(buf, count);
    for (uint32_t i = 0; i < count; i++) {
        pack_step(w, buf, i);
    }
    (void)pyn_pack_map(buf, 0);
    (void)pyn_pack_newline(buf);
}

static void pack_return(struct world *w, struct pyn_buf *buf)
{
    uint8_t choice = take(w);

    (void)pyn_pack_array(buf, 2);
    (void)pyn_pack_int(buf, PYN_M_RETURN);
    if (choice < 128) {
        (void)pyn_pack_uint(buf, choice);
    } else {
        (void)pyn_pack_mine(buf, choice % 8, choice % 64 / 8);
    }
}

/* With details or without, such as fit and such as do not. */
static void pack_error(struct pyn_buf *buf, unsigned choice)
{
    static const char *const keys[] = {"value", "fields", "causes", "errors", "yours", "beyond", "other"};
    const char *key = keys[choice / 2 % 6];

    (void)pyn_pack_array(buf, 2 + choice % 2);
    (void)pyn_pack_int(buf, PYN_M_ERROR);
    (void)pyn_pack_array(buf, 4);
    (void)pyn_pack_str(buf, choice % 3 == 0 ? "StopIteration" : "E", choice % 3 == 0 ? 13 : 1);
    (void)pyn_pack_str(buf, "e", 1);
    (void)pyn_pack_nil(buf);
    (void)pyn_pack_nil(buf);
    if (choice % 2 != 0) {
        (void)pyn_pack_map(buf, 1);
        (void)pyn_pack_str(buf, key, strlen(key));
        if (choice / 2 % 6 == 1) {
            (void)pyn_pack_map(buf, 1);
            (void)pyn_pack_str(buf, "f", 1);
        }
        (void)(choice % 5 == 0 ? pyn_pack_mine(buf, choice % 8, choice % 3) : pyn_pack_uint(buf, choice));
    }
    (void)pyn_pack_newline(buf);
}

static void pack_items(struct world *w, struct pyn_buf *buf)
{
    uint8_t choice = take(w);

    (void)pyn_pack_array(buf, 2);
    (void)pyn_pack_int(buf, PYN_M_ITEMS);
    (void)pyn_pack_array(buf, choice % 4);
    for (int i = 0; i < choice % 4; i++) {
        (void)(choice < 240 ? pyn_pack_uint(buf, choice) : pyn_pack_mine(buf, choice % 8, choice % 3));
    }
    (void)pyn_pack_newline(buf);
}

/* A call that is not answered. */
static void pack_oneway(struct world *w, struct pyn_buf *buf, uint8_t choice)
{
    (void)pyn_pack_array(buf, 6);
    (void)pyn_pack_int(buf, PYN_M_ASK);
    (void)pyn_pack_uint(buf, choice / 64);
    pack_body(w, buf, take(w) % 8);
    (void)pyn_pack_map(buf, 1);
    (void)pyn_pack_str(buf, "oneway", 6);
    (void)pyn_pack_bool(buf, true);
    (void)pyn_pack_newline(buf);
}

static void pack_message(struct world *w, struct pyn_buf *buf)
{
    uint8_t choice = take(w);

    switch (choice % 8) {
    case 0:
    case 1:
    case 2:
        (void)pyn_pack_array(buf, 4);
        (void)pyn_pack_uint(buf, choice / 8 % 8);
        pack_body(w, buf, choice / 64 + choice % 8 * 2);
        (void)pyn_pack_newline(buf);
        break;
    case 3:
        (void)pyn_message_lane(buf, choice / 8 % 8);
        break;
    case 4:
        (void)pyn_message_free(buf, choice / 8 % 16, choice / 128 + 1);
        break;
    case 5:
        (void)pyn_message_cancel(buf);
        break;
    case 6:
        pack_return(w, buf);
        (void)pyn_pack_newline(buf);
        break;
    default:
        if (choice & 8) {
            pack_batch(w, buf);
        } else if (choice & 16) {
            pack_items(w, buf);
        } else if (choice & 32) {
            pack_oneway(w, buf, choice);
        } else if (choice & 64) {
            (void)pyn_message_look(buf, choice / 128 + 1, pyn_view_of("m:Child"));
        } else {
            pack_error(buf, choice / 32);
        }
        break;
    }
}

static void step_message(struct world *w)
{
    struct pyn_buf buf;

    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    pack_message(w, &buf);
    feed(w, pyn_buf_view(&buf));
    pyn_buf_fini(&buf);
}

/* Some bytes of the second stream. */
static void step_part(struct world *w)
{
    uint8_t choice = take(w);
    struct pyn_view next;
    struct pyn_buf buf;

    if (choice & 1 || pyn_buf_len(&w->pending) == 0) {
        pack_message(w, &w->pending);
    }
    next = pyn_buf_view(&w->pending);
    next.len = next.len < choice / 2 ? next.len : choice / 2;
    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    (void)pyn_pack_array(&buf, 2);
    (void)pyn_pack_int(&buf, PYN_M_PART);
    (void)pyn_pack_bin_head(&buf, next.len);
    if (next.len > 0) {
        (void)pyn_buf_append(&buf, next.data, next.len);
    }
    (void)pyn_pack_newline(&buf);
    feed(w, pyn_buf_view(&buf));
    pyn_buf_consume(&w->pending, next.len);
    pyn_buf_fini(&buf);
}

static void step_hello(struct world *w)
{
    struct pyn_buf buf;

    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    (void)pyn_message_hello(&buf, NULL, NULL, 0);
    if (w->role == PYN_ROLE_CLIENT) {
        const struct pyn_iface *ifaces[] = {root_iface, child_iface};
        for (size_t i = 0; i < 2; i++) {
            (void)pyn_pack_array(&buf, 3);
            (void)pyn_pack_int(&buf, PYN_M_DESCRIBE);
            (void)pyn_pack_uint(&buf, ifaces[i]->index + 1);
            (void)pyn_buf_append(&buf, ifaces[i]->fragment.data, ifaces[i]->fragment.len);
            (void)pyn_pack_newline(&buf);
        }
        (void)pyn_pack_array(&buf, 2);
        (void)pyn_pack_int(&buf, PYN_M_RETURN);
        (void)pyn_pack_mine(&buf, 0, root_iface->index + 1);
        (void)pyn_pack_newline(&buf);
    }
    feed(w, pyn_buf_view(&buf));
    pyn_buf_fini(&buf);
}

/* The value of an answer is the tag of the call. */
static struct pyn_view tag_value(const struct pyn_call *call, uint8_t *room)
{
    struct pyn_reader rd = pyn_reader_of(call->body);
    uint32_t count = 0;
    uint64_t tag = 0;
    struct pyn_buf buf;

    room[0] = 0xc0;
    if (pyn_reader_array(&rd, &count) != PYN_OK || count == 0 || pyn_reader_uint(&rd, &tag) != PYN_OK) {
        return (struct pyn_view){room, 1};
    }
    pyn_buf_init(&buf, pyn_mem_default(), 16);
    (void)pyn_pack_uint(&buf, tag);
    size_t len = pyn_buf_len(&buf);
    memcpy(room, pyn_buf_view(&buf).data, len);
    pyn_buf_fini(&buf);
    return (struct pyn_view){room, len};
}

/* A reference of ours, where the call has no tag. */
static struct pyn_view child_value(struct world *w, const struct pyn_call *call, uint8_t *room)
{
    struct pyn_view value = tag_value(call, room);
    const struct pyn_iface *iface = own_iface(w, 1);
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;
    struct pyn_buf buf;

    if (value.data[0] != 0xc0 || iface == NULL ||
        pyn_session_export(w->session, &w->objects[1], iface, &id, &number, &is_new) != PYN_OK) {
        return value;
    }
    if (is_new) {
        w->last_id = id;
        w->held[1]++;
    }
    pyn_buf_init(&buf, pyn_mem_default(), 16);
    (void)pyn_pack_mine(&buf, id, number);
    memcpy(room, pyn_buf_view(&buf).data, pyn_buf_len(&buf));
    value.len = pyn_buf_len(&buf);
    pyn_buf_fini(&buf);
    return value;
}

static void step_answer(struct world *w)
{
    uint8_t choice = take(w);
    struct pyn_call *call = w->running[choice % RUNNING];
    struct pyn_view nothing = {NULL, 0};
    uint8_t room[16];
    pyn_status st = PYN_OK;

    if (call == NULL) {
        return;
    }
    const struct pyn_lane *lane = pyn_lanes_find(&w->session->lanes, call->lane);
    bool may_answer = lane != NULL && lane->top->is_running;
    if (choice & 0x80) {
        st = pyn_session_send_error(w->session, call->lane, pyn_view_of("E"), pyn_view_of("e"), nothing, nothing);
    } else {
        st = pyn_session_send_return(w->session, call->lane,
                                     choice & 0x40 ? child_value(w, call, room) : tag_value(call, room));
    }
    CHECK(st != PYN_OK || may_answer);
    CHECK(st == PYN_OK || st == PYN_EINTERNAL || st == PYN_ENOMEM || st == pyn_session_state(w->session));
    if (st == PYN_OK) {
        pyn_session_call_free(w->session, call);
        w->running[choice % RUNNING] = NULL;
    }
    drain(w);
}

static const struct pyn_type *expect_of(struct world *w, uint8_t choice)
{
    static const struct pyn_type an_int = {.kind = PYN_T_INT};
    const struct pyn_iface *iface = pyn_described_find(w->session, root_iface->index + 1);
    const struct pyn_op *op = iface == NULL ? NULL : pyn_iface_op(iface, PYN_OP_METHOD, pyn_view_of("child"));

    if (op != NULL && choice % 3 == 0) {
        return op->signatures[0].result;
    }
    return choice % 3 == 1 ? &an_int : NULL;
}

/* The second half stands elsewhere, with its owner. */
static struct pyn_parcel lend_half(struct pyn_view object, struct pyn_loan *loan)
{
    const size_t own = object.len - object.len / 2;
    uint8_t *copy = malloc(object.len / 2);

    CHECK(copy != NULL);
    memcpy(copy, object.data + own, object.len / 2);
    *loan = (struct pyn_loan){.at = own, .bytes = {copy, object.len / 2}, .owner = copy};
    return (struct pyn_parcel){{object.data, own}, loan, 1};
}

static void step_call(struct world *w)
{
    uint8_t choice = take(w);
    struct pyn_call *inside = w->running[choice % RUNNING];
    uint64_t lane = inside == NULL ? pyn_session_lane(w->session) : inside->lane;
    struct pyn_buf buf;

    if (lane >= LANES / 2) {
        return;
    }
    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    (void)pyn_pack_array(&buf, 4);
    (void)pyn_pack_uint(&buf, 0);
    pack_body(w, &buf, 0);
    const struct pyn_expect expect = {.result = expect_of(w, choice / 16),
                                      .end = choice % 2 != 0 ? expect_of(w, choice / 8) : NULL,
                                      .ahead = choice % 5 == 0 ? choice / 64 : 0};
    struct pyn_loan loan = {0};
    const struct pyn_parcel object = choice % 3 == 1 ? lend_half(pyn_buf_view(&buf), &loan)
                                                     : pyn_parcel_of(pyn_buf_view(&buf));
    pyn_status st = pyn_session_send_batch(w->session, lane, &object, &expect, 1);
    if (loan.owner != NULL) {
        CHECK(st != PYN_OK);
        free(loan.owner);
    } else if (object.count > 0) {
        CHECK(st == PYN_OK);
        w->lent++;
    }
    CHECK(st == PYN_OK || st == PYN_EINTERNAL || st == PYN_ENOMEM || st == PYN_EQUOTA ||
          st == pyn_session_state(w->session));
    pyn_buf_fini(&buf);
    drain(w);
}

static void step_export(struct world *w)
{
    uint8_t choice = take(w);
    size_t index = choice % OBJECTS;
    const struct pyn_iface *iface = own_iface(w, choice / OBJECTS);
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    if (iface == NULL || pyn_session_export(w->session, &w->objects[index], iface, &id, &number, &is_new) != PYN_OK) {
        CHECK(!is_new);
        return;
    }
    if (is_new) {
        CHECK(id > w->last_id);
        w->last_id = id;
        w->held[index]++;
    }
    const struct pyn_iface *seen = NULL;
    CHECK(pyn_session_object(w->session, id, &seen) == &w->objects[index] && seen == iface);
    if (choice & 0x80) {
        pyn_session_unexport(w->session, id);
    }
}

static void step_release(struct world *w)
{
    uint8_t choice = take(w);
    size_t index = choice % PROXIES;

    if (w->proxies[index].iface != NULL) {
        pyn_session_release(w->session, w->proxies[index].id, w->proxies[index].iface);
        w->proxies[index].iface = NULL;
    }
    if (choice & 0x80) {
        (void)pyn_session_flush_frees(w->session);
    }
}

static void reap(struct world *w)
{
    char *object = NULL;

    void *loan = NULL;

    while ((object = pyn_session_reap(w->session)) != NULL) {
        CHECK(w->held[object - w->objects] > 0);
        w->held[object - w->objects]--;
    }
    while ((loan = pyn_session_reap_loan(w->session)) != NULL) {
        CHECK(w->lent > 0);
        w->lent--;
        free(loan);
    }
}

static void read_output(struct world *w, size_t max)
{
    struct pyn_view out = {NULL, 0};

    while (max > 0 && (out = pyn_session_output(w->session)).len > 0) {
        out.len = out.len < max ? out.len : max;
        max -= out.len;
        watch_bytes(w, &w->out, out, true);
        for (size_t i = 0; i < out.len; i++) {
            w->log = (w->log ^ out.data[i]) * UINT64_C(1099511628211);
        }
        w->log_len += out.len;
        pyn_session_written(w->session, out.len);
    }
}

static void step(struct world *w)
{
    switch (take(w) % 14) {
    case 0:
        step_raw(w);
        break;
    case 1:
        step_hello(w);
        break;
    case 2:
    case 3:
    case 4:
        step_message(w);
        break;
    case 5:
    case 6:
        step_answer(w);
        break;
    case 7:
        step_call(w);
        break;
    case 8:
        step_export(w);
        break;
    case 9:
        step_release(w);
        break;
    case 11:
    case 12:
        step_part(w);
        break;
    case 10:
        read_output(w, (size_t)take(w) * 16);
        drain(w);
        break;
    default:
        reap(w);
        w->now += (uint64_t)take(w) * 10000000;
        (void)pyn_session_cancel(w->session, take(w) % 8);
        break;
    }
    check_invariants(w);
}

/* ---- one run ---- */

static void begin(struct world *w, const uint8_t *data, size_t size, bool is_cut)
{
    *w = (struct world){.program = data, .left = size, .is_cut = is_cut, .now = 1};
    w->memory.mem = (struct pyn_mem){fuzz_realloc, &w->memory};
    uint8_t flags = take(w);
    w->role = flags & 1 ? PYN_ROLE_CLIENT : PYN_ROLE_SERVER;
    w->memory.left = flags & 2 ? (size_t)take(w) + 1 : 0;
    w->quotas = pyn_quotas_default();
    w->quotas.limits.message_max = 2048;
    w->quotas.max[PYN_Q_CALLS] = flags & 4 ? 3 : 8;
    w->quotas.max[PYN_Q_NESTING] = 5;
    w->quotas.max[PYN_Q_QUEUED] = flags & 8 ? 2000 : 1 << 20;
    w->quotas.max[PYN_Q_OUTPUT] = flags & 16 ? 1500 : 1 << 20;
    w->quotas.max[PYN_Q_REFERENCES] = 5;
    w->quotas.max[PYN_Q_LENT] = 4;
    w->quotas.max[PYN_Q_INTERFACES] = 3;
    w->quotas.refusals_burst = flags & 32 ? 3 : 1000;
    w->in.limits = w->quotas.limits;
    w->out.limits = PYN_LIMITS_DEFAULT;
    pyn_scan_init(&w->in.scan, &w->in.limits);
    pyn_scan_init(&w->out.scan, &w->out.limits);
    pyn_scan_init(&w->in.aside, &w->in.limits);
    pyn_scan_init(&w->out.aside, &w->out.limits);
    pyn_buf_init(&w->pending, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&w->in.carried, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&w->out.carried, pyn_mem_default(), SIZE_MAX);
    w->part_len = flags & 64 ? 5 + (size_t)take(w) % 40 : SIZE_MAX;
    pyn_buf_init(&w->in.held, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&w->out.held, pyn_mem_default(), SIZE_MAX);
}

/* Every call that was let in is answered, and all output read: then nothing may be open. */
static void settle(struct world *w)
{
    for (bool is_moving = true; is_moving;) {
        is_moving = pyn_session_output(w->session).len > 0;
        read_output(w, SIZE_MAX);
        for (size_t i = 0; i < RUNNING; i++) {
            uint8_t room[16];
            if (w->running[i] != NULL &&
                pyn_session_send_return(w->session, w->running[i]->lane, tag_value(w->running[i], room)) == PYN_OK) {
                pyn_session_call_free(w->session, w->running[i]);
                w->running[i] = NULL;
                is_moving = true;
            }
            drain(w);
        }
    }
    read_output(w, SIZE_MAX);
    if (pyn_session_state(w->session) == PYN_OK && w->session->lanes.map.count == 0 && !w->in.is_over && !w->is_stuck) {
        CHECK(w->out.answers == w->in.calls + (w->role == PYN_ROLE_SERVER && pyn_session_is_ready(w->session)));
        CHECK(w->session->ledger.used[PYN_Q_CALLS] == 0 && w->session->ledger.used[PYN_Q_QUEUED] == 0);
    }
}

static void end(struct world *w)
{
    pyn_session_abandon(w->session);
    for (size_t i = 0; i < RUNNING; i++) {
        pyn_session_call_free(w->session, w->running[i]);
    }
    reap(w);
    for (size_t i = 0; i < OBJECTS; i++) {
        CHECK(w->held[i] == 0);
    }
    CHECK(w->lent == 0);
    CHECK(pyn_ledger_is_clear(pyn_session_ledger(w->session)));
    pyn_session_free(w->session);
    CHECK(w->memory.live == 0);
    pyn_buf_fini(&w->in.held);
    pyn_buf_fini(&w->out.held);
    pyn_buf_fini(&w->pending);
    pyn_buf_fini(&w->in.carried);
    pyn_buf_fini(&w->out.carried);
}

static bool run(struct world *w, const uint8_t *data, size_t size, bool is_cut)
{
    begin(w, data, size, is_cut);
    bool may_fail = w->memory.left > 0;
    struct pyn_session_config config = {.mem = &w->memory.mem, .role = w->role, .quotas = &w->quotas, .now = w->now};
    if (pyn_session_new(&config, &w->session) != PYN_OK) {
        CHECK(w->memory.live == 0);
        return false;
    }
    w->session->part_len = w->part_len;
    while (w->left > 0) {
        step(w);
    }
    settle(w);
    check_invariants(w);
    end(w);
    return !may_fail;
}

static void load_policy(void)
{
    struct pyn_diag diag = {""};

    if (pyn_policy_load(pyn_mem_default(), pyn_view_of(POLICY), &policy, &diag) != PYN_OK) {
        (void)fprintf(stderr, "%s\n", diag.text);
        abort();
    }
    root_iface = pyn_policy_find(policy, pyn_view_of("m:Root"));
    child_iface = pyn_policy_find(policy, pyn_view_of("m:Child"));
    CHECK(root_iface != NULL && child_iface != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world whole;
    static struct world cut;

    if (policy == NULL) {
        load_policy();
    }
    if (size > 4096) {
        return 0;
    }
    if (run(&whole, data, size, false) && run(&cut, data, size, true)) {
        CHECK(whole.log == cut.log && whole.log_len == cut.log_len);
        CHECK(whole.out.answers == cut.out.answers && whole.last_id == cut.last_id);
    }
    return 0;
}
