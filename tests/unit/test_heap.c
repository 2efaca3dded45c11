/* test_heap.c - is what is held charged, to whom it belongs, and nothing more when it is gone? */
#include "range.h"

#include "../../src/quota/heap.h"

enum { COUNT = 8192, WARM = 256, SPARE = 32 };

struct fixture {
    struct support_range range;
    struct pyn_heap heap;
    struct pyn_owner *owner;
    struct pyn_allowance allowance;
};

static void allow(struct pyn_allowance *allowance, struct pyn_owner *owner, uint64_t held_max)
{
    pyn_allowance_init(allowance, owner, (const uint64_t[PYN_Q_COUNT]){[PYN_Q_MEMORY] = held_max});
}

static void init(struct fixture *f, uint64_t held_max)
{
    support_range_init(&f->range, COUNT);
    memset(&f->heap, 0, sizeof f->heap);
    pyn_pages_init(&f->heap.pages, f->range.base, f->range.table, COUNT, WARM, &f->range.source);
    f->heap.spare_max = SPARE;
    f->owner = pyn_owner_new(NULL);
    assert_non_null(f->owner);
    allow(&f->allowance, f->owner, held_max);
}

/* Nothing may be left. */
static void fini(struct fixture *f)
{
    pyn_heap_trim(&f->heap, f->owner);
    assert_int_equal(f->heap.spare, 0);
    assert_int_equal(pyn_owner_charged(f->owner), 0);
    assert_int_equal(atomic_load(&f->owner->refs), 1);
    pyn_owner_unref(f->owner);
    support_range_fini(&f->range);
}

static void every_size_has_a_class_that_holds_it(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, 0);
    for (size_t size = 0; size <= 3 * PYN_HEAP_SMALL; size += size < 600 ? 1 : 37) {
        uint8_t *block = pyn_heap_alloc(&f.heap, &f.allowance, size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 16, 0);
        assert_true(pyn_heap_room(&f.heap, block) >= size);
        assert_true(pyn_heap_room(&f.heap, block) <= size + size / 2 + 16);
        memset(block, 0xa5, size);
        pyn_heap_free(&f.heap, block);
    }
    fini(&f);
}

static void a_page_is_charged_from_its_first_block_to_its_last(void **state)
{
    struct fixture f;
    void *blocks[64];

    (void)state;
    init(&f, 0);
    for (size_t i = 0; i < 64; i++) { /* 64 of 128 bytes are two pages */
        blocks[i] = pyn_heap_alloc(&f.heap, &f.allowance, 128);
        assert_int_equal(pyn_owner_charged(f.owner), i < 32 ? PYN_PAGE : 2 * PYN_PAGE);
    }
    for (size_t i = 0; i < 63; i++) {
        pyn_heap_free(&f.heap, blocks[i]);
    }
    assert_int_equal(pyn_owner_charged(f.owner), PYN_PAGE);
    pyn_heap_free(&f.heap, blocks[63]); /* kept for the next one */
    assert_int_equal(pyn_owner_charged(f.owner), PYN_PAGE);
    pyn_heap_trim(&f.heap, f.owner);
    assert_int_equal(pyn_owner_charged(f.owner), 0);
    fini(&f);
}

static void a_large_block_is_charged_by_its_pages(void **state)
{
    struct fixture f;
    void *block = NULL;

    (void)state;
    init(&f, 0);
    block = pyn_heap_alloc(&f.heap, &f.allowance, 100 * PYN_PAGE + 1);
    assert_int_equal(pyn_owner_charged(f.owner), 101 * PYN_PAGE);
    assert_ptr_equal(pyn_heap_resize(&f.heap, &f.allowance, block, 128 * PYN_PAGE), block);
    assert_int_equal(pyn_owner_charged(f.owner), 128 * PYN_PAGE);
    assert_ptr_equal(pyn_heap_resize(&f.heap, &f.allowance, block, 50 * PYN_PAGE), block);
    assert_int_equal(pyn_owner_charged(f.owner), 50 * PYN_PAGE);
    pyn_heap_free(&f.heap, block);
    block = pyn_heap_alloc(&f.heap, &f.allowance, 1000 * PYN_PAGE);
    assert_ptr_equal(pyn_heap_resize(&f.heap, &f.allowance, block, 400 * PYN_PAGE), block);
    assert_int_equal(pyn_owner_charged(f.owner), 400 * PYN_PAGE);
    pyn_heap_free(&f.heap, block);
    assert_int_equal(pyn_owner_charged(f.owner), 0);
    fini(&f);
}

