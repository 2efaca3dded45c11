/* test_signature.c - names, types and signatures have one spelling each, and every other one is refused. */
#include "policy_support.h"

#include "../../policy/grammar.h"
#include "../../policy/names.h"
#include "../../policy/spelling.h"

/* ---- names ---- */

static void only_ascii_identifiers_are_names(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        bool is_name;
        const char *why;
    } rows[] = {
        {"a", 1, true, "one letter"},
        {"_a9", 3, true, "underscore and digit"},
        {"", 0, false, "empty"},
        {"9a", 2, false, "begins with a digit"},
        {"a-b", 3, false, "a hyphen"},
        {"a.b", 3, false, "a dot"},
        {"a b", 3, false, "a blank"},
        {"a\0b", 3, false, "NUL inside"},
        {"a\0", 2, false, "NUL behind"},
        {"\xd0\xb0", 2, false, "a Cyrillic letter that looks like a"},
        {"e\xcc\x81", 3, false, "a combining accent"},
        {"\xef\xbd\x85"
         "cho",
         6, false, "a full-width letter"},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        bool is_name = pyn_name_is_identifier(policy_view(rows[i].text, rows[i].len));
        if (is_name != rows[i].is_name) {
            print_message("%s\n", rows[i].why);
        }
        assert_int_equal(is_name, rows[i].is_name);
    }
}

static void identifiers_have_at_most_255_bytes(void **state)
{
    char text[257];
    memset(text, 'a', sizeof text);
    assert_true(pyn_name_is_identifier(policy_view(text, 254)));
    assert_true(pyn_name_is_identifier(policy_view(text, 255)));
    assert_false(pyn_name_is_identifier(policy_view(text, 256)));
}

static void private_names_are_no_members(void **state)
{
    static const char *const rows[] = {"_",        "_a",          "__a",         "__init__",         "__class__",
                                       "__dict__", "__getattr__", "__setattr__", "__getattribute__", "__reduce_ex__",
                                       "__del__",  "__new__",     "__imul__",    "__hash__",         "__repr__",
                                       "__len",    "__len__x",    "__callx__",   "_Acct__wipe"};
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        assert_false(pyn_name_is_method(pyn_view_of(rows[i])));
        assert_false(pyn_name_is_member(pyn_view_of(rows[i])));
    }
}

static void operators_of_two_operands_are_known(void **state)
{
    static const char *const binary[] = {"__add__",    "__eq__",  "__floordiv__", "__ge__",      "__iadd__", "__ixor__",
                                         "__matmul__", "__pow__", "__radd__",     "__truediv__", "__xor__"};
    static const char *const others[] = {"",        "add",   "__abs__", "__call__", "__contains__",
                                         "__neg__", "__add", "__add__x"};
    (void)state;
    for (size_t i = 0; i < sizeof binary / sizeof *binary; i++) {
        assert_true(pyn_name_is_binary(pyn_view_of(binary[i])));
        assert_true(pyn_name_is_method(pyn_view_of(binary[i])));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(pyn_name_is_binary(pyn_view_of(others[i])));
    }
}

static void every_listed_special_method_is_found(void **state)
{
    static const char *const rows[] = {
        "__aenter__",  "__aexit__",  "__aiter__", "__anext__",    "__await__",   "__bool__", "__call__", "__contains__",
        "__delitem__", "__enter__",  "__exit__",  "__getitem__",  "__iter__",    "__len__",  "__next__", "__reversed__",
        "__setitem__", "__add__",    "__and__",   "__floordiv__", "__iadd__",    "__iand__", "__ior__",  "__isub__",
        "__ixor__",    "__matmul__", "__mod__",   "__mul__",      "__neg__",     "__or__",   "__pos__",  "__pow__",
        "__radd__",    "__rmul__",   "__rsub__",  "__sub__",      "__truediv__", "__xor__",  "__abs__",  "__invert__",
        "__eq__",      "__ne__",     "__lt__",    "__le__",       "__gt__",      "__ge__"};
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        assert_true(pyn_name_is_method(pyn_view_of(rows[i])));
        assert_false(pyn_name_is_member(pyn_view_of(rows[i])));
    }
}

