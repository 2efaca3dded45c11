/*
 * cached.h - which answers a client may keep, and for how long: "2.5s by name, size". Private to policy/.
 *
 * Errors:  PYN_EFORMAT and a diag; PYN_ENOMEM.
 * Tests:   tests/unit/test_policy_cached.c
 */
#ifndef PYN_CACHED_H
#define PYN_CACHED_H

#include "build.h"

/* The section "cached" of an interface whose operations are compiled: ops are those of iface. */
pyn_status pyn_cached_compile(struct pyn_build *build, const struct pyn_section *section, const struct pyn_place *up,
                              const struct pyn_iface *iface, struct pyn_op *ops);

/* Behind pyn_resolve: what is wrong with keeping the answers of this operation, for a person; NULL: nothing. */
const char *pyn_cached_fault(const struct pyn_op *op);

#endif
