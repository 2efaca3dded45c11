/* write.c - what a link has to say goes out, as far as its descriptor takes it. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clock.h"
#include "inbox.h"
#include "link.h"
#include "notice.h"
#include "server.h"

enum {
    PIECES = 8,                /* that are written at once */
    WRITTEN_AT_ONCE = 1 << 20, /* bytes: then others have their turn, whoever reads so fast */
};

/* A pipe whose reader is gone must not end a program that has SIGPIPE as the system sets it: the signal is kept from this thread, and taken out. */
static ssize_t write_pipe(int fd, struct pyn_view bytes)
{
    const struct timespec at_once = {0};
    sigset_t pipe_signal;
    sigset_t before;
    sigset_t pending;
    ssize_t n = 0;
    int error = 0;

    (void)sigemptyset(&pipe_signal);
    (void)sigaddset(&pipe_signal, SIGPIPE);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    n = write(fd, bytes.data, bytes.len);
    error = errno;
    if (n < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
        (void)sigtimedwait(&pipe_signal, NULL, &at_once);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return n;
}

/* What was lent, with what stands around it, in one system call. */
static ssize_t send_pieces(int fd, const struct pyn_view *pieces, size_t count)
{
    struct iovec parts[PIECES];
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};

    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){(void *)(uintptr_t)pieces[i].data, pieces[i].len}; /* it is only read */
    }
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t write_some(const struct pyn_link *link, const struct pyn_view *pieces, size_t count)
{
    ssize_t n = 0;

    do {
        if (!link->is_socket) {
            n = write_pipe(link->out, pieces[0]);
        } else if (count > 1) {
            n = send_pieces(link->out, pieces, count);
        } else {
            n = send(link->out, pieces[0].data, pieces[0].len, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    } while (n < 0 && errno == EINTR);
    return n;
}

/* A client that finds nobody there reads first what the server has said before it went. */
static void give_up_writing(struct pyn_link *link, int error)
{
    link->is_mute = true;
    if (link->server != NULL || (error != EPIPE && error != ECONNRESET)) {
        pyn_link_end(link, PYN_EGONE, "the peer is gone");
    }
}

/* Nobody will read it. */
static void drop(struct pyn_link *link, const struct pyn_view *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pyn_link_written(link, pieces[i].len);
    }
}

static void write_all(struct pyn_link *link)
{
    struct pyn_view pieces[PIECES];
    size_t written = 0;
    size_t count = 0;

    while ((count = pyn_link_output(link, pieces, PIECES)) > 0) {
        ssize_t n = 0;
        int error = 0;
        if (link->is_mute) {
            drop(link, pieces, count);
            continue;
        }
        n = write_some(link, pieces, count);
        error = errno;
        if (n < 0 && (error == EAGAIN || error == EWOULDBLOCK)) {
            if (link->server != NULL) {
                pyn_notice_room(link); /* each time: should there be room after all, it is told at once */
            }
            return;
        }
        if (n < 0) {
            drop(link, pieces, count);
            give_up_writing(link, error);
            return;
        }
        pyn_link_written(link, (size_t)n);
        link->counts.bytes_out += (uint64_t)n;
        link->moved_at = pyn_now();
        written += (size_t)n;
        if (written >= WRITTEN_AT_ONCE && pyn_link_has_output(link)) {
            if (link->server != NULL) { /* a client writes on by itself */
                pyn_notice_room(link);
            }
            return;
        }
    }
}

/* A peer that does not read what it has asked for gets nothing more run, until it does. */
static void note_clog(struct pyn_link *link)
{
    bool was = atomic_load(&link->is_clogged);
    bool is = link->over == PYN_OK && pyn_session_output_len(link->session) > link->quotas->max[PYN_Q_OUTPUT] / 2;

    if (was != is) {
        atomic_store(&link->is_clogged, is);
        if (was) {
            pyn_server_unclog(link->server, link);
            pyn_inbox_unclog(link);
        }
    }
}

void pyn_link_flush(struct pyn_link *link)
{
    write_all(link);
    if (link->server != NULL) {
        note_clog(link);
    }
}
