/* wait.c - the threads that have sent a call: sending, waiting, reading for each other, answering what comes meanwhile. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../transport/transport.h"
#include "clock.h"
#include "link.h"
#include "server.h"

enum {
    READ_AT_ONCE = 64 * 1024,
    ANSWERS_AT_ONCE = 16 * 1024,
    LOOKS = 4, /* reads ahead of an answer that is kept: a peer that never stops sending holds nobody up */
};

static const uint64_t SECOND = UINT64_C(1000000000);
static const uint64_t MILLISECOND = UINT64_C(1000000);
static const uint64_t SLICE = UINT64_C(100000000); /* how long a thread sleeps before it looks for signals */

static struct timespec timespec_of(uint64_t at)
{
    return (struct timespec){.tv_sec = (time_t)(at / SECOND), .tv_nsec = (long)(at % SECOND)};
}

static int poll_ms(uint64_t deadline)
{
    uint64_t now = 0;

    if (deadline == 0) {
        return -1;
    }
    now = pyn_now();
    if (now >= deadline) {
        return 0;
    }
    deadline = (deadline - now) / MILLISECOND + 1;
    return deadline > 60000 ? 60000 : (int)deadline;
}

/* 0: never. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a != 0 && (b == 0 || a < b) ? a : b;
}

/* The same, and no longer than this many. */
static int earlier_ms(uint64_t deadline, int most)
{
    int ms = poll_ms(deadline);

    return ms < 0 || ms > most ? most : ms;
}

/* ---- waiters ---- */

static void enter(struct pyn_link *link, struct pyn_waiter *waiter, uint64_t lane, uint32_t due)
{
    *waiter = (struct pyn_waiter){.lane = lane, .due = due, .next = link->waiters};
    link->waiters = waiter;
}

static int fall_asleep(struct pyn_link *link, struct pyn_waiter *waiter, const struct timespec *until)
{
    pthread_condattr_t attributes;
    int error = 0;

    if (!waiter->has_wake) {
        waiter->has_wake = true;
        (void)pthread_condattr_init(&attributes);
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&waiter->wake, &attributes);
        (void)pthread_condattr_destroy(&attributes);
    }
    waiter->is_asleep = true;
    error = pthread_cond_timedwait(&waiter->wake, &link->lock, until);
    waiter->is_asleep = false;
    return error;
}

static void remove_waiter(struct pyn_link *link, struct pyn_waiter *waiter)
{
    struct pyn_waiter **at = &link->waiters;

    while (*at != waiter) {
        at = &(*at)->next;
    }
    *at = waiter->next;
    if (waiter->has_wake) {
        (void)pthread_cond_destroy(&waiter->wake);
    }
}

/* This thread reads no longer: one that sleeps has to, if there is any. */
static void hand_over(struct pyn_link *link)
{
    struct pyn_waiter *waiter = link->waiters;

    if (link->server != NULL || link->is_reading) {
        return;
    }
    while (waiter != NULL && !waiter->is_asleep) {
        waiter = waiter->next;
    }
    if (waiter != NULL) {
        (void)pthread_cond_signal(&waiter->wake);
    }
}

static void drop_calls(struct pyn_link *link, struct pyn_waiter *waiter)
{
    while (waiter->calls != NULL) {
        struct pyn_call *call = waiter->calls;
        waiter->calls = call->next;
        pyn_link_drop_call(link, call);
    }
}

static struct pyn_answer *take_answer(struct pyn_waiter *waiter)
{
    struct pyn_answer *answer = waiter->answers;

    waiter->answers = answer->next;
    return answer;
}

static pyn_status leave_over(struct pyn_link *link, struct pyn_waiter *waiter)
{
    drop_calls(link, waiter);
    while (waiter->answers != NULL) {
        pyn_link_drop_answer(link, take_answer(waiter));
    }
    remove_waiter(link, waiter);
    return link->over;
}

/* ---- reading ---- */

/* An answer may come within a moment: it is looked for before this thread goes to sleep. 0: nothing came. */
static ssize_t dwell(struct pyn_link *link, uint8_t *scratch, uint64_t deadline)
{
    ssize_t n = 0;

    if ((deadline != 0 && deadline < pyn_now() + PYN_DWELL_NS) || !pyn_dwell_may(&link->dwell)) {
        return 0;
    }
    do {
        n = recv(link->in, scratch, READ_AT_ONCE, MSG_DONTWAIT);
    } while (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && pyn_dwell_yield(&link->dwell));
    pyn_dwell_note(&link->dwell, n > 0);
    return n > 0 ? n : 0;
}

