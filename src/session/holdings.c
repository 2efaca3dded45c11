/*
 * holdings.c - see holdings.h.
 *
 * As in idmap.c, an entry at level n of its holding's tree may stand anywhere below the path that the lowest n bits of its id lead along: one that is removed is replaced by
 * a leaf below it.
 */
#include "holdings.h"

#include <assert.h>

enum { FIRST_PLACES = 4, NUMBERS_MAX = UINT32_MAX / PYN_BLOCK_SEATS };

_Static_assert(sizeof(struct pyn_import) == 32, "there are many of them");
_Static_assert(PYN_BLOCK_SEATS == 1 << PYN_IMPORT_SEAT_BITS && PYN_BLOCK_SEATS == 64, "a bit for each seat");
_Static_assert(sizeof(struct pyn_import_block) % _Alignof(struct pyn_import) == 0 &&
                   sizeof(struct pyn_holding) % _Alignof(struct pyn_import_block) == 0,
               "one stands behind the other");

/* ---- the tree of a holding ---- */

static struct pyn_import *find(const struct pyn_holdings *holdings, const struct pyn_holding *holding, uint64_t id)
{
    uint64_t path = id;
    uint32_t number = holding->top;

    while (number != 0) {
        struct pyn_import *entry = pyn_holdings_at(holdings, number);
        if (entry->id == id) {
            return entry;
        }
        number = entry->child[path & 1];
        path >>= 1;
    }
    return NULL;
}

static void insert(struct pyn_holdings *holdings, struct pyn_holding *holding, const struct pyn_import *entry)
{
    uint64_t path = entry->id;
    uint32_t *link = &holding->top;

    while (*link != 0) {
        struct pyn_import *above = pyn_holdings_at(holdings, *link);
        assert(above->id != entry->id);
        link = &above->child[path & 1];
        path >>= 1;
    }
    *link = pyn_import_number(entry);
}

/* Takes a leaf below what link leads to out of the tree; that itself when it has none below it. */
static uint32_t take_leaf(const struct pyn_holdings *holdings, uint32_t *link)
{
    struct pyn_import *entry = pyn_holdings_at(holdings, *link);
    uint32_t leaf = 0;

    while (entry->child[0] != 0 || entry->child[1] != 0) {
        link = &entry->child[entry->child[0] == 0];
        entry = pyn_holdings_at(holdings, *link);
    }
    leaf = *link;
    *link = 0;
    return leaf;
}

static void take_out(struct pyn_holdings *holdings, struct pyn_holding *holding, const struct pyn_import *entry)
{
    const uint32_t number = pyn_import_number(entry);
    uint64_t path = entry->id;
    uint32_t *link = &holding->top;

    while (*link != number) {
        assert(*link != 0);
        link = &pyn_holdings_at(holdings, *link)->child[path & 1];
        path >>= 1;
    }
    uint32_t leaf = take_leaf(holdings, link);
    if (leaf != number) {
        struct pyn_import *replacement = pyn_holdings_at(holdings, leaf);
        replacement->child[0] = entry->child[0];
        replacement->child[1] = entry->child[1];
        *link = leaf;
    }
}

/* ---- numbers of blocks ---- */