static void every_standard_container_is_found(void **state)
{
    static const char *const rows[] = {"list",
                                       "dict",
                                       "set",
                                       "deque",
                                       "Sequence",
                                       "MutableSequence",
                                       "Mapping",
                                       "MutableMapping",
                                       "Set",
                                       "MutableSet",
                                       "Collection",
                                       "Iterable",
                                       "Iterator",
                                       "KeysView",
                                       "ValuesView",
                                       "ItemsView",
                                       "ContextManager",
                                       "AsyncIterable",
                                       "AsyncIterator",
                                       "AsyncContextManager",
                                       "Awaitable"};
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        assert_true(pyn_name_is_standard(pyn_view_of(rows[i])));
    }
    assert_false(pyn_name_is_standard(pyn_view_of("List")));
    assert_false(pyn_name_is_standard(pyn_view_of("object")));
}

/* ---- types and signatures ---- */

/* Reads with every record and enum of the class "x:..." known. */
static const struct pyn_record any_record = {.name = {(const uint8_t *)"x:R", 3}};
static const struct pyn_enum any_enum = {.name = {(const uint8_t *)"x:E", 3}};

static const struct pyn_record *find_record(void *ctx, struct pyn_view name)
{
    return pyn_view_is_equal(name, any_record.name) ? &any_record : NULL;
}

static const struct pyn_enum *find_enum(void *ctx, struct pyn_view name)
{
    return pyn_view_is_equal(name, any_enum.name) ? &any_enum : NULL;
}

struct reading {
    struct pyn_arena arena;
    struct pyn_grammar grammar;
};

static void begin(struct reading *reading)
{
    pyn_arena_init(&reading->arena, pyn_mem_default());
    pyn_grammar_init(&reading->grammar, pyn_mem_default(), &reading->arena);
    reading->grammar.record = find_record;
    reading->grammar.enumeration = find_enum;
}

static void end(struct reading *reading)
{
    pyn_grammar_fini(&reading->grammar);
    pyn_arena_fini(&reading->arena);
}

static pyn_status read_type(const char *text)
{
    struct reading reading;
    const struct pyn_type *type = NULL;
    begin(&reading);
    pyn_status st = pyn_grammar_type(&reading.grammar, pyn_view_of(text), &type);
    end(&reading);
    return st;
}

static pyn_status read_signature(const char *text)
{
    struct reading reading;
    struct pyn_signature signature;
    begin(&reading);
    pyn_status st = pyn_grammar_signature(&reading.grammar, pyn_view_of(text), &signature);
    end(&reading);
    return st;
}

