/* upkeep.c - what time brings: twice a second each connection is looked at for what it has waited for too long. */
#include "clock.h"
#include "parting.h"
#include "server_state.h"
#include "shaking.h"
#include "warm.h"

enum { DRIP_RATE = 16 * 1024 }; /* bytes of an unfinished message that earn it another second */

static const uint64_t SECOND = UINT64_C(1000000000);

/* A call to the peer that no thread waits for: who waits in a thread looks at the clock itself. */
static bool is_unanswered(const struct pyn_link *link, uint64_t now)
{
    uint64_t since = pyn_box_waits_since(link->box);

    return since != 0 && now > since && now - since > link->quotas->callback_ns;
}

static bool is_too_long(const struct pyn_link *link, uint64_t now, uint64_t since, size_t come)
{
    return since != 0 && now > since && now - since > link->quotas->unfinished_ns + come / DRIP_RATE * SECOND;
}

/* A message that comes so slowly that it holds what has come of it for longer than anybody needs. */
static bool is_dripping(struct pyn_link *link, uint64_t now)
{
    size_t come = 0;
    uint64_t since = pyn_session_unfinished_since(link->session, &come);

    if (is_too_long(link, now, since, come)) {
        return true;
    }
    since = pyn_session_assembling_since(link->session, &come);
    return is_too_long(link, now, since, come);
}

/* Whoever has said nothing for a while keeps no more than what it is, and nobody what only a burst has needed. */
static void rest_if_idle(struct pyn_link *link)
{
    if (!link->is_awake && !link->is_reading) {
        pyn_session_rest(link->session);
    } else {
        pyn_session_trim(link->session);
    }
    link->is_awake = false;
}

static void check_time(struct pyn_link *link)
{
    uint64_t now = 0;

    pyn_link_lock(link);
    now = pyn_now(); /* not earlier: what it is compared with may have been set a moment ago */
    pyn_link_check_expiry(link);
    if (link->over == PYN_OK && !pyn_parting_is_away(link)) {
        if (!pyn_link_has_output(link)) {
            link->moved_at = now;
            if (pyn_session_has_frees(link->session) && pyn_session_flush_frees(link->session) == PYN_OK) {
                pyn_link_flush(link);
            }
        } else if (now - link->moved_at > link->quotas->stall_ns) {
            pyn_link_end(link, PYN_EFLOOD, "the peer does not read");
        }
        if (now - link->accepted_at > link->quotas->handshake_ns) {
            pyn_link_end_unopened(link);
        }
        if (link->over == PYN_OK && is_dripping(link, now)) {
            pyn_session_goodbye(link->session, (uint32_t)PYN_EFLOOD, "a message does not come to its end");
            pyn_link_end(link, PYN_EFLOOD, "a message does not come to its end");
        }
        if (link->over == PYN_OK && is_unanswered(link, now)) {
            pyn_session_goodbye(link->session, (uint32_t)PYN_EPROTOCOL, "a callback was not answered in time");
            pyn_link_end(link, PYN_EPROTOCOL, "a callback was not answered in time");
        }
        if (link->over == PYN_OK && !pyn_session_is_ready(link->session) &&
            now - link->accepted_at > link->quotas->hello_ns) {
            pyn_session_goodbye(link->session, (uint32_t)PYN_EPROTOCOL, "no hello");
            pyn_link_end(link, PYN_EPROTOCOL, "no hello in time");
        }
        rest_if_idle(link);
    }
    pyn_link_unlock(link);
}

static void look_after(void *ctx, struct pyn_link *link)
{
    check_time(link);
    pyn_shaking_settle(ctx, link);
    pyn_server_unpause(link);
}

void pyn_server_tick(struct pyn_server *server)
{
    uint64_t now = pyn_now();
    bool is_due = false;

    if (now < atomic_load(&server->next_tick)) {
        return;
    }
    pyn_server_lock(server);
    is_due = now >= server->next_tick; /* and it is this thread that does it */
    if (is_due) {
        server->next_tick = now + UINT64_C(1000000) * PYN_TICK_MS;
    }
    pyn_server_unlock(server);
    if (is_due) {
        pyn_server_each(server, look_after, server);
        pyn_warm_rest();
    }
}
