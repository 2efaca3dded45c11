/*
 * listen.c - listeners: made so that nobody can reach one a moment too early, and removed without hitting anybody else's.
 *
 * A Unix socket refuses every connection from its bind() to its listen(): whatever is checked in between is checked in time.
 */
#define _GNU_SOURCE 1

#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char tried[] = "listen at";

static bool fail(struct pyn_fault *fault, const struct pyn_address *address, const char *why, int error)
{
    return pyn_net_fail(fault, tried, address, why, error);
}

/* ---- tcp ---- */

/* -1 with errno. */
static int bind_tcp(const struct addrinfo *at)
{
    int on = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        (at->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
        bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/*
 * The first address of the host that this machine has. One that is in use ends the search: on the next one we would be deaf to part of those
 * who call us by this name, and whoever has the first one would hear them.
 */
static bool listen_tcp(const struct pyn_address *address, bool is_open_allowed, struct pyn_listener *out,
                       struct pyn_fault *fault)
{
    struct addrinfo *found = NULL;
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof(bound);
    int fd = -1;

    if (!pyn_net_resolve(address, is_open_allowed, tried, &found, fault)) {
        return false;
    }
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = bind_tcp(at);
        if (fd < 0 && errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT) {
            break;
        }
    }
    int error = errno;
    freeaddrinfo(found);
    if (fd >= 0 && getsockname(fd, (struct sockaddr *)&bound, &len) != 0) {
        error = errno;
        close(fd);
        fd = -1;
    }
    if (fd < 0) {
        return fail(fault, address, error == EADDRINUSE ? "already in use" : "", error == EADDRINUSE ? 0 : error);
    }
    out->fd = fd;
    out->address = *address;
    out->address.port = pyn_net_port((const struct sockaddr *)&bound);
    return true;
}

/* ---- unix ---- */

static bool name_path(const struct pyn_address *address, struct sockaddr_un *out, socklen_t *len)
{
    size_t path_len = strlen(address->path);

    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    *len = (socklen_t)sizeof(*out);
    if (path_len == 0 || path_len >= sizeof(out->sun_path)) {
        return false;
    }
    memcpy(out->sun_path, address->path, path_len);
    return true;
}

static void parent_of(const char *path, char *parent, size_t room)
{
    const char *slash = strrchr(path, '/');

    (void)snprintf(parent, room, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* Where anybody may rename what is ours, a name means nothing. */
static bool check_parent(const struct pyn_address *address, struct pyn_fault *fault)
{
    char parent[sizeof(address->path)];
    struct stat st;

    parent_of(address->path, parent, sizeof(parent));
    if (stat(parent, &st) != 0) {
        return fail(fault, address, "its directory", errno);
    }
    if (!S_ISDIR(st.st_mode)) {
        return fail(fault, address, "its directory", ENOTDIR);
    }
    if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0) {
        return fail(fault, address, "its directory may be written by everybody and is not sticky", 0);
    }
    return true;
}

/*
 * Two servers that start at once must not each take the other's new socket for a dead one. Who cannot lock within a second goes on without:
 * in a shared directory a stranger may hold the lock. -1: none.
 */
static int lock_parent(const struct pyn_address *address)
{
    char parent[sizeof(address->path)];
    int fd = -1;

    parent_of(address->path, parent, sizeof(parent));
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < 50 && flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
        struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
        (void)nanosleep(&pause, NULL);
    }
    return fd;
}

/* True: the path is free, or what stood there was a dead socket of ours and is gone. */
static bool clear_path(const struct pyn_address *address, const struct sockaddr_un *name, socklen_t len,
                       struct pyn_fault *fault)
{
    struct stat st;
    struct stat again;
    int error = 0;
    int fd = -1;

    if (lstat(address->path, &st) != 0) {
        return errno == ENOENT || fail(fault, address, "", errno);
    }
    if (S_ISLNK(st.st_mode)) {
        return fail(fault, address, "a symbolic link stands there", 0);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return fail(fault, address, "something that is not a socket stands there", 0);
    }
    if (st.st_uid != geteuid()) {
        return fail(fault, address, "a socket of another user stands there", 0);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return fail(fault, address, "", errno);
    }
    error = connect(fd, (const struct sockaddr *)name, len) == 0 ? 0 : errno;
    close(fd);
    if (error == ENOENT) {
        return true;
    }
    if (error == 0 || error == EAGAIN || error == EPROTOTYPE) {
        return fail(fault, address, "already in use", 0);
    }
    if (error != ECONNREFUSED) {
        return fail(fault, address, "a socket that does not answer stands there", error);
    }
    if (lstat(address->path, &again) != 0 || again.st_dev != st.st_dev || again.st_ino != st.st_ino) {
        return fail(fault, address, "already in use", 0);
    }
    if (unlink(address->path) != 0) {
        return fail(fault, address, "a dead socket stands there", errno);
    }
    return true;
}

/* Linux makes the file with the mode of the socket, less the umask; where that did not give 0600 it is set before anybody can connect. */
static bool check_file(struct pyn_listener *listener, struct pyn_fault *fault)
{
    const struct pyn_address *address = &listener->address;
    struct stat st;

    if (lstat(address->path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        listener->device = st.st_dev;
        listener->inode = st.st_ino;
        listener->owns_path = true;
        if ((st.st_mode & 07777) == 0600) {
            return true;
        }
        if (fchmodat(AT_FDCWD, address->path, 0600, AT_SYMLINK_NOFOLLOW) == 0 && lstat(address->path, &st) == 0 &&
            st.st_dev == listener->device && st.st_ino == listener->inode && (st.st_mode & 07777) == 0600) {
            return true;
        }
    }
    return fail(fault, address, "its file could not be kept to its owner", 0);
}

static bool make_unix(struct pyn_listener *listener, const struct sockaddr_un *name, socklen_t len,
                      struct pyn_fault *fault)
{
    const struct pyn_address *address = &listener->address;

    if (!clear_path(address, name, len, fault)) {
        return false;
    }
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return fail(fault, address, "", errno);
    }
    (void)fchmod(listener->fd, 0600);
    if (bind(listener->fd, (const struct sockaddr *)name, len) != 0) {
        return fail(fault, address, errno == EADDRINUSE ? "already in use" : "", errno == EADDRINUSE ? 0 : errno);
    }
    if (!check_file(listener, fault)) {
        return false;
    }
    return listen(listener->fd, SOMAXCONN) == 0 || fail(fault, address, "", errno);
}

static bool listen_unix(const struct pyn_address *address, struct pyn_listener *out, struct pyn_fault *fault)
{
    struct pyn_listener listener = {.fd = -1, .address = *address};
    struct sockaddr_un name;
    socklen_t len = 0;
    int lock = -1;
    bool is_made = false;

    if (!name_path(address, &name, &len)) {
        return fail(fault, address, "its path is too long for this system", 0);
    }
    if (!check_parent(address, fault)) {
        return false;
    }
    lock = lock_parent(address);
    is_made = make_unix(&listener, &name, len, fault);
    if (!is_made) {
        pyn_listener_close(&listener);
    }
    if (lock >= 0) {
        close(lock);
    }
    if (is_made) {
        *out = listener;
    }
    return is_made;
}

/* ---- fd ---- */

static bool listen_fd(const struct pyn_address *address, bool is_open_allowed, struct pyn_listener *out,
                      struct pyn_fault *fault)
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof(bound);

    if (!pyn_net_is_stream(address->fd, tried, address, fault)) {
        return false;
    }
    if (pyn_net_option(address->fd, SO_ACCEPTCONN) != 1) {
        return fail(fault, address, "it is a socket that does not listen", 0);
    }
    if (getsockname(address->fd, (struct sockaddr *)&bound, &len) != 0) {
        return fail(fault, address, "", errno);
    }
    if (!is_open_allowed && !pyn_net_is_loopback((const struct sockaddr *)&bound)) {
        return fail(fault, address, "plain text beyond loopback has to be asked for", 0);
    }
    if (!pyn_net_set_cloexec(address->fd) || !pyn_set_blocking(address->fd, false)) {
        return fail(fault, address, "", errno);
    }
    out->fd = address->fd;
    out->address = *address;
    return true;
}

