/* serving.c - the answers to the peer's calls, and whose turn it is when one has been given. */
#include <stdio.h>

#include "session_state.h"

enum { TEXT_ROOM = 512 };

/* ---- a turn's end ---- */

void pyn_turn_free(struct pyn_session *session, struct pyn_turn *turn)
{
    if (turn->target != NULL) {
        pyn_exports_unpin(&session->exports, turn->target);
    }
    pyn_holds_drop(&session->exports, &turn->holds);
    pyn_batch_drop(session, &turn->batch);
    pyn_ledger_refund(&session->ledger, PYN_Q_QUEUED, turn->charged);
    session->turns--;
    pyn_owned_free(&turn->block);
    if (turn->is_small) {
        pyn_pool_give(&session->blocks, turn);
    } else {
        pyn_mem_free(session->mem, turn);
    }
}

void pyn_session_call_free(struct pyn_session *session, struct pyn_call *call)
{
    if (call != NULL) {
        pyn_turn_free(session, (struct pyn_turn *)call);
    }
}

/* ---- refusals ---- */

static const char *refusal_type(pyn_status st)
{
    switch (st) {
    case PYN_EARGS:
        return "TypeError";
    case PYN_EQUOTA:
        return "QuotaExceeded";
    case PYN_ECANCELLED:
        return "Cancelled";
    default:
        return "Refused";
    }
}

/* The error that a refused call is answered with. */
struct refusal {
    struct pyn_error_head head;
    struct pyn_view details;
    char text[TEXT_ROOM]; /* what they point at, where it is made here */
    uint8_t retry[PYN_RETRY_LEN];
};

static void refusal_text(const struct pyn_session *session, const struct pyn_turn *turn, char *text, size_t room)
{
    switch (turn->verdict) {
    case PYN_EARGS:
        pyn_verdict_text(&turn->call.verdict, text, room);
        break;
    case PYN_EQUOTA:
        if (turn->is_too_much) {
            (void)snprintf(text, room, "message: %zu", session->quotas->limits.message_max);
            break;
        }
        pyn_quota_text(session->quotas, turn->quota, text, room);
        break;
    case PYN_ECANCELLED:
        (void)snprintf(text, room, "cancelled");
        break;
    default:
        (void)snprintf(text, room, "not permitted");
        break;
    }
}

static void describe(const struct pyn_session *session, const struct pyn_turn *turn, struct refusal *out)
{
    out->details = (struct pyn_view){NULL, 0};
    if (turn->is_broken) {
        pyn_batch_error(session, turn->batch, turn->batch->outcomes[turn->step].origin, &out->head, &out->details,
                        out->text, sizeof out->text);
        return;
    }
    refusal_text(session, turn, out->text, sizeof out->text);
    out->head = (struct pyn_error_head){.type = pyn_view_of(refusal_type(turn->verdict)), .text = pyn_view_of(out->text)};
    if (turn->verdict == PYN_EQUOTA && pyn_quota_is_rate(turn->quota)) {
        pyn_details_retry(turn->retry_after, out->retry);
        out->details = (struct pyn_view){out->retry, sizeof out->retry};
    }
}

pyn_status pyn_refusal_send(struct pyn_session *session, uint64_t lane, const struct pyn_turn *turn)
{
    struct refusal refusal;

    describe(session, turn, &refusal);
    return pyn_out_error(session, lane, &refusal.head, refusal.details);
}

pyn_status pyn_refusal_note(struct pyn_session *session, struct pyn_batch *batch, uint32_t step,
                            const struct pyn_turn *turn)
{
    struct refusal refusal;

    if (batch == NULL) {
        return PYN_OK;
    }
    describe(session, turn, &refusal);
    return pyn_batch_note_error(session, batch, step, &refusal.head, refusal.details);
}

/* ---- the next turn ---- */

static void make_ready(struct pyn_session *session, struct pyn_turn *turn)
{
    turn->next = NULL;
    if (session->ready_last == NULL) {
        session->ready_first = turn;
    } else {
        session->ready_last->next = turn;
    }
    session->ready_last = turn;
}

