/* link.c - a link's life, and the way of events through it. */
#include "link.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "parting.h"
#include "server_state.h"
#include "shelf.h"
#include "watch.h"

enum {
    TEXT_MAX = 159, /* characters of a name or a reason */
    COMMON_PEERS = 16,
    COMMON_LEN = 24,
};

/* There may be thousands of one name: those of Unix sockets, of some users, stand here once and for all. */
static struct {
    pthread_mutex_t lock;
    uint32_t count;
    char names[COMMON_PEERS][COMMON_LEN];
} common = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool may_be_common(const char *peer)
{
    return strncmp(peer, "unix", 4) == 0 && strlen(peer) < COMMON_LEN && strchr(peer, '/') == NULL;
}

/* NULL: it is none of them, or another thread looks just now, be it one that a fork has left behind. */
static char *common_peer(const char *peer)
{
    char *found = NULL;

    if (pthread_mutex_trylock(&common.lock) != 0) {
        return NULL;
    }
    for (uint32_t i = 0; found == NULL && i < common.count; i++) {
        found = strcmp(common.names[i], peer) == 0 ? common.names[i] : NULL;
    }
    if (found == NULL && common.count < COMMON_PEERS) {
        found = common.names[common.count++];
        (void)snprintf(found, COMMON_LEN, "%s", peer);
    }
    (void)pthread_mutex_unlock(&common.lock);
    return found;
}

static bool is_common(const char *peer)
{
    return (uintptr_t)peer >= (uintptr_t)common.names && (uintptr_t)peer < (uintptr_t)(common.names + COMMON_PEERS);
}

static char *dup_peer(const char *peer)
{
    char *name = may_be_common(peer) ? common_peer(peer) : NULL;

    return name != NULL ? name : strndup(peer, TEXT_MAX);
}

static void free_peer(char *peer)
{
    if (!is_common(peer)) {
        free(peer);
    }
}

/* In a child: its own copies, which nobody else sees. */
static void drop_inherited(struct pyn_keepsake *keepsake)
{
    struct pyn_link *link = (struct pyn_link *)((char *)keepsake - offsetof(struct pyn_link, keepsake));

    pyn_link_close(link);
    if (link->wake >= 0) {
        (void)close(link->wake);
    }
    link->wake = -1;
}

static struct pyn_link_conds *new_conds(void)
{
    struct pyn_link_conds *conds = malloc(sizeof *conds);
    pthread_condattr_t attributes;

    if (conds == NULL) {
        return NULL;
    }
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&conds->background, &attributes);
    (void)pthread_cond_init(&conds->serving, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return conds;
}

static void free_conds(struct pyn_link_conds *conds)
{
    if (conds != NULL) {
        (void)pthread_cond_destroy(&conds->background);
        (void)pthread_cond_destroy(&conds->serving);
        free(conds);
    }
}

