/*
 * bigend.h - big-endian numbers in bytes, as msgpack and the ext types have them.
 *
 * The caller has made sure that the bytes are there.
 */
#ifndef PYN_BIGEND_H
#define PYN_BIGEND_H

#include <stdint.h>

static inline uint16_t pyn_be_u16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t pyn_be_u24(const uint8_t *p)
{
    return ((uint32_t)p[0] << 16) | ((uint32_t)p[1] << 8) | p[2];
}

static inline uint32_t pyn_be_u32(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | pyn_be_u24(p + 1);
}

static inline uint64_t pyn_be_u64(const uint8_t *p)
{
    return ((uint64_t)pyn_be_u32(p) << 32) | pyn_be_u32(p + 4);
}

/* The sign bit is flipped and its weight subtracted: no conversion that the implementation defines. */
static inline int32_t pyn_be_i24(const uint8_t *p)
{
    return (int32_t)(pyn_be_u24(p) ^ 0x800000u) - 0x800000;
}

static inline int64_t pyn_be_i32(const uint8_t *p)
{
    return (int64_t)(pyn_be_u32(p) ^ 0x80000000u) - INT64_C(0x80000000);
}

/* size is 1, 2, 4 or 8. */
static inline uint64_t pyn_be_uint(const uint8_t *p, unsigned size)
{
    switch (size) {
    case 1:
        return p[0];
    case 2:
        return pyn_be_u16(p);
    case 4:
        return pyn_be_u32(p);
    default:
        return pyn_be_u64(p);
    }
}

static inline void pyn_be_put_u32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static inline void pyn_be_put_u64(uint8_t *p, uint64_t value)
{
    pyn_be_put_u32(p, (uint32_t)(value >> 32));
    pyn_be_put_u32(p + 4, (uint32_t)value);
}

#endif
