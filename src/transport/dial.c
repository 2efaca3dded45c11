/*
 * dial.c - connecting within a time, and what is asked of a connected descriptor.
 */
#define _GNU_SOURCE 1

#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)
#define MILLI_NS UINT64_C(1000000)

static const char tried[] = "connect to";

static bool fail(struct pyn_fault *fault, const struct pyn_address *address, const char *why, int error)
{
    return pyn_net_fail(fault, tried, address, why, error);
}

/* ---- time ---- */

static uint64_t now_ns(void)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

/* UINT64_MAX: never. */
static uint64_t deadline_after(uint64_t timeout_ns)
{
    uint64_t now = now_ns();

    return timeout_ns == 0 || timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

/* Milliseconds, rounded up, for poll(): -1 without end. */
static int left_ms(uint64_t deadline)
{
    uint64_t now = now_ns();

    if (deadline == UINT64_MAX) {
        return -1;
    }
    if (now >= deadline) {
        return 0;
    }
    uint64_t left = (deadline - now - 1) / MILLI_NS + 1;
    return left > INT_MAX ? INT_MAX : (int)left;
}

/* ---- sockets ---- */

static int close_with(int fd, int error)
{
    close(fd);
    errno = error;
    return -1;
}

/* Only a listener can be meant: a loopback port that nobody listens at may by chance be given to our own end. */
static bool is_own_end(int fd)
{
    struct sockaddr_storage here = {0};
    struct sockaddr_storage there = {0};
    socklen_t here_len = sizeof(here);
    socklen_t there_len = sizeof(there);

    return getsockname(fd, (struct sockaddr *)&here, &here_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&there, &there_len) == 0 && here_len == there_len &&
           memcmp(&here, &there, here_len) == 0;
}

/* 0, or an errno. */
static int wait_connected(int fd, uint64_t deadline)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof(error);
    int ready = 0;

    for (;;) {
        int ms = left_ms(deadline);
        ready = poll(&pfd, 1, ms);
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            break;
        }
        if (ready == 0 && ms == 0) {
            return ETIMEDOUT;
        }
    }
    if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        return errno;
    }
    return error;
}

/* -1 with errno. */
static int connect_tcp(const struct addrinfo *at, uint64_t deadline)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = 0;

    if (fd < 0) {
        return -1;
    }
    if (connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
        error = errno == EINPROGRESS || errno == EINTR ? wait_connected(fd, deadline) : errno;
    }
    if (error == 0 && is_own_end(fd)) {
        error = ECONNREFUSED;
    }
    return error == 0 ? fd : close_with(fd, error);
}

static int dial_tcp(const struct pyn_address *address, bool is_open_allowed, uint64_t deadline, struct pyn_fault *fault)
{
    struct addrinfo *found = NULL;
    int fd = -1;
    int error = 0;

    if (address->port == 0) {
        (void)fail(fault, address, "port 0 is nobody's", 0);
        return -1;
    }
    if (!pyn_net_resolve(address, is_open_allowed, tried, &found, fault)) {
        return -1;
    }
    for (const struct addrinfo *at = found; at != NULL && fd < 0 && error != ETIMEDOUT; at = at->ai_next) {
        fd = connect_tcp(at, deadline);
        error = fd < 0 ? errno : 0;
    }
    freeaddrinfo(found);
    if (fd < 0) {
        (void)fail(fault, address, "", error);
    }
    return fd;
}

/* A blocking connect() to a Unix socket waits for room in the backlog as long as a send may. */
static bool limit_send(int fd, uint64_t deadline)
{
    int ms = left_ms(deadline);
    struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    if (ms < 0) {
        limit = (struct timeval){0};
    } else if (ms == 0) {
        errno = ETIMEDOUT;
        return false;
    }
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0;
}

/* 0, or -1 with errno. */
static int wait_for_room(int fd, const struct sockaddr_un *name, uint64_t deadline)
{
    int result = -1;

    if (!pyn_set_blocking(fd, true)) {
        return -1;
    }
    do {
        result = limit_send(fd, deadline) ? connect(fd, (const struct sockaddr *)name, (socklen_t)sizeof(*name)) : -1;
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        result = limit_send(fd, UINT64_MAX) && pyn_set_blocking(fd, false) ? 0 : -1;
    } else if (errno == EAGAIN) {
        errno = ETIMEDOUT;
    }
    return result;
}

