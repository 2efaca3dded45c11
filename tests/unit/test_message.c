/* test_message.c - does the grammar let in its messages and nothing else, and are ours read back as they were meant? */
#include "support.h"

#include "../../src/wire/message.h"
#include "../../src/wire/scan.h"

static struct pyn_message parsed(const char *hex)
{
    struct pyn_message m;

    assert_int_equal(pyn_message_parse(support_bytes(hex), &m), PYN_OK);
    return m;
}

static bool is_text(struct pyn_view view, const char *text)
{
    return pyn_view_is_equal(view, pyn_view_of(text));
}

static void a_call_has_reference_name_args_and_kwargs(void **state)
{
    struct pyn_message m = parsed("94 05 a4706f7374 92 a3616461 a568656c6c6f 81 a178 01");

    (void)state;
    assert_int_equal(m.kind, PYN_M_CALL);
    assert_true(m.is_known_ref);
    assert_int_equal(m.id, 5);
    assert_true(is_text(m.name, "post"));
    assert_true(support_is_hex(m.body, "92 a3616461 a568656c6c6f 81 a178 01"));
}

static void every_form_of_an_integer_is_the_same_reference(void **state)
{
    static const struct {
        const char *hex;
        bool is_known;
        uint64_t id;
    } cases[] = {
        {"00", true, 0},
        {"cc00", true, 0},
        {"cd0000", true, 0},
        {"ce00000000", true, 0},
        {"cf0000000000000000", true, 0},
        {"d000", true, 0},
        {"d10000", true, 0},
        {"d200000000", true, 0},
        {"d30000000000000000", true, 0},
        {"cf0000000000000001", true, 1},
        {"cf7fffffffffffffff", true, INT64_MAX},
        {"cf8000000000000000", true, UINT64_C(1) << 63},
        {"cfffffffffffffffff", true, UINT64_MAX},
        {"ff", false, 0},
        {"d0ff", false, 0},
        {"d3ffffffffffffffff", false, 0},
        {"d38000000000000000", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        char hex[64];
        (void)snprintf(hex, sizeof(hex), "94 %s a166 90 80", cases[i].hex);
        struct pyn_message m = parsed(hex);
        assert_int_equal(m.kind, PYN_M_CALL);
        assert_int_equal(m.is_known_ref, cases[i].is_known);
        assert_true(m.id == cases[i].id);
    }
}

static void only_a_tag_in_front_makes_args_no_tuple(void **state)
{
    (void)state;
    assert_int_equal(parsed("94 00 a166 91 d7110000000000000000 80").kind, PYN_M_CALL);
    assert_int_equal(parsed("94 00 a166 91 92 d41201 01 80").kind, PYN_M_CALL);
    assert_int_equal(parsed("94 00 a166 91 81 a161 92 d41201 01 80").kind, PYN_M_CALL);
}

static void the_other_kinds_are_read(void **state)
{
    struct pyn_message m = parsed("92 ff 93010203");

    (void)state;
    assert_int_equal(m.kind, PYN_M_RETURN);
    assert_true(support_is_hex(m.body, "93010203"));

    m = parsed("92 fe 94 a145 a2686f a174 a169");
    assert_int_equal(m.kind, PYN_M_ERROR);
    assert_true(is_text(m.name, "E") && is_text(m.text, "ho") && is_text(m.traceback, "t") && is_text(m.incident, "i"));
    m = parsed("92 fe 94 a145 a0 c0 c0");
    assert_true(is_text(m.name, "E") && m.text.len == 0 && m.traceback.len == 0 && m.incident.len == 0);

    m = parsed("93 fe 94 a145 a0 c0 c0 82 a576616c7565 d7110000000000000000 a6636175736573 91 93 a146 a0 a169");
    assert_int_equal(m.kind, PYN_M_ERROR);
    assert_true(support_is_hex(m.body, "82 a576616c7565 d7110000000000000000 a6636175736573 91 93 a146 a0 a169"));

    m = parsed("96 f5 05 a4706f7374 91 01 80 81 a56168656164 ceffffffff");
    assert_true(m.kind == PYN_M_ASK && m.is_known_ref && m.id == 5 && m.ahead == UINT32_MAX && is_text(m.name, "post"));
    assert_true(support_is_hex(m.body, "91 01 80"));
    assert_int_equal(parsed("96 f5 ff a166 90 80 80").is_known_ref, false);
    assert_int_equal(parsed("96 f5 00 a166 90 80 80").ahead, 0);
    m = parsed("96 f5 00 a166 90 80 82 a56168656164 02 a677697468696e cf7fffffffffffffff");
    assert_true(m.ahead == 2 && m.has_within && m.within_us == INT64_MAX);
    m = parsed("93 f4 91 94 00 a166 90 80 81 a677697468696e 00");
    assert_true(m.kind == PYN_M_BATCH && m.count == 1 && m.has_within && m.within_us == 0);
    assert_false(parsed("93 f4 91 94 00 a166 90 80 80").has_within);
    m = parsed("92 f3 93 01 a161 90");
    assert_true(m.kind == PYN_M_ITEMS && m.count == 3 && support_is_hex(m.body, "01 a161 90"));

    m = parsed("93 f2 07 a474657874");
    assert_true(m.kind == PYN_M_STALE && m.id == 7 && m.has_name && is_text(m.name, "text"));
    m = parsed("93 f2 cfffffffffffffffff c0");
    assert_true(m.kind == PYN_M_STALE && m.id == UINT64_MAX && !m.has_name && m.name.len == 0);

    m = parsed("93 fd cfffffffffffffffff cfffffffffffffffff");
    assert_int_equal(m.kind, PYN_M_FREE);
    assert_true(m.id == UINT64_MAX && m.count == UINT64_MAX);

    m = parsed("92 fc cf7fffffffffffffff");
    assert_int_equal(m.kind, PYN_M_LANE);
    assert_true(m.id == INT64_MAX);

    m = parsed("93 fb ceffffffff 81 a16b 90");
    assert_int_equal(m.kind, PYN_M_DESCRIBE);
    assert_int_equal(m.id, UINT32_MAX);
    assert_true(support_is_hex(m.body, "81 a16b 90"));

    m = parsed("91 fa");
    assert_int_equal(m.kind, PYN_M_CANCEL);

    m = parsed("93 f9 03 a3627965");
    assert_int_equal(m.kind, PYN_M_GOODBYE);
    assert_true(m.id == 3 && is_text(m.name, "bye"));

    m = parsed("95 f8 a570796e746f 01 a472 6f6f74 81 a178 01");
    assert_int_equal(m.kind, PYN_M_HELLO);
    assert_true(m.id == 1 && m.has_name && is_text(m.name, "root"));
    assert_true(support_is_hex(m.body, "81 a178 01"));
    m = parsed("95 f8 a570796e746f 01 c0 80");
    assert_true(!m.has_name && m.name.len == 0);

    m = parsed("92 f7 00");
    assert_int_equal(m.kind, PYN_M_PING);
    m = parsed("92 f6 d37fffffffffffffff");
    assert_int_equal(m.kind, PYN_M_PONG);
    assert_true(m.id == INT64_MAX);
    m = parsed("92 d3fffffffffffffff6 05");
    assert_int_equal(m.kind, PYN_M_PONG);
}

#define DETAILS "93 fe 94 a145 a0 c0 c0 "
#define CAUSE "93 a145 a0 c0 "
#define GROUP "81 a66572726f7273 91 92 94 a145 a0 c0 c0 "

static const struct {
    const char *hex;
    pyn_status wanted;
    const char *why;
} rows[] = {
    {"", PYN_EFORMAT, "nothing"},
    {"c0", PYN_EFORMAT, "no array"},
    {"84 00 01 a165 02 90 03 80", PYN_EFORMAT, "a map"},
    {"90", PYN_EFORMAT, "no kind"},
    {"91 00", PYN_EFORMAT, "a kind that is no kind"},
    {"91 94 00 a165 90 80", PYN_EFORMAT, "a call in one more array"},
    {"92 00 01", PYN_EFORMAT, "kind 0 is no call without four parts"},
    {"93 00 a165 90", PYN_EFORMAT, "a call of three"},
    {"95 00 a165 90 80 c0", PYN_EFORMAT, "a call of five"},
    {"91 f5", PYN_EFORMAT, "an ask of nothing"},
    {"92 f5 00", PYN_EFORMAT, "an ask of a number"},
    {"95 f5 00 a165 90 80", PYN_EFORMAT, "an ask without options"},
    {"97 f5 00 a165 90 80 80 80", PYN_EFORMAT, "an ask with options twice"},
    {"96 f5 00 a165 90 80 90", PYN_EFORMAT, "options that are an array"},
    {"96 f5 00 a165 90 80 c0", PYN_EFORMAT, "options that are nil"},
    {"96 f5 00 a165 90 80 81 a161 01", PYN_EFORMAT, "an option that is not listed"},
    {"96 f5 00 a165 90 80 81 01 01", PYN_EFORMAT, "an option that is an integer"},
    {"96 f5 00 a165 90 80 81 a56168656164 00", PYN_EFORMAT, "ahead 0"},
    {"96 f5 00 a165 90 80 81 a56168656164 ff", PYN_EFORMAT, "ahead -1"},
    {"96 f5 00 a165 90 80 81 a56168656164 cf0000000100000000", PYN_EFORMAT, "ahead 2**32"},
    {"96 f5 00 a165 90 80 81 a56168656164 cf8000000000000000", PYN_EFORMAT, "ahead 2**63"},
    {"96 f5 00 a165 90 80 81 a56168656164 c3", PYN_EFORMAT, "ahead true"},
    {"96 f5 c3 a165 90 80 80", PYN_EFORMAT, "an ask of true"},
    {"96 f5 00 a0 90 80 80", PYN_EFORMAT, "an ask without a name"},
    {"96 f5 00 a165 90 90 80", PYN_EFORMAT, "an ask whose kwargs are an array"},
    {"91 f3", PYN_EFORMAT, "items of nothing"},
    {"92 f3 90", PYN_EFORMAT, "no items"},
    {"92 f3 01", PYN_EFORMAT, "items that are a number"},
    {"92 f3 81 01 02", PYN_EFORMAT, "items that are a map"},
    {"92 f3 92 d41202 01", PYN_EFORMAT, "items that are a list"},
    {"93 f3 91 01 02", PYN_EFORMAT, "items and more"},
    {"92 f2 07", PYN_EFORMAT, "stale without a name or nil"},
    {"93 f2 ff c0", PYN_EFORMAT, "stale of a negative reference"},
    {"93 f2 c3 c0", PYN_EFORMAT, "stale of true"},
    {"93 f2 07 a0", PYN_EFORMAT, "stale of an empty name"},
    {"93 f2 07 c40161", PYN_EFORMAT, "stale of a name in bytes"},
    {"92 d3ffffffff00000000 00", PYN_EFORMAT, "a kind whose low 32 bits are 0"},
    {"92 d3fffffffefffffff7 00", PYN_EFORMAT, "a kind whose low 32 bits are -9"},
    {"92 cffffffffffffffff7 00", PYN_EFORMAT, "a positive kind with the bits of -9"},
    {"94 00 a165 90 80 00", PYN_EFORMAT, "something behind it"},
    {"91 fa 00", PYN_EFORMAT, "something behind it"},

    {"94 c2 a165 90 80", PYN_EFORMAT, "a reference that is false"},
    {"94 c3 a165 90 80", PYN_EFORMAT, "a reference that is true"},
    {"94 c0 a165 90 80", PYN_EFORMAT, "a reference that is nil"},
    {"94 ca00000000 a165 90 80", PYN_EFORMAT, "a reference that is 0.0"},
    {"94 cb8000000000000000 a165 90 80", PYN_EFORMAT, "a reference that is -0.0"},
    {"94 a130 a165 90 80", PYN_EFORMAT, "a reference that is a str"},
    {"94 c40130 a165 90 80", PYN_EFORMAT, "a reference that is bin"},
    {"94 d7110000000000000000 a165 90 80", PYN_EFORMAT, "a reference that is a reference"},
    {"94 00 00 90 80", PYN_EFORMAT, "a name that is an integer"},
    {"94 00 c0 90 80", PYN_EFORMAT, "a name that is nil"},
    {"94 00 c4046563686f 90 80", PYN_EFORMAT, "a name that is bin"},
    {"94 00 91a165 90 80", PYN_EFORMAT, "a name in an array"},
    {"94 00 81a16501 90 80", PYN_EFORMAT, "a name in a map"},
    {"94 00 a0 90 80", PYN_EFORMAT, "an empty name"},
    {"94 00 a165 80 80", PYN_EFORMAT, "args that are a map"},
    {"94 00 a165 c0 80", PYN_EFORMAT, "args that are nil"},
    {"94 00 a165 91d41201 80", PYN_EFORMAT, "args that are a frozenset"},
    {"94 00 a165 92d4120201 80", PYN_EFORMAT, "args that are a list"},
    {"94 00 a165 90 90", PYN_EFORMAT, "kwargs that are an array"},
    {"94 00 a165 90 c0", PYN_EFORMAT, "kwargs that are nil"},
    {"94 00 a165 90 81 01 01", PYN_EFORMAT, "a keyword that is an integer"},
    {"94 00 a165 90 82 a161 01 c4016e 01", PYN_EFORMAT, "a second keyword that is bin"},

    {"91 ff", PYN_EFORMAT, "a return of nothing"},
    {"93 ff 01 02", PYN_EFORMAT, "a return of two"},
    {"92 fe a145", PYN_EFORMAT, "an error that is a str"},
    {"92 fe 93 a145 a0 c0", PYN_EFORMAT, "an error of three"},
    {"92 fe 95 a145 a0 c0 c0 c0", PYN_EFORMAT, "an error of five"},
    {"92 fe 94 a0 a0 c0 c0", PYN_EFORMAT, "an error without a type"},
    {"92 fe 94 a145 c0 c0 c0", PYN_EFORMAT, "an error whose text is nil"},
    {"92 fe 94 a145 a0 01 c0", PYN_EFORMAT, "a traceback that is an integer"},
    {"92 fe 94 a145 a0 c0 c40100", PYN_EFORMAT, "an incident that is bin"},
    {"93 fe 94 a145 a0 c0 c0 c0", PYN_EFORMAT, "details that are nil"},
    {"93 fe 94 a145 a0 c0 c0 90", PYN_EFORMAT, "details that are an array"},
    {"93 fe a145 80", PYN_EFORMAT, "details of no error"},
    {"94 fe 94 a145 a0 c0 c0 80 80", PYN_EFORMAT, "details twice"},
    {DETAILS "81 a14b 01", PYN_EFORMAT, "a key that is not listed"},
    {DETAILS "81 01 01", PYN_EFORMAT, "a key that is an integer"},
    {DETAILS "81 a66669656c6473 80", PYN_EFORMAT, "no fields"},
    {DETAILS "81 a66669656c6473 90", PYN_EFORMAT, "fields that are an array"},
    {DETAILS "81 a66669656c6473 81 01 01", PYN_EFORMAT, "a field that is an integer"},
    {DETAILS "81 a66669656c6473 81 a0 01", PYN_EFORMAT, "a field without a name"},
    {DETAILS "81 a66669656c6473 81 a15f 01", PYN_EFORMAT, "a field that begins with an underscore"},
    {DETAILS "81 a66669656c6473 81 a131 01", PYN_EFORMAT, "a field that begins with a digit"},
    {DETAILS "81 a66669656c6473 81 a3612e62 01", PYN_EFORMAT, "a field with a dot"},
    {DETAILS "81 a66669656c6473 81 a2c3a9 01", PYN_EFORMAT, "a field that is not ASCII"},
    {DETAILS "81 a6636175736573 90", PYN_EFORMAT, "no causes"},
    {DETAILS "81 a6636175736573 99" CAUSE CAUSE CAUSE CAUSE CAUSE CAUSE CAUSE CAUSE CAUSE, PYN_EFORMAT, "nine causes"},
    {DETAILS "81 a6636175736573 91 94 a145 a0 c0 c0", PYN_EFORMAT, "a cause with a traceback"},
    {DETAILS "81 a6636175736573 91 93 a0 a0 c0", PYN_EFORMAT, "a cause without a type"},
    {DETAILS "81 a6636175736573 91 93 a145 01 c0", PYN_EFORMAT, "a cause whose text is an integer"},
    {DETAILS "81 a6636175736573 91 93 a145 a0 d7110000000000000000", PYN_EFORMAT, "an incident that is a reference"},
    {DETAILS "81 a66572726f7273 90", PYN_EFORMAT, "no members"},
    {DETAILS "81 a66572726f7273 91 94 a145 a0 c0 c0", PYN_EFORMAT, "a member without details"},
    {DETAILS "81 a66572726f7273 91 92 94 a145 a0 c0 c0 81 a576616c7565 01", PYN_EFORMAT, "a member that is an end"},
    {DETAILS "81 a66572726f7273 91 92 94 a145 a0 c0 c0 81 a5796f757273 c3", PYN_EFORMAT, "a member that is ours"},
    {DETAILS GROUP GROUP GROUP GROUP GROUP "80", PYN_EFORMAT, "five groups inside of each other"},
    {DETAILS "81 a5796f757273 c2", PYN_EFORMAT, "yours that is false"},
    {DETAILS "81 a66265796f6e64 c2", PYN_EFORMAT, "beyond that is false"},
    {"96 f5 00 a166 90 80 81 a677697468696e ff", PYN_EFORMAT, "a negative time"},
    {"96 f5 00 a166 90 80 81 a677697468696e cf8000000000000000", PYN_EFORMAT, "a time beyond 2**63 - 1"},
    {"96 f5 00 a166 90 80 81 a677697468696e cb3ff0000000000000", PYN_EFORMAT, "a time that is a float"},
    {"93 f4 91 94 00 a166 90 80 81 a56168656164 01", PYN_EFORMAT, "an option of an ask in a batch"},
    {"94 00 a166 91 d41201 80", PYN_EFORMAT, "a tag and no more instead of args"},
    {"93 f4 91 94 00 a166 90 80 c0", PYN_EFORMAT, "a batch whose options are nil"},
    {DETAILS "81 a5796f757273 01", PYN_EFORMAT, "yours that is 1"},
    {DETAILS "81 a66669656c6473 81 a8617a415a30395f7a 01", PYN_OK, "every kind of letter that a field may have"},
    {DETAILS "81 a66669656c6473 81 a15a 01", PYN_OK, "a field of one capital"},
    {DETAILS "81 a66669656c6473 81 a15b 01", PYN_EFORMAT, "what stands behind the capitals"},
    {DETAILS "81 a66669656c6473 81 a140 01", PYN_EFORMAT, "what stands ahead of them"},
    {DETAILS "81 a66669656c6473 81 a17b 01", PYN_EFORMAT, "what stands behind the small letters"},
    {DETAILS "81 a66669656c6473 81 a2613a 01", PYN_EFORMAT, "what stands behind the digits"},
    {DETAILS "81 a66669656c6473 81 a2612f 01", PYN_EFORMAT, "what stands ahead of them"},
    {DETAILS "81 a66572726f7273 92 92 94 a145 a0 c0 c0 80 92 94 a145 a0 c0 c0 80", PYN_OK, "a group of two"},
    {DETAILS "81 a66572726f7273 92 92 94 a145 a0 c0 c0 80", PYN_EFORMAT, "a group of two that has one"},
    {DETAILS "81 a66572726f7273 92 92 94 a145 a0 c0 c0 80 94 a145 a0 c0 c0", PYN_EFORMAT, "whose second has no details"},
    {DETAILS "81 a66572726f7273 92 92 94 a145 a0 c0 c0 80 92 94 a0 a0 c0 c0 80", PYN_EFORMAT, "whose second has no type"},
    {DETAILS "82 a66572726f7273 91 92 94 a145 a0 c0 c0 80 a6636175736573 91 93 a145 a0 c0", PYN_OK,
     "causes behind a group"},
    {DETAILS
     "81 a66572726f7273 91 92 94 a145 a0 c0 c0 81 a66572726f7273 92 92 94 a145 a0 c0 c0 80 92 94 a145 a0 c0 c0 80",
     PYN_OK, "a group of two in a group"},
    {"93 f1 01 a178", PYN_OK, "a look"},
    {"93 f1 00 a178", PYN_EFORMAT, "a look from nowhere"},
    {"93 f1 cf0000000100000000 a178", PYN_EFORMAT, "from interface 2**32"},
    {"93 f1 01 a0", PYN_EFORMAT, "for nothing"},
    {"93 f1 01 01", PYN_EFORMAT, "for what is no name"},
    {"93 f2 01 c0", PYN_OK, "all of a reference is stale"},
    {"93 f2 01 a178", PYN_OK, "one operation of it"},
    {"93 f2 01 a0", PYN_EFORMAT, "one without a name"},
    {"93 f2 ff c0", PYN_EFORMAT, "of a reference less than none"},
    {"93 fd 05 00", PYN_EFORMAT, "a free of none"},
    {"93 fd 05 ff", PYN_EFORMAT, "a free of less than none"},
    {"93 fd ff 01", PYN_EFORMAT, "a free of -1"},
    {"93 fd c3 01", PYN_EFORMAT, "a free of true"},
    {"93 fd cb3ff0000000000000 01", PYN_EFORMAT, "a free of 1.0"},
    {"92 fd 05", PYN_EFORMAT, "a free without a count"},
    {"92 fc ff", PYN_EFORMAT, "lane -1"},
    {"92 fc cf8000000000000000", PYN_EFORMAT, "lane 2**63"},
    {"92 fc c3", PYN_EFORMAT, "lane true"},
    {"93 fb 00 80", PYN_EFORMAT, "interface 0 is none"},
    {"93 fb cf0000000100000000 80", PYN_EFORMAT, "interface 2**32"},
    {"93 fb 01 90", PYN_EFORMAT, "a description that is an array"},
    {"92 fa c0", PYN_EFORMAT, "a cancel with something"},
    {"93 f9 cf0000000100000000 a0", PYN_EFORMAT, "a code of 33 bits"},
    {"93 f9 ff a0", PYN_EFORMAT, "code -1"},
    {"93 f9 00 c0", PYN_EFORMAT, "a reason that is nil"},
    {"95 f8 a570796e7470 01 c0 80", PYN_EVERSION, "another protocol"},
    {"95 f8 a470796e74 01 c0 80", PYN_EVERSION, "part of our name"},
    {"95 f8 a670796e746f00 01 c0 80", PYN_EVERSION, "our name and a NUL"},
    {"95 f8 c40570796e746f 01 c0 80", PYN_EFORMAT, "our name as bin"},
    {"95 f8 a570796e746f 00 c0 80", PYN_EVERSION, "version 0"},
    {"95 f8 a570796e746f 02 c0 80", PYN_EVERSION, "version 2"},
    {"95 f8 a570796e746f 02 01 01", PYN_EVERSION, "version 2, whatever else it says"},
    {"95 f8 a570796e746f cf0000000100000001 c0 80", PYN_EVERSION, "version 2**32 + 1"},
    {"95 f8 a570796e746f ff c0 80", PYN_EFORMAT, "version -1"},
    {"95 f8 a570796e746f c3 c0 80", PYN_EFORMAT, "version true"},
    {"95 f8 a570796e746f 01 a0 80", PYN_EFORMAT, "an empty root"},
    {"95 f8 a570796e746f 01 01 80", PYN_EFORMAT, "root 1"},
    {"95 f8 a570796e746f 01 c0 90", PYN_EFORMAT, "limits that are an array"},
    {"96 f8 a570796e746f 01 c0 80 80", PYN_EFORMAT, "a hello of six"},
    {"92 f7 ff", PYN_EFORMAT, "token -1"},
    {"92 f7 cf8000000000000000", PYN_EFORMAT, "token 2**63"},
    {"92 f6 cb0000000000000000", PYN_EFORMAT, "token 0.0"},
};

static void only_what_is_in_the_table_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct pyn_message m;
        pyn_status st = pyn_message_parse(support_bytes(rows[i].hex), &m);
        if (st != rows[i].wanted) {
            fail_msg("%s (%s): %s", rows[i].why, rows[i].hex, pyn_status_name(st));
        }
    }
}

