/* door.c - a lock around the tables of the channel, and a queue of those who wait for an answer. */
#include "door.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"

enum { ASKING_MAX = 256 };

/* In memory that sodium has locked, with a guard behind it. */
struct secrets {
    struct pyn_keypair key;
    uint8_t psk[PYN_NOISE_KEY_LEN];
    bool has_psk;
};

/* A listener's: what carries the channel is part of what both ends have to mean. */
struct way {
    const struct pyn_door *door;
    const char *transport;
};

struct pyn_door {
    struct way ways[2];
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct secrets *secrets;
    struct pyn_grants *grants;
    struct pyn_gate *gate;
    struct pyn_asking asking[ASKING_MAX];
    uint32_t first;
    uint32_t count;
    bool is_closed;
};

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    randombytes_buf(out, len);
}

/* ---- life ---- */

static pyn_status make_tables(struct pyn_door *door, const struct pyn_gate_limits *limits)
{
    const struct pyn_gate_limits usual = pyn_gate_limits_default();
    uint8_t hashing[PYN_GATE_SECRET_LEN];

    randombytes_buf(hashing, sizeof hashing);
    door->gate = pyn_gate_new(pyn_mem_default(), limits != NULL ? limits : &usual, hashing);
    if (door->gate == NULL) {
        return PYN_ENOMEM;
    }
    return pyn_grants_new(pyn_mem_default(), door->secrets->key.secret, door->secrets->key.public_key, &door->grants);
}

pyn_status pyn_door_new(const struct pyn_keypair *key, const uint8_t *psk, const struct pyn_gate_limits *limits,
                        struct pyn_door **out)
{
    struct pyn_door *door = calloc(1, sizeof *door);
    pthread_condattr_t attributes;

    *out = NULL;
    if (door == NULL) {
        return PYN_ENOMEM;
    }
    door->ways[0] = (struct way){door, "tcp"};
    door->ways[1] = (struct way){door, "ws"};
    (void)pthread_mutex_init(&door->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&door->filled, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    door->secrets = sodium_malloc(sizeof *door->secrets);
    if (door->secrets == NULL) {
        pyn_door_free(door);
        return PYN_ENOMEM;
    }
    *door->secrets = (struct secrets){.key = *key, .has_psk = psk != NULL};
    if (psk != NULL) {
        memcpy(door->secrets->psk, psk, PYN_NOISE_KEY_LEN);
    }
    if (make_tables(door, limits) != PYN_OK) {
        pyn_door_free(door);
        return PYN_ENOMEM;
    }
    *out = door;
    return PYN_OK;
}

void pyn_door_free(struct pyn_door *door)
{
    if (door == NULL) {
        return;
    }
    pyn_grants_free(door->grants);
    pyn_gate_free(door->gate);
    sodium_free(door->secrets); /* wipes it */
    (void)pthread_cond_destroy(&door->filled);
    (void)pthread_mutex_destroy(&door->lock);
    free(door);
}

static struct pyn_door *lock(const struct pyn_door *door)
{
    struct pyn_door *mine = (struct pyn_door *)(uintptr_t)door; /* its lock is no part of what const promises */

    (void)pthread_mutex_lock(&mine->lock);
    return mine;
}

static void unlock(struct pyn_door *door)
{
    (void)pthread_mutex_unlock(&door->lock);
}

const uint8_t *pyn_door_public(const struct pyn_door *door)
{
    return door->secrets->key.public_key;
}

/* ---- the layer ---- */

static enum pyn_admittance judge(void *ctx, const struct pyn_claim *claim, struct pyn_principal *who)
{
    struct pyn_door *door = lock(ctx);
    enum pyn_admittance judgement = pyn_grants_judge(door->grants, claim, pyn_calendar_now(), who);

