/* Numbers in bytes: what is put there is read there, and signs are extended as two's complement has it. */
#include "../../src/wire/bigend.h"
#include "proof.h"

int main(void)
{
    uint8_t bytes[8];
    const uint64_t value = nondet_u64();

    pyn_be_put_u64(bytes, value);
    PROVE(pyn_be_u64(bytes) == value && pyn_be_uint(bytes, 8) == value, "64 bits");
    PROVE(pyn_be_u32(bytes) == value >> 32 && pyn_be_uint(bytes, 4) == value >> 32, "32 bits");
    PROVE(pyn_be_u24(bytes) == value >> 40, "24 bits");
    PROVE(pyn_be_u16(bytes) == value >> 48 && pyn_be_uint(bytes, 2) == value >> 48, "16 bits");
    PROVE(pyn_be_uint(bytes, 1) == value >> 56, "8 bits");
    PROVE(pyn_be_i32(bytes) == (int32_t)(uint32_t)(value >> 32), "32 bits with a sign");
    PROVE(pyn_be_i24(bytes) >= -0x800000 && pyn_be_i24(bytes) <= 0x7fffff, "24 bits with a sign");
    PROVE(((uint32_t)pyn_be_i24(bytes) & 0xffffffu) == value >> 40, "are those bits");
    return 0;
}
