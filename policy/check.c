/* check.c - one spelling for each string; what may flow where; what can stand in a set. See build.h. */
#include "build.h"
#include "cached.h"
#include "spelling.h"

/* What is asked of a type where it stands. */
struct want {
    bool flows_out;
    bool is_hashed; /* an item of a set, a key of a dict */
    bool is_field;  /* of a record: a value, no reference */
};

/* What is asked of a record, one bit each. More can only be added: every record is looked at few times. */
enum { ASK_FIELDS = 1, ASK_OUT = 2, ASK_HASHED = 4 };

struct check {
    struct pyn_build *build;
    const struct pyn_place *at;
    uint8_t *asked;  /* of each record */
    uint32_t *queue; /* records that were asked something new */
    uint32_t queue_len;
    bool *is_queued;
};

static pyn_status refuse(const struct check *check, const char *what, const struct pyn_type *type)
{
    return pyn_diag_refuse(check->build->diag, check->at, what, type->spelling);
}

static void ask(struct check *check, const struct pyn_record *record, struct want want)
{
    uint8_t more = ASK_FIELDS;
    more |= want.flows_out ? ASK_OUT : 0;
    more |= want.is_hashed ? ASK_HASHED : 0;
    uint32_t i = record->index;
    if ((check->asked[i] | more) == check->asked[i]) {
        return;
    }
    check->asked[i] |= more;
    if (!check->is_queued[i]) {
        check->is_queued[i] = true;
        check->queue[check->queue_len++] = i;
    }
}

static pyn_status check_type(struct check *check, const struct pyn_type *type, struct want want);

static pyn_status check_items(struct check *check, const struct pyn_type *type, struct want want)
{
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < type->count; i++) {
        st = check_type(check, type->items[i], want);
    }
    return st;
}

/* flows_out: whether the callable itself does. What it is given goes the other way, what it gives goes along. */
static pyn_status check_call(struct check *check, const struct pyn_signature *call, bool flows_out)
{
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < call->param_count; i++) {
        st = check_type(check, call->params[i].type, (struct want){.flows_out = !flows_out});
    }
    return st == PYN_OK ? check_type(check, call->result, (struct want){.flows_out = flows_out}) : st;
}

static pyn_status check_reference(struct check *check, const struct pyn_type *type, struct want want)
{
    if (want.is_field) {
        return refuse(check, "a record holds values only, not", type);
    }
    if (want.is_hashed) {
        return refuse(check, "cannot stand in a set or be a key:", type);
    }
    if (type->iface != NULL && type->iface->is_fn) {
        return check_call(check, &type->iface->ops[0].signatures[0], want.flows_out);
    }
    if (type->iface != NULL || (type->import != NULL && !want.flows_out)) {
        return PYN_OK;
    }
    if (want.flows_out) {
        return refuse(check, "flows out, but does not stand in 'interfaces':", type);
    }
    return refuse(check, "stands neither in 'interfaces' nor in 'imports':", type);
}

static pyn_status check_dict(struct check *check, const struct pyn_type *type, struct want want)
{
    struct want key = want;
    key.is_hashed = true;
    pyn_status st = check_type(check, type->items[0], key);
    return st == PYN_OK ? check_type(check, type->items[1], want) : st;
}

static pyn_status check_set(struct check *check, const struct pyn_type *type, struct want want)
{
    want.is_hashed = true;
    return check_items(check, type, want);
}

static pyn_status check_data(struct check *check, const struct pyn_type *type, struct want want)
{
    /* What a peer describes is seen from its side or from ours: there the rule has no direction. */
    if (want.flows_out && !check->build->policy->is_fragment) {
        return refuse(check, "stands only where things flow in:", type);
    }
    return PYN_OK;
}

