/* diff.c - see diff.h. */
#include "diff.h"

#include "names.h"
#include "table.h"
#include "within.h"

/* One of the two policies, with what can be reached under it. */
struct side {
    const struct pyn_policy *policy;
    struct pyn_graph *graph;
    struct pyn_walk walk;
};

struct diff {
    struct side old;
    struct side new;
    struct pyn_within within;
    pyn_change_fn *emit;
    void *ctx;
};

/* ---- writes ---- */

static bool is_one_of(struct pyn_view name, const char *const *words, size_t count)
{
    bool is = false;
    for (size_t i = 0; !is && i < count; i++) {
        is = pyn_view_is_equal(name, pyn_view_of(words[i]));
    }
    return is;
}

/* Without a module: a standard container. */
static bool is_standard(const struct pyn_iface *iface)
{
    const uint8_t *bracket = iface->name.len != 0 ? memchr(iface->name.data, '[', iface->name.len) : NULL;
    size_t len = bracket != NULL ? (size_t)(bracket - iface->name.data) : iface->name.len;
    return pyn_name_is_standard((struct pyn_view){iface->name.data, len});
}

bool pyn_op_is_write(const struct pyn_op *op)
{
    static const char *const everywhere[] = {"__delitem__", "__iadd__", "__iand__",   "__ior__",
                                             "__isub__",    "__ixor__", "__setitem__"};
    static const char *const in_containers[] = {
        "add",
        "append",
        "appendleft",
        "clear",
        "difference_update",
        "discard",
        "extend",
        "extendleft",
        "insert",
        "pop",
        "popitem",
        "popleft",
        "intersection_update",
        "remove",
        "reverse",
        "rotate",
        "setdefault",
        "sort",
        "update",
        "symmetric_difference_update",
    };
    if (op->kind != PYN_OP_METHOD) {
        return op->kind == PYN_OP_SET;
    }
    return is_one_of(op->name, everywhere, sizeof everywhere / sizeof *everywhere) ||
           (is_standard(op->iface) && is_one_of(op->name, in_containers, sizeof in_containers / sizeof *in_containers));
}

/* ---- what became of a pair ---- */

static enum pyn_change_kind kind_of(bool new_is_within, bool old_is_within)
{
    if (new_is_within) {
        return old_is_within ? PYN_CHANGE_NONE : PYN_CHANGE_NARROWED;
    }
    return old_is_within ? PYN_CHANGE_WIDENED : PYN_CHANGE_OTHER;
}

static enum pyn_change_kind compare_ops(struct diff *diff, const struct pyn_op *old, const struct pyn_op *new)
{
    bool new_is_within = pyn_op_is_within(&diff->within, new, old);
    return kind_of(new_is_within, pyn_op_is_within(&diff->within, old, new));
}

static pyn_status tell(struct diff *diff, const struct pyn_change *change)
{
    return change->kind == PYN_CHANGE_NONE ? PYN_OK : diff->emit(diff->ctx, change);
}

/* ---- roots ---- */

static const struct pyn_root *find_root(const struct pyn_policy *policy, struct pyn_view name)
{
    size_t at = pyn_table_row(policy->roots, policy->root_count, sizeof *policy->roots, offsetof(struct pyn_root, name),
                              name);
    return at < policy->root_count ? &policy->roots[at] : NULL;
}

static enum pyn_change_kind compare_roots(struct diff *diff, const struct pyn_iface *old, const struct pyn_iface *new)
{
    if (pyn_view_is_equal(old->name, new->name)) {
        return PYN_CHANGE_NONE;
    }
    if (old->is_fn && new->is_fn) {
        return compare_ops(diff, old->ops, new->ops);
    }
    return PYN_CHANGE_OTHER;
}

