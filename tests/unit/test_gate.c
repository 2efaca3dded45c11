/* test_gate.c - is a source turned away when it has tried too often, and nobody else with it? */
#include "support.h"

#include <sodium.h>

#include "../../src/channel/gate.h"

static const uint8_t secret[PYN_GATE_SECRET_LEN] = {1};
static const struct pyn_gate_limits limits = {.burst = 10, .per_second = 2, .penalty = 3};
static const uint64_t SECOND = UINT64_C(1000000000);

static void number(uint8_t source[PYN_GATE_SOURCE_LEN], uint32_t value)
{
    memset(source, 0, PYN_GATE_SOURCE_LEN);
    memcpy(source, &value, sizeof value);
}

static unsigned admitted(struct pyn_gate *gate, const uint8_t *source, uint64_t now, unsigned tries)
{
    unsigned count = 0;

    for (unsigned i = 0; i < tries; i++) {
        count += pyn_gate_admit(gate, source, now) ? 1 : 0;
    }
    return count;
}

static void a_burst_is_admitted_and_not_one_more(void **state)
{
    struct pyn_gate *gate = pyn_gate_new(pyn_mem_default(), &limits, secret);
    uint8_t source[PYN_GATE_SOURCE_LEN];
    uint8_t other[PYN_GATE_SOURCE_LEN];

    number(source, 1);
    number(other, 2);
    assert_int_equal(admitted(gate, source, 0, 9), 9);
    assert_int_equal(admitted(gate, source, 0, 1), 1);
    assert_int_equal(admitted(gate, source, 0, 5), 0);
    assert_int_equal(admitted(gate, other, 0, 20), 10); /* another one is not touched by it */
    pyn_gate_free(gate);
}

static void tokens_come_back_with_time_up_to_the_burst(void **state)
{
    struct pyn_gate *gate = pyn_gate_new(pyn_mem_default(), &limits, secret);
    uint8_t source[PYN_GATE_SOURCE_LEN];

    number(source, 1);
    assert_int_equal(admitted(gate, source, SECOND, 20), 10);
    assert_int_equal(admitted(gate, source, SECOND + SECOND / 2 - 1, 20), 0);
    assert_int_equal(admitted(gate, source, SECOND + SECOND / 2 + 1, 20), 1);
    assert_int_equal(admitted(gate, source, 3 * SECOND + SECOND / 2 + 2, 20), 4);
    assert_int_equal(admitted(gate, source, 1000 * SECOND, 20), 10);
    assert_int_equal(admitted(gate, source, 0, 20), 0); /* a clock that goes back gives nothing */
    pyn_gate_free(gate);
}

static void failing_costs_more_and_succeeding_nothing(void **state)
{
    struct pyn_gate *gate = pyn_gate_new(pyn_mem_default(), &limits, secret);
    uint8_t source[PYN_GATE_SOURCE_LEN];
    unsigned count = 0;

    number(source, 1);
    for (int i = 0; i < 100; i++) {
        assert_true(pyn_gate_admit(gate, source, 0));
        pyn_gate_succeeded(gate, source, 0);
    }
    while (pyn_gate_admit(gate, source, 0)) {
        pyn_gate_failed(gate, source, 0);
        count++;
    }
    assert_int_equal(count, 3); /* 10 tokens, 4 each: the third leaves it below one */
    pyn_gate_free(gate);
}

static void a_penalty_has_an_end(void **state)
{
    struct pyn_gate *gate = pyn_gate_new(pyn_mem_default(), &limits, secret);
    uint8_t source[PYN_GATE_SOURCE_LEN];

    number(source, 1);
    for (int i = 0; i < 1000; i++) {
        pyn_gate_failed(gate, source, 0);
    }
    assert_int_equal(admitted(gate, source, 5 * SECOND, 1), 0);
    assert_int_equal(admitted(gate, source, 6 * SECOND, 20), 2); /* from -10 at 2 a second */
    pyn_gate_free(gate);
}

static void a_flood_of_sources_takes_no_memory_and_frees_no_offender(void **state)
{
    struct support_mem mem;
    struct pyn_gate *gate = NULL;
    uint8_t offender[PYN_GATE_SOURCE_LEN];
    uint8_t source[PYN_GATE_SOURCE_LEN];
    size_t calls = 0;

    support_mem_init(&mem, 0);
    gate = pyn_gate_new(&mem.mem, &limits, secret);
    number(offender, UINT32_MAX);
    assert_int_equal(admitted(gate, offender, 0, 20), 10);
    calls = mem.calls;
    for (uint32_t i = 0; i < 20 * PYN_GATE_SOURCES; i++) {
        number(source, i);
        assert_true(pyn_gate_admit(gate, source, 0));
    }
    assert_int_equal(mem.calls, calls);
    assert_int_equal(admitted(gate, offender, 0, 20), 0);
    pyn_gate_free(gate);
    assert_int_equal(mem.live, 0);
}

static void the_limits_of_whoever_names_none_turn_nobody_away_who_behaves(void **state)
{
    const struct pyn_gate_limits usual = pyn_gate_limits_default();
    struct pyn_gate *gate = pyn_gate_new(pyn_mem_default(), &usual, secret);
    uint8_t source[PYN_GATE_SOURCE_LEN];

    number(source, 1);
    assert_int_equal(admitted(gate, source, 0, (unsigned)usual.burst + 1), (unsigned)usual.burst);
    assert_int_equal(admitted(gate, source, SECOND, (unsigned)usual.per_second + 1), (unsigned)usual.per_second);
    assert_true(usual.penalty > 0);
    pyn_gate_free(gate);
}

static void without_memory_there_is_no_gate(void **state)
{
    struct support_mem mem;

    support_mem_init(&mem, 1);
    assert_null(pyn_gate_new(&mem.mem, &limits, secret));
    assert_int_equal(mem.live, 0);
    pyn_gate_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_admitted_and_not_one_more),
        cmocka_unit_test(tokens_come_back_with_time_up_to_the_burst),
        cmocka_unit_test(failing_costs_more_and_succeeding_nothing),
        cmocka_unit_test(a_penalty_has_an_end),
        cmocka_unit_test(a_flood_of_sources_takes_no_memory_and_frees_no_offender),
        cmocka_unit_test(the_limits_of_whoever_names_none_turn_nobody_away_who_behaves),
        cmocka_unit_test(without_memory_there_is_no_gate),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
