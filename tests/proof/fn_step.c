/*
 * The type of a callable, wherever a string of the grammar stands: no more parameters than there may be, those that may be missing behind the others, and all of
 * them taken from the stack. Types are read by contract.
 */
#include "../../policy/grammar.h"
#include "proof.h"

/* So many, that the loop over them is short. */
#define PYN_PARAM_MAX 3
#include "../../policy/fn.c"

enum { BYTES = 10, STACK_MOST = 4 };

static struct pyn_type results[2]; /* no union, and one */
static struct pyn_type made;
static struct pyn_param params[PYN_PARAM_MAX];
static struct pyn_signature call;
static const struct pyn_type *stack[STACK_MOST + PYN_PARAM_MAX];
static const struct pyn_type any_type;
static uint32_t outer_depth;
static size_t pushed;
static bool was_used;

static pyn_status read_any(struct pyn_cursor *cursor, uint32_t depth)
{
    const size_t left = cursor->text.len - cursor->at;
    const size_t taken = nondet_size();

    PROVE(cursor->at <= cursor->text.len && depth == outer_depth + 1, "what is inside is one deeper");
    if (left == 0 || nondet_bool()) {
        return nondet_bool() ? PYN_ENOMEM : pyn_cursor_fault(cursor, "a type is wanted");
    }
    ASSUME(taken > 0 && taken <= left);
    cursor->at += taken;
    return PYN_OK;
}

pyn_status pyn_cursor_push(struct pyn_cursor *cursor, uint32_t depth)
{
    pyn_status st = read_any(cursor, depth);

    if (st == PYN_OK) {
        PROVE(pushed < PYN_PARAM_MAX, "no more parameters are read than may be");
        pushed++;
        cursor->grammar->stack[cursor->grammar->stack_len++] = &any_type;
    }
    return st;
}

pyn_status pyn_cursor_type(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
{
    pyn_status st = read_any(cursor, depth);

    *out = st == PYN_OK ? &results[nondet_bool()] : NULL;
    return st;
}

pyn_status pyn_cursor_alternative(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
{
    pyn_status st = read_any(cursor, depth);

    *out = st == PYN_OK ? &results[0] : NULL;
    return st;
}

pyn_status pyn_cursor_new_type(struct pyn_cursor *cursor, enum pyn_type_kind kind, size_t start, size_t base,
                               struct pyn_type **out)
{
    PROVE(base == cursor->grammar->stack_len && kind == PYN_T_IFACE, "it is an interface, and takes nothing");
    PROVE(start <= cursor->at && cursor->at <= cursor->text.len, "its spelling is inside of the text");
    *out = nondet_bool() ? &made : NULL;
    return *out != NULL ? PYN_OK : PYN_ENOMEM;
}

pyn_status pyn_cursor_add_use(struct pyn_cursor *cursor, struct pyn_type *type, struct pyn_signature *used)
{
    (void)cursor;
    PROVE(type == &made && used == &call, "it waits to be resolved, with its signature");
    was_used = true;
    return nondet_bool() ? PYN_OK : PYN_ENOMEM;
}

void *pyn_arena_new(struct pyn_arena *arena, size_t count, size_t size)
{
    (void)arena;
    if (nondet_bool()) {
        return NULL;
    }
    PROVE(size == sizeof params[0] ? count == pushed : size == sizeof call && count == 1, "room for what was read");
    return size == sizeof params[0] ? (void *)params : (void *)&call;
}

int main(void)
{
    uint8_t block[BYTES];
    const size_t len = nondet_size_to(BYTES);
    struct pyn_grammar grammar = {
        .stack = stack, .stack_room = STACK_MOST + PYN_PARAM_MAX, .stack_len = nondet_size_to(STACK_MOST)};
    struct pyn_cursor cursor = {&grammar, {LAST_BYTES(block, len), len}, nondet_size_to(len), 0};
    const size_t start = nondet_size_to(cursor.at);
    const size_t before = cursor.at;
    const size_t base = grammar.stack_len;
    const bool is_async = nondet_bool();
    const struct pyn_type *type = NULL;

    results[0].kind = PYN_T_INT;
    results[1].kind = PYN_T_UNION;
    outer_depth = nondet_u32();
    ASSUME(outer_depth < PYN_NEST_MAX);
    const pyn_status st = pyn_cursor_fn(&cursor, outer_depth, start, is_async, &type);

    PROVE(cursor.at >= before && cursor.at <= len, "the cursor is inside of the text");
    if (st != PYN_OK) {
        PROVE(st == PYN_ENOMEM || (st == PYN_EFORMAT && grammar.fault.what != NULL && grammar.fault.at <= len),
              "a fault says what, and where");
        return 0;
    }
    PROVE(cursor.at > before && type == &made && was_used, "it goes on, and waits to be resolved");
    PROVE(grammar.stack_len == base, "the stack is as high as it was");
    PROVE(call.is_async == is_async && call.params == params && call.result != NULL, "all of it is there");
    PROVE(call.param_count == pushed && call.place_count == pushed && pushed <= PYN_PARAM_MAX, "no more than may be");
    for (size_t i = 0; i < pushed; i++) {
        PROVE(params[i].kind == PYN_P_POSITIONAL && params[i].type == &any_type, "each is what was read");
        PROVE(i == 0 || !params[i - 1].is_optional || params[i].is_optional, "what may be missing comes last");
    }
    return 0;
}
