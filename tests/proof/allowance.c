/* What an owner is charged is the sum of what was granted: nothing is charged for a denial, nothing wraps, and a refund gives back just that. */
#include "../../src/quota/allowance.h"
#include "proof.h"

int main(void)
{
    struct pyn_owner owner = {.charged = nondet_u64()};
    struct pyn_allowance allowance;
    const uint64_t start = pyn_owner_charged(&owner);
    uint64_t max[PYN_Q_COUNT];
    const uint64_t bytes = nondet_u64();
    const uint64_t size = nondet_u64();

    ASSUME(bytes <= UINT64_MAX - start); /* so much memory there is not */
    pyn_allowance_init(&allowance, &owner, max);
    allowance.passes = nondet_u32();
    PROVE(max[PYN_Q_MEMORY] == 0 || allowance.ceiling <= max[PYN_Q_MEMORY],
          "a call may not take more than the connection");
    const bool fits = pyn_allowance_fits(&allowance, bytes);
    const enum pyn_verdict_memory verdict = pyn_allowance_charge(&allowance, bytes, size);

    if (verdict == PYN_DENIED) {
        PROVE(pyn_owner_charged(&owner) == start, "nothing was charged");
        PROVE(!fits && allowance.was_denied, "what fits is not denied");
    } else {
        PROVE(pyn_owner_charged(&owner) == start + bytes, "what was granted is charged, once");
        PROVE(fits || size <= PYN_ALLOWANCE_LARGE, "a large request that does not fit is denied");
        PROVE(fits || allowance.is_pressed, "whoever is overdrawn is interrupted");
        pyn_owner_refund(&owner, bytes);
        PROVE(pyn_owner_charged(&owner) == start, "and gives back what it was charged");
    }
    return 0;
}
