/* test_estates.c - is what a peer has left found again when it comes back, and nothing kept of those that have left nothing? */
#include "support.h"

#include <stdlib.h>
#include <time.h>

#include "../../src/runtime/estates.h"

enum { PEERS = 300, ROUNDS = 100000, ROOM = 64 };

static const uint64_t all_max[PYN_Q_COUNT];

static void charge(struct pyn_owner *owner, uint64_t bytes)
{
    struct pyn_allowance a;

    pyn_allowance_init(&a, owner, all_max);
    assert_int_equal(pyn_allowance_charge(&a, bytes, bytes), PYN_GRANTED);
}

static void the_same_peer_has_the_same_estate_as_long_as_it_has_left_anything(void **state)
{
    struct pyn_estates estates = {0};
    const struct pyn_estate_key one = {7, 0};
    const struct pyn_estate_key other = {7, 1};
    struct pyn_estate *estate = pyn_estates_of(&estates, &one);
    struct pyn_estate *another = pyn_estates_of(&estates, &other);
    struct pyn_owner *owner = pyn_owner_new(estate);
    struct pyn_owner *others = pyn_owner_new(another);

    (void)state;
    assert_ptr_not_equal(estate, another);
    charge(owner, 4096);
    charge(others, 100);
    pyn_estate_unref(estate);
    for (uint64_t i = 0; i < 100; i++) { /* others come and go */
        const struct pyn_estate_key passing = {i, 2};
        pyn_estate_unref(pyn_estates_of(&estates, &passing));
    }
    estate = pyn_estates_of(&estates, &one);
    assert_int_equal(pyn_estate_charged(estate), 4096);
    assert_int_equal(pyn_estate_charged(another), 100);
    assert_int_equal(pyn_estate_charged(estates.whole), 4196);
    pyn_owner_refund(owner, 4096);
    pyn_owner_unref(owner);
    pyn_owner_refund(others, 100);
    pyn_owner_unref(others);
    assert_int_equal(pyn_estate_charged(estates.whole), 0);
    pyn_estate_unref(estate);
    pyn_estate_unref(another);
    pyn_estates_fini(&estates);
}

static void of_whom_nothing_is_known_has_one_for_each_connection(void **state)
{
    struct pyn_estates estates = {0};
    struct pyn_estate *one = pyn_estates_of_nobody(&estates);
    struct pyn_estate *other = pyn_estates_of_nobody(&estates);

    (void)state;
    assert_ptr_not_equal(one, other);
    assert_ptr_equal(one->whole, other->whole);
    assert_int_equal(estates.map.count, 0);
    pyn_estate_unref(one);
    pyn_estate_unref(other);
    pyn_estates_fini(&estates);
}

static void what_outlives_the_table_is_whole(void **state)
{
    struct pyn_estates estates = {0};
    const struct pyn_estate_key key = {1, 1};
    struct pyn_estate *estate = pyn_estates_of(&estates, &key);
    struct pyn_owner *owner = pyn_owner_new(estate);

    (void)state;
    charge(owner, 10);
    pyn_estate_unref(estate);
    pyn_estates_fini(&estates);
    pyn_owner_refund(owner, 10);
    pyn_owner_unref(owner);
}

struct peer {
    struct pyn_estate *estate; /* of its connection, if it has one */
    struct pyn_owner *owner;   /* of an earlier one, if it has left something */
    uint64_t left;
};

static void whoever_comes_and_goes_it_agrees_with_a_model_and_stays_small(void **state)
{
    const char *given = getenv("PYNTO_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
    struct pyn_estates estates = {0};
    static struct peer peers[PEERS];
    uint64_t whole = 0;

    (void)state;
    print_message("PYNTO_TEST_SEED=%llu\n", (unsigned long long)seed);
    for (int round = 0; round < ROUNDS; round++) {
        struct peer *peer = &peers[support_below(&seed, PEERS)];
        const struct pyn_estate_key key = {(uint64_t)(peer - peers), 5};
        const struct pyn_estate_key passing = {support_random(&seed), 6};
        pyn_estate_unref(pyn_estates_of(&estates, &passing));
        if (peer->estate == NULL) {
            peer->estate = pyn_estates_of(&estates, &key);
            assert_int_equal(pyn_estate_charged(peer->estate), peer->left);
            if (peer->owner == NULL) {
                peer->left = support_below(&seed, 1000);
                peer->owner = pyn_owner_new(peer->estate);
                charge(peer->owner, peer->left);
                whole += peer->left;
            }
        } else if (support_below(&seed, 2) == 0 || peer->owner == NULL) {
            pyn_estate_unref(peer->estate);
            peer->estate = NULL;
        } else {
            pyn_owner_refund(peer->owner, peer->left);
            pyn_owner_unref(peer->owner);
            whole -= peer->left;
            peer->owner = NULL;
            peer->left = 0;
        }
        assert_int_equal(pyn_estate_charged(estates.whole), whole);
        assert_true(estates.map.count <= 2 * PEERS + ROOM);
    }
    for (size_t i = 0; i < PEERS; i++) {
        pyn_estate_unref(peers[i].estate);
        if (peers[i].owner != NULL) {
            pyn_owner_refund(peers[i].owner, peers[i].left);
            pyn_owner_unref(peers[i].owner);
        }
    }
    pyn_estates_fini(&estates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_peer_has_the_same_estate_as_long_as_it_has_left_anything),
        cmocka_unit_test(of_whom_nothing_is_known_has_one_for_each_connection),
        cmocka_unit_test(what_outlives_the_table_is_whole),
        cmocka_unit_test(whoever_comes_and_goes_it_agrees_with_a_model_and_stays_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
