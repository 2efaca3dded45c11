/*
 * calls.c - a call of the peer's arrives: it is decided from its bytes, charged, copied, and given its place in its lane.
 *
 * The order is always the same: does it come too soon, may it be charged as a call, may it nest, is it permitted, what does it cost, may its
 * copy be charged. Until then nothing has changed; from then on only memory can be missing.
 */
#include "session_state.h"

/* What was decided on one call. */
struct decision {
    pyn_status st; /* PYN_OK, or class refuse */
    enum pyn_quota quota;
    double retry_after;
    struct pyn_export *target;
    struct pyn_verdict verdict;
    bool is_open; /* it names promises: the rest is decided when its turn comes */
    uint32_t ahead;
    bool is_oneway;
    bool is_counted; /* charged to PYN_Q_CALLS */
    size_t charged;  /* charged to PYN_Q_QUEUED */
};

uint64_t pyn_session_end_of(const struct pyn_session *session, const struct pyn_message *message)
{
    const uint64_t us = 1000;
    uint64_t left = UINT64_MAX - session->now;

    if (!message->has_within) {
        return 0;
    }
    return message->within_us <= left / us ? session->now + message->within_us * us : UINT64_MAX;
}

static bool is_behind(const struct pyn_lane *lane)
{
    return lane != NULL && lane->top->is_serving;
}

size_t pyn_call_size(size_t body_len)
{
    size_t len = sizeof(struct pyn_turn) + body_len;

    return len < PYN_SMALL_BLOCK ? PYN_SMALL_BLOCK : len;
}

static void refuse_quota(struct decision *decision, enum pyn_quota quota)
{
    decision->st = PYN_EQUOTA;
    decision->quota = quota;
}

/* ---- rates ---- */

static void refuse_rate(struct pyn_session *session, struct decision *decision, enum pyn_quota which, double amount)
{
    refuse_quota(decision, which);
    pyn_ledger_reached(&session->ledger, which);
    decision->retry_after = pyn_ledger_wait(&session->ledger, which, amount, session->now);
}

/* True: it is refused, before anybody has looked at what it is. */
static bool is_too_soon(struct pyn_session *session, struct decision *decision)
{
    if (!pyn_ledger_has(&session->ledger, PYN_Q_CALLS_PER_SECOND, 1, session->now)) {
        refuse_rate(session, decision, PYN_Q_CALLS_PER_SECOND, 1);
        return true;
    }
    if (session->in.is_too_fast) {
        refuse_rate(session, decision, PYN_Q_BYTES_PER_SECOND, (double)session->in.whole);
        return true;
    }
    return false;
}

static double cost_of(const struct pyn_session *session, const struct decision *decision)
{
    return session->costs != NULL ? session->costs[decision->verdict.op->slot] : 1;
}

/* A permitted call, of an operation that is known by now: may it be paid for? Nothing is taken. */
static void weigh_cost(struct pyn_session *session, struct decision *decision)
{
    const double cost = cost_of(session, decision);

    if (!pyn_ledger_has(&session->ledger, PYN_Q_COST_PER_SECOND, cost, session->now)) {
        refuse_rate(session, decision, PYN_Q_COST_PER_SECOND, cost);
    }
}

static void pay_cost(struct pyn_session *session, const struct decision *decision)
{
    if (decision->st == PYN_OK && !decision->is_open) {
        pyn_ledger_spend(&session->ledger, PYN_Q_COST_PER_SECOND, cost_of(session, decision), session->now);
    }
}

/* ---- deciding ---- */

static void note_shortage(struct pyn_session *session, struct decision *decision)
{
    if (session->seen.is_short) {
        session->seen.is_short = false;
        decision->st = PYN_ENOMEM;
    }
}

static void admit(struct pyn_session *session, const struct pyn_message *message, const struct pyn_refs *refs,
                  struct decision *decision)
{
    if (decision->target == NULL) {
        decision->st = PYN_EDENIED;
        return;
    }
    session->seen.count = 0;
    decision->st = pyn_admit(pyn_export_iface(decision->target), message->name, message->body, refs, &decision->verdict);
    if (decision->st == PYN_OK && message->ahead > 0 && !pyn_op_reads_ahead(decision->verdict.op)) {
        decision->verdict = (struct pyn_verdict){.why = PYN_WHY_NAME};
        decision->st = PYN_EDENIED;
    }
    decision->ahead = message->ahead;
    if (decision->st == PYN_OK) {
        weigh_cost(session, decision);
    }
    note_shortage(session, decision);
}

