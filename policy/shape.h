/*
 * shape.h - what kinds of arguments a call has, without their values: "str, int, color=enum".
 *
 *     shape    = [argument *(", " argument)]      the last may be "...": there were more
 *     argument = [name "="] sort                  "?" for a keyword that is no name
 *
 * It is what the audit log keeps of a call, and what a logged call is judged by under another policy. Printable ASCII, whatever the peer sent.
 *
 * Borrows:  names point into the text that was read.
 * Cost:     linear in the body; allocates nothing.
 * Tests:    tests/unit/test_shape.c, tests/fuzz/fuzz_admit.c, fuzz_diff.c
 */
#ifndef PYN_SHAPE_H
#define PYN_SHAPE_H

#include "policy.h"

enum {
    PYN_SHAPE_ARGS_MAX = 16,  /* arguments that are told apart */
    PYN_SHAPE_TEXT_MAX = 256, /* bytes of a shape, with its end */
    PYN_SHAPE_NAME_MAX = 64,  /* bytes of a keyword that are kept; of a longer one nothing is */
};

enum pyn_sort {
    PYN_SORT_OTHER = 0, /* fits nothing */
    PYN_SORT_NONE,
    PYN_SORT_BOOL,
    PYN_SORT_INT,
    PYN_SORT_FLOAT,
    PYN_SORT_COMPLEX,
    PYN_SORT_STR,
    PYN_SORT_BYTES,
    PYN_SORT_RANGE,
    PYN_SORT_SLICE,
    PYN_SORT_DATETIME,
    PYN_SORT_DATE,
    PYN_SORT_TIME,
    PYN_SORT_TIMEDELTA,
    PYN_SORT_DECIMAL,
    PYN_SORT_UUID,
    PYN_SORT_TUPLE,
    PYN_SORT_FROZENSET,
    PYN_SORT_LIST,
    PYN_SORT_SET,
    PYN_SORT_DICT,
    PYN_SORT_ENUM,
    PYN_SORT_RECORD,
    PYN_SORT_REFERENCE, /* of ours, that came home */
    PYN_SORT_OWN,       /* the peer's own object */
    PYN_SORT_COUNT
};

struct pyn_shape_arg {
    struct pyn_view name; /* empty: by place */
    enum pyn_sort sort;
};

struct pyn_shape {
    uint32_t place_count; /* the first of args */
    uint32_t count;
    bool is_whole; /* there were no more */
    struct pyn_shape_arg args[PYN_SHAPE_ARGS_MAX];
};

/* body: args and kwargs, as for pyn_admit(); skip: how many of args are left out. text is always terminated; "..." for what is not a call's. */
void pyn_shape_write(struct pyn_view body, uint32_t skip, char text[PYN_SHAPE_TEXT_MAX]);

/* False: not a shape. */
bool pyn_shape_read(struct pyn_view text, struct pyn_shape *out);

/* ---- judging ---- */

enum pyn_judgement {
    PYN_JUDGE_NO = 0,
    PYN_JUDGE_MAYBE, /* it depends on the values */
    PYN_JUDGE_YES,
};

/*
 * Would the interface admit such a call? NO and YES are what pyn_admit() says of every call of this shape. signature: how the one that admitted it is
 * spelled, or empty: where the operation still has it the answer is YES, records and enums being what they were.
 */
enum pyn_judgement pyn_judge(const struct pyn_iface *iface, enum pyn_op_kind kind, struct pyn_view name,
                             const struct pyn_shape *shape, struct pyn_view signature);

#endif
