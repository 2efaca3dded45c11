/* test_ledger.c - charges, refunds, refusals; and the ledger against a model, at random. */
#include "support.h"

#include <stdlib.h>
#include <time.h>

#include "../../src/quota/quota.h"

static const uint64_t SECOND = UINT64_C(1000000000);

static void init(struct pyn_quotas *quotas, struct pyn_ledger *ledger)
{
    *quotas = pyn_quotas_default();
    quotas->max[PYN_Q_REFERENCES] = 10;
    quotas->refusals_burst = 5;
    quotas->refusals_per_second = 2;
    pyn_ledger_init(ledger, quotas, SECOND);
}

static void a_new_ledger_is_clear(void **state)
{
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;

    (void)state;
    init(&quotas, &ledger);
    assert_true(pyn_ledger_is_clear(&ledger));
}

static void the_limit_itself_is_granted_and_one_more_is_not(void **state)
{
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;

    (void)state;
    init(&quotas, &ledger);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 11), PYN_EQUOTA);
    assert_int_equal(ledger.used[PYN_Q_REFERENCES], 0);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 9), PYN_OK);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 1), PYN_OK);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 1), PYN_EQUOTA);
    assert_int_equal(ledger.used[PYN_Q_REFERENCES], 10);
    assert_false(pyn_ledger_is_clear(&ledger));
    pyn_ledger_refund(&ledger, PYN_Q_REFERENCES, 1);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 1), PYN_OK);
    pyn_ledger_refund(&ledger, PYN_Q_REFERENCES, 10);
    assert_true(pyn_ledger_is_clear(&ledger));
    assert_int_equal(ledger.peak[PYN_Q_REFERENCES], 10);
}

static void an_amount_near_the_end_of_the_range_does_not_wrap(void **state)
{
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;

    (void)state;
    init(&quotas, &ledger);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 5), PYN_OK);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, UINT64_MAX), PYN_EQUOTA);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, UINT64_MAX - 4), PYN_EQUOTA);
    quotas.max[PYN_Q_REFERENCES] = 3; /* lowered below what is held */
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 1), PYN_EQUOTA);
    quotas.max[PYN_Q_REFERENCES] = UINT64_MAX;
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, UINT64_MAX - 5), PYN_OK);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 1), PYN_EQUOTA);
}

static void refusals_come_in_a_burst_and_are_forgiven_with_time(void **state)
{
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;
    uint64_t now = SECOND;

    (void)state;
    init(&quotas, &ledger);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pyn_ledger_refusal(&ledger, now), PYN_OK);
    }
    assert_int_equal(pyn_ledger_refusal(&ledger, now), PYN_EFLOOD);
    assert_int_equal(pyn_ledger_refusal(&ledger, now + SECOND / 2 - 1), PYN_EFLOOD);
    assert_int_equal(pyn_ledger_refusal(&ledger, now + SECOND / 2), PYN_OK);
    assert_int_equal(pyn_ledger_refusal(&ledger, now + SECOND / 2), PYN_EFLOOD);
    now += 3600 * SECOND;
    for (int i = 0; i < 5; i++) { /* never more than the burst */
        assert_int_equal(pyn_ledger_refusal(&ledger, now), PYN_OK);
    }
    assert_int_equal(pyn_ledger_refusal(&ledger, now), PYN_EFLOOD);
    assert_int_equal(ledger.refused, 15);
}

/* However slow a rate is, one may come at once; what is more than one of a burst is there as well. */
static void a_slow_rate_lets_one_in_at_once(void **state)
{
    static const struct {
        double per_second;
        double at_once; /* after which the next one is let in */
    } rows[] = {{0.1, 1}, {0.2, 1}, {0.3, 1.5}, {0.4, 2}};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct pyn_quotas quotas = pyn_quotas_default();
        struct pyn_ledger ledger;
        quotas.burst_seconds = 5;
        quotas.rates[PYN_Q_CALLS_PER_SECOND - PYN_Q_COUNT] = rows[i].per_second;
        pyn_ledger_init(&ledger, &quotas, SECOND);
        assert_true(pyn_ledger_has(&ledger, PYN_Q_CALLS_PER_SECOND, 1, SECOND));
        pyn_ledger_spend(&ledger, PYN_Q_CALLS_PER_SECOND, 1, SECOND);
        const double missing = (2 - rows[i].at_once) / rows[i].per_second; /* seconds until there is another whole one */
        const uint64_t due = SECOND + (uint64_t)(missing * 1e9);
        if (missing > 0) {
            assert_false(pyn_ledger_has(&ledger, PYN_Q_CALLS_PER_SECOND, 1, due - SECOND / 100));
        }
        assert_true(pyn_ledger_has(&ledger, PYN_Q_CALLS_PER_SECOND, 1, due + SECOND / 100));
    }
}

