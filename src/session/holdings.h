/*
 * holdings.h - entries of references of the peer's: those under one interface stand side by side, and are found by ids that the peer has chosen.
 *
 * What the entries under one interface have in common stands once, in their holding, to which an entry leads by its seat in its block. Of an id nothing is presumed:
 * the search is that of idmap.h, at most 64 steps for any choice of ids, with links of four bytes. An entry does not move. A block whose entries are all gone is given
 * back; a holding, with a few seats of its own, stays: there are no more of them than the peer has described interfaces.
 *
 * Owns:    its entries, blocks and holdings. What an entry remembers is the host's, and so are the two words of a holding.
 * Errors:  NULL: no memory, or 2**32 numbers are taken; nothing has changed.
 * Tests:   tests/unit/test_holdings.c
 */
#ifndef PYN_HOLDINGS_H
#define PYN_HOLDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../policy/policy.h"
#include "../wire/mem.h"
#include "idmap.h"

enum { PYN_BLOCK_SEATS = 64, PYN_FIRST_SEATS = 4 };

struct pyn_import_list {
    uint32_t next; /* numbers; 0: none */
    uint32_t before;
};

/* Many are held at once: no member is there twice. */
struct pyn_import {
    uint64_t id;
    uint32_t child[2]; /* of the tree: numbers; 0: none */
    union {
        void *proxy;                 /* the host's; NULL: none yet */
        struct pyn_import_list list; /* of what is to be freed, which has none */
    };
    uint64_t state; /* its seat, two flags, and how often it was received */
};

enum { PYN_IMPORT_SEAT_BITS = 6, PYN_IMPORT_COUNT_AT = 8 };

#define PYN_IMPORT_RELEASED (UINT64_C(1) << 6) /* it is to be freed */
#define PYN_IMPORT_PAST (UINT64_C(1) << 7)     /* it is in no table: what is left of one that was released */
#define PYN_IMPORT_ONCE (UINT64_C(1) << PYN_IMPORT_COUNT_AT)
#define PYN_IMPORT_COUNT_MAX (UINT64_MAX >> PYN_IMPORT_COUNT_AT)

/* What is held under one interface. */
struct pyn_holding {
    struct pyn_idnode node;
    const struct pyn_iface *iface;
    void *owner;                     /* the host's: whose connection it is, */
    void *note;                      /* and what it has found out of the interface */
    struct pyn_import_block *vacant; /* those with a seat that nobody has */
    size_t count;                    /* entries */
    uint32_t top;                    /* of the tree */
};

/* The head of a block, which its entries stand behind. */
struct pyn_import_block {
    struct pyn_holding *holding;
    uint64_t free;                 /* seats that nobody has: a bit each */
    struct pyn_import_block *next; /* of the holding's with such */
    struct pyn_import_block *before;
    uint32_t number; /* of its first entry, in steps of PYN_BLOCK_SEATS */
    uint32_t seats;
};

struct pyn_holdings {
    const struct pyn_mem *mem;
    struct pyn_idmap map; /* of holdings, by interface */
    uintptr_t *places;    /* by number: a block's address; of a number that nobody has twice the next such, and 1 */
    uint32_t place_count; /* that were used at some time */
    uint32_t place_room;
    uint32_t place_free; /* 0: none */
};

void pyn_holdings_init(struct pyn_holdings *holdings, const struct pyn_mem *mem);
/* All entries go with it. */
void pyn_holdings_fini(struct pyn_holdings *holdings);

/* NULL: there is none. */
struct pyn_import *pyn_holdings_find(const struct pyn_holdings *holdings, uint64_t id, const struct pyn_iface *iface);
/* It must not be there yet. It has no proxy, and was received once. */
struct pyn_import *pyn_holdings_add(struct pyn_holdings *holdings, uint64_t id, const struct pyn_iface *iface);
void pyn_holdings_remove(struct pyn_holdings *holdings, struct pyn_import *entry);

static inline struct pyn_import *pyn_import_seats(struct pyn_import_block *block)
{
    return (struct pyn_import *)(block + 1);
}

static inline struct pyn_import_block *pyn_import_block(const struct pyn_import *entry)
{
    const struct pyn_import *first = entry - (entry->state & (PYN_BLOCK_SEATS - 1));

    return (struct pyn_import_block *)(uintptr_t)first - 1;
}

static inline struct pyn_holding *pyn_import_holding(const struct pyn_import *entry)
{
    return pyn_import_block(entry)->holding;
}

/* It is another's after it was removed, never 0. */
static inline uint32_t pyn_import_number(const struct pyn_import *entry)
{
    return pyn_import_block(entry)->number * PYN_BLOCK_SEATS + (uint32_t)(entry->state & (PYN_BLOCK_SEATS - 1));
}

static inline struct pyn_import *pyn_holdings_at(const struct pyn_holdings *holdings, uint32_t number)
{
    struct pyn_import_block *block = (struct pyn_import_block *)holdings->places[number / PYN_BLOCK_SEATS];

    return pyn_import_seats(block) + number % PYN_BLOCK_SEATS;
}

/* What is left to who held a reference and has released it: its id and its holding, in no table. It owns nothing, and is good as long as the holding. */
struct pyn_past_import {
    struct pyn_import_block block;
    struct pyn_import entry;
};

static inline void pyn_import_note_past(const struct pyn_import *entry, struct pyn_past_import *past)
{
    *past = (struct pyn_past_import){.block.holding = pyn_import_holding(entry),
                                     .entry = {.id = entry->id, .state = PYN_IMPORT_PAST}};
}

static inline bool pyn_import_is_past(const struct pyn_import *entry)
{
    return (entry->state & PYN_IMPORT_PAST) != 0;
}

#endif
