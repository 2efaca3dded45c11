/*
 * rota.c - which thread of a server waits for the network, and which one runs calls.
 *
 * When the thread in which Python looks for signals is one of a server's, it is the one that runs calls: there they can be interrupted whatever they do. It
 * waits for the network by itself, so that nothing has to be handed over; another thread takes the network only while that one is busy for long, or waits
 * for a peer, and parks otherwise.
 */
#include <sys/eventfd.h>

#include "server_state.h"

static _Thread_local struct pyn_server *main_of; /* the server whose main thread this is */

static bool is_main(const struct pyn_server *server)
{
    return main_of == server;
}

bool pyn_rota_may_run(const struct pyn_server *server)
{
    return !server->has_main || is_main(server) || server->main_suspended > 0;
}

/* Is there a turn for this thread? */
static bool has_turn(const struct pyn_server *server)
{
    return !pyn_fair_is_empty(&server->ready) && !server->is_turn_taken && pyn_rota_may_run(server);
}

/* False: it is not needed. */
static bool park(struct pyn_server *server, bool is_spare)
{
    while (pyn_server_is_ours(server) && server->has_main && !server->is_main_busy && server->main_suspended == 0 &&
           !server->is_stopping) {
        if (is_spare && server->parked > 0) {
            return false;
        }
        server->parked++;
        (void)pthread_cond_wait(&server->unpark, &server->lock);
        server->parked--;
    }
    return true;
}

bool pyn_rota_begin(struct pyn_server *server, bool is_spare, int *wait_ms)
{
    bool stays = true;

    pyn_server_lock(server);
    if (!is_main(server)) {
        stays = park(server, is_spare);
    } else {
        server->is_main_busy = false;
    }
    if (has_turn(server)) {
        *wait_ms = 0;
    } else if (is_main(server)) {
        atomic_store(&server->is_main_idle, true);
    }
    atomic_fetch_add(&server->idle, stays ? 1 : 0);
    pyn_server_unlock(server);
    return stays;
}

void pyn_rota_end(struct pyn_server *server)
{
    if (is_main(server)) {
        atomic_store(&server->is_main_idle, false);
    }
    atomic_fetch_sub(&server->idle, 1);
}

void pyn_rota_hand_over(struct pyn_server *server)
{
    if (is_main(server)) {
        server->is_main_busy = false;
    }
    if (!pyn_fair_is_empty(&server->ready) && server->is_main_idle && !pyn_rota_may_run(server)) {
        (void)eventfd_write(server->wake, 1);
    }
}

bool pyn_rota_is_meant(struct pyn_server *server)
{
    bool is = false;

    pyn_server_lock(server);
    is = !server->is_stopping && (is_main(server) || !server->is_main_idle);
    pyn_server_unlock(server);
    return is;
}

void pyn_server_attends(struct pyn_server *server)
{
    if (is_main(server)) {
        pyn_server_lock(server);
        server->is_main_busy = false;
        pyn_server_unlock(server);
    }
}

void pyn_rota_suspended(struct pyn_server *server, int by)
{
    if (is_main(server)) {
        server->main_suspended = (uint32_t)((int)server->main_suspended + by);
        (void)pthread_cond_broadcast(&server->unpark);
    }
}

void pyn_server_is_busy(struct pyn_server *server)
{
    pyn_server_lock(server);
    if (server->has_main && !server->is_main_idle) {
        server->is_main_busy = true;
        (void)pthread_cond_broadcast(&server->unpark);
    }
    pyn_server_unlock(server);
}

void pyn_server_enter_main(struct pyn_server *server)
{
    pyn_server_lock(server);
    main_of = server;
    server->has_main = true;
    pyn_server_unlock(server);
}

void pyn_server_leave_main(struct pyn_server *server)
{
    pyn_server_lock(server);
    main_of = NULL;
    server->has_main = false;
    atomic_store(&server->is_main_idle, false);
    (void)pthread_cond_broadcast(&server->unpark);
    if (!pyn_fair_is_empty(&server->ready)) {
        (void)eventfd_write(server->wake, 1);
    }
    pyn_server_unlock(server);
}
