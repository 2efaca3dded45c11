/* test_references.c - what one side holds of the other's: proxies that are remembered, values that nobody decodes, objects that are held by calls. */
#include "peers.h"

#include "../../src/session/session_state.h"

#define HELLO "95 f8 a5 70 79 6e 74 6f 01 c0 80 0a "
#define MINE(id) "c7 0c 10 00 00 00 00 00 00 00 " id " 00 00 00 00 "
#define YOURS(id) "d7 11 00 00 00 00 00 00 00 " id " "
#define TAKE(id) "94 00 a4 74 61 6b 65 91 " YOURS(id) "80 0a " /* take(child) */
#define BIG_INT "c7 02 01 01 00 "                              /* an ext that is no reference */

static void put(const struct peers *p, struct pyn_session *to, const char *hex)
{
    assert_int_equal(peers_put(p, to, support_bytes(hex)), PYN_OK);
}

static void expect_output(struct pyn_session *session, const char *hex)
{
    struct pyn_view out = pyn_session_output(session);

    assert_true(support_is_hex(out, hex));
    pyn_session_written(session, out.len);
}

static uint64_t lend(struct peers *p, size_t object, const struct pyn_iface *iface)
{
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    assert_int_equal(pyn_session_export(p->server, &p->objects[object], iface, &id, &number, &is_new), PYN_OK);
    pyn_session_written(p->server, pyn_session_output(p->server).len);
    return id;
}

static void a_proxy_is_remembered_until_it_is_gone(void **state)
{
    struct peers p;
    struct pyn_import *entry = NULL;
    struct pyn_import *again = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    assert_null(pyn_session_held(p.client, 3, p.child));
    assert_int_equal(pyn_session_import(p.client, 3, 0, p.child, &entry), PYN_OK);
    assert_null(entry->proxy);
    assert_int_equal(entry->id, 3);
    assert_ptr_equal(pyn_import_holding(entry)->iface, p.child);
    entry->proxy = &p.objects[3];
    assert_ptr_equal(pyn_session_held(p.client, 3, p.child), entry);
    assert_null(pyn_session_held(p.client, 3, p.root)); /* under another interface it is another */
    assert_int_equal(pyn_session_import(p.client, 3, 0, p.child, &again), PYN_OK);
    assert_ptr_equal(again, entry);
    assert_ptr_equal(entry->proxy, &p.objects[3]);
    pyn_session_release(p.client, entry);
    assert_null(pyn_session_held(p.client, 3, p.child));
    assert_true(pyn_session_has_frees(p.client));
    assert_int_equal(pyn_session_flush_frees(p.client), PYN_OK);
    assert_false(pyn_session_has_frees(p.client));
    expect_output(p.client, "93 fd 03 02 0a"); /* both times at once */
    peers_fini(&p);
}

/* A proxy knows its entry by its address: it may look there, and release it, whatever has happened to the connection. */
static void an_entry_outlives_the_connection_until_it_is_released(void **state)
{
    struct peers p;
    struct pyn_import *kept = NULL;
    struct pyn_import *other = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    for (uint64_t id = 1; id <= 200; id++) {
        assert_int_equal(pyn_session_import(p.client, id, 0, p.child, &other), PYN_OK);
        other->proxy = &p.objects[1];
        if (id == 100) {
            kept = other;
        } else if (id % 2 == 0) {
            pyn_session_release(p.client, other);
        }
    }
    pyn_session_abandon(p.client);
    assert_int_equal(peers_used(p.client, PYN_Q_LENT), 0);
    assert_false(pyn_session_has_frees(p.client));
    assert_int_equal(pyn_session_import(p.client, 100, 0, p.child, &other), PYN_EGONE);
    assert_null(other);
    assert_int_equal(kept->id, 100);
    assert_ptr_equal(kept->proxy, &p.objects[1]);
    assert_ptr_equal(pyn_import_holding(kept)->iface, p.child);
    pyn_session_release(p.client, kept);
    assert_null(pyn_session_held(p.client, 100, p.child));
    assert_false(pyn_session_has_frees(p.client));
    peers_fini(&p); /* with those that were not released */
}

