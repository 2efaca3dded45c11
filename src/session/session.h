/*
 * session.h - the protocol state of one connection: bytes in, events out, bytes out. Sans-IO: no socket, clock, thread or log.
 *
 * The host (the runtime above, or a test) puts bytes in, takes events out, and sends calls, returns and errors. The session scans, parses,
 * keeps the lanes, the export and import tables and the ledger, admits or refuses calls against the policy, and answers by itself what needs
 * no Python: refusals, pings, protocol errors.
 *
 * Owns:     its buffers, tables and the policies that the peer described. Objects and proxies are opaque host pointers: an object is held from
 *           pyn_session_export() until pyn_session_reap() hands it back; a proxy is never held, only remembered, and its entry is there until it is released.
 * Borrows:  mem, large and quotas, for its life. It holds one reference of the policy.
 * Units:    bytes; nanoseconds of a monotonic clock that is passed in.
 * Errors:   class refuse: the host answers or raises; class close: final, a goodbye stands in the output, every later call returns the same.
 * Threads:  one at a time: the runtime holds the link's lock around every call.
 * Tests:    tests/unit/test_session*.c, test_welcome.c, test_framing.c, test_answers.c, test_lending.c, test_lanes.c, test_exports.c,
 *           test_imports.c, test_recall.c, tests/fuzz/fuzz_session.c
 */
#ifndef PYN_SESSION_H
#define PYN_SESSION_H

#include "../../policy/policy.h"
#include "../quota/quota.h"
#include "../wire/message.h"
#include "../wire/parcel.h"

struct pyn_import;
struct pyn_session;

enum pyn_role { PYN_ROLE_CLIENT = 0, PYN_ROLE_SERVER };

/* One decision on a call of the peer's. Everything in it is good until saw() returns. */
struct pyn_decided {
    pyn_status st;                 /* PYN_OK: admitted; else why not */
    enum pyn_quota quota;          /* PYN_EQUOTA */
    const struct pyn_iface *iface; /* of the reference; NULL: there is none such */
    struct pyn_view name;          /* as the peer wrote it */
    struct pyn_view body;
    const struct pyn_verdict *verdict;
};

/* Is told of every decision, once; it must neither wait nor call the session. */
struct pyn_witness {
    void (*saw)(void *ctx, const struct pyn_decided *decided); /* NULL: there is no witness */
    void *ctx;
};

/* Where large messages are received. */
struct pyn_large {
    const struct pyn_mem *mem; /* its blocks keep their place within a page when they grow */
    size_t page;               /* bytes */
    size_t min;                /* bytes of a message that is large */
    size_t here; /* bytes of such a one that have come when it gets a block of these: then its pages can be large ones */
    /* Where in a page the bytes of a text or a bin are to stand: where an object has them that is made of it. Called in any thread. */
    size_t (*place)(void *ctx, bool is_text);
    void *ctx;
    const struct pyn_mem *warm; /* for those of some length that are not so large; NULL: the session's */
};

/* Compiles what a peer describes: a policy for a fragment's bytes, of which the caller gets one reference. */
struct pyn_library {
    pyn_status (*load)(void *ctx, struct pyn_view fragment,
                       struct pyn_policy **out); /* errors: pyn_policy_load_fragment() */
    void *ctx;
};

struct pyn_session_config {
    const struct pyn_mem *mem;
    enum pyn_role role;
    const struct pyn_quotas *quotas;
    const uint32_t *costs; /* SERVER: what a call of each operation costs, by its slot in the policy; borrowed; NULL: 1 each */
    const struct pyn_library *library; /* CLIENT: borrowed; NULL: each description is compiled when it comes */
    const struct pyn_large *large;     /* NULL: as all others */
    struct pyn_view root_name;         /* CLIENT: which root; empty for the only one */
    struct pyn_witness witness;
    uint64_t now;
};

/* CLIENT: its hello stands in the output, and lane 0 waits for the root as for the answer of a call (any reference of the server's). */
pyn_status pyn_session_new(const struct pyn_session_config *config, struct pyn_session **out);

/* Everything must have been reaped and every call finished: asserts that the ledger is clear. Accepts NULL. */
void pyn_session_free(struct pyn_session *session);

