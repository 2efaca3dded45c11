/*
 * principal.h - who a connection acts for, as far as something was proved, and what that lets it have.
 *
 * Owns:    itself: plain values. Zeroed: nobody, who is let in nowhere.
 * Threads: none of its own.
 */
#ifndef PYN_CHANNEL_PRINCIPAL_H
#define PYN_CHANNEL_PRINCIPAL_H

#include "../wire/view.h"

enum pyn_principal_kind {
    PYN_PRINCIPAL_NOBODY = 0,
    PYN_PRINCIPAL_CAPABILITY, /* a secret that was given away: whoever holds it */
    PYN_PRINCIPAL_KEY,        /* a secret that never leaves its holder */
    PYN_PRINCIPAL_UID,        /* a user of this machine, by the word of its kernel */
    PYN_PRINCIPAL_PARENT,     /* whoever has started this process, over its stdin and stdout */
};

enum { PYN_GRANT_ID_LEN = 8, PYN_ROOT_NAME_MAX = 127, PYN_FACET_NAME_MAX = 255 };

struct pyn_principal {
    enum pyn_principal_kind kind;
    char name[64];                      /* "capability 3f2a...", "key BASE64", "uid 1000"; never a secret */
    uint8_t grant[PYN_GRANT_ID_LEN];    /* CAPABILITY, KEY: by which it was let in */
    uint64_t expires_at;                /* seconds of the calendar's clock; 0: never */
    char root[PYN_ROOT_NAME_MAX + 1];   /* the only one it may have; empty: whichever it asks for */
    char quota_class[32];               /* as the grant says */
    char facet[PYN_FACET_NAME_MAX + 1]; /* and only as this interface; empty: as the policy has it */
};

/* What a client has proved and said. */
struct pyn_claim {
    const uint8_t *key;     /* PYN_NOISE_KEY_LEN bytes that it has proved to hold the secret of; NULL: none */
    struct pyn_view login;  /* what it sent by itself, inside the channel */
    const uint8_t *session; /* PYN_HASH_LEN bytes: the handshake's transcript */
};

enum pyn_admittance {
    PYN_JUDGED_OUT = 0,
    PYN_JUDGED_IN,
    PYN_JUDGED_LATER, /* pyn_channel_decide() follows */
};

/* Who decides. Called with whatever lock the layer is called with: it must not wait. */
struct pyn_judge {
    enum pyn_admittance (*judge)(void *ctx, const struct pyn_claim *claim, struct pyn_principal *who);
    void *ctx;
};

#endif
