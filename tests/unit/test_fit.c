/* test_fit.c - which values fit which types. */
#include "policy_support.h"

/* The references of a peer that holds 1: x:A, 2: x:B, 3: x:C, 4: list[int], 5: the fn of the policy; it described 7: x:I, 8: x:A. */
struct world {
    struct pyn_policy *policy;
    const struct pyn_type *type;
    struct pyn_iface described[2];
    struct pyn_refs refs;
};

static const struct pyn_iface *exported(void *ctx, uint64_t id)
{
    const struct world *world = ctx;
    static const char *const names[] = {"x:A", "x:B", "x:C", "list[int]", "fn(int)->none"};
    return id >= 1 && id <= 5 ? pyn_policy_find(world->policy, pyn_view_of(names[id - 1])) : NULL;
}

static const struct pyn_iface *described(void *ctx, uint32_t number)
{
    const struct world *world = ctx;
    return number == 7 || number == 8 ? &world->described[number - 7] : NULL;
}

static void begin(struct world *world, const char *type)
{
    char json[65536];
    char value[32768];
    (void)snprintf(value, sizeof value, "\"(%s, /) -> none\"", type);
    policy_of(json, sizeof json, "methods", value);
    *world = (struct world){.policy = policy_load(json)};
    world->described[0] = (struct pyn_iface){.name = pyn_view_of("x:I"), .policy = world->policy};
    world->described[1] = (struct pyn_iface){.name = pyn_view_of("x:A"), .policy = world->policy};
    world->refs = (struct pyn_refs){world, exported, described, 4};
    world->type = policy_op(world->policy, "x:X", PYN_OP_METHOD, "m")->signatures[0].params[0].type;
}

static pyn_status fit(const struct pyn_type *type, const char *hex, const struct pyn_refs *refs)
{
    uint8_t bytes[4096];
    size_t len = support_hex(hex, bytes, sizeof bytes - 1);
    struct pyn_reader reader = {bytes, len + 1, 0}; /* a byte behind the value: it must not be read */
    bytes[len] = 0xc1;
    pyn_status st = pyn_type_fit(type, &reader, refs);
    if (st == PYN_OK) {
        assert_int_equal(reader.at, len);
    }
    return st;
}

enum { OK = PYN_OK, NO = PYN_EMISFIT, DENIED = PYN_EDENIED };

struct row {
    const char *type;
    const char *hex;
    int wanted;
    const char *why;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct world world;
        begin(&world, rows[i].type);
        pyn_status st = fit(world.type, rows[i].hex, &world.refs);
        if ((int)st != rows[i].wanted) {
            print_message("%s <- %s: %s\n", rows[i].type, rows[i].hex, rows[i].why);
        }
        assert_int_equal(st, rows[i].wanted);
        pyn_policy_unref(world.policy);
    }
}

#define CHECK(...)                                                                                                     \
    do {                                                                                                               \
        static const struct row rows[] = {__VA_ARGS__};                                                                \
        check_rows(rows, SUPPORT_COUNT(rows));                                                                         \
    } while (0)

#define BIG "c7 09 13 01 0000000000000000" /* 2**64 */
#define YOURS(id) "d7 11 00000000000000" id
#define MINE(number) "c7 0c 10 0000000000000009 000000" number
#define TAG(tag) "d4 12 " tag
#define SNAN "d6 19 734e614e"
#define NAME_E "a3 783a45"
#define NAME_P "a3 783a50"
#define NAME_T "a3 783a54"
#define NAME_N "a3 783a4e"

