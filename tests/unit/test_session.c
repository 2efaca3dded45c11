/* test_session.c - a connection from its hello to its end: two peers, raw bytes, quotas, and memory that fails. */
#include "peers.h"

#include <stdlib.h>

#define HELLO "95 f8 a5 70 79 6e 74 6f 01 c0 80 0a "
#define CALL_ADD "94 00 a3 61 64 64 92 01 02 80 0a "
#define CALL_NAME_1 "94 01 a4 6e 61 6d 65 90 80 0a " /* [1, "name", [], {}] */
#define RETURN_3 "92 ff 03 0a "
#define REFUSED "92 fe 94 a7 52 65 66 75 73 65 64 ad 6e 6f 74 20 70 65 72 6d 69 74 74 65 64 c0 c0 0a "
#define MINE_9 "c7 0c 10 00 00 00 00 00 00 00 09 00 00 00 00 "
#define STOP "ad53746f70497465726174696f6e"

static struct pyn_view nothing = {NULL, 0};

static void begin(struct peers *p)
{
    peers_init(p, pyn_mem_default());
    peers_meet_raw(p);
}

static void put(struct peers *p, const char *hex)
{
    assert_int_equal(peers_put(p, p->server, support_bytes(hex)), PYN_OK);
}

static void expect_output(struct pyn_session *session, const char *hex)
{
    struct pyn_view out = pyn_session_output(session);

    assert_true(support_is_hex(out, hex));
    pyn_session_written(session, out.len);
}

/* The last thing it says is why it ends; then nothing moves any more. */
static void expect_end(struct peers *p, struct pyn_session *session, pyn_status why)
{
    struct pyn_event event;
    uint8_t *space = NULL;
    size_t room = 0;
    uint8_t end[64] = {0x93, 0xf9, (uint8_t)why};
    size_t len = strlen(pyn_status_name(why));

    assert_int_equal(peers_next(p, session, &event), why);
    end[3] = len < 32 ? (uint8_t)(0xa0 | len) : 0xd9;
    if (len >= 32) {
        end[4] = (uint8_t)len;
    }
    size_t head = len < 32 ? 4 : 5;
    memcpy(end + head, pyn_status_name(why), len);
    end[head + len] = '\n';
    len += head + 1;
    struct pyn_view out = pyn_session_output(session);
    assert_true(out.len >= len);
    assert_memory_equal(out.data + out.len - len, end, len);
    assert_int_equal(pyn_session_space(session, &space, &room), why);
    assert_int_equal(peers_next(p, session, &event), why);
    assert_int_equal(pyn_session_ping(session, 1), why);
    assert_int_equal(pyn_session_send_return(session, 0, support_bytes("03")), why);
    assert_int_equal(pyn_session_send_call(session, 2, support_bytes("94 00 a1 61 90 80"), NULL), why);
    assert_int_equal(pyn_session_output(session).len, out.len);
    assert_false(pyn_session_wants_input(session));
    pyn_session_written(session, out.len);
}

/* ---- hello ---- */

static void two_peers_meet_whatever_the_pieces(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 8; piece++) {
        struct peers p;
        peers_init(&p, pyn_mem_default());
        p.piece = piece;
        peers_meet(&p);
        assert_true(pyn_session_is_ready(p.client));
        assert_true(pyn_session_is_ready(p.server));
        assert_int_equal(pyn_session_role(p.client), PYN_ROLE_CLIENT);
        assert_int_equal(pyn_session_role(p.server), PYN_ROLE_SERVER);
        assert_int_equal(peers_used(p.client, PYN_Q_INTERFACES), 1);
        peers_fini(&p);
    }
}

static void a_client_names_the_root_that_it_wants(void **state)
{
    struct peers p;
    struct pyn_event event;

    (void)state;
    peers_init(&p, pyn_mem_default());
    struct pyn_session_config config = {
        .mem = p.mem, .role = PYN_ROLE_CLIENT, .quotas = &p.quotas, .root_name = pyn_view_of("main")};
    assert_int_equal(pyn_session_new(&config, &p.client), PYN_OK);
    assert_int_equal(peers_new_server(&p), PYN_OK);
    peers_pump(&p, p.client, p.server);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_HELLO);
    assert_true(pyn_view_is_equal(event.root_name, pyn_view_of("main")));
    assert_false(pyn_session_is_ready(p.server));
    peers_fini(&p);
}

static void nothing_is_processed_between_hello_and_welcome(void **state)
{
    struct peers p;
    struct pyn_event event;

    (void)state;
    peers_init(&p, pyn_mem_default());
    assert_int_equal(peers_new_server(&p), PYN_OK);
    assert_int_equal(pyn_session_welcome(p.server, &p.objects[0], p.root), PYN_EINTERNAL); /* to whom? */
    put(&p, HELLO CALL_ADD);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_HELLO);
    peers_expect_none(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_false(pyn_session_wants_input(p.server));
    assert_int_equal(pyn_session_output(p.server).len, 0);
    assert_int_equal(pyn_session_welcome(p.server, &p.objects[0], p.root), PYN_OK);
    assert_int_equal(pyn_session_welcome(p.server, &p.objects[0], p.root), PYN_EINTERNAL);
    assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
    peers_fini(&p);
}

static void a_beginning_that_is_no_hello_closes(void **state)
{
    static const struct {
        const char *bytes;
        pyn_status why;
    } rows[] = {
        {"95 f8 a5 70 79 6e 74 6f 02 c0 80 0a", PYN_EVERSION},   /* version 2 */
        {"95 f8 a5 70 79 6e 74 6f 00 c0 80 0a", PYN_EVERSION},   /* version 0 */
        {"95 f8 a5 50 79 6e 74 6f 01 c0 80 0a", PYN_EVERSION},   /* "Pynto" */
        {"95 f8 a5 70 79 6e 74 6f c3 c0 80 0a", PYN_EFORMAT},    /* version true */
        {"95 f8 a5 70 79 6e 74 6f 01 c0 c0 0a", PYN_EFORMAT},    /* limits nil */
        {"95 f8 a5 70 79 6e 74 6f 01 a0 80 0a", PYN_EFORMAT},    /* a root without a name */
        {"96 f8 a5 70 79 6e 74 6f 01 c0 80 c0 0a", PYN_EFORMAT}, /* one part more */
        {CALL_ADD, PYN_EPROTOCOL},
        {"92 ff 03 0a", PYN_EPROTOCOL},
        {"92 fc 00 0a", PYN_EPROTOCOL},
        {"92 f7 00 0a", PYN_EPROTOCOL},
        {"91 fa 0a", PYN_EPROTOCOL},
        {"47 45 54 20 2f", PYN_EFORMAT}, /* "GET /" */
        {"16 03 01 02 00", PYN_EFORMAT}, /* TLS */
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        peers_init(&p, pyn_mem_default());
        assert_int_equal(peers_new_server(&p), PYN_OK);
        put(&p, rows[i].bytes);
        expect_end(&p, p.server, rows[i].why);
        peers_fini(&p);
    }
}

static void a_client_may_go_before_it_says_hello(void **state)
{
    struct peers p;
    struct pyn_event event;

    (void)state;
    peers_init(&p, pyn_mem_default());
    assert_int_equal(peers_new_server(&p), PYN_OK);
    put(&p, "93 f9 00 a0 0a");
    assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_GOODBYE);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EGONE);
    assert_int_equal(pyn_session_output(p.server).len, 0);
    peers_fini(&p);
}

static void a_second_hello_closes(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, HELLO);
    expect_end(&p, p.server, PYN_EPROTOCOL);
    peers_fini(&p);
}

/* What a server says to a client that is made here, byte by byte. */
static void hello_from_server(struct peers *p, const char *hex, pyn_status why)
{
    peers_init(p, pyn_mem_default());
    assert_int_equal(peers_new_client(p), PYN_OK);
    pyn_session_written(p->client, pyn_session_output(p->client).len);
    assert_int_equal(peers_put(p, p->client, support_bytes(hex)), PYN_OK);
    if (why == PYN_EWAIT) {
        peers_expect_none(p, p->client);
    } else {
        expect_end(p, p->client, why);
    }
    peers_fini(p);
}

/* [-5, 1, {"interfaces": {"m:X": {}}}] */
#define DESCRIBE_1 "93 fb 01 81 aa 69 6e 74 65 72 66 61 63 65 73 81 a3 6d 3a 58 80 0a "
#define ROOT_1 "92 ff c7 0c 10 00 00 00 00 00 00 00 00 00 00 00 01 0a "