/* A thread that sleeps in recv() looks for signals now and then: one that comes just ahead of it does not interrupt it. */
static void ready_to_sleep(struct pyn_link *link)
{
    const struct timeval slice = {.tv_usec = 100000};

    if (!link->may_sleep) {
        (void)pyn_set_blocking(link->in, true);
        (void)setsockopt(link->in, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice);
        link->may_sleep = true;
    }
}

/* scratch: NULL to wait alone, and then the result is 1. */
static ssize_t read_some(struct pyn_link *link, uint8_t *scratch, uint64_t deadline, bool is_caching)
{
    struct pollfd fd = {.fd = link->in, .events = POLLIN};

    if (link->is_socket && scratch != NULL && !is_caching) {
        ssize_t n = dwell(link, scratch, deadline);
        if (n > 0) {
            return n;
        }
    }

    if (!link->is_socket || deadline != 0 || is_caching || scratch == NULL) {
        int ready = poll(&fd, 1, poll_ms(deadline));
        if (ready <= 0) {
            errno = ready == 0 ? EAGAIN : errno;
            return -1;
        }
    } else {
        ready_to_sleep(link);
    }
    if (scratch == NULL) {
        return 1;
    }
    atomic_store(&link->is_taking, true); /* ahead of it: who finds the socket empty, finds this */
    return link->is_socket ? recv(link->in, scratch, READ_AT_ONCE, 0) : read(link->in, scratch, READ_AT_ONCE);
}

/* One read for everybody. PYN_EWAIT: a signal or the deadline. The lock is held on entry and exit, not meanwhile. */
static pyn_status read_once(struct pyn_link *link, uint64_t deadline)
{
    uint8_t scratch[READ_AT_ONCE];
    bool is_caching = pyn_session_is_caching(link->session);
    bool is_large = pyn_link_is_large(link);
    ssize_t n = 0;
    int error = 0;

    link->is_reading = true;
    pyn_link_unlock(link);
    n = read_some(link, is_large ? NULL : scratch, deadline, is_caching);
    error = errno;
    pyn_link_lock(link);
    if (is_large && n > 0 && link->over == PYN_OK) {
        n = pyn_link_read_large(link);
        error = errno;
    }
    link->is_reading = false;
    atomic_store(&link->is_taking, false); /* nobody looks before the lock is given back */
    if (link->is_dropped) {
        pyn_link_close(link);
    }
    if (n > 0) {
        if (!is_large) {
            pyn_link_feed(link, scratch, (size_t)n);
        }
        if (link->over == PYN_OK && pyn_link_has_output(link)) {
            pyn_link_flush(link);
        }
        return PYN_OK;
    }
    if (n < 0 && (error == EINTR || error == EAGAIN || error == EWOULDBLOCK)) {
        return PYN_EWAIT;
    }
    pyn_link_end(link, PYN_EGONE, n == 0 ? pyn_link_cut_reason(link) : "the peer is gone");
    return PYN_OK;
}

/* A thread that writes has more to write: what goes ahead of parts, what is in them of this lane (NULL: of none), and everything if no other thread is at it. */
static bool has_to_write(const struct pyn_link *link, const uint64_t *lane)
{
    return pyn_link_has_output(link) && (link->writers == 1 || pyn_session_is_sending(link->session, lane));
}

/* Output that the socket did not take at once: waits until it does, and reads meanwhile if nobody else does. What is left when the time is over goes
 * with what is written next. */
static void push_output(struct pyn_link *link, const uint64_t *lane, uint64_t until)
{
    pyn_link_flush(link);
    link->writers++;
    while (link->over == PYN_OK && has_to_write(link, lane) && (until == 0 || pyn_now() < until)) {
        struct pollfd fds[2] = {{.fd = link->out, .events = POLLOUT}, {.fd = link->in, .events = POLLIN}};
        bool may_read = !link->is_reading;
        int ready = 0;

        link->is_reading = true; /* ours, or another thread's already */
        pyn_link_unlock(link);
        ready = poll(fds, may_read ? 2 : 1, earlier_ms(until, 1000));
        pyn_link_lock(link);
        if (may_read) {
            link->is_reading = false;
            if (ready > 0 && fds[1].revents != 0) {
                (void)read_once(link, pyn_now() + 1);
            }
            hand_over(link);
        }
        pyn_link_flush(link);
        if (pyn_now() - link->moved_at > link->quotas->stall_ns) {
            pyn_link_end(link, PYN_EFLOOD, "the peer does not read");
        }
    }
    link->writers--;
    if (link->writers == 0 && link->over == PYN_OK && pyn_link_has_output(link)) {
        pyn_link_poke(link); /* others may have relied on this thread */
    }
}

