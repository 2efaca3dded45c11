/* items.c - results of an iterator that come ahead of the answer to the call that asked for them: ours, and the peer's. */
#include "session_state.h"

enum {
    AHEAD_BYTES_MAX = 64 * 1024
}; /* held beyond it, no more may come: one message is the most that stands above it */

/* ---- out ---- */

static pyn_status write_items(struct pyn_session *session, uint64_t lane, const struct pyn_run *items)
{
    const struct pyn_sending sending = {.lane = lane, .len = items->rest.len};
    struct pyn_writing writing;
    pyn_status st = pyn_out_begin(session, &sending, &writing);
    struct pyn_buf *out = &writing.to->buf;

    if (st == PYN_OK) {
        st = pyn_pack_array(out, 2);
    }
    if (st == PYN_OK) {
        st = pyn_pack_int(out, PYN_M_ITEMS);
    }
    if (st == PYN_OK) {
        st = pyn_pack_array(out, items->count);
    }
    if (st == PYN_OK) {
        st = pyn_buf_append(out, items->rest.data, items->rest.len);
    }
    if (st == PYN_OK) {
        st = pyn_pack_newline(out);
    }
    return pyn_out_reply_status(pyn_out_end(session, &writing, st));
}

pyn_status pyn_session_send_items(struct pyn_session *session, uint64_t lane, const struct pyn_run *items)
{
    struct pyn_lane *found = pyn_lanes_find(&session->lanes, lane);
    pyn_status st = session->state;

    if (st != PYN_OK) {
        return st;
    }
    if (found == NULL || !found->top->is_running || items->count == 0) {
        return PYN_EINTERNAL;
    }
    st = write_items(session, lane, items);
    return pyn_status_class(st) == PYN_CLASS_CLOSE ? pyn_session_fail(session, st) : st;
}

/* ---- in ---- */

static pyn_status check(struct pyn_session *session, const struct pyn_type *type, const struct pyn_message *message)
{
    struct pyn_reader rd = pyn_reader_of(message->body);
    pyn_status st = PYN_OK;

    session->seen.count = 0;
    for (uint64_t i = 0; st == PYN_OK && i < message->count; i++) {
        st = pyn_type_fit(type, &rd, &session->refs);
    }
    return st;
}

/* More of them than were asked for, or others, are a breach: who asks has made room for these. */
pyn_status pyn_items_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    struct pyn_lane *lane = pyn_lanes_find(&session->lanes, session->in.lane);
    struct pyn_frame *frame = lane != NULL ? lane->top : NULL;
    struct pyn_items *items = NULL;
    size_t held = 0;
    uint32_t count = 0;

    (void)event;
    if (frame == NULL || frame->is_serving || frame->expect.result == NULL) {
        return PYN_EPROTOCOL;
    }
    held = frame->items != NULL ? frame->items->len : 0;
    count = frame->items != NULL ? frame->items->count : 0;
    if (message->count > frame->expect.ahead - count || held >= AHEAD_BYTES_MAX ||
        check(session, frame->expect.result, message) != PYN_OK) {
        return PYN_EPROTOCOL;
    }
    items = pyn_mem_resize(session->mem, frame->items, 1, sizeof *items + held + message->body.len);
    if (items == NULL) {
        return PYN_ENOMEM;
    }
    memcpy(items->bytes + held, message->body.data, message->body.len);
    items->len = held + message->body.len;
    items->count = count + (uint32_t)message->count;
    frame->items = items;
    return PYN_OK;
}
