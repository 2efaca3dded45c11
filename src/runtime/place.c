/* place.c - a connection's place in its quota class: taken when it is known who is there, given back with the connection. See classes.h. */
#include "server_state.h"

static struct pyn_arrived arrived(struct pyn_link *link)
{
    return (struct pyn_arrived){
        .principal = pyn_link_principal(link),
        .is_local = link->is_parent || link->has_uid,
        .has_uid = link->has_uid,
        .uid = link->uid,
    };
}

/* Of whom it counts: the same number for the same grant or user, and hardly ever for others. */
static uint64_t count_as(const struct pyn_arrived *who)
{
    uint64_t number = 0;

    if (who->principal != NULL) {
        memcpy(&number, who->principal->grant, sizeof number);
        return number | 1;
    }
    return who->has_uid ? ((uint64_t)who->uid + 1) << 1 : 0;
}

/* What its peer has left is found by this, whether its class is the same or not. */
static struct pyn_estate *estate_of(struct pyn_server *server, const struct pyn_link *link)
{
    struct pyn_estate_key peer = {.id = link->principal, .side = UINT64_MAX};

    if (peer.id == 0 && !link->is_counted) {
        return pyn_estates_of_nobody(&server->estates);
    }
    if (peer.id == 0) { /* an address, which begins otherwise */
        memcpy(&peer.side, link->source, sizeof peer.side);
        memcpy(&peer.id, link->source + sizeof peer.side, sizeof peer.id);
    }
    return pyn_estates_of(&server->estates, &peer);
}

/* Links of this class that count for the same. Only asked for a class that limits them: it goes through all. */
static uint32_t count_of(const struct pyn_server *server, uint32_t class, uint64_t principal)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < server->slots_end; slot++) {
        const struct pyn_link *link = server->links[slot];
        count += link != NULL && link->is_placed && link->class == class && link->principal == principal;
    }
    return count;
}

bool pyn_place_find(struct pyn_server *server, struct pyn_link *link)
{
    const struct pyn_arrived who = arrived(link);

    if (!pyn_classes_of(server->config.classes, &who, &link->class)) {
        return false;
    }
    link->principal = count_as(&who);
    link->quotas = &server->config.classes->list[link->class].quotas;
    pyn_session_retune(link->session, link->quotas);
    return true;
}

const char *pyn_place_take(struct pyn_server *server, struct pyn_link *link)
{
    const struct pyn_quota_class *made = &server->config.classes->list[link->class];

    if (made->connection_max != 0 && server->placed[link->class] >= made->connection_max) {
        return "refused: too many connections of its class";
    }
    if (made->each_max != 0 && link->principal != 0 && count_of(server, link->class, link->principal) >= made->each_max) {
        return "refused: too many connections of one principal";
    }
    link->estate = estate_of(server, link);
    if (link->estate == NULL) {
        return "refused: there is no memory";
    }
    server->placed[link->class]++;
    link->is_placed = true;
    return NULL;
}

void pyn_place_leave(struct pyn_server *server, struct pyn_link *link)
{
    if (link->is_placed) {
        server->placed[link->class]--;
        link->is_placed = false;
    }
}