static void canonical_types_are_read_and_printed_as_they_stand(void **state)
{
    static const char *const rows[] = {
        "none",
        "bool",
        "int",
        "float",
        "complex",
        "str",
        "bytes",
        "range",
        "slice",
        "datetime",
        "date",
        "time",
        "timedelta",
        "decimal",
        "uuid",
        "bytearray",
        "memoryview",
        "buffer",
        "ndarray",
        "ndarray_bool",
        "ndarray_uint64",
        "ndarray_float16",
        "ndarray_complex128",
        "data",
        "true",
        "false",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "''",
        "'a'",
        "'it\\'s'",
        "'\\\\'",
        "'\\x00'",
        "'\\x1f'",
        "'\\x7f'",
        "'\\x80'",
        "'\\xff'",
        "'\\u0100'",
        "'\\ud7ff'",
        "'\\ue000'",
        "'\\uffff'",
        "'\\U00010000'",
        "'\\U0010ffff'",
        "'a, b|c)'",
        "()",
        "(int,)",
        "(int, str)",
        "(int*)",
        "((int,)*)",
        "frozenset[str]",
        "copy list[int]",
        "copy set[int]",
        "copy dict[str, (int*)]",
        "enum x:E",
        "rec x:R",
        "x:Y",
        "a.b:C.D",
        "list[int]",
        "list",
        "Sequence[x:Y]",
        "x:Box[int, x:Box[str]]",
        "x:Y[int|none]",
        "list[rec unknown:R]",
        "int:X",
        "copy:X",
        "enum:X",
        "rec:X",
        "fn:X",
        "async:X",
        "true:X",
        "list:X",
        "copy.x:X",
        "int|str",
        "'a'|'b'",
        "-1|0|1",
        "chat:Admin|chat:User|none",
        "(str, str)|none",
        "bool|none",
        "false|true",
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct reading reading;
        struct pyn_buf buf;
        const struct pyn_type *type = NULL;
        begin(&reading);
        pyn_buf_init(&buf, pyn_mem_default(), 4096);
        pyn_status st = pyn_grammar_type(&reading.grammar, pyn_view_of(rows[i]), &type);
        if (st != PYN_OK) {
            print_message("%s: %s\n", rows[i], reading.grammar.fault.what);
        }
        assert_int_equal(st, PYN_OK);
        assert_true(type->kind != PYN_T_IFACE || type->count == 0); /* brackets are a part of its name */
        assert_int_equal(pyn_spell_type(&buf, type), PYN_OK);
        assert_true(pyn_view_is_equal(pyn_buf_view(&buf), pyn_view_of(rows[i])));
        assert_true(pyn_view_is_equal(type->spelling, pyn_view_of(rows[i])));
        pyn_buf_fini(&buf);
        end(&reading);
    }
}

static void literals_mean_what_they_spell(void **state)
{
    static const struct {
        const char *text;
        const char *hex;
    } rows[] = {
        {"''", ""},
        {"'a\\'\\\\'", "61275c"},
        {"'\\x00\\x7f'", "007f"},
        {"'\\x80\\xff'", "c280c3bf"},
        {"'\\u0100\\u20ac'", "c480e282ac"},
        {"'\\u07ff\\u0800'", "dfbfe0a080"},
        {"'\\ud7ff\\ue000\\uffff'", "ed9fbfee8080efbfbf"},
        {"'\\U00010000'", "f0908080"},
        {"'\\U0001f600\\U0010ffff'", "f09f9880f48fbfbf"},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct reading reading;
        const struct pyn_type *type = NULL;
        begin(&reading);
        assert_int_equal(pyn_grammar_type(&reading.grammar, pyn_view_of(rows[i].text), &type), PYN_OK);
        assert_true(support_is_hex(type->text, rows[i].hex));
        end(&reading);
    }
}

