/*
 * peers.h - two peers in one hand: a client's session and a server's, a small policy, and a pump that moves bytes in pieces of any size.
 *
 * Owns:    peers_fini() gives everything back and checks that nothing is owed.
 * Borrows: the allocator.
 */
#ifndef PYN_TESTS_PEERS_H
#define PYN_TESTS_PEERS_H

#include "support.h"

#include "../../src/session/session.h"
#include "../../src/wire/pack.h"

#define PEERS_POLICY                                                                                                   \
    "{\n"                                                                                                              \
    " \"imports\": {\n"                                                                                                \
    "  \"m:Watcher\": {\"facet\": true, \"methods\": {\"tell\": \"(n: int) -> int\"}}\n"                               \
    " },\n"                                                                                                            \
    " \"interfaces\": {\n"                                                                                             \
    "  \"m:Child\": {\"class\": \"m:Child\", \"methods\": {\"name\": \"() -> str\"}},\n"                               \
    "  \"m:Root\": {\"class\": \"m:Root\", \"methods\": {\n"                                                           \
    "   \"add\": \"(a: int, b: int) -> int\",\n"                                                                       \
    "   \"blob\": \"(data: bytes) -> bytes\",\n"                                                                       \
    "   \"child\": \"() -> m:Child\",\n"                                                                               \
    "   \"me\": \"() -> m:Root\",\n"                                                                                   \
    "   \"some\": \"(values: (int|m:Child*)) -> (int|m:Child*)\",\n"                                                   \
    "   \"take\": \"(child: m:Child) -> none\",\n"                                                                     \
    "   \"watch\": \"(w: m:Watcher) -> int\"\n"                                                                        \
    "  }}\n"                                                                                                           \
    " },\n"                                                                                                            \
    " \"platform\": \"linux\",\n"                                                                                      \
    " \"pynto-policy\": 1,\n"                                                                                          \
    " \"python\": \"3.11\",\n"                                                                                         \
    " \"roots\": {\"main\": \"m:Root\"}\n"                                                                             \
    "}\n"

enum { PEERS_OBJECTS = 64 };

struct peers {
    const struct pyn_mem *mem;
    struct pyn_quotas quotas;
    const struct pyn_large *large;
    struct pyn_policy *policy;
    const struct pyn_iface *root;
    const struct pyn_iface *child;
    struct pyn_session *server;
    struct pyn_session *client;
    size_t piece; /* bytes that the pump moves at once; 0: as many as there are */
    uint64_t now;
    char objects[PEERS_OBJECTS]; /* addresses to be exported */
};

static inline const struct pyn_iface *peers_iface(const struct peers *p, const char *name)
{
    const struct pyn_iface *iface = pyn_policy_find(p->policy, pyn_view_of(name));

    assert_non_null(iface);
    return iface;
}

static inline void peers_load(struct peers *p)
{
    struct pyn_diag diag = {""};

    if (pyn_policy_load(pyn_mem_default(), pyn_view_of(PEERS_POLICY), &p->policy, &diag) != PYN_OK) {
        fail_msg("%s", diag.text);
    }
    p->root = peers_iface(p, "m:Root");
    p->child = peers_iface(p, "m:Child");
}

static inline void peers_init(struct peers *p, const struct pyn_mem *mem)
{
    *p = (struct peers){.mem = mem, .quotas = pyn_quotas_default(), .now = 1000};
    peers_load(p);
}

static inline pyn_status peers_new_server(struct peers *p)
{
    struct pyn_session_config config = {
        .mem = p->mem, .role = PYN_ROLE_SERVER, .quotas = &p->quotas, .large = p->large, .now = p->now};

    return pyn_session_new(&config, &p->server);
}

static inline pyn_status peers_new_client(struct peers *p)
{
    struct pyn_session_config config = {.mem = p->mem, .role = PYN_ROLE_CLIENT, .quotas = &p->quotas, .now = p->now};

    return pyn_session_new(&config, &p->client);
}

/* Bytes into a session, as they are. */
static inline pyn_status peers_put(const struct peers *p, struct pyn_session *to, struct pyn_view bytes)
{
    while (bytes.len > 0) {
        uint8_t *space = NULL;
        size_t room = 0;
        pyn_status st = pyn_session_space(to, &space, &room);
        if (st != PYN_OK) {
            return st;
        }
        assert_true(room >= 1);
        if (room > bytes.len) {
            room = bytes.len;
        }
        if (p->piece != 0 && room > p->piece) {
            room = p->piece;
        }
        memcpy(space, bytes.data, room);
        pyn_session_received(to, room);
        bytes.data += room;
        bytes.len -= room;
    }
    return PYN_OK;
}

