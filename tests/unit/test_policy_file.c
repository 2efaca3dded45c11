/* test_policy_file.c - what is no file of a policy: bytes that are no JSON, too many of them, nested too deep, and memory that fails while they are read. */
#include "policy_checks.h"

#include "../../policy/build.h"

/* ---- the parser's own allocator fails ---- */

static size_t parser_calls;

static size_t parser_fail_at;

static void *parser_malloc(size_t size)
{
    return ++parser_calls == parser_fail_at ? NULL : malloc(size);
}

static void every_allocation_of_the_json_library_may_fail(void **state)
{
    struct pyn_policy *whole = policy_load(policy_sample);
    const struct pyn_view fragment = pyn_policy_find(whole, pyn_view_of("chat:Room"))->fragment;
    json_malloc_t old_malloc;
    json_free_t old_free;
    json_get_alloc_funcs(&old_malloc, &old_free);
    json_set_alloc_funcs(parser_malloc, free);
    for (int is_fragment = 0; is_fragment < 2; is_fragment++) {
        pyn_status st = PYN_ENOMEM;
        for (parser_fail_at = 1; st != PYN_OK && parser_fail_at < 5000; parser_fail_at++) {
            struct pyn_policy *policy = NULL;
            struct pyn_diag diag;
            parser_calls = 0;
            st = is_fragment ? pyn_policy_load_fragment(pyn_mem_default(), fragment, &policy, &diag)
                             : pyn_policy_load(pyn_mem_default(), pyn_view_of(policy_sample), &policy, &diag);
            if (st != PYN_OK) {
                assert_true(st == PYN_ENOMEM || (!is_fragment && st == PYN_EFORMAT)); /* the parser does not always tell */
                assert_null(policy);
            }
            pyn_policy_unref(policy);
        }
        assert_int_equal(st, PYN_OK);
    }
    json_set_alloc_funcs(old_malloc, old_free);
    pyn_policy_unref(whole);
}

/* ---- what is refused ---- */

static void a_file_that_is_cut_anywhere_is_refused(void **state)
{
    size_t whole = strlen(policy_sample) - 2; /* without the last brace and newline */
    for (size_t len = 0; len <= whole; len++) {
        struct pyn_diag diag;
        char *copy = malloc(len == 0 ? 1 : len);
        memcpy(copy, policy_sample, len);
        assert_int_equal(load(policy_view(copy, len), &diag), PYN_EFORMAT);
        free(copy);
    }
}

static void a_changed_byte_ends_in_a_verdict(void **state)
{
    static const char other[] = "\"\\{}[],:x0 \n\x01\xff_";
    size_t len = strlen(policy_sample);
    char *copy = malloc(len);
    for (size_t i = 0; i < len; i++) {
        for (size_t j = 0; j < sizeof other; j++) { /* the NUL too */
            struct pyn_diag diag;
            memcpy(copy, policy_sample, len);
            copy[i] = other[j];
            (void)load(policy_view(copy, len), &diag);
        }
        i += 2; /* every third: the time is better spent by the fuzzer */
    }
    free(copy);
}

static void what_is_no_json_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *why;
    } rows[] = {
#define ROW(text, why) {text, sizeof(text) - 1, why}
        ROW("", "empty"),
        ROW(" ", "blank"),
        ROW("\n", "a newline"),
        ROW("\0", "NUL"),
        ROW("null", "null"),
        ROW("1", "a number"),
        ROW("\"x\"", "a string"),
        ROW("[]", "a list"),
        ROW("{}", "nothing in it"),
        ROW("\xef\xbb\xbf{}", "a byte order mark"),
        ROW("\xff\xfe{\0}\0", "UTF-16"),
        ROW("\xfe\xff\0{\0}", "UTF-16"),
        ROW("{,}", "a comma"),
        ROW("{\"a\":1,}", "a trailing comma"),
        ROW("{'a':1}", "single quotes"),
        ROW("{a:1}", "no quotes"),
        ROW("{\"a\":NaN}", "NaN"),
        ROW("{\"a\":Infinity}", "Infinity"),
        ROW("{\"a\":01}", "a zero ahead"),
        ROW("{\"a\":1e999}", "beyond a double"),
        ROW("{\"a\":99999999999999999999}", "beyond an int"),
        ROW("{}{}", "twice"),
        ROW("{} x", "more behind it"),
        ROW("{}\0", "NUL behind it"),
        ROW("// c\n{}", "a comment"),
        ROW("/* c */{}", "a comment"),
        ROW("{\"a\":\"\x01\"}", "a control character"),
        ROW("{\"a\":\"\\u0000\"}", "NUL in a string"),
        ROW("{\"a\\u0000\":1}", "NUL in a key"),
        ROW("{\"a\":\"\\ud800\"}", "half of a pair"),
        ROW("{\"a\":\"\xff\"}", "no UTF-8"),
        ROW("{\"a\":\"\xed\xa0\x80\"}", "a surrogate in UTF-8"),
        ROW("{\"a\":\"\xc0\x80\"}", "overlong"),
        ROW("{\"a\":1,\"a\":1}", "a key twice"),
        ROW("{\"a\":1,\"\\u0061\":1}", "a key twice, once escaped"),
        ROW("{\"a\":\"\n\"}", "a newline in a string"),
        ROW("{\"a\":\"\\x41\"}", "an escape that JSON has not"),
        ROW("{\"a\":tru}", "half a word"),
        ROW("{\"a\" 1}", "no colon"),
        ROW("}", "not opened"),
        ROW("{\"a\":1", "not closed"),
        ROW("{\"a", "not closed"),
        ROW("{\"a\\", "an escape at the end"),
#undef ROW
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct pyn_diag diag;
        pyn_status st = load(policy_view(rows[i].text, rows[i].len), &diag);
        if (st != PYN_EFORMAT) {
            print_message("%s\n", rows[i].why);
        }
        assert_int_equal(st, PYN_EFORMAT);
    }
    struct pyn_diag diag;
    assert_int_equal(load(pyn_view_of("{\n \"a\": 1,\n \"b\" 2}"), &diag), PYN_EFORMAT);
    assert_memory_equal(diag.text, "line 3, column ", 15);
}