static int dial_unix(const struct pyn_address *address, uint64_t deadline, struct pyn_fault *fault)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t path_len = strlen(address->path);
    int fd = -1;
    int result = -1;

    if (path_len == 0 || path_len >= sizeof(name.sun_path)) {
        (void)fail(fault, address, "its path is too long for this system", 0);
        return -1;
    }
    memcpy(name.sun_path, address->path, path_len);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        (void)fail(fault, address, "", errno);
        return -1;
    }
    result = connect(fd, (const struct sockaddr *)&name, (socklen_t)sizeof(name));
    if (result != 0 && (errno == EAGAIN || errno == EINTR)) { /* there is seldom no room in the backlog */
        result = wait_for_room(fd, &name, deadline);
    }
    if (result == 0) {
        return fd;
    }
    int error = errno;
    close(fd);
    (void)fail(fault, address, "", error);
    return -1;
}

static int dial_fd(const struct pyn_address *address, bool is_open_allowed, struct pyn_fault *fault)
{
    struct sockaddr_storage there = {0};
    socklen_t len = sizeof(there);

    if (!pyn_net_is_stream(address->fd, tried, address, fault)) {
        return -1;
    }
    if (pyn_net_option(address->fd, SO_ACCEPTCONN) == 1) {
        (void)fail(fault, address, "it is a socket that listens", 0);
        return -1;
    }
    if (getpeername(address->fd, (struct sockaddr *)&there, &len) != 0) {
        (void)fail(fault, address, "", errno);
        return -1;
    }
    if (!is_open_allowed && !pyn_net_is_loopback((const struct sockaddr *)&there)) {
        (void)fail(fault, address, "plain text beyond loopback has to be asked for", 0);
        return -1;
    }
    if (!pyn_net_set_cloexec(address->fd)) {
        (void)fail(fault, address, "", errno);
        return -1;
    }
    return address->fd;
}

int pyn_dial(const struct pyn_address *address, bool is_open_allowed, uint64_t timeout_ns, struct pyn_fault *fault)
{
    uint64_t deadline = deadline_after(timeout_ns);
    int fd = -1;

    switch (address->scheme) {
    case PYN_SCHEME_PYNTO:
    case PYN_SCHEME_PYNTO_WS:
        if (address->has_key) {
            fd = dial_tcp(address, true, deadline, fault); /* the channel stands above it */
        } else {
            (void)fail(fault, address, "the key of the server is missing: pynto://key@host:port/capability", 0);
        }
        break;
    case PYN_SCHEME_TCP:
    case PYN_SCHEME_WS:
        fd = dial_tcp(address, is_open_allowed, deadline, fault);
        break;
    case PYN_SCHEME_UNIX:
        fd = dial_unix(address, deadline, fault);
        break;
    case PYN_SCHEME_FD:
        fd = dial_fd(address, is_open_allowed, fault);
        break;
    case PYN_SCHEME_NONE:
        (void)fail(fault, address, "it is not an address", 0);
        break;
    }
    if (fd >= 0 && address->scheme != PYN_SCHEME_UNIX) {
        pyn_net_tune(fd);
    }
    return fd;
}

/* ---- any descriptor ---- */

int pyn_net_option(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

bool pyn_net_is_stream(int fd, const char *what, const struct pyn_address *address, struct pyn_fault *fault)
{
    struct stat st;
    int domain = 0;

    if (fstat(fd, &st) != 0) {
        return pyn_net_fail(fault, what, address, "", errno);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return pyn_net_fail(fault, what, address, "it is not a socket", 0);
    }
    domain = pyn_net_option(fd, SO_DOMAIN);
    if (pyn_net_option(fd, SO_TYPE) != SOCK_STREAM || (domain != AF_UNIX && domain != AF_INET && domain != AF_INET6)) {
        return pyn_net_fail(fault, what, address, "it is not a stream socket of IP or Unix", 0);
    }
    return true;
}

bool pyn_net_set_cloexec(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    return flags >= 0 && fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == 0;
}

void pyn_net_tune(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},           {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 60},  /* seconds of silence until the first probe */
        {IPPROTO_TCP, TCP_KEEPINTVL, 15}, /* seconds between probes */
        {IPPROTO_TCP, TCP_KEEPCNT, 4},    /* probes without an answer */
#ifdef TCP_USER_TIMEOUT
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 120000}, /* milliseconds that what was sent may go unacknowledged: nothing probes meanwhile */
#endif
    };

    if (pyn_net_option(fd, SO_DOMAIN) == AF_UNIX) {
        return;
    }
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(options[i].value));
    }
}

bool pyn_net_uid(int fd, uid_t *uid)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t len = sizeof(peer);

    *uid = (uid_t)-1;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.uid == (uid_t)-1) {
        return false;
    }
    *uid = peer.uid;
    return true;
}

bool pyn_peer_uid(int fd, uid_t *uid)
{
    *uid = (uid_t)-1;
    return pyn_net_option(fd, SO_DOMAIN) == AF_UNIX && pyn_net_uid(fd, uid);
}