static void the_quota_is_met_at_the_page(void **state)
{
    struct fixture f;
    void *block = NULL;

    (void)state;
    init(&f, 1 << 20);
    block = pyn_heap_alloc(&f.heap, &f.allowance, (1 << 20) + 1);
    assert_null(block);
    assert_true(f.allowance.was_denied);
    assert_int_equal(f.range.committed, 0); /* nothing was touched for it */
    block = pyn_heap_alloc(&f.heap, &f.allowance, 1 << 20);
    assert_non_null(block);
    assert_null(pyn_heap_alloc(&f.heap, &f.allowance, 40000));
    assert_null(pyn_heap_resize(&f.heap, &f.allowance, block, (1 << 20) + 1));
    assert_int_equal(pyn_owner_charged(f.owner), 1 << 20);
    pyn_heap_free(&f.heap, block);
    block = pyn_heap_alloc(&f.heap, &f.allowance, 1 << 20);
    assert_non_null(block);
    pyn_heap_free(&f.heap, block);
    fini(&f);
}

static void a_size_that_nothing_can_hold_is_denied(void **state)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, (size_t)COUNT * PYN_PAGE + 1, (size_t)1 << 40};
    struct fixture f;

    (void)state;
    init(&f, 0);
    for (size_t i = 0; i < SUPPORT_COUNT(sizes); i++) {
        assert_null(pyn_heap_alloc(&f.heap, &f.allowance, sizes[i]));
        assert_null(pyn_heap_alloc_zero(&f.heap, &f.allowance, sizes[i]));
    }
    fini(&f);
}

static void what_moves_keeps_its_bytes(void **state)
{
    static const size_t sizes[] = {1,    16,    17,     500,     513,   2000, 2049, 5000, 8192,
                                   8193, 70000, 300000, 1000000, 90000, 9000, 8000, 100,  1};
    struct fixture f;
    uint8_t *block = NULL;
    size_t size = 1;

    (void)state;
    init(&f, 0);
    block = pyn_heap_alloc(&f.heap, &f.allowance, 1);
    block[0] = 1;
    for (size_t i = 0; i < SUPPORT_COUNT(sizes); i++) {
        size_t both = size < sizes[i] ? size : sizes[i];
        block = pyn_heap_resize(&f.heap, &f.allowance, block, sizes[i]);
        assert_non_null(block);
        for (size_t k = 0; k < both; k++) {
            assert_int_equal(block[k], (uint8_t)(k * 7 + 1));
        }
        size = sizes[i];
        for (size_t k = 0; k < size; k++) {
            block[k] = (uint8_t)(k * 7 + 1);
        }
    }
    pyn_heap_free(&f.heap, block);
    fini(&f);
}

static void what_shrinks_never_fails(void **state)
{
    struct fixture f;
    uint8_t *block = NULL;

    (void)state;
    init(&f, 1 << 20);
    block = pyn_heap_alloc(&f.heap, &f.allowance, 1 << 20);
    f.allowance.ceiling = 0;
    f.allowance.passes = 0;
    f.allowance.held_max = 0;
    block[0] = 9;
    f.range.fail_at = f.range.calls + 1;
    block = pyn_heap_resize(&f.heap, &f.allowance, block, 1);
    assert_non_null(block);
    assert_int_equal(block[0], 9);
    pyn_heap_free(&f.heap, block);
    fini(&f);
}

static void zeroed_memory_is_zero_whoever_had_it(void **state)
{
    static const size_t sizes[] = {1, 100, 512, 2000, 8192, 8193, 50000, 500000};
    struct fixture f;

    (void)state;
    init(&f, 0);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < SUPPORT_COUNT(sizes); i++) {
            uint8_t *block = pyn_heap_alloc_zero(&f.heap, &f.allowance, sizes[i]);
            for (size_t k = 0; k < sizes[i]; k++) {
                assert_int_equal(block[k], 0);
            }
            memset(block, 0xff, pyn_heap_room(&f.heap, block));
            pyn_heap_free(&f.heap, block);
        }
    }
    fini(&f);
}

