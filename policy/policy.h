/*
 * policy.h - a loaded policy: interfaces, operations and types as tables of C, and the two questions that are asked of them.
 *
 * docs/policy.md is the format. A policy is hostile input until it is loaded and immutable afterwards: it may be shared by threads, and
 * pointers into it are good until the last unref. Nothing here knows Python.
 *
 * Owns:     everything behind a struct pyn_policy, one block list; every struct below belongs to its policy.
 * Errors:   PYN_EFORMAT with one line in *diag; PYN_ENOMEM.
 * Threads:  loading: one; afterwards any number. The reference count is atomic.
 * Tests:    tests/unit/test_policy*.c, test_fragment.c, test_signature.c, test_fit.c, test_admit.c; tests/fuzz
 */
#ifndef PYN_POLICY_H
#define PYN_POLICY_H

#include "../src/wire/buf.h"
#include "../src/wire/limits.h"
#include "../src/wire/reader.h"

struct pyn_policy;

/* What is wrong, for a person: one line of printable ASCII, at most sizeof text - 1 bytes, with the place in the file. */
struct pyn_diag {
    char text[512];
};

enum pyn_type_kind {
    PYN_T_NEVER = 0, /* nothing fits */
    PYN_T_NONE,
    PYN_T_BOOL,
    PYN_T_INT,
    PYN_T_FLOAT,
    PYN_T_COMPLEX,
    PYN_T_STR,
    PYN_T_BYTES,
    PYN_T_RANGE,
    PYN_T_SLICE,
    PYN_T_DATETIME,
    PYN_T_DATE,
    PYN_T_TIME,
    PYN_T_TIMEDELTA,
    PYN_T_DECIMAL,
    PYN_T_UUID,
    PYN_T_BYTEARRAY, /* these three are bytes on the wire, and one thing each in Python */
    PYN_T_MEMORYVIEW,
    PYN_T_BUFFER,       /* any object's that has a buffer; bytes, for who receives it */
    PYN_T_NDARRAY,      /* number: enum pyn_dtype; PYN_DTYPE_ANY: each of them */
    PYN_T_DATA,         /* any value without references; flows in only */
    PYN_T_LITERAL_STR,  /* text */
    PYN_T_LITERAL_INT,  /* number */
    PYN_T_LITERAL_BOOL, /* number, 0 or 1 */
    PYN_T_TUPLE,        /* items: one type a place */
    PYN_T_TUPLE_OF,     /* items[0]: the type of every place */
    PYN_T_FROZENSET,    /* items[0] */
    PYN_T_COPY_LIST,    /* items[0] */
    PYN_T_COPY_SET,     /* items[0] */
    PYN_T_COPY_DICT,    /* items[0] key, items[1] value */
    PYN_T_ENUM,         /* enumeration */
    PYN_T_RECORD,       /* record */
    PYN_T_IFACE,        /* iface: what our objects are exported under; import: what we may call on the peer's */
    PYN_T_UNION,        /* items: the alternatives, none of them a union */
};

/* What the items of an array may be: numbers of a fixed size, and nothing else. */
enum pyn_dtype {
    PYN_DTYPE_ANY = 0,
    PYN_DTYPE_BOOL,
    PYN_DTYPE_INT8,
    PYN_DTYPE_INT16,
    PYN_DTYPE_INT32,
    PYN_DTYPE_INT64,
    PYN_DTYPE_UINT8,
    PYN_DTYPE_UINT16,
    PYN_DTYPE_UINT32,
    PYN_DTYPE_UINT64,
    PYN_DTYPE_FLOAT16,
    PYN_DTYPE_FLOAT32,
    PYN_DTYPE_FLOAT64,
    PYN_DTYPE_COMPLEX64,
    PYN_DTYPE_COMPLEX128,
    PYN_DTYPE_COUNT,
};

enum { PYN_DIMENSIONS_MAX = 32 };

/* As NumPy names it. */
const char *pyn_dtype_name(enum pyn_dtype dtype);

struct pyn_type {
    enum pyn_type_kind kind;
    uint32_t count; /* of items */
    const struct pyn_type *const *items;
    const struct pyn_iface *iface; /* IFACE: NULL when it stands in imports only */
    const struct pyn_iface *import; /* IFACE: NULL when the peer's own objects are not taken; for a fn the same as iface */
    const struct pyn_record *record;
    const struct pyn_enum *enumeration;
    struct pyn_view text;
    int64_t number;
    struct pyn_view spelling; /* canonical */
};

enum pyn_param_kind { PYN_P_POSITIONAL = 0, PYN_P_EITHER, PYN_P_REST, PYN_P_KEYWORD, PYN_P_OPTIONS };

struct pyn_param {
    enum pyn_param_kind kind; /* in this order inside a signature */
    bool is_optional;         /* may be left out; REST and OPTIONS always may */
    struct pyn_view name;     /* empty for POSITIONAL */
    const struct pyn_type *type;
};

