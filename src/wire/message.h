/*
 * message.h - the grammar of messages: a table of kinds, and a message's parts as views.
 *
 * An array of four is a call: [reference, name, args, kwargs]. Every other message is an array of another length that starts with its
 * kind, a negative number. What is not in the table is PYN_EFORMAT.
 *
 * Borrows: a parsed message's views point into the bytes that were parsed.
 * Tests:   tests/unit/test_message.c
 */
#ifndef PYN_MESSAGE_H
#define PYN_MESSAGE_H

#include "buf.h"
#include "details.h"
#include "limits.h"
#include "reader.h"

enum pyn_kind {
    PYN_M_CALL = 0,    /* [reference, name, args, kwargs]                                          */
    PYN_M_RETURN = -1, /* [-1, value]                                                              */
    PYN_M_ERROR = -2, /* [-2, [type, text, traceback or nil, incident or nil]], with details behind it when there are any */
    PYN_M_FREE = -3,     /* [-3, id, count]                                                          */
    PYN_M_LANE = -4,     /* [-4, lane]                                                               */
    PYN_M_DESCRIBE = -5, /* [-5, interface, {the part of a policy that defines it}]                  */
    PYN_M_CANCEL = -6,   /* [-6]                                                                     */
    PYN_M_GOODBYE = -7,  /* [-7, code, reason]                                                       */
    PYN_M_HELLO = -8,    /* [-8, "pynto", version, root's name or nil, {limits of the sender}]       */
    PYN_M_PING = -9,     /* [-9, token]                                                              */
    PYN_M_PONG = -10,    /* [-10, token]                                                             */
    PYN_M_ASK = -11,     /* [-11, reference, name, args, kwargs, {options}]: a call with options      */
    PYN_M_BATCH = -12,   /* [-12, [step, ...], {options}]; a step is a call that may name the results of earlier ones */
    PYN_M_ITEMS = -13,   /* [-13, [value, ...]]: what an iterator gave, ahead of the answer to an ask */
    PYN_M_STALE = -14,   /* [-14, reference, name or nil]: what was answered for it is not true any more */
    PYN_M_LOOK = -15,    /* [-15, interface, name]: how is the interface described that a result of this one names? */
    PYN_M_PART = -16, /* [-16, bytes]: the next bytes of its sender's second stream of messages                            */
};

/* A part is told from everything else by its first two bytes, and has no other form: pyn_message_parse() takes none. */
enum {
    PYN_PART_HEAD_0 = 0x92,
    PYN_PART_HEAD_1 = 0xf0,
};

enum { PYN_VERSION = 1 };

struct pyn_message {
    enum pyn_kind kind;
    bool is_known_ref; /* CALL: false when the reference is an integer that no id can be (negative): refused, as an unknown one is */
    uint64_t id; /* CALL, FREE, STALE: reference; LANE: lane; DESCRIBE, LOOK: interface; GOODBYE: code; HELLO: version; PING, PONG: token */
    uint64_t count;            /* FREE, >= 1; BATCH: steps; ITEMS: values, >= 1 */
    uint32_t ahead;            /* ASK: how many results of an iterator are taken at once; 0 when it does not say */
    bool has_within;           /* ASK, BATCH: it says how long it may take */
    uint64_t within_us;        /* so many microseconds, from its arrival on */
    bool is_oneway;            /* ASK: no answer is wanted */
    struct pyn_view name;      /* CALL, ASK, LOOK, STALE: name; GOODBYE: reason; HELLO: root's name; ERROR: type */
    bool has_name;             /* HELLO, STALE: false when it is nil */
    struct pyn_view text;      /* ERROR: text */
    struct pyn_view traceback; /* ERROR, empty when nil */
    struct pyn_view incident;  /* ERROR, empty when nil */
    struct pyn_view body; /* CALL, ASK: args and kwargs, two objects; RETURN: the value; DESCRIBE, HELLO: the map; ERROR: its details, or empty; BATCH: the steps, one behind the other; ITEMS: the values, likewise */
    struct pyn_place *places; /* BATCH: of its steps, when there was room for them; borrowed */
};

/* Where a step of a batch stands among the steps' bytes, so that it is read once. */
struct pyn_place {
    uint64_t id;
    size_t from;
    size_t name;
    size_t body;
    size_t end;
    uint32_t name_len;
    bool is_known_ref;
    bool is_on_promise;
    bool has_promises;
};

/* A step of a batch: a call whose reference, and whatever stands in its arguments, may be a promise. */
struct pyn_step {
    struct pyn_message call; /* id is that of the step whose result is called, when is_on_promise */
    bool is_on_promise;      /* the reference is a promise */
    bool has_promises;       /* it, or something among the arguments */
    struct pyn_view whole;   /* its bytes */
};

/* object: one whole msgpack object that the scanner has accepted. A reference or a count out of uint64 never parses. */
pyn_status pyn_message_parse(struct pyn_view object, struct pyn_message *out);
/* The same, with room for the places of a batch's steps. */
pyn_status pyn_message_parse_noting(struct pyn_view object, struct pyn_place places[PYN_STEPS_MAX],
                                    struct pyn_message *out);

/*
 * The next step of a batch that was parsed. index: its place, from 0. PYN_EEXT: it names a step that is not ahead of it; both this and PYN_EFORMAT are
 * found by pyn_message_parse() already.
 */
pyn_status pyn_message_step(struct pyn_reader *steps, uint32_t index, struct pyn_step *out);
/* The same of a batch whose places were noted, without reading it again. index < its count. */
void pyn_message_noted_step(const struct pyn_message *batch, uint32_t index, struct pyn_step *out);

/* Each appends one whole message with its newline; on failure the buffer is as before. PYN_EINTERNAL: numbers that no peer would take. */
pyn_status pyn_message_free(struct pyn_buf *buf, uint64_t id, uint64_t count);
pyn_status pyn_message_lane(struct pyn_buf *buf, uint64_t lane);
pyn_status pyn_message_cancel(struct pyn_buf *buf);
pyn_status pyn_message_look(struct pyn_buf *buf, uint32_t interface, struct pyn_view name);
pyn_status pyn_message_goodbye(struct pyn_buf *buf, uint32_t code, const char *reason);
pyn_status pyn_message_ping(struct pyn_buf *buf, enum pyn_kind ping_or_pong, uint64_t token);
/* An empty name is written as nil. PYN_EMISFIT: one that is longer than PYN_NAME_MAX. */
pyn_status pyn_message_stale(struct pyn_buf *buf, uint64_t id, struct pyn_view name);
/* An empty traceback or incident is written as nil. Texts must be UTF-8; PYN_EMISFIT when the type has not 1 to PYN_NAME_MAX bytes.
 * details: a packed map, as details.h has it, or empty. */
pyn_status pyn_message_error(struct pyn_buf *buf, const struct pyn_error_head *head, struct pyn_view details);
/* limits may be NULL: an empty map. Its keys: "message", "depth", "elements", "references". */
pyn_status pyn_message_hello(struct pyn_buf *buf, const struct pyn_view *root_name, const struct pyn_limits *limits,
                             uint64_t references);

#endif
