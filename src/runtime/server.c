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
#include "parting.h"
#include "server_state.h"
#include "shaking.h"

enum {
    READ_AT_ONCE = 16 * 1024,
    READ_UNOPENED = 4096,
    READS_IN_A_ROW = 16,
    TICK_MS = 500,
    THREADS_KEPT = 2,
    EVENTS_AT_ONCE = 16
};

enum { ASKED_IN_A_ROW = 32 }; /* by one link, before the others are looked for */

enum { DRIP_RATE = 16 * 1024 }; /* bytes of an unfinished message that earn it another second */

static const uint64_t READ_SHARE = 500000; /* ns */
static const uint64_t SECOND = UINT64_C(1000000000);
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
    pyn_server_unlisten(server);
    close_own(server);
    free(server->links);
    pyn_gate_free(server->gate);
    pyn_crowd_fini(&server->crowd);
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

static bool watch(const struct pyn_server *server, int fd, uint32_t events, uint64_t token)
{
    struct epoll_event event = {.events = events | EPOLLET, .data.u64 = token};

    return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static uint64_t token_of(const struct pyn_link *link)
{
    return (uint64_t)link->generation << 32 | link->slot;
}

static uint32_t events_of(const struct pyn_link *link)
{
    return link->in == link->out ? EPOLLIN | EPOLLOUT | EPOLLRDHUP : EPOLLIN | EPOLLRDHUP;
}

/* What is there already is told again, behind what others have to say. With the link's lock held. */
static void tell_again(const struct pyn_link *link)
{
    struct epoll_event event = {.events = events_of(link) | EPOLLET, .data.u64 = token_of(link)};

    (void)epoll_ctl(link->server->epoll, EPOLL_CTL_MOD, link->in, &event);
}

/* With the lock held: its place among those of its source. */
static bool enter_crowd(struct pyn_server *server, const struct pyn_link *link)
{
    return !link->is_counted || pyn_crowd_enter(&server->crowd, link->source, server->config.source_max);
}

/* With the lock held: why there is no place for it, or NULL. is_known: who is there. */
static const char *take_place(struct pyn_server *server, struct pyn_link *link, uint32_t slot, bool is_known)
{
    const char *fault = NULL;

    if (slot == server->config.connection_max || server->is_stopping) {
        return "refused: too many connections";
    }
    fault = is_known ? pyn_place_take(server, link) : NULL;
    if (fault == NULL && !enter_crowd(server, link)) {
        pyn_place_leave(server, link);
        fault = "refused: too many connections of its source";
    }
    return fault;
}

/* NULL, or why there is no place for it. */
static const char *enroll(struct pyn_server *server, struct pyn_link *link, bool is_known)
{
    const char *fault = NULL;
    uint32_t slot = 0;

    pyn_server_lock(server);
    while (slot < server->config.connection_max && server->links[slot] != NULL) {
        slot++;
    }
    fault = take_place(server, link, slot, is_known);
    if (fault == NULL) {
        server->links[slot] = pyn_link_ref(link);
        server->link_count++;
        server->accepted++;
        link->slot = slot;
        link->serial = server->accepted;
        link->generation = ++server->generation & 0x0fffffff;
    }
    pyn_server_unlock(server);
    return fault;
}

static void saw(void *ctx, const struct pyn_decided *decided)
{
    struct pyn_link *link = ctx;
    char principal[64];
    const struct pyn_trail_peer peer = {link->serial, link->peer, principal};

    pyn_link_caller(link, principal, sizeof principal);
    pyn_trail_put(link->server->config.trail, &peer, decided);
}

static struct pyn_link *make_link(struct pyn_server *server, int in, int out, const char *peer,
                                  const struct pyn_layer_sources *layers)
{
    struct pyn_link *link = pyn_link_new(NULL, &server->config.classes->strictest, in, out, peer);
    struct pyn_session_config config = {.role = PYN_ROLE_SERVER, .mem = pyn_mem_default(), .now = pyn_now()};

    if (link == NULL) {
        return NULL;
    }
    link->classes = pyn_classes_ref(server->config.classes);
    config.quotas = link->quotas;
    config.costs = server->config.costs;
    if (server->config.trail != NULL) {
        config.witness = (struct pyn_witness){saw, link};
    }
    if (pyn_session_new(&config, &link->session) != PYN_OK || pyn_stack_new(config.mem, layers, &link->stack) != PYN_OK) {
        link->in = link->out = -1;
        pyn_link_unref(link);
        return NULL;
    }
    link->server = server;
    link->box.inbox = server->config.inbox;
    link->host = server->config.host.ctx;
    return link;
}

static const char *const transports[] = {
    [PYN_SCHEME_NONE] = "unknown",
    [PYN_SCHEME_TCP] = "tcp",
    [PYN_SCHEME_UNIX] = "unix",
    [PYN_SCHEME_FD] = "fd",
    [PYN_SCHEME_WS] = "ws",
    [PYN_SCHEME_PYNTO] = "pynto",
    [PYN_SCHEME_PYNTO_WS] = "pynto+ws",
};

/* How a connection comes. */
struct arrival {
    const char *peer;
    const char *transport;
    const struct pyn_layer_sources *layers;
    const struct pyn_guest *guest;       /* NULL: the host brought it */
    const struct pyn_newcomer *newcomer; /* that another process has let in, or NULL */
};

static void note_guest(struct pyn_link *link, const struct pyn_guest *guest)
{
    memcpy(link->source, guest->source, sizeof link->source);
    link->is_counted = guest->is_counted;
    link->is_judged = guest->is_judged;
}

static void note_origin(struct pyn_link *link, const char *transport)
{
    uid_t uid = 0;

    link->transport = transport;
    link->is_parent = strcmp(transport, "stdio") == 0;
    link->has_uid = pyn_peer_uid(link->in, &uid);
    link->uid = uid;
}

/* It goes on where it was. */
static void settle_in(struct pyn_link *link, const struct pyn_newcomer *newcomer)
{
    pyn_link_lock(link);
    link->serial = newcomer->serial;
    link->accepted_at = newcomer->accepted_at;
    pyn_link_feed_plain(link, newcomer->plain);
    pyn_link_unlock(link);
}

static bool adopt(struct pyn_server *server, int in, int out, const struct arrival *arrival)
{
    const char *peer = arrival->peer;
    const char *fault = NULL;
    struct pyn_link *link = NULL;
    bool is_watched = false;
    bool is_known = false;

    if (pyn_set_blocking(in, false) && (in == out || pyn_set_blocking(out, false))) {
        link = make_link(server, in, out, peer, arrival->layers);
    }
    if (link == NULL) {
        pyn_stack_free(arrival->newcomer != NULL ? arrival->newcomer->stack : NULL);
        (void)close(in);
        if (out != in) {
            (void)close(out);
        }
        return false;
    }
    note_origin(link, arrival->transport);
    if (arrival->guest != NULL) {
        note_guest(link, arrival->guest);
    }
    if (arrival->newcomer != NULL) {
        link->stack = arrival->newcomer->stack;
    }
    is_known = pyn_link_channel(link) == NULL; /* else it is known when it has said its hello */
    if (is_known) {
        (void)pyn_place_find(server, link);
    }
    fault = enroll(server, link, is_known);
    if (fault == NULL) {
        if (arrival->newcomer != NULL) {
            settle_in(link, arrival->newcomer);
        }
        if (arrival->guest != NULL && arrival->guest->is_remote) {
            pyn_shaking_enter(server, link);
        }
        is_watched = watch(server, in, events_of(link), token_of(link)) &&
                     (in == out || watch(server, out, EPOLLOUT, token_of(link)));
        if (!is_watched) {
            pyn_link_lock(link);
            pyn_link_end(link, PYN_EGONE, "the descriptor cannot be watched");
            pyn_link_unlock(link);
            pyn_shaking_settle(server, link);
        }
    } else {
        pyn_server_log(server, 0, peer, fault);
    }
    pyn_link_unref(link);
    return is_watched;
}

bool pyn_server_adopt(struct pyn_server *server, int in, int out, const char *peer, const char *transport,
                      const struct pyn_layer_sources *layers)
{
    const struct arrival arrival = {.peer = peer, .transport = transport, .layers = layers};

    return adopt(server, in, out, &arrival);
}

/* What is kept of it has to outlive the link. */
static const char *name_of(const char *transport)
{
    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++) {
        if (strcmp(transports[i], transport) == 0) {
            return transports[i];
        }
    }
    return transports[PYN_SCHEME_NONE];
}