static pyn_status diff_roots(struct diff *diff)
{
    const struct pyn_policy *new = diff->new.policy;
    struct pyn_change change = {.subject = PYN_SUBJECT_ROOT};
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < new->root_count; i++) {
        const struct pyn_root *before = find_root(diff->old.policy, new->roots[i].name);
        change.name = new->roots[i].name;
        change.new_text = new->roots[i].iface->name;
        change.old_text = before != NULL ? before->iface->name : (struct pyn_view){0};
        change.kind = before != NULL ? compare_roots(diff, before->iface, new->roots[i].iface) : PYN_CHANGE_ADDED;
        st = tell(diff, &change);
    }
    return st;
}

static pyn_status diff_gone_roots(struct diff *diff)
{
    const struct pyn_policy *old = diff->old.policy;
    struct pyn_change change = {.subject = PYN_SUBJECT_ROOT};
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < old->root_count; i++) {
        bool is_gone = find_root(diff->new.policy, old->roots[i].name) == NULL;
        change.name = old->roots[i].name;
        change.old_text = old->roots[i].iface->name;
        change.kind = is_gone ? PYN_CHANGE_REMOVED : PYN_CHANGE_NONE;
        st = tell(diff, &change);
    }
    return st;
}

/* ---- interfaces ---- */

static bool is_reached(const struct side *side, uint32_t node)
{
    return side->walk.steps[node] != PYN_FAR;
}

/* The node of the same interface in the same hand on the other side; NULL when nothing leads there. */
static const struct pyn_iface *counterpart(const struct side *side, const struct pyn_iface *iface, enum pyn_hand hand)
{
    const struct pyn_policy *policy = side->policy;
    const struct pyn_iface *found = NULL;
    if (hand == PYN_HAND_OURS) {
        found = pyn_table_find(policy->ifaces + policy->interface_count, policy->import_count, iface->name);
    } else {
        found = pyn_policy_find(policy, iface->name);
    }
    return found != NULL && is_reached(side, pyn_node_of(found, hand)) ? found : NULL;
}

/* What an object is checked against; "facet" for the members alone. */
static struct pyn_view checked(const struct pyn_iface *iface)
{
    return iface->is_facet ? pyn_view_of("facet") : iface->class_name;
}

/* The same interface on both sides, or on one: there the other is NULL. */
struct pair {
    const struct pyn_iface *old;
    const struct pyn_iface *new;
    enum pyn_hand hand;
};

static pyn_status diff_iface(struct diff *diff, const struct pair *pair)
{
    const struct pyn_iface *any = pair->new != NULL ? pair->new : pair->old;
    struct pyn_change change = {.subject = PYN_SUBJECT_INTERFACE, .hand = pair->hand, .owner = any->name};
    if (pair->old == NULL || pair->new == NULL) { /* its operations say more, if it has any */
        change.kind = pair->old == NULL ? PYN_CHANGE_ADDED : PYN_CHANGE_REMOVED;
        return any->op_count == 0 ? tell(diff, &change) : PYN_OK;
    }
    change.old_text = checked(pair->old);
    change.new_text = checked(pair->new);
    bool is_same = pyn_view_is_equal(change.old_text, change.new_text) || pair->hand == PYN_HAND_OURS;
    change.kind = is_same ? PYN_CHANGE_NONE : PYN_CHANGE_OTHER;
    return tell(diff, &change);
}

static pyn_status diff_op(struct diff *diff, const struct pair *pair, const struct pyn_op *old, const struct pyn_op *new)
{
    const struct pyn_op *any = new != NULL ? new : old;
    struct pyn_change change = {.subject = PYN_SUBJECT_OPERATION,
                                .hand = pair->hand,
                                .is_write = pyn_op_is_write(any) && pair->hand == PYN_HAND_PEER,
                                .owner = any->iface->name,
                                .name = any->name,
                                .old_op = old,
                                .new_op = new};
    if (old == NULL || new == NULL) {
        change.kind = old == NULL ? PYN_CHANGE_ADDED : PYN_CHANGE_REMOVED;
    } else {
        change.kind = compare_ops(diff, old, new);
    }
    return tell(diff, &change);
}