static void a_hundred_thousand_brackets_are_refused_at_the_ninth(void **state)
{
    static const char *const shapes[] = {"[", "{\"a\":"};
    for (size_t i = 0; i < SUPPORT_COUNT(shapes); i++) {
        size_t width = strlen(shapes[i]);
        size_t len = 100000 * width;
        char *text = malloc(len);
        struct pyn_diag diag;
        for (size_t j = 0; j < len; j++) {
            text[j] = shapes[i][j % width];
        }
        assert_int_equal(load(policy_view(text, len), &diag), PYN_EFORMAT);
        assert_non_null(strstr(diag.text, "nested more than 8 deep"));
        free(text);
    }
    struct pyn_diag diag;
    assert_int_equal(load(pyn_view_of("[[[[[[[[]]]]]]]]"), &diag), PYN_EFORMAT);
    assert_null(strstr(diag.text, "nested"));
    assert_int_equal(load(pyn_view_of("[[[[[[[[[]]]]]]]]]"), &diag), PYN_EFORMAT);
    assert_non_null(strstr(diag.text, "line 1, column 9: nested"));
    assert_int_equal(load(pyn_view_of("{\"[[[[[[[[[\":\"\\\"[[[[[[[[[[\"}"), &diag),
                     PYN_EFORMAT); /* inside strings they count nothing */
    assert_non_null(strstr(diag.text, "unknown key"));
}

static void a_file_has_at_most_16_mebibytes(void **state)
{
    size_t whole = strlen(policy_sample);
    char *text = malloc(PYN_POLICY_MAX + 1);
    memset(text, ' ', PYN_POLICY_MAX + 1);
    memcpy(text, policy_sample, whole);
    for (size_t len = PYN_POLICY_MAX - 1; len <= PYN_POLICY_MAX + 1; len++) {
        struct pyn_diag diag;
        assert_int_equal(load(policy_view(text, len), &diag), len <= PYN_POLICY_MAX ? PYN_OK : PYN_EFORMAT);
    }
    memset(text, '0', PYN_POLICY_MAX);
    for (size_t i = 0; i < PYN_POLICY_MAX; i += 2) {
        text[i] = i == 0 ? '[' : ',';
    }
    struct pyn_diag diag;
    assert_int_equal(load(policy_view(text, PYN_POLICY_MAX), &diag), PYN_EFORMAT);
    assert_non_null(strstr(diag.text, "more than 524288 keys and values"));
    free(text);
}

static void a_diag_may_be_left_out(void **state)
{
    struct pyn_policy *policy = NULL;
    assert_int_equal(pyn_policy_load(pyn_mem_default(), pyn_view_of("{"), &policy, NULL), PYN_EFORMAT);
    assert_int_equal(pyn_policy_load(pyn_mem_default(), pyn_view_of("{}"), &policy, NULL), PYN_EFORMAT);
    assert_int_equal(pyn_policy_load_fragment(pyn_mem_default(), pyn_view_of("x"), &policy, NULL), PYN_EFORMAT);
}

static void a_diag_is_short_and_printable_whatever_the_file_holds(void **state)
{
    char json[8192];
    char value[4096];
    struct pyn_diag diag;
    memset(value, 'Z', sizeof value);
    memcpy(value, "\"\\u001b]8;;\\u0085\\u2028", 24);
    value[sizeof value - 2] = '"';
    value[sizeof value - 1] = '\0';
    policy_of(json, sizeof json, "methods", value);
    assert_int_equal(load(pyn_view_of(json), &diag), PYN_EFORMAT);
    assert_true(strlen(diag.text) < 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_the_json_library_may_fail),
        cmocka_unit_test(a_file_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(a_changed_byte_ends_in_a_verdict),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(a_hundred_thousand_brackets_are_refused_at_the_ninth),
        cmocka_unit_test(a_file_has_at_most_16_mebibytes),
        cmocka_unit_test(a_diag_may_be_left_out),
        cmocka_unit_test(a_diag_is_short_and_printable_whatever_the_file_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