static void what_is_held_depends_on_what_was_said_of_it(void **state)
{
    struct peers p;
    const struct pyn_iface *iface = NULL;
    const struct pyn_iface *root = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    root = pyn_session_described(p.client, pyn_view_of("m:Root"));
    assert_int_equal(pyn_session_held_under(p.client, 0, p.root->index + 1, p.child, &iface), PYN_OK);
    assert_ptr_equal(iface, root); /* the described one goes ahead of the declared one */
    assert_int_equal(pyn_session_held_under(p.client, 5, 0, p.child, &iface), PYN_OK);
    assert_ptr_equal(iface, p.child);
    assert_int_equal(pyn_session_held_under(p.client, 5, 0, NULL, &iface), PYN_EDENIED);
    assert_null(iface);
    assert_int_equal(pyn_session_held_under(p.client, 5, 99, p.child, &iface), PYN_EDENIED); /* never described */
    assert_null(iface);
    assert_int_equal(pyn_session_held_under(p.server, 0, 0, p.child, &iface), PYN_EDENIED); /* a client has no root */
    pyn_session_goodbye(p.client, 0, "");
    assert_int_equal(pyn_session_held_under(p.client, 5, 0, p.child, &iface), PYN_EGONE);
    assert_null(iface);
    assert_int_equal(pyn_session_flush_frees(p.client), PYN_EGONE);
    assert_false(pyn_session_has_frees(p.client));
    peers_fini(&p);
}