/* All that one has written goes to the other. */
static inline void peers_pump(const struct peers *p, struct pyn_session *from, struct pyn_session *to)
{
    struct pyn_view bytes = pyn_session_output(from);

    if (bytes.len > 0) {
        (void)peers_put(p, to, bytes);
        pyn_session_written(from, bytes.len);
    }
}

static inline pyn_status peers_next(const struct peers *p, struct pyn_session *session, struct pyn_event *event)
{
    return pyn_session_next(session, p->now, event);
}

static inline void peers_expect_none(const struct peers *p, struct pyn_session *session)
{
    struct pyn_event event;

    assert_int_equal(peers_next(p, session, &event), PYN_EWAIT);
}

static inline struct pyn_call *peers_expect_call(const struct peers *p, struct pyn_session *session)
{
    struct pyn_event event;

    assert_int_equal(peers_next(p, session, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_CALL);
    return event.call;
}

static inline struct pyn_answer *peers_expect_answer(const struct peers *p, struct pyn_session *session)
{
    struct pyn_event event;

    assert_int_equal(peers_next(p, session, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_ANSWER);
    return event.answer;
}

/* Hello, welcome and the root on both sides. */
static inline void peers_meet(struct peers *p)
{
    struct pyn_event event;
    struct pyn_answer *answer = NULL;

    assert_int_equal(peers_new_server(p), PYN_OK);
    assert_int_equal(peers_new_client(p), PYN_OK);
    peers_pump(p, p->client, p->server);
    assert_int_equal(peers_next(p, p->server, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_HELLO);
    assert_int_equal(pyn_session_welcome(p->server, &p->objects[0], p->root), PYN_OK);
    peers_pump(p, p->server, p->client);
    answer = peers_expect_answer(p, p->client);
    assert_int_equal(answer->status, PYN_OK);
    pyn_session_answer_free(p->client, answer);
}

/* A server that has welcomed a client made of raw bytes; its output so far is thrown away. */
static inline void peers_meet_raw(struct peers *p)
{
    struct pyn_event event;

    assert_int_equal(peers_new_server(p), PYN_OK);
    assert_int_equal(peers_put(p, p->server, support_bytes("95 f8 a5 70 79 6e 74 6f 01 c0 80 0a")), PYN_OK);
    assert_int_equal(peers_next(p, p->server, &event), PYN_OK);
    assert_int_equal(event.kind, PYN_EV_HELLO);
    assert_int_equal(pyn_session_welcome(p->server, &p->objects[0], p->root), PYN_OK);
    pyn_session_written(p->server, pyn_session_output(p->server).len);
}

static inline void peers_end(struct pyn_session *session)
{
    if (session != NULL) {
        pyn_session_abandon(session);
        while (pyn_session_reap(session) != NULL) {}
        assert_true(pyn_ledger_is_clear(pyn_session_ledger(session)));
        pyn_session_free(session);
    }
}

static inline void peers_fini(struct peers *p)
{
    peers_end(p->client);
    peers_end(p->server);
    pyn_policy_unref(p->policy);
}

/* [id, name, [args ...], {}] for arguments that are packed already. */
static inline void peers_pack_call(struct pyn_buf *buf, uint64_t id, const char *name, size_t count, struct pyn_view args)
{
    (void)pyn_pack_array(buf, 4);
    (void)pyn_pack_uint(buf, id);
    (void)pyn_pack_str(buf, name, strlen(name));
    (void)pyn_pack_array(buf, count);
    (void)pyn_buf_append(buf, args.data, args.len);
    (void)pyn_pack_map(buf, 0);
}

/* Sends a call whose arguments are hex. */
static inline pyn_status peers_call(struct pyn_session *session, uint64_t lane, uint64_t id, const char *name,
                                    size_t count, const char *args)
{
    struct pyn_buf buf;
    pyn_status st = PYN_EINTERNAL;

    pyn_buf_init(&buf, pyn_mem_default(), SIZE_MAX);
    peers_pack_call(&buf, id, name, count, support_bytes(args));
    st = pyn_session_send_call(session, lane, pyn_buf_view(&buf), NULL);
    pyn_buf_fini(&buf);
    return st;
}

static inline pyn_status peers_return(struct pyn_session *session, struct pyn_call *call, const char *value)
{
    pyn_status st = pyn_session_send_return(session, call->lane, support_bytes(value));

    pyn_session_call_free(session, call);
    return st;
}

static inline uint64_t peers_used(const struct pyn_session *session, enum pyn_quota which)
{
    return pyn_session_ledger(session)->used[which];
}

#endif
