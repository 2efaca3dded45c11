/* test_large.c - does a large message get by with the room that its bytes have come into? */
#include <stdlib.h>

#include "peers.h"

#include "../../src/wire/pack.h"

enum { LARGE = 64 * 1024, TURN_MAX = 1024, PAGE = 4096 };

/* The C library's allocator, which remembers the largest block that was asked for. */
struct gauge {
    struct pyn_mem mem;
    size_t largest;
    size_t live;
    size_t held; /* bytes of the one block, of pages */
};

static void *resize(void *ctx, void *block, size_t size)
{
    struct gauge *gauge = ctx;
    void *resized = NULL;

    if (size > gauge->largest) {
        gauge->largest = size;
    }
    if (size == 0) {
        gauge->live--;
        free(block);
        return NULL;
    }
    resized = realloc(block, size);
    assert_non_null(resized);
    gauge->live += block == NULL ? 1 : 0;
    return resized;
}

static void gauge_init(struct gauge *gauge)
{
    *gauge = (struct gauge){.mem = {resize, gauge}};
}

/* The same, of one block at most, which is as large as its pages: it keeps its place in them wherever it goes. */
static void *resize_paged(void *ctx, void *block, size_t size)
{
    struct gauge *gauge = ctx;
    void *resized = NULL;

    if (size > 0) {
        resized = aligned_alloc(PAGE, (size + PAGE - 1) / PAGE * PAGE);
        assert_non_null(resized);
        if (block != NULL) {
            memcpy(resized, block, size < gauge->held ? size : gauge->held);
        }
    }
    free(block);
    gauge->largest = size > gauge->largest ? size : gauge->largest;
    gauge->held = size;
    gauge->live = size > 0 ? 1 : 0;
    return resized;
}

static void gauge_init_paged(struct gauge *gauge)
{
    *gauge = (struct gauge){.mem = {resize_paged, gauge}};
}

/* [0, "blob", [size bytes], {}], a newline behind it, whose bytes are 0, 1, 2 ... */
static void make_call(struct pyn_buf *buf, size_t size)
{
    uint8_t *bytes = NULL;

    pyn_buf_init(buf, pyn_mem_default(), SIZE_MAX);
    (void)pyn_pack_array(buf, 4);
    (void)pyn_pack_uint(buf, 0);
    (void)pyn_pack_str(buf, "blob", 4);
    (void)pyn_pack_array(buf, 1);
    bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)i;
    }
    (void)pyn_pack_bin(buf, bytes, size);
    free(bytes);
    (void)pyn_pack_map(buf, 0);
    (void)pyn_pack_newline(buf);
}

static void expect_bytes(struct pyn_view view, size_t from, size_t size)
{
    assert_true(view.len >= from + size);
    for (size_t i = 0; i < size; i++) {
        if (view.data[from + i] != (uint8_t)i) {
            fail_msg("byte %zu is another", i);
        }
    }
}

/* The body of a call ahead of its bytes: an array of one, the head of bin 32. */
enum { BODY_HEAD = 1 + 5 };

/* The largest block that is asked for while a call of so many bytes becomes an event. */
static size_t block_for(size_t size)
{
    struct peers p;
    struct gauge m;
    struct pyn_buf call;
    struct pyn_call *event = NULL;
    size_t live = 0;
    size_t largest = 0;

    make_call(&call, size);
    gauge_init(&m);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    peers_expect_none(&p, p.server);
    live = m.live;
    assert_int_equal(peers_put(&p, p.server, pyn_buf_view(&call)), PYN_OK);
    m.largest = 0;
    event = peers_expect_call(&p, p.server);
    largest = m.largest;
    peers_expect_none(&p, p.server);
    expect_bytes(event->body, event->body.len - size - 1, size);
    assert_true(peers_used(p.server, PYN_Q_QUEUED) >= size);
    assert_int_equal(pyn_session_send_return(p.server, event->lane, support_bytes("c4 00")), PYN_OK);
    pyn_session_call_free(p.server, event);
    assert_int_equal(peers_used(p.server, PYN_Q_QUEUED), 0);
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    assert_true(m.live <= live + 3); /* what small calls keep */
    peers_fini(&p);
    pyn_buf_fini(&call);
    assert_int_equal(m.live, 0);
    return largest;
}

