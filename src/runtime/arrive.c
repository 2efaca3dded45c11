/* arrive.c - how a connection comes: accepted or handed over, given its place, and watched from then on. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "notice.h"
#include "server_state.h"
#include "shaking.h"

enum {
    ACCEPTED_IN_A_ROW = 16, /* before others have their turn */
    HEELS_NS = 25000,
};

/* ---- its place ---- */

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
    slot = server->slots_full;
    while (slot < server->config.connection_max && server->links[slot] != NULL) {
        slot++;
    }
    fault = take_place(server, link, slot, is_known);
    if (fault == NULL) {
        server->links[slot] = pyn_link_ref(link);
        server->slots_full = slot + 1;
        server->slots_end = slot < server->slots_end ? server->slots_end : slot + 1;
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

static struct pyn_link *make_link(struct pyn_server *server, const struct pyn_ends *ends, const char *peer,
                                  const struct pyn_layer_sources *layers)
{
    struct pyn_link *link = pyn_link_new(NULL, &server->config.classes->strictest, ends, peer);
    struct pyn_session_config config = {.role = PYN_ROLE_SERVER, .mem = pyn_mem_default(), .now = pyn_now()};

    if (link == NULL) {
        return NULL;
    }
    link->classes = pyn_classes_ref(server->config.classes);
    config.quotas = link->quotas;
    config.large = server->config.large;
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
    const struct pyn_visitor *visitor;   /* as guest */
    const struct pyn_newcomer *newcomer; /* that another process has let in, or NULL */
};

static void note_guest(struct pyn_link *link, const struct pyn_guest *guest)
{
    memcpy(link->source, guest->source, sizeof link->source);
    link->is_counted = guest->is_counted;
    link->is_judged = guest->is_judged;
}

static void note_origin(struct pyn_link *link, const struct arrival *arrival)
{
    const struct pyn_visitor *visitor = arrival->visitor;
    uid_t uid = visitor != NULL ? visitor->uid : 0;

    link->transport = arrival->transport;
    link->is_parent = strcmp(arrival->transport, "stdio") == 0;
    link->is_alone = visitor != NULL;
    link->has_uid = visitor != NULL ? visitor->has_uid : pyn_peer_uid(link->in, &uid);
    link->uid = uid;
}

/* Who was accepted is a socket, and does not block. */
static bool is_ready(int in, int out, const struct arrival *arrival)
{
    return arrival->visitor != NULL || (pyn_set_blocking(in, false) && (in == out || pyn_set_blocking(out, false)));
}

/* It goes on where it was. */
static void settle_in(struct pyn_link *link, const struct pyn_newcomer *newcomer)
{
    pyn_link_lock(link);
    link->serial = newcomer->serial;
    link->accepted_at = newcomer->accepted_at;
    pyn_link_feed_plain(link, newcomer->plain);
    pyn_link_flush(link);
    pyn_link_unlock(link);
}

/* Who is enrolled may be thrown out, by whoever comes next: then its descriptors are closed, and their numbers may be somebody else's by now. */
static bool begin_to_watch(struct pyn_link *link)
{
    bool is_watched = false;

    pyn_link_lock(link);
    is_watched = !link->is_dropped && pyn_notice_begin(link);
    if (!is_watched) {
        pyn_link_end(link, PYN_EGONE, "the descriptor cannot be watched");
    }
    pyn_link_unlock(link);
    return is_watched;
}

/* Counted; NULL: it is gone again. */
static struct pyn_link *adopt(struct pyn_server *server, int in, int out, const struct arrival *arrival)
{
    const char *peer = arrival->peer;
    const char *fault = NULL;
    struct pyn_link *link = NULL;
    bool is_watched = false;
    bool is_known = false;

    if (is_ready(in, out, arrival)) {
        const struct pyn_ends ends = {in, out, arrival->visitor != NULL};
        link = make_link(server, &ends, peer, arrival->layers);
    }
    if (link == NULL) {
        pyn_stack_free(arrival->newcomer != NULL ? arrival->newcomer->stack : NULL);
        (void)close(in);
        if (out != in) {
            (void)close(out);
        }
        return NULL;
    }
    note_origin(link, arrival);
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
        is_watched = begin_to_watch(link);
        if (!is_watched) {
            pyn_shaking_settle(server, link);
        }
    } else {
        pyn_server_log(server, 0, peer, fault);
    }
    if (!is_watched) {
        pyn_link_unref(link);
        link = NULL;
    }
    return link;
}

bool pyn_server_adopt(struct pyn_server *server, int in, int out, const char *peer, const char *transport,
                      const struct pyn_layer_sources *layers)
{
    const struct arrival arrival = {.peer = peer, .transport = transport, .layers = layers};

    struct pyn_link *link = adopt(server, in, out, &arrival);

    pyn_link_unref(link);
    return link != NULL;
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

    struct pyn_link *link = adopt(server, newcomer->fd, newcomer->fd, &arrival);

    pyn_link_unref(link);
    return link != NULL;
}

/* ---- those who come by themselves ---- */

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

static struct pyn_link *accept_one(struct pyn_server *server, uint32_t index, int fd, const struct pyn_visitor *visitor)
{
    const enum pyn_scheme scheme = server->listeners[index].address.scheme;
    const struct pyn_guest guest = guest_of(server, &server->listeners[index].address, fd);
    const struct arrival arrival = {.peer = visitor->text,
                                    .transport = transports[scheme],
                                    .layers = &server->layers[index],
                                    .guest = &guest,
                                    .visitor = visitor};
    const char *why = why_no_place(server, &guest);

    if (why != NULL) {
        (void)close(fd);
        complain(server, why);
        return NULL;
    }
    if (!pyn_shaking_admits(server, &guest)) {
        (void)close(fd); /* not a word, not a line, and nothing computed */
        pyn_server_lock(server);
        server->turned_away++;
        pyn_server_unlock(server);
        return NULL;
    }
    return adopt(server, fd, fd, &arrival);
}

/* How many are taken at once: as a rule one, since to ask for another costs as much as to be told of it. Those that come on each other's heels are more. */
static uint32_t how_many(struct pyn_server *server)
{
    const uint64_t now = pyn_now();
    const uint64_t before = atomic_exchange_explicit(&server->accepted_at, now, memory_order_relaxed);
    uint32_t most = atomic_load_explicit(&server->accepts, memory_order_relaxed);

    most = now - before > HEELS_NS ? 1 : most < ACCEPTED_IN_A_ROW ? most * 2 : ACCEPTED_IN_A_ROW;
    atomic_store_explicit(&server->accepts, most, memory_order_relaxed);
    return most;
}

struct pyn_link *pyn_server_accept(struct pyn_server *server, uint32_t index)
{
    struct pyn_visitor visitor;
    struct pyn_link *last = NULL;
    const uint32_t most = how_many(server);

    for (uint32_t i = 0; i < most; i++) {
        int fd = pyn_accept(&server->listeners[index], &visitor);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                complain(server, "no descriptor is left for another connection");
                (void)usleep(10000); /* the listener stays readable: do not spin */
            }
            break;
        }
        pyn_link_unref(last);
        last = accept_one(server, index, fd, &visitor);
    }
    return last;
}
