/* outlet.c - see outlet.h. */
#include "outlet.h"

size_t pyn_outlet_pieces(const struct pyn_outlet *outlet, struct pyn_view *pieces, size_t max)
{
    if (pyn_outlet_loan(outlet) != NULL) {
        return pyn_loans_pieces(outlet->loans, pyn_buf_view(&outlet->buf), pieces, max);
    }
    pieces[0] = pyn_buf_view(&outlet->buf);
    return pieces[0].len > 0;
}

size_t pyn_outlet_pieces_of(const struct pyn_outlet *outlet, size_t limit, struct pyn_view *pieces, size_t max)
{
    size_t count = max > 0 ? pyn_outlet_pieces(outlet, pieces, max) : 0;

    for (size_t i = 0; i < count; i++) {
        if (pieces[i].len >= limit) {
            pieces[i].len = limit;
            return limit > 0 ? i + 1 : i;
        }
        limit -= pieces[i].len;
    }
    return count;
}

size_t pyn_outlet_pass(struct pyn_outlet *outlet, size_t len)
{
    const struct pyn_lent *lent = pyn_outlet_loan(outlet);
    uint64_t ahead = lent != NULL ? lent->at - outlet->loans->passed : UINT64_MAX;

    if (ahead == 0) {
        len = len < lent->rest.len ? len : lent->rest.len;
        pyn_loans_written(outlet->loans, len);
        return len;
    }
    len = len < ahead ? len : (size_t)ahead;
    pyn_buf_consume(&outlet->buf, len);
    if (outlet->loans != NULL) {
        outlet->loans->passed += len;
    }
    return len;
}
