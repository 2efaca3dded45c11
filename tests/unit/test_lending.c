/* test_lending.c - references from one peer to the other: described, used, counted, given back, stale. */
#include "session_support.h"

#include "../../src/session/holdings.h"

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
    struct pyn_import *entry = NULL;
    struct pyn_import *other = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_LENT] = 1;
    peers_meet_raw(&p);
    put(&p, "94 00 a5 77 61 74 63 68 91 " MINE_9 "80 0a");
    struct pyn_call *call = peers_expect_call(&p, p.server);
    watcher = call->verdict.signature->params[0].type->import;
    assert_non_null(watcher);
    assert_int_equal(pyn_session_import(p.server, 9, 0, watcher, &entry), PYN_OK);
    assert_ptr_equal(pyn_import_holding(entry)->iface, watcher);
    assert_null(entry->proxy);
    entry->proxy = &p.objects[7];
    assert_int_equal(pyn_session_import(p.server, 9, 0, watcher, &other), PYN_OK);
    assert_ptr_equal(other, entry);
    assert_ptr_equal(entry->proxy, &p.objects[7]);
    assert_int_equal(pyn_session_import(p.server, 9, 1, NULL, &other), PYN_EDENIED); /* a client describes nothing */
    assert_int_equal(pyn_session_import(p.server, 0, 0, watcher, &other), PYN_EDENIED);
    assert_int_equal(pyn_session_import(p.server, 8, 0, watcher, &other), PYN_EQUOTA);
    assert_false(pyn_session_has_frees(p.server));
    pyn_session_release(p.server, entry);
    assert_true(pyn_session_has_frees(p.server));
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    expect_output(p.server, "93 fd 09 02 0a" RETURN_3);
    assert_int_equal(pyn_session_import(p.server, 8, 0, watcher, &other), PYN_OK);
    pyn_session_release(p.server, other);
    assert_int_equal(pyn_session_import(p.server, 7, 0, watcher, &other), PYN_OK); /* the free makes room by itself */
    expect_output(p.server, "93 fd 08 01 0a");
    pyn_session_release(p.server, other);
    assert_int_equal(pyn_session_flush_frees(p.server), PYN_OK);
    expect_output(p.server, "93 fd 07 01 0a");
    assert_int_equal(pyn_session_import(p.server, 6, 0, watcher, &other), PYN_OK);
    pyn_session_abandon(p.server); /* with one that is still held */
    assert_int_equal(peers_used(p.server, PYN_Q_LENT), 0);
    pyn_session_release(p.server, other);
    assert_false(pyn_session_has_frees(p.server));
    peers_fini(&p);
}

static void the_peers_root_is_never_freed(void **state)
{
    struct peers p;
    const struct pyn_iface *root = NULL;
    struct pyn_import *entry = NULL;

    (void)state;
    peers_init(&p, pyn_mem_default());
    peers_meet(&p);
    assert_int_equal(pyn_session_import(p.client, 0, p.root->index + 1, NULL, &entry), PYN_OK);
    root = pyn_import_holding(entry)->iface;
    assert_true(pyn_view_is_equal(root->name, p.root->name));
    entry->proxy = &p.objects[9];
    pyn_session_discard(p.client, support_bytes("c7 0c 10 00 00 00 00 00 00 00 00 00 00 00 01"));
    pyn_session_release(p.client, entry);
    assert_null(pyn_session_held(p.client, 0, root));
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
        struct pyn_import *child = NULL;
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
        assert_int_equal(pyn_session_import(p.client, id, number, NULL, &child), PYN_OK);
        assert_true(pyn_view_is_equal(pyn_import_holding(child)->iface->name, p.child->name));
        child->proxy = &p.objects[40];

        /* child.name() */
        assert_int_equal(peers_call(p.client, 0, id, "name", 0, ""), PYN_OK);
        peers_pump(&p, p.client, p.server);
        call = peers_expect_call(&p, p.server);
        assert_ptr_equal(call->object, &p.objects[1]);
        assert_int_equal(peers_return(p.server, call, "a1 78"), PYN_OK);
        peers_pump(&p, p.server, p.client);
        pyn_session_answer_free(p.client, peers_expect_answer(&p, p.client));

        /* released: the free goes ahead of the next message */
        pyn_session_release(p.client, child);
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
    struct pyn_import *lent = NULL;

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
    assert_int_equal(pyn_session_import(p.server, 1, 0, declared, &lent), PYN_OK);
    assert_int_equal(peers_call(p.server, outer->lane, 1, "tell", 1, "05"), PYN_OK);
    peers_pump(&p, p.server, p.client);
    struct pyn_call *inner = peers_expect_call(&p, p.client);
    assert_true(inner->is_nested);
    assert_ptr_equal(inner->object, &p.objects[20]);
    assert_int_equal(peers_return(p.client, inner, "06"), PYN_OK);
    peers_pump(&p, p.client, p.server);
    pyn_session_answer_free(p.server, peers_expect_answer(&p, p.server));
    pyn_session_release(p.server, lent);
    assert_int_equal(peers_return(p.server, outer, "07"), PYN_OK);
    peers_pump(&p, p.server, p.client);
    struct pyn_answer *answer = peers_expect_answer(&p, p.client);
    assert_true(support_is_hex(answer->value, "07"));
    pyn_session_answer_free(p.client, answer);
    assert_ptr_equal(pyn_session_reap(p.client), &p.objects[20]);
    peers_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(a_reference_is_lent_used_and_given_back),
        cmocka_unit_test(a_client_lends_an_object_that_the_server_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
