/* test_holdings.c - is what is held found by its id and interface and by nothing else, whatever ids a peer chooses, and is memory given back? */
#include "support.h"

#include <stdlib.h>

#include "../../src/session/holdings.h"

enum { MANY = 20000, KINDS = 8 };

struct world {
    struct support_mem m;
    struct pyn_holdings holdings;
    struct pyn_iface ifaces[KINDS];
    struct pyn_import *entries[MANY];
    uint64_t random;
};

static struct world w;

static int begin(void **state)
{
    (void)state;
    w = (struct world){.random = 271828};
    support_mem_init(&w.m, 0);
    pyn_holdings_init(&w.holdings, &w.m.mem);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pyn_holdings_fini(&w.holdings);
    return w.m.live == 0 ? 0 : -1;
}

static struct pyn_import *add(uint64_t id, const struct pyn_iface *iface)
{
    struct pyn_import *entry = NULL;

    assert_null(pyn_holdings_find(&w.holdings, id, iface));
    entry = pyn_holdings_add(&w.holdings, id, iface);
    assert_non_null(entry);
    assert_int_equal(entry->id, id);
    assert_int_equal(entry->state >> PYN_IMPORT_COUNT_AT, 1);
    assert_null(entry->proxy);
    assert_ptr_equal(pyn_holdings_at(&w.holdings, pyn_import_number(entry)), entry);
    assert_int_not_equal(pyn_import_number(entry), 0);
    assert_ptr_equal(pyn_import_holding(entry)->iface, iface);
    assert_ptr_equal(pyn_holdings_find(&w.holdings, id, iface), entry);
    return entry;
}

static void take_away(struct pyn_import *entry)
{
    const uint64_t id = entry->id;
    const struct pyn_iface *iface = pyn_import_holding(entry)->iface;

    assert_ptr_equal(pyn_holdings_find(&w.holdings, id, iface), entry);
    pyn_holdings_remove(&w.holdings, entry);
    assert_null(pyn_holdings_find(&w.holdings, id, iface));
}

static unsigned height(uint32_t number)
{
    const struct pyn_import *entry = number != 0 ? pyn_holdings_at(&w.holdings, number) : NULL;
    unsigned left = entry != NULL ? height(entry->child[0]) : 0;
    unsigned right = entry != NULL ? height(entry->child[1]) : 0;

    return entry == NULL ? 0 : 1 + (left > right ? left : right);
}

static void what_was_added_is_found_and_nothing_else(void **state)
{
    static const uint64_t ids[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 32, UINT32_MAX};

    (void)state;
    assert_null(pyn_holdings_find(&w.holdings, 0, &w.ifaces[0]));
    for (size_t i = 0; i < SUPPORT_COUNT(ids); i++) {
        w.entries[i] = add(ids[i], &w.ifaces[0]);
    }
    for (size_t i = 0; i < SUPPORT_COUNT(ids); i++) {
        assert_ptr_equal(pyn_holdings_find(&w.holdings, ids[i], &w.ifaces[0]), w.entries[i]);
        assert_null(pyn_holdings_find(&w.holdings, ids[i], &w.ifaces[1]));
        assert_null(pyn_holdings_find(&w.holdings, ids[i], NULL));
    }
    assert_null(pyn_holdings_find(&w.holdings, 2, &w.ifaces[0]));
    assert_null(pyn_holdings_find(&w.holdings, UINT64_MAX - 1, &w.ifaces[0]));
    assert_null(pyn_holdings_find(&w.holdings, UINT64_C(2) << 32, &w.ifaces[0]));
}

static void one_id_under_many_interfaces_stays_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        w.entries[i] = add(7, &w.ifaces[i]);
    }
    for (size_t i = 0; i < KINDS; i++) {
        assert_ptr_equal(pyn_holdings_find(&w.holdings, 7, &w.ifaces[i]), w.entries[i]);
        take_away(w.entries[i]);
        assert_null(pyn_holdings_find(&w.holdings, 7, &w.ifaces[i]));
    }
    assert_int_equal(w.m.live, KINDS + 1); /* holdings stay, and the table of numbers */
}

/* What a peer may think of: each is told by its number. */
static uint64_t dense(uint64_t i)
{
    return i + 1;
}