static void references_of_a_value_that_nobody_decodes_go_back(void **state)
{
    static const struct {
        const char *value;
        const char *frees;
        const char *why;
    } rows[] = {
        {"93 01 a1 78 c0", "", "none"},
        {MINE("09"), "93 fd 09 01 0a", "one"},
        {"93 " MINE("09") MINE("09") MINE("09"), "93 fd 09 03 0a", "the same thrice: one message"},
        {"94 " MINE("09") MINE("0a") BIG_INT MINE("09"), "93 fd 09 01 0a 93 fd 0a 01 0a 93 fd 09 01 0a", "in turns"},
        {"92 " YOURS("01") MINE("09"), "93 fd 09 01 0a", "the peer's own comes home"},
        {"92 " MINE("00") MINE("00"), "", "a root is never freed"},
        {"05 06 " MINE("09"), "93 fd 09 01 0a", "several values, the rest of one"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        peers_init(&p, pyn_mem_default());
        peers_meet(&p);
        pyn_session_discard(p.client, support_bytes(rows[i].value));
        if (!support_is_hex(pyn_session_output(p.client), rows[i].frees)) {
            fail_msg("%s", rows[i].why);
        }
        pyn_session_written(p.client, pyn_session_output(p.client).len);
        pyn_session_goodbye(p.client, 0, "");
        size_t len = pyn_session_output(p.client).len;
        pyn_session_discard(p.client, support_bytes(rows[i].value)); /* over: nobody is told */
        assert_int_equal(pyn_session_output(p.client).len, len);
        peers_fini(&p);
    }
}

static void what_cannot_be_given_back_ends_the_connection(void **state)
{
    struct peers p;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    p.quotas.max[PYN_Q_OUTPUT] = 9; /* a free is five bytes */
    pyn_session_discard(p.client, support_bytes("92 " MINE("09") MINE("0a")));
    assert_int_equal(pyn_session_state(p.client), PYN_EFLOOD);
    peers_fini(&p);
}

/* The peer frees what a call that it has made still names: the object is there until the call is over. */
static void what_a_call_names_is_held_until_it_is_freed(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;
    struct pyn_refs refs;
    const struct pyn_iface *iface = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet_raw(&p);
    assert_int_equal(lend(&p, 1, p.child), 1);
    put(&p, p.server, TAKE("01") "93 fd 01 01 0a ");
    call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_null(pyn_exports_find(&p.server->exports, 1)); /* a new call of it would be denied */
    assert_ptr_equal(pyn_session_object(p.server, 1, &iface), &p.objects[1]);
    assert_ptr_equal(iface, p.child);
    refs = pyn_session_refs(p.server);
    assert_ptr_equal(refs.exported(refs.ctx, 1), p.child);
    assert_null(refs.exported(refs.ctx, 2));
    assert_null(pyn_session_object(p.server, 2, &iface));
    assert_null(iface);
    assert_false(pyn_session_has_dead(p.server));
    assert_null(pyn_session_reap(p.server));
    assert_int_equal(peers_return(p.server, call, "c0"), PYN_OK);
    assert_true(pyn_session_has_dead(p.server));
    assert_ptr_equal(pyn_session_reap(p.server), &p.objects[1]);
    assert_null(refs.exported(refs.ctx, 1));
    peers_fini(&p);
}

/* A value of the peer's that brings ours home holds them as well: as many as it names, each of them twice. */
static void what_an_answer_names_is_held_until_it_is_freed(void **state)
{
    (void)state;
    for (size_t count = 0; count <= 9; count++) {
        struct peers p;
        struct pyn_type child = {.kind = PYN_T_IFACE};
        const struct pyn_type *items[] = {&child};
        const struct pyn_type type = {.kind = PYN_T_TUPLE_OF, .items = items, .count = 1};
        const struct pyn_expect expect = {.result = &type};
        struct pyn_parcel object = pyn_parcel_of(support_bytes("94 09 a4 74 65 6c 6c 91 01 80"));
        struct pyn_answer *answer = NULL;
        char hex[128];
        size_t reaped = 0;
        peers_init(&p, pyn_mem_default());
        child.iface = p.child;
        peers_meet_raw(&p);
        assert_int_equal(pyn_session_send_batch(p.server, 1, &object, &expect, 1), PYN_OK);
        (void)snprintf(hex, sizeof hex, "92 fc 01 0a 92 ff dc 00 %02zx", 2 * count);
        put(&p, p.server, hex);
        for (size_t i = 1; i <= count; i++) {
            assert_int_equal(lend(&p, i, p.child), i);
            (void)snprintf(hex, sizeof hex, "d7 11 00 00 00 00 00 00 00 %02zx d7 11 00 00 00 00 00 00 00 %02zx", i, i);
            put(&p, p.server, hex);
        }
        put(&p, p.server, "0a");
        for (size_t i = 1; i <= count; i++) {
            (void)snprintf(hex, sizeof hex, "93 fd %02zx 01 0a ", i);
            put(&p, p.server, hex);
        }
        answer = peers_expect_answer(&p, p.server);
        assert_int_equal(answer->status, PYN_OK);
        peers_expect_none(&p, p.server);
        assert_false(pyn_session_has_dead(p.server));
        pyn_session_answer_free(p.server, answer);
        while (pyn_session_reap(p.server) != NULL) {
            reaped++;
        }
        assert_int_equal(reaped, count);
        peers_fini(&p);
    }
}

static void an_object_that_never_left_is_taken_back(void **state)
{
    struct peers p;
    uint64_t id = 0;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet_raw(&p);
    id = lend(&p, 1, p.child);
    pyn_session_unexport(p.server, 0); /* the root is not */
    assert_null(pyn_session_reap(p.server));
    pyn_session_unexport(p.server, id);
    assert_ptr_equal(pyn_session_reap(p.server), &p.objects[1]);
    pyn_session_unexport(p.server, id); /* the peer was faster */
    assert_null(pyn_session_reap(p.server));
    pyn_session_goodbye(p.server, 0, "");
    uint32_t number = 7;
    bool is_new = true;
    assert_int_equal(pyn_session_export(p.server, &p.objects[1], p.child, &id, &number, &is_new), PYN_EGONE);
    assert_int_equal(id, 0);
    assert_int_equal(number, 0);
    assert_false(is_new);
    peers_fini(&p);
}

static void there_are_no_more_ids_than_there_are_numbers(void **state)
{
    struct peers p;
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet_raw(&p);
    assert_int_equal(lend(&p, 1, p.child), 1);
    p.server->exports.slots.fresh = UINT32_MAX;
    assert_int_equal(pyn_session_export(p.server, &p.objects[2], p.child, &id, &number, &is_new), PYN_EQUOTA);
    assert_false(is_new);
    assert_int_equal(lend(&p, 1, p.child), 1); /* what is there can be sent again */
    pyn_session_unexport(p.server, 1);
    pyn_session_unexport(p.server, 1);
    assert_ptr_equal(pyn_session_reap(p.server), &p.objects[1]);
    assert_int_equal(lend(&p, 2, p.child), (UINT64_C(1) << 32) + 1); /* and the place of what has gone is used again */
    p.server->exports.slots.fresh = 2;
    peers_fini(&p);
}

/* What a refused call or answer has named is held for nobody. */
static void what_was_refused_holds_nothing(void **state)
{
    static const char *const refused[] = {
        "94 00 a4 74 61 6b 65 92 " YOURS("01") "05 80 0a ", /* an argument more */
        "94 00 a4 74 61 6b 65 91 " YOURS("01") "81 a1 78 05 0a ",
        "93 f4 92 94 00 a3 61 64 64 92 01 " YOURS("01") "80 94 00 a3 61 64 64 91 d6 1b 00 00 00 00 80 80 0a ",
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(refused); i++) {
        struct peers p;
        struct pyn_call *call = NULL;
        peers_init(&p, pyn_mem_default());
        peers_meet_raw(&p);
        assert_int_equal(lend(&p, 1, p.child), 1);
        put(&p, p.server, refused[i]);
        put(&p, p.server, "94 00 a3 61 64 64 92 01 02 80 0a 93 fd 01 01 0a ");
        call = peers_expect_call(&p, p.server);
        assert_true(pyn_view_is_equal(call->verdict.op->name, pyn_view_of("add")));
        peers_expect_none(&p, p.server);
        assert_ptr_equal(pyn_session_reap(p.server), &p.objects[1]); /* while the other call runs */
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        peers_fini(&p);
    }
}

/* It costs a refusal, and what it would have brought goes back. */
static void a_call_that_is_cancelled_while_it_waits_is_not_run(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet_raw(&p);
    put(&p, p.server, "94 00 a3 61 64 64 92 01 02 80 0a 94 00 a5 77 61 74 63 68 91 " MINE("09") "80 0a 91 fa 0a ");
    call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_ledger(p.server)->refused, 1);
    expect_output(p.server, "93 fd 09 01 0a ");
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
    const struct pyn_view out = pyn_session_output(p.server);
    assert_true(out.len > 6);
    assert_memory_equal(out.data, "\x92\xff\x03\n\x92\xfe", 6); /* the answer to the one, an error for the other */
    peers_fini(&p);
}

