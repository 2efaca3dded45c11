/* graph.c - see graph.h. */
#include "graph.h"

#include "table.h"

struct pyn_graph {
    const struct pyn_policy *policy;
    uint32_t node_count;
    uint32_t edge_count;
    size_t edge_room;
    struct pyn_edge *edges; /* by from */
    uint32_t *first_out;    /* of each node, and one more: where its edges begin */
    uint32_t *first_in;     /* the same in in */
    uint32_t *in;           /* numbers of edges, by to */
    uint32_t *marks;        /* of each node the operation that led there last, while the edges are collected */
};

uint32_t pyn_graph_node_count(const struct pyn_graph *graph)
{
    return graph->node_count;
}

uint32_t pyn_graph_edge_count(const struct pyn_graph *graph)
{
    return graph->edge_count;
}

const struct pyn_edge *pyn_graph_edge(const struct pyn_graph *graph, uint32_t index)
{
    return index < graph->edge_count ? &graph->edges[index] : NULL;
}

const struct pyn_iface *pyn_node_iface(const struct pyn_graph *graph, uint32_t node)
{
    return pyn_policy_iface(graph->policy, node / 2);
}

/* ---- edges ---- */

/* Where the operation stands whose types are looked at. */
struct stand {
    struct pyn_graph *graph;
    uint32_t from;
    const struct pyn_op *op;
    uint32_t mark; /* tells this operation in this hand from all others */
};

static pyn_status add_edge(const struct stand *stand, uint32_t to, enum pyn_via via)
{
    struct pyn_graph *graph = stand->graph;
    if (graph->marks[to] == stand->mark) {
        return PYN_OK;
    }
    if (graph->edge_count == graph->edge_room) {
        size_t room = graph->edge_room == 0 ? 64 : graph->edge_room * 2;
        void *edges = pyn_mem_resize(graph->policy->mem, graph->edges, room, sizeof *graph->edges);
        if (edges == NULL) {
            return PYN_ENOMEM;
        }
        graph->edges = edges;
        graph->edge_room = room;
    }
    graph->marks[to] = stand->mark;
    graph->edges[graph->edge_count++] = (struct pyn_edge){stand->from, to, stand->op, via};
    return PYN_OK;
}

static pyn_status add_type(const struct stand *stand, const struct pyn_type *type, bool flows_out, enum pyn_via via)
{
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < type->count; i++) {
        st = add_type(stand, type->items[i], flows_out, via);
    }
    if (st != PYN_OK || type->kind != PYN_T_IFACE) {
        return st;
    }
    const struct pyn_iface *iface = flows_out ? type->iface : type->import;
    return iface == NULL ? PYN_OK : add_edge(stand, pyn_node_of(iface, flows_out ? PYN_HAND_PEER : PYN_HAND_OURS), via);
}

static pyn_status add_signature(const struct stand *stand, const struct pyn_signature *signature, bool is_theirs)
{
    pyn_status st = add_type(stand, signature->result, is_theirs, PYN_VIA_RESULT);
    for (uint32_t i = 0; st == PYN_OK && i < signature->param_count; i++) {
        st = add_type(stand, signature->params[i].type, !is_theirs, PYN_VIA_ARGUMENT);
    }
    return st;
}

static pyn_status add_op(const struct stand *stand)
{
    const struct pyn_op *op = stand->op;
    bool is_theirs = pyn_node_hand(stand->from) == PYN_HAND_PEER;
    pyn_status st = PYN_OK;
    if (op->kind == PYN_OP_GET) {
        return add_type(stand, op->type, is_theirs, PYN_VIA_READ);
    }
    if (op->kind == PYN_OP_SET) {
        return add_type(stand, op->type, !is_theirs, PYN_VIA_WRITE);
    }
    for (uint32_t i = 0; st == PYN_OK && i < op->signature_count; i++) {
        st = add_signature(stand, &op->signatures[i], is_theirs);
    }
    return st;
}

/* The peer calls what we export; we call what it implements. A fn goes both ways. */
static bool is_held(const struct pyn_iface *iface, enum pyn_hand hand)
{
    return iface->is_fn || iface->is_import == (hand == PYN_HAND_OURS);
}

static pyn_status add_edges(struct pyn_graph *graph)
{
    uint32_t mark = 0;
    pyn_status st = PYN_OK;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        const struct pyn_iface *iface = pyn_node_iface(graph, node);
        graph->first_out[node] = graph->edge_count;
        uint32_t op_count = is_held(iface, pyn_node_hand(node)) ? iface->op_count : 0;
        for (uint32_t i = 0; st == PYN_OK && i < op_count; i++) {
            st = add_op(&(struct stand){graph, node, &iface->ops[i], ++mark});
        }
    }
    graph->first_out[graph->node_count] = graph->edge_count;
    return st;
}

/* The edges once more, by where they lead: counted, then put in their places. */
static pyn_status turn_round(struct pyn_graph *graph)
{
    graph->in = pyn_mem_new(graph->policy->mem, graph->edge_count, sizeof *graph->in);
    if (graph->in == NULL) {
        return PYN_ENOMEM;
    }
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        graph->first_in[graph->edges[i].to + 1]++;
    }
    for (uint32_t node = 0; node < graph->node_count; node++) {
        graph->first_in[node + 1] += graph->first_in[node];
        graph->marks[node] = graph->first_in[node];
    }
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        graph->in[graph->marks[graph->edges[i].to]++] = i;
    }
    return PYN_OK;
}

