/*
 * limit.c - the physical limit: a process that does nothing but the system calls of the same exchange.
 *
 *     limit serve ADDRESS           echoes what comes, on each connection of its own thread
 *     limit client ADDRESS          reads orders as client.py does: {"case": "echo", "count": N, "size": S}
 *
 * ADDRESS: unix:///path or tcp://host:port. Cases: echo (the bytes of an echo call and of its answer), pipelined (100 of them in one write),
 * blob (size bytes there and back, each megabyte out of and into the same memory: new pages cost more than the socket does), connect, clients (echoes of so many threads, each with a connection of its own, for duration seconds).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CALL = 10, ANSWER = 4, BULK = 1 << 20, THREADS_MAX = 64, CALLS_MAX = 1 << 20 };

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static socklen_t parse(const char *text, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (strncmp(text, "unix://", 7) == 0) {
        struct sockaddr_un *address = (struct sockaddr_un *)out;
        address->sun_family = AF_UNIX;
        (void)snprintf(address->sun_path, sizeof address->sun_path, "%s", text + 7);
        return sizeof *address;
    }
    struct sockaddr_in *address = (struct sockaddr_in *)out;
    const char *colon = strrchr(text, ':');
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    return sizeof *address;
}

static void no_delay(int fd)
{
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static bool put(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool get(int fd, char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = recv(fd, data, len, 0);
        if (n <= 0) {
            return false;
        }
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Of any length, out of the same BULK bytes. */
static bool put_all(int fd, const char *room, uint64_t len)
{
    while (len > 0) {
        size_t part = len > BULK ? BULK : len;
        if (!put(fd, room, part)) {
            return false;
        }
        len -= part;
    }
    return true;
}

static bool get_all(int fd, char *room, uint64_t len)
{
    while (len > 0) {
        size_t part = len > BULK ? BULK : len;
        if (!get(fd, room, part)) {
            return false;
        }
        len -= part;
    }
    return true;
}

/* An order: how large a question is, how large its answer, how many of them stand in one write. */
struct order {
    uint64_t question;
    uint64_t answer;
    uint64_t count;
};

static void *attend(void *arg)
{
    int fd = (int)(intptr_t)arg;
    struct order order;
    char *room = malloc(BULK + CALL * 128);

    while (room != NULL && get(fd, (char *)&order, sizeof order)) {
        for (uint64_t i = 0; i < order.count; i++) {
            if (!get_all(fd, room, order.question) || !put_all(fd, room, order.answer)) {
                break;
            }
        }
    }
    free(room);
    (void)close(fd);
    return NULL;
}

static void serve(const char *text)
{
    struct sockaddr_storage address;
    socklen_t len = parse(text, &address);
    int listener = socket(address.ss_family, SOCK_STREAM, 0);
    int one = 1;

    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 512) != 0) {
        die(text);
    }
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            die("accept");
        }
        no_delay(fd);
        if (pthread_create(&thread, NULL, attend, (void *)(intptr_t)fd) != 0) {
            die("thread");
        }
        (void)pthread_detach(thread);
    }
}

static int open_to(const char *text)
{
    struct sockaddr_storage address;
    socklen_t len = parse(text, &address);
    int fd = socket(address.ss_family, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&address, len) != 0) {
        die(text);
    }
    no_delay(fd);
    return fd;
}

static double seconds(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void exchange(int fd, const struct order *order, char *room)
{
    if (!put(fd, (const char *)order, sizeof *order)) {
        die("send");
    }
    for (uint64_t i = 0; i < order->count; i++) {
        if (!put_all(fd, room, order->question) || !get_all(fd, room, order->answer)) {
            die("exchange");
        }
    }
}

static uint64_t number(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10);
}

/* ---- many clients ---- */

struct caller {
    pthread_t thread;
    int fd;
    double duration;
    double seconds;
    float *took; /* microseconds */
    size_t count;
};

static void *call(void *arg)
{
    struct caller *caller = arg;
    const struct order all = {CALL, ANSWER, UINT64_MAX};
    char room[CALL] = {0};
    double began = seconds();
    double until = began + caller->duration;
    double before = began;

    if (!put(caller->fd, (const char *)&all, sizeof all)) {
        die("send");
    }
    for (; before < until && caller->count < CALLS_MAX; caller->count++) {
        before = seconds();
        if (!put(caller->fd, room, CALL) || !get(caller->fd, room, ANSWER)) {
            die("exchange");
        }
        caller->took[caller->count] = (float)((seconds() - before) * 1e6);
    }
    caller->seconds = seconds() - began;
    (void)close(caller->fd);
    return NULL;
}

static void clients(const char *text, uint64_t threads, double duration)
{
    struct caller callers[THREADS_MAX] = {0};
    double longest = 0;

    for (uint64_t i = 0; i < threads; i++) {
        callers[i].fd = open_to(text);
        callers[i].duration = duration;
        callers[i].took = calloc(CALLS_MAX, sizeof(float));
        if (callers[i].took == NULL || pthread_create(&callers[i].thread, NULL, call, &callers[i]) != 0) {
            die("thread");
        }
    }
    for (uint64_t i = 0; i < threads; i++) {
        (void)pthread_join(callers[i].thread, NULL);
        longest = callers[i].seconds > longest ? callers[i].seconds : longest;
    }
    (void)printf("{\"seconds\": %.9f, \"took\": [", longest);
    for (uint64_t i = 0; i < threads; i++) {
        for (size_t j = 0; j < callers[i].count; j++) {
            (void)printf(i + j == 0 ? "%.1f" : ", %.1f", (double)callers[i].took[j]);
        }
        free(callers[i].took);
    }
    (void)puts("]}");
    (void)fflush(stdout);
}

/* ---- one client ---- */

static void client(const char *text)
{
    static char line[512];
    static char room[BULK];
    int fd = open_to(text);

    (void)puts("{\"ready\": [\"echo\", \"pipelined\", \"blob\", \"connect\", \"clients\"]}");
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        uint64_t count = number(line, "\"count\": ");
        uint64_t size = number(line, "\"size\": ");
        struct order order = {CALL, ANSWER, count};
        if (strstr(line, "\"blob\"") != NULL) {
            order = (struct order){size, size, count};
        } else if (strstr(line, "\"pipelined\"") != NULL) {
            order = (struct order){CALL * 100, ANSWER * 100, (count + 99) / 100};
        }
        if (strstr(line, "\"clients\"") != NULL) {
            uint64_t threads = number(line, "\"threads\": ");
            clients(text, threads < THREADS_MAX ? threads : THREADS_MAX, strtod(strstr(line, "\"duration\": ") + 12, NULL));
            continue;
        }
        double began = seconds();
        if (strstr(line, "\"connect\"") != NULL) {
            order.count = 1;
            for (uint64_t i = 0; i < count; i++) {
                int other = open_to(text);
                exchange(other, &order, room);
                (void)close(other);
            }
        } else {
            exchange(fd, &order, room);
        }
        (void)printf("{\"seconds\": %.9f}\n", seconds() - began);
        (void)fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "serve") == 0) {
        serve(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "client") == 0) {
        client(argv[2]);
        return 0;
    }
    (void)fputs("usage: limit serve|client ADDRESS\n", stderr);
    return 2;
}
