/* test_layer.c - do layers on one another carry every byte, in whatever pieces it comes, and do they begin, end and fail in order? */
#include "support.h"

#include <stdlib.h>

#include "../../src/layer/stack.h"

/*
 * A toy: who dials says "TOY" and its key, who was dialled says it back. Then frames: two bytes of length, and the bytes, each XORed with the key.
 * Length 0xffff is a ping (no bytes follow), which 0xfffe answers; 0 is the end; 0xfffd is what only a broken peer sends.
 */
enum { HELLO_LEN = 4, PING = 0xffff, PONG = 0xfffe, BROKEN = 0xfffd };

struct toy {
    struct pyn_layer layer; /* first */
    const struct pyn_mem *mem;
    bool is_dialler;
    uint8_t key;
    uint8_t head[HELLO_LEN];
    size_t head_len;
    size_t body_left;
};

struct toy_config {
    bool is_dialler;
    uint8_t key;
};

static pyn_status put_hello(struct toy *toy, struct pyn_buf *down)
{
    const uint8_t hello[HELLO_LEN] = {'T', 'O', 'Y', toy->key};

    return pyn_buf_append(down, hello, sizeof hello);
}

static pyn_status toy_start(struct pyn_layer *layer, struct pyn_buf *down)
{
    struct toy *toy = (struct toy *)layer;

    return toy->is_dialler ? put_hello(toy, down) : PYN_OK;
}

static pyn_status put_length(size_t len, struct pyn_buf *down)
{
    const uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};

    return pyn_buf_append(down, head, sizeof head);
}

static pyn_status toy_hello(struct toy *toy, struct pyn_buf *down)
{
    toy->head_len = 0;
    if (memcmp(toy->head, "TOY", 3) != 0) {
        toy->layer.reason = "that is no toy";
        return PYN_EPROTOCOL;
    }
    toy->key = toy->head[3];
    toy->layer.is_open = true;
    return toy->is_dialler ? PYN_OK : put_hello(toy, down);
}

static pyn_status toy_head(struct toy *toy, struct pyn_buf *down)
{
    size_t len = (size_t)toy->head[0] << 8 | toy->head[1];

    toy->head_len = 0;
    switch (len) {
    case 0:
        toy->layer.reason = "the toy was put away";
        return PYN_EGONE;
    case BROKEN:
        toy->layer.reason = "the toy is broken";
        return PYN_EFORMAT;
    case PING:
        return put_length(PONG, down);
    case PONG:
        return PYN_OK;
    default:
        toy->body_left = len;
        return PYN_OK;
    }
}

static pyn_status toy_byte(struct toy *toy, uint8_t byte, struct pyn_buf *up, struct pyn_buf *down)
{
    if (toy->body_left > 0) {
        toy->body_left--;
        byte ^= toy->key;
        return pyn_buf_append(up, &byte, 1);
    }
    toy->head[toy->head_len++] = byte;
    if (!toy->layer.is_open) {
        return toy->head_len == HELLO_LEN ? toy_hello(toy, down) : PYN_OK;
    }
    return toy->head_len == 2 ? toy_head(toy, down) : PYN_OK;
}

static pyn_status toy_receive(struct pyn_layer *layer, struct pyn_view bytes, struct pyn_buf *up, struct pyn_buf *down)
{
    pyn_status st = PYN_OK;

    for (size_t i = 0; i < bytes.len && st == PYN_OK; i++) {
        st = toy_byte((struct toy *)layer, bytes.data[i], up, down);
    }
    return st;
}

static pyn_status toy_send(struct pyn_layer *layer, struct pyn_view bytes, struct pyn_buf *down)
{
    const uint8_t key = ((struct toy *)layer)->key;
    pyn_status st = PYN_OK;

    while (bytes.len > 0 && st == PYN_OK) {
        size_t len = bytes.len < 1000 ? bytes.len : 1000;
        st = put_length(len, down);
        for (size_t i = 0; i < len && st == PYN_OK; i++) {
            const uint8_t byte = bytes.data[i] ^ key;
            st = pyn_buf_append(down, &byte, 1);
        }
        bytes.data += len;
        bytes.len -= len;
    }
    return st;
}

static void toy_finish(struct pyn_layer *layer, pyn_status why, struct pyn_buf *down)
{
    if (layer->is_open) {
        (void)put_length(why == PYN_EGONE ? 0 : BROKEN, down);
    }
}