static void a_server_that_does_not_give_its_root_as_it_must_is_left(void **state)
{
    static const struct {
        const char *bytes;
        pyn_status why;
    } rows[] = {
        {HELLO, PYN_EWAIT},
        {HELLO DESCRIBE_1, PYN_EWAIT},
        {DESCRIBE_1, PYN_EPROTOCOL},                               /* no hello */
        {ROOT_1, PYN_EPROTOCOL},                                   /* no hello */
        {HELLO HELLO, PYN_EPROTOCOL},                              /* two */
        {"95 f8 a5 70 79 6e 74 6f 01 a1 61 80 0a", PYN_EPROTOCOL}, /* it asks for a root */
        {HELLO ROOT_1, PYN_EPROTOCOL},                             /* not described */
        {HELLO DESCRIBE_1 DESCRIBE_1, PYN_EPROTOCOL},              /* described twice */
        {HELLO DESCRIBE_1 "92 ff 00 0a", PYN_EPROTOCOL},
        {HELLO DESCRIBE_1 "92 ff c0 0a", PYN_EPROTOCOL},
        {HELLO DESCRIBE_1 "92 ff d7 11 00 00 00 00 00 00 00 00 0a", PYN_EPROTOCOL},                   /* YOURS(0) */
        {HELLO DESCRIBE_1 "92 ff c7 0c 10 00 00 00 00 00 00 00 05 00 00 00 01 0a", PYN_EPROTOCOL},    /* id 5 */
        {HELLO DESCRIBE_1 "92 ff c7 0c 10 00 00 00 00 00 00 00 00 00 00 00 00 0a", PYN_EPROTOCOL},    /* number 0 */
        {HELLO DESCRIBE_1 "92 ff c7 0c 10 00 00 00 00 00 00 00 00 00 00 00 02 0a", PYN_EPROTOCOL},    /* number 2 */
        {HELLO DESCRIBE_1 "92 ff 91 c7 0c 10 00 00 00 00 00 00 00 00 00 00 00 01 0a", PYN_EPROTOCOL}, /* in a tuple */
        {HELLO DESCRIBE_1 "92 fe 94 a1 45 a1 65 c0 c0 0a", PYN_EPROTOCOL},                            /* an error */
        {HELLO "93 fb 01 80 0a", PYN_EFORMAT}, /* describes nothing */
        {HELLO "93 fb 00 80 0a", PYN_EFORMAT}, /* number 0 means none */
        {HELLO "93 fb 01 c0 0a", PYN_EFORMAT},
        {HELLO "93 fb ce ff ff ff ff 81 aa 69 6e 74 65 72 66 61 63 65 73 81 a3 6d 3a 58 80 0a",
         PYN_EWAIT}, /* the last number */
        {HELLO "93 fb cf 00 00 00 01 00 00 00 00 81 aa 69 6e 74 65 72 66 61 63 65 73 81 a3 6d 3a 58 80 0a", PYN_EFORMAT},
        {HELLO "93 fb 00 81 aa 69 6e 74 65 72 66 61 63 65 73 81 a3 6d 3a 58 80 0a", PYN_EFORMAT}, /* number 0 means none */
    };
    struct peers p;

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        hello_from_server(&p, rows[i].bytes, rows[i].why);
    }
}

static void a_server_may_send_a_client_away_before_it_says_hello(void **state)
{
    struct peers p;
    struct pyn_event event;

    (void)state;
    peers_init(&p, pyn_mem_default());
    assert_int_equal(peers_new_client(&p), PYN_OK);
    assert_int_equal(peers_put(&p, p.client, support_bytes("93 f9 03 a2 6e 6f 0a")), PYN_OK);
    assert_int_equal(peers_next(&p, p.client, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_GOODBYE);
    assert_int_equal(event.token, 3);
    assert_true(pyn_view_is_equal(event.reason, pyn_view_of("no")));
    assert_int_equal(peers_next(&p, p.client, &event), PYN_EGONE);
    peers_fini(&p);
}

static void a_server_that_describes_too_much_is_left(void **state)
{
    (void)state;
    for (uint64_t max = 1; max <= 3; max++) {
        struct peers p;
        peers_init(&p, pyn_mem_default());
        p.quotas.max[PYN_Q_INTERFACES] = max;
        assert_int_equal(peers_new_client(&p), PYN_OK);
        assert_int_equal(peers_put(&p, p.client, support_bytes(HELLO DESCRIBE_1)), PYN_OK);
        assert_int_equal(
            peers_put(&p, p.client, support_bytes("93 fb 02 81 aa 69 6e 74 65 72 66 61 63 65 73 81 a3 6d 3a 58 80 0a")),
            PYN_OK);
        if (max >= 2) {
            peers_expect_none(&p, p.client);
            assert_int_equal(peers_used(p.client, PYN_Q_INTERFACES), 2);
        } else {
            expect_end(&p, p.client, PYN_EFLOOD);
        }
        peers_fini(&p);
    }
}

/* ---- calls ---- */

static void a_call_goes_there_and_its_answer_comes_back(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 4; piece++) {
        struct peers p;
        peers_init(&p, pyn_mem_default());
        p.piece = piece;
        peers_meet(&p);
        uint64_t lane = pyn_session_lane(p.client);
        assert_int_equal(lane, 0); /* used by the root, and idle again */
        assert_int_equal(peers_call(p.client, lane, 0, "add", 2, "01 02"), PYN_OK);
        peers_pump(&p, p.client, p.server);
        struct pyn_call *call = peers_expect_call(&p, p.server);
        assert_ptr_equal(call->object, &p.objects[0]);
        assert_ptr_equal(call->iface, p.root);
        assert_true(pyn_view_is_equal(call->verdict.op->name, pyn_view_of("add")));
        assert_true(support_is_hex(call->body, "92 01 02 80"));
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        peers_pump(&p, p.server, p.client);
        struct pyn_answer *answer = peers_expect_answer(&p, p.client);
        assert_int_equal(answer->status, PYN_OK);
        assert_false(answer->is_error);
        assert_true(support_is_hex(answer->value, "03"));
        pyn_session_answer_free(p.client, answer);
        assert_int_equal(pyn_session_ledger(p.server)->called, 1);
        peers_fini(&p);
    }
}

static void an_error_comes_back_with_all_its_parts(void **state)
{
    struct peers p;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    assert_int_equal(peers_call(p.client, 0, 0, "add", 2, "01 02"), PYN_OK);
    peers_pump(&p, p.client, p.server);
    pyn_session_call_free(p.server, peers_expect_call(&p, p.server)); /* freed before it is answered */
    assert_int_equal(
        pyn_session_send_error(p.server, 0, pyn_view_of("ValueError"), pyn_view_of("no"), nothing, pyn_view_of("1234")),
        PYN_OK);
    peers_pump(&p, p.server, p.client);
    struct pyn_answer *answer = peers_expect_answer(&p, p.client);
    assert_true(answer->is_error);
    assert_true(pyn_view_is_equal(answer->type, pyn_view_of("ValueError")));
    assert_true(pyn_view_is_equal(answer->text, pyn_view_of("no")));
    assert_int_equal(answer->traceback.len, 0);
    assert_true(pyn_view_is_equal(answer->incident, pyn_view_of("1234")));
    pyn_session_answer_free(p.client, answer);
    peers_fini(&p);
}

static void what_is_not_permitted_looks_like_what_is_not_there(void **state)
{
    static const char *const calls[] = {
        "94 00 a3 73 75 62 90 80 0a",                                  /* unknown name */
        "94 00 a5 5f 77 69 70 65 90 80 0a",                            /* _wipe */
        "94 00 a9 5f 5f 63 6c 61 73 73 5f 5f 90 80 0a",                /* __class__ */
        "94 00 a4 61 64 64 00 92 01 02 80 0a",                         /* "add\0" */
        "94 00 a4 00 61 64 64 92 01 02 80 0a",                         /* "\0add" */
        "94 00 a5 ef bd 81 64 64 92 01 02 80 0a",                      /* a full-width a */
        "94 00 a4 66 72 65 65 90 80 0a",                               /* "free": a message, but no method */
        "94 05 a3 61 64 64 92 01 02 80 0a",                            /* unknown reference */
        "94 ff a3 61 64 64 92 01 02 80 0a",                            /* -1 */
        "94 d0 80 a3 61 64 64 92 01 02 80 0a",                         /* -128 */
        "94 d3 80 00 00 00 00 00 00 00 a3 61 64 64 90 80 0a",          /* -2**63 */
        "94 cf 80 00 00 00 00 00 00 00 a3 61 64 64 90 80 0a",          /* 2**63 */
        "94 cf ff ff ff ff ff ff ff ff a3 61 64 64 90 80 0a",          /* 2**64 - 1 */
        "94 cf 00 00 00 01 00 00 00 00 a3 61 64 64 90 80 0a",          /* 2**32: no id is cut off */
        "94 00 a4 74 61 6b 65 91 d7 11 00 00 00 00 00 00 00 05 80 0a", /* take(YOURS(5)), which is not held */
        "94 00 a4 74 61 6b 65 91 d7 11 00 00 00 00 00 00 00 00 80 0a", /* take(YOURS(0)), which does not conform */
    };
    struct peers p;

    (void)state;
    begin(&p);
    for (size_t i = 0; i < SUPPORT_COUNT(calls); i++) {
        put(&p, calls[i]);
        peers_expect_none(&p, p.server);
        expect_output(p.server, REFUSED);
    }
    assert_int_equal(pyn_session_ledger(p.server)->refused, SUPPORT_COUNT(calls));
    assert_int_equal(pyn_session_ledger(p.server)->called, 0);
    peers_fini(&p);
}

static void arguments_that_do_not_fit_are_a_type_error_in_the_policys_words(void **state)
{
    struct peers p;
    struct pyn_answer *answer = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    assert_int_equal(peers_call(p.client, 0, 0, "add", 1, "01"), PYN_OK);
    peers_pump(&p, p.client, p.server);
    peers_expect_none(&p, p.server);
    peers_pump(&p, p.server, p.client);
    answer = peers_expect_answer(&p, p.client);
    assert_true(pyn_view_is_equal(answer->type, pyn_view_of("TypeError")));
    assert_true(pyn_view_is_equal(answer->text, pyn_view_of("add() is missing 'b'")));
    pyn_session_answer_free(p.client, answer);
    peers_fini(&p);
}

