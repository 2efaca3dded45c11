/* test_transport.c - listeners, connections and the standard streams. Nothing here leaves loopback and a directory of its own. */
#define _GNU_SOURCE 1

#include "support.h"

#include "../../src/transport/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLI UINT64_C(1000000)

enum { NOBODY = 65534 };

static char room[64]; /* the directory of a test */

/* ---- what the tests share ---- */

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(room, sizeof(room), "/tmp/pynto-test-XXXXXX");
    return mkdtemp(room) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf -- '%s'", room);
    return system(command) == 0 ? 0 : -1;
}

static struct pyn_address at(const char *text)
{
    struct pyn_address address;
    struct pyn_fault fault = {""};

    if (!pyn_address_parse(pyn_view_of(text), &address, &fault)) {
        fail_msg("%s: %s", text, fault.text);
    }
    return address;
}

static struct pyn_address in_room(const char *name)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "unix://%s/%s", room, name);
    return at(text);
}

static struct pyn_address on_fd(int fd)
{
    return (struct pyn_address){.scheme = PYN_SCHEME_FD, .fd = fd};
}

static struct pyn_listener listen_at(struct pyn_address address)
{
    struct pyn_listener listener;
    struct pyn_fault fault = {""};

    if (!pyn_listen(&address, false, &listener, &fault)) {
        fail_msg("%s", fault.text);
    }
    return listener;
}

static void assert_no_listen(struct pyn_address address, const char *why)
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

static void assert_no_dial(struct pyn_address address, const char *why)
{
    struct pyn_fault fault = {""};

    assert_int_equal(pyn_dial(&address, false, 500 * MILLI, &fault), -1);
    if (strstr(fault.text, why) == NULL || strncmp(fault.text, "cannot connect to ", 18) != 0) {
        fail_msg("\"%s\" does not say \"%s\"", fault.text, why);
    }
    assert_int_equal(pyn_dial(&address, false, 500 * MILLI, NULL), -1);
}

static int dial(struct pyn_address address)
{
    struct pyn_fault fault = {""};
    int fd = pyn_dial(&address, false, 5000 * MILLI, &fault);

    if (fd < 0) {
        fail_msg("%s", fault.text);
    }
    return fd;
}

static int accept_from(const struct pyn_listener *listener, char *peer, size_t size)
{
    struct pollfd pfd = {.fd = listener->fd, .events = POLLIN};

    assert_int_equal(poll(&pfd, 1, 5000), 1);
    struct pyn_visitor visitor;
    int fd = pyn_accept(listener, &visitor);
    assert_true(fd >= 0);
    (void)snprintf(peer, size, "%s", visitor.text);
    return fd;
}