static void a_large_call_stays_where_it_has_come(void **state)
{
    assert_true(block_for(LARGE) <= TURN_MAX);
    assert_true(block_for(10 * LARGE) <= TURN_MAX);
}

static void a_smaller_one_is_copied_and_gives_its_room_back(void **state)
{
    const size_t body = LARGE - 1 - (1 + 3 + 1); /* the array, the head of bin 16, the empty map behind it */

    assert_true(block_for(body) >= body);
    assert_true(block_for(body + 1) <= TURN_MAX);
}

static void a_large_call_stays_where_it_has_come_with_a_little_behind_it(void **state)
{
    struct peers p;
    struct gauge m;
    struct pyn_buf call;

    make_call(&call, 4 * LARGE);
    for (size_t behind = 1; behind < LARGE; behind *= 2) {
        gauge_init(&m);
        peers_init(&p, &m.mem);
        peers_meet_raw(&p);
        assert_int_equal(peers_put(&p, p.server, pyn_buf_view(&call)), PYN_OK);
        assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 02 0a")), PYN_OK);
        assert_int_equal(peers_put(&p, p.server, (struct pyn_view){pyn_buf_view(&call).data, behind}), PYN_OK);
        m.largest = 0;
        struct pyn_call *first = peers_expect_call(&p, p.server);
        assert_true(m.largest <= TURN_MAX + 2 * behind);
        peers_expect_none(&p, p.server);
        assert_int_equal(
            peers_put(&p, p.server, (struct pyn_view){pyn_buf_view(&call).data + behind, pyn_buf_len(&call) - behind}),
            PYN_OK);
        struct pyn_call *second = peers_expect_call(&p, p.server);
        assert_int_equal(first->lane, 0);
        assert_int_equal(second->lane, 2);
        expect_bytes(first->body, BODY_HEAD, 4 * LARGE);
        expect_bytes(second->body, BODY_HEAD, 4 * LARGE);
        pyn_session_call_free(p.server, first);
        expect_bytes(second->body, BODY_HEAD, 4 * LARGE);
        pyn_session_call_free(p.server, second);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
    }
    pyn_buf_fini(&call);
}

/* The largest block that is asked for when so many bytes stand behind the body of a call. */
static size_t block_with_behind(size_t body, size_t behind)
{
    struct peers p;
    struct gauge m;
    struct pyn_buf call;
    size_t largest = 0;

    make_call(&call, body);
    gauge_init(&m);
    peers_init(&p, &m.mem);
    peers_meet_raw(&p);
    assert_int_equal(peers_put(&p, p.server, pyn_buf_view(&call)), PYN_OK);
    assert_int_equal(peers_put(&p, p.server, (struct pyn_view){pyn_buf_view(&call).data, behind}), PYN_OK);
    m.largest = 0;
    pyn_session_call_free(p.server, peers_expect_call(&p, p.server));
    largest = m.largest;
    peers_fini(&p);
    pyn_buf_fini(&call);
    return largest;
}

static void up_to_a_quarter_of_the_body_behind_it_is_copied_instead(void **state)
{
    const size_t body = 4 * LARGE;
    const size_t quarter = (BODY_HEAD + body + 1) / 4; /* the empty map behind it */

    assert_true(block_with_behind(body, quarter - 1) < body);
    assert_true(block_with_behind(body, quarter) < body);
    assert_true(block_with_behind(body, quarter + 1) >= body);
}

static void a_call_with_much_behind_it_is_copied(void **state)
{
    struct peers p;
    struct pyn_buf call;
    struct pyn_call *first = NULL;
    struct pyn_call *second = NULL;

    make_call(&call, 2 * LARGE);
    peers_init(&p, pyn_mem_default());
    peers_meet_raw(&p);
    assert_int_equal(peers_put(&p, p.server, pyn_buf_view(&call)), PYN_OK);
    assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 02 0a")), PYN_OK);
    assert_int_equal(peers_put(&p, p.server, pyn_buf_view(&call)), PYN_OK);
    first = peers_expect_call(&p, p.server);
    second = peers_expect_call(&p, p.server);
    expect_bytes(first->body, BODY_HEAD, 2 * LARGE);
    expect_bytes(second->body, BODY_HEAD, 2 * LARGE);
    pyn_session_call_free(p.server, first);
    expect_bytes(second->body, BODY_HEAD, 2 * LARGE);
    pyn_session_call_free(p.server, second);
    pyn_buf_fini(&call);
    peers_fini(&p);
}