static void forms_of_one_id_are_the_same_id_and_other_types_close(void **state)
{
    static const char *const same[] = {
        "94 cc 00 a3 61 64 64 92 01 02 80 0a",
        "94 cf 00 00 00 00 00 00 00 00 a3 61 64 64 92 01 02 80 0a",
        "94 d3 00 00 00 00 00 00 00 00 a3 61 64 64 92 01 02 80 0a",
        "dc 00 04 00 d9 03 61 64 64 dc 00 02 01 02 de 00 00 0a",
        "dd 00 00 00 04 00 db 00 00 00 03 61 64 64 92 01 02 df 00 00 00 00 0a",
    };
    static const char *const bad[] = {
        "94 c3 a3 61 64 64 92 01 02 80 0a",                      /* true */
        "94 c2 a3 61 64 64 92 01 02 80 0a",                      /* false */
        "94 ca 00 00 00 00 a3 61 64 64 92 01 02 80 0a",          /* 0.0 */
        "94 cb 80 00 00 00 00 00 00 00 a3 61 64 64 90 80 0a",    /* -0.0 */
        "94 a1 30 a3 61 64 64 92 01 02 80 0a",                   /* "0" */
        "94 c4 01 30 a3 61 64 64 92 01 02 80 0a",                /* b"0" */
        "94 c0 a3 61 64 64 92 01 02 80 0a",                      /* nil */
        "94 d7 11 00 00 00 00 00 00 00 00 a3 61 64 64 90 80 0a", /* YOURS(0) */
        "94 00 c4 03 61 64 64 92 01 02 80 0a",                   /* the name as bytes */
        "94 00 91 a3 61 64 64 92 01 02 80 0a",                   /* in an array */
        "94 00 c0 92 01 02 80 0a",                               /* nil */
        "94 00 a0 92 01 02 80 0a",                               /* empty */
        "94 00 a3 61 64 64 80 80 0a",                            /* args a map */
        "94 00 a3 61 64 64 92 01 02 90 0a",                      /* kwargs an array */
        "94 00 a3 61 64 64 90 81 01 02 0a",                      /* a keyword 1 */
        "94 00 a2 c0 80 90 80 0a",                               /* over-long UTF-8 */
        "95 00 a3 61 64 64 92 01 02 80 c0 0a",                   /* five parts */
        "93 00 a3 61 64 64 90 0a",                               /* three */
        "90 0a",
        "91 94 00 a3 61 64 64 92 01 02 80 0a",    /* nested once more */
        "84 00 00 01 a3 61 64 64 02 90 03 80 0a", /* a map */
        "93 fd 01 c3 0a",                         /* a count true */
        "93 fd 01 00 0a",                         /* a count 0 */
        "93 fd 01 ff 0a",                         /* a count -1 */
        "92 fc ff 0a",                            /* lane -1 */
        "92 f5 00 0a",                            /* no such kind */
    };
    struct peers p;

    (void)state;
    begin(&p);
    for (size_t i = 0; i < SUPPORT_COUNT(same); i++) {
        put(&p, same[i]);
        assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
        expect_output(p.server, RETURN_3);
    }
    peers_fini(&p);
    for (size_t i = 0; i < SUPPORT_COUNT(bad); i++) {
        struct pyn_event event;
        begin(&p);
        put(&p, bad[i]);
        pyn_status st = peers_next(&p, p.server, &event);
        if (pyn_status_class(st) != PYN_CLASS_CLOSE) {
            fail_msg("%s", bad[i]);
        }
        expect_end(&p, p.server, st);
        peers_fini(&p);
    }
}

/* ---- framing ---- */

static void what_is_no_message_closes_and_nothing_behind_it_is_looked_at(void **state)
{
    static const struct {
        const char *bytes;
        pyn_status why;
    } rows[] = {
        {"dd ff ff ff ff", PYN_ESIZE},
        {"94 00 a3 61 64 64 dd ff ff ff ff", PYN_ESIZE},
        {"94 00 a3 61 64 64 91 db ff ff ff ff", PYN_ESIZE},
        {"94 00 a3 61 64 64 91 c6 ff ff ff ff", PYN_ESIZE},
        {"94 00 a3 61 64 64 91 c9 ff ff ff ff 10", PYN_ESIZE},
        {"94 00 a3 61 64 64 92 01 c1 80 0a", PYN_EFORMAT},
        {"94 00 a3 61 64 64 92 01 02 80 0d 0a", PYN_ENEWLINE},
        {"94 00 a3 61 64 64 92 01 02 80 00", PYN_ENEWLINE},
        {"94 00 a3 61 64 64 92 01 02 80 94", PYN_ENEWLINE},
        {"0a", PYN_EFORMAT},
        {"94 00 a3 61 64 64 90 82 a1 61 01 a1 61 01 0a", PYN_EDUPKEY},
        {"94 00 a3 61 64 64 91 d4 05 00 80 0a", PYN_EEXT},
        {"94 00 a3 61 64 64 91 d4 10 00 80 0a", PYN_EEXT},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        begin(&p);
        put(&p, rows[i].bytes);
        put(&p, CALL_ADD);
        expect_end(&p, p.server, rows[i].why);
        assert_int_equal(pyn_session_ledger(p.server)->called, 0);
        peers_fini(&p);
    }
}

static void newlines_inside_of_values_do_not_end_a_message(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, "94 00 a3 61 64 64 92 0a cd 0a 0a 80 0a");
    struct pyn_call *call = peers_expect_call(&p, p.server);
    assert_true(support_is_hex(call->body, "92 0a cd 0a 0a 80"));
    assert_int_equal(peers_return(p.server, call, "0a"), PYN_OK);
    put(&p, "94 00 a4 62 6c 6f 62 91 c4 0a 0a 0a 0a 0a 0a 0a 0a 0a 0a 0a 80 0a");
    assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "c4 01 0a"), PYN_OK);
    peers_expect_none(&p, p.server);
    peers_fini(&p);
}

/* Calls, refusals, references, lanes, frees: the same bytes come out wherever the input is cut. */
static void where_the_input_is_cut_changes_nothing(void **state)
{
    static const char script[] = CALL_ADD "92 fc 02 0a 94 00 a3 73 75 62 90 80 0a" CALL_ADD
                                          "94 00 a5 63 68 69 6c 64 90 80 0a" CALL_NAME_1 "93 fd 01 01 0a" CALL_NAME_1
                                          "92 f7 05 0a 92 fc 00 0a" CALL_ADD "91 fa 0a 93 fd 07 01 0a" CALL_ADD;
    uint8_t expected[1024];
    size_t expected_len = 0;

    (void)state;
    for (size_t cut = 0; cut <= support_bytes(script).len; cut++) {
        struct peers p;
        struct pyn_event event;
        pyn_status st = PYN_OK;
        begin(&p);
        struct pyn_view in = support_bytes(script);
        struct pyn_view parts[2] = {{in.data, cut}, {in.data + cut, in.len - cut}};
        p.piece = cut % 3;
        for (size_t i = 0; i < 2; i++) {
            (void)peers_put(&p, p.server, parts[i]);
            while ((st = peers_next(&p, p.server, &event)) == PYN_OK) {
                assert_int_equal(event.kind, PYN_EV_CALL);
                uint64_t id = 0;
                uint32_t number = 0;
                bool is_new = false;
                if (pyn_view_is_equal(event.call->verdict.op->name, pyn_view_of("child"))) {
                    assert_int_equal(pyn_session_export(p.server, &p.objects[1], p.child, &id, &number, &is_new), PYN_OK);
                    assert_int_equal(id, 1);
                }
                assert_int_equal(peers_return(p.server, event.call, "03"), PYN_OK);
            }
        }
        assert_int_equal(st, PYN_EPROTOCOL); /* reference 7 is not held */
        struct pyn_view out = pyn_session_output(p.server);
        if (cut == 0) {
            assert_true(out.len <= sizeof expected);
            memcpy(expected, out.data, out.len);
            expected_len = out.len;
        }
        assert_int_equal(out.len, expected_len);
        assert_memory_equal(out.data, expected, expected_len);
        peers_fini(&p);
    }
}

static void an_announced_length_reserves_nothing(void **state)
{
    struct peers p;
    struct support_mem m;
    uint8_t *space = NULL;
    size_t room = 0;

    (void)state;
    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    put(&p, "94 00 a4 62 6c 6f 62 91 c6 00 ff ff 00"); /* almost 16 MiB are to come */
    peers_expect_none(&p, p.server);
    m.bytes = 0;
    assert_int_equal(pyn_session_space(p.server, &space, &room), PYN_OK);
    assert_true(m.bytes <= 2 * 16384);
    assert_true(room <= 16384);
    peers_fini(&p);
    assert_int_equal(m.live, 0);
}

static void a_message_that_is_on_its_way_is_known_since_it_began(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;
    size_t come = 9;

    begin(&p);
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 0);
    assert_int_equal(come, 0);
    put(&p, "94 00 a3");
    p.now = 5000;
    peers_expect_none(&p, p.server);
    p.now = 6000;
    put(&p, "61");
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 5000);
    assert_int_equal(come, 4);
    put(&p, "64 64 92 01 02 80 0a 94 00 a3 61 64 64 92 01 02 80 0a 94");
    p.quotas.max[PYN_Q_CALLS] = 1;
    call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 0); /* it is we who keep the second one waiting */
    assert_true(come > 1);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    p.now = 7000;
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 7000); /* of the third */
    assert_int_equal(come, 1);
    pyn_session_goodbye(p.server, 0, "");
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 0); /* it is over */
    peers_fini(&p);
}

static void an_idle_session_holds_no_input_block(void **state)
{
    struct peers p;
    struct support_mem m;
    uint8_t *space = NULL;
    size_t room = 0;

    (void)state;
    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    peers_expect_none(&p, p.server);
    size_t live = m.live;
    put(&p, "92 f7 05 0a");
    assert_int_equal(m.live, live + 1);
    peers_expect_none(&p, p.server);
    assert_int_equal(m.live, live);
    assert_int_equal(pyn_session_space(p.server, &space, &room), PYN_OK); /* and nothing came after all */
    assert_int_equal(m.live, live + 1);
    pyn_session_received(p.server, 0);
    assert_int_equal(m.live, live);
    peers_fini(&p);
}

