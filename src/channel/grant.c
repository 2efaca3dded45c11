/* grant.c - the table of grants: sets of a few slots, by a piece of the digest, which nobody outside can choose. */
#include "grant.h"

#include <assert.h>
#include <sodium.h>

static_assert(crypto_sign_PUBLICKEYBYTES == PYN_NOISE_KEY_LEN && crypto_sign_BYTES == PYN_SIGNATURE_LEN, "Ed25519");

enum { WAYS = 8, ROOM_MIN = 8 * WAYS, ROOM_MAX = 1 << 24 }; /* slots */

struct pyn_grants {
    const struct pyn_mem *mem;
    uint8_t pepper[PYN_NOISE_KEY_LEN]; /* the key of the digests */
    uint8_t server_public[PYN_NOISE_KEY_LEN];
    struct pyn_grant *slots; /* room of them, a power of two; kind NONE: free */
    size_t room;
    size_t count;
};

/* ---- digests ---- */

static void digest_of(const uint8_t *key, const char *label, struct pyn_view a, struct pyn_view b,
                      uint8_t out[PYN_DIGEST_LEN])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, key, key == NULL ? 0 : PYN_NOISE_KEY_LEN, PYN_DIGEST_LEN);
    (void)crypto_generichash_update(&state, (const uint8_t *)label, strlen(label) + 1);
    if (a.len > 0) {
        (void)crypto_generichash_update(&state, a.data, a.len);
    }
    if (b.len > 0) {
        (void)crypto_generichash_update(&state, b.data, b.len);
    }
    (void)crypto_generichash_final(&state, out, PYN_DIGEST_LEN);
    sodium_memzero(&state, sizeof state);
}

void pyn_grants_digest(const struct pyn_grants *grants, enum pyn_login_kind kind, struct pyn_view what,
                       uint8_t out[PYN_DIGEST_LEN])
{
    static const char *const labels[] = {
        [PYN_LOGIN_NONE] = "none",
        [PYN_LOGIN_KEY] = "key",
        [PYN_LOGIN_CAPABILITY] = "capability",
        [PYN_LOGIN_NARROWED] = "narrowed",
    };

    digest_of(grants->pepper, labels[kind], what, (struct pyn_view){NULL, 0}, out);
}

void pyn_narrowing_digest(const uint8_t server_public[PYN_NOISE_KEY_LEN], struct pyn_view facet,
                          uint8_t out[PYN_DIGEST_LEN])
{
    digest_of(NULL, "pynto narrowing 1", (struct pyn_view){server_public, PYN_NOISE_KEY_LEN}, facet, out);
}

/* ---- life ---- */

pyn_status pyn_grants_new(const struct pyn_mem *mem, const uint8_t secret[PYN_NOISE_KEY_LEN],
                          const uint8_t public_key[PYN_NOISE_KEY_LEN], struct pyn_grants **out)
{
    struct pyn_grants *grants = pyn_mem_new(mem, 1, sizeof *grants);

    *out = NULL;
    if (grants == NULL) {
        return PYN_ENOMEM;
    }
    grants->mem = mem;
    grants->room = ROOM_MIN;
    grants->slots = pyn_mem_new(mem, grants->room, sizeof *grants->slots);
    if (grants->slots == NULL) {
        pyn_mem_free(mem, grants);
        return PYN_ENOMEM;
    }
    digest_of(secret, "pynto grants 1", (struct pyn_view){NULL, 0}, (struct pyn_view){NULL, 0}, grants->pepper);
    memcpy(grants->server_public, public_key, PYN_NOISE_KEY_LEN);
    *out = grants;
    return PYN_OK;
}

void pyn_grants_free(struct pyn_grants *grants)
{
    if (grants != NULL) {
        const struct pyn_mem *mem = grants->mem;
        pyn_mem_free(mem, grants->slots);
        sodium_memzero(grants, sizeof *grants);
        pyn_mem_free(mem, grants);
    }
}

/* ---- the table ---- */

/* The only slots in which a digest may stand. */
static struct pyn_grant *set_of(struct pyn_grant *slots, size_t room, const uint8_t digest[PYN_DIGEST_LEN])
{
    uint64_t number = 0;

    memcpy(&number, digest, sizeof number);
    return &slots[((size_t)number & (room / WAYS - 1)) * WAYS];
}

