/*
 * parting.h - connections that are let in here and served by another process: they wait in a queue, and are handed over with all that they need.
 *
 * A connection may leave when its layers are open, nothing of ours is left to be written, and its first bytes are there: who says nothing costs nobody a
 * process. From then on nothing of it is read here. It keeps its place in the server's table until the other process says that it is over.
 *
 * Owns:    the queue, and how often processes have come to a bad end by somebody.
 * Borrows: links, which are counted up while they wait.
 * Threads: any. Its lock is taken inside of a link's.
 * Tests:   tests/python/test_isolation.py, tests/attack/test_isolation.py
 */
#ifndef PYN_PARTING_H
#define PYN_PARTING_H

#include "../channel/gate.h"
#include "server.h"

enum { PYN_PARTING_PLAIN_MAX = 128 * 1024 }; /* bytes that have come out of its layers until it leaves */

struct pyn_parting;

/* limits: how often a process may end badly by one principal, or source when none is known; NULL: 5 at once, and one in ten seconds. */
struct pyn_parting *pyn_parting_new(const struct pyn_gate_limits *limits); /* NULL: out of memory */
void pyn_parting_free(struct pyn_parting *parting);                        /* accepts NULL; after the server */

/* Readable when somebody waits. */
int pyn_parting_fd(const struct pyn_parting *parting);

/* ---- with the link's lock; a server without parting keeps every link ---- */

/* Is nothing more of it to be read here? A link without layers enters the queue by this, when its first bytes are there; of those only the end is read here. */
bool pyn_parting_holds(struct pyn_link *link);
/* Is it served elsewhere? */
bool pyn_parting_is_away(const struct pyn_link *link);
/* Whom it acts for, also when its layers have left; NULL: nobody. */
const struct pyn_principal *pyn_parting_who(const struct pyn_link *link);
/* What has come out of its layers. True: it is kept for the other process; false: it is for the session here. */
bool pyn_parting_takes(struct pyn_link *link, struct pyn_view plain);
/* It may be ready to leave. */
void pyn_parting_look(struct pyn_link *link);
void pyn_parting_forget(struct pyn_link *link); /* when it is freed */

/* ---- without ---- */

/* The oldest that waits. */
struct pyn_leaver {
    uint64_t token; /* the server's name for it */
    uint64_t serial;
    char who[64]; /* empty: nobody is known */
    char quota_class[32];
    char peer[160];
    uint8_t grant[PYN_GRANT_ID_LEN];
    size_t grant_len; /* 0: by none */
};
bool pyn_parting_next(struct pyn_server *server, struct pyn_leaver *out);

enum pyn_parted {
    PYN_PARTED_NOT = 0, /* that process does not take it: another one may */
    PYN_PARTED,
    PYN_PARTED_GONE,   /* it has ended meanwhile */
    PYN_PARTED_LATER,  /* that process is busy, or a thread is in the middle of it: again, in a moment */
    PYN_PARTED_BARRED, /* too many processes have ended badly by whoever this is */
};

/* Hands it over to who is at the other end of control, which is a socket of Unix's, of packets. */
enum pyn_parted pyn_server_part(struct pyn_server *server, uint64_t token, int control);

/* One that waited, or was away, is over. is_bad: its process has ended badly. reason: for the log, and, while it waits, for the peer. */
void pyn_server_part_end(struct pyn_server *server, uint64_t token, bool is_bad, const char *reason);

#endif
