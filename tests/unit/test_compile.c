/* test_compile.c - what stands in a policy is what is enforced: special methods, who conforms to what, errors with fields; and want of memory at any place. */
#include "policy_support.h"

#include "../../policy/names.h"
#include "../../policy/spelling.h"
#include "../../policy/table.h"
#include "../../src/wire/details.h"

#define POLICY(sections, interfaces, rest)                                                                             \
    "{" sections "\"interfaces\":{" interfaces "},\"platform\":\"linux\",\"pynto-policy\":1,\"python\":\"3.11\"," rest \
    "\"roots\":{\"r\":\"x:X\"}}"
#define X_BARE "\"x:X\":{\"class\":\"x:X\"}"
#define X_GET(type) "\"x:X\":{\"class\":\"x:X\",\"get\":{\"m\":\"" type "\"}}"
#define GENERATOR(throws)                                                                                              \
    POLICY("",                                                                                                         \
           "\"Generator[int, str, none]\":{\"class\":\"collections.abc:Generator\",\"methods\":{\"throw\":" throws     \
           "}}," X_GET("Generator[int, str, none]"),                                                                   \
           "")
#define ASYNC_GENERATOR(throws)                                                                                        \
    POLICY(                                                                                                            \
        "",                                                                                                            \
        "\"AsyncGenerator[int, str]\":{\"class\":\"collections.abc:AsyncGenerator\",\"methods\":{\"athrow\":" throws   \
        "}}," X_GET("AsyncGenerator[int, str]"),                                                                       \
        "")
#define METHOD(name, value) POLICY("", "\"x:X\":{\"class\":\"x:X\",\"methods\":{\"" name "\":" value "}}", "")
#define ERROR(value)                                                                                                   \
    POLICY("\"enums\":{\"x:E\":[\"A\"]},\"errors\":{\"x:Bad\":" value "},", X_BARE,                                    \
           "\"records\":{\"x:P\":{\"a\":\"int\"}},")
#define ACCEPTS(value)                                                                                                 \
    POLICY("\"accepts\":" value ",\"imports\":{\"x:I\":{\"facet\":true}},",                                            \
           "\"x:A\":{\"class\":\"x:A\"},\"x:B\":{\"class\":\"x:B\"},\"x:C\":{\"class\":\"x:C\"},\"x:D\":{\"class\":"   \
           "\"x:D\"},"                                                                                                 \
           "\"x:X\":{\"class\":\"x:X\",\"methods\":{\"m\":\"(a: x:A, i: x:I) -> x:B|x:C|x:D\"}}",                      \
           "")
#define EXIT_ARGS "((str, str)|none, /) -> bool|none"

static pyn_status load(const char *json, struct pyn_policy **policy, struct pyn_diag *diag)
{
    *policy = NULL;
    return pyn_policy_load(pyn_mem_default(), pyn_view_of(json), policy, diag);
}