void pyn_frame_run(struct pyn_frame *frame, struct pyn_turn *turn)
{
    frame->batch = turn->batch; /* moved: the turn is the host's from now on, who may free it before it is answered */
    frame->step = turn->step;
    frame->is_oneway = turn->call.is_oneway;
    turn->call.depth = frame->depth;
    frame->is_cancelled = false;
    turn->batch = NULL;
}

bool pyn_ready_take(struct pyn_session *session, struct pyn_event *event)
{
    struct pyn_turn *turn = session->ready_first;

    if (turn == NULL) {
        return false;
    }
    session->ready_first = turn->next;
    if (session->ready_first == NULL) {
        session->ready_last = NULL;
    }
    turn->next = NULL;
    turn->call.is_overdue = turn->call.is_oneway;
    pyn_lanes_find(&session->lanes, turn->call.lane)->top->is_running = true;
    event->kind = PYN_EV_CALL;
    event->call = &turn->call;
    return true;
}

pyn_status pyn_turn_refuse(struct pyn_session *session, struct pyn_turn *turn)
{
    pyn_status st = turn->is_broken ? PYN_OK : pyn_refusal_note(session, turn->batch, turn->step, turn);

    for (uint64_t i = 0; st == PYN_OK && i < turn->repeat && !turn->call.is_oneway; i++) {
        st = pyn_refusal_send(session, turn->call.lane, turn);
    }
    pyn_ledger_refund(&session->ledger, PYN_Q_CALLS, turn->is_counted);
    pyn_turn_free(session, turn);
    return st;
}

/* The call on top of the lane has been answered. */
static pyn_status advance(struct pyn_session *session, struct pyn_lane *lane)
{
    struct pyn_turn *turn = NULL;
    pyn_status st = PYN_OK;

    pyn_ledger_refund(&session->ledger, PYN_Q_CALLS, 1);
    lane->top->is_running = false;
    pyn_batch_drop(session, &lane->top->batch);
    while (st == PYN_OK && (turn = pyn_queue_take(&lane->top->queue)) != NULL) {
        st = pyn_step_settle(session, &turn);
        if (st == PYN_OK && turn->verdict == PYN_OK) {
            pyn_frame_run(lane->top, turn);
            make_ready(session, turn);
            return PYN_OK;
        }
        if (st == PYN_OK) {
            st = pyn_turn_refuse(session, turn);
        } else {
            pyn_turn_free(session, turn);
        }
    }
    if (st == PYN_OK) {
        pyn_lanes_pop(&session->lanes, lane);
    }
    return st;
}

void pyn_serving_drop_all(struct pyn_session *session)
{
    struct pyn_turn *turn = NULL;
    struct pyn_lane *lane = NULL;

    while ((turn = session->ready_first) != NULL) {
        session->ready_first = turn->next;
        pyn_turn_free(session, turn);
    }
    session->ready_last = NULL;
    while ((lane = pyn_idmap_any(&session->lanes.map)) != NULL) {
        while ((turn = pyn_queue_take(&lane->top->queue)) != NULL) {
            pyn_turn_free(session, turn);
        }
        pyn_batch_drop(session, &lane->top->batch);
        pyn_lanes_pop(&session->lanes, lane);
    }
    pyn_ledger_refund(&session->ledger, PYN_Q_CALLS, session->ledger.used[PYN_Q_CALLS]);
}

/* ---- answering ---- */

/* len: of the value. */
static pyn_status write_return(struct pyn_session *session, uint64_t lane, const struct pyn_parcel *value, size_t len)
{
    const struct pyn_sending sending = {.lane = lane, .len = len};
    struct pyn_writing writing;
    pyn_status st = pyn_out_begin(session, &sending, &writing);

    if (st == PYN_OK) {
        st = pyn_buf_append(&writing.to->buf, pyn_return_head, sizeof pyn_return_head);
    }
    if (st == PYN_OK) {
        st = pyn_out_parcel(session, &writing, value);
    }
    if (st == PYN_OK) {
        st = pyn_pack_newline(&writing.to->buf);
    }
    return pyn_out_reply_status(pyn_out_end(session, &writing, st));
}

