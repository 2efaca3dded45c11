/* channel.c - the states of one end, and what may come in each. */
#include "channel_state.h"

#include <assert.h>
#include <sodium.h>

enum {
    SHAKE_HEAD_LEN = 2,
    SHAKE_MAX = 192, /* longer than any message of a handshake */
    DATA_LEN = 16 * 1024, /* of a record that we make: what is read in one piece rarely ends at its end, and the rest has to be kept */
};

static const uint8_t magic[] = {'P', 'Y', 'N', 'T', 'O'};

/* Which records may come in which state; the others close. */
static const uint8_t allowed[PYN_CHANNEL_STATE_COUNT] = {
    [PYN_CHANNEL_LOGIN] = 1u << PYN_RECORD_LOGIN,
    [PYN_CHANNEL_UNSURE] = 1u << PYN_RECORD_DATA | 1u << PYN_RECORD_END | 1u << PYN_RECORD_REFUSED,
    [PYN_CHANNEL_OPEN] = 1u << PYN_RECORD_DATA | 1u << PYN_RECORD_END,
};

static struct channel *of(struct pyn_layer *layer)
{
    return (struct channel *)layer;
}

/* ---- the end ---- */

static void wipe_in(struct channel *channel)
{
    if (channel->in.block != NULL) {
        sodium_memzero(channel->in.block, channel->in.room);
    }
    pyn_buf_fini(&channel->in);
    pyn_buf_init(&channel->in, channel->mem, PYN_CHANNEL_IN_MAX);
}

static void end_shaking(struct channel *channel)
{
    if (channel->shaking != NULL) {
        sodium_memzero(channel->shaking, sizeof *channel->shaking);
        pyn_mem_free(channel->mem, channel->shaking);
        channel->shaking = NULL;
    }
}

static pyn_status die(struct channel *channel, pyn_status why, const char *reason)
{
    end_shaking(channel);
    pyn_cipher_wipe(&channel->sending);
    pyn_cipher_wipe(&channel->receiving);
    wipe_in(channel);
    channel->state = PYN_CHANNEL_DEAD;
    if (channel->layer.reason == NULL) {
        channel->layer.reason = reason;
    }
    return why;
}

static void channel_free(struct pyn_layer *layer)
{
    struct channel *channel = of(layer);
    const struct pyn_mem *mem = channel->mem;

    (void)die(channel, PYN_EGONE, NULL);
    sodium_memzero(channel, sizeof *channel);
    pyn_mem_free(mem, channel);
}

/* ---- the beginning ---- */

static void make_opening(enum pyn_pattern_id pattern, uint8_t out[PYN_OPENING_LEN])
{
    memcpy(out, magic, sizeof magic);
    out[5] = PYN_CHANNEL_VERSION;
    out[6] = (uint8_t)pattern;
    out[7] = 0;
}

/* Begins the handshake. The prologue: the opening, the transport's name with its length ahead, the server's key. */
static pyn_status begin(struct channel *channel, const struct pyn_pattern *pattern)
{
    struct shaking *shaking = channel->shaking;
    uint8_t prologue[PYN_OPENING_LEN + 1 + PYN_TRANSPORT_NAME_MAX + PYN_NOISE_KEY_LEN];
    size_t len = PYN_OPENING_LEN;
    const bool is_initiator = !channel->is_server;
    struct pyn_handshake_config config = {
        .pattern = pattern,
        .is_initiator = is_initiator,
        .own = shaking->has_own && (!is_initiator || pattern->has_initiator_key) ? &shaking->own : NULL,
        .peer_public = is_initiator && pattern->is_responder_known ? shaking->server_public : NULL,
        .psk = shaking->has_psk ? shaking->psk : NULL,
        .random = shaking->random,
    };

    make_opening(pattern->id, prologue);
    prologue[len++] = (uint8_t)shaking->transport_len;
    memcpy(prologue + len, shaking->transport, shaking->transport_len);
    len += shaking->transport_len;
    memcpy(prologue + len, shaking->server_public, PYN_NOISE_KEY_LEN);
    len += PYN_NOISE_KEY_LEN;
    config.prologue = (struct pyn_view){prologue, len};
    return pyn_handshake_init(&shaking->hs, &config);
}

static bool is_possible(const struct pyn_channel_config *config)
{
    const struct pyn_pattern *pattern = pyn_pattern_by_id((unsigned)config->pattern);

    if (config->login.len > PYN_LOGIN_MAX || config->transport.len > PYN_TRANSPORT_NAME_MAX) {
        return false;
    }
    if (config->is_server) {
        return config->own != NULL && config->server_public == NULL && config->login.len == 0 &&
               config->judge.judge != NULL;
    }
    return pattern != NULL && config->server_public != NULL && pattern->has_initiator_key == (config->own != NULL) &&
           pattern->has_psk == (config->psk != NULL);
}

