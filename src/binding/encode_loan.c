/* encode_loan.c - large bytes and texts leave from where they are: the encoder lends them, and keeps their owner until they were written. */
#include "../wire/pack.h"
#include "encode.h"

enum {
    LEND_MIN = 64 * 1024,  /* bytes: fewer are copied sooner than they are written by themselves */
    RESULT_MIN = 4u << 20, /* a server lends as many whatever is lent already: they are too dear to copy */
    LENT_SHARE = 8,        /* what it lends of fewer is a part of the memory that the peer may make it hold */
};

void pyn_encoder_drop_loans(struct pyn_encoder *encoder, uint32_t keep)
{
    while (encoder->loan_count > keep) {
        struct pyn_loan *loan = &encoder->loans[--encoder->loan_count];
        encoder->buf.max += loan->bytes.len;
        Py_XDECREF((PyObject *)loan->owner); /* bytes or str, of no subclass: it runs nothing */
    }
}

struct pyn_parcel pyn_encoder_parcel(const struct pyn_encoder *encoder)
{
    return (struct pyn_parcel){pyn_buf_view(&encoder->buf), encoder->loans, encoder->loan_count};
}

/* msgpack has no longer ones. -1 with an exception. */
static int check_length(const struct pyn_encoder *encoder, size_t len)
{
    if (len <= UINT32_MAX || len > encoder->message_max) { /* beyond the message's own limit it is that which counts */
        return 0;
    }
    PyErr_Format(pyn_core.quota_exceeded, "value: %lu bytes of bytes or text, this has %zu: send it in pieces",
                 (unsigned long)UINT32_MAX, len);
    return -1;
}

static int make_room(struct pyn_encoder *encoder)
{
    uint32_t room = encoder->loan_room == 0 ? 4 : encoder->loan_room * 2;
    struct pyn_loan *grown = NULL;

    if (encoder->loan_count < encoder->loan_room) {
        return 0;
    }
    grown = pyn_mem_resize(pyn_mem_default(), encoder->loans, room, sizeof *grown); /* ours, not the call's */
    if (grown == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    encoder->loans = grown;
    encoder->loan_room = room;
    return 0;
}

/* The head stands in the buffer. */
static int lend(struct pyn_encoder *encoder, PyObject *owner, struct pyn_view bytes)
{
    if (bytes.len > encoder->buf.max - pyn_buf_len(&encoder->buf)) {
        return pyn_packed(encoder, PYN_ESIZE);
    }
    if (make_room(encoder) != 0) {
        return -1;
    }
    encoder->loans[encoder->loan_count++] = (struct pyn_loan){
        .at = pyn_buf_len(&encoder->buf), .bytes = bytes, .owner = Py_NewRef(owner)};
    encoder->buf.max -= bytes.len; /* it is one message all the same */
    return 0;
}

/*
 * What a call has made and a server lends counts as what that call has left behind, until it is written: a peer that asks for more before it reads would
 * find so much less room for its next calls. So there is only some of it.
 */
static bool has_share(const struct pyn_encoder *encoder, size_t len)
{
    const uint64_t memory = encoder->link->quotas->max[PYN_Q_MEMORY];
    size_t lent = 0;

    if (memory == 0) {
        return true;
    }
    for (uint32_t i = 0; i < encoder->loan_count; i++) {
        lent += encoder->loans[i].bytes.len;
    }
    pyn_link_lock(encoder->link);
    lent += pyn_session_lent_len(encoder->link->session);
    pyn_link_unlock(encoder->link);
    return len <= memory / LENT_SHARE && lent <= memory / LENT_SHARE - len;
}

static bool may_lend(const struct pyn_encoder *encoder, size_t len)
{
    return encoder->may_lend && len >= LEND_MIN &&
           (!encoder->party->is_server || len >= RESULT_MIN || has_share(encoder, len));
}

static bool is_lent(const struct pyn_encoder *encoder, PyObject *owner, size_t len)
{
    return (PyBytes_CheckExact(owner) || PyUnicode_CheckExact(owner)) && may_lend(encoder, len);
}

int pyn_encode_kept_bin(struct pyn_encoder *encoder, PyObject *owner, const void *data, size_t len)
{
    if (check_length(encoder, len) != 0) {
        return -1;
    }
    if (!is_lent(encoder, owner, len)) {
        return pyn_packed(encoder, pyn_pack_bin(&encoder->buf, data, len));
    }
    if (pyn_packed(encoder, pyn_pack_bin_head(&encoder->buf, len)) != 0) {
        return -1;
    }
    return lend(encoder, owner, (struct pyn_view){data, len});
}

int pyn_encode_kept_str(struct pyn_encoder *encoder, PyObject *owner, const void *data, size_t len)
{
    if (check_length(encoder, len) != 0) {
        return -1;
    }
    if (!is_lent(encoder, owner, len)) {
        return pyn_packed(encoder, pyn_pack_str(&encoder->buf, data, len));
    }
    if (pyn_packed(encoder, pyn_pack_str_head(&encoder->buf, len)) != 0) {
        return -1;
    }
    return lend(encoder, owner, (struct pyn_view){data, len});
}

int pyn_encode_changing_bin(struct pyn_encoder *encoder, const void *data, size_t len)
{
    const size_t least = encoder->party->is_server ? RESULT_MIN : LEND_MIN; /* the copy is its call's */
    PyObject *copy = NULL;
    int result = -1;

    if (check_length(encoder, len) != 0) {
        return -1;
    }
    if (!encoder->may_lend || len < least || len > encoder->message_max) {
        return pyn_packed(encoder, pyn_pack_bin(&encoder->buf, data, len));
    }
    copy = PyBytes_FromStringAndSize(data, (Py_ssize_t)len);
    if (copy != NULL) {
        result = pyn_encode_kept_bin(encoder, copy, PyBytes_AS_STRING(copy), len);
        Py_DECREF(copy);
    }
    return result;
}

/* A text that is not ASCII has no UTF-8 of its own: Python would make one, and keep it as long as the text. */
int pyn_encode_str(struct pyn_encoder *encoder, PyObject *value)
{
    Py_ssize_t len = 0;
    const char *text = NULL;
    PyObject *bytes = NULL;
    int result = -1;

    if (PyUnicode_GetLength(value) < LEND_MIN || PyUnicode_IS_ASCII(value)) {
        text = PyUnicode_AsUTF8AndSize(value, &len);
        return text == NULL ? -1 : pyn_encode_kept_str(encoder, value, text, (size_t)len);
    }
    bytes = PyUnicode_AsUTF8String(value);
    if (bytes != NULL) {
        result = pyn_encode_kept_str(encoder, bytes, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
        Py_DECREF(bytes);
    }
    return result;
}
