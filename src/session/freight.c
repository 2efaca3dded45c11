/* freight.c - see freight.h. */
#include "freight.h"

#include <assert.h>

#include "../wire/ext.h"
#include "../wire/message.h"

static const uint8_t newline[] = {'\n'};

/* ---- looking ---- */

size_t pyn_freight_overhead(const struct pyn_freight *freight)
{
    return freight->is_packed ? (size_t)(freight->head_len - freight->head_at) + sizeof newline : 0;
}

size_t pyn_freight_len(const struct pyn_freight *freight, bool is_over)
{
    if (is_over) { /* no further part will go */
        return freight->is_packed ? freight->left + pyn_freight_overhead(freight) : 0;
    }
    return pyn_outlet_len(&freight->out) + pyn_freight_overhead(freight);
}

size_t pyn_freight_behind(const struct pyn_freight *freight)
{
    const size_t part = freight->is_packed ? freight->left : 0;

    return pyn_outlet_len(&freight->out) - part - (freight->first != NULL ? freight->first->left : 0);
}

bool pyn_freight_has_lane(const struct pyn_freight *freight, uint64_t lane)
{
    for (const struct pyn_crate *crate = freight->first; crate != NULL; crate = crate->next) {
        if (crate->lane == lane) {
            return true;
        }
    }
    return false;
}

/* ---- what may not overtake ---- */

/* Could a reference of the peer's stand in these bytes? Some bytes look like one and are none. */
static bool may_name(struct pyn_view bytes)
{
    const uint8_t *at = bytes.data;
    const uint8_t *end = bytes.data + bytes.len;

    while (at < end && (at = memchr(at, 0xd7, (size_t)(end - at))) != NULL) {
        at++;
        if (at < end && *at == PYN_EXT_YOURS) {
            return true;
        }
    }
    return false;
}

/* Whose operation is called, when it is one. False: there are several, or none of ours could tell. */
static bool find_target(struct pyn_view bytes, bool *has_target, uint64_t *target)
{
    struct pyn_reader rd = pyn_reader_of(bytes);
    uint32_t count = 0;
    int64_t kind = 0;

    *has_target = false;
    if (pyn_reader_array(&rd, &count) != PYN_OK) {
        return false;
    }
    if (count != 4) {
        if (pyn_reader_int(&rd, &kind) != PYN_OK || kind == PYN_M_BATCH) {
            return false;
        }
        if (kind != PYN_M_ASK) {
            return true; /* an answer, or a cancel */
        }
    }
    *has_target = pyn_reader_uint(&rd, target) == PYN_OK;
    return *has_target;
}

void pyn_freight_note(struct pyn_freight *freight, size_t at)
{
    struct pyn_view bytes = pyn_buf_view(&freight->out.buf);
    bool has_target = false;
    uint64_t target = 0;

    assert(at <= bytes.len);
    bytes.data += at;
    bytes.len -= at;
    if (may_name(bytes) || !find_target(bytes, &has_target, &target) ||
        (has_target && freight->has_target && target != freight->target)) {
        freight->has_names = true;
    } else if (has_target) {
        freight->has_target = true;
        freight->target = target;
    }
}

/* ---- a part ---- */

/* The crate is in parts as a whole. What may not overtake it is behind these by its place. */
static void let_go(struct pyn_freight *freight, const struct pyn_mem *mem)
{
    struct pyn_crate *crate = freight->first;

    freight->first = crate->next;
    pyn_mem_free(mem, crate);
    if (freight->first == NULL) {
        freight->last = NULL;
        freight->has_names = freight->has_target = freight->holds_all = false;
    }
}

/* [-16, bin], up to the bytes. */
static void write_head(struct pyn_freight *freight, size_t len)
{
    const size_t width = len <= UINT8_MAX ? 1 : len <= UINT16_MAX ? 2 : 4;

    freight->head[0] = PYN_PART_HEAD_0;
    freight->head[1] = PYN_PART_HEAD_1;
    freight->head[2] = width == 1 ? 0xc4 : width == 2 ? 0xc5 : 0xc6;
    for (size_t i = 0; i < width; i++) {
        freight->head[3 + i] = (uint8_t)(len >> 8 * (width - 1 - i));
    }
    freight->head_len = (uint8_t)(3 + width);
    freight->head_at = 0;
}

void pyn_freight_pack(struct pyn_freight *freight, const struct pyn_outlet *first, size_t part, const struct pyn_mem *mem)
{
    struct pyn_crate *crate = freight->first;

    if (freight->is_packed || crate == NULL) {
        return;
    }
    part = part < crate->left ? part : crate->left;
    freight->is_packed = true;
    freight->ahead = pyn_outlet_len(first);
    freight->left = part;
    write_head(freight, part);
    crate->left -= part;
    if (crate->left == 0) {
        let_go(freight, mem);
    }
}

static size_t len_of(const struct pyn_view *pieces, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        len += pieces[i].len;
    }
    return len;
}

size_t pyn_freight_pieces(const struct pyn_freight *freight, const struct pyn_outlet *first, struct pyn_view *pieces,
                          size_t max)
{
    size_t count = pyn_outlet_pieces_of(first, freight->ahead, pieces, max);
    size_t from = 0;

    if (len_of(pieces, count) == freight->ahead && count < max && freight->head_at < freight->head_len) {
        pieces[count++] = (struct pyn_view){freight->head + freight->head_at,
                                            (size_t)(freight->head_len - freight->head_at)};
    }
    if (len_of(pieces, count) != freight->ahead + (size_t)(freight->head_len - freight->head_at)) {
        return count;
    }
    from = count;
    count += pyn_outlet_pieces_of(&freight->out, freight->left, pieces + count, max - count);
    if (len_of(pieces + from, count - from) == freight->left && count < max) {
        pieces[count++] = (struct pyn_view){newline, sizeof newline};
    }
    return count;
}

size_t pyn_freight_pass(struct pyn_freight *freight, struct pyn_outlet *first, size_t len, size_t *charged)
{
    const size_t head = (size_t)(freight->head_len - freight->head_at);

    *charged = 0;
    if (freight->ahead > 0) {
        *charged = pyn_outlet_pass(first, len < freight->ahead ? len : freight->ahead);
        freight->ahead -= *charged;
        return *charged;
    }
    if (head > 0) {
        len = len < head ? len : head;
        freight->head_at = (uint8_t)(freight->head_at + len);
        return len;
    }
    if (freight->left > 0) {
        *charged = pyn_outlet_pass(&freight->out, len < freight->left ? len : freight->left);
        freight->left -= *charged;
        return *charged;
    }
    freight->is_packed = false;
    return sizeof newline;
}

/* ---- its end ---- */

void pyn_freight_stop(struct pyn_freight *freight)
{
    if (freight->is_packed && freight->head_at == 0) {
        freight->is_packed = false;
    }
}

bool pyn_freight_drop(struct pyn_freight *freight, const struct pyn_mem *mem)
{
    const bool is_whole = !freight->is_packed || freight->head_at == 0;

    while (freight->first != NULL) {
        let_go(freight, mem);
    }
    freight->is_packed = false;
    pyn_buf_fini(&freight->out.buf);
    if (freight->out.loans != NULL) {
        pyn_loans_return_all(freight->out.loans);
    }
    return is_whole;
}
