/* call.c - a call out to the peer: packed, sent, waited for. */
#include "call.h"

#include "../runtime/clock.h"
#include "../wire/pack.h"
#include "deadline.h"
#include "interrupt.h"
#include "recall.h"

static _Thread_local struct pyn_frame *top_frame;

struct pyn_frame *pyn_frame_top(void)
{
    return top_frame;
}

void pyn_frame_push(struct pyn_frame *frame)
{
    frame->below = top_frame;
    top_frame = frame;
}

void pyn_frame_pop(void)
{
    top_frame = top_frame->below;
}

enum { LOOK_EVERY = 16, DROPPING_NS = 1000000 };

/* *until: 0: it begins now. */
static bool is_past(uint64_t *until)
{
    const uint64_t now = pyn_now();

    if (*until == 0) {
        *until = now + DROPPING_NS;
    }
    return now > *until;
}

/* Whoever holds much lets go of it in several turns. */
static void put_off(struct pyn_link *link)
{
    pyn_link_lock(link);
    if (pyn_session_has_dead(link->session)) {
        pyn_server_wants_sweep(link->server, link);
    }
    pyn_link_unlock(link);
}

/* They are bytes and texts, which run nothing when they go. */
void pyn_drop_loans(struct pyn_link *link)
{
    void *loan = NULL;

    if (!pyn_link_is_ours(link)) {
        return;
    }
    do {
        pyn_link_lock(link);
        loan = pyn_session_reap_loan(link->session);
        pyn_link_unlock(link);
        Py_XDECREF((PyObject *)loan);
    } while (loan != NULL);
}

void pyn_drop_dead(struct pyn_link *link)
{
    void *object = NULL;
    void *loan = NULL;
    uint64_t until = 0;
    uint32_t dropped = 0;

    if (!pyn_link_is_ours(link)) {
        return; /* they die in the parent */
    }
    if (!atomic_load_explicit(&link->has_dead, memory_order_relaxed)) {
        return;
    }
    do {
        if (link->server != NULL && dropped > 0 && dropped % LOOK_EVERY == 0 && is_past(&until)) {
            put_off(link);
            return;
        }
        dropped++;
        pyn_link_lock(link);
        loan = pyn_session_reap_loan(link->session);
        object = pyn_session_reap(link->session);
        pyn_link_unlock(link);
        Py_XDECREF((PyObject *)loan);
        if (object != NULL && (link->server == NULL || !pyn_party_is_root(link->host, object))) {
            Py_DECREF((PyObject *)object); /* runs finalizers: no lock is held */
        }
    } while (object != NULL || loan != NULL);
}

/* ---- packing ---- */

static pyn_status pack_head(struct pyn_buf *buf, uint64_t id, bool is_ask)
{
    pyn_status st = pyn_pack_array(buf, is_ask ? 6 : 4);

    if (st == PYN_OK && is_ask) {
        st = pyn_pack_int(buf, PYN_M_ASK);
    }
    return st == PYN_OK ? pyn_pack_uint(buf, id) : st;
}

/* A plain call, or with a deadline an ask. */
int pyn_pack_call(struct pyn_encoder *encoder, PyObject *netref, const struct pyn_op *op, PyObject *const *args,
                  Py_ssize_t nargs, PyObject *kwnames, uint64_t until, const struct pyn_type **expect)
{
    struct pyn_buf *buf = &encoder->buf;
    pyn_status st = pack_head(buf, pyn_netref_id(netref), until != 0);

    if (pyn_packed(encoder, st) != 0 || pyn_pack_operation(encoder, op, args, nargs, kwnames, expect) != 0) {
        return -1;
    }
    if (until != 0) {
        st = pyn_pack_map(buf, 1);
        if (st == PYN_OK) {
            st = pyn_deadline_pack(buf, until);
        }
    }
    return pyn_packed(encoder, st);
}

/* ---- waiting ---- */

/* How long this thread waits for an answer; 0: for ever. */
struct patience {
    uint64_t until; /* the deadline of its context: then it alone gives up */
    uint64_t most;  /* a callback has its quota, the root that of the hello: then the connection ends */
};

static uint64_t longest(struct pyn_link *link)
{
    bool is_ready = false;

    if (link->server != NULL) {
        return link->quotas->callback_ns;
    }
    pyn_link_lock(link);
    is_ready = pyn_session_is_ready(link->session);
    pyn_link_unlock(link);
    return is_ready ? 0 : link->quotas->hello_ns;
}