static void toy_free(struct pyn_layer *layer)
{
    pyn_mem_free(((struct toy *)layer)->mem, layer);
}

static const struct pyn_layer_ops toy_ops = {"toy", toy_start, toy_receive, toy_send, toy_finish, toy_free, NULL, NULL};

static pyn_status toy_make(const void *ctx, const struct pyn_mem *mem, struct pyn_layer **out)
{
    const struct toy_config *config = ctx;
    struct toy *toy = pyn_mem_new(mem, 1, sizeof *toy);

    *out = NULL;
    if (toy == NULL) {
        return PYN_ENOMEM;
    }
    toy->layer.ops = &toy_ops;
    toy->mem = mem;
    toy->is_dialler = config->is_dialler;
    toy->key = config->key;
    *out = &toy->layer;
    return PYN_OK;
}

static const struct toy_config dials[] = {{true, 0x5a}, {true, 0xc3}};
static const struct toy_config listens[] = {{false, 0}, {false, 0}};

static struct pyn_layer_sources sources_of(const struct toy_config *configs, uint32_t count)
{
    struct pyn_layer_sources sources = {.count = count};

    for (uint32_t i = 0; i < count; i++) {
        sources.from[i] = (struct pyn_layer_source){toy_make, &configs[i]};
    }
    return sources;
}

static struct pyn_stack *stack_of(const struct toy_config *configs, uint32_t count, const struct pyn_mem *mem)
{
    const struct pyn_layer_sources sources = sources_of(configs, count);
    struct pyn_stack *stack = NULL;

    assert_int_equal(pyn_stack_new(mem, &sources, &stack), PYN_OK);
    assert_non_null(stack);
    return stack;
}

/* ---- two ends and the wire between them ---- */

/* The output of from goes to to, in pieces of so many bytes at most (0: whole), each in a block of its own size; what it means is put behind *got. */
static pyn_status carry(struct pyn_stack *from, struct pyn_stack *to, size_t piece, struct pyn_buf *got)
{
    pyn_status st = PYN_OK;

    while (st == PYN_OK && pyn_stack_output(from).len > 0) {
        struct pyn_view out = pyn_stack_output(from);
        struct pyn_view plain;
        size_t len = piece == 0 || piece > out.len ? out.len : piece;
        uint8_t *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, out.data, len);
        pyn_stack_written(from, len);
        st = pyn_stack_receive(to, (struct pyn_view){copy, len}, &plain);
        free(copy);
        assert_int_equal(pyn_buf_append(got, plain.data, plain.len), PYN_OK);
        pyn_stack_used(to);
    }
    return st;
}

static void shake_hands(struct pyn_stack *client, struct pyn_stack *server, size_t piece)
{
    struct pyn_buf got;

    pyn_buf_init(&got, pyn_mem_default(), 100);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(carry(client, server, piece, &got), PYN_OK);
        assert_int_equal(carry(server, client, piece, &got), PYN_OK);
    }
    assert_int_equal(pyn_buf_len(&got), 0);
    assert_true(pyn_stack_is_open(client));
    assert_true(pyn_stack_is_open(server));
    pyn_buf_fini(&got);
}

static void send_all(struct pyn_stack *from, struct pyn_stack *to, struct pyn_view plain, size_t piece)
{
    struct pyn_view left = plain;
    struct pyn_buf got;

    pyn_buf_init(&got, pyn_mem_default(), plain.len);
    while (left.len > 0) {
        size_t taken = 0;
        assert_int_equal(pyn_stack_send(from, left, &taken), PYN_OK);
        assert_in_range(taken, 1, PYN_LAYER_CHUNK);
        left.data += taken;
        left.len -= taken;
        assert_int_equal(carry(from, to, piece, &got), PYN_OK);
    }
    assert_true(pyn_view_is_equal(pyn_buf_view(&got), plain));
    pyn_buf_fini(&got);
}

