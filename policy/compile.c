/* compile.c - from strings to tables; see build.h. */
#include "build.h"
#include "cached.h"
#include "names.h"
#include "spelling.h"

#include "../src/wire/details.h"

#include <stdlib.h>

/* ---- strings ---- */

static pyn_status keep(struct pyn_build *build, struct pyn_view text, struct pyn_view *out)
{
    return pyn_arena_dup(&build->policy->arena, text, out);
}

static pyn_status explain(struct pyn_build *build, const struct pyn_place *at, struct pyn_view text, pyn_status st)
{
    if (st != PYN_EFORMAT) {
        return st;
    }
    return pyn_diag_refuse_char(build->diag, at, build->grammar.fault.what, text, build->grammar.fault.at);
}

/* The text of a string value, in the policy's own memory: spellings point into it. */
static pyn_status take_text(struct pyn_build *build, const json_t *value, const struct pyn_place *at, struct pyn_view *out)
{
    struct pyn_view text = {0};
    pyn_status st = pyn_string_read(&build->source, value, at, &text);
    return st == PYN_OK ? keep(build, text, out) : st;
}

static pyn_status take_type(struct pyn_build *build, const json_t *value, const struct pyn_place *at,
                            const struct pyn_type **out)
{
    struct pyn_view text = {0};
    pyn_status st = take_text(build, value, at, &text);
    return st == PYN_OK ? explain(build, at, text, pyn_grammar_type(&build->grammar, text, out)) : st;
}

static pyn_status take_signature(struct pyn_build *build, const json_t *value, const struct pyn_place *at,
                                 struct pyn_signature *out)
{
    struct pyn_view text = {0};
    pyn_status st = take_text(build, value, at, &text);
    return st == PYN_OK ? explain(build, at, text, pyn_grammar_signature(&build->grammar, text, out)) : st;
}

/* ---- enums and records ---- */

static pyn_status check_class(struct pyn_build *build, const struct pyn_place *at, struct pyn_view name)
{
    if (pyn_name_is_class(name)) {
        return PYN_OK;
    }
    return pyn_diag_refuse(build->diag, at, "a class is spelled module:Name, not", name);
}

static pyn_status compile_enum(struct pyn_build *build, const struct pyn_entry *entry, const struct pyn_place *up,
                               struct pyn_enum *out)
{
    const struct pyn_place at = {up, entry->name};
    struct pyn_view *names = NULL;
    pyn_status st = check_class(build, up, entry->name);
    if (st == PYN_OK) {
        st = pyn_strings_read(&build->source, entry->value, &at, &names, &out->count);
    }
    if (st == PYN_OK) {
        st = keep(build, entry->name, &out->name);
    }
    if (st != PYN_OK) {
        return st;
    }
    struct pyn_view *members = pyn_arena_new(&build->policy->arena, out->count, sizeof *members);
    if (members == NULL) {
        return PYN_ENOMEM;
    }
    out->members = members;
    for (uint32_t i = 0; i < out->count; i++) {
        if (!pyn_name_is_member(names[i])) {
            return pyn_diag_refuse(build->diag, &at, "a member may not have the name", names[i]);
        }
        st = keep(build, names[i], &members[i]);
        if (st != PYN_OK) {
            return st;
        }
    }
    return PYN_OK;
}

static pyn_status compile_enums(struct pyn_build *build)
{
    const struct pyn_place at = {NULL, pyn_view_of("enums")};
    const struct pyn_section *section = &build->model.enums;
    struct pyn_policy *policy = build->policy;
    policy->enums = pyn_arena_new(&policy->arena, section->count, sizeof *policy->enums);
    if (policy->enums == NULL) {
        return PYN_ENOMEM;
    }
    policy->enum_count = section->count;
    for (uint32_t i = 0; i < section->count; i++) {
        policy->enums[i].index = i;
        pyn_status st = compile_enum(build, &section->entries[i], &at, &policy->enums[i]);
        if (st != PYN_OK) {
            return st;
        }
    }
    return PYN_OK;
}