static void scalars_take_their_own_kind_only(void **state)
{
    static const char *const values[] = {"c0",
                                         "c3",
                                         "01",
                                         "ff",
                                         "cb 3ff0000000000000",
                                         "a1 31",
                                         "c4 01 31",
                                         "90",
                                         "80",
                                         BIG,
                                         "d8 14 3ff0000000000000 0000000000000000",
                                         "c7 0b 15 07e8 01 01 00 00 00 00 000000",
                                         "d6 16 07e8 01 01",
                                         "c7 07 17 00 00 00 00 000000",
                                         "c7 0c 18 00000000 00000000 00000000",
                                         "d4 19 31",
                                         "d8 1a 00000000000000000000000000000000",
                                         YOURS("01"),
                                         MINE("00"),
                                         TAG("02")};
    /* One column a value of the list above. */
    static const struct {
        const char *type;
        const char *fits;
    } rows[] = {
        {"none", "1..................."},
        {"bool", ".1.................."},
        {"int", "..11.....1.........."},
        {"float", "..111....1.........."},
        {"str", ".....1.............."},
        {"bytes", "......1............."},
        {"bytearray", "......1............."},
        {"memoryview", "......1............."},
        {"buffer", "......1............."},
        {"ndarray", "...................."},
        {"ndarray_uint8", "...................."},
        {"complex", "..........1........."},
        {"datetime", "...........1........"},
        {"date", "............1......."},
        {"time", ".............1......"},
        {"timedelta", "..............1....."},
        {"decimal", "...............1...."},
        {"uuid", "................1..."},
        {"data", "11111111111111111..."},
        {"range", "...................."},
        {"slice", "...................."},
        {"()", ".......1............"},
        {"(int*)", ".......1............"},
        {"(int,)", "...................."},
        {"true", ".1.................."},
        {"false", "...................."},
        {"1", "..1................."},
        {"-1", "...1................"},
        {"'1'", ".....1.............."},
        {"copy dict[str, int]", "........1..........."},
        {"copy list[int]", "...................."},
        {"frozenset[int]", "...................."},
        {"enum x:E", "...................."},
        {"rec x:P", "...................."},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct world world;
        begin(&world, rows[i].type);
        assert_int_equal(strlen(rows[i].fits), SUPPORT_COUNT(values));
        for (size_t j = 0; j < SUPPORT_COUNT(values); j++) {
            pyn_status st = fit(world.type, values[j], &world.refs);
            if (st != (rows[i].fits[j] == '1' ? PYN_OK : PYN_EMISFIT)) {
                print_message("%s <- %s\n", rows[i].type, values[j]);
            }
            assert_int_equal(st, rows[i].fits[j] == '1' ? PYN_OK : PYN_EMISFIT);
        }
        pyn_policy_unref(world.policy);
    }
}

static void integers_are_compared_by_value_whatever_their_form(void **state)
{
    CHECK({"1", "01", OK, "fixint"}, {"1", "cc 01", OK, "uint 8"}, {"1", "cf 0000000000000001", OK, "uint 64"},
          {"1", "d3 0000000000000001", OK, "int 64"}, {"1", "02", NO, "another"}, {"1", "c3", NO, "true is not 1"},
          {"0", "c2", NO, "false is not 0"}, {"1", "cb 3ff0000000000000", NO, "1.0 is not 1"}, {"0", "00", OK, "zero"},
          {"-1", "ff", OK, "negative fixint"}, {"-1", "d3 ffffffffffffffff", OK, "int 64"},
          {"-1", "cf ffffffffffffffff", NO, "2**64 - 1 is not -1"},
          {"9223372036854775807", "cf 7fffffffffffffff", OK, "the largest"},
          {"-9223372036854775808", "d3 8000000000000000", OK, "the smallest"},
          {"-9223372036854775808", "cf 8000000000000000", NO, "2**63 is not -2**63"},
          {"0|1", "c3", NO, "no union makes true 1"}, {"true", "01", NO, "1 is not true"}, {"true", "c2", NO, "false"},
          {"false", "c2", OK, "false"}, {"int", "c3", NO, "int never takes a bool"},
          {"float", "c3", NO, "nor does float"}, {"float", "ca 3f800000", OK, "float 32"},
          {"float", "cf 0020000000000001", OK, "an int, unchanged"});
}

static void string_literals_are_compared_byte_by_byte(void **state)
{
    CHECK({"'r'", "a1 72", OK, "equal"}, {"'r'", "a1 52", NO, "upper case"}, {"'r'", "c4 01 72", NO, "bytes"},
          {"'r'", "a2 7200", NO, "NUL behind"}, {"'r'", "a0", NO, "empty"},
          {"'r'", "d9 01 72", OK, "another form of length"}, {"''", "a0", OK, "empty"},
          {"'a'|'b'", "a1 62", OK, "the second"}, {"'a'|'b'", "a1 63", NO, "a third"});
}

static void tuples_have_exactly_their_places(void **state)
{
    CHECK({"(int, str)", "92 01 a0", OK, "both"}, {"(int, str)", "91 01", NO, "one short"},
          {"(int, str)", "93 01 a0 01", NO, "one more"}, {"(int, str)", "92 a0 01", NO, "swapped"},
          {"(int, str)", "92 01", NO, "cut short"}, {"(int, str)", "dc 0002 01 a0", OK, "array 16"},
          {"(int*)", "90", OK, "none"}, {"(int*)", "93 01 02 03", OK, "three"},
          {"(int*)", "93 01 c0 03", NO, "a nil among them"}, {"(int*)", "92 " TAG("02") " 01", NO, "a list is no tuple"},
          {"()", "91 c0", NO, "one"}, {"((int,)*)", "92 91 01 91 02", OK, "nested"}, {"(none*)", "80", NO, "a map"},
          {"(data*)", "91 " TAG("02"), NO, "a list is no tuple, even of data"});
}

