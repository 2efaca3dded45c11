/*
 * scan.h - finds the end of a message in a stream of bytes, under limits, before anything is decoded.
 *
 * A message is one msgpack object and one newline byte (0x0A) behind it. The scanner is resumable: bytes may come in any pieces,
 * and the verdict is the same for every split. What it has accepted is well formed: lengths are inside the message, str is UTF-8,
 * map keys are str or integers and none stands twice (integers by value, whatever their form), depth, elements, keys and ext types are
 * within the limits, a tag stands only as the first item of an array. The object is an array of PYN_PARTS_MAX items at most: what speaks
 * another protocol is PYN_EFORMAT at its first byte.
 *
 * Owns:     nothing on the heap; the state is plain memory and may be copied.
 * Borrows:  limits, for its life; the bytes, only during the call.
 * Units:    bytes.
 * Errors:   class close: final, every later call returns the same status. A length that is announced beyond message_max is PYN_ESIZE at
 *           its header, before its bytes come.
 * Cost:     linear in the bytes, whatever the pieces; duplicate keys are found, when the message is whole, in O(n log n) of the
 *           keys open at once, and no choice of keys makes it worse. A message none of whose maps has two keys pays nothing for it,
 *           another 34 KiB of stack.
 * Threads:  one at a time.
 * Tests:    tests/unit/test_scan.c, test_scan_limits.c, test_scan_keys.c, test_scan_attacks.c, tests/fuzz/fuzz_scan.c
 */
#ifndef PYN_SCAN_H
#define PYN_SCAN_H

#include "limits.h"
#include "status.h"
#include "view.h"

/* An array or a map whose items are still coming. */
struct pyn_scan_open {
    uint32_t left;  /* objects that are still to come; in a map a key is next when it is even */
    uint32_t items; /* objects in all */
    bool is_map;
};

/* How far a message has been accepted: at + pending + spare is message_max. */
struct pyn_scan_place {
    size_t at;        /* start of the first object that has not been accepted */
    size_t pending;   /* objects that were announced and have not come: each is a byte at least */
    size_t spare;     /* bytes that nothing has asked for */
    size_t elements;  /* objects that may still be announced */
    size_t first_map; /* start of the first map of two keys or more; 0: there is none yet */
    uint32_t keys;    /* keys that may still be announced, of maps that are open at once */
    uint32_t depth;   /* containers that are open */
    bool has_promise; /* one has come */
    bool is_wide;     /* a text was not ASCII */
    size_t text_len;  /* bytes of the text at that are there and valid */
};

/* For the scanner alone. */
struct pyn_scan {
    const struct pyn_limits *limits;
    pyn_status end; /* PYN_OK, or the status that closed it */
    bool is_whole;  /* the object is whole and accepted, its newline is awaited */
    bool is_narrow; /* every text is ASCII in the message that was accepted last */
    bool has_promise; /* a PYN_EXT_PROMISE stands in the message that was accepted last: whoever takes it has to ask whether it may */
    struct pyn_scan_place place;
    struct pyn_scan_open open[1 + PYN_DEPTH_CAP]; /* at the bottom the stream, as if it were an array of the one message */
};

/* After PYN_EWAIT: is it the bytes of a str or a bin that are awaited? *at: where in the message they begin. */
bool pyn_scan_awaits(const struct pyn_scan *scan, struct pyn_view message, bool *is_text, size_t *at);

void pyn_scan_init(struct pyn_scan *scan, const struct pyn_limits *limits);
/* Other limits: what is counted holds from the next message on. */
void pyn_scan_retune(struct pyn_scan *scan, const struct pyn_limits *limits);

/* The message that begins now may have so many bytes at most, as well; nothing if it has begun. */
void pyn_scan_cap(struct pyn_scan *scan, size_t message_max);

/*
 * message: every byte held so far of the current message, its first byte first (so at a later call the same bytes and more behind them).
 * PYN_OK:    *len is the length of the object; the newline stands at message.data[*len]. The scanner is ready for the next one.
 * PYN_EWAIT: more bytes are needed; *need is how many more at least are missing to make any progress worth a read (>= 1). The
 *            message and they are never more than message_max and the newline: a buffer of that size will do.
 * The limits are 1 at least; a message_max or an element_max of 0 lets nothing in.
 */
pyn_status pyn_scan_feed(struct pyn_scan *scan, struct pyn_view message, size_t *len, size_t *need);

#endif
