/*
 * quota.c - the table of everything that is limited: name, unit, default, least and most. See quota.h.
 *
 * A number of the table is found in struct pyn_quotas by its offset and width, so that the table is the only list.
 */
#include "quota.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

enum width { WIDTH_U32, WIDTH_U64, WIDTH_SIZE, WIDTH_SECONDS, WIDTH_REAL };

struct row {
    const char *name;
    const char *unit;
    double usual;
    double least;
    double most;
    enum width width;
    size_t offset;
};

#define KIB 1024.0
#define MIB (1024.0 * 1024.0)
#define GIB (1024.0 * 1024.0 * 1024.0)
#define LIMIT(field) offsetof(struct pyn_quotas, limits.field)
#define HELD(which) (offsetof(struct pyn_quotas, max) + (size_t)(which) * sizeof(uint64_t))
#define FIELD(field) offsetof(struct pyn_quotas, field)
#define RATE(which) (offsetof(struct pyn_quotas, rates) + (size_t)((which)-PYN_Q_COUNT) * sizeof(double))

/* "queued" holds a call of the greatest size and its bookkeeping; "output" holds two replies of the greatest size and what is said beside them. */
static const struct row rows[] = {
    {"message", "bytes", 16 * MIB, 1 * KIB, 1 * GIB, WIDTH_SIZE, LIMIT(message_max)},
    {"depth", "arrays and maps", 32, 4, PYN_DEPTH_CAP, WIDTH_U32, LIMIT(depth_max)},
    {"elements", "objects", 65536, 16, 1 << 30, WIDTH_SIZE, LIMIT(element_max)},
    {"keys", "keys", 1024, 4, PYN_KEY_CAP, WIDTH_SIZE, LIMIT(key_max)},
    {"integer", "bytes", 4096, 9, 1 * MIB, WIDTH_SIZE, LIMIT(int_max)},
    {"references", "references", 10000, 0, 1 << 30, WIDTH_U64, HELD(PYN_Q_REFERENCES)},
    {"lent", "references", 10000, 0, 1 << 30, WIDTH_U64, HELD(PYN_Q_LENT)},
    {"calls", "calls", 1024, 1, 1 << 20, WIDTH_U64, HELD(PYN_Q_CALLS)},
    {"nesting", "calls", 64, 1, 10000, WIDTH_U64, HELD(PYN_Q_NESTING)},
    {"queued", "bytes", 17 * MIB, 4 * KIB, 1024 * GIB, WIDTH_U64, HELD(PYN_Q_QUEUED)},
    {"output", "bytes", 64 * MIB, 4 * KIB, 1024 * GIB, WIDTH_U64, HELD(PYN_Q_OUTPUT)},
    {"interfaces", "descriptions", 1024, 1, 1 << 20, WIDTH_U64, HELD(PYN_Q_INTERFACES)},
    {"cache", "bytes", 8 * MIB, 0, 1024 * GIB, WIDTH_U64, HELD(PYN_Q_CACHE)},
    {"memory", "bytes", 64 * MIB, 1 * MIB, 32 * GIB, WIDTH_U64, HELD(PYN_Q_MEMORY)},
    {"call_memory", "bytes", 64 * MIB, 1 * MIB, 32 * GIB, WIDTH_U64, HELD(PYN_Q_CALL_MEMORY)},
    {"calls_per_second", "calls a second", PYN_RATE_NONE, 0.001, PYN_RATE_NONE, WIDTH_REAL, RATE(PYN_Q_CALLS_PER_SECOND)},
    {"bytes_per_second", "bytes a second", PYN_RATE_NONE, 1, PYN_RATE_NONE, WIDTH_REAL, RATE(PYN_Q_BYTES_PER_SECOND)},
    {"cost_per_second", "units a second", PYN_RATE_NONE, 0.001, PYN_RATE_NONE, WIDTH_REAL, RATE(PYN_Q_COST_PER_SECOND)},
    {"oddities_per_second", "messages a second", 10000, 0.001, PYN_RATE_NONE, WIDTH_REAL, RATE(PYN_Q_ODDITIES_PER_SECOND)},
    {"burst_seconds", "seconds", 5, 0.001, 86400, WIDTH_REAL, FIELD(burst_seconds)},
    {"refusals", "refusals", 500, 1, 1 << 30, WIDTH_U32, FIELD(refusals_burst)},
    {"refusals_per_second", "refusals", 10, 0, 1 << 30, WIDTH_U32, FIELD(refusals_per_second)},
    {"weight", "shares", 100, 1, 10000, WIDTH_U32, FIELD(weight)},
    {"handshake", "seconds", 5, 0.001, 86400, WIDTH_SECONDS, FIELD(handshake_ns)},
    {"hello", "seconds", 10, 0.001, 86400, WIDTH_SECONDS, FIELD(hello_ns)},
    {"stall", "seconds", 30, 0.001, 86400, WIDTH_SECONDS, FIELD(stall_ns)},
    {"callback", "seconds", 60, 0.001, 86400, WIDTH_SECONDS, FIELD(callback_ns)},
    {"unfinished", "seconds", 60, 0.001, 86400, WIDTH_SECONDS, FIELD(unfinished_ns)},
    {"call_seconds", "seconds", 10, 0.001, 31536000, WIDTH_SECONDS, FIELD(call_ns)},
    {"cpu_seconds", "seconds of CPU time", 5, 0.001, 31536000, WIDTH_SECONDS, FIELD(cpu_ns)},
    {"cpu_burst", "seconds of CPU time", 20, 0.001, 31536000, WIDTH_SECONDS, FIELD(cpu_burst_ns)},
    {"cpu_share", "seconds of CPU time a second", 0.25, 0, 1024, WIDTH_SECONDS, FIELD(cpu_share_ns)},
};

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
        store(&quotas, &rows[i], rows[i].usual);
    }
    return quotas;
}

/* Not limited at all. */
static bool is_off(const struct row *row, double value)
{
    return value == 0 && (row->offset == HELD(PYN_Q_MEMORY) || row->offset == HELD(PYN_Q_CALL_MEMORY));
}

static bool is_within(const struct row *row, double value)
{
    if (is_off(row, value)) {
        return true;
    }
    if (!(value >= row->least && value <= row->most)) { /* so that not-a-number is out of range */
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
}

pyn_status pyn_quotas_set(struct pyn_quotas *quotas, struct pyn_view name, double value)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (pyn_view_is_equal(name, pyn_view_of(rows[i].name))) {
            if (!is_within(&rows[i], value)) {
                return PYN_EARGS;
            }
            store(quotas, &rows[i], value);
            if (rows[i].offset == LIMIT(message_max)) {
                make_room_for_message(quotas);
            }
            return PYN_OK;
        }
    }
    return PYN_EARGS;
}

const char *pyn_quotas_name(size_t index)
{
    return index < ROW_COUNT ? rows[index].name : NULL;
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
            return rows[i].name;
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
