/* test_fair.c - do those who wait get what their weights say, is nobody left waiting, and is who asks for little served at once? */
#include "support.h"

#include <stdlib.h>
#include <time.h>

#include "../../src/quota/fair.h"

enum { FLOWS = 40 };

static const uint64_t US = 1000;
static const uint64_t MS = UINT64_C(1000000);

/* Whoever has calls: weight, what they take, and what became of them. */
struct flow {
    struct pyn_entry entry; /* first */
    uint32_t weight;
    uint64_t least;
    uint64_t most;
    uint64_t served; /* time */
    uint64_t turns;
    uint64_t waits_since; /* real time at which its waiting began */
    uint64_t longest;
};

struct world {
    struct pyn_fair fair;
    uint64_t now;
    uint64_t seed;
};

static uint64_t cost_of(struct world *world, const struct flow *flow)
{
    return flow->least + support_below(&world->seed, flow->most - flow->least + 1);
}

static void wait_in(struct world *world, struct flow *flow)
{
    flow->waits_since = world->now;
    pyn_fair_put(&world->fair, &flow->entry);
}

/* One turn; its owner is put back when it has more, as the runtime does it: before the turn has run. */
static struct flow *turn(struct world *world, bool has_more)
{
    struct flow *flow = (struct flow *)pyn_fair_take(&world->fair);
    uint64_t cost = 0;

    if (flow == NULL) {
        return NULL;
    }
    if (world->now - flow->waits_since > flow->longest) {
        flow->longest = world->now - flow->waits_since;
    }
    if (has_more) {
        wait_in(world, flow);
    }
    cost = cost_of(world, flow);
    world->now += cost;
    pyn_fair_charge(&world->fair, &flow->entry, cost, flow->weight);
    flow->served += cost;
    flow->turns++;
    flow->waits_since = world->now;
    return flow;
}

