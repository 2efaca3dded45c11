/*
 * mapped.h - memory for large messages: whole pages, which go back to the system at once, and can be moved instead of copied.
 *
 * A value of many megabytes is received into pages of its message's own. When it becomes an object of the interpreter, whose allocator gives it another
 * place, its pages move there: nothing is copied but what shares a page with something else.
 *
 * Owns:     nothing; a block is its caller's, and goes back to the same allocator.
 * Units:    bytes.
 * Errors:   NULL, or false: there is no memory.
 * Threads:  any.
 * Tests:    tests/unit/test_mapped.c, tests/python/test_large_values.py
 */
#ifndef PYN_MAPPED_H
#define PYN_MAPPED_H

#include <stdbool.h>
#include <stdint.h>

#include "../wire/mem.h"

enum { PYN_LARGE_PAGE = 2 << 20 }; /* bytes */

/* An allocator: a block that grows keeps its place within its first page, one of some megabytes that in a large page, if there are addresses for it. Memory that was never written costs nothing. */
const struct pyn_mem *pyn_mapped_mem(void);

size_t pyn_page_size(void);

/*
 * len bytes of a block of this allocator go to where the memory of another one stands, private and writable. Those at from are zero afterwards, or
 * as they were. Cheap when both places are alike within their page; else the bytes are copied, and what was copied gives its pages back on the way.
 * False: to is not to be touched any more, but for giving it back.
 */
bool pyn_mapped_move(uint8_t *to, uint8_t *from, size_t len);

/*
 * All of these bytes are about to be written for the first time: as far as they fill large pages, they get such ones, which are found, cleared and given
 * back ten times as fast. A hint: nothing happens where there are none.
 */
void pyn_mapped_prefer_large(void *at, size_t len);

#endif