static void other_spellings_of_types_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "empty"},
        {" int", "a blank ahead"},
        {"int ", "a blank behind"},
        {"int | str", "blanks around the bar"},
        {"str|int", "not sorted"},
        {"none|bool", "not sorted"},
        {"int|int", "twice"},
        {"int|", "nothing behind the bar"},
        {"|int", "nothing ahead of the bar"},
        {"int||str", "an empty alternative"},
        {"None", "Python's spelling"},
        {"True", "Python's spelling"},
        {"integer", "unknown word"},
        {"Any", "unknown word"},
        {"object", "unknown word"},
        {"Callable", "unknown word"},
        {"fn", "a fn without parentheses"},
        {"tuple[int]", "Python's spelling"},
        {"(int)", "a tuple of one without its comma"},
        {"(int, )", "a comma too many"},
        {"(int, str,)", "a comma too many"},
        {"(int,str)", "no blank behind the comma"},
        {"( int,)", "a blank"},
        {"(,)", "nothing"},
        {"(*)", "nothing"},
        {"(int *)", "a blank"},
        {"(int**)", "two stars"},
        {"(int", "not closed"},
        {"(int, str", "not closed"},
        {")", "not opened"},
        {"(())x", "more behind it"},
        {"01", "a zero ahead"},
        {"00", "a zero ahead"},
        {"-0", "minus zero"},
        {"-01", "a zero ahead"},
        {"+1", "a plus"},
        {"-", "no digits"},
        {"1.0", "a float"},
        {"0x10", "hexadecimal"},
        {"1_000", "an underscore"},
        {"9223372036854775808", "one more than fits"},
        {"-9223372036854775809", "one less than fits"},
        {"99999999999999999999999999", "far more than fits"},
        {"'", "not closed"},
        {"'a", "not closed"},
        {"'a\\'", "the quote is escaped"},
        {"\"a\"", "double quotes"},
        {"'\\a'", "an unknown escape"},
        {"'\\n'", "an escape that is not ours"},
        {"'\\x4'", "one digit"},
        {"'\\x41'", "stands for itself"},
        {"'\\x27'", "has a shorter escape"},
        {"'\\x5c'", "has a shorter escape"},
        {"'\\u0041'", "stands for itself"},
        {"'\\u00ff'", "has a shorter escape"},
        {"'\\U0000ffff'", "has a shorter escape"},
        {"'\\U00110000'", "beyond Unicode"},
        {"'\\Uffffffff'", "beyond Unicode"},
        {"'\\ud800'", "half of a pair"},
        {"'\\udfff'", "half of a pair"},
        {"'\\xFF'", "upper case"},
        {"'\n'", "a control character"},
        {"'\xc3\xa9'", "not ASCII"},
        {"frozenset", "no item"},
        {"frozenset[]", "no item"},
        {"frozenset[int, str]", "two items"},
        {"frozenset[int", "not closed"},
        {"copy", "of nothing"},
        {"copy int", "no container"},
        {"copy  list[int]", "two blanks"},
        {"copy list", "no item"},
        {"copy dict[str]", "no value"},
        {"copy dict[str,int]", "no blank"},
        {"copy tuple[int]", "no container"},
        {"enum x:F", "not in enums"},
        {"enum E", "no module"},
        {"rec x:S", "not in records"},
        {"rec", "no class"},
        {"rec x", "no module"},
        {"rec x:", "no name"},
        {"x:", "no name"},
        {":X", "no module"},
        {"x::X", "two colons"},
        {"x:X:Y", "two colons"},
        {"x..y:X", "two dots"},
        {".x:X", "a dot ahead"},
        {"x:X.", "a dot behind"},
        {"x:9", "a digit"},
        {"x.y", "no class"},
        {"x: X", "a blank"},
        {"list[]", "no item"},
        {"list[int", "not closed"},
        {"list[int,str]", "no blank"},
        {"list[str|int]", "not sorted inside"},
        {"list [int]", "a blank"},
        {"int[str]", "a scalar with brackets"},
        {"list[int][int]", "brackets twice"},
        {"fn()", "no result"},
        {"fn() -> int", "blanks"},
        {"fn(int,str)->int", "no blank"},
        {"fn(int)->", "no result"},
        {"fn(int=?, str)->int", "required behind optional"},
        {"fn(int =?)->int", "a blank"},
        {"fn(int)->{int}", "braces around one"},
        {"fn(int)->{int|none", "not closed"},
        {"fn(int)->{}", "empty braces"},
        {"fn(x: int)->int", "a name"},
        {"fn(/)->int", "a slash"},
        {"fn(*int)->int", "a star"},
        {"async  fn()->int", "two blanks"},
        {"async int", "not a fn"},
        {"async", "not a fn"},
        {"int=?", "a mark where none is"},
        {"{int|none}", "braces where none are"},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        pyn_status st = read_type(rows[i].text);
        if (st != PYN_EFORMAT) {
            print_message("%s: %s\n", rows[i].text, rows[i].why);
        }
        assert_int_equal(st, PYN_EFORMAT);
    }
}

static void types_nest_32_deep_and_no_deeper(void **state)
{
    static const struct {
        const char *open;
        const char *inner;
        const char *close;
    } rows[] = {{"(", "int", ",)"},        {"copy list[", "int", "]"}, {"list[", "int", "]"},
                {"fn(", "int", ")->none"}, {"fn()->", "int", ""},      {"frozenset[", "int", "]"}};
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        for (size_t depth = 31; depth <= 33; depth++) {
            char text[2048] = "";
            for (size_t j = 1; j < depth; j++) {
                strcat(text, rows[i].open);
            }
            strcat(text, rows[i].inner);
            for (size_t j = 1; j < depth; j++) {
                strcat(text, rows[i].close);
            }
            assert_int_equal(read_type(text), depth <= 32 ? PYN_OK : PYN_EFORMAT);
        }
    }
}

