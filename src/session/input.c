/*
 * input.c - bytes in, messages out of them, and each message to the room that it is for.
 *
 * What may be said, by whom and when is the table below; what is not in it ends the connection.
 */
#include "session_state.h"

enum {
    SPACE = 16 * 1024,    /* bytes that are asked for when there is no room */
    SPACE_MIN = 2 * 1024, /* less than this is not worth a read */
    SLACK = 128 * 1024,   /* bytes that a host may have read already when the peer has to wait */
    SMALL = 256,          /* bytes of a block that an idle session may hold */
    LARGE = 64 * 1024,    /* bytes that are not copied if that can be avoided */
    STEP_MAX = 4 << 20,   /* bytes that are asked for at the most, however much has come */
    BEHIND_PART = 4,      /* of what is not to be copied: no more than that is copied instead */
};

/* ---- bytes ---- */

/* What is held next begins where all do. */
static void drop_taken(struct pyn_session *session)
{
    if (session->in.taken > 0) {
        pyn_buf_consume(&session->in.buf, session->in.taken);
        session->in.taken = 0;
    }
    if (session->in.buf.block == NULL) {
        session->in.buf.mem = session->mem;
    }
}

/* A small block is kept: it is sooner found than made. */
static void give_back_if_empty(struct pyn_session *session)
{
    if (pyn_buf_len(&session->in.buf) == 0 && session->in.buf.room > SMALL) {
        pyn_buf_fini(&session->in.buf);
    }
}

static size_t in_max(const struct pyn_session *session)
{
    size_t max = session->quotas->limits.message_max;

    return (pyn_parts_is_amid(session) && max > PYN_BETWEEN_MAX ? PYN_BETWEEN_MAX : max) + SLACK;
}

/* Half as much again as has come of a message that lacks so much: what is only announced makes no room. */
static size_t wanted(const struct pyn_intake *in, size_t held)
{
    size_t want = held / 2 < STEP_MAX ? held / 2 : STEP_MAX;

    if (want > in->missing) {
        want = in->missing + 1; /* its newline */
    }
    return want > SPACE ? want : SPACE;
}

/* Is it one of those whose pages are moved? Then at is where the bytes that it waits for begin. */
static bool is_to_be_moved(const struct pyn_session *session, const struct pyn_intake *in, size_t held, bool *is_text,
                           size_t *at)
{
    const struct pyn_large *large = session->large;

    return in->buf.mem != large->mem && held >= large->here && held + in->missing >= large->min &&
           pyn_scan_awaits(in->scan, pyn_buf_view(&in->buf), is_text, at);
}

/*
 * So much of a message is here, and so much of it is to come, that it goes where large ones are received. The bytes that it waits for come to stand where an
 * object would have them: pages that are alike need not be copied. One that is not so large, or not yet, goes to where the one before it was. Without memory for it
 * everything stays as it is.
 */
static void settle(const struct pyn_session *session, struct pyn_intake *in, size_t held)
{
    const struct pyn_large *large = session->large;
    bool is_text = false;
    size_t at = 0;

    if (large == NULL || in->scan == NULL || held < LARGE || in->missing < held) {
        return;
    }
    if (is_to_be_moved(session, in, held, &is_text, &at)) {
        (void)pyn_buf_settle(&in->buf, large->mem, at, large->place(large->ctx, is_text), large->page);
    } else if (large->warm != NULL && in->buf.mem == session->mem) {
        (void)pyn_buf_settle(&in->buf, large->warm, 0, 0, 1);
    }
}

/* How much of max bytes may come at once to those that are held; where they are to be put. */
static pyn_status make_space(const struct pyn_session *session, struct pyn_intake *in, size_t max, uint8_t **out,
                             size_t *room)
{
    struct pyn_buf *buf = &in->buf;
    const size_t held = pyn_buf_len(buf);

    if (buf->block == NULL) {
        buf->mem = session->mem;
    }
    settle(session, in, held);
    *room = wanted(in, held);
    if (*room > max) {
        *room = max;
    }
    if (buf->block != NULL && buf->room - buf->end >= SPACE_MIN && buf->room - buf->end < *room) {
        *room = buf->room - buf->end;
    }
    return pyn_buf_reserve(buf, *room, out);
}

