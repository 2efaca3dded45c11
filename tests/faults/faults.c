/*
 * faults.c - lets what the product asks of the C library and of the interpreter's allocators fail: the n-th time, or from then on.
 *
 * Loaded by a test into a process that has imported the extension. It puts functions of its own into the places where the extension, and the libraries
 * under it, look for those of the C library: nobody else's calls are touched, and a sanitizer's stand behind them. What is to fail is said in a page
 * that the test shares with the process (rig.py).
 *
 * Owns:    the hooks, for the life of the process.
 * Threads: any.
 * Tests:   test_faults.py and the others here; nothing of it is part of the product
 */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum kind { NOTHING = 0, MEMORY, PYTHON, CALLS, BYTES_OUT, BYTES_IN };
enum { SHORT = -1 };

/* As rig.py has it. */
struct page {
    atomic_long kind;
    atomic_long error; /* an errno; SHORT: one byte goes through */
    atomic_long mask;  /* of which functions, by their place in hooks[] */
    atomic_long at;    /* so many are let through, or so many bytes */
    atomic_long times; /* so many fail then */
    atomic_long seen;
    atomic_long failed;
    atomic_long live; /* blocks that the product has of the C library */
    atomic_long last; /* the place in hooks[] of what failed last */
};

static struct page *page;
static bool is_told; /* where it fails: for who looks for the reason of a test's failure */

static bool strikes(enum kind kind, long which)
{
    long n = 0;

    if (page == NULL || atomic_load(&page->kind) != (long)kind ||
        (kind == CALLS && (atomic_load(&page->mask) >> which & 1) == 0)) {
        return false;
    }
    n = atomic_fetch_add(&page->seen, 1) - atomic_load(&page->at);
    if (n < 0 || n >= atomic_load(&page->times)) {
        return false;
    }
    atomic_fetch_add(&page->failed, 1);
    atomic_store(&page->last, which);
    if (is_told) {
        void *places[32];
        backtrace_symbols_fd(places, backtrace(places, 32), STDERR_FILENO);
    }
    return true;
}

/* ---- blocks ---- */

static void *counted(void *block)
{
    if (block != NULL) {
        atomic_fetch_add(&page->live, 1);
    }
    return block;
}

static void *exhausted(void)
{
    errno = ENOMEM;
    return NULL;
}

static void *a_malloc(size_t size)
{
    return strikes(MEMORY, 0) ? exhausted() : counted(malloc(size));
}

static void *a_calloc(size_t count, size_t size)
{
    return strikes(MEMORY, 1) ? exhausted() : counted(calloc(count, size));
}

static void *a_realloc(void *block, size_t size)
{
    void *made = NULL;

    if (strikes(MEMORY, 2)) {
        return exhausted();
    }
    made = realloc(block, size);
    return block == NULL ? counted(made) : made; /* a size of 0 does not come: see src/wire/mem.c */
}

static char *a_strndup(const char *text, size_t max)
{
    return strikes(MEMORY, 3) ? exhausted() : counted(strndup(text, max));
}

static void a_free(void *block)
{
    if (block != NULL) {
        atomic_fetch_sub(&page->live, 1);
    }
    free(block);
}

/* ---- calls of the system ---- */

/* What is watched, by its descriptor. */
static struct watched {
    int epoll;
    struct epoll_event event;
} watched[256];

/* A kernel that has answered EAGAIN tells when that is over; here it is over at once. */
static void tell_again(int fd)
{
    if (fd >= 0 && fd < 256 && watched[fd].epoll > 0) {
        (void)epoll_ctl(watched[fd].epoll, EPOLL_CTL_MOD, fd, &watched[fd].event);
    }
}

static bool fails(long which)
{
    if (!strikes(CALLS, which)) {
        return false;
    }
    errno = (int)atomic_load(&page->error);
    return true;
}

/* How much may go through, and 0 when it fails. What is said of a stream that has ended is true of it from then on. */
static size_t admitted(long which, int fd, size_t len)
{
    int error = 0;

    if (!strikes(CALLS, which)) {
        return len;
    }
    error = (int)atomic_load(&page->error);
    if (error == EPIPE || error == ECONNRESET) {
        (void)shutdown(fd, SHUT_RDWR);
    }
    if (error == EAGAIN || error == SHORT) {
        tell_again(fd);
    }
    errno = error;
    return error == SHORT && len > 0 ? 1 : 0;
}

