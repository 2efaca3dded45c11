/* test_recall.c - answers that a client keeps, what makes it forget them, and results of an iterator that are sent ahead. */
#include "peers.h"

#include "../../src/session/session_state.h"

#define POLICY                                                                                                         \
    "{\n"                                                                                                              \
    " \"interfaces\": {\n"                                                                                             \
    "  \"Iterator[int]\": {\"class\": \"collections.abc:Iterator\", \"methods\": {\"__next__\": \"() -> int\"}},\n"    \
    "  \"Iterator[m:Child]\": {\"class\": \"collections.abc:Iterator\", \"methods\": {\"__next__\": \"() -> "          \
    "m:Child\"}},\n"                                                                                                   \
    "  \"m:Child\": {\"class\": \"m:Child\", \"methods\": {\"name\": \"() -> str\"}},\n"                               \
    "  \"m:Root\": {\n"                                                                                                \
    "   \"cached\": {\"find\": \"1s\", \"title\": \"1s\"},\n"                                                          \
    "   \"class\": \"m:Root\",\n"                                                                                      \
    "   \"get\": {\"first\": \"m:Child\", \"title\": \"str\"},\n"                                                      \
    "   \"methods\": {\n"                                                                                              \
    "    \"count\": \"() -> Iterator[int]\",\n"                                                                        \
    "    \"each\": \"() -> Iterator[m:Child]\",\n"                                                                     \
    "    \"find\": \"(key: str) -> int\",\n"                                                                           \
    "    \"maybe\": \"() -> m:Child|none\"\n"                                                                          \
    "   },\n"                                                                                                          \
    "   \"set\": {\"title\": \"str\"}\n"                                                                               \
    "  }\n"                                                                                                            \
    " },\n"                                                                                                            \
    " \"platform\": \"linux\",\n"                                                                                      \
    " \"pynto-policy\": 1,\n"                                                                                          \
    " \"python\": \"3.11\",\n"                                                                                         \
    " \"roots\": {\"main\": \"m:Root\"}\n"                                                                             \
    "}\n"

#define FIND_K "94 00 a4 66 69 6e 64 91 a1 6b 80"                                           /* find("k") */
#define GET_TITLE "94 00 ab 5f 5f 67 65 74 61 74 74 72 5f 5f 91 a5 74 69 74 6c 65 80"       /* title */
#define SET_TITLE "94 00 ab 5f 5f 73 65 74 61 74 74 72 5f 5f 92 a5 74 69 74 6c 65 a1 78 80" /* title = "x" */
#define SET_OTHER "94 07 ab 5f 5f 73 65 74 61 74 74 72 5f 5f 92 a5 74 69 74 6c 65 a1 78 80" /* of another one */
#define TELL_TITLE                                                                                                     \
    "96 f5 00 ab 5f 5f 73 65 74 61 74 74 72 5f 5f 92 a5 74 69 74 6c 65 a1 78 80 81 a6 6f 6e 65 77 61 79 c3"
#define TELL_FIND "96 f5 00 a4 66 69 6e 64 91 a1 6b 80 81 a6 6f 6e 65 77 61 79 c3"
#define BATCH_WRITES "93 f4 92 " FIND_K " " SET_TITLE " 80"
#define BATCH_READS "93 f4 92 " FIND_K " " GET_TITLE " 80"
#define SAYS_SETATTR "94 00 a4 66 69 6e 64 91 ab 5f 5f 73 65 74 61 74 74 72 5f 5f 80" /* find("__setattr__") */
#define SAYS_NEARLY "94 00 a4 66 69 6e 64 91 ad 5f 5f 5f 73 65 74 61 74 74 72 5f 78 5f 80"
#define STALE(name) "93 f2 00 " name " 0a"

static const uint64_t SECOND = UINT64_C(1000000000);

static void begin_with(struct peers *p, const struct pyn_mem *mem)
{
    struct pyn_diag diag = {""};

    *p = (struct peers){.mem = mem, .quotas = pyn_quotas_default(), .now = 5 * SECOND};
    if (pyn_policy_load(pyn_mem_default(), pyn_view_of(POLICY), &p->policy, &diag) != PYN_OK) {
        fail_msg("%s", diag.text);
    }
    p->root = peers_iface(p, "m:Root");
    p->child = peers_iface(p, "m:Child");
}