/* SERVER, ahead of pyn_session_welcome(): other quotas, borrowed as those before, which are still there. What was charged stays charged, and a message of which
 * something has been looked at keeps to what was said when it began. */
void pyn_session_retune(struct pyn_session *session, const struct pyn_quotas *quotas);

/* ---- bytes ---- */

/* Where the next bytes are to be put: at least 1 and at most *room of them: 16 KiB, or half as much again as has come of a message that lacks so much.
 * An idle session holds no input block of more than 256 bytes. The place is good until pyn_session_received(), which is due in any case: nothing came after all: 0.
 * Until then it may be written to while others use the session: they find no input, rest nothing, and what they abandon keeps this place.
 * PYN_EWAIT: the buffer is full, and pyn_session_wants_input() has been false for long. */
pyn_status pyn_session_space(struct pyn_session *session, uint8_t **out, size_t *room);
void pyn_session_received(struct pyn_session *session, size_t len);

/* The same for bytes that were read already: as many of them as may come are copied, 1 at least. */
pyn_status pyn_session_put(struct pyn_session *session, struct pyn_view bytes, size_t *taken);

/* Nothing has come that was not looked at, and no call waits to become an event: pyn_session_next() would say PYN_EWAIT. */
bool pyn_session_is_quiet(const struct pyn_session *session);

/* Much of a message has come and much of it is still to come: bytes are best read straight into pyn_session_space(). */
bool pyn_session_is_large(const struct pyn_session *session);
/* Or in one that comes in parts, wherever in these. */
bool pyn_session_is_amid(const struct pyn_session *session);

/* Since when a message has been on its way, and how much of it has come; 0: none is, or it is we who keep it waiting. */
uint64_t pyn_session_unfinished_since(const struct pyn_session *session, size_t *come);

/* The same for a message that comes in parts: others may stand between them, each with a time of its own. */
uint64_t pyn_session_assembling_since(const struct pyn_session *session, size_t *come);

/* False while the peer has sent or left unread so much that no more should be read from it (and no lane waits for its answer). */
bool pyn_session_wants_input(const struct pyn_session *session);

/* What is to be written next, and that it was. Without loans that is all there is. */
struct pyn_view pyn_session_output(const struct pyn_session *session);
/* The first pieces of it, max of them at most: how many there are. */
size_t pyn_session_output_pieces(const struct pyn_session *session, struct pyn_view *pieces, size_t max);
size_t pyn_session_output_len(const struct pyn_session *session);
/* How much of it another small message would wait for: a large one that goes in parts lets it through. */
size_t pyn_session_output_ahead(const struct pyn_session *session);
/* Is there any that goes ahead of what goes in parts, or something of this lane (NULL: of none)? What waits behind it is somebody else's. */
bool pyn_session_is_sending(const struct pyn_session *session, const uint64_t *lane);
void pyn_session_written(struct pyn_session *session, size_t len);

/* ---- events ---- */

/* A call of the peer's, admitted. Owned by the host from its event until pyn_session_call_free(). */
struct pyn_call {
    struct pyn_call *next; /* the host's, for queues of its own */
    uint64_t lane;
    uint64_t depth;                /* of calls in the lane that are not answered, this one counted */
    bool is_nested;                /* this lane waits for an answer: to be run by who waits */
    const struct pyn_iface *iface; /* of the reference that was called */
    void *object; /* the host's; held until the call is freed, even if the peer frees the reference meanwhile */
    struct pyn_verdict verdict;
    struct pyn_view body; /* args and kwargs, a copy */
    bool is_paged; /* body stands in a block of the session's large->mem, which is this call's own: pages may be moved out of it */
    bool is_narrow;   /* every text in it is ASCII */
    uint64_t ends_at; /* the instant until which its answer is wanted; 0: no matter when */
    bool is_oneway;   /* it is to be answered by a return of nil, of which nothing is sent */
    bool is_overdue; /* it stood behind another one-way call of its lane: it goes ahead of all that arrived after it, whatever their lanes */
    uint64_t arrival; /* calls of a session that arrived earlier have lower ones */
    uint32_t ahead; /* not 0: it is a step of an iterator, to be run at most so often; pyn_session_send_items() takes the results */
    bool is_cancelled;  /* the host's, for a call that it has not begun */
    uint64_t queued_at; /* the host's: when it was admitted */
};

