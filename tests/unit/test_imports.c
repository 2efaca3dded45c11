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

static struct pyn_import *add(struct world *w, uint64_t id, const struct pyn_iface *iface)
{
    struct pyn_import *entry = NULL;

    assert_int_equal(pyn_imports_add(&w->imports, id, iface, &entry), PYN_OK);
    assert_int_equal(entry->id, id);
    assert_ptr_equal(pyn_import_holding(entry)->iface, iface);
    assert_ptr_equal(pyn_imports_find(&w->imports, id, iface), entry);
    return entry;
}

static void release(struct world *w, uint64_t id, const struct pyn_iface *iface)
{
    struct pyn_import *entry = pyn_imports_find(&w->imports, id, iface);

    assert_non_null(entry);
    pyn_imports_release(&w->imports, entry);
    assert_null(pyn_imports_find(&w->imports, id, iface));
}

static pyn_status refused(struct world *w, uint64_t id)
{
    struct pyn_import *entry = (struct pyn_import *)w;
    pyn_status st = pyn_imports_add(&w->imports, id, &w->ifaces[0], &entry);

    assert_null(entry);
    return st;
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
    assert_null(add(&w, 5, &w.ifaces[0])->proxy);
    add(&w, 5, &w.ifaces[0])->proxy = &w.proxies[0];
    for (int i = 0; i < 99998; i++) {
        assert_ptr_equal(add(&w, 5, &w.ifaces[0])->proxy, &w.proxies[0]);
    }
    expect_no_free(&w);
    release(&w, 5, &w.ifaces[0]);
    expect_free(&w, 5, 100000);
    expect_no_free(&w);
    end(&w);
}

static void nothing_of_one_interface_is_carried_over_to_another(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    add(&w, 5, &w.ifaces[0])->proxy = &w.proxies[0];
    assert_null(add(&w, 5, &w.ifaces[1])->proxy); /* the same id, claimed to be something else */
    release(&w, 5, &w.ifaces[0]);
    expect_free(&w, 5, 1);
    release(&w, 5, &w.ifaces[1]);
    expect_free(&w, 5, 1);
    end(&w);
}

static void one_that_comes_again_before_its_free_went_out_lives_on(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    add(&w, 5, &w.ifaces[0])->proxy = &w.proxies[0];
    (void)add(&w, 6, &w.ifaces[0]);
    release(&w, 5, &w.ifaces[0]);
    release(&w, 6, &w.ifaces[0]);
    assert_int_equal(w.imports.released, 2);
    assert_null(add(&w, 5, &w.ifaces[0])->proxy); /* the old proxy is gone */
    expect_free(&w, 6, 1);
    expect_no_free(&w);
    release(&w, 5, &w.ifaces[0]);
    expect_free(&w, 5, 2);
    end(&w);
}

static void releasing_and_receiving_in_turn_leaves_one_entry(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 1);
    (void)add(&w, 5, &w.ifaces[0]);
    for (int i = 0; i < 100; i++) {
        release(&w, 5, &w.ifaces[0]);
        (void)add(&w, 5, &w.ifaces[0]);
    }
    release(&w, 5, &w.ifaces[0]);
    assert_int_equal(w.imports.released, 1);
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
    release(&w, 5, &w.ifaces[0]);
    assert_int_equal(w.m.calls + 1, w.m.fail_at);
    expect_free(&w, 5, 1);
    end(&w);
}

static void one_more_than_the_quota_is_refused_until_a_free_went_out(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 2);
    (void)add(&w, 1, &w.ifaces[0]);
    (void)add(&w, 2, &w.ifaces[0]);
    assert_int_equal(refused(&w, 3), PYN_EQUOTA);
    release(&w, 1, &w.ifaces[0]);
    assert_int_equal(refused(&w, 3), PYN_EQUOTA); /* it is still held */
    expect_free(&w, 1, 1);
    (void)add(&w, 3, &w.ifaces[0]);
    end(&w);
}

