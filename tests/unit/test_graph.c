/* test_graph.c - every way to an operation is an edge, and the way that is named is a shortest one. */
#include "policy_support.h"

#include "../../policy/graph.h"

/* The sample with the graph of it and what its client reaches. */
struct world {
    struct pyn_policy *policy;
    struct pyn_graph *graph;
    struct pyn_walk walk;
};

static struct world world_of(const char *json)
{
    struct world world = {.policy = policy_load(json)};
    assert_int_equal(pyn_graph_new(world.policy, &world.graph), PYN_OK);
    assert_int_equal(pyn_walk_from_roots(world.graph, &world.walk), PYN_OK);
    return world;
}

static void world_end(struct world *world)
{
    pyn_walk_fini(&world->walk);
    pyn_graph_free(world->graph);
    pyn_policy_unref(world->policy);
}

static uint32_t node_of(const struct world *world, const char *name, enum pyn_hand hand)
{
    uint32_t found = PYN_FAR;
    for (uint32_t i = 0; i < pyn_policy_iface_count(world->policy); i++) {
        const struct pyn_iface *iface = pyn_policy_iface(world->policy, i);
        bool is_side = hand == PYN_HAND_OURS ? iface->is_import || iface->is_fn : !iface->is_import;
        if (is_side && pyn_view_is_equal(iface->name, pyn_view_of(name))) {
            found = pyn_node_of(iface, hand);
        }
    }
    assert_int_not_equal(found, PYN_FAR);
    return found;
}

static uint32_t steps_to(const struct world *world, const char *name, enum pyn_hand hand)
{
    return world->walk.steps[node_of(world, name, hand)];
}

static void what_flows_out_lands_in_the_peers_hand_and_what_flows_in_in_ours(void **state)
{
    static const struct {
        const char *name;
        enum pyn_hand hand;
        uint32_t steps;
        const char *why;
    } rows[] = {
        {"chat:Room", PYN_HAND_PEER, 0, "a root"},
        {"fn(rec chat:Why)->none", PYN_HAND_PEER, 0, "a root that is a fn"},
        {"chat:Reader", PYN_HAND_PEER, 1, "a result"},
        {"chat:Message", PYN_HAND_PEER, 1, "inside of a tuple that is a result"},
        {"chat:Watcher", PYN_HAND_OURS, 1, "an argument that the peer implements"},
        {"fn(chat:Message)->none", PYN_HAND_OURS, 1, "a callback that flows in"},
        {"fn(chat:Message)->none", PYN_HAND_PEER, PYN_FAR, "is never given out"},
        {"fn()->none", PYN_HAND_PEER, 1, "a callable that flows out"},
        {"fn()->none", PYN_HAND_OURS, PYN_FAR, "is never taken in"},
        {"chat:User", PYN_HAND_PEER, 1, "an alternative of a union"},
        {"chat:User", PYN_HAND_OURS, PYN_FAR, "no client implements a class"},
        {"Sequence[chat:Message]", PYN_HAND_PEER, 2, "the result of a result"},
    };
    struct world world = world_of(policy_sample);
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        bool is_there = rows[i].steps != PYN_FAR || rows[i].hand == PYN_HAND_PEER || strncmp(rows[i].name, "fn(", 3) == 0;
        if (!is_there) { /* has no node of its own in that hand: the one of the same number is not reached */
            const struct pyn_iface *iface = pyn_policy_find(world.policy, pyn_view_of(rows[i].name));
            assert_int_equal(world.walk.steps[pyn_node_of(iface, rows[i].hand)], PYN_FAR);
        } else if (steps_to(&world, rows[i].name, rows[i].hand) != rows[i].steps) {
            fail_msg("%s: %s: %u steps", rows[i].name, rows[i].why, steps_to(&world, rows[i].name, rows[i].hand));
        }
    }
    world_end(&world);
}

static void the_arguments_of_a_callback_are_given_to_the_peer(void **state)
{
    static const char json[] = "{\"imports\":{\"x:W\":{\"facet\":true,\"get\":{\"home\":\"none|x:W\"},\"methods\":{"
                               "\"told\":\"(x:Secret, /) -> none\"}}},"
                               "\"interfaces\":{\"x:Hidden\":{\"class\":\"x:Hidden\"},\"x:Room\":{\"class\":\"x:Room\","
                               "\"methods\":{\"watch\":\"(x:W, /) -> none\"}},"
                               "\"x:Secret\":{\"class\":\"x:Secret\"}},\"platform\":\"linux\",\"pynto-policy\":1,"
                               "\"python\":\"3.11\",\"roots\":{\"r\":\"x:Room\"}}";
    struct world world = world_of(json);
    uint32_t secret = node_of(&world, "x:Secret", PYN_HAND_PEER);
    assert_int_equal(world.walk.steps[secret], 2);
    const struct pyn_edge *by = world.walk.by[secret];
    assert_int_equal(by->via, PYN_VIA_ARGUMENT);
    assert_int_equal(by->from, node_of(&world, "x:W", PYN_HAND_OURS));
    assert_true(pyn_view_is_equal(by->op->name, pyn_view_of("told")));
    assert_null(world.walk.by[node_of(&world, "x:Room", PYN_HAND_PEER)]);
    assert_int_equal(steps_to(&world, "x:Hidden", PYN_HAND_PEER), PYN_FAR);
    world_end(&world);
}