static void bytes_that_were_read_already_are_taken_as_far_as_they_may_come(void **state)
{
    enum {
        MOST = 4096 + 128 * 1024
    }; /* the largest message, and what a host may have read when the peer has to wait */
    static const uint8_t zeros[MOST + 1];
    struct peers p;
    size_t taken = 0;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.limits.message_max = 4096;
    p.quotas.max[PYN_Q_CALLS] = 1;
    peers_meet_raw(&p);
    peers_expect_none(&p, p.server);
    assert_true(pyn_session_is_quiet(p.server));
    put(&p, CALL_ADD);
    assert_false(pyn_session_is_quiet(p.server));
    struct pyn_call *call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server); /* it has to wait from now on */
    assert_int_equal(pyn_session_put(p.server, (struct pyn_view){zeros, MOST - 1}, &taken), PYN_OK);
    assert_int_equal(taken, MOST - 1);
    assert_int_equal(pyn_session_put(p.server, (struct pyn_view){zeros, 2}, &taken), PYN_OK);
    assert_int_equal(taken, 1);
    assert_int_equal(pyn_session_put(p.server, (struct pyn_view){zeros, 1}, &taken), PYN_EWAIT);
    assert_int_equal(taken, 0);
    peers_expect_none(&p, p.server);
    assert_false(pyn_session_is_quiet(p.server));
    pyn_session_call_free(p.server, call);
    peers_fini(&p);
}

static void a_small_block_is_kept_until_the_session_rests(void **state)
{
    static const uint8_t ping[] = {0x92, 0xf7, 0x05, 0x0a};
    struct peers p;
    struct support_mem m;
    size_t taken = 0;

    (void)state;
    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    peers_expect_none(&p, p.server);
    size_t live = m.live;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pyn_session_put(p.server, (struct pyn_view){ping, sizeof ping}, &taken), PYN_OK);
        assert_int_equal(taken, sizeof ping);
        peers_expect_none(&p, p.server);
        assert_int_equal(m.live, live + 1);
        assert_true(pyn_session_is_quiet(p.server));
    }
    pyn_session_rest(p.server);
    assert_true(m.live <= live);
    peers_fini(&p);
}

static void a_peer_that_is_not_read_fills_a_bounded_buffer(void **state)
{
    struct peers p;
    uint8_t *space = NULL;
    size_t room = 0;
    size_t held = 0;
    pyn_status st = PYN_OK;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.limits.message_max = 4096;
    p.quotas.max[PYN_Q_CALLS] = 1;
    peers_meet_raw(&p);
    put(&p, CALL_ADD CALL_ADD);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    while ((st = pyn_session_space(p.server, &space, &room)) == PYN_OK) {
        memset(space, 0, room);
        pyn_session_received(p.server, room);
        held += room;
        peers_expect_none(&p, p.server);
        assert_true(held < 1024 * 1024);
    }
    assert_int_equal(st, PYN_EWAIT);
    assert_true(held >= 64 * 1024); /* a read of 64 KiB that was under way has room */
    pyn_session_call_free(p.server, call);
    peers_fini(&p);
}

/* ---- references ---- */

static uint64_t export_child(struct peers *p, size_t object)
{
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    assert_int_equal(pyn_session_export(p->server, &p->objects[object], p->child, &id, &number, &is_new), PYN_OK);
    assert_int_equal(number, p->child->index + 1);
    pyn_session_written(p->server, pyn_session_output(p->server).len);
    return id;
}

static void an_interface_is_described_once_ahead_of_its_first_reference(void **state)
{
    struct peers p;
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    (void)state;
    begin(&p);
    assert_int_equal(pyn_session_export(p.server, &p.objects[1], p.child, &id, &number, &is_new), PYN_OK);
    assert_true(is_new);
    struct pyn_view out = pyn_session_output(p.server);
    assert_true(out.len > p.child->fragment.len);
    assert_memory_equal(out.data + 3, p.child->fragment.data, p.child->fragment.len);
    pyn_session_written(p.server, out.len);
    assert_int_equal(pyn_session_export(p.server, &p.objects[2], p.child, &id, &number, &is_new), PYN_OK);
    assert_int_equal(pyn_session_export(p.server, &p.objects[2], p.child, &id, &number, &is_new), PYN_OK);
    assert_false(is_new);
    assert_int_equal(id, 2);
    assert_int_equal(pyn_session_output(p.server).len, 0);
    assert_int_equal(pyn_session_export(p.server, &p.objects[0], p.root, &id, &number, &is_new), PYN_OK);
    assert_int_equal(id, 0); /* the root comes home as itself */
    assert_false(is_new);
    peers_fini(&p);
}

static void a_call_between_two_frees_is_run_and_one_behind_them_is_denied(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    assert_int_equal(export_child(&p, 1), 1);
    put(&p, CALL_NAME_1 "93 fd 01 01 0a" CALL_NAME_1); /* C F C */
    struct pyn_call *call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_ptr_equal(call->object, &p.objects[1]);
    assert_null(pyn_session_reap(p.server)); /* it runs */
    assert_int_equal(pyn_session_send_return(p.server, call->lane, support_bytes("a1 78")), PYN_OK);
    expect_output(p.server, "92 ff a1 78 0a" REFUSED);
    assert_null(pyn_session_reap(p.server));
    pyn_session_call_free(p.server, call);
    assert_ptr_equal(pyn_session_reap(p.server), &p.objects[1]);
    peers_fini(&p);
}

static void frees_that_lie_close(void **state)
{
    static const char *const frees[] = {
        "93 fd 00 01 0a",       /* the root */
        "93 fd 00 cd 03 e8 0a", /* a thousand times */
        "93 fd 02 01 0a",       /* never sent */
        "93 fd 01 03 0a",       /* more than it was sent */
        "93 fd 01 cf ff ff ff ff ff ff ff ff 0a",
        "93 fd 01 02 0a 93 fd 01 01 0a", /* twice */
        "93 fd cf ff ff ff ff ff ff ff ff 01 0a",
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(frees); i++) {
        struct peers p;
        begin(&p);
        (void)export_child(&p, 1);
        (void)export_child(&p, 1);
        put(&p, frees[i]);
        expect_end(&p, p.server, PYN_EPROTOCOL);
        peers_fini(&p);
    }
}

static void a_stale_id_is_denied_whatever_is_exported_later(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    (void)export_child(&p, 1);
    put(&p, "93 fd 01 01 0a");
    peers_expect_none(&p, p.server);
    for (uint64_t i = 2; i < 2000; i++) {
        uint64_t id = 0;
        uint32_t number = 0;
        bool is_new = false;
        assert_int_equal(pyn_session_export(p.server, &p.objects[1], p.root, &id, &number, &is_new), PYN_OK);
        assert_int_not_equal(id, 1);
        pyn_session_unexport(p.server, id);
        assert_ptr_equal(pyn_session_reap(p.server), &p.objects[1]);
    }
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    put(&p, CALL_NAME_1 "94 01 a3 61 64 64 92 01 02 80 0a");
    peers_expect_none(&p, p.server);
    expect_output(p.server, REFUSED REFUSED);
    peers_fini(&p);
}

static void a_reference_comes_home_as_the_object_that_it_is(void **state)
{
    struct peers p;
    const struct pyn_iface *iface = NULL;

    (void)state;
    begin(&p);
    (void)export_child(&p, 1);
    put(&p, "94 00 a4 74 61 6b 65 91 d7 11 00 00 00 00 00 00 00 01 80 0a"); /* take(YOURS(1)) */
    struct pyn_call *call = peers_expect_call(&p, p.server);
    assert_ptr_equal(pyn_session_object(p.server, 1, &iface), &p.objects[1]);
    assert_ptr_equal(iface, p.child);
    assert_null(pyn_session_object(p.server, 2, &iface));
    assert_null(iface);
    assert_int_equal(peers_return(p.server, call, "c0"), PYN_OK);
    put(&p, "94 00 a4 74 61 6b 65 91 d7 10 00 00 00 00 00 00 00 01 80 0a"); /* MINE of YOURS' length */
    expect_end(&p, p.server, PYN_EEXT);
    peers_fini(&p);
}

static void references_are_refused_beyond_the_quota_until_some_are_freed(void **state)
{
    struct peers p;
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_REFERENCES] = 3;
    peers_meet_raw(&p);
    for (size_t i = 1; i <= 3; i++) {
        (void)export_child(&p, i);
    }
    assert_int_equal(pyn_session_export(p.server, &p.objects[4], p.child, &id, &number, &is_new), PYN_EQUOTA);
    put(&p, "93 fd 02 01 0a");
    peers_expect_none(&p, p.server);
    assert_int_equal(export_child(&p, 4), 4);
    assert_int_equal(pyn_session_export(p.server, &p.objects[5], p.child, &id, &number, &is_new), PYN_EQUOTA);
    peers_fini(&p);
}

static void what_a_refused_call_brought_goes_back(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    /* sub(MINE(9), (MINE(9), MINE(9)), MINE(5)), and the root of a server that a client has not */
    put(&p, "94 00 a3 73 75 62 94 " MINE_9 "92 " MINE_9 MINE_9 "c7 0c 10 00 00 00 00 00 00 00 05 00 00 00 00 "
            "c7 0c 10 00 00 00 00 00 00 00 00 00 00 00 00 81 a1 78 " MINE_9 "0a");
    peers_expect_none(&p, p.server);
    expect_output(p.server, REFUSED "93 fd 09 03 0a 93 fd 05 01 0a 93 fd 09 01 0a");
    peers_fini(&p);
}

