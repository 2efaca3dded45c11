/* test_quota.c - the table of limits. */
#include "support.h"

#include <math.h>

#include "../../src/quota/quota.h"

static void every_limit_has_a_name_and_a_default_within_its_range(void **state)
{
    struct pyn_quotas quotas = pyn_quotas_default();
    size_t count = 0;

    (void)state;
    for (const char *name = NULL; (name = pyn_quotas_name(count)) != NULL; count++) {
        double usual = pyn_quotas_get(&quotas, count);
        assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of(name), usual), PYN_OK);
        assert_true(pyn_quotas_get(&quotas, count) == usual);
    }
    assert_int_equal(count, 34);
    assert_null(pyn_quotas_name(count + 1));
}

static void every_quota_of_the_ledger_has_a_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < PYN_Q_ALL; i++) {
        assert_true(strlen(pyn_quota_name((enum pyn_quota)i)) > 0);
    }
    assert_string_equal(pyn_quota_name(PYN_Q_CALLS), "calls");
    assert_string_equal(pyn_quota_name(PYN_Q_OUTPUT), "output");
}

static void what_is_told_of_a_limit_is_its_name_and_its_number(void **state)
{
    struct pyn_quotas quotas = pyn_quotas_default();
    char text[64];

    (void)state;
    pyn_quota_text(&quotas, PYN_Q_REFERENCES, text, sizeof text);
    assert_string_equal(text, "references: 10000");
    pyn_quota_text(&quotas, PYN_Q_ODDITIES_PER_SECOND, text, sizeof text);
    assert_string_equal(text, "oddities_per_second: 10000");
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("calls_per_second"), 0.25), PYN_OK);
    pyn_quota_text(&quotas, PYN_Q_CALLS_PER_SECOND, text, sizeof text);
    assert_string_equal(text, "calls_per_second: 0.25");
}

static void a_reply_and_a_call_of_the_greatest_size_fit_the_defaults(void **state)
{
    struct pyn_quotas quotas = pyn_quotas_default();

    (void)state;
    assert_int_equal(quotas.limits.message_max, PYN_LIMITS_DEFAULT.message_max);
    assert_int_equal(quotas.limits.depth_max, PYN_LIMITS_DEFAULT.depth_max);
    assert_int_equal(quotas.limits.element_max, PYN_LIMITS_DEFAULT.element_max);
    assert_int_equal(quotas.limits.key_max, PYN_LIMITS_DEFAULT.key_max);
    assert_int_equal(quotas.limits.int_max, PYN_LIMITS_DEFAULT.int_max);
    assert_true(quotas.max[PYN_Q_OUTPUT] >= 2 * quotas.limits.message_max + (1u << 20));
    assert_true(quotas.max[PYN_Q_QUEUED] >= quotas.limits.message_max + 1024);
}

static void a_greater_message_brings_the_room_that_it_needs(void **state)
{
    struct pyn_quotas quotas = pyn_quotas_default();
    const double greater = 256.0 * 1024 * 1024;

    (void)state;
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("message"), greater), PYN_OK);
    assert_true(quotas.max[PYN_Q_OUTPUT] >= 2 * quotas.limits.message_max + (1u << 20));
    assert_true(quotas.max[PYN_Q_QUEUED] >= quotas.limits.message_max + (1u << 20));
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("output"), 4096), PYN_OK); /* who says so afterwards is right */
    assert_int_equal(quotas.max[PYN_Q_OUTPUT], 4096);
}

static void what_is_out_of_range_is_refused_and_changes_nothing(void **state)
{
    static const struct {
        const char *name;
        double value;
        const char *why;
    } bad[] = {
        {"message", 1023, "below the least"},
        {"message", 4097.0 * 1024 * 1024 + 1, "above the most"},
        {"depth", 65, "higher than the scanner's stack"},
        {"depth", 8.5, "not whole"},
        {"keys", 4097, "above the cap"},
        {"calls", 0, "nothing could ever be called"},
        {"calls", -1, "negative"},
        {"calls", 1e300, "no integer"},
        {"hello", 0, "nobody could ever connect"},
        {"stall", 86401, "longer than a day"},
        {"Calls", 5, "another case"},
        {"", 5, "no name"},
        {"calls2", 5, "no such name"},
    };
    const struct pyn_quotas before = pyn_quotas_default();
    struct pyn_quotas quotas = before;

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(bad); i++) {
        if (pyn_quotas_set(&quotas, pyn_view_of(bad[i].name), bad[i].value) != PYN_EARGS) {
            fail_msg("%s", bad[i].why);
        }
    }
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("calls"), (double)NAN), PYN_EARGS);
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("callback"), (double)INFINITY), PYN_EARGS);
    assert_memory_equal(&before, &quotas, sizeof quotas);
}

