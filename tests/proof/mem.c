/* An array of any number of items: what is given is large enough, and a product that wraps is given nothing. */
#include "../../src/wire/mem.h"
#include "proof.h"

static size_t given;

static void *note_size(void *ctx, void *block, size_t size)
{
    (void)ctx;
    given = size;
    return block;
}

__extension__ typedef unsigned __int128 wide; /* no product of sizes wraps in it */

int main(void)
{
    static const size_t sizes[] = {0, 1, 2, 8, 24, 64, 4096};
    const struct pyn_mem mem = {note_size, NULL};
    const size_t count = nondet_size();
    uint8_t old = 0;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (pyn_mem_resize(&mem, &old, count, sizes[i]) != NULL) {
            wide wanted = (wide)count * sizes[i];
            PROVE(given > 0, "a size of 0 would free");
            PROVE(given >= wanted, "all of them fit");
        }
    }
    return 0;
}