/* Behind everything that may put a decision off: it is told once. */
static void tell_witness(const struct pyn_session *session, const struct pyn_message *message,
                         const struct decision *decision)
{
    if (session->witness.saw == NULL || (decision->st == PYN_OK && decision->is_open)) {
        return;
    }
    session->witness.saw(
        session->witness.ctx,
        &(struct pyn_decided){.st = decision->st,
                              .quota = decision->quota,
                              .iface = decision->target != NULL ? pyn_export_iface(decision->target) : NULL,
                              .name = message->name,
                              .body = message->body,
                              .verdict = &decision->verdict});
}

/* The references that a step names by themselves have to be there when it comes, and are held until its turn. */
static void look_ahead(struct pyn_session *session, const struct pyn_step *step, struct decision *decision)
{
    struct pyn_reader rd = pyn_reader_of(step->call.body);
    struct pyn_item item;
    bool is_mine = false;
    uint64_t id = 0;
    uint32_t number = 0;

    decision->is_open = true;
    decision->st = decision->target != NULL || step->is_on_promise ? PYN_OK : PYN_EDENIED;
    session->seen.count = 0;
    while (decision->st == PYN_OK && pyn_reader_next(&rd, &item) == PYN_OK) {
        if (pyn_item_ref(&item, &is_mine, &id, &number) == PYN_OK && !is_mine &&
            session->refs.exported(session, id) == NULL) {
            decision->st = PYN_EDENIED;
        }
    }
    note_shortage(session, decision);
}

static void decide(struct pyn_session *session, const struct pyn_lane *lane, const struct pyn_arrival *arrival,
                   struct decision *decision)
{
    const struct pyn_message *message = arrival->message;

    if (lane != NULL && !lane->top->is_serving && lane->depth >= session->quotas->max[PYN_Q_NESTING]) {
        refuse_quota(decision, PYN_Q_NESTING);
        pyn_ledger_reached(&session->ledger, PYN_Q_NESTING);
        return;
    }
    decision->target = message->is_known_ref ? pyn_exports_find(&session->exports, message->id) : NULL;
    if (arrival->step != NULL && arrival->step->has_promises) {
        look_ahead(session, arrival->step, decision);
    } else {
        admit(session, message, &session->refs, decision);
    }
}

/* What is copied while it waits. */
static struct pyn_view copied(const struct pyn_arrival *arrival, const struct decision *decision)
{
    static const struct pyn_view nothing;

    if (decision->st != PYN_OK) {
        return nothing;
    }
    return arrival->step != NULL && decision->is_open ? arrival->step->whole : arrival->message->body;
}

static void uncharge(struct pyn_session *session, const struct decision *decision)
{
    pyn_ledger_refund(&session->ledger, PYN_Q_QUEUED, decision->charged);
    pyn_ledger_refund(&session->ledger, PYN_Q_CALLS, decision->is_counted);
}

/*
 * The copy of an admitted call, or the place of a refused one among those ahead of it. As long as no lane waits for the peer, room is
 * made without it: then the call can stay in the buffer until there is some. A batch has waited for the room of all of it.
 */
static pyn_status charge_copy(struct pyn_session *session, const struct pyn_arrival *arrival, struct decision *decision)
{
    size_t size = pyn_call_size(copied(arrival, decision).len);

    if (pyn_ledger_charge(&session->ledger, PYN_Q_QUEUED, size) == PYN_OK) {
        decision->charged = size;
        return PYN_OK;
    }
    if (session->lanes.waiting == 0 && arrival->step == NULL && size <= session->quotas->max[PYN_Q_QUEUED]) {
        session->stalled = size;
        return PYN_EWAIT;
    }
    refuse_quota(decision, PYN_Q_QUEUED);
    return PYN_OK;
}

