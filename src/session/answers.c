/* answers.c - our calls: sending them, and the peer's answers, which are checked before anyone sees them. */
#include "session_state.h"

/* A struct pyn_answer and what its views point to, in one block. */
struct block {
    struct pyn_answer answer; /* first: the host's pointer is a pointer to the block */
    bool is_small;
    struct pyn_owned message; /* owned: in which the value stands; none: it stands in bytes */
    struct pyn_items *items;  /* that came ahead of it */
    struct pyn_holds holds;   /* what the value names of ours */
    uint8_t bytes[];
};

/* ---- sending ---- */

static pyn_status write_call(struct pyn_session *session, const struct pyn_sending *sending,
                             const struct pyn_parcel *object)
{
    struct pyn_writing writing;
    pyn_status st = pyn_out_begin(session, sending, &writing);

    if (st == PYN_OK) {
        st = pyn_out_parcel(session, &writing, object);
    }
    if (st == PYN_OK) {
        st = pyn_pack_newline(&writing.to->buf);
    }
    return pyn_out_end(session, &writing, st);
}

bool pyn_session_may_call(const struct pyn_session *session, uint64_t number)
{
    const struct pyn_lane *lane = pyn_lanes_find(&session->lanes, number);

    return lane == NULL ? pyn_lanes_is_ours(&session->lanes, number) : lane->top->is_running && !lane->top->is_oneway;
}

pyn_status pyn_session_tell(struct pyn_session *session, uint64_t lane, const struct pyn_parcel *object)
{
    const struct pyn_sending sending = {.lane = lane, .len = pyn_parcel_len(object), .is_told = true};
    pyn_status st = session->state;

    if (st != PYN_OK) {
        return st;
    }
    if (session->phase != PYN_PHASE_READY || pyn_lanes_find(&session->lanes, lane) != NULL ||
        !pyn_lanes_is_ours(&session->lanes, lane)) {
        return PYN_EINTERNAL;
    }
    if (sending.len > session->quotas->limits.message_max) {
        return PYN_EQUOTA;
    }
    st = write_call(session, &sending, object);
    if (st == PYN_OK) {
        pyn_recall_told(session, object);
    }
    return st;
}

bool pyn_session_may_answer(const struct pyn_session *session, uint64_t number, uint64_t depth)
{
    const struct pyn_lane *lane = pyn_lanes_find(&session->lanes, number);

    return lane == NULL || (lane->top->is_serving && lane->depth == depth);
}

pyn_status pyn_session_send_call(struct pyn_session *session, uint64_t lane, struct pyn_view object,
                                 const struct pyn_expect *expect)
{
    static const struct pyn_expect any_data;
    const struct pyn_parcel parcel = pyn_parcel_of(object);

    return pyn_session_send_batch(session, lane, &parcel, expect != NULL ? expect : &any_data, 1);
}

static pyn_status expect_all(struct pyn_session *session, struct pyn_frame *frame, const struct pyn_expect *expects,
                             uint32_t count)
{
    frame->expect = expects[0];
    if (count == 1) {
        return PYN_OK;
    }
    frame->expects = pyn_mem_new(session->mem, count - 1, sizeof *expects);
    if (frame->expects == NULL) {
        return PYN_ENOMEM;
    }
    memcpy(frame->expects, expects + 1, (count - 1) * sizeof *expects);
    frame->more = count - 1;
    return PYN_OK;
}

pyn_status pyn_session_send_batch(struct pyn_session *session, uint64_t lane, const struct pyn_parcel *object,
                                  const struct pyn_expect *expects, uint32_t count)
{
    const struct pyn_sending sending = {.lane = lane, .len = pyn_parcel_len(object)};
    struct pyn_frame *frame = NULL;
    pyn_status st = session->state;

    if (st != PYN_OK) {
        return st;
    }
    if (session->phase != PYN_PHASE_READY || !pyn_session_may_call(session, lane)) {
        return PYN_EINTERNAL;
    }
    if (sending.len > session->quotas->limits.message_max) {
        return PYN_EQUOTA;
    }
    st = pyn_lanes_push(&session->lanes, lane, false, &frame);
    if (st != PYN_OK) {
        return st;
    }
    st = expect_all(session, frame, expects, count);
    if (st == PYN_OK) {
        st = write_call(session, &sending, object);
    }
    if (st != PYN_OK) {
        pyn_lanes_pop(&session->lanes, pyn_lanes_find(&session->lanes, lane));
    } else if (session->role == PYN_ROLE_CLIENT) {
        pyn_recall_sent(session, frame, object);
    }
    return st;
}

