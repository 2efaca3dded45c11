/* test_policy.c - what is a policy and what is not, and that what is loaded says what the file says. */
#include "policy_support.h"

#include "../../policy/build.h"

/* ---- what is loaded ---- */

static void a_policy_says_what_its_file_says(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    const struct pyn_iface *room = pyn_policy_find(policy, pyn_view_of("chat:Room"));
    assert_int_equal(pyn_policy_root_count(policy), 2);
    assert_true(pyn_view_is_equal(pyn_policy_root(policy, 1)->name, pyn_view_of("lobby")));
    assert_ptr_equal(pyn_policy_root(policy, 1)->iface, room);
    assert_true(pyn_policy_root(policy, 0)->iface->is_fn);
    assert_null(pyn_policy_root(policy, 2));

    assert_true(pyn_view_is_equal(room->class_name, pyn_view_of("chat:Room")));
    assert_false(room->is_facet);
    assert_int_equal(room->op_count, 13);
    assert_true(pyn_policy_find(policy, pyn_view_of("chat:Reader"))->is_facet);
    assert_int_equal(pyn_policy_find(policy, pyn_view_of("chat:Reader"))->class_name.len, 0);
    assert_true(pyn_policy_find(policy, pyn_view_of("Sequence[chat:Message]"))->is_facet);
    assert_int_equal(pyn_policy_find(policy, pyn_view_of("chat:Admin"))->op_count, 0);
    assert_null(pyn_policy_find(policy, pyn_view_of("chat:Watcher"))); /* an import only */
    assert_null(pyn_policy_find(policy, pyn_view_of("chat:Nobody")));

    assert_int_equal(pyn_policy_error(policy, pyn_view_of("builtins:KeyError")), PYN_ERROR_TYPE);
    assert_int_equal(pyn_policy_error(policy, pyn_view_of("chat:Full")), PYN_ERROR_TEXT);
    assert_int_equal(pyn_policy_error(policy, pyn_view_of("chat:Empty")), PYN_ERROR_HIDDEN);
    assert_int_equal(pyn_policy_record_count(policy), 2);
    assert_int_equal(pyn_policy_enum_count(policy), 1);
    assert_null(pyn_policy_record(policy, 2));
    assert_null(pyn_policy_enum(policy, 1));
    assert_null(pyn_policy_iface(policy, pyn_policy_iface_count(policy)));
    assert_true(pyn_policy_record(policy, 0)->fields[2].may_miss);
    pyn_policy_unref(policy);
}

#define KEY_ERROR "\"builtins:KeyError\": \"type\""
#define KEY_ERROR_IS "\"builtins:KeyError\": "

static void numbers_of_interfaces_and_operations_are_dense(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    bool seen[256] = {false};
    uint32_t total = 0;
    assert_true(pyn_policy_op_count(policy) < 256);
    for (uint32_t i = 0; i < pyn_policy_iface_count(policy); i++) {
        const struct pyn_iface *iface = pyn_policy_iface(policy, i);
        assert_int_equal(iface->index, i);
        assert_ptr_equal(iface->policy, policy);
        for (uint32_t j = 0; j < iface->op_count; j++) {
            const struct pyn_op *op = &iface->ops[j];
            assert_ptr_equal(op->iface, iface);
            assert_true(op->slot < pyn_policy_op_count(policy));
            assert_false(seen[op->slot]);
            seen[op->slot] = true;
            total++;
            assert_ptr_equal(pyn_iface_op(iface, op->kind, op->name), op);
        }
    }
    assert_int_equal(total, pyn_policy_op_count(policy));
    pyn_policy_unref(policy);
}

static void types_point_to_what_they_name(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    const struct pyn_signature *login = policy_op(policy, "chat:Room", PYN_OP_METHOD, "login")->signatures;
    assert_int_equal(login->result->kind, PYN_T_UNION);
    assert_ptr_equal(login->result->items[1]->iface, pyn_policy_find(policy, pyn_view_of("chat:User")));
    assert_null(login->result->items[1]->import);
    const struct pyn_signature *watch = policy_op(policy, "chat:Room", PYN_OP_METHOD, "watch")->signatures;
    assert_null(watch->params[0].type->iface);
    assert_true(watch->params[0].type->import->is_import);
    const struct pyn_iface *fn = watch->result->iface;
    assert_true(fn->is_fn);
    assert_ptr_equal(watch->result->import, fn);
    assert_ptr_equal(pyn_policy_find(policy, pyn_view_of("async fn(str=?)->{int|none}")), fn);
    assert_true(pyn_view_is_equal(fn->ops[0].signatures[0].spelling, pyn_view_of("async (str=?, /) -> int|none")));
    const struct pyn_type user = {.kind = PYN_T_IFACE, .iface = pyn_policy_find(policy, pyn_view_of("chat:User"))};
    assert_true(pyn_type_accepts(&user, pyn_policy_find(policy, pyn_view_of("chat:User"))));
    assert_true(pyn_type_accepts(&user, pyn_policy_find(policy, pyn_view_of("chat:Admin"))));
    assert_false(pyn_type_accepts(&user, pyn_policy_find(policy, pyn_view_of("chat:Room"))));
    pyn_policy_unref(policy);
}

static void interfaces_of_two_policies_are_two_whatever_they_are_called(void **state)
{
    struct pyn_policy *one = policy_load(policy_sample);
    struct pyn_policy *two = policy_load(policy_sample);
    const struct pyn_type user = {.kind = PYN_T_IFACE, .iface = pyn_policy_find(one, pyn_view_of("chat:User"))};
    assert_true(pyn_type_accepts(&user, pyn_policy_find(one, pyn_view_of("chat:User"))));
    assert_false(pyn_type_accepts(&user, pyn_policy_find(two, pyn_view_of("chat:User"))));
    assert_false(pyn_type_accepts(&user, pyn_policy_find(two, pyn_view_of("chat:Admin"))));
    pyn_policy_unref(one);
    pyn_policy_unref(two);
}

static void the_last_unref_gives_everything_back(void **state)
{
    struct support_mem mem;
    struct pyn_policy *policy = NULL;
    struct pyn_diag diag;
    support_mem_init(&mem, 0);
    assert_int_equal(pyn_policy_load(&mem.mem, pyn_view_of(policy_sample), &policy, &diag), PYN_OK);
    assert_ptr_equal(pyn_policy_ref(policy), policy);
    pyn_policy_unref(policy);
    assert_true(mem.live > 0);
    pyn_policy_unref(policy);
    assert_int_equal(mem.live, 0);
    pyn_policy_unref(NULL);
}

static void every_allocation_may_fail_and_nothing_leaks(void **state)
{
    bool is_loaded = false;
    for (size_t n = 1; !is_loaded; n++) {
        struct support_mem mem;
        struct pyn_policy *policy = NULL;
        struct pyn_diag diag;
        support_mem_init(&mem, n);
        pyn_status st = pyn_policy_load(&mem.mem, pyn_view_of(policy_sample), &policy, &diag);
        is_loaded = st == PYN_OK;
        if (!is_loaded) {
            assert_int_equal(st, PYN_ENOMEM);
            assert_null(policy);
            assert_string_equal(diag.text, "out of memory");
        }
        pyn_policy_unref(policy);
        assert_int_equal(mem.live, 0);
        assert_true(n < 10000);
    }
}

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