static void the_details_of_an_error_are_read_back(void **state)
{
    struct pyn_message m = parsed(DETAILS GROUP GROUP GROUP GROUP "80");
    struct pyn_reader rd = pyn_reader_of(m.body);
    struct pyn_details details;
    struct pyn_error_head head;

    (void)state;
    assert_int_equal(pyn_details_read(&rd, NULL, &details), PYN_OK);
    assert_int_equal(rd.at, rd.len);
    assert_int_equal(details.errors.count, 1);
    rd = pyn_reader_of(details.errors.rest);
    assert_int_equal(pyn_member_read(&rd, &head, &details), PYN_OK);
    assert_true(is_text(head.type, "E"));
    assert_int_equal(details.errors.count, 1);

    m = parsed(DETAILS "83 a66669656c6473 81 a3615f31 c0 a5796f757273 c3 a6636175736573 98" CAUSE CAUSE CAUSE CAUSE
                   CAUSE CAUSE CAUSE CAUSE);
    rd = pyn_reader_of(m.body);
    assert_int_equal(pyn_details_read(&rd, NULL, &details), PYN_OK);
    assert_true(details.fields.count == 1 && details.is_yours && details.causes.count == 8 && details.value.len == 0);
    assert_true(support_is_hex(details.fields.rest, "a3615f31 c0"));
    rd = pyn_reader_of(details.causes.rest);
    assert_int_equal(pyn_cause_read(&rd, &head), PYN_OK);
    assert_true(is_text(head.type, "E") && head.incident.len == 0);
}