static pyn_status charge_and_decide(struct pyn_session *session, const struct pyn_lane *lane,
                                    const struct pyn_arrival *arrival, struct decision *decision)
{
    pyn_status st = PYN_OK;

    if (is_too_soon(session, decision)) {
        return PYN_OK;
    }
    if (pyn_ledger_charge(&session->ledger, PYN_Q_CALLS, 1) != PYN_OK) {
        refuse_quota(
            decision,
            PYN_Q_CALLS); /* a lane waits, else input.c had left it in the buffer; or the batch is larger than all there is */
        return PYN_OK;
    }
    decision->is_counted = true;
    if (arrival->step != NULL && arrival->step->has_promises && arrival->batch == NULL) {
        refuse_quota(decision, PYN_Q_QUEUED); /* for what the batch is to remember */
    } else {
        decide(session, lane, arrival, decision);
    }
    if (pyn_status_class(decision->st) == PYN_CLASS_BROKEN) {
        st = decision->st;
    } else if (decision->st == PYN_OK || (is_behind(lane) && decision->st != PYN_EQUOTA)) {
        st = charge_copy(session, arrival, decision);
    }
    if (st != PYN_OK || decision->st == PYN_EQUOTA) {
        uncharge(session, decision);
        decision->is_counted = false;
        decision->charged = 0;
    }
    if (st == PYN_OK) { /* else it comes here again */
        pyn_ledger_spend(&session->ledger, PYN_Q_CALLS_PER_SECOND, 1, session->now);
        pay_cost(session, decision);
    }
    return st;
}

/* ---- placing ---- */

static struct pyn_turn *take_block(struct pyn_session *session, size_t len, bool *is_small)
{
    size_t size = pyn_call_size(len);

    *is_small = size == PYN_SMALL_BLOCK;
    return *is_small ? pyn_pool_take(&session->blocks) : pyn_mem_resize(session->mem, NULL, 1, size);
}

/* block: the turn's from now on, body stands there; none: body is copied. */
static struct pyn_turn *new_turn(struct pyn_session *session, uint64_t lane, struct pyn_view body,
                                 struct pyn_owned block, const struct decision *decision)
{
    bool is_small = false;
    const bool may = decision->st != PYN_OK || decision->target == NULL || pyn_exports_may_pin(decision->target);
    struct pyn_turn *turn = may ? take_block(session, block.data != NULL ? 0 : body.len, &is_small) : NULL;

    if (turn == NULL) {
        pyn_owned_free(&block);
        return NULL;
    }
    *turn = (struct pyn_turn){
        .block = block,
        .call = {.lane = lane, .verdict = decision->verdict, .ahead = decision->ahead, .is_oneway = decision->is_oneway},
        .verdict = decision->st,
        .quota = decision->quota,
        .retry_after = decision->retry_after,
        .is_counted = decision->is_counted,
        .is_small = is_small,
        .is_open = decision->st == PYN_OK && decision->is_open,
        .repeat = 1,
        .charged = decision->charged};
    session->turns++;
    if (decision->st != PYN_OK) {
        return turn;
    }
    turn->call.body = body;
    turn->call.is_paged = pyn_owned_is_paged(session, &block);
    if (block.data == NULL) {
        memcpy(turn + 1, body.data, body.len);
        turn->call.body.data = (uint8_t *)(turn + 1);
    }
    if (decision->target != NULL) { /* else a promise is called */
        turn->call.iface = pyn_export_iface(decision->target);
        turn->call.object = pyn_export_object(decision->target);
        turn->target = decision->target;
        pyn_exports_pin(turn->target);
    }
    if (session->seen.count > 0) {
        pyn_holds_take(&session->seen, &turn->holds);
    }
    return turn;
}

static pyn_status arrive(struct pyn_session *session, const struct pyn_arrival *arrival,
                         const struct decision *decision, struct pyn_turn **out)
{
    struct pyn_view body = copied(arrival, decision);
    const struct pyn_owned none = {NULL, NULL};
    const struct pyn_owned block = arrival->step == NULL ? pyn_in_take(session, body) : none;
    struct pyn_turn *turn = new_turn(session, session->in.lane, body, block, decision);

    *out = turn;
    if (turn == NULL) {
        uncharge(session, decision);
        return PYN_ENOMEM;
    }
    turn->call.arrival = ++session->arrivals;
    turn->call.ends_at = arrival->ends_at;
    turn->call.is_narrow = session->in.scan->is_narrow;
    turn->batch = pyn_batch_ref(arrival->batch);
    turn->step = arrival->index;
    return PYN_OK;
}

