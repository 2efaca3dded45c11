/* stub_slots.c - what slots.h promises, and no more: a slot may be had or not, its id was never given before, and it is found by that as long as it is in use. */
#include "../../src/session/slots.h"

#include "../../src/session/exports.h"
#include "proof.h"

enum { SLOTS = 2 };

static struct pyn_export items[SLOTS];
static bool is_used[SLOTS];
static uint64_t last;

void pyn_slots_init(struct pyn_slots *slots, const struct pyn_mem *mem, size_t size, size_t id_at)
{
    PROVE(size == sizeof items[0] && id_at == offsetof(struct pyn_export, id), "a table of exports");
    *slots = (struct pyn_slots){.mem = mem, .size = size, .id_at = id_at};
}

void pyn_slots_fini(struct pyn_slots *slots)
{
    (void)slots;
    PROVE(!is_used[0] && !is_used[1], "every slot was given back");
}

pyn_status pyn_slots_take(struct pyn_slots *slots, void **item)
{
    uint64_t id = nondet_u64();
    int at = is_used[0] ? 1 : 0;

    (void)slots;
    *item = NULL;
    if (nondet_u8() % 2 == 0 || is_used[at] || id <= last) {
        return nondet_u8() % 2 == 0 ? PYN_ENOMEM : PYN_EQUOTA;
    }
    last = items[at].id = id;
    is_used[at] = true;
    *item = &items[at];
    return PYN_OK;
}

void pyn_slots_give(struct pyn_slots *slots, void *item)
{
    int at = item == &items[1];

    (void)slots;
    PROVE(item == &items[at] && is_used[at], "a slot is given back once");
    is_used[at] = false;
}

void *pyn_slots_find(const struct pyn_slots *slots, uint64_t id)
{
    (void)slots;
    for (int i = 0; i < SLOTS; i++) {
        if (is_used[i] && items[i].id == id) {
            return &items[i];
        }
    }
    return NULL;
}
