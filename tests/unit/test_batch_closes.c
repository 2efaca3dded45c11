/* test_batch_closes.c - batches that end their connection. */
#include "batch_support.h"

static void what_is_no_batch_closes(void **state)
{
#define ADD "94 00 a3 61 64 64 92 01 02 80 "
    static const struct {
        const char *bytes;
        pyn_status why;
    } rows[] = {
        {"93 f4 90 80 0a", PYN_EFORMAT},                                                  /* no steps */
        {"93 f4 c0 80 0a", PYN_EFORMAT},                                                  /* nil */
        {"92 f4 91 " ADD "0a", PYN_EFORMAT},                                              /* no options */
        {"93 f4 91 " ADD "c0 0a", PYN_EFORMAT},                                           /* options nil */
        {"93 f4 91 " ADD "81 a1 78 01 0a", PYN_EFORMAT},                                  /* an unknown option */
        {"93 f4 91 93 00 a3 61 64 64 90 80 0a", PYN_EFORMAT},                             /* a step of three */
        {"93 f4 91 94 00 a3 61 64 64 80 80 80 0a", PYN_EFORMAT},                          /* args are a map */
        {"93 f4 91 94 c0 a3 61 64 64 90 80 80 0a", PYN_EFORMAT},                          /* a step on nil */
        {"93 f4 91 94 00 a3 61 64 64 90 81 a1 61 c1 80 0a", PYN_EFORMAT},                 /* 0xc1 */
        {"93 f4 91 94 " P0 "a3 61 64 64 90 80 80 0a", PYN_EEXT},                          /* on itself */
        {"93 f4 91 94 00 a3 61 64 64 92 01 " P0 "80 80 0a", PYN_EEXT},                    /* an argument of itself */
        {"93 f4 92 94 " P1 "a3 61 64 64 90 80 " ADD "80 0a", PYN_EEXT},                   /* on a later one */
        {"93 f4 92 " ADD "94 00 a3 61 64 64 91 91 d6 1b ff ff ff ff 80 80 0a", PYN_EEXT}, /* one that is none */
        {"93 f4 92 " ADD "94 00 a3 61 64 64 90 81 a1 61 " P1 "80 0a", PYN_EEXT},          /* among the keywords */
        {"93 f4 92 " ADD "94 00 " P0 "90 80 80 0a", PYN_EFORMAT},                         /* as a name */
        {"93 f4 92 " ADD "94 00 a3 61 64 64 " P0 "80 80 0a", PYN_EFORMAT},                /* as all arguments */
        {"93 f4 92 " ADD "94 00 a3 61 64 64 90 81 " P0 "01 80 0a", PYN_EFORMAT},          /* as a keyword */
        {"93 f4 92 " ADD "94 00 a3 61 64 64 92 01 d5 1b 00 00 80 80 0a", PYN_EEXT},       /* of two bytes */
        {"94 00 a3 61 64 64 92 01 " P0 "80 0a", PYN_EEXT},                                /* in a plain call */
        {"94 " P0 "a3 61 64 64 92 01 02 80 0a", PYN_EFORMAT}, /* called outside of a batch */
        {"93 fd " P0 "01 0a", PYN_EFORMAT},                   /* freed */
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        begin(&p);
        assert_int_equal(peers_put(&p, p.server, support_bytes(rows[i].bytes)), PYN_OK);
        expect_over(&p, rows[i].why);
        peers_fini(&p);
    }
#undef ADD
}

static void a_promise_in_an_answer_closes(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    assert_int_equal(peers_call(p.server, 1, 0, "x", 0, ""), PYN_OK);
    assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 01 0a 92 ff " P0 "0a")), PYN_OK);
    expect_over(&p, PYN_EEXT);
    peers_fini(&p);
}

static void a_batch_has_256_steps_at_most(void **state)
{
    (void)state;
    for (uint32_t count = PYN_STEPS_MAX - 1; count <= PYN_STEPS_MAX + 1; count++) {
        struct peers p;
        struct pyn_buf buf = batch_of(count);
        begin(&p);
        for (uint32_t i = 0; i < count; i++) {
            put_step(&buf, i == 0 ? 0 : (i - 1) | ON_PROMISE, "me", 0, "");
        }
        send(&p, &buf);
        if (count > PYN_STEPS_MAX) {
            expect_over(&p, PYN_ESIZE);
        } else {
            for (uint32_t i = 0; i < count; i++) {
                struct pyn_call *call = expect_named(&p, "me", "90 80");
                assert_ptr_equal(call->object, &p.objects[0]);
                assert_int_equal(peers_return(p.server, call, "c7 0c 10 00 00 00 00 00 00 00 00 00 00 00 01"), PYN_OK);
            }
            expect_quiet(&p);
        }
        peers_fini(&p);
    }
}

static void a_batch_in_a_lane_of_ours_closes(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(1);

    (void)state;
    begin(&p);
    assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 01 0a")), PYN_OK);
    put_step(&buf, 0, "add", 2, "01 02");
    send(&p, &buf);
    expect_over(&p, PYN_EPROTOCOL);
    peers_fini(&p);
}

static void an_end_in_the_middle_leaves_nothing(void **state)
{
    (void)state;
    for (int answered = 0; answered < 3; answered++) {
        struct peers p;
        struct pyn_buf buf = batch_of(3);
        begin(&p);
        put_step(&buf, 0, "child", 0, "");
        put_step(&buf, 0 | ON_PROMISE, "name", 0, "");
        put_step(&buf, 0, "take", 1, P0);
        send(&p, &buf);
        struct pyn_call *call = peers_expect_call(&p, p.server);
        if (answered > 0) {
            (void)return_child(&p, call, 1);
            call = NULL;
        }
        if (answered > 1) {
            call = peers_expect_call(&p, p.server);
        }
        pyn_session_abandon(p.server);
        pyn_session_call_free(p.server, call);
        assert_int_equal(p.server->batches, 0);
        peers_fini(&p);
    }
}

/* More refusals than a peer may cause, while the first step runs already. */
static void a_flood_of_refused_steps_ends_it(void **state)
{
    struct peers p;
    struct pyn_buf buf = batch_of(5);

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.refusals_burst = 2;
    p.quotas.refusals_per_second = 0;
    peers_meet_raw(&p);
    put_step(&buf, 0, "add", 2, "01 02");
    for (int i = 0; i < 4; i++) {
        put_step(&buf, 0, "no", 0, "");
    }
    send(&p, &buf);
    expect_over(&p, PYN_EFLOOD);
    peers_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_batch_closes),
        cmocka_unit_test(a_promise_in_an_answer_closes),
        cmocka_unit_test(a_batch_has_256_steps_at_most),
        cmocka_unit_test(a_batch_in_a_lane_of_ours_closes),
        cmocka_unit_test(an_end_in_the_middle_leaves_nothing),
        cmocka_unit_test(a_flood_of_refused_steps_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
