/*
 * batch.h - calls that came in one message, and what became of those that later ones of it name by a promise.
 *
 * A batch lives as long as one of its calls waits or runs. The result of a step that is named is kept until then, as it is to be written into the
 * step that names it: what it lends of ours is pinned, so that the peer may give its copy back as soon as it has come. A step that has failed
 * is remembered with its error, which is the answer to all that depend on it.
 *
 * Owns:     what it keeps. A batch is counted: each turn of it holds one, and the frame in which one runs.
 * Borrows:  the session.
 * Units:    bytes; what is kept is charged to PYN_Q_QUEUED.
 * Errors:   PYN_ENOMEM: nothing was kept. What has no room in the quota is remembered as that, and breaks what depends on it.
 * Tests:    tests/unit/test_batch*.c
 */
#ifndef PYN_BATCH_H
#define PYN_BATCH_H

#include "exports.h"
#include "session.h"
#include "turn.h"

enum pyn_outcome_kind {
    PYN_OUTCOME_NONE = 0, /* not answered yet, or not named by another step */
    PYN_OUTCOME_VALUE,    /* value, as it stands where a promise stood */
    PYN_OUTCOME_FOREIGN,  /* a value that holds references of the peer's own: not to be named */
    PYN_OUTCOME_FULL,     /* the quota had no room for it */
    PYN_OUTCOME_ERROR,    /* type, text, traceback, incident and details */
    PYN_OUTCOME_BROKEN,   /* that of origin, on which it depends */
};

enum { PYN_OUTCOME_PARTS = 5 };

struct pyn_outcome {
    enum pyn_outcome_kind kind;
    bool is_named;
    uint32_t origin; /* BROKEN: a step that was not BROKEN itself */
    uint8_t *bytes;
    size_t len[PYN_OUTCOME_PARTS]; /* of the parts in bytes; a value is the first */
    size_t charged;
    struct pyn_holds holds; /* VALUE: what it names of ours */
};

struct pyn_batch {
    uint32_t refs;
    uint32_t count;
    bool is_cancelled;
    size_t spare; /* bytes by which promises may still be replaced */
    size_t charged;
    struct pyn_outcome outcomes[]; /* by step */
};

/* What a batch of so many steps is charged with, what it keeps not counted. */
size_t pyn_batch_size(uint64_t steps);

/* steps: of a message that was parsed. PYN_EQUOTA: there is no room for it; PYN_ENOMEM. */
pyn_status pyn_batch_new(struct pyn_session *session, const struct pyn_message *message, struct pyn_batch **out);
struct pyn_batch *pyn_batch_ref(struct pyn_batch *batch); /* accepts NULL */
/* Sets it to NULL; accepts what is. */
void pyn_batch_drop(struct pyn_session *session, struct pyn_batch **at);

/* What the answer of a step is. Whatever was noted before is replaced; nothing happens when no other step names it, or when batch is NULL. */
pyn_status pyn_batch_note_value(struct pyn_session *session, struct pyn_batch *batch, uint32_t step,
                                struct pyn_view value);
pyn_status pyn_batch_note_error(struct pyn_session *session, struct pyn_batch *batch, uint32_t step,
                                const struct pyn_error_head *head, struct pyn_view details);
void pyn_batch_note_broken(struct pyn_batch *batch, uint32_t step, uint32_t origin);
void pyn_batch_forget(struct pyn_session *session, struct pyn_batch *batch, uint32_t step);

/* The step whose failure breaks this one: true when there is any. */
bool pyn_batch_is_broken(const struct pyn_batch *batch, const struct pyn_step *step, uint32_t *origin);

/* The error of a step that has failed. Details that hold references are left out: they were sent once. room: for a text that is made here. */
void pyn_batch_error(const struct pyn_session *session, const struct pyn_batch *batch, uint32_t step,
                     struct pyn_error_head *head, struct pyn_view *details, char *text, size_t room);

/*
 * The call that a step is when its promises are replaced, packed into *call: one object and a newline. PYN_EDENIED: a promise stands where its value
 * cannot. PYN_ESIZE: it would be more than one message may be, or than the batch may still cost. Every step that it names has a VALUE or is FOREIGN.
 */
pyn_status pyn_batch_fill(struct pyn_session *session, struct pyn_batch *batch, const struct pyn_step *step,
                          struct pyn_buf *call);

#endif
