/* test_cache.c - answers that are kept: what a key tells apart, when an answer goes, and what the quota bounds. */
#include "support.h"

#include "../../src/session/cache.h"
#include "../../src/wire/pack.h"

#define POLICY                                                                                                         \
    "{\n"                                                                                                              \
    " \"interfaces\": {\n"                                                                                             \
    "  \"m:Root\": {\n"                                                                                                \
    "   \"cached\": {\"find\": \"1s by key, rest\", \"name\": \"2s\", \"pick\": \"1s\", \"title\": \"1s\"},\n"         \
    "   \"class\": \"m:Root\",\n"                                                                                      \
    "   \"get\": {\"title\": \"str\"},\n"                                                                              \
    "   \"methods\": {\n"                                                                                              \
    "    \"find\": \"(key: str, page: int=?, *rest: int, **more: int) -> int\",\n"                                     \
    "    \"name\": \"(a: int=?, b: int=?, **more: int) -> int\",\n"                                                    \
    "    \"pick\": \"(*, k: int=?, **more: int) -> int\"\n"                                                            \
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
#define PICK(args) "94 07 a4 70 69 63 6b " args
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
        {"pick", PICK("90 81 a1 6b 01"), PICK("90 82 a1 6b 01 a1 7a 02"), false, "an option more"},
        {"pick", PICK("90 82 a1 6b 01 a1 7a 02"), PICK("90 82 a1 7a 02 a1 6b 01"), true, "by name in another order"},
        {"pick", PICK("90 81 a1 6b 01"), PICK("90 81 a1 7a 01"), false, "a parameter, an option"},
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

static void what_is_no_call_is_not_asked_for(void **state)
{
    static const char *const bad[] = {
        "c0",                               /* no array */
        "93 07 a4 6e 61 6d 65 90",          /* too short for a call */
        "95 07 a4 6e 61 6d 65 90 80 c0",    /* neither a call nor one with options */
        "96 c0 07 a4 6e 61 6d 65 90 80 80", /* no kind */
        "94 c0 a4 6e 61 6d 65 90 80",       /* no reference */
        "96 f5 c0 a4 6e 61 6d 65 90 80 80", /* none in a call with options */
        "94 07 05 90 80",                   /* no name */
        NAME("80 80"),                      /* no arguments */
        NAME("91 01 90"),                   /* no keyword arguments */
        NAME("91 01"),                      /* cut short */
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(bad); i++) {
        struct world w;
        begin(&w, 4096);
        struct pyn_question q = question(&w, "name", bad[i]);
        assert_false(has(&w, "name", bad[i]));
        assert_null(pyn_cache_ask(&w.cache, &q));
        assert_int_equal(w.cache.misses, 1);
        keep(&w, "name", NAME("91 01 80"), "01"); /* and those that are go on */
        assert_true(has(&w, "name", "96 f5 07 a4 6e 61 6d 65 91 01 80 80"));
        end(&w);
    }
}

/* A session without a cache has NULL in its place. */
static void no_cache_keeps_nothing(void **state)
{
    struct world w;
    struct pyn_view value = {NULL, 0};

    (void)state;
    begin(&w, 4096);
    struct pyn_question q = question(&w, "title", TITLE);
    assert_false(pyn_cache_find(NULL, &q, &value));
    assert_null(pyn_cache_ask(NULL, &q));
    pyn_cache_settle(NULL, NULL, &value);
    pyn_cache_forget(NULL, 7, value);
    pyn_cache_forget_all(NULL);
    pyn_cache_fini(NULL);
    end(&w);
}

static void what_is_asked_for_when_it_ends_is_owed_no_more(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 4096);
    struct pyn_question first = question(&w, "title", TITLE);
    struct pyn_question second = question(&w, "name", NAME("90 80"));
    assert_non_null(pyn_cache_ask(&w.cache, &first));
    assert_non_null(pyn_cache_ask(&w.cache, &second));
    end(&w); /* says so */
}

/* Notes of calls that are out are not let go of for want of room, as answers are. */
static void a_call_that_there_is_no_room_to_note_is_not_noted(void **state)
{
    struct world w;
    size_t noted = 0;

    (void)state;
    begin(&w, 400);
    struct pyn_question q = question(&w, "title", TITLE);
    struct pyn_asking *out[8];
    while (noted < SUPPORT_COUNT(out) && (out[noted] = pyn_cache_ask(&w.cache, &q)) != NULL) {
        noted++;
    }
    assert_in_range(noted, 1, SUPPORT_COUNT(out) - 1);
    assert_true(w.ledger.used[PYN_Q_CACHE] <= 400);
    struct pyn_view value = support_bytes("a2 68 69");
    for (size_t i = 0; i < noted; i++) {
        pyn_cache_settle(&w.cache, out[i], i == 0 ? &value : NULL);
    }
    end(&w);
}