static void check_diag(const struct pyn_diag *diag)
{
    size_t len = strnlen(diag->text, sizeof diag->text);
    assert_in_range(len, 1, sizeof diag->text - 1);
    for (size_t i = 0; i < len; i++) {
        assert_in_range((uint8_t)diag->text[i], 0x20, 0x7e);
    }
}

static pyn_status load(struct pyn_view json, struct pyn_diag *diag)
{
    struct pyn_policy *policy = NULL;
    memset(diag, 0xff, sizeof *diag);
    pyn_status st = pyn_policy_load(pyn_mem_default(), json, &policy, diag);
    if (st != PYN_OK) {
        assert_null(policy);
        check_diag(diag);
    }
    pyn_policy_unref(policy);
    return st;
}

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

/* The sample with the first from replaced. */
static char *changed(const char *from, const char *to)
{
    const char *at = strstr(policy_sample, from);
    if (at == NULL) {
        print_message("not in the sample: %s\n", from);
    }
    assert_non_null(at);
    size_t before = (size_t)(at - policy_sample);
    size_t room = strlen(policy_sample) + strlen(to) + 1;
    char *text = malloc(room);
    (void)snprintf(text, room, "%.*s%s%s", (int)before, policy_sample, to, at + strlen(from));
    return text;
}

