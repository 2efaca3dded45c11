/* test_slots.c - is what has an id found by it and by nothing else, is no id given twice, and is memory given back? */
#include "support.h"

#include <stdlib.h>

#include "../../src/session/slots.h"

enum { MANY = 5000 };

struct item {
    uint64_t value;
    uint64_t id;
};

struct world {
    struct support_mem m;
    struct pyn_slots slots;
    struct item *items[MANY];
    size_t count;
};

static struct world w;

static int begin(void **state)
{
    (void)state;
    w = (struct world){.count = 0};
    support_mem_init(&w.m, 0);
    pyn_slots_init(&w.slots, &w.m.mem, sizeof(struct item), offsetof(struct item, id));
    return 0;
}

static int end(void **state)
{
    (void)state;
    while (w.count > 0) {
        pyn_slots_give(&w.slots, w.items[--w.count]);
    }
    pyn_slots_fini(&w.slots);
    return w.m.live == 0 ? 0 : -1;
}

static struct item *take(void)
{
    void *item = NULL;

    assert_int_equal(pyn_slots_take(&w.slots, &item), PYN_OK);
    w.items[w.count++] = item;
    w.items[w.count - 1]->value = w.items[w.count - 1]->id;
    return item;
}

static void give(size_t at)
{
    struct item *item = w.items[at];
    uint64_t id = item->id;

    assert_ptr_equal(pyn_slots_find(&w.slots, id), item);
    pyn_slots_give(&w.slots, item);
    assert_null(pyn_slots_find(&w.slots, id));
    w.items[at] = w.items[--w.count];
}

static void check(void)
{
    for (size_t i = 0; i < w.count; i++) {
        assert_int_equal(w.items[i]->value, w.items[i]->id); /* nobody else has it */
        assert_ptr_equal(pyn_slots_find(&w.slots, w.items[i]->id), w.items[i]);
    }
    assert_int_equal(w.slots.used - w.slots.worn, w.count);
}

static void ids_begin_at_one_and_follow_each_other(void **state)
{
    (void)state;
    assert_null(pyn_slots_find(&w.slots, 0));
    assert_null(pyn_slots_find(&w.slots, 1));
    for (uint64_t i = 1; i <= 300; i++) {
        assert_int_equal(take()->id, i);
        assert_null(pyn_slots_find(&w.slots, i + 1));
    }
    check();
    give(10);
    assert_int_equal(take()->id, 301); /* also when some have gone */
    check();
}

static void what_nobody_has_is_not_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < 70; i++) {
        (void)take();
    }
    assert_null(pyn_slots_find(&w.slots, 0));
    assert_null(pyn_slots_find(&w.slots, 71));
    assert_null(pyn_slots_find(&w.slots, UINT64_C(1) << 32 | 5));
    assert_null(pyn_slots_find(&w.slots, UINT64_C(1) << 32));
    assert_null(pyn_slots_find(&w.slots, UINT32_MAX));
    assert_null(pyn_slots_find(&w.slots, UINT64_MAX));
}

/* Each id is once: they are noted as they come, and compared when they are sorted. */
static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void no_id_is_given_twice(void **state)
{
    enum { STEPS = 60000 };
    static uint64_t ids[STEPS];
    uint64_t seed = 7;
    size_t given = 0;

    (void)state;
    for (size_t step = 0; step < STEPS; step++) {
        /* tides: now it fills, now it empties, down to nothing every now and then */
        bool fills = step / 4000 % 2 == 0;
        bool takes = support_below(&seed, 4) != 0 ? fills : !fills;
        if (takes && w.count < MANY) {
            ids[given++] = take()->id;
        } else if (!takes && w.count > 0) {
            give(support_below(&seed, w.count));
        }
        if (step % 8000 == 7999) {
            while (w.count > step / 8000 % 3) {
                give(support_below(&seed, w.count));
            }
        }
        if (step % 3001 == 0) {
            check();
        }
    }
    qsort(ids, given, sizeof ids[0], compare);
    for (size_t i = 1; i < given; i++) {
        assert_true(ids[i - 1] < ids[i]);
    }
    check();
}