/*
 * What was sent goes out, and what it lets in comes in: a lane that waits, or output that has gone, may free messages that were held back.
 * A server's link never waits for its socket, and no link of an event loop's does: the loop goes on writing when it can.
 */
static void write_out(struct pyn_link *link, const uint64_t *lane, uint64_t until)
{
    pyn_link_dispatch(link);
    if (link->server != NULL || link->box != NULL) {
        pyn_link_flush(link);
        if (link->is_paused) { /* for want of room for output, perhaps: no event tells that there is some again */
            pyn_link_dispatch(link);
        }
        if (link->server == NULL && link->over == PYN_OK && pyn_link_has_output(link)) {
            pyn_inbox_news(link); /* whoever this is: the loop writes the rest */
        }
        return;
    }
    push_output(link, lane, until);
    if (link->is_paused || !pyn_session_is_quiet(link->session)) {
        pyn_link_dispatch(link);
        pyn_link_flush(link);
    }
}

/* ---- calling ---- */

/* With the lock held. */
static pyn_status call(struct pyn_link *link, struct pyn_waiter *waiter, const uint64_t *lane,
                       const struct pyn_parcel *object, const struct pyn_expect *expects, uint32_t count, uint64_t until)
{
    pyn_status st = link->over;
    uint64_t number = 0;

    if (st == PYN_OK) {
        number = lane != NULL && pyn_session_may_call(link->session, *lane) ? *lane : pyn_session_lane(link->session);
        st = pyn_session_send_batch(link->session, number, object, expects, count);
    }
    if (st == PYN_OK) {
        atomic_fetch_add(&link->calls, count);
        enter(link, waiter, number, count);
        write_out(link, &number, until);
    }
    return st;
}

pyn_status pyn_link_call(struct pyn_link *link, struct pyn_waiter *waiter, const uint64_t *lane,
                         const struct pyn_parcel *object, const struct pyn_expect *expects, uint32_t count,
                         uint64_t until)
{
    pyn_status st = PYN_EINTERNAL;

    pyn_link_lock(link);
    st = call(link, waiter, lane, object, expects, count, until);
    pyn_link_unlock(link);
    return st;
}

pyn_status pyn_link_tell(struct pyn_link *link, const struct pyn_parcel *object, uint64_t until)
{
    pyn_status st = PYN_EINTERNAL;

    pyn_link_lock(link);
    st = link->over;
    if (st == PYN_OK) {
        if (!link->tells) {
            link->tells = true;
            link->tell_lane = pyn_session_lane(link->session);
        }
        st = pyn_session_tell(link->session, link->tell_lane, object);
    }
    if (st == PYN_OK) {
        atomic_fetch_add(&link->calls, 1);
        write_out(link, &link->tell_lane, until);
    }
    pyn_link_unlock(link);
    return st;
}

pyn_status pyn_link_open(struct pyn_link *link, uint64_t deadline)
{
    pyn_status st = PYN_OK;

    pyn_link_lock(link);
    while (st == PYN_OK && link->over == PYN_OK && !pyn_link_is_open(link)) {
        push_output(link, NULL, deadline);
        if (link->over == PYN_OK) {
            st = read_once(link, deadline);
        }
        if (deadline != 0 && pyn_now() >= deadline) {
            pyn_link_end_unopened(link);
            st = PYN_OK;
        }
    }
    pyn_link_unlock(link);
    return st;
}

static bool is_readable(const struct pyn_link *link)
{
    struct pollfd fd = {.fd = link->in, .events = POLLIN};

    return poll(&fd, 1, 0) != 0;
}

/*
 * The session has seen everything that has come: what lies in the socket is read first, unless another thread is at it. In this order: bytes that have left
 * the socket are that thread's by then.
 */
