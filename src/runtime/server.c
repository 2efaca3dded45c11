/* server.c - the loop: every thread waits on one epoll, reads for all links, and runs the calls whose turn it is. */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attend.h"
#include "clock.h"
#include "dwell.h"
#include "notice.h"
#include "porter.h"
#include "server_state.h"
#include "shaking.h"

enum { THREADS_KEPT = 2, EVENTS_AT_ONCE = 16 };

enum { ASKED_IN_A_ROW = 32 }; /* by one link, before the others are looked for */

static const struct pyn_rate line_rate = {.per_second = 10, .burst = 100};

/* What an epoll event is about: the kind in the upper half, a slot or listener in the lower. */
static const uint64_t TOKEN_WAKE = UINT64_C(1) << 62;
static const uint64_t TOKEN_LISTENER = UINT64_C(1) << 61;

/* ---- life ---- */

static void close_own(struct pyn_server *server)
{
    if (server->epoll >= 0) {
        (void)close(server->epoll);
    }
    if (server->wake >= 0) {
        (void)close(server->wake);
    }
    server->epoll = server->wake = -1;
}

/* In a child: its own copies. The files of the listeners are the parent's. */
static void drop_inherited(struct pyn_keepsake *keepsake)
{
    struct pyn_server *server = (struct pyn_server *)((char *)keepsake - offsetof(struct pyn_server, keepsake));

    close_own(server);
    pyn_porter_free(server->porter, false);
    server->porter = NULL;
    pyn_server_unlisten(server);
}

static struct pyn_gate *new_gate(void)
{
    const struct pyn_gate_limits limits = pyn_gate_limits_default();
    uint8_t secret[PYN_GATE_SECRET_LEN];

    randombytes_buf(secret, sizeof secret);
    return pyn_gate_new(pyn_mem_default(), &limits, secret);
}

pyn_status pyn_server_new(const struct pyn_server_config *config, struct pyn_server **out)
{
    struct pyn_server *server = calloc(1, sizeof *server);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = TOKEN_WAKE};

    *out = NULL;
    if (server == NULL) {
        return PYN_ENOMEM;
    }
    server->config = *config;
    atomic_init(&server->inbox, config->inbox);
    server->birth = pyn_fork_count();
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    pyn_keepsake_enter(&server->keepsake, drop_inherited);
    server->links = calloc(config->connection_max, sizeof *server->links);
    server->lines = pyn_bucket_full(&line_rate, pyn_now());
    server->gate = new_gate();
    (void)pthread_mutex_init(&server->lock, NULL);
    (void)pthread_cond_init(&server->unpark, NULL);
    if (server->epoll < 0 || server->wake < 0 || server->links == NULL || server->gate == NULL ||
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->wake, &event) != 0) {
        pyn_server_free(server);
        return PYN_ENOMEM;
    }
    *out = server;
    return PYN_OK;
}

void pyn_server_unlisten(struct pyn_server *server)
{
    for (uint32_t i = 0; i < server->listener_count; i++) {
        if (!pyn_server_is_ours(server)) {
            server->listeners[i].owns_path = false; /* the file is the parent's */
        }
        pyn_listener_close(&server->listeners[i]); /* epoll forgets it */
    }
    server->listener_count = 0;
}

void pyn_server_free(struct pyn_server *server)
{
    if (server == NULL) {
        return;
    }
    pyn_keepsake_leave(&server->keepsake);
    pyn_porter_free(server->porter, pyn_server_is_ours(server));
    pyn_server_unlisten(server);
    close_own(server);
    free(server->links);
    pyn_gate_free(server->gate);
    pyn_crowd_fini(&server->crowd);
    pyn_estates_fini(&server->estates);
    (void)pthread_cond_destroy(&server->unpark);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}

/* Whoever connects makes a line when it goes: so many are told, the others counted. *untold: those of which nobody has been told yet. */
static bool may_log(struct pyn_server *server, uint64_t *untold)
{
    bool may = false;

    pyn_server_lock(server);
    may = pyn_bucket_take(&server->lines, &line_rate, 1, pyn_now());
    if (may) {
        *untold = server->untold;
        server->untold = 0;
    } else {
        server->untold++;
        server->unlogged++;
    }
    pyn_server_unlock(server);
    return may;
}

