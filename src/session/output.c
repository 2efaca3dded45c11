/* output.c - messages to bytes: the lane that they belong to, the frees ahead of them, their charge, and the end of it all. */
#include "session_state.h"

#include <assert.h>

enum { GOODBYE_ROOM = 64 }; /* bytes that are always there for the last message, its reason not counted */

const uint8_t pyn_return_head[2] = {0x92, 0xff};

/* ---- one message ---- */

static inline __attribute__((always_inline)) pyn_status charge_from(struct pyn_session *session, struct pyn_outlet *to,
                                                                    size_t before, pyn_status st)
{
    struct pyn_loans *loans = to->loans;
    size_t lent = loans != NULL ? loans->staged_len : 0;

    if (st == PYN_OK) {
        st = pyn_ledger_charge(&session->ledger, PYN_Q_OUTPUT, pyn_buf_len(&to->buf) - before + lent);
    }
    if (st != PYN_OK) {
        pyn_buf_truncate(&to->buf, before);
    }
    if (lent > 0) {
        (st == PYN_OK ? pyn_loans_take : pyn_loans_unstage)(loans);
    }
    return st == PYN_ESIZE ? PYN_EQUOTA : st;
}

/* What goes in parts may name what was given back meanwhile: it must not come behind the free. */
__attribute__((noinline)) static pyn_status flush_frees(struct pyn_session *session)
{
    const struct pyn_freight *freight = session->freight;
    const uint64_t *kept = NULL;
    uint64_t id = 0;
    uint64_t count = 0;

    if (freight != NULL && freight->has_names) {
        return PYN_OK;
    }
    if (freight != NULL && freight->has_target) {
        kept = &freight->target;
    }
    while (session->imports.released > 0 && pyn_imports_next_free(&session->imports, kept, &id, &count)) {
        pyn_status st = pyn_out_free(session, id, count);
        if (st != PYN_OK) {
            return st;
        }
        pyn_imports_free_is_out(&session->imports);
    }
    return PYN_OK;
}

/* Is it for the second stream? Large ones are, and what belongs to a lane of which something stands there. */
__attribute__((noinline)) static bool is_freight(const struct pyn_session *session, const struct pyn_sending *sending)
{
    const struct pyn_freight *freight = session->freight;
    const size_t part = session->part_len;

    if (freight == NULL || freight->first == NULL) { /* a second part for a few bytes is not worth it */
        return sending->len > part && sending->len - part > part / 8 && !sending->is_told;
    }
    return sending->len > part / 2 || freight->holds_all || pyn_freight_has_lane(freight, sending->lane);
}

static struct pyn_freight *find_freight(struct pyn_session *session)
{
    if (session->freight == NULL) {
        session->freight = pyn_mem_new(session->mem, 1, sizeof *session->freight);
        if (session->freight != NULL) {
            session->freight->out.lane = session->freight_lane;
            pyn_buf_init(&session->freight->out.buf, session->mem, session->out.buf.max);
        }
    }
    return session->freight;
}

static pyn_status open_crate(struct pyn_session *session, const struct pyn_sending *sending, struct pyn_writing *writing)
{
    struct pyn_freight *freight = find_freight(session);

    writing->crate = freight != NULL ? pyn_mem_new(session->mem, 1, sizeof *writing->crate) : NULL;
    if (writing->crate == NULL) {
        return PYN_ENOMEM;
    }
    writing->crate->lane = sending->lane;
    writing->is_told = sending->is_told;
    writing->to = &freight->out;
    return PYN_OK;
}

static void pack(struct pyn_session *session)
{
    if (session->state == PYN_OK) {
        pyn_freight_pack(session->freight, &session->out, session->part_len, session->mem);
    }
}

/* len: of the message and its lane message, loans counted. */
static void close_crate(struct pyn_session *session, const struct pyn_writing *writing, size_t len)
{
    struct pyn_freight *freight = session->freight;

    writing->crate->left = len;
    *(freight->last != NULL ? &freight->last->next : &freight->first) = writing->crate;
    freight->last = writing->crate;
    freight->holds_all = freight->holds_all || writing->is_told;
    pyn_freight_note(freight, writing->at);
    pack(session);
}

/* A lane message goes ahead when another lane is current there. */
static pyn_status write_lane(struct pyn_writing *writing, const struct pyn_sending *sending)
{
    pyn_status st = PYN_OK;

    if (sending->lane != writing->lane) {
        st = pyn_message_lane(&writing->to->buf, sending->lane);
        writing->to->lane = sending->lane;
    }
    return st;
}

