/* An arena: what it gives is whole, zeroed, aligned and nobody else's; a size that wraps is given nothing. */
#include "../../policy/arena.h"
#include "proof.h"

int main(void)
{
    struct pyn_arena arena;
    const size_t first_len = nondet_size_to(64);
    const size_t second_len = nondet_size_to(64);

    pyn_arena_init(&arena, pyn_mem_default());
    uint8_t *first = pyn_arena_new(&arena, first_len, 1);
    uint8_t *second = pyn_arena_new(&arena, second_len, 1);
    if (first != NULL && second != NULL) {
        PROVE(__CPROVER_w_ok(first, first_len) && __CPROVER_w_ok(second, second_len), "both are whole");
        PROVE(second >= first + first_len, "and apart");
        PROVE((uintptr_t)(second - first) % _Alignof(max_align_t) == 0, "and aligned");
        PROVE(second_len == 0 || second[second_len - 1] == 0, "and zeroed");
    }
    PROVE(pyn_arena_new(&arena, nondet_size() | (SIZE_MAX / 16), 32) == NULL, "there is no such block");
    pyn_arena_fini(&arena);
    return 0; /* with --memory-leak-check: all of it is given back */
}
