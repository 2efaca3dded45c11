/* scrape.c - see scrape.h. */
#include "scrape.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../websocket/http.h"
#include "clock.h"
#include "fork.h"
#include "metrics.h"

static const uint64_t MILLISECOND = UINT64_C(1000000);

enum { REQUEST_MAX = 4096, FRESH_MS = 50, ACCEPTED_AT_ONCE = 16, PAUSE_MS = 10 };

/* Somebody who asks. */
struct scraper {
    int fd; /* -1: nobody */
    uint64_t since;
    char request[REQUEST_MAX];
    size_t have;
    size_t looked;
    struct pyn_buf answer;
    size_t sent;
    bool is_answered;
};

struct pyn_scrape {
    struct pyn_server *server;
    struct pyn_listener listener;
    struct pyn_keepsake keepsake;
    unsigned birth;
    int wake;
    pthread_t thread;
    struct pyn_buf page;
    uint64_t page_at;
    struct scraper scrapers[PYN_SCRAPERS];
};

/* ---- answering ---- */

static void say(struct scraper *scraper, const char *status, const char *type, struct pyn_view body)
{
    char head[256];
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
                       "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n",
                       status, type, body.len);

    (void)pyn_buf_append(&scraper->answer, head, (size_t)len);
    (void)pyn_buf_append(&scraper->answer, body.data, body.len);
    scraper->is_answered = true;
}

static void refuse(struct scraper *scraper, const char *status)
{
    say(scraper, status, "text/plain; charset=utf-8", pyn_view_of("GET /metrics is all that is here\n"));
}

static void say_page(struct pyn_scrape *scrape, struct scraper *scraper)
{
    const uint64_t now = pyn_now();

    if (scrape->page_at == 0 || now - scrape->page_at > FRESH_MS * MILLISECOND) {
        pyn_buf_truncate(&scrape->page, 0);
        scrape->page_at = pyn_metrics_write(scrape->server, &scrape->page) == PYN_OK ? now : 0;
    }
    if (scrape->page_at == 0) {
        refuse(scraper, "503 Service Unavailable");
    } else {
        say(scraper, "200 OK", "text/plain; version=0.0.4; charset=utf-8", pyn_buf_view(&scrape->page));
    }
}

/* The name in a Host, its port left aside: of this machine, or an address. A page of the web that wants to be taken for one of ours has a name. */
static bool is_trusted(struct pyn_view host)
{
    const uint8_t *colon = host.len > 0 ? memchr(host.data, ':', host.len) : NULL;

    if (host.len > 0 && host.data[0] == '[') {
        return true; /* of IPv6: no name begins so */
    }
    if (colon != NULL) {
        host.len = (size_t)(colon - host.data);
    }
    if (pyn_http_is(host, "localhost")) {
        return true;
    }
    for (size_t i = 0; i < host.len; i++) {
        if ((host.data[i] < '0' || host.data[i] > '9') && host.data[i] != '.') {
            return false;
        }
    }
    return host.len > 0;
}

static bool has_good_host(const struct pyn_scrape *scrape, const struct pyn_http_head *head)
{
    struct pyn_view host = {NULL, 0};

    if (scrape->listener.address.scheme == PYN_SCHEME_UNIX) {
        return true;
    }
    return pyn_http_find(head, "host", &host) == 1 && is_trusted(host);
}

static bool begins_with(struct pyn_view text, const char *start)
{
    struct pyn_view wanted = pyn_view_of(start);

    return text.len >= wanted.len && memcmp(text.data, wanted.data, wanted.len) == 0;
}

