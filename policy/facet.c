/* facet.c - does one interface of a policy permit nothing but what another one does? */
#include "within.h"

enum { STEPS = 100000 };

bool pyn_iface_is_facet_of(const struct pyn_iface *part, const struct pyn_iface *whole)
{
    struct pyn_within within = {.steps = STEPS};

    if (part->policy != whole->policy || !part->is_facet || part->op_count == 0) {
        return false;
    }
    for (uint32_t i = 0; i < part->op_count; i++) {
        const struct pyn_op *op = pyn_iface_op(whole, part->ops[i].kind, part->ops[i].name);
        if (op == NULL || !pyn_op_is_within(&within, &part->ops[i], op)) {
            return false;
        }
    }
    return true;
}
