/* test_batch.c - calls that come in one message and name each other's results. */
#include "peers.h"

#include "../../src/session/session_state.h"

static struct pyn_view nothing = {NULL, 0};

/* ---- writing batches ---- */

#define ON_PROMISE (UINT32_C(1) << 31)

static struct pyn_buf batch_of(uint32_t count)
{
    struct pyn_buf buf;

    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    (void)pyn_pack_array(&buf, 3);
    (void)pyn_pack_int(&buf, PYN_M_BATCH);
    (void)pyn_pack_array(&buf, count);
    return buf;
}

/* A step without arguments, or with those of args (hex), count of them. on: an id, or ON_PROMISE and the number of a step. */
static void put_step(struct pyn_buf *buf, uint32_t on, const char *name, size_t count, const char *args)
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

static void send_with(struct peers *p, struct pyn_buf *buf, const char *options)
{
    struct pyn_view bytes = support_bytes(options);

    (void)pyn_buf_append(buf, bytes.data, bytes.len);
    (void)pyn_pack_newline(buf);
    assert_int_equal(peers_put(p, p->server, pyn_buf_view(buf)), PYN_OK);
    pyn_buf_fini(buf);
}

static void send(struct peers *p, struct pyn_buf *buf)
{
    send_with(p, buf, "80");
}

#define P0 "d6 1b 00 00 00 00 "
#define P1 "d6 1b 00 00 00 01 "
#define MINE_9 "c7 0c 10 00 00 00 00 00 00 00 09 00 00 00 00 "
#define REFUSED "92 fe 94 a7 52 65 66 75 73 65 64 ad 6e 6f 74 20 70 65 72 6d 69 74 74 65 64 c0 c0 0a "

static void begin(struct peers *p)
{
    peers_init(p, pyn_mem_default());
    peers_meet_raw(p);
}

/* ---- time ---- */

#define WITHIN "81 a677697468696e "

static void expect_end(struct peers *p, uint64_t ends_at)
{
    struct pyn_call *call = peers_expect_call(p, p->server);

    assert_true(call->ends_at == ends_at);
    assert_int_equal(peers_return(p->server, call, "01"), PYN_OK);
}

static void the_time_of_a_batch_is_one_for_all_its_steps_from_its_arrival_on(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, "01 " P0);
    put_step(&buf, 0, "add", 2, "01 " P1);
    send_with(&p, &buf, WITHIN "cd 01f4"); /* 500 us */
    expect_end(&p, 1000 + 500 * 1000);
    p.now += 777;
    expect_end(&p, 1000 + 500 * 1000);
    expect_end(&p, 1000 + 500 * 1000);
    buf = batch_of(1);
    put_step(&buf, 0, "add", 2, "01 02");
    send(&p, &buf);
    expect_end(&p, 0);
    peers_fini(&p);
}

/* [-11, 0, "add", [1, 2], {}, {"within": ...}] */
static void expect_ask(struct peers *p, const char *within, uint64_t ends_at)
{
    char hex[256];

    (void)snprintf(hex, sizeof hex, "96 f5 00 a3616464 92 01 02 80 " WITHIN "%s 0a", within);
    assert_int_equal(peers_put(p, p->server, support_bytes(hex)), PYN_OK);
    expect_end(p, ends_at);
}

static void no_time_is_too_long_or_too_short_to_be_told(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    p.now = 5000;
    expect_ask(&p, "00", 5000);
    expect_ask(&p, "01", 6000);
    expect_ask(&p, "cf7fffffffffffffff", UINT64_MAX);
    expect_ask(&p, "cf004189374bc6a7ea", UINT64_C(0x4189374bc6a7ea) * 1000 + 5000); /* the longest that does not overflow */
    expect_ask(&p, "cf004189374bc6a7eb", UINT64_MAX);
    peers_fini(&p);
}

/* ---- answering ---- */

/* The next call, which has this name and body. */
static struct pyn_call *expect_named(struct peers *p, const char *name, const char *body)
{
    struct pyn_call *call = peers_expect_call(p, p->server);

    assert_true(pyn_view_is_equal(call->verdict.op->name, pyn_view_of(name)));
    assert_true(support_is_hex(call->body, body));
    return call;
}

/* Answers a call with a child of its own. */
static uint64_t return_child(struct peers *p, struct pyn_call *call, size_t object)
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

static void skip_output(struct peers *p)
{
    pyn_session_written(p->server, pyn_session_output(p->server).len);
}

static void expect_output(struct peers *p, const char *hex)
{
    assert_true(support_is_hex(pyn_session_output(p->server), hex));
    skip_output(p);
}

static bool has_text(struct pyn_view view, const char *text)
{
    const size_t len = strlen(text);
    bool has = false;

    for (size_t at = 0; !has && at + len <= view.len; at++) {
        has = memcmp(view.data + at, text, len) == 0;
    }
    return has;
}

static void expect_quiet(struct peers *p)
{
    peers_expect_none(p, p->server);
    assert_int_equal(peers_used(p->server, PYN_Q_CALLS), 0);
    assert_int_equal(peers_used(p->server, PYN_Q_QUEUED), 0);
    assert_int_equal(p->server->batches, 0);
}