static void memory_may_be_unlimited_and_else_is_a_mebibyte_at_least(void **state)
{
    static const char *names[] = {"memory", "call_memory", "peer_memory", "server_memory"};
    struct pyn_quotas quotas = pyn_quotas_default();

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(names); i++) {
        struct pyn_view name = pyn_view_of(names[i]);
        assert_int_equal(pyn_quotas_set(&quotas, name, (1 << 20) - 1), PYN_EARGS);
        assert_int_equal(pyn_quotas_set(&quotas, name, 1), PYN_EARGS);
        assert_int_equal(pyn_quotas_set(&quotas, name, -1), PYN_EARGS);
        assert_int_equal(pyn_quotas_set(&quotas, name, 1 << 20), PYN_OK);
        assert_int_equal(pyn_quotas_set(&quotas, name, 0), PYN_OK);
    }
    assert_int_equal(quotas.max[PYN_Q_MEMORY], 0);
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("message"), 1 << 30), PYN_OK);
    assert_int_equal(quotas.max[PYN_Q_MEMORY], 0); /* a greater message brings no limit */
    quotas = pyn_quotas_default();
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("message"), 1 << 30), PYN_OK);
    assert_int_equal(quotas.max[PYN_Q_MEMORY], UINT64_C(4) << 30);
    assert_int_equal(quotas.max[PYN_Q_CALL_MEMORY], UINT64_C(4) << 30);
    assert_int_equal(quotas.max[PYN_Q_PEER_MEMORY], UINT64_C(4) << 30);
}

static void a_peer_may_have_left_what_one_connection_of_it_may(void **state)
{
    struct pyn_quotas quotas = pyn_quotas_default();
    const uint64_t usual = quotas.max[PYN_Q_PEER_MEMORY];

    (void)state;
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("memory"), 1 << 20), PYN_OK);
    assert_int_equal(quotas.max[PYN_Q_PEER_MEMORY], usual);
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("memory"), 1 << 30), PYN_OK);
    assert_int_equal(quotas.max[PYN_Q_PEER_MEMORY], 1 << 30);
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("peer_memory"), 2 << 20), PYN_OK);
    assert_int_equal(quotas.max[PYN_Q_MEMORY], 1 << 30); /* what is set afterwards stands */
    assert_true(pyn_quotas_limit_memory(&quotas));
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("memory"), 0), PYN_OK);
    assert_int_equal(quotas.max[PYN_Q_PEER_MEMORY], 0);
    assert_true(pyn_quotas_limit_memory(&quotas)); /* of a call */
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("call_memory"), 0), PYN_OK);
    assert_false(pyn_quotas_limit_memory(&quotas));
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("server_memory"), 1 << 20), PYN_OK);
    assert_true(pyn_quotas_limit_memory(&quotas));
    pyn_quotas_unlimit_memory(&quotas);
    assert_false(pyn_quotas_limit_memory(&quotas));
}

static void the_ends_of_a_range_are_inside_of_it(void **state)
{
    struct pyn_quotas quotas = pyn_quotas_default();

    (void)state;
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("depth"), 64), PYN_OK);
    assert_int_equal(quotas.limits.depth_max, 64);
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("message"), 1024), PYN_OK);
    assert_int_equal(quotas.limits.message_max, 1024);
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("refusals_per_second"), 0), PYN_OK);
    assert_int_equal(quotas.refusals_per_second, 0);
}

