/* wait.c - the threads that have sent a call: sending, waiting, answering what comes meanwhile. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "clock.h"
#include "link.h"
#include "pull.h"
#include "server.h"

enum {
    ANSWERS_AT_ONCE = 16 * 1024,
    LOOKS = 4, /* reads ahead of an answer that is kept: a peer that never stops sending holds nobody up */
};

static const uint64_t SLICE = UINT64_C(100000000); /* how long a thread sleeps before it looks for signals */

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

static void drop_calls(struct pyn_link *link, struct pyn_waiter *waiter)
{
    struct pyn_call *call = NULL;

    while ((call = pyn_line_take(&waiter->calls)) != NULL) {
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

/* ---- sending ---- */

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
    pyn_link_push(link, lane, until);
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
        pyn_link_push(link, NULL, deadline);
        if (link->over == PYN_OK) {
            st = pyn_link_read_once(link, deadline);
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
        (void)pyn_link_read_once(link, pyn_now() + 1);
        pyn_link_hand_over(link);
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
    pyn_link_push(link, NULL, until);
    pyn_link_unlock(link);
}

static pyn_status wait_step(struct pyn_link *link, struct pyn_waiter *waiter, uint64_t deadline)
{
    uint64_t until = pyn_now() + SLICE;
    struct timespec at;

    if (link->server == NULL && !link->is_reading) {
        return pyn_link_read_once(link, deadline);
    }
    at = pyn_timespec_of(deadline != 0 && deadline < until ? deadline : until);
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
        came->call = pyn_line_take(&waiter->calls);
        if (came->call != NULL) {
            waiter->is_busy = true;
            break;
        }
        if (link->over != PYN_OK) {
            st = leave_over(link, waiter);
            break;
        }
        st = wait_step(link, waiter, deadline);
        if (st == PYN_EWAIT && (waiter->calls.first != NULL || waiter->answers != NULL || link->over != PYN_OK)) {
            st = PYN_OK;
        }
    }
    came->st = st;
    pyn_link_hand_over(link);
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
    const uint64_t depth = call->depth;
    pyn_status st = PYN_EINTERNAL;

    pyn_link_drop_call(link, call);
    st = link->over;
    if (st == PYN_OK) {
        st = pyn_link_reply(link, lane, depth, reply);
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
