/* test_move.c - does a connection go on in another process as if nothing had happened, wherever its stream is cut? Here the other process is another stack. */
#include "support.h"

#include <sodium.h>
#include <stdlib.h>

#include "../../src/channel/channel_state.h"
#include "../../src/layer/stack.h"
#include "../../src/websocket/websocket.h"

enum { MAX = 1 << 20 };

static struct pyn_keypair server_key;
static struct pyn_keypair client_key;

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    randombytes_buf(out, len);
}

static void fill_random(void *out, size_t len)
{
    randombytes_buf(out, len);
}

static enum pyn_admittance judge(void *ctx, const struct pyn_claim *claim, struct pyn_principal *who)
{
    (void)ctx;
    who->kind = claim->key != NULL ? PYN_PRINCIPAL_KEY : PYN_PRINCIPAL_CAPABILITY;
    (void)snprintf(who->name, sizeof who->name, "somebody");
    (void)snprintf(who->quota_class, sizeof who->quota_class, "member");
    who->expires_at = 12345;
    return PYN_JUDGED_IN;
}

static const struct pyn_websocket_config server_socket = {
    .is_server = true, .path = "/", .message_max = MAX, .random = fill_random};
static const struct pyn_websocket_config client_socket = {
    .path = "/", .host = "127.0.0.1:1", .message_max = MAX, .random = fill_random};
static struct pyn_channel_config server_channel;
static struct pyn_channel_config client_channel;

static pyn_status make_channel(const void *ctx, const struct pyn_mem *mem, struct pyn_layer **out)
{
    return pyn_channel_new(ctx, mem, out);
}

/* Which layers, from the stream up. */
enum tower { PLAIN_CHANNEL, PLAIN_WEBSOCKET, CHANNEL_IN_WEBSOCKET, TOWERS };

static struct pyn_layer_sources sources_of(enum tower tower, bool is_server)
{
    struct pyn_layer_sources sources = {.count = 0};

    if (tower != PLAIN_CHANNEL) {
        sources.from[sources.count++] = (struct pyn_layer_source){pyn_websocket_make,
                                                                  is_server ? &server_socket : &client_socket};
    }
    if (tower != PLAIN_WEBSOCKET) {
        sources.from[sources.count++] = (struct pyn_layer_source){make_channel,
                                                                  is_server ? &server_channel : &client_channel};
    }
    return sources;
}

static const struct pyn_layer_revival revivals[] = {
    {"websocket", pyn_websocket_revive, &server_socket},
    {"channel", pyn_channel_revive, NULL},
};

static pyn_status revive(const struct pyn_mem *mem, struct pyn_view state, struct pyn_stack **out)
{
    return pyn_stack_revive(mem, revivals, SUPPORT_COUNT(revivals), state, out);
}

static void feed(struct pyn_stack *to, struct pyn_view bytes, struct pyn_buf *got)
{
    struct pyn_view plain;

    assert_int_equal(pyn_stack_receive(to, bytes, &plain), PYN_OK);
    assert_int_equal(pyn_buf_append(got, plain.data, plain.len), PYN_OK);
    pyn_stack_used(to);
}

static void carry(struct pyn_stack *from, struct pyn_stack *to, struct pyn_buf *got)
{
    feed(to, pyn_stack_output(from), got);
    pyn_stack_written(from, pyn_stack_output(from).len);
}

static void send_text(struct pyn_stack *stack, const char *text)
{
    size_t taken = 0;

    assert_int_equal(pyn_stack_send(stack, pyn_view_of(text), &taken), PYN_OK);
    assert_int_equal(taken, strlen(text));
}

struct ends {
    struct pyn_stack *client;
    struct pyn_stack *server;
    struct pyn_buf got;
};

static void open_ends(struct ends *ends, enum tower tower, const struct pyn_mem *mem)
{
    const struct pyn_layer_sources near = sources_of(tower, false);
    const struct pyn_layer_sources far = sources_of(tower, true);

    pyn_buf_init(&ends->got, pyn_mem_default(), MAX);
    assert_int_equal(pyn_stack_new(pyn_mem_default(), &near, &ends->client), PYN_OK);
    assert_int_equal(pyn_stack_new(mem, &far, &ends->server), PYN_OK);
    for (int i = 0; i < 8; i++) {
        if (pyn_stack_output(ends->client).len > 0) {
            carry(ends->client, ends->server, &ends->got);
        }
        if (pyn_stack_output(ends->server).len > 0) {
            carry(ends->server, ends->client, &ends->got);
        }
    }
    assert_true(pyn_stack_is_open(ends->client) && pyn_stack_is_open(ends->server));
    assert_int_equal(pyn_buf_len(&ends->got), 0);
}

