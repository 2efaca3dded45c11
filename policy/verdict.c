/* verdict.c - the sentence for the caller; see policy.h. */
#include "policy.h"

#include <stdio.h>

enum { SHOWN_MAX = 120 }; /* bytes of a type's spelling that are shown */

/* Names and spellings are ASCII: cutting one in two does no harm. */
struct sentence {
    char *text;
    size_t room;
    size_t len;
};

static void put_view(struct sentence *to, struct pyn_view text)
{
    for (size_t i = 0; i < text.len && to->len + 1 < to->room; i++) {
        to->text[to->len++] = (char)text.data[i];
    }
    if (to->room != 0) {
        to->text[to->len] = '\0';
    }
}

static void put(struct sentence *to, const char *text)
{
    put_view(to, pyn_view_of(text));
}

static void put_number(struct sentence *to, size_t number)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%zu", number);
    put(to, digits);
}

static void put_param(struct sentence *to, const struct pyn_verdict *verdict)
{
    if (verdict->param->name.len == 0) {
        put(to, "argument ");
        put_number(to, (size_t)(verdict->param - verdict->signature->params) + 1);
        return;
    }
    put(to, "'");
    put_view(to, verdict->param->name);
    put(to, "'");
}

static void put_type(struct sentence *to, const struct pyn_type *type)
{
    struct pyn_view spelling = type->spelling;
    if (spelling.len <= SHOWN_MAX) {
        put_view(to, spelling);
        return;
    }
    spelling.len = SHOWN_MAX;
    put_view(to, spelling);
    put(to, "...");
}

static void put_misfit(struct sentence *to, const struct pyn_verdict *verdict)
{
    put(to, ": ");
    if (verdict->param != NULL) {
        put_param(to, verdict);
    } else {
        put(to, "the value");
    }
    put(to, " must be ");
    put_type(to, verdict->param != NULL ? verdict->param->type : verdict->op->type);
}

static void put_too_many(struct sentence *to, const struct pyn_verdict *verdict)
{
    uint32_t places = verdict->signature->place_count;
    put(to, " takes at most ");
    put_number(to, places);
    put(to, places == 1 ? " positional argument" : " positional arguments");
}

static void put_why(struct sentence *to, const struct pyn_verdict *verdict)
{
    switch (verdict->why) {
    case PYN_WHY_MISSING:
        put(to, " is missing ");
        put_param(to, verdict);
        break;
    case PYN_WHY_TOO_MANY:
        put_too_many(to, verdict);
        break;
    case PYN_WHY_UNKNOWN:
        put(to, " got a keyword that it does not have");
        break;
    case PYN_WHY_TWICE:
        put(to, " got ");
        put_param(to, verdict);
        put(to, " twice");
        break;
    case PYN_WHY_TYPE:
        put_misfit(to, verdict);
        break;
    case PYN_WHY_OVERLOAD:
        put(to, ": no signature fits these arguments");
        break;
    case PYN_WHY_NONE:
    case PYN_WHY_NAME:
    case PYN_WHY_REF:
        break;
    }
}

void pyn_verdict_text(const struct pyn_verdict *verdict, char *text, size_t room)
{
    struct sentence to = {text, room, 0};
    if (room != 0) {
        text[0] = '\0';
    }
    if (verdict->op == NULL) {
        put(&to, verdict->why == PYN_WHY_NONE ? "" : "not permitted");
        return;
    }
    put_view(&to, verdict->op->name);
    put(&to, verdict->op->kind == PYN_OP_METHOD ? "()" : "");
    put_why(&to, verdict);
}

/* ---- the rule ---- */

static void put_op(struct sentence *to, const struct pyn_verdict *verdict)
{
    static const char *const sections[] = {[PYN_OP_METHOD] = ".methods.", [PYN_OP_GET] = ".get.", [PYN_OP_SET] = ".set."};
    const struct pyn_op *op = verdict->op;
    put(to, sections[op->kind]);
    put_view(to, op->name);
    if (op->signature_count > 1 && verdict->signature != NULL) {
        put(to, "[");
        put_number(to, (size_t)(verdict->signature - op->signatures));
        put(to, "]");
    }
}

void pyn_verdict_rule(const struct pyn_iface *iface, const struct pyn_verdict *verdict, char *text, size_t room)
{
    struct sentence to = {text, room, 0};
    if (room != 0) {
        text[0] = '\0';
    }
    if (iface == NULL) {
        return;
    }
    if (!iface->is_fn) { /* a fn stands where its type is spelled */
        put(&to, iface->is_import ? "imports." : "interfaces.");
    }
    put_view(&to, iface->name);
    if (verdict->op != NULL && !iface->is_fn) {
        put_op(&to, verdict);
    }
}
