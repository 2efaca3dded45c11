/* porter.c - see porter.h. */
#include "porter.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dwell.h"
#include "server_state.h"
#include "shaking.h"

enum {
    EVENTS_AT_ONCE = 16,
    READS_IN_A_ROW = 32, /* of one link, before the others are looked for */
};

static const uint64_t TOKEN_END = UINT64_MAX;

struct pyn_porter {
    struct pyn_server *server;
    pthread_t thread;
    int epoll;
    struct pyn_dwell dwell;
};

/* More of it may come within microseconds: who sleeps instead is woken for each piece of it. */
static void linger(struct pyn_porter *porter, struct pyn_link *link)
{
    bool came = true;

    for (int i = 0; i < READS_IN_A_ROW && came && atomic_load(&link->is_carried) && pyn_dwell_may(&porter->dwell); i++) {
        do {
            came = pyn_server_serve(link, 0);
        } while (!came && pyn_dwell_yield(&porter->dwell));
        pyn_dwell_note(&porter->dwell, came);
    }
}

static void carry(struct pyn_porter *porter, const struct epoll_event *event)
{
    struct pyn_server *server = porter->server;
    struct pyn_link *link = pyn_server_find(server, event->data.u64);

    if (link != NULL) {
        if (pyn_server_serve(link, event->events)) {
            linger(porter, link);
        }
        pyn_shaking_settle(server, link);
        pyn_server_rouse(server);
        pyn_link_unref(link);
    }
}

static void *run(void *arg)
{
    struct pyn_porter *porter = arg;
    struct epoll_event events[EVENTS_AT_ONCE];
    bool is_over = false;

    (void)prctl(PR_SET_NAME, "pynto-porter"); /* for top and ps */
    while (!is_over) {
        int n = epoll_wait(porter->epoll, events, EVENTS_AT_ONCE, -1);
        is_over = n < 0 && errno != EINTR;
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == TOKEN_END) {
                is_over = true;
            } else {
                carry(porter, &events[i]);
            }
        }
    }
    return NULL;
}

static void close_own(struct pyn_porter *porter)
{
    if (porter->epoll >= 0) {
        (void)close(porter->epoll);
    }
    free(porter);
}

static bool start(struct pyn_porter *porter)
{
    sigset_t all;
    sigset_t before;
    bool is_started = false;

    if (porter->epoll < 0) {
        return false;
    }
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for others */
    is_started = pthread_create(&porter->thread, NULL, run, porter) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_started;
}

static struct pyn_porter *make(struct pyn_server *server)
{
    struct pyn_porter *porter = malloc(sizeof *porter);

    if (porter != NULL) {
        *porter = (struct pyn_porter){.server = server, .epoll = epoll_create1(EPOLL_CLOEXEC)};
        if (!start(porter)) {
            close_own(porter);
            porter = NULL;
        }
    }
    return porter;
}

bool pyn_porter_begin(struct pyn_server *server)
{
    struct pyn_porter *porter = NULL;

    pyn_server_lock(server);
    if (server->porter == NULL && !server->has_no_porter && !server->is_stopping) {
        server->porter = make(server);
        server->has_no_porter = server->porter == NULL; /* nor will there be one: it is not asked for again and again */
    }
    porter = server->porter;
    pyn_server_unlock(server);
    return porter != NULL;
}

int pyn_porter_epoll(const struct pyn_server *server)
{
    return server->porter != NULL ? server->porter->epoll : -1; /* in a child of a fork there is none */
}

void pyn_porter_free(struct pyn_porter *porter, bool is_ours)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = TOKEN_END};

    if (porter == NULL) {
        return;
    }
    if (is_ours) {
        (void)epoll_ctl(porter->epoll, EPOLL_CTL_ADD, porter->server->wake, &event); /* and is told at once: */
        (void)eventfd_write(porter->server->wake, 1);
        (void)pthread_join(porter->thread, NULL);
    }
    close_own(porter);
}
