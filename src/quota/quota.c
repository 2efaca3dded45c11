/*
 * quota.c - the table of everything that is limited. See quota.h.
 *
 * A number of the table is found in struct pyn_quotas by its offset and width, so that the table is the only list.
 */
#include "quota.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

enum width { WIDTH_U32, WIDTH_U64, WIDTH_SIZE, WIDTH_SECONDS, WIDTH_REAL };

struct row {
    struct pyn_quota_row told;
    enum width width;
    size_t offset;
};

#define KIB 1024.0
#define MIB (1024.0 * 1024.0)
#define GIB (1024.0 * 1024.0 * 1024.0)
#define DAY 86400.0
#define YEAR 31536000.0
#define LIMIT(field) offsetof(struct pyn_quotas, limits.field)
#define HELD(which) (offsetof(struct pyn_quotas, max) + (size_t)(which) * sizeof(uint64_t))
#define FIELD(field) offsetof(struct pyn_quotas, field)
#define RATE(which) (offsetof(struct pyn_quotas, rates) + (size_t)((which)-PYN_Q_COUNT) * sizeof(double))

/*
 * A row more is a limit more: --quota, pynto.toml, its schema, docs/quotas.md, metrics and usage() are made from this table (tools/quotas writes what
 * is a file). The name; what is counted, in which unit; the default, the least and the most that it can be set to; what happens beyond it; where it is kept.
 *
 * The largest bytes or text that msgpack has is 4 GiB - 1, which a "message" may hold with what stands around it.
 * "queued" holds a call of the greatest size and its bookkeeping; "output" holds two replies of the greatest size and what is said beside them.
 */
