/* log.c - see log.h. */
#include "log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../quota/bucket.h"
#include "clock.h"

static const struct pyn_rate RATE = {.per_second = PYN_LOG_PER_SECOND, .burst = PYN_LOG_AT_ONCE};

struct pyn_log {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct pyn_bucket bucket;
    struct pyn_log_line lines[PYN_LOG_LINES];
    uint32_t first;
    uint32_t count;
    uint64_t dropped; /* in all */
    uint64_t told;    /* of those */
    bool is_closed;
};

static atomic_uint_fast64_t dropped_elsewhere;

struct pyn_log *pyn_log_new(void)
{
    struct pyn_log *log = calloc(1, sizeof *log);

    if (log != NULL) {
        (void)pthread_mutex_init(&log->lock, NULL);
        (void)pthread_cond_init(&log->filled, NULL);
        log->bucket = pyn_bucket_full(&RATE, pyn_now());
    }
    return log;
}

void pyn_log_free(struct pyn_log *log)
{
    if (log != NULL) {
        (void)pthread_cond_destroy(&log->filled);
        (void)pthread_mutex_destroy(&log->lock);
        free(log);
    }
}

void pyn_log_put(struct pyn_log *log, uint64_t connection, const char *peer, const char *text)
{
    (void)pthread_mutex_lock(&log->lock);
    if (log->count < PYN_LOG_LINES && pyn_bucket_take(&log->bucket, &RATE, 1, pyn_now())) {
        struct pyn_log_line *line = &log->lines[(log->first + log->count) % PYN_LOG_LINES];
        line->connection = connection;
        (void)snprintf(line->peer, sizeof line->peer, "%s", peer);
        (void)snprintf(line->text, sizeof line->text, "%s", text);
        log->count++;
        (void)pthread_cond_signal(&log->filled);
    } else {
        log->dropped++;
    }
    (void)pthread_mutex_unlock(&log->lock);
}

bool pyn_log_take(struct pyn_log *log, struct pyn_log_line *line, uint64_t *dropped)
{
    bool is_there = false;

    (void)pthread_mutex_lock(&log->lock);
    while (log->count == 0 && !log->is_closed) {
        (void)pthread_cond_wait(&log->filled, &log->lock);
    }
    if (log->count > 0) {
        *line = log->lines[log->first];
        log->first = (log->first + 1) % PYN_LOG_LINES;
        log->count--;
        *dropped = log->dropped - log->told;
        log->told = log->dropped;
        is_there = true;
    }
    (void)pthread_mutex_unlock(&log->lock);
    return is_there;
}

uint64_t pyn_log_dropped(struct pyn_log *log)
{
    uint64_t dropped = 0;

    (void)pthread_mutex_lock(&log->lock);
    dropped = log->dropped;
    (void)pthread_mutex_unlock(&log->lock);
    return dropped + atomic_load_explicit(&dropped_elsewhere, memory_order_relaxed);
}

void pyn_log_note_dropped(void)
{
    (void)atomic_fetch_add_explicit(&dropped_elsewhere, 1, memory_order_relaxed);
}

void pyn_log_close(struct pyn_log *log)
{
    (void)pthread_mutex_lock(&log->lock);
    log->is_closed = true;
    (void)pthread_cond_broadcast(&log->filled);
    (void)pthread_mutex_unlock(&log->lock);
}
