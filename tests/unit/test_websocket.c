/* test_websocket.c - is an open WebSocket a plain stream, in whatever pieces it comes, and does every frame that it may not hold end it with its code? */
#include "support.h"

#include <stdlib.h>

#include "../../src/layer/stack.h"
#include "../../src/websocket/websocket.h"

enum { MESSAGE_MAX = 70000 };

static void fill_random(void *out, size_t len)
{
    static uint64_t seed = 99;

    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)out)[i] = (uint8_t)support_random(&seed);
    }
}

static const struct pyn_websocket_config server_config = {
    .is_server = true, .path = "/chat", .message_max = MESSAGE_MAX, .random = fill_random};
static const struct pyn_websocket_config client_config = {
    .path = "/chat", .host = "127.0.0.1:7117", .message_max = MESSAGE_MAX, .random = fill_random};

static struct pyn_stack *stack_of(const struct pyn_websocket_config *config, const struct pyn_mem *mem)
{
    const struct pyn_layer_sources sources = {.from = {{pyn_websocket_make, config}}, .count = 1};
    struct pyn_stack *stack = NULL;

    assert_int_equal(pyn_stack_new(mem, &sources, &stack), PYN_OK);
    return stack;
}

/* In pieces of so many bytes, 0: whole; each from a block of its own size. What it means stands in *got. */
static pyn_status feed(struct pyn_stack *stack, struct pyn_view bytes, size_t piece, struct pyn_buf *got)
{
    pyn_status st = PYN_OK;

    while (bytes.len > 0 && st == PYN_OK) {
        size_t len = piece == 0 || piece > bytes.len ? bytes.len : piece;
        uint8_t *copy = malloc(len);
        struct pyn_view plain;
        assert_non_null(copy);
        memcpy(copy, bytes.data, len);
        st = pyn_stack_receive(stack, (struct pyn_view){copy, len}, &plain);
        free(copy);
        assert_int_equal(pyn_buf_append(got, plain.data, plain.len), PYN_OK);
        pyn_stack_used(stack);
        bytes.data += len;
        bytes.len -= len;
    }
    return st;
}

static pyn_status carry(struct pyn_stack *from, struct pyn_stack *to, size_t piece, struct pyn_buf *got)
{
    pyn_status st = feed(to, pyn_stack_output(from), piece, got);

    pyn_stack_written(from, pyn_stack_output(from).len);
    return st;
}

static const char request[] = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Protocol: pynto.1\r\n\r\n";

static struct pyn_stack *open_server(void)
{
    struct pyn_stack *stack = stack_of(&server_config, pyn_mem_default());
    struct pyn_view plain;

    assert_int_equal(pyn_stack_receive(stack, pyn_view_of(request), &plain), PYN_OK);
    assert_true(pyn_stack_is_open(stack));
    pyn_stack_written(stack, pyn_stack_output(stack).len);
    return stack;
}

/* ---- the stream ---- */

static void bytes_pass_both_ways_in_whatever_pieces_they_come(void **state)
{
    static uint8_t text[PYN_LAYER_CHUNK];
    static const size_t lens[] = {1, 125, 126, 127, 65535, PYN_LAYER_CHUNK};
    uint64_t seed = 3;

    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)support_random(&seed);
    }
    for (size_t piece = 0; piece < 20; piece++) {
        struct pyn_stack *client = stack_of(&client_config, pyn_mem_default());
        struct pyn_stack *server = stack_of(&server_config, pyn_mem_default());
        struct pyn_buf got;
        pyn_buf_init(&got, pyn_mem_default(), sizeof text);
        assert_int_equal(carry(client, server, piece, &got), PYN_OK);
        assert_int_equal(carry(server, client, piece, &got), PYN_OK);
        assert_true(pyn_stack_is_open(client) && pyn_stack_is_open(server));
        for (size_t i = 0; i < SUPPORT_COUNT(lens); i++) {
            const struct pyn_view sent = {text, lens[i]};
            for (int back = 0; back < 2; back++) {
                struct pyn_stack *from = back ? server : client;
                size_t taken = 0;
                assert_int_equal(pyn_stack_send(from, sent, &taken), PYN_OK);
                assert_int_equal(taken, sent.len);
                assert_int_equal(carry(from, back ? client : server, piece * 7, &got), PYN_OK);
                assert_true(pyn_view_is_equal(pyn_buf_view(&got), sent));
                pyn_buf_fini(&got);
            }
        }
        pyn_stack_free(client);
        pyn_stack_free(server);
    }
}