/* ---- without memory ---- */

/* An answer that there is no memory for, whatever it is, ends the connection: it could not be asked for again. */
static void an_answer_without_memory_ends_the_connection(void **state)
{
    static const struct {
        const char *begin;
        const char *end;
    } rows[] = {
        {"92 ff da 04 00 ", "0a"},                /* a text of 1024 */
        {"92 fe 94 a1 45 da 04 00 ", "c0 c0 0a"}, /* the same in an error */
        {"92 ff dc 04 00 ", "0a"},                /* 1024 numbers */
    };
    static const struct pyn_expect any;

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        bool is_done = false;
        for (size_t fail_at = 1; !is_done; fail_at++) {
            static uint8_t text[1024];
            struct peers p;
            struct support_mem m;
            struct pyn_event event = {0};
            struct pyn_parcel object = pyn_parcel_of(support_bytes("94 00 a1 78 90 80"));
            memset(text, 'x', sizeof text);
            support_mem_init(&m, 0);
            peers_init(&p, &m.mem);
            peers_meet(&p);
            assert_int_equal(pyn_session_send_batch(p.client, 0, &object, &any, 1), PYN_OK);
            put(&p, p.client, rows[i].begin);
            assert_int_equal(peers_put(&p, p.client, (struct pyn_view){text, sizeof text}), PYN_OK);
            put(&p, p.client, rows[i].end);
            m.fail_at = m.calls + fail_at;
            pyn_status st = peers_next(&p, p.client, &event);
            is_done = m.calls < m.fail_at;
            assert_int_equal(st, is_done ? PYN_OK : PYN_ENOMEM);
            assert_int_equal(pyn_session_state(p.client), st);
            assert_int_equal(event.answer != NULL, is_done);
            pyn_session_answer_free(p.client, event.answer);
            peers_fini(&p);
            assert_int_equal(m.live, 0);
            assert_true(fail_at < 20);
        }
    }
}

