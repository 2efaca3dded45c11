/*
 * details.h - what may stand behind the parts of an error: a map with a closed set of keys, each of one shape.
 *
 *     "value"   any object: what an iteration that has ended gives
 *     "fields"  {name: object}: the fields of an exception, 1 to PYN_FIELD_MAX
 *     "causes"  [[type, text, incident or nil], ...]: what it came from, the nearest first, 1 to PYN_CAUSE_MAX
 *     "errors"  [[[type, text, traceback or nil, incident or nil], details], ...]: the members of a group, without "value"; at most
 *               PYN_MEMBER_MAX in all, and PYN_GROUP_DEPTH_MAX groups inside of each other
 *     "yours"   true: it is the exception that the receiver has sent along with its call
 *     "beyond"  true: it comes from somebody behind the sender, for whom the sender has waited
 *
 * What the values are worth is not asked here.
 * Borrows: views point into the bytes that were parsed.
 * Errors:  PYN_EFORMAT.
 * Tests:   tests/unit/test_message.c
 */
#ifndef PYN_DETAILS_H
#define PYN_DETAILS_H

#include "limits.h"
#include "reader.h"

enum { PYN_FIELD_MAX = 64, PYN_CAUSE_MAX = 8, PYN_MEMBER_MAX = 64, PYN_GROUP_DEPTH_MAX = 4 };

/* A container that was looked through, to be read once more: count objects (or pairs) from rest on. */
struct pyn_run {
    uint32_t count;
    struct pyn_view rest;
};

struct pyn_details {
    struct pyn_view value; /* empty: there is none */
    struct pyn_run fields;
    struct pyn_run causes;
    struct pyn_run errors;
    bool is_yours;
    bool is_beyond;
};

/* [type, text, traceback, incident]; text and the last two may be empty. */
struct pyn_error_head {
    struct pyn_view type;
    struct pyn_view text;
    struct pyn_view traceback;
    struct pyn_view incident;
};

pyn_status pyn_error_head_read(struct pyn_reader *rd, struct pyn_error_head *out);
pyn_status pyn_cause_read(struct pyn_reader *rd, struct pyn_error_head *out);

/* What is asked of the value of each field, those of members among them: value() leaves the reader behind it. */
struct pyn_field_visit {
    pyn_status (*value)(void *ctx, struct pyn_reader *rd);
    void *ctx;
};

/* Reads one map of details, which stands on the outside. visit: NULL: whatever the fields are. Its status is passed on. */
pyn_status pyn_details_read(struct pyn_reader *rd, const struct pyn_field_visit *visit, struct pyn_details *out);

/* The details of a refusal that is over when so many seconds have passed: {"fields": {"retry_after": seconds}}. */
enum { PYN_RETRY_LEN = 30 };
void pyn_details_retry(double seconds, uint8_t out[PYN_RETRY_LEN]);

/* One member of a group: its head, and its details as they stand. */
pyn_status pyn_member_read(struct pyn_reader *rd, struct pyn_error_head *head, struct pyn_details *out);

#endif
