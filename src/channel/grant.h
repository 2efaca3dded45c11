/*
 * grant.h - what was granted to whom: capabilities and keys, by digests that nothing can be made from.
 *
 * A capability is 32 random bytes, or such a one narrowed by its holder (see docs/channel.md). The table knows its digest alone, under a key that is
 * derived from the server's: a look-up by it tells by its time nothing that helps in guessing.
 *
 * Owns:    its entries. Whatever is not in it, has expired, was revoked or is used up is refused in the same way, after the same work.
 * Borrows: mem, for its life.
 * Units:   seconds of the calendar's clock, which is passed in.
 * Errors:  PYN_EARGS, PYN_ENOMEM: nothing has changed.
 * Threads: one at a time.
 * Tests:   tests/unit/test_grant.c, tests/python/test_capabilities.py
 */
#ifndef PYN_CHANNEL_GRANT_H
#define PYN_CHANNEL_GRANT_H

#include "../wire/mem.h"
#include "../wire/status.h"
#include "hash.h"
#include "principal.h"

enum {
    PYN_CAPABILITY_LEN = 32,
    PYN_DIGEST_LEN = 32,
    PYN_SIGNATURE_LEN = 64,
    PYN_NARROWED_MIN = PYN_NOISE_KEY_LEN + PYN_SIGNATURE_LEN + 1, /* public key, signature, facet */
};

/* The first byte of a login. */
enum pyn_login_kind {
    PYN_LOGIN_NONE = 0,
    PYN_LOGIN_KEY = 1,        /* nothing follows: the key of the handshake is what is held */
    PYN_LOGIN_CAPABILITY = 2, /* PYN_CAPABILITY_LEN bytes */
    PYN_LOGIN_NARROWED = 3,   /* at least PYN_NARROWED_MIN bytes */
};

struct pyn_grant {
    enum pyn_login_kind kind; /* what is the digest of: a key, a capability, or the public key of one that can be narrowed */
    uint8_t digest[PYN_DIGEST_LEN];
    uint8_t id[PYN_GRANT_ID_LEN]; /* of the grant: all its entries have the same */
    uint64_t expires_at;          /* the first second in which it is of no use any more; 0: never */
    bool is_counted;              /* its uses are: whoever keeps the count has to say yes each time */
    char root[PYN_ROOT_NAME_MAX + 1];
    char quota_class[32];
};

struct pyn_grants;

/* secret: the server's, for the digests. */
pyn_status pyn_grants_new(const struct pyn_mem *mem, const uint8_t secret[PYN_NOISE_KEY_LEN],
                          const uint8_t public_key[PYN_NOISE_KEY_LEN], struct pyn_grants **out);
void pyn_grants_free(struct pyn_grants *grants); /* accepts NULL */

/* Replaces the entry of the same digest, if there is one. */
pyn_status pyn_grants_put(struct pyn_grants *grants, const struct pyn_grant *grant);
/* Every entry with this id; how many there were. */
size_t pyn_grants_drop(struct pyn_grants *grants, const uint8_t id[PYN_GRANT_ID_LEN]);
size_t pyn_grants_count(const struct pyn_grants *grants);

/* What such an entry's digest is. */
void pyn_grants_digest(const struct pyn_grants *grants, enum pyn_login_kind kind, struct pyn_view what,
                       uint8_t out[PYN_DIGEST_LEN]);

/* What is signed when a capability of this server is narrowed to a facet. */
void pyn_narrowing_digest(const uint8_t server_public[PYN_NOISE_KEY_LEN], struct pyn_view facet,
                          uint8_t out[PYN_DIGEST_LEN]);

/* Is the claim good now? Then who is filled. */
enum pyn_admittance pyn_grants_judge(const struct pyn_grants *grants, const struct pyn_claim *claim, uint64_t now,
                                     struct pyn_principal *who);

#endif
