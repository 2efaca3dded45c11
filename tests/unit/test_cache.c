/* test_cache.c - answers that are kept: what a key tells apart, when an answer goes, and what the quota bounds. */
#include "support.h"

#include "../../src/session/cache.h"
#include "../../src/wire/pack.h"

#define POLICY                                                                                                         \
    "{\n"                                                                                                              \
    " \"interfaces\": {\n"                                                                                             \
    "  \"m:Root\": {\n"                                                                                                \
    "   \"cached\": {\"find\": \"1s by key, rest\", \"name\": \"2s\", \"title\": \"1s\"},\n"                           \
    "   \"class\": \"m:Root\",\n"                                                                                      \
    "   \"get\": {\"title\": \"str\"},\n"                                                                              \
    "   \"methods\": {\n"                                                                                              \
    "    \"find\": \"(key: str, page: int=?, *rest: int, **more: int) -> int\",\n"                                     \
    "    \"name\": \"(a: int=?, b: int=?, **more: int) -> int\"\n"                                                     \
    "   }\n"                                                                                                           \
    "  }\n"                                                                                                            \
    " },\n"                                                                                                            \
    " \"platform\": \"linux\",\n"                                                                                      \
    " \"pynto-policy\": 1,\n"                                                                                          \
    " \"python\": \"3.11\",\n"                                                                                         \
    " \"roots\": {\"main\": \"m:Root\"}\n"                                                                             \
    "}\n"

static const uint64_t SECOND = UINT64_C(1000000000);

struct world {
    struct support_mem m;
    struct pyn_quotas quotas;
    struct pyn_ledger ledger;
    struct pyn_cache cache;
    struct pyn_policy *policy;
    const struct pyn_iface *root;
    uint64_t now;
};

static void begin(struct world *w, uint64_t bytes)
{
    struct pyn_diag diag = {""};

    *w = (struct world){.quotas = pyn_quotas_default(), .now = 10 * SECOND};
    support_mem_init(&w->m, 0);
    w->quotas.max[PYN_Q_CACHE] = bytes;
    pyn_ledger_init(&w->ledger, &w->quotas, 0);
    pyn_cache_init(&w->cache, &w->m.mem, &w->ledger);
    if (pyn_policy_load(pyn_mem_default(), pyn_view_of(POLICY), &w->policy, &diag) != PYN_OK) {
        fail_msg("%s", diag.text);
    }
    w->root = pyn_policy_find(w->policy, pyn_view_of("m:Root"));
}

static void end(struct world *w)
{
    pyn_cache_fini(&w->cache);
    assert_true(pyn_ledger_is_clear(&w->ledger));
    assert_int_equal(w->m.live, 0);
    pyn_policy_unref(w->policy);
}

static struct pyn_question question(const struct world *w, const char *name, const char *hex)
{
    const struct pyn_op *op = pyn_iface_op(w->root, PYN_OP_METHOD, pyn_view_of(name));

    if (op == NULL) {
        op = pyn_iface_op(w->root, PYN_OP_GET, pyn_view_of(name));
    }
    assert_non_null(op);
    return (struct pyn_question){op, support_bytes(hex), w->now};
}

#define NAME(args) "94 07 a4 6e 61 6d 65 " args
#define FIND(args) "94 07 a4 66 69 6e 64 " args
#define TITLE "94 07 ab 5f 5f 67 65 74 61 74 74 72 5f 5f 91 a5 74 69 74 6c 65 80"

static void keep(struct world *w, const char *name, const char *hex, const char *value)
{
    struct pyn_question q = question(w, name, hex);
    struct pyn_view bytes = support_bytes(value);

    pyn_cache_settle(&w->cache, pyn_cache_ask(&w->cache, &q), &bytes);
}

static bool has(struct world *w, const char *name, const char *hex)
{
    struct pyn_question q = question(w, name, hex);
    struct pyn_view value = {NULL, 0};

    return pyn_cache_find(&w->cache, &q, &value);
}

static void an_answer_is_given_again_as_it_came(void **state)
{
    struct world w;
    struct pyn_view value = {NULL, 0};

    (void)state;
    begin(&w, 4096);
    assert_false(has(&w, "title", TITLE));
    keep(&w, "title", TITLE, "a2 68 69");
    struct pyn_question q = question(&w, "title", TITLE);
    assert_true(pyn_cache_find(&w.cache, &q, &value));
    assert_true(support_is_hex(value, "a2 68 69"));
    keep(&w, "title", TITLE, "a2 68 6f"); /* the later one stands */
    assert_true(pyn_cache_find(&w.cache, &q, &value));
    assert_true(support_is_hex(value, "a2 68 6f"));
    assert_int_equal(w.cache.hits, 2);
    assert_int_equal(w.cache.misses, 2);
    end(&w);
}

