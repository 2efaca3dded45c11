/* watch.c - see watch.h. */
#include "watch.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "server.h"

static const uint64_t MILLISECOND = UINT64_C(1000000);

static const uint64_t TICK = UINT64_C(4000000); /* and up to half of it more, so that nobody can know when it comes */
static const uint64_t AGAIN = UINT64_C(50000000); /* after the first interrupt it has so long to come to its end by itself */
static const uint64_t STUCK = UINT64_C(8000000000); /* then it is an alarm */

enum { QUIET_TICKS = 2, EXIT_STUCK = 70 };

/* A thread that has run a call. */
struct slot {
    struct slot *next;
    pthread_t thread;
    int signal;          /* 0: none */
    atomic_bool is_held; /* by hold(): guards what follows, and the watches */
    struct pyn_watch *top;
    bool was_used;           /* since the last tick */
    bool is_wanted;          /* somebody in pyn_watch_await() is to interrupt it */
    atomic_bool was_claimed; /* its own thread looks without the lock */
    bool has_clock;
    clockid_t clock;
    uint64_t cpu_at; /* at the last tick; 0: it was not looked at */
};

static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list, and is_started */
static pthread_cond_t bell;                                    /* wakes the watchdog */
static pthread_cond_t wanted;                                  /* wakes who waits in pyn_watch_await() */
static struct slot *slots;
static bool is_started;
static atomic_bool is_asleep;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* its destructor is how we hear of a thread's end */
static _Thread_local struct slot *own;

/*
 * A slot is held for some steps, twice in each call, and hardly ever by two: a lock that can sleep would cost more than what it guards. Who finds it
 * held gives the processor away.
 */
static void hold(struct slot *slot)
{
    while (atomic_exchange_explicit(&slot->is_held, true, memory_order_acquire)) {
        (void)sched_yield();
    }
}

static void let_go(struct slot *slot)
{
    atomic_store_explicit(&slot->is_held, false, memory_order_release);
}

/* ---- threads ---- */

static void forget(void *slot)
{
    struct slot **at = &slots;

    (void)pthread_mutex_lock(&slots_lock);
    while (*at != NULL && *at != slot) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = ((struct slot *)slot)->next;
    }
    (void)pthread_mutex_unlock(&slots_lock);
    free(slot);
}

