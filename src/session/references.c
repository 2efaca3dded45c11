/* references.c - what leaves and what comes under an id, and what goes back. */
#include "session_state.h"

/* ---- how a check sees them ---- */

static const struct pyn_iface *see_exported(void *ctx, uint64_t id)
{
    struct pyn_session *session = ctx;
    struct pyn_export *entry = pyn_exports_find(&session->exports, id);

    if (entry == NULL) {
        return NULL;
    }
    pyn_holds_note(&session->exports, &session->seen, entry);
    return pyn_export_iface(entry);
}

/* For a body that was checked before: what the peer has freed since is still good for it. */
static const struct pyn_iface *see_held(void *ctx, uint64_t id)
{
    const struct pyn_iface *iface = NULL;

    (void)pyn_session_object(ctx, id, &iface);
    return iface;
}

/* The same, and it is noted, to be held on. */
static const struct pyn_iface *see_step(void *ctx, uint64_t id)
{
    struct pyn_session *session = ctx;
    struct pyn_export *entry = pyn_exports_held(&session->exports, id);

    if (entry == NULL) {
        return NULL;
    }
    pyn_holds_note(&session->exports, &session->seen, entry);
    return pyn_export_iface(entry);
}

static const struct pyn_iface *see_described(void *ctx, uint32_t number)
{
    return pyn_described_find(ctx, number);
}

void pyn_references_retune(struct pyn_session *session)
{
    session->refs = (struct pyn_refs){session, see_exported, see_described, session->quotas->limits.key_max};
}

void pyn_references_init(struct pyn_session *session)
{
    pyn_references_retune(session);
    pyn_exports_init(&session->exports, session->mem, &session->ledger);
    pyn_imports_init(&session->imports, session->mem, &session->ledger);
}

struct pyn_refs pyn_references_of_step(struct pyn_session *session)
{
    return (struct pyn_refs){session, see_step, see_described, session->quotas->limits.key_max};
}

struct pyn_refs pyn_session_refs(struct pyn_session *session)
{
    return (struct pyn_refs){session, see_held, see_described, session->quotas->limits.key_max};
}

/* ---- ours ---- */

pyn_status pyn_session_export(struct pyn_session *session, void *object, const struct pyn_iface *iface, uint64_t *id,
                              uint32_t *number, bool *is_new)
{
    pyn_status st = session->state;

    *id = 0;
    *number = 0;
    *is_new = false;
    if (st != PYN_OK) {
        return st;
    }
    if (session->phase != PYN_PHASE_READY) {
        return PYN_EINTERNAL;
    }
    st = pyn_describe_send(session, iface, number);
    return st == PYN_OK ? pyn_exports_add(&session->exports, object, iface, id, is_new) : st;
}

void pyn_session_unexport(struct pyn_session *session, uint64_t id)
{
    if (id != 0) {
        (void)pyn_exports_free(&session->exports, id, 1); /* a peer that freed what it never got was faster */
    }
}

void *pyn_session_object(struct pyn_session *session, uint64_t id, const struct pyn_iface **iface)
{
    const struct pyn_export *entry = pyn_exports_held(&session->exports, id);

    *iface = entry == NULL ? NULL : pyn_export_iface(entry);
    return entry == NULL ? NULL : pyn_export_object(entry);
}

pyn_status pyn_free_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    (void)event;
    return pyn_exports_free(&session->exports, message->id, message->count);
}

void *pyn_session_reap(struct pyn_session *session)
{
    return pyn_exports_reap(&session->exports);
}

void *pyn_session_reap_loan(struct pyn_session *session)
{
    void *owner = session->out.loans != NULL ? pyn_loans_reap(session->out.loans) : NULL;

    if (owner == NULL && session->freight != NULL && session->freight->out.loans != NULL) {
        owner = pyn_loans_reap(session->freight->out.loans);
    }
    return owner;
}

size_t pyn_session_lent_len(const struct pyn_session *session)
{
    const struct pyn_loans *in_parts = session->freight != NULL ? session->freight->out.loans : NULL;

    return (session->out.loans != NULL ? session->out.loans->len : 0) + (in_parts != NULL ? in_parts->len : 0);
}