static void what_a_client_sends_is_masked_each_frame_by_another_mask(void **state)
{
    struct pyn_stack *client = stack_of(&client_config, pyn_mem_default());
    struct pyn_stack *server = stack_of(&server_config, pyn_mem_default());
    struct pyn_buf got;
    uint8_t first[10];
    size_t taken = 0;

    pyn_buf_init(&got, pyn_mem_default(), 100);
    assert_int_equal(carry(client, server, 0, &got), PYN_OK);
    assert_int_equal(carry(server, client, 0, &got), PYN_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pyn_stack_send(client, pyn_view_of("same"), &taken), PYN_OK);
        assert_int_equal(pyn_stack_output(client).len, sizeof first);
        assert_memory_equal(pyn_stack_output(client).data, "\x82\x84", 2);
        if (i == 0) {
            memcpy(first, pyn_stack_output(client).data, sizeof first);
        } else {
            assert_memory_not_equal(pyn_stack_output(client).data, first, sizeof first);
        }
        assert_int_equal(carry(client, server, 0, &got), PYN_OK);
    }
    assert_true(pyn_view_is_equal(pyn_buf_view(&got), pyn_view_of("samesame")));
    pyn_buf_fini(&got);
    pyn_stack_free(client);
    pyn_stack_free(server);
}

static void no_mask_is_used_twice(void **state)
{
    enum { FRAMES = 200 };
    static uint8_t masks[FRAMES][4];
    struct pyn_stack *client = stack_of(&client_config, pyn_mem_default());
    struct pyn_stack *server = stack_of(&server_config, pyn_mem_default());
    struct pyn_buf got;
    size_t taken = 0;

    pyn_buf_init(&got, pyn_mem_default(), FRAMES);
    assert_int_equal(carry(client, server, 0, &got), PYN_OK);
    assert_int_equal(carry(server, client, 0, &got), PYN_OK);
    for (size_t i = 0; i < FRAMES; i++) {
        assert_int_equal(pyn_stack_send(client, pyn_view_of("x"), &taken), PYN_OK);
        memcpy(masks[i], pyn_stack_output(client).data + 2, 4);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(masks[i], masks[j], 4);
        }
        assert_int_equal(carry(client, server, 0, &got), PYN_OK);
    }
    pyn_buf_fini(&got);
    pyn_stack_free(client);
    pyn_stack_free(server);
}

/* ---- frames: masks of zeros, so that they can be read here ---- */

struct frame_case {
    const char *hex;
    pyn_status wanted;
    const char *plain;  /* that comes up, also ahead of a failure */
    const char *answer; /* hex: what the peer gets, its end included */
    const char *why;
};

static void check_frames(const struct frame_case *c, size_t piece)
{
    struct pyn_stack *server = open_server();
    uint8_t bytes[600];
    size_t len = support_hex(c->hex, bytes, sizeof bytes);
    struct pyn_buf got;
    pyn_status st = PYN_OK;

    pyn_buf_init(&got, pyn_mem_default(), 1000);
    st = feed(server, (struct pyn_view){bytes, len}, piece, &got);
    if (st != c->wanted) {
        fail_msg("%s, in pieces of %zu: %s, not %s", c->why, piece, pyn_status_name(st), pyn_status_name(c->wanted));
    }
    if (!pyn_view_is_equal(pyn_buf_view(&got), pyn_view_of(c->plain))) {
        fail_msg("%s, in pieces of %zu: other bytes came up", c->why, piece);
    }
    if (st != PYN_OK) {
        assert_true(strlen(pyn_stack_reason(server)) > 0);
        pyn_stack_finish(server, st);
    }
    if (!support_is_hex(pyn_stack_output(server), c->answer)) {
        fail_msg("%s, in pieces of %zu: another answer", c->why, piece);
    }
    pyn_buf_fini(&got);
    pyn_stack_free(server);
}

#define M "00000000 "