uint64_t pyn_session_lane(struct pyn_session *session)
{
    return pyn_lanes_pick(&session->lanes);
}

/* ---- an answer ---- */

static struct block *take_block(struct pyn_session *session, size_t len)
{
    struct block *block = NULL;
    bool is_small = len <= PYN_SMALL_BLOCK - sizeof *block;

    if (is_small) {
        block = pyn_pool_take(&session->blocks);
    } else if (len <= SIZE_MAX - sizeof *block) {
        block = pyn_mem_resize(session->mem, NULL, 1, sizeof *block + len);
    }
    if (block != NULL) {
        *block = (struct block){.is_small = is_small};
    }
    return block;
}

void pyn_session_answer_free(struct pyn_session *session, struct pyn_answer *answer)
{
    struct block *block = (struct block *)answer;

    if (block == NULL) {
        return;
    }
    pyn_holds_drop(&session->exports, &block->holds);
    pyn_mem_free(session->mem, block->items);
    pyn_owned_free(&block->message);
    if (block->is_small) {
        pyn_pool_give(&session->blocks, block);
    } else {
        pyn_mem_free(session->mem, block);
    }
}

static struct pyn_view copy(uint8_t **at, struct pyn_view view)
{
    struct pyn_view out = {*at, view.len};

    if (view.len > 0) {
        memcpy(*at, view.data, view.len);
    }
    *at += view.len;
    return out;
}

static struct pyn_answer *new_error(struct pyn_session *session, pyn_status fit, const struct pyn_message *message)
{
    struct block *block = take_block(session, message->name.len + message->text.len + message->traceback.len +
                                                  message->incident.len + message->body.len);
    uint8_t *at = NULL;

    if (block == NULL) {
        return NULL;
    }
    at = block->bytes;
    block->answer = (struct pyn_answer){.status = fit,
                                        .is_error = true,
                                        .type = copy(&at, message->name),
                                        .text = copy(&at, message->text),
                                        .traceback = copy(&at, message->traceback),
                                        .incident = copy(&at, message->incident),
                                        .details = copy(&at, message->body)};
    if (fit == PYN_OK && session->seen.count > 0) {
        pyn_holds_take(&session->seen, &block->holds);
    }
    return &block->answer;
}

static struct pyn_answer *new_return(struct pyn_session *session, pyn_status fit, struct pyn_view value)
{
    struct pyn_owned message = pyn_in_take(session, value);
    struct block *block = take_block(session, message.data != NULL ? 0 : value.len);
    uint8_t *at = NULL;

    if (block == NULL) {
        pyn_owned_free(&message);
        return NULL;
    }
    at = block->bytes;
    block->message = message;
    block->answer = (struct pyn_answer){.status = fit,
                                        .value = message.data != NULL ? value : copy(&at, value),
                                        .is_paged = pyn_owned_is_paged(session, &message),
                                        .is_narrow = session->in.scan->is_narrow};
    if (fit == PYN_OK && session->seen.count > 0) {
        pyn_holds_take(&session->seen, &block->holds);
    }
    return &block->answer;
}

/* The root is reference 0 of the server's, and described. */
static pyn_status check_root(struct pyn_session *session, struct pyn_view value)
{
    struct pyn_reader rd = pyn_reader_of(value);
    struct pyn_item item;
    bool is_mine = false;
    uint64_t id = 0;
    uint32_t number = 0;

    if (pyn_reader_next(&rd, &item) != PYN_OK || pyn_item_ref(&item, &is_mine, &id, &number) != PYN_OK) {
        return PYN_EPROTOCOL;
    }
    return is_mine && id == 0 && pyn_described_find(session, number) != NULL ? PYN_OK : PYN_EPROTOCOL;
}

static const struct pyn_type any_data = {.kind = PYN_T_DATA};

static pyn_status checked(struct pyn_session *session, pyn_status st)
{
    if (session->seen.is_short) {
        session->seen.is_short = false;
        return PYN_ENOMEM;
    }
    return st;
}

