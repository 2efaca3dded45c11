/* test_parts.c - is a message that comes in parts what it would be in one, and is everything else about them refused? */
#include "peers.h"

#include "../../src/session/session_state.h"

#define CALL_ADD "94 00 a3 61 64 64 92 01 02 80 0a "
#define LANE_2 "92 fc 02 0a "
#define RETURN_3 "92 ff 03 0a "
#define RETURN_7 "92 ff 07 0a "
#define PING_5 "92 f7 05 0a "
#define PONG_5 "92 f6 05 0a "

/* The same as CALL_ADD. */
static const uint8_t add_bytes[] = {0x94, 0x00, 0xa3, 'a', 'd', 'd', 0x92, 0x01, 0x02, 0x80, '\n'};
static const struct pyn_view add = {add_bytes, sizeof add_bytes};

/* One less, as many, or one more. */
static size_t beside(size_t len, int more)
{
    return more < 0 ? len - 1 : len + (size_t)more;
}

/* Bytes to be sent. */
static struct pyn_buf wire;

static void wire_clear(void)
{
    pyn_buf_fini(&wire);
    pyn_buf_init(&wire, pyn_mem_default(), SIZE_MAX);
}

static void wire_raw(struct pyn_view bytes)
{
    assert_int_equal(pyn_buf_append(&wire, bytes.data, bytes.len), PYN_OK);
}

static void wire_hex(const char *hex)
{
    wire_raw(support_bytes(hex));
}

/* [-16, bin], without the bytes that it carries and its newline. */
static void wire_head(size_t len)
{
    static const uint8_t kind[] = {0x92, 0xf0};

    wire_raw((struct pyn_view){kind, sizeof kind});
    assert_int_equal(pyn_pack_bin_head(&wire, len), PYN_OK);
}

static void wire_part(struct pyn_view bytes)
{
    wire_head(bytes.len);
    wire_raw(bytes);
    assert_int_equal(pyn_pack_newline(&wire), PYN_OK);
}

/* [0, "blob", [bin of len], {}] and its newline. */
static void pack_blob(struct pyn_buf *out, size_t len)
{
    uint8_t *room = NULL;

    pyn_buf_init(out, pyn_mem_default(), SIZE_MAX);
    assert_int_equal(pyn_pack_array(out, 4), PYN_OK);
    assert_int_equal(pyn_pack_uint(out, 0), PYN_OK);
    assert_int_equal(pyn_pack_str(out, "blob", 4), PYN_OK);
    assert_int_equal(pyn_pack_array(out, 1), PYN_OK);
    assert_int_equal(pyn_pack_bin_head(out, len), PYN_OK);
    assert_int_equal(pyn_buf_reserve(out, len, &room), PYN_OK);
    for (size_t i = 0; i < len; i++) {
        room[i] = (uint8_t)(i * 7);
    }
    pyn_buf_commit(out, len);
    assert_int_equal(pyn_pack_map(out, 0), PYN_OK);
    assert_int_equal(pyn_pack_newline(out), PYN_OK);
}

static struct pyn_view part_of(const struct pyn_buf *buf, size_t from, size_t len)
{
    const struct pyn_view all = pyn_buf_view(buf);

    assert_true(from <= all.len);
    return (struct pyn_view){all.data + from, len < all.len - from ? len : all.len - from};
}

static void begin(struct peers *p)
{
    peers_init(p, pyn_mem_default());
    peers_meet_raw(p);
    wire_clear();
}

static pyn_status give(const struct peers *p)
{
    return peers_put(p, p->server, pyn_buf_view(&wire));
}

static void finish(struct peers *p)
{
    peers_fini(p);
    pyn_buf_fini(&wire);
}

static void answer(struct peers *p, struct pyn_call *call, const char *hex)
{
    assert_int_equal(pyn_session_send_return(p->server, call->lane, support_bytes(hex)), PYN_OK);
    pyn_session_call_free(p->server, call);
}