static void expect_over(struct peers *p, pyn_status why)
{
    struct pyn_event event;

    assert_int_equal(peers_next(p, p->server, &event), why);
    assert_int_equal(pyn_session_state(p->server), why);
}

/* ---- what it does ---- */

static void calls_of_a_batch_run_and_are_answered_in_their_order(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 3; piece++) {
        struct peers p;
        struct pyn_buf buf = batch_of(3);
        peers_init(&p, pyn_mem_default());
        p.piece = piece;
        peers_meet_raw(&p);
        put_step(&buf, 0, "add", 2, "01 02");
        put_step(&buf, 0, "sub", 0, "");
        put_step(&buf, 0, "add", 2, "03 04");
        send(&p, &buf);
        assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
        assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 1);
        assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 04 80"), "07"), PYN_OK);
        expect_output(&p, "92 ff 03 0a " REFUSED "92 ff 07 0a");
        expect_quiet(&p);
        assert_int_equal(pyn_session_ledger(p.server)->called, 2);
        assert_int_equal(pyn_session_ledger(p.server)->refused, 1);
        peers_fini(&p);
    }
}

static void the_host_knows_that_another_call_of_the_batch_runs_next(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, "03 04");
    put_step(&buf, 0, "sub", 0, "");
    send(&p, &buf);
    assert_int_equal(peers_put(&p, p.server, support_bytes("94 00 a3 61 64 64 92 05 06 80 0a")), PYN_OK);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
    assert_true(pyn_session_is_in_batch(p.server, 0));
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 04 80"), "07"), PYN_OK);
    assert_false(pyn_session_is_in_batch(p.server, 0)); /* a call of its own */
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 05 06 80"), "0b"), PYN_OK);
    assert_false(pyn_session_is_in_batch(p.server, 0)); /* the lane is idle */
    expect_output(&p, "92 ff 03 0a 92 ff 07 0a " REFUSED "92 ff 0b 0a");
    expect_quiet(&p);
    peers_fini(&p);
}

static void a_result_is_called_before_it_was_received(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "child", 0, "");
    put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
    put_step(&buf, 0, "take", 1, P0);
    send(&p, &buf);
    assert_int_equal(return_child(&p, expect_named(&p, "child", "90 80"), 1), 1);
    struct pyn_call *call = expect_named(&p, "name", "90 80");
    assert_ptr_equal(call->object, &p.objects[1]);
    assert_ptr_equal(call->iface, p.child);
    assert_int_equal(peers_return(p.server, call, "a1 78"), PYN_OK);
    assert_int_equal(peers_return(p.server, expect_named(&p, "take", "91 d7 11 00 00 00 00 00 00 00 01 80"), "c0"),
                     PYN_OK);
    expect_quiet(&p);
    peers_fini(&p);
}

static void data_is_put_where_its_promise_stood(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, P0 "05");
    put_step(&buf, 0, "blob", 1, P1); /* an int is no bytes */
    send(&p, &buf);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
    skip_output(&p);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 05 80"), "08"), PYN_OK);
    struct pyn_view out = pyn_session_output(p.server);
    assert_true(out.len > 16 && memcmp(out.data + 4, "\x92\xfe\x94\xa9TypeError", 13) == 0);
    expect_quiet(&p);
    peers_fini(&p);
}

static void an_error_lands_on_all_that_depends_on_it_and_on_nothing_else(void **state)
{
    static const char error[] = "92 fe 94 aa 56 61 6c 75 65 45 72 72 6f 72 a2 6e 6f c0 a2 69 31 0a ";
    char three[4 * sizeof error] = "";
    struct peers p;
    struct pyn_buf buf = batch_of(5);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "child", 0, "");
    put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "watch", 1, P1);
    put_step(&buf, 0, "take", 1, "d6 1b 00 00 00 03");
    send(&p, &buf);
    struct pyn_call *call = expect_named(&p, "child", "90 80");
    pyn_session_call_free(p.server, call); /* before it is answered */
    assert_int_equal(
        pyn_session_send_error(p.server, 0, pyn_view_of("ValueError"), pyn_view_of("no"), nothing, pyn_view_of("i1")),
        PYN_OK);
    (void)strcat(strcat(three, error), error);
    expect_output(&p, three);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
    (void)snprintf(three, sizeof three, "92 ff 03 0a %s%s", error, error);
    expect_output(&p, three);
    expect_quiet(&p);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 0); /* it is not the peer's fault */
    peers_fini(&p);
}

static void a_refusal_breaks_what_depends_on_it(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "_wipe", 0, "");
    put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
    put_step(&buf, 0, "add", 2, P1 "05");
    send(&p, &buf);
    peers_expect_none(&p, p.server);
    expect_output(&p, REFUSED REFUSED REFUSED);
    expect_quiet(&p);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 1);
    peers_fini(&p);
}