static struct patience patience_of(struct pyn_link *link, uint64_t until)
{
    uint64_t most = longest(link);

    return (struct patience){until, most != 0 ? pyn_now() + most : 0};
}

/* Of a call, on a link that is ready: somebody holds a netref of it. */
static struct patience patience_of_call(const struct pyn_link *link, uint64_t until)
{
    return (struct patience){until, link->server != NULL ? pyn_now() + link->quotas->callback_ns : 0};
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a != 0 && (b == 0 || a < b) ? a : b;
}

static void timed_out(struct pyn_link *link)
{
    const char *reason = link->server != NULL ? "a callback was not answered in time" : "no hello in time";

    pyn_link_lock(link);
    if (link->over == PYN_OK) {
        pyn_session_goodbye(link->session, (uint32_t)PYN_EPROTOCOL, reason);
        pyn_link_end(link, PYN_EPROTOCOL, reason);
    }
    pyn_link_unlock(link);
}

/* The answer may come at any time: somebody has to be there to take it. */
static void leave(struct pyn_link *link, struct pyn_waiter *waiter)
{
    PyObject *type = NULL;
    PyObject *error = NULL;
    PyObject *traceback = NULL;

    PyErr_Fetch(&type, &error, &traceback);
    pyn_link_leave(link, waiter);
    if (pyn_link_need_background(link) != 0) {
        PyErr_Clear(); /* then the next call takes it */
    }
    PyErr_Restore(type, error, traceback);
}

/* Whose call this thread runs, and so whose thread it is. */
static struct pyn_link *runner(void)
{
    return top_frame != NULL ? top_frame->link : NULL;
}

/* Nothing came, or a signal did. True: it is given up, with an exception. */
static bool gives_up(struct pyn_link *link, struct pyn_waiter *waiter, struct pyn_server *server,
                     const struct patience *patience)
{
    uint64_t now = pyn_now();

    if (patience->until != 0 && now >= patience->until) {
        (void)pyn_raise_deadline_text("waiting", "deadline: no answer in time");
    } else if (server != NULL && pyn_interrupt_check(runner()) != 0) {
        /* this call is to end, and says why */
    } else if (patience->most != 0 && now >= patience->most) {
        timed_out(link);
    }
    if (!PyErr_Occurred() && PyErr_CheckSignals() == 0) {
        return false;
    }
    leave(link, waiter);
    return true;
}

static void give_turn(struct pyn_server *server, struct pyn_link *link, bool away)
{
    if (server == NULL) {
        return;
    }
    if (away) {
        pyn_interrupt_pause();
        pyn_server_suspend_again(server, link);
    } else {
        Py_BEGIN_ALLOW_THREADS
        pyn_server_resume(server, link);
        Py_END_ALLOW_THREADS
        pyn_watch_resume();
    }
}

/* One thing that came while we waited. False: there is more to wait for; true: the answer, or none with an exception. */
static bool is_done_waiting(struct pyn_link *link, struct pyn_waiter *waiter, struct pyn_server *server,
                            const struct patience *patience, const struct pyn_came *came)
{
    PyObject *interrupt = NULL;

    if (came->answer != NULL) {
        return true;
    }
    if (came->call != NULL) {
        give_turn(server, runner(), false);
        interrupt = pyn_run_call(link, came->call, server);
        give_turn(server, runner(), true);
        if (interrupt == NULL) {
            return false;
        }
        leave(link, waiter);
        PyErr_SetObject((PyObject *)Py_TYPE(interrupt), interrupt);
        Py_DECREF(interrupt);
        return true;
    }
    if (came->st == PYN_EWAIT) {
        return gives_up(link, waiter, server, patience);
    }
    (void)pyn_raise(came->st, link->reason);
    return true;
}

/* The answer, or NULL with an exception. came: what has come already. The turn is away on entry and exit. */
static struct pyn_answer *wait_on(struct pyn_link *link, struct pyn_waiter *waiter, struct pyn_server *server,
                                  const struct patience *patience, struct pyn_came *came)
{
    while (!is_done_waiting(link, waiter, server, patience, came)) {
        Py_BEGIN_ALLOW_THREADS
        came->st = pyn_link_wait(link, waiter, earlier(patience->until, patience->most), &came->call, &came->answer);
        Py_END_ALLOW_THREADS
    }
    return came->answer;
}

