/* move.c - a stack that goes on in another process: how many layers, and of each its name and what it has saved, with their lengths ahead. */
#include "../wire/bigend.h"
#include "stack_state.h"

enum { LEN_LEN = 4 };

/* ---- saving ---- */

static pyn_status put_sized(struct pyn_buf *state, struct pyn_view bytes)
{
    uint8_t len[LEN_LEN];
    pyn_status st = PYN_EINTERNAL;

    pyn_be_put_u32(len, (uint32_t)bytes.len);
    st = pyn_buf_append(state, len, sizeof len);
    return st == PYN_OK && bytes.len > 0 ? pyn_buf_append(state, bytes.data, bytes.len) : st;
}

/* Its length is known when it is there. */
static pyn_status save_layer(const struct pyn_layer *layer, struct pyn_buf *state)
{
    uint8_t len[LEN_LEN] = {0};
    size_t at = 0;
    pyn_status st = put_sized(state, pyn_view_of(layer->ops->name));

    if (st == PYN_OK) {
        at = pyn_buf_len(state);
        st = pyn_buf_append(state, len, sizeof len);
    }
    if (st == PYN_OK) {
        st = layer->ops->save(layer, state);
    }
    if (st == PYN_OK) {
        pyn_be_put_u32(len, (uint32_t)(pyn_buf_len(state) - at - LEN_LEN));
        for (size_t i = 0; i < LEN_LEN; i++) {
            pyn_buf_patch(state, at + i, len[i]);
        }
    }
    return st;
}

pyn_status pyn_stack_save(const struct pyn_stack *stack, struct pyn_buf *state)
{
    const uint8_t count = (uint8_t)stack->count;
    pyn_status st = stack->over;

    if (st != PYN_OK || stack->is_finished) {
        return st != PYN_OK ? st : PYN_EGONE;
    }
    if (!pyn_stack_is_open(stack) || pyn_buf_len(&stack->out) > 0) {
        return PYN_EWAIT;
    }
    st = pyn_buf_append(state, &count, 1);
    for (uint32_t i = 0; st == PYN_OK && i < stack->count; i++) {
        st = stack->layers[i]->ops->save != NULL ? save_layer(stack->layers[i], state) : PYN_EPROTOCOL;
    }
    return st;
}

/* ---- reviving ---- */

static bool take_sized(struct pyn_view *state, struct pyn_view *bytes)
{
    if (state->len < LEN_LEN) {
        return false;
    }
    *bytes = (struct pyn_view){state->data + LEN_LEN, pyn_be_u32(state->data)};
    if (bytes->len > state->len - LEN_LEN) {
        return false;
    }
    state->data += LEN_LEN + bytes->len;
    state->len -= LEN_LEN + bytes->len;
    return true;
}

static pyn_status revive_layer(struct pyn_stack *stack, const struct pyn_layer_revival *revivals,
                               uint32_t revival_count, struct pyn_view *state)
{
    struct pyn_view name;
    struct pyn_view saved;

    if (!take_sized(state, &name) || !take_sized(state, &saved)) {
        return PYN_EFORMAT;
    }
    for (uint32_t i = 0; i < revival_count; i++) {
        if (pyn_view_is_equal(pyn_view_of(revivals[i].name), name)) {
            pyn_status st = revivals[i].revive(revivals[i].ctx, stack->mem, saved, &stack->layers[stack->count]);
            if (st == PYN_OK) {
                stack->count++;
            }
            return st;
        }
    }
    return PYN_EFORMAT;
}

pyn_status pyn_stack_revive(const struct pyn_mem *mem, const struct pyn_layer_revival *revivals, uint32_t revival_count,
                            struct pyn_view state, struct pyn_stack **out)
{
    const uint8_t count = state.len > 0 ? state.data[0] : 0;
    struct pyn_stack *stack = NULL;
    pyn_status st = PYN_OK;

    *out = NULL;
    if (count == 0 || count > PYN_LAYERS_MAX) {
        return PYN_EFORMAT;
    }
    stack = pyn_stack_alloc(mem);
    if (stack == NULL) {
        return PYN_ENOMEM;
    }
    state.data++;
    state.len--;
    for (uint8_t i = 0; st == PYN_OK && i < count; i++) {
        st = revive_layer(stack, revivals, revival_count, &state);
    }
    stack->begun = stack->count;
    if (st == PYN_OK && (state.len > 0 || !pyn_stack_is_open(stack))) {
        st = PYN_EFORMAT;
    }
    if (st != PYN_OK) {
        pyn_stack_free(stack);
        return st;
    }
    *out = stack;
    return PYN_OK;
}