/* Of a key that is too large for the quota no more is kept than of one that is not. */
static void large_keys_and_values_are_not_kept_and_nothing_else_goes_for_them(void **state)
{
    static char large[2 * 9000 + 64];
    struct world w;
    char *at = large + snprintf(large, sizeof large, "94 07 a4 66 69 6e 64 91 da 20 00 ");

    (void)state;
    for (size_t i = 0; i < 0x2000; i++) {
        *at++ = '6';
        *at++ = 'b';
    }
    (void)snprintf(at, (size_t)(large + sizeof large - at), " 80");
    begin(&w, 4096);
    keep(&w, "title", TITLE, "a2 68 69");
    uint8_t object[0x2000 + 32];
    struct pyn_question q = question(&w, "find", FIND("91 a1 6b 80"));
    q.object = (struct pyn_view){object, support_hex(large, object, sizeof object)};
    assert_null(pyn_cache_ask(&w.cache, &q));
    assert_true(has(&w, "title", TITLE));
    assert_true(w.cache.key.room <= 4096); /* the room for the large one was given back */
    struct pyn_view value = {object, sizeof object};
    struct pyn_question small = question(&w, "find", FIND("91 a1 6b 80"));
    pyn_cache_settle(&w.cache, pyn_cache_ask(&w.cache, &small), &value);
    assert_false(has(&w, "find", FIND("91 a1 6b 80")));
    assert_true(has(&w, "title", TITLE));
    assert_int_equal(w.cache.evictions, 0);
    end(&w);
}

static void names_that_nothing_can_have_are_not_forgotten(void **state)
{
    static char name[PYN_NAME_MAX + 1];
    struct world w;

    (void)state;
    memset(name, 'x', sizeof name);
    begin(&w, 4096);
    keep(&w, "title", TITLE, "a2 68 69");
    pyn_cache_forget(&w.cache, 7, (struct pyn_view){(const uint8_t *)name, sizeof name});
    pyn_cache_forget(&w.cache, 7, (struct pyn_view){(const uint8_t *)name, PYN_NAME_MAX});
    assert_true(has(&w, "title", TITLE));
    end(&w);
}

/* A name that is longer than the whole key of a call that is out. */
static void a_long_name_does_not_forget_a_short_call(void **state)
{
    static char name[64];
    struct world w;

    (void)state;
    memset(name, 'x', sizeof name);
    begin(&w, 4096);
    struct pyn_question q = question(&w, "title", TITLE);
    struct pyn_asking *asking = pyn_cache_ask(&w.cache, &q);
    struct pyn_view value = support_bytes("a2 68 69");
    pyn_cache_forget(&w.cache, 7, (struct pyn_view){(const uint8_t *)name, sizeof name});
    pyn_cache_settle(&w.cache, asking, &value);
    assert_true(has(&w, "title", TITLE));
    end(&w);
}

/* The key's block is full after its first, its second, ... byte. */
static void a_key_that_there_is_no_memory_for_keeps_nothing(void **state)
{
    static const struct {
        const char *name;
        const char *object;
    } rows[] = {
        {"title", TITLE},
        {"name", NAME("92 01 02 82 a1 63 01 a1 64 02")},
        {"name", NAME("90 81 a1 61 01")},
        {"find", FIND("94 a1 6b 01 02 03 81 a1 7a 01")},
        {"pick", PICK("90 82 a1 6b 01 a1 7a 02")},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        bool is_done = false;
        for (size_t room = 1; !is_done; room++) {
            struct world w;
            begin(&w, 4096);
            w.cache.key.block = pyn_mem_resize(&w.m.mem, NULL, 1, room);
            w.cache.key.room = room;
            w.m.fail_bigger_than = room;
            struct pyn_question q = question(&w, rows[i].name, rows[i].object);
            struct pyn_asking *asking = pyn_cache_ask(&w.cache, &q);
            is_done = asking != NULL;
            pyn_cache_settle(&w.cache, asking, NULL);
            w.m.fail_bigger_than = 0;
            assert_false(has(&w, rows[i].name, rows[i].object));
            keep(&w, rows[i].name, rows[i].object, "01");
            assert_true(has(&w, rows[i].name, rows[i].object));
            end(&w);
            assert_true(room < 300);
        }
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
        cmocka_unit_test(what_is_no_call_is_not_asked_for),
        cmocka_unit_test(no_cache_keeps_nothing),
        cmocka_unit_test(what_is_asked_for_when_it_ends_is_owed_no_more),
        cmocka_unit_test(a_call_that_there_is_no_room_to_note_is_not_noted),
        cmocka_unit_test(large_keys_and_values_are_not_kept_and_nothing_else_goes_for_them),
        cmocka_unit_test(names_that_nothing_can_have_are_not_forgotten),
        cmocka_unit_test(a_long_name_does_not_forget_a_short_call),
        cmocka_unit_test(a_key_that_there_is_no_memory_for_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