static void begin(struct peers *p)
{
    begin_with(p, pyn_mem_default());
    peers_meet(p);
}

/* The operation as it was described to the client. */
static const struct pyn_op *op_of(const struct peers *p, enum pyn_op_kind kind, const char *name)
{
    const struct pyn_op *op = pyn_iface_op(pyn_session_described(p->client, pyn_view_of("m:Root")), kind,
                                           pyn_view_of(name));

    assert_non_null(op);
    return op;
}

static struct pyn_expect asks(const struct peers *p, enum pyn_op_kind kind, const char *name)
{
    return (struct pyn_expect){.op = op_of(p, kind, name), .sent_at = p->now};
}

static void send(const struct peers *p, const char *object, const struct pyn_expect *expect)
{
    assert_int_equal(pyn_session_send_call(p->client, 0, support_bytes(object), expect), PYN_OK);
    pyn_session_written(p->client, pyn_session_output(p->client).len);
}

static pyn_status tell(const struct peers *p, uint64_t lane, const char *object)
{
    struct pyn_parcel parcel = pyn_parcel_of(support_bytes(object));

    return pyn_session_tell(p->client, lane, &parcel);
}

/* Any answers will do. */
static pyn_status send_batch(const struct peers *p, uint64_t lane, const char *object, uint32_t count)
{
    static const struct pyn_expect any[2];
    struct pyn_parcel parcel = pyn_parcel_of(support_bytes(object));

    assert_true(count <= SUPPORT_COUNT(any));
    return pyn_session_send_batch(p->client, lane, &parcel, any, count);
}

static void answer(const struct peers *p, const char *stream)
{
    struct pyn_answer *came = NULL;

    assert_int_equal(peers_put(p, p->client, support_bytes(stream)), PYN_OK);
    came = peers_expect_answer(p, p->client);
    pyn_session_answer_free(p->client, came);
    peers_expect_none(p, p->client);
}

/* find("k") has been answered with 7 and title with "hi": both are kept. */
static void keep_both(const struct peers *p)
{
    struct pyn_expect find = asks(p, PYN_OP_METHOD, "find");
    struct pyn_expect title = asks(p, PYN_OP_GET, "title");

    send(p, FIND_K, &find);
    answer(p, "92 ff 07 0a");
    send(p, GET_TITLE, &title);
    answer(p, "92 ff a2 68 69 0a");
}

static bool recalls_find(const struct peers *p)
{
    struct pyn_view value = {NULL, 0};
    bool is = pyn_session_recall(p->client, op_of(p, PYN_OP_METHOD, "find"), support_bytes(FIND_K), p->now, &value);

    assert_true(!is || support_is_hex(value, "07"));
    return is;
}

static bool recalls_title(const struct peers *p)
{
    struct pyn_view value = {NULL, 0};

    return pyn_session_recall(p->client, op_of(p, PYN_OP_GET, "title"), support_bytes(GET_TITLE), p->now, &value);
}

static void an_answer_is_recalled_until_its_time_is_over(void **state)
{
    struct peers p;
    struct pyn_cache_counts counts;

    (void)state;
    begin(&p);
    assert_false(pyn_session_is_caching(p.client));
    assert_false(recalls_find(&p));
    keep_both(&p);
    assert_true(pyn_session_is_caching(p.client));
    assert_true(recalls_find(&p));
    assert_true(recalls_title(&p));
    counts = pyn_session_cache_counts(p.client);
    assert_int_equal(counts.hits, 2);
    assert_int_equal(counts.misses, 2);
    assert_int_equal(counts.evictions, 0);
    p.now += SECOND - 1;
    assert_true(recalls_find(&p));
    p.now++;
    assert_false(recalls_find(&p));
    peers_fini(&p);
}

static void a_server_keeps_nothing(void **state)
{
    struct peers p;
    struct pyn_view value = {NULL, 0};
    const struct pyn_op *op = NULL;

    (void)state;
    begin(&p);
    op = pyn_iface_op(p.root, PYN_OP_METHOD, pyn_view_of("find"));
    assert_false(pyn_session_is_caching(p.server));
    assert_int_equal(pyn_session_cache_counts(p.server).misses, 0);
    assert_false(pyn_session_recall(p.server, op, support_bytes(FIND_K), p.now, &value));
    peers_fini(&p);
}

