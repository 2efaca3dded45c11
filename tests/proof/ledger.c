/* Any ledger under any quotas: a charge is taken whole or not at all, the sum is never above the limit, and a refund gives back what was taken. */
#include "../../src/quota/quota.h"
#include "proof.h"

int main(void)
{
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;
    const enum pyn_quota which = (enum pyn_quota)(nondet_u8() % PYN_Q_HELD);
    const enum pyn_quota other = (enum pyn_quota)(nondet_u8() % PYN_Q_HELD);
    const uint64_t first = nondet_u64();
    const uint64_t second = nondet_u64();

    ledger.quotas = &quotas;
    const struct pyn_ledger before = ledger;
    const pyn_status st = pyn_ledger_charge(&ledger, which, first);
    PROVE(other == which || ledger.used[other] == before.used[other], "no other is charged");
    if (st != PYN_OK) {
        PROVE(st == PYN_EQUOTA && ledger.used[which] == before.used[which], "not at all");
        PROVE(before.used[which] > quotas.max[which] || first > quotas.max[which] - before.used[which],
              "because it does not fit");
        return 0;
    }
    PROVE(ledger.used[which] >= before.used[which] && ledger.used[which] - before.used[which] == first, "whole");
    PROVE(ledger.used[which] <= quotas.max[which], "never above the limit");
    PROVE(ledger.peak[which] >= ledger.used[which], "the peak is the most that there was");
    if (pyn_ledger_charge(&ledger, which, second) == PYN_OK) {
        PROVE(ledger.used[which] <= quotas.max[which], "nor is the sum");
        pyn_ledger_refund(&ledger, which, second);
    }
    pyn_ledger_refund(&ledger, which, first);
    PROVE(ledger.used[which] == before.used[which], "all is given back");
    return 0;
}