static void what_is_freed_early_is_still_there_for_its_batch_and_for_nobody_else(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "child", 0, "");
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
    send(&p, &buf);
    assert_int_equal(return_child(&p, expect_named(&p, "child", "90 80"), 1), 1);
    assert_int_equal(peers_put(&p, p.server, support_bytes("93 fd 01 01 0a")), PYN_OK);
    struct pyn_call *add = expect_named(&p, "add", "92 01 02 80");
    assert_int_equal(peers_used(p.server, PYN_Q_REFERENCES), 1);
    peers_expect_none(&p, p.server); /* now it is freed */
    assert_int_equal(peers_used(p.server, PYN_Q_REFERENCES), 0);
    assert_null(pyn_session_reap(p.server));
    skip_output(&p);
    assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 02 0a 94 01 a4 6e 61 6d 65 90 80 0a")), PYN_OK);
    peers_expect_none(&p, p.server);
    expect_output(&p, "92 fc 02 0a " REFUSED);
    assert_int_equal(peers_return(p.server, add, "03"), PYN_OK);
    struct pyn_call *name = expect_named(&p, "name", "90 80");
    assert_ptr_equal(name->object, &p.objects[1]);
    assert_null(pyn_session_reap(p.server));
    assert_int_equal(peers_return(p.server, name, "a1 78"), PYN_OK);
    assert_ptr_equal(pyn_session_reap(p.server), &p.objects[1]);
    expect_quiet(&p);
    peers_fini(&p);
}

/* References that a step names by themselves have to be there when it comes; then they stay good for it, as for any call. */
static void a_step_names_only_what_the_peer_holds_when_it_comes(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(4);
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    (void)state;
    begin(&p);
    assert_int_equal(pyn_session_export(p.server, &p.objects[2], p.child, &id, &number, &is_new), PYN_OK);
    assert_int_equal(id, 1);
    skip_output(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, P0 "d7 11 00 00 00 00 00 00 00 07"); /* 7 is nobody's */
    put_step(&buf, 7, "add", 2, P0 "01");
    put_step(&buf, 1, "name", 1, P0); /* held: what is wrong is the argument */
    send(&p, &buf);
    struct pyn_call *add = expect_named(&p, "add", "92 01 02 80");
    assert_int_equal(peers_put(&p, p.server, support_bytes("93 fd 01 01 0a")), PYN_OK);
    peers_expect_none(&p, p.server);
    assert_null(pyn_session_reap(p.server));
    assert_int_equal(peers_return(p.server, add, "03"), PYN_OK);
    struct pyn_view out = pyn_session_output(p.server);
    struct pyn_view denied = support_bytes(REFUSED REFUSED);
    assert_memory_equal(out.data + 4, denied.data, denied.len);
    assert_memory_equal(out.data + 4 + denied.len, "\x92\xfe\x94\xa9TypeError", 13);
    expect_quiet(&p);
    assert_ptr_equal(pyn_session_reap(p.server), &p.objects[2]);
    peers_fini(&p);
}

static void only_a_reference_can_be_called_and_the_peers_own_cannot_be_promised(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(4);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0 | ON_PROMISE, "add", 2, "01 02");
    put_step(&buf, 0, "watch", 1, MINE_9);
    put_step(&buf, 0, "watch", 1, "d6 1b 00 00 00 02");
    send(&p, &buf);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
    expect_output(&p, "92 ff 03 0a " REFUSED);
    assert_int_equal(
        peers_return(p.server, expect_named(&p, "watch", "91 " MINE_9 "80"), "d7 11 00 00 00 00 00 00 00 09"), PYN_OK);
    expect_output(&p, "92 ff d7 11 00 00 00 00 00 00 00 09 0a " REFUSED);
    expect_quiet(&p);
    peers_fini(&p);
}

static void a_broken_step_gives_back_what_it_brought(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(2);

    (void)state;
    begin(&p);
    put_step(&buf, 0, "child", 0, "");
    put_step(&buf, 0 | ON_PROMISE, "name", 1, MINE_9);
    send(&p, &buf);
    pyn_session_call_free(p.server, expect_named(&p, "child", "90 80"));
    assert_int_equal(pyn_session_send_error(p.server, 0, pyn_view_of("E"), nothing, nothing, nothing), PYN_OK);
    expect_output(&p, "92 fe 94 a1 45 a0 c0 c0 0a 93 fd 09 01 0a 92 fe 94 a1 45 a0 c0 c0 0a");
    expect_quiet(&p);
    peers_fini(&p);
}

