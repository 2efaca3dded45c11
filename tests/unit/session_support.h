/*
 * session_support.h - what the tests of a whole session share: a peer that is made here, byte by byte, and what it expects to be told.
 *
 * Owns:    nothing: what begin() makes is given back by peers_fini().
 */
#ifndef PYN_TESTS_SESSION_SUPPORT_H
#define PYN_TESTS_SESSION_SUPPORT_H

#include "peers.h"

#define HELLO "95 f8 a5 70 79 6e 74 6f 01 c0 80 0a "
#define CALL_ADD "94 00 a3 61 64 64 92 01 02 80 0a "
#define CALL_NAME_1 "94 01 a4 6e 61 6d 65 90 80 0a " /* [1, "name", [], {}] */
#define RETURN_3 "92 ff 03 0a "
#define REFUSED "92 fe 94 a7 52 65 66 75 73 65 64 ad 6e 6f 74 20 70 65 72 6d 69 74 74 65 64 c0 c0 0a "
#define MINE_9 "c7 0c 10 00 00 00 00 00 00 00 09 00 00 00 00 "
#define DESCRIBE_1                                                                                                     \
    "93 fb 01 81 aa 69 6e 74 65 72 66 61 63 65 73 81 a3 6d 3a 58 80 0a " /* [-5, 1, {"interfaces": {"m:X": {}}}] */
#define ROOT_1 "92 ff c7 0c 10 00 00 00 00 00 00 00 00 00 00 00 01 0a "

static const struct pyn_view nothing = {NULL, 0};

static inline void begin(struct peers *p)
{
    peers_init(p, pyn_mem_default());
    peers_meet_raw(p);
}

static inline void put(struct peers *p, const char *hex)
{
    assert_int_equal(peers_put(p, p->server, support_bytes(hex)), PYN_OK);
}

static inline void expect_output(struct pyn_session *session, const char *hex)
{
    struct pyn_view out = pyn_session_output(session);

    assert_true(support_is_hex(out, hex));
    pyn_session_written(session, out.len);
}

/* The last thing it says is why it ends; then nothing moves any more. */
static inline void expect_end(struct peers *p, struct pyn_session *session, pyn_status why)
{
    struct pyn_event event;
    uint8_t *space = NULL;
    size_t room = 0;
    uint8_t end[64] = {0x93, 0xf9, (uint8_t)why};
    size_t len = strlen(pyn_status_name(why));

    assert_int_equal(peers_next(p, session, &event), why);
    end[3] = len < 32 ? (uint8_t)(0xa0 | len) : 0xd9;
    if (len >= 32) {
        end[4] = (uint8_t)len;
    }
    size_t head = len < 32 ? 4 : 5;
    memcpy(end + head, pyn_status_name(why), len);
    end[head + len] = '\n';
    len += head + 1;
    struct pyn_view out = pyn_session_output(session);
    assert_true(out.len >= len);
    assert_memory_equal(out.data + out.len - len, end, len);
    assert_int_equal(pyn_session_space(session, &space, &room), why);
    assert_int_equal(peers_next(p, session, &event), why);
    assert_int_equal(pyn_session_ping(session, 1), why);
    assert_int_equal(pyn_session_send_return(session, 0, support_bytes("03")), why);
    assert_int_equal(pyn_session_send_call(session, 2, support_bytes("94 00 a1 61 90 80"), NULL), why);
    assert_int_equal(pyn_session_output(session).len, out.len);
    assert_false(pyn_session_wants_input(session));
    pyn_session_written(session, out.len);
}

#endif
