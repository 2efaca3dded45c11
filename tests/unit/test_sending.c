/* test_sending.c - what a session says of what it still has to write, and what may not overtake a message in parts. */
#include "peers.h"

#include "../../src/session/session_state.h"

enum { LEN = 2400000, PART = PYN_FREIGHT_PART, LENT_LEN = 100000 };

static char owner; /* an address */

static const uint64_t lane_0 = 0;
static const uint64_t lane_2 = 2;
static const uint64_t lane_4 = 4;

/* ---- large messages ---- */

/* Bytes without end, of which none looks like anything. */
static void pack_blob(struct pyn_buf *out, size_t len)
{
    uint8_t *room = NULL;

    assert_int_equal(pyn_pack_bin_head(out, len), PYN_OK);
    assert_int_equal(pyn_buf_reserve(out, len, &room), PYN_OK);
    memset(room, 0xaa, len);
    pyn_buf_commit(out, len);
}

/* head, then a bin of LEN, then tail. */
static struct pyn_buf message_of(const char *head, const char *tail)
{
    struct pyn_buf out;
    const struct pyn_view front = support_bytes(head);
    const struct pyn_view back = support_bytes(tail);

    pyn_buf_init(&out, pyn_mem_default(), SIZE_MAX);
    assert_int_equal(pyn_buf_append(&out, front.data, front.len), PYN_OK);
    pack_blob(&out, LEN);
    assert_int_equal(pyn_buf_append(&out, back.data, back.len), PYN_OK);
    return out;
}

#define NAME_BLOB "a4 62 6c 6f 62 "
#define CALL_NAME "94 00 a4 6e 61 6d 65 90 80"

static void send_large(const struct peers *p, uint64_t lane)
{
    struct pyn_buf call = message_of("94 00 " NAME_BLOB "91", "80");

    assert_int_equal(pyn_session_send_call(p->client, lane, pyn_buf_view(&call), NULL), PYN_OK);
    pyn_buf_fini(&call);
}

static void begin(struct peers *p)
{
    peers_init(p, pyn_mem_default());
    peers_meet(p);
}

/* So many bytes of its output, as they come. */
static void write_some(struct pyn_session *session, size_t len)
{
    while (len > 0) {
        const size_t piece = pyn_session_output(session).len;
        const size_t part = piece < len ? piece : len;
        assert_true(piece > 0);
        pyn_session_written(session, part);
        len -= part;
    }
}

static size_t write_all(struct pyn_session *session)
{
    size_t len = 0;

    for (size_t piece = 0; (piece = pyn_session_output(session).len) > 0; len += piece) {
        pyn_session_written(session, piece);
    }
    return len;
}

/* ---- whose turn it is ---- */

static void nobody_waits_for_parts_of_another_lane(void **state)
{
    struct peers p;

    begin(&p);
    assert_false(pyn_session_is_sending(p.client, &lane_0));
    assert_false(pyn_session_is_sending(p.client, NULL));
    send_large(&p, 0);
    assert_true(pyn_session_is_sending(p.client, &lane_0));
    assert_false(pyn_session_is_sending(p.client, &lane_2));
    assert_false(pyn_session_is_sending(p.client, NULL));

    assert_int_equal(pyn_session_send_call(p.client, 2, support_bytes(CALL_NAME), NULL), PYN_OK);
    assert_true(pyn_session_is_sending(p.client, &lane_2)); /* it goes ahead of them */
    assert_true(pyn_session_is_sending(p.client, NULL));
    write_some(p.client, 7 + PART + 1);
    assert_true(pyn_session_is_sending(p.client, &lane_2));
    write_some(p.client, 4 + 10);
    assert_false(pyn_session_is_sending(p.client, &lane_2));
    assert_true(pyn_session_is_sending(p.client, &lane_0));

    send_large(&p, 4); /* it waits behind */
    assert_true(pyn_session_is_sending(p.client, &lane_4));
    assert_false(pyn_session_is_sending(p.client, &lane_2));
    (void)write_all(p.client);
    assert_false(pyn_session_is_sending(p.client, &lane_0));
    assert_false(pyn_session_is_sending(p.client, &lane_4));
    assert_false(pyn_session_is_sending(p.client, NULL));
    peers_fini(&p);
}

static void the_last_part_is_everybody_s(void **state)
{
    struct peers p;

    begin(&p);
    send_large(&p, 0);
    while (p.client->freight->first != NULL) {
        write_some(p.client, 1000);
    }
    assert_true(pyn_session_is_sending(p.client, &lane_2)); /* no later word of anybody's overtakes it */
    assert_true(pyn_session_is_sending(p.client, NULL));
    (void)write_all(p.client);
    assert_false(pyn_session_is_sending(p.client, &lane_2));
    peers_fini(&p);
}

