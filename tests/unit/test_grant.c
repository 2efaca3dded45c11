/* test_grant.c - is everything refused that was not granted, and is what was granted good for exactly what it says, for as long as it says? */
#include "support.h"

#include <sodium.h>

#include "../../src/channel/grant.h"

static const uint8_t secret[PYN_NOISE_KEY_LEN] = {8};
static const uint8_t server_public[PYN_NOISE_KEY_LEN] = {9};
static const uint8_t key[PYN_NOISE_KEY_LEN] = {10};

struct login {
    uint8_t bytes[512];
    size_t len;
};

static struct pyn_grants *make(struct support_mem *mem)
{
    struct pyn_grants *grants = NULL;

    support_mem_init(mem, 0);
    assert_int_equal(pyn_grants_new(&mem->mem, secret, server_public, &grants), PYN_OK);
    return grants;
}

static struct login login_of(enum pyn_login_kind kind, const uint8_t *what, size_t len)
{
    struct login login = {.len = len + 1};

    login.bytes[0] = (uint8_t)kind;
    if (len > 0) {
        memcpy(login.bytes + 1, what, len);
    }
    return login;
}

static enum pyn_admittance judge(const struct pyn_grants *grants, const struct login *login, const uint8_t *peer,
                                 uint64_t now, struct pyn_principal *who)
{
    const struct pyn_claim claim = {.key = peer, .login = {login->bytes, login->len}};

    return pyn_grants_judge(grants, &claim, now, who);
}

/* Grants what the bytes are; its id is the number. */
static struct pyn_grant grant(struct pyn_grants *grants, enum pyn_login_kind kind, const uint8_t *what, uint8_t number)
{
    struct pyn_grant made = {.kind = kind, .id = {number}, .root = "lobby", .quota_class = "member"};

    pyn_grants_digest(grants, kind, (struct pyn_view){what, 32}, made.digest);
    assert_int_equal(pyn_grants_put(grants, &made), PYN_OK);
    return made;
}

static void a_capability_that_was_granted_is_good_and_every_other_is_not(void **state)
{
    struct support_mem mem;
    struct pyn_grants *grants = make(&mem);
    uint8_t capability[PYN_CAPABILITY_LEN];
    struct pyn_principal who;
    struct login login;

    randombytes_buf(capability, sizeof capability);
    login = login_of(PYN_LOGIN_CAPABILITY, capability, sizeof capability);
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_OUT);
    (void)grant(grants, PYN_LOGIN_CAPABILITY, capability, 7);
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_IN);
    assert_int_equal(who.kind, PYN_PRINCIPAL_CAPABILITY);
    assert_string_equal(who.name, "capability 0700000000000000");
    assert_string_equal(who.root, "lobby");
    assert_string_equal(who.quota_class, "member");
    assert_string_equal(who.facet, "");
    for (size_t bit = 0; bit < sizeof capability * 8; bit++) {
        login.bytes[1 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_OUT);
        assert_int_equal(who.kind, PYN_PRINCIPAL_NOBODY);
        login.bytes[1 + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    pyn_grants_free(grants);
    assert_int_equal(mem.live, 0);
}

static void the_table_does_not_hold_the_secret(void **state)
{
    struct support_mem mem;
    struct pyn_grants *grants = make(&mem);
    uint8_t capability[PYN_CAPABILITY_LEN];
    struct pyn_grant made;

    randombytes_buf(capability, sizeof capability);
    made = grant(grants, PYN_LOGIN_CAPABILITY, capability, 1);
    for (size_t at = 0; at + 8 <= sizeof made; at++) {
        assert_memory_not_equal((const uint8_t *)&made + at, capability, 8);
    }
    pyn_grants_free(grants);
}

static void a_login_that_is_not_exactly_one_is_refused(void **state)
{
    struct support_mem mem;
    struct pyn_grants *grants = make(&mem);
    uint8_t capability[PYN_CAPABILITY_LEN] = {1};
    struct pyn_principal who;
    struct login login = login_of(PYN_LOGIN_CAPABILITY, capability, sizeof capability);

    (void)grant(grants, PYN_LOGIN_CAPABILITY, capability, 1);
    (void)grant(grants, PYN_LOGIN_KEY, key, 2);
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_IN);
    assert_int_equal(judge(grants, &login, key, 0, &who), PYN_JUDGED_OUT); /* one of the two */
    for (size_t len = 0; len < sizeof login.bytes; len++) {
        login.len = len;
        assert_int_equal(judge(grants, &login, NULL, 0, &who), len == 33 ? PYN_JUDGED_IN : PYN_JUDGED_OUT);
    }
    for (unsigned kind = 0; kind < 256; kind++) {
        login = login_of((enum pyn_login_kind)kind, NULL, 0);
        assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_OUT);
        assert_int_equal(judge(grants, &login, key, 0, &who), kind == PYN_LOGIN_KEY ? PYN_JUDGED_IN : PYN_JUDGED_OUT);
        login.len = 2;
        assert_int_equal(judge(grants, &login, key, 0, &who), PYN_JUDGED_OUT);
    }
    pyn_grants_free(grants);
}