static void every_mistake_in_a_policy_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *diag; /* how it begins */
        const char *why;
    } rows[] = {
        /* the top */
        {"\"platform\"", "\"platfrom\"", "unknown key", "a typing error"},
        {"\"accepts\"", "\"Accepts\"", "unknown key", "upper case"},
        {" \"platform\": \"linux\",\n", "", "missing key", "no platform"},
        {" \"python\": \"3.11\",\n", "", "missing key", "no python"},
        {" \"pynto-policy\": 1,\n", "", "missing key", "no version"},
        {" \"python\": \"3.11\"", " \"python\": 3.11", "python: a string", "a number"},
        {" \"platform\": \"linux\"", " \"platform\": null", "platform: a string", "null"},
        {"\"pynto-policy\": 1,", "\"pynto-policy\": 2,", "pynto-policy: 1", "another version"},
        {"\"pynto-policy\": 1,", "\"pynto-policy\": 1.0,", "pynto-policy: 1", "a float"},
        {"\"pynto-policy\": 1,", "\"pynto-policy\": true,", "pynto-policy: 1", "true"},
        {"\"pynto-policy\": 1,", "\"pynto-policy\": \"1\",", "pynto-policy: 1", "a string"},
        {" \"platform\": \"linux\",\n \"pynto-policy\": 1,", " \"pynto-policy\": 1,\n \"platform\": \"linux\",",
         "keys are sorted", "not sorted"},
        {"{\n \"accepts\"", "{\n \"a\": {},\n \"accepts\"", "unknown key", "one too many"},
        /* roots */
        {"\"hook\": \"fn(rec chat:Why)->none\",\n  \"lobby\": \"chat:Room\"", "", "roots: at least one", "no root"},
        {"\"lobby\": \"chat:Room\"", "\"lobby\": \"chat:Nobody\"", "roots.lobby: not in 'interfaces'", "not listed"},
        {"\"lobby\": \"chat:Room\"", "\"lobby\": \"chat:Watcher\"", "roots.lobby: not in 'interfaces'", "an import only"},
        {"\"lobby\": \"chat:Room\"", "\"lobby\": \"int\"", "roots.lobby: a root is an interface", "a value"},
        {"\"lobby\": \"chat:Room\"", "\"lobby\": \"chat:Room|none\"", "roots.lobby: a root is an interface", "a union"},
        {"\"lobby\": \"chat:Room\"", "\"lobby\": [\"chat:Room\"]", "roots.lobby: a string", "a list"},
        {"\"lobby\": \"chat:Room\"", "\"lobby \": \"chat:Room\"", "roots: not a name", "a blank"},
        {"\"lobby\": \"chat:Room\"", "\"\": \"chat:Room\"", "roots: keys are sorted", "empty and not sorted"},
        {"\"fn(rec chat:Why)->none\"", "\"fn()->data\"", "roots.hook: stands only where", "data flows out"},
        {"\"fn(rec chat:Why)->none\"", "\"fn()->chat:Nobody\"", "roots.hook: flows out", "not listed"},
        /* accepts */
        {"\"chat:User\": [\"chat:Admin\"]", "\"chat:Usr\": [\"chat:Admin\"]",
         "accepts: in neither 'interfaces' nor 'imports'", "unknown"},
        {"\"chat:User\": [\"chat:Admin\"]", "\"chat:User\": [\"chat:Admn\"]", "accepts.chat:User: not in 'interfaces'",
         "unknown"},
        {"\"chat:User\": [\"chat:Admin\"]", "\"chat:User\": [\"chat:User\"]",
         "accepts.chat:User: an interface conforms", "itself"},
        {"\"chat:User\": [\"chat:Admin\"]", "\"chat:User\": \"chat:Admin\"", "accepts.chat:User: a list", "a string"},
        {"\"chat:User\": [\"chat:Admin\"]", "\"chat:User\": [1]", "accepts.chat:User: a string", "a number"},
        {"\"chat:User\": [\"chat:Admin\"]", "\"chat:User\": [\"chat:Room\", \"chat:Admin\"]",
         "accepts.chat:User: strings are sorted", "not sorted"},
        {"\"chat:User\": [\"chat:Admin\"]", "\"chat:User\": [\"chat:Admin\", \"chat:Admin\"]",
         "accepts.chat:User: strings are sorted", "twice"},
        {"\"chat:User\": [\"chat:Admin\"]", "\"chat:User\": [\"chat:Watcher\"]",
         "accepts.chat:User: not in 'interfaces'", "an import"},
        /* declared */
        {"\"post\": \"(self, author: str, text: str) -> None\"", "\"post\": 1", "declared.chat:Room.post: a string",
         "a number"},
        {"{\n   \"post\": \"(self, author: str, text: str) -> None\"\n  }", "[]", "declared.chat:Room: an object",
         "a list"},
        /* enums */
        {"[\"GREEN\", \"RED\"]", "[\"RED\", \"GREEN\"]", "enums.chat:Color: strings are sorted", "not sorted"},
        {"[\"GREEN\", \"RED\"]", "[\"GREEN\", \"_value_\"]", "enums.chat:Color: a member may not", "a private name"},
        {"[\"GREEN\", \"RED\"]", "[\"GREEN\", \"R D\"]", "enums.chat:Color: a member may not", "a blank"},
        {"[\"GREEN\", \"RED\"]", "{\"GREEN\": 1}", "enums.chat:Color: a list", "an object"},
        {"[\"GREEN\", \"RED\"]", "\"GREEN\"", "enums.chat:Color: a list", "a string"},
        {"\"chat:Color\": [", "\"Color\": [", "enums: a class is spelled", "no module"},
        /* errors */
        {"\"builtins:KeyError\": \"type\"", "\"KeyError\": \"type\"", "errors: a class is spelled", "no module"},
        {"\"builtins:KeyError\": \"type\"", "\"builtins:KeyError\": \"all\"", "errors.builtins:KeyError: \"type\" or",
         "another word"},
        {KEY_ERROR, KEY_ERROR_IS "{}", "errors.builtins:KeyError: \"fields\" and \"grant\" are", "nothing"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": {\"a\": \"int\"}}", "errors.builtins:KeyError: \"fields\" and", "no grant"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": {\"a\": \"int\"}, \"grant\": \"all\"}",
         "errors.builtins:KeyError: \"type\" or", "all"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": {\"a\": \"int\"}, \"more\": \"type\"}",
         "errors.builtins:KeyError: \"fields\" and", "another key"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": {}, \"grant\": \"type\"}",
         "errors.builtins:KeyError.fields: has 1 to 64", "no fields"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": [], \"grant\": \"type\"}", "errors.builtins:KeyError.fields: an object",
         "a list"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": {\"_a\": \"int\"}, \"grant\": \"type\"}",
         "errors.builtins:KeyError.fields: not a field", "an underscore"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": {\"a\": 1}, \"grant\": \"type\"}",
         "errors.builtins:KeyError.fields.a: a string", "a number"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": {\"a\": \"int=?\"}, \"grant\": \"type\"}",
         "errors.builtins:KeyError.fields.a: ", "one that may miss"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": {\"a\": \"data\"}, \"grant\": \"type\"}",
         "errors.builtins:KeyError.fields.a: stands only where", "data"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": {\"a\": \"chat:Room\"}, \"grant\": \"type\"}",
         "errors.builtins:KeyError.fields.a: a record holds", "a reference"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": {\"a\": \"fn()->none\"}, \"grant\": \"type\"}",
         "errors.builtins:KeyError.fields.a: a record holds", "a callable"},
        {KEY_ERROR, KEY_ERROR_IS "{\"fields\": {\"a\": \"int|rec chat:Receipt\"}, \"grant\": \"type\"}",
         "errors.builtins:KeyError.fields.a: a field of an exc", "a record"},
        {"\"builtins:KeyError\": \"type\"", "\"builtins:KeyError\": true", "errors.builtins:KeyError: a string", "true"},
        /* imports */
        {"\"facet\": true,\n   \"get\": {\n    \"mood\"", "\"class\": \"chat:W\",\n   \"get\": {\n    \"mood\"",
         "imports.chat:Watcher: a client may implement", "a nominal class"},
        {"\"() -> chat:Watcher|none\"", "\"() -> chat:Watchr|none\"",
         "imports.chat:Watcher.methods.other: stands neither", "unknown, flows in"},
        {"\"(who: chat:User) -> none\"", "\"(who: chat:Watcher) -> none\"",
         "imports.chat:Watcher.methods.joined: flows out", "an import flows out"},
        {"\"(who: chat:User) -> none\"", "\"(who: data) -> none\"", "imports.chat:Watcher.methods.joined: stands only",
         "data flows out"},
        /* interfaces */
        {"\"chat:Admin\": {\n   \"class\": \"chat:Admin\"\n  }", "\"chat:Admin\": {}",
         "interfaces.chat:Admin: 'class' or 'facet'", "neither"},
        {"\"chat:Admin\": {\n   \"class\": \"chat:Admin\"\n  }", "\"chat:Admin\": []",
         "interfaces.chat:Admin: an object", "a list"},
        {"\"class\": \"chat:Admin\"", "\"class\": \"chat:Admin\", \"facet\": true",
         "interfaces.chat:Admin: 'class' and 'facet'", "both"},
        {"\"class\": \"chat:Admin\"", "\"facet\": false", "interfaces.chat:Admin.facet: true", "false"},
        {"\"class\": \"chat:Admin\"", "\"facet\": 1", "interfaces.chat:Admin.facet: true", "1"},
        {"\"class\": \"chat:Admin\"", "\"class\": \"Admin\"", "interfaces.chat:Admin.class: a class is spelled",
         "no module"},
        {"\"class\": \"chat:Admin\"", "\"class\": \"\"", "interfaces.chat:Admin.class: a class is spelled", "empty"},
        {"\"class\": \"chat:Admin\"", "\"class\": \"chat:Admin[int]\"",
         "interfaces.chat:Admin.class: a class is spelled", "brackets"},
        {"\"class\": \"chat:Admin\"", "\"class\": null", "interfaces.chat:Admin.class: a string", "null"},
        {"\"class\": \"chat:Admin\"", "\"klass\": \"chat:Admin\"", "interfaces.chat:Admin: unknown key", "a typing error"},
        {"\"class\": \"chat:Admin\"", "\"class\": \"chat:Admin\", \"get\": {}",
         "interfaces.chat:Admin.get: is left out", "empty"},
        {"\"class\": \"chat:Admin\"", "\"class\": \"chat:Admin\", \"methods\": {}",
         "interfaces.chat:Admin.methods: is left out", "empty"},
        {"\"class\": \"chat:Admin\"", "\"class\": \"chat:Admin\", \"methods\": \"name\"",
         "interfaces.chat:Admin.methods: an object", "a string"},
        {"\"class\": \"chat:Admin\"", "\"class\": \"chat:Admin\", \"methods\": true",
         "interfaces.chat:Admin.methods: an object", "true"},
        {"\"class\": \"chat:Admin\"", "\"class\": \"chat:Admin\", \"methods\": [\"name\"]",
         "interfaces.chat:Admin.methods: an object", "a list"},
        {"\"chat:Admin\": {", "\"chat:Ad min\": {", "interfaces.chat:Ad min: nothing more is wanted", "a blank"},
        {"\"Sequence[chat:Message]\": {", "\"Array[chat:Message]\": {", "interfaces.Array[chat:Message]: a word",
         "no standard container"},
        {"\"Sequence[chat:Message]\": {", "\"Sequence[chat:Message|chat:A]\": {",
         "interfaces.Sequence[chat:Message|chat:A]: alternatives", "not canonical"},
        {"\"chat:User\": {", "\"int\": {", "interfaces.int: not the name", "a scalar"},
        {"\"Sequence[chat:Message]\": {", "\"()\": {", "interfaces.(): not the name", "a tuple"},
        {"\"chat:User\": {", "\"fn()->none\": {", "interfaces.fn()->none: a fn is not listed", "a fn"},
        {"\"title\": \"str\"", "\"title\": [\"str\"]", "interfaces.chat:Room.get.title: a string", "a list"},
        {"\"title\": \"str\"", "\"_title\": \"str\"", "interfaces.chat:Room.get: a member may not", "a private name"},
        {"\"title\": \"str\"", "\"__len__\": \"str\"", "interfaces.chat:Room.get: a member may not",
         "an attribute is no special method"},
        {"\"title\": \"str\"", "\"title\": \"data\"", "interfaces.chat:Room.get.title: stands only", "data flows out"},
        {"\"title\": \"str\"", "\"title\": \"chat:Watcher\"", "interfaces.chat:Room.get.title: flows out",
         "an import flows out"},
        {"\"title\": \"str\"", "\"title\": \"str=?\"", "interfaces.chat:Room.get.title: nothing more", "a mark"},
        {"\"title\": \"str\"", "\"post\": \"str\"", "interfaces.chat:Room: a method and an attribute", "both"},
        {"\"friend\": \"chat:User|none\"", "\"friend\": \"chat:Usr|none\"",
         "interfaces.chat:Room.set.friend: stands neither", "unknown"},
        /* methods */
        {"\"post\": \"(author: str, text", "\"_post\": \"(author: str, text",
         "interfaces.chat:Room.methods: keys are sorted", "private and not sorted"},
        {"\"pick\": [", "\"__init__\": [", "interfaces.chat:Room.methods: keys are sorted", "a dunder"},
        {"\"__len__\"", "\"__length_hint__\"", "interfaces.Sequence[chat:Message].methods: a member may not",
         "no listed dunder"},
        {"\"__len__\"", "\"__getattr__\"", "interfaces.Sequence[chat:Message].methods: keys are sorted", "not sorted"},
        {"\"__len__\": \"() -> int\"", "\"__setattr__\": \"(str, data, /) -> none\"",
         "interfaces.Sequence[chat:Message].methods: a member may not", "a way around"},
        {"\"() -> chat:Reader\"", "[]", "interfaces.chat:Room.methods.reader: a list has", "no signature"},
        {"\"() -> chat:Reader\"", "[\"() -> chat:Reader\"]", "interfaces.chat:Room.methods.reader: a list has",
         "a list of one"},
        {"\"() -> chat:Reader\"", "[\"() -> chat:Reader\", 1]", "interfaces.chat:Room.methods.reader: a string",
         "a number"},
        {"\"() -> chat:Reader\"", "true", "interfaces.chat:Room.methods.reader: a string", "true"},
        {"\"() -> chat:Reader\"", "{}", "interfaces.chat:Room.methods.reader: a string", "an object"},
        {"\"() -> chat:Reader\"", "\"\"", "interfaces.chat:Room.methods.reader: '(' is wanted, at character 1", "empty"},
        {"\"() -> chat:Reader\"", "\"() ->  chat:Reader\"",
         "interfaces.chat:Room.methods.reader: a type is wanted, at character 7", "two blanks"},
        {"\"() -> chat:Reader\"", "\"() -> chat:Rader\"", "interfaces.chat:Room.methods.reader: flows out", "unknown"},
        {"\"() -> chat:Reader\"", "\"() -> (int|(chat:Rader*)*)\"", "interfaces.chat:Room.methods.reader: alternatives",
         "not sorted"},
        {"\"() -> chat:Reader\"", "\"() -> ((chat:Rader*)|int*)\"", "interfaces.chat:Room.methods.reader: flows out",
         "unknown, deep inside"},
        {"\"() -> chat:Reader\"", "\"() -> rec chat:Nothing\"", "interfaces.chat:Room.methods.reader: a record that",
         "unknown record"},
        {"\"() -> chat:Reader\"", "\"() -> enum chat:Nothing\"", "interfaces.chat:Room.methods.reader: an enum that",
         "unknown enum"},
        {"\"() -> chat:Reader\"", "\"() -> data\"", "interfaces.chat:Room.methods.reader: stands only", "data flows out"},
        {"\"() -> chat:Reader\"", "\"() -> copy list[data]\"", "interfaces.chat:Room.methods.reader: stands only",
         "data flows out"},
        {"\"() -> chat:Reader\"", "\"() -> rec chat:Why\"", "records.chat:Why.what: stands only",
         "data flows out in a record"},
        {"\"() -> chat:Reader\"", "\"() -> fn()->data\"", "interfaces.chat:Room.methods.reader: stands only",
         "the result of a fn that flows out"},
        {"\"() -> chat:Reader\"", "\"(f: fn(data)->none) -> none\"", "interfaces.chat:Room.methods.reader: stands only",
         "an argument of a callback"},
        {"\"() -> chat:Reader\"", "\"(f: fn(chat:Watcher)->none) -> none\"",
         "interfaces.chat:Room.methods.reader: flows out", "an argument of a callback"},
        {"\"() -> chat:Reader\"", "\"(f: fn(fn()->chat:Nobody)->none) -> none\"",
         "interfaces.chat:Room.methods.reader: flows out", "twice around"},
        {"\"() -> chat:Reader\"", "\"() -> frozenset[chat:Reader]\"",
         "interfaces.chat:Room.methods.reader: cannot stand in a set", "not hashable"},
        {"\"() -> chat:Reader\"", "\"() -> frozenset[rec chat:Receipt]\"", "records.chat:Receipt",
         "a TypedDict is not hashable"},
        {"\"((str, str)|none, /) -> bool|none\"", "\"(data, /) -> bool|none\"",
         "interfaces.chat:Message.methods.__exit__: its one signature", "another"},
        {"\"((str, str)|none, /) -> bool|none\"", "\"async ((str, str)|none, /) -> bool|none\"",
         "interfaces.chat:Message.methods.__exit__: its one", "async"},
        {"\"((str, str)|none, /) -> bool|none\"", "[\"((str, str)|none, /) -> bool|none\", \"() -> none\"]",
         "interfaces.chat:Message.methods.__exit__: its one", "two"},
        /* records */
        {"\"no\": \"int\"", "\"no\": \"chat:Room\"", "records.chat:Receipt.no: a record holds values only", "a reference"},
        {"\"no\": \"int\"", "\"no\": \"(fn()->none*)\"", "records.chat:Receipt.no: a record holds values only",
         "a fn inside"},
        {"\"no\": \"int\"", "\"no\": \"data\"", "records.chat:Receipt.no: stands only", "data flows out"},
        {"\"no\": \"int\"", "\"_no\": \"int\"", "records.chat:Receipt: keys are sorted", "not sorted"},
        {"\"at\": \"datetime\",\n   \"no\"", "\"_at\": \"datetime\",\n   \"no\"",
         "records.chat:Receipt: a field may not", "a private name"},
        {"\"at\": \"datetime\",\n   \"no\"", "\"__post_init__\": \"datetime\",\n   \"no\"",
         "records.chat:Receipt: a field may not", "a private name"},
        {"\"no\": \"int\"", "\"no\": 1", "records.chat:Receipt.no: a string", "a number"},
        {"\"no\": \"int\"", "\"no\": \"int =?\"", "records.chat:Receipt.no: nothing more", "a blank"},
        {"\"no\": \"int\"", "\"no\": \"int=?=?\"", "records.chat:Receipt.no: nothing more", "twice"},
        {"\"chat:Why\": {", "\"chat:Why\": {\"a b\": \"int\",", "records.chat:Why: a field may not", "a blank"},
        {"\"chat:Receipt\": {\n", "\"Receipt\": {\n", "records: a class is spelled", "no module"},
        /* what else could be smuggled */
        {"\"title\": \"str\"", "\"title\\u0000\": \"str\"", "line ", "NUL"},
        {"\"title\": \"str\"", "\"t\xc3\xaftle\": \"str\"", "interfaces.chat:Room.get: a member may not", "not ASCII"},
        {"\"title\": \"str\"", "\"t\\u0456tle\": \"str\"", "interfaces.chat:Room.get: a member may not", "a Cyrillic i"},
        {"\"title\": \"str\"", "\"title\": \"\\u0073tr\\n\"", "interfaces.chat:Room.get.title: nothing more",
         "a newline behind it"},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct pyn_diag diag;
        char *text = changed(rows[i].from, rows[i].to);
        pyn_status st = load(pyn_view_of(text), &diag);
        if (st != PYN_EFORMAT || strncmp(diag.text, rows[i].diag, strlen(rows[i].diag)) != 0) {
            print_message("%s -> %s (%s): %s\n", rows[i].from, rows[i].to, rows[i].why,
                          st == PYN_OK ? "loaded" : diag.text);
        }
        assert_int_equal(st, PYN_EFORMAT);
        assert_memory_equal(diag.text, rows[i].diag, strlen(rows[i].diag));
        free(text);
    }
}

