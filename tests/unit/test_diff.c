/* test_diff.c - what has grown is told, what is told as less is less, and nothing else is told. */
#include "policy_support.h"

#include "../../policy/diff.h"
#include "../../policy/within.h"

enum { CHANGES_MAX = 64 };

struct told {
    struct pyn_change changes[CHANGES_MAX];
    size_t count;
    size_t fail_at; /* of the changes; 0: none */
};

static pyn_status tell(void *ctx, const struct pyn_change *change)
{
    struct told *told = ctx;
    assert_true(told->count < CHANGES_MAX);
    told->changes[told->count++] = *change;
    return told->count == told->fail_at ? PYN_ENOMEM : PYN_OK;
}

/* The kind of the one change between two policies of one piece; NONE when there is none. */
static enum pyn_change_kind change_of(const char *member, const char *old_value, const char *new_value)
{
    char json[2048];
    struct told told = {.count = 0};
    policy_of(json, sizeof json, member, old_value);
    struct pyn_policy *old = policy_load(json);
    policy_of(json, sizeof json, member, new_value);
    struct pyn_policy *new = policy_load(json);
    assert_int_equal(pyn_policy_diff(old, new, tell, &told), PYN_OK);
    enum pyn_change_kind kind = PYN_CHANGE_NONE;
    for (size_t i = 0; i < told.count; i++) {
        if (told.changes[i].subject == PYN_SUBJECT_OPERATION &&
            pyn_view_is_equal(told.changes[i].name, pyn_view_of("m"))) {
            kind = told.changes[i].kind;
        }
    }
    pyn_policy_unref(old);
    pyn_policy_unref(new);
    return kind;
}

struct row {
    const char *old;
    const char *new;
    enum pyn_change_kind kind;
    const char *why;
};

static enum pyn_change_kind mirrored(enum pyn_change_kind kind)
{
    return kind == PYN_CHANGE_WIDENED ? PYN_CHANGE_NARROWED : kind == PYN_CHANGE_NARROWED ? PYN_CHANGE_WIDENED : kind;
}

static void check(const char *member, const struct row *row)
{
    enum pyn_change_kind there = change_of(member, row->old, row->new);
    enum pyn_change_kind back = change_of(member, row->new, row->old);
    if (there != row->kind || back != mirrored(row->kind)) {
        fail_msg("%s: %s -> %s is %d, and back %d", row->why, row->old, row->new, (int)there, (int)back);
    }
}

