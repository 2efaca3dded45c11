/* test_cpu.c - the CPU time that a connection has used of late. */
#include "support.h"

#include "../../src/quota/cpu.h"

static const uint64_t S = UINT64_C(1000000000);

static struct pyn_quotas quotas_of(double burst, double share)
{
    struct pyn_quotas quotas = pyn_quotas_default();

    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("cpu_burst"), burst), PYN_OK);
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("cpu_share"), share), PYN_OK);
    return quotas;
}

static void as_much_as_the_burst_may_be_used_at_once_and_no_more(void **state)
{
    struct pyn_quotas quotas = quotas_of(2, 0.5);
    struct pyn_cpu cpu = {0};

    (void)state;
    assert_false(pyn_cpu_charge(&cpu, &quotas, 2 * S - 1, 0));
    assert_false(pyn_cpu_is_spent(&cpu, &quotas, 0));
    assert_false(pyn_cpu_charge(&cpu, &quotas, 1, 0));
    assert_true(pyn_cpu_is_spent(&cpu, &quotas, 0));
    assert_true(pyn_cpu_charge(&cpu, &quotas, 1, 0));
}

static void what_was_used_is_forgiven_at_the_rate_of_the_share(void **state)
{
    struct pyn_quotas quotas = quotas_of(2, 0.5);
    struct pyn_cpu cpu = {0};

    (void)state;
    assert_true(pyn_cpu_charge(&cpu, &quotas, 3 * S, 0));
    assert_true(pyn_cpu_is_spent(&cpu, &quotas, 2 * S)); /* 2 s are left of it */
    assert_false(pyn_cpu_is_spent(&cpu, &quotas, 2 * S + 10));
    assert_false(pyn_cpu_charge(&cpu, &quotas, 0, 100 * S));
    assert_true(cpu.used_ns == 0);
}

static void a_clock_that_steps_back_and_numbers_without_end_do_no_harm(void **state)
{
    struct pyn_quotas quotas = quotas_of(2, 1);
    struct pyn_cpu cpu = {0};

    (void)state;
    assert_false(pyn_cpu_charge(&cpu, &quotas, S, 10 * S));
    assert_false(pyn_cpu_charge(&cpu, &quotas, S, 5 * S));
    assert_true(cpu.used_ns == 2 * S && cpu.at == 10 * S);
    assert_true(pyn_cpu_charge(&cpu, &quotas, UINT64_MAX, 10 * S));
    assert_true(cpu.used_ns == UINT64_MAX);
    assert_true(pyn_cpu_is_spent(&cpu, &quotas, 11 * S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_much_as_the_burst_may_be_used_at_once_and_no_more),
        cmocka_unit_test(what_was_used_is_forgiven_at_the_rate_of_the_share),
        cmocka_unit_test(a_clock_that_steps_back_and_numbers_without_end_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