static void copy(const void *from, size_t len, uint8_t *to)
{
    if (len > 0) {
        memcpy(to, from, len);
    }
}

static void fill_shaking(struct shaking *shaking, const struct pyn_channel_config *config)
{
    shaking->random = config->random;
    shaking->pattern = config->pattern;
    shaking->has_own = config->own != NULL;
    shaking->has_psk = config->psk != NULL;
    if (shaking->has_own) {
        shaking->own = *config->own;
    }
    if (shaking->has_psk) {
        memcpy(shaking->psk, config->psk, PYN_NOISE_KEY_LEN);
    }
    memcpy(shaking->server_public, config->is_server ? config->own->public_key : config->server_public,
           PYN_NOISE_KEY_LEN);
    shaking->transport_len = config->transport.len;
    copy(config->transport.data, config->transport.len, shaking->transport);
    shaking->login_len = config->login.len;
    copy(config->login.data, config->login.len, shaking->login);
}

/* ---- the handshake ---- */

/* Our message of the handshake, its length ahead. */
static pyn_status shake(struct channel *channel, struct pyn_buf *down)
{
    static const struct pyn_view nothing;
    uint8_t message[SHAKE_HEAD_LEN + SHAKE_MAX];
    size_t len = 0;
    pyn_status st = pyn_handshake_write(&channel->shaking->hs, nothing, message + SHAKE_HEAD_LEN, SHAKE_MAX, &len);

    channel->multiplications = channel->shaking->hs.multiplications;
    if (st != PYN_OK) {
        return st;
    }
    message[0] = (uint8_t)(len >> 8);
    message[1] = (uint8_t)len;
    return pyn_buf_append(down, message, SHAKE_HEAD_LEN + len);
}

static pyn_status channel_start(struct pyn_layer *layer, struct pyn_buf *down)
{
    struct channel *channel = of(layer);
    uint8_t opening[PYN_OPENING_LEN];
    pyn_status st = PYN_OK;

    if (channel->is_server) {
        channel->state = PYN_CHANNEL_OPENING;
        return PYN_OK;
    }
    st = begin(channel, pyn_pattern_by_id((unsigned)channel->shaking->pattern));
    if (st == PYN_OK) {
        make_opening(channel->shaking->pattern, opening);
        st = pyn_buf_append(down, opening, sizeof opening);
    }
    if (st == PYN_OK) {
        channel->state = PYN_CHANNEL_SHAKING;
        st = shake(channel, down);
    }
    return st == PYN_OK ? PYN_OK : die(channel, st, "the key of the server is not one");
}

static pyn_status take_opening(struct channel *channel, const uint8_t *bytes)
{
    const struct pyn_pattern *pattern = pyn_pattern_by_id(bytes[6]);

    if (memcmp(bytes, magic, sizeof magic) != 0 || bytes[5] != PYN_CHANNEL_VERSION || bytes[7] != 0 ||
        pattern == NULL || pattern->has_psk != channel->shaking->has_psk) {
        return PYN_EVERSION;
    }
    channel->state = PYN_CHANNEL_SHAKING;
    return begin(channel, pattern);
}

/* One record, sealed where it stands. */
static pyn_status put_record(struct channel *channel, enum pyn_sealed_kind kind, struct pyn_view data,
                             struct pyn_buf *down)
{
    uint8_t *record = NULL;
    pyn_status st = pyn_buf_reserve(down, data.len + PYN_RECORD_EXTRA_LEN, &record);

    if (st != PYN_OK) {
        return st;
    }
    assert(record != NULL);
    copy(data.data, data.len, record + PYN_RECORD_HEAD_LEN);
    st = pyn_record_seal(&channel->sending, kind, record, data.len);
    if (st == PYN_OK) {
        pyn_buf_commit(down, data.len + PYN_RECORD_EXTRA_LEN);
    } else {
        sodium_memzero(record, data.len + PYN_RECORD_EXTRA_LEN);
    }
    return st;
}

static pyn_status finish_handshake(struct channel *channel, struct pyn_buf *down)
{
    struct shaking *shaking = channel->shaking;
    struct pyn_view login = {shaking->login, shaking->login_len};
    pyn_status st = PYN_EINTERNAL;

    channel->has_peer_key = shaking->hs.has_peer_static;
    memcpy(channel->peer_key, shaking->hs.peer_static, PYN_NOISE_KEY_LEN);
    st = pyn_handshake_finish(&shaking->hs, &channel->sending, &channel->receiving, channel->transcript);
    channel->state = PYN_CHANNEL_LOGIN;
    if (st == PYN_OK && !channel->is_server) {
        st = put_record(channel, PYN_RECORD_LOGIN, login, down);
        channel->state = PYN_CHANNEL_UNSURE;
        channel->layer.is_open = st == PYN_OK;
    }
    end_shaking(channel);
    return st;
}