static void copies_need_their_tag(void **state)
{
    CHECK({"copy list[int]", "91 " TAG("02"), OK, "empty"}, {"copy list[int]", "93 " TAG("02") " 01 02", OK, "two"},
          {"copy list[int]", "92 01 02", NO, "a tuple"}, {"copy list[int]", "92 " TAG("03") " 01", NO, "a set"},
          {"copy list[int]", "92 " TAG("02") " a0", NO, "another item"},
          {"copy list[int]", "97 " TAG("02") " 010101010101", OK, "no key limit"},
          {"copy set[int]", "93 " TAG("03") " 01 02", OK, "two"},
          {"copy set[int]", "93 " TAG("01") " 01 02", NO, "frozen"},
          {"frozenset[int]", "93 " TAG("01") " 01 02", OK, "two"},
          {"frozenset[int]", "93 " TAG("03") " 01 02", NO, "not frozen"},
          {"frozenset[int]", "94 " TAG("01") " 01 02 03", OK, "one below key_max"},
          {"frozenset[int]", "95 " TAG("01") " 01 02 03 04", OK, "key_max"},
          {"frozenset[int]", "96 " TAG("01") " 01 02 03 04 05", NO, "one above key_max"},
          {"decimal", SNAN, OK, "a signalling NaN is a Decimal"},
          {"frozenset[decimal]", "92 " TAG("01") " c7 03 19 4e614e", OK, "a quiet NaN hashes"},
          {"frozenset[decimal]", "92 " TAG("01") SNAN, NO, "a signalling one does not"},
          {"copy set[(int, decimal|none)]", "92 " TAG("03") " 92 01 " SNAN, NO, "nor what holds it"},
          {"copy dict[decimal, int]", "93 " TAG("08") SNAN " 01", NO, "as a key"},
          {"copy dict[int, decimal]", "81 01 " SNAN, OK, "as a value"}, {"data", "92 " TAG("02") SNAN, OK, "in a list"},
          {"data", "92 " TAG("03") SNAN, NO, "in a set of anything"},
          {"data", "92 " TAG("01") " 92 01 " SNAN, NO, "in a tuple in a set"},
          {"data", "93 " TAG("08") SNAN " 01", NO, "as a key of anything"},
          {"copy set[int]", "95 " TAG("03") " 01 02 03 04", OK, "key_max"},
          {"copy set[int]", "96 " TAG("03") " 01 02 03 04 05", NO, "one above key_max"});
}

static void dicts_are_maps_or_tagged_pairs(void **state)
{
    CHECK({"copy dict[str, int]", "81 a1 61 01", OK, "a map"}, {"copy dict[str, int]", "81 01 01", NO, "another key"},
          {"copy dict[str, int]", "81 a1 61 a0", NO, "another value"},
          {"copy dict[int, int]", "81 01 01", OK, "int keys"},
          {"copy dict[str, int]", "93 " TAG("08") " a1 61 01", OK, "tagged"},
          {"copy dict[(int,), int]", "93 " TAG("08") " 91 01 01", OK, "keys that no map has"},
          {"copy dict[str, int]", "92 " TAG("08") " a1 61", NO, "a key without its value"},
          {"copy dict[str, int]", "91 " TAG("08"), OK, "empty"}, {"copy dict[str, int]", "92 a1 61 01", NO, "a tuple"},
          {"copy dict[int, int]", "84 00000101 02020303", OK, "key_max"},
          {"copy dict[int, int]", "85 0000010102020303 0404", NO, "one above key_max"},
          {"copy dict[int, int]", "99 " TAG("08") " 0000010102020303", OK, "key_max"},
          {"copy dict[int, int]", "9b " TAG("08") " 00000101020203030404", NO, "one above key_max"},
          {"copy dict[bool, int]", "81 01 01", NO, "1 is no bool"});
}