static void special_methods_have_their_one_signature(void **state)
{
    static const struct {
        const char *json;
        bool is_good;
        const char *why;
    } rows[] = {
        {GENERATOR("\"((str, str), /) -> int\""), true, "a generator"},
        {GENERATOR("\"((str, str), /, *, more: int=?) -> int\""), false, "one argument more"},
        {GENERATOR("\"async ((str, str), /) -> int\""), false, "async, and is none"},
        {GENERATOR("\"(str, /) -> int\""), false, "another argument"},
        {GENERATOR("\"() -> int\""), false, "no argument"},
        {GENERATOR("[\"((str, str), /) -> int\",\"(int, /) -> int\"]"), false, "two signatures"},
        {ASYNC_GENERATOR("\"async ((str, str), /) -> int\""), true, "an asynchronous generator"},
        {ASYNC_GENERATOR("\"((str, str), /) -> int\""), false, "not async"},
        {ASYNC_GENERATOR("\"async (str, /) -> int\""), false, "another argument"},
        {METHOD("throw", "\"() -> int\""), true, "of what is no generator"},
        {METHOD("athrow", "\"() -> int\""), true, "of what is no generator"},
        {METHOD("__exit__", "\"" EXIT_ARGS "\""), true, "an exit"},
        {METHOD("__exit__", "\"async " EXIT_ARGS "\""), false, "async, and is none"},
        {METHOD("__exit__", "\"(str|none, /) -> bool|none\""), false, "another argument"},
        {METHOD("__exit__", "[\"" EXIT_ARGS "\",\"(int, /) -> none\"]"), false, "two signatures"},
        {METHOD("__aexit__", "\"async " EXIT_ARGS "\""), true, "an asynchronous exit"},
        {METHOD("__aexit__", "\"async (str|none, /) -> bool|none\""), false, "another argument"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct pyn_policy *policy = NULL;
        struct pyn_diag diag = {""};
        pyn_status st = load(rows[i].json, &policy, &diag);
        if (st != (rows[i].is_good ? PYN_OK : PYN_EFORMAT)) {
            fail_msg("%s: %s %s", rows[i].why, pyn_status_name(st), diag.text);
        }
        pyn_policy_unref(policy);
    }
}

static void errors_name_their_fields_and_how_much_is_told(void **state)
{
    static const struct {
        const char *json;
        bool is_good;
        const char *why;
    } rows[] = {
        {ERROR("{\"fields\":{\"a\":\"int\",\"b\":\"(str*)\"},\"grant\":\"type\"}"), true, "two fields"},
        {ERROR("{\"fields\":{},\"grant\":\"type\"}"), false, "none"},
        {ERROR("{\"grant\":\"type\"}"), false, "not told"},
        {ERROR("{\"fields\":{\"a\":\"int\"}}"), false, "no grant"},
        {ERROR("{\"fields\":{\"a\":\"int\"},\"grant\":\"all\"}"), false, "another grant"},
        {ERROR("{\"field\":{\"a\":\"int\"},\"grant\":\"type\"}"), false, "another key"},
        {ERROR("{\"fields\":{\"a\":\"int\"},\"grunt\":\"type\"}"), false, "another key"},
        {ERROR("{\"fields\":{\"__dict__\":\"int\"},\"grant\":\"type\"}"), false, "not a field"},
        {ERROR("{\"fields\":{\"a\":\"rec x:P\"},\"grant\":\"type\"}"), false, "a record"},
        {ERROR("{\"fields\":{\"a\":\"enum x:E\"},\"grant\":\"type\"}"), false, "an enum"},
        {ERROR("{\"fields\":{\"a\":\"ndarray\"},\"grant\":\"type\"}"), false, "an array"},
        {ERROR("{\"fields\":{\"a\":\"x:X\"},\"grant\":\"type\"}"), false, "a reference"},
        {ERROR("{\"fields\":{\"a\":\"(int, rec x:P)\"},\"grant\":\"type\"}"), false, "a record in a tuple"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct pyn_policy *policy = NULL;
        struct pyn_diag diag = {""};
        pyn_status st = load(rows[i].json, &policy, &diag);
        if (st != (rows[i].is_good ? PYN_OK : PYN_EFORMAT)) {
            fail_msg("%s: %s %s", rows[i].why, pyn_status_name(st), diag.text);
        }
        pyn_policy_unref(policy);
    }
}

/* N fields are the most, and one more is refused. */
static void an_error_has_at_most_so_many_fields(void **state)
{
    static char json[8192];

    (void)state;
    for (size_t count = PYN_FIELD_MAX - 1; count <= PYN_FIELD_MAX + 1; count++) {
        struct pyn_policy *policy = NULL;
        struct pyn_diag diag;
        char fields[4096];
        size_t at = 0;
        for (size_t i = 0; i < count; i++) {
            at += (size_t)snprintf(fields + at, sizeof fields - at, "%s\"f%03zu\":\"int\"", i == 0 ? "" : ",", i);
        }
        (void)snprintf(json, sizeof json, ERROR("{\"fields\":{%s},\"grant\":\"type\"}"), fields);
        assert_int_equal(load(json, &policy, &diag), count <= PYN_FIELD_MAX ? PYN_OK : PYN_EFORMAT);
        pyn_policy_unref(policy);
    }
}

static void whoever_conforms_is_accepted_where_it_says_so_and_nobody_else(void **state)
{
    struct pyn_policy *policy = policy_load(ACCEPTS("{\"x:A\":[\"x:B\",\"x:C\",\"x:D\"],\"x:I\":[\"x:C\",\"x:D\"]}"));
    const struct pyn_signature *m = policy_op(policy, "x:X", PYN_OP_METHOD, "m")->signatures;
    static const struct {
        const char *name;
        bool is_a;
        bool is_i;
    } rows[] = {
        {"x:A", true, false}, {"x:B", true, false}, {"x:C", true, true}, {"x:D", true, true}, {"x:X", false, false}};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        const struct pyn_iface *have = pyn_policy_find(policy, pyn_view_of(rows[i].name));
        assert_non_null(have);
        assert_int_equal(pyn_type_accepts(m->params[0].type, have), rows[i].is_a);
        assert_int_equal(pyn_type_accepts(m->params[1].type, have), rows[i].is_i);
    }
    pyn_policy_unref(policy);
}

/* Which of two lies first in memory changes nothing: each order of them, each number of them. */
static void tables_of_any_length_are_searched_whole(void **state)
{
    struct pyn_iface have[9] = {{.index = 0}};
    const struct pyn_iface *accepts[8];
    struct pyn_iface wanted = {.accepts = accepts};

    (void)state;
    for (uint32_t count = 0; count <= 8; count++) {
        wanted.accept_count = count;
        for (uint32_t i = 0; i < count; i++) {
            accepts[i] = &have[i];
        }
        for (uint32_t i = 0; i < SUPPORT_COUNT(have); i++) {
            assert_int_equal(pyn_table_accepts(&wanted, &have[i]), i < count);
        }
    }
}

static void what_accepts_says_must_be_there(void **state)
{
    static const char *const bad[] = {
        ACCEPTS("{\"x:Z\":[\"x:B\"]}"),         ACCEPTS("{\"x:A\":[\"x:Z\"]}"),
        ACCEPTS("{\"x:A\":[\"x:A\"]}"),         ACCEPTS("{\"x:A\":[\"x:I\"]}"),
        ACCEPTS("{\"x:A\":[\"x:B\",\"x:B\"]}"), ACCEPTS("{\"x:A\":[\"x:C\",\"x:B\"]}"),
        ACCEPTS("{\"x:A\":\"x:B\"}"),           ACCEPTS("{\"x:A\":[1]}"),
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(bad); i++) {
        struct pyn_policy *policy = NULL;
        struct pyn_diag diag;
        if (load(bad[i], &policy, &diag) != PYN_EFORMAT) {
            fail_msg("%s", bad[i]);
        }
        assert_null(policy);
    }
}

static void an_iterator_of_data_is_read_ahead_and_nothing_else_is(void **state)
{
    static const struct {
        const char *iface;
        const char *class_name;
        const char *method;
        const char *signature;
        bool is;
    } rows[] = {
        {"Iterator[int]", "collections.abc:Iterator", "__next__", "\"() -> int\"", true},
        {"Iterator[int]", "collections.abc:Iterator", "__next__", "\"() -> (int, (str*))\"", true},
        {"Iterator[int]", "collections.abc:Iterator", "__next__", "\"() -> int|none\"", true},
        {"Iterator[int]", "collections.abc:Iterator", "__next__", "\"() -> x:X\"", false},
        {"Iterator[int]", "collections.abc:Iterator", "__next__", "\"() -> (int, x:X)\"", false},
        {"Iterator[int]", "collections.abc:Iterator", "__next__", "\"() -> none|x:X\"", false},
        {"Iterator[int]", "collections.abc:Iterator", "__next__", "\"async () -> int\"", false},
        {"Iterator[int]", "collections.abc:Iterator", "__next__", "[\"() -> int\",\"(int, /) -> int\"]", false},
        {"Iterator[int]", "collections.abc:Iterator", "next", "\"() -> int\"", false},
        {"Iterable[int]", "collections.abc:Iterable", "__next__", "\"() -> int\"", false},
        {"x:Iter", "x:Iter", "__next__", "\"() -> int\"", false},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        char json[1024];
        (void)snprintf(
            json, sizeof json,
            POLICY("", "\"%s\":{\"class\":\"%s\",\"methods\":{\"%s\":%s}},\"x:X\":{\"class\":\"x:X\",\"get\":{\"m\":\"%s\"}}",
                   ""),
            rows[i].iface, rows[i].class_name, rows[i].method, rows[i].signature, rows[i].iface);
        struct pyn_policy *policy = policy_load(json);
        const struct pyn_op *op = policy_op(policy, rows[i].iface, PYN_OP_METHOD, rows[i].method);
        if (pyn_op_reads_ahead(op) != rows[i].is) {
            fail_msg("%s.%s %s", rows[i].iface, rows[i].method, rows[i].signature);
        }
        assert_false(pyn_op_reads_ahead(policy_op(policy, "x:X", PYN_OP_GET, "m")));
        pyn_policy_unref(policy);
    }
}

static void a_class_is_named_by_its_module_and_its_name(void **state)
{
    static const struct {
        const char *name;
        bool is;
    } rows[] = {
        {"m:X", true},    {"a.b:X.Y", true}, {"m:X1", true},  {"x:", false},   {":X", false},
        {"x", false},     {"", false},       {"m:1", false},  {"1:X", false},  {"m:X.", false},
        {"m:.X", false},  {"m:X..Y", false}, {".m:X", false}, {"m.:X", false}, {"m..n:X", false},
        {"m:X Y", false}, {"m:X:Y", false},  {"m:-", false},  {"-:X", false},
    };
    static char long_one[PYN_NAME_MAX + 8];

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        if (pyn_name_is_class(pyn_view_of(rows[i].name)) != rows[i].is) {
            fail_msg("%s", rows[i].name);
        }
    }
    for (size_t len = PYN_NAME_MAX - 1; len <= PYN_NAME_MAX + 1; len++) { /* of one part of it */
        (void)snprintf(long_one, sizeof long_one, "m:%0*d", (int)len, 0);
        memset(long_one + 2, 'X', len);
        assert_int_equal(pyn_name_is_class(pyn_view_of(long_one)), len <= PYN_NAME_MAX);
    }
}

