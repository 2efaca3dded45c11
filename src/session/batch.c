/* batch.c - see batch.h. */
#include "batch.h"

#include <assert.h>
#include <stdio.h>

#include "../wire/bigend.h"
#include "session_state.h"

enum { YOURS_SIZE = 10 }; /* bytes of a reference that comes home */

/* ---- a batch ---- */

static void mark_named(struct pyn_batch *batch, const struct pyn_step *step)
{
    struct pyn_reader rd = pyn_reader_of(step->call.body);
    struct pyn_item item;
    uint32_t named = 0;

    if (step->is_on_promise) {
        batch->outcomes[step->call.id].is_named = true;
    }
    while (step->has_promises && pyn_reader_next(&rd, &item) == PYN_OK) {
        if (pyn_item_promise(&item, &named)) {
            batch->outcomes[named].is_named = true;
        }
    }
}

static void mark_all(struct pyn_batch *batch, const struct pyn_message *message)
{
    struct pyn_step step;

    for (uint32_t i = 0; i < batch->count; i++) {
        pyn_message_noted_step(message, i, &step);
        mark_named(batch, &step);
    }
}

size_t pyn_batch_size(uint64_t steps)
{
    return sizeof(struct pyn_batch) + (size_t)steps * sizeof(struct pyn_outcome) + PYN_SMALL_BLOCK;
}

pyn_status pyn_batch_new(struct pyn_session *session, const struct pyn_message *message, struct pyn_batch **out)
{
    size_t size = pyn_batch_size(message->count);
    struct pyn_batch *batch = NULL;
    pyn_status st = pyn_ledger_charge(&session->ledger, PYN_Q_QUEUED, size);

    *out = NULL;
    if (st != PYN_OK) {
        return st;
    }
    batch = pyn_mem_new(session->mem, 1, size - PYN_SMALL_BLOCK); /* the rest is for a turn of calls without room */
    if (batch == NULL) {
        pyn_ledger_refund(&session->ledger, PYN_Q_QUEUED, size);
        return PYN_ENOMEM;
    }
    batch->refs = 1;
    batch->count = (uint32_t)message->count;
    batch->spare = session->quotas->limits.message_max;
    batch->charged = size;
    session->batches++;
    if (session->in.scan->has_promise) { /* it has just read the message */
        mark_all(batch, message);
    }
    *out = batch;
    return PYN_OK;
}

struct pyn_batch *pyn_batch_ref(struct pyn_batch *batch)
{
    if (batch != NULL) {
        batch->refs++;
    }
    return batch;
}

void pyn_batch_forget(struct pyn_session *session, struct pyn_batch *batch, uint32_t step)
{
    struct pyn_outcome *outcome = batch != NULL ? &batch->outcomes[step] : NULL;

    if (outcome == NULL || outcome->kind == PYN_OUTCOME_NONE) {
        return;
    }
    pyn_holds_drop(&session->exports, &outcome->holds);
    pyn_mem_free(session->mem, outcome->bytes);
    pyn_ledger_refund(&session->ledger, PYN_Q_QUEUED, outcome->charged);
    *outcome = (struct pyn_outcome){.is_named = outcome->is_named};
}

void pyn_batch_drop(struct pyn_session *session, struct pyn_batch **at)
{
    struct pyn_batch *batch = *at;

    *at = NULL;
    if (batch == NULL || --batch->refs > 0) {
        return;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        pyn_batch_forget(session, batch, i);
    }
    pyn_ledger_refund(&session->ledger, PYN_Q_QUEUED, batch->charged);
    session->batches--;
    pyn_mem_free(session->mem, batch);
}

/* ---- what became of a step ---- */

/* The outcome that is to be filled, as good as new; NULL when nobody will ask. */
static struct pyn_outcome *begin(struct pyn_session *session, struct pyn_batch *batch, uint32_t step)
{
    if (batch == NULL || !batch->outcomes[step].is_named) {
        return NULL;
    }
    pyn_batch_forget(session, batch, step);
    return &batch->outcomes[step];
}

