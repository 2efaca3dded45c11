/*
 * One alternative of a type more, wherever a string of the grammar stands: the cursor stays inside of the text and goes on, the stack is as high as it was, and what is
 * too deep, or one type too many, is refused. The types inside of it, names, literals and fns are read by contract; unions and fns have proofs of their own.
 */
#include "../../policy/grammar.h"
#include "../../policy/literal.h"
#include "../../policy/names.h"
#include "proof.h"

enum { BYTES = 16, STACK_MOST = 16 };

static struct pyn_type made;
static const struct pyn_record any_record;
static const struct pyn_enum any_enum;
static uint32_t outer_depth;
static size_t spans[BYTES + 1]; /* of the name that begins at each place: asked twice, it is the same */

static void take_some(struct pyn_cursor *cursor)
{
    const size_t left = cursor->text.len - cursor->at;
    const size_t taken = nondet_size();

    ASSUME(taken > 0 && taken <= left);
    cursor->at += taken;
}

/* ---- the contracts of union.c: a type takes at least a byte, and none behind the end, or it fails ---- */

pyn_status pyn_cursor_push(struct pyn_cursor *cursor, uint32_t depth)
{
    PROVE(cursor->at <= cursor->text.len && depth == outer_depth + 1, "what is inside is one deeper");
    if (cursor->at == cursor->text.len || nondet_bool()) {
        return nondet_bool() ? PYN_ENOMEM : pyn_cursor_fault(cursor, "a type is wanted");
    }
    take_some(cursor);
    cursor->grammar->stack_len++;
    return PYN_OK;
}

pyn_status pyn_cursor_new_type(struct pyn_cursor *cursor, enum pyn_type_kind kind, size_t start, size_t base,
                               struct pyn_type **out)
{
    PROVE(base <= cursor->grammar->stack_len, "what it takes stands on the stack");
    PROVE(start < cursor->at && cursor->at <= cursor->text.len, "its spelling is inside of the text");
    *out = NULL;
    if (nondet_bool()) {
        return PYN_ENOMEM;
    }
    made = (struct pyn_type){.kind = kind, .count = (uint32_t)(cursor->grammar->stack_len - base)};
    cursor->grammar->stack_len = base;
    *out = &made;
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
    (void)cursor;
    PROVE(type == &made && call == NULL, "an interface waits to be resolved");
    return nondet_bool() ? PYN_OK : PYN_ENOMEM;
}

/* ---- of fn.c, names.c and literal.c ---- */

pyn_status pyn_cursor_fn(struct pyn_cursor *cursor, uint32_t depth, size_t start, bool is_async,
                         const struct pyn_type **out)
{
    (void)is_async;
    PROVE(start < cursor->at && cursor->at <= cursor->text.len && depth == outer_depth,
          "a fn begins inside of the text");
    *out = NULL;
    if (cursor->at == cursor->text.len || nondet_bool()) {
        return nondet_bool() ? PYN_ENOMEM : pyn_cursor_fault(cursor, "a type is wanted");
    }
    take_some(cursor);
    *out = &made;
    return PYN_OK;
}

size_t pyn_name_span(struct pyn_view text, size_t at)
{
    PROVE(at <= text.len, "a name is looked for inside of the text");
    return spans[at];
}

bool pyn_name_is_standard(struct pyn_view name)
{
    PROVE(name.len == 0 || __CPROVER_r_ok(name.data, name.len), "a word is inside of the text");
    return nondet_bool();
}

size_t pyn_literal_read(struct pyn_arena *arena, struct pyn_view text, size_t at, struct pyn_view *out, const char **what)
{
    (void)arena;
    PROVE(at < text.len && text.data[at] == '\'', "a literal begins with its quote");
    *what = nondet_bool() ? "a literal is wanted" : NULL;
    if (text.len - at < 2 || nondet_bool()) {
        return 0;
    }
    *what = NULL;
    *out = (struct pyn_view){text.data + at, 1};
    return at + 2 + nondet_size_to(text.len - at - 2);
}

static const struct pyn_record *find_record(void *ctx, struct pyn_view name)
{
    (void)ctx;
    PROVE(__CPROVER_r_ok(name.data, name.len), "a record's name is inside of the text");
    return nondet_bool() ? &any_record : NULL;
}

static const struct pyn_enum *find_enum(void *ctx, struct pyn_view name)
{
    (void)ctx;
    PROVE(__CPROVER_r_ok(name.data, name.len), "an enum's name is inside of the text");
    return nondet_bool() ? &any_enum : NULL;
}

/* Words compare in any way, but what is compared is there. */
int memcmp(const void *a, const void *b, size_t len)
{
    PROVE(__CPROVER_r_ok(a, len) && __CPROVER_r_ok(b, len), "what is compared is there");
    return nondet_bool() ? 0 : nondet_bool() ? 1 : -1;
}

int main(void)
{
    uint8_t block[BYTES];
    struct pyn_grammar grammar = {.record = nondet_bool() ? find_record : NULL,
                                  .enumeration = nondet_bool() ? find_enum : NULL,
                                  .type_count = nondet_size_to(PYN_TYPE_MAX),
                                  .stack_len = nondet_size_to(STACK_MOST)};
    const size_t len = nondet_size_to(BYTES);
    struct pyn_cursor cursor = {&grammar, {LAST_BYTES(block, len), len}, nondet_size_to(len), nondet_u32()};
    const struct pyn_cursor before = cursor;
    const size_t stack_len = grammar.stack_len;
    const size_t types = grammar.type_count;
    const struct pyn_type *type = &made;

    for (size_t at = 0; at <= BYTES; at++) {
        spans[at] = nondet_size_to(at <= len ? len - at : 0);
    }
    ASSUME(cursor.naming < PYN_NEST_MAX);
    outer_depth = nondet_u32();
    ASSUME(outer_depth >= 1 && outer_depth <= PYN_NEST_MAX + 1);
    const pyn_status st = pyn_cursor_alternative(&cursor, outer_depth, &type);

    PROVE(cursor.at >= before.at && cursor.at <= len, "the cursor is inside of the text");
    PROVE(cursor.naming == before.naming, "brackets that were opened are closed");
    PROVE(grammar.type_count <= PYN_TYPE_MAX, "no more types are read than may be");
    if (st != PYN_OK) {
        PROVE(st == PYN_ENOMEM || (st == PYN_EFORMAT && grammar.fault.what != NULL && grammar.fault.at <= len),
              "a fault says what, and where");
        return 0;
    }
    PROVE(cursor.at > before.at, "it goes on");
    PROVE(type != NULL, "there is a type");
    PROVE(grammar.stack_len == stack_len, "the stack is as high as it was");
    PROVE(outer_depth <= PYN_NEST_MAX, "nothing is nested deeper than may be");
    PROVE(grammar.type_count == types + 1, "each is counted");
    PROVE(type->kind != PYN_T_IFACE || type->count == 0,
          "what stands in the brackets of an interface is a part of its name");
    PROVE(type->kind != PYN_T_COPY_DICT || type->count == 2, "a dict has keys and values");
    PROVE((type->kind != PYN_T_COPY_LIST && type->kind != PYN_T_COPY_SET && type->kind != PYN_T_FROZENSET) ||
              type->count == 1,
          "other containers have items");
    PROVE(type->kind != PYN_T_RECORD || cursor.naming != 0 || type->record != NULL,
          "a record that is not in a name is known");
    PROVE(type->kind != PYN_T_ENUM || cursor.naming != 0 || type->enumeration != NULL, "and so is an enum");
    return 0;
}