/* Where the pattern lets the server tell its key, it may be another one: then it learns nothing of ours. */
static bool is_pinned(const struct channel *channel)
{
    const struct shaking *shaking = channel->shaking;

    return channel->is_server || !shaking->hs.has_peer_static ||
           sodium_memcmp(shaking->hs.peer_static, shaking->server_public, PYN_NOISE_KEY_LEN) == 0;
}

/* Their message is read; if it is our turn then, ours is written. */
static pyn_status take_message(struct channel *channel, struct pyn_view message, struct pyn_buf *down)
{
    struct pyn_handshake *hs = &channel->shaking->hs;
    uint8_t payload[SHAKE_MAX];
    size_t len = 0;
    pyn_status st = pyn_handshake_read(hs, message, payload, &len);

    channel->multiplications = hs->multiplications;
    if (st == PYN_OK && !is_pinned(channel)) {
        st = PYN_EFORGED;
    }
    if (st == PYN_OK && hs->turn == PYN_TURN_OURS) {
        st = shake(channel, down);
    }
    if (st == PYN_OK && hs->turn == PYN_TURN_DONE) {
        st = finish_handshake(channel, down);
    }
    return st;
}

/* ---- the login ---- */

static pyn_status let_in(struct channel *channel)
{
    channel->state = PYN_CHANNEL_OPEN;
    channel->layer.is_open = true;
    return PYN_OK;
}

static pyn_status keep_out(struct channel *channel, struct pyn_buf *down)
{
    static const struct pyn_view nothing;

    (void)put_record(channel, PYN_RECORD_REFUSED, nothing, down);
    return die(channel, PYN_ESHUT, "the client was not let in");
}

static pyn_status take_login(struct channel *channel, struct pyn_view login, struct pyn_buf *down)
{
    const struct pyn_claim claim = {
        .key = channel->has_peer_key ? channel->peer_key : NULL, .login = login, .session = channel->transcript};

    switch (channel->judge.judge(channel->judge.ctx, &claim, &channel->who)) {
    case PYN_JUDGED_IN:
        return let_in(channel);
    case PYN_JUDGED_LATER:
        channel->state = PYN_CHANNEL_DECIDING;
        return PYN_OK;
    case PYN_JUDGED_OUT:
        break;
    }
    return keep_out(channel, down);
}

/* ---- receiving ---- */

/* Opens a record into up, and leaves there what is data. */
static pyn_status take_record(struct channel *channel, struct pyn_view record, struct pyn_buf *up, struct pyn_buf *down)
{
    enum pyn_sealed_kind kind = PYN_RECORD_NONE;
    uint8_t *text = NULL;
    size_t len = 0;
    pyn_status st = pyn_buf_reserve(up, record.len - PYN_RECORD_HEAD_LEN - PYN_TAG_LEN, &text);

    if (st == PYN_OK) {
        st = pyn_record_open(&channel->receiving, record, text, &kind, &len);
    }
    if (st != PYN_OK) {
        return st;
    }
    if ((allowed[channel->state] & 1u << kind) == 0) {
        return PYN_EPROTOCOL;
    }
    switch (kind) {
    case PYN_RECORD_DATA:
        pyn_buf_commit(up, len);
        channel->state = PYN_CHANNEL_OPEN;
        return len > 0 ? PYN_OK : PYN_EFORMAT;
    case PYN_RECORD_LOGIN:
        st = take_login(channel, (struct pyn_view){text, len}, down);
        sodium_memzero(text, len);
        return st;
    default:
        break;
    }
    if (len > 0) {
        return PYN_EFORMAT;
    }
    channel->state = PYN_CHANNEL_ENDED;
    channel->layer.reason = kind == PYN_RECORD_END ? "the peer has ended the stream" : "the server does not let us in";
    return kind == PYN_RECORD_END ? PYN_EGONE : PYN_ESHUT;
}

