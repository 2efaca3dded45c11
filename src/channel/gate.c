/* gate.c - buckets of tries, in sets of eight. */
#include "gate.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { WAYS = 8, SETS = PYN_GATE_SOURCES / WAYS };

static_assert(PYN_GATE_SECRET_LEN == crypto_shorthash_KEYBYTES && (SETS & (SETS - 1)) == 0, "the hash of a set");

struct bucket {
    uint8_t source[PYN_GATE_SOURCE_LEN];
    double tokens;
    uint64_t at;
    bool is_used;
};

struct pyn_gate {
    const struct pyn_mem *mem;
    struct pyn_gate_limits limits;
    uint8_t secret[PYN_GATE_SECRET_LEN];
    struct bucket buckets[PYN_GATE_SOURCES];
};

struct pyn_gate_limits pyn_gate_limits_default(void)
{
    return (struct pyn_gate_limits){.burst = 400, .per_second = 40, .penalty = 3};
}

struct pyn_gate *pyn_gate_new(const struct pyn_mem *mem, const struct pyn_gate_limits *limits,
                              const uint8_t secret[PYN_GATE_SECRET_LEN])
{
    struct pyn_gate *gate = pyn_mem_new(mem, 1, sizeof *gate);

    if (gate != NULL) {
        gate->mem = mem;
        gate->limits = *limits;
        memcpy(gate->secret, secret, PYN_GATE_SECRET_LEN);
    }
    return gate;
}

void pyn_gate_free(struct pyn_gate *gate)
{
    if (gate != NULL) {
        pyn_mem_free(gate->mem, gate);
    }
}

static void refill(const struct pyn_gate *gate, struct bucket *bucket, uint64_t now)
{
    if (now > bucket->at) {
        bucket->tokens += (double)(now - bucket->at) / 1e9 * gate->limits.per_second;
        bucket->at = now;
    }
    if (bucket->tokens > gate->limits.burst) {
        bucket->tokens = gate->limits.burst;
    }
}

/* The bucket of a source, filled up to now. */
static struct bucket *find(struct pyn_gate *gate, const uint8_t *source, uint64_t now)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t number = 0;
    struct bucket *set = NULL;
    struct bucket *fullest = NULL;

    (void)crypto_shorthash(hash, source, PYN_GATE_SOURCE_LEN, gate->secret);
    memcpy(&number, hash, sizeof number);
    set = &gate->buckets[(number & (SETS - 1)) * WAYS];
    fullest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].is_used) {
            refill(gate, &set[i], now);
            if (memcmp(set[i].source, source, PYN_GATE_SOURCE_LEN) == 0) {
                return &set[i];
            }
        }
        if (fullest->is_used && (!set[i].is_used || set[i].tokens > fullest->tokens)) {
            fullest = &set[i];
        }
    }
    *fullest = (struct bucket){.tokens = gate->limits.burst, .at = now, .is_used = true};
    memcpy(fullest->source, source, PYN_GATE_SOURCE_LEN);
    return fullest;
}

bool pyn_gate_admit(struct pyn_gate *gate, const uint8_t source[PYN_GATE_SOURCE_LEN], uint64_t now)
{
    struct bucket *bucket = find(gate, source, now);

    if (bucket->tokens < 1) {
        return false;
    }
    bucket->tokens -= 1;
    return true;
}

void pyn_gate_failed(struct pyn_gate *gate, const uint8_t source[PYN_GATE_SOURCE_LEN], uint64_t now)
{
    struct bucket *bucket = find(gate, source, now);

    bucket->tokens -= gate->limits.penalty;
    if (bucket->tokens < -gate->limits.burst) {
        bucket->tokens = -gate->limits.burst;
    }
}

void pyn_gate_succeeded(struct pyn_gate *gate, const uint8_t source[PYN_GATE_SOURCE_LEN], uint64_t now)
{
    struct bucket *bucket = find(gate, source, now);

    bucket->tokens += 1;
    refill(gate, bucket, now);
}
