/*
 * bucket.h - so much at once, and so much more in a second: tokens that are taken, and come back with time.
 *
 * Whoever asks for more than the bucket holds when it is full gets it when it is full, and owes the rest.
 *
 * Owns:    nothing.
 * Units:   tokens; instants are nanoseconds of a monotonic clock that is passed in. A clock that steps back gives nothing, and takes nothing.
 * Errors:  none.
 * Threads: one at a time for each.
 * Tests:   tests/unit/test_bucket.c
 */
#ifndef PYN_BUCKET_H
#define PYN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct pyn_rate {
    double per_second;
    double burst; /* the most that a bucket holds; at least 1 */
};

struct pyn_bucket {
    double tokens;
    uint64_t at;
};

/* Full. */
struct pyn_bucket pyn_bucket_full(const struct pyn_rate *rate, uint64_t now);

/* Is so much there? Nothing is taken. */
bool pyn_bucket_has(struct pyn_bucket *bucket, const struct pyn_rate *rate, double amount, uint64_t now);

/* Takes it, whether or not it is there: what is owed is never more than amount and one burst. */
void pyn_bucket_spend(struct pyn_bucket *bucket, const struct pyn_rate *rate, double amount, uint64_t now);

/* Takes it if it is there. */
bool pyn_bucket_take(struct pyn_bucket *bucket, const struct pyn_rate *rate, double amount, uint64_t now);

/* Seconds until so much is there, if nobody takes any; 0: it is. INFINITY: never. */
double pyn_bucket_wait(struct pyn_bucket *bucket, const struct pyn_rate *rate, double amount, uint64_t now);

#endif