static void a_large_answer_stays_where_it_has_come(void **state)
{
    struct peers p;
    struct gauge m;
    struct pyn_buf call;
    struct pyn_answer *answer = NULL;
    struct pyn_view value;

    make_call(&call, 3 * LARGE);
    value = pyn_buf_view(&call);
    value.data += 1 + 1 + 5 + 1; /* ahead of the bin */
    value.len -= 1 + 1 + 5 + 1 + 2;
    gauge_init(&m);
    peers_init(&p, &m.mem);
    peers_meet(&p);
    assert_int_equal(peers_call(p.client, 0, 0, "blob", 1, "c4 00"), PYN_OK);
    peers_pump(&p, p.client, p.server);
    struct pyn_call *asked = peers_expect_call(&p, p.server);
    assert_int_equal(pyn_session_send_return(p.server, 0, value), PYN_OK);
    pyn_session_call_free(p.server, asked);
    peers_pump(&p, p.server, p.client);
    m.largest = 0;
    answer = peers_expect_answer(&p, p.client);
    assert_true(m.largest <= TURN_MAX);
    assert_int_equal(answer->status, PYN_OK);
    expect_bytes(answer->value, 5, 3 * LARGE);
    peers_expect_none(&p, p.client);
    expect_bytes(answer->value, 5, 3 * LARGE);
    pyn_session_answer_free(p.client, answer);
    pyn_buf_fini(&call);
    peers_fini(&p);
    assert_int_equal(m.live, 0);
}

static void room_grows_with_what_has_come_and_ends_where_the_message_does(void **state)
{
    struct peers p;
    struct pyn_buf call;
    uint8_t *space = NULL;
    size_t room = 0;
    size_t put = 0;
    bool was_large = false;

    make_call(&call, 16 * LARGE);
    peers_init(&p, pyn_mem_default());
    peers_meet_raw(&p);
    while (put < pyn_buf_len(&call)) {
        assert_int_equal(pyn_session_space(p.server, &space, &room), PYN_OK);
        assert_true(room <= 16 * 1024 || room <= put / 2);
        assert_true(room <= 16 * 1024 || room <= pyn_buf_len(&call) - put);
        if (room > pyn_buf_len(&call) - put) {
            room = pyn_buf_len(&call) - put;
        }
        memcpy(space, pyn_buf_view(&call).data + put, room);
        pyn_session_received(p.server, room);
        put += room;
        if (put < pyn_buf_len(&call)) {
            peers_expect_none(&p, p.server);
        }
        assert_true(!pyn_session_is_large(p.server) || put >= LARGE);
        was_large = was_large || pyn_session_is_large(p.server);
    }
    assert_true(was_large);
    assert_false(pyn_session_is_large(p.server));
    struct pyn_call *event = peers_expect_call(&p, p.server);
    expect_bytes(event->body, BODY_HEAD, 16 * LARGE);
    pyn_session_call_free(p.server, event);
    pyn_buf_fini(&call);
    peers_fini(&p);
}

enum { BIN_AT = 48, TEXT_AT = 56, PAGED_MIN = 3 * LARGE };

static size_t place_of(void *ctx, bool is_text)
{
    return is_text ? TEXT_AT : BIN_AT;
}

/* A call in pieces, each looked at as it comes, and its last byte by itself. */
static void put_in_pieces(struct peers *p, const struct pyn_buf *call)
{
    struct pyn_view bytes = pyn_buf_view(call);

    for (size_t put = 0; put < bytes.len - 1;) {
        struct pyn_view part = {bytes.data + put, bytes.len - 1 - put < 1000 ? bytes.len - 1 - put : 1000};
        assert_int_equal(peers_put(p, p->server, part), PYN_OK);
        peers_expect_none(p, p->server);
        put += part.len;
    }
    assert_int_equal(peers_put(p, p->server, (struct pyn_view){bytes.data + bytes.len - 1, 1}), PYN_OK);
}

