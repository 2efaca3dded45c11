/* pipeline_send.c - a pipeline's steps go out, as many at a time as a message takes, and its promises are settled; see pipeline.h. */
#include "pipeline.h"

#include "../wire/pack.h"
#include "deadline.h"

/* One message of steps. */
struct pyn_sending {
    struct pyn_pipeline *pipeline;
    struct pyn_encoder encoder; /* the bytes of the steps that go out with it */
    struct pyn_draft draft;
    size_t first;   /* steps of the pipeline that it is about: from here */
    size_t end;     /* to here */
    uint32_t count; /* of those that go out */
    uint32_t steps[PYN_STEPS_MAX];
    struct pyn_expect expects[PYN_STEPS_MAX];
};

/* ---- one step into the message ---- */

static size_t begin_of(const struct pyn_pipeline *pipeline, size_t index)
{
    return index > 0 ? pyn_pipeline_step(pipeline, index - 1)->end : 0;
}

static size_t first_patch(const struct pyn_pipeline *pipeline, size_t index)
{
    return index > 0 ? pyn_pipeline_step(pipeline, index - 1)->patch_end : 0;
}

/* The step whose failure breaks this one, or NULL. */
static const struct pyn_written *broken_by(const struct pyn_pipeline *pipeline, size_t index)
{
    for (size_t i = first_patch(pipeline, index); i < pyn_pipeline_step(pipeline, index)->patch_end; i++) {
        const struct pyn_written *named = pyn_pipeline_step(pipeline, pyn_pipeline_patch(pipeline, i)->step);
        if (named->promise->state == PYN_PROMISE_BROKEN) {
            return named;
        }
    }
    return NULL;
}

/* A result that is there already stands in the place of its promise. */
static int put_value(struct pyn_sending *batch, const struct pyn_patch *patch)
{
    const struct pyn_promise *promise = pyn_pipeline_step(batch->pipeline, patch->step)->promise;
    struct pyn_encoder *encoder = &batch->encoder;
    int result = PYN_MISFIT;

    if (!patch->is_target) {
        encoder->depth = patch->depth;
        encoder->book = promise->book;
        result = pyn_encode(encoder, promise->value, promise->type);
    } else if (pyn_netref_is_of(promise->value, encoder->link)) {
        result = pyn_netref_check(promise->value) != 0
                     ? -1
                     : pyn_packed(encoder, pyn_pack_uint(&encoder->buf, pyn_netref_id(promise->value)));
    }
    if (result == PYN_MISFIT) {
        PyErr_SetString(pyn_core.refused, "not permitted"); /* as the other side says of what is no reference of its own */
        result = -1;
    }
    return result;
}

static int put_patch(struct pyn_sending *batch, const struct pyn_patch *patch)
{
    const struct pyn_written *named = pyn_pipeline_step(batch->pipeline, patch->step);

    return patch->step < batch->first ? put_value(batch, patch)
                                      : pyn_packed(&batch->encoder, pyn_pack_promise(&batch->encoder.buf, named->place));
}

static int put_bytes(struct pyn_sending *batch, size_t from, size_t to)
{
    struct pyn_view bytes = pyn_buf_view(&batch->pipeline->bytes);

    return pyn_packed(&batch->encoder, pyn_buf_append(&batch->encoder.buf, bytes.data + from, to - from));
}

enum { PROMISE_SIZE = 6 };

static int put_step(struct pyn_sending *batch, size_t index)
{
    const struct pyn_pipeline *pipeline = batch->pipeline;
    const struct pyn_written *step = pyn_pipeline_step(pipeline, index);
    size_t at = begin_of(pipeline, index);
    int result = 0;

    for (size_t i = first_patch(pipeline, index); result == 0 && i < step->patch_end; i++) {
        const struct pyn_patch *patch = pyn_pipeline_patch(pipeline, i);
        result = put_bytes(batch, at, patch->at);
        if (result == 0) {
            result = put_patch(batch, patch);
        }
        at = patch->at + PROMISE_SIZE;
    }
    return result == 0 ? put_bytes(batch, at, step->end) : result;
}

/* ---- a message of them ---- */