static void the_root_is_neither_counted_nor_freed(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 0);
    add(&w, 0, &w.ifaces[0])->proxy = &w.proxies[0];
    assert_ptr_equal(add(&w, 0, &w.ifaces[0])->proxy, &w.proxies[0]);
    assert_int_equal(w.ledger.used[PYN_Q_LENT], 0);
    release(&w, 0, &w.ifaces[0]);
    expect_no_free(&w);
    assert_null(add(&w, 0, &w.ifaces[0])->proxy);
    end(&w);
}

static void without_memory_nothing_was_taken(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    w.m.fail_at = 1;
    assert_int_equal(refused(&w, 1), PYN_ENOMEM);
    assert_true(pyn_ledger_is_clear(&w.ledger));
    end(&w);
}

static void a_count_does_not_wrap(void **state)
{
    struct world w;
    struct pyn_import *entry = NULL;

    (void)state;
    begin(&w, 10);
    entry = add(&w, 1, &w.ifaces[0]);
    (void)add(&w, 2, &w.ifaces[0]);
    entry->state += (PYN_IMPORT_COUNT_MAX - 2) * PYN_IMPORT_ONCE;
    assert_ptr_equal(add(&w, 1, &w.ifaces[0]), entry);
    assert_int_equal(refused(&w, 1), PYN_EQUOTA);
    assert_ptr_equal(pyn_imports_find(&w.imports, 1, &w.ifaces[0]), entry);
    release(&w, 1, &w.ifaces[0]);
    expect_free(&w, 1, PYN_IMPORT_COUNT_MAX); /* no flag is in it */
    end(&w);
}

static void frees_go_out_in_the_order_of_their_releases(void **state)
{
    struct world w;
    const uint64_t kept = 3;
    uint64_t id = 0;
    uint64_t count = 0;

    (void)state;
    begin(&w, 100);
    for (uint64_t i = 1; i <= 7; i++) {
        (void)add(&w, i, &w.ifaces[i % 2]);
    }
    release(&w, 3, &w.ifaces[1]);
    release(&w, 7, &w.ifaces[1]);
    release(&w, 2, &w.ifaces[0]);
    release(&w, 5, &w.ifaces[1]);
    (void)add(&w, 7, &w.ifaces[1]); /* from the middle, */
    (void)add(&w, 5, &w.ifaces[1]); /* and from the end */
    release(&w, 1, &w.ifaces[1]);
    assert_true(pyn_imports_next_free(&w.imports, &kept, &id, &count));
    assert_int_equal(id, 2); /* 3 is put behind */
    expect_free(&w, 2, 1);
    (void)add(&w, 1, &w.ifaces[1]);                                      /* from the front */
    assert_false(pyn_imports_next_free(&w.imports, &kept, &id, &count)); /* there is no other */
    expect_free(&w, 3, 1);
    expect_no_free(&w);
    release(&w, 7, &w.ifaces[1]);
    expect_free(&w, 7, 2);
    end(&w);
}

static void at_the_end_what_has_a_proxy_stays_and_nothing_is_owed(void **state)
{
    struct world w;
    struct pyn_import *held[3] = {NULL};
    struct pyn_import *entry = NULL;

    (void)state;
    begin(&w, 1000);
    for (uint64_t i = 1; i <= 900; i++) {
        entry = add(&w, i, &w.ifaces[i % 2]);
        entry->proxy = &w.proxies[1];
        held[i % 3] = entry;
    }
    for (uint64_t i = 1; i <= 897; i++) {
        release(&w, i, &w.ifaces[i % 2]);
    }
    pyn_imports_end(&w.imports);
    assert_true(pyn_ledger_is_clear(&w.ledger));
    expect_no_free(&w);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(held[i]->proxy, &w.proxies[1]);
        assert_ptr_equal(pyn_imports_find(&w.imports, held[i]->id, pyn_import_holding(held[i])->iface), held[i]);
    }
    pyn_imports_release(&w.imports, held[0]);
    pyn_imports_release(&w.imports, held[1]);
    expect_no_free(&w);
    assert_true(pyn_ledger_is_clear(&w.ledger));
    end(&w);
}