/* The same, and nothing has come. */
static struct pyn_answer *wait_for_answer(struct pyn_link *link, struct pyn_waiter *waiter, struct pyn_server *server,
                                          uint64_t until)
{
    const struct patience patience = patience_of(link, until);
    struct pyn_came came = {.st = PYN_EINTERNAL};

    Py_BEGIN_ALLOW_THREADS
    came.st = pyn_link_wait(link, waiter, earlier(patience.until, patience.most), &came.call, &came.answer);
    Py_END_ALLOW_THREADS
    return wait_on(link, waiter, server, &patience, &came);
}

static PyObject *value_of(struct pyn_link *link, const struct pyn_answer *answer, const struct pyn_type *type,
                          struct pyn_book *book)
{
    struct pyn_decoder decoder = {.link = link,
                                  .party = link->host,
                                  .book = book,
                                  .reader = pyn_reader_of(answer->value),
                                  .is_paged = answer->is_paged,
                                  .is_narrow = answer->is_narrow};
    PyObject *value = NULL;

    if (answer->status != PYN_OK) {
        PyErr_SetString(pyn_core.refused, "the peer's answer does not fit the declared type");
        return NULL;
    }
    value = pyn_decode(&decoder, type);
    if (value == NULL) {
        pyn_decoder_give_up(&decoder);
    }
    return value;
}

/* What came ahead of the answer, out of the session's memory. -1 with an exception. */
static int take_items(const struct pyn_answer *answer, struct pyn_read *read)
{
    struct pyn_view bytes = answer->items.rest;

    if (answer->items.count > 0 && answer->status == PYN_OK) {
        read->items = PyBytes_FromStringAndSize((const char *)bytes.data, (Py_ssize_t)bytes.len);
        read->count = answer->items.count;
    }
    return read->items != NULL || answer->items.count == 0 || answer->status != PYN_OK ? 0 : -1;
}

/* read: of a call that asks for several results, or NULL. */
static PyObject *finish(struct pyn_link *link, struct pyn_answer *answer, const struct pyn_type *type,
                        const struct pyn_op *op, struct pyn_book *book, struct pyn_read *read)
{
    PyObject *value = NULL;

    if (read == NULL || take_items(answer, read) == 0) {
        value = answer->is_error ? pyn_raise_answer(answer, link, op, book) : value_of(link, answer, type, book);
    }
    pyn_link_lock(link);
    pyn_link_drop_answer(link, answer);
    pyn_link_unlock(link);
    return value;
}

PyObject *pyn_finish_answer(struct pyn_link *link, struct pyn_answer *answer, const struct pyn_type *type,
                            const struct pyn_op *op, struct pyn_book *book)
{
    return finish(link, answer, type, op, book, NULL);
}

PyObject *pyn_wait_for_value(struct pyn_link *link, struct pyn_waiter *waiter, const struct pyn_type *type,
                             const struct pyn_op *op, struct pyn_book *book)
{
    struct pyn_server *server = top_frame != NULL ? top_frame->server : NULL;
    struct pyn_answer *answer = wait_for_answer(link, waiter, server, pyn_deadline_get());

    return answer != NULL ? finish(link, answer, type, op, book, NULL) : NULL;
}

/* The lane of the call that this thread is serving for this peer, if there is one in which that waits. */
static const uint64_t *own_lane(const struct pyn_link *link)
{
    const struct pyn_frame *frame = top_frame;

    while (frame != NULL && frame->link != link) {
        frame = frame->below;
    }
    return frame != NULL && !frame->is_oneway ? &frame->lane : NULL;
}

static const struct pyn_type none_type = {.kind = PYN_T_NONE};

/* The call that this thread runs is going to wait: the turn is given away. -1 with an exception: it is not, nor may it wait. */
static int take_leave(struct pyn_server *server)
{
    if (pyn_interrupt_check(runner()) != 0) {
        return -1;
    }
    pyn_interrupt_pause();
    if (pyn_server_suspend(server, runner())) {
        return 0;
    }
    pyn_watch_resume();
    (void)pyn_raise(PYN_EQUOTA, "threads: too many calls wait for their peers");
    return -1;
}

/* A call of ours that is being made. */
struct asking {
    struct pyn_link *link;
    const struct pyn_parcel *message;
    const struct pyn_expect *wanted;
    uint64_t until;
    struct patience patience;
    struct pyn_server *server; /* whose call this thread runs, or NULL */
    bool was_sent;
    bool is_away; /* the turn was given away, and is to be taken again */
};

static void could_not_send(const struct asking *asking, pyn_status st)
{
    (void)pyn_raise(st, st == PYN_EQUOTA ? "output: the peer does not read" : asking->link->reason);
}

