/* ledger.c - what one connection holds of ours, charged when taken, refunded when it goes. See quota.h. */
#include <assert.h>

#include "quota.h"

static struct pyn_rate rate_of(const struct pyn_quotas *quotas, enum pyn_quota which)
{
    double per_second = quotas->rates[which - PYN_Q_COUNT];
    double burst = per_second * quotas->burst_seconds;

    return (struct pyn_rate){.per_second = per_second, .burst = burst > 1 ? burst : 1};
}

static struct pyn_rate refusal_rate(const struct pyn_quotas *quotas)
{
    return (struct pyn_rate){.per_second = quotas->refusals_per_second, .burst = quotas->refusals_burst};
}

void pyn_ledger_init(struct pyn_ledger *ledger, const struct pyn_quotas *quotas, uint64_t now)
{
    struct pyn_rate rate = refusal_rate(quotas);

    *ledger = (struct pyn_ledger){.quotas = quotas, .refusals = pyn_bucket_full(&rate, now)};
    for (int i = 0; i < PYN_RATES; i++) {
        rate = rate_of(quotas, (enum pyn_quota)(PYN_Q_COUNT + i));
        ledger->rates[i] = pyn_bucket_full(&rate, now);
    }
}

/* What was taken from the bucket is taken from the new one. */
static void retune(struct pyn_bucket *bucket, double burst_before, double burst)
{
    double tokens = burst - (burst_before - bucket->tokens);

    bucket->tokens = tokens > -burst ? tokens : -burst;
}

void pyn_ledger_retune(struct pyn_ledger *ledger, const struct pyn_quotas *quotas)
{
    const struct pyn_quotas *before = ledger->quotas;

    ledger->quotas = quotas;
    retune(&ledger->refusals, refusal_rate(before).burst, refusal_rate(quotas).burst);
    for (int i = 0; i < PYN_RATES; i++) {
        enum pyn_quota which = (enum pyn_quota)(PYN_Q_COUNT + i);
        retune(&ledger->rates[i], rate_of(before, which).burst, rate_of(quotas, which).burst);
    }
}

pyn_status pyn_ledger_charge(struct pyn_ledger *ledger, enum pyn_quota which, uint64_t amount)
{
    uint64_t max = ledger->quotas->max[which];
    uint64_t used = ledger->used[which];

    if (used > max || amount > max - used) {
        pyn_ledger_reached(ledger, which);
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
    for (size_t i = 0; i < PYN_Q_HELD; i++) {
        if (ledger->used[i] != 0) {
            return false;
        }
    }
    return true;
}

pyn_status pyn_ledger_refusal(struct pyn_ledger *ledger, uint64_t now)
{
    const struct pyn_rate rate = refusal_rate(ledger->quotas);

    ledger->refused++;
    return pyn_bucket_take(&ledger->refusals, &rate, 1, now) ? PYN_OK : PYN_EFLOOD;
}

/* ---- in a second ---- */

static struct pyn_bucket *bucket_of(struct pyn_ledger *ledger, enum pyn_quota which)
{
    return &ledger->rates[which - PYN_Q_COUNT];
}

bool pyn_ledger_has_counted(struct pyn_ledger *ledger, enum pyn_quota which, double amount, uint64_t now)
{
    const struct pyn_rate rate = rate_of(ledger->quotas, which);

    return pyn_bucket_has(bucket_of(ledger, which), &rate, amount, now);
}

void pyn_ledger_spend_counted(struct pyn_ledger *ledger, enum pyn_quota which, double amount, uint64_t now)
{
    const struct pyn_rate rate = rate_of(ledger->quotas, which);

    pyn_bucket_spend(bucket_of(ledger, which), &rate, amount, now);
}

double pyn_ledger_wait(struct pyn_ledger *ledger, enum pyn_quota which, double amount, uint64_t now)
{
    const struct pyn_rate rate = rate_of(ledger->quotas, which);

    return pyn_bucket_wait(bucket_of(ledger, which), &rate, amount, now);
}

pyn_status pyn_ledger_oddity(struct pyn_ledger *ledger, uint64_t now)
{
    if (!pyn_ledger_has(ledger, PYN_Q_ODDITIES_PER_SECOND, 1, now)) {
        pyn_ledger_reached(ledger, PYN_Q_ODDITIES_PER_SECOND);
        return PYN_EFLOOD;
    }
    pyn_ledger_spend(ledger, PYN_Q_ODDITIES_PER_SECOND, 1, now);
    return PYN_OK;
}
