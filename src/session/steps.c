/*
 * steps.c - a batch arrives: each step gets its place as if it had come alone; and a step whose turn has come: what its promises stand for is put in.
 *
 * A step that names no promise is decided when it comes. One that does waits undecided, holding on to the references that it names by themselves;
 * when its turn comes, all that it names has been answered, and what it is then is decided as any call: there is no second way in.
 */
#include "session_state.h"

/* ---- arriving ---- */

/* No less than all of it can be charged with: each step has a block, or its own bytes and a little less than one. */
static size_t weigh(const struct pyn_message *message)
{
    return pyn_batch_size(message->count) + (size_t)message->count * pyn_call_size(0) + message->body.len;
}

static bool is_short(const struct pyn_session *session, enum pyn_quota which, uint64_t amount)
{
    uint64_t max = session->quotas->max[which];

    return amount <= max && amount > max - session->ledger.used[which];
}

/* As long as no lane waits for the peer, a batch waits for the room of all of it. One that can never have it is taken as far as there is room. */
static pyn_status wait_for_room(struct pyn_session *session, const struct pyn_message *message)
{
    size_t size = weigh(message);

    if (session->lanes.waiting > 0) {
        return PYN_OK;
    }
    if (is_short(session, PYN_Q_CALLS, message->count)) {
        session->stalled_calls = message->count;
        return PYN_EWAIT;
    }
    if (is_short(session, PYN_Q_QUEUED, size)) {
        session->stalled = size;
        return PYN_EWAIT;
    }
    return PYN_OK;
}

static pyn_status place_all(struct pyn_session *session, const struct pyn_message *message, struct pyn_batch *batch,
                            struct pyn_event *event)
{
    const uint64_t ends_at = pyn_session_end_of(session, message);
    struct pyn_step step;
    pyn_status st = PYN_OK;

    for (uint32_t i = 0; st == PYN_OK && i < message->count; i++) {
        const struct pyn_arrival arrival = {&step.call, batch, i, &step, ends_at};
        pyn_message_noted_step(message, i, &step);
        st = pyn_call_place(session, &arrival, event);
    }
    if (st != PYN_OK && event->call != NULL) { /* the connection ends: nobody is told of it any more */
        pyn_turn_free(session, (struct pyn_turn *)event->call);
        *event = (struct pyn_event){.kind = PYN_EV_NONE};
    }
    return st;
}

pyn_status pyn_batch_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    struct pyn_batch *batch = NULL;
    pyn_status st = PYN_OK;

    if (pyn_lanes_find(&session->lanes, session->in.lane) == NULL &&
        pyn_lanes_is_ours(&session->lanes, session->in.lane)) {
        return PYN_EPROTOCOL; /* ours to begin */
    }
    st = wait_for_room(session, message);
    if (st != PYN_OK) {
        return st;
    }
    st = pyn_batch_new(session, message, &batch);
    if (st != PYN_OK && st != PYN_EQUOTA) { /* without room for it those that name promises are refused */
        return st;
    }
    st = place_all(session, message, batch, event);
    pyn_batch_drop(session, &batch);
    return st;
}

/* ---- its turn ---- */

/* It is not run. What it would have brought goes back. */
static pyn_status give_up(struct pyn_session *session, struct pyn_turn *turn, pyn_status verdict)
{
    turn->verdict = verdict;
    turn->is_open = false;
    return pyn_references_give_back(session, turn->call.body);
}

static pyn_status refuse(struct pyn_session *session, struct pyn_turn *turn, pyn_status verdict)
{
    pyn_status st = give_up(session, turn, verdict);

    return st == PYN_OK ? pyn_ledger_refusal(&session->ledger, session->now) : st;
}

/* call: what it is, or why it is none. */
static pyn_status decide(struct pyn_session *session, const struct pyn_buf *call, struct pyn_turn **turn)
{
    struct pyn_view whole = pyn_buf_view(call);
    struct pyn_message message;
    pyn_status st = pyn_message_parse((struct pyn_view){whole.data, whole.len - 1}, &message);

    if (st == PYN_OK) {
        st = pyn_call_decide_step(session, &message, turn);
    }
    if (st != PYN_OK) {
        return st;
    }
    (*turn)->is_open = false;
    if ((*turn)->verdict != PYN_OK) {
        return refuse(session, *turn, (*turn)->verdict);
    }
    session->ledger.called++;
    return PYN_OK;
}

static pyn_status fill(struct pyn_session *session, const struct pyn_step *step, struct pyn_turn **turn)
{
    struct pyn_buf call;
    pyn_status st = PYN_EINTERNAL;

    pyn_buf_init(&call, session->mem, session->quotas->limits.message_max + 1);
    st = pyn_batch_fill(session, (*turn)->batch, step, &call);
    switch (st) {
    case PYN_OK:
        st = decide(session, &call, turn);
        break;
    case PYN_EDENIED:
        st = refuse(session, *turn, PYN_EDENIED);
        break;
    case PYN_ESIZE:
        (*turn)->is_too_much = true;
        st = refuse(session, *turn, PYN_EQUOTA);
        break;
    default:
        break;
    }
    pyn_buf_fini(&call);
    return st;
}

pyn_status pyn_step_settle(struct pyn_session *session, struct pyn_turn **at)
{
    struct pyn_turn *turn = *at;
    struct pyn_step step;
    struct pyn_reader rd = pyn_reader_of(turn->call.body);
    uint32_t origin = 0;
    pyn_status st = PYN_OK;

    if (turn->batch == NULL || turn->verdict != PYN_OK) {
        return PYN_OK;
    }
    if (turn->batch->is_cancelled) {
        return give_up(session, turn, PYN_ECANCELLED);
    }
    if (!turn->is_open) {
        return PYN_OK;
    }
    st = pyn_message_step(&rd, turn->step, &step);
    if (st != PYN_OK) {
        return st;
    }
    if (pyn_batch_is_broken(turn->batch, &step, &origin)) {
        turn->is_broken = true;
        pyn_batch_note_broken(turn->batch, turn->step, origin);
        return give_up(session, turn, PYN_EMISFIT);
    }
    return fill(session, &step, at);
}