bool pyn_server_take_over(struct pyn_server *server, const struct pyn_newcomer *newcomer)
{
    static const struct pyn_layer_sources none;
    const struct arrival arrival = {
        .peer = newcomer->peer, .transport = name_of(newcomer->transport), .layers = &none, .newcomer = newcomer};

    return adopt(server, newcomer->fd, newcomer->fd, &arrival);
}

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

/* What no honest client ends with. */
static bool is_offence(pyn_status over)
{
    return over >= PYN_EFORMAT && over <= PYN_EFLOOD;
}

void pyn_server_drop(struct pyn_server *server, struct pyn_link *link)
{
    bool was_there = false;
    bool is_end = false;

    pyn_link_lock(link);
    (void)epoll_ctl(server->epoll, EPOLL_CTL_DEL, link->in, NULL);
    if (link->out != link->in) {
        (void)epoll_ctl(server->epoll, EPOLL_CTL_DEL, link->out, NULL);
    }
    link->is_dropped = true;
    if (!link->is_reading) { /* else the thread that reads does it */
        pyn_link_close(link);
    }
    pyn_tally_harvest(server, link);
    pyn_link_unlock(link);
    pyn_server_lock(server);
    if (server->links[link->slot] == link) {
        server->links[link->slot] = NULL;
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

/* ---- reading ---- */

static ssize_t read_some(const struct pyn_link *link, uint8_t *scratch, size_t max)
{
    ssize_t n = 0;

    do {
        n = link->is_socket ? recv(link->in, scratch, max, MSG_DONTWAIT) : read(link->in, scratch, max);
    } while (n < 0 && errno == EINTR);
    return n;
}

/*
 * Reads until nothing is there, or the peer has to wait, or it has had its share. True: there may be more. The lock is held. *came: something was there,
 * the end counted.
 */
static bool drain(struct pyn_link *link, bool is_hung_up, bool *came)
{
    uint8_t scratch[READ_AT_ONCE];
    const uint64_t began = pyn_now();

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
        if (pyn_link_is_large(link)) {
            n = pyn_link_read_large(link);
            error = errno;
            if (n > 0) {
                *came = true;
                continue;
            }
        } else { /* it does not wait, so that the lock need not be given back for it */
            n = read_some(link, scratch, max);
            error = errno;
        }
        *came = *came || n >= 0;
        if (n > 0) {
            link->is_awake = true;
            pyn_link_feed(link, scratch, (size_t)n);
            if ((size_t)n < max && !is_hung_up) {
                return false;
            }
        } else if (n == 0 || (error != EAGAIN && error != EWOULDBLOCK)) {
            pyn_link_end(link, PYN_EGONE, n == 0 ? pyn_link_cut_reason(link) : "the peer is gone");
            return false;
        } else {
            return false;
        }
    }
    return true;
}

/* One thread reads a link; another that finds it so leaves a note. True: something was there. */
static bool serve_link(struct pyn_link *link, bool is_hung_up)
{
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
        if (link->over == PYN_OK) {
            pyn_link_flush(link);
            pyn_parting_look(link);
            pyn_link_dispatch(link); /* output has gone: what was held back may go on */
        }
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
    if (is_more && link->over == PYN_OK) {
        tell_again(link); /* others first */
    }
    if (link->is_dropped) {
        pyn_link_close(link);
    }
    pyn_link_unlock(link);
    return came;
}

void pyn_server_look(struct pyn_link *link)
{
    (void)serve_link(link, false);
}

/* After an answer: what was held back may be read now. */
void pyn_server_unpause(struct pyn_link *link)
{
    bool is_due = false;

    if (!atomic_load(&link->was_paused)) {
        return;
    }
    pyn_link_lock(link);
    is_due = link->over == PYN_OK && !link->is_paused;
    pyn_link_unlock(link);
    if (is_due) {
        (void)serve_link(link, true);
    }
}

/* Once a second: whoever causes it can do so all the time. */
static void complain(struct pyn_server *server, const char *text)
{
    const uint64_t now = pyn_now();
    bool is_due = false;

    pyn_server_lock(server);
    is_due = now >= server->next_complaint;
    if (is_due) {
        server->next_complaint = now + UINT64_C(1000000000);
    }
    pyn_server_unlock(server);
    if (is_due) {
        pyn_server_log(server, 0, "", text);
    }
}

static struct pyn_guest guest_of(const struct pyn_server *server, const struct pyn_address *address, int fd)
{
    struct pyn_guest guest = {.has_door = pyn_address_is_sealed(address)};
    bool is_known = false;

    guest.is_remote = guest.has_door || address->scheme == PYN_SCHEME_TCP || address->scheme == PYN_SCHEME_WS;
    if (guest.is_remote) {
        pyn_source_of(fd, guest.source);
        is_known = !pyn_crowd_is_near(guest.source);
        guest.is_counted = is_known || server->config.is_near_limited;
        guest.is_judged = is_known || guest.has_door;
    }
    return guest;
}

/* NULL, or why there is none for it. Cheaper than to find out when it is a link. */
static const char *why_no_place(struct pyn_server *server, const struct pyn_guest *guest)
{
    const char *why = NULL;

    pyn_server_lock(server);
    if (server->link_count >= server->config.connection_max) {
        why = "refused: too many connections";
        server->full++;
    } else if (guest->is_counted && pyn_crowd_count(&server->crowd, guest->source) >= server->config.source_max) {
        why = "refused: too many connections of one source";
        server->crowded++;
    }
    pyn_server_unlock(server);
    return why;
}

static void accept_one(struct pyn_server *server, uint32_t index, int fd, const char *peer)
{
    const enum pyn_scheme scheme = server->listeners[index].address.scheme;
    const struct pyn_guest guest = guest_of(server, &server->listeners[index].address, fd);
    const struct arrival arrival = {
        .peer = peer, .transport = transports[scheme], .layers = &server->layers[index], .guest = &guest};
    const char *why = why_no_place(server, &guest);

    if (why != NULL) {
        (void)close(fd);
        complain(server, why);
        return;
    }
    if (!pyn_shaking_admits(server, &guest)) {
        (void)close(fd); /* not a word, not a line, and nothing computed */
        pyn_server_lock(server);
        server->turned_away++;
        pyn_server_unlock(server);
        return;
    }
    (void)adopt(server, fd, fd, &arrival);
}

static void accept_all(struct pyn_server *server, uint32_t index)
{
    char peer[160];

    for (int i = 0; i < READS_IN_A_ROW; i++) {
        int fd = pyn_accept(&server->listeners[index], peer, sizeof peer);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                complain(server, "no descriptor is left for another connection");
                (void)usleep(10000); /* the listener stays readable: do not spin */
            }
            return;
        }
        accept_one(server, index, fd, peer);
    }
}