/* Nothing is ahead of it: its turn is now. */
static pyn_status serve(struct pyn_session *session, bool is_nested, const struct pyn_arrival *arrival,
                        const struct decision *decision, struct pyn_event *event)
{
    struct pyn_frame *frame = NULL;
    struct pyn_turn *turn = NULL;
    pyn_status st = arrive(session, arrival, decision, &turn);

    if (st == PYN_OK) {
        st = pyn_step_settle(session, &turn);
    }
    if (st == PYN_OK && turn->verdict != PYN_OK) {
        return pyn_turn_refuse(session, turn);
    }
    if (st == PYN_OK) {
        st = pyn_lanes_push(&session->lanes, session->in.lane, true, &frame);
    }
    if (st != PYN_OK) {
        if (turn != NULL) {
            pyn_ledger_refund(&session->ledger, PYN_Q_CALLS, 1);
            pyn_turn_free(session, turn);
        }
        return st;
    }
    frame->is_running = true;
    pyn_frame_run(frame, turn);
    turn->call.is_nested = is_nested;
    session->ledger.called++;
    event->kind = PYN_EV_CALL;
    event->call = &turn->call;
    return PYN_OK;
}

/* What a refused call is answered with. */
static struct pyn_turn refusal_of(const struct decision *decision)
{
    return (struct pyn_turn){.call = {.verdict = decision->verdict},
                             .verdict = decision->st,
                             .quota = decision->quota,
                             .retry_after = decision->retry_after,
                             .repeat = 1};
}

static pyn_status refuse_now(struct pyn_session *session, const struct decision *decision)
{
    struct pyn_turn turn = refusal_of(decision);

    uncharge(session, decision);
    return pyn_refusal_send(session, session->in.lane, &turn);
}

static pyn_status queue(struct pyn_session *session, struct pyn_lane *lane, const struct pyn_arrival *arrival,
                        const struct decision *decision)
{
    struct pyn_frame *frame = lane->top;
    struct pyn_turn *turn = NULL;
    pyn_status st = PYN_OK;

    if (decision->st == PYN_EQUOTA && pyn_queue_repeat(&frame->queue, arrival->batch, decision->quota)) {
        return PYN_OK;
    }
    st = arrive(session, arrival, decision, &turn);
    if (st != PYN_OK) {
        return st;
    }
    turn->call.is_nested = frame->below != NULL;
    session->ledger.called += decision->st == PYN_OK && !decision->is_open;
    pyn_queue_put(&frame->queue, turn);
    return PYN_OK;
}

/* ---- a step whose turn has come ---- */

static void charge_filled(struct pyn_session *session, size_t len, struct decision *decision)
{
    size_t size = pyn_call_size(len);

    if (pyn_ledger_charge(&session->ledger, PYN_Q_QUEUED, size) == PYN_OK) {
        decision->charged = size;
    } else {
        refuse_quota(decision, PYN_Q_QUEUED);
    }
}

/* The turn stands for the call that was decided: a new one in the place of the old one. */
static pyn_status replace_turn(struct pyn_session *session, struct pyn_view body, const struct decision *decision,
                               struct pyn_turn **at)
{
    struct pyn_turn *old = *at;
    const struct pyn_owned none = {NULL, NULL};
    struct pyn_turn *turn = new_turn(session, old->call.lane, body, none, decision);

    if (turn == NULL) {
        pyn_ledger_refund(&session->ledger, PYN_Q_QUEUED, decision->charged);
        return PYN_ENOMEM;
    }
    turn->call.is_nested = old->call.is_nested;
    turn->call.arrival = old->call.arrival;
    turn->call.ends_at = old->call.ends_at;
    turn->batch = old->batch; /* moved */
    turn->step = old->step;
    old->batch = NULL;
    pyn_turn_free(session, old);
    *at = turn;
    return PYN_OK;
}

pyn_status pyn_call_decide_step(struct pyn_session *session, const struct pyn_message *message, struct pyn_turn **at)
{
    const struct pyn_refs refs = pyn_references_of_step(session);
    struct pyn_turn *turn = *at;
    struct decision decision = {.st = PYN_EINTERNAL, .is_counted = turn->is_counted};

    decision.target = pyn_exports_held(&session->exports, message->id);
    admit(session, message, &refs, &decision);
    if (pyn_status_class(decision.st) == PYN_CLASS_BROKEN) {
        return decision.st;
    }
    if (decision.st == PYN_OK) {
        charge_filled(session, message->body.len, &decision);
    }
    tell_witness(session, message, &decision);
    if (decision.st == PYN_OK) {
        pay_cost(session, &decision);
        return replace_turn(session, message->body, &decision, at);
    }
    turn->verdict = decision.st;
    turn->quota = decision.quota;
    turn->retry_after = decision.retry_after;
    turn->call.verdict = decision.verdict;
    return PYN_OK;
}

/* ---- arriving ---- */

