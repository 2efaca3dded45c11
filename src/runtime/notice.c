/* notice.c - see notice.h. */
#include "notice.h"

#include <sys/epoll.h>

#include "porter.h"
#include "server_state.h"

static int epoll_of(const struct pyn_link *link)
{
    return link->is_carried ? pyn_porter_epoll(link->server) : link->server->epoll;
}

static uint32_t events_of(const struct pyn_link *link)
{
    return link->in == link->out && link->awaits_room ? EPOLLIN | EPOLLOUT | EPOLLRDHUP : EPOLLIN | EPOLLRDHUP;
}

/* Both of its descriptors, where there are two. False: one of them cannot be watched. */
static bool control(const struct pyn_link *link, int operation)
{
    struct epoll_event event = {.events = events_of(link) | EPOLLET,
                                .data.u64 = (uint64_t)link->generation << 32 | link->slot};
    const int epoll = epoll_of(link);
    bool is_done = epoll_ctl(epoll, operation, link->in, &event) == 0;

    if (link->in != link->out) {
        event.events = EPOLLOUT | EPOLLET;
        is_done = epoll_ctl(epoll, operation, link->out, &event) == 0 && is_done;
    }
    return is_done;
}

bool pyn_notice_begin(const struct pyn_link *link)
{
    return control(link, EPOLL_CTL_ADD);
}

void pyn_notice_end(const struct pyn_link *link)
{
    (void)control(link, EPOLL_CTL_DEL);
}

void pyn_notice_again(const struct pyn_link *link)
{
    (void)control(link, EPOLL_CTL_MOD);
}

void pyn_notice_room(struct pyn_link *link)
{
    link->awaits_room = true;
    if (link->is_reading) {
        link->writes_on = true;
    } else {
        pyn_notice_again(link);
    }
}

void pyn_notice_no_room(struct pyn_link *link)
{
    if (link->awaits_room && !link->writes_on && link->over == PYN_OK && !pyn_link_has_output(link)) {
        link->awaits_room = false;
        pyn_notice_again(link);
    }
}

bool pyn_notice_porter(struct pyn_link *link, bool is_carried)
{
    if (is_carried && !pyn_porter_begin(link->server)) {
        return false;
    }
    pyn_notice_end(link);
    link->is_carried = is_carried;
    if (!pyn_notice_begin(link)) { /* no memory of the kernel's: it cannot go on unseen */
        pyn_link_end(link, PYN_EGONE, "the descriptor cannot be watched");
    }
    return true;
}