/* A table reads by its columns: */
/* clang-format off */
static const struct row rows[] = {
    {{"message", PYN_UNIT_BYTES, "bytes of one message", 16 * MIB, 1 * KIB, 4 * GIB + 1 * MIB,
      "in: goodbye, at the header that announces it. Out: the call fails"}, WIDTH_SIZE, LIMIT(message_max)},
    {{"depth", PYN_UNIT_COUNT, "arrays and maps inside each other", 32, 4, PYN_DEPTH_CAP,
      "goodbye"}, WIDTH_U32, LIMIT(depth_max)},
    {{"elements", PYN_UNIT_COUNT, "objects in one message", 65536, 32, 1 << 30,
      "goodbye"}, WIDTH_SIZE, LIMIT(element_max)},
    {{"keys", PYN_UNIT_COUNT, "keys of the maps that are open at once; items of a set or dict", 1024, 16, PYN_KEY_CAP,
      "goodbye"}, WIDTH_SIZE, LIMIT(key_max)},
    {{"integer", PYN_UNIT_BYTES, "bytes of one integer", 4096, 9, 1 * MIB,
      "goodbye"}, WIDTH_SIZE, LIMIT(int_max)},
    {{"references", PYN_UNIT_COUNT, "references of ours that the peer holds", 10000, 0, 1 << 30,
      "the call fails with `QuotaExceeded`"}, WIDTH_U64, HELD(PYN_Q_REFERENCES)},
    {{"lent", PYN_UNIT_COUNT, "references of the peer's that we hold", 10000, 0, 1 << 30,
      "the call fails"}, WIDTH_U64, HELD(PYN_Q_LENT)},
    {{"calls", PYN_UNIT_COUNT, "calls that are not answered", 1024, 1, 1 << 20,
      "reading stops; while a callback is out: refused"}, WIDTH_U64, HELD(PYN_Q_CALLS)},
    {{"nesting", PYN_UNIT_COUNT, "calls inside of each other in one lane", 64, 1, 10000,
      "refused"}, WIDTH_U64, HELD(PYN_Q_NESTING)},
    {{"queued", PYN_UNIT_BYTES, "bytes of calls that are not answered: they wait for their turn, or run", 17 * MIB, 4 * KIB, 1024 * GIB,
      "as `calls`"}, WIDTH_U64, HELD(PYN_Q_QUEUED)},
    {{"output", PYN_UNIT_BYTES, "bytes that the peer does not read", 64 * MIB, 4 * KIB, 1024 * GIB,
      "reading stops at half of it; then goodbye"}, WIDTH_U64, HELD(PYN_Q_OUTPUT)},
    {{"interfaces", PYN_UNIT_COUNT, "descriptions kept for a peer", 1024, 1, 1 << 20,
      "goodbye"}, WIDTH_U64, HELD(PYN_Q_INTERFACES)},
    {{"cache", PYN_UNIT_BYTES, "bytes of answers that a client keeps, with their keys; 0: none", 8 * MIB, 0, 1024 * GIB,
      "the least recently used go (`docs/caching.md`)"}, WIDTH_U64, HELD(PYN_Q_CACHE)},
    {{"memory", PYN_UNIT_BYTES_OR_NONE, "bytes of Python memory that its calls have left behind; 0: no limit", 64 * MIB, 1 * MIB, 32 * GIB,
      "`QuotaExceeded`, inside the call and for its caller"}, WIDTH_U64, HELD(PYN_Q_MEMORY)},
    {{"call_memory", PYN_UNIT_BYTES_OR_NONE, "bytes of it that one call may take; 0: no limit", 64 * MIB, 1 * MIB, 32 * GIB,
      "the same"}, WIDTH_U64, HELD(PYN_Q_CALL_MEMORY)},
    {{"peer_memory", PYN_UNIT_BYTES_OR_NONE, "bytes of it that all connections of the same peer have left behind, also those that have ended; 0: no limit",
      256 * MIB, 1 * MIB, 1024 * GIB,
      "the same; calls are refused"}, WIDTH_U64, HELD(PYN_Q_PEER_MEMORY)},
    {{"server_memory", PYN_UNIT_BYTES_OR_NONE, "bytes of it that the connections of all peers have left behind; 0: no limit", 0, 1 * MIB, 1024 * GIB,
      "the same, for who is in a class that has this limit"}, WIDTH_U64, HELD(PYN_Q_SERVER_MEMORY)},
    {{"calls_per_second", PYN_UNIT_RATE, "calls that come in a second", PYN_RATE_NONE, 0.001, PYN_RATE_NONE,
      "refused, with the time to come back"}, WIDTH_REAL, RATE(PYN_Q_CALLS_PER_SECOND)},
    {{"bytes_per_second", PYN_UNIT_BYTE_RATE, "bytes of messages that come in a second", PYN_RATE_NONE, 1, PYN_RATE_NONE,
      "the call is refused likewise"}, WIDTH_REAL, RATE(PYN_Q_BYTES_PER_SECOND)},
    {{"cost_per_second", PYN_UNIT_RATE, "units in a second: 1 for a call, or what `--cost` says of its operation", PYN_RATE_NONE, 0.001, PYN_RATE_NONE,
      "refused likewise"}, WIDTH_REAL, RATE(PYN_Q_COST_PER_SECOND)},
    {{"oddities_per_second", PYN_UNIT_RATE, "in a second: messages that are legal, and that nobody in earnest sends often: pings, cancels of nothing, "
      "lanes without a call", 10000, 0.001, PYN_RATE_NONE,
      "goodbye"}, WIDTH_REAL, RATE(PYN_Q_ODDITIES_PER_SECOND)},
    {{"burst_seconds", PYN_UNIT_SECONDS, "of these four: what comes in so long may come at once", 5, 0.001, DAY,
      ""}, WIDTH_REAL, FIELD(burst_seconds)},
    {{"refusals", PYN_UNIT_COUNT, "refusals at once", 500, 1, 1 << 30,
      "goodbye"}, WIDTH_U32, FIELD(refusals_burst)},
    {{"refusals_per_second", PYN_UNIT_COUNT, "refusals that are forgiven in a second", 10, 0, 1 << 30,
      ""}, WIDTH_U32, FIELD(refusals_per_second)},
    {{"weight", PYN_UNIT_COUNT, "shares of the time in which calls run", 100, 1, 10000,
      ""}, WIDTH_U32, FIELD(weight)},
    {{"handshake", PYN_UNIT_SECONDS, "seconds until the layers under the protocol are open, such as a WebSocket upgrade; counts from the "
      "first moment, as `hello` does", 5, 0.001, DAY,
      "closed"}, WIDTH_SECONDS, FIELD(handshake_ns)},
    {{"hello", PYN_UNIT_SECONDS, "seconds until the hello is there", 10, 0.001, DAY,
      "goodbye"}, WIDTH_SECONDS, FIELD(hello_ns)},
    {{"stall", PYN_UNIT_SECONDS, "seconds that unread output may stand still", 30, 0.001, DAY,
      "closed"}, WIDTH_SECONDS, FIELD(stall_ns)},
    {{"callback", PYN_UNIT_SECONDS, "seconds until a callback of ours is answered", 60, 0.001, DAY,
      "goodbye; the waiting call fails"}, WIDTH_SECONDS, FIELD(callback_ns)},
    {{"unfinished", PYN_UNIT_SECONDS, "seconds that a message may be on its way, and one more for each 16 KiB of it that have come", 60, 0.001, DAY,
      "goodbye"}, WIDTH_SECONDS, FIELD(unfinished_ns)},
    {{"call_seconds", PYN_UNIT_SECONDS, "seconds that a call may hold the turn", 10, 0.001, YEAR,
      "`DeadlineExceeded`, inside the call and for its caller"}, WIDTH_SECONDS, FIELD(call_ns)},
    {{"cpu_seconds", PYN_UNIT_SECONDS, "seconds of CPU time that a call may take", 5, 0.001, YEAR,
      "the same"}, WIDTH_SECONDS, FIELD(cpu_ns)},
    {{"cpu_burst", PYN_UNIT_SECONDS, "seconds of CPU time that all calls of a connection may take at once", 20, 0.001, YEAR,
      "the same for the call that runs; then calls are refused until some has come back"}, WIDTH_SECONDS, FIELD(cpu_burst_ns)},
    {{"cpu_share", PYN_UNIT_SECONDS, "seconds of CPU time that come back in a second", 0.25, 0, 1024,
      ""}, WIDTH_SECONDS, FIELD(cpu_share_ns)},
};
/* clang-format on */

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static const double NS_PER_SECOND = 1e9;

