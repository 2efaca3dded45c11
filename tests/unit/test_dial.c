/* test_dial.c - who is dialled, how long that may take, and what is said when it fails. */
#define _GNU_SOURCE 1

#include "transport_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/time.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ROOM(nobody_listening_is_said_so),
        cmocka_unit_test(dialling_a_full_tcp_listener_ends_in_time),
        IN_ROOM(dialling_a_full_unix_listener_ends_in_time),
        IN_ROOM(a_dialled_unix_socket_keeps_no_send_timeout),
        cmocka_unit_test(a_connected_descriptor_is_dialled),
        cmocka_unit_test(what_is_not_connected_is_not_dialled),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