static void a_key_is_good_only_as_a_key_and_a_capability_only_as_one(void **state)
{
    struct support_mem mem;
    struct pyn_grants *grants = make(&mem);
    struct pyn_principal who;
    struct login as_key = login_of(PYN_LOGIN_KEY, NULL, 0);
    struct login as_capability = login_of(PYN_LOGIN_CAPABILITY, key, sizeof key);

    (void)grant(grants, PYN_LOGIN_KEY, key, 2);
    assert_int_equal(judge(grants, &as_key, key, 0, &who), PYN_JUDGED_IN);
    assert_int_equal(who.kind, PYN_PRINCIPAL_KEY);
    assert_string_equal(who.name, "key CgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_int_equal(judge(grants, &as_capability, NULL, 0, &who), PYN_JUDGED_OUT); /* the key is public */
    assert_int_equal(judge(grants, &as_key, server_public, 0, &who), PYN_JUDGED_OUT);
    pyn_grants_free(grants);
}

static void a_grant_ends_with_its_last_second(void **state)
{
    static const struct {
        uint64_t now;
        enum pyn_admittance wanted;
    } cases[] = {{0, PYN_JUDGED_IN},
                 {999, PYN_JUDGED_IN},
                 {1000, PYN_JUDGED_OUT},
                 {1001, PYN_JUDGED_OUT},
                 {UINT64_MAX, PYN_JUDGED_OUT}};
    struct support_mem mem;
    struct pyn_grants *grants = make(&mem);
    struct login login = login_of(PYN_LOGIN_CAPABILITY, key, sizeof key);
    struct pyn_grant made = grant(grants, PYN_LOGIN_CAPABILITY, key, 1);
    struct pyn_principal who;

    made.expires_at = 1000;
    assert_int_equal(pyn_grants_put(grants, &made), PYN_OK);
    assert_int_equal(pyn_grants_count(grants), 1); /* it was replaced */
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        assert_int_equal(judge(grants, &login, NULL, cases[i].now, &who), cases[i].wanted);
    }
    pyn_grants_free(grants);
}

static void one_whose_uses_are_counted_waits_for_who_counts(void **state)
{
    struct support_mem mem;
    struct pyn_grants *grants = make(&mem);
    struct login login = login_of(PYN_LOGIN_CAPABILITY, key, sizeof key);
    struct pyn_grant made = grant(grants, PYN_LOGIN_CAPABILITY, key, 1);
    struct pyn_principal who;

    made.is_counted = true;
    assert_int_equal(pyn_grants_put(grants, &made), PYN_OK);
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_LATER);
    pyn_grants_free(grants);
}

static void what_was_dropped_is_refused_and_everything_else_stays(void **state)
{
    enum { COUNT = 300 };
    struct support_mem mem;
    struct pyn_grants *grants = make(&mem);
    struct pyn_principal who;

    for (unsigned i = 0; i < COUNT; i++) {
        uint8_t capability[PYN_CAPABILITY_LEN] = {(uint8_t)i, (uint8_t)(i >> 8)};
        (void)grant(grants, PYN_LOGIN_CAPABILITY, capability, (uint8_t)(i % 100));
    }
    assert_int_equal(pyn_grants_count(grants), COUNT);
    for (unsigned gone = 0; gone < 100; gone += 7) {
        const uint8_t id[PYN_GRANT_ID_LEN] = {(uint8_t)gone};
        assert_int_equal(pyn_grants_drop(grants, id), 3);
        assert_int_equal(pyn_grants_drop(grants, id), 0);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        uint8_t capability[PYN_CAPABILITY_LEN] = {(uint8_t)i, (uint8_t)(i >> 8)};
        struct login login = login_of(PYN_LOGIN_CAPABILITY, capability, sizeof capability);
        assert_int_equal(judge(grants, &login, NULL, 0, &who), i % 100 % 7 == 0 ? PYN_JUDGED_OUT : PYN_JUDGED_IN);
    }
    pyn_grants_free(grants);
    assert_int_equal(mem.live, 0);
}

