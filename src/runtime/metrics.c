/* metrics.c - see metrics.h. */
#include "metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "server_state.h"

/* What is there now, by class; what has been is in the tally. */
struct now {
    uint64_t held[PYN_CLASSES_MAX][PYN_Q_HELD];
    uint32_t links[PYN_CLASSES_MAX];
    uint32_t opening;
};

struct page {
    struct pyn_server *server;
    struct pyn_buf *out;
    struct now now;
    struct pyn_tally tally;
    struct pyn_server_stats stats;
    uint64_t unlogged;
    uint64_t left;
};

/* ---- writing ---- */

static void put(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct page *page, const char *format, ...)
{
    char line[256];
    va_list args;
    int len = 0;

    va_start(args, format);
    len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < sizeof line) {
        (void)pyn_buf_append(page->out, line, (size_t)len); /* no room: the page is refused as a whole */
    }
}

static void head(struct page *page, const char *name, const char *type, const char *help)
{
    put(page, "# HELP pynto_%s %s\n", name, help);
    put(page, "# TYPE pynto_%s %s\n", name, type);
}

static void one(struct page *page, const char *name, const char *type, const char *help, uint64_t value)
{
    head(page, name, type, help);
    put(page, "pynto_%s %" PRIu64 "\n", name, value);
}

/* Names of classes are the operator's: they are letters, digits, dots and lines, or this. */
static void labelled(struct page *page, const char *name, const char *label, const char *value, uint64_t number)
{
    char safe[64];
    size_t len = 0;

    for (; value[len] != '\0' && len + 1 < sizeof safe; len++) {
        safe[len] = value[len] > 0x20 && value[len] < 0x7f && value[len] != '"' && value[len] != '\\' ? value[len] : '_';
    }
    safe[len] = '\0';
    put(page, "pynto_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, safe, number);
}

/* ---- looking ---- */

static void look_at(void *ctx, struct pyn_link *link)
{
    struct page *page = ctx;
    const struct pyn_ledger *ledger = NULL;

    pyn_link_lock(link);
    pyn_tally_harvest(page->server, link); /* also of one that is over and was not let go of yet */
    if (link->over == PYN_OK) {
        ledger = pyn_session_ledger(link->session);
        if (pyn_session_is_ready(link->session)) {
            page->now.links[link->class]++;
        } else {
            page->now.opening++;
        }
        for (int i = 0; i < PYN_Q_HELD; i++) {
            page->now.held[link->class][i] += ledger->used[i];
        }
        page->now.held[link->class][PYN_Q_MEMORY] += pyn_link_memory(link);
    }
    pyn_link_unlock(link);
}

static void look(struct page *page)
{
    struct pyn_server *server = page->server;

    pyn_server_each(server, look_at, page);
    pyn_server_stats(server, &page->stats);
    pyn_server_lock(server);
    memcpy(&page->tally, &server->tally, sizeof page->tally);
    page->unlogged = server->unlogged;
    page->left = server->estates.whole != NULL ? pyn_estate_charged(server->estates.whole) : 0;
    pyn_server_unlock(server);
}

/* ---- what is told ---- */

static const char *class_name(const struct page *page, uint32_t class)
{
    return page->server->config.classes->list[class].name;
}

static void tell_connections(struct page *page)
{
    const struct pyn_classes *classes = page->server->config.classes;

    head(page, "connections", "gauge", "Connections that are open, by quota class.");
    for (uint32_t i = 0; i < classes->count; i++) {
        labelled(page, "connections", "class", class_name(page, i), page->now.links[i]);
    }
    one(page, "connections_opening", "gauge", "Connections of which nothing is known yet.", page->now.opening);
    one(page, "connections_limit", "gauge", "Connections that there may be at once.",
        page->server->config.connection_max);
    one(page, "connections_accepted_total", "counter", "Connections that were taken on.", page->stats.accepted);
    one(page, "connections_turned_away_total", "counter", "Connections of sources that had tried too often.",
        page->stats.turned_away);
    head(page, "connections_ended_total", "counter", "Connections that have ended, by why.");
    for (int i = 0; i < PYN_STATUSES; i++) {
        if (pyn_status_class((pyn_status)i) == PYN_CLASS_CLOSE || pyn_status_class((pyn_status)i) == PYN_CLASS_BROKEN) {
            put(page, "pynto_connections_ended_total{reason=\"%s\"} %" PRIu64 "\n", pyn_status_name((pyn_status)i),
                page->tally.ended[i]);
        }
    }
    one(page, "handshakes_total", "counter", "Encrypted channels that were opened.", page->tally.opened);
    one(page, "handshakes_failed_total", "counter", "Handshakes and logins that came to nothing.", page->stats.failed);
}

static void tell_counts(struct page *page)
{
    static const struct {
        const char *name;
        const char *help;
        size_t offset;
    } counts[] = {
        {"calls_total", "Calls that were admitted.", offsetof(struct pyn_counts, calls)},
        {"refusals_total", "Calls and other messages that were refused.", offsetof(struct pyn_counts, refused)},
        {"received_bytes_total", "Bytes that came.", offsetof(struct pyn_counts, bytes_in)},
        {"sent_bytes_total", "Bytes that went.", offsetof(struct pyn_counts, bytes_out)},
    };

    for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        head(page, counts[n].name, "counter", counts[n].help);
        for (uint32_t i = 0; i < page->server->config.classes->count; i++) {
            uint64_t value = 0;
            memcpy(&value, (const char *)&page->tally.classes[i] + counts[n].offset, sizeof value);
            labelled(page, counts[n].name, "class", class_name(page, i), value);
        }
    }
}