static uint64_t seed_of_run(void)
{
    const char *given = getenv("PYNTO_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;

    print_message("PYNTO_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static void nobody_waits_in_the_beginning_nor_after_the_last_turn(void **state)
{
    struct pyn_fair fair = {0};
    struct pyn_entry entry = {0};

    assert_true(pyn_fair_is_empty(&fair));
    assert_null(pyn_fair_take(&fair));
    pyn_fair_put(&fair, &entry);
    pyn_fair_put(&fair, &entry); /* it waits once */
    assert_ptr_equal(pyn_fair_first(&fair), &entry);
    assert_ptr_equal(pyn_fair_take(&fair), &entry);
    assert_null(pyn_fair_take(&fair));
    assert_true(pyn_fair_is_empty(&fair));
}

static void equals_are_served_in_the_order_in_which_they_came(void **state)
{
    struct pyn_fair fair = {0};
    struct pyn_entry entries[100] = {0};

    for (size_t i = 0; i < 100; i++) {
        pyn_fair_put(&fair, &entries[i]);
    }
    for (size_t i = 0; i < 100; i++) {
        assert_ptr_equal(pyn_fair_take(&fair), &entries[i]);
    }
}

/* Weights of 1 to 400, turns of 1 us to 20 ms. Everybody always waits: then time goes by weight, within 2 %. */
static void time_goes_by_weight_whatever_the_turns_take(void **state)
{
    struct world world = {.seed = seed_of_run()};

    for (int round = 0; round < 5; round++) {
        struct flow flows[FLOWS] = {0};
        uint64_t weights = 0;
        uint64_t total = 0;
        world.fair = (struct pyn_fair){0};
        for (size_t i = 0; i < FLOWS; i++) {
            flows[i].weight = 20 + (uint32_t)support_below(&world.seed, 381);
            flows[i].least = US + support_below(&world.seed, MS);
            flows[i].most = flows[i].least + support_below(&world.seed, 5 * MS);
            weights += flows[i].weight;
            wait_in(&world, &flows[i]);
        }
        for (int i = 0; i < 300000; i++) {
            assert_non_null(turn(&world, true));
        }
        for (size_t i = 0; i < FLOWS; i++) {
            total += flows[i].served;
        }
        for (size_t i = 0; i < FLOWS; i++) {
            double due = (double)total * flows[i].weight / (double)weights;
            double has = (double)flows[i].served;
            if (has < due * 0.98 || has > due * 1.02) {
                fail_msg("flow %zu of weight %u has %.4f of what is due", i, flows[i].weight, has / due);
            }
        }
    }
}

/*
 * At every moment: of two that have always waited, neither is behind the other by more than a turn of each, and what is guessed of the one, by weight.
 * That is what keeps anybody from starving.
 */
static void nobody_falls_behind_by_more_than_a_few_turns(void **state)
{
    struct world world = {.seed = seed_of_run()};
    struct flow flows[FLOWS] = {0};

    for (size_t i = 0; i < FLOWS; i++) {
        flows[i].weight = 10 + (uint32_t)support_below(&world.seed, 991);
        flows[i].least = US + support_below(&world.seed, 100 * US);
        flows[i].most = flows[i].least + support_below(&world.seed, 30 * MS);
        wait_in(&world, &flows[i]);
    }
    for (int i = 0; i < 60000; i++) {
        double least = 1e30;
        double most = 0;
        double slack = 0;
        (void)turn(&world, true);
        if (i % 50 != 0) {
            continue;
        }
        for (size_t k = 0; k < FLOWS; k++) {
            double far = (double)flows[k].served / flows[k].weight;
            double one = (double)flows[k].most / flows[k].weight;
            least = far < least ? far : least;
            most = far > most ? far : most;
            slack = one > slack ? one : slack;
        }
        if (most - least > 3 * slack) {
            fail_msg("after %d turns: %g behind, with turns of at most %g", i, most - least, slack);
        }
    }
}

/* Calls of 10 ms from 50 connections that never stop; one asks 20 times a second for 50 us. It waits for the turn that runs, and for no other. */
static void who_asks_for_little_waits_for_the_turn_that_runs_and_for_no_other(void **state)
{
    struct world world = {.seed = seed_of_run()};
    struct flow greedy[50] = {0};
    struct flow honest = {.weight = 100, .least = 50 * US, .most = 60 * US};
    uint64_t next = 1100 * MS;

    wait_in(&world, &honest); /* it was there before */
    assert_ptr_equal(turn(&world, false), &honest);
    for (size_t i = 0; i < 50; i++) {
        greedy[i] = (struct flow){.weight = 100, .least = 9 * MS, .most = 10 * MS};
        wait_in(&world, &greedy[i]);
    }
    while (honest.turns < 500) {
        struct flow *flow = turn(&world, true);
        if (flow == &honest) {
            fail_msg("it was put back");
        }
        if (world.now >= next) {
            uint64_t came = world.now;
            wait_in(&world, &honest);
            honest.waits_since = next;
            assert_ptr_equal(turn(&world, false), &honest);
            assert_true(came - next <= 10 * MS);
            next += 50 * MS;
        }
    }
    assert_true(honest.longest <= 10 * MS);
}

/* Connection after connection that has never had a turn: whoever is known to ask for little goes ahead of them. */
static void a_crowd_of_newcomers_does_not_push_back_who_is_known(void **state)
{
    struct world world = {.seed = seed_of_run()};
    struct flow honest = {.weight = 100, .least = 50 * US, .most = 60 * US};
    struct flow crowd[200];

    wait_in(&world, &honest);
    assert_ptr_equal(turn(&world, false), &honest);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 200; i++) {
            crowd[i] = (struct flow){.weight = 100, .least = 5 * MS, .most = 6 * MS};
            wait_in(&world, &crowd[i]);
        }
        (void)turn(&world, false);
        wait_in(&world, &honest);
        assert_ptr_equal(turn(&world, false), &honest);
        while (turn(&world, false) != NULL) {}
    }
}

static void who_was_away_has_saved_nothing(void **state)
{
    struct world world = {.seed = seed_of_run()};
    struct flow here = {.weight = 100, .least = MS, .most = MS};
    struct flow away = {.weight = 100, .least = MS, .most = MS};

    wait_in(&world, &here);
    for (int i = 0; i < 10000; i++) {
        (void)turn(&world, true);
    }
    wait_in(&world, &away);
    here.served = away.served = 0;
    for (int i = 0; i < 100; i++) {
        (void)turn(&world, true);
    }
    assert_true(away.served <= here.served + 2 * MS);
}

static void what_a_turn_took_is_paid_back_while_others_wait_and_forgotten_when_nobody_does(void **state)
{
    for (int is_quiet = 0; is_quiet <= 1; is_quiet++) {
        struct world world = {.seed = 1};
        struct flow slow = {.weight = 100, .least = 1000 * MS, .most = 1000 * MS};
        struct flow quick = {.weight = 100, .least = MS, .most = MS};
        wait_in(&world, &quick);
        (void)turn(&world, false);
        wait_in(&world, &slow);
        (void)turn(&world, false);
        if (is_quiet) {
            assert_null(pyn_fair_take(&world.fair));
            slow.entry.guess = quick.entry.guess; /* what it asks for next is another matter */
        }
        wait_in(&world, &slow);
        wait_in(&world, &quick);
        uint64_t ahead = 0;
        while (turn(&world, true) == &quick) {
            ahead++;
        }
        if (is_quiet) {
            assert_true(ahead <= 2);
        } else {
            assert_in_range(ahead, 1080, 1120); /* its second, and the tenth that is guessed of its next turn */
        }
    }
}

/* A debt is for ten seconds at most, a guess for a tenth: whoever had a turn of an hour is back soon. */
static void nobody_owes_without_end(void **state)
{
    struct world world = {.seed = 1};
    struct flow slow = {.weight = 100, .least = 3600 * 1000 * MS, .most = 3600 * 1000 * MS};
    struct flow quick = {.weight = 100, .least = MS, .most = MS};
    uint64_t ahead = 0;

    wait_in(&world, &quick);
    (void)turn(&world, true);
    wait_in(&world, &slow);
    while (turn(&world, true) != &slow) {}
    slow.least = slow.most = MS;
    while (turn(&world, true) == &quick) {
        ahead++;
    }
    assert_true(ahead <= 10200);
}

/* ---- the heap, against a list that is searched ---- */

enum { ENTRIES = 64, STEPS = 60000 };

static struct pyn_entry *least_of(struct pyn_entry *entries)
{
    struct pyn_entry *least = NULL;

    for (size_t i = 0; i < ENTRIES; i++) {
        struct pyn_entry *entry = &entries[i];
        if (entry->is_in &&
            (least == NULL || entry->key < least->key || (entry->key == least->key && entry->order < least->order))) {
            least = entry;
        }
    }
    return least;
}

static void the_first_of_the_heap_is_the_first_of_all(void **state)
{
    uint64_t seed = seed_of_run();
    struct pyn_fair fair = {0};
    struct pyn_entry entries[ENTRIES] = {0};
    struct pyn_entry *had = NULL;

    for (int step = 0; step < STEPS; step++) {
        if (support_below(&seed, 2) == 0) {
            pyn_fair_put(&fair, &entries[support_below(&seed, ENTRIES)]);
        } else {
            struct pyn_entry *first = pyn_fair_first(&fair); /* debts are settled */
            assert_ptr_equal(first, least_of(entries));
            assert_ptr_equal(pyn_fair_take(&fair), first);
            had = first != NULL ? first : had;
        }
        if (had != NULL && support_below(&seed, 3) == 0) {
            pyn_fair_charge(&fair, had, support_below(&seed, 100 * US), 1 + (uint32_t)support_below(&seed, 200));
        }
    }
    while (!pyn_fair_is_empty(&fair)) {
        (void)pyn_fair_take(&fair);
    }
    assert_null(least_of(entries));
}

static void one_is_the_only_one_when_nobody_else_waits(void **state)
{
    struct pyn_fair fair = {0};
    struct pyn_entry entries[3] = {0};

    assert_false(pyn_fair_is_only(&fair, &entries[0]));
    pyn_fair_put(&fair, &entries[0]);
    assert_true(pyn_fair_is_only(&fair, &entries[0]));
    assert_false(pyn_fair_is_only(&fair, &entries[1]));
    pyn_fair_put(&fair, &entries[1]);
    pyn_fair_put(&fair, &entries[2]);
    for (int i = 0; i < 3; i++) {
        assert_false(pyn_fair_is_only(&fair, &entries[i]));
    }
    (void)pyn_fair_take(&fair);
    (void)pyn_fair_take(&fair);
    assert_true(pyn_fair_is_only(&fair, pyn_fair_first(&fair)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_in_the_beginning_nor_after_the_last_turn),
        cmocka_unit_test(equals_are_served_in_the_order_in_which_they_came),
        cmocka_unit_test(time_goes_by_weight_whatever_the_turns_take),
        cmocka_unit_test(nobody_falls_behind_by_more_than_a_few_turns),
        cmocka_unit_test(who_asks_for_little_waits_for_the_turn_that_runs_and_for_no_other),
        cmocka_unit_test(a_crowd_of_newcomers_does_not_push_back_who_is_known),
        cmocka_unit_test(who_was_away_has_saved_nothing),
        cmocka_unit_test(what_a_turn_took_is_paid_back_while_others_wait_and_forgotten_when_nobody_does),
        cmocka_unit_test(nobody_owes_without_end),
        cmocka_unit_test(one_is_the_only_one_when_nobody_else_waits),
        cmocka_unit_test(the_first_of_the_heap_is_the_first_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