static pyn_status check_type(struct check *check, const struct pyn_type *type, struct want want)
{
    bool is_unhashable = type->kind == PYN_T_DATA || type->kind == PYN_T_SLICE || type->kind == PYN_T_BYTEARRAY ||
                         type->kind == PYN_T_MEMORYVIEW || type->kind == PYN_T_BUFFER || type->kind == PYN_T_NDARRAY ||
                         type->kind == PYN_T_COPY_LIST || type->kind == PYN_T_COPY_SET || type->kind == PYN_T_COPY_DICT;
    if (want.is_hashed && is_unhashable) {
        return refuse(check, "cannot stand in a set or be a key:", type);
    }
    switch (type->kind) {
    case PYN_T_DATA:
        return check_data(check, type, want);
    case PYN_T_TUPLE:
    case PYN_T_TUPLE_OF:
    case PYN_T_COPY_LIST:
    case PYN_T_UNION:
        return check_items(check, type, want);
    case PYN_T_FROZENSET:
    case PYN_T_COPY_SET:
        return check_set(check, type, want);
    case PYN_T_COPY_DICT:
        return check_dict(check, type, want);
    case PYN_T_RECORD:
        ask(check, type->record, want);
        return PYN_OK;
    case PYN_T_IFACE:
        return check_reference(check, type, want);
    default:
        return PYN_OK;
    }
}

/* ---- one spelling ---- */

static pyn_status check_text(struct check *check, pyn_status st, struct pyn_view spelling)
{
    struct pyn_view printed = pyn_buf_view(&check->build->text);
    if (st != PYN_OK) {
        return st;
    }
    if (!pyn_view_is_equal(printed, spelling)) {
        return pyn_diag_refuse(check->build->diag, check->at, "is not spelled as it should be, which is", printed);
    }
    return PYN_OK;
}

static pyn_status check_spelling(struct check *check, const struct pyn_type *type)
{
    pyn_buf_truncate(&check->build->text, 0);
    return check_text(check, pyn_spell_type(&check->build->text, type), type->spelling);
}

static pyn_status check_signature(struct check *check, const struct pyn_signature *signature, bool flows_out)
{
    pyn_buf_truncate(&check->build->text, 0);
    pyn_status st = check_text(check, pyn_spell_signature(&check->build->text, signature), signature->spelling);
    return st == PYN_OK ? check_call(check, signature, flows_out) : st;
}

/* ---- every place where a type stands ---- */

static pyn_status check_cached(struct check *check, const struct pyn_op *op)
{
    const char *fault = op->ttl_ns != 0 ? pyn_cached_fault(op) : NULL;
    return fault == NULL ? PYN_OK : pyn_diag_refuse(check->build->diag, check->at, fault, (struct pyn_view){0});
}

/* What is imported is the mirror image: its attributes and results come in. */
static pyn_status check_op(struct check *check, const struct pyn_op *op)
{
    bool is_ours = !op->iface->is_import;
    pyn_status st = PYN_OK;
    if (op->kind == PYN_OP_METHOD) {
        for (uint32_t i = 0; st == PYN_OK && i < op->signature_count; i++) {
            st = check_signature(check, &op->signatures[i], is_ours);
        }
        return st;
    }
    bool flows_out = (op->kind == PYN_OP_GET) == is_ours;
    st = check_spelling(check, op->type);
    return st == PYN_OK ? check_type(check, op->type, (struct want){.flows_out = flows_out}) : st;
}

static pyn_status check_iface(struct check *check, const struct pyn_iface *iface)
{
    static const char *const sections[] = {[PYN_OP_METHOD] = "methods", [PYN_OP_GET] = "get", [PYN_OP_SET] = "set"};
    const struct pyn_place top = {NULL, pyn_view_of(iface->is_import ? "imports" : "interfaces")};
    const struct pyn_place iface_at = {&top, iface->name};
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < iface->op_count; i++) {
        const struct pyn_place section_at = {&iface_at, pyn_view_of(sections[iface->ops[i].kind])};
        const struct pyn_place at = {&section_at, iface->ops[i].name};
        check->at = &at;
        st = check_op(check, &iface->ops[i]);
        if (st == PYN_OK) {
            st = check_cached(check, &iface->ops[i]);
        }
        check->at = NULL;
    }
    return st;
}

static pyn_status check_field(struct check *check, const struct pyn_field *field, uint8_t asked)
{
    if ((asked & ASK_HASHED) != 0 && field->may_miss) {
        return pyn_diag_refuse(check->build->diag, check->at, "a TypedDict cannot stand in a set or be a key",
                               (struct pyn_view){0});
    }
    pyn_status st = check_spelling(check, field->type);
    if (st != PYN_OK) {
        return st;
    }
    const struct want want = {
        .flows_out = (asked & ASK_OUT) != 0, .is_hashed = (asked & ASK_HASHED) != 0, .is_field = true};
    return check_type(check, field->type, want);
}

