/* stack.c - see stack.h. */
#include "stack_state.h"

#include <assert.h>

/* ---- the way down ---- */

/* Where layer at writes: the lowest straight into the output. */
static struct pyn_buf *below(struct pyn_stack *stack, uint32_t at)
{
    return at == 0 ? &stack->out : &stack->down[at % 2];
}

/* The first reason stands; but what a layer above has met says more than that what carries it has ended. */
static pyn_status fail(struct pyn_stack *stack, pyn_status st, const char *reason)
{
    if (stack->over == PYN_OK || stack->over == PYN_EGONE) {
        stack->over = st;
        stack->reason = reason;
    }
    return stack->over;
}

/* A layer that gives no reason has passed on what a buffer said. */
static pyn_status fail_of(struct pyn_stack *stack, const struct pyn_layer *layer, pyn_status st)
{
    if (layer->reason != NULL) {
        return fail(stack, st, layer->reason);
    }
    return st == PYN_ESIZE ? fail(stack, PYN_EFLOOD, "more has to be answered than the peer reads")
                           : fail(stack, st, pyn_status_name(st));
}

/* What layer at has written below itself goes through all those below. */
static pyn_status pass_down(struct pyn_stack *stack, uint32_t at)
{
    pyn_status st = PYN_OK;

    while (at > 0 && st == PYN_OK) {
        struct pyn_buf *from = below(stack, at);
        if (pyn_buf_len(from) > 0) {
            struct pyn_layer *layer = stack->layers[at - 1];
            st = layer->ops->send(layer, pyn_buf_view(from), below(stack, at - 1));
            if (st != PYN_OK) {
                st = fail_of(stack, layer, st);
            }
        }
        pyn_buf_fini(from);
        at--;
    }
    return st;
}

/* Each layer whose foundation is open begins. */
static pyn_status begin(struct pyn_stack *stack)
{
    pyn_status st = PYN_OK;

    while (st == PYN_OK && stack->begun < stack->count &&
           (stack->begun == 0 || stack->layers[stack->begun - 1]->is_open)) {
        uint32_t at = stack->begun++;
        struct pyn_layer *layer = stack->layers[at];
        if (layer->ops->start == NULL) {
            continue;
        }
        st = layer->ops->start(layer, below(stack, at));
        st = st == PYN_OK ? pass_down(stack, at) : fail_of(stack, layer, st);
    }
    return st;
}

/* ---- life ---- */

static pyn_status make_layers(struct pyn_stack *stack, const struct pyn_layer_sources *sources)
{
    assert(sources->count <= PYN_LAYERS_MAX);
    while (stack->count < sources->count) {
        const struct pyn_layer_source *source = &sources->from[stack->count];
        pyn_status st = source->make(source->ctx, stack->mem, &stack->layers[stack->count]);
        if (st != PYN_OK) {
            return st;
        }
        stack->count++;
    }
    return begin(stack);
}

struct pyn_stack *pyn_stack_alloc(const struct pyn_mem *mem)
{
    struct pyn_stack *stack = pyn_mem_new(mem, 1, sizeof *stack);

    if (stack == NULL) {
        return NULL;
    }
    stack->mem = mem;
    stack->over = PYN_OK;
    for (int i = 0; i < 2; i++) {
        pyn_buf_init(&stack->up[i], mem, PYN_STACK_UP_MAX);
        pyn_buf_init(&stack->down[i], mem, PYN_STACK_OUT_MAX);
    }
    pyn_buf_init(&stack->out, mem, PYN_STACK_OUT_MAX);
    return stack;
}

pyn_status pyn_stack_new(const struct pyn_mem *mem, const struct pyn_layer_sources *sources, struct pyn_stack **out)
{
    struct pyn_stack *stack = NULL;
    pyn_status st = PYN_EINTERNAL;

    *out = NULL;
    if (sources->count == 0) {
        return PYN_OK;
    }
    stack = pyn_stack_alloc(mem);
    if (stack == NULL) {
        return PYN_ENOMEM;
    }
    st = make_layers(stack, sources);
    if (st != PYN_OK) {
        pyn_stack_free(stack);
        return st;
    }
    *out = stack;
    return PYN_OK;
}

void pyn_stack_free(struct pyn_stack *stack)
{
    if (stack == NULL) {
        return;
    }
    for (uint32_t i = 0; i < stack->count; i++) {
        stack->layers[i]->ops->free(stack->layers[i]);
    }
    for (int i = 0; i < 2; i++) {
        pyn_buf_fini(&stack->up[i]);
        pyn_buf_fini(&stack->down[i]);
    }
    pyn_buf_fini(&stack->out);
    pyn_mem_free(stack->mem, stack);
}

/* ---- looking ---- */

bool pyn_stack_is_open(const struct pyn_stack *stack)
{
    return stack->begun == stack->count && stack->layers[stack->count - 1]->is_open;
}

const char *pyn_stack_waits_for(const struct pyn_stack *stack)
{
    return stack->layers[stack->begun - 1]->ops->name;
}

const char *pyn_stack_reason(const struct pyn_stack *stack)
{
    return stack->reason != NULL ? stack->reason : pyn_status_name(stack->over);
}