/* The same of a stream that is cut behind so many bytes. */
static bool is_cut(enum kind kind, int fd, size_t *len)
{
    long left = 0;

    if (atomic_load(&page->kind) != (long)kind) {
        return false;
    }
    left = atomic_load(&page->at) - atomic_load(&page->seen);
    if (left <= 0) {
        atomic_fetch_add(&page->failed, 1);
        (void)shutdown(fd, SHUT_RDWR);
        return true;
    }
    *len = *len < (size_t)left ? *len : (size_t)left;
    return false;
}

static ssize_t passed(enum kind kind, ssize_t n)
{
    if (n > 0 && atomic_load(&page->kind) == (long)kind) {
        atomic_fetch_add(&page->seen, n);
    }
    return n;
}

static ssize_t a_recv(int fd, void *data, size_t len, int flags)
{
    ssize_t n = 0;

    len = admitted(0, fd, len);
    if (len == 0) {
        return -1;
    }
    if (is_cut(BYTES_IN, fd, &len)) {
        return 0;
    }
    n = passed(BYTES_IN, recv(fd, data, len, flags));
    (void)is_cut(BYTES_IN, fd, &len); /* the end is told, as what comes is */
    return n;
}

static ssize_t a_read(int fd, void *data, size_t len)
{
    len = admitted(1, fd, len);
    return len == 0 ? -1 : read(fd, data, len);
}

enum { PARTS_MAX = 16 };

static size_t len_of(const struct msghdr *message)
{
    size_t len = 0;

    for (size_t i = 0; i < message->msg_iovlen; i++) {
        len += message->msg_iov[i].iov_len;
    }
    return len;
}

/* The first len bytes of it, in these parts. */
static struct msghdr first_of(const struct msghdr *message, size_t len, struct iovec parts[PARTS_MAX])
{
    struct msghdr shorter = {.msg_iov = parts};

    for (size_t i = 0; i < message->msg_iovlen && i < PARTS_MAX && len > 0; i++) {
        parts[i] = message->msg_iov[i];
        parts[i].iov_len = parts[i].iov_len < len ? parts[i].iov_len : len;
        len -= parts[i].iov_len;
        shorter.msg_iovlen++;
    }
    return shorter;
}

/* With room for descriptors it is a message between processes, and comes as a whole; else it is a part of a stream. */
static ssize_t a_recvmsg(int fd, struct msghdr *message, int flags)
{
    struct iovec parts[PARTS_MAX];
    struct msghdr shorter;
    size_t len = len_of(message);
    ssize_t n = 0;

    if (message->msg_controllen > 0) {
        return fails(2) ? -1 : recvmsg(fd, message, flags);
    }
    len = admitted(2, fd, len);
    if (len == 0) {
        return -1;
    }
    if (is_cut(BYTES_IN, fd, &len)) {
        return 0;
    }
    shorter = first_of(message, len, parts);
    n = passed(BYTES_IN, recvmsg(fd, &shorter, flags));
    (void)is_cut(BYTES_IN, fd, &len);
    return n;
}

static ssize_t a_send(int fd, const void *data, size_t len, int flags)
{
    len = admitted(3, fd, len);
    if (len == 0) {
        return -1;
    }
    if (is_cut(BYTES_OUT, fd, &len)) {
        errno = EPIPE;
        return -1;
    }
    return passed(BYTES_OUT, send(fd, data, len, flags));
}

static ssize_t a_write(int fd, const void *data, size_t len)
{
    len = admitted(4, fd, len);
    return len == 0 ? -1 : write(fd, data, len);
}

/* Likewise. */
static ssize_t a_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec parts[PARTS_MAX];
    struct msghdr shorter;
    size_t len = len_of(message);

    if (message->msg_controllen > 0) {
        return fails(5) ? -1 : sendmsg(fd, message, flags);
    }
    len = admitted(5, fd, len);
    if (len == 0) {
        return -1;
    }
    if (is_cut(BYTES_OUT, fd, &len)) {
        errno = EPIPE;
        return -1;
    }
    shorter = first_of(message, len, parts);
    return passed(BYTES_OUT, sendmsg(fd, &shorter, flags));
}