static void who_frees_does_not_matter_and_an_owner_outlives_its_connection(void **state)
{
    struct fixture f;
    struct pyn_owner *gone = pyn_owner_new(NULL);
    struct pyn_allowance theirs;
    void *small = NULL;
    void *large = NULL;

    (void)state;
    init(&f, 0);
    allow(&theirs, gone, 0);
    small = pyn_heap_alloc(&f.heap, &theirs, 100);
    large = pyn_heap_alloc(&f.heap, &theirs, 100000);
    assert_int_equal(pyn_owner_charged(gone), 26 * PYN_PAGE);
    assert_int_equal(pyn_owner_charged(f.owner), 0);
    pyn_owner_ref(gone);
    pyn_owner_unref(gone); /* the connection has ended; blocks hold it */
    pyn_heap_free(&f.heap, large);
    assert_int_equal(pyn_owner_charged(gone), PYN_PAGE);
    pyn_heap_free(&f.heap, small);
    pyn_heap_trim(&f.heap, gone);
    assert_int_equal(pyn_owner_charged(gone), 0);
    pyn_owner_unref(gone);
    fini(&f);
}

static void who_grows_a_block_of_another_is_charged_for_it(void **state)
{
    struct fixture f;
    struct pyn_owner *other = pyn_owner_new(NULL);
    struct pyn_allowance theirs;
    void *block = NULL;

    (void)state;
    init(&f, 0);
    allow(&theirs, other, 0);
    block = pyn_heap_alloc(&f.heap, &theirs, 65 * PYN_PAGE); /* there is room behind it */
    block = pyn_heap_resize(&f.heap, &f.allowance, block, 66 * PYN_PAGE);
    assert_int_equal(pyn_owner_charged(other), 0);
    assert_int_equal(pyn_owner_charged(f.owner), 66 * PYN_PAGE);
    pyn_heap_free(&f.heap, block);
    pyn_owner_unref(other);
    fini(&f);
}

static void a_slab_at_hand_is_used_without_a_question(void **state)
{
    struct fixture f;
    void *block = NULL;

    (void)state;
    init(&f, 0);
    assert_null(pyn_heap_at_hand(f.owner, 0, pyn_heap_class(64)));
    block = pyn_heap_alloc(&f.heap, &f.allowance, 64);
    pyn_heap_free(&f.heap, block);
    assert_ptr_equal(pyn_heap_at_hand(f.owner, 0, pyn_heap_class(49)), block);
    pyn_heap_free(&f.heap, block);
    assert_null(pyn_heap_at_hand(f.owner, 0, pyn_heap_class(65)));
    assert_null(pyn_heap_at_hand(f.owner, 1, pyn_heap_class(64)));
    fini(&f);
}

/* Small requests at the quota are granted, until they are not; what was written to is always charged. */
static void overdrawn_small_blocks_stay_within_the_grace(void **state)
{
    struct fixture f;
    static void *blocks[4096];
    size_t count = 0;

    (void)state;
    init(&f, 1 << 20);
    while (count < SUPPORT_COUNT(blocks) && (blocks[count] = pyn_heap_alloc(&f.heap, &f.allowance, 1000)) != NULL) {
        count++;
    }
    assert_true(f.allowance.is_overdrawn);
    assert_true(f.allowance.was_denied);
    assert_true(pyn_owner_charged(f.owner) > (1 << 20) + PYN_ALLOWANCE_GRACE - 8 * PYN_PAGE);
    assert_true(pyn_owner_charged(f.owner) <= (1 << 20) + PYN_ALLOWANCE_GRACE + 4 * PYN_PAGE);
    while (count > 0) {
        pyn_heap_free(&f.heap, blocks[--count]);
    }
    fini(&f);
}