/* How long the unit is that has to come next, as far as bytes tell. PYN_EWAIT: not yet. */
static pyn_status measure(const struct channel *channel, struct pyn_view bytes, size_t *len)
{
    pyn_status st = PYN_EPROTOCOL;
    size_t wanted = 0;

    switch (channel->state) {
    case PYN_CHANNEL_OPENING:
        *len = PYN_OPENING_LEN;
        return PYN_OK;
    case PYN_CHANNEL_SHAKING:
        wanted = pyn_pattern_message_len(channel->shaking->hs.pattern, channel->shaking->hs.message);
        *len = SHAKE_HEAD_LEN + wanted;
        if (bytes.len < SHAKE_HEAD_LEN) {
            return PYN_EWAIT;
        }
        return ((size_t)bytes.data[0] << 8 | bytes.data[1]) == wanted ? PYN_OK : PYN_EFORMAT;
    case PYN_CHANNEL_LOGIN:
        st = pyn_record_measure(bytes, len);
        return st == PYN_OK && *len > PYN_LOGIN_MAX + PYN_RECORD_EXTRA_LEN ? PYN_EFORMAT : st;
    case PYN_CHANNEL_UNSURE:
    case PYN_CHANNEL_OPEN:
        return pyn_record_measure(bytes, len);
    default:
        return st;
    }
}

static pyn_status take_unit(struct channel *channel, struct pyn_view unit, struct pyn_buf *up, struct pyn_buf *down)
{
    switch (channel->state) {
    case PYN_CHANNEL_OPENING:
        return take_opening(channel, unit.data);
    case PYN_CHANNEL_SHAKING:
        return take_message(channel, (struct pyn_view){unit.data + SHAKE_HEAD_LEN, unit.len - SHAKE_HEAD_LEN}, down);
    default:
        return take_record(channel, unit, up, down);
    }
}

/* The first len of bytes are kept, and are bytes no longer. */
static pyn_status keep(struct channel *channel, struct pyn_view *bytes, size_t len)
{
    pyn_status st = PYN_OK;

    len = len < bytes->len ? len : bytes->len;
    st = pyn_buf_append(&channel->in, bytes->data, len);
    if (st == PYN_OK) {
        bytes->data += len;
        bytes->len -= len;
    }
    return st == PYN_ESIZE ? PYN_EFLOOD : st;
}

/* One unit that has begun earlier, or whose end is not here yet. PYN_EWAIT: it is not whole yet. */
static pyn_status step_kept(struct channel *channel, struct pyn_view *bytes, struct pyn_buf *up, struct pyn_buf *down)
{
    size_t whole = 0;
    pyn_status st = measure(channel, pyn_buf_view(&channel->in), &whole);

    if (st == PYN_EWAIT) { /* first what tells the length */
        whole = PYN_RECORD_HEAD_LEN;
    } else if (st != PYN_OK) {
        return st;
    }
    if (pyn_buf_len(&channel->in) < whole) {
        pyn_status kept = keep(channel, bytes, whole - pyn_buf_len(&channel->in));
        if (kept != PYN_OK) {
            return kept;
        }
        return pyn_buf_len(&channel->in) < whole ? PYN_EWAIT : PYN_OK;
    }
    st = take_unit(channel, pyn_buf_view(&channel->in), up, down);
    wipe_in(channel);
    return st;
}

static pyn_status step(struct channel *channel, struct pyn_view *bytes, struct pyn_buf *up, struct pyn_buf *down)
{
    size_t whole = 0;
    pyn_status st = PYN_OK;

    if (channel->state == PYN_CHANNEL_DECIDING) {
        return keep(channel, bytes, bytes->len);
    }
    if (pyn_buf_len(&channel->in) > 0) {
        return step_kept(channel, bytes, up, down);
    }
    st = measure(channel, *bytes, &whole);
    if (st == PYN_OK && whole <= bytes->len) { /* all of it is here */
        struct pyn_view unit = {bytes->data, whole};
        bytes->data += whole;
        bytes->len -= whole;
        return take_unit(channel, unit, up, down);
    }
    return st == PYN_OK || st == PYN_EWAIT ? keep(channel, bytes, bytes->len) : st;
}

static const char *reason_of(const struct channel *channel, pyn_status st)
{
    if (!channel->layer.is_open && !channel->is_server) {
        return "the server does not prove the key that was asked for";
    }
    return channel->layer.is_open ? pyn_status_name(st) : "no handshake of a client of ours";
}

static pyn_status channel_receive(struct pyn_layer *layer, struct pyn_view bytes, struct pyn_buf *up, struct pyn_buf *down)
{
    struct channel *channel = of(layer);
    pyn_status st = PYN_OK;

    if (channel->state == PYN_CHANNEL_DEAD || channel->state == PYN_CHANNEL_ENDED) {
        return PYN_EPROTOCOL;
    }
    while ((st == PYN_OK && bytes.len > 0) ||
           (st == PYN_OK && channel->state != PYN_CHANNEL_DECIDING && pyn_buf_len(&channel->in) > 0)) {
        st = step(channel, &bytes, up, down);
    }
    if (st == PYN_OK || st == PYN_EWAIT) {
        return PYN_OK;
    }
    if (st == PYN_EGONE) {
        return st; /* our own stream may still be ended */
    }
    return die(channel, st, reason_of(channel, st));
}

