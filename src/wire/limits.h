/*
 * limits.h - the limits of what one message may hold: the one place where each has its name, unit and default.
 *
 * All are inclusive. Those of a whole connection are in src/quota/quota.h.
 */
#ifndef PYN_LIMITS_H
#define PYN_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct pyn_limits {
    size_t message_max; /* bytes of one message, newline not counted */
    uint32_t depth_max; /* arrays and maps open at once; at most PYN_DEPTH_CAP */
    size_t element_max; /* objects in one message: scalars, arrays, maps, keys and values each count one */
    size_t key_max; /* keys of all maps that are open at once; also what one set or dict may hold; at most PYN_KEY_CAP */
    size_t int_max; /* bytes of a big integer */
};

enum {
    PYN_DEPTH_CAP = 64,        /* what depth_max may be set to: the scanner's stack is that high */
    PYN_NAME_MAX = 255,        /* bytes of a method's or keyword's name */
    PYN_KEY_CAP = 4096,        /* what key_max may be set to */
    PYN_PARTS_MAX = 8,         /* items of the array that is a message: no message has more */
    PYN_STEPS_MAX = 256,       /* calls of one batch */
    PYN_PART_MAX = 1 << 20,    /* bytes that one part carries */
    PYN_PART_MIN = 16 << 10,   /* a part with fewer, in which no message ends, is odd */
    PYN_BETWEEN_MAX = 1 << 20, /* bytes of a message that stands between the parts of another */
};

/* Bytes of a part that are taken. */
static inline size_t pyn_limits_part(const struct pyn_limits *limits)
{
    return limits->message_max < PYN_PART_MAX ? limits->message_max : PYN_PART_MAX;
}

#define PYN_LIMITS_DEFAULT                                                                                             \
    ((struct pyn_limits){                                                                                              \
        .message_max = 16u << 20, .depth_max = 32, .element_max = 1u << 16, .key_max = 1024, .int_max = 4096})

#endif
