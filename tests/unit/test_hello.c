/* test_hello.c - the beginning: what a hello says of its sender's limits, when a welcome is due, and what interfaces are described as. */
#include "peers.h"

#include "../../src/session/session_state.h"

#define HELLO(limits) "95 f8 a5 70 79 6e 74 6f 01 c0 " limits " 0a "
#define MESSAGE "a7 6d 65 73 73 61 67 65 "
#define DEPTH "a5 64 65 70 74 68 "

static const struct pyn_view no_name = {NULL, 0};

static void limits_of_the_peer_are_what_its_hello_says(void **state)
{
    static const struct {
        const char *hello;
        pyn_status st;
        size_t message;
        uint32_t depth;
        const char *why;
    } rows[] = {
        {HELLO("80"), PYN_OK, SIZE_MAX, UINT32_MAX, "nothing is limited"},
        {HELLO("81 " MESSAGE "cd 10 00"), PYN_OK, 4096, UINT32_MAX, "one of them"},
        {HELLO("82 " DEPTH "08 " MESSAGE "00"), PYN_OK, 0, 8, "both"},
        {HELLO("81 " DEPTH "ce ff ff ff ff"), PYN_OK, SIZE_MAX, UINT32_MAX, "as much as there is"},
        {HELLO("82 " DEPTH "cf 00 00 00 01 00 00 00 00 " MESSAGE "cf ff ff ff ff ff ff ff ff"), PYN_OK, SIZE_MAX,
         UINT32_MAX, "more than there is"},
        {HELLO("82 a1 78 91 91 c3 " MESSAGE "07"), PYN_OK, 7, UINT32_MAX, "what is not known is left aside"},
        {HELLO("81 " MESSAGE "ff"), PYN_EFORMAT, 0, 0, "less than nothing"},
        {HELLO("81 " DEPTH "a1 38"), PYN_EFORMAT, 0, 0, "text"},
        {HELLO("81 01 02"), PYN_EFORMAT, 0, 0, "a limit without a name"},
        {HELLO("90"), PYN_EFORMAT, 0, 0, "no map"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        struct pyn_event event;
        pyn_status st = PYN_OK;
        peers_init(&p, pyn_mem_default());
        assert_int_equal(peers_new_server(&p), PYN_OK);
        assert_int_equal(pyn_session_peer_limits(p.server)->message_max, SIZE_MAX);
        assert_int_equal(peers_put(&p, p.server, support_bytes(rows[i].hello)), PYN_OK);
        st = peers_next(&p, p.server, &event);
        if (st != rows[i].st) {
            fail_msg("%s: %s", rows[i].why, pyn_status_name(st));
        }
        if (st == PYN_OK) {
            assert_int_equal(event.kind, PYN_EV_HELLO);
            assert_int_equal(pyn_session_peer_limits(p.server)->message_max, rows[i].message);
            assert_int_equal(pyn_session_peer_limits(p.server)->depth_max, rows[i].depth);
        }
        peers_fini(&p);
    }
}

static void each_side_says_its_own_limits(void **state)
{
    struct peers p;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.limits.message_max = 12345;
    peers_meet(&p);
    assert_int_equal(pyn_session_peer_limits(p.server)->message_max, 12345);
    assert_int_equal(pyn_session_peer_limits(p.client)->message_max, 12345);
    assert_int_equal(pyn_session_peer_limits(p.client)->depth_max, p.quotas.limits.depth_max);
    assert_int_equal(pyn_session_peer_limits(p.client)->int_max, p.quotas.limits.int_max);
    peers_fini(&p);
}

static void a_welcome_is_due_once_and_from_the_server(void **state)
{
    struct peers p;

    (void)state;
    peers_init(&p, pyn_mem_default());
    assert_int_equal(peers_new_server(&p), PYN_OK);
    assert_int_equal(pyn_session_welcome(p.server, &p.objects[0], p.root), PYN_EINTERNAL); /* nobody is there yet */
    peers_end(p.server);
    peers_meet(&p);
    assert_int_equal(pyn_session_welcome(p.server, &p.objects[1], p.root), PYN_EINTERNAL);
    assert_int_equal(pyn_session_welcome(p.client, &p.objects[1], p.root), PYN_EINTERNAL);
    pyn_session_goodbye(p.server, 0, "");
    assert_int_equal(pyn_session_welcome(p.server, &p.objects[1], p.root), PYN_EGONE);
    assert_ptr_equal(pyn_session_reap(p.server), NULL); /* none of them was taken */
    peers_fini(&p);
}

static void nothing_is_sent_ahead_of_the_welcome(void **state)
{
    struct peers p;
    struct pyn_parcel nil = pyn_parcel_of((struct pyn_view){(const uint8_t *)"\xc0", 1});
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    (void)state;
    peers_init(&p, pyn_mem_default());
    assert_int_equal(peers_new_server(&p), PYN_OK);
    assert_int_equal(peers_call(p.server, 1, 0, "x", 0, ""), PYN_EINTERNAL);
    assert_int_equal(pyn_session_tell(p.server, 1, &nil), PYN_EINTERNAL);
    assert_int_equal(pyn_session_export(p.server, &p.objects[0], p.root, &id, &number, &is_new), PYN_EINTERNAL);
    assert_false(is_new);
    assert_int_equal(pyn_session_output(p.server).len, 0);
    peers_fini(&p);
}

static void a_server_whose_client_leaves_no_room_for_the_welcome_is_at_its_end(void **state)
{
    size_t room = 1;
    size_t failures = 0;
    pyn_status st = PYN_EINTERNAL;

    (void)state;
    for (; st != PYN_OK; room += 7) {
        struct peers p;
        struct pyn_event event;
        peers_init(&p, pyn_mem_default());
        p.quotas.max[PYN_Q_OUTPUT] = room;
        assert_int_equal(peers_new_server(&p), PYN_OK);
        assert_int_equal(peers_put(&p, p.server, support_bytes(HELLO("80"))), PYN_OK);
        assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
        st = pyn_session_welcome(p.server, &p.objects[0], p.root);
        if (st != PYN_OK) {
            failures++;
            assert_int_equal(pyn_session_state(p.server), st);
            assert_null(pyn_session_reap(p.server)); /* it did not take the object */
        }
        peers_fini(&p);
        assert_true(room < 4096);
    }
    assert_true(failures > 10);
}

/* ---- interfaces ---- */

/* More interfaces than a session notes in itself: count of them, x:000 and on, each returning the next. */
static struct pyn_policy *many(uint32_t count, char *json, size_t room)
{
    size_t at = (size_t)snprintf(json, room, "{\"interfaces\": {");

    for (uint32_t i = 0; i < count; i++) {
        at += (size_t)snprintf(json + at, room - at,
                               "%s\"x:C%03u\": {\"class\": \"x:C%03u\", \"get\": {\"next\": \"none|x:C%03u\"}}",
                               i == 0 ? "" : ", ", i, i, (i + 1) % count);
        assert_true(at < room);
    }
    at += (size_t)snprintf(
        json + at, room - at,
        "}, \"platform\": \"linux\", \"pynto-policy\": 1, \"python\": \"3.11\", \"roots\": {\"r\": \"x:C000\"}}");
    assert_true(at < room);
    struct pyn_policy *policy = NULL;
    struct pyn_diag diag = {""};
    if (pyn_policy_load(pyn_mem_default(), pyn_view_of(json), &policy, &diag) != PYN_OK) {
        fail_msg("%s", diag.text);
    }
    return policy;
}

static void begin_many(struct peers *p, uint32_t count, const struct pyn_mem *mem)
{
    static char json[64 * 1024];

    *p = (struct peers){.mem = mem, .quotas = pyn_quotas_default(), .now = 1000};
    p->policy = many(count, json, sizeof json);
    p->root = peers_iface(p, "x:C000");
    p->child = p->root;
}

static void each_interface_is_described_once_however_many_there_are(void **state)
{
    static const uint32_t counts[] = {1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 300};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(counts); i++) {
        struct peers p;
        struct support_mem m;
        support_mem_init(&m, 0);
        begin_many(&p, counts[i], &m.mem);
        peers_meet(&p);
        for (uint32_t at = 1; at < counts[i]; at++) {
            char name[16];
            struct pyn_event event;
            struct pyn_view sent;
            const struct pyn_iface *before = NULL;
            (void)snprintf(name, sizeof name, "x:C%03u", at - 1);
            before = pyn_session_described(p.client, pyn_view_of(name));
            assert_non_null(before);
            (void)snprintf(name, sizeof name, "x:C%03u", at);
            assert_null(pyn_session_described(p.client, pyn_view_of(name)));
            assert_int_equal(pyn_session_look(p.client, before, pyn_view_of(name)), PYN_OK);
            peers_pump(&p, p.client, p.server);
            peers_expect_none(&p, p.server);
            sent = pyn_session_output(p.server);
            assert_true(sent.len > 2 && sent.data[1] == 0xfb); /* of a union in an attribute */
            peers_pump(&p, p.server, p.client);
            assert_int_equal(peers_next(&p, p.client, &event), PYN_EWAIT);
            assert_non_null(pyn_session_described(p.client, pyn_view_of(name)));
        }
        assert_int_equal(pyn_session_ledger(p.server)->refused, 0);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
    }
}

