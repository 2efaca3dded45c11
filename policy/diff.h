/*
 * diff.h - what a peer can do under one policy that it cannot do under another, and the other way round.
 *
 * Compared is what can be reached from the roots, not lines: an operation that nothing leads to is none. What only the new policy admits
 * has grown; so has whatever cannot be shown to be less.
 *
 * Borrows:  both policies, while it runs; a change and its views are good during the call that gets it.
 * Errors:   PYN_ENOMEM, and whatever emit returns: that ends it.
 * Cost:     linear in the policies, but for types and signatures that differ: those by PYN_DIFF_STEPS, beyond which all is taken for grown.
 * Tests:    tests/unit/test_diff.c, tests/fuzz/fuzz_diff.c
 */
#ifndef PYN_DIFF_H
#define PYN_DIFF_H

#include "graph.h"

enum { PYN_DIFF_STEPS = 1 << 26 }; /* types looked at */

enum pyn_change_kind {
    PYN_CHANGE_NONE = 0,
    PYN_CHANGE_ADDED,
    PYN_CHANGE_WIDENED,
    PYN_CHANGE_OTHER, /* neither is within the other */
    PYN_CHANGE_NARROWED,
    PYN_CHANGE_REMOVED,
};

enum pyn_subject {
    PYN_SUBJECT_NONE = 0,
    PYN_SUBJECT_ROOT,      /* name; texts: its interface */
    PYN_SUBJECT_INTERFACE, /* owner, hand; texts: what an object is checked against, or nothing for one without operations */
    PYN_SUBJECT_OPERATION, /* owner, hand, name; ops */
    PYN_SUBJECT_ACCEPTS,   /* owner; name: an interface that is taken for it */
    PYN_SUBJECT_RECORD,    /* owner; name: a field; texts: its type */
    PYN_SUBJECT_ENUM,      /* owner; name: a member */
    PYN_SUBJECT_ERROR,     /* owner: an exception; name: a field, or empty for how much is told */
};

struct pyn_change {
    enum pyn_change_kind kind;
    enum pyn_subject subject;
    enum pyn_hand hand;
    bool is_write;
    struct pyn_view owner;
    struct pyn_view name;
    const struct pyn_op *old_op; /* OPERATION: NULL when added */
    const struct pyn_op *new_op; /* OPERATION: NULL when removed */
    struct pyn_view old_text;
    struct pyn_view new_text;
};

/* Has the peer more authority than before? */
static inline bool pyn_change_is_growth(enum pyn_change_kind kind)
{
    return kind == PYN_CHANGE_ADDED || kind == PYN_CHANGE_WIDENED || kind == PYN_CHANGE_OTHER;
}

typedef pyn_status pyn_change_fn(void *ctx, const struct pyn_change *change);

pyn_status pyn_policy_diff(const struct pyn_policy *old, const struct pyn_policy *new, pyn_change_fn *emit, void *ctx);

/* Does it change the object by what it is: an attribute that is written, or an operation of a standard container that can be changed? */
bool pyn_op_is_write(const struct pyn_op *op);

#endif
