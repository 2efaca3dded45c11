/*
 * steps.h - which operations are steps of an iteration, and what that means for what goes in and comes out of them.
 *
 * A generator is what stands under the name Generator[...] or AsyncGenerator[...]: no class of anybody's module is called so.
 * Threads: any.
 */
#ifndef PYN_STEPS_H
#define PYN_STEPS_H

#include "../../policy/policy.h"

static inline bool pyn_op_is_named(const struct pyn_op *op, const char *name)
{
    return pyn_view_is_equal(op->name, pyn_view_of(name));
}

static inline bool pyn_iface_is_of(const struct pyn_iface *iface, const char *prefix)
{
    size_t len = strlen(prefix);

    return iface->name.len > len && memcmp(iface->name.data, prefix, len) == 0;
}

static inline bool pyn_iface_is_generator(const struct pyn_iface *iface)
{
    return pyn_iface_is_of(iface, "Generator[");
}

static inline bool pyn_iface_is_async_generator(const struct pyn_iface *iface)
{
    return pyn_iface_is_of(iface, "AsyncGenerator[");
}

/* __exit__ and __aexit__ are told of an exception by its name and text. */
static inline bool pyn_op_is_exit(const struct pyn_op *op)
{
    return pyn_op_is_named(op, "__exit__") || pyn_op_is_named(op, "__aexit__");
}

/* So is a generator of one that is thrown into it. */
static inline bool pyn_op_is_throw(const struct pyn_op *op)
{
    return (pyn_op_is_named(op, "throw") && pyn_iface_is_generator(op->iface)) ||
           (pyn_op_is_named(op, "athrow") && pyn_iface_is_async_generator(op->iface));
}

/* May a StopIteration answer it? */
static inline bool pyn_op_is_step(const struct pyn_op *op)
{
    return pyn_op_is_named(op, "__next__") ||
           (pyn_iface_is_generator(op->iface) && (pyn_op_is_named(op, "send") || pyn_op_is_named(op, "throw")));
}

/* May a StopAsyncIteration? */
static inline bool pyn_op_is_async_step(const struct pyn_op *op)
{
    return pyn_op_is_named(op, "__anext__") ||
           (pyn_iface_is_async_generator(op->iface) && (pyn_op_is_named(op, "asend") || pyn_op_is_named(op, "athrow")));
}

/* The type of the value that the end of a generator has: close() may give it as well. NULL: it has none. */
static inline const struct pyn_type *pyn_op_end(const struct pyn_op *op)
{
    const struct pyn_op *close = NULL;

    if (pyn_op_is_step(op) && pyn_iface_is_generator(op->iface)) {
        close = pyn_iface_op(op->iface, PYN_OP_METHOD, pyn_view_of("close"));
    }
    return close != NULL ? close->signatures[0].result : NULL;
}

#endif
