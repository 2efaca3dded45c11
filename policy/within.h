/*
 * within.h - does a type or a signature grant no more than another one, of another policy?
 *
 * "Within" errs on one side only: what it affirms is so; what it denies may be within all the same. Named things (interfaces, records, enums)
 * are the same when their names are: what has changed inside of them is compared where they are described.
 *
 * Cost:    at most the steps that are left, which bound the work on two hostile policies; when they are used up nothing is within.
 * Tests:   tests/unit/test_diff.c, tests/fuzz/fuzz_diff.c
 */
#ifndef PYN_WITHIN_H
#define PYN_WITHIN_H

#include "policy.h"

struct pyn_within {
    uint64_t steps;
};

/* Does every value of inner fit outer? Of a fn: does inner pass and take no more than outer does? */
bool pyn_type_is_within(struct pyn_within *within, const struct pyn_type *inner, const struct pyn_type *outer);

/* Is every call that inner admits admitted by outer, and its result within outer's? */
bool pyn_signature_is_within(struct pyn_within *within, const struct pyn_signature *inner,
                             const struct pyn_signature *outer);

/* Operations of one kind and name: is each signature of inner within one of outer's? */
bool pyn_op_is_within(struct pyn_within *within, const struct pyn_op *inner, const struct pyn_op *outer);

#endif
