/* trail.c - see trail.h. */
#include "trail.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../policy/shape.h"

enum {
    PEER_MAX = 96,
    PRINCIPAL_MAX = 64,
    NAME_MAX_KEPT = 96,
    AT_ONCE = 32,                 /* copied under the lock */
    MANY = PYN_TRAIL_ENTRIES / 4, /* that wait: they are to be written now */
    GATHER_NS = 50 * 1000 * 1000, /* how long the first of them waits for more */
};

/* What is known when it is decided; the line is made of it later, elsewhere. */
struct entry {
    struct timespec at; /* of the day */
    uint64_t serial;
    pyn_status st;
    enum pyn_quota quota;
    enum pyn_op_kind kind;
    bool is_name_whole;
    const struct pyn_iface *iface;
    struct pyn_verdict verdict;
    uint8_t name_len;
    uint8_t name[NAME_MAX_KEPT];
    char peer[PEER_MAX];
    char principal[PRINCIPAL_MAX];
    char shape[PYN_SHAPE_TEXT_MAX];
};

struct pyn_trail {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    bool is_closed;
    uint32_t first;
    uint32_t count;
    uint64_t dropped;
    struct entry entries[PYN_TRAIL_ENTRIES];
};

struct pyn_trail *pyn_trail_new(void)
{
    struct pyn_trail *trail = calloc(1, sizeof *trail);

    if (trail != NULL) {
        (void)pthread_mutex_init(&trail->lock, NULL);
        (void)pthread_cond_init(&trail->filled, NULL);
    }
    return trail;
}

void pyn_trail_free(struct pyn_trail *trail)
{
    if (trail != NULL) {
        (void)pthread_cond_destroy(&trail->filled);
        (void)pthread_mutex_destroy(&trail->lock);
        free(trail);
    }
}

/* ---- putting down ---- */

/* An attribute is read and written by calls of these names, the attribute being the first argument. */
static enum pyn_op_kind kind_of(struct pyn_view name)
{
    if (pyn_view_is_equal(name, pyn_view_of("__getattr__"))) {
        return PYN_OP_GET;
    }
    return pyn_view_is_equal(name, pyn_view_of("__setattr__")) ? PYN_OP_SET : PYN_OP_METHOD;
}

static struct pyn_view attribute_of(struct pyn_view body)
{
    struct pyn_reader rd = pyn_reader_of(body);
    struct pyn_view name = {0};
    uint32_t count = 0;

    if (pyn_reader_array(&rd, &count) == PYN_OK && count != 0) {
        (void)pyn_reader_str(&rd, &name);
    }
    return name;
}

static void fill(struct entry *entry, const struct pyn_trail_peer *peer, const struct pyn_decided *decided)
{
    enum pyn_op_kind kind = kind_of(decided->name);
    struct pyn_view name = kind == PYN_OP_METHOD ? decided->name : attribute_of(decided->body);
    size_t len = name.len < NAME_MAX_KEPT ? name.len : NAME_MAX_KEPT;

    entry->st = decided->st;
    entry->quota = decided->quota;
    entry->kind = kind;
    entry->iface = decided->iface;
    entry->verdict = *decided->verdict;
    entry->name_len = (uint8_t)len;
    entry->is_name_whole = len == name.len;
    if (len > 0) { /* an empty view may have no bytes to point to */
        memcpy(entry->name, name.data, len);
    }
    (void)snprintf(entry->peer, sizeof entry->peer, "%s", peer->peer);
    (void)snprintf(entry->principal, sizeof entry->principal, "%s", peer->principal);
    pyn_shape_write(decided->body, kind == PYN_OP_METHOD ? 0 : 1, entry->shape);
    (void)clock_gettime(CLOCK_REALTIME, &entry->at);
}

