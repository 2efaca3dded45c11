/*
 * fuzz_signature.c - types and signatures: what is read is printed as it stood, and what was printed is read again.
 */
#include "../../policy/grammar.h"
#include "../../policy/spelling.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pyn_record any_record = {.name = {(const uint8_t *)"x:R", 3}};
static const struct pyn_enum any_enum = {.name = {(const uint8_t *)"x:E", 3}};

static const struct pyn_record *find_record(void *ctx, struct pyn_view name)
{
    (void)ctx;
    return pyn_view_is_equal(name, any_record.name) ? &any_record : NULL;
}

static const struct pyn_enum *find_enum(void *ctx, struct pyn_view name)
{
    (void)ctx;
    return pyn_view_is_equal(name, any_enum.name) ? &any_enum : NULL;
}

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* A fn is printed from its interface: each use gets one of its own. */
static void resolve(struct pyn_grammar *grammar)
{
    for (size_t i = 0; i < grammar->use_count; i++) {
        struct pyn_use *use = &grammar->uses[i];
        if (use->call == NULL) {
            continue;
        }
        struct pyn_op *op = pyn_arena_new(grammar->arena, 1, sizeof *op);
        struct pyn_iface *fn = pyn_arena_new(grammar->arena, 1, sizeof *fn);
        require(op != NULL && fn != NULL);
        *op = (struct pyn_op){.signature_count = 1, .signatures = use->call};
        *fn = (struct pyn_iface){.is_fn = true, .op_count = 1, .ops = op};
        use->type->iface = fn;
    }
}

static void check(struct pyn_view text, bool is_signature)
{
    struct pyn_arena arena;
    struct pyn_grammar grammar;
    struct pyn_signature signature;
    const struct pyn_type *type = NULL;
    struct pyn_buf buf;

    pyn_arena_init(&arena, pyn_mem_default());
    pyn_grammar_init(&grammar, pyn_mem_default(), &arena);
    pyn_buf_init(&buf, pyn_mem_default(), 1 << 20);
    grammar.record = find_record;
    grammar.enumeration = find_enum;
    pyn_status st = is_signature ? pyn_grammar_signature(&grammar, text, &signature)
                                 : pyn_grammar_type(&grammar, text, &type);
    if (st == PYN_OK) {
        resolve(&grammar);
        st = is_signature ? pyn_spell_signature(&buf, &signature) : pyn_spell_type(&buf, type);
        require(st == PYN_OK);
        require(pyn_view_is_equal(pyn_buf_view(&buf), text));
        require(is_signature || pyn_view_is_equal(type->spelling, text));
    } else {
        require(st == PYN_EFORMAT && grammar.fault.what != NULL && grammar.fault.at <= text.len);
    }
    pyn_buf_fini(&buf);
    pyn_grammar_fini(&grammar);
    pyn_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyn_view text = {data, size};
    check(text, true);
    check(text, false);
    return 0;
}
