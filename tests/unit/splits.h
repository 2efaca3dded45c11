/*
 * splits.h - scans bytes cut into pieces, and checks what must hold for every cut.
 *
 * Each piece is fed from a heap block of exactly its size, so that a sanitizer sees a byte read too far.
 */
#ifndef PYN_TESTS_SPLITS_H
#define PYN_TESTS_SPLITS_H

#include "support.h"

#include "../../src/wire/scan.h"

/*
 * Feeds the first cuts[0] bytes, then the first cuts[1] and so on (ascending), then all of them, until the scanner says something else than
 * PYN_EWAIT. Checks: what is asked for is 1 at least and never more than the message can take; what closes stays closed.
 */
pyn_status splits_scan(struct pyn_view bytes, const struct pyn_limits *limits, const size_t *cuts, size_t cut_count,
                       size_t *len);

/* Whole, cut at every byte (at some 60 places when it is long), and byte by byte: wanted each time, or the test fails with why. */
void splits_check(struct pyn_view bytes, const struct pyn_limits *limits, pyn_status wanted, const char *why);

/* One more byte behind a copy of the object: the newline. At most 1 MiB; good until the next call. */
struct pyn_view splits_line(struct pyn_view object);

#endif