static void note_come(struct pyn_intake *in, size_t len)
{
    in->missing -= len < in->missing ? len : in->missing;
}

void pyn_in_fini(struct pyn_session *session)
{
    session->in.taken = session->in.whole = session->stalled = 0;
    pyn_buf_fini(&session->in.buf);
    pyn_parts_fini(session);
}

static pyn_status space(struct pyn_session *session, uint8_t **out, size_t *room)
{
    size_t held = 0;

    if (pyn_parts_want(session) > 0) {
        return make_space(session, &session->parts->in, session->parts->left, out, room);
    }
    drop_taken(session);
    held = pyn_buf_len(&session->in.buf);
    if (held >= in_max(session)) {
        return PYN_EWAIT; /* pyn_session_wants_input() has said so */
    }
    return make_space(session, &session->in, in_max(session) - held, out, room);
}

pyn_status pyn_session_space(struct pyn_session *session, uint8_t **out, size_t *room)
{
    pyn_status st = session->state;

    *out = NULL;
    *room = 0;
    if (st == PYN_OK) {
        st = space(session, out, room);
    }
    session->is_filling = st == PYN_OK;
    return st;
}

static void received(struct pyn_session *session, size_t len)
{
    if (pyn_parts_want(session) > 0) {
        pyn_buf_commit(&session->parts->in.buf, len);
        note_come(&session->parts->in, len);
        session->parts->left -= len;
        return;
    }
    pyn_buf_commit(&session->in.buf, len);
    note_come(&session->in, len);
    if (len == 0) {
        give_back_if_empty(session);
    }
}

void pyn_session_received(struct pyn_session *session, size_t len)
{
    session->is_filling = false;
    if (session->is_abandoned) {
        pyn_in_fini(session);
    } else {
        received(session, len);
    }
}

pyn_status pyn_session_put(struct pyn_session *session, struct pyn_view bytes, size_t *taken)
{
    struct pyn_buf *in = &session->in.buf;
    pyn_status st = session->state;
    size_t held = 0;

    *taken = 0;
    if (st != PYN_OK) {
        return st;
    }
    if (pyn_parts_want(session) > 0) {
        return pyn_parts_put(session, bytes, taken);
    }
    drop_taken(session);
    held = pyn_buf_len(in);
    if (held >= in_max(session)) {
        return PYN_EWAIT;
    }
    if (bytes.len > in_max(session) - held) {
        bytes.len = in_max(session) - held;
    }
    settle(session, &session->in, held);
    st = pyn_buf_append(in, bytes.data, bytes.len);
    if (st == PYN_OK) {
        *taken = bytes.len;
        note_come(&session->in, bytes.len);
    }
    return st;
}

pyn_status pyn_parts_put(struct pyn_session *session, struct pyn_view bytes, size_t *taken)
{
    struct pyn_parts *parts = session->parts;
    uint8_t *room = NULL;
    pyn_status st = make_space(session, &parts->in, parts->left, &room, taken);

    if (st != PYN_OK) {
        *taken = 0;
        return st;
    }
    if (*taken > bytes.len) {
        *taken = bytes.len;
    }
    memcpy(room, bytes.data, *taken);
    received(session, *taken);
    return PYN_OK;
}

bool pyn_session_is_quiet(const struct pyn_session *session)
{
    return session->state == PYN_OK && session->ready_first == NULL && session->in.taken == 0 &&
           pyn_buf_len(&session->in.buf) == 0 && session->in.buf.room <= SMALL &&
           (session->parts == NULL || !session->parts->is_fresh);
}