static bool is_cloexec(int fd)
{
    return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static bool is_blocking(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

static int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static bool can_connect(struct pyn_address address)
{
    int fd = pyn_dial(&address, false, 1000 * MILLI, NULL);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 * MILLI + (uint64_t)ts.tv_nsec;
}

/* A bare socket file, as a server that died has left it; or alive, when is_listening. */
static int make_socket_file(const char *path, int type, bool is_listening)
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

static int join(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- tcp ---- */

static void bytes_go_both_ways(struct pyn_listener *listener)
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

static void tcp_listens_on_a_free_port_and_says_which(void **state)
{
    struct pyn_listener listener = listen_at(at("tcp://127.0.0.1:0"));
    struct pyn_listener other = listen_at(at("tcp://localhost:0"));

    (void)state;
    assert_int_not_equal(listener.address.port, 0);
    assert_string_equal(listener.address.host, "127.0.0.1");
    assert_true(is_cloexec(listener.fd));
    assert_false(is_blocking(listener.fd));
    assert_int_equal(option(listener.fd, SOL_SOCKET, SO_REUSEADDR), 1);
    bytes_go_both_ways(&listener);
    bytes_go_both_ways(&other);
    pyn_listener_close(&listener);
    assert_int_equal(listener.fd, -1);
    pyn_listener_close(&listener);
    pyn_listener_close(&other);
}

static void connections_have_the_flags_that_the_card_says(void **state)
{
    struct pyn_listener listener = listen_at(at("tcp://127.0.0.1:0"));
    struct pyn_visitor visitor;
    char peer[64];
    char wanted[64];
    struct sockaddr_in here;
    socklen_t len = sizeof(here);
    int near = -1;
    int far = -1;

    (void)state;
    errno = 0;
    assert_int_equal(pyn_accept(&listener, &visitor), -1);
    assert_int_equal(errno, EAGAIN);
    assert_string_equal(visitor.text, "");
    assert_false(visitor.has_uid);
    near = dial(listener.address);
    far = accept_from(&listener, peer, sizeof(peer));
    assert_int_equal(getsockname(near, (struct sockaddr *)&here, &len), 0);
    (void)snprintf(wanted, sizeof(wanted), "127.0.0.1:%u", (unsigned)ntohs(here.sin_port));
    assert_string_equal(peer, wanted);
    assert_true(is_cloexec(near) && is_cloexec(far));
    assert_false(is_blocking(near));
    assert_false(is_blocking(far));
    assert_int_equal(option(near, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(far, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(near, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option(near, IPPROTO_TCP, TCP_USER_TIMEOUT), 120000);
    assert_int_equal(option(far, IPPROTO_TCP, TCP_USER_TIMEOUT), 120000);
    assert_int_equal(option(near, IPPROTO_TCP, TCP_KEEPIDLE) +
                         option(near, IPPROTO_TCP, TCP_KEEPINTVL) * option(near, IPPROTO_TCP, TCP_KEEPCNT),
                     120);
    assert_int_equal(option(far, SOL_SOCKET, SO_KEEPALIVE), 1);
    close(near);
    close(far);
    near = dial(listener.address);
    far = accept_from(&listener, peer, 5);
    assert_string_equal(peer, "127.");
    close(near);
    close(far);
    pyn_listener_close(&listener);
}

static void a_port_in_use_is_said_so(void **state)
{
    struct pyn_listener listener = listen_at(at("tcp://127.0.0.1:0"));

    (void)state;
    assert_no_listen(listener.address, "already in use");
    pyn_listener_close(&listener);
}

static void a_port_is_free_again_at_once(void **state)
{
    struct pyn_listener listener = listen_at(at("tcp://127.0.0.1:0"));
    struct pyn_address address = listener.address;
    char peer[64];
    int near = dial(address);
    int far = accept_from(&listener, peer, sizeof(peer));

    (void)state;
    close(far); /* our end closes first and stays in TIME_WAIT */
    close(near);
    pyn_listener_close(&listener);
    listener = listen_at(address);
    assert_int_equal(listener.address.port, address.port);
    pyn_listener_close(&listener);
}

static void beyond_loopback_is_refused_unless_allowed(void **state)
{
    struct pyn_address any = at("tcp://0.0.0.0:0");
    struct pyn_listener listener;
    struct pyn_fault fault = {""};

    (void)state;
    assert_no_listen(any, "plain text beyond loopback");
    assert_no_listen(at("tcp://[::]:0"), "plain text beyond loopback");
    assert_no_listen(at("tcp://192.0.2.1:0"), "plain text beyond loopback");
    assert_no_dial(at("tcp://192.0.2.1:9"), "plain text beyond loopback");
    assert_no_dial(at("tcp://[2001:db8::1]:9"), "plain text beyond loopback");
    assert_no_dial(at("tcp://0.0.0.0:9"), "plain text beyond loopback");
    assert_no_dial(at("tcp://[::ffff:192.0.2.1]:9"), "plain text beyond loopback");
    assert_true(pyn_listen(&any, true, &listener, &fault));
    assert_no_listen(on_fd(listener.fd), "plain text beyond loopback");
    any.port = listener.address.port;
    int fd = pyn_dial(&any, true, 5000 * MILLI, &fault);
    assert_true(fd >= 0);
    close(fd);
    pyn_listener_close(&listener);
}

static void all_of_127_is_loopback(void **state)
{
    struct pyn_listener listener = listen_at(at("tcp://127.9.8.7:0"));

    (void)state;
    bytes_go_both_ways(&listener);
    pyn_listener_close(&listener);
}

static void ipv6_works_where_there_is_any(void **state)
{
    struct pyn_address address = at("tcp://[::1]:0");
    struct pyn_listener listener;
    struct pyn_fault fault = {""};
    char peer[64];

    (void)state;
    if (!pyn_listen(&address, false, &listener, &fault)) {
        skip();
    }
    assert_int_equal(option(listener.fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    bytes_go_both_ways(&listener);
    int near = dial(listener.address);
    int far = accept_from(&listener, peer, sizeof(peer));
    assert_int_equal(strncmp(peer, "[::1]:", 6), 0);
    close(near);
    close(far);
    pyn_listener_close(&listener);
}

static void a_mapped_peer_is_named_by_what_it_maps(void **state)
{
    struct sockaddr_in6 name = {.sin6_family = AF_INET6};
    int off = 0;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    socklen_t len = sizeof(name);
    char peer[64];

    (void)state;
    assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &name.sin6_addr), 1);
    if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0 ||
        bind(fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
        skip();
    }
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    struct pyn_listener listener = listen_at(on_fd(fd));
    struct pyn_address address = at("tcp://[::ffff:127.0.0.1]:1");
    address.port = ntohs(name.sin6_port);
    int near = dial(address);
    int far = accept_from(&listener, peer, sizeof(peer));
    assert_int_equal(strncmp(peer, "127.0.0.1:", 10), 0);
    close(near);
    close(far);
    pyn_listener_close(&listener);
}

static void nobody_listening_is_said_so(void **state)
{
    struct pyn_listener listener = listen_at(at("tcp://127.0.0.1:0"));
    struct pyn_address address = listener.address;

    (void)state;
    pyn_listener_close(&listener);
    assert_no_dial(address, "refused");
    assert_no_dial(at("tcp://127.0.0.1:0"), "port 0");
    assert_no_dial(in_room("nobody"), "No such file");
    assert_no_dial((struct pyn_address){0}, "not an address");
    assert_no_listen((struct pyn_address){0}, "not an address");
}

static void on_alarm(int number)
{
    (void)number;
}

/* Signals every 10 ms, for which no system call is restarted. */
static void set_alarms(bool is_on)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval every = {{0, is_on ? 10000 : 0}, {0, is_on ? 10000 : 0}};

    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
}

static void assert_times_out(struct pyn_address address, uint64_t timeout)
{
    struct pyn_fault fault = {""};
    uint64_t start = now_ns();

    assert_int_equal(pyn_dial(&address, false, timeout, &fault), -1);
    assert_non_null(strstr(fault.text, "timed out"));
    assert_true(now_ns() - start >= timeout);
    assert_true(now_ns() - start < timeout + 2000 * MILLI);
}

/* Connections until the listener's queue is full. */
static size_t fill(struct pyn_address address, int *fds, size_t max)
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

static void dialling_a_full_listener_ends_in_time(struct pyn_address address)
{
    int fds[16];
    size_t count = fill(address, fds, SUPPORT_COUNT(fds));

    assert_times_out(address, 1);
    assert_times_out(address, 150 * MILLI);
    set_alarms(true);
    assert_times_out(address, 150 * MILLI);
    set_alarms(false);
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
}

static void dialling_a_full_tcp_listener_ends_in_time(void **state)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pyn_address address = at("tcp://127.0.0.1:1");

    (void)state;
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    address.port = ntohs(name.sin_port);
    dialling_a_full_listener_ends_in_time(address);
    close(fd);
}

static void dialling_a_full_unix_listener_ends_in_time(void **state)
{
    struct pyn_address address = in_room("full");
    int fd = make_socket_file(address.path, SOCK_STREAM, true);

    (void)state;
    dialling_a_full_listener_ends_in_time(address);
    close(fd);
}

static void a_dialled_unix_socket_keeps_no_send_timeout(void **state)
{
    struct pyn_listener listener = listen_at(in_room("s"));
    struct timeval limit = {1, 1};
    socklen_t len = sizeof(limit);
    int fd = dial(listener.address);

    (void)state;
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &len), 0);
    assert_int_equal(limit.tv_sec, 0);
    assert_int_equal(limit.tv_usec, 0);
    close(fd);
    pyn_listener_close(&listener);
}

static void a_thousand_connections_pass(void **state)
{
    struct pyn_listener listener = listen_at(at("tcp://127.0.0.1:0"));
    char peer[64];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct linger rude = {1, 0};
        int near = dial(listener.address);
        (void)setsockopt(near, SOL_SOCKET, SO_LINGER, &rude, sizeof(rude)); /* half of them reset before they are accepted */
        if (i % 2 == 0) {
            close(near);
        }
        close(accept_from(&listener, peer, sizeof(peer)));
        if (i % 2 != 0) {
            close(near);
        }
    }
    pyn_listener_close(&listener);
}

/* ---- unix ---- */

static void a_unix_socket_is_for_its_owner_and_goes_with_its_listener(void **state)
{
    struct pyn_listener listener = listen_at(in_room("s"));
    struct stat st;
    char peer[64];
    char wanted[64];
    uid_t uid = 0;

    (void)state;
    assert_true(listener.owns_path);
    assert_int_equal(lstat(listener.address.path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(is_cloexec(listener.fd));
    assert_false(is_blocking(listener.fd));
    bytes_go_both_ways(&listener);
    int near = dial(listener.address);
    int far = accept_from(&listener, peer, sizeof(peer));
    assert_true(is_cloexec(near) && is_cloexec(far));
    assert_false(is_blocking(near));
    assert_false(is_blocking(far));
    (void)snprintf(wanted, sizeof(wanted), "unix uid %lu", (unsigned long)geteuid());
    assert_string_equal(peer, wanted);
    assert_true(pyn_peer_uid(far, &uid));
    assert_int_equal(uid, geteuid());
    assert_true(pyn_peer_uid(near, &uid));
    close(near);
    close(far);
    pyn_listener_close(&listener);
    assert_int_equal(lstat(in_room("s").path, &st), -1);
    assert_false(listener.owns_path);
}

static void the_mode_does_not_hang_on_the_umask(void **state)
{
    static const mode_t masks[] = {0, 022, 077, 0177, 0777};
    struct stat st;

    (void)state;
    for (size_t i = 0; i < SUPPORT_COUNT(masks); i++) {
        mode_t before = umask(masks[i]);
        struct pyn_listener listener = listen_at(in_room("s"));
        (void)umask(before);
        assert_int_equal(lstat(listener.address.path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_true(can_connect(listener.address));
        pyn_listener_close(&listener);
    }
}

/* A child looks at the file all the time while it is made and removed 2,000 times: 1 when it ever saw more than 0600, 2 when it saw nothing. */
static void a_unix_socket_has_its_mode_from_the_first_moment(void **state)
{
    struct pyn_address address = in_room("s");
    char end[128];
    mode_t before = umask(0);

    (void)state;
    (void)snprintf(end, sizeof(end), "%s/end", room);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct stat st;
        size_t seen = 0;
        while (access(end, F_OK) != 0) {
            if (lstat(address.path, &st) == 0) {
                seen++;
                if ((st.st_mode & 07777) != 0600) {
                    _exit(1);
                }
            }
        }
        _exit(seen == 0 ? 2 : 0);
    }
    for (int i = 0; i < 2000; i++) {
        struct pyn_listener listener = listen_at(address);
        pyn_listener_close(&listener);
    }
    close(open(end, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    (void)umask(before);
    assert_int_equal(join(child), 0);
}

static void another_user_cannot_connect(void **state)
{
    struct pyn_listener listener;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    listener = listen_at(in_room("s"));
    assert_int_equal(chmod(room, 0755), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = setuid(NOBODY) != 0 ? 0 : pyn_dial(&listener.address, false, 1000 * MILLI, NULL);
        _exit(fd >= 0 ? 1 : 0);
    }
    assert_int_equal(join(child), 0);
    pyn_listener_close(&listener);
}

static void the_other_end_is_who_it_was_when_it_connected(void **state)
{
    struct pyn_listener listener;
    char peer[64];
    uid_t uid = 0;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    listener = listen_at(in_room("s"));
    assert_int_equal(chmod(room, 0755), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = dial(listener.address);
        char byte = 0;
        _exit(setuid(NOBODY) == 0 && pyn_set_blocking(fd, true) && read(fd, &byte, 1) == 1 ? 0 : 1);
    }
    int far = accept_from(&listener, peer, sizeof(peer));
    (void)usleep(50 * 1000);
    assert_true(pyn_peer_uid(far, &uid));
    assert_int_equal(uid, 0);
    assert_int_equal(write(far, "x", 1), 1);
    assert_int_equal(join(child), 0);
    close(far);
    pyn_listener_close(&listener);
}

static void a_dead_socket_is_replaced(void **state)
{
    struct pyn_address address = in_room("s");

    (void)state;
    (void)make_socket_file(address.path, SOCK_STREAM, false);
    assert_no_dial(address, "refused");
    struct pyn_listener listener = listen_at(address);
    bytes_go_both_ways(&listener);
    pyn_listener_close(&listener);
}

static void a_socket_that_is_alive_is_left_alone(void **state)
{
    struct pyn_listener listener = listen_at(in_room("s"));
    struct pyn_address full = in_room("full");
    struct pyn_address datagrams = in_room("datagrams");
    char peer[64];
    int fds[16];
    int fd = make_socket_file(full.path, SOCK_STREAM, true);
    int other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    (void)state;
    assert_no_listen(listener.address, "already in use");
    for (int i = 0; i < 2; i++) {
        close(accept_from(&listener, peer, sizeof(peer))); /* those who only asked whether anybody is there */
    }
    bytes_go_both_ways(&listener);
    size_t count = fill(full, fds, SUPPORT_COUNT(fds));
    assert_no_listen(full, "already in use");
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", datagrams.path);
    assert_int_equal(bind(other, (const struct sockaddr *)&name, sizeof(name)), 0);
    assert_no_listen(datagrams, "already in use");
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
    close(fd);
    close(other);
    pyn_listener_close(&listener);
}

static void what_is_no_socket_is_left_alone(void **state)
{
    struct pyn_address file = in_room("file");
    struct pyn_address link = in_room("link");
    struct pyn_address dangling = in_room("dangling");
    struct pyn_address pipe = in_room("pipe");
    struct pyn_address folder = in_room("folder");
    struct pyn_address target = in_room("target");
    struct stat st;

    (void)state;
    close(open(file.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    (void)make_socket_file(target.path, SOCK_STREAM, false);
    assert_int_equal(symlink(target.path, link.path), 0);
    assert_int_equal(symlink("/nowhere/at/all", dangling.path), 0);
    assert_int_equal(mkfifo(pipe.path, 0600), 0);
    assert_int_equal(mkdir(folder.path, 0700), 0);
    assert_no_listen(file, "not a socket");
    assert_no_listen(link, "symbolic link");
    assert_no_listen(dangling, "symbolic link");
    assert_no_listen(pipe, "not a socket");
    assert_no_listen(folder, "not a socket");
    assert_int_equal(lstat(file.path, &st), 0);
    assert_int_equal(lstat(link.path, &st), 0);
    assert_int_equal(lstat(target.path, &st), 0);
}

static void another_users_dead_socket_is_left_alone(void **state)
{
    struct pyn_address address = in_room("s");

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    (void)make_socket_file(address.path, SOCK_STREAM, false);
    assert_int_equal(lchown(address.path, NOBODY, NOBODY), 0);
    assert_no_listen(address, "another user");
}

static void a_directory_that_is_open_to_all_has_to_be_sticky(void **state)
{
    (void)state;
    assert_int_equal(chmod(room, 0777), 0);
    assert_no_listen(in_room("s"), "not sticky");
    assert_int_equal(chmod(room, 01777), 0);
    struct pyn_listener listener = listen_at(in_room("s"));
    pyn_listener_close(&listener);
    assert_no_listen(in_room("missing/s"), "its directory");
    close(open(in_room("file").path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_no_listen(in_room("file/s"), "its directory");
}

static void a_path_may_be_as_long_as_it_parses(void **state)
{
    (void)state;
    for (size_t len = 106; len <= 107; len++) {
        char name[128] = "";
        struct stat st;
        memset(name, 'n', len - strlen(room) - 1);
        struct pyn_listener listener = listen_at(in_room(name));
        assert_int_equal(strlen(listener.address.path), len);
        assert_int_equal(lstat(listener.address.path, &st), 0);
        bytes_go_both_ways(&listener);
        pyn_listener_close(&listener);
        assert_int_equal(lstat(in_room(name).path, &st), -1);
    }
}

static void closing_leaves_a_file_that_is_not_ours(void **state)
{
    struct pyn_address address = in_room("s");
    struct pyn_listener old = listen_at(address);
    struct stat st;

    (void)state;
    assert_int_equal(unlink(address.path), 0);
    struct pyn_listener new = listen_at(address);
    pyn_listener_close(&old);
    assert_int_equal(lstat(address.path, &st), 0);
    bytes_go_both_ways(&new);
    assert_int_equal(unlink(address.path), 0);
    close(open(address.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    pyn_listener_close(&new);
    assert_int_equal(lstat(address.path, &st), 0);
}

/* Each child begins when the first pipe ends, says whether it got the address, and keeps it until the last pipe ends. */
static void of_servers_that_start_at_once_one_gets_the_address(void **state)
{
    enum { SERVERS = 6, ROUNDS = 100 };
    struct pyn_address address = in_room("s");

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int says[2];
        int ends[2];
        int go[2];
        pid_t children[SERVERS];
        char verdict = 0;
        int winners = 0;
        assert_int_equal(pipe2(says, O_CLOEXEC), 0);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(pipe2(go, O_CLOEXEC), 0);
        (void)make_socket_file(address.path, SOCK_STREAM, false);
        for (int i = 0; i < SERVERS; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0) {
                struct pyn_listener listener;
                close(ends[1]);
                close(go[1]);
                (void)!read(go[0], &verdict, 1);
                bool is_won = pyn_listen(&address, false, &listener, NULL);
                (void)!write(says[1], is_won ? "w" : "l", 1);
                (void)!read(ends[0], &verdict, 1);
                pyn_listener_close(&listener);
                _exit(0);
            }
        }
        close(go[1]);
        close(go[0]);
        for (int i = 0; i < SERVERS; i++) {
            assert_int_equal(read(says[0], &verdict, 1), 1);
            winners += verdict == 'w';
        }
        assert_int_equal(winners, 1);
        assert_true(can_connect(address));
        close(ends[1]);
        for (int i = 0; i < SERVERS; i++) {
            assert_int_equal(join(children[i]), 0);
        }
        close(ends[0]);
        close(says[0]);
        close(says[1]);
        assert_int_equal(access(address.path, F_OK), -1);
    }
}

static void who_holds_the_directorys_lock_cannot_keep_us_out(void **state)
{
    int fd = open(room, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int other = open(room, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t start = now_ns();

    (void)state;
    assert_int_equal(flock(fd, LOCK_EX), 0);
    struct pyn_listener listener = listen_at(in_room("s"));
    assert_true(now_ns() - start < 5000 * MILLI);
    pyn_listener_close(&listener);
    close(fd);
    listener = listen_at(in_room("s"));
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0); /* it is held while the socket is made, no longer */
    close(other);
    pyn_listener_close(&listener);
}

/* ---- fd ---- */

static void a_listening_descriptor_is_taken_over(void **state)
{
    struct pyn_listener maker = listen_at(at("tcp://127.0.0.1:0"));
    int fd = dup(maker.fd);

    (void)state;
    assert_false(is_cloexec(fd));
    assert_true(pyn_set_blocking(fd, true));
    struct pyn_listener listener = listen_at(on_fd(fd));
    assert_int_equal(listener.fd, fd);
    assert_false(listener.owns_path);
    assert_true(is_cloexec(fd));
    assert_false(is_blocking(fd));
    listener.address = maker.address;
    bytes_go_both_ways(&listener);
    pyn_listener_close(&listener);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    pyn_listener_close(&maker);
}

static void what_does_not_listen_is_refused_and_left_open(void **state)
{
    int ends[2];
    int pair[2];
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    int fresh = socket(AF_INET, SOCK_STREAM, 0);
    int file = open("/dev/null", O_RDWR);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_no_listen(on_fd(file), "not a socket");
    assert_no_listen(on_fd(ends[0]), "not a socket");
    assert_no_listen(on_fd(pair[0]), "does not listen");
    assert_no_listen(on_fd(fresh), "does not listen");
    assert_no_listen(on_fd(datagrams), "not a stream socket");
    assert_no_listen(on_fd(1000000), "Bad file descriptor");
    const int fds[] = {file, ends[0], ends[1], pair[0], pair[1], fresh, datagrams};
    for (size_t i = 0; i < SUPPORT_COUNT(fds); i++) {
        assert_false(is_cloexec(fds[i]));
        assert_true(is_blocking(fds[i]));
        close(fds[i]);
    }
}

static void a_connected_descriptor_is_dialled(void **state)
{
    int pair[2];
    uid_t uid = 0;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(dial(on_fd(pair[0])), pair[0]);
    assert_true(is_cloexec(pair[0]));
    assert_false(is_blocking(pair[0])); /* as it was */
    assert_true(pyn_peer_uid(pair[0], &uid));
    assert_int_equal(uid, geteuid());
    close(pair[0]);
    close(pair[1]);
}

static void what_is_not_connected_is_not_dialled(void **state)
{
    struct pyn_listener listener = listen_at(at("tcp://127.0.0.1:0"));
    int ends[2];
    int pair[2];
    int fresh = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_no_dial(on_fd(ends[0]), "not a socket");
    assert_no_dial(on_fd(listener.fd), "socket that listens");
    assert_no_dial(on_fd(fresh), "not connected");
    assert_no_dial(on_fd(pair[0]), "not a stream socket");
    assert_no_dial(on_fd(1000000), "Bad file descriptor");
    const int fds[] = {ends[0], ends[1], pair[0], pair[1], fresh};
    for (size_t i = 0; i < SUPPORT_COUNT(fds); i++) {
        assert_false(is_cloexec(fds[i]));
        close(fds[i]);
    }
    pyn_listener_close(&listener);
}

static void only_unix_sockets_know_their_peer(void **state)
{
    struct pyn_listener listener = listen_at(at("tcp://127.0.0.1:0"));
    int near = dial(listener.address);
    int ends[2];
    uid_t uid = 0;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_false(pyn_peer_uid(near, &uid));
    assert_int_equal(uid, (uid_t)-1);
    assert_false(pyn_peer_uid(ends[0], &uid));
    assert_false(pyn_peer_uid(-1, &uid));
    close(near);
    close(ends[0]);
    close(ends[1]);
    pyn_listener_close(&listener);
}

static void blocking_is_set_and_cleared(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_true(pyn_set_blocking(ends[0], false));
    assert_false(is_blocking(ends[0]));
    assert_true(is_blocking(ends[1]));
    assert_true(pyn_set_blocking(ends[0], true));
    assert_true(is_blocking(ends[0]));
    close(ends[0]);
    close(ends[1]);
    assert_false(pyn_set_blocking(ends[0], true));
}

/* ---- stdio ---- */

/* What the child makes of its standard streams: 0, or the number of what is wrong. */
static int use_stdio(void)
{
    int in = -1;
    int out = -1;
    char got[8] = "";

    if (!pyn_take_stdio(&in, &out, NULL) || in <= 2 || out <= 2 || in == out) {
        return 1;
    }
    if (!is_cloexec(in) || !is_cloexec(out) || is_cloexec(0) || is_cloexec(1)) {
        return 2;
    }
    if (read(0, got, 1) != 0) {
        return 3;
    }
    if (printf("noise") != 5 || fflush(stdout) != 0 || write(1, "-noise", 6) != 6 || system("echo -child; cat") != 0) {
        return 4;
    }
    if (read(in, got, 4) != 4 || memcmp(got, "ping", 4) != 0 || write(out, "pong", 4) != 4) {
        return 5;
    }
    return 0;
}

static void replace(int from, int to)
{
    if (dup2(from, to) < 0) {
        _exit(90);
    }
}

static size_t read_all(int fd, char *out, size_t max)
{
    size_t len = 0;
    ssize_t got = 0;

    while (len < max && (got = read(fd, out + len, max - len)) > 0) {
        len += (size_t)got;
    }
    return len;
}

static void the_standard_streams_are_out_of_reach(void **state)
{
    int in[2];
    int out[2];
    int err[2];
    char got[64] = "";

    (void)state;
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        replace(in[0], 0);
        replace(out[1], 1);
        replace(err[1], 2);
        _exit(use_stdio());
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    assert_int_equal(write(in[1], "ping", 4), 4);
    assert_int_equal(read_all(out[0], got, sizeof(got)), 4);
    assert_memory_equal(got, "pong", 4);
    size_t len = read_all(err[0], got, sizeof(got) - 1);
    got[len] = '\0';
    assert_string_equal(got, "noise-noise-child\n");
    assert_int_equal(join(child), 0);
    close(in[1]);
    close(out[0]);
    close(err[0]);
}

/* In a child, with those of its streams closed whose bits are set: the number of what is wrong. */
static int take_without(unsigned closed, bool is_good)
{
    (void)fflush(NULL);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        struct pyn_fault fault = {""};
        int in = -1;
        int out = -1;
        for (int fd = 0; fd <= 2; fd++) {
            replace(open("/dev/null", O_RDWR | O_CLOEXEC), fd);
        }
        for (int fd = 0; fd <= 2; fd++) {
            if ((closed >> fd & 1) != 0) {
                close(fd);
            }
        }
        if (pyn_take_stdio(&in, &out, &fault) != is_good) {
            _exit(1);
        }
        if (is_good) {
            bool is_whole = in > 2 && out > 2 && fcntl(0, F_GETFD) == 0 && fcntl(1, F_GETFD) == 0 &&
                            fcntl(2, F_GETFD) == 0;
            _exit(is_whole ? 0 : 2);
        }
        unsigned missing = 0;
        for (unsigned fd = 0; fd <= 2; fd++) {
            missing |= fcntl((int)fd, F_GETFD) < 0 ? 1u << fd : 0;
        }
        if (missing != closed) {
            _exit(3);
        }
        _exit(in == -1 && out == -1 && strstr(fault.text, (closed & 1) != 0 ? "stdin" : "stdout") != NULL ? 0 : 4);
    }
    return join(child);
}

static void a_stream_that_is_not_open_is_said_so(void **state)
{
    (void)state;
    assert_int_equal(take_without(0, true), 0);
    assert_int_equal(take_without(1, false), 0);
    assert_int_equal(take_without(2, false), 0);
    assert_int_equal(take_without(3, false), 0);
    assert_int_equal(take_without(7, false), 0);
    assert_int_equal(take_without(4, true), 0); /* /dev/null stands in for stderr */
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_listens_on_a_free_port_and_says_which),
        cmocka_unit_test(connections_have_the_flags_that_the_card_says),
        cmocka_unit_test(a_port_in_use_is_said_so),
        cmocka_unit_test(a_port_is_free_again_at_once),
        cmocka_unit_test(beyond_loopback_is_refused_unless_allowed),
        cmocka_unit_test(all_of_127_is_loopback),
        cmocka_unit_test(ipv6_works_where_there_is_any),
        cmocka_unit_test(a_mapped_peer_is_named_by_what_it_maps),
        IN_ROOM(nobody_listening_is_said_so),
        cmocka_unit_test(dialling_a_full_tcp_listener_ends_in_time),
        IN_ROOM(dialling_a_full_unix_listener_ends_in_time),
        IN_ROOM(a_dialled_unix_socket_keeps_no_send_timeout),
        cmocka_unit_test(a_thousand_connections_pass),
        IN_ROOM(a_unix_socket_is_for_its_owner_and_goes_with_its_listener),
        IN_ROOM(the_mode_does_not_hang_on_the_umask),
        IN_ROOM(a_unix_socket_has_its_mode_from_the_first_moment),
        IN_ROOM(another_user_cannot_connect),
        IN_ROOM(the_other_end_is_who_it_was_when_it_connected),
        IN_ROOM(a_dead_socket_is_replaced),
        IN_ROOM(a_socket_that_is_alive_is_left_alone),
        IN_ROOM(what_is_no_socket_is_left_alone),
        IN_ROOM(another_users_dead_socket_is_left_alone),
        IN_ROOM(a_directory_that_is_open_to_all_has_to_be_sticky),
        IN_ROOM(a_path_may_be_as_long_as_it_parses),
        IN_ROOM(closing_leaves_a_file_that_is_not_ours),
        IN_ROOM(of_servers_that_start_at_once_one_gets_the_address),
        IN_ROOM(who_holds_the_directorys_lock_cannot_keep_us_out),
        cmocka_unit_test(a_listening_descriptor_is_taken_over),
        cmocka_unit_test(what_does_not_listen_is_refused_and_left_open),
        cmocka_unit_test(a_connected_descriptor_is_dialled),
        cmocka_unit_test(what_is_not_connected_is_not_dialled),
        cmocka_unit_test(only_unix_sockets_know_their_peer),
        cmocka_unit_test(blocking_is_set_and_cleared),
        cmocka_unit_test(the_standard_streams_are_out_of_reach),
        cmocka_unit_test(a_stream_that_is_not_open_is_said_so),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