static int a_accept4(int fd, struct sockaddr *from, socklen_t *len, int flags)
{
    return fails(6) ? -1 : accept4(fd, from, len, flags);
}

static int a_epoll_wait(int fd, struct epoll_event *events, int max, int ms)
{
    return fails(7) ? -1 : epoll_wait(fd, events, max, ms);
}

static int a_epoll_ctl(int fd, int what, int of, struct epoll_event *event)
{
    if (what == EPOLL_CTL_ADD && fails(8)) { /* the kernel needs memory for it, and for no other */
        return -1;
    }
    if (what == EPOLL_CTL_ADD && of < 256) {
        watched[of] = (struct watched){fd, *event};
    }
    return epoll_ctl(fd, what, of, event);
}

static int a_poll(struct pollfd *fds, nfds_t count, int ms)
{
    return fails(9) ? -1 : poll(fds, count, ms);
}

static int a_eventfd_read(int fd, eventfd_t *value)
{
    return fails(10) ? -1 : eventfd_read(fd, value);
}

static int a_connect(int fd, const struct sockaddr *to, socklen_t len)
{
    return fails(11) ? -1 : connect(fd, to, len);
}

static int a_socket(int domain, int type, int protocol)
{
    return fails(12) ? -1 : socket(domain, type, protocol);
}

static int a_eventfd(unsigned count, int flags)
{
    return fails(13) ? -1 : eventfd(count, flags);
}

static int a_mprotect(void *at, size_t len, int how)
{
    return fails(14) ? -1 : mprotect(at, len, how);
}

static int a_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *of)
{
    return fails(15) ? errno : pthread_create(thread, attributes, run, of);
}

static int a_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    return fails(16) ? -1 : getsockopt(fd, level, name, value, len);
}

static int a_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return fails(17) ? -1 : setsockopt(fd, level, name, value, len);
}

/* ---- into their places ---- */

typedef void function(void);

/* The calls of the system first, in the order of their numbers. */
static const struct hook {
    const char *name;
    function *function;
} hooks[] = {
    {"recv", (function *)a_recv},
    {"read", (function *)a_read},
    {"recvmsg", (function *)a_recvmsg},
    {"send", (function *)a_send},
    {"write", (function *)a_write},
    {"sendmsg", (function *)a_sendmsg},
    {"accept4", (function *)a_accept4},
    {"epoll_wait", (function *)a_epoll_wait},
    {"epoll_ctl", (function *)a_epoll_ctl},
    {"poll", (function *)a_poll},
    {"eventfd_read", (function *)a_eventfd_read},
    {"connect", (function *)a_connect},
    {"socket", (function *)a_socket},
    {"eventfd", (function *)a_eventfd},
    {"mprotect", (function *)a_mprotect},
    {"pthread_create", (function *)a_pthread_create},
    {"getsockopt", (function *)a_getsockopt},
    {"setsockopt", (function *)a_setsockopt},
    {"malloc", (function *)a_malloc},
    {"calloc", (function *)a_calloc},
    {"realloc", (function *)a_realloc},
    {"strndup", (function *)a_strndup},
    {"free", (function *)a_free},
};

enum { HOOKS = sizeof hooks / sizeof hooks[0] };

struct dynamic {
    const ElfW(Sym) * symbols;
    const char *names;
    const ElfW(Rela) * slots[2];
    size_t sizes[2];
};

static struct dynamic read_dynamic(ElfW(Addr) base, const ElfW(Dyn) * entry)
{
    struct dynamic found = {NULL, NULL, {NULL, NULL}, {0, 0}};
    (void)base; /* the loader has added it already */

    for (; entry->d_tag != DT_NULL; entry++) {
        switch (entry->d_tag) {
        case DT_SYMTAB:
            found.symbols = (const void *)entry->d_un.d_ptr;
            break;
        case DT_STRTAB:
            found.names = (const void *)entry->d_un.d_ptr;
            break;
        case DT_JMPREL:
            found.slots[0] = (const void *)entry->d_un.d_ptr;
            break;
        case DT_PLTRELSZ:
            found.sizes[0] = entry->d_un.d_val;
            break;
        case DT_RELA:
            found.slots[1] = (const void *)entry->d_un.d_ptr;
            break;
        case DT_RELASZ:
            found.sizes[1] = entry->d_un.d_val;
            break;
        default:
            break;
        }
    }
    return found;
}

