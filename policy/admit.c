/* admit.c - decides one call from its bytes; see policy.h. */
#include "fit.h"
#include "names.h"

/* ---- verdicts ---- */

/* Unknown, private and not permitted: one verdict, whatever was asked for. */
static pyn_status deny(struct pyn_verdict *out, enum pyn_why why)
{
    *out = (struct pyn_verdict){.why = why};
    return PYN_EDENIED;
}

static pyn_status refuse(struct pyn_verdict *out, enum pyn_why why, const struct pyn_param *param)
{
    out->why = why;
    out->param = param;
    return PYN_EARGS;
}

/* What a check of one value means for the call. */
static pyn_status judge(pyn_status fit, const struct pyn_param *param, struct pyn_verdict *out)
{
    if (fit == PYN_OK) {
        return PYN_OK;
    }
    if (fit == PYN_EDENIED) {
        out->why = PYN_WHY_REF;
        return PYN_EDENIED;
    }
    return refuse(out, PYN_WHY_TYPE, param);
}

/* ---- one signature ---- */

struct binding {
    const struct pyn_signature *signature;
    struct pyn_reader body;
    struct pyn_fit fit;
    uint64_t bound; /* of params, one bit each */
    struct pyn_verdict *out;
};

static pyn_status bind_places(struct binding *binding)
{
    const struct pyn_signature *signature = binding->signature;
    uint32_t count = 0;
    if (pyn_reader_array(&binding->body, &count) != PYN_OK) {
        return PYN_EFORMAT;
    }
    if (count > signature->place_count && signature->rest == NULL) {
        return refuse(binding->out, PYN_WHY_TOO_MANY, NULL);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct pyn_param *param = i < signature->place_count ? &signature->params[i] : signature->rest;
        pyn_status st = judge(pyn_fit_value(&binding->fit, param->type, &binding->body), param, binding->out);
        if (st != PYN_OK) {
            return st;
        }
    }
    uint32_t places = count < signature->place_count ? count : signature->place_count;
    binding->bound = places == 64 ? UINT64_MAX : ((uint64_t)1 << places) - 1;
    return PYN_OK;
}

/* The parameter that takes a keyword, or NULL. One without a name is not found by any. */
static const struct pyn_param *find_param(const struct pyn_signature *signature, struct pyn_view name)
{
    for (uint32_t i = 0; i < signature->param_count; i++) {
        const struct pyn_param *param = &signature->params[i];
        bool takes_name = param->kind == PYN_P_EITHER || param->kind == PYN_P_KEYWORD;
        if (takes_name && pyn_view_is_equal(param->name, name)) {
            return param;
        }
    }
    return pyn_name_is_identifier(name) ? signature->options : NULL;
}

static pyn_status bind_keyword(struct binding *binding)
{
    const struct pyn_signature *signature = binding->signature;
    struct pyn_view name = {0};
    if (pyn_reader_str(&binding->body, &name) != PYN_OK) {
        return PYN_EFORMAT;
    }
    const struct pyn_param *param = find_param(signature, name);
    if (param == NULL) {
        return refuse(binding->out, PYN_WHY_UNKNOWN, NULL);
    }
    if (param != signature->options) {
        uint64_t bit = (uint64_t)1 << (param - signature->params);
        if ((binding->bound & bit) != 0) {
            return refuse(binding->out, PYN_WHY_TWICE, param);
        }
        binding->bound |= bit;
    }
    return judge(pyn_fit_value(&binding->fit, param->type, &binding->body), param, binding->out);
}

static pyn_status bind_keywords(struct binding *binding)
{
    uint32_t count = 0;
    if (pyn_reader_map(&binding->body, &count) != PYN_OK) {
        return PYN_EFORMAT;
    }
    for (uint32_t i = 0; i < count; i++) {
        pyn_status st = bind_keyword(binding);
        if (st != PYN_OK) {
            return st;
        }
    }
    return binding->body.at == binding->body.len ? PYN_OK : PYN_EFORMAT;
}

static pyn_status find_missing(struct binding *binding)
{
    const struct pyn_signature *signature = binding->signature;
    for (uint32_t i = 0; i < signature->param_count; i++) {
        if (!signature->params[i].is_optional && (binding->bound >> i & 1) == 0) {
            return refuse(binding->out, PYN_WHY_MISSING, &signature->params[i]);
        }
    }
    return PYN_OK;
}