static void expect_output(struct peers *p, const char *hex)
{
    const struct pyn_view out = pyn_session_output(p->server);

    assert_true(support_is_hex(out, hex));
    pyn_session_written(p->server, out.len);
}

static void expect_end(struct peers *p, pyn_status why)
{
    struct pyn_event event;

    assert_int_equal(give(p), PYN_OK);
    assert_int_equal(peers_next(p, p->server, &event), why);
    finish(p);
}

/* ---- what it is ---- */

static void a_message_may_be_cut_at_every_byte(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < add.len; cut++) {
        for (size_t piece = 0; piece < 4; piece++) {
            struct peers p;
            begin(&p);
            p.piece = piece;
            wire_part((struct pyn_view){add.data, cut});
            wire_hex(PING_5);
            wire_part((struct pyn_view){add.data + cut, add.len - cut});
            assert_int_equal(give(&p), PYN_OK);
            struct pyn_call *call = peers_expect_call(&p, p.server);
            assert_true(pyn_view_is_equal(call->verdict.op->name, pyn_view_of("add")));
            answer(&p, call, "03");
            expect_output(&p, PONG_5 RETURN_3);
            peers_expect_none(&p, p.server);
            assert_true(pyn_session_is_quiet(p.server));
            finish(&p);
        }
    }
}

static void bytes_may_come_one_by_one_and_be_looked_at_each_time(void **state)
{
    struct peers p;
    struct pyn_view all;
    struct pyn_event event;
    size_t events = 0;

    (void)state;
    begin(&p);
    wire_part((struct pyn_view){add.data, 5});
    wire_hex(LANE_2 CALL_ADD);
    wire_part((struct pyn_view){add.data + 5, add.len - 5});
    all = pyn_buf_view(&wire);
    for (size_t i = 0; i < all.len; i++) {
        size_t taken = 0;
        assert_int_equal(pyn_session_put(p.server, (struct pyn_view){all.data + i, 1}, &taken), PYN_OK);
        assert_int_equal(taken, 1);
        while (peers_next(&p, p.server, &event) == PYN_OK) {
            assert_int_equal(event.kind, PYN_EV_CALL);
            assert_int_equal(event.call->lane, events == 0 ? 2 : 0); /* what is whole first comes first */
            answer(&p, event.call, events == 0 ? "07" : "03");
            events++;
        }
    }
    assert_int_equal(events, 2);
    expect_output(&p, LANE_2 RETURN_7 "92 fc 00 0a " RETURN_3);
    finish(&p);
}

static void each_stream_has_a_lane_of_its_own(void **state)
{
    struct peers p;

    (void)state;
    for (int rests = 0; rests < 2; rests++) {
        begin(&p);
        wire_part(support_bytes(LANE_2 CALL_ADD));
        wire_hex(CALL_ADD);
        assert_int_equal(give(&p), PYN_OK);
        struct pyn_call *second = peers_expect_call(&p, p.server);
        struct pyn_call *first = peers_expect_call(&p, p.server);
        assert_int_equal(second->lane, 2);
        assert_int_equal(first->lane, 0);
        answer(&p, second, "03");
        answer(&p, first, "03");
        if (rests) {
            pyn_session_rest(p.server); /* its lane is remembered */
            assert_null(p.server->parts);
        }
        wire_clear();
        wire_part(support_bytes(CALL_ADD));
        assert_int_equal(give(&p), PYN_OK);
        second = peers_expect_call(&p, p.server);
        assert_int_equal(second->lane, 2);
        answer(&p, second, "03");
        pyn_session_written(p.server, pyn_session_output_len(p.server));
        finish(&p);
    }
}