pyn_status pyn_channel_decide(struct pyn_layer *layer, bool is_in)
{
    struct channel *channel = of(layer);

    if (channel->state != PYN_CHANNEL_DECIDING || channel->is_decided) {
        return PYN_EPROTOCOL;
    }
    channel->is_decided = true;
    channel->is_in = is_in;
    return PYN_OK;
}

static pyn_status channel_resume(struct pyn_layer *layer, struct pyn_buf *up, struct pyn_buf *down)
{
    struct channel *channel = of(layer);
    struct pyn_buf held;
    pyn_status st = PYN_OK;

    if (channel->state != PYN_CHANNEL_DECIDING || !channel->is_decided) {
        return PYN_OK;
    }
    if (!channel->is_in) {
        return keep_out(channel, down);
    }
    held = channel->in; /* the block is ours now */
    pyn_buf_init(&channel->in, channel->mem, PYN_CHANNEL_IN_MAX);
    (void)let_in(channel);
    st = channel_receive(layer, pyn_buf_view(&held), up, down);
    pyn_buf_fini(&held);
    return st;
}

/* ---- sending ---- */

static pyn_status channel_send(struct pyn_layer *layer, struct pyn_view bytes, struct pyn_buf *down)
{
    struct channel *channel = of(layer);
    pyn_status st = PYN_OK;

    while (st == PYN_OK && bytes.len > 0) {
        size_t len = bytes.len < DATA_LEN ? bytes.len : DATA_LEN;
        st = put_record(channel, PYN_RECORD_DATA, (struct pyn_view){bytes.data, len}, down);
        bytes.data += len;
        bytes.len -= len;
    }
    return st == PYN_OK ? PYN_OK : die(channel, st, pyn_status_name(st));
}

static void channel_finish(struct pyn_layer *layer, pyn_status why, struct pyn_buf *down)
{
    static const struct pyn_view nothing;
    struct channel *channel = of(layer);

    if (why == PYN_EGONE && channel->layer.is_open && channel->sending.has_key) {
        (void)put_record(channel, PYN_RECORD_END, nothing, down); /* without it the peer takes it for a cut */
    }
    (void)die(channel, why, NULL);
}

/* ---- the layer ---- */

const struct pyn_layer_ops pyn_channel_ops = {
    .name = "channel",
    .start = channel_start,
    .receive = channel_receive,
    .resume = channel_resume,
    .send = channel_send,
    .finish = channel_finish,
    .free = channel_free,
    .save = pyn_channel_save,
};

pyn_status pyn_channel_new(const struct pyn_channel_config *config, const struct pyn_mem *mem, struct pyn_layer **out)
{
    struct channel *channel = NULL;

    *out = NULL;
    if (!is_possible(config)) {
        return PYN_EARGS;
    }
    channel = pyn_mem_new(mem, 1, sizeof *channel);
    if (channel == NULL) {
        return PYN_ENOMEM;
    }
    channel->layer.ops = &pyn_channel_ops;
    channel->mem = mem;
    channel->is_server = config->is_server;
    channel->judge = config->judge;
    pyn_buf_init(&channel->in, mem, PYN_CHANNEL_IN_MAX);
    channel->shaking = pyn_mem_new(mem, 1, sizeof *channel->shaking);
    if (channel->shaking == NULL) {
        channel_free(&channel->layer);
        return PYN_ENOMEM;
    }
    fill_shaking(channel->shaking, config);
    *out = &channel->layer;
    return PYN_OK;
}

/* ---- looking ---- */

bool pyn_is_channel(const struct pyn_layer *layer)
{
    return layer != NULL && layer->ops == &pyn_channel_ops;
}

static const struct channel *look(const struct pyn_layer *layer)
{
    return (const struct channel *)layer;
}

enum pyn_channel_state pyn_channel_state(const struct pyn_layer *layer)
{
    return look(layer)->state;
}

const struct pyn_principal *pyn_channel_principal(const struct pyn_layer *layer)
{
    return &look(layer)->who;
}

const uint8_t *pyn_channel_transcript(const struct pyn_layer *layer)
{
    return look(layer)->transcript;
}

unsigned pyn_channel_multiplications(const struct pyn_layer *layer)
{
    return look(layer)->multiplications;
}
