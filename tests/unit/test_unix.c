/* test_unix.c - sockets in the file system: their modes, who is at the other end, and what is left alone. */
#define _GNU_SOURCE 1

#include "transport_support.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
