/*
 * fuzz_websocket.c - is there an input for which what a WebSocket says or means depends on how the bytes come, or that costs more than it weighs?
 *
 * Input: one byte of flags (1: we are the client; 2: the handshake is done already), one byte n, then n % 8 cuts of two bytes each, then the stream.
 * Properties: the verdict, the bytes that come up and the answer are the same for the whole stream, for the cuts, and byte by byte; no more comes up
 * than has come in; what has failed stays failed; a stack that is over has a reason.
 */
#include "../../src/layer/stack.h"
#include "../../src/websocket/websocket.h"

#include <stdlib.h>

enum { CUTS_MAX = 7, STREAM_MAX = 16384 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void zeros(void *out, size_t len)
{
    memset(out, 0, len);
}

static const char *const hosts[] = {"chat.example"};
static const char *const origins[] = {"https://chat.example"};
static const struct pyn_websocket_config server = {
    .is_server = true, .path = "/chat", .hosts = {hosts, 1}, .origins = {origins, 1}, .message_max = 1000, .random = zeros};
static const struct pyn_websocket_config client = {.path = "/chat", .host = "h:1", .message_max = 1000, .random = zeros};

static const char request[] = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Protocol: pynto.1\r\n\r\n";
/* To the key that zeros make. */
static const char
    answer[] = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\nSec-WebSocket-Protocol: pynto.1\r\n\r\n";

struct run {
    struct pyn_stack *stack;
    struct pyn_buf up;
    struct pyn_buf out;
    pyn_status st;
    size_t fed;
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void feed(struct run *run, struct pyn_view bytes)
{
    struct pyn_view plain;
    uint8_t *copy = NULL;

    if (run->st != PYN_OK || bytes.len == 0) {
        return;
    }
    copy = malloc(bytes.len);
    require(copy != NULL);
    memcpy(copy, bytes.data, bytes.len);
    run->st = pyn_stack_receive(run->stack, (struct pyn_view){copy, bytes.len}, &plain);
    free(copy);
    run->fed += bytes.len;
    require(pyn_buf_append(&run->up, plain.data, plain.len) == PYN_OK);
    require(pyn_buf_len(&run->up) <= run->fed);
    pyn_stack_used(run->stack);
}

static void start(struct run *run, uint8_t flags)
{
    const bool is_client = (flags & 1) != 0;
    const struct pyn_layer_sources sources = {.from = {{pyn_websocket_make, is_client ? &client : &server}}, .count = 1};

    *run = (struct run){.st = PYN_OK};
    pyn_buf_init(&run->up, pyn_mem_default(), 2 * STREAM_MAX);
    pyn_buf_init(&run->out, pyn_mem_default(), 1 << 20);
    require(pyn_stack_new(pyn_mem_default(), &sources, &run->stack) == PYN_OK);
    if ((flags & 2) != 0) {
        feed(run, pyn_view_of(is_client ? answer : request));
        require(run->st == PYN_OK && pyn_stack_is_open(run->stack));
    }
}

static void end(struct run *run)
{
    struct pyn_view plain;

    if (run->st != PYN_OK) {
        require(pyn_status_class(run->st) == PYN_CLASS_CLOSE);
        require(strlen(pyn_stack_reason(run->stack)) > 0);
        require(pyn_stack_receive(run->stack, pyn_view_of("x"), &plain) == run->st && plain.len == 0);
    }
    pyn_stack_finish(run->stack, run->st == PYN_OK ? PYN_EGONE : run->st);
    require(pyn_buf_append(&run->out, pyn_stack_output(run->stack).data, pyn_stack_output(run->stack).len) == PYN_OK);
    pyn_stack_free(run->stack);
}

static void compare(struct run *a, struct run *b)
{
    require(a->st == b->st);
    require(pyn_view_is_equal(pyn_buf_view(&a->up), pyn_buf_view(&b->up)));
    require(pyn_view_is_equal(pyn_buf_view(&a->out), pyn_buf_view(&b->out)));
    pyn_buf_fini(&b->up);
    pyn_buf_fini(&b->out);
}

static void feed_cut(struct run *run, struct pyn_view stream, const uint8_t *cuts, size_t count)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        size_t cut = (size_t)cuts[2 * i] << 8 | cuts[2 * i + 1];
        if (cut > at && cut <= stream.len) {
            feed(run, (struct pyn_view){stream.data + at, cut - at});
            at = cut;
        }
    }
    feed(run, (struct pyn_view){stream.data + at, stream.len - at});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run whole;
    struct run cut;
    struct run bytewise;
    struct pyn_view stream;
    uint8_t flags = 0;
    size_t count = 0;

    if (size < 2) {
        return 0;
    }
    flags = data[0];
    count = data[1] % (CUTS_MAX + 1);
    if (size < 2 + 2 * count || size > STREAM_MAX) {
        return 0;
    }
    stream = (struct pyn_view){data + 2 + 2 * count, size - 2 - 2 * count};
    start(&whole, flags);
    feed(&whole, stream);
    end(&whole);
    start(&cut, flags);
    feed_cut(&cut, stream, data + 2, count);
    end(&cut);
    compare(&whole, &cut);
    start(&bytewise, flags);
    for (size_t i = 0; i < stream.len; i++) {
        feed(&bytewise, (struct pyn_view){stream.data + i, 1});
    }
    end(&bytewise);
    compare(&whole, &bytewise);
    pyn_buf_fini(&whole.up);
    pyn_buf_fini(&whole.out);
    return 0;
}
