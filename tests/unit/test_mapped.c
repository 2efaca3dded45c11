/* test_mapped.c - do pages grow, move and go back with every byte in its place, wherever they stand? */

#include <stdlib.h>
#include <sys/mman.h>

#include "support.h"

#include "../../src/runtime/mapped.h"

enum { MIB = 1 << 20 };

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i ^ (i >> 8) ^ (i >> 16));
}

static void write_bytes(uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        at[i] = byte_at(i);
    }
}

static bool are_bytes(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i] != byte_at(i)) {
            return false;
        }
    }
    return true;
}

static void a_block_grows_and_keeps_its_bytes_and_its_place_in_a_page(void **state)
{
    const struct pyn_mem *mem = pyn_mapped_mem();
    uint8_t *block = pyn_mem_resize(mem, NULL, 1, 1000);
    size_t place = (uintptr_t)block % pyn_page_size();

    (void)state;
    assert_non_null(block);
    write_bytes(block, 1000);
    for (size_t size = 2000; size < 64 * MIB; size *= 3) {
        block = pyn_mem_resize(mem, block, size, 1);
        assert_non_null(block);
        assert_true(are_bytes(block, 1000));
        assert_int_equal((uintptr_t)block % pyn_page_size(), place);
        block[size - 1] = 1;
    }
    block = pyn_mem_resize(mem, block, 1000, 1);
    assert_true(are_bytes(block, 1000));
    pyn_mem_free(mem, block);
    pyn_mem_free(mem, NULL);
}

/* Large pages stay what they are where the places in them are alike. */
static void a_block_of_many_megabytes_keeps_its_place_in_a_large_page(void **state)
{
    const struct pyn_mem *mem = pyn_mapped_mem();
    const size_t sizes[] = {8 * MIB, 9 * MIB + 5, 40 * MIB, 300 * MIB};
    uint8_t *block = pyn_mem_resize(mem, NULL, 1, 4 * MIB);
    const size_t place = (uintptr_t)block % PYN_LARGE_PAGE;

    (void)state;
    assert_non_null(block);
    assert_true(place > PYN_LARGE_PAGE - pyn_page_size()); /* what is about it stands in a small one ahead */
    write_bytes(block, 4 * MIB);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *behind = mmap(block + 4 * MIB + pyn_page_size(), pyn_page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                            -1, 0); /* so that it has to move, now and then */
        block = pyn_mem_resize(mem, block, sizes[i], 1);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % PYN_LARGE_PAGE, place);
        assert_true(are_bytes(block, 4 * MIB));
        block[sizes[i] - 1] = 1;
        (void)munmap(behind, pyn_page_size());
    }
    block = pyn_mem_resize(mem, block, 5 * MIB, 1);
    assert_int_equal((uintptr_t)block % PYN_LARGE_PAGE, place);
    assert_true(are_bytes(block, 4 * MIB));
    pyn_mem_free(mem, block);
}

static void what_cannot_be_had_is_said_and_changes_nothing(void **state)
{
    const struct pyn_mem *mem = pyn_mapped_mem();
    uint8_t *block = pyn_mem_resize(mem, NULL, 1, 5000);

    (void)state;
    write_bytes(block, 5000);
    assert_null(pyn_mem_resize(mem, NULL, 1, SIZE_MAX));
    assert_null(pyn_mem_resize(mem, NULL, 1, SIZE_MAX / 2));
    assert_null(pyn_mem_resize(mem, block, 1, SIZE_MAX));
    assert_null(pyn_mem_resize(mem, block, 1, SIZE_MAX / 2));
    assert_true(are_bytes(block, 5000));
    pyn_mem_free(mem, block);
}

/* Memory of the C library's, as an interpreter has it; from a place in it to which it came, what stands around is as before. */
static void expect_move(size_t from_at, size_t to_at, size_t len)
{
    const struct pyn_mem *mem = pyn_mapped_mem();
    const size_t page = pyn_page_size();
    uint8_t *from_block = pyn_mem_resize(mem, NULL, 1, len + 2 * page);
    uint8_t *to_block = malloc(len + 3 * page);
    uint8_t *from = NULL;
    uint8_t *to = NULL;

    assert_non_null(from_block);
    assert_non_null(to_block);
    from = from_block + (page + from_at - (uintptr_t)from_block % page) % page;
    to = to_block + (page + to_at - (uintptr_t)to_block % page) % page + (to_at == 0 ? page : 0);
    memset(to_block, 0xee, len + 3 * page);
    write_bytes(from, len);
    assert_true(pyn_mapped_move(to, from, len));
    if (!are_bytes(to, len)) {
        fail_msg("%zu bytes from %zu to %zu: others have come", len, from_at, to_at);
    }
    assert_true(to == to_block || to[-1] == 0xee);
    assert_int_equal(to[len], 0xee);
    to_block = realloc(to_block, len + 4 * page); /* what it stands in is still the C library's */
    assert_non_null(to_block);
    free(to_block);
    pyn_mem_free(mem, from_block);
}

static void bytes_move_whether_the_places_are_alike_or_not(void **state)
{
    const size_t page = pyn_page_size();
    const size_t lengths[] = {1, 100, page - 48, page, page + 1, 2 * page - 48, 5 * page, 5 * MIB + 123, 40 * MIB + 1};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        expect_move(48, 48, lengths[i]);
        expect_move(0, 0, lengths[i]);
        expect_move(page - 1, page - 1, lengths[i]);
        expect_move(48, 16, lengths[i]);
    }
}

/* Kilobytes of this process that stand in memory. */
static size_t resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    char line[128] = "";
    char *second = NULL;

    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    (void)fclose(file);
    (void)strtoul(line, &second, 10);
    return strtoul(second, NULL, 10) * pyn_page_size() / 1024;
}

/* As large objects have it, and without what a sanitizer keeps beside each block. */
static uint8_t *pages_of(size_t size)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(pages, MAP_FAILED);
    return pages;
}

static void a_block_costs_what_was_written_and_a_move_nothing(void **state)
{
    enum { LARGE = 128 * MIB, SLACK_KB = 8 * 1024 };
    const struct pyn_mem *mem = pyn_mapped_mem();
    const size_t page = pyn_page_size();
    size_t before = resident();
    uint8_t *block = pyn_mem_resize(mem, NULL, 1, LARGE + 2 * page);
    uint8_t *object = pages_of(LARGE + 2 * page);

    (void)state;
    assert_true(resident() < before + SLACK_KB);
    for (size_t shift = 0; shift < 2; shift++) {
        uint8_t *from = block + (page - (uintptr_t)block % page);
        uint8_t *to = object + page + shift;
        write_bytes(from, LARGE);
        assert_true(pyn_mapped_move(to, from, LARGE));
        assert_true(resident() < before + LARGE / 1024 + SLACK_KB);
        assert_true(are_bytes(to, LARGE));
        assert_int_equal(munmap(object, LARGE + 2 * page), 0);
        object = pages_of(LARGE + 2 * page);
    }
    assert_int_equal(munmap(object, LARGE + 2 * page), 0);
    pyn_mem_free(mem, block);
    assert_true(resident() < before + SLACK_KB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_grows_and_keeps_its_bytes_and_its_place_in_a_page),
        cmocka_unit_test(a_block_of_many_megabytes_keeps_its_place_in_a_large_page),
        cmocka_unit_test(what_cannot_be_had_is_said_and_changes_nothing),
        cmocka_unit_test(bytes_move_whether_the_places_are_alike_or_not),
        cmocka_unit_test(a_block_costs_what_was_written_and_a_move_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
