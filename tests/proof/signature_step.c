/*
 * One parameter more, wherever a signature stands: the cursor stays inside of the text and goes on, no more parameters are kept than there is room for, and
 * they are in order. So it is after any number of parameters. Types, names and comparisons are read by contract.
 */
#include "../../policy/grammar.h"
#include "proof.h"

/* Room for so many, that the search for a name that stands twice is short. */
#define PYN_PARAM_MAX 4
#include "../../policy/signature.c"

enum { BYTES = 8 };

static const struct pyn_type any_type;

/* The contract of type.c: it takes at least a byte, and none behind the end, or it fails. */
pyn_status pyn_cursor_type(struct pyn_cursor *cursor, uint32_t depth, const struct pyn_type **out)
{
    const size_t left = cursor->text.len - cursor->at;
    const size_t taken = nondet_size();

    PROVE(cursor->at <= cursor->text.len && depth == 1, "the cursor is inside of the text");
    if (left == 0 || nondet_bool()) {
        return pyn_cursor_fault(cursor, "a type is wanted");
    }
    ASSUME(taken > 0 && taken <= left);
    cursor->at += taken;
    *out = &any_type;
    return PYN_OK;
}

/* That of names.c: a name is inside of the text. */
size_t pyn_name_span(struct pyn_view text, size_t at)
{
    PROVE(at <= text.len, "a name is looked for inside of the text");
    return nondet_size_to(text.len - at);
}

/* Names compare in any way, but those that a signature has kept stand in its text. */
int memcmp(const void *a, const void *b, size_t len)
{
    PROVE(__CPROVER_r_ok(a, len) && __CPROVER_r_ok(b, len), "what is compared is there");
    return nondet_bool() ? 0 : nondet_bool() ? 1 : -1;
}

/* The kind of what was read last, as far as the flags tell it: kinds come in the order of their enum. */
static bool is_in_order(const struct reading *sig)
{
    const enum pyn_param_kind most = sig->has_options ? PYN_P_OPTIONS : sig->has_star ? PYN_P_KEYWORD : PYN_P_EITHER;
    const enum pyn_param_kind last = sig->count > 0 ? sig->params[sig->count - 1].kind : PYN_P_POSITIONAL;

    return last <= most && (sig->unnamed < sig->count || last == PYN_P_POSITIONAL);
}

/* What holds of a signature as far as it has been read. */
static bool is_sound(const struct reading *sig)
{
    return sig->count <= PYN_PARAM_MAX && sig->unnamed <= sig->count && (!sig->has_slash || sig->unnamed > 0) &&
           (!sig->star_waits || sig->has_star) && (sig->has_star || !sig->has_rest) && is_in_order(sig);
}

int main(void)
{
    uint8_t block[BYTES];
    struct pyn_grammar grammar;
    struct reading sig;
    const size_t len = nondet_size_to(BYTES);
    struct pyn_cursor cursor = {&grammar, {LAST_BYTES(block, len), len}, nondet_size_to(len), 0};
    const size_t start = cursor.at;
    const size_t any = nondet_size_to(PYN_PARAM_MAX - 1); /* one of those that were read, whichever */

    sig.has_slash = nondet_bool();
    sig.has_star = nondet_bool();
    sig.star_waits = nondet_bool();
    sig.has_rest = nondet_bool();
    sig.has_options = nondet_bool();
    ASSUME(is_sound(&sig));
    for (uint32_t i = 0; i < PYN_PARAM_MAX; i++) {
        sig.params[i].name = (struct pyn_view){cursor.text.data, nondet_size_to(len)};
    }
    const struct reading before = sig;
    const pyn_status st = read_param(&cursor, &sig);

    PROVE(sig.count <= PYN_PARAM_MAX, "there is room for all that is kept");
    PROVE(cursor.at >= start && cursor.at <= len, "the cursor is inside of the text");
    PROVE(any >= before.count || sig.params[any].type == before.params[any].type, "what was read stays");
    if (st != PYN_OK) {
        PROVE(st == PYN_EFORMAT && grammar.fault.what != NULL && grammar.fault.at <= len,
              "a fault says what, and where");
        return 0;
    }
    PROVE(cursor.at > start, "it goes on");
    PROVE(is_sound(&sig), "what is known of it fits together");
    PROVE(!before.has_options, "nothing stands behind the options");
    PROVE(sig.count <= before.count + 1, "one parameter at most");
    if (sig.count > before.count) {
        const struct pyn_param *last = &sig.params[before.count];
        PROVE(last->type == &any_type, "it has a type");
        PROVE(before.count == 0 || before.params[before.count - 1].kind <= last->kind, "kinds stand in their order");
        PROVE(last->kind != PYN_P_POSITIONAL || (sig.unnamed == sig.count && !before.has_slash && !before.has_star),
              "those without a name stand first, ahead of any sign");
        PROVE(last->kind != PYN_P_KEYWORD || before.has_star, "those by keyword behind a star");
        PROVE(last->name.len <= PYN_NAME_MAX && (last->kind == PYN_P_POSITIONAL || last->name.len > 0),
              "and has a name, unless it goes by place");
    }
    return 0;
}
