/* pack.c - see pack.h. */
#include "pack.h"

#include <msgpack/pack.h>

#include "bigend.h"

/* What msgpack-c's packer writes into: it knows only failed or not, the status is kept here. */
struct sink {
    struct pyn_buf *buf;
    pyn_status st;
};

static int sink_write(void *data, const char *bytes, size_t len)
{
    struct sink *sink = data;

    sink->st = pyn_buf_append(sink->buf, bytes, len);
    return sink->st == PYN_OK ? 0 : -1;
}

static msgpack_packer packer_of(struct sink *sink)
{
    return (msgpack_packer){sink, sink_write};
}

/* Most heads are one byte, which needs no packer. */
static pyn_status put_byte(struct pyn_buf *buf, uint64_t byte)
{
    const uint8_t one = (uint8_t)byte;

    return pyn_buf_append(buf, &one, 1);
}

enum { FIXINT_END = 0x80, FIXSTR = 0xa0, FIXSTR_END = 32, FIXARRAY = 0x90, FIXMAP = 0x80, FIX_END = 16 };

pyn_status pyn_pack_nil(struct pyn_buf *buf)
{
    struct sink sink = {buf, PYN_EINTERNAL};
    msgpack_packer pk = packer_of(&sink);

    (void)msgpack_pack_nil(&pk);
    return sink.st;
}

pyn_status pyn_pack_bool(struct pyn_buf *buf, bool value)
{
    struct sink sink = {buf, PYN_EINTERNAL};
    msgpack_packer pk = packer_of(&sink);

    (void)(value ? msgpack_pack_true(&pk) : msgpack_pack_false(&pk));
    return sink.st;
}

pyn_status pyn_pack_uint(struct pyn_buf *buf, uint64_t value)
{
    struct sink sink = {buf, PYN_EINTERNAL};
    msgpack_packer pk = packer_of(&sink);

    if (value < FIXINT_END) {
        return put_byte(buf, value);
    }
    (void)msgpack_pack_uint64(&pk, value);
    return sink.st;
}

pyn_status pyn_pack_int(struct pyn_buf *buf, int64_t value)
{
    struct sink sink = {buf, PYN_EINTERNAL};
    msgpack_packer pk = packer_of(&sink);

    if (value >= 0 && value < FIXINT_END) {
        return put_byte(buf, (uint64_t)value);
    }
    (void)msgpack_pack_int64(&pk, value);
    return sink.st;
}

pyn_status pyn_pack_float(struct pyn_buf *buf, double value)
{
    struct sink sink = {buf, PYN_EINTERNAL};
    msgpack_packer pk = packer_of(&sink);

    (void)msgpack_pack_double(&pk, value);
    return sink.st;
}

/* The bytes behind a header that went well. */
static pyn_status append_body(struct sink *sink, const void *data, size_t len)
{
    return sink->st == PYN_OK ? pyn_buf_append(sink->buf, data, len) : sink->st;
}

pyn_status pyn_pack_str_head(struct pyn_buf *buf, size_t len)
{
    struct sink sink = {buf, PYN_EINTERNAL};
    msgpack_packer pk = packer_of(&sink);

    if (len > UINT32_MAX) { /* the packer would write a part of the length */
        return PYN_ESIZE;
    }
    if (len < FIXSTR_END) {
        return put_byte(buf, FIXSTR | len);
    }
    (void)msgpack_pack_str(&pk, len);
    return sink.st;
}

pyn_status pyn_pack_bin_head(struct pyn_buf *buf, size_t len)
{
    struct sink sink = {buf, PYN_EINTERNAL};
    msgpack_packer pk = packer_of(&sink);

    if (len > UINT32_MAX) {
        return PYN_ESIZE;
    }
    (void)msgpack_pack_bin(&pk, len);
    return sink.st;
}

pyn_status pyn_pack_str(struct pyn_buf *buf, const void *text, size_t len)
{
    pyn_status st = pyn_pack_str_head(buf, len);

    return st == PYN_OK ? pyn_buf_append(buf, text, len) : st;
}

pyn_status pyn_pack_bin(struct pyn_buf *buf, const void *data, size_t len)
{
    pyn_status st = pyn_pack_bin_head(buf, len);

    return st == PYN_OK ? pyn_buf_append(buf, data, len) : st;
}

pyn_status pyn_pack_array(struct pyn_buf *buf, size_t count)
{
    struct sink sink = {buf, PYN_EINTERNAL};
    msgpack_packer pk = packer_of(&sink);

    if (count > UINT32_MAX) {
        return PYN_ESIZE;
    }
    if (count < FIX_END) {
        return put_byte(buf, FIXARRAY | count);
    }
    (void)msgpack_pack_array(&pk, count);
    return sink.st;
}

pyn_status pyn_pack_map(struct pyn_buf *buf, size_t count)
{
    struct sink sink = {buf, PYN_EINTERNAL};
    msgpack_packer pk = packer_of(&sink);

    if (count > UINT32_MAX) {
        return PYN_ESIZE;
    }
    if (count < FIX_END) {
        return put_byte(buf, FIXMAP | count);
    }
    (void)msgpack_pack_map(&pk, count);
    return sink.st;
}

pyn_status pyn_pack_ext(struct pyn_buf *buf, int8_t code, const void *data, size_t len)
{
    struct sink sink = {buf, PYN_EINTERNAL};
    msgpack_packer pk = packer_of(&sink);

    if (len > UINT32_MAX) {
        return PYN_ESIZE;
    }
    (void)msgpack_pack_ext(&pk, len, code);
    return append_body(&sink, data, len);
}

pyn_status pyn_pack_tag(struct pyn_buf *buf, enum pyn_tag tag)
{
    uint8_t value = (uint8_t)tag;
    return pyn_pack_ext(buf, PYN_EXT_TAG, &value, 1);
}

pyn_status pyn_pack_mine(struct pyn_buf *buf, uint64_t id, uint32_t iface)
{
    uint8_t body[12];

    pyn_be_put_u64(body, id);
    pyn_be_put_u32(body + 8, iface);
    return pyn_pack_ext(buf, PYN_EXT_MINE, body, sizeof(body));
}

pyn_status pyn_pack_yours(struct pyn_buf *buf, uint64_t id)
{
    uint8_t body[8];

    pyn_be_put_u64(body, id);
    return pyn_pack_ext(buf, PYN_EXT_YOURS, body, sizeof(body));
}

pyn_status pyn_pack_promise(struct pyn_buf *buf, uint32_t step)
{
    uint8_t body[4];

    pyn_be_put_u32(body, step);
    return pyn_pack_ext(buf, PYN_EXT_PROMISE, body, sizeof(body));
}

pyn_status pyn_pack_newline(struct pyn_buf *buf)
{
    return pyn_buf_append(buf, "\n", 1);
}
