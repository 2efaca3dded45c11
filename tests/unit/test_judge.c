/* test_judge.c - of every declared type and every kind of value: is a call with it admitted, perhaps, or never? */
#include "policy_support.h"

#include "../../policy/shape.h"

static const char *const sorts[] = {
    "other", "none",     "bool", "int",  "float",     "complex",   "str",  "bytes", "range",
    "slice", "datetime", "date", "time", "timedelta", "decimal",   "uuid", "tuple", "frozenset",
    "list",  "set",      "dict", "enum", "record",    "reference", "own",
};

/* Whether word is one of a list of words with spaces between them. */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; (at = strstr(at, word)) != NULL; at += len) {
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static struct pyn_policy *load_one(const char *member, const char *type)
{
    char json[2048];
    char value[256];

    (void)snprintf(value, sizeof value, strcmp(member, "methods") == 0 ? "\"(a: %s) -> none\"" : "\"%s\"", type);
    policy_of(json, sizeof json, member, value);
    return policy_load(json);
}

static const struct {
    const char *type;
    const char *yes;
    const char *maybe;
} rows[] = {
    {"none", "none", ""},
    {"bool", "bool", ""},
    {"int", "int", ""},
    {"float", "float int", ""},
    {"complex", "complex", ""},
    {"str", "str", ""},
    {"bytes", "bytes", ""},
    {"range", "range", ""},
    {"slice", "slice", ""},
    {"datetime", "datetime", ""},
    {"date", "date", ""},
    {"time", "time", ""},
    {"timedelta", "timedelta", ""},
    {"decimal", "decimal", ""},
    {"uuid", "uuid", ""},
    {"'a'", "", "str"},
    {"1", "", "int"},
    {"true", "", "bool"},
    {"(int, str)", "", "tuple"},
    {"(int*)", "", "tuple"},
    {"frozenset[int]", "", "frozenset"},
    {"copy list[int]", "", "list"},
    {"copy set[int]", "", "set"},
    {"copy dict[str, int]", "", "dict"},
    {"enum x:E", "", "enum"},
    {"rec x:P", "", "record"},
    {"x:A", "", "reference"},
    {"x:I", "", "reference own"},
    {"data", "none bool int float complex str bytes range slice datetime date time timedelta decimal uuid",
     "tuple frozenset list set dict"},
    {"'a'|int", "int", "str"},
    {"int|none|x:A", "int none", "reference"},
    {"'a'|data", "none bool int float complex str bytes range slice datetime date time timedelta decimal uuid",
     "tuple frozenset list set dict"},
};

static enum pyn_judgement expected(size_t row, const char *sort)
{
    if (has_word(rows[row].yes, sort)) {
        return PYN_JUDGE_YES;
    }
    return has_word(rows[row].maybe, sort) ? PYN_JUDGE_MAYBE : PYN_JUDGE_NO;
}

static void each_type_takes_the_kinds_that_it_takes_and_no_other(void **state)
{
    static const struct {
        const char *member;
        enum pyn_op_kind kind;
    } members[] = {{"methods", PYN_OP_METHOD}, {"set", PYN_OP_SET}};

    (void)state;
    assert_int_equal(SUPPORT_COUNT(sorts), PYN_SORT_COUNT);
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        for (size_t j = 0; j < SUPPORT_COUNT(members); j++) {
            struct pyn_policy *policy = load_one(members[j].member, rows[i].type);
            const struct pyn_iface *iface = pyn_policy_find(policy, pyn_view_of("x:X"));
            for (size_t k = 0; k < SUPPORT_COUNT(sorts); k++) {
                struct pyn_shape shape;
                assert_true(pyn_shape_read(pyn_view_of(sorts[k]), &shape));
                enum pyn_judgement found = pyn_judge(iface, members[j].kind, pyn_view_of("m"), &shape,
                                                     (struct pyn_view){0});
                if (found != expected(i, sorts[k])) {
                    fail_msg("%s %s of %s: %d", members[j].member, rows[i].type, sorts[k], (int)found);
                }
            }
            pyn_policy_unref(policy);
        }
    }
}

