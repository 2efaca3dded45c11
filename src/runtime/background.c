/* background.c - what a client's threads do when no answer is waited for: calls that the server makes by itself, pings, and names that are asked for. */
#include <poll.h>
#include <sys/eventfd.h>

#include "clock.h"
#include "link.h"
#include "pull.h"

static const uint64_t MILLISECOND = UINT64_C(1000000);
static const uint64_t SLICE = UINT64_C(100000000); /* how long a thread sleeps before it looks for signals */

/* 0: never. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a != 0 && (b == 0 || a < b) ? a : b;
}

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
        (void)pyn_link_read_once(link, pyn_now() + 1);
        pyn_link_hand_over(link);
    }
}

static pyn_status take_unsolicited(struct pyn_link *link, bool may, struct pyn_call **call)
{
    *call = may ? pyn_line_take(&link->unsolicited) : NULL;
    if (*call != NULL) {
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
    pyn_link_push(link, NULL, 0); /* and what others have left there */
    if ((link->unsolicited.first == NULL || link->is_served) && link->over == PYN_OK) {
        if (!is_read_for(link)) {
            watch(link);
        } else { /* whoever waits reads for us */
            until = pyn_timespec_of(pyn_now() + 5 * MILLISECOND);
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
    struct timespec at = pyn_timespec_of(earlier(deadline, until));
    pyn_status st = PYN_OK;

    pyn_link_lock(link);
    if (link->unsolicited.first == NULL && link->over == PYN_OK) {
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
        pyn_link_push(link, NULL, deadline);
    }
    while (st == PYN_OK && link->over == PYN_OK && link->ponged < token) {
        if (link->is_reading) { /* another thread will see it: look again soon */
            struct timespec until = pyn_timespec_of(pyn_now() + MILLISECOND);
            (void)pthread_cond_timedwait(&link->conds->background, &link->lock, &until);
        } else {
            (void)pyn_link_read_once(link, deadline);
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
    pyn_link_hand_over(link);
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
