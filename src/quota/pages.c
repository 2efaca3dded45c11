/* pages.c - see pages.h: spans are halves of greater ones, and become one again when both are free. */
#include "pages.h"

#include <assert.h>
#include <string.h>

void pyn_pages_init(struct pyn_pages *pages, uint8_t *base, struct pyn_span *table, size_t count, size_t warm_max,
                    const struct pyn_page_source *source)
{
    assert(count > 0 && (count & (count - 1)) == 0 && pyn_pages_order(count) < PYN_ORDERS);
    memset(pages, 0, sizeof *pages);
    pages->base = base;
    pages->table = table;
    pages->count = count;
    pages->size = count << PYN_PAGE_SHIFT;
    pages->warm_max = warm_max;
    pages->source = *source;
}

unsigned pyn_pages_order(size_t count)
{
    unsigned order = 0;

    while (order < PYN_ORDERS && ((size_t)1 << order) < count) {
        order++;
    }
    return order;
}

/* ---- lists ---- */

static void enter(struct pyn_span **list, struct pyn_span *span, enum pyn_page_state state)
{
    span->state = (uint8_t)state;
    span->before = NULL;
    span->next = *list;
    if (*list != NULL) {
        (*list)->before = span;
    }
    *list = span;
}

static void leave(struct pyn_span **list, struct pyn_span *span)
{
    if (span->before != NULL) {
        span->before->next = span->next;
    } else {
        *list = span->next;
    }
    if (span->next != NULL) {
        span->next->before = span->before;
    }
    span->state = PYN_PAGE_INNER;
}

static void uncount_kept(struct pyn_pages *pages, const struct pyn_span *span)
{
    pages->warm -= span->touched;
    pages->kept_pages[span->order] -= span->touched;
}

/* ---- halves ---- */

/* The other half of the span of the next order, when that is free as a whole; else NULL. */
static struct pyn_span *free_half(struct pyn_pages *pages, size_t index, unsigned order)
{
    size_t half = index ^ ((size_t)1 << order);
    struct pyn_span *span = NULL;

    if (half + ((size_t)1 << order) > pages->ready) {
        return NULL;
    }
    span = &pages->table[half];
    return span->state == PYN_PAGE_FREE && span->order == order ? span : NULL;
}

/* A span that belongs to nobody stands in the lists, with its other half if that does. touched: pages of it that are to be released some day. */
static void put_free(struct pyn_pages *pages, size_t index, unsigned order, uint32_t touched)
{
    struct pyn_span *half = NULL;
    struct pyn_span *span = NULL;

    while ((half = free_half(pages, index, order)) != NULL) {
        leave(&pages->free[order], half);
        touched += half->touched;
        index &= ~((size_t)1 << order);
        order++;
    }
    span = &pages->table[index];
    span->order = (uint8_t)order;
    span->touched = touched;
    enter(&pages->free[order], span, PYN_PAGE_FREE);
}

/* More of the range becomes usable: as much as the order needs, and not less than a chunk. */
static bool grow(struct pyn_pages *pages, unsigned order)
{
    unsigned chunk = order > PYN_CHUNK_ORDER ? order : PYN_CHUNK_ORDER;
    size_t size = (size_t)1 << chunk;
    size_t from = pages->ready;
    size_t start = 0;

    if (size > pages->count) {
        chunk = order;
        size = (size_t)1 << order;
    }
    start = (from + size - 1) & ~(size - 1);
    if (start >= pages->count || size > pages->count - start ||
        !pages->source.commit(pages->source.ctx, from, start + size - from)) {
        return false;
    }
    while (from < start) { /* what lies between, in spans as large as they may stand there */
        unsigned fits = 0;
        while ((from & ((size_t)1 << fits)) == 0) {
            fits++;
        }
        pages->ready = from + ((size_t)1 << fits);
        put_free(pages, from, fits, 0);
        from = pages->ready;
    }
    pages->ready = start + size;
    put_free(pages, start, chunk, 0);
    return true;
}

/* ---- taking ---- */

/* Cuts a free span down; what is cut off is free. */
static struct pyn_span *split(struct pyn_pages *pages, unsigned from, unsigned order)
{
    struct pyn_span *span = pages->free[from];
    size_t index = pyn_pages_index(pages, span);