static bool is_socket(int fd)
{
    int type = 0;
    socklen_t len = sizeof type;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

struct pyn_link *pyn_link_new(struct pyn_session *session, const struct pyn_quotas *quotas, const struct pyn_ends *ends,
                              const char *peer)
{
    struct pyn_link *link = calloc(1, sizeof *link);

    if (link == NULL) {
        return NULL;
    }
    link->reason = "";
    link->peer = dup_peer(peer);
    if (link->peer == NULL) {
        free(link);
        return NULL;
    }
    link->birth = pyn_fork_count();
    (void)pthread_mutex_init(&link->lock, NULL);
    atomic_init(&link->refs, 1);
    link->session = session;
    link->quotas = quotas;
    link->in = ends->in;
    link->out = ends->out;
    link->is_socket = ends->is_socket || is_socket(ends->in);
    link->over = PYN_OK;
    link->wake = -1;
    link->accepted_at = pyn_now();
    link->moved_at = link->accepted_at;
    pyn_keepsake_enter(&link->keepsake, drop_inherited);
    return link;
}

bool pyn_link_is_ours(const struct pyn_link *link)
{
    return link->birth == pyn_fork_count();
}

void pyn_link_lock(struct pyn_link *link)
{
    if (pyn_link_is_ours(link)) {
        (void)pthread_mutex_lock(&link->lock);
    } else if (link->over == PYN_OK) {
        link->over = PYN_EGONE;
        atomic_store(&link->is_over, true);
        link->reason = "the connection is that of the parent process";
    }
}

void pyn_link_unlock(struct pyn_link *link)
{
    if (pyn_link_is_ours(link)) {
        atomic_store_explicit(&link->has_dead, link->session != NULL && pyn_session_has_dead(link->session),
                              memory_order_relaxed); /* whatever made it so was done with the lock held */
        (void)pthread_mutex_unlock(&link->lock);
    }
}

bool pyn_link_try_lock(struct pyn_link *link)
{
    if (pyn_link_is_ours(link)) {
        return pthread_mutex_trylock(&link->lock) == 0;
    }
    pyn_link_lock(link);
    return true;
}

struct pyn_link *pyn_link_ref(struct pyn_link *link)
{
    atomic_fetch_add(&link->refs, 1);
    return link;
}

void pyn_link_close(struct pyn_link *link)
{
    pyn_close_both(link->in, link->out);
    link->in = link->out = -1;
}

void pyn_link_unref(struct pyn_link *link)
{
    if (link == NULL || atomic_fetch_sub(&link->refs, 1) != 1) {
        return;
    }
    pyn_keepsake_leave(&link->keepsake);
    if (pyn_link_is_ours(link)) {
        pyn_session_free(link->session);
        pyn_stack_free(link->stack);
        pyn_parting_forget(link);
    } /* else it was left as the parent had it */
    pyn_link_close(link);
    pyn_owner_unref(atomic_load(&link->memory));
    pyn_estate_unref(link->estate);
    if (link->wake >= 0) {
        (void)close(link->wake);
    }
    free_conds(link->conds);
    (void)pthread_mutex_destroy(&link->lock);
    free_peer(link->peer);
    free(link->reason_block);
    pyn_classes_unref(link->classes);
    free(link->own_quotas);
    free(link->box);
    free(link);
}

static struct pyn_quotas *copy_quotas(const struct pyn_quotas *quotas)
{
    struct pyn_quotas *copy = malloc(sizeof *copy);

    if (copy != NULL) {
        *copy = *quotas;
    }
    return copy;
}

struct pyn_link *pyn_link_client(const struct pyn_quotas *quotas, bool keeps, const struct pyn_large *large,
                                 struct pyn_view root_name, const struct pyn_ends *ends, const char *peer)
{
    struct pyn_session_config config = {
        .role = PYN_ROLE_CLIENT, .library = pyn_shelf_library(), .large = large, .root_name = root_name, .now = pyn_now()};
    struct pyn_link *link = pyn_link_new(NULL, quotas, ends, peer);

    if (link == NULL) {
        return NULL;
    }
    if (!keeps) {
        link->quotas = link->own_quotas = copy_quotas(quotas);
    }
    config.mem = pyn_mem_default();
    config.quotas = link->quotas;
    link->conds = new_conds();
    if (link->quotas != NULL && link->conds != NULL && pyn_session_new(&config, &link->session) == PYN_OK) {
        return link;
    }
    link->in = link->out = -1; /* stay the caller's */
    pyn_link_unref(link);
    return NULL;
}

bool pyn_link_make_wake(struct pyn_link *link)
{
    bool is_there = false;

    pyn_link_lock(link);
    if (link->wake < 0) {
        link->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    is_there = link->wake >= 0;
    pyn_link_unlock(link);
    return is_there;
}

void pyn_link_drop_call(struct pyn_link *link, struct pyn_call *call)
{
    if (pyn_link_is_ours(link)) {
        pyn_session_call_free(link->session, call);
    }
}

void pyn_link_drop_answer(struct pyn_link *link, struct pyn_answer *answer)
{
    if (pyn_link_is_ours(link)) {
        pyn_session_answer_free(link->session, answer);
    }
}

/* With the lock held: who is not asleep will look by itself before it is. */
static void rouse(struct pyn_waiter *waiter)
{
    if (waiter->is_asleep) {
        (void)pthread_cond_signal(&waiter->wake);
    }
}

static void wake_everybody(struct pyn_link *link)
{
    for (struct pyn_waiter *waiter = link->waiters; waiter != NULL; waiter = waiter->next) {
        rouse(waiter);
    }
    if (link->conds != NULL) {
        (void)pthread_cond_broadcast(&link->conds->background);
        (void)pthread_cond_broadcast(&link->conds->serving);
    }
    if (link->wake >= 0) {
        (void)eventfd_write(link->wake, 1);
    }
}

static void printable(char *out, size_t room, const char *text, size_t len)
{
    size_t at = 0;

    for (size_t i = 0; i < len && at + 1 < room; i++) {
        out[at++] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    }
    out[at] = '\0';
}

/* What may be otherwise the next time. */
static bool is_passing(pyn_status over)
{
    return over == PYN_EGONE || over == PYN_EFLOOD || over == PYN_ENOMEM;
}

void pyn_link_explain(struct pyn_link *link, const char *reason)
{
    const size_t room = strnlen(reason, TEXT_MAX) + 1;

    free(link->reason_block);
    link->reason_block = malloc(room);
    if (link->reason_block == NULL) {
        link->reason = pyn_status_name(link->over);
        return;
    }
    printable(link->reason_block, room, reason, strlen(reason));
    link->reason = link->reason_block;
}

void pyn_link_end(struct pyn_link *link, pyn_status why, const char *reason)
{
    if (link->over != PYN_OK) {
        return;
    }
    link->over = pyn_status_class(why) == PYN_CLASS_CLOSE || pyn_status_class(why) == PYN_CLASS_BROKEN ? why : PYN_EGONE;
    link->is_final = link->is_final || !is_passing(link->over);
    atomic_store(&link->is_over, true);
    pyn_link_explain(link, reason);
    pyn_link_flush(link); /* a goodbye that stands there */
    if (link->stack != NULL) {
        /* What the peer will never read has not ended in an orderly way. */
        pyn_stack_finish(link->stack, pyn_session_output_len(link->session) > 0 ? PYN_EFLOOD : link->over);
        pyn_link_flush(link);
    }
    atomic_store(&link->is_clogged, false);
    pyn_session_abandon(link->session);
    pyn_link_drop_late(link);
    if (link->is_socket && !(link->is_closing && !pyn_link_has_output(link))) {
        (void)shutdown(link->in, SHUT_RDWR);
    }
    wake_everybody(link);
    pyn_inbox_end(link);
    if (link->server != NULL && !link->is_stopped) {
        pyn_watch_gone(link);
    }
    if (link->server != NULL && !atomic_load(&link->is_shaking)) { /* else the host knows nothing of it */
        pyn_server_wants_sweep(link->server, link);
    }
}

static struct pyn_waiter *find_waiter(const struct pyn_link *link, uint64_t lane)
{
    struct pyn_waiter *waiter = link->waiters;

    while (waiter != NULL && waiter->lane != lane) {
        waiter = waiter->next;
    }
    return waiter;
}

/* On a client's link with an event loop everything runs there, on a server's what is declared async. */
static bool is_for_loop(const struct pyn_link *link, const struct pyn_call *call)
{
    const struct pyn_signature *signature = call->verdict.signature;

    return pyn_inbox_of(link) != NULL && (link->server == NULL || (signature != NULL && signature->is_async));
}

static void leave_to_loop(struct pyn_link *link, struct pyn_call *call)
{
    if (!pyn_inbox_put_call(link, call)) {
        pyn_link_drop_call(link, call);
        pyn_link_end(link, PYN_ENOMEM, "no memory for what its event loop would have to do");
    } else if (link->server != NULL) {
        pyn_server_count_call(link->server);
    }
}

static void take_call(struct pyn_link *link, struct pyn_call *call)
{
    struct pyn_waiter *waiter = call->is_nested ? find_waiter(link, call->lane) : NULL;

    if (is_for_loop(link, call)) {
        leave_to_loop(link, call);
    } else if (waiter != NULL) {
        pyn_line_put(&waiter->calls, call);
        rouse(waiter);
    } else if (link->server != NULL) {
        pyn_server_enqueue(link->server, link, call);
    } else {
        pyn_line_put(&link->unsolicited, call);
        pyn_link_poke(link);
    }
}

void pyn_link_discard(struct pyn_link *link, struct pyn_answer *answer)
{
    if (answer->status == PYN_OK && link->over == PYN_OK) {
        pyn_session_discard(link->session, answer->is_error ? answer->details : answer->value);
    }
    pyn_link_drop_answer(link, answer);
}

static void take_answer(struct pyn_link *link, struct pyn_answer *answer)
{
    struct pyn_waiter *waiter = find_waiter(link, answer->lane);
    uint64_t lane = answer->lane;

    if (waiter != NULL && waiter->due > 0) {
        answer->next = NULL;
        if (waiter->answers == NULL) {
            waiter->answers = answer;
        } else {
            waiter->newest->next = answer;
        }
        waiter->newest = answer;
        waiter->due--;
        rouse(waiter);
        return;
    }
    if (pyn_inbox_put_answer(link, answer)) {
        return;
    }
    pyn_link_discard(link, answer); /* who waited has left */
    pyn_link_answer_late(link, lane);
}

/* code: why the peer ends, if it is one of the close class's. */
static void take_goodbye(struct pyn_link *link, uint64_t code, struct pyn_view reason)
{
    char text[TEXT_MAX + 1] = "";
    bool is_known = code < PYN_ENOMEM && pyn_status_class((pyn_status)code) == PYN_CLASS_CLOSE;

    link->is_final = code != 0 && code != PYN_ENOMEM; /* what is not known is a fault, too */
    printable(text, sizeof text, (const char *)reason.data, reason.len);
    pyn_link_end(link, is_known ? (pyn_status)code : PYN_EGONE, text[0] == '\0' ? "the peer has said goodbye" : text);
}

static void take_event(struct pyn_link *link, const struct pyn_event *event)
{
    switch (event->kind) {
    case PYN_EV_CALL:
        take_call(link, event->call);
        break;
    case PYN_EV_ANSWER:
        take_answer(link, event->answer);
        break;
    case PYN_EV_HELLO:
        pyn_server_welcome(link->server, link, event->root_name);
        break;
    case PYN_EV_PONG:
        link->ponged = event->token;
        pyn_inbox_news(link);
        break;
    case PYN_EV_GOODBYE:
        take_goodbye(link, event->token, event->reason);
        break;
    case PYN_EV_CANCEL:
        if (!pyn_inbox_cancel(link, event->lane)) {
            pyn_link_cancelled(link, event->lane);
        }
        break;
    case PYN_EV_NONE:
        break;
    }
}

uint64_t pyn_link_dispatch_at(struct pyn_link *link)
{
    struct pyn_event event = {0};
    bool is_quiet = pyn_session_is_quiet(link->session);
    const uint64_t now = is_quiet ? 0 : pyn_now();

    while (link->over == PYN_OK && !is_quiet) {
        pyn_status st = pyn_session_next(link->session, now, &event);
        if (st == PYN_EWAIT) {
            break;
        }
        if (st != PYN_OK) {
            pyn_link_end(link, st, pyn_status_name(st));
            return now;
        }
        if (event.kind == PYN_EV_CALL) {
            event.call->queued_at = now;
        }
        take_event(link, &event);
        is_quiet = pyn_session_is_quiet(link->session);
    }
    if (link->over == PYN_OK) {
        link->is_paused = !pyn_session_wants_input(link->session);
        if (link->is_paused) {
            atomic_store(&link->was_paused, true);
        }
        if (link->server != NULL && pyn_session_has_dead(link->session)) {
            atomic_store(&link->has_dead, true); /* who comes to sweep may be here before the lock is given back */
            pyn_server_wants_sweep(link->server, link);
        }
    }
    return now;
}

void pyn_link_dispatch(struct pyn_link *link)
{
    (void)pyn_link_dispatch_at(link);
}
