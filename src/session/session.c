/* session.c - a session's life. See session.h; session_state.h says which room does what. */
#include "session_state.h"

#include <assert.h>

enum {
    BLOCKS_KEPT = 128, /* calls or answers of a batch: as long as batches come */
    CLIENT_FIRST = 2,  /* lane 0 is taken: it waits for the root */
    SERVER_FIRST = 1,
};

static pyn_status begin_client(struct pyn_session *session, const struct pyn_session_config *config)
{
    struct pyn_frame *frame = NULL;
    pyn_status st = pyn_lanes_push(&session->lanes, 0, false, &frame);

    if (st != PYN_OK) {
        return st;
    }
    frame->wants_root = true;
    return pyn_hello_send(session, config->root_name.len == 0 ? NULL : &config->root_name);
}

static void init(struct pyn_session *session, const struct pyn_session_config *config)
{
    bool is_client = config->role == PYN_ROLE_CLIENT;

    session->mem = config->mem;
    session->quotas = config->quotas;
    session->large = config->large;
    session->costs = config->costs;
    if (is_client) {
        session->library = config->library;
    }
    session->peer_limits = (struct pyn_limits){SIZE_MAX, UINT32_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};
    session->part_len = SIZE_MAX;
    session->role = config->role;
    session->witness = config->witness;
    session->state = PYN_OK;
    session->now = config->now;
    pyn_ledger_init(&session->ledger, config->quotas, config->now);
    pyn_buf_init(&session->in.buf, config->mem, SIZE_MAX);
    pyn_buf_init(&session->out.buf, config->mem, (size_t)config->quotas->max[PYN_Q_OUTPUT]);
    pyn_lanes_init(&session->lanes, config->mem, is_client ? 0 : 1, is_client ? CLIENT_FIRST : SERVER_FIRST);
    pyn_pool_init(&session->blocks, config->mem, PYN_SMALL_BLOCK, BLOCKS_KEPT);
    pyn_references_init(session);
}

static pyn_status make_cache(struct pyn_session *session)
{
    session->cache = pyn_mem_new(session->mem, 1, sizeof *session->cache);
    if (session->cache == NULL) {
        return PYN_ENOMEM;
    }
    pyn_cache_init(session->cache, session->mem, &session->ledger);
    return PYN_OK;
}

void pyn_session_retune(struct pyn_session *session, const struct pyn_quotas *quotas)
{
    session->quotas = quotas;
    session->out.buf.max = (size_t)quotas->max[PYN_Q_OUTPUT];
    pyn_ledger_retune(&session->ledger, quotas);
    if (session->in.scan != NULL) { /* else one is made for the next message */
        pyn_scan_retune(session->in.scan, &quotas->limits);
    }
    pyn_references_retune(session);
}

pyn_status pyn_session_new(const struct pyn_session_config *config, struct pyn_session **out)
{
    struct pyn_session *session = pyn_mem_new(config->mem, 1, sizeof *session);
    pyn_status st = PYN_OK;

    *out = NULL;
    if (session == NULL) {
        return PYN_ENOMEM;
    }
    init(session, config);
    if (config->role == PYN_ROLE_CLIENT) {
        st = make_cache(session);
    }
    if (st == PYN_OK && config->role == PYN_ROLE_CLIENT) {
        st = begin_client(session, config);
    }
    if (st != PYN_OK) {
        pyn_session_free(session);
        return st;
    }
    *out = session;
    return PYN_OK;
}

void pyn_session_abandon(struct pyn_session *session)
{
    struct pyn_ledger *ledger = &session->ledger;

    if (session->is_abandoned) {
        return;
    }
    session->is_abandoned = true;
    if (session->state == PYN_OK) {
        session->state = PYN_EGONE;
    }
    if (!session->is_filling) {
        pyn_in_fini(session);
    }
    pyn_out_cut(session);
    pyn_serving_drop_all(session);
    pyn_cache_fini(session->cache); /* no frame is left that has a note there */
    pyn_exports_drop_all(&session->exports);
    pyn_imports_end(&session->imports);
    pyn_mem_free(session->mem, session->seen.entries);
    pyn_ledger_refund(ledger, PYN_Q_OUTPUT, ledger->used[PYN_Q_OUTPUT]); /* a last word may still be written */
    pyn_ledger_refund(ledger, PYN_Q_INTERFACES, ledger->used[PYN_Q_INTERFACES]);
}

