/* slots.c - see slots.h. */
#include "slots.h"

#include <assert.h>
#include <string.h>

enum {
    CHUNK = 64,
    CHUNK_LOG2 = 6,
    FIRST = 4,        /* indices of the first chunk, since most tables stay small */
    GENERATION = 32,  /* bits of an index */
    GONE_LEAST = 64,  /* indices that are not used again as long as there are no more */
    CHUNKS_KEPT = 16, /* of a table that is empty */
};

static const uint32_t NONE = UINT32_MAX;

/* ---- where things are ---- */

static uint32_t chunk_of(uint32_t index)
{
    return index < FIRST ? 0 : 1 + (index >> CHUNK_LOG2);
}

/* Behind the last index of a chunk. */
static uint32_t end_of(uint32_t chunk)
{
    return chunk == 0 ? FIRST : chunk << CHUNK_LOG2;
}

static uint32_t begin_of(uint32_t chunk)
{
    return chunk < 2 ? chunk * FIRST : (chunk - 1) << CHUNK_LOG2;
}

static uint32_t place_of(uint32_t index)
{
    return index & (CHUNK - 1);
}

static void *item_at(const struct pyn_slots *slots, uint32_t index)
{
    return slots->chunks[chunk_of(index)].items + place_of(index) * slots->size;
}

static uint64_t id_of(const struct pyn_slots *slots, const void *item)
{
    uint64_t id = 0;

    memcpy(&id, (const char *)item + slots->id_at, sizeof id);
    return id;
}

static void set_id(const struct pyn_slots *slots, void *item, uint32_t index, uint32_t generation)
{
    uint64_t id = (uint64_t)generation << GENERATION | index;

    memcpy((char *)item + slots->id_at, &id, sizeof id);
}

static uint32_t generation_of(const struct pyn_slots *slots, uint32_t index)
{
    return (uint32_t)(id_of(slots, item_at(slots, index)) >> GENERATION);
}

/* Of the ids that were given out in a chunk whose items are there. */
static uint32_t highest_generation(const struct pyn_slots *slots, uint32_t chunk)
{
    uint32_t highest = 0;

    for (uint32_t i = begin_of(chunk); i < end_of(chunk) && i < slots->fresh; i++) {
        uint32_t generation = i > 0 ? generation_of(slots, i) : 0;
        highest = generation > highest ? generation : highest;
    }
    return highest;
}

/* ---- chunks ---- */

static pyn_status make_items(const struct pyn_slots *slots, uint32_t chunk)
{
    size_t count = chunk == 0 ? FIRST : CHUNK;

    slots->chunks[chunk].items = pyn_mem_resize(slots->mem, NULL, count, slots->size);
    return slots->chunks[chunk].items != NULL ? PYN_OK : PYN_ENOMEM;
}

static pyn_status add_chunk(struct pyn_slots *slots)
{
    pyn_status st = PYN_OK;

    if (slots->chunk_count == slots->chunk_room) {
        uint32_t room = slots->chunk_room == 0 ? 1 : slots->chunk_room * 2;
        struct pyn_chunk *grown = pyn_mem_resize(slots->mem, slots->chunks, room, sizeof *grown);
        if (grown == NULL) {
            return PYN_ENOMEM;
        }
        slots->chunks = grown;
        slots->chunk_room = room;
    }
    slots->chunks[slots->chunk_count] = (struct pyn_chunk){.next = NONE};
    st = make_items(slots, slots->chunk_count);
    slots->chunk_count += st == PYN_OK;
    return st;
}

/* Its indices are used again all the same, with higher generations. */
static void drop_items(struct pyn_slots *slots, uint32_t chunk)
{
    slots->chunks[chunk].generation = highest_generation(slots, chunk);
    pyn_mem_free(slots->mem, slots->chunks[chunk].items);
    slots->chunks[chunk].items = NULL;
}

static pyn_status bring_back(struct pyn_slots *slots, uint32_t chunk)
{
    pyn_status st = make_items(slots, chunk);

    for (uint32_t i = begin_of(chunk); st == PYN_OK && i < end_of(chunk); i++) {
        set_id(slots, item_at(slots, i), i, slots->chunks[chunk].generation);
    }
    return st;
}

static void drop_all(struct pyn_slots *slots)
{
    for (uint32_t i = 0; i < slots->chunk_count; i++) {
        pyn_mem_free(slots->mem, slots->chunks[i].items);
    }
    pyn_mem_free(slots->mem, slots->chunks);
    slots->chunks = NULL;
    slots->chunk_count = slots->chunk_room = 0;
}

