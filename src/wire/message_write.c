/* message_write.c - writes the messages that carry no values of Python's. See message.h. */
#include "message.h"
#include "pack.h"

/* Packs until the first failure; finish() then takes back what this message left in the buffer. */
struct writer {
    struct pyn_buf *buf;
    size_t before; /* bytes held before this message */
    pyn_status st;
};

static void put_array(struct writer *w, size_t count)
{
    if (w->st == PYN_OK) {
        w->st = pyn_pack_array(w->buf, count);
    }
}

static void put_map(struct writer *w, size_t count)
{
    if (w->st == PYN_OK) {
        w->st = pyn_pack_map(w->buf, count);
    }
}

static void put_int(struct writer *w, int64_t value)
{
    if (w->st == PYN_OK) {
        w->st = pyn_pack_int(w->buf, value);
    }
}

static void put_uint(struct writer *w, uint64_t value)
{
    if (w->st == PYN_OK) {
        w->st = pyn_pack_uint(w->buf, value);
    }
}

static void put_nil(struct writer *w)
{
    if (w->st == PYN_OK) {
        w->st = pyn_pack_nil(w->buf);
    }
}

static void put_str(struct writer *w, struct pyn_view text)
{
    if (w->st == PYN_OK) {
        w->st = pyn_pack_str(w->buf, text.data, text.len);
    }
}

static void put_str_or_nil(struct writer *w, struct pyn_view text)
{
    if (text.len == 0) {
        put_nil(w);
    } else {
        put_str(w, text);
    }
}

static void put_limit(struct writer *w, const char *key, uint64_t value)
{
    put_str(w, pyn_view_of(key));
    put_uint(w, value);
}

static struct writer start(struct pyn_buf *buf, size_t count, enum pyn_kind kind)
{
    struct writer w = {buf, pyn_buf_len(buf), PYN_OK};

    put_array(&w, count);
    put_int(&w, kind);
    return w;
}

static pyn_status finish(struct writer *w)
{
    if (w->st == PYN_OK) {
        w->st = pyn_pack_newline(w->buf);
    }
    if (w->st != PYN_OK) {
        pyn_buf_truncate(w->buf, w->before);
    }
    return w->st;
}

pyn_status pyn_message_free(struct pyn_buf *buf, uint64_t id, uint64_t count)
{
    if (count == 0) {
        return PYN_EINTERNAL;
    }
    struct writer w = start(buf, 3, PYN_M_FREE);
    put_uint(&w, id);
    put_uint(&w, count);
    return finish(&w);
}

pyn_status pyn_message_lane(struct pyn_buf *buf, uint64_t lane)
{
    if (lane > INT64_MAX) {
        return PYN_EINTERNAL;
    }
    struct writer w = start(buf, 2, PYN_M_LANE);
    put_uint(&w, lane);
    return finish(&w);
}

pyn_status pyn_message_cancel(struct pyn_buf *buf)
{
    struct writer w = start(buf, 1, PYN_M_CANCEL);
    return finish(&w);
}

pyn_status pyn_message_look(struct pyn_buf *buf, uint32_t interface, struct pyn_view name)
{
    if (interface == 0) {
        return PYN_EINTERNAL;
    }
    struct writer w = start(buf, 3, PYN_M_LOOK);
    put_uint(&w, interface);
    put_str(&w, name);
    return finish(&w);
}

pyn_status pyn_message_goodbye(struct pyn_buf *buf, uint32_t code, const char *reason)
{
    struct writer w = start(buf, 3, PYN_M_GOODBYE);
    put_uint(&w, code);
    put_str(&w, pyn_view_of(reason));
    return finish(&w);
}

pyn_status pyn_message_ping(struct pyn_buf *buf, enum pyn_kind ping_or_pong, uint64_t token)
{
    bool is_either = ping_or_pong == PYN_M_PING || ping_or_pong == PYN_M_PONG;

    if (!is_either || token > INT64_MAX) {
        return PYN_EINTERNAL;
    }
    struct writer w = start(buf, 2, ping_or_pong);
    put_uint(&w, token);
    return finish(&w);
}

pyn_status pyn_message_stale(struct pyn_buf *buf, uint64_t id, struct pyn_view name)
{
    if (name.len > PYN_NAME_MAX) {
        return PYN_EMISFIT;
    }
    struct writer w = start(buf, 3, PYN_M_STALE);
    put_uint(&w, id);
    put_str_or_nil(&w, name);
    return finish(&w);
}

pyn_status pyn_message_error(struct pyn_buf *buf, const struct pyn_error_head *head, struct pyn_view details)
{
    if (head->type.len == 0 || head->type.len > PYN_NAME_MAX) {
        return PYN_EMISFIT;
    }
    struct writer w = start(buf, details.len > 0 ? 3 : 2, PYN_M_ERROR);
    put_array(&w, 4);
    put_str(&w, head->type);
    put_str(&w, head->text);
    put_str_or_nil(&w, head->traceback);
    put_str_or_nil(&w, head->incident);
    if (w.st == PYN_OK && details.len > 0) {
        w.st = pyn_buf_append(buf, details.data, details.len);
    }
    return finish(&w);
}

pyn_status pyn_message_hello(struct pyn_buf *buf, const struct pyn_view *root_name, const struct pyn_limits *limits,
                             uint64_t references)
{
    if (root_name != NULL && (root_name->len == 0 || root_name->len > PYN_NAME_MAX)) {
        return PYN_EMISFIT;
    }
    struct writer w = start(buf, 5, PYN_M_HELLO);
    put_str(&w, pyn_view_of("pynto"));
    put_uint(&w, PYN_VERSION);
    if (root_name == NULL) {
        put_nil(&w);
    } else {
        put_str(&w, *root_name);
    }
    if (limits == NULL) {
        put_map(&w, 0);
    } else {
        put_map(&w, 7);
        put_limit(&w, "message", limits->message_max);
        put_limit(&w, "depth", limits->depth_max);
        put_limit(&w, "elements", limits->element_max);
        put_limit(&w, "keys", limits->key_max);
        put_limit(&w, "integer", limits->int_max);
        put_limit(&w, "references", references);
        put_limit(&w, "part", pyn_limits_part(limits));
    }
    return finish(&w);
}
