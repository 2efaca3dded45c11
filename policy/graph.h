/*
 * graph.h - who can reach what: every way from a root to an operation, from the tables that calls are decided with.
 *
 * A node is an interface in a hand: the peer's, which calls our objects under it, or ours, when we call the peer's. An edge is an operation
 * that hands a reference over: what flows out lands in the peer's hand, what flows in (of the peer's own) in ours. Every operation of a
 * reachable node is an edge for each interface that it hands over, so that none is hidden behind the one that was found first.
 *
 * Owns:     the arrays, until pyn_graph_free() and pyn_walk_fini().
 * Borrows:  the policy, which must live longer.
 * Errors:   PYN_ENOMEM.
 * Cost:     a graph is linear in the policy's types, a walk in the graph; no recursion but into a type, PYN_NEST_MAX deep.
 * Threads:  any number may read.
 * Tests:    tests/unit/test_graph.c, tests/fuzz/fuzz_diff.c
 */
#ifndef PYN_GRAPH_H
#define PYN_GRAPH_H

#include "policy.h"

enum pyn_hand {
    PYN_HAND_PEER = 0, /* the peer calls it */
    PYN_HAND_OURS,     /* we call it, on an object of the peer's */
};

enum pyn_via {
    PYN_VIA_NONE = 0,
    PYN_VIA_RESULT,
    PYN_VIA_ARGUMENT,
    PYN_VIA_READ,
    PYN_VIA_WRITE,
};

struct pyn_edge {
    uint32_t from; /* nodes */
    uint32_t to;
    const struct pyn_op *op; /* one of from's */
    enum pyn_via via;
};

struct pyn_graph;

pyn_status pyn_graph_new(const struct pyn_policy *policy, struct pyn_graph **out);
void pyn_graph_free(struct pyn_graph *graph); /* accepts NULL */

uint32_t pyn_graph_node_count(const struct pyn_graph *graph);
uint32_t pyn_graph_edge_count(const struct pyn_graph *graph);
const struct pyn_edge *pyn_graph_edge(const struct pyn_graph *graph, uint32_t index); /* sorted by from, then by op */

static inline uint32_t pyn_node_of(const struct pyn_iface *iface, enum pyn_hand hand)
{
    return iface->index * 2 + (uint32_t)hand;
}

static inline enum pyn_hand pyn_node_hand(uint32_t node)
{
    return node % 2 == 0 ? PYN_HAND_PEER : PYN_HAND_OURS;
}

const struct pyn_iface *pyn_node_iface(const struct pyn_graph *graph, uint32_t node);

/* ---- walking ---- */

#define PYN_FAR UINT32_MAX

/* For each node how many steps away it is, PYN_FAR when it cannot be reached, and the edge of a shortest way: NULL at a start. */
struct pyn_walk {
    const struct pyn_mem *mem;
    uint32_t *steps;
    const struct pyn_edge **by;
};

/* From the roots, along the edges: what the peer can reach. */
pyn_status pyn_walk_from_roots(const struct pyn_graph *graph, struct pyn_walk *out);

/* From one node against the edges: who can reach it; by is the next edge of the way there. */
pyn_status pyn_walk_back(const struct pyn_graph *graph, uint32_t node, struct pyn_walk *out);

void pyn_walk_fini(struct pyn_walk *walk);

#endif
