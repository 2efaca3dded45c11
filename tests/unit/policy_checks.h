/*
 * policy_checks.h - loading what may be refused, and comparing what is told of an interface with what it is.
 *
 * Owns:    nothing: what is loaded here is given back here.
 */
#ifndef PYN_TESTS_POLICY_CHECKS_H
#define PYN_TESTS_POLICY_CHECKS_H

#include "policy_support.h"

static inline void check_diag(const struct pyn_diag *diag)
{
    size_t len = strnlen(diag->text, sizeof diag->text);
    assert_in_range(len, 1, sizeof diag->text - 1);
    for (size_t i = 0; i < len; i++) {
        assert_in_range((uint8_t)diag->text[i], 0x20, 0x7e);
    }
}

static inline pyn_status load(struct pyn_view json, struct pyn_diag *diag)
{
    struct pyn_policy *policy = NULL;
    memset(diag, 0xff, sizeof *diag);
    pyn_status st = pyn_policy_load(pyn_mem_default(), json, &policy, diag);
    if (st != PYN_OK) {
        assert_null(policy);
        check_diag(diag);
    }
    pyn_policy_unref(policy);
    return st;
}

static inline bool is_same_op(const struct pyn_op *a, const struct pyn_op *b)
{
    bool is_same = a->kind == b->kind && pyn_view_is_equal(a->name, b->name) &&
                   a->signature_count == b->signature_count && a->ttl_ns == b->ttl_ns && a->vary == b->vary;
    for (uint32_t i = 0; is_same && i < a->signature_count; i++) {
        is_same = pyn_view_is_equal(a->signatures[i].spelling, b->signatures[i].spelling);
    }
    return is_same && (a->type == NULL || pyn_view_is_equal(a->type->spelling, b->type->spelling));
}

static inline void check_fragment(const struct pyn_iface *iface)
{
    struct pyn_policy *policy = NULL;
    struct pyn_diag diag = {{0}};
    pyn_status st = pyn_policy_load_fragment(pyn_mem_default(), iface->fragment, &policy, &diag);
    if (st != PYN_OK) {
        print_message("%.*s: %s\n", (int)iface->name.len, (const char *)iface->name.data, diag.text);
    }
    assert_int_equal(st, PYN_OK);
    const struct pyn_iface *loaded = pyn_policy_iface(policy, 0);
    assert_ptr_equal(pyn_policy_find(policy, iface->name), loaded);
    assert_true(pyn_view_is_equal(loaded->name, iface->name));
    assert_int_equal(loaded->class_name.len, 0);
    assert_int_equal(loaded->is_fn, iface->is_fn);
    assert_int_equal(loaded->op_count, iface->op_count);
    for (uint32_t i = 0; i < iface->op_count; i++) {
        assert_true(is_same_op(&loaded->ops[i], &iface->ops[i]));
    }
    assert_true(pyn_view_is_equal(loaded->fragment, iface->fragment));
    for (uint32_t i = 0; i < pyn_policy_iface_count(policy); i++) {
        const struct pyn_iface *named = pyn_policy_iface(policy, i); /* each of them is one, and stands where it says */
        assert_true(named->name.len > 0 && named->index == i);
    }
    pyn_policy_unref(policy);
}

#endif
