/* test_loans.c - do bytes that are lent come out in their place, and do their owners come back exactly once? */
#include "peers.h"

#include "../../src/session/loans.h"
#include "../../src/session/session_state.h"
#include "../../src/wire/pack.h"

enum { ONE = 70000, TWO = 80000 };

static char owners[4]; /* addresses */

/* [0, "blob", [bytes], {}] that lends its bytes, which stand in the middle; whole: the same in one piece. */
struct sample {
    struct pyn_buf own;
    struct pyn_buf whole;
    struct pyn_buf bytes;
    struct pyn_loan loan;
};

static void sample_init(struct sample *s, size_t len)
{
    uint8_t *room = NULL;

    pyn_buf_init(&s->own, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&s->whole, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&s->bytes, pyn_mem_default(), SIZE_MAX);
    assert_int_equal(pyn_buf_reserve(&s->bytes, len, &room), PYN_OK);
    for (size_t i = 0; i < len; i++) {
        room[i] = (uint8_t)(i * 7);
    }
    pyn_buf_commit(&s->bytes, len);
    assert_int_equal(pyn_pack_array(&s->own, 4), PYN_OK);
    assert_int_equal(pyn_pack_uint(&s->own, 0), PYN_OK);
    assert_int_equal(pyn_pack_str(&s->own, "blob", 4), PYN_OK);
    assert_int_equal(pyn_pack_array(&s->own, 1), PYN_OK);
    assert_int_equal(pyn_pack_bin_head(&s->own, len), PYN_OK);
    s->loan = (struct pyn_loan){.at = pyn_buf_len(&s->own), .bytes = pyn_buf_view(&s->bytes), .owner = &owners[0]};
    assert_int_equal(pyn_pack_map(&s->own, 0), PYN_OK);
    (void)pyn_buf_append(&s->whole, pyn_buf_view(&s->own).data, s->loan.at);
    (void)pyn_buf_append(&s->whole, s->loan.bytes.data, len);
    (void)pyn_pack_map(&s->whole, 0);
    (void)pyn_pack_newline(&s->whole);
}

static struct pyn_parcel sample_parcel(struct sample *s)
{
    return (struct pyn_parcel){pyn_buf_view(&s->own), &s->loan, 1};
}

static void sample_fini(struct sample *s)
{
    pyn_buf_fini(&s->own);
    pyn_buf_fini(&s->whole);
    pyn_buf_fini(&s->bytes);
}

/* All that a session has to write, step bytes at a time, in one piece. */
static void collect(struct pyn_session *session, size_t step, struct pyn_buf *out)
{
    size_t left = pyn_session_output_len(session);

    pyn_buf_init(out, pyn_mem_default(), SIZE_MAX);
    while (left > 0) {
        struct pyn_view piece = pyn_session_output(session);
        assert_true(piece.len > 0);
        piece.len = piece.len < step ? piece.len : step;
        assert_int_equal(pyn_buf_append(out, piece.data, piece.len), PYN_OK);
        pyn_session_written(session, piece.len);
        left -= piece.len;
        assert_int_equal(pyn_session_output_len(session), left);
    }
    assert_int_equal(pyn_session_output(session).len, 0);
}

static void meet(struct peers *p, const struct pyn_mem *mem)
{
    peers_init(p, mem);
    peers_meet(p);
    assert_int_equal(pyn_session_output_len(p->client), 0);
}

static void expect_whole(const struct pyn_buf *out, const struct sample *s)
{
    assert_int_equal(pyn_buf_len(out), pyn_buf_len(&s->whole));
    assert_memory_equal(pyn_buf_view(out).data, pyn_buf_view(&s->whole).data, pyn_buf_len(out));
}

static void what_is_lent_comes_out_in_its_place_however_it_is_cut(void **state)
{
    static const size_t steps[] = {1, 13, 4096, ONE, SIZE_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct peers p;
        struct sample s;
        struct pyn_buf out;
        meet(&p, pyn_mem_default());
        sample_init(&s, ONE);
        const struct pyn_parcel parcel = sample_parcel(&s);
        assert_int_equal(pyn_session_send_batch(p.client, 0, &parcel, &(struct pyn_expect){0}, 1), PYN_OK);
        assert_null(s.loan.owner); /* moved */
        assert_null(pyn_session_reap_loan(p.client));
        assert_int_equal(peers_used(p.client, PYN_Q_OUTPUT), pyn_buf_len(&s.whole));
        collect(p.client, steps[i], &out);
        expect_whole(&out, &s);
        assert_int_equal(peers_used(p.client, PYN_Q_OUTPUT), 0);
        assert_true(pyn_session_has_dead(p.client));
        assert_ptr_equal(pyn_session_reap_loan(p.client), &owners[0]);
        assert_null(pyn_session_reap_loan(p.client));
        assert_false(pyn_session_has_dead(p.client));
        pyn_buf_fini(&out);
        sample_fini(&s);
        peers_fini(&p);
    }
}