static void close_ends(struct ends *ends)
{
    pyn_stack_free(ends->client);
    pyn_stack_free(ends->server);
    pyn_buf_fini(&ends->got);
}

/* The server's end in a stack of its own, and the old one is gone. */
static pyn_status move(struct ends *ends)
{
    struct pyn_stack *moved = NULL;
    struct pyn_buf state;
    pyn_status st = PYN_EINTERNAL;

    pyn_buf_init(&state, pyn_mem_default(), MAX);
    st = pyn_stack_save(ends->server, &state);
    if (st == PYN_OK) {
        assert_int_equal(revive(pyn_mem_default(), pyn_buf_view(&state), &moved), PYN_OK);
        pyn_stack_free(ends->server);
        ends->server = moved;
    }
    pyn_buf_fini(&state);
    return st;
}

/* ---- tests ---- */

static void wherever_the_stream_is_cut_it_goes_on(void **state)
{
    static const char said[] = "first of them";

    for (enum tower tower = PLAIN_CHANNEL; tower < TOWERS; tower++) {
        size_t len = 1;
        size_t moved = 0;
        for (size_t at = 0; at <= len; at++) {
            struct ends ends;
            struct pyn_view bytes;
            open_ends(&ends, tower, pyn_mem_default());
            send_text(ends.client, said);
            bytes = pyn_stack_output(ends.client);
            len = bytes.len;
            feed(ends.server, (struct pyn_view){bytes.data, at}, &ends.got);
            moved += move(&ends) == PYN_OK ? 1 : 0;
            feed(ends.server, (struct pyn_view){bytes.data + at, len - at}, &ends.got);
            pyn_stack_written(ends.client, len);
            assert_true(pyn_view_is_equal(pyn_buf_view(&ends.got), pyn_view_of(said)));
            pyn_buf_fini(&ends.got);
            assert_int_equal(move(&ends), PYN_OK); /* and once more */
            send_text(ends.server, "an answer");
            carry(ends.server, ends.client, &ends.got);
            send_text(ends.client, ", more");
            carry(ends.client, ends.server, &ends.got);
            assert_true(pyn_view_is_equal(pyn_buf_view(&ends.got), pyn_view_of("an answer, more")));
            close_ends(&ends);
        }
        /* A websocket moves between frames: at the beginning and at the end. A record of the channel's may be cut anywhere. */
        assert_int_equal(moved, tower == PLAIN_CHANNEL ? len + 1 : 2);
    }
}

static void a_message_of_several_frames_goes_on_within_its_limit(void **state)
{
    static const uint8_t begun[] = {0x02, 0x81, 0, 0, 0, 0, 'a'}; /* not the last of its message */
    static const uint8_t more[] = {0x80, 0x81, 0, 0, 0, 0, 'b'};
    static const uint8_t other[] = {0x82, 0x81, 0, 0, 0, 0, 'c'};
    struct ends ends;
    struct pyn_view plain;

    open_ends(&ends, PLAIN_WEBSOCKET, pyn_mem_default());
    feed(ends.server, (struct pyn_view){begun, sizeof begun}, &ends.got);
    assert_int_equal(move(&ends), PYN_OK);
    feed(ends.server, (struct pyn_view){more, sizeof more}, &ends.got);
    assert_true(pyn_view_is_equal(pyn_buf_view(&ends.got), pyn_view_of("ab")));
    feed(ends.server, (struct pyn_view){begun, sizeof begun}, &ends.got);
    assert_int_equal(move(&ends), PYN_OK);
    assert_int_equal(pyn_stack_receive(ends.server, (struct pyn_view){other, sizeof other}, &plain), PYN_EFORMAT);
    close_ends(&ends);
}

static void who_was_let_in_is_still_known(void **state)
{
    struct ends ends;

    open_ends(&ends, CHANNEL_IN_WEBSOCKET, pyn_mem_default());
    assert_int_equal(move(&ends), PYN_OK);
    {
        const struct pyn_layer *channel = pyn_stack_layer(ends.server, 1);
        const struct pyn_principal *who = pyn_channel_principal(channel);
        assert_true(pyn_is_channel(channel));
        assert_int_equal(who->kind, PYN_PRINCIPAL_KEY);
        assert_string_equal(who->name, "somebody");
        assert_string_equal(who->quota_class, "member");
        assert_int_equal(who->expires_at, 12345);
        assert_memory_equal(pyn_channel_transcript(channel), pyn_channel_transcript(pyn_stack_layer(ends.client, 1)),
                            PYN_HASH_LEN);
    }
    close_ends(&ends);
}

