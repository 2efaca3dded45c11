/*
 * fuzz_between.c - what can who stands between the two do to a handshake?
 *
 * Input: one byte (the pattern; the top bit: with a preshared key), then commands of three bytes each: which way, what to do, where. Client and server are real.
 * Properties: as long as nothing was touched both open, and each has what the other has said; once something was, nothing is passed up that was not sent, and a server
 * that has let somebody in has let in the client; whoever closes stays closed.
 */
#include <sodium.h>
#include <stdlib.h>

#include "../../src/channel/channel.h"

enum { MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct end {
    struct pyn_layer *layer;
    struct pyn_buf out; /* on its way to the other */
    struct pyn_buf up;
    pyn_status st;
};

struct world {
    struct end ends[2]; /* client, server */
    bool is_touched;
    bool was_judged;
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    uint8_t *next = ctx;

    memset(out, (*next)++, len);
}

static enum pyn_admittance judge(void *ctx, const struct pyn_claim *claim, struct pyn_principal *who)
{
    struct world *w = ctx;

    (void)claim;
    (void)who;
    w->was_judged = true;
    return PYN_JUDGED_IN;
}

static void make(struct world *w, uint8_t choice, uint8_t *random)
{
    static const uint8_t secrets[2][PYN_NOISE_KEY_LEN] = {{1, 2}, {3, 4}};
    static const uint8_t psk[PYN_NOISE_KEY_LEN] = {7};
    struct pyn_keypair keys[2];
    const struct pyn_pattern *pattern = pyn_pattern_by_id(1u + choice % (PYN_PATTERN_COUNT - 1));
    struct pyn_channel_config server = {.is_server = true,
                                        .own = &keys[1],
                                        .psk = pattern->has_psk ? psk : NULL,
                                        .judge = {judge, w},
                                        .transport = pyn_view_of("tcp"),
                                        .random = {fill, random}};
    struct pyn_channel_config client = {.pattern = pattern->id,
                                        .own = pattern->has_initiator_key ? &keys[0] : NULL,
                                        .psk = pattern->has_psk ? psk : NULL,
                                        .server_public = keys[1].public_key,
                                        .login = pyn_view_of("login"),
                                        .transport = pyn_view_of("tcp"),
                                        .random = {fill, random}};

    pyn_keypair_from(&keys[0], secrets[0]);
    pyn_keypair_from(&keys[1], secrets[1]);
    require(pyn_channel_new(&client, pyn_mem_default(), &w->ends[0].layer) == PYN_OK);
    require(pyn_channel_new(&server, pyn_mem_default(), &w->ends[1].layer) == PYN_OK);
    for (int i = 0; i < 2; i++) {
        pyn_buf_init(&w->ends[i].out, pyn_mem_default(), MAX);
        pyn_buf_init(&w->ends[i].up, pyn_mem_default(), MAX);
        w->ends[i].st = PYN_OK;
        require(w->ends[i].layer->ops->start(w->ends[i].layer, &w->ends[i].out) == PYN_OK);
    }
}

/* len bytes of what from has on its way. */
static void carry(struct world *w, int from, size_t len)
{
    struct end *to = &w->ends[1 - from];
    struct pyn_buf *out = &w->ends[from].out;
    struct pyn_view piece = pyn_buf_view(out);

    piece.len = len < piece.len ? len : piece.len;
    if (piece.len > 0 && to->st == PYN_OK) {
        to->st = to->layer->ops->receive(to->layer, piece, &to->up, &to->out);
        require(to->st == PYN_OK || pyn_status_class(to->st) == PYN_CLASS_CLOSE);
        require(w->is_touched || to->st == PYN_OK);
    }
    pyn_buf_consume(out, piece.len);
}

static void tamper(struct world *w, int from, uint8_t how, size_t at)
{
    struct pyn_buf *out = &w->ends[from].out;
    struct pyn_view all = pyn_buf_view(out);

    if (all.len == 0) {
        return;
    }
    w->is_touched = true;
    switch (how % 4) {
    case 0:
        pyn_buf_patch(out, at % all.len, all.data[at % all.len] ^ (uint8_t)(1u << how / 4 % 8));
        break;
    case 1:
        pyn_buf_consume(out, 1 + at % all.len);
        break;
    case 2:
        pyn_buf_truncate(out, at % all.len);
        break;
    default:
        require(pyn_buf_append(out, "junk", 1 + at % 4) == PYN_OK);
        break;
    }
}

static void check(struct world *w, bool is_whole)
{
    const struct end *client = &w->ends[0];
    const struct end *server = &w->ends[1];

    require(!server->layer->is_open || w->was_judged);
    require(pyn_buf_len(&client->up) == 0 && pyn_buf_len(&server->up) == 0); /* nothing was sent */
    if (!w->is_touched && is_whole) {
        require(client->layer->is_open && server->layer->is_open);
    }
}

static void speak(struct world *w, int from)
{
    struct end *end = &w->ends[from];
    struct end *other = &w->ends[1 - from];

    if (!end->layer->is_open || end->st != PYN_OK || other->st != PYN_OK || w->is_touched) {
        return;
    }
    require(end->layer->ops->send(end->layer, pyn_view_of("hello"), &end->out) == PYN_OK);
    carry(w, from, SIZE_MAX);
    require(pyn_view_is_equal(pyn_buf_view(&other->up), pyn_view_of("hello")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.was_judged = false};
    uint8_t random = 1;

    if (sodium_init() < 0 || size < 1) {
        return 0;
    }
    make(&w, data[0], &random);
    for (size_t at = 1; at + 3 <= size && size < 400; at += 3) {
        int from = data[at] & 1;
        size_t number = (size_t)(data[at] >> 4) << 8 | data[at + 2];
        if ((data[at] & 2) != 0) {
            tamper(&w, from, data[at + 1], number);
        } else {
            carry(&w, from, number);
        }
        check(&w, false);
    }
    for (int i = 0; i < 6; i++) {
        carry(&w, i % 2, SIZE_MAX);
    }
    check(&w, true);
    speak(&w, 0);
    speak(&w, 1);
    for (int i = 0; i < 2; i++) {
        w.ends[i].layer->ops->free(w.ends[i].layer);
        pyn_buf_fini(&w.ends[i].out);
        pyn_buf_fini(&w.ends[i].up);
    }
    return 0;
}
