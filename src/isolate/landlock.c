/* landlock.c - which files may be opened, by raw system calls: the library that we are built with may not know of it. */
#define _GNU_SOURCE 1 /* O_PATH */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

/* The same numbers on all architectures. */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446, VERSION_FLAG = 1, RULE_PATH_BENEATH = 1 };

struct ruleset {
    uint64_t files;
    uint64_t network; /* from version 4 */
    uint64_t scoped;  /* from version 6 */
};

struct path_beneath {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

#define RIGHT(n) (UINT64_C(1) << (n))

static const uint64_t EXECUTE = RIGHT(0);
static const uint64_t WRITE_FILE = RIGHT(1);
static const uint64_t READ_FILE = RIGHT(2);
static const uint64_t READ_DIR = RIGHT(3);
static const uint64_t REMOVE_DIR = RIGHT(4);
static const uint64_t REMOVE_FILE = RIGHT(5);
static const uint64_t MAKE_DIR = RIGHT(7);
static const uint64_t MAKE_REG = RIGHT(8);
static const uint64_t REFER = RIGHT(13);    /* version 2 */
static const uint64_t TRUNCATE = RIGHT(14); /* version 3 */

/* How many rights over files each version has: what a version does not know it does not restrict. */
static uint64_t rights_of(long version)
{
    static const unsigned counts[] = {0, 13, 14, 15, 15, 16};
    const size_t known = sizeof counts / sizeof counts[0] - 1;

    return RIGHT(counts[(size_t)version < known ? (size_t)version : known]) - 1;
}

static size_t size_of(long version)
{
    return version < 4 ? sizeof(uint64_t) : version < 6 ? 2 * sizeof(uint64_t) : sizeof(struct ruleset);
}

static bool allow(int ruleset, const char *path, uint64_t rights)
{
    const uint64_t of_files = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE;
    struct path_beneath rule = {.allowed = rights};
    struct stat st;
    bool is_done = false;
    int error = 0;

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0) {
        return false;
    }
    if (fstat(rule.parent_fd, &st) == 0) {
        if (!S_ISDIR(st.st_mode)) {
            rule.allowed &= of_files;
        }
        is_done = syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) == 0;
    }
    error = errno;
    (void)close(rule.parent_fd);
    errno = error;
    return is_done;
}

static bool allow_all(int ruleset, const struct pyn_sandbox *sandbox, uint64_t handled, struct pyn_fault *fault)
{
    const uint64_t reading = READ_FILE | READ_DIR;
    const uint64_t writing = reading | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE;

    for (size_t i = 0; i < sandbox->reads.count; i++) {
        if (!allow(ruleset, sandbox->reads.paths[i], reading & handled) && errno != ENOENT && errno != ENOTDIR) {
            return false;
        }
    }
    for (size_t i = 0; i < sandbox->writes.count; i++) {
        if (!allow(ruleset, sandbox->writes.paths[i], writing & handled)) {
            (void)snprintf(fault->text, sizeof fault->text, "the sandbox cannot be closed: %s: %s",
                           sandbox->writes.paths[i], strerror(errno));
            return false;
        }
    }
    return true;
}

bool pyn_landlock_restrict(const struct pyn_sandbox *sandbox, struct pyn_fault *fault)
{
    const long version = syscall(CREATE_RULESET, NULL, 0, VERSION_FLAG);
    struct ruleset attributes = {.network = sandbox->may_connect ? 0 : 3, .scoped = 3};
    bool is_done = false;
    int ruleset = -1;

    if (version < 1) {
        return false;
    }
    attributes.files = rights_of(version);
    if (sandbox->may_connect) {
        attributes.scoped = 2; /* signals to others; sockets with abstract names are as good as others then */
    }
    ruleset = (int)syscall(CREATE_RULESET, &attributes, size_of(version), 0);
    if (ruleset < 0) {
        return false;
    }
    is_done = allow_all(ruleset, sandbox, attributes.files, fault) && syscall(RESTRICT_SELF, ruleset, 0) == 0;
    (void)close(ruleset);
    return is_done;
}
