/* union.c - the types that wait for the one that they are in, and unions; see grammar.h. */
#include "grammar.h"

/* The stack has the types that wait for the one that they are in. */
static pyn_status push(struct pyn_grammar *grammar, const struct pyn_type *type)
{
    if (grammar->stack_len == grammar->stack_room) {
        size_t room = grammar->stack_room == 0 ? 64 : grammar->stack_room * 2;
        void *stack = pyn_mem_resize(grammar->mem, grammar->stack, room, sizeof *grammar->stack);
        if (stack == NULL) {
            return PYN_ENOMEM;
        }
        grammar->stack = stack;
        grammar->stack_room = room;
    }
    grammar->stack[grammar->stack_len++] = type;
    return PYN_OK;
}

pyn_status pyn_cursor_push(struct pyn_cursor *cursor, uint32_t depth)
{
    const struct pyn_type *type = NULL;
    pyn_status st = pyn_cursor_type(cursor, depth, &type);
    return st == PYN_OK ? push(cursor->grammar, type) : st;
}

/* A type whose spelling began at start and that takes what stands on the stack above base. */
pyn_status pyn_cursor_new_type(struct pyn_cursor *cursor, enum pyn_type_kind kind, size_t start, size_t base,
                               struct pyn_type **out)
{
    struct pyn_grammar *grammar = cursor->grammar;
    size_t count = grammar->stack_len - base;
    const struct pyn_type **items = NULL;
    struct pyn_type *type = pyn_arena_new(grammar->arena, 1, sizeof *type);

    *out = NULL;
    if (type == NULL) {
        return PYN_ENOMEM;
    }
    if (count != 0) {
        items = pyn_arena_new(grammar->arena, count, sizeof(const struct pyn_type *));
        if (items == NULL) {
            return PYN_ENOMEM;
        }
        for (size_t i = 0; i < count; i++) {
            items[i] = grammar->stack[base + i];
        }
    }
    grammar->stack_len = base;
    *type = (struct pyn_type){
        .kind = kind, .count = (uint32_t)count, .items = items, .spelling = pyn_cursor_since(cursor, start)};
    *out = type;
    return PYN_OK;
}

pyn_status pyn_cursor_finish(struct pyn_cursor *cursor, enum pyn_type_kind kind, size_t start, size_t base,
                             const struct pyn_type **out)
{
    struct pyn_type *type = NULL;
    pyn_status st = pyn_cursor_new_type(cursor, kind, start, base, &type);
    *out = type;
    return st;
}

pyn_status pyn_cursor_add_use(struct pyn_cursor *cursor, struct pyn_type *type, struct pyn_signature *call)
{
    struct pyn_grammar *grammar = cursor->grammar;
    if (cursor->naming != 0) {
        return PYN_OK;
    }
    if (grammar->use_count == grammar->use_room) {
        size_t room = grammar->use_room == 0 ? 64 : grammar->use_room * 2;
        void *uses = pyn_mem_resize(grammar->mem, grammar->uses, room, sizeof *grammar->uses);
        if (uses == NULL) {
            return PYN_ENOMEM;
        }
        grammar->uses = uses;
        grammar->use_room = room;
    }
    grammar->uses[grammar->use_count++] = (struct pyn_use){type, call};
    return PYN_OK;
}

pyn_status pyn_cursor_type(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
{
    struct pyn_grammar *grammar = cursor->grammar;
    size_t start = cursor->at;
    size_t base = grammar->stack_len;
    struct pyn_view last = {0};

    do {
        size_t alternative_at = cursor->at;
        pyn_status st = pyn_cursor_alternative(cursor, depth, out);
        if (st == PYN_OK) {
            st = push(grammar, *out);
        }
        if (st != PYN_OK) {
            return st;
        }
        struct pyn_view spelling = pyn_cursor_since(cursor, alternative_at);
        if (last.len != 0 && pyn_view_compare(last, spelling) >= 0) {
            cursor->at = alternative_at;
            return pyn_cursor_fault(cursor, "alternatives are sorted, and none stands twice");
        }
        if (grammar->stack_len - base > PYN_ALTERNATIVE_MAX) {
            return pyn_cursor_fault(cursor, "more than 1024 alternatives");
        }
        last = spelling;
    } while (pyn_cursor_accept(cursor, "|"));

    if (grammar->stack_len - base == 1) {
        grammar->stack_len = base;
        return PYN_OK;
    }
    return pyn_cursor_finish(cursor, PYN_T_UNION, start, base, out);
}
