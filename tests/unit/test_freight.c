/* test_freight.c - does a large message go out in parts, does what may overtake it go between them, and does everything else wait? */
#include "peers.h"

#include "../../src/session/session_state.h"

enum { LEN = 2400000, PART = PYN_FREIGHT_PART };

static char owners[2]; /* addresses */

/* ---- a large call ---- */

/* One less, as many, or one more. */
static size_t beside(size_t len, int more)
{
    return more < 0 ? len - 1 : len + (size_t)more;
}

/* [ref, "blob", [bytes], {}]; lent: the bytes stand elsewhere. */
struct big {
    struct pyn_buf own;
    struct pyn_buf whole; /* in one piece, with its newline */
    struct pyn_buf bytes;
    struct pyn_loan loan;
};

static void big_init(struct big *b, uint64_t ref, size_t len, uint8_t fill)
{
    uint8_t *room = NULL;

    *b = (struct big){.loan = {.owner = NULL}};
    pyn_buf_init(&b->own, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&b->whole, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&b->bytes, pyn_mem_default(), SIZE_MAX);
    assert_int_equal(pyn_buf_reserve(&b->bytes, len, &room), PYN_OK);
    for (size_t i = 0; i < len; i++) {
        room[i] = (uint8_t)(i % 251 == 0 ? i / 251 % 128 : fill);
    }
    pyn_buf_commit(&b->bytes, len);
    assert_int_equal(pyn_pack_array(&b->own, 4), PYN_OK);
    assert_int_equal(pyn_pack_uint(&b->own, ref), PYN_OK);
    assert_int_equal(pyn_pack_str(&b->own, "blob", 4), PYN_OK);
    assert_int_equal(pyn_pack_array(&b->own, 1), PYN_OK);
    assert_int_equal(pyn_pack_bin_head(&b->own, len), PYN_OK);
    b->loan = (struct pyn_loan){.at = pyn_buf_len(&b->own), .bytes = pyn_buf_view(&b->bytes), .owner = &owners[0]};
    assert_int_equal(pyn_pack_map(&b->own, 0), PYN_OK);
    (void)pyn_buf_append(&b->whole, pyn_buf_view(&b->own).data, b->loan.at);
    (void)pyn_buf_append(&b->whole, b->loan.bytes.data, len);
    (void)pyn_pack_map(&b->whole, 0);
    (void)pyn_pack_newline(&b->whole);
}

static void big_fini(struct big *b)
{
    pyn_buf_fini(&b->own);
    pyn_buf_fini(&b->whole);
    pyn_buf_fini(&b->bytes);
}

static pyn_status big_lend(const struct peers *p, struct big *b, uint64_t lane)
{
    const struct pyn_parcel parcel = {pyn_buf_view(&b->own), &b->loan, 1};

    return pyn_session_send_batch(p->client, lane, &parcel, &(struct pyn_expect){0}, 1);
}

static struct pyn_view big_object(const struct big *b)
{
    return (struct pyn_view){pyn_buf_view(&b->whole).data, pyn_buf_len(&b->whole) - 1};
}

static pyn_status big_send(const struct peers *p, const struct big *b, uint64_t lane)
{
    return pyn_session_send_call(p->client, lane, big_object(b), NULL);
}

/* ---- what comes out ---- */

struct seen {
    struct pyn_buf first;  /* the first stream, each part of it is an 'O' */
    struct pyn_buf second; /* what parts carry */
    size_t parts;
    size_t longest;
    struct pyn_buf held;
};

static void seen_init(struct seen *seen)
{
    *seen = (struct seen){.parts = 0};
    pyn_buf_init(&seen->first, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&seen->second, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&seen->held, pyn_mem_default(), SIZE_MAX);
}

static void seen_fini(struct seen *seen)
{
    assert_int_equal(pyn_buf_len(&seen->held), 0); /* nothing is cut */
    pyn_buf_fini(&seen->first);
    pyn_buf_fini(&seen->second);
    pyn_buf_fini(&seen->held);
}

