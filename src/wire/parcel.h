/*
 * parcel.h - a message, or a value, that need not lie in one piece: bytes of its own, and between them bytes that stand elsewhere.
 *
 * Large bytes go out from where they are: whoever packs them lends them, and they are copied only when they are written to the stream.
 *
 * Owns:    a loan has an owner, which keeps its bytes where they are: an opaque pointer of the host's, counted for this loan. It is moved when it is
 *          taken: whoever takes it puts NULL in its place.
 * Borrows: its own bytes, and the array of loans.
 * Units:   bytes.
 * Tests:   tests/unit/test_loans.c
 */
#ifndef PYN_PARCEL_H
#define PYN_PARCEL_H

#include "view.h"

/* Bytes that stand behind the first at of the parcel's own, and behind the loans ahead of it. */
struct pyn_loan {
    size_t at;
    struct pyn_view bytes;
    void *owner;
};

struct pyn_parcel {
    struct pyn_view own;
    struct pyn_loan *loans; /* in the order of their places */
    uint32_t count;
};

static inline struct pyn_parcel pyn_parcel_of(struct pyn_view view)
{
    return (struct pyn_parcel){view, NULL, 0};
}

/* SIZE_MAX when it is more than that. */
size_t pyn_parcel_len(const struct pyn_parcel *parcel);

/* out: room for all of it. The loans stay who owns them. */
void pyn_parcel_copy(const struct pyn_parcel *parcel, uint8_t *out);

#endif
