/* output.c - messages to bytes: the lane that they belong to, the frees ahead of them, their charge, and the end of it all. */
#include "session_state.h"

#include <assert.h>

enum { GOODBYE_ROOM = 64 }; /* bytes that are always there for the last message, its reason not counted */

const uint8_t pyn_return_head[2] = {0x92, 0xff};

/* ---- one message ---- */

static pyn_status charge_from(struct pyn_session *session, size_t before, pyn_status st)
{
    struct pyn_loans *loans = session->loans;
    size_t lent = loans != NULL ? loans->staged_len : 0;

    if (st == PYN_OK) {
        st = pyn_ledger_charge(&session->ledger, PYN_Q_OUTPUT, pyn_buf_len(&session->out) - before + lent);
    }
    if (st != PYN_OK) {
        pyn_buf_truncate(&session->out, before);
    }
    if (lent > 0) {
        (st == PYN_OK ? pyn_loans_take : pyn_loans_unstage)(loans);
    }
    return st == PYN_ESIZE ? PYN_EQUOTA : st;
}

static pyn_status flush_frees(struct pyn_session *session)
{
    uint64_t id = 0;
    uint64_t count = 0;

    while (session->imports.released > 0 && pyn_imports_next_free(&session->imports, &id, &count)) {
        pyn_status st = pyn_out_free(session, id, count);
        if (st != PYN_OK) {
            return st;
        }
        pyn_imports_free_is_out(&session->imports);
    }
    return PYN_OK;
}

pyn_status pyn_out_begin(struct pyn_session *session, const uint64_t *lane, struct pyn_writing *writing)
{
    pyn_status st = flush_frees(session);

    *writing = (struct pyn_writing){pyn_buf_len(&session->out), session->out_lane};
    if (st == PYN_OK && lane != NULL && *lane != session->out_lane) {
        st = pyn_message_lane(&session->out, *lane);
        session->out_lane = *lane;
    }
    return st;
}

static pyn_status stage(struct pyn_session *session, const struct pyn_parcel *parcel)
{
    if (session->loans == NULL) {
        session->loans = pyn_mem_new(session->mem, 1, sizeof *session->loans);
        if (session->loans == NULL) {
            return PYN_ENOMEM;
        }
        pyn_loans_init(session->loans, session->mem);
    }
    return pyn_loans_stage(session->loans, parcel, pyn_buf_len(&session->out));
}

pyn_status pyn_out_parcel(struct pyn_session *session, const struct pyn_parcel *parcel)
{
    pyn_status st = parcel->count > 0 ? stage(session, parcel) : PYN_OK;

    return st == PYN_OK ? pyn_buf_append(&session->out, parcel->own.data, parcel->own.len) : st;
}

pyn_status pyn_out_end(struct pyn_session *session, const struct pyn_writing *writing, pyn_status st)
{
    st = charge_from(session, writing->before, st);
    if (st != PYN_OK) {
        session->out_lane = writing->lane;
    }
    return st;
}

pyn_status pyn_out_reply_status(pyn_status st)
{
    return st == PYN_EQUOTA ? PYN_EFLOOD : st;
}

pyn_status pyn_out_error(struct pyn_session *session, uint64_t lane, const struct pyn_error_head *head,
                         struct pyn_view details)
{
    struct pyn_writing writing;
    pyn_status st = pyn_out_begin(session, &lane, &writing);

    if (st == PYN_OK) {
        st = pyn_message_error(&session->out, head, details);
    }
    return pyn_out_reply_status(pyn_out_end(session, &writing, st));
}

static pyn_status send_ping(struct pyn_session *session, enum pyn_kind kind, uint64_t token)
{
    struct pyn_writing writing;
    pyn_status st = pyn_out_begin(session, NULL, &writing);

    if (st == PYN_OK) {
        st = pyn_message_ping(&session->out, kind, token);
    }
    return pyn_out_end(session, &writing, st);
}

pyn_status pyn_out_pong(struct pyn_session *session, uint64_t token)
{
    return pyn_out_reply_status(send_ping(session, PYN_M_PONG, token));
}

pyn_status pyn_out_free(struct pyn_session *session, uint64_t id, uint64_t count)
{
    size_t before = pyn_buf_len(&session->out);

    return charge_from(session, before, pyn_message_free(&session->out, id, count));
}

