/* turn.c - whose call runs next: one at a time, each link in its turn, which is paid for by the time that it takes. */
#include <stddef.h>
#include <sys/eventfd.h>

#include "clock.h"
#include "server_state.h"

static const uint64_t SLICE = 1000000; /* ns */
static const uint64_t SHARE = 200000;  /* ns: of one link, whose calls follow each other */

static void make_ready(struct pyn_server *server, struct pyn_link *link)
{
    if (!link->seat.is_in) {
        (void)pyn_link_ref(link);
        pyn_fair_put(&server->ready, &link->seat);
    }
}

void pyn_server_enqueue(struct pyn_server *server, struct pyn_link *link, struct pyn_call *call)
{
    pyn_server_lock(server);
    pyn_line_put(&link->queue, call);
    atomic_store_explicit(&link->is_queued, true, memory_order_relaxed);
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
    call = pyn_line_find(&link->queue, lane);
    if (call != NULL) {
        call->is_cancelled = true;
    }
    pyn_server_unlock(server);
    return call != NULL;
}

/* With the lock held. */
static void rouse(struct pyn_server *server)
{
    if (!pyn_fair_is_empty(&server->ready) && !server->is_turn_taken && server->idle > 0) {
        (void)eventfd_write(server->wake, 1);
    }
}

void pyn_server_answered(struct pyn_server *server, struct pyn_link *link)
{
    bool is_due = false;

    pyn_link_lock(link);
    is_due = link->over == PYN_OK && atomic_load(&link->was_paused) && !link->is_paused;
    pyn_link_unlock(link);
    pyn_server_lock(server);
    if (is_due) {
        make_ready(server, link); /* whoever comes to it reads on */
    }
    rouse(server);
    pyn_server_unlock(server);
}

void pyn_server_rouse(struct pyn_server *server)
{
    pyn_server_lock(server);
    rouse(server);
    pyn_server_unlock(server);
}

void pyn_server_wants_sweep(struct pyn_server *server, struct pyn_link *link)
{
    pyn_server_lock(server);
    make_ready(server, link);
    rouse(server);
    pyn_server_unlock(server);
}

/* One link's turn: one call, or none when objects wait to be dropped. */
struct turn {
    struct pyn_link *link; /* counted */
    struct pyn_call *call;
    uint64_t queued_at;
    uint64_t began_at;
    uint64_t since;       /* this thread runs calls of the link one behind the other */
    uint64_t answered_at; /* 0: not known */
};

/* ---- whose turn it is ---- */

/* A thread that goes on with a call, and waits for its turn to do so. It stands on that thread's stack. */
struct resuming {
    struct pyn_entry seat; /* first */
    pthread_cond_t wake;
    bool has_turn;
};

/* Nobody has the turn: if it is that of a thread which waits for it, that has it now. */
static void grant(struct pyn_server *server)
{
    struct pyn_entry *seat = server->is_turn_taken ? NULL : pyn_fair_first(&server->ready);

    if (seat != NULL && seat->is_thread) {
        struct resuming *resuming = (struct resuming *)pyn_fair_take(&server->ready);
        resuming->has_turn = true;
        server->is_turn_taken = true;
        (void)pthread_cond_signal(&resuming->wake);
    }
}

/* Whose turn this thread has: its calls may follow each other in it. */
static _Thread_local struct turn *own_turn;

/* Clocks of two threads may be a little apart. */
static uint64_t between(uint64_t from, uint64_t until)
{
    return until > from ? until - from : 0;
}

/* A call has been run, from its turn until its answer. */
static void note_times(struct pyn_server *server, const struct turn *turn, uint64_t now)
{
    if (turn->queued_at != 0) {
        pyn_histogram_add(&server->tally.waits, between(turn->queued_at, turn->began_at));
        pyn_histogram_add(&server->tally.runs, between(turn->began_at, now));
    }
}

static void begin_turn(struct pyn_server *server, struct pyn_link *link, uint64_t now)
{
    server->is_turn_taken = true;
    server->turn_of = link;
    server->turn_since = now;
}