static pyn_status build(struct pyn_graph *graph)
{
    const struct pyn_mem *mem = graph->policy->mem;
    size_t count = graph->node_count;
    graph->first_out = pyn_mem_new(mem, count + 1, sizeof *graph->first_out);
    graph->first_in = pyn_mem_new(mem, count + 1, sizeof *graph->first_in);
    graph->marks = pyn_mem_new(mem, count, sizeof *graph->marks);
    if (graph->first_out == NULL || graph->first_in == NULL || graph->marks == NULL) {
        return PYN_ENOMEM;
    }
    pyn_status st = add_edges(graph);
    return st == PYN_OK ? turn_round(graph) : st;
}

pyn_status pyn_graph_new(const struct pyn_policy *policy, struct pyn_graph **out)
{
    struct pyn_graph *graph = pyn_mem_new(policy->mem, 1, sizeof *graph);
    *out = NULL;
    if (graph == NULL) {
        return PYN_ENOMEM;
    }
    graph->policy = policy;
    graph->node_count = pyn_policy_iface_count(policy) * 2;
    pyn_status st = build(graph);
    if (st != PYN_OK) {
        pyn_graph_free(graph);
        return st;
    }
    *out = graph;
    return PYN_OK;
}

void pyn_graph_free(struct pyn_graph *graph)
{
    if (graph == NULL) {
        return;
    }
    const struct pyn_mem *mem = graph->policy->mem;
    pyn_mem_free(mem, graph->edges);
    pyn_mem_free(mem, graph->first_out);
    pyn_mem_free(mem, graph->first_in);
    pyn_mem_free(mem, graph->in);
    pyn_mem_free(mem, graph->marks);
    pyn_mem_free(mem, graph);
}

/* ---- walking ---- */

/* queue: every node stands in it once at most. */
struct search {
    const struct pyn_graph *graph;
    struct pyn_walk *walk;
    uint32_t *queue;
    uint32_t count;
};

static void meet(struct search *search, uint32_t node, uint32_t steps, const struct pyn_edge *by)
{
    if (search->walk->steps[node] != PYN_FAR) {
        return;
    }
    search->walk->steps[node] = steps;
    search->walk->by[node] = by;
    search->queue[search->count++] = node;
}

static void go_on(struct search *search, uint32_t node, bool is_back)
{
    const struct pyn_graph *graph = search->graph;
    const uint32_t *first = is_back ? graph->first_in : graph->first_out;
    uint32_t steps = search->walk->steps[node] + 1;
    for (uint32_t i = first[node]; i < first[node + 1]; i++) {
        const struct pyn_edge *edge = &graph->edges[is_back ? graph->in[i] : i];
        meet(search, is_back ? edge->from : edge->to, steps, edge);
    }
}

static pyn_status search_init(struct search *search, const struct pyn_graph *graph, struct pyn_walk *out)
{
    const struct pyn_mem *mem = graph->policy->mem;
    *out = (struct pyn_walk){.mem = mem};
    *search = (struct search){.graph = graph, .walk = out};
    out->steps = pyn_mem_new(mem, graph->node_count, sizeof *out->steps);
    out->by = pyn_mem_new(mem, graph->node_count, sizeof(const struct pyn_edge *));
    search->queue = pyn_mem_new(mem, graph->node_count, sizeof *search->queue);
    if (out->steps == NULL || out->by == NULL || search->queue == NULL) {
        pyn_mem_free(mem, search->queue);
        pyn_walk_fini(out);
        return PYN_ENOMEM;
    }
    for (uint32_t node = 0; node < graph->node_count; node++) {
        out->steps[node] = PYN_FAR;
    }
    return PYN_OK;
}

static void run(struct search *search, bool is_back)
{
    for (uint32_t done = 0; done < search->count; done++) {
        go_on(search, search->queue[done], is_back);
    }
    pyn_mem_free(search->graph->policy->mem, search->queue);
}

pyn_status pyn_walk_from_roots(const struct pyn_graph *graph, struct pyn_walk *out)
{
    struct search search;
    pyn_status st = search_init(&search, graph, out);
    if (st != PYN_OK) {
        return st;
    }
    for (uint32_t i = 0; i < pyn_policy_root_count(graph->policy); i++) {
        meet(&search, pyn_node_of(pyn_policy_root(graph->policy, i)->iface, PYN_HAND_PEER), 0, NULL);
    }
    run(&search, false);
    return PYN_OK;
}

pyn_status pyn_walk_back(const struct pyn_graph *graph, uint32_t node, struct pyn_walk *out)
{
    struct search search;
    pyn_status st = search_init(&search, graph, out);
    if (st != PYN_OK) {
        return st;
    }
    if (node < graph->node_count) {
        meet(&search, node, 0, NULL);
    }
    run(&search, true);
    return PYN_OK;
}

void pyn_walk_fini(struct pyn_walk *walk)
{
    if (walk->mem != NULL) {
        pyn_mem_free(walk->mem, walk->steps);
        pyn_mem_free(walk->mem, walk->by);
    }
    *walk = (struct pyn_walk){0};
}
