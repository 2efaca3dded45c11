/*
 * pack.h - writes msgpack objects into a buffer, through msgpack-c's packer.
 *
 * Every function appends one object (or one header) in its shortest form.
 * Errors: those of pyn_buf_append. After one, the buffer holds a part of a message: truncate it.
 * Tests:  tests/unit/test_pack.c
 */
#ifndef PYN_PACK_H
#define PYN_PACK_H

#include "buf.h"
#include "ext.h"

pyn_status pyn_pack_nil(struct pyn_buf *buf);
pyn_status pyn_pack_bool(struct pyn_buf *buf, bool value);
pyn_status pyn_pack_uint(struct pyn_buf *buf, uint64_t value);
pyn_status pyn_pack_int(struct pyn_buf *buf, int64_t value);
pyn_status pyn_pack_float(struct pyn_buf *buf, double value); /* always float64 */
pyn_status pyn_pack_str(struct pyn_buf *buf, const void *text, size_t len);
pyn_status pyn_pack_bin(struct pyn_buf *buf, const void *data, size_t len);
/* What stands ahead of so many bytes: 4 GiB - 1 at the most, PYN_ESIZE beyond. */
pyn_status pyn_pack_str_head(struct pyn_buf *buf, size_t len);
pyn_status pyn_pack_bin_head(struct pyn_buf *buf, size_t len);
pyn_status pyn_pack_array(struct pyn_buf *buf, size_t count);
pyn_status pyn_pack_map(struct pyn_buf *buf, size_t count);
pyn_status pyn_pack_ext(struct pyn_buf *buf, int8_t code, const void *data, size_t len);

pyn_status pyn_pack_tag(struct pyn_buf *buf, enum pyn_tag tag);
pyn_status pyn_pack_mine(struct pyn_buf *buf, uint64_t id, uint32_t iface);
pyn_status pyn_pack_yours(struct pyn_buf *buf, uint64_t id);
pyn_status pyn_pack_promise(struct pyn_buf *buf, uint32_t step);

/* The byte that ends every message. */
pyn_status pyn_pack_newline(struct pyn_buf *buf);

#endif
