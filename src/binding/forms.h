/*
 * forms.h - what the netrefs of a description look like in Python: a class for each interface, and the names of the operations.
 *
 * Made when first needed, and immutable: nothing can be set on the classes, they belong to no connection and know none. So the connections to one
 * address that have been told the same, byte for byte, have them in common. Those to another address have their own even when the descriptions are
 * equal: isinstance() and what a program registers for a class tell servers apart. The least recently used go when there are too many; who uses them
 * holds them.
 *
 * Owns:    a reference of its policy, and strong ones of everything below.
 * Threads: the interpreter's lock.
 * Errors:  NULL with an exception.
 * Tests:   tests/attack/test_shared_descriptions.py, tests/python/test_netrefs.py
 */
#ifndef PYN_FORMS_H
#define PYN_FORMS_H

#include "core.h"

enum {
    PYN_FORMS_PLACES = 64,
    PYN_FORMS_WEIGHT = 16384, /* operations and interfaces, of all that are kept */
    PYN_FORMS_EACH = 4,       /* of which one may have the fourth part */
    PYN_SCOPE_LEN = 32,
};

/* Which server: a digest of the address that was dialled, which may hold a secret. */
struct pyn_scope {
    bool is_known;
    uint8_t digest[PYN_SCOPE_LEN];
};

struct pyn_form {
    PyTypeObject *netref; /* made when first needed */
    PyObject *checked;    /* the type that was last found to have every member */
};

struct pyn_forms {
    size_t ref_count;
    size_t weight;
    struct pyn_policy *policy;
    bool may_await;          /* netrefs may belong to an event loop */
    PyObject **names;        /* by op slot, interned */
    struct pyn_form *ifaces; /* by index */
};

/* Of its own; one reference is the caller's. */
struct pyn_forms *pyn_forms_new(const struct pyn_policy *policy, bool may_await);
/* The same, or those that the connections to this server have in common. */
struct pyn_forms *pyn_forms_of(const struct pyn_policy *policy, bool may_await, const struct pyn_scope *scope);
void pyn_forms_unref(struct pyn_forms *forms); /* accepts NULL */

/* The class of an interface. Borrowed. */
PyTypeObject *pyn_forms_type(struct pyn_forms *forms, const struct pyn_iface *iface);
/* "chat:Room" is shown as chat.Room. */
PyObject *pyn_iface_shown(const struct pyn_iface *iface);

/* Of an address; empty: of none. */
struct pyn_scope pyn_scope_of(struct pyn_view address);

/* _core._shared_forms(): (how many are kept, their weight), for tests. */
PyObject *pyn_forms_kept(PyObject *module, PyObject *ignored);

#endif
