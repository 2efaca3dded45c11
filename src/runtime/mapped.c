/* mapped.c - see mapped.h. */
#define _GNU_SOURCE
#include "mapped.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    HEAD = 64,              /* bytes ahead of a block: how much was mapped */
    HUGE_MIN = 4 << 20,     /* bytes: fewer are not worth large pages */
    COPY_AT_ONCE = 2 << 20, /* bytes that may be there twice */
};

#ifndef MREMAP_DONTUNMAP
enum { MREMAP_DONTUNMAP = 4 };
#endif

size_t pyn_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- the allocator ---- */

static uint8_t *map_of(void *block)
{
    return block != NULL ? (uint8_t *)block - HEAD : NULL;
}

static size_t mapped(const uint8_t *map)
{
    size_t size = 0;

    memcpy(&size, map, sizeof size);
    return size;
}

/* The system's default for a mapping is small pages: with large ones a gigabyte is touched, moved and given back several times as fast. */
static void prefer_large_pages(void *map, size_t size)
{
#ifdef MADV_HUGEPAGE
    (void)madvise(map, size, MADV_HUGEPAGE);
#else
    (void)map;
    (void)size;
#endif
}

void pyn_mapped_prefer_large(void *at, size_t len)
{
    const size_t lead = (PYN_LARGE_PAGE - (uintptr_t)at % PYN_LARGE_PAGE) % PYN_LARGE_PAGE;

    if (len >= lead + PYN_LARGE_PAGE) {
        prefer_large_pages((uint8_t *)at + lead, (len - lead) / PYN_LARGE_PAGE * PYN_LARGE_PAGE);
    }
}

/*
 * Addresses in which large pages can be, and stay what they are when they move there: those of old begin where they have begun, those of what is new behind
 * its first page, which is small. MAP_FAILED: there are none.
 */
static uint8_t *place(const uint8_t *old, size_t size, int protection)
{
    const size_t wanted = old != NULL ? (uintptr_t)old : PYN_LARGE_PAGE - pyn_page_size();
    uint8_t *at = mmap(NULL, size + PYN_LARGE_PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t lead = 0;

    if (at == MAP_FAILED) {
        return MAP_FAILED;
    }
    lead = (wanted - (uintptr_t)at) % PYN_LARGE_PAGE;
    if (lead > 0) {
        (void)munmap(at, lead);
    }
    (void)munmap(at + lead + size, PYN_LARGE_PAGE - lead);
    return at + lead;
}

static void *make(size_t size)
{
    const int protection = PROT_READ | PROT_WRITE;
    uint8_t *map = size >= HUGE_MIN ? place(NULL, size, protection) : MAP_FAILED;

    return map != MAP_FAILED ? map : mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* MAP_FAILED: it stands as it was. */
static void *change(uint8_t *old, size_t size)
{
    uint8_t *to = MAP_FAILED;
    void *map = mremap(old, mapped(old), size, size < HUGE_MIN ? MREMAP_MAYMOVE : 0);

    if (map != MAP_FAILED || size < HUGE_MIN) {
        return map;
    }
    to = place(old, size, PROT_NONE);
    if (to == MAP_FAILED) { /* there is no room for both: small pages will do */
        return mremap(old, mapped(old), size, MREMAP_MAYMOVE);
    }
    map = mremap(old, mapped(old), size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    if (map == MAP_FAILED) {
        (void)munmap(to, size);
    }
    return map;
}

/* With its head, in whole pages; behind the first of them in large ones, for in a part of one there would be small ones. */
static size_t rounded(size_t size)
{
    const size_t page = pyn_page_size();

    size = (size + HEAD + page - 1) / page * page;
    return size < HUGE_MIN ? size : page + (size - page + PYN_LARGE_PAGE - 1) / PYN_LARGE_PAGE * PYN_LARGE_PAGE;
}

static void *resize(void *ctx, void *block, size_t size)
{
    uint8_t *old = map_of(block);
    void *map = MAP_FAILED;

    (void)ctx;
    if (size == 0) {
        if (old != NULL) {
            (void)munmap(old, mapped(old));
        }
        return NULL;
    }
    if (size > SIZE_MAX - 4 * (size_t)PYN_LARGE_PAGE) {
        return NULL;
    }
    size = rounded(size);
    map = old == NULL ? make(size) : change(old, size);
    if (map == MAP_FAILED) {
        return NULL;
    }
    memcpy(map, &size, sizeof size);
    if (size >= HUGE_MIN) {
        prefer_large_pages(map, size);
    }
    return (uint8_t *)map + HEAD;
}

const struct pyn_mem *pyn_mapped_mem(void)
{
    static const struct pyn_mem pages = {resize, NULL};

    return &pages;
}

/* ---- moving ---- */

static void copy(uint8_t *to, uint8_t *from, size_t len)
{
    const size_t page = pyn_page_size();

    while (len > 0) {
        size_t part = len < COPY_AT_ONCE ? len : COPY_AT_ONCE;
        uint8_t *first = from + (page - (uintptr_t)from % page) % page;
        memcpy(to, from, part);
        if (first < from + part) {
            (void)madvise(first, (size_t)(from + part - first) / page * page, MADV_DONTNEED);
        }
        to += part;
        from += part;
        len -= part;
    }
}

/* What stood at to is gone when it fails halfway: then the same place gets new pages. */
static bool move_whole(uint8_t *to, uint8_t *from, size_t len, bool *is_there)
{
    *is_there = true;
    if (mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to) {
        return true;
    }
    if (madvise(to, len, MADV_NORMAL) != 0) { /* it says when nothing is mapped there */
        *is_there = mmap(to, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == to;
    }
    return false;
}

bool pyn_mapped_move(uint8_t *to, uint8_t *from, size_t len)
{
    const size_t page = pyn_page_size();
    const size_t lead = (page - (uintptr_t)to % page) % page;
    size_t whole = 0;
    bool is_there = true;

    if ((uintptr_t)to % page != (uintptr_t)from % page || len < lead + page) {
        copy(to, from, len);
        return true;
    }
    whole = (len - lead) / page * page;
    if (!move_whole(to + lead, from + lead, whole, &is_there)) {
        if (is_there) {
            copy(to, from, len);
        }
        return is_there;
    }
    memcpy(to, from, lead);
    memcpy(to + lead + whole, from + lead + whole, len - lead - whole);
    return true;
}