/* Whoever has it pays for it. */
static void charge_turn(struct pyn_server *server, uint64_t now)
{
    struct pyn_link *link = server->turn_of;

    if (now > server->turn_since) {
        link->turn_ns += now - server->turn_since;
        pyn_fair_charge(&server->ready, &link->seat, now - server->turn_since, link->quotas->weight);
    }
}

static void give_turn_away(struct pyn_server *server, uint64_t now)
{
    charge_turn(server, now);
    server->turn_of = NULL;
    server->is_turn_taken = false;
    grant(server);
}

/* The link whose turn it is, if it is no thread's. */
static struct pyn_link *next_link(struct pyn_server *server)
{
    struct pyn_entry *seat = NULL;

    grant(server);
    if (!server->is_turn_taken) {
        seat = pyn_fair_take(&server->ready);
    }
    return seat != NULL ? (struct pyn_link *)((char *)seat - offsetof(struct pyn_link, seat)) : NULL;
}

void pyn_server_unclog(struct pyn_server *server, struct pyn_link *link)
{
    pyn_server_lock(server);
    if (link->queue.first != NULL) {
        make_ready(server, link);
    }
    pyn_server_unlock(server);
}

/* The oldest call of its queue; the link is ready again when there are more. */
static struct pyn_call *take_call(struct pyn_server *server, struct pyn_link *link)
{
    struct pyn_call *call = pyn_line_take(&link->queue);

    if (call != NULL) {
        if (link->queue.first == NULL) {
            atomic_store_explicit(&link->is_queued, false, memory_order_relaxed);
        } else {
            make_ready(server, link);
        }
    }
    return call;
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
    turn->call = take_call(server, link);
    turn->queued_at = turn->call != NULL ? turn->call->queued_at : 0;
    return true;
}

void pyn_server_note_end(uint64_t now)
{
    if (own_turn != NULL) {
        own_turn->answered_at = now;
    }
}

/* When its call ended, or a moment later. */
static uint64_t end_of(struct turn *turn)
{
    uint64_t now = turn->answered_at != 0 ? turn->answered_at : pyn_now();

    turn->answered_at = 0;
    return now;
}

struct pyn_call *pyn_server_go_on(struct pyn_server *server, struct pyn_link *link)
{
    struct pyn_call *call = NULL;
    uint64_t now = 0;

    if (own_turn == NULL || !atomic_load_explicit(&link->is_queued, memory_order_relaxed) ||
        !pyn_server_is_ours(server) || atomic_load(&link->is_over) || atomic_load(&link->is_clogged)) {
        return NULL;
    }
    now = end_of(own_turn);
    if (now - own_turn->since > SHARE) {
        return NULL;
    }
    pyn_server_lock(server);
    if (pyn_fair_is_only(&server->ready, &link->seat) && link->queue.first != NULL &&
        !link->queue.first->is_cancelled && pyn_rota_may_run(server)) {
        charge_turn(server, now);
        (void)pyn_fair_take(&server->ready);
        pyn_link_unref(link); /* who runs its calls holds it as well */
        call = take_call(server, link);
        if (call != NULL) {
            note_times(server, own_turn, now);
            own_turn->queued_at = call->queued_at;
            own_turn->began_at = now;
        }
        begin_turn(server, link, now);
    }
    pyn_server_unlock(server);
    return call;
}

/*
 * True: the link is over; the call of one that is gone is not run. Its lock is taken in any case: the thread that ends it may still be at that, and what dies
 * of it is known when that thread has given the lock back. This is the last time that anybody looks.
 */
static bool drop_if_over(const struct turn *turn)
{
    if (!atomic_load(&turn->link->is_over)) {
        return false;
    }
    pyn_link_lock(turn->link);
    if (turn->call != NULL) {
        pyn_link_drop_call(turn->link, turn->call);
    }
    pyn_link_unlock(turn->link);
    return true;
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
}