static void what_came_and_was_not_looked_at_forbids_to_recall(void **state)
{
    struct peers p;
    struct pyn_event event;

    (void)state;
    begin(&p);
    keep_both(&p);
    assert_int_equal(peers_put(&p, p.client, support_bytes("92 f7")), PYN_OK); /* the beginning of a ping */
    assert_false(recalls_find(&p));
    assert_int_equal(peers_put(&p, p.client, support_bytes("01 0a")), PYN_OK);
    assert_int_equal(peers_next(&p, p.client, &event), PYN_EWAIT);
    assert_true(recalls_find(&p));
    pyn_session_goodbye(p.client, 0, "");
    assert_false(recalls_find(&p)); /* it is over */
    peers_fini(&p);
}

static void who_writes_forgets_what_may_be_from_before(void **state)
{
    static const struct {
        const char *object;
        uint32_t count; /* of answers */
        bool is_told;
        bool is_kept;
        const char *why;
    } rows[] = {
        {SET_TITLE, 1, false, false, "an attribute of it"},
        {SET_OTHER, 1, false, true, "an attribute of another reference"},
        {BATCH_WRITES, 2, false, false, "a step among others"},
        {BATCH_READS, 2, false, true, "steps that only read"},
        {SAYS_SETATTR, 1, false, true, "the word as an argument"},
        {"93 f4 92 " SAYS_SETATTR " " GET_TITLE " 80", 2, false, true, "the word as an argument of a step"},
        {SAYS_NEARLY, 1, false, true, "what looks like the word"},
        {TELL_TITLE, 0, true, false, "one-way"},
        {TELL_FIND, 0, true, true, "a one-way call that does not write"},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        begin(&p);
        keep_both(&p);
        if (rows[i].is_told) {
            assert_int_equal(tell(&p, 0, rows[i].object), PYN_OK);
        } else {
            assert_int_equal(send_batch(&p, 0, rows[i].object, rows[i].count), PYN_OK);
        }
        if (recalls_find(&p) != rows[i].is_kept || recalls_title(&p) != rows[i].is_kept) {
            fail_msg("%s", rows[i].why);
        }
        for (uint32_t at = 0; at < rows[i].count; at++) {
            answer(&p, "92 ff c0 0a");
        }
        assert_int_equal(recalls_find(&p), rows[i].is_kept);
        peers_fini(&p);
    }
}

/* A value that is lent is not in the message when it is looked at: who writes it forgets all the same. */
static void who_writes_what_is_lent_forgets_as_well(void **state)
{
    static const struct {
        const char *own; /* up to its options, or its keyword arguments */
        const char *rest;
        bool is_told;
        bool is_kept;
    } rows[] = {
        {"94 00 ab 5f 5f 73 65 74 61 74 74 72 5f 5f 92 a5 74 69 74 6c 65", "80", false, false},
        {"94 07 ab 5f 5f 73 65 74 61 74 74 72 5f 5f 92 a5 74 69 74 6c 65", "80", false, true},
        {"96 f5 00 ab 5f 5f 73 65 74 61 74 74 72 5f 5f 92 a5 74 69 74 6c 65", "80 81 a6 6f 6e 65 77 61 79 c3", true,
         false},
        {"96 f5 00 a4 66 69 6e 64 92 ab 5f 5f 73 65 74 61 74 74 72 5f 5f", "80 81 a6 6f 6e 65 77 61 79 c3", true, true},
        {"94 00 a4 66 69 6e 64 91", "80", false, true},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        struct pyn_expect find;
        char hex[256];
        char owner = 0;
        begin(&p);
        keep_both(&p);
        find = asks(&p, PYN_OP_METHOD, "find"); /* of the last row alone: what is lent is no key */
        (void)snprintf(hex, sizeof hex, "%s %s", rows[i].own, rows[i].rest);
        struct pyn_loan loan = {.at = support_bytes(rows[i].own).len, .bytes = support_bytes("a1 78"), .owner = &owner};
        const struct pyn_parcel object = {support_bytes(hex), &loan, 1};
        if (rows[i].is_told) {
            assert_int_equal(pyn_session_tell(p.client, 0, &object), PYN_OK);
        } else {
            const struct pyn_expect any = {0};
            const struct pyn_expect *expect = i + 1 == SUPPORT_COUNT(rows) ? &find : &any;
            assert_int_equal(pyn_session_send_batch(p.client, 0, &object, expect, 1), PYN_OK);
        }
        pyn_session_written(p.client, pyn_session_output_len(p.client));
        assert_ptr_equal(pyn_session_reap_loan(p.client), &owner);
        assert_int_equal(recalls_title(&p), rows[i].is_kept);
        if (!rows[i].is_told) {
            answer(&p, "92 ff 09 0a");
        }
        assert_int_equal(recalls_find(&p), rows[i].is_kept); /* 7, as before */
        peers_fini(&p);
    }
}

