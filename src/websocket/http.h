/*
 * http.h - the head of an HTTP/1.1 message as a list of fields: strict, bounded, and only what an upgrade needs.
 *
 * Owns:     nothing. Names and values are views of the head's bytes.
 * Units:    bytes; a head is PYN_HEAD_MAX of them at most, its empty line included.
 * Errors:   PYN_EWAIT: its empty line has not come yet. PYN_EFORMAT: no head. PYN_ESIZE: too long, or too many fields.
 * Threads:  any.
 * Tests:    tests/unit/test_websocket_upgrade.c, tests/fuzz/fuzz_websocket.c
 */
#ifndef PYN_HTTP_H
#define PYN_HTTP_H

#include "../wire/status.h"
#include "../wire/view.h"

enum { PYN_HEAD_MAX = 8192, PYN_FIELDS_MAX = 64 };

struct pyn_http_field {
    struct pyn_view name;  /* as it was written: compare with pyn_http_is() */
    struct pyn_view value; /* without the blanks around it */
};

struct pyn_http_head {
    struct pyn_view line; /* the request or status line */
    struct pyn_http_field fields[PYN_FIELDS_MAX];
    size_t count;
};

/*
 * Looks whether the head that begins at bytes is whole; looked: how many of the bytes an earlier call has seen, 0 at first. PYN_OK: *len is its
 * length. Lines end with CR LF, and nothing but printable ASCII, blanks and tabs stands in them; the first bad byte is refused when it comes.
 */
pyn_status pyn_http_find_end(struct pyn_view bytes, size_t looked, size_t *len);

/* A whole head. No folded lines, no blanks ahead of a colon, no empty name. */
pyn_status pyn_http_parse(struct pyn_view head, struct pyn_http_head *out);

/* Is it this text, letters of either case counting as one? */
bool pyn_http_is(struct pyn_view text, const char *wanted);

/* How many fields have this name; *value is that of the last. */
size_t pyn_http_find(const struct pyn_http_head *head, const char *name, struct pyn_view *value);

/* Is one of the elements of a list, which commas divide, this token? */
bool pyn_http_list_has(struct pyn_view list, const char *token);

#endif
