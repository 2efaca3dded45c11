/*
 * trail.h - the audit log: one line of JSON for each decision, put down by threads that must not wait, taken out by one that may.
 *
 * What is put down has a fixed size, and so has the queue: what does not fit is dropped and counted. A line holds names, sorts of arguments and the
 * rule; never a value. Nothing that a peer has chosen gets into it but names, as printable ASCII. schemas/audit.schema.json is the format.
 *
 * Owns:     the queue.
 * Borrows:  the policy of the interfaces: it must outlive the trail.
 * Threads:  any. Its lock is taken below a link's, and held for a copy.
 * Tests:    tests/unit/test_trail.c, tests/python/test_audit_log.py
 */
#ifndef PYN_TRAIL_H
#define PYN_TRAIL_H

#include "../session/session.h"

enum {
    PYN_TRAIL_ENTRIES = 4096,       /* that wait to be written */
    PYN_TRAIL_LINE_MAX = 16 * 1024, /* bytes of a line, its newline counted */
    PYN_TRAIL_TEXT_MAX = 1024, /* bytes of a text in a line, before quotes in it are escaped: the rest is cut off */
};

struct pyn_trail;

/* Who asks; texts are copied. */
struct pyn_trail_peer {
    uint64_t serial;       /* of the connection */
    const char *peer;      /* who is there, as the transport says */
    const char *principal; /* for whom it acts, as far as something was proved; else empty */
};

struct pyn_trail *pyn_trail_new(void); /* NULL: out of memory */
void pyn_trail_free(struct pyn_trail *trail);

void pyn_trail_put(struct pyn_trail *trail, const struct pyn_trail_peer *peer, const struct pyn_decided *decided);

/* Waits for entries and appends the lines of some. *dropped: how many got lost since the last time. False: it is closed and empty. */
bool pyn_trail_take(struct pyn_trail *trail, struct pyn_buf *lines, uint64_t *dropped);

/* Ends the waiting; what is there can still be taken. */
void pyn_trail_close(struct pyn_trail *trail);

#endif