static const struct pyn_op *find_op(const struct pyn_iface *iface, const struct pyn_op *op)
{
    return iface != NULL ? pyn_iface_op(iface, op->kind, op->name) : NULL;
}

static pyn_status diff_pair(struct diff *diff, const struct pair *pair)
{
    pyn_status st = diff_iface(diff, pair);
    for (uint32_t i = 0; st == PYN_OK && pair->new != NULL &&i < pair->new->op_count; i++) {
        const struct pyn_op *op = &pair->new->ops[i];
        st = diff_op(diff, pair, find_op(pair->old, op), op);
    }
    for (uint32_t i = 0; st == PYN_OK && pair->old != NULL && i < pair->old->op_count; i++) {
        const struct pyn_op *op = &pair->old->ops[i];
        st = find_op(pair->new, op) == NULL ? diff_op(diff, pair, op, NULL) : PYN_OK;
    }
    return st;
}

/* A fn is a part of the types that it stands in, and compared there. */
static bool is_node(const struct side *side, uint32_t node, struct pair *pair)
{
    pair->new = pyn_node_iface(side->graph, node);
    pair->hand = pyn_node_hand(node);
    return is_reached(side, node) && !pair->new->is_fn;
}

static pyn_status diff_ifaces(struct diff *diff)
{
    struct pair pair = {0};
    pyn_status st = PYN_OK;
    for (uint32_t node = 0; st == PYN_OK && node < pyn_graph_node_count(diff->new.graph); node++) {
        if (is_node(&diff->new, node, &pair)) {
            pair.old = counterpart(&diff->old, pair.new, pair.hand);
            st = diff_pair(diff, &pair);
        }
    }
    for (uint32_t node = 0; st == PYN_OK && node < pyn_graph_node_count(diff->old.graph); node++) {
        if (is_node(&diff->old, node, &pair) && counterpart(&diff->new, pair.new, pair.hand) == NULL) {
            st = diff_pair(diff, &(struct pair){pair.new, NULL, pair.hand});
        }
    }
    return st;
}

/* ---- what is taken for what ---- */

static const struct pyn_iface *listed(const struct pyn_policy *policy, struct pyn_view name)
{
    const struct pyn_iface *found = pyn_table_find(policy->ifaces, policy->interface_count, name);
    return found != NULL ? found : pyn_table_find(policy->ifaces + policy->interface_count, policy->import_count, name);
}

static pyn_status diff_accepts_of(struct diff *diff, const struct pyn_iface *iface, const struct pyn_policy *other,
                                  enum pyn_change_kind kind)
{
    const struct pyn_iface *wanted = listed(other, iface->name);
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < iface->accept_count; i++) {
        struct pyn_change change = {
            .kind = kind, .subject = PYN_SUBJECT_ACCEPTS, .owner = iface->name, .name = iface->accepts[i]->name};
        const struct pyn_iface *have = pyn_policy_find(other, change.name);
        bool is_there = wanted != NULL && have != NULL && pyn_table_accepts(wanted, have);
        st = is_there ? PYN_OK : tell(diff, &change);
    }
    return st;
}

/* An interface that stands in both lists has one entry for both. */
static bool is_first(const struct pyn_policy *policy, uint32_t index)
{
    return listed(policy, policy->ifaces[index]->name) == policy->ifaces[index];
}

static pyn_status diff_accepts(struct diff *diff, const struct pyn_policy *policy, const struct pyn_policy *other,
                               enum pyn_change_kind kind)
{
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < policy->interface_count + policy->import_count; i++) {
        st = is_first(policy, i) ? diff_accepts_of(diff, policy->ifaces[i], other, kind) : PYN_OK;
    }
    return st;
}

/* ---- records, enums, exceptions ---- */

