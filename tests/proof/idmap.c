/*
 * Four items under any ids, of three sides, one of which goes again: each is found under its own id and side, and nothing under any other. Their ids
 * may share as many bits as they like, so that the tree has any shape that four nodes can have.
 */
#include "../../src/session/idmap.h"
#include "proof.h"

enum { ITEMS = 4 };

int main(void)
{
    struct pyn_idmap map = {NULL, 0};
    struct pyn_idnode first;
    struct pyn_idnode second;
    struct pyn_idnode third;
    struct pyn_idnode fourth;
    struct pyn_idnode *const nodes[ITEMS] = {&first, &second, &third, &fourth};
    const uint64_t ids[ITEMS] = {nondet_u64(), nondet_u64(), nondet_u64(), nondet_u64()};
    const uint64_t sides[ITEMS] = {0, 16, 16, 4096};
    const uint64_t any = nondet_u64();
    const size_t of = nondet_size_to(ITEMS - 1);
    const size_t gone = nondet_size_to(ITEMS);

    ASSUME(ids[1] != ids[2]); /* the only two of one side */
    for (int i = 0; i < ITEMS; i++) {
        pyn_idmap_add(&map, nodes[i], ids[i], sides[i]);
    }
    if (gone < ITEMS) {
        pyn_idmap_remove(&map, nodes[gone]);
    }
    void *found = pyn_idmap_find(&map, any, sides[of]);
    const void *wanted = NULL;
    for (size_t i = 0; i < ITEMS; i++) {
        if (any == ids[i] && sides[of] == sides[i] && i != gone) {
            wanted = nodes[i];
        }
    }
    PROVE(found == wanted, "each under its own id, and nothing under any other");
    PROVE(map.count == (size_t)ITEMS - (gone < ITEMS), "and they are counted");
    return 0;
}