struct pyn_view pyn_stack_output(const struct pyn_stack *stack)
{
    return pyn_buf_view(&stack->out);
}

/* ---- bytes ---- */

void pyn_stack_used(struct pyn_stack *stack)
{
    pyn_buf_fini(&stack->up[0]);
    pyn_buf_fini(&stack->up[1]);
}

void pyn_stack_used_some(struct pyn_stack *stack)
{
    pyn_buf_clear(&stack->up[0]);
    pyn_buf_clear(&stack->up[1]);
}

/* Layer at reads what came to it; what it wants to say goes down at once, ahead of anything that is sent later. */
static pyn_status receive_at(struct pyn_stack *stack, uint32_t at, struct pyn_view bytes)
{
    struct pyn_layer *layer = stack->layers[at];
    pyn_status st = PYN_OK;

    if (bytes.len > 0) {
        st = layer->ops->receive(layer, bytes, &stack->up[at % 2], below(stack, at));
    } else if (layer->ops->resume != NULL) {
        st = layer->ops->resume(layer, &stack->up[at % 2], below(stack, at));
    }

    if (st != PYN_OK) {
        st = fail_of(stack, layer, st);
        (void)pass_down(stack, at);
        return st;
    }
    st = pass_down(stack, at);
    return st == PYN_OK ? begin(stack) : st;
}

/* Layer at has ended in an orderly way, and none above it has said anything: theirs is cut. */
static void note_cut(struct pyn_stack *stack, uint32_t at)
{
    if (at + 1 < stack->count) {
        stack->reason = pyn_stack_is_open(stack)
                            ? "cut: what carries the stream has ended, but nobody has ended the stream"
                            : "closed in the middle of the handshake: is that the server of this key?";
    }
}

/* Without bytes the layers are resumed. */
static pyn_status go_up(struct pyn_stack *stack, struct pyn_view bytes, struct pyn_view *plain)
{
    const bool is_resumed = bytes.len == 0;
    pyn_status st = stack->over;
    uint32_t ended = stack->count; /* the highest that has */

    *plain = (struct pyn_view){NULL, 0};
    pyn_stack_used_some(stack);
    if (st != PYN_OK || stack->is_finished) {
        return st;
    }
    /* A layer that fails has still passed up what came before: the layers above read that, and no more. */
    for (uint32_t at = 0; at < stack->begun && (is_resumed || bytes.len > 0); at++) {
        pyn_status failed = receive_at(stack, at, bytes);
        pyn_buf_clear(&stack->up[(at + 1) % 2]);
        if (failed != PYN_OK) {
            st = failed;
            ended = at;
        }
        bytes = pyn_buf_view(&stack->up[at % 2]);
        if (at + 1 == stack->count) {
            *plain = bytes;
        } else if (at + 1 == stack->begun && bytes.len > 0) {
            return fail(stack, PYN_EINTERNAL, "a layer has passed bytes up before it was open");
        }
    }
    if (st == PYN_EGONE) {
        note_cut(stack, ended);
    }
    return st;
}

pyn_status pyn_stack_receive(struct pyn_stack *stack, struct pyn_view bytes, struct pyn_view *plain)
{
    *plain = (struct pyn_view){NULL, 0};
    return bytes.len > 0 ? go_up(stack, bytes, plain) : stack->over;
}

pyn_status pyn_stack_resume(struct pyn_stack *stack, struct pyn_view *plain)
{
    return go_up(stack, (struct pyn_view){NULL, 0}, plain);
}

struct pyn_layer *pyn_stack_layer(struct pyn_stack *stack, uint32_t index)
{
    return index < stack->count ? stack->layers[index] : NULL;
}

pyn_status pyn_stack_send(struct pyn_stack *stack, struct pyn_view plain, size_t *taken)
{
    uint32_t top = stack->count - 1;
    struct pyn_layer *layer = stack->layers[top];
    pyn_status st = stack->over;

    *taken = 0;
    if (st != PYN_OK || stack->is_finished || !pyn_stack_is_open(stack) || pyn_buf_len(&stack->out) > 0) {
        return st;
    }
    stack->is_amid = plain.len > PYN_LAYER_CHUNK;
    if (stack->is_amid) {
        plain.len = PYN_LAYER_CHUNK;
    }
    st = layer->ops->send(layer, plain, below(stack, top));
    if (st != PYN_OK) {
        return fail_of(stack, layer, st);
    }
    *taken = plain.len;
    return pass_down(stack, top);
}

void pyn_stack_written(struct pyn_stack *stack, size_t len)
{
    if (len < pyn_buf_len(&stack->out)) {
        pyn_buf_consume(&stack->out, len);
    } else if (stack->is_amid) {
        pyn_buf_clear(&stack->out);
    } else {
        pyn_buf_fini(&stack->out);
    }
}

void pyn_stack_finish(struct pyn_stack *stack, pyn_status why)
{
    if (stack->is_finished) {
        return;
    }
    stack->is_finished = true;
    for (uint32_t at = stack->begun; at-- > 0;) {
        struct pyn_layer *layer = stack->layers[at];
        if (layer->ops->finish != NULL) {
            layer->ops->finish(layer, why, below(stack, at));
            (void)pass_down(stack, at); /* without memory it ends without a word */
        }
    }
}
