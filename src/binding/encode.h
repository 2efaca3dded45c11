/*
 * encode.h - the rooms of the encoder: each writes the values of some types. Private to encode*.c.
 *
 * Every function returns 0, PYN_MISFIT (the value is of another kind; nothing has run that the caller could not take back with
 * pyn_encoder_rewind()), or -1 with an exception.
 * Tests:   tests/python/test_values.py
 */
#ifndef PYN_ENCODE_H
#define PYN_ENCODE_H

#include "decode.h"
#include "values.h"

/* encode.c */

/* A value may have an array or a map at its place: the peer takes one that stands so deep. */
int pyn_encode_open(struct pyn_encoder *encoder);
/* This and pyn_encode_more(), for the head of an array of count items, and ahead of them the tag, which may be NULL. */
int pyn_encode_array(struct pyn_encoder *encoder, size_t count, const enum pyn_tag *tag);
/* A set, or a dict as an array, of so many items. */
int pyn_encode_items(const struct pyn_encoder *encoder, size_t count);
/* id was exported for these bytes: it is taken back unless they are sent. */
int pyn_encoder_remember_id(struct pyn_encoder *encoder, uint64_t id);

/* encode_loan.c */

/* len bytes that owner keeps, and that never change: sent from where they are, when they are many and the encoder may lend; else copied. */
int pyn_encode_kept_bin(struct pyn_encoder *encoder, PyObject *owner, const void *data, size_t len);
int pyn_encode_kept_str(struct pyn_encoder *encoder, PyObject *owner, const void *data, size_t len);
/* A snapshot of bytes that may change at any time. */
int pyn_encode_changing_bin(struct pyn_encoder *encoder, const void *data, size_t len);
/* Those beyond the first keep are the encoder's no longer. */
void pyn_encoder_drop_loans(struct pyn_encoder *encoder, uint32_t keep);

int pyn_encode_str(struct pyn_encoder *encoder, PyObject *value);

/* encode_scalar.c */
int pyn_encode_literal(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type);
/* PYN_T_NEVER: it is no scalar. */
enum pyn_type_kind pyn_scalar_kind(PyObject *value);

/* encode_container.c */
int pyn_encode_tuple(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type);
int pyn_encode_copy(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type);
/* As pyn_encode_data(), of a value that was counted already. */
int pyn_encode_bare_data(struct pyn_encoder *encoder, PyObject *value);

/* encode_buffer.c */
int pyn_encode_buffer(struct pyn_encoder *encoder, PyObject *value, enum pyn_type_kind kind);
int pyn_encode_ndarray(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type);

/* encode_record.c */
int pyn_encode_record(struct pyn_encoder *encoder, PyObject *value, const struct pyn_record *record);
int pyn_encode_enum(struct pyn_encoder *encoder, PyObject *value, const struct pyn_enum *enumeration);

/* encode_reference.c */
int pyn_encode_reference(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type);
/* The alternatives of a union that are references: the most derived one that fits. */
int pyn_encode_best_reference(struct pyn_encoder *encoder, PyObject *value, const struct pyn_type *type);

#endif
