/*
 * A type, wherever a string of the grammar stands: its alternatives are one or as many as there may be, in their order; a union takes all of them from the stack, and
 * what was on it stays. Alternatives are read by contract; one has a proof of its own.
 */
#include "../../policy/grammar.h"
#include "proof.h"

/* So many, that the loop over them is short. */
#define PYN_ALTERNATIVE_MAX 2
#include "../../policy/union.c"

enum { BYTES = 8, STACK_ROOM = 4 };

static const struct pyn_type one;
static struct pyn_type made;
static const struct pyn_type *items[PYN_ALTERNATIVE_MAX];
static const struct pyn_type *stack[STACK_ROOM];
static const struct pyn_type *grown[STACK_ROOM * 2];
static size_t alternatives;

pyn_status pyn_cursor_alternative(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
{
    const size_t left = cursor->text.len - cursor->at;
    const size_t taken = nondet_size();

    (void)depth;
    PROVE(cursor->at <= cursor->text.len, "the cursor is inside of the text");
    *out = NULL;
    if (left == 0 || nondet_bool()) {
        return nondet_bool() ? PYN_ENOMEM : pyn_cursor_fault(cursor, "a type is wanted");
    }
    ASSUME(taken > 0 && taken <= left);
    cursor->at += taken;
    alternatives++;
    *out = &one;
    return PYN_OK;
}

/* That of arena.c: what it gives is zeroed. */
void *pyn_arena_new(struct pyn_arena *arena, size_t count, size_t size)
{
    (void)arena;
    if (nondet_bool()) {
        return NULL;
    }
    if (size == sizeof made) {
        made = (struct pyn_type){0};
        return &made;
    }
    PROVE(count >= 2 && count <= PYN_ALTERNATIVE_MAX, "a union has two at least, and no more than may be");
    return items;
}

/* That of mem.c: the stack, with more room. */
void *pyn_mem_resize(const struct pyn_mem *mem, void *old, size_t count, size_t size)
{
    (void)mem;
    PROVE(old == (void *)stack && count == STACK_ROOM * 2 && size == sizeof stack[0],
          "the stack becomes twice as large");
    if (nondet_bool()) {
        return NULL;
    }
    for (size_t i = 0; i < STACK_ROOM; i++) {
        grown[i] = stack[i];
    }
    return (void *)grown;
}

int main(void)
{
    uint8_t block[BYTES];
    const size_t len = nondet_size_to(BYTES);
    struct pyn_grammar grammar = {
        .stack = stack, .stack_room = STACK_ROOM, .stack_len = nondet_size_to(STACK_ROOM), .type_count = nondet_size()};
    struct pyn_cursor cursor = {&grammar, {LAST_BYTES(block, len), len}, nondet_size_to(len), 0};
    const size_t start = cursor.at;
    const size_t base = grammar.stack_len;
    const struct pyn_type *type = NULL;
    static const struct pyn_type below;
    const size_t any = nondet_size_to(STACK_ROOM - 1); /* one of those that wait, whichever */

    stack[any] = &below;
    const pyn_status st = pyn_cursor_type(&cursor, nondet_u32(), &type);

    PROVE(cursor.at >= start && cursor.at <= len, "the cursor is inside of the text");
    PROVE(grammar.stack_len <= grammar.stack_room, "the stack has room for what is on it");
    PROVE(any >= base || grammar.stack[any] == &below, "what waits stays where it is");
    if (st != PYN_OK) {
        PROVE(st == PYN_ENOMEM || (st == PYN_EFORMAT && grammar.fault.what != NULL && grammar.fault.at <= len),
              "a fault says what, and where");
        return 0;
    }
    PROVE(cursor.at > start, "it goes on");
    PROVE(grammar.stack_len == base, "the stack is as high as it was");
    PROVE(alternatives >= 1 && alternatives <= PYN_ALTERNATIVE_MAX, "no more alternatives than may be");
    PROVE(type == (alternatives == 1 ? &one : &made), "several are a union, and one is itself");
    PROVE(alternatives == 1 || (made.kind == PYN_T_UNION && made.count == alternatives && made.items == items),
          "which has them all");
    PROVE(alternatives == 1 || (items[0] == &one && items[1] == &one), "and each in its place");
    PROVE(alternatives == 1 || (made.spelling.data == cursor.text.data + start && made.spelling.len == cursor.at - start),
          "and is spelled as it stands there");
    return 0;
}
