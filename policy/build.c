/* build.c - the order of the steps; see build.h. */
#include "build.h"

static struct pyn_policy *new_policy(const struct pyn_mem *mem, bool is_fragment)
{
    struct pyn_policy *policy = pyn_mem_new(mem, 1, sizeof *policy);
    if (policy == NULL) {
        return NULL;
    }
    policy->mem = mem;
    policy->is_fragment = is_fragment;
    atomic_init(&policy->ref_count, 1);
    pyn_arena_init(&policy->arena, mem);
    return policy;
}

static pyn_status run(struct pyn_build *build, json_t *json)
{
    static pyn_status (*const steps[])(struct pyn_build *) = {pyn_compile, pyn_resolve, pyn_compile_rest, pyn_check,
                                                              pyn_describe};
    pyn_status st = pyn_model_read(&build->source, json, &build->model);
    for (size_t i = 0; st == PYN_OK && i < sizeof steps / sizeof *steps; i++) {
        st = steps[i](build);
    }
    return st;
}

pyn_status pyn_policy_build(const struct pyn_mem *mem, json_t *json, bool is_fragment, struct pyn_policy **out,
                            struct pyn_diag *diag)
{
    pyn_status st = PYN_EINTERNAL;
    struct pyn_build build = {.diag = diag};

    *out = NULL;
    build.policy = new_policy(mem, is_fragment);
    if (build.policy == NULL) {
        return pyn_diag_no_memory(diag);
    }
    pyn_arena_init(&build.scratch, mem);
    pyn_grammar_init(&build.grammar, mem, &build.policy->arena);
    pyn_buf_init(&build.text, mem, 4 * (size_t)PYN_POLICY_MAX);
    build.source = (struct pyn_source){&build.scratch, diag, is_fragment};

    st = run(&build, json);
    if (st == PYN_OK) {
        *out = build.policy;
        build.policy = NULL; /* moved */
    } else if (st != PYN_EFORMAT) {
        st = pyn_diag_no_memory(diag);
    }
    pyn_buf_fini(&build.text);
    pyn_grammar_fini(&build.grammar);
    pyn_arena_fini(&build.scratch);
    pyn_policy_unref(build.policy);
    return st;
}
