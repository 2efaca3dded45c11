/* test_admit.c - what may be called, with which arguments, and what a caller is told. */
#include "policy_support.h"

static const struct pyn_iface *exported(void *ctx, uint64_t id)
{
    static const char *const names[] = {"chat:User", "chat:Admin", "chat:Message", "chat:Room"};
    return id >= 1 && id <= 4 ? pyn_policy_find(ctx, pyn_view_of(names[id - 1])) : NULL;
}

static const struct pyn_iface *described(void *ctx, uint32_t number)
{
    return NULL;
}

enum { OK = PYN_OK, ARGS = PYN_EARGS, DENIED = PYN_EDENIED, FORMAT = PYN_EFORMAT };

struct row {
    const char *name;
    const char *body;
    int wanted;
    enum pyn_why why;
    const char *text; /* of the verdict, or why the row is here */
};

static void check_rows(const struct pyn_policy *policy, const char *iface, const struct row *rows, size_t count)
{
    struct pyn_refs refs = {(void *)(uintptr_t)policy, exported, described, 16};
    const struct pyn_iface *found = pyn_policy_find(policy, pyn_view_of(iface));
    assert_non_null(found);
    for (size_t i = 0; i < count; i++) {
        struct pyn_verdict verdict;
        char text[256];
        memset(&verdict, 0xa5, sizeof verdict);
        pyn_status st = pyn_admit(found, pyn_view_of(rows[i].name), support_bytes(rows[i].body), &refs, &verdict);
        pyn_verdict_text(&verdict, text, sizeof text);
        if ((int)st != rows[i].wanted || verdict.why != rows[i].why) {
            print_message("%s %s: %s (%s)\n", rows[i].name, rows[i].body, rows[i].text, text);
        }
        assert_int_equal(st, rows[i].wanted);
        assert_int_equal(verdict.why, rows[i].why);
        if (st == PYN_EARGS) {
            assert_string_equal(text, rows[i].text);
        }
        if (st == PYN_EDENIED || st == PYN_EFORMAT) {
            assert_null(verdict.op);
            assert_null(verdict.signature);
            assert_null(verdict.param);
            assert_string_equal(text, "not permitted");
        } else {
            assert_non_null(verdict.op);
        }
    }
}

#define CHECK(iface, ...)                                                                                              \
    do {                                                                                                               \
        static const struct row rows[] = {__VA_ARGS__};                                                                \
        struct pyn_policy *policy = policy_load(policy_sample);                                                        \
        check_rows(policy, iface, rows, SUPPORT_COUNT(rows));                                                          \
        pyn_policy_unref(policy);                                                                                      \
    } while (0)

#define NONE PYN_WHY_NONE
#define NAME PYN_WHY_NAME
#define REF PYN_WHY_REF
#define MISSING PYN_WHY_MISSING
#define TOO_MANY PYN_WHY_TOO_MANY
#define UNKNOWN PYN_WHY_UNKNOWN
#define TWICE PYN_WHY_TWICE
#define TYPE PYN_WHY_TYPE
#define OVERLOAD PYN_WHY_OVERLOAD

#define AUTHOR "a6 617574686f72"
#define TEXT "a4 74657874"
#define YOURS(id) "d7 11 00000000000000" id
#define MINE "c7 0c 10 0000000000000009 00000000"

static void names_and_places_bind_as_in_python(void **state)
{
    CHECK("chat:Room", {"post", "92 a1 61 a1 62 80", OK, NONE, "by place"},
          {"post", "90 82 " AUTHOR " a1 61 " TEXT " a1 62", OK, NONE, "by name"},
          {"post", "90 82 " TEXT " a1 61 " AUTHOR " a1 62", OK, NONE, "by name, in another order"},
          {"post", "91 a1 61 81 " TEXT " a1 62", OK, NONE, "one and one"},
          {"post", "91 a1 61 80", ARGS, MISSING, "post() is missing 'text'"},
          {"post", "90 80", ARGS, MISSING, "post() is missing 'author'"},
          {"post", "90 81 " TEXT " a1 61", ARGS, MISSING, "post() is missing 'author'"},
          {"post", "93 a1 61 a1 62 a1 63 80", ARGS, TOO_MANY, "post() takes at most 2 positional arguments"},
          {"post", "92 a1 61 a1 62 81 " TEXT " a1 63", ARGS, TWICE, "post() got 'text' twice"},
          {"post", "91 a1 61 82 " AUTHOR " a1 63 " TEXT " a1 62", ARGS, TWICE, "post() got 'author' twice"},
          {"post", "92 a1 61 a1 62 81 a1 78 a1 63", ARGS, UNKNOWN, "post() got a keyword that it does not have"},
          {"post", "92 a1 61 a1 62 81 a0 a1 63", ARGS, UNKNOWN, "post() got a keyword that it does not have"},
          {"post", "91 a1 61 81 a5 7465787400 a1 62", ARGS, UNKNOWN, "post() got a keyword that it does not have"},
          {"post", "91 a1 61 81 a4 54455854 a1 62", ARGS, UNKNOWN, "post() got a keyword that it does not have"},
          {"post", "92 a1 61 01 80", ARGS, TYPE, "post(): 'text' must be str"},
          {"post", "92 c4 01 61 a1 62 80", ARGS, TYPE, "post(): 'author' must be str"},
          {"history", "90 80", DENIED, NAME, "not of this interface"});
}