/* Records name each other: their names come first. */
static pyn_status declare_records(struct pyn_build *build)
{
    const struct pyn_place at = {NULL, pyn_view_of("records")};
    const struct pyn_section *section = &build->model.records;
    struct pyn_policy *policy = build->policy;
    policy->records = pyn_arena_new(&policy->arena, section->count, sizeof *policy->records);
    if (policy->records == NULL) {
        return PYN_ENOMEM;
    }
    policy->record_count = section->count;
    for (uint32_t i = 0; i < section->count; i++) {
        pyn_status st = check_class(build, &at, section->entries[i].name);
        if (st == PYN_OK) {
            st = keep(build, section->entries[i].name, &policy->records[i].name);
        }
        if (st != PYN_OK) {
            return st;
        }
        policy->records[i].index = i;
    }
    return PYN_OK;
}

static pyn_status compile_field(struct pyn_build *build, const struct pyn_entry *entry, const struct pyn_place *up,
                                struct pyn_field *out)
{
    const struct pyn_place at = {up, entry->name};
    struct pyn_view text = {0};
    if (!pyn_name_is_member(entry->name)) {
        return pyn_diag_refuse(build->diag, up, "a field may not have the name", entry->name);
    }
    pyn_status st = keep(build, entry->name, &out->name);
    if (st == PYN_OK) {
        st = take_text(build, entry->value, &at, &text);
    }
    if (st != PYN_OK) {
        return st;
    }
    return explain(build, &at, text, pyn_grammar_field(&build->grammar, text, &out->type, &out->may_miss));
}

static pyn_status compile_record(struct pyn_build *build, const struct pyn_entry *entry, const struct pyn_place *up,
                                 struct pyn_record *out)
{
    const struct pyn_place at = {up, entry->name};
    struct pyn_section section = {0};
    pyn_status st = pyn_section_read(&build->source, entry->value, &at, &section);
    if (st != PYN_OK) {
        return st;
    }
    struct pyn_field *fields = pyn_arena_new(&build->policy->arena, section.count, sizeof *fields);
    if (fields == NULL) {
        return PYN_ENOMEM;
    }
    out->fields = fields;
    out->count = section.count;
    for (uint32_t i = 0; st == PYN_OK && i < section.count; i++) {
        st = compile_field(build, &section.entries[i], &at, &fields[i]);
    }
    return st;
}

static pyn_status compile_records(struct pyn_build *build)
{
    const struct pyn_place at = {NULL, pyn_view_of("records")};
    const struct pyn_section *section = &build->model.records;
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < section->count; i++) {
        st = compile_record(build, &section->entries[i], &at, &build->policy->records[i]);
    }
    return st;
}

/* ---- operations ---- */

/* `__exit__` takes what is left of an exception, and nothing else. */
static bool is_exit(struct pyn_view name)
{
    return pyn_view_is_equal(name, pyn_view_of("__exit__")) || pyn_view_is_equal(name, pyn_view_of("__aexit__"));
}

static pyn_status check_exit(struct pyn_build *build, const struct pyn_place *at, const struct pyn_op *op)
{
    static const char wanted[] = "((str, str)|none, /) -> bool|none";
    struct pyn_view text = op->signatures[0].spelling;
    if (op->signatures[0].is_async && op->name.data[2] == 'a') {
        text = (struct pyn_view){text.data + strlen("async "), text.len - strlen("async ")};
    }
    if (op->signature_count == 1 && pyn_view_is_equal(text, pyn_view_of(wanted))) {
        return PYN_OK;
    }
    return pyn_diag_refuse(build->diag, at, "its one signature is", pyn_view_of(wanted));
}

static bool is_of(const struct pyn_iface *iface, const char *prefix)
{
    size_t len = strlen(prefix);
    return iface->name.len > len && memcmp(iface->name.data, prefix, len) == 0;
}

/* What is thrown into a generator is told the same way. */
static bool is_throw(const struct pyn_op *op)
{
    return (is_of(op->iface, "Generator[") && pyn_view_is_equal(op->name, pyn_view_of("throw"))) ||
           (is_of(op->iface, "AsyncGenerator[") && pyn_view_is_equal(op->name, pyn_view_of("athrow")));
}

