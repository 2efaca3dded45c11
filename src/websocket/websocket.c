/* websocket.c - see websocket.h. */
#include "websocket.h"

#include <stdio.h>

#include "frames.h"

struct websocket {
    struct pyn_layer layer; /* first */
    const struct pyn_mem *mem;
    struct pyn_websocket_config config;
    struct pyn_buf head; /* of the peer's, as far as it has come */
    char key[PYN_KEY_LEN];
    unsigned refusal; /* the HTTP status of the answer to a head that is refused */
    struct pyn_frames frames;
    char reason[80];
};

static struct websocket *of(struct pyn_layer *layer)
{
    return (struct websocket *)layer;
}

/* ---- the upgrade ---- */

static pyn_status start(struct pyn_layer *layer, struct pyn_buf *down)
{
    struct websocket *self = of(layer);

    return self->config.is_server ? PYN_OK : pyn_upgrade_ask(&self->config, self->key, down);
}

static pyn_status refuse(struct websocket *self, pyn_status st, unsigned status, const char *what)
{
    self->refusal = status;
    (void)snprintf(self->reason, sizeof self->reason, status != 0 ? "%s: HTTP status %u" : "%s", what, status);
    self->layer.reason = self->reason;
    return st;
}

static pyn_status take_request(struct websocket *self, const struct pyn_http_head *head, struct pyn_buf *down)
{
    unsigned status = pyn_upgrade_check_request(&self->config, head, self->key);

    return status == 0 ? pyn_upgrade_answer(self->key, down)
                       : refuse(self, PYN_EPROTOCOL, status, "a websocket upgrade was refused");
}

static pyn_status take_answer(struct websocket *self, const struct pyn_http_head *head)
{
    unsigned status = 0;
    const char *wrong = pyn_upgrade_check_answer(head, self->key, &status);

    return wrong == NULL ? PYN_OK : refuse(self, PYN_EPROTOCOL, status == 101 ? 0 : status, wrong);
}

static pyn_status take_head(struct websocket *self, struct pyn_view bytes, struct pyn_buf *down)
{
    struct pyn_http_head head;
    pyn_status st = pyn_http_parse(bytes, &head);

    if (st == PYN_ESIZE) {
        return refuse(self, st, 431, "a websocket head with too many fields");
    }
    if (st != PYN_OK) {
        return refuse(self, st, 400, "a websocket head that is malformed");
    }
    return self->config.is_server ? take_request(self, &head, down) : take_answer(self, &head);
}

/* Keeps what may still be of the head. PYN_EWAIT: all of it; PYN_OK: *rest is what stands behind it. */
static pyn_status gather(struct websocket *self, struct pyn_view bytes, struct pyn_view *rest, struct pyn_buf *down)
{
    const size_t before = pyn_buf_len(&self->head);
    const size_t room = self->head.max - before;
    size_t len = 0;
    pyn_status st = pyn_buf_append(&self->head, bytes.data, bytes.len < room ? bytes.len : room);

    if (st == PYN_OK) {
        st = pyn_http_find_end(pyn_buf_view(&self->head), before, &len);
    }
    if (st == PYN_EFORMAT) {
        return refuse(self, st, 400, "that is no HTTP");
    }
    if (st == PYN_ESIZE) {
        return refuse(self, st, 431, "a websocket head beyond its limit");
    }
    if (st == PYN_OK) {
        *rest = (struct pyn_view){bytes.data + (len - before), bytes.len - (len - before)};
        st = take_head(self, (struct pyn_view){pyn_buf_view(&self->head).data, len}, down);
    }
    return st;
}

static pyn_status shake(struct websocket *self, struct pyn_view *bytes, struct pyn_buf *down)
{
    struct pyn_view rest = {NULL, 0};
    pyn_status st = gather(self, *bytes, &rest, down);

    *bytes = rest;
    if (st == PYN_EWAIT) {
        return PYN_OK;
    }
    if (st == PYN_OK) {
        pyn_buf_fini(&self->head);
        self->layer.is_open = true;
    }
    return st;
}

/* ---- the stream ---- */

