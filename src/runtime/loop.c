/* loop.c - a link that no thread waits for: an event loop sends its calls, reads and writes it, and takes what came out of its inbox. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "link.h"

enum { READ_AT_ONCE = 64 * 1024, READS_IN_A_ROW = 16 };

/* What was sent goes out as far as it can; output that has gone, and a lane that waits, may let in what was held back. */
static void write_out(struct pyn_link *link)
{
    pyn_link_dispatch(link);
    if (link->over == PYN_OK) {
        pyn_link_flush(link);
    }
}

pyn_status pyn_link_post(struct pyn_link *link, struct pyn_pending *pending, const struct pyn_parcel *object,
                         const struct pyn_expect *expects, uint32_t count)
{
    pyn_status st = PYN_EINTERNAL;
    uint64_t lane = 0;

    pyn_link_lock(link);
    st = link->over;
    if (st == PYN_OK && !pyn_inbox_is_ready(link)) {
        st = PYN_ENOMEM;
    }
    if (st == PYN_OK) {
        lane = pyn_session_lane(link->session);
        st = pyn_session_send_batch(link->session, lane, object, expects, count);
    }
    if (st == PYN_OK) {
        atomic_fetch_add(&link->calls, count);
        pyn_pending_enter(link, pending, lane, count);
        write_out(link);
    }
    pyn_link_unlock(link);
    return st;
}

void pyn_link_post_root(struct pyn_link *link, struct pyn_pending *pending)
{
    pyn_link_lock(link);
    pyn_pending_enter(link, pending, 0, 1);
    write_out(link);
    pyn_link_unlock(link);
}

void pyn_link_give_up(struct pyn_link *link, struct pyn_pending *pending)
{
    pyn_link_lock(link);
    if (pending->is_entered && !pending->is_given_up) {
        pending->is_given_up = true;
        for (int i = 0; i < 2 && link->over == PYN_OK; i++) { /* what waits of a batch, then what runs */
            if (i < (int)pending->due && pyn_session_cancel(link->session, pending->lane) != PYN_OK) {
                break;
            }
        }
        if (link->over == PYN_OK) {
            write_out(link);
        }
        if (link->over == PYN_OK && link->server == NULL && pyn_link_has_output(link)) {
            pyn_inbox_news(link); /* whoever this is: the loop writes the rest */
        }
    }
    pyn_link_unlock(link);
}

pyn_status pyn_link_post_ping(struct pyn_link *link, uint64_t *token)
{
    pyn_status st = PYN_EINTERNAL;

    pyn_link_lock(link);
    st = link->over;
    if (st == PYN_OK) {
        st = pyn_session_ping(link->session, link->pinged + 1);
    }
    if (st == PYN_OK) {
        *token = ++link->pinged;
        write_out(link);
    }
    pyn_link_unlock(link);
    return st;
}

static ssize_t read_some(const struct pyn_link *link, uint8_t *scratch)
{
    ssize_t n = 0;

    do {
        n = link->is_socket ? recv(link->in, scratch, READ_AT_ONCE, MSG_DONTWAIT) : read(link->in, scratch, READ_AT_ONCE);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* True: there may be more. */
static bool read_once(struct pyn_link *link)
{
    uint8_t scratch[READ_AT_ONCE];
    bool is_large = pyn_link_is_large(link);
    ssize_t n = is_large ? pyn_link_read_large(link) : read_some(link, scratch);
    int error = errno;

    if (n > 0 && !is_large) {
        pyn_link_feed(link, scratch, (size_t)n);
    }
    if (n > 0) {
        return is_large || n == READ_AT_ONCE;
    }
    if (n == 0 || (error != EAGAIN && error != EWOULDBLOCK)) {
        pyn_link_end(link, PYN_EGONE, n == 0 ? pyn_link_cut_reason(link) : "the peer is gone");
    }
    return false;
}

void pyn_link_pump_in(struct pyn_link *link)
{
    bool is_more = true;

    pyn_link_lock(link);
    link->is_reading = true; /* the lock is given back for what is large: nobody closes the descriptor meanwhile */
    for (int i = 0; is_more && i < READS_IN_A_ROW && link->over == PYN_OK && !link->is_paused; i++) {
        is_more = read_once(link);
    }
    link->is_reading = false;
    if (link->over == PYN_OK) {
        pyn_link_flush(link);
    }
    if (link->is_dropped) {
        pyn_link_close(link);
    }
    pyn_link_unlock(link);
}

void pyn_link_pump_out(struct pyn_link *link)
{
    pyn_link_lock(link);
    if (link->over == PYN_OK && pyn_session_has_frees(link->session)) {
        (void)pyn_session_flush_frees(link->session); /* without room for them they go with what comes next */
    }
    if (link->over == PYN_OK) {
        pyn_link_flush(link);
        write_out(link);
    }
    pyn_link_unlock(link);
}

bool pyn_link_wants_output(struct pyn_link *link, size_t *len)
{
    bool wants = false;

    *len = 0;
    pyn_link_lock(link);
    if (link->over == PYN_OK) {
        wants = pyn_link_has_output(link);
        *len = pyn_session_output_ahead(link->session);
    }
    pyn_link_unlock(link);
    return wants;
}

void pyn_link_check_stall(struct pyn_link *link)
{
    pyn_link_lock(link);
    if (link->over == PYN_OK && pyn_link_has_output(link) && pyn_now() - link->moved_at > link->quotas->stall_ns) {
        pyn_link_end(link, PYN_EFLOOD, "the peer does not read");
    }
    pyn_link_unlock(link);
}

bool pyn_link_wants_input(struct pyn_link *link)
{
    bool wants = false;

    pyn_link_lock(link);
    wants = link->over == PYN_OK && !link->is_paused;
    pyn_link_unlock(link);
    return wants;
}

pyn_status pyn_link_post_look(struct pyn_link *link, const struct pyn_iface *from, struct pyn_view name,
                              const struct pyn_iface **found)
{
    pyn_status st = PYN_EINTERNAL;

    *found = NULL;
    pyn_link_lock(link);
    st = link->over;
    if (st == PYN_OK) {
        *found = pyn_session_described(link->session, name);
    }
    if (st == PYN_OK && *found == NULL) {
        st = pyn_session_look(link->session, from, name);
    }
    if (st == PYN_OK && *found == NULL) {
        write_out(link);
        st = PYN_EWAIT;
    }
    pyn_link_unlock(link);
    return st;
}
