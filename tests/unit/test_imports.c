/* test_imports.c - what we hold of the peer's, and how it goes back. */
#include "support.h"

#include "../../src/session/imports.h"

struct world {
    struct support_mem m;
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;
    struct pyn_imports imports;
    struct pyn_iface ifaces[2];
    char proxies[8];
};

static void begin(struct world *w, uint64_t lent)
{
    *w = (struct world){.quotas = pyn_quotas_default()};
    support_mem_init(&w->m, 0);
    w->quotas.max[PYN_Q_LENT] = lent;
    pyn_ledger_init(&w->ledger, &w->quotas, 0);
    pyn_imports_init(&w->imports, &w->m.mem, &w->ledger);
}

static void end(struct world *w)
{
    pyn_imports_fini(&w->imports);
    assert_true(pyn_ledger_is_clear(&w->ledger));
    assert_int_equal(w->m.live, 0);
}

static void *add(struct world *w, uint64_t id, const struct pyn_iface *iface)
{
    void *proxy = NULL;

    assert_int_equal(pyn_imports_add(&w->imports, id, iface, &proxy), PYN_OK);
    return proxy;
}

static void expect_free(struct world *w, uint64_t id, uint64_t count)
{
    uint64_t got_id = 0;
    uint64_t got_count = 0;

    assert_true(pyn_imports_next_free(&w->imports, NULL, &got_id, &got_count));
    assert_int_equal(got_id, id);
    assert_int_equal(got_count, count);
    pyn_imports_free_is_out(&w->imports);
}

static void expect_no_free(struct world *w)
{
    uint64_t id = 0;
    uint64_t count = 0;

    assert_false(pyn_imports_next_free(&w->imports, NULL, &id, &count));
    assert_int_equal(w->imports.released, 0);
}

static void a_reference_that_comes_often_goes_back_once_with_its_count(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 1);
    assert_null(add(&w, 5, &w.ifaces[0]));
    pyn_imports_set_proxy(&w.imports, 5, &w.ifaces[0], &w.proxies[0]);
    for (int i = 0; i < 99999; i++) {
        assert_ptr_equal(add(&w, 5, &w.ifaces[0]), &w.proxies[0]);
    }
    expect_no_free(&w);
    pyn_imports_release(&w.imports, 5, &w.ifaces[0]);
    expect_free(&w, 5, 100000);
    expect_no_free(&w);
    end(&w);
}

static void nothing_of_one_interface_is_carried_over_to_another(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    (void)add(&w, 5, &w.ifaces[0]);
    pyn_imports_set_proxy(&w.imports, 5, &w.ifaces[0], &w.proxies[0]);
    assert_null(add(&w, 5, &w.ifaces[1])); /* the same id, claimed to be something else */
    pyn_imports_release(&w.imports, 5, &w.ifaces[0]);
    expect_free(&w, 5, 1);
    pyn_imports_release(&w.imports, 5, &w.ifaces[1]);
    expect_free(&w, 5, 1);
    end(&w);
}

static void one_that_comes_again_before_its_free_went_out_lives_on(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    (void)add(&w, 5, &w.ifaces[0]);
    (void)add(&w, 6, &w.ifaces[0]);
    pyn_imports_set_proxy(&w.imports, 5, &w.ifaces[0], &w.proxies[0]);
    pyn_imports_release(&w.imports, 5, &w.ifaces[0]);
    pyn_imports_release(&w.imports, 6, &w.ifaces[0]);
    assert_int_equal(w.imports.released, 2);
    assert_null(add(&w, 5, &w.ifaces[0])); /* the old proxy is gone */
    expect_free(&w, 6, 1);
    expect_no_free(&w);
    pyn_imports_release(&w.imports, 5, &w.ifaces[0]);
    expect_free(&w, 5, 2);
    end(&w);
}

static void releasing_twice_or_what_is_not_there_does_nothing(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    pyn_imports_release(&w.imports, 5, &w.ifaces[0]);
    expect_no_free(&w);
    (void)add(&w, 5, &w.ifaces[0]);
    pyn_imports_release(&w.imports, 5, &w.ifaces[0]);
    pyn_imports_release(&w.imports, 5, &w.ifaces[0]);
    pyn_imports_set_proxy(&w.imports, 5, &w.ifaces[0], &w.proxies[0]);
    expect_free(&w, 5, 1);
    expect_no_free(&w);
    end(&w);
}

