/* bucket.c - see bucket.h. */
#include "bucket.h"

#include <math.h>

static const double NS_PER_SECOND = 1e9;

struct pyn_bucket pyn_bucket_full(const struct pyn_rate *rate, uint64_t now)
{
    return (struct pyn_bucket){.tokens = rate->burst, .at = now};
}

static void refill(struct pyn_bucket *bucket, const struct pyn_rate *rate, uint64_t now)
{
    if (now > bucket->at) {
        bucket->tokens += (double)(now - bucket->at) / NS_PER_SECOND * rate->per_second;
        bucket->at = now;
    }
    if (bucket->tokens > rate->burst) {
        bucket->tokens = rate->burst;
    }
}

/* What has to be there for it. */
static double needed(const struct pyn_rate *rate, double amount)
{
    return amount < rate->burst ? amount : rate->burst;
}

bool pyn_bucket_has(struct pyn_bucket *bucket, const struct pyn_rate *rate, double amount, uint64_t now)
{
    refill(bucket, rate, now);
    return bucket->tokens >= needed(rate, amount);
}

void pyn_bucket_spend(struct pyn_bucket *bucket, const struct pyn_rate *rate, double amount, uint64_t now)
{
    refill(bucket, rate, now);
    if (bucket->tokens < -rate->burst) {
        return; /* it owes all that it can: who goes on has a longer wait of nothing */
    }
    bucket->tokens -= amount;
}

bool pyn_bucket_take(struct pyn_bucket *bucket, const struct pyn_rate *rate, double amount, uint64_t now)
{
    if (!pyn_bucket_has(bucket, rate, amount, now)) {
        return false;
    }
    bucket->tokens -= amount;
    return true;
}

double pyn_bucket_wait(struct pyn_bucket *bucket, const struct pyn_rate *rate, double amount, uint64_t now)
{
    double missing = 0;

    refill(bucket, rate, now);
    missing = needed(rate, amount) - bucket->tokens;
    if (missing <= 0) {
        return 0;
    }
    return rate->per_second > 0 ? missing / rate->per_second : (double)INFINITY;
}
