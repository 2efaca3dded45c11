/* describe.c - interfaces by number: what the peer described to us, and what we described to it. */
#include "session_state.h"

/* An interface of the peer's, which was described under the number of its node. */
struct described {
    struct pyn_idnode node;
    struct pyn_policy *policy;
    const struct pyn_iface *iface;
};

/* ---- theirs ---- */

const struct pyn_iface *pyn_described_find(const struct pyn_session *session, uint32_t number)
{
    const struct described *entry = pyn_idmap_find(&session->described, number, 0);

    return entry == NULL ? NULL : entry->iface;
}

/* The one interface of a fragment that is described and not only named: it stands ahead of what its operations mention. */
static const struct pyn_iface *described_one(const struct pyn_policy *policy)
{
    uint32_t count = pyn_policy_iface_count(policy);

    for (uint32_t i = 0; i < count; i++) {
        const struct pyn_iface *iface = pyn_policy_iface(policy, i);
        if (!iface->is_external && !iface->is_import) {
            return iface;
        }
    }
    return NULL;
}

static pyn_status load(struct pyn_session *session, const struct pyn_message *message, struct described *entry)
{
    struct pyn_diag diag;
    pyn_status st = pyn_policy_load_fragment(session->mem, message->body, &entry->policy, &diag);

    if (st != PYN_OK) {
        return st;
    }
    entry->iface = described_one(entry->policy);
    if (entry->iface == NULL) {
        pyn_policy_unref(entry->policy);
        return PYN_EPROTOCOL;
    }
    pyn_idmap_add(&session->described, &entry->node, message->id, 0, entry);
    return PYN_OK;
}

pyn_status pyn_describe_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    struct described *entry = NULL;
    pyn_status st = PYN_EINTERNAL;

    (void)event;
    if (message->id == 0 || message->id > UINT32_MAX || pyn_described_find(session, (uint32_t)message->id) != NULL) {
        return PYN_EPROTOCOL;
    }
    if (pyn_ledger_charge(&session->ledger, PYN_Q_INTERFACES, 1) != PYN_OK) {
        return PYN_EFLOOD; /* nobody waits for an answer who could be refused */
    }
    entry = pyn_mem_new(session->mem, 1, sizeof *entry);
    st = entry == NULL ? PYN_ENOMEM : load(session, message, entry);
    if (st != PYN_OK) {
        pyn_mem_free(session->mem, entry);
        pyn_ledger_refund(&session->ledger, PYN_Q_INTERFACES, 1);
    }
    return st;
}

void pyn_described_fini(struct pyn_session *session)
{
    struct described *entry = NULL;

    while ((entry = pyn_idmap_any(&session->described)) != NULL) {
        pyn_idmap_remove(&session->described, &entry->node);
        pyn_policy_unref(entry->policy);
        pyn_mem_free(session->mem, entry);
    }
}

/* ---- ours ---- */

static pyn_status send(struct pyn_session *session, const struct pyn_iface *iface, uint32_t number)
{
    struct pyn_writing writing;
    struct pyn_buf *out = &session->out;
    pyn_status st = pyn_out_begin(session, NULL, &writing);

    if (st == PYN_OK) {
        st = pyn_pack_array(out, 3);
    }
    if (st == PYN_OK) {
        st = pyn_pack_int(out, PYN_M_DESCRIBE);
    }
    if (st == PYN_OK) {
        st = pyn_pack_uint(out, number);
    }
    if (st == PYN_OK) {
        st = pyn_buf_append(out, iface->fragment.data, iface->fragment.len);
    }
    if (st == PYN_OK) {
        st = pyn_pack_newline(out);
    }
    return pyn_out_end(session, &writing, st);
}

pyn_status pyn_describe_send(struct pyn_session *session, const struct pyn_iface *iface, uint32_t *number)
{
    uint8_t *byte = NULL;
    uint8_t bit = (uint8_t)(1u << iface->index % 8);

    *number = 0;
    if (session->role == PYN_ROLE_CLIENT || iface->fragment.len == 0) {
        return PYN_OK; /* what it is, is declared where it stands */
    }
    if (iface->policy != session->policy) {
        return PYN_EINTERNAL;
    }
    byte = &session->is_described[iface->index / 8];
    if ((*byte & bit) == 0) {
        pyn_status st = send(session, iface, iface->index + 1);
        if (st != PYN_OK) {
            return st;
        }
        *byte |= bit;
    }
    *number = iface->index + 1;
    return PYN_OK;
}