static pyn_status check_throw(struct pyn_build *build, const struct pyn_place *at, const struct pyn_op *op)
{
    static const char wanted[] = "((str, str), /)";
    struct pyn_view text = op->signatures[0].spelling;
    if (op->signatures[0].is_async) {
        text = (struct pyn_view){text.data + strlen("async "), text.len - strlen("async ")};
    }
    if (op->signature_count == 1 && op->signatures[0].is_async == (op->name.data[0] == 'a') &&
        text.len > strlen(wanted) && memcmp(text.data, wanted, strlen(wanted)) == 0) {
        return PYN_OK;
    }
    return pyn_diag_refuse(build->diag, at, "has one signature, whose parameters are", pyn_view_of(wanted));
}

static pyn_status compile_overloads(struct pyn_build *build, const json_t *value, const struct pyn_place *at,
                                    struct pyn_op *op)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    if (json_is_array(value) && (count < 2 || count > PYN_OVERLOAD_MAX)) {
        return pyn_diag_refuse(build->diag, at, "a list has 2 to 16 signatures", (struct pyn_view){0});
    }
    struct pyn_signature *signatures = pyn_arena_new(&build->policy->arena, count, sizeof *signatures);
    if (signatures == NULL) {
        return PYN_ENOMEM;
    }
    op->signatures = signatures;
    op->signature_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const json_t *text = json_is_array(value) ? json_array_get(value, i) : value;
        pyn_status st = take_signature(build, text, at, &signatures[i]);
        if (st != PYN_OK) {
            return st;
        }
    }
    if (is_throw(op)) {
        return check_throw(build, at, op);
    }
    return is_exit(op->name) ? check_exit(build, at, op) : PYN_OK;
}

static pyn_status compile_ops(struct pyn_build *build, enum pyn_op_kind kind, const char *key,
                              const struct pyn_section *section, const struct pyn_place *up, struct pyn_op *ops)
{
    const struct pyn_place section_at = {up, pyn_view_of(key)};
    for (uint32_t i = 0; i < section->count; i++) {
        const struct pyn_entry *entry = &section->entries[i];
        const struct pyn_place at = {&section_at, entry->name};
        ops[i].kind = kind;
        ops[i].is_binary = kind == PYN_OP_METHOD && pyn_name_is_binary(entry->name);
        pyn_status st = keep(build, entry->name, &ops[i].name);
        if (st == PYN_OK) {
            st = kind == PYN_OP_METHOD ? compile_overloads(build, entry->value, &at, &ops[i])
                                       : take_type(build, entry->value, &at, &ops[i].type);
        }
        if (st != PYN_OK) {
            return st;
        }
    }
    return PYN_OK;
}

/* ---- interfaces ---- */

/* The name of a fn can stand in a fragment only; it is resolved with all the fns that are named in types. */
static pyn_status compile_fn_name(struct pyn_build *build, const struct pyn_model_iface *model,
                                  const struct pyn_place *at, struct pyn_iface *out)
{
    const struct pyn_type *type = NULL;
    bool is_call = model->methods.count == 1 && model->get.count == 0 && model->set.count == 0 &&
                   pyn_view_is_equal(model->methods.entries[0].name, pyn_view_of("__call__")) &&
                   json_is_string(model->methods.entries[0].value);
    if (!build->policy->is_fragment || out->is_import) {
        return pyn_diag_refuse(build->diag, at, "a fn is not listed", (struct pyn_view){0});
    }
    if (!is_call) {
        return pyn_diag_refuse(build->diag, at, "a fn has __call__ with one signature and no more", (struct pyn_view){0});
    }
    pyn_status st = explain(build, at, out->name, pyn_grammar_type(&build->grammar, out->name, &type));
    if (st == PYN_OK && type->kind != PYN_T_IFACE) {
        return pyn_diag_refuse(build->diag, at, "not the name of an interface", (struct pyn_view){0});
    }
    out->is_fn = true;
    return st;
}

