/* cancel.c - a peer does not want the answer to a call of its any more: where that call is found, and what it is told. */
#include "server.h"
#include "watch.h"

/* One that another thread is to run inside of its own. */
static bool cancel_nested(const struct pyn_link *link, uint64_t lane)
{
    for (const struct pyn_waiter *waiter = link->waiters; waiter != NULL; waiter = waiter->next) {
        if (waiter->lane == lane && waiter->calls.first != NULL) {
            waiter->calls.first->is_cancelled = true;
            return true;
        }
    }
    return false;
}

void pyn_link_cancelled(struct pyn_link *link, uint64_t lane)
{
    if (link->server == NULL || cancel_nested(link, lane) || pyn_server_cancel(link->server, link, lane) ||
        pyn_watch_cancel(link, lane) || pyn_link_is_late(link, lane)) {
        return;
    }
    link->missed_lane = lane; /* a thread has taken it and is about to begin, or has done with it and is about to answer */
    atomic_store(&link->has_missed, true);
}

bool pyn_link_was_cancelled(struct pyn_link *link, uint64_t lane)
{
    bool was = false;

    if (!atomic_load(&link->has_missed)) {
        return false;
    }
    pyn_link_lock(link);
    was = atomic_load(&link->has_missed) && link->missed_lane == lane;
    if (was) {
        atomic_store(&link->has_missed, false);
    }
    pyn_link_unlock(link);
    return was;
}

/* It was for the call that is answered now: the next one of its lane is nobody's to end. */
void pyn_link_forget_missed(struct pyn_link *link, uint64_t lane)
{
    if (atomic_load_explicit(&link->has_missed, memory_order_relaxed) && link->missed_lane == lane) {
        atomic_store(&link->has_missed, false);
    }
}
