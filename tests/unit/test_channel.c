/* test_channel.c - does a channel pass up what a client who was let in has sent, and nothing else, in whatever pieces the bytes come? */
#include "support.h"

#include <sodium.h>

#include "../../src/channel/channel_state.h"
#include "../../src/channel/record.h"

enum { MAX = 1 << 20 };

static struct pyn_keypair server_key;
static struct pyn_keypair client_key;
static struct pyn_keypair other_key;
static const uint8_t psk[PYN_NOISE_KEY_LEN] = {4, 2};

/* One end with the buffers around it. */
struct end {
    struct pyn_layer *layer;
    struct pyn_buf up;
    struct pyn_buf down;
    pyn_status st;
};

struct world {
    struct support_mem mem;
    struct pyn_channel_config client_config;
    struct pyn_channel_config server_config;
    struct end client;
    struct end server;
    enum pyn_admittance verdict;
    unsigned judged;
    bool had_key;
    uint8_t key[PYN_NOISE_KEY_LEN];
    char login[64];
};

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    randombytes_buf(out, len);
}

static enum pyn_admittance judge(void *ctx, const struct pyn_claim *claim, struct pyn_principal *who)
{
    struct world *w = ctx;

    w->judged++;
    w->had_key = claim->key != NULL;
    if (claim->key != NULL) {
        memcpy(w->key, claim->key, PYN_NOISE_KEY_LEN);
    }
    assert_true(claim->login.len < sizeof w->login);
    memcpy(w->login, claim->login.data, claim->login.len);
    w->login[claim->login.len] = '\0';
    who->kind = PYN_PRINCIPAL_CAPABILITY;
    return w->verdict;
}

static void prepare(struct world *w, enum pyn_pattern_id pattern)
{
    const struct pyn_pattern *table = pyn_pattern_by_id((unsigned)pattern);

    memset(w, 0, sizeof *w);
    support_mem_init(&w->mem, 0);
    w->verdict = PYN_JUDGED_IN;
    w->client_config = (struct pyn_channel_config){.transport = pyn_view_of("tcp"),
                                                   .own = table->has_initiator_key ? &client_key : NULL,
                                                   .server_public = server_key.public_key,
                                                   .psk = table->has_psk ? psk : NULL,
                                                   .pattern = pattern,
                                                   .login = pyn_view_of("secret"),
                                                   .random = {fill, NULL}};
    w->server_config = (struct pyn_channel_config){.is_server = true,
                                                   .transport = pyn_view_of("tcp"),
                                                   .own = &server_key,
                                                   .psk = table->has_psk ? psk : NULL,
                                                   .judge = {judge, w},
                                                   .random = {fill, NULL}};
}

static void make_end(struct world *w, struct end *end, const struct pyn_channel_config *config)
{
    pyn_buf_init(&end->up, &w->mem.mem, MAX);
    pyn_buf_init(&end->down, &w->mem.mem, MAX);
    end->st = pyn_channel_new(config, &w->mem.mem, &end->layer);
    assert_int_equal(end->st, PYN_OK);
    end->st = end->layer->ops->start(end->layer, &end->down);
}

static void start(struct world *w)
{
    make_end(w, &w->client, &w->client_config);
    make_end(w, &w->server, &w->server_config);
}

static void stop(struct world *w)
{
    struct end *const ends[] = {&w->client, &w->server};

    for (size_t i = 0; i < SUPPORT_COUNT(ends); i++) {
        ends[i]->layer->ops->free(ends[i]->layer);
        pyn_buf_fini(&ends[i]->up);
        pyn_buf_fini(&ends[i]->down);
    }
    assert_int_equal(w->mem.live, 0);
}

/* All that from has to say goes to to, in pieces of step bytes. */
static void carry(struct end *from, struct end *to, size_t step)
{
    while (pyn_buf_len(&from->down) > 0 && to->st == PYN_OK) {
        struct pyn_view all = pyn_buf_view(&from->down);
        struct pyn_view piece = {all.data, all.len < step ? all.len : step};
        to->st = to->layer->ops->receive(to->layer, piece, &to->up, &to->down);
        pyn_buf_consume(&from->down, piece.len);
    }
}

static void carry_all(struct world *w, size_t step)
{
    for (int i = 0; i < 4; i++) {
        carry(&w->client, &w->server, step);
        carry(&w->server, &w->client, step);
    }
}

static void send_text(struct end *end, const char *text)
{
    assert_int_equal(end->layer->ops->send(end->layer, pyn_view_of(text), &end->down), PYN_OK);
}

