/* policy.c - life, look-ups; see policy.h. */
#include "policy.h"

#include "table.h"

struct pyn_policy *pyn_policy_ref(struct pyn_policy *policy)
{
    atomic_fetch_add_explicit(&policy->ref_count, 1, memory_order_relaxed);
    return policy;
}

void pyn_policy_unref(struct pyn_policy *policy)
{
    if (policy == NULL || atomic_fetch_sub_explicit(&policy->ref_count, 1, memory_order_acq_rel) != 1) {
        return;
    }
    pyn_arena_fini(&policy->arena);
    pyn_mem_free(policy->mem, policy);
}

size_t pyn_policy_size(const struct pyn_policy *policy)
{
    return sizeof *policy + policy->arena.size;
}

/* ---- counts and indexes ---- */

uint32_t pyn_policy_iface_count(const struct pyn_policy *policy)
{
    return policy->interface_count + policy->import_count + policy->fn_count + policy->external_count;
}

const struct pyn_iface *pyn_policy_iface(const struct pyn_policy *policy, uint32_t index)
{
    return index < pyn_policy_iface_count(policy) ? policy->ifaces[index] : NULL;
}

uint32_t pyn_policy_op_count(const struct pyn_policy *policy)
{
    return policy->op_count;
}

uint32_t pyn_policy_record_count(const struct pyn_policy *policy)
{
    return policy->record_count;
}

const struct pyn_record *pyn_policy_record(const struct pyn_policy *policy, uint32_t index)
{
    return index < policy->record_count ? &policy->records[index] : NULL;
}

uint32_t pyn_policy_enum_count(const struct pyn_policy *policy)
{
    return policy->enum_count;
}

const struct pyn_enum *pyn_policy_enum(const struct pyn_policy *policy, uint32_t index)
{
    return index < policy->enum_count ? &policy->enums[index] : NULL;
}

uint32_t pyn_policy_root_count(const struct pyn_policy *policy)
{
    return policy->root_count;
}

const struct pyn_root *pyn_policy_root(const struct pyn_policy *policy, uint32_t index)
{
    return index < policy->root_count ? &policy->roots[index] : NULL;
}

/* ---- by name ---- */

size_t pyn_table_row(const void *rows, size_t count, size_t size, size_t offset, struct pyn_view name)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct pyn_view row;
        memcpy(&row, (const uint8_t *)rows + middle * size + offset, sizeof row);
        int order = pyn_view_compare(name, row);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return count;
}

struct pyn_iface *pyn_table_find(struct pyn_iface *const *run, uint32_t count, struct pyn_view name)
{
    uint32_t low = 0;
    while (low < count) {
        uint32_t middle = low + (count - low) / 2;
        int order = pyn_view_compare(name, run[middle]->name);
        if (order == 0) {
            return run[middle];
        }
        if (order < 0) {
            count = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const struct pyn_record *pyn_table_record(const struct pyn_policy *policy, struct pyn_view name)
{
    size_t at = pyn_table_row(policy->records, policy->record_count, sizeof *policy->records,
                              offsetof(struct pyn_record, name), name);
    return at < policy->record_count ? &policy->records[at] : NULL;
}

const struct pyn_enum *pyn_table_enum(const struct pyn_policy *policy, struct pyn_view name)
{
    size_t at = pyn_table_row(policy->enums, policy->enum_count, sizeof *policy->enums, offsetof(struct pyn_enum, name),
                              name);
    return at < policy->enum_count ? &policy->enums[at] : NULL;
}

const struct pyn_iface *pyn_policy_find(const struct pyn_policy *policy, struct pyn_view name)
{
    const struct pyn_iface *iface = pyn_table_find(policy->ifaces, policy->interface_count, name);
    if (iface != NULL) {
        return iface;
    }
    return pyn_table_find(policy->ifaces + policy->interface_count + policy->import_count, policy->fn_count, name);
}

const struct pyn_error_rule *pyn_policy_error_rule(const struct pyn_policy *policy, struct pyn_view class_name)
{
    size_t at = pyn_table_row(policy->errors, policy->error_count, sizeof *policy->errors,
                              offsetof(struct pyn_error_rule, class_name), class_name);
    return at < policy->error_count ? &policy->errors[at] : NULL;
}

enum pyn_error_grant pyn_policy_error(const struct pyn_policy *policy, struct pyn_view class_name)
{
    const struct pyn_error_rule *rule = pyn_policy_error_rule(policy, class_name);
    return rule != NULL ? rule->grant : PYN_ERROR_HIDDEN;
}

const struct pyn_op *pyn_iface_op(const struct pyn_iface *iface, enum pyn_op_kind kind, struct pyn_view name)
{
    uint32_t low = 0;
    uint32_t high = iface->op_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct pyn_op *op = &iface->ops[middle];
        int order = kind != op->kind ? (kind > op->kind) - (kind < op->kind) : pyn_view_compare(name, op->name);
        if (order == 0) {
            return op;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

bool pyn_type_is_data(const struct pyn_type *type)
{
    bool is = type->kind != PYN_T_IFACE;
    for (uint32_t i = 0; is && i < type->count; i++) {
        is = pyn_type_is_data(type->items[i]);
    }
    return is;
}

bool pyn_op_reads_ahead(const struct pyn_op *op)
{
    static const char iterator[] = "Iterator[";
    struct pyn_view name = op->iface->name;
    return op->kind == PYN_OP_METHOD && pyn_view_is_equal(op->name, pyn_view_of("__next__")) &&
           name.len > strlen(iterator) && memcmp(name.data, iterator, strlen(iterator)) == 0 &&
           op->signature_count == 1 && !op->signatures[0].is_async && pyn_type_is_data(op->signatures[0].result);
}

bool pyn_table_accepts(const struct pyn_iface *wanted, const struct pyn_iface *have)
{
    uint32_t low = 0;
    uint32_t high = wanted->accept_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (wanted->accepts[middle] == have) {
            return true;
        }
        if ((uintptr_t)have < (uintptr_t)wanted->accepts[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

bool pyn_type_accepts(const struct pyn_type *wanted, const struct pyn_iface *have)
{
    const struct pyn_iface *iface = wanted->iface != NULL ? wanted->iface : wanted->import;
    if (iface == NULL) {
        return false;
    }
    if (iface == have || pyn_table_accepts(iface, have)) {
        return true;
    }
    /* What a peer describes it describes piece by piece: across the pieces an interface is known by its name. */
    return iface->policy->is_fragment && pyn_view_is_equal(iface->name, have->name);
}

bool pyn_policy_has_arrays(const struct pyn_policy *policy)
{
    return policy->has_arrays;
}