static void bytes_pass_both_ways_in_whatever_pieces_they_come(void **state)
{
    static const char text[] = "the quick brown fox\0jumps";
    static uint8_t large[200000];
    const struct pyn_view small = {(const uint8_t *)text, sizeof text};
    uint64_t seed = 7;

    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (uint8_t)support_random(&seed);
    }
    for (uint32_t count = 1; count <= 2; count++) {
        for (size_t piece = 0; piece < 40; piece++) {
            struct pyn_stack *client = stack_of(dials, count, pyn_mem_default());
            struct pyn_stack *server = stack_of(listens, count, pyn_mem_default());
            shake_hands(client, server, piece);
            send_all(client, server, small, piece);
            send_all(server, client, small, piece);
            if (piece % 13 == 0) {
                send_all(client, server, (struct pyn_view){large, sizeof large}, piece * 1000);
            }
            pyn_stack_free(client);
            pyn_stack_free(server);
        }
    }
}

/* ---- the beginning ---- */

static void without_a_source_there_is_no_stack(void **state)
{
    const struct pyn_layer_sources none = {.count = 0};
    struct pyn_stack *stack = stack_of(dials, 1, pyn_mem_default());
    struct pyn_stack *before = stack;

    assert_int_equal(pyn_stack_new(pyn_mem_default(), &none, &stack), PYN_OK);
    assert_null(stack);
    pyn_stack_free(before);
    pyn_stack_free(NULL);
}

static void nothing_of_the_session_is_taken_before_every_handshake_is_done(void **state)
{
    struct pyn_stack *client = stack_of(dials, 2, pyn_mem_default());
    struct pyn_stack *server = stack_of(listens, 2, pyn_mem_default());
    struct pyn_buf got;
    size_t taken = 9;
    int steps = 0;

    pyn_buf_init(&got, pyn_mem_default(), 100);
    while (!pyn_stack_is_open(client)) {
        assert_int_equal(pyn_stack_send(client, pyn_view_of("early"), &taken), PYN_OK);
        assert_int_equal(taken, 0);
        assert_string_equal(pyn_stack_waits_for(client), "toy");
        assert_int_equal(carry(client, server, 1, &got), PYN_OK);
        assert_int_equal(carry(server, client, 1, &got), PYN_OK);
        steps++;
    }
    assert_int_equal(steps, 2); /* the upper one began when the lower one was open */
    assert_int_equal(pyn_stack_send(client, pyn_view_of("late"), &taken), PYN_OK);
    assert_int_equal(taken, 4);
    assert_int_equal(pyn_stack_send(client, pyn_view_of("more"), &taken), PYN_OK);
    assert_int_equal(taken, 0); /* one chunk at a time: the other end must read first */
    pyn_buf_fini(&got);
    pyn_stack_free(client);
    pyn_stack_free(server);
}

static void payload_right_behind_a_handshake_is_not_lost(void **state)
{
    struct pyn_stack *client = stack_of(dials, 1, pyn_mem_default());
    struct pyn_view plain;
    const uint8_t bytes[] = {'T', 'O', 'Y', 0x5a, 0, 2, 'h' ^ 0x5a, 'i' ^ 0x5a};

    assert_int_equal(pyn_stack_receive(client, (struct pyn_view){bytes, sizeof bytes}, &plain), PYN_OK);
    assert_true(pyn_view_is_equal(plain, pyn_view_of("hi")));
    pyn_stack_free(client);
}

static void a_handshake_that_fails_says_why_and_stays_failed(void **state)
{
    struct pyn_stack *server = stack_of(listens, 1, pyn_mem_default());
    struct pyn_view plain;

    assert_int_equal(pyn_stack_receive(server, pyn_view_of("GET "), &plain), PYN_EPROTOCOL);
    assert_string_equal(pyn_stack_reason(server), "that is no toy");
    assert_int_equal(pyn_stack_receive(server, pyn_view_of("TOY!"), &plain), PYN_EPROTOCOL);
    assert_false(pyn_stack_is_open(server));
    pyn_stack_finish(server, PYN_EPROTOCOL);
    assert_int_equal(pyn_stack_output(server).len, 0); /* not a word in a language that was not agreed on */
    pyn_stack_free(server);
}

/* ---- the end ---- */

static void what_came_before_a_failure_still_counts(void **state)
{
    struct pyn_stack *client = stack_of(dials, 1, pyn_mem_default());
    struct pyn_view plain;
    const uint8_t bytes[] = {'T', 'O', 'Y', 0x5a, 0, 2, 'h' ^ 0x5a, 'i' ^ 0x5a, 0xff, 0xfd, 0, 1, 'x'};

    assert_int_equal(pyn_stack_receive(client, (struct pyn_view){bytes, sizeof bytes}, &plain), PYN_EFORMAT);
    assert_true(pyn_view_is_equal(plain, pyn_view_of("hi")));
    assert_string_equal(pyn_stack_reason(client), "the toy is broken");
    assert_int_equal(pyn_stack_receive(client, (struct pyn_view){bytes + 4, 4}, &plain), PYN_EFORMAT);
    assert_int_equal(plain.len, 0);
    pyn_stack_free(client);
}

