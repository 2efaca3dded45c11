/* encode.c - a value leaves, if its declared type lets it. The encoder, and which room a type belongs to. */
#include "encode.h"

#include "../wire/pack.h"
#include "pipeline.h"

int pyn_packed(const struct pyn_encoder *encoder, pyn_status st)
{
    if (st == PYN_OK) {
        return 0;
    }
    if (st == PYN_ESIZE) {
        PyErr_Format(pyn_core.quota_exceeded, "message: %zu", encoder->message_max);
    } else {
        PyErr_NoMemory();
    }
    return -1;
}

/* ---- the encoder ---- */

/*
 * Most messages fit in a block that one of them has left: it is sooner found than made. Guarded by the interpreter's lock. Not under AddressSanitizer,
 * which is to see a block that is used after it was given back.
 */
#if defined(__SANITIZE_ADDRESS__)
enum { IS_KEEPING = 0 };
#else
enum { IS_KEEPING = 1 };
#endif
enum { SPARE_ROOM = 256 };
static uint8_t *spare;

static void take_spare(struct pyn_buf *buf)
{
    if (spare != NULL && buf->max >= SPARE_ROOM) {
        buf->block = spare;
        buf->room = SPARE_ROOM;
        spare = NULL;
    }
}

static void leave_spare(struct pyn_buf *buf)
{
    if (IS_KEEPING && spare == NULL && buf->room == SPARE_ROOM && buf->mem == pyn_mem_default()) {
        spare = buf->block;
        *buf = (struct pyn_buf){.mem = buf->mem};
    }
}

enum {
    AROUND = 2,         /* containers around a value: the message, and the arguments */
    AROUND_OBJECTS = 9, /* objects, at most: both of them, the kind, reference, name, keywords, options, one of these */
    AROUND_STEP = 4,    /* containers in a batch: the steps, and the step, as well */
    BATCH_ROOM = 32,    /* bytes of a batch that belong to no step */
};

void pyn_encoder_init(struct pyn_encoder *encoder, struct pyn_link *link, struct pyn_book *book, size_t ahead)
{
    size_t most = link->quotas->limits.message_max;

    *encoder = (struct pyn_encoder){
        .link = link, .party = link->host, .book = book, .depth = AROUND, .element_count = AROUND_OBJECTS};
    encoder->peer = *pyn_session_peer_limits(link->session); /* it has said so in its hello, and never again */
    if (encoder->peer.message_max < most) {
        most = encoder->peer.message_max;
    }
    encoder->message_max = most;
    pyn_buf_init(&encoder->buf, pyn_mem_default(), most > ahead ? most - ahead : 0);
    take_spare(&encoder->buf);
}

void pyn_encoder_init_step(struct pyn_encoder *encoder, struct pyn_link *link, struct pyn_book *book,
                           struct pyn_draft *draft)
{
    pyn_encoder_init(encoder, link, book, BATCH_ROOM);
    encoder->depth = AROUND_STEP;
    encoder->draft = draft;
}

static void unexport(struct pyn_encoder *encoder, size_t keep)
{
    if (encoder->id_count == keep) {
        return;
    }
    pyn_link_lock(encoder->link);
    while (encoder->id_count > keep) {
        encoder->id_count--;
        if (encoder->link->over == PYN_OK) {
            pyn_session_unexport(encoder->link->session, encoder->ids[encoder->id_count]);
        }
    }
    pyn_link_unlock(encoder->link);
}

void pyn_encoder_fini(struct pyn_encoder *encoder, bool was_sent)
{
    if (!was_sent) {
        unexport(encoder, 0);
    }
    pyn_encoder_drop_loans(encoder, 0);
    leave_spare(&encoder->buf);
    pyn_buf_fini(&encoder->buf);
    pyn_mem_free(pyn_mem_default(), encoder->loans);
    if (encoder->ids != NULL) {
        PyMem_Free(encoder->ids);
    }
}

struct pyn_mark pyn_encoder_mark(const struct pyn_encoder *encoder)
{
    return (struct pyn_mark){pyn_buf_len(&encoder->buf), encoder->element_count, encoder->id_count, encoder->loan_count};
}

void pyn_encoder_rewind(struct pyn_encoder *encoder, struct pyn_mark mark)
{
    pyn_buf_truncate(&encoder->buf, mark.len);
    pyn_encoder_drop_loans(encoder, mark.loan_count);
    encoder->element_count = mark.element_count > AROUND_OBJECTS ? mark.element_count : AROUND_OBJECTS;
    if (encoder->draft != NULL) {
        pyn_draft_rewind(encoder->draft, mark.len);
    }
    unexport(encoder, mark.id_count);
}

int pyn_encoder_remember_id(struct pyn_encoder *encoder, uint64_t id)
{
    if (encoder->id_count == encoder->id_room) {
        size_t room = encoder->id_room == 0 ? 4 : encoder->id_room * 2;
        uint64_t *grown = PyMem_Realloc(encoder->ids, room * sizeof *grown);
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        encoder->ids = grown;
        encoder->id_room = room;
    }
    encoder->ids[encoder->id_count++] = id;
    return 0;
}

