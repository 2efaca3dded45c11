/*
 * keys.h - whether a key stands twice in a map of one whole message. Private to src/wire.
 *
 * Cost: linear in the bytes behind `from`, and O(n log n) comparisons of the keys open at once; 34 KiB of stack.
 */
#ifndef PYN_KEYS_H
#define PYN_KEYS_H

#include "limits.h"
#include "status.h"
#include "view.h"

/*
 * object: whole, its keys str or integers, at most PYN_KEY_CAP of them and PYN_DEPTH_CAP containers open at once: what the scanner has made
 * sure of. from: where an object inside it starts, before which no map has two keys. PYN_EDUPKEY, or PYN_OK.
 */
pyn_status pyn_keys_check(struct pyn_view object, size_t from);

#endif