/* The lane, if the host runs a call in it. */
static pyn_status find_running(struct pyn_session *session, uint64_t lane, struct pyn_lane **found)
{
    if (session->state != PYN_OK) {
        return session->state;
    }
    *found = pyn_lanes_find(&session->lanes, lane);
    return *found != NULL && (*found)->top->is_running ? PYN_OK : PYN_EINTERNAL;
}

bool pyn_session_is_in_batch(const struct pyn_session *session, uint64_t number)
{
    const struct pyn_lane *lane = pyn_lanes_find(&session->lanes, number);

    return lane != NULL && lane->top->is_serving && lane->top->batch != NULL && lane->top->step > 0;
}

/* A reply that does not go out for want of memory may be tried again; one that the peer has left no room for ends it. */
static pyn_status answered(struct pyn_session *session, struct pyn_lane *lane, pyn_status st)
{
    if (st != PYN_OK) {
        pyn_batch_forget(session, lane->top->batch, lane->top->step);
    }
    if (st == PYN_OK) {
        st = advance(session, lane);
        return st == PYN_OK ? PYN_OK : pyn_session_fail(session, st);
    }
    return pyn_status_class(st) == PYN_CLASS_CLOSE ? pyn_session_fail(session, st) : st;
}

/* A step whose result others may be waiting for: it is remembered in one piece. */
static pyn_status return_step(struct pyn_session *session, const struct pyn_lane *lane, const struct pyn_parcel *value)
{
    const size_t len = pyn_parcel_len(value);
    struct pyn_parcel whole = *value;
    uint8_t *copy = NULL;
    pyn_status st = PYN_OK;

    if (value->count > 0) {
        copy = pyn_mem_resize(session->mem, NULL, 1, len);
        if (copy == NULL) {
            return PYN_ENOMEM;
        }
        pyn_parcel_copy(value, copy);
        whole = pyn_parcel_of((struct pyn_view){copy, len});
    }
    st = pyn_batch_note_value(session, lane->top->batch, lane->top->step, whole.own);
    if (st == PYN_OK) {
        st = write_return(session, lane->node.id, &whole, len);
    }
    pyn_mem_free(session->mem, copy);
    return st;
}

pyn_status pyn_session_send_return(struct pyn_session *session, uint64_t lane, struct pyn_view value)
{
    const struct pyn_parcel parcel = pyn_parcel_of(value);

    return pyn_session_send_value(session, lane, &parcel);
}

pyn_status pyn_session_send_value(struct pyn_session *session, uint64_t lane, const struct pyn_parcel *value)
{
    const size_t len = pyn_parcel_len(value);
    struct pyn_lane *found = NULL;
    pyn_status st = find_running(session, lane, &found);

    if (st != PYN_OK) {
        return st;
    }
    if (found->top->is_oneway) {
        return answered(session, found, PYN_OK);
    }
    if (len > SIZE_MAX - sizeof pyn_return_head || len + sizeof pyn_return_head > session->quotas->limits.message_max) {
        return PYN_EQUOTA; /* still to be answered: by an error */
    }
    st = found->top->batch != NULL ? return_step(session, found, value) : write_return(session, lane, value, len);
    return answered(session, found, st);
}

pyn_status pyn_session_send_failure(struct pyn_session *session, uint64_t lane, const struct pyn_error_head *head,
                                    struct pyn_view details)
{
    struct pyn_lane *found = NULL;
    pyn_status st = find_running(session, lane, &found);

    if (st != PYN_OK) {
        return st;
    }
    if (found->top->is_oneway) {
        return answered(session, found, PYN_OK);
    }
    if (details.len > session->quotas->limits.message_max) {
        return PYN_EQUOTA; /* still to be answered: without them */
    }
    st = pyn_batch_note_error(session, found->top->batch, found->top->step, head, details);
    if (st == PYN_OK) {
        st = pyn_out_error(session, lane, head, details);
    }
    return answered(session, found, st);
}

pyn_status pyn_session_send_error(struct pyn_session *session, uint64_t lane, struct pyn_view type,
                                  struct pyn_view text, struct pyn_view traceback, struct pyn_view incident)
{
    struct pyn_error_head head = {type, text, traceback, incident};

    return pyn_session_send_failure(session, lane, &head, (struct pyn_view){NULL, 0});
}
