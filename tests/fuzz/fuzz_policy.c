/*
 * fuzz_policy.c - policies and fragments: what loads is whole, and its fragments load and say the same; what does not has a printable diag.
 *
 * The first byte says which of the two the rest is.
 */
#include "../../policy/canonical.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_diag(const struct pyn_diag *diag)
{
    size_t len = strnlen(diag->text, sizeof diag->text);
    require(len > 0 && len < sizeof diag->text);
    for (size_t i = 0; i < len; i++) {
        require(diag->text[i] >= 0x20 && diag->text[i] <= 0x7e);
    }
}

static void check_ops(const struct pyn_policy *policy)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < pyn_policy_iface_count(policy); i++) {
        const struct pyn_iface *iface = pyn_policy_iface(policy, i);
        require(iface->index == i);
        require(!iface->is_external || iface->op_count == 0);
        total += iface->op_count;
        for (uint32_t j = 0; j < iface->op_count; j++) {
            require(iface->ops[j].slot < pyn_policy_op_count(policy));
            require(pyn_iface_op(iface, iface->ops[j].kind, iface->ops[j].name) == &iface->ops[j]);
        }
    }
    require(total == pyn_policy_op_count(policy));
}

/* What loads has one file, which loads, and is its own. */
static void check_canonical(struct pyn_view json)
{
    struct pyn_buf once;
    struct pyn_buf twice;
    pyn_buf_init(&once, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&twice, pyn_mem_default(), SIZE_MAX);
    require(pyn_policy_canonical(pyn_mem_default(), json, &once, NULL) == PYN_OK);
    require(pyn_policy_canonical(pyn_mem_default(), pyn_buf_view(&once), &twice, NULL) == PYN_OK);
    require(pyn_view_is_equal(pyn_buf_view(&once), pyn_buf_view(&twice)));
    pyn_buf_fini(&once);
    pyn_buf_fini(&twice);
}

static void check_fragment(const struct pyn_iface *iface)
{
    struct pyn_policy *policy = NULL;
    struct pyn_diag diag;
    if (iface->fragment.len == 0) {
        return;
    }
    require(pyn_policy_load_fragment(pyn_mem_default(), iface->fragment, &policy, &diag) == PYN_OK);
    const struct pyn_iface *loaded = pyn_policy_iface(policy, 0);
    require(pyn_view_is_equal(loaded->name, iface->name) && loaded->op_count == iface->op_count);
    require(pyn_view_is_equal(loaded->fragment, iface->fragment));
    pyn_policy_unref(policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyn_policy *policy = NULL;
    struct pyn_diag diag;
    if (size == 0) {
        return 0;
    }
    struct pyn_view rest = {data + 1, size - 1};
    pyn_status st = data[0] % 2 == 0 ? pyn_policy_load(pyn_mem_default(), rest, &policy, &diag)
                                     : pyn_policy_load_fragment(pyn_mem_default(), rest, &policy, &diag);
    if (st != PYN_OK) {
        require(st == PYN_EFORMAT && policy == NULL);
        check_diag(&diag);
        return 0;
    }
    check_ops(policy);
    if (data[0] % 2 == 0) {
        check_canonical(rest);
    }
    uint32_t count = pyn_policy_iface_count(policy);
    for (uint32_t i = 0; i < count && i < 16; i++) {
        check_fragment(pyn_policy_iface(policy, i));
    }
    pyn_policy_unref(policy);
    return 0;
}