static void frames_are_taken_or_end_it_with_their_code(void **state)
{
    static const struct frame_case cases[] = {
        {"8282" M "6869", PYN_OK, "hi", "", "a binary message"},
        {"8280" M, PYN_OK, "", "", "an empty one"},
        {"0281" M "68 8081" M "69", PYN_OK, "hi", "", "in two fragments"},
        {"0280" M "0080" M "0080" M "8081" M "69", PYN_OK, "i", "", "with empty fragments"},
        {"0281" M "68 8982" M "7878 8081" M "69", PYN_OK, "hi", "8a02 7878", "a ping between fragments"},
        {"8281" M "68 8281" M "69", PYN_OK, "hi", "", "two messages are one stream"},
        {"8980" M, PYN_OK, "", "8a00", "an empty ping"},
        {"8a81" M "78", PYN_OK, "", "", "a pong that nobody asked for"},
        {"8880" M, PYN_EGONE, "", "8802 03e8", "a close without a code"},
        {"8882" M "03e8", PYN_EGONE, "", "8802 03e8", "a close"},
        {"8884" M "03e9 6279", PYN_EGONE, "", "8802 03e9", "a close with a reason"},
        {"8882" M "0bb8", PYN_EGONE, "", "8802 0bb8", "3000"},
        {"8882" M "1387", PYN_EGONE, "", "8802 1387", "4999"},
        {"8281" M "68 8880" M "8281" M "69", PYN_EGONE, "h", "8802 03e8", "what stands behind a close is not read"},

        {"8202 6869", PYN_EFORMAT, "", "8802 03ea", "no mask"},
        {"8900", PYN_EFORMAT, "", "8802 03ea", "a ping without a mask"},
        {"c282" M "6869", PYN_EFORMAT, "", "8802 03ea", "RSV1: compressed, though nobody agreed to that"},
        {"a282" M "6869", PYN_EFORMAT, "", "8802 03ea", "RSV2"},
        {"9282" M "6869", PYN_EFORMAT, "", "8802 03ea", "RSV3"},
        {"c980" M, PYN_EFORMAT, "", "8802 03ea", "a ping with RSV1"},
        {"8380" M, PYN_EFORMAT, "", "8802 03ea", "opcode 3"},
        {"8780" M, PYN_EFORMAT, "", "8802 03ea", "opcode 7"},
        {"8b80" M, PYN_EFORMAT, "", "8802 03ea", "opcode 11"},
        {"8f80" M, PYN_EFORMAT, "", "8802 03ea", "opcode 15"},
        {"89fe 007e" M, PYN_EFORMAT, "", "8802 03ea", "a ping of 126 bytes"},
        {"0980" M, PYN_EFORMAT, "", "8802 03ea", "a ping in fragments"},
        {"0880" M, PYN_EFORMAT, "", "8802 03ea", "a close in fragments"},
        {"82ff 8000000000000001" M "68", PYN_EFORMAT, "", "8802 03ea", "a length with its top bit"},
        {"82ff 000000000000ffff" M "68", PYN_EFORMAT, "", "8802 03ea", "64 bits for a length of 16"},
        {"82fe 007d" M "68", PYN_EFORMAT, "", "8802 03ea", "16 bits for a length of 7"},
        {"8081" M "68", PYN_EFORMAT, "", "8802 03ea", "a continuation of nothing"},
        {"8281" M "68 8081" M "69", PYN_EFORMAT, "h", "8802 03ea", "a continuation of what has ended"},
        {"0281" M "68 8281" M "69", PYN_EFORMAT, "h", "8802 03ea", "a message inside of another"},
        {"8182" M "6869", PYN_EPROTOCOL, "", "8802 03eb", "text"},
        {"0181" M "c3 8081" M "28", PYN_EPROTOCOL, "", "8802 03eb", "text that is no UTF-8, over fragments"},
        {"8281" M "68 8182" M "6869", PYN_EPROTOCOL, "h", "8802 03eb", "text behind what is binary"},
        {"82ff 0000000000011171" M "68", PYN_ESIZE, "", "8802 03f1", "a message of 70,001 bytes"},
        {"82ff 7fffffffffffffff" M "68", PYN_ESIZE, "", "8802 03f1", "a message of 2**63 - 1 bytes"},
        {"0281" M "68 80ff 0000000000011170" M "69", PYN_ESIZE, "h", "8802 03f1",
         "a message of 70,001 bytes in fragments"},
        {"8881" M "03", PYN_EFORMAT, "", "8802 03ea", "a close with half a code"},
        {"8882" M "03e7", PYN_EFORMAT, "", "8802 03ea", "999"},
        {"8882" M "03ec", PYN_EFORMAT, "", "8802 03ea", "1004"},
        {"8882" M "03ed", PYN_EFORMAT, "", "8802 03ea", "1005"},
        {"8882" M "03ee", PYN_EFORMAT, "", "8802 03ea", "1006"},
        {"8882" M "03f7", PYN_EFORMAT, "", "8802 03ea", "1015"},
        {"8882" M "0bb7", PYN_EFORMAT, "", "8802 03ea", "2999"},
        {"8882" M "1388", PYN_EFORMAT, "", "8802 03ea", "5000"},
        {"8884" M "03e8 c328", PYN_EUTF8, "", "8802 03ef", "a reason that is no UTF-8"},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        for (size_t piece = 0; piece < 12; piece++) {
            check_frames(&cases[i], piece);
        }
    }
}