struct pyn_signature {
    bool is_async;
    uint32_t param_count;
    uint32_t place_count; /* POSITIONAL and EITHER: the first of params */
    const struct pyn_param *params;
    const struct pyn_param *rest;    /* NULL without *args */
    const struct pyn_param *options; /* NULL without **kwargs */
    const struct pyn_type *result;
    struct pyn_view spelling;
};

enum pyn_op_kind { PYN_OP_METHOD = 0, PYN_OP_GET, PYN_OP_SET };

struct pyn_op {
    enum pyn_op_kind kind;
    bool is_binary; /* METHOD: an operator of two operands */
    struct pyn_view name;
    uint32_t slot;            /* unique in the policy, from 0: index of the host's own tables */
    uint32_t signature_count; /* METHOD: >= 1, tried in order */
    const struct pyn_signature *signatures;
    const struct pyn_type *type; /* GET, SET */
    uint64_t ttl_ns;             /* how long a client may keep an answer; 0: not at all */
    uint64_t vary;               /* METHOD: the parameters that tell answers apart, one bit each */
    struct pyn_view cached;      /* how these two are spelled; empty when ttl_ns is 0 */
    const struct pyn_iface *iface;
};

struct pyn_iface {
    struct pyn_view name;       /* canonical */
    struct pyn_view class_name; /* "module:Qual"; empty for a facet, a fn and whatever a peer described */
    bool is_facet;              /* also when its class is one of collections.abc, contextlib or typing */
    bool is_fn;                 /* one operation, __call__ */
    bool is_import;             /* stands in imports */
    bool is_external;           /* of a fragment: named there, not described: no operations */
    uint32_t index;             /* unique in the policy, from 0: index of the host's own tables */
    uint32_t op_count;
    const struct pyn_op *ops; /* sorted by kind, then name */
    uint32_t cached_count;    /* operations whose answers a client may keep */
    uint32_t accept_count;
    const struct pyn_iface *const *accepts; /* other interfaces that conform; sorted by address */
    struct pyn_view fragment; /* the msgpack map that describes it to a peer; empty when external, and for what is too much in a fragment */
    const struct pyn_policy *policy;
};

struct pyn_field {
    struct pyn_view name;
    const struct pyn_type *type;
    bool may_miss;
};

struct pyn_record {
    struct pyn_view name; /* "module:Qual" */
    uint32_t index;
    uint32_t count;
    const struct pyn_field *fields; /* sorted by name: the order on the wire */
};

struct pyn_enum {
    struct pyn_view name;
    uint32_t index;
    uint32_t count;
    const struct pyn_view *members; /* sorted */
};

struct pyn_root {
    struct pyn_view name;
    const struct pyn_iface *iface;
};

/* ---- loading ---- */

/*
 * A policy file: at most 16 MiB, 524,288 keys and values, nested 8 deep. JSON duplicates, unknown keys, unsorted keys, wrong types and strings
 * that are not canonical are refused. diag may be NULL.
 */
pyn_status pyn_policy_load(const struct pyn_mem *mem, struct pyn_view json, struct pyn_policy **out,
                           struct pyn_diag *diag);

/*
 * What a peer described: a msgpack map {"interfaces": {name: {...}}, "imports", "records", "enums"} with exactly one interface, as
 * pyn_iface.fragment has it: at most 256 KiB and 65,536 keys and values. The one that it describes has index 0 and may be a fn. Interfaces
 * that are named but not described are external. What may flow where is not asked: a fragment is seen from both sides.
 */
pyn_status pyn_policy_load_fragment(const struct pyn_mem *mem, struct pyn_view map, struct pyn_policy **out,
                                    struct pyn_diag *diag);

struct pyn_policy *pyn_policy_ref(struct pyn_policy *policy);
void pyn_policy_unref(struct pyn_policy *policy); /* accepts NULL */

/* Bytes of memory that go back with the last unref. */
size_t pyn_policy_size(const struct pyn_policy *policy);

/* ---- what is in it ---- */

uint32_t pyn_policy_iface_count(const struct pyn_policy *policy); /* interfaces, imports and fns: their indexes are below this */
const struct pyn_iface *pyn_policy_iface(const struct pyn_policy *policy, uint32_t index);
uint32_t pyn_policy_op_count(const struct pyn_policy *policy);
uint32_t pyn_policy_record_count(const struct pyn_policy *policy);
const struct pyn_record *pyn_policy_record(const struct pyn_policy *policy, uint32_t index);
uint32_t pyn_policy_enum_count(const struct pyn_policy *policy);
const struct pyn_enum *pyn_policy_enum(const struct pyn_policy *policy, uint32_t index);
uint32_t pyn_policy_root_count(const struct pyn_policy *policy);
const struct pyn_root *pyn_policy_root(const struct pyn_policy *policy, uint32_t index);

/* NULL when there is none of that name. An interface or a fn (not an import, nothing external) by its canonical name. */
const struct pyn_iface *pyn_policy_find(const struct pyn_policy *policy, struct pyn_view name);

