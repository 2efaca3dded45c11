/*
 * allocators.h - hooks in the interpreter's allocators: blocks of ours for a thread with an allowance, the interpreter's for all others.
 *
 * Two heaps: one for objects, under the interpreter's lock, and one for raw memory, which libraries ask for without it, under a lock of its own.
 * A block of ours is known by its address, whoever frees it, and stays ours for as long as it lives: there is no way back.
 *
 * Owns:    two ranges of addresses, for the life of the process.
 * Threads: any; an allowance is a thread's own.
 * Errors:  as the interpreter's allocators: NULL.
 * Tests:   tests/python/test_memory.py
 */
#ifndef PYN_ALLOCATORS_H
#define PYN_ALLOCATORS_H

#include "../quota/heap.h"

/* What this thread allocates is charged there; NULL: it is not ours. */
extern _Thread_local struct pyn_allowance *pyn_allocators_own;

/* An allowance is overdrawn. has_lock: the interpreter's. May not allocate. */
typedef void pyn_allocators_press(struct pyn_allowance *allowance, bool has_lock);

/* NULL, or why not. With the interpreter's lock. */
const char *pyn_allocators_install(pyn_allocators_press *press);
extern bool pyn_allocators_are_installed;

/*
 * The next large block of ours is about to be written from its beginning to its end, and never changes its size: it may have large pages, for these go back
 * as a whole. With the interpreter's lock, which is kept until it is said that it is so no longer.
 */
void pyn_allocators_write_whole(bool is);

/* What is kept for the owner's next blocks goes back. With the interpreter's lock. NULL: nothing. */
void pyn_allocators_trim(struct pyn_owner *owner);

#endif
