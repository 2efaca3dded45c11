/* test_parts_kinds.c - does each kind of message that may come in parts mean there what it means whole? */
#include "peers.h"

#define CALL_ADD "94 00 a3 61 64 64 92 01 02 80 "
#define LANE_1 "92 fc 01 0a "
#define LANE_2 "92 fc 02 0a "

enum { WHOLE, PART, PARTS, WAYS };

/* What has come of a stream: the events, and what was answered. */
struct heard {
    char events[256];
    struct pyn_buf out;
    pyn_status st;
};

static void note(struct heard *heard, const char *what, uint64_t lane)
{
    const size_t at = strlen(heard->events);

    (void)snprintf(heard->events + at, sizeof heard->events - at, "%s %u; ", what, (unsigned)lane);
}

static void note_answer(struct heard *heard, struct pyn_session *session, struct pyn_answer *answer)
{
    note(heard, answer->is_error ? "error" : pyn_status_name(answer->status), answer->lane);
    note(heard, "items", answer->items.count);
    pyn_session_answer_free(session, answer);
}

static void put_part(const struct peers *p, struct pyn_view bytes)
{
    struct pyn_buf part;

    pyn_buf_init(&part, pyn_mem_default(), SIZE_MAX);
    assert_int_equal(pyn_buf_append(&part, (const uint8_t[]){0x92, 0xf0}, 2), PYN_OK);
    assert_int_equal(pyn_pack_bin_head(&part, bytes.len), PYN_OK);
    assert_int_equal(pyn_buf_append(&part, bytes.data, bytes.len), PYN_OK);
    assert_int_equal(pyn_pack_newline(&part), PYN_OK);
    assert_int_equal(peers_put(p, p->server, pyn_buf_view(&part)), PYN_OK);
    pyn_buf_fini(&part);
}

static void put(const struct peers *p, struct pyn_view bytes, int way)
{
    enum { FEW = 7 };

    if (way == WHOLE) {
        assert_int_equal(peers_put(p, p->server, bytes), PYN_OK);
    } else if (way == PART) {
        put_part(p, bytes);
    } else {
        for (size_t at = 0; at < bytes.len; at += FEW) {
            put_part(p, (struct pyn_view){bytes.data + at, bytes.len - at < FEW ? bytes.len - at : FEW});
        }
    }
}

/* Calls are answered when nothing more comes, one after the other. */
static void hear(struct peers *p, struct heard *heard)
{
    struct pyn_call *calls[8] = {NULL};
    struct pyn_event event;
    size_t count = 1;

    while (count > 0) {
        count = 0;
        while ((heard->st = peers_next(p, p->server, &event)) == PYN_OK) {
            if (event.kind == PYN_EV_CALL) {
                note(heard, "call", event.call->lane);
                calls[count++] = event.call;
            } else if (event.kind == PYN_EV_ANSWER) {
                note_answer(heard, p->server, event.answer);
            } else {
                note(heard, event.kind == PYN_EV_CANCEL ? "cancel" : "other", event.lane);
            }
        }
        for (size_t i = 0; i < count; i++) {
            (void)peers_return(p->server, calls[i], "03");
        }
    }
}

/* A server that serves a call of lane 2 and has one out in lane 1, which asks for three items. */
static void run(struct pyn_view stream, int way, struct heard *heard)
{
    static const struct pyn_type type = {.kind = PYN_T_INT};
    static const struct pyn_expect expect = {.result = &type, .ahead = 3};
    struct peers p;
    struct pyn_call *call = NULL;

    peers_init(&p, pyn_mem_default());
    peers_meet_raw(&p);
    assert_int_equal(pyn_session_send_call(p.server, 1, support_bytes("94 09 a4 74 65 6c 6c 91 01 80"), &expect), PYN_OK);
    assert_int_equal(peers_put(&p, p.server, support_bytes(LANE_2 CALL_ADD "0a 92 fc 00 0a")), PYN_OK);
    call = peers_expect_call(&p, p.server);
    pyn_session_written(p.server, pyn_session_output_len(p.server));
    *heard = (struct heard){.st = PYN_EINTERNAL};
    pyn_buf_init(&heard->out, pyn_mem_default(), SIZE_MAX);
    put(&p, stream, way);
    hear(&p, heard);
    (void)peers_return(p.server, call, "03");
    hear(&p, heard);
    const struct pyn_view out = pyn_session_output(p.server);
    assert_int_equal(pyn_buf_append(&heard->out, out.data, out.len), PYN_OK);
    peers_fini(&p);
}

static void each_kind_means_in_parts_what_it_means_whole(void **state)
{
    static const struct {
        const char *stream;
        const char *events;
        const char *what;
    } rows[] = {
        {CALL_ADD "0a", "call 0; ", "a call"},
        {LANE_2 CALL_ADD "0a", "call 2; ", "one that waits for its turn"},
        {"96 f5 00 a3 61 64 64 92 01 02 80 80 0a", "call 0; ", "an ask"},
        {"96 f5 00 a3 61 64 65 92 01 02 80 80 0a", "", "one of nothing that there is"},
        {"93 f4 92 " CALL_ADD CALL_ADD "80 0a", "call 0; call 0; ", "a batch of two"},
        {LANE_1 "92 f3 92 05 06 0a 92 ff c0 0a", "ok 1; items 2; ", "items, and their end"},
        {LANE_1 "92 f3 91 05 0a 92 f3 91 06 0a 92 fe 94 a1 45 a0 c0 c0 0a", "error 1; items 2; ", "items, and an error"},
        {LANE_1 "92 fe 94 a1 45 a0 c0 c0 0a", "error 1; items 0; ", "an error"},
        {LANE_2 "91 fa 0a", "cancel 2; ", "a cancel of what runs"},
        {LANE_2 CALL_ADD "0a 91 fa 0a", "", "a cancel of what waits"},
        {"91 fa 0a", "", "a cancel of nothing"},
        {LANE_1 "92 f3 94 05 06 07 08 0a", "", "more items than were asked for"},
    };

    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct heard whole = {.st = PYN_OK};
        for (int way = WHOLE; way < WAYS; way++) {
            struct heard heard;
            run(support_bytes(rows[i].stream), way, &heard);
            if (strcmp(heard.events, rows[i].events) != 0) {
                fail_msg("%s: %s instead of %s", rows[i].what, heard.events, rows[i].events);
            }
            if (way == WHOLE) {
                whole = heard;
                continue;
            }
            assert_int_equal(heard.st, whole.st);
            assert_int_equal(pyn_buf_len(&heard.out), pyn_buf_len(&whole.out));
            assert_memory_equal(pyn_buf_view(&heard.out).data, pyn_buf_view(&whole.out).data, pyn_buf_len(&whole.out));
            pyn_buf_fini(&heard.out);
        }
        pyn_buf_fini(&whole.out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_kind_means_in_parts_what_it_means_whole)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