static pyn_status compile_iface(struct pyn_build *build, const struct pyn_model_iface *model,
                                const struct pyn_place *up, struct pyn_iface *out)
{
    const struct pyn_place at = {up, model->name};
    struct pyn_policy *policy = build->policy;
    struct pyn_op *ops = NULL;
    struct pyn_op *all = NULL;
    pyn_status st = keep(build, model->name, &out->name);
    if (st == PYN_OK) {
        st = pyn_grammar_is_fn(out->name)
                 ? compile_fn_name(build, model, &at, out)
                 : explain(build, &at, out->name, pyn_grammar_interface(&build->grammar, out->name));
    }
    if (st == PYN_OK && !policy->is_fragment) {
        out->is_facet = model->is_facet || pyn_name_is_facet_class(model->class_name);
        st = out->is_facet ? PYN_OK : keep(build, model->class_name, &out->class_name);
    }
    if (st != PYN_OK) {
        return st;
    }
    out->policy = policy;
    out->cached_count = model->cached.count;
    out->op_count = model->methods.count + model->get.count + model->set.count;
    ops = pyn_arena_new(&policy->arena, out->op_count, sizeof *ops);
    if (ops == NULL) {
        return PYN_ENOMEM;
    }
    out->ops = all = ops;
    for (uint32_t i = 0; i < out->op_count; i++) {
        ops[i].iface = out;
        ops[i].slot = policy->op_count++;
    }
    st = compile_ops(build, PYN_OP_METHOD, "methods", &model->methods, &at, ops);
    ops += model->methods.count;
    if (st == PYN_OK) {
        st = compile_ops(build, PYN_OP_GET, "get", &model->get, &at, ops);
    }
    ops += model->get.count;
    if (st == PYN_OK) {
        st = compile_ops(build, PYN_OP_SET, "set", &model->set, &at, ops);
    }
    return st == PYN_OK ? pyn_cached_compile(build, &model->cached, &at, out, all) : st;
}

static pyn_status compile_ifaces(struct pyn_build *build)
{
    const struct pyn_place interfaces_at = {NULL, pyn_view_of("interfaces")};
    const struct pyn_place imports_at = {NULL, pyn_view_of("imports")};
    const struct pyn_model *model = &build->model;
    struct pyn_policy *policy = build->policy;
    pyn_status st = PYN_OK;

    policy->interface_count = model->interface_count;
    policy->import_count = model->import_count;
    build->ifaces = pyn_arena_new(&policy->arena, (size_t)model->interface_count + model->import_count,
                                  sizeof *build->ifaces);
    if (build->ifaces == NULL) {
        return PYN_ENOMEM;
    }
    for (uint32_t i = 0; st == PYN_OK && i < model->interface_count; i++) {
        st = compile_iface(build, &model->interfaces[i], &interfaces_at, &build->ifaces[i]);
    }
    for (uint32_t i = 0; st == PYN_OK && i < model->import_count; i++) {
        struct pyn_iface *iface = &build->ifaces[model->interface_count + i];
        iface->is_import = true;
        st = compile_iface(build, &model->imports[i], &imports_at, iface);
    }
    return st;
}

static const struct pyn_record *record_of(void *ctx, struct pyn_view name)
{
    return pyn_table_record(ctx, name);
}

static const struct pyn_enum *enum_of(void *ctx, struct pyn_view name)
{
    return pyn_table_enum(ctx, name);
}

/* Roots are types too, and may name a fn: they are read ahead of the resolving. */
static pyn_status compile_roots(struct pyn_build *build)
{
    const struct pyn_place section_at = {NULL, pyn_view_of("roots")};
    const struct pyn_section *section = &build->model.roots;
    const struct pyn_type *type = NULL;
    for (uint32_t i = 0; i < section->count; i++) {
        const struct pyn_place at = {&section_at, section->entries[i].name};
        if (!pyn_name_is_identifier(section->entries[i].name)) {
            return pyn_diag_refuse(build->diag, &section_at, "not a name:", section->entries[i].name);
        }
        pyn_status st = take_type(build, section->entries[i].value, &at, &type);
        if (st != PYN_OK) {
            return st;
        }
        if (type->kind != PYN_T_IFACE) {
            return pyn_diag_refuse(build->diag, &at, "a root is an interface, not", type->spelling);
        }
    }
    return PYN_OK;
}