static bool has_up(const struct end *end, const char *text)
{
    return pyn_view_is_equal(pyn_buf_view(&end->up), pyn_view_of(text));
}

static void both_directions_work_in_every_pattern_and_in_pieces_of_every_size(void **state)
{
    static const size_t steps[] = {1, 2, 3, 17, 50, 100, MAX};

    for (unsigned pattern = 1; pattern < PYN_PATTERN_COUNT; pattern++) {
        for (size_t i = 0; i < SUPPORT_COUNT(steps); i++) {
            struct world w;
            prepare(&w, (enum pyn_pattern_id)pattern);
            start(&w);
            carry_all(&w, steps[i]);
            assert_true(w.client.layer->is_open && w.server.layer->is_open);
            assert_string_equal(w.login, "secret");
            assert_int_equal(w.had_key, pyn_pattern_by_id(pattern)->has_initiator_key);
            assert_true(!w.had_key || memcmp(w.key, client_key.public_key, PYN_NOISE_KEY_LEN) == 0);
            assert_memory_equal(pyn_channel_transcript(w.client.layer), pyn_channel_transcript(w.server.layer),
                                PYN_HASH_LEN);
            send_text(&w.client, "hello");
            send_text(&w.client, " server");
            send_text(&w.server, "hello client");
            carry_all(&w, steps[i]);
            assert_true(has_up(&w.server, "hello server") && has_up(&w.client, "hello client"));
            assert_true(w.server.st == PYN_OK && w.client.st == PYN_OK && w.judged == 1);
            stop(&w);
        }
    }
}

static void the_first_data_needs_no_further_round_trip(void **state)
{
    struct world w;

    prepare(&w, PYN_PATTERN_NK);
    start(&w);
    carry(&w.client, &w.server, MAX);
    carry(&w.server, &w.client, MAX);
    assert_true(w.client.layer->is_open); /* after one of them */
    send_text(&w.client, "hello");
    carry(&w.client, &w.server, MAX);
    assert_true(has_up(&w.server, "hello"));
    stop(&w);
}

static void a_server_passes_nothing_up_for_who_is_not_let_in(void **state)
{
    struct world w;

    prepare(&w, PYN_PATTERN_NK);
    w.verdict = PYN_JUDGED_OUT;
    start(&w);
    carry(&w.client, &w.server, MAX);
    carry(&w.server, &w.client, MAX);
    send_text(&w.client, "hello");
    carry(&w.client, &w.server, MAX);
    assert_int_equal(w.server.st, PYN_ESHUT);
    assert_true(pyn_buf_len(&w.server.up) == 0 && !w.server.layer->is_open);
    carry(&w.server, &w.client, MAX);
    assert_int_equal(w.client.st, PYN_ESHUT);
    assert_string_equal(w.client.layer->reason, "the server does not let us in");
    stop(&w);
}

static void what_comes_while_the_judge_thinks_goes_up_when_he_has_decided(void **state)
{
    for (int is_in = 0; is_in <= 1; is_in++) {
        struct world w;
        prepare(&w, PYN_PATTERN_IK);
        w.verdict = PYN_JUDGED_LATER;
        start(&w);
        carry(&w.client, &w.server, MAX);
        carry(&w.server, &w.client, MAX);
        send_text(&w.client, "one ");
        carry(&w.client, &w.server, 7);
        send_text(&w.client, "two");
        carry(&w.client, &w.server, MAX);
        assert_int_equal(pyn_channel_state(w.server.layer), PYN_CHANNEL_DECIDING);
        assert_int_equal(pyn_buf_len(&w.server.up), 0);
        assert_int_equal(w.server.layer->ops->resume(w.server.layer, &w.server.up, &w.server.down), PYN_OK); /* too early */
        assert_int_equal(pyn_channel_decide(w.server.layer, is_in == 1), PYN_OK);
        assert_int_equal(pyn_channel_decide(w.server.layer, true), PYN_EPROTOCOL); /* the first word stands */
        assert_int_equal(w.server.layer->ops->resume(w.server.layer, &w.server.up, &w.server.down),
                         is_in == 1 ? PYN_OK : PYN_ESHUT);
        assert_true(has_up(&w.server, is_in == 1 ? "one two" : ""));
        assert_int_equal(w.server.layer->is_open, is_in == 1);
        assert_int_equal(pyn_channel_decide(w.server.layer, true), PYN_EPROTOCOL);
        stop(&w);
    }
}