static size_t see_part(struct seen *seen, struct pyn_view held)
{
    size_t head = 0;
    size_t len = 0;

    if (held.len < 7) {
        return 0;
    }
    head = held.data[2] == 0xc4 ? 4 : held.data[2] == 0xc5 ? 5 : 7;
    for (size_t i = 3; i < head; i++) {
        len = len << 8 | held.data[i];
    }
    if (held.len < head + len + 1) {
        return 0;
    }
    assert_int_equal(held.data[head + len], '\n');
    assert_true(len > 0);
    assert_int_equal(pyn_buf_append(&seen->second, held.data + head, len), PYN_OK);
    assert_int_equal(pyn_buf_append(&seen->first, "O", 1), PYN_OK);
    seen->parts++;
    seen->longest = len > seen->longest ? len : seen->longest;
    return head + len + 1;
}

static size_t see_message(struct seen *seen, struct pyn_view held)
{
    const struct pyn_limits limits = PYN_LIMITS_DEFAULT;
    struct pyn_scan scan;
    size_t len = 0;
    size_t need = 0;

    pyn_scan_init(&scan, &limits);
    if (pyn_scan_feed(&scan, held, &len, &need) != PYN_OK) {
        return 0;
    }
    assert_int_equal(pyn_buf_append(&seen->first, held.data, len + 1), PYN_OK);
    return len + 1;
}

static void see(struct seen *seen, struct pyn_view bytes)
{
    size_t taken = 1;

    assert_int_equal(pyn_buf_append(&seen->held, bytes.data, bytes.len), PYN_OK);
    while (taken > 0 && pyn_buf_len(&seen->held) > 1) {
        const struct pyn_view held = pyn_buf_view(&seen->held);
        taken = held.data[0] == 0x92 && held.data[1] == 0xf0 ? see_part(seen, held) : see_message(seen, held);
        pyn_buf_consume(&seen->held, taken);
    }
}

/* At most max bytes of its output, step at a time. */
static void read_some(struct pyn_session *session, size_t max, size_t step, struct seen *seen)
{
    while (max > 0 && pyn_session_output(session).len > 0) {
        struct pyn_view piece = pyn_session_output(session);
        piece.len = piece.len < step ? piece.len : step;
        piece.len = piece.len < max ? piece.len : max;
        see(seen, piece);
        pyn_session_written(session, piece.len);
        max -= piece.len;
    }
}

static void read_all(struct pyn_session *session, struct seen *seen)
{
    read_some(session, SIZE_MAX, SIZE_MAX, seen);
    assert_int_equal(pyn_session_output_len(session), 0);
}

static void expect_first(const struct seen *seen, const char *hex)
{
    assert_true(support_is_hex(pyn_buf_view(&seen->first), hex));
}

static void expect_second(const struct seen *seen, const struct big *b, const char *ahead)
{
    const struct pyn_view all = pyn_buf_view(&seen->second);
    const struct pyn_view front = support_bytes(ahead);
    const struct pyn_view whole = pyn_buf_view(&b->whole);

    assert_true(all.len >= front.len + whole.len);
    assert_memory_equal(all.data, front.data, front.len);
    assert_memory_equal(all.data + front.len, whole.data, whole.len);
}

#define O "4f " /* a part */
#define PING_1 "92 f7 01 0a "
#define CALL_NAME "94 00 a4 6e 61 6d 65 90 80 0a " /* [0, "name", [], {}] */
#define LANE_0 "92 fc 00 0a "
#define LANE_2 "92 fc 02 0a "
#define LANE_4 "92 fc 04 0a "
#define FREE_3 "93 fd 03 01 0a "
#define FREE_5 "93 fd 05 01 0a "
#define CANCEL "91 fa 0a "

static pyn_status call_name(const struct peers *p, uint64_t lane)
{
    return pyn_session_send_call(p->client, lane, support_bytes("94 00 a4 6e 61 6d 65 90 80"), NULL);
}

static void begin(struct peers *p, struct seen *seen)
{
    peers_init(p, pyn_mem_default());
    peers_meet(p);
    seen_init(seen);
}

