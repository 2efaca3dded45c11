/* turn.c - whose call runs next: links in turn, one call at a time. */
#include <sys/eventfd.h>

#include "server_state.h"

static void make_ready(struct pyn_server *server, struct pyn_link *link)
{
    if (link->is_ready) {
        return;
    }
    link->is_ready = true;
    link->ready_next = NULL;
    (void)pyn_link_ref(link);
    if (server->ready_tail != NULL) {
        server->ready_tail->ready_next = link;
    } else {
        server->ready = link;
    }
    server->ready_tail = link;
}

void pyn_server_enqueue(struct pyn_server *server, struct pyn_link *link, struct pyn_call *call)
{
    pyn_server_lock(server);
    call->next = NULL;
    if (link->queue_tail != NULL) {
        link->queue_tail->next = call;
    } else {
        link->queue = call;
    }
    link->queue_tail = call;
    server->calls++;
    make_ready(server, link);
    pyn_server_unlock(server);
}

void pyn_server_count_call(struct pyn_server *server)
{
    pyn_server_lock(server);
    server->calls++;
    pyn_server_unlock(server);
}

bool pyn_server_cancel(struct pyn_server *server, struct pyn_link *link, uint64_t lane)
{
    struct pyn_call *call = NULL;

    pyn_server_lock(server);
    for (call = link->queue; call != NULL && call->lane != lane; call = call->next) {}
    if (call != NULL) {
        call->is_cancelled = true;
    }
    pyn_server_unlock(server);
    return call != NULL;
}

void pyn_server_answered(struct pyn_server *server, struct pyn_link *link)
{
    bool is_due = false;

    pyn_link_lock(link);
    is_due = link->over == PYN_OK && link->was_paused && !link->is_paused;
    pyn_link_unlock(link);
    pyn_server_lock(server);
    if (is_due) {
        make_ready(server, link); /* whoever comes to it reads on */
    }
    if (server->ready != NULL && !server->is_turn_taken && server->idle > 0) {
        (void)eventfd_write(server->wake, 1);
    }
    pyn_server_unlock(server);
}

void pyn_server_wants_sweep(struct pyn_server *server, struct pyn_link *link)
{
    pyn_server_lock(server);
    make_ready(server, link);
    if (!server->is_turn_taken && server->idle > 0) {
        (void)eventfd_write(server->wake, 1);
    }
    pyn_server_unlock(server);
}

/* One link's turn: one call, or none when objects wait to be dropped. */
struct turn {
    struct pyn_link *link; /* counted */
    struct pyn_call *call;
};

static struct pyn_link *next_link(struct pyn_server *server)
{
    struct pyn_link *link = server->ready;

    if (link != NULL) {
        server->ready = link->ready_next;
        if (server->ready == NULL) {
            server->ready_tail = NULL;
        }
        link->is_ready = false;
    }
    return link;
}

void pyn_server_unclog(struct pyn_server *server, struct pyn_link *link)
{
    pyn_server_lock(server);
    if (link->queue != NULL) {
        make_ready(server, link);
    }
    pyn_server_unlock(server);
}

static bool next_turn(struct pyn_server *server, struct turn *turn)
{
    struct pyn_link *link = next_link(server);

    *turn = (struct turn){0};
    while (link != NULL && atomic_load(&link->is_clogged)) { /* it comes back when the peer has read */
        pyn_link_unref(link);
        link = next_link(server);
    }
    if (link == NULL) {
        return false;
    }
    turn->link = link;
    turn->call = link->queue;
    if (turn->call != NULL) {
        link->queue = turn->call->next;
        if (link->queue == NULL) {
            link->queue_tail = NULL;
        } else {
            make_ready(server, link);
        }
    }
    return true;
}

/* True: the link is over; the call of one that is gone is not run. */
static bool drop_if_over(const struct turn *turn)
{
    bool is_over = false;

    pyn_link_lock(turn->link);
    is_over = turn->link->over != PYN_OK;
    if (is_over && turn->call != NULL) {
        pyn_link_drop_call(turn->link, turn->call);
    }
    pyn_link_unlock(turn->link);
    return is_over;
}

static void perform(struct pyn_server *server, const struct turn *turn)
{
    const struct pyn_host *host = &server->config.host;

    if (drop_if_over(turn)) {
        host->sweep(host->ctx, turn->link);
        pyn_server_drop(server, turn->link);
    } else if (turn->call != NULL && turn->call->is_cancelled) {
        pyn_link_answer_cancelled(turn->link, turn->call);
        pyn_server_unpause(turn->link);
    } else if (turn->call != NULL) {
        host->run(host->ctx, turn->link, turn->call);
        pyn_server_unpause(turn->link);
    } else {
        host->sweep(host->ctx, turn->link);
        pyn_server_unpause(turn->link);
    }
    pyn_link_unref(turn->link);
}

static void give_turn_away(struct pyn_server *server)
{
    server->is_turn_taken = false;
    if (server->resuming > 0) {
        (void)pthread_cond_signal(&server->turn_free);
    }
}

void pyn_server_take_turns(struct pyn_server *server)
{
    struct turn turn;

    pyn_server_lock(server);
    while (pyn_server_is_ours(server) && pyn_rota_may_run(server) && !server->is_turn_taken && server->resuming == 0 &&
           next_turn(server, &turn)) {
        server->is_turn_taken = true; /* who resumes goes first */
        pyn_server_unlock(server);
        perform(server, &turn);
        pyn_server_lock(server);
        give_turn_away(server);
    }
    pyn_rota_hand_over(server);
    pyn_server_unlock(server);
}

/* Somebody must be left to read and to run calls; called with the lock held, which is given up meanwhile. */
static void ensure_thread(struct pyn_server *server)
{
    const struct pyn_host *host = &server->config.host;
    bool is_wanted = server->idle == 0 && server->parked == 0;

    if (!is_wanted) {
        if (server->ready != NULL) {
            (void)eventfd_write(server->wake, 1);
        }
        return;
    }
    pyn_server_unlock(server);
    (void)host->spawn(host->ctx);
    pyn_server_lock(server);
}

static bool suspend(struct pyn_server *server, struct pyn_link *link, bool is_checked)
{
    const struct pyn_server_config *config = &server->config;
    bool may = false;

    pyn_server_lock(server);
    may = !is_checked || (server->suspended < config->thread_max - 2 && link->suspended < config->suspended_max);
    if (may) {
        server->suspended++;
        link->suspended++;
        pyn_rota_suspended(server, 1);
        give_turn_away(server);
        ensure_thread(server);
    }
    pyn_server_unlock(server);
    return may;
}

bool pyn_server_suspend(struct pyn_server *server, struct pyn_link *link)
{
    return suspend(server, link, true);
}

void pyn_server_suspend_again(struct pyn_server *server, struct pyn_link *link)
{
    (void)suspend(server, link, false);
}

void pyn_server_resume(struct pyn_server *server, struct pyn_link *link)
{
    pyn_server_lock(server);
    server->resuming++;
    while (pyn_server_is_ours(server) && server->is_turn_taken) {
        (void)pthread_cond_wait(&server->turn_free, &server->lock);
    }
    server->resuming--;
    server->suspended--;
    link->suspended--;
    pyn_rota_suspended(server, -1);
    server->is_turn_taken = true;
    pyn_server_unlock(server);
}
