/* allocators.c - see allocators.h. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "allocators.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../runtime/mapped.h"

enum { OBJ = 0, MEM, RAW, DOMAINS };
enum { OBJECT_HEAP = 0, RAW_HEAP };

/* Address space costs nothing, but for what a limit of the process says. */
static const size_t OBJECT_SPACE = (size_t)64 << 30;
static const size_t RAW_SPACE = (size_t)8 << 30;
static const size_t LEAST_SPACE = (size_t)256 << 20;

/* Pages that stand there for nobody: 13 MiB in all, with what is gathered to be released together. */
enum { OBJECT_WARM = 2048, OBJECT_SPARE = 512, RAW_WARM = 128, RAW_SPARE = 64 };

_Static_assert(OBJECT_WARM / 4 <= PYN_LARGE_PAGE / PYN_PAGE,
               "what may have large pages is released when it is given back");

/* A range and its table of pages, and how much of that is usable. */
struct range {
    uint8_t *base;
    uint8_t *table;
    size_t table_size;
    size_t table_ready;
};

_Thread_local struct pyn_allowance *pyn_allocators_own;

bool pyn_allocators_are_installed;

static struct pyn_heap objects;
static struct pyn_heap raw;
static struct range ranges[PYN_HEAPS];
static pthread_mutex_t raw_lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_written_whole; /* the next large object; guarded by the interpreter's lock */
static PyMemAllocatorEx before[DOMAINS];
static pyn_allocators_press *press;

/* ---- pages ---- */

static bool commit_table(struct range *range, size_t end)
{
    size_t wanted = (end + PYN_PAGE - 1) & ~(size_t)(PYN_PAGE - 1);

    if (wanted > range->table_ready) {
        if (mprotect(range->table + range->table_ready, wanted - range->table_ready, PROT_READ | PROT_WRITE) != 0) {
            return false;
        }
        range->table_ready = wanted;
    }
    return true;
}

static bool commit(void *ctx, size_t page, size_t count)
{
    struct range *range = ctx;

    return commit_table(range, (page + count) * sizeof(struct pyn_span)) &&
           mprotect(range->base + (page << PYN_PAGE_SHIFT), count << PYN_PAGE_SHIFT, PROT_READ | PROT_WRITE) == 0;
}

/* A block may have been given large pages: whoever stands there next is charged by small ones. */
static void release(void *ctx, size_t page, size_t count)
{
    const struct range *range = ctx;
    uint8_t *from = range->base + (page << PYN_PAGE_SHIFT);

    (void)madvise(from, count << PYN_PAGE_SHIFT, MADV_DONTNEED);
    if (count >= PYN_LARGE_PAGE / PYN_PAGE) {
        (void)madvise(from, count << PYN_PAGE_SHIFT, MADV_NOHUGEPAGE);
    }
}

/* Where large pages may begin. */
static uint8_t *map(size_t size)
{
    uint8_t *at = mmap(NULL, size + PYN_LARGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t lead = 0;

    if (at == MAP_FAILED) {
        return NULL;
    }
    lead = (PYN_LARGE_PAGE - (uintptr_t)at % PYN_LARGE_PAGE) % PYN_LARGE_PAGE;
    if (lead > 0) {
        (void)munmap(at, lead);
    }
    (void)munmap(at + lead + size, PYN_LARGE_PAGE - lead);
    return at + lead;
}

/* A limit of address space is for more than this. */
static size_t space_of(size_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        while (wanted > limit.rlim_cur / 8) {
            wanted /= 2;
        }
    }
    return wanted;
}

static bool reserve(struct range *range, size_t wanted, size_t *size)
{
    for (*size = space_of(wanted); *size >= LEAST_SPACE; *size /= 2) {
        range->table_size = *size / PYN_PAGE * sizeof(struct pyn_span);
        range->base = map(*size);
        range->table = range->base != NULL ? map(range->table_size) : NULL;
        if (range->table != NULL) {
            (void)madvise(range->base, *size, MADV_NOHUGEPAGE); /* a page that is touched is one page */
            return true;
        }
        if (range->base != NULL) {
            (void)munmap(range->base, *size);
        }
    }
    return false;
}

static bool init_heap(struct pyn_heap *heap, unsigned which, size_t wanted, size_t warm_max, size_t spare_max)
{
    struct range *range = &ranges[which];
    const struct pyn_page_source source = {range, commit, release};
    size_t size = 0;

    if (!reserve(range, wanted, &size)) {
        return false;
    }
    heap->which = which;
    heap->spare_max = spare_max;
    pyn_pages_init(&heap->pages, range->base, (struct pyn_span *)(void *)range->table, size / PYN_PAGE, warm_max,
                   &source);
    return true;
}

/* ---- objects: under the interpreter's lock ---- */

/* Whatever it does must not be charged. */
static void tell(struct pyn_allowance *own, bool has_lock)
{
    own->is_pressed = false;
    pyn_allocators_own = NULL;
    press(own, has_lock);
    pyn_allocators_own = own;
}