static void finish(struct peers *p, struct seen *seen)
{
    while (pyn_session_reap_loan(p->client) != NULL) {}
    seen_fini(seen);
    peers_end(p->client);
    p->client = NULL;
    peers_fini(p);
}

/* A large message of lane 0 is on its way. */
static void begin_big(struct peers *p, struct seen *seen, struct big *b)
{
    begin(p, seen);
    big_init(b, 0, LEN, 0xaa);
    assert_int_equal(big_lend(p, b, 0), PYN_OK);
}

static void finish_big(struct peers *p, struct seen *seen, struct big *b)
{
    big_fini(b);
    finish(p, seen);
}

/* ---- parts ---- */

static void a_large_message_goes_in_parts_however_it_is_written(void **state)
{
    static const size_t steps[] = {1, 13, 4096, PART + 8, SIZE_MAX};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(steps); i++) {
        for (int is_lent = 0; is_lent < 2; is_lent++) {
            struct peers p;
            struct seen seen;
            struct big b;
            begin(&p, &seen);
            big_init(&b, 0, LEN, 0xaa);
            assert_int_equal(is_lent ? big_lend(&p, &b, 0) : big_send(&p, &b, 0), PYN_OK);
            assert_int_equal(peers_used(p.client, PYN_Q_OUTPUT), pyn_buf_len(&b.whole));
            read_some(p.client, SIZE_MAX, steps[i], &seen);
            assert_int_equal(peers_used(p.client, PYN_Q_OUTPUT), 0);
            assert_int_equal(pyn_session_output_len(p.client), 0);
            expect_first(&seen, O O O);
            expect_second(&seen, &b, "");
            assert_int_equal(seen.longest, PART);
            assert_ptr_equal(pyn_session_reap_loan(p.client), is_lent ? &owners[0] : NULL);
            assert_null(pyn_session_reap_loan(p.client));
            assert_false(pyn_session_has_dead(p.client));
            finish_big(&p, &seen, &b);
        }
    }
}

static void several_pieces_are_the_same_bytes(void **state)
{
    (void)state;
    for (size_t max = 1; max <= 8; max++) {
        struct peers p;
        struct seen seen;
        struct big b;
        struct pyn_view pieces[8];
        size_t count = 0;
        begin(&p, &seen);
        big_init(&b, 0, LEN, 0xaa);
        assert_int_equal(pyn_session_ping(p.client, 1), PYN_OK);
        assert_int_equal(big_lend(&p, &b, 2), PYN_OK);
        assert_int_equal(pyn_session_ping(p.client, 1), PYN_OK);
        while ((count = pyn_session_output_pieces(p.client, pieces, max)) > 0) {
            size_t len = 0;
            assert_true(count <= max);
            for (size_t i = 0; i < count; i++) {
                assert_true(pieces[i].len > 0);
                see(&seen, pieces[i]);
                len += pieces[i].len;
            }
            pyn_session_written(p.client, len);
        }
        expect_first(&seen, PING_1 O PING_1 O O);
        expect_second(&seen, &b, LANE_2);
        finish_big(&p, &seen, &b);
    }
}

static void a_message_of_hardly_more_than_a_part_is_whole(void **state)
{
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct peers p;
        struct seen seen;
        struct big b;
        begin(&p, &seen);
        big_init(&b, 0, beside(PART + PART / 8 - 14, more), 0xaa);
        assert_int_equal(pyn_buf_len(&b.whole) - 1, beside(PART + PART / 8, more));
        assert_int_equal(big_send(&p, &b, 0), PYN_OK);
        read_all(p.client, &seen);
        assert_int_equal(seen.parts, more > 0 ? 2 : 0);
        finish_big(&p, &seen, &b);
    }
}