static void one_cancel_gives_up_all_of_a_batch_that_waits(void **state)
{
    static const char cancelled[] = "92 fe 94 a9 43 61 6e 63 65 6c 6c 65 64 a9 63 61 6e 63 65 6c 6c 65 64 c0 c0 0a ";
    char expected[6 * sizeof cancelled] = "92 ff 03 0a 92 ff 04 0a 93 fd 09 01 0a ";
    struct peers p;
    struct pyn_buf buf = batch_of(4);

    (void)state;
    begin(&p);
    assert_int_equal(peers_put(&p, p.server, support_bytes("94 00 a3 61 64 64 92 01 02 80 0a")), PYN_OK);
    struct pyn_call *first = peers_expect_call(&p, p.server);
    assert_int_equal(peers_put(&p, p.server, support_bytes("94 00 a3 61 64 64 92 01 03 80 0a")), PYN_OK);
    put_step(&buf, 0, "watch", 1, MINE_9);
    put_step(&buf, 0, "add", 2, P0 "01");
    put_step(&buf, 0, "nothing", 0, "");
    put_step(&buf, 0, "add", 2, "01 02");
    send(&p, &buf);
    assert_int_equal(peers_put(&p, p.server, support_bytes("91 fa 0a")), PYN_OK);
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_return(p.server, first, "03"), PYN_OK);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 03 80"), "04"), PYN_OK);
    (void)strcat(strcat(strcat(strcat(expected, cancelled), cancelled), REFUSED), cancelled);
    expect_output(&p, expected);
    expect_quiet(&p);
    peers_fini(&p);
}

/* ---- what it may cost ---- */

static void what_is_kept_is_charged_and_what_has_no_room_breaks_what_names_it(void **state)
{
    static uint8_t reply[3005] = {0xc5, 0x0b, 0xb8};

    (void)state;
    for (int is_tight = 0; is_tight < 2; is_tight++) {
        struct peers p;
        struct pyn_buf buf = batch_of(2);
        size_t around = pyn_batch_size(2) + 2 * PYN_SMALL_BLOCK;
        peers_init(&p, pyn_mem_default());
        p.quotas.max[PYN_Q_QUEUED] = is_tight ? 4096 : 10000;
        peers_meet_raw(&p);
        put_step(&buf, 0, "blob", 1, "c4 01 61");
        put_step(&buf, 0, "blob", 1, P0);
        send(&p, &buf);
        struct pyn_call *call = expect_named(&p, "blob", "91 c4 01 61 80");
        assert_int_equal(peers_used(p.server, PYN_Q_QUEUED), around);
        struct pyn_view value = {reply, 3003};
        assert_int_equal(pyn_session_send_return(p.server, 0, value), PYN_OK);
        pyn_session_call_free(p.server, call);
        if (is_tight) {
            struct pyn_view out = pyn_session_output(p.server);
            assert_memory_equal(out.data + 3006, "\x92\xfe\x94\xadQuotaExceeded\xacqueued: 4096", 30);
        } else {
            call = peers_expect_call(&p, p.server);
            assert_int_equal(call->body.len, 3005);
            assert_true(peers_used(p.server, PYN_Q_QUEUED) >= 2 * 3003);
            assert_int_equal(peers_return(p.server, call, "c4 00"), PYN_OK);
        }
        expect_quiet(&p);
        peers_fini(&p);
    }
}

/* However often a small batch names a large result: it costs no more than a message more. */
static void promises_are_replaced_by_no_more_than_one_message(void **state)
{
    static uint8_t reply[1003] = {0xc5, 0x03, 0xe5};

    (void)state;
    for (size_t max = 2 * 1000; max <= 2 * 1000 + 1; max++) {
        struct peers p;
        struct pyn_buf buf = batch_of(4);
        peers_init(&p, pyn_mem_default());
        p.quotas.limits.message_max = max;
        peers_meet_raw(&p);
        put_step(&buf, 0, "blob", 1, "c4 01 61");
        put_step(&buf, 0, "blob", 1, P0);
        put_step(&buf, 0, "blob", 1, P0);
        put_step(&buf, 0, "blob", 1, P0);
        send(&p, &buf);
        struct pyn_call *call = peers_expect_call(&p, p.server);
        struct pyn_view value = {reply, 1000};
        for (size_t runs = 1;; runs++) {
            struct pyn_event event;
            assert_int_equal(pyn_session_send_return(p.server, 0, value), PYN_OK);
            pyn_session_call_free(p.server, call);
            if (peers_next(&p, p.server, &event) != PYN_OK) {
                assert_int_equal(runs, 3);
                break;
            }
            call = event.call;
        }
        struct pyn_view out = pyn_session_output(p.server);
        assert_memory_equal(out.data + 3 * 1003,
                            "\x92\xfe\x94\xadQuotaExceeded\xad"
                            "message: 200",
                            30);
        expect_quiet(&p);
        peers_fini(&p);
    }
}

static void a_step_is_not_deeper_than_a_message_when_it_is_filled(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(2);

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.limits.depth_max = 5;
    peers_meet_raw(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "blob", 1, "91 " P0);
    send(&p, &buf);
    assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "91 91 91 91 01"), PYN_OK);
    struct pyn_view out = pyn_session_output(p.server);
    assert_memory_equal(out.data + 8, "\x92\xfe\x94\xadQuotaExceeded", 17);
    expect_quiet(&p);
    peers_fini(&p);
}

