/* stub_memory.h - what the heap asks of its neighbours, as contracts, and what stub_memory.c has seen of it. */
#ifndef PYN_PROOF_STUB_MEMORY_H
#define PYN_PROOF_STUB_MEMORY_H

#include "../../src/quota/heap.h"

enum { STUB_ORDERS = 11 }; /* of a span: up to 1024 pages */

extern struct pyn_span stub_span; /* the one that pages are taken from */
extern uint64_t stub_charged;     /* bytes of the owner's */
extern bool stub_is_taken;

#endif