static void what_is_not_sent_stays_who_lends_it(void **state)
{
    struct peers p;
    struct sample s;

    (void)state;
    meet(&p, pyn_mem_default());
    sample_init(&s, ONE);
    const struct pyn_parcel parcel = sample_parcel(&s);
    const size_t len = pyn_buf_len(&s.whole);

    p.quotas.limits.message_max = len - 2; /* its newline is not counted */
    assert_int_equal(pyn_session_send_batch(p.client, 0, &parcel, &(struct pyn_expect){0}, 1), PYN_EQUOTA);
    p.quotas.limits.message_max = len - 1;
    p.quotas.max[PYN_Q_OUTPUT] = len - 1;
    assert_int_equal(pyn_session_send_batch(p.client, 0, &parcel, &(struct pyn_expect){0}, 1), PYN_EQUOTA);
    assert_ptr_equal(s.loan.owner, &owners[0]);
    assert_int_equal(pyn_session_output_len(p.client), 0);
    assert_int_equal(peers_used(p.client, PYN_Q_OUTPUT), 0);
    assert_null(pyn_session_reap_loan(p.client));
    p.quotas.max[PYN_Q_OUTPUT] = len;
    assert_int_equal(pyn_session_send_batch(p.client, 0, &parcel, &(struct pyn_expect){0}, 1), PYN_OK);
    assert_null(s.loan.owner);
    pyn_session_written(p.client, len);
    assert_ptr_equal(pyn_session_reap_loan(p.client), &owners[0]);
    sample_fini(&s);
    peers_fini(&p);
}

static void a_connection_that_ends_in_the_middle_gives_every_owner_back(void **state)
{
    (void)state;
    for (size_t written = 0; written < 3; written++) {
        struct peers p;
        struct sample a;
        struct sample b;
        struct pyn_buf out;
        meet(&p, pyn_mem_default());
        sample_init(&a, ONE);
        sample_init(&b, TWO);
        b.loan.owner = &owners[1];
        const struct pyn_parcel first = sample_parcel(&a);
        const struct pyn_parcel second = sample_parcel(&b);
        assert_int_equal(pyn_session_send_batch(p.client, 0, &first, &(struct pyn_expect){0}, 1), PYN_OK);
        assert_int_equal(pyn_session_send_batch(p.client, 2, &second, &(struct pyn_expect){0}, 1), PYN_OK);
        pyn_session_written(p.client, written * 40000); /* ahead of, in, and behind the first */
        pyn_session_abandon(p.client);
        const void *x = pyn_session_reap_loan(p.client);
        const void *y = pyn_session_reap_loan(p.client);
        assert_true((x == &owners[0] && y == &owners[1]) || (x == &owners[1] && y == &owners[0]));
        assert_null(pyn_session_reap_loan(p.client));
        /* Nothing stands there of which a part is missing. */
        collect(p.client, SIZE_MAX, &out);
        assert_true(pyn_buf_len(&out) <= a.loan.at || written == 2);
        pyn_buf_fini(&out);
        sample_fini(&a);
        sample_fini(&b);
        peers_fini(&p);
    }
}

static void messages_of_both_kinds_keep_their_order(void **state)
{
    struct peers p;
    struct sample s;
    struct pyn_view pieces[8];
    struct pyn_call *call = NULL;

    (void)state;
    meet(&p, pyn_mem_default());
    sample_init(&s, ONE);
    const struct pyn_parcel parcel = sample_parcel(&s);
    assert_int_equal(peers_call(p.client, 0, 0, "add", 2, "01 02"), PYN_OK);
    assert_int_equal(pyn_session_send_batch(p.client, 2, &parcel, &(struct pyn_expect){0}, 1), PYN_OK);
    assert_int_equal(peers_call(p.client, 4, 0, "add", 2, "03 04"), PYN_OK);
    assert_int_equal(pyn_session_output_pieces(p.client, pieces, 8), 3);
    assert_int_equal(pyn_session_output_pieces(p.client, pieces, 2), 2);
    assert_ptr_equal(pieces[1].data, pyn_buf_view(&s.bytes).data); /* where it always was */
    while (pyn_session_output_len(p.client) > 0) {
        peers_pump(&p, p.client, p.server);
    }
    for (uint64_t lane = 0; lane <= 4; lane += 2) {
        call = peers_expect_call(&p, p.server);
        assert_int_equal(call->lane, lane);
        if (lane == 2) {
            assert_int_equal(call->body.len, ONE + 1 + 5 + 1);
            assert_memory_equal(call->body.data + 6, pyn_buf_view(&s.bytes).data, ONE);
        }
        assert_int_equal(peers_return(p.server, call, "c4 00"), PYN_OK);
    }
    assert_ptr_equal(pyn_session_reap_loan(p.client), &owners[0]);
    sample_fini(&s);
    peers_fini(&p);
}