static void releasing_and_receiving_in_turn_leaves_one_entry_on_the_list(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 1);
    (void)add(&w, 5, &w.ifaces[0]);
    for (int i = 0; i < 100; i++) {
        pyn_imports_release(&w.imports, 5, &w.ifaces[0]);
        (void)add(&w, 5, &w.ifaces[0]);
    }
    pyn_imports_release(&w.imports, 5, &w.ifaces[0]);
    assert_int_equal(w.m.live, 1);
    expect_free(&w, 5, 101);
    expect_no_free(&w);
    end(&w);
}

static void releasing_allocates_nothing(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    (void)add(&w, 5, &w.ifaces[0]);
    w.m.fail_at = w.m.calls + 1;
    pyn_imports_release(&w.imports, 5, &w.ifaces[0]);
    assert_int_equal(w.m.calls + 1, w.m.fail_at);
    expect_free(&w, 5, 1);
    end(&w);
}

static void one_more_than_the_quota_is_refused_until_a_free_went_out(void **state)
{
    struct world w;
    void *proxy = NULL;

    (void)state;
    begin(&w, 2);
    (void)add(&w, 1, &w.ifaces[0]);
    (void)add(&w, 2, &w.ifaces[0]);
    assert_int_equal(pyn_imports_add(&w.imports, 3, &w.ifaces[0], &proxy), PYN_EQUOTA);
    pyn_imports_release(&w.imports, 1, &w.ifaces[0]);
    assert_int_equal(pyn_imports_add(&w.imports, 3, &w.ifaces[0], &proxy), PYN_EQUOTA); /* it is still held */
    expect_free(&w, 1, 1);
    (void)add(&w, 3, &w.ifaces[0]);
    end(&w);
}

static void the_root_is_neither_counted_nor_freed(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 0);
    (void)add(&w, 0, &w.ifaces[0]);
    pyn_imports_set_proxy(&w.imports, 0, &w.ifaces[0], &w.proxies[0]);
    assert_ptr_equal(add(&w, 0, &w.ifaces[0]), &w.proxies[0]);
    assert_int_equal(w.ledger.used[PYN_Q_LENT], 0);
    pyn_imports_release(&w.imports, 0, &w.ifaces[0]);
    expect_no_free(&w);
    assert_int_equal(w.m.live, 0);
    end(&w);
}

static void without_memory_nothing_was_taken(void **state)
{
    struct world w;
    void *proxy = NULL;

    (void)state;
    begin(&w, 10);
    w.m.fail_at = 1;
    assert_int_equal(pyn_imports_add(&w.imports, 1, &w.ifaces[0], &proxy), PYN_ENOMEM);
    assert_true(pyn_ledger_is_clear(&w.ledger));
    end(&w);
}

static void a_count_does_not_wrap(void **state)
{
    struct world w;
    void *proxy = NULL;

    (void)state;
    begin(&w, 10);
    (void)add(&w, 1, &w.ifaces[0]);
    ((struct pyn_import *)pyn_idmap_any(&w.imports.map))->state = PYN_IMPORT_COUNT_MAX - 1;
    assert_int_equal(pyn_imports_add(&w.imports, 1, &w.ifaces[0], &proxy), PYN_OK);
    assert_int_equal(pyn_imports_add(&w.imports, 1, &w.ifaces[0], &proxy), PYN_EQUOTA);
    pyn_imports_release(&w.imports, 1, &w.ifaces[0]);
    expect_free(&w, 1, PYN_IMPORT_COUNT_MAX); /* no flag is in it */
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reference_that_comes_often_goes_back_once_with_its_count),
        cmocka_unit_test(nothing_of_one_interface_is_carried_over_to_another),
        cmocka_unit_test(one_that_comes_again_before_its_free_went_out_lives_on),
        cmocka_unit_test(releasing_twice_or_what_is_not_there_does_nothing),
        cmocka_unit_test(releasing_and_receiving_in_turn_leaves_one_entry_on_the_list),
        cmocka_unit_test(releasing_allocates_nothing),
        cmocka_unit_test(one_more_than_the_quota_is_refused_until_a_free_went_out),
        cmocka_unit_test(the_root_is_neither_counted_nor_freed),
        cmocka_unit_test(without_memory_nothing_was_taken),
        cmocka_unit_test(a_count_does_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
