/* ledger.c - what one connection holds of ours, charged when taken, refunded when it goes. See quota.h. */
#include <assert.h>

#include "quota.h"

static const double NS_PER_SECOND = 1e9;

void pyn_ledger_init(struct pyn_ledger *ledger, const struct pyn_quotas *quotas, uint64_t now)
{
    *ledger = (struct pyn_ledger){.quotas = quotas, .refusal_tokens = quotas->refusals_burst, .refusal_at = now};
}

pyn_status pyn_ledger_charge(struct pyn_ledger *ledger, enum pyn_quota which, uint64_t amount)
{
    uint64_t max = ledger->quotas->max[which];
    uint64_t used = ledger->used[which];

    if (used > max || amount > max - used) {
        return PYN_EQUOTA;
    }
    ledger->used[which] = used + amount;
    if (ledger->used[which] > ledger->peak[which]) {
        ledger->peak[which] = ledger->used[which];
    }
    return PYN_OK;
}

void pyn_ledger_refund(struct pyn_ledger *ledger, enum pyn_quota which, uint64_t amount)
{
    assert(amount <= ledger->used[which]);
    ledger->used[which] -= amount;
}

bool pyn_ledger_is_clear(const struct pyn_ledger *ledger)
{
    for (size_t i = 0; i < PYN_Q_COUNT; i++) {
        if (ledger->used[i] != 0) {
            return false;
        }
    }
    return true;
}

/* A clock that steps back forgives nothing, and takes nothing back. */
static void forgive(struct pyn_ledger *ledger, uint64_t now)
{
    double burst = ledger->quotas->refusals_burst;

    if (now > ledger->refusal_at) {
        double seconds = (double)(now - ledger->refusal_at) / NS_PER_SECOND;
        ledger->refusal_tokens += seconds * ledger->quotas->refusals_per_second;
        ledger->refusal_at = now;
    }
    if (ledger->refusal_tokens > burst) {
        ledger->refusal_tokens = burst;
    }
}

pyn_status pyn_ledger_refusal(struct pyn_ledger *ledger, uint64_t now)
{
    ledger->refused++;
    forgive(ledger, now);
    if (ledger->refusal_tokens < 1) {
        return PYN_EFLOOD;
    }
    ledger->refusal_tokens -= 1;
    return PYN_OK;
}