/* ---- all ---- */

bool pyn_listen(const struct pyn_address *address, bool is_open_allowed, struct pyn_listener *out, struct pyn_fault *fault)
{
    *out = (struct pyn_listener){.fd = -1};
    switch (address->scheme) {
    case PYN_SCHEME_PYNTO:
    case PYN_SCHEME_PYNTO_WS:
        if (address->capability_len > 0) {
            return fail(fault, address, "a capability has no place in an address to listen at", 0);
        }
        return listen_tcp(address, true, out, fault); /* the channel stands above it */
    case PYN_SCHEME_TCP:
    case PYN_SCHEME_WS:
        return listen_tcp(address, is_open_allowed, out, fault);
    case PYN_SCHEME_UNIX:
        return listen_unix(address, out, fault);
    case PYN_SCHEME_FD:
        return listen_fd(address, is_open_allowed, out, fault);
    case PYN_SCHEME_NONE:
        break;
    }
    return fail(fault, address, "it is not an address", 0);
}

/* The file goes first: as long as the socket lives, its inode is nobody else's and no other server replaces it. */
void pyn_listener_close(struct pyn_listener *listener)
{
    struct stat st;

    if (listener->owns_path && lstat(listener->address.path, &st) == 0 && S_ISSOCK(st.st_mode) &&
        st.st_dev == listener->device && st.st_ino == listener->inode) {
        (void)unlink(listener->address.path);
    }
    if (listener->fd >= 0) {
        close(listener->fd);
    }
    listener->fd = -1;
    listener->owns_path = false;
}

/* A connection that died in the queue is no fault of the listener. */
static bool is_of_one_peer(int error)
{
    return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN || error == ENETUNREACH ||
           error == EHOSTDOWN || error == EHOSTUNREACH || error == ENOPROTOOPT || error == ENONET;
}

/* A socket that is known to be a Unix one is asked nothing else. */
static void note_visitor(int fd, const struct sockaddr *from, struct pyn_visitor *visitor)
{
    visitor->has_uid = from->sa_family == AF_UNIX && pyn_net_uid(fd, &visitor->uid);
    if (visitor->has_uid) {
        (void)snprintf(visitor->text, sizeof visitor->text, "unix uid %lu", (unsigned long)visitor->uid);
        return;
    }
    if (from->sa_family != AF_UNIX) {
        pyn_net_tune(fd);
    }
    pyn_net_text(from, visitor->text, sizeof visitor->text);
}

int pyn_accept(const struct pyn_listener *listener, struct pyn_visitor *visitor)
{
    struct sockaddr_storage from = {0};
    int fd = -1;

    visitor->text[0] = '\0';
    visitor->has_uid = false;
    visitor->uid = (uid_t)-1;
    do {
        socklen_t len = sizeof(from);
        fd = accept4(listener->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && is_of_one_peer(errno));
    if (fd < 0) {
        return -1;
    }
    note_visitor(fd, (const struct sockaddr *)&from, visitor);
    return fd;
}
