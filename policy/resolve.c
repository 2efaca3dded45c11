/* resolve.c - what interfaces and fns are called becomes what they are; see build.h. */
#include "build.h"
#include "spelling.h"

#include <stdlib.h>

/* Uses that have one spelling stand together in the sorted list: from first up to, not including, end. */
struct group {
    size_t first;
    size_t end;
    struct pyn_view name;
    bool is_fn;
};

static int by_spelling(const void *a, const void *b)
{
    const struct pyn_use *left = a;
    const struct pyn_use *right = b;
    return pyn_view_compare(left->type->spelling, right->type->spelling);
}

static bool next_group(const struct pyn_grammar *grammar, struct group *group)
{
    size_t first = group->end;
    if (first == grammar->use_count) {
        return false;
    }
    struct pyn_view name = grammar->uses[first].type->spelling;
    size_t end = first + 1;
    while (end < grammar->use_count && pyn_view_is_equal(grammar->uses[end].type->spelling, name)) {
        end++;
    }
    *group = (struct group){first, end, name, grammar->uses[first].call != NULL};
    return true;
}

static struct pyn_iface *find(struct pyn_iface *ifaces, uint32_t count, struct pyn_view name)
{
    uint32_t low = 0;
    while (low < count) {
        uint32_t middle = low + (count - low) / 2;
        int order = pyn_view_compare(name, ifaces[middle].name);
        if (order == 0) {
            return &ifaces[middle];
        }
        if (order < 0) {
            count = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

static struct pyn_iface *find_interface(const struct pyn_build *build, struct pyn_view name)
{
    return find(build->ifaces, build->model.interface_count, name);
}

static struct pyn_iface *find_import(const struct pyn_build *build, struct pyn_view name)
{
    return find(build->ifaces + build->model.interface_count, build->model.import_count, name);
}

/* ---- how many ---- */

static void count_groups(struct pyn_build *build)
{
    struct pyn_policy *policy = build->policy;
    struct group group = {0};
    while (next_group(&build->grammar, &group)) {
        if (find_interface(build, group.name) != NULL) {
            continue;
        }
        policy->fn_count += group.is_fn;
        policy->external_count += !group.is_fn && policy->is_fragment;
    }
}

static pyn_status make_list(struct pyn_build *build, struct pyn_iface **made)
{
    struct pyn_policy *policy = build->policy;
    uint32_t known = policy->interface_count + policy->import_count;
    uint32_t wanted = policy->fn_count + policy->external_count;
    policy->ifaces = pyn_arena_new(&policy->arena, (size_t)known + wanted, sizeof(struct pyn_iface *));
    *made = pyn_arena_new(&policy->arena, wanted, sizeof **made);
    if (policy->ifaces == NULL || *made == NULL) {
        return PYN_ENOMEM;
    }
    for (uint32_t i = 0; i < known; i++) {
        policy->ifaces[i] = &build->ifaces[i];
    }
    for (uint32_t i = 0; i < wanted; i++) {
        policy->ifaces[known + i] = &(*made)[i];
    }
    return PYN_OK;
}

/* ---- which ---- */

static pyn_status make_fn(struct pyn_build *build, const struct group *group, struct pyn_iface *fn)
{
    struct pyn_policy *policy = build->policy;
    struct pyn_op *op = pyn_arena_new(&policy->arena, 1, sizeof *op);
    if (op == NULL) {
        return PYN_ENOMEM;
    }
    *op = (struct pyn_op){.kind = PYN_OP_METHOD,
                          .name = pyn_view_of("__call__"),
                          .slot = policy->op_count++,
                          .signature_count = 1,
                          .signatures = build->grammar.uses[group->first].call,
                          .iface = fn};
    *fn = (struct pyn_iface){.name = group->name, .is_fn = true, .op_count = 1, .ops = op, .policy = policy};
    return PYN_OK;
}

static void link_group(struct pyn_build *build, const struct group *group, struct pyn_iface *iface,
                       struct pyn_iface *import)
{
    for (size_t i = group->first; i < group->end; i++) {
        build->grammar.uses[i].type->iface = iface;
        build->grammar.uses[i].type->import = import;
    }
}

/* fn and external: where the next one of its kind goes. */
static pyn_status resolve_group(struct pyn_build *build, const struct group *group, struct pyn_iface **fn,
                                struct pyn_iface **external)
{
    struct pyn_iface *iface = find_interface(build, group->name);
    struct pyn_iface *import = find_import(build, group->name);
    pyn_status st = PYN_OK;
    if (group->is_fn) {
        if (iface == NULL) {
            iface = (*fn)++;
            st = make_fn(build, group, iface);
        }
        import = iface;
    } else if (iface == NULL && build->policy->is_fragment) {
        iface = (*external)++;
        *iface = (struct pyn_iface){.name = group->name, .is_external = true, .policy = build->policy};
    }
    link_group(build, group, iface, import);
    return st;
}

static void number(struct pyn_policy *policy)
{
    uint32_t count = pyn_policy_iface_count(policy);
    for (uint32_t i = 0; i < count; i++) {
        policy->ifaces[i]->index = i;
    }
}

/* ---- spellings of what was made ---- */

static pyn_status spell(struct pyn_build *build, const struct pyn_signature *signature, struct pyn_view *out)
{
    pyn_buf_truncate(&build->text, 0);
    pyn_status st = pyn_spell_signature(&build->text, signature);
    *out = pyn_buf_view(&build->text);
    return st;
}

static pyn_status spell_group(struct pyn_build *build, const struct group *group)
{
    struct pyn_view text = {0};
    struct pyn_signature *call = build->grammar.uses[group->first].call;
    const struct pyn_iface *described = find_interface(build, group->name);
    pyn_status st = spell(build, call, &text);
    if (st != PYN_OK) {
        return st;
    }
    if (described == NULL) {
        return pyn_arena_dup(&build->policy->arena, text, &call->spelling);
    }
    if (!pyn_view_is_equal(described->ops[0].signatures[0].spelling, text)) {
        const struct pyn_place at = {NULL, group->name};
        return pyn_diag_refuse(build->diag, &at, "as it is called, __call__ is", text);
    }
    return PYN_OK;
}

static pyn_status spell_fns(struct pyn_build *build)
{
    struct group group = {0};
    pyn_status st = PYN_OK;
    while (st == PYN_OK && next_group(&build->grammar, &group)) {
        if (group.is_fn) {
            st = spell_group(build, &group);
        }
    }
    return st;
}

pyn_status pyn_resolve(struct pyn_build *build)
{
    struct pyn_policy *policy = build->policy;
    struct pyn_grammar *grammar = &build->grammar;
    struct pyn_iface *fn = NULL;
    struct group group = {0};

    if (grammar->use_count > 1) {
        qsort(grammar->uses, grammar->use_count, sizeof *grammar->uses, by_spelling);
    }
    count_groups(build);
    pyn_status st = make_list(build, &fn);
    if (st != PYN_OK) {
        return st;
    }
    struct pyn_iface *external = fn + policy->fn_count;
    while (st == PYN_OK && next_group(grammar, &group)) {
        st = resolve_group(build, &group, &fn, &external);
    }
    if (st != PYN_OK) {
        return st;
    }
    number(policy);
    return spell_fns(build);
}