static void store(struct pyn_quotas *quotas, const struct row *row, double value)
{
    unsigned char *at = (unsigned char *)quotas + row->offset;
    uint64_t whole = (uint64_t)(row->width == WIDTH_SECONDS ? value * NS_PER_SECOND : value);
    uint32_t narrow = (uint32_t)whole;
    size_t size = (size_t)whole;

    switch (row->width) {
    case WIDTH_U32:
        memcpy(at, &narrow, sizeof narrow);
        break;
    case WIDTH_SIZE:
        memcpy(at, &size, sizeof size);
        break;
    case WIDTH_U64:
    case WIDTH_SECONDS:
        memcpy(at, &whole, sizeof whole);
        break;
    case WIDTH_REAL:
        memcpy(at, &value, sizeof value);
        break;
    }
}

static double fetch(const struct pyn_quotas *quotas, const struct row *row)
{
    const unsigned char *at = (const unsigned char *)quotas + row->offset;
    uint64_t whole = 0;
    uint32_t narrow = 0;
    size_t size = 0;
    double real = 0;

    switch (row->width) {
    case WIDTH_U32:
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    case WIDTH_SIZE:
        memcpy(&size, at, sizeof size);
        return (double)size;
    case WIDTH_U64:
        memcpy(&whole, at, sizeof whole);
        return (double)whole;
    case WIDTH_SECONDS:
        memcpy(&whole, at, sizeof whole);
        return (double)whole / NS_PER_SECOND;
    case WIDTH_REAL:
        memcpy(&real, at, sizeof real);
        return real;
    }
    return 0;
}

struct pyn_quotas pyn_quotas_default(void)
{
    struct pyn_quotas quotas = {.limits = PYN_LIMITS_DEFAULT};

    for (size_t i = 0; i < ROW_COUNT; i++) {
        store(&quotas, &rows[i], rows[i].told.usual);
    }
    return quotas;
}

/* Not limited at all. */
static bool is_off(const struct row *row, double value)
{
    return value == 0 && row->told.unit == PYN_UNIT_BYTES_OR_NONE;
}

static bool is_within(const struct row *row, double value)
{
    if (is_off(row, value)) {
        return true;
    }
    if (!(value >= row->told.least && value <= row->told.most)) { /* so that not-a-number is out of range */
        return false;
    }
    if (row->width == WIDTH_SIZE && sizeof(size_t) < sizeof(uint64_t) && value > UINT32_MAX) {
        return false;
    }
    return row->width == WIDTH_SECONDS || row->width == WIDTH_REAL || value == (double)(uint64_t)value;
}

