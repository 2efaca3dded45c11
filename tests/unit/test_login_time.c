/*
 * test_login_time.c - does the time of a refusal tell why? Welch's t-test, in the manner of dudect: two classes in random order, the slowest samples
 * left out, since those are the machine's.
 *
 * A difference that is there shows in every round; noise does not. So one round below the bound is enough, of a few. A class is many logins,
 * and each round has a server's secret of its own: where in the table one is looked for, which nobody can choose or know, takes a little more or less time
 * than another place. A login that is
 * malformed is not compared: who has sent it knows that.
 O01 */
#include "support.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "../../src/channel/grant.h"

enum { SAMPLES = 100000, ROUNDS = 20, GRANTS = 100, KINDS_OF = 32 };

static const double BOUND = 4.5;
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

/* One round: logins of two classes in random order. Each is copied to the same place, so that the cache sees no difference. */
static double measure(const struct pyn_grants *grants, const struct login classes[2][KINDS_OF])
{
    static struct login login;
    struct pyn_principal who;

    for (size_t i = 0; i < SAMPLES; i++) {
        const uint32_t chosen = randombytes_random();
        const uint8_t class = (uint8_t)(chosen & 1);
        uint64_t began = 0;
        login = classes[class][(chosen >> 1) % KINDS_OF];
        const struct pyn_claim claim = {.key = login.key, .login = {login.bytes, login.len}};
        began = now_ns();
        const enum pyn_admittance admittance = pyn_grants_judge(grants, &claim, 1000, &who);
        samples[i] = (struct sample){.ns = (double)(now_ns() - began), .class = class};
        assert_int_equal(admittance, PYN_JUDGED_OUT);
    }
    return t_value();
}

static struct login capability_login(unsigned number)
{
    struct login login = {.bytes = {PYN_LOGIN_CAPABILITY, (uint8_t)number, 77}, .len = sizeof login.bytes};

    return login;
}

static void put(struct pyn_grants *grants, unsigned number, uint64_t expires_at)
{
    const struct login login = capability_login(number);
    struct pyn_grant grant = {.kind = PYN_LOGIN_CAPABILITY, .id = {(uint8_t)number}, .expires_at = expires_at};

    pyn_grants_digest(grants, PYN_LOGIN_CAPABILITY, (struct pyn_view){login.bytes + 1, PYN_CAPABILITY_LEN}, grant.digest);
    assert_int_equal(pyn_grants_put(grants, &grant), PYN_OK);
}

static struct login unknown_login(unsigned number)
{
    return capability_login(200 + number);
}

static struct login wrong_in_its_first_byte(unsigned number)
{
    struct login login = capability_login(number);

    login.bytes[1] ^= 0x80;
    return login;
}

static struct login wrong_in_its_last_byte(unsigned number)
{
    struct login login = capability_login(number);

    login.bytes[sizeof login.bytes - 1] ^= 1;
    return login;
}

static struct login revoked_login(unsigned number)
{
    return capability_login(KINDS_OF + number);
}

/* The first 32 have expired, the next 32 were revoked. */
static struct pyn_grants *make_grants(void)
{
    struct pyn_grants *grants = NULL;
    uint8_t secret[PYN_NOISE_KEY_LEN];

    randombytes_buf(secret, sizeof secret);
    assert_int_equal(pyn_grants_new(pyn_mem_default(), secret, server_public, &grants), PYN_OK);
    for (unsigned i = 0; i < GRANTS; i++) {
        put(grants, i, i < KINDS_OF ? 999 : 0);
    }
    for (unsigned i = KINDS_OF; i < 2 * KINDS_OF; i++) {
        const uint8_t id[PYN_GRANT_ID_LEN] = {(uint8_t)i};
        assert_int_equal(pyn_grants_drop(grants, id), 1);
    }
    return grants;
}

static void compare(const char *why, struct login (*one)(unsigned), struct login (*other)(unsigned))
{
    static struct login classes[2][KINDS_OF];
    double least = INFINITY;
    int round = 0;

    for (unsigned i = 0; i < KINDS_OF; i++) {
        classes[0][i] = one(i);
        classes[1][i] = other(i);
    }
    for (round = 0; round < ROUNDS && least >= BOUND; round++) {
        struct pyn_grants *grants = make_grants();
        least = fmin(least, fabs(measure(grants, (const struct login(*)[KINDS_OF])classes)));
        pyn_grants_free(grants);
    }
    printf("%s: |t| = %.2f in round %d\n", why, least, round);
    if (least >= BOUND) {
        fail_msg("%s: |t| = %.1f in the best of %d rounds", why, least, ROUNDS);
    }
}

static void the_time_of_a_refusal_does_not_tell_why(void **state)
{
    compare("unknown against expired", unknown_login, capability_login);
    compare("unknown against revoked", unknown_login, revoked_login);
    compare("wrong in its first against wrong in its last byte", wrong_in_its_first_byte, wrong_in_its_last_byte);
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