/* A str of len letters behind `before`, and `behind` after it. */
static pyn_status parse_with_text(const char *before, size_t len, const char *behind)
{
    uint8_t bytes[1024];
    uint8_t head[3] = {0xda, (uint8_t)(len >> 8), (uint8_t)len};
    struct pyn_message m;
    size_t at = support_hex(before, bytes, sizeof(bytes));

    memcpy(bytes + at, head, 3);
    memset(bytes + at + 3, 'x', len);
    at += 3 + len;
    at += support_hex(behind, bytes + at, sizeof(bytes) - at);
    return pyn_message_parse((struct pyn_view){bytes, at}, &m);
}

static void names_have_1_to_255_bytes(void **state)
{
    static const struct {
        size_t len;
        pyn_status wanted;
    } cases[] = {
        {0, PYN_EFORMAT}, {1, PYN_OK}, {PYN_NAME_MAX - 1, PYN_OK}, {PYN_NAME_MAX, PYN_OK}, {PYN_NAME_MAX + 1, PYN_EFORMAT}};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        assert_int_equal(parse_with_text("94 00", cases[i].len, "90 80"), cases[i].wanted);
        assert_int_equal(parse_with_text("92 fe 94", cases[i].len, "a0 c0 c0"), cases[i].wanted);
        assert_int_equal(parse_with_text("95 f8 a570796e746f 01", cases[i].len, "80"), cases[i].wanted);
        assert_int_equal(parse_with_text("92 fe 94 a145", cases[i].len, "c0 c0"), PYN_OK);
        assert_int_equal(parse_with_text("93 f9 00", cases[i].len, ""), PYN_OK);
    }
}