/* The answer, or NULL with an exception. Where the turn is given away, that is done first. */
static struct pyn_answer *ask(struct asking *asking)
{
    struct pyn_waiter waiter;
    struct pyn_came came;
    pyn_status st = PYN_EINTERNAL;

    if (asking->server != NULL && take_leave(asking->server) != 0) {
        return NULL;
    }
    asking->is_away = asking->server != NULL;
    Py_BEGIN_ALLOW_THREADS
    st = pyn_link_ask(asking->link, &waiter, own_lane(asking->link), asking->message, asking->wanted, asking->until,
                      earlier(asking->patience.until, asking->patience.most), &came);
    Py_END_ALLOW_THREADS
    asking->was_sent = st == PYN_OK;
    if (st != PYN_OK) {
        could_not_send(asking, st);
        return NULL;
    }
    return wait_on(asking->link, &waiter, asking->server, &asking->patience, &came);
}

/* The same inside of a call that a server runs, of a client of its own: that may answer within a moment, and then the turn was not given away. */
static struct pyn_answer *ask_in_turn(struct asking *asking)
{
    struct pyn_waiter waiter;
    struct pyn_came came = {.st = PYN_EINTERNAL};
    bool is_soon = false;
    pyn_status st = PYN_EINTERNAL;

    if (pyn_interrupt_check(runner()) != 0) {
        return NULL;
    }
    if (!pyn_server_reserve(asking->server, runner())) {
        (void)pyn_raise(PYN_EQUOTA, "threads: too many calls wait for their peers");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    st = pyn_link_call(asking->link, &waiter, own_lane(asking->link), asking->message, asking->wanted, 1, asking->until);
    is_soon = st == PYN_OK && pyn_link_expect_soon(asking->link, &waiter, &came);
    Py_END_ALLOW_THREADS
    asking->was_sent = st == PYN_OK;
    if (is_soon || st != PYN_OK) {
        pyn_server_unreserve(asking->server, runner());
    }
    if (st != PYN_OK) {
        could_not_send(asking, st);
        return NULL;
    }
    if (is_soon) {
        return came.answer;
    }
    pyn_interrupt_pause();
    pyn_server_leave_turn(asking->server);
    asking->is_away = true;
    return wait_for_answer(asking->link, &waiter, asking->server, asking->until);
}

static PyObject *exchange(struct pyn_encoder *encoder, const struct pyn_type *expect, const struct pyn_op *op,
                          struct pyn_read *read, uint64_t until, bool *was_sent)
{
    struct pyn_server *server = top_frame != NULL ? top_frame->server : NULL;
    struct pyn_link *link = encoder->link;
    const bool may_keep = op->ttl_ns != 0 && read == NULL && link->server == NULL;
    const struct pyn_expect wanted = {.result = expect,
                                      .end = pyn_op_end(op),
                                      .ahead = read != NULL ? read->ahead : 0,
                                      .op = may_keep ? op : NULL,
                                      .sent_at = may_keep ? pyn_now() : 0};
    const struct pyn_parcel object = pyn_encoder_parcel(encoder);
    struct asking asking = {.link = link,
                            .message = &object,
                            .wanted = &wanted,
                            .until = until,
                            .patience = patience_of_call(link, until),
                            .server = server};
    struct pyn_answer *answer = server != NULL && link->server == server ? ask_in_turn(&asking) : ask(&asking);
    PyObject *value = NULL;