static void a_peer_that_takes_no_parts_or_small_ones_is_sent_none(void **state)
{
    static const struct {
        size_t part;
        size_t parts;
    } rows[] = {{0, 0}, {1, 0}, {65535, 0}, {65536, 37}, {65537, 37}, {PART, 3}, {1 << 30, 3}};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        struct seen seen;
        struct big b;
        begin(&p, &seen);
        char hello[64];
        struct pyn_event event;
        (void)snprintf(hello, sizeof hello, "95 f8 a5 70 79 6e 74 6f 01 c0 81 a4 70 61 72 74 ce %08zx 0a", rows[i].part);
        peers_end(p.client);
        assert_int_equal(peers_new_client(&p), PYN_OK);
        pyn_session_written(p.client, pyn_session_output_len(p.client));
        assert_int_equal(peers_put(&p, p.client, support_bytes(hello)), PYN_OK);
        assert_int_equal(peers_next(&p, p.client, &event), PYN_EWAIT);
        big_init(&b, 0, LEN, 0xaa);
        assert_int_equal(big_lend(&p, &b, 2), PYN_OK);
        read_all(p.client, &seen);
        assert_int_equal(seen.parts, rows[i].parts);
        finish_big(&p, &seen, &b);
    }
}

static void what_is_sent_in_parts_is_charged_as_it_is(void **state)
{
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct peers p;
        struct seen seen;
        struct big b;
        begin(&p, &seen);
        big_init(&b, 0, LEN, 0xaa);
        p.quotas.max[PYN_Q_OUTPUT] = beside(pyn_buf_len(&b.whole), more);
        assert_int_equal(big_lend(&p, &b, 0), more < 0 ? PYN_EQUOTA : PYN_OK);
        assert_ptr_equal(b.loan.owner, more < 0 ? &owners[0] : NULL);
        if (more < 0) {
            assert_int_equal(pyn_session_output_len(p.client), 0);
            assert_int_equal(peers_used(p.client, PYN_Q_OUTPUT), 0);
            p.quotas.max[PYN_Q_OUTPUT] = pyn_buf_len(&b.whole);
            assert_int_equal(big_lend(&p, &b, 0), PYN_OK);
        }
        read_all(p.client, &seen);
        expect_second(&seen, &b, "");
        finish_big(&p, &seen, &b);
    }
}

/* Between the parts of another nothing goes that its receiver would not take. */
static void beside_another_less_is_large(void **state)
{
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct peers p;
        struct seen seen;
        struct big b;
        struct big other;
        begin(&p, &seen);
        big_init(&b, 0, LEN, 0xaa);
        big_init(&other, 0, beside(PART / 2 - 14, more), 0xbb);
        assert_int_equal(big_lend(&p, &b, 0), PYN_OK);
        assert_int_equal(big_send(&p, &other, 2), PYN_OK);
        read_all(p.client, &seen);
        assert_int_equal(seen.parts, more > 0 ? 4 : 3);
        big_fini(&b);
        big_fini(&other);
        finish(&p, &seen);
    }
}

/* ---- what overtakes, and what does not ---- */

static void another_lane_goes_behind_the_part_that_is_on_its_way(void **state)
{
    (void)state;
    for (size_t read = 0; read < 3; read++) {
        struct peers p;
        struct seen seen;
        struct big b;
        begin_big(&p, &seen, &b);
        read_some(p.client, read * 1000, SIZE_MAX, &seen);
        assert_int_equal(call_name(&p, 2), PYN_OK);
        assert_int_equal(pyn_session_ping(p.client, 1), PYN_OK);
        read_all(p.client, &seen);
        expect_first(&seen, O LANE_2 CALL_NAME PING_1 O O);
        expect_second(&seen, &b, "");
        finish_big(&p, &seen, &b);
    }
}

static void who_never_stops_saying_something_does_not_stop_the_parts(void **state)
{
    struct peers p;
    struct seen seen;
    struct big b;
    size_t pings = 0;

    (void)state;
    begin_big(&p, &seen, &b);
    while (seen.parts < 3) {
        assert_int_equal(pyn_session_ping(p.client, 1), PYN_OK);
        assert_int_equal(pyn_session_ping(p.client, 1), PYN_OK);
        read_some(p.client, 50000, SIZE_MAX, &seen);
        assert_true(++pings < 1000);
    }
    read_all(p.client, &seen);
    expect_second(&seen, &b, "");
    finish_big(&p, &seen, &b);
}

