/*
 * fit.h - does a value fit a type? The work on one message, with its budget. Private to policy/.
 *
 * Alternatives are tried one after the other, and records can name each other: without a budget a policy could make a small value cost a
 * great deal. An honest value stays far below it.
 * Tests:   tests/unit/test_fit.c
 */
#ifndef PYN_FIT_H
#define PYN_FIT_H

#include "policy.h"

struct pyn_fit {
    const struct pyn_refs *refs;
    uint64_t steps;  /* how many more values may be looked at */
    uint32_t hashed; /* sets, and keys of dicts, around what is looked at */
};

/* bytes: of what is to be read, however often. */
static inline struct pyn_fit pyn_fit_of(const struct pyn_refs *refs, size_t bytes)
{
    return (struct pyn_fit){refs, 1024 + 64 * (uint64_t)bytes, 0};
}

/* As pyn_type_fit(). */
pyn_status pyn_fit_value(struct pyn_fit *fit, const struct pyn_type *type, struct pyn_reader *value);

/*
 * Is item, with what is inside it and is to be read next, data: no reference, no record, no enum, every tag with what belongs behind it? depth:
 * containers that are open around it. On PYN_OK the reader stands behind it.
 */
pyn_status pyn_fit_data(struct pyn_fit *fit, const struct pyn_item *item, struct pyn_reader *value, uint32_t depth);

/* A Decimal that Python makes and does not hash: it stands in no set, and is no key. */
bool pyn_fit_is_unhashable(const struct pyn_item *item);

/* What stands behind the tags PYN_TAG_RANGE and PYN_TAG_SLICE. */
bool pyn_fit_range(struct pyn_reader *value);
bool pyn_fit_slice(struct pyn_reader *value);
/* Behind PYN_TAG_NDARRAY, count items. */
bool pyn_fit_ndarray(struct pyn_reader *value, uint32_t count, enum pyn_dtype wanted);

#endif