    unlock(door);
    return judgement;
}

static pyn_status make_layer(const void *ctx, const struct pyn_mem *mem, struct pyn_layer **out)
{
    const struct way *way = ctx;
    const struct pyn_door *door = way->door;
    const struct pyn_channel_config config = {
        .is_server = true,
        .transport = pyn_view_of(way->transport),
        .own = &door->secrets->key,
        .psk = door->secrets->has_psk ? door->secrets->psk : NULL,
        .judge = {judge, (void *)(uintptr_t)door},
        .random = {fill, NULL},
    };

    return pyn_channel_new(&config, mem, out);
}

struct pyn_layer_source pyn_door_source(const struct pyn_door *door, bool is_in_websocket)
{
    return (struct pyn_layer_source){.make = make_layer, .ctx = &door->ways[is_in_websocket ? 1 : 0]};
}

/* ---- who may try ---- */

bool pyn_door_admits(struct pyn_door *door, const uint8_t source[PYN_GATE_SOURCE_LEN], uint64_t now)
{
    bool is_admitted = false;

    (void)lock(door);
    is_admitted = pyn_gate_admit(door->gate, source, now);
    unlock(door);
    return is_admitted;
}

void pyn_door_settle(struct pyn_door *door, const uint8_t source[PYN_GATE_SOURCE_LEN], bool is_in, uint64_t now)
{
    (void)lock(door);
    if (is_in) {
        pyn_gate_succeeded(door->gate, source, now);
    } else {
        pyn_gate_failed(door->gate, source, now);
    }
    unlock(door);
}

/* ---- what was granted ---- */

pyn_status pyn_door_grant(struct pyn_door *door, const struct pyn_grant *grant)
{
    pyn_status st = PYN_EINTERNAL;

    (void)lock(door);
    st = pyn_grants_put(door->grants, grant);
    unlock(door);
    return st;
}

size_t pyn_door_revoke(struct pyn_door *door, const uint8_t id[PYN_GRANT_ID_LEN])
{
    size_t count = 0;

    (void)lock(door);
    count = pyn_grants_drop(door->grants, id);
    unlock(door);
    return count;
}

void pyn_door_digest(const struct pyn_door *door, enum pyn_login_kind kind, struct pyn_view what,
                     uint8_t out[PYN_DIGEST_LEN])
{
    pyn_grants_digest(door->grants, kind, what, out); /* reads nothing that changes */
}

/* ---- whose uses are counted ---- */

bool pyn_door_ask(struct pyn_door *door, const struct pyn_asking *asking)
{
    bool is_in = false;

    (void)lock(door);
    if (door->count < ASKING_MAX && !door->is_closed) {
        door->asking[(door->first + door->count) % ASKING_MAX] = *asking;
        door->count++;
        is_in = true;
        (void)pthread_cond_signal(&door->filled);
    }
    unlock(door);
    return is_in;
}

pyn_status pyn_door_next(struct pyn_door *door, uint64_t timeout_ns, struct pyn_asking *out)
{
    const uint64_t until = pyn_now() + timeout_ns;
    const struct timespec at = {.tv_sec = (time_t)(until / UINT64_C(1000000000)),
                                .tv_nsec = (long)(until % UINT64_C(1000000000))};
    pyn_status st = PYN_EWAIT;
    int error = 0;

    (void)lock(door);
    while (door->count == 0 && !door->is_closed && error == 0) {
        error = pthread_cond_timedwait(&door->filled, &door->lock, &at);
    }
    if (door->is_closed) {
        st = PYN_EGONE;
    } else if (door->count > 0) {
        *out = door->asking[door->first];
        door->first = (door->first + 1) % ASKING_MAX;
        door->count--;
        st = PYN_OK;
    }
    unlock(door);
    return st;
}

bool pyn_door_is_closed(const struct pyn_door *door)
{
    struct pyn_door *mine = lock(door);
    const bool is = mine->is_closed;

    unlock(mine);
    return is;
}

void pyn_door_close(struct pyn_door *door)
{
    (void)lock(door);
    door->is_closed = true;
    sodium_memzero(door->secrets, sizeof *door->secrets); /* nobody comes in any more, however long the door is held */
    (void)pthread_cond_broadcast(&door->filled);
    unlock(door);
}
