/* test_shape.c - a shape says what kinds of arguments a call has, and nothing else; what is judged by it is what is decided. */
#include "policy_support.h"

#include "../../policy/shape.h"

static void a_call_is_written_as_its_kinds_of_arguments(void **state)
{
    static const struct {
        const char *body; /* args and kwargs, hex */
        const char *text;
    } rows[] = {
        {"90 80", ""},
        {"91 01 80", "int"},
        {"95 c0 c3 ff cb3fe0000000000000 a178 80", "none, bool, int, float, str"},
        {"91 c4 01 00 80", "bytes"},
        {"92 90 91 01 80", "tuple, tuple"},
        {"91 92 d41202 01 80", "list"},
        {"92 91 d41201 91 d41203 80", "frozenset, set"},
        {"92 80 93 d41208 01 02 80", "dict, dict"},
        {"92 94 d41204 00 01 01 94 d41205 c0 c0 c0 80", "range, slice"},
        {"92 94 d41204 00 01 00 93 d41205 c0 c0 80", "other, other"},
        {"92 93 d41206 a1 78 01 93 d41207 a1 78 a1 79 80", "record, enum"},
        {"92 d711 0000000000000001 c70c10 0000000000000001 00000000 80", "reference, own"},
        {"90 82 a1 61 01 a1 62 a1 78", "a=int, b=str"},
        {"90 81 a2 2e2e 01", "?=int"},
        {"90 81 a0 01", "?=int"},
        {"91 01", "int, ..."},
        {"c0", "..."},
        {"", "..."},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        char text[PYN_SHAPE_TEXT_MAX];
        struct pyn_shape shape;
        pyn_shape_write(support_bytes(rows[i].body), 0, text);
        if (strcmp(text, rows[i].text) != 0) {
            fail_msg("%s: %s, not %s", rows[i].body, text, rows[i].text);
        }
        assert_true(pyn_shape_read(pyn_view_of(text), &shape));
    }
}

static void the_attribute_that_is_written_is_left_out(void **state)
{
    char text[PYN_SHAPE_TEXT_MAX];
    pyn_shape_write(support_bytes("92 a5 7469746c65 01 80"), 1, text);
    assert_string_equal(text, "int");
}

/* count arguments, the first of kwargs being long. */
static size_t body_of(uint8_t *bytes, size_t places, size_t name_len)
{
    size_t len = 0;
    bytes[len++] = 0xdc;
    bytes[len++] = 0;
    bytes[len++] = (uint8_t)places;
    memset(bytes + len, 1, places);
    len += places;
    bytes[len++] = name_len == 0 ? 0x80 : 0x81;
    if (name_len != 0) {
        bytes[len++] = 0xd9;
        bytes[len++] = (uint8_t)name_len;
        memset(bytes + len, 'a', name_len);
        len += name_len;
        bytes[len++] = 1;
    }
    return len;
}

static void more_arguments_than_are_told_apart_end_in_dots(void **state)
{
    uint8_t bytes[512];
    char text[PYN_SHAPE_TEXT_MAX];
    struct pyn_shape shape;
    for (size_t places = PYN_SHAPE_ARGS_MAX - 1; places <= PYN_SHAPE_ARGS_MAX + 1; places++) {
        pyn_shape_write((struct pyn_view){bytes, body_of(bytes, places, 0)}, 0, text);
        assert_true(pyn_shape_read(pyn_view_of(text), &shape));
        assert_int_equal(shape.count, places <= PYN_SHAPE_ARGS_MAX ? places : PYN_SHAPE_ARGS_MAX);
        assert_int_equal(shape.is_whole, places <= PYN_SHAPE_ARGS_MAX);
    }
    for (size_t len = PYN_SHAPE_NAME_MAX - 1; len <= PYN_SHAPE_NAME_MAX + 1; len++) {
        pyn_shape_write((struct pyn_view){bytes, body_of(bytes, 1, len)}, 0, text);
        assert_true(pyn_shape_read(pyn_view_of(text), &shape));
        assert_int_equal(shape.count, 2);
        assert_int_equal(shape.args[1].name.len, len <= PYN_SHAPE_NAME_MAX ? len : 1);
    }
}

