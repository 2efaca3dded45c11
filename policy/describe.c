/* describe.c - the fragment that tells a peer what an interface is: only what it needs to use it. See build.h. */
#include "build.h"

#include "../src/wire/pack.h"

#include <stdlib.h>

/*
 * What one interface reaches. A mark is the number of the interface for which it was set: nothing has to be cleared between two.
 * An import is walked, since its operations are a part of the fragment; an interface of ours is not: it is described by itself.
 */
struct reach {
    const struct pyn_policy *policy;
    uint32_t mark;
    uint32_t *iface_marks;
    uint32_t *record_marks;
    uint32_t *enum_marks;
    const struct pyn_iface **ifaces; /* imports and fns: found, and up to ifaces_done walked */
    uint32_t iface_count;
    uint32_t ifaces_done;
    const struct pyn_record **records;
    uint32_t record_count;
    uint32_t records_done;
    const struct pyn_enum **enums;
    uint32_t enum_count;
};

static pyn_status reach_init(struct reach *reach, struct pyn_build *build)
{
    struct pyn_arena *scratch = &build->scratch;
    const struct pyn_policy *policy = build->policy;
    uint32_t iface_count = pyn_policy_iface_count(policy);
    *reach = (struct reach){.policy = policy};
    reach->iface_marks = pyn_arena_new(scratch, iface_count, sizeof *reach->iface_marks);
    reach->record_marks = pyn_arena_new(scratch, policy->record_count, sizeof *reach->record_marks);
    reach->enum_marks = pyn_arena_new(scratch, policy->enum_count, sizeof *reach->enum_marks);
    reach->ifaces = pyn_arena_new(scratch, iface_count, sizeof(const struct pyn_iface *));
    reach->records = pyn_arena_new(scratch, policy->record_count, sizeof(const struct pyn_record *));
    reach->enums = pyn_arena_new(scratch, policy->enum_count, sizeof(const struct pyn_enum *));
    bool has_all = reach->iface_marks != NULL && reach->record_marks != NULL && reach->enum_marks != NULL &&
                   reach->ifaces != NULL && reach->records != NULL && reach->enums != NULL;
    return has_all ? PYN_OK : PYN_ENOMEM;
}

static void reach_iface(struct reach *reach, const struct pyn_iface *iface)
{
    if (iface != NULL && reach->iface_marks[iface->index] != reach->mark) {
        reach->iface_marks[iface->index] = reach->mark;
        reach->ifaces[reach->iface_count++] = iface;
    }
}

static void reach_type(struct reach *reach, const struct pyn_type *type)
{
    for (uint32_t i = 0; i < type->count; i++) {
        reach_type(reach, type->items[i]);
    }
    if (type->kind == PYN_T_IFACE) {
        reach_iface(reach, type->import);
    }
    if (type->kind == PYN_T_RECORD && reach->record_marks[type->record->index] != reach->mark) {
        reach->record_marks[type->record->index] = reach->mark;
        reach->records[reach->record_count++] = type->record;
    }
    if (type->kind == PYN_T_ENUM && reach->enum_marks[type->enumeration->index] != reach->mark) {
        reach->enum_marks[type->enumeration->index] = reach->mark;
        reach->enums[reach->enum_count++] = type->enumeration;
    }
}

static void reach_ops(struct reach *reach, const struct pyn_iface *iface)
{
    for (uint32_t i = 0; i < iface->op_count; i++) {
        const struct pyn_op *op = &iface->ops[i];
        if (op->type != NULL) {
            reach_type(reach, op->type);
        }
        for (uint32_t j = 0; j < op->signature_count; j++) {
            const struct pyn_signature *signature = &op->signatures[j];
            for (uint32_t k = 0; k < signature->param_count; k++) {
                reach_type(reach, signature->params[k].type);
            }
            reach_type(reach, signature->result);
        }
    }
}

static void reach_all(struct reach *reach, const struct pyn_iface *iface)
{
    reach->mark = iface->index + 1;
    reach->iface_count = reach->ifaces_done = 0;
    reach->record_count = reach->records_done = 0;
    reach->enum_count = 0;
    reach_ops(reach, iface);
    while (reach->ifaces_done < reach->iface_count) {
        reach_ops(reach, reach->ifaces[reach->ifaces_done++]);
    }
    while (reach->records_done < reach->record_count) {
        const struct pyn_record *record = reach->records[reach->records_done++];
        for (uint32_t i = 0; i < record->count; i++) {
            reach_type(reach, record->fields[i].type);
        }
    }
}

/* ---- in the order of names ---- */

static int by_index(uint32_t left, uint32_t right)
{
    return (left > right) - (left < right);
}

