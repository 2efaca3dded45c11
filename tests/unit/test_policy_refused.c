/* test_policy_refused.c - JSON that is no policy: every mistake, and the place that its refusal names. */
#include "policy_checks.h"

#define KEY_ERROR "\"builtins:KeyError\": \"type\""
#define KEY_ERROR_IS "\"builtins:KeyError\": "

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_in_a_policy_is_refused_with_its_place),
        cmocka_unit_test(a_method_has_at_most_16_overloads),
        cmocka_unit_test(a_chain_of_records_costs_no_stack),
        cmocka_unit_test(what_is_thrown_into_a_generator_has_one_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