/* References of ours in an answer have to be noted, or they might go while somebody holds them. */
static void references_that_cannot_be_noted_end_the_connection(void **state)
{
    bool is_done = false;

    (void)state;
    for (size_t fail_at = 1; !is_done; fail_at++) {
        struct peers p;
        struct support_mem m;
        struct pyn_type child = {.kind = PYN_T_IFACE};
        const struct pyn_type *items[] = {&child};
        const struct pyn_type type = {.kind = PYN_T_TUPLE_OF, .items = items, .count = 1};
        const struct pyn_expect expect = {.result = &type};
        struct pyn_parcel object = pyn_parcel_of(support_bytes("94 09 a4 74 65 6c 6c 91 01 80"));
        struct pyn_event event = {0};
        support_mem_init(&m, 0);
        peers_init(&p, &m.mem);
        child.iface = p.child;
        peers_meet_raw(&p);
        for (size_t i = 1; i <= 5; i++) {
            assert_int_equal(lend(&p, i, p.child), i);
        }
        assert_int_equal(pyn_session_send_batch(p.server, 1, &object, &expect, 1), PYN_OK);
        put(&p, p.server, "92 fc 01 0a 92 ff 95 " YOURS("01") YOURS("02") YOURS("03") YOURS("04") YOURS("05") "0a");
        m.fail_at = m.calls + fail_at;
        pyn_status st = peers_next(&p, p.server, &event);
        is_done = m.calls < m.fail_at;
        assert_int_equal(st, is_done ? PYN_OK : PYN_ENOMEM);
        pyn_session_answer_free(p.server, event.answer);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
        assert_true(fail_at < 20);
    }
}

static void calls_that_there_is_no_memory_for_are_not_sent(void **state)
{
    static const struct pyn_expect any[2];
    bool is_done = false;

    (void)state;
    for (size_t fail_at = 1; !is_done; fail_at++) {
        struct peers p;
        struct support_mem m;
        struct pyn_parcel object = pyn_parcel_of(support_bytes("93 f4 92 94 00 a1 78 90 80 94 00 a1 79 90 80 80"));
        support_mem_init(&m, 0);
        peers_init(&p, &m.mem);
        peers_meet(&p);
        pyn_session_rest(p.client);
        m.fail_at = m.calls + fail_at;
        pyn_status st = pyn_session_send_batch(p.client, 4, &object, any, 2);
        is_done = m.calls < m.fail_at;
        assert_int_equal(st, is_done ? PYN_OK : PYN_ENOMEM);
        assert_int_equal(pyn_session_output(p.client).len > 0, is_done);
        assert_int_equal(!pyn_session_may_call(p.client, 4), is_done);
        if (!is_done) {
            assert_int_equal(pyn_session_state(p.client), PYN_OK);
            assert_true(pyn_session_may_call(p.client, 4)); /* and later it can be */
            assert_int_equal(pyn_session_send_batch(p.client, 4, &object, any, 2), PYN_OK);
        }
        peers_fini(&p);
        assert_int_equal(m.live, 0);
        assert_true(fail_at < 20);
    }
}

static void a_message_of_ours_is_no_larger_than_the_limit(void **state)
{
    struct peers p;
    struct pyn_parcel object = pyn_parcel_of(support_bytes("96 f5 00 a1 78 90 80 81 a6 6f 6e 65 77 61 79 c3"));

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    p.quotas.limits.message_max = object.own.len - 1;
    assert_int_equal(pyn_session_tell(p.client, 2, &object), PYN_EQUOTA);
    assert_int_equal(pyn_session_output(p.client).len, 0);
    p.quotas.limits.message_max = object.own.len;
    assert_int_equal(pyn_session_tell(p.client, 2, &object), PYN_OK);
    assert_true(pyn_session_may_call(p.client, 2)); /* nobody waits for what is not answered */
    pyn_session_goodbye(p.client, 0, "");
    assert_int_equal(pyn_session_tell(p.client, 2, &object), PYN_EGONE);
    peers_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proxy_is_remembered_until_it_is_gone),
        cmocka_unit_test(an_entry_outlives_the_connection_until_it_is_released),
        cmocka_unit_test(what_is_held_depends_on_what_was_said_of_it),
        cmocka_unit_test(references_of_a_value_that_nobody_decodes_go_back),
        cmocka_unit_test(what_cannot_be_given_back_ends_the_connection),
        cmocka_unit_test(what_a_call_names_is_held_until_it_is_freed),
        cmocka_unit_test(what_an_answer_names_is_held_until_it_is_freed),
        cmocka_unit_test(an_object_that_never_left_is_taken_back),
        cmocka_unit_test(there_are_no_more_ids_than_there_are_numbers),
        cmocka_unit_test(what_was_refused_holds_nothing),
        cmocka_unit_test(a_call_that_is_cancelled_while_it_waits_is_not_run),
        cmocka_unit_test(an_answer_without_memory_ends_the_connection),
        cmocka_unit_test(references_that_cannot_be_noted_end_the_connection),
        cmocka_unit_test(calls_that_there_is_no_memory_for_are_not_sent),
        cmocka_unit_test(a_message_of_ours_is_no_larger_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