static void a_message_cut_short_never_parses(void **state)
{
    static const char *const whole[] = {
        "94 05 a4706f7374 92 a3616461 d41210 81 a178 01",
        "92 fe 94 a145 a2686f a174 a169",
        "93 fd cd0100 05",
        "95 f8 a570796e746f 01 a472 6f6f74 81 a178 01",
        "93 fb 05 81 a16b 90",
        "93 f9 03 a3627965",
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(whole); i++) {
        struct pyn_view view = support_bytes(whole[i]);
        struct pyn_message m;
        assert_int_equal(pyn_message_parse(view, &m), PYN_OK);
        for (size_t len = 0; len < view.len; len++) {
            assert_int_equal(pyn_message_parse((struct pyn_view){view.data, len}, &m), PYN_EFORMAT);
        }
    }
}

static void check_same(const struct pyn_step *noted, const struct pyn_step *read)
{
    assert_int_equal(noted->call.kind, PYN_M_CALL);
    assert_int_equal(noted->call.kind, read->call.kind);
    assert_int_equal(noted->call.id, read->call.id);
    assert_int_equal(noted->call.is_known_ref, read->call.is_known_ref);
    assert_int_equal(noted->is_on_promise, read->is_on_promise);
    assert_int_equal(noted->has_promises, read->has_promises);
    assert_true(noted->call.name.data == read->call.name.data && noted->call.name.len == read->call.name.len);
    assert_true(noted->call.body.data == read->call.body.data && noted->call.body.len == read->call.body.len);
    assert_true(noted->whole.data == read->whole.data && noted->whole.len == read->whole.len);
}