/* Many blocks, of which one stays in each page; then others of another size, and so on: what stands in memory is never more than what is charged. */
static void a_pinning_attack_pays_for_every_page_that_it_pins(void **state)
{
    struct fixture f;
    static void *kept[COUNT];
    static void *round[100000];
    size_t kept_count = 0;

    (void)state;
    init(&f, 0);
    for (size_t size = 16; size <= 4096; size *= 2) {
        size_t count = 0;
        uint64_t before = pyn_owner_charged(f.owner);
        while (pyn_owner_charged(f.owner) < before + 200 * PYN_PAGE) {
            round[count++] = pyn_heap_alloc(&f.heap, &f.allowance, size);
        }
        uintptr_t page = 0;
        for (size_t i = 0; i < count; i++) {
            if ((uintptr_t)round[i] / PYN_PAGE != page) {
                page = (uintptr_t)round[i] / PYN_PAGE;
                kept[kept_count++] = round[i];
            } else {
                pyn_heap_free(&f.heap, round[i]);
            }
        }
        assert_true(pyn_owner_charged(f.owner) >= kept_count * PYN_PAGE);
    }
    while (kept_count > 0) {
        pyn_heap_free(&f.heap, kept[--kept_count]);
    }
    fini(&f);
}

/* ---- at random, against a list of what is held ---- */

enum { STEPS = 60000, HELD_MAX = 3000, OWNERS = 3 };

struct held {
    uint8_t *block;
    size_t size;
    uint8_t fill;
};

struct model {
    struct fixture f;
    struct pyn_owner *owners[OWNERS];
    struct held held[HELD_MAX];
    size_t count;
};

static size_t any_size(uint64_t *seed)
{
    switch (support_below(seed, 8)) {
    case 0:
        return support_below(seed, 200000);
    case 1:
    case 2:
        return support_below(seed, PYN_HEAP_SMALL + 2);
    default:
        return support_below(seed, 600);
    }
}

static void fill(struct held *held, uint64_t *seed)
{
    held->fill = (uint8_t)support_random(seed);
    memset(held->block, held->fill, held->size);
}

static void check(const struct held *held, size_t size)
{
    for (size_t i = 0; i < size; i += 1 + size / 16) {
        assert_int_equal(held->block[i], held->fill);
    }
    if (size > 0) {
        assert_int_equal(held->block[size - 1], held->fill);
    }
}

static void change(struct model *m, struct pyn_allowance *allowance, uint64_t *seed)
{
    size_t at = support_below(seed, m->count);
    struct held *held = &m->held[at];
    size_t size = any_size(seed);
    uint8_t *block = NULL;

    check(held, held->size);
    if (support_below(seed, 2) == 0) {
        pyn_heap_free(&m->f.heap, held->block);
        *held = m->held[--m->count];
        return;
    }
    block = pyn_heap_resize(&m->f.heap, allowance, held->block, size);
    if (block == NULL) {
        assert_true(size > held->size);
        return;
    }
    held->block = block;
    check(held, size < held->size ? size : held->size);
    held->size = size;
    fill(held, seed);
}

/* Each byte that is held is charged to somebody; and what is charged is not much more. */
static void check_charges(const struct model *m)
{
    uint64_t held = 0;
    uint64_t charged = 0;

    for (size_t i = 0; i < m->count; i++) {
        held += m->held[i].size;
    }
    for (size_t i = 0; i < OWNERS; i++) {
        charged += pyn_owner_charged(m->owners[i]);
    }
    assert_true(charged >= held);
    assert_true(m->f.heap.spare <= SPARE);
    assert_true(charged <= 2 * held + (uint64_t)OWNERS * PYN_HEAP_CLASSES * 8 * PYN_PAGE);
}

static void step(struct model *m, uint64_t *seed)
{
    struct pyn_allowance allowance;
    struct held *held = &m->held[m->count];

    allow(&allowance, m->owners[support_below(seed, OWNERS)], 8 << 20);
    if (m->count == HELD_MAX || (m->count > 0 && support_below(seed, 5) < 2)) {
        change(m, &allowance, seed);
        return;
    }
    held->size = any_size(seed);
    held->block = pyn_heap_alloc(&m->f.heap, &allowance, held->size);
    if (held->block != NULL) {
        fill(held, seed);
        m->count++;
    }
}

