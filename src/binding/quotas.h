/*
 * quotas.h - quotas and accounts as Python sees them.
 */
#ifndef PYN_BINDING_QUOTAS_H
#define PYN_BINDING_QUOTAS_H

#include "core.h"

/* Defaults of the role, overridden by a mapping of names to numbers (or None). -1 with ValueError. */
int pyn_quotas_from(PyObject *mapping, enum pyn_role role, struct pyn_quotas *out);

/* dict of what a link holds for its peer, and of the most that was. Takes its lock. */
PyObject *pyn_usage_of_link(struct pyn_link *link);

/* dict of every name and its value. */
PyObject *pyn_quotas_dict(const struct pyn_quotas *quotas);

#endif
