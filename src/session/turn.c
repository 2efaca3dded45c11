/* turn.c - see turn.h. */
#include "turn.h"

static void unlink_newest(struct pyn_queue *queue, struct pyn_turn *turn)
{
    if (turn->newer != NULL) {
        turn->newer->older = turn->older;
    } else if (queue->newest == turn) {
        queue->newest = turn->older;
    }
    if (turn->older != NULL) {
        turn->older->newer = turn->newer;
    }
    turn->older = turn->newer = NULL;
}

static void link_newest(struct pyn_queue *queue, struct pyn_turn *turn)
{
    turn->newer = NULL;
    turn->older = queue->newest;
    if (turn->older != NULL) {
        turn->older->newer = turn;
    }
    queue->newest = turn;
}

void pyn_queue_put(struct pyn_queue *queue, struct pyn_turn *turn)
{
    turn->next = NULL;
    if (queue->last == NULL) {
        queue->first = turn;
    } else {
        queue->last->next = turn;
    }
    queue->last = turn;
    link_newest(queue, turn);
}

bool pyn_queue_repeat(struct pyn_queue *queue, const struct pyn_batch *batch, enum pyn_quota quota)
{
    struct pyn_turn *last = queue->last;

    if (last == NULL || last->verdict != PYN_EQUOTA || last->quota != quota || last->batch != batch) {
        return false;
    }
    last->repeat++;
    if (queue->newest != last) {
        link_newest(queue, last);
    }
    return true;
}

struct pyn_turn *pyn_queue_take(struct pyn_queue *queue)
{
    struct pyn_turn *turn = queue->first;

    if (turn != NULL) {
        queue->first = turn->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
        unlink_newest(queue, turn);
        turn->next = NULL;
    }
    return turn;
}

struct pyn_turn *pyn_queue_cancel(struct pyn_queue *queue)
{
    struct pyn_turn *turn = queue->newest;

    if (turn != NULL && ++turn->cancels == turn->repeat) {
        unlink_newest(queue, turn);
    }
    return turn;
}

void pyn_queue_settle(struct pyn_queue *queue, const struct pyn_batch *batch)
{
    while (queue->newest != NULL && queue->newest->batch == batch) {
        unlink_newest(queue, queue->newest);
    }
}
