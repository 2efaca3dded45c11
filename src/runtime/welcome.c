/* welcome.c - what a client is given when its hello has come: the root that it asks for, if it is one that it may have. */
#include <stdio.h>

#include "clock.h"
#include "door.h"
#include "server_state.h"
#include "shaking.h"

struct pyn_layer *pyn_link_channel(struct pyn_link *link)
{
    struct pyn_layer *layer = NULL;

    for (uint32_t i = 0; link->stack != NULL && (layer = pyn_stack_layer(link->stack, i)) != NULL; i++) {
        if (pyn_is_channel(layer)) {
            return layer;
        }
    }
    return NULL;
}

const struct pyn_principal *pyn_link_principal(struct pyn_link *link)
{
    struct pyn_layer *channel = pyn_link_channel(link);
    const struct pyn_principal *who = channel != NULL ? pyn_channel_principal(channel) : NULL;

    return who != NULL && who->kind != PYN_PRINCIPAL_NOBODY ? who : NULL;
}

void pyn_link_caller(struct pyn_link *link, char *text, size_t room)
{
    const struct pyn_principal *who = pyn_link_principal(link);

    text[0] = '\0';
    if (who != NULL) {
        (void)snprintf(text, room, "%s", who->name);
    } else if (link->has_uid) {
        (void)snprintf(text, room, "uid %lu", (unsigned long)link->uid);
    } else if (link->is_parent) {
        (void)snprintf(text, room, "parent");
    }
}

/* NULL: it is no facet of the root. */
static const struct pyn_iface *narrow(const struct pyn_iface *root, const char *facet)
{
    const struct pyn_iface *found = pyn_policy_find(root->policy, pyn_view_of(facet));

    return found != NULL && (found == root || pyn_iface_is_facet_of(found, root)) ? found : NULL;
}

/* Of the roots that its class has: the one of that name; when it asks for none, the only one. */
static const struct pyn_server_root *find_root(const struct pyn_server *server, const struct pyn_link *link,
                                               struct pyn_view name)
{
    const struct pyn_server_root *found = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < server->config.root_count; i++) {
        const struct pyn_server_root *root = &server->config.roots[i];
        if (!pyn_classes_have_root(server->config.classes, link->class, i)) {
            continue;
        }
        if (pyn_view_is_equal(root->name, name)) {
            return root;
        }
        found = root;
        count++;
    }
    return name.len == 0 && count == 1 ? found : NULL;
}

/* Who was let in for one root asks for that, or for none by name. Nothing in a grant means the only root there is. */
static const struct pyn_server_root *granted_root(const struct pyn_server *server, const struct pyn_link *link,
                                                  const struct pyn_principal *who, struct pyn_view asked)
{
    struct pyn_view granted = pyn_view_of(who->root);
    const struct pyn_server_root *root = find_root(server, link, granted);

    if (root == NULL || (asked.len > 0 && !pyn_view_is_equal(asked, root->name))) {
        return NULL;
    }
    return root;
}

/* False: it has ended. What is said of a class that is not there is what is said of a root that is not. */
static bool take_place(struct pyn_server *server, struct pyn_link *link)
{
    const char *fault = NULL;

    if (!pyn_place_find(server, link)) {
        pyn_session_goodbye(link->session, (uint32_t)PYN_EDENIED, "no such root");
        pyn_link_end(link, PYN_EPROTOCOL, "refused: its grant names a quota class that there is not");
        return false;
    }
    pyn_server_lock(server);
    fault = pyn_place_take(server, link);
    pyn_server_unlock(server);
    if (fault != NULL) {
        pyn_session_goodbye(link->session, (uint32_t)PYN_EFLOOD, fault);
        pyn_link_end(link, PYN_EFLOOD, fault);
    }
    return fault == NULL;
}

void pyn_server_welcome(struct pyn_server *server, struct pyn_link *link, struct pyn_view root_name)
{
    const struct pyn_principal *who = pyn_link_principal(link);
    const struct pyn_server_root *root = NULL;
    const struct pyn_iface *iface = NULL;
    pyn_status st = PYN_EDENIED;

    if (who != NULL && !take_place(server, link)) { /* all others have theirs since they came */
        return;
    }
    root = who != NULL ? granted_root(server, link, who, root_name) : find_root(server, link, root_name);
    if (root != NULL) {
        iface = who != NULL && who->facet[0] != '\0' ? narrow(root->iface, who->facet) : root->iface;
    }
    if (iface == NULL || (who == NULL && pyn_link_channel(link) != NULL)) {
        pyn_session_goodbye(link->session, (uint32_t)PYN_EDENIED, "no such root");
        pyn_link_end(link, PYN_EPROTOCOL, "asked for a root that is not there");
        return;
    }
    link->is_welcomed = true;
    st = pyn_session_welcome(link->session, root->object, iface);
    if (st != PYN_OK) {
        pyn_link_end(link, st, pyn_status_name(st));
    } else {
        pyn_shaking_welcomed(link);
    }
}

void pyn_link_check_expiry(struct pyn_link *link)
{
    const struct pyn_principal *who = pyn_link_principal(link);

    if (link->over == PYN_OK && who != NULL && who->expires_at != 0 && pyn_calendar_now() >= who->expires_at) {
        pyn_session_goodbye(link->session, (uint32_t)PYN_EDENIED, "what was granted has expired");
        pyn_link_end(link, PYN_EGONE, "what was granted has expired");
    }
}

/* ---- revoking ---- */

static void end_if_of(void *ctx, struct pyn_link *link)
{
    const uint8_t *id = ctx;
    const struct pyn_principal *who = NULL;

    pyn_link_lock(link);
    who = link->over == PYN_OK ? pyn_link_principal(link)
                               : NULL; /* of one that is away nothing stands here: who has it is told */
    if (who != NULL && memcmp(who->grant, id, PYN_GRANT_ID_LEN) == 0) {
        pyn_session_goodbye(link->session, (uint32_t)PYN_EDENIED, "what was granted has been revoked");
        pyn_link_end(link, PYN_EGONE, "what was granted has been revoked");
    }
    pyn_link_unlock(link);
}

/* The table first: who is judged later is refused, who was judged before is found here, as a link is judged under its lock. */
void pyn_server_revoke(struct pyn_server *server, const uint8_t id[PYN_GRANT_ID_LEN])
{
    uint8_t grant[PYN_GRANT_ID_LEN];

    memcpy(grant, id, sizeof grant);
    if (server->config.door != NULL) {
        (void)pyn_door_revoke(server->config.door, grant);
    }
    pyn_server_each(server, end_if_of, grant);
}