__attribute__((noinline)) static pyn_status begin_freight(struct pyn_session *session,
                                                          const struct pyn_sending *sending, struct pyn_writing *writing)
{
    pyn_status st = open_crate(session, sending, writing);

    writing->before = pyn_buf_len(&writing->to->buf);
    writing->lane = writing->to->lane;
    if (st == PYN_OK) {
        st = write_lane(writing, sending);
    }
    writing->at = pyn_buf_len(&writing->to->buf);
    return st;
}

pyn_status pyn_out_begin(struct pyn_session *session, const struct pyn_sending *sending, struct pyn_writing *writing)
{
    pyn_status st = session->imports.released > 0 ? flush_frees(session) : PYN_OK;

    writing->to = &session->out;
    writing->crate = NULL;
    writing->before = pyn_buf_len(&session->out.buf);
    writing->lane = session->out.lane;
    if (st != PYN_OK || sending == NULL) {
        return st;
    }
    if ((session->freight != NULL || sending->len > session->part_len) && is_freight(session, sending)) {
        return begin_freight(session, sending, writing);
    }
    return write_lane(writing, sending);
}

static pyn_status stage(struct pyn_session *session, struct pyn_outlet *to, const struct pyn_parcel *parcel)
{
    if (to->loans == NULL) {
        to->loans = pyn_mem_new(session->mem, 1, sizeof *to->loans);
        if (to->loans == NULL) {
            return PYN_ENOMEM;
        }
        pyn_loans_init(to->loans, session->mem);
    }
    return pyn_loans_stage(to->loans, parcel, pyn_buf_len(&to->buf));
}

pyn_status pyn_out_parcel(struct pyn_session *session, const struct pyn_writing *writing, const struct pyn_parcel *parcel)
{
    pyn_status st = parcel->count > 0 ? stage(session, writing->to, parcel) : PYN_OK;

    return st == PYN_OK ? pyn_buf_append(&writing->to->buf, parcel->own.data, parcel->own.len) : st;
}

__attribute__((noinline)) static pyn_status end_freight(struct pyn_session *session, const struct pyn_writing *writing,
                                                        pyn_status st)
{
    const size_t lent = writing->to->loans != NULL ? writing->to->loans->staged_len : 0;

    st = charge_from(session, writing->to, writing->before, st);
    if (st != PYN_OK) {
        writing->to->lane = writing->lane;
        pyn_mem_free(session->mem, writing->crate);
        return st;
    }
    close_crate(session, writing, pyn_buf_len(&writing->to->buf) - writing->before + lent);
    return PYN_OK;
}

