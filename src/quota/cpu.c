/* cpu.c - see cpu.h. */
#include "cpu.h"

static const double NS_PER_SECOND = 1e9;

/* A clock that steps back forgives nothing, and takes nothing back. */
static void forgive(struct pyn_cpu *cpu, const struct pyn_quotas *quotas, uint64_t now)
{
    double forgiven = 0;

    if (now <= cpu->at) {
        return;
    }
    forgiven = (double)(now - cpu->at) * ((double)quotas->cpu_share_ns / NS_PER_SECOND);
    cpu->used_ns = forgiven < (double)cpu->used_ns ? cpu->used_ns - (uint64_t)forgiven : 0;
    cpu->at = now;
}

bool pyn_cpu_charge(struct pyn_cpu *cpu, const struct pyn_quotas *quotas, uint64_t used_ns, uint64_t now)
{
    forgive(cpu, quotas, now);
    cpu->total_ns += used_ns;
    cpu->used_ns = used_ns <= UINT64_MAX - cpu->used_ns ? cpu->used_ns + used_ns : UINT64_MAX;
    return cpu->used_ns > quotas->cpu_burst_ns;
}

bool pyn_cpu_is_spent(struct pyn_cpu *cpu, const struct pyn_quotas *quotas, uint64_t now)
{
    forgive(cpu, quotas, now);
    return cpu->used_ns >= quotas->cpu_burst_ns;
}