static void a_flood_while_the_judge_thinks_ends_it(void **state)
{
    struct world w;
    static const uint8_t junk[64 * 1024];

    prepare(&w, PYN_PATTERN_NK);
    w.verdict = PYN_JUDGED_LATER;
    start(&w);
    carry(&w.client, &w.server, MAX);
    carry(&w.server, &w.client, MAX);
    carry(&w.client, &w.server, MAX);
    for (int i = 0; i < 4 && w.server.st == PYN_OK; i++) {
        w.server.st = w.server.layer->ops->receive(w.server.layer, (struct pyn_view){junk, sizeof junk}, &w.server.up,
                                                   &w.server.down);
    }
    assert_int_equal(w.server.st, PYN_EFLOOD);
    stop(&w);
}

/* What is done to the bytes of the client's opening and first message, and whether a server could still go on. */
static void every_fault_before_the_login_looks_alike(void **state)
{
    static const struct {
        size_t at;
        uint8_t flip;
        const char *why;
    } faults[] = {
        {0, 1, "another magic"},
        {4, 0x80, "the last byte of the magic"},
        {5, 3, "another version"},
        {6, 0xff, "no such pattern"},
        {6, 3, "another pattern"},
        {7, 1, "a reserved byte"},
        {8, 1, "a length of 256"},
        {9, 1, "a length that is off by one"},
        {10, 1, "another ephemeral key"},
        {41, 0x10, "the same"},
        {42, 1, "a tag"},
        {57, 1, "the end of a tag"},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(faults); i++) {
        struct world w;
        prepare(&w, PYN_PATTERN_NK);
        start(&w);
        assert_int_equal(pyn_buf_len(&w.client.down), 58);
        pyn_buf_patch(&w.client.down, faults[i].at,
                      (uint8_t)(pyn_buf_view(&w.client.down).data[faults[i].at] ^ faults[i].flip));
        carry(&w.client, &w.server, 1);
        if (pyn_status_class(w.server.st) != PYN_CLASS_CLOSE || pyn_buf_len(&w.server.down) != 0 ||
            strcmp(w.server.layer->reason, "no handshake of a client of ours") != 0 || w.judged != 0) {
            fail_msg("%s", faults[i].why);
        }
        w.server.layer->ops->finish(w.server.layer, w.server.st, &w.server.down);
        assert_int_equal(pyn_buf_len(&w.server.down), 0);
        stop(&w);
    }
}

static void who_speaks_of_another_transport_or_server_gets_nowhere(void **state)
{
    struct world w;

    prepare(&w, PYN_PATTERN_NK);
    w.client_config.transport = pyn_view_of("ws");
    start(&w);
    carry_all(&w, MAX);
    assert_int_equal(w.server.st, PYN_EFORGED);
    stop(&w);
    for (unsigned pattern = 1; pattern < PYN_PATTERN_COUNT; pattern++) {
        prepare(&w, (enum pyn_pattern_id)pattern);
        w.client_config.server_public = other_key.public_key; /* it wants another server than it has reached */
        start(&w);
        carry_all(&w, MAX);
        assert_true(w.server.st == PYN_EFORGED || w.client.st == PYN_EFORGED);
        assert_true(w.judged == 0 && !w.client.layer->is_open && !w.server.layer->is_open);
        stop(&w);
    }
}

/* It knows the prologue, as everybody does, but has no key but its own. */
static void an_impostor_is_not_told_who_the_client_is(void **state)
{
    static const uint8_t opening[] = {'P', 'Y', 'N', 'T', 'O', PYN_CHANNEL_VERSION, PYN_PATTERN_XX,
                                      0,   3,   't', 'c', 'p'};
    static const struct pyn_view nothing;
    struct world w;
    struct pyn_handshake hs;
    uint8_t prologue[sizeof opening + PYN_NOISE_KEY_LEN];
    uint8_t message[2 + 192];
    struct pyn_handshake_config config = {.pattern = pyn_pattern_by_id(PYN_PATTERN_XX),
                                          .own = &other_key,
                                          .prologue = {prologue, sizeof prologue},
                                          .random = {fill, NULL}};
    size_t len = 0;

    prepare(&w, PYN_PATTERN_XX);
    memcpy(prologue, opening, sizeof opening);
    memcpy(prologue + sizeof opening, server_key.public_key, PYN_NOISE_KEY_LEN);
    make_end(&w, &w.client, &w.client_config);
    assert_int_equal(pyn_handshake_init(&hs, &config), PYN_OK);
    struct pyn_view first = pyn_buf_view(&w.client.down);
    first.data += PYN_OPENING_LEN + 2;
    first.len -= PYN_OPENING_LEN + 2;
    assert_int_equal(pyn_handshake_read(&hs, first, message, &len), PYN_OK);
    assert_int_equal(pyn_handshake_write(&hs, nothing, message + 2, sizeof message - 2, &len), PYN_OK);
    message[0] = 0;
    message[1] = (uint8_t)len;
    pyn_buf_consume(&w.client.down, pyn_buf_len(&w.client.down));
    w.client.st = w.client.layer->ops->receive(w.client.layer, (struct pyn_view){message, len + 2}, &w.client.up,
                                               &w.client.down);
    assert_int_equal(w.client.st, PYN_EFORGED);
    assert_int_equal(pyn_buf_len(&w.client.down), 0);
    pyn_handshake_wipe(&hs);
    w.client.layer->ops->free(w.client.layer);
    pyn_buf_fini(&w.client.up);
    pyn_buf_fini(&w.client.down);
    assert_int_equal(w.mem.live, 0);
}

