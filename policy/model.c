/* model.c - see model.h. */
#include "model.h"

#include "names.h"

#include <stdlib.h>

/* ---- pieces ---- */

static int by_name(const void *a, const void *b)
{
    const struct pyn_entry *left = a;
    const struct pyn_entry *right = b;
    return pyn_view_compare(left->name, right->name);
}

static pyn_status check_sorted(struct pyn_source *source, const struct pyn_place *at, const struct pyn_section *section)
{
    for (uint32_t i = 1; i < section->count; i++) {
        if (by_name(&section->entries[i - 1], &section->entries[i]) >= 0) {
            return pyn_diag_refuse(source->diag, at, "keys are sorted and stand once: not so", section->entries[i].name);
        }
    }
    return PYN_OK;
}

pyn_status pyn_section_read(struct pyn_source *source, json_t *object, const struct pyn_place *at, struct pyn_section *out)
{
    const char *key = NULL;
    size_t key_len = 0;
    json_t *value = NULL;

    *out = (struct pyn_section){0};
    if (object == NULL) {
        return PYN_OK;
    }
    if (!json_is_object(object)) {
        return pyn_diag_refuse(source->diag, at, "an object is wanted", (struct pyn_view){0});
    }
    out->entries = pyn_arena_new(source->scratch, json_object_size(object), sizeof *out->entries);
    if (out->entries == NULL) {
        return PYN_ENOMEM;
    }
    json_object_keylen_foreach(object, key, key_len, value)
    {
        struct pyn_view name = {(const uint8_t *)key, key_len};
        out->entries[out->count++] = (struct pyn_entry){name, value};
    }
    if (source->is_fragment && out->count > 1) {
        qsort(out->entries, out->count, sizeof *out->entries, by_name);
    }
    return check_sorted(source, at, out);
}

pyn_status pyn_string_read(struct pyn_source *source, const json_t *value, const struct pyn_place *at,
                           struct pyn_view *out)
{
    *out = (struct pyn_view){0};
    if (!json_is_string(value)) {
        return pyn_diag_refuse(source->diag, at, "a string is wanted", (struct pyn_view){0});
    }
    *out = (struct pyn_view){(const uint8_t *)json_string_value(value), json_string_length(value)};
    return PYN_OK;
}

pyn_status pyn_strings_read(struct pyn_source *source, const json_t *value, const struct pyn_place *at,
                            struct pyn_view **out, uint32_t *count)
{
    *out = NULL;
    *count = 0;
    if (!json_is_array(value)) {
        return pyn_diag_refuse(source->diag, at, "a list of strings is wanted", (struct pyn_view){0});
    }
    struct pyn_view *strings = pyn_arena_new(source->scratch, json_array_size(value), sizeof *strings);
    if (strings == NULL) {
        return PYN_ENOMEM;
    }
    uint32_t len = (uint32_t)json_array_size(value);
    for (uint32_t i = 0; i < len; i++) {
        pyn_status st = pyn_string_read(source, json_array_get(value, i), at, &strings[i]);
        if (st != PYN_OK) {
            return st;
        }
        if (i != 0 && pyn_view_compare(strings[i - 1], strings[i]) >= 0) {
            return pyn_diag_refuse(source->diag, at, "strings are sorted and stand once: not so", strings[i]);
        }
    }
    *out = strings;
    *count = len;
    return PYN_OK;
}

/* ---- an interface ---- */

static pyn_status check_members(struct pyn_source *source, const struct pyn_section *section,
                                const struct pyn_place *at, bool (*is_allowed)(struct pyn_view name))
{
    for (uint32_t i = 0; i < section->count; i++) {
        if (!is_allowed(section->entries[i].name)) {
            return pyn_diag_refuse(source->diag, at, "a member may not have the name", section->entries[i].name);
        }
    }
    return PYN_OK;
}