/* ---- time ---- */

/* A call to the peer that no thread waits for: who waits in a thread looks at the clock itself. */
static bool is_unanswered(const struct pyn_link *link, uint64_t now)
{
    uint64_t since = pyn_box_waits_since(&link->box);

    return since != 0 && now > since && now - since > link->quotas->callback_ns;
}

/* A message that comes so slowly that it holds what has come of it for longer than anybody needs. */
static bool is_dripping(struct pyn_link *link, uint64_t now)
{
    size_t come = 0;
    uint64_t since = pyn_session_unfinished_since(link->session, &come);

    return since != 0 && now > since && now - since > link->quotas->unfinished_ns + come / DRIP_RATE * SECOND;
}

/* Whoever has said nothing for a while keeps no more than what it is. */
static void rest_if_idle(struct pyn_link *link)
{
    if (!link->is_awake && !link->is_reading) {
        pyn_session_rest(link->session);
    }
    link->is_awake = false;
}

static void check_time(struct pyn_link *link)
{
    uint64_t now = 0;

    pyn_link_lock(link);
    now = pyn_now(); /* not earlier: what it is compared with may have been set a moment ago */
    pyn_link_check_expiry(link);
    if (link->over == PYN_OK && !pyn_parting_is_away(link)) {
        if (!pyn_link_has_output(link)) {
            link->moved_at = now;
            if (pyn_session_has_frees(link->session) && pyn_session_flush_frees(link->session) == PYN_OK) {
                pyn_link_flush(link);
            }
        } else if (now - link->moved_at > link->quotas->stall_ns) {
            pyn_link_end(link, PYN_EFLOOD, "the peer does not read");
        }
        if (now - link->accepted_at > link->quotas->handshake_ns) {
            pyn_link_end_unopened(link);
        }
        if (link->over == PYN_OK && is_dripping(link, now)) {
            pyn_session_goodbye(link->session, (uint32_t)PYN_EFLOOD, "a message does not come to its end");
            pyn_link_end(link, PYN_EFLOOD, "a message does not come to its end");
        }
        if (link->over == PYN_OK && is_unanswered(link, now)) {
            pyn_session_goodbye(link->session, (uint32_t)PYN_EPROTOCOL, "a callback was not answered in time");
            pyn_link_end(link, PYN_EPROTOCOL, "a callback was not answered in time");
        }
        if (link->over == PYN_OK && !pyn_session_is_ready(link->session) &&
            now - link->accepted_at > link->quotas->hello_ns) {
            pyn_session_goodbye(link->session, (uint32_t)PYN_EPROTOCOL, "no hello");
            pyn_link_end(link, PYN_EPROTOCOL, "no hello in time");
        }
        rest_if_idle(link);
    }
    pyn_link_unlock(link);
}

