/*
 * session_state.h - what a session is made of, and what its rooms ask of each other.
 *
 * session.c    its life            input.c       bytes to messages, and each to the room that it is for
 * hello.c      the beginning       output.c      messages to bytes, frees ahead of them; the end
 * calls.c      the peer's calls    serving.c     their answers, and whose turn is next
 * answers.c    our calls           references.c  exports, imports, what is given back
 * items.c      results that come ahead of an answer
 * parts.c      messages that come in parts
 * describe.c   interfaces by number steps.c   calls that came in one message
 * recall.c     answers that are kept, and what makes them untrue
 *
 * A room returns PYN_OK, PYN_EWAIT, or why the connection is over: input.c then ends it. What the host calls ends it by itself.
 */
#ifndef PYN_SESSION_STATE_H
#define PYN_SESSION_STATE_H

#include "../wire/pack.h"
#include "../wire/scan.h"
#include "batch.h"
#include "cache.h"
#include "exports.h"
#include "freight.h"
#include "imports.h"
#include "lanes.h"
#include "loans.h"
#include "pool.h"
#include "session.h"
#include "turn.h"

enum pyn_phase {
    PYN_PHASE_HELLO = 0, /* the peer's hello is due */
    PYN_PHASE_WELCOME,   /* ours is */
    PYN_PHASE_READY,
};

enum { PYN_SMALL_BLOCK = 512 }; /* of a call or an answer, with its copy */

/* A stream of messages that comes in. */
struct pyn_intake {
    struct pyn_buf buf;
    struct pyn_scan *scan; /* owned; NULL: nothing has come since it rested */
    size_t whole;          /* bytes of a message that was scanned and not taken yet, with its newline */
    size_t missing;        /* bytes that the message which is coming still lacks, as far as it has said */
    size_t taken;          /* bytes of a message that an event still looks at */
    uint64_t begun_at;     /* when the message that is coming was first found unfinished; 0: none is */
    bool is_too_fast;      /* the message at the front is beyond the bytes that may come in a second */
    bool has_lane;         /* the message before it was a lane */
    uint64_t lane;
};

/* The second stream of a peer, which comes in parts: messages of the first stream. */
struct pyn_parts {
    struct pyn_intake in;
    size_t left;    /* bytes of the part that is coming which have not come */
    size_t len;     /* of that part, or the one that came last */
    bool is_open;   /* its newline has not come */
    bool is_fresh;  /* it has come, and was not looked at to its end */
    bool has_ended; /* a message has, in it */
    bool is_amid;   /* its last message is not whole */
};

struct pyn_session {
    const struct pyn_mem *mem;
    const struct pyn_quotas *quotas;
    const struct pyn_large *large;
    const uint32_t *costs; /* by slot of the operation; NULL: 1 each */
    struct pyn_witness witness;
    enum pyn_role role;
    enum pyn_phase phase;
    pyn_status state; /* PYN_OK, or why it is over */
    bool is_abandoned;
    uint64_t now;
    struct pyn_ledger ledger;
    struct pyn_limits peer_limits;
    size_t peer_part; /* bytes of a part that the peer takes; 0: it takes none */
    size_t part_len;  /* bytes of a part of ours: a larger message goes in parts; SIZE_MAX: none does */

    /* input */
    struct pyn_intake in;
    bool is_filling;         /* bytes are being put into room that was given out: nothing moves, nothing is looked at */
    struct pyn_parts *parts; /* owned: what comes in parts, beside it; NULL: nothing has since it rested */
    uint64_t parts_lane;     /* of which this is the lane then */
    size_t stalled; /* bytes that the call which stands at the front would be charged with, when they were not there */
    uint64_t stalled_calls; /* the same for a batch: how many calls it has */
    uint64_t pings;         /* of ours that are not answered */

    /* output */
    struct pyn_outlet out;
    struct pyn_freight *freight; /* owned: what goes in parts, beside it; NULL: nothing has since it rested */
    uint64_t freight_lane;       /* of which this is the lane then */

    struct pyn_lanes lanes;
    struct pyn_pool blocks;
    struct pyn_turn *ready_first; /* calls whose turn has come and that are not events yet */
    struct pyn_turn *ready_last;
    uint64_t turns;    /* that exist, with those that are the host's */
    uint64_t arrivals; /* calls that have come */
    uint64_t batches;  /* that exist */

    struct pyn_exports exports;
    struct pyn_imports imports;
    struct pyn_refs refs;
    struct pyn_holds seen; /* exports that the check under way has looked at */