static void positional_only_parameters_have_no_name(void **state)
{
    CHECK("chat:Room", {"send", "91 a1 61 80", OK, NONE, "by place"},
          {"send", "90 80", ARGS, MISSING, "send() is missing argument 1"},
          {"send", "90 81 a3 737472 a1 61", ARGS, UNKNOWN, "send() got a keyword that it does not have"},
          {"send", "92 a1 61 a1 62 80", ARGS, TOO_MANY, "send() takes at most 1 positional argument"},
          {"send", "91 01 80", ARGS, TYPE, "send(): argument 1 must be str"},
          {"send", "91 a1 61 81 a4 6d6f6465 a3 6e6f77", OK, NONE, "mode='now'"},
          {"send", "91 a1 61 81 a4 6d6f6465 a3 4e4f57", ARGS, TYPE, "send(): 'mode' must be 'later'|'now'"},
          {"send", "91 a1 61 81 a5 636f6c6f72 93 d41207 aa 636861743a436f6c6f72 a3 524544", OK, NONE, "color=Color.RED"},
          {"send", "91 a1 61 81 a5 636f6c6f72 a3 524544", ARGS, TYPE, "send(): 'color' must be enum chat:Color"},
          {"send", "92 a1 61 a3 6e6f77 80", ARGS, TOO_MANY, "send() takes at most 1 positional argument"});
}

/* (int, int=?, /, *rest: int, scale: float=?, **options: int) -> int */
static void rest_and_options_are_checked_one_by_one(void **state)
{
    CHECK("chat:Room", {"add", "91 01 80", OK, NONE, "the least"}, {"add", "95 01 02 03 04 05 80", OK, NONE, "rest"},
          {"add", "95 01 02 03 c3 05 80", ARGS, TYPE, "add(): 'rest' must be int"},
          {"add", "90 80", ARGS, MISSING, "add() is missing argument 1"},
          {"add", "91 c3 80", ARGS, TYPE, "add(): argument 1 must be int"},
          {"add", "92 01 a0 80", ARGS, TYPE, "add(): argument 2 must be int"},
          {"add", "91 01 81 a5 7363616c65 cb 3ff0000000000000", OK, NONE, "scale=1.0"},
          {"add", "91 01 81 a5 7363616c65 a0", ARGS, TYPE, "add(): 'scale' must be float"},
          {"add", "91 01 81 a1 78 05", OK, NONE, "options"}, {"add", "91 01 82 a1 78 05 a1 79 06", OK, NONE, "options"},
          {"add", "91 01 82 a1 78 05 a1 79 a0", ARGS, TYPE, "add(): 'options' must be int"},
          {"add", "91 01 81 a3 696e74 05", OK, NONE, "no parameter has this name: it is an option"},
          {"add", "91 01 81 a4 72657374 05", OK, NONE, "the name of *rest is an option, as in Python"},
          {"add", "91 01 81 a7 6f7074696f6e73 05", OK, NONE, "the name of **options is an option, as in Python"},
          {"add", "91 01 81 a0 05", ARGS, UNKNOWN, "add() got a keyword that it does not have"},
          {"add", "91 01 81 a2 6e00 05", ARGS, UNKNOWN, "add() got a keyword that it does not have"},
          {"add", "91 01 81 a1 2a 05", ARGS, UNKNOWN, "add() got a keyword that it does not have"},
          {"add", "91 01 81 a2 c3a9 05", ARGS, UNKNOWN, "add() got a keyword that it does not have"},
          {"add", "91 01 81 a3 6b6579 " MINE, ARGS, TYPE, "add(): 'options' must be int"});
}

