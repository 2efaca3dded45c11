/* test_shelf.c - is a description compiled once for the same bytes, never for others, and within what may be kept? */
#include "support.h"

#include <pthread.h>
#include <stdio.h>

#include "../../src/runtime/shelf.h"
#include "../../src/wire/pack.h"

enum { THREADS = 4, ROUNDS = 2000, KINDS = 6 };

struct fragment {
    uint8_t bytes[256];
    size_t len;
};

/* {"interfaces": {name: {"methods": {"f": signature}}}} */
static struct fragment fragment_of(const char *name, const char *signature)
{
    struct fragment made = {.len = 0};
    struct pyn_buf buf;
    struct pyn_view bytes;

    pyn_buf_init(&buf, pyn_mem_default(), sizeof made.bytes);
    assert_int_equal(pyn_pack_map(&buf, 1), PYN_OK);
    assert_int_equal(pyn_pack_str(&buf, "interfaces", strlen("interfaces")), PYN_OK);
    assert_int_equal(pyn_pack_map(&buf, 1), PYN_OK);
    assert_int_equal(pyn_pack_str(&buf, name, strlen(name)), PYN_OK);
    assert_int_equal(pyn_pack_map(&buf, 1), PYN_OK);
    assert_int_equal(pyn_pack_str(&buf, "methods", strlen("methods")), PYN_OK);
    assert_int_equal(pyn_pack_map(&buf, 1), PYN_OK);
    assert_int_equal(pyn_pack_str(&buf, "f", 1), PYN_OK);
    assert_int_equal(pyn_pack_str(&buf, signature, strlen(signature)), PYN_OK);
    bytes = pyn_buf_view(&buf);
    memcpy(made.bytes, bytes.data, bytes.len);
    made.len = bytes.len;
    pyn_buf_fini(&buf);
    return made;
}

static struct fragment numbered(unsigned number)
{
    char name[32];

    (void)snprintf(name, sizeof name, "m:C%u", number);
    return fragment_of(name, "() -> int");
}

static struct pyn_policy *load(struct pyn_shelf *shelf, const struct fragment *fragment)
{
    struct pyn_policy *policy = NULL;

    assert_int_equal(pyn_shelf_load(shelf, (struct pyn_view){fragment->bytes, fragment->len}, &policy), PYN_OK);
    assert_non_null(policy);
    return policy;
}

/* Is it kept? It is not looked up for that, which would count as a use. */
static bool load_is(struct pyn_shelf *shelf, unsigned number, const struct pyn_policy *before)
{
    const struct fragment fragment = numbered(number);
    struct pyn_policy *policy = load(shelf, &fragment);
    bool is = policy == before;

    pyn_policy_unref(policy);
    return is;
}

static void the_same_bytes_are_the_same_policy_and_no_others_are(void **state)
{
    struct pyn_shelf *shelf = pyn_shelf_new(pyn_mem_default(), 8, 1 << 20);
    struct fragment one = fragment_of("m:C", "() -> int");
    struct fragment same = fragment_of("m:C", "() -> int");
    struct fragment other = fragment_of("m:C", "() -> str"); /* of the same name and length */
    struct pyn_policy *first = load(shelf, &one);
    struct pyn_policy *second = load(shelf, &same);
    struct pyn_policy *third = load(shelf, &other);

    assert_int_equal(one.len, other.len);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, third);
    assert_int_equal(pyn_policy_iface(first, 0)->ops[0].signatures[0].result->kind, PYN_T_INT);
    assert_int_equal(pyn_policy_iface(third, 0)->ops[0].signatures[0].result->kind, PYN_T_STR);
    assert_int_equal(pyn_shelf_count(shelf), 2);
    pyn_policy_unref(first);
    pyn_policy_unref(second);
    pyn_policy_unref(third);
    pyn_shelf_free(shelf);
}