static void steps_whose_places_were_noted_are_those_that_are_read(void **state)
{
    static const char *const batches[] = {
        "93 f4 91 94 00 a166 90 80 80",
        "93 f4 93 94 05 a3616464 92 01 a178 81 a17a 02 dc0004 ff d90166 90 80 94 cd0100 da000167 91 c3 de0000 80",
        "93 f4 dc0003 94 00 a166 90 80 94 d61b00000000 a167 90 80 94 01 a168 91 d61b00000001 80 81 a677697468696e 05",
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(batches); i++) {
        struct pyn_place places[PYN_STEPS_MAX];
        struct pyn_step noted;
        struct pyn_step read;
        struct pyn_message m;
        assert_int_equal(pyn_message_parse_noting(support_bytes(batches[i]), places, &m), PYN_OK);
        assert_ptr_equal(m.places, places);
        struct pyn_reader rd = pyn_reader_of(m.body);
        for (uint32_t step = 0; step < m.count; step++) {
            assert_int_equal(pyn_message_step(&rd, step, &read), PYN_OK);
            pyn_message_noted_step(&m, step, &noted);
            check_same(&noted, &read);
        }
        assert_int_equal(rd.at, rd.len);
    }
}

/* As many as there may be fill the room for their places, and one more is refused ahead of it. */
static void there_is_room_for_the_places_of_all_steps(void **state)
{
    static const uint8_t step[] = {0x94, 0x07, 0xa1, 'f', 0x90, 0x80};
    uint8_t bytes[5 + (PYN_STEPS_MAX + 1) * sizeof step + 1];
    struct pyn_place places[PYN_STEPS_MAX];

    (void)state;
    for (size_t count = PYN_STEPS_MAX - 1; count <= PYN_STEPS_MAX + 1; count++) {
        const uint8_t head[] = {0x93, 0xf4, 0xdc, (uint8_t)(count >> 8), (uint8_t)count};
        struct pyn_message m;
        struct pyn_step last;
        size_t at = sizeof head;
        memcpy(bytes, head, sizeof head);
        for (size_t i = 0; i < count; i++, at += sizeof step) {
            memcpy(bytes + at, step, sizeof step);
        }
        bytes[at++] = 0x80;
        pyn_status st = pyn_message_parse_noting((struct pyn_view){bytes, at}, places, &m);
        assert_int_equal(st, count <= PYN_STEPS_MAX ? PYN_OK : PYN_ESIZE);
        if (st == PYN_OK) {
            pyn_message_noted_step(&m, (uint32_t)count - 1, &last);
            assert_int_equal(last.call.id, 7);
            assert_ptr_equal(last.whole.data + last.whole.len, bytes + at - 1);
        }
    }
}