static bool is_current(struct pyn_link *link)
{
    for (int i = 0; i < LOOKS && link->over == PYN_OK && !link->is_reading && is_readable(link); i++) {
        (void)read_once(link, pyn_now() + 1);
        hand_over(link);
    }
    return link->over == PYN_OK && !is_readable(link) && !atomic_load(&link->is_taking);
}

bool pyn_link_recall(struct pyn_link *link, const struct pyn_op *op, struct pyn_view object, uint8_t **copy, size_t *len)
{
    struct pyn_view value = {NULL, 0};
    bool is_there = false;

    *copy = NULL;
    *len = 0;
    pyn_link_lock(link);
    if (is_current(link) && pyn_session_recall(link->session, op, object, pyn_now(), &value)) {
        *copy = malloc(value.len);
        is_there = *copy != NULL;
    }
    if (is_there) {
        memcpy(*copy, value.data, value.len);
        *len = value.len;
        atomic_fetch_add(&link->calls, 1); /* who reads ahead sees that something else was looked at */
    }
    pyn_link_unlock(link);
    return is_there;
}

void pyn_link_await_root(struct pyn_link *link, struct pyn_waiter *waiter, uint64_t until)
{
    pyn_link_lock(link);
    enter(link, waiter, 0, 1);
    push_output(link, NULL, until);
    pyn_link_unlock(link);
}

static pyn_status wait_step(struct pyn_link *link, struct pyn_waiter *waiter, uint64_t deadline)
{
    uint64_t until = pyn_now() + SLICE;
    struct timespec at;

    if (link->server == NULL && !link->is_reading) {
        return read_once(link, deadline);
    }
    at = timespec_of(deadline != 0 && deadline < until ? deadline : until);
    return fall_asleep(link, waiter, &at) == ETIMEDOUT ? PYN_EWAIT : PYN_OK;
}

/* With the lock held. */
static void wait_for(struct pyn_link *link, struct pyn_waiter *waiter, uint64_t deadline, struct pyn_came *came)
{
    pyn_status st = PYN_OK;

    *came = (struct pyn_came){.st = PYN_EINTERNAL};
    waiter->is_busy = false;
    while (st == PYN_OK) {
        if (waiter->answers != NULL) { /* a call comes behind those that are here: none comes ahead of its own */
            came->answer = take_answer(waiter);
            waiter->is_busy = true;
            if (waiter->due == 0 && waiter->answers == NULL) {
                remove_waiter(link, waiter);
            }
            break;
        }
        if (waiter->calls != NULL) {
            came->call = waiter->calls;
            waiter->calls = came->call->next;
            waiter->is_busy = true;
            break;
        }
        if (link->over != PYN_OK) {
            st = leave_over(link, waiter);
            break;
        }
        st = wait_step(link, waiter, deadline);
        if (st == PYN_EWAIT && (waiter->calls != NULL || waiter->answers != NULL || link->over != PYN_OK)) {
            st = PYN_OK;
        }
    }
    came->st = st;
    hand_over(link);
}

pyn_status pyn_link_wait(struct pyn_link *link, struct pyn_waiter *waiter, uint64_t deadline, struct pyn_call **call,
                         struct pyn_answer **answer)
{
    struct pyn_came came;

    pyn_link_lock(link);
    wait_for(link, waiter, deadline, &came);
    pyn_link_unlock(link);
    *call = came.call;
    *answer = came.answer;
    return came.st;
}

/* False: nothing is there yet. */
static bool take_if_here(struct pyn_link *link, struct pyn_waiter *waiter, struct pyn_came *came)
{
    bool is_here = false;

    pyn_link_lock(link);
    is_here = waiter->answers != NULL;
    if (is_here) {
        wait_for(link, waiter, 0, came);
    }
    pyn_link_unlock(link);
    return is_here;
}

bool pyn_link_expect_soon(struct pyn_link *link, struct pyn_waiter *waiter, struct pyn_came *came)
{
    bool is_here = false;

    if (!pyn_dwell_may(&link->dwell)) {
        return false;
    }
    do {
        pyn_server_look(link);
        is_here = take_if_here(link, waiter, came);
    } while (!is_here && !atomic_load(&link->is_over) && pyn_dwell_yield(&link->dwell));
    pyn_dwell_note(&link->dwell, is_here);
    if (is_here) {
        pyn_server_attends(link->server);
    }
    return is_here;
}

