/*
 * fuzz_records.c - what can who is let in, or who is between the two, do with records?
 *
 * Input: commands of one byte each, with what they need behind them. They act on two open ends: send so many bytes, carry so many, flip a bit of what is
 * under way, drop, repeat or insert bytes, end.
 * Properties: what goes up is a prefix of what was sent, whatever is done; once something was touched nothing goes up that was sent behind it; an end
 * is reported only where one was said; what closes stays closed.
 */
#include <sodium.h>
#include <stdlib.h>

#include "../../src/channel/channel.h"

enum { MAX = 1 << 22, SENT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct pyn_layer *client;
    struct pyn_layer *server;
    struct pyn_buf up;   /* of the server */
    struct pyn_buf down; /* of the client: what is under way */
    struct pyn_buf back;
    size_t sent;
    size_t passed;
    pyn_status st;
    bool is_ended;
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 0x42, len);
}

static enum pyn_admittance judge(void *ctx, const struct pyn_claim *claim, struct pyn_principal *who)
{
    (void)ctx;
    (void)claim;
    (void)who;
    return PYN_JUDGED_IN;
}

/* The byte that stands at this place of the stream. */
static uint8_t byte_at(size_t at)
{
    return (uint8_t)(at * 31 + at / 251);
}

static void carry(struct world *w, size_t len)
{
    struct pyn_view got;
    struct pyn_view piece = pyn_buf_view(&w->down);

    piece.len = len < piece.len ? len : piece.len;
    if (w->st != PYN_OK || piece.len == 0) {
        pyn_buf_consume(&w->down, piece.len);
        return;
    }
    w->st = w->server->ops->receive(w->server, piece, &w->up, &w->back);
    pyn_buf_consume(&w->down, piece.len);
    got = pyn_buf_view(&w->up);
    for (size_t i = 0; i < got.len; i++) {
        require(w->passed < w->sent && got.data[i] == byte_at(w->passed));
        w->passed++;
    }
    pyn_buf_consume(&w->up, got.len);
    require(w->st != PYN_EGONE || (w->is_ended && w->passed == w->sent));
    require(w->st == PYN_OK || pyn_status_class(w->st) == PYN_CLASS_CLOSE);
}

static void send_bytes(struct world *w, size_t len)
{
    uint8_t *bytes = NULL;

    if (w->is_ended || w->sent + len > SENT_MAX || len == 0) {
        return;
    }
    bytes = malloc(len);
    require(bytes != NULL);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = byte_at(w->sent + i);
    }
    require(w->client->ops->send(w->client, (struct pyn_view){bytes, len}, &w->down) == PYN_OK);
    w->sent += len;
    free(bytes);
}

static void tamper(struct world *w, uint8_t how, size_t at)
{
    struct pyn_view all = pyn_buf_view(&w->down);

    if (all.len == 0) {
        return;
    }
    at %= all.len;
    switch (how % 3) {
    case 0:
        pyn_buf_patch(&w->down, at, all.data[at] ^ (uint8_t)(1u << how % 8));
        break;
    case 1:
        pyn_buf_consume(&w->down, at + 1);
        break;
    default:
        require(pyn_buf_append(&w->down, "junk", 4) == PYN_OK);
        break;
    }
}

static void open_both(struct world *w)
{
    static const uint8_t secret[PYN_NOISE_KEY_LEN] = {1, 2};
    struct pyn_keypair own;
    struct pyn_channel_config server = {
        .is_server = true, .own = &own, .judge = {judge, NULL}, .random = {fill, NULL}, .transport = pyn_view_of("tcp")};
    struct pyn_channel_config client = {.server_public = own.public_key,
                                        .pattern = PYN_PATTERN_NK,
                                        .random = {fill, NULL},
                                        .transport = pyn_view_of("tcp")};
    struct pyn_buf unused;

    pyn_keypair_from(&own, secret);
    pyn_buf_init(&w->up, pyn_mem_default(), MAX);
    pyn_buf_init(&w->down, pyn_mem_default(), MAX);
    pyn_buf_init(&w->back, pyn_mem_default(), MAX);
    pyn_buf_init(&unused, pyn_mem_default(), MAX);
    require(pyn_channel_new(&server, pyn_mem_default(), &w->server) == PYN_OK);
    require(pyn_channel_new(&client, pyn_mem_default(), &w->client) == PYN_OK);
    require(w->server->ops->start(w->server, &w->back) == PYN_OK && w->client->ops->start(w->client, &w->down) == PYN_OK);
    w->st = PYN_OK;
    carry(w, MAX);
    require(w->client->ops->receive(w->client, pyn_buf_view(&w->back), &unused, &w->down) == PYN_OK);
    carry(w, MAX);
    require(w->client->is_open && w->server->is_open && w->st == PYN_OK);
    pyn_buf_fini(&unused);
}

static void act(struct world *w, uint8_t command, size_t number)
{
    switch (command % 6) {
    case 0:
        send_bytes(w, number % 300);
        break;
    case 1:
        send_bytes(w, 1 + number * 3 % 65536);
        break;
    case 2:
    case 3:
        carry(w, number);
        break;
    case 4:
        tamper(w, command / 6, number);
        break;
    default:
        if (!w->is_ended && number % 8 == 0) {
            w->is_ended = true;
            w->client->ops->finish(w->client, PYN_EGONE, &w->down);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {0};

    if (sodium_init() < 0) {
        return 0;
    }
    open_both(&w);
    for (size_t at = 0; at + 3 <= size; at += 3) {
        act(&w, data[at], (size_t)data[at + 1] << 8 | data[at + 2]);
    }
    carry(&w, MAX);
    w.client->ops->free(w.client);
    w.server->ops->free(w.server);
    pyn_buf_fini(&w.up);
    pyn_buf_fini(&w.down);
    pyn_buf_fini(&w.back);
    return 0;
}
