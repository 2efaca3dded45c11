/* CPU time: what is used is counted and does not wrap, and no clock gives more back than was used. */
#include "../../src/quota/cpu.h"
#include "proof.h"

int main(void)
{
    struct pyn_quotas quotas;
    struct pyn_cpu cpu = {nondet_u64(), nondet_u64(), nondet_u64()};
    const struct pyn_cpu before = cpu;
    const uint64_t used = nondet_u64();

    ASSUME(used <= UINT64_MAX - cpu.total_ns);
    const bool is_over = pyn_cpu_charge(&cpu, &quotas, used, before.at); /* no time has gone by */
    PROVE(cpu.used_ns >= before.used_ns && cpu.used_ns >= used, "it does not wrap");
    PROVE(cpu.total_ns - before.total_ns == used, "and all of it is counted");
    PROVE(is_over == (cpu.used_ns > quotas.cpu_burst_ns), "more than may be used at once is told");
    const uint64_t had = cpu.used_ns;
    const uint64_t now = nondet_u64();
    const bool is_spent = pyn_cpu_is_spent(&cpu, &quotas, now);
    PROVE(cpu.used_ns <= had, "time takes nothing more");
    PROVE(now > before.at || cpu.used_ns == had, "a clock that steps back forgives nothing");
    PROVE(cpu.at >= before.at, "nor is it followed");
    PROVE(is_spent == (cpu.used_ns >= quotas.cpu_burst_ns), "what is spent is told");
    return 0;
}