static void a_diag_may_be_left_out(void **state)
{
    struct pyn_policy *policy = NULL;
    assert_int_equal(pyn_policy_load(pyn_mem_default(), pyn_view_of("{"), &policy, NULL), PYN_EFORMAT);
    assert_int_equal(pyn_policy_load(pyn_mem_default(), pyn_view_of("{}"), &policy, NULL), PYN_EFORMAT);
    assert_int_equal(pyn_policy_load_fragment(pyn_mem_default(), pyn_view_of("x"), &policy, NULL), PYN_EFORMAT);
}

static void a_method_has_at_most_16_overloads(void **state)
{
    for (int count = 15; count <= 17; count++) {
        char json[8192];
        char value[1024];
        struct pyn_diag diag;
        size_t len = (size_t)snprintf(value, sizeof value, "[");
        for (int i = 0; i < count; i++) {
            len += (size_t)snprintf(value + len, sizeof value - len, "%s\"(%d, /) -> none\"", i == 0 ? "" : ",", i);
        }
        (void)snprintf(value + len, sizeof value - len, "]");
        policy_of(json, sizeof json, "methods", value);
        assert_int_equal(load(pyn_view_of(json), &diag), count <= 16 ? PYN_OK : PYN_EFORMAT);
    }
}

static void a_chain_of_records_costs_no_stack(void **state)
{
    size_t room = 8u << 20;
    char *json = malloc(room);
    size_t len = (size_t)snprintf(
        json, room,
        "{\"interfaces\":{\"x:X\":{\"class\":\"x:X\",\"methods\":{\"m\":\"(int, /) -> none\"}}},"
        "\"platform\":\"p\",\"pynto-policy\":1,\"python\":\"3.11\",\"records\":{");
    for (int i = 0; i < 100000; i++) {
        len += (size_t)snprintf(json + len, room - len, "\"x:R%06d\":{\"v\":\"frozenset[rec x:R%06d]\"},", i, i + 1);
    }
    (void)snprintf(json + len, room - len, "\"x:R100000\":{}},\"roots\":{\"r\":\"x:X\"}}");
    struct pyn_policy *policy = policy_load(json);
    assert_int_equal(pyn_policy_record_count(policy), 100001);
    pyn_policy_unref(policy);
    free(json);
}