static void ranges_and_slices_have_three_parts(void **state)
{
    CHECK({"range", "94 " TAG("04") " 00 0a 01", OK, "range(0, 10)"},
          {"range", "94 " TAG("04") " 00 0a ff", OK, "backwards"},
          {"range", "94 " TAG("04") " 00 0a 00", NO, "a step of zero"},
          {"range", "94 " TAG("04") " 00 c0 01", NO, "nil"}, {"range", "93 " TAG("04") " 00 0a", NO, "two parts"},
          {"range", "95 " TAG("04") " 00 0a 01 01", NO, "four parts"},
          {"range", "94 " TAG("05") " 00 0a 01", NO, "a slice"},
          {"range", "94 " TAG("04") " 00 " BIG " 01", NO, "beyond 64 bits"},
          {"range", "94 " TAG("04") " 00 c3 01", NO, "true"}, {"slice", "94 " TAG("05") " c0 c0 c0", OK, "[:]"},
          {"slice", "94 " TAG("05") " 00 0a 00", OK, "whoever uses it says no to a step of zero"},
          {"slice", "94 " TAG("05") " 00 a0 01", NO, "a str"}, {"slice", "94 " TAG("04") " 00 0a 01", NO, "a range"},
          {"slice", "93 " TAG("05") " c0 c0", NO, "two parts"});
}

static void enums_and_records_are_known_by_class_and_shape(void **state)
{
    CHECK({"enum x:E", "93 " TAG("07") " " NAME_E " a3 524544", OK, "RED"},
          {"enum x:E", "93 " TAG("07") " " NAME_E " a5 475245454e", OK, "GREEN"},
          {"enum x:E", "93 " TAG("07") " " NAME_E " a4 424c5545", NO, "BLUE"},
          {"enum x:E", "93 " TAG("07") " " NAME_E " a9 5f5f636c6173735f5f", NO, "__class__"},
          {"enum x:E", "93 " TAG("07") " " NAME_P " a3 524544", NO, "another class"},
          {"enum x:E", "93 " TAG("06") " " NAME_E " a3 524544", NO, "another tag"},
          {"enum x:E", "92 " TAG("07") " " NAME_E, NO, "no member"}, {"enum x:E", "a3 524544", NO, "a str"},
          {"enum x:E", "94 " TAG("07") " " NAME_E " a3 524544 c0", NO, "more behind it"},
          {"rec x:P", "94 " TAG("06") " " NAME_P " 01 02", OK, "both fields"},
          {"rec x:P", "93 " TAG("06") " " NAME_P " 01", NO, "one short"},
          {"rec x:P", "95 " TAG("06") " " NAME_P " 01 02 03", NO, "one more"},
          {"rec x:P", "94 " TAG("06") " " NAME_P " 01 c3", NO, "true is no int"},
          {"rec x:P", "94 " TAG("06") " " NAME_T " 01 02", NO, "another class"},
          {"rec x:P", "94 " TAG("06") " c4 03 783a50 01 02", NO, "bytes are no class"},
          {"rec x:P", "94 " TAG("06") " " NAME_P " 01 91 " TAG("06"), NO, "it may not miss"},
          {"rec x:P", "82 a1 78 01 a1 79 02", NO, "a map"}, {"rec x:P", "91 " TAG("06"), NO, "no class"},
          {"rec x:P", "92 " TAG("06") " " NAME_P, NO, "no field"}, {"rec x:P", "90", NO, "nothing"},
          {"rec x:T", "94 " TAG("06") " " NAME_T " 01 a0", OK, "both"},
          {"rec x:T", "94 " TAG("06") " " NAME_T " 91 " TAG("06") " a0", OK, "the first misses"},
          {"rec x:T", "94 " TAG("06") " " NAME_T " 01 91 " TAG("06"), NO, "the second may not"},
          {"rec x:T", "94 " TAG("06") " " NAME_T " 91 " TAG("07") " a0", NO, "another tag"},
          {"rec x:T", "94 " TAG("06") " " NAME_T " c0 a0", NO, "nil is not missing"},
          {"rec x:N", "93 " TAG("06") " " NAME_N " 93 " TAG("06") " " NAME_N " c0", OK, "itself inside"});
}

