/* inbox.c - see inbox.h. */
#include "inbox.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "link.h"
#include "server_state.h"

bool pyn_inbox_init(struct pyn_inbox *inbox, int wake)
{
    *inbox = (struct pyn_inbox){.wake = wake, .owns_wake = wake < 0};
    (void)pthread_mutex_init(&inbox->lock, NULL);
    if (wake < 0) {
        inbox->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    return inbox->wake >= 0;
}

void pyn_inbox_fini(struct pyn_inbox *inbox)
{
    while (inbox->first != NULL) {
        struct pyn_link *link = inbox->first;
        inbox->first = link->box->next;
        link->box->is_in = false;
        pyn_link_unref(link);
    }
    inbox->last = NULL;
    if (inbox->owns_wake && inbox->wake >= 0) {
        (void)close(inbox->wake);
    }
    inbox->wake = -1;
    (void)pthread_mutex_destroy(&inbox->lock);
}

bool pyn_inbox_attach(struct pyn_link *link, struct pyn_inbox *inbox)
{
    if (link->box == NULL) {
        link->box = calloc(1, sizeof *link->box);
    }
    if (link->box != NULL) {
        link->box->inbox = inbox;
    }
    return link->box != NULL;
}

struct pyn_inbox *pyn_inbox_of(const struct pyn_link *link)
{
    if (link->box != NULL) {
        return link->box->inbox;
    }
    return link->server != NULL ? atomic_load(&link->server->inbox) : NULL;
}

bool pyn_inbox_is_ready(struct pyn_link *link)
{
    return link->box != NULL || pyn_inbox_attach(link, pyn_inbox_of(link));
}

/* ---- putting in ---- */

/* The link stands in the inbox, at its end. */
static void post(struct pyn_link *link)
{
    struct pyn_inbox *inbox = link->box->inbox;

    (void)pthread_mutex_lock(&inbox->lock);
    if (!link->box->is_in) {
        link->box->is_in = true;
        link->box->next = NULL;
        (void)pyn_link_ref(link);
        if (inbox->last != NULL) {
            inbox->last->box->next = link;
        } else {
            inbox->first = link;
            if (!inbox->is_awake && !inbox->is_hot) {
                (void)eventfd_write(inbox->wake, 1);
            }
        }
        inbox->last = link;
    }
    (void)pthread_mutex_unlock(&inbox->lock);
}

bool pyn_inbox_put_call(struct pyn_link *link, struct pyn_call *call)
{
    struct pyn_box *box = pyn_inbox_is_ready(link) ? link->box : NULL;

    if (box == NULL) {
        return false;
    }
    pyn_line_put(&box->calls, call);
    post(link);
    return true;
}

static void append_answered(struct pyn_link *link, struct pyn_pending *pending)
{
    struct pyn_box *box = link->box;

    pending->newer = NULL;
    if (box->answered_tail != NULL) {
        box->answered_tail->newer = pending;
    } else {
        box->answered = pending;
    }
    box->answered_tail = pending;
    post(link);
}

bool pyn_inbox_put_answer(struct pyn_link *link, struct pyn_answer *answer)
{
    struct pyn_pending *pending = link->box != NULL ? pyn_idmap_find(&link->box->pending, answer->lane, 0) : NULL;

    if (pending == NULL) {
        return false;
    }
    answer->next = NULL;
    if (pending->answers == NULL) {
        pending->answers = answer;
    } else {
        pending->latest->next = answer;
    }
    pending->latest = answer;
    pending->due--;
    if (pending->due == 0) {
        pyn_pending_leave(link, pending);
        append_answered(link, pending);
    }
    return true;
}

static void cancel_served(struct pyn_link *link, struct pyn_served *served)
{
    if (!served->is_cancelled) {
        served->is_cancelled = true;
        served->next = link->box->cancelled;
        link->box->cancelled = served;
        post(link);
    }
}

bool pyn_inbox_cancel(struct pyn_link *link, uint64_t lane)
{
    struct pyn_served *served = NULL;
    struct pyn_call *call = NULL;
    bool is_starting = false;

    if (link->box == NULL) {
        return false;
    }
    served = pyn_idmap_find(&link->box->served, lane, 0);
    is_starting = link->box->is_starting && link->box->starting == lane;
    call = pyn_line_find(&link->box->calls, lane);
    if (call != NULL) {
        call->is_cancelled = true;
    } else if (served != NULL) {
        cancel_served(link, served);
    } else if (is_starting) {
        link->box->is_start_cancelled = true;
    }
    return call != NULL || served != NULL || is_starting;
}

void pyn_inbox_news(struct pyn_link *link)
{
    if (link->box != NULL) {
        link->box->has_news = true;
        post(link);
    }
}

void pyn_inbox_unclog(struct pyn_link *link)
{
    if (link->box != NULL && link->box->calls.first != NULL) {
        post(link);
    }
}

void pyn_inbox_end(struct pyn_link *link)
{
    struct pyn_box *box = link->box;
    struct pyn_served *served = NULL;
    struct pyn_call *call = NULL;

    if (box == NULL) {
        return;
    }
    while ((call = pyn_line_take(&box->calls)) != NULL) {
        pyn_link_drop_call(link, call);
    }
    while (box->oldest != NULL) {
        struct pyn_pending *pending = box->oldest;
        pyn_pending_leave(link, pending);
        append_answered(link, pending);
    }
    while ((served = pyn_idmap_any(&box->served)) != NULL) {
        pyn_idmap_remove(&box->served, &served->node);
        served->is_entered = false;
        cancel_served(link, served);
    }
    pyn_inbox_news(link);
}

/* ---- taking out ---- */

void pyn_inbox_begin(struct pyn_inbox *inbox)
{
    eventfd_t count = 0;

    (void)pthread_mutex_lock(&inbox->lock);
    inbox->is_awake = true;
    (void)eventfd_read(inbox->wake, &count);
    (void)pthread_mutex_unlock(&inbox->lock);
}

void pyn_inbox_done(struct pyn_inbox *inbox)
{
    (void)pthread_mutex_lock(&inbox->lock);
    inbox->is_awake = false;
    if (inbox->first != NULL) {
        (void)eventfd_write(inbox->wake, 1);
    }
    (void)pthread_mutex_unlock(&inbox->lock);
}

static struct pyn_link *take_link(struct pyn_inbox *inbox)
{
    struct pyn_link *link = NULL;

    (void)pthread_mutex_lock(&inbox->lock);
    link = inbox->first;
    if (link != NULL) {
        inbox->first = link->box->next;
        if (inbox->first == NULL) {
            inbox->last = NULL;
        }
        link->box->is_in = false;
    }
    (void)pthread_mutex_unlock(&inbox->lock);
    return link;
}

static bool has_call(const struct pyn_link *link)
{
    return link->box->calls.first != NULL && !atomic_load(&link->is_clogged);
}

/* What ends things goes ahead of what begins them. */
static bool take_one(struct pyn_link *link, struct pyn_mail *mail)
{
    struct pyn_box *box = link->box;

    if (box->answered != NULL) {
        mail->kind = PYN_MAIL_ANSWER;
        mail->pending = box->answered;
        box->answered = mail->pending->newer;
        if (box->answered == NULL) {
            box->answered_tail = NULL;
        }
    } else if (box->cancelled != NULL) {
        mail->kind = PYN_MAIL_CANCEL;
        mail->served = box->cancelled;
        box->cancelled = mail->served->next;
    } else if (box->has_news) {
        mail->kind = PYN_MAIL_NEWS;
        box->has_news = false;
    } else if (has_call(link)) {
        mail->kind = PYN_MAIL_CALL;
        mail->call = pyn_line_take(&box->calls);
        box->is_starting = true;
        box->is_start_cancelled = false;
        box->starting = mail->call->lane;
    } else {
        return false;
    }
    return true;
}

bool pyn_inbox_take(struct pyn_inbox *inbox, struct pyn_mail *mail)
{
    struct pyn_link *link = NULL;

    while ((link = take_link(inbox)) != NULL) {
        bool is_there = false;
        *mail = (struct pyn_mail){.link = link};
        pyn_link_lock(link);
        is_there = take_one(link, mail);
        if (is_there) {
            post(link); /* at the end: the others come first */
        }
        pyn_link_unlock(link);
        if (is_there) {
            return true;
        }
        pyn_link_unref(link);
    }
    return false;
}

/* ---- what the loop waits for, and runs ---- */

struct pyn_answer *pyn_pending_take(struct pyn_pending *pending)
{
    struct pyn_answer *answer = pending->answers;

    if (answer != NULL) {
        pending->answers = answer->next;
    }
    return answer;
}

void pyn_pending_enter(struct pyn_link *link, struct pyn_pending *pending, uint64_t lane, uint32_t due)
{
    struct pyn_box *box = link->box;

    *pending = (struct pyn_pending){
        .lane = lane, .due = due, .sent_at = pyn_now(), .older = box->newest, .is_entered = true};
    if (box->newest != NULL) {
        box->newest->newer = pending;
    } else {
        box->oldest = pending;
    }
    box->newest = pending;
    pyn_idmap_add(&box->pending, &pending->node, lane, 0);
}

void pyn_pending_leave(struct pyn_link *link, struct pyn_pending *pending)
{
    struct pyn_box *box = link->box;

    if (!pending->is_entered) {
        return;
    }
    pending->is_entered = false;
    pyn_idmap_remove(&box->pending, &pending->node);
    if (pending->newer != NULL) {
        pending->newer->older = pending->older;
    } else {
        box->newest = pending->older;
    }
    if (pending->older != NULL) {
        pending->older->newer = pending->newer;
    } else {
        box->oldest = pending->newer;
    }
}

uint64_t pyn_box_waits_since(const struct pyn_box *box)
{
    return box != NULL && box->oldest != NULL ? box->oldest->sent_at : 0;
}

void pyn_served_enter(struct pyn_link *link, struct pyn_served *served, uint64_t lane)
{
    pyn_link_lock(link);
    *served = (struct pyn_served){.is_entered = true};
    pyn_idmap_add(&link->box->served, &served->node, lane, 0);
    if (link->over != PYN_OK) { /* it has ended since the call was taken out */
        pyn_idmap_remove(&link->box->served, &served->node);
        served->is_entered = false;
    }
    if (link->over != PYN_OK || link->box->is_start_cancelled) {
        cancel_served(link, served);
    }
    link->box->is_starting = link->box->is_start_cancelled = false;
    pyn_link_unlock(link);
}

void pyn_inbox_started(struct pyn_link *link)
{
    pyn_link_lock(link);
    link->box->is_starting = link->box->is_start_cancelled = false;
    pyn_link_unlock(link);
}

static void leave_cancelled(struct pyn_box *box, struct pyn_served *served)
{
    struct pyn_served **at = &box->cancelled;

    while (*at != NULL && *at != served) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = served->next;
    }
}

void pyn_served_leave(struct pyn_link *link, struct pyn_served *served)
{
    pyn_link_lock(link);
    if (served->is_entered) {
        served->is_entered = false;
        pyn_idmap_remove(&link->box->served, &served->node);
    }
    if (served->is_cancelled) {
        leave_cancelled(link->box, served);
    }
    pyn_link_unlock(link);
}
