/*
 * names.h - which words a policy may use: identifiers, classes, the standard containers, the members that may be reached.
 *
 * Everything is ASCII and compared byte by byte.
 * Tests:   tests/unit/test_signature.c
 */
#ifndef PYN_NAMES_H
#define PYN_NAMES_H

#include "../src/wire/view.h"

/* How many bytes from at on are letters, digits and underscores, the first not a digit. */
size_t pyn_name_span(struct pyn_view text, size_t at);

bool pyn_name_is_identifier(struct pyn_view name);
bool pyn_name_is_class(struct pyn_view name);    /* "module:Qualified.Name" */
bool pyn_name_is_standard(struct pyn_view name); /* list, Sequence, ...: needs no module */
bool pyn_name_is_member(struct pyn_view name);   /* an identifier that does not begin with "_" */
bool pyn_name_is_method(struct pyn_view name);   /* a member, or one of the listed double-underscore names */

/* A method that is an operator of two operands, such as __add__, __iadd__ or __eq__. */
bool pyn_name_is_binary(struct pyn_view name);

/* Of a module whose classes are facets: collections.abc, contextlib, typing. */
bool pyn_name_is_facet_class(struct pyn_view name);

#endif