static pyn_status bind(const struct pyn_signature *signature, struct pyn_view body, const struct pyn_refs *refs,
                       struct pyn_verdict *out)
{
    struct binding binding = {
        .signature = signature, .body = pyn_reader_of(body), .fit = pyn_fit_of(refs, body.len), .out = out};
    out->signature = signature;
    pyn_status st = bind_places(&binding);
    if (st == PYN_OK) {
        st = bind_keywords(&binding);
    }
    return st == PYN_OK ? find_missing(&binding) : st;
}

/* ---- methods ---- */

static pyn_status admit_method(const struct pyn_op *op, struct pyn_view body, const struct pyn_refs *refs,
                               struct pyn_verdict *out)
{
    bool is_denied = false;
    pyn_status st = PYN_EINTERNAL;
    for (uint32_t i = 0; i < op->signature_count; i++) {
        *out = (struct pyn_verdict){.op = op};
        st = bind(&op->signatures[i], body, refs, out);
        if (st == PYN_OK) {
            return PYN_OK;
        }
        if (st == PYN_EFORMAT) {
            *out = (struct pyn_verdict){.why = PYN_WHY_NAME};
            return PYN_EFORMAT;
        }
        is_denied = is_denied || st == PYN_EDENIED;
    }
    if (is_denied) {
        return deny(out, PYN_WHY_REF);
    }
    if (op->signature_count > 1) {
        *out = (struct pyn_verdict){.why = PYN_WHY_OVERLOAD, .op = op};
    }
    return st;
}

/* ---- attributes ---- */

/* [attribute] or [attribute, value], and no keywords; false for anything else. *value stands at the value. */
static bool read_attribute(struct pyn_view body, uint32_t wanted, struct pyn_view *attribute, struct pyn_reader *value)
{
    struct pyn_reader rd = pyn_reader_of(body);
    uint32_t count = 0;
    if (pyn_reader_array(&rd, &count) != PYN_OK || count != wanted || pyn_reader_str(&rd, attribute) != PYN_OK) {
        return false;
    }
    *value = rd;
    if (wanted == 2 && pyn_reader_skip(&rd) != PYN_OK) {
        return false;
    }
    return pyn_reader_map(&rd, &count) == PYN_OK && count == 0 && rd.at == rd.len;
}

static pyn_status admit_attribute(const struct pyn_iface *iface, enum pyn_op_kind kind, struct pyn_view body,
                                  const struct pyn_refs *refs, struct pyn_verdict *out)
{
    struct pyn_view attribute = {0};
    struct pyn_reader value = {0};
    if (!read_attribute(body, kind == PYN_OP_GET ? 1 : 2, &attribute, &value)) {
        return deny(out, PYN_WHY_NAME);
    }
    const struct pyn_op *op = pyn_iface_op(iface, kind, attribute);
    if (op == NULL) {
        return deny(out, PYN_WHY_NAME);
    }
    *out = (struct pyn_verdict){.op = op};
    if (kind == PYN_OP_GET) {
        return PYN_OK;
    }
    pyn_status st = judge(pyn_type_fit(op->type, &value, refs), NULL, out);
    return st == PYN_EDENIED ? deny(out, PYN_WHY_REF) : st;
}

static bool is_word(struct pyn_view name, const char *word, size_t len)
{
    return name.len == len && memcmp(name.data, word, len) == 0;
}

pyn_status pyn_admit(const struct pyn_iface *iface, struct pyn_view name, struct pyn_view body,
                     const struct pyn_refs *refs, struct pyn_verdict *out)
{
    if (is_word(name, "__getattr__", 11)) {
        return admit_attribute(iface, PYN_OP_GET, body, refs, out);
    }
    if (is_word(name, "__setattr__", 11)) {
        return admit_attribute(iface, PYN_OP_SET, body, refs, out);
    }
    const struct pyn_op *op = pyn_iface_op(iface, PYN_OP_METHOD, name);
    return op == NULL ? deny(out, PYN_WHY_NAME) : admit_method(op, body, refs, out);
}