static void messages_that_end_in_one_part_come_in_their_order(void **state)
{
    struct peers p;

    (void)state;
    begin(&p);
    wire_part(support_bytes(CALL_ADD LANE_2 CALL_ADD "92 fc 04 0a 94 00 a3"));
    wire_hex(PING_5);
    wire_part((struct pyn_view){add.data + 3, add.len - 3});
    assert_int_equal(give(&p), PYN_OK);
    for (uint64_t lane = 0; lane <= 4; lane += 2) {
        struct pyn_call *call = peers_expect_call(&p, p.server);
        assert_int_equal(call->lane, lane);
        answer(&p, call, "03");
    }
    pyn_session_written(p.server, pyn_session_output_len(p.server));
    finish(&p);
}

static void a_large_message_is_assembled_without_a_second_copy(void **state)
{
    enum { LEN = 3 << 20, PART = 100000 };

    struct peers p;
    struct pyn_buf blob;

    (void)state;
    begin(&p);
    pack_blob(&blob, LEN);
    for (size_t at = 0; at < pyn_buf_len(&blob); at += PART) {
        wire_part(part_of(&blob, at, PART));
        wire_hex(PING_5);
    }
    assert_int_equal(give(&p), PYN_OK);
    struct pyn_call *call = peers_expect_call(&p, p.server);
    assert_non_null(((struct pyn_turn *)call)->block.data); /* the message's own block */
    assert_memory_equal(call->body.data, pyn_buf_view(&blob).data + 7, call->body.len);
    assert_int_equal(call->body.len, pyn_buf_len(&blob) - 8);
    answer(&p, call, "c4 00");
    peers_expect_none(&p, p.server);
    pyn_session_written(p.server, pyn_session_output_len(p.server));
    pyn_buf_fini(&blob);
    finish(&p);
}

static void a_message_that_is_refused_whole_is_refused_in_parts(void **state)
{
    static const char *const bad[] = {
        "94 09 a3 61 64 64 92 01 02 80 0a ",    /* no such reference */
        "94 00 a3 61 64 65 92 01 02 80 0a ",    /* no such name */
        "94 00 a3 61 64 64 92 a1 78 02 80 0a ", /* other types */
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct peers p;
        struct pyn_buf whole;
        begin(&p);
        wire_hex(bad[i]);
        assert_int_equal(give(&p), PYN_OK);
        peers_expect_none(&p, p.server);
        pyn_buf_init(&whole, pyn_mem_default(), SIZE_MAX);
        const struct pyn_view out = pyn_session_output(p.server);
        assert_int_equal(pyn_buf_append(&whole, out.data, out.len), PYN_OK);
        pyn_session_written(p.server, out.len);
        wire_clear();
        wire_part((struct pyn_view){support_bytes(bad[i]).data, 4});
        wire_part((struct pyn_view){support_bytes(bad[i]).data + 4, support_bytes(bad[i]).len - 4});
        assert_int_equal(give(&p), PYN_OK);
        peers_expect_none(&p, p.server);
        assert_true(pyn_view_is_equal(pyn_session_output(p.server), pyn_buf_view(&whole)));
        pyn_session_written(p.server, pyn_session_output_len(p.server));
        pyn_buf_fini(&whole);
        finish(&p);
    }
}

/* ---- what it is not ---- */