/* The lower end alone; with the upper one; and with something that the upper layer takes offence at. */
static void an_end_below_is_a_cut_above_unless_that_has_said_more(void **state)
{
    static const struct {
        uint8_t bytes[6];
        size_t len;
        pyn_status st;
        const char *reason;
    } ends[] = {
        {{0, 0}, 2, PYN_EGONE, "cut: what carries the stream has ended, but nobody has ended the stream"},
        {{0, 2, 0x5a, 0x5a, 0, 0}, 6, PYN_EGONE, "the toy was put away"},
        {{0, 2, 0xff ^ 0x5a, 0xfd ^ 0x5a, 0, 0}, 6, PYN_EFORMAT, "the toy is broken"},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(ends); i++) {
        struct pyn_stack *client = stack_of(dials, 2, pyn_mem_default());
        struct pyn_stack *server = stack_of(listens, 2, pyn_mem_default());
        struct pyn_view plain;
        shake_hands(client, server, 0);
        assert_int_equal(pyn_stack_receive(server, (struct pyn_view){ends[i].bytes, ends[i].len}, &plain), ends[i].st);
        assert_string_equal(pyn_stack_reason(server), ends[i].reason);
        pyn_stack_free(client);
        pyn_stack_free(server);
    }
}

static void an_orderly_end_goes_through_all_layers_once(void **state)
{
    struct pyn_stack *client = stack_of(dials, 2, pyn_mem_default());
    struct pyn_stack *server = stack_of(listens, 2, pyn_mem_default());
    struct pyn_buf got;

    pyn_buf_init(&got, pyn_mem_default(), 100);
    shake_hands(client, server, 0);
    pyn_stack_finish(client, PYN_EGONE);
    assert_true(support_is_hex(pyn_stack_output(client),
                               "0002 5a5a 0000")); /* the upper end in a frame of the lower one, and its own */
    pyn_stack_finish(client, PYN_EGONE);
    assert_int_equal(pyn_stack_output(client).len, 6);
    assert_int_equal(carry(client, server, 0, &got), PYN_EGONE);
    assert_string_equal(pyn_stack_reason(server), "the toy was put away");
    assert_int_equal(pyn_buf_len(&got), 0);
    pyn_stack_free(client);
    pyn_stack_free(server);
}

/* ---- limits ---- */

static void answers_that_nobody_reads_are_a_flood_at_the_limit(void **state)
{
    enum { ANSWER = 2, MOST = PYN_STACK_OUT_MAX / ANSWER };
    static const struct {
        size_t pings;
        pyn_status wanted;
    } cases[] = {{MOST - 1, PYN_OK}, {MOST, PYN_OK}, {MOST + 1, PYN_EFLOOD}};

    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        struct pyn_stack *client = stack_of(dials, 1, pyn_mem_default());
        struct pyn_view plain;
        pyn_status st = PYN_OK;
        pyn_stack_written(client, HELLO_LEN);
        assert_int_equal(pyn_stack_receive(client, pyn_view_of("TOYx"), &plain), PYN_OK);
        for (size_t n = 0; n < cases[i].pings && st == PYN_OK; n++) {
            st = pyn_stack_receive(client, (struct pyn_view){(const uint8_t *)"\xff\xff", 2}, &plain);
        }
        assert_int_equal(st, cases[i].wanted);
        assert_true(pyn_stack_output(client).len <= PYN_STACK_OUT_MAX);
        pyn_stack_free(client);
    }
}

