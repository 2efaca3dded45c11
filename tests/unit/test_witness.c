/* test_witness.c - every decision on a call is told once, whatever it was; and quotas that change ahead of the welcome. */
#include "peers.h"

#include "../../src/session/session_state.h"

#define CALL_ADD "94 00 a3 61 64 64 92 01 02 80 0a "
#define CALL_SUB "94 00 a3 73 75 62 92 01 02 80 0a "
#define CALL_ADD_1 "94 00 a3 61 64 64 91 01 80 0a "
#define CALL_ADD_S "94 00 a3 61 64 64 92 01 a1 78 80 0a "
#define CALL_UNKNOWN "94 05 a3 61 64 64 92 01 02 80 0a "
#define CALL_NEGATIVE "94 ff a3 61 64 64 92 01 02 80 0a "
#define P0 "d6 1b 00 00 00 00"
#define STEP_ADD "94 00 a3 61 64 64 92 01 02 80 "
#define STEP_ADD_P0 "94 00 a3 61 64 64 92 01 " P0 " 80 "

struct saw {
    size_t count;
    struct pyn_decided last; /* what it points to is gone */
    enum pyn_why why;
    pyn_status first;
    char name[16];
};

static void note(void *ctx, const struct pyn_decided *decided)
{
    struct saw *saw = ctx;

    saw->first = saw->count == 0 ? decided->st : saw->first;
    saw->count++;
    saw->last = *decided;
    saw->why = decided->verdict->why;
    assert_true(decided->name.len < sizeof saw->name);
    memcpy(saw->name, decided->name.data, decided->name.len);
    saw->name[decided->name.len] = '\0';
}

static void begin(struct peers *p, struct saw *saw)
{
    struct pyn_session_config config = {0};
    struct pyn_event event;

    *saw = (struct saw){0};
    peers_init(p, pyn_mem_default());
    config = (struct pyn_session_config){
        .mem = p->mem, .role = PYN_ROLE_SERVER, .quotas = &p->quotas, .witness = {note, saw}, .now = p->now};
    assert_int_equal(pyn_session_new(&config, &p->server), PYN_OK);
    assert_int_equal(peers_put(p, p->server, support_bytes("95 f8 a5 70 79 6e 74 6f 01 c0 80 0a")), PYN_OK);
    assert_int_equal(peers_next(p, p->server, &event), PYN_OK);
    assert_int_equal(pyn_session_welcome(p->server, &p->objects[0], p->root), PYN_OK);
    pyn_session_written(p->server, pyn_session_output(p->server).len);
    assert_int_equal(saw->count, 0);
}

static void put(const struct peers *p, const char *hex)
{
    assert_int_equal(peers_put(p, p->server, support_bytes(hex)), PYN_OK);
}

static void each_decision_is_told_once_with_its_reason(void **state)
{
    static const struct {
        const char *call;
        pyn_status st;
        enum pyn_why why;
        bool has_iface;
        const char *name;
    } rows[] = {
        {CALL_ADD, PYN_OK, PYN_WHY_NONE, true, "add"},
        {CALL_SUB, PYN_EDENIED, PYN_WHY_NAME, true, "sub"},
        {CALL_ADD_1, PYN_EARGS, PYN_WHY_MISSING, true, "add"},
        {CALL_ADD_S, PYN_EARGS, PYN_WHY_TYPE, true, "add"},
        {CALL_UNKNOWN, PYN_EDENIED, PYN_WHY_NONE, false, "add"},
        {CALL_NEGATIVE, PYN_EDENIED, PYN_WHY_NONE, false, "add"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        struct saw saw;
        begin(&p, &saw);
        put(&p, rows[i].call);
        if (rows[i].st == PYN_OK) {
            struct pyn_call *call = peers_expect_call(&p, p.server);
            assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        } else {
            peers_expect_none(&p, p.server);
        }
        assert_int_equal(saw.count, 1);
        assert_int_equal(saw.last.st, rows[i].st);
        assert_int_equal(saw.why, rows[i].why);
        assert_int_equal(saw.last.iface != NULL, rows[i].has_iface);
        assert_string_equal(saw.name, rows[i].name);
        peers_fini(&p);
    }
}

static void a_call_that_waits_for_room_is_told_once_when_there_is_some(void **state)
{
    struct peers p;
    struct saw saw;
    struct pyn_call *call = NULL;

    (void)state;
    begin(&p, &saw);
    p.quotas.max[PYN_Q_CALLS] = 1;
    put(&p, CALL_ADD CALL_ADD);
    call = peers_expect_call(&p, p.server);
    peers_expect_none(&p, p.server);
    peers_expect_none(&p, p.server);
    assert_int_equal(saw.count, 1);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(saw.count, 2);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    peers_fini(&p);
}

static void a_refusal_for_a_quota_names_it(void **state)
{
    struct peers p;
    struct saw saw;

    (void)state;
    begin(&p, &saw);
    p.quotas.max[PYN_Q_QUEUED] = 1; /* no call fits, ever */
    put(&p, CALL_ADD);
    peers_expect_none(&p, p.server);
    assert_int_equal(saw.count, 1);
    assert_int_equal(saw.last.st, PYN_EQUOTA);
    assert_int_equal(saw.last.quota, PYN_Q_QUEUED);
    peers_fini(&p);
}

/* What a step with a promise is, is known when what it names has been answered. */
static void a_step_with_promises_is_told_when_they_are_known(void **state)
{
    static const struct {
        const char *first; /* the answer to the first step */
        pyn_status second;
    } rows[] = {{"03", PYN_OK}, {"a1 78", PYN_EARGS}};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        struct saw saw;
        struct pyn_call *call = NULL;
        begin(&p, &saw);
        put(&p, "93 f4 92 " STEP_ADD STEP_ADD_P0 "80 0a");
        call = peers_expect_call(&p, p.server);
        assert_int_equal(saw.count, 1);
        assert_int_equal(saw.last.st, PYN_OK);
        assert_int_equal(peers_return(p.server, call, rows[i].first), PYN_OK);
        if (rows[i].second == PYN_OK) {
            call = peers_expect_call(&p, p.server);
            assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        } else {
            peers_expect_none(&p, p.server);
        }
        assert_int_equal(saw.count, 2);
        assert_int_equal(saw.last.st, rows[i].second);
        assert_int_equal(pyn_session_ledger(p.server)->called, rows[i].second == PYN_OK ? 2 : 1);
        assert_int_equal(pyn_session_ledger(p.server)->refused, rows[i].second == PYN_OK ? 0 : 1);
        assert_int_equal(peers_used(p.server, PYN_Q_CALLS), 0);
        assert_int_equal(peers_used(p.server, PYN_Q_QUEUED), 0);
        peers_fini(&p);
    }
}

