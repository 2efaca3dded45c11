/*
 * head.h - the first bytes of a msgpack object: what it is, and how long. The one place that knows their layout, but for the shortest forms (reader.h).
 *
 * Private to src/wire: the scanner and the reader stand on it.
 */
#ifndef PYN_HEAD_H
#define PYN_HEAD_H

#include "bigend.h"
#include "reader.h"

struct pyn_head {
    enum pyn_wire wire; /* an integer of a signed form is PYN_W_NINT, whatever its value */
    uint32_t len;       /* bytes of the head: the first one, the length, the ext code */
    uint32_t size;      /* bytes behind the head; items of an array, pairs of a map */
    int8_t code;        /* PYN_W_EXT */
};

/* What the first byte tells. */
struct pyn_form {
    uint8_t wire;
    uint8_t len;   /* of the head */
    uint8_t width; /* of the length field, 0: there is none */
    uint8_t size;  /* without a length field: what stands behind the head */
};

extern const struct pyn_form pyn_forms[256];

/* left >= 1. False when the head is cut short: then only wire and len are set. */
static inline bool pyn_head_read(const uint8_t *p, size_t left, struct pyn_head *head)
{
    struct pyn_form form = pyn_forms[p[0]];

    head->wire = (enum pyn_wire)form.wire;
    head->len = form.len;
    head->size = form.size;
    head->code = 0;
    if (left < form.len) {
        return false;
    }
    if (form.width != 0) {
        head->size = (uint32_t)pyn_be_uint(p + 1, form.width);
    }
    if (form.wire == PYN_W_EXT) {
        head->code = (int8_t)((p[form.len - 1] ^ 0x80) - 0x80);
    }
    return true;
}

static inline bool pyn_head_is_container(const struct pyn_head *head)
{
    return head->wire == PYN_W_ARRAY || head->wire == PYN_W_MAP;
}

/* Steps over so many objects, each with all that is inside it; the reader stays where it is when they are not all there. In reader.c. */
pyn_status pyn_reader_skip_many(struct pyn_reader *rd, uint64_t count);

#endif
