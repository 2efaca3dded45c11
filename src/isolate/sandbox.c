/* sandbox.c - the parts one after the other, each of which the next ones may need. */
#include "sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool fail(struct pyn_fault *fault, const char *what)
{
    if (fault->text[0] == '\0') {
        (void)snprintf(fault->text, sizeof fault->text, "the sandbox cannot be closed: %s: %s", what, strerror(errno));
    }
    return false;
}

static bool set_limits(const struct pyn_sandbox *sandbox, struct pyn_fault *fault)
{
    return pyn_limits_set(sandbox) || fail(fault, "limits of the process");
}

/* Also what root has: nothing is left but the user's own files, and Landlock stands before those. */
static bool drop_capabilities(const struct pyn_sandbox *sandbox, struct pyn_fault *fault)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};

    (void)sandbox;
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, none) == 0 || fail(fault, "capabilities");
}

bool pyn_sandbox_hide(void)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

static bool hide(const struct pyn_sandbox *sandbox, struct pyn_fault *fault)
{
    (void)sandbox;
    return pyn_sandbox_hide() || fail(fault, "not to be dumped");
}

static bool forgo_privileges(const struct pyn_sandbox *sandbox, struct pyn_fault *fault)
{
    (void)sandbox;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || fail(fault, "no new privileges");
}

static bool restrict_files(const struct pyn_sandbox *sandbox, struct pyn_fault *fault)
{
    return pyn_landlock_restrict(sandbox, fault) || fail(fault, "Landlock");
}

static bool restrict_calls(const struct pyn_sandbox *sandbox, struct pyn_fault *fault)
{
    return pyn_seccomp_restrict(sandbox) || fail(fault, "seccomp");
}

static const struct {
    enum pyn_sandbox_part part;
    const char *name;
    bool (*close)(const struct pyn_sandbox *sandbox, struct pyn_fault *fault);
} parts_in_order[] = {
    {PYN_PART_LIMITS, "limits", set_limits},         {PYN_PART_CAPABILITIES, "no capabilities", drop_capabilities},
    {PYN_PART_DUMPABLE, "hidden memory", hide},      {PYN_PART_PRIVILEGES, "no new privileges", forgo_privileges},
    {PYN_PART_LANDLOCK, "landlock", restrict_files}, {PYN_PART_SECCOMP, "seccomp", restrict_calls},
};

enum { PART_COUNT = sizeof parts_in_order / sizeof parts_in_order[0] };

const char *pyn_sandbox_part_name(unsigned part)
{
    for (int i = 0; i < PART_COUNT; i++) {
        if (parts_in_order[i].part == part) {
            return parts_in_order[i].name;
        }
    }
    return "";
}

bool pyn_sandbox_enter(const struct pyn_sandbox *sandbox, unsigned *parts, struct pyn_fault *fault)
{
    *parts = 0;
    for (int i = 0; i < PART_COUNT; i++) {
        *fault = (struct pyn_fault){{0}};
        if (parts_in_order[i].close(sandbox, fault)) {
            *parts |= parts_in_order[i].part;
        } else if (!sandbox->is_best_effort) {
            return false;
        }
    }
    return true;
}

bool pyn_sandbox_follow(pid_t parent)
{
    /* It may have ended between the fork and this: then nobody would tell us. */
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
}