/* The answer to a call of ours. Owned by the host from its event until pyn_session_answer_free(). */
struct pyn_answer {
    struct pyn_answer *next; /* the host's, for queues of its own */
    uint64_t lane;
    pyn_status status; /* PYN_OK: a return that fits; PYN_EMISFIT or PYN_EDENIED: one that does not: value is not to be used */
    bool is_error;
    struct pyn_view value; /* return: the value, a copy */
    bool is_paged;         /* as of a call: of value */
    bool is_narrow;
    struct pyn_view type; /* error */
    struct pyn_view text;
    struct pyn_view traceback;
    struct pyn_view incident;
    struct pyn_view details; /* error: the map, or empty; what its values may be has been checked */
    struct pyn_run items;    /* what came ahead of it: each fits the declared type; a copy */
};

enum pyn_event_kind {
    PYN_EV_NONE = 0,
    PYN_EV_HELLO,   /* SERVER: the peer's hello; pyn_session_welcome() or pyn_session_goodbye() is due */
    PYN_EV_CALL,    /* call */
    PYN_EV_ANSWER,  /* answer */
    PYN_EV_PONG,    /* token */
    PYN_EV_GOODBYE, /* the peer ends: token is the code; reason (a view that is good until the next call) */
    PYN_EV_CANCEL, /* the answer to the innermost call that runs in this lane is not wanted any more; it is due all the same */
};

struct pyn_event {
    enum pyn_event_kind kind;
    struct pyn_call *call;
    struct pyn_answer *answer;
    uint64_t token;
    uint64_t lane;             /* CANCEL */
    struct pyn_view reason;    /* GOODBYE */
    struct pyn_view root_name; /* HELLO; good until the next call */
};

/*
 * The next event: PYN_OK; PYN_EWAIT: none until something changes; class close or broken: the connection is over, and it stays so.
 * To be called until PYN_EWAIT after bytes have come, after an answer, after a call of ours (messages that had to wait are let in while a lane
 * waits), and after output was written.
 */
pyn_status pyn_session_next(struct pyn_session *session, uint64_t now, struct pyn_event *event);

void pyn_session_call_free(struct pyn_session *session, struct pyn_call *call);
void pyn_session_answer_free(struct pyn_session *session, struct pyn_answer *answer);

/*
 * ---- sending ----
 *
 * What is sent as a parcel may lend bytes: on PYN_OK their owners are the session's, unless they are still to be seen in the parcel (what was not needed, or
 * had to be copied, was not taken).
 */

/* SERVER, once, after PYN_EV_HELLO: our hello, the root's description and the root, which is reference 0. The session holds object, unless it
 * fails: then the connection is over. */
pyn_status pyn_session_welcome(struct pyn_session *session, void *object, const struct pyn_iface *iface);

/* May a call of ours go out in it: is it idle and ours, or serving a call that the host runs? */
bool pyn_session_may_call(const struct pyn_session *session, uint64_t lane);

/* Is it the turn of the call that is served so deep in the lane to be answered? Not while a call of ours is out in it, or one of the peer's is served inside of that. */
bool pyn_session_may_answer(const struct pyn_session *session, uint64_t lane, uint64_t depth);

/* A lane that is idle, of our own parity (client even, server odd): for a call that belongs to no other. */
uint64_t pyn_session_lane(struct pyn_session *session);

/* What the answer to a call of ours may be; types are borrowed until it comes. */
struct pyn_expect {
    const struct pyn_type *result; /* NULL: any data */
    const struct pyn_type *end;    /* of the value of the StopIteration that may answer it; NULL: it may have none */
    uint32_t ahead;          /* not 0: the call asks for so many results at most, of type result; its return is nil */
    const struct pyn_op *op; /* its answer may be kept; lives as long as the session; NULL: it may not */
    uint64_t sent_at;        /* with op: an instant ahead of sending it */
};

