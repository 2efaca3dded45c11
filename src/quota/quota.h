/*
 * quota.h - what one connection may hold of ours, and the ledger of what it does hold.
 *
 * Owns:    a charge is owed until it is refunded, once.
 * Borrows: the quotas, for the life of the ledger.
 * Units:   as the table in quota.c says; instants and durations are nanoseconds of a monotonic clock that is passed in.
 * Errors:  PYN_EQUOTA: nothing was taken. PYN_EFLOOD: too many refusals or odd messages, the connection has to end.
 * Threads: one at a time for each ledger.
 * Tests:   tests/unit/test_quota.c, test_ledger.c
 */
#ifndef PYN_QUOTA_H
#define PYN_QUOTA_H

#include "../wire/limits.h"
#include "../wire/status.h"
#include "../wire/view.h"
#include "bucket.h"

/* What is counted. Every one has a name in quota.c's table, which is also its name in pynto.toml and in a refusal. */
enum pyn_quota {
    PYN_Q_REFERENCES = 0, /* of ours that the peer holds: entries of the export table */
    PYN_Q_LENT,           /* of the peer's that we hold: entries of the import table */
    PYN_Q_CALLS,          /* calls that it has sent and that are not answered */
    PYN_Q_QUEUED,         /* bytes of messages that wait for their turn */
    PYN_Q_OUTPUT,         /* bytes that wait for the peer to read them */
    PYN_Q_INTERFACES,     /* descriptions that we keep for it */
    PYN_Q_CACHE,          /* bytes of its answers that we keep, to use them again; a client's */
    PYN_Q_MEMORY, /* bytes of Python memory that its calls have left; counted by its owner (allowance.h), 0: no limit */
    PYN_Q_HELD,

    /* checked, never charged; of memory 0: no limit */
    PYN_Q_NESTING = PYN_Q_HELD, /* calls inside of each other in one lane */
    PYN_Q_CALL_MEMORY,          /* bytes of Python memory that one call may take, */
    PYN_Q_PEER_MEMORY,          /* that all connections of its peer have left, */
    PYN_Q_SERVER_MEMORY,        /* and that those of all peers have */
    PYN_Q_COUNT,

    /* in a second; never held, so not in the ledger's table */
    PYN_Q_CALLS_PER_SECOND = PYN_Q_COUNT,
    PYN_Q_BYTES_PER_SECOND, /* of messages that come */
    PYN_Q_COST_PER_SECOND,  /* units: what the operator says that a call of an operation costs */
    PYN_Q_ODDITIES_PER_SECOND, /* messages that are legal, and that nobody in earnest sends often: pings, cancels of nothing, lanes without a call */
    PYN_Q_ALL,
};

enum { PYN_RATES = PYN_Q_ALL - PYN_Q_COUNT };

/* A rate that is as good as none: it is not even counted. */
#define PYN_RATE_NONE 1e12

struct pyn_quotas {
    struct pyn_limits limits;
    uint64_t max[PYN_Q_COUNT];
    double rates[PYN_RATES];      /* by quota, less PYN_Q_COUNT */
    double burst_seconds;         /* of each of them: what comes in so long may come at once */
    uint32_t refusals_burst;      /* refusals that may come at once */
    uint32_t refusals_per_second; /* and how fast they are forgiven */
    uint32_t weight;              /* shares of the time in which calls run */
    uint64_t handshake_ns;        /* from the beginning until the layers under the session have to be open */
    uint64_t hello_ns;            /* from the beginning until the hello has to be there */
    uint64_t stall_ns;            /* how long output may stand still before we give up */
    uint64_t callback_ns;         /* how long a call of ours may go unanswered */
    uint64_t unfinished_ns;       /* how long a message may be on its way, however little of it comes */
    uint64_t call_ns;             /* how long a call may hold the turn */
    uint64_t cpu_ns;              /* and how much CPU time it may take */
    uint64_t cpu_burst_ns;        /* CPU time that all calls may take at once */
    uint64_t cpu_share_ns;        /* and how much of it comes back in a second */
};

/* Safe on the open internet. */
struct pyn_quotas pyn_quotas_default(void);

enum pyn_unit {
    PYN_UNIT_COUNT = 0,
    PYN_UNIT_BYTES,
    PYN_UNIT_SECONDS,
    PYN_UNIT_RATE,
    PYN_UNIT_BYTE_RATE,
    PYN_UNIT_BYTES_OR_NONE
};