static void what_is_not_known_of_a_call_is_perhaps(void **state)
{
    static const struct {
        const char *method;
        const char *shape;
        enum pyn_judgement judgement;
    } calls[] = {
        {"(a: int) -> none", "?=int", PYN_JUDGE_MAYBE}, /* it may be called a */
        {"(a: int) -> none", "?=str", PYN_JUDGE_MAYBE}, /* it may be any argument of any name */
        {"(a: int, b: int) -> none", "int, ?=int", PYN_JUDGE_MAYBE},
        {"(a: int, b: int) -> none", "str, ?=int", PYN_JUDGE_NO},
        {"(a: int, b: int) -> none", "a=int, b=int, ...", PYN_JUDGE_MAYBE},
        {"(a: int, b: int) -> none", "b=int", PYN_JUDGE_NO},
        {"(a: int, b: int=?) -> none", "a=int", PYN_JUDGE_YES},
        {"(int, /) -> none", "a=int", PYN_JUDGE_NO}, /* it has no name */
        {"(*, k: int) -> none", "k=int", PYN_JUDGE_YES},
        {"(*, k: int) -> none", "int", PYN_JUDGE_NO},
        {"(*, k: int) -> none", "k=int, k=int", PYN_JUDGE_NO},
        {"(**options: int) -> none", "a=int, b=int", PYN_JUDGE_YES},
        {"(**options: int) -> none", "a=int, b=str", PYN_JUDGE_NO},
        {"(**options: int) -> none", "int", PYN_JUDGE_NO},
        {"(a: int, *rest: str) -> none", "int, str, str", PYN_JUDGE_YES},
        {"(a: int, *rest: str) -> none", "int, str, int", PYN_JUDGE_NO},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(calls); i++) {
        char json[2048];
        char value[128];
        struct pyn_shape shape;
        (void)snprintf(value, sizeof value, "\"%s\"", calls[i].method);
        policy_of(json, sizeof json, "methods", value);
        struct pyn_policy *policy = policy_load(json);
        assert_true(pyn_shape_read(pyn_view_of(calls[i].shape), &shape));
        enum pyn_judgement found = pyn_judge(pyn_policy_find(policy, pyn_view_of("x:X")), PYN_OP_METHOD,
                                             pyn_view_of("m"), &shape, (struct pyn_view){0});
        if (found != calls[i].judgement) {
            fail_msg("%s of (%s): %d", calls[i].method, calls[i].shape, (int)found);
        }
        pyn_policy_unref(policy);
    }
}

static void a_write_of_the_type_that_was_declared_is_admitted(void **state)
{
    static const struct {
        const char *shape;
        const char *type; /* that the attribute had when the call was seen; empty: nobody knows */
        enum pyn_judgement judgement;
    } writes[] = {
        {"tuple", "", PYN_JUDGE_MAYBE},       {"tuple", "(int, str)", PYN_JUDGE_YES},
        {"tuple", "(int*)", PYN_JUDGE_MAYBE}, {"", "", PYN_JUDGE_MAYBE}, /* what was written was not kept */
        {"int, int", "", PYN_JUDGE_MAYBE},                               /* no write looks like this */
        {"a=int", "", PYN_JUDGE_MAYBE},
    };
    struct pyn_policy *policy = load_one("set", "(int, str)");
    const struct pyn_iface *iface = pyn_policy_find(policy, pyn_view_of("x:X"));

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(writes); i++) {
        struct pyn_shape shape;
        assert_true(pyn_shape_read(pyn_view_of(writes[i].shape), &shape));
        enum pyn_judgement found = pyn_judge(iface, PYN_OP_SET, pyn_view_of("m"), &shape, pyn_view_of(writes[i].type));
        if (found != writes[i].judgement) {
            fail_msg("(%s), which was %s: %d", writes[i].shape, writes[i].type, (int)found);
        }
    }
    pyn_policy_unref(policy);
}

