/*
 * parts.c - messages that come in parts: a second stream of the peer's, whose bytes are carried by messages of the first.
 *
 * A message counts where the part stands in which it ends: whatever came ahead of that came ahead of it. So parts change how bytes travel, and
 * nothing of what messages mean; there is one stream more, and no more than one.
 */
#include "session_state.h"

enum { HEAD_MAX = 7 }; /* bytes of a part ahead of those that it carries */

/* Those that belong to a lane. What everything behind it depends on does not come in parts. */
bool pyn_parts_may_hold(enum pyn_kind kind)
{
    switch (kind) {
    case PYN_M_CALL:
    case PYN_M_RETURN:
    case PYN_M_ERROR:
    case PYN_M_LANE:
    case PYN_M_CANCEL:
    case PYN_M_ASK:
    case PYN_M_BATCH:
    case PYN_M_ITEMS:
        return true;
    default:
        return false;
    }
}

/* ---- a part begins ---- */

/* How many bytes stand ahead of those that it carries, and how many these are. PYN_EWAIT: *len are missing. */
static pyn_status read_head(struct pyn_view held, size_t *head_len, size_t *len)
{
    size_t width = 0;

    *head_len = 3;
    if (held.len >= 3) {
        width = held.data[2] == 0xc4 ? 1 : held.data[2] == 0xc5 ? 2 : held.data[2] == 0xc6 ? 4 : 0;
        if (width == 0) {
            return PYN_EFORMAT; /* it carries no bin */
        }
        *head_len += width;
    }
    if (held.len < *head_len || width == 0) {
        *len = *head_len - held.len;
        return PYN_EWAIT;
    }
    *len = 0;
    for (size_t i = *head_len - width; i < *head_len; i++) {
        *len = *len << 8 | held.data[i];
    }
    return *len > 0 ? PYN_OK : PYN_EFORMAT;
}

static struct pyn_parts *find_parts(struct pyn_session *session)
{
    if (session->parts == NULL) {
        session->parts = pyn_mem_new(session->mem, 1, sizeof *session->parts);
        if (session->parts != NULL) {
            pyn_buf_init(&session->parts->in.buf, session->mem, SIZE_MAX);
            session->parts->in.lane = session->parts_lane;
        }
    }
    return session->parts;
}

/* What has come behind the head is the part's, as far as it goes; the rest comes straight to its place. */
static pyn_status move_front(struct pyn_session *session)
{
    pyn_status st = PYN_OK;

    while (st == PYN_OK && session->parts->left > 0 && pyn_buf_len(&session->in.buf) > 0) {
        size_t taken = 0;
        st = pyn_parts_put(session, pyn_buf_view(&session->in.buf), &taken);
        pyn_buf_consume(&session->in.buf, taken);
    }
    return st;
}

pyn_status pyn_parts_begin(struct pyn_session *session)
{
    const struct pyn_limits *limits = &session->quotas->limits;
    struct pyn_parts *parts = NULL;
    size_t head_len = 0;
    size_t len = 0;
    pyn_status st = read_head(pyn_buf_view(&session->in.buf), &head_len, &len);

    if (st == PYN_EWAIT) {
        session->in.missing = len;
        session->in.begun_at = session->in.begun_at == 0 ? session->now : session->in.begun_at;
    }
    if (st == PYN_OK && session->phase != PYN_PHASE_READY) {
        st = PYN_EPROTOCOL;
    }
    if (st == PYN_OK && len > pyn_limits_part(limits)) {
        st = PYN_ESIZE;
    }
    if (st != PYN_OK) {
        return st;
    }
    parts = find_parts(session);
    if (parts == NULL) {
        return PYN_ENOMEM;
    }
    if (len > limits->message_max - pyn_buf_len(&parts->in.buf) + 1) { /* its newline: there is never more than one here */
        return PYN_ESIZE;
    }
    parts->left = parts->len = len;
    parts->is_open = true;
    parts->has_ended = false;
    parts->in.begun_at = parts->in.begun_at == 0 ? session->now : parts->in.begun_at;
    session->in.missing = 0;
    session->in.begun_at = 0;
    pyn_buf_consume(&session->in.buf, head_len);
    return move_front(session);
}

/* ---- it is whole ---- */

static void swap(struct pyn_session *session)
{
    const struct pyn_intake first = session->in;

    session->in = session->parts->in;
    session->parts->in = first;
}

/* Every byte has been looked at, and a message may have begun that is not whole. */
static pyn_status finish(struct pyn_session *session)
{
    struct pyn_parts *parts = session->parts;

    parts->is_fresh = false;
    parts->is_amid = pyn_buf_len(&parts->in.buf) > 0;
    if (!parts->is_amid) {
        parts->in.begun_at = 0;
    }
    /* Who cuts so small makes us look as often as for a message. */
    return parts->len < PYN_PART_MIN && !parts->has_ended ? pyn_ledger_oddity(&session->ledger, session->now) : PYN_OK;
}

/* Another message of it. PYN_EWAIT: it waits for room. */
static pyn_status look(struct pyn_session *session, struct pyn_event *event)
{
    struct pyn_parts *parts = session->parts;
    pyn_status st = PYN_OK;

    parts->is_amid = false; /* its own messages may have any size */
    swap(session);
    st = pyn_in_step(session, event);
    swap(session);
    parts->has_ended = parts->has_ended || st == PYN_OK;
    return st == PYN_EWAIT && parts->in.whole == 0 ? finish(session) : st;
}

static pyn_status close_part(struct pyn_session *session)
{
    struct pyn_parts *parts = session->parts;
    struct pyn_view held = pyn_buf_view(&session->in.buf);

    if (held.len == 0) {
        return PYN_EWAIT; /* for the rest of it, or the newline */
    }
    if (held.data[0] != '\n') {
        return PYN_ENEWLINE;
    }
    pyn_buf_consume(&session->in.buf, 1);
    parts->is_open = false;
    parts->is_fresh = true;
    return PYN_OK;
}

/* pyn_parts_is_due(). While bytes of the part are missing nothing stands in the first stream's buffer. */
pyn_status pyn_parts_step(struct pyn_session *session, struct pyn_event *event)
{
    return session->parts->is_fresh ? look(session, event) : close_part(session);
}

/* ---- its end ---- */

void pyn_parts_rest(struct pyn_session *session)
{
    const struct pyn_parts *parts = session->parts;

    if (parts != NULL && !parts->is_open && !parts->is_fresh && !parts->is_amid) {
        session->parts_lane = parts->in.lane;
        pyn_parts_fini(session);
    }
}

void pyn_parts_fini(struct pyn_session *session)
{
    struct pyn_parts *parts = session->parts;

    if (parts != NULL) {
        pyn_buf_fini(&parts->in.buf);
        pyn_mem_free(session->mem, parts->in.scan);
        pyn_mem_free(session->mem, parts);
        session->parts = NULL;
    }
}