/* Room for its bytes. PYN_EQUOTA: there is none, and it says so. */
static pyn_status reserve(struct pyn_session *session, struct pyn_outcome *outcome, size_t len)
{
    if (pyn_ledger_charge(&session->ledger, PYN_Q_QUEUED, len) != PYN_OK) {
        outcome->kind = PYN_OUTCOME_FULL;
        return PYN_EQUOTA;
    }
    outcome->bytes = pyn_mem_resize(session->mem, NULL, 1, len > 0 ? len : 1);
    if (outcome->bytes == NULL) {
        pyn_ledger_refund(&session->ledger, PYN_Q_QUEUED, len);
        return PYN_ENOMEM;
    }
    outcome->charged = len;
    return PYN_OK;
}

static bool has_references(struct pyn_view values)
{
    struct pyn_reader rd = pyn_reader_of(values);
    struct pyn_item item;
    bool is_mine = false;
    uint64_t id = 0;
    uint32_t number = 0;

    while (pyn_reader_next(&rd, &item) == PYN_OK) {
        if (pyn_item_ref(&item, &is_mine, &id, &number) == PYN_OK) {
            return true;
        }
    }
    return false;
}

static void store(struct pyn_outcome *outcome, const struct pyn_view parts[PYN_OUTCOME_PARTS])
{
    size_t at = 0;

    for (size_t i = 0; i < PYN_OUTCOME_PARTS; i++) {
        if (parts[i].len > 0) {
            memcpy(outcome->bytes + at, parts[i].data, parts[i].len);
        }
        outcome->len[i] = parts[i].len;
        at += parts[i].len;
    }
    outcome->kind = PYN_OUTCOME_ERROR;
}

pyn_status pyn_batch_note_error(struct pyn_session *session, struct pyn_batch *batch, uint32_t step,
                                const struct pyn_error_head *head, struct pyn_view details)
{
    struct pyn_outcome *outcome = begin(session, batch, step);
    const struct pyn_view empty = {NULL, 0};
    const struct pyn_view parts[PYN_OUTCOME_PARTS] = {head->type, head->text, head->traceback, head->incident,
                                                      has_references(details) ? empty : details};
    size_t len = 0;
    pyn_status st = PYN_OK;

    if (outcome == NULL) {
        return PYN_OK;
    }
    for (size_t i = 0; i < PYN_OUTCOME_PARTS; i++) {
        len += parts[i].len;
    }
    st = reserve(session, outcome, len);
    if (st == PYN_OK) {
        store(outcome, parts);
    }
    return st == PYN_EQUOTA ? PYN_OK : st;
}

void pyn_batch_note_broken(struct pyn_batch *batch, uint32_t step, uint32_t origin)
{
    batch->outcomes[step].kind = PYN_OUTCOME_BROKEN;
    batch->outcomes[step].origin = origin;
}

/* ---- a value that is kept ---- */

/* What a value names: references of ours, noted in holds, and whether any is the peer's. PYN_ENOMEM. */
static pyn_status look_at(struct pyn_session *session, struct pyn_view value, struct pyn_holds *holds, bool *is_foreign)
{
    struct pyn_reader rd = pyn_reader_of(value);
    struct pyn_item item;
    bool is_mine = false;
    uint64_t id = 0;
    uint32_t number = 0;

    while (pyn_reader_next(&rd, &item) == PYN_OK) {
        struct pyn_export *entry = NULL;
        if (pyn_item_ref(&item, &is_mine, &id, &number) != PYN_OK) {
            continue;
        }
        entry = is_mine ? pyn_exports_find(&session->exports, id) : NULL;
        if (entry == NULL) { /* the peer's own, or freed before it was received */
            *is_foreign = true;
            return PYN_OK;
        }
        pyn_holds_note(&session->exports, holds, entry);
        if (holds->is_short) {
            return PYN_ENOMEM;
        }
    }
    return PYN_OK;
}