static void operators_of_two_sides_are_known_as_such(void **state)
{
    static const struct {
        const char *name;
        bool is;
    } rows[] = {{"__add__", true}, {"__radd__", true}, {"__eq__", true}, {"__neg__", false}, {"add", false}};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        char json[512];
        (void)snprintf(json, sizeof json, METHOD("%s", "\"(int=?, /) -> int\""), rows[i].name);
        struct pyn_policy *policy = policy_load(json);
        assert_int_equal(policy_op(policy, "x:X", PYN_OP_METHOD, rows[i].name)->is_binary, rows[i].is);
        pyn_policy_unref(policy);
    }
}

static void a_policy_knows_whether_arrays_are_in_it(void **state)
{
    struct pyn_policy *with = policy_load(POLICY("", X_GET("ndarray_float64"), ""));
    struct pyn_policy *without = policy_load(POLICY("", X_GET("float"), ""));

    (void)state;
    assert_true(pyn_policy_has_arrays(with));
    assert_false(pyn_policy_has_arrays(without));
    pyn_policy_unref(with);
    pyn_policy_unref(without);
}

/* Two of everything that a fragment lists in an order, and they come back in it. */
static void a_fragment_lists_all_that_it_needs(void **state)
{
    static const char json[] = POLICY("\"enums\":{\"x:D\":[\"A\"],\"x:E\":[\"A\",\"B\"]},\"imports\":{\"x:I\":{"
                                      "\"facet\":true},\"x:J\":{\"facet\":true}},",
                                      "\"x:X\":{\"class\":\"x:X\",\"methods\":{\"m\":\"(j: x:J, i: x:I, f: fn(enum "
                                      "x:E, rec x:Q)->none) -> enum x:D\","
                                      "\"n\":\"(p: rec x:P) -> fn(x:X)->x:X\"}}",
                                      "\"records\":{\"x:P\":{\"a\":\"int\"},\"x:Q\":{\"b\":\"enum x:E\"}},");
    struct pyn_policy *policy = policy_load(json);
    struct pyn_policy *loaded = NULL;
    const struct pyn_iface *x = pyn_policy_find(policy, pyn_view_of("x:X"));
    struct pyn_diag diag = {""};

    (void)state;
    if (pyn_policy_load_fragment(pyn_mem_default(), x->fragment, &loaded, &diag) != PYN_OK) {
        fail_msg("%s", diag.text);
    }
    assert_true(pyn_view_is_equal(pyn_policy_iface(loaded, 0)->fragment, x->fragment));
    assert_true(pyn_view_is_equal(policy_op(loaded, "x:X", PYN_OP_METHOD, "m")->signatures->spelling,
                                  policy_op(policy, "x:X", PYN_OP_METHOD, "m")->signatures->spelling));
    pyn_policy_unref(loaded);
    pyn_policy_unref(policy);
}

