/* line.c - see line.h. */
#include "line.h"

void pyn_line_put(struct pyn_line *line, struct pyn_call *call)
{
    struct pyn_call **at = line->last != NULL ? &line->last->next : &line->first;

    if (call->is_overdue) { /* it passes no more than the quota `calls` lets stand here */
        for (at = &line->first; *at != NULL && (*at)->arrival < call->arrival; at = &(*at)->next) {}
    }
    call->next = *at;
    *at = call;
    if (call->next == NULL) {
        line->last = call;
    }
}

struct pyn_call *pyn_line_take(struct pyn_line *line)
{
    struct pyn_call *call = line->first;

    if (call != NULL) {
        line->first = call->next;
        line->last = line->first != NULL ? line->last : NULL;
    }
    return call;
}

struct pyn_call *pyn_line_find(const struct pyn_line *line, uint64_t lane)
{
    struct pyn_call *call = line->first;

    while (call != NULL && call->lane != lane) {
        call = call->next;
    }
    return call;
}