/* A step counts what a call of its own would have had around it, and so does the message: more than there is. */
static bool has_room(const struct pyn_sending *batch, const struct pyn_written *step)
{
    return batch->count < PYN_STEPS_MAX &&
           batch->encoder.element_count + step->element_count <= batch->encoder.peer.element_max;
}

/* false: it has to wait for the next message. One that no message takes has failed. */
static bool take_step(struct pyn_sending *batch, size_t index)
{
    struct pyn_pipeline *pipeline = batch->pipeline;
    struct pyn_written *step = pyn_pipeline_step(pipeline, index);
    const struct pyn_written *broken = broken_by(pipeline, index);
    struct pyn_mark mark = pyn_encoder_mark(&batch->encoder);

    if (broken != NULL) {
        pyn_pipeline_break(pipeline, (uint32_t)index, Py_NewRef(broken->promise->value), broken->origin);
        return true;
    }
    if (batch->count > 0 && !has_room(batch, step)) {
        return false;
    }
    batch->encoder.element_count += step->element_count;
    if (put_step(batch, index) == 0) {
        step->place = batch->count;
        batch->steps[batch->count] = (uint32_t)index;
        batch->expects[batch->count] = (struct pyn_expect){.result = step->promise->type,
                                                           .end = pyn_op_end(step->promise->op)};
        batch->count++;
        return true;
    }
    pyn_encoder_rewind(&batch->encoder, mark);
    if (batch->count > 0 && PyErr_ExceptionMatches(pyn_core.quota_exceeded)) {
        PyErr_Clear();
        return false;
    }
    pyn_pipeline_break(pipeline, (uint32_t)index, pyn_taken_exception(), (uint32_t)index);
    return true;
}

/* [-12, [step, ...], {}], and what is left of the deadline */
static int pack_message(const struct pyn_sending *batch, struct pyn_buf *message, uint64_t until)
{
    struct pyn_view steps = pyn_buf_view(&batch->encoder.buf);
    pyn_status st = pyn_pack_array(message, 3);

    if (st == PYN_OK) {
        st = pyn_pack_int(message, PYN_M_BATCH);
    }
    if (st == PYN_OK) {
        st = pyn_pack_array(message, batch->count);
    }
    if (st == PYN_OK) {
        st = pyn_buf_append(message, steps.data, steps.len);
    }
    if (st == PYN_OK) {
        st = pyn_pack_map(message, until != 0 ? 1 : 0);
    }
    return pyn_packed(&batch->encoder, st == PYN_OK && until != 0 ? pyn_deadline_pack(message, until) : st);
}

/* ---- answers ---- */

static void settle(struct pyn_sending *batch, uint32_t index, PyObject *value)
{
    struct pyn_pipeline *pipeline = batch->pipeline;
    struct pyn_written *step = pyn_pipeline_step(pipeline, batch->steps[index]);
    const struct pyn_written *broken = NULL;

    if (value != NULL) {
        step->promise->state = PYN_PROMISE_KEPT;
        step->promise->value = value;
        return;
    }
    broken = broken_by(pipeline, batch->steps[index]);
    pyn_pipeline_break(pipeline, batch->steps[index], pyn_taken_exception(),
                       broken != NULL ? broken->origin : batch->steps[index]);
}

static void take(void *ctx, uint32_t index, struct pyn_answer *answer)
{
    struct pyn_sending *batch = ctx;
    const struct pyn_promise *promise = pyn_pipeline_step(batch->pipeline, batch->steps[index])->promise;

    settle(batch, index, pyn_answer_value(batch->pipeline->link, answer, promise->type, promise->op, promise->book));
}

/* What was exported for the steps of this message is the peer's now. */
static void mark_sent(const struct pyn_sending *batch)
{
    struct pyn_pipeline *pipeline = batch->pipeline;
    uint64_t *ids = pipeline->ids.items;

    for (uint32_t i = 0; i < batch->count; i++) {
        size_t index = batch->steps[i];
        size_t at = index > 0 ? pyn_pipeline_step(pipeline, index - 1)->id_end : 0;
        for (; at < pyn_pipeline_step(pipeline, index)->id_end; at++) {
            ids[at] = PYN_PIPELINE_ID_SENT;
        }
    }
}

