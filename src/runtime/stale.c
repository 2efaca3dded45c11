/* stale.c - what a served object says to all who hold it: that answers which they may keep are not true any more. */
#include "server_state.h"

static bool tell(struct pyn_link *link, const void *object, struct pyn_view name)
{
    bool is_told = false;

    pyn_link_lock(link);
    if (link->over == PYN_OK) {
        pyn_status st = pyn_session_stale(link->session, object, name, &is_told);
        if (st != PYN_OK) {
            pyn_link_end(link, st, pyn_status_name(st));
        } else if (is_told) {
            pyn_link_flush(link);
        }
    }
    pyn_link_unlock(link);
    return is_told;
}

/* The first from a slot on, counted up; NULL: none. *slot: behind it. */
static struct pyn_link *next_link(struct pyn_server *server, uint32_t *slot)
{
    struct pyn_link *link = NULL;

    pyn_server_lock(server);
    while (link == NULL && *slot < server->config.connection_max) {
        link = server->links[(*slot)++];
    }
    if (link != NULL) {
        (void)pyn_link_ref(link);
    }
    pyn_server_unlock(server);
    return link;
}

uint32_t pyn_server_stale(struct pyn_server *server, const void *object, struct pyn_view name)
{
    struct pyn_link *link = NULL;
    uint32_t slot = 0;
    uint32_t told = 0;

    while (pyn_server_is_ours(server) && (link = next_link(server, &slot)) != NULL) {
        told += tell(link, object, name);
        pyn_link_unref(link);
    }
    return told;
}