void pyn_server_log(struct pyn_server *server, uint64_t connection, const char *peer, const char *text)
{
    uint64_t untold = 0;
    char line[64];

    if (!may_log(server, &untold)) {
        return;
    }
    if (untold > 0) {
        (void)snprintf(line, sizeof line, "%" PRIu64 " lines about connections were too many", untold);
        pyn_log_put(server->config.log, 0, "", line);
    }
    pyn_log_put(server->config.log, connection, peer, text);
}

size_t pyn_server_message_max(const struct pyn_server *server)
{
    return pyn_classes_message_max(server->config.classes);
}

bool pyn_server_listen(struct pyn_server *server, const struct pyn_listener *listener,
                       const struct pyn_layer_sources *layers)
{
    struct epoll_event event = {.events = EPOLLIN};

    if (server->listener_count == PYN_LISTENERS_MAX) {
        return false;
    }
    event.data.u64 = TOKEN_LISTENER | server->listener_count;
    if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, listener->fd, &event) != 0) {
        return false;
    }
    server->layers[server->listener_count] = *layers;
    server->listeners[server->listener_count++] = *listener;
    return true;
}

/* ---- links ---- */

struct pyn_link *pyn_server_find(struct pyn_server *server, uint64_t token)
{
    uint32_t slot = (uint32_t)token;
    struct pyn_link *link = NULL;

    pyn_server_lock(server);
    if (slot < server->config.connection_max && server->links[slot] != NULL &&
        server->links[slot]->generation == (uint32_t)(token >> 32)) {
        link = pyn_link_ref(server->links[slot]);
    }
    pyn_server_unlock(server);
    return link;
}

void pyn_server_each(struct pyn_server *server, void (*look)(void *ctx, struct pyn_link *link), void *ctx)
{
    bool is_more = true;

    for (uint32_t slot = 0; is_more; slot++) {
        struct pyn_link *link = NULL;
        pyn_server_lock(server);
        is_more = slot < server->slots_end;
        if (is_more && server->links[slot] != NULL) {
            link = pyn_link_ref(server->links[slot]);
        }
        pyn_server_unlock(server);
        if (link != NULL) {
            look(ctx, link);
            pyn_link_unref(link);
        }
    }
}

void pyn_server_join_loop(struct pyn_server *server, struct pyn_inbox *inbox)
{
    atomic_store(&server->inbox, inbox);
}

/* What no honest client ends with. */
static bool is_offence(pyn_status over)
{
    return over >= PYN_EFORMAT && over <= PYN_EFLOOD;
}

/* With the server's lock held. */
static void free_slot(struct pyn_server *server, uint32_t slot)
{
    server->links[slot] = NULL;
    server->slots_full = slot < server->slots_full ? slot : server->slots_full;
    while (server->slots_end > 0 && server->links[server->slots_end - 1] == NULL) {
        server->slots_end--;
    }
}

void pyn_server_drop(struct pyn_server *server, struct pyn_link *link)
{
    bool was_there = false;
    bool is_end = false;

    pyn_link_lock(link);
    if (!link->is_alone || link->leaving != NULL) { /* else it is forgotten when it is closed */
        pyn_notice_end(link);
    }
    link->is_dropped = true;
    if (!link->is_reading) { /* else the thread that reads does it */
        pyn_link_close(link);
    }
    pyn_tally_harvest(server, link);
    pyn_link_unlock(link);
    pyn_server_lock(server);
    if (server->links[link->slot] == link) {
        free_slot(server, link->slot);
        server->link_count--;
        if (link->is_counted) {
            pyn_crowd_leave(&server->crowd, link->source);
        }
        pyn_place_leave(server, link);
        server->tally.ended[(int)link->over < (int)PYN_STATUSES ? link->over : PYN_EINTERNAL]++;
        was_there = true;
        is_end = server->config.ends_deserted && server->link_count == 0;
    }
    pyn_server_unlock(server);
    if (was_there) {
        if (link->was_in && is_offence(link->over)) {
            pyn_shaking_judge(server, link, false);
        }
        if (!link->is_untold) {
            pyn_server_log(server, link->serial, link->peer, link->reason);
        }
        if (server->attendant != NULL) {
            pyn_attendant_over(server->attendant, link->serial);
        }
        pyn_link_unref(link);
    }
    if (is_end) {
        pyn_server_stop(server);
    }
}

