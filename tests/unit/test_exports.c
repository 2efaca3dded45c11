/* test_exports.c - what the peer holds of ours: ids, counts, pins, and who is reaped when. */
#include "support.h"

#include "../../src/session/exports.h"

struct world {
    struct support_mem m;
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;
    struct pyn_exports exports;
    struct pyn_iface wide;
    struct pyn_iface narrow;
    char objects[256];
};

static void begin(struct world *w, uint64_t references)
{
    *w = (struct world){.quotas = pyn_quotas_default()};
    support_mem_init(&w->m, 0);
    w->quotas.max[PYN_Q_REFERENCES] = references;
    pyn_ledger_init(&w->ledger, &w->quotas, 0);
    pyn_exports_init(&w->exports, &w->m.mem, &w->ledger);
}

static void end(struct world *w)
{
    pyn_exports_drop_all(&w->exports);
    while (pyn_exports_reap(&w->exports) != NULL) {}
    assert_true(pyn_ledger_is_clear(&w->ledger));
    assert_int_equal(w->m.live, 0);
}

static uint64_t add(struct world *w, size_t object, const struct pyn_iface *iface, bool expect_new)
{
    uint64_t id = 0;
    bool is_new = false;

    assert_int_equal(pyn_exports_add(&w->exports, &w->objects[object], iface, &id, &is_new), PYN_OK);
    assert_int_equal(is_new, expect_new);
    return id;
}

static void the_same_object_under_the_same_interface_keeps_its_id(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    assert_int_equal(add(&w, 0, &w.wide, true), 1);
    assert_int_equal(add(&w, 0, &w.wide, false), 1);
    assert_int_equal(add(&w, 0, &w.narrow, true), 2); /* another reference: fixed when it is exported */
    assert_int_equal(add(&w, 1, &w.wide, true), 3);
    assert_ptr_equal(pyn_exports_find(&w.exports, 1)->iface, &w.wide);
    assert_ptr_equal(pyn_exports_find(&w.exports, 2)->iface, &w.narrow);
    assert_int_equal(pyn_exports_find(&w.exports, 1)->count, 2);
    assert_int_equal(w.ledger.used[PYN_Q_REFERENCES], 3);
    end(&w);
}

static void an_id_is_never_used_again(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_int_equal(add(&w, 0, &w.wide, true), i);
        assert_int_equal(pyn_exports_free(&w.exports, i, 1), PYN_OK);
        assert_null(pyn_exports_find(&w.exports, i));
        assert_ptr_equal(pyn_exports_reap(&w.exports), &w.objects[0]);
    }
    assert_int_equal(pyn_exports_free(&w.exports, 1, 1), PYN_EPROTOCOL);
    end(&w);
}

static void what_is_freed_must_be_held_and_as_often(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    (void)add(&w, 0, &w.wide, true);
    (void)add(&w, 0, &w.wide, false);
    (void)add(&w, 0, &w.wide, false);
    assert_int_equal(pyn_exports_free(&w.exports, 1, 4), PYN_EPROTOCOL);
    assert_int_equal(pyn_exports_free(&w.exports, 1, UINT64_MAX), PYN_EPROTOCOL);
    assert_int_equal(pyn_exports_free(&w.exports, 2, 1), PYN_EPROTOCOL);
    assert_int_equal(pyn_exports_find(&w.exports, 1)->count, 3);
    assert_int_equal(pyn_exports_free(&w.exports, 1, 2), PYN_OK);
    assert_null(pyn_exports_reap(&w.exports));
    assert_int_equal(pyn_exports_free(&w.exports, 1, 1), PYN_OK);
    assert_int_equal(w.ledger.used[PYN_Q_REFERENCES], 0);
    assert_int_equal(pyn_exports_free(&w.exports, 1, 1), PYN_EPROTOCOL);
    assert_ptr_equal(pyn_exports_reap(&w.exports), &w.objects[0]);
    assert_null(pyn_exports_reap(&w.exports));
    end(&w);
}

static void the_root_is_not_counted_and_cannot_be_freed(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 0);
    assert_int_equal(pyn_exports_root(&w.exports, &w.objects[0], &w.wide), PYN_OK);
    assert_int_equal(add(&w, 0, &w.wide, false), 0);
    assert_int_equal(pyn_exports_free(&w.exports, 0, 1), PYN_EPROTOCOL);
    assert_int_equal(w.ledger.used[PYN_Q_REFERENCES], 0);
    assert_non_null(pyn_exports_find(&w.exports, 0));
    pyn_exports_drop_all(&w.exports);
    assert_ptr_equal(pyn_exports_reap(&w.exports), &w.objects[0]);
    end(&w);
}