static void a_result_is_lent_as_well(void **state)
{
    struct peers p;
    struct sample s;
    struct pyn_loan loan;
    struct pyn_call *call = NULL;
    struct pyn_answer *answer = NULL;
    uint8_t head[5] = {0xc6, 0, 0x01, 0x11, 0x70}; /* 70,000 bytes */

    (void)state;
    meet(&p, pyn_mem_default());
    sample_init(&s, ONE);
    loan = (struct pyn_loan){.at = 5, .bytes = pyn_buf_view(&s.bytes), .owner = &owners[2]};
    const struct pyn_parcel value = {{head, sizeof head}, &loan, 1};
    assert_int_equal(peers_call(p.client, 0, 0, "blob", 1, "c4 00"), PYN_OK);
    peers_pump(&p, p.client, p.server);
    call = peers_expect_call(&p, p.server);
    p.quotas.limits.message_max = ONE + 6; /* with an array of two and its kind it is one byte more */
    assert_int_equal(pyn_session_send_value(p.server, 0, &value), PYN_EQUOTA);
    assert_ptr_equal(loan.owner, &owners[2]);
    p.quotas.limits.message_max = ONE + 7;
    assert_int_equal(pyn_session_send_value(p.server, 0, &value), PYN_OK);
    assert_null(loan.owner);
    pyn_session_call_free(p.server, call);
    while (pyn_session_output_len(p.server) > 0) {
        peers_pump(&p, p.server, p.client);
    }
    assert_ptr_equal(pyn_session_reap_loan(p.server), &owners[2]);
    answer = peers_expect_answer(&p, p.client);
    assert_int_equal(answer->status, PYN_OK);
    assert_memory_equal(answer->value.data + 5, pyn_buf_view(&s.bytes).data, ONE);
    pyn_session_answer_free(p.client, answer);
    sample_fini(&s);
    peers_fini(&p);
}

/* What another step may name is kept in one piece: the lender keeps its own. */
static void a_result_of_a_step_is_copied(void **state)
{
    struct sample s;
    uint8_t head[5] = {0xc6, 0, 0x01, 0x11, 0x70};
    bool is_through = false;

    (void)state;
    sample_init(&s, ONE);
    for (size_t fail_at = 1; !is_through; fail_at++) {
        struct peers p;
        struct support_mem m;
        struct pyn_loan loan = {.at = 5, .bytes = pyn_buf_view(&s.bytes), .owner = &owners[2]};
        const struct pyn_parcel value = {{head, sizeof head}, &loan, 1};
        support_mem_init(&m, 0);
        peers_init(&p, &m.mem);
        peers_meet_raw(&p);
        assert_int_equal(peers_put(&p, p.server,
                                   support_bytes("93 f4 92 94 00 a4 62 6c 6f 62 91 c4 00 80 "
                                                 "94 00 a4 62 6c 6f 62 91 d6 1b 00 00 00 00 80 80 0a")),
                         PYN_OK);
        struct pyn_call *call = peers_expect_call(&p, p.server);
        m.fail_at = m.calls + fail_at;
        pyn_status st = pyn_session_send_value(p.server, 0, &value);
        is_through = m.calls < m.fail_at;
        assert_ptr_equal(loan.owner, &owners[2]);
        if (st == PYN_OK) {
            assert_int_equal(pyn_session_output_len(p.server), 2 + sizeof head + ONE + 1);
            pyn_session_written(p.server, pyn_session_output_len(p.server));
            assert_null(pyn_session_reap_loan(p.server));
            pyn_session_call_free(p.server, call);
            call = peers_expect_call(&p, p.server);
            assert_true(call->body.len > ONE); /* the first one's result is an argument of the second */
            assert_memory_equal(call->body.data + 1 + sizeof head, s.loan.bytes.data, ONE);
        } else {
            assert_int_equal(st, PYN_ENOMEM);
        }
        pyn_session_call_free(p.server, call);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
        assert_true(fail_at < 100);
    }
    sample_fini(&s);
}

