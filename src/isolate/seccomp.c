/* seccomp.c - which system calls may be made: a list, some of it only with these arguments; what is not in it fails with EPERM. */
#define _GNU_SOURCE 1 /* the flags of clone() */

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "sandbox.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#define OUR_ARCH 0 /* no table for it: there is no filter, and without it nothing is served */
#endif

enum {
    STEPS_MAX = 1024,
    CONDITIONS_MAX = 3,
    KNOWN_MAX = 450, /* the newest call that this table has been looked through for; newer ones are not there */
    FIRST_OF_X32 = 0x40000000 /* the same calls by other numbers, with pointers of 32 bits */
};

/* ---- the calls ---- */

/* Whatever their arguments. They reach nothing that is not open already. */
static const int usual[] = {
    SYS_read,
    SYS_write,
    SYS_close,
    SYS_futex,
    SYS_epoll_pwait,
    SYS_epoll_ctl,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_clock_gettime,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_rt_sigreturn,
    SYS_munmap,
    SYS_brk,
    SYS_mremap,
    SYS_madvise,
    SYS_msync,
    SYS_mlock,
    SYS_munlock,
    SYS_pread64,
    SYS_pwrite64,
    SYS_readv,
    SYS_writev,
    SYS_preadv,
    SYS_pwritev,
    SYS_lseek,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_statfs,
    SYS_fstatfs,
    SYS_faccessat,
    SYS_readlinkat,
    SYS_getcwd,
    SYS_chdir,
    SYS_fchdir,
    SYS_getdents64,
    SYS_dup,
    SYS_dup3,
    SYS_pipe2,
    SYS_ppoll,
    SYS_pselect6,
    SYS_epoll_create1,
    SYS_eventfd2,
    SYS_fadvise64,
    SYS_flock,
    SYS_sendfile,
    SYS_close_range,
    SYS_getsockname,
    SYS_getpeername,
    SYS_getsockopt,
    SYS_shutdown,
    SYS_rt_sigpending,
    SYS_rt_sigsuspend,
    SYS_rt_sigtimedwait,
    SYS_sigaltstack,
    SYS_exit,
    SYS_exit_group,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_gettid,
    SYS_getpid,
    SYS_getppid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getgroups,
    SYS_getresuid,
    SYS_getresgid,
    SYS_getpgid,
    SYS_getsid,
    SYS_umask,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_getpriority,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_times,
    SYS_getrusage,
    SYS_setitimer,
    SYS_getitimer,
    SYS_sysinfo,
    SYS_uname,
    SYS_getrandom,
    SYS_getcpu,
    SYS_membarrier,
    SYS_restart_syscall,
    SYS_wait4,
    SYS_waitid,
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
#ifdef __x86_64__ /* older names of the same */
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_getdents,
    SYS_dup2,
    SYS_pipe,
    SYS_poll,
    SYS_select,
    SYS_epoll_wait,
    SYS_epoll_create,
    SYS_eventfd,
    SYS_getpgrp,
    SYS_time,
    SYS_alarm,
    SYS_pause,
#endif
};

/* Where something may be written to. */
static const int writing[] = {
    SYS_openat,    SYS_unlinkat,  SYS_renameat2, SYS_mkdirat,   SYS_ftruncate, SYS_truncate, SYS_fsync,
    SYS_fdatasync, SYS_fallocate, SYS_fchmod,    SYS_utimensat,
#ifdef __x86_64__
    SYS_open,      SYS_creat,     SYS_unlink,    SYS_rename,    SYS_renameat,  SYS_mkdir,    SYS_rmdir,
#endif
};

static const int networking[] = {SYS_connect, SYS_bind,   SYS_listen,    SYS_accept,
                                 SYS_accept4, SYS_sendto, SYS_setsockopt};

struct condition {
    unsigned argument;
    uint32_t mask;   /* of its lower half: what these calls look at is no longer */
    uint32_t value;  /* what has to be there */
    bool is_pointer; /* then the upper half has to be zero as well */
};

struct rule {
    int call;
    unsigned count;
    struct condition conditions[CONDITIONS_MAX];
};