    *was_sent = asking.was_sent;
    if (answer != NULL) {
        value = finish(link, answer, read != NULL ? &none_type : expect, op, encoder->book, read);
    }
    if (asking.is_away) {
        give_turn(server, runner(), false);
    }
    return value;
}

PyObject *pyn_answer_value(struct pyn_link *link, struct pyn_answer *answer, const struct pyn_type *type,
                           const struct pyn_op *op, struct pyn_book *book)
{
    return finish(link, answer, type, op, book, NULL);
}

static int take_all(struct pyn_link *link, struct pyn_waiter *waiter, struct pyn_server *server, uint32_t count,
                    uint64_t until, const struct pyn_taker *taker)
{
    struct pyn_answer *answers = NULL; /* that have come and are not taken yet */

    for (uint32_t i = 0; i < count; i++) {
        struct pyn_answer *answer = answers;
        if (answer != NULL) {
            answers = answer->next;
        } else {
            answer = wait_for_answer(link, waiter, server, until);
            answers = answer != NULL && i + 1 < count ? pyn_link_take_answers(link, waiter) : NULL;
        }
        if (answer == NULL) {
            return -1;
        }
        taker->take(taker->ctx, i, answer);
    }
    return 0;
}

int pyn_call_all(struct pyn_link *link, struct pyn_view message, const struct pyn_expect *expects, uint32_t count,
                 uint64_t until, const struct pyn_taker *taker, bool *was_sent)
{
    struct pyn_server *server = top_frame != NULL ? top_frame->server : NULL;
    const struct pyn_parcel object = pyn_parcel_of(message);
    struct pyn_waiter waiter;
    pyn_status st = PYN_EINTERNAL;
    int result = -1;

    *was_sent = false;
    if (server != NULL && !pyn_server_suspend(server, runner())) {
        (void)pyn_raise(PYN_EQUOTA, "threads: too many calls wait for their peers");
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS
    st = pyn_link_call(link, &waiter, own_lane(link), &object, expects, count, until);
    Py_END_ALLOW_THREADS
    *was_sent = st == PYN_OK;
    if (st == PYN_OK) {
        result = take_all(link, &waiter, server, count, until, taker);
    } else {
        (void)pyn_raise(st, st == PYN_EQUOTA ? "output: the peer does not read" : link->reason);
    }
    if (server != NULL) {
        Py_BEGIN_ALLOW_THREADS
        pyn_server_resume(server, runner());
        Py_END_ALLOW_THREADS
    }
    return result;
}

PyObject *pyn_call_peer(PyObject *netref, const struct pyn_op *op, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames, bool *was_sent)
{
    struct pyn_link *link = pyn_netref_link(netref);
    struct pyn_encoder encoder;
    const struct pyn_type *expect = NULL;
    PyObject *value = NULL;
    uint64_t until = 0;

    *was_sent = false;
    if (pyn_netref_check(netref) != 0 || pyn_deadline_check(&until) != 0) {
        return NULL;
    }
    pyn_encoder_init(&encoder, link, pyn_netref_book(netref), 0);
    encoder.may_lend = op->ttl_ns == 0; /* else what it asks is remembered with the answer, byte by byte */
    if (pyn_pack_call(&encoder, netref, op, args, nargs, kwnames, until, &expect) == 0) {
        value = op->ttl_ns != 0 ? pyn_recall(&encoder, op, expect) : NULL;
        if (value == NULL && !PyErr_Occurred()) {
            value = exchange(&encoder, expect, op, NULL, until, was_sent);
        }
    }
    pyn_encoder_fini(&encoder, *was_sent);
    pyn_drop_dead(link);
    return value;
}

/* [-11, reference, name, [], {}, {"ahead": n}], and what is left of the deadline */
static pyn_status pack_ask(struct pyn_buf *buf, uint64_t id, struct pyn_view name, uint32_t ahead, uint64_t until)
{
    pyn_status st = pack_head(buf, id, true);

    if (st == PYN_OK) {
        st = pyn_pack_str(buf, name.data, name.len);
    }
    if (st == PYN_OK) {
        st = pyn_pack_array(buf, 0);
    }
    if (st == PYN_OK) {
        st = pyn_pack_map(buf, 0);
    }
    if (st == PYN_OK) {
        st = pyn_pack_map(buf, until != 0 ? 2 : 1);
    }
    if (st == PYN_OK) {
        st = pyn_pack_str(buf, "ahead", 5);
    }
    if (st == PYN_OK) {
        st = pyn_pack_uint(buf, ahead);
    }
    return st == PYN_OK && until != 0 ? pyn_deadline_pack(buf, until) : st;
}

PyObject *pyn_ask_peer(PyObject *netref, const struct pyn_op *op, struct pyn_read *read)
{
    struct pyn_encoder encoder;
    PyObject *value = NULL;
    bool was_sent = false;
    uint64_t until = 0;

    if (pyn_deadline_check(&until) != 0) {
        return NULL;
    }
    pyn_encoder_init(&encoder, pyn_netref_link(netref), pyn_netref_book(netref), 0);
    if (pyn_packed(&encoder, pack_ask(&encoder.buf, pyn_netref_id(netref), op->name, read->ahead, until)) == 0) {
        value = exchange(&encoder, op->signatures[0].result, op, read, until, &was_sent);
    }
    pyn_encoder_fini(&encoder, was_sent);
    pyn_drop_dead(pyn_netref_link(netref));
    return value;
}
