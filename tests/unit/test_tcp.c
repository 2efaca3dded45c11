/* test_tcp.c - listening and connecting over TCP. */
#define _GNU_SOURCE 1

#include "transport_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>

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
        cmocka_unit_test(a_thousand_connections_pass),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