static void imports_are_counted_and_go_back_ahead_of_the_next_message(void **state)
{
    struct peers p;
    const struct pyn_iface *watcher = NULL;
    const struct pyn_iface *got = NULL;
    void *proxy = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_LENT] = 1;
    peers_meet_raw(&p);
    put(&p, "94 00 a5 77 61 74 63 68 91 " MINE_9 "80 0a");
    struct pyn_call *call = peers_expect_call(&p, p.server);
    watcher = call->verdict.signature->params[0].type->import;
    assert_non_null(watcher);
    assert_int_equal(pyn_session_import(p.server, 9, 0, watcher, &got, &proxy), PYN_OK);
    assert_ptr_equal(got, watcher);
    assert_null(proxy);
    pyn_session_set_proxy(p.server, 9, watcher, &p.objects[7]);
    assert_int_equal(pyn_session_import(p.server, 9, 0, watcher, &got, &proxy), PYN_OK);
    assert_ptr_equal(proxy, &p.objects[7]);
    assert_int_equal(pyn_session_import(p.server, 9, 1, NULL, &got, &proxy), PYN_EDENIED); /* a client describes nothing */
    assert_int_equal(pyn_session_import(p.server, 0, 0, watcher, &got, &proxy), PYN_EDENIED);
    assert_int_equal(pyn_session_import(p.server, 8, 0, watcher, &got, &proxy), PYN_EQUOTA);
    assert_false(pyn_session_has_frees(p.server));
    pyn_session_release(p.server, 9, watcher);
    assert_true(pyn_session_has_frees(p.server));
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(p.server, "93 fd 09 02 0a" RETURN_3);
    assert_int_equal(pyn_session_import(p.server, 8, 0, watcher, &got, &proxy), PYN_OK);
    pyn_session_release(p.server, 8, watcher);
    assert_int_equal(pyn_session_import(p.server, 7, 0, watcher, &got, &proxy), PYN_OK); /* the free makes room by itself */
    expect_output(p.server, "93 fd 08 01 0a");
    pyn_session_release(p.server, 7, watcher);
    assert_int_equal(pyn_session_flush_frees(p.server), PYN_OK);
    expect_output(p.server, "93 fd 07 01 0a");
    assert_int_equal(pyn_session_import(p.server, 6, 0, watcher, &got, &proxy), PYN_OK);
    pyn_session_abandon(p.server); /* with one that is still held */
    assert_int_equal(peers_used(p.server, PYN_Q_LENT), 0);
    pyn_session_release(p.server, 6, watcher);
    assert_false(pyn_session_has_frees(p.server));
    peers_fini(&p);
}

static void the_peers_root_is_never_freed(void **state)
{
    struct peers p;
    const struct pyn_iface *iface = NULL;
    void *proxy = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    assert_int_equal(pyn_session_import(p.client, 0, p.root->index + 1, NULL, &iface, &proxy), PYN_OK);
    assert_true(pyn_view_is_equal(iface->name, p.root->name));
    pyn_session_set_proxy(p.client, 0, iface, &p.objects[9]);
    pyn_session_discard(p.client, support_bytes("c7 0c 10 00 00 00 00 00 00 00 00 00 00 00 01"));
    pyn_session_release(p.client, 0, iface);
    assert_false(pyn_session_has_frees(p.client));
    assert_int_equal(pyn_session_output(p.client).len, 0);
    peers_fini(&p);
}

static void only_a_server_describes(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, DESCRIBE_1);
    expect_end(&p, p.server, PYN_EPROTOCOL);
    peers_fini(&p);
}

/* ---- answers to our calls ---- */

static void an_answer_that_does_not_fit_is_not_let_in(void **state)
{
    static const struct {
        const char *value;
        pyn_status status;
        const char *back;
    } rows[] = {
        {"05", PYN_OK, ""},
        {"a1 35", PYN_EMISFIT, ""},
        {"c3", PYN_EMISFIT, ""},
        {MINE_9, PYN_EMISFIT, "93 fd 09 01 0a"},
        {"92 " MINE_9 MINE_9, PYN_EMISFIT, "93 fd 09 02 0a"},
    };
    static const struct pyn_type type = {.kind = PYN_T_INT};
    static const struct pyn_expect expect = {.result = &type};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        char bytes[256];
        begin(&p);
        assert_int_equal(pyn_session_send_call(p.server, 1, support_bytes("94 09 a4 74 65 6c 6c 91 01 80"), &expect),
                         PYN_OK);
        pyn_session_written(p.server, pyn_session_output(p.server).len);
        (void)snprintf(bytes, sizeof bytes, "92 fc 01 0a 92 ff %s 0a", rows[i].value);
        put(&p, bytes);
        struct pyn_answer *answer = peers_expect_answer(&p, p.server);
        assert_int_equal(answer->lane, 1);
        assert_int_equal(answer->status, rows[i].status);
        assert_true(support_is_hex(answer->value, rows[i].status == PYN_OK ? rows[i].value : ""));
        expect_output(p.server, rows[i].back);
        pyn_session_answer_free(p.server, answer);
        peers_fini(&p);
    }
}

static void the_details_of_an_error_are_checked_like_a_value(void **state)
{
    static const struct {
        const char *type;
        const char *details;
        bool ends; /* the call may end with an int */
        pyn_status status;
        const char *back;
    } rows[] = {
        {STOP, "81 a576616c7565 05", true, PYN_OK, ""},
        {STOP, "81 a576616c7565 a135", true, PYN_EMISFIT, ""},
        {STOP, "81 a576616c7565 05", false, PYN_EMISFIT, ""},
        {"a145", "81 a576616c7565 05", true, PYN_EMISFIT, ""},
        {STOP, "81 a576616c7565 " MINE_9, true, PYN_EMISFIT, "93 fd 09 01 0a"},
        {"a145", "81 a66669656c6473 81 a161 92 01 a162", false, PYN_OK, ""},
        {"a145", "81 a66669656c6473 81 a161 " MINE_9, false, PYN_EMISFIT, "93 fd 09 01 0a"},
        {"a145", "81 a66572726f7273 91 92 94 a146 a0 c0 c0 81 a66669656c6473 81 a161 " MINE_9, false, PYN_EMISFIT,
         "93 fd 09 01 0a"},
        {"a145", "81 a6636175736573 91 93 a146 a0 c0", false, PYN_OK, ""},
        {"a145", "80", false, PYN_OK, ""},
    };
    static const struct pyn_type type = {.kind = PYN_T_INT};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        const struct pyn_expect expect = {.result = &type, .end = rows[i].ends ? &type : NULL};
        struct peers p;
        char bytes[256];
        begin(&p);
        assert_int_equal(pyn_session_send_call(p.server, 1, support_bytes("94 09 a4 74 65 6c 6c 91 01 80"), &expect),
                         PYN_OK);
        pyn_session_written(p.server, pyn_session_output(p.server).len);
        (void)snprintf(bytes, sizeof bytes, "92 fc 01 0a 93 fe 94 %s a0 c0 c0 %s 0a", rows[i].type, rows[i].details);
        put(&p, bytes);
        struct pyn_answer *answer = peers_expect_answer(&p, p.server);
        assert_true(answer->is_error);
        assert_int_equal(answer->status, rows[i].status);
        assert_true(support_is_hex(answer->details, rows[i].details));
        expect_output(p.server, rows[i].back);
        pyn_session_answer_free(p.server, answer);
        peers_fini(&p);
    }
}

static void items_come_ahead_of_the_answer_that_was_asked_for(void **state)
{
    static const struct {
        const char *stream; /* what the peer says */
        pyn_status status;  /* of the answer, or why the connection ends */
        bool is_error;
        const char *items;
        const char *why;
    } rows[] = {
        {"92 f3 91 05 0a 92 ff c0 0a", PYN_OK, false, "05", "one"},
        {"92 f3 93 05 06 07 0a 92 ff c0 0a", PYN_OK, false, "05 06 07", "all"},
        {"92 f3 91 05 0a 92 f3 92 06 07 0a 92 ff c0 0a", PYN_OK, false, "05 06 07", "all, in two messages"},
        {"92 f3 92 05 06 0a 92 fe 94 a145 a0 c0 c0 0a", PYN_OK, true, "05 06", "and then an error"},
        {"92 fe 94 a145 a0 c0 c0 0a", PYN_OK, true, "", "an error at once"},
        {"92 ff c0 0a", PYN_EMISFIT, false, "", "nil without any"},
        {"92 ff 05 0a", PYN_EMISFIT, false, "", "a return, as if it had not been asked for ahead"},
        {"92 f3 91 05 0a 92 ff 06 0a", PYN_EMISFIT, false, "05", "a return that is not nil"},
        {"92 f3 94 05 06 07 08 0a", PYN_EPROTOCOL, false, "", "one more than was asked for"},
        {"92 f3 93 05 06 07 0a 92 f3 91 08 0a", PYN_EPROTOCOL, false, "", "one more, by itself"},
        {"92 f3 91 a135 0a", PYN_EPROTOCOL, false, "", "of another type"},
        {"92 f3 92 05 c3 0a", PYN_EPROTOCOL, false, "", "the second of another type"},
        {"92 f3 91 " MINE_9 " 0a", PYN_EPROTOCOL, false, "", "a reference"},
        {"92 f3 91 05 0a 92 ff c0 0a 92 f3 91 05 0a", PYN_EPROTOCOL, false, "", "when nothing is asked for any more"},
    };
    static const struct pyn_type type = {.kind = PYN_T_INT};
    static const struct pyn_expect expect = {.result = &type, .ahead = 3};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        struct pyn_event event = {0};
        pyn_status st = PYN_OK;
        begin(&p);
        assert_int_equal(pyn_session_send_call(p.server, 1, support_bytes("94 09 a4 74 65 6c 6c 91 01 80"), &expect),
                         PYN_OK);
        pyn_session_written(p.server, pyn_session_output(p.server).len);
        put(&p, "92 fc 01 0a");
        put(&p, rows[i].stream);
        st = pyn_session_next(p.server, 0, &event);
        if (st == PYN_OK) {
            struct pyn_answer *answer = event.answer;
            assert_int_equal(event.kind, PYN_EV_ANSWER);
            st = answer->status;
            if (rows[i].status != PYN_EPROTOCOL) {
                assert_int_equal(answer->is_error, rows[i].is_error);
                assert_true(support_is_hex(answer->items.rest, rows[i].items));
            }
            pyn_session_answer_free(p.server, answer);
            if (rows[i].status == PYN_EPROTOCOL) {
                st = pyn_session_next(p.server, 0, &event);
            }
        }
        if (st != rows[i].status) {
            fail_msg("%s: %s", rows[i].why, pyn_status_name(st));
        }
        peers_fini(&p);
    }
}

