/* shaking.c - see shaking.h. */
#include "shaking.h"

#include "clock.h"
#include "door.h"
#include "parting.h"

enum { SHOWN_OUT_AT_ONCE = 8 };

/* ---- the list, with the server's lock ---- */

static void append(struct pyn_server *server, struct pyn_link *link)
{
    link->shaking_before = server->shaking_tail;
    link->shaking_next = NULL;
    if (server->shaking_tail != NULL) {
        server->shaking_tail->shaking_next = link;
    } else {
        server->shaking = link;
    }
    server->shaking_tail = link;
    server->shaking_count++;
}

static void take_out(struct pyn_server *server, struct pyn_link *link)
{
    if (link->shaking_before != NULL) {
        link->shaking_before->shaking_next = link->shaking_next;
    } else {
        server->shaking = link->shaking_next;
    }
    if (link->shaking_next != NULL) {
        link->shaking_next->shaking_before = link->shaking_before;
    } else {
        server->shaking_tail = link->shaking_before;
    }
    link->shaking_next = link->shaking_before = NULL;
    server->shaking_count--;
}

void pyn_shaking_judge(struct pyn_server *server, struct pyn_link *link, bool is_good)
{
    const uint64_t now = pyn_now();

    if (!link->is_judged) {
        return;
    }
    if (pyn_link_channel(link) != NULL) {
        pyn_door_settle(server->config.door, link->source, is_good, now);
        return;
    }
    pyn_server_lock(server);
    if (is_good) {
        pyn_gate_succeeded(server->gate, link->source, now);
    } else {
        pyn_gate_failed(server->gate, link->source, now);
    }
    pyn_server_unlock(server);
}

static void leave(struct pyn_server *server, struct pyn_link *link, bool is_in)
{
    const struct pyn_layer *channel = pyn_link_channel(link);

    pyn_server_lock(server);
    take_out(server, link);
    server->multiplications += channel != NULL ? pyn_channel_multiplications(channel) : 0;
    link->was_in = is_in;
    server->tally.opened += is_in && channel != NULL;
    if (!is_in) {
        server->failed++;
    }
    pyn_server_unlock(server);
    pyn_shaking_judge(server, link, is_in);
}

/* Those who are in keep most of the places that there are. */
static uint32_t limit_of(const struct pyn_server *server)
{
    const uint32_t places = server->config.connection_max;
    const uint32_t share = places < 32 ? (places + 1) / 2 : places / 4;

    return share < PYN_SHAKING_MAX ? share : PYN_SHAKING_MAX;
}

/* ---- in and out ---- */

bool pyn_shaking_admits(struct pyn_server *server, const struct pyn_guest *guest)
{
    bool is_admitted = true;

    if (guest->has_door) {
        return pyn_door_admits(server->config.door, guest->source, pyn_now());
    }
    if (guest->is_judged) {
        pyn_server_lock(server);
        is_admitted = pyn_gate_admit(server->gate, guest->source, pyn_now());
        pyn_server_unlock(server);
    }
    return is_admitted;
}

static void show_out(struct pyn_server *server, struct pyn_link *link)
{
    pyn_link_lock(link);
    if (atomic_load(&link->is_shaking)) {
        pyn_link_end(link, PYN_EFLOOD, "made room for another handshake");
    }
    pyn_link_unlock(link);
    pyn_shaking_settle(server, link);
    pyn_link_unref(link);
}

/* As many of the oldest make room as there are too many: other threads let in as well, and may have chosen the same one. */
void pyn_shaking_enter(struct pyn_server *server, struct pyn_link *link)
{
    struct pyn_link *surplus[SHOWN_OUT_AT_ONCE];
    uint32_t count = 0;

    atomic_store(&link->is_shaking, true);
    pyn_server_lock(server);
    append(server, link);
    for (struct pyn_link *each = server->shaking;
         each != NULL && count < SHOWN_OUT_AT_ONCE && server->shaking_count > limit_of(server) + count;
         each = each->shaking_next) {
        surplus[count++] = pyn_link_ref(each);
    }
    pyn_server_unlock(server);
    for (uint32_t i = 0; i < count; i++) {
        show_out(server, surplus[i]);
    }
}

/* Somebody has to count this use first: nobody to do so, or too many who wait, is a no. */
static void ask(struct pyn_link *link, struct pyn_layer *channel)
{
    struct pyn_asking asking = {.token = (uint64_t)link->generation << 32 | link->slot};

    if (!link->is_asking) {
        link->is_asking = true;
        memcpy(asking.grant, pyn_channel_principal(channel)->grant, sizeof asking.grant);
        if (!pyn_door_ask(link->server->config.door, &asking)) {
            pyn_link_end(link, PYN_EFLOOD, "too many wait for their use to be counted");
        }
    }
}

void pyn_shaking_look(struct pyn_link *link)
{
    struct pyn_layer *channel = pyn_link_channel(link);

    if (!atomic_load(&link->is_shaking) || link->over != PYN_OK || channel == NULL) {
        return;
    }
    if (pyn_stack_is_open(link->stack)) {
        atomic_store(&link->is_shaking, false);
        leave(link->server, link, true);
    } else if (pyn_channel_state(channel) == PYN_CHANNEL_DECIDING) {
        ask(link, channel);
    }
}

void pyn_shaking_welcomed(struct pyn_link *link)
{
    if (atomic_exchange(&link->is_shaking, false)) {
        leave(link->server, link, true);
    }
}

void pyn_shaking_settle(struct pyn_server *server, struct pyn_link *link)
{
    bool is_over = false;

    if (!atomic_load(&link->is_shaking)) {
        return;
    }
    pyn_link_lock(link);
    is_over = link->over != PYN_OK && atomic_exchange(&link->is_shaking, false);
    pyn_link_unlock(link);
    if (is_over) {
        leave(server, link, false);
        pyn_server_drop(server, link);
    }
}

void pyn_server_decide(struct pyn_server *server, uint64_t token, bool is_in)
{
    struct pyn_link *link = pyn_server_find(server, token);

    if (link == NULL) {
        return;
    }
    pyn_link_lock(link);
    if (link->over == PYN_OK && pyn_link_channel(link) != NULL &&
        pyn_channel_decide(pyn_link_channel(link), is_in) == PYN_OK) {
        pyn_link_resume(link);
        pyn_link_flush(link);
        pyn_parting_look(link);
    }
    pyn_link_unlock(link);
    pyn_shaking_settle(server, link);
    pyn_server_wants_sweep(server, link); /* a thread looks at what has come of it */
    pyn_link_unref(link);
}
