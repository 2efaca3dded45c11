/* stream.c - bytes between a link's descriptors and its session, through the layers where there are any. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include <sys/socket.h>
#include <sys/uio.h>

#include "link.h"
#include "parting.h"
#include "shaking.h"

enum {
    TAIL = 2 * 1024, /* bytes that are read with the end of a part */
};

/* ---- in ---- */

static void feed_session(struct pyn_link *link, struct pyn_view bytes)
{
    while (bytes.len > 0 && link->over == PYN_OK) {
        size_t taken = 0;
        pyn_status st = pyn_session_put(link->session, bytes, &taken);
        if (st != PYN_OK) {
            pyn_link_end(link, st, pyn_status_name(st));
            return;
        }
        bytes.data += taken;
        bytes.len -= taken;
        pyn_link_dispatch(link);
    }
}

void pyn_link_feed_plain(struct pyn_link *link, struct pyn_view plain)
{
    feed_session(link, plain);
}

/* What has come out of the layers. */
static void take_plain(struct pyn_link *link, struct pyn_view plain, pyn_status st)
{
    bool is_amid = false;

    if (st == PYN_OK) {
        pyn_shaking_look(link);
    }
    if (!pyn_parting_takes(link, plain)) {
        feed_session(link, plain);
        is_amid = link->over == PYN_OK && pyn_session_is_large(link->session);
    }
    if (is_amid) {
        pyn_stack_used_some(link->stack);
    } else {
        pyn_stack_used(link->stack);
    }
    if (st != PYN_OK) {
        pyn_link_end(link, st, pyn_stack_reason(link->stack));
    }
}

static void feed_stack(struct pyn_link *link, struct pyn_view bytes)
{
    struct pyn_view plain;
    pyn_status st = pyn_stack_receive(link->stack, bytes, &plain);

    take_plain(link, plain, st);
}

void pyn_link_resume(struct pyn_link *link)
{
    struct pyn_view plain;
    pyn_status st = pyn_stack_resume(link->stack, &plain);

    take_plain(link, plain, st);
}

const char *pyn_link_cut_reason(const struct pyn_link *link)
{
    if (link->stack == NULL) {
        return link->server != NULL ? "closed by the peer" : "the peer has closed the connection";
    }
    if (pyn_link_is_open(link)) {
        return "cut: the stream has ended, but nobody has said so";
    }
    return link->server != NULL ? "closed in the middle of the handshake"
                                : "closed in the middle of the handshake: is that the server of this key?";
}

void pyn_link_feed(struct pyn_link *link, const uint8_t *data, size_t len)
{
    const struct pyn_view bytes = {data, len};

    if (link->over != PYN_OK) {
        return;
    }
    link->counts.bytes_in += len;
    if (link->stack == NULL) {
        feed_session(link, bytes);
    } else {
        feed_stack(link, bytes);
    }
}

bool pyn_link_is_large(const struct pyn_link *link)
{
    return link->stack == NULL && link->is_socket && link->over == PYN_OK && pyn_session_is_large(link->session);
}

/*
 * Into its place, and what stands behind that, such as the head of the next part, in tail. Without the lock: new pages take their time, and who runs calls
 * or has an answer to write does not wait for them.
 */
static ssize_t receive(struct pyn_link *link, uint8_t *space, size_t room, uint8_t *tail, size_t tail_room)
{
    struct iovec to[2] = {{space, room}, {tail, tail_room}};
    struct msghdr message = {.msg_iov = to, .msg_iovlen = 2};
    ssize_t n = 0;
    int error = 0;

    atomic_store(&link->is_taking, true);
    pyn_link_unlock(link);
    do {
        n = recvmsg(link->in, &message, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    error = errno;
    pyn_link_lock(link);
    atomic_store(&link->is_taking, false); /* nobody looks before the lock is given back */
    errno = error;
    return n;
}

ssize_t pyn_link_read_large(struct pyn_link *link)
{
    uint8_t tail[TAIL];
    ssize_t total = 0;

    assert(link->is_reading);

    while (total < PYN_LARGE_READ && link->over == PYN_OK && pyn_session_is_large(link->session)) {
        uint8_t *space = NULL;
        size_t room = 0;
        size_t here = 0;
        ssize_t n = 0;
        pyn_status st = pyn_session_space(link->session, &space, &room);
        if (st != PYN_OK) {
            pyn_link_end(link, st, pyn_status_name(st));
            return total;
        }
        n = receive(link, space, room, tail, sizeof tail);
        here = n > 0 ? (size_t)n : 0;
        link->counts.bytes_in += here;
        pyn_session_received(link->session, here < room ? here : room);
        if (n <= 0) {
            return total > 0 ? total : n;
        }
        total += n;
        if (here > room) {
            feed_session(link, (struct pyn_view){tail, here - room});
        }
    }
    pyn_link_dispatch(link);
    return total;
}

/* ---- out ---- */

bool pyn_link_is_open(const struct pyn_link *link)
{
    return link->stack == NULL || pyn_stack_is_open(link->stack);
}

bool pyn_link_has_output(const struct pyn_link *link)
{
    if (link->stack != NULL && pyn_stack_output(link->stack).len > 0) {
        return true;
    }
    return pyn_link_is_open(link) && pyn_session_output_len(link->session) > 0;
}

/* What is wrapped counts as written for the session: it is bounded by the stack from now on. */
static void wrap(struct pyn_link *link)
{
    struct pyn_view plain = pyn_session_output(link->session);
    size_t taken = 0;
    pyn_status st = plain.len > 0 ? pyn_stack_send(link->stack, plain, &taken) : PYN_OK;

    pyn_session_written(link->session, taken);
    if (st != PYN_OK) {
        pyn_link_end(link, st, pyn_stack_reason(link->stack));
    }
}

size_t pyn_link_output(struct pyn_link *link, struct pyn_view *pieces, size_t max)
{
    if (link->stack == NULL) {
        return pyn_session_output_pieces(link->session, pieces, max);
    }
    if (pyn_stack_output(link->stack).len == 0) {
        wrap(link);
    }
    pieces[0] = pyn_stack_output(link->stack);
    return pieces[0].len > 0 ? 1 : 0;
}

void pyn_link_written(struct pyn_link *link, size_t len)
{
    if (link->stack == NULL) {
        pyn_session_written(link->session, len);
    } else {
        pyn_stack_written(link->stack, len);
    }
}

/* ---- the handshake ---- */

void pyn_link_end_unopened(struct pyn_link *link)
{
    char reason[80];

    if (link->over == PYN_OK && !pyn_link_is_open(link)) {
        (void)snprintf(reason, sizeof reason, "no %s handshake in time", pyn_stack_waits_for(link->stack));
        pyn_link_end(link, PYN_EPROTOCOL, reason);
        link->is_final = false; /* there may be time the next time */
    }
}