static void a_clock_that_steps_back_forgives_nothing(void **state)
{
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;

    (void)state;
    init(&quotas, &ledger);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pyn_ledger_refusal(&ledger, 10 * SECOND), PYN_OK);
    }
    assert_int_equal(pyn_ledger_refusal(&ledger, 0), PYN_EFLOOD);
    assert_int_equal(pyn_ledger_refusal(&ledger, 10 * SECOND), PYN_EFLOOD);
}

/* ---- against a model ---- */

enum { ROUNDS = 200000 };

struct model {
    uint64_t used[PYN_Q_HELD];
    uint64_t peak[PYN_Q_HELD];
};

static bool model_charge(struct model *model, const struct pyn_quotas *quotas, size_t which, uint64_t amount)
{
    __extension__ unsigned __int128 sum = (unsigned __int128)model->used[which] + amount;

    if (sum > quotas->max[which]) {
        return false;
    }
    model->used[which] = (uint64_t)sum;
    if (model->used[which] > model->peak[which]) {
        model->peak[which] = model->used[which];
    }
    return true;
}

static void whatever_is_charged_and_refunded_the_ledger_agrees_with_a_model(void **state)
{
    const char *given = getenv("PYNTO_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;
    struct model model = {0};

    (void)state;
    print_message("PYNTO_TEST_SEED=%llu\n", (unsigned long long)seed);
    init(&quotas, &ledger);
    for (size_t i = 0; i < PYN_Q_HELD; i++) {
        quotas.max[i] = i == 0 ? UINT64_MAX : support_random(&seed) >> support_below(&seed, 60);
    }
    for (int round = 0; round < ROUNDS; round++) {
        size_t which = support_below(&seed, PYN_Q_HELD);
        uint64_t amount = support_random(&seed) >> support_below(&seed, 64);
        if (support_below(&seed, 2) == 0) {
            bool fits = model_charge(&model, &quotas, which, amount);
            assert_int_equal(pyn_ledger_charge(&ledger, (enum pyn_quota)which, amount), fits ? PYN_OK : PYN_EQUOTA);
        } else {
            amount = amount > model.used[which] ? model.used[which] : amount;
            pyn_ledger_refund(&ledger, (enum pyn_quota)which, amount);
            model.used[which] -= amount;
        }
        assert_int_equal(ledger.used[which], model.used[which]);
        assert_int_equal(ledger.peak[which], model.peak[which]);
    }
    for (size_t i = 0; i < PYN_Q_HELD; i++) {
        pyn_ledger_refund(&ledger, (enum pyn_quota)i, model.used[i]);
    }
    assert_true(pyn_ledger_is_clear(&ledger));
}

static void what_was_charged_stays_charged_when_the_limits_change(void **state)
{
    static const struct {
        uint32_t burst;
        int left;
        const char *why;
    } after[] = {
        {5, 2, "the same"}, {3, 0, "all of it is used"}, {4, 1, "one is left"}, {2, 0, "no debt"}, {100, 97, "much more"}};
    struct pyn_quotas quotas;
    struct pyn_quotas other;
    struct pyn_ledger ledger;

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(after); i++) {
        int left = 0;
        init(&quotas, &ledger);
        assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 7), PYN_OK);
        for (int n = 0; n < 3; n++) {
            assert_int_equal(pyn_ledger_refusal(&ledger, SECOND), PYN_OK);
        }
        other = quotas;
        other.refusals_burst = after[i].burst;
        other.max[PYN_Q_REFERENCES] = 8;
        pyn_ledger_retune(&ledger, &other);
        while (pyn_ledger_refusal(&ledger, SECOND) == PYN_OK) {
            left++;
        }
        if (left != after[i].left) {
            fail_msg("%s: %d refusals are left", after[i].why, left);
        }
        assert_int_equal(ledger.used[PYN_Q_REFERENCES], 7);
        assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 1), PYN_OK);
        assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 1), PYN_EQUOTA);
    }
}

static void below_what_is_held_nothing_more_is_granted_until_it_is_back(void **state)
{
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;

    (void)state;
    init(&quotas, &ledger);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 7), PYN_OK);
    quotas.max[PYN_Q_REFERENCES] = 5;
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 1), PYN_EQUOTA);
    pyn_ledger_refund(&ledger, PYN_Q_REFERENCES, 3);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 1), PYN_OK);
    assert_int_equal(pyn_ledger_charge(&ledger, PYN_Q_REFERENCES, 1), PYN_EQUOTA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_ledger_is_clear),
        cmocka_unit_test(what_was_charged_stays_charged_when_the_limits_change),
        cmocka_unit_test(below_what_is_held_nothing_more_is_granted_until_it_is_back),
        cmocka_unit_test(the_limit_itself_is_granted_and_one_more_is_not),
        cmocka_unit_test(an_amount_near_the_end_of_the_range_does_not_wrap),
        cmocka_unit_test(refusals_come_in_a_burst_and_are_forgiven_with_time),
        cmocka_unit_test(a_slow_rate_lets_one_in_at_once),
        cmocka_unit_test(a_clock_that_steps_back_forgives_nothing),
        cmocka_unit_test(whatever_is_charged_and_refunded_the_ledger_agrees_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