/* slice: no turn begins when so much time has gone by. */
static void take_turns(struct pyn_server *server, uint64_t slice)
{
    struct turn *before = own_turn;
    struct turn turn;
    uint64_t began = 0;
    uint64_t now = 0;

    pyn_server_lock(server);
    while (now - began <= slice && pyn_server_is_ours(server) && pyn_rota_may_run(server) && !server->is_turn_taken &&
           next_turn(server, &turn)) {
        if (began == 0) {
            began = now = pyn_now();
        }
        turn.began_at = turn.since = now;
        begin_turn(server, turn.link, now);
        pyn_server_unlock(server);
        own_turn = &turn;
        perform(server, &turn);
        own_turn = before;
        pyn_server_lock(server);
        if (pyn_server_is_ours(server)) { /* in a child nobody waits */
            now = pyn_now();
            note_times(server, &turn, now);
            give_turn_away(server, now);
        }
        pyn_link_unref(turn.link);
    }
    pyn_rota_hand_over(server);
    pyn_server_unlock(server);
}

/* Whoever has more to say than can be served in it does not keep the others from being heard. */
void pyn_server_take_turns(struct pyn_server *server)
{
    take_turns(server, SLICE);
}

void pyn_server_take_all_turns(struct pyn_server *server)
{
    take_turns(server, UINT64_MAX);
}

/* Somebody must be left to read and to run calls; called with the lock held, which is given up meanwhile. */
static void ensure_thread(struct pyn_server *server)
{
    const struct pyn_host *host = &server->config.host;
    bool is_wanted = server->idle == 0 && server->parked == 0;

    if (!is_wanted) {
        if (!pyn_fair_is_empty(&server->ready)) {
            (void)eventfd_write(server->wake, 1);
        }
        return;
    }
    pyn_server_unlock(server);
    (void)host->spawn(host->ctx);
    pyn_server_lock(server);
}

/* With the lock held. */
static bool reserve(struct pyn_server *server, struct pyn_link *link, bool is_checked)
{
    const struct pyn_server_config *config = &server->config;

    if (is_checked && (server->suspended >= config->thread_max - 2 || link->suspended >= config->suspended_max)) {
        return false;
    }
    server->suspended++;
    link->suspended++;
    return true;
}

static void leave_turn(struct pyn_server *server)
{
    pyn_rota_suspended(server, 1);
    give_turn_away(server, pyn_now());
    ensure_thread(server);
}

static bool suspend(struct pyn_server *server, struct pyn_link *link, bool is_checked)
{
    bool may = false;

    pyn_server_lock(server);
    may = reserve(server, link, is_checked);
    if (may) {
        leave_turn(server);
    }
    pyn_server_unlock(server);
    return may;
}

bool pyn_server_reserve(struct pyn_server *server, struct pyn_link *link)
{
    bool may = false;

    pyn_server_lock(server);
    may = reserve(server, link, true);
    pyn_server_unlock(server);
    return may;
}

void pyn_server_unreserve(struct pyn_server *server, struct pyn_link *link)
{
    pyn_server_lock(server);
    server->suspended--;
    link->suspended--;
    pyn_server_unlock(server);
}

void pyn_server_leave_turn(struct pyn_server *server)
{
    pyn_server_lock(server);
    leave_turn(server);
    pyn_server_unlock(server);
}

bool pyn_server_suspend(struct pyn_server *server, struct pyn_link *link)
{
    return suspend(server, link, true);
}

void pyn_server_suspend_again(struct pyn_server *server, struct pyn_link *link)
{
    (void)suspend(server, link, false);
}

/* It goes on where its call was, so what it will take is not guessed again. */
static void seat_thread(const struct pyn_link *link, struct resuming *resuming)
{
    const struct pyn_entry *account = &link->seat;

    *resuming = (struct resuming){.seat = {.is_thread = true}};
    resuming->seat.start = account->start + account->owed;
    resuming->seat.is_known = true;
    (void)pthread_cond_init(&resuming->wake, NULL);
}

void pyn_server_resume(struct pyn_server *server, struct pyn_link *link)
{
    struct resuming resuming;

    pyn_server_lock(server);
    seat_thread(link, &resuming);
    pyn_fair_put(&server->ready, &resuming.seat);
    grant(server);
    while (pyn_server_is_ours(server) && !resuming.has_turn) { /* in a child it was the parent's */
        (void)pthread_cond_wait(&resuming.wake, &server->lock);
    }
    (void)pthread_cond_destroy(&resuming.wake);
    server->suspended--;
    link->suspended--;
    pyn_rota_suspended(server, -1);
    begin_turn(server, link, pyn_now());
    pyn_server_unlock(server);
}