static bool make_place(struct pyn_holdings *holdings)
{
    const uint32_t room = holdings->place_room == 0 ? FIRST_PLACES : holdings->place_room * 2;
    uintptr_t *grown = NULL;

    if (holdings->place_free != 0 || holdings->place_count < holdings->place_room) {
        return true;
    }
    if (holdings->place_count > NUMBERS_MAX) {
        return false;
    }
    grown = pyn_mem_resize(holdings->mem, holdings->places, room, sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    if (holdings->place_room == 0) {
        grown[holdings->place_count++] = 1; /* number 0 is nobody's: an entry's is never 0 */
    }
    holdings->places = grown;
    holdings->place_room = room;
    return true;
}

/* make_place() went ahead. */
static uint32_t take_place(struct pyn_holdings *holdings, const struct pyn_import_block *block)
{
    uint32_t number = holdings->place_free;

    if (number != 0) {
        holdings->place_free = (uint32_t)(holdings->places[number] >> 1);
    } else {
        number = holdings->place_count++;
    }
    holdings->places[number] = (uintptr_t)block;
    return number;
}

static void give_place(struct pyn_holdings *holdings, uint32_t number)
{
    holdings->places[number] = (uintptr_t)holdings->place_free << 1 | 1;
    holdings->place_free = number;
}

static struct pyn_import_block *block_of(const struct pyn_holdings *holdings, uint32_t number)
{
    const uintptr_t place = holdings->places[number];

    return (place & 1) == 0 ? (struct pyn_import_block *)place : NULL;
}

/* ---- blocks ---- */

static uint64_t all_free(uint32_t seats)
{
    return UINT64_MAX >> (PYN_BLOCK_SEATS - seats);
}

static void set_vacant(struct pyn_import_block *block)
{
    struct pyn_holding *holding = block->holding;

    block->before = NULL;
    block->next = holding->vacant;
    if (block->next != NULL) {
        block->next->before = block;
    }
    holding->vacant = block;
}

static void unset_vacant(struct pyn_import_block *block)
{
    if (block->next != NULL) {
        block->next->before = block->before;
    }
    if (block->before != NULL) {
        block->before->next = block->next;
    } else {
        block->holding->vacant = block->next;
    }
}

static void begin_block(struct pyn_holdings *holdings, struct pyn_import_block *block, struct pyn_holding *holding,
                        uint32_t seats)
{
    *block = (struct pyn_import_block){.holding = holding, .free = all_free(seats), .seats = seats};
    block->number = take_place(holdings, block);
    set_vacant(block);
}

/* Where the seats stand that a holding has by itself. */
static struct pyn_import_block *own_block(struct pyn_holding *holding)
{
    return (struct pyn_import_block *)(holding + 1);
}

/* As many seats as the holding has entries: half of them are in use at least when a block is new. */
static struct pyn_import_block *add_block(struct pyn_holdings *holdings, struct pyn_holding *holding)
{
    const uint32_t seats = holding->count < PYN_BLOCK_SEATS ? (uint32_t)holding->count : PYN_BLOCK_SEATS;
    struct pyn_import_block *block = NULL;

    assert(seats >= PYN_FIRST_SEATS);
    if (make_place(holdings)) {
        block = pyn_mem_resize(holdings->mem, NULL, 1, sizeof *block + seats * sizeof(struct pyn_import));
    }
    if (block != NULL) {
        begin_block(holdings, block, holding, seats);
    }
    return block;
}

static void drop_block(struct pyn_holdings *holdings, struct pyn_import_block *block)
{
    unset_vacant(block);
    give_place(holdings, block->number);
    pyn_mem_free(holdings->mem, block);
}

/* ---- holdings ---- */

/* The bits of an address that differ come first. */
static uint64_t key_of(const struct pyn_iface *iface)
{
    return (uint64_t)(uintptr_t)iface >> 4;
}

static struct pyn_holding *holding_of(const struct pyn_holdings *holdings, const struct pyn_iface *iface)
{
    return pyn_idmap_find(&holdings->map, key_of(iface), (uint64_t)(uintptr_t)iface);
}

static struct pyn_holding *add_holding(struct pyn_holdings *holdings, const struct pyn_iface *iface)
{
    const size_t size = sizeof(struct pyn_holding) + sizeof(struct pyn_import_block) +
                        PYN_FIRST_SEATS * sizeof(struct pyn_import);
    struct pyn_holding *holding = make_place(holdings) ? pyn_mem_resize(holdings->mem, NULL, 1, size) : NULL;

    if (holding != NULL) {
        *holding = (struct pyn_holding){.iface = iface};
        pyn_idmap_add(&holdings->map, &holding->node, key_of(iface), (uint64_t)(uintptr_t)iface);
        begin_block(holdings, own_block(holding), holding, PYN_FIRST_SEATS);
    }
    return holding;
}

/* ---- the table ---- */

void pyn_holdings_init(struct pyn_holdings *holdings, const struct pyn_mem *mem)
{
    *holdings = (struct pyn_holdings){.mem = mem};
}

void pyn_holdings_fini(struct pyn_holdings *holdings)
{
    struct pyn_holding *holding = NULL;

    for (uint32_t i = 1; i < holdings->place_count; i++) {
        struct pyn_import_block *block = block_of(holdings, i);
        if (block != NULL && block != own_block(block->holding)) {
            pyn_mem_free(holdings->mem, block);
        }
    }
    while ((holding = pyn_idmap_any(&holdings->map)) != NULL) {
        pyn_idmap_remove(&holdings->map, &holding->node);
        pyn_mem_free(holdings->mem, holding);
    }
    pyn_mem_free(holdings->mem, holdings->places);
    pyn_holdings_init(holdings, holdings->mem);
}

struct pyn_import *pyn_holdings_find(const struct pyn_holdings *holdings, uint64_t id, const struct pyn_iface *iface)
{
    const struct pyn_holding *holding = holding_of(holdings, iface);

    return holding != NULL ? find(holdings, holding, id) : NULL;
}

static struct pyn_import *take_seat(struct pyn_import_block *block)
{
    const unsigned seat = (unsigned)__builtin_ctzll(block->free);
    struct pyn_import *entry = pyn_import_seats(block) + seat;

    block->free &= block->free - 1;
    if (block->free == 0) {
        unset_vacant(block);
    }
    *entry = (struct pyn_import){.state = PYN_IMPORT_ONCE | seat};
    return entry;
}

struct pyn_import *pyn_holdings_add(struct pyn_holdings *holdings, uint64_t id, const struct pyn_iface *iface)
{
    struct pyn_holding *holding = holding_of(holdings, iface);
    struct pyn_import *entry = NULL;

    if (holding == NULL) {
        holding = add_holding(holdings, iface);
    }
    if (holding == NULL || (holding->vacant == NULL && add_block(holdings, holding) == NULL)) {
        return NULL;
    }
    entry = take_seat(holding->vacant);
    entry->id = id;
    insert(holdings, holding, entry);
    holding->count++;
    return entry;
}

void pyn_holdings_remove(struct pyn_holdings *holdings, struct pyn_import *entry)
{
    struct pyn_import_block *block = pyn_import_block(entry);
    struct pyn_holding *holding = block->holding;

    take_out(holdings, holding, entry);
    holding->count--;
    if (block->free == 0) {
        set_vacant(block);
    }
    block->free |= UINT64_C(1) << (entry->state & (PYN_BLOCK_SEATS - 1));
    *entry = (struct pyn_import){
        .state = entry->state & (PYN_BLOCK_SEATS - 1)}; /* it was received no times: who still uses it is found out */
    if (block->free == all_free(block->seats) && block != own_block(holding)) {
        drop_block(holdings, block);
    }
}