static void it_keeps_a_copy_of_the_bytes(void **state)
{
    struct pyn_shelf *shelf = pyn_shelf_new(pyn_mem_default(), 8, 1 << 20);
    struct fragment one = numbered(1);
    struct pyn_policy *first = load(shelf, &one);
    struct pyn_policy *again = NULL;

    memset(one.bytes, 0xc1, sizeof one.bytes); /* the buffer of a connection that is gone */
    one = numbered(1);
    again = load(shelf, &one);
    assert_ptr_equal(first, again);
    pyn_policy_unref(first);
    pyn_policy_unref(again);
    pyn_shelf_free(shelf);
}

static void no_more_than_its_places_are_kept_and_the_longest_unused_goes(void **state)
{
    enum { PLACES = 3 };
    struct pyn_shelf *shelf = pyn_shelf_new(pyn_mem_default(), PLACES, 1 << 20);
    struct pyn_policy *held[PLACES + 1];

    for (unsigned i = 0; i < PLACES; i++) { /* one less, and as many as there are */
        struct fragment fragment = numbered(i);
        held[i] = load(shelf, &fragment);
        assert_int_equal(pyn_shelf_count(shelf), i + 1);
    }
    assert_true(load_is(shelf, 0, held[0])); /* used: the next one is older */
    held[PLACES] = NULL;
    {
        struct fragment fragment = numbered(PLACES); /* one more */
        held[PLACES] = load(shelf, &fragment);
    }
    assert_int_equal(pyn_shelf_count(shelf), PLACES);
    assert_true(load_is(shelf, 0, held[0]));
    assert_true(load_is(shelf, 2, held[2]));
    assert_true(load_is(shelf, 3, held[3]));
    assert_true(pyn_view_is_equal(pyn_policy_iface(held[1], 0)->name, pyn_view_of("m:C1"))); /* gone, and good while held */
    assert_false(load_is(shelf, 1, held[1]));
    for (unsigned i = 0; i <= PLACES; i++) {
        pyn_policy_unref(held[i]);
    }
    pyn_shelf_free(shelf);
}

static void no_more_than_its_bytes_are_kept(void **state)
{
    struct fragment fragment = numbered(0);
    struct pyn_shelf *probe = pyn_shelf_new(pyn_mem_default(), 8, 1 << 20);
    struct pyn_shelf *shelf = NULL;
    size_t each = 0;

    pyn_policy_unref(load(probe, &fragment));
    each = pyn_shelf_size(probe);
    assert_true(each > fragment.len);
    pyn_shelf_free(probe);

    shelf = pyn_shelf_new(pyn_mem_default(), PYN_SHELF_PLACES, 6 * each);
    for (unsigned i = 0; i < 10; i++) { /* the tenth as long as the first */
        fragment = numbered(i);
        pyn_policy_unref(load(shelf, &fragment));
        assert_int_equal(pyn_shelf_count(shelf), i < 6 ? i + 1 : 6);
        assert_true(pyn_shelf_size(shelf) <= 6 * each);
    }
    pyn_shelf_free(shelf);
}

static void what_takes_more_than_its_share_is_not_kept(void **state)
{
    struct fragment fragment = numbered(0);
    struct pyn_shelf *shelf = pyn_shelf_new(pyn_mem_default(), 8, 1 << 20);
    size_t each = 0;

    pyn_policy_unref(load(shelf, &fragment));
    each = pyn_shelf_size(shelf);
    pyn_shelf_free(shelf);

    for (size_t share = each - 1; share <= each + 1; share++) {
        shelf = pyn_shelf_new(pyn_mem_default(), 8, PYN_SHELF_EACH * share);
        pyn_policy_unref(load(shelf, &fragment));
        assert_int_equal(pyn_shelf_count(shelf), share >= each);
        pyn_shelf_free(shelf);
    }
}