/* What people and programs are told of a limit. */
struct pyn_quota_row {
    const char *name;
    enum pyn_unit unit; /* of the numbers; seconds and rates may be fractions */
    const char *what;   /* is counted */
    double usual;
    double least;
    double most;
    const char *beyond; /* what happens there */
};

/* In order; NULL ends. */
const struct pyn_quota_row *pyn_quotas_row(size_t index);

/* Sets one by its name. PYN_EARGS: no such name, or out of range. Of those of memory 0 is no limit. A "message" that needs more "queued", "output",
 * "memory" or "call_memory" than there is raises them, and a "memory" its "peer_memory": to no limit, when it has none itself. */
pyn_status pyn_quotas_set(struct pyn_quotas *quotas, struct pyn_view name, double value);

/* Is any of those of memory a limit? */
bool pyn_quotas_limit_memory(const struct pyn_quotas *quotas);
/* None is, from now on. */
void pyn_quotas_unlimit_memory(struct pyn_quotas *quotas);

/* Of each limit the lesser one. */
void pyn_quotas_tighten(struct pyn_quotas *quotas, const struct pyn_quotas *by);

/* The names in order; NULL ends. */
const char *pyn_quotas_name(size_t index);
double pyn_quotas_get(const struct pyn_quotas *quotas, size_t index);

/* The word for a PYN_EQUOTA, such as "references"; and what its caller is told, such as "references: 10000". */
const char *pyn_quota_name(enum pyn_quota which);
void pyn_quota_text(const struct pyn_quotas *quotas, enum pyn_quota which, char *text, size_t room);

static inline bool pyn_quota_is_rate(enum pyn_quota which)
{
    return which >= PYN_Q_COUNT && which < PYN_Q_ALL;
}

struct pyn_ledger {
    const struct pyn_quotas *quotas;
    uint64_t used[PYN_Q_HELD];
    uint64_t peak[PYN_Q_HELD];
    struct pyn_bucket refusals;
    struct pyn_bucket rates[PYN_RATES];
    uint64_t refused;            /* in all */
    uint64_t called;             /* calls admitted, in all */
    uint32_t reached[PYN_Q_ALL]; /* how often there was no room */
};

void pyn_ledger_init(struct pyn_ledger *ledger, const struct pyn_quotas *quotas, uint64_t now);
/* Other quotas in place of its own, which are still there: what was charged stays charged. */
void pyn_ledger_retune(struct pyn_ledger *ledger, const struct pyn_quotas *quotas);
pyn_status pyn_ledger_charge(struct pyn_ledger *ledger, enum pyn_quota which, uint64_t amount);
void pyn_ledger_refund(struct pyn_ledger *ledger, enum pyn_quota which, uint64_t amount);

/* There was no room, of a quota that is checked and not charged. */
static inline void pyn_ledger_reached(struct pyn_ledger *ledger, enum pyn_quota which)
{
    ledger->reached[which]++;
}

/* True when nothing is owed. */
bool pyn_ledger_is_clear(const struct pyn_ledger *ledger);

/* One refusal more: PYN_OK or PYN_EFLOOD. */
pyn_status pyn_ledger_refusal(struct pyn_ledger *ledger, uint64_t now);

/* One odd message more: PYN_OK or PYN_EFLOOD. */
pyn_status pyn_ledger_oddity(struct pyn_ledger *ledger, uint64_t now);

/* Is there so much of a rate now? Nothing is taken. */
bool pyn_ledger_has_counted(struct pyn_ledger *ledger, enum pyn_quota which, double amount, uint64_t now);
static inline bool pyn_ledger_has(struct pyn_ledger *ledger, enum pyn_quota which, double amount, uint64_t now)
{
    return ledger->quotas->rates[which - PYN_Q_COUNT] >= PYN_RATE_NONE ||
           pyn_ledger_has_counted(ledger, which, amount, now);
}

/* Takes it, there or not. */
void pyn_ledger_spend_counted(struct pyn_ledger *ledger, enum pyn_quota which, double amount, uint64_t now);
static inline void pyn_ledger_spend(struct pyn_ledger *ledger, enum pyn_quota which, double amount, uint64_t now)
{
    if (ledger->quotas->rates[which - PYN_Q_COUNT] < PYN_RATE_NONE) {
        pyn_ledger_spend_counted(ledger, which, amount, now);
    }
}

/* Seconds until there is. */
double pyn_ledger_wait(struct pyn_ledger *ledger, enum pyn_quota which, double amount, uint64_t now);

#endif
