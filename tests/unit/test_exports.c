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
    pyn_exports_fini(&w->exports);
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
    assert_ptr_equal(pyn_export_iface(pyn_exports_find(&w.exports, 1)), &w.wide);
    assert_ptr_equal(pyn_export_iface(pyn_exports_find(&w.exports, 2)), &w.narrow);
    assert_int_equal(pyn_export_count(pyn_exports_find(&w.exports, 1)), 2);
    assert_int_equal(w.ledger.used[PYN_Q_REFERENCES], 3);
    end(&w);
}

static void an_id_is_never_used_again(void **state)
{
    struct world w;
    uint64_t ids[1000];

    (void)state;
    begin(&w, 10);
    for (size_t i = 0; i < SUPPORT_COUNT(ids); i++) {
        ids[i] = add(&w, 0, &w.wide, true);
        assert_int_equal(pyn_exports_free(&w.exports, ids[i], 1), PYN_OK);
        for (size_t j = 0; j <= i; j++) {
            assert_null(pyn_exports_find(&w.exports, ids[j]));
            assert_true(j == i || ids[j] != ids[i]);
        }
        assert_ptr_equal(pyn_exports_reap(&w.exports), &w.objects[0]);
        assert_null(pyn_exports_find(&w.exports, ids[i]));
        assert_null(pyn_exports_held(&w.exports, ids[i]));
        assert_int_equal(pyn_exports_free(&w.exports, ids[i], 1), PYN_EPROTOCOL);
    }
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
    assert_int_equal(pyn_export_count(pyn_exports_find(&w.exports, 1)), 3);
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
    pyn_exports_root(&w.exports, &w.objects[0], &w.wide);
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
    static const uint64_t starts[] = {UINT32_MAX - 1, PYN_EXPORT_COUNT_MAX - 2};
    struct world w;

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(starts); i++) {
        uint64_t id = 0;
        bool is_new = false;
        size_t granted = 0;
        begin(&w, 10);
        (void)add(&w, 0, &w.wide, true);
        pyn_exports_find(&w.exports, 1)->state += starts[i] - 1;
        for (int n = 0; n < 4; n++) {
            granted += pyn_exports_add(&w.exports, &w.objects[0], &w.wide, &id, &is_new) == PYN_OK;
        }
        assert_int_equal(granted, i == 0 ? 4 : 2);
        assert_int_equal(pyn_export_count(pyn_exports_find(&w.exports, 1)), starts[i] + granted);
        assert_int_equal(pyn_export_pins(pyn_exports_find(&w.exports, 1)), 0);
        assert_int_equal(pyn_exports_free(&w.exports, 1, 1), PYN_OK);
        assert_non_null(pyn_exports_find(&w.exports, 1));
        end(&w);
    }
}

/* Of as many calls as there can be one more is refused, and nothing else is touched. */
static void pins_do_not_wrap(void **state)
{
    struct world w;
    struct pyn_holds holds = {0};
    struct pyn_export *entry = NULL;

    (void)state;
    begin(&w, 10);
    (void)add(&w, 0, &w.wide, true);
    entry = pyn_exports_find(&w.exports, 1);
    for (uint64_t i = 1; i < PYN_EXPORT_PINS_MAX; i++) {
        pyn_exports_pin(entry);
    }
    assert_true(pyn_exports_may_pin(entry));
    pyn_holds_note(&w.exports, &holds, entry);
    assert_false(holds.is_short);
    pyn_exports_pin(entry);
    assert_false(pyn_exports_may_pin(entry));
    holds.count = 0;
    pyn_holds_note(&w.exports, &holds, entry);
    assert_true(holds.is_short);
    assert_int_equal(pyn_export_count(entry), 1);
    assert_int_equal(pyn_exports_free(&w.exports, 1, 1), PYN_OK);
    for (uint64_t i = 0; i < PYN_EXPORT_PINS_MAX; i++) {
        assert_null(pyn_exports_reap(&w.exports));
        pyn_exports_unpin(&w.exports, entry);
    }
    assert_ptr_equal(pyn_exports_reap(&w.exports), &w.objects[0]);
    pyn_holds_drop(&w.exports, &(struct pyn_holds){.entries = holds.entries});
    end(&w);
}

static void without_memory_nothing_was_taken(void **state)
{
    struct world w;
    uint64_t id = 0;
    bool is_new = false;

    (void)state;
    begin(&w, 10);
    for (size_t i = 1; i <= 2; i++) { /* the directory, and the entry's place */
        w.m.calls = 0;
        w.m.fail_at = i;
        assert_int_equal(pyn_exports_add(&w.exports, &w.objects[0], &w.wide, &id, &is_new), PYN_ENOMEM);
        assert_false(is_new);
        assert_int_equal(w.ledger.used[PYN_Q_REFERENCES], 0);
        if (w.m.calls < i) { /* the directory was there from the last time */
            break;
        }
    }
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
        cmocka_unit_test(pins_do_not_wrap),
        cmocka_unit_test(without_memory_nothing_was_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
