/*
 * stack_state.h - what a stack is made of; private to stack.c and move.c.
 */
#ifndef PYN_STACK_STATE_H
#define PYN_STACK_STATE_H

#include "stack.h"

struct pyn_stack {
    const struct pyn_mem *mem;
    struct pyn_layer *layers[PYN_LAYERS_MAX]; /* from the stream up */
    uint32_t count;
    uint32_t begun;         /* layers[0 .. begun - 1] have begun */
    struct pyn_buf up[2];   /* in turn: what came out of a layer, while the next one reads it */
    struct pyn_buf down[2]; /* in turn: what goes into the layer below */
    struct pyn_buf out;
    pyn_status over; /* PYN_OK as long as it lives */
    const char *reason;
    bool is_finished;
    bool is_amid; /* what was wrapped last is the front of more */
};

/* One without layers; NULL: out of memory. */
struct pyn_stack *pyn_stack_alloc(const struct pyn_mem *mem);

#endif
