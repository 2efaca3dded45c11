/*
 * metrics.h - what a server is doing, in the text format of Prometheus (version 0.0.4).
 *
 * Names and labels come from tables of ours and from the operator's classes: nothing that a peer has chosen gets in, and there are no more lines than
 * those tables have rows.
 *
 * Threads: any, without a lock. It needs no interpreter.
 * Tests:   tests/python/test_metrics.py
 */
#ifndef PYN_METRICS_H
#define PYN_METRICS_H

#include "server.h"

/* Appends it. PYN_ENOMEM. */
pyn_status pyn_metrics_write(struct pyn_server *server, struct pyn_buf *out);

#endif
