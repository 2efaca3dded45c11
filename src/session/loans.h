/*
 * loans.h - the bytes of a session's output that somebody else owns, each at its place between those of the session's buffer.
 *
 * A message is staged while it is being written, and takes its loans over when it stands in the output as a whole: until then they are their lender's.
 * A loan that was written, or that will never be, is returned: its owner waits to be handed out, so that it can be let go of elsewhere.
 *
 * Owns:    the owners of the loans that it has taken, and of those that are returned, until pyn_loans_reap().
 * Units:   bytes. A place is how many bytes of the buffer have gone by ahead of it since the session began.
 * Errors:  PYN_ENOMEM: nothing was staged of that parcel. Taking over and returning need no memory.
 * Tests:   tests/unit/test_loans.c, tests/fuzz/fuzz_session.c
 */
#ifndef PYN_LOANS_H
#define PYN_LOANS_H

#include "../wire/mem.h"
#include "../wire/parcel.h"
#include "../wire/status.h"

struct pyn_lent {
    struct pyn_lent *next;
    uint64_t at;
    struct pyn_view rest;
    struct pyn_loan *from; /* while it is staged */
    void *owner;           /* afterwards */
};

struct pyn_loans {
    const struct pyn_mem *mem;
    uint64_t passed; /* bytes of the buffer that were written */
    size_t len;      /* of all that were taken and not written */
    struct pyn_lent *first;
    struct pyn_lent *last;
    struct pyn_lent *staged;
    struct pyn_lent *staged_last;
    size_t staged_len;
    struct pyn_lent *returned;
};

void pyn_loans_init(struct pyn_loans *loans, const struct pyn_mem *mem);

/* Nothing stands between the bytes, nothing waits to be handed out. */
bool pyn_loans_is_idle(const struct pyn_loans *loans);

/* The own bytes of the parcel are about to be appended to a buffer that holds so many. */
pyn_status pyn_loans_stage(struct pyn_loans *loans, const struct pyn_parcel *parcel, size_t held);
void pyn_loans_unstage(struct pyn_loans *loans);
void pyn_loans_take(struct pyn_loans *loans);

/* The next pieces of the output, at most max of them: from the buffer, and loans. 0: there is none. */
size_t pyn_loans_pieces(const struct pyn_loans *loans, struct pyn_view held, struct pyn_view *pieces, size_t max);
/* Of the first piece, which is a loan, len bytes were written. */
void pyn_loans_written(struct pyn_loans *loans, size_t len);

/* Nothing of them will be written any more. */
void pyn_loans_return_all(struct pyn_loans *loans);

/* The owner of one that is returned; NULL: there is none. */
void *pyn_loans_reap(struct pyn_loans *loans);

#endif