bool pyn_session_is_large(const struct pyn_session *session)
{
    return pyn_parts_want(session) >= SPACE || (session->in.missing >= LARGE && pyn_buf_len(&session->in.buf) >= LARGE);
}

bool pyn_session_is_amid(const struct pyn_session *session)
{
    return pyn_session_is_large(session) || (session->parts != NULL && session->parts->is_amid);
}

struct pyn_owned pyn_in_take(struct pyn_session *session, struct pyn_view part)
{
    struct pyn_buf *in = &session->in.buf;
    const struct pyn_owned block = {in->block, in->mem};
    const struct pyn_owned none = {NULL, NULL};
    const bool is_inside = in->block != NULL && (uintptr_t)part.data - (uintptr_t)in->block < in->room;
    const size_t behind = pyn_buf_len(in) - session->in.whole;
    struct pyn_buf next;

    if (part.len < LARGE || !is_inside || behind > part.len / BEHIND_PART) {
        return none;
    }
    pyn_buf_init(&next, session->mem, in->max);
    if (pyn_buf_append(&next, pyn_buf_view(in).data + session->in.whole, behind) != PYN_OK) {
        return none;
    }
    *in = next;
    session->in.whole = 0;
    return block;
}

bool pyn_owned_is_paged(const struct pyn_session *session, const struct pyn_owned *block)
{
    return session->large != NULL && block->data != NULL && block->mem == session->large->mem;
}

/* No more is taken from a peer that has sent or left unread so much, unless a lane waits for its answer. */
static bool has_to_wait(const struct pyn_session *session)
{
    const struct pyn_ledger *ledger = &session->ledger;
    const uint64_t *max = session->quotas->max;

    if (session->lanes.waiting > 0) {
        return false;
    }
    return ledger->used[PYN_Q_CALLS] >= max[PYN_Q_CALLS] || ledger->used[PYN_Q_OUTPUT] > max[PYN_Q_OUTPUT] / 2 ||
           (session->stalled > 0 && session->stalled > max[PYN_Q_QUEUED] - ledger->used[PYN_Q_QUEUED]) ||
           session->stalled_calls > max[PYN_Q_CALLS] - ledger->used[PYN_Q_CALLS];
}

bool pyn_session_wants_input(const struct pyn_session *session)
{
    if (session->state != PYN_OK || session->phase == PYN_PHASE_WELCOME || has_to_wait(session)) {
        return false;
    }
    return session->lanes.waiting > 0 || session->ledger.used[PYN_Q_QUEUED] <= session->quotas->max[PYN_Q_QUEUED] / 2;
}

uint64_t pyn_session_unfinished_since(const struct pyn_session *session, size_t *come)
{
    *come = pyn_buf_len(&session->in.buf);
    return session->state == PYN_OK && session->in.whole == 0 && *come > 0 && pyn_session_wants_input(session)
               ? session->in.begun_at
               : 0;
}

uint64_t pyn_session_assembling_since(const struct pyn_session *session, size_t *come)
{
    const struct pyn_parts *parts = session->parts;

    *come = parts != NULL ? pyn_buf_len(&parts->in.buf) : 0;
    return parts != NULL && parts->in.whole == 0 && pyn_session_wants_input(session) ? parts->in.begun_at : 0;
}

/* ---- messages ---- */

/* One that changes nothing for any message is odd. */
static pyn_status take_lane(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    const bool is_odd = session->in.has_lane;

    (void)event;
    session->in.lane = message->id;
    session->in.has_lane = true;
    return is_odd ? pyn_ledger_oddity(&session->ledger, session->now) : PYN_OK;
}

static pyn_status take_goodbye(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    session->state = PYN_EGONE;
    event->kind = PYN_EV_GOODBYE;
    event->token = message->id;
    event->reason = message->name;
    return PYN_OK;
}

static pyn_status take_ping(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    pyn_status st = pyn_ledger_oddity(&session->ledger, session->now);

    (void)event;
    return st == PYN_OK ? pyn_out_pong(session, message->id) : st;
}