static void make_room(struct pyn_heap *heap, const struct pyn_allowance *own, size_t size)
{
    if (!pyn_allowance_fits(own, (uint64_t)size + 2 * PYN_PAGE)) {
        pyn_heap_trim(heap, own->owner);
    }
}

static void *object_slow(struct pyn_allowance *own, size_t size, bool is_zero)
{
    void *block = NULL;

    make_room(&objects, own, size);
    block = is_zero ? pyn_heap_alloc_zero(&objects, own, size) : pyn_heap_alloc(&objects, own, size);
    if (is_written_whole && block != NULL && size >= PYN_LARGE_PAGE) {
        pyn_mapped_prefer_large(block, size);
    }
    if (own->is_pressed) {
        tell(own, true);
    }
    return block;
}

/* Not one of the smallest. */
static void *object_more(struct pyn_allowance *own, size_t size, bool is_zero)
{
    void *block = size <= PYN_HEAP_SMALL ? pyn_heap_at_hand(own->owner, OBJECT_HEAP, pyn_heap_class(size)) : NULL;

    if (block == NULL) {
        return object_slow(own, size, is_zero);
    }
    return is_zero ? memset(block, 0, size) : block;
}

static inline void *object_malloc(unsigned domain, size_t size)
{
    struct pyn_allowance *own = pyn_allocators_own;
    void *block = NULL;

    if (own == NULL) {
        return before[domain].malloc(before[domain].ctx, size);
    }
    block = size <= PYN_HEAP_FINE ? pyn_heap_at_hand(own->owner, OBJECT_HEAP, (unsigned)((size + 15) >> 4)) : NULL;
    return block != NULL ? block : object_more(own, size, false);
}

static inline void *object_calloc(unsigned domain, size_t count, size_t size)
{
    struct pyn_allowance *own = pyn_allocators_own;

    if (own == NULL) {
        return before[domain].calloc(before[domain].ctx, count, size);
    }
    return object_more(own, count * size, true); /* the interpreter has looked whether it wraps */
}

static inline void object_free(unsigned domain, void *block)
{
    if (pyn_pages_has(&objects.pages, block)) {
        if (!pyn_heap_lay_down(&objects, block)) {
            pyn_heap_free(&objects, block);
        }
    } else {
        before[domain].free(before[domain].ctx, block);
    }
}

/* A block of ours, and nobody to charge. */
static void *release_to(unsigned domain, struct pyn_heap *heap, void *block, size_t size)
{
    size_t room = pyn_heap_room(heap, block);
    void *moved = NULL;

    if (size <= room && size > room / 2) {
        return block;
    }
    moved = before[domain].malloc(before[domain].ctx, size);
    if (moved == NULL) {
        return size <= room ? block : NULL;
    }
    memcpy(moved, block, size < room ? size : room);
    pyn_heap_free(heap, block);
    return moved;
}

/*
 * A block of the interpreter's, which somebody makes larger or smaller who is to be charged for all of it. How large it is, only its allocator knows: that
 * makes it as large as it has to be, out of our sight, and it is copied then.
 */
static void *take_over(unsigned domain, void *ours, void *block, size_t size)
{
    struct pyn_allowance *own = pyn_allocators_own;
    void *grown = NULL;

    pyn_allocators_own = NULL; /* it may come back to us for raw memory */
    grown = before[domain].realloc(before[domain].ctx, block, size);
    if (grown != NULL) {
        memcpy(ours, grown, size);
        before[domain].free(before[domain].ctx, grown);
    }
    pyn_allocators_own = own;
    return grown != NULL ? ours : NULL;
}

static void *object_take_over(unsigned domain, void *block, size_t size)
{
    void *ours = object_malloc(domain, size);
    void *taken = ours != NULL ? take_over(domain, ours, block, size) : NULL;

    if (taken == NULL && ours != NULL) {
        pyn_heap_free(&objects, ours);
    }
    return taken;
}

static void *object_realloc(unsigned domain, void *block, size_t size)
{
    struct pyn_allowance *own = pyn_allocators_own;

    if (block == NULL) {
        return object_malloc(domain, size);
    }
    if (!pyn_pages_has(&objects.pages, block)) {
        return own == NULL ? before[domain].realloc(before[domain].ctx, block, size)
                           : object_take_over(domain, block, size);
    }
    if (own == NULL) {
        return release_to(domain, &objects, block, size);
    }
    make_room(&objects, own, size);
    block = pyn_heap_resize(&objects, own, block, size);
    if (own->is_pressed) {
        tell(own, true);
    }
    return block;
}

void pyn_allocators_write_whole(bool is)
{
    is_written_whole = is;
}

/* ---- raw memory: under its own lock ---- */

static void *raw_ask(size_t size, bool is_zero)
{
    struct pyn_allowance *own = pyn_allocators_own;
    void *block = NULL;

    (void)pthread_mutex_lock(&raw_lock);
    make_room(&raw, own, size);
    block = is_zero ? pyn_heap_alloc_zero(&raw, own, size) : pyn_heap_alloc(&raw, own, size);
    (void)pthread_mutex_unlock(&raw_lock);
    if (own->is_pressed) {
        tell(own, false);
    }
    return block;
}

