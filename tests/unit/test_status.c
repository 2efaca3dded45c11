/* test_status.c - does every status have its class and a name of its own? */
#include "support.h"

#include "../../src/wire/status.h"

static const struct {
    pyn_status st;
    enum pyn_class wanted;
} classes[] = {
    {PYN_EINTERNAL, PYN_CLASS_BROKEN}, {PYN_OK, PYN_CLASS_OK},
    {PYN_EWAIT, PYN_CLASS_WAIT},       {PYN_EDENIED, PYN_CLASS_REFUSE},
    {PYN_EARGS, PYN_CLASS_REFUSE},     {PYN_EQUOTA, PYN_CLASS_REFUSE},
    {PYN_EMISFIT, PYN_CLASS_REFUSE},   {PYN_ECANCELLED, PYN_CLASS_REFUSE},
    {PYN_EFORMAT, PYN_CLASS_CLOSE},    {PYN_ENEWLINE, PYN_CLASS_CLOSE},
    {PYN_EDEPTH, PYN_CLASS_CLOSE},     {PYN_ESIZE, PYN_CLASS_CLOSE},
    {PYN_EUTF8, PYN_CLASS_CLOSE},      {PYN_EDUPKEY, PYN_CLASS_CLOSE},
    {PYN_EEXT, PYN_CLASS_CLOSE},       {PYN_EPROTOCOL, PYN_CLASS_CLOSE},
    {PYN_EVERSION, PYN_CLASS_CLOSE},   {PYN_EFLOOD, PYN_CLASS_CLOSE},
    {PYN_EGONE, PYN_CLASS_CLOSE},      {PYN_ENOMEM, PYN_CLASS_BROKEN},
    {PYN_EFORGED, PYN_CLASS_CLOSE},    {PYN_ESPENT, PYN_CLASS_CLOSE},
    {PYN_ESHUT, PYN_CLASS_CLOSE},
};

static void every_status_has_its_class(void **state)
{
    (void)state;
    assert_int_equal(SUPPORT_COUNT(classes), PYN_ESHUT + 1);
    for (size_t i = 0; i < SUPPORT_COUNT(classes); i++) {
        assert_int_equal(pyn_status_class(classes[i].st), classes[i].wanted);
    }
}

static void zeroed_memory_is_broken_not_ok(void **state)
{
    pyn_status st;

    (void)state;
    memset(&st, 0, sizeof(st));
    assert_int_equal(pyn_status_class(st), PYN_CLASS_BROKEN);
}

static void every_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i <= PYN_ESHUT; i++) {
        assert_true(strlen(pyn_status_name((pyn_status)i)) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(pyn_status_name((pyn_status)i), pyn_status_name((pyn_status)j));
        }
    }
}

static void what_is_no_status_is_broken_and_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(pyn_status_name((pyn_status)(PYN_ESHUT + 1)), "unknown status");
    assert_int_equal(pyn_status_class((pyn_status)(PYN_ESHUT + 1)), PYN_CLASS_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_class),
        cmocka_unit_test(zeroed_memory_is_broken_not_ok),
        cmocka_unit_test(every_status_has_a_name_of_its_own),
        cmocka_unit_test(what_is_no_status_is_broken_and_has_a_name),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
