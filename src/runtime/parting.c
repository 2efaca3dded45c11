/* parting.c - see parting.h. */
#include "parting.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "handed.h"
#include "server_state.h"
#include "shaking.h"

static const struct pyn_gate_limits usual = {.burst = 5, .per_second = 0.1, .penalty = 1};

struct pyn_parting {
    pthread_mutex_t lock;
    struct pyn_leaving *first; /* that wait, the oldest first */
    struct pyn_leaving *last;
    struct pyn_gate *gate;
    int wake;
};

enum stage { GATHERING = 0, WAITING, AWAY };

/* Of a link of such a server, from its first byte on. */
struct pyn_leaving {
    struct pyn_leaving *next; /* guarded by the queue's lock */
    struct pyn_link *link;    /* counted while it waits */
    enum stage stage;
    struct pyn_buf plain;
    struct pyn_principal who; /* when its layers have left */
};

/* ---- life ---- */

struct pyn_parting *pyn_parting_new(const struct pyn_gate_limits *limits)
{
    struct pyn_parting *parting = calloc(1, sizeof *parting);
    uint8_t hashing[PYN_GATE_SECRET_LEN];

    if (parting == NULL) {
        return NULL;
    }
    randombytes_buf(hashing, sizeof hashing);
    (void)pthread_mutex_init(&parting->lock, NULL);
    parting->gate = pyn_gate_new(pyn_mem_default(), limits != NULL ? limits : &usual, hashing);
    parting->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    if (parting->gate == NULL || parting->wake < 0) {
        pyn_parting_free(parting);
        return NULL;
    }
    return parting;
}

static struct pyn_leaving *take_first(struct pyn_parting *parting)
{
    struct pyn_leaving *first = NULL;

    (void)pthread_mutex_lock(&parting->lock);
    first = parting->first;
    if (first != NULL) {
        parting->first = first->next;
        if (first->next == NULL) {
            parting->last = NULL;
        }
    }
    (void)pthread_mutex_unlock(&parting->lock);
    return first;
}

void pyn_parting_free(struct pyn_parting *parting)
{
    struct pyn_leaving *left = NULL;

    if (parting == NULL) {
        return;
    }
    while ((left = take_first(parting)) != NULL) {
        pyn_link_unref(left->link);
    }
    pyn_gate_free(parting->gate);
    if (parting->wake >= 0) {
        (void)close(parting->wake);
    }
    (void)pthread_mutex_destroy(&parting->lock);
    free(parting);
}

int pyn_parting_fd(const struct pyn_parting *parting)
{
    return parting->wake;
}

static struct pyn_parting *parting_of(const struct pyn_link *link)
{
    return link->server != NULL ? pyn_server_parting(link->server) : NULL;
}

static void drop_plain(struct pyn_leaving *leaving)
{
    if (leaving->plain.block != NULL) {
        sodium_memzero(leaving->plain.block, leaving->plain.room);
        pyn_buf_fini(&leaving->plain);
    }
}

void pyn_parting_forget(struct pyn_link *link)
{
    if (link->leaving != NULL) {
        drop_plain(link->leaving);
        free(link->leaving);
        link->leaving = NULL;
    }
}

static struct pyn_leaving *leaving_of(struct pyn_link *link)
{
    if (link->leaving == NULL) {
        link->leaving = calloc(1, sizeof *link->leaving);
        if (link->leaving != NULL) {
            link->leaving->link = link;
            pyn_buf_init(&link->leaving->plain, pyn_mem_default(), PYN_PARTING_PLAIN_MAX);
        }
    }
    return link->leaving;
}

bool pyn_parting_is_away(const struct pyn_link *link)
{
    return link->leaving != NULL && link->leaving->stage == AWAY;
}

const struct pyn_principal *pyn_parting_who(const struct pyn_link *link)
{
    return pyn_parting_is_away(link) && link->leaving->who.kind != PYN_PRINCIPAL_NOBODY ? &link->leaving->who : NULL;
}

/* ---- ready to leave ---- */

static void enqueue(struct pyn_parting *parting, struct pyn_leaving *leaving)
{
    leaving->stage = WAITING;
    leaving->next = NULL;
    pyn_source_of(leaving->link->in, leaving->link->source);
    (void)pyn_link_ref(leaving->link);
    (void)pthread_mutex_lock(&parting->lock);
    if (parting->last != NULL) {
        parting->last->next = leaving;
    } else {
        parting->first = leaving;
    }
    parting->last = leaving;
    (void)pthread_mutex_unlock(&parting->lock);
    (void)eventfd_write(parting->wake, 1);
}

enum coming { NOTHING_YET = 0, BYTES, THE_END };

/* The end, by whatever error, is for good. */
static enum coming look_ahead(int fd)
{
    char byte = 0;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n > 0) {
        return BYTES;
    }
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? NOTHING_YET : THE_END;
}

static struct pyn_leaving *take_note(struct pyn_link *link)
{
    struct pyn_leaving *leaving = leaving_of(link);