static void a_lane_behind_another_is_its_own_only(void **state)
{
    struct peers p;

    begin(&p);
    send_large(&p, 0);
    send_large(&p, 2);
    write_some(p.client, LEN + 100); /* all of the first, and some of the other */
    assert_false(pyn_session_is_sending(p.client, &lane_0));
    assert_true(pyn_session_is_sending(p.client, &lane_2));
    (void)write_all(p.client);
    peers_fini(&p);
}

/* ---- what is lent ---- */

static void lend(const struct peers *p, uint64_t lane, const struct pyn_buf *bytes, size_t len)
{
    struct pyn_buf own;
    struct pyn_loan loan = {.bytes = {pyn_buf_view(bytes).data, len}, .owner = &owner};

    pyn_buf_init(&own, pyn_mem_default(), SIZE_MAX);
    assert_int_equal(pyn_buf_append(&own, support_bytes("94 00 " NAME_BLOB "91").data, 8), PYN_OK);
    assert_int_equal(pyn_pack_bin_head(&own, len), PYN_OK);
    loan.at = pyn_buf_len(&own);
    assert_int_equal(pyn_pack_map(&own, 0), PYN_OK);
    const struct pyn_parcel parcel = {pyn_buf_view(&own), &loan, 1};
    assert_int_equal(pyn_session_send_batch(p->client, lane, &parcel, &(struct pyn_expect){0}, 1), PYN_OK);
    assert_null(loan.owner);
    pyn_buf_fini(&own);
}

static void what_is_lent_counts_until_it_is_written_in_both_streams(void **state)
{
    for (int is_cut = 0; is_cut < 2; is_cut++) {
        struct peers p;
        struct pyn_buf bytes;
        size_t lent = LEN + LENT_LEN;
        begin(&p);
        pyn_buf_init(&bytes, pyn_mem_default(), SIZE_MAX);
        pack_blob(&bytes, LEN);
        assert_int_equal(pyn_session_lent_len(p.client), 0);
        lend(&p, 0, &bytes, LEN);
        assert_int_equal(pyn_session_lent_len(p.client), LEN);
        lend(&p, 2, &bytes, LENT_LEN);
        assert_int_equal(pyn_session_lent_len(p.client), lent);
        while (pyn_session_lent_len(p.client) > LEN / 2) {
            write_some(p.client, 997);
            assert_true(pyn_session_lent_len(p.client) <= lent); /* and never more */
            assert_true(lent - pyn_session_lent_len(p.client) <= 997);
            lent = pyn_session_lent_len(p.client);
        }
        if (is_cut) {
            pyn_session_abandon(p.client);
        } else {
            (void)write_all(p.client);
        }
        assert_int_equal(pyn_session_lent_len(p.client), 0);
        assert_ptr_equal(pyn_session_reap_loan(p.client), &owner);
        assert_ptr_equal(pyn_session_reap_loan(p.client), &owner);
        assert_null(pyn_session_reap_loan(p.client));
        pyn_buf_fini(&bytes);
        peers_fini(&p);
    }
}

/* ---- what may not overtake ---- */

static void hold(const struct peers *p, uint64_t id)
{
    struct pyn_import *entry = NULL;

    assert_int_equal(pyn_session_import(p->client, id, p->root->index + 1, NULL, &entry), PYN_OK);
}

/* How many of the references 3, 5 and 7, which nobody needs any more, may be given back now. */
static size_t freed_at_once(const struct peers *p)
{
    const size_t before = pyn_buf_len(&p->client->out.buf);

    for (uint64_t id = 3; id <= 7; id += 2) {
        pyn_session_release(p->client,
                            pyn_session_held(p->client, id, pyn_described_find(p->client, p->root->index + 1)));
    }
    assert_int_equal(pyn_session_flush_frees(p->client), PYN_OK);
    return (pyn_buf_len(&p->client->out.buf) - before) / 5;
}

static void a_free_waits_for_what_a_large_message_calls_or_may_name(void **state)
{
    static const struct {
        const char *head;
        const char *tail;
        size_t freed; /* of three */
        const char *what;
    } rows[] = {
        {"94 03 " NAME_BLOB "91", "80", 2, "a call of 3"},
        {"94 09 " NAME_BLOB "91", "80", 3, "a call of another"},
        {"96 f5 03 " NAME_BLOB "91", "80 80", 2, "an ask of 3"},
        {"96 f5 09 " NAME_BLOB "91", "80 80", 3, "an ask of another"},
        {"93 f4 91 94 03 " NAME_BLOB "91", "80 80", 0, "a batch, which may call any"},
        {"94 09 " NAME_BLOB "92", "d7 11 00 00 00 00 00 00 00 05 80", 0, "a call that names 5"},
        {"94 09 " NAME_BLOB "92", "c4 03 d7 d7 11 80", 0, "bytes that look as if"},
        {"94 09 " NAME_BLOB "92", "c4 04 d7 10 d7 12 80", 3, "bytes that look like something else"},
        {"94 09 " NAME_BLOB "92", "c4 01 d7 80", 3, "the beginning of a name"},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        struct pyn_buf call = message_of(rows[i].head, rows[i].tail);
        begin(&p);
        for (uint64_t id = 3; id <= 7; id += 2) {
            hold(&p, id);
        }
        assert_int_equal(pyn_session_send_call(p.client, 0, pyn_buf_view(&call), NULL), PYN_OK);
        size_t freed = freed_at_once(&p);
        if (freed != rows[i].freed) {
            fail_msg("%s: %zu are freed", rows[i].what, freed);
        }
        (void)write_all(p.client);
        assert_int_equal(pyn_session_flush_frees(p.client), PYN_OK);
        assert_int_equal(write_all(p.client), 5 * (3 - freed)); /* then the others are */
        assert_false(pyn_session_has_frees(p.client));
        pyn_buf_fini(&call);
        peers_fini(&p);
    }
}