/* What another lane asked for while the write was out may have been read before it. */
static void what_comes_while_a_write_is_out_is_forgotten_with_its_answer(void **state)
{
    static const char *const writes[] = {SET_TITLE, BATCH_WRITES};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(writes); i++) {
        struct peers p;
        struct pyn_expect find;
        begin(&p);
        find = asks(&p, PYN_OP_METHOD, "find");
        assert_int_equal(send_batch(&p, 2, writes[i], (uint32_t)i + 1), PYN_OK);
        send(&p, FIND_K, &find);
        answer(&p, "92 ff 07 0a");
        assert_true(recalls_find(&p));
        answer(&p, "92 fc 02 0a 92 ff c0 0a");
        assert_false(recalls_find(&p));
        if (i == 1) {
            answer(&p, "92 ff c0 0a");
        }
        peers_fini(&p);
    }
}

static void errors_and_what_does_not_fit_are_not_kept(void **state)
{
    static const char *const streams[] = {"92 fe 94 a1 45 a0 c0 c0 0a", "92 ff a1 78 0a"};

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(streams); i++) {
        static const struct pyn_type type = {.kind = PYN_T_INT};
        struct peers p;
        struct pyn_expect find;
        begin(&p);
        find = asks(&p, PYN_OP_METHOD, "find");
        find.result = &type;
        send(&p, FIND_K, &find);
        assert_true(pyn_session_is_caching(p.client));
        answer(&p, streams[i]);
        assert_false(recalls_find(&p));
        assert_false(pyn_session_is_caching(p.client));
        peers_fini(&p);
    }
}

static void a_connection_may_end_while_an_answer_is_asked_for(void **state)
{
    struct peers p;
    struct pyn_expect find;

    (void)state;
    begin(&p);
    find = asks(&p, PYN_OP_METHOD, "find");
    send(&p, FIND_K, &find);
    assert_true(peers_used(p.client, PYN_Q_CACHE) > 0);
    peers_fini(&p); /* nothing is owed */
}

/* ---- a server says that it is not true any more ---- */

static void a_stale_message_takes_what_it_names(void **state)
{
    static const struct {
        const char *message;
        bool has_find;
        bool has_title;
    } rows[] = {
        {STALE("c0"), false, false},
        {STALE("a4 66 69 6e 64"), false, true},
        {STALE("a5 74 69 74 6c 65"), true, false},
        {STALE("a3 66 69 6e"), true, true}, /* no more than a beginning */
        {"93 f2 09 c0 0a", true, true},     /* another reference */
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        begin(&p);
        keep_both(&p);
        assert_int_equal(peers_put(&p, p.client, support_bytes(rows[i].message)), PYN_OK);
        peers_expect_none(&p, p.client);
        assert_int_equal(recalls_find(&p), rows[i].has_find);
        assert_int_equal(recalls_title(&p), rows[i].has_title);
        peers_fini(&p);
    }
}

