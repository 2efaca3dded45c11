/*
 * support.h - what unit tests share: CMocka, hex, an allocator that fails when told to, and random numbers from a seed.
 *
 * Owns: support_hex() fills memory of the caller's; struct support_mem owns nothing, the test checks that live is 0 at its end.
 */
#ifndef PYN_TESTS_SUPPORT_H
#define PYN_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/wire/mem.h"
#include "../../src/wire/view.h"

#define SUPPORT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Pass &m.mem to what is tested. */
struct support_mem {
    struct pyn_mem mem;
    size_t calls;            /* allocations and growths asked for so far */
    size_t fail_at;          /* which of them fails, the first is 1; 0: none */
    size_t fail_bigger_than; /* bytes: larger blocks are not to be had; 0: all are */
    size_t live;             /* blocks that were not given back */
    size_t bytes;            /* size of the block that was asked for last */
};

void support_mem_init(struct support_mem *m, size_t fail_at);

/* Hex digits, spaces between bytes are skipped; the test fails on anything else or when max is too small. Returns the bytes written. */
size_t support_hex(const char *hex, uint8_t *out, size_t max);

/* The same as a view of static memory, good until the fourth call after this one; at most 4096 bytes. */
struct pyn_view support_bytes(const char *hex);

/* True when the bytes of view are those of hex. Prints both when they are not. */
bool support_is_hex(struct pyn_view view, const char *hex);

/* xorshift64*: *state must not be 0. */
uint64_t support_random(uint64_t *state);

/* From 0 to below - 1. */
size_t support_below(uint64_t *state, size_t below);

#endif