/* ---- what the host sends ---- */

pyn_status pyn_session_ping(struct pyn_session *session, uint64_t token)
{
    pyn_status st = session->state != PYN_OK ? session->state : send_ping(session, PYN_M_PING, token);

    session->pings += st == PYN_OK;
    return st;
}

pyn_status pyn_session_cancel(struct pyn_session *session, uint64_t lane)
{
    struct pyn_writing writing;
    pyn_status st = session->state;

    if (st != PYN_OK) {
        return st;
    }
    st = pyn_out_begin(session, &lane, &writing);
    if (st == PYN_OK) {
        st = pyn_message_cancel(&session->out);
    }
    return pyn_out_end(session, &writing, st);
}

bool pyn_session_has_frees(const struct pyn_session *session)
{
    return session->state == PYN_OK && session->imports.released > 0;
}

pyn_status pyn_session_flush_frees(struct pyn_session *session)
{
    return session->state != PYN_OK ? session->state : flush_frees(session);
}

/* ---- bytes ---- */

/* The first that is not written, or NULL. */
static const struct pyn_lent *first_loan(const struct pyn_session *session)
{
    return session->loans != NULL ? session->loans->first : NULL;
}

struct pyn_view pyn_session_output(const struct pyn_session *session)
{
    struct pyn_view first = {0};

    (void)pyn_session_output_pieces(session, &first, 1);
    return first;
}

size_t pyn_session_output_pieces(const struct pyn_session *session, struct pyn_view *pieces, size_t max)
{
    if (first_loan(session) != NULL) {
        return pyn_loans_pieces(session->loans, pyn_buf_view(&session->out), pieces, max);
    }
    pieces[0] = pyn_buf_view(&session->out);
    return pieces[0].len > 0;
}

size_t pyn_session_output_len(const struct pyn_session *session)
{
    return pyn_buf_len(&session->out) + (session->loans != NULL ? session->loans->len : 0);
}

/* len bytes of the first piece, or all of it. Returns how many. */
static size_t pass(struct pyn_session *session, size_t len)
{
    const struct pyn_lent *lent = first_loan(session);
    uint64_t ahead = lent != NULL ? lent->at - session->loans->passed : UINT64_MAX;

    if (ahead == 0) {
        len = len < lent->rest.len ? len : lent->rest.len;
        pyn_loans_written(session->loans, len);
        return len;
    }
    len = len < ahead ? len : (size_t)ahead;
    pyn_buf_consume(&session->out, len);
    if (session->loans != NULL) {
        session->loans->passed += len;
    }
    return len;
}

void pyn_session_written(struct pyn_session *session, size_t len)
{
    uint64_t charged = session->ledger.used[PYN_Q_OUTPUT]; /* a goodbye is not */

    pyn_ledger_refund(&session->ledger, PYN_Q_OUTPUT, len < charged ? len : charged);
    assert(len <= pyn_session_output_len(session));
    while (len > 0) {
        len -= pass(session, len);
    }
}

void pyn_out_cut(struct pyn_session *session)
{
    const struct pyn_lent *first = first_loan(session);

    if (first != NULL) {
        pyn_buf_truncate(&session->out, (size_t)(first->at - session->loans->passed));
        pyn_loans_return_all(session->loans);
    }
}

/* ---- the end ---- */

static void end(struct pyn_session *session, pyn_status state, uint32_t code, const char *reason)
{
    session->state = state;
    session->out.max += GOODBYE_ROOM + strlen(reason);
    (void)pyn_message_goodbye(&session->out, code, reason); /* without memory, it ends without a word */
}

pyn_status pyn_session_fail(struct pyn_session *session, pyn_status why)
{
    if (session->state == PYN_OK) {
        end(session, why, (uint32_t)why, pyn_status_name(why));
    }
    return session->state;
}

void pyn_session_goodbye(struct pyn_session *session, uint32_t code, const char *reason)
{
    pyn_status state = code > PYN_EINTERNAL && code <= PYN_ENOMEM ? (pyn_status)code : PYN_EGONE;

    if (session->state == PYN_OK) {
        end(session, pyn_status_class(state) == PYN_CLASS_CLOSE ? state : PYN_EGONE, code, reason);
    }
}