static void as_many_as_were_there_at_once_and_as_many_again_have_room(void **state)
{
    uint32_t most = 0;

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        (void)take();
    }
    for (size_t i = 0; i < 50000; i++) {
        give(i % w.count);
        (void)take();
        most = w.slots.fresh > most ? w.slots.fresh : most;
    }
    assert_in_range(most, 1000, 2 * 1000 + 64 + 2);
    check();
}

static void the_memory_of_those_that_have_gone_is_given_back(void **state)
{
    size_t before = 0;

    (void)state;
    (void)take();
    before = w.m.live;
    for (size_t i = 1; i < MANY; i++) {
        (void)take();
    }
    assert_in_range(w.m.live, before + MANY / 64, before + MANY / 64 + 2);
    while (w.count > 1) {
        give(w.count - 1);
    }
    assert_in_range(w.m.live, before, before + 1); /* and that of the last that was not full */
    give(0);
    assert_int_equal(w.m.live, 0); /* a large one that is empty begins anew */
    assert_int_equal(take()->id, (UINT64_C(1) << 32) + 1);
    check();
}

static void a_slot_that_has_had_all_its_ids_is_not_used_again(void **state)
{
    struct item *item = take();

    (void)state;
    item->id |= UINT64_C(0xfffffffe) << 32;
    item->value = item->id;
    for (size_t i = 0; i < 200; i++) {
        (void)take();
    }
    while (w.count > 0) { /* it is the last that goes, and the first that is used again */
        give(w.count - 1);
    }
    for (size_t i = 0; i < 400; i++) {
        uint64_t id = take()->id;
        assert_true((uint32_t)id != 1 || id >> 32 == UINT32_MAX);
        if ((uint32_t)id == 1) {
            give(w.count - 1);
            assert_null(pyn_slots_find(&w.slots, id));
        }
    }
    check();
    assert_int_equal(w.slots.worn, 1);
}

static void without_memory_nothing_is_taken(void **state)
{
    void *item = NULL;

    (void)state;
    for (size_t taken = 0; taken < 200;) {
        w.m.calls = 0;
        w.m.fail_at = 1;
        if (pyn_slots_take(&w.slots, &item) == PYN_OK) { /* it needed none */
            assert_int_equal(w.m.calls, 0);
            pyn_slots_give(&w.slots, item);
        } else {
            assert_null(item);
        }
        w.m.fail_at = 0;
        assert_int_equal(w.slots.used, taken);
        (void)take();
        taken++;
    }
    while (w.count > 1) {
        give(w.count - 1);
    }
    check();
}

static void without_memory_those_that_have_gone_do_not_come_back_and_are_not_lost(void **state)
{
    void *item = NULL;
    uint32_t gone = 0;
    size_t failures = 0;

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        (void)take();
    }
    while (w.count > 10) {
        give(w.count - 1);
    }
    while (failures < 3 && w.count < MANY) {
        gone = w.slots.gone;
        w.m.calls = 0;
        w.m.fail_at = 1;
        if (pyn_slots_take(&w.slots, &item) != PYN_OK) {
            assert_null(item);
            assert_int_equal(w.slots.gone, gone);
            failures++;
            w.m.fail_at = 0;
            (void)take();
        } else {
            w.items[w.count++] = item;
            w.items[w.count - 1]->value = w.items[w.count - 1]->id;
        }
        w.m.fail_at = 0;
        check();
    }
    assert_int_equal(failures, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_begin_at_one_and_follow_each_other, begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_has_is_not_found, begin, end),
        cmocka_unit_test_setup_teardown(no_id_is_given_twice, begin, end),
        cmocka_unit_test_setup_teardown(as_many_as_were_there_at_once_and_as_many_again_have_room, begin, end),
        cmocka_unit_test_setup_teardown(the_memory_of_those_that_have_gone_is_given_back, begin, end),
        cmocka_unit_test_setup_teardown(a_slot_that_has_had_all_its_ids_is_not_used_again, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_taken, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_those_that_have_gone_do_not_come_back_and_are_not_lost, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
