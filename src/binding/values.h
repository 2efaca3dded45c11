/*
 * values.h - between Python's values and the wire, directed by the declared type: one pass both checks and writes.
 *
 * Nothing here calls user code, but for the constructors of records that the policy lists and the fields of their instances.
 * Owns:    an encoder holds its bytes, one export count for each reference in them, and a reference of each object that lends some, until they are sent
 *          or rewound.
 * Threads: the interpreter's lock; the link's lock is taken for single steps.
 * Errors:  -1 or NULL with an exception. A value that does not fit its type is PYN_MISFIT, without one.
 */
#ifndef PYN_VALUES_H
#define PYN_VALUES_H

#include "book.h"

/* Whom a link belongs to: the head of a Connection and of a Server. link->host points to it. */
struct pyn_party {
    PyObject_HEAD
    struct pyn_book *book;  /* server: of its policy */
    struct pyn_book *first; /* client, owned: that of its first description; most have no other */
    PyObject *books; /* client: dict, address of a policy -> capsule of its book: of those behind it; NULL: there are none */
    PyObject *roots; /* server: tuple of the served objects; what it holds is not counted for each connection */
    PyObject *types; /* client: dict, what stands for the server's records and enums, or NULL */
    bool is_server;
    bool has_loop;          /* client: an event loop drives it */
    struct pyn_scope scope; /* client: which server */
};

/* The book of a policy that this link uses. Borrowed. */
struct pyn_book *pyn_party_book(struct pyn_party *party, const struct pyn_policy *policy);
/* A client's goes. */
void pyn_party_fini(struct pyn_party *party);

/* Is it one of the served objects? They live as long as the server: a session that holds one counts nothing. */
bool pyn_party_is_root(const struct pyn_party *party, const PyObject *object);

enum { PYN_FITS = 0, PYN_MISFIT = 1 };

struct pyn_draft;

struct pyn_encoder {
    struct pyn_link *link;
    struct pyn_party *party;
    struct pyn_book *book;
    struct pyn_buf buf;
    size_t message_max;     /* of the whole message */
    struct pyn_limits peer; /* what the peer takes in one message */
    size_t element_count;
    size_t key_count; /* of the maps that are open */
    uint32_t depth;
    struct pyn_draft *draft; /* a step of a pipeline, in which promises may stand; else NULL */
    bool may_lend;           /* large bytes are not copied: they are sent from where they are */
    struct pyn_loan *loans;  /* each with a strong reference, unless it was taken */
    uint32_t loan_count;
    uint32_t loan_room;
    uint64_t *ids; /* exported for these bytes */
    size_t id_count;
    size_t id_room;
};

/* ahead: bytes of the message that are not packed here. */
void pyn_encoder_init(struct pyn_encoder *encoder, struct pyn_link *link, struct pyn_book *book, size_t ahead);
/* For a step of a pipeline, or some of them. */
void pyn_encoder_init_step(struct pyn_encoder *encoder, struct pyn_link *link, struct pyn_book *book,
                           struct pyn_draft *draft);
/* Gives the bytes back, and the exports unless they were sent. */
void pyn_encoder_fini(struct pyn_encoder *encoder, bool was_sent);

struct pyn_mark {
    size_t len;
    size_t element_count;
    size_t id_count;
    uint32_t loan_count;
};
/* What it holds, with what it lends. Borrowed: what is taken of it is noted in the encoder. */
struct pyn_parcel pyn_encoder_parcel(const struct pyn_encoder *encoder);

struct pyn_mark pyn_encoder_mark(const struct pyn_encoder *encoder);
void pyn_encoder_rewind(struct pyn_encoder *encoder, struct pyn_mark mark);

int pyn_encode(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type);
/* Any data. */
int pyn_encode_data(struct pyn_encoder *encoder, PyObject *value);
/* A scalar of one of Python's own types: PYN_MISFIT when it is none. Shared by the two above. */
int pyn_encode_scalar(struct pyn_encoder *encoder, PyObject *value, enum pyn_type_kind kind);
/* So many objects more than the values that are packed by the above: 0, or -1 when the peer would not take them. */
int pyn_encode_more(struct pyn_encoder *encoder, size_t objects);
/* A map of so many keys begins, whose end takes them off encoder->key_count again. The same errors. */
int pyn_encode_keys(struct pyn_encoder *encoder, size_t count);
/* A packer's status as an exception: 0 or -1. */
int pyn_packed(const struct pyn_encoder *encoder, pyn_status st);

struct pyn_decoder {
    struct pyn_link *link;
    struct pyn_party *party;
    struct pyn_book *book;
    struct pyn_reader reader;
    bool is_paged;  /* as of struct pyn_call */
    bool is_narrow; /* as of struct pyn_call */
};

/* The next value, which pyn_type_fit() has accepted. type NULL: data. */
PyObject *pyn_decode(struct pyn_decoder *decoder, const struct pyn_type *type);
/* It failed: every reference of the peer's that was not decoded is given back. */
void pyn_decoder_give_up(struct pyn_decoder *decoder);
/* An ext that is neither a reference nor a tag. */
PyObject *pyn_decode_ext(const struct pyn_item *item);

/* Two's complement, big endian. */
PyObject *pyn_int_to_bytes(PyObject *number, Py_ssize_t len);
PyObject *pyn_int_from_bytes(struct pyn_view bytes);
void pyn_store_double(uint8_t *out, double value);
double pyn_load_double(const uint8_t *data);

bool pyn_is_moment(PyObject *value, enum pyn_type_kind kind);

/* The scalars of datetime, decimal and uuid. PYN_MISFIT when it is none of kind. */
int pyn_encode_moment(struct pyn_encoder *encoder, PyObject *value, enum pyn_type_kind kind);
PyObject *pyn_decode_moment(const struct pyn_item *item);

#endif
