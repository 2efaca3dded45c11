/* keyfile.c - reading and making key files. What is checked is what was opened, not what a path named a moment ago. */
#define _GNU_SOURCE 1

#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refuse(struct pyn_fault *fault, const char *path, const char *why, int error)
{
    char room[96] = "";
    const char *meaning = error != 0 ? strerror_r(error, room, sizeof room) : "";

    (void)snprintf(fault->text, sizeof fault->text, "key file %.300s: %s%s", path, why, meaning);
    for (char *c = fault->text; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e) {
            *c = '?';
        }
    }
    return false;
}

/* The folder of a path, opened, and the name in it. -1: refused. */
static int open_folder(const char *path, const char **name, struct pyn_fault *fault)
{
    char folder[4096] = ".";
    const char *slash = strrchr(path, '/');
    struct stat st;
    int fd = -1;

    *name = slash != NULL ? slash + 1 : path;
    if (slash != NULL) {
        size_t len = slash == path ? 1 : (size_t)(slash - path);
        if (len >= sizeof folder) {
            (void)refuse(fault, path, "its path is too long", 0);
            return -1;
        }
        memcpy(folder, path, len);
        folder[len] = '\0';
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        (void)refuse(fault, path, "its folder: ", errno);
    } else if ((st.st_mode & S_IWOTH) != 0) {
        (void)refuse(fault, path, "it is in a folder that everybody may write to", 0);
    } else if (st.st_uid != geteuid() && st.st_uid != 0) {
        (void)refuse(fault, path, "its folder belongs to another user", 0);
    } else {
        return fd;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

static bool check_file(int fd, const char *path, struct pyn_fault *fault)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return refuse(fault, path, "", errno);
    }
    if (!S_ISREG(st.st_mode)) {
        return refuse(fault, path, "it is not a regular file", 0);
    }
    if (st.st_uid != geteuid()) {
        return refuse(fault, path, "it belongs to another user", 0);
    }
    if ((st.st_mode & 077) != 0) {
        return refuse(fault, path, "others than its owner may use it: its mode must be 0600", 0);
    }
    if (st.st_size != PYN_SECRET_TEXT_LEN) {
        return refuse(fault, path, "it does not have exactly 43 characters", 0);
    }
    return true;
}

static bool read_text(int fd, char text[PYN_SECRET_TEXT_LEN + 1])
{
    size_t len = 0;

    while (len < PYN_SECRET_TEXT_LEN + 1) {
        ssize_t n = read(fd, text + len, PYN_SECRET_TEXT_LEN + 1 - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    return len == PYN_SECRET_TEXT_LEN;
}

static bool decode(int fd, const char *path, uint8_t secret[PYN_SECRET_LEN], struct pyn_fault *fault)
{
    char text[PYN_SECRET_TEXT_LEN + 1];
    size_t len = 0;
    bool is_good = read_text(fd, text) &&
                   sodium_base642bin(secret, PYN_SECRET_LEN, text, PYN_SECRET_TEXT_LEN, NULL, &len, NULL,
                                     sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
                   len == PYN_SECRET_LEN;

    sodium_memzero(text, sizeof text);
    if (!is_good) {
        sodium_memzero(secret, PYN_SECRET_LEN);
        return refuse(fault, path, "it does not hold a key", 0);
    }
    return true;
}

bool pyn_keyfile_read(const char *path, uint8_t secret[PYN_SECRET_LEN], struct pyn_fault *fault)
{
    const char *name = NULL;
    int folder = -1;
    int fd = -1;
    bool is_read = false;

    memset(secret, 0, PYN_SECRET_LEN);
    folder = open_folder(path, &name, fault);
    if (folder < 0) {
        return false;
    }
    fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        (void)refuse(fault, path, errno == ELOOP ? "it is a symbolic link" : "", errno == ELOOP ? 0 : errno);
    } else {
        is_read = check_file(fd, path, fault) && decode(fd, path, secret, fault);
        (void)close(fd);
    }
    (void)close(folder);
    return is_read;
}

bool pyn_keyfile_make(const char *path, const uint8_t secret[PYN_SECRET_LEN], struct pyn_fault *fault)
{
    const char *name = NULL;
    char text[PYN_SECRET_TEXT_LEN + 1];
    int folder = open_folder(path, &name, fault);
    int fd = -1;
    bool is_made = false;

    if (folder < 0) {
        return false;
    }
    fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        (void)refuse(fault, path, "", errno);
    } else {
        (void)sodium_bin2base64(text, sizeof text, secret, PYN_SECRET_LEN, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        is_made = write(fd, text, PYN_SECRET_TEXT_LEN) == PYN_SECRET_TEXT_LEN && fsync(fd) == 0;
        sodium_memzero(text, sizeof text);
        if (!is_made) {
            (void)refuse(fault, path, "", errno);
            (void)unlinkat(folder, name, 0);
        }
        (void)close(fd);
    }
    (void)close(folder);
    return is_made;
}