static void each_step_counts_as_a_call_and_a_batch_waits_for_the_room_of_all(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_CALLS] = 3;
    peers_meet_raw(&p);
    assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 02 0a 94 00 a3 61 64 64 92 01 02 80 0a 92 fc 00 0a")),
                     PYN_OK);
    struct pyn_call *other = peers_expect_call(&p, p.server);
    for (int i = 0; i < 3; i++) {
        put_step(&buf, 0, "add", 2, "01 02");
    }
    send(&p, &buf);
    peers_expect_none(&p, p.server);
    assert_false(pyn_session_wants_input(p.server));
    assert_int_equal(peers_return(p.server, other, "03"), PYN_OK);
    for (int i = 0; i < 3; i++) {
        struct pyn_call *call = peers_expect_call(&p, p.server);
        assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 3 - i);
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    }
    expect_quiet(&p);
    peers_fini(&p);
}

/* N - 1, N and N + 1 bytes of what a step is when its promise has been replaced. */
static void a_step_may_be_as_large_as_a_message(void **state)
{
    enum { MOST = 1000, AROUND = 1 + 1 + 5 + 1 + 1 }; /* [0, "blob", [value], {}] */

    (void)state;
    for (size_t size = MOST - 1; size <= MOST + 1; size++) {
        static uint8_t value[MOST] = {0xc5};
        const size_t len = size - AROUND;
        struct peers p;
        struct pyn_buf buf = batch_of(2);
        begin(&p);
        p.quotas.limits.message_max = MOST;
        put_step(&buf, 0, "blob", 1, "c4 00");
        put_step(&buf, 0, "blob", 1, P0);
        send(&p, &buf);
        value[1] = (uint8_t)((len - 3) >> 8);
        value[2] = (uint8_t)(len - 3);
        struct pyn_call *call = expect_named(&p, "blob", "91 c4 00 80");
        assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){value, len}), PYN_OK);
        pyn_session_call_free(p.server, call);
        if (size <= MOST) {
            call = peers_expect_call(&p, p.server);
            assert_int_equal(call->body.len, 1 + len + 1);
            assert_int_equal(peers_return(p.server, call, "c4 00"), PYN_OK);
        }
        expect_quiet(&p);
        assert_int_equal(has_text(pyn_session_output(p.server), "QuotaExceeded"), size > MOST);
        peers_fini(&p);
    }
}

static void a_batch_waits_for_the_bytes_of_all_of_it(void **state)
{
    const size_t body = 2 * (1 + 1 + 4 + 3 + 1); /* [0, "add", [1, 2], {}] */
    const size_t weight = pyn_batch_size(2) + 2 * pyn_call_size(0) + body;

    (void)state;
    for (int more = -1; more <= 1; more++) { /* bytes of room beyond what the call that runs has left of it */
        struct peers p;
        struct pyn_buf buf = batch_of(2);
        begin(&p);
        assert_int_equal(peers_put(&p, p.server, support_bytes("94 00 a3 61 64 64 92 01 02 80 0a 92 fc 02 0a ")), PYN_OK);
        struct pyn_call *running = peers_expect_call(&p, p.server);
        p.quotas.max[PYN_Q_QUEUED] = peers_used(p.server, PYN_Q_QUEUED) + weight + (uint64_t)more;
        put_step(&buf, 0, "add", 2, "01 02");
        put_step(&buf, 0, "add", 2, "03 04");
        send(&p, &buf);
        if (more < 0) {
            peers_expect_none(&p, p.server);
            assert_false(pyn_session_wants_input(p.server));
            assert_int_equal(peers_return(p.server, running, "03"), PYN_OK);
            running = NULL;
        }
        assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 01 02 80"), "03"), PYN_OK);
        assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 04 80"), "07"), PYN_OK);
        if (running != NULL) {
            assert_int_equal(peers_return(p.server, running, "03"), PYN_OK);
        }
        expect_quiet(&p);
        peers_fini(&p);
    }
}

/* Who waits for a callback cannot wait for room as well: what has none is refused at once, and what has some is served. */
static void a_batch_does_not_wait_while_a_callback_is_out(void **state)
{
    (void)state;
    for (int is_tight = 0; is_tight < 2; is_tight++) {
        struct peers p;
        struct pyn_buf buf = batch_of(2);
        begin(&p);
        assert_int_equal(peers_put(&p, p.server, support_bytes("94 00 a3 61 64 64 92 01 02 80 0a ")), PYN_OK);
        struct pyn_call *outer = peers_expect_call(&p, p.server);
        assert_int_equal(peers_call(p.server, 0, 9, "tell", 1, "01"), PYN_OK);
        skip_output(&p);
        if (is_tight) {
            p.quotas.max[PYN_Q_CALLS] = 2; /* the outer one is one of them */
        }
        assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 02 0a ")), PYN_OK);
        put_step(&buf, 0, "add", 2, "01 02");
        put_step(&buf, 0, "add", 2, "03 04");
        send(&p, &buf);
        struct pyn_call *call = expect_named(&p, "add", "92 01 02 80");
        assert_int_equal(call->lane, 2);
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        if (!is_tight) {
            assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 04 80"), "07"), PYN_OK);
        }
        peers_expect_none(&p, p.server);
        const struct pyn_view out = pyn_session_output(p.server);
        assert_int_equal(out.data[out.len - 1], 0x0a);
        assert_int_equal(has_text(out, "QuotaExceeded"), is_tight);
        skip_output(&p);
        assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 00 0a 92 ff 01 0a ")), PYN_OK);
        pyn_session_answer_free(p.server, peers_expect_answer(&p, p.server));
        assert_int_equal(peers_return(p.server, outer, "03"), PYN_OK);
        expect_quiet(&p);
        peers_fini(&p);
    }
}