static void what_breaks_the_rules_ends_the_connection_with_its_reason(void **state)
{
    static const struct {
        const char *hex;
        pyn_status why;
        const char *what;
    } rows[] = {
        {"92 f0 c4 00 0a", PYN_EFORMAT, "a part of nothing"},
        {"92 f0 c0 0a", PYN_EFORMAT, "it carries no bin"},
        {"92 f0 a1 61 0a", PYN_EFORMAT, "nor a str"},
        {"93 f0 c4 01 90 c0 0a", PYN_EFORMAT, "it has two items"},
        {"92 d0 f0 c4 01 90 0a", PYN_EFORMAT, "its kind has one form"},
        {"dc 00 02 f0 c4 01 90 0a", PYN_EFORMAT, "and so has its array"},
        {"92 f0 c6 00 10 00 01", PYN_ESIZE, "a byte more than a part carries"},
        {"92 f0 c6 ff ff ff ff", PYN_ESIZE, "four gibibytes are announced"},
        {"92 f0 c4 01 90 0b", PYN_ENEWLINE, "no newline behind it"},
        {"92 f0 c4 01 80 0a", PYN_EFORMAT, "no message begins so"},
        {"92 f0 c4 02 90 0a 0a", PYN_EFORMAT, "an array that is no message"},
        {"92 f0 c4 0c 94 00 a3 61 64 64 92 01 02 80 0b 0a 0a", PYN_ENEWLINE, "no newline behind its message"},
        {"92 f0 c4 06 92 f0 c4 01 91 0a 0a", PYN_EFORMAT, "a part in a part"},
        {"92 f0 c4 04 92 f7 05 0a 0a", PYN_EPROTOCOL, "a ping in a part"},
        {"92 f0 c4 04 92 f6 05 0a 0a", PYN_EPROTOCOL, "a pong"},
        {"92 f0 c4 05 93 fd 01 01 0a 0a", PYN_EPROTOCOL, "a free"},
        {"92 f0 c4 08 93 f9 00 a3 62 79 65 0a 0a", PYN_EPROTOCOL, "a goodbye"},
        {"92 f0 c4 0c 95 f8 a5 70 79 6e 74 6f 01 c0 80 0a 0a", PYN_EPROTOCOL, "a hello"},
        {"92 f0 c4 05 93 f1 01 a1 78 0a 0a", PYN_EFORMAT, "a look, cut"},
        {"92 f0 c4 06 93 f1 01 a1 78 0a 0a", PYN_EPROTOCOL, "a look"},
        {"92 f0 c4 04 92 ff 03 0a 0a", PYN_EPROTOCOL, "an answer to nothing"},
        {"92 f0 c4 03 92 fc 01 0a 92 f0 c4 0b 94 00 a3 61 64 64 92 01 02 80 0a 0a", PYN_ENEWLINE, "a part is too short"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peers p;
        struct pyn_event event;
        begin(&p);
        wire_hex(rows[i].hex);
        assert_int_equal(give(&p), PYN_OK);
        pyn_status st = peers_next(&p, p.server, &event);
        if (st == PYN_EWAIT) { /* what is cut waits for its end */
            wire_clear();
            wire_part(support_bytes("0a"));
            (void)give(&p);
            st = peers_next(&p, p.server, &event);
        }
        if (st != rows[i].why) {
            fail_msg("%s: %s instead of %s", rows[i].what, pyn_status_name(st), pyn_status_name(rows[i].why));
        }
        finish(&p);
    }
}

static void there_are_no_parts_ahead_of_the_hello(void **state)
{
    struct peers p;
    struct pyn_event event;

    (void)state;
    peers_init(&p, pyn_mem_default());
    assert_int_equal(peers_new_server(&p), PYN_OK);
    wire_clear();
    wire_part(support_bytes("95 f8 a5 70 79 6e 74 6f 01 c0 80 0a"));
    assert_int_equal(give(&p), PYN_OK);
    assert_int_equal(peers_next(&p, p.server, &event), PYN_EPROTOCOL);
    finish(&p);
}

/* ---- limits ---- */

static void a_part_carries_so_much_and_no_more(void **state)
{
    struct pyn_buf blob;

    (void)state;
    pack_blob(&blob, 2 << 20);
    for (int more = -1; more <= 1; more++) {
        struct peers p;
        begin(&p);
        wire_part(part_of(&blob, 0, beside(PYN_PART_MAX, more)));
        if (more > 0) {
            expect_end(&p, PYN_ESIZE);
            continue;
        }
        assert_int_equal(give(&p), PYN_OK);
        peers_expect_none(&p, p.server);
        finish(&p);
    }
    pyn_buf_fini(&blob);
}

/* A connection whose messages are smaller takes smaller parts. */
static void a_part_is_no_larger_than_a_message_may_be(void **state)
{
    (void)state;
    for (int more = 0; more <= 1; more++) {
        struct peers p;
        peers_init(&p, pyn_mem_default());
        p.quotas.limits.message_max = 100;
        peers_meet_raw(&p);
        wire_clear();
        wire_head(beside(100, more));
        if (more > 0) {
            expect_end(&p, PYN_ESIZE);
            continue;
        }
        assert_int_equal(give(&p), PYN_OK);
        peers_expect_none(&p, p.server);
        finish(&p);
    }
}

static void a_message_in_parts_has_the_limits_of_any_other(void **state)
{
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct peers p;
        struct pyn_buf blob;
        peers_init(&p, pyn_mem_default());
        p.quotas.limits.message_max = 100000;
        peers_meet_raw(&p);
        wire_clear();
        pack_blob(&blob, beside(100000 - 14, more)); /* what stands around it */
        assert_int_equal(pyn_buf_len(&blob), beside(100000 + 1, more));
        wire_part(part_of(&blob, 0, 50000));
        wire_part(part_of(&blob, 50000, 50000));
        if (pyn_buf_len(&blob) > 100000) {
            wire_part(part_of(&blob, 100000, 50000));
        }
        if (more > 0) {
            expect_end(&p, PYN_ESIZE);
        } else {
            assert_int_equal(give(&p), PYN_OK);
            struct pyn_call *call = peers_expect_call(&p, p.server);
            answer(&p, call, "c4 00");
            pyn_session_written(p.server, pyn_session_output_len(p.server));
            finish(&p);
        }
        pyn_buf_fini(&blob);
    }
}