static void a_hundred_thousand_parentheses_are_refused_at_the_33rd(void **state)
{
    static char text[100001];
    memset(text, '(', sizeof text - 1);
    assert_int_equal(read_type(text), PYN_EFORMAT);
    assert_int_equal(read_signature(text), PYN_EFORMAT);
}

static void a_union_has_at_most_1024_alternatives(void **state)
{
    for (size_t count = 1023; count <= 1025; count++) {
        char text[8192];
        size_t len = 0;
        for (size_t i = 0; i < count; i++) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%zu", i == 0 ? "" : "|", 1000 + i);
        }
        assert_int_equal(read_type(text), count <= 1024 ? PYN_OK : PYN_EFORMAT);
    }
}

static void canonical_signatures_are_read_and_printed_as_they_stand(void **state)
{
    static const char *const rows[] = {
        "() -> none",
        "(name: str, password: str) -> chat:Admin|chat:User|none",
        "(int, /) -> chat:Message",
        "(str, /, *, color: enum x:E=?, mode: 'later'|'now'=?) -> rec x:R",
        "async (n: int=?, *rest: int, **options: str) -> (chat:Message*)",
        "async () -> none",
        "(int, str=?, /) -> none",
        "(int, /, a: int, b: int=?, *c: int, d: int, e: int=?, **f: int) -> int|none",
        "(*rest: int) -> none",
        "(**options: int) -> none",
        "(*, a: int) -> none",
        "(*, a: int=?, b: int) -> none",
        "(*rest: int, a: int) -> none",
        "(a: int, *, b: int, **c: int) -> none",
        "(int:X, /) -> int:X",
        "(time: time, int: int) -> int",
        "((int,), /) -> (int*)",
        "('a: b', /) -> 'x'",
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct reading reading;
        struct pyn_buf buf;
        struct pyn_signature signature;
        begin(&reading);
        pyn_buf_init(&buf, pyn_mem_default(), 4096);
        pyn_status st = pyn_grammar_signature(&reading.grammar, pyn_view_of(rows[i]), &signature);
        if (st != PYN_OK) {
            print_message("%s: %s\n", rows[i], reading.grammar.fault.what);
        }
        assert_int_equal(st, PYN_OK);
        assert_int_equal(pyn_spell_signature(&buf, &signature), PYN_OK);
        assert_true(pyn_view_is_equal(pyn_buf_view(&buf), pyn_view_of(rows[i])));
        pyn_buf_fini(&buf);
        end(&reading);
    }
}

static void a_signature_says_what_each_parameter_is(void **state)
{
    struct reading reading;
    struct pyn_signature s;
    static const char text[] = "async (int, /, a: str=?, *rest: int, k: bool, **options: float) -> none";
    begin(&reading);
    assert_int_equal(pyn_grammar_signature(&reading.grammar, pyn_view_of(text), &s), PYN_OK);
    assert_true(s.is_async);
    assert_int_equal(s.param_count, 5);
    assert_int_equal(s.place_count, 2);
    assert_int_equal(s.params[0].kind, PYN_P_POSITIONAL);
    assert_int_equal(s.params[0].name.len, 0);
    assert_false(s.params[0].is_optional);
    assert_int_equal(s.params[1].kind, PYN_P_EITHER);
    assert_true(s.params[1].is_optional);
    assert_ptr_equal(s.rest, &s.params[2]);
    assert_true(s.rest->is_optional);
    assert_int_equal(s.params[3].kind, PYN_P_KEYWORD);
    assert_false(s.params[3].is_optional);
    assert_ptr_equal(s.options, &s.params[4]);
    assert_true(s.options->is_optional);
    assert_int_equal(s.result->kind, PYN_T_NONE);
    end(&reading);
}