/* ---- theirs ---- */

static pyn_status import(struct pyn_session *session, uint64_t id, const struct pyn_iface *iface,
                         struct pyn_import **entry)
{
    pyn_status st = pyn_imports_add(&session->imports, id, iface, entry);

    if (st == PYN_EQUOTA && session->imports.released > 0 && pyn_session_flush_frees(session) == PYN_OK) {
        st = pyn_imports_add(&session->imports, id, iface, entry); /* those that were to be freed made room */
    }
    return st;
}

pyn_status pyn_session_held_under(const struct pyn_session *session, uint64_t id, uint32_t number,
                                  const struct pyn_iface *declared, const struct pyn_iface **iface)
{
    *iface = NULL;
    if (session->state != PYN_OK) {
        return session->state;
    }
    if (id == 0 && session->role == PYN_ROLE_SERVER) {
        return PYN_EDENIED; /* only a server has a root */
    }
    *iface = number != 0 ? pyn_described_find(session, number) : declared;
    return *iface != NULL ? PYN_OK : PYN_EDENIED;
}

pyn_status pyn_session_import(struct pyn_session *session, uint64_t id, uint32_t number,
                              const struct pyn_iface *declared, struct pyn_import **entry)
{
    const struct pyn_iface *iface = NULL;
    pyn_status st = pyn_session_held_under(session, id, number, declared, &iface);

    *entry = NULL;
    return st == PYN_OK ? import(session, id, iface, entry) : st;
}

struct pyn_import *pyn_session_held(const struct pyn_session *session, uint64_t id, const struct pyn_iface *iface)
{
    return pyn_imports_find(&session->imports, id, iface);
}

void pyn_session_release(struct pyn_session *session, struct pyn_import *entry)
{
    const uint64_t id = entry->id;

    pyn_imports_release(&session->imports, entry);
    if (id != 0) {
        pyn_cache_forget(session->cache, id, (struct pyn_view){NULL, 0});
    }
}

/* ---- going back ---- */

static pyn_status send_run(struct pyn_session *session, uint64_t id, uint64_t count)
{
    return count == 0 || id == 0 ? PYN_OK : pyn_out_reply_status(pyn_out_free(session, id, count));
}

/* References of the same id that follow each other go back in one message. */
pyn_status pyn_references_give_back(struct pyn_session *session, struct pyn_view values)
{
    struct pyn_reader rd = pyn_reader_of(values);
    struct pyn_item item;
    uint64_t run_id = 0;
    uint64_t run = 0;
    pyn_status st = PYN_OK;

    while (st == PYN_OK && pyn_reader_next(&rd, &item) == PYN_OK) {
        bool is_mine = false;
        uint64_t id = 0;
        uint32_t number = 0;
        if (pyn_item_ref(&item, &is_mine, &id, &number) != PYN_OK || !is_mine) {
            continue;
        }
        if (id != run_id) {
            st = send_run(session, run_id, run);
            run_id = id;
            run = 0;
        }
        run++;
    }
    return st == PYN_OK ? send_run(session, run_id, run) : st;
}

void pyn_session_discard(struct pyn_session *session, struct pyn_view value)
{
    if (session->state == PYN_OK) {
        pyn_status st = pyn_references_give_back(session, value);
        if (st != PYN_OK) {
            (void)pyn_session_fail(session, st);
        }
    }
}

static bool has_returned(const struct pyn_loans *loans)
{
    return loans != NULL && loans->returned != NULL;
}

__attribute__((noinline)) static bool has_lent_back(const struct pyn_session *session)
{
    return has_returned(session->out.loans) || (session->freight != NULL && has_returned(session->freight->out.loans));
}

bool pyn_session_has_dead(const struct pyn_session *session)
{
    const bool is_lending = session->out.loans != NULL || session->freight != NULL;

    return session->exports.dead != NULL || (is_lending && has_lent_back(session));
}
