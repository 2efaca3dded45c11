/*
 * stdio.c - the standard streams as a connection, out of the reach of print() and input().
 */
#define _GNU_SOURCE 1

#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FIRST_FREE = 3 }; /* 0, 1 and 2 are never used for anything else */

bool pyn_set_blocking(int fd, bool is_blocking)
{
    int flags = fcntl(fd, F_GETFL);
    int wanted = is_blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;

    return flags >= 0 && (flags == wanted || fcntl(fd, F_SETFL, wanted) == 0);
}

void pyn_close_both(int in, int out)
{
    if (out >= 0 && out != in) {
        (void)close(out);
    }
    if (in >= 0) {
        (void)close(in);
    }
}

static bool fail(struct pyn_fault *fault, const char *what)
{
    if (fault != NULL) {
        (void)snprintf(fault->text, sizeof(fault->text), "cannot use stdin and stdout as a connection: %s", what);
    }
    return false;
}

static void close_open(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

/* The place behind to becomes a copy of from, which a child inherits. */
static bool put(int from, int to)
{
    int result = -1;

    do {
        result = dup2(from, to);
    } while (result < 0 && (errno == EINTR || errno == EBUSY));
    return result >= 0;
}

static int open_null(void)
{
    int low = -1;
    int fd = -1;

    do {
        low = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (low < 0 && errno == EINTR);
    if (low < 0 || low >= FIRST_FREE) {
        return low;
    }
    fd = fcntl(low, F_DUPFD_CLOEXEC, FIRST_FREE);
    close(low);
    return fd;
}

bool pyn_take_stdio(int *in, int *out, struct pyn_fault *fault)
{
    int from = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, FIRST_FREE);
    int to = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, FIRST_FREE);
    int null = from >= 0 && to >= 0 ? open_null() : -1;
    bool is_done = false;

    *in = -1;
    *out = -1;
    if (from < 0 || to < 0) {
        (void)fail(fault, from < 0 ? "stdin is not open" : "stdout is not open");
        goto out;
    }
    if (null < 0) {
        (void)fail(fault, "/dev/null cannot be opened");
        goto out;
    }
    if (fcntl(STDERR_FILENO, F_GETFD) < 0 && !put(null, STDERR_FILENO)) {
        (void)fail(fault, "stderr is not open");
        goto out;
    }
    if (!put(null, STDIN_FILENO) || !put(STDERR_FILENO, STDOUT_FILENO)) {
        (void)put(from, STDIN_FILENO);
        (void)fail(fault, "their places cannot be filled");
        goto out;
    }
    *in = from;
    *out = to;
    from = to = -1; /* moved */
    is_done = true;
out:
    close_open(null);
    close_open(from);
    close_open(to);
    return is_done;
}