static void other_spellings_of_signatures_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "empty"},
        {"()", "no result"},
        {"() ->", "no result"},
        {"()->none", "no blanks"},
        {"() -> ", "no result"},
        {"() -> none ", "a blank behind"},
        {" () -> none", "a blank ahead"},
        {"async() -> none", "no blank"},
        {"async  () -> none", "two blanks"},
        {"await () -> none", "another word"},
        {"( ) -> none", "a blank"},
        {"(int) -> none", "no name and no slash"},
        {"(int, str) -> none", "no names and no slash"},
        {"(/) -> none", "nothing ahead of the slash"},
        {"(/, a: int) -> none", "nothing ahead of the slash"},
        {"(int, /, /) -> none", "two slashes"},
        {"(a: int, /) -> none", "a name ahead of the slash"},
        {"(int, a: int, /) -> none", "a name ahead of the slash"},
        {"(int, a: int) -> none", "no slash"},
        {"(int, *) -> none", "no slash"},
        {"(int, *rest: int) -> none", "no slash"},
        {"(int, **options: int) -> none", "no slash"},
        {"(int, /, str) -> none", "no name behind the slash"},
        {"(*, int) -> none", "no name behind the star"},
        {"(*, a: int, /) -> none", "a slash behind the star"},
        {"(*) -> none", "nothing behind the star"},
        {"(*rest int) -> none", "no colon"},
        {"(**options int) -> none", "no colon"},
        {"(*: int) -> none", "no name"},
        {"(**: int) -> none", "no name"},
        {"(* rest: int) -> none", "a space"},
        {"(*, **options: int) -> none", "nothing between the stars"},
        {"(*, *rest: int) -> none", "two stars"},
        {"(*rest: int, *, a: int) -> none", "two stars"},
        {"(*a: int, *b: int) -> none", "two stars"},
        {"(*, a: int, *) -> none", "two stars"},
        {"(*rest) -> none", "no type"},
        {"(*rest: int=?) -> none", "a mark on the rest"},
        {"(**options: int=?) -> none", "a mark on the options"},
        {"(**a: int, **b: int) -> none", "two of them"},
        {"(**options: int, a: int) -> none", "something behind them"},
        {"(**options: int, *) -> none", "something behind them"},
        {"(a: int, a: int) -> none", "one name twice"},
        {"(a: int, *a: int) -> none", "one name twice"},
        {"(a: int, *, a: int) -> none", "one name twice"},
        {"(a: int, **a: int) -> none", "one name twice"},
        {"(a: int=?, b: int) -> none", "required behind optional"},
        {"(int=?, int, /) -> none", "required behind optional"},
        {"(int=?, /, b: int) -> none", "required behind optional"},
        {"(*, b: int, a: int) -> none", "keywords not sorted"},
        {"(a:int) -> none", "no blank"},
        {"(a : int) -> none", "a blank"},
        {"(a: int =?) -> none", "a blank"},
        {"(a: int = ?) -> none", "blanks"},
        {"(a: int=1) -> none", "a default"},
        {"(a: int,b: int) -> none", "no blank"},
        {"(a: int, ) -> none", "a comma too many"},
        {"(a: int,) -> none", "a comma too many"},
        {"(9a: int) -> none", "no name"},
        {"(\xd0\xb0: int) -> none", "not ASCII"},
        {"(a: int -> none", "not closed"},
        {"(a: str|int) -> none", "not sorted"},
        {"(a: int) -> str|int", "not sorted"},
        {"(a: int) -> none=?", "a mark on the result"},
        {"(a: int) -> {int|none}", "braces"},
        {"(self, a: int) -> none", "self"},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        pyn_status st = read_signature(rows[i].text);
        if (st != PYN_EFORMAT) {
            print_message("%s: %s\n", rows[i].text, rows[i].why);
        }
        assert_int_equal(st, PYN_EFORMAT);
    }
}