/*
 * A call of ours. object: the whole message [reference, name, args, kwargs], without newline. The lane must be idle, or serving a call (whose
 * callback this is). expect: NULL for any data.
 * PYN_EQUOTA: the message is too large, or the peer leaves too much unread: nothing was sent. PYN_EINTERNAL: not a lane for it.
 */
pyn_status pyn_session_send_call(struct pyn_session *session, uint64_t lane, struct pyn_view object,
                                 const struct pyn_expect *expect);

/*
 * Several calls in one message, the object being [-12, [step, ...], {...}] with count steps, 1 to PYN_STEPS_MAX of them. Each is answered by itself, in
 * their order. expects: one for each step.
 */
pyn_status pyn_session_send_batch(struct pyn_session *session, uint64_t lane, const struct pyn_parcel *object,
                                  const struct pyn_expect *expects, uint32_t count);

/*
 * A call of ours that is not answered: the object is a whole message [-11, ..., {"oneway": true}]. The lane must be idle and ours, and is so afterwards:
 * calls that follow in it are served behind this one. The same errors.
 */
pyn_status pyn_session_tell(struct pyn_session *session, uint64_t lane, const struct pyn_parcel *object);

/*
 * CLIENT: the answer to such a call that is kept: a packed value, good until the next call that is not const. object: as it would be sent. False: there
 * is none, or what has come and was not looked at may change it.
 */
bool pyn_session_recall(struct pyn_session *session, const struct pyn_op *op, struct pyn_view object, uint64_t now,
                        struct pyn_view *value);

/* Does the lane run a call that came in the same message as the one that was answered there before? */
bool pyn_session_is_in_batch(const struct pyn_session *session, uint64_t lane);

/* The answer to the call that the lane is serving. value: one packed object. The next call of the lane's queue becomes an event.
 * PYN_EQUOTA: value is too large for a message, PYN_ENOMEM: either way the call is still to be answered. Unread output beyond its quota ends
 * the connection with PYN_EFLOOD. */
pyn_status pyn_session_send_return(struct pyn_session *session, uint64_t lane, struct pyn_view value);
pyn_status pyn_session_send_value(struct pyn_session *session, uint64_t lane, const struct pyn_parcel *value);
pyn_status pyn_session_send_error(struct pyn_session *session, uint64_t lane, struct pyn_view type,
                                  struct pyn_view text, struct pyn_view traceback, struct pyn_view incident);

/*
 * Results of the call that the lane is serving, if it has an ahead: run is so many packed values, 1 at least. The answer is still to come: a return
 * of nil, or an error. The same errors as for a return.
 */
pyn_status pyn_session_send_items(struct pyn_session *session, uint64_t lane, const struct pyn_run *items);

/* The same with details, a packed map or nothing. PYN_EQUOTA: they are too large, and the call is still to be answered. */
pyn_status pyn_session_send_failure(struct pyn_session *session, uint64_t lane, const struct pyn_error_head *head,
                                    struct pyn_view details);

/* Tells the peer that the answer to the lane's last call is not wanted any more; it comes all the same. */
pyn_status pyn_session_cancel(struct pyn_session *session, uint64_t lane);

pyn_status pyn_session_ping(struct pyn_session *session, uint64_t token);

/* Ends the connection; the code is pyn_status's class close number, or 0 for a plain end. Final. */
void pyn_session_goodbye(struct pyn_session *session, uint32_t code, const char *reason);

/* ---- references ---- */

/*
 * One more time that object leaves under iface: *id and *number (interface number on the wire, 0 when we are the client) are what to pack.
 * *is_new: the session now holds object, which the host must have counted up. The description goes into the output ahead, once.
 */
pyn_status pyn_session_export(struct pyn_session *session, void *object, const struct pyn_iface *iface, uint64_t *id,
                              uint32_t *number, bool *is_new);

/* Takes one such time back: what was to be sent with it is not sent. */
void pyn_session_unexport(struct pyn_session *session, uint64_t id);

/* What the peer holds of ours under id, or what a call or answer that is not freed yet has named: NULL when nothing. */
void *pyn_session_object(struct pyn_session *session, uint64_t id, const struct pyn_iface **iface);

/*
 * What a reference of the peer's is held under: for a number other than 0 what the peer described, else what is declared where it stands.
 * PYN_EDENIED: neither is there, or the peer has no such reference.
 */
