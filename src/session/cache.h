/*
 * cache.h - answers of the peer's that are kept: so many bytes of them, each for the time that its operation names, the least recently used going first.
 *
 * A key is the reference, the operation, and the packed arguments that count, in the order of the signature. A value is the packed result, which was
 * found to fit, and which holds no reference: the policy of the operation says so, and a description that does not is not loaded.
 *
 * A call that asks is noted while it is out. What is forgotten meanwhile is not kept when it comes: it may have been computed before.
 *
 * Owns:    what is kept, and the notes; both are charged to the ledger as PYN_Q_CACHE.
 * Borrows: operations, which live as long as the session that they were described to.
 * Units:   bytes; nanoseconds of a monotonic clock that is passed in.
 * Errors:  none: what there is no room for is not kept.
 * Tests:   tests/unit/test_cache.c, tests/python/test_caching.py
 */
#ifndef PYN_CACHE_H
#define PYN_CACHE_H

#include "../../policy/policy.h"
#include "../quota/quota.h"
#include "../wire/buf.h"
#include "bytemap.h"

struct pyn_kept;
struct pyn_asking;

struct pyn_cache {
    const struct pyn_mem *mem;
    struct pyn_ledger *ledger;
    struct pyn_bytemap map;
    struct pyn_kept *newest; /* in the order of their use */
    struct pyn_kept *oldest;
    struct pyn_asking *asking;
    struct pyn_buf key; /* of the call that is being looked at */
    uint64_t hits;
    uint64_t misses;
    uint64_t evictions;
};

/* Each function accepts NULL: one that keeps nothing. */
void pyn_cache_init(struct pyn_cache *cache, const struct pyn_mem *mem, struct pyn_ledger *ledger);
void pyn_cache_fini(struct pyn_cache *cache);

/* A call of an operation whose answer may be kept. object: the message [reference, name, args, kwargs], or the same as an ask. */
struct pyn_question {
    const struct pyn_op *op;
    struct pyn_view object;
    uint64_t now;
};

/* *value is good until the cache is touched again. */
bool pyn_cache_find(struct pyn_cache *cache, const struct pyn_question *question, struct pyn_view *value);

/* It is sent, which is a miss. NULL: its answer will not be kept. */
struct pyn_asking *pyn_cache_ask(struct pyn_cache *cache, const struct pyn_question *question);

/* It is answered. value: NULL when there is none to be kept. Takes the note; accepts NULL. */
void pyn_cache_settle(struct pyn_cache *cache, struct pyn_asking *asking, const struct pyn_view *value);

/* What is kept of a reference, or of one operation of it, and what will come. name: empty for all of them. */
void pyn_cache_forget(struct pyn_cache *cache, uint64_t id, struct pyn_view name);
void pyn_cache_forget_all(struct pyn_cache *cache);

#endif