static void types_are_compared_by_what_fits_them(void **state)
{
    static const struct row rows[] = {
        {"\"int\"", "\"int\"", PYN_CHANGE_NONE, "the same"},
        {"\"int\"", "\"float\"", PYN_CHANGE_WIDENED, "a float takes an int as well"},
        {"\"int\"", "\"str\"", PYN_CHANGE_OTHER, "neither is the other"},
        {"\"int\"", "\"bool\"", PYN_CHANGE_OTHER, "an int never takes a bool"},
        {"\"1\"", "\"int\"", PYN_CHANGE_WIDENED, "a literal"},
        {"\"1\"", "\"float\"", PYN_CHANGE_WIDENED, "a literal that a float takes"},
        {"\"1\"", "\"2\"", PYN_CHANGE_OTHER, "two literals"},
        {"\"true\"", "\"bool\"", PYN_CHANGE_WIDENED, "a literal truth"},
        {"\"'x'\"", "\"str\"", PYN_CHANGE_WIDENED, "a literal text"},
        {"\"'x'\"", "\"'x'|'y'\"", PYN_CHANGE_WIDENED, "one more literal"},
        {"\"int\"", "\"int|none\"", PYN_CHANGE_WIDENED, "an alternative more"},
        {"\"int|none\"", "\"int|str\"", PYN_CHANGE_OTHER, "an alternative for another"},
        {"\"int|none\"", "\"float|none|str\"", PYN_CHANGE_WIDENED, "each alternative in one of them"},
        {"\"(int,)\"", "\"(float,)\"", PYN_CHANGE_WIDENED, "inside of a tuple"},
        {"\"(int,)\"", "\"(int, int)\"", PYN_CHANGE_OTHER, "longer"},
        {"\"(int, int)\"", "\"(int*)\"", PYN_CHANGE_WIDENED, "of any length"},
        {"\"()\"", "\"(int*)\"", PYN_CHANGE_WIDENED, "none is a length"},
        {"\"(int*)\"", "\"(int|str*)\"", PYN_CHANGE_WIDENED, "any length of more"},
        {"\"copy list[int]\"", "\"copy list[float]\"", PYN_CHANGE_WIDENED, "a copy"},
        {"\"copy list[int]\"", "\"copy set[int]\"", PYN_CHANGE_OTHER, "another container"},
        {"\"copy dict[int, str]\"", "\"copy dict[int, none|str]\"", PYN_CHANGE_WIDENED, "values of a dict"},
        {"\"copy set[int]\"", "\"copy set[float]\"", PYN_CHANGE_WIDENED, "a set"},
        {"\"frozenset[int]\"", "\"frozenset[float]\"", PYN_CHANGE_WIDENED, "a frozenset"},
        {"\"frozenset[int]\"", "\"(int*)\"", PYN_CHANGE_OTHER, "a set is no tuple"},
        {"\"(int,)\"", "\"(int*)\"", PYN_CHANGE_WIDENED, "one is a length"},
        {"\"ndarray_float64\"", "\"ndarray\"", PYN_CHANGE_WIDENED, "an array of any kind"},
        {"\"ndarray_float64\"", "\"ndarray_int64\"", PYN_CHANGE_OTHER, "an array of another kind"},
        {"\"int\"", "\"ndarray\"", PYN_CHANGE_OTHER, "a number is no array"},
        {"\"x:A\"", "\"fn()->none\"", PYN_CHANGE_OTHER, "an interface is no fn"},
        {"\"enum x:E\"", "\"enum x:E|none\"", PYN_CHANGE_WIDENED, "or nothing"},
        {"\"rec x:P\"", "\"rec x:N\"", PYN_CHANGE_OTHER, "another record"},
        {"\"x:A\"", "\"x:C\"", PYN_CHANGE_OTHER, "another interface"},
        {"\"x:A\"", "\"none|x:A\"", PYN_CHANGE_WIDENED, "an interface or nothing"},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        check("get", &rows[i]);
    }
}

static void data_takes_what_is_neither_reference_nor_record_nor_enum(void **state)
{
    static const struct row rows[] = {
        {"\"(int, str)|none\"", "\"data\"", PYN_CHANGE_WIDENED, "plain values"},
        {"\"enum x:E\"", "\"data\"", PYN_CHANGE_OTHER, "a member of an enum is none"},
        {"\"rec x:P\"", "\"data\"", PYN_CHANGE_OTHER, "a record is none"},
        {"\"x:A\"", "\"data\"", PYN_CHANGE_OTHER, "a reference is none"},
        {"\"(x:A,)\"", "\"data\"", PYN_CHANGE_OTHER, "nor is what holds one"},
        {"\"ndarray\"", "\"data\"", PYN_CHANGE_OTHER, "an array is none"},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        check("set", &rows[i]);
    }
}

#define ARGS(text) "\"(" text ") -> none\""

