/* test_policy.c - that what is loaded says what the file says, and goes when nobody holds it. */
#include "policy_support.h"

static void a_policy_says_what_its_file_says(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    const struct pyn_iface *room = pyn_policy_find(policy, pyn_view_of("chat:Room"));
    assert_int_equal(pyn_policy_root_count(policy), 2);
    assert_true(pyn_view_is_equal(pyn_policy_root(policy, 1)->name, pyn_view_of("lobby")));
    assert_ptr_equal(pyn_policy_root(policy, 1)->iface, room);
    assert_true(pyn_policy_root(policy, 0)->iface->is_fn);
    assert_null(pyn_policy_root(policy, 2));

    assert_true(pyn_view_is_equal(room->class_name, pyn_view_of("chat:Room")));
    assert_false(room->is_facet);
    assert_int_equal(room->op_count, 13);
    assert_true(pyn_policy_find(policy, pyn_view_of("chat:Reader"))->is_facet);
    assert_int_equal(pyn_policy_find(policy, pyn_view_of("chat:Reader"))->class_name.len, 0);
    assert_true(pyn_policy_find(policy, pyn_view_of("Sequence[chat:Message]"))->is_facet);
    assert_int_equal(pyn_policy_find(policy, pyn_view_of("chat:Admin"))->op_count, 0);
    assert_null(pyn_policy_find(policy, pyn_view_of("chat:Watcher"))); /* an import only */
    assert_null(pyn_policy_find(policy, pyn_view_of("chat:Nobody")));

    assert_int_equal(pyn_policy_error(policy, pyn_view_of("builtins:KeyError")), PYN_ERROR_TYPE);
    assert_int_equal(pyn_policy_error(policy, pyn_view_of("chat:Full")), PYN_ERROR_TEXT);
    assert_int_equal(pyn_policy_error(policy, pyn_view_of("chat:Empty")), PYN_ERROR_HIDDEN);
    assert_int_equal(pyn_policy_record_count(policy), 2);
    assert_int_equal(pyn_policy_enum_count(policy), 1);
    assert_null(pyn_policy_record(policy, 2));
    assert_null(pyn_policy_enum(policy, 1));
    assert_null(pyn_policy_iface(policy, pyn_policy_iface_count(policy)));
    assert_true(pyn_policy_record(policy, 0)->fields[2].may_miss);
    pyn_policy_unref(policy);
}

static void numbers_of_interfaces_and_operations_are_dense(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    bool seen[256] = {false};
    uint32_t total = 0;
    assert_true(pyn_policy_op_count(policy) < 256);
    for (uint32_t i = 0; i < pyn_policy_iface_count(policy); i++) {
        const struct pyn_iface *iface = pyn_policy_iface(policy, i);
        assert_int_equal(iface->index, i);
        assert_ptr_equal(iface->policy, policy);
        for (uint32_t j = 0; j < iface->op_count; j++) {
            const struct pyn_op *op = &iface->ops[j];
            assert_ptr_equal(op->iface, iface);
            assert_true(op->slot < pyn_policy_op_count(policy));
            assert_false(seen[op->slot]);
            seen[op->slot] = true;
            total++;
            assert_ptr_equal(pyn_iface_op(iface, op->kind, op->name), op);
        }
    }
    assert_int_equal(total, pyn_policy_op_count(policy));
    pyn_policy_unref(policy);
}

static void types_point_to_what_they_name(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    const struct pyn_signature *login = policy_op(policy, "chat:Room", PYN_OP_METHOD, "login")->signatures;
    assert_int_equal(login->result->kind, PYN_T_UNION);
    assert_ptr_equal(login->result->items[1]->iface, pyn_policy_find(policy, pyn_view_of("chat:User")));
    assert_null(login->result->items[1]->import);
    const struct pyn_signature *watch = policy_op(policy, "chat:Room", PYN_OP_METHOD, "watch")->signatures;
    assert_null(watch->params[0].type->iface);
    assert_true(watch->params[0].type->import->is_import);
    const struct pyn_iface *fn = watch->result->iface;
    assert_true(fn->is_fn);
    assert_ptr_equal(watch->result->import, fn);
    assert_ptr_equal(pyn_policy_find(policy, pyn_view_of("async fn(str=?)->{int|none}")), fn);
    assert_true(pyn_view_is_equal(fn->ops[0].signatures[0].spelling, pyn_view_of("async (str=?, /) -> int|none")));
    const struct pyn_type user = {.kind = PYN_T_IFACE, .iface = pyn_policy_find(policy, pyn_view_of("chat:User"))};
    assert_true(pyn_type_accepts(&user, pyn_policy_find(policy, pyn_view_of("chat:User"))));
    assert_true(pyn_type_accepts(&user, pyn_policy_find(policy, pyn_view_of("chat:Admin"))));
    assert_false(pyn_type_accepts(&user, pyn_policy_find(policy, pyn_view_of("chat:Room"))));
    pyn_policy_unref(policy);
}

static void interfaces_of_two_policies_are_two_whatever_they_are_called(void **state)
{
    struct pyn_policy *one = policy_load(policy_sample);
    struct pyn_policy *two = policy_load(policy_sample);
    const struct pyn_type user = {.kind = PYN_T_IFACE, .iface = pyn_policy_find(one, pyn_view_of("chat:User"))};
    assert_true(pyn_type_accepts(&user, pyn_policy_find(one, pyn_view_of("chat:User"))));
    assert_false(pyn_type_accepts(&user, pyn_policy_find(two, pyn_view_of("chat:User"))));
    assert_false(pyn_type_accepts(&user, pyn_policy_find(two, pyn_view_of("chat:Admin"))));
    pyn_policy_unref(one);
    pyn_policy_unref(two);
}

static void the_last_unref_gives_everything_back(void **state)
{
    struct support_mem mem;
    struct pyn_policy *policy = NULL;
    struct pyn_diag diag;
    support_mem_init(&mem, 0);
    assert_int_equal(pyn_policy_load(&mem.mem, pyn_view_of(policy_sample), &policy, &diag), PYN_OK);
    assert_ptr_equal(pyn_policy_ref(policy), policy);
    pyn_policy_unref(policy);
    assert_true(mem.live > 0);
    pyn_policy_unref(policy);
    assert_int_equal(mem.live, 0);
    pyn_policy_unref(NULL);
}

static void every_allocation_may_fail_and_nothing_leaks(void **state)
{
    bool is_loaded = false;
    for (size_t n = 1; !is_loaded; n++) {
        struct support_mem mem;
        struct pyn_policy *policy = NULL;
        struct pyn_diag diag;
        support_mem_init(&mem, n);
        pyn_status st = pyn_policy_load(&mem.mem, pyn_view_of(policy_sample), &policy, &diag);
        is_loaded = st == PYN_OK;
        if (!is_loaded) {
            assert_int_equal(st, PYN_ENOMEM);
            assert_null(policy);
            assert_string_equal(diag.text, "out of memory");
        }
        pyn_policy_unref(policy);
        assert_int_equal(mem.live, 0);
        assert_true(n < 10000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_says_what_its_file_says),
        cmocka_unit_test(numbers_of_interfaces_and_operations_are_dense),
        cmocka_unit_test(types_point_to_what_they_name),
        cmocka_unit_test(interfaces_of_two_policies_are_two_whatever_they_are_called),
        cmocka_unit_test(the_last_unref_gives_everything_back),
        cmocka_unit_test(every_allocation_may_fail_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
