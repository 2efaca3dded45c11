/* recall.c - answers that are kept: when one is used again, which calls of ours make them untrue, and how a server says that they are. */
#include "session_state.h"

/* ---- a client's ---- */

bool pyn_session_recall(struct pyn_session *session, const struct pyn_op *op, struct pyn_view object, uint64_t now,
                        struct pyn_view *value)
{
    const struct pyn_question question = {op, object, now};

    if (session->state != PYN_OK || pyn_buf_len(&session->in.buf) > 0) {
        return false;
    }
    return pyn_cache_find(session->cache, &question, value);
}

struct pyn_cache_counts pyn_session_cache_counts(const struct pyn_session *session)
{
    const struct pyn_cache *cache = session->cache;

    return cache != NULL ? (struct pyn_cache_counts){cache->hits, cache->misses, cache->evictions}
                         : (struct pyn_cache_counts){0};
}

bool pyn_session_is_caching(const struct pyn_session *session)
{
    return session->cache != NULL && (session->cache->map.count > 0 || session->cache->asking != NULL);
}

static bool is_write(const struct pyn_message *call)
{
    return pyn_view_is_equal(call->name, pyn_view_of("__setattr__"));
}

/* A step may write to what a step ahead of it has given, and nobody knows yet which reference that is. */
static enum pyn_writes batch_writes(const struct pyn_message *batch)
{
    struct pyn_reader rd = pyn_reader_of(batch->body);
    struct pyn_step step;

    for (uint32_t i = 0; i < batch->count && pyn_message_step(&rd, i, &step) == PYN_OK; i++) {
        if (is_write(&step.call)) {
            return PYN_WRITES_ANY;
        }
    }
    return PYN_WRITES_NOTHING;
}

static void forget_written(struct pyn_session *session, const struct pyn_frame *frame)
{
    if (frame->writes == PYN_WRITES_ONE) {
        pyn_cache_forget(session->cache, frame->written, (struct pyn_view){NULL, 0});
    } else if (frame->writes == PYN_WRITES_ANY) {
        pyn_cache_forget_all(session->cache);
    }
}

/*
 * Can a message of ours be one that writes? Most are not, which takes no parsing: the name of what does is nowhere in them. So long a piece of the
 * beginning has the name of a message that is one call.
 */
static bool may_write(struct pyn_view object)
{
    static const char name[] = "__setattr__";
    enum { NAME_LEN = sizeof name - 1, NAME_BY = 32 };
    const bool is_batch = object.len > 1 && object.data[1] == (uint8_t)PYN_M_BATCH;
    const size_t end = is_batch || object.len < NAME_BY ? object.len : NAME_BY;
    const uint8_t *at = object.data;
    size_t left = end;

    while (left >= NAME_LEN && (at = memchr(at, '_', left - NAME_LEN + 1)) != NULL) {
        if (memcmp(at, name, NAME_LEN) == 0) {
            return true;
        }
        at++;
        left = end - (size_t)(at - object.data);
    }
    return false;
}

static enum pyn_writes writes_of(const struct pyn_message *message)
{
    if (message->kind == PYN_M_BATCH) {
        return batch_writes(message);
    }
    return is_write(message) ? PYN_WRITES_ONE : PYN_WRITES_NOTHING;
}

/* What a call that lends bytes begins with: it is not to be read any further. */
static bool read_start(struct pyn_view own, struct pyn_message *message)
{
    struct pyn_reader rd = pyn_reader_of(own);
    uint32_t parts = 0;

    *message = (struct pyn_message){.kind = PYN_M_CALL};
    return pyn_reader_array(&rd, &parts) == PYN_OK && (parts == 4 || pyn_reader_skip(&rd) == PYN_OK) &&
           pyn_reader_uint(&rd, &message->id) == PYN_OK && pyn_reader_str(&rd, &message->name) == PYN_OK;
}

static bool read_sent(const struct pyn_parcel *object, struct pyn_message *message)
{
    return object->count > 0 ? read_start(object->own, message) : pyn_message_parse(object->own, message) == PYN_OK;
}

/* Who writes an attribute sees what it has written, and so does every other thread: until the answer, what comes may be from before. */
void pyn_recall_sent(struct pyn_session *session, struct pyn_frame *frame, const struct pyn_parcel *object)
{
    const struct pyn_op *op = frame->expect.op;
    struct pyn_message message;

    if (op != NULL && op->ttl_ns != 0 && object->count == 0) {
        const struct pyn_question question = {op, object->own, frame->expect.sent_at};
        frame->asking = pyn_cache_ask(session->cache, &question);
    } else if (may_write(object->own) && read_sent(object, &message)) {
        frame->writes = writes_of(&message);
        frame->written = message.id;
        forget_written(session, frame);
    }
}

void pyn_recall_told(struct pyn_session *session, const struct pyn_parcel *object)
{
    struct pyn_message message;

    if (may_write(object->own) && read_sent(object, &message) && is_write(&message)) {
        pyn_cache_forget(session->cache, message.id, (struct pyn_view){NULL, 0});
    }
}

void pyn_recall_answered(struct pyn_session *session, struct pyn_frame *frame, const struct pyn_answer *answer)
{
    bool is_value = !answer->is_error && answer->status == PYN_OK;

    pyn_cache_settle(session->cache, frame->asking, is_value ? &answer->value : NULL);
    frame->asking = NULL;
    forget_written(session, frame);
}

/* What it names need not be there: it may have been given back on its way. */
pyn_status pyn_stale_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    (void)event;
    pyn_cache_forget(session->cache, message->id, message->name);
    return PYN_OK;
}

/* ---- a server's ---- */

static bool keeps(const struct pyn_iface *iface, struct pyn_view name)
{
    bool does = iface->cached_count > 0 && name.len == 0;

    for (uint32_t i = 0; !does && iface->cached_count > 0 && i < iface->op_count; i++) {
        does = iface->ops[i].ttl_ns != 0 && pyn_view_is_equal(iface->ops[i].name, name);
    }
    return does;
}

static pyn_status write_stale(struct pyn_session *session, uint64_t id, struct pyn_view name)
{
    struct pyn_writing writing;
    pyn_status st = pyn_out_begin(session, NULL, &writing);

    if (st == PYN_OK) {
        st = pyn_message_stale(&session->out.buf, id, name);
    }
    return pyn_out_reply_status(pyn_out_end(session, &writing, st));
}

pyn_status pyn_session_stale(struct pyn_session *session, const void *object, struct pyn_view name, bool *is_told)
{
    uint32_t count = session->policy != NULL ? pyn_policy_iface_count(session->policy) : 0;
    pyn_status st = session->state;

    *is_told = false;
    for (uint32_t i = 0; st == PYN_OK && i < count; i++) {
        const struct pyn_iface *iface = pyn_policy_iface(session->policy, i);
        const struct pyn_export *entry = keeps(iface, name) ? pyn_exports_of(&session->exports, object, iface) : NULL;
        if (entry != NULL) {
            st = write_stale(session, entry->id, name);
            *is_told = st == PYN_OK;
        }
    }
    return pyn_status_class(st) == PYN_CLASS_CLOSE || pyn_status_class(st) == PYN_CLASS_BROKEN
               ? pyn_session_fail(session, st)
               : st;
}