static void a_message_of_some_length_goes_where_the_one_before_it_was(void **state)
{
    for (size_t size = LARGE; size < PAGED_MIN - LARGE; size += LARGE) {
        struct peers p;
        struct gauge ordinary;
        struct gauge paged;
        struct gauge warm;
        struct pyn_buf call;
        struct pyn_call *event = NULL;
        gauge_init(&ordinary);
        gauge_init_paged(&paged);
        gauge_init(&warm);
        const struct pyn_large place = {&paged.mem, PAGE, PAGED_MIN, PAGED_MIN / 8, place_of, NULL, &warm.mem};
        make_call(&call, size);
        peers_init(&p, &ordinary.mem);
        p.large = &place;
        peers_meet_raw(&p);
        put_in_pieces(&p, &call);
        event = peers_expect_call(&p, p.server);
        assert_false(event->is_paged);
        assert_int_equal(warm.live, size >= 2 * LARGE); /* as much is still to come as has */
        expect_bytes(event->body, BODY_HEAD, size);
        assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 02 0a 94 00 a3 61 64 64 92 01 02 80 0a")), PYN_OK);
        struct pyn_call *small = peers_expect_call(&p, p.server);
        assert_int_equal(warm.live, size >= 2 * LARGE);
        pyn_session_call_free(p.server, event);
        assert_int_equal(warm.live, 0);
        pyn_session_call_free(p.server, small);
        pyn_buf_fini(&call);
        peers_fini(&p);
        assert_int_equal(ordinary.live + paged.live, 0);
    }
    (void)state;
}

static void the_bytes_of_a_large_message_stand_where_an_object_has_them(void **state)
{
    for (size_t size = PAGED_MIN - 2 * LARGE; size <= PAGED_MIN + LARGE; size += LARGE) {
        struct peers p;
        struct gauge ordinary;
        struct gauge paged;
        struct pyn_buf call;
        struct pyn_call *event = NULL;
        gauge_init(&ordinary);
        gauge_init_paged(&paged);
        const struct pyn_large place = {&paged.mem, PAGE, PAGED_MIN, PAGED_MIN / 8, place_of, NULL, NULL};
        make_call(&call, size);
        peers_init(&p, &ordinary.mem);
        p.large = &place;
        peers_meet_raw(&p);
        put_in_pieces(&p, &call);
        event = peers_expect_call(&p, p.server);
        assert_int_equal(event->is_paged, size >= PAGED_MIN);
        assert_true(event->is_narrow);
        if (event->is_paged) {
            assert_int_equal((uintptr_t)(event->body.data + BODY_HEAD) % PAGE, BIN_AT);
        }
        assert_int_equal(paged.live, event->is_paged);
        expect_bytes(event->body, BODY_HEAD, size);
        /* What follows has a place like anything else, even while the large one is held. */
        assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 02 0a 94 00 a3 61 64 64 92 01 02 80 0a")), PYN_OK);
        struct pyn_call *small = peers_expect_call(&p, p.server);
        assert_false(small->is_paged);
        assert_int_equal(paged.live, event->is_paged);
        pyn_session_call_free(p.server, event);
        assert_int_equal(paged.live, 0);
        pyn_session_call_free(p.server, small);
        pyn_buf_fini(&call);
        peers_fini(&p);
        assert_int_equal(ordinary.live, 0);
    }
}

static void a_large_message_has_its_pages_also_with_a_little_behind_it_and_leaves_none(void **state)
{
    struct peers p;
    struct gauge paged;
    struct pyn_buf call;

    gauge_init_paged(&paged);
    const struct pyn_large place = {&paged.mem, PAGE, PAGED_MIN, PAGED_MIN / 8, place_of, NULL, NULL};
    make_call(&call, PAGED_MIN);
    peers_init(&p, pyn_mem_default());
    p.large = &place;
    peers_meet_raw(&p);
    const struct pyn_view bytes = pyn_buf_view(&call);
    assert_int_equal(peers_put(&p, p.server, (struct pyn_view){bytes.data, LARGE + 1000}), PYN_OK);
    peers_expect_none(&p, p.server);
    assert_int_equal(peers_put(&p, p.server, (struct pyn_view){bytes.data + LARGE + 1000, bytes.len - LARGE - 1000}),
                     PYN_OK);
    assert_int_equal(paged.live, 1);
    assert_int_equal(peers_put(&p, p.server, support_bytes("92 f7 01 0a")), PYN_OK);
    struct pyn_call *event = peers_expect_call(&p, p.server);
    assert_true(event->is_paged);
    peers_expect_none(&p, p.server);
    expect_bytes(event->body, BODY_HEAD, PAGED_MIN);
    pyn_session_call_free(p.server, event);
    assert_int_equal(paged.live, 0);
    pyn_buf_fini(&call);
    peers_fini(&p);
}