static void a_preshared_key_is_wanted_by_both_or_by_none(void **state)
{
    struct world w;

    prepare(&w, PYN_PATTERN_NKPSK2);
    w.server_config.psk = NULL;
    start(&w);
    carry_all(&w, MAX);
    assert_int_equal(w.server.st, PYN_EVERSION);
    stop(&w);
    prepare(&w, PYN_PATTERN_NK); /* and nobody gets around it */
    w.server_config.psk = psk;
    start(&w);
    carry_all(&w, MAX);
    assert_int_equal(w.server.st, PYN_EVERSION);
    stop(&w);
}

static void open_pair(struct world *w, enum pyn_pattern_id pattern)
{
    prepare(w, pattern);
    start(w);
    carry_all(w, MAX);
    assert_true(w->client.layer->is_open && w->server.layer->is_open);
}

static void the_first_bad_record_is_the_last(void **state)
{
    struct world w;

    open_pair(&w, PYN_PATTERN_NK);
    send_text(&w.client, "good");
    carry(&w.client, &w.server, MAX);
    send_text(&w.client, "bad");
    pyn_buf_patch(&w.client.down, 3, (uint8_t)(pyn_buf_view(&w.client.down).data[3] ^ 1));
    send_text(&w.client, "good again");
    carry(&w.client, &w.server, MAX);
    assert_int_equal(w.server.st, PYN_EFORGED);
    assert_true(has_up(&w.server, "good"));
    assert_int_equal(pyn_channel_state(w.server.layer), PYN_CHANNEL_DEAD);
    stop(&w);
}

static void records_that_are_dropped_repeated_swapped_or_reflected_end_it(void **state)
{
    for (int kind = 0; kind < 4; kind++) {
        struct world w;
        uint8_t one[64];
        uint8_t two[64];
        size_t len = 0;
        pyn_status st = PYN_OK;
        open_pair(&w, PYN_PATTERN_NK);
        send_text(&w.client, "1");
        len = pyn_buf_len(&w.client.down);
        memcpy(one, pyn_buf_view(&w.client.down).data, len);
        pyn_buf_consume(&w.client.down, len);
        send_text(&w.client, "2");
        memcpy(two, pyn_buf_view(&w.client.down).data, len);
        pyn_buf_consume(&w.client.down, len);
        if (kind == 0) { /* dropped, or swapped */
            st = w.server.layer->ops->receive(w.server.layer, (struct pyn_view){two, len}, &w.server.up, &w.server.down);
        } else if (kind == 1) { /* repeated */
            st = w.server.layer->ops->receive(w.server.layer, (struct pyn_view){one, len}, &w.server.up, &w.server.down);
            assert_int_equal(st, PYN_OK);
            st = w.server.layer->ops->receive(w.server.layer, (struct pyn_view){one, len}, &w.server.up, &w.server.down);
        } else if (kind == 2) { /* sent back to where it came from */
            st = w.client.layer->ops->receive(w.client.layer, (struct pyn_view){one, len}, &w.client.up, &w.client.down);
        } else { /* into another connection of the same two */
            struct world v;
            open_pair(&v, PYN_PATTERN_NK);
            st = v.server.layer->ops->receive(v.server.layer, (struct pyn_view){one, len}, &v.server.up, &v.server.down);
            stop(&v);
        }
        assert_int_equal(st, PYN_EFORGED);
        stop(&w);
    }
}

