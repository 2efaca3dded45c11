/* serve.c - one link is read, and what comes of it goes its way; what is to be written is written. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "notice.h"
#include "parting.h"
#include "server_state.h"

enum {
    READ_AT_ONCE = 16 * 1024,
    SEALED_AT_ONCE = 64 * 1024,
    READ_UNOPENED = 4096,
    READS_IN_A_ROW = 16,
};

static const uint32_t HUNG_UP = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
static const uint64_t READ_SHARE = 500000; /* ns */

static ssize_t read_some(const struct pyn_link *link, uint8_t *scratch, size_t max)
{
    ssize_t n = 0;

    do {
        n = link->is_socket ? recv(link->in, scratch, max, MSG_DONTWAIT) : read(link->in, scratch, max);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* What is sealed, and in the middle of something large: in pieces of which few end within a record. In a function of its own, for the room that it takes. */
__attribute__((noinline)) static ssize_t read_sealed(struct pyn_link *link)
{
    uint8_t scratch[SEALED_AT_ONCE];
    ssize_t n = 0;
    int error = 0;

    pyn_link_unlock(link);
    n = read_some(link, scratch, sizeof scratch);
    error = errno;
    pyn_link_lock(link);
    if (n > 0) {
        pyn_link_feed(link, scratch, (size_t)n);
    }
    errno = error;
    return n;
}

static ssize_t read_much(struct pyn_link *link)
{
    return link->stack == NULL ? pyn_link_read_large(link) : read_sealed(link);
}

/* In the middle of something large? */
static bool is_amid(const struct pyn_link *link)
{
    return pyn_link_is_large(link) || (link->stack != NULL && pyn_session_is_large(link->session));
}

/* A message has begun: its rest is looked for, also when a read has brought less than there was room for. */
static bool is_unfinished(const struct pyn_link *link)
{
    return link->over == PYN_OK && !link->is_paused && !pyn_session_is_quiet(link->session);
}

/*
 * Reads until nothing is there, or the peer has to wait, or it has had its share. True: there may be more. The lock is held. *came: something was there,
 * the end counted.
 */
static bool drain(struct pyn_link *link, bool is_hung_up, bool *came)
{
    uint8_t scratch[READ_AT_ONCE];
    uint64_t began = 0; /* 0: there was nothing yet behind which it goes on */

    /* Thousands of the smallest messages stand in one read: who says so much has had its share by then. */
    for (int i = 0; i < READS_IN_A_ROW && (i == 0 || pyn_now() - began <= READ_SHARE); i++) {
        ssize_t n = 0;
        int error = 0;
        size_t max = READ_AT_ONCE;
        if (link->over != PYN_OK || link->is_paused || pyn_parting_holds(link)) {
            return false;
        }
        if (!pyn_link_is_open(link)) { /* who has proved nothing yet gets little of our memory */
            max = READ_UNOPENED;
        }
        if (is_amid(link)) {
            began = began != 0 ? began : pyn_now();
            n = read_much(link);
            error = errno;
            if (n > 0) {
                *came = true;
                if (n >= PYN_LARGE_READ && !link->is_carried) {
                    return true; /* the porter goes on, if it is not whole */
                }
                continue;
            }
        } else { /* it does not wait, so that the lock need not be given back for it */
            n = read_some(link, scratch, max);
            error = errno;
        }
        *came = *came || n >= 0;
        if (n > 0) {
            const bool is_all = (size_t)n < max && !is_hung_up;
            link->is_awake = true;
            began = began != 0 || is_all ? began : pyn_now();
            pyn_link_feed(link, scratch, (size_t)n);
            if (is_all && !is_unfinished(link)) {
                return false;
            }
            began = began != 0 ? began : pyn_now();
        } else if (n == 0 || (error != EAGAIN && error != EWOULDBLOCK)) {
            pyn_link_end(link, PYN_EGONE, n == 0 ? pyn_link_cut_reason(link) : "the peer is gone");
            return false;
        } else {
            return false;
        }
    }
    return true;
}

/* The rest of a large message is for the porter, with all that stands behind it; who has no more is for everybody. True: it is told again what is there. */
static bool settle_notice(struct pyn_link *link, bool is_more)
{
    const bool is_for_porter = link->is_carried ? is_more || pyn_session_is_amid(link->session)
                                                : is_more && is_amid(link);

    if (link->is_carried != is_for_porter && pyn_notice_porter(link, is_for_porter)) {
        return is_for_porter;
    }
    if (is_more) {
        pyn_notice_again(link); /* others first */
    }
    return is_more || link->is_carried;
}

bool pyn_server_serve(struct pyn_link *link, uint32_t events)
{
    bool is_hung_up = (events & HUNG_UP) != 0;
    bool is_more = false;
    bool came = false;

    pyn_link_lock(link);
    if (link->is_reading) {
        link->read_again = true;
        pyn_link_unlock(link);
        return false;
    }
    link->is_reading = true;
    do {
        link->read_again = false;
        is_more = drain(link, is_hung_up, &came);
        if (link->over == PYN_OK && (link->is_paused || pyn_link_has_output(link))) {
            pyn_link_flush(link);
            pyn_link_dispatch(link); /* output has gone: what was held back may go on */
        }
        pyn_parting_look(link);
        if (link->is_welcomed) { /* many say hello, and nothing more for long */
            link->is_welcomed = false;
            pyn_session_rest(link->session);
        }
        if (atomic_load(&link->was_paused) && !link->is_paused) {
            atomic_store(&link->was_paused, false);
            link->read_again = true;
            is_hung_up = true; /* no event tells of what came meanwhile: read until nothing is there */
        }
    } while (!is_more && link->read_again && link->over == PYN_OK && !link->is_paused);
    link->is_reading = false;
    is_more = (is_more || link->writes_on) && link->over == PYN_OK;
    if (link->over == PYN_OK) {
        is_more = settle_notice(link, is_more);
    }
    atomic_store_explicit(&link->comes_back, is_more, memory_order_relaxed);
    link->writes_on = false;
    if (events == EPOLLOUT && !came) {
        pyn_notice_no_room(link);
    }
    if (link->is_dropped) {
        pyn_link_close(link);
    }
    pyn_link_unlock(link);
    return came;
}

void pyn_server_look(struct pyn_link *link)
{
    (void)pyn_server_serve(link, 0);
}

/* After an answer: what was held back may be read now, until nothing is there: no event tells of what came meanwhile. */
void pyn_server_unpause(struct pyn_link *link)
{
    bool is_due = false;

    if (!atomic_load(&link->was_paused)) {
        return;
    }
    pyn_link_lock(link);
    is_due = link->over == PYN_OK && !link->is_paused;
    if (is_due && link->is_carried) {
        pyn_notice_again(link);
        is_due = false;
    }
    pyn_link_unlock(link);
    if (is_due) {
        (void)pyn_server_serve(link, HUNG_UP);
    }
}