/* 4 GiB - 1 are announced, and let in: what is taken follows what comes. */
static void an_announcement_takes_nothing(void **state)
{
    enum { COME = 8 * LARGE };
    static const uint8_t head[] = {0x94, 0x00, 0xa4, 'b', 'l', 'o', 'b', 0x91, 0xc6, 0xff, 0xff, 0xff, 0xff};
    struct peers p;
    struct gauge ordinary;
    struct gauge paged;
    uint8_t *bytes = calloc(1, COME);

    assert_non_null(bytes);
    gauge_init(&ordinary);
    gauge_init_paged(&paged);
    const struct pyn_large place = {&paged.mem, PAGE, PAGED_MIN, PAGED_MIN / 8, place_of, NULL, NULL};
    peers_init(&p, &ordinary.mem);
    p.quotas.limits.message_max = (size_t)UINT32_MAX + 1000;
    p.large = &place;
    peers_meet_raw(&p);
    ordinary.largest = 0;
    assert_int_equal(peers_put(&p, p.server, (struct pyn_view){head, sizeof head}), PYN_OK);
    peers_expect_none(&p, p.server);
    assert_true(ordinary.largest <= 16 * 1024 && paged.largest == 0);
    for (size_t put = 0; put < COME; put += LARGE) {
        assert_int_equal(peers_put(&p, p.server, (struct pyn_view){bytes + put, LARGE}), PYN_OK);
        peers_expect_none(&p, p.server);
        assert_true(ordinary.largest <= 3 * (put + LARGE) && paged.largest <= 3 * (put + LARGE));
    }
    assert_true(paged.largest > 0);
    peers_fini(&p);
    assert_int_equal(paged.live, 0);
    assert_int_equal(ordinary.live, 0);
    free(bytes);
}

static void each_allocation_may_fail(void **state)
{
    struct pyn_buf call;
    bool is_through = false;

    make_call(&call, 2 * LARGE);
    for (size_t fail_at = 1; !is_through; fail_at++) {
        struct peers p;
        struct support_mem m;
        struct pyn_event event = {.kind = PYN_EV_NONE};
        support_mem_init(&m, 0);
        peers_init(&p, &m.mem);
        peers_meet_raw(&p);
        m.fail_at = m.calls + fail_at;
        pyn_status st = peers_put(&p, p.server, pyn_buf_view(&call));
        if (st == PYN_OK) {
            st = peers_put(&p, p.server, support_bytes("92 fc 02 0a 94"));
        }
        if (st == PYN_OK) {
            st = peers_next(&p, p.server, &event);
        }
        is_through = st == PYN_OK && m.calls < m.fail_at;
        assert_true(st == PYN_OK || pyn_status_class(st) == PYN_CLASS_CLOSE || pyn_status_class(st) == PYN_CLASS_BROKEN);
        pyn_session_call_free(p.server, event.call);
        peers_fini(&p);
        assert_int_equal(m.live, 0);
        assert_true(fail_at < 100);
    }
    pyn_buf_fini(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_call_stays_where_it_has_come),
        cmocka_unit_test(a_smaller_one_is_copied_and_gives_its_room_back),
        cmocka_unit_test(a_large_call_stays_where_it_has_come_with_a_little_behind_it),
        cmocka_unit_test(up_to_a_quarter_of_the_body_behind_it_is_copied_instead),
        cmocka_unit_test(a_call_with_much_behind_it_is_copied),
        cmocka_unit_test(a_large_answer_stays_where_it_has_come),
        cmocka_unit_test(room_grows_with_what_has_come_and_ends_where_the_message_does),
        cmocka_unit_test(a_message_of_some_length_goes_where_the_one_before_it_was),
        cmocka_unit_test(the_bytes_of_a_large_message_stand_where_an_object_has_them),
        cmocka_unit_test(a_large_message_has_its_pages_also_with_a_little_behind_it_and_leaves_none),
        cmocka_unit_test(an_announcement_takes_nothing),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