struct pyn_answer *pyn_link_take_answers(struct pyn_link *link, struct pyn_waiter *waiter)
{
    struct pyn_answer *answers = NULL;

    pyn_link_lock(link);
    answers = waiter->answers;
    waiter->answers = NULL;
    if (answers != NULL && waiter->due == 0) {
        remove_waiter(link, waiter);
    }
    pyn_link_unlock(link);
    return answers;
}

pyn_status pyn_link_ask(struct pyn_link *link, struct pyn_waiter *waiter, const uint64_t *lane,
                        const struct pyn_parcel *object, const struct pyn_expect *expect, uint64_t until,
                        uint64_t deadline, struct pyn_came *came)
{
    pyn_status st = PYN_EINTERNAL;

    pyn_link_lock(link);
    st = call(link, waiter, lane, object, expect, 1, until);
    if (st == PYN_OK) {
        wait_for(link, waiter, deadline, came);
    }
    pyn_link_unlock(link);
    return st;
}

void pyn_link_leave(struct pyn_link *link, struct pyn_waiter *waiter)
{
    pyn_link_lock(link);
    while (waiter->answers != NULL) {
        pyn_link_discard(link, take_answer(waiter));
    }
    if (waiter->due > 0 && link->over == PYN_OK) {
        (void)pyn_session_cancel(link->session, waiter->lane);
        pyn_link_dispatch(link);
        pyn_link_flush(link); /* no more: who leaves does not wait */
    }
    (void)leave_over(link, waiter);
    pyn_link_unlock(link);
}

/* The next call of the same batch is about to run: its answer takes this one along, unless there is much to be written. */
static bool is_followed(const struct pyn_link *link, uint64_t lane)
{
    return link->server != NULL && pyn_session_is_in_batch(link->session, lane) &&
           pyn_session_output_len(link->session) < ANSWERS_AT_ONCE;
}

/* With the lock held. */
static pyn_status answer(struct pyn_link *link, struct pyn_call *call, const struct pyn_reply *reply)
{
    const uint64_t lane = call->lane;
    pyn_status st = PYN_EINTERNAL;

    pyn_link_drop_call(link, call);
    st = link->over;
    if (st == PYN_OK) {
        st = pyn_link_reply(link, lane, reply);
        if (st != PYN_OK) {
            pyn_link_end(link, st, pyn_status_name(st));
        } else if (is_followed(link, lane)) {
            pyn_server_note_end(pyn_link_dispatch_at(link));
        } else {
            write_out(link, &lane, 0);
        }
    }
    return st;
}

pyn_status pyn_link_answer(struct pyn_link *link, struct pyn_call *call, const struct pyn_reply *reply)
{
    pyn_status st = PYN_EINTERNAL;

    pyn_link_lock(link);
    st = answer(link, call, reply);
    pyn_link_unlock(link);
    return st;
}

bool pyn_link_try_answer(struct pyn_link *link, struct pyn_call *call, const struct pyn_reply *reply)
{
    if (link->server == NULL || !pyn_link_try_lock(link)) {
        return false;
    }
    (void)answer(link, call, reply);
    pyn_link_unlock(link);
    return true;
}

void pyn_link_answer_cancelled(struct pyn_link *link, struct pyn_call *call)
{
    const struct pyn_reply reply = {.type = pyn_view_of("Cancelled"), .text = pyn_view_of("cancelled")};

    (void)pyn_link_answer(link, call, &reply);
}

/* ---- the background of a client ---- */

void pyn_link_poke(struct pyn_link *link)
{
    (void)pthread_cond_signal(&link->conds->background);
    (void)pthread_cond_signal(&link->conds->serving);
    if (link->wake >= 0) {
        (void)eventfd_write(link->wake, 1);
    }
}

/* Does a thread wait that reads, or could? */
static bool is_read_for(const struct pyn_link *link)
{
    const struct pyn_waiter *waiter = link->waiters;

    while (waiter != NULL && waiter->is_busy) {
        waiter = waiter->next;
    }
    return waiter != NULL || link->is_reading;
}