static uint64_t alike_below(uint64_t i)
{
    return i << 48;
}

static uint64_t apart(uint64_t i)
{
    return i << 32 | i << 6;
}

static uint64_t from_the_top(uint64_t i)
{
    return UINT64_MAX - i;
}

static uint64_t powers(uint64_t i)
{
    return i < 64 ? UINT64_C(1) << (63 - i) : UINT64_C(1) << 62 | i;
}

static uint64_t generations(uint64_t i)
{
    return i % 64 + 1 + (i / 64 << 32);
}

static uint64_t scattered(uint64_t i)
{
    return (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Memory is that of as many entries, whatever their ids; a look-up takes 65 steps at most, and about the logarithm where ids are given out in order. */
static void no_choice_of_ids_takes_more_memory_or_a_longer_search(void **state)
{
    static const struct {
        uint64_t (*id)(uint64_t i);
        unsigned height_max;
    } choices[] = {{dense, 16},  {alike_below, 65}, {apart, 65},    {from_the_top, 16},
                   {powers, 65}, {generations, 65}, {scattered, 65}};

    (void)state;
    for (size_t c = 0; c < SUPPORT_COUNT(choices); c++) {
        for (uint64_t i = 0; i < MANY; i++) {
            w.entries[i] = add(choices[c].id(i), &w.ifaces[0]);
        }
        assert_in_range(height(pyn_import_holding(w.entries[0])->top), 14, choices[c].height_max);
        assert_true(
            w.m.live <=
            MANY / PYN_BLOCK_SEATS +
                8); /* the holding, blocks of 4, 8, 16 and 32 ahead of the full ones, the last one, the table of numbers */
        assert_true(w.holdings.place_room <= 512);
        for (uint64_t i = 0; i < MANY; i++) {
            assert_ptr_equal(pyn_holdings_find(&w.holdings, choices[c].id(i), &w.ifaces[0]), w.entries[i]);
        }
        for (uint64_t i = 0; i < MANY; i++) {
            take_away(w.entries[i]);
        }
        assert_int_equal(w.m.live, 2); /* the holding, and the table of numbers */
    }
}

static void a_few_take_the_seats_of_their_holding_alone(void **state)
{
    size_t calls = 0;

    (void)state;
    for (size_t i = 0; i < PYN_FIRST_SEATS; i++) {
        w.entries[i] = add(i, &w.ifaces[0]);
    }
    assert_int_equal(w.m.live, 2);
    calls = w.m.calls;
    for (uint64_t i = 10; i < 1000; i++) { /* one goes, and another comes */
        take_away(w.entries[i % PYN_FIRST_SEATS]);
        w.entries[i % PYN_FIRST_SEATS] = add(i, &w.ifaces[0]);
    }
    assert_int_equal(w.m.calls, calls);
    w.entries[PYN_FIRST_SEATS] = add(5, &w.ifaces[0]); /* one more */
    assert_int_equal(w.m.live, 3);
    take_away(w.entries[PYN_FIRST_SEATS]);
    assert_int_equal(w.m.live, 2);
}

/* A block goes with its last entry, and not before; what comes then stands in the blocks that are there. */
static void blocks_go_with_their_last_entry_and_their_numbers_are_used_again(void **state)
{
    size_t live = 0;
    uint32_t places = 0;

    (void)state;
    for (uint64_t i = 0; i < MANY; i++) {
        w.entries[i] = add(i, &w.ifaces[i % 2]);
    }
    live = w.m.live;
    places = w.holdings.place_count;
    for (uint64_t i = 0; i < MANY; i++) {
        if (i % 256 >= 2) { /* one in two blocks of each kind stays */
            take_away(w.entries[i]);
        }
    }
    assert_in_range(w.m.live, MANY / 256, live * 2 / 3);
    for (uint64_t i = 0; i < MANY; i++) {
        if (i % 256 >= 2) {
            w.entries[i] = add(UINT64_MAX - i, &w.ifaces[i % 2]);
        }
    }
    assert_true(w.m.live <= live + 2);
    assert_true(w.holdings.place_count <= places + 2);
    for (uint64_t i = 0; i < MANY; i++) {
        assert_int_equal(w.entries[i]->id, i % 256 < 2 ? i : UINT64_MAX - i); /* none has moved */
        take_away(w.entries[i]);
    }
    assert_int_equal(w.m.live, 3);
}

static void any_order_agrees_with_a_model(void **state)
{
    enum { IDS = 600, ROUNDS = 60000 };
    struct pyn_import *model[IDS][3] = {{NULL}};
    size_t count = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const size_t at = support_below(&w.random, IDS);
        const size_t kind = support_below(&w.random, 3);
        const uint64_t id = at % 3 == 0 ? at : at % 3 == 1 ? (uint64_t)at << 40 : scattered(at);
        const bool is_growing = i / 10000 % 2 == 0;
        struct pyn_import **cell = &model[at][kind];
        assert_ptr_equal(pyn_holdings_find(&w.holdings, id, &w.ifaces[kind]), *cell);
        if (*cell == NULL && (is_growing || support_below(&w.random, 4) == 0)) {
            *cell = add(id, &w.ifaces[kind]);
            (*cell)->proxy = cell;
            count++;
        } else if (*cell != NULL && (!is_growing || support_below(&w.random, 4) == 0)) {
            assert_ptr_equal((*cell)->proxy, cell); /* it has not moved, and nobody else has it */
            take_away(*cell);
            *cell = NULL;
            count--;
        }
    }
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t at = 0; at < IDS; at++) {
            if (model[at][kind] != NULL) {
                take_away(model[at][kind]);
                count--;
            }
        }
    }
    assert_int_equal(count, 0);
    assert_int_equal(w.m.live, 3 + 1);
}

