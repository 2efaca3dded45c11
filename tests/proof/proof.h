/*
 * proof.h - what every proof says its claims with. See tools/prove.
 *
 * A proof is a main() that calls the code as it stands, on values of which nothing is known but what it assumes: CBMC looks at all of them at
 * once. A function without a body, such as those here, returns anything.
 */
#ifndef PYN_PROOF_H
#define PYN_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define ASSUME(condition) __CPROVER_assume(condition)
#define PROVE(condition, claim) __CPROVER_assert((condition), claim)

bool nondet_bool(void);
uint8_t nondet_u8(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);
int64_t nondet_i64(void);
size_t nondet_size(void);
double nondet_double(void);

static inline size_t nondet_size_to(size_t most)
{
    size_t size = nondet_size();

    ASSUME(size <= most);
    return size;
}

/*
 * The last len bytes of a block, which hold anything: whoever looks behind their end looks outside of the block, and is found out. (A block of a
 * size that is not known would do as well, and takes ten times as long.)
 */
#define LAST_BYTES(block, len) ((block) + sizeof(block) - (len))

#endif
