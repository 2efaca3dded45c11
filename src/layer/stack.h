/*
 * stack.h - the layers of one connection, one on another: the stream's bytes in, the session's out, and back.
 *
 * Each layer begins when the one below it is open. The stack is open when all are: until then nothing of the session's is taken.
 *
 * Owns:     its layers and buffers. An idle stack holds no buffer, one in the middle of much keeps those that it has, and a busy one never more than PYN_STACK_UP_MAX and PYN_STACK_OUT_MAX bytes
 *           for each layer, whatever the peer does; a peer that makes us answer more than that without reading it is a flood.
 * Borrows:  mem, for its life. Views that it hands out are good until the next call that is not const.
 * Errors:   as of layer.h, final; pyn_stack_reason() says why. PYN_EFLOOD: the answers do not fit.
 * Threads:  one at a time: the runtime holds the link's lock.
 * Tests:    tests/unit/test_layer.c
 */
#ifndef PYN_STACK_H
#define PYN_STACK_H

#include "layer.h"

enum {
    PYN_LAYERS_MAX = 4,
    PYN_STACK_UP_MAX = 256 * 1024,  /* bytes: what is read at once, and what a layer had kept */
    PYN_STACK_OUT_MAX = 256 * 1024, /* bytes: a wrapped chunk, and answers */
};

/* How a layer is made for a new connection. PYN_OK with *out, or class broken. */
struct pyn_layer_source {
    pyn_status (*make)(const void *ctx, const struct pyn_mem *mem, struct pyn_layer **out);
    const void *ctx; /* borrowed by whoever keeps the source */
};

struct pyn_layer_sources {
    struct pyn_layer_source from[PYN_LAYERS_MAX]; /* from the stream up */
    uint32_t count;
};

/* How an open one is made anew from what ops->save() has written. PYN_EFORMAT: that is not it. */
struct pyn_layer_revival {
    const char *name; /* of its ops */
    pyn_status (*revive)(const void *ctx, const struct pyn_mem *mem, struct pyn_view state, struct pyn_layer **out);
    const void *ctx; /* borrowed, as long as the layer lives */
};

struct pyn_stack;

/* Makes the layers, and begins: what the first has to say stands in the output. *out is NULL when there is no source. */
pyn_status pyn_stack_new(const struct pyn_mem *mem, const struct pyn_layer_sources *sources, struct pyn_stack **out);
void pyn_stack_free(struct pyn_stack *stack); /* accepts NULL */

/*
 * An open one, for another process, where it goes on when this one is freed: appended to state, which may hold keys and is the caller's to wipe.
 * PYN_EWAIT: output stands there, or a layer is in the middle of something. Any other: it cannot, or is over.
 */
pyn_status pyn_stack_save(const struct pyn_stack *stack, struct pyn_buf *state);
/* The same stack over there. PYN_EFORMAT: that is not what save wrote, or there is no revival for one of its layers. */
pyn_status pyn_stack_revive(const struct pyn_mem *mem, const struct pyn_layer_revival *revivals, uint32_t revival_count,
                            struct pyn_view state, struct pyn_stack **out);

/* From the stream up; NULL: there are not so many. */
struct pyn_layer *pyn_stack_layer(struct pyn_stack *stack, uint32_t index);

bool pyn_stack_is_open(const struct pyn_stack *stack);
/* "no handshake in time", while a layer is not open: "no websocket handshake in time". */
const char *pyn_stack_waits_for(const struct pyn_stack *stack);
const char *pyn_stack_reason(const struct pyn_stack *stack);

/* Bytes of the stream, all of which are taken. *plain: what they mean for the session, also when the status is not PYN_OK: it came before. */
pyn_status pyn_stack_receive(struct pyn_stack *stack, struct pyn_view bytes, struct pyn_view *plain);
/* The same after a layer has been told what it waited for: what it kept goes up. */
pyn_status pyn_stack_resume(struct pyn_stack *stack, struct pyn_view *plain);
/* *plain was used: its buffer goes; or it stays, because much more of the same is coming. */
void pyn_stack_used(struct pyn_stack *stack);
void pyn_stack_used_some(struct pyn_stack *stack);

/* Wraps the front of the session's bytes, *taken of them: 0 while it is not open, or while output waits. */
pyn_status pyn_stack_send(struct pyn_stack *stack, struct pyn_view plain, size_t *taken);

/* What is to be written to the stream, and that it was. */
struct pyn_view pyn_stack_output(const struct pyn_stack *stack);
void pyn_stack_written(struct pyn_stack *stack, size_t len);

/* The last words of every layer that has begun go into the output, once. why: PYN_EGONE for an orderly end. */
void pyn_stack_finish(struct pyn_stack *stack, pyn_status why);

#endif