static void what_is_no_shape_is_not_read(void **state)
{
    static const char *const texts[] = {
        "integer", "int,str", "int, ",    ", int",   "a=",         "=int",   "a=int, int",
        "int ",    "...int",  "..., int", "a.b=int", "int, , str", "a==int", "?"};
    struct pyn_shape shape;
    for (size_t i = 0; i < SUPPORT_COUNT(texts); i++) {
        if (pyn_shape_read(pyn_view_of(texts[i]), &shape)) {
            fail_msg("%s was read", texts[i]);
        }
    }
    char text[8 * (PYN_SHAPE_ARGS_MAX + 1)] = "int";
    for (size_t i = 1; i <= PYN_SHAPE_ARGS_MAX; i++) {
        assert_int_equal(pyn_shape_read(pyn_view_of(text), &shape), true);
        (void)strcat(text, ", int"); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy): there is room */
    }
    assert_false(pyn_shape_read(pyn_view_of(text), &shape));
}

static void a_shape_is_judged_by_every_signature(void **state)
{
    static const struct {
        const char *method;
        const char *shape;
        enum pyn_judgement judgement;
    } rows[] = {
        {"\"(a: int) -> none\"", "int", PYN_JUDGE_YES},
        {"\"(a: int) -> none\"", "a=int", PYN_JUDGE_YES},
        {"\"(a: int) -> none\"", "", PYN_JUDGE_NO},
        {"\"(a: int) -> none\"", "int, int", PYN_JUDGE_NO},
        {"\"(a: int) -> none\"", "int, a=int", PYN_JUDGE_NO},
        {"\"(a: int) -> none\"", "b=int", PYN_JUDGE_NO},
        {"\"(a: int) -> none\"", "bool", PYN_JUDGE_NO},
        {"\"(a: int) -> none\"", "...", PYN_JUDGE_MAYBE},
        {"\"(a: int) -> none\"", "int, ...", PYN_JUDGE_MAYBE},
        {"\"(a: int) -> none\"", "str, ...", PYN_JUDGE_NO},
        {"\"(a: int=?, **options: str) -> none\"", "?=str", PYN_JUDGE_MAYBE},
        {"\"(a: float) -> none\"", "int", PYN_JUDGE_YES},
        {"\"(a: 1|str) -> none\"", "int", PYN_JUDGE_MAYBE},
        {"\"(a: 1|str) -> none\"", "str", PYN_JUDGE_YES},
        {"\"(a: data) -> none\"", "str", PYN_JUDGE_YES},
        {"\"(a: data) -> none\"", "tuple", PYN_JUDGE_MAYBE},
        {"\"(a: data) -> none\"", "reference", PYN_JUDGE_NO},
        {"\"(a: x:A) -> none\"", "reference", PYN_JUDGE_MAYBE},
        {"\"(a: x:A) -> none\"", "own", PYN_JUDGE_NO},
        {"\"(a: x:I) -> none\"", "own", PYN_JUDGE_MAYBE},
        {"\"(a: fn()->none) -> none\"", "own", PYN_JUDGE_MAYBE},
        {"\"(*rest: int) -> none\"", "int, int, int", PYN_JUDGE_YES},
        {"[\"(a: int) -> none\", \"(a: str) -> none\"]", "str", PYN_JUDGE_YES},
        {"[\"(a: int) -> none\", \"(a: str) -> none\"]", "float", PYN_JUDGE_NO},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        char json[2048];
        struct pyn_shape shape;
        policy_of(json, sizeof json, "methods", rows[i].method);
        struct pyn_policy *policy = policy_load(json);
        const struct pyn_iface *iface = pyn_policy_find(policy, pyn_view_of("x:X"));
        assert_true(pyn_shape_read(pyn_view_of(rows[i].shape), &shape));
        enum pyn_judgement found = pyn_judge(iface, PYN_OP_METHOD, pyn_view_of("m"), &shape, (struct pyn_view){0});
        if (found != rows[i].judgement) {
            fail_msg("%s of (%s): %d", rows[i].method, rows[i].shape, (int)found);
        }
        pyn_policy_unref(policy);
    }
}