static void answer(struct pyn_scrape *scrape, struct scraper *scraper, size_t len)
{
    struct pyn_http_head head;

    if (pyn_http_parse((struct pyn_view){(const uint8_t *)scraper->request, len}, &head) != PYN_OK) {
        refuse(scraper, "400 Bad Request");
    } else if (!has_good_host(scrape, &head)) {
        refuse(scraper, "403 Forbidden");
    } else if (!begins_with(head.line, "GET ")) {
        refuse(scraper, "405 Method Not Allowed");
    } else if (!pyn_view_is_equal(head.line, pyn_view_of("GET /metrics HTTP/1.1")) &&
               !pyn_view_is_equal(head.line, pyn_view_of("GET /metrics HTTP/1.0"))) {
        refuse(scraper, "404 Not Found");
    } else {
        say_page(scrape, scraper);
    }
}

/* ---- one who asks ---- */

static void leave(struct scraper *scraper)
{
    (void)close(scraper->fd);
    pyn_buf_fini(&scraper->answer);
    scraper->fd = -1;
}

static void read_some(struct pyn_scrape *scrape, struct scraper *scraper)
{
    size_t len = 0;
    pyn_status st = PYN_EFORMAT;
    ssize_t n = recv(scraper->fd, scraper->request + scraper->have, REQUEST_MAX - scraper->have, MSG_DONTWAIT);

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            leave(scraper);
        }
        return;
    }
    scraper->have += (size_t)n;
    st = pyn_http_find_end((struct pyn_view){(const uint8_t *)scraper->request, scraper->have}, scraper->looked, &len);
    scraper->looked = scraper->have;
    if (st == PYN_OK) {
        answer(scrape, scraper, len);
    } else if (st != PYN_EWAIT || scraper->have == REQUEST_MAX) {
        refuse(scraper, st == PYN_EFORMAT ? "400 Bad Request" : "431 Request Header Fields Too Large");
    }
}

static void write_some(struct scraper *scraper)
{
    struct pyn_view rest = pyn_buf_view(&scraper->answer);
    ssize_t n = send(scraper->fd, rest.data, rest.len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0) {
        pyn_buf_consume(&scraper->answer, (size_t)n);
    }
    if (pyn_buf_len(&scraper->answer) == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        (void)shutdown(scraper->fd, SHUT_WR);
        leave(scraper);
    }
}

/* ---- all of them ---- */

static struct scraper *place_for_one(struct pyn_scrape *scrape)
{
    struct scraper *oldest = &scrape->scrapers[0];

    for (int i = 0; i < PYN_SCRAPERS; i++) {
        struct scraper *scraper = &scrape->scrapers[i];
        if (scraper->fd < 0) {
            return scraper;
        }
        oldest = scraper->since < oldest->since ? scraper : oldest;
    }
    leave(oldest);
    return oldest;
}

static void accept_some(struct pyn_scrape *scrape)
{
    struct pyn_visitor visitor;

    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        struct scraper *scraper = NULL;
        int fd = pyn_accept(&scrape->listener, &visitor);
        if (fd < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                (void)usleep(PAUSE_MS * 1000); /* no descriptor is left: the listener stays readable */
            }
            return;
        }
        scraper = place_for_one(scrape);
        *scraper = (struct scraper){.fd = fd, .since = pyn_now()};
        pyn_buf_init(&scraper->answer, pyn_mem_default(), PYN_SCRAPE_PAGE_MAX + 1024);
    }
}

static void serve(struct pyn_scrape *scrape, struct scraper *scraper, short events)
{
    if (pyn_now() - scraper->since > (uint64_t)PYN_SCRAPE_SECONDS * 1000 * MILLISECOND) {
        leave(scraper);
        return;
    }
    if (events != 0 && !scraper->is_answered) {
        read_some(scrape, scraper);
    }
    if (scraper->fd >= 0 && scraper->is_answered) {
        write_some(scraper);
    }
}