static void a_message_has_a_greatest_length(void **state)
{
    static uint8_t bytes[MESSAGE_MAX + 15];

    for (size_t len = MESSAGE_MAX - 1; len <= MESSAGE_MAX + 1; len++) {
        struct pyn_stack *server = open_server();
        struct pyn_buf got;
        pyn_status st = PYN_OK;
        pyn_buf_init(&got, pyn_mem_default(), sizeof bytes);
        memcpy(bytes, "\x82\xff\0\0\0\0\0", 7);
        bytes[7] = (uint8_t)(len >> 16);
        bytes[8] = (uint8_t)(len >> 8);
        bytes[9] = (uint8_t)len;
        st = feed(server, (struct pyn_view){bytes, len + 14}, 0, &got);
        assert_int_equal(st, len <= MESSAGE_MAX ? PYN_OK : PYN_ESIZE);
        assert_int_equal(pyn_buf_len(&got), len <= MESSAGE_MAX ? len : 0);
        pyn_buf_fini(&got);
        pyn_stack_free(server);
    }
}

static void a_masked_frame_from_a_server_ends_it(void **state)
{
    struct pyn_stack *client = stack_of(&client_config, pyn_mem_default());
    struct pyn_stack *server = stack_of(&server_config, pyn_mem_default());
    struct pyn_buf got;
    uint8_t bytes[10];
    size_t len = support_hex("8281 00000000 68", bytes, sizeof bytes);

    pyn_buf_init(&got, pyn_mem_default(), 100);
    assert_int_equal(carry(client, server, 0, &got), PYN_OK);
    assert_int_equal(carry(server, client, 0, &got), PYN_OK);
    assert_int_equal(feed(client, (struct pyn_view){bytes, len}, 0, &got), PYN_EFORMAT);
    assert_string_equal(pyn_stack_reason(client), "a masked websocket frame from a server");
    pyn_buf_fini(&got);
    pyn_stack_free(client);
    pyn_stack_free(server);
}

/* ---- the handshake ---- */

static void a_head_may_come_byte_by_byte_and_frames_right_behind_it(void **state)
{
    uint8_t bytes[600];
    size_t head_len = sizeof request - 1;
    size_t len = 0;

    memcpy(bytes, request, head_len);
    len = head_len + support_hex("8282 00000000 6869", bytes + head_len, sizeof bytes - head_len);
    for (size_t piece = 0; piece < 300; piece++) {
        struct pyn_stack *server = stack_of(&server_config, pyn_mem_default());
        struct pyn_buf got;
        pyn_buf_init(&got, pyn_mem_default(), 100);
        assert_int_equal(feed(server, (struct pyn_view){bytes, len}, piece, &got), PYN_OK);
        assert_true(pyn_view_is_equal(pyn_buf_view(&got), pyn_view_of("hi")));
        pyn_buf_fini(&got);
        pyn_stack_free(server);
    }
}

static void assert_refused(struct pyn_view bytes, size_t piece, pyn_status wanted, const char *line)
{
    struct pyn_stack *server = stack_of(&server_config, pyn_mem_default());
    struct pyn_buf got;

    pyn_buf_init(&got, pyn_mem_default(), 100);
    assert_int_equal(feed(server, bytes, piece, &got), wanted);
    assert_int_equal(pyn_buf_len(&got), 0);
    assert_false(pyn_stack_is_open(server));
    pyn_stack_finish(server, wanted == PYN_OK ? PYN_EGONE : wanted);
    assert_in_range(pyn_stack_output(server).len, strlen(line), 200);
    assert_memory_equal(pyn_stack_output(server).data, line, strlen(line));
    pyn_stack_free(server);
}