/* Messages may follow each other in parts, but there is never more than one in all that is not looked at. */
static void a_part_has_no_more_than_a_message_lacks(void **state)
{
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct peers p;
        struct pyn_buf blob;
        peers_init(&p, pyn_mem_default());
        p.quotas.limits.message_max = 10000;
        peers_meet_raw(&p);
        wire_clear();
        pack_blob(&blob, 9000);
        wire_part(part_of(&blob, 0, 6000));
        wire_head(beside(4001, more));
        if (more > 0) {
            expect_end(&p, PYN_ESIZE);
        } else {
            assert_int_equal(give(&p), PYN_OK);
            peers_expect_none(&p, p.server);
            finish(&p);
        }
        pyn_buf_fini(&blob);
    }
}

static void what_stands_between_parts_is_limited_and_what_stands_behind_is_not(void **state)
{
    (void)state;
    for (int more = -1; more <= 1; more++) {
        for (int ends = 0; ends < 2; ends++) {
            struct peers p;
            struct pyn_buf blob;
            const struct pyn_view other = support_bytes(LANE_2 CALL_ADD);
            begin(&p);
            pack_blob(&blob, beside(PYN_BETWEEN_MAX - 14, more)); /* what stands around it */
            assert_int_equal(pyn_buf_len(&blob), beside(PYN_BETWEEN_MAX + 1, more));
            wire_part((struct pyn_view){other.data, ends ? other.len : 9});
            wire_raw(pyn_buf_view(&blob));
            pyn_buf_fini(&blob);
            if (more > 0 && !ends) {
                expect_end(&p, PYN_ESIZE);
                continue;
            }
            assert_int_equal(give(&p), PYN_OK);
            if (ends) {
                answer(&p, peers_expect_call(&p, p.server), "03");
            }
            answer(&p, peers_expect_call(&p, p.server), "c4 00");
            pyn_session_written(p.server, pyn_session_output_len(p.server));
            finish(&p);
        }
    }
}