static void an_end_that_was_said_is_told_apart_from_a_cut(void **state)
{
    struct world w;

    open_pair(&w, PYN_PATTERN_NK);
    send_text(&w.client, "last words");
    w.client.layer->ops->finish(w.client.layer, PYN_EGONE, &w.client.down);
    carry(&w.client, &w.server, MAX);
    assert_int_equal(w.server.st, PYN_EGONE);
    assert_true(has_up(&w.server, "last words"));
    assert_string_equal(w.server.layer->reason, "the peer has ended the stream");
    assert_int_equal(pyn_buf_len(&w.server.down), 0);
    w.server.layer->ops->finish(w.server.layer, PYN_EGONE, &w.server.down); /* and says the same */
    assert_int_equal(pyn_buf_len(&w.server.down), PYN_RECORD_EXTRA_LEN);
    stop(&w);
    open_pair(&w, PYN_PATTERN_NK); /* for whatever other reason: not a word */
    w.client.layer->ops->finish(w.client.layer, PYN_EFLOOD, &w.client.down);
    assert_int_equal(pyn_buf_len(&w.client.down), 0);
    stop(&w);
}

static void nothing_opens_behind_the_end(void **state)
{
    struct world w;

    open_pair(&w, PYN_PATTERN_NK);
    w.client.layer->ops->finish(w.client.layer, PYN_EGONE, &w.client.down);
    carry(&w.client, &w.server, MAX);
    assert_int_equal(w.server.layer->ops->receive(w.server.layer, pyn_view_of("x"), &w.server.up, &w.server.down),
                     PYN_EPROTOCOL);
    stop(&w);
}

static void every_byte_of_a_large_stream_arrives_and_no_message_is_held_whole(void **state)
{
    static uint8_t sent[65536];
    struct world w;
    size_t total = 0;

    randombytes_buf(sent, sizeof sent);
    open_pair(&w, PYN_PATTERN_NK);
    for (int i = 0; i < 32; i++) {
        assert_int_equal(w.client.layer->ops->send(w.client.layer, (struct pyn_view){sent, sizeof sent}, &w.client.down),
                         PYN_OK);
        assert_true(pyn_buf_len(&w.client.down) < sizeof sent + 1024);
        while (pyn_buf_len(&w.client.down) > 0) {
            struct pyn_view all = pyn_buf_view(&w.client.down);
            struct pyn_view got;
            struct pyn_view piece = {all.data, all.len < 30000 ? all.len : 30000};
            assert_int_equal(w.server.layer->ops->receive(w.server.layer, piece, &w.server.up, &w.server.down), PYN_OK);
            pyn_buf_consume(&w.client.down, piece.len);
            got = pyn_buf_view(&w.server.up);
            assert_true(got.len <= 30000 + PYN_RECORD_MAX);
            for (size_t at = 0; at < got.len; at++, total++) {
                if (got.data[at] != sent[total % sizeof sent]) {
                    fail_msg("byte %zu", total);
                }
            }
            pyn_buf_consume(&w.server.up, got.len);
        }
    }
    assert_int_equal(total, 32 * sizeof sent);
    stop(&w);
}

static void a_record_of_the_largest_size_is_waited_for_to_its_last_byte(void **state)
{
    static uint8_t record[PYN_RECORD_MAX] = {0xff, 0xff};
    struct world w;

    open_pair(&w, PYN_PATTERN_NK);
    assert_int_equal(w.server.layer->ops->receive(w.server.layer, (struct pyn_view){record, sizeof record - 1},
                                                  &w.server.up, &w.server.down),
                     PYN_OK);
    assert_int_equal(
        w.server.layer->ops->receive(w.server.layer, (struct pyn_view){record, 1}, &w.server.up, &w.server.down),
        PYN_EFORGED);
    stop(&w);
}

static void a_login_at_its_limit_is_read_and_a_longer_one_cannot_be_sent(void **state)
{
    static uint8_t login[PYN_LOGIN_MAX + 1];

    for (size_t len = PYN_LOGIN_MAX - 1; len <= PYN_LOGIN_MAX + 1; len++) {
        struct pyn_layer *layer = NULL;
        struct world w;
        prepare(&w, PYN_PATTERN_NK);
        w.client_config.login = (struct pyn_view){login, len};
        assert_int_equal(pyn_channel_new(&w.client_config, pyn_mem_default(), &layer),
                         len <= PYN_LOGIN_MAX ? PYN_OK : PYN_EARGS);
        if (layer != NULL) {
            layer->ops->free(layer);
        }
    }
}

