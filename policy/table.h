/*
 * table.h - what is behind a struct pyn_policy. Private to policy/.
 */
#ifndef PYN_TABLE_H
#define PYN_TABLE_H

#include "arena.h"
#include "policy.h"

#include <stdatomic.h>

struct pyn_policy {
    const struct pyn_mem *mem;
    struct pyn_arena arena; /* everything below */
    atomic_size_t ref_count;
    bool is_fragment;
    bool has_arrays;

    /* In four runs, each sorted by name: interfaces, imports, fns, externals. */
    struct pyn_iface **ifaces;
    uint32_t interface_count;
    uint32_t import_count;
    uint32_t fn_count;
    uint32_t external_count;

    uint32_t op_count;
    struct pyn_record *records; /* sorted by name, as all that follow */
    uint32_t record_count;
    struct pyn_enum *enums;
    uint32_t enum_count;
    struct pyn_root *roots;
    uint32_t root_count;
    struct pyn_error_rule *errors;
    uint32_t error_count;
};

/* Where name is in a sorted table of count rows of size bytes, the name of a row being at offset; count when it is not there. */
size_t pyn_table_row(const void *rows, size_t count, size_t size, size_t offset, struct pyn_view name);

/* Is have listed among what is taken where wanted is? */
bool pyn_table_accepts(const struct pyn_iface *wanted, const struct pyn_iface *have);

/* One iface of a run; NULL when there is none of that name. */
struct pyn_iface *pyn_table_find(struct pyn_iface *const *run, uint32_t count, struct pyn_view name);

const struct pyn_record *pyn_table_record(const struct pyn_policy *policy, struct pyn_view name);
const struct pyn_enum *pyn_table_enum(const struct pyn_policy *policy, struct pyn_view name);

#endif
