/*
 * batch_support.h - what the tests of batches share: writing one, sending it, and what is answered.
 *
 * Owns:    what batch_of() returns is taken by send() and send_with().
 */
#ifndef PYN_TESTS_BATCH_SUPPORT_H
#define PYN_TESTS_BATCH_SUPPORT_H

#include "peers.h"

#include "../../src/session/session_state.h"

static const struct pyn_view nothing = {NULL, 0};

/* ---- writing batches ---- */

#define ON_PROMISE (UINT32_C(1) << 31)

static inline struct pyn_buf batch_of(uint32_t count)
{
    struct pyn_buf buf;

    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    (void)pyn_pack_array(&buf, 3);
    (void)pyn_pack_int(&buf, PYN_M_BATCH);
    (void)pyn_pack_array(&buf, count);
    return buf;
}

/* A step without arguments, or with those of args (hex), count of them. on: an id, or ON_PROMISE and the number of a step. */
static inline void put_step(struct pyn_buf *buf, uint32_t on, const char *name, size_t count, const char *args)
{
    struct pyn_view bytes = support_bytes(args);

    (void)pyn_pack_array(buf, 4);
    if ((on & ON_PROMISE) != 0) {
        (void)pyn_pack_promise(buf, on & ~ON_PROMISE);
    } else {
        (void)pyn_pack_uint(buf, on);
    }
    (void)pyn_pack_str(buf, name, strlen(name));
    (void)pyn_pack_array(buf, count);
    (void)pyn_buf_append(buf, bytes.data, bytes.len);
    (void)pyn_pack_map(buf, 0);
}

static inline void send_with(struct peers *p, struct pyn_buf *buf, const char *options)
{
    struct pyn_view bytes = support_bytes(options);

    (void)pyn_buf_append(buf, bytes.data, bytes.len);
    (void)pyn_pack_newline(buf);
    assert_int_equal(peers_put(p, p->server, pyn_buf_view(buf)), PYN_OK);
    pyn_buf_fini(buf);
}

static inline void send(struct peers *p, struct pyn_buf *buf)
{
    send_with(p, buf, "80");
}

#define P0 "d6 1b 00 00 00 00 "
#define P1 "d6 1b 00 00 00 01 "
#define MINE_9 "c7 0c 10 00 00 00 00 00 00 00 09 00 00 00 00 "
#define REFUSED "92 fe 94 a7 52 65 66 75 73 65 64 ad 6e 6f 74 20 70 65 72 6d 69 74 74 65 64 c0 c0 0a "

static inline void begin(struct peers *p)
{
    peers_init(p, pyn_mem_default());
    peers_meet_raw(p);
}

/* ---- answering ---- */

/* The next call, which has this name and body. */
static inline struct pyn_call *expect_named(struct peers *p, const char *name, const char *body)
{
    struct pyn_call *call = peers_expect_call(p, p->server);

    assert_true(pyn_view_is_equal(call->verdict.op->name, pyn_view_of(name)));
    assert_true(support_is_hex(call->body, body));
    return call;
}

/* Answers a call with a child of its own. */
static inline uint64_t return_child(struct peers *p, struct pyn_call *call, size_t object)
{
    struct pyn_buf buf;
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    assert_int_equal(pyn_session_export(p->server, &p->objects[object], p->child, &id, &number, &is_new), PYN_OK);
    (void)pyn_pack_mine(&buf, id, number);
    assert_int_equal(pyn_session_send_return(p->server, call->lane, pyn_buf_view(&buf)), PYN_OK);
    pyn_session_call_free(p->server, call);
    pyn_buf_fini(&buf);
    return id;
}

static inline void skip_output(struct peers *p)
{
    pyn_session_written(p->server, pyn_session_output(p->server).len);
}

static inline void expect_output(struct peers *p, const char *hex)
{
    assert_true(support_is_hex(pyn_session_output(p->server), hex));
    skip_output(p);
}

static inline bool has_text(struct pyn_view view, const char *text)
{
    const size_t len = strlen(text);
    bool has = false;

    for (size_t at = 0; !has && at + len <= view.len; at++) {
        has = memcmp(view.data + at, text, len) == 0;
    }
    return has;
}

static inline void expect_quiet(struct peers *p)
{
    peers_expect_none(p, p->server);
    assert_int_equal(peers_used(p->server, PYN_Q_CALLS), 0);
    assert_int_equal(peers_used(p->server, PYN_Q_QUEUED), 0);
    assert_int_equal(p->server->batches, 0);
}

static inline void expect_over(struct peers *p, pyn_status why)
{
    struct pyn_event event;

    assert_int_equal(peers_next(p, p->server, &event), why);
    assert_int_equal(pyn_session_state(p->server), why);
}

#endif