static void signatures_are_compared_by_the_calls_that_they_admit(void **state)
{
    static const struct row rows[] = {
        {ARGS("a: int"), ARGS("a: float"), PYN_CHANGE_WIDENED, "a parameter takes more"},
        {ARGS("a: int"), ARGS("a: int, b: int=?"), PYN_CHANGE_WIDENED, "one may be added"},
        {ARGS("a: int"), ARGS("a: int=?"), PYN_CHANGE_WIDENED, "it may be left out"},
        {ARGS("a: int"), ARGS("a: int, b: int"), PYN_CHANGE_OTHER, "neither admits a call of the other"},
        {ARGS("a: int, b: int"), ARGS("b: int, a: int"), PYN_CHANGE_OTHER, "places that changed names"},
        {ARGS("a: int"), ARGS("b: int"), PYN_CHANGE_OTHER, "another name"},
        {ARGS("int, /"), ARGS("a: int"), PYN_CHANGE_WIDENED, "it may be named, too"},
        {ARGS("*, a: int"), ARGS("a: int"), PYN_CHANGE_WIDENED, "it may stand in a place, too"},
        {ARGS("int, /, *, a: int"), ARGS("a: int, b: int=?"), PYN_CHANGE_OTHER, "a is taken by its place"},
        {ARGS("int, /"), ARGS("int, /, *rest: int"), PYN_CHANGE_WIDENED, "any number"},
        {ARGS("int, int, /"), ARGS("int, /, *rest: int"), PYN_CHANGE_WIDENED, "a place that rest takes"},
        {ARGS("*rest: int"), ARGS("*rest: float"), PYN_CHANGE_WIDENED, "a rest that takes more"},
        {ARGS("*rest: int"), ARGS("str=?, /, *rest: int"), PYN_CHANGE_OTHER, "a place that rest does not fit"},
        {ARGS("*, a: int"), ARGS("*, a: int, b: int=?"), PYN_CHANGE_WIDENED, "a keyword more"},
        {ARGS("*, a: int"), ARGS("**options: int"), PYN_CHANGE_WIDENED, "any keyword"},
        {ARGS("**options: int"), ARGS("*, a: str=?, **options: int"), PYN_CHANGE_OTHER,
         "a keyword that options does not fit"},
        {ARGS("int=?, /, **options: int"), ARGS("a: int=?, **options: int"), PYN_CHANGE_OTHER,
         "a name that a place has taken"},
        {ARGS("*, a: int"), ARGS("*, a: str"), PYN_CHANGE_OTHER, "a keyword of another type"},
        {ARGS("**options: int"), ARGS("**options: str"), PYN_CHANGE_OTHER, "options of another type"},
        {ARGS("**options: int"), ARGS("*, a: float=?, **options: int"), PYN_CHANGE_WIDENED, "an option that takes more"},
        {ARGS("*rest: int, a: int=?"), ARGS("a: int=?, *rest: int"), PYN_CHANGE_OTHER, "a name that rest has taken"},
        {ARGS("f: x:I"), ARGS("f: fn()->none"), PYN_CHANGE_OTHER, "what an import can do is no call"},
        {"\"() -> int\"", "\"() -> int|none\"", PYN_CHANGE_WIDENED, "more may come out"},
        {"\"() -> int\"", "\"async () -> int\"", PYN_CHANGE_OTHER, "answered another way"},
        {"\"(a: int) -> int|none\"", "\"(a: float) -> int\"", PYN_CHANGE_OTHER, "more in and less out"},
        {"\"(n: int) -> none\"", "[\"(n: int) -> none\", \"(s: str) -> none\"]", PYN_CHANGE_WIDENED, "one more overload"},
        {ARGS("f: fn(int)->none"), ARGS("f: fn(float)->none"), PYN_CHANGE_WIDENED, "a callback is told more"},
        {ARGS("f: fn()->int"), ARGS("f: fn()->{int|str}"), PYN_CHANGE_WIDENED, "more is taken from a callback"},
        {ARGS("f: fn()->int"), ARGS("f: async fn()->int"), PYN_CHANGE_OTHER, "another callback"},
        {"\"() -> fn(int)->none\"", "\"() -> fn(float)->none\"", PYN_CHANGE_WIDENED, "what is given out takes more"},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        check("methods", &rows[i]);
    }
}

/* ---- whole policies ---- */