static void durations_are_set_in_seconds_and_kept_in_nanoseconds(void **state)
{
    struct pyn_quotas quotas = pyn_quotas_default();

    (void)state;
    assert_int_equal(quotas.hello_ns, UINT64_C(10000000000));
    assert_int_equal(quotas.stall_ns, UINT64_C(30000000000));
    assert_int_equal(quotas.callback_ns, UINT64_C(60000000000));
    assert_int_equal(pyn_quotas_set(&quotas, pyn_view_of("stall"), 0.25), PYN_OK);
    assert_int_equal(quotas.stall_ns, 250000000);
}

static void every_row_says_what_it_is(void **state)
{
    const struct pyn_quota_row *row = NULL;
    size_t count = 0;

    (void)state;
    for (; (row = pyn_quotas_row(count)) != NULL; count++) {
        assert_string_equal(row->name, pyn_quotas_name(count));
        bool is_none = row->unit == PYN_UNIT_BYTES_OR_NONE && row->usual == 0;
        assert_true(strlen(row->what) > 0 && (is_none || row->least <= row->usual) && row->usual <= row->most);
    }
    assert_true(count > 20);
    assert_null(pyn_quotas_row(count + 1));
}

static void of_two_the_lesser_limit_of_each_is_the_stricter(void **state)
{
    struct pyn_quotas one = pyn_quotas_default();
    struct pyn_quotas other = one;
    const struct pyn_quotas usual = one;

    (void)state;
    one.max[PYN_Q_CALLS] = 5;
    other.max[PYN_Q_LENT] = 6;
    other.hello_ns = 7;
    other.limits.depth_max = 8;
    other.limits.message_max = 1 << 30;
    pyn_quotas_tighten(&one, &other);
    assert_int_equal(one.max[PYN_Q_CALLS], 5);
    assert_int_equal(one.max[PYN_Q_LENT], 6);
    assert_int_equal(one.hello_ns, 7);
    assert_int_equal(one.limits.depth_max, 8);
    assert_int_equal(one.limits.message_max, usual.limits.message_max);
    assert_int_equal(one.max[PYN_Q_OUTPUT], usual.max[PYN_Q_OUTPUT]);
}

static void each_limit_is_tightened_and_none_is_loosened(void **state)
{
    (void)state;
    for (size_t i = 0; pyn_quotas_row(i) != NULL; i++) {
        const struct pyn_quota_row *row = pyn_quotas_row(i);
        struct pyn_quotas lax = pyn_quotas_default();
        struct pyn_quotas strict = lax;
        struct pyn_quotas both;
        assert_int_equal(pyn_quotas_set(&lax, pyn_view_of(row->name), row->most), PYN_OK);
        assert_int_equal(pyn_quotas_set(&strict, pyn_view_of(row->name), row->least), PYN_OK);
        both = lax;
        pyn_quotas_tighten(&both, &strict);
        assert_true(pyn_quotas_get(&both, i) == row->least);
        both = strict;
        pyn_quotas_tighten(&both, &lax);
        assert_true(pyn_quotas_get(&both, i) == row->least);
    }
    assert_true(pyn_quotas_get(&(struct pyn_quotas){0}, SIZE_MAX) == 0); /* there is none such */
}

static void memory_that_is_not_limited_has_no_limit_of_any_kind(void **state)
{
    static const enum pyn_quota all[] = {PYN_Q_MEMORY, PYN_Q_CALL_MEMORY, PYN_Q_PEER_MEMORY, PYN_Q_SERVER_MEMORY};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(all); i++) {
        struct pyn_quotas quotas = pyn_quotas_default();
        assert_true(pyn_quotas_limit_memory(&quotas));
        pyn_quotas_unlimit_memory(&quotas);
        for (size_t j = 0; j < SUPPORT_COUNT(all); j++) {
            assert_int_equal(quotas.max[all[j]], 0);
        }
        assert_false(pyn_quotas_limit_memory(&quotas));
        quotas.max[all[i]] = 1 << 20;
        assert_true(pyn_quotas_limit_memory(&quotas));
    }
}

