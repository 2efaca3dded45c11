/*
 * diag.h - says what is wrong with a policy, and where: "interfaces.chat:Room.methods.post: unknown name 'strr'".
 *
 * What stands in the policy is shortened and escaped: a diag is one line of printable ASCII whatever the file holds.
 * Errors:  every function returns the status that the caller is to return.
 * Tests:   tests/unit/test_policy_file.c, test_policy_refused.c
 */
#ifndef PYN_DIAG_H
#define PYN_DIAG_H

#include "policy.h"

/* A path into the file, innermost part first. Lives on the stack of whoever walks down. */
struct pyn_place {
    const struct pyn_place *up; /* NULL at the top */
    struct pyn_view name;
};

/* at may be NULL, about may be empty. diag may be NULL. PYN_EFORMAT. */
pyn_status pyn_diag_refuse(struct pyn_diag *diag, const struct pyn_place *at, const char *what, struct pyn_view about);

/* The same for one character of a string, counted from 0. */
pyn_status pyn_diag_refuse_char(struct pyn_diag *diag, const struct pyn_place *at, const char *what,
                                struct pyn_view text, size_t where);

/* The same for a place in the text of the file, lines and columns from 1. */
pyn_status pyn_diag_refuse_line(struct pyn_diag *diag, size_t line, size_t column, const char *what);

pyn_status pyn_diag_no_memory(struct pyn_diag *diag);

#endif