static pyn_status take_pong(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    event->kind = PYN_EV_PONG;
    event->token = message->id;
    if (session->pings > 0) {
        session->pings--;
        return PYN_OK;
    }
    return pyn_ledger_oddity(&session->ledger, session->now); /* nobody has asked */
}

struct step {
    pyn_status (*take)(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event);
    enum pyn_phase phase;
    bool is_from_client;
    bool is_from_server;
};

/* By the kind, without its sign. */
static const struct step steps[] = {
    [-PYN_M_CALL] = {pyn_call_take, PYN_PHASE_READY, true, true},
    [-PYN_M_RETURN] = {pyn_answer_take, PYN_PHASE_READY, true, true},
    [-PYN_M_ERROR] = {pyn_answer_take, PYN_PHASE_READY, true, true},
    [-PYN_M_FREE] = {pyn_free_take, PYN_PHASE_READY, true, true},
    [-PYN_M_LANE] = {take_lane, PYN_PHASE_READY, true, true},
    [-PYN_M_DESCRIBE] = {pyn_describe_take, PYN_PHASE_READY, false, true},
    [-PYN_M_CANCEL] = {pyn_cancel_take, PYN_PHASE_READY, true, true},
    [-PYN_M_GOODBYE] = {take_goodbye, PYN_PHASE_READY, true, true},
    [-PYN_M_HELLO] = {pyn_hello_take, PYN_PHASE_HELLO, true, true},
    [-PYN_M_PING] = {take_ping, PYN_PHASE_READY, true, true},
    [-PYN_M_PONG] = {take_pong, PYN_PHASE_READY, true, true},
    [-PYN_M_ASK] = {pyn_call_take, PYN_PHASE_READY, true, true},
    [-PYN_M_BATCH] = {pyn_batch_take, PYN_PHASE_READY, true, true},
    [-PYN_M_ITEMS] = {pyn_items_take, PYN_PHASE_READY, true, true},
    [-PYN_M_STALE] = {pyn_stale_take, PYN_PHASE_READY, false, true},
    [-PYN_M_LOOK] = {pyn_look_take, PYN_PHASE_READY, true, false},
};

static pyn_status dispatch(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    size_t index = (size_t) - (int)message->kind;
    const struct step *step = NULL;
    bool is_allowed = false;

    if (index >= sizeof steps / sizeof steps[0]) {
        return PYN_EPROTOCOL;
    }
    step = &steps[index];
    is_allowed = session->role == PYN_ROLE_SERVER ? step->is_from_client : step->is_from_server;
    /* Whoever wants to go may go at any time. */
    if (!is_allowed || (step->phase != session->phase && message->kind != PYN_M_GOODBYE)) {
        return PYN_EPROTOCOL;
    }
    if (message->kind != PYN_M_LANE) {
        session->in.has_lane = false;
    }
    return step->take(session, message, event);
}

/* They have come, whatever becomes of them. */
static void count_bytes(struct pyn_session *session)
{
    const double len = (double)session->in.whole;

    session->in.begun_at = 0;
    session->in.is_too_fast = !pyn_ledger_has(&session->ledger, PYN_Q_BYTES_PER_SECOND, len, session->now);
    pyn_ledger_spend(&session->ledger, PYN_Q_BYTES_PER_SECOND, len, session->now);
}

static struct pyn_scan *new_scan(const struct pyn_session *session)
{
    struct pyn_scan *scan = pyn_mem_resize(session->mem, NULL, 1, sizeof *scan);

    if (scan != NULL) {
        pyn_scan_init(scan, &session->quotas->limits);
    }
    return scan;
}