/* It names a reference that is not there: that is known at once. */
static void a_step_that_names_what_is_not_there_is_told_at_once(void **state)
{
    struct peers p;
    struct saw saw;
    struct pyn_call *call = NULL;

    (void)state;
    begin(&p, &saw);
    put(&p, "93 f4 92 " STEP_ADD "94 05 a3 61 64 64 92 01 " P0 " 80 80 0a");
    call = peers_expect_call(&p, p.server);
    assert_int_equal(saw.count, 2);
    assert_int_equal(saw.first, PYN_OK);
    assert_int_equal(saw.last.st, PYN_EDENIED);
    assert_null(saw.last.iface);
    assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
    peers_expect_none(&p, p.server);
    assert_int_equal(saw.count, 2);
    peers_fini(&p);
}

/* ---- other quotas ---- */

static void quotas_that_change_ahead_of_the_welcome_hold_from_then_on(void **state)
{
    for (int is_rested = 0; is_rested < 2; is_rested++) {
        struct peers p;
        struct pyn_quotas small = pyn_quotas_default();
        struct pyn_event event;
        struct pyn_call *call = NULL;
        (void)state;
        small.limits.message_max = 24;
        small.max[PYN_Q_OUTPUT] = 64 * 1024;
        small.max[PYN_Q_CALLS] = 1;
        peers_init(&p, pyn_mem_default());
        assert_int_equal(peers_new_server(&p), PYN_OK);
        put(&p, "95 f8 a5 70 79 6e 74 6f 01 c0 80 0a");
        assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
        if (is_rested) {
            peers_expect_none(&p, p.server); /* the hello is done with */
            pyn_session_rest(p.server);
            assert_null(p.server->in.scan);
        } else {
            assert_non_null(p.server->in.scan);
        }
        pyn_session_retune(p.server, &small);
        assert_int_equal(pyn_session_welcome(p.server, &p.objects[0], p.root), PYN_OK);
        pyn_session_written(p.server, pyn_session_output(p.server).len);
        put(&p, CALL_ADD CALL_ADD);
        call = peers_expect_call(&p, p.server);
        peers_expect_none(&p, p.server); /* one call at a time */
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        call = peers_expect_call(&p, p.server);
        assert_int_equal(peers_return(p.server, call, "03"), PYN_OK);
        put(&p, "94 00 a4 62 6c 6f 62 91 c4 0c 00 00 00 00 00 00 00 00 00 00 00 00 80 0a"); /* 23 bytes and a newline */
        call = peers_expect_call(&p, p.server);
        assert_int_equal(peers_return(p.server, call, "c4 00"), PYN_OK);
        put(&p, "94 00 a4 62 6c 6f 62 91 c4 0d 00 00 00 00 00 00 00 00 00 00 00 00 00 80 0a");
        call = peers_expect_call(&p, p.server);
        assert_int_equal(peers_return(p.server, call, "c4 00"), PYN_OK);
        put(&p, "94 00 a4 62 6c 6f 62 91 c4 0e 00 00 00 00 00 00 00 00 00 00 00 00 00 00 80 0a"); /* one more than may be */
        assert_int_equal(peers_next(&p, p.server, &event), PYN_ESIZE);
        peers_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_decision_is_told_once_with_its_reason),
        cmocka_unit_test(a_call_that_waits_for_room_is_told_once_when_there_is_some),
        cmocka_unit_test(a_refusal_for_a_quota_names_it),
        cmocka_unit_test(a_step_with_promises_is_told_when_they_are_known),
        cmocka_unit_test(a_step_that_names_what_is_not_there_is_told_at_once),
        cmocka_unit_test(quotas_that_change_ahead_of_the_welcome_hold_from_then_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