static pyn_status check_record(struct check *check, const struct pyn_record *record)
{
    const struct pyn_place top = {NULL, pyn_view_of("records")};
    const struct pyn_place record_at = {&top, record->name};
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < record->count; i++) {
        const struct pyn_place at = {&record_at, record->fields[i].name};
        check->at = &at;
        st = check_field(check, &record->fields[i], check->asked[record->index]);
        check->at = NULL;
    }
    return st;
}

/* Records name records: the queue stands in for recursion, which a file could make as deep as it is long. */
static pyn_status check_records(struct check *check)
{
    const struct pyn_policy *policy = check->build->policy;
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; i < policy->record_count; i++) {
        ask(check, &policy->records[i], (struct want){0});
    }
    while (st == PYN_OK && check->queue_len != 0) {
        uint32_t i = check->queue[--check->queue_len];
        check->is_queued[i] = false;
        st = check_record(check, &policy->records[i]);
    }
    return st;
}

static pyn_status check_roots(struct check *check)
{
    const struct pyn_policy *policy = check->build->policy;
    const struct pyn_place top = {NULL, pyn_view_of("roots")};
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < policy->root_count; i++) {
        const struct pyn_place at = {&top, policy->roots[i].name};
        const struct pyn_iface *iface = policy->roots[i].iface;
        check->at = &at;
        st = iface->is_fn ? check_call(check, &iface->ops[0].signatures[0], true) : PYN_OK;
        check->at = NULL;
    }
    return st;
}

/* The fields of an exception are read without the policy: no record, no enum member, no array stands in them. */
static pyn_status check_plain(struct check *check, const struct pyn_type *type)
{
    pyn_status st = PYN_OK;
    if (type->kind == PYN_T_RECORD || type->kind == PYN_T_ENUM || type->kind == PYN_T_NDARRAY) {
        return refuse(check, "a field of an exception is plain data, not", type);
    }
    for (uint32_t i = 0; st == PYN_OK && i < type->count; i++) {
        st = check_plain(check, type->items[i]);
    }
    return st;
}

static pyn_status check_error(struct check *check, const struct pyn_error_rule *rule)
{
    const struct pyn_place top = {NULL, pyn_view_of("errors")};
    const struct pyn_place rule_at = {&top, rule->class_name};
    const struct pyn_place fields_at = {&rule_at, pyn_view_of("fields")};
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < rule->field_count; i++) {
        const struct pyn_place at = {&fields_at, rule->fields[i].name};
        check->at = &at;
        st = check_spelling(check, rule->fields[i].type);
        if (st == PYN_OK) {
            st = check_plain(check, rule->fields[i].type);
        }
        if (st == PYN_OK) {
            st = check_type(check, rule->fields[i].type, (struct want){.flows_out = true, .is_field = true});
        }
        check->at = NULL;
    }
    return st;
}

static pyn_status check_errors(struct check *check)
{
    const struct pyn_policy *policy = check->build->policy;
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < policy->error_count; i++) {
        st = check_error(check, &policy->errors[i]);
    }
    return st;
}

pyn_status pyn_check(struct pyn_build *build)
{
    const struct pyn_policy *policy = build->policy;
    struct check check = {.build = build};
    check.asked = pyn_arena_new(&build->scratch, policy->record_count, sizeof *check.asked);
    check.queue = pyn_arena_new(&build->scratch, policy->record_count, sizeof *check.queue);
    check.is_queued = pyn_arena_new(&build->scratch, policy->record_count, sizeof *check.is_queued);
    if (check.asked == NULL || check.queue == NULL || check.is_queued == NULL) {
        return PYN_ENOMEM;
    }
    pyn_status st = check_roots(&check);
    uint32_t listed = policy->interface_count + policy->import_count;
    for (uint32_t i = 0; st == PYN_OK && i < listed; i++) {
        st = check_iface(&check, policy->ifaces[i]);
    }
    if (st == PYN_OK) {
        st = check_errors(&check);
    }
    return st == PYN_OK ? check_records(&check) : st;
}
