/* test_sandbox.c - what a process in a sandbox cannot do, each tried by one; and what it still can. */
#define _GNU_SOURCE 1

#include "support.h"

#include "../../src/isolate/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CANNOT_ENTER = 250, KILLED = 251, MEMORY = 64 << 20 };

static char room[64];    /* may be written to */
static char outside[64]; /* nothing may be done there */
static int other = -1;   /* the standard output of a pipe, whose owner is another process */

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(room, sizeof room, "/tmp/pynto-test-XXXXXX");
    (void)snprintf(outside, sizeof outside, "/tmp/pynto-test-XXXXXX");
    return mkdtemp(room) == NULL || mkdtemp(outside) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    char command[192];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf -- '%s' '%s'", room, outside);
    return system(command) == 0 ? 0 : -1;
}

/* ---- a process that tries something ---- */

static int number_of(long result)
{
    return result < 0 ? errno : 0;
}

/* A kernel without it closes the rest, when it is asked to, and is no place to test what only Landlock refuses. */
static bool has_landlock(void)
{
    return syscall(444, NULL, 0, 1) >= 1;
}

/* What attempt() gives in a child within the sandbox: 0 or errno. */
static int within(const struct pyn_sandbox *sandbox, int (*attempt)(void))
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        struct pyn_sandbox mine = *sandbox;
        struct pyn_fault fault;
        unsigned parts = 0;
        unsigned expected = PYN_PART_ALL;
        if (!has_landlock()) {
            mine.is_best_effort = true;
            expected &= ~(unsigned)PYN_PART_LANDLOCK;
        }
        if (!pyn_sandbox_enter(&mine, &parts, &fault) || parts != expected) {
            (void)dprintf(STDERR_FILENO, "%s\n", fault.text);
            _exit(CANNOT_ENTER);
        }
        _exit(attempt());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED;
}

static struct pyn_sandbox usual(void)
{
    static const char *const reads[] = {"/usr/lib", "/lib", "/lib64", "/not/there", "/dev/null"};

    return (struct pyn_sandbox){.reads = {reads, 5}, .memory_max = MEMORY, .file_max = 4096, .descriptor_max = 64};
}

static struct pyn_sandbox with_room(void)
{
    static const char *writes[1];
    struct pyn_sandbox sandbox = usual();

    writes[0] = room;
    sandbox.writes = (struct pyn_paths){writes, 1};
    return sandbox;
}

/* ---- what is refused ---- */

static int run_program(void)
{
    char *const arguments[] = {(char *)(uintptr_t) "true", NULL};

    return number_of(execv("/bin/true", arguments));
}

static int read_passwords(void)
{
    return number_of(open("/etc/passwd", O_RDONLY));
}

static int read_parent(void)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%ld/mem", (long)getppid());
    return number_of(open(path, O_RDONLY));
}

static int list_root(void)
{
    return number_of(open("/", O_RDONLY | O_DIRECTORY));
}

static int write_temporary(void)
{
    char path[96];

    (void)snprintf(path, sizeof path, "%s/file", outside);
    return number_of(open(path, O_WRONLY | O_CREAT, 0600));
}

static int write_null(void)
{
    return number_of(open("/dev/null", O_WRONLY)); /* may be read, and that is all */
}

static int remove_file(void)
{
    return number_of(rmdir(outside));
}

static int change_mode(void)
{
    return number_of(chmod(outside, 0777));
}

static int make_process(void)
{
    pid_t child = fork();

    if (child == 0) {
        _exit(0);
    }
    return number_of(child);
}