pyn_status pyn_session_held_under(const struct pyn_session *session, uint64_t id, uint32_t number,
                                  const struct pyn_iface *declared, const struct pyn_iface **iface);

/* The entry of what is held, as holdings.h says what it is; NULL: there is none. */
struct pyn_import *pyn_session_held(const struct pyn_session *session, uint64_t id, const struct pyn_iface *iface);

/* One more time that it was received; the same errors, and PYN_EQUOTA. *entry: has no proxy when there was none. */
pyn_status pyn_session_import(struct pyn_session *session, uint64_t id, uint32_t number,
                              const struct pyn_iface *declared, struct pyn_import **entry);

/*
 * The proxy is gone: a free with the whole count goes out with the next output, and the entry is not the host's any more. Never fails, allocates nothing. It is
 * due once for each entry with a proxy, also when the connection is over.
 */
void pyn_session_release(struct pyn_session *session, struct pyn_import *entry);

/* CLIENT: what the server has described under this name; NULL: nothing. */
const struct pyn_iface *pyn_session_described(const struct pyn_session *session, struct pyn_view name);

/* CLIENT: asks for that of a result of from's, which was described. When a ping that is sent behind this has been answered, it was described, or never
 * will be. PYN_EQUOTA: nothing was sent. */
pyn_status pyn_session_look(struct pyn_session *session, const struct pyn_iface *from, struct pyn_view name);

/* A value that will not be decoded: every reference of the peer's in it is given back. Any run of whole items will do, so the rest of a value too. */
void pyn_session_discard(struct pyn_session *session, struct pyn_view value);

/* Are frees waiting to go out?  They go with the next message, or by pyn_session_flush_frees(). */
bool pyn_session_has_frees(const struct pyn_session *session);
pyn_status pyn_session_flush_frees(struct pyn_session *session);

/*
 * SERVER: what was answered for object is not true any more: a peer that holds it where answers may be kept is told. name: of one operation; empty: all.
 * *is_told: it was. A peer that has left no room for it is at its end: class close.
 */
pyn_status pyn_session_stale(struct pyn_session *session, const void *object, struct pyn_view name, bool *is_told);

/* An object that no reference and no call holds any more; NULL when there is none. The host drops it. */
void *pyn_session_reap(struct pyn_session *session);

/* Now and then: what was kept to be quick, and not needed since the last time, is given back. */
void pyn_session_trim(struct pyn_session *session);
/* Nothing has happened for a while: what is kept to be quick is given back. It comes again when it is needed. */
void pyn_session_rest(struct pyn_session *session);

/* The owner of bytes that were lent, and that the output needs no longer; NULL when there is none. The host lets go of it. */
void *pyn_session_reap_loan(struct pyn_session *session);

/* How many such bytes it needs still. */
size_t pyn_session_lent_len(const struct pyn_session *session);

/* Would one of these give one? */
bool pyn_session_has_dead(const struct pyn_session *session);

/* The end: every export is put up for reaping, whatever is queued is dropped. Calls that are out stay the host's to free. */
void pyn_session_abandon(struct pyn_session *session);

/* How values are checked again before they are decoded: what they name of ours is held since their first check. */
struct pyn_refs pyn_session_refs(struct pyn_session *session);

/* ---- looking ---- */
enum pyn_role pyn_session_role(const struct pyn_session *session);
bool pyn_session_is_ready(const struct pyn_session *session); /* both hellos are through */
const struct pyn_ledger *pyn_session_ledger(const struct pyn_session *session);
/* What the peer's hello says that it takes in one message; as wide as can be until it has come, and where it says nothing. */
const struct pyn_limits *pyn_session_peer_limits(const struct pyn_session *session);
struct pyn_cache_counts {
    uint64_t hits;
    uint64_t misses;
    uint64_t evictions;
};
struct pyn_cache_counts pyn_session_cache_counts(const struct pyn_session *session);
/* CLIENT: is anything kept, or asked for that may be? */
bool pyn_session_is_caching(const struct pyn_session *session);
/* class close when it is over, else PYN_OK */
pyn_status pyn_session_state(const struct pyn_session *session);

#endif