static void what_can_never_have_room_is_refused(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(5);

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_CALLS] = 2;
    peers_meet_raw(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, P0 "01");
    put_step(&buf, 0, "add", 2, "01 02");
    put_step(&buf, 0, "add", 2, "d6 1b 00 00 00 02 01");
    put_step(&buf, 0, "add", 2, "01 02");
    send(&p, &buf);
    assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
    skip_output(&p);
    assert_int_equal(peers_return(p.server, expect_named(&p, "add", "92 03 01 80"), "03"), PYN_OK);
    struct pyn_view out = pyn_session_output(p.server);
    assert_memory_equal(out.data + 4,
                        "\x92\xfe\x94\xadQuotaExceeded\xa8"
                        "calls: 2",
                        26);
    assert_int_equal(out.len, 4 + 3 * 29);
    expect_quiet(&p);
    peers_fini(&p);
}

/* ---- what closes ---- */

static void what_is_no_batch_closes(void **state)
{
#define ADD "94 00 a3 61 64 64 92 01 02 80 "
    static const struct {
        const char *bytes;
        pyn_status why;
    } rows[] = {
        {"93 f4 90 80 0a", PYN_EFORMAT},                                                  /* no steps */
        {"93 f4 c0 80 0a", PYN_EFORMAT},                                                  /* nil */
        {"92 f4 91 " ADD "0a", PYN_EFORMAT},                                              /* no options */
        {"93 f4 91 " ADD "c0 0a", PYN_EFORMAT},                                           /* options nil */
        {"93 f4 91 " ADD "81 a1 78 01 0a", PYN_EFORMAT},                                  /* an unknown option */
        {"93 f4 91 93 00 a3 61 64 64 90 80 0a", PYN_EFORMAT},                             /* a step of three */
        {"93 f4 91 94 00 a3 61 64 64 80 80 80 0a", PYN_EFORMAT},                          /* args are a map */
        {"93 f4 91 94 c0 a3 61 64 64 90 80 80 0a", PYN_EFORMAT},                          /* a step on nil */
        {"93 f4 91 94 00 a3 61 64 64 90 81 a1 61 c1 80 0a", PYN_EFORMAT},                 /* 0xc1 */
        {"93 f4 91 94 " P0 "a3 61 64 64 90 80 80 0a", PYN_EEXT},                          /* on itself */
        {"93 f4 91 94 00 a3 61 64 64 92 01 " P0 "80 80 0a", PYN_EEXT},                    /* an argument of itself */
        {"93 f4 92 94 " P1 "a3 61 64 64 90 80 " ADD "80 0a", PYN_EEXT},                   /* on a later one */
        {"93 f4 92 " ADD "94 00 a3 61 64 64 91 91 d6 1b ff ff ff ff 80 80 0a", PYN_EEXT}, /* one that is none */
        {"93 f4 92 " ADD "94 00 a3 61 64 64 90 81 a1 61 " P1 "80 0a", PYN_EEXT},          /* among the keywords */
        {"93 f4 92 " ADD "94 00 " P0 "90 80 80 0a", PYN_EFORMAT},                         /* as a name */
        {"93 f4 92 " ADD "94 00 a3 61 64 64 " P0 "80 80 0a", PYN_EFORMAT},                /* as all arguments */
        {"93 f4 92 " ADD "94 00 a3 61 64 64 90 81 " P0 "01 80 0a", PYN_EFORMAT},          /* as a keyword */
        {"93 f4 92 " ADD "94 00 a3 61 64 64 92 01 d5 1b 00 00 80 80 0a", PYN_EEXT},       /* of two bytes */
        {"94 00 a3 61 64 64 92 01 " P0 "80 0a", PYN_EEXT},                                /* in a plain call */
        {"94 " P0 "a3 61 64 64 92 01 02 80 0a", PYN_EFORMAT}, /* called outside of a batch */
        {"93 fd " P0 "01 0a", PYN_EFORMAT},                   /* freed */
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        begin(&p);
        assert_int_equal(peers_put(&p, p.server, support_bytes(rows[i].bytes)), PYN_OK);
        expect_over(&p, rows[i].why);
        peers_fini(&p);
    }
#undef ADD
}

static void a_promise_in_an_answer_closes(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    assert_int_equal(peers_call(p.server, 1, 0, "x", 0, ""), PYN_OK);
    assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 01 0a 92 ff " P0 "0a")), PYN_OK);
    expect_over(&p, PYN_EEXT);
    peers_fini(&p);
}