/* A part that is small, and in which nothing ends, costs what an odd message does. */
static void tiny_parts_are_odd(void **state)
{
    enum { ALLOWED = 20 };

    struct pyn_buf blob;

    (void)state;
    pack_blob(&blob, 1 << 20);
    for (int row = 0; row < 3; row++) {
        const size_t len = row == 0 ? PYN_PART_MIN - 1 : PYN_PART_MIN;
        struct peers p;
        struct pyn_event event;
        peers_init(&p, pyn_mem_default());
        p.quotas.rates[PYN_Q_ODDITIES_PER_SECOND - PYN_Q_COUNT] = ALLOWED;
        p.quotas.burst_seconds = 1;
        peers_meet_raw(&p);
        wire_clear();
        for (size_t i = 0; i < ALLOWED + 1; i++) {
            if (row == 2) { /* a message ends in each: it pays for itself */
                wire_part(support_bytes(CALL_ADD));
            } else {
                wire_part(part_of(&blob, i * len, len));
            }
        }
        assert_int_equal(give(&p), PYN_OK);
        if (row == 2) {
            answer(&p, peers_expect_call(&p, p.server), "03");
        }
        pyn_status st = PYN_OK;
        while ((st = peers_next(&p, p.server, &event)) == PYN_OK) {
            answer(&p, event.call, "03");
        }
        assert_int_equal(st, row == 0 ? PYN_EFLOOD : PYN_EWAIT);
        pyn_session_written(p.server, pyn_session_output_len(p.server));
        finish(&p);
    }
    pyn_buf_fini(&blob);
}

static void a_part_of_nothing_closes_as_soon_as_it_is_announced(void **state)
{
    static const char *const heads[] = {"92 f0 c4 00", "92 f0 c5 00 00", "92 f0 c6 00 00 00 00"};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(heads); i++) {
        struct peers p;
        begin(&p);
        wire_hex(heads[i]);
        expect_end(&p, PYN_EFORMAT);
    }
}

static void a_message_that_has_ended_pays_for_its_own_part_alone(void **state)
{
    enum { ALLOWED = 5 };

    struct pyn_buf blob;

    (void)state;
    pack_blob(&blob, 1 << 16);
    for (size_t more = 0; more < 2; more++) {
        struct peers p;
        struct pyn_event event;
        peers_init(&p, pyn_mem_default());
        p.quotas.rates[PYN_Q_ODDITIES_PER_SECOND - PYN_Q_COUNT] = ALLOWED;
        p.quotas.burst_seconds = 1;
        peers_meet_raw(&p);
        wire_clear();
        wire_head(add.len + 1); /* the second message begins in the part in which the first one ends */
        wire_raw(add);
        wire_raw(part_of(&blob, 0, 1));
        wire_hex("0a");
        for (size_t i = 0; i < ALLOWED + more; i++) {
            wire_part(part_of(&blob, 1 + i, 1));
        }
        assert_int_equal(give(&p), PYN_OK);
        answer(&p, peers_expect_call(&p, p.server), "03");
        assert_int_equal(peers_next(&p, p.server, &event), more ? PYN_EFLOOD : PYN_EWAIT);
        pyn_session_written(p.server, pyn_session_output_len(p.server));
        finish(&p);
    }
    pyn_buf_fini(&blob);
}

static void what_is_announced_makes_no_room(void **state)
{
    struct support_mem m;
    struct peers p;
    struct pyn_buf blob;

    (void)state;
    support_mem_init(&m, 0);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    wire_clear();
    pack_blob(&blob, 8 << 20);
    wire_head(PYN_PART_MAX);
    wire_raw(part_of(&blob, 0, 20)); /* it says that eight mebibytes are coming */
    m.fail_bigger_than = 64 * 1024;
    assert_int_equal(give(&p), PYN_OK);
    peers_expect_none(&p, p.server);
    pyn_buf_fini(&blob);
    finish(&p);
}