static void data_is_every_value_without_references_records_and_enums(void **state)
{
    CHECK({"data", "93 01 92 " TAG("02") " a0 81 a1 61 90", OK, "nested"},
          {"data", "92 01 " YOURS("01"), NO, "a reference inside"},
          {"data", "81 a1 61 " MINE("00"), NO, "a reference inside"},
          {"data", "94 " TAG("06") " " NAME_P " 01 02", NO, "a record"},
          {"data", "93 " TAG("07") " " NAME_E " a3 524544", NO, "an enum"},
          {"data", "91 91 " TAG("06"), NO, "a missing field"},
          {"data", "92 01 " TAG("02"), NO, "a tag that is not the first"},
          {"data", "94 " TAG("04") " 00 0a 01", OK, "a range"},
          {"data", "94 " TAG("04") " 00 0a 00", NO, "a step of zero"},
          {"data", "93 " TAG("04") " 00 0a", NO, "two parts"},
          {"data", "92 94 " TAG("05") " c0 c0 01 01", OK, "a slice, and more"},
          {"data", "93 " TAG("05") " c0 c0", NO, "two parts"},
          {"data", "95 " TAG("08") " 01 90 91 02 91 01", OK, "values of any kind"},
          {"data", "94 " TAG("08") " 01 90 02", NO, "a key without its value"},
          {"data", "93 " TAG("08") " 91 91 01 01", NO, "a tuple of tuples as a key"},
          {"data", "93 " TAG("08") " 92 " TAG("02") " 01 01", NO, "a list as a key"},
          {"data", "93 " TAG("08") " 80 01", NO, "a map as a key"},
          {"data", "93 " TAG("08") " " YOURS("01") " 01", NO, "a reference as a key"},
          {"data", "93 " TAG("08") " 01 " YOURS("01"), NO, "a reference as a value"},
          {"data", "93 " TAG("01") " 01 92 01 02", OK, "scalars and tuples of scalars"},
          {"data", "92 " TAG("01") " 92 " TAG("01") " 01", NO, "a set in a set"},
          {"data", "92 " TAG("03") " 91 " YOURS("01"), NO, "a reference in a tuple in a set"},
          {"data", "95 " TAG("03") " 01020304", OK, "key_max"},
          {"data", "96 " TAG("03") " 0102030405", NO, "one above key_max"},
          {"data", "99 " TAG("08") " 0000010102020303", OK, "key_max"},
          {"data", "9b " TAG("08") " 00000101020203030404", NO, "one above key_max"},
          {"data", "84 00000101 02020303", OK, "key_max"}, {"data", "85 0000010102020303 0404", NO, "one above key_max"},
          {"data", "92 01", NO, "cut short"}, {"data", "92 " TAG("02"), NO, "cut short"}, {"data", "91", NO, "cut short"},
          {"data", "81 a1 61", NO, "cut short"}, {"data", "df ffffffff", NO, "an announced length"},
          {"data", "dd ffffffff", NO, "an announced length"}, {"data", "c1", NO, "no msgpack"},
          {"data", "", NO, "nothing"}, {"data", "d50006 00", NO, "an ext type of nobody"},
          {"data", "d6 1b 00000000", NO, "a promise"}, {"data", "d8 1a 000102030405060708090a0b0c0d0e0f", OK, "a uuid"},
          {"data", "93 " TAG("08") " d50006 00 01", NO, "an ext type of nobody as a key"});
}

static void nesting_is_bounded_by_the_scanners_cap(void **state)
{
    static const char *const types[] = {"data", "rec x:N"};
    struct world world;
    begin(&world, types[0]);
    for (size_t depth = 63; depth <= 65; depth++) {
        char hex[256] = "";
        for (size_t i = 0; i < depth; i++) {
            strcat(hex, "91");
        }
        strcat(hex, "c0");
        assert_int_equal(fit(world.type, hex, &world.refs), depth <= 64 ? PYN_OK : PYN_EMISFIT);
    }
    pyn_policy_unref(world.policy);
    begin(&world, types[1]);
    for (size_t depth = 63; depth <= 66; depth++) {
        char hex[2048] = "";
        for (size_t i = 0; i < depth; i++) {
            strcat(hex, "93 d41206 a3783a4e ");
        }
        strcat(hex, "c0");
        assert_int_equal(fit(world.type, hex, &world.refs), depth <= 64 ? PYN_OK : PYN_EMISFIT);
    }
    pyn_policy_unref(world.policy);
}

static void a_reference_that_comes_home_fits_by_its_interface(void **state)
{
    CHECK({"x:A", YOURS("01"), OK, "exported under it"}, {"x:A", YOURS("02"), OK, "x:B conforms"},
          {"x:A", YOURS("03"), DENIED, "x:C does not"}, {"x:B", YOURS("01"), DENIED, "not the other way"},
          {"x:A", YOURS("63"), DENIED, "not held"}, {"x:A", YOURS("00"), DENIED, "not held"},
          {"x:I", YOURS("01"), DENIED, "an import has nothing of ours"}, {"list[int]", YOURS("04"), OK, "a container"},
          {"x:A|x:C", YOURS("03"), OK, "one of two"}, {"none|x:A", YOURS("03"), DENIED, "denied wins over the rest"},
          {"int|x:A", YOURS("63"), DENIED, "denied wins over the rest"}, {"none|x:A", "01", NO, "no reference at all"},
          {"(x:A*)", "92 " YOURS("01") YOURS("03"), DENIED, "inside a tuple"},
          {"x:A", "01", NO, "a number is no reference"}, {"x:A", "a3 783a41", NO, "a name is no reference"},
          {"fn(int)->none", YOURS("05"), OK, "a fn comes home"}, {"fn(int)->none", YOURS("01"), DENIED, "no fn"},
          {"int", YOURS("01"), NO, "not where a value is wanted"});
}

