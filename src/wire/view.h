/*
 * view.h - bytes that somebody else owns.
 *
 * Borrows: a view is good as long as the buffer that it points into is left alone; each function that
 *          hands one out says how long that is. An empty view may have a NULL pointer.
 */
#ifndef PYN_VIEW_H
#define PYN_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pyn_view {
    const uint8_t *data;
    size_t len;
};

static inline struct pyn_view pyn_view_of(const char *text)
{
    return (struct pyn_view){(const uint8_t *)text, strlen(text)};
}

static inline bool pyn_view_is_equal(struct pyn_view a, struct pyn_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* By bytes, which for UTF-8 is by code point: the order of every sorted table in the project. */
static inline int pyn_view_compare(struct pyn_view a, struct pyn_view b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n == 0 ? 0 : memcmp(a.data, b.data, n);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

#endif