static void raw_give(void *block)
{
    (void)pthread_mutex_lock(&raw_lock);
    pyn_heap_free(&raw, block);
    (void)pthread_mutex_unlock(&raw_lock);
}

static void *raw_take_over(void *block, size_t size)
{
    void *ours = raw_ask(size, false);
    void *taken = ours != NULL ? take_over(RAW, ours, block, size) : NULL;

    if (taken == NULL && ours != NULL) {
        raw_give(ours);
    }
    return taken;
}

static void *raw_resize(void *block, size_t size)
{
    struct pyn_allowance *own = pyn_allocators_own;
    void *moved = NULL;

    (void)pthread_mutex_lock(&raw_lock);
    moved = own != NULL ? pyn_heap_resize(&raw, own, block, size) : release_to(RAW, &raw, block, size);
    (void)pthread_mutex_unlock(&raw_lock);
    if (own != NULL && own->is_pressed) {
        tell(own, false);
    }
    return moved;
}

/* ---- the hooks: the context is not looked at, for another thread may see half of what is being installed ---- */

static void *obj_malloc(void *Py_UNUSED(ctx), size_t size)
{
    return object_malloc(OBJ, size);
}

static void *obj_calloc(void *Py_UNUSED(ctx), size_t count, size_t size)
{
    return object_calloc(OBJ, count, size);
}

static void *obj_realloc(void *Py_UNUSED(ctx), void *block, size_t size)
{
    return object_realloc(OBJ, block, size);
}

static void obj_free(void *Py_UNUSED(ctx), void *block)
{
    object_free(OBJ, block);
}

static void *mem_malloc(void *Py_UNUSED(ctx), size_t size)
{
    return object_malloc(MEM, size);
}

static void *mem_calloc(void *Py_UNUSED(ctx), size_t count, size_t size)
{
    return object_calloc(MEM, count, size);
}

static void *mem_realloc(void *Py_UNUSED(ctx), void *block, size_t size)
{
    return object_realloc(MEM, block, size);
}

static void mem_free(void *Py_UNUSED(ctx), void *block)
{
    object_free(MEM, block);
}

static void *raw_malloc(void *Py_UNUSED(ctx), size_t size)
{
    return pyn_allocators_own != NULL ? raw_ask(size, false) : before[RAW].malloc(before[RAW].ctx, size);
}

static void *raw_calloc(void *Py_UNUSED(ctx), size_t count, size_t size)
{
    return pyn_allocators_own != NULL ? raw_ask(count * size, true) : before[RAW].calloc(before[RAW].ctx, count, size);
}

static void *raw_realloc(void *ctx, void *block, size_t size)
{
    if (block == NULL) {
        return raw_malloc(ctx, size);
    }
    if (pyn_pages_has(&raw.pages, block)) {
        return raw_resize(block, size);
    }
    return pyn_allocators_own != NULL ? raw_take_over(block, size) : before[RAW].realloc(before[RAW].ctx, block, size);
}

static void raw_free(void *Py_UNUSED(ctx), void *block)
{
    if (pyn_pages_has(&raw.pages, block)) {
        raw_give(block);
    } else {
        before[RAW].free(before[RAW].ctx, block);
    }
}

/* ---- installing ---- */

static void lock_raw(void)
{
    (void)pthread_mutex_lock(&raw_lock);
}

static void unlock_raw(void)
{
    (void)pthread_mutex_unlock(&raw_lock);
}

const char *pyn_allocators_install(pyn_allocators_press *on_press)
{
    static PyMemAllocatorEx hooks[DOMAINS] = {
        {NULL, obj_malloc, obj_calloc, obj_realloc, obj_free},
        {NULL, mem_malloc, mem_calloc, mem_realloc, mem_free},
        {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free},
    };
    static const PyMemAllocatorDomain domains[DOMAINS] = {PYMEM_DOMAIN_OBJ, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_RAW};

    if (pyn_allocators_are_installed) {
        return "the hooks are there already";
    }
    if (!init_heap(&objects, OBJECT_HEAP, OBJECT_SPACE, OBJECT_WARM, OBJECT_SPARE) ||
        !init_heap(&raw, RAW_HEAP, RAW_SPACE, RAW_WARM, RAW_SPARE)) {
        return "there is no room in this process's address space";
    }
    if (pthread_atfork(lock_raw, unlock_raw, unlock_raw) != 0) {
        return "out of memory";
    }
    press = on_press;
    for (int i = 0; i < DOMAINS; i++) { /* all of them first: they call each other */
        PyMem_GetAllocator(domains[i], &before[i]);
    }
    for (int i = 0; i < DOMAINS; i++) {
        PyMem_SetAllocator(domains[i], &hooks[i]);
    }
    pyn_allocators_are_installed = true;
    return NULL;
}

void pyn_allocators_trim(struct pyn_owner *owner)
{
    if (owner == NULL) {
        return;
    }
    pyn_heap_trim(&objects, owner);
    (void)pthread_mutex_lock(&raw_lock);
    pyn_heap_trim(&raw, owner);
    (void)pthread_mutex_unlock(&raw_lock);
}