/* A table that was large and is empty begins anew, with ids that it has not given out. */
static void begin_anew(struct pyn_slots *slots)
{
    uint32_t highest = slots->generation;

    for (uint32_t i = 0; i < slots->chunk_count; i++) {
        const struct pyn_chunk *chunk = &slots->chunks[i];
        uint32_t generation = chunk->items != NULL ? highest_generation(slots, i) : chunk->generation;
        highest = generation > highest ? generation : highest;
    }
    if (highest == UINT32_MAX) {
        return;
    }
    drop_all(slots);
    slots->generation = highest + 1;
    slots->fresh = 1;
    slots->gone = 0;
    slots->first = NONE;
}

/* ---- the table ---- */

void pyn_slots_init(struct pyn_slots *slots, const struct pyn_mem *mem, size_t size, size_t id_at)
{
    *slots = (struct pyn_slots){.mem = mem, .size = size, .id_at = id_at, .fresh = 1, .first = NONE};
}

void pyn_slots_fini(struct pyn_slots *slots)
{
    assert(slots->used == slots->worn);
    drop_all(slots);
}

static pyn_status take_fresh(struct pyn_slots *slots, void **item)
{
    const uint32_t index = slots->fresh;
    pyn_status st = PYN_OK;

    if (index == UINT32_MAX) {
        return PYN_EQUOTA;
    }
    if (chunk_of(index) == slots->chunk_count) {
        st = add_chunk(slots);
    }
    if (st == PYN_OK) {
        *item = item_at(slots, index);
        set_id(slots, *item, index, slots->generation);
        slots->chunks[chunk_of(index)].used++;
        slots->fresh++;
        slots->used++;
    }
    return st;
}

static pyn_status take_gone(struct pyn_slots *slots, void **item)
{
    const uint32_t at = slots->first;
    struct pyn_chunk *chunk = &slots->chunks[at];
    pyn_status st = chunk->items != NULL ? PYN_OK : bring_back(slots, at);
    uint32_t index = 0;

    if (st != PYN_OK) {
        return st;
    }
    index = (at < 2 ? 0 : begin_of(at)) + (uint32_t)__builtin_ctzll(chunk->gone);
    *item = item_at(slots, index);
    set_id(slots, *item, index, generation_of(slots, index) + 1);
    chunk->gone &= chunk->gone - 1;
    chunk->used++;
    if (chunk->gone == 0) {
        slots->first = chunk->next;
    }
    slots->gone--;
    slots->used++;
    return PYN_OK;
}

pyn_status pyn_slots_take(struct pyn_slots *slots, void **item)
{
    const bool is_many = slots->gone > GONE_LEAST && slots->gone - GONE_LEAST > slots->used;

    *item = NULL;
    return is_many || (slots->fresh == UINT32_MAX && slots->gone > 0) ? take_gone(slots, item) : take_fresh(slots, item);
}

static void note_gone(struct pyn_slots *slots, uint32_t index)
{
    const uint32_t at = chunk_of(index);
    struct pyn_chunk *chunk = &slots->chunks[at];

    if (chunk->gone == 0) {
        chunk->next = slots->first;
        slots->first = at;
    }
    chunk->gone |= UINT64_C(1) << place_of(index);
    slots->gone++;
}

void pyn_slots_give(struct pyn_slots *slots, void *item)
{
    const uint32_t index = (uint32_t)id_of(slots, item);
    const uint32_t at = chunk_of(index);

    assert(pyn_slots_find(slots, id_of(slots, item)) == item);
    if (generation_of(slots, index) == UINT32_MAX) { /* never again */
        set_id(slots, item, 0, 0);
        slots->worn++;
        return;
    }
    note_gone(slots, index);
    slots->used--;
    slots->chunks[at].used--;
    if (slots->chunks[at].used == 0 && slots->fresh >= end_of(at) && at > 0) {
        drop_items(slots, at);
    }
    if (slots->used == 0 && slots->chunk_count > CHUNKS_KEPT) {
        begin_anew(slots);
    }
}

void *pyn_slots_find(const struct pyn_slots *slots, uint64_t id)
{
    const uint32_t index = (uint32_t)id;
    const struct pyn_chunk *chunk = NULL;
    void *item = NULL;

    if (index == 0 || index >= slots->fresh) {
        return NULL;
    }
    chunk = &slots->chunks[chunk_of(index)];
    if (chunk->items == NULL || (chunk->gone >> place_of(index) & 1) != 0) {
        return NULL;
    }
    item = item_at(slots, index);
    return id_of(slots, item) == id ? item : NULL;
}