static void items_that_nobody_has_asked_for_end_the_connection(void **state)
{
    static const char *const rows[] = {"92 f3 91 05 0a", "92 fc 01 0a 92 f3 91 05 0a"};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        begin(&p);
        assert_int_equal(pyn_session_send_call(p.server, 1, support_bytes("94 09 a4 74 65 6c 6c 91 01 80"), NULL),
                         PYN_OK);
        pyn_session_written(p.server, pyn_session_output(p.server).len);
        put(&p, rows[i]);
        expect_end(&p, p.server, PYN_EPROTOCOL);
        peers_fini(&p);
    }
}

static void without_an_expectation_an_answer_is_data_and_no_reference(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(peers_call(p.server, 1, 9, "tell", 1, "01"), PYN_OK);
        pyn_session_written(p.server, pyn_session_output(p.server).len);
        put(&p, "92 fc 01 0a");
        put(&p, i == 0 ? "92 ff 92 01 a1 78 0a" : "92 ff " MINE_9 "0a");
        struct pyn_answer *answer = peers_expect_answer(&p, p.server);
        assert_int_equal(answer->status == PYN_OK, i == 0);
        pyn_session_answer_free(p.server, answer);
    }
    peers_fini(&p);
}

static void a_long_answer_comes_whole(void **state)
{
    struct peers p;
    uint8_t blob[3003] = {0xc5, 0x0b, 0xb8, 1, 2, 3};

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.piece = 100;
    peers_meet(&p);
    assert_int_equal(peers_call(p.client, 0, 0, "blob", 1, "c4 01 00"), PYN_OK);
    peers_pump(&p, p.client, p.server);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){blob, sizeof blob}), PYN_OK);
    pyn_session_call_free(p.server, call);
    peers_pump(&p, p.server, p.client);
    struct pyn_answer *answer = peers_expect_answer(&p, p.client);
    assert_int_equal(answer->value.len, sizeof blob);
    assert_memory_equal(answer->value.data, blob, sizeof blob);
    pyn_session_answer_free(p.client, answer);
    peers_fini(&p);
}

/* A value with one reference, from one session to be sent by it. */
static struct pyn_view pack_ref(struct pyn_buf *buf, bool is_mine, uint64_t id, uint32_t number)
{
    pyn_buf_init(buf, pyn_mem_default(), 64);
    if (is_mine) {
        (void)pyn_pack_mine(buf, id, number);
    } else {
        (void)pyn_pack_yours(buf, id);
    }
    return pyn_buf_view(buf);
}

static const struct pyn_signature *signature_of(const struct pyn_iface *iface, const char *name)
{
    const struct pyn_op *op = pyn_iface_op(iface, PYN_OP_METHOD, pyn_view_of(name));

    assert_non_null(op);
    return &op->signatures[0];
}

static void a_reference_is_lent_used_and_given_back(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 4; piece++) {
        struct peers p;
        struct pyn_buf buf;
        const struct pyn_iface *root = NULL;
        const struct pyn_iface *child = NULL;
        void *proxy = NULL;
        uint64_t id = 0;
        uint32_t number = 0;
        bool is_new = false;
        peers_init(&p, pyn_mem_default());
        p.piece = piece;
        peers_meet(&p);
        root = pyn_session_refs(p.client).described(p.client, p.root->index + 1);
        assert_non_null(root);

        /* child() -> m:Child */
        assert_int_equal(pyn_session_send_call(p.client, 0, support_bytes("94 00 a5 63 68 69 6c 64 90 80"),
                                               &(struct pyn_expect){.result = signature_of(root, "child")->result}),
                         PYN_OK);
        peers_pump(&p, p.client, p.server);
        struct pyn_call *call = peers_expect_call(&p, p.server);
        assert_int_equal(pyn_session_export(p.server, &p.objects[1], p.child, &id, &number, &is_new), PYN_OK);
        assert_int_equal(pyn_session_send_return(p.server, 0, pack_ref(&buf, true, id, number)), PYN_OK);
        pyn_buf_fini(&buf);
        pyn_session_call_free(p.server, call);
        peers_pump(&p, p.server, p.client);
        struct pyn_answer *answer = peers_expect_answer(&p, p.client);
        assert_int_equal(answer->status, PYN_OK);
        pyn_session_answer_free(p.client, answer);
        assert_int_equal(pyn_session_import(p.client, id, number, NULL, &child, &proxy), PYN_OK);
        assert_true(pyn_view_is_equal(child->name, p.child->name));
        pyn_session_set_proxy(p.client, id, child, &p.objects[40]);

        /* child.name() */
        assert_int_equal(peers_call(p.client, 0, id, "name", 0, ""), PYN_OK);
        peers_pump(&p, p.client, p.server);
        call = peers_expect_call(&p, p.server);
        assert_ptr_equal(call->object, &p.objects[1]);
        assert_int_equal(peers_return(p.server, call, "a1 78"), PYN_OK);
        peers_pump(&p, p.server, p.client);
        pyn_session_answer_free(p.client, peers_expect_answer(&p, p.client));

        /* released: the free goes ahead of the next message */
        pyn_session_release(p.client, id, child);
        assert_int_equal(peers_call(p.client, 0, 0, "add", 2, "01 02"), PYN_OK);
        assert_false(pyn_session_has_frees(p.client));
        peers_pump(&p, p.client, p.server);
        assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
        assert_ptr_equal(pyn_session_reap(p.server), &p.objects[1]);
        assert_int_equal(peers_used(p.server, PYN_Q_REFERENCES), 0);
        assert_int_equal(peers_used(p.client, PYN_Q_LENT), 0);
        peers_fini(&p);
    }
}

static void a_client_lends_an_object_that_the_server_calls(void **state)
{
    struct peers p;
    struct pyn_buf args;
    struct pyn_buf buf;
    uint64_t id = 0;
    uint32_t number = 7;
    bool is_new = false;
    const struct pyn_iface *got = NULL;
    void *proxy = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    const struct pyn_iface *root = pyn_session_refs(p.client).described(p.client, p.root->index + 1);
    const struct pyn_iface *watcher = signature_of(root, "watch")->params[0].type->import;
    assert_int_equal(pyn_session_export(p.client, &p.objects[20], watcher, &id, &number, &is_new), PYN_OK);
    assert_int_equal(id, 1);
    assert_int_equal(number, 0);
    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    peers_pack_call(&buf, 0, "watch", 1, pack_ref(&args, true, id, number));
    assert_int_equal(pyn_session_send_call(p.client, 0, pyn_buf_view(&buf), NULL), PYN_OK);
    pyn_buf_fini(&args);
    pyn_buf_fini(&buf);
    peers_pump(&p, p.client, p.server);
    struct pyn_call *outer = peers_expect_call(&p, p.server);
    const struct pyn_iface *declared = outer->verdict.signature->params[0].type->import;
    assert_int_equal(pyn_session_import(p.server, 1, 0, declared, &got, &proxy), PYN_OK);
    assert_int_equal(peers_call(p.server, outer->lane, 1, "tell", 1, "05"), PYN_OK);
    peers_pump(&p, p.server, p.client);
    struct pyn_call *inner = peers_expect_call(&p, p.client);
    assert_true(inner->is_nested);
    assert_ptr_equal(inner->object, &p.objects[20]);
    assert_int_equal(peers_return(p.client, inner, "06"), PYN_OK);
    peers_pump(&p, p.client, p.server);
    pyn_session_answer_free(p.server, peers_expect_answer(&p, p.server));
    pyn_session_release(p.server, 1, declared);
    assert_int_equal(peers_return(p.server, outer, "07"), PYN_OK);
    peers_pump(&p, p.server, p.client);
    struct pyn_answer *answer = peers_expect_answer(&p, p.client);
    assert_true(support_is_hex(answer->value, "07"));
    pyn_session_answer_free(p.client, answer);
    assert_ptr_equal(pyn_session_reap(p.client), &p.objects[20]);
    peers_fini(&p);
}

static void a_cancel_goes_out_in_its_lane(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    assert_int_equal(peers_call(p.server, 1, 9, "tell", 1, "01"), PYN_OK);
    assert_int_equal(peers_call(p.server, 3, 9, "tell", 1, "01"), PYN_OK);
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    assert_int_equal(pyn_session_cancel(p.server, 1), PYN_OK);
    expect_output(p.server, "92 fc 01 0a 91 fa 0a");
    pyn_session_goodbye(p.server, 0, "");
    assert_int_equal(pyn_session_cancel(p.server, 1), PYN_EGONE);
    peers_fini(&p);
}

