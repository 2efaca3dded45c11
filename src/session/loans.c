/* loans.c - see loans.h. */
#include "loans.h"

#include <assert.h>

void pyn_loans_init(struct pyn_loans *loans, const struct pyn_mem *mem)
{
    *loans = (struct pyn_loans){.mem = mem};
}

bool pyn_loans_is_idle(const struct pyn_loans *loans)
{
    return loans->first == NULL && loans->staged == NULL && loans->returned == NULL;
}

/* ---- taking ---- */

void pyn_loans_unstage(struct pyn_loans *loans)
{
    while (loans->staged != NULL) {
        struct pyn_lent *lent = loans->staged;
        loans->staged = lent->next;
        pyn_mem_free(loans->mem, lent);
    }
    loans->staged_last = NULL;
    loans->staged_len = 0;
}

static void append(struct pyn_lent **first, struct pyn_lent **last, struct pyn_lent *lent)
{
    *(*last != NULL ? &(*last)->next : first) = lent;
    *last = lent;
}

pyn_status pyn_loans_stage(struct pyn_loans *loans, const struct pyn_parcel *parcel, size_t held)
{
    for (uint32_t i = 0; i < parcel->count; i++) {
        struct pyn_loan *loan = &parcel->loans[i];
        struct pyn_lent *lent = NULL;
        if (loan->bytes.len == 0) {
            continue; /* it stays who owns it */
        }
        lent = pyn_mem_new(loans->mem, 1, sizeof *lent);
        if (lent == NULL) {
            pyn_loans_unstage(loans);
            return PYN_ENOMEM;
        }
        *lent = (struct pyn_lent){.at = loans->passed + held + loan->at, .rest = loan->bytes, .from = loan};
        loans->staged_len += loan->bytes.len;
        append(&loans->staged, &loans->staged_last, lent);
    }
    return PYN_OK;
}

void pyn_loans_take(struct pyn_loans *loans)
{
    while (loans->staged != NULL) {
        struct pyn_lent *lent = loans->staged;
        loans->staged = lent->next;
        lent->next = NULL;
        lent->owner = lent->from->owner;
        lent->from->owner = NULL; /* moved */
        lent->from = NULL;
        append(&loans->first, &loans->last, lent);
    }
    loans->staged_last = NULL;
    loans->len += loans->staged_len;
    loans->staged_len = 0;
}

/* ---- writing ---- */

size_t pyn_loans_pieces(const struct pyn_loans *loans, struct pyn_view held, struct pyn_view *pieces, size_t max)
{
    const struct pyn_lent *lent = loans->first;
    uint64_t at = loans->passed;
    size_t count = 0;

    while (count < max && (lent != NULL || held.len > 0)) {
        uint64_t ahead = lent != NULL ? lent->at - at : held.len;
        if (ahead > 0) {
            pieces[count++] = (struct pyn_view){held.data, (size_t)ahead};
            held.data += ahead;
            held.len -= (size_t)ahead;
            at += ahead;
        } else {
            pieces[count++] = lent->rest;
            lent = lent->next;
        }
    }
    return count;
}

static void give_back(struct pyn_loans *loans)
{
    struct pyn_lent *lent = loans->first;

    loans->first = lent->next;
    if (loans->first == NULL) {
        loans->last = NULL;
    }
    loans->len -= lent->rest.len;
    lent->next = loans->returned;
    loans->returned = lent;
}

void pyn_loans_written(struct pyn_loans *loans, size_t len)
{
    struct pyn_view *rest = &loans->first->rest;

    assert(len <= rest->len);
    rest->data += len;
    rest->len -= len;
    loans->len -= len;
    if (rest->len == 0) {
        give_back(loans);
    }
}

void pyn_loans_return_all(struct pyn_loans *loans)
{
    pyn_loans_unstage(loans);
    while (loans->first != NULL) {
        give_back(loans);
    }
}

void *pyn_loans_reap(struct pyn_loans *loans)
{
    struct pyn_lent *lent = loans->returned;
    void *owner = NULL;

    if (lent != NULL) {
        loans->returned = lent->next;
        owner = lent->owner;
        pyn_mem_free(loans->mem, lent);
    }
    return owner;
}