static const struct pyn_field *find_field(const struct pyn_field *fields, uint32_t count, struct pyn_view name)
{
    size_t at = pyn_table_row(fields, count, sizeof *fields, offsetof(struct pyn_field, name), name);
    return at < count ? &fields[at] : NULL;
}

static enum pyn_change_kind compare_fields(struct diff *diff, const struct pyn_field *old, const struct pyn_field *new)
{
    bool new_is_within = (old->may_miss || !new->may_miss) && pyn_type_is_within(&diff->within, new->type, old->type);
    bool old_is_within = (new->may_miss || !old->may_miss) && pyn_type_is_within(&diff->within, old->type, new->type);
    return kind_of(new_is_within, old_is_within);
}

/* The fields of one record or exception, on both sides. */
struct fields {
    enum pyn_subject subject;
    struct pyn_view owner;
    const struct pyn_field *old;
    uint32_t old_count;
    const struct pyn_field *new;
    uint32_t new_count;
};

static pyn_status diff_new_fields(struct diff *diff, const struct fields *fields)
{
    struct pyn_change change = {.subject = fields->subject, .owner = fields->owner};
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < fields->new_count; i++) {
        const struct pyn_field *new = &fields->new[i];
        const struct pyn_field *old = find_field(fields->old, fields->old_count, new->name);
        change.name = new->name;
        change.new_text = new->type->spelling;
        change.old_text = old != NULL ? old->type->spelling : (struct pyn_view){0};
        change.kind = old != NULL ? compare_fields(diff, old, new) : PYN_CHANGE_ADDED;
        st = tell(diff, &change);
    }
    return st;
}

static pyn_status diff_gone_fields(struct diff *diff, const struct fields *fields)
{
    struct pyn_change change = {.subject = fields->subject, .owner = fields->owner};
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < fields->old_count; i++) {
        const struct pyn_field *old = &fields->old[i];
        bool is_gone = find_field(fields->new, fields->new_count, old->name) == NULL;
        change.name = old->name;
        change.old_text = old->type->spelling;
        change.kind = is_gone ? PYN_CHANGE_REMOVED : PYN_CHANGE_NONE;
        st = tell(diff, &change);
    }
    return st;
}

static pyn_status diff_fields(struct diff *diff, const struct fields *fields)
{
    pyn_status st = diff_new_fields(diff, fields);
    return st == PYN_OK ? diff_gone_fields(diff, fields) : st;
}

static pyn_status diff_records(struct diff *diff)
{
    const struct pyn_policy *new = diff->new.policy;
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < new->record_count; i++) {
        const struct pyn_record *record = &new->records[i];
        const struct pyn_record *before = pyn_table_record(diff->old.policy, record->name);
        if (before != NULL) { /* one that is new is a part of the types that name it */
            st = diff_fields(diff, &(struct fields){PYN_SUBJECT_RECORD, record->name, before->fields, before->count,
                                                    record->fields, record->count});
        }
    }
    return st;
}

static bool has_member(const struct pyn_enum *enumeration, struct pyn_view name)
{
    return pyn_table_row(enumeration->members, enumeration->count, sizeof *enumeration->members, 0, name) <
           enumeration->count;
}

static pyn_status diff_enum(struct diff *diff, const struct pyn_enum *one, const struct pyn_enum *other,
                            enum pyn_change_kind kind)
{
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < one->count; i++) {
        struct pyn_change change = {
            .kind = kind, .subject = PYN_SUBJECT_ENUM, .owner = one->name, .name = one->members[i]};
        st = has_member(other, one->members[i]) ? PYN_OK : tell(diff, &change);
    }
    return st;
}

static pyn_status diff_enums(struct diff *diff)
{
    const struct pyn_policy *new = diff->new.policy;
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < new->enum_count; i++) {
        const struct pyn_enum *before = pyn_table_enum(diff->old.policy, new->enums[i].name);
        if (before != NULL) {
            st = diff_enum(diff, &new->enums[i], before, PYN_CHANGE_ADDED);
            st = st == PYN_OK ? diff_enum(diff, before, &new->enums[i], PYN_CHANGE_REMOVED) : st;
        }
    }
    return st;
}

