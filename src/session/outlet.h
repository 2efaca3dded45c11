/*
 * outlet.h - a stream of messages that goes out: bytes, loans between them, and the lane that is current at its end.
 *
 * Owns:    its buffer and its loans.
 * Units:   bytes.
 * Tests:   tests/unit/test_loans.c, test_freight.c
 */
#ifndef PYN_OUTLET_H
#define PYN_OUTLET_H

#include "../wire/buf.h"
#include "loans.h"

struct pyn_outlet {
    struct pyn_buf buf;
    struct pyn_loans *loans; /* owned: that stand between its bytes; NULL: there have been none since it rested */
    uint64_t lane;
};

/* The first that is not written, or NULL. */
static inline const struct pyn_lent *pyn_outlet_loan(const struct pyn_outlet *outlet)
{
    return outlet->loans != NULL ? outlet->loans->first : NULL;
}

static inline size_t pyn_outlet_len(const struct pyn_outlet *outlet)
{
    return pyn_buf_len(&outlet->buf) + (outlet->loans != NULL ? outlet->loans->len : 0);
}

/* The first pieces of it, at most max: how many there are. */
size_t pyn_outlet_pieces(const struct pyn_outlet *outlet, struct pyn_view *pieces, size_t max);
/* The same of its first limit bytes. */
size_t pyn_outlet_pieces_of(const struct pyn_outlet *outlet, size_t limit, struct pyn_view *pieces, size_t max);

/* So many bytes were written of its first piece, or all of it: how many it was. */
size_t pyn_outlet_pass(struct pyn_outlet *outlet, size_t len);

#endif