static void an_option_has_a_name_of_at_most_255_bytes(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    struct pyn_refs refs = {policy, exported, described, 16};
    for (size_t len = 254; len <= 256; len++) {
        uint8_t body[512] = {0x91, 0x01, 0x81, 0xda, (uint8_t)(len >> 8), (uint8_t)len};
        struct pyn_verdict verdict;
        memset(body + 6, 'a', len);
        body[6 + len] = 0x05;
        pyn_status st = pyn_admit(pyn_policy_find(policy, pyn_view_of("chat:Room")), pyn_view_of("add"),
                                  (struct pyn_view){body, 7 + len}, &refs, &verdict);
        assert_int_equal(st, len <= 255 ? PYN_OK : PYN_EARGS);
    }
    pyn_policy_unref(policy);
}

static void what_is_not_listed_is_denied_whatever_it_is_called(void **state)
{
    static const char *const names[] = {"",
                                        "pos",
                                        "postx",
                                        "Post",
                                        "POST",
                                        " post",
                                        "post ",
                                        "post\n",
                                        "title",
                                        "friend",
                                        "__init__",
                                        "__class__",
                                        "__dict__",
                                        "__getattribute__",
                                        "__setattribute__",
                                        "__delattr__",
                                        "__reduce_ex__",
                                        "__getattr",
                                        "__getattr__x",
                                        "__call__",
                                        "__len__",
                                        "_post",
                                        "__post",
                                        "_Room__post",
                                        "chat:Room",
                                        "chat.Room.post",
                                        "post.__func__",
                                        "\xef\xbd\x90ost",
                                        "p\xd0\xbest",
                                        "posta\xcc\x81",
                                        "{0.__class__}",
                                        "%s%n",
                                        "../post",
                                        "mro",
                                        "history"};
    struct pyn_policy *policy = policy_load(policy_sample);
    struct pyn_refs refs = {policy, exported, described, 16};
    const struct pyn_iface *room = pyn_policy_find(policy, pyn_view_of("chat:Room"));
    const struct pyn_verdict denied = {.why = PYN_WHY_NAME};
    for (size_t i = 0; i < SUPPORT_COUNT(names); i++) {
        static const char *const bodies[] = {"90 80", "91 c0 80", "92 a1 61 a1 62 80", "c1", ""};
        for (size_t j = 0; j < SUPPORT_COUNT(bodies); j++) {
            struct pyn_verdict verdict;
            pyn_status st = pyn_admit(room, pyn_view_of(names[i]), support_bytes(bodies[j]), &refs, &verdict);
            assert_int_equal(st, PYN_EDENIED);
            assert_int_equal(verdict.why, denied.why);
            assert_null(verdict.op);
            assert_null(verdict.signature);
            assert_null(verdict.param);
        }
    }
    static const struct {
        const char *name;
        size_t len;
    } nul[] = {{"post\0", 5}, {"post\0x", 6}, {"\0post", 5}, {"\0", 1}, {"__getattr__\0", 12}};
    for (size_t i = 0; i < SUPPORT_COUNT(nul); i++) {
        struct pyn_verdict verdict;
        assert_int_equal(
            pyn_admit(room, policy_view(nul[i].name, nul[i].len), support_bytes("92 a1 61 a1 62 80"), &refs, &verdict),
            PYN_EDENIED);
    }
    pyn_policy_unref(policy);
}

static void a_facet_permits_its_own_operations_only(void **state)
{
    CHECK("chat:Reader", {"history", "90 80", OK, NONE, "its own"},
          {"post", "92 a1 61 a1 62 80", DENIED, NAME, "the room's"},
          {"__getattr__", "91 a5 7469746c65 80", DENIED, NAME, "the room's"},
          {"reader", "90 80", DENIED, NAME, "the room's"});
    CHECK("chat:Admin", {"name", "90 80", DENIED, NAME, "opaque: that of what it conforms to is not its own"});
}