enum pyn_error_grant { PYN_ERROR_HIDDEN = 0, PYN_ERROR_TYPE, PYN_ERROR_TEXT };

/* What may leave of the exceptions of a class. */
struct pyn_error_rule {
    struct pyn_view class_name;
    enum pyn_error_grant grant;
    uint32_t field_count;
    const struct pyn_field *fields; /* sorted by name; plain data, none may miss */
};

/* NULL: nothing. */
const struct pyn_error_rule *pyn_policy_error_rule(const struct pyn_policy *policy, struct pyn_view class_name);
enum pyn_error_grant pyn_policy_error(const struct pyn_policy *policy, struct pyn_view class_name);

const struct pyn_op *pyn_iface_op(const struct pyn_iface *iface, enum pyn_op_kind kind, struct pyn_view name);

/* No reference in it, whatever the value. */
bool pyn_type_is_data(const struct pyn_type *type);

/* Does an array stand anywhere in it? */
bool pyn_policy_has_arrays(const struct pyn_policy *policy);

/* May the results of this operation be asked for several at a time? It is the step of an Iterator of data: neither a generator, which can be spoken to
 * between two steps, nor a class of somebody's own, which may have more to say. */
bool pyn_op_reads_ahead(const struct pyn_op *op);

/* Is have the interface that an IFACE type names, or one that conforms to it? Across what a peer described, piece by piece, names decide. */
bool pyn_type_accepts(const struct pyn_type *wanted, const struct pyn_iface *have);

/* Is part a facet that permits nothing but what whole does, operation by operation? */
bool pyn_iface_is_facet_of(const struct pyn_iface *part, const struct pyn_iface *whole);

/* ---- deciding ---- */

/* How a check sees the references of one connection. */
struct pyn_refs {
    void *ctx;
    /* The interface that we exported id to this peer under; NULL when this peer does not hold it. */
    const struct pyn_iface *(*exported)(void *ctx, uint64_t id);
    /* The interface that the peer described under its number; NULL when it described none such. */
    const struct pyn_iface *(*described)(void *ctx, uint32_t number);
    size_t key_max; /* items of one set or dict */
};

/*
 * Does the next value fit the type? On PYN_OK the reader stands behind it; otherwise anywhere.
 * PYN_EMISFIT: it does not, or is no whole object. PYN_EDENIED: it is or holds a reference that this peer does not hold or that does not conform.
 * The peer's own object (PYN_EXT_MINE) fits where type->import is set; under a number, what was described must have the type's name. Of a type
 * that a peer described it fits under a number without an import: its results are its own objects.
 * Allocates nothing. Safe on any bytes: depth is bounded by PYN_DEPTH_CAP, work by a budget that grows with the bytes that are left.
 */
pyn_status pyn_type_fit(const struct pyn_type *type, struct pyn_reader *value, const struct pyn_refs *refs);

enum pyn_why {
    PYN_WHY_NONE = 0,
    PYN_WHY_NAME,     /* no such operation */
    PYN_WHY_REF,      /* a reference among the arguments */
    PYN_WHY_MISSING,  /* param was not given */
    PYN_WHY_TOO_MANY, /* positional arguments */
    PYN_WHY_UNKNOWN,  /* a keyword that no parameter has */
    PYN_WHY_TWICE,    /* param was given by place and by name */
    PYN_WHY_TYPE,     /* param's value does not fit */
    PYN_WHY_OVERLOAD, /* none of several signatures fits */
};

struct pyn_verdict {
    enum pyn_why why;
    const struct pyn_op *op;               /* NULL when denied */
    const struct pyn_signature *signature; /* METHOD: the first that fits */
    const struct pyn_param *param;         /* MISSING, TWICE, TYPE */
};

/*
 * Rule 3: decides one call from its bytes. body: args and kwargs, as in struct pyn_message. An attribute is read by the name __getattr__ and
 * the arguments [attribute], written by __setattr__ and [attribute, value].
 * PYN_OK; PYN_EDENIED: not permitted, or not there; PYN_EARGS: permitted, with other arguments; PYN_EFORMAT: permitted, but the body is not an
 * array and a map with str keys, and nothing more. *out is always set. Allocates nothing.
 */
pyn_status pyn_admit(const struct pyn_iface *iface, struct pyn_view name, struct pyn_view body,
                     const struct pyn_refs *refs, struct pyn_verdict *out);

/* The sentence of a PYN_EARGS for the caller, such as "post() is missing 'text'": made of the policy's words only. Always terminated. */
void pyn_verdict_text(const struct pyn_verdict *verdict, char *text, size_t room);

/*
 * Where in the policy's file the rule stands that decided: "interfaces.chat:Room.methods.post", with "[1]" for the second of several signatures. Where no
 * rule names the operation, the interface that does not. Empty without an interface. Cut off where there is no room; always terminated.
 */
void pyn_verdict_rule(const struct pyn_iface *iface, const struct pyn_verdict *verdict, char *text, size_t room);

#endif
