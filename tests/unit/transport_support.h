/*
 * transport_support.h - what the tests of src/transport share: a directory of a test's own, addresses, listeners and connections that must or
 * must not be had. Nothing here leaves loopback and that directory.
 *
 * Needs:   _GNU_SOURCE, ahead of everything.
 * Owns:    the directory, from set_up() to tear_down(); what listen_at(), dial() and accept_from() return is the caller's.
 */
#ifndef PYN_TESTS_TRANSPORT_SUPPORT_H
#define PYN_TESTS_TRANSPORT_SUPPORT_H

#include "support.h"

#include "../../src/transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLI UINT64_C(1000000)

enum { NOBODY = 65534 };

static char room[64]; /* the directory of a test */

static inline int set_up(void **state)
{
    (void)state;
    (void)snprintf(room, sizeof(room), "/tmp/pynto-test-XXXXXX");
    return mkdtemp(room) == NULL ? -1 : 0;
}

static inline int tear_down(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf -- '%s'", room);
    return system(command) == 0 ? 0 : -1;
}

static inline struct pyn_address at(const char *text)
{
    struct pyn_address address;
    struct pyn_fault fault = {""};

    if (!pyn_address_parse(pyn_view_of(text), &address, &fault)) {
        fail_msg("%s: %s", text, fault.text);
    }
    return address;
}

static inline struct pyn_address in_room(const char *name)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "unix://%s/%s", room, name);
    return at(text);
}

static inline struct pyn_address on_fd(int fd)
{
    return (struct pyn_address){.scheme = PYN_SCHEME_FD, .fd = fd};
}

static inline struct pyn_listener listen_at(struct pyn_address address)
{
    struct pyn_listener listener;
    struct pyn_fault fault = {""};

    if (!pyn_listen(&address, false, &listener, &fault)) {
        fail_msg("%s", fault.text);
    }
    return listener;
}

static inline void assert_no_listen(struct pyn_address address, const char *why)
{
    struct pyn_listener listener = {.fd = 0, .owns_path = true};
    struct pyn_fault fault = {""};

    assert_false(pyn_listen(&address, false, &listener, &fault));
    assert_int_equal(listener.fd, -1);
    assert_false(listener.owns_path);
    if (strstr(fault.text, why) == NULL || strncmp(fault.text, "cannot listen at ", 17) != 0) {
        fail_msg("\"%s\" does not say \"%s\"", fault.text, why);
    }
    assert_false(pyn_listen(&address, false, &listener, NULL));
}

static inline void assert_no_dial(struct pyn_address address, const char *why)
{
    struct pyn_fault fault = {""};

    assert_int_equal(pyn_dial(&address, false, 500 * MILLI, &fault), -1);
    if (strstr(fault.text, why) == NULL || strncmp(fault.text, "cannot connect to ", 18) != 0) {
        fail_msg("\"%s\" does not say \"%s\"", fault.text, why);
    }
    assert_int_equal(pyn_dial(&address, false, 500 * MILLI, NULL), -1);
}

static inline int dial(struct pyn_address address)
{
    struct pyn_fault fault = {""};
    int fd = pyn_dial(&address, false, 5000 * MILLI, &fault);

    if (fd < 0) {
        fail_msg("%s", fault.text);
    }
    return fd;
}

static inline int accept_from(const struct pyn_listener *listener, char *peer, size_t size)
{
    struct pollfd pfd = {.fd = listener->fd, .events = POLLIN};

    assert_int_equal(poll(&pfd, 1, 5000), 1);
    struct pyn_visitor visitor;
    int fd = pyn_accept(listener, &visitor);
    assert_true(fd >= 0);
    (void)snprintf(peer, size, "%s", visitor.text);
    return fd;
}

static inline bool is_cloexec(int fd)
{
    return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static inline bool is_blocking(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

static inline int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static inline bool can_connect(struct pyn_address address)
{
    int fd = pyn_dial(&address, false, 1000 * MILLI, NULL);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* Connections until the listener's queue is full. */
static inline size_t fill(struct pyn_address address, int *fds, size_t max)
{
    for (size_t i = 0; i < max; i++) {
        fds[i] = pyn_dial(&address, false, 100 * MILLI, NULL);
        if (fds[i] < 0) {
            return i;
        }
    }
    fail_msg("the queue never fills");
    return max;
}

static inline uint64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 * MILLI + (uint64_t)ts.tv_nsec;
}

/* A bare socket file, as a server that died has left it; or alive, when is_listening. */
static inline int make_socket_file(const char *path, int type, bool is_listening)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    if (is_listening) {
        assert_int_equal(listen(fd, 0), 0);
        return fd;
    }
    close(fd);
    return -1;
}

static inline int join(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void bytes_go_both_ways(struct pyn_listener *listener)
{
    char peer[64];
    char got[8] = "";
    int near = dial(listener->address);
    int far = accept_from(listener, peer, sizeof(peer));

    assert_int_equal(write(near, "ping", 4), 4);
    assert_int_equal(pyn_set_blocking(far, true), true);
    assert_int_equal(pyn_set_blocking(near, true), true);
    assert_int_equal(read(far, got, 4), 4);
    assert_string_equal(got, "ping");
    assert_int_equal(write(far, "pong", 4), 4);
    assert_int_equal(read(near, got, 4), 4);
    assert_string_equal(got, "pong");
    close(near);
    close(far);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
