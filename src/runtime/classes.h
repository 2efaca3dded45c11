/*
 * classes.h - quota classes: which limits a connection has, by who is there, and how many connections there may be of a kind.
 *
 * Three exist always: for who has proved nothing, for who came in by a grant that names no class, for the users of this machine. A grant that names a
 * class which is not there leads nowhere: it is not taken for another one. Until somebody is known to be there, the strictest of all limits hold.
 *
 * Owns:    itself, counted: a connection borrows its limits for as long as it is there. It does not change once a server has it.
 * Errors:  PYN_EARGS: the name stands already, is too long, or there are too many; PYN_ENOMEM. Nothing has changed.
 * Threads: any, as nothing changes.
 * Tests:   tests/unit/test_classes.c, tests/python/test_classes.py
 */
#ifndef PYN_CLASSES_H
#define PYN_CLASSES_H

#include <stdatomic.h>

#include "../channel/principal.h"
#include "../quota/quota.h"

enum {
    PYN_CLASS_ANONYMOUS = 0,
    PYN_CLASS_MEMBER,
    PYN_CLASS_LOCAL,
    PYN_CLASSES_BUILT_IN,
    PYN_CLASSES_MAX = 64,
    PYN_CLASS_UIDS_MAX = 4096,
    PYN_CLASS_ROOTS_MAX = 64, /* that a class can be kept from */
};

struct pyn_quota_class {
    char name[32];
    struct pyn_quotas quotas;
    uint32_t connection_max; /* of the class in all; 0: as many as the server has */
    uint32_t each_max;       /* of one principal; 0: as many as the class has */
    uint64_t kept_from; /* roots of the server's that its connections do not have: a bit each, the first is the lowest */
};

struct pyn_classes {
    atomic_uint refs;
    struct pyn_quotas strictest; /* of each limit the least that any class has */
    uint32_t count;
    uint32_t last; /* that was put */
    uint32_t uid_count;
    struct pyn_quota_class list[PYN_CLASSES_MAX];
    struct {
        uint32_t uid;
        uint32_t class;
    } uids[PYN_CLASS_UIDS_MAX];
};

/* With those that exist always, all of them with these limits. NULL: out of memory. */
struct pyn_classes *pyn_classes_new(const struct pyn_quotas *usual);
struct pyn_classes *pyn_classes_ref(struct pyn_classes *classes);
void pyn_classes_unref(struct pyn_classes *classes); /* accepts NULL */

/* One more, or another one in the place of one that exists always. */
pyn_status pyn_classes_put(struct pyn_classes *classes, const struct pyn_quota_class *made);
/* A user of this machine is in the class that was put last. */
pyn_status pyn_classes_put_uid(struct pyn_classes *classes, uint32_t uid);

/* Who is there, as far as something was proved. */
struct pyn_arrived {
    const struct pyn_principal *principal; /* by a grant; NULL: not by one */
    bool is_local;                         /* over a Unix socket, or from who has started us */
    bool has_uid;
    uint32_t uid;
};

/* Its class. False: it names one that is not there. */
bool pyn_classes_of(const struct pyn_classes *classes, const struct pyn_arrived *who, uint32_t *out);

/* Do the connections of a class have this root of the server's? */
bool pyn_classes_have_root(const struct pyn_classes *classes, uint32_t class, uint32_t root);

/* Does any class limit the Python memory of its connections? It cannot be done: no class does, from now on. */
bool pyn_classes_limit_memory(const struct pyn_classes *classes);
void pyn_classes_unlimit_memory(struct pyn_classes *classes);

/* The greatest message that any class takes. */
size_t pyn_classes_message_max(const struct pyn_classes *classes);

#endif
