/* test_fragment.c - what a peer is told of one interface: what it holds, and what is refused of a hostile one. */
#include "policy_checks.h"

#include "../../policy/build.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