static void a_signature_has_at_most_64_parameters(void **state)
{
    static const char *const shapes[] = {"named", "unnamed", "fn"};
    for (size_t shape = 0; shape < SUPPORT_COUNT(shapes); shape++) {
        for (size_t count = 63; count <= 65; count++) {
            char text[2048];
            size_t len = (size_t)snprintf(text, sizeof text, "%s(", shape == 2 ? "fn" : "");
            for (size_t i = 0; i < count; i++) {
                const char *comma = i == 0 ? "" : ", ";
                len += shape == 0 ? (size_t)snprintf(text + len, sizeof text - len, "%sa%zu: int", comma, i)
                                  : (size_t)snprintf(text + len, sizeof text - len, "%sint", comma);
            }
            (void)snprintf(text + len, sizeof text - len, "%s",
                           shape == 0   ? ") -> none"
                           : shape == 1 ? ", /) -> none"
                                        : ")->none");
            assert_int_equal(shape == 2 ? read_type(text) : read_signature(text), count <= 64 ? PYN_OK : PYN_EFORMAT);
        }
    }
}

static void names_in_types_have_at_most_255_bytes(void **state)
{
    for (int len = 254; len <= 256; len++) {
        char text[1024];
        pyn_status wanted = len <= 255 ? PYN_OK : PYN_EFORMAT;
        (void)snprintf(text, sizeof text, "x:A%0*d", len - 1, 0);
        assert_int_equal(read_type(text), wanted);
        (void)snprintf(text, sizeof text, "A%0*d.y:X", len - 1, 0);
        assert_int_equal(read_type(text), wanted);
        (void)snprintf(text, sizeof text, "(A%0*d: int) -> none", len - 1, 0);
        assert_int_equal(read_signature(text), wanted);
        (void)snprintf(text, sizeof text, "(*A%0*d: int) -> none", len - 1, 0);
        assert_int_equal(read_signature(text), wanted);
    }
}

static void every_prefix_and_every_changed_byte_ends_in_a_verdict(void **state)
{
    static const char text[] = "async (int, /, a: copy dict[str, 'x\\u20ac']=?, *rest: fn(int=?)->{int|none}, k: "
                               "(x:Box[int]*), **o: -1|0) -> none";
    for (size_t i = 0; i < sizeof text; i++) {
        char changed[sizeof text];
        memcpy(changed, text, sizeof text);
        changed[i] = '\0';
        assert_int_equal(read_signature(changed), i == sizeof text - 1 ? PYN_OK : PYN_EFORMAT);
        for (int c = 1; c < 256; c++) {
            memcpy(changed, text, sizeof text);
            changed[i] = i == sizeof text - 1 ? '\0' : (char)c;
            (void)read_signature(changed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_ascii_identifiers_are_names),
        cmocka_unit_test(identifiers_have_at_most_255_bytes),
        cmocka_unit_test(private_names_are_no_members),
        cmocka_unit_test(operators_of_two_operands_are_known),
        cmocka_unit_test(every_listed_special_method_is_found),
        cmocka_unit_test(every_standard_container_is_found),
        cmocka_unit_test(canonical_types_are_read_and_printed_as_they_stand),
        cmocka_unit_test(literals_mean_what_they_spell),
        cmocka_unit_test(other_spellings_of_types_are_refused),
        cmocka_unit_test(types_nest_32_deep_and_no_deeper),
        cmocka_unit_test(a_hundred_thousand_parentheses_are_refused_at_the_33rd),
        cmocka_unit_test(a_union_has_at_most_1024_alternatives),
        cmocka_unit_test(canonical_signatures_are_read_and_printed_as_they_stand),
        cmocka_unit_test(a_signature_says_what_each_parameter_is),
        cmocka_unit_test(other_spellings_of_signatures_are_refused),
        cmocka_unit_test(a_signature_has_at_most_64_parameters),
        cmocka_unit_test(names_in_types_have_at_most_255_bytes),
        cmocka_unit_test(every_prefix_and_every_changed_byte_ends_in_a_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