static void a_head_that_is_refused_is_answered_and_never_opens(void **state)
{
    static uint8_t endless[PYN_HEAD_MAX + 100];
    const struct pyn_view all = {endless, sizeof endless};

    memset(endless, 'a', sizeof endless);
    for (size_t piece = 0; piece < 5; piece++) {
        assert_refused(pyn_view_of("GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n"), piece, PYN_EPROTOCOL,
                       "HTTP/1.1 404 ");
        assert_refused(pyn_view_of("GET /chat HTTP/1.1\r\nbad line\r\n\r\n"), piece, PYN_EFORMAT, "HTTP/1.1 400 ");
        assert_refused(pyn_view_of("\x95\xf8\xa5pynto"), piece, PYN_EFORMAT, "HTTP/1.1 400 ");
        assert_refused(pyn_view_of("GET /chat HT"), piece, PYN_OK, "HTTP/1.1 408 "); /* and then its time was over */
    }
    assert_refused(all, 0, PYN_ESIZE, "HTTP/1.1 431 ");
    assert_refused(all, 1, PYN_ESIZE, "HTTP/1.1 431 ");
    assert_refused((struct pyn_view){endless, PYN_HEAD_MAX}, 1, PYN_OK, "HTTP/1.1 408 ");
    assert_refused((struct pyn_view){endless, PYN_HEAD_MAX + 1}, 1, PYN_ESIZE, "HTTP/1.1 431 ");
}

static void an_answer_that_is_refused_says_which_it_was(void **state)
{
    struct pyn_stack *client = stack_of(&client_config, pyn_mem_default());
    struct pyn_view plain;

    pyn_stack_written(client, pyn_stack_output(client).len);
    assert_int_equal(pyn_stack_receive(client, pyn_view_of("HTTP/1.1 403 Forbidden\r\nx: y\r\n\r\n<html>"), &plain),
                     PYN_EPROTOCOL);
    assert_string_equal(pyn_stack_reason(client), "the server does not agree to a WebSocket: HTTP status 403");
    pyn_stack_finish(client, PYN_EPROTOCOL);
    assert_int_equal(pyn_stack_output(client).len, 0);
    pyn_stack_free(client);
}

/* ---- memory ---- */

static void an_open_websocket_keeps_nothing_but_itself(void **state)
{
    struct support_mem m;
    struct pyn_stack *client = NULL;
    struct pyn_stack *server = stack_of(&server_config, pyn_mem_default());
    struct pyn_buf got;

    support_mem_init(&m, 0);
    pyn_buf_init(&got, pyn_mem_default(), 100);
    client = stack_of(&client_config, &m.mem);
    assert_int_equal(carry(client, server, 0, &got), PYN_OK);
    assert_int_equal(carry(server, client, 3, &got), PYN_OK);
    assert_true(pyn_stack_is_open(client));
    assert_int_equal(m.live, 2);
    pyn_stack_free(client);
    assert_int_equal(m.live, 0);
    pyn_stack_free(server);
}

static void every_allocation_may_fail(void **state)
{
    struct support_mem m;
    size_t fail_at = 0;
    bool is_done = false;

    do {
        const struct pyn_layer_sources sources = {.from = {{pyn_websocket_make, &server_config}}, .count = 1};
        struct pyn_stack *server = NULL;
        struct pyn_view plain;
        pyn_status st = PYN_OK;
        support_mem_init(&m, ++fail_at);
        st = pyn_stack_new(&m.mem, &sources, &server);
        if (st == PYN_OK) {
            st = pyn_stack_receive(server, pyn_view_of(request), &plain);
        }
        if (st == PYN_OK) {
            st = pyn_stack_receive(server, (struct pyn_view){(const uint8_t *)"\x89\x81\0\0\0\0x\x82\x81\0\0\0\0x", 14},
                                   &plain);
        }
        assert_true(st == PYN_OK || st == PYN_ENOMEM);
        is_done = st == PYN_OK;
        if (server != NULL) {
            pyn_stack_finish(server, PYN_EGONE);
        }
        pyn_stack_free(server);
        assert_int_equal(m.live, 0);
    } while (!is_done || m.calls >= fail_at);
    assert_true(fail_at > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_both_ways_in_whatever_pieces_they_come),
        cmocka_unit_test(what_a_client_sends_is_masked_each_frame_by_another_mask),
        cmocka_unit_test(no_mask_is_used_twice),
        cmocka_unit_test(frames_are_taken_or_end_it_with_their_code),
        cmocka_unit_test(a_message_has_a_greatest_length),
        cmocka_unit_test(a_masked_frame_from_a_server_ends_it),
        cmocka_unit_test(a_head_may_come_byte_by_byte_and_frames_right_behind_it),
        cmocka_unit_test(a_head_that_is_refused_is_answered_and_never_opens),
        cmocka_unit_test(an_answer_that_is_refused_says_which_it_was),
        cmocka_unit_test(an_open_websocket_keeps_nothing_but_itself),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
