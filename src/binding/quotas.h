/*
 * quotas.h - quotas and accounts as Python sees them.
 */
#ifndef PYN_BINDING_QUOTAS_H
#define PYN_BINDING_QUOTAS_H

#include "core.h"

/* Defaults of the role, overridden by a mapping of names to numbers (or None). -1 with ValueError. */
int pyn_quotas_from(PyObject *mapping, enum pyn_role role, struct pyn_quotas *out);

/* Those of a client: the ones that all have who change nothing, for good, or changed. NULL with an exception. */
const struct pyn_quotas *pyn_quotas_of_client(PyObject *mapping, struct pyn_quotas *changed);

/* A mapping like that changes *out. */
int pyn_quotas_change(PyObject *mapping, struct pyn_quotas *out);

/*
 * The classes of a server: usual is a mapping like that, or None; classes is NULL or a dict of name -> (mapping of what differs, connections of the class, connections
 * of each principal, numbers of users): 0 connections are as many as there may be. NULL with ValueError.
 */
struct pyn_classes *pyn_classes_from(PyObject *usual, PyObject *classes);

/* dict of what a link holds for its peer, and of the most that was. Takes its lock. */
PyObject *pyn_usage_of_link(struct pyn_link *link);

/* list of a dict for everybody who is connected to this server. */
PyObject *pyn_census_list(struct pyn_server *server);

/* dict of every name and its value. */
PyObject *pyn_quotas_dict(const struct pyn_quotas *quotas);

/* list of (name, unit, what, usual, least, most, beyond): the table in src/quota/quota.c. */
PyObject *pyn_quotas_table(void);

#endif