static void keys_tell_apart_what_counts_and_nothing_else(void **state)
{
    static const struct {
        const char *name;
        const char *kept;
        const char *asked;
        bool is_same;
        const char *why;
    } rows[] = {
        {"name", NAME("92 01 02 80"), NAME("92 01 02 80"), true, "the same call"},
        {"name", NAME("92 01 02 80"), NAME("90 82 a1 62 02 a1 61 01"), true, "by place and by name"},
        {"name", NAME("92 01 02 80"), NAME("91 01 81 a1 62 02"), true, "half and half"},
        {"name", NAME("92 01 02 80"), NAME("92 02 01 80"), false, "another order"},
        {"name", NAME("91 01 80"), NAME("90 81 a1 62 01"), false, "a alone, b alone"},
        {"name", NAME("90 80"), NAME("91 c0 80"), false, "left out is not None"},
        {"name", NAME("91 01 80"), NAME("91 c3 80"), false, "1 is not True"},
        {"name", NAME("91 01 80"), NAME("91 cb 3f f0 00 00 00 00 00 00 80"), false, "1 is not 1.0"},
        {"name", NAME("91 00 80"), NAME("91 cb 80 00 00 00 00 00 00 00 80"), false, "0 is not -0.0"},
        {"name", NAME("90 81 a1 63 01"), NAME("90 81 a1 64 01"), false, "other options"},
        {"name", NAME("90 82 a1 63 01 a1 61 05"), NAME("91 05 81 a1 63 01"), true, "an option beside a parameter"},
        {"name", "94 07 a4 6e 61 6d 65 90 80", "94 08 a4 6e 61 6d 65 90 80", false, "another reference"},
        {"find", FIND("91 a1 6b 80"), FIND("92 a1 6b 01 80"), true, "page does not count"},
        {"find", FIND("91 a1 6b 80"), FIND("91 a1 6b 81 a1 7a 01"), true, "more does not count"},
        {"find", FIND("93 a1 6b 01 02 80"), FIND("93 a1 6b 03 02 80"), true, "the same rest"},
        {"find", FIND("93 a1 6b 01 02 80"), FIND("94 a1 6b 01 02 03 80"), false, "another rest"},
        {"find", FIND("91 a1 6b 80"), FIND("91 a1 6c 80"), false, "another key"},
        {"find", FIND("93 a1 6b 01 d1 10 01 80"), FIND("94 a1 6b 01 10 01 80"), false, "cut elsewhere"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct world w;
        begin(&w, 4096);
        keep(&w, rows[i].name, rows[i].kept, "01");
        if (has(&w, rows[i].name, rows[i].asked) != rows[i].is_same) {
            fail_msg("%s", rows[i].why);
        }
        end(&w);
    }
}

static void it_goes_when_its_time_is_over_and_not_before(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 4096);
    keep(&w, "title", TITLE, "a0");
    w.now += SECOND - 1;
    assert_true(has(&w, "title", TITLE));
    w.now += 1;
    assert_false(has(&w, "title", TITLE));
    assert_int_equal(w.cache.map.count, 0);
    keep(&w, "name", NAME("90 80"), "01");
    w.now -= SECOND; /* a thread that has looked at the clock a moment earlier */
    assert_true(has(&w, "name", NAME("90 80")));
    end(&w);
}

static void the_time_counts_from_the_sending(void **state)
{
    struct world w;
    struct pyn_view value = support_bytes("a0");

    (void)state;
    begin(&w, 4096);
    struct pyn_question q = question(&w, "title", TITLE);
    struct pyn_asking *asking = pyn_cache_ask(&w.cache, &q);
    w.now += SECOND;
    pyn_cache_settle(&w.cache, asking, &value);
    assert_false(has(&w, "title", TITLE));
    end(&w);
}

static void forgetting_takes_what_is_named_and_nothing_else(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 4096);
    keep(&w, "title", TITLE, "a0");
    keep(&w, "name", NAME("90 80"), "01");
    keep(&w, "name", NAME("91 01 80"), "01");
    keep(&w, "name", "94 08 a4 6e 61 6d 65 90 80", "02");
    pyn_cache_forget(&w.cache, 7, pyn_view_of("nam"));
    pyn_cache_forget(&w.cache, 7, pyn_view_of("names"));
    pyn_cache_forget(&w.cache, 9, pyn_view_of(""));
    assert_int_equal(w.cache.map.count, 4);
    pyn_cache_forget(&w.cache, 7, pyn_view_of("name"));
    assert_false(has(&w, "name", NAME("90 80")));
    assert_false(has(&w, "name", NAME("91 01 80")));
    assert_true(has(&w, "title", TITLE));
    assert_true(has(&w, "name", "94 08 a4 6e 61 6d 65 90 80"));
    pyn_cache_forget(&w.cache, 7, pyn_view_of(""));
    assert_false(has(&w, "title", TITLE));
    assert_int_equal(w.cache.map.count, 1);
    pyn_cache_forget_all(&w.cache);
    assert_int_equal(w.cache.map.count, 0);
    end(&w);
}