/* Against a model: any order of receiving, releasing, writing and giving up, under some interfaces and ids of the peer's choice. */
static void any_order_of_events_agrees_with_a_model(void **state)
{
    enum { IDS = 40, KINDS = 2, ROUNDS = 40000 };
    static const uint64_t patterns[] = {1, UINT64_C(1) << 32, UINT64_C(1) << 58, UINT64_C(0x0123456789abcdef)};
    struct world w;
    struct {
        uint64_t count;
        bool is_held;
    } model[IDS][KINDS] = {{{0}}};
    uint64_t random = 20240229;
    size_t held = 0;
    size_t due = 0;

    (void)state;
    begin(&w, IDS);
    for (int i = 0; i < ROUNDS; i++) {
        const size_t at = support_below(&random, IDS);
        const size_t kind = support_below(&random, KINDS);
        const uint64_t id = (at + 1) * patterns[at % SUPPORT_COUNT(patterns)];
        struct pyn_import *found = pyn_imports_find(&w.imports, id, &w.ifaces[kind]);
        assert_int_equal(found != NULL, model[at][kind].is_held);
        if (support_below(&random, 3) > 0) {
            struct pyn_import *entry = NULL;
            pyn_status st = pyn_imports_add(&w.imports, id, &w.ifaces[kind], &entry);
            if (model[at][kind].count == 0 && held + due == IDS) {
                assert_int_equal(st, PYN_EQUOTA);
                continue;
            }
            assert_int_equal(st, PYN_OK);
            assert_ptr_equal(entry->proxy, found != NULL ? &model[at][kind] : NULL);
            entry->proxy = &model[at][kind];
            due -= model[at][kind].count > 0 && !model[at][kind].is_held;
            held += !model[at][kind].is_held;
            model[at][kind].is_held = true;
            model[at][kind].count++;
        } else if (found != NULL) {
            assert_ptr_equal(found->proxy, &model[at][kind]);
            pyn_imports_release(&w.imports, found);
            model[at][kind].is_held = false;
            held--;
            due++;
        } else if (due > 0) {
            uint64_t out = 0;
            uint64_t count = 0;
            const struct pyn_import *first = pyn_holdings_at(&w.imports.holdings, w.imports.frees.next);
            const size_t k = (size_t)(pyn_import_holding(first)->iface - w.ifaces);
            size_t which = 0;
            assert_true(pyn_imports_next_free(&w.imports, NULL, &out, &count));
            pyn_imports_free_is_out(&w.imports);
            while ((which + 1) * patterns[which % SUPPORT_COUNT(patterns)] != out) {
                which++;
            }
            assert_int_equal(model[which][k].count, count);
            assert_false(model[which][k].is_held);
            model[which][k].count = 0;
            due--;
        }
        assert_int_equal(w.imports.released, due);
        assert_int_equal(w.ledger.used[PYN_Q_LENT], held + due);
    }
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reference_that_comes_often_goes_back_once_with_its_count),
        cmocka_unit_test(nothing_of_one_interface_is_carried_over_to_another),
        cmocka_unit_test(one_that_comes_again_before_its_free_went_out_lives_on),
        cmocka_unit_test(releasing_and_receiving_in_turn_leaves_one_entry),
        cmocka_unit_test(releasing_allocates_nothing),
        cmocka_unit_test(one_more_than_the_quota_is_refused_until_a_free_went_out),
        cmocka_unit_test(the_root_is_neither_counted_nor_freed),
        cmocka_unit_test(without_memory_nothing_was_taken),
        cmocka_unit_test(a_count_does_not_wrap),
        cmocka_unit_test(frees_go_out_in_the_order_of_their_releases),
        cmocka_unit_test(at_the_end_what_has_a_proxy_stays_and_nothing_is_owed),
        cmocka_unit_test(any_order_of_events_agrees_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