static size_t put(uint8_t *at, const uint8_t *from, size_t len)
{
    memcpy(at, from, len);
    return len;
}

/* The value as its receiver would send it: what was lent comes home. No longer than it was. */
static size_t write_turned(uint8_t *out, struct pyn_view value)
{
    struct pyn_reader rd = pyn_reader_of(value);
    struct pyn_item item;
    bool is_mine = false;
    uint64_t id = 0;
    uint32_t number = 0;
    size_t at = 0;
    size_t from = 0;

    while (pyn_reader_next(&rd, &item) == PYN_OK) {
        if (item.wire == PYN_W_EXT && pyn_item_ref(&item, &is_mine, &id, &number) == PYN_OK) {
            uint8_t yours[YOURS_SIZE] = {0xd7, PYN_EXT_YOURS};
            pyn_be_put_u64(yours + 2, id);
            at += put(out + at, yours, sizeof yours);
        } else {
            at += put(out + at, value.data + from, rd.at - from);
        }
        from = rd.at;
    }
    return at;
}

pyn_status pyn_batch_note_value(struct pyn_session *session, struct pyn_batch *batch, uint32_t step, struct pyn_view value)
{
    struct pyn_outcome *outcome = begin(session, batch, step);
    struct pyn_holds holds = {0};
    bool is_foreign = false;
    pyn_status st = PYN_OK;

    if (outcome == NULL) {
        return PYN_OK;
    }
    st = look_at(session, value, &holds, &is_foreign);
    if (st == PYN_OK && is_foreign) {
        outcome->kind = PYN_OUTCOME_FOREIGN;
    } else if (st == PYN_OK) {
        st = reserve(session, outcome, value.len);
        if (st == PYN_OK) {
            outcome->kind = PYN_OUTCOME_VALUE;
            outcome->len[0] = write_turned(outcome->bytes, value);
            pyn_holds_take(&holds, &outcome->holds);
        }
    }
    pyn_mem_free(session->mem, holds.entries);
    return st == PYN_EQUOTA ? PYN_OK : st;
}

/* ---- what depends on it ---- */

static bool is_failed(const struct pyn_batch *batch, uint32_t step, uint32_t *origin)
{
    const struct pyn_outcome *outcome = &batch->outcomes[step];

    switch (outcome->kind) {
    case PYN_OUTCOME_FULL:
    case PYN_OUTCOME_ERROR:
        *origin = step;
        return true;
    case PYN_OUTCOME_BROKEN:
        *origin = outcome->origin;
        return true;
    default:
        return false;
    }
}

bool pyn_batch_is_broken(const struct pyn_batch *batch, const struct pyn_step *step, uint32_t *origin)
{
    struct pyn_reader rd = pyn_reader_of(step->call.body);
    struct pyn_item item;
    uint32_t named = 0;

    if (step->is_on_promise && is_failed(batch, (uint32_t)step->call.id, origin)) {
        return true;
    }
    while (pyn_reader_next(&rd, &item) == PYN_OK) {
        if (pyn_item_promise(&item, &named) && is_failed(batch, named, origin)) {
            return true;
        }
    }
    return false;
}

static struct pyn_view part(const struct pyn_outcome *outcome, size_t *at, size_t index)
{
    struct pyn_view view = {outcome->bytes + *at, outcome->len[index]};

    *at += view.len;
    return view;
}

void pyn_batch_error(const struct pyn_session *session, const struct pyn_batch *batch, uint32_t step,
                     struct pyn_error_head *head, struct pyn_view *details, char *text, size_t room)
{
    const struct pyn_outcome *outcome = &batch->outcomes[step];
    size_t at = 0;