static pyn_status read_members(struct pyn_source *source, json_t *value, const struct pyn_place *at,
                               bool (*is_allowed)(struct pyn_view name), struct pyn_section *out)
{
    pyn_status st = pyn_section_read(source, value, at, out);
    if (st == PYN_OK && out->count == 0) {
        return pyn_diag_refuse(source->diag, at, "is left out when it is empty", (struct pyn_view){0});
    }
    return st == PYN_OK ? check_members(source, out, at, is_allowed) : st;
}

static pyn_status read_class(struct pyn_source *source, const json_t *value, const struct pyn_place *at,
                             struct pyn_model_iface *out)
{
    pyn_status st = pyn_string_read(source, value, at, &out->class_name);
    if (st == PYN_OK && !pyn_name_is_class(out->class_name)) {
        return pyn_diag_refuse(source->diag, at, "a class is spelled module:Name, not", out->class_name);
    }
    return st;
}

static pyn_status read_iface_key(struct pyn_source *source, const struct pyn_entry *entry,
                                 const struct pyn_place *iface_at, struct pyn_model_iface *out)
{
    const struct pyn_place at = {iface_at, entry->name};
    if (pyn_view_is_equal(entry->name, pyn_view_of("cached"))) {
        return read_members(source, entry->value, &at, pyn_name_is_method, &out->cached);
    }
    if (pyn_view_is_equal(entry->name, pyn_view_of("class"))) {
        return read_class(source, entry->value, &at, out);
    }
    if (pyn_view_is_equal(entry->name, pyn_view_of("facet"))) {
        out->is_facet = json_is_true(entry->value);
        return out->is_facet ? PYN_OK : pyn_diag_refuse(source->diag, &at, "true is wanted", (struct pyn_view){0});
    }
    if (pyn_view_is_equal(entry->name, pyn_view_of("get"))) {
        return read_members(source, entry->value, &at, pyn_name_is_member, &out->get);
    }
    if (pyn_view_is_equal(entry->name, pyn_view_of("methods"))) {
        return read_members(source, entry->value, &at, pyn_name_is_method, &out->methods);
    }
    if (pyn_view_is_equal(entry->name, pyn_view_of("set"))) {
        return read_members(source, entry->value, &at, pyn_name_is_member, &out->set);
    }
    return pyn_diag_refuse(source->diag, iface_at, "unknown key", entry->name);
}

/* A member is a method or an attribute. Both sections are sorted. */
static pyn_status check_disjoint(struct pyn_source *source, const struct pyn_section *methods,
                                 const struct pyn_section *attributes, const struct pyn_place *at)
{
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < methods->count && j < attributes->count) {
        int order = by_name(&methods->entries[i], &attributes->entries[j]);
        if (order == 0) {
            return pyn_diag_refuse(source->diag, at, "a method and an attribute have the name", methods->entries[i].name);
        }
        i += order < 0;
        j += order > 0;
    }
    return PYN_OK;
}

static pyn_status check_kind(struct pyn_source *source, const struct pyn_model_iface *iface, const struct pyn_place *at,
                             bool is_import)
{
    bool has_class = iface->class_name.len != 0;
    if (has_class && iface->is_facet) {
        return pyn_diag_refuse(source->diag, at, "'class' and 'facet' exclude each other", (struct pyn_view){0});
    }
    if (source->is_fragment) { /* a peer is told what can be done, not how it is made */
        return has_class || iface->is_facet ? pyn_diag_refuse(source->diag, at, "unknown key", (struct pyn_view){0})
                                            : PYN_OK;
    }
    if (!has_class && !iface->is_facet) {
        return pyn_diag_refuse(source->diag, at, "'class' or 'facet' is wanted", (struct pyn_view){0});
    }
    if (is_import && has_class && !pyn_name_is_facet_class(iface->class_name)) {
        return pyn_diag_refuse(source->diag, at, "a client may implement facets only, not the class", iface->class_name);
    }
    return PYN_OK;
}

