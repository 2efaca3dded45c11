/*
 * late.c - answers to the peer's calls, and those that have to wait.
 *
 * In a lane the newest call is answered first. Who has given up a call of its own, inside of one of the peer's, goes on and answers; but the peer has
 * still to answer that inner call, in which it may make calls of its own, and reads ours as the answer to the outer one only then. Until then the reply is kept.
 */
#include <stdlib.h>

#include "link.h"

struct pyn_late {
    struct pyn_late *next;
    uint64_t lane;
    uint64_t depth; /* of the call that it answers */
    size_t size;
    struct pyn_reply reply; /* its views point into bytes */
    uint8_t bytes[];
};

static pyn_status send_items(struct pyn_link *link, uint64_t lane, const struct pyn_reply *reply)
{
    pyn_status st = PYN_OK;

    for (int i = 0; st == PYN_OK && i < 2; i++) {
        st = reply->items[i].count > 0 ? pyn_session_send_items(link->session, lane, &reply->items[i]) : PYN_OK;
    }
    return st;
}

static pyn_status send(struct pyn_link *link, uint64_t lane, const struct pyn_reply *reply)
{
    static const struct pyn_view empty;
    const struct pyn_error_head head = {reply->type, reply->text, reply->traceback, reply->incident};
    pyn_status st = send_items(link, lane, reply);

    if (st == PYN_OK) {
        st = reply->type.len == 0 ? pyn_session_send_value(link->session, lane, &reply->value)
                                  : pyn_session_send_failure(link->session, lane, &head, reply->details);
        if (st == PYN_EQUOTA) { /* the answer is too large: the call fails, the link lives */
            st = pyn_session_send_error(link->session, lane, pyn_view_of("QuotaExceeded"), pyn_view_of("message"),
                                        empty, empty);
        }
    }
    return st;
}

/* ---- those that wait ---- */

enum { PARTS = 7 };

static void parts_of(struct pyn_reply *reply, struct pyn_view *parts[PARTS])
{
    struct pyn_view *all[PARTS] = {&reply->items[0].rest, &reply->items[1].rest, &reply->type,   &reply->text,
                                   &reply->traceback,     &reply->incident,      &reply->details};

    memcpy(parts, all, sizeof all);
}

static struct pyn_late *copy(uint64_t lane, uint64_t depth, const struct pyn_reply *reply)
{
    struct pyn_reply views = *reply;
    struct pyn_view *parts[PARTS];
    struct pyn_late *late = NULL;
    const size_t value_len = pyn_parcel_len(&reply->value);
    size_t size = sizeof *late + value_len;
    uint8_t *at = NULL;

    parts_of(&views, parts);
    for (int i = 0; i < PARTS; i++) {
        size += parts[i]->len;
    }
    late = malloc(size);
    if (late == NULL) {
        return NULL;
    }
    *late = (struct pyn_late){.lane = lane, .depth = depth, .size = size, .reply = *reply};
    parts_of(&late->reply, parts);
    at = late->bytes;
    pyn_parcel_copy(&reply->value, at); /* what was lent stays its lender's */
    late->reply.value = pyn_parcel_of((struct pyn_view){at, value_len});
    at += value_len;
    for (int i = 0; i < PARTS; i++) {
        if (parts[i]->len > 0) {
            memcpy(at, parts[i]->data, parts[i]->len);
        }
        parts[i]->data = at;
        at += parts[i]->len;
    }
    return late;
}

/* A peer that answers nothing must not make us keep more than it may leave unread. */
static pyn_status keep(struct pyn_link *link, uint64_t lane, uint64_t depth, const struct pyn_reply *reply)
{
    struct pyn_late *late = copy(lane, depth, reply);
    struct pyn_late **at = &link->late;

    if (late == NULL) {
        return PYN_ENOMEM;
    }
    if (link->late_bytes + late->size > link->quotas->max[PYN_Q_OUTPUT]) {
        free(late);
        return PYN_EFLOOD;
    }
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = late;
    link->late_bytes += late->size;
    return PYN_OK;
}

static void drop(struct pyn_link *link, struct pyn_late **at)
{
    struct pyn_late *late = *at;

    *at = late->next;
    link->late_bytes -= late->size;
    free(late);
}

pyn_status pyn_link_reply(struct pyn_link *link, uint64_t lane, uint64_t depth, const struct pyn_reply *reply)
{
    pyn_link_forget_missed(link, lane);
    return pyn_session_may_answer(link->session, lane, depth) ? send(link, lane, reply) : keep(link, lane, depth, reply);
}

void pyn_link_answer_late(struct pyn_link *link, uint64_t lane)
{
    struct pyn_late **at = &link->late;
    pyn_status st = PYN_OK;

    while (*at != NULL && link->over == PYN_OK) {
        if ((*at)->lane != lane || !pyn_session_may_answer(link->session, lane, (*at)->depth)) {
            at = &(*at)->next;
            continue;
        }
        st = send(link, lane, &(*at)->reply);
        drop(link, at);
        if (st != PYN_OK) {
            pyn_link_end(link, st, pyn_status_name(st));
        }
        return; /* the next one of this lane, if there is any, has another call of ours inside */
    }
}

bool pyn_link_is_late(const struct pyn_link *link, uint64_t lane)
{
    const struct pyn_late *late = link->late;

    while (late != NULL && late->lane != lane) {
        late = late->next;
    }
    return late != NULL;
}

void pyn_link_drop_late(struct pyn_link *link)
{
    while (link->late != NULL) {
        drop(link, &link->late);
    }
}