static void at_random_what_is_held_is_charged_and_untouched(void **state)
{
    static struct model m;
    uint64_t seed = 5;

    (void)state;
    memset(&m, 0, sizeof m);
    init(&m.f, 0);
    for (size_t i = 0; i < OWNERS; i++) {
        m.owners[i] = pyn_owner_new(NULL);
    }
    for (int i = 0; i < STEPS; i++) {
        m.f.range.fail_at = i % 100 == 0 ? m.f.range.calls + 1 : 0;
        step(&m, &seed);
        if (i % 1000 == 0) {
            check_charges(&m);
        }
    }
    while (m.count > 0) {
        m.count--;
        check(&m.held[m.count], m.held[m.count].size);
        pyn_heap_free(&m.f.heap, m.held[m.count].block);
    }
    for (size_t i = 0; i < OWNERS; i++) {
        pyn_heap_trim(&m.f.heap, m.owners[i]);
        assert_int_equal(pyn_owner_charged(m.owners[i]), 0);
        assert_int_equal(atomic_load(&m.owners[i]->refs), 1);
        pyn_owner_unref(m.owners[i]);
    }
    fini(&m.f);
}

/* The quick way and the whole one leave the same behind. */
static void what_is_laid_down_quickly_is_as_free_as_any(void **state)
{
    struct fixture f;
    void *blocks[40];
    size_t quick = 0;

    (void)state;
    init(&f, 0);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 40; i++) { /* a page and a part of one */
            blocks[i] = pyn_heap_alloc(&f.heap, &f.allowance, 128);
            assert_non_null(blocks[i]);
            memset(blocks[i], (int)i, 128);
        }
        assert_int_equal(pyn_owner_charged(f.owner), 2 * PYN_PAGE);
        assert_false(pyn_heap_lay_down(&f.heap, blocks[0])); /* of a full page: it is not plain, and still there */
        for (size_t i = 0; i < 40; i++) {
            if (pyn_heap_lay_down(&f.heap, blocks[i])) {
                quick++;
            } else {
                pyn_heap_free(&f.heap, blocks[i]);
            }
        }
    }
    assert_in_range(quick, 3 * 30, 3 * 38);
    uint8_t *large = pyn_heap_alloc(&f.heap, &f.allowance, 2 * PYN_HEAP_SMALL);
    assert_false(pyn_heap_lay_down(&f.heap, large)); /* nor is a large one plain */
    pyn_heap_free(&f.heap, large);
    fini(&f);
}

static void a_block_grows_in_its_place_as_far_as_it_is_allowed(void **state)
{
    (void)state;
    for (uint64_t allowed = 239; allowed <= 241; allowed++) {
        struct fixture f;
        init(&f, allowed * PYN_PAGE);
        uint8_t *block = pyn_heap_alloc(&f.heap, &f.allowance, 200 * PYN_PAGE);
        assert_non_null(block);
        memset(block, 7, 200 * PYN_PAGE);
        uint8_t *grown = pyn_heap_resize(&f.heap, &f.allowance, block, 240 * PYN_PAGE);
        assert_int_equal(grown != NULL, allowed >= 240);
        assert_int_equal(pyn_owner_charged(f.owner), (allowed >= 240 ? 240 : 200) * PYN_PAGE);
        block = grown != NULL ? grown : block;
        assert_int_equal(block[200 * PYN_PAGE - 1], 7);
        pyn_heap_free(&f.heap, block);
        fini(&f);
    }
}

/* Blocks that lie side by side are whole, each of them, and begin where anything may. */
static void blocks_of_a_size_do_not_touch_each_other(void **state)
{
    enum { SIDE_BY_SIDE = 5 };
    struct fixture f;

    (void)state;
    init(&f, 0);
    for (size_t size = 0; size <= PYN_HEAP_SMALL; size += size < 100 ? 1 : 61) {
        uint8_t *blocks[SIDE_BY_SIDE];
        for (size_t i = 0; i < SIDE_BY_SIDE; i++) {
            blocks[i] = pyn_heap_alloc(&f.heap, &f.allowance, size);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            memset(blocks[i], (int)(i + 1), pyn_heap_room(&f.heap, blocks[i]));
        }
        for (size_t i = 0; i < SIDE_BY_SIDE; i++) {
            for (size_t at = 0; at < pyn_heap_room(&f.heap, blocks[i]); at++) {
                assert_int_equal(blocks[i][at], i + 1);
            }
            pyn_heap_free(&f.heap, blocks[i]);
        }
    }
    fini(&f);
}

