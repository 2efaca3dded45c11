/* hello.c - the beginning: who is there, and the root. */
#include "session_state.h"

static const struct pyn_sending IN_FIRST_LANE = {.lane = 0};

pyn_status pyn_hello_send(struct pyn_session *session, const struct pyn_view *root_name)
{
    struct pyn_writing writing;
    pyn_status st = pyn_out_begin(session, NULL, &writing);

    if (st == PYN_OK) {
        st = pyn_message_hello(&session->out.buf, root_name, &session->quotas->limits,
                               session->quotas->max[PYN_Q_REFERENCES]);
    }
    return pyn_out_end(session, &writing, st);
}

static bool is_word(struct pyn_view text, const char *word, size_t len)
{
    return text.len == len && memcmp(text.data, word, len) == 0;
}

/* What a sender does not say it does not limit; what we do not know is left aside, for there may be more some day. */
static pyn_status note_limit(struct pyn_session *session, struct pyn_view name, struct pyn_reader value)
{
    struct pyn_limits *limits = &session->peer_limits;
    const bool is_depth = is_word(name, "depth", 5);
    size_t *limit = NULL;
    uint64_t number = 0;

    if (is_word(name, "message", 7)) {
        limit = &limits->message_max;
    } else if (is_word(name, "elements", 8)) {
        limit = &limits->element_max;
    } else if (is_word(name, "keys", 4)) {
        limit = &limits->key_max;
    } else if (is_word(name, "integer", 7)) {
        limit = &limits->int_max;
    } else if (is_word(name, "part", 4)) {
        limit = &session->peer_part;
    } else if (!is_depth) {
        return PYN_OK;
    }
    if (pyn_reader_uint(&value, &number) != PYN_OK) {
        return PYN_EFORMAT;
    }
    if (is_depth) {
        limits->depth_max = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
    } else {
        *limit = number < SIZE_MAX ? (size_t)number : SIZE_MAX;
    }
    return PYN_OK;
}

static pyn_status note_limits(struct pyn_session *session, struct pyn_view map)
{
    struct pyn_reader reader = pyn_reader_of(map);
    uint32_t count = 0;
    pyn_status st = pyn_reader_map(&reader, &count);

    for (uint32_t i = 0; st == PYN_OK && i < count; i++) {
        struct pyn_view name;
        st = pyn_reader_str(&reader, &name);
        if (st == PYN_OK) {
            st = note_limit(session, name, reader);
        }
        if (st == PYN_OK) {
            st = pyn_reader_skip(&reader);
        }
    }
    return st;
}

/* input.c lets a hello through only where it is due. */
pyn_status pyn_hello_take(struct pyn_session *session, const struct pyn_message *message, struct pyn_event *event)
{
    pyn_status st = note_limits(session, message->body);

    if (st != PYN_OK) {
        return st;
    }
    if (session->peer_part >= PYN_FREIGHT_PART_LEAST) {
        session->part_len = session->peer_part < PYN_FREIGHT_PART ? session->peer_part : PYN_FREIGHT_PART;
    }
    if (session->role == PYN_ROLE_CLIENT) {
        session->phase = PYN_PHASE_READY;
        return message->has_name ? PYN_EPROTOCOL : PYN_OK; /* a server asks for no root */
    }
    session->phase = PYN_PHASE_WELCOME;
    event->kind = PYN_EV_HELLO;
    event->root_name = message->name;
    return PYN_OK;
}

static pyn_status send_root(struct pyn_session *session, uint32_t number)
{
    struct pyn_writing writing;
    pyn_status st = pyn_out_begin(session, &IN_FIRST_LANE, &writing);

    if (st == PYN_OK) {
        st = pyn_buf_append(&session->out.buf, pyn_return_head, sizeof pyn_return_head);
    }
    if (st == PYN_OK) {
        st = pyn_pack_mine(&session->out.buf, 0, number);
    }
    if (st == PYN_OK) {
        st = pyn_pack_newline(&session->out.buf);
    }
    return pyn_out_end(session, &writing, st);
}

static pyn_status prepare_policy(struct pyn_session *session, const struct pyn_iface *iface)
{
    size_t bytes = (size_t)pyn_policy_iface_count(iface->policy) / 8 + 1;

    session->is_described = bytes <= sizeof session->few_described ? session->few_described
                                                                   : pyn_mem_new(session->mem, bytes, 1);
    if (session->is_described == NULL) {
        return PYN_ENOMEM;
    }
    /* Its count is all that ever changes of a policy, and it is atomic. */
    session->policy = pyn_policy_ref((struct pyn_policy *)(uintptr_t)iface->policy);
    return PYN_OK;
}

static pyn_status greet(struct pyn_session *session, const struct pyn_iface *iface)
{
    uint32_t number = 0;
    pyn_status st = pyn_hello_send(session, NULL);

    if (st == PYN_OK) {
        st = pyn_describe_send(session, iface, &number);
    }
    if (st == PYN_OK && number == 0) {
        st = PYN_EINTERNAL; /* a root is an interface with a name */
    }
    return st == PYN_OK ? send_root(session, number) : st;
}

pyn_status pyn_session_welcome(struct pyn_session *session, void *object, const struct pyn_iface *iface)
{
    pyn_status st = session->state;

    if (st != PYN_OK) {
        return st;
    }
    if (session->role != PYN_ROLE_SERVER || session->phase != PYN_PHASE_WELCOME) {
        return PYN_EINTERNAL;
    }
    st = prepare_policy(session, iface);
    if (st == PYN_OK) {
        st = greet(session, iface);
    }
    if (st != PYN_OK) {
        return pyn_session_fail(session, st);
    }
    pyn_exports_root(&session->exports, object, iface); /* last: on failure the object was not taken */
    session->phase = PYN_PHASE_READY;
    return PYN_OK;
}
