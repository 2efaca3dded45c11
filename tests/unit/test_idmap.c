/* test_idmap.c - the tree that finds items by their id: against a model, and against chosen keys. */
#include "support.h"

#include <stdlib.h>
#include <time.h>

#include "../../src/session/idmap.h"

struct item {
    struct pyn_idnode node;
    uint64_t id;
    uint64_t side;
    bool is_there;
};

static unsigned height(const struct pyn_idnode *node)
{
    if (node == NULL) {
        return 0;
    }
    unsigned left = height(node->child[0]);
    unsigned right = height(node->child[1]);
    return 1 + (left > right ? left : right);
}

static void add(struct pyn_idmap *map, struct item *item)
{
    pyn_idmap_add(map, &item->node, item->id, item->side);
    item->is_there = true;
}

static void what_was_added_is_found_and_nothing_else(void **state)
{
    struct pyn_idmap map = {NULL, 0};
    struct item items[3] = {{.id = 0}, {.id = 1}, {.id = UINT64_MAX}};

    (void)state;
    assert_null(pyn_idmap_find(&map, 0, 0));
    assert_null(pyn_idmap_any(&map));
    for (size_t i = 0; i < 3; i++) {
        add(&map, &items[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(pyn_idmap_find(&map, items[i].id, 0), &items[i]);
        assert_null(pyn_idmap_find(&map, items[i].id, 16));
    }
    assert_null(pyn_idmap_find(&map, 2, 0));
    assert_null(pyn_idmap_find(&map, UINT64_MAX - 1, 0));
    assert_null(pyn_idmap_find(&map, UINT64_C(1) << 32, 0));
    assert_int_equal(map.count, 3);
}

static void one_id_under_many_sides_stays_apart(void **state)
{
    struct pyn_idmap map = {NULL, 0};
    struct item items[1000];

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(items); i++) {
        items[i] = (struct item){.id = 7, .side = 0x55550000 + 16 * i};
        add(&map, &items[i]);
    }
    assert_true(height(map.top) <= 32); /* sides fan out at once */
    for (size_t i = 0; i < SUPPORT_COUNT(items); i++) {
        assert_ptr_equal(pyn_idmap_find(&map, 7, items[i].side), &items[i]);
        pyn_idmap_remove(&map, &items[i].node);
        assert_null(pyn_idmap_find(&map, 7, items[i].side));
    }
    assert_null(map.top);
}

static void ids_in_order_make_a_balanced_tree(void **state)
{
    enum { COUNT = 1 << 14 };
    struct pyn_idmap map = {NULL, 0};
    struct item *items = calloc(COUNT, sizeof *items);

    (void)state;
    assert_non_null(items);
    for (size_t i = 0; i < COUNT; i++) {
        items[i].id = i + 1;
        add(&map, &items[i]);
    }
    assert_in_range(height(map.top), 14, 16);
    free(items);
}

static void check_all(const struct pyn_idmap *map, struct item *items, size_t count)
{
    assert_true(height(map->top) <= 128);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(pyn_idmap_find(map, items[i].id, items[i].side), &items[i]);
    }
}

static void no_choice_of_ids_makes_a_look_up_long(void **state)
{
    enum { COUNT = 20000 };
    struct pyn_idmap map = {NULL, 0};
    struct item *items = calloc(COUNT, sizeof *items);

    (void)state;
    assert_non_null(items);
    for (size_t i = 0; i < COUNT; i++) { /* all alike in their lowest 48 bits, and every power of two */
        items[i].id = i < 64 ? UINT64_C(1) << (63 - i) : (uint64_t)i << 48 | (uint64_t)i << 40;
        items[i].side = i < 64 ? 0 : 1 + i;
        add(&map, &items[i]);
    }
    check_all(&map, items, COUNT);
    free(items);
}

/* The first 64 bits of every path are the same: only the sides tell them apart. */
static void no_choice_of_ids_and_sides_makes_a_look_up_long(void **state)
{
    enum { COUNT = 20000 };
    struct pyn_idmap map = {NULL, 0};
    struct item *items = calloc(COUNT, sizeof *items);

    (void)state;
    assert_non_null(items);
    for (size_t i = 0; i < COUNT; i++) {
        items[i].side = 16 * i;
        items[i].id = 7 ^ (i * UINT64_C(0x9e3779b97f4a7c15));
        add(&map, &items[i]);
    }
    assert_true(height(map.top) > 64);
    check_all(&map, items, COUNT);
    for (size_t i = 0; i < COUNT; i += 2) {
        pyn_idmap_remove(&map, &items[i].node);
        assert_null(pyn_idmap_find(&map, items[i].id, items[i].side));
    }
    assert_int_equal(map.count, COUNT / 2);
    free(items);
}

static void a_map_is_emptied_by_taking_any(void **state)
{
    struct pyn_idmap map = {NULL, 0};
    struct item items[100];
    struct item *item = NULL;
    size_t taken = 0;

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(items); i++) {
        items[i] = (struct item){.id = i * i};
        add(&map, &items[i]);
    }
    while ((item = pyn_idmap_any(&map)) != NULL) {
        assert_true(item->is_there);
        item->is_there = false;
        pyn_idmap_remove(&map, &item->node);
        taken++;
    }
    assert_int_equal(taken, 100);
    assert_int_equal(map.count, 0);
}

static void whatever_comes_and_goes_it_agrees_with_a_model(void **state)
{
    enum { COUNT = 512, ROUNDS = 200000 };
    static struct item items[COUNT];
    const char *given = getenv("PYNTO_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
    struct pyn_idmap map = {NULL, 0};
    size_t there = 0;

    (void)state;
    print_message("PYNTO_TEST_SEED=%llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < COUNT; i++) {
        items[i].id = i < COUNT / 2 ? i : i << 40;
        items[i].side = i % 3 == 0 ? i * 4096 : 0;
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct item *item = &items[support_below(&seed, COUNT)];
        assert_ptr_equal(pyn_idmap_find(&map, item->id, item->side), item->is_there ? item : NULL);
        if (item->is_there) {
            pyn_idmap_remove(&map, &item->node);
            item->is_there = false;
            there--;
        } else {
            add(&map, item);
            there++;
        }
        assert_int_equal(map.count, there);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(pyn_idmap_find(&map, items[i].id, items[i].side), items[i].is_there ? &items[i] : NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_and_nothing_else),
        cmocka_unit_test(one_id_under_many_sides_stays_apart),
        cmocka_unit_test(ids_in_order_make_a_balanced_tree),
        cmocka_unit_test(no_choice_of_ids_makes_a_look_up_long),
        cmocka_unit_test(no_choice_of_ids_and_sides_makes_a_look_up_long),
        cmocka_unit_test(a_map_is_emptied_by_taking_any),
        cmocka_unit_test(whatever_comes_and_goes_it_agrees_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