static void a_batch_has_256_steps_at_most(void **state)
{
    (void)state;
    for (uint32_t count = PYN_STEPS_MAX - 1; count <= PYN_STEPS_MAX + 1; count++) {
        struct peers p;
        struct pyn_buf buf = batch_of(count);
        begin(&p);
        for (uint32_t i = 0; i < count; i++) {
            put_step(&buf, i == 0 ? 0 : (i - 1) | ON_PROMISE, "me", 0, "");
        }
        send(&p, &buf);
        if (count > PYN_STEPS_MAX) {
            expect_over(&p, PYN_ESIZE);
        } else {
            for (uint32_t i = 0; i < count; i++) {
                struct pyn_call *call = expect_named(&p, "me", "90 80");
                assert_ptr_equal(call->object, &p.objects[0]);
                assert_int_equal(peers_return(p.server, call, "c7 0c 10 00 00 00 00 00 00 00 00 00 00 00 01"), PYN_OK);
            }
            expect_quiet(&p);
        }
        peers_fini(&p);
    }
}

static void a_batch_in_a_lane_of_ours_closes(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(1);

    (void)state;
    begin(&p);
    assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 01 0a")), PYN_OK);
    put_step(&buf, 0, "add", 2, "01 02");
    send(&p, &buf);
    expect_over(&p, PYN_EPROTOCOL);
    peers_fini(&p);
}

static void an_end_in_the_middle_leaves_nothing(void **state)
{
    (void)state;
    for (int answered = 0; answered < 3; answered++) {
        struct peers p;
        struct pyn_buf buf = batch_of(3);
        begin(&p);
        put_step(&buf, 0, "child", 0, "");
        put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
        put_step(&buf, 0, "take", 1, P0);
        send(&p, &buf);
        struct pyn_call *call = peers_expect_call(&p, p.server);
        if (answered > 0) {
            (void)return_child(&p, call, 1);
            call = NULL;
        }
        if (answered > 1) {
            call = peers_expect_call(&p, p.server);
        }
        pyn_session_abandon(p.server);
        pyn_session_call_free(p.server, call);
        assert_int_equal(p.server->batches, 0);
        peers_fini(&p);
    }
}