#define ALL 0xffffffffu
#define WHEN(call, ...)                                                                                                \
    {                                                                                                                  \
        call, sizeof((struct condition[]){__VA_ARGS__}) / sizeof(struct condition),                                    \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define IS(argument, value)                                                                                            \
    {                                                                                                                  \
        argument, ALL, (uint32_t)(value), false                                                                        \
    }
#define MASKED(argument, mask, value)                                                                                  \
    {                                                                                                                  \
        argument, (uint32_t)(mask), (uint32_t)(value), false                                                           \
    }
#define IS_NULL(argument)                                                                                              \
    {                                                                                                                  \
        argument, ALL, 0, true                                                                                         \
    }

#define NAMESPACES                                                                                                     \
    (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | 0x02000000 /* cgroup */)
#define OF_THREADS (CLONE_THREAD | CLONE_VM | CLONE_SIGHAND)
#define CHANGING (O_ACCMODE | O_CREAT | O_TRUNC)

enum { TYPE_MASK = 0xf, OFD_GETLK = 36, OFD_SETLKW = 38 };

static const struct rule with_arguments[] = {
    WHEN(SYS_clone, MASKED(0, OF_THREADS | NAMESPACES, OF_THREADS)), /* threads, and no process */
    WHEN(SYS_openat, MASKED(2, CHANGING, 0)),
#ifdef __x86_64__
    WHEN(SYS_open, MASKED(1, CHANGING, 0)),
#endif
    /* Code comes from files, and is not written to. */
    WHEN(SYS_mmap, MASKED(2, PROT_EXEC, 0)),
    WHEN(SYS_mmap, MASKED(2, PROT_EXEC | PROT_WRITE, PROT_EXEC), MASKED(3, MAP_ANONYMOUS, 0)),
    WHEN(SYS_mprotect, MASKED(2, PROT_EXEC, 0)),
    /* Not who gets a signal when something can be read: F_SETOWN would reach others. */
    WHEN(SYS_fcntl, IS(1, F_DUPFD)),
    WHEN(SYS_fcntl, IS(1, F_DUPFD_CLOEXEC)),
    WHEN(SYS_fcntl, IS(1, F_GETFD)),
    WHEN(SYS_fcntl, IS(1, F_SETFD)),
    WHEN(SYS_fcntl, IS(1, F_GETFL)),
    WHEN(SYS_fcntl, IS(1, F_SETFL)),
    WHEN(SYS_fcntl, IS(1, F_GETLK)),
    WHEN(SYS_fcntl, IS(1, F_SETLK)),
    WHEN(SYS_fcntl, IS(1, F_SETLKW)),
    WHEN(SYS_fcntl, IS(1, OFD_GETLK)),
    WHEN(SYS_fcntl, IS(1, OFD_GETLK + 1)),
    WHEN(SYS_fcntl, IS(1, OFD_SETLKW)),
    /* Nothing that types into a terminal. */
    WHEN(SYS_ioctl, IS(1, FIONREAD)),
    WHEN(SYS_ioctl, IS(1, FIONBIO)),
    WHEN(SYS_ioctl, IS(1, FIOCLEX)),
    WHEN(SYS_ioctl, IS(1, FIONCLEX)),
    WHEN(SYS_ioctl, IS(1, TCGETS)),
    WHEN(SYS_ioctl, IS(1, TIOCGWINSZ)),
    WHEN(SYS_prctl, IS(0, PR_SET_NAME)),
    WHEN(SYS_prctl, IS(0, PR_GET_NAME)),
    WHEN(SYS_prlimit64, IS(0, 0), IS_NULL(2)), /* looking at its own */
    /* Pairs lead nowhere else; datagrams could be sent on to others. */
    WHEN(SYS_socketpair, IS(0, AF_UNIX), MASKED(1, TYPE_MASK, SOCK_STREAM)),
    WHEN(SYS_socketpair, IS(0, AF_UNIX), MASKED(1, TYPE_MASK, SOCK_SEQPACKET)),
    WHEN(SYS_sendto, IS_NULL(4)),
    WHEN(SYS_setsockopt, IS(1, SOL_SOCKET), IS(2, SO_RCVLOWAT)),
    WHEN(SYS_setsockopt, IS(1, SOL_SOCKET), IS(2, SO_RCVBUF)),
    WHEN(SYS_setsockopt, IS(1, SOL_SOCKET), IS(2, SO_SNDBUF)),
    WHEN(SYS_setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)),
    WHEN(SYS_setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_QUICKACK)),
};

static const struct rule sockets[] = {
    WHEN(SYS_socket, IS(0, AF_INET)),
    WHEN(SYS_socket, IS(0, AF_INET6)),
    WHEN(SYS_socket, IS(0, AF_UNIX)),
};

/* ---- the program ---- */

struct program {
    struct sock_filter steps[STEPS_MAX];
    unsigned short count;
    bool is_full;
};