static void tick(struct pyn_server *server)
{
    uint64_t now = pyn_now();
    bool is_due = false;

    if (now < atomic_load(&server->next_tick)) {
        return;
    }
    pyn_server_lock(server);
    is_due = now >= server->next_tick; /* and it is this thread that does it */
    if (is_due) {
        server->next_tick = now + UINT64_C(1000000) * TICK_MS;
    }
    pyn_server_unlock(server);
    if (!is_due) {
        return;
    }
    for (uint32_t slot = 0; slot < server->config.connection_max; slot++) {
        struct pyn_link *link = NULL;
        pyn_server_lock(server);
        if (server->links[slot] != NULL) {
            link = pyn_link_ref(server->links[slot]);
        }
        pyn_server_unlock(server);
        if (link != NULL) {
            check_time(link);
            pyn_shaking_settle(server, link);
            pyn_server_unpause(link);
            pyn_link_unref(link);
        }
    }
}

/* ---- the loop ---- */

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
        accept_all(server, (uint32_t)(token & 0xff));
    } else {
        link = pyn_server_find(server, token);
        if (link != NULL) {
            came = serve_link(link, (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
            pyn_shaking_settle(server, link);
        }
        if (!came) {
            pyn_link_unref(link);
            link = NULL;
        }
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

/*
 * Who has just got an answer may ask again within microseconds: it is looked for, for a moment, with the processor given away in between, instead of
 * sleeping and being woken. Only of the link that was served last, and as long as that pays.
 */
static void linger(struct pyn_server *server, struct pyn_link *link, struct pyn_dwell *dwell, uint64_t until)
{
    for (int asked = 1; !atomic_load(&link->is_over) && pyn_dwell_may(dwell); asked++) {
        bool came = false;
        if (dwell->from >= until || is_stopping(server) || !pyn_server_is_ours(server)) {
            return;
        }
        do {
            came = serve_link(link, false);
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
    const uint64_t until = pyn_now() + UINT64_C(1000000) * TICK_MS;
    struct epoll_event events[EVENTS_AT_ONCE];
    struct pyn_dwell dwell = {0};
    pyn_status st = PYN_OK;

    pyn_server_lock(server);
    server->threads++;
    pyn_server_unlock(server);
    pyn_server_take_turns(server); /* what this thread may have been made for */
    while (st == PYN_OK && pyn_server_is_ours(server) && !is_stopping(server)) {
        int wait_ms = TICK_MS;
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
        tick(server);
        pyn_server_take_turns(server);
        if (link != NULL) {
            linger(server, link, &dwell, looks_up ? until : pyn_now() + UINT64_C(1000000) * TICK_MS);
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

void pyn_server_close_all(struct pyn_server *server)
{
    for (uint32_t slot = 0; slot < server->config.connection_max; slot++) {
        struct pyn_link *link = NULL;
        pyn_server_lock(server);
        if (server->links[slot] != NULL) {
            link = pyn_link_ref(server->links[slot]);
        }
        pyn_server_unlock(server);
        if (link != NULL) {
            pyn_link_lock(link);
            if (link->over == PYN_OK) {
                link->is_stopped = true;
                pyn_session_goodbye(link->session, 0, "the server stops");
                pyn_link_end(link, PYN_EGONE, "the server stops");
            }
            pyn_link_unlock(link);
            pyn_shaking_settle(server, link);
            pyn_link_unref(link);
        }
    }
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