/* The exception that is set is the failure of every step that has none yet, if it is the connection's; else it goes on to who waits. */
static int fail_all(struct pyn_pipeline *pipeline)
{
    bool is_peers = pipeline->link->over != PYN_OK || PyErr_ExceptionMatches(pyn_core.quota_exceeded);
    PyObject *error = NULL;

    if (!is_peers || !PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1;
    }
    error = pyn_taken_exception();
    for (size_t i = 0; i < pipeline->steps.count; i++) {
        uint32_t origin = (uint32_t)i;
        if (pyn_pipeline_step(pipeline, i)->promise->state == PYN_PROMISE_OPEN) {
            const struct pyn_written *broken = i > 0 ? pyn_pipeline_step(pipeline, i - 1) : NULL;
            if (broken != NULL && broken->promise->value == error) {
                origin = broken->origin; /* one failure, although of many */
            }
            pyn_pipeline_break(pipeline, (uint32_t)i, Py_NewRef(error), origin);
        }
    }
    Py_DECREF(error);
    return 0;
}

struct pyn_sending *pyn_sending_new(PyObject *pipeline)
{
    struct pyn_sending *batch = PyMem_Malloc(sizeof *batch);

    if (batch == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    batch->pipeline = (struct pyn_pipeline *)pipeline;
    batch->end = 0;
    batch->count = 0;
    return batch;
}

void pyn_sending_free(struct pyn_sending *sending)
{
    PyMem_Free(sending);
}

const struct pyn_expect *pyn_sending_expects(const struct pyn_sending *sending, uint32_t *count)
{
    *count = sending->count;
    return sending->expects;
}

void pyn_sending_take(struct pyn_sending *sending, uint32_t index, struct pyn_answer *answer)
{
    take(sending, index, answer);
}

int pyn_sending_fail(struct pyn_sending *sending)
{
    return fail_all(sending->pipeline);
}

void pyn_sending_packed(struct pyn_sending *sending, bool was_sent)
{
    if (was_sent) {
        mark_sent(sending);
        sending->encoder.id_count = 0; /* they went along */
    }
    pyn_encoder_fini(&sending->encoder, false);
    pyn_draft_fini(&sending->draft);
}

int pyn_sending_pack(struct pyn_sending *batch, uint64_t until, struct pyn_buf *message)
{
    struct pyn_pipeline *pipeline = batch->pipeline;
    int result = -1;

    batch->first = batch->end;
    batch->count = 0;
    batch->draft = (struct pyn_draft){.pipeline = pipeline};
    pyn_encoder_init_step(&batch->encoder, pipeline->link, NULL, &batch->draft);
    while (batch->end < pipeline->steps.count && take_step(batch, batch->end)) {
        batch->end++;
    }
    if (batch->count > 0 && pack_message(batch, message, until) == 0) {
        return 1;
    }
    result = batch->count > 0 ? -1 : 0;
    pyn_sending_packed(batch, false);
    return result;
}

static int send(struct pyn_sending *batch, uint64_t until, const struct pyn_buf *message)
{
    const struct pyn_taker taker = {take, batch};
    bool was_sent = false;
    int result = pyn_call_all(batch->pipeline->link, pyn_buf_view(message), batch->expects, batch->count, until, &taker,
                              &was_sent);

    pyn_sending_packed(batch, was_sent);
    return result;
}

/* 1: a message was sent and answered; 0: nothing is left; -1 with an exception. */
static int send_some(struct pyn_sending *batch)
{
    struct pyn_buf message;
    uint64_t until = 0;
    int packed = 0;

    if (batch->end < batch->pipeline->steps.count && pyn_deadline_check(&until) != 0) {
        return -1;
    }
    pyn_buf_init(&message, pyn_mem_default(), SIZE_MAX);
    packed = pyn_sending_pack(batch, until, &message);
    if (packed > 0 && send(batch, until, &message) != 0) {
        packed = -1;
    }
    pyn_buf_fini(&message);
    return packed;
}

int pyn_pipeline_send(struct pyn_pipeline *pipeline)
{
    struct pyn_sending *batch = pyn_sending_new((PyObject *)pipeline);
    int result = 1;

    if (batch == NULL) {
        return -1;
    }
    while (result > 0) {
        result = send_some(batch);
    }
    PyMem_Free(batch);
    return result != 0 ? fail_all(pipeline) : 0;
}
