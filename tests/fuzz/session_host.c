/* session_host.c - the host of fuzz_session.c: it takes what comes, and answers, calls back, exports, imports and releases as the program says. */
#include "session_world.h"

/* ---- the policy ---- */

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

static struct pyn_policy *policy;
const struct pyn_iface *root_iface;
const struct pyn_iface *child_iface;

/* ---- what it takes ---- */

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
    struct pyn_import *entry = NULL;

    if (pyn_session_import(w->session, id, number, number == 0 ? iface : NULL, &entry) != PYN_OK) {
        CHECK(entry == NULL);
        return;
    }
    CHECK(entry->id == id);
    if (entry->proxy != NULL) {
        CHECK(*(struct pyn_import **)entry->proxy == entry); /* it has not moved */
        return;
    }
    for (size_t i = 0; i < PROXIES; i++) {
        if (w->proxies[i] == NULL) {
            w->proxies[i] = entry;
            entry->proxy = &w->proxies[i];
            return;
        }
    }
    pyn_session_release(w->session, entry);
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

void host_drain(struct world *w)
{
    struct pyn_event event;
    pyn_status st = PYN_OK;

    while ((st = pyn_session_next(w->session, w->now, &event)) == PYN_OK) {
        host_take(w, &event);
    }
    CHECK(st == PYN_EWAIT || st == pyn_session_state(w->session));
    CHECK(st == PYN_EWAIT || !pyn_session_wants_input(w->session));
}

void host_feed(struct world *w, struct pyn_view bytes)
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
        if (w->is_cut) { /* as another thread might; AddressSanitizer sees whether the place is still there */
            pyn_session_rest(w->session);
            host_drain(w);
        }
        memcpy(space, bytes.data, room);
        pyn_session_received(w->session, room);
        bytes.data += room;
        bytes.len -= room;
        if (w->is_cut) {
            host_drain(w);
        }
    }
    host_drain(w);
}

/* ---- what it does ---- */

/* The value of an answer is the tag of the call. */
struct pyn_view host_tag(const struct pyn_call *call, uint8_t *room)
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
    struct pyn_view value = host_tag(call, room);
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

void host_answer(struct world *w)
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
                                     choice & 0x40 ? child_value(w, call, room) : host_tag(call, room));
    }
    CHECK(st != PYN_OK || may_answer);
    CHECK(st == PYN_OK || st == PYN_EINTERNAL || st == PYN_ENOMEM || st == pyn_session_state(w->session));
    if (st == PYN_OK) {
        pyn_session_call_free(w->session, call);
        w->running[choice % RUNNING] = NULL;
    }
    host_drain(w);
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

void host_call(struct world *w)
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
    peer_pack_body(w, &buf, 0);
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
    host_drain(w);
}

void host_export(struct world *w)
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

void host_release(struct world *w)
{
    uint8_t choice = take(w);
    size_t index = choice % PROXIES;

    if (w->proxies[index] != NULL) {
        CHECK(w->proxies[index]->proxy == &w->proxies[index]);
        pyn_session_release(w->session, w->proxies[index]);
        w->proxies[index] = NULL;
    }
    if (choice & 0x80) {
        (void)pyn_session_flush_frees(w->session);
    }
}

void host_reap(struct world *w)
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

void host_load(void)
{
    struct pyn_diag diag = {""};

    if (policy != NULL) {
        return;
    }
    if (pyn_policy_load(pyn_mem_default(), pyn_view_of(POLICY), &policy, &diag) != PYN_OK) {
        (void)fprintf(stderr, "%s\n", diag.text);
        abort();
    }
    root_iface = pyn_policy_find(policy, pyn_view_of("m:Root"));
    child_iface = pyn_policy_find(policy, pyn_view_of("m:Child"));
    CHECK(root_iface != NULL && child_iface != NULL);
}