pyn_status pyn_compile(struct pyn_build *build)
{
    pyn_status st = compile_enums(build);
    if (st == PYN_OK) {
        st = declare_records(build);
    }
    if (st != PYN_OK) {
        return st;
    }
    build->grammar.record = record_of;
    build->grammar.enumeration = enum_of;
    build->grammar.ctx = build->policy;
    st = compile_records(build);
    if (st == PYN_OK) {
        st = compile_ifaces(build);
    }
    build->policy->has_arrays = build->grammar.has_arrays;
    return st == PYN_OK ? compile_roots(build) : st;
}

/* ---- behind the resolving ---- */

static pyn_status link_roots(struct pyn_build *build)
{
    const struct pyn_place section_at = {NULL, pyn_view_of("roots")};
    const struct pyn_section *section = &build->model.roots;
    struct pyn_policy *policy = build->policy;
    policy->roots = pyn_arena_new(&policy->arena, section->count, sizeof *policy->roots);
    if (policy->roots == NULL) {
        return PYN_ENOMEM;
    }
    policy->root_count = section->count;
    for (uint32_t i = 0; i < section->count; i++) {
        const struct pyn_place at = {&section_at, section->entries[i].name};
        struct pyn_view name = {0};
        pyn_status st = pyn_string_read(&build->source, section->entries[i].value, &at, &name);
        if (st == PYN_OK) {
            st = keep(build, section->entries[i].name, &policy->roots[i].name);
        }
        if (st != PYN_OK) {
            return st;
        }
        policy->roots[i].iface = pyn_policy_find(policy, name);
        if (policy->roots[i].iface == NULL) {
            return pyn_diag_refuse(build->diag, &at, "not in 'interfaces':", name);
        }
    }
    return PYN_OK;
}

static int by_address(const void *a, const void *b)
{
    const struct pyn_iface *const *left = a;
    const struct pyn_iface *const *right = b;
    return ((uintptr_t)*left > (uintptr_t)*right) - ((uintptr_t)*left < (uintptr_t)*right);
}

/* What is wanted stands in interfaces, in imports (where only the client's own were taken otherwise), or in both. */
static pyn_status compile_accept(struct pyn_build *build, const struct pyn_entry *entry, const struct pyn_place *up)
{
    const struct pyn_place at = {up, entry->name};
    struct pyn_policy *policy = build->policy;
    struct pyn_iface *wanted = pyn_table_find(policy->ifaces, policy->interface_count, entry->name);
    struct pyn_iface *import = pyn_table_find(policy->ifaces + policy->interface_count, policy->import_count,
                                              entry->name);
    struct pyn_view *names = NULL;
    uint32_t count = 0;
    if (wanted == NULL && import == NULL) {
        return pyn_diag_refuse(build->diag, up, "in neither 'interfaces' nor 'imports':", entry->name);
    }
    pyn_status st = pyn_strings_read(&build->source, entry->value, &at, &names, &count);
    if (st != PYN_OK) {
        return st;
    }
    const struct pyn_iface **accepts = pyn_arena_new(&policy->arena, count, sizeof(const struct pyn_iface *));
    if (accepts == NULL) {
        return PYN_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        accepts[i] = pyn_table_find(policy->ifaces, policy->interface_count, names[i]);
        if (accepts[i] == NULL) {
            return pyn_diag_refuse(build->diag, &at, "not in 'interfaces':", names[i]);
        }
        if (accepts[i] == wanted) {
            return pyn_diag_refuse(build->diag, &at, "an interface conforms to itself anyway", (struct pyn_view){0});
        }
    }
    if (count > 1) {
        qsort(accepts, count, sizeof(const struct pyn_iface *), by_address);
    }
    if (wanted != NULL) {
        wanted->accepts = accepts;
        wanted->accept_count = count;
    }
    if (import != NULL) {
        import->accepts = accepts;
        import->accept_count = count;
    }
    return PYN_OK;
}

static pyn_status compile_accepts(struct pyn_build *build)
{
    const struct pyn_place at = {NULL, pyn_view_of("accepts")};
    const struct pyn_section *section = &build->model.accepts;
    pyn_status st = PYN_OK;
    for (uint32_t i = 0; st == PYN_OK && i < section->count; i++) {
        st = compile_accept(build, &section->entries[i], &at);
    }
    return st;
}