static void without_memory_nothing_has_changed(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 400; i++) {
        const size_t live = w.m.live;
        w.m.fail_at = w.m.calls + 1;
        w.entries[i] = pyn_holdings_add(&w.holdings, i, &w.ifaces[i % 4]);
        if (w.entries[i] == NULL) {
            assert_int_equal(w.m.live, live);
            assert_null(pyn_holdings_find(&w.holdings, i, &w.ifaces[i % 4]));
            w.m.fail_at = w.m.calls + 2; /* the block, behind the table of numbers */
            w.entries[i] = pyn_holdings_add(&w.holdings, i, &w.ifaces[i % 4]);
        }
        w.m.fail_at = 0;
        if (w.entries[i] == NULL) {
            assert_null(pyn_holdings_find(&w.holdings, i, &w.ifaces[i % 4]));
            w.entries[i] = add(i, &w.ifaces[i % 4]);
        }
    }
    for (uint64_t i = 0; i < 400; i++) {
        take_away(w.entries[i]);
    }
}

static void what_is_left_of_a_reference_knows_what_it_was(void **state)
{
    struct pyn_past_import past;

    (void)state;
    w.entries[0] = add(1, &w.ifaces[1]);
    w.entries[1] = add(UINT64_MAX, &w.ifaces[1]);
    assert_false(pyn_import_is_past(w.entries[1]));
    pyn_import_note_past(w.entries[1], &past);
    take_away(w.entries[1]);
    (void)add(UINT64_MAX - 1, &w.ifaces[1]); /* in its place */
    assert_true(pyn_import_is_past(&past.entry));
    assert_int_equal(past.entry.id, UINT64_MAX);
    assert_ptr_equal(pyn_import_holding(&past.entry), pyn_import_holding(w.entries[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_added_is_found_and_nothing_else, begin, end),
        cmocka_unit_test_setup_teardown(one_id_under_many_interfaces_stays_apart, begin, end),
        cmocka_unit_test_setup_teardown(no_choice_of_ids_takes_more_memory_or_a_longer_search, begin, end),
        cmocka_unit_test_setup_teardown(a_few_take_the_seats_of_their_holding_alone, begin, end),
        cmocka_unit_test_setup_teardown(blocks_go_with_their_last_entry_and_their_numbers_are_used_again, begin, end),
        cmocka_unit_test_setup_teardown(any_order_agrees_with_a_model, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_nothing_has_changed, begin, end),
        cmocka_unit_test_setup_teardown(what_is_left_of_a_reference_knows_what_it_was, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