static void the_same_lane_keeps_its_order(void **state)
{
    struct peers p;
    struct seen seen;
    struct big b;

    (void)state;
    begin_big(&p, &seen, &b);
    assert_int_equal(pyn_session_cancel(p.client, 0), PYN_OK);
    assert_int_equal(pyn_session_cancel(p.client, 4), PYN_OK); /* of another lane */
    read_all(p.client, &seen);
    expect_first(&seen, O LANE_4 CANCEL O O O);
    expect_second(&seen, &b, "");
    assert_true(support_is_hex((struct pyn_view){pyn_buf_view(&seen.second).data + pyn_buf_len(&b.whole),
                                                 pyn_buf_len(&seen.second) - pyn_buf_len(&b.whole)},
                               CANCEL));
    assert_int_equal(pyn_session_cancel(p.client, 0), PYN_OK); /* nothing of the lane is there any more */
    read_all(p.client, &seen);
    expect_first(&seen, O LANE_4 CANCEL O O O LANE_0 CANCEL);
    finish_big(&p, &seen, &b);
}

static void a_second_large_one_waits_for_the_first(void **state)
{
    struct peers p;
    struct seen seen;
    struct big one;
    struct big two;

    (void)state;
    begin(&p, &seen);
    big_init(&one, 0, LEN, 0xaa);
    big_init(&two, 0, LEN, 0xbb);
    assert_int_equal(big_lend(&p, &one, 0), PYN_OK);
    assert_int_equal(big_lend(&p, &two, 2), PYN_OK);
    assert_int_equal(pyn_session_output_ahead(p.client), 4 + pyn_buf_len(&two.whole)); /* the first lets others through */
    assert_int_equal(call_name(&p, 4), PYN_OK);
    read_all(p.client, &seen);
    assert_int_equal(pyn_session_output_ahead(p.client), 0);
    expect_first(&seen, O LANE_4 CALL_NAME O O O O O);
    expect_second(&seen, &one, "");
    pyn_buf_consume(&seen.second, pyn_buf_len(&one.whole));
    expect_second(&seen, &two, LANE_2);
    big_fini(&one);
    big_fini(&two);
    finish(&p, &seen);
}

/* A reference of the server's that the client has got. */
static void hold(struct peers *p, uint64_t id)
{
    struct pyn_import *entry = NULL;

    assert_int_equal(pyn_session_import(p->client, id, p->root->index + 1, NULL, &entry), PYN_OK);
}

static void let_go_of(struct peers *p, uint64_t id)
{
    pyn_session_release(p->client, pyn_session_held(p->client, id, pyn_described_find(p->client, p->root->index + 1)));
}

static void a_free_waits_for_the_call_of_its_reference_and_no_other_does(void **state)
{
    struct peers p;
    struct seen seen;
    struct big b;

    (void)state;
    begin(&p, &seen);
    hold(&p, 3);
    hold(&p, 5);
    big_init(&b, 3, LEN, 0xaa);
    assert_int_equal(big_lend(&p, &b, 0), PYN_OK);
    let_go_of(&p, 3);
    let_go_of(&p, 5);
    assert_int_equal(pyn_session_flush_frees(p.client), PYN_OK);
    assert_true(pyn_session_has_frees(p.client));
    assert_int_equal(pyn_session_ping(p.client, 1), PYN_OK);
    read_some(p.client, PART + 100, SIZE_MAX, &seen);
    expect_first(&seen, O FREE_5 PING_1);
    read_all(p.client, &seen);
    assert_int_equal(pyn_session_flush_frees(p.client), PYN_OK);
    assert_false(pyn_session_has_frees(p.client));
    read_all(p.client, &seen);
    expect_first(&seen, O FREE_5 PING_1 O O FREE_3);
    finish_big(&p, &seen, &b);
}