static int ifaces_by_index(const void *a, const void *b)
{
    const struct pyn_iface *const *left = a;
    const struct pyn_iface *const *right = b;
    return by_index((*left)->index, (*right)->index);
}

static int records_by_index(const void *a, const void *b)
{
    const struct pyn_record *const *left = a;
    const struct pyn_record *const *right = b;
    return by_index((*left)->index, (*right)->index);
}

static int enums_by_index(const void *a, const void *b)
{
    const struct pyn_enum *const *left = a;
    const struct pyn_enum *const *right = b;
    return by_index((*left)->index, (*right)->index);
}

/* fns spell themselves out where they stand: only imports stay. An index is the place in the order of names. */
static void sort_reach(struct reach *reach)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < reach->iface_count; i++) {
        if (reach->ifaces[i]->is_import) {
            reach->ifaces[kept++] = reach->ifaces[i];
        }
    }
    reach->iface_count = kept;
    if (reach->iface_count > 1) {
        qsort(reach->ifaces, reach->iface_count, sizeof(const struct pyn_iface *), ifaces_by_index);
    }
    if (reach->record_count > 1) {
        qsort(reach->records, reach->record_count, sizeof(const struct pyn_record *), records_by_index);
    }
    if (reach->enum_count > 1) {
        qsort(reach->enums, reach->enum_count, sizeof(const struct pyn_enum *), enums_by_index);
    }
}

/* ---- writing ---- */

/* The fragment while it is written. values: keys and values, as the reading side counts them. */
struct writer {
    struct pyn_buf *buf;
    struct pyn_buf *text; /* for a string that is put together */
    uint32_t values;
    pyn_status st;
};

static void put_text(struct writer *writer, struct pyn_view text)
{
    writer->values++;
    if (writer->st == PYN_OK) {
        writer->st = pyn_pack_str(writer->buf, text.data, text.len);
    }
}

static void put_word(struct writer *writer, const char *word)
{
    put_text(writer, pyn_view_of(word));
}

static void put_map(struct writer *writer, size_t count)
{
    writer->values++;
    if (writer->st == PYN_OK) {
        writer->st = pyn_pack_map(writer->buf, count);
    }
}

static void put_array(struct writer *writer, size_t count)
{
    writer->values++;
    if (writer->st == PYN_OK) {
        writer->st = pyn_pack_array(writer->buf, count);
    }
}

static void put_op(struct writer *writer, const struct pyn_op *op)
{
    put_text(writer, op->name);
    if (op->kind != PYN_OP_METHOD) {
        put_text(writer, op->type->spelling);
        return;
    }
    if (op->signature_count > 1) {
        put_array(writer, op->signature_count);
    }
    for (uint32_t i = 0; i < op->signature_count; i++) {
        put_text(writer, op->signatures[i].spelling);
    }
}

static uint32_t count_kind(const struct pyn_iface *iface, enum pyn_op_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < iface->op_count; i++) {
        count += iface->ops[i].kind == kind;
    }
    return count;
}

static void put_kind(struct writer *writer, const struct pyn_iface *iface, enum pyn_op_kind kind, const char *key)
{
    uint32_t count = count_kind(iface, kind);
    if (count == 0) {
        return;
    }
    put_word(writer, key);
    put_map(writer, count);
    for (uint32_t i = 0; i < iface->op_count; i++) {
        if (iface->ops[i].kind == kind) {
            put_op(writer, &iface->ops[i]);
        }
    }
}

static void put_cached(struct writer *writer, const struct pyn_iface *iface)
{
    uint32_t count = iface->cached_count;
    if (count == 0) {
        return;
    }
    put_word(writer, "cached");
    put_map(writer, count);
    for (uint32_t i = 0; i < iface->op_count; i++) {
        if (iface->ops[i].ttl_ns != 0) {
            put_text(writer, iface->ops[i].name);
            put_text(writer, iface->ops[i].cached);
        }
    }
}

static void put_iface(struct writer *writer, const struct pyn_iface *iface)
{
    put_text(writer, iface->name);
    put_map(writer, (size_t)(iface->cached_count != 0) + (count_kind(iface, PYN_OP_GET) != 0) +
                        (count_kind(iface, PYN_OP_METHOD) != 0) + (count_kind(iface, PYN_OP_SET) != 0));
    put_cached(writer, iface);
    put_kind(writer, iface, PYN_OP_GET, "get");
    put_kind(writer, iface, PYN_OP_METHOD, "methods");
    put_kind(writer, iface, PYN_OP_SET, "set");
}

