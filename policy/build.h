/*
 * build.h - from a checked model to the tables of a policy, in steps. Private to policy/.
 *
 *     pyn_compile   names, then everything that the strings say, into tables
 *     pyn_resolve   interfaces and fns that were named become pointers; numbers for interfaces and operations
 *     pyn_check     one spelling for each string; what may flow where; what can stand in a set
 *     pyn_describe  the fragments that describe each interface to a peer
 *
 * Errors:  PYN_EFORMAT and a diag; PYN_ENOMEM.
 */
#ifndef PYN_BUILD_H
#define PYN_BUILD_H

#include "grammar.h"
#include "model.h"
#include "table.h"

enum {
    PYN_POLICY_MAX = 16 << 20,           /* bytes of a file */
    PYN_POLICY_DEPTH_MAX = 8,            /* objects and lists inside each other, in a file and in a fragment */
    PYN_POLICY_VALUE_MAX = 1 << 19,      /* keys and values in a file */
    PYN_FRAGMENT_MAX = 256 << 10,        /* bytes of a fragment */
    PYN_FRAGMENT_VALUE_MAX = 1 << 16,    /* keys and values in a fragment */
    PYN_FRAGMENT_TOTAL_MAX = 64 << 20,   /* bytes of all fragments of a policy */
    PYN_FRAGMENT_OWN_TOTAL_MAX = 1 << 20 /* the same for what a peer described: the rest stays without */
};

struct pyn_build {
    struct pyn_policy *policy;
    struct pyn_model model;
    struct pyn_source source;
    struct pyn_arena scratch; /* until the policy is built */
    struct pyn_grammar grammar;
    struct pyn_buf text;
    struct pyn_iface *ifaces; /* of the model: interfaces, then imports */
    struct pyn_diag *diag;
};

/* Checks and compiles a policy (or, with is_fragment, what a peer described). json is borrowed. */
pyn_status pyn_policy_build(const struct pyn_mem *mem, json_t *json, bool is_fragment, struct pyn_policy **out,
                            struct pyn_diag *diag);

pyn_status pyn_compile(struct pyn_build *build);
pyn_status pyn_resolve(struct pyn_build *build);
pyn_status pyn_check(struct pyn_build *build);
pyn_status pyn_describe(struct pyn_build *build);

/* Behind pyn_resolve: "roots", "accepts" and "errors". */
pyn_status pyn_compile_rest(struct pyn_build *build);

#endif