static void a_free_waits_for_what_may_name_its_reference(void **state)
{
    (void)state;
    for (int names = 0; names < 3; names++) {
        struct peers p;
        struct seen seen;
        struct big b;
        struct pyn_buf call;
        begin(&p, &seen);
        hold(&p, 3);
        hold(&p, 5);
        big_init(&b, 0, LEN, 0xaa);
        pyn_buf_init(&call, pyn_mem_default(), SIZE_MAX);
        if (names == 2) { /* two targets */
            (void)pyn_pack_array(&call, 3);
            (void)pyn_pack_int(&call, PYN_M_BATCH);
            (void)pyn_pack_array(&call, 1);
        }
        (void)pyn_pack_array(&call, 4);
        (void)pyn_pack_uint(&call, 0);
        (void)pyn_pack_str(&call, "blob", 4);
        (void)pyn_pack_array(&call, 2);
        (void)pyn_pack_bin_head(&call, LEN);
        (void)pyn_buf_append(&call, pyn_buf_view(&b.bytes).data, LEN);
        if (names == 1) {
            (void)pyn_pack_yours(&call, 5);
        } else {
            (void)pyn_pack_nil(&call);
        }
        (void)pyn_pack_map(&call, 0);
        if (names == 2) {
            (void)pyn_pack_map(&call, 0);
        }
        assert_int_equal(pyn_session_send_call(p.client, 0, pyn_buf_view(&call), NULL), PYN_OK);
        let_go_of(&p, 5);
        assert_int_equal(pyn_session_ping(p.client, 1), PYN_OK);
        read_all(p.client, &seen);
        assert_int_equal(pyn_session_flush_frees(p.client), PYN_OK);
        read_all(p.client, &seen);
        if (names == 0) {
            expect_first(&seen, O FREE_5 PING_1 O O);
        } else {
            expect_first(&seen, O PING_1 O O FREE_5);
        }
        pyn_buf_fini(&call);
        finish_big(&p, &seen, &b);
    }
}

static void a_one_way_call_is_not_overtaken(void **state)
{
    struct peers p;
    struct seen seen;
    struct big b;
    struct big told;

    (void)state;
    begin(&p, &seen);
    big_init(&b, 0, LEN, 0xaa);
    big_init(&told, 0, LEN, 0xbb);
    const struct pyn_parcel parcel = pyn_parcel_of(big_object(&told));
    assert_int_equal(pyn_session_tell(p.client, 8, &parcel), PYN_OK); /* alone it is whole */
    assert_int_equal(call_name(&p, 2), PYN_OK);
    read_all(p.client, &seen);
    assert_int_equal(seen.parts, 0);
    pyn_buf_consume(&seen.first, pyn_buf_len(&seen.first));

    assert_int_equal(big_lend(&p, &b, 0), PYN_OK);
    assert_int_equal(call_name(&p, 4), PYN_OK);
    assert_int_equal(pyn_session_tell(p.client, 8, &parcel), PYN_OK);
    assert_int_equal(call_name(&p, 6), PYN_OK); /* behind it */
    assert_int_equal(pyn_session_ping(p.client, 1), PYN_OK);
    read_all(p.client, &seen);
    expect_first(&seen, O LANE_4 CALL_NAME PING_1 O O O O O O);
    pyn_buf_consume(&seen.second, pyn_buf_len(&b.whole));
    expect_second(&seen, &told, "92 fc 08 0a");
    pyn_buf_consume(&seen.first, pyn_buf_len(&seen.first));
    assert_int_equal(call_name(&p, 10), PYN_OK); /* and then everything is as it was */
    read_all(p.client, &seen);
    expect_first(&seen, "92 fc 0a 0a " CALL_NAME);
    big_fini(&b);
    big_fini(&told);
    finish(&p, &seen);
}