static void what_is_thrown_into_a_generator_has_one_shape(void **state)
{
    static const struct {
        const char *name;
        const char *method;
        const char *signature;
        bool loads;
    } rows[] = {
        {"Generator[int, none, none]", "throw", "\"((str, str), /) -> int\"", true},
        {"Generator[int, none, none]", "throw", "\"(str, /) -> int\"", false},
        {"Generator[int, none, none]", "throw", "\"((str, str)) -> int\"", false},
        {"Generator[int, none, none]", "throw", "\"async ((str, str), /) -> int\"", false},
        {"Generator[int, none, none]", "throw", "\"() -> int\"", false},
        {"Generator[int, none, none]", "throw", "[\"((str, str), /) -> int\", \"(int, /) -> int\"]", false},
        {"Generator[int, none, none]", "athrow", "\"(int, /) -> int\"", true},
        {"AsyncGenerator[int, none]", "athrow", "\"async ((str, str), /) -> int\"", true},
        {"AsyncGenerator[int, none]", "athrow", "\"((str, str), /) -> int\"", false},
        {"AsyncGenerator[int, none]", "athrow", "\"async (int, /) -> int\"", false},
        {"Iterator[int]", "throw", "\"(int, /) -> int\"", true},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct pyn_policy *policy = NULL;
        char json[512];
        (void)snprintf(json, sizeof json,
                       "{\"interfaces\":{\"%s\":{\"class\":\"collections.abc:X\",\"methods\":{\"%s\":%s}}},"
                       "\"platform\":\"p\",\"pynto-policy\":1,\"python\":\"3.11\",\"roots\":{\"r\":\"%s\"}}",
                       rows[i].name, rows[i].method, rows[i].signature, rows[i].name);
        pyn_status st = pyn_policy_load(pyn_mem_default(), pyn_view_of(json), &policy, NULL);
        if ((st == PYN_OK) != rows[i].loads) {
            fail_msg("%s.%s %s: %s", rows[i].name, rows[i].method, rows[i].signature, pyn_status_name(st));
        }
        pyn_policy_unref(policy);
    }
}

/* ---- fragments ---- */

static bool is_same_op(const struct pyn_op *a, const struct pyn_op *b)
{
    bool is_same = a->kind == b->kind && pyn_view_is_equal(a->name, b->name) &&
                   a->signature_count == b->signature_count && a->ttl_ns == b->ttl_ns && a->vary == b->vary;
    for (uint32_t i = 0; is_same && i < a->signature_count; i++) {
        is_same = pyn_view_is_equal(a->signatures[i].spelling, b->signatures[i].spelling);
    }
    return is_same && (a->type == NULL || pyn_view_is_equal(a->type->spelling, b->type->spelling));
}