/* In the middle of much it makes no buffer twice; behind the last of it none is left. */
static void a_stack_keeps_its_buffers_while_much_goes_through(void **state)
{
    enum { PIECES = 4, LEN = PIECES * PYN_LAYER_CHUNK };
    static uint8_t large[LEN];
    struct support_mem m;
    struct pyn_stack *client = NULL;
    struct pyn_stack *server = NULL;
    size_t calls = 0;

    (void)state;
    support_mem_init(&m, 0);
    client = stack_of(dials, 1, &m.mem);
    server = stack_of(listens, 1, &m.mem);
    shake_hands(client, server, 0);
    const size_t live = m.live;
    for (size_t done = 0; done < LEN;) {
        struct pyn_view plain = {NULL, 0};
        size_t taken = 0;
        assert_int_equal(pyn_stack_send(client, (struct pyn_view){large + done, LEN - done}, &taken), PYN_OK);
        done += taken;
        assert_int_equal(pyn_stack_receive(server, pyn_stack_output(client), &plain), PYN_OK);
        assert_true(plain.len > 0);
        pyn_stack_written(client, pyn_stack_output(client).len);
        if (done < LEN) {
            pyn_stack_used_some(server);
            assert_true(calls == 0 || m.calls == calls);
            calls = m.calls;
        } else {
            pyn_stack_used(server);
        }
    }
    assert_int_equal(m.live, live);
    pyn_stack_free(client);
    pyn_stack_free(server);
    assert_int_equal(m.live, 0);
}

static void an_idle_stack_holds_no_buffer(void **state)
{
    struct support_mem m;
    struct pyn_stack *client = NULL;
    struct pyn_stack *server = stack_of(listens, 2, pyn_mem_default());

    support_mem_init(&m, 0);
    client = stack_of(dials, 2, &m.mem);
    shake_hands(client, server, 0);
    assert_int_equal(m.live, 3); /* itself and its layers */
    send_all(client, server, pyn_view_of("there"), 3);
    send_all(server, client, pyn_view_of("and back"), 3);
    assert_int_equal(m.live, 3);
    pyn_stack_free(client);
    pyn_stack_free(server);
    assert_int_equal(m.live, 0);
}

/* One conversation with an allocator that fails at one place: whatever happens is said, and nothing stays behind. */
static bool converse(struct support_mem *m)
{
    const struct pyn_layer_sources sources = sources_of(dials, 2);
    struct pyn_stack *client = NULL;
    struct pyn_stack *server = stack_of(listens, 2, pyn_mem_default());
    struct pyn_view plain = pyn_view_of("hello");
    struct pyn_buf got;
    size_t taken = 0;
    pyn_status st = pyn_stack_new(&m->mem, &sources, &client);

    pyn_buf_init(&got, pyn_mem_default(), 1000);
    for (int i = 0; i < 3 && st == PYN_OK; i++) {
        (void)carry(client, server, 0, &got);
        st = carry(server, client, 0, &got);
    }
    if (st == PYN_OK) {
        st = pyn_stack_send(client, plain, &taken);
    }
    if (st == PYN_OK) {
        assert_int_equal(pyn_stack_send(server, plain, &taken), PYN_OK);
        st = carry(server, client, 0, &got);
    }
    assert_true(st == PYN_OK || st == PYN_ENOMEM);
    if (client != NULL) {
        pyn_stack_finish(client, st == PYN_OK ? PYN_EGONE : st);
    }
    pyn_stack_free(client);
    pyn_stack_free(server);
    pyn_buf_fini(&got);
    return st == PYN_OK;
}

static void every_allocation_may_fail(void **state)
{
    struct support_mem m;
    size_t fail_at = 0;
    bool is_done = false;

    do {
        support_mem_init(&m, ++fail_at);
        is_done = converse(&m);
        assert_int_equal(m.live, 0);
    } while (!is_done || m.calls >= fail_at);
    assert_true(fail_at > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_both_ways_in_whatever_pieces_they_come),
        cmocka_unit_test(without_a_source_there_is_no_stack),
        cmocka_unit_test(nothing_of_the_session_is_taken_before_every_handshake_is_done),
        cmocka_unit_test(payload_right_behind_a_handshake_is_not_lost),
        cmocka_unit_test(a_handshake_that_fails_says_why_and_stays_failed),
        cmocka_unit_test(what_came_before_a_failure_still_counts),
        cmocka_unit_test(an_end_below_is_a_cut_above_unless_that_has_said_more),
        cmocka_unit_test(an_orderly_end_goes_through_all_layers_once),
        cmocka_unit_test(answers_that_nobody_reads_are_a_flood_at_the_limit),
        cmocka_unit_test(an_idle_stack_holds_no_buffer),
        cmocka_unit_test(a_stack_keeps_its_buffers_while_much_goes_through),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