static void at_least(uint64_t *max, uint64_t least)
{
    if (*max < least) {
        *max = least;
    }
}

/* Who may hold so much has a peer that may; what is set afterwards stands. */
static void make_room_for_memory(struct pyn_quotas *quotas)
{
    uint64_t memory = quotas->max[PYN_Q_MEMORY];

    if (memory == 0) {
        quotas->max[PYN_Q_PEER_MEMORY] = 0;
    } else if (quotas->max[PYN_Q_PEER_MEMORY] != 0) {
        at_least(&quotas->max[PYN_Q_PEER_MEMORY], memory);
    }
}

/* A greater message brings the room that it needs; what is set afterwards stands. */
static void make_room_for_message(struct pyn_quotas *quotas)
{
    uint64_t message = quotas->limits.message_max;

    at_least(&quotas->max[PYN_Q_QUEUED], message + (1u << 20));
    at_least(&quotas->max[PYN_Q_OUTPUT], 2 * message + (1u << 20));
    if (quotas->max[PYN_Q_MEMORY] != 0) {
        at_least(&quotas->max[PYN_Q_MEMORY],
                 4 * message); /* its arguments, and a result of that size with what it is made of */
    }
    if (quotas->max[PYN_Q_CALL_MEMORY] != 0) {
        at_least(&quotas->max[PYN_Q_CALL_MEMORY], 4 * message);
    }
    make_room_for_memory(quotas);
}

pyn_status pyn_quotas_set(struct pyn_quotas *quotas, struct pyn_view name, double value)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (pyn_view_is_equal(name, pyn_view_of(rows[i].told.name))) {
            if (!is_within(&rows[i], value)) {
                return PYN_EARGS;
            }
            store(quotas, &rows[i], value);
            if (rows[i].offset == LIMIT(message_max)) {
                make_room_for_message(quotas);
            } else if (rows[i].offset == HELD(PYN_Q_MEMORY)) {
                make_room_for_memory(quotas);
            }
            return PYN_OK;
        }
    }
    return PYN_EARGS;
}

static const enum pyn_quota of_memory[] = {PYN_Q_MEMORY, PYN_Q_CALL_MEMORY, PYN_Q_PEER_MEMORY, PYN_Q_SERVER_MEMORY};

enum { OF_MEMORY = sizeof of_memory / sizeof of_memory[0] };

bool pyn_quotas_limit_memory(const struct pyn_quotas *quotas)
{
    bool is = false;

    for (size_t i = 0; !is && i < OF_MEMORY; i++) {
        is = quotas->max[of_memory[i]] != 0;
    }
    return is;
}

void pyn_quotas_unlimit_memory(struct pyn_quotas *quotas)
{
    for (size_t i = 0; i < OF_MEMORY; i++) {
        quotas->max[of_memory[i]] = 0;
    }
}

void pyn_quotas_tighten(struct pyn_quotas *quotas, const struct pyn_quotas *by)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        double own = fetch(quotas, &rows[i]);
        double other = fetch(by, &rows[i]);
        if ((other < own && !is_off(&rows[i], other)) || is_off(&rows[i], own)) {
            store(quotas, &rows[i], other);
        }
    }
}

const struct pyn_quota_row *pyn_quotas_row(size_t index)
{
    return index < ROW_COUNT ? &rows[index].told : NULL;
}

const char *pyn_quotas_name(size_t index)
{
    return index < ROW_COUNT ? rows[index].told.name : NULL;
}

double pyn_quotas_get(const struct pyn_quotas *quotas, size_t index)
{
    return index < ROW_COUNT ? fetch(quotas, &rows[index]) : 0;
}

static size_t offset_of(enum pyn_quota which)
{
    return pyn_quota_is_rate(which) ? RATE(which) : HELD(which);
}

const char *pyn_quota_name(enum pyn_quota which)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].offset == offset_of(which)) {
            return rows[i].told.name;
        }
    }
    return "";
}

void pyn_quota_text(const struct pyn_quotas *quotas, enum pyn_quota which, char *text, size_t room)
{
    if (pyn_quota_is_rate(which)) {
        (void)snprintf(text, room, "%s: %.15g", pyn_quota_name(which), quotas->rates[which - PYN_Q_COUNT]);
    } else {
        (void)snprintf(text, room, "%s: %" PRIu64, pyn_quota_name(which), quotas->max[which]);
    }
}