static void check_fragment(const struct pyn_iface *iface)
{
    struct pyn_policy *policy = NULL;
    struct pyn_diag diag = {{0}};
    pyn_status st = pyn_policy_load_fragment(pyn_mem_default(), iface->fragment, &policy, &diag);
    if (st != PYN_OK) {
        print_message("%.*s: %s\n", (int)iface->name.len, (const char *)iface->name.data, diag.text);
    }
    assert_int_equal(st, PYN_OK);
    const struct pyn_iface *loaded = pyn_policy_iface(policy, 0);
    assert_ptr_equal(pyn_policy_find(policy, iface->name), loaded);
    assert_true(pyn_view_is_equal(loaded->name, iface->name));
    assert_int_equal(loaded->class_name.len, 0);
    assert_int_equal(loaded->is_fn, iface->is_fn);
    assert_int_equal(loaded->op_count, iface->op_count);
    for (uint32_t i = 0; i < iface->op_count; i++) {
        assert_true(is_same_op(&loaded->ops[i], &iface->ops[i]));
    }
    assert_true(pyn_view_is_equal(loaded->fragment, iface->fragment));
    for (uint32_t i = 0; i < pyn_policy_iface_count(policy); i++) {
        const struct pyn_iface *named = pyn_policy_iface(policy, i); /* each of them is one, and stands where it says */
        assert_true(named->name.len > 0 && named->index == i);
    }
    pyn_policy_unref(policy);
}

static void every_fragment_loads_back_as_it_was(void **state)
{
    static const char *const members[] = {"\"() -> none\"",
                                          "[\"(int, /) -> int\",\"(*, a: x:I, b: fn(x:I)->rec x:T) -> x:A\"]",
                                          "\"(f: fn(fn(int=?)->{int|none})->none) -> fn(data)->enum x:E\"",
                                          "\"(d: copy dict[rec x:P, (data*)]) -> list[int]\""};
    struct pyn_policy *policy = policy_load(policy_sample);
    for (uint32_t i = 0; i < pyn_policy_iface_count(policy); i++) {
        check_fragment(pyn_policy_iface(policy, i));
    }
    pyn_policy_unref(policy);
    for (size_t i = 0; i < SUPPORT_COUNT(members); i++) {
        char json[4096];
        policy_of(json, sizeof json, "methods", members[i]);
        if (i == 1) {
            char *at = strstr(json, "fn(x:I)");
            memcpy(at, "fn(x:A)", 7); /* an import does not flow out */
        }
        policy = policy_load(json);
        for (uint32_t j = 0; j < pyn_policy_iface_count(policy); j++) {
            check_fragment(pyn_policy_iface(policy, j));
        }
        pyn_policy_unref(policy);
    }
}

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

static bool holds(struct pyn_view bytes, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; len <= bytes.len && i <= bytes.len - len; i++) {
        if (memcmp(bytes.data + i, text, len) == 0) {
            return true;
        }
    }
    return false;
}

static void a_fragment_holds_what_is_needed_and_no_more(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    struct pyn_view room = pyn_policy_find(policy, pyn_view_of("chat:Room"))->fragment;
    static const char *const needed[] = {"chat:Why",         "chat:Receipt", "chat:Color", "GREEN",
                                         "frozenset[str]=?", "joined",       "subscribe"};
    static const char *const needless[] = {"class",    "facet", "collections.abc", "__getitem__", "KeyError",
                                           "declared", "None",  "lobby",           "accepts"};
    for (size_t i = 0; i < SUPPORT_COUNT(needed); i++) {
        assert_true(holds(room, needed[i]));
    }
    for (size_t i = 0; i < SUPPORT_COUNT(needless); i++) {
        assert_false(holds(room, needless[i]));
    }
    assert_true(support_is_hex(pyn_policy_find(policy, pyn_view_of("chat:Admin"))->fragment,
                               "81 aa 696e7465726661636573 81 aa 636861743a41646d696e 80"));
    const struct pyn_iface *fn = pyn_policy_find(policy, pyn_view_of("fn()->none"));
    assert_true(support_is_hex(fn->fragment,
                               "81 aa 696e7465726661636573 81 aa 666e28292d3e6e6f6e65 81 a7 6d6574686f6473"
                               "81 a8 5f5f63616c6c5f5f aa 2829202d3e206e6f6e65"));
    pyn_policy_unref(policy);
}

static void what_a_fragment_names_without_describing_is_external(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    struct pyn_policy *fragment = NULL;
    struct pyn_diag diag;
    const struct pyn_iface *room = pyn_policy_find(policy, pyn_view_of("chat:Room"));
    assert_int_equal(pyn_policy_load_fragment(pyn_mem_default(), room->fragment, &fragment, &diag), PYN_OK);
    const struct pyn_signature *login = policy_op(fragment, "chat:Room", PYN_OP_METHOD, "login")->signatures;
    const struct pyn_iface *admin = login->result->items[0]->iface;
    assert_true(admin->is_external);
    assert_int_equal(admin->op_count, 0);
    assert_int_equal(admin->fragment.len, 0);
    assert_null(login->result->items[0]->import);
    assert_null(pyn_policy_find(fragment, pyn_view_of("chat:Admin")));
    assert_true(pyn_type_accepts(login->result->items[0], pyn_policy_find(policy, pyn_view_of("chat:Admin"))));
    assert_false(pyn_type_accepts(login->result->items[0], room));
    const struct pyn_type *watcher = policy_op(fragment, "chat:Room", PYN_OP_METHOD, "watch")->signatures->params[0].type;
    assert_true(watcher->iface->is_external);
    assert_true(watcher->import->is_import);
    assert_int_equal(watcher->import->op_count, 4);
    pyn_policy_unref(fragment);
    pyn_policy_unref(policy);
}

static pyn_status load_fragment(struct pyn_view map, struct pyn_diag *diag)
{
    struct pyn_policy *policy = NULL;
    pyn_status st = pyn_policy_load_fragment(pyn_mem_default(), map, &policy, diag);
    if (st != PYN_OK) {
        assert_null(policy);
        check_diag(diag);
    }
    pyn_policy_unref(policy);
    return st;
}

#define INTERFACES "aa 696e7465726661636573"
#define METHODS "a7 6d6574686f6473"
#define CALL "a8 5f5f63616c6c5f5f"
#define X_A "a3 783a41"

