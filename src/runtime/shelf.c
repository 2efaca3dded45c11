/* shelf.c - see shelf.h. */
#include "shelf.h"

#include <pthread.h>
#include <sodium.h>
#include <stddef.h>
#include <string.h>

#include "fork.h"

_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "a hash is a number");

/* One that is kept. The hash only says where to look: the bytes decide. */
struct kept {
    uint64_t hash;
    uint64_t used; /* when it was, among all uses */
    struct pyn_view fragment;
    struct pyn_policy *policy;
    size_t size;
};

struct pyn_shelf {
    const struct pyn_mem *mem;
    pthread_mutex_t lock; /* of everything below */
    uint32_t places;
    size_t bytes;
    uint32_t count;
    size_t size;
    uint64_t uses;
    uint8_t secret[crypto_shorthash_KEYBYTES];
    struct kept kept[PYN_SHELF_PLACES];
};

struct pyn_shelf *pyn_shelf_new(const struct pyn_mem *mem, uint32_t places, size_t bytes)
{
    struct pyn_shelf *shelf = pyn_mem_new(mem, 1, sizeof *shelf);

    if (shelf == NULL) {
        return NULL;
    }
    shelf->mem = mem;
    shelf->places = places < PYN_SHELF_PLACES ? places : PYN_SHELF_PLACES;
    shelf->bytes = bytes;
    (void)pthread_mutex_init(&shelf->lock, NULL);
    randombytes_buf(shelf->secret, sizeof shelf->secret);
    return shelf;
}

static void drop(struct pyn_shelf *shelf, struct kept *entry)
{
    pyn_mem_free(shelf->mem, (void *)(uintptr_t)entry->fragment.data);
    pyn_policy_unref(entry->policy);
    shelf->size -= entry->size;
    *entry = shelf->kept[--shelf->count];
}

void pyn_shelf_free(struct pyn_shelf *shelf)
{
    if (shelf == NULL) {
        return;
    }
    while (shelf->count > 0) {
        drop(shelf, &shelf->kept[0]);
    }
    (void)pthread_mutex_destroy(&shelf->lock);
    pyn_mem_free(shelf->mem, shelf);
}

/* ---- with the lock held ---- */

static struct kept *find(struct pyn_shelf *shelf, uint64_t hash, struct pyn_view fragment)
{
    for (uint32_t i = 0; i < shelf->count; i++) {
        struct kept *entry = &shelf->kept[i];
        if (entry->hash == hash && pyn_view_is_equal(entry->fragment, fragment)) {
            return entry;
        }
    }
    return NULL;
}

static struct kept *longest_unused(struct pyn_shelf *shelf)
{
    struct kept *found = &shelf->kept[0];

    for (uint32_t i = 1; i < shelf->count; i++) {
        if (shelf->kept[i].used < found->used) {
            found = &shelf->kept[i];
        }
    }
    return found;
}

static void make_room(struct pyn_shelf *shelf, size_t size)
{
    while (shelf->count > 0 && (shelf->count >= shelf->places || shelf->size > shelf->bytes - size)) {
        drop(shelf, longest_unused(shelf));
    }
}

/* ---- */

static uint64_t hash_of(const struct pyn_shelf *shelf, struct pyn_view fragment)
{
    uint64_t hash = 0;

    (void)crypto_shorthash((unsigned char *)&hash, fragment.data, fragment.len, shelf->secret);
    return hash;
}

static struct pyn_policy *look(struct pyn_shelf *shelf, uint64_t hash, struct pyn_view fragment)
{
    struct pyn_policy *policy = NULL;
    struct kept *entry = NULL;

    (void)pthread_mutex_lock(&shelf->lock);
    entry = find(shelf, hash, fragment);
    if (entry != NULL) {
        entry->used = ++shelf->uses;
        policy = pyn_policy_ref(entry->policy);
    }
    (void)pthread_mutex_unlock(&shelf->lock);
    return policy;
}

/* Unless it is too large, or there is no memory, or another thread has done so meanwhile. */
static void keep(struct pyn_shelf *shelf, uint64_t hash, struct pyn_view fragment, struct pyn_policy *policy)
{
    const size_t size = pyn_policy_size(policy) + fragment.len;
    uint8_t *copy = NULL;

    if (size > shelf->bytes / PYN_SHELF_EACH || shelf->places == 0) {
        return;
    }
    copy = pyn_mem_new(shelf->mem, fragment.len, 1);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, fragment.data, fragment.len);
    (void)pthread_mutex_lock(&shelf->lock);
    if (find(shelf, hash, fragment) == NULL) {
        make_room(shelf, size);
        shelf->kept[shelf->count++] = (struct kept){.hash = hash,
                                                    .used = ++shelf->uses,
                                                    .fragment = {copy, fragment.len},
                                                    .policy = pyn_policy_ref(policy),
                                                    .size = size};
        shelf->size += size;
        copy = NULL;
    }
    (void)pthread_mutex_unlock(&shelf->lock);
    pyn_mem_free(shelf->mem, copy);
}

pyn_status pyn_shelf_load(struct pyn_shelf *shelf, struct pyn_view fragment, struct pyn_policy **out)
{
    const uint64_t hash = hash_of(shelf, fragment);
    pyn_status st = PYN_OK;

    *out = look(shelf, hash, fragment);
    if (*out == NULL) {
        st = pyn_policy_load_fragment(shelf->mem, fragment, out, NULL);
        if (st == PYN_OK) {
            keep(shelf, hash, fragment, *out);
        }
    }
    return st;
}

uint32_t pyn_shelf_count(struct pyn_shelf *shelf)
{
    uint32_t count = 0;

    (void)pthread_mutex_lock(&shelf->lock);
    count = shelf->count;
    (void)pthread_mutex_unlock(&shelf->lock);
    return count;
}

size_t pyn_shelf_size(struct pyn_shelf *shelf)
{
    size_t size = 0;

    (void)pthread_mutex_lock(&shelf->lock);
    size = shelf->size;
    (void)pthread_mutex_unlock(&shelf->lock);
    return size;
}

/* ---- the one of this process ---- */

static struct pyn_shelf *shelf;
static struct pyn_library library;
static struct pyn_keepsake keepsake;

static pyn_status load(void *ctx, struct pyn_view fragment, struct pyn_policy **out)
{
    return pyn_shelf_load(ctx, fragment, out);
}

/* In a child: a thread of the parent's may have been in the middle of it. What stood there stays, and nobody looks at it. */
static void forget(struct pyn_keepsake *own)
{
    (void)own;
    (void)pthread_mutex_init(&shelf->lock, NULL);
    shelf->count = 0;
    shelf->size = 0;
}

static void make(void)
{
    shelf = pyn_shelf_new(pyn_mem_default(), PYN_SHELF_PLACES, PYN_SHELF_BYTES);
    if (shelf != NULL) {
        library = (struct pyn_library){load, shelf};
        pyn_keepsake_enter(&keepsake, forget);
    }
}

const struct pyn_library *pyn_shelf_library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make);
    return shelf != NULL ? &library : NULL;
}
