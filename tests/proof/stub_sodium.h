/* stub_sodium.h - what stub_sodium.c has seen. */
#ifndef PYN_PROOF_STUB_SODIUM_H
#define PYN_PROOF_STUB_SODIUM_H

#include <stdint.h>

extern uint64_t stub_sealed;    /* how often something was sealed */
extern uint64_t stub_nonce;     /* the last one that was used, the number in it */
extern uint64_t stub_cleartext; /* bytes that were opened last */

#endif