static void a_server_tells_who_holds_it_where_answers_are_kept(void **state)
{
    struct peers p;
    bool is_told = true;
    bool is_new = false;
    uint64_t id = 0;
    uint32_t number = 0;

    (void)state;
    begin(&p);
    keep_both(&p);
    assert_int_equal(pyn_session_stale(p.server, &p.objects[0], pyn_view_of("find"), &is_told), PYN_OK);
    assert_true(is_told);
    peers_pump(&p, p.server, p.client);
    peers_expect_none(&p, p.client);
    assert_false(recalls_find(&p));
    assert_true(recalls_title(&p));
    assert_int_equal(pyn_session_stale(p.server, &p.objects[0], (struct pyn_view){NULL, 0}, &is_told), PYN_OK);
    assert_true(is_told);
    peers_pump(&p, p.server, p.client);
    peers_expect_none(&p, p.client);
    assert_false(recalls_title(&p));
    /* Not what keeps nothing, what is not an operation of it, what the peer does not hold. */
    assert_int_equal(pyn_session_export(p.server, &p.objects[1], p.child, &id, &number, &is_new), PYN_OK);
    pyn_session_written(p.server, pyn_session_output(p.server).len);
    assert_int_equal(pyn_session_stale(p.server, &p.objects[1], (struct pyn_view){NULL, 0}, &is_told), PYN_OK);
    assert_false(is_told);
    assert_int_equal(pyn_session_stale(p.server, &p.objects[0], pyn_view_of("count"), &is_told), PYN_OK);
    assert_false(is_told);
    assert_int_equal(pyn_session_stale(p.server, &p.objects[2], (struct pyn_view){NULL, 0}, &is_told), PYN_OK);
    assert_false(is_told);
    assert_int_equal(pyn_session_output(p.server).len, 0);
    pyn_session_unexport(p.server, id);
    peers_fini(&p);
}

static void who_leaves_no_room_to_be_told_is_left(void **state)
{
    struct peers p;
    bool is_told = true;
    size_t told = 0;
    pyn_status st = PYN_OK;

    (void)state;
    begin(&p);
    p.quotas.max[PYN_Q_OUTPUT] = 4096;
    while ((st = pyn_session_stale(p.server, &p.objects[0], pyn_view_of("find"), &is_told)) == PYN_OK) {
        assert_true(is_told);
        assert_true(++told < 4096);
    }
    assert_int_equal(st, PYN_EFLOOD);
    assert_false(is_told);
    assert_true(told > 100);
    assert_int_equal(pyn_session_state(p.server), PYN_EFLOOD);
    assert_int_equal(pyn_session_stale(p.server, &p.objects[0], pyn_view_of("find"), &is_told), PYN_EFLOOD);
    assert_false(is_told);
    peers_fini(&p);
}

static void a_client_and_a_server_that_was_not_greeted_tell_nobody(void **state)
{
    struct peers p;
    bool is_told = true;

    (void)state;
    begin_with(&p, pyn_mem_default());
    assert_int_equal(peers_new_server(&p), PYN_OK);
    assert_int_equal(pyn_session_stale(p.server, &p.objects[0], pyn_view_of("find"), &is_told), PYN_OK);
    assert_false(is_told);
    peers_fini(&p);
}

/* ---- results ahead ---- */

#define ASK_NEXT(id) "96 f5 " id " a8 5f 5f 6e 65 78 74 5f 5f 90 80 81 a5 61 68 65 61 64 03" /* __next__, three ahead */

static const struct pyn_type an_int = {.kind = PYN_T_INT};
static const struct pyn_expect three = {.result = &an_int, .ahead = 3};

/* The client holds an iterator of ints; returns its id. The server holds it under iface. */
static uint64_t lend(struct peers *p, const char *iface)
{
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;

    assert_int_equal(pyn_session_export(p->server, &p->objects[1], peers_iface(p, iface), &id, &number, &is_new), PYN_OK);
    pyn_session_written(p->server, pyn_session_output(p->server).len);
    assert_int_equal(id, 1);
    return id;
}