static struct pyn_view grant_word(enum pyn_error_grant grant)
{
    return pyn_view_of(grant == PYN_ERROR_TEXT ? "text" : grant == PYN_ERROR_TYPE ? "type" : "hidden");
}

/* A class that has no rule is hidden. */
static pyn_status diff_error(struct diff *diff, struct pyn_view owner, const struct pyn_error_rule *old,
                             const struct pyn_error_rule *new)
{
    static const struct pyn_error_rule hidden;
    const struct pyn_error_rule *before = old != NULL ? old : &hidden;
    const struct pyn_error_rule *after = new != NULL ? new : &hidden;
    struct pyn_change change = {.subject = PYN_SUBJECT_ERROR, .owner = owner};
    change.old_text = grant_word(before->grant);
    change.new_text = grant_word(after->grant);
    change.kind = kind_of(after->grant <= before->grant, before->grant <= after->grant);
    pyn_status st = tell(diff, &change);
    return st == PYN_OK ? diff_fields(diff, &(struct fields){PYN_SUBJECT_ERROR, owner, before->fields,
                                                             before->field_count, after->fields, after->field_count})
                        : st;
}

static pyn_status diff_errors(struct diff *diff)
{
    const struct pyn_policy *old = diff->old.policy;
    const struct pyn_policy *new = diff->new.policy;
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < new->error_count; i++) {
        struct pyn_view owner = new->errors[i].class_name;
        st = diff_error(diff, owner, pyn_policy_error_rule(old, owner), &new->errors[i]);
    }
    for (uint32_t i = 0; st == PYN_OK && i < old->error_count; i++) {
        struct pyn_view owner = old->errors[i].class_name;
        bool is_gone = pyn_policy_error_rule(new, owner) == NULL;
        st = is_gone ? diff_error(diff, owner, &old->errors[i], NULL) : PYN_OK;
    }
    return st;
}

/* ---- all of it ---- */

static pyn_status side_init(struct side *side, const struct pyn_policy *policy)
{
    side->policy = policy;
    pyn_status st = pyn_graph_new(policy, &side->graph);
    return st == PYN_OK ? pyn_walk_from_roots(side->graph, &side->walk) : st;
}

static void side_fini(struct side *side)
{
    pyn_walk_fini(&side->walk);
    pyn_graph_free(side->graph);
}

static pyn_status run(struct diff *diff)
{
    const struct pyn_policy *old = diff->old.policy;
    const struct pyn_policy *new = diff->new.policy;
    static pyn_status (*const steps[])(struct diff *) = {diff_roots,   diff_gone_roots, diff_ifaces,
                                                         diff_records, diff_enums,      diff_errors};
    pyn_status st = PYN_OK;
    for (size_t i = 0; st == PYN_OK && i < sizeof steps / sizeof *steps; i++) {
        st = steps[i](diff);
    }
    if (st == PYN_OK) {
        st = diff_accepts(diff, new, old, PYN_CHANGE_ADDED);
    }
    return st == PYN_OK ? diff_accepts(diff, old, new, PYN_CHANGE_REMOVED) : st;
}

pyn_status pyn_policy_diff(const struct pyn_policy *old, const struct pyn_policy *new, pyn_change_fn *emit, void *ctx)
{
    struct diff diff = {.within = {PYN_DIFF_STEPS}, .emit = emit, .ctx = ctx};
    pyn_status st = side_init(&diff.old, old);
    if (st == PYN_OK) {
        st = side_init(&diff.new, new);
    }
    if (st == PYN_OK) {
        st = run(&diff);
    }
    side_fini(&diff.old);
    side_fini(&diff.new);
    return st;
}
