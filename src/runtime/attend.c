/* attend.c - see attend.h. */
#include "attend.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "handed.h"
#include "server_state.h"

enum { LAST_WORDS_MS = 500, WORD_LEN = 9 };

static const char stuck_text[] = "a call did not end: its process was ended";

struct pyn_attendant {
    struct pyn_server *server;
    struct pyn_websocket_config websocket;
    int control;
    int stuck; /* eventfd */
    uint8_t packet[PYN_PACKET_MAX];
};

static void say(const struct pyn_attendant *attendant, enum pyn_word word, const uint8_t *eight)
{
    uint8_t packet[WORD_LEN] = {(uint8_t)word};

    if (eight != NULL) {
        memcpy(packet + 1, eight, WORD_LEN - 1);
    }
    (void)pyn_packet_send(attendant->control, (struct pyn_view){packet, sizeof packet}, -1, true);
}

void pyn_attendant_over(struct pyn_attendant *attendant, uint64_t serial)
{
    uint8_t eight[sizeof serial];

    memcpy(eight, &serial, sizeof serial);
    say(attendant, PYN_WORD_OVER, eight);
}

void pyn_attendant_stuck(struct pyn_attendant *attendant)
{
    (void)eventfd_write(attendant->stuck, 1);
}

/* ---- arriving ---- */

static pyn_status revive(const struct pyn_attendant *attendant, struct pyn_view saved, struct pyn_stack **stack)
{
    const struct pyn_layer_revival revivals[] = {
        {"websocket", pyn_websocket_revive, &attendant->websocket},
        {"channel", pyn_channel_revive, NULL},
    };

    *stack = NULL;
    return saved.len == 0 ? PYN_OK : pyn_stack_revive(pyn_mem_default(), revivals, 2, saved, stack);
}

static void take_connection(struct pyn_attendant *attendant, struct pyn_view packet, int fd)
{
    struct pyn_handed head;
    struct pyn_view saved;
    struct pyn_newcomer newcomer = {.fd = fd};

    if (fd < 0) {
        return;
    }
    if (!pyn_handed_parse(packet, &head, &saved, &newcomer.plain) || revive(attendant, saved, &newcomer.stack) != PYN_OK) {
        (void)close(fd);
        return;
    }
    newcomer.peer = head.peer;
    newcomer.transport = head.transport;
    newcomer.serial = head.serial;
    newcomer.accepted_at = head.accepted_at;
    if (!pyn_server_take_over(attendant->server, &newcomer)) {
        pyn_attendant_over(attendant, head.serial);
    }
}

/* ---- the end ---- */

static bool lock_until(struct pyn_link *link, uint64_t until)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    while (pthread_mutex_trylock(&link->lock) != 0) {
        if (pyn_now() >= until) {
            return false;
        }
        (void)nanosleep(&moment, NULL);
    }
    return true;
}

/* Within a part of a second for all of them: who holds a lock now may never give it back. */
static void say_last_words(void *ctx, struct pyn_link *link)
{
    const uint64_t *until = ctx;

    if (lock_until(link, *until)) {
        if (link->over == PYN_OK) {
            pyn_session_goodbye(link->session, 0, stuck_text);
            pyn_link_end(link, PYN_EGONE, stuck_text);
        }
        (void)pthread_mutex_unlock(&link->lock);
    }
}

static void end_stuck(const struct pyn_attendant *attendant)
{
    uint64_t until = pyn_now() + UINT64_C(1000000) * LAST_WORDS_MS;

    say(attendant, PYN_WORD_STUCK, NULL);
    pyn_server_each(attendant->server, say_last_words, &until);
    _exit(PYN_EXIT_STUCK);
}

/* ---- what is told ---- */

static void obey(struct pyn_attendant *attendant, size_t len, int fd)
{
    const uint8_t *packet = attendant->packet;

    switch (packet[0]) {
    case PYN_WORD_CONNECTION:
        take_connection(attendant, (struct pyn_view){packet, len}, fd);
        fd = -1;
        sodium_memzero(attendant->packet, len);
        break;
    case PYN_WORD_PING:
        if (len == WORD_LEN) {
            say(attendant, PYN_WORD_PONG, packet + 1);
        }
        break;
    case PYN_WORD_REVOKE:
        if (len == WORD_LEN) {
            pyn_server_revoke(attendant->server, packet + 1);
        }
        break;
    case PYN_WORD_STOP:
        pyn_server_stop(attendant->server);
        break;
    default:
        break;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void *attend(void *ctx)
{
    struct pyn_attendant *attendant = ctx;
    struct pollfd polled[2] = {{.fd = attendant->control, .events = POLLIN}, {.fd = attendant->stuck, .events = POLLIN}};

    for (;;) {
        int fd = -1;
        size_t len = 0;
        if (poll(polled, 2, -1) < 0) {
            if (errno != EINTR) {
                _exit(PYN_EXIT_ORPHANED);
            }
            continue;
        }
        if ((polled[1].revents & POLLIN) != 0) {
            end_stuck(attendant);
        }
        if (polled[0].revents != 0) {
            len = pyn_packet_receive(attendant->control, attendant->packet, sizeof attendant->packet, &fd);
            if (len == 0) { /* nobody is left to serve for */
                _exit(PYN_EXIT_ORPHANED);
            }
            obey(attendant, len, fd);
        }
    }
    return NULL;
}

static bool start(struct pyn_attendant *attendant)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    int error = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for others */
    error = pthread_create(&thread, NULL, attend, attendant);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        (void)pthread_detach(thread);
    }
    return error == 0;
}

struct pyn_attendant *pyn_attend(struct pyn_server *server, int control, const struct pyn_websocket_config *websocket)
{
    struct pyn_attendant *attendant = calloc(1, sizeof *attendant);

    if (attendant == NULL) {
        return NULL;
    }
    *attendant = (struct pyn_attendant){.server = server, .websocket = *websocket, .control = control};
    attendant->stuck = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pyn_server_attended(server, attendant);
    if (attendant->stuck < 0 || !start(attendant)) {
        pyn_server_attended(server, NULL);
        if (attendant->stuck >= 0) {
            (void)close(attendant->stuck);
        }
        free(attendant);
        return NULL;
    }
    return attendant;
}