/* ---- without memory ---- */

/* Blocks of the arena are large: which one fails counts, and what stands at its beginning depends on what stands ahead. */
struct blocks {
    struct support_mem m;
    size_t large;
    size_t fail_at;
};

static void *large_fails(void *ctx, void *block, size_t size)
{
    struct blocks *blocks = ctx;

    if (size >= 8192 && ++blocks->large == blocks->fail_at) {
        return NULL;
    }
    return blocks->m.mem.realloc(blocks->m.mem.ctx, block, size);
}

static const char rich[] = POLICY(
    "\"accepts\":{\"x:A\":[\"x:B\",\"x:X\"]},\"enums\":{\"x:E\":[\"A\",\"B\"],\"x:F\":[\"A\"%s]},"
    "\"errors\":{\"builtins:KeyError\":\"type\",\"x:Bad\":{\"fields\":{\"a\":\"int\",\"b\":\"(str*)\"},\"grant\":"
    "\"text\"}},"
    "\"imports\":{\"x:I\":{\"facet\":true,\"methods\":{\"tell\":\"(n: int) -> int|none\"}}},",
    "\"x:A\":{\"class\":\"x:A\"},\"x:B\":{\"class\":\"x:B\"},\"x:X\":{\"class\":\"x:X\",\"get\":{\"m\":\"'%s'|x:A\"},"
    "\"methods\":{"
    "\"f\":\"(i: x:I, g: fn(rec x:P, int=?)->x:A) -> fn()->none\",\"o\":[\"(int, /) -> str\",\"(str, /) -> enum "
    "x:E|enum x:F\"],"
    "\"p\":\"(a: frozenset[(int, str)]=?, *rest: copy dict[str, int], k: rec x:Q=?, **more: float) -> copy "
    "list[x:B]\"}}",
    "\"records\":{\"x:P\":{\"a\":\"int\",\"b\":\"none|str\"},\"x:Q\":{\"p\":\"rec x:P\"}},");

