/*
 * grammar.h - reads the types and signatures of docs/policy.md; accepts their one canonical spelling only.
 *
 * What is read refers to the text, which must live as long as the arena. Interfaces and fns are not looked up here: each one that was
 * named waits in uses until somebody resolves it.
 *
 * Owns:    stack and uses: pyn_grammar_fini(). Types and signatures belong to the arena.
 * Errors:  PYN_EFORMAT and fault; PYN_ENOMEM.
 * Cost:    linear in the text; recursion is bounded by PYN_NEST_MAX.
 * Tests:   tests/unit/test_signature.c, tests/fuzz/fuzz_signature.c
 */
#ifndef PYN_GRAMMAR_H
#define PYN_GRAMMAR_H

#include "arena.h"
#include "policy.h"

enum {
    PYN_NEST_MAX = 32,          /* types inside each other; a scalar is one */
    PYN_PARAM_MAX = 64,         /* parameters of one signature */
    PYN_OVERLOAD_MAX = 16,      /* signatures of one method */
    PYN_ALTERNATIVE_MAX = 1024, /* alternatives of one union */
    PYN_TYPE_MAX = 1 << 20,     /* types in one policy */
};

/* An interface or a fn, where it was named. */
struct pyn_use {
    struct pyn_type *type;      /* iface and import are to be set */
    struct pyn_signature *call; /* of a fn, else NULL; its spelling is to be set */
};

struct pyn_fault {
    const char *what;
    size_t at;
};

struct pyn_grammar {
    const struct pyn_mem *mem;
    struct pyn_arena *arena;
    /* NULL when there is none of that name; without them no record and no enum is known. */
    const struct pyn_record *(*record)(void *ctx, struct pyn_view name);
    const struct pyn_enum *(*enumeration)(void *ctx, struct pyn_view name);
    void *ctx;

    struct pyn_use *uses;
    size_t use_count;
    size_t use_room;
    size_t type_count;
    const struct pyn_type **stack; /* types that wait for the one that they are in */
    size_t stack_len;
    size_t stack_room;
    struct pyn_fault fault;
    bool has_arrays; /* one was read */
};

/* One string while it is read. */
struct pyn_cursor {
    struct pyn_grammar *grammar;
    struct pyn_view text;
    size_t at;
    uint32_t naming; /* inside of the brackets of an interface's name: nothing there is resolved */
};

void pyn_grammar_init(struct pyn_grammar *grammar, const struct pyn_mem *mem, struct pyn_arena *arena);
void pyn_grammar_fini(struct pyn_grammar *grammar);

pyn_status pyn_grammar_type(struct pyn_grammar *grammar, struct pyn_view text, const struct pyn_type **out);

/* type ["=?"] */
pyn_status pyn_grammar_field(struct pyn_grammar *grammar, struct pyn_view text, const struct pyn_type **out,
                             bool *may_miss);

/* The name of an interface, not of a fn. Nothing is added to uses. */
pyn_status pyn_grammar_interface(struct pyn_grammar *grammar, struct pyn_view text);

pyn_status pyn_grammar_signature(struct pyn_grammar *grammar, struct pyn_view text, struct pyn_signature *out);

/* Does a type's spelling begin as that of a fn? */
bool pyn_grammar_is_fn(struct pyn_view text);

/* ---- between cursor.c, type.c, fn.c, union.c and signature.c ---- */

struct pyn_cursor pyn_cursor_of(struct pyn_grammar *grammar, struct pyn_view text);
bool pyn_cursor_is_done(const struct pyn_cursor *cursor);
uint8_t pyn_cursor_peek(const struct pyn_cursor *cursor); /* 0 at the end */
bool pyn_cursor_accept(struct pyn_cursor *cursor, const char *word);
pyn_status pyn_cursor_fault(struct pyn_cursor *cursor, const char *what);
struct pyn_view pyn_cursor_since(const struct pyn_cursor *cursor, size_t start);

/* PYN_EFORMAT, and what is wrong, when the word is not next. */
pyn_status pyn_cursor_expect(struct pyn_cursor *cursor, const char *word, const char *what);
/* A type: one alternative, or several with bars between them. depth: how many types are open, this one counted. */
pyn_status pyn_cursor_type(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out);
pyn_status pyn_cursor_alternative(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out);
/* What stands behind "fn(", which began at start. */
pyn_status pyn_cursor_fn(struct pyn_cursor *cursor, uint32_t depth, size_t start, bool is_async,
                         const struct pyn_type **out);
/* Reads a type and leaves it on the stack. */
pyn_status pyn_cursor_push(struct pyn_cursor *cursor, uint32_t depth);
/* A type whose spelling began at start and that takes what stands on the stack above base. */
pyn_status pyn_cursor_new_type(struct pyn_cursor *cursor, enum pyn_type_kind kind, size_t start, size_t base,
                               struct pyn_type **out);
pyn_status pyn_cursor_finish(struct pyn_cursor *cursor, enum pyn_type_kind kind, size_t start, size_t base,
                             const struct pyn_type **out);
/* An interface or a fn waits to be resolved, unless it is a part of a name. */
pyn_status pyn_cursor_add_use(struct pyn_cursor *cursor, struct pyn_type *type, struct pyn_signature *call);

#endif