/* Nobody waits for an answer: watch the socket for calls that come by themselves. */
static void watch(struct pyn_link *link)
{
    struct pollfd fds[2] = {{.fd = link->in, .events = POLLIN}, {.fd = link->wake, .events = POLLIN}};
    eventfd_t count = 0;

    pyn_link_unlock(link);
    (void)poll(fds, 2, 100);
    pyn_link_lock(link);
    if (fds[1].revents != 0) {
        (void)eventfd_read(link->wake, &count);
    }
    if (fds[0].revents != 0 && !is_read_for(link) && link->over == PYN_OK) {
        (void)read_once(link, pyn_now() + 1);
        hand_over(link);
    }
}

static pyn_status take_unsolicited(struct pyn_link *link, bool may, struct pyn_call **call)
{
    *call = may ? link->unsolicited : NULL;
    if (*call != NULL) {
        link->unsolicited = (*call)->next;
        return PYN_OK;
    }
    return link->over == PYN_OK ? PYN_EWAIT : link->over;
}

pyn_status pyn_link_background(struct pyn_link *link, struct pyn_call **call)
{
    struct timespec until;
    pyn_status st = PYN_OK;

    *call = NULL;
    pyn_link_lock(link);
    pyn_session_trim(link->session);
    if (link->over == PYN_OK && pyn_session_has_frees(link->session)) {
        (void)pyn_session_flush_frees(link->session);
    }
    push_output(link, NULL, 0); /* and what others have left there */
    if ((link->unsolicited == NULL || link->is_served) && link->over == PYN_OK) {
        if (!is_read_for(link)) {
            watch(link);
        } else { /* whoever waits reads for us */
            until = timespec_of(pyn_now() + 5 * MILLISECOND);
            (void)pthread_cond_timedwait(&link->conds->background, &link->lock, &until);
        }
    }
    st = take_unsolicited(link, !link->is_served, call);
    pyn_link_unlock(link);
    return st;
}

pyn_status pyn_link_serve(struct pyn_link *link, uint64_t deadline, struct pyn_call **call)
{
    uint64_t until = pyn_now() + SLICE;
    struct timespec at = timespec_of(earlier(deadline, until));
    pyn_status st = PYN_OK;

    pyn_link_lock(link);
    if (link->unsolicited == NULL && link->over == PYN_OK) {
        (void)pthread_cond_timedwait(&link->conds->serving, &link->lock, &at);
    }
    st = take_unsolicited(link, true, call);
    pyn_link_unlock(link);
    return st;
}

pyn_status pyn_link_ping(struct pyn_link *link, uint64_t deadline)
{
    pyn_status st = PYN_OK;
    uint64_t token = 0;

    pyn_link_lock(link);
    if (link->over == PYN_OK) {
        token = ++link->pinged; /* pongs come in the order of their pings */
        st = pyn_session_ping(link->session, token);
        push_output(link, NULL, deadline);
    }
    while (st == PYN_OK && link->over == PYN_OK && link->ponged < token) {
        if (link->is_reading) { /* another thread will see it: look again soon */
            struct timespec until = timespec_of(pyn_now() + MILLISECOND);
            (void)pthread_cond_timedwait(&link->conds->background, &link->lock, &until);
        } else {
            (void)read_once(link, deadline);
        }
        if (pyn_now() >= deadline) {
            st = PYN_EWAIT;
        }
    }
    if (token != 0 && link->ponged >= token) {
        st = PYN_OK;
    } else if (link->over != PYN_OK) {
        st = link->over;
    }
    hand_over(link);
    pyn_link_unlock(link);
    return st;
}

/* With the lock held. */
static pyn_status find_described(struct pyn_link *link, struct pyn_view name, const struct pyn_iface **found)
{
    if (link->over == PYN_OK) {
        *found = pyn_session_described(link->session, name);
    }
    return link->over;
}

pyn_status pyn_link_look(struct pyn_link *link, const struct pyn_iface *from, struct pyn_view name, uint64_t deadline,
                         bool *is_asked, const struct pyn_iface **found)
{
    pyn_status st = PYN_EINTERNAL;

    *found = NULL;
    pyn_link_lock(link);
    st = find_described(link, name, found);
    if (st == PYN_OK && *found == NULL && !*is_asked) {
        st = pyn_session_look(link->session, from, name);
        *is_asked = st == PYN_OK;
    }
    pyn_link_unlock(link);
    if (st != PYN_OK || *found != NULL) {
        return st;
    }
    st = pyn_link_ping(link, deadline);
    if (st == PYN_OK) {
        pyn_link_lock(link);
        st = find_described(link, name, found);
        pyn_link_unlock(link);
    }
    return st;
}
