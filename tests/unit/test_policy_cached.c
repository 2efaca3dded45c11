/* test_policy_cached.c - what a policy may say of answers that a client keeps. */
#include "policy_checks.h"

/* A policy whose one interface keeps answers as it is told. */
static void cached_policy(char *json, size_t room, const char *cached, const char *imported)
{
    int len = snprintf(
        json, room,
        "{\"imports\": {\"x:W\": {%s \"facet\": true, \"methods\": {\"tell\": \"() -> none\"}}},"
        " \"interfaces\": {\"x:R\": {%s \"class\": \"x:R\", \"get\": {\"self\": \"x:R\", \"size\": \"int\"},"
        " \"methods\": {"
        "\"ask\": \"(f: fn()->int) -> int\","
        "\"find\": \"(int, /, name: str, *rest: int, deep: bool=?, **more: int) -> (str*)\","
        "\"many\": [\"(int, /) -> int\", \"(str, /) -> str\"],"
        "\"next\": \"() -> none|x:R\","
        "\"of\": \"(who: x:R, size: int=?) -> str\","
        "\"tell\": \"(w: x:W) -> int\"}, \"set\": {\"size\": \"int\", \"size2\": \"int\"}}},"
        " \"platform\": \"linux\", \"pynto-policy\": 1, \"python\": \"3.11\", \"roots\": {\"r\": \"x:R\"}}",
        imported, cached);
    assert_true(len > 0 && (size_t)len < room);
}

static void what_is_cached_has_its_time_and_its_parameters(void **state)
{
    static const struct {
        const char *text;
        uint64_t ttl_ms;
        uint64_t vary; /* 0: an attribute or everything */
    } rows[] = {
        {"0.001s", 1, 0},
        {"0.25s", 250, 0},
        {"1s", 1000, 0},
        {"60s", 60000, 0},
        {"86400s", 86400000, 0},
        {"2.5s by name", 2500, 2},
        {"2.5s by deep, more, name, rest", 2500, 2 | 4 | 8 | 16},
    };
    char json[2048];
    char cached[256];
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        (void)snprintf(cached, sizeof cached, "\"cached\": {\"find\": \"%s\", \"of\": \"1s\", \"size\": \"1s\"},",
                       rows[i].text);
        cached_policy(json, sizeof json, cached, "");
        struct pyn_policy *policy = policy_load(json);
        const struct pyn_op *find = policy_op(policy, "x:R", PYN_OP_METHOD, "find");
        assert_int_equal(find->ttl_ns, rows[i].ttl_ms * 1000000);
        assert_int_equal(find->vary, rows[i].vary == 0 ? UINT64_MAX : rows[i].vary);
        assert_int_equal(policy_op(policy, "x:R", PYN_OP_METHOD, "ask")->ttl_ns, 0);
        assert_int_equal(policy_op(policy, "x:R", PYN_OP_GET, "size")->ttl_ns, 1000000000);
        assert_int_equal(policy_op(policy, "x:R", PYN_OP_SET, "size")->ttl_ns, 0);
        check_fragment(pyn_policy_iface(policy, 0)); /* a client learns the same */
        pyn_policy_unref(policy);
    }
}

static void what_cannot_be_cached_is_refused(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        const char *why;
    } rows[] = {
        {"find", "\"\"", "empty"},
        {"find", "\"1\"", "no unit"},
        {"find", "\"0s\"", "no time"},
        {"find", "\"0.000s\"", "no time, with digits"},
        {"find", "\"01s\"", "a leading zero"},
        {"find", "\".5s\"", "no digit ahead of the point"},
        {"find", "\"1.s\"", "no digit behind the point"},
        {"find", "\"1.50s\"", "a trailing zero"},
        {"find", "\"1.0005s\"", "less than a millisecond"},
        {"find", "\"86400.001s\"", "more than a day"},
        {"find", "\"100000s\"", "six digits"},
        {"find", "\"18446744073709551617s\"", "wraps round"},
        {"find", "\"-1s\"", "negative"},
        {"find", "\"1s \"", "a blank"},
        {"find", "\"1s by\"", "by nothing"},
        {"find", "\"1s by \"", "by nothing, with a blank"},
        {"find", "\"1s by nobody\"", "no such parameter"},
        {"find", "\"1s by name, deep\"", "not sorted"},
        {"find", "\"1s by name, name\"", "twice"},
        {"find", "\"1s by name,deep\"", "another spelling"},
        {"find", "\"1s by name, \"", "a comma too many"},
        {"find", "60", "a number"},
        {"size", "\"1s by self\"", "an attribute has no parameters"},
        {"size2", "\"1s\"", "it can only be written"},
        {"nobody", "\"1s\"", "no such operation"},
        {"self", "\"1s\"", "a reference is read"},
        {"next", "\"1s\"", "a reference is returned"},
        {"ask", "\"1s\"", "takes a callback"},
        {"tell", "\"1s\"", "takes an object of the client's"},
        {"many", "\"1s\"", "overloads"},
    };
    char json[2048];
    char cached[256];
    struct pyn_diag diag;
    struct pyn_policy *policy = NULL;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        (void)snprintf(cached, sizeof cached, "\"cached\": {\"%s\": %s},", rows[i].name, rows[i].text);
        cached_policy(json, sizeof json, cached, "");
        if (pyn_policy_load(pyn_mem_default(), pyn_view_of(json), &policy, &diag) != PYN_EFORMAT) {
            fail_msg("%s: %s was taken", rows[i].why, rows[i].text);
        }
        check_diag(&diag);
        assert_non_null(strstr(diag.text, rows[i].name));
    }
    cached_policy(json, sizeof json, "\"cached\": {},", "");
    assert_int_equal(pyn_policy_load(pyn_mem_default(), pyn_view_of(json), &policy, &diag), PYN_EFORMAT);
    cached_policy(json, sizeof json, "\"cached\": [],", "");
    assert_int_equal(pyn_policy_load(pyn_mem_default(), pyn_view_of(json), &policy, &diag), PYN_EFORMAT);
    cached_policy(json, sizeof json, "", "\"cached\": {\"tell\": \"1s\"},");
    assert_int_equal(pyn_policy_load(pyn_mem_default(), pyn_view_of(json), &policy, &diag), PYN_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_cached_has_its_time_and_its_parameters),
        cmocka_unit_test(what_cannot_be_cached_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