    *head = (struct pyn_error_head){.type = pyn_view_of("QuotaExceeded")};
    *details = (struct pyn_view){NULL, 0};
    if (outcome->kind == PYN_OUTCOME_FULL) {
        pyn_quota_text(session->quotas, PYN_Q_QUEUED, text, room);
        head->text = pyn_view_of(text);
        return;
    }
    assert(outcome->kind == PYN_OUTCOME_ERROR);
    head->type = part(outcome, &at, 0);
    head->text = part(outcome, &at, 1);
    head->traceback = part(outcome, &at, 2);
    head->incident = part(outcome, &at, 3);
    *details = part(outcome, &at, 4);
}

/* ---- filling ---- */

static struct pyn_view value_of(const struct pyn_outcome *outcome)
{
    return (struct pyn_view){outcome->bytes, outcome->len[0]};
}

static pyn_status put_value(struct pyn_batch *batch, uint32_t step, struct pyn_buf *call)
{
    const struct pyn_outcome *outcome = &batch->outcomes[step];

    if (outcome->kind != PYN_OUTCOME_VALUE) {
        return PYN_EDENIED;
    }
    if (outcome->len[0] > batch->spare) {
        return PYN_ESIZE;
    }
    batch->spare -= outcome->len[0];
    return pyn_buf_append(call, outcome->bytes, outcome->len[0]);
}

/* Only a reference can be called, and only one of ours: anything else is like one that is not there. */
static pyn_status put_target(const struct pyn_batch *batch, const struct pyn_step *step, struct pyn_buf *call)
{
    uint64_t id = step->call.id;

    if (step->is_on_promise) {
        const struct pyn_outcome *outcome = &batch->outcomes[step->call.id];
        struct pyn_reader rd = pyn_reader_of(value_of(outcome));
        struct pyn_item item;
        bool is_mine = false;
        uint32_t number = 0;
        if (outcome->kind != PYN_OUTCOME_VALUE || pyn_reader_next(&rd, &item) != PYN_OK ||
            pyn_item_ref(&item, &is_mine, &id, &number) != PYN_OK) {
            return PYN_EDENIED;
        }
    }
    return pyn_pack_uint(call, id);
}

static pyn_status put_values(struct pyn_batch *batch, struct pyn_view values, struct pyn_buf *call)
{
    struct pyn_reader rd = pyn_reader_of(values);
    struct pyn_item item;
    uint32_t named = 0;
    size_t from = 0;
    pyn_status st = PYN_OK;

    while (st == PYN_OK && pyn_reader_peek(&rd) != PYN_W_END) {
        st = pyn_reader_next(&rd, &item);
        if (st == PYN_OK) {
            st = pyn_item_promise(&item, &named) ? put_value(batch, named, call)
                                                 : pyn_buf_append(call, values.data + from, rd.at - from);
        }
        from = rd.at;
    }
    return st;
}

/* As for whatever comes in: what is put together here may be no larger, deeper or otherwise more than a message. */
static pyn_status scan_again(const struct pyn_session *session, const struct pyn_buf *call)
{
    struct pyn_scan scan;
    size_t len = 0;
    size_t need = 0;
    pyn_status st = PYN_EINTERNAL;

    pyn_scan_init(&scan, &session->quotas->limits);
    st = pyn_scan_feed(&scan, pyn_buf_view(call), &len, &need);
    return st == PYN_OK ? PYN_OK : PYN_ESIZE;
}

pyn_status pyn_batch_fill(struct pyn_session *session, struct pyn_batch *batch, const struct pyn_step *step,
                          struct pyn_buf *call)
{
    pyn_status st = pyn_pack_array(call, 4);

    if (st == PYN_OK) {
        st = put_target(batch, step, call);
    }
    if (st == PYN_OK) {
        st = pyn_pack_str(call, step->call.name.data, step->call.name.len);
    }
    if (st == PYN_OK) {
        st = put_values(batch, step->call.body, call);
    }
    if (st == PYN_OK) {
        st = pyn_pack_newline(call);
    }
    return st == PYN_OK ? scan_again(session, call) : st;
}