static pyn_status receive(struct pyn_layer *layer, struct pyn_view bytes, struct pyn_buf *up, struct pyn_buf *down)
{
    struct websocket *self = of(layer);
    pyn_status st = PYN_OK;

    if (!layer->is_open) {
        st = shake(self, &bytes, down);
    }
    if (st == PYN_OK && layer->is_open && bytes.len > 0) {
        st = pyn_frames_receive(&self->frames, bytes, up, down);
        layer->reason = self->frames.reason;
    }
    return st;
}

static pyn_status send(struct pyn_layer *layer, struct pyn_view bytes, struct pyn_buf *down)
{
    return pyn_frames_send(&of(layer)->frames, bytes, down);
}

static uint16_t code_of(pyn_status why)
{
    switch (why) {
    case PYN_EGONE:
        return WSLAY_CODE_NORMAL_CLOSURE;
    case PYN_ESIZE:
        return WSLAY_CODE_MESSAGE_TOO_BIG;
    case PYN_EINTERNAL:
    case PYN_ENOMEM:
        return WSLAY_CODE_INTERNAL_SERVER_ERROR;
    default:
        return WSLAY_CODE_POLICY_VIOLATION; /* what is wrong with the session has been said in it */
    }
}

static void finish(struct pyn_layer *layer, pyn_status why, struct pyn_buf *down)
{
    struct websocket *self = of(layer);

    if (layer->is_open) {
        pyn_frames_close(&self->frames, code_of(why), down);
    } else if (self->config.is_server) {
        (void)pyn_upgrade_refuse(self->refusal != 0 ? self->refusal : 408, down);
    }
}

static void release(struct pyn_layer *layer)
{
    struct websocket *self = of(layer);

    pyn_frames_fini(&self->frames);
    pyn_buf_fini(&self->head);
    pyn_mem_free(self->mem, self);
}

/* ---- in another process ---- */

enum { FORM = 1 };

/* As it stands in memory: who reads it was forked off from who has written it. */
struct saved {
    uint32_t form;
    uint8_t is_in_message;
    uint64_t message_len;
};

static pyn_status save(const struct pyn_layer *layer, struct pyn_buf *state)
{
    const struct websocket *self = (const struct websocket *)layer;
    struct saved saved;

    if (!self->config.is_server || self->frames.code != 0) {
        return PYN_EPROTOCOL;
    }
    if (!pyn_frames_is_between(&self->frames)) {
        return PYN_EWAIT;
    }
    memset(&saved, 0, sizeof saved);
    saved.form = FORM;
    saved.is_in_message = self->frames.is_in_message;
    saved.message_len = self->frames.message_len;
    return pyn_buf_append(state, &saved, sizeof saved);
}

static const struct pyn_layer_ops ops = {"websocket", start, receive, send, finish, release, NULL, save};

pyn_status pyn_websocket_revive(const void *ctx, const struct pyn_mem *mem, struct pyn_view state, struct pyn_layer **out)
{
    struct saved saved;
    pyn_status st = PYN_EINTERNAL;

    *out = NULL;
    if (state.len != sizeof saved) {
        return PYN_EFORMAT;
    }
    memcpy(&saved, state.data, sizeof saved);
    if (saved.form != FORM || saved.is_in_message > 1) {
        return PYN_EFORMAT;
    }
    st = pyn_websocket_make(ctx, mem, out);
    if (st == PYN_OK) {
        struct websocket *self = of(*out);
        self->frames.is_in_message = saved.is_in_message != 0;
        self->frames.message_len = saved.message_len;
        self->layer.is_open = true;
    }
    return st;
}

pyn_status pyn_websocket_make(const void *ctx, const struct pyn_mem *mem, struct pyn_layer **out)
{
    const struct pyn_websocket_config *config = ctx;
    struct websocket *self = pyn_mem_new(mem, 1, sizeof *self);

    *out = NULL;
    if (self == NULL) {
        return PYN_ENOMEM;
    }
    self->layer.ops = &ops;
    self->mem = mem;
    self->config = *config;
    pyn_buf_init(&self->head, mem, PYN_HEAD_MAX + 1); /* one more, so that a head that is too long is seen to be */
    if (pyn_frames_init(&self->frames, &self->config) != PYN_OK) {
        release(&self->layer);
        return PYN_ENOMEM;
    }
    *out = &self->layer;
    return PYN_OK;
}
