/* Takers and givers in any order: no block is given out twice, no more are kept than may be, and none is lost. */
#include "../../src/session/pool.h"
#include "proof.h"

enum { CALLS = 5, SIZE = sizeof(void *) };

int main(void)
{
    struct pyn_pool pool;
    void *held[CALLS] = {NULL};
    const unsigned max = nondet_u32();
    size_t count = 0;

    ASSUME(max <= 2);
    pyn_pool_init(&pool, pyn_mem_default(), SIZE, max);
    for (int i = 0; i < CALLS; i++) {
        if (nondet_bool()) {
            void *block = pyn_pool_take(&pool);
            if (block != NULL) {
                for (size_t j = 0; j < count; j++) {
                    PROVE(held[j] != block, "no block is given out twice");
                }
                PROVE(__CPROVER_w_ok(block, SIZE), "and each is whole");
                held[count++] = block;
            }
        } else if (count > 0) {
            pyn_pool_give(&pool, held[--count]);
        }
        PROVE(pool.count <= max, "no more are kept than may be");
    }
    pyn_pool_fini(&pool);
    PROVE(pool.first == NULL && pool.count == 0, "none is kept in the end");
    for (size_t i = 0; i < count; i++) {
        free(held[i]);
    }
    return 0; /* with --memory-leak-check: none is lost */
}
