/* lanes.c - see lanes.h. */
#include "lanes.h"

#include <assert.h>

enum {
    LANES_KEPT = 4, /* blocks for the next taker */
    FRAMES_KEPT = 8,
};

void pyn_lanes_init(struct pyn_lanes *lanes, const struct pyn_mem *mem, uint64_t own, uint64_t next)
{
    *lanes = (struct pyn_lanes){.own = own, .next = next};
    pyn_pool_init(&lanes->lane_pool, mem, sizeof(struct pyn_lane), LANES_KEPT);
    pyn_pool_init(&lanes->frame_pool, mem, sizeof(struct pyn_frame), FRAMES_KEPT);
}

void pyn_lanes_fini(struct pyn_lanes *lanes)
{
    struct pyn_lane *lane = NULL;

    while ((lane = pyn_idmap_any(&lanes->map)) != NULL) {
        pyn_lanes_pop(lanes, lane);
    }
    pyn_lanes_rest(lanes);
}

void pyn_lanes_rest(struct pyn_lanes *lanes)
{
    pyn_pool_rest(&lanes->lane_pool);
    pyn_pool_rest(&lanes->frame_pool);
    pyn_mem_free(lanes->lane_pool.mem, lanes->idle);
    lanes->idle = NULL;
    lanes->idle_count = 0;
}

static bool is_waiting(const struct pyn_lane *lane)
{
    return lane->top != NULL && !lane->top->is_serving;
}

/* Those of the other side are numbered by it. */
static bool can_remember(struct pyn_lanes *lanes, uint64_t number)
{
    if (lanes->idle == NULL && pyn_lanes_is_ours(lanes, number)) {
        lanes->idle = pyn_mem_resize(lanes->lane_pool.mem, NULL, PYN_IDLE_MAX, sizeof *lanes->idle);
        return lanes->idle != NULL;
    }
    return true;
}

static struct pyn_lane *begin(struct pyn_lanes *lanes, uint64_t number)
{
    struct pyn_lane *lane = can_remember(lanes, number) ? pyn_pool_take(&lanes->lane_pool) : NULL;

    if (lane != NULL) {
        *lane = (struct pyn_lane){.top = NULL};
        pyn_idmap_add(&lanes->map, &lane->node, number, 0);
    }
    return lane;
}

static void end(struct pyn_lanes *lanes, struct pyn_lane *lane)
{
    uint64_t number = lane->node.id;

    pyn_idmap_remove(&lanes->map, &lane->node);
    pyn_pool_give(&lanes->lane_pool, lane);
    if (pyn_lanes_is_ours(lanes, number) && lanes->idle != NULL && lanes->idle_count < PYN_IDLE_MAX) {
        lanes->idle[lanes->idle_count++] = number;
    }
}

pyn_status pyn_lanes_push(struct pyn_lanes *lanes, uint64_t number, bool is_serving, struct pyn_frame **out)
{
    struct pyn_lane *lane = pyn_lanes_find(lanes, number);
    struct pyn_frame *frame = pyn_pool_take(&lanes->frame_pool);

    *out = NULL;
    if (frame == NULL) {
        return PYN_ENOMEM;
    }
    if (lane == NULL) {
        lane = begin(lanes, number);
        if (lane == NULL) {
            pyn_pool_give(&lanes->frame_pool, frame);
            return PYN_ENOMEM;
        }
    }
    lanes->waiting -= is_waiting(lane);
    *frame = (struct pyn_frame){.below = lane->top, .depth = ++lane->depth, .is_serving = is_serving};
    lane->top = frame;
    lanes->waiting += is_waiting(lane);
    *out = frame;
    return PYN_OK;
}

void pyn_lanes_pop(struct pyn_lanes *lanes, struct pyn_lane *lane)
{
    struct pyn_frame *frame = lane->top;

    assert(frame->queue.first == NULL);
    lanes->waiting -= is_waiting(lane);
    lane->top = frame->below;
    lane->depth--;
    lanes->waiting += is_waiting(lane);
    pyn_mem_free(lanes->frame_pool.mem, frame->items);
    pyn_mem_free(lanes->frame_pool.mem, frame->expects);
    pyn_pool_give(&lanes->frame_pool, frame);
    if (lane->depth == 0) {
        end(lanes, lane);
    }
}

uint64_t pyn_lanes_pick(struct pyn_lanes *lanes)
{
    uint64_t number = 0;

    while (lanes->idle_count > 0) {
        number = lanes->idle[--lanes->idle_count];
        if (pyn_lanes_find(lanes, number) == NULL) {
            return number;
        }
    }
    do {
        number = lanes->next;
        lanes->next += 2;
    } while (pyn_lanes_find(lanes, number) != NULL);
    return number;
}