static void each_operation_that_leads_somewhere_is_an_edge_of_its_own(void **state)
{
    struct world world = world_of(policy_sample);
    uint32_t user = node_of(&world, "chat:User", PYN_HAND_PEER);
    uint32_t message = node_of(&world, "chat:Message", PYN_HAND_PEER);
    uint32_t to_user = 0;
    uint32_t to_message = 0;
    for (uint32_t i = 0; i < pyn_graph_edge_count(world.graph); i++) {
        const struct pyn_edge *edge = pyn_graph_edge(world.graph, i);
        to_user += edge->to == user;
        to_message += edge->to == message;
        assert_ptr_equal(edge->op->iface, pyn_node_iface(world.graph, edge->from));
        assert_true(i == 0 || pyn_graph_edge(world.graph, i - 1)->from <= edge->from);
    }
    assert_int_equal(to_user, 2);    /* login, and what a watcher is told */
    assert_int_equal(to_message, 4); /* fetch, __getitem__, __enter__, and the callback */
    assert_null(pyn_graph_edge(world.graph, pyn_graph_edge_count(world.graph)));
    world_end(&world);
}

static void who_can_reach_is_answered_against_the_edges(void **state)
{
    struct world world = world_of(policy_sample);
    struct pyn_walk back;
    uint32_t message = node_of(&world, "chat:Message", PYN_HAND_PEER);
    assert_int_equal(pyn_walk_back(world.graph, message, &back), PYN_OK);
    assert_int_equal(back.steps[message], 0);
    assert_int_equal(back.steps[node_of(&world, "Sequence[chat:Message]", PYN_HAND_PEER)], 1);
    assert_int_equal(back.steps[node_of(&world, "chat:Reader", PYN_HAND_PEER)], 2);
    assert_int_equal(back.steps[node_of(&world, "chat:Room", PYN_HAND_PEER)], 1);
    assert_int_equal(back.steps[node_of(&world, "chat:Admin", PYN_HAND_PEER)], PYN_FAR);
    pyn_walk_fini(&back);
    assert_int_equal(pyn_walk_back(world.graph, pyn_graph_node_count(world.graph), &back), PYN_OK); /* no such node */
    assert_int_equal(back.steps[message], PYN_FAR);
    pyn_walk_fini(&back);
    pyn_walk_fini(&back);
    world_end(&world);
}

static void every_way_is_made_of_operations_and_begins_at_a_root(void **state)
{
    struct world world = world_of(policy_sample);
    for (uint32_t node = 0; node < pyn_graph_node_count(world.graph); node++) {
        uint32_t at = node;
        for (uint32_t left = world.walk.steps[node]; left != PYN_FAR && left > 0; left--) {
            assert_int_equal(world.walk.by[at]->to, at);
            at = world.walk.by[at]->from;
            assert_int_equal(world.walk.steps[at], left - 1);
        }
        assert_true(world.walk.steps[at] == 0 || world.walk.steps[node] == PYN_FAR);
    }
    world_end(&world);
}

static void every_allocation_may_fail_and_nothing_leaks(void **state)
{
    struct support_mem mem;
    support_mem_init(&mem, 0);
    struct pyn_policy *policy = NULL;
    assert_int_equal(pyn_policy_load(&mem.mem, pyn_view_of(policy_sample), &policy, NULL), PYN_OK);
    size_t loaded = mem.live;
    bool is_done = false;
    for (size_t n = 1; !is_done; n++) {
        struct pyn_graph *graph = NULL;
        struct pyn_walk walk = {0};
        mem.fail_at = mem.calls + n;
        pyn_status st = pyn_graph_new(policy, &graph);
        st = st == PYN_OK ? pyn_walk_from_roots(graph, &walk) : st;
        is_done = st == PYN_OK;
        assert_true(is_done || st == PYN_ENOMEM);
        pyn_walk_fini(&walk);
        pyn_graph_free(graph);
        assert_int_equal(mem.live, loaded);
        assert_true(n < 100);
    }
    pyn_graph_free(NULL);
    pyn_policy_unref(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_flows_out_lands_in_the_peers_hand_and_what_flows_in_in_ours),
        cmocka_unit_test(the_arguments_of_a_callback_are_given_to_the_peer),
        cmocka_unit_test(each_operation_that_leads_somewhere_is_an_edge_of_its_own),
        cmocka_unit_test(who_can_reach_is_answered_against_the_edges),
        cmocka_unit_test(every_way_is_made_of_operations_and_begins_at_a_root),
        cmocka_unit_test(every_allocation_may_fail_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