static pyn_status write_free(struct pyn_buf *buf)
{
    return pyn_message_free(buf, UINT64_MAX, 3);
}
static pyn_status write_lane(struct pyn_buf *buf)
{
    return pyn_message_lane(buf, INT64_MAX);
}
static pyn_status write_goodbye(struct pyn_buf *buf)
{
    return pyn_message_goodbye(buf, UINT32_MAX, "bye");
}
static pyn_status write_ping(struct pyn_buf *buf)
{
    return pyn_message_ping(buf, PYN_M_PING, 5);
}
static pyn_status write_pong(struct pyn_buf *buf)
{
    return pyn_message_ping(buf, PYN_M_PONG, INT64_MAX);
}
static pyn_status write_error(struct pyn_buf *buf)
{
    const struct pyn_error_head head = {.type = pyn_view_of("E"), .traceback = pyn_view_of("t")};

    return pyn_message_error(buf, &head, (struct pyn_view){NULL, 0});
}
static pyn_status write_detailed(struct pyn_buf *buf)
{
    const struct pyn_error_head head = {.type = pyn_view_of("E")};

    return pyn_message_error(buf, &head, support_bytes("81 a5796f757273 c3"));
}
static pyn_status write_hello(struct pyn_buf *buf)
{
    struct pyn_view root = pyn_view_of("root");
    struct pyn_limits limits = {.message_max = 1, .depth_max = 2, .element_max = 3, .key_max = 5, .int_max = 6};
    return pyn_message_hello(buf, &root, &limits, 4);
}
static pyn_status write_short_hello(struct pyn_buf *buf)
{
    return pyn_message_hello(buf, NULL, NULL, 4);
}