static void attributes_are_read_and_written_by_name(void **state)
{
    CHECK("chat:Room", {"__getattr__", "91 a5 7469746c65 80", OK, NONE, "title"},
          {"__getattr__", "91 a6 667269656e64 80", DENIED, NAME, "may be written only"},
          {"__getattr__", "91 a4 706f7374 80", DENIED, NAME, "a method"},
          {"__getattr__", "91 a9 5f5f636c6173735f5f 80", DENIED, NAME, "__class__"},
          {"__getattr__", "90 80", DENIED, NAME, "no name"},
          {"__getattr__", "92 a5 7469746c65 c0 80", DENIED, NAME, "a default"},
          {"__getattr__", "91 c4 05 7469746c65 80", DENIED, NAME, "bytes"},
          {"__getattr__", "91 01 80", DENIED, NAME, "a number"},
          {"__getattr__", "91 a5 7469746c65 81 a1 61 01", DENIED, NAME, "keywords"},
          {"__getattr__", "91 a5 7469746c65", DENIED, NAME, "cut short"},
          {"__getattr__", "91 a5 7469746c65 80 c0", DENIED, NAME, "more behind it"},
          {"__getattr__", "c0 80", DENIED, NAME, "no arguments"},
          {"__getattr__", "91 a6 7469746c6500 80", DENIED, NAME, "NUL behind it"},
          {"__setattr__", "92 a5 7469746c65 a1 61 80", OK, NONE, "title"},
          {"__setattr__", "92 a5 7469746c65 01 80", ARGS, TYPE, "title: the value must be str"},
          {"__setattr__", "91 a5 7469746c65 80", DENIED, NAME, "no value"},
          {"__setattr__", "93 a5 7469746c65 a1 61 a1 62 80", DENIED, NAME, "two values"},
          {"__setattr__", "92 a4 706f7374 a1 61 80", DENIED, NAME, "a method"},
          {"__setattr__", "92 a5 7469746c65 a1 61 81 a1 61 01", DENIED, NAME, "keywords"},
          {"__setattr__", "92 a5 7469746c65 a1 61 80 c0", DENIED, NAME, "more behind it"},
          {"__setattr__", "92 a5 7469746c65 91 80", DENIED, NAME, "cut short"},
          {"__setattr__", "92 a6 667269656e64 c0 80", OK, NONE, "friend = None"},
          {"__setattr__", "92 a6 667269656e64 " YOURS("01") " 80", OK, NONE, "a user"},
          {"__setattr__", "92 a6 667269656e64 " YOURS("02") " 80", OK, NONE, "an admin is a user"},
          {"__setattr__", "92 a6 667269656e64 " YOURS("03") " 80", DENIED, REF, "a message is none"},
          {"__setattr__", "92 a6 667269656e64 " YOURS("63") " 80", DENIED, REF, "not held"},
          {"__setattr__", "92 a6 667269656e64 " MINE " 80", DENIED, REF, "the peer's own where ours is wanted"});
    CHECK("chat:Message", {"__setattr__", "92 a4 74657874 a1 61 80", DENIED, NAME, "may be read only"},
          {"__getattr__", "91 a4 74657874 80", OK, NONE, "text"});
}

static void references_among_the_arguments_are_checked(void **state)
{
    CHECK("chat:Room", {"ask", "91 " YOURS("01") " 80", OK, NONE, "a user"},
          {"ask", "91 " YOURS("02") " 80", OK, NONE, "an admin conforms"},
          {"ask", "91 " YOURS("03") " 80", DENIED, REF, "a message does not"},
          {"ask", "91 " YOURS("63") " 80", DENIED, REF, "not held"},
          {"ask", "91 " MINE " 80", DENIED, REF, "the peer's own where ours is wanted"},
          {"ask", "90 81 a3 77686f " YOURS("03"), DENIED, REF, "by name"},
          {"watch", "91 " MINE " 80", OK, NONE, "a watcher of the client"},
          {"watch", "91 " YOURS("01") " 80", DENIED, REF, "not of ours"},
          {"subscribe", "91 " MINE " 80", OK, NONE, "a callback"},
          {"subscribe", "91 01 80", ARGS, TYPE, "subscribe(): 'callback' must be fn(chat:Message)->none"});
}

/* ["(n: int) -> str", "(name: str, who: chat:User=?) -> str", "(*, key: data) -> none"] */
static void the_first_overload_that_fits_is_taken(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    struct pyn_refs refs = {policy, exported, described, 16};
    const struct pyn_iface *room = pyn_policy_find(policy, pyn_view_of("chat:Room"));
    static const struct {
        const char *body;
        uint32_t which;
    } rows[] = {{"91 01 80", 0},
                {"90 81 a1 6e 01", 0},
                {"91 a1 61 80", 1},
                {"92 a1 61 " YOURS("01") " 80", 1},
                {"90 81 a3 6b6579 90", 2}};
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct pyn_verdict verdict;
        assert_int_equal(pyn_admit(room, pyn_view_of("pick"), support_bytes(rows[i].body), &refs, &verdict), PYN_OK);
        assert_ptr_equal(verdict.signature, &verdict.op->signatures[rows[i].which]);
    }
    static const struct row refused[] = {
        {"pick", "91 c3 80", ARGS, OVERLOAD, "pick(): no signature fits these arguments"},
        {"pick", "90 80", ARGS, OVERLOAD, "pick(): no signature fits these arguments"},
        {"pick", "92 a1 61 " YOURS("03") " 80", DENIED, REF, "a reference is the reason of one of them"},
        {"pick", "91 " YOURS("01") " 80", ARGS, OVERLOAD, "pick(): no signature fits these arguments"},
    };
    check_rows(policy, "chat:Room", refused, SUPPORT_COUNT(refused));
    pyn_policy_unref(policy);
}

