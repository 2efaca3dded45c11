/* test_classes.c - who gets which limits. */
#include "support.h"

#include "../../src/runtime/classes.h"

static struct pyn_classes *make(void)
{
    struct pyn_quotas usual = pyn_quotas_default();
    struct pyn_classes *classes = pyn_classes_new(&usual);

    assert_non_null(classes);
    return classes;
}

static pyn_status put(struct pyn_classes *classes, const char *name, double calls)
{
    struct pyn_quota_class made = {.quotas = classes->list[PYN_CLASS_MEMBER].quotas};

    (void)snprintf(made.name, sizeof made.name, "%s", name);
    assert_int_equal(pyn_quotas_set(&made.quotas, pyn_view_of("calls"), calls), PYN_OK);
    return pyn_classes_put(classes, &made);
}

static struct pyn_principal granted(const char *class)
{
    struct pyn_principal who = {.kind = PYN_PRINCIPAL_CAPABILITY};

    (void)snprintf(who.quota_class, sizeof who.quota_class, "%s", class);
    return who;
}

static const char *class_of(const struct pyn_classes *classes, struct pyn_arrived who)
{
    uint32_t class = 99;

    return pyn_classes_of(classes, &who, &class) ? classes->list[class].name : "none";
}

static void who_has_proved_nothing_is_anonymous(void **state)
{
    struct pyn_classes *classes = make();

    (void)state;
    assert_string_equal(class_of(classes, (struct pyn_arrived){0}), "anonymous");
    pyn_classes_unref(classes);
}

static void a_grant_leads_to_the_class_that_it_names_and_to_no_other(void **state)
{
    static const struct {
        const char *granted;
        const char *class;
    } cases[] = {{"", "member"},     {"member", "member"},      {"staff", "staff"}, {"Staff", "none"},
                 {"staf", "none"},   {"staff2", "none"},        {"none", "none"},   {" ", "none"},
                 {"local", "local"}, {"anonymous", "anonymous"}};
    struct pyn_classes *classes = make();

    (void)state;
    assert_int_equal(put(classes, "staff", 7), PYN_OK);
    for (size_t i = 0; i < SUPPORT_COUNT(cases); i++) {
        struct pyn_principal who = granted(cases[i].granted);
        assert_string_equal(class_of(classes, (struct pyn_arrived){.principal = &who}), cases[i].class);
    }
    pyn_classes_unref(classes);
}

static void a_grant_counts_for_more_than_the_user_who_brings_it(void **state)
{
    struct pyn_classes *classes = make();
    struct pyn_principal nothing = granted("gone");

    (void)state;
    assert_int_equal(put(classes, "staff", 7), PYN_OK);
    assert_int_equal(pyn_classes_put_uid(classes, 1000), PYN_OK);
    assert_string_equal(
        class_of(classes, (struct pyn_arrived){.principal = &nothing, .is_local = true, .has_uid = true, .uid = 1000}),
        "none");
    pyn_classes_unref(classes);
}

static void users_of_this_machine_are_sorted_by_their_number(void **state)
{
    struct pyn_classes *classes = make();

    (void)state;
    assert_int_equal(put(classes, "staff", 7), PYN_OK);
    assert_int_equal(pyn_classes_put_uid(classes, 0), PYN_OK);
    assert_int_equal(pyn_classes_put_uid(classes, 1000), PYN_OK);
    assert_int_equal(pyn_classes_put_uid(classes, 1000), PYN_EARGS);
    assert_string_equal(class_of(classes, (struct pyn_arrived){.is_local = true, .has_uid = true, .uid = 0}), "staff");
    assert_string_equal(class_of(classes, (struct pyn_arrived){.is_local = true, .has_uid = true, .uid = 1000}),
                        "staff");
    assert_string_equal(class_of(classes, (struct pyn_arrived){.is_local = true, .has_uid = true, .uid = 1001}),
                        "local");
    assert_string_equal(class_of(classes, (struct pyn_arrived){.is_local = true}), "local");
    assert_string_equal(class_of(classes, (struct pyn_arrived){.uid = 1000}), "anonymous"); /* nobody has said so */
    pyn_classes_unref(classes);
}

