/* test_bytemap.c - the tree that finds items by keys of bytes: against a list, and against chosen keys. */
#include "support.h"

#include "../../src/session/bytemap.h"

enum { ITEMS = 300, KEY_MAX = 6 };

struct item {
    struct pyn_bytenode node;
    uint8_t bytes[KEY_MAX + 1];
    struct pyn_view key;
    bool is_there;
};

static void add(struct pyn_bytemap *map, struct item *item)
{
    pyn_bytemap_add(map, &item->node, item->key, item);
    item->is_there = true;
}

static void drop(struct pyn_bytemap *map, struct item *item)
{
    pyn_bytemap_remove(map, &item->node);
    memset(&item->node, 0xee, sizeof item->node); /* it lends nothing any more */
    item->is_there = false;
}

static bool begins_with(struct pyn_view key, struct pyn_view beginning)
{
    return key.len >= beginning.len && (beginning.len == 0 || memcmp(key.data, beginning.data, beginning.len) == 0);
}

static void an_empty_map_has_nothing(void **state)
{
    struct pyn_bytemap map = {0};

    (void)state;
    assert_null(pyn_bytemap_find(&map, pyn_view_of("a")));
    assert_null(pyn_bytemap_find(&map, pyn_view_of("")));
    assert_null(pyn_bytemap_under(&map, pyn_view_of("")));
}

static void keys_that_part_late_or_have_zeros_stay_apart(void **state)
{
    static const uint8_t keys[][3] = {{0, 0, 0}, {0, 0, 1},          {0, 0x80, 0},
                                      {1, 0, 0}, {0xff, 0xff, 0xff}, {0xff, 0xff, 0xfe}};
    struct pyn_bytemap map = {0};
    struct item items[SUPPORT_COUNT(keys)];

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(keys); i++) {
        items[i] = (struct item){.key = {keys[i], 3}};
        add(&map, &items[i]);
    }
    for (size_t i = 0; i < SUPPORT_COUNT(keys); i++) {
        assert_ptr_equal(pyn_bytemap_find(&map, items[i].key), &items[i]);
        assert_null(pyn_bytemap_find(&map, (struct pyn_view){keys[i], 2}));
    }
    assert_int_equal(map.count, SUPPORT_COUNT(keys));
}

/* Few letters, and a length ahead of them, so that keys share beginnings and none is another's. */
static void choose_key(struct item *item, uint64_t *seed)
{
    size_t len = 1 + support_below(seed, KEY_MAX);

    item->bytes[0] = (uint8_t)len;
    for (size_t i = 1; i <= len; i++) {
        item->bytes[i] = (uint8_t)(support_below(seed, 2) * 0x80);
    }
    item->key = (struct pyn_view){item->bytes, len + 1};
}

static struct item *with_key(struct item *items, struct pyn_view key)
{
    for (size_t i = 0; i < ITEMS; i++) {
        if (items[i].is_there && pyn_view_is_equal(items[i].key, key)) {
            return &items[i];
        }
    }
    return NULL;
}

static void check_beginnings(const struct pyn_bytemap *map, struct item *items, struct pyn_view key)
{
    for (size_t len = 0; len <= key.len; len++) {
        struct pyn_view beginning = {key.data, len};
        const struct item *found = pyn_bytemap_under(map, beginning);
        bool is_any = false;
        for (size_t i = 0; i < ITEMS; i++) {
            is_any = is_any || (items[i].is_there && begins_with(items[i].key, beginning));
        }
        assert_true((found != NULL) == is_any);
        assert_true(found == NULL || (found->is_there && begins_with(found->key, beginning)));
    }
}

static void in_any_order_it_holds_what_a_list_holds(void **state)
{
    static struct item items[ITEMS];
    struct pyn_bytemap map = {0};
    uint64_t seed = 20240229;
    size_t count = 0;

    (void)state;
    for (int step = 0; step < 30000; step++) {
        struct item *item = &items[support_below(&seed, ITEMS)];
        if (item->is_there) {
            drop(&map, item);
            count--;
        } else {
            choose_key(item, &seed);
            if (with_key(items, item->key) == NULL) {
                add(&map, item);
                count++;
            }
        }
        assert_ptr_equal(pyn_bytemap_find(&map, item->key), with_key(items, item->key));
        if (step % 50 == 0) {
            check_beginnings(&map, items, item->key);
        }
        assert_int_equal(map.count, count);
    }
    for (struct item *item = NULL; (item = pyn_bytemap_under(&map, pyn_view_of(""))) != NULL; count--) {
        drop(&map, item);
    }
    assert_int_equal(count, 0);
    assert_int_equal(map.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(keys_that_part_late_or_have_zeros_stay_apart),
        cmocka_unit_test(in_any_order_it_holds_what_a_list_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