static void two_large_calls_hold_back_every_free_until_both_have_gone(void **state)
{
    for (int is_same = 0; is_same < 2; is_same++) {
        struct peers p;
        struct pyn_buf call = message_of("94 03 " NAME_BLOB "91", "80");
        struct pyn_buf second = message_of(is_same ? "94 03 " NAME_BLOB "91" : "94 05 " NAME_BLOB "91", "80");
        begin(&p);
        for (uint64_t id = 3; id <= 7; id += 2) {
            hold(&p, id);
        }
        assert_int_equal(pyn_session_send_call(p.client, 0, pyn_buf_view(&call), NULL), PYN_OK);
        assert_int_equal(pyn_session_send_call(p.client, 2, pyn_buf_view(&second), NULL), PYN_OK);
        assert_int_equal(freed_at_once(&p), is_same ? 2 : 0);
        write_some(p.client, LEN + PART); /* the second is under way */
        assert_int_equal(pyn_session_flush_frees(p.client), PYN_OK);
        assert_true(pyn_session_has_frees(p.client));
        (void)write_all(p.client);
        assert_int_equal(pyn_session_flush_frees(p.client), PYN_OK);
        assert_false(pyn_session_has_frees(p.client));
        (void)write_all(p.client);
        pyn_buf_fini(&call);
        pyn_buf_fini(&second);
        peers_fini(&p);
    }
}

/* ---- ends ---- */

static void behind_the_last_word_no_more_is_announced_than_comes(void **state)
{
    static const size_t written[] = {0, 1, 6, 7, 8, 1000, 7 + PART - 1, 7 + PART, 7 + PART + 1, 7 + PART + 2};

    for (size_t i = 0; i < SUPPORT_COUNT(written); i++) {
        struct peers p;
        begin(&p);
        send_large(&p, 0);
        write_some(p.client, written[i]);
        pyn_session_goodbye(p.client, 0, "");
        const size_t len = pyn_session_output_len(p.client);
        assert_true(len <= 5 + 7 + PART + 1);
        assert_int_equal(write_all(p.client), len);
        assert_int_equal(pyn_session_output_len(p.client), 0);
        peers_fini(&p);
    }
}

static void a_ping_pays_for_one_pong_and_no_more(void **state)
{
    enum { ALLOWED = 3 };

    for (int more = -1; more <= 1; more++) {
        struct peers p;
        struct pyn_event event;
        peers_init(&p, pyn_mem_default());
        p.quotas.rates[PYN_Q_ODDITIES_PER_SECOND - PYN_Q_COUNT] = ALLOWED;
        p.quotas.burst_seconds = 1;
        peers_meet(&p);
        for (uint64_t token = 1; token <= 2; token++) {
            assert_int_equal(pyn_session_ping(p.client, token), PYN_OK);
        }
        peers_pump(&p, p.client, p.server);
        peers_expect_none(&p, p.server);
        peers_pump(&p, p.server, p.client);
        for (uint64_t token = 1; token <= 2; token++) {
            assert_int_equal(peers_next(&p, p.client, &event), PYN_OK);
            assert_int_equal(event.kind, PYN_EV_PONG);
            assert_int_equal(event.token, token);
        }
        for (int i = 0; i < ALLOWED + more; i++) {
            assert_int_equal(peers_put(&p, p.client, support_bytes("92 f6 02 0a")), PYN_OK);
            assert_int_equal(peers_next(&p, p.client, &event), i < ALLOWED ? PYN_OK : PYN_EFLOOD);
        }
        peers_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_parts_of_another_lane),
        cmocka_unit_test(the_last_part_is_everybody_s),
        cmocka_unit_test(a_lane_behind_another_is_its_own_only),
        cmocka_unit_test(what_is_lent_counts_until_it_is_written_in_both_streams),
        cmocka_unit_test(a_free_waits_for_what_a_large_message_calls_or_may_name),
        cmocka_unit_test(two_large_calls_hold_back_every_free_until_both_have_gone),
        cmocka_unit_test(behind_the_last_word_no_more_is_announced_than_comes),
        cmocka_unit_test(a_ping_pays_for_one_pong_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