/* session->in.whole: the bytes of the message at the front. */
static pyn_status scan(struct pyn_session *session)
{
    size_t len = 0;
    size_t need = 0;
    pyn_status st = PYN_OK;

    if (session->in.whole == 0) {
        struct pyn_view held = pyn_buf_view(&session->in.buf);
        if (held.len == 0) {
            return PYN_EWAIT;
        }
        if (session->in.scan == NULL) {
            session->in.scan = new_scan(session);
        }
        if (session->in.scan == NULL) {
            return PYN_ENOMEM;
        }
        if (pyn_parts_is_amid(session)) {
            pyn_scan_cap(session->in.scan, PYN_BETWEEN_MAX);
        }
        st = pyn_scan_feed(session->in.scan, held, &len, &need);
        session->in.missing = need;
        if (st == PYN_OK) {
            session->in.whole = len + 1; /* its newline */
            count_bytes(session);
        } else if (st == PYN_EWAIT && session->in.begun_at == 0) {
            session->in.begun_at = session->now;
        }
    }
    return st;
}

/* The message that stands whole at the front. in_parts: only what belongs to a lane may come so. */
static inline pyn_status take_front(struct pyn_session *session, bool in_parts, struct pyn_event *event)
{
    struct pyn_place places[PYN_STEPS_MAX];
    struct pyn_message message;
    struct pyn_view object = {pyn_buf_view(&session->in.buf).data, session->in.whole - 1};
    pyn_status st = pyn_message_parse_noting(object, places, &message);

    if (st == PYN_OK && session->in.scan->has_promise && message.kind != PYN_M_BATCH) {
        st = PYN_EEXT;
    }
    if (st == PYN_OK && in_parts && !pyn_parts_may_hold(message.kind)) {
        st = PYN_EPROTOCOL;
    }
    if (st == PYN_OK) {
        st = dispatch(session, &message, event);
    }
    if (st == PYN_OK) {
        session->in.taken = session->in.whole;
        session->in.whole = 0;
    }
    return st;
}

pyn_status pyn_in_step(struct pyn_session *session, struct pyn_event *event)
{
    pyn_status st = scan(session);

    if (st == PYN_OK) {
        st = take_front(session, true, event);
    }
    if (st == PYN_OK) {
        drop_taken(session);
    } else if (st == PYN_EWAIT) {
        give_back_if_empty(session);
    }
    return st;
}

static pyn_status step_once(struct pyn_session *session, struct pyn_event *event)
{
    pyn_status st = PYN_EINTERNAL;

    if (session->phase == PYN_PHASE_WELCOME || has_to_wait(session)) {
        return PYN_EWAIT;
    }
    session->stalled = 0;
    session->stalled_calls = 0;
    if (session->parts != NULL && pyn_parts_is_due(session)) {
        return pyn_parts_step(session, event);
    }
    if (session->in.whole == 0 && pyn_parts_is_head(&session->in.buf)) {
        return pyn_parts_begin(session);
    }
    st = scan(session);
    return st == PYN_OK ? take_front(session, false, event) : st;
}

/* Does it look at the message's own bytes? */
static bool is_borrowing(const struct pyn_event *event)
{
    return event->kind == PYN_EV_HELLO || event->kind == PYN_EV_GOODBYE;
}

pyn_status pyn_session_next(struct pyn_session *session, uint64_t now, struct pyn_event *event)
{
    pyn_status st = PYN_OK;

    *event = (struct pyn_event){.kind = PYN_EV_NONE};
    if (session->state != PYN_OK) {
        return session->state;
    }
    session->now = now;
    if (!session->is_filling) {
        drop_taken(session);
    }
    if (pyn_ready_take(session, event)) {
        return PYN_OK;
    }
    if (session->is_filling) {
        return PYN_EWAIT;
    }
    while (st == PYN_OK && event->kind == PYN_EV_NONE) {
        st = step_once(session, event);
        if (!is_borrowing(event)) {
            drop_taken(session);
        }
    }
    if (st == PYN_EWAIT) {
        give_back_if_empty(session);
        return st;
    }
    return st == PYN_OK ? st : pyn_session_fail(session, st);
}