/* Returns how many times it failed until it did not. */
static size_t load_with_each_block_wanting(const char *json)
{
    pyn_status st = PYN_ENOMEM;
    size_t failures = 0;

    while (st != PYN_OK) {
        struct blocks blocks = {.fail_at = failures + 1};
        struct pyn_policy *policy = NULL;
        struct pyn_diag diag = {""};
        support_mem_init(&blocks.m, 0);
        const struct pyn_mem mem = {large_fails, &blocks};
        st = pyn_policy_load(&mem, pyn_view_of(json), &policy, &diag);
        if (st != PYN_OK) {
            assert_int_equal(st, PYN_ENOMEM);
            assert_null(policy);
            assert_string_equal(diag.text, "out of memory");
            failures++;
        }
        pyn_policy_unref(policy);
        assert_int_equal(blocks.m.live, 0);
        assert_true(failures < 40);
    }
    return failures;
}

/* A long literal moves what the policy keeps, many members of an enum what is kept only while it is made. */
static void every_block_may_be_wanting_wherever_the_last_one_is_full(void **state)
{
    enum { STEP = 24, LONGEST = 4096, MEMBERS = 520, MEMBER_LEN = 7 };
    static char json[sizeof rich + LONGEST + MEMBERS * MEMBER_LEN];
    static char text[LONGEST + 1];
    static char members[MEMBERS * MEMBER_LEN + 1];

    (void)state;
    for (size_t len = 1; len < LONGEST; len += STEP) {
        memset(text, 'x', len);
        text[len] = '\0';
        (void)snprintf(json, sizeof json, rich, "", text);
        assert_true(load_with_each_block_wanting(json) >= 1);
    }
    for (size_t i = 0; i < MEMBERS; i += 2) {
        for (size_t j = i; j < i + 2; j++) {
            (void)snprintf(members + j * MEMBER_LEN, MEMBER_LEN + 1, ",\"B%03zu\"", j);
        }
        (void)snprintf(json, sizeof json, rich, members, "x");
        assert_true(load_with_each_block_wanting(json) >= 1);
    }
}

/* ---- spelling ---- */

static void a_spelling_is_written_whole_or_not_at_all(void **state)
{
    static const struct {
        enum pyn_op_kind kind;
        const char *name;
    } ops[] = {{PYN_OP_METHOD, "f"}, {PYN_OP_METHOD, "o"}, {PYN_OP_METHOD, "p"}, {PYN_OP_GET, "m"}};
    static char json[sizeof rich + 16];

    (void)state;
    (void)snprintf(json, sizeof json, rich, "", "a\\\\'b");
    struct pyn_policy *policy = policy_load(json);
    for (size_t i = 0; i < SUPPORT_COUNT(ops); i++) {
        const struct pyn_op *op = policy_op(policy, "x:X", ops[i].kind, ops[i].name);
        const struct pyn_view wanted = op->kind == PYN_OP_GET ? op->type->spelling : op->signatures[0].spelling;
        for (size_t max = 0; max <= wanted.len; max++) {
            struct pyn_buf buf;
            pyn_buf_init(&buf, pyn_mem_default(), max);
            pyn_status st = op->kind == PYN_OP_GET ? pyn_spell_type(&buf, op->type)
                                                   : pyn_spell_signature(&buf, &op->signatures[0]);
            assert_int_equal(st, max < wanted.len ? PYN_ESIZE : PYN_OK);
            assert_true(st != PYN_OK || pyn_view_is_equal(pyn_buf_view(&buf), wanted));
            pyn_buf_fini(&buf);
        }
    }
    pyn_policy_unref(policy);
}

