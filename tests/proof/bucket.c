/* A token bucket with any rate and clock: it never holds more than a burst, gives only what is there, and no clock fills it that stands or steps back. */
#include "../../src/quota/bucket.h"
#include "proof.h"

int main(void)
{
    const struct pyn_rate rate = {nondet_double(), nondet_double()};
    struct pyn_bucket bucket = {nondet_double(), nondet_u64()};
    const double amount = nondet_double();
    const uint64_t now = nondet_u64();

    ASSUME(rate.per_second >= 0 && rate.per_second <= 1e12 && rate.burst >= 1 &&
           rate.burst <= 1e15); /* as quotas have them */
    ASSUME(amount >= 0 && amount <= 1e15);
    ASSUME(bucket.tokens <= rate.burst && bucket.tokens >= -1e15);
    const struct pyn_bucket before = bucket;
    const bool has = pyn_bucket_has(&bucket, &rate, amount, now);

    PROVE(bucket.tokens <= rate.burst, "it holds a burst at most");
    PROVE(bucket.tokens >= before.tokens, "time takes nothing");
    PROVE(now > before.at || bucket.tokens == before.tokens, "a clock that steps back gives nothing");
    PROVE(bucket.at >= before.at, "nor is it followed");
    PROVE(!has || bucket.tokens >= amount || bucket.tokens == rate.burst, "it is there, or the bucket is full");
    const double held = bucket.tokens;
    PROVE(pyn_bucket_take(&bucket, &rate, amount, bucket.at) == has, "what is there is given");
    PROVE(has ? bucket.tokens <= held : bucket.tokens == held, "and what is not takes nothing");
    PROVE(bucket.tokens >= -1e15 - 1e15, "debts are bounded");
    return 0;
}
