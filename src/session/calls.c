/*
 * calls.c - a call of the peer's arrives: it is decided from its bytes, charged, copied, and given its place in its lane.
 *
 * The order is always the same: may it be charged as a call, may it nest, is it permitted, may its copy be charged. Until then nothing
 * has changed; from then on only memory can be missing.
 */
#include "session_state.h"

/* What was decided on one call. */
struct decision {
    pyn_status st; /* PYN_OK, or class refuse */
    enum pyn_quota quota;
    struct pyn_export *target;
    struct pyn_verdict verdict;
    bool is_counted; /* charged to PYN_Q_CALLS */
    size_t charged;  /* charged to PYN_Q_QUEUED */
};

static bool is_behind(const struct pyn_lane *lane)
{
    return lane != NULL && lane->top->is_serving;
}

static size_t block_size(size_t body_len)
{
    size_t len = sizeof(struct pyn_turn) + body_len;

    return len < PYN_SMALL_BLOCK ? PYN_SMALL_BLOCK : len;
}

static void refuse_quota(struct decision *decision, enum pyn_quota quota)
{
    decision->st = PYN_EQUOTA;
    decision->quota = quota;
}

/* ---- deciding ---- */

static void decide(struct pyn_session *session, const struct pyn_lane *lane, const struct pyn_message *message,
                   struct decision *decision)
{
    if (lane != NULL && !lane->top->is_serving && lane->depth >= session->quotas->max[PYN_Q_NESTING]) {
        refuse_quota(decision, PYN_Q_NESTING);
        return;
    }
    decision->target = message->is_known_ref ? pyn_exports_find(&session->exports, message->id) : NULL;
    if (decision->target == NULL) {
        decision->st = PYN_EDENIED;
        return;
    }
    session->seen.count = 0;
    decision->st = pyn_admit(decision->target->iface, message->name, message->body, &session->refs, &decision->verdict);
    if (session->seen.is_short) {
        session->seen.is_short = false;
        decision->st = PYN_ENOMEM;
    }
}

static void uncharge(struct pyn_session *session, const struct decision *decision)
{
    pyn_ledger_refund(&session->ledger, PYN_Q_QUEUED, decision->charged);
    pyn_ledger_refund(&session->ledger, PYN_Q_CALLS, decision->is_counted);
}

/*
 * The copy of an admitted call, or the place of a refused one among those ahead of it. As long as no lane waits for the peer, room is
 * made without it: then the call can stay in the buffer until there is some.
 */
static pyn_status charge_copy(struct pyn_session *session, const struct pyn_message *message, struct decision *decision)
{
    size_t size = block_size(decision->st == PYN_OK ? message->body.len : 0);

    if (pyn_ledger_charge(&session->ledger, PYN_Q_QUEUED, size) == PYN_OK) {
        decision->charged = size;
        return PYN_OK;
    }
    if (session->lanes.waiting == 0 && size <= session->quotas->max[PYN_Q_QUEUED]) {
        session->stalled = size;
        return PYN_EWAIT;
    }
    refuse_quota(decision, PYN_Q_QUEUED);
    return PYN_OK;
}

static pyn_status charge_and_decide(struct pyn_session *session, const struct pyn_lane *lane,
                                    const struct pyn_message *message, struct decision *decision)
{
    pyn_status st = PYN_OK;

    if (pyn_ledger_charge(&session->ledger, PYN_Q_CALLS, 1) != PYN_OK) {
        refuse_quota(decision, PYN_Q_CALLS); /* a lane waits: else input.c had left the call in the buffer */
        return PYN_OK;
    }
    decision->is_counted = true;
    decide(session, lane, message, decision);
    if (pyn_status_class(decision->st) == PYN_CLASS_BROKEN) {
        st = decision->st;
    } else if (decision->st == PYN_OK || (is_behind(lane) && decision->st != PYN_EQUOTA)) {
        st = charge_copy(session, message, decision);
    }
    if (st != PYN_OK || decision->st == PYN_EQUOTA) {
        uncharge(session, decision);
        decision->is_counted = false;
        decision->charged = 0;
    }
    return st;
}

/* ---- placing ---- */

