/* limits.c - what the kernel counts for a process. */
#define _GNU_SOURCE 1 /* __rlimit_resource_t */

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sandbox.h"

enum { ARENAS = 2 };

/* Address space that is reserved and not used: an arena of malloc's takes 64 MiB of it, and as much again to be aligned; threads have guard pages. */
static const uint64_t RESERVED = UINT64_C(512) << 20;

/* Pages: of address space, and of memory that is private and written to, as the limits count them; with the stack, so that it is no less. */
static bool measure(uint64_t *space, uint64_t *data)
{
    enum { DATA_FIELD = 5 };
    char text[256] = "";
    char *at = text;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (fd >= 0) {
        (void)close(fd);
    }
    errno = EIO;
    if (n <= 0) {
        return false;
    }
    for (int field = 0; field <= DATA_FIELD; field++) {
        char *end = at;
        *(field == 0 ? space : data) = strtoull(at, &end, 10);
        if (end == at) {
            return false;
        }
        at = end;
    }
    return true;
}

/* Never more than it was. */
static bool lower(int resource, uint64_t value)
{
    struct rlimit now;
    struct rlimit limit = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};

    if (getrlimit((__rlimit_resource_t)resource, &now) != 0) {
        return false;
    }
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max = now.rlim_max;
    }
    return setrlimit((__rlimit_resource_t)resource, &limit) == 0;
}

bool pyn_limits_set(const struct pyn_sandbox *sandbox)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t space = 0;
    uint64_t data = 0;

    if (!measure(&space, &data)) {
        return false;
    }
#ifdef M_ARENA_MAX
    (void)mallopt(M_ARENA_MAX, ARENAS);
#endif
    return lower(RLIMIT_CORE, 0) && lower(RLIMIT_FSIZE, sandbox->writes.count > 0 ? sandbox->file_max : 0) &&
           lower(RLIMIT_MSGQUEUE, 0) && lower(RLIMIT_NOFILE, sandbox->descriptor_max) &&
           lower(RLIMIT_DATA, data * page + sandbox->memory_max) &&
           lower(RLIMIT_AS, space * page + sandbox->memory_max + RESERVED);
}