static void a_signature_that_still_stands_admits_what_it_admitted(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    const struct pyn_iface *room = pyn_policy_find(policy, pyn_view_of("chat:Room"));
    struct pyn_view send = pyn_view_of(
        "(str, /, *, color: enum chat:Color=?, mode: 'later'|'now'=?) -> rec chat:Receipt");
    struct pyn_shape shape;
    assert_true(pyn_shape_read(pyn_view_of("str, mode=str"), &shape));
    assert_int_equal(pyn_judge(room, PYN_OP_METHOD, pyn_view_of("send"), &shape, (struct pyn_view){0}), PYN_JUDGE_MAYBE);
    assert_int_equal(pyn_judge(room, PYN_OP_METHOD, pyn_view_of("send"), &shape, send), PYN_JUDGE_YES);
    assert_int_equal(pyn_judge(room, PYN_OP_METHOD, pyn_view_of("post"), &shape, send), PYN_JUDGE_NO);
    assert_int_equal(pyn_judge(room, PYN_OP_METHOD, pyn_view_of("gone"), &shape, send), PYN_JUDGE_NO);
    assert_int_equal(pyn_judge(room, PYN_OP_GET, pyn_view_of("title"), &shape, (struct pyn_view){0}), PYN_JUDGE_YES);
    assert_int_equal(pyn_judge(room, PYN_OP_GET, pyn_view_of("friend"), &shape, (struct pyn_view){0}), PYN_JUDGE_NO);
    assert_true(pyn_shape_read(pyn_view_of("str"), &shape));
    assert_int_equal(pyn_judge(room, PYN_OP_SET, pyn_view_of("title"), &shape, (struct pyn_view){0}), PYN_JUDGE_YES);
    assert_int_equal(pyn_judge(room, PYN_OP_SET, pyn_view_of("friend"), &shape, (struct pyn_view){0}), PYN_JUDGE_NO);
    pyn_policy_unref(policy);
}

static void every_decision_names_its_rule(void **state)
{
    static const struct {
        const char *name;
        const char *body;
        const char *rule;
    } rows[] = {
        {"post", "92 a1 61 a1 62 80", "interfaces.chat:Room.methods.post"},
        {"pick", "91 a1 61 80", "interfaces.chat:Room.methods.pick[1]"},
        {"pick", "91 c0 80", "interfaces.chat:Room.methods.pick"}, /* none of them */
        {"post", "90 80", "interfaces.chat:Room.methods.post"},    /* which is the one that is not kept */
        {"__getattr__", "91 a5 7469746c65 80", "interfaces.chat:Room.get.title"},
        {"__setattr__", "92 a5 7469746c65 a1 61 80", "interfaces.chat:Room.set.title"},
        {"erase", "90 80", "interfaces.chat:Room"},
    };
    struct pyn_policy *policy = policy_load(policy_sample);
    const struct pyn_iface *room = pyn_policy_find(policy, pyn_view_of("chat:Room"));
    const struct pyn_iface *hook = pyn_policy_root(policy, 0)->iface;
    struct pyn_verdict verdict = {.why = PYN_WHY_NAME};
    char text[128];
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct pyn_refs refs = {.key_max = 16};
        (void)pyn_admit(room, pyn_view_of(rows[i].name), support_bytes(rows[i].body), &refs, &verdict);
        pyn_verdict_rule(room, &verdict, text, sizeof text);
        assert_string_equal(text, rows[i].rule);
    }
    pyn_verdict_rule(hook, &(struct pyn_verdict){.op = hook->ops}, text, sizeof text);
    assert_string_equal(text, "fn(rec chat:Why)->none");
    pyn_verdict_rule(NULL, &verdict, text, sizeof text);
    assert_string_equal(text, "");
    pyn_verdict_rule(room, &verdict, text, 5);
    assert_string_equal(text, "inte");
    pyn_policy_unref(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_written_as_its_kinds_of_arguments),
        cmocka_unit_test(the_attribute_that_is_written_is_left_out),
        cmocka_unit_test(more_arguments_than_are_told_apart_end_in_dots),
        cmocka_unit_test(what_is_no_shape_is_not_read),
        cmocka_unit_test(a_shape_is_judged_by_every_signature),
        cmocka_unit_test(a_signature_that_still_stands_admits_what_it_admitted),
        cmocka_unit_test(every_decision_names_its_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
