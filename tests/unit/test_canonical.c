/* test_canonical.c - one policy has one file. */
#include "policy_support.h"

#include "../../policy/canonical.h"

static pyn_status canonical(const char *json, struct pyn_buf *out)
{
    struct pyn_diag diag = {{0}};
    pyn_buf_init(out, pyn_mem_default(), SIZE_MAX);
    return pyn_policy_canonical(pyn_mem_default(), pyn_view_of(json), out, &diag);
}

static void what_is_canonical_stays_as_it_is(void **state)
{
    struct pyn_buf out;
    assert_int_equal(canonical(policy_sample, &out), PYN_OK);
    assert_true(pyn_view_is_equal(pyn_buf_view(&out), pyn_view_of(policy_sample)));
    pyn_buf_fini(&out);
}

static void white_space_and_escapes_make_no_difference(void **state)
{
    static const char
        loose[] = "{\"declared\" : {\"x:R\":{\"m\":\"\\u0022\\/\\\\\\ud83d\\ude00\\u00e9\\u007f\\b\\t\"}},\r\n"
                  "\"interfaces\":{\"x:R\" :{\"class\":\"\\u0078:R\"}},\t\"platform\":\"linux\",\"pynto-policy\":1,"
                  "\"python\":\"3.11\",\"roots\":{\"r\":\"x:R\"}}";
    static const char wanted[] =
        "{\n \"declared\": {\n  \"x:R\": {\n   \"m\": \"\\\"/\\\\\\ud83d\\ude00\\u00e9\\u007f\\b\\t\"\n  }\n },\n"
        " \"interfaces\": {\n  \"x:R\": {\n   \"class\": \"x:R\"\n  }\n },\n \"platform\": \"linux\",\n"
        " \"pynto-policy\": 1,\n \"python\": \"3.11\",\n \"roots\": {\n  \"r\": \"x:R\"\n }\n}\n";
    struct pyn_buf out;
    struct pyn_buf again;
    assert_int_equal(canonical(loose, &out), PYN_OK);
    assert_true(pyn_view_is_equal(pyn_buf_view(&out), pyn_view_of(wanted)));
    assert_int_equal(canonical(wanted, &again), PYN_OK);
    assert_true(pyn_view_is_equal(pyn_buf_view(&out), pyn_buf_view(&again)));
    pyn_buf_fini(&out);
    pyn_buf_fini(&again);
}

static void what_is_no_policy_has_no_file(void **state)
{
    struct pyn_buf out;
    assert_int_equal(canonical("{}", &out), PYN_EFORMAT);
    assert_int_equal(pyn_buf_len(&out), 0);
    pyn_buf_fini(&out);
}

static void it_is_written_whole_or_not_at_all(void **state)
{
    size_t len = sizeof policy_sample - 1;
    for (size_t room = 0; room <= len + 1; room += room < len - 8 ? 7 : 1) {
        struct pyn_buf out;
        pyn_buf_init(&out, pyn_mem_default(), room + 1);
        assert_int_equal(pyn_buf_append(&out, "x", 1), PYN_OK);
        pyn_status st = pyn_policy_canonical(pyn_mem_default(), pyn_view_of(policy_sample), &out, NULL);
        assert_int_equal(st, room < len ? PYN_ESIZE : PYN_OK);
        assert_int_equal(pyn_buf_len(&out), room < len ? 1 : len + 1);
        pyn_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_canonical_stays_as_it_is),
        cmocka_unit_test(white_space_and_escapes_make_no_difference),
        cmocka_unit_test(what_is_no_policy_has_no_file),
        cmocka_unit_test(it_is_written_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