static void put(struct program *program, unsigned code, unsigned yes, unsigned no, uint32_t value)
{
    if (program->count == STEPS_MAX) {
        program->is_full = true;
        return;
    }
    program->steps[program->count++] = (struct sock_filter){
        .code = (uint16_t)code, .jt = (uint8_t)yes, .jf = (uint8_t)no, .k = value};
}

static void load(struct program *program, size_t offset)
{
    put(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void finish(struct program *program, uint32_t verdict)
{
    put(program, BPF_RET | BPF_K, 0, 0, verdict);
}

static void begin(struct program *program)
{
    load(program, offsetof(struct seccomp_data, arch));
    put(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, OUR_ARCH);
    finish(program, SECCOMP_RET_KILL_PROCESS);
    load(program, offsetof(struct seccomp_data, nr));
    put(program, BPF_JMP | BPF_JGE | BPF_K, 0, 1, FIRST_OF_X32);
    finish(program, SECCOMP_RET_KILL_PROCESS);
}

/* With the number of the call loaded. */
static void allow(struct program *program, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)calls[i]);
        finish(program, SECCOMP_RET_ALLOW);
    }
}

/* How many steps one takes. */
static unsigned steps_of(const struct condition *condition)
{
    return (condition->mask != ALL ? 3u : 2u) + (condition->is_pointer ? 2u : 0u);
}

static void allow_when(struct program *program, const struct rule *rule)
{
    unsigned left = 1; /* behind what is being put: the verdict */

    for (unsigned i = 0; i < rule->count; i++) {
        left += steps_of(&rule->conditions[i]);
    }
    load(program, offsetof(struct seccomp_data, nr));
    put(program, BPF_JMP | BPF_JEQ | BPF_K, 0, left, (uint32_t)rule->call);
    for (unsigned i = 0; i < rule->count; i++) {
        const struct condition *condition = &rule->conditions[i];
        const size_t at = offsetof(struct seccomp_data, args) + condition->argument * sizeof(uint64_t);
        left -= steps_of(condition);
        if (condition->is_pointer) {
            load(program, at + sizeof(uint32_t)); /* both architectures are little-endian */
            put(program, BPF_JMP | BPF_JEQ | BPF_K, 0, left + 2, 0);
        }
        load(program, at);
        if (condition->mask != ALL) {
            put(program, BPF_ALU | BPF_AND | BPF_K, 0, 0, condition->mask);
        }
        put(program, BPF_JMP | BPF_JEQ | BPF_K, 0, left, condition->value);
    }
    finish(program, SECCOMP_RET_ALLOW);
}

static void allow_all_when(struct program *program, const struct rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        allow_when(program, &rules[i]);
    }
}

/* To itself: its number is known here, and nobody else's is in the list. */
static void allow_signals(struct program *program)
{
    const struct rule to_itself[] = {WHEN(SYS_kill, IS(0, getpid())), WHEN(SYS_tgkill, IS(0, getpid()))};

    allow_all_when(program, to_itself, sizeof to_itself / sizeof to_itself[0]);
}

/* The C library does without what it is told that there is not. */
static void end(struct program *program)
{
    load(program, offsetof(struct seccomp_data, nr));
    put(program, BPF_JMP | BPF_JGT | BPF_K, 1, 0, KNOWN_MAX);
    put(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 435 /* clone3: its flags stand in memory */);
    finish(program, SECCOMP_RET_ERRNO | ENOSYS);
    finish(program, SECCOMP_RET_ERRNO | EPERM);
}

static bool build(const struct pyn_sandbox *sandbox, struct program *program)
{
    *program = (struct program){.count = 0};
    begin(program);
    allow(program, usual, sizeof usual / sizeof usual[0]);
    if (sandbox->writes.count > 0) {
        allow(program, writing, sizeof writing / sizeof writing[0]);
    }
    if (sandbox->may_connect) {
        allow(program, networking, sizeof networking / sizeof networking[0]);
        allow_all_when(program, sockets, sizeof sockets / sizeof sockets[0]);
    }
    allow_all_when(program, with_arguments, sizeof with_arguments / sizeof with_arguments[0]);
    allow_signals(program);
    end(program);
    return !program->is_full;
}

bool pyn_seccomp_restrict(const struct pyn_sandbox *sandbox)
{
    struct program program;
    struct sock_fprog filter = {.filter = program.steps};

    if (OUR_ARCH == 0 || !build(sandbox, &program)) {
        errno = ENOSYS;
        return false;
    }
    filter.len = program.count;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}