    if (leaving == NULL) {
        pyn_link_end(link, PYN_ENOMEM, pyn_status_name(PYN_ENOMEM));
    }
    return leaving;
}

bool pyn_parting_holds(struct pyn_link *link)
{
    struct pyn_parting *parting = parting_of(link);
    struct pyn_leaving *leaving = NULL;
    enum coming coming = THE_END;

    if (parting == NULL) {
        return false;
    }
    if (link->stack == NULL && link->leaving == NULL && link->over == PYN_OK) {
        coming = look_ahead(link->in);
        if (coming == NOTHING_YET) {
            return true; /* what comes from now on is news of its own; a read would take it from who is to serve it */
        }
        leaving = coming == BYTES ? take_note(link) : NULL;
        if (leaving != NULL) {
            enqueue(parting, leaving);
        }
    }
    return link->leaving != NULL && link->leaving->stage != GATHERING;
}

bool pyn_parting_takes(struct pyn_link *link, struct pyn_view plain)
{
    struct pyn_leaving *leaving = NULL;

    if (parting_of(link) == NULL) {
        return false;
    }
    if (plain.len > 0 && link->over == PYN_OK) {
        leaving = take_note(link);
        if (leaving != NULL && pyn_buf_append(&leaving->plain, plain.data, plain.len) != PYN_OK) {
            pyn_link_end(link, PYN_EFLOOD, "too much came ahead of the process that is to serve it");
        }
    }
    return true;
}

/* All of it in a block that does not move while it grows: no copy of a key is left behind. */
static pyn_status save(const struct pyn_link *link, struct pyn_buf *state)
{
    uint8_t *room = NULL;
    pyn_status st = PYN_EINTERNAL;

    pyn_buf_init(state, pyn_mem_default(), PYN_PACKET_MAX);
    st = pyn_buf_reserve(state, PYN_PACKET_MAX, &room);
    return st == PYN_OK ? pyn_stack_save(link->stack, state) : st;
}

static void wipe(struct pyn_buf *state)
{
    if (state->block != NULL) {
        sodium_memzero(state->block, pyn_buf_len(state));
        pyn_buf_fini(state);
    }
}

static bool is_movable(const struct pyn_link *link)
{
    struct pyn_buf state;
    bool is = false;

    if (!pyn_stack_is_open(link->stack) || pyn_link_has_output(link)) {
        return false;
    }
    is = save(link, &state) == PYN_OK;
    wipe(&state);
    return is;
}

void pyn_parting_look(struct pyn_link *link)
{
    struct pyn_parting *parting = parting_of(link);

    if (parting != NULL && link->over == PYN_OK && link->stack != NULL && link->leaving != NULL &&
        link->leaving->stage == GATHERING && is_movable(link)) {
        enqueue(parting, link->leaving);
    }
}

/* ---- leaving ---- */

static void describe(struct pyn_link *link, struct pyn_leaver *out)
{
    const struct pyn_principal *who = pyn_link_principal(link);

    *out = (struct pyn_leaver){.token = (uint64_t)link->generation << 32 | link->slot, .serial = link->serial};
    pyn_link_caller(link, out->who, sizeof out->who);
    (void)snprintf(out->quota_class, sizeof out->quota_class, "%s", who != NULL ? who->quota_class : "");
    (void)snprintf(out->peer, sizeof out->peer, "%s", link->peer);
    if (who != NULL) {
        memcpy(out->grant, who->grant, sizeof out->grant);
        out->grant_len = sizeof out->grant;
    }
}

bool pyn_parting_next(struct pyn_server *server, struct pyn_leaver *out)
{
    struct pyn_parting *parting = pyn_server_parting(server);
    struct pyn_leaving *leaving = NULL;
    bool is_alive = false;

    while (!is_alive && (leaving = take_first(parting)) != NULL) {
        struct pyn_link *link = leaving->link;
        eventfd_t one = 0;
        (void)eventfd_read(parting->wake, &one);
        pyn_link_lock(link);
        is_alive = link->over == PYN_OK;
        if (is_alive) {
            describe(link, out);
        }
        pyn_link_unlock(link);
        pyn_link_unref(link);
    }
    return is_alive;
}

/* By whom processes end badly: who has proved something, or where it comes from. */
static void culprit_of(struct pyn_link *link, uint8_t out[PYN_GATE_SOURCE_LEN])
{
    const struct pyn_principal *away = pyn_parting_who(link);
    char who[64];

    pyn_link_caller(link, who, sizeof who);
    if (away != NULL) {
        (void)snprintf(who, sizeof who, "%s", away->name);
    }
    if (who[0] != '\0') {
        (void)crypto_generichash(out, PYN_GATE_SOURCE_LEN, (const uint8_t *)who, strlen(who), NULL, 0);
    } else {
        memcpy(out, link->source, PYN_GATE_SOURCE_LEN);
    }
}