static pyn_status check_value(struct pyn_session *session, const struct pyn_frame *frame, struct pyn_view value)
{
    const struct pyn_type *type = frame->expect.result;
    struct pyn_reader rd = pyn_reader_of(value);

    if (frame->wants_root) {
        return check_root(session, value);
    }
    if (frame->expect.ahead > 0) { /* all that there is to give has come ahead */
        return frame->items != NULL && pyn_reader_peek(&rd) == PYN_W_NIL ? PYN_OK : PYN_EMISFIT;
    }
    session->seen.count = 0;
    return checked(session, pyn_type_fit(type == NULL ? &any_data : type, &rd, &session->refs));
}

/* ---- the details of an error ---- */

static pyn_status fit_data(void *ctx, struct pyn_reader *rd)
{
    const struct pyn_session *session = ctx;

    return pyn_type_fit(&any_data, rd, &session->refs);
}

/* Only an iteration that ends has a value, and it has its own declared type. */
static pyn_status check_end(struct pyn_session *session, const struct pyn_frame *frame,
                            const struct pyn_message *message, struct pyn_view value)
{
    struct pyn_reader rd = pyn_reader_of(value);

    if (frame->expect.end == NULL || !pyn_view_is_equal(message->name, pyn_view_of("StopIteration"))) {
        return PYN_EMISFIT;
    }
    return pyn_type_fit(frame->expect.end, &rd, &session->refs);
}

static pyn_status check_details(struct pyn_session *session, const struct pyn_frame *frame,
                                const struct pyn_message *message)
{
    const struct pyn_field_visit visit = {fit_data, session};
    struct pyn_reader rd = pyn_reader_of(message->body);
    struct pyn_details details;
    pyn_status st = PYN_OK;

    session->seen.count = 0;
    if (message->body.len == 0) {
        return PYN_OK;
    }
    st = pyn_details_read(&rd, &visit, &details);
    if (st == PYN_OK && details.value.len > 0) {
        st = check_end(session, frame, message, details.value);
    }
    return checked(session, st);
}

static pyn_status take_return(struct pyn_session *session, const struct pyn_frame *frame,
                              const struct pyn_message *message, struct pyn_answer **out)
{
    pyn_status st = check_value(session, frame, message->body);

    if (st == PYN_OK) {
        *out = new_return(session, PYN_OK, message->body);
    } else if (pyn_status_class(st) == PYN_CLASS_REFUSE) {
        *out = new_return(session, st, (struct pyn_view){NULL, 0});
        st = pyn_references_give_back(session, message->body);
    } else {
        return st;
    }
    return *out == NULL ? PYN_ENOMEM : st;
}

static pyn_status take_error(struct pyn_session *session, const struct pyn_frame *frame,
                             const struct pyn_message *message, struct pyn_answer **out)
{
    pyn_status fit = PYN_OK;
    pyn_status st = PYN_OK;

    if (frame->wants_root) {
        return PYN_EPROTOCOL; /* who is not let in is told goodbye */
    }
    fit = check_details(session, frame, message);
    if (fit != PYN_OK && pyn_status_class(fit) != PYN_CLASS_REFUSE) {
        return fit;
    }
    *out = new_error(session, fit, message);
    if (fit != PYN_OK) {
        st = pyn_references_give_back(session, message->body);
    }
    return *out == NULL ? PYN_ENOMEM : st;
}

static void take_items(struct pyn_frame *frame, struct pyn_answer *answer)
{
    struct pyn_items *items = frame->items;

    if (items != NULL) {
        ((struct block *)answer)->items = items; /* moved */
        answer->items = (struct pyn_run){items->count, {items->bytes, items->len}};
        frame->items = NULL;
    }
}

pyn_status pyn_answer_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    struct pyn_lane *lane = pyn_lanes_find(&session->lanes, session->in.lane);
    struct pyn_answer *answer = NULL;
    pyn_status st = PYN_EINTERNAL;

    if (lane == NULL || lane->top->is_serving) {
        return PYN_EPROTOCOL;
    }
    st = message->kind == PYN_M_ERROR ? take_error(session, lane->top, message, &answer)
                                      : take_return(session, lane->top, message, &answer);
    if (st != PYN_OK) {
        pyn_session_answer_free(session, answer);
        return st;
    }
    answer->lane = session->in.lane;
    take_items(lane->top, answer);
    pyn_recall_answered(session, lane->top, answer);
    if (lane->top->more > 0) {
        lane->top->more--;
        lane->top->expect = lane->top->expects[lane->top->at++];
    } else {
        pyn_lanes_pop(&session->lanes, lane);
    }
    event->kind = PYN_EV_ANSWER;
    event->answer = answer;
    return PYN_OK;
}