static pyn_status refuse(struct pyn_session *session, struct pyn_lane *lane, const struct pyn_arrival *arrival,
                         const struct decision *decision)
{
    struct pyn_turn turn = refusal_of(decision);
    pyn_status st = pyn_refusal_note(session, arrival->batch, arrival->index, &turn);

    if (st != PYN_OK) {
        uncharge(session, decision);
        return st;
    }
    st = is_behind(lane) ? queue(session, lane, arrival, decision) : refuse_now(session, decision);
    if (st == PYN_OK) {
        st = pyn_references_give_back(session, arrival->message->body);
    }
    return st == PYN_OK ? pyn_ledger_refusal(&session->ledger, session->now) : st;
}

/* Nobody waits for an answer: it is as if it had been refused in its turn. */
static pyn_status pass_over(struct pyn_session *session, const struct pyn_arrival *arrival,
                            const struct decision *decision)
{
    pyn_status st = pyn_references_give_back(session, arrival->message->body);

    uncharge(session, decision);
    return st == PYN_OK ? pyn_ledger_refusal(&session->ledger, session->now) : st;
}

pyn_status pyn_call_place(struct pyn_session *session, const struct pyn_arrival *arrival, struct pyn_event *event)
{
    struct pyn_lane *lane = pyn_lanes_find(&session->lanes, session->in.lane);
    struct decision decision = {.st = PYN_EINTERNAL, .is_oneway = arrival->message->is_oneway};
    pyn_status st = charge_and_decide(session, lane, arrival, &decision);

    if (st != PYN_OK) {
        return st;
    }
    tell_witness(session, arrival->message, &decision);
    if (decision.st != PYN_OK && decision.is_oneway) {
        return pass_over(session, arrival, &decision);
    }
    if (decision.st != PYN_OK) {
        return refuse(session, lane, arrival, &decision);
    }
    return is_behind(lane) ? queue(session, lane, arrival, &decision)
                           : serve(session, lane != NULL, arrival, &decision, event);
}

pyn_status pyn_call_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    struct pyn_arrival arrival = {.message = message, .ends_at = pyn_session_end_of(session, message)};
    const struct pyn_lane *lane = pyn_lanes_find(&session->lanes, session->in.lane);

    if (lane == NULL && pyn_lanes_is_ours(&session->lanes, session->in.lane)) {
        return PYN_EPROTOCOL; /* ours to begin */
    }
    if (message->is_oneway && lane != NULL && (lane->depth > 1 || !lane->top->is_serving)) {
        return PYN_EPROTOCOL; /* it cannot nest: our call's answer would not wait for it */
    }
    return pyn_call_place(session, &arrival, event);
}

/* The calls of the peer's in a lane that may have one of ours on top. NULL: there are none. */
static struct pyn_frame *serving(const struct pyn_lane *lane)
{
    return lane->top->is_serving ? lane->top : lane->top->below;
}

/* No call waits: the one that runs is meant. The host hears of it once. */
static pyn_status cancel_running(struct pyn_session *session, struct pyn_frame *frame, struct pyn_event *event)
{
    if (!frame->is_running || frame->is_cancelled) {
        return pyn_ledger_oddity(&session->ledger, session->now);
    }
    frame->is_cancelled = true;
    event->kind = PYN_EV_CANCEL;
    event->lane = session->in.lane;
    return PYN_OK;
}

/* A call that waits is answered in its turn; what it would have brought goes back now. */
pyn_status pyn_cancel_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    struct pyn_lane *lane = pyn_lanes_find(&session->lanes, session->in.lane);
    struct pyn_frame *frame = NULL;
    struct pyn_turn *turn = NULL;
    pyn_status st = PYN_OK;

    (void)message;
    if (lane == NULL) {
        return pyn_ledger_refusal(&session->ledger, session->now);
    }
    frame = serving(lane);
    if (frame == NULL) {
        return pyn_ledger_oddity(&session->ledger, session->now);
    }
    turn = pyn_queue_cancel(&frame->queue);
    if (turn == NULL) {
        return cancel_running(session, frame, event);
    }
    if (turn->batch != NULL) { /* with all of it that waits: when their turns come, they find it so */
        turn->batch->is_cancelled = true;
        pyn_queue_settle(&frame->queue, turn->batch);
    } else if (turn->verdict == PYN_OK) {
        turn->verdict = PYN_ECANCELLED;
        st = pyn_references_give_back(session, turn->call.body);
        if (st != PYN_OK) {
            return st;
        }
    }
    return pyn_ledger_refusal(&session->ledger, session->now);
}
