/*
 * freight.h - messages that go out in parts: a second stream behind the first, and the part of it that goes next.
 *
 * A large message stands here as a whole, and one part of it at a time is let into the first stream: a head, a window on the bytes, a newline. What is
 * said meanwhile in the first stream goes behind that part and ahead of the next. Lanes keep their order: what belongs to a lane of which something stands
 * here comes here as well.
 *
 * Owns:    its bytes, its loans, and a note for each message. A part needs no memory, so that it cannot fail.
 * Units:   bytes. Heads and newlines of parts are charged to nobody.
 * Tests:   tests/unit/test_freight.c, tests/fuzz/fuzz_session.c
 */
#ifndef PYN_FREIGHT_H
#define PYN_FREIGHT_H

#include "outlet.h"

enum {
    PYN_FREIGHT_PART = 1 << 20, /* bytes of a part that we send; a message that has hardly more goes in one piece */
    PYN_FREIGHT_PART_LEAST = 64 * 1024, /* a peer that takes less than this in a part is sent none */
    PYN_FREIGHT_HEAD_MAX = 7,
};

/* One message, with the lane message ahead of it. */
struct pyn_crate {
    struct pyn_crate *next;
    uint64_t lane;
    size_t left; /* bytes that are in no part yet */
};

struct pyn_freight {
    struct pyn_outlet out;
    struct pyn_crate *first;
    struct pyn_crate *last;
    /* the part that goes next */
    bool is_packed;
    size_t ahead; /* bytes of the first stream that go ahead of it */
    size_t left;  /* bytes of the second stream that it still carries */
    uint8_t head[PYN_FREIGHT_HEAD_MAX];
    uint8_t head_len;
    uint8_t head_at;
    /* what has to wait for the crates */
    bool has_names; /* something of the peer's may be named by a value in them: no free may overtake */
    bool has_target;
    uint64_t target; /* what they call */
    bool holds_all;  /* nothing that belongs to a lane may overtake */
};

/* Bytes that are still to be written of it, heads and newlines that are begun among them. */
size_t pyn_freight_len(const struct pyn_freight *freight, bool is_over);
/* Of these, heads and newlines. */
size_t pyn_freight_overhead(const struct pyn_freight *freight);

/* Bytes of messages behind the one that is on its way. */
size_t pyn_freight_behind(const struct pyn_freight *freight);

bool pyn_freight_has_lane(const struct pyn_freight *freight, uint64_t lane);

/* The next part of so many bytes, behind what stands in the first stream. Nothing if there is one, or nothing is left. */
void pyn_freight_pack(struct pyn_freight *freight, const struct pyn_outlet *first, size_t part,
                      const struct pyn_mem *mem);

/* As of an outlet: from the first stream up to the part, and the part. */
size_t pyn_freight_pieces(const struct pyn_freight *freight, const struct pyn_outlet *first, struct pyn_view *pieces,
                          size_t max);
/* At most len of these bytes were written: how many it was; *charged: those of them that somebody was charged with. */
size_t pyn_freight_pass(struct pyn_freight *freight, struct pyn_outlet *first, size_t len, size_t *charged);

/* A message stands at the end, so many bytes of its own from at on: what may not overtake it. */
void pyn_freight_note(struct pyn_freight *freight, size_t at);

/* No part is begun any more: the last word may be near. */
void pyn_freight_stop(struct pyn_freight *freight);

/* Nothing of it will be written any more. False: a part is cut, and nothing else may be. */
bool pyn_freight_drop(struct pyn_freight *freight, const struct pyn_mem *mem);

#endif