static const struct {
    pyn_status (*write)(struct pyn_buf *buf);
    enum pyn_kind kind;
    const char *hex;
} writers[] = {
    {write_free, PYN_M_FREE, "93 fd cfffffffffffffffff 03 0a"},
    {write_lane, PYN_M_LANE, "92 fc cf7fffffffffffffff 0a"},
    {pyn_message_cancel, PYN_M_CANCEL, "91 fa 0a"},
    {write_goodbye, PYN_M_GOODBYE, "93 f9 ceffffffff a3627965 0a"},
    {write_ping, PYN_M_PING, "92 f7 05 0a"},
    {write_pong, PYN_M_PONG, "92 f6 cf7fffffffffffffff 0a"},
    {write_error, PYN_M_ERROR, "92 fe 94 a145 a0 a174 c0 0a"},
    {write_detailed, PYN_M_ERROR, "93 fe 94 a145 a0 c0 c0 81 a5796f757273 c3 0a"},
    {write_hello, PYN_M_HELLO,
     "95 f8 a570796e746f 01 a4726f6f74 87 a76d657373616765 01 a56465707468 02 a8656c656d656e7473 03 a46b657973 05 "
     "a7696e7465676572 06 aa7265666572656e636573 04 a470617274 01 0a"},
    {write_short_hello, PYN_M_HELLO, "95 f8 a570796e746f 01 c0 80 0a"},
};