static void the_lane_of_parts_is_remembered(void **state)
{
    struct peers p;
    struct seen seen;
    struct big b;

    (void)state;
    begin(&p, &seen);
    big_init(&b, 0, LEN, 0xaa);
    assert_int_equal(big_send(&p, &b, 2), PYN_OK);
    pyn_session_rest(p.client);
    assert_non_null(p.client->freight); /* something is to be written */
    read_all(p.client, &seen);
    pyn_session_rest(p.client);
    assert_null(p.client->freight);
    pyn_buf_consume(&seen.second, pyn_buf_len(&seen.second));
    assert_int_equal(big_send(&p, &b, 4), PYN_OK);
    read_all(p.client, &seen);
    expect_second(&seen, &b, LANE_4);
    pyn_session_rest(p.client);
    pyn_buf_consume(&seen.second, pyn_buf_len(&seen.second));
    assert_int_equal(pyn_session_tell(p.client, 6, &(struct pyn_parcel){big_object(&b), NULL, 0}), PYN_OK);
    read_all(p.client, &seen);
    finish_big(&p, &seen, &b);
}

/* ---- ends ---- */

static void a_goodbye_does_not_wait_for_all_of_it(void **state)
{
    (void)state;
    for (size_t read = 0; read < 2; read++) {
        struct peers p;
        struct seen seen;
        struct big b;
        begin_big(&p, &seen, &b);
        read_some(p.client, read, SIZE_MAX, &seen);
        pyn_session_goodbye(p.client, 0, "");
        read_all(p.client, &seen);
        expect_first(&seen, read ? O "93 f9 00 a0 0a" : "93 f9 00 a0 0a");
        pyn_session_abandon(p.client);
        assert_ptr_equal(pyn_session_reap_loan(p.client), &owners[0]);
        finish_big(&p, &seen, &b);
    }
}

static void an_end_gives_back_what_was_lent_and_cuts_no_message(void **state)
{
    static const size_t reads[] = {0, 1, 7, 8, 1000, PART, PART + 7, PART + 8, PART + 9, 2 * PART, LEN};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(reads); i++) {
        struct peers p;
        struct seen seen;
        struct big b;
        begin(&p, &seen);
        big_init(&b, 0, LEN, 0xaa);
        assert_int_equal(pyn_session_ping(p.client, 1), PYN_OK);
        assert_int_equal(big_lend(&p, &b, 0), PYN_OK);
        assert_int_equal(pyn_session_ping(p.client, 1), PYN_OK);
        read_some(p.client, reads[i], SIZE_MAX, &seen);
        const bool is_cut = pyn_buf_len(&seen.held) > 0;
        pyn_session_abandon(p.client);
        if (is_cut && reads[i] > 4) {                              /* in a part, behind the ping */
            assert_int_equal(pyn_session_output(p.client).len, 0); /* nothing stands in the place of the rest */
            pyn_buf_consume(&seen.held, pyn_buf_len(&seen.held));
        }
        read_some(p.client, SIZE_MAX, SIZE_MAX, &seen);
        assert_ptr_equal(pyn_session_reap_loan(p.client), &owners[0]);
        assert_null(pyn_session_reap_loan(p.client));
        finish_big(&p, &seen, &b);
    }
}

static void each_allocation_may_fail(void **state)
{
    bool is_through = false;
    struct big b;

    (void)state;
    big_init(&b, 0, LEN, 0xaa);
    for (size_t fail_at = 1; !is_through; fail_at++) {
        struct support_mem m;
        struct peers p;
        struct seen seen;
        support_mem_init(&m, 0);
        peers_init(&p, &m.mem);
        peers_meet(&p);
        seen_init(&seen);
        b.loan.owner = &owners[0];
        m.fail_at = m.calls + fail_at;
        pyn_status st = big_lend(&p, &b, 2);
        is_through = m.calls < m.fail_at;
        assert_int_equal(st, is_through ? PYN_OK : PYN_ENOMEM);
        m.fail_at = 0;
        if (!is_through) {
            assert_ptr_equal(b.loan.owner, &owners[0]);
            assert_int_equal(pyn_session_output_len(p.client), 0);
            assert_int_equal(peers_used(p.client, PYN_Q_OUTPUT), 0);
            assert_int_equal(big_lend(&p, &b, 2), PYN_OK);
        }
        read_all(p.client, &seen);
        expect_second(&seen, &b, LANE_2);
        while (pyn_session_reap_loan(p.client) != NULL) {}
        finish(&p, &seen);
        assert_int_equal(m.live, 0);
    }
    big_fini(&b);
}