static void *run(void *argument)
{
    struct pyn_scrape *scrape = argument;
    struct pollfd polled[PYN_SCRAPERS + 2];

    for (;;) {
        bool is_anybody = false;
        for (int i = 0; i < PYN_SCRAPERS; i++) {
            const struct scraper *scraper = &scrape->scrapers[i];
            is_anybody = is_anybody || scraper->fd >= 0;
            polled[i] = (struct pollfd){.fd = scraper->fd, .events = scraper->is_answered ? POLLOUT : POLLIN};
        }
        polled[PYN_SCRAPERS] = (struct pollfd){.fd = scrape->listener.fd, .events = POLLIN};
        polled[PYN_SCRAPERS + 1] = (struct pollfd){.fd = scrape->wake, .events = POLLIN};
        (void)poll(polled, PYN_SCRAPERS + 2, is_anybody ? 1000 : -1);
        if (polled[PYN_SCRAPERS + 1].revents != 0) {
            return NULL;
        }
        for (int i = 0; i < PYN_SCRAPERS; i++) {
            if (scrape->scrapers[i].fd >= 0) {
                serve(scrape, &scrape->scrapers[i], polled[i].revents);
            }
        }
        if (polled[PYN_SCRAPERS].revents != 0) {
            accept_some(scrape);
        }
    }
}

/* ---- life ---- */

static void close_own(struct pyn_scrape *scrape)
{
    for (int i = 0; i < PYN_SCRAPERS; i++) {
        if (scrape->scrapers[i].fd >= 0) {
            (void)close(scrape->scrapers[i].fd);
            scrape->scrapers[i].fd = -1;
        }
    }
    pyn_listener_close(&scrape->listener);
    if (scrape->wake >= 0) {
        (void)close(scrape->wake);
        scrape->wake = -1;
    }
}

/* In a child: its own copies; the file of the listener is the parent's. */
static void drop_inherited(struct pyn_keepsake *keepsake)
{
    struct pyn_scrape *scrape = (struct pyn_scrape *)((char *)keepsake - offsetof(struct pyn_scrape, keepsake));

    scrape->listener.owns_path = false;
    close_own(scrape);
}

static bool start(struct pyn_scrape *scrape)
{
    sigset_t all;
    sigset_t before;
    bool is_started = false;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for others */
    is_started = pthread_create(&scrape->thread, NULL, run, scrape) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_started;
}

pyn_status pyn_scrape_new(struct pyn_server *server, const struct pyn_listener *listener, struct pyn_scrape **out)
{
    struct pyn_scrape *scrape = calloc(1, sizeof *scrape);
    struct pyn_listener own = *listener;

    *out = NULL;
    if (scrape == NULL) {
        pyn_listener_close(&own);
        return PYN_ENOMEM;
    }
    scrape->server = server;
    scrape->listener = own;
    scrape->birth = pyn_fork_count();
    scrape->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (int i = 0; i < PYN_SCRAPERS; i++) {
        scrape->scrapers[i].fd = -1;
    }
    pyn_buf_init(&scrape->page, pyn_mem_default(), PYN_SCRAPE_PAGE_MAX);
    pyn_keepsake_enter(&scrape->keepsake, drop_inherited);
    if (scrape->wake < 0 || !start(scrape)) {
        pyn_keepsake_leave(&scrape->keepsake);
        close_own(scrape);
        free(scrape);
        return PYN_ENOMEM;
    }
    *out = scrape;
    return PYN_OK;
}

void pyn_scrape_free(struct pyn_scrape *scrape)
{
    if (scrape == NULL) {
        return;
    }
    if (scrape->birth == pyn_fork_count()) { /* else its thread is the parent's */
        (void)eventfd_write(scrape->wake, 1);
        (void)pthread_join(scrape->thread, NULL);
    } else {
        scrape->listener.owns_path = false;
    }
    pyn_keepsake_leave(&scrape->keepsake);
    for (int i = 0; i < PYN_SCRAPERS; i++) {
        if (scrape->scrapers[i].fd >= 0) {
            leave(&scrape->scrapers[i]);
        }
    }
    close_own(scrape);
    pyn_buf_fini(&scrape->page);
    free(scrape);
}