static void what_we_write_has_its_bytes_and_passes_our_own_scanner(void **state)
{
    struct pyn_limits limits = PYN_LIMITS_DEFAULT;

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(writers); i++) {
        struct pyn_buf buf;
        struct pyn_scan scan;
        struct pyn_message m;
        size_t len = 0;
        size_t need = 0;
        pyn_buf_init(&buf, pyn_mem_default(), 1000);
        pyn_scan_init(&scan, &limits);
        assert_int_equal(writers[i].write(&buf), PYN_OK);
        assert_true(support_is_hex(pyn_buf_view(&buf), writers[i].hex));
        assert_int_equal(pyn_scan_feed(&scan, pyn_buf_view(&buf), &len, &need), PYN_OK);
        assert_int_equal(len + 1, pyn_buf_len(&buf));
        assert_int_equal(pyn_message_parse((struct pyn_view){pyn_buf_view(&buf).data, len}, &m), PYN_OK);
        assert_int_equal(m.kind, writers[i].kind);
        pyn_buf_fini(&buf);
    }
}

static void a_message_that_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(writers); i++) {
        size_t whole = support_bytes(writers[i].hex).len;
        for (size_t max = 3; max <= 3 + whole; max++) {
            struct pyn_buf buf;
            pyn_buf_init(&buf, pyn_mem_default(), max);
            assert_int_equal(pyn_buf_append(&buf, "abc", 3), PYN_OK);
            assert_int_equal(writers[i].write(&buf), max < 3 + whole ? PYN_ESIZE : PYN_OK);
            assert_int_equal(pyn_buf_len(&buf), max < 3 + whole ? 3 : max);
            assert_memory_equal(pyn_buf_view(&buf).data, "abc", 3);
            pyn_buf_fini(&buf);
        }
    }
}

static void a_failed_allocation_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(writers); i++) {
        struct support_mem m;
        struct pyn_buf buf;
        uint8_t filler[250] = {0}; /* the first block has 256 bytes */
        support_mem_init(&m, 2);
        pyn_buf_init(&buf, &m.mem, 1000);
        assert_int_equal(pyn_buf_append(&buf, filler, 1), PYN_OK);
        assert_int_equal(pyn_buf_append(&buf, filler, sizeof(filler)), PYN_OK);
        assert_int_equal(pyn_buf_append(&buf, filler, 256 - pyn_buf_len(&buf)), PYN_OK);
        assert_int_equal(writers[i].write(&buf), PYN_ENOMEM);
        assert_int_equal(pyn_buf_len(&buf), 256);
        pyn_buf_fini(&buf);
        assert_int_equal(m.live, 0);
    }
}

static void what_a_peer_would_refuse_is_not_written(void **state)
{
    char letters[PYN_NAME_MAX + 2];
    struct pyn_buf buf;
    struct pyn_view empty = {NULL, 0};

    (void)state;
    memset(letters, 'x', sizeof(letters));
    letters[PYN_NAME_MAX + 1] = '\0';
    struct pyn_view too_long = pyn_view_of(letters);
    struct pyn_view longest = {too_long.data, PYN_NAME_MAX};
    pyn_buf_init(&buf, pyn_mem_default(), 1000);
    assert_int_equal(pyn_message_free(&buf, 1, 0), PYN_EINTERNAL);
    assert_int_equal(pyn_message_lane(&buf, UINT64_C(1) << 63), PYN_EINTERNAL);
    assert_int_equal(pyn_message_ping(&buf, PYN_M_PING, UINT64_C(1) << 63), PYN_EINTERNAL);
    assert_int_equal(pyn_message_ping(&buf, PYN_M_CALL, 1), PYN_EINTERNAL);
    assert_int_equal(pyn_message_error(&buf, &(struct pyn_error_head){0}, empty), PYN_EMISFIT);
    assert_int_equal(pyn_message_error(&buf, &(struct pyn_error_head){.type = too_long}, empty), PYN_EMISFIT);
    assert_int_equal(pyn_message_hello(&buf, &too_long, NULL, 0), PYN_EMISFIT);
    assert_int_equal(pyn_message_hello(&buf, &empty, NULL, 0), PYN_EMISFIT);
    assert_int_equal(pyn_buf_len(&buf), 0);
    assert_int_equal(pyn_message_error(&buf, &(struct pyn_error_head){.type = longest}, empty), PYN_OK);
    assert_int_equal(pyn_message_hello(&buf, &longest, NULL, 0), PYN_OK);
    pyn_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_has_reference_name_args_and_kwargs),
        cmocka_unit_test(every_form_of_an_integer_is_the_same_reference),
        cmocka_unit_test(only_a_tag_in_front_makes_args_no_tuple),
        cmocka_unit_test(the_other_kinds_are_read),
        cmocka_unit_test(the_details_of_an_error_are_read_back),
        cmocka_unit_test(only_what_is_in_the_table_is_taken),
        cmocka_unit_test(names_have_1_to_255_bytes),
        cmocka_unit_test(a_message_cut_short_never_parses),
        cmocka_unit_test(steps_whose_places_were_noted_are_those_that_are_read),
        cmocka_unit_test(there_is_room_for_the_places_of_all_steps),
        cmocka_unit_test(what_we_write_has_its_bytes_and_passes_our_own_scanner),
        cmocka_unit_test(a_message_that_does_not_fit_leaves_the_buffer_as_it_was),
        cmocka_unit_test(a_failed_allocation_leaves_the_buffer_as_it_was),
        cmocka_unit_test(what_a_peer_would_refuse_is_not_written),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