/* Where a digest stands, or a free slot where it may. NULL: its set is full. */
static struct pyn_grant *place_for(struct pyn_grant *slots, size_t room, const uint8_t digest[PYN_DIGEST_LEN])
{
    struct pyn_grant *set = set_of(slots, room, digest);
    struct pyn_grant *unused = NULL;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].kind == PYN_LOGIN_NONE) {
            unused = unused == NULL ? &set[i] : unused;
        } else if (memcmp(set[i].digest, digest, PYN_DIGEST_LEN) == 0) {
            return &set[i];
        }
    }
    return unused;
}

/* false: a set is full. */
static bool copy_all(const struct pyn_grants *grants, struct pyn_grant *slots, size_t room)
{
    for (size_t i = 0; i < grants->room; i++) {
        if (grants->slots[i].kind != PYN_LOGIN_NONE) {
            struct pyn_grant *slot = place_for(slots, room, grants->slots[i].digest);
            if (slot == NULL) {
                return false;
            }
            *slot = grants->slots[i];
        }
    }
    return true;
}

/* Everything moves into a table that is twice as large, or as often as it takes. */
static pyn_status grow(struct pyn_grants *grants)
{
    for (size_t room = grants->room * 2; room <= ROOM_MAX; room *= 2) {
        struct pyn_grant *slots = pyn_mem_new(grants->mem, room, sizeof *slots);
        if (slots == NULL) {
            return PYN_ENOMEM;
        }
        if (copy_all(grants, slots, room)) {
            pyn_mem_free(grants->mem, grants->slots);
            grants->slots = slots;
            grants->room = room;
            return PYN_OK;
        }
        pyn_mem_free(grants->mem, slots);
    }
    return PYN_ENOMEM;
}

pyn_status pyn_grants_put(struct pyn_grants *grants, const struct pyn_grant *grant)
{
    struct pyn_grant *slot = NULL;
    pyn_status st = PYN_OK;

    if (grant->kind <= PYN_LOGIN_NONE || grant->kind > PYN_LOGIN_NARROWED) {
        return PYN_EARGS;
    }
    slot = place_for(grants->slots, grants->room, grant->digest);
    while (slot == NULL) {
        st = grow(grants);
        if (st != PYN_OK) {
            return st;
        }
        slot = place_for(grants->slots, grants->room, grant->digest);
    }
    grants->count += slot->kind == PYN_LOGIN_NONE ? 1 : 0;
    *slot = *grant;
    return PYN_OK;
}

size_t pyn_grants_drop(struct pyn_grants *grants, const uint8_t id[PYN_GRANT_ID_LEN])
{
    size_t dropped = 0;

    for (size_t i = 0; i < grants->room; i++) {
        if (grants->slots[i].kind != PYN_LOGIN_NONE && memcmp(grants->slots[i].id, id, PYN_GRANT_ID_LEN) == 0) {
            grants->slots[i] = (struct pyn_grant){.kind = PYN_LOGIN_NONE};
            dropped++;
        }
    }
    grants->count -= dropped;
    return dropped;
}

/* What stands in the set, gathered from all of it. Zeros: nothing. */
struct seen {
    size_t at;
    uint64_t kind;
    uint64_t expires_at;
    bool is_there;
};

/* The same work, and the same memory, wherever it stands in its set, and when it does not stand there. */
static struct seen look_up(const struct pyn_grant *set, const uint8_t digest[PYN_DIGEST_LEN])
{
    struct seen seen = {0};
    uint64_t count = 0;

    for (size_t i = 0; i < WAYS; i++) {
        const uint64_t is_other = (uint64_t)(int64_t)sodium_memcmp(set[i].digest, digest,
                                                                   PYN_DIGEST_LEN); /* 0, or all ones */
        seen.at |= i & ~is_other;
        seen.kind |= (uint64_t)set[i].kind & ~is_other;
        seen.expires_at |= set[i].expires_at & ~is_other;
        count += 1 & ~is_other;
    }
    seen.is_there = count == 1;
    return seen;
}

size_t pyn_grants_count(const struct pyn_grants *grants)
{
    return grants->count;
}

/* ---- judging ---- */

/* What a login says, taken apart. false: it says nothing that could be looked up. */
struct parsed {
    enum pyn_login_kind kind;
    struct pyn_view what; /* what is digested */
    struct pyn_view signature;
    struct pyn_view facet;
};

static bool is_facet_name(struct pyn_view name)
{
    if (name.len == 0 || name.len > PYN_FACET_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] <= 0x20 || name.data[i] >= 0x7f) {
            return false;
        }
    }
    return true;
}

