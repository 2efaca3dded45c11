/* describe.c - interfaces by number: what the peer described to us, and what we described to it. */
#include "session_state.h"

/* An interface of the peer's, which was described under the number of its node. */
struct pyn_described {
    struct pyn_idnode node;
    struct pyn_described *next;
    struct pyn_policy *policy;
    const struct pyn_iface *iface;
};

/* ---- theirs ---- */

const struct pyn_iface *pyn_described_find(const struct pyn_session *session, uint32_t number)
{
    const struct pyn_described *entry = pyn_idmap_find(&session->described, number, 0);

    return entry == NULL ? NULL : entry->iface;
}

static pyn_status compile(struct pyn_session *session, struct pyn_view fragment, struct pyn_policy **out)
{
    if (session->library != NULL) {
        return session->library->load(session->library->ctx, fragment, out);
    }
    return pyn_policy_load_fragment(session->mem, fragment, out, NULL);
}

static pyn_status load(struct pyn_session *session, const struct pyn_message *message, struct pyn_described *entry)
{
    pyn_status st = compile(session, message->body, &entry->policy);

    if (st != PYN_OK) {
        return st;
    }
    entry->iface = pyn_policy_iface(entry->policy,
                                    0); /* the one that is described: it stands ahead of what its operations mention */
    pyn_idmap_add(&session->described, &entry->node, message->id, 0);
    entry->next = session->descriptions;
    session->descriptions = entry;
    return PYN_OK;
}

pyn_status pyn_describe_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    struct pyn_described *entry = NULL;
    pyn_status st = PYN_EINTERNAL;

    (void)event;
    if (pyn_described_find(session, (uint32_t)message->id) != NULL) { /* the grammar bounds it */
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
    struct pyn_described *entry = NULL;

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
    struct pyn_buf *out = &session->out.buf;
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

/* ---- asked for ---- */

/* Does a result of this type bring a reference under that name? */
static const struct pyn_iface *named_in(const struct pyn_type *type, struct pyn_view name)
{
    const struct pyn_type *const *items = type->kind == PYN_T_UNION ? type->items : &type;
    uint32_t count = type->kind == PYN_T_UNION ? type->count : 1;

    for (uint32_t i = 0; i < count; i++) {
        if (items[i]->kind == PYN_T_IFACE && items[i]->iface != NULL && pyn_view_is_equal(items[i]->iface->name, name)) {
            return items[i]->iface;
        }
    }
    return NULL;
}

static const struct pyn_iface *named_by_op(const struct pyn_op *op, struct pyn_view name)
{
    const struct pyn_iface *found = NULL;

    if (op->kind == PYN_OP_GET) {
        return named_in(op->type, name);
    }
    for (uint32_t i = 0; found == NULL && op->kind == PYN_OP_METHOD && i < op->signature_count; i++) {
        found = named_in(op->signatures[i].result, name);
    }
    return found;
}

static const struct pyn_iface *named_by(const struct pyn_iface *iface, struct pyn_view name)
{
    const struct pyn_iface *found = NULL;

    for (uint32_t i = 0; found == NULL && i < iface->op_count; i++) {
        found = named_by_op(&iface->ops[i], name);
    }
    return found;
}

static bool is_described(const struct pyn_session *session, uint64_t number)
{
    return number <= pyn_policy_iface_count(session->policy) &&
           (session->is_described[(number - 1) / 8] & (1u << (number - 1) % 8)) != 0;
}

/* What the client could come to hold by a call of an operation that it knows of is described, once; anything else is not there, and so what is looked at to
 * find it is paid for by refusals. */
pyn_status pyn_look_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    const struct pyn_iface *iface = NULL;
    uint32_t number = 0;

    (void)event;
    if (is_described(session, message->id)) {
        iface = named_by(pyn_policy_iface(session->policy, (uint32_t)message->id - 1), message->name);
    }
    if (iface == NULL || iface->fragment.len == 0 || is_described(session, iface->index + UINT64_C(1))) {
        return pyn_ledger_refusal(&session->ledger, session->now);
    }
    return pyn_out_reply_status(pyn_describe_send(session, iface, &number));
}

static const struct pyn_described *find_described(const struct pyn_session *session, struct pyn_view name)
{
    const struct pyn_described *entry = session->descriptions;

    while (entry != NULL && !pyn_view_is_equal(entry->iface->name, name)) {
        entry = entry->next;
    }
    return entry;
}

const struct pyn_iface *pyn_session_described(const struct pyn_session *session, struct pyn_view name)
{
    const struct pyn_described *entry = find_described(session, name);

    return entry != NULL ? entry->iface : NULL;
}

pyn_status pyn_session_look(struct pyn_session *session, const struct pyn_iface *from, struct pyn_view name)
{
    const struct pyn_described *entry = find_described(session, from->name);
    struct pyn_writing writing;
    pyn_status st = session->state;

    if (st != PYN_OK) {
        return st;
    }
    if (entry == NULL) {
        return PYN_EINTERNAL;
    }
    st = pyn_out_begin(session, NULL, &writing);
    if (st == PYN_OK) {
        st = pyn_message_look(&session->out.buf, (uint32_t)entry->node.id, name);
    }
    return pyn_out_end(session, &writing, st);
}