static void a_welcome_without_memory_for_its_notes_ends_it(void **state)
{
    bool is_done = false;

    (void)state;
    for (size_t fail_at = 1; !is_done; fail_at++) {
        struct peers p;
        struct support_mem m;
        struct pyn_event event;
        pyn_status st = PYN_OK;
        support_mem_init(&m, 0);
        begin_many(&p, 300, &m.mem);
        assert_int_equal(peers_new_server(&p), PYN_OK);
        assert_int_equal(peers_put(&p, p.server, support_bytes(HELLO("80"))), PYN_OK);
        assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
        m.fail_at = m.calls + fail_at;
        st = pyn_session_welcome(p.server, &p.objects[0], p.root);
        is_done = m.calls < m.fail_at;
        assert_int_equal(st, is_done ? PYN_OK : PYN_ENOMEM);
        assert_int_equal(pyn_session_state(p.server), st);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
        assert_true(fail_at < 20);
    }
}

static void what_is_looked_for_must_come_from_what_was_described(void **state)
{
    struct peers p;
    struct pyn_event event;
    const struct pyn_iface *root = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    assert_int_equal(pyn_session_look(p.client, p.child, pyn_view_of("m:Root")), PYN_EINTERNAL); /* not described yet */
    root = pyn_session_described(p.client, pyn_view_of("m:Root"));
    assert_int_equal(pyn_session_look(p.client, root, no_name), PYN_OK);
    pyn_session_goodbye(p.client, 0, "");
    assert_int_equal(pyn_session_look(p.client, root, pyn_view_of("m:Child")), PYN_EGONE);
    assert_int_equal(peers_next(&p, p.client, &event), PYN_EGONE);
    peers_fini(&p);
}

/* A policy that was loaded twice is two: interfaces of one mean nothing in the other. */
static void an_interface_of_another_policy_is_not_exported(void **state)
{
    struct peers p;
    struct peers other;
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_init(&other, pyn_mem_default());
    peers_meet(&p);
    assert_int_equal(pyn_session_export(p.server, &p.objects[1], other.child, &id, &number, &is_new), PYN_EINTERNAL);
    assert_false(is_new);
    assert_int_equal(pyn_session_output(p.server).len, 0);
    peers_fini(&p);
    peers_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_of_the_peer_are_what_its_hello_says),
        cmocka_unit_test(each_side_says_its_own_limits),
        cmocka_unit_test(a_welcome_is_due_once_and_from_the_server),
        cmocka_unit_test(nothing_is_sent_ahead_of_the_welcome),
        cmocka_unit_test(a_server_whose_client_leaves_no_room_for_the_welcome_is_at_its_end),
        cmocka_unit_test(each_interface_is_described_once_however_many_there_are),
        cmocka_unit_test(a_welcome_without_memory_for_its_notes_ends_it),
        cmocka_unit_test(what_is_looked_for_must_come_from_what_was_described),
        cmocka_unit_test(an_interface_of_another_policy_is_not_exported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