pyn_status pyn_out_end(struct pyn_session *session, const struct pyn_writing *writing, pyn_status st)
{
    if (writing->crate != NULL) {
        return end_freight(session, writing, st);
    }
    st = charge_from(session, &session->out, writing->before, st);
    if (st != PYN_OK) {
        session->out.lane = writing->lane;
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
    const struct pyn_sending sending = {.lane = lane,
                                        .len = head->text.len + head->traceback.len + head->incident.len + details.len};
    struct pyn_writing writing;
    pyn_status st = pyn_out_begin(session, &sending, &writing);

    if (st == PYN_OK) {
        st = pyn_message_error(&writing.to->buf, head, details);
    }
    return pyn_out_reply_status(pyn_out_end(session, &writing, st));
}

static pyn_status send_ping(struct pyn_session *session, enum pyn_kind kind, uint64_t token)
{
    struct pyn_writing writing;
    pyn_status st = pyn_out_begin(session, NULL, &writing);

    if (st == PYN_OK) {
        st = pyn_message_ping(&session->out.buf, kind, token);
    }
    return pyn_out_end(session, &writing, st);
}

pyn_status pyn_out_pong(struct pyn_session *session, uint64_t token)
{
    return pyn_out_reply_status(send_ping(session, PYN_M_PONG, token));
}

pyn_status pyn_out_free(struct pyn_session *session, uint64_t id, uint64_t count)
{
    size_t before = pyn_buf_len(&session->out.buf);

    return charge_from(session, &session->out, before, pyn_message_free(&session->out.buf, id, count));
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
    const struct pyn_sending sending = {.lane = lane};
    struct pyn_writing writing;
    pyn_status st = session->state;

    if (st != PYN_OK) {
        return st;
    }
    st = pyn_out_begin(session, &sending, &writing);
    if (st == PYN_OK) {
        st = pyn_message_cancel(&writing.to->buf);
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

struct pyn_view pyn_session_output(const struct pyn_session *session)
{
    struct pyn_view first = {0};

    (void)pyn_session_output_pieces(session, &first, 1);
    return first;
}

static bool is_packed(const struct pyn_session *session)
{
    return session->freight != NULL && session->freight->is_packed;
}

/* Bytes of ours alone, as nearly always: what is not is left to functions of its own, so that this costs a look. */
static bool is_plain(const struct pyn_session *session)
{
    return session->out.loans == NULL && session->freight == NULL;
}

__attribute__((noinline)) static size_t mixed_pieces(const struct pyn_session *session, struct pyn_view *pieces,
                                                     size_t max)
{
    return is_packed(session) ? pyn_freight_pieces(session->freight, &session->out, pieces, max)
                              : pyn_outlet_pieces(&session->out, pieces, max);
}

size_t pyn_session_output_pieces(const struct pyn_session *session, struct pyn_view *pieces, size_t max)
{
    if (is_plain(session)) {
        pieces[0] = pyn_buf_view(&session->out.buf);
        return pieces[0].len > 0;
    }
    return mixed_pieces(session, pieces, max);
}

__attribute__((noinline)) static size_t mixed_len(const struct pyn_session *session)
{
    size_t len = pyn_outlet_len(&session->out);

    return session->freight != NULL ? len + pyn_freight_len(session->freight, session->state != PYN_OK) : len;
}

size_t pyn_session_output_len(const struct pyn_session *session)
{
    return is_plain(session) ? pyn_buf_len(&session->out.buf) : mixed_len(session);
}

size_t pyn_session_output_ahead(const struct pyn_session *session)
{
    size_t len = pyn_outlet_len(&session->out);

    return session->freight != NULL ? len + pyn_freight_behind(session->freight) : len;
}

bool pyn_session_is_sending(const struct pyn_session *session, const uint64_t *lane)
{
    const struct pyn_freight *freight = session->freight;

    if (pyn_outlet_len(&session->out) > 0 || freight == NULL) {
        return pyn_outlet_len(&session->out) > 0;
    }
    return freight->first != NULL ? lane != NULL && pyn_freight_has_lane(freight, *lane) : freight->is_packed;
}

/* Of the first piece len bytes, or all of it. Returns how many. */
static size_t pass(struct pyn_session *session, size_t len, size_t *charged)
{
    if (is_packed(session)) {
        len = pyn_freight_pass(session->freight, &session->out, len, charged);
        if (!session->freight->is_packed) {
            pack(session);
        }
        return len;
    }
    *charged = pyn_outlet_pass(&session->out, len);
    return *charged;
}

/* All of it; how many of the bytes somebody was charged with. */
__attribute__((noinline)) static size_t pass_all(struct pyn_session *session, size_t len)
{
    size_t charged = 0;
    size_t passed = 0;

    while (len > 0) {
        assert(is_packed(session) || pyn_outlet_len(&session->out) > 0);
        len -= pass(session, len, &passed);
        charged += passed;
    }
    return charged;
}

void pyn_session_written(struct pyn_session *session, size_t len)
{
    const uint64_t used = session->ledger.used[PYN_Q_OUTPUT]; /* a goodbye is not charged */

    if (is_plain(session)) {
        pyn_buf_consume(&session->out.buf, len);
    } else {
        len = pass_all(session, len);
    }
    pyn_ledger_refund(&session->ledger, PYN_Q_OUTPUT, len < used ? len : used);
}

void pyn_out_cut(struct pyn_session *session)
{
    const struct pyn_lent *first = pyn_outlet_loan(&session->out);

    if (first != NULL) {
        pyn_buf_truncate(&session->out.buf, (size_t)(first->at - session->out.loans->passed));
        pyn_loans_return_all(session->out.loans);
    }
    if (session->freight != NULL && !pyn_freight_drop(session->freight, session->mem)) {
        pyn_buf_truncate(&session->out.buf, 0);
    }
}

/* ---- the end ---- */

static void end(struct pyn_session *session, pyn_status state, uint32_t code, const char *reason)
{
    session->state = state;
    if (session->freight != NULL) {
        pyn_freight_stop(session->freight);
    }
    session->out.buf.max += GOODBYE_ROOM + strlen(reason);
    (void)pyn_message_goodbye(&session->out.buf, code, reason); /* without memory, it ends without a word */
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