    leave(&pages->free[from], span);
    while (from > order) {
        struct pyn_span *half = NULL;
        from--;
        half = &pages->table[index + ((size_t)1 << from)];
        half->order = (uint8_t)from;
        half->touched = 0;
        enter(&pages->free[from], half, PYN_PAGE_FREE);
    }
    span->order = (uint8_t)order;
    span->touched = 0;
    return span;
}

static struct pyn_span *take_free(struct pyn_pages *pages, unsigned order)
{
    for (unsigned from = order; from < PYN_ORDERS; from++) {
        if (pages->free[from] != NULL) {
            return split(pages, from, order);
        }
    }
    return NULL;
}

struct pyn_span *pyn_pages_take(struct pyn_pages *pages, unsigned order)
{
    struct pyn_span *span = NULL;

    if (order >= PYN_ORDERS || ((size_t)1 << order) > pages->count) {
        return NULL;
    }
    span = pages->kept[order];
    if (span != NULL) {
        leave(&pages->kept[order], span);
        uncount_kept(pages, span);
    } else {
        span = take_free(pages, order);
    }
    if (span == NULL && grow(pages, order)) {
        span = take_free(pages, order);
    }
    if (span == NULL && pages->warm > 0) { /* the last that there is */
        pyn_pages_cool(pages);
        span = take_free(pages, order);
    }
    if (span != NULL) {
        span->state = PYN_PAGE_TAKEN;
        span->back = 0;
        span->next = span->before = NULL;
    }
    return span;
}

/* ---- giving ---- */

/* Of another size than what was given last, which is most likely what is needed next; the most that there are of one. */
static unsigned least_wanted(const struct pyn_pages *pages, unsigned wanted)
{
    unsigned found = wanted;

    for (unsigned order = 0; order < PYN_ORDERS; order++) {
        if (order != wanted && pages->kept_pages[order] > 0 &&
            (found == wanted || pages->kept_pages[order] > pages->kept_pages[found])) {
            found = order;
        }
    }
    return found;
}

/* Those that were kept last go first: they stand together, most likely. */
static void unkeep(struct pyn_pages *pages, size_t most, unsigned wanted)
{
    while (pages->warm > most) {
        unsigned order = least_wanted(pages, wanted);
        while (pages->kept[order] != NULL && pages->warm > most) {
            struct pyn_span *span = pages->kept[order];
            uncount_kept(pages, span);
            leave(&pages->kept[order], span);
            put_free(pages, pyn_pages_index(pages, span), order, span->touched);
        }
    }
}

static void cool(struct pyn_pages *pages, size_t most, unsigned wanted)
{
    unkeep(pages, most, wanted);
    for (unsigned order = 0; order < PYN_ORDERS;
         order++) { /* neighbours are released as one; they stand first in the lists */
        for (struct pyn_span *span = pages->free[order]; span != NULL && span->touched > 0; span = span->next) {
            pages->source.release(pages->source.ctx, pyn_pages_index(pages, span), (size_t)1 << order);
            span->touched = 0;
        }
    }
}

void pyn_pages_cool(struct pyn_pages *pages)
{
    cool(pages, 0, 0);
}

void pyn_pages_give(struct pyn_pages *pages, struct pyn_span *span)
{
    unsigned order = span->order;

    assert(span->state == PYN_PAGE_TAKEN && span->touched <= ((size_t)1 << order));
    span->owner = NULL;
    if (span->touched > pages->warm_max / 4) {
        pyn_pages_shorten(pages, span, 0);
    }
    if (span->touched == 0) {
        span->state = PYN_PAGE_INNER;
        put_free(pages, pyn_pages_index(pages, span), order, 0);
        return;
    }
    pages->warm += span->touched;
    pages->kept_pages[order] += span->touched;
    enter(&pages->kept[order], span, PYN_PAGE_WARM);
    if (pages->warm > pages->warm_max + PYN_PAGES_SLACK) {
        cool(pages, pages->warm_max, order);
    }
}

void pyn_pages_shorten(struct pyn_pages *pages, struct pyn_span *span, uint32_t count)
{
    if (span->touched > count) {
        pages->source.release(pages->source.ctx, pyn_pages_index(pages, span) + count, span->touched - count);
        span->touched = count;
    }
}