static void init_conditions(void)
{
    pthread_condattr_t attributes;

    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&bell, &attributes);
    (void)pthread_cond_init(&wanted, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

/* In the child of a fork there is one thread, and no watchdog. */
static void start_anew(void)
{
    (void)pthread_mutex_init(&slots_lock, NULL); /* a thread that is not here may have held it */
    init_conditions();
    is_started = false;
    atomic_store(&is_asleep, false);
    slots = own;
    if (own != NULL) {
        own->next = NULL;
        own->thread = pthread_self();
        let_go(own);
    }
}

/* Not the lock: somebody who asks what a link has used may hold it by now. */
static void init(void)
{
    init_conditions();
    (void)pthread_key_create(&key, forget);
    (void)pthread_atfork(NULL, NULL, start_anew);
}

/* NULL: out of memory, and this thread is not watched. */
static struct slot *own_slot(void)
{
    if (own != NULL) {
        return own;
    }
    (void)pthread_once(&once, init);
    own = calloc(1, sizeof *own);
    if (own == NULL || pthread_setspecific(key, own) != 0) {
        free(own);
        own = NULL;
        return NULL;
    }
    own->thread = pthread_self();
    own->has_clock = pthread_getcpuclockid(own->thread, &own->clock) == 0;
    (void)pthread_mutex_lock(&slots_lock);
    own->next = slots;
    slots = own;
    (void)pthread_mutex_unlock(&slots_lock);
    return own;
}

static uint64_t cpu_of(const struct slot *slot)
{
    struct timespec ts = {0, 0};

    if (slot->has_clock) {
        (void)clock_gettime(slot->clock, &ts);
    }
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* ---- marking ---- */

static void mark(struct pyn_watch *watch, enum pyn_overrun why)
{
    if (watch->why == PYN_OVERRUN_NONE) {
        watch->why = why;
        if (watch->link->server != NULL) {
            pyn_server_note_overrun(watch->link->server, (int)why);
        }
        watch->marked_at = pyn_now();
    }
}

static enum pyn_overrun judge(const struct pyn_watch *watch, bool is_spent, uint64_t now)
{
    const struct pyn_quotas *quotas = watch->link->quotas;

    if (watch->ends_at != 0 && now >= watch->ends_at) {
        return PYN_OVERRUN_DEADLINE;
    }
    if (watch->held_ns > quotas->call_ns) {
        return PYN_OVERRUN_CALL;
    }
    if (watch->cpu_ns > quotas->cpu_ns) {
        return PYN_OVERRUN_CPU;
    }
    return is_spent ? PYN_OVERRUN_SHARE : PYN_OVERRUN_NONE;
}

/* ---- interrupting ---- */

/* Instants of other threads may lie ahead of ours. */
static bool is_past(uint64_t at, uint64_t by, uint64_t now)
{
    return now > at && now - at >= by;
}

static bool is_due(const struct pyn_watch *watch, uint64_t now)
{
    return watch != NULL && watch->why != PYN_OVERRUN_NONE && !watch->is_waiting &&
           (watch->raised_at == 0 || watch->is_pressed || is_past(watch->raised_at, AGAIN, now));
}

static void interrupt(struct slot *slot)
{
    if (slot->signal != 0) {
        (void)pthread_kill(slot->thread, slot->signal);
    } else if (!slot->is_wanted) {
        slot->is_wanted = true;
        (void)pthread_cond_signal(&wanted);
    }
}

/* Nobody else may ever get the interpreter's lock again: it is said without it. */
static void raise_alarm(struct pyn_watch *watch)
{
    struct pyn_server *server = watch->link->server;

    watch->is_alarm = true;
    (void)dprintf(STDERR_FILENO, "pynto: a call of %s does not end: only the end of the process can end it\n",
                  watch->link->peer);
    if (server != NULL && pyn_server_exits_stuck(server) && !pyn_server_is_stuck(server)) {
        _exit(EXIT_STUCK);
    }
}

bool pyn_watch_is_due(bool *again)
{
    uint64_t now = pyn_now();
    bool is = false;

    *again = false;
    if (own == NULL) {
        return false;
    }
    hold(own);
    is = is_due(own->top, now);
    if (is && own->top->raised_at == 0) {
        own->top->raised_at = now;
    } else if (is) { /* not always: code that is interrupted at every step may get nowhere, not even to its end */
        bool is_skipped = (now >> 4) % 4 == 0;
        if (is_past(own->top->raised_at, AGAIN, now)) {
            *again = !is_skipped;
            own->was_claimed = *again;
        } else { /* pressed: until it is again */
            is = !is_skipped;
        }
    }
    if (own->top != NULL) {
        own->top->is_pressed = false;
    }
    let_go(own);
    return is;
}

void pyn_watch_await(unsigned long *thread)
{
    struct slot *slot = NULL;

    (void)pthread_once(&once, init);
    (void)pthread_mutex_lock(&slots_lock);
    for (;;) {
        for (slot = slots; slot != NULL && !slot->is_wanted; slot = slot->next) {}
        if (slot != NULL) {
            break;
        }
        (void)pthread_cond_wait(&wanted, &slots_lock);
    }
    slot->is_wanted = false;
    *thread = (unsigned long)slot->thread;
    (void)pthread_mutex_unlock(&slots_lock);
}

enum pyn_overrun pyn_watch_claim(unsigned long thread)
{
    uint64_t now = pyn_now();
    enum pyn_overrun why = PYN_OVERRUN_NONE;

    (void)pthread_mutex_lock(&slots_lock);
    for (struct slot *slot = slots; slot != NULL; slot = slot->next) {
        if ((unsigned long)slot->thread == thread) {
            hold(slot);
            if (is_due(slot->top, now)) {
                slot->was_claimed = true;
                why = slot->top->why;
            }
            let_go(slot);
        }
    }
    (void)pthread_mutex_unlock(&slots_lock);
    return why;
}

bool pyn_watch_was_claimed(void)
{
    bool was = false;

    if (own != NULL && atomic_load(&own->was_claimed)) {
        was = atomic_exchange(&own->was_claimed, false);
    }
    return was;
}

void pyn_watch_signalled(int signal)
{
    struct slot *slot = own_slot();

    if (slot != NULL) {
        (void)pthread_mutex_lock(&slots_lock);
        slot->signal = signal;
        (void)pthread_mutex_unlock(&slots_lock);
    }
}

/* ---- the watchdog ---- */

/* The CPU time since the last tick is that of whoever runs now: who is there for a short time pays with the probability of being met. */
static void account(struct slot *slot, struct pyn_watch *watch, uint64_t now, bool *is_spent)
{
    uint64_t cpu = cpu_of(slot);
    uint64_t used = slot->cpu_at != 0 && cpu > slot->cpu_at ? cpu - slot->cpu_at : 0;

    slot->cpu_at = cpu;
    if (watch == NULL || watch->is_waiting) {
        return;
    }
    *is_spent = pyn_cpu_charge(&watch->link->cpu, watch->link->quotas, used, now);
    if (*is_spent) {
        atomic_store(&watch->link->is_spent, true);
    }
    if (watch->seen_at != 0) {
        watch->cpu_ns += used;
        watch->held_ns += now - watch->seen_at;
    }
    watch->seen_at = now;
}

static uint64_t stuck_after(const struct pyn_watch *watch)
{
    return watch->link->server != NULL ? pyn_server_stuck_after(watch->link->server, STUCK) : STUCK;
}

static void look_at(struct slot *slot, uint64_t now)
{
    struct pyn_watch *watch = slot->top;
    bool was_seen = watch != NULL && watch->seen_at != 0;
    bool is_spent = false;
    enum pyn_overrun why = PYN_OVERRUN_NONE;

    account(slot, watch, now, &is_spent);
    if (watch == NULL) {
        return;
    }
    why = judge(watch, is_spent, now);
    if (why != PYN_OVERRUN_NONE) {
        mark(watch, why);
    }
    if (is_due(watch, now)) {
        interrupt(slot);
    }
    if (watch->why != PYN_OVERRUN_NONE && !watch->is_waiting && !watch->is_alarm &&
        is_past(watch->marked_at, stuck_after(watch), now)) {
        raise_alarm(watch);
    }
    if (was_seen && watch->link->server != NULL) {
        pyn_server_is_busy(watch->link->server);
    }
}

/* True: something runs, or has run since. */
static bool look_at_all(void)
{
    uint64_t now = pyn_now();
    bool is_any = false;

    for (struct slot *slot = slots; slot != NULL; slot = slot->next) {
        hold(slot);
        if (slot->top != NULL || slot->was_used) {
            is_any = true;
            look_at(slot, now);
        } else {
            slot->cpu_at = 0;
        }
        slot->was_used = false;
        let_go(slot);
    }
    return is_any;
}

static struct timespec next_tick(void)
{
    uint64_t now = pyn_now();
    uint64_t at = now + TICK + (now >> 3) % (TICK / 2);

    return (struct timespec){.tv_sec = (time_t)(at / (1000 * MILLISECOND)), .tv_nsec = (long)(at % (1000 * MILLISECOND))};
}

static void *watchdog(void *ignored)
{
    int quiet = 0;

    (void)pthread_mutex_lock(&slots_lock);
    for (;;) {
        struct timespec at = next_tick();
        quiet = look_at_all() ? 0 : quiet + 1;
        if (quiet < QUIET_TICKS) {
            (void)pthread_cond_timedwait(&bell, &slots_lock, &at);
            continue;
        }
        atomic_store(&is_asleep, true);
        if (!look_at_all()) { /* who comes from here on rings */
            (void)pthread_cond_wait(&bell, &slots_lock);
        }
        atomic_store(&is_asleep, false);
        quiet = 0;
    }
    return ignored;
}

static void start(void)
{
    sigset_t all;
    sigset_t before;
    pthread_t thread;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for others */
    (void)pthread_mutex_lock(&slots_lock);
    if (!is_started && pthread_create(&thread, NULL, watchdog, NULL) == 0) {
        is_started = true;
        (void)pthread_detach(thread);
    }
    (void)pthread_mutex_unlock(&slots_lock);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void wake(void)
{
    if (!is_started) { /* a second look is taken with the lock */
        start();
    } else if (atomic_load(&is_asleep)) {
        (void)pthread_mutex_lock(&slots_lock);
        (void)pthread_cond_signal(&bell);
        (void)pthread_mutex_unlock(&slots_lock);
    }
}

/* ---- what is watched ---- */

void pyn_watch_enter(struct pyn_watch *watch, struct pyn_link *link, uint64_t lane, uint64_t ends_at)
{
    struct slot *slot = own_slot();

    *watch = (struct pyn_watch){.link = link, .lane = lane, .ends_at = ends_at, .is_call = true};
    if (slot == NULL) {
        return;
    }
    hold(slot);
    watch->below = slot->top;
    if (slot->top != NULL && slot->top->ends_at != 0 && (ends_at == 0 || slot->top->ends_at < ends_at)) {
        watch->ends_at = slot->top->ends_at; /* it is done on behalf of that one */
    }
    slot->top = watch;
    slot->was_used = true;
    let_go(slot);
    wake();
}

void pyn_watch_leave(struct pyn_watch *watch)
{
    if (own != NULL) {
        hold(own);
        own->top = watch->below;
        let_go(own);
    }
}

void pyn_watch_answered(struct pyn_watch *watch)
{
    if (own != NULL) {
        hold(own);
        *watch = (struct pyn_watch){.below = watch->below, .link = watch->link, .lane = watch->lane};
        let_go(own);
    }
}

static void set_waiting(bool is)
{
    if (own != NULL) {
        hold(own);
        if (own->top != NULL) {
            own->top->is_waiting = is;
            own->top->seen_at = 0;
        }
        let_go(own);
    }
}

void pyn_watch_pause(void)
{
    set_waiting(true);
}

void pyn_watch_resume(void)
{
    set_waiting(false);
}

enum pyn_overrun pyn_watch_why(void)
{
    return own != NULL && own->top != NULL ? atomic_load(&own->top->why) : PYN_OVERRUN_NONE;
}

bool pyn_watch_press(enum pyn_overrun why, bool is_claimed, bool *is_signalled)
{
    bool is = false;

    *is_signalled = false;
    if (own == NULL) {
        return false;
    }
    (void)pthread_mutex_lock(&slots_lock);
    hold(own);
    if (own->top != NULL) {
        is = true;
        mark(own->top, why);
        own->top->is_pressed = true;
        *is_signalled = own->signal != 0;
        if (!*is_signalled) {
            own->was_claimed = is_claimed || own->was_claimed;
            interrupt(own);
        }
    }
    let_go(own);
    (void)pthread_mutex_unlock(&slots_lock);
    return is;
}

/* lane: NULL: in all of them. */
static bool mark_calls(const struct pyn_link *link, const uint64_t *lane, enum pyn_overrun why)
{
    bool is_done = false;

    (void)pthread_once(&once, init);
    (void)pthread_mutex_lock(&slots_lock);
    for (struct slot *slot = slots; slot != NULL && !is_done; slot = slot->next) {
        hold(slot);
        for (struct pyn_watch *watch = slot->top; watch != NULL && !is_done; watch = watch->below) {
            if (watch->is_call && watch->link == link && (lane == NULL || watch->lane == *lane)) {
                mark(watch, why);
                is_done = lane != NULL;
            }
        }
        if (is_due(slot->top, pyn_now())) {
            interrupt(slot);
        }
        let_go(slot);
    }
    (void)pthread_mutex_unlock(&slots_lock);
    return is_done;
}

bool pyn_watch_cancel(struct pyn_link *link, uint64_t lane)
{
    return mark_calls(link, &lane, PYN_OVERRUN_CANCELLED);
}

void pyn_watch_gone(struct pyn_link *link)
{
    (void)mark_calls(link, NULL, PYN_OVERRUN_GONE);
}

bool pyn_watch_is_spent(struct pyn_link *link)
{
    bool is = false;

    (void)pthread_mutex_lock(&slots_lock);
    is = pyn_cpu_is_spent(&link->cpu, link->quotas, pyn_now());
    atomic_store(&link->is_spent, is);
    (void)pthread_mutex_unlock(&slots_lock);
    return is;
}

uint64_t pyn_watch_cpu_of(struct pyn_link *link)
{
    uint64_t total = 0;

    (void)pthread_mutex_lock(&slots_lock);
    total = link->cpu.total_ns;
    (void)pthread_mutex_unlock(&slots_lock);
    return total;
}
