/*
 * model.h - a policy's JSON, checked for its shape: what stands where, sorted, once, of the right kind.
 *
 * What the strings say is for others. A fragment (what a peer described) comes in any order and is sorted here.
 *
 * Owns:     nothing: sections live in the scratch arena.
 * Borrows:  the JSON, whose strings the views point into.
 * Errors:   PYN_EFORMAT and a diag; PYN_ENOMEM.
 * Tests:    tests/unit/test_policy_refused.c, test_fragment.c
 */
#ifndef PYN_MODEL_H
#define PYN_MODEL_H

#include "arena.h"
#include "diag.h"

#include <jansson.h>

/* Where a model is read from and to. */
struct pyn_source {
    struct pyn_arena *scratch;
    struct pyn_diag *diag;
    bool is_fragment;
};

struct pyn_entry {
    struct pyn_view name;
    json_t *value;
};

/* The members of an object, sorted by name. */
struct pyn_section {
    struct pyn_entry *entries;
    uint32_t count;
};

struct pyn_model_iface {
    struct pyn_view name;
    struct pyn_view class_name;
    bool is_facet;
    struct pyn_section get;
    struct pyn_section set;
    struct pyn_section methods;
    struct pyn_section cached;
};

struct pyn_model {
    struct pyn_section roots;
    struct pyn_section accepts;
    struct pyn_section records;
    struct pyn_section enums;
    struct pyn_section errors;
    struct pyn_model_iface *interfaces;
    uint32_t interface_count;
    struct pyn_model_iface *imports;
    uint32_t import_count;
};

pyn_status pyn_model_read(struct pyn_source *source, json_t *json, struct pyn_model *out);

/* object may be NULL: a section without entries. */
pyn_status pyn_section_read(struct pyn_source *source, json_t *object, const struct pyn_place *at,
                            struct pyn_section *out);

pyn_status pyn_string_read(struct pyn_source *source, const json_t *value, const struct pyn_place *at,
                           struct pyn_view *out);

/* A list of strings, sorted, none twice. */
pyn_status pyn_strings_read(struct pyn_source *source, const json_t *value, const struct pyn_place *at,
                            struct pyn_view **out, uint32_t *count);

#endif
