/* handed.c - see handed.h. */
#include "handed.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor; more of them do not fit, and the kernel closes them. */
union control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

bool pyn_packet_send(int socket, struct pyn_view packet, int fd, bool may_wait)
{
    union control control;
    struct iovec part = {(void *)(uintptr_t)packet.data, packet.len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    const int flags = MSG_NOSIGNAL | (may_wait ? 0 : MSG_DONTWAIT);
    ssize_t n = 0;

    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    }
    do {
        n = sendmsg(socket, &message, flags);
    } while (n < 0 && errno == EINTR);
    return n >= 0;
}

static int take_descriptor(struct msghdr *message)
{
    int fd = -1;

    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof fd)) {
            if (fd >= 0) {
                (void)close(fd);
            }
            memcpy(&fd, CMSG_DATA(head), sizeof fd);
        }
    }
    return fd;
}

size_t pyn_packet_receive(int socket, void *packet, size_t room, int *fd)
{
    union control control;
    struct iovec part = {packet, room};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t n = 0;

    *fd = -1;
    do {
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return 0;
    }
    *fd = take_descriptor(&message);
    if ((message.msg_flags & MSG_TRUNC) != 0) {
        if (*fd >= 0) {
            (void)close(*fd);
        }
        *fd = -1;
        return 0;
    }
    return (size_t)n;
}

bool pyn_handed_parse(struct pyn_view packet, struct pyn_handed *head, struct pyn_view *stack, struct pyn_view *plain)
{
    size_t left = packet.len - sizeof *head;

    if (packet.len < sizeof *head) {
        return false;
    }
    memcpy(head, packet.data, sizeof *head);
    if (head->word != PYN_WORD_CONNECTION || head->form != PYN_HANDED_FORM || head->stack_len > left ||
        head->plain_len != left - head->stack_len || memchr(head->transport, 0, sizeof head->transport) == NULL ||
        memchr(head->peer, 0, sizeof head->peer) == NULL) {
        return false;
    }
    *stack = (struct pyn_view){packet.data + sizeof *head, head->stack_len};
    *plain = (struct pyn_view){stack->data + stack->len, head->plain_len};
    return true;
}