static int make_process_raw(void)
{
    return number_of(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static int make_process_anew(void)
{
    uint64_t arguments[8] = {0};

    arguments[4] = SIGCHLD;
    return number_of(syscall(435, arguments, sizeof arguments));
}

static int make_namespace(void)
{
    return number_of(unshare(CLONE_NEWUSER));
}

static int make_socket(void)
{
    return number_of(socket(AF_INET, SOCK_STREAM, 0));
}

static int make_unix_socket(void)
{
    return number_of(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int make_datagram_pair(void)
{
    int pair[2];

    return number_of(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}

static int trace_parent(void)
{
    return number_of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int peek_at_parent(void)
{
    char byte = 0;
    struct iovec here = {&byte, 1};
    struct iovec there = {&byte, 1};

    return number_of(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static int kill_parent(void)
{
    return number_of(kill(getppid(), 0));
}

static int kill_group(void)
{
    return number_of(kill(0, 0));
}

static int kill_everybody(void)
{
    return number_of(kill(-1, 0));
}

static int signal_by_descriptor(void)
{
    return number_of(fcntl(other, F_SETOWN, getppid()));
}

static int type_into_terminal(void)
{
    return number_of(ioctl(0, TIOCSTI, "x"));
}

static int write_code(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? errno : 0;
}

static int make_code_of_data(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? CANNOT_ENTER : number_of(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int make_memory_file(void)
{
    return number_of(memfd_create("x", 0));
}

static int raise_limit(void)
{
    const struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

    return number_of(setrlimit(RLIMIT_AS, &limit));
}

static int become_dumpable(void)
{
    return number_of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int outlive_parent(void)
{
    return number_of(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
}

static int mount_something(void)
{
    return number_of(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
}

static int use_keys(void)
{
    return number_of(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int use_bpf(void)
{
    return number_of(syscall(SYS_bpf, 0, NULL, 0));
}

static int watch_performance(void)
{
    return number_of(syscall(SYS_perf_event_open, NULL, 0, 0, -1, 0));
}

static int load_module(void)
{
    return number_of(syscall(SYS_init_module, NULL, 0, ""));
}

static int load_kernel(void)
{
    return number_of(syscall(SYS_kexec_load, 0, 0, NULL, 0));
}

static int use_ring(void)
{
    return number_of(syscall(425, 1, NULL)); /* io_uring would make calls that no filter sees */
}

static int become_another(void)
{
    return number_of(setuid(65534));
}

static int call_what_is_new(void)
{
    return number_of(syscall(9999));
}

static const struct {
    const char *why;
    int (*attempt)(void);
    int expected;
} refused[] = {
    {"another program", run_program, EPERM},
    {"a file of the system", read_passwords, EACCES},
    {"the memory of the parent, as a file", read_parent, EACCES},
    {"the list of the root folder", list_root, EACCES},
    {"a new file", write_temporary, EPERM},
    {"writing to what may be read", write_null, EPERM},
    {"removing", remove_file, EPERM},
    {"changing a mode", change_mode, EPERM},
    {"a process", make_process, EPERM},
    {"a process, without the library", make_process_raw, EPERM},
    {"a process by the newer call, whose flags cannot be seen", make_process_anew, ENOSYS},
    {"a namespace", make_namespace, EPERM},
    {"a socket", make_socket, EPERM},
    {"a Unix socket", make_unix_socket, EPERM},
    {"a pair that can be connected to something else", make_datagram_pair, EPERM},
    {"tracing", trace_parent, EPERM},
    {"the memory of another process", peek_at_parent, EPERM},
    {"a signal to another process", kill_parent, EPERM},
    {"a signal to the group", kill_group, EPERM},
    {"a signal to all", kill_everybody, EPERM},
    {"a signal by way of a descriptor", signal_by_descriptor, EPERM},
    {"typing into the terminal", type_into_terminal, EPERM},
    {"memory that is written and executed", write_code, EPERM},
    {"memory that was written, executed", make_code_of_data, EPERM},
    {"a file in memory that no limit counts", make_memory_file, EPERM},
    {"a higher limit", raise_limit, EPERM},
    {"memory that others may read", become_dumpable, EPERM},
    {"a life after the parent's", outlive_parent, EPERM},
    {"mounting", mount_something, EPERM},
    {"keys of the kernel", use_keys, EPERM},
    {"programs in the kernel", use_bpf, EPERM},
    {"counters of others", watch_performance, EPERM},
    {"a module of the kernel", load_module, EPERM},
    {"another kernel", load_kernel, EPERM},
    {"a ring of calls", use_ring, EPERM},
    {"another user", become_another, EPERM},
    {"a call that was not there when the list was made", call_what_is_new, ENOSYS},
};

static void what_is_not_in_the_list_is_refused(void **state)
{
    const struct pyn_sandbox sandbox = usual();
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    other = fds[0];
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        int found = 0;
        if (refused[i].expected == EACCES && !has_landlock()) {
            continue;
        }
        found = within(&sandbox, refused[i].attempt);
        if (found != refused[i].expected) {
            fail_msg("%s: %d (%s), not %d", refused[i].why, found, strerror(found), refused[i].expected);
        }
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

#ifdef __x86_64__
static int call_as_x32(void)
{
    return number_of(syscall(0x40000000 + SYS_getpid));
}

static int call_as_32_bit(void)
{
    long result = 20; /* getpid there */

    __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
    return result < 0 ? ENOSYS : 0;
}

static void the_numbers_of_other_architectures_are_the_end(void **state)
{
    const struct pyn_sandbox sandbox = usual();

    assert_int_equal(within(&sandbox, call_as_x32), KILLED);
    assert_int_equal(within(&sandbox, call_as_32_bit), KILLED);
}
#endif

/* ---- what still works ---- */

static void *return_argument(void *argument)
{
    return argument;
}

static int start_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, return_argument, NULL);

    return error != 0 ? error : pthread_join(thread, NULL);
}

static int read_library(void)
{
    return number_of(open("/usr/lib", O_RDONLY | O_DIRECTORY));
}

static int make_pair(void)
{
    int pair[2];

    return number_of(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
}

static int signal_itself(void)
{
    return number_of(kill(getpid(), 0)) | number_of(pthread_kill(pthread_self(), 0));
}

static int look_at_limit(void)
{
    struct rlimit limit;

    return number_of(getrlimit(RLIMIT_NOFILE, &limit)) | (limit.rlim_max == 64 ? 0 : ERANGE);
}

static void what_a_server_needs_goes_on(void **state)
{
    const struct pyn_sandbox sandbox = usual();

    assert_int_equal(within(&sandbox, start_thread), 0);
    assert_int_equal(within(&sandbox, read_library), 0);
    assert_int_equal(within(&sandbox, make_pair), 0);
    assert_int_equal(within(&sandbox, signal_itself), 0);
    assert_int_equal(within(&sandbox, look_at_limit), 0);
}

/* ---- what can be asked for ---- */

static int write_in_room(void)
{
    char path[96];
    char moved[96];
    int fd = -1;

    (void)snprintf(path, sizeof path, "%s/file", room);
    (void)snprintf(moved, sizeof moved, "%s/moved", room);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) != 0 || rename(path, moved) != 0) {
        return errno;
    }
    return number_of(unlink(moved));
}

static int fill_room(size_t len)
{
    char path[96];
    static char bytes[8192];
    int fd = -1;
    ssize_t n = 0;

    (void)signal(SIGXFSZ, SIG_IGN);
    (void)snprintf(path, sizeof path, "%s/large", room);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    n = write(fd, bytes, len);
    return n == (ssize_t)len ? 0 : n < 0 ? errno : EFBIG;
}

static int fill_at_limit(void)
{
    return fill_room(4096);
}

static int fill_beyond_limit(void)
{
    return fill_room(4097);
}

static void a_folder_that_may_be_written_to_is_the_only_one(void **state)
{
    struct pyn_sandbox sandbox = with_room();

    assert_int_equal(within(&sandbox, write_in_room), 0);
    if (has_landlock()) {
        assert_int_equal(within(&sandbox, write_temporary), EACCES);
        assert_int_equal(within(&sandbox, remove_file), EACCES);
    }
    assert_int_equal(within(&sandbox, fill_at_limit), 0);
    assert_int_equal(within(&sandbox, fill_beyond_limit), EFBIG);
}

static void the_network_can_be_asked_for(void **state)
{
    struct pyn_sandbox sandbox = usual();

    sandbox.may_connect = true;
    assert_int_equal(within(&sandbox, make_socket), 0);
    assert_int_equal(within(&sandbox, make_unix_socket), 0);
    assert_int_equal(within(&sandbox, run_program), EPERM);
    assert_int_equal(within(&sandbox, read_passwords), has_landlock() ? EACCES : 0);
}

/* ---- limits ---- */

static int take(size_t len)
{
    char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? errno : 0;
}

static int take_little(void)
{
    return take(MEMORY / 2);
}

static int take_too_much(void)
{
    return take(MEMORY + (1 << 20));
}

static int share_too_much(void)
{
    char *at = mmap(NULL, (size_t)4 << 30, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? errno : 0;
}

static int open_descriptors(int count)
{
    int fd = 0;

    while (fd >= 0 && fd < count - 1) {
        fd = dup(0);
    }
    return fd < 0 ? errno : 0;
}

static int open_last_descriptor(void)
{
    return open_descriptors(64);
}

static int open_one_too_many(void)
{
    return open_descriptors(65);
}

static void limits_hold(void **state)
{
    const struct pyn_sandbox sandbox = usual();

    assert_int_equal(within(&sandbox, take_little), 0);
    assert_int_equal(within(&sandbox, take_too_much), ENOMEM);
    assert_int_equal(within(&sandbox, share_too_much), ENOMEM);
    assert_int_equal(within(&sandbox, open_last_descriptor), 0);
    assert_int_equal(within(&sandbox, open_one_too_many), EMFILE);
}

/* ---- kernels without it ---- */

/* As if the kernel had no Landlock: its calls are not there. */
static void hide_landlock(void)
{
    struct sock_filter steps[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 444},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    const struct sock_fprog filter = {.len = 4, .filter = steps};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        _exit(CANNOT_ENTER);
    }
}

/* 0: it is as it should be. */
static int enter_without_landlock(bool is_best_effort)
{
    struct pyn_sandbox sandbox = usual();
    struct pyn_fault fault;
    unsigned parts = 0;
    bool is_in = false;

    sandbox.is_best_effort = is_best_effort;
    hide_landlock();
    is_in = pyn_sandbox_enter(&sandbox, &parts, &fault);
    if (!is_best_effort) {
        return !is_in && strstr(fault.text, "Landlock") != NULL ? 0 : 1;
    }
    return is_in && parts == (PYN_PART_ALL & ~(unsigned)PYN_PART_LANDLOCK) && write_temporary() == EPERM &&
                   run_program() == EPERM
               ? 0
               : 1;
}

static void without_landlock_it_fails_unless_best_effort_was_asked_for(void **state)
{
    for (int is_best_effort = 0; is_best_effort < 2; is_best_effort++) {
        int status = 0;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(enter_without_landlock(is_best_effort != 0));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static void a_folder_to_write_to_that_is_not_there_is_a_fault(void **state)
{
    static const char *const missing[] = {"/not/there"};
    struct pyn_sandbox sandbox = usual();

    if (!has_landlock()) {
        skip();
    }
    sandbox.writes = (struct pyn_paths){missing, 1};
    assert_int_equal(within(&sandbox, take_little), CANNOT_ENTER);
}

static void every_part_has_a_name(void **state)
{
    for (unsigned part = 1; (part & PYN_PART_ALL) != 0; part <<= 1) {
        assert_true(strlen(pyn_sandbox_part_name(part)) > 0);
    }
    assert_string_equal(pyn_sandbox_part_name(0), "");
    assert_string_equal(pyn_sandbox_part_name(PYN_PART_ALL + 1), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_in_the_list_is_refused),
#ifdef __x86_64__
        cmocka_unit_test(the_numbers_of_other_architectures_are_the_end),
#endif
        cmocka_unit_test(what_a_server_needs_goes_on),
        cmocka_unit_test(a_folder_that_may_be_written_to_is_the_only_one),
        cmocka_unit_test(the_network_can_be_asked_for),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(without_landlock_it_fails_unless_best_effort_was_asked_for),
        cmocka_unit_test(a_folder_to_write_to_that_is_not_there_is_a_fault),
        cmocka_unit_test(every_part_has_a_name),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