static const struct pyn_quota_row *row_of(const char *name)
{
    const struct pyn_quota_row *row = NULL;

    for (size_t i = 0; (row = pyn_quotas_row(i)) != NULL && strcmp(row->name, name) != 0; i++) {}
    return row;
}

static void tell_quotas(struct page *page)
{
    for (int q = 0; q < PYN_Q_HELD; q++) {
        const struct pyn_quota_row *row = row_of(pyn_quota_name((enum pyn_quota)q));
        char name[64];
        if (row == NULL) {
            continue;
        }
        (void)snprintf(name, sizeof name, "held_%s%s", row->name, row->unit == PYN_UNIT_COUNT ? "" : "_bytes");
        head(page, name, "gauge", row->what);
        for (uint32_t i = 0; i < page->server->config.classes->count; i++) {
            labelled(page, name, "class", class_name(page, i), page->now.held[i][q]);
        }
    }
    one(page, "left_memory_bytes", "gauge", "Python memory that connections hold or have left behind, in all.",
        page->left);
    head(page, "quota_reached_total", "counter",
         "How often a quota had no room: somebody was refused, had to wait, or was sent away.");
    for (int q = 0; q < PYN_Q_ALL; q++) {
        labelled(page, "quota_reached_total", "quota", pyn_quota_name((enum pyn_quota)q), page->tally.reached[q]);
    }
}

static void tell_histogram(struct page *page, const char *name, const char *help, const struct pyn_histogram *times)
{
    uint64_t count = 0;

    head(page, name, "histogram", help);
    for (int i = 0; i < PYN_BARS; i++) {
        count += times->bars[i];
        if (i < PYN_BARS - 1) {
            put(page, "pynto_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, (double)pyn_bar_bounds[i] / 1e9, count);
        }
    }
    put(page, "pynto_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
    put(page, "pynto_%s_sum %.9f\n", name, (double)times->sum_ns / 1e9);
    put(page, "pynto_%s_count %" PRIu64 "\n", name, count);
}

static void tell_calls(struct page *page)
{
    static const char *const reasons[] = {
        [PYN_OVERRUN_NONE] = NULL,         [PYN_OVERRUN_DEADLINE] = "deadline", [PYN_OVERRUN_CALL] = "call_seconds",
        [PYN_OVERRUN_CPU] = "cpu_seconds", [PYN_OVERRUN_SHARE] = "cpu_share",   [PYN_OVERRUN_CANCELLED] = "cancelled",
        [PYN_OVERRUN_GONE] = "gone"};

    tell_histogram(page, "turn_wait_seconds", "How long calls waited for their turn.", &page->tally.waits);
    tell_histogram(page, "call_duration_seconds", "How long calls took, from their turn to their answer.",
                   &page->tally.runs);
    head(page, "interrupts_total", "counter", "Calls that the watchdog has ended, by why.");
    for (int i = 0; i < PYN_OVERRUNS; i++) {
        if (reasons[i] != NULL) {
            labelled(page, "interrupts_total", "reason", reasons[i], atomic_load(&page->server->tally.overruns[i]));
        }
    }
    one(page, "calls_suspended", "gauge", "Calls that wait for a peer.", page->stats.suspended);
}

/* The second number of statm, in pages. */
static uint64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char text[128] = "";
    char *rest = text;
    uint64_t pages = 0;

    if (file == NULL) {
        return 0;
    }
    if (fgets(text, sizeof text, file) != NULL) {
        (void)strtoul(text, &rest, 10);
        pages = strtoul(rest, NULL, 10);
    }
    (void)fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void tell_process(struct page *page)
{
    struct rusage usage = {0};

    one(page, "threads", "gauge", "Threads that serve.", page->stats.threads);
    one(page, "log_lines_dropped_total", "counter", "Lines that were not logged, for there were too many.",
        pyn_log_dropped(page->server->config.log) + page->unlogged);
    put(page, "# HELP process_resident_memory_bytes Memory of the process that is in RAM.\n");
    put(page, "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %" PRIu64 "\n",
        resident_bytes());
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
        put(page, "# HELP process_cpu_seconds_total CPU time that the process has used.\n");
        put(page, "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.6f\n", seconds);
    }
}

pyn_status pyn_metrics_write(struct pyn_server *server, struct pyn_buf *out)
{
    struct page *page = calloc(1, sizeof *page); /* too large for a thread's stack */

    if (page == NULL) {
        return PYN_ENOMEM;
    }
    page->server = server;
    page->out = out;
    look(page);
    tell_connections(page);
    tell_counts(page);
    tell_quotas(page);
    tell_calls(page);
    tell_process(page);
    free(page);
    return PYN_OK;
}