/* A host that reads on while nothing is taken out, as when the peer has to wait, holds this much and no more. */
static void what_is_read_ahead_is_bounded_also_between_parts(void **state)
{
    enum { AHEAD = 128 * 1024, MESSAGE = 4 << 20 };

    (void)state;
    for (int is_amid = 0; is_amid < 2; is_amid++) {
        const size_t max = AHEAD + (is_amid ? (size_t)PYN_BETWEEN_MAX : MESSAGE);
        struct peers p;
        uint8_t *space = NULL;
        size_t room = 0;
        size_t held = 0;
        peers_init(&p, pyn_mem_default());
        p.quotas.limits.message_max = MESSAGE;
        peers_meet_raw(&p);
        wire_clear();
        if (is_amid) {
            wire_part((struct pyn_view){add.data, 5});
            assert_int_equal(give(&p), PYN_OK);
            peers_expect_none(&p, p.server);
        }
        while (pyn_session_space(p.server, &space, &room) == PYN_OK) {
            assert_in_range(room, 1, max - held);
            memset(space, 0xc0, room);
            pyn_session_received(p.server, room);
            held += room;
        }
        assert_int_equal(held, max);
        finish(&p);
    }
}

/* ---- time, and what waits ---- */

static void a_message_that_never_ends_is_seen_whatever_stands_between(void **state)
{
    struct peers p;
    size_t come = 0;

    (void)state;
    begin(&p);
    assert_int_equal(pyn_session_assembling_since(p.server, &come), 0);
    wire_part((struct pyn_view){add.data, 5});
    assert_int_equal(give(&p), PYN_OK);
    peers_expect_none(&p, p.server);
    const uint64_t since = p.now;
    for (int i = 0; i < 3; i++) {
        p.now += 1000;
        wire_clear();
        wire_hex(PING_5);
        assert_int_equal(give(&p), PYN_OK);
        peers_expect_none(&p, p.server);
        assert_int_equal(pyn_session_assembling_since(p.server, &come), since);
        assert_int_equal(come, 5);
        assert_int_equal(pyn_session_unfinished_since(p.server, &come), 0);
    }
    wire_clear();
    wire_part((struct pyn_view){add.data + 5, 6});
    assert_int_equal(give(&p), PYN_OK);
    answer(&p, peers_expect_call(&p, p.server), "03");
    assert_int_equal(pyn_session_assembling_since(p.server, &come), 0);
    pyn_session_written(p.server, pyn_session_output_len(p.server));
    finish(&p);
}

static void the_head_of_a_part_that_drips_has_begun_with_its_first_byte(void **state)
{
    static const uint8_t head[] = {0x92, 0xf0, 0xc6, 0x00, 0x00, 0x40};

    struct peers p;
    size_t come = 0;

    (void)state;
    begin(&p);
    const uint64_t since = p.now;
    for (size_t i = 0; i < sizeof head; i++) {
        assert_int_equal(peers_put(&p, p.server, (struct pyn_view){head + i, 1}), PYN_OK);
        peers_expect_none(&p, p.server);
        assert_int_equal(pyn_session_unfinished_since(p.server, &come), since);
        assert_int_equal(come, i + 1);
        p.now += 1000;
    }
    assert_int_equal(peers_put(&p, p.server, support_bytes("00")), PYN_OK);
    peers_expect_none(&p, p.server);
    assert_int_equal(pyn_session_unfinished_since(p.server, &come), 0);
    assert_int_equal(pyn_session_assembling_since(p.server, &come), p.now); /* its message has none of its bytes before */
    finish(&p);
}

static void a_call_in_parts_waits_for_room_ahead_of_all_that_follows(void **state)
{
    struct peers p;
    struct pyn_event event;

    (void)state;
    peers_init(&p, pyn_mem_default());
    p.quotas.max[PYN_Q_CALLS] = 1;
    peers_meet_raw(&p);
    wire_clear();
    wire_hex(CALL_ADD);
    wire_part(support_bytes(LANE_2 CALL_ADD "92 fc 04 0a " CALL_ADD));
    wire_hex(PING_5);
    assert_int_equal(give(&p), PYN_OK);
    for (uint64_t lane = 0; lane <= 4; lane += 2) {
        struct pyn_call *call = peers_expect_call(&p, p.server);
        assert_int_equal(call->lane, lane);
        assert_int_equal(peers_next(&p, p.server, &event), PYN_EWAIT);
        assert_false(pyn_session_wants_input(p.server));
        answer(&p, call, "03");
    }
    peers_expect_none(&p, p.server);
    expect_output(&p, RETURN_3 LANE_2 RETURN_3 "92 fc 04 0a " RETURN_3 PONG_5);
    assert_true(pyn_session_is_quiet(p.server));
    finish(&p);
}