#define POLICY(accepts, enums, errors, imports, interfaces, records, roots)                                            \
    "{\"accepts\":{" accepts "},\"enums\":{" enums "},\"errors\":{" errors "},\"imports\":{" imports "},"              \
    "\"interfaces\":{" interfaces "},\"platform\":\"linux\",\"pynto-policy\":1,\"python\":\"3.11\","                   \
    "\"records\":{" records "},\"roots\":{" roots "}}"

#define ROOT "\"r\":\"x:R\""
#define X_R(methods) "\"x:R\":{\"class\":\"x:R\",\"methods\":{" methods "}}"
#define X_BARE "\"x:R\":{\"class\":\"x:R\"}"
#define X_S "\"x:S\":{\"class\":\"x:S\",\"methods\":{\"read\":\"() -> str\"}}"
#define X_Z "\"x:Z\":{\"class\":\"x:Z\"}"

static struct told told_of(const char *old_json, const char *new_json, struct pyn_policy **old, struct pyn_policy **new)
{
    struct told told = {.count = 0};
    *old = policy_load(old_json);
    *new = policy_load(new_json);
    assert_int_equal(pyn_policy_diff(*old, *new, tell, &told), PYN_OK);
    return told;
}

static void only_what_can_be_reached_is_compared(void **state)
{
    static const char without[] = POLICY("", "", "", "", X_R("\"m\":\"() -> none\"") "," X_S, "", ROOT);
    static const char with[] = POLICY("", "", "", "", X_R("\"m\":\"() -> x:S\"") "," X_S, "", ROOT);
    struct pyn_policy *old = NULL;
    struct pyn_policy *new = NULL;
    struct told told = told_of(without, with, &old, &new);
    assert_int_equal(told.count, 2);
    assert_true(pyn_view_is_equal(told.changes[0].name, pyn_view_of("m")));
    assert_int_equal(told.changes[0].kind, PYN_CHANGE_OTHER);
    assert_true(pyn_view_is_equal(told.changes[1].owner, pyn_view_of("x:S")));
    assert_int_equal(told.changes[1].kind, PYN_CHANGE_ADDED); /* it stood in the file before, but nothing led there */
    assert_null(told.changes[1].old_op);
    assert_non_null(told.changes[1].new_op);
    pyn_policy_unref(old);
    pyn_policy_unref(new);

    told = told_of(with, without, &old, &new);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.changes[1].kind, PYN_CHANGE_REMOVED);
    assert_non_null(told.changes[1].old_op);
    pyn_policy_unref(old);
    pyn_policy_unref(new);
}