    struct pyn_idmap described;         /* CLIENT: what the peer described, by number */
    struct pyn_described *descriptions; /* the same, one behind the other */
    uint8_t *is_described;              /* SERVER: a bit for each interface of the policy; few_described, or owned */
    union {
        uint8_t few_described[8];          /* SERVER */
        const struct pyn_library *library; /* CLIENT; NULL: there is none */
    };
    struct pyn_policy *policy; /* SERVER */
    struct pyn_cache *cache;   /* CLIENT: answers that are kept; NULL: a server keeps none */
};

/* ---- input.c ---- */

/* What has come, and was not looked at, goes. */
void pyn_in_fini(struct pyn_session *session);

/*
 * The block in which part of the message at the front stands, when that is large and little is behind the message, which is copied instead: the caller's
 * from now on; the message stays where it is. None: part has to be copied.
 */
struct pyn_owned pyn_in_take(struct pyn_session *session, struct pyn_view part);
/* Is it one for large messages? */
bool pyn_owned_is_paged(const struct pyn_session *session, const struct pyn_owned *block);

/* The next message of session->in, which is the second stream, in its place for this long. */
pyn_status pyn_in_step(struct pyn_session *session, struct pyn_event *event);

/* ---- parts.c ---- */

/* What the first stream's front says: a part begins, or might. */
static inline bool pyn_parts_is_head(const struct pyn_buf *in)
{
    const size_t held = pyn_buf_len(in);

    return held > 0 && in->block[in->start] == PYN_PART_HEAD_0 &&
           (held == 1 || in->block[in->start + 1] == PYN_PART_HEAD_1);
}

/* Bytes that belong to the part which is coming. */
static inline size_t pyn_parts_want(const struct pyn_session *session)
{
    return session->parts != NULL ? session->parts->left : 0;
}

/* What comes between its parts is limited. */
static inline bool pyn_parts_is_amid(const struct pyn_session *session)
{
    return session->parts != NULL && session->parts->is_amid;
}

/* Is a part to be seen to, ahead of anything else? */
static inline bool pyn_parts_is_due(const struct pyn_session *session)
{
    return session->parts->is_open || session->parts->is_fresh;
}

bool pyn_parts_may_hold(enum pyn_kind kind);
pyn_status pyn_parts_begin(struct pyn_session *session);
pyn_status pyn_parts_step(struct pyn_session *session, struct pyn_event *event);
pyn_status pyn_parts_put(struct pyn_session *session, struct pyn_view bytes, size_t *taken); /* in input.c */
/* What is kept to be quick is freed. */
void pyn_parts_rest(struct pyn_session *session);
void pyn_parts_fini(struct pyn_session *session);

/* ---- output.c ---- */

/* What is to be written, as far as it says where. */
struct pyn_sending {
    uint64_t lane;
    size_t len;   /* bytes, or a few less */
    bool is_told; /* nobody waits for an answer: nothing may overtake it */
};

/* A message that is being written: pyn_out_begin(), packing into to->buf, pyn_out_end(). */
struct pyn_writing {
    struct pyn_outlet *to;
    size_t before;
    uint64_t lane;
    struct pyn_crate *crate; /* it goes in parts; NULL: it does not */
    size_t at;               /* of the buffer: where it begins, behind a lane message */
    bool is_told;
};

/* What stands ahead of the value of a return: an array of two, -1. */
extern const uint8_t pyn_return_head[2];

/* The bytes of a parcel, those that it lends in their place: they are taken when pyn_out_end() says PYN_OK. */
pyn_status pyn_out_parcel(struct pyn_session *session, const struct pyn_writing *writing,
                          const struct pyn_parcel *parcel);

/* sending: NULL for a message that belongs to no lane, which never goes in parts. */
pyn_status pyn_out_begin(struct pyn_session *session, const struct pyn_sending *sending, struct pyn_writing *writing);

/* st: how packing went. When it went wrong, nothing of it stays; PYN_EQUOTA: there is no room for it. */
pyn_status pyn_out_end(struct pyn_session *session, const struct pyn_writing *writing, pyn_status st);

/* A reply has no caller who could be refused: unread output beyond the quota is PYN_EFLOOD. */
pyn_status pyn_out_error(struct pyn_session *session, uint64_t lane, const struct pyn_error_head *head,
                         struct pyn_view details);
/* What would be written from the first loan on is not: the loans are returned. */
void pyn_out_cut(struct pyn_session *session);
pyn_status pyn_out_reply_status(pyn_status st);
pyn_status pyn_out_pong(struct pyn_session *session, uint64_t token);
pyn_status pyn_out_free(struct pyn_session *session, uint64_t id, uint64_t count);