static void fragments_of_a_hostile_peer_are_refused(void **state)
{
    static const struct {
        const char *hex;
        pyn_status wanted;
        const char *why;
    } rows[] = {
        {"81 " INTERFACES " 81 " X_A " 80", PYN_OK, "opaque"},
        {"81 " INTERFACES " 81 " X_A " 81 " METHODS " 81 a1 6d aa 2829202d3e206e6f6e65", PYN_OK, "one method"},
        {"81 " INTERFACES " 81 " X_A " 81 a5 636c617373 a3 783a41", PYN_EFORMAT, "a class, which is not told"},
        {"81 " INTERFACES " 81 " X_A " 81 a5 6661636574 c3", PYN_EFORMAT, "a facet, which is not told"},
        {"", PYN_EFORMAT, "nothing"},
        {"80", PYN_EFORMAT, "empty"},
        {"c0", PYN_EFORMAT, "nil"},
        {"90", PYN_EFORMAT, "an array"},
        {"81 " INTERFACES " 80", PYN_EFORMAT, "none described"},
        {"81 " INTERFACES " 82 " X_A " 80 a3 783a42 80", PYN_EFORMAT, "two described"},
        {"81 " INTERFACES " 82 " X_A " 80 " X_A " 80", PYN_EFORMAT, "one described twice"},
        {"81 " INTERFACES " 81 " X_A " 80 c0", PYN_EFORMAT, "more behind it"},
        {"81 " INTERFACES " 81 " X_A, PYN_EFORMAT, "cut short"},
        {"81 01 80", PYN_EFORMAT, "a number as key"},
        {"81 " INTERFACES " c0", PYN_EFORMAT, "nil"},
        {"81 " INTERFACES " 81 " X_A " 81 a5 6661636574 c2", PYN_EFORMAT, "facet: false"},
        {"82 " INTERFACES " 81 " X_A " 80 a5 726f6f7473 80", PYN_EFORMAT, "roots"},
        {"82 " INTERFACES " 81 " X_A " 80 a7 61636365707473 80", PYN_EFORMAT, "accepts"},
        {"81 " INTERFACES " 81 a4 783a4100 80", PYN_EFORMAT, "NUL in a name"},
        {"81 " INTERFACES " 81 a1 41 80", PYN_EFORMAT, "no interface"},
        {"81 " INTERFACES " 81 " X_A " 81 " METHODS " 80", PYN_EFORMAT, "no methods"},
        {"81 " INTERFACES " 81 " X_A " 81 " METHODS " 81 a9 5f5f636c6173735f5f aa 2829202d3e206e6f6e65", PYN_EFORMAT,
         "__class__"},
        {"81 " INTERFACES " 81 " X_A " 81 " METHODS " 81 a7 5f5f64656c5f5f aa 2829202d3e206e6f6e65", PYN_EFORMAT,
         "__del__"},
        {"81 " INTERFACES " 81 " X_A " 81 " METHODS " 81 a1 6d a8 28292d3e6e6f6e65", PYN_EFORMAT, "not canonical"},
        {"81 " INTERFACES " 81 " X_A " 81 " METHODS " 81 a1 6d 01", PYN_EFORMAT, "a number"},
        {"81 " INTERFACES " 81 " X_A " 81 " METHODS " 81 a1 6d c4 0a 2829202d3e206e6f6e65", PYN_EFORMAT, "bytes"},
        {"81 " INTERFACES " 81 aa 666e28292d3e6e6f6e65 81 " METHODS " 81 " CALL " aa 2829202d3e206e6f6e65", PYN_OK,
         "a fn"},
        {"81 " INTERFACES " 81 aa 666e28292d3e6e6f6e65 81 " METHODS " 81 " CALL " a9 2829202d3e20696e74", PYN_EFORMAT,
         "a fn with another call"},
        {"81 " INTERFACES " 81 aa 666e28292d3e6e6f6e65 81 " METHODS " 81 a1 6d aa 2829202d3e206e6f6e65", PYN_EFORMAT,
         "a fn with a method"},
        {"81 " INTERFACES " 81 aa 666e28292d3e6e6f6e65 80", PYN_EFORMAT, "a fn without a call"},
        {"81 " INTERFACES " 81 af 666e28292d3e6e6f6e657c6e6f6e65 81 " METHODS " 81 " CALL " aa 2829202d3e206e6f6e65",
         PYN_EFORMAT, "a union that begins as a fn"},
        {"de ffff", PYN_EFORMAT, "an announced length"},
        {"df ffffffff", PYN_EFORMAT, "an announced length"},
        {"81 a1 61 91 91 91 91 91 91 91 90", PYN_EFORMAT, "nested 9 deep"},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct pyn_diag diag;
        pyn_status st = load_fragment(support_bytes(rows[i].hex), &diag);
        if (st != rows[i].wanted) {
            print_message("%s: %s\n", rows[i].why, st == PYN_OK ? "loaded" : diag.text);
        }
        assert_int_equal(st, rows[i].wanted);
    }
}

static void a_fragment_that_is_cut_or_changed_ends_in_a_verdict(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    struct pyn_view whole = pyn_policy_find(policy, pyn_view_of("chat:Room"))->fragment;
    for (size_t i = 0; i < whole.len; i++) {
        struct pyn_diag diag;
        uint8_t *copy = malloc(whole.len);
        memcpy(copy, whole.data, whole.len);
        assert_int_equal(load_fragment((struct pyn_view){copy, i}, &diag), PYN_EFORMAT);
        copy[i] ^= 0x81;
        (void)load_fragment((struct pyn_view){copy, whole.len}, &diag);
        free(copy);
    }
    pyn_policy_unref(policy);
}

static void keys_of_a_fragment_come_in_any_order(void **state)
{
    struct pyn_diag diag;
    assert_int_equal(load_fragment(support_bytes("82 " INTERFACES " 81 " X_A " 82 " METHODS
                                                 " 82 a1 6e aa 2829202d3e206e6f6e65 a1 6d aa"
                                                 "2829202d3e206e6f6e65 a3 676574 81 a1 61 a3 696e74 a5 656e756d73 80"),
                                   &diag),
                     PYN_OK);
}

/* Told as such: nothing that is nested so deep could be a policy, but it is not looked at for that. */
static void a_fragment_is_nested_8_deep_at_most(void **state)
{
    for (size_t depth = 7; depth <= 9; depth++) {
        uint8_t arrays[16];
        uint8_t maps[32] = {0};
        struct pyn_diag diag;
        memset(arrays, 0x91, sizeof arrays);
        arrays[depth - 1] = 0x90;
        for (size_t i = 0; i < depth; i++) {
            memcpy(maps + 3 * i, "\x81\xa1k", 3);
        }
        maps[3 * (depth - 1)] = 0x80;
        assert_int_equal(load_fragment((struct pyn_view){arrays, depth}, &diag), PYN_EFORMAT);
        assert_int_equal(strstr(diag.text, "nested more than 8 deep") != NULL, depth > 8);
        assert_int_equal(load_fragment((struct pyn_view){maps, 3 * (depth - 1) + 1}, &diag), PYN_EFORMAT);
        assert_int_equal(strstr(diag.text, "nested more than 8 deep") != NULL, depth > 8);
    }
}

/* A fragment of one interface with as many methods as it takes; of so many bytes. */
static void put_fragment_of(struct pyn_buf *buf, size_t bytes)
{
    enum { NAME = 200, METHOD = 2 + NAME + 11 }; /* a name, and "() -> none" */
    const size_t around = 1 + 11 + 1 + 4 + 1 + 8 + 3;
    const size_t count = (bytes - around) / METHOD;
    const size_t rest = (bytes - around) % METHOD; /* goes into the last names, a byte each */

    assert_int_equal(pyn_pack_map(buf, 1), PYN_OK);
    assert_int_equal(pyn_pack_str(buf, "interfaces", 10), PYN_OK);
    assert_int_equal(pyn_pack_map(buf, 1), PYN_OK);
    assert_int_equal(pyn_pack_str(buf, "x:A", 3), PYN_OK);
    assert_int_equal(pyn_pack_map(buf, 1), PYN_OK);
    assert_int_equal(pyn_pack_str(buf, "methods", 7), PYN_OK);
    assert_int_equal(pyn_pack_map(buf, count), PYN_OK);
    for (size_t i = 0; i < count; i++) {
        char name[NAME + 2];
        int len = snprintf(name, sizeof name, "m%0*zu", NAME - (i < rest ? 0 : 1), i);
        assert_int_equal(pyn_pack_str(buf, name, (size_t)len), PYN_OK);
        assert_int_equal(pyn_pack_str(buf, "() -> none", 10), PYN_OK);
    }
    assert_int_equal(pyn_buf_len(buf), bytes);
}

