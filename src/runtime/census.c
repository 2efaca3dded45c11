/* census.c - see census.h. */
#include "census.h"

#include <stdio.h>

#include "clock.h"
#include "server_state.h"
#include "shaking.h"
#include "watch.h"

static struct pyn_link *link_at(struct pyn_server *server, uint32_t slot)
{
    struct pyn_link *link = NULL;

    pyn_server_lock(server);
    if (server->links[slot] != NULL) {
        link = pyn_link_ref(server->links[slot]);
    }
    pyn_server_unlock(server);
    return link;
}

/* With the link's lock. */
static void describe(const struct pyn_server *server, struct pyn_link *link, struct pyn_census *out)
{
    const struct pyn_ledger *ledger = pyn_session_ledger(link->session);

    *out = (struct pyn_census){.number = link->serial, .transport = link->transport, .class = "", .counts = link->counts};
    (void)snprintf(out->peer, sizeof out->peer, "%s", link->peer);
    pyn_link_caller(link, out->principal, sizeof out->principal);
    out->is_ready = pyn_session_is_ready(link->session);
    if (out->is_ready) {
        out->class = server->config.classes->list[link->class].name;
    }
    out->age_ns = pyn_now() - link->accepted_at;
    out->counts.calls = ledger->called;
    out->counts.refused = ledger->refused;
    memcpy(out->used, ledger->used, sizeof out->used);
    out->used[PYN_Q_MEMORY] = pyn_link_memory(link);
}

bool pyn_census_next(struct pyn_server *server, uint32_t *slot, struct pyn_census *out)
{
    bool is_there = false;

    while (!is_there && *slot < server->config.connection_max) {
        struct pyn_link *link = link_at(server, (*slot)++);
        if (link == NULL) {
            continue;
        }
        pyn_link_lock(link);
        is_there = link->over == PYN_OK;
        if (is_there) {
            describe(server, link, out);
        }
        pyn_link_unlock(link);
        if (is_there) {
            pyn_server_lock(server);
            out->busy_ns = link->turn_ns;
            pyn_server_unlock(server);
            out->cpu_ns = pyn_watch_cpu_of(link);
        }
        pyn_link_unref(link);
    }
    return is_there;
}

static bool end_it(struct pyn_link *link)
{
    bool is_there = false;

    pyn_link_lock(link);
    is_there = link->over == PYN_OK;
    if (is_there) {
        pyn_session_goodbye(link->session, 0, "closed by the operator");
        pyn_link_end(link, PYN_EGONE, "closed by the operator");
    }
    pyn_link_unlock(link);
    return is_there;
}

bool pyn_census_end(struct pyn_server *server, uint64_t number)
{
    for (uint32_t slot = 0; slot < server->config.connection_max; slot++) {
        struct pyn_link *link = link_at(server, slot);
        bool is_ended = link != NULL && link->serial == number && end_it(link);
        if (link != NULL) {
            pyn_shaking_settle(server, link);
            pyn_link_unref(link);
        }
        if (is_ended) {
            return true;
        }
    }
    return false;
}
