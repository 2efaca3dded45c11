/*
 * fuzz_handshake.c - is there anything a stranger can say with which an end of the channel opens, passes something up, or reads where it should not?
 *
 * Input: one byte (its lowest bit: which end; then the pattern; the top bit: with a preshared key), one byte for the size of the pieces, then the bytes.
 * Properties: whatever comes, the end stays shut and passes nothing up (nobody but a holder of the keys can make it do so); a fault of a client
 * before its login is not answered; what closes stays closed; the verdict is the same however the bytes are cut.
 */
#include <sodium.h>
#include <stdlib.h>

#include "../../src/channel/channel.h"

enum { MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The same bytes in every run: a finding can be played again. */
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

static struct pyn_layer *make(uint8_t choice)
{
    static const uint8_t secrets[2][PYN_NOISE_KEY_LEN] = {{1, 2}, {3, 4}};
    static const uint8_t psk[PYN_NOISE_KEY_LEN] = {7};
    struct pyn_keypair own;
    struct pyn_keypair other;
    struct pyn_layer *layer = NULL;
    const bool is_server = (choice & 1) != 0;
    const struct pyn_pattern *pattern = pyn_pattern_by_id(1u + (choice >> 1) % (PYN_PATTERN_COUNT - 1));
    struct pyn_channel_config config = {.is_server = is_server, .transport = pyn_view_of("tcp"), .random = {fill, NULL}};

    pyn_keypair_from(&own, secrets[0]);
    pyn_keypair_from(&other, secrets[1]);
    if (is_server) {
        config.own = &own;
        config.psk = (choice & 0x80) != 0 ? psk : NULL;
        config.judge.judge = judge;
    } else {
        config.pattern = pattern->id;
        config.own = pattern->has_initiator_key ? &own : NULL;
        config.psk = pattern->has_psk ? psk : NULL;
        config.server_public = other.public_key;
        config.login = pyn_view_of("login");
    }
    require(pyn_channel_new(&config, pyn_mem_default(), &layer) == PYN_OK);
    return layer;
}

static pyn_status play(uint8_t choice, struct pyn_view bytes, size_t step)
{
    struct pyn_layer *layer = make(choice);
    struct pyn_buf up;
    struct pyn_buf down;
    pyn_status st = PYN_OK;
    size_t said = 0;

    pyn_buf_init(&up, pyn_mem_default(), MAX);
    pyn_buf_init(&down, pyn_mem_default(), MAX);
    require(layer->ops->start(layer, &down) == PYN_OK);
    while (st == PYN_OK && bytes.len > 0) {
        struct pyn_view piece = {bytes.data, bytes.len < step ? bytes.len : step};
        said = pyn_buf_len(&down);
        st = layer->ops->receive(layer, piece, &up, &down);
        bytes.data += piece.len;
        bytes.len -= piece.len;
        require(pyn_buf_len(&up) == 0 && !layer->is_open);
    }
    if (st != PYN_OK) {
        require(pyn_status_class(st) == PYN_CLASS_CLOSE && layer->reason != NULL);
        require((choice & 1) == 0 || pyn_buf_len(&down) == said || step > 1);
        require(layer->ops->receive(layer, pyn_view_of("x"), &up, &down) != PYN_OK);
        require(pyn_buf_len(&up) == 0);
    }
    said = pyn_buf_len(&down);
    layer->ops->finish(layer, PYN_EGONE, &down);
    require(pyn_buf_len(&down) == said);
    layer->ops->free(layer);
    pyn_buf_fini(&up);
    pyn_buf_fini(&down);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyn_view bytes;
    pyn_status whole = PYN_OK;

    if (sodium_init() < 0 || size < 2) {
        return 0;
    }
    bytes = (struct pyn_view){data + 2, size - 2};
    whole = play(data[0], bytes, MAX);
    require(play(data[0], bytes, 1u + data[1]) == whole);
    return 0;
}