static void an_end_is_said_as_ever(void **state)
{
    struct ends ends;
    struct pyn_view plain;

    open_ends(&ends, PLAIN_CHANNEL, pyn_mem_default());
    assert_int_equal(move(&ends), PYN_OK);
    pyn_stack_finish(ends.server, PYN_EGONE);
    assert_int_equal(pyn_stack_receive(ends.client, pyn_stack_output(ends.server), &plain), PYN_EGONE);
    close_ends(&ends);
}

static void what_is_not_open_or_has_something_to_say_stays(void **state)
{
    const struct pyn_layer_sources sources = sources_of(PLAIN_CHANNEL, true);
    struct pyn_stack *young = NULL;
    struct pyn_buf saved;
    struct ends ends;

    pyn_buf_init(&saved, pyn_mem_default(), MAX);
    assert_int_equal(pyn_stack_new(pyn_mem_default(), &sources, &young), PYN_OK);
    assert_int_equal(pyn_stack_save(young, &saved), PYN_EWAIT);
    pyn_stack_free(young);
    open_ends(&ends, PLAIN_CHANNEL, pyn_mem_default());
    assert_int_equal(pyn_stack_save(ends.client, &saved), PYN_EPROTOCOL); /* a client's keys stay where they are */
    send_text(ends.server, "unwritten");
    assert_int_equal(pyn_stack_save(ends.server, &saved), PYN_EWAIT);
    pyn_stack_written(ends.server, pyn_stack_output(ends.server).len);
    pyn_stack_finish(ends.server, PYN_EGONE);
    assert_int_equal(pyn_stack_save(ends.server, &saved), PYN_EGONE);
    close_ends(&ends);
    pyn_buf_fini(&saved);
}

static void what_save_has_not_written_is_refused(void **state)
{
    struct support_mem mem;
    struct pyn_stack *moved = NULL;
    struct pyn_buf saved;
    struct ends ends;

    support_mem_init(&mem, 0);
    pyn_buf_init(&saved, pyn_mem_default(), MAX);
    open_ends(&ends, CHANNEL_IN_WEBSOCKET, pyn_mem_default());
    assert_int_equal(pyn_stack_save(ends.server, &saved), PYN_OK);
    for (size_t len = 0; len < pyn_buf_len(&saved); len++) {
        struct pyn_view part = {pyn_buf_view(&saved).data, len};
        assert_int_equal(revive(&mem.mem, part, &moved), PYN_EFORMAT);
        assert_null(moved);
        assert_int_equal(mem.live, 0);
    }
    for (size_t at = 0; at < 60; at++) { /* names, lengths, forms */
        const uint8_t before = pyn_buf_view(&saved).data[at];
        pyn_buf_patch(&saved, at, (uint8_t)(before ^ 0x55));
        if (revive(&mem.mem, pyn_buf_view(&saved), &moved) == PYN_OK) {
            pyn_stack_free(moved); /* a byte that any value may stand in */
        } else {
            assert_null(moved);
        }
        assert_int_equal(mem.live, 0);
        pyn_buf_patch(&saved, at, before);
    }
    assert_int_equal(pyn_stack_revive(&mem.mem, revivals, 1, pyn_buf_view(&saved), &moved), PYN_EFORMAT);
    assert_int_equal(mem.live, 0);
    close_ends(&ends);
    pyn_buf_fini(&saved);
}

static void every_allocation_may_fail(void **state)
{
    struct pyn_stack *moved = NULL;
    struct pyn_buf saved;
    struct ends ends;

    pyn_buf_init(&saved, pyn_mem_default(), MAX);
    open_ends(&ends, CHANNEL_IN_WEBSOCKET, pyn_mem_default());
    assert_int_equal(pyn_stack_save(ends.server, &saved), PYN_OK);
    for (size_t at = 1; moved == NULL; at++) {
        struct support_mem mem;
        pyn_status st = PYN_EINTERNAL;
        support_mem_init(&mem, at);
        st = revive(&mem.mem, pyn_buf_view(&saved), &moved);
        assert_true(st == PYN_OK || st == PYN_ENOMEM);
        if (st == PYN_OK) {
            assert_true(at > 2);
            pyn_stack_free(moved);
        }
        assert_int_equal(mem.live, 0);
    }
    close_ends(&ends);
    pyn_buf_fini(&saved);
}

static int make_keys(void **state)
{
    uint8_t secret[PYN_NOISE_KEY_LEN];

    (void)state;
    if (sodium_init() < 0) {
        return -1;
    }
    randombytes_buf(secret, sizeof secret);
    pyn_keypair_from(&server_key, secret);
    randombytes_buf(secret, sizeof secret);
    pyn_keypair_from(&client_key, secret);
    server_channel = (struct pyn_channel_config){.is_server = true,
                                                 .transport = pyn_view_of("tcp"),
                                                 .own = &server_key,
                                                 .judge = {judge, NULL},
                                                 .random = {fill, NULL}};
    client_channel = (struct pyn_channel_config){.transport = pyn_view_of("tcp"),
                                                 .own = &client_key,
                                                 .server_public = server_key.public_key,
                                                 .pattern = PYN_PATTERN_IK,
                                                 .login = pyn_view_of("x"),
                                                 .random = {fill, NULL}};
    return 0;
}

