/* sha1.c - see sha1.h. */
#include "sha1.h"

enum { BLOCK_LEN = 64, LENGTH_AT = 56 };

static uint32_t rotate(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

static void load_words(const uint8_t *block, uint32_t w[80])
{
    for (size_t i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    }
    for (size_t i = 16; i < 80; i++) {
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
}

static uint32_t mix(size_t round, uint32_t b, uint32_t c, uint32_t d)
{
    switch (round / 20) {
    case 0:
        return ((b & c) | (~b & d)) + 0x5a827999u;
    case 1:
        return (b ^ c ^ d) + 0x6ed9eba1u;
    case 2:
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    default:
        return (b ^ c ^ d) + 0xca62c1d6u;
    }
}

static void take_block(uint32_t h[5], const uint8_t *block)
{
    uint32_t w[80];
    uint32_t a = h[0];
    uint32_t b = h[1];
    uint32_t c = h[2];
    uint32_t d = h[3];
    uint32_t e = h[4];

    load_words(block, w);
    for (size_t i = 0; i < 80; i++) {
        uint32_t next = rotate(a, 5) + mix(i, b, c, d) + e + w[i];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

/* The rest, a one bit, zeros, and the length in bits: one block or two. */
static void take_end(uint32_t h[5], struct pyn_view rest, uint64_t bit_count)
{
    uint8_t blocks[2 * BLOCK_LEN] = {0};
    size_t len = rest.len < LENGTH_AT ? BLOCK_LEN : 2 * BLOCK_LEN;

    if (rest.len > 0) {
        memcpy(blocks, rest.data, rest.len);
    }
    blocks[rest.len] = 0x80;
    for (size_t i = 0; i < 8; i++) {
        blocks[len - 1 - i] = (uint8_t)(bit_count >> 8 * i);
    }
    for (size_t at = 0; at < len; at += BLOCK_LEN) {
        take_block(h, blocks + at);
    }
}

void pyn_sha1(struct pyn_view bytes, uint8_t out[PYN_SHA1_LEN])
{
    uint32_t h[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
    const uint64_t bit_count = (uint64_t)bytes.len * 8;

    while (bytes.len >= BLOCK_LEN) {
        take_block(h, bytes.data);
        bytes.data += BLOCK_LEN;
        bytes.len -= BLOCK_LEN;
    }
    take_end(h, bytes, bit_count);
    for (size_t i = 0; i < PYN_SHA1_LEN; i++) {
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
    }
}