static pyn_status compile_grant(struct pyn_build *build, const json_t *value, const struct pyn_place *at,
                                enum pyn_error_grant *out)
{
    struct pyn_view grant = {0};
    pyn_status st = pyn_string_read(&build->source, value, at, &grant);
    if (st != PYN_OK) {
        return st;
    }
    if (pyn_view_is_equal(grant, pyn_view_of("type"))) {
        *out = PYN_ERROR_TYPE;
    } else if (pyn_view_is_equal(grant, pyn_view_of("text"))) {
        *out = PYN_ERROR_TEXT;
    } else {
        return pyn_diag_refuse(build->diag, at, "\"type\" or \"text\" is wanted, not", grant);
    }
    return PYN_OK;
}

static pyn_status compile_error_fields(struct pyn_build *build, json_t *value, const struct pyn_place *up,
                                       struct pyn_error_rule *out)
{
    const struct pyn_place at = {up, pyn_view_of("fields")};
    struct pyn_section section = {0};
    pyn_status st = pyn_section_read(&build->source, value, &at, &section);
    if (st != PYN_OK) {
        return st;
    }
    if (section.count == 0 || section.count > PYN_FIELD_MAX) {
        return pyn_diag_refuse(build->diag, &at, "has 1 to 64 fields", (struct pyn_view){0});
    }
    struct pyn_field *fields = pyn_arena_new(&build->policy->arena, section.count, sizeof *fields);
    if (fields == NULL) {
        return PYN_ENOMEM;
    }
    out->fields = fields;
    out->field_count = section.count;
    for (uint32_t i = 0; st == PYN_OK && i < section.count; i++) {
        const struct pyn_place field_at = {&at, section.entries[i].name};
        if (!pyn_name_is_member(section.entries[i].name)) {
            return pyn_diag_refuse(build->diag, &at, "not a field:", section.entries[i].name);
        }
        st = keep(build, section.entries[i].name, &fields[i].name);
        if (st == PYN_OK) {
            st = take_type(build, section.entries[i].value, &field_at, &fields[i].type);
        }
    }
    return st;
}

/* "type", "text", or {"fields": {name: type}, "grant": one of the two}. */
static pyn_status compile_error(struct pyn_build *build, const struct pyn_entry *entry, const struct pyn_place *up,
                                struct pyn_error_rule *out)
{
    const struct pyn_place at = {up, entry->name};
    struct pyn_section parts = {0};
    pyn_status st = check_class(build, up, entry->name);
    if (st == PYN_OK) {
        st = keep(build, entry->name, &out->class_name);
    }
    if (st != PYN_OK || !json_is_object(entry->value)) {
        return st == PYN_OK ? compile_grant(build, entry->value, &at, &out->grant) : st;
    }
    st = pyn_section_read(&build->source, entry->value, &at, &parts);
    if (st == PYN_OK && (parts.count != 2 || !pyn_view_is_equal(parts.entries[0].name, pyn_view_of("fields")) ||
                         !pyn_view_is_equal(parts.entries[1].name, pyn_view_of("grant")))) {
        return pyn_diag_refuse(build->diag, &at, "\"fields\" and \"grant\" are wanted", (struct pyn_view){0});
    }
    if (st == PYN_OK) {
        st = compile_error_fields(build, parts.entries[0].value, &at, out);
    }
    return st == PYN_OK ? compile_grant(build, parts.entries[1].value, &at, &out->grant) : st;
}

static pyn_status compile_errors(struct pyn_build *build)
{
    const struct pyn_place at = {NULL, pyn_view_of("errors")};
    const struct pyn_section *section = &build->model.errors;
    struct pyn_policy *policy = build->policy;
    pyn_status st = PYN_OK;
    policy->errors = pyn_arena_new(&policy->arena, section->count, sizeof *policy->errors);
    if (policy->errors == NULL) {
        return PYN_ENOMEM;
    }
    policy->error_count = section->count;
    for (uint32_t i = 0; st == PYN_OK && i < section->count; i++) {
        st = compile_error(build, &section->entries[i], &at, &policy->errors[i]);
    }
    return st;
}

pyn_status pyn_compile_rest(struct pyn_build *build)
{
    pyn_status st = link_roots(build);
    if (st == PYN_OK) {
        st = compile_accepts(build);
    }
    return st == PYN_OK ? compile_errors(build) : st;
}