static void the_peers_own_object_fits_where_the_policy_calls_such(void **state)
{
    CHECK({"x:A", MINE("00"), DENIED, "a nominal class takes only ours"},
          {"x:A", MINE("08"), DENIED, "whatever the peer calls it"},
          {"x:A", MINE("63"), DENIED, "whatever the peer calls it"}, {"x:I", MINE("00"), OK, "an import"},
          {"x:I", MINE("07"), OK, "described as it"}, {"x:I", MINE("08"), DENIED, "described as another"},
          {"x:I", MINE("63"), DENIED, "not described"}, {"fn(int)->none", MINE("00"), OK, "a fn"},
          {"fn(int)->none", MINE("07"), DENIED, "described as another"}, {"x:A|x:I", MINE("00"), OK, "one of two"},
          {"none|x:A", MINE("00"), DENIED, "none of two"}, {"data", MINE("00"), NO, "no data"});
}

static void types_that_have_to_be_hashed_are_checked_at_load(void **state)
{
    static const struct {
        const char *type;
        bool is_allowed;
    } rows[] = {
        {"frozenset[int]", true},
        {"frozenset[(int, str)]", true},
        {"frozenset[frozenset[int]]", true},
        {"frozenset[enum x:E]", true},
        {"frozenset[rec x:P]", true},
        {"frozenset[rec x:N]", true},
        {"frozenset[range]", true},
        {"frozenset[int|str]", true},
        {"copy dict[rec x:P, copy list[x:A]]", true},
        {"copy list[x:A]", true},
        {"frozenset[slice]", false},
        {"frozenset[data]", false},
        {"frozenset[copy list[int]]", false},
        {"frozenset[(copy list[int],)]", false},
        {"frozenset[copy set[int]]", false},
        {"frozenset[copy dict[int, int]]", false},
        {"frozenset[rec x:T]", false},
        {"frozenset[x:A]", false},
        {"frozenset[int|x:A]", false},
        {"frozenset[fn()->none]", false},
        {"copy set[x:A]", false},
        {"copy dict[x:A, int]", false},
        {"copy dict[data, int]", false},
        {"copy dict[int, frozenset[x:A]]", false},
        {"frozenset[(rec x:T*)]", false},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        char json[4096];
        char value[256];
        struct pyn_policy *policy = NULL;
        struct pyn_diag diag;
        (void)snprintf(value, sizeof value, "\"(%s, /) -> none\"", rows[i].type);
        policy_of(json, sizeof json, "methods", value);
        pyn_status st = pyn_policy_load(pyn_mem_default(), pyn_view_of(json), &policy, &diag);
        if (st != (rows[i].is_allowed ? PYN_OK : PYN_EFORMAT)) {
            print_message("%s\n", rows[i].type);
        }
        assert_int_equal(st, rows[i].is_allowed ? PYN_OK : PYN_EFORMAT);
        pyn_policy_unref(policy);
    }
}

/* Every record names the next one twice, behind alternatives that agree up to their last item. */
static void a_policy_that_makes_small_values_dear_is_cut_off(void **state)
{
    static char json[16384];
    size_t len = (size_t)snprintf(
        json, sizeof json,
        "{\"interfaces\":{\"x:X\":{\"class\":\"x:X\",\"methods\":{\"m\":\"(rec x:R10, /) -> none\"}}},"
        "\"platform\":\"p\",\"pynto-policy\":1,\"python\":\"3.11\",\"records\":{");
    for (int i = 10; i < 40; i++) {
        len += (size_t)snprintf(json + len, sizeof json - len,
                                "\"x:R%d\":{\"v\":\"(rec x:R%d, 'a')|(rec x:R%d, 'b')|none\"},", i, i + 1, i + 1);
    }
    (void)snprintf(json + len, sizeof json - len, "\"x:R40\":{}},\"roots\":{\"r\":\"x:X\"}}");
    struct pyn_policy *policy = policy_load(json);
    char hex[4096] = "";
    for (int i = 10; i < 40; i++) {
        char part[64];
        (void)snprintf(part, sizeof part, "93 d41206 a5783a52%02x%02x 92 ", '0' + i / 10, '0' + i % 10);
        strcat(hex, part);
    }
    strcat(hex, "92 d41206 a5783a523430");
    for (int i = 10; i < 40; i++) {
        strcat(hex, " a163"); /* neither 'a' nor 'b' */
    }
    struct pyn_refs refs = {NULL, exported, described, 1024};
    const struct pyn_type *type = policy_op(policy, "x:X", PYN_OP_METHOD, "m")->signatures[0].params[0].type;
    assert_int_equal(fit(type, hex, &refs), PYN_EMISFIT); /* 2**30 steps without the budget */
    pyn_policy_unref(policy);
}