/* ---- what a peer is told ---- */

static void a_long_type_is_cut_in_a_sentence(void **state)
{
    char json[4096];
    char text[512];
    struct pyn_verdict verdict = {.why = PYN_WHY_NONE};
    struct pyn_refs refs = {.key_max = 16};

    (void)state;
    for (size_t names = 8; names < 64; names++) {
        char type[1024] = "(";
        for (size_t i = 0; i < names; i++) {
            (void)strcat(type, i == 0 ? "int"
                                      : ", int"); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy): there is room */
        }
        (void)strcat(type, ")"); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy) */
        char method[1200];
        (void)snprintf(method, sizeof method, "\"(a: %s) -> none\"", type);
        policy_of(json, sizeof json, "methods", method);
        struct pyn_policy *policy = policy_load(json);
        const struct pyn_iface *x = pyn_policy_find(policy, pyn_view_of("x:X"));
        assert_int_equal(pyn_admit(x, pyn_view_of("m"), support_bytes("91 c0 80"), &refs, &verdict), PYN_EARGS);
        pyn_verdict_text(&verdict, text, sizeof text);
        bool is_cut = strlen(text) < strlen("m(): 'a' must be ") + strlen(type);
        assert_int_equal(strcmp(text + strlen(text) - 3, "...") == 0, is_cut);
        assert_true(strlen(text) < 200);
        assert_memory_equal(text, "m(): 'a' must be (int, int, ", strlen("m(): 'a' must be (int, int, "));
        pyn_policy_unref(policy);
    }
    verdict = (struct pyn_verdict){.why = PYN_WHY_NAME};
    pyn_verdict_text(&verdict, text, sizeof text);
    assert_string_equal(text, "not permitted");
    verdict.why = PYN_WHY_NONE;
    pyn_verdict_text(&verdict, text, sizeof text);
    assert_string_equal(text, "");
    text[0] = 'x';
    pyn_verdict_text(&verdict, text, 0);
    assert_int_equal(text[0], 'x'); /* no room at all */
    pyn_verdict_rule(NULL, &verdict, text, 0);
    assert_int_equal(text[0], 'x');
}

static void the_rule_of_an_import_stands_among_the_imports(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    const struct pyn_type *watcher = policy_op(policy, "chat:Room", PYN_OP_METHOD, "watch")->signatures->params[0].type;
    const struct pyn_op *tell = pyn_iface_op(watcher->import, PYN_OP_METHOD, pyn_view_of("tell"));
    char text[128];

    (void)state;
    assert_non_null(tell);
    pyn_verdict_rule(watcher->import, &(struct pyn_verdict){.op = tell}, text, sizeof text);
    assert_string_equal(text, "imports.chat:Watcher.methods.tell");
    pyn_policy_unref(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_methods_have_their_one_signature),
        cmocka_unit_test(errors_name_their_fields_and_how_much_is_told),
        cmocka_unit_test(an_error_has_at_most_so_many_fields),
        cmocka_unit_test(whoever_conforms_is_accepted_where_it_says_so_and_nobody_else),
        cmocka_unit_test(tables_of_any_length_are_searched_whole),
        cmocka_unit_test(what_accepts_says_must_be_there),
        cmocka_unit_test(an_iterator_of_data_is_read_ahead_and_nothing_else_is),
        cmocka_unit_test(a_class_is_named_by_its_module_and_its_name),
        cmocka_unit_test(operators_of_two_sides_are_known_as_such),
        cmocka_unit_test(a_policy_knows_whether_arrays_are_in_it),
        cmocka_unit_test(a_fragment_lists_all_that_it_needs),
        cmocka_unit_test(every_block_may_be_wanting_wherever_the_last_one_is_full),
        cmocka_unit_test(a_spelling_is_written_whole_or_not_at_all),
        cmocka_unit_test(a_long_type_is_cut_in_a_sentence),
        cmocka_unit_test(the_rule_of_an_import_stands_among_the_imports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