/* The login of a capability that was narrowed to a facet. */
static struct login narrow(const uint8_t seed[32], const uint8_t server[PYN_NOISE_KEY_LEN], const char *facet)
{
    uint8_t public_key[PYN_NOISE_KEY_LEN];
    uint8_t secret_key[64];
    uint8_t digest[PYN_DIGEST_LEN];
    struct login login = {.len = 1 + PYN_NOISE_KEY_LEN + PYN_SIGNATURE_LEN + strlen(facet)};

    (void)crypto_sign_seed_keypair(public_key, secret_key, seed);
    pyn_narrowing_digest(server, pyn_view_of(facet), digest);
    login.bytes[0] = PYN_LOGIN_NARROWED;
    memcpy(login.bytes + 1, public_key, sizeof public_key);
    (void)crypto_sign_detached(login.bytes + 33, NULL, digest, sizeof digest, secret_key);
    memcpy(login.bytes + 97, facet, strlen(facet));
    return login;
}

static void a_narrowed_capability_is_good_for_its_facet_alone(void **state)
{
    static const uint8_t seed[32] = {3};
    struct support_mem mem;
    struct pyn_grants *grants = make(&mem);
    struct pyn_principal who;
    struct login login = narrow(seed, server_public, "chat:Reader");
    uint8_t public_key[PYN_NOISE_KEY_LEN];
    uint8_t secret_key[64];

    (void)crypto_sign_seed_keypair(public_key, secret_key, seed);
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_OUT);
    (void)grant(grants, PYN_LOGIN_NARROWED, public_key, 5);
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_IN);
    assert_string_equal(who.facet, "chat:Reader");
    assert_string_equal(who.root, "lobby");
    assert_int_equal(judge(grants, &login, key, 0, &who), PYN_JUDGED_OUT);
    login.bytes[97 + 5] = 'W'; /* another facet: chat:Weader */
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_OUT);
    login = narrow(seed, server_public, "chat:Reader");
    login.len -= 1;
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_OUT);
    login.len = 97; /* no facet would be everything */
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_OUT);
    login = narrow(seed, key, "chat:Reader"); /* for another server */
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_OUT);
    login = narrow(seed, server_public, "");
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_OUT);
    login = narrow(seed, server_public, "chat:\x01");
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_OUT);
    login = login_of(PYN_LOGIN_CAPABILITY, public_key, sizeof public_key); /* its public key is not it */
    assert_int_equal(judge(grants, &login, NULL, 0, &who), PYN_JUDGED_OUT);
    pyn_grants_free(grants);
}

/* Printable ASCII without spaces, 1 to PYN_FACET_NAME_MAX of it. */
static void a_facet_has_a_name_that_can_be_shown(void **state)
{
    static const uint8_t seed[32] = {3};
    static const struct {
        const char *name;
        bool is;
    } rows[] = {{"!", true},      {"~", true},     {"a b", false},   {" ", false},
                {"a\x7f", false}, {"\x7f", false}, {"a\x80", false}, {"a\n", false}};
    struct support_mem mem;
    struct pyn_grants *grants = make(&mem);
    struct pyn_principal who;
    uint8_t public_key[PYN_NOISE_KEY_LEN];
    uint8_t secret_key[64];

    (void)state;
    (void)crypto_sign_seed_keypair(public_key, secret_key, seed);
    (void)grant(grants, PYN_LOGIN_NARROWED, public_key, 5);
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct login login = narrow(seed, server_public, rows[i].name);
        assert_int_equal(judge(grants, &login, NULL, 0, &who), rows[i].is ? PYN_JUDGED_IN : PYN_JUDGED_OUT);
    }
    for (size_t len = PYN_FACET_NAME_MAX - 1; len <= PYN_FACET_NAME_MAX + 1; len++) {
        char name[PYN_FACET_NAME_MAX + 2] = {0};
        memset(name, 'F', len);
        struct login login = narrow(seed, server_public, name);
        assert_int_equal(judge(grants, &login, NULL, 0, &who),
                         len <= PYN_FACET_NAME_MAX ? PYN_JUDGED_IN : PYN_JUDGED_OUT);
    }
    pyn_grants_free(grants);
}