static void a_fragment_has_at_most_262144_bytes(void **state)
{
    for (size_t bytes = 262143; bytes <= 262145; bytes++) {
        struct pyn_buf buf;
        struct pyn_diag diag;
        pyn_buf_init(&buf, pyn_mem_default(), 1 << 20);
        put_fragment_of(&buf, bytes);
        assert_int_equal(load_fragment(pyn_buf_view(&buf), &diag), bytes <= 262144 ? PYN_OK : PYN_EFORMAT);
        assert_int_equal(bytes > 262144 && strstr(diag.text, "more than 262144 bytes") == NULL, false);
        pyn_buf_fini(&buf);
    }
}

static void a_fragment_has_at_most_65536_keys_and_values(void **state)
{
    for (uint32_t extra = 0; extra <= 2; extra++) {
        uint32_t members = 65536 - 8 - 1 + extra; /* top, enums, map, class, list; interfaces, map, name, map: 9 */
        struct pyn_buf buf;
        struct pyn_diag diag;
        pyn_buf_init(&buf, pyn_mem_default(), 1 << 20);
        assert_int_equal(pyn_pack_map(&buf, 2), PYN_OK);
        assert_int_equal(pyn_pack_str(&buf, "enums", 5), PYN_OK);
        assert_int_equal(pyn_pack_map(&buf, 1), PYN_OK);
        assert_int_equal(pyn_pack_str(&buf, "x:E", 3), PYN_OK);
        assert_int_equal(pyn_pack_array(&buf, members - 1), PYN_OK);
        for (uint32_t i = 0; i < members - 1; i++) {
            char name[4] = {'A', 'A', 'A', 0};
            name[0] = (char)('A' + i / (58 * 58) % 58);
            name[1] = (char)('A' + i / 58 % 58);
            name[2] = (char)('A' + i % 58);
            assert_int_equal(pyn_pack_str(&buf, name, 2), PYN_OK); /* too few letters: refused, but not for their number */
        }
        assert_int_equal(pyn_pack_str(&buf, "interfaces", 10), PYN_OK);
        assert_int_equal(pyn_pack_map(&buf, 1), PYN_OK);
        assert_int_equal(pyn_pack_str(&buf, "x:A", 3), PYN_OK);
        assert_int_equal(pyn_pack_map(&buf, 0), PYN_OK);
        assert_int_equal(load_fragment(pyn_buf_view(&buf), &diag), PYN_EFORMAT);
        assert_int_equal(strstr(diag.text, "more than 65536") != NULL, extra > 1);
        pyn_buf_fini(&buf);
    }
}

static void every_allocation_of_a_fragment_may_fail(void **state)
{
    struct pyn_policy *policy = policy_load(policy_sample);
    struct pyn_view whole = pyn_policy_find(policy, pyn_view_of("chat:Room"))->fragment;
    pyn_status st = PYN_ENOMEM;
    for (size_t n = 1; st != PYN_OK; n++) {
        struct support_mem mem;
        struct pyn_policy *fragment = NULL;
        struct pyn_diag diag;
        support_mem_init(&mem, n);
        st = pyn_policy_load_fragment(&mem.mem, whole, &fragment, &diag);
        assert_true(st == PYN_OK || st == PYN_ENOMEM);
        pyn_policy_unref(fragment);
        assert_int_equal(mem.live, 0);
        assert_true(n < 10000);
    }
    pyn_policy_unref(policy);
}

static void an_interface_that_needs_too_much_to_be_described_is_refused(void **state)
{
    size_t room = 1u << 20;
    char *json = malloc(room);
    for (int count = 0; count < 2; count++) {
        /* One literal: what is around it in the fragment is small. */
        size_t literal = PYN_FRAGMENT_MAX - (count == 0 ? 128 : 16);
        size_t len = (size_t)snprintf(json, room, "{\"interfaces\":{\"x:X\":{\"class\":\"x:X\",\"methods\":{\"m\":\"('");
        memset(json + len, 'a', literal);
        len += literal;
        (void)snprintf(
            json + len, room - len,
            "', /) -> none\"}}},\"platform\":\"p\",\"pynto-policy\":1,\"python\":\"3\",\"roots\":{\"r\":\"x:X\"}}");
        struct pyn_diag diag;
        assert_int_equal(load(pyn_view_of(json), &diag), count == 0 ? PYN_OK : PYN_EFORMAT);
    }
    free(json);
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
        cmocka_unit_test(a_policy_says_what_its_file_says),
        cmocka_unit_test(numbers_of_interfaces_and_operations_are_dense),
        cmocka_unit_test(types_point_to_what_they_name),
        cmocka_unit_test(interfaces_of_two_policies_are_two_whatever_they_are_called),
        cmocka_unit_test(the_last_unref_gives_everything_back),
        cmocka_unit_test(every_allocation_may_fail_and_nothing_leaks),
        cmocka_unit_test(every_allocation_of_the_json_library_may_fail),
        cmocka_unit_test(a_file_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(a_changed_byte_ends_in_a_verdict),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(a_hundred_thousand_brackets_are_refused_at_the_ninth),
        cmocka_unit_test(a_file_has_at_most_16_mebibytes),
        cmocka_unit_test(every_mistake_in_a_policy_is_refused_with_its_place),
        cmocka_unit_test(what_is_cached_has_its_time_and_its_parameters),
        cmocka_unit_test(what_cannot_be_cached_is_refused),
        cmocka_unit_test(a_diag_may_be_left_out),
        cmocka_unit_test(a_method_has_at_most_16_overloads),
        cmocka_unit_test(a_chain_of_records_costs_no_stack),
        cmocka_unit_test(what_is_thrown_into_a_generator_has_one_shape),
        cmocka_unit_test(every_fragment_loads_back_as_it_was),
        cmocka_unit_test(a_fragment_holds_what_is_needed_and_no_more),
        cmocka_unit_test(what_a_fragment_names_without_describing_is_external),
        cmocka_unit_test(fragments_of_a_hostile_peer_are_refused),
        cmocka_unit_test(a_fragment_that_is_cut_or_changed_ends_in_a_verdict),
        cmocka_unit_test(keys_of_a_fragment_come_in_any_order),
        cmocka_unit_test(a_fragment_is_nested_8_deep_at_most),
        cmocka_unit_test(a_fragment_has_at_most_262144_bytes),
        cmocka_unit_test(a_fragment_has_at_most_65536_keys_and_values),
        cmocka_unit_test(every_allocation_of_a_fragment_may_fail),
        cmocka_unit_test(an_interface_that_needs_too_much_to_be_described_is_refused),
        cmocka_unit_test(a_diag_is_short_and_printable_whatever_the_file_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
