/*
 * memory.h - the Python memory of each connection: what a call allocates is charged to whom it is run for.
 *
 * Hooks in the interpreter's allocators. While a thread runs a call, new blocks come from addresses of ours, and stand in the account of the
 * connection until they are freed, by whomever. All other blocks come from where they always came.
 *
 * Owns:    a link's account, with the link and with every block.
 * Threads: the interpreter's lock; what one enters it leaves in the same thread, in the order of a stack.
 * Errors:  -1 with an exception.
 * Tests:   tests/python/test_memory.py
 */
#ifndef PYN_MEMORY_H
#define PYN_MEMORY_H

#include "../quota/heap.h"
#include "core.h"

/* A thread that runs something for a peer; it stands on its stack. */
struct pyn_memory {
    struct pyn_allowance allowance; /* first */
    struct pyn_allowance *before;
    struct pyn_link *link;
    bool is_lost; /* it holds more than it may, and nothing helps: its connection ends when this is left */
};

/* Once is enough, however many servers want it. -1 with a RuntimeError: it cannot be done here, and why. */
int pyn_memory_install(void);

/* _core._limit_memory(): the same for tests; a second time is an error. */
PyObject *pyn_memory_limit(PyObject *module, PyObject *ignored);

/* What is allocated from here on is this link's. */
void pyn_memory_enter(struct pyn_memory *memory, struct pyn_link *link);
void pyn_memory_leave(struct pyn_memory *memory);

/* Its connection may be over: then nothing is kept for it. */
void pyn_memory_settle(struct pyn_link *link);

/* May it begin anything more? Not when it holds more than the quota and the grace: then its connection ends, too. */
int pyn_memory_afford(void);

/* Why a call is told to have failed, when its memory was the reason; else NONE. is_return: it has given a result. */
enum pyn_overrun pyn_memory_why(const struct pyn_memory *memory, bool is_return);

/* What is done in between is the server's own. */
struct pyn_allowance *pyn_memory_hide(void);
void pyn_memory_show(struct pyn_allowance *allowance);

/* What the link is charged, without what is kept for its next call. */
void pyn_memory_account(struct pyn_link *link, struct pyn_ledger *ledger, uint64_t *refused);

#endif