/* ---- the loop ---- */

/* It comes over a Unix socket. */
static bool is_near(const struct pyn_link *link)
{
    return link->has_uid;
}

/* The link from which something has come, counted; NULL: from none. */
static struct pyn_link *handle(struct pyn_server *server, const struct epoll_event *event)
{
    uint64_t token = event->data.u64;
    struct pyn_link *link = NULL;
    eventfd_t count = 0;
    bool came = false;

    if (token == TOKEN_WAKE) {
        if (pyn_rota_is_meant(server)) { /* stays readable for every thread when it is over */
            (void)eventfd_read(server->wake, &count);
        }
    } else if ((token & TOKEN_LISTENER) != 0) {
        link = pyn_server_accept(server, (uint32_t)(token & 0xff));
        came = link != NULL && is_near(link) && pyn_server_serve(link, EPOLLIN); /* who is near has said hello by now */
    } else {
        link = pyn_server_find(server, token);
        if (link != NULL) {
            came = pyn_server_serve(link, event->events);
        }
    }
    if (link != NULL) {
        pyn_shaking_settle(server, link);
    }
    if (!came) {
        pyn_link_unref(link);
        link = NULL;
    }
    return link;
}

static bool is_stopping(struct pyn_server *server)
{
    return atomic_load(&server->is_stopping);
}

/* A thread that was made while others waited, and that nothing is left for. */
static bool is_too_many(struct pyn_server *server)
{
    bool is = false;

    pyn_server_lock(server);
    is = server->threads > THREADS_KEPT && server->idle >= THREADS_KEPT;
    pyn_server_unlock(server);
    return is;
}

/* What else has happened meanwhile is not to wait for a peer that asks and asks. True: something has. */
static bool look_around(struct pyn_server *server, const struct pyn_link *link)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int n = epoll_wait(server->epoll, events, EVENTS_AT_ONCE, 0);
    bool is_other = false;

    for (int i = 0; i < n; i++) {
        struct pyn_link *about = handle(server, &events[i]);
        is_other = is_other || (about != link && about != NULL) || events[i].data.u64 >= TOKEN_LISTENER;
        pyn_link_unref(about);
    }
    pyn_server_take_turns(server);
    return is_other;
}

/* Is it worth looking for? What has more to say than can be read at once comes when others have been heard. */
static bool may_linger(struct pyn_link *link, struct pyn_dwell *dwell)
{
    return !atomic_load(&link->is_over) && !atomic_load_explicit(&link->comes_back, memory_order_relaxed) &&
           pyn_dwell_may(dwell);
}

/*
 * Who has just got an answer may ask again within microseconds: it is looked for, for a moment, with the processor given away in between, instead of
 * sleeping and being woken. Only of the link that was served last, and as long as that pays.
 */
static void linger(struct pyn_server *server, struct pyn_link *link, struct pyn_dwell *dwell, uint64_t until)
{
    for (int asked = 1; may_linger(link, dwell); asked++) {
        bool came = false;
        if (dwell->from >= until || is_stopping(server) || !pyn_server_is_ours(server)) {
            return;
        }
        do {
            came = pyn_server_serve(link, 0);
        } while (!came && pyn_dwell_yield(dwell));
        pyn_dwell_note(dwell, came);
        if (!came) {
            return;
        }
        pyn_shaking_settle(server, link);
        pyn_server_take_turns(server);
        if (asked % ASKED_IN_A_ROW == 0 && look_around(server, link)) {
            return;
        }
    }
}

