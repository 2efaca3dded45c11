/*
 * plain.h - what CBMC knows by itself, for a compiler that does not: tools/prove --dry puts it ahead of every file of this folder.
 *
 * Nothing of it is ever linked.
 */
#ifndef PYN_PROOF_PLAIN_H
#define PYN_PROOF_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

void __CPROVER_assume(bool condition);
void __CPROVER_assert(bool condition, const char *claim);
bool __CPROVER_r_ok(const void *block, size_t len);
bool __CPROVER_w_ok(const void *block, size_t len);
void __CPROVER_havoc_slice(void *block, size_t len);
bool __CPROVER_same_object(const void *one, const void *other);
size_t __CPROVER_POINTER_OFFSET(const void *pointer);

#endif