static void results_go_ahead_of_the_answer(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;
    struct pyn_answer *came = NULL;

    (void)state;
    begin(&p);
    (void)lend(&p, "Iterator[int]");
    assert_int_equal(pyn_session_send_call(p.client, 0, support_bytes(ASK_NEXT("01")), &three), PYN_OK);
    peers_pump(&p, p.client, p.server);
    call = peers_expect_call(&p, p.server);
    assert_int_equal(call->ahead, 3);
    assert_int_equal(pyn_session_send_items(p.server, 0, &(struct pyn_run){0, {NULL, 0}}), PYN_EINTERNAL); /* none */
    assert_int_equal(pyn_session_send_items(p.server, 2, &(struct pyn_run){1, support_bytes("05")}), PYN_EINTERNAL);
    assert_int_equal(pyn_session_send_items(p.server, 0, &(struct pyn_run){2, support_bytes("05 06")}), PYN_OK);
    assert_int_equal(pyn_session_send_items(p.server, 0, &(struct pyn_run){1, support_bytes("07")}), PYN_OK);
    assert_int_equal(peers_return(p.server, call, "c0"), PYN_OK);
    assert_true(support_is_hex(pyn_session_output(p.server), "92 f3 92 05 06 0a 92 f3 91 07 0a 92 ff c0 0a"));
    assert_int_equal(pyn_session_send_items(p.server, 0, &(struct pyn_run){1, support_bytes("07")}), PYN_EINTERNAL);
    peers_pump(&p, p.server, p.client);
    came = peers_expect_answer(&p, p.client);
    assert_int_equal(came->status, PYN_OK);
    assert_int_equal(came->items.count, 3);
    assert_true(support_is_hex(came->items.rest, "05 06 07"));
    pyn_session_answer_free(p.client, came);
    pyn_session_goodbye(p.server, 0, "");
    assert_int_equal(pyn_session_send_items(p.server, 0, &(struct pyn_run){1, support_bytes("07")}), PYN_EGONE);
    peers_fini(&p);
}

/* What is asked for ahead is looked at by nobody if the peer lets it go: nothing of it may have effects, and it holds no references. */
static void only_iterators_of_data_are_read_ahead(void **state)
{
    static const struct {
        const char *iface;
        const char *call;
        bool is_admitted;
    } rows[] = {
        {"Iterator[int]", ASK_NEXT("01"), true},
        {"Iterator[m:Child]", ASK_NEXT("01"), false},
        {"m:Child", "96 f5 01 a4 6e 61 6d 65 90 80 81 a5 61 68 65 61 64 03", false},
        {"m:Root", "96 f5 01 a5 63 6f 75 6e 74 90 80 81 a5 61 68 65 61 64 03", false},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        struct peers p;
        begin(&p);
        (void)lend(&p, rows[i].iface);
        assert_int_equal(peers_put(&p, p.server, support_bytes(rows[i].call)), PYN_OK);
        assert_int_equal(peers_put(&p, p.server, support_bytes("0a")), PYN_OK);
        if (rows[i].is_admitted) {
            struct pyn_call *call = peers_expect_call(&p, p.server);
            assert_int_equal(peers_return(p.server, call, "c0"), PYN_OK);
        } else {
            peers_expect_none(&p, p.server);
            assert_true(pyn_session_output(p.server).len > 2);
            assert_int_equal(pyn_session_output(p.server).data[1], 0xfe); /* an error */
        }
        peers_fini(&p);
    }
}

static void results_that_nobody_reads_end_the_connection(void **state)
{
    struct peers p;
    struct pyn_call *call = NULL;
    pyn_status st = PYN_OK;
    size_t sent = 0;

    (void)state;
    begin(&p);
    (void)lend(&p, "Iterator[int]");
    assert_int_equal(peers_put(&p, p.server, support_bytes(ASK_NEXT("01") " 0a")), PYN_OK);
    call = peers_expect_call(&p, p.server);
    p.quotas.max[PYN_Q_OUTPUT] = 1024;
    while (st == PYN_OK) {
        st = pyn_session_send_items(p.server, 0, &(struct pyn_run){1, support_bytes("05")});
        assert_true(++sent < 1024);
    }
    assert_int_equal(st, PYN_EFLOOD);
    assert_int_equal(sent, 1024 / 5 + 1); /* of five bytes each */
    assert_int_equal(pyn_session_state(p.server), PYN_EFLOOD);
    pyn_session_call_free(p.server, call);
    peers_fini(&p);
}