static void an_end_amid_parts_leaves_nothing(void **state)
{
    struct pyn_buf blob;

    (void)state;
    pack_blob(&blob, 200000);
    for (size_t len = 0; len < 60000; len = len * 2 + 1) {
        struct peers p;
        begin(&p);
        wire_part(part_of(&blob, 0, 30000));
        wire_hex(PING_5);
        wire_part(part_of(&blob, 30000, 30000));
        assert_int_equal(peers_put(&p, p.server, part_of(&wire, 0, len)), PYN_OK);
        peers_expect_none(&p, p.server);
        pyn_session_rest(p.server);
        pyn_session_goodbye(p.server, 0, "done");
        pyn_session_abandon(p.server);
        finish(&p);
    }
    pyn_buf_fini(&blob);
}

static void without_memory_it_ends_and_nothing_is_lost(void **state)
{
    (void)state;
    for (size_t fail_at = 1;; fail_at++) {
        struct support_mem m;
        struct peers p;
        struct pyn_event event;
        support_mem_init(&m, 0);
        peers_init(&p, &m.mem);
        peers_meet_raw(&p);
        wire_clear();
        wire_part((struct pyn_view){add.data, 5});
        wire_part((struct pyn_view){add.data + 5, 6});
        m.fail_at = m.calls + fail_at;
        pyn_status st = give(&p);
        if (st == PYN_OK) {
            st = peers_next(&p, p.server, &event);
        }
        const bool was_hit = m.calls >= m.fail_at;
        m.fail_at = 0;
        assert_true(st == PYN_ENOMEM || (st == PYN_OK && !was_hit));
        if (st == PYN_OK) {
            answer(&p, event.call, "03");
            pyn_session_written(p.server, pyn_session_output_len(p.server));
        }
        finish(&p);
        if (st == PYN_OK) {
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_may_be_cut_at_every_byte),
        cmocka_unit_test(bytes_may_come_one_by_one_and_be_looked_at_each_time),
        cmocka_unit_test(each_stream_has_a_lane_of_its_own),
        cmocka_unit_test(messages_that_end_in_one_part_come_in_their_order),
        cmocka_unit_test(a_large_message_is_assembled_without_a_second_copy),
        cmocka_unit_test(a_message_that_is_refused_whole_is_refused_in_parts),
        cmocka_unit_test(what_breaks_the_rules_ends_the_connection_with_its_reason),
        cmocka_unit_test(there_are_no_parts_ahead_of_the_hello),
        cmocka_unit_test(a_part_carries_so_much_and_no_more),
        cmocka_unit_test(a_part_is_no_larger_than_a_message_may_be),
        cmocka_unit_test(a_message_in_parts_has_the_limits_of_any_other),
        cmocka_unit_test(a_part_has_no_more_than_a_message_lacks),
        cmocka_unit_test(what_stands_between_parts_is_limited_and_what_stands_behind_is_not),
        cmocka_unit_test(tiny_parts_are_odd),
        cmocka_unit_test(a_part_of_nothing_closes_as_soon_as_it_is_announced),
        cmocka_unit_test(a_message_that_has_ended_pays_for_its_own_part_alone),
        cmocka_unit_test(the_head_of_a_part_that_drips_has_begun_with_its_first_byte),
        cmocka_unit_test(what_is_announced_makes_no_room),
        cmocka_unit_test(what_is_read_ahead_is_bounded_also_between_parts),
        cmocka_unit_test(a_message_that_never_ends_is_seen_whatever_stands_between),
        cmocka_unit_test(a_call_in_parts_waits_for_room_ahead_of_all_that_follows),
        cmocka_unit_test(an_end_amid_parts_leaves_nothing),
        cmocka_unit_test(without_memory_it_ends_and_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