/* A limit that is not set is what the page of the quotas says; nobody changes it unawares. */
static void the_defaults_are_these(void **state)
{
    static const double KIB = 1024;
    static const double MIB = 1024.0 * 1024;
    static const double GIB = 1024.0 * 1024 * 1024;
    static const double DAY = 24 * 60 * 60;
    static const double YEAR = 365.0 * 24 * 60 * 60;
    const struct {
        const char *name;
        double value;
        double least;
        double most;
    } rows[] = {
        {"message", 16 * MIB, KIB, 4 * GIB + MIB},
        {"depth", 32, 4, PYN_DEPTH_CAP},
        {"elements", 65536, 32, 1 << 30},
        {"keys", 1024, 16, PYN_KEY_CAP},
        {"integer", 4096, 9, MIB},
        {"references", 10000, 0, 1 << 30},
        {"lent", 10000, 0, 1 << 30},
        {"calls", 1024, 1, 1 << 20},
        {"nesting", 64, 1, 10000},
        {"queued", 17 * MIB, 4 * KIB, 1024 * GIB},
        {"output", 64 * MIB, 4 * KIB, 1024 * GIB},
        {"interfaces", 1024, 1, 1 << 20},
        {"cache", 8 * MIB, 0, 1024 * GIB},
        {"memory", 64 * MIB, MIB, 32 * GIB},
        {"call_memory", 64 * MIB, MIB, 32 * GIB},
        {"peer_memory", 256 * MIB, MIB, 1024 * GIB},
        {"server_memory", 0, MIB, 1024 * GIB},
        {"calls_per_second", PYN_RATE_NONE, 0.001, PYN_RATE_NONE},
        {"bytes_per_second", PYN_RATE_NONE, 1, PYN_RATE_NONE},
        {"cost_per_second", PYN_RATE_NONE, 0.001, PYN_RATE_NONE},
        {"oddities_per_second", 10000, 0.001, PYN_RATE_NONE},
        {"burst_seconds", 5, 0.001, DAY},
        {"refusals", 500, 1, 1 << 30},
        {"refusals_per_second", 10, 0, 1 << 30},
        {"weight", 100, 1, 10000},
        {"handshake", 5, 0.001, DAY},
        {"hello", 10, 0.001, DAY},
        {"stall", 30, 0.001, DAY},
        {"callback", 60, 0.001, DAY},
        {"unfinished", 60, 0.001, DAY},
        {"call_seconds", 10, 0.001, YEAR},
        {"cpu_seconds", 5, 0.001, YEAR},
        {"cpu_burst", 20, 0.001, YEAR},
        {"cpu_share", 0.25, 0, 1024},
    };
    const struct pyn_quotas quotas = pyn_quotas_default();
    size_t count = 0;

    (void)state;
    for (const struct pyn_quota_row *row = NULL; (row = pyn_quotas_row(count)) != NULL; count++) {
        assert_true(count < SUPPORT_COUNT(rows));
        assert_string_equal(row->name, rows[count].name);
        if (row->least != rows[count].least || row->most != rows[count].most ||
            pyn_quotas_get(&quotas, count) != rows[count].value) {
            fail_msg("%s: %g, from %g to %g", row->name, pyn_quotas_get(&quotas, count), row->least, row->most);
        }
    }
    assert_int_equal(count, SUPPORT_COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_these),
        cmocka_unit_test(each_limit_is_tightened_and_none_is_loosened),
        cmocka_unit_test(memory_that_is_not_limited_has_no_limit_of_any_kind),
        cmocka_unit_test(every_limit_has_a_name_and_a_default_within_its_range),
        cmocka_unit_test(every_quota_of_the_ledger_has_a_name),
        cmocka_unit_test(what_is_told_of_a_limit_is_its_name_and_its_number),
        cmocka_unit_test(every_row_says_what_it_is),
        cmocka_unit_test(of_two_the_lesser_limit_of_each_is_the_stricter),
        cmocka_unit_test(a_reply_and_a_call_of_the_greatest_size_fit_the_defaults),
        cmocka_unit_test(a_greater_message_brings_the_room_that_it_needs),
        cmocka_unit_test(what_is_out_of_range_is_refused_and_changes_nothing),
        cmocka_unit_test(memory_may_be_unlimited_and_else_is_a_mebibyte_at_least),
        cmocka_unit_test(a_peer_may_have_left_what_one_connection_of_it_may),
        cmocka_unit_test(the_ends_of_a_range_are_inside_of_it),
        cmocka_unit_test(durations_are_set_in_seconds_and_kept_in_nanoseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