/* More refusals than a peer may cause, while the first step runs already. */
static void a_flood_of_refused_steps_ends_it(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(5);

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.refusals_burst = 2;
    p.quotas.refusals_per_second = 0;
    peers_meet_raw(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    for (int i = 0; i < 4; i++) {
        put_step(&buf, 0, "no", 0, "");
    }
    send(&p, &buf);
    expect_over(&p, PYN_EFLOOD);
    peers_fini(&p);
}

/* ---- the caller's side ---- */

static void answers_of_a_batch_are_checked_each_against_its_own_type(void **state)
{
    static const struct pyn_type whole = {.kind = PYN_T_INT};
    static const struct pyn_type text = {.kind = PYN_T_STR};
    const struct pyn_expect expects[] = {{.result = &whole}, {.result = &text}, {.result = &whole}};
    static const char *const values[] = {"03", "a1 78", "a1 78"};
    struct peers p;
    struct pyn_buf buf = batch_of(3);

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    for (int i = 0; i < 3; i++) {
        put_step(&buf, 0, "add", 2, "01 02");
    }
    (void)pyn_pack_map(&buf, 0);
    const struct pyn_parcel object = pyn_parcel_of(pyn_buf_view(&buf));
    assert_int_equal(pyn_session_send_batch(p.client, 0, &object, expects, 3), PYN_OK);
    pyn_buf_fini(&buf);
    peers_pump(&p, p.client, p.server);
    for (size_t i = 0; i < 3; i++) {
        struct pyn_call *call = peers_expect_call(&p, p.server);
        if (i == 1) { /* a callback in between */
            assert_int_equal(peers_call(p.server, 0, 5, "f", 0, ""), PYN_OK);
            peers_pump(&p, p.server, p.client);
            struct pyn_answer *first = peers_expect_answer(&p, p.client);
            assert_int_equal(first->status, PYN_OK);
            pyn_session_answer_free(p.client, first);
            peers_expect_none(&p, p.client);
            peers_pump(&p, p.client, p.server); /* refused: there is no such reference */
            struct pyn_answer *refused = peers_expect_answer(&p, p.server);
            assert_true(refused->is_error);
            pyn_session_answer_free(p.server, refused);
        }
        assert_int_equal(peers_return(p.server, call, values[i]), PYN_OK);
    }
    peers_pump(&p, p.server, p.client);
    for (size_t i = 1; i < 3; i++) {
        struct pyn_answer *answer = peers_expect_answer(&p, p.client);
        assert_int_equal(answer->status, i == 1 ? PYN_OK : PYN_EMISFIT);
        pyn_session_answer_free(p.client, answer);
    }
    peers_expect_none(&p, p.client);
    assert_int_equal(pyn_session_lane(p.client), 0); /* idle again */
    peers_fini(&p);
}

/* ---- memory that fails ---- */

/* Every object is given back whatever happens. */
static pyn_status play(struct peers *p)
{
    struct pyn_buf buf = batch_of(6);
    struct pyn_event event;
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;
    pyn_status st = peers_new_server(p);

    put_step(&buf, 0, "child", 0, "");
    put_step(&buf, 0, "no", 0, "");
    put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
    put_step(&buf, 0, "take", 1, P0);
    put_step(&buf, 0, "take", 1, P1);
    put_step(&buf, 0, "watch", 1, "91 " MINE_9);
    (void)pyn_pack_map(&buf, 0);
    (void)pyn_pack_newline(&buf);
    if (st == PYN_OK) {
        st = peers_put(p, p->server, support_bytes("95 f8 a5 70 79 6e 74 6f 01 c0 80 0a"));
    }
    if (st == PYN_OK) {
        st = peers_put(p, p->server, pyn_buf_view(&buf));
    }
    pyn_buf_fini(&buf);
    while (st == PYN_OK && (st = peers_next(p, p->server, &event)) == PYN_OK) {
        struct pyn_buf value;
        if (event.kind == PYN_EV_HELLO) {
            st = pyn_session_welcome(p->server, &p->objects[0], p->root);
            continue;
        }
        pyn_buf_init(&value, pyn_mem_default(), SIZE_MAX);
        if (pyn_view_is_equal(event.call->verdict.op->name, pyn_view_of("child"))) {
            st = pyn_session_export(p->server, &p->objects[1], p->child, &id, &number, &is_new);
            (void)pyn_pack_mine(&value, id, number);
        } else {
            (void)pyn_pack_nil(&value);
        }
        if (st == PYN_OK) {
            st = pyn_session_send_return(p->server, event.call->lane, pyn_buf_view(&value));
        }
        pyn_session_call_free(p->server, event.call);
        pyn_buf_fini(&value);
    }
    return st == PYN_EWAIT ? PYN_OK : st;
}

static void whichever_allocation_fails_nothing_leaks_and_nothing_is_owed(void **state)
{
    size_t fail_at = 1;
    bool is_done = false;

    (void)state;
    for (; !is_done; fail_at++) {
        struct support_mem m;
        struct peers p;
        support_mem_init(&m, fail_at);
        peers_init(&p, &m.mem);
        pyn_status st = play(&p);
        is_done = m.calls < fail_at;
        assert_int_equal(st, is_done ? PYN_OK : PYN_ENOMEM);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
        assert_true(fail_at < 1000);
    }
    assert_true(fail_at > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_of_a_batch_is_one_for_all_its_steps_from_its_arrival_on),
        cmocka_unit_test(no_time_is_too_long_or_too_short_to_be_told),
        cmocka_unit_test(calls_of_a_batch_run_and_are_answered_in_their_order),
        cmocka_unit_test(the_host_knows_that_another_call_of_the_batch_runs_next),
        cmocka_unit_test(a_result_is_called_before_it_was_received),
        cmocka_unit_test(data_is_put_where_its_promise_stood),
        cmocka_unit_test(an_error_lands_on_all_that_depends_on_it_and_on_nothing_else),
        cmocka_unit_test(a_refusal_breaks_what_depends_on_it),
        cmocka_unit_test(what_is_freed_early_is_still_there_for_its_batch_and_for_nobody_else),
        cmocka_unit_test(a_step_names_only_what_the_peer_holds_when_it_comes),
        cmocka_unit_test(only_a_reference_can_be_called_and_the_peers_own_cannot_be_promised),
        cmocka_unit_test(a_broken_step_gives_back_what_it_brought),
        cmocka_unit_test(one_cancel_gives_up_all_of_a_batch_that_waits),
        cmocka_unit_test(what_is_kept_is_charged_and_what_has_no_room_breaks_what_names_it),
        cmocka_unit_test(promises_are_replaced_by_no_more_than_one_message),
        cmocka_unit_test(a_step_is_not_deeper_than_a_message_when_it_is_filled),
        cmocka_unit_test(each_step_counts_as_a_call_and_a_batch_waits_for_the_room_of_all),
        cmocka_unit_test(a_step_may_be_as_large_as_a_message),
        cmocka_unit_test(a_batch_waits_for_the_bytes_of_all_of_it),
        cmocka_unit_test(a_batch_does_not_wait_while_a_callback_is_out),
        cmocka_unit_test(what_can_never_have_room_is_refused),
        cmocka_unit_test(what_is_no_batch_closes),
        cmocka_unit_test(a_promise_in_an_answer_closes),
        cmocka_unit_test(a_batch_has_256_steps_at_most),
        cmocka_unit_test(a_batch_in_a_lane_of_ours_closes),
        cmocka_unit_test(an_end_in_the_middle_leaves_nothing),
        cmocka_unit_test(a_flood_of_refused_steps_ends_it),
        cmocka_unit_test(answers_of_a_batch_are_checked_each_against_its_own_type),
        cmocka_unit_test(whichever_allocation_fails_nothing_leaks_and_nothing_is_owed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