static void a_body_that_is_not_args_and_kwargs_is_a_broken_protocol(void **state)
{
    CHECK("chat:Room", {"post", "", FORMAT, NAME, "nothing"}, {"post", "c0 80", FORMAT, NAME, "no args"},
          {"post", "80 80", FORMAT, NAME, "no args"}, {"post", "92 a1 61 a1 62", FORMAT, NAME, "no kwargs"},
          {"post", "92 a1 61 a1 62 90", FORMAT, NAME, "no kwargs"},
          {"post", "92 a1 61 a1 62 80 c0", FORMAT, NAME, "more behind it"},
          {"post", "91 a1 61 81 01 a1 62", FORMAT, NAME, "a number as keyword"},
          {"post", "91 a1 61 81 c4 04 74657874 a1 62", FORMAT, NAME, "bytes as keyword"});
}

static void a_sentence_fits_into_any_room(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    struct pyn_refs refs = {policy, exported, described, 16};
    struct pyn_verdict verdict;
    char whole[256];
    assert_int_equal(pyn_admit(pyn_policy_find(policy, pyn_view_of("chat:Room")), pyn_view_of("post"),
                               support_bytes("91 a1 61 80"), &refs, &verdict),
                     PYN_EARGS);
    pyn_verdict_text(&verdict, whole, sizeof whole);
    for (size_t room = 1; room <= strlen(whole) + 1; room++) {
        char *text = malloc(room);
        pyn_verdict_text(&verdict, text, room);
        assert_int_equal(strlen(text), room - 1);
        assert_memory_equal(text, whole, room - 1);
        free(text);
    }
    pyn_verdict_text(&verdict, NULL, 0);
    pyn_policy_unref(policy);
}

static void sixty_four_parameters_are_bound(void **state)
{
    static char json[8192];
    char value[4096];
    size_t len = (size_t)snprintf(value, sizeof value, "\"(");
    for (int i = 0; i < 64; i++) {
        len += (size_t)snprintf(value + len, sizeof value - len, "%sp%d: int", i == 0 ? "" : ", ", i);
    }
    (void)snprintf(value + len, sizeof value - len, ") -> none\"");
    policy_of(json, sizeof json, "methods", value);
    struct pyn_policy *policy = policy_load(json);
    struct pyn_refs refs = {policy, exported, described, 16};
    for (uint8_t count = 62; count <= 65; count++) {
        uint8_t body[70] = {0xdc, 0, count};
        struct pyn_verdict verdict;
        body[3 + count] = 0x80;
        pyn_status st = pyn_admit(pyn_policy_find(policy, pyn_view_of("x:X")), pyn_view_of("m"),
                                  (struct pyn_view){body, 4u + count}, &refs, &verdict);
        assert_int_equal(st, count == 64 ? PYN_OK : PYN_EARGS);
        assert_int_equal(verdict.why, count == 64 ? PYN_WHY_NONE : count < 64 ? PYN_WHY_MISSING : PYN_WHY_TOO_MANY);
    }
    uint8_t twice[80] = {0xdc, 0, 64};
    struct pyn_verdict verdict;
    memcpy(twice + 67, "\x81\xa3p63\x01", 6);
    assert_int_equal(pyn_admit(pyn_policy_find(policy, pyn_view_of("x:X")), pyn_view_of("m"),
                               (struct pyn_view){twice, 73}, &refs, &verdict),
                     PYN_EARGS);
    assert_int_equal(verdict.why, PYN_WHY_TWICE);
    pyn_policy_unref(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_places_bind_as_in_python),
        cmocka_unit_test(positional_only_parameters_have_no_name),
        cmocka_unit_test(rest_and_options_are_checked_one_by_one),
        cmocka_unit_test(an_option_has_a_name_of_at_most_255_bytes),
        cmocka_unit_test(what_is_not_listed_is_denied_whatever_it_is_called),
        cmocka_unit_test(a_facet_permits_its_own_operations_only),
        cmocka_unit_test(attributes_are_read_and_written_by_name),
        cmocka_unit_test(references_among_the_arguments_are_checked),
        cmocka_unit_test(the_first_overload_that_fits_is_taken),
        cmocka_unit_test(a_body_that_is_not_args_and_kwargs_is_a_broken_protocol),
        cmocka_unit_test(a_sentence_fits_into_any_room),
        cmocka_unit_test(sixty_four_parameters_are_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