static void each_allocation_may_fail(void **state)
{
    for (size_t at = 1; at < 8; at++) {
        struct support_mem mem;
        struct pyn_grants *grants = NULL;
        support_mem_init(&mem, at);
        if (pyn_grants_new(&mem.mem, secret, server_public, &grants) == PYN_OK) {
            for (uint8_t i = 0; i < 200; i++) {
                struct pyn_grant made = {.kind = PYN_LOGIN_KEY, .digest = {i}};
                size_t before = pyn_grants_count(grants);
                pyn_status st = pyn_grants_put(grants, &made);
                assert_int_equal(pyn_grants_count(grants), before + (st == PYN_OK ? 1 : 0));
            }
        }
        pyn_grants_free(grants);
        assert_int_equal(mem.live, 0);
    }
}

static void a_grant_of_no_kind_cannot_be_put(void **state)
{
    struct support_mem mem;
    struct pyn_grants *grants = make(&mem);
    struct pyn_grant made = {.kind = PYN_LOGIN_NONE};

    assert_int_equal(pyn_grants_put(grants, &made), PYN_EARGS);
    made.kind = (enum pyn_login_kind)4;
    assert_int_equal(pyn_grants_put(grants, &made), PYN_EARGS);
    pyn_grants_free(grants);
}

/* Digests are kept in files: they mean the same for ever. */
static void a_digest_is_made_as_it_always_was(void **state)
{
    static const struct {
        enum pyn_login_kind kind;
        const char *label;
    } rows[] = {{PYN_LOGIN_KEY, "key"}, {PYN_LOGIN_CAPABILITY, "capability"}, {PYN_LOGIN_NARROWED, "narrowed"}};
    static const uint8_t first[] = "pynto grants 1"; /* with the zero behind it, each of them */
    static const char narrowing[] = "pynto narrowing 1";
    struct support_mem mem;
    struct pyn_grants *grants = make(&mem);
    uint8_t pepper[PYN_NOISE_KEY_LEN];
    uint8_t digest[PYN_DIGEST_LEN];
    uint8_t seen[PYN_DIGEST_LEN];
    uint8_t text[128];

    (void)state;
    (void)crypto_generichash(pepper, sizeof pepper, first, sizeof first, secret, sizeof secret);
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        const size_t len = strlen(rows[i].label) + 1;
        memcpy(text, rows[i].label, len);
        memcpy(text + len, key, sizeof key);
        (void)crypto_generichash(digest, sizeof digest, text, len + sizeof key, pepper, sizeof pepper);
        pyn_grants_digest(grants, rows[i].kind, (struct pyn_view){key, sizeof key}, seen);
        assert_memory_equal(seen, digest, sizeof digest);
    }
    memcpy(text, narrowing, sizeof narrowing);
    memcpy(text + sizeof narrowing, server_public, PYN_NOISE_KEY_LEN);
    memcpy(text + sizeof narrowing + PYN_NOISE_KEY_LEN, "chat:Reader", 11);
    (void)crypto_generichash(digest, sizeof digest, text, sizeof narrowing + PYN_NOISE_KEY_LEN + 11, NULL, 0);
    pyn_narrowing_digest(server_public, pyn_view_of("chat:Reader"), seen);
    assert_memory_equal(seen, digest, sizeof digest);
    pyn_grants_free(grants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_is_made_as_it_always_was),
        cmocka_unit_test(a_capability_that_was_granted_is_good_and_every_other_is_not),
        cmocka_unit_test(the_table_does_not_hold_the_secret),
        cmocka_unit_test(a_login_that_is_not_exactly_one_is_refused),
        cmocka_unit_test(a_key_is_good_only_as_a_key_and_a_capability_only_as_one),
        cmocka_unit_test(a_grant_ends_with_its_last_second),
        cmocka_unit_test(one_whose_uses_are_counted_waits_for_who_counts),
        cmocka_unit_test(what_was_dropped_is_refused_and_everything_else_stays),
        cmocka_unit_test(a_narrowed_capability_is_good_for_its_facet_alone),
        cmocka_unit_test(a_facet_has_a_name_that_can_be_shown),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(a_grant_of_no_kind_cannot_be_put),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