static void what_exists_always_can_be_replaced_and_nothing_else_can(void **state)
{
    struct pyn_classes *classes = make();
    char name[32];

    (void)state;
    assert_int_equal(put(classes, "anonymous", 3), PYN_OK);
    assert_int_equal(classes->count, PYN_CLASSES_BUILT_IN);
    assert_int_equal(classes->list[PYN_CLASS_ANONYMOUS].quotas.max[PYN_Q_CALLS], 3);
    assert_int_equal(put(classes, "staff", 3), PYN_OK);
    assert_int_equal(put(classes, "staff", 4), PYN_EARGS);
    assert_int_equal(put(classes, "", 4), PYN_EARGS);
    for (int i = PYN_CLASSES_BUILT_IN + 1; i < PYN_CLASSES_MAX; i++) {
        (void)snprintf(name, sizeof name, "class%d", i);
        assert_int_equal(put(classes, name, 5), PYN_OK);
    }
    assert_int_equal(put(classes, "onemore", 5), PYN_EARGS);
    assert_int_equal(classes->count, PYN_CLASSES_MAX);
    pyn_classes_unref(classes);
}

static void a_name_without_an_end_is_none(void **state)
{
    struct pyn_classes *classes = make();
    struct pyn_quota_class made = {.quotas = classes->strictest};

    (void)state;
    memset(made.name, 'x', sizeof made.name);
    assert_int_equal(pyn_classes_put(classes, &made), PYN_EARGS);
    pyn_classes_unref(classes);
}

static void the_strictest_are_the_least_of_every_class(void **state)
{
    struct pyn_classes *classes = make();
    struct pyn_quota_class made = {.name = "large", .quotas = classes->strictest};

    (void)state;
    assert_int_equal(put(classes, "anonymous", 3), PYN_OK);
    made.quotas.limits.message_max = 1u << 29;
    made.quotas.hello_ns = 5;
    assert_int_equal(pyn_classes_put(classes, &made), PYN_OK);
    assert_int_equal(classes->strictest.max[PYN_Q_CALLS], 3);
    assert_int_equal(classes->strictest.hello_ns, 5);
    assert_int_equal(classes->strictest.limits.message_max, 16u << 20);
    assert_int_equal(pyn_classes_message_max(classes), 1u << 29);
    assert_int_equal(put(classes, "anonymous", 30), PYN_OK); /* what it said before does not count any more */
    assert_int_equal(classes->strictest.max[PYN_Q_CALLS], 30);
    pyn_classes_unref(classes);
}

static void they_are_there_as_long_as_anybody_holds_them(void **state)
{
    struct pyn_classes *classes = make();
    const struct pyn_quotas *borrowed = &pyn_classes_ref(classes)->list[PYN_CLASS_LOCAL].quotas;

    (void)state;
    pyn_classes_unref(classes);
    assert_int_equal(borrowed->max[PYN_Q_CALLS], pyn_quotas_default().max[PYN_Q_CALLS]);
    pyn_classes_unref(classes);
    pyn_classes_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_proved_nothing_is_anonymous),
        cmocka_unit_test(a_grant_leads_to_the_class_that_it_names_and_to_no_other),
        cmocka_unit_test(a_grant_counts_for_more_than_the_user_who_brings_it),
        cmocka_unit_test(users_of_this_machine_are_sorted_by_their_number),
        cmocka_unit_test(what_exists_always_can_be_replaced_and_nothing_else_can),
        cmocka_unit_test(a_name_without_an_end_is_none),
        cmocka_unit_test(the_strictest_are_the_least_of_every_class),
        cmocka_unit_test(they_are_there_as_long_as_anybody_holds_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
