/*
 * book.h - what Python knows of a policy: for each interface, operation, record and enum of it the Python object that stands for it.
 *
 * A server's book is resolved: names are looked up in the modules once, when it is made; from then on types are compared by identity. A
 * client's book belongs to one description of one connection. What does not depend on whose it is stands in its forms (forms.h).
 *
 * Owns:    strong references of everything below, and one reference of the policy.
 * Threads: the interpreter's lock.
 * Errors:  NULL or -1 with an exception.
 */
#ifndef PYN_BOOK_H
#define PYN_BOOK_H

#include "forms.h"

enum pyn_record_kind { PYN_RECORD_OBJECT = 0, PYN_RECORD_DICT };

struct pyn_book_record {
    PyObject *type;   /* called with the fields by name */
    PyObject *fields; /* tuple of interned str, in the order of the wire */
    enum pyn_record_kind kind;
};

struct pyn_book {
    struct pyn_policy *policy;
    struct pyn_forms *forms; /* counted */
    bool is_resolved;
    PyObject **types; /* resolved: by the index of an interface, its class: subtypes of it fit; NULL for a facet */
    struct pyn_book_record *records;
    PyObject **enums;
    PyObject *given; /* dict: "module:Qual" -> class, what the user has given us; or NULL */
};

/* The class that an interface stands for; NULL: none, what fits it is what has its members. Borrowed. */
static inline PyObject *pyn_book_type(const struct pyn_book *book, const struct pyn_iface *iface)
{
    return book->types != NULL ? book->types[iface->index] : NULL;
}

/* Of a server: every class is imported, every member must be there. */
struct pyn_book *pyn_book_resolve(const struct pyn_policy *policy);
/* Of a client. Takes over one reference of the forms. given: dict or NULL. */
struct pyn_book *pyn_book_new(struct pyn_forms *forms, PyObject *given);
void pyn_book_free(struct pyn_book *book);

/* 1: value may be held under iface; 0: not; -1: exception. Looks at the value's real type only. */
int pyn_book_fits(struct pyn_book *book, const struct pyn_iface *iface, PyObject *value);

/* borrowed */
PyObject *pyn_book_enum(struct pyn_book *book, const struct pyn_enum *enumeration);
struct pyn_book_record *pyn_book_record(struct pyn_book *book, const struct pyn_record *record);

/* Looks name up on a type and its bases, never on an instance, and runs no descriptor. Borrowed; NULL without an exception when it is not there. */
PyObject *pyn_type_lookup(PyTypeObject *type, PyObject *name);

#endif