/* The kinds of every value that there is, each of its own bytes. */
static void every_extension_type_has_its_word(void **state)
{
    static const struct {
        int8_t ext;
        const char *word;
    } exts[] = {
        {16, "own"},      {17, "reference"}, {18, "other"}, {19, "int"},       {20, "complex"},
        {21, "datetime"}, {22, "date"},      {23, "time"},  {24, "timedelta"}, {25, "decimal"},
        {26, "uuid"},     {27, "other"},     {28, "other"}, {0, "other"},      {-1, "other"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(exts); i++) {
        const uint8_t body[] = {0x91, 0xc7, 3, (uint8_t)exts[i].ext, 1, 2, 3, 0x80};
        char text[PYN_SHAPE_TEXT_MAX];
        pyn_shape_write((struct pyn_view){body, sizeof body}, 0, text);
        assert_string_equal(text, exts[i].word);
    }
}

static void arrays_that_only_look_like_something_are_other(void **state)
{
    static const struct {
        const char *body;
        const char *text;
    } bodies[] = {
        {"91 94 d41204 00 01 01 80", "range"},
        {"91 93 d41204 00 01 80", "other"},    /* without a step */
        {"91 94 d41204 00 01 00 80", "other"}, /* a step of nothing */
        {"91 94 d41205 c0 c0 c0 80", "slice"},
        {"91 93 d41205 c0 c0 80", "other"},
        {"91 94 d41205 c0 c0 a178 80", "other"},
        {"91 91 d412ff 80", "tuple"},  /* no tag: the scanner lets none such through */
        {"91 91 c1 80", "tuple, ..."}, /* what is in there is no value: nor is the rest */
        {"91 c1 80", "other, ..."},
        {"90 81 a161", "a=other, ..."}, /* cut */
        {"90 81 01 01", "..."},         /* a name that is none */
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(bodies); i++) {
        char text[PYN_SHAPE_TEXT_MAX];
        pyn_shape_write(support_bytes(bodies[i].body), 0, text);
        if (strcmp(text, bodies[i].text) != 0) {
            fail_msg("%s: %s, not %s", bodies[i].body, text, bodies[i].text);
        }
    }
}

/* As many long names as there is room for, and then dots. */
static void a_shape_is_never_longer_than_its_room(void **state)
{
    (void)state;
    for (size_t name_len = 1; name_len <= PYN_SHAPE_NAME_MAX; name_len++) {
        uint8_t body[4096] = {0x90, 0xde, 0, PYN_SHAPE_ARGS_MAX};
        char text[PYN_SHAPE_TEXT_MAX + 1];
        struct pyn_shape shape;
        size_t len = 4;
        for (size_t i = 0; i < PYN_SHAPE_ARGS_MAX; i++) {
            assert_true(len + name_len + 3 <= sizeof body);
            body[len++] = 0xd9;
            body[len++] = (uint8_t)name_len;
            memset(body + len, 'a', name_len);
            len += name_len;
            body[len++] = 0xc0;
        }
        text[PYN_SHAPE_TEXT_MAX] = 0x5a;
        pyn_shape_write((struct pyn_view){body, len}, 0, text);
        assert_int_equal(text[PYN_SHAPE_TEXT_MAX], 0x5a);
        assert_true(strlen(text) < PYN_SHAPE_TEXT_MAX);
        assert_true(pyn_shape_read(pyn_view_of(text), &shape));
        size_t whole = PYN_SHAPE_ARGS_MAX * (name_len + strlen("=none, ")); /* and room for dots is left */
        assert_int_equal(shape.is_whole, whole + 4 <= PYN_SHAPE_TEXT_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_takes_the_kinds_that_it_takes_and_no_other),
        cmocka_unit_test(what_is_not_known_of_a_call_is_perhaps),
        cmocka_unit_test(a_write_of_the_type_that_was_declared_is_admitted),
        cmocka_unit_test(every_extension_type_has_its_word),
        cmocka_unit_test(arrays_that_only_look_like_something_are_other),
        cmocka_unit_test(a_shape_is_never_longer_than_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
