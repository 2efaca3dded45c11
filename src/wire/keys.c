/*
 * keys.c - see keys.h.
 *
 * One walk over the message. The offsets of the keys of the maps that are open lie on one stack, those of the innermost on top; when a
 * map ends its part is sorted, so that equal keys stand side by side, and taken off. A few are compared each with each, and what
 * is in order already is not sorted.
 */
#include "keys.h"

#include <assert.h>

#include "head.h"

enum { FEW = 8 };

struct frame {
    uint32_t left; /* objects that are still to come */
    uint32_t base; /* where its keys start on the stack of keys */
    bool is_map;
};

struct walk {
    struct pyn_view object;
    size_t at;
    uint32_t depth;
    uint32_t key_count;
    struct frame frames[PYN_DEPTH_CAP];
    size_t keys[PYN_KEY_CAP]; /* offsets */
};

static struct pyn_item item_at(struct pyn_view object, size_t offset)
{
    struct pyn_reader rd = {object.data, object.len, offset};
    struct pyn_item item;

    (void)pyn_reader_next(&rd, &item);
    return item;
}

/* Any total order in which only equal keys are equal; integers by value. */
static int compare_items(const struct pyn_item *x, const struct pyn_item *y)
{
    if (x->wire != y->wire) {
        return x->wire < y->wire ? -1 : 1;
    }
    if (x->wire == PYN_W_STR) {
        return pyn_view_compare(x->bytes, y->bytes);
    }
    if (x->wire == PYN_W_UINT) {
        return (x->uint > y->uint) - (x->uint < y->uint);
    }
    return (x->nint > y->nint) - (x->nint < y->nint);
}

static int compare_keys(struct pyn_view object, size_t a, size_t b)
{
    struct pyn_item x = item_at(object, a);
    struct pyn_item y = item_at(object, b);

    return compare_items(&x, &y);
}

static void swap(size_t *a, size_t *b)
{
    size_t kept = *a;

    *a = *b;
    *b = kept;
}

/* Lets the key at `root` sink until no key below it is greater: one step of a heap sort. */
static void sink_down(struct pyn_view object, size_t *keys, uint32_t root, uint32_t count)
{
    for (;;) {
        uint32_t child = 2 * root + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && compare_keys(object, keys[child], keys[child + 1]) < 0) {
            child++;
        }
        if (compare_keys(object, keys[root], keys[child]) >= 0) {
            return;
        }
        swap(&keys[root], &keys[child]);
        root = child;
    }
}

/* A heap sort: its worst case is its usual one, and it needs no memory. */
static void sort_keys(struct pyn_view object, size_t *keys, uint32_t count)
{
    for (uint32_t root = count / 2; root > 0; root--) {
        sink_down(object, keys, root - 1, count);
    }
    for (uint32_t end = count; end > 1; end--) {
        swap(&keys[0], &keys[end - 1]);
        sink_down(object, keys, 0, end - 1);
    }
}

static bool are_twins(const struct pyn_item *x, const struct pyn_item *y)
{
    if (x->wire == PYN_W_STR && y->wire == PYN_W_STR && x->bytes.len != y->bytes.len) {
        return false; /* most are told apart by that */
    }
    return compare_items(x, y) == 0;
}

/* Each with each, which is less than to sort them. */
static bool has_twins_among_few(struct pyn_view object, const size_t *keys, uint32_t count)
{
    struct pyn_item items[FEW];

    for (uint32_t i = 0; i < count; i++) {
        items[i] = item_at(object, keys[i]);
        for (uint32_t k = 0; k < i; k++) {
            if (are_twins(&items[k], &items[i])) {
                return true;
            }
        }
    }
    return false;
}

/* Each is greater than the one before it, as where keys are written in order: then there is nothing to sort. */
static bool are_ascending(struct pyn_view object, const size_t *keys, uint32_t count)
{
    struct pyn_item before = item_at(object, keys[0]);
    bool are = true;

    for (uint32_t i = 1; are && i < count; i++) {
        struct pyn_item item = item_at(object, keys[i]);
        are = compare_items(&before, &item) < 0;
        before = item;
    }
    return are;
}

static bool has_twins(struct pyn_view object, size_t *keys, uint32_t count)
{
    if (count <= FEW) {
        return has_twins_among_few(object, keys, count);
    }
    if (are_ascending(object, keys, count)) {
        return false;
    }
    sort_keys(object, keys, count);
    for (uint32_t i = 1; i < count; i++) {
        if (compare_keys(object, keys[i - 1], keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Counts the object at the walk's place; one that is a key is remembered. Outside of all frames nothing is. */
static void count_item(struct walk *walk)
{
    if (walk->depth == 0) {
        return;
    }
    struct frame *top = &walk->frames[walk->depth - 1];
    if (top->is_map && top->left % 2 == 0) {
        assert(walk->key_count < PYN_KEY_CAP);
        walk->keys[walk->key_count++] = walk->at;
    }
    top->left--;
}

static void push(struct walk *walk, const struct pyn_head *head)
{
    bool is_map = head->wire == PYN_W_MAP;

    assert(walk->depth < PYN_DEPTH_CAP);
    walk->frames[walk->depth++] = (struct frame){head->size << is_map, walk->key_count, is_map};
}

/* Ends every container whose last object has been walked. */
static pyn_status pop_ended(struct walk *walk)
{
    while (walk->depth > 0 && walk->frames[walk->depth - 1].left == 0) {
        const struct frame *top = &walk->frames[walk->depth - 1];
        uint32_t count = walk->key_count - top->base;
        if (count > 1 && has_twins(walk->object, walk->keys + top->base, count)) {
            return PYN_EDUPKEY;
        }
        walk->key_count = top->base;
        walk->depth--;
    }
    return PYN_OK;
}

pyn_status pyn_keys_check(struct pyn_view object, size_t from)
{
    struct walk walk;
    struct pyn_head head;
    pyn_status st = PYN_OK;

    walk.object = object;
    walk.at = from;
    walk.depth = 0;
    walk.key_count = 0;
    while (st == PYN_OK && walk.at < object.len) {
        if (!pyn_head_read(object.data + walk.at, object.len - walk.at, &head)) {
            return PYN_EINTERNAL; /* the scanner has seen the whole of it */
        }
        count_item(&walk);
        walk.at += head.len;
        if (!pyn_head_is_container(&head)) {
            walk.at += head.size;
        } else if (head.size > 0) {
            push(&walk, &head);
        }
        st = pop_ended(&walk);
    }
    return st;
}