static bool is_barred(struct pyn_parting *parting, struct pyn_link *link)
{
    uint8_t culprit[PYN_GATE_SOURCE_LEN];
    bool is_admitted = false;

    culprit_of(link, culprit);
    (void)pthread_mutex_lock(&parting->lock);
    is_admitted = pyn_gate_admit(parting->gate, culprit, pyn_now());
    if (is_admitted) { /* only a bad end costs something */
        pyn_gate_succeeded(parting->gate, culprit, pyn_now());
    }
    (void)pthread_mutex_unlock(&parting->lock);
    return !is_admitted;
}

static pyn_status pack(const struct pyn_link *link, struct pyn_buf *packet)
{
    const struct pyn_view plain = pyn_buf_view(&link->leaving->plain);
    struct pyn_handed head;
    struct pyn_buf state = {0};
    pyn_status st = link->stack != NULL ? save(link, &state) : PYN_OK;
    const struct pyn_view stack = pyn_buf_view(&state);
    uint8_t *room = NULL;

    memset(&head, 0, sizeof head);
    head.word = PYN_WORD_CONNECTION;
    head.form = PYN_HANDED_FORM;
    head.serial = link->serial;
    head.accepted_at = link->accepted_at;
    head.stack_len = (uint32_t)stack.len;
    head.plain_len = (uint32_t)plain.len;
    (void)snprintf(head.transport, sizeof head.transport, "%s", link->transport);
    (void)snprintf(head.peer, sizeof head.peer, "%s", link->peer);
    pyn_buf_init(packet, pyn_mem_default(), PYN_PACKET_MAX);
    if (st == PYN_OK) {
        st = pyn_buf_reserve(packet, sizeof head + stack.len + plain.len, &room);
    }
    if (st == PYN_OK) {
        st = pyn_buf_append(packet, &head, sizeof head);
    }
    if (st == PYN_OK && stack.len > 0) {
        st = pyn_buf_append(packet, stack.data, stack.len);
    }
    if (st == PYN_OK && plain.len > 0) {
        st = pyn_buf_append(packet, plain.data, plain.len);
    }
    wipe(&state);
    return st;
}

/* It is over there by now: nothing that opens it stays here. */
static void let_go(struct pyn_server *server, struct pyn_link *link)
{
    const struct pyn_principal *who = pyn_link_principal(link);

    if (who != NULL) {
        link->leaving->who = *who;
    }
    pyn_shaking_welcomed(link); /* here it has come to its end */
    link->leaving->stage = AWAY;
    (void)epoll_ctl(server->epoll, EPOLL_CTL_DEL, link->in, NULL);
    pyn_link_close(link);
    pyn_stack_free(link->stack);
    link->stack = NULL;
    drop_plain(link->leaving);
}

static enum pyn_parted part(struct pyn_server *server, struct pyn_link *link, int control)
{
    struct pyn_buf packet;
    enum pyn_parted result = PYN_PARTED_NOT;

    if (link->over != PYN_OK || link->leaving == NULL || link->leaving->stage != WAITING) {
        return PYN_PARTED_GONE;
    }
    if (link->is_reading) {
        return PYN_PARTED_LATER;
    }
    if (is_barred(pyn_server_parting(server), link)) {
        return PYN_PARTED_BARRED;
    }
    if (pack(link, &packet) != PYN_OK) {
        pyn_link_end(link, PYN_EINTERNAL, "it cannot be handed over");
        result = PYN_PARTED_GONE;
    } else if (pyn_packet_send(control, pyn_buf_view(&packet), link->in, false)) {
        let_go(server, link);
        result = PYN_PARTED;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
        result = PYN_PARTED_LATER;
    }
    wipe(&packet);
    return result;
}

enum pyn_parted pyn_server_part(struct pyn_server *server, uint64_t token, int control)
{
    struct pyn_link *link = pyn_server_find(server, token);
    enum pyn_parted result = PYN_PARTED_GONE;

    if (link != NULL) {
        pyn_link_lock(link);
        result = part(server, link, control);
        pyn_link_unlock(link);
        pyn_link_unref(link);
    }
    return result;
}

static void note_bad_end(struct pyn_parting *parting, struct pyn_link *link)
{
    uint8_t culprit[PYN_GATE_SOURCE_LEN];

    culprit_of(link, culprit);
    (void)pthread_mutex_lock(&parting->lock);
    pyn_gate_failed(parting->gate, culprit, pyn_now());
    (void)pthread_mutex_unlock(&parting->lock);
}

void pyn_server_part_end(struct pyn_server *server, uint64_t token, bool is_bad, const char *reason)
{
    struct pyn_link *link = pyn_server_find(server, token);

    if (link == NULL) {
        return;
    }
    pyn_link_lock(link);
    if (is_bad) {
        note_bad_end(pyn_server_parting(server), link);
    }
    if (link->over == PYN_OK) {
        link->is_untold = pyn_parting_is_away(link) && !is_bad; /* the other process has said it */
        if (!pyn_parting_is_away(link)) {
            pyn_session_goodbye(link->session, 0, reason);
        }
        pyn_link_end(link, PYN_EGONE, reason);
    }
    pyn_link_unlock(link);
    pyn_link_unref(link);
}