static void a_call_of_ours_beyond_the_message_limit_is_not_sent(void **state)
{
    (void)state;
    for (size_t len = 1023; len <= 1025; len++) {
        struct peers p;
        uint8_t call[1025] = {0x94, 0x09, 0xa1, 0x78, 0x91, 0xc5};
        call[6] = (uint8_t)((len - 9) >> 8);
        call[7] = (uint8_t)(len - 9);
        call[len - 1] = 0x80;
        peers_init(&p, pyn_mem_default());
        p.quotas.limits.message_max = 1024;
        peers_meet_raw(&p);
        assert_int_equal(pyn_session_send_call(p.server, 1, (struct pyn_view){call, len}, NULL),
                         len <= 1024 ? PYN_OK : PYN_EQUOTA);
        assert_int_equal(pyn_session_output(p.server).len, len <= 1024 ? len + 5 : 0);
        peers_fini(&p);
    }
}

/* ---- pings and the end ---- */

static void a_ping_is_answered_at_once_and_a_pong_is_an_event(void **state)
{
    struct peers p;
    struct pyn_event event;

    (void)state;
    begin(&p);
    put(&p, CALL_ADD "92 f7 07 0a 92 f6 08 0a");
    struct pyn_call *call = peers_expect_call(&p, p.server);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_PONG);
    assert_int_equal(event.token, 8);
    expect_output(p.server, "92 f6 07 0a");
    assert_int_equal(pyn_session_ping(p.server, 9), PYN_OK);
    expect_output(p.server, "92 f7 09 0a");
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    peers_fini(&p);
}

static void a_goodbye_ends_it_on_both_sides(void **state)
{
    struct peers p;
    struct pyn_event event;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    pyn_session_goodbye(p.server, 0, "closing");
    pyn_session_goodbye(p.server, PYN_EFLOOD, "again");
    assert_int_equal(pyn_session_state(p.server), PYN_EGONE);
    peers_pump(&p, p.server, p.client);
    assert_int_equal(peers_next(&p, p.client, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_GOODBYE);
    assert_int_equal(event.token, 0);
    assert_true(pyn_view_is_equal(event.reason, pyn_view_of("closing")));
    assert_int_equal(peers_next(&p, p.client, &event), PYN_EGONE);
    assert_int_equal(pyn_session_output(p.client).len, 0);
    peers_fini(&p);
}

static void a_long_reason_can_be_read_until_the_next_call(void **state)
{
    enum { LEN = 100000 };
    struct peers p;
    struct pyn_event event;
    struct pyn_buf buf;
    char *reason = calloc(1, LEN + 1);

    (void)state;
    assert_non_null(reason);
    memset(reason, 'x', LEN);
    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    (void)pyn_message_goodbye(&buf, 0, reason);
    begin(&p);
    assert_int_equal(peers_put(&p, p.server, pyn_buf_view(&buf)), PYN_OK);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_GOODBYE);
    assert_true(pyn_view_is_equal(event.reason, pyn_view_of(reason)));
    pyn_buf_fini(&buf);
    free(reason);
    peers_fini(&p);
}

static void a_goodbye_with_a_reason_code_keeps_it(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    pyn_session_goodbye(p.server, PYN_EFLOOD, "slow");
    assert_int_equal(pyn_session_state(p.server), PYN_EFLOOD);
    assert_int_equal(pyn_session_output(p.server).data[2], PYN_EFLOOD);
    assert_memory_equal(pyn_session_output(p.server).data + 3, "\xa4slow\n", 6);
    peers_fini(&p);
}

static void a_last_word_can_be_written_after_abandoning(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    put(&p, "94 00 a3 73 75 62 90 80 0a 92 ff 03 0a");
    struct pyn_event event;
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EPROTOCOL);
    pyn_session_abandon(p.server);
    pyn_session_abandon(p.server);
    assert_ptr_equal(pyn_session_reap(p.server), &p.objects[0]);
    assert_true(pyn_ledger_is_clear(pyn_session_ledger(p.server)));
    assert_true(pyn_session_output(p.server).len > 20);
    pyn_session_written(p.server, 5);
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    peers_fini(&p);
}

/* ---- floods ---- */

static void refusals_beyond_the_burst_end_it(void **state)
{
    (void)state;
    for (uint32_t burst = 2; burst <= 4; burst++) {
        struct peers p;
        peers_init(&p, pyn_mem_default());
        p.quotas.refusals_burst = burst;
        peers_meet_raw(&p);
        put(&p, "94 00 a3 73 75 62 90 80 0a 94 05 a3 73 75 62 90 80 0a 94 00 a3 61 64 64 90 80 0a");
        if (burst < 3) {
            expect_end(&p, p.server, PYN_EFLOOD);
        } else {
            peers_expect_none(&p, p.server);
        }
        peers_fini(&p);
    }
}

static void a_peer_that_does_not_read_is_throttled_and_then_left(void **state)
{
    struct peers p;
    struct pyn_event event;
    uint8_t reply[1003] = {0xc5, 0x03, 0xe8};
    const size_t len = sizeof reply + 3; /* with its head and newline */

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_OUTPUT] = 4 * len;
    peers_meet_raw(&p);
    put(&p, CALL_ADD CALL_ADD CALL_ADD CALL_ADD CALL_ADD CALL_ADD);
    for (int i = 0; i < 3; i++) {
        struct pyn_call *call = peers_expect_call(&p, p.server);
        peers_expect_none(&p, p.server);
        assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){reply, sizeof reply}), PYN_OK);
        pyn_session_call_free(p.server, call);
        assert_int_equal(pyn_session_wants_input(p.server), i < 2); /* half of it is reached, not exceeded, by two */
    }
    assert_int_equal(pyn_session_output(p.server).len, 3 * len);
    /* The calls were taken before: the fourth reply fits, the fifth does not. */
    pyn_session_call_free(p.server, peers_expect_call(&p, p.server));
    assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){reply, sizeof reply}), PYN_OK);
    assert_int_equal(peers_used(p.server, PYN_Q_OUTPUT), 4 * len);
    pyn_session_call_free(p.server, peers_expect_call(&p, p.server));
    assert_int_equal(peers_call(p.server, 1, 9, "tell", 1, "01"), PYN_EQUOTA); /* a call of ours is refused only */
    assert_int_equal(pyn_session_ping(p.server, 1), PYN_EQUOTA);
    assert_int_equal(pyn_session_state(p.server), PYN_OK);
    pyn_session_written(p.server, len);
    assert_int_equal(peers_call(p.server, 1, 9, "tell", 1, "01"), PYN_OK);
    const uint8_t lane_1[] = {0x92, 0xfc, 0x01, 0x0a}; /* what was not sent has not switched the lane */
    assert_memory_equal(pyn_session_output(p.server).data + 3 * len, lane_1, sizeof lane_1);
    while (pyn_session_ping(p.server, 1) == PYN_OK) {}
    assert_int_equal(pyn_session_send_return(p.server, 0, support_bytes("03")), PYN_EFLOOD);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EFLOOD);
    assert_true(pyn_session_output(p.server).len > 4 * len - 4); /* with a goodbye */
    peers_fini(&p);
}

static void output_that_was_read_makes_room_again(void **state)
{
    struct peers p;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_OUTPUT] = 600;
    peers_meet_raw(&p);
    for (int i = 0; i < 1000; i++) {
        put(&p, CALL_ADD);
        assert_int_equal(peers_return(p.server, peers_expect_call(&p, p.server), "03"), PYN_OK);
        pyn_session_written(p.server, 4);
    }
    assert_int_equal(peers_used(p.server, PYN_Q_OUTPUT), 0);
    peers_fini(&p);
}

static void a_reply_beyond_the_message_limit_can_still_be_an_error(void **state)
{
    (void)state;
    for (size_t off = 0; off <= 2; off++) {
        struct peers p;
        uint8_t reply[1026] = {0xc5, 0x03, 0xfa};
        peers_init(&p, pyn_mem_default());
        p.quotas.limits.message_max = 1024;
        peers_meet_raw(&p);
        put(&p, CALL_ADD);
        struct pyn_call *call = peers_expect_call(&p, p.server);
        struct pyn_view value = {reply, 1021 + off}; /* two bytes are the message's own */
        assert_int_equal(pyn_session_send_return(p.server, 0, value), off < 2 ? PYN_OK : PYN_EQUOTA);
        if (off == 2) {
            assert_int_equal(pyn_session_output(p.server).len, 0);
            assert_int_equal(pyn_session_send_error(p.server, 0, pyn_view_of("ValueError"), pyn_view_of("too large"),
                                                    nothing, nothing),
                             PYN_OK);
        }
        pyn_session_call_free(p.server, call);
        peers_fini(&p);
    }
}

/* ---- memory that fails ---- */