void pyn_session_free(struct pyn_session *session)
{
    if (session == NULL) {
        return;
    }
    pyn_session_abandon(session);
    pyn_in_fini(session); /* an abandon keeps it for who is putting bytes there */
    assert(session->turns == 0 && session->batches == 0);
    assert(!pyn_session_has_dead(session));
    assert(pyn_ledger_is_clear(&session->ledger));
    pyn_exports_fini(&session->exports);
    pyn_imports_fini(&session->imports);
    pyn_lanes_fini(&session->lanes);
    pyn_pool_fini(&session->blocks);
    pyn_mem_free(session->mem, session->out.loans);
    if (session->freight != NULL) {
        pyn_mem_free(session->mem, session->freight->out.loans);
        pyn_mem_free(session->mem, session->freight);
    }
    pyn_mem_free(session->mem, session->in.scan);
    pyn_mem_free(session->mem, session->cache);
    pyn_described_fini(session);
    if (session->is_described != session->few_described) {
        pyn_mem_free(session->mem, session->is_described);
    }
    pyn_policy_unref(session->policy);
    pyn_buf_fini(&session->out.buf);
    pyn_mem_free(session->mem, session);
}

/* What stands in the input belongs to a scan that is under way. */
static void rest_input(struct pyn_session *session)
{
    if (pyn_buf_len(&session->in.buf) == 0 && session->in.whole == 0) {
        pyn_buf_fini(&session->in.buf);
        pyn_mem_free(session->mem, session->in.scan);
        session->in.scan = NULL;
    }
}

void pyn_session_trim(struct pyn_session *session)
{
    pyn_pool_trim(&session->blocks);
}

static void rest_outlet(const struct pyn_session *session, struct pyn_outlet *outlet)
{
    if (pyn_buf_len(&outlet->buf) == 0) {
        pyn_buf_fini(&outlet->buf);
    }
    if (outlet->loans != NULL && pyn_loans_is_idle(outlet->loans)) {
        pyn_mem_free(session->mem, outlet->loans);
        outlet->loans = NULL;
    }
}

static void rest_freight(struct pyn_session *session)
{
    struct pyn_freight *freight = session->freight;

    if (freight != NULL && pyn_freight_len(freight, false) == 0) {
        rest_outlet(session, &freight->out);
        session->freight_lane = freight->out.lane;
        if (freight->out.loans == NULL) {
            pyn_mem_free(session->mem, freight);
            session->freight = NULL;
        }
    }
}

void pyn_session_rest(struct pyn_session *session)
{
    if (session->state != PYN_OK || session->is_filling) {
        return;
    }
    rest_input(session);
    pyn_parts_rest(session);
    rest_outlet(session, &session->out);
    rest_freight(session);
    pyn_mem_free(session->mem, session->seen.entries);
    session->seen = (struct pyn_holds){0};
    pyn_pool_rest(&session->blocks);
    pyn_lanes_rest(&session->lanes);
}

enum pyn_role pyn_session_role(const struct pyn_session *session)
{
    return session->role;
}

bool pyn_session_is_ready(const struct pyn_session *session)
{
    return session->phase == PYN_PHASE_READY;
}

const struct pyn_ledger *pyn_session_ledger(const struct pyn_session *session)
{
    return &session->ledger;
}

const struct pyn_limits *pyn_session_peer_limits(const struct pyn_session *session)
{
    return &session->peer_limits;
}

pyn_status pyn_session_state(const struct pyn_session *session)
{
    return session->state;
}