static bool parse(const struct pyn_claim *claim, struct parsed *out)
{
    struct pyn_view rest = claim->login;

    *out = (struct parsed){.kind = PYN_LOGIN_NONE};
    if (rest.len == 0) {
        return false;
    }
    out->kind = (enum pyn_login_kind)rest.data[0];
    rest.data++;
    rest.len--;
    switch (out->kind) {
    case PYN_LOGIN_KEY:
        out->what = (struct pyn_view){claim->key, PYN_NOISE_KEY_LEN};
        return claim->key != NULL && rest.len == 0;
    case PYN_LOGIN_CAPABILITY:
        out->what = rest;
        return claim->key == NULL && rest.len == PYN_CAPABILITY_LEN;
    case PYN_LOGIN_NARROWED:
        if (claim->key != NULL || rest.len < PYN_NARROWED_MIN) {
            return false;
        }
        out->what = (struct pyn_view){rest.data, PYN_NOISE_KEY_LEN};
        out->signature = (struct pyn_view){rest.data + PYN_NOISE_KEY_LEN, PYN_SIGNATURE_LEN};
        out->facet = (struct pyn_view){out->signature.data + PYN_SIGNATURE_LEN,
                                       rest.len - PYN_NOISE_KEY_LEN - PYN_SIGNATURE_LEN};
        return is_facet_name(out->facet);
    default:
        return false;
    }
}

static bool is_signed(const struct pyn_grants *grants, const struct parsed *parsed)
{
    uint8_t digest[PYN_DIGEST_LEN];

    pyn_narrowing_digest(grants->server_public, parsed->facet, digest);
    return crypto_sign_verify_detached(parsed->signature.data, digest, sizeof digest, parsed->what.data) == 0;
}

static void describe(const struct pyn_grant *grant, const struct parsed *parsed, struct pyn_principal *who)
{
    static const char prefix[2][12] = {"capability ", "key "};
    const bool is_key = parsed->kind == PYN_LOGIN_KEY;
    size_t at = strlen(prefix[is_key ? 1 : 0]);

    *who = (struct pyn_principal){.kind = is_key ? PYN_PRINCIPAL_KEY : PYN_PRINCIPAL_CAPABILITY};
    memcpy(who->name, prefix[is_key ? 1 : 0], at);
    if (is_key) {
        (void)sodium_bin2base64(who->name + at, sizeof who->name - at, parsed->what.data, parsed->what.len,
                                sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    } else {
        (void)sodium_bin2hex(who->name + at, sizeof who->name - at, grant->id, sizeof grant->id);
    }
    memcpy(who->grant, grant->id, sizeof who->grant);
    memcpy(who->root, grant->root, sizeof who->root);
    memcpy(who->quota_class, grant->quota_class, sizeof who->quota_class);
    who->expires_at = grant->expires_at;
    if (parsed->facet.len > 0) {
        memcpy(who->facet, parsed->facet.data, parsed->facet.len);
    }
}

enum pyn_admittance pyn_grants_judge(const struct pyn_grants *grants, const struct pyn_claim *claim, uint64_t now,
                                     struct pyn_principal *who)
{
    static const uint8_t nothing[PYN_CAPABILITY_LEN];
    struct parsed parsed;
    uint8_t digest[PYN_DIGEST_LEN];
    const struct pyn_grant *set = NULL;
    struct seen seen;
    bool is_good = parse(claim, &parsed);

    *who = (struct pyn_principal){.kind = PYN_PRINCIPAL_NOBODY};
    if (!is_good) { /* the same work as for one that says something */
        parsed = (struct parsed){.kind = PYN_LOGIN_CAPABILITY, .what = {nothing, sizeof nothing}};
    }
    pyn_grants_digest(grants, parsed.kind, parsed.what, digest);
    set = set_of(grants->slots, grants->room, digest);
    seen = look_up(set, digest);
    is_good = is_good & seen.is_there & (seen.kind == (uint64_t)parsed.kind) &
              ((seen.expires_at == 0) | (now < seen.expires_at));
    if (is_good && parsed.kind == PYN_LOGIN_NARROWED) { /* only who holds something that was granted gets here */
        is_good = is_signed(grants, &parsed);
    }
    sodium_memzero(digest, sizeof digest);
    if (!is_good) {
        return PYN_JUDGED_OUT;
    }
    describe(&set[seen.at], &parsed, who);
    return set[seen.at].is_counted ? PYN_JUDGED_LATER : PYN_JUDGED_IN;
}