static void every_section_of_a_policy_is_compared(void **state)
{
    static const struct {
        const char *old;
        const char *new;
        enum pyn_subject subject;
        enum pyn_change_kind kind;
        const char *name;
    } rows[] = {
        {POLICY("", "", "", "", X_BARE "," X_Z, "", ROOT),
         POLICY("", "", "", "", X_BARE "," X_Z, "", ROOT ",\"s\":\"x:R\""), PYN_SUBJECT_ROOT, PYN_CHANGE_ADDED, "s"},
        {POLICY("\"x:R\":[]", "", "", "", X_BARE "," X_Z, "", ROOT),
         POLICY("\"x:R\":[\"x:Z\"]", "", "", "", X_BARE "," X_Z, "", ROOT), PYN_SUBJECT_ACCEPTS, PYN_CHANGE_ADDED, "x:Z"},
        {POLICY("", "\"x:E\":[\"A\"]", "", "", X_BARE, "", ROOT),
         POLICY("", "\"x:E\":[\"A\",\"B\"]", "", "", X_BARE, "", ROOT), PYN_SUBJECT_ENUM, PYN_CHANGE_ADDED, "B"},
        {POLICY("", "", "", "", X_BARE, "\"x:P\":{\"a\":\"int\"}", ROOT),
         POLICY("", "", "", "", X_BARE, "\"x:P\":{\"a\":\"float\"}", ROOT), PYN_SUBJECT_RECORD, PYN_CHANGE_WIDENED, "a"},
        {POLICY("", "", "", "", X_BARE, "\"x:P\":{\"a\":\"int\"}", ROOT),
         POLICY("", "", "", "", X_BARE, "\"x:P\":{\"a\":\"int=?\"}", ROOT), PYN_SUBJECT_RECORD, PYN_CHANGE_WIDENED, "a"},
        {POLICY("", "", "", "", X_BARE, "\"x:P\":{\"a\":\"int\"}", ROOT),
         POLICY("", "", "", "", X_BARE, "\"x:P\":{\"a\":\"int\",\"b\":\"int\"}", ROOT), PYN_SUBJECT_RECORD,
         PYN_CHANGE_ADDED, "b"},
        {POLICY("", "", "\"x:F\":\"type\"", "", X_BARE, "", ROOT),
         POLICY("", "", "\"x:F\":\"text\"", "", X_BARE, "", ROOT), PYN_SUBJECT_ERROR, PYN_CHANGE_WIDENED, ""},
        {POLICY("", "", "\"x:F\":\"type\"", "", X_BARE, "", ROOT),
         POLICY("", "", "\"x:F\":{\"fields\":{\"n\":\"int\"},\"grant\":\"type\"}", "", X_BARE, "", ROOT),
         PYN_SUBJECT_ERROR, PYN_CHANGE_ADDED, "n"},
        {POLICY("", "", "", "", "\"x:R\":{\"class\":\"x:R\"}", "", ROOT),
         POLICY("", "", "", "", "\"x:R\":{\"facet\":true}", "", ROOT), PYN_SUBJECT_INTERFACE, PYN_CHANGE_OTHER, ""},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct pyn_policy *old = NULL;
        struct pyn_policy *new = NULL;
        struct told told = told_of(rows[i].old, rows[i].new, &old, &new);
        if (told.count != 1 || told.changes[0].subject != rows[i].subject || told.changes[0].kind != rows[i].kind ||
            !pyn_view_is_equal(told.changes[0].name, pyn_view_of(rows[i].name))) {
            fail_msg("row %zu: %zu changes, the first of kind %d", i, told.count, (int)told.changes[0].kind);
        }
        pyn_policy_unref(old);
        pyn_policy_unref(new);
    }
}

static void an_interface_without_operations_is_told_by_itself(void **state)
{
    static const char without[] = POLICY("", "", "", "", X_R("\"m\":\"(data, /) -> none\"") "," X_Z, "", ROOT);
    static const char with[] = POLICY("", "", "", "", X_R("\"m\":\"(data, /) -> none\",\"z\":\"() -> x:Z\"") "," X_Z,
                                      "", ROOT);
    struct pyn_policy *old = NULL;
    struct pyn_policy *new = NULL;
    struct told told = told_of(without, with, &old, &new);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.changes[1].subject, PYN_SUBJECT_INTERFACE);
    assert_int_equal(told.changes[1].kind, PYN_CHANGE_ADDED);
    pyn_policy_unref(old);
    pyn_policy_unref(new);
}

static void writes_are_told_apart(void **state)
{
    static const struct {
        const char *iface;
        enum pyn_op_kind kind;
        const char *name;
        bool is_write;
    } rows[] = {
        {"chat:Room", PYN_OP_SET, "title", true},           {"chat:Room", PYN_OP_GET, "title", false},
        {"chat:Room", PYN_OP_METHOD, "add", false}, /* a class of somebody's own may call anything so */
        {"list[int]", PYN_OP_METHOD, "append", true},       {"list[int]", PYN_OP_METHOD, "__setitem__", true},
        {"list[int]", PYN_OP_METHOD, "__getitem__", false}, {"chat:Box", PYN_OP_METHOD, "__iadd__", true},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        const struct pyn_iface iface = {.name = pyn_view_of(rows[i].iface)};
        const struct pyn_op op = {.kind = rows[i].kind, .name = pyn_view_of(rows[i].name), .iface = &iface};
        if (pyn_op_is_write(&op) != rows[i].is_write) {
            fail_msg("%s.%s", rows[i].iface, rows[i].name);
        }
    }
}