static int no_room(const char *what, size_t most)
{
    PyErr_Format(pyn_core.quota_exceeded, "%s: %zu", what, most);
    return -1;
}

int pyn_encode_more(struct pyn_encoder *encoder, size_t objects)
{
    encoder->element_count += objects;
    return encoder->element_count > encoder->peer.element_max ? no_room("elements", encoder->peer.element_max) : 0;
}

int pyn_encode_open(struct pyn_encoder *encoder)
{
    return encoder->depth > encoder->peer.depth_max ? no_room("depth", encoder->peer.depth_max) : 0;
}

int pyn_encode_keys(struct pyn_encoder *encoder, size_t count)
{
    encoder->key_count += count;
    return encoder->key_count > encoder->peer.key_max ? no_room("keys", encoder->peer.key_max) : 0;
}

int pyn_encode_items(const struct pyn_encoder *encoder, size_t count)
{
    return count > encoder->peer.key_max ? no_room("keys", encoder->peer.key_max) : 0;
}

int pyn_encode_array(struct pyn_encoder *encoder, size_t count, const enum pyn_tag *tag)
{
    pyn_status st = PYN_OK;

    if (pyn_encode_open(encoder) != 0 || pyn_encode_more(encoder, tag != NULL) != 0) {
        return -1;
    }
    st = pyn_pack_array(&encoder->buf, count + (tag != NULL ? 1 : 0));

    return pyn_packed(encoder, st == PYN_OK && tag != NULL ? pyn_pack_tag(&encoder->buf, *tag) : st);
}

/* ---- unions ---- */

/* A named tuple is a record before it is a tuple, an enum's member an enum before it is an int. */
static int rank(enum pyn_type_kind kind)
{
    return kind == PYN_T_RECORD || kind == PYN_T_ENUM ? 0 : 1;
}

static int encode_union(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    struct pyn_mark mark = pyn_encoder_mark(encoder);

    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < type->count; i++) {
            int result = PYN_MISFIT;
            if (type->items[i]->kind == PYN_T_IFACE || rank(type->items[i]->kind) != pass) {
                continue;
            }
            result = pyn_encode(encoder, value, type->items[i]);
            if (result != PYN_MISFIT) {
                return result;
            }
            pyn_encoder_rewind(encoder, mark);
        }
    }
    return pyn_encode_best_reference(encoder, value, type);
}

/* ---- the whole ---- */

/* One value more, one level deeper: what the peer would not take is not sent, and nothing here goes deeper than that. */
static int enter(struct pyn_encoder *encoder)
{
    if (pyn_encode_more(encoder, 1) != 0) {
        return -1;
    }
    if (encoder->depth > encoder->peer.depth_max) {
        return no_room("depth", encoder->peer.depth_max);
    }
    encoder->depth++;
    return 0;
}

static int encode_as(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    if (encoder->draft != NULL && pyn_promise_is(value)) {
        return pyn_encode_promise(encoder, value, type);
    }
    switch (type->kind) {
    case PYN_T_LITERAL_STR:
    case PYN_T_LITERAL_INT:
    case PYN_T_LITERAL_BOOL:
        return pyn_encode_literal(encoder, value, type);
    case PYN_T_TUPLE:
    case PYN_T_TUPLE_OF:
        return pyn_encode_tuple(encoder, value, type);
    case PYN_T_FROZENSET:
    case PYN_T_COPY_LIST:
    case PYN_T_COPY_SET:
    case PYN_T_COPY_DICT:
        return pyn_encode_copy(encoder, value, type);
    case PYN_T_BYTEARRAY:
    case PYN_T_MEMORYVIEW:
    case PYN_T_BUFFER:
        return pyn_encode_buffer(encoder, value, type->kind);
    case PYN_T_NDARRAY:
        return pyn_encode_ndarray(encoder, value, type);
    case PYN_T_ENUM:
        return pyn_encode_enum(encoder, value, type->enumeration);
    case PYN_T_RECORD:
        return pyn_encode_record(encoder, value, type->record);
    case PYN_T_IFACE:
        return pyn_encode_reference(encoder, value, type);
    case PYN_T_UNION:
        return encode_union(encoder, value, type);
    case PYN_T_DATA:
        return pyn_encode_bare_data(encoder, value);
    case PYN_T_NEVER:
        return PYN_MISFIT;
    default:
        return pyn_encode_scalar(encoder, value, type->kind);
    }
}

int pyn_encode(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type)
{
    int result = enter(encoder);

    if (result == 0) {
        result = encode_as(encoder, value, type);
        encoder->depth--;
    }
    return result;
}

int pyn_encode_data(struct pyn_encoder *encoder, PyObject *value)
{
    int result = enter(encoder);

    if (result == 0) {
        result = encoder->draft != NULL && pyn_promise_is(value) ? pyn_encode_promise(encoder, value, NULL)
                                                                 : pyn_encode_bare_data(encoder, value);
        encoder->depth--;
    }
    return result;
}