/* A session of some twenty messages, until something fails. Every object that was taken is given back whatever happens. */
static pyn_status play(struct peers *p)
{
    static const char *const inputs[] = {
        HELLO,
        CALL_ADD CALL_ADD "94 00 a3 73 75 62 91 " MINE_9 "80 0a" CALL_ADD,
        "92 fc 02 0a 94 00 a5 63 68 69 6c 64 90 80 0a" CALL_ADD CALL_ADD "91 fa 0a",
        "94 00 a5 77 61 74 63 68 91 " MINE_9 "80 0a",
        CALL_NAME_1 "93 fd 01 01 0a 92 f7 05 0a 94 00 a3 61 64 64 90 80 0a 92 fc 04 0a 94 00 a3 61 64 64 90 80 0a",
        "92 fc 01 0a" CALL_ADD "92 ff 92 " MINE_9 MINE_9 "0a 92 fc 00 0a 93 f9 00 a0 0a",
    };
    const struct pyn_iface *watcher = NULL;
    struct pyn_event event;
    pyn_status st = peers_new_server(p);

    for (size_t i = 0; st == PYN_OK && i < SUPPORT_COUNT(inputs); i++) {
        st = peers_put(p, p->server, support_bytes(inputs[i]));
        if (st == PYN_OK && i == 5) {
            st = peers_call(p->server, 1, 9, "tell", 1, "01");
        }
        while (st == PYN_OK && (st = peers_next(p, p->server, &event)) == PYN_OK) {
            if (event.kind == PYN_EV_HELLO) {
                st = pyn_session_welcome(p->server, &p->objects[0], p->root);
            } else if (event.kind == PYN_EV_ANSWER) {
                pyn_session_answer_free(p->server, event.answer);
            } else if (event.kind == PYN_EV_CALL) {
                struct pyn_view name = event.call->verdict.op->name;
                const struct pyn_iface *got = NULL;
                void *proxy = NULL;
                uint64_t id = 0;
                uint32_t number = 0;
                bool is_new = false;
                if (pyn_view_is_equal(name, pyn_view_of("child"))) {
                    st = pyn_session_export(p->server, &p->objects[1], p->child, &id, &number, &is_new);
                } else if (pyn_view_is_equal(name, pyn_view_of("watch"))) {
                    watcher = event.call->verdict.signature->params[0].type->import;
                    st = pyn_session_import(p->server, 9, 0, watcher, &got, &proxy);
                    pyn_session_release(p->server, 9, watcher);
                }
                if (st == PYN_OK) {
                    st = pyn_session_send_return(p->server, event.call->lane, support_bytes("03"));
                }
                pyn_session_call_free(p->server, event.call);
            } else if (event.kind == PYN_EV_GOODBYE) {
                return PYN_OK;
            }
        }
        st = st == PYN_EWAIT ? PYN_OK : st;
    }
    return st;
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
    print_message("%zu allocations\n", fail_at - 2);
    assert_true(fail_at > 10);
}

static void a_client_whose_memory_fails_leaks_nothing(void **state)
{
    bool is_done = false;

    (void)state;
    for (size_t fail_at = 1; !is_done; fail_at++) {
        struct support_mem m;
        struct peers p;
        struct pyn_event event = {0};
        support_mem_init(&m, fail_at);
        peers_init(&p, &m.mem);
        pyn_status st = peers_new_client(&p);
        if (st == PYN_OK) {
            st = peers_put(&p, p.client, support_bytes(HELLO DESCRIBE_1 ROOT_1));
        }
        if (st == PYN_OK) {
            st = peers_next(&p, p.client, &event);
        }
        if (st == PYN_OK) {
            pyn_session_answer_free(p.client, event.answer);
            st = peers_call(p.client, 0, 0, "x", 1, "01");
        }
        if (st == PYN_OK) {
            st = peers_put(&p, p.client, support_bytes("92 fe 94 a1 45 a1 65 c0 c0 0a"));
        }
        if (st == PYN_OK) {
            st = peers_next(&p, p.client, &event);
        }
        if (st == PYN_OK) {
            pyn_session_answer_free(p.client, event.answer);
        }
        is_done = m.calls < fail_at;
        assert_int_equal(st, is_done ? PYN_OK : PYN_ENOMEM);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
        assert_true(fail_at < 1000);
    }
}

static void a_reply_that_found_no_memory_can_be_sent_again(void **state)
{
    struct support_mem m;
    struct peers p;
    uint8_t reply[70000] = {0xc6, 0, 0x01, 0x11, 0x6b};

    (void)state;
    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    put(&p, CALL_ADD);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    m.fail_at = m.calls + 1;
    assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){reply, sizeof reply}), PYN_ENOMEM);
    assert_int_equal(pyn_session_output(p.server).len, 0);
    assert_int_equal(pyn_session_state(p.server), PYN_OK);
    assert_int_equal(pyn_session_send_return(p.server, 0, (struct pyn_view){reply, sizeof reply}), PYN_OK);
    pyn_session_call_free(p.server, call);
    peers_fini(&p);
    assert_int_equal(m.live, 0);
}

/* ---- rest ---- */

static void a_session_that_rests_holds_nothing_to_be_quick_and_goes_on_as_before(void **state)
{
    struct support_mem m;
    struct peers p;
    size_t rested = 0;

    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    peers_expect_none(&p, p.server);
    pyn_session_rest(p.server);
    rested = m.live;
    assert_true(rested <= 2); /* the session, and its root */
    for (int i = 0; i < 3; i++) {
        struct pyn_event event;
        put(&p, CALL_ADD "94 00 a3"); /* and the beginning of another */
        struct pyn_call *call = peers_expect_call(&p, p.server);
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        assert_int_equal(peers_next(&p, p.server, &event), PYN_EWAIT);
        pyn_session_rest(p.server); /* what stands there stays: an answer, and what has come */
        expect_output(p.server, RETURN_3);
        put(&p, "61 64 64 92 01 02 80 0a");
        call = peers_expect_call(&p, p.server);
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        expect_output(p.server, RETURN_3);
        peers_expect_none(&p, p.server);
        assert_true(m.live > rested);
        pyn_session_rest(p.server);
        assert_int_equal(m.live, rested);
    }
    peers_fini(&p);
    assert_int_equal(m.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_peers_meet_whatever_the_pieces),
        cmocka_unit_test(a_client_names_the_root_that_it_wants),
        cmocka_unit_test(nothing_is_processed_between_hello_and_welcome),
        cmocka_unit_test(a_beginning_that_is_no_hello_closes),
        cmocka_unit_test(a_client_may_go_before_it_says_hello),
        cmocka_unit_test(a_second_hello_closes),
        cmocka_unit_test(a_server_that_does_not_give_its_root_as_it_must_is_left),
        cmocka_unit_test(a_server_may_send_a_client_away_before_it_says_hello),
        cmocka_unit_test(a_server_that_describes_too_much_is_left),
        cmocka_unit_test(a_call_goes_there_and_its_answer_comes_back),
        cmocka_unit_test(an_error_comes_back_with_all_its_parts),
        cmocka_unit_test(what_is_not_permitted_looks_like_what_is_not_there),
        cmocka_unit_test(arguments_that_do_not_fit_are_a_type_error_in_the_policys_words),
        cmocka_unit_test(forms_of_one_id_are_the_same_id_and_other_types_close),
        cmocka_unit_test(what_is_no_message_closes_and_nothing_behind_it_is_looked_at),
        cmocka_unit_test(newlines_inside_of_values_do_not_end_a_message),
        cmocka_unit_test(where_the_input_is_cut_changes_nothing),
        cmocka_unit_test(an_announced_length_reserves_nothing),
        cmocka_unit_test(a_message_that_is_on_its_way_is_known_since_it_began),
        cmocka_unit_test(an_idle_session_holds_no_input_block),
        cmocka_unit_test(bytes_that_were_read_already_are_taken_as_far_as_they_may_come),
        cmocka_unit_test(a_small_block_is_kept_until_the_session_rests),
        cmocka_unit_test(a_peer_that_is_not_read_fills_a_bounded_buffer),
        cmocka_unit_test(an_interface_is_described_once_ahead_of_its_first_reference),
        cmocka_unit_test(a_call_between_two_frees_is_run_and_one_behind_them_is_denied),
        cmocka_unit_test(frees_that_lie_close),
        cmocka_unit_test(a_stale_id_is_denied_whatever_is_exported_later),
        cmocka_unit_test(a_reference_comes_home_as_the_object_that_it_is),
        cmocka_unit_test(references_are_refused_beyond_the_quota_until_some_are_freed),
        cmocka_unit_test(what_a_refused_call_brought_goes_back),
        cmocka_unit_test(imports_are_counted_and_go_back_ahead_of_the_next_message),
        cmocka_unit_test(the_peers_root_is_never_freed),
        cmocka_unit_test(only_a_server_describes),
        cmocka_unit_test(an_answer_that_does_not_fit_is_not_let_in),
        cmocka_unit_test(the_details_of_an_error_are_checked_like_a_value),
        cmocka_unit_test(items_come_ahead_of_the_answer_that_was_asked_for),
        cmocka_unit_test(items_that_nobody_has_asked_for_end_the_connection),
        cmocka_unit_test(without_an_expectation_an_answer_is_data_and_no_reference),
        cmocka_unit_test(a_long_answer_comes_whole),
        cmocka_unit_test(a_reference_is_lent_used_and_given_back),
        cmocka_unit_test(a_client_lends_an_object_that_the_server_calls),
        cmocka_unit_test(a_cancel_goes_out_in_its_lane),
        cmocka_unit_test(a_call_of_ours_beyond_the_message_limit_is_not_sent),
        cmocka_unit_test(a_ping_is_answered_at_once_and_a_pong_is_an_event),
        cmocka_unit_test(a_goodbye_ends_it_on_both_sides),
        cmocka_unit_test(a_long_reason_can_be_read_until_the_next_call),
        cmocka_unit_test(a_goodbye_with_a_reason_code_keeps_it),
        cmocka_unit_test(a_last_word_can_be_written_after_abandoning),
        cmocka_unit_test(refusals_beyond_the_burst_end_it),
        cmocka_unit_test(a_peer_that_does_not_read_is_throttled_and_then_left),
        cmocka_unit_test(output_that_was_read_makes_room_again),
        cmocka_unit_test(a_reply_beyond_the_message_limit_can_still_be_an_error),
        cmocka_unit_test(whichever_allocation_fails_nothing_leaks_and_nothing_is_owed),
        cmocka_unit_test(a_client_whose_memory_fails_leaks_nothing),
        cmocka_unit_test(a_reply_that_found_no_memory_can_be_sent_again),
        cmocka_unit_test(a_session_that_rests_holds_nothing_to_be_quick_and_goes_on_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
