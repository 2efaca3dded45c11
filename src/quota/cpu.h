/*
 * cpu.h - the CPU time that one connection has used of late: it may use some at once, and gets it back slowly.
 *
 * Owns:    nothing.
 * Units:   nanoseconds of CPU time; instants are nanoseconds of a monotonic clock that is passed in.
 * Errors:  none.
 * Threads: one at a time for each.
 * Tests:   tests/unit/test_cpu.c
 */
#ifndef PYN_CPU_H
#define PYN_CPU_H

#include "quota.h"

struct pyn_cpu {
    uint64_t used_ns; /* not forgiven yet, at the instant at */
    uint64_t at;
    uint64_t total_ns; /* that was ever used */
};

/* So much was used. True: it is more than may be used at once. */
bool pyn_cpu_charge(struct pyn_cpu *cpu, const struct pyn_quotas *quotas, uint64_t used_ns, uint64_t now);

/* Is all used that may be used at once? */
bool pyn_cpu_is_spent(struct pyn_cpu *cpu, const struct pyn_quotas *quotas, uint64_t now);

#endif
