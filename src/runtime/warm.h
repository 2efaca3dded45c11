/*
 * warm.h - memory for messages of some hundred kilobytes and more: what one has used is kept for the next, for new pages cost more than what is done with them.
 *
 * A block may be larger than was asked for, because one that was kept is. What stands there beyond what was asked for, kept or given out, is never more
 * than PYN_WARM_MAX in a process: nobody can make it hold more than that by asking for little.
 *
 * Owns:     the blocks that it keeps; one that was given out is its taker's, and goes back to this allocator.
 * Units:    bytes.
 * Errors:   NULL: there is no memory.
 * Threads:  any. No thread waits for another: who finds the shelf in use does without it.
 * Tests:    tests/unit/test_warm.c
 */
#ifndef PYN_WARM_H
#define PYN_WARM_H

#include "../wire/mem.h"

enum { PYN_WARM_MAX = 17 << 20 }; /* a message of the usual quota */

/* An allocator. Under AddressSanitizer it is the C library's, so that a block that is used after it was given back is seen; and under ThreadSanitizer, which
 * does not see that pages have moved away when another thread gets their addresses. */
const struct pyn_mem *pyn_warm_mem(void);

/* Bytes that stand there beyond what was asked for. */
size_t pyn_warm_len(void);

/* What is kept and was not used since the last of these goes back to the system. */
void pyn_warm_rest(void);

#endif