/* What has come ahead and was not taken is bounded: beyond 64 KiB a peer does not go on. */
static void results_ahead_are_bounded_in_bytes(void **state)
{
    static const struct pyn_type text = {.kind = PYN_T_STR};
    static const struct pyn_expect many = {.result = &text, .ahead = 9};

    (void)state;
    for (size_t held = 65535; held <= 65537; held++) {
        static uint8_t letters[65537];
        struct peers p;
        struct pyn_event event;
        char head[32];
        begin(&p);
        memset(letters, 'x', sizeof letters);
        (void)lend(&p, "Iterator[int]");
        assert_int_equal(pyn_session_send_call(p.client, 0, support_bytes(ASK_NEXT("01")), &many), PYN_OK);
        const bool is_32 = held - 3 > UINT16_MAX;
        (void)snprintf(head, sizeof head, is_32 ? "92 f3 91 db %08zx" : "92 f3 91 da %04zx", held - (is_32 ? 5 : 3));
        assert_int_equal(peers_put(&p, p.client, support_bytes(head)), PYN_OK);
        assert_int_equal(peers_put(&p, p.client, (struct pyn_view){letters, held - (is_32 ? 5 : 3)}), PYN_OK);
        assert_int_equal(peers_put(&p, p.client, support_bytes("0a 92 f3 91 a1 79 0a")), PYN_OK);
        assert_int_equal(peers_next(&p, p.client, &event), held < 65536 ? PYN_EWAIT : PYN_EPROTOCOL);
        peers_fini(&p);
    }
}

/* ---- without memory ---- */

/* Every way to write a message. What has not gone out may be tried again, unless the connection is over. */
static pyn_status write_call_of_client(struct peers *p)
{
    return peers_call(p->client, 0, 0, "find", 1, "a1 6b");
}
static pyn_status write_tell(struct peers *p)
{
    return tell(p, 4, TELL_FIND);
}
static pyn_status write_ping(struct peers *p)
{
    return pyn_session_ping(p->client, 1);
}
static pyn_status write_cancel(struct peers *p)
{
    return pyn_session_cancel(p->client, 6);
}
static pyn_status write_look(struct peers *p)
{
    return pyn_session_look(p->client, pyn_session_described(p->client, pyn_view_of("m:Root")), pyn_view_of("m:Child"));
}
static pyn_status write_stale(struct peers *p)
{
    bool is_told = false;
    return pyn_session_stale(p->server, &p->objects[0], pyn_view_of("find"), &is_told);
}
static pyn_status write_items(struct peers *p)
{
    return pyn_session_send_items(p->server, 8, &(struct pyn_run){2, support_bytes("05 06")});
}
static pyn_status write_return(struct peers *p)
{
    return pyn_session_send_return(p->server, 8, support_bytes("c0"));
}
static pyn_status write_error(struct peers *p)
{
    return pyn_session_send_error(p->server, 8, pyn_view_of("E"), pyn_view_of("text"), (struct pyn_view){NULL, 0},
                                  (struct pyn_view){NULL, 0});
}
static pyn_status write_description(struct peers *p)
{
    uint64_t id = 0;
    uint32_t number = 0;
    bool is_new = false;
    pyn_status st = pyn_session_export(p->server, &p->objects[1], p->child, &id, &number, &is_new);

    if (st == PYN_OK) {
        pyn_session_unexport(p->server, id);
    }
    return st;
}
static pyn_status write_pong(struct peers *p)
{
    struct pyn_event event;
    pyn_status st = peers_put(p, p->server, support_bytes("92 f7 01 0a"));

    st = st == PYN_OK ? peers_next(p, p->server, &event) : st;
    return st == PYN_EWAIT ? PYN_OK : st;
}
static pyn_status write_refusal(struct peers *p)
{
    struct pyn_event event;
    pyn_status st = peers_put(p, p->server, support_bytes("92 fc 0a 0a 94 00 a1 78 90 80 0a"));

    st = st == PYN_OK ? peers_next(p, p->server, &event) : st;
    return st == PYN_EWAIT ? PYN_OK : st;
}
static pyn_status write_free(struct peers *p)
{
    struct pyn_import *entry = NULL;
    pyn_status st = pyn_session_import(p->client, 9, 0, p->child, &entry);

    if (st == PYN_OK) {
        pyn_session_release(p->client, entry);
        st = pyn_session_flush_frees(p->client);
    }
    return st;
}

