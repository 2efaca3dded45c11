/* test_welcome.c - how two peers meet: hello, welcome and the root, and whatever else somebody says first. */
#include "session_support.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
