/*
 * clock.h - the one monotonic clock, in nanoseconds, and the calendar's, in seconds. Below the runtime instants are passed in.
 */
#ifndef PYN_CLOCK_H
#define PYN_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t pyn_now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* For those who wait until then. */
static inline struct timespec pyn_timespec_of(uint64_t at)
{
    return (struct timespec){.tv_sec = (time_t)(at / UINT64_C(1000000000)), .tv_nsec = (long)(at % UINT64_C(1000000000))};
}

/* Seconds since 1970, as people set it: for what ends on a date, and for nothing else. */
static inline uint64_t pyn_calendar_now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec > 0 ? (uint64_t)ts.tv_sec : 0;
}

#endif