void pyn_trail_put(struct pyn_trail *trail, const struct pyn_trail_peer *peer, const struct pyn_decided *decided)
{
    struct entry entry = {.serial = peer->serial};

    fill(&entry, peer, decided);
    (void)pthread_mutex_lock(&trail->lock);
    if (trail->count == PYN_TRAIL_ENTRIES || trail->is_closed) {
        trail->dropped++;
    } else {
        trail->entries[(trail->first + trail->count) % PYN_TRAIL_ENTRIES] = entry;
        trail->count++;
        if (trail->count == 1 || trail->count == MANY) {
            (void)pthread_cond_signal(&trail->filled);
        }
    }
    (void)pthread_mutex_unlock(&trail->lock);
}

/* ---- a line ---- */

/* A line that is being made; what does not fit any more is left out, and then the line is not whole. */
struct line {
    char text[PYN_TRAIL_LINE_MAX];
    size_t len;
};

static void put(struct line *line, const char *text)
{
    size_t len = strlen(text);

    if (len < sizeof line->text - line->len) {
        memcpy(line->text + line->len, text, len);
        line->len += len;
    }
}

/* Inside of a JSON string. What is not printable ASCII is shown as \xNN, which JSON sees as text. */
static void put_escaped(struct line *line, struct pyn_view text)
{
    char escaped[8];

    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte == '"' || byte == '\\') {
            (void)snprintf(escaped, sizeof escaped, "\\%c", byte);
        } else if (byte >= 0x20 && byte <= 0x7e) {
            (void)snprintf(escaped, sizeof escaped, "%c", byte);
        } else {
            (void)snprintf(escaped, sizeof escaped, "\\\\x%02x", byte);
        }
        put(line, escaped);
    }
}

static void put_key(struct line *line, const char *key)
{
    put(line, line->len == 1 ? "\"" : ", \"");
    put(line, key);
    put(line, "\": ");
}

/* "key": "text", the text being cut off where it is too long. */
static void put_text(struct line *line, const char *key, struct pyn_view text)
{
    bool is_long = text.len > PYN_TRAIL_TEXT_MAX;

    if (is_long) {
        text.len = PYN_TRAIL_TEXT_MAX;
    }
    put_key(line, key);
    put(line, "\"");
    put_escaped(line, text);
    put(line, is_long ? "...\"" : "\"");
}

static void put_time(struct line *line, const struct timespec *at)
{
    struct tm parts = {0};
    char text[64];
    char whole[96];

    (void)gmtime_r(&at->tv_sec, &parts);
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(whole, sizeof whole, "%s.%06uZ", text, (unsigned)(at->tv_nsec / 1000 % 1000000));
    put_text(line, "time", pyn_view_of(whole));
}

static const char *verdict_word(pyn_status st)
{
    switch (st) {
    case PYN_OK:
        return "allow";
    case PYN_EQUOTA:
        return "quota";
    case PYN_EARGS:
        return "arguments";
    default:
        return "deny";
    }
}

static void put_why(struct line *line, const struct entry *entry)
{
    char text[512] = "";

    if (entry->st == PYN_EQUOTA) {
        (void)snprintf(text, sizeof text, "%s", pyn_quota_name(entry->quota));
    } else if (entry->iface == NULL) {
        (void)snprintf(text, sizeof text, "no such reference");
    } else if (entry->verdict.why == PYN_WHY_REF) {
        (void)snprintf(text, sizeof text, "a reference among the arguments does not fit");
    } else if (entry->st != PYN_OK && entry->verdict.op == NULL) {
        (void)snprintf(text, sizeof text, "no such operation");
    } else {
        pyn_verdict_text(&entry->verdict, text, sizeof text);
    }
    put_text(line, "why", pyn_view_of(text));
}

static void put_rule(struct line *line, const struct entry *entry)
{
    char rule[PYN_TRAIL_TEXT_MAX];

    pyn_verdict_rule(entry->iface, &entry->verdict, rule, sizeof rule);
    put_text(line, "rule", pyn_view_of(rule));
}

static struct pyn_view signature_of(const struct pyn_verdict *verdict)
{
    if (verdict->op != NULL && verdict->op->kind != PYN_OP_METHOD) {
        return verdict->op->type->spelling;
    }
    return verdict->signature != NULL ? verdict->signature->spelling : (struct pyn_view){NULL, 0};
}

