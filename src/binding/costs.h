/*
 * costs.h - what a call of each operation costs, as an operator says it: {"chat:Room.post": 10}.
 *
 * Owns:    the table is the caller's, to be freed with PyMem_Free().
 * Units:   those of the quota cost_per_second.
 * Tests:   tests/python/test_rates.py
 */
#ifndef PYN_COSTS_H
#define PYN_COSTS_H

#include "core.h"

#include "../../policy/policy.h"

/* *out: by slot of the operation; NULL when nothing is said. -1: no such operation, or no such cost. */
int pyn_costs_from(PyObject *mapping, const struct pyn_policy *policy, uint32_t **out);

#endif