/* The connection is over: the goodbye is written, the state is final. Returns the state; the first reason stands. */
pyn_status pyn_session_fail(struct pyn_session *session, pyn_status why);

/* ---- hello.c ---- */
pyn_status pyn_hello_send(struct pyn_session *session, const struct pyn_view *root_name);
pyn_status pyn_hello_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event);

/* ---- calls.c ---- */

/* A call that has come: alone, or as a step of a batch. */
struct pyn_arrival {
    const struct pyn_message *message;
    struct pyn_batch *batch;     /* NULL: alone, or in one that there is no room for */
    uint32_t index;              /* its place there */
    const struct pyn_step *step; /* NULL: alone */
    uint64_t ends_at;            /* 0: no matter when */
};

/* The instant until which the answer to a message is wanted, seen from now; 0: no matter when. */
uint64_t pyn_session_end_of(const struct pyn_session *session, const struct pyn_message *message);

/* Its place in its lane: it is decided, unless it names promises, and becomes an event, waits in the queue, or is refused. */
pyn_status pyn_call_place(struct pyn_session *session, const struct pyn_arrival *arrival, struct pyn_event *event);

/* The bytes that a call with so long a body is charged with while it waits. */
size_t pyn_call_size(size_t body_len);

/*
 * The promises of an open turn have been replaced, message is the call that it is: decided as any other. It is another turn then, or the same one
 * with its refusal.
 */
pyn_status pyn_call_decide_step(struct pyn_session *session, const struct pyn_message *message, struct pyn_turn **at);

/* PYN_EWAIT: it has to wait in the buffer until a quota has room. */
pyn_status pyn_call_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event);
pyn_status pyn_cancel_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event);

/* ---- steps.c ---- */
pyn_status pyn_batch_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event);
/* The turn of a step has come: from here on it is not open any more. */
pyn_status pyn_step_settle(struct pyn_session *session, struct pyn_turn **at);

/* ---- serving.c ---- */
void pyn_turn_free(struct pyn_session *session, struct pyn_turn *turn);
/* Answers a call that was refused. */
pyn_status pyn_refusal_send(struct pyn_session *session, uint64_t lane, const struct pyn_turn *turn);
/* The same for a turn, with all the calls that it stands for, and its end. */
pyn_status pyn_turn_refuse(struct pyn_session *session, struct pyn_turn *turn);
/* It is refused: what depends on it breaks. */
pyn_status pyn_refusal_note(struct pyn_session *session, struct pyn_batch *batch, uint32_t step,
                            const struct pyn_turn *turn);
/* The call of a turn runs from now on in this frame. */
void pyn_frame_run(struct pyn_frame *frame, struct pyn_turn *turn);
/* A call that is ready becomes an event. */
bool pyn_ready_take(struct pyn_session *session, struct pyn_event *event);
void pyn_serving_drop_all(struct pyn_session *session);

/* ---- answers.c ---- */
pyn_status pyn_answer_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event);

/* ---- items.c ---- */
pyn_status pyn_items_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event);

/* ---- recall.c ---- */
/* A call of ours stands in the output, and its frame waits. One whose answer may be kept lends nothing. */
void pyn_recall_sent(struct pyn_session *session, struct pyn_frame *frame, const struct pyn_parcel *object);
/* One stands there that will not be answered. */
void pyn_recall_told(struct pyn_session *session, const struct pyn_parcel *object);
/* Its next answer has come. */
void pyn_recall_answered(struct pyn_session *session, struct pyn_frame *frame, const struct pyn_answer *answer);
pyn_status pyn_stale_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event);

/* ---- references.c ---- */
void pyn_references_init(struct pyn_session *session);
/* For a step whose promises are replaced: what it names is held by it or by its batch. */
struct pyn_refs pyn_references_of_step(struct pyn_session *session);
void pyn_references_retune(struct pyn_session *session);
pyn_status pyn_free_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event);
/* Every reference of the peer's in a run of objects goes back. */
pyn_status pyn_references_give_back(struct pyn_session *session, struct pyn_view values);

/* ---- describe.c ---- */
pyn_status pyn_describe_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event);
/* Describes it unless it was; *number is 0 for what needs no description. */
pyn_status pyn_describe_send(struct pyn_session *session, const struct pyn_iface *iface, uint32_t *number);
pyn_status pyn_look_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event);
const struct pyn_iface *pyn_described_find(const struct pyn_session *session, uint32_t number);
void pyn_described_fini(struct pyn_session *session);

#endif