static void each_allocation_may_fail(void **state)
{
    for (size_t at = 1; at < 40; at++) {
        struct world w;
        prepare(&w, PYN_PATTERN_IK);
        support_mem_init(&w.mem, at);
        if (pyn_channel_new(&w.client_config, &w.mem.mem, &w.client.layer) != PYN_OK) {
            assert_int_equal(w.mem.live, 0);
            continue;
        }
        if (pyn_channel_new(&w.server_config, &w.mem.mem, &w.server.layer) != PYN_OK) {
            w.client.layer->ops->free(w.client.layer);
            assert_int_equal(w.mem.live, 0);
            continue;
        }
        pyn_buf_init(&w.client.up, &w.mem.mem, MAX);
        pyn_buf_init(&w.client.down, &w.mem.mem, MAX);
        pyn_buf_init(&w.server.up, &w.mem.mem, MAX);
        pyn_buf_init(&w.server.down, &w.mem.mem, MAX);
        w.client.st = w.client.layer->ops->start(w.client.layer, &w.client.down);
        w.server.st = w.server.layer->ops->start(w.server.layer, &w.server.down);
        carry_all(&w, 5);
        assert_true(w.client.st == PYN_OK || w.client.st == PYN_ENOMEM);
        assert_true(w.server.st == PYN_OK || w.server.st == PYN_ENOMEM);
        stop(&w);
    }
}

static void configurations_that_cannot_work_are_refused(void **state)
{
    struct pyn_layer *layer = NULL;
    struct world w;

    prepare(&w, PYN_PATTERN_NK);
    w.client_config.server_public = NULL;
    assert_int_equal(pyn_channel_new(&w.client_config, pyn_mem_default(), &layer), PYN_EARGS);
    prepare(&w, PYN_PATTERN_NK);
    w.client_config.own = &client_key;
    assert_int_equal(pyn_channel_new(&w.client_config, pyn_mem_default(), &layer), PYN_EARGS);
    prepare(&w, PYN_PATTERN_NK);
    w.client_config.pattern = PYN_PATTERN_NONE;
    assert_int_equal(pyn_channel_new(&w.client_config, pyn_mem_default(), &layer), PYN_EARGS);
    prepare(&w, PYN_PATTERN_NK);
    w.server_config.judge.judge = NULL; /* nobody who decides is nobody let in */
    assert_int_equal(pyn_channel_new(&w.server_config, pyn_mem_default(), &layer), PYN_EARGS);
    assert_null(layer);
    for (int i = 0; i < 6; i++) {
        static const uint8_t transport[PYN_TRANSPORT_NAME_MAX + 1];
        prepare(&w, PYN_PATTERN_NK);
        switch (i) {
        case 0:
            w.server_config.own = NULL;
            break;
        case 1:
            w.server_config.server_public = server_key.public_key;
            break;
        case 2:
            w.server_config.login = pyn_view_of("x");
            break;
        case 3:
            w.server_config.transport = (struct pyn_view){transport, sizeof transport};
            break;
        case 4:
            w.client_config.psk = psk;
            w.server_config = w.client_config;
            break;
        default:
            prepare(&w, PYN_PATTERN_NKPSK0);
            w.client_config.psk = NULL;
            w.server_config = w.client_config;
            break;
        }
        assert_int_equal(pyn_channel_new(&w.server_config, pyn_mem_default(), &layer), PYN_EARGS);
        assert_null(layer);
    }
    prepare(&w, PYN_PATTERN_NK);
    w.server_config.transport.len = 0;
    assert_int_equal(pyn_channel_new(&w.server_config, pyn_mem_default(), &layer), PYN_OK);
    layer->ops->free(layer);
}

/* A record of any kind that one end has sealed comes to the other. */
static pyn_status deliver(struct end *from, struct end *to, enum pyn_sealed_kind kind, const char *text)
{
    struct channel *channel = (struct channel *)from->layer;
    uint8_t record[64] = {0};
    size_t len = strlen(text);

    assert_true(len + PYN_RECORD_EXTRA_LEN <= sizeof record);
    memcpy(record + PYN_RECORD_HEAD_LEN, text, len);
    assert_int_equal(pyn_record_seal(&channel->sending, kind, record, len), PYN_OK);
    return to->layer->ops->receive(to->layer, (struct pyn_view){record, len + PYN_RECORD_EXTRA_LEN}, &to->up, &to->down);
}