static void a_pinned_object_is_reaped_after_the_last_pin(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    (void)add(&w, 0, &w.wide, true);
    struct pyn_export *entry = pyn_exports_find(&w.exports, 1);
    pyn_exports_pin(entry);
    pyn_exports_pin(entry);
    assert_int_equal(pyn_exports_free(&w.exports, 1, 1), PYN_OK);
    assert_null(pyn_exports_find(&w.exports, 1)); /* gone for the peer at once */
    assert_null(pyn_exports_reap(&w.exports));
    assert_int_equal(add(&w, 0, &w.wide, true), 2); /* and a new reference when it leaves again */
    pyn_exports_unpin(&w.exports, entry);
    assert_null(pyn_exports_reap(&w.exports));
    pyn_exports_unpin(&w.exports, entry);
    assert_ptr_equal(pyn_exports_reap(&w.exports), &w.objects[0]);
    assert_non_null(pyn_exports_find(&w.exports, 2));
    end(&w);
}

static void a_pin_that_goes_while_the_peer_still_holds_it_changes_nothing(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 10);
    (void)add(&w, 0, &w.wide, true);
    pyn_exports_pin(pyn_exports_find(&w.exports, 1));
    pyn_exports_unpin(&w.exports, pyn_exports_find(&w.exports, 1));
    assert_null(pyn_exports_reap(&w.exports));
    assert_non_null(pyn_exports_find(&w.exports, 1));
    end(&w);
}

static void one_reference_more_than_the_quota_is_refused_until_one_goes(void **state)
{
    struct world w;
    uint64_t id = 77;
    bool is_new = true;

    (void)state;
    begin(&w, 2);
    (void)add(&w, 0, &w.wide, true);
    (void)add(&w, 1, &w.wide, true);
    assert_int_equal(pyn_exports_add(&w.exports, &w.objects[2], &w.wide, &id, &is_new), PYN_EQUOTA);
    assert_false(is_new);
    (void)add(&w, 1, &w.wide, false); /* one that is there costs nothing more */
    assert_int_equal(pyn_exports_free(&w.exports, 1, 1), PYN_OK);
    assert_int_equal(add(&w, 2, &w.wide, true), 3);
    end(&w);
}

static void a_count_does_not_wrap(void **state)
{
    static const uint64_t starts[] = {UINT32_MAX - 1, UINT64_MAX - 2};
    struct world w;

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(starts); i++) {
        uint64_t id = 0;
        bool is_new = false;
        size_t granted = 0;
        begin(&w, 10);
        (void)add(&w, 0, &w.wide, true);
        pyn_exports_find(&w.exports, 1)->count = starts[i];
        for (int n = 0; n < 4; n++) {
            granted += pyn_exports_add(&w.exports, &w.objects[0], &w.wide, &id, &is_new) == PYN_OK;
        }
        assert_int_equal(granted, i == 0 ? 4 : 2);
        assert_int_equal(pyn_exports_find(&w.exports, 1)->count, starts[i] + granted);
        assert_int_equal(pyn_exports_free(&w.exports, 1, 1), PYN_OK);
        assert_non_null(pyn_exports_find(&w.exports, 1));
        end(&w);
    }
}

static void without_memory_nothing_was_taken(void **state)
{
    struct world w;
    uint64_t id = 0;
    bool is_new = false;

    (void)state;
    begin(&w, 10);
    w.m.fail_at = 1;
    assert_int_equal(pyn_exports_add(&w.exports, &w.objects[0], &w.wide, &id, &is_new), PYN_ENOMEM);
    assert_false(is_new);
    assert_int_equal(w.ledger.used[PYN_Q_REFERENCES], 0);
    assert_int_equal(add(&w, 0, &w.wide, true), 1);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_object_under_the_same_interface_keeps_its_id),
        cmocka_unit_test(an_id_is_never_used_again),
        cmocka_unit_test(what_is_freed_must_be_held_and_as_often),
        cmocka_unit_test(the_root_is_not_counted_and_cannot_be_freed),
        cmocka_unit_test(a_pinned_object_is_reaped_after_the_last_pin),
        cmocka_unit_test(a_pin_that_goes_while_the_peer_still_holds_it_changes_nothing),
        cmocka_unit_test(one_reference_more_than_the_quota_is_refused_until_one_goes),
        cmocka_unit_test(a_count_does_not_wrap),
        cmocka_unit_test(without_memory_nothing_was_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