static void a_value_that_is_cut_anywhere_does_not_fit(void **state)
{
    static const struct {
        const char *type;
        const char *hex;
    } rows[] = {
        {"(int, str, copy dict[str, (float*)])", "93 cd0100 a3616263 81 a161 92 cb3ff0000000000000 ca3f800000"},
        {"data", "94 d41202 93 d41201 01 9101 95 d41208 01 90 02 93 d41202 01 01 94 d41204 00 01 01"},
        {"rec x:T", "94 d41206 a3783a54 91 d41206 a161"},
        {"(x:A, fn(int)->none, enum x:E)",
         "93 d7110000000000000001 c70c10000000000000000100000000 93 d41207 a3783a45 a3524544"},
    };
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct world world;
        uint8_t bytes[256];
        size_t len = support_hex(rows[i].hex, bytes, sizeof bytes);
        begin(&world, rows[i].type);
        for (size_t cut = 0; cut <= len; cut++) {
            uint8_t *exact = malloc(cut == 0 ? 1 : cut); /* so that a sanitizer sees one byte too many */
            memcpy(exact, bytes, cut);
            struct pyn_reader reader = {exact, cut, 0};
            assert_int_equal(pyn_type_fit(world.type, &reader, &world.refs), cut == len ? PYN_OK : PYN_EMISFIT);
            free(exact);
        }
        pyn_policy_unref(world.policy);
    }
}

#define F8 "a7 666c6f61743634"
#define U1 "a5 75696e7438"
#define BOOLS "a4 626f6f6c"
#define BIN8 "c4 08 0000000000000000"

static void arrays_are_numbers_of_a_shape_that_holds_them(void **state)
{
    (void)state;
    CHECK({"ndarray", "94" TAG("09") F8 BIN8 "01", PYN_OK, "one number"},
          {"ndarray_float64", "94" TAG("09") F8 BIN8 "01", PYN_OK, "of this kind"},
          {"ndarray_int64", "94" TAG("09") F8 BIN8 "01", PYN_EMISFIT, "of another kind"},
          {"ndarray", "93" TAG("09") F8 BIN8, PYN_OK, "without dimensions"},
          {"ndarray", "95" TAG("09") U1 BIN8 "02 04", PYN_OK, "two by four"},
          {"ndarray", "94" TAG("09") U1 "c400 00", PYN_OK, "empty"},
          {"ndarray", "95" TAG("09") U1 "c400 00 cf7fffffffffffffff", PYN_OK, "empty, and the largest length"},
          {"ndarray", "95" TAG("09") U1 "c400 00 cf8000000000000000", PYN_EMISFIT, "a length of 2**63"},
          {"ndarray", "95" TAG("09") F8 "c400 00 cf0fffffffffffffff", PYN_OK, "the largest that could be made"},
          {"ndarray", "95" TAG("09") F8 "c400 00 cf1000000000000000", PYN_EMISFIT, "one more"},
          {"ndarray", "94" TAG("09") F8 BIN8 "02", PYN_EMISFIT, "too few bytes"},
          {"ndarray", "94" TAG("09") F8 BIN8 "00", PYN_EMISFIT, "too many"},
          {"ndarray", "94" TAG("09") F8 BIN8 "ff", PYN_EMISFIT, "a negative length"},
          {"ndarray", "94" TAG("09") F8 BIN8 "cf2000000000000001", PYN_EMISFIT, "a size that wraps"},
          {"ndarray", "95" TAG("09") F8 BIN8 "ce80000000 ce40000000", PYN_EMISFIT, "a product that wraps"},
          {"ndarray", "94" TAG("09") "a6 6f626a656374" BIN8 "01", PYN_EMISFIT, "objects"},
          {"ndarray", "94" TAG("09") "a0" BIN8 "01", PYN_EMISFIT, "no dtype"},
          {"ndarray",
           "94" TAG("09") F8 "a8 3030303030303030"
                             "01",
           PYN_EMISFIT, "text instead of bytes"},
          {"ndarray",
           "94" TAG("09") F8 "c0"
                             "00",
           PYN_EMISFIT, "nothing instead of bytes"},
          {"ndarray", "94" TAG("09") BOOLS "c402 0001 02", PYN_OK, "bools"},
          {"ndarray", "94" TAG("09") BOOLS "c402 0002 02", PYN_EMISFIT, "what is neither"},
          {"ndarray", "92" TAG("09") F8, PYN_EMISFIT, "a dtype alone"},
          {"ndarray", "91" TAG("09"), PYN_EMISFIT, "a tag alone"}, {"ndarray", "90", PYN_EMISFIT, "nothing"},
          {"ndarray", "94" TAG("02") F8 BIN8 "01", PYN_EMISFIT, "a list"},
          {"data", "94" TAG("09") F8 BIN8 "01", PYN_EMISFIT, "data holds no arrays"},
          {"(ndarray*)", "91 94" TAG("09") F8 BIN8 "01", PYN_OK, "inside of a tuple"},
          {"ndarray|none", "94" TAG("09") F8 BIN8 "01", PYN_OK, "an alternative"});
}