/* Who has the keys may still say only what is due. */
static void records_that_are_out_of_place_end_it(void **state)
{
    static const struct {
        enum pyn_sealed_kind kind;
        const char *text;
        pyn_status st;
        const char *why;
    } rows[] = {
        {PYN_RECORD_DATA, "x", PYN_OK, "data"},
        {PYN_RECORD_DATA, "", PYN_EFORMAT, "data of no length, which would cost nothing to send for ever"},
        {PYN_RECORD_LOGIN, "x", PYN_EPROTOCOL, "a second login"},
        {PYN_RECORD_REFUSED, "", PYN_EPROTOCOL, "a refusal, behind data"},
        {PYN_RECORD_END, "", PYN_EGONE, "the end"},
        {PYN_RECORD_END, "x", PYN_EFORMAT, "an end with more in it"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        for (int is_to_client = 0; is_to_client < 2; is_to_client++) {
            struct world w;
            open_pair(&w, PYN_PATTERN_NK);
            assert_int_equal(deliver(&w.server, &w.client, PYN_RECORD_DATA, "1"), PYN_OK); /* it is sure of being in */
            assert_int_equal(deliver(&w.client, &w.server, PYN_RECORD_DATA, "1"), PYN_OK);
            pyn_status st = deliver(is_to_client ? &w.server : &w.client, is_to_client ? &w.client : &w.server,
                                    rows[i].kind, rows[i].text);
            if (st != rows[i].st) {
                fail_msg("%s: %s", rows[i].why, pyn_status_name(st));
            }
            stop(&w);
        }
    }
}

/* Before the first data of the server's, a client may hear that it is not let in, and nothing but that. */
static void a_refusal_is_said_without_a_word_more(void **state)
{
    static const char *const texts[] = {"", "x"};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(texts); i++) {
        struct world w;
        open_pair(&w, PYN_PATTERN_NK);
        assert_int_equal(deliver(&w.server, &w.client, PYN_RECORD_REFUSED, texts[i]), i == 0 ? PYN_ESHUT : PYN_EFORMAT);
        stop(&w);
    }
}

static void a_channel_that_is_not_open_ends_without_a_word(void **state)
{
    struct world w;

    (void)state;
    prepare(&w, PYN_PATTERN_NK);
    start(&w);
    pyn_buf_consume(&w.client.down, pyn_buf_len(&w.client.down));
    w.client.layer->ops->finish(w.client.layer, PYN_EGONE, &w.client.down);
    w.server.layer->ops->finish(w.server.layer, PYN_EGONE, &w.server.down);
    assert_int_equal(pyn_buf_len(&w.client.down) + pyn_buf_len(&w.server.down), 0);
    assert_int_equal(w.server.layer->ops->receive(w.server.layer, pyn_view_of("x"), &w.server.up, &w.server.down),
                     PYN_EPROTOCOL);
    stop(&w);
}

static void a_layer_is_known_as_a_channel(void **state)
{
    static const struct pyn_layer_ops other;
    const struct pyn_layer plain = {.ops = &other};
    struct world w;

    (void)state;
    assert_false(pyn_is_channel(NULL));
    assert_false(pyn_is_channel(&plain));
    open_pair(&w, PYN_PATTERN_NK);
    assert_true(pyn_is_channel(w.client.layer));
    assert_int_equal(pyn_channel_multiplications(w.server.layer), 3); /* for its own ephemeral key, es and ee */
    assert_int_equal(w.client.layer->ops->resume(w.client.layer, &w.client.up, &w.client.down), PYN_OK); /* nothing waits */
    stop(&w);
}

/* The output's block is full at each place of what is sent. */
static void what_cannot_be_sent_whole_is_not_sent(void **state)
{
    (void)state;
    for (size_t max = 0; max <= 4 + PYN_RECORD_EXTRA_LEN; max++) {
        struct world w;
        struct pyn_buf down;
        open_pair(&w, PYN_PATTERN_NK);
        pyn_buf_init(&down, &w.mem.mem, max);
        pyn_status st = w.client.layer->ops->send(w.client.layer, pyn_view_of("text"), &down);
        assert_int_equal(st, max < 4 + PYN_RECORD_EXTRA_LEN ? PYN_ESIZE : PYN_OK);
        assert_int_equal(pyn_buf_len(&down), st == PYN_OK ? max : 0);
        assert_int_equal(pyn_channel_state(w.client.layer) == PYN_CHANNEL_DEAD, st != PYN_OK);
        pyn_buf_fini(&down);
        stop(&w);
    }
}

static bool is_zero(const void *bytes, size_t len)
{
    return sodium_is_zero(bytes, len) != 0;
}