static void what_is_forgotten_while_it_is_on_its_way_is_not_kept(void **state)
{
    struct world w;
    struct pyn_view value = support_bytes("a0");

    (void)state;
    begin(&w, 4096);
    struct pyn_question title = question(&w, "title", TITLE);
    struct pyn_question name = question(&w, "name", NAME("90 80"));
    struct pyn_asking *first = pyn_cache_ask(&w.cache, &title);
    struct pyn_asking *other = pyn_cache_ask(&w.cache, &name);
    pyn_cache_forget(&w.cache, 7, pyn_view_of("title"));
    struct pyn_asking *second = pyn_cache_ask(&w.cache, &title);
    pyn_cache_settle(&w.cache, first, &value);
    assert_false(has(&w, "title", TITLE));
    pyn_cache_settle(&w.cache, second, &value);
    pyn_cache_settle(&w.cache, other, &value);
    assert_true(has(&w, "title", TITLE));
    assert_true(has(&w, "name", NAME("90 80")));
    pyn_cache_settle(&w.cache, pyn_cache_ask(&w.cache, &name), NULL); /* an error */
    assert_true(has(&w, "name", NAME("90 80")));
    pyn_cache_settle(&w.cache, NULL, &value);
    end(&w);
}

static void the_least_recently_used_goes_for_want_of_room(void **state)
{
    struct world w;
    uint64_t size = 0;

    (void)state;
    begin(&w, 1 << 20);
    keep(&w, "name", NAME("91 01 80"), "01");
    size = w.ledger.used[PYN_Q_CACHE];
    w.quotas.max[PYN_Q_CACHE] = 4 * size; /* three, and the note of what is asked */
    keep(&w, "name", NAME("91 02 80"), "01");
    keep(&w, "name", NAME("91 03 80"), "01");
    assert_true(has(&w, "name", NAME("91 01 80")));
    keep(&w, "name", NAME("91 04 80"), "01");
    assert_int_equal(w.cache.evictions, 1);
    assert_false(has(&w, "name", NAME("91 02 80")));
    assert_true(has(&w, "name", NAME("91 01 80")));
    assert_true(w.ledger.peak[PYN_Q_CACHE] <= 4 * size);
    end(&w);
}

/* At N bytes it is kept, at N - 1 it is not, and what was there before stays. */
static void the_quota_is_never_exceeded(void **state)
{
    struct world w;
    uint64_t most = 0;

    (void)state;
    begin(&w, 1 << 20);
    keep(&w, "name", NAME("91 01 80"), "01");
    most = w.ledger.peak[PYN_Q_CACHE];
    end(&w);
    for (int by = -1; by <= 1; by++) {
        begin(&w, most + (uint64_t)by);
        keep(&w, "name", NAME("91 01 80"), "01");
        assert_true(has(&w, "name", NAME("91 01 80")) == (by >= 0));
        assert_true(w.ledger.peak[PYN_Q_CACHE] <= most + (uint64_t)by);
        end(&w);
    }
    begin(&w, 0);
    keep(&w, "name", NAME("91 01 80"), "01");
    assert_int_equal(w.cache.map.count, 0);
    assert_int_equal(w.cache.misses, 1);
    end(&w);
}

static void without_memory_nothing_is_kept_and_nothing_is_lost(void **state)
{
    (void)state;
    for (size_t fail_at = 1; fail_at < 12; fail_at++) {
        struct world w;
        begin(&w, 4096);
        w.m.fail_at = fail_at;
        keep(&w, "name", NAME("91 01 80"), "01");
        keep(&w, "name", NAME("91 02 80"), "01");
        assert_true(w.cache.map.count <= 2);
        pyn_cache_forget(&w.cache, 7, pyn_view_of("name"));
        end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_given_again_as_it_came),
        cmocka_unit_test(keys_tell_apart_what_counts_and_nothing_else),
        cmocka_unit_test(it_goes_when_its_time_is_over_and_not_before),
        cmocka_unit_test(the_time_counts_from_the_sending),
        cmocka_unit_test(forgetting_takes_what_is_named_and_nothing_else),
        cmocka_unit_test(what_is_forgotten_while_it_is_on_its_way_is_not_kept),
        cmocka_unit_test(the_least_recently_used_goes_for_want_of_room),
        cmocka_unit_test(the_quota_is_never_exceeded),
        cmocka_unit_test(without_memory_nothing_is_kept_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