static pyn_status read_iface(struct pyn_source *source, const struct pyn_entry *entry, const struct pyn_place *up,
                             bool is_import, struct pyn_model_iface *out)
{
    const struct pyn_place at = {up, entry->name};
    struct pyn_section keys = {0};
    out->name = entry->name;
    pyn_status st = pyn_section_read(source, entry->value, &at, &keys);
    for (uint32_t i = 0; st == PYN_OK && i < keys.count; i++) {
        st = read_iface_key(source, &keys.entries[i], &at, out);
    }
    if (st == PYN_OK) {
        st = check_kind(source, out, &at, is_import);
    }
    if (st == PYN_OK) {
        st = check_disjoint(source, &out->methods, &out->get, &at);
    }
    return st == PYN_OK ? check_disjoint(source, &out->methods, &out->set, &at) : st;
}

static pyn_status read_ifaces(struct pyn_source *source, json_t *value, const char *key, bool is_import,
                              struct pyn_model_iface **out, uint32_t *count)
{
    const struct pyn_place at = {NULL, pyn_view_of(key)};
    struct pyn_section section = {0};
    pyn_status st = pyn_section_read(source, value, &at, &section);
    if (st != PYN_OK) {
        return st;
    }
    *out = pyn_arena_new(source->scratch, section.count, sizeof **out);
    if (*out == NULL) {
        return PYN_ENOMEM;
    }
    for (uint32_t i = 0; i < section.count; i++) {
        st = read_iface(source, &section.entries[i], &at, is_import, &(*out)[i]);
        if (st != PYN_OK) {
            return st;
        }
    }
    *count = section.count;
    return PYN_OK;
}

/* ---- the top ---- */

enum key {
    KEY_ACCEPTS,
    KEY_DECLARED,
    KEY_ENUMS,
    KEY_ERRORS,
    KEY_IMPORTS,
    KEY_INTERFACES,
    KEY_PLATFORM,
    KEY_VERSION,
    KEY_PYTHON,
    KEY_RECORDS,
    KEY_ROOTS,
    KEY_COUNT
};

static const struct {
    const char *name;
    bool is_required; /* in a file */
    bool is_fragment; /* may stand in a fragment */
} keys[KEY_COUNT] = {
    [KEY_ACCEPTS] = {"accepts", false, false},  [KEY_DECLARED] = {"declared", false, false},
    [KEY_ENUMS] = {"enums", false, true},       [KEY_ERRORS] = {"errors", false, false},
    [KEY_IMPORTS] = {"imports", false, true},   [KEY_INTERFACES] = {"interfaces", true, true},
    [KEY_PLATFORM] = {"platform", true, false}, [KEY_VERSION] = {"pynto-policy", true, false},
    [KEY_PYTHON] = {"python", true, false},     [KEY_RECORDS] = {"records", false, true},
    [KEY_ROOTS] = {"roots", true, false},
};

static pyn_status sort_keys(struct pyn_source *source, const struct pyn_section *top, json_t *values[KEY_COUNT])
{
    for (uint32_t i = 0; i < top->count; i++) {
        size_t key = 0;
        while (key < KEY_COUNT && !pyn_view_is_equal(top->entries[i].name, pyn_view_of(keys[key].name))) {
            key++;
        }
        if (key == KEY_COUNT || (source->is_fragment && !keys[key].is_fragment)) {
            return pyn_diag_refuse(source->diag, NULL, "unknown key", top->entries[i].name);
        }
        values[key] = top->entries[i].value;
    }
    for (size_t key = 0; key < KEY_COUNT; key++) {
        bool is_required = source->is_fragment ? key == KEY_INTERFACES : keys[key].is_required;
        if (values[key] == NULL && is_required) {
            return pyn_diag_refuse(source->diag, NULL, "missing key", pyn_view_of(keys[key].name));
        }
    }
    return PYN_OK;
}

