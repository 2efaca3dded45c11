/* move.c - an open channel that goes on in another process of the same program: its two keys, who was let in, and what has come of the next record. */
#include <sodium.h>

#include "channel_state.h"

enum { FORM = 1 };

/* As it stands in memory: who reads it was forked off from who has written it. Behind it: the bytes of the record. */
struct saved {
    uint32_t form;
    uint32_t size;
    uint8_t has_peer_key;
    struct pyn_cipher sending;
    struct pyn_cipher receiving;
    struct pyn_principal who;
    uint8_t peer_key[PYN_NOISE_KEY_LEN];
    uint8_t transcript[PYN_HASH_LEN];
};

pyn_status pyn_channel_save(const struct pyn_layer *layer, struct pyn_buf *state)
{
    const struct channel *channel = (const struct channel *)layer;
    const struct pyn_view begun = pyn_buf_view(&channel->in);
    struct saved saved;
    pyn_status st = PYN_EINTERNAL;

    if (!channel->is_server || channel->state != PYN_CHANNEL_OPEN) {
        return PYN_EPROTOCOL;
    }
    memset(&saved, 0, sizeof saved);
    saved.form = FORM;
    saved.size = sizeof saved;
    saved.has_peer_key = channel->has_peer_key;
    saved.sending = channel->sending;
    saved.receiving = channel->receiving;
    saved.who = channel->who;
    memcpy(saved.peer_key, channel->peer_key, sizeof saved.peer_key);
    memcpy(saved.transcript, channel->transcript, sizeof saved.transcript);
    st = pyn_buf_append(state, &saved, sizeof saved);
    sodium_memzero(&saved, sizeof saved);
    return st == PYN_OK && begun.len > 0 ? pyn_buf_append(state, begun.data, begun.len) : st;
}

static bool is_text(const char *text, size_t room)
{
    return memchr(text, 0, room) != NULL;
}

/* Before it is read as one. */
static bool is_bool(const bool *flag)
{
    return *(const unsigned char *)flag <= 1;
}

static bool is_whole(const struct saved *saved)
{
    const struct pyn_principal *who = &saved->who;

    return saved->form == FORM && saved->size == sizeof *saved && saved->has_peer_key <= 1 &&
           is_bool(&saved->sending.has_key) && is_bool(&saved->receiving.has_key) && saved->sending.has_key &&
           saved->receiving.has_key && is_text(who->name, sizeof who->name) && is_text(who->root, sizeof who->root) &&
           is_text(who->quota_class, sizeof who->quota_class) && is_text(who->facet, sizeof who->facet);
}

static pyn_status take(struct channel *channel, const struct saved *saved, struct pyn_view begun)
{
    channel->layer.ops = &pyn_channel_ops;
    channel->layer.is_open = true;
    channel->state = PYN_CHANNEL_OPEN;
    channel->is_server = true;
    channel->has_peer_key = saved->has_peer_key != 0;
    channel->sending = saved->sending;
    channel->receiving = saved->receiving;
    channel->who = saved->who;
    memcpy(channel->peer_key, saved->peer_key, sizeof channel->peer_key);
    memcpy(channel->transcript, saved->transcript, sizeof channel->transcript);
    return begun.len > 0 ? pyn_buf_append(&channel->in, begun.data, begun.len) : PYN_OK;
}

pyn_status pyn_channel_revive(const void *ctx, const struct pyn_mem *mem, struct pyn_view state, struct pyn_layer **out)
{
    struct channel *channel = NULL;
    struct saved saved;
    pyn_status st = PYN_EFORMAT;

    (void)ctx;
    *out = NULL;
    if (state.len < sizeof saved) {
        return PYN_EFORMAT;
    }
    memcpy(&saved, state.data, sizeof saved);
    if (is_whole(&saved)) {
        channel = pyn_mem_new(mem, 1, sizeof *channel);
        st = PYN_ENOMEM;
    }
    if (channel != NULL) {
        channel->mem = mem;
        pyn_buf_init(&channel->in, mem, PYN_CHANNEL_IN_MAX);
        st = take(channel, &saved, (struct pyn_view){state.data + sizeof saved, state.len - sizeof saved});
        if (st == PYN_OK) {
            *out = &channel->layer;
        } else {
            pyn_channel_ops.free(&channel->layer);
        }
    }
    sodium_memzero(&saved, sizeof saved);
    return st;
}