static void ten_thousand_descriptions_take_no_more_than_some(void **state)
{
    struct support_mem mem;
    struct pyn_shelf *shelf = NULL;

    support_mem_init(&mem, 0);
    shelf = pyn_shelf_new(&mem.mem, PYN_SHELF_PLACES, PYN_SHELF_BYTES);
    for (unsigned i = 0; i < 10000; i++) {
        struct fragment fragment = numbered(i);
        pyn_policy_unref(load(shelf, &fragment));
    }
    assert_int_equal(pyn_shelf_count(shelf), PYN_SHELF_PLACES);
    assert_true(pyn_shelf_size(shelf) <= PYN_SHELF_BYTES);
    pyn_shelf_free(shelf);
    assert_int_equal(mem.live, 0);
}

static void what_does_not_compile_is_refused_each_time_and_not_kept(void **state)
{
    struct pyn_shelf *shelf = pyn_shelf_new(pyn_mem_default(), 8, 1 << 20);
    struct fragment bad = fragment_of("m:C", "() -> ");
    struct pyn_policy *policy = NULL;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(pyn_shelf_load(shelf, (struct pyn_view){bad.bytes, bad.len}, &policy), PYN_EFORMAT);
        assert_null(policy);
        assert_int_equal(pyn_shelf_load(shelf, (struct pyn_view){NULL, 0}, &policy), PYN_EFORMAT);
        assert_null(policy);
    }
    assert_int_equal(pyn_shelf_count(shelf), 0);
    pyn_shelf_free(shelf);
}

static void without_memory_it_fails_or_is_not_kept_and_nothing_is_lost(void **state)
{
    struct fragment fragment = numbered(0);
    bool is_kept = false;

    for (size_t at = 1; !is_kept && at < 1000; at++) {
        struct support_mem mem;
        struct pyn_shelf *shelf = NULL;
        struct pyn_policy *policy = NULL;
        support_mem_init(&mem, at);
        shelf = pyn_shelf_new(&mem.mem, 8, 1 << 20);
        if (shelf != NULL) {
            pyn_status st = pyn_shelf_load(shelf, (struct pyn_view){fragment.bytes, fragment.len}, &policy);
            assert_true(st == PYN_OK || st == PYN_ENOMEM);
            assert_int_equal(st == PYN_OK, policy != NULL);
            is_kept = pyn_shelf_count(shelf) == 1;
        }
        pyn_policy_unref(policy);
        pyn_shelf_free(shelf);
        assert_int_equal(mem.live, 0);
    }
    assert_true(is_kept);
}

static void *loads(void *arg)
{
    struct pyn_shelf *shelf = arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct fragment fragment = numbered(i % KINDS);
        struct pyn_policy *policy = NULL;
        char name[32];
        (void)snprintf(name, sizeof name, "m:C%u", i % KINDS);
        if (pyn_shelf_load(shelf, (struct pyn_view){fragment.bytes, fragment.len}, &policy) != PYN_OK ||
            !pyn_view_is_equal(pyn_policy_iface(policy, 0)->name, pyn_view_of(name))) {
            return arg;
        }
        pyn_policy_unref(policy);
    }
    return NULL;
}

static void threads_that_find_and_drop_at_once_each_get_what_they_asked_for(void **state)
{
    struct pyn_shelf *shelf = pyn_shelf_new(pyn_mem_default(), KINDS - 2, 1 << 20);
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, loads, shelf), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(pyn_shelf_count(shelf), KINDS - 2);
    pyn_shelf_free(shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_are_the_same_policy_and_no_others_are),
        cmocka_unit_test(it_keeps_a_copy_of_the_bytes),
        cmocka_unit_test(no_more_than_its_places_are_kept_and_the_longest_unused_goes),
        cmocka_unit_test(no_more_than_its_bytes_are_kept),
        cmocka_unit_test(what_takes_more_than_its_share_is_not_kept),
        cmocka_unit_test(ten_thousand_descriptions_take_no_more_than_some),
        cmocka_unit_test(what_does_not_compile_is_refused_each_time_and_not_kept),
        cmocka_unit_test(without_memory_it_fails_or_is_not_kept_and_nothing_is_lost),
        cmocka_unit_test(threads_that_find_and_drop_at_once_each_get_what_they_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