pyn_status pyn_server_run(struct pyn_server *server, bool looks_up, bool is_spare)
{
    const uint64_t until = pyn_now() + UINT64_C(1000000) * PYN_TICK_MS;
    struct epoll_event events[EVENTS_AT_ONCE];
    struct pyn_dwell dwell = {0};
    pyn_status st = PYN_OK;

    pyn_server_lock(server);
    server->threads++;
    pyn_server_unlock(server);
    pyn_server_take_turns(server); /* what this thread may have been made for */
    while (st == PYN_OK && pyn_server_is_ours(server) && !is_stopping(server)) {
        int wait_ms = PYN_TICK_MS;
        int n = 0;
        int error = 0;
        struct pyn_link *link = NULL;
        if (!pyn_rota_begin(server, is_spare, &wait_ms)) {
            break;
        }
        n = epoll_wait(server->epoll, events, EVENTS_AT_ONCE, wait_ms);
        error = errno;
        pyn_rota_end(server);
        for (int i = 0; i < n; i++) { /* all of them ahead of the next turn, which may be long */
            struct pyn_link *about = handle(server, &events[i]);
            if (n == 1) {
                link = about;
            } else {
                pyn_link_unref(about);
            }
        }
        if (n == 0 && wait_ms > 0 && is_spare && is_too_many(server)) {
            break;
        }
        pyn_server_tick(server);
        pyn_server_take_turns(server);
        if (link != NULL) {
            linger(server, link, &dwell, looks_up ? until : pyn_now() + UINT64_C(1000000) * PYN_TICK_MS);
            pyn_link_unref(link);
        }
        if (!pyn_server_is_ours(server)) {
            return PYN_OK; /* a call has forked, and the child came back from it */
        }
        if (looks_up && ((n < 0 && error == EINTR) || pyn_now() >= until)) {
            st = PYN_EWAIT; /* it may also have come between two waits */
        }
    }
    if (is_stopping(server)) {
        st = PYN_OK;
        pyn_server_close_all(server);
    }
    pyn_server_lock(server);
    server->threads--;
    pyn_server_unlock(server);
    return st;
}

void pyn_server_stop(struct pyn_server *server)
{
    if (!pyn_server_is_ours(server)) {
        return;
    }
    pyn_server_lock(server);
    atomic_store(&server->is_stopping, true);
    (void)pthread_cond_broadcast(&server->unpark);
    pyn_server_unlock(server);
    (void)eventfd_write(server->wake, 1u << 16);
}

static void end_stopped(void *ctx, struct pyn_link *link)
{
    pyn_link_lock(link);
    if (link->over == PYN_OK) {
        link->is_stopped = true;
        pyn_session_goodbye(link->session, 0, "the server stops");
        pyn_link_end(link, PYN_EGONE, "the server stops");
    }
    pyn_link_unlock(link);
    pyn_shaking_settle(ctx, link);
}

void pyn_server_close_all(struct pyn_server *server)
{
    pyn_server_each(server, end_stopped, server);
    pyn_server_take_all_turns(server);
}

void pyn_server_note_overrun(struct pyn_server *server, int why)
{
    (void)atomic_fetch_add_explicit(&server->tally.overruns[why], 1, memory_order_relaxed);
}

bool pyn_server_exits_stuck(const struct pyn_server *server)
{
    return server->config.exits_stuck;
}

uint64_t pyn_server_stuck_after(const struct pyn_server *server, uint64_t usual)
{
    return server->config.stuck_ns != 0 ? server->config.stuck_ns : usual;
}

bool pyn_server_is_stuck(struct pyn_server *server)
{
    if (server->attendant != NULL) {
        pyn_attendant_stuck(server->attendant);
    }
    return server->attendant != NULL;
}

struct pyn_parting *pyn_server_parting(const struct pyn_server *server)
{
    return server->config.parting;
}

void pyn_server_attended(struct pyn_server *server, struct pyn_attendant *attendant)
{
    server->attendant = attendant;
}

void pyn_server_stats(struct pyn_server *server, struct pyn_server_stats *out)
{
    pyn_server_lock(server);
    *out = (struct pyn_server_stats){.links = server->link_count,
                                     .threads = server->threads,
                                     .suspended = server->suspended,
                                     .accepted = server->accepted,
                                     .turned_away = server->turned_away,
                                     .crowded = server->crowded,
                                     .full = server->full,
                                     .unlogged = server->unlogged,
                                     .failed = server->failed,
                                     .multiplications = server->multiplications,
                                     .calls = server->calls};
    pyn_server_unlock(server);
}