static pyn_status check_header(struct pyn_source *source, json_t *const values[KEY_COUNT])
{
    const struct pyn_place version_at = {NULL, pyn_view_of("pynto-policy")};
    struct pyn_view text = {0};
    if (source->is_fragment) {
        return PYN_OK;
    }
    if (!json_is_integer(values[KEY_VERSION]) || json_integer_value(values[KEY_VERSION]) != 1) {
        return pyn_diag_refuse(source->diag, &version_at, "1 is wanted: no other version of the format is known",
                               (struct pyn_view){0});
    }
    const struct pyn_place python_at = {NULL, pyn_view_of("python")};
    pyn_status st = pyn_string_read(source, values[KEY_PYTHON], &python_at, &text);
    if (st != PYN_OK) {
        return st;
    }
    const struct pyn_place platform_at = {NULL, pyn_view_of("platform")};
    return pyn_string_read(source, values[KEY_PLATFORM], &platform_at, &text);
}

static pyn_status check_declared_class(struct pyn_source *source, const struct pyn_entry *entry,
                                       const struct pyn_place *up)
{
    const struct pyn_place at = {up, entry->name};
    struct pyn_section members = {0};
    struct pyn_view text = {0};
    pyn_status st = pyn_section_read(source, entry->value, &at, &members);
    for (uint32_t i = 0; st == PYN_OK && i < members.count; i++) {
        const struct pyn_place member_at = {&at, members.entries[i].name};
        st = pyn_string_read(source, members.entries[i].value, &member_at, &text);
    }
    return st;
}

static pyn_status check_declared(struct pyn_source *source, json_t *value)
{
    const struct pyn_place at = {NULL, pyn_view_of("declared")};
    struct pyn_section classes = {0};
    pyn_status st = pyn_section_read(source, value, &at, &classes);
    for (uint32_t i = 0; st == PYN_OK && i < classes.count; i++) {
        st = check_declared_class(source, &classes.entries[i], &at);
    }
    return st;
}

static pyn_status read_named(struct pyn_source *source, json_t *value, enum key key, struct pyn_section *out)
{
    const struct pyn_place at = {NULL, pyn_view_of(keys[key].name)};
    return pyn_section_read(source, value, &at, out);
}

static pyn_status check_counts(struct pyn_source *source, const struct pyn_model *model)
{
    if (source->is_fragment && model->interface_count != 1) {
        const struct pyn_place at = {NULL, pyn_view_of("interfaces")};
        return pyn_diag_refuse(source->diag, &at, "exactly one is described", (struct pyn_view){0});
    }
    if (!source->is_fragment && model->roots.count == 0) {
        const struct pyn_place at = {NULL, pyn_view_of("roots")};
        return pyn_diag_refuse(source->diag, &at, "at least one is wanted", (struct pyn_view){0});
    }
    return PYN_OK;
}

pyn_status pyn_model_read(struct pyn_source *source, json_t *json, struct pyn_model *out)
{
    static const struct {
        enum key key;
        size_t offset;
    } plain[] = {
        {KEY_ROOTS, offsetof(struct pyn_model, roots)},     {KEY_ACCEPTS, offsetof(struct pyn_model, accepts)},
        {KEY_RECORDS, offsetof(struct pyn_model, records)}, {KEY_ENUMS, offsetof(struct pyn_model, enums)},
        {KEY_ERRORS, offsetof(struct pyn_model, errors)},
    };
    struct pyn_section top = {0};
    json_t *values[KEY_COUNT] = {NULL};

    *out = (struct pyn_model){0};
    pyn_status st = pyn_section_read(source, json, NULL, &top);
    if (st == PYN_OK) {
        st = sort_keys(source, &top, values);
    }
    if (st == PYN_OK) {
        st = check_header(source, values);
    }
    if (st == PYN_OK) {
        st = check_declared(source, values[KEY_DECLARED]);
    }
    for (size_t i = 0; st == PYN_OK && i < sizeof plain / sizeof *plain; i++) {
        void *section = (uint8_t *)out + plain[i].offset;
        st = read_named(source, values[plain[i].key], plain[i].key, section);
    }
    if (st == PYN_OK) {
        st = read_ifaces(source, values[KEY_INTERFACES], "interfaces", false, &out->interfaces, &out->interface_count);
    }
    if (st == PYN_OK) {
        st = read_ifaces(source, values[KEY_IMPORTS], "imports", true, &out->imports, &out->import_count);
    }
    return st == PYN_OK ? check_counts(source, out) : st;
}