static bool is_slot(const ElfW(Rela) * at)
{
#if defined(__x86_64__)
    return ELF64_R_TYPE(at->r_info) == R_X86_64_JUMP_SLOT || ELF64_R_TYPE(at->r_info) == R_X86_64_GLOB_DAT;
#elif defined(__aarch64__)
    return ELF64_R_TYPE(at->r_info) == R_AARCH64_JUMP_SLOT || ELF64_R_TYPE(at->r_info) == R_AARCH64_GLOB_DAT;
#else
#error "where this machine's loader puts addresses is not known"
#endif
}

static void put(void *slot, function *what)
{
    uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)slot & ~(size - 1);

    if (mprotect((void *)from, size, PROT_READ | PROT_WRITE) == 0) {
        *(function **)slot = what;
    }
}

static int hook_into(const struct dynamic *in, ElfW(Addr) base)
{
    int count = 0;

    for (int table = 0; table < 2; table++) {
        for (size_t i = 0; i < in->sizes[table] / sizeof *in->slots[table]; i++) {
            const ElfW(Rela) *at = &in->slots[table][i];
            const char *name = in->names + in->symbols[ELF64_R_SYM(at->r_info)].st_name;
            for (int h = 0; h < HOOKS && is_slot(at); h++) {
                if (strcmp(name, hooks[h].name) == 0) {
                    put((void *)(base + at->r_offset), hooks[h].function);
                    count++;
                }
            }
        }
    }
    return count;
}

static bool is_watched(const char *path)
{
    static const char *const names[] = {"/pynto/_core.", "/libsodium.", "/libjansson.", "/libwslay."};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strstr(path, names[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static int look_at(struct dl_phdr_info *info, size_t size, void *count)
{
    (void)size;
    for (int i = 0; i < info->dlpi_phnum && is_watched(info->dlpi_name); i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC) {
            const void *entries = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
            struct dynamic found = read_dynamic(info->dlpi_addr, entries);
            *(int *)count += hook_into(&found, info->dlpi_addr);
        }
    }
    return 0;
}

/* ---- the interpreter's allocators ---- */

enum {
    YOUTH = 60
}; /* a thread of Python's whose first steps fail leaves who has started it waiting for ever: that is the interpreter's */

static PyMemAllocatorEx before[3];
static _Thread_local int age;

static bool misses(long which)
{
    if (age < YOUTH) {
        age++;
        return false;
    }
    return age == YOUTH && strikes(PYTHON, which);
}

/* This thread is the test's own. */
void faults_spare(void)
{
    age = YOUTH + 1;
}

static void *py_malloc(void *ctx, size_t size)
{
    const PyMemAllocatorEx *next = ctx;

    return misses(0) ? NULL : next->malloc(next->ctx, size);
}

static void *py_calloc(void *ctx, size_t count, size_t size)
{
    const PyMemAllocatorEx *next = ctx;

    return misses(1) ? NULL : next->calloc(next->ctx, count, size);
}

static void *py_realloc(void *ctx, void *block, size_t size)
{
    const PyMemAllocatorEx *next = ctx;

    return misses(2) ? NULL : next->realloc(next->ctx, block, size);
}

static void py_free(void *ctx, void *block)
{
    const PyMemAllocatorEx *next = ctx;

    next->free(next->ctx, block);
}

/* ---- the door for rig.py ---- */

/* The shared page, and how many places were found. With the interpreter's lock. */
int faults_begin(void *shared)
{
    static const PyMemAllocatorDomain domains[3] = {PYMEM_DOMAIN_OBJ, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_RAW};
    int count = 0;

    page = shared;
    is_told = getenv("FAULTS_TOLD") != NULL;
    (void)dl_iterate_phdr(look_at, &count);
    for (int i = 0; i < 3; i++) {
        PyMemAllocatorEx hook = {&before[i], py_malloc, py_calloc, py_realloc, py_free};
        PyMem_GetAllocator(domains[i], &before[i]);
        PyMem_SetAllocator(domains[i], &hook);
    }
    return count;
}