static void put_entry(struct line *line, const struct entry *entry)
{
    static const char *const kinds[] = {[PYN_OP_METHOD] = "method", [PYN_OP_GET] = "get", [PYN_OP_SET] = "set"};
    char serial[32];

    line->len = 0;
    put(line, "{");
    put_time(line, &entry->at);
    put_key(line, "connection");
    (void)snprintf(serial, sizeof serial, "%" PRIu64, entry->serial);
    put(line, serial);
    put_text(line, "peer", pyn_view_of(entry->peer));
    put_text(line, "principal", pyn_view_of(entry->principal));
    put_text(line, "interface", entry->iface != NULL ? entry->iface->name : (struct pyn_view){NULL, 0});
    put_text(line, "kind", pyn_view_of(kinds[entry->kind]));
    put_text(line, "name", (struct pyn_view){entry->name, entry->name_len});
    if (!entry->is_name_whole) {
        line->len--; /* the quote */
        put(line, "...\"");
    }
    put_text(line, "arguments", pyn_view_of(entry->shape));
    put_text(line, "verdict", pyn_view_of(verdict_word(entry->st)));
    if (entry->st == PYN_OK) {
        put_text(line, "signature", signature_of(&entry->verdict));
    } else {
        put_why(line, entry);
    }
    put_rule(line, entry);
    put(line, "}\n");
}

/* ---- taking out ---- */

/* Some more may come meanwhile: who writes them is woken by the first, and then by many. */
static void wait_for_some(struct pyn_trail *trail)
{
    struct timespec until = {0};
    int timed_out = 0;

    while (trail->count == 0 && trail->dropped == 0 && !trail->is_closed) {
        (void)pthread_cond_wait(&trail->filled, &trail->lock);
    }
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += GATHER_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (trail->count < MANY && !trail->is_closed && timed_out == 0) {
        timed_out = pthread_cond_timedwait(&trail->filled, &trail->lock, &until);
    }
}

/* Copied under the lock, written without it: those that put down do not wait for a line to be made. */
static uint32_t take_some(struct pyn_trail *trail, struct entry entries[AT_ONCE], bool waits, uint64_t *dropped)
{
    uint32_t count = 0;

    (void)pthread_mutex_lock(&trail->lock);
    if (waits) {
        wait_for_some(trail);
    }
    for (; count < AT_ONCE && trail->count > 0; count++) {
        entries[count] = trail->entries[trail->first];
        trail->first = (trail->first + 1) % PYN_TRAIL_ENTRIES;
        trail->count--;
    }
    *dropped += trail->dropped;
    trail->dropped = 0;
    (void)pthread_mutex_unlock(&trail->lock);
    return count;
}

static void put_all(const struct entry *entries, uint32_t count, struct pyn_buf *lines, uint64_t *dropped)
{
    struct line line;

    for (uint32_t i = 0; i < count; i++) {
        put_entry(&line, &entries[i]);
        if (pyn_buf_append(lines, line.text, line.len) != PYN_OK) {
            (*dropped)++;
        }
    }
}

bool pyn_trail_take(struct pyn_trail *trail, struct pyn_buf *lines, uint64_t *dropped)
{
    struct entry entries[AT_ONCE];
    uint32_t taken = 0;
    uint32_t total = 0;

    *dropped = 0;
    do {
        taken = take_some(trail, entries, total == 0, dropped);
        put_all(entries, taken, lines, dropped);
        total += taken;
    } while (taken == AT_ONCE && total < MANY);
    return total > 0 || *dropped > 0;
}

void pyn_trail_close(struct pyn_trail *trail)
{
    (void)pthread_mutex_lock(&trail->lock);
    trail->is_closed = true;
    (void)pthread_cond_broadcast(&trail->filled);
    (void)pthread_mutex_unlock(&trail->lock);
}