/* However many pieces are asked for at once, they are the bytes in their order. */
static void the_pieces_of_the_output_are_all_of_it(void **state)
{
    struct peers p;
    struct sample s;
    struct sample t;
    struct pyn_buf wanted;
    struct pyn_view pieces[8];

    (void)state;
    meet(&p, pyn_mem_default());
    sample_init(&s, ONE);
    sample_init(&t, TWO);
    pyn_buf_init(&wanted, pyn_mem_default(), SIZE_MAX);
    assert_int_equal(pyn_session_output_pieces(p.client, pieces, SUPPORT_COUNT(pieces)), 0);
    assert_int_equal(pyn_session_ping(p.client, 5), PYN_OK);
    assert_int_equal(pyn_session_output_pieces(p.client, pieces, SUPPORT_COUNT(pieces)), 1);
    assert_true(support_is_hex(pieces[0], "92 f7 05 0a"));
    (void)pyn_buf_append(&wanted, pieces[0].data, pieces[0].len);
    const struct pyn_parcel first = sample_parcel(&s);
    assert_int_equal(pyn_session_send_batch(p.client, 0, &first, &(struct pyn_expect){0}, 1), PYN_OK);
    (void)pyn_buf_append(&wanted, pyn_buf_view(&s.whole).data, pyn_buf_len(&s.whole));
    assert_int_equal(pyn_session_ping(p.client, 6), PYN_OK);
    (void)pyn_buf_append(&wanted, "\x92\xf7\x06\n\x92\xfc\x02\n", 8); /* and the lane of the next */
    const struct pyn_parcel second = sample_parcel(&t);
    assert_int_equal(pyn_session_send_batch(p.client, 2, &second, &(struct pyn_expect){0}, 1), PYN_OK);
    (void)pyn_buf_append(&wanted, pyn_buf_view(&t.whole).data, pyn_buf_len(&t.whole));
    for (size_t written = 0; written <= 10; written += 5) { /* also when a part has gone already */
        for (size_t max = 0; max <= SUPPORT_COUNT(pieces); max++) {
            size_t at = written;
            const size_t count = pyn_session_output_pieces(p.client, pieces, max);
            assert_int_equal(count, max < 5 ? max : 5); /* two loans, and what stands around them */
            for (size_t i = 0; i < count; i++) {
                assert_true(pieces[i].len > 0 && at + pieces[i].len <= pyn_buf_len(&wanted));
                assert_memory_equal(pieces[i].data, pyn_buf_view(&wanted).data + at, pieces[i].len);
                at += pieces[i].len;
            }
            assert_int_equal(at == pyn_buf_len(&wanted), max >= 5);
        }
        pyn_session_written(p.client, 5);
    }
    pyn_session_written(p.client, pyn_session_output_len(p.client));
    while (pyn_session_reap_loan(p.client) != NULL) {}
    pyn_buf_fini(&wanted);
    sample_fini(&s);
    sample_fini(&t);
    peers_fini(&p);
}

static void a_session_that_rests_keeps_no_room_for_loans(void **state)
{
    struct support_mem m;
    struct peers p;
    struct sample s;
    size_t rested = 0;

    (void)state;
    support_mem_init(&m, 0);
    meet(&p, &m.mem);
    sample_init(&s, ONE);
    pyn_session_rest(p.client);
    rested = m.live;
    const struct pyn_parcel parcel = sample_parcel(&s);
    assert_int_equal(pyn_session_send_batch(p.client, 0, &parcel, &(struct pyn_expect){0}, 1), PYN_OK);
    pyn_session_rest(p.client); /* there is something to write: it stays */
    assert_non_null(p.client->out.loans);
    assert_int_equal(pyn_session_output_len(p.client), pyn_buf_len(&s.whole));
    pyn_session_written(p.client, pyn_session_output_len(p.client));
    pyn_session_rest(p.client); /* and its owner is still to be let go of */
    assert_non_null(p.client->out.loans);
    assert_ptr_equal(pyn_session_reap_loan(p.client), &owners[0]);
    pyn_session_rest(p.client);
    assert_null(p.client->out.loans);
    assert_int_equal(m.live, rested + 2); /* the lane that waits for the answer, and its frame */
    sample_fini(&s);
    peers_fini(&p);
    assert_int_equal(m.live, 0);
}