static struct pyn_turn *new_turn(struct pyn_session *session, const struct pyn_message *message,
                                 const struct decision *decision)
{
    size_t len = decision->st == PYN_OK ? message->body.len : 0;
    size_t size = block_size(len);
    bool is_small = size == PYN_SMALL_BLOCK;
    struct pyn_turn *turn = is_small ? pyn_pool_take(&session->blocks) : pyn_mem_resize(session->mem, NULL, 1, size);

    if (turn == NULL) {
        return NULL;
    }
    *turn = (struct pyn_turn){.call = {.lane = session->in_lane, .verdict = decision->verdict},
                              .verdict = decision->st,
                              .quota = decision->quota,
                              .is_counted = decision->is_counted,
                              .is_small = is_small,
                              .repeat = 1,
                              .charged = decision->charged};
    session->turns++;
    if (decision->st == PYN_OK) {
        uint8_t *body = (uint8_t *)(turn + 1);
        memcpy(body, message->body.data, len);
        turn->call.body = (struct pyn_view){body, len};
        turn->call.iface = decision->target->iface;
        turn->call.object = decision->target->object;
        turn->target = decision->target;
        pyn_exports_pin(turn->target);
        if (session->seen.count > 0) {
            pyn_holds_take(&session->seen, &turn->holds);
        }
    }
    return turn;
}

/* Nothing is ahead of it: its turn is now. */
static pyn_status serve(struct pyn_session *session, bool is_nested, const struct pyn_message *message,
                        const struct decision *decision, struct pyn_event *event)
{
    struct pyn_frame *frame = NULL;
    struct pyn_turn *turn = new_turn(session, message, decision);

    if (turn == NULL) {
        uncharge(session, decision);
        return PYN_ENOMEM;
    }
    if (pyn_lanes_push(&session->lanes, session->in_lane, true, &frame) != PYN_OK) {
        pyn_ledger_refund(&session->ledger, PYN_Q_CALLS, 1);
        pyn_turn_free(session, turn);
        return PYN_ENOMEM;
    }
    frame->is_running = true;
    turn->call.is_nested = is_nested;
    session->ledger.called++;
    event->kind = PYN_EV_CALL;
    event->call = &turn->call;
    return PYN_OK;
}

static pyn_status refuse_now(struct pyn_session *session, const struct decision *decision)
{
    struct pyn_turn turn = {.call = {.verdict = decision->verdict}, .verdict = decision->st, .quota = decision->quota};

    uncharge(session, decision);
    return pyn_refusal_send(session, session->in_lane, &turn);
}

static pyn_status queue(struct pyn_session *session, struct pyn_lane *lane, const struct pyn_message *message,
                        const struct decision *decision)
{
    struct pyn_frame *frame = lane->top;
    struct pyn_turn *turn = NULL;

    if (decision->st == PYN_EQUOTA && pyn_queue_repeat(&frame->queue, decision->quota)) {
        return PYN_OK;
    }
    turn = new_turn(session, message, decision);
    if (turn == NULL) {
        uncharge(session, decision);
        return PYN_ENOMEM;
    }
    turn->call.is_nested = frame->below != NULL;
    session->ledger.called += decision->st == PYN_OK;
    pyn_queue_put(&frame->queue, turn);
    return PYN_OK;
}

/* ---- arriving ---- */

static pyn_status count_refusal(struct pyn_session *session)
{
    return pyn_ledger_refusal(&session->ledger, session->now);
}

pyn_status pyn_call_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    struct pyn_lane *lane = pyn_lanes_find(&session->lanes, session->in_lane);
    struct decision decision = {.st = PYN_EINTERNAL};
    pyn_status st = PYN_EINTERNAL;

    if (lane == NULL && pyn_lanes_is_ours(&session->lanes, session->in_lane)) {
        return PYN_EPROTOCOL; /* ours to begin */
    }
    st = charge_and_decide(session, lane, message, &decision);
    if (st != PYN_OK) {
        return st;
    }
    if (decision.st == PYN_OK) {
        return is_behind(lane) ? queue(session, lane, message, &decision)
                               : serve(session, lane != NULL, message, &decision, event);
    }
    st = is_behind(lane) ? queue(session, lane, message, &decision) : refuse_now(session, &decision);
    if (st == PYN_OK) {
        st = pyn_references_give_back(session, message->body);
    }
    return st == PYN_OK ? count_refusal(session) : st;
}

/* A call that runs goes on. One that waits is answered in its turn; what it would have brought goes back now. */
pyn_status pyn_cancel_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    struct pyn_lane *lane = pyn_lanes_find(&session->lanes, session->in_lane);
    struct pyn_turn *turn = NULL;
    pyn_status st = PYN_OK;

    (void)message;
    (void)event;
    if (lane == NULL) {
        return count_refusal(session);
    }
    turn = pyn_queue_cancel(&lane->top->queue);
    if (turn == NULL) {
        return PYN_OK;
    }
    if (turn->verdict == PYN_OK) {
        turn->verdict = PYN_ECANCELLED;
        st = pyn_references_give_back(session, turn->call.body);
        if (st != PYN_OK) {
            return st;
        }
    }
    return count_refusal(session);
}