/* Whatever ends it, nothing is left that could open a record. */
static void keys_are_wiped_when_it_ends(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct world w;
        open_pair(&w, PYN_PATTERN_IK);
        const struct channel *ends[] = {(const struct channel *)w.client.layer, (const struct channel *)w.server.layer};
        for (size_t i = 0; i < SUPPORT_COUNT(ends); i++) {
            assert_null(ends[i]->shaking); /* what was needed until it was open is gone by now */
            assert_false(is_zero(ends[i]->sending.key, sizeof ends[i]->sending.key));
            assert_false(is_zero(ends[i]->receiving.key, sizeof ends[i]->receiving.key));
        }
        if (way == 0) {
            w.client.layer->ops->finish(w.client.layer, PYN_EGONE, &w.client.down);
            w.server.layer->ops->finish(w.server.layer, PYN_EFLOOD, &w.server.down);
        } else if (way == 1) { /* a record that is forged */
            static const uint8_t junk[64] = {0, 62};
            w.client.st = w.client.layer->ops->receive(w.client.layer, (struct pyn_view){junk, sizeof junk},
                                                       &w.client.up, &w.client.down);
            w.server.st = w.server.layer->ops->receive(w.server.layer, (struct pyn_view){junk, sizeof junk},
                                                       &w.server.up, &w.server.down);
            assert_true(w.client.st == PYN_EFORGED && w.server.st == PYN_EFORGED);
        } else { /* no room to send */
            struct pyn_buf none;
            pyn_buf_init(&none, &w.mem.mem, 0);
            assert_int_equal(w.client.layer->ops->send(w.client.layer, pyn_view_of("x"), &none), PYN_ESIZE);
            assert_int_equal(w.server.layer->ops->send(w.server.layer, pyn_view_of("x"), &none), PYN_ESIZE);
        }
        for (size_t i = 0; i < SUPPORT_COUNT(ends); i++) {
            assert_int_equal(ends[i]->state, PYN_CHANNEL_DEAD);
            assert_true(is_zero(&ends[i]->sending, sizeof ends[i]->sending));
            assert_true(is_zero(&ends[i]->receiving, sizeof ends[i]->receiving));
        }
        stop(&w);
    }
}

static int make_keys(void **state)
{
    struct pyn_keypair *const pairs[] = {&client_key, &server_key, &other_key};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(pairs); i++) {
        uint8_t secret[PYN_NOISE_KEY_LEN];
        randombytes_buf(secret, sizeof secret);
        pyn_keypair_from(pairs[i], secret);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_work_in_every_pattern_and_in_pieces_of_every_size),
        cmocka_unit_test(the_first_data_needs_no_further_round_trip),
        cmocka_unit_test(a_server_passes_nothing_up_for_who_is_not_let_in),
        cmocka_unit_test(what_comes_while_the_judge_thinks_goes_up_when_he_has_decided),
        cmocka_unit_test(a_flood_while_the_judge_thinks_ends_it),
        cmocka_unit_test(every_fault_before_the_login_looks_alike),
        cmocka_unit_test(who_speaks_of_another_transport_or_server_gets_nowhere),
        cmocka_unit_test(an_impostor_is_not_told_who_the_client_is),
        cmocka_unit_test(a_preshared_key_is_wanted_by_both_or_by_none),
        cmocka_unit_test(the_first_bad_record_is_the_last),
        cmocka_unit_test(records_that_are_dropped_repeated_swapped_or_reflected_end_it),
        cmocka_unit_test(an_end_that_was_said_is_told_apart_from_a_cut),
        cmocka_unit_test(nothing_opens_behind_the_end),
        cmocka_unit_test(every_byte_of_a_large_stream_arrives_and_no_message_is_held_whole),
        cmocka_unit_test(a_record_of_the_largest_size_is_waited_for_to_its_last_byte),
        cmocka_unit_test(a_login_at_its_limit_is_read_and_a_longer_one_cannot_be_sent),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(configurations_that_cannot_work_are_refused),
        cmocka_unit_test(keys_are_wiped_when_it_ends),
        cmocka_unit_test(records_that_are_out_of_place_end_it),
        cmocka_unit_test(a_refusal_is_said_without_a_word_more),
        cmocka_unit_test(a_channel_that_is_not_open_ends_without_a_word),
        cmocka_unit_test(a_layer_is_known_as_a_channel),
        cmocka_unit_test(what_cannot_be_sent_whole_is_not_sent),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, make_keys, NULL);
}