static void a_policy_does_not_differ_from_itself(void **state)
{
    struct pyn_policy *old = NULL;
    struct pyn_policy *new = NULL;
    assert_int_equal(told_of(policy_sample, policy_sample, &old, &new).count, 0);
    pyn_policy_unref(old);
    pyn_policy_unref(new);
}

/* Two unions of as many alternatives as may be, each a tuple, every one to be compared with every other of them. */
static void put_union(char *text, size_t room, size_t count, const char *last)
{
    size_t len = (size_t)snprintf(text, room, "\"(");
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, room - len, "%s(%zu, %s)", i == 0 ? "" : "|", 1000 + i, last);
    }
    (void)snprintf(text + len, room - len, ",)\"");
}

static void work_on_hostile_types_is_bounded_and_what_is_not_known_has_grown(void **state)
{
    static char one[1 << 15];
    static char two[1 << 15];
    static char json[1 << 16];
    put_union(one, sizeof one, 1000, "int");
    put_union(two, sizeof two, 1000, "float");
    struct told told = {.count = 0};
    (void)snprintf(json, sizeof json,
                   POLICY("", "", "", "", "\"x:R\":{\"class\":\"x:R\",\"get\":{\"m\":%s}}", "", ROOT), one);
    struct pyn_policy *old = policy_load(json);
    (void)snprintf(json, sizeof json,
                   POLICY("", "", "", "", "\"x:R\":{\"class\":\"x:R\",\"get\":{\"m\":%s}}", "", ROOT), two);
    struct pyn_policy *new = policy_load(json);
    assert_int_equal(pyn_policy_diff(old, new, tell, &told), PYN_OK);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.changes[0].kind, PYN_CHANGE_WIDENED);
    pyn_policy_unref(old);
    pyn_policy_unref(new);
}

/* What cannot be compared to its end is not within; the work that it takes is the same each time. */
static void without_steps_nothing_is_within(void **state)
{
    static const char *const methods[][2] = {
        {ARGS("a: int"), ARGS("a: float")},
        {ARGS("a: copy dict[int, (int, (int*))]"), ARGS("a: copy dict[int, (float, (int|str*))]")},
        {ARGS("f: fn((int,))->none, *rest: int, **more: int"),
         ARGS("f: fn((float,))->none, *rest: float, **more: float")},
        {ARGS("a: (int, none|str)"), ARGS("a: data")},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(methods); i++) {
        char json[2048];
        struct pyn_policy *policies[2];
        const struct pyn_op *ops[2];
        bool is = false;
        for (size_t j = 0; j < 2; j++) {
            policy_of(json, sizeof json, "methods", methods[i][j]);
            policies[j] = policy_load(json);
            ops[j] = policy_op(policies[j], "x:X", PYN_OP_METHOD, "m");
        }
        for (uint64_t steps = 0; steps < 64; steps++) {
            struct pyn_within within = {.steps = steps};
            bool is_now = pyn_op_is_within(&within, ops[0], ops[1]);
            assert_true(within.steps <= steps);
            assert_true(is_now || !is); /* with more of them it stays so */
            assert_true(steps > 0 || !is_now);
            is = is_now;
        }
        assert_true(is);
        pyn_policy_unref(policies[0]);
        pyn_policy_unref(policies[1]);
    }
}

/* The sample with each from in place of its to; good until the next call. */
static struct pyn_policy *sample_with(const char *const changes[][2], size_t count)
{
    static char json[2 * sizeof policy_sample];
    static char next[2 * sizeof policy_sample];

    (void)snprintf(json, sizeof json, "%s", policy_sample);
    for (size_t i = 0; i < count; i++) {
        const char *at = strstr(json, changes[i][0]);
        assert_non_null(at);
        (void)snprintf(next, sizeof next, "%.*s%s%s", (int)(at - json), json, changes[i][1], at + strlen(changes[i][0]));
        (void)snprintf(json, sizeof json, "%s", next);
    }
    return policy_load(json);
}