static void put_field(struct writer *writer, const struct pyn_field *field)
{
    struct pyn_view spelling = field->type->spelling;
    put_text(writer, field->name);
    if (!field->may_miss) {
        put_text(writer, spelling);
        return;
    }
    pyn_buf_truncate(writer->text, 0);
    pyn_status st = pyn_buf_append(writer->text, spelling.data, spelling.len);
    if (st == PYN_OK) {
        st = pyn_buf_append(writer->text, "=?", 2);
    }
    if (writer->st == PYN_OK) {
        writer->st = st;
    }
    put_text(writer, pyn_buf_view(writer->text));
}

static void put_records(struct writer *writer, const struct reach *reach)
{
    if (reach->record_count == 0) {
        return;
    }
    put_word(writer, "records");
    put_map(writer, reach->record_count);
    for (uint32_t i = 0; i < reach->record_count; i++) {
        put_text(writer, reach->records[i]->name);
        put_map(writer, reach->records[i]->count);
        for (uint32_t j = 0; j < reach->records[i]->count; j++) {
            put_field(writer, &reach->records[i]->fields[j]);
        }
    }
}

static void put_enums(struct writer *writer, const struct reach *reach)
{
    if (reach->enum_count == 0) {
        return;
    }
    put_word(writer, "enums");
    put_map(writer, reach->enum_count);
    for (uint32_t i = 0; i < reach->enum_count; i++) {
        put_text(writer, reach->enums[i]->name);
        put_array(writer, reach->enums[i]->count);
        for (uint32_t j = 0; j < reach->enums[i]->count; j++) {
            put_text(writer, reach->enums[i]->members[j]);
        }
    }
}

static void put_imports(struct writer *writer, const struct reach *reach)
{
    if (reach->iface_count == 0) {
        return;
    }
    put_word(writer, "imports");
    put_map(writer, reach->iface_count);
    for (uint32_t i = 0; i < reach->iface_count; i++) {
        put_iface(writer, reach->ifaces[i]);
    }
}

static void put_fragment(struct writer *writer, const struct reach *reach, const struct pyn_iface *iface)
{
    put_map(writer, 1 + (size_t)(reach->enum_count != 0) + (reach->iface_count != 0) + (reach->record_count != 0));
    put_enums(writer, reach);
    put_imports(writer, reach);
    put_word(writer, "interfaces");
    put_map(writer, 1);
    put_iface(writer, iface);
    put_records(writer, reach);
}

/* ---- for every interface ---- */

static pyn_status too_large(struct pyn_build *build, const struct pyn_iface *iface, const char *what)
{
    const struct pyn_place at = {NULL, iface->name};
    return pyn_diag_refuse(build->diag, &at, what, (struct pyn_view){0});
}

/* buf holds PYN_FRAGMENT_MAX bytes and no more. */
static pyn_status write_fragment(struct pyn_build *build, struct pyn_buf *buf, struct reach *reach,
                                 const struct pyn_iface *iface)
{
    struct writer writer = {.buf = buf, .text = &build->text, .st = PYN_OK};
    pyn_buf_truncate(buf, 0);
    reach_all(reach, iface);
    sort_reach(reach);
    put_fragment(&writer, reach, iface);
    if (writer.st == PYN_ESIZE) {
        return too_large(build, iface, "what describes it to a client is more than 262144 bytes");
    }
    if (writer.st == PYN_OK && writer.values > PYN_FRAGMENT_VALUE_MAX) {
        return too_large(build, iface, "what describes it to a client has more than 65536 keys and values");
    }
    return writer.st;
}

static pyn_status describe_all(struct pyn_build *build, struct pyn_buf *buf, struct reach *reach)
{
    struct pyn_policy *policy = build->policy;
    uint32_t count = pyn_policy_iface_count(policy) - policy->external_count;
    size_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct pyn_iface *iface = policy->ifaces[i];
        pyn_status st = write_fragment(build, buf, reach, iface);
        if (st != PYN_OK) {
            return st;
        }
        total += pyn_buf_len(buf);
        if (policy->is_fragment && total > PYN_FRAGMENT_OWN_TOTAL_MAX) {
            return PYN_OK;
        }
        if (total > PYN_FRAGMENT_TOTAL_MAX) {
            return too_large(build, iface, "what describes the interfaces to a client is more than 67108864 bytes");
        }
        st = pyn_arena_dup(&policy->arena, pyn_buf_view(buf), &iface->fragment);
        if (st != PYN_OK) {
            return st;
        }
    }
    return PYN_OK;
}

pyn_status pyn_describe(struct pyn_build *build)
{
    struct pyn_buf buf;
    struct reach reach;
    pyn_status st = reach_init(&reach, build);
    if (st != PYN_OK) {
        return st;
    }
    pyn_buf_init(&buf, build->policy->mem, PYN_FRAGMENT_MAX);
    st = describe_all(build, &buf, &reach);
    pyn_buf_fini(&buf);
    return st;
}