/* As move.c lays it out: it is read by the program that has written it. */
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

static void a_saved_channel_is_looked_at_before_it_is_used(void **state)
{
    static const struct {
        size_t at;
        size_t len;
        uint8_t byte;
        const char *why;
    } rows[] = {
        {offsetof(struct saved, form), 1, 2, "another form"},
        {offsetof(struct saved, size), 1, 1, "another size"},
        {offsetof(struct saved, has_peer_key), 1, 2, "neither true nor false"},
        {offsetof(struct saved, sending.has_key), 1, 2, "neither true nor false"},
        {offsetof(struct saved, receiving.has_key), 1, 2, "neither true nor false"},
        {offsetof(struct saved, sending.has_key), 1, 0, "no key to send with"},
        {offsetof(struct saved, receiving.has_key), 1, 0, "no key to receive with"},
        {offsetof(struct saved, who.name), sizeof((struct saved *)0)->who.name, 'x', "a name without an end"},
        {offsetof(struct saved, who.root), sizeof((struct saved *)0)->who.root, 'x', "a root without an end"},
        {offsetof(struct saved, who.quota_class), sizeof((struct saved *)0)->who.quota_class, 'x',
         "a class without an end"},
        {offsetof(struct saved, who.facet), sizeof((struct saved *)0)->who.facet, 'x', "a facet without an end"},
    };
    struct pyn_buf good;
    struct ends ends;
    struct pyn_layer *layer = NULL;

    pyn_buf_init(&good, pyn_mem_default(), MAX);
    open_ends(&ends, PLAIN_CHANNEL, pyn_mem_default());
    assert_int_equal(pyn_channel_save(pyn_stack_layer(ends.server, 0), &good), PYN_OK);
    assert_int_equal(pyn_buf_len(&good), sizeof(struct saved));
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        uint8_t bytes[sizeof(struct saved)];
        memcpy(bytes, pyn_buf_view(&good).data, sizeof bytes);
        memset(bytes + rows[i].at, rows[i].byte, rows[i].len);
        if (pyn_channel_revive(NULL, pyn_mem_default(), (struct pyn_view){bytes, sizeof bytes}, &layer) != PYN_EFORMAT) {
            fail_msg("%s", rows[i].why);
        }
        assert_null(layer);
    }
    close_ends(&ends);
    pyn_buf_fini(&good);
}

/* No more of a record is taken over than can have come of one. */
static void more_than_a_channel_can_have_kept_is_refused(void **state)
{
    struct support_mem mem;
    struct pyn_buf good;
    struct ends ends;
    struct pyn_layer *layer = NULL;

    support_mem_init(&mem, 0);
    pyn_buf_init(&good, pyn_mem_default(), MAX);
    open_ends(&ends, PLAIN_CHANNEL, pyn_mem_default());
    assert_int_equal(pyn_channel_save(pyn_stack_layer(ends.server, 0), &good), PYN_OK);
    uint8_t *bytes = calloc(1, sizeof(struct saved) + PYN_CHANNEL_IN_MAX + 1);
    assert_non_null(bytes);
    memcpy(bytes, pyn_buf_view(&good).data, sizeof(struct saved));
    for (size_t more = PYN_CHANNEL_IN_MAX - 1; more <= PYN_CHANNEL_IN_MAX + 1; more++) {
        const struct pyn_view state_of = {bytes, sizeof(struct saved) + more};
        pyn_status st = pyn_channel_revive(NULL, &mem.mem, state_of, &layer);
        assert_int_equal(st, more <= PYN_CHANNEL_IN_MAX ? PYN_OK : PYN_ESIZE);
        if (layer != NULL) {
            layer->ops->free(layer);
        }
        assert_int_equal(mem.live, 0);
    }
    free(bytes);
    close_ends(&ends);
    pyn_buf_fini(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wherever_the_stream_is_cut_it_goes_on),
        cmocka_unit_test(a_message_of_several_frames_goes_on_within_its_limit),
        cmocka_unit_test(who_was_let_in_is_still_known),
        cmocka_unit_test(an_end_is_said_as_ever),
        cmocka_unit_test(what_is_not_open_or_has_something_to_say_stays),
        cmocka_unit_test(what_save_has_not_written_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_saved_channel_is_looked_at_before_it_is_used),
        cmocka_unit_test(more_than_a_channel_can_have_kept_is_refused),
    };

    return cmocka_run_group_tests(tests, make_keys, NULL);
}