/* Something has changed in every section, and each change is the last one that is told. */
static void what_the_listener_returns_ends_it(void **state)
{
    static const char *const changes[][2] = {
        {"[\"GREEN\", \"RED\"]", "[\"BLUE\", \"RED\"]"},
        {"\"builtins:KeyError\": \"type\"",
         "\"builtins:KeyError\": {\"fields\": {\"key\": \"str\"}, \"grant\": \"text\"}"},
        {"\"chat:Full\": \"text\"", "\"chat:Empty\": \"text\""},
        {"\"chat:User\": [\"chat:Admin\"]", "\"chat:User\": [\"chat:Message\"]"},
        {"\"no\": \"int\"", "\"number\": \"int\""},
        {"\"text\": \"str\",\n   \"what\": \"data\"", "\"text\": \"none|str\""},
        {"(author: str, text: str) -> none", "(author: str) -> none"},
        {"\"other\": \"() -> chat:Watcher|none\"", "\"others\": \"() -> chat:Watcher|none\""},
        {"\"lobby\": \"chat:Room\"", "\"lounge\": \"chat:Room\""},
    };
    struct pyn_policy *policies[] = {policy_load(policy_sample), sample_with(changes, SUPPORT_COUNT(changes)),
                                     policy_load(POLICY("", "", "", "", X_BARE, "", ROOT))};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(policies); i++) {
        for (size_t j = 0; j < SUPPORT_COUNT(policies); j++) {
            struct told all = {.count = 0};
            assert_int_equal(pyn_policy_diff(policies[i], policies[j], tell, &all), PYN_OK);
            assert_int_equal(all.count == 0, i == j);
            for (size_t fail_at = 1; fail_at <= all.count; fail_at++) {
                struct told told = {.fail_at = fail_at};
                assert_int_equal(pyn_policy_diff(policies[i], policies[j], tell, &told), PYN_ENOMEM);
                assert_int_equal(told.count, fail_at);
                for (size_t k = 0; k < fail_at; k++) {
                    assert_int_equal(told.changes[k].kind, all.changes[k].kind);
                    assert_int_equal(told.changes[k].subject, all.changes[k].subject);
                }
            }
        }
    }
    for (size_t i = 0; i < SUPPORT_COUNT(policies); i++) {
        pyn_policy_unref(policies[i]);
    }
}

static void growth_is_what_was_added_widened_or_cannot_be_told(void **state)
{
    (void)state;
    assert_true(pyn_change_is_growth(PYN_CHANGE_ADDED));
    assert_true(pyn_change_is_growth(PYN_CHANGE_WIDENED));
    assert_true(pyn_change_is_growth(PYN_CHANGE_OTHER));
    assert_false(pyn_change_is_growth(PYN_CHANGE_NONE));
    assert_false(pyn_change_is_growth(PYN_CHANGE_REMOVED));
    assert_false(pyn_change_is_growth(PYN_CHANGE_NARROWED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_compared_by_what_fits_them),
        cmocka_unit_test(data_takes_what_is_neither_reference_nor_record_nor_enum),
        cmocka_unit_test(signatures_are_compared_by_the_calls_that_they_admit),
        cmocka_unit_test(only_what_can_be_reached_is_compared),
        cmocka_unit_test(every_section_of_a_policy_is_compared),
        cmocka_unit_test(an_interface_without_operations_is_told_by_itself),
        cmocka_unit_test(writes_are_told_apart),
        cmocka_unit_test(a_policy_does_not_differ_from_itself),
        cmocka_unit_test(work_on_hostile_types_is_bounded_and_what_is_not_known_has_grown),
        cmocka_unit_test(without_steps_nothing_is_within),
        cmocka_unit_test(what_the_listener_returns_ends_it),
        cmocka_unit_test(growth_is_what_was_added_widened_or_cannot_be_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
