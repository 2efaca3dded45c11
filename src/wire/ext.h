/*
 * ext.h - the msgpack ext types of the protocol. docs/protocol.md has the prose, schemas/ the grammar.
 *
 * Every other code, and every other length of these, is refused by the scanner.
 */
#ifndef PYN_EXT_H
#define PYN_EXT_H

enum pyn_ext {
    PYN_EXT_MINE = 16, /* 12 bytes: id (u64), interface (u32, 0 = as declared where it stands): exported by the sender */
    PYN_EXT_YOURS = 17, /* 8 bytes: id (u64): exported by the receiver, coming home */
    PYN_EXT_TAG = 18,   /* 1 byte, enum pyn_tag: first element of an array that is more than a tuple */
    /* INT to UUID, each a value in itself */
    PYN_EXT_INT = 19,     /* 9 to int_max bytes: two's complement, big endian, no shorter form, beyond u64 and i64 */
    PYN_EXT_COMPLEX = 20, /* 16 bytes: two float64, real part first */
    PYN_EXT_DATETIME = 21, /* 11 or 14 bytes: year u16, month, day, hour, minute, second, fold u8, microsecond u24, [offset i24 seconds] */
    PYN_EXT_DATE = 22,      /* 4 bytes: year u16, month u8, day u8 */
    PYN_EXT_TIME = 23,      /* 7 or 10 bytes: hour, minute, second, fold u8, microsecond u24, [offset i24 seconds] */
    PYN_EXT_TIMEDELTA = 24, /* 12 bytes: days i32, seconds u32, microseconds u32, normalised as Python does */
    PYN_EXT_DECIMAL = 25,   /* 1 to 256 bytes of ASCII: Python's str(Decimal), grammar checked by the scanner */
    PYN_EXT_UUID = 26,      /* 16 bytes */
    PYN_EXT_PROMISE = 27,   /* 4 bytes: which step of this batch (u32): the result that it will have; in a batch only */
};

/* What an array is whose first element is PYN_EXT_TAG. Without one an array is a tuple, a map a dict that was copied. */
enum pyn_tag {
    PYN_TAG_FROZENSET = 1, /* [tag, item ...]                                            */
    PYN_TAG_LIST = 2,      /* [tag, item ...], a copy                                    */
    PYN_TAG_SET = 3,       /* [tag, item ...], a copy                                    */
    PYN_TAG_RANGE = 4,     /* [tag, start, stop, step], integers                         */
    PYN_TAG_SLICE = 5,     /* [tag, start, stop, step], integers or nil                  */
    PYN_TAG_RECORD = 6,  /* [tag, class, value ...], values in the order of the policy; [tag] for a field that misses */
    PYN_TAG_ENUM = 7,    /* [tag, class, member]                                       */
    PYN_TAG_DICT = 8,    /* [tag, key, value, key, value ...], a copy, when a key is neither str nor int */
    PYN_TAG_NDARRAY = 9, /* [tag, dtype, bin, length ...], a length for each dimension     */
};

#endif