static void each_allocation_may_fail(void **state)
{
    struct sample s;
    bool is_through = false;

    (void)state;
    sample_init(&s, ONE);
    for (size_t fail_at = 1; !is_through; fail_at++) {
        struct peers p;
        struct support_mem m;
        support_mem_init(&m, 0);
        meet(&p, &m.mem);
        m.fail_at = m.calls + fail_at;
        s.loan.owner = &owners[0];
        const struct pyn_parcel parcel = sample_parcel(&s);
        pyn_status st = pyn_session_send_batch(p.client, 0, &parcel, &(struct pyn_expect){0}, 1);
        is_through = m.calls < m.fail_at;
        assert_int_equal(st, is_through ? PYN_OK : PYN_ENOMEM);
        assert_true((s.loan.owner == NULL) == is_through);
        assert_true((pyn_session_output_len(p.client) > 0) == is_through);
        pyn_session_abandon(p.client);
        assert_true((pyn_session_reap_loan(p.client) != NULL) == is_through);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
        assert_true(fail_at < 100);
    }
    sample_fini(&s);
}

/* Lengths are added up beyond 4 GiB; nothing of what is lent here is ever looked at. */
static void lengths_beyond_32_bits_add_up(void **state)
{
    struct pyn_loans loans;
    uint8_t own[4] = {1, 2, 3, 4};
    const size_t large = (size_t)UINT32_MAX;
    struct pyn_loan lent[] = {{1, {own, large}, &owners[0]}, {1, {own, large}, &owners[1]}, {3, {own, 0}, &owners[2]}};
    const struct pyn_parcel parcel = {{own, 4}, lent, 3};
    struct pyn_view held = {own, 4};
    struct pyn_view pieces[8];

    (void)state;
    assert_int_equal(pyn_parcel_len(&parcel), 4 + 2 * large);
    pyn_loans_init(&loans, pyn_mem_default());
    assert_int_equal(pyn_loans_stage(&loans, &parcel, 0), PYN_OK);
    assert_int_equal(loans.staged_len, 2 * large);
    pyn_loans_take(&loans);
    assert_int_equal(loans.len, 2 * large);
    assert_ptr_equal(lent[2].owner, &owners[2]); /* of nothing, nothing is taken */
    assert_int_equal(pyn_loans_pieces(&loans, held, pieces, 8), 4);
    assert_int_equal(pieces[0].len, 1);
    assert_int_equal(pieces[1].len, large);
    assert_int_equal(pieces[2].len, large);
    assert_int_equal(pieces[3].len, 3);
    assert_int_equal(pyn_loans_pieces(&loans, held, pieces, 1), 1);
    assert_false(pyn_loans_is_idle(&loans));
    loans.passed = 1;
    pyn_loans_written(&loans, large - 1);
    assert_null(pyn_loans_reap(&loans));
    pyn_loans_written(&loans, 1);
    assert_ptr_equal(pyn_loans_reap(&loans), &owners[0]);
    assert_int_equal(loans.len, large);
    pyn_loans_return_all(&loans);
    assert_int_equal(loans.len, 0);
    assert_ptr_equal(pyn_loans_reap(&loans), &owners[1]);
    assert_null(pyn_loans_reap(&loans));
}

static void a_copy_of_a_parcel_is_its_bytes_in_their_order(void **state)
{
    struct pyn_loan loans[] = {{.at = 0, .bytes = pyn_view_of("ab")},
                               {.at = 2, .bytes = pyn_view_of("")},
                               {.at = 2, .bytes = pyn_view_of("cde")},
                               {.at = 5, .bytes = pyn_view_of("f")}};
    static const char *const whole[] = {"12345", "ab12345", "ab12345", "ab12cde345", "ab12cde345f"};

    (void)state;
    for (uint32_t count = 0; count <= SUPPORT_COUNT(loans); count++) {
        const struct pyn_parcel parcel = {pyn_view_of("12345"), loans, count};
        char out[16] = {0};
        assert_int_equal(pyn_parcel_len(&parcel), strlen(whole[count]));
        pyn_parcel_copy(&parcel, (uint8_t *)out);
        assert_string_equal(out, whole[count]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pieces_of_the_output_are_all_of_it),
        cmocka_unit_test(a_session_that_rests_keeps_no_room_for_loans),
        cmocka_unit_test(a_result_of_a_step_is_copied),
        cmocka_unit_test(a_copy_of_a_parcel_is_its_bytes_in_their_order),
        cmocka_unit_test(what_is_lent_comes_out_in_its_place_however_it_is_cut),
        cmocka_unit_test(what_is_not_sent_stays_who_lends_it),
        cmocka_unit_test(a_connection_that_ends_in_the_middle_gives_every_owner_back),
        cmocka_unit_test(messages_of_both_kinds_keep_their_order),
        cmocka_unit_test(a_result_is_lent_as_well),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(lengths_beyond_32_bits_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