/* So many bytes that are not read stand in the output: its block is full after the first, the second, ... byte of what comes next. */
static pyn_status fill(struct pyn_session *session, size_t room_left)
{
    struct pyn_buf *out = &session->out.buf;
    pyn_status st = PYN_OK;

    while (st == PYN_OK && (out->room == 0 || out->room - out->end != room_left)) {
        st = pyn_buf_append(out, "", 1);
    }
    return st == PYN_OK ? pyn_ledger_charge(&session->ledger, PYN_Q_OUTPUT, pyn_buf_len(out)) : st;
}

static void whatever_is_written_is_written_whole_or_not_at_all(void **state)
{
    static const struct {
        pyn_status (*write)(struct peers *p);
        bool is_client;
        bool may_go_on;
    } rows[] = {
        {write_call_of_client, true, true}, {write_tell, true, true},         {write_ping, true, true},
        {write_cancel, true, true},         {write_look, true, true},         {write_free, true, true},
        {write_stale, false, false},        {write_items, false, true},       {write_return, false, true},
        {write_error, false, true},         {write_description, false, true}, {write_pong, false, false},
        {write_refusal, false, false},
    };

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(rows); i++) {
        bool is_done = false;
        for (size_t left = 0; !is_done; left++) {
            struct support_mem m;
            struct peers p;
            struct pyn_session *session = NULL;
            struct pyn_call *call = NULL;
            size_t before = 0;
            pyn_status st = PYN_OK;
            assert_true(left < 600);
            support_mem_init(&m, 0);
            begin_with(&p, &m.mem);
            peers_meet(&p);
            assert_int_equal(peers_put(&p, p.server, support_bytes("92 fc 08 0a 94 00 a4 66 69 6e 64 91 a1 6b 80 0a")),
                             PYN_OK);
            call = peers_expect_call(&p, p.server);
            session = rows[i].is_client ? p.client : p.server;
            assert_int_equal(fill(session, left), PYN_OK);
            before = pyn_session_output(session).len;
            m.fail_bigger_than = session->out.buf.room;
            st = rows[i].write(&p);
            is_done = st == PYN_OK;
            m.fail_bigger_than = 0;
            if (!is_done) {
                assert_int_equal(st, PYN_ENOMEM);
                if (rows[i].may_go_on) {
                    assert_int_equal(pyn_session_state(session), PYN_OK);
                    assert_int_equal(pyn_session_output(session).len, before);
                    assert_int_equal(peers_used(session, PYN_Q_OUTPUT), before);
                    assert_int_equal(rows[i].write(&p), PYN_OK);
                    assert_true(pyn_session_output(session).len > before);
                }
            }
            pyn_session_call_free(p.server, call);
            peers_fini(&p);
            assert_int_equal(m.live, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_recalled_until_its_time_is_over),
        cmocka_unit_test(a_server_keeps_nothing),
        cmocka_unit_test(what_came_and_was_not_looked_at_forbids_to_recall),
        cmocka_unit_test(who_writes_forgets_what_may_be_from_before),
        cmocka_unit_test(who_writes_what_is_lent_forgets_as_well),
        cmocka_unit_test(what_comes_while_a_write_is_out_is_forgotten_with_its_answer),
        cmocka_unit_test(errors_and_what_does_not_fit_are_not_kept),
        cmocka_unit_test(a_connection_may_end_while_an_answer_is_asked_for),
        cmocka_unit_test(a_stale_message_takes_what_it_names),
        cmocka_unit_test(a_server_tells_who_holds_it_where_answers_are_kept),
        cmocka_unit_test(who_leaves_no_room_to_be_told_is_left),
        cmocka_unit_test(a_client_and_a_server_that_was_not_greeted_tell_nobody),
        cmocka_unit_test(results_go_ahead_of_the_answer),
        cmocka_unit_test(only_iterators_of_data_are_read_ahead),
        cmocka_unit_test(results_that_nobody_reads_end_the_connection),
        cmocka_unit_test(results_ahead_are_bounded_in_bytes),
        cmocka_unit_test(whatever_is_written_is_written_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