/* ---- two ends ---- */

static void a_small_call_is_answered_while_a_large_one_and_a_large_result_are_on_their_way(void **state)
{
    struct peers p;
    struct seen seen;
    struct big b;
    struct pyn_call *call = NULL;

    (void)state;
    begin_big(&p, &seen, &b);
    assert_int_equal(pyn_session_send_call(p.client, 2, support_bytes("94 00 a3 61 64 64 92 01 02 80"), NULL), PYN_OK);
    while (pyn_session_output_len(p.client) > 0 && call == NULL) {
        struct pyn_event event;
        peers_pump(&p, p.client, p.server);
        if (peers_next(&p, p.server, &event) == PYN_OK) {
            call = event.call;
        }
    }
    assert_non_null(call);
    assert_int_equal(call->lane, 2);
    assert_true(pyn_session_output_len(p.client) > LEN - PART - 1000);
    pyn_session_call_free(p.server, call);
    while (pyn_session_output_len(p.client) > 0) {
        peers_pump(&p, p.client, p.server);
        struct pyn_event event;
        if (pyn_session_output_len(p.client) > 0) {
            peers_expect_none(&p, p.server);
        } else {
            assert_int_equal(peers_next(&p, p.server, &event), PYN_OK);
            call = event.call;
        }
    }
    assert_int_equal(call->lane, 0);
    assert_memory_equal(call->body.data, pyn_buf_view(&b.whole).data + 7, call->body.len);
    /* and back: the large one first, and the small one ahead of its end */
    struct pyn_buf result;
    pyn_buf_init(&result, pyn_mem_default(), SIZE_MAX);
    (void)pyn_pack_bin_head(&result, LEN);
    (void)pyn_buf_append(&result, pyn_buf_view(&b.bytes).data, LEN);
    pyn_session_call_free(p.server, call);
    assert_int_equal(pyn_session_send_return(p.server, 0, pyn_buf_view(&result)), PYN_OK);
    assert_int_equal(pyn_session_send_return(p.server, 2, support_bytes("03")), PYN_OK);
    for (uint64_t lane = 2; lane <= 2; lane -= 2) {
        struct pyn_event event = {0};
        while (event.answer == NULL) {
            peers_pump(&p, p.server, p.client);
            (void)peers_next(&p, p.client, &event);
        }
        assert_int_equal(event.answer->lane, lane);
        assert_int_equal(event.answer->status, PYN_OK);
        assert_true((lane == 0) == (pyn_session_output_len(p.server) == 0));
        pyn_session_answer_free(p.client, event.answer);
    }
    pyn_buf_fini(&result);
    finish_big(&p, &seen, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_message_goes_in_parts_however_it_is_written),
        cmocka_unit_test(several_pieces_are_the_same_bytes),
        cmocka_unit_test(a_message_of_hardly_more_than_a_part_is_whole),
        cmocka_unit_test(a_peer_that_takes_no_parts_or_small_ones_is_sent_none),
        cmocka_unit_test(what_is_sent_in_parts_is_charged_as_it_is),
        cmocka_unit_test(beside_another_less_is_large),
        cmocka_unit_test(another_lane_goes_behind_the_part_that_is_on_its_way),
        cmocka_unit_test(who_never_stops_saying_something_does_not_stop_the_parts),
        cmocka_unit_test(the_same_lane_keeps_its_order),
        cmocka_unit_test(a_second_large_one_waits_for_the_first),
        cmocka_unit_test(a_free_waits_for_the_call_of_its_reference_and_no_other_does),
        cmocka_unit_test(a_free_waits_for_what_may_name_its_reference),
        cmocka_unit_test(a_one_way_call_is_not_overtaken),
        cmocka_unit_test(the_lane_of_parts_is_remembered),
        cmocka_unit_test(a_goodbye_does_not_wait_for_all_of_it),
        cmocka_unit_test(an_end_gives_back_what_was_lent_and_cuts_no_message),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(a_small_call_is_answered_while_a_large_one_and_a_large_result_are_on_their_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