/* Of each kind as many bytes as its items take, and not one more or less; any number of dimensions up to the most. */
static void arrays_have_the_bytes_of_their_kind(void **state)
{
    static const struct {
        const char *name;
        size_t size;
    } kinds[] = {
        {"bool", 1},    {"int8", 1},    {"int16", 2},     {"int32", 4},       {"int64", 8},
        {"uint8", 1},   {"uint16", 2},  {"uint32", 4},    {"uint64", 8},      {"float16", 2},
        {"float32", 4}, {"float64", 8}, {"complex64", 8}, {"complex128", 16},
    };
    struct world world;

    (void)state;
    begin(&world, "ndarray");
    assert_int_equal(SUPPORT_COUNT(kinds), PYN_DTYPE_COUNT - 1);
    for (size_t i = 0; i < SUPPORT_COUNT(kinds); i++) {
        assert_string_equal(pyn_dtype_name((enum pyn_dtype)(i + 1)), kinds[i].name);
        for (size_t bytes = 0; bytes <= 3 * 16 + 1; bytes++) {
            uint8_t value[128] = {0x94, 0xd4, PYN_EXT_TAG, 0x09, (uint8_t)(0xa0 + strlen(kinds[i].name))};
            size_t len = 5;
            memcpy(value + len, kinds[i].name, strlen(kinds[i].name));
            len += strlen(kinds[i].name);
            value[len++] = 0xc4;
            value[len++] = (uint8_t)bytes;
            len += bytes;
            value[len++] = 3; /* items in one dimension */
            struct pyn_reader reader = pyn_reader_of((struct pyn_view){value, len});
            assert_int_equal(pyn_type_fit(world.type, &reader, &world.refs),
                             bytes == 3 * kinds[i].size ? PYN_OK : PYN_EMISFIT);
        }
    }
    for (size_t dimensions = 0; dimensions <= PYN_DIMENSIONS_MAX + 1; dimensions++) {
        uint8_t value[64] = {
            0xdc, 0, (uint8_t)(3 + dimensions), 0xd4, PYN_EXT_TAG, 0x09, 0xa4, 'i', 'n', 't', '8', 0xc4, 1, 0};
        memset(value + 14, 1, dimensions);
        struct pyn_reader reader = pyn_reader_of((struct pyn_view){value, 14 + dimensions});
        assert_int_equal(pyn_type_fit(world.type, &reader, &world.refs),
                         dimensions <= PYN_DIMENSIONS_MAX ? PYN_OK : PYN_EMISFIT);
    }
    pyn_policy_unref(world.policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_have_the_bytes_of_their_kind),
        cmocka_unit_test(scalars_take_their_own_kind_only),
        cmocka_unit_test(arrays_are_numbers_of_a_shape_that_holds_them),
        cmocka_unit_test(integers_are_compared_by_value_whatever_their_form),
        cmocka_unit_test(string_literals_are_compared_byte_by_byte),
        cmocka_unit_test(tuples_have_exactly_their_places),
        cmocka_unit_test(copies_need_their_tag),
        cmocka_unit_test(dicts_are_maps_or_tagged_pairs),
        cmocka_unit_test(ranges_and_slices_have_three_parts),
        cmocka_unit_test(enums_and_records_are_known_by_class_and_shape),
        cmocka_unit_test(data_is_every_value_without_references_records_and_enums),
        cmocka_unit_test(nesting_is_bounded_by_the_scanners_cap),
        cmocka_unit_test(a_reference_that_comes_home_fits_by_its_interface),
        cmocka_unit_test(the_peers_own_object_fits_where_the_policy_calls_such),
        cmocka_unit_test(types_that_have_to_be_hashed_are_checked_at_load),
        cmocka_unit_test(a_policy_that_makes_small_values_dear_is_cut_off),
        cmocka_unit_test(a_value_that_is_cut_anywhere_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
