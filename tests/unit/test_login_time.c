/*
 * test_login_time.c - does the time of a refusal tell why? Welch's t-test, in the manner of dudect: two classes in random order, the slowest samples
 * left out, since those are the machine's.
 *
 * A difference that is there shows in every round; noise does not. So one round below the bound is enough, of a few. A login that is malformed is
 * not compared: who has sent it knows that.
 */
#include "support.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "../../src/channel/grant.h"

enum { SAMPLES = 100000, ROUNDS = 20, GRANTS = 100 };

static const double BOUND = 4.5;
static const uint8_t secret[PYN_NOISE_KEY_LEN] = {8};
static const uint8_t server_public[PYN_NOISE_KEY_LEN] = {9};

struct login {
    uint8_t bytes[1 + PYN_CAPABILITY_LEN];
    size_t len;
    const uint8_t *key;
};

struct sample {
    double ns;
    uint8_t class;
};

static struct sample samples[SAMPLES];

static uint64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

static int by_time(const void *a, const void *b)
{
    const struct sample *left = a;
    const struct sample *right = b;

    return (left->ns > right->ns) - (left->ns < right->ns);
}

/* Of the fastest 90 %. */
static double t_value(void)
{
    double count[2] = {0};
    double sum[2] = {0};
    double squares[2] = {0};

    qsort(samples, SAMPLES, sizeof samples[0], by_time);
    for (size_t i = 0; i < SAMPLES / 10 * 9; i++) {
        const uint8_t class = samples[i].class;
        count[class] += 1;
        sum[class] += samples[i].ns;
        squares[class] += samples[i].ns * samples[i].ns;
    }
    double mean[2];
    double spread = 0;
    for (int class = 0; class < 2; class ++) {
        mean[class] = sum[class] / count[class];
        spread += (squares[class] / count[class] - mean[class] * mean[class]) / count[class];
    }
    return (mean[0] - mean[1]) / sqrt(spread);
}

/* One round: logins of two classes in random order. Each class has its own copy at the same place, so that the cache sees no difference. */
static double measure(const struct pyn_grants *grants, const struct login *a, const struct login *b)
{
    static struct login login;
    struct pyn_principal who;

    for (size_t i = 0; i < SAMPLES; i++) {
        const uint8_t class = (uint8_t)(randombytes_random() & 1);
        uint64_t began = 0;
        login = class == 0 ? *a : *b;
        const struct pyn_claim claim = {.key = login.key, .login = {login.bytes, login.len}};
        began = now_ns();
        const enum pyn_admittance admittance = pyn_grants_judge(grants, &claim, 1000, &who);
        samples[i] = (struct sample){.ns = (double)(now_ns() - began), .class = class};
        assert_int_equal(admittance, PYN_JUDGED_OUT);
    }
    return t_value();
}

static struct login capability_login(uint8_t number)
{
    struct login login = {.bytes = {PYN_LOGIN_CAPABILITY, number, 77}, .len = sizeof login.bytes};

    return login;
}

static void put(struct pyn_grants *grants, uint8_t number, uint64_t expires_at)
{
    const struct login login = capability_login(number);
    struct pyn_grant grant = {.kind = PYN_LOGIN_CAPABILITY, .id = {number}, .expires_at = expires_at};

    pyn_grants_digest(grants, PYN_LOGIN_CAPABILITY, (struct pyn_view){login.bytes + 1, PYN_CAPABILITY_LEN}, grant.digest);
    assert_int_equal(pyn_grants_put(grants, &grant), PYN_OK);
}

static void the_time_of_a_refusal_does_not_tell_why(void **state)
{
    struct pyn_grants *grants = NULL;
    struct login unknown = capability_login(200);
    struct login first = capability_login(1);
    struct login last = capability_login(1);
    struct login expired = capability_login(7);
    const struct {
        const char *why;
        const struct login *a;
        const struct login *b;
    } pairs[] = {{"unknown against expired", &unknown, &expired},
                 {"wrong in its first against wrong in its last byte", &first, &last}};

    assert_int_equal(pyn_grants_new(pyn_mem_default(), secret, server_public, &grants), PYN_OK);
    for (unsigned i = 0; i < GRANTS; i++) {
        put(grants, (uint8_t)i, i == 7 ? 999 : 0);
    }
    first.bytes[1] ^= 0x80;
    last.bytes[sizeof last.bytes - 1] ^= 1;
    for (size_t pair = 0; pair < SUPPORT_COUNT(pairs); pair++) {
        double least = INFINITY;
        for (int round = 0; round < ROUNDS && least >= BOUND; round++) {
            least = fmin(least, fabs(measure(grants, pairs[pair].a, pairs[pair].b)));
        }
        printf("%s: |t| = %.2f\n", pairs[pair].why, least);
        if (least >= BOUND) {
            fail_msg("%s: |t| = %.1f in the best of %d rounds", pairs[pair].why, least, ROUNDS);
        }
    }
    pyn_grants_free(grants);
}

/* The test itself can fail: a comparison that stops at the first difference is found out. */
static void a_difference_that_is_there_is_seen(void **state)
{
    static uint8_t known[64 * 1024];
    static uint8_t tried[64 * 1024];

    for (size_t i = 0; i < SAMPLES; i++) {
        const uint8_t class = (uint8_t)(randombytes_random() & 1);
        const size_t at = class == 0 ? 0 : sizeof tried - 1;
        uint64_t began = 0;
        volatile int result = 0;
        tried[at] = 1;
        began = now_ns();
        result = memcmp(known, tried, sizeof known);
        samples[i] = (struct sample){.ns = (double)(now_ns() - began), .class = class};
        (void)result;
        tried[at] = 0;
    }
    assert_true(fabs(t_value()) > BOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_of_a_refusal_does_not_tell_why),
        cmocka_unit_test(a_difference_that_is_there_is_seen),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