/* What a block has given up may stay with it, so many pages in all. */
static void what_a_block_gives_up_is_spare_up_to_a_bound(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, 0);
    uint8_t *block = pyn_heap_alloc(&f.heap, &f.allowance, 100 * PYN_PAGE);
    assert_non_null(block);
    assert_int_equal(f.heap.spare, 0);
    for (size_t spare = 1; spare <= SPARE; spare++) {
        assert_ptr_equal(pyn_heap_resize(&f.heap, &f.allowance, block, (100 - spare) * PYN_PAGE), block);
        assert_int_equal(f.heap.spare, spare);
        assert_int_equal(pyn_owner_charged(f.owner), (100 - spare) * PYN_PAGE);
    }
    assert_ptr_equal(pyn_heap_resize(&f.heap, &f.allowance, block, (100 - SPARE - 1) * PYN_PAGE), block);
    assert_int_equal(f.heap.spare, 0); /* one more, and they are released */
    assert_ptr_equal(pyn_heap_resize(&f.heap, &f.allowance, block, 100 * PYN_PAGE), block);
    assert_int_equal(f.heap.spare, 0);
    assert_int_equal(pyn_owner_charged(f.owner), 100 * PYN_PAGE);
    pyn_heap_free(&f.heap, block);
    fini(&f);
}

/* Beyond its grace an owner is given no page for a small block either: neither a new one nor one that was written to. */
static void who_is_far_beyond_its_limit_is_given_no_page(void **state)
{
    struct fixture f;
    struct pyn_allowance poor;
    uint8_t *page = NULL;

    (void)state;
    init(&f, 0);
    void *held = pyn_heap_alloc(&f.heap, &f.allowance, PYN_ALLOWANCE_GRACE + PYN_PAGE);
    assert_non_null(held);
    for (int i = 0; i < 2; i++) {
        const uint64_t charged = pyn_owner_charged(f.owner);
        allow(&poor, f.owner, PYN_PAGE);
        assert_null(pyn_heap_alloc(&f.heap, &poor, 64));
        assert_true(poor.was_denied);
        assert_int_equal(pyn_owner_charged(f.owner), charged);
        uint8_t *used = pyn_heap_alloc(&f.heap, &f.allowance, 64); /* and next time this page lies there */
        assert_non_null(used);
        assert_true(page == NULL || used == page); /* it was not lost to who was not given it */
        page = used;
        memset(used, 1, 64);
        pyn_heap_free(&f.heap, used);
        pyn_heap_trim(&f.heap, f.owner);
    }
    pyn_heap_free(&f.heap, held);
    fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_a_size_do_not_touch_each_other),
        cmocka_unit_test(what_a_block_gives_up_is_spare_up_to_a_bound),
        cmocka_unit_test(what_is_laid_down_quickly_is_as_free_as_any),
        cmocka_unit_test(a_block_grows_in_its_place_as_far_as_it_is_allowed),
        cmocka_unit_test(who_is_far_beyond_its_limit_is_given_no_page),
        cmocka_unit_test(every_size_has_a_class_that_holds_it),
        cmocka_unit_test(a_page_is_charged_from_its_first_block_to_its_last),
        cmocka_unit_test(a_large_block_is_charged_by_its_pages),
        cmocka_unit_test(the_quota_is_met_at_the_page),
        cmocka_unit_test(a_size_that_nothing_can_hold_is_denied),
        cmocka_unit_test(what_moves_keeps_its_bytes),
        cmocka_unit_test(what_shrinks_never_fails),
        cmocka_unit_test(zeroed_memory_is_zero_whoever_had_it),
        cmocka_unit_test(who_frees_does_not_matter_and_an_owner_outlives_its_connection),
        cmocka_unit_test(who_grows_a_block_of_another_is_charged_for_it),
        cmocka_unit_test(a_slab_at_hand_is_used_without_a_question),
        cmocka_unit_test(overdrawn_small_blocks_stay_within_the_grace),
        cmocka_unit_test(a_pinning_attack_pays_for_every_page_that_it_pins),
        cmocka_unit_test(at_random_what_is_held_is_charged_and_untouched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
