/*
 * sandbox.h - what a worker process gives up before it serves anybody, and never gets back.
 *
 * Parts, each by itself: limits of the kernel for memory, files and descriptors; capabilities; no new privileges; no reading of its memory by others;
 * Landlock, which files it may open; seccomp, which system calls it may make. What is in none of their lists is refused.
 *
 * Owns:     nothing; what is given up is the process's.
 * Borrows:  the paths, for the one call.
 * Units:    bytes, counts.
 * Errors:   false, with one line for a person in *fault: the process may have given up some parts by then, and is to end.
 * Threads:  called by the only thread of a process: those that it starts later inherit all of it.
 * Tests:    tests/unit/test_sandbox.c, tests/attack/test_isolation.py
 */
#ifndef PYN_SANDBOX_H
#define PYN_SANDBOX_H

#include "../transport/transport.h"

struct pyn_paths {
    const char *const *paths;
    size_t count;
};

struct pyn_sandbox {
    struct pyn_paths reads;  /* files and folders that may be read; what is not there is left out */
    struct pyn_paths writes; /* that may be written to as well, created in and removed from; each has to be there */
    bool may_connect;        /* sockets of its own: IP and Unix */
    bool is_best_effort;     /* what the kernel does not have is done without */
    uint64_t memory_max;     /* bytes beyond what it has now */
    uint64_t file_max;       /* bytes of a file that it writes; without writes it is 0 */
    uint32_t descriptor_max;
};

enum pyn_sandbox_part {
    PYN_PART_LIMITS = 1u << 0,
    PYN_PART_CAPABILITIES = 1u << 1,
    PYN_PART_DUMPABLE = 1u << 2,
    PYN_PART_PRIVILEGES = 1u << 3,
    PYN_PART_LANDLOCK = 1u << 4,
    PYN_PART_SECCOMP = 1u << 5,
    PYN_PART_ALL = (1u << 6) - 1,
};

/* For the log: "landlock". part: one bit. */
const char *pyn_sandbox_part_name(unsigned part);

/* *parts: those that are on; all of them unless it is best effort. */
bool pyn_sandbox_enter(const struct pyn_sandbox *sandbox, unsigned *parts, struct pyn_fault *fault);

/* This process ends when the one of that number does, which has forked it off. False: it is gone already. Of the thread that forked. */
bool pyn_sandbox_follow(pid_t parent);

/* Nobody without privileges may read its memory, and it leaves no core. */
bool pyn_sandbox_hide(void);

/* ---- the parts; false with errno ---- */

bool pyn_limits_set(const struct pyn_sandbox *sandbox);
bool pyn_landlock_restrict(const struct pyn_sandbox *sandbox, struct pyn_fault *fault);
bool pyn_seccomp_restrict(const struct pyn_sandbox *sandbox);

#endif
