/* pull.c - see pull.h. */
#include "pull.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../transport/transport.h"
#include "clock.h"

enum { READ_AT_ONCE = 64 * 1024 };

static const uint64_t MILLISECOND = UINT64_C(1000000);

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

/* The same, and no longer than this many. */
static int earlier_ms(uint64_t deadline, int most)
{
    int ms = poll_ms(deadline);

    return ms < 0 || ms > most ? most : ms;
}

void pyn_link_hand_over(struct pyn_link *link)
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

pyn_status pyn_link_read_once(struct pyn_link *link, uint64_t deadline)
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

void pyn_link_push(struct pyn_link *link, const uint64_t *lane, uint64_t until)
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
                (void)pyn_link_read_once(link, pyn_now() + 1);
            }
            pyn_link_hand_over(link);
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
