/* test_descriptors.c - descriptors that are ours already: sockets that were handed over, and the standard streams. */
#define _GNU_SOURCE 1

#include "transport_support.h"

#include <signal.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listening_descriptor_is_taken_over),
        cmocka_unit_test(what_does_not_listen_is_refused_and_left_open),
        cmocka_unit_test(only_unix_sockets_know_their_peer),
        cmocka_unit_test(blocking_is_set_and_cleared),
        cmocka_unit_test(the_standard_streams_are_out_of_reach),
        cmocka_unit_test(a_stream_that_is_not_open_is_said_so),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
